"""The way of notices to receivers: one row for each notice and receiver, so that nothing is sent there twice.

A notice is handed over once (`plan`): to whom, and whether at once or with what is held back. What is due is sent by
one worker, which notes each outcome; a process that ends between the two sends once more, under the same number.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from jarvis.domain.account import UserId
from jarvis.domain.people import DeliveryState
from jarvis.notify.words import Told
from jarvis.store.database import Database
from jarvis.store.people_tables import deliveries, notices, targets
from jarvis.store.tables import accounts
from jarvis.store.targets import TESTED, Target, target_of
from jarvis.trading.events import Severity
from jarvis.venues.catalog import VENUES

_ON_THE_WAY = (DeliveryState.WAITING, DeliveryState.HELD)


@dataclass(frozen=True, slots=True)
class Planned:
    """One notice for one receiver: `state` is WAITING or HELD, and `due_at` when it may leave."""

    target_id: str
    state: DeliveryState
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way to a receiver, or there. `told.page` is a path of our own pages."""

    target: Target
    told: Told
    state: DeliveryState
    attempts: int
    due_at: datetime
    done_at: datetime | None = None
    failure: str = ""


class DeliveryStore(Database):
    """Plans, hands out and settles deliveries."""

    async def plan(self, user_id: UserId, notice_id: int, planned: Sequence[Planned], at: datetime) -> None:
        """Hand a notice over to receivers; it is not asked about again."""
        async with self._write() as connection:
            taken = update(notices).where(notices.c.notice_id == notice_id, notices.c.sent_at.is_(None))
            if not await self._change(connection, taken.values(sent_at=at)):
                return
            kept = await connection.execute(select(targets.c.target_id).where(targets.c.user_id == user_id))
            there = {row.target_id for row in kept}  # one may have been removed meanwhile
            rows = [
                {
                    "notice_id": notice_id,
                    "target_id": each.target_id,
                    "user_id": user_id,
                    "state": each.state,
                    "attempts": 0,
                    "due_at": each.due_at,
                    "failure": "",
                }
                for each in planned
                if each.target_id in there
            ]
            if rows:
                await connection.execute(insert(deliveries), rows)

    async def prune_deliveries(self, before: datetime, *, failed_before: datetime) -> int:
        """Forget what was delivered before then, and later what was given up; notices themselves stay in the inbox."""
        forgotten = 0
        for state, limit in ((DeliveryState.SENT, before), (DeliveryState.FAILED, failed_before)):
            # Nothing is done before it is due, and what is due has an index.
            done = (deliveries.c.due_at < limit) & (deliveries.c.done_at < limit)
            forgotten += await self._forget(deliveries, (deliveries.c.state == state) & done)
        return forgotten

    async def handed_over(self, user_id: UserId, since: datetime) -> int:
        """How many notices of the person were handed over since, to leave at once."""
        counted = select(func.count(deliveries.c.notice_id.distinct())).where(
            deliveries.c.user_id == user_id, deliveries.c.state != DeliveryState.HELD, deliveries.c.due_at > since
        )
        async with self._read() as connection:
            return int(await connection.scalar(counted) or 0)

    async def due(self, now: datetime, *, besides: Collection[str] = (), limit: int = 200) -> list[Delivery]:
        """What may leave now, the oldest first, of all receivers `besides` these."""
        asked = (
            _SELECT.where(
                deliveries.c.state.in_(_ON_THE_WAY),
                deliveries.c.due_at <= now,
                deliveries.c.target_id.not_in(besides),
            )
            .order_by(deliveries.c.notice_id)
            .limit(limit)
        )
        async with self._read() as connection:
            return [_delivery(row) for row in await connection.execute(asked)]

    async def note_sent(self, target_id: str, notice_ids: Collection[int], at: datetime) -> None:
        """These have arrived; whatever was wrong with the receiver is over."""
        async with self._write() as connection:
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.target_id == target_id, deliveries.c.notice_id.in_(notice_ids))
                .values(state=DeliveryState.SENT, done_at=at, failure="", attempts=deliveries.c.attempts + 1)
            )
            await connection.execute(
                update(targets).where(targets.c.target_id == target_id).values(failure="", failed_at=None)
            )

    async def note_failed(
        self, target_id: str, notice_ids: Collection[int], failure: str, at: datetime, again_at: datetime | None
    ) -> None:
        """These have not arrived. They are tried again at `again_at`, and what else waits not before; None: never."""
        mine = deliveries.c.target_id == target_id
        these = mine & deliveries.c.notice_id.in_(notice_ids)
        tried = {"failure": failure, "attempts": deliveries.c.attempts + 1}
        async with self._write() as connection:
            if again_at is None:
                given_up = {"state": DeliveryState.FAILED, "done_at": at}
                await connection.execute(update(deliveries).where(these).values(**tried, **given_up))
            else:
                await connection.execute(update(deliveries).where(these).values(**tried, due_at=again_at))
                waits = mine & deliveries.c.state.in_(_ON_THE_WAY) & (deliveries.c.due_at < again_at)
                await connection.execute(update(deliveries).where(waits).values(due_at=again_at))
            await connection.execute(
                update(targets).where(targets.c.target_id == target_id).values(failure=failure, failed_at=at)
            )

    async def latest_delivery(self, user_id: UserId, kind: str) -> dict[str, Delivery]:
        """What became of the newest notice of a kind at each receiver of the person."""
        newest = (
            select(deliveries.c.target_id, func.max(deliveries.c.notice_id).label("notice_id"))
            .join(notices, notices.c.notice_id == deliveries.c.notice_id)
            .where(deliveries.c.user_id == user_id, notices.c.kind == kind)
            .group_by(deliveries.c.target_id)
            .subquery()
        )
        asked = _SELECT.join(
            newest,
            (newest.c.notice_id == deliveries.c.notice_id) & (newest.c.target_id == deliveries.c.target_id),
        )
        async with self._read() as connection:
            found = [_delivery(row) for row in await connection.execute(asked)]
            return {each.target.target_id: each for each in found}

    async def deliveries_on_the_way(self, user_id: UserId) -> dict[str, int]:
        """How many notices wait for each receiver of the person."""
        counted = (
            select(deliveries.c.target_id, func.count().label("number"))
            .where(deliveries.c.user_id == user_id, deliveries.c.state.in_(_ON_THE_WAY))
            .group_by(deliveries.c.target_id)
        )
        async with self._read() as connection:
            return {row.target_id: row.number for row in await connection.execute(counted)}

    async def failed_deliveries(self, user_id: UserId, *, limit: int = 10) -> list[Delivery]:
        """What was given up and was no test, the newest first."""
        given_up = (deliveries.c.user_id == user_id) & (deliveries.c.state == DeliveryState.FAILED)
        asked = (
            _SELECT.where(given_up, notices.c.kind != TESTED)
            .order_by(deliveries.c.done_at.desc(), deliveries.c.notice_id.desc())
            .limit(limit)
        )
        async with self._read() as connection:
            return [_delivery(row) for row in await connection.execute(asked)]


