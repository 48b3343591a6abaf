"""Reading single fields of Kraken's JSON. What is missing or strange is named by its key, never by its value."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.domain.instrument import Side
from jarvis.domain.money import exact
from jarvis.domain.order import OrderType
from jarvis.venues.base import UnreadableAnswer

Record = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ORDER_TYPES: dict[str, OrderType | None] = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
    "take-profit": OrderType.TAKE_PROFIT,
    "take-profit-limit": OrderType.TAKE_PROFIT_LIMIT,
    "trailing-stop": OrderType.TRAILING_STOP,
    # A person may place these by hand; we know of them, and never place one.
    "trailing-stop-limit": None,
    "iceberg": None,
    "settle-position": None,
}


def decode(text: bytes | str) -> Any:
    """JSON with exact numbers: a number with a point or exponent is a Decimal, never a float. NaN is refused."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer("Kraken's answer is not JSON") from error


def encode(frame: Record) -> str:
    """A frame for the stream."""
    return msgspec.json.encode(frame).decode()


def unreadable(what: str, key: str, record: object) -> UnreadableAnswer:
    """The error for a field that is missing or strange: names the field and the keys that were there."""
    keys = ", ".join(sorted(map(str, record))) if isinstance(record, Mapping) else type(record).__name__
    return UnreadableAnswer(f"Kraken {what}: {key!r} is missing or unreadable; keys: {keys}")


def record_of(value: object, what: str) -> Record:
    """`value` if it is an object."""
    if not isinstance(value, dict):
        raise unreadable(what, "(object)", value)
    return value


def list_of(value: object, what: str) -> list[Any]:
    """`value` if it is a list."""
    if not isinstance(value, list):
        raise unreadable(what, "(list)", value)
    return value


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
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise unreadable(what, key, record)
    try:
        return exact(value)
    except ValueError as error:
        raise unreadable(what, key, record) from error


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if the key is absent or null."""
    return None if record.get(key) is None else number(record, key, what)


def whole(record: Record, key: str, what: str) -> int:
    """The whole number under `key`."""
    value = number(record, key, what)
    if value != value.to_integral_value():
        raise unreadable(what, key, record)
    return int(value)


def flag(record: Record, key: str, what: str) -> bool | None:
    """The truth under `key`; None if it is absent."""
    value = record.get(key)
    if value is not None and not isinstance(value, bool):
        raise unreadable(what, key, record)
    return value


def side(record: Record, key: str, what: str) -> Side:
    """The side under `key`."""
    try:
        return SIDES[text(record, key, what)]
    except KeyError:
        raise unreadable(what, key, record) from None


def order_type(record: Record, key: str, what: str) -> OrderType | None:
    """The order type under `key`; None for a type that only people place by hand."""
    try:
        return ORDER_TYPES[text(record, key, what)]
    except KeyError:
        raise unreadable(what, key, record) from None


def moment(record: Record, key: str, what: str) -> datetime:
    """The instant under `key`, told in Unix seconds with a fraction: exact to the microsecond."""
    seconds = number(record, key, what)
    try:
        return _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError as error:
        raise unreadable(what, key, record) from error


def moment_or_none(record: Record, key: str, what: str) -> datetime | None:
    """The instant under `key`; None if it is absent, null or 0, which is how Kraken says "not set"."""
    value = number_or_none(record, key, what)
    return None if value is None or value == 0 else moment(record, key, what)


def instant(record: Record, key: str, what: str) -> datetime:
    """The instant under `key`, as `instant_of` reads it."""
    at = instant_of(text(record, key, what))
    if at is None:
        raise unreadable(what, key, record)
    return at


def instant_of(told: str | None) -> datetime | None:
    """The instant that RFC 3339 text with up to nine decimals tells, to the microsecond; None if it tells none."""
    try:
        at = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    if at.tzinfo is UTC:
        return at
    return None if at.tzinfo is None else at.astimezone(UTC)
