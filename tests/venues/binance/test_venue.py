"""The verbs of BinanceVenue over prepared answers: what is sent, how often, and what each answer becomes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.order import ClientOrderId, OrderStatus, OrderType, VenueOrderId
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
from jarvis.venues.binance import CATALOGUE, ISOLATED, BinanceVenue, history
from jarvis.venues.binance import venue as venue_module
from jarvis.venues.binance.errors import TokenRefused
from jarvis.venues.session import AnswerLost, HttpAnswer
from tests.venues.binance.test_requests import exit_, wish
from tests.venues.binance.wires import (
    ACCOUNT,
    CANCEL,
    KEY_INFO,
    OPEN_ORDERS,
    ORDER,
    POTS,
    QUERY,
    REPAY,
    TOKEN,
    TRADES,
    URLS,
    CheckingSigner,
    ScriptedSocket,
    ScriptedTransport,
    answer,
    binance,
    changed,
    refusal,
    sample,
    told,
)
from tests.venues.wires import START, HandClock, on_virtual_time

D = Decimal
BTC, ETH, SOL = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "SOL"))
MINUTE = timedelta(minutes=1)
OURS = ClientOrderId("jv0000001")
HTML = HttpAnswer(502, {}, b"<html>bad gateway</html>")
WALL = HttpAnswer(403, {}, b"<html>request blocked</html>")
FLOW = "GET /sapi/v1/margin/capital-flow"
INTEREST = "GET /sapi/v1/margin/interestHistory"
TRANSFERS = "GET /sapi/v1/margin/transfer"
FORCED = "GET /sapi/v1/margin/forceLiquidationRec"
ALL_ORDERS = "GET /sapi/v1/margin/allOrders"
NOTHING = {"rows": [], "total": 0}


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport()


# What anyone may ask


async def test_public_questions(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    wire.says("GET /api/v3/klines", sample("klines"))

    assert await venue.server_time() == START + timedelta(milliseconds=123)
    assert await venue.status() is VenueStatus.ONLINE
    bars = await venue.bars(BTC, MINUTE, datetime(2026, 9, 21, 14, 8, tzinfo=UTC))

    assert [bar.opened_at.minute for bar in bars] == [8, 9]
    assert wire.sent("GET /api/v3/klines") == [
        {"symbol": "BTCUSDT", "interval": "1m", "limit": "1000", "startTime": "1789999680000"}
    ]
    assert len(await venue.bars(BTC, MINUTE)) == 3
    with pytest.raises(ValueError, match="no candles of"):
        await venue.bars(BTC, timedelta(minutes=7))


async def test_candles_are_read_page_by_page_to_the_end(wire: ScriptedTransport) -> None:
    def page(query: dict[str, str]) -> HttpAnswer:
        first = int(query["startTime"])
        rows: list[list[Any]] = [
            [first + n * 60_000, "1", "1", "1", "1", "1", 0, "1", 1, "1", "1", "0"] for n in range(1000)
        ]
        return answer([row for row in rows if row[0] < 1790000000000])

    wire.says("GET /api/v3/klines", page)

    bars = await binance(wire).bars(BTC, MINUTE, START - timedelta(minutes=2500))

    assert len(bars) == 2500
    assert len(wire.sent("GET /api/v3/klines")) == 3
    assert [bar.opened_at for bar in bars] == sorted({bar.opened_at for bar in bars})


async def test_instruments_have_the_accounts_own_leverage_and_only_pairs_on_margin(wire: ScriptedTransport) -> None:
    instruments = await binance(wire).instruments()

    # One pair is not on margin in the samples, and one may not be sold.
    assert set(instruments) == set(CATALOGUE) - {Pair.parse("ADA/USDT")}
    assert instruments[BTC].leverage_long == instruments[BTC].leverage_short == (2, 3)
    assert instruments[Pair.parse("LINK/USDT")].leverage_short == ()
    assert json.loads(wire.sent("GET /api/v3/exchangeInfo")[0]["symbols"])[0] == "BTCUSDT"
    wire.says(
        "GET /sapi/v1/margin/tradeCoeff",
        answer({"normalBar": "1.25", "marginCallBar": "1.16", "forceLiquidationBar": "1.1"}),
    )
    assert (await binance(wire).instruments())[BTC].leverage_long == (2, 3, 4, 5)


async def test_isolated_instruments_have_the_leverage_of_their_tiers(wire: ScriptedTransport) -> None:
    instruments = await binance(wire, execution_venue=ISOLATED).instruments()

    assert max(instruments[BTC].leverage_long) == 10
    assert max(instruments[Pair.parse("BNB/USDT")].leverage_long) == 5
    assert instruments[BTC].short_position_limit == D(9)


async def test_a_pair_that_is_not_listed_any_more_does_not_hide_the_others(wire: ScriptedTransport) -> None:
    def one_by_one(query: dict[str, str]) -> HttpAnswer:
        if "symbols" in query or query["symbol"] == "SOLUSDT":
            return refusal(-1121, "Invalid symbol.")
        listed = told("exchange_info")
        listed["symbols"] = [each for each in listed["symbols"] if each["symbol"] == query["symbol"]]
        return answer(listed)

    wire.says("GET /api/v3/exchangeInfo", one_by_one)

    instruments = await binance(wire).instruments()

    assert SOL not in instruments
    assert BTC in instruments


async def test_without_a_key_only_what_is_public_is_answered(wire: ScriptedTransport) -> None:
    venue = BinanceVenue(transport=wire, urls=URLS, signer=None, clock=HandClock(), random=Random(1))

    instruments = await venue.instruments()

    assert set(instruments) == set(CATALOGUE)
    # Nobody's account: what new ones are given.
    assert instruments[BTC].leverage_long == (2, 3, 4, 5)
    for ask in (venue.margin_state, venue.snapshot, venue.key_permissions):
        with pytest.raises(NotPermitted):
            await ask()
    with pytest.raises(NotPermitted):
        await venue.place(wish())


def test_an_account_that_does_not_exist_is_refused(wire: ScriptedTransport) -> None:
    with pytest.raises(ValueError, match="cross, isolated"):
        binance(wire, execution_venue="mars")


# How reads and writes are asked


async def test_reads_are_asked_again_while_they_are_without_answer(wire: ScriptedTransport) -> None:
    wire.says(ACCOUNT, AnswerLost("cut"), HTML, sample("margin_account"))
    venue = binance(wire)

    assert (await venue.margin_state()).equity == D("3300.01")
    assert len(wire.sent(ACCOUNT)) == 3


async def test_a_read_without_answer_is_an_error_and_never_an_empty_answer(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    wire.says(TRADES, HTML)
    wire.says(OPEN_ORDERS, AnswerLost("cut"))
    wire.says(QUERY, WALL)

    with pytest.raises(Unreachable):
        await venue.fills(START)
    with pytest.raises(Unreachable):
        await venue.snapshot()
    with pytest.raises(Unreachable):
        await venue.find_order(OURS)


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        WALL,
        AnswerLost("cut"),
        TimeoutError(),
        refusal(-1007, "Timeout waiting for response from backend server.", 503),
        refusal(-1006, "An unexpected response was received from the message bus."),
        refusal(-1000, "An unknown error occurred.", 500),
        HttpAnswer(200, {}, b"<html>ok?</html>"),
        answer({"symbol": "BTCUSDT"}),
        answer({"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "somebody else"}),
        refusal(-2010, "Duplicate order sent."),
        refusal(-31337, "What is this?"),
    ],
    ids=repr,
)
async def test_an_order_that_may_have_happened_is_unknown_and_sent_once(wire: ScriptedTransport, reply: Any) -> None:
    wire.says(ORDER, reply)

    with pytest.raises(OutcomeUnknown):
        await binance(wire).place(wish())

    assert len(wire.sent(ORDER)) == 1


async def test_a_refused_timestamp_is_made_good_once_with_the_venues_clock(wire: ScriptedTransport) -> None:
    late = refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
    venue = binance(wire)
    await venue.margin_state()
    wire.says("GET /api/v3/time", answer({"serverTime": 1790000030000}))
    wire.says(ORDER, late, sample("place_order"))

    assert isinstance(await venue.place(wish()), Accepted)

    stamps = [parameters["timestamp"] for name, parameters in wire.calls if name == ORDER]
    assert stamps == ["1790000000123", "1790000030000"]
    wire.says(ORDER, late)
    with pytest.raises(Unreachable):
        await venue.place(wish())


async def test_a_read_with_a_refused_timestamp_is_asked_again(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    wire.says(
        KEY_INFO,
        refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        sample("api_restrictions"),
    )

    assert (await venue.key_permissions()).is_ip_restricted
    assert len(wire.sent("GET /api/v3/time")) == 2


async def test_the_clock_is_measured_before_the_first_call_and_now_and_then(wire: ScriptedTransport) -> None:
    clock = HandClock()
    venue = binance(wire, clock=clock)

    for _ in range(2):
        await venue.key_permissions()
    assert len(wire.sent("GET /api/v3/time")) == 1
    clock.advance(660)
    await venue.key_permissions()
    assert len(wire.sent("GET /api/v3/time")) == 2
    assert wire.calls[-1][1]["recvWindow"] == "5000"


async def test_a_signer_that_says_no_or_nothing_leaves_nothing_sent(wire: ScriptedTransport) -> None:
    signer = CheckingSigner()
    venue = binance(wire, signer=signer)
    signer.failure = PermissionError("no")
    with pytest.raises(NotPermitted):
        await venue.place(wish())
    signer.failure = ConnectionError("down")
    with pytest.raises(Unreachable):
        await venue.place(wish())

    assert not wire.sent(ORDER)


async def test_a_refused_key_is_asked_whether_it_is_the_key_or_a_permission(wire: ScriptedTransport) -> None:
    nope = refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    wire.says(ORDER, nope)
    venue = binance(wire)

    with pytest.raises(NotPermitted, match="lacks a permission"):
        await venue.place(wish())
    wire.says(KEY_INFO, nope)
    with pytest.raises(KeyInvalid):
        await venue.place(wish())
    wire.says(KEY_INFO, HTML)
    with pytest.raises(KeyInvalid):
        await venue.place(wish())


async def test_borrowing_without_the_loan_box_is_not_permitted(wire: ScriptedTransport) -> None:
    wire.says(ORDER, refusal(-1002, "You are not authorized to execute this request.", 401))

    with pytest.raises(NotPermitted):
        await binance(wire).place(wish())


# Limits


@pytest.mark.parametrize("status", [429, 418])
async def test_who_is_told_to_wait_sends_nothing_until_then(wire: ScriptedTransport, status: int) -> None:
    clock = HandClock()
    venue = binance(wire, clock=clock)
    wire.says(ORDER, refusal(-1003, "Too much request weight used.", status, Retry_After="30"), sample("place_order"))

    with pytest.raises(RateLimited) as caught:
        await venue.place(wish())
    assert caught.value.retry_after == timedelta(seconds=30)
    with pytest.raises(RateLimited):
        await venue.place(wish())
    with pytest.raises(RateLimited):
        await venue.server_time()
    assert len(wire.sent(ORDER)) == 1
    clock.advance(31)
    assert isinstance(await venue.place(wish()), Accepted)


async def test_a_ban_without_words_or_header_is_a_ban(wire: ScriptedTransport) -> None:
    wire.says(ORDER, HttpAnswer(429, {}, b"<html>slow down</html>"))

    with pytest.raises(RateLimited) as caught:
        await binance(wire).place(wish())

    assert caught.value.retry_after > timedelta(0)


async def test_too_many_orders_is_no_reason_to_stop_cancelling(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    wire.says(ORDER, refusal(-1015, "Too many new orders.", 429, Retry_After="5"))
    wire.says(CANCEL, answer({**told("cancel_order"), "origClientOrderId": OURS}))

    with pytest.raises(RateLimited):
        await venue.place(wish())

    assert await venue.cancel(OURS, None, BTC)


async def test_borrowing_orders_are_counted_heavily_and_leave_room_for_exits(wire: ScriptedTransport) -> None:
    clock = HandClock()
    venue = binance(wire, clock=clock)

    results = [await venue.place(wish()) for _ in range(90)]

    # 70 % of 180,000 for entries of 1,500 each.
    assert sum(isinstance(result, Accepted) for result in results) == 84
    assert isinstance(results[-1], Refused)
    assert results[-1].reason is RefusalReason.RATE_LIMIT
    assert isinstance(await venue.place(exit_()), Accepted)
    clock.advance(60)
    assert isinstance(await venue.place(wish()), Accepted)


async def test_the_venues_own_count_is_believed(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    used = answer(told("place_order"), X_SAPI_USED_UID_WEIGHT_1M="179000")
    wire.says(ORDER, used, sample("place_order"))

    assert isinstance(await venue.place(wish()), Accepted)
    refused = await venue.place(wish())

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.RATE_LIMIT


@on_virtual_time
async def test_a_read_waits_for_the_next_minute_when_the_address_has_used_its_weight() -> None:
    wire, clock = ScriptedTransport(), HandClock(runs=True)
    clock.advance(25)  # 14:13:45
    wire.keeps_time(clock)
    venue = binance(wire, clock=clock)
    wire.says("GET /sapi/v1/bnbBurn", answer(told("bnb_burn"), X_SAPI_USED_IP_WEIGHT_1M="11999"), sample("bnb_burn"))
    await venue.fee_burn()

    began = clock.now()
    assert await venue.fee_burn() == (True, False)

    assert clock.now() - began >= timedelta(seconds=14)
    standing = binance(wire)
    wire.says("GET /sapi/v1/bnbBurn", answer(told("bnb_burn"), X_SAPI_USED_IP_WEIGHT_1M="11999"), sample("bnb_burn"))
    await standing.fee_burn()
    with pytest.raises(RateLimited):
        await standing.fee_burn()


# Orders


async def test_an_entry_borrows_and_an_exit_repays(wire: ScriptedTransport) -> None:
    venue = binance(wire)

    result = await venue.place(wish())
    await venue.place(exit_())

    assert result == Accepted(VenueOrderId("BTCUSDT:39324"), "borrowed 5400 USDT")
    entry, closing = wire.sent(ORDER)
    assert (entry["sideEffectType"], closing["sideEffectType"]) == ("MARGIN_BUY", "AUTO_REPAY")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refusal(-2010, "Account has insufficient balance for requested action."), RefusalReason.INSUFFICIENT_FUNDS),
        (refusal(-3045, "The system doesn't have enough asset now."), RefusalReason.LENDING_POOL_EMPTY),
        (refusal(-1013, "Filter failure: NOTIONAL"), RefusalReason.BELOW_MINIMUM),
        (refusal(-11001, "Isolated margin account does not exist."), RefusalReason.AGREEMENT_REQUIRED),
    ],
)
async def test_a_refused_order_is_a_value(wire: ScriptedTransport, reply: HttpAnswer, reason: RefusalReason) -> None:
    wire.says(ORDER, reply)

    refused = await binance(wire).place(wish())

    assert isinstance(refused, Refused)
    assert refused.reason is reason


async def test_what_the_venue_has_no_order_for_is_refused_here(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    trailing = wish(order_type=OrderType.TRAILING_STOP, trailing_offset=D(5))

    for request_, reason in (
        (trailing, RefusalReason.INVALID),
        (wish(pair=Pair.parse("DOT/USDT")), RefusalReason.MARKET_CLOSED),
    ):
        refused = await venue.place(request_)
        assert isinstance(refused, Refused)
        assert refused.reason is reason
    assert not wire.sent(ORDER)


async def test_there_is_no_amendment(wire: ScriptedTransport) -> None:
    refused = await binance(wire).amend(OURS, VenueOrderId("BTCUSDT:1"), BTC, Amendment(D(1)))

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.INVALID
    assert not wire.calls


async def test_a_cancel_names_our_order_and_its_account(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, sample("cancel_order"))
    venue = binance(wire, execution_venue=ISOLATED)

    assert await venue.cancel(ClientOrderId("jv0000003"), VenueOrderId("BTCUSDT:39332"), BTC)

    assert wire.sent(CANCEL) == [{"symbol": "BTCUSDT", "isIsolated": "TRUE", "origClientOrderId": "jv0000003"}]


async def test_a_cancel_that_came_too_late_says_so(wire: ScriptedTransport) -> None:
    wire.says(CANCEL, refusal(-2011, "Unknown order sent."))

    assert not await binance(wire).cancel(OURS, None, BTC)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, OutcomeUnknown),
        (sample("cancel_order"), OutcomeUnknown),  # of another order
        (answer({}), OutcomeUnknown),
        (refusal(-1102, "Mandatory parameter was not sent."), Rejected),
    ],
)
async def test_a_cancel_without_proof_is_unknown(wire: ScriptedTransport, reply: Any, error: type[Exception]) -> None:
    wire.says(CANCEL, reply)

    with pytest.raises(error):
        await binance(wire).cancel(OURS, None, BTC)


async def test_an_order_whose_pair_is_known_is_looked_for_there(wire: ScriptedTransport) -> None:
    wire.says(QUERY, sample("order"))
    venue = binance(wire)
    await venue.place(wish())

    found = await venue.find_order(OURS)

    assert found is not None
    assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, D("0.1"))
    assert wire.sent(QUERY) == [{"symbol": "BTCUSDT", "isIsolated": "FALSE", "origClientOrderId": OURS}]


async def test_an_order_of_another_life_is_looked_for_in_all_pairs(wire: ScriptedTransport) -> None:
    def only_solana(query: dict[str, str]) -> HttpAnswer:
        if query["symbol"] != "SOLUSDT":
            return refusal(-2013, "Order does not exist.")
        return answer({**told("order"), "symbol": "SOLUSDT"})

    wire.says(QUERY, only_solana)
    venue = binance(wire)

    found = await venue.find_order(OURS)
    assert found is not None
    assert found.pair == SOL
    wire.says(QUERY, refusal(-2013, "Order does not exist."))
    wire.says(OPEN_ORDERS, answer([]))
    assert await binance(wire).find_order(OURS) is None
    assert len(wire.sent(OPEN_ORDERS)) == 9
    assert len(wire.sent(QUERY)) == 4 + 9


async def test_an_order_that_the_index_has_not_yet_is_found_among_the_open_ones(wire: ScriptedTransport) -> None:
    wire.says(QUERY, refusal(-2013, "Order does not exist."))
    wire.says(OPEN_ORDERS, sample("open_orders"))
    wire.says(ORDER, answer({**told("place_order"), "clientOrderId": "jv0000003"}))
    venue = binance(wire)
    await venue.place(wish(client_order_id=ClientOrderId("jv0000003")))

    found = await venue.find_order(ClientOrderId("jv0000003"))

    assert found is not None
    assert found.status is OrderStatus.PARTLY_FILLED


async def test_an_order_of_another_name_is_not_ours(wire: ScriptedTransport) -> None:
    wire.says(QUERY, sample("order"))

    assert await binance(wire).find_order(ClientOrderId("another")) is None


async def test_an_account_that_was_never_opened_has_no_order(wire: ScriptedTransport) -> None:
    wire.says(QUERY, refusal(-11001, "Isolated margin account does not exist."))

    assert await binance(wire, execution_venue=ISOLATED).find_order(OURS) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leverage": 4}, RefusalReason.NOT_ELIGIBLE),
        ({"quantity": D("0.000001")}, RefusalReason.BELOW_MINIMUM),
        ({"order_type": OrderType.LIMIT, "limit_price": D("1000.001")}, RefusalReason.PRICE_STEP),
        ({"pair": Pair.parse("LINK/USDT"), "side": Side.SELL, "quantity": D(1)}, RefusalReason.NOT_ELIGIBLE),
    ],
)
async def test_an_order_is_checked_here_because_the_venue_checks_none(
    wire: ScriptedTransport, changes: dict[str, Any], reason: RefusalReason
) -> None:
    venue = binance(wire)

    accepted = await venue.place(wish(), validate_only=True)
    refused = await venue.place(wish(**changes), validate_only=True)

    assert isinstance(accepted, Accepted)
    assert accepted.venue_order_id is None
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert not wire.sent(ORDER)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refusal(-3003, "Margin account does not exist."), RefusalReason.AGREEMENT_REQUIRED),
        (answer(changed("margin_account", "borrowEnabled", to=False)), RefusalReason.NOT_ELIGIBLE),
        (answer(changed("margin_account", "tradeEnabled", to=False)), RefusalReason.NOT_ELIGIBLE),
    ],
)
async def test_an_account_that_may_not_trade_is_found_out(
    wire: ScriptedTransport, reply: HttpAnswer, reason: RefusalReason
) -> None:
    wire.says(ACCOUNT, reply)

    refused = await binance(wire).place(wish(), validate_only=True)

    assert isinstance(refused, Refused)
    assert refused.reason is reason


async def test_a_cross_account_that_nobody_opened_has_instruments_and_takes_no_order(wire: ScriptedTransport) -> None:
    never = refusal(-3003, "Margin account does not exist.")
    wire.says("GET /sapi/v1/margin/tradeCoeff", never)
    wire.says(ACCOUNT, never)
    venue = binance(wire)

    assert (await venue.instruments())[BTC].leverage_long == (2, 3, 4, 5)
    refused = await venue.place(wish(), validate_only=True)

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.AGREEMENT_REQUIRED
    wire.says("GET /sapi/v1/margin/tradeCoeff", refusal(-1100, "Illegal characters."))
    with pytest.raises(Rejected):
        await binance(wire).instruments()


async def test_a_pair_whose_isolated_account_is_closed_is_found_out(wire: ScriptedTransport) -> None:
    venue = binance(wire, execution_venue=ISOLATED)

    assert isinstance(await venue.place(wish(leverage=10), validate_only=True), Accepted)
    closed = await venue.place(wish(pair=SOL, quantity=D(1)), validate_only=True)

    assert isinstance(closed, Refused)
    assert closed.reason is RefusalReason.AGREEMENT_REQUIRED


async def test_reading_too_many_pages_is_an_error_and_never_half_an_answer(
    wire: ScriptedTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_MAX_PAGES", 2)
    monkeypatch.setattr(venue_module, "_MAX_BAR_PAGES", 2)
    full = [{**told("interest_history")["rows"][0], "txId": n} for n in range(100)]
    wire.says(TRADES, lambda query: answer(trades_of(1000, int(query.get("fromId", 1)))))
    wire.says(INTEREST, answer({"rows": full, "total": 10**6}))
    wire.says(
        "GET /api/v3/klines",
        lambda query: answer(
            [[int(query["startTime"]) + n * 60_000, *["1"] * 5, 0, "1", 1, "1", "1", "0"] for n in range(1000)]
        ),
    )
    venue = binance(wire)

    with pytest.raises(Unreachable, match="pages of trades"):
        await venue.fills(START - timedelta(hours=1))
    with pytest.raises(Unreachable, match="pages"):
        await venue.ledger(START - timedelta(days=1))
    with pytest.raises(Unreachable, match="pages of candles"):
        await venue.bars(BTC, MINUTE, START - timedelta(days=100))


async def test_more_flows_in_one_instant_than_an_answer_lists_are_an_error(wire: ScriptedTransport) -> None:
    for operation in (INTEREST, TRANSFERS):
        wire.says(operation, answer(NOTHING))
    every = [{**told("capital_flow")[4], "id": n, "timestamp": 1789990000000} for n in range(1000)]
    wire.says(
        FLOW,
        lambda query: answer(every if int(query["startTime"]) <= 1789990000000 <= int(query["endTime"]) else []),
    )

    with pytest.raises(Unreachable, match="one instant"):
        await binance(wire).ledger(START - timedelta(hours=3))


async def test_a_question_about_an_order_that_is_refused_is_no_answer(wire: ScriptedTransport) -> None:
    wire.says(QUERY, refusal(-1102, "Mandatory parameter was not sent."))
    wire.says(TRADES, lambda query: answer(told("my_trades") if query["symbol"] == "BTCUSDT" else []))
    venue = binance(wire)

    with pytest.raises(Rejected):
        await venue.find_order(OURS)
    with pytest.raises(Rejected):
        await venue.fills(START - timedelta(hours=1))


async def test_public_questions_are_asked_again_and_then_an_error(wire: ScriptedTransport) -> None:
    wire.says("GET /api/v3/time", AnswerLost("cut"), TimeoutError(), HTML)

    with pytest.raises(Unreachable):
        await binance(wire).server_time()
    assert len(wire.sent("GET /api/v3/time")) == 3


async def test_a_limit_with_a_strange_code_is_a_limit(wire: ScriptedTransport) -> None:
    wire.says(ORDER, refusal(-4711, "What?", 429))

    with pytest.raises(RateLimited):
        await binance(wire).place(wish())


# The account


async def test_a_snapshot_is_of_one_instant(wire: ScriptedTransport) -> None:
    def orders(query: dict[str, str]) -> HttpAnswer:
        return answer(told("open_orders") if query["symbol"] == "BTCUSDT" else [])

    before = answer(changed("margin_account", "userAssets", 0, "locked", to="0.2"))
    wire.says(ACCOUNT, before, sample("margin_account"))
    wire.says(OPEN_ORDERS, orders)

    snapshot = await binance(wire).snapshot()

    # The account changed once while it was read: the orders were asked for again.
    assert len(wire.sent(ACCOUNT)) == 3
    assert len(wire.sent(OPEN_ORDERS)) == 18
    assert len(snapshot.open_orders) == 4
    assert {balance.asset: balance.total for balance in snapshot.balances}[Asset("USDT")] == D("-5100.015")
    assert snapshot.margin.equity == D("3300.01")
    assert snapshot.positions == ()


async def test_a_pair_that_was_taken_off_the_list_does_not_blind_us(wire: ScriptedTransport) -> None:
    venue = binance(wire)
    await venue.instruments()
    without_eth = told("exchange_info")
    del without_eth["symbols"][1]
    wire.says("GET /api/v3/exchangeInfo", answer(without_eth))
    for operation in (OPEN_ORDERS, TRADES):
        wire.says(
            operation,
            lambda query: refusal(-1121, "Invalid symbol.") if query["symbol"] == "ETHUSDT" else answer([]),
        )

    assert (await venue.snapshot()).open_orders == ()
    assert await venue.fills(START) == []
    wire.says("GET /api/v3/exchangeInfo", sample("exchange_info"))
    fresh = binance(wire)
    with pytest.raises(Rejected):
        await fresh.snapshot()
    with pytest.raises(Rejected):
        await fresh.fills(START)


async def test_an_account_that_keeps_changing_has_no_snapshot(wire: ScriptedTransport) -> None:
    held = iter(range(1, 100))

    def account(_: dict[str, str]) -> HttpAnswer:
        return answer(changed("margin_account", "userAssets", 0, "free", to=str(next(held))))

    wire.says(ACCOUNT, account)
    wire.says(OPEN_ORDERS, answer([]))

    with pytest.raises(Unreachable, match="changed while it was read"):
        await binance(wire).snapshot()


async def test_an_isolated_snapshot_asks_only_for_the_pairs_that_are_open(wire: ScriptedTransport) -> None:
    wire.says(OPEN_ORDERS, answer([]))

    snapshot = await binance(wire, execution_venue=ISOLATED).snapshot()

    assert wire.sent(OPEN_ORDERS) == [
        {"symbol": "BTCUSDT", "isIsolated": "TRUE"},
        {"symbol": "ETHUSDT", "isIsolated": "TRUE"},
    ]
    assert set(snapshot.margin.by_pair) == {BTC, ETH}
    assert snapshot.margin.equity == sum(state.equity for state in snapshot.margin.by_pair.values())


async def test_key_fees_rates_and_burning(wire: ScriptedTransport) -> None:
    wire.says("GET /sapi/v1/asset/tradeFee", sample("trade_fee"))
    wire.says("GET /sapi/v1/bnbBurn", sample("bnb_burn"))
    wire.says("GET /sapi/v1/margin/next-hourly-interest-rate", sample("next_hourly_interest_rate"))
    venue = binance(wire)

    assert "enableMargin" in (await venue.key_permissions()).granted
    assert (await venue.fee_rates([BTC]))[BTC].taker_rate == D("0.0012")
    assert await venue.fee_burn() == (True, False)
    rates = await venue.interest_rates([Asset("USDT"), Asset("BTC"), Asset("XRP"), Asset("GOLD")])
    assert rates == {"USDT": D("0.00000578"), "BTC": D("0.00000571")}
    assert await venue.interest_rates([Asset("GOLD")]) == {}
    assert wire.sent("GET /sapi/v1/margin/next-hourly-interest-rate") == [
        {"assets": "USDT,BTC,XRP", "isIsolated": "FALSE"}
    ]


# Debts


def owing(free: str, borrowed: str, interest: str = "0") -> HttpAnswer:
    answered = told("margin_account")
    answered["userAssets"] = [
        {"asset": "USDT", "free": free, "locked": "0", "borrowed": borrowed, "interest": interest}
    ]
    return answer(answered)


async def test_a_repayment_is_what_is_free_and_owed_read_right_before(wire: ScriptedTransport) -> None:
    wire.says(ACCOUNT, owing("300", "5400", "0.015"), owing("0", "5100.015"))
    wire.says(REPAY, sample("borrow_repay"))

    assert await binance(wire).repay(Asset("USDT")) == D(300)
    assert wire.sent(REPAY) == [{"type": "REPAY", "asset": "USDT", "amount": "300", "isIsolated": "FALSE"}]


async def test_what_a_repayment_leaves_over_is_repaid_too(wire: ScriptedTransport) -> None:
    wire.says(ACCOUNT, owing("100", "50", "0.00000001"), owing("49.99999999", "0.00000002"), owing("49", "0"))
    wire.says(REPAY, sample("borrow_repay"))

    assert await binance(wire).repay(Asset("USDT")) == D("50.00000003")
    assert [each["amount"] for each in wire.sent(REPAY)] == ["50.00000001", "0.00000002"]


async def test_nothing_owed_or_nothing_held_is_nothing_repaid(wire: ScriptedTransport) -> None:
    venue = binance(wire)

    assert await venue.repay(Asset("XRP")) == 0
    wire.says(ACCOUNT, owing("0", "5"))
    assert await venue.repay(Asset("USDT")) == 0
    assert not wire.sent(REPAY)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, Unreachable),
        (AnswerLost("cut"), Unreachable),
        (refusal(-3007, "You have pending transaction, please try again later."), RateLimited),
        (refusal(-3010, "Repay not allowed."), Rejected),
    ],
)
async def test_a_repayment_without_proof_may_be_asked_again(
    wire: ScriptedTransport, reply: Any, error: type[Exception]
) -> None:
    wire.says(ACCOUNT, owing("300", "5400"))
    wire.says(REPAY, reply)

    with pytest.raises(error):
        await binance(wire).repay(Asset("USDT"))
    assert len(wire.sent(REPAY)) == 1


async def test_a_debt_that_shrank_meanwhile_is_read_again(wire: ScriptedTransport) -> None:
    wire.says(ACCOUNT, owing("300", "5"), owing("297", "2"), owing("295", "0"))
    wire.says(REPAY, refusal(-3015, "Repay amount exceeds borrow amount."), sample("borrow_repay"))

    assert await binance(wire).repay(Asset("USDT")) == 2


async def test_a_rest_below_the_minimum_stays(wire: ScriptedTransport) -> None:
    wire.says(ACCOUNT, owing("300", "0.00000001"))
    wire.says(REPAY, refusal(-3016, "Repay amount less than minimum repay amount."))

    assert await binance(wire).repay(Asset("USDT")) == 0


async def test_an_isolated_repayment_names_its_pair(wire: ScriptedTransport) -> None:
    after = changed("isolated_account", "assets", 0, "quoteAsset", "free", to="0")
    wire.says(POTS, sample("isolated_account"), answer(after))
    wire.says(REPAY, sample("borrow_repay"))
    venue = binance(wire, execution_venue=ISOLATED)

    assert await venue.repay(Asset("USDT"), BTC) == 500
    assert wire.sent(REPAY)[0]["symbol"] == "BTCUSDT"
    assert await venue.repay(Asset("SOL"), SOL) == 0
    # Without a pair every account that could owe it is looked at.
    wire.says(POTS, answer(after))
    assert await venue.repay(Asset("USDT")) == 0


# Histories


def trades_of(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{**told("my_trades")[0], "id": first + n, "time": 1789990000000 + n} for n in range(count)]


async def test_fills_carry_our_ids_and_forced_closings_are_marked(wire: ScriptedTransport) -> None:
    def trades(query: dict[str, str]) -> HttpAnswer:
        return answer(told("my_trades") if query["symbol"] == "BTCUSDT" else [])

    def order(query: dict[str, str]) -> HttpAnswer:
        if query["orderId"] == "39330":
            return refusal(-2013, "Order does not exist.")
        return answer(told("order"))

    wire.says(TRADES, trades)
    wire.says(QUERY, order)
    wire.says(FORCED, sample("force_liquidation"))
    venue = binance(wire)

    fills = await venue.fills(START - timedelta(hours=1))

    assert [(fill.fill_id, fill.client_order_id, fill.is_liquidation) for fill in fills] == [
        ("BTCUSDT:34", OURS, False),
        ("BTCUSDT:35", OURS, False),
        ("BTCUSDT:36", None, True),
    ]
    asked = len(wire.sent(QUERY))
    await venue.fills(START - timedelta(hours=1))
    assert len(wire.sent(QUERY)) == asked  # known by now


async def test_fills_are_read_to_the_last_page_by_id(wire: ScriptedTransport) -> None:
    every = trades_of(2300)

    def trades(query: dict[str, str]) -> HttpAnswer:
        if query["symbol"] != "BTCUSDT":
            return answer([])
        first = int(query.get("fromId", 0))
        span = int(query.get("startTime", 0)), int(query.get("endTime", 10**15))
        return answer([each for each in every if each["id"] >= first and span[0] <= each["time"] <= span[1]][:1000])

    wire.says(TRADES, trades)
    wire.says(QUERY, sample("order"))
    wire.says(FORCED, answer(NOTHING))

    fills = await binance(wire).fills(START - timedelta(days=3))
    ancient = await binance(wire).fills(START - timedelta(days=30))

    assert len(fills) == len(ancient) == 2300
    assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)
    spans = [(int(each["startTime"]), int(each["endTime"])) for each in wire.sent(TRADES) if "startTime" in each]
    assert all(end - start < 24 * 3_600_000 for start, end in spans)
    assert {each["limit"] for each in wire.sent(TRADES)} == {"1000"}
    assert all("startTime" not in each for each in wire.sent(TRADES) if "fromId" in each)


async def test_a_fill_older_than_asked_for_is_left_out(wire: ScriptedTransport) -> None:
    wire.says(TRADES, lambda query: answer(told("my_trades") if query["symbol"] == "BTCUSDT" else []))
    wire.says(QUERY, sample("order"))
    wire.says(FORCED, answer(NOTHING))

    fills = await binance(wire).fills(datetime(2026, 9, 21, 13, 56, 40, 400000, tzinfo=UTC))

    assert [fill.fill_id for fill in fills] == ["BTCUSDT:35", "BTCUSDT:36"]


async def test_many_unknown_orders_are_learned_at_once(wire: ScriptedTransport) -> None:
    every = [{**each, "orderId": 1000 + each["id"]} for each in trades_of(700)]

    def orders(query: dict[str, str]) -> HttpAnswer:
        ids = range(int(query["orderId"]), 1701)
        return answer([{**told("order"), "orderId": n, "clientOrderId": f"jv{n}"} for n in ids][:500])

    wire.says(TRADES, lambda query: answer(every if query["symbol"] == "BTCUSDT" else []))
    wire.says(ALL_ORDERS, orders)
    wire.says(FORCED, answer(NOTHING))

    fills = await binance(wire).fills(START - timedelta(hours=5))

    assert {fill.client_order_id for fill in fills} == {f"jv{n}" for n in range(1001, 1701)}
    assert len(wire.sent(ALL_ORDERS)) == 2


async def test_isolated_fills_are_asked_for_in_the_open_pairs(wire: ScriptedTransport) -> None:
    wire.says(TRADES, answer([]))

    assert await binance(wire, execution_venue=ISOLATED).fills(START) == []

    assert {(each["symbol"], each["isIsolated"]) for each in wire.sent(TRADES)} == {
        ("BTCUSDT", "TRUE"),
        ("ETHUSDT", "TRUE"),
    }


async def test_the_ledger_is_interest_transfers_and_what_nothing_else_tells(wire: ScriptedTransport) -> None:
    wire.says(INTEREST, sample("interest_history"))
    wire.says(TRANSFERS, sample("margin_transfer"))
    wire.says(FLOW, sample("capital_flow"))

    rows = await binance(wire).ledger(START - timedelta(hours=6))

    assert [row.at for row in rows] == sorted(row.at for row in rows)
    kinds = [row.kind for row in rows]
    assert kinds.count(LedgerKind.INTEREST) == 3
    assert kinds.count(LedgerKind.TRANSFER) == 2
    assert kinds.count(LedgerKind.ADJUSTMENT) == 2
    assert wire.sent(INTEREST)[0]["size"] == "100"


async def test_the_ledger_is_read_in_the_windows_that_the_venue_allows(wire: ScriptedTransport) -> None:
    for operation in (INTEREST, TRANSFERS):
        wire.says(operation, answer(NOTHING))
    wire.says(FLOW, answer([]))

    assert await binance(wire).ledger(START - timedelta(days=400)) == []

    def spans(operation: str) -> list[tuple[int, int]]:
        return [(int(each["startTime"]), int(each["endTime"])) for each in wire.sent(operation)]

    day = 24 * 3_600_000
    for operation, longest in ((INTEREST, 30 * day), (TRANSFERS, 30 * day), (FLOW, 7 * day)):
        windows = spans(operation)
        assert all(end - start < longest for start, end in windows)
        assert [start for start, _ in windows[1:]] == [end + 1 for _, end in windows[:-1]]
        assert windows[0][0] == 1790000000000 - 89 * day
        assert windows[-1][1] >= 1790000000000


async def test_a_full_page_of_interest_is_followed_by_the_next(wire: ScriptedTransport) -> None:
    def page(query: dict[str, str]) -> HttpAnswer:
        start = (int(query["current"]) - 1) * 100
        rows = [{**told("interest_history")["rows"][0], "txId": n} for n in range(start, min(start + 100, 250))]
        return answer({"rows": rows, "total": 250})

    wire.says(INTEREST, page)
    wire.says(TRANSFERS, answer(NOTHING))
    wire.says(FLOW, answer([]))

    assert len(await binance(wire).ledger(START - timedelta(days=1))) == 250


async def test_a_full_answer_of_the_flow_is_asked_for_in_halves(wire: ScriptedTransport) -> None:
    begin = 1789990000000
    every = [{**told("capital_flow")[4], "id": n, "tranId": n, "timestamp": begin + n} for n in range(2500)]

    def flow(query: dict[str, str]) -> HttpAnswer:
        span = range(int(query["startTime"]), int(query["endTime"]) + 1)
        # In whatever order: newest first here.
        return answer([each for each in reversed(every) if each["timestamp"] in span][:1000])

    for operation in (INTEREST, TRANSFERS):
        wire.says(operation, answer(NOTHING))
    wire.says(FLOW, flow)

    rows = await binance(wire).ledger(START - timedelta(hours=5))

    assert len(rows) == len({row.row_id for row in rows}) == 2500


async def test_isolated_flows_are_asked_for_only_after_a_forced_closing(wire: ScriptedTransport) -> None:
    def forced(query: dict[str, str]) -> HttpAnswer:
        return answer(told("force_liquidation") if query["isolatedSymbol"] == "ETHUSDT" else NOTHING)

    for operation in (INTEREST, TRANSFERS):
        wire.says(operation, answer(NOTHING))
    wire.says(FORCED, forced)
    wire.says(FLOW, sample("capital_flow"))

    rows = await binance(wire, execution_venue=ISOLATED).ledger(START - timedelta(days=1))

    assert {each["symbol"] for each in wire.sent(FLOW)} == {"ETHUSDT"}
    assert {each["isolatedSymbol"] for each in wire.sent(INTEREST)} == {"BTCUSDT", "ETHUSDT"}
    assert {row.pair for row in rows} == {ETH}


@pytest.mark.parametrize(
    ("ask", "operation"),
    [
        (lambda venue: venue.margin_state(), ACCOUNT),
        (lambda venue: venue.key_permissions(), KEY_INFO),
        (lambda venue: venue.status(), "GET /api/v3/exchangeInfo"),
        (lambda venue: venue.find_order(OURS), QUERY),
    ],
)
async def test_an_answer_that_we_do_not_understand_is_unreadable(
    wire: ScriptedTransport, ask: Callable[[BinanceVenue], Any], operation: str
) -> None:
    wire.says(operation, answer({"surprise": 1}))

    with pytest.raises(UnreadableAnswer):
        await ask(binance(wire))


async def test_a_token_that_is_refused_is_asked_for_again_later(wire: ScriptedTransport) -> None:
    wire.says(TOKEN, refusal(-1125, "This listenKey does not exist."))
    wire.sockets.append(ScriptedSocket())

    with pytest.raises(TokenRefused):
        async with binance(wire).account_stream():
            pass
