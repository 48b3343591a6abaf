"""An order's intent on paper before its first byte leaves: the one write that a decision has to wait for.

Many accounts act on one signal, and a commit costs as much for one row as for hundreds. So intents that wait for the
database at the same time share a transaction. None is answered before the commit that holds it has returned.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from sqlalchemy import Connection

from jarvis.domain.account import AccountId
from jarvis.domain.order import Order
from jarvis.store.direct import DirectWriter
from jarvis.store.errors import DuplicateIntent, StoreError, StoreFull, StoreUnavailable
from jarvis.store.leases import LeaseStore, stale_fence
from jarvis.store.paper import DirectPaper, Key, Paper, ServerPaper, Statements
from jarvis.store.queues import Event, QueueStore
from jarvis.store.rows import order_values
from jarvis.store.whole import over, whole_by_itself
from jarvis.trading.state import ID_DIGITS

_TOGETHER = 500
"""Intents in one transaction at most: nobody else writes while it lasts."""

_ENDS = "the program ends; whether this order is on paper is not known"

_Refused = Mapping["_Intent", StoreError]


class _Intent:
    """An order that waits to be put on paper."""

    __slots__ = ("_answer", "_is_answered", "account_id", "fence", "order")

    def __init__(self, account_id: AccountId, order: Order, fence: int) -> None:
        self.account_id = account_id
        self.order = order
        self.fence = fence
        self._is_answered = False
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def key(self) -> Key:
        """Its row's primary key."""
        return self.account_id, self.order.client_order_id

    def answer(self, error: Exception | None = None) -> None:
        """Say that it is on paper, or why it is not. Only the first answer counts."""
        if self._is_answered:
            return
        self._is_answered = True
        if self._answer.cancelled():
            return
        if error is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(error)

    async def answered(self) -> None:
        """Wait for the answer, also when cancelled; raises the error that it is."""
        try:
            await self._answer
        except asyncio.CancelledError:
            if not self._is_answered:
                self._answer = asyncio.get_running_loop().create_future()  # the first one was cancelled with us
            await over(self._answer)
            raise


class IntentStore(QueueStore, LeaseStore):
    """Where orders are put on paper."""

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._waiting: list[_Intent] = []
        self._alone: list[_Intent] = []
        self._keeping: asyncio.Task[None] | None = None
        self._is_asking = False
        self._has_found_room = False

    @whole_by_itself
    async def record_intent(self, account_id: AccountId, order: Order, fence: int) -> None:
        """Put a new order on paper, before its first byte leaves. Raises StaleFence and DuplicateIntent.

        An order that opens raises StoreFull already while the disk has no reserve left: what is left is for exits.
        """
        if not order.request.reduce_only and not self._has_room_now():
            raise StoreFull("the disk is nearly full: nothing is opened, so that exits can still be written")
        intent = _Intent(account_id, order, fence)
        self._waiting.append(intent)
        if self._direct is not None:
            self._ask()
        elif self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_on_server())
        await intent.answered()

    def _has_room_now(self) -> bool:
        """As `has_room`, which asks the disk: once for all who were woken by the same event."""
        if not self._has_found_room:
            self._has_found_room = self.has_room()
            asyncio.get_running_loop().call_soon(self._look_again)
        return self._has_found_room

    def _look_again(self) -> None:
        self._has_found_room = False

    def _ask(self) -> None:
        """Ask for the turn to write in SQLite, once, while intents wait."""
        if not self._is_asking and (self._waiting or self._alone):
            self._is_asking = True
            # Not before all who were woken by the same event are here: they share the commit.
            asyncio.get_running_loop().call_soon(self._turn.ask, self._keep_directly)

    def _keep_directly(self) -> None:
        """It is our turn: put a batch on paper in SQLite, answer it, and pass the turn on."""
        batch = self._take()

        def kept(refused: _Refused) -> None:
            _answer(batch, refused)
            leave()

        def failed(error: Exception) -> None:
            story = self._story(error)
            if story is not None:
                story.__cause__ = error
            self._fail(batch, story or error)
            leave()

        def leave() -> None:
            self._is_asking = False
            self._turn.leave()
            self._ask()

        direct = cast("DirectWriter", self._direct)
        direct.transact(lambda connection: _keep(DirectPaper(self._statements, connection), batch), kept, failed)

    async def _keep_on_server(self) -> None:
        """Put all that wait on paper in PostgreSQL, batch by batch, and answer each."""
        batch: Sequence[_Intent] = ()
        try:
            while self._waiting or self._alone:
                batch = ()
                try:
                    async with self._write() as connection:
                        batch = self._take()
                        refused = await connection.run_sync(_keep_on, batch)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to those who wait
                    self._fail(batch or self._take(), error)
                else:
                    _answer(batch, refused)
        finally:
            self._keeping = None
            _refuse((*batch, *self._waiting, *self._alone), StoreUnavailable(_ENDS))
            self._waiting, self._alone = [], []

    def _take(self) -> Sequence[_Intent]:
        """The next batch, when the database is ours: who came while we waited for it comes along."""
        if self._alone:
            return [self._alone.pop()]
        batch = self._waiting[:_TOGETHER]
        del self._waiting[:_TOGETHER]
        return batch

    def _fail(self, batch: Sequence[_Intent], error: Exception) -> None:
        """Tell a batch that nothing of it is on paper; or try each alone, if one of them is the reason."""
        if isinstance(error, StoreError) or len(batch) == 1:
            _refuse(batch, error)
        else:
            self._alone.extend(reversed(batch))

    @cached_property
    def _statements(self) -> Statements:
        return Statements(self._writer.dialect)


def _keep_on(connection: Connection, batch: Sequence[_Intent]) -> _Refused:
    return _keep(ServerPaper(connection), batch)


def _keep(paper: Paper, batch: Sequence[_Intent]) -> _Refused:
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


def _answer(batch: Sequence[_Intent], refused: _Refused) -> None:
    for intent in batch:
        intent.answer(refused.get(intent))


def _refuse(batch: Sequence[_Intent], error: Exception) -> None:
    for intent in batch:
        intent.answer(error)


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
