"""A disk that becomes full while a position is open: nothing new is opened, what is open is closed, and it is said."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jarvis.cli.wiring import opened_store
from tests.system.books import (
    assert_that_nothing_is_lost_or_doubled,
    assert_that_the_books_agree,
    ended_flat,
    until_it_traded,
)
from tests.system.candles import QUICK, wavy_candles
from tests.system.installation import Installation, installed, until

DISK_MEGABYTES = 24


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of a file system of its own that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until nothing more goes in."""
    with path.open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while filler.write(bytes(size)):
                    pass


async def entries_at_the_venue(installation: Installation) -> int:
    venue = await installation.venue()
    return sum(not order["reduce_only"] for order in (*venue["open_orders"], *venue["closed_orders"]))


async def warnings_of(installation: Installation) -> list[str]:
    account = await installation.account()
    async with opened_store(installation.given) as store:
        activities = await store.activities(account.owner_id, account.account_id, limit=1000)
    return [each.kind for each in activities if each.severity != "info"]


@pytest.mark.timeout(240)
async def test_with_a_full_disk_entries_stop_exits_go_on_and_it_is_said_once(small_disk: Path, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=6000)

    async with installed(
        tmp_path / "here", candles=[candles], parameters=QUICK, rate=240.0, data_dir=small_disk / "data"
    ) as installation:
        await installation.start()
        await until_it_traded(installation)

        async def holds() -> bool:
            return bool((await installation.venue())["lots"])

        async def holds_nothing() -> bool:
            venue = await installation.venue()
            return not venue["lots"] and not venue["open_orders"]

        await until(holds, seconds=60, what="an open position")
        fill(small_disk / "filler")
        await until(holds_nothing, seconds=60, what="the position is closed although the disk is full")
        entries = await entries_at_the_venue(installation)
        await asyncio.sleep(10)  # forty candles, in which it would turn twice

        assert await entries_at_the_venue(installation) == entries, "opened with a full disk"
        assert await warnings_of(installation) == ["disk_full"]

        (small_disk / "filler").unlink()
        await until_it_traded(installation)
        venue = await ended_flat(installation)
        assert_that_the_books_agree(await installation.status(), venue)
        await assert_that_nothing_is_lost_or_doubled(installation, venue)
