"""Long actions of people: what takes more than a moment is done beside the pages, tells how far it is, and can end.

A job lives in this process and for its owner alone. Its result is kept for some minutes; when the process ends, every
job ends with it, and the page of one that is gone says to start again. Nothing that a job does is needed by trading,
and a job that was ended in the middle leaves nothing half done behind.
"""

import asyncio
import shutil
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import structlog

from jarvis.domain.account import UserId
from jarvis.store.errors import StoreError

log = structlog.get_logger()

KEPT = timedelta(minutes=15)
"""How long a finished job, and the file that it made, can be asked for."""

MOST_AT_ONCE = 2
"""How many jobs of everybody work at the same time; others wait for their turn."""

MOST_OF_ONE = 3
"""How many unfinished jobs one person may have."""

MOST_KEPT_OF_ONE = 8

_BROKEN = "Something broke on our side. Nothing of yours was changed; start it again."


class JobState(Enum):
    """Where a job stands; it only ever goes forward."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TooManyJobsError(Exception):
    """A person has as many unfinished jobs as one may have."""


class NotDoneError(Exception):
    """Work could not be done; its words tell its owner why."""


class _CancelledError(Exception):
    """Raised in the middle of work that asks how far it is to go on."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that a job made; `name` is what a browser saves it as."""

    path: Path
    name: str
    media_type: str
    size: int


@dataclass(slots=True)
class Job:
    """One long action of a person.

    `key` is what it is about: the same thing is not begun twice. `back` is the page that needed it: where it leads
    when it is done, or to start again. `fraction` never falls; `done` of `total` are those of the present part.
    """

    job_id: str
    owner_id: UserId
    key: str
    title: str
    back: str
    started_at: datetime
    state: JobState = JobState.WAITING
    words: str = "Waiting for its turn"
    noun: str = ""
    done: int = 0
    total: int = 0
    fraction: float = 0.0
    ended_at: datetime | None = None
    problem: str = ""
    file: Prepared | None = None
    is_stopping: bool = False
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _from: float = 0.0
    _to: float = 1.0

    @property
    def is_over(self) -> bool:
        """Whether nothing of it goes on."""
        return self.state not in (JobState.WAITING, JobState.RUNNING)

    @property
    def counted(self) -> str:
        """How far the present part is, for people."""
        return f"{min(self.done, self.total):,} of {self.total:,} {self.noun}" if self.noun and not self.is_over else ""

    @property
    def percent(self) -> int:
        """How much of all is done, in whole percent."""
        return int(self.fraction * 100)

    def begin(self, words: str, total: int, noun: str = "", *, until: float = 1.0) -> None:
        """A part of the work begins: what is done in words, how much of what, and how much of all is done after it.

        Without a `noun` the number is an estimate that nobody is told.
        """
        self.check()
        self._from, self._to = self.fraction, max(until, self.fraction)
        self.words, self.noun, self.done, self.total = words, noun, 0, total

    def went(self, rows: int) -> None:
        """Count more as done. Ends the work if its owner cancelled it."""
        self.check()
        self.done += rows
        self.total = max(self.total, self.done)
        share = self.done / self.total if self.total else 1.0
        self.fraction = max(self.fraction, self._from + (self._to - self._from) * share)

    def check(self) -> None:
        """End the work if its owner cancelled it: for work that is nowhere interrupted otherwise."""
        if self.is_stopping:
            raise _CancelledError


Work = Callable[[Job], Awaitable[Prepared | None]]
"""Does a job's work and tells it how far it is; the file that it made, if it made one."""


