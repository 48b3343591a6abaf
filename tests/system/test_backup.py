"""Backup and restore by real processes: the drill on both databases, and kill -9 at every step of either."""

import asyncio
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jarvis.cli.account import add_person, migrate_database
from jarvis.cli.demo import _sandbox_service
from jarvis.cli.process import environment_of, signer_service
from jarvis.cli.wiring import opened_store
from jarvis.config import Settings
from jarvis.domain.account import UserId
from jarvis.live.supervisor import Supervisor
from jarvis.signer.marks import Marks, read_marks
from jarvis.signer.vault import create_master_key
from jarvis.store.records import CommandKind
from jarvis.store.tables import metadata
from tests.store import samples
from tests.system.books import ended_flat, held_at, until_it_traded
from tests.system.candles import QUICK_BREAKOUT, wavy_candles
from tests.system.commands import Commands, Said, run_command
from tests.system.installation import Installation, environment_in, installed, until

CHANGED_BY_A_RESTORE = {"sessions", "ceremonies", "links", "installation", "audit", "leases"}
PASSWORD = "heron-9-Quarz-teapot-Umbra"


async def rows_of(given: Settings) -> dict[str, list[str]]:
    """Every row of every table that a restore puts back as it was."""
    async with opened_store(given) as store, store._read() as connection:
        return {
            table.name: sorted(
                repr({name: _plain(value) for name, value in row._mapping.items()})
                for row in await connection.execute(select(table))
            )
            for table in metadata.sorted_tables
            if table.name not in CHANGED_BY_A_RESTORE
        }


def _plain(value: Any) -> Any:
    return value.normalize() if hasattr(value, "normalize") else value


def settings_in(folder: Path, database_url: str = "") -> Settings:
    return Settings(
        data_dir=folder / "data", master_key_file=folder / "key" / "master.key", database_url=database_url, web_port=0
    )


async def made(folder: Path, *, traded: bool = True) -> Settings:
    """An installation that does not run, with a person, an account, some fills, and a signer that remembers."""
    given = settings_in(folder)
    given.data_dir.mkdir(mode=0o700, parents=True)
    (folder / "backups").mkdir()
    create_master_key(given.master_key_file)
    await migrate_database(given)
    if traded:
        async with opened_store(given) as store:
            await samples.connect(store)
            for number in range(1, 40):
                one = samples.fill(number, order_number=number)
                await store.record_intent(samples.ACCOUNT, samples.order(number), samples.FENCE)
                after = samples.rests(samples.order(number)).filled_by(one)
                await store.record_fill(samples.ACCOUNT, one, samples.opening_entry(one), after, samples.opened(one))
        remember(given, fence=samples.FENCE)
    return given


def remember(given: Settings, *, fence: int) -> None:
    """Have the signer's state know this fence of the account."""
    given.signer_state.mkdir(mode=0o700, exist_ok=True)
    marks = Marks(given.signer_state)
    marks.raise_to("fence", samples.ACCOUNT, fence)
    marks.raise_to("nonce", "somebody's key", 1_700_000_000_000_000)
    marks.close()


async def command(given: Settings, *arguments: str, crash_at: str = "") -> Said:
    environment = environment_of(given)
    if crash_at:
        environment["JARVIS_CRASH_AT"] = crash_at
    return await run_command(*arguments, environment=environment)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def wipe(given: Settings) -> None:
    shutil.rmtree(given.data_dir)
    given.data_dir.mkdir(mode=0o700)


# --- the drill -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(installation: Installation) -> AsyncIterator[Installation]:
    """Signer and worker of their own; the sandbox goes on when they stop, as a venue does."""
    supervisor = Supervisor(environment_of(installation.given), installation.given.data_dir / "logs")
    own = replace(installation, supervisor=supervisor)
    try:
        yield own
    finally:
        await supervisor.stop()


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest) -> str:
    return "" if database == "sqlite" else str(request.getfixturevalue("empty_url"))


