"""How OKX writes: every number as text, times as milliseconds, `""` where a field does not apply."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

import msgspec

from jarvis.domain.money import plain

Row = dict[str, Any]
Rows = list[Row]

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_DECIMALS = 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def encode(value: Any) -> bytes:
    """Compact JSON bytes."""
    return _ENCODER.encode(value)


def decode(raw: bytes | str) -> Any:
    """What the JSON says, fractions as Decimal. Raises ValueError when it is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("not JSON") from error


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) // _MILLISECOND


def ms(at: datetime | None) -> str:
    """An instant as OKX writes it, `""` for none."""
    return "" if at is None else str(millis(at))


def from_ms(text: str) -> datetime:
    """The instant that these milliseconds mean. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 14):
        raise ValueError("not a time in milliseconds")
    return EPOCH + int(text) * _MILLISECOND


def amount(value: Decimal | None) -> str:
    """A number with at most sixteen decimals, none of them idle; `""` for none."""
    if value is None:
        return ""
    with localcontext(prec=50):
        return plain(value.quantize(Decimal(1).scaleb(-_DECIMALS), rounding=ROUND_DOWN))
