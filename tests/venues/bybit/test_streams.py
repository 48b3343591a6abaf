"""Bybit's streams over a socket that a test speaks for: logins, topics, pings, gaps, and what was lost silently."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.order import Fill, OrderReport, OrderStatus
from jarvis.venues.base import AccountStream, BarUpdate, KeyInvalid, NotPermitted, Rejected, StreamGap, Unreachable
from jarvis.venues.bybit import BybitVenue, streams
from tests.venues.bybit.test_requests import wish
from tests.venues.bybit.wires import (
    TICKERS,
    CheckingSigner,
    ScriptedSocket,
    ScriptedTransport,
    answer,
    bybit,
    frame,
    sample,
)
from tests.venues.wires import HandClock, on_virtual_time

D = Decimal
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
FIVE = timedelta(minutes=5)


def order_frame(**changes: object) -> str:
    told = json.loads(sample("ws_order"))
    return json.dumps({**told, "data": [{**told["data"][0], **changes}]})


def fill_frame(n: int, **changes: object) -> str:
    told = json.loads(sample("ws_execution"))
    return json.dumps({**told, "data": [{**told["data"][n], **changes}]})


@asynccontextmanager
async def account(
    *sockets: ScriptedSocket, venue: BybitVenue | None = None
) -> AsyncIterator[tuple[AccountStream, ScriptedTransport]]:
    wire = ScriptedTransport()
    wire.sockets.extend(sockets)
    opened = venue or bybit(wire, clock=HandClock(runs=True))
    async with opened.account_stream() as stream:
        yield stream, wire


@on_virtual_time
async def test_the_stream_logs_in_and_subscribes_to_orders_and_fills_of_spot() -> None:
    socket = ScriptedSocket()
    async with account(socket) as (_, wire):
        login, subscription = socket.sent

        stamp = login["args"][1] - 10_000
        assert login["op"] == "auth"
        # The login's time is the venue's, measured before.
        assert stamp == 1790000000123
        assert (subscription["op"], subscription["args"]) == ("subscribe", ["order.spot", "execution.spot"])
        assert socket.url.endswith("/v5/private")
        assert wire.sent("/v5/market/time") == [{}]


@pytest.mark.parametrize(
    ("login", "error"),
    [
        (sample("ws_login_refused").decode(), KeyInvalid),
        ('{"op":"auth","success":false,"ret_msg":"Params Error","conn_id":"c"}', KeyInvalid),
        ('{"op":"auth","success":false,"ret_msg":"Request expired","conn_id":"c"}', Unreachable),
        ('{"op":"auth","success":false,"retCode":10005,"retMsg":"no"}', NotPermitted),
        ('{"op":"auth","success":false,"retCode":10002,"retMsg":"clock"}', Unreachable),
        ('{"op":"subscribe"}', Unreachable),
        ("not JSON", Unreachable),
    ],
)
@on_virtual_time
async def test_a_login_that_is_not_taken_says_why(login: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        async with account(ScriptedSocket(login=login)):
            pass


@on_virtual_time
async def test_the_other_spelling_of_a_taken_login_is_understood() -> None:
    async with account(ScriptedSocket(login='{"retCode":0,"retMsg":"OK","op":"auth","connId":"c"}')) as (stream, _):
        assert stream.pending() == []


@on_virtual_time
async def test_a_signer_that_does_not_answer_opens_no_stream() -> None:
    for failure, error in ((PermissionError("no"), NotPermitted), (ConnectionError("down"), Unreachable)):
        wire, signer = ScriptedTransport(), CheckingSigner()
        venue = bybit(wire, signer=signer)
        await venue.instruments()
        signer.failure = failure
        wire.sockets.append(ScriptedSocket())
        with pytest.raises(error):
            async with venue.account_stream():
                pass


@on_virtual_time
async def test_a_refused_subscription_is_said() -> None:
    with pytest.raises(Rejected, match="handler not found"):
        async with account(ScriptedSocket(ack="ws_subscription_refused")):
            pass


@on_virtual_time
async def test_what_comes_while_subscribing_is_kept() -> None:
    socket = ScriptedSocket(login=sample("ws_login").decode())
    wire = ScriptedTransport()
    wire.sockets.append(socket)
    venue = bybit(wire, clock=HandClock(runs=True))
    socket.say(frame("ws_pong_private"))  # an answer that is older than the login's
    opening = venue.account_stream()
    send = socket.send

    async def fill_first(text: str) -> None:
        if '"subscribe"' in text:
            socket.say(fill_frame(0))
            socket.say(frame("ws_pong_private"))
        await send(text)

    socket.send = fill_first  # type: ignore[method-assign]
    async with opening as stream:
        assert [type(event) for event in stream.pending()] == [Fill]


@on_virtual_time
async def test_seen_fills_and_tallies_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_REMEMBERED", 1)
    socket = ScriptedSocket()
    async with account(socket) as (stream, _):
        for n, order in enumerate(("a", "b", "a")):
            socket.say(fill_frame(0, orderId=order, execId="1"))
            socket.say(order_frame(orderId=order, orderLinkId=f"x{n}", orderStatus="New", cumExecQty="0"))
        await stream.flush()

        assert len([event for event in stream.pending() if isinstance(event, Fill)]) == 3


@on_virtual_time
async def test_orders_and_fills_are_told_once_each() -> None:
    socket = ScriptedSocket()
    async with account(socket) as (stream, _):
        socket.say(frame("ws_order"))
        socket.say(frame("ws_execution"))
        socket.say(frame("ws_execution"))
        await stream.flush()
        events = stream.pending()

    (report,) = [event for event in events if isinstance(event, OrderReport)]
    fills = [event for event in events if isinstance(event, Fill)]
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, D("0.01"))
    assert [fill.quantity for fill in fills] == [D("0.006"), D("0.004")]
    assert len(events) == 3


@on_virtual_time
async def test_rows_of_derivatives_are_left_to_their_owner() -> None:
    socket = ScriptedSocket()
    async with account(socket) as (stream, _):
        socket.say(order_frame(category="linear", symbol="BTCPERP"))
        socket.say(fill_frame(0, category="linear", execType="Funding"))
        await stream.flush()

        assert stream.pending() == []


@on_virtual_time
async def test_every_reconnection_is_a_gap_and_logs_in_anew() -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    async with account(first, second) as (stream, _):
        first.say(fill_frame(0))
        first.hang_up()
        await asyncio.sleep(1)
        second.say(fill_frame(0))
        second.say(fill_frame(1))
        await stream.flush()
        events = stream.pending()

    assert [type(event) for event in events] == [Fill, StreamGap, Fill]
    assert second.sent[0]["op"] == "auth"


@on_virtual_time
async def test_a_silent_stream_is_pinged_and_stays() -> None:
    socket = ScriptedSocket()
    async with account(socket) as (stream, _):
        await asyncio.sleep(60)

        assert stream.pending() == []
        pings = [message for message in socket.sent if message["op"] == "ping"]
        assert 12 <= len(pings) <= 20
        await stream.flush()


@on_virtual_time
async def test_a_stream_that_answers_no_ping_is_given_up() -> None:
    dead, alive = ScriptedSocket(pongs=False), ScriptedSocket()
    async with account(dead, alive) as (stream, _):
        await asyncio.sleep(12)

        assert [type(event) for event in stream.pending()] == [StreamGap]
        assert dead.is_closed


@on_virtual_time
async def test_a_lost_fill_is_noticed_when_the_next_ping_comes_back() -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    async with account(first, second) as (stream, _):
        first.say(order_frame(orderStatus="New", cumExecQty="0"))
        first.say(order_frame())
        first.say(fill_frame(0))
        await stream.flush()
        assert not [event for event in stream.pending() if isinstance(event, StreamGap)]
        await stream.flush()
        events = list(stream.pending())

    assert any(isinstance(event, StreamGap) and "fills of 1 orders" in event.reason for event in events)


@on_virtual_time
async def test_a_fill_that_comes_before_the_ping_is_answered_is_not_lost() -> None:
    socket = ScriptedSocket(pongs=False)
    async with account(socket) as (stream, _):
        socket.say(order_frame(orderStatus="New", cumExecQty="0"))
        socket.say(order_frame())
        await asyncio.sleep(0.1)
        flushing = asyncio.create_task(stream.flush())
        await asyncio.sleep(0.1)
        socket.say(frame("ws_execution"))
        socket.say(frame("ws_pong_private"))
        await flushing

        assert not [event for event in stream.pending() if isinstance(event, StreamGap)]


@on_virtual_time
async def test_an_order_of_ours_that_is_told_of_only_once_is_counted_from_its_beginning() -> None:
    wire = ScriptedTransport()
    wire.sockets.extend((ScriptedSocket(), ScriptedSocket()))
    first = wire.sockets[0]
    assert isinstance(first, ScriptedSocket)
    venue = bybit(wire, clock=HandClock(runs=True))
    async with venue.account_stream() as stream:
        await venue.place(wish())
        first.say(order_frame())
        await stream.flush()
        await stream.flush()

        assert [event for event in stream.pending() if isinstance(event, StreamGap)]


@on_virtual_time
async def test_what_was_filled_before_the_connection_is_not_missed() -> None:
    wire = ScriptedTransport()
    socket = ScriptedSocket()
    wire.sockets.append(socket)
    venue = bybit(wire, clock=HandClock(runs=True))
    await venue.place(wish())
    async with venue.account_stream() as stream:
        socket.say(order_frame())
        await stream.flush()
        await stream.flush()

        assert not [event for event in stream.pending() if isinstance(event, StreamGap)]


@pytest.mark.parametrize(
    "strange",
    [
        order_frame(orderStatus="Wondering"),
        fill_frame(0, execType="Surprise"),
        frame("ws_wallet"),
        '{"op":"dance"}',
        '{"op":null,"topic":7}',
        "not JSON",
    ],
)
@on_virtual_time
async def test_what_cannot_be_read_is_a_gap_that_names_the_key(strange: str) -> None:
    socket = ScriptedSocket()
    async with account(socket) as (stream, _):
        socket.say(strange)
        await stream.flush()
        (gap,) = stream.pending()

    assert isinstance(gap, StreamGap)
    assert "Wondering" not in gap.reason


@on_virtual_time
async def test_a_subscription_that_the_venue_ends_is_made_anew() -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    async with account(first, second) as (stream, _):
        first.say(sample("ws_subscription_refused").decode())
        await asyncio.sleep(1)

        assert [type(event) for event in stream.pending()] == [StreamGap]
        assert second.sent[0]["op"] == "auth"


# The market


@asynccontextmanager
async def market(*sockets: ScriptedSocket, pairs: tuple[Pair, ...] = (BTC,)) -> AsyncIterator[Any]:
    wire = ScriptedTransport()
    wire.says(TICKERS, lambda query: answer({"list": [{"symbol": query["symbol"], "lastPrice": "59000"}]}))
    wire.sockets.extend(sockets)
    async with bybit(wire, clock=HandClock(runs=True)).market_stream(pairs, FIVE) as stream:
        yield stream


@on_virtual_time
async def test_candles_and_quotes_with_the_last_traded_price() -> None:
    socket = ScriptedSocket()
    async with market(socket) as stream:
        socket.say(frame("ws_orderbook"))
        socket.say(frame("ws_kline"))
        socket.say(frame("ws_orderbook"))
        await stream.flush()
        before, candle, after = stream.pending()

    assert socket.url.endswith("/v5/public/spot")
    assert socket.sent[0]["args"] == ["kline.5.BTCUSDT", "orderbook.1.BTCUSDT"]
    assert isinstance(candle, BarUpdate)
    assert (candle.bar.close, candle.bar.interval, candle.bar.pair) == (D(60025), FIVE, BTC)
    assert isinstance(before, Quote)
    # Until a candle told it, the last price is the one that REST knew.
    assert (before.bid, before.ask, before.last) == (D("59999.9"), D("60000.1"), D(59000))
    assert isinstance(after, Quote)
    assert after.last == D(60025)


@on_virtual_time
async def test_an_empty_side_of_the_book_is_no_quote() -> None:
    socket = ScriptedSocket()
    book = json.loads(sample("ws_orderbook"))
    async with market(socket) as stream:
        socket.say(json.dumps({**book, "data": {**book["data"], "b": []}}))
        await stream.flush()

        assert stream.pending() == []


@pytest.mark.parametrize(
    "strange", [frame("ws_kline", topic="kline.7.BTCUSDT"), frame("ws_kline", topic="liquidations.BTCUSDT")]
)
@on_virtual_time
async def test_a_topic_that_nobody_asked_for_is_a_gap(strange: str) -> None:
    socket = ScriptedSocket()
    async with market(socket) as stream:
        socket.say(strange)
        await stream.flush()

        assert [type(event) for event in stream.pending()] == [StreamGap]


@on_virtual_time
async def test_pongs_answer_every_ping_up_to_their_number() -> None:
    socket = ScriptedSocket(pongs=False)
    async with account(socket) as (stream, _):
        one, other = asyncio.create_task(stream.flush()), asyncio.create_task(stream.flush())
        await asyncio.sleep(0.1)
        socket.say(frame("ws_pong_private", req_id="2"))
        await other
        socket.say(frame("ws_pong_private", req_id="1"))
        with pytest.raises(Unreachable):
            await one


@pytest.mark.parametrize("levels", [None, ["1"], [["1"]], [["NaN", "1"]]])
@on_virtual_time
async def test_a_book_that_cannot_be_read_is_a_gap(levels: object) -> None:
    socket = ScriptedSocket()
    book = json.loads(sample("ws_orderbook"))
    async with market(socket) as stream:
        socket.say(json.dumps({**book, "data": {**book["data"], "a": levels}}))
        await stream.flush()

        assert [type(event) for event in stream.pending()] == [StreamGap]


@on_virtual_time
async def test_more_topics_than_a_request_may_name_are_asked_for_in_parts() -> None:
    socket = ScriptedSocket()
    pairs = tuple(Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC"))
    async with market(socket, pairs=pairs):
        subscriptions = [message["args"] for message in socket.sent if message["op"] == "subscribe"]

    assert [len(args) for args in subscriptions] == [10, 4]
    assert len({topic for args in subscriptions for topic in args}) == 14


@on_virtual_time
async def test_a_public_pong_without_number_answers_the_oldest_ping() -> None:
    socket = ScriptedSocket()
    async with market(socket) as stream:
        await asyncio.gather(stream.flush(), stream.flush(), stream.flush())
        await asyncio.sleep(20)
        await stream.flush()

        assert stream.pending() == []
