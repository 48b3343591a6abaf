"""An order's intent on paper before its first byte leaves: the one write that a decision has to wait for.

Many accounts act on one signal, and a commit costs as much for one row as for hundreds. So intents that wait for the
database at the same time share a transaction. None is answered before the commit that holds it has returned.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jarvis.domain.account import AccountId
from jarvis.domain.order import Order
from jarvis.store.errors import DuplicateIntent, StoreError, StoreFull, StoreUnavailable
from jarvis.store.leases import LeaseStore, stale_fence
from jarvis.store.paper import DirectPaper, Key, Paper, ServerPaper, Statements
from jarvis.store.queues import Event, QueueStore
from jarvis.store.rows import order_values
from jarvis.store.whole import to_the_end, whole_by_itself
from jarvis.trading.state import ID_DIGITS

_TOGETHER = 500
"""Intents in one transaction at most: nobody else writes while it lasts."""

_Write = Callable[[Callable[[Paper], Mapping["_Intent", StoreError]]], Awaitable[Mapping["_Intent", StoreError]]]


@dataclass(frozen=True, slots=True, eq=False)
class _Intent:
    """An order that waits to be put on paper. `kept` is answered when it is, or has the reason why it is not."""

    account_id: AccountId
    order: Order
    fence: int
    kept: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def key(self) -> Key:
        """Its row's primary key."""
        return self.account_id, self.order.client_order_id


class IntentStore(QueueStore, LeaseStore):
    """Where orders are put on paper."""

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._waiting: list[_Intent] = []
        self._keeping: asyncio.Task[None] | None = None

    @whole_by_itself
    async def record_intent(self, account_id: AccountId, order: Order, fence: int) -> None:
        """Put a new order on paper, before its first byte leaves. Raises StaleFence and DuplicateIntent.

        An order that opens raises StoreFull already while the disk has no reserve left: what is left is for exits.
        """
        if not order.request.reduce_only and not self.has_room():
            raise StoreFull("the disk is nearly full: nothing is opened, so that exits can still be written")
        intent = _Intent(account_id, order, fence)
        self._waiting.append(intent)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_waiting())
        await to_the_end(intent.kept)

    async def _keep_waiting(self) -> None:
        """Put the intents that wait on paper, and who comes meanwhile too."""
        try:
            while self._waiting:
                await self._keep_batch()
        finally:
            self._keeping = None
            _refuse(self._waiting, StoreUnavailable("the program ends; this order is not on paper"))
            self._waiting.clear()

    async def _keep_batch(self) -> None:
        """Put intents that wait on paper, in one transaction, and answer them."""
        batch: Sequence[_Intent] = ()
        try:
            async with self._paper() as write:
                batch = self._take()  # only now: who came while we waited for the database comes along
                refused = await write(lambda paper: _keep(paper, batch))
        except StoreError as error:
            _refuse(batch or self._take(), error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to those who wait
            batch = batch or self._take()
            if len(batch) > 1:  # one of them cannot be written, and the others must not suffer for it
                for intent in batch:
                    await self._keep_alone(intent)
            else:
                _refuse(batch, error)
        else:
            _answer(batch, refused)
        finally:
            _refuse(batch, StoreUnavailable("the program ends; whether this order is on paper is not known"))

    async def _keep_alone(self, intent: _Intent) -> None:
        """Put one intent on paper in a transaction of its own."""
        try:
            async with self._paper() as write:
                refused = await write(lambda paper: _keep(paper, [intent]))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to this one
            intent.kept.set_exception(error)
        else:
            _answer([intent], refused)

    @asynccontextmanager
    async def _paper(self) -> AsyncIterator[_Write]:
        """A transaction in which one thing is written, and that is over at the end."""
        direct = self._direct
        if direct is None:
            async with self._write() as connection:
                yield lambda work: connection.run_sync(lambda plain: work(ServerPaper(plain)))
        else:
            async with self._turn_to_write():
                with self._told():
                    yield lambda work: direct.transact(lambda plain: work(DirectPaper(self._statements, plain)))

    @cached_property
    def _statements(self) -> Statements:
        return Statements(self._writer.dialect)

    def _take(self) -> Sequence[_Intent]:
        batch = self._waiting[:_TOGETHER]
        del self._waiting[:_TOGETHER]
        return batch


def _keep(paper: Paper, batch: Sequence[_Intent]) -> Mapping[_Intent, StoreError]:
    """Write those that may be written; gives the others with the reason."""
    fences = paper.fences(sorted({intent.account_id for intent in batch}))
    refused: dict[_Intent, StoreError] = {}
    first: dict[Key, _Intent] = {}
    for intent in batch:
        current = fences.get(intent.account_id)
        if current != intent.fence:
            refused[intent] = stale_fence(intent.account_id, current, intent.fence)
        elif first.setdefault(intent.key, intent) is not intent:
            refused[intent] = _duplicate(intent)
    if not first:
        return refused
    rows = [{**order_values(intent.account_id, intent.order), "fence": intent.fence} for intent in first.values()]
    written = paper.add_orders(rows)
    kept = [intent for key, intent in first.items() if key in written]
    refused.update((intent, _duplicate(intent)) for key, intent in first.items() if key not in written)
    if kept:
        following = _following(kept)
        if following:
            paper.raise_counters(following)
        paper.tell([(intent.account_id, order_event(intent.order)) for intent in kept])
    return refused


def _following(kept: Sequence[_Intent]) -> Mapping[AccountId, int]:
    """What the accounts' counters must be above the numbers that are taken."""
    following: dict[AccountId, int] = {}
    for intent in kept:
        number = _number_of(intent.order)
        if number is not None:
            following[intent.account_id] = max(number + 1, following.get(intent.account_id, 0))
    return following


def _answer(batch: Sequence[_Intent], refused: Mapping[_Intent, StoreError]) -> None:
    for intent in batch:
        if intent in refused:
            intent.kept.set_exception(refused[intent])
        else:
            intent.kept.set_result(None)


def _refuse(batch: Sequence[_Intent], error: Exception) -> None:
    for intent in batch:
        if not intent.kept.done():
            intent.kept.set_exception(error)


def _duplicate(intent: _Intent) -> DuplicateIntent:
    return DuplicateIntent(f"order {intent.order.client_order_id} is on paper already; it must not be sent again")


def _number_of(order: Order) -> int | None:
    """The number at the end of our client order ids; None for an id of another form."""
    try:
        return int(order.client_order_id[-ID_DIGITS:], 36)
    except ValueError:
        return None


def order_event(order: Order) -> Event:
    """What the outbox tells of an order's new state."""
    request = order.request
    return (
        "order",
        {"order": order.client_order_id, "pair": str(request.pair), "status": order.status.value},
    )