_SELECT = (
    select(
        targets,
        deliveries.c.state,
        deliveries.c.attempts,
        deliveries.c.due_at,
        deliveries.c.done_at,
        deliveries.c.failure.label("delivery_failure"),
        notices.c.notice_id,
        notices.c.at,
        notices.c.kind.label("notice_kind"),
        notices.c.severity,
        notices.c.message,
        notices.c.account_id,
        notices.c.pair,
        accounts.c.venue,
        accounts.c.environment,
        accounts.c.label.label("account_label"),
    )
    .select_from(deliveries)
    .join(targets, targets.c.target_id == deliveries.c.target_id)
    .join(notices, notices.c.notice_id == deliveries.c.notice_id)
    .outerjoin(accounts, accounts.c.account_id == notices.c.account_id)
)


def _delivery(row: Row[Any]) -> Delivery:
    told = Told(
        number=row.notice_id,
        at=row.at,
        kind=row.notice_kind,
        severity=Severity(row.severity),
        text=row.message,
        account="" if row.venue is None else account_words(row.venue, row.environment.value, row.account_label),
        pair="" if row.pair is None else str(row.pair),
        page="/account/notices" if row.account_id is None else f"/desk/{row.account_id}",
    )
    return Delivery(target_of(row), told, row.state, row.attempts, row.due_at, row.done_at, row.delivery_failure)


def account_words(venue: str, environment: str, label: str) -> str:
    """An account as people call it: `Kraken (sandbox), savings`."""
    title = next((each.title for name, each in VENUES.items() if name == venue), venue)
    words = f"{title} (sandbox)" if environment == "sandbox" else title
    return f"{words}, {label}" if label and label not in (title, venue) else words
