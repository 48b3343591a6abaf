"""What only Binance does, over its emulator: debts and their repayment, interest, tokens, bans, forced closings."""

import asyncio
from decimal import ROUND_UP, Decimal

import pytest

from jarvis.domain.account import AccountEvent, LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, OrderRole, OrderStatus, OrderType
from jarvis.venues.base import Accepted, RateLimited, RefusalReason, Refused, StreamGap
from tests.venues.binance.bench import BinanceBench, BinanceIsolatedBench
from tests.venues.contract import bench as drawn
from tests.venues.contract.bench import START, net
from tests.venues.wires import on_virtual_time

D = Decimal
USDT, BTC = Asset("USDT"), Asset("BTC")
BENCHES = [BinanceBench, BinanceIsolatedBench]

both = pytest.mark.parametrize("kind", BENCHES)


async def owed(bench: BinanceBench, asset: Asset) -> Decimal:
    balances = (await bench.venue.snapshot()).balances
    return sum((balance.owed for balance in balances if balance.asset == asset), ZERO)


async def assert_explained(bench: BinanceBench) -> None:
    """What fills and rows tell is what every balance has become."""
    fills, rows = await bench.venue.fills(START), await bench.venue.ledger(START)
    # The deposit is a transfer at the very start, which the bench counts by itself.
    rows = [row for row in rows if row.kind is not LedgerKind.TRANSFER]
    assert net(await bench.venue.snapshot()) == bench.explained(fills, rows)


@both
@pytest.mark.parametrize("side", list(Side))
@on_virtual_time
async def test_a_position_lives_on_a_loan_and_its_exit_repays_it(kind: type[BinanceBench], side: Side) -> None:
    bench = kind(deposit=1_000)
    entry = bench.wish(side=side, quantity=D("0.05"))
    assert isinstance(result := await bench.venue.place(entry), Accepted)
    borrowed_asset = USDT if side is Side.BUY else BTC
    assert "borrowed" in result.description
    assert await owed(bench, borrowed_asset) > 0
    bench.advance(130)
    await assert_explained(bench)

    held = net(await bench.venue.snapshot())[BTC]
    # A short buys back what it owes and the fee that is taken out of it.
    quantity = abs(held) if side is Side.BUY else (-held / D("0.999")).quantize(D("0.00001"), ROUND_UP)
    quantity = quantity.quantize(D("0.00001"), "ROUND_DOWN") if side is Side.BUY else quantity
    exit_ = bench.wish(side=side.opposite, role=OrderRole.SIGNAL_EXIT, reduce_only=True, quantity=quantity)
    assert isinstance(await bench.venue.place(exit_), Accepted)
    await bench.venue.repay(borrowed_asset, bench.pair)

    assert await owed(bench, borrowed_asset) == 0
    assert (await bench.venue.margin_state()).margin_level is None
    assert abs(net(await bench.venue.snapshot()).get(BTC, ZERO)) < D("0.0001")
    await assert_explained(bench)


@both
@pytest.mark.parametrize("fault", ["partial_repayment", "repayment_refused"])
@on_virtual_time
async def test_a_debt_that_an_exit_left_is_repaid_when_asked(kind: type[BinanceBench], fault: str) -> None:
    bench = kind(deposit=1_000)
    assert isinstance(await bench.venue.place(bench.wish(quantity=D("0.05"))), Accepted)
    bench.fail(fault)
    held = net(await bench.venue.snapshot())[BTC].quantize(D("0.00001"), "ROUND_DOWN")
    assert isinstance(await bench.venue.place(bench.closing(quantity=held)), Accepted)

    for _ in range(4):
        try:
            await bench.venue.repay(USDT, bench.pair)
        except RateLimited:
            bench.advance(1)
    bench.heal()
    await bench.venue.repay(USDT, bench.pair)

    assert await owed(bench, USDT) == 0
    assert await bench.venue.repay(USDT, bench.pair) == 0
    await assert_explained(bench)


