"""What the exchange keeps: accounts, prices, the time, and the events not yet told. Plain state, no rules."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappush

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, FillId, VenueOrderId
from jarvis.sim.exchange.ids import Ids
from jarvis.sim.exchange.records import (
    SimBorrow,
    SimEvent,
    SimFill,
    SimInterest,
    SimLedger,
    SimLiquidation,
    SimLot,
    SimOrder,
    SimRepay,
)
from jarvis.sim.models import VenueModel, WalletModel

ROLLOVER, INTEREST, EXPIRY = 0, 1, 2
"""Timers of one instant: rollover and interest are charged before the bar that ends then, an order expires after."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The open lots of a pair in sum. `quantity` and `cost` are signed (a short's are negative)."""

    quantity: Decimal
    cost: Decimal
    margin: Decimal


FLAT = Exposure(ZERO, ZERO, ZERO)


@dataclass(slots=True)
class Account:
    """Everything of one account. Orders and lots are replaced by their newer selves, never changed."""

    name: str
    balances: dict[Asset, Decimal] = field(default_factory=dict)
    working: dict[Pair, dict[VenueOrderId, SimOrder]] = field(default_factory=dict)
    orders: dict[VenueOrderId, SimOrder] = field(default_factory=dict)
    closed: list[SimOrder] = field(default_factory=list)
    client_ids: dict[ClientOrderId, VenueOrderId] = field(default_factory=dict)
    holds: dict[VenueOrderId, tuple[Asset, Decimal]] = field(default_factory=dict)
    open_lots: dict[Pair, list[SimLot]] = field(default_factory=dict)
    lots: dict[FillId, SimLot] = field(default_factory=dict)
    exposures: dict[Pair, Exposure] = field(default_factory=dict)
    ledger: list[LedgerRow] = field(default_factory=list)
    fills: list[SimFill] = field(default_factory=list)
    margin_called: bool = False
    pot: str = ""
    debts: dict[Asset, Decimal] = field(default_factory=dict)
    interest: dict[Asset, Decimal] = field(default_factory=dict)
    may_borrow: bool = True
    fee_asset: Asset | None = None
    borrows: list[SimBorrow] = field(default_factory=list)
    repays: list[SimRepay] = field(default_factory=list)
    interests: list[SimInterest] = field(default_factory=list)
    liquidations: list[SimLiquidation] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the hall knows it by: the owner's name, and the pot's of an isolated pair."""
        return f"{self.name}|{self.pot}" if self.pot else self.name

    def apart(self, pot: str) -> "Account":
        """A new account of the same owner for an isolated pair: money and debts of its own, one history with this."""
        return Account(
            self.name,
            pot=pot,
            may_borrow=self.may_borrow,
            fee_asset=self.fee_asset,
            orders=self.orders,
            closed=self.closed,
            client_ids=self.client_ids,
            ledger=self.ledger,
            fills=self.fills,
            borrows=self.borrows,
            repays=self.repays,
            interests=self.interests,
            liquidations=self.liquidations,
        )

    def owed(self, asset: Asset) -> Decimal:
        """Principal and interest."""
        return self.debts.get(asset, ZERO) + self.interest.get(asset, ZERO)

    def net(self, asset: Asset) -> Decimal:
        """What is there less what is owed."""
        return self.balances.get(asset, ZERO) - self.owed(asset)

    def free(self, asset: Asset, *, besides: VenueOrderId | None = None) -> Decimal:
        """What is there and not held by orders, one order left out."""
        return self.balances.get(asset, ZERO) - self.held(asset, besides=besides)

    def hold_position(self, pair: Pair, change: Decimal) -> None:
        """Move what a wallet's fills and interest made of a pair's base."""
        quantity = self.quantity(pair) + change
        if quantity:
            self.exposures[pair] = Exposure(quantity, ZERO, ZERO)
        else:
            self.exposures.pop(pair, None)

    def quantity(self, pair: Pair) -> Decimal:
        """The signed margin position."""
        return self.exposures.get(pair, FLAT).quantity

    def held(self, asset: Asset, *, besides: VenueOrderId | None = None) -> Decimal:
        """What open spot orders hold of an asset, one order left out."""
        held = ZERO
        for order_id, (held_asset, amount) in self.holds.items():
            if held_asset == asset and order_id != besides:
                held += amount
        return held

    def keep_order(self, order: SimOrder) -> None:
        """Store an order's newest self, among the working ones while it is open."""
        self.orders[order.order_id] = order
        working = self.working.setdefault(order.pair, {})
        if order.is_open:
            working[order.order_id] = order
        else:
            working.pop(order.order_id, None)
            self.holds.pop(order.order_id, None)
            self.closed.append(order)

    def keep_lot(self, lot: SimLot) -> None:
        """Store a lot's newest self; it leaves the open ones when nothing is left of it."""
        self.lots[lot.lot_id] = lot
        kept = [each for each in self.open_lots.get(lot.pair, ()) if each.lot_id != lot.lot_id]
        if lot.is_open:
            kept.append(lot)
            kept.sort(key=lambda each: each.number)
        if kept:
            self.open_lots[lot.pair] = kept
            sign = kept[0].side.sign
            self.exposures[lot.pair] = Exposure(
                quantity=sum((each.remaining_quantity for each in kept), ZERO) * sign,
                cost=sum((each.remaining_cost for each in kept), ZERO) * sign,
                margin=sum((each.remaining_margin for each in kept), ZERO),
            )
        else:
            self.open_lots.pop(lot.pair, None)
            self.exposures.pop(lot.pair, None)


