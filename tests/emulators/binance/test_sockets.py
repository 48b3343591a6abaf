"""Market streams, the WebSocket API, and what the user data stream tells."""

import json
from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.binance.limits import API_WEIGHT
from jarvis.emulators.binance.text import ms
from tests.emulators.binance.actors import Stream, Venue

PATH = ["50000 50500 49500 50400", "50400 51000 50400 50900", "50900 50900 49000 49100"]


async def test_streams_are_chosen_by_path_and_by_message() -> None:
    venue = Venue(PATH)
    combined = Stream(venue.binance.connect("/stream?streams=btcusdt@kline_1m/ethusdt@bookTicker"))
    raw = Stream(venue.binance.connect("/ws/btcusdt@bookTicker"))
    numbered = Stream(venue.binance.connect("/stream/ws/0"))
    numbered.say(method="SUBSCRIBE", params=["btcusdt@trade"], id=7)

    assert [frame["stream"] for frame in await combined.all()] == ["btcusdt@kline_1m", "ethusdt@bookTicker"]
    assert [set(frame) for frame in await raw.all()] == [{"u", "s", "b", "B", "a", "A"}]
    assert await numbered.all() == [{"result": None, "id": 7}]
    venue.move()
    (trade,) = await numbered.all()
    assert (trade["e"], trade["p"], trade["t"]) == ("trade", "50400.00000000", 1)


async def test_a_candle_is_told_while_it_runs_and_when_it_has_closed() -> None:
    venue = Venue(PATH)
    stream = Stream(venue.binance.connect("/ws/btcusdt@kline_5m"))
    (first,) = await stream.all()

    venue.move(3)
    (running,) = await stream.all()
    venue.move(2)
    closed = await stream.all()

    assert (first["k"]["x"], first["k"]["n"]) == (False, 0)
    assert (running["k"]["x"], running["k"]["n"], running["k"]["c"]) == (False, 3, "49100.00000000")
    assert [frame["k"]["x"] for frame in closed] == [True]
    assert closed[0]["k"]["T"] == closed[0]["k"]["t"] + 299_999
    assert (closed[0]["k"]["f"], closed[0]["k"]["L"]) == (1, 5)


async def test_a_book_can_be_kept_from_a_snapshot_and_changes() -> None:
    venue = Venue(PATH)
    venue.move()
    stream = Stream(venue.binance.connect("/ws/btcusdt@depth@100ms"))
    snapshot = await venue.get("depth", symbol="BTCUSDT", limit=1000)
    book = {side: dict(snapshot[side]) for side in ("bids", "asks")}

    venue.move()
    venue.move()
    frames = await stream.all()

    last = snapshot["lastUpdateId"]
    for frame in frames:
        assert frame["U"] == last + 1
        last = frame["u"]
        for side, letter in (("bids", "b"), ("asks", "a")):
            for price, quantity in frame[letter]:
                if Decimal(quantity):
                    book[side][price] = quantity
                else:
                    del book[side][price]
    now = await venue.get("depth", symbol="BTCUSDT", limit=1000)
    assert book == {side: dict(now[side]) for side in ("bids", "asks")}
    assert last == now["lastUpdateId"]


async def test_states_are_told_at_first_and_when_they_change() -> None:
    venue = Venue(PATH)
    names = ["bookTicker", "miniTicker", "ticker", "depth5", "depth20@100ms", "aggTrade"]
    stream = Stream(venue.binance.connect("/stream?streams=" + "/".join(f"btcusdt@{name}" for name in names)))

    first = await stream.all()
    venue.move()
    then = await stream.all()

    assert [frame["stream"].partition("@")[2] for frame in first] == names[:5]
    assert [frame["stream"].partition("@")[2] for frame in then] == names
    assert len(then[3]["data"]["bids"]) == 5


