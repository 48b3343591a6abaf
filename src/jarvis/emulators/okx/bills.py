"""The account's bookings as OKX lists them: bills, hourly interest, loans, and positions that are over."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.sim.exchange import SimFill

TRANSFER, TRADE, LIQUIDATION, INTEREST, BORROW, REPAY = "1", "2", "5", "7", "16", "22"


@dataclass(frozen=True, slots=True)
class Bill:
    """One booking. `change` moved the cash of `asset` to `balance`; `position_change` the position of `pair`."""

    number: int
    kind: str
    sub_kind: str
    asset: Asset
    at: datetime
    change: Decimal = ZERO
    balance: Decimal = ZERO
    position_change: Decimal = ZERO
    position_balance: Decimal = ZERO
    interest: Decimal = ZERO
    profit: Decimal = ZERO
    fee: Decimal = ZERO
    pair: Pair | None = None
    margin_mode: str = ""
    fill: SimFill | None = None


@dataclass(frozen=True, slots=True)
class InterestRow:
    """What one hour of one loan cost. `pair` in futures mode only; `rate` is hourly."""

    number: int
    asset: Asset
    principal: Decimal
    rate: Decimal
    interest: Decimal
    at: datetime
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class LoanRow:
    """One borrowing or repayment; `kind` in OKX's words (`auto_borrow`), `owed` after it."""

    asset: Asset
    kind: str
    amount: Decimal
    owed: Decimal
    at: datetime
