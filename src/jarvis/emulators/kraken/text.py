"""How Kraken writes: decimals as fixed text (REST) or as full-precision JSON numbers (WebSocket), and times."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Json = Mapping[str, Any]
JsonList = Sequence[Any]


def encode(value: Any) -> bytes:
    """Compact JSON bytes."""
    return _ENCODER.encode(value)


def decode(raw: bytes | str) -> Any:
    """What the JSON says, fractions as Decimal. Raises ValueError when it is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("not JSON") from error


def fixed(value: Decimal, decimals: int) -> str:
    """`value` with exactly `decimals` places: `0.50000000`."""
    return f"{value:.{decimals}f}"


def number(value: Decimal, decimals: int) -> msgspec.Raw:
    """`value` as a JSON number with all its places, as the checksum of the book needs them."""
    return msgspec.Raw(f"{value:.{decimals}f}".encode())


def decimals_of(step: Decimal) -> int:
    """How many places a step has: 0.01 has two."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def unix(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int((at - EPOCH).total_seconds())


def unix_micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def unix_number(at: datetime) -> msgspec.Raw:
    """Seconds since 1970 as a JSON number with microseconds."""
    micros = unix_micros(at)
    return msgspec.Raw(f"{micros // 1_000_000}.{micros % 1_000_000:06d}".encode())


def rfc3339(at: datetime) -> str:
    """`2026-01-31T00:00:00.000000Z`, as the WebSocket stamps."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc3339_seconds(at: datetime) -> str:
    """`2026-01-31T00:00:00Z`, as REST stamps."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: str) -> datetime:
    """The aware instant that `text` names. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)