async def test_control_messages_answer_and_refuse() -> None:
    venue = Venue(PATH)
    stream = Stream(venue.binance.connect("/stream"))
    stream.say(method="SUBSCRIBE", params=["btcusdt@trade", "ethusdt@nonsense"], id=1)
    stream.say(method="LIST_SUBSCRIPTIONS", id=2)
    stream.say(method="UNSUBSCRIBE", params=["btcusdt@trade"], id=3)
    stream.say(method="DANCE", id="x")
    stream.socket.receive("no json")

    replies = await stream.all()

    assert replies[1] == {"result": ["btcusdt@trade", "ethusdt@nonsense"], "id": 2}
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, None, None, 2, 3]
    venue.move()
    assert await stream.all() == []


async def test_more_than_five_messages_in_a_second_end_the_connection() -> None:
    stream = Stream(Venue().binance.connect("/ws"))

    for number in range(6):
        stream.say(method="LIST_SUBSCRIPTIONS", id=number)

    assert stream.socket.is_closed


def test_there_is_no_other_socket() -> None:
    with pytest.raises(ValueError, match="/private"):
        Venue().binance.connect("/private")


async def test_the_api_answers_ping_time_and_what_it_has_not() -> None:
    venue = Venue()
    stream = Stream(venue.binance.connect("/ws-api/v3"))

    ping, time, order, unknown = [await stream.ask(method) for method in ("ping", "time", "order.place", "make.coffee")]
    stream.socket.receive("no json")
    broken = await stream.next()

    assert (ping["status"], ping["result"]) == (200, {})
    assert time["result"]["serverTime"] == ms(venue.exchange.now)
    assert time["rateLimits"][0]["count"] == 4
    assert order["error"]["code"] == -1020
    assert unknown["status"] == broken["status"] == 400


async def test_a_token_opens_the_account_until_it_expires() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(validity=str(10 * 60_000))
    again = await stream.ask("userDataStream.subscribe.listenToken", listenToken=stream.token)
    bad = await stream.ask("userDataStream.subscribe.listenToken", listenToken="nonsense")
    assert (again["error"]["code"], bad["error"]["code"]) == (-2035, -1209)

    venue.move(10)

    (frame,) = await stream.all()
    assert (frame["subscriptionId"], frame["event"]["e"]) == (0, "eventStreamTerminated")
    late = await stream.ask("userDataStream.subscribe.listenToken", listenToken=stream.token)
    assert late["error"]["code"] == -1209


async def test_a_fresh_token_goes_on_without_a_gap_and_without_a_second_copy() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(validity=str(10 * 60_000))
    fresh = await client.call("POST userListenToken")
    reply = await stream.ask("userDataStream.subscribe.listenToken", listenToken=fresh["token"])
    assert reply["result"] == {"subscriptionId": 0, "expirationTime": fresh["expirationTime"]}

    venue.move(11)
    await client.rest(quantity="0.01", sideEffectType="NO_SIDE_EFFECT")

    assert [event["e"] for event in await stream.events()] == ["executionReport", "outboundAccountPosition"]


async def test_unsubscribing_is_silence() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    assert (await stream.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]

    gone = await stream.ask("userDataStream.unsubscribe", subscriptionId=0)
    again = await stream.ask("userDataStream.unsubscribe", subscriptionId=0)
    await client.rest(quantity="0.01")

    assert (gone["result"], again["error"]["code"]) == ({}, -2036)
    assert await stream.all() == []


async def test_an_unsigned_request_may_ask_for_a_token() -> None:
    venue = Venue()
    client = venue.client()

    response = await client.raw("POST", "/sapi/v1/userListenToken", body="isIsolated=false&validity=86400000")

    assert json.loads(response.body)["expirationTime"] == ms(venue.exchange.now) + 86_400_000
    too_long = await client.refused("POST userListenToken", validity="86400001")
    assert too_long[:2] == (400, -1130)


