"""`jarvis up` as a person starts it: one instance on a database, and nothing left running when it ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from jarvis.live.supervisor import jarvis_command
from tests.system.commands import run_command
from tests.system.installation import environment_in, free_port, until


@asynccontextmanager
async def up(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`jarvis up` that has said that it runs; it and all its children have ended when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *jarvis_command("up"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        assert b"Jarvis runs at http://127.0.0.1:" in line
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 3, "signer, web and worker"
        yield process
    finally:
        for each in children:
            if each.is_running():
                each.kill()
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(children: list[psutil.Process]) -> None:
    await until(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in children),
        seconds=20,
        what="every child process has ended",
    )


@pytest.mark.timeout(300)
async def test_a_second_instance_is_refused_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, web_port=str(free_port()))
    assert (await run_command("init", environment=environment)).code == 0

    async with up(environment) as first:
        children = psutil.Process(first.pid).children(recursive=True)
        second = await run_command("up", environment={**environment, "JARVIS_WEB_PORT": str(free_port())})
        asked = await run_command("venues", environment=environment)

        assert second.code == 2
        assert second.err.count("\n") == 1
        assert f"another Jarvis (process {first.pid})" in second.err
        assert asked.code == 0, "questions are answered while it runs"
        assert psutil.Process(first.pid).children(recursive=True) == children

        first.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await first.wait() == 0
        await ended(children)


@pytest.mark.timeout(300)
async def test_when_it_is_killed_nothing_stays_behind_and_it_starts_again(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, web_port=str(free_port()))
    assert (await run_command("init", environment=environment)).code == 0

    async with up(environment) as killed:
        children = psutil.Process(killed.pid).children(recursive=True)
        os.kill(killed.pid, signal.SIGKILL)
        await ended(children)

    async with up(environment) as again:
        again.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await again.wait() == 0


@pytest.mark.timeout(300)
async def test_asked_to_stop_while_it_starts_it_stops_what_it_has_started(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, web_port=str(free_port()))
    assert (await run_command("init", environment=environment)).code == 0
    process = await asyncio.create_subprocess_exec(
        *jarvis_command("up"), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    starting = psutil.Process(process.pid)
    await until(lambda: bool(starting.children()), seconds=30, what="its first child process runs")
    children = starting.children(recursive=True)

    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        said, errors = await process.communicate()

    assert (process.returncode, said, errors) == (0, b"", b"")
    await ended(children)