@both
@on_virtual_time
async def test_interest_is_told_by_history_and_not_by_the_stream(kind: type[BinanceBench]) -> None:
    bench = kind(deposit=1_000)
    async with bench.venue.account_stream() as stream:
        assert isinstance(await bench.venue.place(bench.wish(quantity=D("0.05"))), Accepted)
        bench.advance(130)
        await stream.flush()
        events = stream.pending()
    rows = [row for row in await bench.venue.ledger(START) if row.kind is LedgerKind.INTEREST]
    rates = await bench.venue.interest_rates([USDT])

    assert not [event for event in events if isinstance(event, LedgerRow)]
    # When it is borrowed, and at two full hours.
    assert len(rows) == 3
    assert all(row.asset == USDT and row.amount == 0 and row.fee > 0 for row in rows)
    assert {row.pair for row in rows} == {bench.pair if kind is BinanceIsolatedBench else None}
    debt = await owed(bench, USDT)
    assert rows[-1].fee == pytest.approx(debt * rates[USDT], rel=D("0.01"))


@both
@on_virtual_time
async def test_a_dead_token_ends_the_stream_and_a_fresh_one_begins_it(kind: type[BinanceBench]) -> None:
    bench = kind()
    async with bench.venue.account_stream() as stream:
        bench.fail("listen_token_expired", verb="stream")
        assert isinstance(await bench.venue.place(bench.wish()), Accepted)
        await asyncio.sleep(5)
        await stream.flush()
        before = stream.pending()
        assert isinstance(await bench.venue.place(bench.wish()), Accepted)
        await stream.flush()
        events: list[AccountEvent | StreamGap] = list(stream.pending())

    assert [event for event in before if isinstance(event, StreamGap)]
    assert [event for event in events if isinstance(event, Fill)]
    assert not [event for event in events if isinstance(event, StreamGap)]


@both
@on_virtual_time
async def test_a_token_is_renewed_before_its_day_is_over(kind: type[BinanceBench]) -> None:
    bench = kind()
    async with bench.venue.account_stream() as stream:
        # Most of nine hours, in which only what is asked for keeps the connection alive.
        for _ in range(8):
            bench.advance(60)
            await asyncio.sleep(30)
        await stream.flush()

        assert stream.pending() == []


@both
@on_virtual_time
async def test_who_is_banned_keeps_silent(kind: type[BinanceBench]) -> None:
    bench = kind()
    bench.fail("ip_banned", verb="place")
    with pytest.raises(RateLimited):
        await bench.venue.place(bench.wish())
    with pytest.raises(RateLimited):
        await bench.venue.place(bench.wish())
    bench.heal()

    assert bench.orders_at_venue() == 0


@both
@on_virtual_time
async def test_a_refused_clock_is_set_and_the_order_placed_once(kind: type[BinanceBench]) -> None:
    bench = kind()
    bench.fail("clock_refused", verb="place")

    assert isinstance(await bench.venue.place(bench.wish()), Accepted)
    assert bench.orders_at_venue() == 1


@both
@on_virtual_time
async def test_modifying_is_cancelling_proving_and_making_anew(kind: type[BinanceBench]) -> None:
    bench = kind()
    assert isinstance(await bench.venue.place(bench.wish()), Accepted)
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=D("0.0999"))
    assert isinstance(placed := await bench.venue.place(stop), Accepted)

    assert await bench.venue.cancel(stop.client_order_id, placed.venue_order_id, bench.pair)
    gone = await bench.venue.find_order(stop.client_order_id)
    tighter = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_500), quantity=D("0.0999"))
    assert isinstance(await bench.venue.place(tighter), Accepted)

    assert gone is not None
    assert gone.status is OrderStatus.CANCELLED
    (resting,) = (await bench.venue.snapshot()).open_orders
    assert (resting.client_order_id, resting.trigger_price) == (tighter.client_order_id, D(59_500))


@both
@on_virtual_time
async def test_a_stop_that_would_trigger_at_once_is_refused(kind: type[BinanceBench]) -> None:
    bench = kind()
    assert isinstance(await bench.venue.place(bench.wish()), Accepted)
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(61_000), quantity=D("0.0999"))

    refused = await bench.venue.place(stop)

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.WOULD_TAKE


