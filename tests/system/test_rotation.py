"""The master key is changed by real processes, killed with -9 at every row and between any two steps."""

import base64
import signal
import stat
import time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from jarvis.cli.account import migrate_database
from jarvis.cli.process import environment_of
from jarvis.cli.wiring import opened_store
from jarvis.config import Settings
from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, SigningPolicy, UserId
from jarvis.domain.people import AuditEntry
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.marks import Marks, read_marks
from jarvis.signer.vault import create_master_key, load_master_key
from jarvis.store.db import hold_instance
from jarvis.store.people_tables import totps
from jarvis.store.targets import Target
from tests.store import samples
from tests.system.commands import Said, run_command

ROWS, SEEDS = 3, 2


def secret_of(number: int) -> tuple[str, str]:
    """A key and a secret of Kraken's shape."""
    random = Random(number)
    return (
        base64.b64encode(random.randbytes(42)).decode(),
        base64.b64encode(random.randbytes(64)).decode(),
    )


async def made(folder: Path, *, rows: int = ROWS, seeds: int = SEEDS) -> Settings:
    """An installation with sealed keys that does not run."""
    given = Settings(data_dir=folder / "data", master_key_file=folder / "key" / "master.key", database_url="")
    given.data_dir.mkdir(mode=0o700, parents=True)
    create_master_key(given.master_key_file)
    await migrate_database(given)
    core = core_with(given.master_key_file)
    async with opened_store(given) as store:
        await store.add_person(samples.person())
        for number in range(rows):
            account = AccountId(f"account-{number}")
            api_key, secret = secret_of(number)
            sealed = core.seal(
                account_id=account, venue="kraken", credential_id=f"key-{number}", environment=Environment.SANDBOX,
                api_key=api_key, secret=secret,
            )  # fmt: skip
            credential = Credential(account, samples.KRAKEN, CredentialId(f"key-{number}"), Environment.SANDBOX, sealed)
            await store.connect_account(
                samples.OWNER, credential, fingerprint=core.identify(credential).fingerprint, label="",
                public_id=core.identify(credential).public_id, permissions_json="{}", verdict="accepted",
                execution_venue="", at=samples.NOON,
            )  # fmt: skip
            policy = core.seal_policy(credential, SigningPolicy({samples.BTC_USD: Decimal(number + 1)}))
            (kept,) = [each for each in await store.sealed_keys() if each.credential.account_id == account]
            assert await store.put_key(kept, sealed, kept.fingerprint, policy)
        for number in range(seeds):
            seed = bytearray(Random(100 + number).randbytes(20))
            user = UserId(f"person-{number}")
            await store.add_person(samples.person(user))
            async with store._write() as connection:
                sealed = core.seal_seed(user, seed)
                await connection.execute(
                    totps.insert().values(user_id=user, sealed=sealed, last_step=0, created_at=samples.NOON)
                )
    return given


def core_with(master_key: Path) -> SigningCore:
    """A signer without memory, under the master key in this file."""
    return SigningCore(load_master_key(master_key), time.time_ns, None)


async def credentials_of(given: Settings) -> list[Credential]:
    async with opened_store(given) as store:
        return [each.credential for each in await store.sealed_keys()]


async def command(given: Settings, *arguments: str, crash_at: str = "") -> Said:
    environment = environment_of(given)
    if crash_at:
        environment["JARVIS_CRASH_AT"] = crash_at
    return await run_command(*arguments, environment=environment)


async def require_rotated(given: Settings, former: bytes) -> None:
    """Everything opens under the key in place, nothing under the former one, and no file holds what it opened."""
    key = given.master_key_file
    assert not given.next_master_key_file.exists()
    assert key.read_bytes() != former
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (retired,) = key.parent.glob("master.key.retired-*")
    assert retired.read_bytes() == former
    assert stat.S_IMODE(retired.stat().st_mode) == 0o600
    assert sorted(each.name for each in key.parent.iterdir()) == [key.name, retired.name]
    new, old = core_with(key), core_with(retired)
    found = await credentials_of(given)
    assert len(found) == ROWS
    for number, credential in enumerate(found):
        api_key, _ = secret_of(number)
        assert new.identify(credential).public_id == f"{api_key[:4]}…{api_key[-4:]}"
        new.check_policy(credential)
        for refused in (old.identify, old.check_policy):
            with pytest.raises(SignerRefused):
                refused(credential)
    async with opened_store(given) as store:
        for seed in await store.sealed_seeds():
            assert new.match_code(seed.user_id, seed.sealed, "") is None
            with pytest.raises(SignerRefused):
                old.match_code(seed.user_id, seed.sealed, "")
    name = f"1.{old.key_names()[0]}.".encode()
    for file in given.data_dir.iterdir():
        assert file.is_dir() or name not in file.read_bytes(), f"{file.name} still holds what the old key opens"
    checked = await command(given, "keys", "check", "--json")
    assert [each["problem"] for each in checked.json] == [""] * (2 * ROWS + SEEDS)
    async with opened_store(given) as store:
        assert [line.kind for line in await store.audit_lines()] == ["keys.rotated"]


