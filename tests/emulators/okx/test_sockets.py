"""WebSocket v5: logging in, subscribing, what is pushed, and orders over it."""

import asyncio
import json
import zlib
from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.faults import FaultKind
from tests.emulators.okx.actors import Stream, Venue

ORDERS = {"channel": "orders", "instType": "ANY"}


async def test_ping_is_answered_in_plain_text() -> None:
    socket = Venue().okx.connect("/ws/v5/public")

    socket.receive("ping")

    assert await socket.next_frame() == "pong"


def test_there_are_three_paths() -> None:
    venue = Venue()

    assert not venue.okx.connect("/ws/v5/private?brokerId=9999").is_closed
    with pytest.raises(ValueError, match="no WebSocket"):
        venue.okx.connect("/ws/v4")


@pytest.mark.parametrize("as_number", [False, True])
async def test_login_takes_the_time_as_text_and_as_a_number(as_number: bool) -> None:
    venue = Venue()
    stream = Stream(venue.okx.connect("/ws/v5/private"))

    answer = await stream.log_in(venue.client(), as_number=as_number)

    assert (answer["event"], answer["code"], answer["msg"]) == ("login", "0", "")
    assert answer["connId"]


async def test_a_failed_login_says_why_and_closes() -> None:
    venue = Venue()
    client = venue.client()
    codes = []
    for change, shift in ((0, -31), (1, 0), (2, 0), (3, 0)):
        stream = Stream(venue.okx.connect("/ws/v5/private"))
        secret, public = client.secret, client.public
        if change == 1:
            client.secret = "wrong"
        if change == 2:
            client.public = "nonsense"
        if change == 3:
            client.public = "00000000-0000-4000-8000-000000000000"
        codes.append((await stream.log_in(client, shift=shift))["code"])
        client.secret, client.public = secret, public
        assert stream.socket.is_closed

    assert codes == ["60006", "60007", "60005", "60032"]


@pytest.mark.parametrize(
    ("path", "arg", "code"),
    [
        ("/ws/v5/private", ORDERS, "60011"),
        ("/ws/v5/public", ORDERS, "60028"),
        ("/ws/v5/public", {"channel": "candle1m", "instId": "BTC-USDT"}, "64001"),
        ("/ws/v5/private", {"channel": "tickers", "instId": "BTC-USDT"}, "60028"),
        ("/ws/v5/public", {"channel": "tickers", "instId": "BTC-USD"}, "60018"),
        ("/ws/v5/public", {"channel": "nothing"}, "60018"),
    ],
)
async def test_a_channel_is_refused_on_the_wrong_path(path: str, arg: dict[str, str], code: str) -> None:
    stream = Stream(Venue().okx.connect(path))

    stream.say({"id": "7", "op": "subscribe", "args": [arg]})

    answer = await stream.event()
    assert (answer["event"], answer["code"], answer["id"]) == ("error", code, "7")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"op":"dance","args":[{}]}', '{"op":"subscribe"}', '{"op":"login","args":[]}']
)
async def test_a_frame_that_means_nothing_is_refused(text: str) -> None:
    stream = Stream(Venue().okx.connect("/ws/v5/private"))

    stream.say(text)

    assert (await stream.event())["code"] == "60012"


