"""Our adapter over Bybit's emulator: what is true of this venue alone."""

from datetime import timedelta
from decimal import ROUND_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import Asset
from jarvis.domain.order import OrderRole, OrderStatus, OrderType
from jarvis.venues.base import (
    Accepted,
    KeyInvalid,
    NotPermitted,
    RateLimited,
    RefusalReason,
    Refused,
    StreamGap,
    Unreachable,
)
from jarvis.venues.eligibility import find_margin
from tests.venues.bybit.bench import BybitBench
from tests.venues.contract import bench as contract
from tests.venues.contract.bench import START, net
from tests.venues.wires import on_virtual_time

D = Decimal
BTC = Asset("BTC")
LOT = D("0.000001")


async def place(bench: BybitBench, quantity: Decimal, side: Side, role: OrderRole = OrderRole.ENTRY) -> None:
    order = bench.wish(side=side, quantity=quantity, role=role, reduce_only=role is not OrderRole.ENTRY)
    assert isinstance(await bench.venue.place(order), Accepted)


async def explained(bench: BybitBench) -> None:
    """Balances are what fills and told rows add up to, however much was lent and repaid meanwhile."""
    fills, rows = await bench.venue.fills(START), await bench.venue.ledger(START)
    told = [row for row in rows if row.kind is not LedgerKind.TRANSFER or row.at > START]
    assert net(await bench.venue.snapshot()) == bench.explained(fills, told)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["buy", "sell", "repay", "wait"]), st.integers(1, 25)), min_size=1, max_size=7
    )
)
def test_balances_are_the_sum_of_what_was_told_whatever_happens(steps: list[tuple[str, int]]) -> None:
    @on_virtual_time
    async def run() -> None:
        bench = BybitBench()
        for verb, size in steps:
            match verb:
                case "buy" | "sell":
                    order = bench.wish(side=Side.BUY if verb == "buy" else Side.SELL, quantity=D(size))
                    await bench.venue.place(order)
                case "repay":
                    bench.advance(7)
                    for asset in (BTC, bench.quote):
                        try:
                            await bench.venue.repay(asset)
                        except RateLimited:
                            bench.advance(1)
                case _:
                    bench.advance(size * 5)
        bench.advance(1)
        await explained(bench)

    run()


@on_virtual_time
async def test_a_closed_short_stays_a_debt_until_it_is_repaid() -> None:
    bench = BybitBench()
    await place(bench, D(2), Side.SELL)
    bench.advance(1)
    await place(bench, (D(2) / D("0.999")).quantize(LOT, ROUND_UP), Side.BUY, OrderRole.SIGNAL_EXIT)
    (beside,) = [each for each in (await bench.venue.snapshot()).balances if each.asset == BTC]

    repaid = await bench.venue.repay(BTC)
    after = [each for each in (await bench.venue.snapshot()).balances if each.asset == BTC]

    # The coin lies beside the debt, and what is net is next to nothing.
    assert (beside.borrowed, beside.available > 2) == (D(2), True)
    assert abs(beside.total) < D("0.00001")
    assert repaid == D(2)
    assert all(each.owed == 0 for each in after)
    assert await bench.venue.repay(BTC) == 0
    await explained(bench)


@on_virtual_time
async def test_around_the_hours_interest_nothing_is_repaid_and_we_know_until_when() -> None:
    bench = BybitBench()
    await place(bench, D(30), Side.BUY)
    await place(bench, D(1), Side.SELL, OrderRole.SIGNAL_EXIT)
    bench.advance(4)

    with pytest.raises(RateLimited) as pause:
        await bench.venue.repay(bench.quote)

    assert pause.value.retry_after == timedelta(seconds=90)
    bench.advance(2)
    await bench.venue.repay(bench.quote)
    await explained(bench)


@on_virtual_time
async def test_a_repayment_that_the_venue_refuses_is_said() -> None:
    for fault in ("repayment_refused", "partial_repayment"):
        bench = BybitBench()
        await place(bench, D(2), Side.SELL)
        await place(bench, D(1), Side.BUY, OrderRole.SIGNAL_EXIT)
        bench.advance(1)
        assert bench.can(fault)
        bench.fail(fault)

        try:
            repaid = await bench.venue.repay(BTC)
        except (RateLimited, Unreachable):
            repaid = D(0)
        (left,) = [each for each in (await bench.venue.snapshot()).balances if each.asset == BTC]

        # What was said to be repaid is what is owed no more.
        assert left.owed == D(2) - repaid, fault
        await explained(bench)


@on_virtual_time
async def test_a_stop_rests_without_locking_what_it_protects_and_is_found_in_its_own_list() -> None:
    bench = BybitBench()
    await place(bench, D("0.1"), Side.BUY)
    stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=D("0.09"))
    target = bench.closing(
        OrderRole.TAKE_PROFIT, order_type=OrderType.TAKE_PROFIT, trigger_price=D(66_000), quantity=D("0.09")
    )
    for order in (stop, target):
        assert isinstance(await bench.venue.place(order), Accepted)

    snapshot = await bench.venue.snapshot()
    found = await bench.venue.find_order(stop.client_order_id)

    (held,) = [each for each in snapshot.balances if each.asset == BTC]
    assert held.available == held.total
    assert {order.order_type for order in snapshot.open_orders} == {OrderType.STOP, OrderType.TAKE_PROFIT}
    assert found is not None
    assert found.status is OrderStatus.OPEN
    # Another process, which has placed nothing itself, finds and cancels it too.
    again = bench.another_venue()
    assert await again.cancel(stop.client_order_id, None, bench.pair)
    assert not await again.cancel(stop.client_order_id, None, bench.pair)
    assert await again.cancel(target.client_order_id, None, bench.pair)


