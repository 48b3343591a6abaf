"""An application over a real store, a connector that is told what to answer, an owner, and a stranger."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD
from jarvis.domain.people import AuditEntry, Role
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.sim.instruments import bybit_instruments, kraken_instruments
from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.trading.limits import Limits
from jarvis.trading.sizing import Costs
from jarvis.venues.catalog import VENUES
from jarvis.web.app import create_app
from jarvis.web.connecting.connect import ConnectOutcome, Funds, MarginOffer, PermissionLine, Restrictions, TradingRules
from jarvis.web.security import WebSettings
from tests.web import day
from tests.web.client import ORIGIN, Browser
from tests.web.second_factor import Seeds, enrol_app

OWNER = "ada@example.org"
STRANGER = "mallory@example.org"
PASSWORD = "three green lanterns"
SANDBOX = "http://127.0.0.1:8770"


@dataclass
class SaidConnector:
    """Answers what a test told it to, and remembers what it was given."""

    store: Store
    verdict: str = "accepted"
    rows: tuple[PermissionLine, ...] = ()
    risks: tuple[str, ...] = ()
    given: list[tuple[UserId, Environment, str, str]] = field(default_factory=list)
    chosen: list[tuple[VenueName, str, str]] = field(default_factory=list)
    drawn: list[tuple[AccountId, Limits]] = field(default_factory=list)
    not_drawn: str = ""
    noted: list[AuditEntry] = field(default_factory=list)
    replaced: list[AccountId | None] = field(default_factory=list)
    funds: Funds | None = None
    restrictions: Restrictions | None = None
    lent: tuple[tuple[Pair, int], ...] = ((Pair.parse("BTC/USD"), 10), (Pair.parse("SOL/USD"), 5))
    asked_again: list[str] = field(default_factory=list)
    not_told: str = ""

    async def rules(self, account: TradingAccount) -> TradingRules | str:
        quote = VENUES[account.venue].quote
        listed = kraken_instruments() if quote == USD else bybit_instruments()
        is_wallet = quote != USD
        traits = VenueTraits(settlement=Settlement.WALLET, reduce_only=False) if is_wallet else VenueTraits()
        return self.not_told or TradingRules(listed, traits, Costs(), {})

    async def connect(
        self,
        *,
        user_id: UserId,
        venue: VenueName,
        environment: Environment,
        api_key: str,
        secret: str,
        passphrase: str = "",
        execution_venue: str = "",
        noted: AuditEntry | None = None,
        replacing: TradingAccount | None = None,
    ) -> ConnectOutcome:
        assert noted is not None
        self.noted.append(noted)
        self.replaced.append(None if replacing is None else replacing.account_id)
        self.chosen.append((venue, passphrase, execution_venue))
        self.given.append((user_id, environment, api_key, secret))
        account_id = None
        if self.verdict == "accepted" and replacing is not None:
            account_id = replacing.account_id
        elif self.verdict == "accepted":
            account_id = await day.connect(self.store, user_id, environment, len(self.given), venue)
        return self._outcome(venue, environment, account_id)

    def _outcome(self, venue: VenueName, environment: Environment, account_id: AccountId | None) -> ConnectOutcome:
        offer = MarginOffer("Margin is enabled.", self.lent)
        pending = "waiting" if self.verdict in ("accepted_with_risk", "incomplete") else ""
        return ConnectOutcome(
            venue,
            self.verdict,
            f"{venue} said so.",
            environment,
            self.rows,
            self.risks,
            offer,
            account_id,
            pending,
            self.funds,
            self.restrictions,
        )

    async def check_again(
        self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None
    ) -> ConnectOutcome | None:
        self.asked_again.append(pending_id)
        if pending_id != "waiting":
            return None
        account_id = (
            await day.connect(self.store, user_id, Environment.SANDBOX, 98) if self.verdict == "accepted" else None
        )
        return self._outcome(VenueName("kraken"), Environment.SANDBOX, account_id)

    async def confirm(self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None) -> AccountId | None:
        if pending_id != "waiting":
            return None
        return await day.connect(self.store, user_id, Environment.SANDBOX, number=99)

    async def draw_policy(self, account: TradingAccount, limits: Limits) -> str:
        self.drawn.append((account.account_id, limits))
        return self.not_drawn


@dataclass
class Time:
    """The wall clock, moved by hand."""

    at: datetime = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, duration: timedelta) -> None:
        self.at += duration


@dataclass(frozen=True)
class Prepared:
    """A database in which some people are already there, the cookies of their browsers, and the owner's account."""

    path: Path
    cookies: dict[str, dict[str, str]]
    account: AccountId | None


