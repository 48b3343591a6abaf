"""When the venue is asked again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, Order, OrderRequest, OrderRole, OrderType
from jarvis.domain.traits import Settlement
from jarvis.live.books import Books
from jarvis.live.rhythm import (
    EQUITY_AT_MOST_EVERY_SECONDS,
    EQUITY_EVERY,
    IDLE_MARGIN_EVERY,
    MARGIN_EVERY,
    MISMATCH_EVERY,
    RECONCILE_AT_MOST_EVERY,
    RECONCILE_EVERY,
    Rhythm,
)
from jarvis.trading.state import EngineState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")
MOMENT = timedelta(milliseconds=1)


class Debtless:
    """A wallet in which no debt waits."""

    def doubt(self, _: datetime) -> str:
        return ""


def rhythm(state: EngineState | None = None, settlement: Settlement = Settlement.WALLET) -> Rhythm:
    books = Books(NOON, {}, set(), {}, None, None, settlement)
    return Rhythm(state or EngineState(), books, Debtless())  # type: ignore[arg-type]


def test_the_margin_is_read_at_first_and_before_every_decision() -> None:
    new = rhythm()

    first = new.margin_is_due(NOON, decides=False)
    new.margin_was_read(NOON)

    assert first
    assert not new.margin_is_due(NOON, decides=False)
    assert new.margin_is_due(NOON, decides=True)


def test_the_margin_is_read_more_often_while_an_order_works() -> None:
    request = OrderRequest(ClientOrderId("jv1"), BTC, Side.BUY, OrderType.MARKET, Decimal(1), 3, OrderRole.ENTRY)
    idle, busy = rhythm(), rhythm(EngineState.adopt([Order(request, NOON)], []))
    idle.margin_was_read(NOON)
    busy.margin_was_read(NOON)

    assert not busy.margin_is_due(NOON + MARGIN_EVERY - MOMENT, decides=False)
    assert busy.margin_is_due(NOON + MARGIN_EVERY, decides=False)
    assert not idle.margin_is_due(NOON + IDLE_MARGIN_EVERY - MOMENT, decides=False)
    assert idle.margin_is_due(NOON + IDLE_MARGIN_EVERY, decides=False)


def test_equity_waits_for_both_clocks() -> None:
    kept = rhythm()
    later, soon = NOON + EQUITY_EVERY, EQUITY_AT_MOST_EVERY_SECONDS

    assert kept.equity_is_due(NOON, 0.0)
    assert not kept.equity_is_due(later - MOMENT, 10.0)
    assert not kept.equity_is_due(later, soon / 2)
    assert kept.equity_is_due(later, soon)
    assert not kept.equity_is_due(later, soon * 2)


def test_the_records_are_compared_at_first_and_then_now_and_then() -> None:
    compared = rhythm()

    first = compared.reason_to_compare(NOON, None)
    compared.was_compared(NOON + timedelta(minutes=10), agrees=True)

    assert first == "periodic"
    assert compared.reason_to_compare(NOON + timedelta(minutes=10) + RECONCILE_AT_MOST_EVERY, None) == ""
    assert compared.reason_to_compare(NOON + timedelta(minutes=10) + RECONCILE_EVERY, None) == "periodic"


def test_a_mismatch_is_looked_at_again_soon() -> None:
    compared = rhythm()
    compared.was_compared(NOON + timedelta(minutes=10), agrees=False)

    again = NOON + timedelta(minutes=10) + MISMATCH_EVERY

    assert compared.reason_to_compare(again - MOMENT, None) == ""
    assert compared.reason_to_compare(again, None) == "the last comparison did not agree"
