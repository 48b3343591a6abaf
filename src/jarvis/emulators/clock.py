"""The sandbox's clock: the market moves in steps, and followers say when they are done with one.

A follower that answers makes its own speed the market's: no step begins before it has said `done`. One that only
listens is told and not waited for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import structlog

_LOG = structlog.get_logger(__name__)
ACKNOWLEDGE_SECONDS = 30.0


class Follower:
    """One party that is told each step. `answers` says whether steps wait for it."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.done_until: datetime | None = None
        self._messages: deque[str] = deque()
        self._wake = asyncio.Event()
        self._gone = False
        self._progress = asyncio.Event()

    @property
    def is_gone(self) -> bool:
        """Whether it has left or was dropped."""
        return self._gone

    def tell(self, **message: str) -> None:
        """Queue one message for it."""
        self._messages.append(msgspec.json.encode(message).decode())
        self._wake.set()

    def receive(self, text: str) -> None:
        """Take its answer `{"done": "<ISO time>"}`. Raises ValueError for anything else."""
        try:
            answer = msgspec.json.decode(text, type=dict[str, str])
            self.done_until = datetime.fromisoformat(answer["done"])
        except (msgspec.DecodeError, KeyError) as error:
            raise ValueError('a follower answers {"done": "<the time it was told>"}') from error
        self._progress.set()

    async def next_message(self) -> str | None:
        """The next message for it; None when it was dropped and all was read."""
        while not self._messages:
            if self._gone:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._messages.popleft()

    async def caught_up(self, now: datetime) -> bool:
        """Whether it has said `done` for `now`: True as soon as it has, False when it left."""
        while not self._gone:
            if self.done_until is not None and self.done_until >= now:
                return True
            self._progress.clear()
            await self._progress.wait()
        return False

    def leave(self) -> None:
        """Nothing more is waited for; what was queued can still be read."""
        self._gone = True
        self._wake.set()
        self._progress.set()


class SandboxClock:
    """Steps the market at `rate` simulated seconds per real second, or as fast as its followers allow.

    `advance` moves everything to an instant. With `wait_for_followers` nothing moves before the first answering
    follower came, and a clock without a rate stands still while there is none.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        advance: Callable[[datetime], None],
        step: timedelta,
        end: datetime | None,
        rate: float | None,
        wait_for_followers: bool,
    ) -> None:
        if step <= timedelta(0):
            raise ValueError("a step must be longer than nothing")
        if rate is not None and rate <= 0:
            raise ValueError("the rate must be positive, or None for as fast as followers allow")
        self._now = now
        self._advance = advance
        self._step = step
        self._end = end
        self.rate = rate
        self._wait_for_followers = wait_for_followers
        self._followers: list[Follower] = []
        self._followed_once = False
        self._joined = asyncio.Event()
        self.ended = False

    @property
    def now(self) -> datetime:
        """The market's time."""
        return self._now()

    def join(self, *, answers: bool) -> Follower:
        """A new follower; told from the next step on, and at once when the market has ended."""
        follower = Follower(answers=answers)
        self._followers.append(follower)
        if answers:
            self._followed_once = True
            self._joined.set()
        if self.ended:
            follower.tell(end=_iso(self._now()))
        return follower

    def leave(self, follower: Follower) -> None:
        """Forget a follower; a step that waits for it goes on."""
        follower.leave()
        if follower in self._followers:
            self._followers.remove(follower)

    async def run(self) -> None:
        """Step until the market ends, then say so."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.ended:
            await self._someone_follows()
            await self.step()
            if self.rate is None:
                await asyncio.sleep(0)
                continue
            # A late step is not caught up: the market never jumps because the machine was busy.
            due = max(due + self._step.total_seconds() / self.rate, loop.time())
            await asyncio.sleep(due - loop.time())

    async def step(self) -> None:
        """Move the market by one step, tell everyone and wait for the followers that answer."""
        until = self._now() + self._step
        is_last = self._end is not None and until >= self._end
        if self._end is not None and is_last:
            until = self._end
        self._advance(until)
        for follower in self._followers:
            follower.tell(now=_iso(until))
        await self._all_caught_up(until)
        if is_last:
            self.ended = True  # not before: who asks whether it has ended wants everyone to be done
            for follower in self._followers:
                follower.tell(end=_iso(until))

    async def _someone_follows(self) -> None:
        while self._wait_for_followers and not (
            any(follower.answers for follower in self._followers) or (self._followed_once and self.rate is not None)
        ):
            self._joined.clear()
            await self._joined.wait()

    async def _all_caught_up(self, until: datetime) -> None:
        waiting = [follower for follower in self._followers if follower.answers]
        if not waiting:
            return
        deadline = asyncio.get_running_loop().time() + ACKNOWLEDGE_SECONDS
        for follower in waiting:
            try:
                async with asyncio.timeout_at(deadline):
                    await follower.caught_up(until)
            except TimeoutError:
                _LOG.warning("clock_follower_dropped", now=_iso(until), waited_seconds=ACKNOWLEDGE_SECONDS)
                self.leave(follower)


def _iso(at: datetime) -> str:
    return at.isoformat()