class Preparations:
    """Makes each kind of database once: signing up, enrolling a factor and living a day take longer than most tests."""

    def __init__(self, empty: Path, folder: Path) -> None:
        self._empty = empty
        self._folder = folder
        self._made: dict[tuple[str, ...], Prepared] = {}

    def of(self, *kinds: str) -> Prepared:
        """A database with these of `owner`, `stranger` and `account` in it."""
        if kinds not in self._made:
            path = self._folder / f"{'-'.join(kinds) or 'empty'}.db"
            shutil.copyfile(self._empty, path)
            self._made[kinds] = asyncio.run(self._make(path, kinds)) if kinds else Prepared(path, {}, None)
        return self._made[kinds]

    async def _make(self, path: Path, kinds: tuple[str, ...]) -> Prepared:
        store, time = await Store.open(f"sqlite+aiosqlite:///{path}"), Time()
        app = app_of(WebSettings(origins=(ORIGIN,), sandbox_url=SANDBOX), store, SaidConnector(store), time)
        people = [email for kind, email in (("owner", OWNER), ("stranger", STRANGER)) if kind in kinds]
        cookies = {}
        for email in people:
            browser = await sign_in(app, email)
            await enrol_app(browser, PASSWORD, time())
            cookies[email] = browser.cookies
        account = await _lived(store) if "account" in kinds else None
        await store.close()
        with closing(sqlite3.connect(path)) as connection, connection:
            # A worker has it for as long as the tests run.
            connection.execute("UPDATE leases SET until = replace(until, substr(until, 1, 4), '2999')")
        return Prepared(path, cookies, account)


async def _lived(store: Store) -> AccountId:
    person = await store.person_by_email(OWNER)
    assert person is not None
    return await day.lived(store, person.user_id)


@pytest.fixture(scope="session")
def preparations(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Preparations:
    return Preparations(migrated_file, tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def prepared(request: pytest.FixtureRequest, preparations: Preparations) -> Prepared:
    """The database that the test's own fixtures ask for."""
    return preparations.of(*(kind for kind in ("owner", "stranger", "account") if kind in request.fixturenames))


@pytest.fixture
def sqlite_url(prepared: Prepared, tmp_path: Path) -> str:
    """The address of a fresh copy of it."""
    path = tmp_path / "jarvis.db"
    shutil.copyfile(prepared.path, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """On SQLite alone: what the databases differ in, the store's own tests look at."""
    return sqlite_store


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def connector(store: Store) -> SaidConnector:
    return SaidConnector(store)


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(origins=(ORIGIN,), sandbox_url=SANDBOX)


@pytest.fixture
def app(settings: WebSettings, store: Store, connector: SaidConnector, time: Time) -> FastAPI:
    return app_of(settings, store, connector, time)


def app_of(settings: WebSettings, store: Store, connector: SaidConnector, time: Time) -> FastAPI:
    """The application, with passwords that are hashed at once."""
    passwords = Passwords(HashCost(time=3, memory=12 * 1024))
    return create_app(settings, store, connector, seeds=Seeds(), passwords=passwords, now=time)


@pytest.fixture
def browser(app: FastAPI) -> Browser:
    """Somebody who is not signed in."""
    return Browser(app)


async def sign_in(app: FastAPI, email: str) -> Browser:
    """A browser of a person who has just opened an account."""
    person = Browser(app)
    await person.submit("/sign-up", {"email": email, "password": PASSWORD})
    answer = await person.submit("/sign-in", {"email": email, "password": PASSWORD})
    assert answer.status == 303, answer.text
    return person


@pytest.fixture
def owner(app: FastAPI, prepared: Prepared) -> Browser:
    """Somebody with an authenticator app who has just proved that it is them."""
    return Browser(app, cookies=dict(prepared.cookies[OWNER]))


@pytest.fixture
def stranger(app: FastAPI, prepared: Prepared) -> Browser:
    """Somebody else, with all that one can prove."""
    return Browser(app, cookies=dict(prepared.cookies[STRANGER]))


@pytest.fixture
def account(prepared: Prepared, owner: Browser) -> AccountId:
    """The owner's account in the middle of its day."""
    assert prepared.account is not None
    return prepared.account


async def share(store: Store, owner_email: str, viewer_email: str) -> None:
    """Make somebody a viewer, and let them look at the owner's accounts."""
    owner, viewer = [await store.person_by_email(email) for email in (owner_email, viewer_email)]
    assert owner is not None
    assert viewer is not None
    noted = AuditEntry("role.changed", owner.created_at, "cli", viewer.user_id)
    await store.set_role(viewer.user_id, Role.VIEWER, noted=noted, told="")
    granted = AuditEntry("viewing.granted", owner.created_at, owner.user_id, owner.user_id)
    assert await store.grant_viewing(owner.user_id, viewer.email, noted=granted)
