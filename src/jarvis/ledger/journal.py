"""Double entry: every fill and every row of the venue's ledger becomes an entry that sums to zero per asset.

A positive posting is a debit (more cash, more expense), a negative one a credit (income, equity). `cash` is what the
venue's own balance is; `clearing` is what fills promised and the venue's ledger has not shown yet, zero once all rows
have come. Fills and rows may come in any order, and a fill's cash in one row or in several.

The margin-opening fee is in no fill: it is what the rows of a fill take beyond its realised PnL less its trading fee.
With T the sum of those rows so far and d = (realised - fee) - T, the opening fee booked is d while d is not negative;
a negative d means that more rows are awaited, and it stays in `clearing`. A fee booked too high after the first of
two rows is corrected by the second.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import Fill, PositionId
from jarvis.domain.position import NOTHING_REALISED, Realised


class Account(StrEnum):
    """Where amounts are posted."""

    CASH = "cash"
    CLEARING = "clearing"
    EXPOSURE = "exposure"
    CONTRA = "contra"
    BASIS = "basis"
    PRICE = "income:price"
    LIQUIDATION = "income:liquidation"
    REWARD = "income:reward"
    TRADING_FEE = "expense:trading_fee"
    OPENING_FEE = "expense:opening_fee"
    ROLLOVER = "expense:rollover"
    INTEREST = "expense:interest"
    LIQUIDATION_FEE = "expense:liquidation_fee"
    OPENING = "equity:opening"
    TRANSFERS = "equity:transfers"
    FOREIGN = "equity:foreign"
    ADJUSTMENT = "adjustment:venue"


class EntryKind(Enum):
    """What an entry is about. SETTLEMENT is the venue's ledger showing a margin fill; OPENING what was there before."""

    FILL = "fill"
    SETTLEMENT = "settlement"
    ROLLOVER = "rollover"
    INTEREST = "interest"
    LIQUIDATION_FEE = "liquidation_fee"
    OPENING = "opening"
    TRANSFER = "transfer"
    ADJUSTMENT = "adjustment"
    REWARD = "reward"
    FOREIGN = "foreign"


