"""What is looked at round by round, whatever the strategies do: the streams, the disk, the key, the rules, the margin.

Reads and says what was found. What follows from it is the guardian's to judge and the trader's to carry out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from jarvis.domain.account import AccountId, MarginState
from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.live.guardian import Guardian, Verdict
from jarvis.store.db import Store
from jarvis.store.errors import StoreError
from jarvis.trading.events import InstrumentsChanged, Severity
from jarvis.venues import permissions
from jarvis.venues.base import KeyInvalid, NotPermitted, Venue, VenueError
from jarvis.venues.catalog import VENUES
from jarvis.venues.eligibility import cautions_of
from jarvis.venues.revoking import revoking_words

log = structlog.get_logger()

CAUTIONS_EVERY = timedelta(minutes=10)
KEEP_EVERY = timedelta(minutes=10)
"""How often the same is noted of a key again, with the time of the look."""
_REFUSED = permissions.Outcome.REFUSED.value


class Watch:
    """One account's rounds. A failed read is not an empty answer: what is known stays, and is asked for again."""

    def __init__(self, account: AccountId, venue: Venue, store: Store, clock: Clock, guardian: Guardian) -> None:
        self._account = account
        self._venue = venue
        self._store = store
        self._clock = clock
        self._guardian = guardian
        self._cautioned: set[str] = set()
        self._cautions_at: datetime | None = None
        self._kept: tuple[permissions.Verdict | None, datetime | None] = None, None
        self._rules_are_due = False
        self._log = log.bind(account=account, venue=venue.name)

    def read_rules_again(self) -> None:
        """Have the next round read what the venue allows and lends to this account."""
        self._rules_are_due = True

    def freshness(self, *, market_silent: float, account_silent: float, now: datetime) -> Iterator[Verdict]:
        """Whether both streams were heard lately (seconds since each was), and whether the disk has room."""
        yield from self._guardian.staleness(market_silent=market_silent, account_silent=account_silent, now=now)
        full = "" if self._store.has_room() else "the disk is nearly full: nothing is opened until there is room again"
        yield from self._guardian.judge("disk_full", full, now)

    async def rules(self, now: datetime) -> InstrumentsChanged | None:
        """The venue's rules, if they are due and could be read."""
        if not self._rules_are_due:
            return None
        try:
            instruments = await self._venue.instruments()
        except VenueError as error:  # those that are known stay; they are asked for again at the next step
            self._log.warning("instruments_not_read", reason=str(error))
            return None
        self._rules_are_due = False
        return InstrumentsChanged(tuple(instruments.values()), now)

    async def key(self, now: datetime) -> tuple[permissions.Verdict | None, list[Verdict]]:
        """What the key may do, None if that could not be read, and what the attempt says of the key."""
        try:
            told = await self._venue.key_permissions()
        except (KeyInvalid, NotPermitted) as error:
            return None, list(self._guardian.key_failed(str(error), now))
        except VenueError as error:
            self._log.warning("key_check_failed", reason=str(error))
            return None, []
        judged = permissions.judge(self._venue.name, told, now)
        await self._keep(judged, now)
        return judged, list(self._guardian.key_is(judged, now))

    async def _keep(self, judged: permissions.Verdict, now: datetime) -> None:
        """Note what the key may do, and tell its owner when that became too much, or is right again."""
        known, at = self._kept
        if known == judged and at is not None and now - at < KEEP_EVERY:
            return
        outcome = judged.outcome
        was_refused = (known.outcome.value if known else await self._store.verdict_of(self._account)) == _REFUSED
        if (outcome.value == _REFUSED) != was_refused and not await self._told(judged, now):
            return  # it is tried again with the next look
        await self._store.update_permissions(self._account, judged.told(), outcome.value, now)
        self._kept = judged, now

    async def _told(self, judged: permissions.Verdict, now: datetime) -> bool:
        """Whether the owner was told of a key that may do too much, or is right again."""
        entry = None
        kind, severity, message = "key.mended", Severity.INFO, "The key is as it should be again: entries may go on."
        if judged.outcome is permissions.Outcome.REFUSED:
            too_many = ", ".join(f"“{row.label}”" for row in judged.forbidden)
            kind, severity = ("key.widened", Severity.CRITICAL) if too_many else ("key.expired", Severity.CRITICAL)
            told = f"The key may do more than it should: {too_many}." if too_many else "The key has expired."
            message = (
                f"{told} Nothing is opened with it until that is mended; what is open stays protected. "
                f"{' '.join(judged.advice)} {revoking_words(self._venue.name) if too_many else ''}"
            ).strip()
            entry = AuditEntry(kind, now, "worker", details={"permissions": too_many})
        title = VENUES[self._venue.name].title if self._venue.name in VENUES else self._venue.name
        try:
            await self._store.tell_owner(self._account, kind, severity, f"{title}: {message}", now, noted=entry)
        except StoreError as error:
            self._log.warning("owner_not_told", kind=kind, reason=str(error))
            return False
        return True

    async def new_cautions(self, judged: permissions.Verdict, now: datetime) -> list[str]:
        """What the owner should do at the venue and has not been told yet; the venue is asked now and then."""
        if self._cautions_at is not None and now - self._cautions_at < CAUTIONS_EVERY:
            return []
        self._cautions_at = now
        try:
            cautions = {*await cautions_of(self._venue), *filter(None, [judged.ends_soon])}
        except VenueError as error:
            self._log.warning("cautions_not_read", reason=str(error))
            return []
        new = sorted(cautions - self._cautioned)
        self._cautioned = cautions
        return new

    async def margin(self) -> tuple[MarginState | None, list[Verdict]]:
        """The margin now, None if it could not be read, and what the attempt says of the key."""
        try:
            margin = await self._venue.margin_state()
        except (KeyInvalid, NotPermitted) as error:
            return None, list(self._guardian.key_failed(str(error), self._clock.now()))
        except VenueError as error:  # the last known state stays, and ages
            self._log.warning("margin_read_failed", reason=str(error))
            return None, []
        return margin, list(self._guardian.key_works(self._clock.now()))
