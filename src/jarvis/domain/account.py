"""What a venue says about an account: balances, margin, positions, orders, ledger rows, and what a key may do."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import NewType

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, OrderReport

AccountId = NewType("AccountId", str)
"""Ours: one person's account at one venue."""
UserId = NewType("UserId", str)
CredentialId = NewType("CredentialId", str)
VenueName = NewType("VenueName", str)
LedgerRowId = NewType("LedgerRowId", str)


class Environment(Enum):
    """Whether the other side is the real venue or our sandbox. Sealed into every key, compared at every use."""

    LIVE = "live"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Credential:
    """Which sealed key is meant; holds nothing secret. `sealed` is opaque to everyone but the signer."""

    account_id: AccountId
    venue: VenueName
    credential_id: CredentialId
    environment: Environment
    sealed: bytes
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Balance:
    """An asset at the venue: `total`, of which `available` is not held by orders. Negative totals are debts."""

    asset: Asset
    total: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class MarginState:
    """The account's margin in `asset`. `margin_level` is equity over used margin (1.5 = 150 %), None when flat."""

    asset: Asset
    at: datetime
    equity: Decimal
    trade_balance: Decimal
    used_margin: Decimal
    free_margin: Decimal
    unrealised: Decimal
    margin_level: Decimal | None


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What the venue says is open on a pair: summed over its lots. `quantity` is positive, `side` opened it.

    `rollover_rate` is the fraction of cost charged per rollover period, None when the venue did not say.
    """

    pair: Pair
    side: Side
    quantity: Decimal
    cost: Decimal
    used_margin: Decimal
    lots: int = 1
    rollover_rate: Decimal | None = None
    next_rollover_at: datetime | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Positive long, negative short."""
        return self.quantity * self.side.sign


class LedgerKind(Enum):
    """What a venue's ledger row is about."""

    TRADE = "trade"
    MARGIN = "margin"
    ROLLOVER = "rollover"
    SETTLED = "settled"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    ADJUSTMENT = "adjustment"
    REWARD = "reward"
    CREDIT = "credit"
    CONVERSION = "conversion"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the venue's own ledger: the account's `asset` changed by `amount - fee` to `balance`.

    `ref_id` names what caused it (a fill or a position). For a margin fill the row's `amount` is the realised PnL
    and its `fee` the trading fee plus the margin-opening fee; for a rollover `amount` is zero and `fee` the charge.
    """

    row_id: LedgerRowId
    ref_id: str
    at: datetime
    kind: LedgerKind
    asset: Asset
    amount: Decimal
    fee: Decimal
    balance: Decimal

    @property
    def change(self) -> Decimal:
        """What it did to the balance."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """All that the venue says about the account at one time. Complete or not made at all: a failed read raises."""

    at: datetime
    balances: tuple[Balance, ...]
    margin: MarginState
    positions: tuple[VenuePosition, ...]
    open_orders: tuple[OrderReport, ...]

    def quantity(self, pair: Pair) -> Decimal:
        """Signed open quantity of a pair; zero when the venue lists none."""
        return sum((position.signed_quantity for position in self.positions if position.pair == pair), ZERO)


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Trading fee fractions of the account on a pair (0.0026 = 0.26 %)."""

    maker_rate: Decimal
    taker_rate: Decimal


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What a venue says an API key may do; names are the venue's own. An empty allow-list means any address."""

    granted: frozenset[str]
    label: str
    public_id: str
    ip_allowlist: tuple[str, ...] = ()
    expires_at: datetime | None = None
    history_limited: bool = False
    nonce_window: int = 0
    modified_at: datetime | None = None


AccountEvent = OrderReport | Fill | LedgerRow
"""What an account stream yields."""