async def test_private_channels_tell_one_trade_from_all_sides() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(
        ORDERS,
        {"channel": "account"},
        {"channel": "positions", "instType": "MARGIN"},
        {"channel": "balance_and_position"},
    )
    told = [frame for frame in await stream.all() if "data" in frame]
    snapshots = {frame["arg"]["channel"]: frame for frame in reversed(told)}
    assert set(snapshots) == {"account", "positions", "balance_and_position"}
    assert snapshots["positions"]["data"] == []
    assert snapshots["account"]["eventType"] == "snapshot"
    assert snapshots["account"]["arg"]["uid"] == venue.okx.keys.accounts["ann"].uid

    own = await client.place(sz="1000", clOrdId="a1")
    frames = await stream.all()

    orders = [frame["data"][0] for frame in frames if frame["arg"]["channel"] == "orders"]
    assert [(row["state"], row["fillSz"]) for row in orders] == [("live", "0"), ("filled", "0.019998")]
    assert orders[1]["ordId"] == own
    assert (orders[1]["fillFee"], orders[1]["fillFeeCcy"], orders[1]["execType"]) == ("-0.00002", "BTC", "T")
    named = {frame["arg"]["channel"]: frame["data"][0] for frame in frames}
    assert named["positions"]["pos"] == "0.019978"
    assert named["balance_and_position"]["eventType"] == "filled"
    assert named["balance_and_position"]["trades"] == [{"instId": "BTC-USDT", "tradeId": "1"}]
    assert named["account"]["details"][0]["coinUsdPrice"] == "1"

    await client.post("trade/close-position", instId="BTC-USDT", mgnMode="cross", ccy="USDT")
    assert (await stream.rows("positions"))[-1]["pos"] == "0"


async def test_orders_can_be_chosen_by_type_and_instrument() -> None:
    venue = Venue()
    client = venue.client()
    spot = await client.stream({"channel": "orders", "instType": "SPOT"})
    margin = await client.stream({"channel": "orders", "instType": "MARGIN", "instId": "ETH-USDT"})

    await client.rest()
    await client.rest(instId="ETH-USDT", px="2900", sz="0.1")

    assert await spot.rows("orders") == []
    assert [row["instId"] for row in await margin.rows("orders")] == ["ETH-USDT"]


async def test_the_acknowledgement_comes_before_the_push() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    await stream.subscribe(**ORDERS)
    await stream.all()

    stream.say({"id": "5", "op": "order", "args": [client.order(clOrdId="o1", instId=None, instIdCode=10007)]})
    frames = await stream.all()

    assert [frame.get("op") or frame["arg"]["channel"] for frame in frames] == ["order", "orders", "orders"]
    assert (frames[0]["id"], frames[0]["code"], frames[0]["data"][0]["sCode"]) == ("5", "0", "0")
    assert frames[0]["inTime"]


async def test_orders_over_the_socket_by_name_and_by_number() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    code = (await venue.get("public/instruments", instType="SPOT", instId="BTC-USDT"))[0]["instIdCode"]

    async def say(operation: str, *args: Any) -> Any:
        stream.say({"id": "1", "op": operation, "args": list(args)})
        (frame,) = [frame for frame in await stream.all() if frame.get("op") == operation]
        return frame

    limit = client.order(ordType="limit", px="49000", sz="0.01", instId=None, instIdCode=code)
    own = (await say("order", limit))["data"][0]["ordId"]
    amended = await say("amend-order", {"instId": "BTC-USDT", "ordId": own, "newPx": "49100"})
    assert amended["data"][0]["sCode"] == "0"
    cancelled = await say("cancel-order", {"instIdCode": code, "ordId": own})
    assert cancelled["code"] == "0"
    batch = await say("batch-orders", limit, limit | {"sz": "100"})
    assert batch["code"] == "2"
    ids = {"instIdCode": code, "ordId": batch["data"][0]["ordId"]}
    assert (await say("batch-amend-orders", ids | {"newPx": "48000"}))["code"] == "0"
    assert (await say("batch-cancel-orders", ids))["code"] == "0"
    refused = await say("order", limit | {"instIdCode": 1})
    assert refused["data"][0]["sCode"] == "51001"


async def test_orders_need_a_login_an_id_and_the_permission() -> None:
    venue = Venue()
    reader = venue.client(permissions=frozenset({"read_only"}))
    stream = Stream(venue.okx.connect("/ws/v5/private"))
    order = {"op": "order", "args": [reader.order()]}

    stream.say(order | {"id": "1"})
    assert (await stream.event())["code"] == "60011"
    await stream.log_in(reader)
    stream.say(order)
    assert (await stream.event())["code"] == "60012"
    stream.say(order | {"id": "1"})
    assert (await stream.next())["code"] == "50120"


