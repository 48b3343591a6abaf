"""What orders out of a wallet keep, borrow, repay and are refused; pots; what leaves; the venue's switches."""

from dataclasses import replace

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderStatus, OrderType
from jarvis.sim.exchange import Borrow, Refusal, SimBorrow, SimMarginCall, SimOrderRequest, SimRefused, SimRepay, ladder
from jarvis.sim.instruments import binance_instruments, okx_instruments
from jarvis.sim.models import OKX, BookModel
from tests.sim.common import BTC, OWNER, D, exchange, flat, now, placed, refused, step
from tests.sim.wallets import (
    AT_BINANCE,
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

LIMIT, STOP = OrderType.LIMIT, OrderType.STOP


def test_an_order_that_may_not_borrow_is_refused_when_own_money_is_short() -> None:
    venue = venue_of(flat(50_000))

    assert refused(venue, order(Side.BUY, "0.0201", borrow=Borrow.NONE)).reason is Refusal.INSUFFICIENT_FUNDS
    assert refused(venue, order(Side.SELL, "0.01", borrow=Borrow.NONE)).reason is Refusal.INSUFFICIENT_FUNDS
    assert not venue.drain()
    buy(venue, "0.02", borrow=Borrow.NONE)
    assert held(venue, COIN).free == D("0.02")


def test_an_order_may_borrow_all_that_it_spends() -> None:
    venue = venue_of(flat(50_000))

    buy(venue, "0.01", borrow=Borrow.FULL)

    assert (held(venue, USDT).free, held(venue, USDT).borrowed) == (D(1000), D(500))


def test_no_more_is_lent_than_the_initial_rate_allows() -> None:
    venue = venue_of(flat(50_000))

    assert refused(venue, order(Side.SELL, "0.20001")).reason is Refusal.INSUFFICIENT_FUNDS
    sell(venue, "0.2")
    assert venue.wallet(OWNER).level == 1


def test_at_binance_a_resting_order_borrows_when_it_is_placed() -> None:
    venue = venue_of(flat(50_000), smooth(AT_BINANCE, interest_on_borrow=False))

    resting = placed(venue, order(Side.BUY, "0.05", LIMIT, limit="40000"))

    assert [each.amount for each in venue.borrows(OWNER)] == [1000]
    assert venue.borrows(OWNER)[0].order_id == resting.order_id
    assert (held(venue, USDT).locked, held(venue, USDT).free) == (D(2000), D(0))
    venue.cancel(OWNER, resting.order_id)
    assert (held(venue, USDT).free, held(venue, USDT).borrowed) == (D(2000), D(1000))


def test_elsewhere_a_resting_order_keeps_own_money_and_borrows_as_it_fills() -> None:
    venue = venue_of([*flat(50_000), (50_000, 50_000, 39_000, 41_000)])

    placed(venue, order(Side.BUY, "0.05", LIMIT, limit="40000"))

    assert (held(venue, USDT).locked, held(venue, USDT).borrowed) == (D(1000), D(0))
    step(venue, 2)
    assert (held(venue, USDT).total, held(venue, USDT).borrowed) == (D(0), D(1000))
    assert held(venue, COIN).total == D("0.05")


@pytest.mark.parametrize("borrow", [Borrow.MISSING, Borrow.FULL])
def test_what_resting_orders_would_borrow_is_not_lent_twice(borrow: Borrow) -> None:
    venue = venue_of(flat(50_000))
    before = venue.max_borrowable(OWNER, USDT)

    placed(venue, order(Side.BUY, "0.2", LIMIT, limit="40000", borrow=borrow))

    kept = D(8000) if borrow is Borrow.FULL else D(7000)
    assert venue.max_borrowable(OWNER, USDT) == before - kept
    assert held(venue, USDT).locked == 8000 - kept
    assert refused(venue, order(Side.BUY, "0.1", LIMIT, limit="40000", borrow=Borrow.FULL)).reason


@pytest.mark.parametrize(("locks", "left"), [(True, 9000), (False, 10_000)])
def test_what_a_waiting_order_would_borrow_is_kept_for_it_if_it_keeps_anything(locks: bool, left: int) -> None:
    venue = venue_of(flat(50_000))

    placed(venue, order(Side.SELL, "0.02", STOP, trigger="45000", locks=locks))

    assert venue.max_borrowable(OWNER, USDT) == left


def test_a_waiting_order_keeps_its_money_unless_it_is_told_not_to() -> None:
    venue = venue_of(flat(50_000), more={COIN: D("0.01")})

    stop = placed(venue, order(Side.SELL, "0.01", STOP, trigger="45000", borrow=Borrow.NONE))
    assert held(venue, COIN).free == 0
    venue.cancel(OWNER, stop.order_id)
    placed(venue, order(Side.SELL, "0.01", STOP, trigger="45000", borrow=Borrow.NONE, locks=False))

    assert held(venue, COIN).free == D("0.01")


def test_a_woken_order_that_kept_nothing_is_cancelled_when_its_money_is_gone() -> None:
    venue = venue_of([*flat(50_000), (50_000, 50_000, 44_000, 44_000)], more={COIN: D("0.01")})
    stop = placed(venue, order(Side.SELL, "0.01", STOP, trigger="45000", borrow=Borrow.NONE, locks=False))
    sell(venue, "0.01", borrow=Borrow.NONE)

    step(venue, 2)

    assert (now(venue, stop).status, now(venue, stop).reason) == (OrderStatus.CANCELLED, "Insufficient funds")


def test_a_woken_limit_that_rests_keeps_its_money_from_then_on() -> None:
    kind = OrderType.STOP_LIMIT
    venue = venue_of([*flat(50_000), (45_500, 45_500, 44_000, 44_000)], more={COIN: D("0.01")})
    placed(venue, order(Side.SELL, "0.01", kind, trigger="45000", limit="49000", borrow=Borrow.NONE, locks=False))

    step(venue, 2)

    assert held(venue, COIN).locked == D("0.01")


def test_a_reducing_sale_never_goes_beyond_what_is_open() -> None:
    venue = venue_of(flat(50_000), AT_OKX, more={COIN: D(1)})
    assert refused(venue, order(Side.SELL, "0.01", reduce_only=True)).reason is Refusal.NOTHING_TO_REDUCE
    buy(venue, "0.01")

    closing = placed(venue, order(Side.SELL, "0.02", reduce_only=True, repay=True))

    # The fee left 0.00999, and the lot is 0.00001.
    assert venue.fills(OWNER)[-1].fill.quantity == D("0.00999")
    assert closing.status is OrderStatus.CANCELLED
    assert venue.positions(OWNER) == {}


def test_a_reducing_buy_covers_its_fee_to_the_last_lot() -> None:
    venue = venue_of(flat(50_000), AT_OKX, instruments=okx_instruments())
    sell(venue, "0.01")

    buy(venue, "0.02", reduce_only=True, repay=True)

    # 0.01 / 0.999 is a little more than 0.01001001: one lot more leaves that lot over.
    assert venue.fills(OWNER)[-1].fill.quantity == D("0.01001002")
    assert venue.positions(OWNER) == {PAIR: D("0.00000001")}
    assert (held(venue, COIN).borrowed, held(venue, COIN).total) == (ZERO, D("0.00000001"))


def test_a_reducing_buy_covers_the_fees_of_many_fills() -> None:
    thin = replace(OKX, book=BookModel(level_quote_size=D(777)))
    venue = venue_of(flat(50_000), thin, usdt="10000", instruments=okx_instruments())
    sell(venue, "0.1")

    buy(venue, "0.2", reduce_only=True, repay=True)

    assert len(venue.fills(OWNER)) > 10
    assert 0 <= venue.positions(OWNER).get(PAIR, ZERO) <= D("0.00000001")
    assert held(venue, COIN).borrowed == 0


def test_a_buy_given_in_quote_never_costs_more() -> None:
    venue = venue_of(flat(50_000), OKX, usdt="200000")

    bought = placed(venue, order(Side.BUY, "150000", in_quote=True, borrow=Borrow.NONE))

    assert bought.status is OrderStatus.FILLED
    assert len(venue.fills(OWNER)) > 2
    assert 0 <= 150_000 - bought.filled_cost < 1


def test_an_amended_order_borrows_what_it_lacks_then() -> None:
    venue = venue_of(flat(50_000), smooth(AT_BINANCE, interest_on_borrow=False))
    resting = placed(venue, order(Side.BUY, "0.02", LIMIT, limit="40000"))
    assert not venue.borrows(OWNER)

    venue.amend(OWNER, resting.order_id, quantity=D("0.03"))

    assert [each.amount for each in venue.borrows(OWNER)] == [200]
    assert held(venue, USDT).locked == 1200


def test_a_partly_filled_order_that_borrowed_all_does_not_borrow_again() -> None:
    venue = venue_of(flat(50_000), smooth(AT_BINANCE, interest_on_borrow=False), usdt="100000")

    buy(venue, "1", borrow=Borrow.FULL)

    assert sum(each.amount for each in venue.borrows(OWNER)) == 50_000


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_borrowing_and_repaying_by_hand_moves_no_net_balance() -> None:
    venue = venue_of(flat(50_000))

    borrowed = venue.borrow(OWNER, COIN, D("0.1"))
    repaid = venue.repay(OWNER, COIN, None)

    assert isinstance(borrowed, SimBorrow)
    assert isinstance(repaid, SimRepay)
    assert (borrowed.amount, repaid.principal, borrowed.order_id) == (D("0.1"), D("0.1"), None)
    assert venue.balances(OWNER)[COIN].total == 0
    assert [row.kind for row in venue.ledger(OWNER)] == [LedgerKind.DEPOSIT]


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_nothing_is_not_borrowed(amount: str) -> None:
    answer = venue_of(flat(50_000)).borrow(OWNER, USDT, D(amount))

    assert isinstance(answer, SimRefused)
    assert answer.reason is Refusal.INVALID


def test_the_venue_does_not_lend_what_it_has_not_or_to_whom_it_will_not() -> None:
    venue = venue_of(flat(50_000))

    venue.set_lendable(COIN, lendable=False)
    assert refused(venue, order(Side.SELL, "0.01")).reason is Refusal.NOT_ELIGIBLE
    assert venue.max_borrowable(OWNER, COIN) == 0
    venue.set_lendable(COIN, lendable=True)
    venue.set_can_borrow(OWNER, can_borrow=False)
    assert refused(venue, order(Side.SELL, "0.01")).reason is Refusal.NOT_ELIGIBLE
    venue.set_can_borrow(OWNER, can_borrow=True)
    sell(venue, "0.01")


def test_repaying_more_than_is_owed_or_free_is_refused() -> None:
    venue = venue_of(flat(50_000))
    assert isinstance(venue.repay(OWNER, USDT, D(1)), SimRefused)
    buy(venue, "0.04")

    for amount in (D(1001), D(1), None):
        assert isinstance(venue.repay(OWNER, USDT, amount), SimRefused)


# --- what leaves, and pots --------------------------------------------------------------------------------------------


def test_what_debts_need_as_margin_may_not_leave() -> None:
    venue = venue_of(flat(50_000))
    sell(venue, "0.1")

    with pytest.raises(ValueError, match="needed as margin"):
        venue.adjust(OWNER, USDT, D(-501), LedgerKind.WITHDRAWAL)
    row = venue.adjust(OWNER, USDT, D(-500), LedgerKind.TRANSFER)

    assert row.balance == 5500


def test_a_transfer_opens_an_isolated_account_and_its_rows_name_the_pair() -> None:
    venue = venue_of(flat(50_000), AT_BINANCE)

    row = venue.adjust(OWNER, USDT, D(50), LedgerKind.TRANSFER, pot=ISOLATED)

    assert (row.pair, row.balance) == (PAIR, D(50))
    assert venue.pots(OWNER) == ("", ISOLATED)
    with pytest.raises(ValueError, match="no part of"):
        venue.adjust(OWNER, Asset("DOGE"), D(1), LedgerKind.TRANSFER, pot=ISOLATED)
    with pytest.raises(ValueError, match="not listed"):
        venue.open_account(OWNER, {}, "DOGE/USDT")
    with pytest.raises(ValueError, match="already"):
        venue.open_account(OWNER, {}, ISOLATED)
    with pytest.raises(ValueError, match="no isolated"):
        venue_of(flat(50_000)).open_account(OWNER, {}, ISOLATED)


def test_orders_of_an_isolated_account_use_its_money_alone() -> None:
    venue = venue_of(flat(50_000), smooth(AT_BINANCE, hourly_rates={USDT: D(0), COIN: D(0)}))
    venue.open_account(OWNER, {USDT: D(100)}, ISOLATED)

    buy(venue, "0.01", pot=ISOLATED)

    assert (held(venue, USDT, ISOLATED).borrowed, held(venue, USDT).free) == (D(400), D(1000))
    (told,) = venue.fills(OWNER)
    assert (told.pot, venue.borrows(OWNER)[0].pot) == (ISOLATED, ISOLATED)
    assert venue.positions(OWNER) == {PAIR: D("0.00999")}


def test_only_the_account_that_fails_is_liquidated() -> None:
    # Isolated: 0.00999 p is 1.05 times the 410 that are owed at about 43094; the cross account owes nothing.
    venue = venue_of([*flat(50_000), (50_000, 50_000, 42_000, 42_000)], AT_BINANCE)
    venue.open_account(OWNER, {USDT: D(100)}, ISOLATED)
    buy(venue, "0.01", pot=ISOLATED)
    buy(venue, "0.01")
    cross, isolated = [placed(venue, order(Side.BUY, "0.001", LIMIT, limit="10000", pot=pot)) for pot in ("", ISOLATED)]

    step(venue, 2)

    assert [each.pot for each in venue.liquidations(OWNER)] == [ISOLATED]
    assert now(venue, cross).is_open
    assert (now(venue, isolated).status, now(venue, isolated).reason) == (OrderStatus.CANCELLED, "Liquidation")
    assert held(venue, USDT, ISOLATED).borrowed == 0
    fee = venue.ledger(OWNER)[-1]
    assert (fee.kind, fee.pair) == (LedgerKind.LIQUIDATION_FEE, PAIR)


def test_a_call_is_told_once_at_the_call_rate() -> None:
    # 10000 own, 0.4 BTC: 10000 borrowed; 0.4 p - 10000 = 800 at 27000.
    rows = [*flat(50_000), (50_000, 50_000, 27_000.01, 27_000.01), *flat(27_000), *flat(26_999)]
    venue = venue_of(rows, FREE_OF_FEES, usdt="10000")
    buy(venue, "0.4")

    step(venue, 2)
    assert not [event for event in venue.drain() if isinstance(event, SimMarginCall)]
    calls = [event for event in venue.advance(venue.now + 2 * venue.market.step) if isinstance(event, SimMarginCall)]

    assert [(each.pot, each.level) for each in calls] == [("", D("0.8"))]
    assert not venue.liquidations(OWNER)


def test_the_margin_of_a_wallet_is_its_equity_over_its_initial_margin() -> None:
    venue = venue_of(flat(50_000))
    sell(venue, "0.1")
    placed(venue, order(Side.SELL, "0.01", LIMIT, limit="60000"))

    told = venue.margin(OWNER)

    assert (told.e, told.m, told.mf, told.mfo, told.level) == (D(1000), D(500), D(500), D(450), D(2))
    assert (told.eb, told.tb, told.n, told.c, told.v) == (D(1000), D(1000), D(0), D(5000), D(5000))


def test_a_forced_closing_waits_for_a_pair_without_a_price() -> None:
    venue = venue_of([*flat(50_000), None, None, *flat(20_000), *flat(20_000)], usdt="10000")
    buy(venue, "0.4")

    step(venue, 3)
    assert not venue.liquidations(OWNER)
    step(venue, 2)

    assert venue.liquidations(OWNER)
    assert held(venue, COIN).total == 0


def test_an_isolated_account_trades_and_borrows_its_own_pair_alone() -> None:
    venue = venue_of(flat(50_000), AT_BINANCE, others={BNB_PAIR: flat(500)})
    venue.open_account(OWNER, {USDT: D(100)}, ISOLATED)

    assert refused(venue, order(Side.BUY, "0.1", pair=BNB_PAIR, pot=ISOLATED)).reason is Refusal.INVALID
    answer = venue.borrow(OWNER, BNB, D("0.01"), ISOLATED)

    assert isinstance(answer, SimRefused)
    assert answer.reason is Refusal.NOT_ELIGIBLE


def test_an_asset_without_a_rate_is_not_lent() -> None:
    venue = venue_of(flat(50_000), smooth(FREE_OF_FEES, hourly_rates={USDT: D(0)}))

    assert refused(venue, order(Side.SELL, "0.01")).reason is Refusal.NOT_ELIGIBLE


def test_debts_of_some_assets_may_demand_more() -> None:
    venue = venue_of(flat(50_000), smooth(FREE_OF_FEES, initial_rates={COIN: D("0.5")}))

    assert (venue.max_borrowable(OWNER, USDT), venue.max_borrowable(OWNER, COIN)) == (D(10_000), D("0.04"))


def test_levels_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="opened above where it is called"):
        smooth(FREE_OF_FEES, maintenance=D("0.09"))
    with pytest.raises(ValueError, match="opened above where it is called"):
        smooth(FREE_OF_FEES, initial_rates={COIN: D("0.01")})


