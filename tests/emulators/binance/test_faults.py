"""What can be made to go wrong, and what a client sees of it."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.faults import FaultKind
from tests.emulators.binance.actors import Client, Venue

ORDER = "POST /sapi/v1/margin/order"


async def open_orders(client: Client) -> list[Any]:
    found = await client.call("GET margin/openOrders")
    assert isinstance(found, list)
    return found


def resting(client: Client) -> dict[str, Any]:
    return client.order(type="LIMIT", timeInForce="GTC", price="40000", quantity="0.01")


@pytest.mark.parametrize(
    ("kind", "status", "code", "happened"),
    [
        (FaultKind.HTML_ERROR_BEFORE_ACCEPT, 502, None, False),
        (FaultKind.HTML_ERROR_AFTER_ACCEPT, 502, None, True),
        (FaultKind.HTML_520, 520, None, True),
        (FaultKind.UNAVAILABLE_BEFORE_ACCEPT, 503, -1008, False),
        (FaultKind.UNAVAILABLE_AFTER_ACCEPT, 504, -1007, True),
        (FaultKind.RATE_LIMITED, 429, -1003, False),
        (FaultKind.CLOCK_REFUSED, 400, -1021, False),
        (FaultKind.INSUFFICIENT_MARGIN_POOL, 400, -3045, False),
    ],
)
async def test_an_order_may_fail_before_or_after_it_was_taken(
    kind: FaultKind, status: int, code: int | None, happened: bool
) -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(kind, count=1, operation=ORDER)

    response = await client.send("POST margin/order", **resting(client))

    assert response.status == status
    if code is None:
        assert response.body.startswith(b"<!DOCTYPE html>")
    else:
        assert json.loads(response.body)["code"] == code
    assert len(await open_orders(client)) == int(happened)


@pytest.mark.parametrize(
    ("kind", "happened"), [(FaultKind.TIMEOUT_BEFORE_ACCEPT, False), (FaultKind.TIMEOUT_AFTER_ACCEPT, True)]
)
async def test_an_answer_may_never_come(kind: FaultKind, happened: bool) -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(kind, count=1, operation=ORDER)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.send("POST margin/order", **resting(client))

    assert len(await open_orders(client)) == int(happened)


async def test_a_delayed_request_takes_effect_although_its_client_left() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.DELAYED_BEFORE_ACCEPT, count=1, operation=ORDER, seconds=0.05)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.send("POST margin/order", **resting(client))
    assert await open_orders(client) == []
    await asyncio.sleep(0.06)

    assert len(await open_orders(client)) == 1


async def test_a_delay_beyond_the_window_is_refused() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.DELAYED_BEFORE_ACCEPT, count=1, operation=ORDER, seconds=0.05)

    response = await client.send("POST margin/order", **resting(client), recvWindow="10")

    assert json.loads(response.body)["code"] == -1021


async def test_answers_may_be_late_or_cut() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.DELAYED_ANSWER, count=1, seconds=0.01)
    venue.binance.add_fault(FaultKind.TRUNCATED_ANSWER, count=1)

    assert (await client.send("GET margin/account")).status == 200
    cut = await client.send("GET margin/account")

    with pytest.raises(ValueError, match=r"."):
        json.loads(cut.body)


async def test_a_banned_address_gets_418_for_a_while() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.IP_BANNED, count=1, seconds=90)

    first = await client.send("GET margin/account")
    second = await client.raw("GET", "/api/v3/ping")
    venue.move(2)

    assert (first.status, second.status) == (418, 418)
    assert 0 < int(second.headers["retry-after"]) <= 90
    assert (await client.raw("GET", "/api/v3/ping")).status == 200


async def test_states_hold_until_they_are_switched_off() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    maintenance = venue.binance.add_fault(FaultKind.MAINTENANCE)
    assert (await client.refused("GET margin/account"))[:2] == (503, -1016)
    assert venue.binance.remove_fault(maintenance.fault_id)
    assert not venue.binance.remove_fault(maintenance.fault_id)

    venue.binance.add_fault(FaultKind.CANCEL_ONLY)
    assert (await client.refused("POST margin/order", **client.order()))[:2] == (400, -2010)
    (row, *_) = (await venue.get("exchangeInfo", symbol="BTCUSDT"))["symbols"]
    assert row["status"] == "CANCEL_ONLY"

    venue.binance.add_fault(FaultKind.KEY_REVOKED)
    assert (await client.refused("GET margin/account"))[:2] == (401, -2015)
    assert stream.socket.is_closed

    venue.binance.clear_faults()
    assert (await client.place())["status"] == "FILLED"


async def test_an_order_that_rests_may_be_denied() -> None:
    venue = Venue()
    client = venue.client()
    placed = await client.rest(quantity="0.01")
    venue.binance.add_fault(FaultKind.ORDER_NOT_FOUND, count=2)
    which = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}

    assert (await client.refused("GET margin/order", **which))[1] == -2013
    assert (await client.refused("DELETE margin/order", **which))[1] == -2011
    assert (await client.call("GET margin/order", **which))["status"] == "NEW"


async def test_a_repayment_may_be_refused_or_left_unfinished() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(quantity="0.4")
    loan = {"asset": "USDT", "isIsolated": "FALSE", "type": "BORROW", "amount": "100"}
    await client.call("POST margin/borrow-repay", **loan)
    debt = Decimal((await client.asset("USDT"))["borrowed"])
    venue.move()
    venue.binance.add_fault(FaultKind.REPAYMENT_REFUSED, count=1)
    venue.binance.add_fault(FaultKind.PARTIAL_REPAYMENT, count=2)

    refused = await client.refused("POST margin/borrow-repay", **(loan | {"type": "REPAY"}))
    await client.call("POST margin/borrow-repay", **(loan | {"type": "REPAY"}))
    after_hand = Decimal((await client.asset("USDT"))["borrowed"])
    await client.place(side="SELL", quantity="0.3995", sideEffectType="AUTO_REPAY")

    assert refused[:2] == (400, -3007)
    assert debt - 90 < after_hand < debt - 80
    left = await client.asset("USDT")
    assert 0 < Decimal(left["borrowed"]) < debt
    assert Decimal(left["free"]) > Decimal(left["borrowed"])


async def test_events_may_be_lost_repeated_or_out_of_order() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()

    async def told() -> list[str]:
        await client.rest(quantity="0.01", sideEffectType="NO_SIDE_EFFECT")
        return [event["e"] for event in await stream.events()]

    assert await told() == ["executionReport", "outboundAccountPosition"]
    venue.binance.add_fault(FaultKind.LOST_EVENT, count=1, operation="executionReport")
    assert await told() == ["outboundAccountPosition"]
    venue.binance.add_fault(FaultKind.REPEATED_EVENT, count=1, operation="executionReport")
    assert await told() == ["executionReport", "executionReport", "outboundAccountPosition"]
    venue.binance.add_fault(FaultKind.REORDERED_EVENT, count=1, operation="executionReport")
    assert await told() == ["outboundAccountPosition", "executionReport"]
    # What nothing followed comes when the socket is quiet.
    venue.binance.add_fault(FaultKind.REORDERED_EVENT, count=1, operation="outboundAccountPosition")
    assert await told() == ["executionReport", "outboundAccountPosition"]


async def test_a_token_may_die_in_the_middle() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    venue.binance.add_fault(FaultKind.LISTEN_TOKEN_EXPIRED, count=1)

    await client.rest(quantity="0.01")

    assert [event["e"] for event in await stream.events()] == ["eventStreamTerminated"]
    again = await stream.ask("userDataStream.subscribe.listenToken", listenToken=stream.token)
    assert again["error"]["code"] == -1209


async def test_sockets_may_be_cut() -> None:
    venue = Venue()
    client = venue.client()
    first, second = await client.stream(), await client.stream()
    venue.binance.add_fault(FaultKind.DROPPED_SOCKET, count=1, operation="executionReport")

    await client.rest(quantity="0.01")

    assert [first.socket.is_closed, second.socket.is_closed] == [True, False]
    assert venue.binance.drop_sockets() == 1
    assert second.socket.is_closed


def test_what_cannot_happen_here_is_refused() -> None:
    venue = Venue()

    with pytest.raises(ValueError, match="cannot happen at Binance"):
        venue.binance.add_fault(FaultKind.INVALID_NONCE)
    for kind in venue.binance.kinds:
        venue.binance.add_fault(kind, count=1)
    venue.binance.clear_faults()
