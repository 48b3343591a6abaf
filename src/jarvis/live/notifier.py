"""What the worker does for people beside trading: notices leave for their receivers, the audit's head is sealed."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import structlog

from jarvis.domain.account import UserId
from jarvis.notify import AddressRefused, DeliveryFailed
from jarvis.store.audit import AuditSeal
from jarvis.store.db import Store
from jarvis.store.errors import StoreError
from jarvis.store.notices import Notice
from jarvis.store.targets import Target
from jarvis.store.verification import unsealable

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 2.0
PAUSES_SECONDS = (5.0, 30.0)
"""Between the tries of one delivery: there is one more try than pauses."""
MOST_AT_ONCE = 8
SEAL_EVERY_SECONDS = 60.0


class Post(Protocol):
    """Delivers one notice."""

    async def send(self, url: str, content: Mapping[str, object]) -> None:
        """Deliver it. Raises AddressRefused or DeliveryFailed."""
        ...


class Verdict(Protocol):
    """What a countersignature is worth."""

    @property
    def value(self) -> str:
        """Its name."""
        ...


class Seals(Protocol):
    """The signer, as far as it countersigns."""

    async def seal_audit(self, number: int, chain_hash: bytes) -> bytes:
        """The countersignature of the chain up to this line."""
        ...

    async def check_audit_seal(self, number: int, chain_hash: bytes, seal: bytes) -> Verdict:
        """What a countersignature is worth."""
        ...

    async def audit_mark(self) -> int:
        """The highest line that was ever countersigned."""
        ...


class Notifier:
    """Sends every notice to all receivers of its person, in order: a person's slow receiver delays nobody else's.

    A notice may come twice if this process ends in the middle; its number says that it is the same.
    """

    def __init__(self, store: Store, post: Post, now: Callable[[], datetime]) -> None:
        self._store = store
        self._post = post
        self._now = now
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._busy: dict[UserId, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self.look(tasks)
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to send what waits."""
        self._busy = {user_id: task for user_id, task in self._busy.items() if not task.done()}
        try:
            waiting = await self._store.unsent_notices(besides=self._busy)
        except Exception as error:  # noqa: BLE001 - trading beside this goes on whatever happens here
            log.warning("notices_not_read", reason=str(error))
            return
        by_person: dict[UserId, list[Notice]] = {}
        for notice in waiting:
            by_person.setdefault(notice.user_id, []).append(notice)
        for user_id, notices in by_person.items():
            self._busy[user_id] = tasks.create_task(self._serve(user_id, notices))

    async def _serve(self, user_id: UserId, notices: list[Notice]) -> None:
        try:
            for notice in notices:
                targets = await self._store.targets_of(user_id)
                await asyncio.gather(*(self._deliver(target, notice) for target in targets))
                await self._store.mark_sent([notice.notice_id], self._now())
        except Exception as error:  # noqa: BLE001 - trading beside this goes on whatever happens here
            log.warning("notices_not_sent", reason=str(error))

    async def _deliver(self, target: Target, notice: Notice) -> None:
        """Try a few times; a receiver that failed before gets one try for each notice until it works again."""
        pauses = () if target.failure else PAUSES_SECONDS
        failure = await self._tried(target, notice)
        for pause in pauses:
            if not failure:
                break
            await asyncio.sleep(pause)
            failure = await self._tried(target, notice)
        await self._store.note_delivery(target.target_id, failure, self._now())

    async def _tried(self, target: Target, notice: Notice) -> str:
        """Why it did not arrive; empty if it did."""
        async with self._places:
            try:
                await self._post.send(target.address, content_of(notice))
            except (AddressRefused, DeliveryFailed) as error:
                log.warning("notice_not_delivered", target=target.target_id, notice=notice.notice_id, reason=str(error))
                return str(error)
        return ""


def content_of(notice: Notice) -> dict[str, object]:
    """A notice as its receivers get it."""
    return {
        "from": "jarvis",
        "notice": notice.notice_id,
        "at": notice.at.isoformat(),
        "kind": notice.kind,
        "severity": notice.severity.value,
        "text": notice.message,
    }


async def keep_sealing(store: Store, signer: Seals, now: Callable[[], datetime]) -> None:
    """Have the signer countersign the audit's head, at once and every minute that has something new."""
    while True:
        try:
            await seal_head(store, signer, now)
        except Exception as error:  # noqa: BLE001 - trading beside this goes on whatever happens here
            log.warning("audit_not_sealed", reason=str(error))
        await asyncio.sleep(SEAL_EVERY_SECONDS)


async def seal_head(store: Store, signer: Seals, now: Callable[[], datetime], *, anew: bool = False) -> bool:
    """Whether the audit's head was countersigned now; False if it was already, or must not or cannot be.

    `anew`: seal it whatever the seals say, because an operator looked.
    """

    async def check(number: int, chain_hash: bytes, seal: bytes) -> str:
        return (await signer.check_audit_seal(number, chain_hash, seal)).value

    head = await store.unsealed()
    if head is None:
        return False
    try:
        wrong = "" if anew else await unsealable(store, check, await signer.audit_mark())
        if wrong:
            log.error("audit_not_sealed", number=head.number, reason=wrong)
            return False
        seal = await signer.seal_audit(head.number, head.hash)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever keeps the signer from it, it is asked again
        log.error("audit_not_sealed", number=head.number, reason=str(error))  # noqa: TRY400 - told in words
        return False
    await store.keep_seal(AuditSeal(head.number, now(), seal))
    return True
