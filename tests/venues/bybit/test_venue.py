"""The verbs of BybitVenue over prepared answers: what is sent, how often, and what each answer becomes."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.order import ClientOrderId, OrderRole, OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.domain.traits import Settlement
from jarvis.venues.base import (
    Accepted,
    Amendment,
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
from jarvis.venues.bybit import BybitVenue, calls
from jarvis.venues.session import AnswerLost, HttpAnswer
from tests.venues.bybit.test_requests import wish
from tests.venues.bybit.wires import (
    AMEND,
    CANCEL,
    CREATE,
    EXECUTIONS,
    HISTORY,
    KEY,
    LOG,
    REALTIME,
    REPAY,
    TICKERS,
    TIME,
    URLS,
    WALLET,
    CheckingSigner,
    ScriptedTransport,
    answer,
    bybit,
    listed,
    result,
    sample,
)
from tests.venues.wires import START, HandClock, on_virtual_time

D = Decimal
BTC, ADA, LTC, LINK = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ADA", "LTC", "LINK"))
USDT, ETH = Asset("USDT"), Asset("ETH")
MINUTE = timedelta(minutes=1)
ORDER, OURS = VenueOrderId("1700000000000000001"), ClientOrderId("jv0000001")
HTML = HttpAnswer(502, {}, b"<html>Bad gateway</html>")
NOT_FOUND = answer(code=170213, message="Order does not exist.")
STOP_CHANGES: dict[str, Any] = {
    "side": Side.SELL,
    "order_type": OrderType.STOP,
    "trigger_price": D(58000),
    "role": OrderRole.STOP,
    "reduce_only": True,
}


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport()


def order_row(**changes: object) -> dict[str, Any]:
    return {**json.loads(sample("order_realtime"))["result"]["list"][0], **changes}


def fill_row(**changes: object) -> dict[str, Any]:
    return {**json.loads(sample("execution_list"))["result"]["list"][3], "extraFees": "", **changes}


# What anyone may ask


async def test_public_questions(wire: ScriptedTransport) -> None:
    venue = BybitVenue(transport=wire, urls=URLS, signer=None, clock=HandClock(), random=Random(1))
    wire.says("/v5/market/kline", sample("kline"))
    wire.says("/v5/spot-margin-trade/data", sample("spot_margin_data"))

    assert await venue.server_time() == START + timedelta(microseconds=123456)
    assert await venue.status() is VenueStatus.ONLINE
    assert len(await venue.instruments()) == 7
    assert [bar.close for bar in await venue.bars(BTC, MINUTE)] == [D(60000), D(60020)]
    assert await venue.interest_rates([Asset("BTC"), Asset("LTC")]) == {"BTC": D("0.0000015021220000")}
    assert wire.sent("/v5/market/kline") == [
        {"category": "spot", "symbol": "BTCUSDT", "interval": "1", "limit": "1000"}
    ]
    with pytest.raises(NotPermitted):
        await venue.margin_state()
    with pytest.raises(ValueError, match="no candles of"):
        await venue.bars(BTC, timedelta(minutes=7))


async def test_a_venue_that_does_not_serve_is_in_maintenance_and_one_that_is_silent_is_unreachable(
    wire: ScriptedTransport,
) -> None:
    venue = bybit(wire)
    for down in (HttpAnswer(503, {}, b""), answer(code=10016, message="Server error."), answer(code=10019)):
        wire.says(TIME, down)
        assert await venue.status() is VenueStatus.MAINTENANCE
    wire.says(TIME, AnswerLost("cut"))
    with pytest.raises(Unreachable):
        await venue.status()


async def test_bars_since_a_time_are_asked_for_a_thousand_at_a_time(wire: ScriptedTransport) -> None:
    def candles(query: dict[str, str]) -> HttpAnswer:
        start, end = int(query["start"]), int(query["end"])
        first = -(-start // 60_000) * 60_000
        rows = [[str(at), "2", "3", "1", "2", "1", "2"] for at in range(first, min(end, 1790000060000) + 1, 60_000)]
        return answer({"category": "spot", "symbol": "BTCUSDT", "list": rows[::-1][:1000]})

    wire.says("/v5/market/kline", candles)
    since = START - timedelta(minutes=2_500)

    bars = await bybit(wire).bars(BTC, MINUTE, since)

    opened = [bar.opened_at for bar in bars]
    assert opened == sorted(set(opened))
    assert opened[0] >= since
    assert len(opened) == 2_499
    assert bars[-1].closed_at <= START + timedelta(seconds=1)
    assert len(wire.sent("/v5/market/kline")) == 3


def test_an_execution_venue_that_does_not_exist_is_refused(wire: ScriptedTransport) -> None:
    with pytest.raises(ValueError, match="there is global"):
        BybitVenue(transport=wire, urls=URLS, signer=None, clock=HandClock(), random=Random(1), execution_venue="mars")


def test_base_and_quote_change_hands_and_nothing_is_reduce_only(wire: ScriptedTransport) -> None:
    traits = bybit(wire).traits

    assert (traits.settlement, traits.reduce_only, traits.amends) == (Settlement.WALLET, False, True)


# Reads, the clock and the budget


async def test_reads_are_asked_again_while_they_are_without_answer(wire: ScriptedTransport) -> None:
    wire.says(WALLET, HTML, answer(code=10016), sample("wallet_balance"))

    assert (await bybit(wire).margin_state()).equity == D(2000)
    assert wire.sent(WALLET) == [{"accountType": "UNIFIED"}] * 3


async def test_a_read_without_answer_is_an_error_and_never_an_empty_answer(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    wire.says(EXECUTIONS, HTML)
    wire.says(REALTIME, AnswerLost("cut"))
    wire.says(LOG, TimeoutError())

    for read in (venue.fills(START), venue.snapshot(), venue.find_order(OURS), venue.ledger(START)):
        with pytest.raises(Unreachable):
            await read


async def test_calls_carry_the_venues_time_and_never_run_ahead_of_it(wire: ScriptedTransport) -> None:
    clock = HandClock()
    clock.advance(3600)

    await bybit(wire, clock=clock).margin_state()

    # An hour fast, and measured once: the venue said when it was, so that is what the call says.
    assert wire.stamps(WALLET) == [1790000000123]
    assert len(wire.sent(TIME)) == 1


async def test_a_slow_answer_to_the_time_makes_us_late_rather_than_early(wire: ScriptedTransport) -> None:
    clock = HandClock()

    def slow(_: dict[str, str]) -> HttpAnswer:
        clock.advance(1.5)
        return HttpAnswer(200, {}, sample("market_time"))

    wire.says(TIME, slow)

    await bybit(wire, clock=clock).margin_state()

    assert wire.stamps(WALLET) == [1790000000123]


async def test_a_refused_timestamp_is_made_good_by_measuring_again(wire: ScriptedTransport) -> None:
    late = answer(code=10002, message="invalid request, please check your server timestamp")
    wire.says(WALLET, late, sample("wallet_balance"))
    wire.says(CREATE, late, sample("order_created"))
    venue = bybit(wire)

    await venue.margin_state()
    assert await venue.place(wish()) == Accepted(ORDER)

    assert [len(wire.sent(path)) for path in (WALLET, CREATE, TIME)] == [2, 2, 3]


async def test_a_time_that_is_not_told_is_no_obstacle_to_an_exit(wire: ScriptedTransport) -> None:
    wire.says(TIME, HTML)
    exit_ = wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)

    assert await bybit(wire).place(exit_) == Accepted(ORDER)


async def test_a_rate_limit_of_the_venue_fills_our_budget(wire: ScriptedTransport) -> None:
    until = str(1790000000123 + 700)
    wire.says(WALLET, answer(code=10006, message="Too many visits!", X_Bapi_Limit_Reset_Timestamp=until))
    venue = bybit(wire)

    with pytest.raises(RateLimited) as first:
        await venue.margin_state()
    with pytest.raises(RateLimited):
        await venue.margin_state()

    assert timedelta(milliseconds=699) < first.value.retry_after <= timedelta(milliseconds=700)
    assert len(wire.sent(WALLET)) == 1


async def test_a_counter_that_is_used_up_is_not_asked_once_more(wire: ScriptedTransport) -> None:
    body = json.loads(sample("fee_rate"))["result"]
    wire.says("/v5/account/fee-rate", answer(body, X_Bapi_Limit_Status="0"))
    venue = bybit(wire)

    await venue.fee_rates([BTC])
    with pytest.raises(RateLimited):
        await venue.fee_rates([BTC])


async def test_entries_leave_a_share_of_the_counter_to_exits(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    exit_ = wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)

    results = [await venue.place(wish()) for _ in range(20)]

    assert results.count(Accepted(ORDER)) == 14
    refused = [each for each in results if isinstance(each, Refused)]
    assert {each.reason for each in refused} == {RefusalReason.RATE_LIMIT}
    assert await venue.place(exit_) == Accepted(ORDER)


async def test_a_key_that_is_not_accepted_is_said_at_once(wire: ScriptedTransport) -> None:
    wire.says(KEY, answer(code=33004, message="Your api key has expired."))

    with pytest.raises(KeyInvalid):
        await bybit(wire).key_permissions()
    assert len(wire.sent(KEY)) == 1


async def test_a_signer_that_refuses_or_is_down_sends_nothing(wire: ScriptedTransport) -> None:
    signer = CheckingSigner()
    venue = bybit(wire, signer=signer)
    await venue.instruments()
    signer.failure = PermissionError("no")
    with pytest.raises(NotPermitted):
        await venue.cancel(OURS, ORDER, BTC)
    signer.failure = ConnectionError("down")
    with pytest.raises(Unreachable):
        await venue.cancel(OURS, ORDER, BTC)
    assert wire.sent(CANCEL) == []


async def test_fees_and_rates_are_the_accounts_own(wire: ScriptedTransport) -> None:
    wire.says("/v5/account/fee-rate", sample("fee_rate"))
    venue = bybit(wire)

    assert (await venue.fee_rates([BTC]))[BTC].taker_rate == D("0.001")
    assert len(await venue.fee_rates([BTC, Pair.parse("ETH/USDT")])) == 2
    assert await venue.interest_rates([USDT, Asset("LTC")]) == {USDT: D("0.0000071")}
    assert wire.sent("/v5/account/fee-rate") == [{"category": "spot", "symbol": "BTCUSDT"}, {"category": "spot"}]


# Snapshots


async def test_snapshot_is_whole_and_has_no_positions(wire: ScriptedTransport) -> None:
    wire.says(REALTIME, sample("order_realtime"))

    snapshot = await bybit(wire).snapshot()

    assert (snapshot.at, snapshot.positions) == (START, ())
    assert {balance.asset: balance.total for balance in snapshot.balances}[ETH] == D("-0.060001")
    assert len(snapshot.open_orders) == 5
    assert snapshot.margin.equity == D(2000)
    assert wire.sent(REALTIME) == [{"category": "spot", "openOnly": "0", "limit": "50"}]


async def test_snapshot_is_read_again_when_the_wallet_moved_in_between(wire: ScriptedTransport) -> None:
    moved = json.loads(sample("wallet_balance"))
    moved["result"]["list"][0]["coin"][0]["walletBalance"] = "0.2"
    wire.says(WALLET, sample("wallet_balance"), answer(moved["result"]))

    snapshot = await bybit(wire).snapshot()

    assert snapshot.balances[0].total == D("0.2")
    assert [len(wire.sent(path)) for path in (WALLET, REALTIME)] == [3, 2]


async def test_snapshot_of_an_account_that_never_rests_is_an_error(wire: ScriptedTransport) -> None:
    moves = [json.loads(sample("wallet_balance"))["result"] for _ in range(8)]
    for n, each in enumerate(moves):
        each["list"][0]["coin"][0]["walletBalance"] = str(n)
    wire.says(WALLET, *(answer(each) for each in moves))

    with pytest.raises(Unreachable, match="changed while it was read"):
        await bybit(wire).snapshot()


async def test_an_isolated_account_has_no_margin_and_is_told_what_to_do(wire: ScriptedTransport) -> None:
    wire.says(WALLET, sample("wallet_balance_isolated"))

    with pytest.raises(Rejected, match="Cross Margin") as refused:
        await bybit(wire).snapshot()
    assert refused.value.reason is RefusalReason.NOT_ELIGIBLE


async def test_all_pages_of_open_orders_are_read(wire: ScriptedTransport) -> None:
    rows = [order_row(orderId=str(n), orderLinkId=f"jv{n}") for n in range(3)]
    wire.says(REALTIME, listed(*rows[:2], cursor="page%3D1"), listed(rows[2], cursor="page%3D2"), listed(cursor="x"))

    assert len((await bybit(wire).snapshot()).open_orders) == 3
    assert [query.get("cursor") for query in wire.sent(REALTIME)] == [None, "page%3D1", "page%3D2"]


async def test_a_name_listed_since_is_looked_up_once(wire: ScriptedTransport) -> None:
    wire.says(REALTIME, listed(order_row(symbol="NEWUSDT")))
    listing = json.loads(sample("instruments_info"))["result"]
    newer = {**listing, "list": [*listing["list"], {**listing["list"][0], "symbol": "NEWUSDT", "baseCoin": "NEW"}]}
    wire.says("/v5/market/instruments-info", sample("instruments_info"), answer(newer))

    snapshot = await bybit(wire).snapshot()

    assert snapshot.open_orders[0].pair == Pair.parse("NEW/USDT")
    wire.says(REALTIME, listed(order_row(symbol="NEWERUSDT")))
    with pytest.raises(UnreadableAnswer, match="NEWERUSDT"):
        await bybit(wire).snapshot()


async def test_pages_without_end_are_an_error(wire: ScriptedTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MAX_PAGES", 3)
    wire.says(REALTIME, *(listed(order_row(orderId=str(n)), cursor=f"c{n}") for n in range(9)))

    with pytest.raises(Unreachable, match="more than 3 pages"):
        await bybit(wire).snapshot()


async def test_an_answer_to_a_read_that_cannot_be_read_is_asked_for_again(wire: ScriptedTransport) -> None:
    wire.says(WALLET, HttpAnswer(200, {}, b'{"retCode"'), sample("wallet_balance"))

    assert (await bybit(wire).margin_state()).equity == D(2000)


# History


def paged(rows: list[dict[str, Any]], time: str) -> Callable[[dict[str, str]], HttpAnswer]:
    """The venue's pages of a window, newest first; a window of more than seven days is refused."""

    def page(query: dict[str, str]) -> HttpAnswer:
        start, end, limit = (int(query[name]) for name in ("startTime", "endTime", "limit"))
        assert 0 < end - start < 7 * 24 * 3600 * 1000
        found = sorted((row for row in rows if start <= int(row[time]) <= end), key=lambda row: -int(row[time]))
        first = int(query.get("cursor", "0"))
        more = str(first + limit) if first + limit < len(found) else ""
        return listed(*found[first : first + limit], cursor=more)

    return page


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 257])
async def test_fills_of_many_weeks_and_pages_are_read_oldest_first(wire: ScriptedTransport, number: int) -> None:
    rows = [fill_row(execId=f"{n:05}", execTime=str(1790000000000 - n * 3_600_000)) for n in range(number)]
    wire.says(EXECUTIONS, paged(rows, "execTime"))

    fills = await bybit(wire).fills(START - timedelta(days=30))

    expected = [row["execId"] for row in reversed(rows)]
    assert [fill.fill_id.partition(":")[2] for fill in fills] == expected
    assert all("execType" not in query for query in wire.sent(EXECUTIONS))
    assert len({query["startTime"] for query in wire.sent(EXECUTIONS)}) == 5


