"""One key's calls to Kraken: budgets, nonce order, retries, and what an answer is worth.

Reads are asked again while they are without answer; a write is sent once, and once more only when the venue proved
that the first was not executed (a refused nonce).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

import stamina
import structlog

from jarvis.domain.clock import Clock
from jarvis.venues.base import (
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RequestSigner,
    Unreachable,
    UnreadableAnswer,
)
from jarvis.venues.kraken import parse
from jarvis.venues.kraken.errors import NonceRefused, error_for
from jarvis.venues.kraken.fields import number_or_none, record_of
from jarvis.venues.session import (
    READ_SECONDS,
    USER_AGENT,
    AnswerLost,
    HttpAnswer,
    KeySession,
    RateBudget,
    Transport,
    measured_offset,
)

log = structlog.get_logger()

_PAGE = 50
_MAX_PAGES = 400
_OFFSET_AGE = timedelta(minutes=10)
_TIME_RESOLUTION = timedelta(seconds=1)


class KrakenCalls:
    """Public calls, and those of one key if there is a signer. One instance per key: it keeps the key's counter."""

    def __init__(
        self,
        *,
        transport: Transport,
        rest_url: str,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
        budget: RateBudget,
    ) -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._key = KeySession(transport, rest_url, signer) if signer is not None else None
        self._clock = clock
        self._random = random
        self._budget = budget
        self._clock_offset = timedelta(0)
        self._offset_measured_at: datetime | None = None

    def venue_now(self) -> datetime:
        """The venue's clock, as far as we measured it."""
        return self._clock.now() + self._clock_offset

    async def server_time(self) -> datetime:
        """The venue's clock as it tells it; also measures how far ours is off."""
        sent_at = self._clock.now()
        at = parse.parse_time(await self.public("Time"))
        heard_at = self._clock.now()
        self._clock_offset = measured_offset(sent_at, heard_at, at, _TIME_RESOLUTION)
        self._offset_measured_at = heard_at
        if self._clock_offset:
            log.warning("clock_offset_measured", venue="kraken", seconds=self._clock_offset.total_seconds())
        return at

    async def keep_time(self) -> None:
        """Measure the clock's offset if that was not done for a while."""
        if self._offset_measured_at is None or self._clock.now() - self._offset_measured_at > _OFFSET_AGE:
            await self.server_time()

    async def public(self, method: str, /, **query: str) -> Any:
        """The result of a call that anyone may make, asked again while it is without answer."""
        url = f"{self._rest_url}/0/public/{method}"
        if query:
            url = f"{url}?{urlencode(query)}"
        async for attempt in self._retries():
            with attempt:
                try:
                    answer = await self._transport.request("GET", url, {"User-Agent": USER_AGENT}, b"", READ_SECONDS)
                except (AnswerLost, OSError) as error:
                    raise Unreachable(f"no answer to {method}") from error
                return self._result(method, answer, write=False)
        raise AssertionError

    async def read(
        self, operation: str, parameters: Mapping[str, str] | None = None, *, cost: float = 1, urgent: bool = False
    ) -> Any:
        """The result of a signed read that counts `cost`, asked again while it is without answer.

        `urgent` reads may use the part of the budget that is kept for exits. Raises VenueError.
        """
        async for attempt in self._retries():
            with attempt:
                await self._budget.wait(cost, urgent=urgent)
                answer = await self._key_session(operation).call(operation, parameters or {}, write=False)
                return self._result(operation, answer, write=False)
        raise AssertionError

    async def write(self, operation: str, parameters: Mapping[str, str]) -> Any:
        """The result of a signed write, sent once; again only when a refused nonce proved that it did nothing."""
        session = self._key_session(operation)
        try:
            return self._result(operation, await session.call(operation, parameters, write=True), write=True)
        except NonceRefused:
            log.warning("nonce_refused", venue="kraken", operation=operation)
            return self._result(operation, await session.call(operation, parameters, write=True), write=True)

    def _retries(self) -> Any:
        """A few more tries for what had no answer, with jitter from our own source of chance."""
        return stamina.retry_context(on=self._wait_before_retry, attempts=3, timeout=None)

    def _wait_before_retry(self, error: Exception) -> bool | float:
        return self._random.uniform(0.1, 0.6) if isinstance(error, Unreachable) else False

    def _key_session(self, operation: str) -> KeySession:
        if self._key is None:
            raise NotPermitted(f"{operation} needs a key; this connection has none")
        return self._key

    def _result(self, operation: str, answer: HttpAnswer, *, write: bool) -> Any:
        """The result that an answer carries, or the error that it tells."""
        if answer.status != 200:
            # Not from the exchange itself but from what stands before it: it says nothing of the order.
            message = f"{operation} was answered with HTTP {answer.status}"
            raise OutcomeUnknown(message) if write else Unreachable(message)
        try:
            result, strings = parse.parse_envelope(answer.body)
        except UnreadableAnswer as error:
            if write:
                raise OutcomeUnknown(f"the answer to {operation} cannot be read") from error
            raise Unreachable(f"the answer to {operation} cannot be read") from error
        error_told = error_for(strings, write=write, now=self.venue_now())
        if error_told is not None:
            if isinstance(error_told, RateLimited):
                self._budget.fill()
            raise error_told
        if strings:
            log.warning("venue_warned", venue="kraken", operation=operation, warnings=strings)
        return result

    async def pages(
        self, operation: str, key: str, parameters: Mapping[str, str], *, cost: float, urgent: bool
    ) -> list[Mapping[str, Any]]:
        """Every page, newest first, until all records were seen that the venue counted when we began.

        A record that comes while we read pushes the others back: some are then seen twice, none is missed.
        """
        pages: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        wanted: Decimal | None = None
        offset = 0
        for _ in range(_MAX_PAGES):
            query = parameters if offset == 0 else {**parameters, "ofs": str(offset)}
            page = record_of(await self.read(operation, query, cost=cost, urgent=urgent), operation)
            records = record_of(page.get(key), operation)
            if wanted is None:
                wanted = number_or_none(page, "count", operation)
            pages.append(page)
            seen.update(records)
            offset += len(records)
            if len(records) < _PAGE if wanted is None else len(seen) >= wanted:
                return pages
            if not records:
                raise Unreachable(f"{operation} changed while it was read: {len(seen)} of {wanted} records")
        raise Unreachable(f"{operation} has more than {_MAX_PAGES} pages")
