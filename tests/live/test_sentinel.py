"""The sentinel by itself: rows, loans, and telling when the store cannot take it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountSnapshot, Balance, LedgerKind, LedgerRow, LedgerRowId, MarginState, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Order, OrderRequest, OrderRole, OrderStatus, OrderType
from jarvis.domain.traits import Settlement
from jarvis.live.books import Books
from jarvis.live.reconcile import Comparison
from jarvis.live.sentinel import LOOK_EVERY, Sentinel
from jarvis.store.db import Store
from jarvis.store.errors import StoreBusy
from jarvis.trading.events import EngineEvent, ForeignSeen, StrangersKnown
from jarvis.trading.state import EngineState, Marks
from tests.store.samples import ACCOUNT, NOON, OWNER, at, connect

D = Decimal
BTC, USDT = Asset("BTC"), Asset("USDT")
PAIR = Pair(BTC, USDT)
QUIET = Comparison((), (), (), (), ())


def sentinel(store: Store, state: EngineState | None = None) -> Sentinel:
    books = Books(NOON, {}, set(), {}, None, None, Settlement.WALLET)
    return Sentinel(ACCOUNT, VenueName("binance"), store, books, state or EngineState(marks=Marks(strangers=())))


def row(kind: LedgerKind, amount: str) -> LedgerRow:
    return LedgerRow(LedgerRowId("r1"), "ref", NOON, kind, USDT, D(amount), ZERO, None)


def snapshot(**borrowed: str) -> AccountSnapshot:
    margin = MarginState(USDT, NOON, ZERO, ZERO, ZERO, ZERO, ZERO, None)
    balances = tuple(Balance(Asset(asset), -D(amount), ZERO, D(amount)) for asset, amount in borrowed.items())
    return AccountSnapshot(NOON, balances, margin, (), ())


def order(side: Side = Side.BUY, *, role: OrderRole = OrderRole.ENTRY) -> Order:
    request = OrderRequest(ClientOrderId("jv1"), PAIR, side, OrderType.LIMIT, D("0.1"), 5, role, limit_price=D(60_000))
    return Order(request, NOON)


def found(watch: Sentinel, seen: AccountSnapshot, comparison: Comparison = QUIET) -> Sequence[EngineEvent]:
    return list(watch.of_comparison(comparison, seen, NOON))


@pytest.mark.parametrize(
    ("kind", "amount", "is_foreign"),
    [
        (LedgerKind.WITHDRAWAL, "-5", True),
        (LedgerKind.TRANSFER, "-5", True),
        (LedgerKind.ADJUSTMENT, "-5", True),
        (LedgerKind.DEPOSIT, "5", False),
        (LedgerKind.TRANSFER, "5", False),
        (LedgerKind.WITHDRAWAL, "5", False),
        (LedgerKind.INTEREST, "-5", False),
        (LedgerKind.ROLLOVER, "-5", False),
        (LedgerKind.MARGIN, "-5", False),
        (LedgerKind.CONVERSION, "-5", False),
        (LedgerKind.LIQUIDATION_FEE, "-5", False),
    ],
)
async def test_only_money_that_leaves_without_us_is_foreign(
    sqlite_store: Store, kind: LedgerKind, amount: str, is_foreign: bool
) -> None:
    seen = sentinel(sqlite_store).of_row(row(kind, amount))

    assert (seen is not None) is is_foreign
    assert seen is None or seen.pair is None


async def test_what_is_owed_at_the_first_look_is_no_news(sqlite_store: Store) -> None:
    assert found(sentinel(sqlite_store), snapshot(USDT="5000")) == []


async def test_a_loan_that_no_order_of_ours_asked_for_is_foreign(sqlite_store: Store) -> None:
    watch = sentinel(sqlite_store)
    found(watch, snapshot())

    (seen,) = found(watch, snapshot(USDT="5000"))

    assert isinstance(seen, ForeignSeen)
    assert "borrowed 5000 USDT" in seen.message
    assert found(watch, snapshot(USDT="5000")) == []


@pytest.mark.parametrize(("side", "asset", "most"), [(Side.BUY, "USDT", "6300"), (Side.SELL, "BTC", "0.1")])
async def test_an_order_of_ours_explains_what_it_may_borrow_and_no_more(
    sqlite_store: Store, side: Side, asset: str, most: str
) -> None:
    for amount, is_foreign in ((most, False), (str(D(most) + D("0.01")), True)):
        watch = sentinel(sqlite_store)
        found(watch, snapshot())
        watch.placed(order(side))

        assert bool(found(watch, snapshot(**{asset: amount}))) is is_foreign


async def test_a_loan_may_show_one_look_later_than_its_order_and_not_two(sqlite_store: Store) -> None:
    for looks, is_foreign in ((1, False), (2, True)):
        watch = sentinel(sqlite_store)
        found(watch, snapshot())
        watch.placed(order())
        for _ in range(looks):
            found(watch, snapshot())

        assert bool(found(watch, snapshot(USDT="6000"))) is is_foreign


async def test_an_order_that_rests_may_borrow_whenever_it_fills(sqlite_store: Store) -> None:
    resting = replace(order(), status=OrderStatus.OPEN)
    state = EngineState(orders={resting.client_order_id: resting}, marks=Marks(strangers=()))
    watch = sentinel(sqlite_store, state)
    for _ in range(5):
        found(watch, snapshot())

    assert found(watch, snapshot(USDT="6000")) == []


async def test_interest_on_a_loan_is_no_new_loan(sqlite_store: Store) -> None:
    watch = sentinel(sqlite_store)
    found(watch, snapshot(USDT="5000"))

    assert found(watch, snapshot(USDT="5020")) == []
    assert found(watch, snapshot(USDT="5200")) != []


async def test_the_first_look_of_all_learns_who_is_there(sqlite_store: Store) -> None:
    watch = sentinel(sqlite_store, EngineState())

    assert found(watch, snapshot()) == [StrangersKnown((), NOON)]


async def test_venues_without_news_of_transfers_are_asked_every_few_minutes(sqlite_store: Store) -> None:
    watch = sentinel(sqlite_store)
    assert not watch.look_is_due(NOON)
    watch.looked(NOON)

    due = [watch.look_is_due(NOON + LOOK_EVERY - timedelta(seconds=1)), watch.look_is_due(NOON + LOOK_EVERY)]

    assert due == [False, True]


async def test_a_pair_that_is_stopped_is_told_once_and_the_account_each_time(sqlite_store: Store) -> None:
    await connect(sqlite_store)
    watch = sentinel(sqlite_store)

    for number in range(3):
        await watch.tell_found(f"trade {number}", PAIR, at(number))
        await watch.tell_found(f"withdrawal {number}", None, at(number))
    watch.explained()
    await watch.tell_found("trade 9", PAIR, at(9))

    told = [notice.message for notice in reversed(await sqlite_store.notices_of(OWNER))]
    assert [words.split(": ")[1][:12] for words in told] == [
        "trade 0 If i", "withdrawal 0", "withdrawal 1", "withdrawal 2", "trade 9 If i",
    ]  # fmt: skip
    assert len(await sqlite_store.audit_of(OWNER, kinds=["foreign.activity"])) == len(told)


async def test_what_could_not_be_told_is_told_later_in_order(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(sqlite_store)
    watch = sentinel(sqlite_store)

    async def busy(*_: object, **__: object) -> None:
        raise StoreBusy("not now")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_store, "tell_owner", busy)
        await watch.tell_found("first", None, at(1))
        await watch.tell_found("second", None, at(2))
    assert await sqlite_store.notices_of(OWNER) == []

    await watch.tell_what_is_left()

    assert [notice.at for notice in reversed(await sqlite_store.notices_of(OWNER))] == [at(1), at(2)]
