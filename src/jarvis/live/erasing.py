"""Finishes the deletions that people asked for, also after a crash in the middle of one.

The keys went when it was asked for. The rest goes in one transaction, as soon as no worker serves any account of the
person any more: a trader that is still writing would only be cut off.
"""

import asyncio

import structlog

from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreError

LOOK_EVERY_SECONDS = 5.0

log = structlog.get_logger()


async def keep_erasing(store: Store, clock: Clock) -> None:
    """Look for deletions to finish, every few seconds, for ever."""
    while True:
        try:
            await erase_who_is_free(store, clock)
        except StoreError as error:  # the next look tries again; what was erased is erased
            log.warning("erasing_failed", reason=str(error))
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def erase_who_is_free(store: Store, clock: Clock) -> int:
    """How many people were erased now: those whose deletion was begun and whose accounts nobody serves."""
    erased = 0
    for user_id in await store.people_to_erase():
        if not await store.accounts_still_served(user_id):
            noted = AuditEntry("person.deleted", clock.now(), "worker", user_id)
            erased += await store.erase_person(user_id, noted)
    return erased
