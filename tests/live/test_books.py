"""What betrays that a stream lost an event without a trace; each rule was asked for by a seed of the simulation."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO
from jarvis.domain.order import Fill, FillId, VenueOrderId
from jarvis.live.books import ROW_COMES_WITHIN, Books
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
