"""Reading single fields of Bybit's JSON. What is missing or strange is named by its key, never by its value.

Numbers are text almost everywhere; `""` is how Bybit says that there is none, and only readers that say so take it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.domain.instrument import Side
from jarvis.domain.money import exact
from jarvis.venues.base import UnreadableAnswer

Record = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


def decode(text: bytes | str) -> Any:
    """JSON with exact numbers: a number with a point or exponent is a Decimal, never a float. NaN is refused."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer("Bybit's answer is not JSON") from error


def encode(frame: Record) -> str:
    """A frame for the stream."""
    return msgspec.json.encode(frame).decode()


def unreadable(what: str, key: str, record: object) -> UnreadableAnswer:
    """The error for a field that is missing or strange: names the field and the keys that were there."""
    keys = ", ".join(sorted(map(str, record))) if isinstance(record, Mapping) else type(record).__name__
    return UnreadableAnswer(f"Bybit {what}: {key!r} is missing or unreadable; keys: {keys}")


def record_of(value: object, what: str) -> Record:
    """`value` if it is an object."""
    if not isinstance(value, dict):
        raise unreadable(what, "(object)", value)
    return value


def inner(record: Record, key: str, what: str) -> Record:
    """The object under `key`."""
    value = record.get(key)
    if not isinstance(value, dict):
        raise unreadable(what, key, record)
    return value


def rows(result: object, what: str, key: str = "list") -> list[Record]:
    """The objects listed under `key` of a result."""
    record = record_of(result, what)
    listed = record.get(key)
    if not isinstance(listed, list):
        raise unreadable(what, key, record)
    return [record_of(each, what) for each in listed]


def text(record: Record, key: str, what: str) -> str:
    """The text under `key`."""
    value = record.get(key)
    if not isinstance(value, str):
        raise unreadable(what, key, record)
    return value


def text_or_empty(record: Record, key: str, what: str) -> str:
    """The text under `key`; empty if the key is absent or null."""
    return "" if record.get(key) is None else text(record, key, what)


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
    """The number under `key`; None if the key is absent, null or `""`."""
    return None if record.get(key) in (None, "") else number(record, key, what)


def whole(record: Record, key: str, what: str) -> int:
    """The whole number under `key`."""
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


def moment(record: Record, key: str, what: str) -> datetime:
    """The instant under `key`, told in Unix milliseconds."""
    at = instant_of(whole(record, key, what))
    if at is None:
        raise unreadable(what, key, record)
    return at


def instant_of(told: str | int) -> datetime | None:
    """The instant of so many Unix milliseconds; None for one that cannot be."""
    try:
        return _EPOCH + int(told) * _MILLISECOND
    except (ValueError, OverflowError):
        return None


def in_milliseconds(at: datetime) -> int:
    """`at` as Bybit is told it, rounded down."""
    return (at - _EPOCH) // _MILLISECOND
