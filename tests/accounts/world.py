"""People of an installation on a real database, with cheap passwords and a signer that hides nothing."""

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyotp

from jarvis.accounts.links import Links
from jarvis.accounts.passkeys import Passkeys
from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.accounts.people import People, Person, Role, SignedIn
from jarvis.accounts.recovery import RecoveryCodes
from jarvis.accounts.sessions import OpenedSession, Sessions
from jarvis.accounts.throttle import SignInThrottle
from jarvis.accounts.tokens import Tokens
from jarvis.accounts.totp import Totp
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from tests.accounts.authenticator import ORIGIN, RP_ID, Authenticator

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
EMAIL, PASSWORD = "ada@example.org", "grüne Tomaten am Dienstag"
STRANGER = "eve@example.org"
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHEAP = HashCost(time=3, memory=12 * 1024)


class OpenSeeds:
    """Stands for the signer: binds a seed to its person, and checks codes as RFC 6238 says."""

    async def seal_seed(self, *, user_id: str, seed: bytes) -> bytes:
        return user_id.encode() + b"/" + seed

    async def match_code(self, *, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        owner, _, seed = sealed.partition(b"/")
        assert owner.decode() == user_id
        assert now_seconds is not None
        step = now_seconds // 30
        witness = pyotp.TOTP(_base32(seed))
        return next((each for each in (step, step - 1, step + 1) if witness.generate_otp(each) == code), None)


@dataclass
class World:
    """What a web process would have."""

    store: Store
    passwords: Passwords
    sessions: Sessions
    people: People
    totp: Totp
    passkeys: Passkeys
    recovery: RecoveryCodes
    links: Links
    tokens: Tokens

    async def person(self, email: str = EMAIL, *, role: Role = Role.TRADER) -> Person:
        """Somebody who has just come."""
        added = await self.people.add(email, PASSWORD, NOW, role=role)
        assert isinstance(added, Person)
        return added

    async def signed_in(self, person: Person, now: datetime = NOW, *, address: str = HERE) -> OpenedSession:
        """A session of theirs, without asking anything."""
        opened = await self.sessions.open(person.user_id, now, method="password", address=address, agent=FIREFOX)
        assert opened is not None
        return opened

    async def signs_in(self, person: Person, now: datetime = NOW, *, address: str = HERE) -> OpenedSession:
        """A session of somebody without a second factor who typed the password."""
        outcome = await self.people.sign_in(person.email, PASSWORD, address=address, agent=FIREFOX, now=now)
        assert isinstance(outcome, SignedIn)
        return outcome.session

    async def with_totp(self, person: Person, now: datetime = NOW) -> "App":
        """The person's authenticator app, in force. Its first code is used up."""
        app = App(await self.offered(person, now))
        session = (await self.signed_in(person, now)).session
        assert await self.totp.confirm(person, app.code(now), now, keeping=session, noted=noted("factor.added", person))
        return app

    async def offered(self, person: Person, now: datetime = NOW) -> str:
        """The seed of an offer."""
        return (await self.totp.begin(person, now)).seed

    async def with_passkey(
        self, person: Person, now: datetime = NOW, *, authenticator: Authenticator | None = None, label: str = "laptop"
    ) -> Authenticator:
        """The person's authenticator, enrolled."""
        authenticator = authenticator or Authenticator()
        begun = await self.passkeys.begin_registration(person, now)
        session = (await self.signed_in(person, now)).session
        kept = await self.passkeys.finish_registration(
            person, begun.ceremony_token, authenticator.enrol(begun.options), label=label, now=now, keeping=session,
            noted=noted("factor.added", person),
        )  # fmt: skip
        assert not isinstance(kept, str)
        return authenticator

    async def codes(self, person: Person, now: datetime = NOW) -> list[str]:
        """Fresh recovery codes."""
        session = (await self.signed_in(person, now)).session
        return await self.recovery.make(person, keeping=session, noted=noted("factor.codes_made", person, now))

    async def kinds(self, user_id: UserId | None = None) -> Sequence[str]:
        """What the audit says, in order."""
        return [line.kind for line in await self.store.audit_lines() if user_id in (None, line.user_id)]

    async def told(self, person: Person) -> list[str]:
        """What the person was told, in order."""
        return [notice.message for notice in reversed(await self.store.notices_of(person.user_id))]


@dataclass
class App:
    """An authenticator app."""

    seed: str

    def code(self, now: datetime) -> str:
        """What it shows now."""
        return pyotp.TOTP(self.seed).at(now)


def noted(kind: str, person: Person, at: datetime = NOW) -> AuditEntry:
    """A line of the audit as the web would write it."""
    return AuditEntry(kind, at, person.user_id, person.user_id)


def world(store: Store, passwords: Passwords) -> World:
    """An installation's people, numbered as they come."""
    ids = itertools.count(1)

    def new_id() -> str:
        return f"user-{next(ids)}"

    sessions, totp = Sessions(store), Totp(store, OpenSeeds())
    people = People(
        storage=store, passwords=passwords, sessions=sessions, throttle=SignInThrottle(), new_id=new_id, totp=totp
    )
    passkeys = Passkeys(store, sessions=sessions, rp_id=RP_ID, origins=[ORIGIN])
    links = Links(store, passwords, new_id=new_id)
    return World(store, passwords, sessions, people, totp, passkeys, RecoveryCodes(store), links, Tokens(store))


def _base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode()
