"""Each fault on the wire: what the client sees, and what really happened."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from jarvis.emulators.kraken import FaultKind
from jarvis.emulators.wire import WireRequest
from tests.emulators.kraken.actors import BTC, ETH, Client, Stream, Venue

ORDER: dict[str, Any] = {
    "ordertype": "limit",
    "type": "buy",
    "pair": "XBTUSD",
    "volume": "0.1",
    "price": "40000",
    "leverage": "10",
}


def open_orders(venue: Venue) -> int:
    return len(venue.exchange.orders("ann"))


async def never_answered(call: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.05)


async def test_a_time_out_before_accept_leaves_nothing_behind() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.TIMEOUT_BEFORE_ACCEPT, count=1)

    await never_answered(client.send("AddOrder", **ORDER))

    assert open_orders(venue) == 0
    await client.call("AddOrder", **ORDER)


async def test_a_time_out_after_accept_leaves_the_order_working() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.TIMEOUT_AFTER_ACCEPT, count=1, operation="AddOrder")

    await never_answered(client.send("AddOrder", **ORDER))

    assert open_orders(venue) == 1


async def test_a_held_answer_ends_as_an_edges_time_out() -> None:
    client = (venue := Venue(minutes=1)).client()
    venue.kraken.add_fault(FaultKind.TIMEOUT_AFTER_ACCEPT, seconds=0.01)

    answer = await client.send("AddOrder", **ORDER)

    assert answer.status == 504
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("kind", "status", "working"),
    [
        (FaultKind.HTML_ERROR_BEFORE_ACCEPT, 502, 0),
        (FaultKind.HTML_ERROR_AFTER_ACCEPT, 502, 1),
        (FaultKind.HTML_520, 520, 1),
    ],
)
async def test_html_says_nothing_about_what_happened(kind: FaultKind, status: int, working: int) -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(kind)

    answer = await client.send("AddOrder", **ORDER)

    assert answer.status == status
    assert b"<html>" in answer.body
    assert open_orders(venue) == working


@pytest.mark.parametrize(
    ("kind", "string", "working"),
    [
        (FaultKind.UNAVAILABLE_BEFORE_ACCEPT, "EService:Unavailable", 0),
        (FaultKind.UNAVAILABLE_AFTER_ACCEPT, "EService:Unavailable", 1),
        (FaultKind.INVALID_NONCE, "EAPI:Invalid nonce", 0),
        (FaultKind.RATE_LIMITED, "EAPI:Rate limit exceeded", 0),
        (FaultKind.LOCKOUT, "EGeneral:Temporary lockout", 0),
        (FaultKind.THROTTLED, "EService:Throttled: 1767225605", 0),
        (FaultKind.INSUFFICIENT_MARGIN_POOL, "EOrder:Insufficient margin", 0),
        (FaultKind.MAINTENANCE, "EService:Unavailable", 0),
        (FaultKind.CANCEL_ONLY, "EService:Market in cancel_only mode", 0),
        (FaultKind.POST_ONLY, "EService:Market in post_only mode", 0),
        (FaultKind.KEY_REVOKED, "EAPI:Invalid key", 0),
    ],
)
async def test_a_refusal_says_its_string(kind: FaultKind, string: str, working: int) -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    fault = venue.kraken.add_fault(kind)

    assert await client.refused("AddOrder", **ORDER) == string

    assert open_orders(venue) == working
    venue.kraken.remove_fault(fault.fault_id)
    await client.call("AddOrder", **ORDER)


async def test_a_truncated_answer_is_no_json() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.TRUNCATED_ANSWER)

    answer = await client.send("AddOrder", **ORDER)

    with pytest.raises(ValueError, match=r".+"):
        json.loads(answer.body)
    assert open_orders(venue) == 1


async def test_a_delayed_request_takes_effect_although_its_client_hung_up() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.DELAYED_BEFORE_ACCEPT, count=1, seconds=0.5)

    await never_answered(client.send("AddOrder", **ORDER))
    assert open_orders(venue) == 0
    await asyncio.sleep(0.6)

    assert open_orders(venue) == 1


async def test_a_delay_can_outlast_a_deadline() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.DELAYED_BEFORE_ACCEPT, count=1, seconds=0.7)

    string = await client.refused("AddOrder", **ORDER, deadline="2026-01-01T00:00:00.600Z")

    assert string == "EService:Deadline elapsed"


async def test_a_delayed_answer_comes_late() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.DELAYED_ANSWER, count=1, seconds=0.05)
    started = asyncio.get_running_loop().time()

    await client.call("AddOrder", **ORDER)

    assert asyncio.get_running_loop().time() - started >= 0.05


async def test_a_reducing_order_does_not_borrow_from_an_empty_pool() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    await client.buy()
    venue.kraken.add_fault(FaultKind.INSUFFICIENT_MARGIN_POOL)

    await client.call(
        "AddOrder", ordertype="market", type="sell", pair="XBTUSD", volume="0.1", leverage="10", reduce_only="true"
    )

    assert await client.call("OpenPositions") == {}


async def test_cancelling_works_while_only_cancelling_is_allowed() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    order_id = await client.rest()
    venue.kraken.add_fault(FaultKind.CANCEL_ONLY)

    status = json.loads((await venue.kraken.handle(WireRequest("GET", "/0/public/SystemStatus"))).body)
    assert status["result"]["status"] == "cancel_only"
    assert await client.refused("AmendOrder", txid=order_id, order_qty="0.2") == "EService:Market in cancel_only mode"
    assert (await client.call("CancelOrder", txid=order_id))["count"] == 1


async def test_a_mode_of_one_pair_leaves_the_others_alone() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.CANCEL_ONLY, pair=BTC)

    assert await client.refused("AddOrder", **ORDER) == "EService:Market in cancel_only mode"
    await client.call("AddOrder", **(ORDER | {"pair": "ETHUSD", "price": "2000"}))
    pairs = json.loads((await venue.kraken.handle(WireRequest("GET", "/0/public/AssetPairs"))).body)["result"]
    assert (pairs["XXBTZUSD"]["status"], pairs["XETHZUSD"]["status"]) == ("cancel_only", "online")


async def test_post_only_orders_pass_in_post_only_mode() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    venue.kraken.add_fault(FaultKind.POST_ONLY)

    await client.call("AddOrder", **ORDER, oflags="post")


async def test_widening_shows_in_the_key_information_and_ends_with_the_fault() -> None:
    venue = Venue()
    client = venue.client()
    before = await client.call("GetApiKeyInfo")
    venue.move()

    fault = venue.kraken.add_fault(FaultKind.PERMISSION_WIDENED)
    widened = await client.call("GetApiKeyInfo")
    venue.kraken.remove_fault(fault.fault_id)

    assert set(widened["permissions"]) - set(before["permissions"]) == {"withdraw-funds"}
    assert int(widened["modified_time"]) > int(before["modified_time"])
    assert (await client.call("GetApiKeyInfo"))["permissions"] == before["permissions"]


async def test_a_leverage_cut_refuses_more_and_is_undone() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    fault = venue.kraken.add_fault(FaultKind.LEVERAGE_CUT, pair=BTC, leverage=3)

    assert venue.exchange.instruments[BTC].leverage_long == (2, 3)
    assert venue.exchange.instruments[ETH].leverage_long[-1] == 10
    assert await client.refused("AddOrder", **ORDER) == "EGeneral:Invalid arguments:leverage"
    venue.kraken.remove_fault(fault.fault_id)

    await client.call("AddOrder", **ORDER)


async def test_fees_can_be_hidden() -> None:
    venue = Venue(minutes=1)
    venue.kraken.add_fault(FaultKind.EMPTY_FEES)

    pairs = json.loads((await venue.kraken.handle(WireRequest("GET", "/0/public/AssetPairs"))).body)["result"]

    assert pairs["XXBTZUSD"]["fees"] == pairs["XXBTZUSD"]["fees_maker"] == []


async def test_private_faults_leave_public_data_alone() -> None:
    venue = Venue(minutes=1)
    venue.kraken.add_fault(FaultKind.INVALID_NONCE)
    venue.kraken.add_fault(FaultKind.LOCKOUT)

    answer = json.loads((await venue.kraken.handle(WireRequest("GET", "/0/public/Time"))).body)

    assert answer["error"] == []


async def told(client: Client, kind: FaultKind) -> tuple[list[int], list[str]]:
    stream = await client.stream()
    await stream.next()
    client.kraken.add_fault(kind, count=1, operation="executions")
    await client.buy()
    frames = await stream.all()
    return [frame["sequence"] for frame in frames], [frame["data"][0]["exec_type"] for frame in frames]


@pytest.mark.parametrize(
    ("kind", "sequence", "types"),
    [
        (FaultKind.LOST_EVENT, [3, 4, 5], ["new", "trade", "filled"]),
        (FaultKind.SILENTLY_LOST_EVENT, [2, 3, 4], ["new", "trade", "filled"]),
        (FaultKind.REPEATED_EVENT, [2, 2, 3, 4, 5], ["pending_new", "pending_new", "new", "trade", "filled"]),
        (FaultKind.REORDERED_EVENT, [3, 2, 4, 5], ["new", "pending_new", "trade", "filled"]),
        (FaultKind.SEQUENCE_GAP, [3, 4, 5, 6], ["pending_new", "new", "trade", "filled"]),
    ],
)
async def test_events_are_lost_repeated_reordered_and_misnumbered(
    kind: FaultKind, sequence: list[int], types: list[str]
) -> None:
    client = Venue(minutes=1).client()

    assert await told(client, kind) == (sequence, types)


async def test_a_held_event_is_not_held_for_ever() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    order_id = await client.rest()
    stream = await client.stream()
    await stream.next()
    venue.kraken.add_fault(FaultKind.REORDERED_EVENT)

    await client.call("CancelOrder", txid=order_id)

    assert (await stream.next())["data"][0]["exec_type"] == "canceled"


async def test_a_dropped_socket_ends_instead_of_telling() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = await client.stream()
    await stream.next()
    venue.kraken.add_fault(FaultKind.DROPPED_SOCKET, count=1, operation="executions")

    await client.buy()

    assert await stream.socket.next_frame() is None


async def test_all_sockets_can_be_cut_at_once() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    streams = [await client.stream(), await client.stream("balances")]

    assert venue.kraken.drop_sockets() == 2

    assert [await stream.socket.next_frame() for stream in streams] == [None, None]


async def test_a_revoked_key_loses_its_sockets_and_gets_no_others() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream, token = await client.stream(), await client.token()

    venue.kraken.add_fault(FaultKind.KEY_REVOKED)

    assert await stream.socket.next_frame() is None
    late = Stream(venue.kraken.connect("/ws-auth/v2"), token)
    late.say("subscribe", {"channel": "executions"})
    assert (await late.next())["error"] == "ESession:Invalid session"


async def test_a_change_of_status_is_told_on_every_socket() -> None:
    venue = Venue(minutes=1)
    stream = Stream(venue.kraken.connect("/ws/v2"))
    await stream.next(beats=True)

    venue.kraken.add_fault(FaultKind.MAINTENANCE)

    assert (await stream.next(beats=True))["data"][0]["system"] == "maintenance"


@pytest.mark.parametrize(
    ("kind", "error", "working"),
    [
        (FaultKind.TIMEOUT_BEFORE_ACCEPT, None, 0),
        (FaultKind.TIMEOUT_AFTER_ACCEPT, None, 1),
        (FaultKind.UNAVAILABLE_BEFORE_ACCEPT, "EService:Unavailable", 0),
        (FaultKind.UNAVAILABLE_AFTER_ACCEPT, "EService:Unavailable", 1),
        (FaultKind.RATE_LIMITED, "EOrder:Rate limit exceeded", 0),
        (FaultKind.THROTTLED, "EService:Throttled: 1767225605", 0),
    ],
)
async def test_faults_strike_orders_over_the_socket_too(kind: FaultKind, error: str | None, working: int) -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = await client.stream("balances")
    await stream.next()
    venue.kraken.add_fault(kind, operation="add_order")

    stream.say(
        "add_order",
        {"order_type": "limit", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD", "limit_price": 40000},
    )

    replies = [frame for frame in await stream.all() if frame.get("method") == "add_order"]
    assert [reply["error"] for reply in replies] == ([] if error is None else [error])
    assert open_orders(venue) == working


@pytest.mark.parametrize("kind", [FaultKind.DELAYED_BEFORE_ACCEPT, FaultKind.DELAYED_ANSWER])
async def test_a_socket_order_can_be_slow(kind: FaultKind) -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = await client.stream("balances")
    await stream.next()
    venue.kraken.add_fault(kind, seconds=0.05, operation="cancel_all")

    started = asyncio.get_running_loop().time()

    stream.say("cancel_all")

    assert (await stream.next())["result"] == {"count": 0}
    assert asyncio.get_running_loop().time() - started >= 0.05
