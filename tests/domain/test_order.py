from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD
from jarvis.domain.order import (
    TRANSITIONS,
    ClientOrderId,
    Fill,
    FillId,
    IllegalTransitionError,
    Order,
    OrderEvent,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    TimeInForce,
    VenueOrderId,
    next_status,
)

D = Decimal
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
S, E = OrderStatus, OrderEvent
PAIRS = list(product(OrderStatus, OrderEvent))
FINAL = {S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED}


def request(**changes: object) -> OrderRequest:
    given_request = OrderRequest(
        client_order_id=ClientOrderId("jv0000001"),
        pair=Pair.parse("BTC/USD"),
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=D(10),
        leverage=5,
        role=OrderRole.ENTRY,
    )
    return replace(given_request, **changes)  # type: ignore[arg-type]


def order(status: OrderStatus = S.INTENT, **changes: object) -> Order:
    return replace(Order(request(), AT), status=status, **changes)  # type: ignore[arg-type]


def fill(quantity: str, number: int = 1) -> Fill:
    return Fill(
        FillId(f"T{number}"),
        VenueOrderId("O1"),
        ClientOrderId("jv0000001"),
        Pair.parse("BTC/USD"),
        Side.BUY,
        D(quantity),
        D(100),
        D(quantity) * 100,
        D(1),
        USD,
        AT,
    )


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "event"), PAIRS, ids=lambda each: each.value)
def test_every_pair_of_status_and_event_is_either_listed_or_an_error_that_says_both(
    status: OrderStatus, event: OrderEvent
) -> None:
    if (status, event) in TRANSITIONS:
        assert next_status(status, event) is TRANSITIONS[status, event]
        return

    with pytest.raises(IllegalTransitionError, match=status.value) as caught:
        next_status(status, event)

    assert (caught.value.status, caught.value.event) == (status, event)
    assert event.value in str(caught.value)


def test_nothing_goes_back_to_an_earlier_status() -> None:
    earlier = {S.INTENT: 0, S.SENT: 1}

    for (before, _), after in TRANSITIONS.items():
        assert after not in earlier or earlier[after] > earlier.get(before, 2)


def test_an_ended_order_changes_only_by_a_fill() -> None:
    for (before, event), after in TRANSITIONS.items():
        if before in FINAL and after is not before:
            assert event in {E.FILL_PART, E.FILL_REST}


def test_an_unknown_order_accepts_every_proof() -> None:
    assert {event for status, event in TRANSITIONS if status is S.UNKNOWN} == set(OrderEvent) - {E.SEND}


@pytest.mark.parametrize("status", [S.SENT, S.OPEN, S.PARTLY_FILLED, S.UNKNOWN], ids=lambda each: each.value)
def test_whatever_may_be_at_the_venue_can_be_lost_track_of(status: OrderStatus) -> None:
    assert next_status(status, E.LOSE_TRACK) is S.UNKNOWN
    assert status.may_rest_at_venue
    assert not status.is_final


def test_only_what_may_be_at_the_venue_is_counted_as_such() -> None:
    assert {status for status in OrderStatus if status.may_rest_at_venue} == {
        S.SENT,
        S.OPEN,
        S.PARTLY_FILLED,
        S.UNKNOWN,
    }
    assert {status for status in OrderStatus if status.is_final} == FINAL


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_order_id": ""}, "1 to 18"),
        ({"client_order_id": "x" * 19}, "1 to 18"),
        ({"client_order_id": "é"}, "ASCII"),
        ({"quantity": D(0)}, "positive"),
        ({"quantity": D(-1)}, "positive"),
        ({"leverage": 0}, "leverage"),
        ({"limit_price": D(1)}, "limit price"),
        ({"order_type": OrderType.LIMIT}, "limit price"),
        ({"trigger_price": D(1)}, "trigger"),
        ({"order_type": OrderType.STOP}, "trigger"),
        ({"order_type": OrderType.TRAILING_STOP}, "offset"),
        ({"order_type": OrderType.TRAILING_STOP, "trailing_offset": D(0)}, "offset"),
        ({"post_only": True}, "post-only"),
        ({"time_in_force": TimeInForce.GTD}, "good-till-date"),
        ({"expires_at": AT}, "good-till-date"),
        ({"role": OrderRole.STOP}, "reduce-only"),
    ],
)
def test_a_request_that_says_too_little_or_contradicts_itself_is_refused(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        request(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": OrderType.LIMIT, "limit_price": D(1), "post_only": True},
        {"order_type": OrderType.STOP, "trigger_price": D(1), "reduce_only": True, "role": OrderRole.STOP},
        {"order_type": OrderType.STOP_LIMIT, "trigger_price": D(1), "limit_price": D(1)},
        {"order_type": OrderType.TRAILING_STOP, "trailing_offset": D(1)},
        {"time_in_force": TimeInForce.GTD, "expires_at": AT},
    ],
)
def test_a_request_that_is_whole_is_taken(changes: dict[str, object]) -> None:
    assert request(**changes).quantity == 10


