"""What the connector keeps of a key, for how long, and what it reads once: with a made-up venue and signer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from jarvis.domain.account import (
    AccountSnapshot,
    Balance,
    Environment,
    KeyPermissions,
    MarginState,
    UserId,
    VenueName,
)
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.store.db import Store
from jarvis.venues.base import KeyInvalid, Unreachable
from jarvis.venues.permissions import TABLES
from jarvis.web.connecting import connector as module
from jarvis.web.connecting.connect import ConnectOutcome
from jarvis.web.connecting.connector import KEPT_FOR, VenueKeyConnector
from tests.web.client import Browser
from tests.web.test_desk import owner_id

OKX = VenueName("okx")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USDT = Asset("USDT")
NEEDED = frozenset(TABLES[OKX].to_tick)


@dataclass
class MadeUpVenue:
    """Answers what a test says."""

    name: VenueName = OKX
    execution_venue: str = "www"
    granted: frozenset[str] = NEEDED
    missing: tuple[str, ...] = ()
    failure: Exception | None = None
    no_snapshot: Exception | None = None
    balances: tuple[Balance, ...] = (
        Balance(USDT, Decimal(250), Decimal(200)),
        Balance(Asset("BTC"), Decimal(0), Decimal(0)),
    )

    async def server_time(self) -> datetime:
        if self.failure:
            raise self.failure
        return NOW

    async def key_permissions(self) -> KeyPermissions:
        return KeyPermissions(self.granted, "Jarvis", "abcd", ip_allowlist=("10.0.0.1",))

    async def advice(self) -> tuple[str, ...]:
        return self.missing

    async def instruments(self) -> Mapping[Pair, Any]:
        return {Pair.parse("BTC/USDT"): SimpleNamespace(leverage_within=lambda side, cap: cap)}

    async def snapshot(self) -> AccountSnapshot:
        if self.no_snapshot:
            raise self.no_snapshot
        margin = MarginState(USDT, NOW, Decimal(250), Decimal(250), Decimal(0), Decimal(200), Decimal(0), None)
        return AccountSnapshot(NOW, self.balances, margin, (), ())


@dataclass
class MadeUpSigner:
    """Seals nothing; counts how often it was asked to."""

    sealed: list[str] = field(default_factory=list)

    async def seal(self, *, api_key: str, **_: object) -> bytes:
        self.sealed.append(api_key)
        return b"sealed"

    async def identify(self, credential: object) -> Any:
        del credential
        return SimpleNamespace(fingerprint="print", public_id="abcd…wxyz")


@dataclass
class Bench:
    """A connector between a made-up venue and a made-up signer, and the person who uses it."""

    connector: VenueKeyConnector
    venue: MadeUpVenue
    signer: MadeUpSigner
    user_id: UserId

    async def paste(self) -> ConnectOutcome:
        return await self.connector.connect(
            user_id=self.user_id, venue=OKX, environment=Environment.LIVE, api_key="key", secret="secret"
        )

    async def again(self, pending_id: str, user_id: UserId | None = None) -> ConnectOutcome | None:
        return await self.connector.check_again(user_id=user_id or self.user_id, pending_id=pending_id)


class Clock:
    """The wall clock of the module, moved by hand."""

    at = NOW

    @classmethod
    def now(cls, _: object) -> datetime:
        return cls.at


@pytest.fixture
async def bench(store: Store, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> Bench:
    venue, signer = MadeUpVenue(), MadeUpSigner()
    made: Any = VenueKeyConnector(store, signer, sandbox_address=None, random=Random(1))  # type: ignore[arg-type]

    @asynccontextmanager
    async def opened(*_: object) -> AsyncIterator[MadeUpVenue]:
        yield venue

    monkeypatch.setattr(made, "_opened", opened)
    monkeypatch.setattr(module, "datetime", Clock)
    Clock.at = NOW
    return Bench(made, venue, signer, await owner_id(store))


async def test_an_incomplete_key_is_kept_and_accepted_once_it_is_mended(bench: Bench, store: Store) -> None:
    bench.venue.granted = frozenset({"read_only"})
    first = await bench.paste()
    assert await store.accounts_of(bench.user_id) == []
    bench.venue.granted = NEEDED

    second = await bench.again(first.pending_id)

    assert (first.verdict, first.funds) == ("incomplete", None)
    assert second is not None
    assert second.verdict == "accepted_with_risk"
    assert await bench.connector.confirm(user_id=bench.user_id, pending_id=second.pending_id) is not None
    assert bench.signer.sealed == ["key"]


async def test_a_key_that_lacks_only_the_margin_account_is_kept_too(bench: Bench) -> None:
    bench.venue.missing = ("Switch margin on.",)
    first = await bench.paste()
    bench.venue.missing = ()

    second = await bench.again(first.pending_id)

    assert first.verdict == "incomplete"
    assert first.message == "Nothing was stored. Switch margin on."
    assert second is not None
    assert second.waits


async def test_a_key_that_could_do_harm_is_not_kept(bench: Bench) -> None:
    bench.venue.granted = NEEDED | {"withdraw"}

    first = await bench.paste()

    assert (first.verdict, first.pending_id) == ("refused", "")


async def test_a_key_that_was_widened_while_it_was_kept_is_kept_no_longer(bench: Bench) -> None:
    first = await bench.paste()
    bench.venue.granted = NEEDED | {"withdraw"}

    second = await bench.again(first.pending_id)

    assert second is not None
    assert (second.verdict, second.pending_id) == ("refused", "")
    assert await bench.again(first.pending_id) is None
    assert await bench.connector.confirm(user_id=bench.user_id, pending_id=first.pending_id) is None


@pytest.mark.parametrize("failure", [Unreachable("cut"), KeyInvalid("address not allowed")])
async def test_a_kept_key_that_gets_no_answer_stays_and_one_that_is_not_known_yet_is_not_kept(
    bench: Bench, failure: Exception
) -> None:
    bench.venue.failure = failure
    unknown = await bench.paste()
    bench.venue.failure = None
    first = await bench.paste()
    bench.venue.failure = failure

    second = await bench.again(first.pending_id)

    assert unknown.pending_id == ""
    assert second is not None
    assert second.pending_id == first.pending_id
    bench.venue.failure = None
    assert await bench.again(first.pending_id) is not None


async def test_a_kept_key_is_forgotten_after_a_quarter_of_an_hour_and_never_anybody_elses(bench: Bench) -> None:
    first = await bench.paste()

    assert await bench.again(first.pending_id, UserId("stranger")) is None
    Clock.at = NOW + KEPT_FOR - timedelta(seconds=1)
    second = await bench.again(first.pending_id)
    assert second is not None
    Clock.at += KEPT_FOR
    assert await bench.again(second.pending_id) is None


async def test_an_incomplete_key_cannot_be_confirmed(bench: Bench, store: Store) -> None:
    bench.venue.granted = frozenset({"read_only"})
    first = await bench.paste()

    assert await bench.connector.confirm(user_id=bench.user_id, pending_id=first.pending_id) is None
    assert await store.accounts_of(bench.user_id) == []


async def test_the_first_funds_are_read_with_the_check(bench: Bench) -> None:
    outcome = await bench.paste()

    assert outcome.funds is not None
    assert [each.asset for each in outcome.funds.balances] == [USDT]
    assert outcome.funds.margin is not None
    assert outcome.funds.margin.free_margin == 200
    assert outcome.restrictions is not None
    assert outcome.restrictions.is_bound


async def test_funds_that_cannot_be_read_do_not_become_none(bench: Bench) -> None:
    bench.venue.no_snapshot = Unreachable("the wallet kept changing")

    outcome = await bench.paste()

    assert outcome.verdict == "accepted_with_risk"
    assert outcome.funds is not None
    assert outcome.funds.margin is None
    assert outcome.funds.failure == "the wallet kept changing"
