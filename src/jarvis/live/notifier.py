"""What the worker does for people beside trading: notices leave for their receivers, the audit's head is sealed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

import structlog

from jarvis.domain.people import DeliveryState
from jarvis.notify import channels
from jarvis.notify.channels import Receiver
from jarvis.notify.kinds import is_urgent, is_wanted
from jarvis.notify.webhook import AddressRefused, DeliveryFailed
from jarvis.notify.words import Message, confirmation, digest_of, message_of
from jarvis.store.audit import AuditSeal
from jarvis.store.db import Store
from jarvis.store.deliveries import Delivery, Planned
from jarvis.store.errors import StoreError
from jarvis.store.notices import Notice
from jarvis.store.targets import TESTED, Target
from jarvis.store.verification import unsealable
from jarvis.trading.events import Severity

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 2.0
PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 3600))
"""Between the tries of one delivery: there is one more try than pauses."""
MOST_AT_ONCE = 8
MOST_AN_HOUR = 40
"""Notices of one person that leave at once in an hour; what is more, and not urgent, leaves together later."""
HELD_FOR = timedelta(minutes=30)
CONFIRMATION_HOURS = 24
SEAL_EVERY_SECONDS = 60.0


class Sending(Protocol):
    """The ways out (`notify.senders.Senders`)."""

    async def send(self, receiver: Receiver, message: Message) -> None:
        """Deliver a message once. Raises AddressRefused or DeliveryFailed."""
        ...


class SecretKeeper(Protocol):
    """The signer, as far as it keeps what receivers are reached with."""

    async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
        """The sealed form of a small secret, for this row of this person and no other."""
        ...

    async def open_secret(self, *, user_id: str, row_id: str, sealed: bytes) -> bytearray:
        """The small secret of this row, for the caller to overwrite."""
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
    """Hands notices over to the receivers that want them, and sends what is due: a slow receiver delays nobody else.

    Whatever happens, a delivery is a row first and sent after; it leaves each receiver once. Only if this process ends
    between the sending and the note of it, it leaves once more, under the same number.
    """

    def __init__(
        self, store: Store, sending: Sending, secrets: SecretKeeper, now: Callable[[], datetime], *, origin: str
    ) -> None:
        self._store = store
        self._sending = sending
        self._secrets = secrets
        self._now = now
        self._origin = origin
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self.look(tasks)
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self, tasks: asyncio.TaskGroup) -> None:
        """Hand over what is new, and begin to send what is due."""
        self._busy = {target_id: task for target_id, task in self._busy.items() if not task.done()}
        try:
            await self._hand_over()
            due = await self._store.due(self._now(), besides=self._busy)
        except Exception as error:  # noqa: BLE001 - trading beside this goes on whatever happens here
            log.warning("notices_not_read", reason=type(error).__name__)
            return
        for target_id, found in groupby(sorted(due, key=_by_receiver), key=lambda each: each.target.target_id):
            self._busy[target_id] = tasks.create_task(self._serve(list(found)))

    async def _hand_over(self) -> None:
        """Decide of each new notice where it is sent, and whether now."""
        for notice in await self._store.unsent_notices():
            targets = [each for each in await self._store.targets_of(notice.user_id) if _wants(each, notice)]
            now = self._now()
            held_until = await self._held_until(notice, now) if targets else None
            state = DeliveryState.WAITING if held_until is None else DeliveryState.HELD
            planned = [Planned(each.target_id, state, held_until or now) for each in targets]
            await self._store.plan(notice.user_id, notice.notice_id, planned, now)

    async def _held_until(self, notice: Notice, now: datetime) -> datetime | None:
        """Until when a notice waits; None for what leaves at once, which all that is urgent does."""
        if is_urgent(notice.kind, notice.severity):
            return None
        hours = await self._store.quiet_hours(notice.user_id)
        over_at = None if hours is None else hours.over_at(now)
        if over_at is None and await self._store.handed_over(notice.user_id, now - timedelta(hours=1)) >= MOST_AN_HOUR:
            return now + HELD_FOR
        return over_at

    async def _serve(self, due: list[Delivery]) -> None:
        """Send one receiver what is due, alarms first; it ends with the first that does not arrive."""
        try:
            hours = await self._store.quiet_hours(due[0].target.user_id)
            zone = hours.zone if hours is not None else "UTC"
            for some in _together(due):
                if not await self._deliver(some, zone):
                    return
        except Exception as error:  # noqa: BLE001 - trading beside this goes on whatever happens here
            log.warning("notices_not_sent", reason=type(error).__name__)

    async def _deliver(self, some: list[Delivery], zone: str) -> bool:
        """Whether one message arrived; its outcome is kept."""
        target, numbers = some[0].target, [each.told.number for each in some]
        failure = await self._tried(target, some, zone)
        now = self._now()
        if not failure:
            await self._store.note_sent(target.target_id, numbers, now)
            return True
        log.warning("notice_not_delivered", target=target.target_id, kind=target.kind, reason=failure)
        again_at = _again_at(some, now)
        await self._store.note_failed(target.target_id, numbers, failure, now, again_at)
        if again_at is None and some[0].attempts >= len(PAUSES) and some[0].told.kind != "target.failing":
            await self._say_that_it_fails(target, failure, now)
        return False

    async def _say_that_it_fails(self, target: Target, failure: str, now: datetime) -> None:
        """Tell the page and the person's other receivers."""
        message = f"Notices to {target.label} ({target.address}) do not arrive: {failure}"
        await self._store.add_notice(target.user_id, "target.failing", Severity.WARNING, message, now)

    async def _tried(self, target: Target, some: list[Delivery], zone: str) -> str:
        """Why it did not arrive; empty if it did."""
        async with self._places:
            try:
                secret = await self._secret_of(target)
                await self._sending.send(
                    Receiver(target.kind, target.address, secret), self._message(some, zone, secret)
                )
            except (AddressRefused, DeliveryFailed) as error:
                return str(error)
            except (PermissionError, ConnectionError):  # the signer's: SignerRefused, SignerUnavailable
                return "What this receiver is reached with cannot be opened; the operator sees why in the signer's log."
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again later and not at once
                log.error("notice_not_sent", kind=target.kind, error=type(error).__name__)  # noqa: TRY400 - no values
                return "Something failed on our side."
        return ""

    async def _secret_of(self, target: Target) -> str:
        if target.sealed is None:
            return target.address if target.kind == channels.WEBHOOK else ""
        opened = await self._secrets.open_secret(user_id=target.user_id, row_id=target.target_id, sealed=target.sealed)
        try:
            return opened.decode()
        finally:
            opened[:] = bytes(len(opened))

    def _message(self, some: list[Delivery], zone: str, secret: str) -> Message:
        if not some[0].target.is_confirmed:
            return confirmation(f"{self._origin}/confirm/{secret}", CONFIRMATION_HOURS)
        told = [each.told.at_origin(self._origin) for each in some]
        if len(told) == 1:
            return message_of(told[0], zone)
        return digest_of(told, zone, f"{self._origin}/account/notices")


