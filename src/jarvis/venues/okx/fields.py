"""Reading single fields of OKX's JSON. What is missing or strange is named by its key, never by its value.

Every number is told as text, and an empty text means "does not apply here": who asks with `_or_none` gets None then,
who asks without it needs the number and is told which one is missing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, exact
from jarvis.venues.base import UnreadableAnswer

Record = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def decode(text: bytes | str) -> Any:
    """JSON with exact numbers: a number with a point or exponent is a Decimal, never a float. NaN is refused."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer("OKX's answer is not JSON") from error


def encode(frame: Record) -> str:
    """A frame for the stream."""
    return msgspec.json.encode(frame).decode()


def unreadable(what: str, key: str, record: object) -> UnreadableAnswer:
    """The error for a field that is missing or strange: names the field and the keys that were there."""
    keys = ", ".join(sorted(map(str, record))) if isinstance(record, Mapping) else type(record).__name__
    return UnreadableAnswer(f"OKX {what}: {key!r} is missing or unreadable; keys: {keys}")


def record_of(value: object, what: str) -> Record:
    """`value` if it is an object."""
    if not isinstance(value, dict):
        raise unreadable(what, "(object)", value)
    return value


def rows_of(value: object, what: str) -> list[Record]:
    """The objects of a list."""
    if not isinstance(value, list):
        raise unreadable(what, "(list)", value)
    return [record_of(each, what) for each in value]


def only(value: object, what: str) -> Record:
    """The object of a list of one."""
    rows = rows_of(value, what)
    if len(rows) != 1:
        raise unreadable(what, "(one row)", value)
    return rows[0]


def text(record: Record, key: str, what: str) -> str:
    """The text under `key`, which may be empty."""
    value = record.get(key)
    if not isinstance(value, str):
        raise unreadable(what, key, record)
    return value


def text_or_none(record: Record, key: str, what: str) -> str | None:
    """The text under `key`; None if it is absent or empty."""
    return text(record, key, what) or None if key in record else None


def number(record: Record, key: str, what: str) -> Decimal:
    """The finite number under `key`."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise unreadable(what, key, record)
    try:
        return exact(value)
    except ValueError as error:
        raise unreadable(what, key, record) from error


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if it is absent or empty."""
    return None if record.get(key, "") in ("", None) else number(record, key, what)


def number_or_zero(record: Record, key: str, what: str) -> Decimal:
    """The number under `key`; zero if it is absent or empty."""
    return number_or_none(record, key, what) or ZERO


def flag(record: Record, key: str, what: str) -> bool | None:
    """The truth under `key`, told as a boolean or as text; None if it is absent or empty."""
    match record.get(key, ""):
        case bool() as value:
            return value
        case "true":
            return True
        case "false":
            return False
        case "":
            return None
        case _:
            raise unreadable(what, key, record)


def side(record: Record, what: str) -> Side:
    """The side under `side`."""
    try:
        return SIDES[text(record, "side", what)]
    except KeyError:
        raise unreadable(what, "side", record) from None


def moment(record: Record, key: str, what: str) -> datetime:
    """The instant under `key`, told in Unix milliseconds."""
    try:
        return _EPOCH + int(number(record, key, what)) * _MILLISECOND
    except OverflowError as error:
        raise unreadable(what, key, record) from error


def instant_of(told: str | int) -> datetime | None:
    """The instant of so many Unix milliseconds; None for one that cannot be."""
    try:
        return _EPOCH + int(told) * _MILLISECOND
    except (ValueError, OverflowError):
        return None


def moment_or_none(record: Record, key: str, what: str) -> datetime | None:
    """The instant under `key`; None if it is absent or empty."""
    return None if number_or_none(record, key, what) is None else moment(record, key, what)


def milliseconds(at: datetime) -> str:
    """`at` as OKX spells instants."""
    return str((at - _EPOCH) // _MILLISECOND)