async def test_the_book_can_be_kept_from_its_changes_and_checked() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 49990 49990", "49990 50100 49990 50100"])
    stream = Stream(venue.okx.connect("/ws/v5/public"))
    await stream.subscribe(channel="books", instId="BTC-USDT")
    sides: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}
    previous = -1
    for _ in range(4):
        for frame in await stream.all():
            (row,) = frame["data"]
            assert row["prevSeqId"] == previous
            previous = row["seqId"]
            for side, levels in sides.items():
                for price, size, _, _ in row[side]:
                    levels.pop(price, None) if size == "0" else levels.update({price: size})
            parts: list[str] = []
            bids = sorted(sides["bids"].items(), key=lambda level: -Decimal(level[0]))
            asks = sorted(sides["asks"].items(), key=lambda level: Decimal(level[0]))
            for bid, ask in zip(bids[:25], asks[:25], strict=True):
                parts += [*bid, *ask]
            assert row["checksum"] & 0xFFFFFFFF == zlib.crc32(":".join(parts).encode())
        venue.move()
    assert previous > 2


async def test_market_channels_follow_the_market() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 49990 49990"])
    public, business = Stream(venue.okx.connect("/ws/v5/public")), Stream(venue.okx.connect("/ws/v5/business"))
    for channel in ("tickers", "trades", "books5", "bbo-tbt", "index-tickers", "price-limit"):
        await public.subscribe(channel=channel, instId="BTC-USDT")
    await public.subscribe(channel="instruments", instType="SPOT")
    await business.subscribe(channel="candle1m", instId="BTC-USDT")
    await public.all()
    venue.move(2)

    told = {frame["arg"]["channel"]: frame["data"] for frame in await public.all()}
    assert told["tickers"][0]["last"] == "49990"
    assert (told["trades"][0]["px"], told["trades"][0]["sz"]) == ("49990", "10")
    assert len(told["books5"][0]["asks"]) == 5
    assert len(told["bbo-tbt"][0]["bids"]) == 1
    assert "instruments" not in told
    candles = [frame["data"][0] for frame in await business.all()]
    assert candles[-1][1:5] == ["50000", "50000", "49990", "49990"]
    assert candles[-1][-1] == "1"
    public.say({"op": "unsubscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT"}]})
    assert (await public.event())["event"] == "unsubscribe"


async def test_a_silent_socket_is_closed_after_thirty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis.emulators.okx import sockets

    monkeypatch.setattr(sockets, "_IDLE_SECONDS", 0.05)
    socket = Venue(beat=0.02).okx.connect("/ws/v5/public")

    async with asyncio.timeout(2):
        assert await socket.next_frame() is None


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (FaultKind.LOST_EVENT, ["filled"]),
        (FaultKind.REPEATED_EVENT, ["live", "live", "filled"]),
        (FaultKind.REORDERED_EVENT, ["filled", "live"]),
    ],
)
async def test_events_can_be_lost_repeated_and_reordered(kind: FaultKind, states: list[str]) -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(ORDERS)
    venue.okx.add_fault(kind, count=1, operation="orders")

    await client.place(sz="1000")

    assert [row["state"] for row in await stream.rows("orders")] == states


async def test_a_socket_can_be_cut_instead_of_an_event() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(ORDERS)
    venue.okx.add_fault(FaultKind.DROPPED_SOCKET, count=1, operation="orders")

    await client.place(sz="1000")
    await asyncio.sleep(0)

    assert stream.socket.is_closed


async def test_revoking_a_key_cuts_its_sockets() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(ORDERS)

    assert venue.okx.revoke_key(client.public)

    assert stream.socket.is_closed
    assert await client.refused("GET", "account/config") == (401, "50119")
    assert venue.okx.drop_sockets() == 0


async def test_a_channel_that_needs_a_higher_tier_and_a_second_login_are_refused() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()

    stream.say(json.dumps({"op": "subscribe", "args": [{"channel": "fills"}]}))
    assert (await stream.event())["code"] == "64003"
    assert (await stream.log_in(client))["code"] == "60031"
    assert not stream.socket.is_closed
