"""Rollovers, margin calls and liquidation."""

from dataclasses import replace
from datetime import timedelta

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import InstrumentStatus, Side
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import (
    SimExchange,
    SimFill,
    SimLedger,
    SimLiquidation,
    SimMarginCall,
    SimOrderEvent,
    SimPublicTrade,
)
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import RecordedMarket
from tests.sim.common import (
    BTC,
    ETH,
    FREE,
    MINUTE,
    OWNER,
    START,
    D,
    Row,
    balance,
    bars,
    costing,
    exchange,
    flat,
    placed,
    prices,
    request,
    step,
)

HOUR = timedelta(hours=1)
CARRY = costing(rollover="0.0002")


def rollovers(venue: SimExchange) -> list[tuple[timedelta, str, str]]:
    """When each rollover was charged (after the start), for which lot, and how much."""
    return [
        (row.at - START, row.ref_id, str(row.fee.normalize()))
        for row in venue.ledger(OWNER)
        if row.kind is LedgerKind.ROLLOVER
    ]


def test_rollover_is_charged_per_lot_every_four_hours_from_its_own_opening() -> None:
    venue = exchange(flat(1000, 600), model=CARRY)
    step(venue, 7)
    first = placed(venue, request(Side.BUY, "1")).fill_ids[0]
    step(venue, 60)
    second = placed(venue, request(Side.BUY, "2")).fill_ids[0]

    step(venue, 500)

    seven = timedelta(minutes=7)
    assert rollovers(venue) == [
        (4 * HOUR + seven, first, "0.2"),
        (5 * HOUR + seven, second, "0.4"),
        (8 * HOUR + seven, first, "0.2"),
        (9 * HOUR + seven, second, "0.4"),
    ]
    assert balance(venue) == D("9998.8")


def test_rollover_is_charged_at_its_instant_within_a_long_bar_and_for_what_is_left() -> None:
    venue = exchange(flat(1000, 3), model=CARRY, step=5 * HOUR)
    step(venue)
    placed(venue, request(Side.BUY, "2"))
    placed(venue, request(Side.SELL, "0.5", OrderType.LIMIT, limit="1000.1", reduce_only=True))
    placed(venue, request(Side.SELL, "0.5"))

    step(venue)

    (charged,) = rollovers(venue)
    assert charged[0] == 9 * HOUR
    assert charged[2] == "0.3"
    assert venue.lots(OWNER)[0].next_rollover_at == START + 13 * HOUR


def test_a_closed_lot_is_charged_no_more() -> None:
    venue = exchange(flat(1000, 600), model=CARRY)
    placed(venue, request(Side.BUY, "1"))
    step(venue, 250)
    placed(venue, request(Side.SELL, "1"))

    step(venue, 300)

    assert len(rollovers(venue)) == 1


def test_a_lot_keeps_count_of_its_fees() -> None:
    venue = exchange(flat(1000, 600), model=costing(taker="0.001", opening="0.0001", rollover="0.0002"))
    placed(venue, request(Side.BUY, "1"))

    step(venue, 500)

    assert venue.lots(OWNER)[0].fee == D("1.5")


def test_a_margin_call_comes_once_per_crossing() -> None:
    # 10 BTC at 10x on 1000 USD: the level is 80 % at a price of 980.
    rows: list[Row] = [
        *flat(1000),
        (1000, 1000, 975, 976),
        (976, 977, 970, 975),
        (975, 990, 975, 990),
        (990, 990, 979, 979),
    ]
    venue = exchange(rows, usd="1000")
    placed(venue, request(Side.BUY, "10"))

    told = [[event for event in venue.advance(venue.now + MINUTE) if isinstance(event, SimMarginCall)] for _ in rows]

    assert [len(calls) for calls in told] == [0, 1, 0, 0, 1]
    assert told[1][0].level < D("0.8")


def test_below_forty_per_cent_the_oldest_lots_are_closed_until_the_account_is_healthy() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 930, 950)], usd="1000")
    placed(venue, request(Side.BUY, "4"))
    placed(venue, request(Side.BUY, "6"))
    step(venue)

    events = venue.advance(venue.now + MINUTE)

    # e = 1000 - 10 x fall = 400 = 40 % of the 1000 used: a fall of 60. After closing 4: e = 400, m = 600, 66 %; so the
    # second lot goes as well.
    forced = [event for event in events if isinstance(event, SimLiquidation)]
    fills = [event.fill for event in events if isinstance(event, SimFill)]
    assert [event.quantity for event in forced] == [4, 6]
    assert [fill.price for fill in fills] == [940, 940]
    assert all(fill.is_liquidation for fill in fills)
    assert venue.lots(OWNER) == []
    assert balance(venue) == 400


