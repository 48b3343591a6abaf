"""Passwords: which ones are taken, and Argon2id hashes made beside the event loop, a few at a time.

Parameters are at least those of OWASP ASVS 5, 11.4.2 (t=3, m=12 MiB, p=1). A password of an unknown person is
checked too, against a hash that nothing fits, so that the time tells nothing.
"""

import asyncio
import base64
import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from jarvis.accounts.breached import BreachedPasswords
from jarvis.accounts.common import COMMON_WORDS
from jarvis.accounts.names import NAMES

T = TypeVar("T")

MIN_LENGTH = 8
MAX_LENGTH = 128

_OWN_WORDS = ("jarvis", "kraken", "binance", "bybit", "bitcoin", "ethereum", "crypto", "trading", "trader")
_LOOKALIKES = str.maketrans("013457@$!|", "oleastasil")
_AROUND = "0123456789 !?.,;:#*+-_=@$%&/()"
_DIGITS_OF_RUNS = ("0123456789", "abcdefghijklmnopqrstuvwxyz")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn")
_COLUMNS = ("qazwsxedcrfvtgbyhnujmikolp", "zaqxswcdevfrbgtnhymjukilop", "qawsedrftgyhujikolp", "qweasdzxc")
_RUNS = _DIGITS_OF_RUNS + _ROWS + _COLUMNS
_RUN = 3
_WORDS = COMMON_WORDS | NAMES
_LITTLE_WORDS = frozenset(
    """
    a i u x y s z o e k n d my me the mr mrs big hot lil is it im no one and of for to in on up we so go xx xxx lol
    el la le de mi te er ed ing man boy girl
    """.split()  # noqa: SIM905 - a list of words is read as a text
)
_LONGEST_WORD = max(map(len, _WORDS))
_LONGEST_COMPOUND = 32
_CUT_AT = 8
# What old systems, which knew only eight characters, made of longer words.
_CUT_WORDS = frozenset(word[:_CUT_AT] for word in _WORDS if len(word) > _CUT_AT)
_LETTERS_OF_ITS_OWN = 4


class PasswordProblem(Enum):
    """Why a password cannot be used, in words for the person."""

    TOO_SHORT = "Use at least 8 characters; 15 or more are better, and a few words are easy to remember."
    TOO_LONG = "Use at most 128 characters."
    COMMON = "This password, or one much like it, is among the first that anybody tries. Choose another."
    BREACHED = "This password was in a leak of another site, so attackers try it. Choose another."
    PREDICTABLE = "This password is mostly your address or the name of this product. Choose another."


def judge_password(password: str, *, context: Sequence[str] = ()) -> PasswordProblem | None:
    """What is wrong with a new password; None if nothing is. `context` holds what others know of the person."""
    text = _normalised(password)
    if len(text) < MIN_LENGTH:
        return PasswordProblem.TOO_SHORT
    if len(text) > MAX_LENGTH or len(password) > MAX_LENGTH:
        return PasswordProblem.TOO_LONG
    folded = text.casefold()
    # What was hung on at the end is taken off before digits are read as letters: `P@$$w0rd2026`.
    spellings = {folded, folded.translate(_LOOKALIKES), folded.rstrip(_AROUND).translate(_LOOKALIKES)}
    words = {word for part in context for word in _words_of(part)} | set(_OWN_WORDS)
    if any(_is_mostly(spelling, words) for spelling in spellings):
        return PasswordProblem.PREDICTABLE
    if any(_is_common(spelling) for spelling in spellings):
        return PasswordProblem.COMMON
    return None


