"""What others do on an account, at the emulators of all venues: seen, told, no entries, exits as ever."""

from pathlib import Path

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.trading.events import Flatten, ForeignExplained, Resume
from jarvis.trading.strategy import Direction
from tests.live.watched import OWNER, Watched, run
from tests.venues.contract.benches import BENCHES

everywhere = pytest.mark.parametrize("venue", BENCHES)


@everywhere
def test_money_that_leaves_stops_entries_on_the_account_until_the_owner_explains_it(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step(world.wish(Direction.LONG))
            await world.step(minutes=2)
            assert world.is_open()

            world.move(-1_000, LedgerKind.WITHDRAWAL if venue == "kraken" else LedgerKind.TRANSFER)
            await world.step(minutes=6)

            assert (FOREIGN_ACTIVITY, None) in world.blocks()
            (told,) = await world.notices("foreign.activity")
            assert f"took 1000 {world.bench.quote} out of this account" in told
            assert "revoke the key now" in told
            (evidence,) = await world.noted("foreign.activity")
            assert evidence in told

            await world.step(world.wish(Direction.LONG, world.other))
            await world.tell(Resume)
            await world.step(world.wish(Direction.LONG, world.other))
            assert not world.is_open(world.other)

            await world.tell(lambda now: Flatten(now, world.pair))
            await world.step(minutes=2)
            assert not world.is_open()

            await world.tell(ForeignExplained)
            await world.step(world.wish(Direction.LONG, world.other))
            await world.step(minutes=2)
            assert world.is_open(world.other)

    run(story)


@everywhere
def test_an_order_of_somebody_else_stops_entries_on_its_pair_and_is_never_touched(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step()

            await world.foreign_order()
            await world.step(minutes=17)

            assert (FOREIGN_ACTIVITY, world.pair) in world.blocks()
            (told,) = await world.notices("foreign.activity")
            assert str(world.pair) in told
            assert len(await world.noted("foreign.activity")) == 1
            assert len(world.bench.exchange.orders("owner")) == 1

            await world.tell(ForeignExplained)
            await world.restart()
            await world.step(minutes=17)
            assert FOREIGN_ACTIVITY not in {cause for cause, _ in world.blocks()}
            assert len(await world.notices("foreign.activity")) == 1

    run(story)


@everywhere
def test_a_trade_of_somebody_else_stops_entries_on_its_pair(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step()

            await world.foreign_trade()
            await world.step(minutes=6)

            assert (FOREIGN_ACTIVITY, world.pair) in world.blocks()
            (told,) = await world.notices("foreign.activity")
            assert str(world.pair) in told
            await world.step(world.wish(Direction.LONG))
            await world.step(minutes=2)
            assert not world.is_open()

            await world.restart()
            assert (FOREIGN_ACTIVITY, world.pair) in world.blocks()
            assert len(await world.notices("foreign.activity")) == 1

    run(story)


@everywhere
def test_money_that_arrives_is_told_and_stops_nothing(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step()

            world.move(500, LedgerKind.DEPOSIT if venue == "kraken" else LedgerKind.TRANSFER)
            await world.step(minutes=6)

            assert FOREIGN_ACTIVITY not in {cause for cause, _ in world.blocks()}
            (told,) = await world.notices("funds.arrived")
            assert f"500 {world.bench.quote} came into this account" in told

    run(story)


@everywhere
def test_orders_that_rested_before_the_first_look_are_the_owners_own(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        world = Watched(tmp_path, venue)
        await world.foreign_order()
        async with world:
            await world.step(minutes=2)

            assert FOREIGN_ACTIVITY not in {cause for cause, _ in world.blocks()}
            assert await world.notices("foreign.activity") == []

    run(story)


@everywhere
def test_an_order_with_our_mark_that_we_never_wrote_down_is_somebody_elses(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step()

            await world.foreign_order(f"{world.engine.id_prefix}0zzzzzz")
            await world.step(minutes=32)

            assert (FOREIGN_ACTIVITY, world.pair) in world.blocks()
            (told,) = await world.notices("foreign.activity")
            assert "carries our mark" in told

    run(story)


@everywhere
def test_an_account_that_only_we_use_is_quiet(tmp_path: Path, venue: str) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            for direction in (Direction.LONG, Direction.SHORT, Direction.LONG, Direction.FLAT):
                await world.step(world.wish(direction))
                await world.step(minutes=20)

            assert await world.notices("foreign.activity") == []
            assert FOREIGN_ACTIVITY not in {cause for cause, _ in world.blocks()}

    run(story)


@everywhere
def test_a_key_that_suddenly_may_too_much_stops_entries_within_a_minute_and_exits_go_on(
    tmp_path: Path, venue: str
) -> None:
    async def story() -> None:
        async with Watched(tmp_path, venue) as world:
            await world.step(world.wish(Direction.LONG))
            await world.step(minutes=2)
            assert world.is_open()

            world.bench.widen_key(world.bench.dangerous)
            await world.step(world.wish(Direction.LONG, world.other))
            assert ("key_permissions", None) in world.blocks()
            await world.step(minutes=2)
            assert not world.is_open(world.other)
            (told,) = await world.notices("key.widened")
            assert "Untick" in told
            assert len(await world.store.audit_of(kinds=["key.widened"])) == 1
            account = (await world.store.accounts_of(OWNER))[0]
            assert account.verdict == "refused"

            await world.step(world.wish(Direction.FLAT))
            await world.step(minutes=2)
            assert not world.is_open()

            key = world.bench.key["api_key"]
            world.bench.emulator.set_permissions(key, frozenset(world.bench.needed))
            await world.step()
            assert world.blocks() == set()
            assert len(await world.notices("key.mended")) == 1
            await world.step(world.wish(Direction.LONG, world.other))
            await world.step(minutes=2)
            assert world.is_open(world.other)

    run(story)
