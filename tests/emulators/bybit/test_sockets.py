"""The private and the trade socket."""

import json
from typing import Any

import pytest

from jarvis.emulators.bybit.keys import sign
from jarvis.emulators.bybit.text import millis
from tests.emulators.bybit.actors import Client, Stream, Venue


async def test_both_sockets_greet_a_login_in_their_own_way() -> None:
    venue = Venue()
    client = venue.client()

    private = await Stream(venue.bybit.connect("/v5/private?max_active_time=60s")).login(client)
    trade = await Stream(venue.bybit.connect("/v5/trade")).login(client)

    assert (private["success"], private["ret_msg"], private["op"], private["req_id"]) == (True, "", "auth", "1")
    assert (trade["retCode"], trade["retMsg"], trade["op"]) == (0, "OK", "auth")


async def test_the_time_of_a_login_may_be_text_or_number_but_not_past() -> None:
    venue = Venue()
    client = venue.client()
    expires = str(millis(venue.exchange.now) + 1000)

    stream = Stream(venue.bybit.connect("/v5/private"))
    stream.say("auth", [client.key, expires, sign(client.secret, f"GET/realtime{expires}")])
    early = await stream.next()
    late = await Stream(venue.bybit.connect("/v5/private")).login(client, ahead=0)

    assert early["success"]
    assert (late["success"], late["retCode"], late["op"]) == (False, 10002, "auth")


async def test_a_wrong_login_says_so_in_both_spellings() -> None:
    venue = Venue()
    client = venue.client()
    client.secret += "x"

    private = await Stream(venue.bybit.connect("/v5/private")).login(client)
    trade = await Stream(venue.bybit.connect("/v5/trade")).login(client)
    client.key = "nobody"
    nobody = await Stream(venue.bybit.connect("/v5/trade")).login(client)

    assert (private["success"], private["retCode"]) == (False, 10004)
    assert private["ret_msg"] == private["retMsg"]
    assert (trade["retCode"], nobody["retCode"]) == (10004, 10003)
    assert "success" not in trade


async def test_nothing_private_is_told_before_a_login_nor_twice() -> None:
    venue = Venue()
    client = venue.client()
    stream = Stream(venue.bybit.connect("/v5/private"))

    stream.say("subscribe", ["order"])
    refused = await stream.next()
    await stream.login(client)
    again = await stream.login(client)

    assert not refused["success"]
    assert again["retCode"] == 20001


@pytest.mark.parametrize("args", [["order", "order.spot"], ["execution", "execution.spot"], ["orders"], []])
async def test_wrong_private_topics_are_refused(args: list[str]) -> None:
    venue = Venue()
    stream = await venue.client().stream()

    stream.say("subscribe", args)

    assert not (await stream.next())["success"]


async def test_an_order_its_fill_and_the_wallet_are_told_in_that_order() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream("order", "execution", "wallet", "execution.fast.spot")

    order_id = await client.buy("0.3", orderLinkId="mine")

    frames = await stream.waiting()
    topics = [frame["topic"] for frame in frames]
    assert topics.index("order") < topics.index("execution") < topics.index("wallet")
    orders = [frame["data"][0] for frame in frames if frame["topic"] == "order"]
    assert orders[-1]["orderStatus"] == "Filled"
    assert {(row["orderId"], row["category"]) for row in orders} == {(order_id, "spot")}
    (fill,) = [frame["data"][0] for frame in frames if frame["topic"] == "execution"]
    (fast,) = [frame["data"][0] for frame in frames if frame["topic"] == "execution.fast.spot"]
    (wallet,) = [frame["data"][0] for frame in frames if frame["topic"] == "wallet"]
    assert (fill["orderLinkId"], fill["execQty"], fill["feeCurrency"], fill["isMaker"]) == ("mine", "0.3", "BTC", False)
    assert fast["execId"] == fill["execId"] == (await client.fills())[0]["execId"]
    assert {coin["coin"] for coin in wallet["coin"]} == {"BTC", "USDT"}
    assert wallet["coin"] == [await client.coin(coin["coin"]) for coin in wallet["coin"]]


async def test_strangers_hear_nothing() -> None:
    venue = Venue()
    client, stranger = venue.client(), venue.client("bob")
    stream = await stranger.stream("order", "execution", "wallet")

    await client.buy("0.1")
    venue.move(10)

    assert await stream.waiting() == []


async def test_the_wallet_is_not_told_on_subscribing_but_when_interest_is_charged_or_repaid() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    stream = await client.stream("wallet")
    silent = await stream.waiting()
    venue.move(4)
    still = await stream.rows("wallet")
    venue.move(1)
    charged = await stream.rows("wallet")

    assert (silent, still) == ([], [])
    assert charged[0]["coin"][0]["coin"] == "BTC"


