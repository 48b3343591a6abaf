"""A live trader where fills settle in the wallet, on virtual time over the simulated exchange."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderRole, OrderStatus
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.ledger.journal import Account, EntryKind
from jarvis.sim.instruments import binance_instruments, bybit_instruments, okx_instruments
from jarvis.sim.models import BINANCE, BYBIT, OKX
from jarvis.trading.events import EngineEvent, Flatten, OrderLost
from jarvis.trading.strategy import Direction
from tests.live.simvenue import USDT
from tests.live.walletworld import ACCOUNT, BTC, ETH, OWNER, WalletWorld
from tests.simulation.loop import VirtualLoop

D = Decimal
SEEDS = int(os.environ.get("WALLET_SEEDS", "2"))
FIRST = int(os.environ.get("WALLET_FIRST", "1"))
BINANCE_WAY = VenueTraits(Settlement.WALLET, reduce_only=False, amends=False)
BYBIT_WAY = VenueTraits(Settlement.WALLET, reduce_only=False, amends=True)
FUTURES_WAY = VenueTraits(Settlement.WALLET, reduce_only=True, amends=True)


def binance(folder: Path, **changes: object) -> WalletWorld:
    return replace(WalletWorld(folder, BINANCE, binance_instruments(), BINANCE_WAY), **changes)  # type: ignore[arg-type]


def bybit(folder: Path, **changes: object) -> WalletWorld:
    world = WalletWorld(folder, BYBIT, bybit_instruments(), BYBIT_WAY, repays=False, locks=False)
    return replace(world, **changes)  # type: ignore[arg-type]


def okx(folder: Path, **changes: object) -> WalletWorld:
    return replace(WalletWorld(folder, OKX, okx_instruments(), FUTURES_WAY, locks=False), **changes)  # type: ignore[arg-type]


def least(world: WalletWorld) -> Decimal:
    instrument = world.exchange.instruments[BTC]
    return instrument.min_quantity if world.traits.reduce_only else 2 * instrument.lot


def run(story: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story())  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [binance, bybit, okx])
@pytest.mark.parametrize("direction", [Direction.LONG, Direction.SHORT])
def test_a_position_opens_protected_bears_interest_and_closes_with_exact_books(
    tmp_path: Path, made: Callable[..., WalletWorld], direction: Direction
) -> None:
    async def story() -> None:
        async with made(tmp_path) as world:
            await world.step(world.wish(direction, share="0.08"))
            await world.step(count=5)
            await world.check_rest()
            (opened,) = await world.store.open_positions(OWNER, ACCOUNT)
            await world.step(count=6 * 18)
            await world.check_rest()
            (held,) = await world.store.open_positions(OWNER, ACCOUNT)
            await world.step(world.wish(Direction.FLAT))
            await world.step(count=20)
            await world.check_rest()

            assert await world.store.open_positions(OWNER, ACCOUNT) == []
            (closed,) = await world.store.closed_positions(OWNER, ACCOUNT)
            result = closed.waterfall()
            assert opened.protection
            assert held.facts is not None
            assert held.facts.borrowed_asset == (USDT if direction is Direction.LONG else BTC.base)
            assert sum(held.interest().values(), ZERO) > 0 or direction is Direction.LONG
            assert result.adjustment == ZERO
            assert result.trading_fee < 0
            balances = world.exchange.balances("ada")
            # A reduce-only order buys no more than is owed, so the fee kept of it stays owed: less than an order.
            owed = {asset: balance.owed for asset, balance in balances.items() if balance.owed >= least(world)}
            assert owed == {}
            assert abs(world.exchange.positions("ada").get(BTC, ZERO)) < least(world)

    run(story)


@pytest.mark.parametrize("made", [binance, bybit, okx])
def test_random_trading_with_lost_answers_comes_to_rest_with_exact_books(
    tmp_path: Path, made: Callable[..., WalletWorld]
) -> None:
    async def story(seed: int) -> None:
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with made(folder, seed=seed) as world:
            random = Random(seed)
            world.venue.trouble = 0.1
            for _ in range(60):
                wishes = [
                    world.wish(random.choice(list(Direction)), pair, str(random.choice((0.001, 0.004))), targets=True)
                    for pair in (BTC, ETH)
                    if random.random() < 0.15
                ]
                await world.step(*wishes)
                await world.check()
                if random.random() < 0.02:
                    await world.restart()
            world.venue.trouble = 0
            await world.step(count=100)
            await world.check_rest()

    for seed in range(FIRST, FIRST + SEEDS):
        run(lambda seed=seed: story(seed))  # type: ignore[misc]


def test_the_owners_own_coins_and_debts_are_theirs(tmp_path: Path) -> None:
    async def story() -> None:
        deposits = {USDT: D(10_000), BTC.base: D("0.5"), ETH.base: D("0.1")}
        async with binance(tmp_path, deposits=deposits) as world:
            world.exchange.borrow("ada", ETH.base, D("0.5"))
            await world.step(world.wish(Direction.SHORT, share="0.08"))
            await world.step(count=10)
            await world.step(world.wish(Direction.FLAT))
            await world.step(count=10)
            await world.check_rest()

            (opening,) = [e for e in await world.store.entries(OWNER, ACCOUNT) if e.kind is EntryKind.OPENING]
            assert opening.amount(Account.CASH, BTC.base) == D("0.5")
            assert opening.amount(Account.CASH, USDT) == D(10_000)
            assert world.exchange.balances("ada")[BTC.base].total >= D("0.5")
            assert world.exchange.balances("ada")[ETH.base].borrowed == D("0.5")
            assert not [asset for asset, _ in world.venue.repaid if asset == ETH.base]

    run(story)


def test_a_balance_that_nothing_explains_freezes_entries_and_says_both_numbers(tmp_path: Path) -> None:
    async def story() -> None:
        async with binance(tmp_path) as world:
            await world.step(count=3)
            world.venue.hidden = D(-7)
            await world.restart()
            await world.step(world.wish(Direction.LONG))
            await world.step(count=3)
            told = [each.message for each in await world.store.activities(OWNER, ACCOUNT, limit=50)]
            refused = await world.store.open_positions(OWNER, ACCOUNT)
            world.venue.hidden = ZERO
            await world.step(count=20)
            await world.step(world.wish(Direction.LONG))
            await world.step(count=3)

            assert any("the venue says 9993, our journal says 10000" in each for each in told)
            assert refused == []
            assert len(await world.store.open_positions(OWNER, ACCOUNT)) == 1

    run(story)


def test_a_deposit_is_no_profit_and_keeps_the_balances_equal(tmp_path: Path) -> None:
    async def story() -> None:
        async with bybit(tmp_path) as world:
            await world.step(count=3)
            world.exchange.adjust("ada", BTC.base, D("0.1"), LedgerKind.DEPOSIT)
            await world.step(count=6 * 16)
            await world.check_rest()

            totals = await world.store.totals(OWNER, ACCOUNT)
            assert totals[Account.TRANSFERS, BTC.base] == D("-0.1")
            assert totals[Account.CASH, Asset("BTC")] == D("0.1")

    run(story)


def test_what_closing_left_owed_is_repaid_where_the_venue_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with bybit(tmp_path) as world:
            await world.step(world.wish(Direction.SHORT, share="0.08"))
            await world.step(count=5)
            await world.step(world.wish(Direction.FLAT))
            await world.step(count=10)

            assert [asset for asset, _ in world.venue.repaid] == [BTC.base]
            assert world.exchange.balances("ada")[BTC.base].owed == ZERO

    run(story)


def test_interest_is_read_shortly_after_each_hour_though_nothing_else_happens(tmp_path: Path) -> None:
    async def story() -> None:
        async with binance(tmp_path) as world:
            await world.step(world.wish(Direction.SHORT, share="0.08"))
            await world.step(count=6 * 18)

            (held,) = await world.store.open_positions(OWNER, ACCOUNT)
            charged = [e for e in held.entries if e.kind is EntryKind.INTEREST]
            assert len(charged) == len(world.exchange.interests("ada")) == 2
            assert held.story.position.accrued == sum((i.interest for i in world.exchange.interests("ada")), ZERO)

    run(story)


def test_a_forced_closing_is_booked_to_the_last_digit_and_stops_the_account(tmp_path: Path) -> None:
    async def story() -> None:
        async with bybit(tmp_path) as world:
            await world.step(world.wish(Direction.SHORT, share="0.08"))
            await world.step(count=3)
            wallet = world.exchange.wallet("ada")
            taken = (wallet.equity - wallet.debt_value * D("0.03")).quantize(D("0.01"))
            world.exchange.adjust("ada", USDT, -taken, LedgerKind.ADJUSTMENT)
            await world.step(count=100)
            await world.check_rest()

            assert world.exchange.liquidations("ada")
            assert await world.store.open_positions(OWNER, ACCOUNT) == []
            (closed,) = await world.store.closed_positions(OWNER, ACCOUNT)
            assert closed.story.exit_role is OrderRole.LIQUIDATION
            assert closed.waterfall().liquidation != ZERO
            told = {each.kind for each in await world.store.activities(OWNER, ACCOUNT, limit=50)}
            assert "liquidation" in told

    run(story)


def test_fees_in_a_third_asset_are_its_own_expense(tmp_path: Path) -> None:
    async def story() -> None:
        bnb = Asset("BNB")
        pairs = (BTC, Pair(bnb, USDT))
        async with binance(tmp_path, pairs=pairs, deposits={USDT: D(10_000), bnb: D(5)}) as world:
            world.exchange.set_fee_asset("ada", bnb)
            await world.step(world.wish(Direction.SHORT, share="0.08"))
            await world.step(count=10)
            await world.step(world.wish(Direction.FLAT))
            await world.step(count=10)
            await world.check_rest()

            totals = await world.store.totals(OWNER, ACCOUNT)
            assert totals[Account.TRADING_FEE, bnb] > 0
            assert totals.get((Account.TRADING_FEE, USDT), ZERO) == ZERO
            assert world.exchange.positions("ada").get(BTC, ZERO) < world.exchange.instruments[BTC].lot

    run(story)


def test_orders_that_were_proved_on_the_way_are_not_looked_up_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with binance(tmp_path) as world:
            await world.step(world.wish(Direction.LONG), world.wish(Direction.LONG, ETH), count=3)
            trader = world.trader
            assert trader is not None
            engine = trader._engine
            stops = [each for each in engine.state.orders.values() if each.request.role is OrderRole.STOP]
            assert {stop.request.pair for stop in stops} == {BTC, ETH}
            for stop in stops:
                engine.process(OrderLost(stop.client_order_id, world.clock.now()))
            process = trader._process

            async def leading_to_two_cancels(event: EngineEvent) -> bool:
                # Each cancellation of an order that is gone looks up everything that is not known.
                trader._process = process  # type: ignore[method-assign]
                done = await process(event)
                await trader._look_up_lost()
                await trader._look_up_lost()
                return done

            trader._process = leading_to_two_cancels  # type: ignore[method-assign]
            await trader._look_up_lost()

            assert {engine.state.orders[each.client_order_id].status for each in stops} == {OrderStatus.OPEN}
            await world.step()
            await world.check()

    run(story)


def test_cancelling_an_order_that_has_ended_is_no_alarm(tmp_path: Path) -> None:
    async def story() -> None:
        async with binance(tmp_path) as world:
            await world.step(world.wish(Direction.SHORT), count=3)
            trader = world.trader
            assert trader is not None
            (stop,) = [each for each in trader._engine.state.orders.values() if each.request.role is OrderRole.STOP]
            assert world.exchange.cancel("ada", stop.venue_order_id)  # type: ignore[arg-type]
            world.exchange.drain()  # nobody is told

            trader.command(Flatten(world.clock.now()))
            await world.step(count=3)

            told = await world.store.activities(OWNER, ACCOUNT)
            assert "order_lost" not in {each.kind for each in told}
            assert not trader._engine.state.stories
            await world.check()

    run(story)
