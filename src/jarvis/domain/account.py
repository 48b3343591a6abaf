"""What a venue says about an account: balances, margin, positions, orders, ledger rows, and what a key may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    """Which sealed key is meant; holds nothing secret. `sealed` and `policy` are the signer's, and opaque.

    Without a `policy` nothing can be opened with the key; it reads, cancels and closes.
    """

    account_id: AccountId
    venue: VenueName
    credential_id: CredentialId
    environment: Environment
    sealed: bytes
    revision: int = 1
    policy: bytes | None = None


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """What may be opened with a key: the pairs, and the largest quantity of one order in each."""

    largest: Mapping[Pair, Decimal]


@dataclass(frozen=True, slots=True)
class Balance:
    """An asset at the venue, net: `total` is what is held less what is owed, so a debt makes it negative.

    `available` is what is held and not kept by orders; `borrowed` is the principal owed and `interest` what has
    accrued on it and is not paid yet, both positive. Where a venue lends by position (Kraken) nothing is owed here.
    """

    asset: Asset
    total: Decimal
    available: Decimal
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def owed(self) -> Decimal:
        """Principal and interest together."""
        return self.borrowed + self.interest


@dataclass(frozen=True, slots=True)
class MarginState:
    """The account's margin in `asset`.

    `margin_level` means the same at every venue: equity over used (initial) margin, 1.5 = 150 %, None when nothing is
    used; at 1 nothing is free. `call_level` and `liquidation_level` are the levels, on the same scale, at which the
    venue warns and steps in. `venue_level` is the figure that the venue itself shows for it (Binance's margin level,
    OKX's margin ratio, Bybit's maintenance rate), None where it shows none.

    Where pairs are margined apart from each other (isolated), `by_pair` holds the state of each, the account's own
    amounts are their sums, and its levels are those of the pair that is nearest to liquidation.
    """

    asset: Asset
    at: datetime
    equity: Decimal
    trade_balance: Decimal
    used_margin: Decimal
    free_margin: Decimal
    unrealised: Decimal
    margin_level: Decimal | None
    call_level: Decimal = Decimal("0.8")
    liquidation_level: Decimal = Decimal("0.4")
    venue_level: Decimal | None = None
    by_pair: Mapping[Pair, "MarginState"] = field(default_factory=dict)

    def of(self, pair: Pair) -> "MarginState":
        """The margin that a position in `pair` lives on: its own where pairs are apart, else the account's."""
        return self.by_pair.get(pair, self)


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What the venue says is open on a pair: summed over its lots. `quantity` is positive, `side` opened it.

    Only venues that keep positions tell rows like this (Kraken; OKX in futures mode). At the others a position is
    what our fills made of the balances, and the snapshot's balances are its proof.
    `rollover_rate` is the fraction of cost charged per rollover period, None when the venue did not say. `borrowed`
    and `interest` (positive) are in `borrowed_asset`. `liquidation_price` is the venue's own, None if it has none.
    """

    pair: Pair
    side: Side
    quantity: Decimal
    cost: Decimal
    used_margin: Decimal
    lots: int = 1
    rollover_rate: Decimal | None = None
    next_rollover_at: datetime | None = None
    borrowed_asset: Asset | None = None
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO
    liquidation_price: Decimal | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Positive long, negative short."""
        return self.quantity * self.side.sign


class LedgerKind(Enum):
    """What a venue's ledger row is about."""

    TRADE = "trade"
    MARGIN = "margin"
    ROLLOVER = "rollover"
    INTEREST = "interest"
    LIQUIDATION_FEE = "liquidation_fee"
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

    Balances are net (see Balance), so borrowing and repaying move nothing and have no row. Interest is a row with
    `amount` zero and `fee` the charge in the borrowed asset, `pair` where pairs are margined apart. Where a fill's
    assets change hands at once (`Settlement.WALLET`), the fill is its own evidence: no row of its ledger is about one.
    `balance` is None where the venue does not tell it.
    """

    row_id: LedgerRowId
    ref_id: str
    at: datetime
    kind: LedgerKind
    asset: Asset
    amount: Decimal
    fee: Decimal
    balance: Decimal | None
    pair: Pair | None = None

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
    """What a venue says an API key may do; names are the venue's own.

    An empty allow-list means any address, unless `is_ip_restricted`: then the venue keeps its list to itself.
    `dies_unused_after` is how long the key may stay unused before the venue deletes it.
    """

    granted: frozenset[str]
    label: str
    public_id: str
    ip_allowlist: tuple[str, ...] = ()
    expires_at: datetime | None = None
    history_limited: bool = False
    nonce_window: int = 0
    modified_at: datetime | None = None
    is_ip_restricted: bool = False
    is_sub_account: bool = False
    dies_unused_after: timedelta | None = None


AccountEvent = OrderReport | Fill | LedgerRow
"""What an account stream yields."""
