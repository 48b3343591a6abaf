from decimal import ROUND_DOWN, Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import Refusal
from tests.sim.common import BTC, OWNER, D, exchange, flat, placed, refused, request, step

ADA = Pair.parse("ADA/USD")


def cut(value: Decimal, decimals: int = 2) -> Decimal:
    """As the sample was written: cut off, not rounded."""
    return value.quantize(D(1).scaleb(-decimals), ROUND_DOWN)


def test_the_recorded_trade_balance_comes_out_to_the_last_digit() -> None:
    # An account seen live on 2026-07-16: one book at 10x, 1511.93 paid, worth 1500.55, and an order reserving margin.
    venue = exchange([*flat(1.51193), (1.51193, 1.51193, 1.50055, 1.50055)], pair=ADA, usd="212.0733")
    placed(venue, request(Side.BUY, "1000", pair=ADA))
    placed(venue, request(Side.BUY, "503.573", OrderType.LIMIT, pair=ADA, limit="1"))

    step(venue, 2)
    margin = venue.margin(OWNER)

    assert margin.ml is not None
    assert (cut(margin.eb), cut(margin.m), cut(margin.n)) == (D("212.07"), D("151.19"), D("-11.38"))
    assert (cut(margin.c), cut(margin.v), cut(margin.e)) == (D("1511.93"), D("1500.55"), D("200.69"))
    assert (cut(margin.mf), cut(margin.mfo, 3), cut(margin.ml)) == (D("49.50"), D("-0.857"), D("132.73"))


def test_level_is_the_margin_level_as_a_fraction_and_absent_when_flat() -> None:
    venue = exchange(flat(1000))

    flat_level = venue.margin(OWNER).level
    placed(venue, request(Side.BUY, "10"))

    assert flat_level is None
    assert venue.margin(OWNER).level == 10


def test_collateral_counts_at_its_weight_and_all_balances_at_full_value() -> None:
    venue = exchange(flat(1000), deposits={USD: D(100), Asset("BTC"): D(2), Asset("UNKNOWN"): D(7)})

    margin = venue.margin(OWNER)

    assert margin.eb == 2100
    assert margin.tb == D("2080")


def test_a_short_gains_when_the_price_falls() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 900, 900)])
    placed(venue, request(Side.SELL, "2"))

    step(venue, 2)
    margin = venue.margin(OWNER)

    assert (margin.n, margin.c, margin.v, margin.m) == (D(200), D(2000), D(1800), D(200))


def test_opening_more_than_free_margin_is_refused() -> None:
    venue = exchange(flat(1000), usd="1000")

    answer = refused(venue, request(Side.BUY, "10.01"))
    placed(venue, request(Side.BUY, "10"))

    assert answer.reason is Refusal.INSUFFICIENT_FUNDS


def test_margin_that_open_orders_reserve_is_not_free() -> None:
    venue = exchange(flat(1000), usd="1000")
    placed(venue, request(Side.BUY, "8", OrderType.LIMIT, limit="900"))

    answer = refused(venue, request(Side.BUY, "3"))

    assert answer.reason is Refusal.INSUFFICIENT_FUNDS
    assert venue.margin(OWNER).mfo == 280


def test_below_a_level_of_one_hundred_per_cent_nothing_opens_but_closing_goes_on() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 990, 990)], usd="1000")
    placed(venue, request(Side.BUY, "10"))
    step(venue, 2)

    answer = refused(venue, request(Side.BUY, "0.1"))
    closing = placed(venue, request(Side.SELL, "5", reduce_only=True))

    assert answer.reason is Refusal.MARGIN_LEVEL_TOO_LOW
    assert closing.filled_quantity == 5


def test_an_order_that_no_longer_has_margin_when_it_trades_is_cancelled() -> None:
    venue = exchange([*flat(1000), (1000, 1000, 900, 900)], usd="1000")
    resting = placed(venue, request(Side.BUY, "4", OrderType.LIMIT, limit="905"))
    placed(venue, request(Side.BUY, "6"))

    step(venue, 2)

    ended = venue.order(OWNER, resting.order_id)
    assert ended is not None
    assert (ended.status.value, ended.reason) == ("cancelled", "margin_level_too_low")


def test_a_reversal_needs_margin_for_the_excess_only() -> None:
    venue = exchange(flat(1000), usd="1000")
    placed(venue, request(Side.BUY, "9"))

    order = placed(venue, request(Side.SELL, "10"))

    assert order.filled_quantity == 10
    assert [(lot.side, lot.remaining_quantity) for lot in venue.lots(OWNER)] == [(Side.SELL, D(1))]


def test_position_limits_hold_per_side() -> None:
    venue = exchange(flat(1000), usd="1000000")

    placed(venue, request(Side.BUY, "350"))
    answer = refused(venue, request(Side.BUY, "0.01"))

    assert answer.reason is Refusal.POSITION_LIMIT
    assert venue.lots(OWNER, BTC)[0].quantity == 350
