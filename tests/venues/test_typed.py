"""Frames that are decoded straight to Structs: exact money, and errors that name the key and never a value."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.domain.order import ClientOrderId, Fill, OrderReport
from jarvis.venues.base import StreamGap, UnreadableAnswer
from jarvis.venues.binance.memory import OrderMemory as BinanceMemory
from jarvis.venues.binance.streams import AccountDialect as BinanceDialect
from jarvis.venues.bybit.orders import OrderMemory as BybitMemory
from jarvis.venues.bybit.streams import AccountDialect as BybitDialect
from jarvis.venues.kraken.memory import OrderMemory as KrakenMemory
from jarvis.venues.kraken.streams import AccountDialect as KrakenDialect
from jarvis.venues.okx.memory import OrderMemory as OkxMemory
from jarvis.venues.okx.streams import AccountDialect as OkxDialect
from jarvis.venues.stream import StreamBroken
from jarvis.venues.typed import misfit, unfit
from tests.venues.binance import wires as binance
from tests.venues.bybit import wires as bybit
from tests.venues.okx import wires as okx
from tests.venues.wires import START, frame, sample, symbols

KRAKEN_SYMBOLS, BYBIT_SYMBOLS = symbols(), bybit.symbols()


class Clock:
    def now(self) -> Any:
        return START

    def ticks(self) -> Any:
        raise NotImplementedError


async def nobody_asks() -> Any:
    raise NotImplementedError


def read_kraken(text: str) -> Sequence[object]:
    stream = KrakenDialect("", KRAKEN_SYMBOLS, KrakenMemory(), nobody_asks, Clock())
    for name in ("ws_executions_snapshot", "ws_executions_pending", "ws_executions_new"):
        stream.read(sample(name).decode())
    return stream.read(text)


def read_binance(text: str) -> Sequence[object]:
    memory = BinanceMemory()
    memory.announce(ClientOrderId("jv0000001"), Pair.parse("BTC/USDT"))
    return BinanceDialect("", memory, nobody_asks, lambda: START).read(text)


def read_okx(text: str) -> Sequence[object]:
    return OkxDialect("", OkxMemory(), nobody_asks, nobody_asks, spot_is_margin=True).read(text)


def read_bybit(text: str) -> Sequence[object]:
    return BybitDialect("", BYBIT_SYMBOLS, BybitMemory(), nobody_asks, lambda: START).read(text)


Read = Callable[[str], Sequence[object]]
KINDS: dict[str, tuple[Read, bytes]] = {
    "kraken fill": (read_kraken, sample("ws_executions_trade")),
    "kraken order": (read_kraken, frame("ws_executions_canceled", sequence=4).encode()),
    "binance fill": (read_binance, binance.sample("ws_execution_trade")),
    "binance order": (read_binance, binance.sample("ws_execution_stop")),
    "okx fill": (read_okx, okx.sample("ws_orders_fill")),
    "okx order": (read_okx, okx.sample("ws_orders_live")),
    "bybit fill": (read_bybit, bybit.sample("ws_execution")),
    "bybit order": (read_bybit, bybit.sample("ws_order")),
}


def as_number(number: Decimal) -> object:
    """A JSON number of exactly these digits."""
    return msgspec.Raw(f"{number:f}".encode())


def row_of(told: Any) -> dict[str, Any]:
    """The order or fill in a frame."""
    row = told["event"] if "event" in told else told["data"][0]
    assert isinstance(row, dict)
    return row


def finite(event: object) -> bool:
    """Whether all numbers of an event are finite."""
    numbers = [getattr(event, name) for name in type(event).__slots__]  # type: ignore[attr-defined]
    return all(number.is_finite() for number in numbers if isinstance(number, Decimal))


TEXTS = ("", "zzz", "NaN", "sNaN", "-Infinity", "1e999999999", "9" * 40)
JUNK: Sequence[object] = (None, True, [], {}, {"zzz": 1}, 0, -1, 1.5, 10**30, *TEXTS)
GONE = object()


@pytest.mark.parametrize("kind", KINDS)
@given(choice=st.data())
def test_a_frame_is_read_exactly_or_refused_by_the_name_of_its_key(kind: str, choice: st.DataObject) -> None:
    read, told = KINDS[kind]
    changed = json.loads(told)
    row = row_of(changed)
    key = choice.draw(st.sampled_from(sorted(row)))
    value = choice.draw(st.sampled_from([*JUNK, GONE]))
    if value is GONE:
        del row[key]
    else:
        row[key] = value

    try:
        events = read(json.dumps(changed))
    except (StreamBroken, UnreadableAnswer):
        return

    assert all(isinstance(event, Fill | OrderReport | StreamGap) for event in events)
    assert all(finite(event) for event in events if not isinstance(event, StreamGap))


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (
            "kraken fill",
            ("order_id", "exec_id", "last_qty", "last_price", "cost", "liquidity_ind", "timestamp", "fees"),
        ),
        ("kraken order", ("order_id", "exec_type", "order_status", "timestamp")),
        ("binance fill", ("s", "c", "S", "o", "q", "C", "x", "X", "r", "i", "l", "z", "L", "n", "T", "t", "m")),
        ("binance order", ("s", "c", "S", "o", "q", "C", "x", "X", "r", "i", "z", "T")),
        ("okx fill", ("instType", "instId", "ordId", "side", "fillPx", "fillTime", "execType", "uTime", "state", "sz")),
        ("okx order", ("instType", "instId", "ordId", "side", "ordType", "uTime", "state", "sz", "tdMode")),
        (
            "bybit fill",
            ("symbol", "orderId", "side", "execFee", "execId", "execPrice", "execQty", "execType", "execValue"),
        ),
        ("bybit order", ("symbol", "orderId", "side", "orderStatus", "orderType", "qty", "updatedTime")),
    ],
)
def test_what_is_needed_and_not_there_or_not_understood_is_named(kind: str, keys: Sequence[str]) -> None:
    read, told = KINDS[kind]
    for key in keys:
        for change in (GONE, {"zzz": 1}):
            changed = json.loads(told)
            if change is GONE:
                del row_of(changed)[key]
            else:
                row_of(changed)[key] = change
            with pytest.raises(UnreadableAnswer, match=rf"\b{key}\b.* is missing or unreadable; keys: \w+, ") as caught:
                read(json.dumps(changed))
            assert "zzz" not in str(caught.value)


MONEY = st.decimals("0.00000001", "99999999", places=8).filter(lambda number: number > 0)
NUMBERS = {
    "kraken fill": ("last_price", "last_qty", "cost"),
    "binance fill": ("L", "l", None),
    "okx fill": ("fillPx", "fillSz", None),
    "bybit fill": ("execPrice", "execQty", "execValue"),
}


@pytest.mark.parametrize("kind", NUMBERS)
@given(price=MONEY, quantity=MONEY, fee=MONEY)
def test_money_survives_the_stream_digit_by_digit(kind: str, price: Decimal, quantity: Decimal, fee: Decimal) -> None:
    read, told = KINDS[kind]
    price_key, quantity_key, cost_key = NUMBERS[kind]
    changed = msgspec.json.decode(told)
    row = row_of(changed)
    as_told: Callable[[Decimal], object] = as_number if kind == "kraken fill" else str
    row[price_key], row[quantity_key] = as_told(price), as_told(quantity)
    if cost_key is not None:
        row[cost_key] = as_told(price * quantity)
    if kind == "kraken fill":
        row["fees"][0]["qty"] = as_told(fee)
    else:
        row[{"binance fill": "n", "okx fill": "fillFee", "bybit fill": "execFee"}[kind]] = as_told(
            -fee if kind == "okx fill" else fee
        )

    fill = read(msgspec.json.encode(changed).decode())[0]

    assert isinstance(fill, Fill)
    assert (fill.price, fill.quantity, fill.cost, fill.fee) == (price, quantity, price * quantity, fee)


class Fee(msgspec.Struct):
    amount: Decimal = msgspec.field(name="qty")


class Row(msgspec.Struct, omit_defaults=True):
    price: Decimal | None = msgspec.field(name="px", default=None)
    fees: list[Fee] = []


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('{"px":"secret"}', "X row: 'px' is missing or unreadable; keys: px"),
        ('{"px":1,"fees":[{"qty":1},{"other":"secret"}]}', "X row: 'qty' is missing or unreadable; keys: other"),
        ('{"px":1,"fees":[{"qty":1},"secret"]}', "X row: 'fees' is missing or unreadable; keys: fees, px"),
        ("[1]", "X row: '(object)' is missing or unreadable"),
        ("secret", "X's answer is not JSON"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(told: str, said: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(told, type=Row)

    assert str(misfit(caught.value, told, "X", "row")) == said


def test_what_says_nothing_is_named_by_the_venues_key() -> None:
    assert str(unfit(Row(Decimal(1)), "X", "row", "price")) == "X row: 'px' is missing or unreadable; keys: px"
    told = str(unfit(Row(Decimal("NaN"), [Fee(Decimal(1))]), "X", "row", "price", "fees"))
    assert told == "X row: 'px' is missing or unreadable; keys: fees, px"


def test_a_frame_that_cannot_be_read_is_counted_and_leaves_no_hole() -> None:
    stream = KrakenDialect("", KRAKEN_SYMBOLS, KrakenMemory(), nobody_asks, Clock())
    for name in ("ws_executions_snapshot", "ws_executions_pending"):
        stream.read(sample(name).decode())
    third = {**json.loads(sample("ws_executions_new")), "data": [{"order_id": 7}]}

    with pytest.raises(UnreadableAnswer, match="'order_id'"):
        stream.read(json.dumps(third))
    assert len(stream.read(sample("ws_executions_trade").decode())) == 1
    with pytest.raises(UnreadableAnswer, match="'sequence'"):
        stream.read(json.dumps({**third, "data": [], "sequence": None}))
    with pytest.raises(StreamBroken, match="lost"):
        stream.read(json.dumps({**third, "sequence": 9}))


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("kraken fill", ("last_qty", "last_price", "cost", "order_qty", "limit_price")),
        ("kraken order", ("cum_qty", "order_qty", "limit_price")),
        ("binance fill", ("q", "z", "l", "L", "n")),
        ("binance order", ("q", "z", "P")),
        ("okx fill", ("sz", "accFillSz", "px", "lever", "fillSz", "fillPx", "fillFee")),
        ("okx order", ("sz", "accFillSz", "px", "lever")),
        ("bybit fill", ("execQty", "execPrice", "execValue", "execFee")),
        ("bybit order", ("qty", "cumExecQty", "triggerPrice")),
    ],
)
@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_no_number_gets_in_that_is_not_finite(kind: str, keys: Sequence[str], value: str) -> None:
    read, told = KINDS[kind]
    for key in keys:
        changed = json.loads(told)
        row_of(changed)[key] = value
        with pytest.raises(UnreadableAnswer, match=rf"'[\w, ]*\b{key}\b[\w, ]*' is missing"):
            read(json.dumps(changed))


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("kraken fill", "fees", [{"asset": "USD", "qty": "NaN"}]),
        ("kraken fill", "triggers", {"price": "Infinity"}),
        ("kraken fill", "triggers", {"price_type": "static"}),
        ("binance fill", "l", "1e999999999"),
        ("okx fill", "fillSz", "1e999999999"),
        ("okx fill", "lever", "1e999999999"),
        ("bybit fill", "execQty", "1e999999999"),
    ],
)
def test_numbers_that_nothing_can_be_are_refused_by_name(kind: str, key: str, value: object) -> None:
    read, told = KINDS[kind]
    changed = json.loads(told)
    row_of(changed)[key] = value

    with pytest.raises(UnreadableAnswer, match=rf"\b{key}\b"):
        read(json.dumps(changed))


@pytest.mark.parametrize(
    "text",
    [
        '{"data": 7, "more": [',  # cut off after what does not fit
        '{"data": [{"a": "x"}], "data": 7, "data": [{"a": "x"}], "data": 9',
        '{"data": [{"a": "x"}], "data": 7}',  # a key said twice
    ],
)
def test_a_frame_that_does_not_fit_and_is_broken_too_is_unreadable_and_no_other_error(text: str) -> None:
    class Row(msgspec.Struct):
        a: int

    class Frame(msgspec.Struct):
        data: list[Row]

    with pytest.raises(msgspec.DecodeError) as told:
        msgspec.json.decode(text, type=Frame)

    assert isinstance(misfit(told.value, text, "A venue", "frame"), UnreadableAnswer)