@pytest.mark.timeout(240)
async def test_after_backup_wipe_and_restore_the_books_are_equal_and_nothing_opens_before_somebody_looked(
    database_url: str, tmp_path: Path
) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=4000)
    (tmp_path / "backups").mkdir()
    file = tmp_path / "backups" / "drill.backup"
    async with installed(
        tmp_path / "here", candles=[candles], strategies=["donchian_breakout"], parameters=QUICK_BREAKOUT, rate=480,
        database_url=database_url,
    ) as installation:  # fmt: skip
        await installation.supervisor.start(_sandbox_service(installation.given, installation.wishes))
        async with serving(installation) as first:
            await first.supervisor.start(signer_service(first.given))
            await first.connect()
            await first.start_worker()
            await until_it_traded(first)
            made_while_it_runs = await first.command("backup", str(file.with_name("running.backup")), "--json")
            assert made_while_it_runs.json["rows"] > 50
            await ended_flat(first)
            await first.command("trade", "resume")
        before = await rows_of(installation.given)
        fences = read_marks(installation.given.signer_state)
        assert (await installation.command("backup", str(file))).code == 0

        await wiped(installation.given)
        restored = await until_restored(installation, file)

        assert restored.code == 0, restored.err
        assert await rows_of(installation.given) == before
        assert read_marks(installation.given.signer_state) == fences

        async with serving(installation) as second:
            await second.supervisor.start(signer_service(second.given))
            filled = len((await second.venue())["fills"])
            await second.start_worker()
            told = (await second.command("entries", "status", "--json")).json
            assert not told["allowed"]
            assert "restored from a backup" in told["reason"]
            await asyncio.sleep(8)  # sixty-four candles: enough for several entries
            assert len((await second.venue())["fills"]) == filled
            assert not held_at(await second.venue())

            assert (await second.command("entries", "allow")).code == 0
            await until_it_traded(second)


async def wiped(given: Settings) -> None:
    """As after a fire: the data folder and every table are gone, the master key was elsewhere."""
    from jarvis.store import schema
    from jarvis.store.dump import any_database

    if given.database_url:
        async with any_database(given.store_url) as database, database._write() as connection:
            await connection.run_sync(schema.drop_all)
    wipe(given)


async def until_restored(installation: Installation, file: Path) -> Said:
    """Restore, as soon as no lease runs any more that a stopped worker left on a server."""
    said = Said(2, "", "")

    async def tried() -> bool:
        nonlocal said
        said = await installation.command("restore", str(file))
        return "a worker serves accounts" not in said.err

    await until(tried, seconds=30, what="the worker's lease ended", every=1)
    return said


# --- what the file is ----------------------------------------------------------------------------------------------


