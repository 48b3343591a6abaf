"""The verbs of OkxVenue over prepared answers: what is sent, how often, and what each answer becomes."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from jarvis.domain.account import LedgerKind
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
    Unreachable,
    UnreadableAnswer,
    VenueStatus,
)
from jarvis.venues.okx import WWW, OkxVenue
from jarvis.venues.session import AnswerLost, HttpAnswer
from tests.venues.okx.wires import (
    ALGO,
    ALGO_ORDER,
    ALGO_PENDING,
    AMEND,
    AMEND_ALGO,
    ARCHIVE,
    BALANCE,
    BILLS,
    BTC,
    CANCEL,
    CANCEL_ALGO,
    CONFIG,
    FILLS,
    INTEREST,
    ORDER,
    OURS,
    PENDING,
    PLACED,
    PLACED_ALGO,
    POSITIONS,
    STATUS,
    TIME,
    URLS,
    CheckingSigner,
    ScriptedTransport,
    answer,
    item,
    okx,
    row,
    rows,
    sample,
    stop,
    wish,
)
from tests.venues.wires import START, HandClock, on_virtual_time

D = Decimal
MINUTE = timedelta(minutes=1)
ORDER_ID = VenueOrderId("2510789768709120001")
ALGO_ID = VenueOrderId(f"algo-{ALGO}")
SPAWNED_ID = "2510789768709120007"
HTML = HttpAnswer(502, {}, b"<html>Bad gateway</html>")
GONE = answer([], "51603", "Order does not exist")


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport()


# Questions


async def test_public_questions_need_no_key(wire: ScriptedTransport) -> None:
    venue = okx(wire, keyless=True)
    wire.says("market/candles", sample("candles"))

    assert await venue.server_time() == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    assert await venue.status() is VenueStatus.ONLINE
    assert len(await venue.instruments()) == 8
    bars = await venue.bars(BTC, MINUTE)

    assert [bar.close for bar in bars] == [D(59980), D(60000)]
    assert wire.sent("market/candles") == [{"instId": "BTC-USDT", "bar": "1m", "limit": "300"}]
    with pytest.raises(ValueError, match="no candles of"):
        await venue.bars(BTC, timedelta(minutes=7))
    with pytest.raises(NotPermitted, match="needs a key"):
        await venue.margin_state()


async def test_older_candles_are_read_page_by_page(wire: ScriptedTransport) -> None:
    newest = 1_789_999_920_000
    pages = [
        [[str(newest - n * 60_000), "1", "2", "1", "2", "1", "1", "1", "1"] for n in range(first, first + 300)]
        for first in (0, 300)
    ]
    wire.says("market/candles", answer(pages[0]))
    wire.says("market/history-candles", answer(pages[1]))
    since = START - 400 * MINUTE

    bars = await okx(wire).bars(BTC, MINUTE, since)

    assert bars[0].opened_at >= since
    assert [bar.opened_at for bar in bars] == sorted(bar.opened_at for bar in bars)
    assert len(bars) > 390
    (older,) = wire.sent("market/history-candles")
    assert older["after"] == str(newest - 299 * 60_000)


async def test_maintenance_shows_in_the_calendar_or_in_an_answer(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    assert await venue.status() is VenueStatus.ONLINE

    wire.says(BALANCE, HttpAnswer(503, {}, b'{"code":"50001","msg":"Service temporarily unavailable"}'))
    assert await venue.status() is VenueStatus.MAINTENANCE

    wire.says(STATUS, answer([{"serviceType": "5", "state": "ongoing"}]))
    assert await okx(wire, keyless=True).status() is VenueStatus.MAINTENANCE


async def test_leverage_is_what_the_account_has_set_within_the_lowest_tier(wire: ScriptedTransport) -> None:
    bitcoin = (await okx(wire).instruments())[BTC]

    assert bitcoin.leverage_long == (1, 2, 3, 4, 5)
    assert bitcoin.long_position_limit == bitcoin.short_position_limit == D(50)
    assert (bitcoin.liquidation_level, bitcoin.margin_call_level) == (D("0.3"), D("0.9"))
    assert wire.sent("account/instruments") == [{"instType": "MARGIN"}]


async def test_in_multi_currency_mode_the_pairs_are_spot_instruments(wire: ScriptedTransport) -> None:
    wire.says(CONFIG, sample("config_multi_currency"))
    wire.says("account/instruments", sample("instruments_spot"))

    bitcoin = (await okx(wire).instruments())[BTC]

    assert max(bitcoin.leverage_long) == 10
    assert wire.sent("account/instruments") == [{"instType": "SPOT"}]
    assert wire.sent("account/leverage-info") == []


async def test_limits_that_cannot_be_read_now_are_left_out_and_asked_for_again(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    wire.says("public/position-tiers", HttpAnswer(429, {}, b""))
    assert (await venue.instruments())[BTC].long_position_limit is None

    wire.says("public/position-tiers", sample("position_tiers"))
    assert (await venue.instruments())[BTC].long_position_limit == D(50)
    asked = len(wire.sent("public/position-tiers"))
    await venue.instruments()
    assert len(wire.sent("public/position-tiers")) == asked


async def test_traits_follow_the_accounts_mode(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    assert (venue.traits.settlement, venue.traits.reduce_only, venue.traits.amends) == (Settlement.WALLET, False, True)

    await venue.key_permissions()
    assert venue.traits.reduce_only
    wire.says(CONFIG, sample("config_multi_currency"))
    await venue.key_permissions()
    assert not venue.traits.reduce_only


async def test_the_accounts_mode_is_asked_once_by_calls_at_the_same_time(wire: ScriptedTransport) -> None:
    venue = okx(wire)

    await asyncio.gather(*(venue.margin_state() for _ in range(4)))

    assert len(wire.sent(CONFIG)) == 1


async def test_fees_and_interest(wire: ScriptedTransport) -> None:
    venue = okx(wire)

    assert (await venue.fee_rates([BTC]))[BTC].taker_rate == D("0.001")
    rates = await venue.interest_rates([Asset("USDT"), Asset("SOL")])
    assert rates == {"USDT": D("0.0000040833")}
    assert wire.sent("account/trade-fee") == [{"instType": "MARGIN"}]
    assert await venue.repay(Asset("USDT")) == 0


# The snapshot


async def test_a_snapshot_is_of_one_instant(wire: ScriptedTransport) -> None:
    wire.says(PENDING, sample("orders_pending"))
    wire.says(ALGO_PENDING, sample("orders_algo_pending"), answer([]))

    snapshot = await okx(wire).snapshot()

    assert {position.pair for position in snapshot.positions} == {BTC, Pair.parse("ETH/USDT")}
    assert snapshot.margin.equity == D("11508.5") * D(10_010) / D("10008.5")
    ids = [report.venue_order_id for report in snapshot.open_orders]
    assert ids == [ALGO_ID, f"{ALGO_ID[:-1]}5", ORDER_ID, f"{ORDER_ID[:-1]}2"]  # the swap is not ours to see
    assert [query["ordType"] for query in wire.sent(ALGO_PENDING)] == ["conditional", "oco"]


async def test_in_multi_currency_mode_there_are_no_positions_to_ask_for(wire: ScriptedTransport) -> None:
    wire.says(CONFIG, sample("config_multi_currency"))
    wire.says(BALANCE, sample("balance_multi_currency"))

    snapshot = await okx(wire).snapshot()

    assert snapshot.positions == ()
    assert {balance.asset: balance.total for balance in snapshot.balances} == {"BTC": D("0.2"), "USDT": D("-2000.25")}
    assert wire.sent(POSITIONS) == []


async def test_a_stop_that_triggers_while_we_look_is_told_as_what_it_became(wire: ScriptedTransport) -> None:
    spawned = row("order_spawned", state="live", accFillSz="0")
    wire.says(ALGO_PENDING, sample("order_algo_live"), answer([]))
    wire.says(PENDING, answer([spawned]))

    (report,) = (await okx(wire).snapshot()).open_orders

    assert (report.venue_order_id, report.order_type) == (ALGO_ID, None)


@on_virtual_time
async def test_an_account_that_keeps_changing_is_no_snapshot() -> None:
    wire = ScriptedTransport()
    cash = iter(range(10_000))

    def moving(_: dict[str, str]) -> HttpAnswer:
        told = row("balance_futures")
        told["details"] = [{**told["details"][0], "cashBal": str(next(cash))}]
        return answer([told])

    wire.says(BALANCE, moving)

    with pytest.raises(Unreachable, match="changed while it was read"):
        await okx(wire).snapshot()


async def test_prices_may_move_while_the_snapshot_is_read(wire: ScriptedTransport) -> None:
    moved = row("balance_futures", totalEq="11550")
    moved["details"] = [{**moved["details"][0], "eq": "10050", "eqUsd": "10050", "upl": "50"}, moved["details"][1]]
    wire.says(BALANCE, sample("balance_futures"), answer([moved]))

    snapshot = await okx(wire).snapshot()

    assert (snapshot.margin.equity, snapshot.margin.free_margin) == (D(11_550), D(9949))
    assert len(wire.sent(BALANCE)) == 2


@pytest.mark.parametrize("path", [BALANCE, POSITIONS, PENDING, ALGO_PENDING, CONFIG])
@on_virtual_time
async def test_a_failed_read_is_an_error_and_never_an_empty_account(path: str) -> None:
    wire = ScriptedTransport()
    wire.says(path, HTML)

    with pytest.raises(Unreachable):
        await okx(wire).snapshot()


@on_virtual_time
async def test_a_read_without_answer_is_asked_again() -> None:
    wire = ScriptedTransport()
    wire.says(BALANCE, AnswerLost("reset"), HTML, sample("balance_futures"))

    assert (await okx(wire).margin_state()).used_margin == D(101)
    assert len(wire.sent(BALANCE)) == 3


# History


async def test_fills_of_both_classes_are_read_with_the_ids_of_the_stops_that_they_came_from(
    wire: ScriptedTransport,
) -> None:
    wire.says(FILLS, sample("fills_history"), answer([]))
    wire.says(ORDER, answer([row("order_spawned", algoClOrdId="")]))
    wire.says(ALGO_ORDER, sample("order_algo_effective"))
    venue = okx(wire)

    fills = await venue.fills(START - MINUTE)

    assert [query["instType"] for query in wire.sent(FILLS)] == ["MARGIN", "SPOT"]
    assert [fill.client_order_id for fill in fills] == [OURS, OURS, "jv0000002"]
    assert fills[-1].venue_order_id == ALGO_ID
    assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)
    assert wire.sent(ORDER) == [{"instId": "BTC-USDT", "ordId": SPAWNED_ID}]
    # And is not asked again.
    wire.says(FILLS, sample("fills_history"), answer([]))
    assert list(await venue.fills(START - MINUTE)) == list(fills)
    assert len(wire.sent(ORDER)) == 1


async def test_a_fill_whose_order_is_forgotten_at_the_venue_belongs_to_nobody(wire: ScriptedTransport) -> None:
    wire.says(FILLS, sample("fills_history_liquidation"), answer([]))

    (fill,) = await okx(wire).fills(START - MINUTE)

    assert (fill.client_order_id, fill.is_liquidation) == (None, True)


async def test_pages_are_read_to_the_end(wire: ScriptedTransport) -> None:
    many = [row("fills_history", clOrdId=OURS, billId=str(1000 - n), tradeId=str(1000 - n)) for n in range(130)]
    wire.says(FILLS, answer(many[:100]), answer(many[100:]), answer([]))

    fills = await okx(wire).fills(START - MINUTE)

    assert len(fills) == 130
    assert [query.get("after") for query in wire.sent(FILLS)] == [None, "901", None]
    assert fills[0].fill_id.split(":")[1] == "871"


async def test_the_ledger_is_interest_and_what_moves_balances(wire: ScriptedTransport) -> None:
    wire.says(INTEREST, sample("interest_accrued"))
    wire.says(BILLS, sample("bills"))

    ledger = await okx(wire).ledger(START - timedelta(hours=1))

    kinds = [line.kind for line in ledger]
    assert kinds.count(LedgerKind.INTEREST) == 2  # the third is older
    assert {LedgerKind.TRANSFER, LedgerKind.LIQUIDATION_FEE, LedgerKind.ADJUSTMENT} < set(kinds)
    assert [line.at for line in ledger] == sorted(line.at for line in ledger)
    assert wire.sent(INTEREST) == [{"type": "2", "limit": "100"}]


async def test_an_older_ledger_is_in_the_archive(wire: ScriptedTransport) -> None:
    await okx(wire).ledger(START - timedelta(days=30))

    assert wire.sent(BILLS) == []
    assert len(wire.sent(ARCHIVE)) == 1


async def test_interest_of_one_hour_may_be_torn_by_a_page(wire: ScriptedTransport) -> None:
    hour = 1_789_999_200_000
    first = [row("interest_accrued", instId=f"A{n}-USDT", ts=str(hour)) for n in range(100)]
    second = [first[-1], row("interest_accrued", instId="LAST-USDT", ts=str(hour))]
    wire.says(INTEREST, answer(first), answer(second))

    ledger = await okx(wire).ledger(START - timedelta(hours=1))

    assert len(ledger) == 101
    assert [query.get("after") for query in wire.sent(INTEREST)] == [None, str(hour + 1)]


# Looking orders up


async def test_an_order_of_another_life_is_asked_for_on_every_pair_and_among_algo_orders(
    wire: ScriptedTransport,
) -> None:
    venue = okx(wire)

    assert await venue.find_order(OURS) is None
    assert len(wire.sent(ORDER)) == 9
    assert wire.sent(ALGO_ORDER) == [{"algoClOrdId": OURS}]

    unlisted = answer([], "51001", "Instrument ID does not exist")
    wire.says(ORDER, GONE, unlisted, sample("order_live"))
    found = await venue.find_order(OURS)
    assert found is not None
    assert (found.venue_order_id, found.status) == (ORDER_ID, OrderStatus.OPEN)


async def test_our_own_order_is_asked_for_where_it_was_sent(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    await venue.place(wish())
    await venue.find_order(OURS)

    assert wire.sent(ORDER) == [{"instId": "BTC-USDT", "clOrdId": OURS}]
    assert wire.sent(ALGO_ORDER) == []


async def test_a_triggered_stop_is_found_as_what_became_of_it(wire: ScriptedTransport) -> None:
    wire.says(ALGO_ORDER, sample("order_algo_effective"))
    wire.says(ORDER, sample("order_spawned"))
    venue = okx(wire)
    await venue.place(stop(client_order_id=ClientOrderId("jv0000002")))

    found = await venue.find_order(ClientOrderId("jv0000002"))

    assert found is not None
    assert (found.venue_order_id, found.client_order_id) == (ALGO_ID, "jv0000002")
    assert (found.status, found.filled_quantity, found.trigger_price) == (OrderStatus.FILLED, D("0.01"), D(59000))


async def test_a_triggered_stop_whose_order_is_gone_ended_without_a_fill(wire: ScriptedTransport) -> None:
    wire.says(ALGO_ORDER, sample("order_algo_effective"))

    found = await okx(wire).find_order(OURS)

    assert found is not None
    assert (found.status, found.filled_quantity) == (OrderStatus.CANCELLED, D(0))


async def test_an_id_that_okx_could_not_take_was_never_placed(wire: ScriptedTransport) -> None:
    assert await okx(wire).find_order(ClientOrderId("with-hyphen")) is None
    assert wire.calls == []


@on_virtual_time
async def test_a_search_that_fails_proves_nothing() -> None:
    wire = ScriptedTransport()
    wire.says(ALGO_ORDER, HTML)

    with pytest.raises(Unreachable):
        await okx(wire).find_order(OURS)


# Placing


async def test_a_market_entry_asks_for_the_price_and_sends_an_immediate_order(wire: ScriptedTransport) -> None:
    result = await okx(wire).place(wish())

    assert result == Accepted(ORDER_ID)
    (sent,) = wire.sent(PLACED)
    assert (sent["ordType"], sent["px"], sent["sz"]) == ("ioc", "60600.1", "0.01")
    assert sent["expTime"] == "1790000005000"


async def test_a_market_sale_asks_for_nothing(wire: ScriptedTransport) -> None:
    await okx(wire).place(wish(side=Side.SELL))

    assert wire.sent("market/ticker") == []
    assert wire.sent(PLACED)[0]["ordType"] == "market"


@on_virtual_time
async def test_an_exit_does_not_wait_for_prices_that_cannot_be_read() -> None:
    wire = ScriptedTransport()
    wire.says("market/ticker", HTML)
    venue = okx(wire)

    await venue.place(wish(role=OrderRole.FLATTEN, reduce_only=True, decision_price=D(60_000)))
    assert wire.sent(PLACED)[0]["px"] == "63000"
    with pytest.raises(Unreachable):
        await venue.place(wish())
    assert len(wire.sent(PLACED)) == 1


async def test_stops_go_where_algo_orders_live(wire: ScriptedTransport) -> None:
    result = await okx(wire).place(stop())

    assert result == Accepted(ALGO_ID)
    (sent,) = wire.sent(PLACED_ALGO)
    assert (sent["slTriggerPx"], sent["reduceOnly"]) == ("59000", "true")
    assert wire.sent(PLACED) == []


async def test_in_multi_currency_mode_nothing_is_marked_reduce_only(wire: ScriptedTransport) -> None:
    wire.says(CONFIG, sample("config_multi_currency"))
    wire.says("account/instruments", sample("instruments_spot"))
    venue = okx(wire)

    await venue.place(stop())
    await venue.place(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True))

    (resting,), (closing,) = wire.sent(PLACED_ALGO), wire.sent(PLACED)
    assert not {"reduceOnly"} & {*resting, *closing}
    assert (resting["ccy"], closing["ccy"], closing["tdMode"]) == ("USDT", "USDT", "cross")


@pytest.mark.parametrize(
    "changes", [{"acctLv": "1"}, {"acctLv": "4"}, {"posMode": "long_short_mode"}, {"acctLv": "3", "autoLoan": False}]
)
async def test_an_account_that_cannot_trade_is_told_what_to_change_and_may_still_close(
    wire: ScriptedTransport, changes: dict[str, Any]
) -> None:
    wire.says(CONFIG, answer([row("config_futures", **changes)]))
    venue = okx(wire)

    result = await venue.place(wish(side=Side.SELL))

    assert isinstance(result, Refused)
    assert result.reason is RefusalReason.NOT_ELIGIBLE
    assert "At OKX" in result.message
    assert await venue.advice() == (result.message,)
    assert wire.sent(PLACED) == []
    closing = await venue.place(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True))
    assert isinstance(closing, Accepted)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wish(pair=Pair.parse("BNB/USDT")), RefusalReason.MARKET_CLOSED),
        (wish(client_order_id=ClientOrderId("with-hyphen")), RefusalReason.INVALID),
        (wish(order_type=OrderType.LIMIT, limit_price=D("59000.05")), RefusalReason.PRICE_STEP),
        (stop(trigger_price=D("59000.05")), RefusalReason.PRICE_STEP),
        (
            stop(order_type=OrderType.TRAILING_STOP, trigger_price=None, trailing_offset=D(100)),
            RefusalReason.INVALID,
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D(59000), time_in_force=TimeInForce.GTD, expires_at=START),
            RefusalReason.INVALID,
        ),
    ],
)
async def test_what_okx_does_not_offer_is_refused_before_it_is_sent(
    wire: ScriptedTransport, request_: Any, reason: RefusalReason
) -> None:
    result = await okx(wire).place(request_)

    assert isinstance(result, Refused)
    assert result.reason is reason
    assert wire.sent(PLACED) == wire.sent(PLACED_ALGO) == []


async def test_what_is_not_lent_on_any_more_can_still_be_closed(wire: ScriptedTransport) -> None:
    wire.says(CONFIG, sample("config_multi_currency"))
    wire.says("account/instruments", sample("instruments_spot"))
    venue, bnb = okx(wire), Pair.parse("BNB/USDT")

    refused = await venue.place(wish(pair=bnb, side=Side.SELL))
    closing = await venue.place(wish(pair=bnb, side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True))

    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.MARKET_CLOSED
    assert isinstance(closing, Accepted)


async def test_an_order_on_a_pair_that_is_not_listed_is_not_amended(wire: ScriptedTransport) -> None:
    result = await okx(wire).amend(OURS, ORDER_ID, Pair.parse("BNB/USDT"), Amendment(quantity=D(1)))

    assert isinstance(result, Refused)
    assert result.reason is RefusalReason.MARKET_CLOSED


async def test_a_refusal_is_a_value(wire: ScriptedTransport) -> None:
    wire.says(PLACED, sample("place_order_refused"))

    result = await okx(wire).place(wish(side=Side.SELL))

    assert result == Refused(
        RefusalReason.INSUFFICIENT_FUNDS, "51008_1001 Order failed. Insufficient USDT margin in account"
    )


@pytest.mark.parametrize("reply", [AnswerLost("reset"), TimeoutError(), HTML, HttpAnswer(200, {}, b'{"code":"0","da')])
@pytest.mark.parametrize("kind", [wish(side=Side.SELL), stop()])
async def test_a_write_without_a_proof_is_unknown_and_sent_once(wire: ScriptedTransport, reply: Any, kind: Any) -> None:
    wire.says(PLACED, reply)
    wire.says(PLACED_ALGO, reply)

    with pytest.raises(OutcomeUnknown):
        await okx(wire).place(kind)

    assert len(wire.sent(PLACED)) + len(wire.sent(PLACED_ALGO)) == 1


@pytest.mark.parametrize("code", ["50004", "50026", "51054", "51149"])
async def test_an_ambiguous_word_of_the_venue_is_unknown(wire: ScriptedTransport, code: str) -> None:
    wire.says(PLACED, item(code))

    with pytest.raises(OutcomeUnknown):
        await okx(wire).place(wish(side=Side.SELL))


async def test_an_id_in_use_is_a_proof_that_the_order_exists(wire: ScriptedTransport) -> None:
    wire.says(PLACED, item("51016"))

    with pytest.raises(OutcomeUnknown):
        await okx(wire).place(wish(side=Side.SELL))


async def test_an_acceptance_without_an_id_is_unknown(wire: ScriptedTransport) -> None:
    wire.says(PLACED, answer([{"ordId": "", "sCode": "0"}]))

    with pytest.raises(OutcomeUnknown):
        await okx(wire).place(wish(side=Side.SELL))


async def test_a_refused_timestamp_is_made_good_at_once(wire: ScriptedTransport) -> None:
    late = HttpAnswer(401, {}, b'{"code":"50102","msg":"Timestamp request expired"}')
    wire.says(PLACED, late, sample("place_order"))

    assert await okx(wire).place(wish(side=Side.SELL)) == Accepted(ORDER_ID)
    assert len(wire.sent(PLACED)) == 2
    assert len(wire.sent(TIME)) == 1


async def test_a_clock_that_is_off_is_allowed_for(wire: ScriptedTransport) -> None:
    wire.says(TIME, answer([{"ts": "1790000020000"}]))
    venue = okx(wire)
    await venue.server_time()

    await venue.place(wish(side=Side.SELL))

    (stamped,) = [parameters for path, parameters in wire.calls if path == PLACED]
    assert (stamped["timestamp"], stamped["expTime"]) == ("1790000020000", "1790000025000")


@pytest.mark.parametrize("reply", [HttpAnswer(429, {}, b""), item("50011"), answer([], "50061", "too many")])
async def test_a_limited_call_says_when_to_come_back_and_entries_wait_for_exits(
    wire: ScriptedTransport, reply: HttpAnswer
) -> None:
    wire.says(PLACED, reply, sample("place_order"))
    venue = okx(wire)

    with pytest.raises(RateLimited) as caught:
        await venue.place(wish(side=Side.SELL))
    waiting = await venue.place(wish(side=Side.SELL))
    leaving = await venue.place(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True))

    assert caught.value.retry_after > timedelta(0)
    assert isinstance(waiting, Refused)
    assert waiting.reason is RefusalReason.RATE_LIMIT
    assert isinstance(leaving, Accepted)


async def test_a_key_without_permission_and_an_unknown_key(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    wire.says(PLACED, answer([], "50120", "no permission"))
    with pytest.raises(NotPermitted):
        await venue.place(wish(side=Side.SELL))

    wire.says(PLACED, HttpAnswer(401, {}, b'{"code":"50119","msg":"API key doesn\'t exist"}'))
    with pytest.raises(KeyInvalid, match="another region"):
        await venue.place(wish(side=Side.SELL))


async def test_what_the_signer_refuses_was_not_sent(wire: ScriptedTransport) -> None:
    signer = CheckingSigner()
    venue = okx(wire, signer=signer)
    await venue.instruments()

    signer.failure = PermissionError("no")
    with pytest.raises(NotPermitted):
        await venue.place(wish(side=Side.SELL))
    signer.failure = ConnectionError("down")
    with pytest.raises(Unreachable):
        await venue.place(wish(side=Side.SELL))
    assert wire.sent(PLACED) == []


async def test_checking_an_order_asks_for_the_most_that_could_be_traded(wire: ScriptedTransport) -> None:
    venue = okx(wire)

    assert await venue.place(wish(), validate_only=True) == Accepted(None)
    too_much = await venue.place(wish(side=Side.SELL, quantity=D(1)), validate_only=True)
    too_little = await venue.place(wish(quantity=D("0.000001")), validate_only=True)

    assert isinstance(too_much, Refused)
    assert too_much.reason is RefusalReason.INSUFFICIENT_FUNDS
    assert isinstance(too_little, Refused)
    assert too_little.reason is RefusalReason.BELOW_MINIMUM
    assert wire.sent(PLACED) == []
    assert wire.sent("account/max-size")[0] == {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT"}


# Changing and cancelling


async def test_a_plain_order_is_amended(wire: ScriptedTransport) -> None:
    venue = okx(wire)

    assert await venue.amend(OURS, ORDER_ID, BTC, Amendment(limit_price=D(58000))) == Accepted(ORDER_ID)
    assert wire.sent(f"POST {AMEND}")[0]["newPx"] == "58000"
    off_tick = await venue.amend(OURS, ORDER_ID, BTC, Amendment(limit_price=D("58000.01")))
    assert isinstance(off_tick, Refused)
    assert off_tick.reason is RefusalReason.PRICE_STEP


async def test_a_stop_of_another_life_is_looked_up_before_it_is_amended(wire: ScriptedTransport) -> None:
    wire.says(ALGO_ORDER, answer([row("order_algo_live", side="buy")]))

    result = await okx(wire).amend(OURS, ALGO_ID, BTC, Amendment(trigger_price=D(61000)))

    assert result == Accepted(ALGO_ID)
    assert wire.sent(ALGO_ORDER) == [{"algoId": ALGO}]
    assert wire.sent(f"POST {AMEND_ALGO}") == [
        {"instId": "BTC-USDT", "algoId": ALGO, "newSlTriggerPx": "61000", "newSlOrdPx": "62830"}
    ]


async def test_an_amendment_of_what_is_gone_is_refused_as_unknown(wire: ScriptedTransport) -> None:
    wire.says(f"POST {AMEND}", item("51503"))

    result = await okx(wire).amend(OURS, ORDER_ID, BTC, Amendment(limit_price=D(58000)))
    stop_result = await okx(wire).amend(OURS, ALGO_ID, BTC, Amendment(trigger_price=D(61000)))

    for each in (result, stop_result):
        assert isinstance(each, Refused)
        assert each.reason is RefusalReason.UNKNOWN_ORDER


@pytest.mark.parametrize("order_id", [ORDER_ID, ALGO_ID])
async def test_a_lost_answer_to_an_amendment_or_a_cancel_is_unknown(
    wire: ScriptedTransport, order_id: VenueOrderId
) -> None:
    for path in (AMEND, AMEND_ALGO, CANCEL, CANCEL_ALGO):
        wire.says(f"POST {path}", HTML)
    wire.says(ALGO_ORDER, sample("order_algo_live"))
    venue = okx(wire)

    with pytest.raises(OutcomeUnknown):
        await venue.amend(OURS, order_id, BTC, Amendment(quantity=D("0.02")))
    with pytest.raises(OutcomeUnknown):
        await venue.cancel(OURS, order_id, BTC)


async def test_orders_are_cancelled_where_they_live(wire: ScriptedTransport) -> None:
    venue = okx(wire)

    assert await venue.cancel(OURS, ORDER_ID, BTC)
    assert await venue.cancel(OURS, ALGO_ID, BTC)

    assert wire.sent(f"POST {CANCEL}") == [{"instId": "BTC-USDT", "ordId": ORDER_ID}]
    assert wire.sent(f"POST {CANCEL_ALGO}") == [{"instId": "BTC-USDT", "algoId": ALGO}]


async def test_an_order_without_a_venues_id_is_cancelled_by_ours(wire: ScriptedTransport) -> None:
    venue = okx(wire)
    wire.says(f"POST {CANCEL}", item("51400"))

    assert await venue.cancel(OURS, None, BTC)  # of another life: looked for in both lists
    assert wire.sent(f"POST {CANCEL_ALGO}") == [{"instId": "BTC-USDT", "algoClOrdId": OURS}]

    await venue.place(stop())
    assert await venue.cancel(OURS, None, BTC)
    assert len(wire.sent(f"POST {CANCEL}")) == 1


@pytest.mark.parametrize("code", ["51400", "51401", "51402", "51603"])
async def test_a_cancel_that_lost_the_race_is_no_error(wire: ScriptedTransport, code: str) -> None:
    wire.says(f"POST {CANCEL}", item(code))

    assert not await okx(wire).cancel(OURS, ORDER_ID, BTC)


async def test_a_cancel_of_what_is_being_cancelled_was_there(wire: ScriptedTransport) -> None:
    wire.says(f"POST {CANCEL}", item("51410"))

    assert await okx(wire).cancel(OURS, ORDER_ID, BTC)


async def test_a_stop_that_triggered_is_cancelled_as_the_order_that_it_spawned(wire: ScriptedTransport) -> None:
    wire.says(f"POST {CANCEL_ALGO}", item("51400"))
    wire.says(ALGO_ORDER, sample("order_algo_effective"))
    venue = okx(wire)

    assert await venue.cancel(OURS, ALGO_ID, BTC)
    assert wire.sent(f"POST {CANCEL}") == [{"instId": "BTC-USDT", "ordId": SPAWNED_ID}]
    wire.says(f"POST {CANCEL}", item("51402"))
    assert not await venue.cancel(OURS, ALGO_ID, BTC)


def test_a_region_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="www, eea, us"):
        OkxVenue(
            transport=ScriptedTransport(),
            urls=URLS,
            signer=None,
            clock=HandClock(),
            random=Random(7),
            execution_venue="mars",
        )
    assert okx(ScriptedTransport()).execution_venue == WWW


async def test_unreadable_answers_to_reads_say_which_key(wire: ScriptedTransport) -> None:
    wire.says(POSITIONS, answer([row("positions", posCcy="SOL")]))
    with pytest.raises(UnreadableAnswer, match="posCcy"):
        await okx(wire).snapshot()
    wire.says(PENDING, answer([{**rows("orders_pending")[0], "state": "haunted"}]))
    wire.says(POSITIONS, answer([]))
    with pytest.raises(UnreadableAnswer, match="state"):
        await okx(wire).snapshot()
