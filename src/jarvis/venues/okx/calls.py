"""Calls to OKX: budgets per endpoint, the clock's offset, retries, and what an answer is worth.

There is no nonce, so calls do not wait for each other. Reads are asked again while they are without answer; a write is
sent once, and once more only when the venue proved that the first was not executed (a refused timestamp).
"""

from collections.abc import Callable, Mapping
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
from jarvis.venues.okx.errors import UNAVAILABLE_CODE, TimestampRefused, error_for, error_for_status
from jarvis.venues.okx.fields import Record, decode, milliseconds, moment, only, record_of, rows_of
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

PAGE = 100
_MAX_PAGES = 400
_OFFSET_AGE = timedelta(minutes=10)
_TIME_RESOLUTION = timedelta(milliseconds=1)
_OK = 200
_SERVER_ERROR = 500
_TOO_MANY = 429

# Calls per two seconds and user, which is how OKX counts; of placing, amending and cancelling also per instrument.
_USUAL_LIMIT = 20
_LIMITS = {
    "GET /api/v5/account/config": 5,
    "GET /api/v5/account/balance": 10,
    "GET /api/v5/account/positions": 10,
    "GET /api/v5/account/trade-fee": 5,
    "GET /api/v5/account/interest-accrued": 5,
    "GET /api/v5/account/interest-rate": 5,
    "GET /api/v5/account/bills": 10,
    "GET /api/v5/account/bills-archive": 5,
    "GET /api/v5/trade/order": 60,
    "GET /api/v5/trade/orders-pending": 60,
    "GET /api/v5/trade/fills-history": 10,
    "POST /api/v5/trade/order": 60,
    "POST /api/v5/trade/amend-order": 60,
    "POST /api/v5/trade/cancel-order": 60,
}
# Of each limit, this part may be used at once and this part per second on top: in two seconds never more than all.
_AT_ONCE, _PER_SECOND = 0.8, 0.1


class OkxCalls:
    """Public calls, and those of one key if there is a signer. One instance per key: it keeps the key's counters."""

    def __init__(
        self,
        *,
        transport: Transport,
        rest_url: str,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
    ) -> None:
        self.has_key = signer is not None
        self._transport = transport
        self._rest_url = rest_url
        self._signer = signer
        self._clock = clock
        self._random = random
        self._budgets: dict[tuple[str, str], RateBudget] = {}
        self._clock_offset = timedelta(0)
        self._offset_measured_at: datetime | None = None

    def venue_now(self) -> datetime:
        """The venue's clock, as far as we measured it."""
        return self._clock.now() + self._clock_offset

    async def server_time(self) -> datetime:
        """The venue's clock as it tells it; also measures how far ours is off: `{"ts":"1597026383085"}`."""
        sent_at = self._clock.now()
        at = moment(only(await self.public("/api/v5/public/time"), "public/time"), "ts", "public/time")
        heard_at = self._clock.now()
        self._clock_offset = measured_offset(sent_at, heard_at, at, _TIME_RESOLUTION)
        self._offset_measured_at = heard_at
        if self._clock_offset:
            log.warning("clock_offset_measured", venue="okx", seconds=self._clock_offset.total_seconds())
        return at

    async def keep_time(self) -> None:
        """Measure the clock's offset if that was not done for a while."""
        if self._offset_measured_at is None or self._clock.now() - self._offset_measured_at > _OFFSET_AGE:
            await self.server_time()

    async def public(self, path: str, **query: str) -> Any:
        """The `data` of a call that anyone may make, asked again while it is without answer."""
        url = f"{self._rest_url}{path}{'?' if query else ''}{urlencode(query)}"
        async for attempt in self._retries():
            with attempt:
                try:
                    answer = await self._transport.request("GET", url, {"User-Agent": USER_AGENT}, b"", READ_SECONDS)
                except (AnswerLost, OSError) as error:
                    raise Unreachable(f"no answer to {path}") from error
                return read_answer(path, answer, write=False)
        raise AssertionError

    async def read(
        self, operation: str, parameters: Mapping[str, str] | None = None, *, urgent: bool = False
    ) -> list[Record]:
        """The rows that a signed read answers with, asked again while it is without answer.

        `urgent` reads may use the part of the budget that is kept for exits. Raises VenueError.
        """
        budget = self.budget(operation)
        lost: Unreachable | None = None
        async for attempt in self._retries():
            with attempt:
                try:
                    await budget.wait(1, urgent=urgent)
                except RateLimited:
                    if lost is None:
                        raise
                    raise lost from None  # no call is left for another try
                try:
                    return rows_of(await self._call(operation, parameters or {}, budget, write=False), operation)
                except TimestampRefused:
                    await self.server_time()
                    raise
                except Unreachable as error:
                    lost = error
                    raise
        raise AssertionError

    async def write(self, operation: str, parameters: Mapping[str, str], budget: RateBudget) -> Record:
        """The row that a write of one item answers with; sent once, again only after a refused timestamp."""
        budget.add(1)
        try:
            answer = await self._call(operation, parameters, budget, write=True)
        except TimestampRefused:
            log.warning("timestamp_refused", venue="okx", operation=operation)
            await self.server_time()
            answer = await self._call(operation, parameters, budget, write=True)
        try:
            return only(answer, operation)
        except UnreadableAnswer as error:
            raise OutcomeUnknown(f"the answer to {operation} cannot be read: {error}") from error

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> bytes:
        """The body that the signer makes of a call that is not sent by REST: a stream's login."""
        stamped = {**parameters, "timestamp": milliseconds(self.venue_now())}
        try:
            return (await self._required_signer(operation).sign(operation, stamped)).body
        except PermissionError as error:
            raise NotPermitted(f"the signer refused {operation}, nothing was sent: {error}") from error
        except OSError as error:
            raise Unreachable(f"the signer does not answer; {operation} was not sent") from error

    async def pages(
        self,
        operation: str,
        parameters: Mapping[str, str],
        cursor: Callable[[Record], str],
        *,
        is_enough: Callable[[Record], bool] = lambda _: False,
        urgent: bool = False,
    ) -> list[Record]:
        """Every row, newest first, page after page; `cursor` names the row that the next page comes after.

        The reading ends early with a row that `is_enough`.
        """
        rows: list[Record] = []
        query = {**parameters, "limit": str(PAGE)}
        for _ in range(_MAX_PAGES):
            page = await self.read(operation, query, urgent=urgent)
            rows += page
            if len(page) < PAGE or is_enough(page[-1]):
                return rows
            query["after"] = cursor(page[-1])
        raise Unreachable(f"{operation} has more than {_MAX_PAGES} pages")

    def budget(self, operation: str, instrument: str = "") -> RateBudget:
        """The counter of an endpoint, of one instrument where the venue counts per instrument."""
        if (operation, instrument) not in self._budgets:
            limit = _LIMITS.get(operation, _USUAL_LIMIT)
            self._budgets[operation, instrument] = RateBudget(
                self._clock, limit=limit * _AT_ONCE, decay_per_second=limit * _PER_SECOND
            )
        return self._budgets[operation, instrument]

    async def _call(self, operation: str, parameters: Mapping[str, str], budget: RateBudget, *, write: bool) -> Any:
        stamped = {**parameters, "timestamp": milliseconds(self.venue_now())}
        # A session of its own: a key's calls are in no order here, and none waits for another's answer.
        session = KeySession(self._transport, self._rest_url, self._required_signer(operation))
        answer = await session.call(operation, stamped, write=write)
        try:
            return read_answer(operation, answer, write=write)
        except RateLimited:
            budget.fill()
            raise

    def _required_signer(self, operation: str) -> RequestSigner:
        if self._signer is None:
            raise NotPermitted(f"{operation} needs a key; this connection has none")
        return self._signer

    def _retries(self) -> Any:
        """A few more tries for what had no answer, with jitter from our own source of chance."""
        return stamina.retry_context(on=self._wait_before_retry, attempts=3, timeout=None)

    def _wait_before_retry(self, error: Exception) -> bool | float:
        return self._random.uniform(0.1, 0.6) if isinstance(error, Unreachable) else False