def test_a_venue_of_lots_has_no_wallets() -> None:
    venue = exchange(flat(50_000))

    assert venue.pots(OWNER) == ("",)
    assert venue.positions(OWNER) == {}
    with pytest.raises(ValueError, match="no wallet accounts"):
        venue.wallet(OWNER)


def test_positions_of_lots_are_their_sums() -> None:
    venue = exchange(flat(50_000, 2))
    for _ in range(2):
        placed(venue, SimOrderRequest(BTC, Side.SELL, OrderType.MARKET, D("0.1"), leverage=5))

    assert venue.positions(OWNER) == {BTC: D("-0.2")}


def test_a_quote_buys_whole_lots_level_by_level() -> None:
    book = BookModel(half_spread_bps=D(0), level_step_bps=D(10_000), level_quote_size=D(100))
    instrument = replace(binance_instruments()[PAIR], tick=D(1), lot=D("0.1"), cost_step=D(1))

    # 1 at 100, then 0.5 at 200: the next 0.3 at 300 would cost 90.
    assert ladder.affordable(book, instrument, D(100), D(289)) == D("1.7")
    # 0.1 at 105 costs 10 when rounded to whole coins, 0.3 cost 32.
    flat_book = replace(book, level_step_bps=D(0))
    assert ladder.affordable(flat_book, instrument, D(105), D("31.5")) == D("0.2")
