"""Kraken's REST answers, read from recorded shapes; and what is refused because it is not known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import FeeRates, LedgerKind
from jarvis.domain.instrument import InstrumentStatus, Pair, Side
from jarvis.domain.order import ClientOrderId, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import UnreadableAnswer, VenueStatus
from jarvis.venues.kraken import CATALOGUE, parse
from jarvis.venues.kraken.fields import decode, flag, instant, list_of, moment, number, text, whole
from jarvis.venues.kraken.symbols import UnknownName
from tests.venues.wires import START, WIRE, result, sample, symbols

BTC, DOGE = Pair.parse("BTC/USD"), Pair.parse("DOGE/USD")
MINUTE = timedelta(minutes=1)
D = Decimal


def no_client_order_id(_: VenueOrderId) -> ClientOrderId | None:
    return None


def changed(name: str, *path: str | int, to: object) -> Any:
    """A sample's result with one field at `path` replaced, or removed with `to=...`."""
    value = result(name)
    place = value
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return value


def test_envelope_gives_result_and_errors() -> None:
    assert parse.parse_envelope(b'{"error":["EGeneral:Permission denied"]}') == (None, ["EGeneral:Permission denied"])
    assert parse.parse_envelope(b'{"error":[],"result":{"a":1.10}}') == ({"a": D("1.10")}, [])


@pytest.mark.parametrize(
    "body",
    [
        b"<html>502</html>",
        b"",
        b"[]",
        b'{"result":1}',
        b'{"error":[1]}',
        b'{"error":"no"}',
        b'{"error":[],"result":NaN}',
        b"\xff\xfe",
    ],
)
def test_envelope_that_is_no_envelope_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_envelope(body)


def test_numbers_stay_exact_and_finite() -> None:
    record = decode(
        b'{"a":0.1000,"b":"0.30000000000000000001","c":7,"d":"NaN","e":true,"f":"Infinity","g":"x","h":1e-8}'
    )

    assert str(number(record, "a", "it")) == "0.1000"
    assert number(record, "b", "it") == D("0.30000000000000000001")
    assert number(record, "c", "it") == 7
    assert number(record, "h", "it") == D("0.00000001")
    for strange in ("d", "e", "f", "g", "missing"):
        with pytest.raises(UnreadableAnswer, match=strange):
            number(record, strange, "it")


def test_error_names_keys_and_never_values() -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        number({"secretive": "value-not-to-be-shown", "amount": "value-not-to-be-shown"}, "amount", "it")

    assert "secretive" in str(caught.value)
    assert "value-not-to-be-shown" not in str(caught.value)


def test_fields_of_another_type_are_unreadable() -> None:
    for read in (
        lambda: text({"a": 1}, "a", "it"),
        lambda: flag({"a": "true"}, "a", "it"),
        lambda: whole({"a": "1.5"}, "a", "it"),
        lambda: list_of({}, "it"),
        lambda: moment({"a": "1e300"}, "a", "it"),
        lambda: instant({"a": "yesterday"}, "a", "it"),
        lambda: instant({"a": "2026-09-21T14:13:20"}, "a", "it"),
        lambda: parse.parse_time([]),
    ):
        with pytest.raises(UnreadableAnswer):
            read()


def test_times_are_exact_to_the_microsecond() -> None:
    assert moment({"t": D("1789992796.8802")}, "t", "it") == datetime(2026, 9, 21, 12, 13, 16, 880200, tzinfo=UTC)
    assert instant({"t": "2023-10-04T16:25:00.123456789Z"}, "t", "it") == datetime(
        2023, 10, 4, 16, 25, 0, 123456, tzinfo=UTC
    )


def test_server_time_and_status() -> None:
    assert parse.parse_time(result("time")) == START
    assert parse.parse_status(result("system_status")) is VenueStatus.ONLINE
    with pytest.raises(UnreadableAnswer, match="status"):
        parse.parse_status({"status": "party"})


def test_instruments_of_the_nine_pairs() -> None:
    instruments = parse.parse_instruments(result("asset_pairs"), symbols(), CATALOGUE)

    assert set(instruments) == set(CATALOGUE)
    btc, doge, bnb = instruments[BTC], instruments[DOGE], instruments[Pair.parse("BNB/USD")]
    assert (btc.symbol, btc.tick, btc.lot, btc.cost_step) == ("XXBTZUSD", D("0.1"), D("1E-8"), D("0.0001"))
    assert (btc.min_quantity, btc.min_cost) == (D("0.00005"), D("0.5"))
    assert btc.leverage_long == btc.leverage_short == tuple(range(2, 11))
    assert (btc.long_position_limit, btc.short_position_limit) == (D(350), D(250))
    assert (btc.margin_call_level, btc.liquidation_level) == (D("0.8"), D("0.4"))
    assert (doge.symbol, doge.tick) == ("XDGUSD", D("0.0000001"))
    assert max(bnb.leverage_long) == 5


