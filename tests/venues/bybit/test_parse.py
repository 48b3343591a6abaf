"""Every REST answer read into the domain's words, from our own samples and from the shapes beside the repository."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import InstrumentStatus, Pair, Side
from jarvis.domain.money import Asset
from jarvis.domain.order import OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import RefusalReason, UnreadableAnswer
from jarvis.venues.bybit import CATALOGUE, margin, orders, parse
from jarvis.venues.bybit.fields import decode, in_milliseconds, number_or_none
from jarvis.venues.bybit.margin import MarginTerms
from jarvis.venues.bybit.orders import KnownOrder, OrderFilter, OrderMemory
from jarvis.venues.bybit.symbols import Symbols, UnknownName
from tests.venues.bybit.wires import result, sample, symbols

D = Decimal
BTC, ETH, ADA, LTC = (Pair.parse(f"{base}/USDT") for base in ("BTC", "ETH", "ADA", "LTC"))
USDT = Asset("USDT")
NOW = datetime(2026, 9, 21, 13, 33, 20, tzinfo=UTC)


def terms(**changes: Any) -> MarginTerms:
    read = {
        "at": NOW,
        "modes": margin.parse_account_info(result("account_info")),
        "spot_margin": margin.parse_spot_margin(result("spot_margin_state")),
        "coins": margin.parse_collateral(result("collateral_info")),
        "tiers": margin.parse_tiers(result("position_tiers")),
        "coin_leverages": margin.parse_coin_leverages(result("coinstate")),
    }
    return MarginTerms(**{**read, **changes})


# Envelope, time, listings


def test_an_answer_is_its_code_its_words_and_its_result() -> None:
    told = parse.parse_envelope(sample("insufficient"))

    assert (told.code, told.message, told.result) == (170131, "Insufficient balance.", {})


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"retMsg":"OK"}', b'{"retCode":"x"}', b'{"retCode":0.5}', b"\xff"]
)
def test_what_is_no_envelope_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_envelope(body)


def test_time_is_exact_to_the_microsecond() -> None:
    assert parse.parse_time(result("market_time")) == datetime(2026, 9, 21, 14, 13, 20, 123456, tzinfo=UTC)
    with pytest.raises(UnreadableAnswer):
        parse.parse_time({"timeNano": "9" * 40})


def test_instruments_are_those_that_a_unified_account_may_borrow_for() -> None:
    read = parse.parse_instruments(result("instruments_info"), symbols(), CATALOGUE, terms())

    assert set(read) == {pair for pair in CATALOGUE if pair.base not in ("LINK", "BNB")}
    btc = read[BTC]
    assert (btc.symbol, btc.tick, btc.lot, btc.cost_step) == ("BTCUSDT", D("0.1"), D("0.000001"), D("0.0000001"))
    # The minimum that is enforced is a value; the quantity that is told is not.
    assert (btc.min_quantity, btc.min_cost, btc.status) == (D("0.000001"), D(5), InstrumentStatus.ONLINE)


def test_leverage_is_the_tiers_and_the_persons_choice_and_never_a_tables() -> None:
    read = parse.parse_instruments(result("instruments_info"), symbols(), CATALOGUE, terms())

    # Ten for USDT; for BTC five by its tier and four by the person's choice: the lower coin is obeyed.
    assert read[BTC].leverage_long == read[BTC].leverage_short == (2, 3, 4)
    assert read[ETH].leverage_short == (2, 3)
    # What is not lent cannot be sold short; a long borrows dollars.
    assert (read[LTC].leverage_long, read[LTC].leverage_short) == ((2, 3), ())
    assert (read[ADA].leverage_long, read[ADA].leverage_short) == ((), ())
    assert read[BTC].liquidation_level == D("0.4")
    without_key = parse.parse_instruments(result("instruments_info"), symbols(), CATALOGUE, None)
    assert (without_key[BTC].leverage_long, without_key[BTC].leverage_short) == ((), ())


def test_a_listing_that_changed_its_words_is_unreadable() -> None:
    for key, value in (("marginTrading", "sometimes"), ("status", "Sleeping"), ("lotSizeFilter", {})):
        listing = json.loads(sample("instruments_info"))["result"]
        listing["list"][0][key] = value

        with pytest.raises(UnreadableAnswer, match=key if key != "lotSizeFilter" else "basePrecision|quotePrecision"):
            parse.parse_instruments(listing, symbols(), CATALOGUE, None)


def test_rules_that_no_venue_could_mean_are_unreadable() -> None:
    listing = json.loads(sample("instruments_info"))["result"]
    listing["list"][0]["priceFilter"]["tickSize"] = "0"

    with pytest.raises(UnreadableAnswer, match="must be positive"):
        parse.parse_instruments(listing, symbols(), CATALOGUE, None)


def test_bars_are_finished_and_oldest_first() -> None:
    bars = parse.parse_bars(result("kline"), BTC, timedelta(minutes=1), datetime.fromtimestamp(1790000000, UTC))

    assert [bar.close for bar in bars] == [D(60000), D(60020)]
    with pytest.raises(UnreadableAnswer, match="contradicts"):
        parse.parse_bars({"list": [["0", "5", "1", "2", "3", "1", "1"]]}, BTC, timedelta(minutes=1), NOW)
    with pytest.raises(UnreadableAnswer):
        parse.parse_bars({"list": None}, BTC, timedelta(minutes=1), NOW)
    with pytest.raises(UnreadableAnswer):
        parse.parse_bars({"list": [["0", "5"]]}, BTC, timedelta(minutes=1), NOW)


# The key


def test_a_bound_key_has_its_addresses_and_no_end() -> None:
    key = parse.parse_key(result("query_api"))

    assert key.permissions.granted == {"Spot:SpotTrade"}
    assert key.permissions.ip_allowlist == ("203.0.113.7",)
    assert key.permissions.expires_at is None
    assert (key.permissions.label, key.is_unified) == ("Jarvis, live", True)


def test_an_unbound_key_without_a_countdown_has_no_end() -> None:
    assert parse.parse_key({**result("query_api_unbound"), "deadlineDay": -1}).permissions.expires_at is None


def test_an_unbound_key_counts_down_and_a_read_only_one_says_so() -> None:
    key = parse.parse_key(result("query_api_unbound")).permissions

    assert key.granted == {"Spot:SpotTrade", "Wallet:AccountTransfer", "Wallet:SubMemberTransfer", "ReadOnly"}
    assert key.ip_allowlist == ()
    assert key.expires_at == datetime(2026, 11, 27, 7, 20, 25, tzinfo=UTC)


@pytest.mark.parametrize("addresses", [[], [""], ["*"]])
def test_no_address_has_three_spellings(addresses: list[str]) -> None:
    key = parse.parse_key({**result("query_api_unbound"), "ips": addresses}).permissions

    assert key.ip_allowlist == ()
    assert key.expires_at is not None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("permissions", []),
        ("permissions", {"Spot": "SpotTrade"}),
        ("permissions", {"Spot": [1]}),
        ("readOnly", 2),
        ("readOnly", None),
        ("ips", "*"),
        ("note", None),
        ("deadlineDay", None),
        ("expiredAt", "soon"),
        ("expiredAt", "2026-11-27T07:20:25"),
        ("uta", None),
    ],
)
def test_a_key_that_cannot_be_read_is_never_taken_for_a_harmless_one(key: str, value: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_key({**result("query_api_unbound"), key: value})


def test_fees_are_fractions() -> None:
    rates = parse.parse_fee_rates(result("fee_rate"), symbols(), [BTC, ETH])

    assert (rates[BTC].maker_rate, rates[BTC].taker_rate) == (D("0.0008"), D("0.001"))
    with pytest.raises(UnreadableAnswer, match="ADAUSDT"):
        parse.parse_fee_rates(result("fee_rate"), symbols(), [ADA])


# Funds


def test_balances_are_net_of_loans_and_their_interest() -> None:
    wallet = parse.parse_wallet(result("wallet_balance"), NOW)

    btc, usdt, eth = (wallet.balance(Asset(name)) for name in ("BTC", "USDT", "ETH"))
    assert (btc.total, btc.available, btc.owed) == (D("0.1"), D("0.06"), D(0))
    # What open orders would borrow (`borrowAmount`) is not borrowed.
    assert (usdt.total, usdt.available) == (D("-4000.2508"), D(0))
    assert (usdt.borrowed, usdt.interest) == (D("4000.25"), D("0.0008"))
    # The coin that should close a short lies beside its debt until it is repaid.
    assert (eth.total, eth.available, eth.borrowed) == (D("-0.060001"), D("0.5"), D("0.56"))
    assert wallet.balance(Asset("DOGE")).total == 0


@given(
    held=st.decimals(0, 1000, places=8),
    borrowed=st.decimals(0, 1000, places=8),
    interest=st.decimals(0, 1, places=8),
    repaid=st.decimals(0, 1000, places=8),
    more=st.decimals(0, 1000, places=8),
)
def test_borrowing_and_repaying_move_no_net_balance(
    held: Decimal, borrowed: Decimal, interest: Decimal, repaid: Decimal, more: Decimal
) -> None:
    def net(wallet_balance: Decimal, loan: Decimal, accrued: Decimal) -> Decimal:
        coin = {
            "coin": "BTC",
            "walletBalance": str(wallet_balance),
            "spotBorrow": str(loan),
            "accruedInterest": str(accrued),
        }
        account = {"totalInitialMargin": "", "accountIMRate": "", "coin": [coin]}
        return parse.parse_wallet({"list": [account]}, NOW).balance(Asset("BTC")).total

    repaid = min(repaid, held, borrowed)
    paid_interest = min(interest, held - repaid)
    assert net(held + more, borrowed + more, interest) == net(held, borrowed, interest)
    assert net(held - repaid - paid_interest, borrowed - repaid, interest - paid_interest) == net(
        held, borrowed, interest
    )


def test_an_older_answer_without_the_loan_is_readable_only_without_debt() -> None:
    rows = json.loads(sample("wallet_balance_flat"))["result"]
    del rows["list"][0]["coin"][0]["spotBorrow"]

    assert parse.parse_wallet(rows, NOW).balance(USDT).total == 1000

    rows["list"][0]["coin"][0]["borrowAmount"] = "5"
    with pytest.raises(UnreadableAnswer, match="spotBorrow"):
        parse.parse_wallet(rows, NOW)


def test_margin_is_one_at_the_point_where_nothing_is_free() -> None:
    state = parse.parse_wallet(result("wallet_balance"), NOW).margin

    assert state is not None
    assert (state.asset, state.equity, state.used_margin, state.free_margin) == (USDT, D(2000), D(400), D(1500))
    # Haircuts took a hundred: what could still be used and what is used, over what is used.
    assert state.margin_level == D("4.75")
    assert (state.liquidation_level, state.call_level, state.venue_level) == (D("0.2"), D("0.25"), D("0.0421"))


def test_below_one_the_venues_own_rate_tells_the_level() -> None:
    account = json.loads(sample("wallet_balance"))["result"]
    account["list"][0] |= {"totalAvailableBalance": "0", "accountIMRate": "1.25"}

    state = parse.parse_wallet(account, NOW).margin

    assert state is not None
    assert state.margin_level == D("0.8")


def test_amounts_are_in_usdt_at_the_wallets_own_valuation() -> None:
    state = parse.parse_wallet(result("wallet_balance_flat"), NOW).margin

    assert state is not None
    assert (state.equity, state.margin_level, state.used_margin) == (D(1000), None, D(0))


def test_an_isolated_account_has_balances_and_no_margin_of_its_own() -> None:
    wallet = parse.parse_wallet(result("wallet_balance_isolated"), NOW)

    assert (wallet.balance(USDT).available, wallet.margin) == (D(100), None)


def test_more_or_less_than_one_account_is_unreadable() -> None:
    told: list[list[object]] = [[], result("wallet_balance")["list"] * 2]
    for accounts in told:
        with pytest.raises(UnreadableAnswer, match="instead of one"):
            parse.parse_wallet({"list": accounts}, NOW)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e", "", None, True, [1]])
def test_a_number_that_is_none_is_never_taken_for_one(number: object) -> None:
    account = json.loads(sample("wallet_balance"))["result"]
    account["list"][0]["coin"][0]["walletBalance"] = number

    with pytest.raises(UnreadableAnswer, match="walletBalance"):
        parse.parse_wallet(account, NOW)


def test_empty_is_null_where_the_reader_says_so() -> None:
    assert number_or_none({"x": ""}, "x", "x") is None
    assert number_or_none({"x": "0"}, "x", "x") == 0


# The account's switches


def test_each_obstacle_is_told_in_words() -> None:
    off = margin.parse_spot_margin(result("spot_margin_state_off"))
    isolated = margin.parse_account_info({"unifiedMarginStatus": 6, "marginMode": "ISOLATED_MARGIN"})
    classic = margin.parse_account_info({"unifiedMarginStatus": 1, "marginMode": "REGULAR_MARGIN"})
    told = {
        "all is well": terms().obstacle(BTC),
        "collateral": terms().obstacle(ADA),
        "switched off": terms(spot_margin=off).obstacle(BTC),
        "isolated": terms(modes=isolated).obstacle(BTC),
        "classic": terms(modes=classic).obstacle(BTC),
    }

    reasons = {name: refusal and refusal.reason for name, refusal in told.items()}
    assert reasons == {
        "all is well": None,
        "collateral": RefusalReason.NOT_ELIGIBLE,
        "switched off": RefusalReason.AGREEMENT_REQUIRED,
        "isolated": RefusalReason.NOT_ELIGIBLE,
        "classic": RefusalReason.NOT_ELIGIBLE,
    }
    assert told["collateral"] is not None
    assert "ADA" in told["collateral"].message
    assert terms(spot_margin=off).leverages(BTC, Side.BUY) == ()
    assert margin.advice_of(terms(), CATALOGUE) == ()
    assert margin.advice_of(terms(), [ADA]) == (told["collateral"].message,)
    assert len(margin.advice_of(terms(spot_margin=off), CATALOGUE)) == 1


@pytest.mark.parametrize(
    ("read", "strange"),
    [
        (margin.parse_account_info, {"unifiedMarginStatus": 9, "marginMode": "REGULAR_MARGIN"}),
        (margin.parse_account_info, {"unifiedMarginStatus": 6, "marginMode": "NEW_MARGIN"}),
        (margin.parse_spot_margin, {"spotMarginMode": "2", "spotLeverage": ""}),
        (margin.parse_collateral, {"list": [{"currency": "BTC", "borrowable": "true"}]}),
        (margin.parse_tiers, {"list": [{"currency": "BTC", "positionTiersRatioList": []}]}),
        (
            margin.parse_tiers,
            {
                "list": [
                    {
                        "currency": "BTC",
                        "positionTiersRatioList": [
                            {"tier": "1", "positionMMR": "0.5", "positionIMR": "0.2", "maxLeverage": "5"}
                        ],
                    }
                ]
            },
        ),
        (margin.parse_public_rates, {"vipCoinList": []}),
        (margin.parse_repaid, {"resultStatus": "MAYBE"}),
        (margin.parse_borrow_check, {}),
    ],
)
def test_a_switch_that_cannot_be_read_is_an_error(read: Callable[[object], object], strange: object) -> None:
    with pytest.raises(UnreadableAnswer):
        read(strange)


def test_rates_and_repayments() -> None:
    assert margin.parse_public_rates(result("spot_margin_data")) == {"BTC": D("0.0000015021220000")}
    assert terms().coins[Asset("BTC")].hourly_rate == D("0.0000015")
    assert terms().coins[Asset("LTC")].hourly_rate is None
    assert margin.parse_repaid({"resultStatus": "P"}) == margin.parse_repaid([{"resultStatus": "P"}]) == "P"
    assert margin.parse_borrow_check(result("spot_borrow_check")) == D("6.6065")


@pytest.mark.parametrize(
    ("at", "seconds"),
    [("13:03:59.9", None), ("13:04:00", 90), ("13:04:30.5", 59.5), ("13:05:29.999", 0.001), ("13:05:30", None)],
)
def test_repayments_pause_around_the_minute_of_interest(at: str, seconds: float | None) -> None:
    wait = margin.repay_blackout(datetime.fromisoformat(f"2026-09-21T{at}+00:00"))

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


# The ledger


def test_only_what_moves_a_net_balance_and_is_no_fill_is_told() -> None:
    rows = parse.parse_ledger(result("transaction_log"))

    assert [(row.kind, row.asset, row.amount, row.fee) for row in rows] == [
        (LedgerKind.LIQUIDATION_FEE, "USDT", D(0), D("12.5")),
        (LedgerKind.REWARD, "USDT", D("1.5"), D(0)),
        (LedgerKind.ADJUSTMENT, "USDT", D("-0.02"), D(0)),
        (LedgerKind.TRANSFER, "USDT", D(1000), D(0)),
        (LedgerKind.INTEREST, "USDT", D(0), D("0.0008")),
    ]
    assert len({row.row_id for row in rows}) == len(rows)
    assert {row.balance for row in rows} == {None}


def test_a_row_of_an_unknown_kind_is_an_error_that_names_the_key() -> None:
    log = json.loads(sample("transaction_log"))["result"]
    log["list"][0]["type"] = "SURPRISE"

    with pytest.raises(UnreadableAnswer, match="'type'") as caught:
        parse.parse_ledger(log)
    assert "SURPRISE" not in str(caught.value)


# Orders


def told_orders(name: str) -> list[orders.ToldOrder]:
    return orders.parse_orders(result(name), symbols(), "order/realtime")


def test_open_orders_of_every_kind() -> None:
    limit, stop, target, partly, by_hand = told_orders("order_realtime")

    assert (limit.report.status, limit.report.order_type, limit.report.limit_price) == (
        OrderStatus.OPEN,
        OrderType.LIMIT,
        D(50000),
    )
    assert limit.order_filter is OrderFilter.ORDER
    assert (stop.report.order_type, stop.report.trigger_price) == (OrderType.STOP, D(58000))
    assert (stop.report.limit_price, stop.order_filter) == (None, OrderFilter.STOP_ORDER)
    # The same order with its trigger above the price: it waits for a rise.
    assert target.report.order_type is OrderType.TAKE_PROFIT
    assert (partly.report.status, partly.report.filled_quantity) == (OrderStatus.PARTLY_FILLED, D("0.004"))
    assert (by_hand.report.client_order_id, by_hand.report.leverage, by_hand.is_margin) == (None, 1, False)
    assert (by_hand.order_filter, by_hand.report.order_type) == (OrderFilter.TPSL_ORDER, OrderType.STOP_LIMIT)


def test_closed_orders_of_every_kind() -> None:
    reports = [each.report for each in told_orders("order_history")]

    assert [(report.status, report.reason) for report in reports] == [
        (OrderStatus.FILLED, ""),
        (OrderStatus.CANCELLED, "EC_PostOnlyWillTakeLiquidity"),
        (OrderStatus.CANCELLED, "CancelByUser"),
        # Rejected with fills: what was filled is real.
        (OrderStatus.CANCELLED, "EC_NoImmediateQtyToFill"),
        (OrderStatus.REJECTED, "EC_Others"),
        (OrderStatus.CANCELLED, "CancelByUser"),
        (OrderStatus.FILLED, ""),
    ]
    # A market order by value, which only people place, has no quantity in base.
    assert reports[-1].quantity is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("orderStatus", "Wondering"),
        ("orderType", "UNKNOWN"),
        ("stopOrderType", "Surprise"),
        ("side", "None"),
        ("isLeverage", "2"),
        ("marketUnit", "shells"),
        ("symbol", "NEWUSDT"),
        ("updatedTime", ""),
        ("qty", ""),
    ],
)
def test_an_order_of_unknown_words_is_an_error_that_names_the_key(key: str, value: str) -> None:
    row = {**result("order_realtime")["list"][0], key: value}

    with pytest.raises(UnreadableAnswer, match=f"'{key}'" if key != "symbol" else "NEWUSDT"):
        orders.parse_order(row, symbols(), "order/realtime")


def test_a_direction_that_is_not_told_is_remembered_of_what_we_placed() -> None:
    row = {**result("order_realtime")["list"][1], "basePrice": ""}
    told = orders.parse_order(row, symbols(), "order/realtime")
    memory = OrderMemory()
    assert told.report.client_order_id is not None
    assert memory.learn(told).order_type is None

    memory = OrderMemory()
    memory.announce(told.report.client_order_id, KnownOrder(OrderFilter.STOP_ORDER, Side.SELL, OrderType.STOP, 3, True))

    report = memory.learn(told)
    assert (report.order_type, report.leverage) == (OrderType.STOP, 3)
    assert memory.get(report.venue_order_id).order_filter is OrderFilter.STOP_ORDER


@pytest.mark.parametrize(("direction", "kind"), [(1, OrderType.TAKE_PROFIT), (2, OrderType.STOP)])
def test_a_direction_that_is_told_counts(direction: int, kind: OrderType) -> None:
    row = {**result("order_realtime")["list"][1], "basePrice": "", "triggerDirection": direction}

    assert orders.parse_order(row, symbols(), "order/realtime").report.order_type is kind


def test_kinds_that_only_people_place_have_no_type() -> None:
    row = {**result("order_realtime")["list"][1], "stopOrderType": "OcoOrder", "triggerPrice": ""}

    told = orders.parse_order(row, symbols(), "order/realtime")

    assert (told.report.order_type, told.order_filter) == (None, None)


def test_memory_forgets_the_oldest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_REMEMBERED", 2)
    memory = OrderMemory()
    for name in ("a", "b", "c"):
        memory.announce(name, KnownOrder(leverage=3))  # type: ignore[arg-type]

    assert [memory.get(None, name).leverage for name in ("a", "b", "c")] == [None, 3, 3]  # type: ignore[arg-type]
    assert [memory.was_announced_after(1, name) for name in ("a", "b", "c")] == [False, True, True]  # type: ignore[arg-type]


# Fills


def executions(is_margin: bool | None = None) -> list[orders.Execution]:
    return orders.parse_executions(result("execution_list"), symbols(), lambda _: is_margin)


def test_fills_with_fees_as_the_venue_took_them() -> None:
    liquidation, sell, rebate, taxed = (each.fill for each in executions())

    assert (liquidation.is_liquidation, liquidation.client_order_id, liquidation.fee_asset) == (True, None, "USDT")
    # Without a name of its own a seller's fee is in quote, and a paid maker's the other way round.
    assert (sell.fee, sell.fee_asset) == (D("0.24"), "USDT")
    assert (rebate.fee, rebate.fee_asset, rebate.is_maker) == (D("-0.024"), "USDT", True)
    assert (taxed.fee, taxed.fee_asset) == (D("0.0000064"), "BTC")
    assert taxed.held_quantity == D("0.006") - D("0.0000064")
    assert taxed.fill_id == "1700000000000000001:2290000000000001"
    assert len({each.fill.fill_id for each in executions()}) == 4


def test_whether_a_fill_borrowed_is_the_orders_to_say() -> None:
    assert [each.fill.is_margin for each in executions(is_margin=False)] == [True, False, False, False]
    assert [each.fill.is_margin for each in executions(is_margin=None)] == [True] * 4
    assert orders.foreign_orders(result("execution_list")) == ["1700000000000000009"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("execType", "Funding"),
        ("execQty", "0"),
        ("execPrice", "-1"),
        ("extraFees", '[{"feeCoin":"USDT","fee":"1"}]'),
        ("extraFees", "{}"),
        ("execTime", "9" * 30),
    ],
)
def test_a_fill_of_unknown_words_is_an_error_that_names_the_key(key: str, value: str) -> None:
    row = {**result("execution_list")["list"][3], key: value}

    with pytest.raises(UnreadableAnswer, match=key):
        orders.parse_execution(row, symbols(), lambda _: None, "execution/list")


def test_fills_alone_prove_that_a_forgotten_order_is_closed() -> None:
    ours = [each for each in executions() if each.fill.client_order_id == "jv0000001"]

    whole = orders.report_of(ours, KnownOrder(order_type=OrderType.LIMIT, leverage=3))
    part = orders.report_of(ours[:1], KnownOrder())

    assert (whole.status, whole.filled_quantity, whole.leverage) == (OrderStatus.FILLED, D("0.010"), 3)
    assert (part.status, part.filled_quantity) == (OrderStatus.CANCELLED, D("0.004"))


# The shapes beside the repository: other people's recordings and the documentation's own examples.

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "wire" / "bybit" / "Endpoints" / "V5Api"


class AnySymbols(Symbols):
    """Takes every symbol: the recordings are of derivatives, too."""

    def __init__(self) -> None:
        super().__init__(())

    def pair(self, symbol: str) -> Pair:
        return Pair(Asset(symbol), USDT)


READERS: dict[str, Callable[[Any], object]] = {
    "Account/GetBalances": lambda told: parse.parse_wallet(told, NOW),
    "Account/GetApiKeyInfo": parse.parse_key,
    "Account/GetCollateralInfo": margin.parse_collateral,
    "Account/GetSpotMarginData": margin.parse_public_rates,
    "Account/GetSpotMarginStatusAndLeverage": margin.parse_spot_margin,
    "Account/GetMarginAccountInfo": margin.parse_account_info,
    "Account/GetTransactionHistory": parse.parse_ledger,
    "Account/GetFeeRate": lambda told: parse.parse_fee_rates(told, symbols(), [ETH]),
    "Trading/GetOrders": lambda told: orders.parse_orders(told, AnySymbols(), "order/realtime"),
    "Trading/GetOrderHistory": lambda told: orders.parse_orders(told, AnySymbols(), "order/history"),
    "Trading/GetUserTrades": lambda told: orders.parse_executions(told, AnySymbols(), lambda _: None),
    "Trading/GetBorrowQuota": margin.parse_borrow_check,
    "ExchangeData/GetSpotSymbols": lambda told: parse.parse_instruments(
        told, Symbols(parse.parse_symbols(told)), CATALOGUE, None
    ),
    "ExchangeData/GetSpotTickers": parse.parse_last_prices,
    "ExchangeData/GetKlines": lambda told: parse.parse_bars(told, BTC, timedelta(hours=1), NOW),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_recorded_shapes_are_read(name: str) -> None:
    recording = SHARED / f"{name}.txt"
    if not recording.exists():
        pytest.skip("the recordings are not beside this repository")
    body = "\n".join(recording.read_text(encoding="utf-8-sig").splitlines()[3:])

    assert READERS[name](decode(body)["result"])


def test_unknown_symbols_are_named() -> None:
    with pytest.raises(UnknownName, match="NEWUSDT"):
        symbols().pair("NEWUSDT")
    with pytest.raises(UnknownName, match="NEW/USDT"):
        symbols().symbol(Pair.parse("NEW/USDT"))
    assert symbols().symbol(BTC) == "BTCUSDT"


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_milliseconds_are_rounded_down(at: datetime) -> None:
    assert timedelta(0) <= at - datetime.fromtimestamp(in_milliseconds(at) / 1000, UTC) < timedelta(milliseconds=2)


def test_an_order_without_fills_is_known_by_its_id() -> None:
    memory = OrderMemory()

    assert memory.get(VenueOrderId("nobody")) == KnownOrder()