async def test_an_order_is_told_from_new_to_filled_with_its_fees_and_funds() -> None:
    client = Venue().client()
    stream = await client.stream()

    placed = await client.place(quantity="0.3", newClientOrderId="mine")

    events = await stream.events()
    reports = [event for event in events if event["e"] == "executionReport"]
    assert [(report["x"], report["X"]) for report in reports[:1]] == [("NEW", "NEW")]
    assert (reports[-1]["x"], reports[-1]["X"]) == ("TRADE", "FILLED")
    assert {report["i"] for report in reports} == {placed["orderId"]}
    assert {report["c"] for report in reports} == {"mine"}
    assert reports[-1]["N"] == "BTC"
    assert reports[-1]["z"] == "0.30000000"
    assert sum(Decimal(report["l"]) for report in reports) == Decimal("0.3")
    trades = await client.call("GET margin/myTrades", symbol="BTCUSDT")
    assert [trade["id"] for trade in trades] == [report["t"] for report in reports if report["x"] == "TRADE"]
    position = events[-1]
    assert position["e"] == "outboundAccountPosition"
    held = {row["a"]: row["f"] for row in position["B"]}
    assert held["BTC"] == (await client.asset("BTC"))["free"]


async def test_a_cancel_tells_both_ids() -> None:
    client = Venue().client()
    stream = await client.stream()
    await client.rest(quantity="0.01", newClientOrderId="mine")
    await stream.all()

    await client.call("DELETE margin/order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="bye")

    (report,) = await stream.events("executionReport")
    assert (report["x"], report["X"], report["c"], report["C"]) == ("CANCELED", "CANCELED", "bye", "mine")


async def test_a_stop_tells_when_it_begins_to_work() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 47000 47000"])
    client = venue.client(deposits={"BTC": "1"})
    venue.move()
    stream = await client.stream()
    await client.place(side="SELL", type="STOP_LOSS", stopPrice="48000", sideEffectType="NO_SIDE_EFFECT")
    (new,) = await stream.events("executionReport")

    venue.move()

    reports = await stream.events("executionReport")
    assert (new["w"], new["P"]) == (False, "48000.00000000")
    assert [(report["x"], report["w"]) for report in reports[:1]] == [("NEW", True)]
    assert reports[-1]["X"] == "FILLED"


async def test_a_deposit_is_told_as_a_balance_update() -> None:
    from jarvis.domain.account import LedgerKind
    from jarvis.domain.money import Asset

    venue = Venue()
    client = venue.client()
    stream = await client.stream()

    venue.exchange.adjust("ann", Asset("USDT"), Decimal(5), LedgerKind.TRANSFER)
    venue.binance.publish(venue.exchange.drain())

    update, position = await stream.events()
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "5.00000000")
    assert position["B"] == [{"a": "USDT", "f": "10005.00000000", "l": "0.00000000"}]


async def test_a_list_is_told_as_it_begins_and_ends() -> None:
    client = Venue().client(deposits={"BTC": "1"})
    stream = await client.stream()

    placed = await client.call(
        "POST margin/order/oco",
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.5",
        price="52000",
        stopPrice="48000",
    )
    await client.call("DELETE margin/orderList", symbol="BTCUSDT", orderListId=placed["orderListId"])

    events = await stream.events()
    lists = [(event["l"], event["L"]) for event in events if event["e"] == "listStatus"]
    assert lists == [("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")]
    reports = [event for event in events if event["e"] == "executionReport"]
    assert {report["g"] for report in reports} == {placed["orderListId"]}
    assert sorted(report["x"] for report in reports) == ["CANCELED", "CANCELED", "NEW", "NEW"]


async def test_streams_of_pairs_are_apart_and_share_a_connection() -> None:
    venue = Venue()
    client = venue.client(profile="isolated")
    stream = await client.stream()
    second = await client.call("POST userListenToken", isIsolated="true", symbol="ETHUSDT")
    reply = await stream.ask("userDataStream.subscribe.listenToken", listenToken=second["token"])
    assert reply["result"]["subscriptionId"] == 1

    await client.rest("2000", symbol="ETHUSDT", quantity="0.1")

    frames = await stream.all()
    assert {frame["subscriptionId"] for frame in frames} == {1}