def test_instrument_without_tick_size_takes_its_price_decimals() -> None:
    usdt = Pair.parse("USDT/USD")

    instrument = parse.parse_instruments(result("asset_pairs"), symbols(), [usdt])[usdt]

    assert instrument.tick == D("0.0001")
    assert instrument.status is InstrumentStatus.LIMIT_ONLY
    assert instrument.leverage_long == ()
    assert instrument.long_position_limit is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "sleeping"),
        ("leverage_buy", ["10"]),
        ("leverage_sell", None),
        ("lot_decimals", ...),
        ("tick_size", "0"),
    ],
)
def test_instrument_that_is_not_understood_is_unreadable(key: str, value: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_instruments(changed("asset_pairs", "XXBTZUSD", key, to=value), symbols(), CATALOGUE)


def test_us_book_has_its_own_symbols() -> None:
    table = symbols("asset_pairs_btnl")

    assert table.pair_id(BTC) == "XBTUSD:BTNL"
    assert table.stream_name(BTC) == "BTC/USD:BTNL"
    assert table.pair("BTC/USD:BTNL") == BTC
    instruments = parse.parse_instruments(result("asset_pairs_btnl"), table, CATALOGUE)
    assert set(instruments) == {BTC, Pair.parse("ETH/USD"), Pair.parse("XRP/USD")}


def test_every_spelling_of_a_name_is_one_thing() -> None:
    table = symbols()

    assert {table.pair(name) for name in ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD")} == {BTC}
    assert {table.pair(name) for name in ("XDGUSD", "XDG/USD", "DOGE/USD")} == {DOGE}
    assert {table.asset(name) for name in ("XXBT", "XBT", "BTC")} == {"BTC"}
    assert {table.asset(name) for name in ("ZUSD", "USD")} == {"USD"}
    assert table.asset("XXDG.F") == "DOGE.F"
    assert table.asset("USD.M") == "USD.M"
    assert table.stream_name(DOGE) == "DOGE/USD"


def test_unknown_names_are_errors() -> None:
    table = symbols()

    for ask in (
        lambda: table.asset("XNEW"),
        lambda: table.asset("XNEW.S"),
        lambda: table.pair("NEWUSD"),
        lambda: table.pair_id(Pair.parse("NEW/USD")),
        lambda: table.stream_name(Pair.parse("NEW/USD")),
        lambda: table.decimals(Pair.parse("NEW/USD").base),
    ):
        with pytest.raises(UnknownName):
            ask()


def test_pairs_of_unlisted_assets_are_not_guessed() -> None:
    listed = changed("asset_pairs", "XXBTZEUR", "quote", to="ZNEW")

    table = type(symbols())(parse.parse_assets(result("assets")), parse.parse_pair_names(listed))

    with pytest.raises(UnknownName):
        table.pair("XXBTZEUR")


def test_bars_leave_out_the_forming_candle() -> None:
    bars = parse.parse_bars(result("ohlc"), BTC, MINUTE, START + timedelta(hours=1))

    assert [bar.opened_at.minute for bar in bars] == [10, 11, 12]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close) == (
        D("64010.0"),
        D("64020.5"),
        D("64000.1"),
        D("64015.2"),
    )
    assert bars[0].volume == D("1.20345600")


def test_bars_that_the_clock_has_not_passed_are_not_final() -> None:
    bars = parse.parse_bars(result("ohlc"), BTC, MINUTE, datetime(2026, 9, 21, 14, 12, 30, tzinfo=UTC))

    assert [bar.opened_at.minute for bar in bars] == [10, 11]


@pytest.mark.parametrize(
    "strange",
    [
        changed("ohlc", "last", to=...),
        changed("ohlc", "XXBTZUSD", 0, to=[1789999800, "1", "2"]),
        changed("ohlc", "XXBTZUSD", 0, 2, to="1.0"),
        changed("ohlc", "XXBTZUSD", 0, 2, to="NaN"),
        changed("ohlc", "XXBTZUSD", to="none"),
        {"last": 1, "A": [], "B": []},
    ],
)
def test_candles_that_cannot_be_are_unreadable(strange: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_bars(strange, BTC, MINUTE, START)


def test_key_permissions_in_both_spellings() -> None:
    snake, camel = (
        parse.parse_key_permissions(result(name)) for name in ("get_api_key_info", "get_api_key_info_camel")
    )

    assert "query-ledger" in snake.granted
    assert snake.granted | {"withdraw-funds"} == camel.granted
    assert (snake.ip_allowlist, camel.ip_allowlist) == (("203.0.113.7",), ())
    assert (snake.nonce_window, camel.nonce_window) == (0, 5)
    assert (snake.history_limited, camel.history_limited) == (False, True)
    assert snake.expires_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert camel.expires_at is None
    assert snake.label == camel.label == "Jarvis, live"
    assert snake.modified_at == datetime.fromtimestamp(1_780_000_100, UTC)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("permissions", ...),
        ("permissions", [1]),
        ("ip_allowlist", ...),
        ("valid_until", ...),
        ("query_from", ...),
        ("nonce_window", ...),
        ("api_key", ...),
    ],
)
def test_key_that_does_not_tell_all_is_unreadable(key: str, value: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_key_permissions(changed("get_api_key_info", key, to=value))


def test_fee_rates_are_fractions_and_a_missing_maker_pays_as_taker() -> None:
    bnb = Pair.parse("BNB/USD")

    rates = parse.parse_fee_rates(result("trade_volume"), {BTC: "XXBTZUSD", bnb: "BNBUSD"})

    assert rates[BTC] == FeeRates(maker_rate=D("0.002"), taker_rate=D("0.0035"))
    assert rates[bnb] == FeeRates(maker_rate=D("0.0035"), taker_rate=D("0.0035"))
    with pytest.raises(UnreadableAnswer):
        parse.parse_fee_rates(result("trade_volume"), {DOGE: "XDGUSD"})


def test_balances_with_holds_and_credit() -> None:
    balances = {each.asset: each for each in parse.parse_balances(result("balance_ex"), symbols())}

    assert (balances["USD"].total, balances["USD"].available) == (D("25435.2100"), D("17185.4500"))  # type: ignore[index]
    assert balances["BTC"].available == D("0.8012")  # type: ignore[index]
    assert balances["USD.M"].total == 100  # type: ignore[index]
    assert balances["DOGE.F"].total == D("12.5")  # type: ignore[index]


def test_unknown_currency_is_an_error() -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_balances({"XNEW": {"balance": "1", "hold_trade": "0"}}, symbols())


def test_margin_state_of_a_live_sample_and_of_a_flat_account() -> None:
    state = parse.parse_margin_state(result("trade_balance"), START)
    flat = parse.parse_margin_state(result("trade_balance_flat"), START)

    assert (state.equity, state.used_margin, state.free_margin) == (D("200.69"), D("151.19"), D("49.50"))
    assert (state.unrealised, state.trade_balance, state.margin_level) == (D("-11.38"), D("212.07"), D("1.3273"))
    assert flat.margin_level is None
    with pytest.raises(UnreadableAnswer):
        parse.parse_margin_state(changed("trade_balance", "e", to=...), START)


def test_lots_are_summed_by_pair_and_lose_what_was_closed() -> None:
    positions = {each.pair: each for each in parse.positions_of(parse.parse_lots(result("open_positions"), symbols()))}

    btc, doge = positions[BTC], positions[DOGE]
    assert (btc.side, btc.quantity, btc.lots) == (Side.BUY, D("0.026"), 2)
    assert btc.cost == D("384.06") + D("1280.6")
    assert btc.used_margin == D("38.406") + D("128.06")
    assert btc.rollover_rate == D("0.0002")
    assert btc.next_rollover_at == datetime.fromtimestamp(1_790_004_400, UTC)
    assert btc.signed_quantity == D("0.026")
    assert (doge.side, doge.quantity, doge.rollover_rate, doge.next_rollover_at) == (Side.SELL, D(500), None, None)
    assert parse.positions_of(parse.parse_lots({}, symbols())) == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("posstatus", "closing"),
        ("vol_closed", "0.02"),
        ("terms", "some fee"),
        ("terms", 4),
        ("type", "both"),
        ("pair", "NEWUSD"),
    ],
)
def test_lot_that_is_not_understood_is_unreadable(key: str, value: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_lots(changed("open_positions", "TF5GVO-T7ZZ2-6NBKBI", key, to=value), symbols())


def test_one_pair_cannot_be_long_and_short() -> None:
    lots = parse.parse_lots(changed("open_positions", "TF5GVO-T7ZZ2-6NBKBI", "type", to="sell"), symbols())

    with pytest.raises(UnreadableAnswer, match="both long and short"):
        parse.positions_of(lots)


def test_open_orders_of_every_kind() -> None:
    orders = {
        each.venue_order_id: each for each in parse.parse_orders(result("open_orders")["open"], symbols(), "OpenOrders")
    }
    limit, stop, target, trailing, iceberg = orders.values()

    assert (limit.client_order_id, limit.status, limit.order_type) == (
        "jv0000001",
        OrderStatus.PARTLY_FILLED,
        OrderType.LIMIT,
    )
    assert (limit.limit_price, limit.trigger_price, limit.leverage, limit.filled_quantity) == (
        D("60010.0"),
        None,
        10,
        D("0.00375"),
    )
    assert (stop.order_type, stop.trigger_price, stop.limit_price, stop.reduce_only) == (
        OrderType.STOP,
        D(58000),
        None,
        True,
    )
    assert (target.order_type, target.trigger_price, target.limit_price) == (
        OrderType.TAKE_PROFIT_LIMIT,
        D(70000),
        D(69990),
    )
    assert (target.status, target.client_order_id, target.reduce_only) == (OrderStatus.OPEN, None, None)
    assert (trailing.order_type, trailing.trigger_price, trailing.leverage) == (
        OrderType.TRAILING_STOP,
        D("150.25"),
        1,
    )
    assert (iceberg.order_type, iceberg.pair) == (None, Pair.parse("BTC/EUR"))


def test_closed_orders_end_in_the_words_of_the_domain() -> None:
    orders = parse.parse_orders(result("closed_orders")["closed"], symbols(), "ClosedOrders")

    assert [each.status for each in orders] == [
        OrderStatus.CANCELLED,
        OrderStatus.FILLED,
        OrderStatus.EXPIRED,
        OrderStatus.CANCELLED,
    ]
    assert orders[0].reason == "User requested"
    assert orders[1].reason == ""
    assert orders[1].at == datetime(2026, 9, 21, 12, 10, 10, 47700, tzinfo=UTC)
    assert orders[1].limit_price is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "thinking"),
        (("descr", "ordertype"), "fill-or-kill"),
        (("descr", "leverage"), "ten"),
        (("descr", "leverage"), "10:3"),
        (("cl_ord_id",), 7),
        (("descr",), ...),
        (("vol",), "many"),
    ],
)
def test_order_that_is_not_understood_is_unreadable(path: tuple[str, ...], value: object) -> None:
    orders = changed("open_orders", "open", "OQCLML-BW3P3-BUCMWZ", *path, to=value)

    with pytest.raises(UnreadableAnswer):
        parse.parse_orders(orders["open"], symbols(), "OpenOrders")


