"""The verbs of KrakenVenue over prepared answers: what is sent, how often, and what each answer becomes."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRole, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import (
    Accepted,
    Amendment,
    BarUpdate,
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Refused,
    Rejected,
    Unreachable,
    UnreadableAnswer,
    VenueStatus,
)
from jarvis.venues.kraken import US_RETAIL, KrakenVenue
from jarvis.venues.session import AnswerLost, HttpAnswer
from tests.venues.test_kraken_requests import wish
from tests.venues.test_stream import GREETINGS, confirmed
from tests.venues.wires import (
    START,
    URLS,
    HandClock,
    PlainSigner,
    ScriptedSocket,
    ScriptedTransport,
    answer,
    frame,
    kraken,
    result,
    sample,
)

D = Decimal
BTC = Pair.parse("BTC/USD")
MINUTE = timedelta(minutes=1)
ORDER = VenueOrderId("OQCLML-BW3P3-BUCMWZ")
OURS = ClientOrderId("jv0000001")
HTML = HttpAnswer(520, {}, b"<html>Web server is returning an unknown error</html>")
NO_ORDERS: dict[str, object] = {"open": {}}


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport()


async def test_public_questions(wire: ScriptedTransport) -> None:
    venue = kraken(wire)
    wire.says("SystemStatus", sample("system_status"))
    wire.says("OHLC", sample("ohlc"))

    assert await venue.server_time() == START
    assert await venue.status() is VenueStatus.ONLINE
    assert len(await venue.instruments()) == 9
    bars = await venue.bars(BTC, MINUTE, datetime(2026, 9, 21, 14, 11, tzinfo=UTC))

    assert [bar.opened_at.minute for bar in bars] == [11, 12]
    assert wire.sent("OHLC") == [{"pair": "XXBTZUSD", "interval": "1", "since": "1789999859"}]
    with pytest.raises(ValueError, match="no candles of"):
        await venue.bars(BTC, timedelta(minutes=7))


async def test_us_accounts_ask_for_their_own_book(wire: ScriptedTransport) -> None:
    wire.says("AssetPairs", sample("asset_pairs_btnl"))
    wire.says(
        "AddOrder", answer({"descr": {"order": "sell 1 XBTUSD:BTNL @ stop loss 1 with 10:1 leverage"}, "txid": ["O"]})
    )
    venue = kraken(wire, execution_venue=US_RETAIL)

    await venue.place(wish(order_type=OrderType.STOP, trigger_price=D(58000)))

    assert wire.sent("AssetPairs") == [{"execution_venue": "bitnomial_exchange"}]
    (order,) = wire.sent("AddOrder")
    assert (order["pair"], order["trigger"]) == ("XBTUSD:BTNL", "index")
    assert await venue.place(wish(pair=Pair.parse("BNB/USD"), leverage=5)) == Refused(
        RefusalReason.MARKET_CLOSED, "Kraken does not list BNB/USD now"
    )
    assert venue.elsewhere() is None


def test_an_execution_venue_that_does_not_exist_is_refused(wire: ScriptedTransport) -> None:
    with pytest.raises(ValueError, match="international, us-retail"):
        kraken(wire, execution_venue="mars")


async def test_reads_are_asked_again_while_they_are_without_answer(wire: ScriptedTransport) -> None:
    wire.says("SystemStatus", AnswerLost("cut"), HTML, sample("system_status"))
    wire.says("TradeBalance", answer(None, "EService:Unavailable"), TimeoutError(), sample("trade_balance"))
    venue = kraken(wire)

    assert await venue.status() is VenueStatus.ONLINE
    assert (await venue.margin_state()).equity == D("200.69")
    assert len(wire.sent("TradeBalance")) == 3
    assert wire.sent("TradeBalance")[0] == {"asset": "ZUSD"}


async def test_a_read_without_answer_is_an_error_and_never_an_empty_answer(wire: ScriptedTransport) -> None:
    wire.says("TradesHistory", HTML)
    wire.says("OpenPositions", answer({}))
    wire.says("OpenOrders", AnswerLost("cut"))
    venue = kraken(wire)

    with pytest.raises(Unreachable):
        await venue.fills(START)
    with pytest.raises(Unreachable):
        await venue.snapshot()
    with pytest.raises(Unreachable):
        await venue.find_order(OURS)


async def test_a_venue_without_a_key_answers_only_what_is_public(wire: ScriptedTransport) -> None:
    venue = KrakenVenue(transport=wire, urls=URLS, signer=None, clock=HandClock(), random=Random(1))

    assert await venue.instruments()
    with pytest.raises(NotPermitted):
        await venue.margin_state()
    with pytest.raises(NotPermitted):
        await venue.place(wish())


async def test_key_permissions_and_fees(wire: ScriptedTransport) -> None:
    wire.says("GetApiKeyInfo", sample("get_api_key_info"))
    wire.says("TradeVolume", sample("trade_volume"))
    venue = kraken(wire)

    assert (await venue.key_permissions()).label == "Jarvis, live"
    assert (await venue.fee_rates([BTC]))[BTC].taker_rate == D("0.0035")
    assert wire.sent("TradeVolume") == [{"pair": "XXBTZUSD"}]
    wire.says("GetApiKeyInfo", answer(None, "EAPI:Invalid key"))
    with pytest.raises(KeyInvalid):
        await venue.key_permissions()
    assert len(wire.sent("GetApiKeyInfo")) == 2


async def test_our_own_budget_stops_us_before_the_venue_does(wire: ScriptedTransport) -> None:
    wire.says("TradeVolume", sample("trade_volume"))
    wire.says("TradeBalance", sample("trade_balance"))
    venue = kraken(wire)
    for _ in range(14):
        await venue.fee_rates([BTC])

    with pytest.raises(RateLimited):
        await venue.fee_rates([BTC])
    assert (await venue.margin_state()).equity == D("200.69")


async def test_a_rate_limit_of_the_venue_fills_our_budget(wire: ScriptedTransport) -> None:
    wire.says("TradeBalance", answer(None, "EAPI:Rate limit exceeded"))
    venue = kraken(wire)

    for _ in range(2):
        with pytest.raises(RateLimited):
            await venue.margin_state()

    assert len(wire.sent("TradeBalance")) == 1


# Snapshots


def quiet(wire: ScriptedTransport) -> None:
    wire.says("OpenPositions", sample("open_positions"))
    wire.says("OpenOrders", sample("open_orders"))
    wire.says("BalanceEx", sample("balance_ex"))
    wire.says("TradeBalance", sample("trade_balance"))


async def test_snapshot_is_whole(wire: ScriptedTransport) -> None:
    quiet(wire)
    venue = kraken(wire)

    snapshot = await venue.snapshot()

    assert snapshot.at == START
    assert snapshot.quantity(BTC) == D("0.026")
    assert len(snapshot.open_orders) == 5
    assert snapshot.margin.equity == D("200.69")
    assert {balance.asset for balance in snapshot.balances} == {"USD", "BTC", "USD.M", "DOGE.F"}
    # The clock was measured on the way.
    assert len(wire.sent("Time")) == 1


async def test_snapshot_is_read_again_when_a_fill_came_in_between(wire: ScriptedTransport) -> None:
    quiet(wire)
    moved = json.loads(sample("open_positions"))
    moved["result"]["TF5GVO-T7ZZ2-6NBKBI"]["vol_closed"] = "0.005"
    wire.says("OpenPositions", sample("open_positions"), answer(moved["result"]))
    venue = kraken(wire)

    assert (await venue.snapshot()).quantity(BTC) == D("0.025")
    assert len(wire.sent("OpenPositions")) == 3
    assert len(wire.sent("OpenOrders")) == 2


async def test_snapshot_of_an_account_that_never_rests_is_an_error(wire: ScriptedTransport) -> None:
    quiet(wire)
    wire.says("OpenPositions", *(sample("open_positions") if n % 2 else answer({}) for n in range(10)))

    with pytest.raises(Unreachable, match="changed while it was read"):
        await kraken(wire).snapshot()


async def test_a_name_listed_since_is_looked_up_once(wire: ScriptedTransport) -> None:
    quiet(wire)
    wire.says("BalanceEx", answer({"XNEW": {"balance": "1", "hold_trade": "0"}}))
    newer = json.loads(sample("assets"))["result"] | {"XNEW": {"altname": "NEW", "decimals": 8}}
    wire.says("Assets", sample("assets"), answer(newer))
    venue = kraken(wire)
    await venue.instruments()

    assert (await venue.snapshot()).balances[0].asset == "NEW"

    wire.says("BalanceEx", answer({"XNEWER": {"balance": "1", "hold_trade": "0"}}))
    with pytest.raises(UnreadableAnswer):
        await venue.snapshot()


async def test_us_accounts_also_understand_what_they_hold_elsewhere(wire: ScriptedTransport) -> None:
    quiet(wire)
    wire.says("AssetPairs", lambda query: HttpAnswer(200, {}, sample("asset_pairs_btnl" if query else "asset_pairs")))

    snapshot = await kraken(wire, execution_venue=US_RETAIL).snapshot()

    assert Pair.parse("DOGE/USD") in {position.pair for position in snapshot.positions}


# Paging


def paged(key: str, records: dict[str, Any], *, counted: bool = True) -> Callable[[dict[str, str]], HttpAnswer]:
    """The venue's pages of fifty, newest first."""

    def page(parameters: dict[str, str]) -> HttpAnswer:
        offset = int(parameters.get("ofs", "0"))
        shown = dict(list(records.items())[offset : offset + 50])
        return answer({key: shown} | ({"count": len(records)} if counted else {}))

    return page