# --- fills ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"quantity": D(0)}, {"price": D(0)}, {"cost": D(-1)}])
def test_a_fill_that_trades_nothing_is_refused(changes: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        replace(fill("1"), **changes)  # type: ignore[arg-type]


def test_a_sell_moves_the_position_down() -> None:
    assert fill("2").signed_quantity == 2
    assert replace(fill("2"), side=Side.SELL).signed_quantity == -2


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_the_filled_quantity_is_the_sum_of_the_fills_and_the_last_one_ends_the_order(parts: list[int]) -> None:
    current = replace(order(S.SENT), request=request(quantity=D(sum(parts))))

    for number, part in enumerate(parts):
        assert not current.status.is_final
        current = current.filled_by(fill(str(part), number))

    assert current.status is S.FILLED
    assert current.filled_quantity == sum(parts)
    assert current.remaining_quantity == 0
    assert current.venue_order_id == "O1"


def test_more_than_was_ordered_is_an_error() -> None:
    with pytest.raises(ValueError, match="11 filled of 10"):
        order(S.OPEN).filled_by(fill("11"))


def test_a_fill_after_a_cancel_is_kept_and_the_order_stays_cancelled() -> None:
    ended = order(S.CANCELLED).filled_by(fill("4"))

    assert ended.status is S.CANCELLED
    assert ended.filled_quantity == 4
    assert ended.remaining_quantity == 0


@pytest.mark.parametrize(("quantity", "status"), [("4", S.PARTLY_FILLED), ("10", S.FILLED)])
def test_a_fill_proves_that_a_refused_order_exists(quantity: str, status: OrderStatus) -> None:
    assert order(S.REJECTED).filled_by(fill(quantity)).status is status


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_event_keeps_what_is_known_and_adds_what_is_told() -> None:
    sent = order().after(E.SEND)
    opened = sent.after(E.ACCEPT, venue_order_id=VenueOrderId("O1"))
    ended = opened.after(E.CANCEL, reason="you asked")

    assert (opened.status, opened.venue_order_id, opened.reason) == (S.OPEN, "O1", "")
    assert (ended.status, ended.venue_order_id, ended.reason) == (S.CANCELLED, "O1", "you asked")
    assert ended.client_order_id == "jv0000001"


def test_what_could_still_trade_is_the_rest_of_a_living_order() -> None:
    assert order(S.PARTLY_FILLED, filled_quantity=D(4)).remaining_quantity == 6
    assert order(S.CANCELLED, filled_quantity=D(4)).remaining_quantity == 0


def test_an_amendment_changes_only_what_it_names() -> None:
    stop = replace(
        order(S.OPEN),
        request=request(order_type=OrderType.STOP, trigger_price=D(90), reduce_only=True, role=OrderRole.STOP),
    )
    limit = replace(order(S.OPEN), request=request(order_type=OrderType.LIMIT, limit_price=D(90)))

    assert stop.resized(quantity=D(4)).request == replace(stop.request, quantity=D(4))
    assert stop.resized(trigger_price=D(95)).request == replace(stop.request, trigger_price=D(95))
    assert limit.resized(limit_price=D(95)).request == replace(limit.request, limit_price=D(95))