def test_answers_to_writes() -> None:
    placed = parse.parse_placed(result("add_order"), validate_only=False)
    checked = parse.parse_placed(result("add_order_validated"), validate_only=True)

    assert placed == ("OQCLML-BW3P3-BUCMWZ", "buy 0.01250000 XBTUSD @ limit 60010.0 with 10:1 leverage")
    assert checked[0] is None
    assert parse.parse_amended(result("amend_order")) == "TJSMEH-AA67V-YUSQ6O"
    assert parse.parse_cancelled(result("cancel_order")) == 1
    assert parse.parse_token(result("get_websockets_token")) == "MadeUpTokenMadeUpToken"
    for strange in (result("add_order_validated"), changed("add_order", "txid", to=["A", "B"]), {"txid": ["A"]}):
        with pytest.raises(UnreadableAnswer):
            parse.parse_placed(strange, validate_only=False)


def test_fills_tell_maker_margin_and_liquidation() -> None:
    ours = {VenueOrderId("OQCLML-BW3P3-BUCMWZ"): ClientOrderId("jv0000001")}

    opening, closing, forced, spot = parse.parse_fills(result("trades_history"), symbols(), ours.get)

    assert (opening.fill_id, opening.client_order_id, opening.side) == (
        "THVRQM-33VKH-UCI7BS",
        "jv0000001",
        Side.BUY,
    )
    assert (opening.quantity, opening.price, opening.cost, opening.fee, opening.fee_asset) == (
        D("0.00375"),
        D(60010),
        D("225.0375"),
        D("0.45008"),
        "USD",
    )
    assert (opening.is_maker, opening.is_margin, opening.is_liquidation) == (True, True, False)
    assert (closing.client_order_id, closing.is_maker, closing.is_margin) == (None, False, True)
    assert (forced.is_margin, forced.is_liquidation) == (True, True)
    assert (spot.is_margin, spot.fee_asset) == (False, "EUR")