async def test_what_receivers_are_reached_with_opens_after_a_rotation_also_one_that_was_killed(tmp_path: Path) -> None:
    given = await made(tmp_path, rows=0, seeds=0)
    former = given.master_key_file.read_bytes()
    reached = {f"receiver-{number}": f"123456789:{'a' * 30}{number} -100".encode() for number in range(3)}
    core = core_with(given.master_key_file)
    async with opened_store(given) as store:
        for name, secret in reached.items():
            sealed = core.seal_secret(samples.OWNER, name, bytearray(secret))
            target = Target(name, samples.OWNER, "telegram", name, "chat", samples.NOON, sealed=sealed)
            assert await store.add_target(target, AuditEntry("target.added", samples.NOON, samples.OWNER))

    killed = await command(given, "keys", "rotate", crash_at="rotate_row:2")
    assert killed.code == -signal.SIGKILL
    assert (await command(given, "keys", "rotate")).code == 0

    new = core_with(given.master_key_file)
    (retired,) = given.master_key_file.parent.glob("master.key.retired-*")
    assert retired.read_bytes() == former
    async with opened_store(given) as store:
        kept = await store.sealed_secrets()
    assert {each.row_id: bytes(new.open_secret(each.user_id, each.row_id, each.sealed)) for each in kept} == reached
    for each in kept:
        with pytest.raises(SignerRefused):
            core_with(retired).open_secret(each.user_id, each.row_id, each.sealed)


async def test_after_a_rotation_the_old_key_opens_nothing_that_is_stored(tmp_path: Path) -> None:
    given = await made(tmp_path)
    former = given.master_key_file.read_bytes()
    before = await listed(given)

    said = await command(given, "keys", "rotate")

    assert said.code == 0, said.err
    assert "back it up" in said.out
    await require_rotated(given, former)
    after = await listed(given)
    assert {each["master_key"] for each in before}.isdisjoint(each["master_key"] for each in after)
    assert [each["key"] for each in before] == [each["key"] for each in after]


async def listed(given: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await command(given, "keys", "list", "--json")).json
    return found


POINTS = (
    "rotate_making", "rotate_made", "rotate_resealed", "rotate_row", "rotate_row:2", "rotate_resealed:3",
    "rotate_resealed:4", "rotate_row:5", "rotate_sealed", "rotate_noted", "rotate_checked", "rotate_retired",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_row_or_step_a_second_rotation_finishes_it(point: str, tmp_path: Path) -> None:
    given = await made(tmp_path)
    former = given.master_key_file.read_bytes()

    killed = await command(given, "keys", "rotate", crash_at=point)
    assert killed.code == -signal.SIGKILL
    if point != "rotate_making":
        up = await command(given, "up")
        assert up.code == 2
        assert "run `jarvis keys rotate`, which finishes it" in up.err
    finished = await command(given, "keys", "rotate")

    assert finished.code == 0, finished.err
    await require_rotated(given, former)


@pytest.mark.timeout(240)
async def test_killed_at_each_row_in_turn_it_still_comes_to_its_end(tmp_path: Path) -> None:
    given = await made(tmp_path)
    former = given.master_key_file.read_bytes()

    for row in range(ROWS + SEEDS):
        killed = await command(given, "keys", "rotate", crash_at="rotate_resealed")
        assert killed.code == -signal.SIGKILL
        killed = await command(given, "keys", "rotate", crash_at=f"rotate_row:{row + 1}")
        assert killed.code == -signal.SIGKILL

    assert (await command(given, "keys", "rotate")).code == 0
    await require_rotated(given, former)


async def test_killed_after_the_last_step_it_was_done(tmp_path: Path) -> None:
    given = await made(tmp_path)
    former = given.master_key_file.read_bytes()

    killed = await command(given, "keys", "rotate", crash_at="rotate_renamed")

    assert killed.code == -signal.SIGKILL
    await require_rotated(given, former)


async def test_it_can_be_forgotten(tmp_path: Path) -> None:
    given = await made(tmp_path, rows=1, seeds=0)

    assert (await command(given, "keys", "rotate", "--forget")).code == 0

    assert [each.name for each in given.master_key_file.parent.iterdir()] == ["master.key"]
    assert (await command(given, "keys", "check")).code == 0


async def test_nonces_go_on_under_the_new_fingerprints(tmp_path: Path) -> None:
    given = await made(tmp_path, rows=1, seeds=0)
    (credential,) = await credentials_of(given)
    far = 9_000_000_000_000_000
    given.signer_state.mkdir(mode=0o700)
    marks = Marks(given.signer_state)
    marks.raise_to("nonce", core_with(given.master_key_file).identify(credential).fingerprint, far)
    marks.close()

    assert (await command(given, "keys", "rotate")).code == 0

    (credential,) = await credentials_of(given)
    fingerprint = core_with(given.master_key_file).identify(credential).fingerprint
    assert read_marks(given.signer_state)["nonce", fingerprint] == far
    async with opened_store(given) as store:
        (kept,) = await store.sealed_keys()
        assert kept.fingerprint == fingerprint, "the same key is known again"


async def test_while_jarvis_runs_nothing_is_rotated(tmp_path: Path) -> None:
    given = await made(tmp_path, rows=1, seeds=0)
    before = sorted(each.name for each in given.master_key_file.parent.iterdir())

    with hold_instance(given.store_url):
        said = await command(given, "keys", "rotate")

    assert said.code == 2
    assert "stop it first" in said.err
    assert said.err.count("\n") == 1
    assert sorted(each.name for each in given.master_key_file.parent.iterdir()) == before


async def test_a_row_that_does_not_open_is_named_and_nothing_is_begun(tmp_path: Path) -> None:
    given = await made(tmp_path, rows=2, seeds=0)
    async with opened_store(given) as store:
        first, second = await store.sealed_keys()
        await store.put_key(first, second.credential.sealed, first.fingerprint, first.credential.policy)

    checked = await command(given, "keys", "check")
    rotated = await command(given, "keys", "rotate")

    assert checked.code == 1
    assert "BAD  venue key of account-0" in checked.out
    assert "3 of 4 sealed rows open" in checked.out
    assert rotated.code == 2
    assert "`jarvis keys check` says what" in rotated.err
    assert [each.name for each in given.master_key_file.parent.iterdir()] == ["master.key"]
