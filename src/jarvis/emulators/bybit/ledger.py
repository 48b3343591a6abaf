"""The account's transaction log: every change of every coin's wallet balance, as it happened.

The wallet balance includes what was borrowed, so a loan adds to it and a repayment takes from it. Interest is taken
from the wallet and lent at once, as the venue does with a wallet that cannot pay: two rows, of which only the first
changes what the account is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.bybit.state import VenueState, symbol_of
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.emulators.bybit.views import fill_row
from jarvis.sim.exchange import SimBorrow, SimEvent, SimFill, SimInterest, SimLedger, SimRepay

# The exchange tells these by events of their own.
_OWN_EVENTS = frozenset({LedgerKind.INTEREST, LedgerKind.TRADE, LedgerKind.MARGIN})


@dataclass(frozen=True, slots=True)
class LogRow:
    """One change: `cash_flow` less `fee` is what it did to the coin's wallet balance, which is `balance` after it."""

    number: int
    at: datetime
    kind: str
    asset: Asset
    cash_flow: Decimal
    fee: Decimal
    balance: Decimal
    fill: SimFill | None = None
    order_id: str = ""

    @property
    def change(self) -> Decimal:
        """What it did to the wallet balance."""
        return self.cash_flow - self.fee


class TransactionLog:
    """The rows of all accounts, written from the exchange's events."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._rows: dict[str, list[LogRow]] = {}
        self._balances: dict[tuple[str, Asset], Decimal] = {}
        self._count = 0

    def of(self, account: str) -> Sequence[LogRow]:
        """The account's rows, oldest first."""
        return self._rows.get(account, ())

    def write(self, events: Sequence[SimEvent]) -> None:
        """Write down what these events did."""
        for event in events:
            match event:
                case SimLedger(account=account, row=row) if row.kind not in _OWN_EVENTS:
                    self._add(account, row.at, _kind_of(row), row.asset, row.amount, row.fee)
                case SimFill():
                    self._fill(event)
                case SimBorrow(account=account, asset=asset, amount=amount, at=at, order_id=order_id):
                    self._add(account, at, "BORROW", asset, amount, order_id=self._order(order_id))
                case SimRepay(account=account, asset=asset, principal=principal, interest=interest, at=at):
                    self._add(account, at, "REPAY", asset, -(principal + interest))
                case SimInterest(account=account, asset=asset, interest=interest, at=at):
                    self._add(account, at, "INTEREST", asset, -interest)
                    self._add(account, at, "BORROW", asset, interest)
                case _:
                    pass

    def row(self, row: LogRow) -> Json:
        """One row as transaction-log writes it."""
        shown = fill_row(self._state, row.fill) if row.fill is not None else {}
        fill = row.fill.fill if row.fill is not None else None
        return {
            "id": f"{row.number}_{row.asset}",
            "symbol": symbol_of(fill.pair) if fill is not None else "",
            "category": "spot" if fill is not None else "",
            "side": shown.get("side", "None"),
            "transactionTime": str(millis(row.at)),
            "type": row.kind,
            "transSubType": "",
            "qty": number(fill.quantity) if fill is not None else number(abs(row.cash_flow)),
            "size": number(fill.quantity) if fill is not None else "0",
            "currency": row.asset,
            "tradePrice": number(fill.price) if fill is not None else "",
            "funding": "",
            "fee": number(row.fee),
            "cashFlow": number(row.cash_flow),
            "change": number(row.change),
            "cashBalance": number(row.balance),
            "feeRate": shown.get("feeRate", "") if row.fee else "",
            "bonusChange": "",
            "tradeId": shown.get("execId", ""),
            "orderId": shown.get("orderId", row.order_id),
            "orderLinkId": shown.get("orderLinkId", ""),
            "extraFees": "",
        }

    def _fill(self, event: SimFill) -> None:
        fill = event.fill
        kind = "LIQUIDATION" if fill.is_liquidation else "TRADE"
        for asset, flow in (
            (fill.pair.base, fill.quantity * fill.side.sign),
            (fill.pair.quote, -fill.cost * fill.side.sign),
        ):
            fee = fill.fee if asset == fill.fee_asset else ZERO
            self._add(event.account, fill.at, kind, asset, flow, fee, fill=event)

    def _add(
        self,
        account: str,
        at: datetime,
        kind: str,
        asset: Asset,
        cash_flow: Decimal,
        fee: Decimal = ZERO,
        *,
        fill: SimFill | None = None,
        order_id: str = "",
    ) -> None:
        self._count += 1
        balance = self._balances.get((account, asset), ZERO) + cash_flow - fee
        self._balances[account, asset] = balance
        row = LogRow(self._count, at, kind, asset, cash_flow, fee, balance, fill, order_id)
        self._rows.setdefault(account, []).append(row)

    def _order(self, order_id: object) -> str:
        return self._state.ids.order(order_id) if order_id else ""  # type: ignore[arg-type]


def _kind_of(row: LedgerRow) -> str:
    is_in = row.change > ZERO
    match row.kind:
        case LedgerKind.LIQUIDATION_FEE:
            return "LIQUIDATION"
        case LedgerKind.REWARD:
            return "AIRDROP"
        case LedgerKind.CONVERSION:
            return "CURRENCY_BUY" if is_in else "CURRENCY_SELL"
        case LedgerKind.ADJUSTMENT | LedgerKind.CREDIT:
            return "FEE_REFUND" if is_in else "AUTO_DEDUCTION"
        case _:
            return "TRANSFER_IN" if is_in else "TRANSFER_OUT"