def trades(number: int) -> dict[str, Any]:
    first = json.loads(sample("trades_history"))["result"]["trades"]["THVRQM-33VKH-UCI7BS"]
    return {f"T{n:05}": first | {"time": 1_790_000_000 + n, "ordertxid": f"O{n % 3}"} for n in reversed(range(number))}


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51, 173])
@pytest.mark.parametrize("counted", [True, False])
async def test_all_pages_of_fills_are_read_oldest_first(wire: ScriptedTransport, number: int, counted: bool) -> None:
    wire.says("TradesHistory", paged("trades", trades(number), counted=counted))
    wire.says("QueryOrders", answer({}))

    fills = await kraken(wire).fills(START - timedelta(days=1))

    assert [fill.fill_id for fill in fills] == [f"T{n:05}" for n in range(number)]
    assert wire.sent("TradesHistory")[0] == {"consolidate_taker": "false", "start": "1789913599"}


async def test_a_fill_that_comes_while_pages_are_read_loses_none(wire: ScriptedTransport) -> None:
    records = trades(120)

    def growing(parameters: dict[str, str]) -> HttpAnswer:
        page = paged("trades", records)(parameters)
        newest = {f"TNEW{len(records)}": next(iter(records.values()))}
        records.update(newest | {key: records.pop(key) for key in list(records) if key not in newest})
        return page

    wire.says("TradesHistory", growing)
    wire.says("QueryOrders", answer({}))

    fills = await kraken(wire).fills(START - timedelta(days=1))

    assert {f"T{n:05}" for n in range(120)} <= {fill.fill_id for fill in fills}
    assert len({fill.fill_id for fill in fills}) == len(fills)


