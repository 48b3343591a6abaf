"""Where the master key is kept, as a person sets it: `init`, `doctor`, `keys move`, and a signer that waits."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from jarvis.live.supervisor import jarvis_command
from tests.system.commands import Commands, run_command
from tests.system.installation import environment_in, free_port
from tests.system.test_mistakes import assert_one_clear_line

WORDS = "several words that nobody guesses\n"


@pytest.mark.parametrize(
    "source", ["vault", "credential", "credential:", "keyring:", "keyring:a b", "credential:../key", "passphrase:x", ""]
)
def test_a_source_that_is_none_is_told_in_one_line(source: str, jarvis: Commands, tmp_path: Path) -> None:
    said = jarvis.run("doctor", environment=environment_in(tmp_path, master_key=source))

    assert_one_clear_line(said, "JARVIS_MASTER_KEY", "file, credential:NAME, keyring:SERVICE or passphrase")


def test_without_a_keyring_that_encrypts_nothing_is_made(jarvis: Commands, tmp_path: Path) -> None:
    environment = environment_in(tmp_path, master_key="keyring:jarvis")

    said = jarvis.run("init", "--no-account", environment={**environment, "PYTHON_KEYRING_BACKEND": NULL})

    assert_one_clear_line(said, "no keyring here that encrypts")


NULL = "keyring.backends.null.Keyring"


async def test_a_key_moves_behind_a_passphrase_and_back_and_is_always_the_same(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    toml = tmp_path / "data" / "jarvis.toml"
    folder = tmp_path / "key"
    backups = tmp_path / "backups"
    backups.mkdir()
    assert (await run_command("init", "--no-account", environment=environment)).code == 0
    toml.write_text('log_level = "WARNING"\n')
    key = (folder / "master.key").read_bytes()
    made = await run_command("backup", str(backups / "one"), "--json", environment=environment)

    moved = await run_command("keys", "move", "--to", "passphrase", environment=environment, stdin=WORDS)
    assert moved.code == 0, moved.err
    assert "waits for `jarvis keys unlock`" in moved.out, "what it costs is said"
    assert "shred -u" in moved.out
    assert toml.read_text() == 'master_key = "passphrase"\nlog_level = "WARNING"\n'
    assert (folder / "master.key").exists(), "a file goes only when somebody asks"
    (folder / "master.key").unlink()

    checked = await run_command("keys", "check", environment=environment, stdin=WORDS)
    verified = await run_command("backup", "--verify", str(backups / "one"), environment=environment, stdin=WORDS)
    wrong = await run_command("keys", "check", environment=environment, stdin="other words, many of them\n")
    assert (checked.code, verified.code) == (0, 0), verified.err
    assert made.json["master_key"] in verified.out
    assert_one_clear_line(wrong, "not the passphrase")

    rotated = await run_command("keys", "rotate", environment=environment)
    assert_one_clear_line(rotated, "keys move --to file")

    back = await run_command("keys", "move", "--to", "file", "--remove-old", environment=environment, stdin=WORDS)
    assert back.code == 0, back.err
    assert [each.name for each in folder.iterdir()] == ["master.key"]
    assert (folder / "master.key").read_bytes() == key
    assert toml.read_text() == 'master_key = "file"\nlog_level = "WARNING"\n'


@pytest.mark.parametrize("point", ["move_written", "move_set"])
async def test_a_move_that_is_killed_is_finished_by_another(point: str, tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    assert (await run_command("init", "--no-account", environment=environment)).code == 0
    wanted = "keys", "move", "--to", "passphrase"

    killed = await run_command(*wanted, environment={**environment, "JARVIS_CRASH_AT": point}, stdin=WORDS)
    assert killed.code == -9
    again = await run_command(*wanted, environment=environment, stdin=WORDS)

    if point == "move_written":
        assert again.code == 0, again.err
    else:
        assert_one_clear_line(again, "in passphrase already")
    assert (await run_command("keys", "check", environment=environment, stdin=WORDS)).code == 0


@asynccontextmanager
async def started(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`jarvis up` that nobody attends; it and its children have ended when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *jarvis_command("up"), env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.returncode is None else []
        for each in [*children, process]:
            each.kill()
        await process.communicate()


@pytest.mark.timeout(300)
async def test_a_start_that_nobody_attends_waits_for_the_passphrase(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, master_key="passphrase", web_port=str(free_port()))
    made = await run_command("init", "--no-account", environment=environment, stdin=WORDS)
    assert made.code == 0, made.err
    assert not (tmp_path / "key" / "master.key").exists()

    async with started(environment) as up:
        assert up.stdout is not None
        async with asyncio.timeout(60):
            assert b"run `jarvis keys unlock`" in await up.stdout.readline()
        unlocked = await run_command("keys", "unlock", environment=environment, stdin=WORDS)
        assert unlocked.code == 0, unlocked.err
        async with asyncio.timeout(60):
            assert b"Jarvis runs at" in await up.stdout.readline()
        assert (await run_command("keys", "check", environment=environment)).code == 0, "the running signer is asked"


async def test_a_key_in_the_keyring_is_in_no_file_of_ours_and_moves(tmp_path: Path) -> None:
    environment = {
        **environment_in(tmp_path, master_key="keyring:jarvis"),
        "PYTHON_KEYRING_BACKEND": "tests.signer.keyrings.TestedKeyring",
        "XDG_DATA_HOME": str(tmp_path),
    }
    first = await run_command("init", "--no-account", environment=environment)
    assert first.code == 0, first.err
    kept = (tmp_path / "keyring.json").read_text()
    assert (await run_command("init", "--no-account", environment=environment)).code == 0
    assert (tmp_path / "keyring.json").read_text() == kept, "a key that is there stays"
    assert not (tmp_path / "key").exists()
    assert (await run_command("keys", "check", environment=environment)).code == 0

    moved = await run_command("keys", "move", "--to", "file", environment=environment)

    assert moved.code == 0, moved.err
    assert "keyring del jarvis" in moved.out
    assert "set JARVIS_MASTER_KEY=file where it is set now" in moved.out
    assert json.loads(kept)["jarvis/jarvis master key"] == (tmp_path / "key" / "master.key").read_text()


async def test_a_key_that_systemd_hands_over_is_used_and_moving_there_says_how(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    assert (await run_command("init", "--no-account", environment=environment)).code == 0
    untold = await run_command("keys", "move", "--to", "credential:jarvis", environment=environment)
    assert_one_clear_line(untold, "LoadCredentialEncrypted=jarvis")
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    shutil.copy(tmp_path / "key" / "master.key", credentials / "jarvis")
    environment["CREDENTIALS_DIRECTORY"] = str(credentials)

    moved = await run_command("keys", "move", "--to", "credential:jarvis", "--remove-old", environment=environment)

    assert moved.code == 0, moved.err
    assert not (tmp_path / "key" / "master.key").exists()
    checked = await run_command("keys", "check", environment=environment)
    assert checked.code == 0, checked.err
