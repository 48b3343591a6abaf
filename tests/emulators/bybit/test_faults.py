"""Each fault on the wire: what the client sees, and what really happened."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from jarvis.emulators.faults import FaultKind
from tests.emulators.bybit.actors import BTC, Stream, Venue
from tests.emulators.bybit.test_sockets import LIMIT, message

K = FaultKind


def open_orders(venue: Venue) -> int:
    return len(venue.exchange.orders("ann"))


async def never_answered(call: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.05)


@pytest.mark.parametrize(("kind", "orders"), [(K.TIMEOUT_BEFORE_ACCEPT, 0), (K.TIMEOUT_AFTER_ACCEPT, 1)])
async def test_a_time_out_is_no_answer_either_way(kind: FaultKind, orders: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(kind, count=1, operation="POST /v5/order/create")

    await never_answered(client.rest())

    assert open_orders(venue) == orders


@pytest.mark.parametrize(
    ("kind", "orders", "status", "code"),
    [
        (K.HTML_ERROR_BEFORE_ACCEPT, 0, 502, None),
        (K.HTML_ERROR_AFTER_ACCEPT, 1, 502, None),
        (K.UNAVAILABLE_BEFORE_ACCEPT, 0, 200, 10016),
        (K.UNAVAILABLE_AFTER_ACCEPT, 1, 200, 170007),
        (K.RATE_LIMITED, 0, 200, 10006),
        (K.CLOCK_REFUSED, 0, 200, 10002),
        (K.INSUFFICIENT_MARGIN_POOL, 0, 200, 170207),
    ],
)
async def test_an_answer_that_misleads_or_refuses(kind: FaultKind, orders: int, status: int, code: int | None) -> None:
    venue = Venue()
    client = venue.client()
    await client.buy("0.19")
    venue.bybit.add_fault(kind, count=1)

    answer = await client.send("POST", "order/create", LIMIT)

    assert (answer.status, open_orders(venue)) == (status, orders)
    if code is not None:
        assert json.loads(answer.body)["retCode"] == code
    if code == 10006:
        assert int(answer.headers["X-Bapi-Limit-Reset-Timestamp"]) > json.loads(answer.body)["time"]
    assert (await client.answer("POST", "order/create", LIMIT))["retCode"] == 0


async def test_a_cut_answer_is_no_json_and_a_late_one_comes() -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(K.TRUNCATED_ANSWER, count=1)
    cut = await client.send("POST", "order/create", LIMIT)
    venue.bybit.add_fault(K.DELAYED_ANSWER, count=1, seconds=0.01)
    venue.bybit.add_fault(K.DELAYED_BEFORE_ACCEPT, count=1, seconds=0.01)

    late = await client.answer("POST", "order/create", LIMIT)

    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.body)
    assert late["retCode"] == 0
    assert open_orders(venue) == 2


async def test_an_order_that_rests_is_said_not_to_exist() -> None:
    venue = Venue()
    client = venue.client()
    named = {"category": "spot", "symbol": "BTCUSDT", "orderId": await client.rest()}
    venue.bybit.add_fault(K.ORDER_NOT_FOUND, count=1)

    assert await client.refused("POST", "order/cancel", **named) == 170213
    assert len(await client.open_orders()) == 1
    await client.post("order/cancel", **named)


async def test_a_post_only_order_may_be_cancelled_after_its_acknowledgement() -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(K.POST_ONLY_CANCELLED, count=1)

    order_id = await client.rest(timeInForce="PostOnly")

    (row,) = await client.history(orderId=order_id)
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")
    await client.rest(timeInForce="PostOnly")
    assert open_orders(venue) == 1


async def test_a_repayment_may_be_refused_or_leave_a_part() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    await client.buy("0.1002")
    venue.bybit.add_fault(K.REPAYMENT_REFUSED, count=1)
    venue.bybit.add_fault(K.PARTIAL_REPAYMENT, count=1)

    assert await client.refused("POST", "account/no-convert-repay", coin="BTC") == 182102
    venue.move(1 / 60)
    await client.post("account/no-convert-repay", coin="BTC")

    assert (await client.coin("BTC"))["spotBorrow"] == "0.05"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (K.LOST_EVENT, 1),
        (K.SILENTLY_LOST_EVENT, 1),
        (K.REPEATED_EVENT, 3),
        (K.REORDERED_EVENT, 2),
    ],
)
async def test_events_are_lost_repeated_or_reordered(kind: FaultKind, expected: int) -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream("execution")
    venue.bybit.add_fault(kind, count=1, operation="execution")

    await client.buy("0.01")
    await client.buy("0.02")

    told = [row["execQty"] for row in await stream.rows("execution")]
    assert len(told) == expected
    if kind is K.REORDERED_EVENT:
        assert told == ["0.02", "0.01"]


async def test_a_connection_is_dropped_instead_of_an_event() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream("order")
    venue.bybit.add_fault(K.DROPPED_SOCKET, operation="order", count=1)

    await client.rest()

    assert await stream.socket.next_frame() is None
    assert venue.bybit.drop_sockets() == 0


@pytest.mark.parametrize("kind", [K.KEY_REVOKED, K.WRONG_REGION])
async def test_a_key_that_is_unknown_for_now_loses_its_sockets_and_comes_back(kind: FaultKind) -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream("order")
    fault = venue.bybit.add_fault(kind, account="ann")

    assert await stream.socket.next_frame() is None
    assert await client.refused("GET", "user/query-api") == 10003
    assert (await Stream(venue.bybit.connect("/v5/private")).login(client))["retCode"] == 10003
    assert venue.bybit.remove_fault(fault.fault_id)
    assert not venue.bybit.remove_fault(fault.fault_id)
    await client.get("user/query-api")


async def test_states_of_the_venue_refuse_orders_in_their_ways() -> None:
    venue = Venue()
    client = venue.client()
    resting = await client.rest()

    venue.bybit.add_fault(K.CANCEL_ONLY)
    cancel_only = await client.refused_order(side="Buy", qty="100")
    await client.post("order/cancel", category="spot", symbol="BTCUSDT", orderId=resting)
    venue.bybit.clear_faults()
    venue.bybit.add_fault(K.POST_ONLY, pair=BTC)
    post_only = await client.refused_order(side="Buy", qty="100")
    await client.rest(timeInForce="PostOnly")

    assert (cancel_only, post_only) == (170210, 170217)


async def test_permissions_may_widen_and_leverage_may_be_cut() -> None:
    venue = Venue()
    client = venue.client()
    before = (await client.get("spot-margin-trade/position-tiers", currency="BTC"))["list"][0]
    venue.bybit.add_fault(K.PERMISSION_WIDENED)
    venue.bybit.add_fault(K.LEVERAGE_CUT, pair=BTC, leverage=2)

    cut = (await client.get("spot-margin-trade/position-tiers", currency="BTC"))["list"][0]

    assert (await client.get("user/query-api"))["permissions"]["Wallet"] == ["Withdraw"]
    assert cut["positionTiersRatioList"][0]["maxLeverage"] == "2"
    venue.bybit.clear_faults()
    assert (await client.get("spot-margin-trade/position-tiers", currency="BTC"))["list"][0] == before
    assert (await client.get("user/query-api"))["permissions"]["Wallet"] == []


@pytest.mark.parametrize(
    ("kind", "code", "orders"),
    [
        (K.UNAVAILABLE_BEFORE_ACCEPT, 10016, 0),
        (K.UNAVAILABLE_AFTER_ACCEPT, 10016, 1),
        (K.RATE_LIMITED, 10006, 0),
        (K.CLOCK_REFUSED, 10002, 0),
        (K.DELAYED_ANSWER, 0, 1),
        (K.DELAYED_BEFORE_ACCEPT, 0, 1),
    ],
)
async def test_the_trade_socket_has_faults_too(kind: FaultKind, code: int, orders: int) -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(path="/v5/trade")
    venue.bybit.add_fault(kind, operation="order.create", count=1, seconds=0.01)

    stream.socket.receive(message(client, "order.create", LIMIT))

    assert (await stream.next())["retCode"] == code
    assert open_orders(venue) == orders


def test_faults_of_other_venues_are_refused() -> None:
    bybit = Venue().bybit

    for kind in (K.INVALID_NONCE, K.LISTEN_TOKEN_EXPIRED, K.SEQUENCE_GAP, K.EMPTY_FEES):
        with pytest.raises(ValueError, match="cannot happen at Bybit"):
            bybit.add_fault(kind)
    assert {fault.kind for _ in range(50) for fault in bybit.faults.draw_mix(bybit.faults._random)} <= bybit.kinds


async def test_a_request_that_waits_longer_than_its_window_is_too_late() -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(K.DELAYED_BEFORE_ACCEPT, count=1, seconds=0.02)

    late = await client.answer("POST", "order/create", LIMIT, window="10")

    assert late["retCode"] == 10002
    assert open_orders(venue) == 0


async def test_maintenance_is_said_in_each_doors_own_code_and_silences_the_streams() -> None:
    venue = Venue()
    client = venue.client()
    stream, trade = await client.stream("order"), await client.stream(path="/v5/trade")
    resting = await client.rest()
    await stream.waiting()
    venue.bybit.add_fault(K.MAINTENANCE)

    trade.socket.receive(message(client, "order.create", LIMIT))

    assert (await trade.next())["retCode"] == 10019
    assert await client.refused("GET", "account/info") == 10016
    venue.exchange.cancel("ann", venue.exchange.orders("ann")[0].order_id)
    venue.move()
    assert await stream.waiting() == []
    venue.bybit.clear_faults()
    assert (await client.history())[0]["orderId"] == resting


async def test_a_lost_answer_of_the_trade_socket_leaves_the_order() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(path="/v5/trade")
    for kind in (K.TIMEOUT_BEFORE_ACCEPT, K.TIMEOUT_AFTER_ACCEPT):
        venue.bybit.add_fault(kind, operation="order.create", count=1)
        stream.socket.receive(message(client, "order.create", LIMIT, kind.value))

    assert await stream.waiting() == []
    assert open_orders(venue) == 1
    venue.bybit.add_fault(K.DROPPED_SOCKET, operation="order.create", count=1)
    stream.socket.receive(message(client, "order.create", LIMIT))
    assert await stream.socket.next_frame() is None
