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
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.money import ONE, ZERO, plain
from jarvis.domain.order import OrderRequest
from jarvis.domain.traits import Settlement
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
    TOO_LARGE = "too_large"
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

    `leverage` is the most that may be used on this side now, None if there is none. `committed_margin` is what our
    orders take that `margin` does not show yet (quote). `open_pairs` have an open position or an entry that may be at
    the venue. `reserve_rate` is the share of equity that no entry may take, `margin_max_age` how old `margin` may be.
    `base_fee_rate` is the part of a purchase that the venue keeps as its fee.
    """

    at: datetime
    limits: Limits
    instrument: Instrument | None
    leverage: int | None
    margin: MarginState | None
    committed_margin: Decimal = ZERO
    open_pairs: frozenset[Pair] = frozenset()
    has_unknown_order: bool = False
    paused: bool = False
    blocks: tuple[Block, ...] = ()
    margin_max_age: timedelta = timedelta(minutes=5)
    reserve_rate: Decimal = Decimal("0.10")
    settlement: Settlement = Settlement.MARGIN
    base_fee_rate: Decimal = ZERO

    def complete(self) -> tuple[Instrument, MarginState, int]:
        """Instrument, margin and leverage, none of which is missing once `may_open` let the pair pass."""
        if self.instrument is None or self.margin is None or self.leverage is None:
            raise ValueError("nothing can be judged without an instrument, a margin state and a leverage")
        return self.instrument, self.margin, self.leverage

    def available_margin(self) -> Decimal:
        """How much margin an entry may take (quote), never negative: reserve, level floor and commitments kept."""
        if self.margin is None:
            return ZERO
        free = self.margin.free_margin - self.margin.equity * self.reserve_rate
        floors = [floor for action, floor in self.limits.margin_level_floor.given() if action is not TierAction.WARN]
        # Below a level of 1 no venue opens anything, whatever the trader allows.
        most = self.margin.equity / max([ONE, *floors])
        return max(ZERO, min(free, most - self.margin.used_margin) - self.committed_margin)


def may_open(pair: Pair, standing: Standing) -> Refused | None:
    """Why nothing at all may be opened on `pair` now; None if something may."""
    limits, instrument, margin = standing.limits, standing.instrument, standing.margin
    if standing.paused:
        return Refused(LimitReason.PAUSED, f"{pair}: not opened, the account is paused. Resume it to trade again.")
    for block in standing.blocks:
        if block.concerns(pair):
            return Refused(LimitReason.ENTRIES_BLOCKED, f"{pair}: not opened, entries are blocked: {block.message}")
    if pair not in limits.allowed_pairs:
        return Refused(LimitReason.PAIR_NOT_ALLOWED, f"{pair}: not opened, your limits do not allow this pair.")
    if instrument is None:
        return Refused(LimitReason.PAIR_NOT_OFFERED, f"{pair}: not opened, the venue does not offer this pair now.")
    if instrument.status is not InstrumentStatus.ONLINE:
        status = instrument.status.value.replace("_", " ")
        return Refused(LimitReason.PAIR_STATUS, f"{pair}: not opened, the venue has set this pair to {status}.")
    if standing.has_unknown_order:
        return Refused(
            LimitReason.OUTCOME_UNKNOWN,
            f"{pair}: not opened, an earlier order on this pair is still being looked up at the venue.",
        )
    if pair in standing.open_pairs:
        return Refused(LimitReason.ALREADY_OPEN, f"{pair}: not opened, there is a position or an entry already.")
    if len(standing.open_pairs) >= limits.max_open_positions:
        return Refused(
            LimitReason.TOO_MANY_POSITIONS,
            f"{pair}: not opened, {len(standing.open_pairs)} positions are open and your limit is "
            f"{limits.max_open_positions}.",
        )
    if standing.leverage is None:
        return Refused(
            LimitReason.LEVERAGE_NOT_OFFERED,
            f"{pair}: not opened, the venue offers no leverage within your cap of {limits.leverage_cap}x on this side.",
        )
    if margin is None or standing.at - margin.at > standing.margin_max_age:
        return Refused(
            LimitReason.MARGIN_UNKNOWN, f"{pair}: not opened, the account's margin could not be read lately."
        )
    if margin.equity <= 0:
        return Refused(LimitReason.NO_EQUITY, f"{pair}: not opened, the account has no equity.")
    return None


def check(request: OrderRequest, standing: Standing) -> Approved | Refused:
    """Whether `request` may be sent. Whatever closes is approved; an entry must keep every limit as it stands."""
    if request.reduce_only:
        return Approved(request)
    pair = request.pair
    refused = may_open(pair, standing)
    if refused is not None:
        return refused
    instrument, margin, most = standing.complete()
    price = request.limit_price or request.decision_price
    if request.leverage > most:
        return Refused(
            LimitReason.LEVERAGE_ABOVE_CAP, f"{pair}: not opened, {request.leverage}x is above the {most}x allowed now."
        )
    if price is None or not instrument.quantity_fits(request.quantity):
        return Refused(
            LimitReason.NOT_TRADABLE_AS_IS,
            f"{pair}: not opened, {plain(request.quantity)} {pair.base} is below the venue's minimum of "
            f"{plain(instrument.min_quantity)}, not in steps of {plain(instrument.lot)}, or has no price.",
        )
    cost = request.quantity * price
    if cost < instrument.min_cost:
        return Refused(
            LimitReason.BELOW_MINIMUM,
            f"{pair}: not opened, it would cost {plain(cost)} {pair.quote}; the venue's minimum is "
            f"{plain(instrument.min_cost)}.",
        )
    needed = cost / request.leverage
    if needed > margin.equity * standing.limits.equity_share_per_position:
        return Refused(
            LimitReason.SHARE_EXCEEDED,
            f"{pair}: not opened, it would use more than your share of equity per position "
            f"({plain(standing.limits.equity_share_per_position * 100)} %).",
        )
    if needed > standing.available_margin():
        return Refused(
            LimitReason.NOT_ENOUGH_MARGIN,
            f"{pair}: not opened, it needs {needed:.2f} {pair.quote} of margin and {standing.available_margin():.2f} "
            f"may be used, reserve and margin-level floor kept.",
        )
    limit = position_limit(instrument, request.side)
    if limit is not None and request.quantity > limit:
        return Refused(
            LimitReason.POSITION_LIMIT,
            f"{pair}: not opened, the venue allows at most {plain(limit)} {pair.base} on this side.",
        )
    return Approved(request)


def position_limit(instrument: Instrument, side: Side) -> Decimal | None:
    """The largest position that the venue allows on this side (base); None when it states none."""
    return instrument.long_position_limit if side is Side.BUY else instrument.short_position_limit


def _tiers_to_fields(tiers: Tiers) -> dict[str, str | None]:
    values = {field.name: getattr(tiers, field.name) for field in fields(tiers)}
    return {name: None if value is None else str(value) for name, value in values.items()}


def _tiers_from_fields(given: Mapping[str, str | None]) -> Tiers:
    return Tiers(**{name: None if value is None else Decimal(value) for name, value in given.items()})