class Jobs:
    """All long actions of this process; `close` ends them.

    `folder` is where their files lie, owned by us alone: what a process that died has left in it is removed.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str], folder: Path | None = None) -> None:
        self._now = now
        self._new_id = new_id
        self._given = folder
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._folder: Path | None = None
        self._jobs: dict[str, Job] = {}
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

    def begin(self, owner_id: UserId, key: str, title: str, back: str, work: Work) -> Job:
        """Begin a job, or find the unfinished one about the same. Raises TooManyJobsError."""
        self._forget_old()
        own = [each for each in self._jobs.values() if each.owner_id == owner_id]
        same = next((each for each in own if each.key == key and not each.is_over and not each.is_stopping), None)
        if same is not None:
            return same
        if sum(not each.is_over for each in own) >= MOST_OF_ONE:
            raise TooManyJobsError
        for each in [one for one in own if one.is_over][: max(0, len(own) - MOST_KEPT_OF_ONE + 1)]:
            self._forget(each)
        job = Job(self._new_id(), owner_id, key, title, back, self._now())
        self._jobs[job.job_id] = job
        job.task = asyncio.create_task(self._run(job, work), name=f"job {job.job_id}")
        return job

    def find(self, owner_id: UserId, job_id: str) -> Job | None:
        """A job of this person; None for another's, and for one that is gone."""
        self._forget_old()
        job = self._jobs.get(job_id)
        return job if job is not None and job.owner_id == owner_id else None

    def of(self, owner_id: UserId) -> list[Job]:
        """The jobs of a person, the latest first."""
        self._forget_old()
        return [each for each in reversed(self._jobs.values()) if each.owner_id == owner_id]

    def cancel(self, job: Job) -> None:
        """End a job; it is over when what it does at this moment has ended."""
        if not job.is_over and not job.is_stopping:
            job.is_stopping = True
            if job.state is JobState.WAITING:  # its task may not even have begun, and then nothing of it runs
                job.state, job.ended_at = JobState.CANCELLED, self._now()
            if job.task is not None:
                job.task.cancel()

    def forget_person(self, owner_id: UserId) -> None:
        """End the jobs of somebody who leaves, and remove what they made."""
        for job in self.of(owner_id):
            self.cancel(job)
            self._forget(job)

    def file(self, job: Job, name: str) -> Path:
        """Where a job may write a file: a new folder that only we can open."""
        folder = self._own_folder() / job.job_id
        folder.mkdir(mode=0o700)
        return folder / name

    async def over(self, job: Job) -> None:
        """Wait until a job has ended."""
        if job.task is not None:
            await asyncio.wait([job.task])

    async def close(self) -> None:
        """End every job and remove every file."""
        for job in self._jobs.values():
            self.cancel(job)
        for job in list(self._jobs.values()):
            await self.over(job)
        self._jobs.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def _run(self, job: Job, work: Work) -> None:
        """One job from its turn to its end, whatever that is."""
        try:
            async with self._turns:
                job.state = JobState.RUNNING
                job.file = await work(job)
                job.check()
            job.state, job.fraction = JobState.DONE, 1.0
        except (asyncio.CancelledError, _CancelledError):
            job.state = JobState.CANCELLED
        except (StoreError, NotDoneError) as error:
            job.state, job.problem = JobState.FAILED, _sentence(str(error))
            log.warning("job_not_finished", job=job.key, reason=str(error))
        except Exception as error:  # noqa: BLE001 - the top of a task: its owner is told, and the log has the rest
            job.state, job.problem = JobState.FAILED, _BROKEN
            last = traceback.extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400 - the text of an exception may quote what is private
                "job_failed", job=job.key, error=type(error).__name__, place=f"{last.filename}:{last.lineno}"
            )
        job.ended_at = self._now()
        if job.state is not JobState.DONE:
            self._remove_files(job)
        elif job.job_id in self._jobs:
            asyncio.get_running_loop().call_later(KEPT.total_seconds(), self._forget, job)

    def _forget_old(self) -> None:
        before = self._now() - KEPT
        for job in list(self._jobs.values()):
            if job.ended_at is not None and job.ended_at < before:
                self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.job_id, None)
        self._remove_files(job)

    def _remove_files(self, job: Job) -> None:
        job.file = None
        if self._folder is not None:
            shutil.rmtree(self._folder / job.job_id, ignore_errors=True)

    def _own_folder(self) -> Path:
        """The folder of all files, made when the first is."""
        if self._folder is None:
            if self._given is None:
                self._folder = Path(tempfile.mkdtemp(prefix="jarvis-prepared-"))
            else:
                self._given.mkdir(mode=0o700, parents=True)
                self._folder = self._given
        return self._folder


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