async def test_a_history_that_is_cut_short_is_an_error(wire: ScriptedTransport) -> None:
    wire.says("TradesHistory", lambda _: answer({"trades": {}, "count": 7}))

    with pytest.raises(Unreachable, match="0 of 7"):
        await kraken(wire).fills(START)


async def test_fills_before_the_wanted_time_are_left_out(wire: ScriptedTransport) -> None:
    wire.says("TradesHistory", paged("trades", trades(5)))
    wire.says("QueryOrders", answer({}))

    fills = await kraken(wire).fills(START + timedelta(seconds=2))

    assert [fill.fill_id for fill in fills] == ["T00002", "T00003", "T00004"]


async def test_fills_learn_our_order_ids_once(wire: ScriptedTransport) -> None:
    wire.says("TradesHistory", sample("trades_history"))
    wire.says("QueryOrders", answer(json.loads(sample("open_orders"))["result"]["open"]))
    venue = kraken(wire)

    first = await venue.fills(START - timedelta(days=1))
    await venue.fills(START - timedelta(days=1))

    assert first[-1].client_order_id == "jv0000001"
    assert len(wire.sent("QueryOrders")) == 2
    # What the venue did not know the first time is asked again; what it told is not.
    assert ORDER in wire.sent("QueryOrders")[0]["txid"]
    assert ORDER not in wire.sent("QueryOrders")[1]["txid"]


