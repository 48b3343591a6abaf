"""OKX's streams over prepared connections: two as one, what they tell, and what they lose."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jarvis.domain.order import Fill, OrderReport, OrderStatus, OrderType
from jarvis.venues.base import BarUpdate, KeyInvalid, RateLimited, Rejected, StreamGap, Unreachable
from jarvis.venues.okx import OkxVenue
from jarvis.venues.okx.sockets import SocketPair, business_url
from tests.venues.okx.wires import (
    ALGO,
    BTC,
    CONFIG,
    OURS,
    ScriptedSocket,
    ScriptedTransport,
    frame,
    okx,
    sample,
    stop,
    wish,
)
from tests.venues.wires import on_virtual_time

D = Decimal
MINUTE = timedelta(minutes=1)


def pair_of_sockets(wire: ScriptedTransport, **how: Any) -> tuple[ScriptedSocket, ScriptedSocket]:
    first, second = ScriptedSocket(**how), ScriptedSocket(**how)
    wire.sockets.extend((first, second))
    return first, second


async def told(venue: OkxVenue, *frames: tuple[int, str], wire: ScriptedTransport) -> list[object]:
    """What these frames, on the private (0) or the business (1) connection, become."""
    sockets = pair_of_sockets(wire)
    async with venue.account_stream() as stream:
        for which, text in frames:
            sockets[which].say(text)
            await stream.flush()
        return list(stream.pending())


@on_virtual_time
async def test_it_logs_in_on_both_connections_and_subscribes_each_to_its_own() -> None:
    wire = ScriptedTransport()
    private, business = pair_of_sockets(wire)

    async with okx(wire).account_stream():
        pass

    assert (private.url[-8:], business.url[-9:]) == ("/private", "/business")
    assert [message["op"] for message in private.sent] == ["login", "subscribe"]
    assert private.sent[1]["args"] == [{"channel": "orders", "instType": "ANY"}]
    assert business.sent[1]["args"] == [{"channel": "orders-algo", "instType": "ANY"}]
    assert private.is_closed
    assert business.is_closed


@on_virtual_time
async def test_an_order_and_its_fills_are_told_in_order() -> None:
    wire = ScriptedTransport()

    events = await told(
        okx(wire),
        (0, frame("ws_orders_live")),
        (0, frame("ws_orders_fill")),
        (0, frame("ws_orders_filled")),
        wire=wire,
    )

    assert [type(event) for event in events] == [OrderReport, Fill, OrderReport, Fill, OrderReport]
    fills = [event for event in events if isinstance(event, Fill)]
    assert [fill.quantity for fill in fills] == [D("0.004"), D("0.006")]
    assert {fill.client_order_id for fill in fills} == {OURS}
    assert [event.status for event in events if isinstance(event, OrderReport)] == [
        OrderStatus.OPEN,
        OrderStatus.PARTLY_FILLED,
        OrderStatus.FILLED,
    ]


@on_virtual_time
async def test_a_repeated_fill_is_told_once() -> None:
    wire = ScriptedTransport()

    events = await told(okx(wire), *[(0, frame("ws_orders_fill"))] * 3, wire=wire)

    assert len([event for event in events if isinstance(event, Fill)]) == 1
    assert not any(isinstance(event, StreamGap) for event in events)


@on_virtual_time
async def test_a_fill_that_was_lost_shows_in_the_filled_quantity() -> None:
    wire = ScriptedTransport()
    first = pair_of_sockets(wire)
    second = pair_of_sockets(wire)
    async with okx(wire).account_stream() as stream:
        first[0].say(frame("ws_orders_live"))
        first[0].say(frame("ws_orders_filled"))  # the fill of 0.004 before it is missing
        await asyncio.sleep(1)
        await stream.flush()
        events = stream.pending()

    gaps = [event for event in events if isinstance(event, StreamGap)]
    assert [gap.reason for gap in gaps] == ["orders lost a fill"]
    assert first[0].is_closed
    assert first[1].is_closed
    assert second[0].sent


@on_virtual_time
async def test_what_a_stop_spawned_carries_the_stops_ids() -> None:
    wire = ScriptedTransport()

    events = await told(
        okx(wire),
        (1, frame("ws_algo_live")),
        (1, frame("ws_algo_effective")),
        (0, frame("ws_orders_spawned")),
        wire=wire,
    )

    resting, fill, done = events
    assert isinstance(resting, OrderReport)
    assert isinstance(fill, Fill)
    assert isinstance(done, OrderReport)
    assert (resting.status, resting.order_type, resting.trigger_price) == (OrderStatus.OPEN, OrderType.STOP, D(59000))
    assert {resting.venue_order_id, fill.venue_order_id, done.venue_order_id} == {f"algo-{ALGO}"}
    assert {resting.client_order_id, fill.client_order_id, done.client_order_id} == {"jv0000002"}
    assert done.status is OrderStatus.FILLED


@on_virtual_time
async def test_a_spawned_order_that_names_only_the_venues_id_is_ours_all_the_same() -> None:
    wire = ScriptedTransport()
    venue = okx(wire)
    await venue.place(stop())

    events = await told(venue, (0, frame("ws_orders_spawned", algoClOrdId="")), wire=wire)

    assert {event.client_order_id for event in events if isinstance(event, (Fill, OrderReport))} == {OURS}


@on_virtual_time
async def test_a_cancelled_stop_and_a_cancelled_post_only_say_so() -> None:
    wire = ScriptedTransport()

    events = await told(okx(wire), (1, frame("ws_algo_canceled")), (0, frame("ws_orders_post_only")), wire=wire)

    stopped, taker = events
    assert isinstance(stopped, OrderReport)
    assert isinstance(taker, OrderReport)
    assert (stopped.status, taker.status) == (OrderStatus.CANCELLED, OrderStatus.CANCELLED)
    assert taker.reason == "post-only, and it would have taken"


@on_virtual_time
async def test_what_went_out_as_an_immediate_order_is_told_as_the_market_order_that_it_was() -> None:
    wire = ScriptedTransport()
    venue = okx(wire)
    await venue.place(wish())

    (report,) = await told(venue, (0, frame("ws_orders_live", ordType="ioc", px="60600.1")), wire=wire)

    assert isinstance(report, OrderReport)
    assert (report.order_type, report.limit_price) == (OrderType.MARKET, None)


@on_virtual_time
async def test_other_products_are_left_out_and_a_forced_closing_is_marked() -> None:
    wire = ScriptedTransport()

    events = await told(
        okx(wire),
        (0, frame("ws_orders_live", instType="SWAP", instId="BTC-USDT-SWAP")),
        (0, frame("ws_orders_liquidation")),
        wire=wire,
    )

    fill = events[0]
    assert isinstance(fill, Fill)
    assert fill.is_liquidation
    assert len(events) == 2


@on_virtual_time
async def test_spot_fills_are_margin_in_multi_currency_mode() -> None:
    wire = ScriptedTransport()
    wire.says(CONFIG, sample("config_multi_currency"))

    events = await told(okx(wire), (0, frame("ws_orders_fill", instType="SPOT")), wire=wire)

    assert isinstance(events[0], Fill)
    assert events[0].is_margin


@on_virtual_time
async def test_an_unreadable_row_is_a_gap_not_a_guess() -> None:
    wire = ScriptedTransport()

    events = await told(okx(wire), (0, frame("ws_orders_live", state="haunted")), wire=wire)

    (gap,) = events
    assert isinstance(gap, StreamGap)
    assert "state" in gap.reason


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["hang_up", "silence", "notice", "error"])
@on_virtual_time
async def test_a_break_of_either_connection_renews_both_and_says_so_once(which: int, how: str) -> None:
    wire = ScriptedTransport()
    first = pair_of_sockets(wire)
    second = pair_of_sockets(wire)
    async with okx(wire).account_stream() as stream:
        match how:
            case "hang_up":
                first[which].hang_up()
            case "silence":
                first[which].answers_pings = False
            case "notice":
                first[which].say('{"event":"notice","code":"64008","msg":"upgrade","connId":"a"}')
            case _:
                first[which].say('{"event":"error","code":"60012","msg":"bad request","connId":"a"}')
        await asyncio.sleep(15)
        await stream.flush()
        gaps = [event for event in stream.pending() if isinstance(event, StreamGap)]

    assert len(gaps) == 1
    assert all(socket.is_closed for socket in first)
    assert all(socket.sent for socket in second)


@on_virtual_time
async def test_a_quiet_stream_keeps_itself_alive() -> None:
    wire = ScriptedTransport()
    sockets = pair_of_sockets(wire)
    async with okx(wire).account_stream() as stream:
        await asyncio.sleep(120)

        assert not stream.pending()
    assert all(socket.sent.count("ping") >= 4 for socket in sockets)


@on_virtual_time
async def test_a_busy_connection_does_not_hide_that_the_other_is_dead() -> None:
    wire = ScriptedTransport()
    first = pair_of_sockets(wire)
    pair_of_sockets(wire)
    first[1].answers_pings = False
    async with okx(wire).account_stream() as stream:
        for _ in range(60):
            first[0].say(frame("ws_connections"))
            await asyncio.sleep(0.5)

        assert any(isinstance(event, StreamGap) for event in stream.pending())


@on_virtual_time
async def test_a_refused_login_ends_the_stream() -> None:
    wire = ScriptedTransport()
    sockets = pair_of_sockets(wire, confirms=False)
    for socket in sockets:
        socket.say(frame("ws_login_refused"))

    with pytest.raises(KeyInvalid):
        async with okx(wire).account_stream():
            pass
    assert all(socket.is_closed for socket in sockets)


@on_virtual_time
async def test_a_login_that_came_too_late_measures_the_clock_and_may_be_tried_again() -> None:
    wire = ScriptedTransport()
    private, _ = pair_of_sockets(wire, confirms=False)
    private.say('{"event":"error","code":"60006","msg":"Timestamp request expired","connId":"a"}')

    with pytest.raises(Unreachable):
        async with okx(wire).account_stream():
            pass
    assert len(wire.sent("public/time")) == 2


@on_virtual_time
async def test_a_second_connection_that_does_not_open_closes_the_first() -> None:
    wire = ScriptedTransport()
    only = ScriptedSocket()
    wire.sockets.append(only)

    with pytest.raises(Unreachable):
        async with okx(wire).account_stream():
            pass
    assert only.is_closed


@on_virtual_time
async def test_a_pong_comes_once_both_answered() -> None:
    first, second = ScriptedSocket(answers_pings=False), ScriptedSocket(answers_pings=False)
    pair = SocketPair(first, second)
    await pair.send("ping 7")
    first.say("pong")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await pair.recv()
    second.say("pong")

    assert await pair.recv() == "pong 7"
    await pair.close()


def test_the_business_address_stands_beside_the_others() -> None:
    assert business_url("wss://ws.okx.com:8443/ws/v5/public") == "wss://ws.okx.com:8443/ws/v5/business"
    assert business_url("ws://127.0.0.1:9/okx/ws/v5/private") == "ws://127.0.0.1:9/okx/ws/v5/business"


@on_virtual_time
async def test_the_market_stream_tells_quotes_and_candles() -> None:
    wire = ScriptedTransport()
    public, business = pair_of_sockets(wire)
    async with okx(wire).market_stream([BTC], MINUTE) as stream:
        public.say(frame("ws_tickers"))
        public.say(json.dumps({**json.loads(sample("ws_tickers")), "data": [{"instId": "BTC-USDT", "bidPx": ""}]}))
        business.say(frame_of("ws_candle"))
        await stream.flush()
        quote, candle = stream.pending()

    assert public.sent[0]["args"] == [{"channel": "tickers", "instId": "BTC-USDT"}]
    assert business.sent[0]["args"] == [{"channel": "candle1m", "instId": "BTC-USDT"}]
    assert (getattr(quote, "bid", None), getattr(quote, "ask", None)) == (D("59999.9"), D("60000.1"))
    assert isinstance(candle, BarUpdate)
    assert candle.bar.close == D("60005.1")


def frame_of(name: str) -> str:
    return sample(name).decode()


@pytest.mark.parametrize(
    "strange",
    [
        '{"arg":{"channel":"gossip","instId":"BTC-USDT"},"data":[]}',
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":{}}',
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[["1"]]}',
        "not JSON",
    ],
)
@on_virtual_time
async def test_a_frame_of_the_market_that_cannot_be_read_is_a_gap(strange: str) -> None:
    wire = ScriptedTransport()
    public, _ = pair_of_sockets(wire)
    async with okx(wire).market_stream([BTC], MINUTE) as stream:
        public.say(strange)
        await stream.flush()

        assert [type(event) for event in stream.pending()] == [StreamGap]


@on_virtual_time
async def test_a_channel_that_nobody_asked_for_is_a_gap() -> None:
    wire = ScriptedTransport()
    gossip = '{"arg":{"channel":"gossip","instType":"ANY"},"data":[]}'

    events = await told(okx(wire), (0, gossip), wire=wire)

    assert [type(event) for event in events] == [StreamGap]


@pytest.mark.parametrize(("code", "error"), [("60018", Rejected), ("61999", Rejected), ("60014", RateLimited)])
@on_virtual_time
async def test_a_refused_subscription_says_why(code: str, error: type[Exception]) -> None:
    wire = ScriptedTransport()
    public, _ = pair_of_sockets(wire, confirms=False)
    public.say("pong")
    public.say(json.dumps({"event": "error", "code": code, "msg": "no", "connId": "a"}))

    with pytest.raises(error):
        async with okx(wire).market_stream([BTC], MINUTE):
            pass


@on_virtual_time
async def test_what_comes_while_subscribing_is_told_and_what_cannot_be_read_is_no_stream() -> None:
    wire = ScriptedTransport()
    private, _ = pair_of_sockets(wire)
    private.say(frame("ws_orders_fill"))
    async with okx(wire).account_stream() as stream:
        await stream.flush()
        private.say(frame("ws_orders_filled"))
        await stream.flush()
        fills = [event for event in stream.pending() if isinstance(event, Fill)]
    assert fills

    strange, _ = pair_of_sockets(wire, confirms=False)
    strange.say('{"event":"login","code":7}')
    with pytest.raises(Unreachable, match="could not be read"):
        async with okx(wire).account_stream():
            pass
