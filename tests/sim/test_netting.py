"""The venue's table of netting, row by row."""

from dataclasses import replace

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import Refusal, SimOrderRequest
from jarvis.sim.models import BookModel
from tests.sim.common import BTC, OWNER, D, balance, costing, exchange, flat, now, placed, refused, request, step

THIN = BookModel(half_spread_bps=D(0), level_step_bps=D(10), level_quote_size=D(1000))


def test_a_leveraged_order_opens_one_lot_per_fill() -> None:
    venue = exchange(flat(1000), model=costing(book=THIN))

    order = placed(venue, request(Side.BUY, "2.5"))

    lots = venue.lots(OWNER)
    assert [told.fill.price for told in venue.fills(OWNER)] == [1000, 1001, 1002]
    assert [lot.cost for lot in lots] == [told.fill.cost for told in venue.fills(OWNER)]
    assert [lot.lot_id for lot in lots] == [told.fill.fill_id for told in venue.fills(OWNER)] == list(order.fill_ids)
    assert sum(lot.quantity for lot in lots) == D("2.5")


def test_an_opposite_order_closes_the_oldest_lots_first_and_its_leverage_does_not_matter() -> None:
    venue = exchange([*flat(1000), *flat(1010), *flat(1020)])
    placed(venue, request(Side.BUY, "1"))
    step(venue, 2)
    placed(venue, request(Side.BUY, "1"))
    step(venue)

    placed(venue, request(Side.SELL, "1.5", leverage=2))

    (rest,) = venue.lots(OWNER)
    told = venue.fills(OWNER)[-1]
    assert (rest.cost, rest.closed_quantity, rest.remaining_cost) == (D(1010), D("0.5"), D(505))
    assert (told.closed_quantity, told.opened_quantity, told.realised) == (D("1.5"), D(0), D(25))
    assert told.lot_id == venue.fills(OWNER)[0].fill.fill_id
    assert rest.leverage == 10


def test_what_exceeds_the_position_opens_the_other_side() -> None:
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))

    placed(venue, request(Side.SELL, "3", leverage=5))

    (lot,) = venue.lots(OWNER)
    told = venue.fills(OWNER)[-1]
    assert (lot.side, lot.quantity, lot.margin) == (Side.SELL, D(2), D(400))
    assert (told.closed_quantity, told.opened_quantity) == (D(1), D(2))


def test_reduce_only_never_flips_and_its_rest_is_cancelled() -> None:
    venue = exchange(flat(1000))
    placed(venue, request(Side.BUY, "1"))

    order = placed(venue, request(Side.SELL, "3", reduce_only=True))

    assert (order.filled_quantity, order.status.value) == (D(1), "cancelled")
    assert venue.lots(OWNER) == []


def test_reduce_only_never_opens() -> None:
    venue = exchange(flat(1000))

    without = refused(venue, request(Side.SELL, "1", reduce_only=True))
    placed(venue, request(Side.BUY, "1"))
    same_side = refused(venue, request(Side.BUY, "1", reduce_only=True))

    assert without.reason is same_side.reason is Refusal.NOTHING_TO_REDUCE


def test_an_unleveraged_opposite_order_is_a_spot_trade_and_leaves_the_position() -> None:
    venue = exchange(flat(1000), deposits={USD: D(1000), Asset("BTC"): D(1)})
    placed(venue, request(Side.BUY, "1"))

    placed(venue, request(Side.SELL, "1", leverage=None))

    assert venue.lots(OWNER)[0].remaining_quantity == 1
    assert (balance(venue, Asset("BTC")), balance(venue)) == (D(0), D(2000))
    assert [row.kind for row in venue.ledger(OWNER)[-2:]] == [LedgerKind.TRADE, LedgerKind.TRADE]


def test_quantity_zero_with_leverage_closes_the_whole_opposite_position() -> None:
    venue = exchange(flat(1000), model=costing(book=THIN))
    placed(venue, request(Side.SELL, "2.5"))

    order = placed(venue, request(Side.BUY, "0"))

    assert order.quantity == order.filled_quantity == D("2.5")
    assert venue.lots(OWNER) == []


def test_quantity_zero_without_a_position_is_refused() -> None:
    venue = exchange(flat(1000))

    assert refused(venue, request(Side.BUY, "0")).reason is Refusal.NOTHING_TO_REDUCE


