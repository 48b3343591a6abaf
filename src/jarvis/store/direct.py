"""A short way to a SQLite file: one connection of SQLite's own driver, in one thread, a transaction at a time.

Through the database library a transaction is a dozen and more errands to the driver's thread; here it is one. See
docs/decisions/013-intents-go-straight-to-sqlite.md.
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
            return
        loop = asyncio.get_running_loop()

        def job() -> None:
            try:
                result = self._transact(work)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                _tell(loop, failed, error)
            else:
                _tell(loop, then, result)

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
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

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
