"""What other processes do to a store: die in the middle, write at once, run out of disk."""

import asyncio
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from sqlalchemy import text

from jarvis.domain.order import OrderStatus
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from tests.store.samples import ACCOUNT, NOON, OTHER, OWNER, STRANGER, connect, open_position

ROOT = Path(__file__).resolve().parents[2]


async def start(*arguments: str, before: tuple[str, ...] = ()) -> Process:
    program = [*before, sys.executable, "-m", "tests.store.writer", *arguments]
    return await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE)


async def outcome(process: Process) -> tuple[int, list[str], str]:
    said, errors = await process.communicate()
    return process.returncode or 0, said.decode().split("\n")[:-1], errors.decode()


async def require_whole(store: Store, acknowledged: int) -> int:
    """Every acknowledged fill is there; every fill that is there is there with all that belongs to it."""
    fills = await store.fills(OWNER, ACCOUNT)
    entries = await store.entries(OWNER, ACCOUNT)
    records = await store.open_positions(OWNER, ACCOUNT)
    told = [event for event in await store.tail_outbox(OWNER, 0, limit=100_000) if event.kind == "fill"]
    filled = [
        one for one in await store.recent_orders(OWNER, ACCOUNT, limit=100_000) if one.status is OrderStatus.FILLED
    ]
    ids = [fill.fill_id for fill in fills]
    assert len(fills) >= acknowledged
    assert sorted(entry.ref_id for entry in entries) == ids
    assert sorted(record.fills[0].fill_id for record in records) == ids
    assert [event.payload["fill"] for event in told] == ids
    assert len(filled) == len(ids)
    return len(fills)


async def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(store: Store, store_url: str) -> None:
    await connect(store)

    code, said, errors = await outcome(await start("fills-then-dies", store_url))

    assert (code, said) == (-9, ["1", "2", "3"]), errors
    assert await require_whole(store, 3) == 3
    (fourth,) = await store.open_orders(OWNER, ACCOUNT)
    assert fourth.status is OrderStatus.INTENT


@pytest.mark.parametrize("lines", [1, 7, 23])
async def test_a_process_killed_at_any_moment_loses_nothing_that_it_said_was_kept(
    store: Store, store_url: str, lines: int
) -> None:
    await connect(store)
    process = await start("fills", store_url)
    assert process.stdout is not None
    for _ in range(lines):
        await process.stdout.readline()

    process.kill()
    _, rest, _ = await outcome(process)

    await require_whole(store, lines + len(rest))


async def test_two_processes_write_at_once_and_neither_fails(store: Store, store_url: str) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)

    processes = [await start("intents", store_url, account, "150") for account in (ACCOUNT, OTHER)]
    for process in processes:
        assert process.stdout is not None
        await process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    outcomes = await asyncio.gather(*(outcome(process) for process in processes))

    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    assert len(await store.open_orders(OWNER, ACCOUNT)) == 150
    assert len(await store.open_orders(STRANGER, OTHER)) == 150


async def test_a_full_disk_gets_one_clear_line_and_loses_nothing(sqlite_store: Store, sqlite_url: str) -> None:
    await connect(sqlite_store)

    code, said, errors = await outcome(await start("until-full", sqlite_url, "400000"))

    assert code == 0, errors
    (full,) = [line for line in said if line.startswith("full: ")]
    assert "the disk that holds" in full
    assert "is full or cannot be written" in full
    assert said[-1].startswith("again ")
    kept = [line for line in said if line.isdigit()]
    orders = await sqlite_store.open_orders(OWNER, ACCOUNT)
    assert len(orders) == 1 + len(kept) + 1
    async with sqlite_store._read() as connection:
        assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"


async def test_a_deletion_that_is_killed_in_the_middle_is_all_there_and_can_be_finished(store_url: str) -> None:
    store = await Store.open(store_url)
    await connect(store)
    await open_position(store)
    process = await start("erases-then-dies", store_url)

    code, said, errors = await outcome(process)

    assert (code, said) == (-signal.SIGKILL, ["dying"]), errors
    assert await store.people_to_erase() == [OWNER]
    assert len(await store.open_positions(OWNER, ACCOUNT)) == 1
    assert await store.erase_person(OWNER, AuditEntry("person.deleted", NOON, "worker", OWNER))
    assert await store.people() == []
    await store.close()


async def test_on_a_full_disk_exits_are_written_and_entries_are_not(sqlite_url: str, tmp_path: Path) -> None:
    store = await Store.open(sqlite_url)
    await connect(store)
    await store.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    # A disk of its own in a mount namespace of its own: it is gone when the process is.
    script = 'mount -t tmpfs -o size=16m tmpfs "$0" && cp "$1" "$0"/ && shift && exec "$@"'
    namespace = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, str(disk), f"{tmp_path}/jarvis.db")
    if not await may_mount(disk):
        pytest.skip("mount namespaces are not allowed here")

    code, said, errors = await outcome(
        await start("on-a-small-disk", f"sqlite+aiosqlite:///{disk}/jarvis.db", str(disk), before=namespace)
    )

    assert code == 0, errors
    words = [line.partition(":")[0].split(" ")[0] for line in said]
    assert words == ["ballast", "full", "entry", "exits", "entry"], said
    assert "nothing is opened, so that exits can still be written" in said[2]


async def may_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    command = ("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    await process.communicate()
    return process.returncode == 0
