"""What a backtest leaves: fills, journal, positions with their waterfalls, equity, and whether the books agree."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import ClientOrderId, Fill, OrderRequest, OrderRole, PositionId
from jarvis.ledger.attribution import Waterfall
from jarvis.ledger.journal import Account, Entry, totals
from jarvis.ledger.performance import EquityPoint, Performance, PositionResult, performance

_SHOWN_POINTS = 1500


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its first fill on. Prices are averages (quote per base); `closed_at` is None while open."""

    position_id: PositionId
    pair: Pair
    strategy: str
    side: Side
    quantity: Decimal
    leverage: int
    opened_at: datetime
    closed_at: datetime | None
    entry_price: Decimal
    exit_price: Decimal | None
    exit_role: OrderRole | None
    fills: tuple[Fill, ...]
    waterfall: Waterfall


@dataclass(frozen=True)
class BacktestResult:
    """All of it. `venue_balances` is what the exchange says at the end; `alarms` is what the engine said, in order.

    `orders` are those that the engine wanted, by id. `is_complete` is false when it was cancelled: then everything
    stands as it was at `ended_at`.
    """

    started_at: datetime
    ended_at: datetime
    is_complete: bool
    asset: Asset
    curve: Sequence[EquityPoint]
    entries: Sequence[Entry]
    trades: Sequence[Trade]
    fills: Sequence[Fill]
    bars: Mapping[Pair, int]
    venue_balances: Mapping[Asset, Decimal]
    alarms: Sequence[str]
    orders: Mapping[ClientOrderId, OrderRequest] = field(default_factory=dict)

    @cached_property
    def totals(self) -> Mapping[tuple[Account, Asset], Decimal]:
        """The journal's accounts."""
        return totals(self.entries)

    @cached_property
    def waterfall(self) -> Waterfall:
        """The sum over all positions."""
        return sum((trade.waterfall for trade in self.trades), Waterfall(None, self.asset))

    @cached_property
    def performance(self) -> Performance:
        """The statistics of the equity curve and the closed positions."""
        return performance(
            self.curve, [PositionResult(t.opened_at, t.closed_at, t.waterfall.total) for t in self.trades]
        )

    @property
    def residual(self) -> Mapping[Asset, Decimal]:
        """The venue's balance less our cash, per asset that either knows. All zero, or the books do not agree."""
        assets = set(self.venue_balances) | {asset for account, asset in self.totals if account is Account.CASH}
        return {
            asset: self.venue_balances.get(asset, ZERO) - self.totals.get((Account.CASH, asset), ZERO)
            for asset in sorted(assets)
        }

    @property
    def uncleared(self) -> Decimal:
        """What fills promised and the venue's ledger has not shown, in the account's asset: zero at the end."""
        return self.totals.get((Account.CLEARING, self.asset), ZERO)

    @property
    def agrees(self) -> bool:
        """Whether the journal and the venue's own ledger say the same to the last digit."""
        return not self.uncleared and not any(self.residual.values())

    def shown_curve(self) -> list[EquityPoint]:
        """At most some 1500 points for a drawing: of each stretch the lowest and the last, so that no fall is lost."""
        stretch = max(1, len(self.curve) * 2 // _SHOWN_POINTS)
        shown: list[EquityPoint] = []
        for start in range(0, len(self.curve), stretch):
            part = self.curve[start : start + stretch]
            lowest = min(part, key=lambda point: point.equity)
            shown += [lowest] if lowest is part[-1] else [lowest, part[-1]]
        return shown

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values: decimals as text, times as ISO 8601, the equity curve thinned."""
        return {
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "is_complete": self.is_complete,
            "asset": self.asset,
            "bars": {str(pair): count for pair, count in self.bars.items()},
            "agrees": self.agrees,
            "residual": {asset: plain(amount) for asset, amount in self.residual.items()},
            "uncleared": plain(self.uncleared),
            "venue_balances": {asset: plain(amount) for asset, amount in self.venue_balances.items()},
            "totals": {f"{account} {asset}": plain(amount) for (account, asset), amount in self.totals.items()},
            "waterfall": waterfall_json(self.waterfall),
            "performance": asdict(self.performance),
            "positions": [_trade_json(trade) for trade in self.trades],
            "fills": [_fill_json(fill) for fill in self.fills],
            "entries": [_entry_json(entry) for entry in self.entries],
            "equity": [[point.at.isoformat(), plain(point.equity)] for point in self.shown_curve()],
            "alarms": list(self.alarms),
        }


def waterfall_json(result: Waterfall) -> dict[str, str]:
    """The parts of a waterfall and their total, as text."""
    parts = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "interest", "liquidation", "adjustment")
    return {part: plain(getattr(result, part)) for part in (*parts, "total")}


def _trade_json(trade: Trade) -> dict[str, Any]:
    return {
        "position_id": trade.position_id,
        "pair": str(trade.pair),
        "strategy": trade.strategy,
        "side": trade.side.value,
        "quantity": plain(trade.quantity),
        "leverage": trade.leverage,
        "opened_at": trade.opened_at.isoformat(),
        "closed_at": trade.closed_at.isoformat() if trade.closed_at else None,
        "entry_price": plain(trade.entry_price),
        "exit_price": None if trade.exit_price is None else plain(trade.exit_price),
        "exit": trade.exit_role.value if trade.exit_role else None,
        "fills": [fill.fill_id for fill in trade.fills],
        **waterfall_json(trade.waterfall),
    }


def _fill_json(fill: Fill) -> dict[str, Any]:
    return {
        "fill_id": fill.fill_id,
        "venue_order_id": fill.venue_order_id,
        "client_order_id": fill.client_order_id,
        "pair": str(fill.pair),
        "side": fill.side.value,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "cost": plain(fill.cost),
        "fee": plain(fill.fee),
        "at": fill.at.isoformat(),
        "is_maker": fill.is_maker,
        "is_liquidation": fill.is_liquidation,
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind.value,
        "at": entry.at.isoformat(),
        "ref_id": entry.ref_id,
        "position_id": entry.position_id,
        "postings": [[posting.account, posting.asset, plain(posting.amount)] for posting in entry.postings],
    }


def duration_text(span: timedelta) -> str:
    """`3 d 4 h`, `25 min`: a duration as people say it."""
    minutes = round(span.total_seconds() / 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
