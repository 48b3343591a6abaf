"""On paper before it is on the wire: an order's intent in the database, against the disk alone."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from tests.store import samples

from benchmarks.measure import Duel
from jarvis.domain.account import AccountId, UserId
from jarvis.store.db import Store

SIZED_BY = 20
CYCLE_BYTES = 4 * 1024 * 1024
"""What SQLite's write-ahead log grows to before it begins again at its front: the bare file does the same."""


@contextmanager
def intents(scale: int) -> Iterator[list[Duel]]:
    """One intent made durable; wall time, for it is the disk that is waited for."""
    batch = 4 * scale
    with TemporaryDirectory() as name, _runner() as runner:
        folder = Path(name)
        store = runner.run(_store(folder / "jarvis.db"))
        numbers = count(1)

        async def record(intents_wanted: int) -> int:
            for number, _ in zip(numbers, range(intents_wanted), strict=False):
                await store.record_intent(samples.ACCOUNT, samples.order(number), samples.FENCE)
            return intents_wanted

        log = folder / "jarvis.db-wal"
        before = log.stat().st_size
        runner.run(record(SIZED_BY))
        size = (log.stat().st_size - before) // SIZED_BY
        bare = _BareFile(folder / "bare", size)
        yield [
            Duel(
                "record an intent",
                "intent",
                f"fdatasync of the same {size} bytes",
                lambda: runner.run(record(batch)),
                lambda: bare.write(batch),
                clock=time.perf_counter,
                most=2,
            )
        ]
        bare.close()
        runner.run(store.close())


@contextmanager
def signals(scale: int) -> Iterator[list[Duel]]:
    """A signal that many accounts act on: their intents at the same time, against one after the other."""
    accounts = [AccountId(f"account-{number}") for number in range(8 * scale)]
    with TemporaryDirectory() as name, _runner() as runner:
        store = runner.run(_store(Path(name) / "jarvis.db", *accounts))
        numbers = count(1)

        async def together() -> int:
            order = samples.order(next(numbers))
            await asyncio.gather(*(store.record_intent(account, order, samples.FENCE) for account in accounts))
            return len(accounts)

        async def one_by_one() -> int:
            order = samples.order(next(numbers))
            for account in accounts:
                await store.record_intent(account, order, samples.FENCE)
            return len(accounts)

        yield [
            Duel(
                f"record {len(accounts)} intents together",
                "intent",
                "one by one",
                lambda: runner.run(together()),
                lambda: runner.run(one_by_one()),
                clock=time.perf_counter,
                most=0.1,
            )
        ]
        runner.run(store.close())


def _runner() -> asyncio.Runner:
    """The loop that an installed Jarvis runs on."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _store(path: Path, *accounts: AccountId) -> Store:
    store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True)
    for account in accounts or (samples.ACCOUNT,):
        await samples.connect(store, account, UserId(f"owner of {account}"))
    return store


class _BareFile:
    """A file that is written over and over, each time durably."""

    def __init__(self, path: Path, size: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._piece = os.urandom(size)
        self._at = 0
        os.write(self._file, bytes(CYCLE_BYTES))
        os.fsync(self._file)

    def write(self, times: int) -> int:
        for _ in range(times):
            self._at = 0 if self._at + 2 * len(self._piece) > CYCLE_BYTES else self._at + len(self._piece)
            os.pwrite(self._file, self._piece, self._at)
            os.fdatasync(self._file)
        return times

    def close(self) -> None:
        os.close(self._file)