class UnbalancedError(ValueError):
    """Postings that do not sum to zero per asset: a broken invariant, never a user's mistake."""


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` of `asset` on one account; positive is a debit."""

    account: Account
    asset: Asset
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `ref_id` is the venue's: a fill's id, or the row's own reference.

    `position_id` and `pair` are None for what belongs to no position: transfers, rewards, trades made elsewhere.
    """

    kind: EntryKind
    at: datetime
    ref_id: str
    position_id: PositionId | None
    pair: Pair | None
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        """Refuse to exist unbalanced."""
        sums: dict[Asset, Decimal] = {}
        for posting in self.postings:
            if not posting.amount.is_finite():
                raise UnbalancedError(f"{self.kind.value} {self.ref_id}: an amount is not a finite number")
            sums[posting.asset] = sums.get(posting.asset, ZERO) + posting.amount
        left = {asset: amount for asset, amount in sums.items() if amount}
        if left:
            said = ", ".join(f"{amount} {asset}" for asset, amount in sorted(left.items()))
            raise UnbalancedError(f"{self.kind.value} {self.ref_id} does not sum to zero: {said} left")

    def amount(self, account: Account, asset: Asset) -> Decimal:
        """What this entry posts on one account in one asset."""
        return sum(
            (posting.amount for posting in self.postings if (posting.account, posting.asset) == (account, asset)), ZERO
        )


def entry_for_fill(
    fill: Fill, realised: Realised, position_id: PositionId | None, cleared_so_far: Decimal | None = None
) -> Entry:
    """The entry of one margin fill: exposure in base, and what it earned and cost in quote against clearing.

    `cleared_so_far` is the sum of changes of this fill's ledger rows in the fee's asset if they were booked before
    the fill, None if there are none. A liquidation's PnL is kept apart from what prices earned.
    Raises ValueError for a plain spot fill: Jarvis makes none, its rows are booked as foreign.
    """
    if not fill.is_margin:
        raise ValueError(f"fill {fill.fill_id} is a plain spot trade and has no entry of its own")
    quote = fill.pair.quote
    income = Account.LIQUIDATION if fill.is_liquidation else Account.PRICE
    opening_fee = _opening_fee(fill, realised, fill.fee_asset, cleared_so_far)
    postings = [
        Posting(Account.EXPOSURE, fill.pair.base, fill.signed_quantity),
        Posting(Account.CONTRA, fill.pair.base, -fill.signed_quantity),
        Posting(income, quote, -realised.pnl),
        Posting(Account.CLEARING, quote, realised.pnl),
        Posting(Account.TRADING_FEE, fill.fee_asset, fill.fee),
        Posting(Account.OPENING_FEE, fill.fee_asset, opening_fee),
        Posting(Account.CLEARING, fill.fee_asset, -fill.fee - opening_fee),
    ]
    return Entry(EntryKind.FILL, fill.at, fill.fill_id, position_id, fill.pair, _told(postings))


def entry_for_wallet_fill(
    fill: Fill, realised: Realised, position_id: PositionId | None, cost_step: Decimal, ours: Decimal | None = None
) -> Entry:
    """The entry of a fill whose assets change hands at once: cash in each of them, against basis, income and fees.

    `ours` is the part of the quantity that belongs to the position when the venue closed more than that by force; the
    rest is the owner's. Raises ValueError for a plain spot fill: see `entry_for_foreign_wallet_fill`.
    """
    if not fill.is_margin:
        raise ValueError(f"fill {fill.fill_id} is a plain spot trade and has no entry of its own")
    part, rest = divided(fill, fill.quantity if ours is None else ours, cost_step)
    base, quote = fill.pair.base, fill.pair.quote
    income = Account.LIQUIDATION if fill.is_liquidation else Account.PRICE
    fee = part.fee_in_quote(cost_step)
    fee_postings = [Posting(Account.TRADING_FEE, quote, fee)]
    if fill.fee_asset not in (base, quote):
        fee_postings = [Posting(Account.TRADING_FEE, fill.fee_asset, fill.fee)]
    held, paid = part.held_quantity * part.side.sign, part.held_cost(cost_step) * part.side.sign
    postings = [
        *_changed_hands(fill),
        Posting(Account.BASIS, base, -held),
        Posting(Account.BASIS, quote, paid + realised.pnl - realised.interest),
        Posting(income, quote, -realised.pnl),
        Posting(Account.INTEREST, quote, realised.interest),
        *fee_postings,
    ]
    if rest is not None:
        postings += [Posting(Account.FOREIGN, each.asset, -each.amount) for each in _changed_hands(rest)]
    return Entry(EntryKind.FILL, fill.at, fill.fill_id, position_id, fill.pair, _told(postings))


def entry_for_foreign_wallet_fill(fill: Fill) -> Entry:
    """The entry of a fill that is not ours where assets change hands at once: the owner's equity bears it."""
    cash = _changed_hands(fill)
    against = [Posting(Account.FOREIGN, each.asset, -each.amount) for each in cash]
    return Entry(EntryKind.FOREIGN, fill.at, fill.fill_id, None, fill.pair, _told([*cash, *against]))


def divided(fill: Fill, quantity: Decimal, cost_step: Decimal) -> tuple[Fill, Fill | None]:
    """`fill` as a part of `quantity`, which bears the fee, and the rest; None when there is no rest."""
    if quantity == fill.quantity:
        return fill, None
    cost = round_nearest(fill.cost * quantity / fill.quantity, cost_step)
    rest = replace(fill, quantity=fill.quantity - quantity, cost=fill.cost - cost, fee=ZERO)
    return replace(fill, quantity=quantity, cost=cost), rest


def entry_for_opening(balances: Iterable[tuple[Asset, Decimal]], at: datetime) -> Entry:
    """The entry of what the account held or owed, net, when its books were opened: the owner's, never a position."""
    postings = []
    for asset, amount in balances:
        postings += [Posting(Account.CASH, asset, amount), Posting(Account.OPENING, asset, -amount)]
    return Entry(EntryKind.OPENING, at, "opening", None, None, _told(postings))


def entry_for_charge(
    row: LedgerRow, amount: Decimal, position_id: PositionId | None, pair: Pair | None, *, grows_debt: bool = False
) -> Entry:
    """The entry of one position's share of an interest or liquidation fee row, or of the account's own.

    `amount` is the share of the row's charge. `grows_debt`: the row is in base and made a short's debt larger, so the
    position's basis bears it until it is bought back.
    """
    kind = _KINDS[row.kind]
    against = Account.BASIS if grows_debt else _AGAINST[kind]
    postings = [Posting(Account.CASH, row.asset, -amount), Posting(against, row.asset, amount)]
    return Entry(kind, row.at, row.ref_id, position_id, pair, _told(postings))


def entry_for_row(
    row: LedgerRow,
    fill: Fill | None,
    realised: Realised = NOTHING_REALISED,
    cleared_so_far: Decimal | None = None,
    position_id: PositionId | None = None,
) -> Entry:
    """The entry of one row of the venue's ledger: cash by what the balance changed, against what it was for.

    `fill` is the fill that `row.ref_id` names and `realised` what it realised; None if the fill is not known (yet),
    or the row is not about one. `cleared_so_far` is the sum of changes of this reference's rows in the same asset
    that were booked before, None if there are none: zero is not none. A rollover's `position_id` is its lot's.
    """
    kind = _KINDS[row.kind]
    postings = [Posting(Account.CASH, row.asset, row.change)]
    if kind is not EntryKind.SETTLEMENT:
        postings.append(Posting(_AGAINST[kind], row.asset, -row.change))
    else:
        opening_fee = ZERO
        if fill is not None:
            total = (cleared_so_far or ZERO) + row.change
            before = _opening_fee(fill, realised, row.asset, cleared_so_far)
            opening_fee = _opening_fee(fill, realised, row.asset, total) - before
        postings.append(Posting(Account.OPENING_FEE, row.asset, opening_fee))
        postings.append(Posting(Account.CLEARING, row.asset, -row.change - opening_fee))
    pair = fill.pair if fill is not None else None
    return Entry(kind, row.at, row.ref_id, position_id, pair, (postings[0], *_told(postings[1:])))


def entry_for_foreign_fill(fill: Fill, asset: Asset, cleared: Decimal) -> Entry:
    """The entry of a margin fill that is not ours, whose rows (summing to `cleared`) came before it was known.

    Its rows wait in clearing as if they were ours; they go to the owner's equity, where later rows of it go at once.
    """
    postings = [Posting(Account.CLEARING, asset, cleared), Posting(Account.FOREIGN, asset, -cleared)]
    return Entry(EntryKind.FOREIGN, fill.at, fill.fill_id, None, fill.pair, _told(postings))


def totals(entries: Iterable[Entry]) -> dict[tuple[Account, Asset], Decimal]:
    """The balance of each account in each asset; all of one asset sum to zero."""
    sums: dict[tuple[Account, Asset], Decimal] = {}
    for entry in entries:
        for posting in entry.postings:
            key = posting.account, posting.asset
            sums[key] = sums.get(key, ZERO) + posting.amount
    return sums


def _changed_hands(fill: Fill) -> list[Posting]:
    """What a fill did to cash: base, quote, and the fee in its own asset."""
    return [
        Posting(Account.CASH, fill.pair.base, fill.signed_quantity),
        Posting(Account.CASH, fill.pair.quote, -fill.cost * fill.side.sign),
        Posting(Account.CASH, fill.fee_asset, -fill.fee),
    ]


def _opening_fee(fill: Fill, realised: Realised, asset: Asset, cleared: Decimal | None) -> Decimal:
    """The opening fee that rows summing to `cleared` show; zero before the first row."""
    if cleared is None:
        return ZERO
    promised = realised.pnl if asset == fill.pair.quote else ZERO
    if asset == fill.fee_asset:
        promised -= fill.fee
    return max(ZERO, promised - cleared)


def _told(postings: list[Posting]) -> tuple[Posting, ...]:
    """The postings that move something, one per account and asset, in the order of first mention."""
    sums: dict[tuple[Account, Asset], Decimal] = {}
    for posting in postings:
        key = posting.account, posting.asset
        sums[key] = sums.get(key, ZERO) + posting.amount
    return tuple(Posting(account, asset, amount) for (account, asset), amount in sums.items() if amount)


_KINDS = {
    LedgerKind.TRADE: EntryKind.FOREIGN,
    LedgerKind.MARGIN: EntryKind.SETTLEMENT,
    LedgerKind.ROLLOVER: EntryKind.ROLLOVER,
    LedgerKind.INTEREST: EntryKind.INTEREST,
    LedgerKind.LIQUIDATION_FEE: EntryKind.LIQUIDATION_FEE,
    LedgerKind.SETTLED: EntryKind.FOREIGN,
    LedgerKind.DEPOSIT: EntryKind.TRANSFER,
    LedgerKind.WITHDRAWAL: EntryKind.TRANSFER,
    LedgerKind.TRANSFER: EntryKind.TRANSFER,
    LedgerKind.ADJUSTMENT: EntryKind.ADJUSTMENT,
    LedgerKind.REWARD: EntryKind.REWARD,
    LedgerKind.CREDIT: EntryKind.REWARD,
    LedgerKind.CONVERSION: EntryKind.FOREIGN,
}
_AGAINST = {
    EntryKind.ROLLOVER: Account.ROLLOVER,
    EntryKind.INTEREST: Account.INTEREST,
    EntryKind.LIQUIDATION_FEE: Account.LIQUIDATION_FEE,
    EntryKind.TRANSFER: Account.TRANSFERS,
    EntryKind.ADJUSTMENT: Account.ADJUSTMENT,
    EntryKind.REWARD: Account.REWARD,
    EntryKind.FOREIGN: Account.FOREIGN,
}
