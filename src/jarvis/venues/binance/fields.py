"""Reading single fields of Binance's JSON. What is missing or strange is named by its key, never by its value."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.domain.instrument import Side
from jarvis.domain.money import exact
from jarvis.domain.order import OrderStatus, OrderType
from jarvis.venues.base import UnreadableAnswer

Record = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
# Two histories have told seconds in published samples; an instant in milliseconds has this size since 1973.
_SMALLEST_MILLISECONDS = 10**11

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
ORDER_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
ORDER_STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}


def decode(text: bytes | str) -> Any:
    """JSON with exact numbers: a number with a point or exponent is a Decimal, never a float. NaN is refused."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer("Binance's answer is not JSON") from error


def encode(frame: Record) -> str:
    """A frame for the stream."""
    return msgspec.json.encode(frame).decode()


def unreadable(what: str, key: str, record: object) -> UnreadableAnswer:
    """The error for a field that is missing or strange: names the field and the keys that were there."""
    keys = ", ".join(sorted(map(str, record))) if isinstance(record, Mapping) else type(record).__name__
    return UnreadableAnswer(f"Binance {what}: {key!r} is missing or unreadable; keys: {keys}")


def record_of(value: object, what: str) -> Record:
    """`value` if it is an object."""
    if not isinstance(value, dict):
        raise unreadable(what, "(object)", value)
    return value


def records_of(value: object, what: str) -> list[Record]:
    """`value` if it is a list of objects."""
    if not isinstance(value, list):
        raise unreadable(what, "(list)", value)
    return [record_of(each, what) for each in value]


def inner(record: Record, key: str, what: str) -> Record:
    """The object under `key`."""
    value = record.get(key)
    if not isinstance(value, dict):
        raise unreadable(what, key, record)
    return value


def items(record: Record, key: str, what: str) -> list[Any]:
    """The list under `key`."""
    value = record.get(key)
    if not isinstance(value, list):
        raise unreadable(what, key, record)
    return value


def text(record: Record, key: str, what: str) -> str:
    """The text under `key`."""
    value = record.get(key)
    if not isinstance(value, str):
        raise unreadable(what, key, record)
    return value


def number(record: Record, key: str, what: str) -> Decimal:
    """The finite number under `key`, spelled as text or as a JSON number."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise unreadable(what, key, record)
    try:
        return exact(value)
    except ValueError as error:
        raise unreadable(what, key, record) from error


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if the key is absent or null."""
    return None if record.get(key) is None else number(record, key, what)


def positive_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if it is absent, null or zero, which is how Binance says "not set"."""
    return number_or_none(record, key, what) or None


def whole(record: Record, key: str, what: str) -> int:
    """The whole number under `key`; ids are told as numbers, and in one answer as text."""
    told = record.get(key)
    if type(told) is int:
        return told
    value = number(record, key, what)
    if value != value.to_integral_value():
        raise unreadable(what, key, record)
    return int(value)


def flag(record: Record, key: str, what: str) -> bool:
    """The truth under `key`."""
    value = record.get(key)
    if not isinstance(value, bool):
        raise unreadable(what, key, record)
    return value


def side(record: Record, key: str, what: str) -> Side:
    """The side under `key`."""
    try:
        return SIDES[text(record, key, what)]
    except KeyError:
        raise unreadable(what, key, record) from None


def order_type(record: Record, key: str, what: str) -> OrderType:
    """The order type under `key`."""
    try:
        return ORDER_TYPES[text(record, key, what)]
    except KeyError:
        raise unreadable(what, key, record) from None


def order_status(record: Record, key: str, what: str) -> OrderStatus:
    """The order's status under `key`."""
    try:
        return ORDER_STATUSES[text(record, key, what)]
    except KeyError:
        raise unreadable(what, key, record) from None


def moment(record: Record, key: str, what: str) -> datetime:
    """The instant under `key`, told in Unix milliseconds (or, as two samples have it, in seconds)."""
    at = instant_of(whole(record, key, what))
    if at is None:
        raise unreadable(what, key, record)
    return at


def instant_of(told: int) -> datetime | None:
    """The instant of so many Unix milliseconds (or, as two samples have it, seconds); None for one that cannot be."""
    try:
        return from_milliseconds(told if told >= _SMALLEST_MILLISECONDS else told * 1000)
    except OverflowError:
        return None


def from_milliseconds(milliseconds: int) -> datetime:
    """The instant of so many milliseconds since 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def milliseconds(at: datetime) -> int:
    """Unix milliseconds, rounded down."""
    return (at - _EPOCH) // _MILLISECOND
