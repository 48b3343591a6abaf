"""One key's calls to Bybit: budgets per endpoint, the clock, retries, and what an answer is worth.

Reads are asked again while they are without answer; a write is sent once, and once more only when the venue proved that
the first was not executed (a timestamp outside its window). A call carries the venue's time as we know it, and never
runs ahead of it: the venue takes what is up to five seconds old, and nothing that is a second too early.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode

import stamina
import structlog

from jarvis.domain.clock import Clock
from jarvis.venues.base import (
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RequestSigner,
    SignedRequest,
    Unreachable,
    UnreadableAnswer,
)
from jarvis.venues.bybit import parse
from jarvis.venues.bybit.errors import ClockRefused, error_for, error_for_status
from jarvis.venues.bybit.fields import in_milliseconds, rows
from jarvis.venues.session import (
    READ_SECONDS,
    USER_AGENT,
    AnswerLost,
    HttpAnswer,
    KeySession,
    RateBudget,
    Transport,
)

log = structlog.get_logger()

T = TypeVar("T")

_MAX_PAGES = 400
_OFFSET_AGE = timedelta(minutes=10)

# Calls per second that the venue takes of one account, by endpoint; the others are not told and get the usual.
_USUAL_LIMIT = 50
_LIMITS: Mapping[str, int] = {
    "/v5/user/query-api": 10,
    "/v5/account/transaction-log": 25,
    "/v5/account/fee-rate": 5,
    "/v5/account/no-convert-repay": 1,
    "/v5/order/create": 20,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 20,
}


class BybitCalls:
    """Public calls, and those of one key if there is a signer. One instance per key: it keeps the key's counters."""

    def __init__(
        self, *, transport: Transport, rest_url: str, signer: RequestSigner | None, clock: Clock, random: Random
    ) -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._signer = signer
        self._clock = clock
        self._random = random
        self._budgets: dict[str, RateBudget] = {}
        self._clock_offset = timedelta(0)
        self._offset_measured_at: datetime | None = None

    @property
    def has_key(self) -> bool:
        """Whether signed calls can be made."""
        return self._signer is not None

    def venue_now(self) -> datetime:
        """The venue's clock, as far as we measured it: never later than it really is."""
        return self._clock.now() + self._clock_offset

    async def server_time(self) -> datetime:
        """The venue's clock as it tells it; also measures how far ours is off.

        The venue read its clock before we heard of it: the difference to that moment is the least that its clock
        can be ahead of ours.
        """
        at = parse.parse_time(await self.public("/v5/market/time"))
        heard_at = self._clock.now()
        self._clock_offset = at - heard_at
        self._offset_measured_at = heard_at
        if abs(self._clock_offset) > timedelta(seconds=1):
            log.warning("clock_offset_measured", venue="bybit", seconds=self._clock_offset.total_seconds())
        return at

    async def keep_time(self) -> None:
        """Measure the clock's offset if that was not done for a while. A venue that does not say is no obstacle."""
        if self._offset_measured_at is None or self._clock.now() - self._offset_measured_at > _OFFSET_AGE:
            try:
                await self.server_time()
            except (Unreachable, RateLimited, UnreadableAnswer) as error:
                log.warning("clock_offset_unknown", venue="bybit", reason=str(error))

    def budget(self, path: str) -> RateBudget:
        """The venue's counter of one endpoint."""
        if path not in self._budgets:
            limit = _LIMITS.get(path, _USUAL_LIMIT)
            self._budgets[path] = RateBudget(self._clock, limit=limit, decay_per_second=limit)
        return self._budgets[path]

    async def public(self, path: str, /, **query: str) -> Any:
        """The result of a call that anyone may make, asked again while it is without answer."""
        url = f"{self._rest_url}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        async for attempt in self._retries():
            with attempt:
                try:
                    answer = await self._transport.request("GET", url, {"User-Agent": USER_AGENT}, b"", READ_SECONDS)
                except (AnswerLost, OSError) as error:
                    raise Unreachable(f"no answer to {path}") from error
                return self._result(path, answer, write=False)
        raise AssertionError

    async def read(self, path: str, parameters: Mapping[str, str] | None = None, *, urgent: bool = False) -> Any:
        """The result of a signed GET, asked again while it is without answer. Raises VenueError.

        `urgent` reads may use the part of the budget that is kept for exits.
        """
        operation = f"GET {path}"
        await self.keep_time()
        async for attempt in self._retries():
            with attempt:
                await self.budget(path).wait(1, urgent=urgent)
                answer = await self._session(operation).call(operation, self._stamped(parameters or {}), write=False)
                try:
                    return self._result(path, answer, write=False)
                except ClockRefused:
                    await self.server_time()
                    raise
        raise AssertionError

    async def write(self, path: str, parameters: Mapping[str, str]) -> Any:
        """The result of a signed POST, sent once; again only when a refused timestamp proved that it did nothing."""
        operation = f"POST {path}"
        session = self._session(operation)
        if self._offset_measured_at is None:
            await self.keep_time()
        self.budget(path).add(1)
        try:
            return self._result(path, await session.call(operation, self._stamped(parameters), write=True), write=True)
        except ClockRefused:
            log.warning("timestamp_refused", venue="bybit", operation=operation)
            await self.server_time()
            self.budget(path).add(1)
            return self._result(path, await session.call(operation, self._stamped(parameters), write=True), write=True)

    async def pages(self, path: str, parameters: Mapping[str, str], *, limit: int, urgent: bool = False) -> list[Any]:
        """The results of every page, newest first, as the venue's cursor leads."""
        pages: list[Any] = []
        cursor = ""
        for _ in range(_MAX_PAGES):
            query = {**parameters, "limit": str(limit)}
            result = await self.read(path, query | {"cursor": cursor} if cursor else query, urgent=urgent)
            pages.append(result)
            before, cursor = cursor, parse.parse_cursor(result, path)
            if not cursor or cursor == before or not rows(result, path):
                return pages
        raise Unreachable(f"{path} has more than {_MAX_PAGES} pages")

    async def login(self) -> SignedRequest:
        """The frame that opens a private stream. Raises Unreachable or NotPermitted."""
        await self.keep_time()
        try:
            return await self._key("WS login").sign("WS login", self._stamped({}))
        except PermissionError as error:
            raise NotPermitted(f"the signer refused a login, nothing was sent: {error}") from error
        except OSError as error:
            raise Unreachable("the signer does not answer; no login was sent") from error

    def _stamped(self, parameters: Mapping[str, str]) -> Mapping[str, str]:
        return {**parameters, "timestamp": str(in_milliseconds(self.venue_now()))}

    def _retries(self) -> Any:
        """A few more tries for what had no answer, with jitter from our own source of chance."""
        return stamina.retry_context(on=self._wait_before_retry, attempts=3, timeout=None)

    def _wait_before_retry(self, error: Exception) -> bool | float:
        return self._random.uniform(0.1, 0.6) if isinstance(error, Unreachable) else False

    def _key(self, operation: str) -> RequestSigner:
        if self._signer is None:
            raise NotPermitted(f"{operation} needs a key; this connection has none")
        return self._signer

    def _session(self, operation: str) -> KeySession:
        """A session for one call: timestamps need no order among calls, so none waits for another."""
        return KeySession(self._transport, self._rest_url, self._key(operation))

    def _result(self, path: str, answer: HttpAnswer, *, write: bool) -> Any:
        """The result that an answer carries, or the error that it tells."""
        status_error = error_for_status(answer.status, path, write=write)
        if status_error is not None:
            raise status_error
        try:
            envelope = parse.parse_envelope(answer.body)
        except UnreadableAnswer as error:
            if write:
                raise OutcomeUnknown(f"the answer to {path} cannot be read") from error
            raise Unreachable(f"the answer to {path} cannot be read") from error
        told = error_for(envelope.code, envelope.message, answer.headers, write=write, now=self.venue_now())
        if isinstance(told, RateLimited) or _is_used_up(answer.headers):
            self.budget(path).fill()
        if told is not None:
            raise told
        return envelope.result


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == "x-bapi-limit-status" and value == "0" for name, value in headers.items())


def sure(operation: str, read: Callable[[], T]) -> T:
    """What `read` makes of the answer to a write; if it cannot be read, what the write did is not known."""
    try:
        return read()
    except UnreadableAnswer as error:
        raise OutcomeUnknown(f"the answer to {operation} cannot be read: {error}") from error