def read_answer(operation: str, answer: HttpAnswer, *, write: bool) -> Any:
    """The `data` of an answer. Raises the error that it tells instead, for the whole or for its one item.

    `{"code":"0","msg":"","data":[{"ordId":"312269865356374016","clOrdId":"jv0000001","tag":"","ts":"1695190491421",
    "sCode":"0","sMsg":""}],"inTime":"1695190491421339","outTime":"1695190491423240"}`; gateways leave `data` out.
    """
    try:
        envelope = record_of(decode(answer.body), operation)
        code = envelope.get("code")
    except UnreadableAnswer as error:
        raise _lost(operation, answer, write=write) from error
    # Only the exchange itself says what became of an order; what stands before it answers 5xx and 429.
    if not isinstance(code, str) or answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
        raise _maintenance(code, write=write) or _lost(operation, answer, write=write)
    items = envelope.get("data")
    failed = next((item for item in items if _failed(item)), None) if isinstance(items, list) else None
    if failed is not None:
        raise error_for(failed["sCode"], _words(failed, "sMsg"), write=write, sub_code=_words(failed, "subCode"))
    if code != "0":
        raise error_for(code, _words(envelope, "msg"), write=write)
    if answer.status != _OK:
        raise _lost(operation, answer, write=write)
    return items


def _failed(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("sCode"), str) and item["sCode"] not in ("", "0")


def _words(record: Record, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _maintenance(code: object, *, write: bool) -> VenueError | None:
    return error_for(UNAVAILABLE_CODE, "", write=write) if code == UNAVAILABLE_CODE else None


def _lost(operation: str, answer: HttpAnswer, *, write: bool) -> VenueError:
    """The error of an answer that says nothing of what became of the call."""
    if answer.status != _OK:
        return error_for_status(answer.status, operation, write=write)
    message = f"the answer to {operation} cannot be read"
    return OutcomeUnknown(message) if write else Unreachable(message)
