"""What a person wants by hand, as it is kept on its way to the account's trader: every number exact."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.trading.strategy import Protection, TakeProfit

Wish = OpenByHand | AdjustByHand | CloseByHand

KINDS = {OpenByHand: "open", AdjustByHand: "adjust", CloseByHand: "close"}
"""The kind of the command that carries each."""


def wish_text(wish: Wish) -> str:
    """The wish without its pair and its time."""
    match wish:
        case OpenByHand():
            protection = wish.protection
            time_stop = protection.time_stop
            fields: dict[str, Any] = {
                "side": wish.side.value,
                "quantity": str(wish.quantity),
                "price": str(wish.price),
                "leverage": wish.leverage,
                "stop_distance": str(protection.stop_distance),
                "trailing": protection.trailing,
                "targets": [[str(rung.distance), str(rung.share)] for rung in protection.take_profits],
                "time_stop": None if time_stop is None else time_stop // timedelta(seconds=1),
            }
        case AdjustByHand():
            fields = {
                "stop_price": None if wish.stop_price is None else str(wish.stop_price),
                "trailing": wish.trailing,
                "close_at": None if wish.close_at is None else wish.close_at.isoformat(),
                "target_price": None if wish.target_price is None else str(wish.target_price),
            }
        case CloseByHand():
            fields = {"share": str(wish.share)}
    return json.dumps(fields)


def wish_of(kind: str, pair: Pair, text: str, at: datetime) -> Wish:
    """The wish that `wish_text` wrote, as of `at`."""
    fields: dict[str, Any] = json.loads(text)
    if kind == "close":
        return CloseByHand(at, pair, Decimal(fields["share"]))
    if kind == "adjust":
        stop, close_at, target = fields["stop_price"], fields["close_at"], fields.get("target_price")
        return AdjustByHand(
            at,
            pair,
            None if stop is None else Decimal(stop),
            fields["trailing"],
            None if close_at is None else datetime.fromisoformat(close_at),
            None if target is None else Decimal(target),
        )
    return OpenByHand(
        at,
        pair,
        Side(fields["side"]),
        Decimal(fields["quantity"]),
        Decimal(fields["price"]),
        fields["leverage"],
        Protection(
            Decimal(fields["stop_distance"]),
            fields["trailing"],
            tuple(TakeProfit(Decimal(distance), Decimal(share)) for distance, share in fields["targets"]),
            None if fields["time_stop"] is None else timedelta(seconds=fields["time_stop"]),
        ),
    )
