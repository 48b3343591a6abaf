"""A lost order is proved by the venue's records alone: found, or absent twice after its deadline."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.live.lookup import OVERLAP, SECOND_LOOK_AFTER, SKEW, Lookup
from jarvis.trading.events import OrderAbsent, OrderLost
from jarvis.venues.base import Unreachable

D = Decimal
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")
NAME, THEIRS = ClientOrderId("jv1"), VenueOrderId("O1")
DEADLINE = timedelta(seconds=30)
ORDER = Order(OrderRequest(NAME, BTC, Side.BUY, OrderType.MARKET, D(1), 3, OrderRole.ENTRY), NOON)
FILL = Fill(FillId("T1"), THEIRS, None, BTC, Side.BUY, D(1), D(100), D(100), ZERO, BTC.quote, NOON)


class Archive:
    """A venue of which only orders and fills are asked, and its clock."""

    send_deadline = DEADLINE

    def __init__(self, report: OrderReport | None = None) -> None:
        self.report = report
        self.is_reachable = True
        self.at = NOON
        self.asked_since: list[datetime] = []

    def now(self) -> datetime:
        return self.at

    async def find_order(self, _: ClientOrderId) -> OrderReport | None:
        if not self.is_reachable:
            raise Unreachable("gone")
        return self.report

    async def fills(self, since: datetime) -> Sequence[Fill]:
        self.asked_since.append(since)
        return [FILL]


class Taken(list[Fill]):
    """Fills that were handed over."""

    async def take(self, fills: Sequence[Fill]) -> None:
        self.extend(fills)


def lookup(archive: Archive, *orders: Order) -> Lookup:
    found = Lookup(archive, archive, orders)  # type: ignore[arg-type]
    found.only([NAME])
    return found


def report(status: OrderStatus) -> OrderReport:
    return OrderReport(THEIRS, status, NOON, client_order_id=NAME)


async def test_an_order_that_the_venue_knows_is_proved_at_once_and_its_fills_come_first() -> None:
    archive, taken = Archive(report(OrderStatus.FILLED)), Taken()

    proof = await lookup(archive).prove(ORDER, taken.take)

    assert proof == archive.report
    assert taken == [FILL]
    assert archive.asked_since == [NOON - OVERLAP]


async def test_nothing_is_proved_before_the_order_could_no_longer_arrive() -> None:
    archive, taken = Archive(), Taken()
    looked = lookup(archive)
    archive.at = NOON + DEADLINE + SKEW - timedelta(milliseconds=1)

    assert await looked.prove(ORDER, taken.take) is None

    assert archive.asked_since == []


async def test_absence_takes_two_looks_apart() -> None:
    archive, taken = Archive(), Taken()
    looked = lookup(archive)
    archive.at = NOON + DEADLINE + SKEW

    first = await looked.prove(ORDER, taken.take)
    archive.at += SECOND_LOOK_AFTER - timedelta(milliseconds=1)
    too_soon = await looked.prove(ORDER, taken.take)
    archive.at += timedelta(milliseconds=1)
    second = await looked.prove(ORDER, taken.take)

    assert (first, too_soon) == (None, None)
    assert second == OrderAbsent(NAME, archive.at)


async def test_an_order_that_was_not_lost_meanwhile_begins_to_wait_anew() -> None:
    archive, taken = Archive(), Taken()
    looked = lookup(archive)
    archive.at = NOON + DEADLINE + SKEW

    looked.only([])
    looked.lose(NAME)

    assert await looked.prove(ORDER, taken.take) is None
    assert archive.asked_since == []


async def test_a_fill_gets_our_id_once_the_venues_is_known() -> None:
    archive = Archive(report(OrderStatus.OPEN))
    looked = lookup(archive)

    before = looked.attributed(FILL)
    await looked.find(NAME)

    assert before.client_order_id is None
    assert looked.attributed(FILL).client_order_id == NAME


@pytest.mark.parametrize("status", [OrderStatus.OPEN, None])
async def test_a_cancellation_is_not_believed_while_the_venue_does_not_say_how_it_ended(
    status: OrderStatus | None,
) -> None:
    archive = Archive(report(status) if status else None)

    assert await lookup(archive).proved(report(OrderStatus.CANCELLED)) == OrderLost(NAME, NOON, is_over=True)


async def test_a_cancellation_that_cannot_be_asked_about_is_lost() -> None:
    archive = Archive(report(OrderStatus.CANCELLED))
    archive.is_reachable = False

    assert await lookup(archive).proved(report(OrderStatus.CANCELLED)) == OrderLost(NAME, NOON, is_over=True)


async def test_the_venues_own_word_replaces_a_cancellation() -> None:
    archive = Archive(report(OrderStatus.FILLED))

    assert await lookup(archive).proved(report(OrderStatus.CANCELLED)) == archive.report