@dataclass(frozen=True, slots=True)
class HashCost:
    """Argon2id parameters; `memory` in KiB."""

    time: int = 3
    memory: int = 48 * 1024
    lanes: int = 1

    def __post_init__(self) -> None:
        """Refuse what ASVS 11.4.2 does not allow."""
        enough = ((1, 46 * 1024), (2, 19 * 1024), (3, 12 * 1024))
        if self.lanes < 1 or not any(self.time >= time and self.memory >= memory for time, memory in enough):
            raise ValueError("Argon2id needs t=1 with 46 MiB, t=2 with 19 MiB or t=3 with 12 MiB at least")


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether the password fits, and the hash to store instead when the parameters have changed since."""

    fits: bool
    better_hash: str | None = None


class PasswordsBusy(Exception):
    """So many wait for a hash already that one more would only wait: nothing was done. Ask again after `seconds`."""

    seconds = 2.0


class Passwords:
    """Hashes and checks, at most `at_once` at a time; up to `most_waiting` others wait. `close` ends its threads."""

    def __init__(
        self,
        cost: HashCost | None = None,
        *,
        at_once: int = 2,
        most_waiting: int = 32,
        breached: BreachedPasswords | None = None,
    ) -> None:
        cost = cost or HashCost()
        self._hasher = PasswordHasher(time_cost=cost.time, memory_cost=cost.memory, parallelism=cost.lanes)
        self._nobody = _hash_that_nothing_fits(cost)
        # Threads of its own: a request that is given up does not make room for another one's hash.
        self._threads = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="passwords")
        self._places = threading.BoundedSemaphore(at_once + most_waiting)
        self._breached = breached

    async def make(self, password: str, *, context: Sequence[str] = ()) -> str | PasswordProblem:
        """The Argon2id string to store for a new password, or what is wrong with it. Raises PasswordsBusy."""
        problem = judge_password(password, context=context)
        if problem is not None:
            return problem
        return await self._run(lambda: self._make(_normalised(password)))

    async def hash(self, password: str) -> str:
        """The Argon2id string to store. Raises PasswordsBusy."""
        return await self._run(lambda: self._hasher.hash(_normalised(password)))

    async def verify(self, stored: str | None, password: str) -> PasswordCheck:
        """Whether `password` belongs to `stored`; for None (nobody) it never does, and takes as long.

        Raises PasswordsBusy.
        """
        text = _normalised(password[: 4 * MAX_LENGTH])
        return await self._run(lambda: self._check(stored, text))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        """What `work` returns, in a thread. Its place is free again when it has ended, not when nobody waits for it."""
        if not self._places.acquire(blocking=False):
            raise PasswordsBusy
        try:
            future = self._threads.submit(work)
        except RuntimeError:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def _make(self, text: str) -> str | PasswordProblem:
        if self._breached is not None and self._breached.holds(text):
            return PasswordProblem.BREACHED
        return self._hasher.hash(text)

    def _check(self, stored: str | None, text: str) -> PasswordCheck:
        try:
            self._hasher.verify(stored or self._nobody, text)
        except VerifyMismatchError:
            return PasswordCheck(fits=False)
        except (InvalidHashError, VerificationError) as error:
            raise ValueError("a stored password hash cannot be read") from error
        if stored is None:
            return PasswordCheck(fits=False)
        return PasswordCheck(fits=True, better_hash=self._better(stored, text))

    def _better(self, stored: str, text: str) -> str | None:
        return self._hasher.hash(text) if self._hasher.check_needs_rehash(stored) else None


def _hash_that_nothing_fits(cost: HashCost) -> str:
    """An Argon2id string of the same cost whose digest is random: no password leads to it."""
    salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.time},p={cost.lanes}${salt}${digest}"


def _normalised(password: str) -> str:
    """One spelling for what keyboards of different systems write differently. Blanks count; nothing is cut off."""
    return unicodedata.normalize("NFKC", password)


def _is_common(text: str) -> bool:
    """Whether it is of a class that guessing lists are made of, with digits and signs wherever they stand."""
    core = text.strip(_AROUND)
    letters = "".join(character for character in text if character not in _AROUND)
    if len(letters) < _LETTERS_OF_ITS_OWN and len(text) < 2 * MIN_LENGTH:
        return True
    pieces = {text, core, letters}
    if letters in _CUT_WORDS or _is_compound(letters):
        return True
    return any(piece in _WORDS or _is_repeated(piece) or _is_run(piece) for piece in pieces)


def _is_compound(text: str) -> bool:
    """Whether it is one or two common words and up to two little ones, or walks along the keyboard among them."""
    if not _LETTERS_OF_ITS_OWN <= len(text) <= _LONGEST_COMPOUND:
        return False
    seen: set[tuple[int, int, int]] = set()

    def is_made_of(start: int, words: int, little: int) -> bool:
        if start == len(text):
            return True
        if (start, words, little) in seen:
            return False
        seen.add((start, words, little))
        for end in range(start + 1, min(len(text), start + _LONGEST_WORD) + 1):
            piece = text[start:end]
            if little and piece in _LITTLE_WORDS and is_made_of(end, words, little - 1):
                return True
            if words and piece in _WORDS and is_made_of(end, words - 1, little):
                return True
            if len(piece) >= _RUN and _is_walk(piece) and is_made_of(end, words, little):
                return True
        return False

    return is_made_of(0, 2, 2)


def _is_repeated(text: str) -> bool:
    """Whether it is a short piece over and over: `aaaaaaaa`, `abcabcabc`."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, min(4, len(text) // 2) + 1))


def _is_run(text: str) -> bool:
    """Whether it is a walk along the keyboard, the alphabet or the digits."""
    return len(text) > _RUN and _is_walk(text)


def _is_walk(text: str) -> bool:
    return any(text in run * 2 or text[::-1] in run * 2 for run in _RUNS) or len(set(text)) == 1


def _is_mostly(text: str, words: set[str]) -> bool:
    """Whether next to nothing is left when the words are taken out."""
    rest = text
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != text and sum(character.isalpha() for character in rest) < _LETTERS_OF_ITS_OWN


def _words_of(text: str) -> list[str]:
    """The words that somebody who knows this text would try: all of it, and its parts of four letters and more."""
    folded = text.casefold()
    parts = "".join(character if character.isalnum() else " " for character in folded).split()
    return [folded, *(part for part in parts if len(part) >= 4)]