def test_liquidation_stops_as_soon_as_the_account_is_healthy() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 930, 938)], usd="1000")
    placed(venue, request(Side.BUY, "6"))
    placed(venue, request(Side.BUY, "4"))
    step(venue)

    events = venue.advance(venue.now + MINUTE)

    # After closing 6 at 940: e = 400 and m = 400, 100 %; at the bar's low of 930 it is 90 %.
    assert [event.quantity for event in events if isinstance(event, SimLiquidation)] == [6]
    assert venue.lots(OWNER)[0].remaining_quantity == 4


def test_a_gap_liquidates_at_the_open_and_may_leave_a_debt() -> None:
    venue = exchange([*flat(1000), (800, 820, 790, 800)], usd="1000")
    placed(venue, request(Side.BUY, "10"))

    step(venue, 2)

    assert prices(venue)[-1] == 800
    assert balance(venue) == -1000


def test_a_short_is_liquidated_on_the_way_up() -> None:
    venue = exchange([*flat(1000), (1000, 1100, 1000, 1050)], usd="1000")
    placed(venue, request(Side.SELL, "10"))

    step(venue, 2)

    assert prices(venue)[-1] == 1060


def test_a_stop_before_the_liquidation_price_saves_the_account() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 900, 950)], usd="1000")
    placed(venue, request(Side.BUY, "10"))
    placed(venue, request(Side.SELL, "10", OrderType.STOP, trigger="945", reduce_only=True))

    events = venue.advance(venue.now + 2 * MINUTE)

    assert not [event for event in events if isinstance(event, SimLiquidation)]
    assert prices(venue)[-1] == 945


def test_collateral_in_base_brings_the_liquidation_nearer() -> None:
    # tb = 1 BTC x 0.99, n = 4 x fall: 990 p/1000 + 4 (p - 1000) = 160 at p = 833.67.
    venue = exchange([*flat(1000), (1000, 1000, 800, 800)], deposits={USD: D(0), Asset("BTC"): D(1)})
    placed(venue, request(Side.BUY, "4"))

    step(venue, 2)

    assert prices(venue)[-1] == D("833.6")


def test_a_rollover_can_call_the_margin_and_liquidate() -> None:
    venue = exchange(flat(1000, 300), usd="1000", model=costing(rollover="0.07"))
    placed(venue, request(Side.BUY, "10"))

    events = venue.advance(START + 4 * HOUR)

    told = [type(event) for event in events if not isinstance(event, SimPublicTrade)]
    assert told[-7:] == [SimLedger, SimMarginCall, SimOrderEvent, SimLiquidation, SimFill, SimLedger, SimOrderEvent]
    assert venue.lots(OWNER) == []


def test_the_oldest_lot_goes_first_whichever_pair_it_is_in() -> None:
    rows = {BTC: [*flat(1000), (1000, 1000, 900, 900)], ETH: flat(100, 2)}
    listed = {pair: kraken_instruments()[pair] for pair in rows}
    market = RecordedMarket({pair: bars(pair, series) for pair, series in rows.items()})
    venue = SimExchange(instruments=listed, model=FREE, market=market, seed=1)
    venue.open_account(OWNER, {USD: D(1000)})
    placed(venue, request(Side.BUY, "20", pair=ETH))
    placed(venue, request(Side.BUY, "8"))

    step(venue, 2)

    forced = [told.fill for told in venue.fills(OWNER) if told.fill.is_liquidation]
    assert [fill.pair for fill in forced] == [ETH, BTC]


def test_nothing_is_liquidated_on_a_halted_pair_until_it_trades_again() -> None:
    venue = exchange([*flat(1000), (900, 910, 890, 900), (880, 880, 870, 870)], usd="1000")
    placed(venue, request(Side.BUY, "10"))
    step(venue)
    venue.set_instrument_status(BTC, InstrumentStatus.CANCEL_ONLY)

    step(venue)
    while_halted = len(venue.fills(OWNER))
    venue.set_instrument_status(BTC, InstrumentStatus.ONLINE)
    step(venue)

    assert while_halted == 1
    assert prices(venue)[-1] == 880


def test_a_venue_that_liquidates_only_to_the_liquidation_level_still_makes_progress() -> None:
    model = replace(FREE, healthy_level=D("0.4"))
    venue = exchange([*flat(1000), (1000, 1000, 900, 900)], usd="1000", model=model)
    for _ in range(5):
        placed(venue, request(Side.BUY, "2"))

    step(venue, 2)

    assert 0 < len([told for told in venue.fills(OWNER) if told.fill.is_liquidation]) <= 5
