"""A trader's limits: what may be opened, and what happens when equity or the margin level falls.

Limits only ever refuse or reduce. An order that closes is approved whatever they say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import ONE, ZERO
from jarvis.domain.order import OrderRequest
from jarvis.trading.state import Block


class TierAction(IntEnum):
    """What a limit does when it is reached, mildest first. Each does what the milder ones do, too."""

    WARN = 1
    BLOCK_ENTRIES = 2
    REDUCE = 3
    FLATTEN = 4


@dataclass(frozen=True, slots=True)
class Tiers:
    """Up to four thresholds of one limit (fractions); None leaves a tier out.

    REDUCE halves every open position and blocks entries; FLATTEN closes everything at market and pauses.
    """

    warn: Decimal | None = None
    block_entries: Decimal | None = None
    reduce: Decimal | None = None
    flatten: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds that are not positive."""
        if any(threshold <= 0 for _, threshold in self.given()):
            raise ValueError("a limit's threshold must be positive")

    def given(self) -> list[tuple[TierAction, Decimal]]:
        """The tiers that are set, mildest first."""
        tiers = zip(TierAction, (self.warn, self.block_entries, self.reduce, self.flatten), strict=True)
        return [(action, threshold) for action, threshold in tiers if threshold is not None]

    def reached_by(self, loss: Decimal) -> TierAction | None:
        """The strongest tier that a loss (fraction) has reached."""
        return max((action for action, threshold in self.given() if loss >= threshold), default=None)

    def undercut_by(self, level: Decimal) -> TierAction | None:
        """The strongest tier whose floor a level has fallen below."""
        return max((action for action, threshold in self.given() if level < threshold), default=None)


