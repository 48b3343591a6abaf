"""`jarvis up` on one machine: the processes, started in order, restarted when they die, stopped cleanly.

Every service prints one line that begins with `ready` when it can serve. A service that dies is started again after
a pause that grows; stopping goes in the opposite order, so that nothing loses the signer before it is done.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger()

READY_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 10.0
STEADY_AFTER_SECONDS = 30.0


class ServiceFailedError(Exception):
    """A service that could not start at all; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process: its name, its command line, what its environment has besides ours, how long it may take to start.

    A `patience` of None is for one that waits for a person.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float | None = READY_WITHIN_SECONDS


class Supervisor:
    """Starts services one after the other and keeps them alive until `stop`."""

    def __init__(self, environment: Mapping[str, str], log_folder: Path) -> None:
        self._environment = dict(environment)
        self._log_folder = log_folder
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        self.ready_lines: dict[str, str] = {}

    async def start(self, service: Service) -> str:
        """Start `service` and keep it alive; the rest of its ready line. Raises ServiceFailedError."""
        line = await self._spawn(service)
        self._keepers.append(asyncio.create_task(self._keep(service), name=f"keep {service.name}"))
        return line

    def process_id(self, name: str) -> int:
        """The process id that a service has now."""
        return self._processes[name].pid

    async def stop(self) -> None:
        """Stop all services, the last one first: asked, then after ten seconds killed."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for name, process in reversed(self._processes.items()):
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_WITHIN_SECONDS):
                        await process.wait()
                except TimeoutError:
                    log.warning("service_killed", service=name)
                    process.kill()
                    await process.wait()

    async def _spawn(self, service: Service) -> str:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        log_path = self._log_folder / f"{service.name}.log"
        with log_path.open("ab") as log_file:
            process = await asyncio.create_subprocess_exec(
                *service.command,
                env={**self._environment, **service.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
            )
        self._processes[service.name] = process
        try:
            async with asyncio.timeout(service.patience):
                line = await self._ready_line(process)
        except TimeoutError:
            line = None
        if line is None:
            if process.returncode is None:
                process.kill()
            await process.wait()
            raise ServiceFailedError(f"{service.name} did not start: {_last_words(log_path)}")
        self.ready_lines[service.name] = line
        return line

    @staticmethod
    async def _ready_line(process: asyncio.subprocess.Process) -> str | None:
        assert process.stdout is not None  # noqa: S101 - asked for by PIPE
        async for raw in process.stdout:
            line = raw.decode(errors="replace").strip()
            if line.startswith("ready"):
                return line.removeprefix("ready").strip()
        return None

    async def _keep(self, service: Service) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.5
        while True:
            process = self._processes[service.name]
            started = loop.time()
            code = await _outlive(process)
            if self._stopping:
                return
            pause = 0.5 if loop.time() - started > STEADY_AFTER_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            log.warning("service_died", service=service.name, code=code, starts_again_in=pause)
            await asyncio.sleep(pause)
            try:
                await self._spawn(service)
            except ServiceFailedError as error:
                log.error("service_failed", service=service.name, reason=str(error))  # noqa: TRY400 - told in words


async def _outlive(process: asyncio.subprocess.Process) -> int:
    """Read what the process prints, so that it never blocks on a full pipe, until it ends."""
    if process.stdout is not None:
        while await process.stdout.read(65536):
            pass
    return await process.wait()


def _last_words(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def jarvis_command(*arguments: str) -> tuple[str, ...]:
    """The command line that runs `jarvis ARGUMENTS` with this very interpreter."""
    return (sys.executable, "-m", "jarvis", *arguments)


def signer_command(*arguments: str) -> tuple[str, ...]:
    """The command line of the signer process: not through `jarvis`, so that it imports nothing of it."""
    return (sys.executable, "-m", "jarvis.signer", *arguments)