@dataclass(slots=True)
class Hall:
    """The venue as a whole. `prices` are the last ones; `priced_until` is when each pair's last bar closed."""

    model: VenueModel
    asset: Asset
    step: timedelta
    ids: Ids
    now: datetime
    instruments: dict[Pair, Instrument]
    prices: dict[Pair, Decimal]
    priced_until: dict[Pair, datetime]
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[SimEvent] = field(default_factory=list)
    timers: list[tuple[datetime, int, int, str, str]] = field(default_factory=list)
    order_count: int = 0
    trade_count: int = 0
    timer_count: int = 0
    loan_count: int = 0
    not_lent: set[Asset] = field(default_factory=set)

    def next_loan_number(self) -> int:
        """The number of a new borrowing, repayment or charge."""
        self.loan_count += 1
        return self.loan_count

    def rates(self, account: Account) -> WalletModel:
        """What a wallet account pays and must keep. Raises ValueError where margin works by lots."""
        wallet = self.model.wallet
        if wallet is None:
            raise ValueError("this venue has no wallet accounts")
        return (wallet.isolated or wallet) if account.pot else wallet

    def is_trading(self, pair: Pair) -> bool:
        """Whether orders of the pair can match now: it is not halted, and no bar of it is missing."""
        return self._matches(pair) and self.now < self.priced_until[pair] + self.step

    def has_price(self, pair: Pair) -> bool:
        """Whether a forced closing can use the pair's last price: it is not halted, and that is one bar old at most."""
        return self._matches(pair) and self.now <= self.priced_until[pair] + self.step

    def _matches(self, pair: Pair) -> bool:
        status = self.instruments[pair].status
        return status is not InstrumentStatus.CANCEL_ONLY and status is not InstrumentStatus.DELISTED

    def price_of(self, asset: Asset) -> Decimal:
        """An asset in the margin's asset at the last price; zero if no pair prices it."""
        return Decimal(1) if asset == self.asset else self.prices.get(Pair(asset, self.asset), ZERO)

    def set_timer(self, at: datetime, kind: int, account: Account, subject: str) -> None:
        """Wake up at `at` for a lot or an order."""
        self.timer_count += 1
        heappush(self.timers, (at, kind, self.timer_count, account.key, subject))

    def next_order_number(self) -> int:
        """The place of a new order in time."""
        self.order_count += 1
        return self.order_count

    def next_trade_number(self) -> int:
        """The number of a new trade."""
        self.trade_count += 1
        return self.trade_count

    def post(
        self, account: Account, ref_id: str, kind: LedgerKind, asset: Asset, amount: Decimal, fee: Decimal
    ) -> LedgerRow:
        """Change a balance by `amount - fee`; the ledger row, which the caller tells when its turn comes."""
        account.balances[asset] = account.balances.get(asset, ZERO) + amount - fee
        return self.note(account, ref_id, kind, asset, amount, fee)

    def note(
        self, account: Account, ref_id: str, kind: LedgerKind, asset: Asset, amount: Decimal, fee: Decimal
    ) -> LedgerRow:
        """The ledger row of a change that was made already; its balance is net of what is owed."""
        pair = Pair.parse(account.pot) if account.pot else None
        row = LedgerRow(self.ids.ledger_row(), ref_id, self.now, kind, asset, amount, fee, account.net(asset), pair)
        account.ledger.append(row)
        return row

    def tell_row(self, account: Account, row: LedgerRow) -> None:
        """Tell a ledger row."""
        self.events.append(SimLedger(account.name, row))
