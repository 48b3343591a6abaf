"""A whole installation on loopback: signer, sandbox, web and worker as real processes, in a folder, on free ports.

It is started as `jarvis demo` starts one, by the same functions. Whatever happens inside the block, every process
that was started has ended when it is left.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import socket
from typing import Any
from urllib.request import urlopen

from jarvis.cli.account import add_person, migrate_database
from jarvis.cli.demo import VENUE_ACCOUNT, DemoWishes, _connect_sample_account, _sandbox_service
from jarvis.cli.process import child_service, environment_of, signer_service
from jarvis.cli.wiring import opened_store
from jarvis.config import Settings
from jarvis.live.supervisor import Supervisor
from jarvis.signer.vault import create_master_key
from jarvis.store.records import TradingAccount
from tests.system.commands import Said, run_command

PERSON = "ada@jarvis.example"
PASSWORD = "heron-9-Quarz-teapot-Umbra"


def free_port() -> int:
    """A port that nobody listens on now."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment_in(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a command whose installation lies in `folder`; nothing of ours but what Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    said = {
        "JARVIS_DATA_DIR": str(folder / "data"),
        "JARVIS_MASTER_KEY_FILE": str(folder / "key" / "master.key"),
        "JARVIS_WEB_PORT": "0",
        "COLUMNS": "200",
    }
    return {**kept, **said, **{f"JARVIS_{name.upper()}": value for name, value in settings.items()}}


@dataclass(slots=True)
class Installation:
    """A running installation. `worker_environment` is read at each start of the worker: change it between two."""

    folder: Path
    given: Settings
    wishes: DemoWishes
    supervisor: Supervisor
    user_id: str = ""
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    execution_venue: str = ""

    @property
    def venue_name(self) -> str:
        """The one venue that it trades on."""
        return self.wishes.venues[0]

    async def start_signer_and_sandbox(self) -> None:
        await self.supervisor.start(signer_service(self.given))
        await self.supervisor.start(_sandbox_service(self.given, self.wishes))

    async def connect(self) -> None:
        """The sample account with a good key, armed."""
        wanted = self.given, self.user_id, self.wishes, self.venue_name
        await _connect_sample_account(*wanted, execution_venue=self.execution_venue)

    async def start_web(self) -> str:
        return await self.supervisor.start(child_service("web", "web-process"))

    async def start_worker(self) -> None:
        worker = child_service("worker", "worker-process")
        await self.supervisor.start(replace(worker, environment=self.worker_environment))

    async def start(self) -> None:
        """All that trades, with the account connected and armed. No pages: they would only take time."""
        await self.start_signer_and_sandbox()
        await self.connect()
        await self.start_worker()

    def kill(self, name: str) -> int:
        """End a process as a power cut would; the id that it had."""
        process_id = self.supervisor.process_id(name)
        os.kill(process_id, signal.SIGKILL)
        return process_id

    async def command(self, *arguments: str) -> Said:
        """Run `jarvis ARGUMENTS` on this installation."""
        return await run_command(*arguments, environment=environment_of(self.given))

    async def status(self) -> Any:
        return (await self.command("trade", "status", "--json")).json

    async def venue(self) -> Any:
        """What the emulator knows of our account."""
        return await get_json(f"{self.given.sandbox_address}/sandbox/{self.venue_name}/accounts/{VENUE_ACCOUNT}")

    async def clock(self) -> Any:
        return await get_json(f"{self.given.sandbox_address}/sandbox/clock")

    async def has_ended(self) -> bool:
        return bool((await self.clock())["ended"])

    async def account(self) -> TradingAccount:
        async with opened_store(self.given) as store:
            return (await store.trading_accounts())[0]

    def log(self, name: str) -> str:
        path = self.given.data_dir / "logs" / f"{name}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""


async def get_json(url: str) -> Any:
    def read() -> Any:
        with urlopen(url, timeout=20) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    return await asyncio.to_thread(read)


async def until(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool], *, seconds: float, what: str, every: float = 0.1
) -> None:
    """Return when `condition` holds; fail, saying `what`, if it does not within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = condition()
                if isinstance(answer, bool):
                    if answer:
                        return
                elif await answer:
                    return
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s: {what}") from None


@asynccontextmanager
async def installed(
    folder: Path,
    *,
    candles: Sequence[Path] = (),
    strategies: Sequence[str] = (),
    interval: str | None = "1m",
    parameters: Sequence[str] = (),
    rate: float | None = None,
    seed: int = 7,
    data_dir: Path | None = None,
    venue: str = "kraken",
    database_url: str = "",
) -> AsyncIterator[Installation]:
    """An installation whose folders, key, tables and person are made; nothing runs yet.

    `venue` may name the kind of account as well: `binance-isolated`.
    """
    name, _, execution_venue = venue.partition("-")
    given = Settings(
        data_dir=data_dir or folder / "data",
        master_key_file=folder / "key" / "master.key",
        database_url=database_url,
        web_port=free_port(),
        sandbox_port=free_port(),
        sandbox_url="",
    )
    wishes = DemoWishes(
        venues=(name,),
        candles=tuple(f"BTC/USD={path}" for path in candles),
        strategies=tuple(strategies),
        interval=interval,
        parameters=tuple(parameters),
        start=None,
        days=None,
        rate=rate,
        seed=seed,
        stop_at_end=False,
        port=None,
    )
    given.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    given.master_key_file.parent.mkdir(mode=0o700, parents=True)
    create_master_key(given.master_key_file)
    await migrate_database(given)
    user_id = await add_person(given, PERSON, PASSWORD, operator=False)
    log_folder = given.data_dir / "logs"  # where `jarvis up` has them
    supervisor = Supervisor(environment_of(given), log_folder)
    installation = Installation(folder, given, wishes, supervisor, user_id, execution_venue=execution_venue)
    try:
        yield installation
    finally:
        await supervisor.stop()
        if sys.exc_info()[0] is not None:
            for log in sorted(log_folder.glob("*.log")):
                print(f"--- the end of {log.name}\n{_end_of(log)}")  # noqa: T201 - pytest shows it with the failure


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