def test_settling_a_long_pays_the_borrowed_quote_and_keeps_the_base_without_a_trading_fee() -> None:
    venue = exchange([*flat(1000), *flat(1200)], model=costing(taker="0.01"))
    placed(venue, request(Side.BUY, "2"))
    before = balance(venue)
    step(venue, 2)

    order = placed(venue, SimOrderRequest(BTC, Side.SELL, OrderType.MARKET, D("1.5"), 10, settle=True))

    assert order.status.value == "filled"
    assert balance(venue) == before - 1500
    assert balance(venue, Asset("BTC")) == D("1.5")
    assert [(row.kind, row.fee) for row in venue.ledger(OWNER)[-2:]] == [(LedgerKind.SETTLED, D(0))] * 2
    assert venue.lots(OWNER)[0].remaining_cost == 500


def test_settling_a_short_pays_the_borrowed_base() -> None:
    venue = exchange(flat(1000), deposits={USD: D(1000), Asset("BTC"): D(1)})
    placed(venue, request(Side.SELL, "1"))

    placed(venue, SimOrderRequest(BTC, Side.BUY, OrderType.MARKET, D(1), 10, settle=True))

    assert (balance(venue, Asset("BTC")), balance(venue)) == (D(0), D(2000))
    assert venue.lots(OWNER) == []


def test_settling_more_than_the_balances_hold_is_refused() -> None:
    venue = exchange(flat(1000), usd="500")
    placed(venue, request(Side.BUY, "2"))

    answer = refused(venue, SimOrderRequest(BTC, Side.SELL, OrderType.MARKET, D(2), 10, settle=True))

    assert answer.reason is Refusal.INSUFFICIENT_FUNDS


def test_one_margin_row_per_fill_carries_pnl_trading_fee_and_opening_fee() -> None:
    venue = exchange([*flat(1000), *flat(1100)], model=costing(taker="0.001", opening="0.0002"))
    placed(venue, request(Side.BUY, "2"))
    step(venue, 2)

    placed(venue, request(Side.SELL, "3"))

    opening, reversal = venue.ledger(OWNER)[-2:]
    assert (opening.kind, opening.amount, opening.fee) == (LedgerKind.MARGIN, D(0), D("2.4"))
    # Closing 2 realises 200; the fee is 3.3 for trading 3300 and 0.22 for opening 1100.
    assert (reversal.amount, reversal.fee) == (D(200), D("3.52"))
    assert reversal.ref_id == venue.fills(OWNER)[-1].fill.fill_id
    assert venue.fills(OWNER)[-1].fill.fee == D("3.3")


def test_every_amount_is_rounded_half_even_to_the_cost_step() -> None:
    venue = exchange(flat(100.1), model=costing(taker="0.0025"))

    placed(venue, request(Side.BUY, "0.012345"))

    fill = venue.fills(OWNER)[0].fill
    # 0.012345 x 100.1 = 1.2357345; of 1.2357 the fee 0.00308925.
    assert (fill.cost, fill.fee) == (D("1.2357"), D("0.0031"))


def test_what_lots_remember_of_their_closing_adds_up() -> None:
    venue = exchange([*flat(1000), *flat(1100)], model=costing(taker="0.001"))
    placed(venue, request(Side.BUY, "3"))
    step(venue, 2)

    placed(venue, request(Side.SELL, "1"))
    placed(venue, request(Side.SELL, "2"))

    lot = venue.lot(OWNER, venue.fills(OWNER)[0].fill.fill_id)
    assert lot is not None
    assert (lot.closed_cost, lot.closing_cost, lot.realised, lot.closing_fee) == (D(3000), D(3300), D(300), D("3.3"))
    assert lot.closed_at == venue.now
    assert len(lot.closing_fill_ids) == 2
    assert replace(lot, closed_quantity=D(1)).is_open


def test_settling_from_a_hole_ends_when_the_position_is_gone_by_the_next_open() -> None:
    venue = exchange([*flat(1000), None, (1000, 1000, 900, 950)], usd="100000")
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "0.5", OrderType.STOP, trigger="1000", reduce_only=True, close=None))
    placed(venue, request(Side.BUY, "1"))
    step(venue, 2)
    closing = placed(venue, request(Side.SELL, "1", reduce_only=True))
    settling = placed(venue, SimOrderRequest(BTC, Side.SELL, OrderType.MARKET, D(1), 10, settle=True))

    step(venue)

    assert now(venue, closing).status.value == "filled"
    ended = now(venue, settling)
    assert (ended.status.value, ended.filled_quantity) == ("cancelled", D("0.5"))
    assert venue.lots(OWNER) == []
