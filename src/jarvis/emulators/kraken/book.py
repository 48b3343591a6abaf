"""The order book as the WebSocket sends it: levels as full-precision numbers, differences, and the checksum."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from jarvis.emulators.kraken.names import PairName
from jarvis.emulators.kraken.text import fixed, number

Level = tuple[Decimal, Decimal]
"""Price and quantity."""

_CHECKED_LEVELS = 10


def checksum(asks: Sequence[Level], bids: Sequence[Level], price_decimals: int, lot_decimals: int) -> int:
    """Kraken's CRC32 over the best ten asks, then the best ten bids, both best first.

    Each level is its price and its quantity in full precision, without the dot and without leading zeros.
    """
    text = "".join(
        fixed(value, decimals).replace(".", "").lstrip("0")
        for side in (asks, bids)
        for level in side[:_CHECKED_LEVELS]
        for value, decimals in zip(level, (price_decimals, lot_decimals), strict=True)
    )
    return crc32(text.encode())


def levels(side: Iterable[Level], name: PairName) -> list[dict[str, Any]]:
    """Levels as JSON objects."""
    return [
        {"price": number(price, name.price_decimals), "qty": number(quantity, name.lot_decimals)}
        for price, quantity in side
    ]


def changes(before: Sequence[Level], after: Sequence[Level]) -> list[Level]:
    """What turns one side into the other: changed and new levels, and quantity zero for those that went."""
    old, new = dict(before), dict(after)
    changed = [(price, quantity) for price, quantity in after if old.get(price) != quantity]
    return [(price, Decimal(0)) for price, _ in before if price not in new] + changed
