"""How Bybit writes: numbers as plain text, times as milliseconds (text in rows, whole numbers in envelopes)."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

import msgspec

from jarvis.domain.money import plain

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_MILLISECOND = timedelta(milliseconds=1)

Json = dict[str, Any]


def encode(value: Any) -> bytes:
    """Compact JSON bytes."""
    return _ENCODER.encode(value)


def decode(raw: bytes | str) -> Any:
    """What the JSON says, fractions as Decimal. Raises ValueError when it is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("not JSON") from error


def number(value: Decimal, places: int = 18) -> str:
    """`value` cut to `places` decimals, without trailing zeros: `0.0001`, `0`."""
    with localcontext(prec=60):
        return plain(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN))


def decimals_of(step: Decimal) -> int:
    """How many places a step has: 0.01 has two."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def fits(value: Decimal, places: int) -> bool:
    """Whether `value` has at most so many decimals."""
    return decimals_of(value) <= places


def millis(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // _MILLISECOND


def instant(milliseconds: int) -> datetime:
    """The instant that so many milliseconds since 1970 name. Raises OverflowError for one that has no date."""
    return EPOCH + milliseconds * _MILLISECOND


def rfc3339(at: datetime) -> str:
    """`2026-01-31T00:00:00Z`, as key information stamps."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
