"""One key's calls to Binance: request weights, the clock, retries, and what an answer is worth.

Reads are asked again while they are without answer; a write is sent once, and once more only when the venue proved
that the first was not executed (its timestamp was refused). Nothing has to be in order here, so nothing waits in a
queue: a timestamp that waited would be refused.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
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
    VenueError,
)
from jarvis.venues.binance import parse
from jarvis.venues.binance.budgets import MinuteBudget
from jarvis.venues.binance.errors import KeyDoubted, TimeRefused, error_for
from jarvis.venues.binance.fields import decode, milliseconds
from jarvis.venues.session import (
    READ_SECONDS,
    USER_AGENT,
    AnswerLost,
    HttpAnswer,
    KeySession,
    Transport,
    measured_offset,
)

log = structlog.get_logger()

RECEIVE_WINDOW = timedelta(seconds=5)
KEY_INFO = "GET /sapi/v1/account/apiRestrictions"

_PUBLIC_WEIGHT, _IP_WEIGHT, _UID_WEIGHT = 6_000, 12_000, 180_000
_USED_HEADERS = ("x-mbx-used-weight-1m", "x-sapi-used-ip-weight-1m", "x-sapi-used-uid-weight-1m")
_OFFSET_AGE = timedelta(minutes=10)
_TIME_RESOLUTION = timedelta(milliseconds=1)
_LIMITED = frozenset({429, 418})
_UNREADABLE = object()
# Limits new orders only: cancels and reads go on.
_TOO_MANY_ORDERS = -1015


class BinanceCalls:
    """Public calls, and those of one key if there is a signer. One instance per key: it keeps the key's counters."""

    def __init__(
        self, *, transport: Transport, rest_url: str, signer: RequestSigner | None, clock: Clock, random: Random
    ) -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._signer = signer
        self._clock = clock
        self._random = random
        self._clock_offset = timedelta(0)
        self._offset_measured_at: datetime | None = None
        self._public = MinuteBudget(self.venue_now, _PUBLIC_WEIGHT)
        self._ip = MinuteBudget(self.venue_now, _IP_WEIGHT)
        self.uid = MinuteBudget(self.venue_now, _UID_WEIGHT)
        self._closed_until: datetime | None = None

    @property
    def has_key(self) -> bool:
        """Whether anything but public calls can be made."""
        return self._signer is not None

    def venue_now(self) -> datetime:
        """The venue's clock, as far as we measured it."""
        return self._clock.now() + self._clock_offset

    async def server_time(self) -> datetime:
        """The venue's clock as it tells it; also measures how far ours is off."""
        sent_at = self._clock.now()
        at = parse.parse_time(await self.public("/api/v3/time", weight=1))
        heard_at = self._clock.now()
        self._clock_offset = measured_offset(sent_at, heard_at, at, _TIME_RESOLUTION)
        self._offset_measured_at = heard_at
        if self._clock_offset:
            log.warning("clock_offset_measured", venue="binance", seconds=self._clock_offset.total_seconds())
        return at

    async def public(self, path: str, query: Mapping[str, str] | None = None, *, weight: int) -> Any:
        """The answer to a call that anyone may make, asked again while it is without one."""
        url = f"{self._rest_url}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        async for attempt in self._retries():
            with attempt:
                self._check_open()
                await self._public.wait(weight, urgent=True)
                try:
                    answer = await self._transport.request("GET", url, {"User-Agent": USER_AGENT}, b"", READ_SECONDS)
                except (AnswerLost, OSError) as error:
                    raise Unreachable(f"no answer to {path}") from error
                return self._result(path, answer, write=False)
        raise AssertionError

    async def keyed(self, operation: str, parameters: Mapping[str, str] | None = None, *, ip: int) -> Any:
        """The answer to a read that wants the key's name and no signature."""
        return await self._read(operation, parameters or {}, ip=ip, uid=0, urgent=True, timed=False)

    async def read(
        self,
        operation: str,
        parameters: Mapping[str, str] | None = None,
        *,
        ip: int = 0,
        uid: int = 0,
        urgent: bool = False,
    ) -> Any:
        """The answer to a signed read of this weight, asked again while it is without one.

        `urgent` reads may use the part of the budget that is kept for exits. Raises VenueError.
        """
        await self._keep_time()
        return await self._read(operation, parameters or {}, ip=ip, uid=uid, urgent=urgent, timed=True)

    async def _read(
        self, operation: str, parameters: Mapping[str, str], *, ip: int, uid: int, urgent: bool, timed: bool
    ) -> Any:
        async for attempt in self._retries():
            with attempt:
                self._check_open()
                await self._ip.wait(ip, urgent=urgent)
                await self.uid.wait(uid, urgent=urgent)
                try:
                    return await self._call(operation, parameters, write=False, timed=timed)
                except TimeRefused:
                    await self.server_time()
                    raise
        raise AssertionError

    async def write(self, operation: str, parameters: Mapping[str, str], *, ip: int = 0, uid: int = 0) -> Any:
        """The answer to a signed write, sent once; again only when a refused timestamp proved that it did nothing."""
        self._check_open()
        if self._offset_measured_at is None:
            await self.server_time()
        self._ip.add(ip)
        self.uid.add(uid)
        try:
            return await self._call(operation, parameters, write=True, timed=True)
        except TimeRefused:
            log.warning("timestamp_refused", venue="binance", operation=operation)
            await self.server_time()
            return await self._call(operation, parameters, write=True, timed=True)

    async def _keep_time(self) -> None:
        """Measure the clock's offset if that was not done for a while."""
        if self._offset_measured_at is None or self._clock.now() - self._offset_measured_at > _OFFSET_AGE:
            await self.server_time()

    async def _call(self, operation: str, parameters: Mapping[str, str], *, write: bool, timed: bool) -> Any:
        if self._signer is None:
            raise NotPermitted(f"{operation} needs a key; this connection has none")
        if timed:
            window = str(RECEIVE_WINDOW // timedelta(milliseconds=1))
            parameters = {**parameters, "recvWindow": window, "timestamp": str(milliseconds(self.venue_now()))}
        # A session of its own: calls of one key need no order here.
        session = KeySession(self._transport, self._rest_url, self._signer)
        answer = await session.call(operation, parameters, write=write)
        try:
            return self._result(operation, answer, write=write)
        except KeyDoubted as doubt:
            if operation == KEY_INFO:
                raise
            await self._blame(operation, doubt)
            raise

    async def _blame(self, operation: str, doubt: KeyDoubted) -> None:
        """Raise NotPermitted if the key as such is good: the venue has one code for key, address and permission."""
        try:
            await self.read(KEY_INFO, ip=1, urgent=True)
        except KeyDoubted:
            return
        except VenueError as error:
            # It could not be found out; what was asked for was refused in any case.
            log.warning("key_not_asked", venue="binance", reason=str(error))
            return
        raise NotPermitted(f"the key may not do {operation}; it lacks a permission") from doubt

    def _retries(self) -> Any:
        """A few more tries for what had no answer, with jitter from our own source of chance."""
        return stamina.retry_context(on=self._wait_before_retry, attempts=3, timeout=None)

    def _wait_before_retry(self, error: Exception) -> bool | float:
        return self._random.uniform(0.1, 0.6) if isinstance(error, Unreachable) else False

    def _check_open(self) -> None:
        """Keep silent for as long as the venue said: who goes on asking is banned for days."""
        if self._closed_until is not None and (left := self._closed_until - self._clock.now()) > timedelta(0):
            raise RateLimited("the venue told us to wait; nothing was sent", left)

    def _result(self, operation: str, answer: HttpAnswer, *, write: bool) -> Any:
        """What an answer carries, or the error that it tells."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self._believe(headers)
        try:
            told = decode(answer.body)
        except UnreadableAnswer:
            told = _UNREADABLE
        refusal = parse.parse_error(told)
        if answer.status in _LIMITED:
            raise self._limited(headers, refusal)
        if refusal is not None and answer.status < 500:
            code, message = refusal
            raise error_for(code, message, write=write, now=self.venue_now(), retry_after=_retry_after(headers))
        if answer.status != 200 or told is _UNREADABLE:
            # A 5xx leaves open what happened; anything else without a code comes from what stands before the venue.
            words = f"{operation} was answered with HTTP {answer.status} and nothing that we can read"
            raise OutcomeUnknown(words) if write else Unreachable(words)
        return told

    def _limited(self, headers: Mapping[str, str], refusal: tuple[int, str] | None) -> RateLimited:
        code, message = refusal or (-1003, "too many requests")
        error = error_for(code, message, write=False, now=self.venue_now(), retry_after=_retry_after(headers))
        if not isinstance(error, RateLimited):
            error = RateLimited(f"{code}: {message}", _retry_after(headers) or timedelta(seconds=10))
        if code != _TOO_MANY_ORDERS:
            self._closed_until = self._clock.now() + error.retry_after
        log.warning("venue_limits_us", venue="binance", seconds=error.retry_after.total_seconds())
        return error

    def _believe(self, headers: Mapping[str, str]) -> None:
        for budget, name in zip((self._public, self._ip, self.uid), _USED_HEADERS, strict=True):
            used = headers.get(name, "")
            if used.isdecimal():
                budget.believe(int(used))


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    seconds = headers.get("retry-after", "")
    return timedelta(seconds=max(1, int(seconds))) if seconds.isdecimal() else None
