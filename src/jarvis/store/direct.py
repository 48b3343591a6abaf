"""A short way to a SQLite file: one connection of SQLite's own driver, in one thread, a transaction at a time.

Through the database library a transaction is a dozen and more errands to the driver's thread; here it is one. See
docs/decisions/013-intents-go-straight-to-sqlite.md.

What was committed is durable in the write-ahead log, and is told of then. SQLite would bring a log of 1,000 pages into
the database before it lets the commit return, milliseconds in which whoever waits for it stands still; here that comes
after the answer.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_Job = Callable[[], None]

_CHANGES_AT_ONCE = 300
"""Rows that are changed between two checkpoints: with their indexes about the 1,000 pages that are SQLite's measure."""


class DirectWriter:
    """Transactions on a SQLite file. Opened by the first of them; `inline` uses the caller's thread.

    It does not wait for the process's other writers: whoever calls must have the turn to write.
    """

    def __init__(self, path: Path, pragmas: Sequence[str], *, inline: bool) -> None:
        self._path = path
        self._pragmas = pragmas
        self._inline = inline
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._tidied_at = 0

    def transact(
        self,
        work: Callable[[sqlite3.Connection], _Result],
        then: Callable[[_Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do `work` in a transaction: all of its writing is kept, or nothing.

        `then` is called with what it returned, after the commit, or `failed` with the error; both by the event loop.
        """
        if self._inline:
            try:
                result = self._transact(work)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                failed(error)
            else:
                then(result)
                self._tidy()
            return
        loop = asyncio.get_running_loop()

        def job() -> None:
            try:
                result = self._transact(work)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                _tell(loop, failed, error)
            else:
                _tell(loop, then, result)
                self._tidy()

        try:
            self._start()
        except RuntimeError as error:  # no more threads are given to us
            failed(error)
        else:
            self._jobs.put(job)

    async def close(self) -> None:
        """Let the file go. Whoever calls has the turn: nothing is being written."""
        if self._thread is None:
            self._let_go()
            return
        loop = asyncio.get_running_loop()
        is_closed = asyncio.Event()

        def job() -> None:
            self._let_go()
            _tell(loop, lambda _: is_closed.set(), None)

        self._jobs.put(job)
        self._jobs.put(None)
        await is_closed.wait()
        self._thread.join()
        self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            # A commit that the end of the process cuts off is as good as one that a crash does.
            thread = Thread(target=_work_off, args=(self._jobs,), name="sqlite-writer", daemon=True)
            thread.start()
            self._thread = thread

    def _transact(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        connection = self._connection or self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._take_back(connection)
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            for pragma in self._pragmas:
                connection.execute(pragma)
            connection.execute("PRAGMA wal_autocheckpoint=0")
        except BaseException:
            connection.close()
            raise
        self._connection, self._tidied_at = connection, connection.total_changes
        return connection

    def _tidy(self) -> None:
        """Bring the log into the database if it has grown. What readers or a full disk prevent is done another time."""
        connection = self._connection
        if connection is not None and connection.total_changes - self._tidied_at >= _CHANGES_AT_ONCE:
            self._tidied_at = connection.total_changes
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _take_back(self, connection: sqlite3.Connection) -> None:
        """Undo the transaction, unless SQLite did so itself. A connection that cannot is not used again."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _work_off(jobs: "SimpleQueue[_Job | None]") -> None:
    """Do the jobs one after the other, until there is a None."""
    while (job := jobs.get()) is not None:
        job()
        del job  # nothing keeps the last one alive while this waits for the next one


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None], answer: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(call, answer)
