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
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


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

    async def transact(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """What `work` returns, after the commit; all of its writing is kept, or nothing. Raises sqlite3's errors."""
        return await self._done(lambda: self._transact(work))

    async def close(self) -> None:
        """Wait for what is being written, and let the file go."""
        if self._inline:
            self._let_go()
        elif self._thread is not None:
            await self._done(self._let_go)
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    async def _done(self, job: Callable[[], _Result]) -> _Result:
        if self._inline:
            return job()
        if self._thread is None:
            # A commit that the end of the process cuts off is as good as one that a crash does.
            self._thread = Thread(target=_work_off, args=(self._jobs,), name="sqlite-writer", daemon=True)
            self._thread.start()
        answer: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._jobs.put((job, answer))
        return await answer

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
        """Undo the transaction, unless SQLite did so itself. Who cannot is not used again."""
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
        work, answer = job
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - whatever it is, it is the answer to the one who waits
            error = caught
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            answer.get_loop().call_soon_threadsafe(_answer, answer, result, error)
        del job, work, answer, result, error  # while this waits for the next one, nothing keeps the last one alive


def _answer(answer: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if answer.cancelled():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