@both
@on_virtual_time
async def test_a_resting_entry_borrows_when_it_is_placed_and_repays_when_it_is_cancelled(
    kind: type[BinanceBench],
) -> None:
    bench = kind(deposit=1_000)
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D(50_000), quantity=D("0.05"))
    assert isinstance(placed := await bench.venue.place(entry), Accepted)
    assert await owed(bench, USDT) > 0

    assert await bench.venue.cancel(entry.client_order_id, placed.venue_order_id, bench.pair)
    await bench.venue.repay(USDT, bench.pair)

    assert await owed(bench, USDT) == 0
    await assert_explained(bench)


@both
@on_virtual_time
async def test_the_venues_own_closing_is_marked_and_its_fee_is_told(
    kind: type[BinanceBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "DRAWN", [60_000] * 6 + [46_000] * 60)
    bench = kind(deposit=1_000)
    async with bench.venue.account_stream() as stream:
        quantity = D("0.06")
        assert isinstance(await bench.venue.place(bench.wish(quantity=quantity)), Accepted)
        await stream.flush()
        stream.pending()
        bench.advance(10)
        await stream.flush()
        events = stream.pending()
    fills, rows = await bench.venue.fills(START), await bench.venue.ledger(START)

    assert not fills[0].is_liquidation
    assert any(fill.is_liquidation for fill in fills[1:])
    assert any(row.kind is LedgerKind.LIQUIDATION_FEE for row in rows)
    # The stream cannot say that it was the venue's: it sends us to the history.
    assert any(isinstance(event, StreamGap) for event in events)
    assert not any(isinstance(event, Fill) for event in events)
    await assert_explained(bench)


@on_virtual_time
async def test_isolated_pairs_do_not_share_their_margin() -> None:
    bench = BinanceIsolatedBench()
    eth = Pair.parse("ETH/USDT")
    assert isinstance(await bench.venue.place(bench.wish(side=Side.SELL, quantity=D(1))), Accepted)

    snapshot = await bench.venue.snapshot()

    assert snapshot.margin.of(bench.pair).margin_level is not None
    if eth in snapshot.margin.by_pair:
        assert snapshot.margin.of(eth).margin_level is None
    assert snapshot.margin.equity == sum(state.equity for state in snapshot.margin.by_pair.values())


@both
@on_virtual_time
async def test_after_a_restart_everything_is_found_again(kind: type[BinanceBench]) -> None:
    bench = kind()
    entries = [bench.wish(quantity=D("0.01")) for _ in range(25)]
    for entry in entries:
        assert isinstance(await bench.venue.place(entry), Accepted)
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=D("0.2"))
    assert isinstance(await bench.venue.place(stop), Accepted)
    told = await bench.venue.fills(START)
    credential = bench.signer.credential(bench.key["api_key"], bench.key["secret"], venue="binance")
    bench.venue = reborn = bench.reopened(bench.signer.bound(credential))

    assert await reborn.fills(START) == told
    assert {fill.client_order_id for fill in told} == {entry.client_order_id for entry in entries}
    found = await reborn.find_order(stop.client_order_id)
    assert found is not None
    assert found.trigger_price == D(59_000)
    async with reborn.account_stream() as stream:
        assert (await reborn.snapshot()).open_orders == (found,)
        bench.advance(8)
        await stream.flush()
        events = stream.pending()
    # The stop of the former life is known from the snapshot, so its fills are told as such.
    assert {event.client_order_id for event in events if isinstance(event, Fill)} == {stop.client_order_id}
    assert not any(isinstance(event, StreamGap) for event in events)


@both
@on_virtual_time
async def test_the_venues_count_of_weights_is_the_one_that_we_keep(kind: type[BinanceBench]) -> None:
    bench = kind(deposit=100_000)
    refused = None
    for _ in range(100):
        result = await bench.venue.place(bench.wish(quantity=D("0.001")))
        if isinstance(result, Refused):
            refused = result
            break

    # The heavy orders of one minute are used up for entries, and an exit still goes out.
    assert refused is not None
    assert refused.reason is RefusalReason.RATE_LIMIT
    assert "kept for exits" in refused.message
    assert isinstance(await bench.venue.place(bench.closing(quantity=D("0.05"))), Accepted)


@both
@on_virtual_time
async def test_the_burning_of_bnb_is_told(kind: type[BinanceBench]) -> None:
    burns = await kind().venue.fee_burn()

    assert set(map(type, burns)) == {bool}
