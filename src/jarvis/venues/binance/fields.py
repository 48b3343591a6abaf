"""Reading single fields of Binance's JSON. What is missing or strange is named by its key, never by its value."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderStatus, OrderType
from jarvis.venues import reading

_READER = reading.Reader("Binance")
Record = reading.Record
encode = reading.encode
decode = _READER.decode
unreadable = _READER.unreadable
record_of = _READER.record_of
text = _READER.text
number = _READER.number
records_of = _READER.records_of
inner = _READER.inner
items = _READER.items
whole = _READER.whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
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


def number_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if the key is absent or null."""
    return None if record.get(key) is None else number(record, key, what)


def positive_or_none(record: Record, key: str, what: str) -> Decimal | None:
    """The number under `key`; None if it is absent, null or zero, which is how Binance says "not set"."""
    return number_or_none(record, key, what) or None


def flag(record: Record, key: str, what: str) -> bool:
    """The truth under `key`."""
    value = record.get(key)
    if not isinstance(value, bool):
        raise unreadable(what, key, record)
    return value


def side(record: Record, key: str, what: str) -> Side:
    """The side under `key`."""
    return _READER.word(SIDES, record, key, what)


def order_type(record: Record, key: str, what: str) -> OrderType:
    """The order type under `key`."""
    return _READER.word(ORDER_TYPES, record, key, what)


def order_status(record: Record, key: str, what: str) -> OrderStatus:
    """The order's status under `key`."""
    return _READER.word(ORDER_STATUSES, record, key, what)


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