DEFAULT_DAILY_LOSS = Tiers(Decimal("0.02"), Decimal("0.04"), Decimal("0.06"), Decimal("0.08"))
DEFAULT_DRAWDOWN = Tiers(Decimal("0.08"), Decimal("0.15"), Decimal("0.20"), Decimal("0.25"))
DEFAULT_MARGIN_LEVEL = Tiers(Decimal("2.5"), Decimal("2.0"), Decimal("1.6"), Decimal("1.2"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one trader allows on one account. All shares and losses are fractions of equity incl. unrealised PnL.

    `equity_share_per_position` is the margin that one position may use; times the leverage it is its size.
    `risk_per_trade` is what may be lost from entry to stop, estimated costs included. `daily_loss` counts from
    midnight UTC, `drawdown` from the highest equity since the last resume, `margin_level_floor` is equity over used
    margin (1.5 = 150 %), where lower is worse. An empty `allowed_pairs` allows none.
    """

    leverage_cap: int = 3
    equity_share_per_position: Decimal = Decimal("0.10")
    risk_per_trade: Decimal = Decimal("0.01")
    max_open_positions: int = 4
    daily_loss: Tiers = DEFAULT_DAILY_LOSS
    drawdown: Tiers = DEFAULT_DRAWDOWN
    margin_level_floor: Tiers = DEFAULT_MARGIN_LEVEL
    allowed_pairs: frozenset[Pair] = frozenset()

    def __post_init__(self) -> None:
        """Refuse limits that contradict themselves, in words for the person who set them."""
        if self.leverage_cap < 1:
            raise ValueError("the leverage cap must be a whole number of at least 1")
        if not ZERO < self.equity_share_per_position <= ONE:
            raise ValueError("the share of equity per position must be above 0 and at most 1 (100 %)")
        if not ZERO < self.risk_per_trade <= ONE:
            raise ValueError("the risk per trade must be above 0 and at most 1 (100 %)")
        if self.max_open_positions < 1:
            raise ValueError("at least one open position must be allowed; to open nothing, pause the account")
        for label, tiers in (("daily loss", self.daily_loss), ("drawdown", self.drawdown)):
            thresholds = [threshold for _, threshold in tiers.given()]
            if thresholds != sorted(thresholds):
                raise ValueError(f"{label}: a stronger action cannot come at a smaller loss than a milder one")
        floors = [threshold for _, threshold in self.margin_level_floor.given()]
        if floors != sorted(floors, reverse=True):
            raise ValueError("margin level: a stronger action cannot come at a higher level than a milder one")

    def to_json(self) -> str:
        """The limits as text, every number exact."""
        return json.dumps(
            {
                "leverage_cap": self.leverage_cap,
                "equity_share_per_position": str(self.equity_share_per_position),
                "risk_per_trade": str(self.risk_per_trade),
                "max_open_positions": self.max_open_positions,
                "daily_loss": _tiers_to_fields(self.daily_loss),
                "drawdown": _tiers_to_fields(self.drawdown),
                "margin_level_floor": _tiers_to_fields(self.margin_level_floor),
                "allowed_pairs": sorted(str(pair) for pair in self.allowed_pairs),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Limits":
        """The limits that `to_json` wrote."""
        given: dict[str, Any] = json.loads(text)
        return cls(
            leverage_cap=given["leverage_cap"],
            equity_share_per_position=Decimal(given["equity_share_per_position"]),
            risk_per_trade=Decimal(given["risk_per_trade"]),
            max_open_positions=given["max_open_positions"],
            daily_loss=_tiers_from_fields(given["daily_loss"]),
            drawdown=_tiers_from_fields(given["drawdown"]),
            margin_level_floor=_tiers_from_fields(given["margin_level_floor"]),
            allowed_pairs=frozenset(Pair.parse(pair) for pair in given["allowed_pairs"]),
        )


class LimitReason(Enum):
    """Why nothing was opened. The values are stable names."""

    PAUSED = "paused"
    ENTRIES_BLOCKED = "entries_blocked"
    PAIR_NOT_ALLOWED = "pair_not_allowed"
    PAIR_NOT_OFFERED = "pair_not_offered"
    PAIR_STATUS = "pair_status"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ALREADY_OPEN = "already_open"
    ANOTHER_STRATEGY = "another_strategy"
    TOO_MANY_POSITIONS = "too_many_positions"
    LEVERAGE_NOT_OFFERED = "leverage_not_offered"
    LEVERAGE_ABOVE_CAP = "leverage_above_cap"
    MARGIN_UNKNOWN = "margin_unknown"
    NO_EQUITY = "no_equity"
    NOT_ENOUGH_MARGIN = "not_enough_margin"
    SHARE_EXCEEDED = "share_exceeded"
    POSITION_LIMIT = "position_limit"
    BELOW_MINIMUM = "below_minimum"
    NOT_TRADABLE_AS_IS = "not_tradable_as_is"
    STOP_IMPOSSIBLE = "stop_impossible"
    SIGNAL_OUTDATED = "signal_outdated"


@dataclass(frozen=True, slots=True)
class Approved:
    """The order may be sent as it is."""

    request: OrderRequest


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is sent; `message` says why and what would change it."""

    reason: LimitReason
    message: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything about the account that an entry on one pair is judged by.

    `open_pairs` are the pairs with an open position or an entry that may be at the venue; `committed_margin` is what
    orders that `margin` does not show yet may take (quote). `leverage` is the most that may be used on this side now,
    None if there is none.
    """

    at: datetime
    limits: Limits
    instrument: Instrument | None
    leverage: int | None
    margin: MarginState | None
    committed_margin: Decimal
    open_pairs: frozenset[Pair]
    has_unknown_order: bool
    paused: bool
    blocks: tuple[Block, ...]
    margin_max_age: timedelta
    margin_reserve: Decimal


def _tiers_to_fields(tiers: Tiers) -> dict[str, str | None]:
    values = {field.name: getattr(tiers, field.name) for field in fields(tiers)}
    return {name: None if value is None else str(value) for name, value in values.items()}


def _tiers_from_fields(given: Mapping[str, str | None]) -> Tiers:
    return Tiers(**{name: None if value is None else Decimal(value) for name, value in given.items()})