@on_virtual_time
async def test_a_stop_whose_price_has_passed_is_refused_and_not_left_to_wait_for_the_way_back() -> None:
    bench = BybitBench()
    await place(bench, D("0.1"), Side.BUY)

    late = await bench.venue.place(
        bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(60_500), quantity=D("0.09"))
    )

    assert isinstance(late, Refused)
    assert (await bench.venue.snapshot()).open_orders == ()


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ("spot-margin-off", RefusalReason.AGREEMENT_REQUIRED),
        ("no-quiz", RefusalReason.AGREEMENT_REQUIRED),
        ("isolated", RefusalReason.NOT_ELIGIBLE),
        ("classic", RefusalReason.NOT_ELIGIBLE),
    ],
)
@on_virtual_time
async def test_an_account_that_is_not_set_up_is_told_so(profile: str, reason: RefusalReason) -> None:
    bench = BybitBench(profile=profile)

    refused = await bench.venue.place(bench.wish())
    eligibility = await find_margin(bench.venue, {bench.pair: 10})

    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert eligibility.execution_venue is None
    assert eligibility.message == refused.message
    assert bench.orders_at_venue() == 0


@on_virtual_time
async def test_an_account_that_is_set_up_may_borrow_as_much_as_its_tiers_say() -> None:
    for profile in ("unified", "sub-account", "portfolio"):
        bench = BybitBench(profile=profile)

        eligibility = await find_margin(bench.venue, {bench.pair: 10})

        assert eligibility.execution_venue == "global", profile
        listed = (await bench.venue.instruments())[bench.pair]
        assert eligibility.max_leverage == {bench.pair: max(listed.leverage_long)}


@on_virtual_time
async def test_a_read_only_key_reads_and_does_not_trade() -> None:
    bench = BybitBench(permissions=("Spot:SpotTrade", "ReadOnly"))

    assert "ReadOnly" in (await bench.venue.key_permissions()).granted
    with pytest.raises(NotPermitted):
        await bench.venue.place(bench.wish())


@on_virtual_time
async def test_an_unbound_key_has_an_end_ninety_days_away() -> None:
    bench = BybitBench()

    permissions = await bench.venue.key_permissions()

    assert permissions.ip_allowlist == ()
    assert permissions.expires_at is not None
    assert timedelta(days=88) < permissions.expires_at - START < timedelta(days=92)


@on_virtual_time
async def test_a_refused_clock_is_measured_again_and_the_call_made_good() -> None:
    bench = BybitBench()
    bench.fail("clock_refused", verb="place")

    assert isinstance(await bench.venue.place(bench.wish()), Accepted)
    assert bench.orders_at_venue() == 1


@on_virtual_time
async def test_an_order_that_the_venue_did_not_find_once_is_looked_for_before_it_is_called_gone() -> None:
    bench = BybitBench()
    entry = bench.wish(order_type=OrderType.LIMIT, limit_price=D(50_000))
    placed = await bench.venue.place(entry)
    assert isinstance(placed, Accepted)
    bench.fail("order_not_found", verb="cancel", times=3)

    assert await bench.venue.cancel(entry.client_order_id, placed.venue_order_id, bench.pair)
    found = await bench.venue.find_order(entry.client_order_id)

    assert found is not None
    assert found.status is OrderStatus.CANCELLED


@on_virtual_time
async def test_a_fill_that_the_stream_lost_without_a_word_is_noticed() -> None:
    bench = BybitBench()
    async with bench.venue.account_stream() as stream:
        bench.fail("silently_lost_event", verb="stream")
        await bench.venue.place(bench.wish())
        await stream.flush()
        await stream.flush()
        events = stream.pending()

    assert [event for event in events if isinstance(event, StreamGap)]
    assert len(await bench.venue.fills(START)) == 1


@on_virtual_time
async def test_a_key_of_another_region_is_not_accepted() -> None:
    bench = BybitBench()
    bench.fail("wrong_region")

    with pytest.raises((KeyInvalid, NotPermitted)):
        await bench.venue.snapshot()


@on_virtual_time
async def test_a_liquidation_is_told_as_the_venues_own_fills_and_the_books_still_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contract, "DRAWN", [60_000] * 3 + [38_500] * 57)
    bench = BybitBench(deposit=10_000)
    await place(bench, D("0.45"), Side.BUY)
    bench.advance(10)

    fills = await bench.venue.fills(START)

    assert not fills[0].is_liquidation
    assert any(fill.is_liquidation for fill in fills)
    assert all(fill.is_margin for fill in fills)
    await explained(bench)
