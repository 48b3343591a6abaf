"""Both streams over a socket that a test speaks for: what is told, what is a gap, what is renewed."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jarvis.domain.account import AccountEvent
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Quote
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import AccountStream, BarUpdate, KeyInvalid, StreamGap, Unreachable
from jarvis.venues.binance import ISOLATED
from jarvis.venues.binance.memory import OrderMemory
from jarvis.venues.binance.streams import AccountDialect, StreamToken
from tests.venues.binance.test_requests import wish
from tests.venues.binance.wires import (
    KEY_INFO,
    TOKEN,
    ScriptedSocket,
    ScriptedTransport,
    answer,
    binance,
    refusal,
    sample,
    told,
)
from tests.venues.wires import HandClock, on_virtual_time

D = Decimal
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
MINUTE = timedelta(minutes=1)


def wired(*sockets: ScriptedSocket | Exception) -> ScriptedTransport:
    wire = ScriptedTransport()
    wire.sockets.extend(sockets)
    return wire


def event(name: str, **changes: Any) -> str:
    frame = json.loads(sample(name))
    frame["event"].update(changes)
    return json.dumps(frame)


async def heard(stream: AccountStream) -> Sequence[AccountEvent | StreamGap]:
    await stream.flush()
    return stream.pending()


def kinds(events: Sequence[object]) -> list[str]:
    return [type(each).__name__ for each in events]


@on_virtual_time
async def test_the_account_stream_is_opened_by_a_token_and_tells_orders_and_fills() -> None:
    socket = ScriptedSocket()
    wire = wired(socket)
    venue = binance(wire)
    await venue.place(wish())
    async with venue.account_stream() as stream:
        for name in ("ws_execution_new", "ws_execution_trade", "ws_execution_filled"):
            socket.say(sample(name))
        socket.say(sample("ws_account_position"))
        socket.say(sample("ws_balance_update"))
        events = await heard(stream)

    assert wire.sent(TOKEN) == [{"isIsolated": "FALSE"}]
    assert socket.url.endswith("/ws-api/v3")
    assert socket.sent[0]["method"] == "userDataStream.subscribe.listenToken"
    assert socket.sent[0]["params"] == {"listenToken": "6xXxePXwZRjVSHKhzUCCGnmN3fkvMTXru"}
    assert kinds(events) == ["OrderReport", "Fill", "OrderReport", "Fill", "OrderReport"]
    first, last = events[1], events[3]
    assert isinstance(first, Fill)
    assert isinstance(last, Fill)
    assert (first.fill_id, first.fee, first.fee_asset, first.is_maker) == ("BTCUSDT:34", D("0.00006"), "BTC", False)
    assert (last.fee_asset, last.is_maker, last.cost) == ("BNB", True, D("2400.0008"))
    assert first.client_order_id == "jv0000001"
    report = events[4]
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, D("0.1"))


@on_virtual_time
async def test_stream_and_history_tell_the_same_fill() -> None:
    from jarvis.venues.binance import parse

    socket = ScriptedSocket()
    venue = binance(wired(socket))
    await venue.place(wish())
    async with venue.account_stream() as stream:
        socket.say(sample("ws_execution_trade"))
        socket.say(sample("ws_execution_filled"))
        streamed = [each for each in await heard(stream) if isinstance(each, Fill)]

    assert streamed == parse.parse_fills(told("my_trades")[:2], lambda _: ClientOrderId("jv0000001"), ())


@on_virtual_time
async def test_a_cancelled_order_is_named_by_its_own_id_and_not_by_the_cancels() -> None:
    socket = ScriptedSocket()
    async with binance(wired(socket)).account_stream() as stream:
        socket.say(sample("ws_execution_canceled"))
        socket.say(sample("ws_execution_expired"))
        socket.say(sample("ws_execution_stop"))
        events = await heard(stream)

    reports = [each for each in events if isinstance(each, OrderReport)]
    assert [(each.client_order_id, each.status) for each in reports] == [
        ("jv0000003", OrderStatus.CANCELLED),
        ("jv0000006", OrderStatus.EXPIRED),
        ("jv0000002", OrderStatus.OPEN),
    ]
    assert (reports[2].order_type, reports[2].trigger_price, reports[2].side) == (OrderType.STOP, D(58000), Side.SELL)
    assert reports[0].limit_price == D(50000)


@on_virtual_time
async def test_a_repeated_fill_is_told_once() -> None:
    socket = ScriptedSocket()
    venue = binance(wired(socket))
    await venue.place(wish())
    async with venue.account_stream() as stream:
        for _ in range(3):
            socket.say(sample("ws_execution_trade"))
        events = await heard(stream)

    assert kinds(events).count("Fill") == 1


@on_virtual_time
async def test_a_fill_of_an_order_that_was_not_placed_here_is_a_gap_to_be_read_by_history() -> None:
    socket = ScriptedSocket()
    async with binance(wired(socket)).account_stream() as stream:
        socket.say(event("ws_execution_filled", c="autoclose_7", i=77))
        events = await heard(stream)

    assert kinds(events) == ["StreamGap", "OrderReport"]


@pytest.mark.parametrize(
    "frame",
    [
        event("ws_execution_new", X="DREAMING"),
        event("ws_execution_new", x="DREAMING"),
        event("ws_execution_new", s="ETHBTC"),
        event("ws_execution_new", o="MAGIC"),
        event("ws_execution_new", q="NaN"),
        event("ws_account_position", e="somethingNew"),
        event("ws_execution_filled", c="jv0000001", t=-1),
        event("ws_execution_filled", c="jv0000001", l="0"),
        json.dumps({"hello": 1}),
        json.dumps({"id": "x", "status": 200, "result": {}}),
        json.dumps({"id": "x", "status": 400}),
        json.dumps({"id": 3, "status": 429, "error": {"code": -1003, "msg": "Too much."}}),
        "<html>",
        "[]",
    ],
)
@on_virtual_time
async def test_a_frame_that_is_not_understood_is_a_gap_and_not_the_end(frame: str) -> None:
    socket = ScriptedSocket()
    venue = binance(wired(socket, ScriptedSocket()))
    await venue.place(wish())
    async with venue.account_stream() as stream:
        socket.say(frame)
        socket.say(sample("ws_execution_stop"))
        await asyncio.sleep(1)
        events = await heard(stream)

    assert kinds(events)[0] == "StreamGap"


@on_virtual_time
async def test_a_cut_stream_comes_back_with_a_fresh_token_and_says_so() -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    wire = wired(first, Unreachable("not yet"), second)
    async with binance(wire).account_stream() as stream:
        first.hang_up()
        await asyncio.sleep(2)
        second.say(sample("ws_execution_stop"))
        events = await heard(stream)

    assert kinds(events) == ["StreamGap", "OrderReport"]
    assert len(wire.sent(TOKEN)) == 2
    assert first.is_closed


@on_virtual_time
async def test_a_terminated_subscription_is_made_anew() -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    wire = wired(first, second)
    async with binance(wire).account_stream() as stream:
        first.say(sample("ws_terminated"))
        await asyncio.sleep(1)
        events = await heard(stream)

    assert kinds(events) == ["StreamGap"]
    assert "ended" in str(events[0])
    assert second.sent[0]["method"] == "userDataStream.subscribe.listenToken"


@pytest.mark.parametrize("frame", [sample("ws_server_shutdown"), b'{"e":"serverShutdown","E":1}'])
@on_virtual_time
async def test_a_venue_that_is_about_to_close_is_left_before(frame: bytes) -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    async with binance(wired(first, second)).account_stream() as stream:
        first.say(frame)
        await asyncio.sleep(1)
        assert kinds(await heard(stream)) == ["StreamGap"]


@on_virtual_time
async def test_a_connection_that_is_dead_without_saying_so_is_noticed_by_its_silence() -> None:
    dead, alive = ScriptedSocket(answers_pings=False), ScriptedSocket()
    async with binance(wired(dead, alive)).account_stream() as stream:
        with pytest.raises(Unreachable):
            await stream.flush()
        await asyncio.sleep(10)
        events = await heard(stream)

    assert kinds(events) == ["StreamGap"]
    assert dead.is_closed


@on_virtual_time
async def test_a_quiet_connection_is_asked_for_a_sign_of_life_and_kept() -> None:
    socket = ScriptedSocket()
    wire = wired(socket)
    async with binance(wire).account_stream() as stream:
        await asyncio.sleep(120)
        events = await heard(stream)

    pings = [message for message in socket.sent if message["method"] == "ping"]
    assert events == []
    assert 10 <= len(pings) <= 35
    assert len(wire.sent(TOKEN)) == 1


@on_virtual_time
async def test_a_token_is_renewed_at_half_its_life_on_the_same_connection() -> None:
    socket, clock = ScriptedSocket(), HandClock()
    wire = wired(socket)
    wire.keeps_time(clock)
    async with binance(wire, clock=clock).account_stream() as stream:
        clock.advance(11 * 3600)
        await asyncio.sleep(10)
        assert len(wire.sent(TOKEN)) == 1
        clock.advance(3600 + 60)
        wire.says(TOKEN, answer({"token": "fresh", "expirationTime": 1790086400123 + 12 * 3_600_000}))
        await asyncio.sleep(10)
        # The old subscription's end is none of ours any more; that of the new one is.
        socket.say(sample("ws_terminated"))
        events = await heard(stream)
        socket.say(event("ws_terminated").replace('"subscriptionId": 1', '"subscriptionId": 2'))
        wire.sockets.append(ScriptedSocket())
        await asyncio.sleep(2)
        after = await heard(stream)

    assert events == []
    assert socket.subscriptions == 2
    assert [message["params"]["listenToken"] for message in socket.sent if "params" in message][-1] == "fresh"
    assert kinds(after) == ["StreamGap"]


@on_virtual_time
async def test_a_renewal_that_fails_is_tried_again_and_the_stream_goes_on() -> None:
    socket, clock = ScriptedSocket(), HandClock()
    wire = wired(socket)
    wire.keeps_time(clock)
    async with binance(wire, clock=clock).account_stream() as stream:
        clock.advance(13 * 3600)
        wire.says(TOKEN, refusal(-1003, "Too much.", 429, Retry_After="1"), sample("user_listen_token"))
        await asyncio.sleep(10)
        assert socket.subscriptions == 1
        clock.advance(70)
        await asyncio.sleep(10)

        assert await heard(stream) == []
    assert socket.subscriptions == 2


@on_virtual_time
async def test_isolated_accounts_share_a_connection_with_a_token_each() -> None:
    socket = ScriptedSocket()
    wire = wired(socket)
    async with binance(wire, execution_venue=ISOLATED).account_stream() as stream:
        assert await heard(stream) == []
        socket.say(event("ws_terminated"))
        wire.sockets.append(ScriptedSocket())
        await asyncio.sleep(1)
        assert kinds(await heard(stream)) == ["StreamGap"]

    asked = wire.sent(TOKEN)
    assert asked[:2] == [{"isIsolated": "TRUE", "symbol": "BTCUSDT"}, {"isIsolated": "TRUE", "symbol": "ETHUSDT"}]
    assert socket.subscriptions == 2


@on_virtual_time
async def test_events_between_the_confirmations_are_not_lost() -> None:
    socket = ScriptedSocket(answers=False)
    socket.say(sample("ws_execution_stop"))
    socket.say(sample("ws_subscribed"))
    async with binance(wired(socket)).account_stream() as stream:
        assert kinds(stream.pending()) == ["OrderReport"]


@on_virtual_time
async def test_a_refused_token_is_no_stream() -> None:
    socket = ScriptedSocket(answers=False)
    socket.say(sample("ws_refused_token"))

    with pytest.raises(Unreachable):
        async with binance(wired(socket)).account_stream():
            pass


@on_virtual_time
async def test_a_confirmation_that_cannot_be_read_is_no_stream() -> None:
    socket = ScriptedSocket(answers=False)
    socket.say('{"id":"subscribe1","status":200,"result":{}}')

    with pytest.raises(Unreachable, match="could not be read"):
        async with binance(wired(socket)).account_stream():
            pass


async def test_nothing_is_renewed_without_a_connection() -> None:
    async def no_tokens() -> Sequence[StreamToken]:
        raise AssertionError

    dialect = AccountDialect("ws://127.0.0.1", OrderMemory(), no_tokens, HandClock().now)

    assert not dialect.wants_renewal
    with pytest.raises(Unreachable):
        await dialect.renew()


def test_what_is_remembered_is_bounded() -> None:
    memory = OrderMemory()
    for n in range(6000):
        memory.keep(VenueOrderId(f"BTCUSDT:{n}"), ClientOrderId(f"c{n}"), BTC)

    assert not memory.knows(VenueOrderId("BTCUSDT:0"), ClientOrderId("c0"))
    assert memory.knows(VenueOrderId("BTCUSDT:5999"))
    assert memory.pair(ClientOrderId("c5999")) == BTC


@on_virtual_time
async def test_a_revoked_key_ends_the_stream() -> None:
    socket = ScriptedSocket()
    wire = wired(socket, ScriptedSocket())
    nope = refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    async with binance(wire).account_stream() as stream:
        wire.says(TOKEN, nope)
        wire.says(KEY_INFO, nope)
        socket.hang_up()
        await asyncio.sleep(2)

        with pytest.raises(KeyInvalid):
            await stream.flush()


# The market


@on_virtual_time
async def test_the_market_stream_tells_candles_and_quotes_and_begins_with_now() -> None:
    socket = ScriptedSocket()
    wire = wired(socket)
    async with binance(wire).market_stream([BTC, ETH], MINUTE) as stream:
        first = stream.pending()
        socket.say(sample("ws_kline"))
        socket.say(sample("ws_book_ticker"))
        await stream.flush()
        events = stream.pending()

    assert socket.sent[0]["params"] == [
        "btcusdt@kline_1m",
        "btcusdt@bookTicker",
        "ethusdt@kline_1m",
        "ethusdt@bookTicker",
    ]
    assert [(each.pair, each.last) for each in first if isinstance(each, Quote)] == [(BTC, D(60010)), (ETH, D(3000))]
    candle, quote = events
    assert isinstance(candle, BarUpdate)
    assert isinstance(quote, Quote)
    assert (candle.bar.opened_at.minute, candle.bar.close) == (13, D(60012))
    # The ticker names no last price: it is the candle's.
    assert (quote.bid, quote.ask, quote.last) == (D("60011.99"), D(60012), D(60012))


@on_virtual_time
async def test_what_comes_before_the_confirmation_is_told_after_it() -> None:
    socket = ScriptedSocket(answers=False)
    for name in ("ws_kline", "ws_market_ack"):
        socket.say(sample(name))
    async with binance(wired(socket)).market_stream([BTC], MINUTE) as stream:
        assert kinds(stream.pending()) == ["Quote", "Quote", "BarUpdate"]


@on_virtual_time
async def test_a_refused_market_subscription_is_no_stream() -> None:
    socket = ScriptedSocket(answers=False)
    socket.say(json.dumps({"id": "subscribe", "error": {"code": 2, "msg": "Invalid request"}}))

    with pytest.raises(Unreachable):
        async with binance(wired(socket)).market_stream([BTC], MINUTE):
            pass


@pytest.mark.parametrize(
    "frame",
    [
        json.dumps({"stream": "btcusdt@kline_1m", "data": {"e": "somethingNew"}}),
        json.dumps({"stream": "btcusdt@kline_5m", "data": {**told("ws_kline")["data"], "k": {"i": "5m"}}}, default=str),
        json.dumps({"stream": "btcusdt@bookTicker", "data": {"s": "ETHBTC", "b": "1", "a": "2"}}),
        json.dumps({"hello": 1}),
    ],
)
@on_virtual_time
async def test_a_market_frame_that_is_not_understood_is_a_gap(frame: str) -> None:
    socket = ScriptedSocket()
    async with binance(wired(socket)).market_stream([BTC], MINUTE) as stream:
        stream.pending()
        socket.say(frame)
        await stream.flush()

        assert kinds(stream.pending()) == ["StreamGap"]


@pytest.mark.parametrize(
    "frame", [b'{"e":"serverShutdown","E":1}', b'{"stream":"x","data":{"e":"serverShutdown","E":1}}']
)
@on_virtual_time
async def test_a_market_connection_that_is_about_to_close_is_made_anew(frame: bytes) -> None:
    first, second = ScriptedSocket(), ScriptedSocket()
    async with binance(wired(first, second)).market_stream([BTC], MINUTE) as stream:
        stream.pending()
        first.say(frame)
        await asyncio.sleep(1)
        await stream.flush()

        assert kinds(stream.pending())[0] == "StreamGap"


@on_virtual_time
async def test_an_empty_book_is_no_quote() -> None:
    socket = ScriptedSocket()
    async with binance(wired(socket)).market_stream([BTC], MINUTE) as stream:
        stream.pending()
        socket.say(
            json.dumps({"stream": "x", "data": {"u": 1, "s": "BTCUSDT", "b": "0", "B": "0", "a": "0", "A": "0"}})
        )
        await stream.flush()

        assert stream.pending() == []


def test_order_ids_carry_their_pair_because_each_pair_counts_its_own() -> None:
    from jarvis.venues.binance.symbols import order_id

    assert order_id("BTCUSDT", 28) == VenueOrderId("BTCUSDT:28") != order_id("ETHUSDT", 28)
