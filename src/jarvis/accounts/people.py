"""Who uses an installation, what each role may do, and the two doors: signing up and signing in.

Neither door tells whether an address has an account: the answers are the same and so is the work behind them.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from jarvis.accounts.passwords import PasswordProblem, Passwords, judge_password
from jarvis.accounts.sessions import OpenedSession, Sessions
from jarvis.accounts.throttle import SignInThrottle
from jarvis.domain.account import UserId
from jarvis.domain.people import Person, Role

__all__ = [
    "Deed",
    "EmailProblem",
    "People",
    "PeopleStorage",
    "Person",
    "Role",
    "SignInRefused",
    "SignedIn",
    "TryLater",
    "may",
    "normalised_email",
]


class Deed(Enum):
    """What a person may want to do; everything on their own accounts, except OPERATE."""

    LOOK = "look"
    PAUSE_AND_FLATTEN = "pause_and_flatten"
    TRADE = "trade"
    MANAGE_KEYS = "manage_keys"
    OPERATE = "operate"


_MAY = {
    Role.VIEWER: frozenset({Deed.LOOK}),
    Role.TRADER: frozenset({Deed.LOOK, Deed.PAUSE_AND_FLATTEN, Deed.TRADE, Deed.MANAGE_KEYS}),
    Role.OPERATOR: frozenset(Deed),
}


def may(role: Role, deed: Deed) -> bool:
    """Whether this role may do this, on what belongs to the person."""
    return deed in _MAY[role]


class PeopleStorage(Protocol):
    """What keeps people. Addresses come normalised."""

    async def person_by_email(self, email: str) -> Person | None:
        """The person with this address."""
        ...

    async def add_person(self, person: Person) -> bool:
        """Keep a new person: False, and nothing changed, if the address or the id is taken."""
        ...

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        """Replace the person's hash."""
        ...


class EmailProblem(Enum):
    """Why an address cannot be used, in words for the person."""

    MALFORMED = "Write an e-mail address, such as ada@example.org."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The door opened: the person, and the session that their browser gets."""

    person: Person
    session: OpenedSession


class SignInRefused(Enum):
    """The one answer to a wrong address, a wrong password and both."""

    WRONG = "The e-mail address and the password do not belong together."


@dataclass(frozen=True, slots=True)
class TryLater:
    """Too many tries lately: nothing was checked. Ask again after so many seconds."""

    seconds: float


class People:
    """Signs people up and in. `new_id` makes user ids; a first person who is to be operator is made by `add`."""

    def __init__(
        self,
        *,
        storage: PeopleStorage,
        passwords: Passwords,
        sessions: Sessions,
        throttle: SignInThrottle,
        new_id: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._new_id = new_id

    async def sign_up(self, email: str, password: str, now: datetime) -> EmailProblem | PasswordProblem | None:
        """Keep a new trader, or what is wrong with what was typed.

        None does not say that the person is new: for an address that has an account nothing changes, and the
        answer and the time are the same. The page then asks the person to sign in.
        """
        outcome = await self.add(email, password, now, role=Role.TRADER)
        return outcome if isinstance(outcome, EmailProblem | PasswordProblem) else None

    async def add(
        self, email: str, password: str, now: datetime, *, role: Role
    ) -> Person | EmailProblem | PasswordProblem | None:
        """The new person; None if the address is taken. For the operator's command line, which may know that."""
        address = normalised_email(email)
        if address is None:
            return EmailProblem.MALFORMED
        problem = judge_password(password, context=(address,))
        if problem is not None:
            return problem
        password_hash = await self._passwords.hash(password)
        person = Person(UserId(self._new_id()), address, password_hash, role, now)
        return person if await self._storage.add_person(person) else None

    async def sign_in(
        self, email: str, password: str, *, address: str, now: datetime, replacing: str | None = None
    ) -> SignedIn | SignInRefused | TryLater:
        """Check a password and open a session; `address` is the network address that the request came from.

        `replacing` is the session token that the browser had before: it ends, so that a token planted there is
        worth nothing.
        """
        account = normalised_email(email) or ""
        wait = self._throttle.ask(account, address, now)
        if wait > 0:
            return TryLater(wait)
        person = await self._storage.person_by_email(account) if account else None
        check = await self._passwords.verify(None if person is None else person.password_hash, password)
        if person is None or not check.fits:
            return SignInRefused.WRONG
        self._throttle.succeeded(account, address)
        if check.better_hash is not None:
            await self._storage.set_password_hash(person.user_id, check.better_hash)
        return SignedIn(person, await self._sessions.open(person.user_id, now, replacing=replacing))

    async def sign_out(self, token: str) -> None:
        """End the session of this token, on the server."""
        await self._sessions.end(token)


_LOCAL_PART = re.compile(r"[^@\s\x00-\x1f\x7f<>\"'(),:;\\\[\]]{1,64}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normalised_email(text: str) -> str | None:
    """The address in the one spelling that is stored and compared; None if it has not the shape of one."""
    address = unicodedata.normalize("NFKC", text.strip()).casefold()
    local, at, domain = address.rpartition("@")
    if not at or len(address) > 254 or _LOCAL_PART.fullmatch(local) is None:
        return None
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return f"{local}@{domain}"
