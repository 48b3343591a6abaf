"""The short way of a row against the long one: what it reads is the same, to the last digit."""

import json
from typing import Any

import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.order import ClientOrderId, OrderType, VenueOrderId
from jarvis.venues.base import SignedRequest, UnreadableAnswer
from jarvis.venues.bybit.orders import KnownOrder, OrderFilter, OrderMemory, told_fill, told_order
from jarvis.venues.bybit.rows import decode_executions, decode_orders
from jarvis.venues.bybit.stream_frames import short_fill, short_order
from jarvis.venues.bybit.streams import AccountDialect
from tests.venues.bybit.wires import sample, symbols
from tests.venues.wires import HandClock

SYMBOLS = symbols()
STRANGE: tuple[object, ...] = (
    "", "0", "0.00", "-0.0", "-1", "1", "7", "1.50", "1e-7", "1e26", "1e999999", "NaN", "sNaN", "-Infinity", "what",
    "1789999991561", "99999999999999999999", "Market", "Limit", "Buy", "Sell", "New", "PartiallyFilled", "Filled",
    "Cancelled", "Rejected", "Untriggered", "Stop", "tpslOrder", "UNKNOWN", "EC_NoError", "EC_PostOnly", "baseCoin",
    "quoteCoin", "Trade", "BustTrade", "ETHUSDT", "[]", None, 0, 3, True, False, 1.5, [], {},
)  # fmt: skip


def memory() -> OrderMemory:
    known = OrderMemory()
    for row in json.loads(sample("ws_order"))["data"]:
        known.announce(
            ClientOrderId(row["orderLinkId"]), KnownOrder(OrderFilter.ORDER, Side.BUY, OrderType.MARKET, 5, True)
        )
    return known


def known_is_margin(order_id: VenueOrderId) -> bool | None:
    raise AssertionError(order_id)


def frames_of(name: str) -> list[str]:
    """The frame's rows as they are, and with each field missing or strange; a market order and a limit order."""
    frame = json.loads(sample(name))
    rows: list[dict[str, Any]] = []
    for told in (frame["data"][0], {**frame["data"][0], "orderType": "Limit", "price": "60010.50"}):
        rows.append(told)
        for key in told:
            rows.append({each: told[each] for each in told if each != key})
            rows += [{**told, key: strange} for strange in STRANGE]
    return [json.dumps({**frame, "data": [row]}) for row in rows]


def test_an_order_that_the_short_way_reads_the_long_way_reads_alike() -> None:
    one, other, compared = memory(), memory(), 0

    for text in frames_of("ws_order"):
        try:
            (row,) = decode_orders(text, "order")
        except UnreadableAnswer:
            continue
        short = short_order(row, SYMBOLS, one)
        if short is not None:
            assert repr(short) == repr(other.learn(told_order(row, SYMBOLS, "order"))), text
            assert one.get(short.venue_order_id) == other.get(short.venue_order_id)
            compared += 1

    assert compared > 2_000


def test_a_fill_that_the_short_way_reads_the_long_way_reads_alike() -> None:
    compared = 0

    for text in frames_of("ws_execution"):
        try:
            (row,) = decode_executions(text, "execution")
        except UnreadableAnswer:
            continue
        short = short_fill(row, SYMBOLS)
        if short is not None:
            assert repr(short) == repr(told_fill(row, SYMBOLS, known_is_margin, "execution")), text
            compared += 1

    assert compared > 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": "NaN"},
        {"cumExecQty": "Infinity"},
        {"orderStatus": "Rejected"},
        {"orderStatus": "unheard-of"},
        {"stopOrderType": "Stop"},
        {"triggerPrice": "58000"},
        {"rejectReason": "EC_PostOnlyWillTakeLiquidity"},
        {"isLeverage": ""},
        {"updatedTime": "never"},
        {"marketUnit": "quoteCoin"},
        {"symbol": "BTC-USDT"},
    ],
)
def test_a_strange_order_goes_the_long_way_and_is_not_learnt(changes: dict[str, str]) -> None:
    frame = json.loads(sample("ws_order"))
    frame["data"][0].update(changes)
    known = memory()

    (row,) = decode_orders(json.dumps({**frame, "data": frame["data"][:1]}), "order")

    assert short_order(row, SYMBOLS, known) is None
    assert known.get(row.order_id) == KnownOrder()


@pytest.mark.parametrize(
    "changes",
    [
        {"execPrice": "Infinity"},
        {"execQty": "NaN"},
        {"execQty": "1e26"},
        {"execValue": "-1"},
        {"execFee": "NaN"},
        {"execType": "BustTrade"},
        {"execTime": "never"},
        {"feeCurrency": ""},
        {"extraFees": "[]"},
        {"isLeverage": ""},
        {"side": "None"},
    ],
)
def test_a_strange_fill_goes_the_long_way(changes: dict[str, str]) -> None:
    frame = json.loads(sample("ws_execution"))
    frame["data"][0].update(changes)

    (row,) = decode_executions(json.dumps({**frame, "data": frame["data"][:1]}), "execution")

    assert short_fill(row, SYMBOLS) is None


async def never_asked() -> SignedRequest:
    raise AssertionError


@pytest.mark.parametrize("name", ["ws_order", "ws_execution"])
def test_a_frame_is_read_wherever_it_names_its_topic(name: str) -> None:
    told = json.loads(sample(name))
    topic_last = {**{key: value for key, value in told.items() if key != "topic"}, "topic": told["topic"]}

    one, other = (
        AccountDialect("", SYMBOLS, memory(), never_asked, HandClock().now).read(json.dumps(frame))
        for frame in (told, topic_last)
    )

    assert one == other
    assert len(one) == len(told["data"])
