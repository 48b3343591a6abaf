"""Accounts: which there are, their margin, what they hold at the venue, and how their equity went."""

from decimal import Decimal
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.account import Environment
from jarvis.domain.people import ApiToken, Person, Role, Scope
from jarvis.ledger.performance import EquityPoint
from jarvis.store.records import AccountState, ComparedBalance, Overview, Residual, TradingAccount
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import Door, Since, in_utc
from jarvis.web.api.records import (
    AccountIdText,
    AssetAmount,
    AssetText,
    Instant,
    MaybeInstant,
    Record,
    amount,
    instant,
    text,
    told,
    when,
)

TAG = "accounts"
Known = Annotated[str, Path(description="The account's id.", examples=["4f1c0d9a2b7e58c3a601"])]


class Me(Record):
    """Whose token this is, and what it is good for."""

    user_id: Annotated[str, text("The person's id.", "9b2f0c7de1a84455c302")]
    role: Role
    scopes: Annotated[list[Scope], Field(description="What the token is good for.", examples=[["exits", "read"]])]
    expires_at: Instant

    @classmethod
    def of(cls, person: Person, token: ApiToken) -> "Me":
        """From what is kept."""
        return cls(
            user_id=person.user_id,
            role=person.role,
            scopes=sorted(token.scopes, key=lambda scope: scope.value),
            expires_at=instant(token.expires_at),
        )


class AccountLine(Record):
    """One account. `is_own` is false where somebody else lets you look."""

    account_id: AccountIdText
    venue: Annotated[str, text("Where it is.", "kraken")]
    environment: Environment
    label: Annotated[str, text("The name that its owner gave it.", "Kraken, live")]
    state: Annotated[AccountState, Field(description="Only an armed account opens positions.", examples=["armed"])]
    state_reason: Annotated[str, text("Why it is in this state, if there is a reason.", "")]
    is_own: Annotated[bool, Field(examples=[True])]
    connected_at: Instant

    @classmethod
    def of(cls, account: TradingAccount, person: Person) -> "AccountLine":
        """From what is kept."""
        return cls(
            account_id=account.account_id,
            venue=account.venue,
            environment=account.environment,
            label=account.label,
            state=account.state,
            state_reason=account.state_reason,
            is_own=account.owner_id == person.user_id,
            connected_at=instant(account.connected_at),
        )


class Accounts(Record):
    """Accounts that you may look at, your own first."""

    accounts: list[AccountLine]


class Margin(Record):
    """The account's margin as last read from the venue."""

    at: Instant
    asset: AssetText
    equity: AssetAmount
    free_margin: Annotated[str, amount("In `asset`.", "18120.9")]
    used_margin: Annotated[str, amount("In `asset`.", "6967.56")]
    unrealised: Annotated[str, amount("In `asset`.", "224.5")]
    margin_level: Annotated[
        str | None, amount("Equity over used margin: 1.5 is 150 %. Null when nothing is used.", "3.63")
    ]


class AccountNow(AccountLine):
    """One account now; `margin` is null while nothing was read."""

    paused: Annotated[bool, Field(examples=[False])]
    blocks: Annotated[list[str], Field(description="Why entries wait, in sentences.", examples=[[]])]
    margin: Margin | None

    @classmethod
    def now(cls, overview: Overview, person: Person) -> "AccountNow":
        """From what is kept."""
        margin = overview.margin
        shown = None
        if margin is not None:
            shown = Margin(
                at=instant(margin.at),
                asset=margin.asset,
                equity=told(margin.equity) or "",
                free_margin=told(margin.free_margin) or "",
                used_margin=told(margin.used_margin) or "",
                unrealised=told(margin.unrealised) or "",
                margin_level=told(margin.margin_level),
            )
        return cls(
            **AccountLine.of(overview.account, person).model_dump(),
            paused=overview.marks.paused,
            blocks=[block.message for block in overview.marks.blocks],
            margin=shown,
        )