@on_virtual_time
async def test_fills_before_the_wanted_time_are_left_out_and_a_lifetime_is_two_years() -> None:
    wire = ScriptedTransport()
    rows = [fill_row(execId=str(n), execTime=str(1790000000000 + n)) for n in range(3)]
    wire.says(EXECUTIONS, paged(rows, "execTime"))
    venue = bybit(wire, clock=HandClock(runs=True))

    assert len(await venue.fills(START + timedelta(milliseconds=1))) == 2
    assert len(await venue.fills(START + timedelta(microseconds=1500))) == 1
    assert len(await venue.fills(datetime(2010, 1, 1, tzinfo=UTC))) == 3
    assert len(wire.sent(EXECUTIONS)) < 120


async def test_whether_a_strangers_fill_borrowed_is_asked_of_its_order(wire: ScriptedTransport) -> None:
    spot = fill_row(orderLinkId="", orderId="17")
    wire.says(EXECUTIONS, paged([spot, fill_row(execId="2")], "execTime"))
    wire.says(HISTORY, listed(order_row(orderId="17", orderLinkId="", isLeverage="0", orderStatus="Filled")))
    venue = bybit(wire)

    fills = {fill.venue_order_id: fill for fill in await venue.fills(START - MINUTE)}
    await venue.fills(START - MINUTE)

    assert (fills[VenueOrderId("17")].is_margin, fills[ORDER].is_margin) == (False, True)
    assert wire.sent(HISTORY) == [{"category": "spot", "orderId": "17"}]


