"""Margin positions of futures mode: what one pair's trades in one margin currency hold and owe, by OKX's arithmetic.

A long holds base and owes quote, a short holds quote and owes base. What selling a long brings repays its debt first
and goes to the account's cash then; what is still owed when nothing is held any more is taken from it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill

_STEP = Decimal("1e-16")
"""To which a trade that closes one position and opens another is divided."""


@dataclass(slots=True)
class MarginPosition:
    """One open position. `held` is base of a long or quote of a short; `debt` and `interest` are of the other asset.

    `size` is what is open in base at `average_price`. `opened_size` is the largest that it ever was, `closed_size`
    and `closed_cost` what was closed of it and for how much. `profit` is before fees (negative) and interest.
    """

    number: int
    pair: Pair
    margin_asset: Asset
    side: Side
    opened_at: datetime
    updated_at: datetime
    held: Decimal = ZERO
    debt: Decimal = ZERO
    interest: Decimal = ZERO
    size: Decimal = ZERO
    average_price: Decimal = ZERO
    opened_size: Decimal = ZERO
    closed_size: Decimal = ZERO
    closed_cost: Decimal = ZERO
    profit: Decimal = ZERO
    fees: Decimal = ZERO
    penalty: Decimal = ZERO
    trade_id: str = ""
    was_liquidated: bool = False

    @property
    def held_asset(self) -> Asset:
        """What it holds: base when long, quote when short."""
        return self.pair.base if self.side is Side.BUY else self.pair.quote

    @property
    def debt_asset(self) -> Asset:
        """What it owes: quote when long, base when short."""
        return self.pair.quote if self.side is Side.BUY else self.pair.base

    @property
    def is_open(self) -> bool:
        """Whether anything is left: what is held of a long, what is owed of a short."""
        return self.held > 0 if self.side is Side.BUY else self.debt + self.interest > 0

    def closable(self, fee_rate: Decimal) -> Decimal:
        """How much base an order may trade at most to close it; buying back a short pays its fee in base."""
        if self.side is Side.BUY:
            return self.held
        return (self.debt + self.interest) / (1 - fee_rate)

    def unrealised(self, price: Decimal) -> Decimal:
        """OKX's `upl` (quote): what it holds at this price less what it owes, so a fee in base and interest are in it.

        "Profit and loss calculation of margin" (OKX product documentation, May 2026): assets of the position * mark
        price - (debt + interest) for a long that is margined in quote; for a short the same the other way round.
        """
        return self.net(self.pair.base) * price + self.net(self.pair.quote)

    def net(self, asset: Asset) -> Decimal:
        """What it is worth in this asset alone: held less owed."""
        total = self.held if asset == self.held_asset else ZERO
        return total - (self.debt + self.interest if asset == self.debt_asset else ZERO)


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill as the wallet saw it. `base` and `quote` are signed, with the fee in them."""

    side: Side
    quantity: Decimal
    cost: Decimal
    base: Decimal
    quote: Decimal
    fee_in_quote: Decimal
    price: Decimal
    at: datetime
    trade_id: str
    is_liquidation: bool = False

    @classmethod
    def of(cls, fill: Fill) -> "Traded":
        """The fill's effect."""
        sign = fill.side.sign
        in_base = fill.fee if fill.fee_asset == fill.pair.base else ZERO
        in_quote = fill.fee if fill.fee_asset == fill.pair.quote else ZERO
        return cls(
            side=fill.side,
            quantity=fill.quantity,
            cost=fill.cost,
            base=sign * fill.quantity - in_base,
            quote=-sign * fill.cost - in_quote,
            fee_in_quote=in_base * fill.price + in_quote,
            price=fill.price,
            at=fill.at,
            trade_id=str(fill.fill_id),
            is_liquidation=fill.is_liquidation,
        )

    def split(self, base: Decimal) -> tuple["Traded", "Traded"]:
        """This trade as two: the part that moves exactly this much base, and the rest. They add up to the whole."""
        share = base / self.base

        def part(amount: Decimal) -> Decimal:
            return (amount * share).quantize(_STEP, rounding=ROUND_HALF_EVEN)

        first = replace(
            self,
            quantity=part(self.quantity),
            cost=part(self.cost),
            base=base,
            quote=part(self.quote),
            fee_in_quote=part(self.fee_in_quote),
        )
        rest = replace(
            self,
            quantity=self.quantity - first.quantity,
            cost=self.cost - first.cost,
            base=self.base - first.base,
            quote=self.quote - first.quote,
            fee_in_quote=self.fee_in_quote - first.fee_in_quote,
        )
        return first, rest


def increase(position: MarginPosition, trade: Traded) -> None:
    """Open, or add to, the position by a trade of its own side."""
    size = position.size + trade.quantity
    position.average_price = (position.average_price * position.size + trade.cost) / size
    if position.side is Side.BUY:
        position.held += trade.base
        position.debt -= trade.quote
        # The fee came out of what was bought: the position is that much smaller.
        position.size = position.held
    else:
        position.held += trade.quote
        position.debt -= trade.base
        position.size = size
    position.opened_size = max(position.opened_size, position.size)
    _note(position, trade)


def closing_part(position: MarginPosition, trade: Traded) -> tuple[Traded, Traded | None]:
    """The part of an opposite trade that closes the position, and the part beyond it: that is another matter."""
    most = -position.held if position.side is Side.BUY else position.debt + position.interest
    return (trade, None) if abs(trade.base) <= abs(most) else trade.split(most)


def decrease(position: MarginPosition, trade: Traded) -> tuple[Decimal, Decimal]:
    """Close by an opposite trade that is not beyond it. What the account's cash gains: base and quote, signed."""
    if position.side is Side.BUY:
        closed = min(position.size, trade.quantity)
        position.held += trade.base
        gained = _pay(position, trade.quote)
        base, quote = ZERO, gained
        if position.held <= 0:
            base, quote = position.held, gained - position.debt - position.interest
            _empty(position)
    else:
        closed = min(position.size, trade.base)
        # Of what the short holds, the part that is closed pays for it: profit and loss go to cash.
        released = (position.held * trade.base / (position.debt + position.interest)).quantize(_STEP)
        base = _pay(position, trade.base)
        if position.debt + position.interest <= 0:
            released = position.held
            _empty(position)
        else:
            position.held -= released
        quote = trade.quote + released
    position.profit += (trade.price - position.average_price) * closed * position.side.sign
    position.size = max(ZERO, position.size - closed) if position.is_open else ZERO
    position.closed_size += trade.quantity
    position.closed_cost += trade.cost
    position.was_liquidated = position.was_liquidated or trade.is_liquidation
    _note(position, trade)
    return base, quote


def _pay(position: MarginPosition, amount: Decimal) -> Decimal:
    """Pay interest, then debt, from `amount`; what is left."""
    interest = min(position.interest, amount)
    position.interest -= interest
    debt = min(position.debt, amount - interest)
    position.debt -= debt
    return amount - interest - debt


def _empty(position: MarginPosition) -> None:
    position.held = position.debt = position.interest = ZERO


def _note(position: MarginPosition, trade: Traded) -> None:
    position.fees -= trade.fee_in_quote
    position.trade_id = trade.trade_id
    position.updated_at = trade.at