def _wants(target: Target, notice: Notice) -> bool:
    return target.is_confirmed and is_wanted(target.choices, notice.kind, notice.severity)


def _by_receiver(delivery: Delivery) -> tuple[str, bool, int]:
    return delivery.target.target_id, not is_urgent(delivery.told.kind, delivery.told.severity), delivery.told.number


def _together(due: Sequence[Delivery]) -> list[list[Delivery]]:
    """What was held back as one message, everything else as one each."""
    held = [each for each in due if each.state is DeliveryState.HELD]
    alone = [[each] for each in due if each.state is not DeliveryState.HELD]
    return [*alone, held] if held else alone


def _again_at(some: Sequence[Delivery], now: datetime) -> datetime | None:
    """When a delivery is tried again; None if it is given up.

    A receiver that does not work already gets one try of each, so that it is not knocked at for days; alarms get all.
    A test is to say at once what is wrong.
    """
    first = some[0]
    is_patient = not first.target.failure or first.attempts > 0 or is_urgent(first.told.kind, first.told.severity)
    if not is_patient or first.told.kind == TESTED or first.attempts >= len(PAUSES):
        return None
    return now + PAUSES[first.attempts]


async def seal_what_is_plain(store: Store, secrets: SecretKeeper) -> int:
    """Put a seal around the addresses of receivers that an earlier version kept in clear; how many there were."""
    found = await store.plain_targets()
    for user_id, target_id, address in found:
        try:
            sealed = await secrets.seal_secret(user_id=user_id, row_id=target_id, secret=address)
        except (PermissionError, ConnectionError) as error:
            log.warning("target_not_sealed", target=target_id, reason=str(error))  # at the next start, then
        else:
            await store.seal_target(user_id, target_id, address, sealed, host_of(address))
    return len(found)


def host_of(address: str) -> str:
    """What may be shown of an address."""
    return address.partition("://")[2].partition("/")[0]


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
