from datetime import UTC, datetime
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot, LedgerKind, LedgerRow, LedgerRowId, MarginState, VenuePosition
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD

D = Decimal
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")


def test_a_snapshot_sums_a_pairs_positions_with_their_sign() -> None:
    positions = (
        VenuePosition(BTC, Side.SELL, D(2), D(200), D(20)),
        VenuePosition(BTC, Side.SELL, D(1), D(100), D(10)),
        VenuePosition(ETH, Side.BUY, D(5), D(50), D(5)),
    )
    margin = MarginState(USD, AT, D(1), D(1), D(0), D(1), D(0), None)
    snapshot = AccountSnapshot(AT, (), margin, positions, ())

    assert snapshot.quantity(BTC) == -3
    assert snapshot.quantity(ETH) == 5
    assert snapshot.quantity(Pair.parse("LTC/USD")) == 0


def test_a_ledger_row_changes_the_balance_by_its_amount_less_its_fee() -> None:
    row = LedgerRow(LedgerRowId("L1"), "T1", AT, LedgerKind.MARGIN, USD, D(10), D("0.4"), D(100))

    assert row.change == D("9.6")