async def test_all_pages_of_the_ledger_are_read_oldest_first(wire: ScriptedTransport) -> None:
    row = json.loads(sample("ledgers"))["result"]["ledger"]["L4UESK-KG3EQ-UFO4T5"]
    rows = {f"L{n:05}": row | {"time": 1_790_000_000 + n} for n in reversed(range(77))}
    wire.says("Ledgers", paged("ledger", rows))

    ledger = await kraken(wire).ledger(START + timedelta(seconds=1))

    assert [each.row_id for each in ledger] == [f"L{n:05}" for n in range(1, 77)]


# Finding an order


async def test_an_open_order_is_found_at_once(wire: ScriptedTransport) -> None:
    wire.says("OpenOrders", sample("open_orders"))

    found = await kraken(wire).find_order(OURS)

    assert found is not None
    assert (found.venue_order_id, found.status) == (ORDER, OrderStatus.PARTLY_FILLED)
    assert wire.sent("OpenOrders") == [{"cl_ord_id": "jv0000001"}]


async def test_a_closed_order_is_found_behind_the_open_ones(wire: ScriptedTransport) -> None:
    wire.says("OpenOrders", answer(NO_ORDERS))
    wire.says("ClosedOrders", sample("closed_orders"))

    found = await kraken(wire).find_order(ClientOrderId("jv0000004"))

    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert wire.sent("ClosedOrders") == [{"cl_ord_id": "jv0000004"}]


async def test_an_order_is_absent_only_after_all_places_were_read(wire: ScriptedTransport) -> None:
    wire.says("OpenOrders", sample("open_orders"))
    wire.says("ClosedOrders", sample("closed_orders"))
    venue = kraken(wire)

    # The venue here ignores the filter and tells all orders: none of them is ours.
    assert await venue.find_order(ClientOrderId("jv0000099")) is None
    assert [name for name, _ in wire.calls if name.endswith("Orders")] == ["OpenOrders", "ClosedOrders"]

    wire.says("ClosedOrders", AnswerLost("cut"))
    with pytest.raises(Unreachable):
        await venue.find_order(ClientOrderId("jv0000099"))