class Balance(Record):
    """One asset: what the journal says that it is, and what the venue does.

    `difference` is zero, or something is missing from the books. Where the venue keeps a wallet for each asset,
    `total` and what follows are what it last said; elsewhere they are null.
    """

    asset: AssetText
    cash: Annotated[str, amount("In `asset`, by the journal.", "25012.45")]
    at_venue: Annotated[str, amount("In `asset`, by the venue's own ledger.", "25012.45")]
    clearing: Annotated[str, amount("In `asset`: what fills promised and the venue has not shown yet.", "0")]
    difference: Annotated[str, amount("In `asset`.", "0")]
    total: Annotated[str | None, amount("In `asset`, net of debts.", "25012.45")]
    available: Annotated[str | None, amount("In `asset`.", "18120.9")]
    borrowed: Annotated[str | None, amount("In `asset`.", "0")]
    interest: Annotated[str | None, amount("In `asset`, owed and not paid yet.", "0")]

    @classmethod
    def of(cls, residual: Residual, compared: ComparedBalance | None) -> "Balance":
        """From what is kept."""

        def named(name: str) -> str | None:
            value: Decimal | None = None if compared is None else getattr(compared, name)
            return told(value)

        return cls(
            asset=residual.asset,
            cash=told(residual.cash) or "",
            at_venue=told(residual.at_venue) or "",
            clearing=told(residual.clearing) or "",
            difference=told(residual.difference) or "",
            total=named("total"),
            available=named("available"),
            borrowed=named("borrowed"),
            interest=named("interest"),
        )


class Balances(Record):
    """The account's assets, the books held against the venue."""

    balances: list[Balance]


class CurvePoint(Record):
    """Equity at an instant. `flow` is what was paid in (or, negative, out) since the point before."""

    at: Instant
    equity: AssetAmount
    flow: Annotated[str, amount("In `asset`.", "0")]

    @classmethod
    def of(cls, point: EquityPoint) -> "CurvePoint":
        """From what is kept."""
        return cls(at=instant(point.at), equity=told(point.equity) or "", flow=told(point.flow) or "")


class EquityCurve(Record):
    """The equity curve, oldest point first. `asset` is null while there is no point."""

    asset: Annotated[str | None, text("What equity is reckoned in.", "USD")]
    since: MaybeInstant
    points: list[CurvePoint]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/me", TAG, scope=None)
    async def me(caller: known) -> Me:
        """Whose token this is."""
        return Me.of(caller.person, caller.token)

    @door.get("/accounts", TAG)
    async def accounts(caller: known) -> Accounts:
        """Accounts that you may look at."""
        found = await web.accounts(caller.person)
        return Accounts(accounts=[AccountLine.of(each, caller.person) for each in found])

    @door.get("/accounts/{account_id}", TAG)
    async def account(caller: known, account_id: Known) -> AccountNow:
        """One account now: its state, why entries wait, and its margin."""
        found = await readable(web, caller, account_id)
        overview = await web.store.overview(found.owner_id, found.account_id)
        if overview is None:
            raise HTTPException(404)
        return AccountNow.now(overview, caller.person)

    @door.get("/accounts/{account_id}/balances", TAG)
    async def balances(caller: known, account_id: Known) -> Balances:
        """What the account holds in each asset: by the journal, and by the venue."""
        found = await readable(web, caller, account_id)
        compared = {each.asset: each for each in await web.store.balances(found.owner_id, found.account_id)}
        residuals = await web.store.residuals(found.owner_id, found.account_id)
        return Balances(balances=[Balance.of(each, compared.get(each.asset)) for each in residuals])

    @door.get("/accounts/{account_id}/equity", TAG)
    async def equity(
        caller: known,
        account_id: Known,
        points: Annotated[int, Query(ge=2, le=1000, description="At most so many points.", examples=[200])] = 200,
        since: Since = None,
    ) -> EquityCurve:
        """The equity curve, evenly over time."""
        found = await readable(web, caller, account_id)
        owner, name = found.owner_id, found.account_id
        curve = await web.store.equity_curve(owner, name, points=points, since=in_utc(since))
        overview = await web.store.overview(owner, name)
        asset = overview.margin.asset if overview and overview.margin and curve else None
        return EquityCurve(
            asset=asset, since=when(curve[0].at if curve else None), points=[CurvePoint.of(each) for each in curve]
        )
