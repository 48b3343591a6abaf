"""Pairs, sides, and what a venue allows on them. Read from the venue at run time, never assumed."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from jarvis.domain.money import Asset, is_multiple, round_down, round_nearest, round_up


class Side(Enum):
    """The side of an order, a fill or a position's opening: BUY opens a long, SELL a short."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL: what it does to a signed position."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A base asset priced in a quote asset; written `BTC/USD`."""

    base: Asset
    quote: Asset

    def __str__(self) -> str:
        """`BTC/USD`."""
        return f"{self.base}/{self.quote}"

    @classmethod
    def parse(cls, text: str) -> "Pair":
        """The pair that `BTC/USD` names. Raises ValueError that shows the right form."""
        base, slash, quote = text.strip().upper().partition("/")
        if not (base and slash and quote) or "/" in quote:
            raise ValueError(f"{text!r} is not a pair; write it like BTC/USD")
        return cls(Asset(base), Asset(quote))


class InstrumentStatus(Enum):
    """What the venue accepts on this instrument now."""

    ONLINE = "online"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    REDUCE_ONLY = "reduce_only"
    CANCEL_ONLY = "cancel_only"
    DELISTED = "delisted"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One pair's rules at one venue.

    `tick` is the price step, `lot` the quantity step (base), `cost_step` the step in which the venue books cost,
    fees and realised PnL (quote). `min_quantity` is in base, `min_cost` in quote. `leverage_long` and
    `leverage_short` are the whole leverages that the venue offers per side, ascending; empty means spot only.
    Position limits are in base, None when the venue states none. Margin levels are fractions (0.8 = 80 %).
    """

    pair: Pair
    symbol: str
    tick: Decimal
    lot: Decimal
    cost_step: Decimal
    min_quantity: Decimal
    min_cost: Decimal
    leverage_long: tuple[int, ...]
    leverage_short: tuple[int, ...]
    status: InstrumentStatus = InstrumentStatus.ONLINE
    long_position_limit: Decimal | None = None
    short_position_limit: Decimal | None = None
    margin_call_level: Decimal = Decimal("0.8")
    liquidation_level: Decimal = Decimal("0.4")

    def __post_init__(self) -> None:
        """Refuse rules that no venue could mean."""
        if min(self.tick, self.lot, self.cost_step) <= 0:
            raise ValueError(f"{self.pair}: tick, lot and cost step must be positive")
        if self.min_quantity < 0 or self.min_cost < 0:
            raise ValueError(f"{self.pair}: minimums cannot be negative")

    def leverages(self, side: Side) -> tuple[int, ...]:
        """The leverages offered to open a position by `side`, ascending."""
        return self.leverage_long if side is Side.BUY else self.leverage_short

    def leverage_within(self, side: Side, cap: int) -> int | None:
        """The highest offered leverage that is not above `cap`; None if margin is not offered or the cap is lower."""
        return max((step for step in self.leverages(side) if step <= cap), default=None)

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """`quantity` rounded down to a lot: never more than was meant."""
        return round_down(quantity, self.lot)

    def round_limit(self, price: Decimal, side: Side) -> Decimal:
        """A limit price rounded so that the order never pays more, or takes less, than was meant."""
        return round_down(price, self.tick) if side is Side.BUY else round_up(price, self.tick)

    def round_stop(self, price: Decimal, side: Side) -> Decimal:
        """A stop's trigger rounded towards the market, so that the loss is never larger than was meant.

        `side` is the side of the stop order: a sell stop below the market rounds up, a buy stop above it down.
        """
        return round_up(price, self.tick) if side is Side.SELL else round_down(price, self.tick)

    def round_cost(self, amount: Decimal) -> Decimal:
        """A cost, fee or PnL in quote as the venue books it: half-even to `cost_step`."""
        return round_nearest(amount, self.cost_step)

    def price_fits(self, price: Decimal) -> bool:
        """Whether the venue would take this price as it is."""
        return price > 0 and is_multiple(price, self.tick)

    def quantity_fits(self, quantity: Decimal) -> bool:
        """Whether the venue would take this quantity as it is, minimum included."""
        return quantity >= self.min_quantity and is_multiple(quantity, self.lot)
