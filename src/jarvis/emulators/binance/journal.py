"""The capital flow: every change of a margin account's holdings, numbered as it happened, and force liquidations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.sim.exchange import SimBorrow, SimEvent, SimFill, SimLedger, SimRepay

_FIRST_FLOW = 9_000_000_000
_LEDGER_TYPES: Mapping[LedgerKind, str] = {
    LedgerKind.LIQUIDATION_FEE: "LIQUIDATION_FEE",
    LedgerKind.REWARD: "COMMISSION_RETURN",
    LedgerKind.CONVERSION: "SMALL_CONVERT",
}
_SILENT = frozenset({LedgerKind.INTEREST})


@dataclass(frozen=True, slots=True)
class Flow:
    """One row: `amount` is signed, what came in is positive."""

    number: int
    pot: str
    pair: Pair | None
    at: datetime
    asset: Asset
    kind: str
    amount: Decimal


class Journal:
    """The flows of every account, oldest first.

    `automatic_repays` are those that the venue made on an order's behalf. `burned` is what charges of interest (by
    number) cost in BNB; the rows and repayments by which the exchange books that are hidden.
    """

    def __init__(self) -> None:
        self.burned: dict[int, Decimal] = {}
        self.hidden_rows: set[str] = set()
        self.hidden_repays: set[int] = set()
        self.automatic_repays: set[int] = set()
        self._flows: dict[str, list[Flow]] = {}
        self._count = 0

    def flows(self, account: str) -> Sequence[Flow]:
        """All of an account's flows."""
        return self._flows.get(account, ())

    def book(self, events: Sequence[SimEvent]) -> None:
        """Write down what happened."""
        for event in events:
            match event:
                case SimFill():
                    self._book_fill(event)
                case SimBorrow():
                    self._add(event.account, event.pot, None, event.at, event.asset, "BORROW", event.amount)
                case SimRepay() if event.number not in self.hidden_repays:
                    paid = -(event.principal + event.interest)
                    self._add(event.account, event.pot, None, event.at, event.asset, "REPAY", paid)
                case SimLedger(account=account, row=row) if (
                    row.kind not in _SILENT and row.row_id not in self.hidden_rows
                ):
                    kind = _LEDGER_TYPES.get(row.kind, "TRANSFER")
                    pot = str(row.pair) if row.pair else ""
                    self._add(account, pot, row.pair, row.at, row.asset, kind, row.change)
                case _:
                    pass

    def _book_fill(self, event: SimFill) -> None:
        fill, pair = event.fill, event.fill.pair
        is_buy = fill.side is Side.BUY
        earned, spent = (fill.quantity, -fill.cost) if is_buy else (fill.cost, -fill.quantity)
        assets = (pair.base, pair.quote) if is_buy else (pair.quote, pair.base)
        side = "LIQUIDATION" if fill.is_liquidation else None
        kinds = (f"{fill.side.name}_INCOME", f"{fill.side.name}_EXPENSE")
        for asset, change, kind in zip(assets, (earned, spent), kinds, strict=True):
            name = f"{fill.side.name}_{side}" if side else kind
            self._add(event.account, event.pot, pair, fill.at, asset, name, change)
        if fill.fee != ZERO:
            self._add(event.account, event.pot, pair, fill.at, fill.fee_asset, "TRADING_COMMISSION", -fill.fee)

    def _add(
        self, account: str, pot: str, pair: Pair | None, at: datetime, asset: Asset, kind: str, change: Decimal
    ) -> None:
        self._count += 1
        where = pair or (Pair.parse(pot) if pot else None)
        self._flows.setdefault(account, []).append(Flow(_FIRST_FLOW + self._count, pot, where, at, asset, kind, change))
