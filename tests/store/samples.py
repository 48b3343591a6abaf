"""An owner, a stranger, and one account in the middle of its day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.accounts.people import Person, Role
from jarvis.domain.account import (
    AccountId,
    Credential,
    CredentialId,
    Environment,
    LedgerKind,
    LedgerRow,
    LedgerRowId,
    MarginState,
    UserId,
    VenueName,
)
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderEvent,
    OrderRequest,
    OrderRole,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.domain.position import NOTHING_REALISED, Position
from jarvis.ledger.journal import Entry, entry_for_fill, entry_for_row
from jarvis.store.db import Store
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection, TakeProfit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KRAKEN = VenueName("kraken")
BTC_USD = Pair(Asset("BTC"), USD)
OWNER, STRANGER = UserId("owner"), UserId("stranger")
ACCOUNT, OTHER = AccountId("account-1"), AccountId("account-2")
POSITION = PositionId("p1")
FENCE = 1
TTL = timedelta(seconds=15)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def person(user_id: UserId = OWNER) -> Person:
    return Person(user_id, f"{user_id}@example.org", "$argon2id$made-up", Role.TRADER, NOON)


def credential(account_id: AccountId = ACCOUNT, credential_id: str = "key-1") -> Credential:
    return Credential(
        account_id, KRAKEN, CredentialId(credential_id), Environment.SANDBOX, b"sealed-" + credential_id.encode()
    )


async def connect(store: Store, account_id: AccountId = ACCOUNT, owner: UserId = OWNER) -> None:
    """Keep the owner, the account, and a lease on it with `FENCE`."""
    await store.add_person(person(owner))
    await store.connect_account(
        owner,
        credential(account_id, f"key of {account_id}"),
        fingerprint=f"print of {account_id}",
        label="main",
        public_id="abcd…wxyz",
        permissions_json="{}",
        verdict="accepted",
        execution_venue="international",
        at=NOON,
    )
    assert await store.acquire_lease(account_id, "worker-1", timedelta(days=400)) == FENCE


def order(
    number: int = 1,
    *,
    role: OrderRole = OrderRole.ENTRY,
    side: Side = Side.BUY,
    quantity: str = "0.5",
    created_at: datetime = NOON,
) -> Order:
    stop = role is OrderRole.STOP
    return Order(
        OrderRequest(
            client_order_id=ClientOrderId(f"jx{number:07d}"),
            pair=BTC_USD,
            side=side,
            order_type=OrderType.STOP if stop else OrderType.MARKET,
            quantity=Decimal(quantity),
            leverage=3,
            role=role,
            reduce_only=role is not OrderRole.ENTRY,
            trigger_price=Decimal("58000.5") if stop else None,
            position_id=POSITION,
            decision_price=Decimal("60000.1"),
        ),
        created_at,
    )


def sent(one: Order) -> Order:
    return one.after(OrderEvent.SEND)


def rests(one: Order) -> Order:
    number = one.client_order_id[-6:]
    return sent(one).after(OrderEvent.ACCEPT, venue_order_id=VenueOrderId(f"OAAAAA-BBBBB-{number}"))


def fill(
    number: int = 1,
    *,
    side: Side = Side.BUY,
    quantity: str = "0.5",
    price: str = "60000",
    fee: str = "12.3456",
    when: datetime = NOON,
    order_number: int = 1,
) -> Fill:
    return Fill(
        fill_id=FillId(f"TAAAAA-BBBBB-{number:06d}"),
        venue_order_id=VenueOrderId(f"OAAAAA-BBBBB-{order_number:06d}"),
        client_order_id=ClientOrderId(f"jx{order_number:07d}"),
        pair=BTC_USD,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        cost=Decimal(quantity) * Decimal(price),
        fee=Decimal(fee),
        fee_asset=USD,
        at=when,
    )


def opened(first: Fill) -> PositionStory:
    position, _ = Position(BTC_USD, Decimal("0.0001")).apply(first)
    return PositionStory(
        position_id=POSITION,
        pair=BTC_USD,
        strategy="donchian_breakout",
        position=position,
        protection=Protection(Decimal(1500), False, (TakeProfit(Decimal(3000), Decimal("0.5")),), None),
        leverage=3,
        entry_id=ClientOrderId("jx0000001"),
        entry_side=first.side,
        decision_price=Decimal("60000.1"),
        opened_at=first.at,
        opened_quantity=first.quantity,
        stop_price=Decimal("58500.1"),
        fill_ids=(first.fill_id,),
    )


def closed(story: PositionStory, last: Fill) -> tuple[PositionStory, Entry]:
    after, realised = story.booked(last)
    entry = entry_for_fill(last, realised, story.position_id)
    return replace(after, closed_at=last.at, exit_role=OrderRole.STOP), entry


def opening_entry(first: Fill) -> Entry:
    return entry_for_fill(first, NOTHING_REALISED, POSITION)


def row(
    number: int = 1,
    *,
    ref: str = "TAAAAA-BBBBB-000001",
    kind: LedgerKind = LedgerKind.MARGIN,
    amount: str = "0",
    fee: str = "18.3456",
    balance: str = "9981.6544",
    when: datetime = NOON,
) -> LedgerRow:
    return LedgerRow(
        LedgerRowId(f"LAAAAA-BBBBB-{number:06d}"), ref, when, kind, USD, Decimal(amount), Decimal(fee), Decimal(balance)
    )


def deposit(number: int, amount: str, balance: str, when: datetime) -> tuple[LedgerRow, Entry]:
    one = row(number, ref=f"dep{number}", kind=LedgerKind.DEPOSIT, amount=amount, fee="0", balance=balance, when=when)
    return one, entry_for_row(one, None)


def margin(when: datetime = NOON, equity: str = "10000.5") -> MarginState:
    return MarginState(USD, when, Decimal(equity), Decimal(9990), ZERO, Decimal(9990), Decimal("10.5"), None)


def bar(minute: int, close: str = "60000.5") -> Bar:
    price = Decimal(close)
    return Bar(
        BTC_USD, timedelta(minutes=1), NOON + timedelta(minutes=minute), price, price, price, price, Decimal("1.25")
    )


async def open_position(store: Store) -> PositionStory:
    """Write an intent, its fill and what the venue's ledger shows of it, as a trader does."""
    entry_order = order()
    first = fill()
    story = opened(first)
    await store.record_intent(ACCOUNT, entry_order, FENCE)
    await store.record_order(ACCOUNT, rests(entry_order))
    await store.record_fill(ACCOUNT, first, opening_entry(first), rests(entry_order).filled_by(first), story)
    charged = row()
    await store.record_ledger_row(ACCOUNT, charged, entry_for_row(charged, first, position_id=POSITION))
    await store.record_intent(ACCOUNT, order(2, role=OrderRole.STOP, side=Side.SELL, created_at=at(1)), FENCE)
    return story
