"""Limits for the first days of an account: each stricter than the usual default, every tier set."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.trading.limits import Limits, Tiers

CAUTIOUS = Limits(
    leverage_cap=2,
    equity_share_per_position=Decimal("0.10"),
    risk_per_trade=Decimal("0.005"),
    max_open_positions=2,
    daily_loss=Tiers(Decimal("0.01"), Decimal("0.02"), Decimal("0.03"), Decimal("0.04")),
    drawdown=Tiers(Decimal("0.04"), Decimal("0.08"), Decimal("0.10"), Decimal("0.12")),
    margin_level_floor=Tiers(Decimal(4), Decimal(3), Decimal("2.5"), Decimal(2)),
)


def cautious_limits(pairs: Iterable[Pair]) -> Limits:
    """The cautious limits, for these pairs."""
    return replace(CAUTIOUS, allowed_pairs=frozenset(pairs))
