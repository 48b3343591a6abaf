"""Each venue's arithmetic by hand: fills, fees, borrowing, interest, and the price of a liquidation."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import Borrow, SimBorrow, SimExchange, SimFill, SimInterest, SimLedger, SimLiquidation
from jarvis.sim.market import RecordedMarket, Requoted
from jarvis.sim.models import BINANCE, BINANCE_ISOLATED, OKX, VenueModel
from tests.sim.common import BTC, OWNER, START, D, bars, flat, placed, step
from tests.sim.wallets import (
    AT_BINANCE,
    AT_BYBIT,
    AT_OKX,
    BNB,
    BNB_PAIR,
    COIN,
    FREE_OF_FEES,
    ISOLATED,
    PAIR,
    USDT,
    buy,
    held,
    order,
    sell,
    smooth,
    venue_of,
)

HOUR = timedelta(hours=1)


def test_a_long_borrows_the_quote_that_is_missing_and_pays_its_fee_in_base() -> None:
    venue = venue_of(flat(50_000), AT_BYBIT)

    buy(venue, "0.04")

    # 2000 are spent: 1000 own, 1000 borrowed; 0.1 % of 0.04 are kept by the venue.
    assert (held(venue, USDT).total, held(venue, USDT).borrowed) == (D(0), D(1000))
    assert held(venue, COIN).total == D("0.03996")
    assert venue.positions(OWNER) == {PAIR: D("0.03996")}
    (told,) = venue.fills(OWNER)
    assert (told.fill.fee, told.fill.fee_asset, told.fill.cost) == (D("0.00004"), COIN, D(2000))


def test_a_short_borrows_the_base_and_pays_its_fee_in_quote() -> None:
    venue = venue_of(flat(50_000), AT_OKX)

    sell(venue, "0.04")

    # 0.04 are borrowed and sold for 2000 less 0.1 %.
    assert (held(venue, COIN).total, held(venue, COIN).borrowed) == (D(0), D("0.04"))
    assert held(venue, USDT).total == 2998
    assert venue.balances(OWNER)[COIN].total == D("-0.04")
    assert venue.positions(OWNER) == {PAIR: D("-0.04")}


@pytest.mark.parametrize(("model", "rate"), [(AT_BINANCE, "0.001"), (AT_OKX, "0.0008"), (AT_BYBIT, "0.001")])
def test_a_resting_order_pays_the_makers_fee(model: VenueModel, rate: str) -> None:
    venue = venue_of([*flat(50_000), (50_000, 50_000, 48_000, 48_000)], model)

    placed(venue, order(Side.BUY, "0.01", OrderType.LIMIT, limit="49000", borrow=Borrow.NONE))
    step(venue, 2)

    assert held(venue, COIN).total == D("0.01") * (1 - D(rate))


def test_binance_charges_the_first_hour_at_once_and_then_every_full_hour_on_the_principal() -> None:
    model = smooth(BINANCE, hourly_rates={USDT: D("0.00001")})
    venue = venue_of(flat(50_000, 130), model)
    step(venue, 55)  # 00:55

    buy(venue, "0.04")
    told = venue.advance(START + timedelta(minutes=120))

    charged = venue.interests(OWNER)
    assert [(each.interest, each.on_borrow, each.at - START) for each in charged] == [
        (D("0.01"), True, timedelta(minutes=55)),
        (D("0.01"), False, HOUR),
        (D("0.01"), False, 2 * HOUR),
    ]
    assert [each.principal for each in charged] == [1000, 1000, 1000]
    assert held(venue, USDT).interest == D("0.03")
    rows = [event.row for event in told if isinstance(event, SimLedger)]
    assert [(row.kind, row.amount, row.fee, row.asset, row.pair) for row in rows] == [
        (LedgerKind.INTEREST, ZERO, D("0.01"), USDT, None)
    ] * 3
    assert venue.ledger(OWNER)[-1].balance == D("-1000.03")


@pytest.mark.parametrize(("model", "minute"), [(AT_OKX, 0), (AT_BYBIT, 5)])
def test_okx_and_bybit_charge_once_an_hour_at_their_minute(model: VenueModel, minute: int) -> None:
    venue = venue_of(flat(50_000, 200), model)
    step(venue, 10)

    sell(venue, "0.04")
    step(venue, 180)

    at = [each.at.minute for each in venue.interests(OWNER)]
    assert at == [minute] * 3
    assert not any(each.on_borrow for each in venue.interests(OWNER))


def test_interest_in_base_grows_a_short() -> None:
    model = smooth(FREE_OF_FEES, hourly_rates={COIN: D("0.001")})
    venue = venue_of(flat(50_000, 70), model)
    sell(venue, "0.04")

    step(venue, 61)

    assert held(venue, COIN).interest == D("0.00004")
    assert venue.positions(OWNER) == {PAIR: D("-0.04004")}
    assert venue.balances(OWNER)[COIN].total == D("-0.04004")


def test_interest_ends_with_the_debt_and_begins_again_with_the_next() -> None:
    model = smooth(FREE_OF_FEES, hourly_rates={USDT: D("0.001")})
    venue = venue_of(flat(50_000, 400), model)
    buy(venue, "0.04")
    step(venue, 61)
    sell(venue, "0.03", repay=True)
    assert held(venue, USDT).borrowed == 0
    step(venue, 120)
    assert len(venue.interests(OWNER)) == 1

    buy(venue, "0.04")
    step(venue, 60)

    assert len(venue.interests(OWNER)) == 2


def test_repayment_pays_interest_first() -> None:
    model = smooth(FREE_OF_FEES, hourly_rates={USDT: D("0.001")})
    venue = venue_of(flat(50_000, 70), model)
    buy(venue, "0.04")
    step(venue, 61)
    sell(venue, "0.01")

    repaid = venue.repay(OWNER, USDT, D(3))

    assert not hasattr(repaid, "reason")
    (told,) = venue.repays(OWNER)
    assert (told.interest, told.principal, told.automatic) == (D(1), D(2), False)
    assert (held(venue, USDT).borrowed, held(venue, USDT).interest, held(venue, USDT).free) == (D(998), D(0), D(497))


def test_a_closing_sale_repays_out_of_its_proceeds() -> None:
    venue = venue_of(flat(50_000))
    buy(venue, "0.04")

    sell(venue, "0.04", repay=True)

    (told,) = venue.repays(OWNER)
    assert (told.principal, told.automatic, told.order_id) == (D(1000), True, venue.fills(OWNER)[-1].order.order_id)
    assert (held(venue, USDT).free, held(venue, USDT).borrowed) == (D(1000), D(0))


def test_fees_are_taken_in_bnb_while_there_is_enough() -> None:
    venue = venue_of(flat(50_000), AT_BINANCE, more={BNB: D("0.005")}, others={BNB_PAIR: flat(500)})
    venue.set_fee_asset(OWNER, BNB)

    buy(venue, "0.01")  # a fee of 0.5 USDT: 0.001 BNB
    buy(venue, "0.07", borrow=Borrow.FULL)  # 3.5 USDT: 0.007 BNB are not there

    fees = [(told.fill.fee, told.fill.fee_asset) for told in venue.fills(OWNER)]
    assert fees == [(D("0.001"), BNB), (D("0.00007"), COIN)]
    assert held(venue, BNB).free == D("0.004")


def test_a_cross_account_of_binance_borrows_four_times_its_equity() -> None:
    venue = venue_of(flat(50_000), smooth(BINANCE, interest_on_borrow=False))

    assert venue.max_borrowable(OWNER, USDT) == 4000
    assert venue.max_borrowable(OWNER, COIN) == D("0.08")
    assert isinstance(venue.borrow(OWNER, USDT, D(4000)), SimBorrow)
    wallet = venue.wallet(OWNER)
    assert (wallet.assets_value, wallet.debt_value, wallet.equity, wallet.initial) == (
        D(5000),
        D(4000),
        D(1000),
        D(1000),
    )
    assert (wallet.level, wallet.maintenance, wallet.call) == (D(1), D(400), D(640))
    assert venue.max_borrowable(OWNER, USDT) == 0


def test_an_isolated_account_borrows_nine_times_its_own_money_and_knows_no_other() -> None:
    venue = venue_of(flat(50_000), smooth(BINANCE))
    venue.open_account(OWNER, {USDT: D(100)}, ISOLATED)

    most = venue.max_borrowable(OWNER, USDT, ISOLATED)

    assert most == pytest.approx(D(900), rel=D("0.001"))
    assert venue.pots(OWNER) == ("", ISOLATED)
    assert venue.wallet(OWNER, ISOLATED).equity == 100
    assert venue.wallet(OWNER).equity == 1000
    assert BINANCE_ISOLATED.wallet is not None
    assert BINANCE.wallet is not None
    assert BINANCE_ISOLATED.wallet.initial == BINANCE.wallet.isolated.initial  # type: ignore[union-attr]


# 10000 own, 1 BTC at 50000 bought with 40000 borrowed: 50000 p - 40000 = m x 40000.
@pytest.mark.parametrize(
    ("model", "level"),
    [
        (AT_BINANCE, D(44_000)),  # 40000 x 1.1
        (AT_OKX, D(41_200)),  # 40000 x 1.03
        (smooth(AT_BYBIT), D("43789.48")),  # 0.95 of the coin counts: 40000 x 1.04 / 0.95, rounded down to the tick
    ],
)
def test_a_long_is_liquidated_when_equity_is_down_to_maintenance(model: VenueModel, level: Decimal) -> None:
    above, below = float(level) + 0.01, float(level)
    venue = venue_of(
        [*flat(50_000), (50_000, 50_000, above, above), (above, above, below - 0.01, below)],
        _without_costs(model),
        usdt="10000",
    )
    buy(venue, "1")

    step(venue, 2)
    assert not venue.liquidations(OWNER)
    step(venue)

    (forced,) = venue.liquidations(OWNER)
    assert (forced.pair, forced.quantity, forced.pot) == (PAIR, D(1), "")
    sale = venue.fills(OWNER)[-1]
    assert sale.fill.is_liquidation
    assert sale.fill.price <= level
    assert sale.fill.price >= level - D("0.01")
    assert held(venue, USDT).borrowed == 0
    assert held(venue, COIN).total == 0


def _without_costs(model: VenueModel) -> VenueModel:
    lending = {"hourly_rates": {USDT: ZERO, COIN: ZERO}, "liquidation_fee_rate": ZERO}
    return smooth(replace(model, fee=FREE_OF_FEES.fee), **lending)


def test_a_short_is_liquidated_when_equity_is_down_to_maintenance_and_pays_the_fee() -> None:
    # 60000 USDT held against 1 BTC: 60000 - p = 0.03 p at 58252.43 (OKX).
    model = smooth(_without_costs(AT_OKX), liquidation_fee_rate=D("0.02"))
    venue = venue_of([*flat(50_000), (50_000, 58_200, 50_000, 58_200), *flat(59_000)], model, usdt="10000")
    sell(venue, "1")
    step(venue, 2)
    assert not venue.liquidations(OWNER)

    told = venue.advance(venue.now + venue.market.step)

    assert held(venue, COIN).borrowed == 0
    # It came in a jump: bought back at 59000, 1000 are left, of which the fee of 1180 takes all.
    (row,) = [event.row for event in told if isinstance(event, SimLedger)]
    assert (row.kind, row.amount, row.fee, row.balance) == (LedgerKind.LIQUIDATION_FEE, ZERO, D(1000), ZERO)
    kinds = [type(event) for event in told if isinstance(event, SimFill | SimLiquidation)]
    assert kinds == [SimLiquidation, SimFill]


def test_a_jump_beyond_everything_leaves_a_bad_debt_for_all_to_see() -> None:
    venue = venue_of([*flat(50_000), *flat(80_000, 5)], _without_costs(AT_OKX), usdt="10000")
    sell(venue, "1")

    step(venue, 2)

    # 60000 buy 0.75 at 80000; the rest stays owed and no one tries again.
    assert held(venue, COIN).borrowed == D("0.25")
    assert held(venue, USDT).total == 0
    assert venue.wallet(OWNER).equity == -20_000
    count = len(venue.fills(OWNER))
    step(venue, 3)
    assert len(venue.fills(OWNER)) == count


def test_a_requoted_market_tells_the_same_prices_of_other_pairs() -> None:
    recorded = RecordedMarket({BTC: bars(BTC, [(1, 4, 1, 3)])})

    market = Requoted(recorded, USDT)

    assert (market.pairs, market.step, market.start, market.end) == (
        (PAIR,),
        recorded.step,
        recorded.start,
        recorded.end,
    )
    assert market.first_price(PAIR) == 1
    assert list(market.bars(START, START + HOUR)) == [Bar(PAIR, market.step, START, D(1), D(4), D(1), D(3), D(10))]
    assert market.history(PAIR, HOUR, 5) == []


def test_the_hourly_charge_is_told_with_its_principal_and_rate() -> None:
    assert OKX.wallet is not None
    venue: SimExchange = venue_of(flat(50_000, 70), AT_OKX)
    buy(venue, "0.04")

    told = venue.advance(START + HOUR)

    (charge,) = [event for event in told if isinstance(event, SimInterest)]
    rate = OKX.wallet.hourly_rates[USDT]
    assert (charge.asset, charge.principal, charge.rate, charge.interest) == (USDT, D(1000), rate, D(1000) * rate)
