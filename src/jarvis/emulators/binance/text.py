"""How Binance writes: JSON with amounts as fixed text and times as whole milliseconds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.domain.money import ZERO

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Json = dict[str, Any]
NO_AMOUNT = "0.00000000"


def encode(value: Any) -> bytes:
    """Compact JSON bytes."""
    return _ENCODER.encode(value)


def decode(raw: bytes | str) -> Any:
    """What the JSON says, fractions as Decimal. Raises ValueError when it is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("not JSON") from error


def amount(value: Decimal | None) -> str:
    """`value` with eight decimals; nothing is `0.00000000`."""
    return f"{value or ZERO:.8f}"


def number(value: Decimal) -> msgspec.Raw:
    """`value` as a JSON number, for the few fields that are no text."""
    return msgspec.Raw(f"{value.normalize():f}".encode())


def ms(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The aware instant. Raises OverflowError for one that no calendar holds."""
    return EPOCH + milliseconds * _MILLISECOND


def without_nothing(row: Mapping[str, Any]) -> Json:
    """The row without the fields that are None: Binance leaves out what does not apply."""
    return {name: value for name, value in row.items() if value is not None}
