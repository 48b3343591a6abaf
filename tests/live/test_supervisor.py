import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from jarvis.live.supervisor import Service, ServiceFailedError, Supervisor


def service(name: str, code: str) -> Service:
    return Service(name, (sys.executable, "-u", "-c", code))


SERVES = "print('ready at your service'); import time; time.sleep(60)"


async def test_a_service_is_started_and_says_when_it_is_ready(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)

    line = await supervisor.start(service("quick", SERVES))
    await supervisor.stop()

    assert line == "at your service"


async def test_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)
    await supervisor.start(service("mortal", SERVES))
    first = supervisor.process_id("mortal")

    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        while supervisor.process_id("mortal") == first:  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.05)
    second = supervisor.process_id("mortal")
    await supervisor.stop()

    assert second != first


async def test_a_service_that_cannot_start_says_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)

    with pytest.raises(ServiceFailedError, match="broken did not start: no such key"):
        await supervisor.start(service("broken", "import sys; sys.exit('no such key')"))

    await supervisor.stop()


async def test_stopping_ends_every_service(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)
    await supervisor.start(service("one", SERVES))
    await supervisor.start(service("two", SERVES))
    ids = [supervisor.process_id("one"), supervisor.process_id("two")]

    await supervisor.stop()

    for process_id in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
