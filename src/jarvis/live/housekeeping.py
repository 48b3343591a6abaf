"""What an installation does for itself now and then: finish deletions, and forget what has run out.

A deletion took the keys when it was asked for. The rest goes in one transaction, as soon as no worker serves any
account of the person any more: a trader that is still writing would only be cut off. A crash in the middle changes
nothing about that; the next look finishes it.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from jarvis.accounts.sessions import Sessions
from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreError

LOOK_EVERY_SECONDS = 5.0
FORGET_EVERY = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of what is over is kept: so many events, and for so long deliveries, failed ones, proposals of hooks."""

    events: int = 100_000
    deliveries: timedelta = timedelta(days=60)
    failures: timedelta = timedelta(days=180)
    proposals: timedelta = timedelta(days=30)


async def keep_house(store: Store, clock: Clock, kept: Kept) -> None:
    """Finish deletions every few seconds, and forget what has run out every hour, for ever."""
    forgotten_at = None
    while True:
        try:
            await erase_who_is_free(store, clock)
            now = clock.now()
            if forgotten_at is None or now - forgotten_at >= FORGET_EVERY:
                forgotten_at = now
                await forget_what_is_over(store, clock, kept)
        except StoreError as error:  # the next look tries again; what was done is done
            log.warning("housekeeping_failed", reason=str(error))
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def erase_who_is_free(store: Store, clock: Clock) -> int:
    """How many people were erased now: those whose deletion was begun and whose accounts nobody serves."""
    erased = 0
    for user_id in await store.people_to_erase():
        if not await store.accounts_still_served(user_id):
            noted = AuditEntry("person.deleted", clock.now(), "worker", user_id)
            erased += await store.erase_person(user_id, noted)
    return erased


async def forget_what_is_over(store: Store, clock: Clock, kept: Kept) -> None:
    """Forget sessions, links, tokens and places that are over, old deliveries and proposals, all but late events."""
    now = clock.now()
    pruned = await Sessions(store).prune(now)
    events = await store.prune_outbox(kept.events)
    deliveries = await store.prune_deliveries(now - kept.deliveries, failed_before=now - kept.failures)
    proposals = await store.prune_proposals(now - kept.proposals)
    log.info(
        "forgot_what_is_over",
        sessions=pruned.sessions,
        links=pruned.links,
        tokens=pruned.tokens,
        events=events,
        deliveries=deliveries,
        proposals=proposals,
    )
