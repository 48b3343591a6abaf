"""What a check said, as the wizard shows it and keeps it for coming back: words and amounts, nothing secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.account import AccountId
from jarvis.domain.money import plain
from jarvis.web.connecting.connect import ConnectOutcome, Funds, PermissionLine


@dataclass(frozen=True, slots=True)
class FundLine:
    """One asset at the venue."""

    asset: str
    total: Decimal
    available: Decimal
    owed: Decimal


@dataclass(frozen=True, slots=True)
class ToldFunds:
    """What was there; `failure` says why it is not known. Amounts of `asset`."""

    failure: str = ""
    lines: tuple[FundLine, ...] = ()
    asset: str = ""
    equity: Decimal = Decimal(0)
    free: Decimal = Decimal(0)

    @property
    def is_empty(self) -> bool:
        """Whether the venue said that there is nothing."""
        return not self.failure and not self.lines and self.equity <= 0


@dataclass(frozen=True, slots=True)
class Told:
    """One check of one key. `pending_id` names the key while it is kept; `taken` is what was taken off when pasting.

    `lent` is the highest leverage by pair, `margin` the venue's answer in words, both empty if it was not asked.
    """

    verdict: str
    message: str
    rows: tuple[PermissionLine, ...] = ()
    risks: tuple[str, ...] = ()
    margin: str = ""
    lent: Mapping[str, int] | None = None
    is_bound: bool | None = None
    checked_at: datetime | None = None
    ends_at: datetime | None = None
    funds: ToldFunds | None = None
    pending_id: str = ""
    account_id: AccountId | None = None
    taken: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the key can be used, confirmed or not."""
        return self.verdict in ("accepted", "accepted_with_risk")

    @property
    def waits(self) -> bool:
        """Whether what remains must be confirmed before the key is stored."""
        return self.verdict == "accepted_with_risk" and bool(self.pending_id)

    @property
    def to_mend(self) -> tuple[PermissionLine, ...]:
        """The boxes to tick or untick."""
        return tuple(row for row in self.rows if row.advice)

    @property
    def ends_in(self) -> timedelta | None:
        """How long the key has to live, by the venue's own clock when it was checked."""
        return self.ends_at - self.checked_at if self.ends_at and self.checked_at else None

    def to_json(self) -> str:
        """As text, every amount exact."""
        return json.dumps(asdict(self), default=_text)


def told_of(outcome: ConnectOutcome, taken: tuple[str, ...] = ()) -> Told:
    """What the pages show of an outcome."""
    offer, limits = outcome.eligibility, outcome.restrictions
    return Told(
        verdict=outcome.verdict,
        message=outcome.message,
        rows=outcome.rows,
        risks=outcome.risks,
        margin="" if offer is None else offer.message,
        lent=None if offer is None else {str(pair): leverage for pair, leverage in offer.leverages},
        is_bound=None if limits is None else limits.is_bound,
        checked_at=None if limits is None else limits.checked_at,
        ends_at=None if limits is None else limits.ends_at,
        funds=None if outcome.funds is None else _funds(outcome.funds),
        pending_id=outcome.pending_id,
        account_id=outcome.account_id,
        taken=taken,
    )


def told_from_json(text: str) -> Told | None:
    """What `Told.to_json` wrote; None for an empty text."""
    if not text:
        return None
    given: dict[str, Any] = json.loads(text)
    funds = given["funds"]
    return Told(
        **{
            **given,
            "rows": tuple(PermissionLine(**row) for row in given["rows"]),
            "risks": tuple(given["risks"]),
            "taken": tuple(given["taken"]),
            "checked_at": _instant(given["checked_at"]),
            "ends_at": _instant(given["ends_at"]),
            "funds": None
            if funds is None
            else ToldFunds(
                funds["failure"],
                tuple(
                    FundLine(each["asset"], Decimal(each["total"]), Decimal(each["available"]), Decimal(each["owed"]))
                    for each in funds["lines"]
                ),
                funds["asset"],
                Decimal(funds["equity"]),
                Decimal(funds["free"]),
            ),
        }
    )


def _funds(funds: Funds) -> ToldFunds:
    if funds.margin is None:
        return ToldFunds(failure=funds.failure)
    lines = tuple(FundLine(each.asset, each.total, each.available, each.owed) for each in funds.balances)
    return ToldFunds("", lines, funds.margin.asset, funds.margin.equity, funds.margin.free_margin)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