async def test_ledger_of_many_weeks_is_told_without_trades_and_loans(wire: ScriptedTransport) -> None:
    rows = json.loads(sample("transaction_log"))["result"]["list"]
    wire.says(LOG, paged(rows, "transactionTime"))

    told = await bybit(wire).ledger(START - timedelta(days=20))

    assert [row.at for row in told] == sorted(row.at for row in told)
    assert len(told) == 5
    assert wire.sent(LOG)[0]["accountType"] == "UNIFIED"
    assert "category" not in wire.sent(LOG)[0]


# Finding an order


async def test_an_open_order_is_found_at_the_first_look(wire: ScriptedTransport) -> None:
    wire.says(REALTIME, listed(order_row()))

    found = await bybit(wire).find_order(OURS)

    assert found is not None
    assert (found.venue_order_id, found.status) == (ORDER, OrderStatus.OPEN)
    assert (len(wire.sent(REALTIME)), wire.sent(HISTORY)) == (1, [])


async def test_nothing_is_absent_before_all_lists_and_the_fills_were_read(wire: ScriptedTransport) -> None:
    venue = bybit(wire)

    assert await venue.find_order(OURS) is None

    wanted = {"category": "spot", "orderLinkId": OURS}
    assert wire.sent(REALTIME) == [
        {**wanted, "openOnly": "0"},
        {**wanted, "openOnly": "0", "orderFilter": "StopOrder"},
        {**wanted, "openOnly": "1"},
    ]
    assert wire.sent(HISTORY) == [wanted, {**wanted, "orderFilter": "StopOrder"}]
    assert wire.sent(EXECUTIONS) == [{**wanted, "limit": "100"}]


