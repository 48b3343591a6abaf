"""WebSocket v2: banner, acknowledgements, refusals, heartbeats, private events and public data."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.kraken import FaultKind
from jarvis.emulators.kraken.book import checksum
from jarvis.emulators.kraken.text import decode
from tests.emulators.kraken.actors import TRADER, Client, Stream, Venue


def public(venue: Venue) -> Stream:
    return Stream(venue.kraken.connect("/ws/v2"))


async def test_a_connection_is_greeted_with_the_status() -> None:
    frame = await public(Venue(minutes=1)).next(beats=True)

    (row,) = frame["data"]
    assert (frame["channel"], row["system"], row["api_version"]) == ("status", "online", "v2")


async def test_a_ping_is_answered_with_its_number() -> None:
    stream = public(Venue(minutes=1))

    stream.say("ping", req_id=42)

    pong = await stream.next()
    assert (pong["method"], pong["req_id"]) == ("pong", 42)
    assert {"time_in", "time_out"} <= pong.keys()


async def test_each_symbol_is_acknowledged_or_refused_on_its_own() -> None:
    stream = public(Venue(minutes=1))

    stream.say("subscribe", {"channel": "ticker", "symbol": ["BTC/USD", "XBT/USD", "ETH/USD"]}, req_id=3)

    frames = await stream.all()
    acknowledgements = [frame for frame in frames if frame.get("method") == "subscribe"]
    assert [frame["success"] for frame in acknowledgements] == [True, False, True]
    assert {frame["req_id"] for frame in acknowledgements} == {3}
    assert acknowledgements[0]["result"]["symbol"] == "BTC/USD"
    assert acknowledgements[1]["error"] == "Currency pair not supported XBT/USD"
    assert acknowledgements[1]["symbol"] == "XBT/USD"


async def test_private_channels_are_not_on_the_public_address() -> None:
    stream = public(Venue(minutes=1))

    for method, params in (("subscribe", {"channel": "executions", "token": "x"}), ("add_order", {})):
        stream.say(method, params)
        frame = await stream.next()
        assert frame["error"] == ("Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com")
        assert frame["success"] is False


async def test_public_channels_are_not_on_the_private_address() -> None:
    stream = Stream(Venue(minutes=1).kraken.connect("/ws-auth/v2"))

    stream.say("subscribe", {"channel": "ticker", "symbol": ["BTC/USD"]})

    assert (await stream.next())["error"] == (
        "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"
    )


async def test_a_bad_token_is_refused_in_the_recorded_words() -> None:
    stream = Stream(Venue(minutes=1).kraken.connect("/ws-auth/v2"))

    stream.socket.receive(json.dumps({"method": "subscribe", "params": {"channel": "executions", "token": "made up"}}))

    assert await stream.next() == {
        "channel": "executions",
        "error": "ESession:Invalid session",
        "method": "subscribe",
        "status": "error",
        "success": False,
    }
    stream.say("add_order", {"token": "made up"})
    assert (await stream.next())["error"] == "ESession:Invalid session"


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"'])
async def test_a_malformed_frame_is_told_so(text: str) -> None:
    stream = public(Venue(minutes=1))

    stream.socket.receive(text)

    assert (await stream.next())["success"] is False


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channel": "book", "symbol": ["BTC/USD"], "depth": 7}, "Subscription depth not supported"),
        ({"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 7}, "Subscription ohlc interval not supported"),
        ({"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "x"}, "Event trigger not supported"),
        ({"channel": "ticker"}, "Symbol(s) not found"),
        ({"channel": "spread", "symbol": ["BTC/USD"]}, "Channel not supported"),
    ],
)
async def test_terms_that_are_not_offered_are_refused(params: dict[str, Any], error: str) -> None:
    stream = public(Venue(minutes=1))

    stream.say("subscribe", params)

    assert (await stream.next())["error"] == error


async def test_heartbeats_come_only_once_something_is_subscribed() -> None:
    venue = Venue(minutes=1)
    stream = public(venue)
    await stream.next(beats=True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await stream.socket.next_frame()
    stream.say("subscribe", {"channel": "trade", "symbol": ["BTC/USD"]})
    await stream.next()

    assert await stream.next(beats=True) == {"channel": "heartbeat"}


async def test_after_unsubscribing_nothing_more_comes() -> None:
    venue = Venue()
    stream = public(venue)
    stream.say("subscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10})
    await stream.all()

    stream.say("unsubscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10})
    stream.say("unsubscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10})
    venue.move()

    first, second = await stream.next(), await stream.next()
    assert first["success"] is True
    assert second["error"] == "Subscription Not Found"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await stream.socket.next_frame()


async def test_the_book_can_be_kept_from_its_differences_and_matches_its_checksum() -> None:
    venue = Venue(["50000 50000 49000 49000", "49000 49100 48000 48500"])
    stream = public(venue)
    stream.say("subscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10})
    book: dict[str, dict[Decimal, Decimal]] = {"asks": {}, "bids": {}}
    seen = 0

    for _ in range(3):
        while (text := await stream.socket.next_frame()) is not None and "heartbeat" not in text:
            frame = decode(text)
            if frame.get("channel") != "book":
                continue
            (row,) = frame["data"]
            for side, levels in book.items():
                for level in row[side]:
                    levels[Decimal(level["price"])] = Decimal(level["qty"])
                book[side] = {price: quantity for price, quantity in levels.items() if quantity}
            asks = sorted(book["asks"].items())
            bids = sorted(book["bids"].items(), reverse=True)
            assert (len(asks), len(bids)) == (10, 10)
            assert checksum(asks, bids, 1, 8) == row["checksum"]
            seen += 1
        venue.move()

    assert seen == 3


async def test_numbers_keep_all_their_places() -> None:
    stream = public(Venue(minutes=1))
    stream.say("subscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10})

    texts = [await stream.socket.next_frame() for _ in range(3)]

    assert texts[2] is not None
    assert '"price":49995.0,"qty":1.00010001' in texts[2]


async def test_candles_tickers_and_trades_follow_the_market() -> None:
    venue = Venue(["50000 50500 49500 50400", "50400 50600 50300 50500"])
    stream = public(venue)
    for channel, more in (("ohlc", {"interval": 1}), ("ticker", {}), ("trade", {"snapshot": True})):
        stream.say("subscribe", {"channel": channel, "symbol": ["BTC/USD"], **more})
    await stream.all()

    venue.move()

    frames = {frame["channel"]: frame for frame in await stream.all()}
    (candle,) = frames["ohlc"]["data"]
    assert [candle[name] for name in ("open", "high", "low", "close")] == [50000, 50500, 49500, 50400]
    assert candle["interval_begin"] == "2026-01-01T00:00:00.000000Z"
    assert frames["ticker"]["data"][0]["last"] == 50400
    assert frames["trade"]["data"][0]["price"] == 50400
    venue.move()
    frames = {frame["channel"]: frame for frame in await stream.all()}
    assert [row["interval_begin"] for row in frames["ohlc"]["data"]] == ["2026-01-01T00:01:00.000000Z"]


async def test_instruments_are_told_and_told_again_when_their_leverage_is_cut() -> None:
    venue = Venue(minutes=1)
    stream = public(venue)
    stream.say("subscribe", {"channel": "instrument"})
    acknowledgement, snapshot = await stream.all()
    assert acknowledgement["success"] is True
    pairs = {pair["symbol"]: pair for pair in snapshot["data"]["pairs"]}
    assert pairs["BTC/USD"]["margin_initial"] == 0.1

    venue.kraken.add_fault(
        FaultKind.LEVERAGE_CUT, pair=venue.exchange.quote(next(iter(venue.exchange.instruments))).pair
    )

    (update,) = await stream.all()
    (changed,) = update["data"]["pairs"]
    assert changed["margin_initial"] == 0.5


async def order_and_fill(client: Client) -> str:
    return str((await client.buy(cl_ord_id="mine"))["txid"][0])


async def test_an_order_is_told_in_full_then_sparsely_then_its_fill_then_its_end() -> None:
    client = Venue(minutes=1).client()
    stream = await client.stream()
    assert (await stream.next())["type"] == "snapshot"

    order_id = await order_and_fill(client)

    frames = await stream.all()
    assert [frame["sequence"] for frame in frames] == [2, 3, 4, 5]
    pending, new, trade, filled = (frame["data"][0] for frame in frames)
    assert (pending["exec_type"], pending["cl_ord_id"], pending["symbol"]) == ("pending_new", "mine", "BTC/USD")
    assert new == {
        "order_id": order_id,
        "exec_type": "new",
        "order_status": "new",
        "order_userref": 0,
        "timestamp": "2026-01-01T00:00:00.000000Z",
    }
    assert (trade["order_status"], trade["last_qty"], trade["liquidity_ind"]) == ("partially_filled", 0.1, "t")
    assert trade["fees"] == [{"asset": "USD", "qty": 20.002}]
    assert (trade["margin"], trade["position_status"]) == (True, "opened")
    assert (filled["exec_type"], filled["order_status"], filled["cum_qty"]) == ("filled", "filled", 0.1)
    assert "symbol" not in filled


async def test_a_cancellation_is_sparse() -> None:
    client = Venue(minutes=1).client()
    order_id = await client.rest()
    stream = await client.stream(snap_orders=False)

    await client.call("CancelOrder", txid=order_id)

    (row,) = await stream.rows()
    assert (row["order_id"], row["exec_type"], row["order_status"]) == (order_id, "canceled", "canceled")
    assert row["reason"]
    assert not {"symbol", "side", "cl_ord_id"} & row.keys()


async def test_the_snapshot_holds_open_orders_and_on_request_trades() -> None:
    client = Venue(minutes=1).client()
    order_id = await client.rest("40000", cl_ord_id="mine")
    await client.buy()

    stream = await client.stream(snap_trades=True)

    frame = await stream.next()
    assert [row["exec_type"] for row in frame["data"]] == ["status", "trade"]
    assert frame["data"][0]["order_id"] == order_id
    assert frame["data"][0]["limit_price"] == 40000


async def test_without_status_news_a_new_order_is_told_once_in_full() -> None:
    client = Venue(minutes=1).client()
    stream = await client.stream(order_status=False, ratecounter=True)
    await stream.next()

    await client.rest(cl_ord_id="mine")

    (row,) = await stream.rows()
    assert (row["exec_type"], row["order_status"], row["cl_ord_id"]) == ("new", "new", "mine")
    assert row["ratecount"] == 1
    assert stream.acknowledgement["result"]["maxratecount"] == 180


async def test_an_amendment_and_a_triggered_stop_are_told() -> None:
    venue = Venue(["50000 50000 49000 49000"])
    client = venue.client()
    await client.buy()
    stop = await client.rest("49500", ordertype="stop-loss", type="sell", reduce_only="true")
    stream = await client.stream()
    await stream.next()

    await client.call("AmendOrder", txid=stop, trigger_price="49600")
    (amended,) = await stream.rows()
    venue.move()
    rows = await stream.rows()

    assert (amended["exec_type"], amended["triggers"]["price"]) == ("amended", 49600)
    assert [row["exec_type"] for row in rows] == ["status", "trade", "filled"]
    assert rows[0]["triggers"]["status"] == "triggered"
    assert (rows[1]["position_status"], rows[1]["reduce_only"]) == ("closed", True)


async def test_a_liquidation_is_marked() -> None:
    venue = Venue(["50000 50000 44600 44600"])
    client = venue.client(deposits={"USD": "1150"})
    await client.buy("0.2")
    stream = await client.stream(snap_orders=False)

    venue.move()

    trades = [row for row in await stream.rows() if row["exec_type"] == "trade"]
    assert trades
    assert all(row["liquidated"] for row in trades)


async def test_balances_tell_totals_and_then_ledger_rows() -> None:
    client = Venue(minutes=1).client()
    stream = await client.stream("balances")
    snapshot = await stream.next()
    assert snapshot["data"] == [
        {
            "asset": "USD",
            "asset_class": "currency",
            "balance": 10000.0,
            "wallets": [{"type": "spot", "id": "main", "balance": 10000.0}],
        }
    ]

    await client.buy()

    (row,) = await stream.rows()
    ledger = (await client.call("QueryLedgers", id=row["ledger_id"]))[row["ledger_id"]]
    assert (row["type"], row["ref_id"]) == (ledger["type"], ledger["refid"])
    assert Decimal(str(row["balance"])) == Decimal(ledger["balance"])


async def test_each_account_hears_only_of_itself() -> None:
    venue = Venue(minutes=1)
    ann, bob = venue.client("ann"), venue.client("bob")
    stream = await bob.stream()
    await stream.next()

    await ann.buy()

    assert await stream.rows() == []


async def test_orders_are_placed_amended_and_cancelled_over_the_socket() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = Stream(venue.kraken.connect("/ws-auth/v2"), await client.token())

    async def reply(method: str, **params: Any) -> dict[str, Any]:
        stream.say(method, params)
        frame = await stream.next()
        assert frame["method"] == method
        return frame

    order: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD"}
    placed = await reply("add_order", **order, limit_price=40000, margin=True, cl_ord_id="mine", time_in_force="gtc")
    order_id = placed["result"]["order_id"]
    assert placed["result"] == {"order_id": order_id, "cl_ord_id": "mine"}
    assert (await client.call("QueryOrders", txid=order_id))[order_id]["descr"]["leverage"] == "5:1"

    amended = await reply("amend_order", cl_ord_id="mine", limit_price=41000)
    assert amended["result"]["cl_ord_id"] == "mine"
    edited = await reply("edit_order", order_id=order_id, symbol="BTC/USD", order_qty=0.2, limit_price=39000)
    assert edited["result"]["original_order_id"] == order_id
    new_id = edited["result"]["order_id"]
    assert (await client.call("QueryOrders", txid=new_id))[new_id]["vol"] == "0.20000000"

    stream.say("cancel_order", {"order_id": [new_id, "OAAAAA-AAAAA-AAAAAA"]})
    assert [(await stream.next())["success"] for _ in range(2)] == [True, False]

    batch = await reply("batch_add", symbol="BTC/USD", orders=[order | {"limit_price": 40000}] * 2)
    ids = [each["order_id"] for each in batch["result"]]
    assert (await reply("batch_cancel", orders=ids))["orders_cancelled"] == 2
    await reply("add_order", **order, limit_price=40000)
    assert (await reply("cancel_all"))["result"]["count"] == 1
    assert (await reply("cancel_all_orders_after", timeout=60))["result"]["triggerTime"] == "2026-01-01T00:01:00Z"


async def test_socket_orders_keep_rests_rules() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = Stream(venue.kraken.connect("/ws-auth/v2"), await client.token())
    order: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD"}

    async def refused(**changes: Any) -> str:
        stream.say("add_order", order | {"limit_price": 40000} | changes)
        frame = await stream.next()
        assert frame["success"] is False
        return str(frame["error"])

    assert await refused(symbol="XBT/USD") == "EQuery:Unknown asset pair"
    assert (await refused(limit_price=0.01)).startswith("EOrder:Invalid price:BTC/USD")
    assert await refused(order_qty=0.00001) == "EOrder:Order minimum not met"
    assert await refused(cl_ord_id="a", order_userref=1) == "EGeneral:Invalid arguments:cl_ord_id"
    assert await refused(deadline="2025-01-01T00:00:00Z") == "EService:Deadline elapsed"
    assert await refused(limit_price=50100, post_only=True) == "EOrder:Post only order"
    assert await refused(order_qty=100) == "EOrder:Insufficient funds"


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {"order_type": "stop-loss", "triggers": {"price": 40000, "reference": "index"}},
            "sell 0.10000000 XBTUSD @ stop loss 40000.0 with 5:1 leverage",
        ),
        (
            {"order_type": "stop-loss-limit", "triggers": {"price": -2, "price_type": "pct"}, "limit_price": 45000},
            "sell 0.10000000 XBTUSD @ stop loss 49000.0 -> limit 45000.0 with 5:1 leverage",
        ),
        (
            {"order_type": "trailing-stop", "triggers": {"price": 1, "price_type": "pct"}},
            "sell 0.10000000 XBTUSD @ trailing stop +1% with 5:1 leverage",
        ),
        ({"order_type": "market"}, "sell 0.10000000 XBTUSD @ market with 5:1 leverage"),
    ],
)
async def test_socket_orders_of_other_types_mean_the_same_as_rests(params: dict[str, Any], sentence: str) -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = Stream(venue.kraken.connect("/ws-auth/v2"), await client.token())

    stream.say("add_order", {"side": "sell", "order_qty": 0.1, "symbol": "BTC/USD", "margin": True} | params)
    order_id = (await stream.next())["result"]["order_id"]

    assert (await client.call("QueryOrders", txid=order_id))[order_id]["descr"]["order"] == sentence


async def test_a_key_without_the_right_cannot_trade_over_the_socket() -> None:
    venue = Venue(minutes=1)
    client = venue.client("ann", TRADER - {"modify-trades", "close-trades"})
    stream = Stream(venue.kraken.connect("/ws-auth/v2"), await client.token())

    for method in ("add_order", "cancel_all", "amend_order"):
        stream.say(method, {})
        assert (await stream.next())["error"] == "EGeneral:Permission denied"


async def test_revoking_a_key_cuts_its_sockets() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = await client.stream()

    assert venue.kraken.revoke_key(client.public)

    assert await stream.socket.next_frame() is None


async def test_there_is_no_socket_elsewhere() -> None:
    with pytest.raises(ValueError, match="no WebSocket"):
        Venue(minutes=1).kraken.connect("/v1")