async def test_the_file_is_private_shows_nothing_and_holds_no_master_key(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"

    said = await command(given, "backup", str(file), "--json")
    verified = await command(given, "backup", "--verify", str(file), "--json")

    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert said.json == verified.json
    assert said.json["tables"]["fills"] == 39
    master = given.master_key_file.read_bytes().strip()
    for word in (b"example.org", b"argon2id", samples.ACCOUNT.encode(), master, master.partition(b":")[2]):
        assert word not in content
    assert names_in(file.parent) == ["one.backup"]
    async with opened_store(given) as store:
        assert [line.kind for line in await store.audit_lines()][-2:] == ["backup.made", "backup.verified"]


async def test_another_master_key_opens_nothing_and_is_named(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    made_with = (await command(given, "backup", str(file), "--json")).json["master_key"]
    given.master_key_file.unlink()
    create_master_key(given.master_key_file)

    said = await command(given, "backup", "--verify", str(file))

    assert said.code == 2
    assert f"opens with master key {made_with}" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("place", [100, 4000, -1])
async def test_a_changed_or_cut_file_is_refused_and_changes_nothing(place: int, tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    assert (await command(given, "backup", str(file))).code == 0
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    before = await rows_of(given)

    verified = await command(given, "backup", "--verify", str(file))
    restored = await command(given, "restore", str(file), "--replace")

    assert (verified.code, restored.code) == (2, 2)
    assert restored.err.count("\n") == 1, restored.err
    assert await rows_of(given) == before
    assert names_in(file.parent) == ["one.backup"]


def test_mistakes_get_one_line(jarvis: Commands, tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    assert jarvis.run("init", environment=environment).code == 0
    (tmp_path / "backups").mkdir()
    good = str(tmp_path / "backups" / "good.backup")
    assert jarvis.run("backup", good, environment=environment).code == 0
    (tmp_path / "backups" / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "data" / "jarvis.toml").write_text('# jarvis-master-key-1:AAAA\nweb_port = "1"\n')

    for arguments, word in (
        (("backup", good), "exists already"),
        (("backup", str(tmp_path / "nowhere" / "x")), "there is no folder"),
        (("backup", str(tmp_path / "key" / "x")), "one stolen copy"),
        (("backup", str(tmp_path / "x")), "one stolen copy"),
        (("backup", str(tmp_path / "backups" / "x")), "holds a master key"),
        (("restore", str(tmp_path / "backups" / "none")), "cannot be read"),
        (("restore", str(tmp_path / "backups" / "photo.jpg")), "not a backup of Jarvis"),
    ):
        said = jarvis.run(*arguments, environment=environment)
        assert said.code == 2, arguments
        assert word in said.err
        assert said.err.count("\n") == 1, said.err
    assert names_in(tmp_path / "backups") == ["good.backup", "photo.jpg"]


# --- what a restore may do -----------------------------------------------------------------------------------------


async def test_people_and_accounts_are_never_replaced_unasked_and_never_without_a_backup(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    assert (await command(given, "backup", str(file))).code == 0
    await add_person(given, "new@example.org", PASSWORD, operator=False)
    with_the_new_one = await rows_of(given)

    refused = await command(given, "restore", str(file))
    assert refused.code == 2
    assert "--replace" in refused.err
    assert await rows_of(given) == with_the_new_one

    replaced = await command(given, "restore", str(file), "--replace", "--json")
    async with opened_store(given) as store:
        assert [each.email for each in await store.people()] == ["owner@example.org"]

    back = await command(given, "restore", replaced.json["former"], "--replace")
    assert back.code == 0, back.err
    assert await rows_of(given) == with_the_new_one


async def test_fences_sessions_and_marks_never_go_back(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    assert (await command(given, "backup", str(file))).code == 0
    remember(given, fence=41)

    assert (await command(given, "restore", str(file), "--replace")).code == 0

    async with opened_store(given) as store:
        assert await store.fences() == {samples.ACCOUNT: 41}
        assert await store.acquire_lease(samples.ACCOUNT, "a worker", samples.TTL) == 42
        assert await store.sessions_of(UserId(samples.OWNER)) == []
        assert "restored from a backup" in await store.entries_blocked()
    assert read_marks(given.signer_state)["fence", samples.ACCOUNT] == 41


async def test_a_signer_without_memory_learns_the_backups_marks(tmp_path: Path) -> None:
    given = await made(tmp_path)
    remember(given, fence=7)
    marks = read_marks(given.signer_state)
    file = tmp_path / "backups" / "one.backup"
    assert (await command(given, "backup", str(file))).code == 0
    wipe(given)

    assert (await command(given, "restore", str(file))).code == 0

    assert read_marks(given.signer_state) == marks
    async with opened_store(given) as store:
        assert await store.fences() == {samples.ACCOUNT: 7}


async def test_settings_and_own_strategies_come_back_where_they_can_mislead_nobody(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    (given.data_dir / "jarvis.toml").write_text('log_level = "INFO"\n')
    own = given.data_dir / "strategies" / "mine.py"
    own.parent.mkdir()
    own.write_text("first = 1\n")
    assert (await command(given, "backup", str(file))).code == 0

    wipe(given)
    assert (await command(given, "restore", str(file))).code == 0
    assert (given.data_dir / "jarvis.toml").read_text() == 'log_level = "INFO"\n'
    assert own.read_text() == "first = 1\n"

    own.write_text("second = 2\n")
    (given.data_dir / "jarvis.toml").write_text('log_level = "DEBUG"\n')
    told = (await command(given, "restore", str(file), "--replace", "--json")).json
    assert told["settings"] == str(given.data_dir / "jarvis.toml.restored")
    assert (given.data_dir / "jarvis.toml").read_text() == 'log_level = "DEBUG"\n'
    assert own.read_text() == "second = 2\n"
    assert own.with_name("mine.py.restored").read_text() == "first = 1\n"


# --- kill -9 -------------------------------------------------------------------------------------------------------

BACKUP_POINTS = ("backup_rows", "backup_rows:9", "backup_written", "backup_noted")
RESTORE_POINTS = ("restore_checked", "restore_marked", "restore_rows", "restore_rows:5", "restore_put", "restore_done")


@pytest.mark.parametrize("point", BACKUP_POINTS)
async def test_a_backup_that_is_killed_leaves_no_file_that_looks_whole(point: str, tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    before = await rows_of(given)

    killed = await command(given, "backup", str(file), crash_at=point)

    assert killed.code == -signal.SIGKILL
    assert not file.exists()
    assert await rows_of(given) == before
    assert (await command(given, "backup", str(file))).code == 0
    assert names_in(file.parent) == ["one.backup"]


@pytest.mark.timeout(240)
async def test_a_restore_that_is_killed_leaves_all_or_nothing_and_is_finished_by_another(tmp_path: Path) -> None:
    given = await made(tmp_path)
    file = tmp_path / "backups" / "one.backup"
    backed_up = await rows_of(given)
    assert (await command(given, "backup", str(file))).code == 0
    await add_person(given, "new@example.org", PASSWORD, operator=False)
    later = await rows_of(given)
    formers: Sequence[str] = []

    for point in RESTORE_POINTS:
        killed = await command(given, "restore", str(file), "--replace", crash_at=point)

        assert killed.code == -signal.SIGKILL, point
        expected = backed_up if point == "restore_done" else later
        assert await rows_of(given) == expected, point
        async with opened_store(given) as store:
            assert bool(await store.entries_blocked()) == (point == "restore_done")
        formers = [name for name in names_in(file.parent) if ".before-" in name]
        assert formers, "what was there is backed up before anything else"

    assert (await command(given, "restore", str(file), "--replace")).code == 0
    assert await rows_of(given) == backed_up


# --- a copy of the database that somebody put back ------------------------------------------------------------------


@pytest.mark.timeout(240)
async def test_a_former_copy_of_the_database_is_recognised_and_opens_nothing_before_somebody_looked(
    tmp_path: Path,
) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=4000)
    copy = tmp_path / "copy.db"
    async with installed(
        tmp_path / "here", candles=[candles], strategies=["donchian_breakout"], parameters=QUICK_BREAKOUT, rate=480
    ) as installation:
        database = installation.given.data_dir / "jarvis.db"
        await installation.supervisor.start(_sandbox_service(installation.given, installation.wishes))
        async with serving(installation) as first:
            await first.supervisor.start(signer_service(first.given))
            await first.connect()
            await first.start_worker()
            await until_it_traded(first)
            await ended_flat(first)
            await first.command("trade", "resume")
        shutil.copyfile(database, copy)  # nobody has it open: it is whole
        async with serving(installation) as second:
            await second.supervisor.start(signer_service(second.given))
            await second.start_worker()
            await until_it_traded(second)

        shutil.copyfile(copy, database)
        async with serving(installation) as third:
            await third.supervisor.start(signer_service(third.given))
            await third.start_worker()
            await until(lambda: is_blocked(third), seconds=30, what="the old copy is recognised", every=0.5)
            await ended_flat(third)  # what was opened meanwhile is found, closed and booked: exits are signed
            await third.command("trade", "resume")
            filled = len((await third.venue())["fills"])
            await asyncio.sleep(8)
            assert len((await third.venue())["fills"]) == filled
            assert "stale_fence" not in third.log("worker")

            assert (await third.command("entries", "allow")).code == 0
            await explain(third)  # what the copy did not know of looked like somebody else's trades
            await until_it_traded(third)


async def explain(installation: Installation) -> None:
    """Say, as on the desk, that it was us."""
    account = await installation.account()
    async with opened_store(installation.given) as store:
        await store.enqueue_command(
            account.owner_id, account.account_id, CommandKind.EXPLAIN, at=datetime.now(UTC), pair=None
        )
    await installation.command("trade", "resume")


async def is_blocked(installation: Installation) -> bool:
    told = (await installation.command("entries", "status", "--json")).json
    return "older than what was signed since" in told["reason"]
