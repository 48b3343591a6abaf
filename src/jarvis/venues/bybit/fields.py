"""Reading single fields of Bybit's JSON. What is missing or strange is named by its key, never by its value.

Numbers are text almost everywhere; `""` is how Bybit says that there is none, and only readers that say so take it.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.venues import reading

_READER = reading.Reader("Bybit")
Record = reading.Record
encode = reading.encode
decode = _READER.decode
unreadable = _READER.unreadable
record_of = _READER.record_of
text = _READER.text
number = _READER.number
inner = _READER.inner
whole = _READER.whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


def rows(result: object, what: str, key: str = "list") -> list[Record]:
    """The objects listed under `key` of a result."""
    record = record_of(result, what)
    listed = record.get(key)
    if not isinstance(listed, list):
        raise unreadable(what, key, record)
    return [record_of(each, what) for each in listed]


def text_or_empty(record: Record, key: str, what: str) -> str:
    """The text under `key`; empty if the key is absent or null."""
    return "" if record.get(key) is None else text(record, key, what)


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if the key is absent, null or `""`."""
    return None if record.get(key) in (None, "") else number(record, key, what)


def flag(record: Record, key: str, what: str) -> bool:
    """The truth under `key`."""
    value = record.get(key)
    if not isinstance(value, bool):
        raise unreadable(what, key, record)
    return value


def side(record: Record, key: str, what: str) -> Side:
    """The side under `key`."""
    return _READER.word(SIDES, record, key, what)


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
