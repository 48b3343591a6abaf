"""Kraken's streams over scripted connections: gaps, repeats, silence, reconnecting, and what is sparse."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from jarvis.domain.account import AccountEvent, LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Quote
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import BarUpdate, KeyInvalid, Rejected, StreamGap, Unreachable, UnreadableAnswer
from jarvis.venues.kraken.executions import Execution, decode_executions, parse_execution, parse_known_order
from jarvis.venues.kraken.fields import decode
from jarvis.venues.kraken.memory import KnownOrder, OrderMemory
from jarvis.venues.kraken.streams import (
    AccountDialect,
    MarketDialect,
    parse_balance_update,
    parse_candle,
    parse_quote,
)
from jarvis.venues.stream import ReconnectingSocket
from tests.venues.wires import (
    START,
    URLS,
    HandClock,
    ScriptedSocket,
    ScriptedTransport,
    frame,
    on_virtual_time,
    sample,
    symbols,
)

D = Decimal
BTC = Pair.parse("BTC/USD")
ORDER = VenueOrderId("OQCLML-BW3P3-BUCMWZ")
GREETINGS = (
    frame("ws_status"),
    frame("ws_ack_executions"),
    frame("ws_executions_snapshot"),
    frame("ws_ack_balances"),
    frame("ws_balances_snapshot"),
)


def account_stream(
    transport: ScriptedTransport,
    *,
    memory: OrderMemory | None = None,
    token: Callable[[], Awaitable[str]] | None = None,
    silence: float = 5.0,
    patience: float = 3.0,
) -> ReconnectingSocket[AccountEvent]:
    tokens = iter(range(1, 100))

    async def fresh_token() -> str:
        return f"token-{next(tokens)}"

    clock = HandClock()
    dialect = AccountDialect(URLS.ws_private, symbols(), memory or OrderMemory(), token or fresh_token, clock)
    return ReconnectingSocket(
        transport,
        dialect,
        name="account",
        clock=clock,
        random=Random(3),
        silence_seconds=silence,
        patience_seconds=patience,
        backoff_cap_seconds=0.1,
    )


def connected(*sockets: ScriptedSocket) -> ScriptedTransport:
    transport = ScriptedTransport()
    transport.sockets.extend(sockets)
    return transport


def greeted(**options: bool) -> ScriptedSocket:
    return ScriptedSocket(*GREETINGS, **options)


async def heard(stream: ReconnectingSocket[AccountEvent]) -> list[AccountEvent | StreamGap]:
    await stream.flush()
    return list(stream.pending())


async def test_stream_subscribes_with_a_fresh_token_and_tells_what_happens() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        for name in ("ws_heartbeat", "ws_executions_pending", "ws_executions_new", "ws_executions_trade"):
            socket.say(frame(name))
        socket.say(frame("ws_balances_update"))

        pending, new, fill, row = await heard(stream)

    executions, balances, _ = socket.sent
    assert executions["params"] == {
        "channel": "executions",
        "snap_orders": True,
        "snap_trades": False,
        "order_status": True,
        "token": "token-1",
    }
    assert balances["params"] == {"channel": "balances", "snapshot": True, "token": "token-1"}
    assert socket.url == URLS.ws_private
    assert isinstance(pending, OrderReport)
    assert isinstance(new, OrderReport)
    assert isinstance(fill, Fill)
    assert isinstance(row, LedgerRow)
    assert socket.is_closed


async def test_sparse_messages_are_completed_from_what_is_known() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        for sequence, name in enumerate(("pending", "new", "trade", "filled", "canceled", "amended"), start=2):
            socket.say(frame(f"ws_executions_{name}", sequence=sequence))

        _, new, fill, filled, cancelled, amended = await heard(stream)

    assert isinstance(new, OrderReport)
    assert (new.status, new.client_order_id, new.pair, new.side, new.quantity) == (
        OrderStatus.OPEN,
        "jv0000001",
        BTC,
        Side.BUY,
        D("0.0125"),
    )
    assert isinstance(fill, Fill)
    assert (fill.fill_id, fill.client_order_id, fill.is_margin, fill.is_maker) == (
        "THVRQM-33VKH-UCI7BS",
        "jv0000001",
        True,
        True,
    )
    assert (fill.quantity, fill.price, fill.cost, fill.fee) == (D("0.00375"), D("60010.0"), D("225.0375"), D("0.45008"))
    assert fill.at == datetime(2026, 9, 21, 14, 13, 21, 1, tzinfo=UTC)
    assert isinstance(filled, OrderReport)
    assert (filled.status, filled.filled_quantity) == (OrderStatus.FILLED, D("0.0125"))
    assert isinstance(cancelled, OrderReport)
    # The cancelled order was only in the snapshot.
    assert (cancelled.status, cancelled.client_order_id, cancelled.order_type, cancelled.reason) == (
        OrderStatus.CANCELLED,
        "jv0000002",
        OrderType.STOP,
        "User requested",
    )
    assert isinstance(amended, OrderReport)
    assert (amended.quantity, amended.trigger_price) == (D("0.03"), D("58500.0"))


async def test_a_repeated_frame_is_dropped_and_a_fill_is_told_once() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        for sequence in (2, 2, 3, 3, 2):
            socket.say(frame("ws_executions_trade", sequence=sequence))
        socket.say(frame("ws_balances_update"))
        socket.say(frame("ws_balances_update"))
        # The order of the trade is told afterwards only, so its first message cannot be completed.
        events = await heard(stream)

    assert [type(event) for event in events] == [StreamGap, StreamGap, LedgerRow]


async def test_a_repeated_fill_under_a_new_sequence_is_told_once() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        socket.say(frame("ws_executions_pending", sequence=2))
        socket.say(frame("ws_executions_trade", sequence=3))
        socket.say(frame("ws_executions_trade", sequence=4))

        events = await heard(stream)

    assert [type(event) for event in events] == [OrderReport, Fill]


@pytest.mark.parametrize("channel", ["ws_executions_pending", "ws_balances_update"])
async def test_a_hole_in_the_sequence_makes_a_new_connection_and_a_gap(channel: str) -> None:
    first, second = greeted(), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        first.say(frame(channel, sequence=5))

        events = await heard(stream)
        second.say(frame("ws_executions_pending", sequence=2))
        later = await heard(stream)

    (gap,) = events
    assert isinstance(gap, StreamGap)
    assert "lost 3 frames" in gap.reason
    assert gap.at == START
    assert first.is_closed
    assert second.sent[0]["params"]["token"] == "token-2"
    assert [type(event) for event in later] == [OrderReport]


async def test_frames_that_swapped_places_make_a_gap() -> None:
    first, second = greeted(), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        first.say(frame("ws_executions_new", sequence=3))
        first.say(frame("ws_executions_pending", sequence=2))

        assert [type(event) for event in await heard(stream)] == [StreamGap]


async def test_a_subscription_that_begins_without_a_snapshot_is_not_trusted() -> None:
    first, second = ScriptedSocket(frame("ws_ack_executions"), frame("ws_ack_balances")), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        first.say(frame("ws_executions_pending", sequence=2))

        (gap,) = await heard(stream)

    assert isinstance(gap, StreamGap)
    assert "without a snapshot" in gap.reason


async def test_a_cut_connection_is_made_anew_and_tells_a_gap_first() -> None:
    first = greeted()
    second = ScriptedSocket(*GREETINGS[:3], frame("ws_executions_pending"), *GREETINGS[3:])
    async with account_stream(connected(first, second)).opened() as stream:
        first.hang_up()

        events = await heard(stream)

    # What came while subscribing again is told too, after the gap.
    assert [type(event) for event in events] == [StreamGap, OrderReport]


async def test_each_connection_counts_its_frames_from_the_beginning() -> None:
    first, second = greeted(), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        for sequence in range(2, 6):
            first.say(frame("ws_executions_pending", sequence=sequence))
        first.hang_up()
        await heard(stream)
        second.say(frame("ws_executions_pending", sequence=2))

        assert [type(event) for event in await heard(stream)] == [OrderReport]


async def test_silence_is_a_broken_connection() -> None:
    first, second = greeted(answers_pings=False), greeted()
    async with account_stream(connected(first, second), silence=0.05, patience=10).opened() as stream:
        events = await heard(stream)

    (gap,) = events
    assert isinstance(gap, StreamGap)
    assert gap.reason == "silent for 0.05 s"


async def test_heartbeats_keep_a_quiet_stream_alive() -> None:
    socket = greeted()
    async with account_stream(connected(socket), silence=0.3).opened() as stream:
        for _ in range(12):
            await asyncio.sleep(0.1)
            socket.say(frame("ws_heartbeat"))
        heard_at = stream.last_heard_at

        assert await heard(stream) == []
        assert asyncio.get_running_loop().time() - heard_at < 1


async def test_reconnecting_goes_on_until_the_venue_is_back() -> None:
    first, second = greeted(), greeted()
    transport = connected(first)
    transport.sockets.append(Unreachable("down"))
    transport.sockets.append(ScriptedSocket(frame("ws_refused_token")))
    transport.sockets.append(second)
    async with account_stream(transport, patience=20).opened() as stream:
        first.hang_up()

        events = await heard(stream)

    assert [type(event) for event in events] == [StreamGap]
    # Each connection has its own token; the first of the failed ones never got so far.
    assert second.sent[0]["params"]["token"] == "token-3"


@on_virtual_time
async def test_a_connection_that_is_dropped_again_and_again_is_not_made_in_haste() -> None:
    sockets = [greeted() for _ in range(12)]
    for socket in sockets[:10]:
        socket.hang_up()
    transport = connected(*sockets)
    stream = account_stream(transport)
    stream._backoff_cap = 1000.0
    async with stream.opened():
        await asyncio.sleep(3)

        assert len(transport.sockets) == 2


async def test_flush_says_that_the_stream_is_down() -> None:
    socket = greeted()
    async with account_stream(connected(socket), patience=0.2).opened() as stream:
        socket.hang_up()

        with pytest.raises(Unreachable, match="down"):
            await stream.flush()


async def test_flush_waits_for_what_was_sent_before() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        socket.say(frame("ws_executions_pending"))
        await stream.flush()

        assert len(stream.pending()) == 1
        assert stream.pending() == []


async def test_iterating_gives_events_as_they_come() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        events = aiter(stream)
        asyncio.get_running_loop().call_later(0.01, socket.say, frame("ws_executions_pending"))

        assert isinstance(await anext(events), OrderReport)


async def test_a_key_that_is_refused_ends_the_stream_and_is_not_tried_again() -> None:
    first = greeted()
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise KeyInvalid("revoked")
        return "token"

    async with account_stream(connected(first, greeted(), greeted()), token=token).opened() as stream:
        first.hang_up()

        with pytest.raises(KeyInvalid):
            await stream.flush()
        with pytest.raises(KeyInvalid):
            await anext(aiter(stream))

    assert asked == 2


async def test_an_unreadable_frame_is_a_gap_and_the_stream_goes_on() -> None:
    socket = greeted()
    strange = json.loads(frame("ws_executions_pending"))
    strange["data"][0]["order_status"] = "contemplating"
    async with account_stream(connected(socket)).opened() as stream:
        socket.say(json.dumps(strange))
        socket.say(frame("ws_executions_pending", sequence=3))

        gap, report = await heard(stream)

    assert isinstance(gap, StreamGap)
    assert "order_status" in gap.reason
    assert "contemplating" not in gap.reason
    assert isinstance(report, OrderReport)


@pytest.mark.parametrize(
    "told", ["no json", "[]", '{"channel":"surprise","type":"update","data":[]}', '{"method":"dance"}']
)
async def test_a_frame_of_another_kind_is_a_gap(told: str) -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        socket.say(told)

        assert [type(event) for event in await heard(stream)] == [StreamGap]


async def test_a_subscription_that_ends_makes_a_new_connection() -> None:
    first, second = greeted(), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        first.say(frame("ws_refused_token"))

        assert [type(event) for event in await heard(stream)] == [StreamGap]

    assert second.sent


async def test_a_slow_reader_is_told_that_it_missed_something() -> None:
    socket = greeted()
    stream = account_stream(connected(socket))
    stream._capacity = 2
    async with stream.opened():
        for sequence in range(2, 6):
            socket.say(frame("ws_executions_pending", sequence=sequence))

        events = await heard(stream)

    assert [type(event) for event in events] == [StreamGap, OrderReport]


async def test_opening_fails_at_once_when_the_venue_is_not_there() -> None:
    with pytest.raises(Unreachable):
        async with account_stream(connected()).opened():
            pass


async def test_opening_fails_when_the_subscription_is_not_confirmed() -> None:
    socket = ScriptedSocket(frame("ws_status"))

    with pytest.raises(Unreachable, match="did not confirm"):
        async with account_stream(connected(socket), silence=0.05).opened():
            pass

    assert socket.is_closed


async def test_opening_fails_when_what_comes_first_cannot_be_read() -> None:
    socket = ScriptedSocket("no json")

    with pytest.raises(Unreachable, match="could not be read"):
        async with account_stream(connected(socket)).opened():
            pass

    assert socket.is_closed


async def test_opening_fails_when_frames_are_lost_before_it_is_confirmed() -> None:
    socket = ScriptedSocket(*GREETINGS[:3], frame("ws_executions_pending", sequence=9))

    with pytest.raises(Unreachable, match="lost 7 frames"):
        async with account_stream(connected(socket)).opened():
            pass


async def test_a_bug_while_opening_closes_the_connection() -> None:
    socket = greeted()

    async def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with account_stream(connected(socket), token=broken).opened():
            pass

    assert socket.is_closed


async def test_a_late_confirmation_and_a_foreign_pong_change_nothing() -> None:
    socket = greeted()
    async with account_stream(connected(socket)).opened() as stream:
        for told in (frame("ws_ack_balances"), frame("ws_pong", req_id=77), frame("ws_pong", req_id="x")):
            socket.say(told)

        assert await heard(stream) == []


async def test_flush_waits_for_a_connection_that_is_being_renewed() -> None:
    first, second = greeted(answers_pings=False), greeted()
    async with account_stream(connected(first, second)).opened() as stream:
        flushing = asyncio.create_task(stream.flush())
        await asyncio.sleep(0.01)
        first.hang_up()
        await flushing

        assert [type(event) for event in stream.pending()] == [StreamGap]


async def test_the_stream_pings_when_it_has_said_nothing_for_long() -> None:
    socket = greeted()
    stream = account_stream(connected(socket))
    stream._keep_alive = 0.01
    async with stream.opened():
        await asyncio.sleep(0.02)
        socket.say(frame("ws_heartbeat"))
        await asyncio.sleep(0.02)

    assert {"method": "ping", "req_id": 0} in socket.sent


async def test_a_bug_in_reading_is_shown_to_the_reader_and_not_swallowed() -> None:
    socket = greeted()
    stream = account_stream(connected(socket))

    def fails(text: str) -> list[AccountEvent]:
        raise ZeroDivisionError(text)

    async with stream.opened():
        stream._dialect.read = fails  # type: ignore[method-assign]
        socket.say(frame("ws_heartbeat"))

        with pytest.raises(ZeroDivisionError):
            await anext(aiter(stream))


def market_stream(transport: ScriptedTransport) -> ReconnectingSocket[BarUpdate | Quote]:
    clock = HandClock()
    pairs = [BTC, Pair.parse("DOGE/USD")]
    dialect = MarketDialect(URLS.ws_public, symbols(), pairs, timedelta(minutes=1), clock)
    return ReconnectingSocket(transport, dialect, name="market", clock=clock, random=Random(3))


def confirmed(channel: str, symbol: str) -> str:
    return json.dumps({"method": "subscribe", "success": True, "result": {"channel": channel, "symbol": symbol}})


async def test_market_stream_gives_candles_and_quotes_of_the_pairs() -> None:
    socket = ScriptedSocket(
        *(confirmed(channel, symbol) for channel in ("ohlc", "ticker") for symbol in ("BTC/USD", "DOGE/USD"))
    )
    async with market_stream(connected(socket)).opened() as stream:
        socket.say(frame("ws_ohlc"))
        socket.say(frame("ws_ticker"))
        socket.say('{"channel":"book","type":"update","data":[]}')
        await stream.flush()

        candle, quote, gap = stream.pending()

    assert [message["params"] for message in socket.sent[:2]] == [
        {"channel": "ohlc", "symbol": ["BTC/USD", "DOGE/USD"], "interval": 1, "snapshot": True},
        {"channel": "ticker", "symbol": ["BTC/USD", "DOGE/USD"], "event_trigger": "bbo", "snapshot": True},
    ]
    assert isinstance(candle, BarUpdate)
    assert (candle.bar.pair, candle.bar.close, candle.bar.interval) == (BTC, D("64015.2"), timedelta(minutes=1))
    assert candle.bar.opened_at == datetime(2026, 9, 21, 14, 13, tzinfo=UTC)
    assert isinstance(quote, Quote)
    assert (str(quote.pair), quote.bid, quote.ask, quote.at) == ("DOGE/USD", D("0.10025"), D("0.10035"), START)
    assert isinstance(gap, StreamGap)


async def test_a_pair_that_the_stream_does_not_know_is_refused() -> None:
    socket = ScriptedSocket(
        json.dumps({"method": "subscribe", "success": False, "error": "Currency pair not supported DOGE/USD"})
    )

    with pytest.raises(Rejected, match="not supported"):
        async with market_stream(connected(socket)).opened():
            pass


def entry(name: str) -> dict[str, object]:
    first = decode(sample(name))["data"][0]
    assert isinstance(first, dict)
    return first


def execution(name: str, *without: str, **changes: object) -> Execution:
    """The first entry of a frame, as the stream decodes it."""
    first = {**json.loads(sample(name))["data"][0], **changes}
    (told,) = decode_executions(frame(name, data=[{k: v for k, v in first.items() if k not in without}])).data
    return told


KNOWN = KnownOrder(ClientOrderId("jv0000001"), BTC, Side.BUY, OrderType.LIMIT, is_margin=True)


def test_a_fill_of_a_liquidation_says_so() -> None:
    fill = parse_execution(execution("ws_executions_trade", liquidated=True), KNOWN, symbols())

    assert isinstance(fill, Fill)
    assert fill.is_liquidation


def test_a_fill_without_fees_paid_none() -> None:
    fill = parse_execution(execution("ws_executions_trade", fees=[]), KNOWN, symbols())

    assert isinstance(fill, Fill)
    assert (fill.fee, fill.fee_asset) == (D(0), "USD")


def test_an_order_whose_message_leaves_margin_out_is_spot() -> None:
    message = execution("ws_executions_pending", "margin")

    assert parse_known_order(message, KnownOrder(), symbols()).is_margin is False
    assert parse_known_order(message, KNOWN, symbols()).is_margin is True
    # A sparse message says nothing of it either way.
    assert parse_known_order(execution("ws_executions_amended"), KnownOrder(), symbols()).is_margin is None


def test_the_trigger_of_a_trailing_stop_is_an_offset_and_not_a_price() -> None:
    message = execution("ws_executions_amended", triggers={"price": 1.5, "price_type": "pct"})

    assert parse_known_order(message, KnownOrder(), symbols()).trigger_price is None


def test_an_open_order_that_traded_is_partly_filled() -> None:
    report = parse_execution(execution("ws_executions_amended", cum_qty=0.001), KNOWN, symbols())

    assert isinstance(report, OrderReport)
    assert report.status is OrderStatus.PARTLY_FILLED


@pytest.mark.parametrize(
    ("changes", "known", "named"),
    [
        ({"exec_type": "dream"}, KNOWN, "exec_type"),
        ({"last_qty": 0}, KNOWN, "last_qty"),
        ({"last_price": "NaN"}, KNOWN, "last_price"),
        ({"fees": [{"asset": "USD", "qty": 1}, {"asset": "BTC", "qty": 1}]}, KNOWN, "fees"),
        ({"fees": None}, KNOWN, "fees"),
        ({}, KnownOrder(), "symbol"),
        ({}, KnownOrder(pair=BTC, side=Side.BUY), "margin"),
    ],
)
def test_an_execution_that_is_not_understood_is_unreadable(
    changes: dict[str, object], known: KnownOrder, named: str
) -> None:
    with pytest.raises(UnreadableAnswer, match=named):
        parse_execution(execution("ws_executions_trade", **changes), known, symbols())


def test_a_ledger_row_of_the_stream() -> None:
    row = parse_balance_update(entry("ws_balances_update"), symbols())

    assert (row.row_id, row.ref_id, row.kind, row.asset) == (
        "L4UESK-KG3EQ-UFO4T5",
        "THVRQM-33VKH-UCI7BS",
        LedgerKind.MARGIN,
        "USD",
    )
    assert (row.change, row.balance) == (D("-0.4951"), D("25434.7149"))
    with pytest.raises(UnreadableAnswer, match="type"):
        parse_balance_update({**entry("ws_balances_update"), "type": "gift"}, symbols())


def test_a_candle_that_cannot_be_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer):
        parse_candle({**entry("ws_ohlc"), "high": D(1)}, symbols())
    with pytest.raises(UnreadableAnswer):
        parse_quote({**entry("ws_ticker"), "bid": None}, symbols(), HandClock())


def test_memory_forgets_the_oldest_orders_only() -> None:
    memory = OrderMemory()
    for number in range(5_002):
        memory.keep(VenueOrderId(f"O{number}"), KnownOrder(ClientOrderId(f"c{number}")))

    assert not memory.knows(VenueOrderId("O0"))
    assert memory.client_order_id(VenueOrderId("O5001")) == "c5001"
    assert memory.order_ids(ClientOrderId("c5000")) == ["O5000"]
