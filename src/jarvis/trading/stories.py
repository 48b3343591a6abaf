"""One position from its first fill to flat: what is held, how it is protected, and how it is being left."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, FillId, OrderRole, PositionId
from jarvis.domain.position import Lot, Position, Realised
from jarvis.trading.strategy import Protection, TakeProfit


@dataclass(frozen=True, slots=True)
class PositionStory:
    """A position's story. Changed only by its own fills and by the engine's decisions about its exits.

    `stop_price` is where the stop is meant to rest (quote, before rounding to a tick). `best_price` is the water mark
    of a trailing stop. `exit_role` says why it is being left, or, when closed, why it was; `exit_to` is the quantity
    (base, positive) that is to remain: zero for a whole exit. `opened_quantity` is what the entry bought or sold so
    far, for `opened_cost` (quote). `fee_asset` is the third asset that its last fee was taken in, None for base or
    quote. `ladder` names the take-profit orders that were answered by the venue; those up to `targets_after` are of
    targets that were given up. `fill_ids` are all fills booked here.
    """

    position_id: PositionId
    pair: Pair
    strategy: str
    position: Position
    protection: Protection
    leverage: int
    entry_id: ClientOrderId
    entry_side: Side
    decision_price: Decimal | None
    opened_at: datetime
    opened_quantity: Decimal = ZERO
    interval: timedelta | None = None
    stop_price: Decimal | None = None
    best_price: Decimal | None = None
    exit_role: OrderRole | None = None
    exit_to: Decimal = ZERO
    exit_at: datetime | None = None
    closed_at: datetime | None = None
    ladder: tuple[ClientOrderId, ...] = ()
    fill_ids: tuple[FillId, ...] = ()
    opened_cost: Decimal = ZERO
    fee_asset: Asset | None = None
    targets_after: ClientOrderId | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the story has ended."""
        return self.closed_at is not None

    @property
    def quantity(self) -> Decimal:
        """What is open (base, positive)."""
        return abs(self.position.quantity)

    @property
    def side(self) -> Side:
        """The side that holds it open now; the entry's side when it is flat or has ended, whatever crumbs are left."""
        return self.entry_side if self.is_closed else self.position.side or self.entry_side

    @property
    def exit_side(self) -> Side:
        """The side that closes it."""
        return self.side.opposite

    @property
    def opening_price(self) -> Decimal | None:
        """The average price of all that the entry bought or sold; it stays while parts are closed."""
        if self.opened_quantity and self.opened_cost:
            return self.opened_cost / self.opened_quantity
        return self.position.entry_price

    def booked(self, fill: Fill) -> tuple["PositionStory", Realised]:
        """The story after a fill of its own, and what the fill realised."""
        position, realised = self.position.apply(fill)
        fee_asset = None if fill.fee_asset in (fill.pair.base, fill.pair.quote) else fill.fee_asset
        fill_ids = (*self.fill_ids, fill.fill_id)
        return replace(self, position=position, fill_ids=fill_ids, fee_asset=fee_asset), realised

    def to_json(self) -> str:
        """The story as text, every number exact."""
        protection = self.protection
        return json.dumps(
            {
                "position_id": self.position_id,
                "pair": str(self.pair),
                "strategy": self.strategy,
                "position": {
                    "cost_step": str(self.position.cost_step),
                    "lots": [_lot_fields(lot) for lot in self.position.lots],
                },
                "protection": {
                    "stop_distance": str(protection.stop_distance),
                    "trailing": protection.trailing,
                    "take_profits": [[str(rung.distance), str(rung.share)] for rung in protection.take_profits],
                    "time_stop": _microseconds(protection.time_stop),
                },
                "leverage": self.leverage,
                "entry_id": self.entry_id,
                "entry_side": self.entry_side.value,
                "decision_price": _text(self.decision_price),
                "opened_at": self.opened_at.isoformat(),
                "opened_quantity": str(self.opened_quantity),
                "opened_cost": str(self.opened_cost),
                "fee_asset": self.fee_asset,
                "interval": _microseconds(self.interval),
                "stop_price": _text(self.stop_price),
                "best_price": _text(self.best_price),
                "exit_role": self.exit_role.value if self.exit_role else None,
                "exit_to": str(self.exit_to),
                "exit_at": self.exit_at.isoformat() if self.exit_at else None,
                "closed_at": self.closed_at.isoformat() if self.closed_at else None,
                "ladder": list(self.ladder),
                "fill_ids": list(self.fill_ids),
                "targets_after": self.targets_after,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "PositionStory":
        """The story that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        pair = Pair.parse(fields["pair"])
        lots = tuple(_lot_of(*lot) for lot in fields["position"]["lots"])
        protection = fields["protection"]
        return cls(
            position_id=PositionId(fields["position_id"]),
            pair=pair,
            strategy=fields["strategy"],
            position=Position(pair, Decimal(fields["position"]["cost_step"]), lots),
            protection=Protection(
                Decimal(protection["stop_distance"]),
                protection["trailing"],
                tuple(TakeProfit(Decimal(distance), Decimal(share)) for distance, share in protection["take_profits"]),
                _duration(protection["time_stop"]),
            ),
            leverage=fields["leverage"],
            entry_id=ClientOrderId(fields["entry_id"]),
            entry_side=Side(fields["entry_side"]),
            decision_price=_decimal(fields["decision_price"]),
            opened_at=datetime.fromisoformat(fields["opened_at"]),
            opened_quantity=Decimal(fields["opened_quantity"]),
            opened_cost=Decimal(fields.get("opened_cost", 0)),
            fee_asset=Asset(fields["fee_asset"]) if fields.get("fee_asset") else None,
            interval=_duration(fields["interval"]),
            stop_price=_decimal(fields["stop_price"]),
            best_price=_decimal(fields["best_price"]),
            exit_role=OrderRole(fields["exit_role"]) if fields["exit_role"] else None,
            exit_to=Decimal(fields["exit_to"]),
            exit_at=datetime.fromisoformat(fields["exit_at"]) if fields["exit_at"] else None,
            closed_at=datetime.fromisoformat(fields["closed_at"]) if fields["closed_at"] else None,
            ladder=tuple(ClientOrderId(order) for order in fields["ladder"]),
            fill_ids=tuple(FillId(fill) for fill in fields["fill_ids"]),
            targets_after=ClientOrderId(fields["targets_after"]) if fields.get("targets_after") else None,
        )


def _lot_fields(lot: Lot) -> list[str]:
    fields = [lot.opened_by, lot.side.value, str(lot.quantity), str(lot.cost), lot.opened_at.isoformat()]
    return [*fields, "accrued"] if lot.is_accrued else fields


def _lot_of(opened_by: str, side: str, quantity: str, cost: str, opened_at: str, accrued: str = "") -> Lot:
    at = datetime.fromisoformat(opened_at)
    return Lot(opened_by, Side(side), Decimal(quantity), Decimal(cost), at, is_accrued=bool(accrued))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _microseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(microseconds=1)


def _duration(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)