async def test_an_order_that_we_placed_is_also_asked_for_by_its_id(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", sample("add_order"))
    wire.says("OpenOrders", answer(NO_ORDERS))
    wire.says("ClosedOrders", answer({"closed": {}, "count": 0}))
    wire.says("QueryOrders", answer({ORDER: json.loads(sample("open_orders"))["result"]["open"][ORDER]}))
    venue = kraken(wire)
    await venue.place(wish(order_type=OrderType.LIMIT, limit_price=D(60010)))

    found = await venue.find_order(OURS)

    assert found is not None
    assert wire.sent("QueryOrders") == [{"txid": ORDER}]


# Placing


async def test_an_accepted_order_has_its_id(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", sample("add_order"))

    placed = await kraken(wire).place(wish())

    assert placed == Accepted(ORDER, "buy 0.01250000 XBTUSD @ limit 60010.0 with 10:1 leverage")
    (sent,) = wire.sent("AddOrder")
    assert (sent["cl_ord_id"], sent["leverage"]) == ("jv0000001", "10")
    assert sent["deadline"] == "2026-09-21T14:13:25.000Z"


async def test_a_checked_order_has_no_id_and_may_be_asked_again(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", AnswerLost("cut"), sample("add_order_validated"))

    checked = await kraken(wire).place(wish(), validate_only=True)

    assert isinstance(checked, Accepted)
    assert checked.venue_order_id is None
    assert [sent["validate"] for sent in wire.sent("AddOrder")] == ["true", "true"]


async def test_a_refused_order_is_a_value(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EOrder:Insufficient margin"))

    assert await kraken(wire).place(wish()) == Refused(RefusalReason.LENDING_POOL_EMPTY, "EOrder:Insufficient margin")


DOUBTFUL = [
    AnswerLost("cut"),
    TimeoutError(),
    HTML,
    HttpAnswer(502, {}, b""),
    HttpAnswer(403, {}, b"<html>blocked</html>"),
    HttpAnswer(429, {}, b"slow down"),
    HttpAnswer(200, {}, b"<html>hello</html>"),
    HttpAnswer(200, {}, b'{"error":[],"result":'),
    HttpAnswer(200, {}, b'{"error":[],"result":{}}'),
    HttpAnswer(200, {}, b'{"error":[]}'),
    answer(None, "EService:Unavailable"),
    answer(None, "EService:Busy"),
    answer(None, "EGeneral:Internal error"),
    answer(None, "EDatabase:Internal error"),
    answer(None, "EMystery:Something new"),
]


@pytest.mark.parametrize("reply", DOUBTFUL)
async def test_a_doubtful_answer_to_a_write_is_unknown_and_nothing_is_sent_again(
    wire: ScriptedTransport, reply: HttpAnswer | Exception
) -> None:
    for operation in ("AddOrder", "AmendOrder", "CancelOrder"):
        wire.says(operation, reply)
    venue = kraken(wire)

    with pytest.raises(OutcomeUnknown):
        await venue.place(wish())
    with pytest.raises(OutcomeUnknown):
        await venue.amend(OURS, ORDER, BTC, Amendment(quantity=D(1)))
    with pytest.raises(OutcomeUnknown):
        await venue.cancel(OURS, ORDER, BTC)

    assert [name for name, _ in wire.calls if name in ("AddOrder", "AmendOrder", "CancelOrder")] == [
        "AddOrder",
        "AmendOrder",
        "CancelOrder",
    ]


async def test_an_order_id_that_is_in_use_proves_that_the_order_exists(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EOrder:Duplicate cl_ord_id"))

    with pytest.raises(OutcomeUnknown):
        await kraken(wire).place(wish())


async def test_an_order_without_its_leverage_in_the_venues_words_is_doubtful(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer({"descr": {"order": "buy 0.0125 XBTUSD @ market"}, "txid": [ORDER]}))

    with pytest.raises(OutcomeUnknown, match="leverage"):
        await kraken(wire).place(wish())


async def test_a_refused_nonce_proves_that_nothing_happened_and_is_tried_once_more(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EAPI:Invalid nonce"), sample("add_order"))
    venue = kraken(wire)

    assert isinstance(await venue.place(wish()), Accepted)
    assert len(wire.sent("AddOrder")) == 2

    wire.says("AddOrder", answer(None, "EAPI:Invalid nonce"))
    with pytest.raises(Unreachable):
        await venue.place(wish())
    assert len(wire.sent("AddOrder")) == 4


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(None, "EGeneral:Permission denied"), NotPermitted),
        (answer(None, "EAPI:Invalid key"), KeyInvalid),
        (answer(None, "EService:Throttled: 1790000042"), RateLimited),
        (Unreachable("connection refused"), Unreachable),
    ],
)
async def test_what_was_proved_not_to_happen_is_no_doubt(
    wire: ScriptedTransport, reply: HttpAnswer | Exception, expected: type[Exception]
) -> None:
    wire.says("AddOrder", reply)

    with pytest.raises(expected):
        await kraken(wire).place(wish())


async def test_without_a_signer_nothing_is_sent(wire: ScriptedTransport) -> None:
    signer = PlainSigner()
    venue = kraken(wire, signer=signer)
    await venue.instruments()
    signer.failure = ConnectionRefusedError()

    with pytest.raises(Unreachable):
        await venue.place(wish())
    signer.failure = PermissionError()
    with pytest.raises(NotPermitted):
        await venue.cancel(OURS, ORDER, BTC)

    assert wire.sent("AddOrder") == wire.sent("CancelOrder") == []


async def test_an_order_without_margin_is_refused_here(wire: ScriptedTransport) -> None:
    refused = await kraken(wire).place(wish(leverage=1))

    assert isinstance(refused, Refused)
    assert wire.calls == []


async def test_entries_leave_the_pairs_counter_to_exits(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EOrder:Rate limit exceeded"))
    venue = kraken(wire)
    first = await venue.place(wish())
    wire.says("AddOrder", sample("add_order"))

    second = await venue.place(wish())
    closing = await venue.place(wish(side=Side.SELL, reduce_only=True, role=OrderRole.STOP))

    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert first.reason is second.reason is RefusalReason.RATE_LIMIT
    assert isinstance(closing, Accepted)
    assert len(wire.sent("AddOrder")) == 2


async def test_deadlines_are_in_the_venues_time(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", sample("add_order"))
    clock = HandClock()
    clock.advance(-90)
    venue = kraken(wire, clock=clock)
    await venue.server_time()

    await venue.place(wish())

    # Ours is a minute and a half behind the venue's.
    assert wire.sent("AddOrder")[0]["deadline"] == "2026-09-21T14:13:25.000Z"


# Amending and cancelling


async def test_amending_keeps_the_order(wire: ScriptedTransport) -> None:
    wire.says("AmendOrder", sample("amend_order"), answer(None, "EOrder:Unknown order"))
    venue = kraken(wire)

    assert await venue.amend(OURS, ORDER, BTC, Amendment(trigger_price=D(58500))) == Accepted(ORDER)
    refused = await venue.amend(OURS, ORDER, BTC, Amendment(trigger_price=D(58500)))

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.UNKNOWN_ORDER
    assert wire.sent("AmendOrder")[0] == {
        "txid": ORDER,
        "trigger_price": "58500",
        "deadline": "2026-09-21T14:13:25.000Z",
    }


async def test_cancelling_tells_whether_the_order_was_there(wire: ScriptedTransport) -> None:
    wire.says(
        "CancelOrder",
        sample("cancel_order"),
        answer(None, "EOrder:Unknown order"),
        answer({"count": 0}),
        answer(None, "EService:Market in maintenance mode"),
    )
    venue = kraken(wire)

    assert await venue.cancel(OURS, ORDER, BTC)
    assert not await venue.cancel(OURS, None, BTC)
    assert not await venue.cancel(OURS, ORDER, BTC)
    with pytest.raises(Rejected):
        await venue.cancel(OURS, ORDER, BTC)
    assert wire.sent("CancelOrder")[:2] == [{"txid": ORDER}, {"cl_ord_id": "jv0000001"}]


async def test_cancelling_too_often_is_a_limit_and_not_a_no(wire: ScriptedTransport) -> None:
    wire.says("CancelOrder", answer(None, "EOrder:Rate limit exceeded"))

    with pytest.raises(RateLimited):
        await kraken(wire).cancel(OURS, ORDER, BTC)


@pytest.mark.parametrize(
    ("age", "amend_cost", "cancel_cost"),
    [(1, 4, 8), (7, 3, 6), (12, 2, 5), (30, 1, 4), (60, 1, 2), (200, 1, 1), (400, 1, 0)],
)
async def test_young_orders_cost_more_to_change(
    wire: ScriptedTransport, age: int, amend_cost: int, cancel_cost: int
) -> None:
    wire.says("AddOrder", sample("add_order"))
    wire.says("AmendOrder", sample("amend_order"))
    wire.says("CancelOrder", sample("cancel_order"))
    clock = HandClock()
    venue = kraken(wire, clock=clock)
    await venue.place(wish())
    clock.advance(age)
    budget = venue._pair_budgets[BTC]
    levels = [budget._now_at()]

    await venue.amend(OURS, ORDER, BTC, Amendment(quantity=D(1)))
    levels.append(budget._now_at())
    await venue.cancel(OURS, ORDER, BTC)
    levels.append(budget._now_at())

    assert (round(levels[1] - levels[0], 6), round(levels[2] - levels[1], 6)) == (amend_cost, cancel_cost)


# Streams


async def test_account_stream_takes_a_token_and_knows_the_orders_that_we_placed(wire: ScriptedTransport) -> None:
    wire.says("GetWebSocketsToken", sample("get_websockets_token"))
    wire.says("AddOrder", sample("add_order"))
    socket = ScriptedSocket(*GREETINGS)
    wire.sockets.append(socket)
    venue = kraken(wire)
    await venue.place(wish(order_type=OrderType.LIMIT, limit_price=D(60010)))

    async with venue.account_stream() as stream:
        socket.say(frame("ws_executions_new", sequence=2))
        socket.say(frame("ws_executions_trade", sequence=3))
        await stream.flush()
        new, fill = stream.pending()

    assert isinstance(new, OrderReport)
    assert (new.client_order_id, new.order_type, new.limit_price) == ("jv0000001", OrderType.LIMIT, D(60010))
    assert isinstance(fill, Fill)
    assert fill.is_margin
    assert socket.sent[0]["params"]["token"] == "MadeUpTokenMadeUpToken"


async def test_a_fill_that_overtakes_the_answer_is_known_as_ours(wire: ScriptedTransport) -> None:
    wire.says("GetWebSocketsToken", sample("get_websockets_token"))
    wire.says("AddOrder", AnswerLost("cut"))
    socket = ScriptedSocket(*GREETINGS)
    wire.sockets.append(socket)
    venue = kraken(wire)
    without_margin = json.loads(frame("ws_executions_pending"))
    del without_margin["data"][0]["margin"]

    async with venue.account_stream() as stream:
        with pytest.raises(OutcomeUnknown):
            await venue.place(wish(order_type=OrderType.LIMIT, limit_price=D(60010)))
        socket.say(json.dumps(without_margin))
        socket.say(frame("ws_executions_trade", sequence=3))
        await stream.flush()
        _, fill = stream.pending()

    assert isinstance(fill, Fill)
    assert fill.is_margin


async def test_market_stream_needs_no_key(wire: ScriptedTransport) -> None:
    socket = ScriptedSocket(confirmed("ohlc", "BTC/USD"), confirmed("ticker", "BTC/USD"))
    wire.sockets.append(socket)

    async with kraken(wire).market_stream([BTC], MINUTE) as stream:
        socket.say(frame("ws_ohlc"))
        await asyncio.wait_for(stream.flush(), 5)

        assert isinstance(stream.pending()[0], BarUpdate)

    assert wire.sent("GetWebSocketsToken") == []
    await kraken(wire).close()


async def test_warnings_do_not_hide_the_result(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(result("add_order"), "WOrder:Something to know"))

    assert isinstance(await kraken(wire).place(wish()), Accepted)


async def test_accounts_that_are_told_the_same_names_share_one_table() -> None:
    venues = [kraken(ScriptedTransport()) for _ in range(2)]
    for venue in venues:
        await venue.instruments()

    first, second = [await venue._known_symbols() for venue in venues]

    assert first is second
