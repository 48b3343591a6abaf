"""People: how they come to be, sign in, prove themselves, and change their password.

No answer tells whether an address has an account, neither by its words nor by its time: the same work is done, and the
same lines are written, for known and unknown. Only somebody with the right password learns that a second step follows.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from jarvis.accounts import ceremonies
from jarvis.accounts.ceremonies import MOST_ATTEMPTS, CeremonyStorage
from jarvis.accounts.deeds import NEEDS_PROOF, Deed, may
from jarvis.accounts.passwords import PasswordProblem, Passwords, PasswordsBusy
from jarvis.accounts.recovery import RecoveryCodes, RecoveryStorage
from jarvis.accounts.sessions import OpenedSession, Sessions
from jarvis.accounts.throttle import CODE_RATES, Buckets, Rate, SignInThrottle
from jarvis.accounts.totp import Totp, code_digits
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, CeremonyKind, Factors, Person, Role, Session

__all__ = [
    "NEEDS_PROOF",
    "CodeRefused",
    "Deed",
    "EmailProblem",
    "Enrolment",
    "FactorNeeded",
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

RECOVERY_ENROLS_FOR = timedelta(minutes=30)
_REFUSALS_NOTED = Rate(100, timedelta(seconds=10))


class PeopleStorage(CeremonyStorage, RecoveryStorage, Protocol):
    """What keeps people. Addresses come normalised."""

    async def person(self, user_id: UserId) -> Person | None:
        """The person with this id."""
        ...

    async def person_by_email(self, email: str) -> Person | None:
        """The person with this address."""
        ...

    async def add_person(
        self, person: Person, noted: AuditEntry | None = None, taken: AuditEntry | None = None
    ) -> bool:
        """Keep a new person: False, and nothing but `taken` noted, if the address or the id is taken."""
        ...

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        """Replace the person's hash by a better one of the same password."""
        ...

    async def change_password(
        self, user_id: UserId, old_hash: str, new_hash: str, *, keeping: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Give the person another password and end the other sessions; False if it has changed since it was read."""
        ...

    async def factors(self, user_id: UserId) -> Factors:
        """What a person has beside the password."""
        ...

    async def note_if_possible(self, entry: AuditEntry) -> bool:
        """Add a line to the audit for what happens in any case. Never raises."""
        ...

    async def note_and_tell(self, noted: AuditEntry, told: str) -> None:
        """Add a line to the audit, and tell the person whom it is about."""
        ...


class EmailProblem(Enum):
    """Why an address cannot be used, in words for the person."""

    MALFORMED = "Write an e-mail address, such as ada@example.org."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The door opened: the person, and the session that their browser gets."""

    person: Person
    session: OpenedSession


@dataclass(frozen=True, slots=True)
class FactorNeeded:
    """The password was right, and a second step follows: by "passkey", "totp" or "recovery"."""

    ceremony_token: str = field(repr=False)
    methods: frozenset[str]


class SignInRefused(Enum):
    """The one answer to a wrong address, a wrong password and both."""

    WRONG = "The e-mail address and the password do not belong together."


class CodeRefused(Enum):
    """Why a code did not open anything, in words for the person."""

    WRONG = "This code does not fit, or was used already. Wait for the next one."
    OVER = "Too many attempts, or too late. Sign in from the beginning."


class Enrolment(Enum):
    """What a person must do before they may add a factor."""

    ALLOWED = ""
    PROOF_NEEDED = "Confirm with your passkey or authenticator app first."
    PASSWORD_NEEDED = "Type your password to add the first factor."  # noqa: S105 - words for the person
    PASSWORD_WRONG = "This is not your password."  # noqa: S105


@dataclass(frozen=True, slots=True)
class TryLater:
    """Too many tries lately: nothing was checked. Ask again after so many seconds."""

    seconds: float


class People:
    """Signs people up and in. `new_id` makes user ids; `totp` is left out where nobody can finish a second step."""

    def __init__(
        self,
        *,
        storage: PeopleStorage,
        passwords: Passwords,
        sessions: Sessions,
        throttle: SignInThrottle,
        new_id: Callable[[], str],
        totp: Totp | None = None,
        code_throttle: SignInThrottle | None = None,
    ) -> None:
        self._storage = storage
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._new_id = new_id
        self._totp = totp
        self._recovery = RecoveryCodes(storage)
        self._code_throttle = code_throttle or SignInThrottle(CODE_RATES)
        self._refusals = Buckets(_REFUSALS_NOTED)

    async def sign_up(
        self, email: str, password: str, now: datetime, *, address: str = ""
    ) -> EmailProblem | PasswordProblem | TryLater | None:
        """Keep a new trader, or what is wrong with what was typed.

        None does not say that the person is new: for an address that has an account nothing changes, and the
        answer and the time are the same. The page then asks the person to sign in.
        """
        try:
            outcome = await self.add(email, password, now, role=Role.TRADER, actor="nobody", address=address)
        except PasswordsBusy as busy:
            return TryLater(busy.seconds)
        return outcome if isinstance(outcome, EmailProblem | PasswordProblem) else None

    async def add(
        self, email: str, password: str, now: datetime, *, role: Role, actor: str = "cli", address: str = ""
    ) -> Person | EmailProblem | PasswordProblem | None:
        """The new person; None if the address is taken. For the operator's command line, which may know that.

        Raises PasswordsBusy.
        """
        email_address = normalised_email(email)
        if email_address is None:
            return EmailProblem.MALFORMED
        made = await self._passwords.make(password, context=(email_address,))
        if isinstance(made, PasswordProblem):
            return made
        person = Person(UserId(self._new_id()), email_address, made, role, now)
        details = {"role": role.value, "address": address}
        noted = AuditEntry("person.added", now, actor, person.user_id, details=details)
        taken = AuditEntry("person.refused", now, actor, details=details)
        return person if await self._storage.add_person(person, noted, taken) else None

    async def sign_in(
        self,
        email: str,
        password: str,
        *,
        address: str,
        now: datetime,
        agent: str = "",
        replacing: str | None = None,
    ) -> SignedIn | FactorNeeded | SignInRefused | TryLater:
        """Check a password and open a session; `address` is the network address that the request came from.

        `replacing` is the session token that the browser had before: it ends, so that a token planted there is
        worth nothing.
        """
        account = normalised_email(email) or ""
        wait = self._throttle.ask(account, address, now)
        if wait > 0:
            return TryLater(wait)
        person = await self._storage.person_by_email(account)
        try:
            check = await self._passwords.verify(None if person is None else person.password_hash, password)
        except PasswordsBusy as busy:
            return TryLater(busy.seconds)
        if person is None or not check.fits or not person.is_active:
            await self._note_refusal(person, "password", address, now)
            return SignInRefused.WRONG
        if check.better_hash is not None:
            await self._storage.set_password_hash(person.user_id, check.better_hash)
        factors = await self._storage.factors(person.user_id)
        if factors.any:
            token = await ceremonies.begin(self._storage, CeremonyKind.SECOND_FACTOR, person.user_id, now)
            return FactorNeeded(token, factors.methods)
        return await self._open(person, "password", address=address, agent=agent, now=now, replacing=replacing)

    async def finish_sign_in(
        self,
        ceremony_token: str,
        code: str,
        *,
        address: str,
        now: datetime,
        agent: str = "",
        replacing: str | None = None,
    ) -> SignedIn | SignInRefused | CodeRefused | TryLater:
        """Check the code of an authenticator app, or a recovery code, that follows a right password."""
        kind, key = CeremonyKind.SECOND_FACTOR, ceremonies.key_of(ceremony_token)
        begun = await self._storage.ceremony(key, kind, now)
        if begun is None or begun.user_id is None or begun.attempts >= MOST_ATTEMPTS:
            return CodeRefused.OVER
        wait = self._code_throttle.ask(begun.user_id, address, now)
        if wait > 0:
            return TryLater(wait)
        tried = await self._storage.try_ceremony(key, kind, now, most=MOST_ATTEMPTS)
        person = await self._storage.person(begun.user_id)
        if tried is None or person is None:
            return CodeRefused.OVER
        method = await self._fitting(person.user_id, code, address, now)
        if method is None:
            await self._note_refusal(person, "code", address, now)
            if tried.attempts >= MOST_ATTEMPTS:
                await self._warn(person, address, now)
                return CodeRefused.OVER
            return CodeRefused.WRONG
        if await self._storage.take_ceremony(key, kind, now) is None:
            return CodeRefused.OVER
        self._code_throttle.succeeded(person.user_id, address)
        return await self._open(
            person, f"password+{method}", address=address, agent=agent, now=now, replacing=replacing
        )

    async def prove_by_code(
        self, person: Person, session_token: str, code: str, *, address: str, now: datetime
    ) -> OpenedSession | CodeRefused | TryLater:
        """The person's session with a new token and sudo, for a code of their authenticator app."""
        wait = self._code_throttle.ask(person.user_id, address, now)
        if wait > 0:
            return TryLater(wait)
        if self._totp is None or not await self._totp.check(person.user_id, code, now):
            await self._note_refusal(person, "code", address, now)
            return CodeRefused.WRONG
        self._code_throttle.succeeded(person.user_id, address)
        return await self._sessions.prove(session_token, now, method="totp") or CodeRefused.OVER

    async def allows_enrolment(
        self, person: Person, session: Session, *, password: str | None, address: str, now: datetime
    ) -> Enrolment | TryLater:
        """Whether this session may add a factor now.

        With a factor it takes a fresh proof, or a sign-in by recovery code of the last half hour; the very first
        factor takes the password.
        """
        if self._sessions.is_proved(session, now):
            return Enrolment.ALLOWED
        if (await self._storage.factors(person.user_id)).any:
            came_by_code = session.method == "password+recovery" and now - session.opened_at < RECOVERY_ENROLS_FOR
            return Enrolment.ALLOWED if came_by_code else Enrolment.PROOF_NEEDED
        if not password:
            return Enrolment.PASSWORD_NEEDED
        checked = await self.knows_password(person, password, address=address, now=now)
        if isinstance(checked, TryLater):
            return checked
        return Enrolment.ALLOWED if checked else Enrolment.PASSWORD_WRONG

    async def change_password(
        self, person: Person, session: Session, old: str, new: str, *, address: str, now: datetime
    ) -> SignInRefused | PasswordProblem | TryLater | None:
        """Give the person a new password and end their other sessions; None if that is done."""
        knows = await self.knows_password(person, old, address=address, now=now)
        if isinstance(knows, TryLater):
            return knows
        if not knows:
            return SignInRefused.WRONG
        try:
            made = await self._passwords.make(new, context=(person.email,))
        except PasswordsBusy as busy:
            return TryLater(busy.seconds)
        if isinstance(made, PasswordProblem):
            return made
        noted = AuditEntry(
            "password.changed", now, person.user_id, person.user_id, details={"session": session.session_id}
        )
        told = "Your password was changed, and your other sessions were ended."
        changed = await self._storage.change_password(
            person.user_id, person.password_hash, made, keeping=session.token_hash, noted=noted, told=told
        )
        return None if changed else SignInRefused.WRONG

    async def knows_password(self, person: Person, password: str, *, address: str, now: datetime) -> bool | TryLater:
        """Whether somebody who is signed in knows the person's password; as hard to guess at as at the door."""
        wait = self._throttle.ask(person.email, address, now)
        if wait > 0:
            return TryLater(wait)
        try:
            check = await self._passwords.verify(person.password_hash, password)
        except PasswordsBusy as busy:
            return TryLater(busy.seconds)
        if not check.fits:
            await self._note_refusal(person, "password", address, now)
        return check.fits

    async def sign_out(self, token: str, now: datetime | None = None) -> None:
        """End the session of this token, on the server."""
        await self._sessions.end(token, now)

    async def _open(
        self, person: Person, method: str, *, address: str, agent: str, now: datetime, replacing: str | None
    ) -> SignedIn | SignInRefused:
        session = await self._sessions.open(
            person.user_id, now, method=method, address=address, agent=agent, replacing=replacing
        )
        if session is None:
            return SignInRefused.WRONG
        self._throttle.succeeded(person.email, address)
        return SignedIn(person, session)

    async def _fitting(self, user_id: UserId, code: str, address: str, now: datetime) -> str | None:
        """By what the code fits, which uses it up."""
        if code_digits(code) is not None:
            fits = self._totp is not None and await self._totp.check(user_id, code, now)
            return "totp" if fits else None
        return "recovery" if await self._recovery.use(user_id, code, now, address=address) else None

    async def _note_refusal(self, person: Person | None, what: str, address: str, now: datetime) -> None:
        """Note a failure, known person or not; not every one of a flood, which would fill the disk."""
        if self._refusals.wait("", now) > 0:
            return
        self._refusals.take("", now)
        user_id = None if person is None else person.user_id
        details = {"wrong": what, "address": address[:64]}
        await self._storage.note_if_possible(AuditEntry("session.refused", now, "nobody", user_id, details=details))

    async def _warn(self, person: Person, address: str, now: datetime) -> None:
        details = {"wrong": "codes", "address": address[:64]}
        noted = AuditEntry("session.refused", now, "nobody", person.user_id, details=details)
        told = (
            f"Somebody typed your right password and then {MOST_ATTEMPTS} wrong codes. "
            "If that was not you, change your password."
        )
        await self._storage.note_and_tell(noted, told)


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