@pytest.mark.parametrize(
    ("key", "value"), [("vol", "0"), ("price", "-1"), ("pair", "NEW"), ("misc", ...), ("fee", "NaN")]
)
def test_fill_that_is_not_understood_is_unreadable(key: str, value: object) -> None:
    with pytest.raises(UnreadableAnswer):
        parse.parse_fills(
            changed("trades_history", "trades", "THVRQM-33VKH-UCI7BS", key, to=value), symbols(), no_client_order_id
        )


def test_ledger_rows() -> None:
    margin, rollover, deposit = parse.parse_ledger(result("ledgers"), symbols())

    assert (margin.kind, margin.ref_id, margin.change, margin.balance) == (
        LedgerKind.MARGIN,
        "THVRQM-33VKH-UCI7BS",
        D("-0.4951"),
        D("25434.7149"),
    )
    assert (rollover.kind, rollover.fee) == (LedgerKind.ROLLOVER, D("0.0450"))
    assert (deposit.kind, deposit.asset, deposit.change) == (LedgerKind.DEPOSIT, "EUR", D(1000))
    with pytest.raises(UnreadableAnswer, match="type"):
        parse.parse_ledger(changed("ledgers", "ledger", "L4UESK-KG3EQ-UFO4T5", "type", to="gift"), symbols())


