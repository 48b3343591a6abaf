"""What a venue changed of a pair's rules since they were last read, in words. Pure."""

from jarvis.domain.instrument import Instrument, Side
from jarvis.domain.money import plain


def drift(before: Instrument, after: Instrument) -> str:
    """What has changed of what orders must obey; empty when nothing has."""
    changes = [
        _change(name, plain(old), plain(new), unit)
        for name, old, new, unit in (
            ("the price step", before.tick, after.tick, after.pair.quote),
            ("the quantity step", before.lot, after.lot, after.pair.base),
            ("the least quantity", before.min_quantity, after.min_quantity, after.pair.base),
            ("the least cost", before.min_cost, after.min_cost, after.pair.quote),
        )
        if old != new
    ]
    for side, name in ((Side.BUY, "the highest leverage of a long"), (Side.SELL, "the highest leverage of a short")):
        old, new = (max(each.leverages(side), default=0) for each in (before, after))
        if old != new:
            changes.append(_change(name, _times(old), _times(new)))
    if before.symbol != after.symbol:
        changes.append(_change("the name", before.symbol, after.symbol))
    if before.status is not after.status:
        changes.append(_change("the status", before.status.value, after.status.value))
    return "; ".join(changes)


def _change(name: str, old: str, new: str, unit: str = "") -> str:
    return f"{name} is {new}{f' {unit}' if unit else ''}, was {old}"


def _times(leverage: int) -> str:
    return f"{leverage}x" if leverage else "none"
