"""How an order's words are read: what is refused by which string, and how relative prices count."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Quote
from jarvis.emulators.kraken.errors import Refused
from jarvis.emulators.kraken.names import PairNames
from jarvis.emulators.kraken.orders import KrakenOrder, check_deadline, read_order
from jarvis.emulators.kraken.params import Params, parse_body, parse_form

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")
INSTRUMENT = Instrument(
    pair=BTC,
    symbol="XBTUSD",
    tick=Decimal("0.1"),
    lot=Decimal("0.00000001"),
    cost_step=Decimal("0.0001"),
    min_quantity=Decimal("0.00005"),
    min_cost=Decimal("0.5"),
    leverage_long=(2, 3, 4, 5, 10),
    leverage_short=(2, 3, 4, 5, 10),
)
NAMES = PairNames({BTC: INSTRUMENT})
QUOTE = Quote(BTC, Decimal("49999.9"), Decimal("50000.1"), Decimal(50000), NOW)
LIMIT = "ordertype=limit&type=buy&volume=1.25&price=37500"


def read(form: str, *, symbol: str = "BTC/USD") -> KrakenOrder:
    book = NAMES.by_symbol(symbol)
    assert book is not None
    return read_order(parse_form(form), book, INSTRUMENT, QUOTE, NOW)


def refusal(form: str, *, symbol: str = "BTC/USD") -> str:
    with pytest.raises(Refused) as refused:
        read(form, symbol=symbol)
    return refused.value.errors[0]


@pytest.mark.parametrize(
    ("form", "string"),
    [
        ("type=buy&volume=1", "EGeneral:Invalid arguments:ordertype"),
        ("type=buy&volume=1&ordertype=stop", "EGeneral:Invalid arguments:ordertype"),
        ("type=long&volume=1&ordertype=market", "EGeneral:Invalid arguments:type"),
        ("type=buy&ordertype=market", "EGeneral:Invalid arguments:volume"),
        ("type=buy&ordertype=market&volume=0", "EGeneral:Invalid arguments:volume"),
        ("type=buy&ordertype=market&volume=-1", "EGeneral:Invalid arguments:volume"),
        ("type=buy&ordertype=market&volume=NaN", "EGeneral:Invalid arguments:volume"),
        ("type=buy&ordertype=market&volume=0.000000001", "EGeneral:Invalid arguments:volume"),
        ("type=buy&ordertype=market&volume=0.00004", "EOrder:Order minimum not met"),
        ("type=buy&ordertype=limit&volume=0.0001&price=4000", "EOrder:Cost minimum not met"),
        ("type=buy&ordertype=limit&volume=1", "EGeneral:Invalid arguments:price"),
        ("type=buy&ordertype=limit&volume=1&price=0", "EGeneral:Invalid arguments:price"),
        ("type=buy&ordertype=limit&volume=1&price=5%25", "EGeneral:Invalid arguments:price"),
        (
            "type=buy&ordertype=limit&volume=1&price=100.01",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        ("type=sell&ordertype=stop-loss-limit&volume=1&price=40000", "EGeneral:Invalid arguments:price2"),
        ("type=sell&ordertype=trailing-stop&volume=1&price=40000", "EGeneral:Invalid arguments:price"),
        ("type=sell&ordertype=trailing-stop&volume=1&price=-10", "EGeneral:Invalid arguments:price"),
        (LIMIT + "&leverage=ten", "EGeneral:Invalid arguments:leverage"),
        (LIMIT + "&reduce_only=true", "EGeneral:Invalid arguments:reduce_only"),
        (LIMIT + "&reduce_only=perhaps&leverage=2", "EGeneral:Invalid arguments:reduce_only"),
        (LIMIT + "&oflags=post,fast", "EGeneral:Invalid arguments:oflags"),
        (LIMIT + "&oflags=fcib,fciq", "EGeneral:Invalid arguments:oflags"),
        ("type=buy&ordertype=market&volume=1&oflags=post", "EGeneral:Invalid arguments:oflags"),
        ("type=buy&ordertype=market&volume=100&oflags=viqc&leverage=2", "EGeneral:Invalid arguments:oflags"),
        ("type=buy&ordertype=market&volume=0.4&oflags=viqc", "EOrder:Cost minimum not met"),
        (LIMIT + "&timeinforce=PO", "EGeneral:Invalid arguments:timeinforce"),
        (LIMIT + "&timeinforce=GTD", "EGeneral:Invalid arguments:expiretm"),
        (LIMIT + "&timeinforce=GTD&expiretm=1000", "EGeneral:Invalid arguments:expiretm"),
        (LIMIT + "&stptype=never", "EGeneral:Invalid arguments:stptype"),
        (LIMIT + "&userref=3000000000", "EGeneral:Invalid arguments:userref"),
        (LIMIT + "&userref=x", "EGeneral:Invalid arguments:userref"),
        (LIMIT + "&cl_ord_id=longer-than-eighteen", "EGeneral:Invalid arguments:cl_ord_id"),
        (LIMIT + "&cl_ord_id=two+words", "EGeneral:Invalid arguments:cl_ord_id"),
        (LIMIT + "&cl_ord_id=mine&userref=1", "EGeneral:Invalid arguments:cl_ord_id"),
        ("type=buy&ordertype=iceberg&volume=15&price=37500", "EGeneral:Invalid arguments:displayvol"),
        ("type=buy&ordertype=iceberg&volume=15.1&price=37500&displayvol=1", "EGeneral:Invalid arguments:displayvol"),
        (LIMIT + "&close[ordertype]=market", "EGeneral:Invalid arguments:close"),
        (LIMIT + "&close[ordertype]=stop-loss", "EGeneral:Invalid arguments:price"),
        (
            LIMIT + "&close[ordertype]=stop-loss&close[price]=0.01",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        ("type=sell&ordertype=stop-loss&volume=1&price=40000&trigger=mark", "EGeneral:Invalid arguments:trigger"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(form: str, string: str) -> None:
    assert refusal(form) == string


@pytest.mark.parametrize("cl_ord_id", ["x", "jarvis000000000001", "6d1b345e-2821-40e2-ad83-4ecb18a06876", "d" * 32])
def test_client_order_ids_of_the_three_shapes_are_kept(cl_ord_id: str) -> None:
    assert read(f"{LIMIT}&cl_ord_id={cl_ord_id}").cl_ord_id == cl_ord_id


def test_a_tick_that_is_no_power_of_ten_refuses_prices_between_ticks() -> None:
    coarse = Instrument(
        **{name: getattr(INSTRUMENT, name) for name in INSTRUMENT.__dataclass_fields__} | {"tick": Decimal("0.5")}
    )
    book = PairNames({BTC: coarse}).international[BTC]

    with pytest.raises(Refused, match="EOrder:Tick size check failed"):
        read_order(parse_form("type=buy&ordertype=limit&volume=1&price=100.3"), book, coarse, QUOTE, NOW)


@pytest.mark.parametrize(
    ("form", "limit", "trigger"),
    [
        ("ordertype=limit&type=buy&price=-100", "49900.0", None),
        ("ordertype=limit&type=buy&price=%2B100", "50100.0", None),
        ("ordertype=limit&type=buy&price=%23100", "49900.0", None),
        ("ordertype=limit&type=sell&price=%231%25", "50500.0", None),
        ("ordertype=stop-loss&type=sell&price=-1%25", None, "49500.0"),
        ("ordertype=stop-loss&type=sell&price=%231%25", None, "49500.0"),
        ("ordertype=stop-loss&type=buy&price=%2310", None, "50010.0"),
        ("ordertype=take-profit&type=sell&price=%2310", None, "50010.0"),
        ("ordertype=take-profit&type=buy&price=%2310", None, "49990.0"),
        ("ordertype=stop-loss-limit&type=sell&price=45000&price2=-100", "44900.0", "45000"),
        ("ordertype=stop-loss-limit&type=sell&price=45000&price2=%23100", "44900.0", "45000"),
        ("ordertype=take-profit-limit&type=sell&price=55000&price2=54900", "54900", "55000"),
        ("ordertype=trailing-stop&type=sell&price=%2B500", None, "49500.0"),
        ("ordertype=trailing-stop&type=buy&price=%2B1%25", None, "50500.0"),
        ("ordertype=trailing-stop-limit&type=sell&price=%2B500&price2=-10", "49490.0", "49500.0"),
    ],
)
def test_offsets_count_from_the_last_price_and_the_second_from_the_trigger(
    form: str, limit: str | None, trigger: str | None
) -> None:
    order = read(f"{form}&volume=1")

    assert order.limit_price == (Decimal(limit) if limit else None)
    assert order.trigger_price == (Decimal(trigger) if trigger else None)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (
            "ordertype=limit&type=buy&volume=2.1234&price=25000.1&leverage=2",
            "buy 2.12340000 XBTUSD @ limit 25000.1 with 2:1 leverage",
        ),
        ("ordertype=market&type=sell&volume=0.25", "sell 0.25000000 XBTUSD @ market"),
        ("ordertype=stop-loss&type=sell&volume=1&price=22000", "sell 1.00000000 XBTUSD @ stop loss 22000.0"),
        (
            "ordertype=stop-loss-limit&type=sell&volume=1&price=22000&price2=21000",
            "sell 1.00000000 XBTUSD @ stop loss 22000.0 -> limit 21000.0",
        ),
        (
            "ordertype=trailing-stop&type=sell&volume=49.96&price=%2B1.0000%25",
            "sell 49.96000000 XBTUSD @ trailing stop +1.0000%",
        ),
    ],
)
def test_an_order_is_said_back_in_krakens_sentence(form: str, sentence: str) -> None:
    assert read(form).describe() == sentence


def test_a_conditional_close_is_said_back_too() -> None:
    order = read(LIMIT + "&close[ordertype]=stop-loss-limit&close[price]=22000&close[price2]=21000")

    assert order.describe_close() == "close position @ stop loss 22000.0 -> limit 21000.0"


def test_the_us_books_take_triggers_on_the_index_only() -> None:
    stop = "ordertype=stop-loss&type=sell&volume=1&price=40000&leverage=2"

    assert refusal(stop, symbol="BTC/USD:BTNL") == "EGeneral:Invalid arguments:trigger"
    assert read(stop + "&trigger=index", symbol="BTC/USD:BTNL").trigger == "index"


@pytest.mark.parametrize(
    ("seconds", "string"),
    [
        (0, "EService:Deadline elapsed"),
        (-1, "EService:Deadline elapsed"),
        (0.4, "EGeneral:Invalid arguments:deadline"),
        (60.1, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_a_deadline_out_of_its_window_is_refused(seconds: float, string: str) -> None:
    with pytest.raises(Refused, match=string):
        check_deadline(NOW + timedelta(seconds=seconds), NOW)


def test_a_deadline_within_its_window_passes() -> None:
    check_deadline(None, NOW)
    check_deadline(NOW + timedelta(seconds=0.5), NOW)
    check_deadline(NOW + timedelta(seconds=60), NOW)


def test_form_and_json_bodies_mean_the_same() -> None:
    form = parse_body(b"a=1&close[price]=%2B5&orders[0]=x&orders[1]=y&on=True", "application/x-www-form-urlencoded")
    json = parse_body(b'{"a":1,"close":{"price":"+5"},"orders":["x","y"],"on":true}', "application/json; charset=utf-8")

    assert form.rows("orders") == json.rows("orders") == ["x", "y"]
    for params in (form, json):
        close = params.group("close")
        assert isinstance(close, Params)
        assert close.text("price") == "+5"
        assert params.integer("a") == 1
        assert params.boolean("on")


def test_json_numbers_stay_exact() -> None:
    params = parse_body(b'{"volume":0.10000000000000000001}', "application/json")

    assert params.decimal("volume") == Decimal("0.10000000000000000001")


@pytest.mark.parametrize("body", [b"[1]", b"{", b'"text"'])
def test_a_json_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(Refused, match="EAPI:Bad request"):
        parse_body(body, "application/json")


@pytest.mark.parametrize("form", ['orders=["a"]', "orders=a&orders=b"])
def test_text_is_not_a_list_of_orders(form: str) -> None:
    with pytest.raises(Refused, match="EGeneral:Invalid arguments:orders"):
        parse_form(form).rows("orders")


def test_offsets_of_a_start_or_an_expiry_count_from_now() -> None:
    order = read(LIMIT + "&timeinforce=GTD&starttm=%2B60&expiretm=%2B3600")

    assert order.start_at == NOW + timedelta(seconds=60)
    assert order.expires_at == NOW + timedelta(hours=1)
