"""Each fault on the wire: what the client sees, and what really happened."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from jarvis.emulators.faults import FaultKind
from tests.emulators.okx.actors import Client, Venue


def limit(client: Client) -> dict[str, Any]:
    return client.order(ordType="limit", px="49000", sz="0.01")


def working(venue: Venue) -> int:
    return len(venue.exchange.orders("ann"))


async def never_answered(call: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.05)


@pytest.mark.parametrize(("kind", "left"), [(FaultKind.TIMEOUT_BEFORE_ACCEPT, 0), (FaultKind.TIMEOUT_AFTER_ACCEPT, 1)])
async def test_a_time_out_leaves_behind_what_it_says(kind: FaultKind, left: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(kind, count=1, operation="POST /api/v5/trade/order")

    await never_answered(client.send("POST", "trade/order", limit(client)))

    assert working(venue) == left


@pytest.mark.parametrize(
    ("kind", "status", "code", "left"),
    [
        (FaultKind.UNAVAILABLE_BEFORE_ACCEPT, 503, "50001", 0),
        (FaultKind.UNAVAILABLE_AFTER_ACCEPT, 200, "50004", 1),
        (FaultKind.RATE_LIMITED, 429, "50011", 0),
        (FaultKind.CLOCK_REFUSED, 401, "50102", 0),
        (FaultKind.MAINTENANCE, 503, "50001", 0),
        (FaultKind.KEY_REVOKED, 401, "50119", 0),
    ],
)
async def test_a_refusal_leaves_behind_what_it_says(kind: FaultKind, status: int, code: str, left: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(kind)

    assert await client.refused("POST", "trade/order", limit(client)) == (status, code)
    assert working(venue) == left
    venue.okx.clear_faults()
    await client.get("account/config")


@pytest.mark.parametrize(
    ("kind", "status", "left"),
    [
        (FaultKind.HTML_ERROR_BEFORE_ACCEPT, 502, 0),
        (FaultKind.HTML_ERROR_AFTER_ACCEPT, 502, 1),
        (FaultKind.HTML_520, 520, 1),
        (FaultKind.TRUNCATED_ANSWER, 200, 1),
    ],
)
async def test_an_answer_that_is_no_json(kind: FaultKind, status: int, left: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(kind, count=1)

    answer = await client.send("POST", "trade/order", limit(client))

    assert answer.status == status
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.body)
    assert working(venue) == left


@pytest.mark.parametrize("kind", [FaultKind.DELAYED_BEFORE_ACCEPT, FaultKind.DELAYED_ANSWER])
async def test_a_delayed_order_takes_effect(kind: FaultKind) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(kind, count=1, seconds=0.02)

    _, answer = await client.answer("POST", "trade/order", limit(client))

    assert answer["code"] == "0"
    assert working(venue) == 1


async def test_an_order_can_expire_while_it_waits() -> None:
    from datetime import timedelta

    from jarvis.emulators.okx.text import ms

    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.DELAYED_BEFORE_ACCEPT, count=1, seconds=0.02)
    expires = ms(venue.exchange.now + timedelta(milliseconds=5))

    assert await client.refused("POST", "trade/order", limit(client), exptime=expires) == (200, "50037")
    assert working(venue) == 0


async def test_a_widened_key_may_suddenly_withdraw() -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.PERMISSION_WIDENED)

    assert (await client.get("account/config"))[0]["perm"] == "read_only,trade,withdraw"


async def test_cut_leverage_shows_in_the_instruments() -> None:
    venue = Venue()
    fault = venue.okx.add_fault(FaultKind.LEVERAGE_CUT, leverage=3)

    (row,) = await venue.get("public/instruments", instType="MARGIN", instId="BTC-USDT")
    venue.okx.remove_fault(fault.fault_id)
    (after,) = await venue.get("public/instruments", instType="MARGIN", instId="BTC-USDT")

    assert (row["lever"], after["lever"]) == ("3", "10")


def test_a_fault_of_another_venue_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot happen at OKX"):
        Venue().okx.add_fault(FaultKind.INVALID_NONCE)


@pytest.mark.parametrize(
    ("kind", "code"), [(FaultKind.RATE_LIMITED, "50011"), (FaultKind.UNAVAILABLE_BEFORE_ACCEPT, "50001")]
)
async def test_orders_over_the_socket_are_refused_too(kind: FaultKind, code: str) -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    venue.okx.add_fault(kind, count=1, operation="WS order")

    stream.say({"id": "1", "op": "order", "args": [limit(client)]})

    assert (await stream.next())["code"] == code
    assert working(venue) == 0