async def test_an_order_that_only_its_fills_remember_is_closed(wire: ScriptedTransport) -> None:
    wire.says(EXECUTIONS, listed(fill_row(), fill_row(execId="2", execQty="0.004", execValue="240")))

    found = await bybit(wire).find_order(OURS)

    assert found is not None
    assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, D("0.010"))


async def test_a_venue_that_ignored_the_filter_proves_nothing(wire: ScriptedTransport) -> None:
    wire.says(REALTIME, listed(order_row(orderLinkId="somebody")))
    wire.says(EXECUTIONS, listed(fill_row(orderLinkId="somebody")))

    assert await bybit(wire).find_order(OURS) is None


# Placing


async def test_an_entry_is_placed_with_borrowing_switched_on(wire: ScriptedTransport) -> None:
    venue = bybit(wire)

    assert await venue.place(wish()) == Accepted(ORDER)

    (order,) = wire.sent(CREATE)
    assert (order["isLeverage"], order["marketUnit"], order["orderFilter"]) == ("1", "baseCoin", "Order")


@pytest.mark.parametrize(
    "lost",
    [
        HTML,
        HttpAnswer(403, {}, b"access too frequent"),
        HttpAnswer(429, {}, b""),
        HttpAnswer(200, {}, b"<html>"),
        HttpAnswer(200, {}, b'{"retCode":0,"retMsg":"OK","resu'),
        AnswerLost("cut"),
        TimeoutError(),
        answer(code=10016, message="Server error."),
        answer(code=170007, message="Timeout waiting for response from backend server."),
        answer(code=170146),
        answer(code=987654, message="new"),
        answer({}),
        answer({"orderId": "1", "orderLinkId": "another"}),
    ],
)
async def test_a_lost_answer_to_a_write_is_unknown_and_nothing_is_sent_twice(
    wire: ScriptedTransport, lost: HttpAnswer | Exception
) -> None:
    wire.says(CREATE, lost)

    with pytest.raises(OutcomeUnknown):
        await bybit(wire).place(wish())
    assert len(wire.sent(CREATE)) == 1