async def test_each_socket_answers_a_ping_in_its_own_way() -> None:
    venue = Venue()
    pongs = []
    for path in ("/v5/public/spot", "/v5/private", "/v5/trade"):
        stream = Stream(venue.bybit.connect(path))
        stream.say("ping")
        pongs.append(await stream.next())

    now = str(millis(venue.exchange.now))
    assert (pongs[0]["ret_msg"], pongs[0]["op"], pongs[0]["success"]) == ("pong", "ping", True)
    assert (pongs[1]["op"], pongs[1]["args"], pongs[1]["req_id"]) == ("pong", [now], "1")
    assert (pongs[2]["op"], pongs[2]["data"], pongs[2]["retCode"]) == ("pong", [now], 0)


async def test_a_revoked_key_loses_its_sockets() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream("order")

    assert venue.bybit.revoke_key(client.key)

    assert await stream.socket.next_frame() is None
    assert (await client.answer("GET", "user/query-api", {}))["retCode"] == 10003
    assert not venue.bybit.revoke_key(client.key)


def test_there_are_three_sockets() -> None:
    venue = Venue()
    with pytest.raises(ValueError, match="no WebSocket"):
        venue.bybit.connect("/v5/public/linear")
    for odd in ("29s", "601s", "x"):
        with pytest.raises(ValueError, match="max_active_time"):
            venue.bybit.connect(f"/v5/private?max_active_time={odd}")


def message(client: Client, op: str, order: dict[str, Any], request_id: str = "a", ahead: int = 0) -> str:
    header = {"X-BAPI-TIMESTAMP": str(millis(client.bybit.exchange.now) + ahead), "X-BAPI-RECV-WINDOW": "5000"}
    return json.dumps({"reqId": request_id, "header": header, "op": op, "args": [order]})


LIMIT: dict[str, Any] = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.1",
    "price": "48000",
    "isLeverage": 1,
}


async def test_orders_are_placed_changed_and_cancelled_over_the_trade_socket() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(path="/v5/trade")
    named: dict[str, Any] = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "mine"}

    replies = []
    for number, (op, fields) in enumerate(
        [
            ("order.create", LIMIT | {"orderLinkId": "mine"}),
            ("order.amend", named | {"price": "47900"}),
            ("order.cancel", named),
            ("order.cancel", named),
        ]
    ):
        stream.socket.receive(message(client, op, fields, str(number)))
        replies.append(await stream.next())

    assert [reply["retCode"] for reply in replies] == [0, 0, 0, 170142]
    assert [reply["reqId"] for reply in replies] == ["0", "1", "2", "3"]
    assert replies[0]["data"]["orderLinkId"] == "mine"
    header = replies[0]["header"]
    assert (header["X-Bapi-Limit"], header["X-Bapi-Limit-Status"]) == ("20", "19")
    assert header["Timenow"] == str(millis(venue.exchange.now))
    (row,) = await client.history()
    assert (row["price"], row["orderStatus"]) == ("47900", "Cancelled")


async def test_the_trade_socket_refuses_by_its_own_codes() -> None:
    venue = Venue()
    client, reader = venue.client(), venue.client(access="read-only")
    stream, readers = await client.stream(path="/v5/trade"), await reader.stream(path="/v5/trade")
    stranger = Stream(venue.bybit.connect("/v5/trade"))

    async def code(to: Stream, text: str) -> int:
        to.socket.receive(text)
        return int((await to.next())["retCode"])

    assert await code(stranger, message(client, "order.create", LIMIT)) == 10003
    assert await code(stream, message(client, "order.fly", LIMIT)) == 10404
    assert await code(stream, message(client, "order.create", LIMIT, ahead=-6000)) == 10002
    assert await code(stream, message(client, "order.create", LIMIT, "b")) == 0
    assert await code(stream, message(client, "order.create", LIMIT, "b")) == 20006
    assert await code(stream, message(client, "order.create", LIMIT, "x" * 37)) == 10001
    assert await code(stream, json.dumps({"op": "order.create", "args": [LIMIT], "reqId": "c"})) == 10001
    assert await code(readers, message(reader, "order.create", LIMIT)) == 10005
    assert len(await client.open_orders()) == 1


async def test_a_silent_connection_is_cut_after_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis.emulators.bybit import sockets

    seconds = [100.0]
    monkeypatch.setattr(sockets, "loop_time", lambda: seconds[0])
    stream = await Venue().client().stream("order")

    seconds[0] += 599
    stream.say("ping")
    await stream.next()
    seconds[0] += 601

    assert await stream.socket.next_frame() is None