@given(
    price=st.decimals("0.0001", "1000000", places=4),
    quantity=st.decimals("0.00000001", "1000", places=8),
    fee=st.decimals("0", "100", places=5),
)
def test_money_of_a_fill_survives_the_wire_digit_by_digit(price: Decimal, quantity: Decimal, fee: Decimal) -> None:
    record = json.loads(sample("trades_history"))["result"]["trades"]["THVRQM-33VKH-UCI7BS"]
    record.update(price=str(price), vol=str(quantity), fee=str(fee), cost=str(price * quantity))
    body = json.dumps({"error": [], "result": {"trades": {"T": record}}}).encode()

    (fill,) = parse.parse_fills(parse.parse_envelope(body)[0], symbols(), no_client_order_id)

    assert (fill.price, fill.quantity, fill.fee, fill.cost) == (price, quantity, fee, price * quantity)


SHARED = Path(__file__).resolve().parents[3] / "shared" / "wire" / "kraken" / "Endpoints" / "Spot"


def shared_result(path: str) -> Any:
    """The result of a published payload of the venue; the test is skipped where they are not at hand."""
    file = SHARED / path
    if not file.exists():
        pytest.skip("the published payload shapes are not on this machine")
    body = file.read_text(encoding="utf-8-sig").split("\n", 3)[3]
    return parse.parse_envelope(body.strip().encode())[0]


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("Account/GetApiKeyInfo.txt", parse.parse_key_permissions),
        ("Account/GetAvailableBalances.txt", lambda value: parse.parse_balances(value, symbols())),
        ("Account/GetTradeBalance.txt", lambda value: parse.parse_margin_state(value, START)),
        ("Account/GetOpenPositions.txt", lambda value: parse.positions_of(parse.parse_lots(value, symbols()))),
        ("Account/GetTradeVolume.txt", lambda value: parse.parse_fee_rates(value, {BTC: "XXBTZUSD"})),
        ("ExchangeData/GetAssets.txt", parse.parse_assets),
        ("ExchangeData/GetSymbols.txt", parse.parse_pair_names),
        ("ExchangeData/GetKlines.txt", lambda value: parse.parse_bars(value, BTC, MINUTE, START)),
        ("ExchangeData/GetSystemStatus.txt", parse.parse_status),
        ("Trading/GetOpenOrders.txt", lambda value: parse.parse_orders(value["open"], symbols(), "OpenOrders")),
        ("Trading/GetUserTrades.txt", lambda value: parse.parse_fills(value, symbols(), no_client_order_id)),
        ("Trading/PlaceOrder.txt", lambda value: parse.parse_placed(value, validate_only=False)),
        ("Trading/CancelOrder.txt", parse.parse_cancelled),
    ],
)
def test_published_payloads_are_readable(path: str, read: Callable[[Any], object]) -> None:
    assert read(shared_result(path))


def test_every_sample_is_json_with_the_venues_envelope() -> None:
    for file in WIRE.glob("*.json"):
        assert isinstance(decode(file.read_bytes()), dict), file.name
