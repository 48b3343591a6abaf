"""Reading single fields of Kraken's JSON. What is missing or strange is named by its key, never by its value."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderType
from jarvis.venues import reading

_READER = reading.Reader("Kraken")
Record = reading.Record
encode = reading.encode
decode = _READER.decode
unreadable = _READER.unreadable
record_of = _READER.record_of
text = _READER.text
number = _READER.number
list_of = _READER.list_of
inner = _READER.inner
items = _READER.items
whole = _READER.whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if the key is absent or null."""
    return None if record.get(key) is None else number(record, key, what)


def flag(record: Record, key: str, what: str) -> bool | None:
    """The truth under `key`; None if it is absent."""
    value = record.get(key)
    if value is not None and not isinstance(value, bool):
        raise unreadable(what, key, record)
    return value


def side(record: Record, key: str, what: str) -> Side:
    """The side under `key`."""
    return _READER.word(SIDES, record, key, what)


def order_type(record: Record, key: str, what: str) -> OrderType | None:
    """The order type under `key`; None for a type that only people place by hand."""
    return _READER.word(ORDER_TYPES, record, key, what)


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
