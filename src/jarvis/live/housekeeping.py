"""What an installation does for itself now and then: finish deletions, and forget what has run out.

A deletion took the keys when it was asked for. The rest goes in one transaction, as soon as no worker serves any
account of the person any more: a trader that is still writing would only be cut off. A crash in the middle changes
nothing about that; the next look finishes it.
"""

import asyncio
from datetime import timedelta

import structlog

from jarvis.accounts.sessions import Sessions
from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreError

LOOK_EVERY_SECONDS = 5.0
FORGET_EVERY = timedelta(hours=1)
DELIVERIES_KEPT, FAILURES_KEPT = timedelta(days=60), timedelta(days=180)

log = structlog.get_logger()


async def keep_house(store: Store, clock: Clock) -> None:
    """Finish deletions every few seconds, and forget what has run out every hour, for ever."""
    forgotten_at = None
    while True:
        try:
            await erase_who_is_free(store, clock)
            now = clock.now()
            if forgotten_at is None or now - forgotten_at >= FORGET_EVERY:
                forgotten_at = now
                await forget_what_is_over(store, clock)
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


async def forget_what_is_over(store: Store, clock: Clock) -> None:
    """Forget sessions, ceremonies, links, tokens and places whose time is over, old deliveries, all but late events."""
    pruned = await Sessions(store).prune(clock.now())
    events = await store.prune_outbox()
    now = clock.now()
    deliveries = await store.prune_deliveries(now - DELIVERIES_KEPT, failed_before=now - FAILURES_KEPT)
    log.info(
        "forgot_what_is_over",
        sessions=pruned.sessions,
        links=pruned.links,
        tokens=pruned.tokens,
        events=events,
        deliveries=deliveries,
    )