async def test_the_risk_stream_tells_debts_and_calls() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 42200 42200"])
    client = venue.client()
    venue.move()
    key: dict[str, Any] = await client.call("POST margin/listen-key")
    stream = Stream(venue.binance.connect(f"/stream?streams={key['listenKey']}"))

    await client.place(quantity="0.75")
    venue.move()

    frames = [frame["data"] for frame in await stream.all()]
    assert {frame["e"] for frame in frames} == {"USER_LIABILITY_CHANGE", "MARGIN_LEVEL_STATUS_CHANGE"}
    assert frames[-1]["s"] == "MARGIN_CALL"
    assert await client.call("PUT margin/listen-key", listenKey=key["listenKey"]) == {}
    assert (await client.refused("PUT margin/listen-key", listenKey="other"))[:2] == (400, -3038)
    assert (await client.refused("PUT margin/listen-key", listenKey="o/t"))[:2] == (400, -1125)
    venue.move(61)
    assert (await stream.all())[-1]["data"]["e"] == "listenKeyExpired"


async def test_a_revoked_key_loses_its_streams() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()

    venue.binance.revoke_key(client.public)

    assert stream.socket.is_closed


async def test_a_candle_closes_although_nothing_trades_any_more() -> None:
    venue = Venue(PATH, minutes=3)
    stream = Stream(venue.binance.connect("/ws/btcusdt@kline_5m"))
    venue.move(3)
    await stream.all()

    venue.move(2)

    (closed,) = await stream.all()
    assert (closed["k"]["x"], closed["k"]["n"]) == (True, 3)


async def test_the_api_refuses_what_it_cannot_read_and_goes_on() -> None:
    stream = Stream(Venue().binance.connect("/ws-api/v3"))
    codes = []
    for text in ("[]", '{"id": 1, "method": "time", "params": []}', '{"id": 1, "method": "time", "params": "x"}'):
        stream.socket.receive(text)
        codes.append((await stream.next()).get("error", {}).get("code"))

    status = await stream.ask("session.status")
    everything = await stream.ask("userDataStream.unsubscribe")
    wrong = await stream.ask("userDataStream.unsubscribe", subscriptionId="zero")
    nothing = await stream.ask("userDataStream.subscribe.listenToken")

    assert codes == [-1135, None, -1135]
    assert status["result"]["apiKey"] is None
    assert everything["result"] == {}
    assert wrong["error"]["code"] == nothing["error"]["code"] == -1102


async def test_the_api_counts_its_requests_with_those_of_rest() -> None:
    venue = Venue()
    stream = Stream(venue.binance.connect("/ws-api/v3"))
    for _ in range(5998):
        venue.binance._state.limits.charge(API_WEIGHT, "127.0.0.1", 1)

    refused = await stream.ask("ping")

    assert (refused["status"], refused["error"]["code"]) == (429, -1003)
    assert refused["rateLimits"][0]["count"] == 6001


async def test_frames_name_their_stream_when_asked_to() -> None:
    venue = Venue(PATH)
    stream = Stream(venue.binance.connect("/ws/btcusdt@trade"))
    stream.say(method="SET_PROPERTY", params=["combined", True], id=1)
    stream.say(method="GET_PROPERTY", id=2)
    venue.move()

    replies = await stream.all()

    assert [reply.get("result") for reply in replies[:2]] == [None, True]
    assert replies[2]["stream"] == "btcusdt@trade"


async def test_a_closed_listen_key_is_dead() -> None:
    venue = Venue()
    client = venue.client()
    key = await client.call("POST margin/listen-key")
    assert await client.call("POST margin/listen-key") == key

    assert await client.call("DELETE margin/listen-key", listenKey=key["listenKey"]) == {}

    assert (await client.refused("DELETE margin/listen-key"))[:2] == (400, -3038)
    assert await client.call("POST margin/listen-key") != key


async def test_what_expires_says_why() -> None:
    client = Venue().client(deposits={"USDT": "1000000"})
    stream = await client.stream()

    await client.place(type="LIMIT", price="50010", quantity="10", timeInForce="IOC", sideEffectType="NO_SIDE_EFFECT")

    last = (await stream.events("executionReport"))[-1]
    assert (last["x"], last["X"], last["eR"]) == ("EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")
