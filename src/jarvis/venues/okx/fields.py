"""Reading single fields of OKX's JSON. What is missing or strange is named by its key, never by its value.

Every number is told as text, and an empty text means "does not apply here": who asks with `_or_none` gets None then,
who asks without it needs the number and is told which one is missing.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.venues import reading

_READER = reading.Reader("OKX")
Record = reading.Record
encode = reading.encode
decode = _READER.decode
unreadable = _READER.unreadable
record_of = _READER.record_of
text = _READER.text
number = _READER.number
rows_of = _READER.records_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def only(value: object, what: str) -> Record:
    """The object of a list of one."""
    rows = rows_of(value, what)
    if len(rows) != 1:
        raise unreadable(what, "(one row)", value)
    return rows[0]


def text_or_none(record: Record, key: str, what: str) -> str | None:
    """The text under `key`; None if it is absent or empty."""
    return text(record, key, what) or None if key in record else None


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
    return _READER.word(SIDES, record, "side", what)


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
