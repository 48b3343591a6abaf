"""What a journal adds up to: per UTC day, and per any period of days. Pure.

Every amount is signed as it changed cash: income is positive, a fee negative. Because every entry sums to zero in each
asset, what cash changed in a day is exactly what the day's parts sum to; so days add up to months, and months to all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from enum import StrEnum

from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.journal import Account, Entry, Posting

_PRECISION = 80


class Part(StrEnum):
    """Why cash changed.

    OPENING is what was there when the books were opened; HELD is cash that became coins of a position (or a debt of
    one), at cost; CLEARING what fills promised and the venue has shown since, or not yet (then it is negative).
    """

    OPENING = "opening"
    PAID_IN = "paid_in"
    PAID_OUT = "paid_out"
    PRICE = "price"
    TRADING_FEE = "trading_fee"
    OPENING_FEE = "opening_fee"
    ROLLOVER = "rollover"
    INTEREST = "interest"
    LIQUIDATION = "liquidation"
    LIQUIDATION_FEE = "liquidation_fee"
    REWARD = "reward"
    ADJUSTMENT = "adjustment"
    FOREIGN = "foreign"
    HELD = "held"
    CLEARING = "clearing"


_PARTS: Mapping[Account, Part] = {
    Account.CLEARING: Part.CLEARING,
    Account.BASIS: Part.HELD,
    Account.PRICE: Part.PRICE,
    Account.LIQUIDATION: Part.LIQUIDATION,
    Account.REWARD: Part.REWARD,
    Account.TRADING_FEE: Part.TRADING_FEE,
    Account.OPENING_FEE: Part.OPENING_FEE,
    Account.ROLLOVER: Part.ROLLOVER,
    Account.INTEREST: Part.INTEREST,
    Account.LIQUIDATION_FEE: Part.LIQUIDATION_FEE,
    Account.OPENING: Part.OPENING,
    Account.FOREIGN: Part.FOREIGN,
    Account.ADJUSTMENT: Part.ADJUSTMENT,
}


@dataclass(frozen=True, slots=True)
class DaySum:
    """What one part did to the cash of one asset on one UTC day."""

    day: date
    part: Part
    asset: Asset
    amount: Decimal


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One asset in a period: cash before it, what changed it, and cash after it."""

    asset: Asset
    opening: Decimal
    parts: Mapping[Part, Decimal]

    @property
    def change(self) -> Decimal:
        """What all parts did to cash."""
        return exact_sum(self.parts.values())

    @property
    def closing(self) -> Decimal:
        """Cash at the end of the period."""
        return exact_sum((self.opening, *self.parts.values()))


@dataclass(frozen=True, slots=True)
class Statement:
    """A period that begins on the UTC day `start`, with a line of every asset that was ever touched until its end."""

    start: date
    lines: tuple[StatementLine, ...]

    def line(self, asset: Asset) -> StatementLine | None:
        """The line of one asset."""
        return next((line for line in self.lines if line.asset == asset), None)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum to the last digit, however small the amounts and however large the sum."""
    with localcontext(prec=_PRECISION):
        return sum(amounts, ZERO)


def part_of(posting: Posting) -> Part | None:
    """Why cash changed by the opposite of this posting; None for cash itself, and for exposure, which is no cash."""
    if posting.account is Account.TRANSFERS:
        return Part.PAID_IN if posting.amount < 0 else Part.PAID_OUT
    return _PARTS.get(posting.account)


def day_of(at: datetime) -> date:
    """The UTC day of an instant."""
    return at.astimezone(UTC).date()


def day_sums(entries: Iterable[Entry]) -> dict[tuple[date, Part, Asset], Decimal]:
    """What every part did to cash, by UTC day."""
    sums: dict[tuple[date, Part, Asset], Decimal] = {}
    with localcontext(prec=_PRECISION):
        for entry in entries:
            day = day_of(entry.at)
            for posting in entry.postings:
                part = part_of(posting)
                if part is not None:
                    key = day, part, posting.asset
                    sums[key] = sums.get(key, ZERO) - posting.amount
    return sums


def statements(sums: Iterable[DaySum], begins: Callable[[date], date]) -> list[Statement]:
    """The statements of all periods in which something happened, oldest first.

    `begins` says on which day the period of a day begins: the day itself, the first of its month.
    """
    periods: dict[date, dict[Asset, dict[Part, Decimal]]] = {}
    with localcontext(prec=_PRECISION):
        for one in sums:
            parts = periods.setdefault(begins(one.day), {}).setdefault(one.asset, {})
            parts[one.part] = parts.get(one.part, ZERO) + one.amount
    cash: dict[Asset, Decimal] = {}
    made = []
    for start in sorted(periods):
        changed = periods[start]
        lines = [
            StatementLine(
                asset,
                cash.get(asset, ZERO),
                {part: changed[asset][part] for part in Part if changed.get(asset, {}).get(part)},
            )
            for asset in sorted({*cash, *changed})
        ]
        cash = {line.asset: line.closing for line in lines}
        made.append(Statement(start, tuple(lines)))
    return made


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)
