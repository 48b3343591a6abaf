"""What betrays that a stream lost an event without a trace; each rule was asked for by a seed of the simulation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import Fill, FillId, VenueOrderId
from jarvis.domain.traits import Settlement
from jarvis.ledger.journal import Account, entry_for_opening
from jarvis.live.books import ROW_COMES_WITHIN, SETTLED_WITHIN, Books
from jarvis.store.records import RecordedFill
from tests.live.test_reconcile import story

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")


def books() -> Books:
    return Books(NOON, {}, set(), {}, None, None)


def row(number: int, change: str, balance: str, ref: str = "T1") -> LedgerRow:
    return LedgerRow(
        LedgerRowId(f"L{number}"), ref, NOON + timedelta(seconds=number), LedgerKind.MARGIN, USD, Decimal(change), ZERO,
        Decimal(balance),
    )  # fmt: skip


def fill(at: datetime = NOON) -> Fill:
    return Fill(
        FillId("T1"), VenueOrderId("O1"), None, BTC, Side.BUY, Decimal(1), Decimal(100), Decimal(100), Decimal("0.4"),
        USD, at,
    )  # fmt: skip


def margin(used: str) -> MarginState:
    return MarginState(USD, NOON, Decimal(1000), Decimal(1000), Decimal(used), Decimal(900), ZERO, None)


def test_a_balance_that_does_not_follow_from_the_one_before_means_a_row_is_missing() -> None:
    kept = books()
    kept.add_row(row(1, "-1", "999"))
    kept.add_row(row(3, "-1", "996"))

    assert "row is missing" in kept.doubt(NOON, None, [])


def test_balances_that_follow_raise_no_doubt() -> None:
    kept = books()
    kept.add_row(row(1, "-1", "999"))
    kept.add_row(row(2, "-2", "997"))

    assert kept.doubt(NOON, None, []) == ""


def test_a_comparison_ends_the_doubt() -> None:
    kept = books()
    kept.add_row(row(1, "-1", "999"))
    kept.add_row(row(3, "-1", "996"))

    kept.were_compared()

    assert kept.doubt(NOON, None, []) == ""


def test_a_fill_whose_ledger_row_does_not_come_raises_doubt_after_a_while() -> None:
    kept = books()
    kept.add_fill(RecordedFill(fill(), ZERO, None))

    early = kept.doubt(NOON + ROW_COMES_WITHIN, None, [])
    late = kept.doubt(NOON + ROW_COMES_WITHIN + timedelta(seconds=1), None, [])

    assert (early, late) == ("", "a fill's ledger row did not come")


def test_a_fill_with_its_ledger_row_raises_none() -> None:
    kept = books()
    kept.add_fill(RecordedFill(fill(), ZERO, None))
    kept.add_row(row(1, "-0.4", "999.6"))

    assert kept.doubt(NOON + timedelta(minutes=1), None, []) == ""


def test_used_margin_that_our_lots_do_not_explain_raises_doubt() -> None:
    held = story(BTC, Side.BUY, "1")  # cost 100 at leverage 5: a margin of 20

    explained = books().doubt(NOON, margin("20.0100"), [held])
    unexplained = books().doubt(NOON, margin("0"), [held])

    assert (explained, unexplained) == ("", "the used margin is not what our open lots explain")


def test_what_happened_before_the_books_were_opened_is_not_booked() -> None:
    kept = books()

    assert kept.knows_fill(FillId("T0"), NOON - timedelta(seconds=1))
    assert kept.knows_row(row(-1, "5", "5"))
    assert not kept.knows_fill(FillId("T1"), NOON)


def test_a_repeat_is_known() -> None:
    kept = books()
    kept.add_fill(RecordedFill(fill(), ZERO, None))
    kept.add_row(row(1, "-0.4", "999.6"))

    assert kept.knows_fill(FillId("T1"), NOON)
    assert kept.knows_row(row(1, "-0.4", "999.6"))


# --- wallet settlement ---------------------------------------------------------------------------------------------

USDT = Asset("USDT")
BTC_USDT = Pair.parse("BTC/USDT")


def wallet_books() -> Books:
    return Books(NOON, {}, set(), {}, None, None, Settlement.WALLET)


def wallet_fill(side: Side = Side.BUY, quantity: str = "1", *, forced: bool = False) -> Fill:
    fee, asset = (Decimal("0.001"), BTC_USDT.base) if side is Side.BUY else (Decimal("0.1"), USDT)
    return Fill(
        FillId("T9"), VenueOrderId("O1"), None, BTC_USDT, side, Decimal(quantity), Decimal(100),
        Decimal(quantity) * 100, fee, asset, NOON, is_liquidation=forced,
    )  # fmt: skip


def test_in_a_wallet_a_fill_has_the_balances_looked_at_a_little_later() -> None:
    kept = wallet_books()
    kept.add_fill(RecordedFill(fill(NOON + timedelta(minutes=20)), ZERO, None))
    at = NOON + timedelta(minutes=20)

    early = kept.wallet_doubt(at + SETTLED_WITHIN - timedelta(seconds=1), at)
    late = kept.wallet_doubt(at + SETTLED_WITHIN, at)
    kept.were_compared()
    after = kept.wallet_doubt(at + SETTLED_WITHIN, at)

    assert (early, late, after) == ("", "a fill moved the balances", "")


@pytest.mark.parametrize(
    ("compared", "now", "doubts"),
    [
        ("11:59:00", "12:00:29", False),  # the venue may not show it yet
        ("11:59:00", "12:00:30", True),
        ("12:00:30", "12:05:29", False),
        ("12:00:30", "12:05:30", True),
        ("12:05:30", "12:59:59", False),
        ("12:05:30", "13:00:29", False),
        ("12:05:30", "13:00:30", True),
    ],
)
def test_in_a_wallet_interest_is_looked_for_after_each_hour_and_its_fifth_minute(
    compared: str, now: str, *, doubts: bool
) -> None:
    day = "2026-01-01T{}+00:00"

    doubt = wallet_books().wallet_doubt(
        datetime.fromisoformat(day.format(now)), datetime.fromisoformat(day.format(compared))
    )

    assert bool(doubt) is doubts


def test_a_wallet_fill_that_is_not_ours_moves_cash_and_the_owners_equity() -> None:
    booked, entry = wallet_books().entry_of(wallet_fill(), None, None)

    assert booked.position_id is None
    assert entry is not None
    assert (
        entry.amount(Account.CASH, BTC_USDT.base) == Decimal("0.999") == -entry.amount(Account.FOREIGN, BTC_USDT.base)
    )


def test_a_forced_closing_of_more_than_ours_is_divided_in_the_books() -> None:
    held = story(BTC_USDT, Side.BUY, "1")
    forced = wallet_fill(Side.SELL, "3", forced=True)

    booked, entry = wallet_books().entry_of(forced, held, held)

    assert booked.pnl == ZERO
    assert entry is not None
    assert entry.amount(Account.BASIS, BTC_USDT.base) == Decimal(1)
    assert entry.amount(Account.FOREIGN, BTC_USDT.base) == Decimal(2)
    assert entry.amount(Account.CASH, USDT) == Decimal("299.9")


def test_interest_on_an_open_short_grows_its_debt_and_late_interest_is_its_expense() -> None:
    short = replace(story(BTC_USDT, Side.SELL, "1"), opened_cost=Decimal(100), fill_ids=(FillId("T1"),))
    charged = LedgerRow(
        LedgerRowId("I1"), "I1", NOON + timedelta(minutes=5), LedgerKind.INTEREST, BTC_USDT.base, ZERO,
        Decimal("0.001"), None,
    )  # fmt: skip
    kept = wallet_books()

    made, debts = kept.entries_of(charged, [short])
    kept.add_closed(replace(short, closed_at=NOON + timedelta(minutes=6)))
    late, none = kept.entries_of(charged, [])

    assert [(debt.pair, debt.quantity) for debt in debts] == [(BTC_USDT, Decimal("0.001"))]
    assert made[0].amount(Account.BASIS, BTC_USDT.base) == Decimal("0.001")
    assert none == []
    assert (late[0].position_id, late[0].amount(Account.INTEREST, BTC_USDT.base)) == (
        short.position_id,
        Decimal("0.001"),
    )


def test_cash_follows_the_entries() -> None:
    kept = wallet_books()

    kept.add_entries([entry_for_opening([(USDT, Decimal(5))], NOON), entry_for_opening([(USDT, Decimal(-2))], NOON)])

    assert kept.cash == {USDT: Decimal(3)}