async def test_a_refusal_is_a_value_and_a_doubled_id_is_not(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    wire.says(CREATE, sample("insufficient"))

    refused = await venue.place(wish())

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.INSUFFICIENT_FUNDS
    wire.says(CREATE, answer(code=170141, message="Duplicate clientOrderId"))
    with pytest.raises(OutcomeUnknown):
        await venue.place(wish())
    wire.says(CREATE, answer(code=10006))
    with pytest.raises(RateLimited):
        await venue.place(wish(client_order_id=ClientOrderId("jv2")))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wish(order_type=OrderType.TRAILING_STOP, trailing_offset=D(5)), RefusalReason.INVALID),
        (
            wish(
                order_type=OrderType.LIMIT, limit_price=D(5), time_in_force=TimeInForce.GTD, expires_at=START + MINUTE
            ),
            RefusalReason.INVALID,
        ),
        (wish(leverage=1), RefusalReason.INVALID),
        (wish(pair=Pair.parse("NEW/USDT")), RefusalReason.MARKET_CLOSED),
        (wish(pair=LINK), RefusalReason.NOT_ELIGIBLE),
        (wish(pair=ADA), RefusalReason.NOT_ELIGIBLE),
        (wish(pair=LTC, side=Side.SELL), RefusalReason.LENDING_POOL_EMPTY),
        (wish(side=Side.SELL, leverage=5), RefusalReason.INVALID),
    ],
)
async def test_what_cannot_work_is_refused_before_it_is_sent(
    wire: ScriptedTransport, request_: Any, reason: RefusalReason
) -> None:
    refused = await bybit(wire).place(request_)

    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert wire.sent(CREATE) == []


