"""The contract of every venue, case by case: the same numbers on each, so that a fifth venue knows what is asked.

What is checked is what a trader relies on: that every outcome is proved or said to be unknown, that stream and
history tell the same, and that nothing is told twice or not at all without a StreamGap.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal

import pytest

from jarvis.domain.account import AccountEvent, LedgerKind, LedgerRow
from jarvis.domain.instrument import Side
from jarvis.domain.market import Quote
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    OrderReport,
    OrderRole,
    OrderStatus,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.domain.traits import Settlement
from jarvis.venues.base import (
    Accepted,
    AccountStream,
    Amendment,
    BarUpdate,
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Refused,
    StreamGap,
    Unreachable,
    Venue,
    VenueStatus,
)
from tests.venues.contract.bench import MINUTE, START, Bench, net
from tests.venues.contract.benches import BENCHES
from tests.venues.wires import on_virtual_time

D = Decimal
FUNDING = {LedgerKind.DEPOSIT, LedgerKind.TRANSFER}


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest) -> Bench:
    return BENCHES[request.param]()


async def accepted(venue: Venue, request: object) -> VenueOrderId:
    result = await venue.place(request)  # type: ignore[arg-type]
    assert isinstance(result, Accepted), result
    assert result.venue_order_id is not None
    return result.venue_order_id


def needs(bench: Bench, fault: str) -> None:
    """Leave a case out where its trouble cannot happen."""
    if not bench.can(fault):
        pytest.skip(f"{fault} cannot happen at {bench.name}")


async def heard(stream: AccountStream) -> Sequence[AccountEvent | StreamGap]:
    await stream.flush()
    return stream.pending()


def fills_of(events: Sequence[AccountEvent | StreamGap]) -> list[Fill]:
    return [event for event in events if isinstance(event, Fill)]


def gaps_of(events: Sequence[AccountEvent | StreamGap]) -> list[StreamGap]:
    return [event for event in events if isinstance(event, StreamGap)]


def last_report(events: Sequence[AccountEvent | StreamGap], order_id: VenueOrderId) -> OrderReport:
    return [event for event in events if isinstance(event, OrderReport) and event.venue_order_id == order_id][-1]


@on_virtual_time
async def test_case_01_an_entry_is_placed_and_told_the_same_by_stream_and_history(bench: Bench) -> None:
    entry = bench.wish()
    async with bench.venue.account_stream() as stream:
        order_id = await accepted(bench.venue, entry)
        events = await heard(stream)
    snapshot = await bench.venue.snapshot()
    history, ledger = await bench.venue.fills(START), await bench.venue.ledger(START)

    (fill,) = fills_of(events)
    assert (fill.venue_order_id, fill.client_order_id, fill.side, fill.quantity) == (
        order_id,
        entry.client_order_id,
        Side.BUY,
        D("0.1"),
    )
    assert fill.is_margin
    assert list(history) == [fill]
    assert last_report(events, order_id).status is OrderStatus.FILLED
    assert bench.open_quantity(snapshot) == bench.moved([fill]) > 0
    assert snapshot.open_orders == ()
    rows = [row for row in ledger if row.kind not in FUNDING]
    if bench.venue.traits.settlement is Settlement.MARGIN:
        assert rows == [event for event in events if isinstance(event, LedgerRow)]
        assert all(row.ref_id == fill.fill_id for row in rows)
    # The balances are what the fill and the ledger say.
    assert net(snapshot) == bench.explained([fill], rows)


@on_virtual_time
async def test_case_02_a_partial_fill_leaves_the_rest_open(bench: Bench) -> None:
    # The first level of the book holds less than this.
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D("60006"), quantity=D(3))
    async with bench.venue.account_stream() as stream:
        order_id = await accepted(bench.venue, entry)
        fills = fills_of(await heard(stream))
        filled = sum(fill.quantity for fill in fills)
        found = await bench.venue.find_order(entry.client_order_id)
        assert await bench.venue.cancel(entry.client_order_id, order_id, bench.pair)
        cancelled = last_report(await heard(stream), order_id)

    assert 0 < filled < 3
    assert found is not None
    assert (found.status, found.filled_quantity, found.quantity) == (OrderStatus.PARTLY_FILLED, filled, D(3))
    assert (cancelled.status, cancelled.filled_quantity) == (OrderStatus.CANCELLED, filled)
    assert bench.open_quantity(await bench.venue.snapshot()) == bench.moved(fills)


@on_virtual_time
async def test_case_03_a_stop_rests_and_is_amended_in_place(bench: Bench) -> None:
    await accepted(bench.venue, bench.wish())
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=D("0.09"))
    async with bench.venue.account_stream() as stream:
        order_id = await accepted(bench.venue, stop)
        if not bench.venue.traits.amends:
            assert await bench.venue.cancel(stop.client_order_id, order_id, bench.pair)
            assert last_report(await heard(stream), order_id).status is OrderStatus.CANCELLED
            stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_500), quantity=D("0.05"))
            await accepted(bench.venue, stop)
            (resting,) = (await bench.venue.snapshot()).open_orders
            assert (resting.order_type, resting.quantity, resting.trigger_price) == (
                OrderType.STOP,
                D("0.05"),
                D(59_500),
            )
            return
        change = Amendment(quantity=D("0.05"), trigger_price=D(59_500))
        result = await bench.venue.amend(stop.client_order_id, order_id, bench.pair, change)
        amended = last_report(await heard(stream), order_id)
    (resting,) = (await bench.venue.snapshot()).open_orders

    assert result == Accepted(order_id)
    assert (amended.status, amended.quantity, amended.trigger_price) == (OrderStatus.OPEN, D("0.05"), D(59_500))
    assert (resting.venue_order_id, resting.client_order_id) == (order_id, stop.client_order_id)
    assert (resting.order_type, resting.quantity, resting.trigger_price) == (OrderType.STOP, D("0.05"), D(59_500))


@on_virtual_time
async def test_case_04_a_cancel_that_lost_the_race_is_no_error(bench: Bench) -> None:
    entry = bench.wish()
    order_id = await accepted(bench.venue, entry)

    assert not await bench.venue.cancel(entry.client_order_id, order_id, bench.pair)
    found = await bench.venue.find_order(entry.client_order_id)

    assert found is not None
    assert found.status is OrderStatus.FILLED


@on_virtual_time
async def test_case_05_a_repeated_event_is_told_once(bench: Bench) -> None:
    needs(bench, "repeated_event")
    bench.fail("repeated_event", times=50)
    async with bench.venue.account_stream() as stream:
        await accepted(bench.venue, bench.wish())
        events = await heard(stream)

    assert len(fills_of(events)) == 1
    assert not gaps_of(events)
    assert len({row.row_id for row in events if isinstance(row, LedgerRow)}) == len(
        [row for row in events if isinstance(row, LedgerRow)]
    )


@pytest.mark.parametrize("fault", ["lost_event", "reordered_event", "sequence_gap", "dropped_socket"])
@on_virtual_time
async def test_case_06_what_the_stream_lost_is_said_and_the_history_has_it(bench: Bench, fault: str) -> None:
    if fault != "dropped_socket" and not bench.numbered_stream:
        pytest.skip(f"the stream of {bench.name} is not numbered: only comparing finds what is lost")
    async with bench.venue.account_stream() as stream:
        bench.fail(fault, verb="stream")
        await accepted(bench.venue, bench.wish())
        events = await heard(stream)
        # And from here on it is whole again.
        await accepted(bench.venue, bench.wish())
        later = await heard(stream)

    assert gaps_of(events) or gaps_of(later)
    history = await bench.venue.fills(START)
    assert len(history) == 2
    assert fills_of(later)[-1] == history[-1]


@on_virtual_time
async def test_case_07_a_cut_stream_comes_back_by_itself(bench: Bench) -> None:
    async with bench.venue.account_stream() as stream:
        for _ in range(3):
            bench.cut_streams()
            events = await heard(stream)
            assert len(gaps_of(events)) == 1
        await accepted(bench.venue, bench.wish())

        assert len(fills_of(await heard(stream))) == 1


@on_virtual_time
async def test_case_08_a_refusal_has_its_reason_and_leaves_nothing_behind(bench: Bench) -> None:
    wishes = {
        RefusalReason.BELOW_MINIMUM: bench.wish(quantity=D("0.000001")),
        RefusalReason.PRICE_STEP: bench.wish(order_type=OrderType.LIMIT, limit_price=D("50000.123")),
    }
    if bench.venue.traits.reduce_only:
        wishes[RefusalReason.NOTHING_TO_REDUCE] = bench.closing()
    taker = bench.wish(order_type=OrderType.LIMIT, limit_price=D(60_100), post_only=True)
    if bench.rejects_takers:
        wishes[RefusalReason.WOULD_TAKE] = taker

    for reason, request in wishes.items():
        result = await bench.venue.place(request)
        assert isinstance(result, Refused), reason
        assert result.reason is reason
    if not bench.rejects_takers:  # taken, then cancelled
        await accepted(bench.venue, taker)
        found = await bench.venue.find_order(taker.client_order_id)
        assert found is not None
        assert (found.status, found.filled_quantity or 0) == (OrderStatus.CANCELLED, 0)
    too_much = await bench.venue.place(bench.wish(quantity=D(300)))

    assert isinstance(too_much, Refused)
    assert too_much.reason in (
        RefusalReason.INSUFFICIENT_FUNDS,
        RefusalReason.MARGIN_LEVEL_TOO_LOW,
        RefusalReason.POSITION_LIMIT,
        RefusalReason.ORDER_LIMIT,
        RefusalReason.LENDING_POOL_EMPTY,
    )
    snapshot = await bench.venue.snapshot()
    assert bench.open_quantity(snapshot) == 0
    assert snapshot.open_orders == ()


AFTER_ACCEPTING = [
    "timeout_after_accept",
    "html_error_after_accept",
    "html_520",
    "unavailable_after_accept",
    "truncated_answer",
]
BEFORE_ACCEPTING = ["timeout_before_accept", "html_error_before_accept", "unavailable_before_accept"]


@pytest.mark.parametrize("fault", AFTER_ACCEPTING)
@on_virtual_time
async def test_case_09_an_order_whose_answer_was_lost_is_found(bench: Bench, fault: str) -> None:
    needs(bench, fault)
    entry = bench.wish()
    bench.fail(fault, verb="place")

    with pytest.raises(OutcomeUnknown):
        await bench.venue.place(entry)
    found = await bench.venue.find_order(entry.client_order_id)

    assert found is not None
    assert (found.status, found.client_order_id) == (OrderStatus.FILLED, entry.client_order_id)
    assert bench.orders_at_venue() == 1


@pytest.mark.parametrize("fault", BEFORE_ACCEPTING)
@on_virtual_time
async def test_case_10_an_order_that_never_arrived_is_proved_absent(bench: Bench, fault: str) -> None:
    needs(bench, fault)
    entry = bench.wish()
    bench.fail(fault, verb="place")

    with pytest.raises(OutcomeUnknown):
        await bench.venue.place(entry)
    bench.advance(1)

    assert bench.venue.send_deadline < MINUTE
    assert await bench.venue.find_order(entry.client_order_id) is None
    assert bench.orders_at_venue() == 0


@on_virtual_time
async def test_case_11_an_order_that_comes_too_late_is_not_executed(bench: Bench) -> None:
    if not bench.has_deadlines:
        pytest.skip(f"{bench.name} has no deadline for an order")
    bench.fail("delayed_before_accept", verb="place", seconds=8.0)

    result = await bench.venue.place(bench.wish())

    assert isinstance(result, Refused)
    assert result.reason is RefusalReason.TOO_LATE
    assert bench.orders_at_venue() == 0


@pytest.mark.parametrize("fault", [*AFTER_ACCEPTING, *BEFORE_ACCEPTING])
@on_virtual_time
async def test_case_12_a_lost_answer_to_a_cancel_or_an_amendment_is_unknown(bench: Bench, fault: str) -> None:
    needs(bench, fault)
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D(50_000))
    order_id = await accepted(bench.venue, entry)
    took_effect = fault in AFTER_ACCEPTING
    if bench.venue.traits.amends:
        bench.fail(fault, verb="amend")
        with pytest.raises(OutcomeUnknown):
            await bench.venue.amend(entry.client_order_id, order_id, bench.pair, Amendment(limit_price=D(50_001)))
        amended = await bench.venue.find_order(entry.client_order_id)
        assert amended is not None
        assert amended.limit_price == (D(50_001) if took_effect else D(50_000))
    bench.fail(fault, verb="cancel")
    with pytest.raises(OutcomeUnknown):
        await bench.venue.cancel(entry.client_order_id, order_id, bench.pair)
    cancelled = await bench.venue.find_order(entry.client_order_id)

    assert cancelled is not None
    assert cancelled.status is (OrderStatus.CANCELLED if took_effect else OrderStatus.OPEN)


@on_virtual_time
async def test_case_13_a_refused_nonce_is_made_good_at_once(bench: Bench) -> None:
    needs(bench, "invalid_nonce")
    bench.fail("invalid_nonce", verb="place")

    await accepted(bench.venue, bench.wish())

    assert bench.orders_at_venue() == 1


@on_virtual_time
async def test_case_14_a_limited_or_locked_out_caller_is_told_when_to_come_back(bench: Bench) -> None:
    for fault in ("rate_limited", "throttled", "lockout", "ip_banned"):
        if not bench.can(fault):
            continue
        bench.fail(fault, verb="place")
        with pytest.raises(RateLimited) as caught:
            await bench.venue.place(bench.wish())
        assert caught.value.retry_after > timedelta(0)
        bench.heal()

    assert bench.orders_at_venue() == 0


@on_virtual_time
async def test_case_15_an_empty_lending_pool_is_a_reason_of_its_own(bench: Bench) -> None:
    bench.fail("insufficient_margin_pool", verb="place")

    result = await bench.venue.place(bench.wish(quantity=D(30)))  # more than the account's own money buys

    assert isinstance(result, Refused)
    assert result.reason is RefusalReason.LENDING_POOL_EMPTY


@on_virtual_time
async def test_case_16_the_key_tells_what_it_may_do_and_what_it_may_do_since(bench: Bench) -> None:
    before = await bench.venue.key_permissions()
    bench.widen_key(bench.dangerous)
    after = await bench.venue.key_permissions()

    assert before.granted == set(bench.needed)
    assert after.granted == {*bench.needed, bench.dangerous}
    bench.fail("permission_widened")
    assert bench.dangerous in (await bench.venue.key_permissions()).granted
    if bench.can("camel_case_key_info"):
        bench.fail("camel_case_key_info")
        assert bench.dangerous in (await bench.venue.key_permissions()).granted


@on_virtual_time
async def test_case_17_a_missing_permission_is_not_permitted_and_nothing_else(bench: Bench) -> None:
    weaker = type(bench)(permissions=bench.needed[:1])  # it may only read

    with pytest.raises(NotPermitted):
        await weaker.venue.place(bench.wish())
    assert (await weaker.venue.margin_state()).equity == D(1_000_000)


@on_virtual_time
async def test_case_18_a_revoked_key_ends_the_stream_and_every_call(bench: Bench) -> None:
    async with bench.venue.account_stream() as stream:
        bench.fail("key_revoked")
        bench.cut_streams()

        with pytest.raises(KeyInvalid):
            await stream.flush()
        with pytest.raises(KeyInvalid):
            await bench.venue.snapshot()
        with pytest.raises(KeyInvalid):
            await bench.venue.place(bench.wish())


@on_virtual_time
async def test_case_19_a_snapshot_shows_positions_orders_and_margin_of_one_instant(bench: Bench) -> None:
    for _ in range(3):
        await accepted(bench.venue, bench.wish())
    await accepted(bench.venue, bench.closing(quantity=D("0.15")))
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=D("0.14"))
    await accepted(bench.venue, stop)

    snapshot = await bench.venue.snapshot()

    assert bench.open_quantity(snapshot) == bench.moved(await bench.venue.fills(START))
    for position in snapshot.positions:
        assert (position.side, position.quantity) == (Side.BUY, bench.open_quantity(snapshot))
        assert position.cost == pytest.approx(position.quantity * D(60_000), rel=D("0.002"))
        assert snapshot.margin.used_margin == pytest.approx(position.used_margin, rel=D("0.001"))
    margin = snapshot.margin
    if margin.used_margin:
        assert margin.margin_level == pytest.approx(margin.equity / margin.used_margin, rel=D("0.001"))
    assert 0 <= margin.liquidation_level < margin.call_level
    (resting,) = snapshot.open_orders
    assert (resting.client_order_id, resting.side) == (stop.client_order_id, Side.SELL)


@on_virtual_time
async def test_case_20_more_than_a_page_of_fills_and_rows_is_read_to_the_end(bench: Bench) -> None:
    async with bench.venue.account_stream() as stream:
        # Walks through more than sixty levels of the book, on both sides of a hundred fills.
        await accepted(bench.venue, bench.wish(quantity=D(30)))
        await accepted(bench.venue, bench.closing(quantity=D(25)))
        events = await heard(stream)

    streamed = fills_of(events)
    history = await bench.venue.fills(START)
    ledger = await bench.venue.ledger(START)
    assert len(streamed) > 60
    assert sum(fill.quantity for fill in history) == D(55)
    assert {fill.fill_id: fill for fill in history} == {fill.fill_id: fill for fill in streamed}
    if bench.venue.traits.settlement is Settlement.MARGIN:
        assert {row.row_id for row in ledger if row.kind is LedgerKind.MARGIN} == {
            row.row_id for row in events if isinstance(row, LedgerRow)
        }
    assert [fill.at for fill in history] == sorted(fill.at for fill in history)


@on_virtual_time
async def test_case_21_a_stop_that_is_touched_closes_the_position_while_nobody_looks(bench: Bench) -> None:
    await accepted(bench.venue, bench.wish())
    (entry,) = await bench.venue.fills(START)
    stop = bench.closing(
        OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=entry.held_quantity
    )
    order_id = await accepted(bench.venue, stop)
    async with bench.venue.account_stream() as stream:
        bench.advance(7)
        events = await heard(stream)

    (fill,) = fills_of(events)
    assert (fill.venue_order_id, fill.client_order_id, fill.side) == (order_id, stop.client_order_id, Side.SELL)
    assert fill.price <= D(59_000)
    assert last_report(events, order_id).status is OrderStatus.FILLED
    assert bench.open_quantity(await bench.venue.snapshot()) == 0


@on_virtual_time
async def test_case_22_rollover_is_charged_and_told_with_its_position(bench: Bench) -> None:
    if bench.venue.traits.settlement is not Settlement.MARGIN:
        pytest.skip("interest on what is borrowed: see the next case")
    await accepted(bench.venue, bench.wish())
    (opening,) = await bench.venue.fills(START)
    async with bench.venue.account_stream() as stream:
        bench.advance(4 * 60 + 1)
        rows = [event for event in await heard(stream) if isinstance(event, LedgerRow)]

    (rollover,) = [row for row in rows if row.kind is LedgerKind.ROLLOVER]
    assert rollover.ref_id == opening.fill_id
    assert (rollover.amount, rollover.asset) == (D(0), bench.pair.quote)
    assert rollover.fee == pytest.approx(opening.cost * D("0.0001"), abs=D("0.0001"))
    assert rollover in await bench.venue.ledger(START)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@on_virtual_time
async def test_case_22b_interest_is_charged_in_what_was_borrowed_and_repaid_with_it(bench: Bench, side: Side) -> None:
    if bench.venue.traits.settlement is not Settlement.WALLET:
        pytest.skip("charged by rollover: see the case before")
    quantity = D(30) if side is Side.BUY else D(10)
    await accepted(bench.venue, bench.wish(side=side, quantity=quantity))
    owed = bench.quote if side is Side.BUY else bench.pair.base
    bench.advance(3 * 60 + 10)
    fills = await bench.venue.fills(START)
    rows = [row for row in await bench.venue.ledger(START) if row.kind not in FUNDING]
    snapshot = await bench.venue.snapshot()

    assert len(rows) >= 3
    assert {(row.kind, row.asset, row.amount) for row in rows} == {(LedgerKind.INTEREST, owed, D(0))}
    assert all(row.fee > 0 for row in rows)
    assert net(snapshot) == bench.explained(fills, rows)
    (debt,) = [balance for balance in snapshot.balances if balance.owed]
    assert (debt.asset, debt.borrowed > 0) == (owed, True)
    rates = await bench.venue.interest_rates([owed])
    assert rows[-1].fee == pytest.approx(debt.borrowed * rates[owed], rel=D("0.05"))

    # Closing and repaying leaves no debt.
    step = (await bench.venue.instruments())[bench.pair].lot
    held = abs(bench.open_quantity(snapshot))
    if side is Side.SELL:
        held = held / (1 - D("0.002"))
    exact_lots = (held / step).to_integral_value(ROUND_DOWN if side is Side.BUY else ROUND_UP) * step
    await accepted(bench.venue, bench.closing(side=side.opposite, quantity=exact_lots))
    bench.advance(20)
    await bench.venue.repay(owed, bench.pair)
    after = await bench.venue.snapshot()
    assert all(balance.borrowed == 0 for balance in after.balances), after.balances
    if not bench.takes_interest_daily:
        assert all(balance.interest == 0 for balance in after.balances), after.balances


@on_virtual_time
async def test_case_23_a_lower_leverage_is_obeyed(bench: Bench) -> None:
    needs(bench, "leverage_cut")
    bench.fail("leverage_cut", leverage=3)
    if bench.venue.traits.settlement is Settlement.WALLET:
        lowered = (await bench.venue.instruments())[bench.pair]
        assert max(lowered.leverage_long) <= 3
        return

    refused = await bench.venue.place(bench.wish())
    instrument = (await bench.venue.instruments())[bench.pair]

    assert isinstance(refused, Refused)
    assert max(instrument.leverage_long) == 3
    await accepted(bench.venue, bench.wish(leverage=3))


@on_virtual_time
async def test_case_24_in_maintenance_nothing_is_taken_for_an_answer(bench: Bench) -> None:
    needs(bench, "maintenance")
    entry = bench.wish()
    bench.fail("maintenance")

    if bench.tells_status:
        assert await bench.venue.status() is VenueStatus.MAINTENANCE
    with pytest.raises(Unreachable):
        await bench.venue.snapshot()
    with pytest.raises((OutcomeUnknown, Unreachable)):  # unreachable where the account is asked first
        await bench.venue.place(entry)
    bench.heal()
    bench.advance(1)

    assert await bench.venue.find_order(entry.client_order_id) is None


@on_virtual_time
async def test_case_25_candles_are_finished_and_the_stream_tells_the_forming_ones(bench: Bench) -> None:
    async with bench.venue.market_stream([bench.pair], MINUTE) as stream:
        bench.advance(7)
        await stream.flush()
        events = stream.pending()
    bars = await bench.venue.bars(bench.pair, MINUTE, START)

    assert [bar.opened_at for bar in bars] == [START + n * MINUTE for n in range(7)]
    assert all(bar.closed_at <= bench.now() for bar in bars)
    assert (bars[5].open, bars[5].close) == (D(60_000), D(58_000))
    candles = {event.bar.opened_at: event.bar for event in events if isinstance(event, BarUpdate)}
    # The last that was told of a finished candle is the candle.
    assert candles[bars[5].opened_at] == bars[5]
    quotes = [event for event in events if isinstance(event, Quote)]
    assert quotes[-1].bid < quotes[-1].ask


@on_virtual_time
async def test_case_26_a_connection_that_is_dead_without_saying_so_is_noticed(bench: Bench) -> None:
    async with bench.venue.account_stream() as stream:
        bench.freeze_streams()
        await accepted(bench.venue, bench.wish())
        with pytest.raises(Unreachable):
            await stream.flush()
        await asyncio.sleep(10)
        events = await heard(stream)

    assert len(gaps_of(events)) == 1
    assert len(await bench.venue.fills(START)) == 1


@on_virtual_time
async def test_case_27_a_client_order_id_in_use_is_not_a_refusal(bench: Bench) -> None:
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D(50_000))
    await accepted(bench.venue, entry)

    with pytest.raises(OutcomeUnknown):
        await bench.venue.place(entry)

    assert bench.orders_at_venue() == 1


@on_virtual_time
async def test_case_28_checking_an_order_places_none(bench: Bench) -> None:
    result = await bench.venue.place(bench.wish(), validate_only=True)

    assert isinstance(result, Accepted)
    assert result.venue_order_id is None
    assert bench.orders_at_venue() == 0


@on_virtual_time
async def test_case_29_ioc_takes_what_is_there_and_cancels_the_rest(bench: Bench) -> None:
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D("60006"), quantity=D(3), time_in_force=TimeInForce.IOC)
    order_id = await accepted(bench.venue, entry)

    found = await bench.venue.find_order(entry.client_order_id)

    assert found is not None
    assert found.venue_order_id == order_id
    assert found.status.is_final
    assert found.filled_quantity is not None
    assert 0 < found.filled_quantity < 3
    assert (await bench.venue.snapshot()).open_orders == ()


@on_virtual_time
async def test_case_30_fees_are_the_accounts_own(bench: Bench) -> None:
    fees = await bench.venue.fee_rates([bench.pair])
    await accepted(bench.venue, bench.wish())
    (fill,) = await bench.venue.fills(START)

    rate = fees[bench.pair].taker_rate
    assert fill.fee_in_quote(D("0.0001")) == pytest.approx(fill.cost * rate, abs=D("0.01"))


@on_virtual_time
async def test_case_31_an_order_that_nobody_placed_is_absent(bench: Bench) -> None:
    assert await bench.venue.find_order(ClientOrderId("never-placed")) is None


@on_virtual_time
async def test_case_32_a_person_trades_by_hand_and_the_snapshot_still_reads(bench: Bench) -> None:
    from jarvis.sim.exchange import SimOrderRequest

    if bench.venue.traits.settlement is Settlement.WALLET:
        pytest.skip("a person's own coins and a position are one balance here: the books part them")
    by_hand = SimOrderRequest(bench.pair, Side.BUY, OrderType.LIMIT, D("0.01"), limit_price=D(50_000), userref=7)
    async with bench.venue.account_stream() as stream:
        bench.exchange.place("owner", by_hand)
        spot = SimOrderRequest(bench.pair, Side.BUY, OrderType.MARKET, D("0.02"))
        bench.exchange.place("owner", spot)
        bench.emulator.publish(bench.exchange.drain())
        events = await heard(stream)
    snapshot = await bench.venue.snapshot()

    (resting,) = snapshot.open_orders
    assert (resting.client_order_id, resting.leverage) == (None, 1)
    (fill,) = fills_of(events)
    assert (fill.client_order_id, fill.is_margin) == (None, False)
    assert list(await bench.venue.fills(START)) == [fill]
    assert {balance.asset: balance.total for balance in snapshot.balances}[bench.pair.base] == D("0.02")
    assert snapshot.positions == ()


@on_virtual_time
async def test_case_33_a_cancel_that_comes_late_finds_that_its_turn_has_passed(bench: Bench) -> None:
    needs(bench, "invalid_nonce")  # a nonce is what proves it
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D(50_000))
    order_id = await accepted(bench.venue, entry)
    bench.fail("delayed_before_accept", verb="cancel", seconds=15.0)

    with pytest.raises(OutcomeUnknown):
        await bench.venue.cancel(entry.client_order_id, order_id, bench.pair)
    before = await bench.venue.find_order(entry.client_order_id)
    await asyncio.sleep(10)
    after = await bench.venue.find_order(entry.client_order_id)

    # Once a later call was answered, the earlier one can no longer happen.
    assert before is not None
    assert after is not None
    assert before.status is after.status is OrderStatus.OPEN


@on_virtual_time
async def test_case_34_calls_at_the_same_time_do_not_overtake_each_other(bench: Bench) -> None:
    bench.fail("delayed_answer", times=3, seconds=2.0)

    states = await asyncio.gather(*(bench.venue.margin_state() for _ in range(6)))

    assert {state.equity for state in states} == {D(1_000_000)}


@on_virtual_time
async def test_case_35_candles_of_a_span_are_those_and_no_others(bench: Bench) -> None:
    bench.advance(400)
    begin, end = START + 30 * MINUTE, START + 350 * MINUTE

    bars = await bench.venue.bars(bench.pair, MINUTE, begin, end)
    before = await bench.venue.bars(bench.pair, MINUTE, START - 600 * MINUTE, START)

    assert [bar.opened_at for bar in bars] == [begin + n * MINUTE for n in range(320)]
    assert list(before) == []
