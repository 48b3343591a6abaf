"""Books of wallet settlement: each asset's cash is the venue's balance, and every result sums exactly."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import PositionId
from jarvis.domain.position import NOTHING_REALISED
from jarvis.domain.traits import Settlement
from jarvis.ledger.attribution import DecidedFill, tax_lots, waterfall
from jarvis.ledger.book import Book
from jarvis.ledger.charges import Holder, Share, shares
from jarvis.ledger.journal import (
    Account,
    EntryKind,
    entry_for_foreign_wallet_fill,
    entry_for_opening,
    entry_for_wallet_fill,
    totals,
)
from tests.ledger.wallets import BNB, BTC, ETH, START, STEP, USDT, D, Drawn, fill_of, histories, interest_of

ONE, TWO = PositionId("p1"), PositionId("p2")


def wallet_book() -> Book:
    return Book({BTC: STEP, ETH: STEP}, Settlement.WALLET)


@given(histories())
def test_every_asset_sums_to_zero_and_cash_is_the_sum_of_all_changes(drawn: Drawn) -> None:
    book = drawn.book()

    per_asset: dict[Asset, object] = {}
    cash = {}
    for (account, asset), amount in totals(book.entries).items():
        per_asset[asset] = per_asset.get(asset, ZERO) + amount  # type: ignore[operator]
        if account is Account.CASH:
            cash[asset] = amount
    assert set(per_asset.values()) <= {ZERO}
    assert {asset: cash.get(asset, ZERO) for asset in drawn.cash} == drawn.cash


@given(histories())
def test_basis_is_what_the_positions_hold_and_what_their_lots_cost(drawn: Drawn) -> None:
    book = drawn.book()

    ids = {position_id: fill.pair for fill, position_id in (e for e in drawn.events if isinstance(e, tuple))}
    positions = [book.position(pair, position_id) for position_id, pair in ids.items()]
    for pair in (BTC, ETH):
        held = sum((each.quantity for each in positions if each.pair == pair), ZERO)
        assert -book.balance(Account.BASIS, pair.base) == held
    cost = sum((each.cost * each.side.sign for each in positions if each.side), ZERO)
    assert book.balance(Account.BASIS, USDT) == cost


@given(histories(), st.integers(1, 2_000_000), st.integers(1, 2_000_000))
def test_realised_and_unrealised_less_fees_and_interest_is_the_change_of_equity(
    drawn: Drawn, bitcoin: int, ether: int
) -> None:
    book = drawn.book()
    prices = {BTC: D(bitcoin) / 100, ETH: D(ether) / 100}

    equity = drawn.cash.get(USDT, ZERO) + sum((drawn.cash.get(p.base, ZERO) * prices[p] for p in prices), ZERO)

    ids = {position_id: fill.pair for fill, position_id in (e for e in drawn.events if isinstance(e, tuple))}
    unrealised = sum((book.position(pair, each).unrealised(prices[pair]) for each, pair in ids.items()), ZERO)
    realised = -book.balance(Account.PRICE, USDT)
    fees = book.balance(Account.TRADING_FEE, USDT)
    interest = book.balance(Account.INTEREST, USDT)
    # Interest in base that no short of ours owed is the account's own, in base.
    beside = sum((book.balance(Account.INTEREST, pair.base) * prices[pair] for pair in prices), ZERO)
    assert equity == realised + unrealised - fees - interest - beside


@given(histories(), st.integers(1, 2_000_000))
def test_a_waterfall_sums_to_what_its_position_did_to_cash_beside_what_it_holds(drawn: Drawn, decided: int) -> None:
    book = drawn.book()

    for position_id in {e[1] for e in drawn.events if isinstance(e, tuple)}:
        own = [entry for entry in book.entries if entry.position_id == position_id]
        fills = [
            DecidedFill(e[0], D(decided) / 10) for e in drawn.events if isinstance(e, tuple) and e[1] == position_id
        ]
        result = waterfall(position_id, USDT, book.entries, fills)
        moved = sum((entry.amount(a, USDT) for entry in own for a in (Account.CASH, Account.BASIS)), ZERO)
        assert result.total == moved
        assert result.adjustment == ZERO


@given(histories())
def test_tax_lots_tell_all_profit_where_no_interest_was_bought_back(drawn: Drawn) -> None:
    own = [(e[0], e[1]) for e in drawn.events if isinstance(e, tuple)]
    book = wallet_book()
    for fill, position_id in own:
        book.add_fill(fill, position_id)

    lots = [
        lot
        for position_id in {each for _, each in own}
        for lot in tax_lots([fill for fill, each in own if each == position_id], STEP)
    ]

    assert sum((lot.pnl for lot in lots), ZERO) == -book.balance(Account.PRICE, USDT)


def test_a_short_with_interest_in_bitcoin_and_a_fee_at_the_buy_back_by_hand() -> None:
    """Sell 1 BTC at 60,000 (fee 60 USDT); owe 0.002 BTC of interest; buy 1.004 BTC at 50,000 with a fee in BTC.

    The fee of 0.001004 BTC is worth 50.20 USDT, so 1.002996 BTC for 50,149.80 USDT are in hand. 1 BTC closes what was
    sold: 50,149.80 x 1 / 1.002996 = 50,000. 0.002 BTC close the interest: 100 USDT. 0.000996 BTC stay, for 49.80 USDT.
    """
    book = wallet_book()
    sold = fill_of(1, Side.SELL, "1", "60000")
    bought = fill_of(9, Side.BUY, "1.004", "50000")

    book.add_fill(sold, ONE)
    book.add_row(interest_of(2, BTC.base, "0.0015"))
    book.add_row(interest_of(3, BTC.base, "0.0005"))
    book.add_fill(bought, ONE)

    assert book.balance(Account.CASH, USDT) == D(60000) - 60 - 50200
    assert book.balance(Account.CASH, BTC.base) == D("-1") - D("0.002") + D("1.004") - D("0.001004") == D("0.000996")
    assert -book.balance(Account.PRICE, USDT) == D(10000)
    assert book.balance(Account.INTEREST, USDT) == D(100)
    assert book.balance(Account.TRADING_FEE, USDT) == D("110.20")
    assert book.balance(Account.BASIS, USDT) == D("49.80")
    assert book.balance(Account.BASIS, BTC.base) == D("-0.000996")
    (rest,) = book.position(BTC, ONE).lots
    assert (rest.side, rest.quantity, rest.cost) == (Side.BUY, D("0.000996"), D("49.80"))
    result = waterfall(ONE, USDT, book.entries, [DecidedFill(sold, D(60100)), DecidedFill(bought, D(50000))])
    assert (result.price, result.slippage) == (D(10100), D(-100))
    assert (result.interest, result.trading_fee) == (D(-100), D("-110.20"))
    assert result.total == D("9789.80")


def test_a_fee_in_a_third_asset_is_an_expense_in_that_asset() -> None:
    fill = fill_of(1, Side.BUY, "0.5", "100", fee="0.02", fee_asset=BNB)

    entry = entry_for_wallet_fill(fill, NOTHING_REALISED, ONE, STEP)

    assert (entry.amount(Account.CASH, BNB), entry.amount(Account.TRADING_FEE, BNB)) == (D("-0.02"), D("0.02"))
    assert (entry.amount(Account.CASH, BTC.base), entry.amount(Account.BASIS, BTC.base)) == (D("0.5"), D("-0.5"))
    assert (entry.amount(Account.CASH, USDT), entry.amount(Account.BASIS, USDT)) == (D(-50), D(50))


def test_a_forced_closing_of_more_than_ours_leaves_the_rest_to_the_owner() -> None:
    book = wallet_book()
    book.add_fill(fill_of(1, Side.BUY, "1", "100", fee="0", fee_asset=USDT), ONE)
    forced = fill_of(2, Side.SELL, "3", "80", fee="2.4", is_liquidation=True)
    part = replace(forced, quantity=D(1), cost=D(80))
    _, realised = book.position(BTC, ONE).apply(part)

    entry = entry_for_wallet_fill(forced, realised, ONE, STEP, ours=D(1))

    assert entry.amount(Account.LIQUIDATION, USDT) == D(20)
    assert entry.amount(Account.CASH, USDT) == D(240) - D("2.4")
    assert (entry.amount(Account.FOREIGN, USDT), entry.amount(Account.FOREIGN, BTC.base)) == (D(-160), D(2))
    assert entry.amount(Account.BASIS, BTC.base) == D(1)
    assert entry.amount(Account.TRADING_FEE, USDT) == D("2.4")


def test_a_fill_of_the_owners_is_the_owners_equity() -> None:
    fill = replace(fill_of(1, Side.BUY, "1", "100"), is_margin=False)

    entry = entry_for_foreign_wallet_fill(fill)

    assert (entry.kind, entry.position_id) == (EntryKind.FOREIGN, None)
    assert entry.amount(Account.CASH, BTC.base) == D("0.999") == -entry.amount(Account.FOREIGN, BTC.base)
    assert entry.amount(Account.CASH, USDT) == D(-100) == -entry.amount(Account.FOREIGN, USDT)
    with pytest.raises(ValueError, match="plain spot trade"):
        entry_for_wallet_fill(fill, NOTHING_REALISED, None, STEP)


def test_what_was_there_before_is_booked_as_the_owners_own() -> None:
    entry = entry_for_opening([(BTC.base, D(2)), (USDT, D(-300)), (BNB, ZERO)], START)

    assert entry.kind is EntryKind.OPENING
    assert {(p.account, p.asset, p.amount) for p in entry.postings} == {
        (Account.CASH, BTC.base, D(2)),
        (Account.OPENING, BTC.base, D(-2)),
        (Account.CASH, USDT, D(-300)),
        (Account.OPENING, USDT, D(300)),
    }


def holder(name: str, side: Side = Side.BUY, weight: str = "100", **changes: object) -> Holder:
    usual = Holder(PositionId(name), BTC, side, D(weight), START, None, owes=side is Side.SELL)
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_interest_in_quote_is_shared_by_cost_and_the_last_bears_the_remainder() -> None:
    row = interest_of(5, USDT, "0.1000")
    bearers = [holder("a"), holder("b", weight="200", pair=ETH), holder("c", Side.SELL)]

    assert shares(row, bearers) == [
        Share(D("0.0333"), PositionId("a"), BTC),
        Share(D("0.0667"), PositionId("b"), ETH),
    ]


def test_interest_in_base_grows_the_shorts_debt_and_of_a_closed_one_is_an_expense() -> None:
    row = interest_of(5, BTC.base, "0.0001")
    later = START + timedelta(minutes=6)

    assert shares(row, [holder("a", Side.SELL)]) == [Share(D("0.0001"), PositionId("a"), BTC, grows_debt=True)]
    assert shares(row, [holder("a", Side.SELL, closed_at=later, owes=False)]) == [
        Share(D("0.0001"), PositionId("a"), BTC)
    ]
    assert shares(row, [holder("a")]) == [Share(D("0.0001"), None, None)]


def test_a_charge_of_one_pairs_own_margin_is_borne_by_that_pair() -> None:
    row = interest_of(5, USDT, "0.1", pair=ETH)

    assert shares(row, [holder("a"), holder("b", pair=ETH)]) == [Share(D("0.1"), PositionId("b"), ETH)]
    assert shares(row, [holder("a")]) == [Share(D("0.1"), None, ETH)]


def test_a_charge_before_a_position_or_after_it_is_not_its_own() -> None:
    row = interest_of(5, USDT, "0.1")
    early, late = row.at - timedelta(minutes=5), row.at + timedelta(minutes=5)

    assert shares(row, [holder("a", opened_at=late)]) == [Share(D("0.1"), None, None)]
    assert shares(row, [holder("a", closed_at=early)]) == [Share(D("0.1"), None, None)]
    # Borrowing, and the charge for it, come with the order: a little before the first fill.
    assert shares(row, [holder("a", opened_at=row.at + timedelta(seconds=2))])[0].position_id == "a"


def test_a_liquidations_fee_is_borne_by_what_was_just_closed() -> None:
    row = interest_of(5, USDT, "7", kind=LedgerKind.LIQUIDATION_FEE)
    book = wallet_book()
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), ONE)
    book.add_fill(fill_of(3, Side.SELL, "0.999", "80", is_liquidation=True), ONE)

    (entry,) = book.add_row(row)

    assert (entry.position_id, entry.amount(Account.LIQUIDATION_FEE, USDT)) == (ONE, D(7))
    result = waterfall(ONE, USDT, book.entries, [])
    assert result.liquidation == D("79.92") - D("99.9") - 7
    assert result.total == result.liquidation + result.trading_fee


def test_lots_of_one_position_are_never_closed_by_another() -> None:
    book = wallet_book()
    book.add_fill(fill_of(1, Side.BUY, "1", "100"), ONE)
    book.add_fill(fill_of(2, Side.SELL, "0.99", "110"), ONE)
    book.add_fill(fill_of(3, Side.SELL, "1", "120"), TWO)

    assert book.position(BTC, ONE).quantity == D("0.009")
    assert book.position(BTC, TWO).quantity == D(-1)
