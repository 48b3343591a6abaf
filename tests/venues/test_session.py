"""Budgets, nonce order, what an exception of the wire means, and real sockets on this machine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from jarvis.venues.base import NotPermitted, OutcomeUnknown, RateLimited, Unreachable
from jarvis.venues.session import (
    MAX_BODY_BYTES,
    AnswerLost,
    HttpAnswer,
    KeySession,
    NetworkTransport,
    RateBudget,
    VenueUrls,
    measured_offset,
)
from tests.venues.wires import START, URLS, HandClock, PlainSigner, ScriptedTransport, answer

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "rest",
    [
        "http://api.kraken.com",
        "ftp://127.0.0.1",
        "https://user@api.kraken.com",
        "https://api.kraken.com/?a=b",
        "https://",
        "api.kraken.com",
    ],
)
def test_an_address_that_would_carry_orders_in_the_clear_is_refused(rest: str) -> None:
    with pytest.raises(ValueError, match="venue"):
        VenueUrls(rest=rest, ws_public="wss://ws.kraken.com/v2", ws_private="wss://ws-auth.kraken.com/v2")


def test_budget_keeps_a_reserve_for_what_is_urgent() -> None:
    budget = RateBudget(HandClock(), limit=20, decay_per_second=0.5)
    budget.add(14)

    assert budget.missing(1, urgent=False) == timedelta(seconds=2)
    assert budget.missing(6, urgent=True) == timedelta(0)
    assert budget.missing(7, urgent=True) == timedelta(seconds=2)


def test_budget_decays_on_the_venues_clock() -> None:
    clock = HandClock()
    budget = RateBudget(clock, limit=20, decay_per_second=0.5)
    budget.fill()

    clock.advance(10)

    assert budget.missing(1, urgent=True) == timedelta(0)
    assert budget.missing(6, urgent=True) == timedelta(seconds=2)


def test_a_cost_above_the_limit_waits_for_an_empty_budget_and_not_for_ever() -> None:
    budget = RateBudget(HandClock(), limit=2, decay_per_second=1)

    assert budget.missing(5, urgent=False) == timedelta(0)


async def test_budget_waits_while_time_passes() -> None:
    clock = HandClock(runs=True)
    budget = RateBudget(clock, limit=1, decay_per_second=20, reserve=0)
    budget.fill()
    before = clock.now()

    await budget.wait(1, urgent=False)

    assert timedelta(milliseconds=40) < clock.now() - before < timedelta(seconds=2)


async def test_budget_does_not_wait_for_a_clock_that_waits_for_us() -> None:
    budget = RateBudget(HandClock(), limit=1, decay_per_second=10, reserve=0)
    budget.fill()

    with pytest.raises(RateLimited) as caught:
        await budget.wait(1, urgent=True)

    assert caught.value.retry_after == timedelta(seconds=0.1)


async def test_budget_does_not_wait_longer_than_patience() -> None:
    budget = RateBudget(HandClock(runs=True), limit=100, decay_per_second=0.1)
    budget.fill()

    with pytest.raises(RateLimited):
        await asyncio.wait_for(budget.wait(10, urgent=True), 5)


def session(transport: ScriptedTransport, signer: PlainSigner | None = None) -> KeySession:
    return KeySession(transport, URLS.rest, signer or PlainSigner())


@pytest.mark.parametrize("lost", [AnswerLost("cut"), TimeoutError(), ConnectionResetError()])
async def test_a_lost_answer_is_unknown_for_a_write_only(lost: Exception) -> None:
    transport = ScriptedTransport()
    transport.says("AddOrder", lost)

    with pytest.raises(OutcomeUnknown):
        await session(transport).call("AddOrder", {}, write=True)
    with pytest.raises(Unreachable):
        await session(transport).call("AddOrder", {}, write=False)


async def test_what_never_left_is_unreachable_even_for_a_write() -> None:
    transport = ScriptedTransport()
    transport.says("AddOrder", Unreachable("connection refused"))

    with pytest.raises(Unreachable):
        await session(transport).call("AddOrder", {}, write=True)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(PermissionError("not on the list"), NotPermitted), (ConnectionRefusedError("no signer"), Unreachable)],
)
async def test_without_a_signature_nothing_is_sent(failure: Exception, expected: type[Exception]) -> None:
    transport, signer = ScriptedTransport(), PlainSigner()
    signer.failure = failure

    with pytest.raises(expected):
        await session(transport, signer).call("AddOrder", {}, write=True)

    assert transport.calls == []


async def test_calls_of_one_key_go_out_one_at_a_time_in_the_order_they_were_signed() -> None:
    transport = ScriptedTransport()
    transport.says("OpenOrders", answer({}))
    one_key = session(transport)

    await asyncio.gather(*(one_key.call("OpenOrders", {"n": str(n)}, write=False) for n in range(8)))

    assert transport.most_in_flight == 1
    assert [parameters["n"] for parameters in transport.sent("OpenOrders")] == [str(n) for n in range(8)]


def test_offset_is_measured_only_as_far_as_it_is_proved() -> None:
    heard = START + SECOND

    assert measured_offset(START, heard, START, SECOND) == timedelta(0)
    assert measured_offset(START, heard, START + 5 * SECOND, SECOND) == 4 * SECOND
    assert measured_offset(START, heard, START - 5 * SECOND, SECOND) == -4 * SECOND


@asynccontextmanager
async def server(handler: object) -> AsyncIterator[VenueUrls]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield VenueUrls(
            rest=f"http://127.0.0.1:{port}",
            ws_public=f"ws://127.0.0.1:{port}/ws",
            ws_private=f"ws://127.0.0.1:{port}/ws",
        )
    finally:
        await runner.cleanup()


async def fetch(urls: VenueUrls, timeout: float = 5, headers: Mapping[str, str] | None = None) -> HttpAnswer:  # noqa: ASYNC109
    async with NetworkTransport([urls]) as transport:
        return await transport.request("POST", f"{urls.rest}/0/private/AddOrder", headers or {}, b"a=1", timeout)


async def test_transport_carries_bytes_and_never_follows_a_redirect() -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.read(), request.headers["User-Agent"]))
        return web.Response(status=302, headers={"Location": "/elsewhere"}, body=b"gone")

    async with server(handler) as urls:
        answered = await fetch(urls)

    assert (answered.status, answered.body) == (302, b"gone")
    assert [(method, path, body) for method, path, body, _ in seen] == [("POST", "/0/private/AddOrder", b"a=1")]
    assert seen[0][3].startswith("jarvis-trader/")


async def test_transport_knows_what_never_left() -> None:
    urls = VenueUrls(rest="http://127.0.0.1:1", ws_public="ws://127.0.0.1:1", ws_private="ws://127.0.0.1:1")

    with pytest.raises(Unreachable, match="could not connect"):
        await fetch(urls)
    async with NetworkTransport([urls]) as transport:
        with pytest.raises(Unreachable):
            await transport.open_socket(urls.ws_public)


async def test_transport_knows_what_may_have_arrived_and_sends_it_once() -> None:
    arrivals = []

    async def handler(request: web.Request) -> web.Response:
        arrivals.append(await request.read())
        if len(arrivals) == 1:
            await asyncio.sleep(0.4)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with server(handler) as urls:
        with pytest.raises(AnswerLost):
            await fetch(urls, timeout=0.2)
        with pytest.raises(AnswerLost):
            await fetch(urls)

    assert len(arrivals) == 2


async def test_transport_refuses_an_answer_without_end() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 + MAX_BODY_BYTES // (1 << 20)):
            await response.write(b"x" * (1 << 20))
        return response

    async with server(handler) as urls:
        with pytest.raises(AnswerLost):
            await fetch(urls)


async def test_transport_reaches_only_its_venues() -> None:
    async with NetworkTransport([URLS]) as transport:
        with pytest.raises(Unreachable, match="not one of the venue's addresses"):
            await transport.request("GET", "http://127.0.0.1:10/kraken", {}, b"", 1)
        with pytest.raises(Unreachable, match="not one of the venue's addresses"):
            await transport.open_socket("wss://example.org/ws")


async def test_transport_that_is_not_open_sends_nothing() -> None:
    with pytest.raises(Unreachable, match="not open"):
        await NetworkTransport([URLS]).request("GET", f"{URLS.rest}/0/public/Time", {}, b"", 1)


async def test_sockets_carry_frames_until_the_venue_closes() -> None:
    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(await socket.receive_str())
        await socket.close()
        return socket

    async with server(handler) as urls, NetworkTransport([urls]) as transport:
        socket = await transport.open_socket(urls.ws_public)
        await socket.send("hello")
        assert await socket.recv() == "hello"
        with pytest.raises(Unreachable):
            await socket.recv()
        with pytest.raises(Unreachable):
            await socket.send("again")
        await socket.close()


async def test_a_socket_does_not_follow_a_redirect() -> None:
    visited = []

    async def handler(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with server(handler) as urls, NetworkTransport([urls]) as transport:
        with pytest.raises(Unreachable):
            await transport.open_socket(urls.ws_public)

    assert visited == ["/ws"]