@pytest.mark.parametrize(
    ("path", "told", "reason", "words"),
    [
        ("/v5/spot-margin-trade/state", "spot_margin_state_off", RefusalReason.AGREEMENT_REQUIRED, "switch Margin on"),
        ("/v5/account/info", {"unifiedMarginStatus": 6, "marginMode": "ISOLATED_MARGIN"}, None, "Cross Margin"),
        ("/v5/account/info", {"unifiedMarginStatus": 1, "marginMode": "REGULAR_MARGIN"}, None, "upgrade"),
    ],
)
async def test_an_account_that_is_not_set_up_is_told_what_to_do(
    wire: ScriptedTransport, path: str, told: object, reason: RefusalReason | None, words: str
) -> None:
    wire.says(path, sample(told) if isinstance(told, str) else answer(told))
    venue = bybit(wire)

    refused = await venue.place(wish())
    advice = await venue.advice()

    assert isinstance(refused, Refused)
    assert refused.reason is (reason or RefusalReason.NOT_ELIGIBLE)
    assert advice == (refused.message,)
    assert words in refused.message
    assert wire.sent(CREATE) == []
    # What is open can still be closed.
    assert await venue.place(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)) == Accepted(ORDER)


async def test_an_exit_asks_nothing_of_the_account_first(wire: ScriptedTransport) -> None:
    for path in ("/v5/account/info", "/v5/spot-margin-trade/state", "/v5/spot-margin-trade/position-tiers"):
        wire.says(path, HTML)
    venue = bybit(wire)

    assert await venue.place(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)) == Accepted(ORDER)
    assert await venue.cancel(OURS, ORDER, BTC)
    with pytest.raises(Unreachable):
        await venue.place(wish())
    assert len(wire.sent(CREATE)) == 1


async def test_more_than_a_page_of_fills_of_a_forgotten_order_is_added_up(wire: ScriptedTransport) -> None:
    pages = [
        listed(*(fill_row(execId=f"{page}-{n}", execQty="0.00005", execValue="3") for n in range(100)), cursor=cursor)
        for page, cursor in enumerate(("next", ""))
    ]
    wire.says(EXECUTIONS, *pages)

    found = await bybit(wire).find_order(OURS)

    assert found is not None
    assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, D("0.01"))


async def test_an_account_that_is_set_up_needs_no_advice(wire: ScriptedTransport) -> None:
    assert await bybit(wire).advice() == ()


async def test_a_classic_account_is_known_by_its_key(wire: ScriptedTransport) -> None:
    wire.says(KEY, answer({**json.loads(sample("query_api"))["result"], "uta": 0}))

    (advice,) = await bybit(wire).advice()

    assert "Unified Trading Account" in advice


async def test_terms_are_read_again_after_a_minute(wire: ScriptedTransport) -> None:
    clock = HandClock()
    venue = bybit(wire, clock=clock)
    await venue.place(wish())
    await venue.place(wish())
    assert len(wire.sent("/v5/spot-margin-trade/state")) == 1
    clock.advance(61)
    wire.says("/v5/spot-margin-trade/state", sample("spot_margin_state_off"))

    assert isinstance(await venue.place(wish()), Refused)


@pytest.mark.parametrize(
    ("changes", "last", "passed"),
    [
        ({}, "60000", False),
        ({}, "58000", True),
        ({}, "57000", True),
        ({"side": Side.BUY}, "57000", False),
        ({"side": Side.BUY}, "59000", True),
        ({"order_type": OrderType.TAKE_PROFIT}, "57000", False),
        ({"order_type": OrderType.TAKE_PROFIT}, "60000", True),
    ],
)
async def test_a_trigger_that_the_price_has_passed_is_refused_because_it_would_wait_for_the_way_back(
    wire: ScriptedTransport, changes: dict[str, Any], last: str, passed: bool
) -> None:
    wire.says(TICKERS, answer({"list": [{"symbol": "BTCUSDT", "lastPrice": last}]}))

    placed = await bybit(wire).place(wish(**{**STOP_CHANGES, **changes}))

    assert isinstance(placed, Refused) is passed
    assert len(wire.sent(CREATE)) == (not passed)


async def test_a_stop_that_the_price_overtook_while_it_was_placed_is_cancelled(wire: ScriptedTransport) -> None:
    """The price stood below the trigger when the venue took it: it would wait for a rise."""
    stop = {"orderType": "Market", "side": "Sell", "stopOrderType": "Stop", "triggerPrice": "58000", "qty": "0.0125"}
    wire.says(REALTIME, listed(order_row(**stop, marketUnit="baseCoin", orderStatus="Untriggered", basePrice="57990")))

    assert await bybit(wire).place(wish(**STOP_CHANGES)) == Accepted(ORDER)

    assert [query["orderFilter"] for query in wire.sent(CANCEL)] == ["StopOrder"]


async def test_a_stop_that_waits_on_its_own_side_or_cannot_be_looked_at_stays(wire: ScriptedTransport) -> None:
    stop = {"orderType": "Market", "side": "Sell", "stopOrderType": "Stop", "triggerPrice": "58000", "qty": "0.0125"}
    right = listed(order_row(**stop, marketUnit="baseCoin", orderStatus="Untriggered", basePrice="60000"))
    for told in (right, listed(), HTML, AnswerLost("cut")):
        wire.says(REALTIME, told)

        assert await bybit(wire).place(wish(**STOP_CHANGES)) == Accepted(ORDER)

    assert wire.sent(CANCEL) == []


