"""What the API answers with. Amounts are text, exact; times are UTC in ISO 8601 and end in Z."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from jarvis.domain.money import plain
from jarvis.domain.order import Order
from jarvis.domain.people import ApiToken, Person
from jarvis.store.records import JournalLine, Overview, PositionRecord, TradingAccount

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="Exact, without an exponent.")]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="UTC, ISO 8601.")]


class Record(BaseModel):
    """Nothing that is not named here is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Record):
    """Why something was not done: a code for scripts, and a sentence."""

    code: str
    message: str


class ProblemAnswer(Record):
    """Every answer of 400 and above."""

    error: Problem


class Me(Record):
    """Whose token this is, and what it is good for."""

    user_id: str
    role: str
    scopes: list[str]
    expires_at: Instant

    @classmethod
    def of(cls, person: Person, token: ApiToken) -> "Me":
        """From what is kept."""
        return cls(
            user_id=person.user_id,
            role=person.role.value,
            scopes=sorted(scope.value for scope in token.scopes),
            expires_at=instant(token.expires_at),
        )


class AccountLine(Record):
    """One account. `is_own` is false where somebody else lets you look."""

    account_id: str
    venue: str
    environment: str
    label: str
    state: str
    state_reason: str
    is_own: bool
    connected_at: Instant

    @classmethod
    def of(cls, account: TradingAccount, person: Person) -> "AccountLine":
        """From what is kept."""
        return cls(
            account_id=account.account_id,
            venue=account.venue,
            environment=account.environment.value,
            label=account.label,
            state=account.state.value,
            state_reason=account.state_reason,
            is_own=account.owner_id == person.user_id,
            connected_at=instant(account.connected_at),
        )


class Margin(Record):
    """The account's margin as last read from the venue."""

    at: Instant
    asset: str
    equity: Amount
    free_margin: Amount
    used_margin: Amount
    unrealised: Amount
    margin_level: Amount | None


class AccountNow(AccountLine):
    """One account now; `margin` is null while nothing was read."""

    paused: bool
    blocks: list[str]
    margin: Margin | None

    @classmethod
    def now(cls, overview: Overview, person: Person) -> "AccountNow":
        """From what is kept."""
        margin = overview.margin
        return cls(
            **AccountLine.of(overview.account, person).model_dump(),
            paused=overview.marks.paused,
            blocks=[block.message for block in overview.marks.blocks],
            margin=None
            if margin is None
            else Margin(
                at=instant(margin.at),
                asset=margin.asset,
                equity=plain(margin.equity),
                free_margin=plain(margin.free_margin),
                used_margin=plain(margin.used_margin),
                unrealised=plain(margin.unrealised),
                margin_level=_amount(margin.margin_level),
            ),
        )


class Position(Record):
    """A position from flat to flat; `result` is what the journal has booked so far, in quote."""

    position_id: str
    pair: str
    side: str
    strategy: str
    leverage: int
    quantity: Amount
    entry_price: Amount | None
    stop_price: Amount | None
    opened_at: Instant
    closed_at: Instant | None
    result: Amount

    @classmethod
    def of(cls, record: PositionRecord) -> "Position":
        """From what is kept."""
        story = record.story
        return cls(
            position_id=story.position_id,
            pair=str(story.pair),
            side="long" if story.entry_side.value == "buy" else "short",
            strategy=story.strategy,
            leverage=story.leverage,
            quantity=plain(abs(story.quantity)),
            entry_price=_amount(story.position.entry_price),
            stop_price=_amount(story.stop_price),
            opened_at=instant(story.opened_at),
            closed_at=None if story.closed_at is None else instant(story.closed_at),
            result=plain(record.waterfall().total),
        )


class OrderLine(Record):
    """One order."""

    client_order_id: str
    pair: str
    side: str
    type: str
    role: str
    status: str
    quantity: Amount
    filled_quantity: Amount
    limit_price: Amount | None
    trigger_price: Amount | None
    created_at: Instant

    @classmethod
    def of(cls, order: Order) -> "OrderLine":
        """From what is kept."""
        request = order.request
        return cls(
            client_order_id=request.client_order_id,
            pair=str(request.pair),
            side=request.side.value,
            type=request.order_type.value,
            role=request.role.value,
            status=order.status.value,
            quantity=plain(request.quantity),
            filled_quantity=plain(order.filled_quantity),
            limit_price=_amount(request.limit_price),
            trigger_price=_amount(request.trigger_price),
            created_at=instant(order.created_at),
        )


class Posted(Record):
    """An amount on one account of the journal; positive is a debit."""

    account: str
    asset: str
    amount: Amount


class LedgerLine(Record):
    """One entry of the journal; its postings sum to zero per asset."""

    entry_id: int
    at: Instant
    kind: str
    pair: str | None
    position_id: str | None
    postings: list[Posted]

    @classmethod
    def of(cls, line: JournalLine) -> "LedgerLine":
        """From what is kept."""
        entry = line.entry
        return cls(
            entry_id=line.entry_id,
            at=instant(entry.at),
            kind=entry.kind.value,
            pair=None if entry.pair is None else str(entry.pair),
            position_id=entry.position_id,
            postings=[
                Posted(account=each.account.value, asset=each.asset, amount=plain(each.amount))
                for each in entry.postings
            ],
        )


class Accounts(Record):
    """Accounts that you may look at, your own first."""

    accounts: list[AccountLine]


class Positions(Record):
    """Open positions, oldest first, then closed ones, latest first."""

    positions: list[Position]


class Orders(Record):
    """Orders that may still trade, oldest first, then finished ones, latest first."""

    orders: list[OrderLine]


class Ledger(Record):
    """Entries, latest first; ask again with `before` = the last `entry_id` for what is older."""

    entries: list[LedgerLine]


class Asked(Record):
    """The account's trader was asked; its state says when it has happened."""

    asked: str


def instant(at: datetime) -> str:
    """A time in UTC as ISO 8601."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def orders_of(unfinished: Iterable[Order], recent: Iterable[Order]) -> Orders:
    """Both kinds in one list, none twice."""
    finished = [order for order in recent if order.status.is_final]
    return Orders(orders=[OrderLine.of(order) for order in (*unfinished, *finished)])


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