async def test_a_pair_that_is_not_lent_on_any_more_cannot_be_checked(wire: ScriptedTransport) -> None:
    exit_ = wish(pair=LINK, side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True)

    checked = await bybit(wire).place(exit_, validate_only=True)

    assert isinstance(checked, Refused)
    assert await bybit(wire).place(exit_) == Accepted(ORDER)


async def test_checking_an_order_places_none(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    wire.says("/v5/order/spot-borrow-check", sample("spot_borrow_check"))

    checked = [
        await venue.place(wish(**changes), validate_only=True)
        for changes in (
            {},
            {"quantity": D(7)},
            {"quantity": D("0.0000001")},
            {"quantity": D("0.000083")},
            {"order_type": OrderType.LIMIT, "limit_price": D("60000.05")},
            {"order_type": OrderType.LIMIT, "limit_price": D("0.1")},
            {"leverage": 11},
        )
    ]

    assert checked[0] == Accepted(None)
    assert [each.reason for each in checked if isinstance(each, Refused)] == [
        RefusalReason.INSUFFICIENT_FUNDS,
        RefusalReason.BELOW_MINIMUM,
        RefusalReason.BELOW_MINIMUM,
        RefusalReason.PRICE_STEP,
        RefusalReason.BELOW_MINIMUM,
        RefusalReason.INVALID,
    ]
    assert wire.sent(CREATE) == []


# Amending and cancelling


async def test_an_amendment_keeps_the_ids(wire: ScriptedTransport) -> None:
    venue = bybit(wire)

    assert await venue.amend(OURS, ORDER, BTC, Amendment(quantity=D("0.02"))) == Accepted(ORDER)

    assert wire.sent(AMEND) == [{"category": "spot", "symbol": "BTCUSDT", "orderId": ORDER, "qty": "0.02"}]
    wire.says(AMEND, NOT_FOUND)
    refused = await venue.amend(OURS, ORDER, BTC, Amendment(quantity=D("0.02")))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.UNKNOWN_ORDER
    for lost in (HTML, answer({"orderId": "another", "orderLinkId": OURS}), answer({})):
        wire.says(AMEND, lost)
        with pytest.raises(OutcomeUnknown):
            await venue.amend(OURS, ORDER, BTC, Amendment(quantity=D("0.02")))


async def test_a_stop_is_not_moved_beyond_the_price(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    await venue.place(wish(**STOP_CHANGES))

    refused = await venue.amend(OURS, ORDER, BTC, Amendment(trigger_price=D(60_001)))

    assert isinstance(refused, Refused)
    assert wire.sent(AMEND) == []
    assert await venue.amend(OURS, ORDER, BTC, Amendment(trigger_price=D(59_000))) == Accepted(ORDER)


async def test_a_cancel_goes_to_the_list_that_the_order_is_in(wire: ScriptedTransport) -> None:
    venue = bybit(wire)
    await venue.place(wish(**STOP_CHANGES))

    assert await venue.cancel(OURS, ORDER, BTC)

    assert wire.sent(CANCEL) == [
        {"category": "spot", "symbol": "BTCUSDT", "orderId": ORDER, "orderFilter": "StopOrder"}
    ]


async def test_not_found_in_the_wrong_list_is_not_gone(wire: ScriptedTransport) -> None:
    """The trap of 170213: an order of another list is "not found" too."""

    def in_stop_orders(query: dict[str, str]) -> HttpAnswer:
        return HttpAnswer(200, {}, sample("order_cancelled")) if query["orderFilter"] == "StopOrder" else NOT_FOUND

    wire.says(CANCEL, in_stop_orders)

    assert await bybit(wire).cancel(OURS, None, BTC)

    assert [query["orderFilter"] for query in wire.sent(CANCEL)] == ["Order", "StopOrder"]
    assert wire.sent(CANCEL)[0]["orderLinkId"] == OURS


async def test_gone_is_said_only_when_no_list_and_no_fill_shows_it_open(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, NOT_FOUND)
    wire.says(EXECUTIONS, listed(fill_row(execQty="0.01")))

    assert not await bybit(wire).cancel(OURS, ORDER, BTC)

    assert [query["orderFilter"] for query in wire.sent(CANCEL)] == ["Order", "StopOrder", "tpslOrder"]
    assert len(wire.sent(EXECUTIONS)) == 1


async def test_an_order_that_changed_its_list_meanwhile_is_cancelled_in_the_other(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, NOT_FOUND, NOT_FOUND, NOT_FOUND, sample("order_cancelled"))
    wire.says(REALTIME, listed(order_row(orderStatus="New", stopOrderType="Stop", triggerPrice="58000")))

    assert await bybit(wire).cancel(OURS, ORDER, BTC)


async def test_an_order_that_is_shown_open_and_cannot_be_cancelled_is_unknown(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, NOT_FOUND)
    wire.says(REALTIME, listed(order_row()))

    with pytest.raises(OutcomeUnknown):
        await bybit(wire).cancel(OURS, ORDER, BTC)
    assert len(wire.sent(CANCEL)) == 6


@pytest.mark.parametrize("lost", [HTML, AnswerLost("cut"), answer({}), answer(code=10016)])
async def test_a_lost_answer_to_a_cancel_is_unknown(wire: ScriptedTransport, lost: HttpAnswer | Exception) -> None:
    wire.says(CANCEL, lost)

    with pytest.raises(OutcomeUnknown):
        await bybit(wire).cancel(OURS, ORDER, BTC)
    assert len(wire.sent(CANCEL)) == 1


async def test_another_refusal_of_a_cancel_is_said(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, answer(code=10001, message="params error"))

    with pytest.raises(Rejected):
        await bybit(wire).cancel(OURS, ORDER, BTC)


# Repaying


def wallet_with(held: str, owed: str) -> HttpAnswer:
    told = json.loads(sample("wallet_balance"))["result"]
    told["list"][0]["coin"][2] |= {"walletBalance": held, "spotBorrow": owed, "accruedInterest": "0"}
    return answer(told)


@on_virtual_time
async def test_a_debt_is_repaid_and_looked_at_until_it_has_fallen() -> None:
    wire = ScriptedTransport()
    wire.says(WALLET, wallet_with("0.5", "0.56"), wallet_with("0.5", "0.56"), wallet_with("0", "0.06"))
    wire.says(REPAY, answer({"resultStatus": "P"}))

    assert await bybit(wire, clock=HandClock(runs=True)).repay(ETH) == D("0.50")

    assert wire.sent(REPAY) == [{"coin": "ETH", "repaymentType": "FLEXIBLE"}]
    assert wire.sent(WALLET)[0] == {"accountType": "UNIFIED", "coin": "ETH"}


@pytest.mark.parametrize(("held", "owed"), [("0", "0.5"), ("0.5", "0")])
async def test_without_debt_or_coin_nothing_is_repaid(wire: ScriptedTransport, held: str, owed: str) -> None:
    wire.says(WALLET, wallet_with(held, owed))

    assert await bybit(wire).repay(ETH) == 0
    assert wire.sent(REPAY) == []


async def test_around_the_minute_of_interest_nothing_is_sent(wire: ScriptedTransport) -> None:
    clock = HandClock()
    clock.advance(51 * 60)  # 15:04:20
    wire.says(TIME, answer({"timeNano": str((1790000000 + 51 * 60) * 10**9)}))

    with pytest.raises(RateLimited) as pause:
        await bybit(wire, clock=clock).repay(ETH)

    assert pause.value.retry_after == timedelta(seconds=70)
    assert wire.sent(REPAY) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer({"resultStatus": "FA"}), Unreachable),
        (answer({"resultStatus": "?"}), Unreachable),
        (HTML, Unreachable),
        (AnswerLost("cut"), Unreachable),
        (answer(code=182100, message="liquidating"), RateLimited),
        (answer({"resultStatus": "SU"}), Unreachable),
    ],
)
@on_virtual_time
async def test_a_repayment_without_proof_may_be_asked_again(
    reply: HttpAnswer | Exception, error: type[Exception]
) -> None:
    wire = ScriptedTransport()
    wire.says(REPAY, reply)

    with pytest.raises(error):
        await bybit(wire).repay(ETH)
    assert len(wire.sent(REPAY)) == 1


async def test_repayments_are_one_a_second(wire: ScriptedTransport) -> None:
    wire.says(WALLET, wallet_with("0.5", "0.56"), wallet_with("0", "0.06"), wallet_with("0.5", "0.56"))
    venue = bybit(wire)
    await venue.repay(ETH)

    with pytest.raises(RateLimited):
        await venue.repay(ETH)
    assert len(wire.sent(REPAY)) == 1


async def test_reads_at_the_same_time_do_not_wait_for_each_other(wire: ScriptedTransport) -> None:
    states = await asyncio.gather(*(bybit(wire).margin_state() for _ in range(5)))

    assert {state.equity for state in states} == {D(2000)}
    assert result("wallet_balance")["list"][0]["totalEquity"] == "2000"
