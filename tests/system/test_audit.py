"""`jarvis audit` on a real installation: whoever can write the database cannot rewrite what happened."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from jarvis.cli.wiring import opened_store
from jarvis.config import Settings
from jarvis.domain.people import AuditEntry
from tests.store.samples import NOON, OWNER, person
from tests.system.commands import run_command
from tests.system.installation import environment_in, installed, until


async def made(folder: Path) -> dict[str, str]:
    """The environment of an installation with a person and three lines, that does not run."""
    environment = environment_in(folder)
    assert (await run_command("init", "--no-account", environment=environment)).code == 0
    given = Settings(data_dir=folder / "data", master_key_file=folder / "key" / "master.key")
    async with opened_store(given) as store:
        await store.add_person(person())
        for kind in ("session.opened", "key.connected", "limits.changed"):
            await store.note(AuditEntry(kind, NOON, OWNER, OWNER, None, {"address": "203.0.113.9"}))
    return environment


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "jarvis.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


async def test_the_audit_is_listed_exported_sealed_and_verified_and_a_changed_byte_is_named(tmp_path: Path) -> None:
    environment = await made(tmp_path)

    async def audit(*arguments: str) -> tuple[int, str]:
        said = await run_command("audit", *arguments, environment=environment)
        assert "Traceback" not in said.err
        return said.code, said.out

    before = int(json.loads((await audit("verify", "--json"))[1])["lines"])
    code, out = await audit("seal")
    assert (code, out) == (0, "sealed\n")
    code, out = await audit("verify", "--json")
    told = json.loads(out)
    assert (code, told["holds"], told["lines"], told["seals"]) == (0, True, before + 1, 1)
    assert told["sealed_up_to"] == told["signer_mark"] == before + 1

    code, out = await audit("list", "--kind", "key.connected", "--json")
    (line,) = [json.loads(row) for row in out.splitlines()]
    assert (code, line["kind"], line["details"]) == (0, "key.connected", {"address": "203.0.113.9"})
    assert "key.connected" in (await audit("list", "--person", "owner@example.org"))[1]
    assert (await audit("list", "--person", "nobody@example.org"))[0] == 2

    file = tmp_path / "audit.jsonl"
    assert (await audit("export", str(file)))[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == before + 1
    assert (await audit("export", str(file)))[0] == 2

    change(tmp_path, "UPDATE audit SET actor = 'somebody' WHERE kind = 'limits.changed'")
    code, out = await audit("verify", "--json")
    assert (code, json.loads(out)["broken"]["line"]) == (1, before)
    code, out = await audit("verify")
    assert (code, f"broken at line {before}" in out) == (1, True)


async def test_an_end_that_was_cut_off_is_missed_by_the_signer(tmp_path: Path) -> None:
    environment = await made(tmp_path)
    assert (await run_command("audit", "seal", environment=environment)).code == 0

    change(tmp_path, "DELETE FROM audit_seals", "DELETE FROM audit WHERE audit_id > 2")
    said = await run_command("audit", "verify", environment=environment)

    assert said.code == 1
    assert "broken at line 3" in said.out


async def test_the_worker_has_the_audit_sealed_soon_after_its_start(tmp_path: Path) -> None:
    async with installed(tmp_path) as installation:
        await installation.start()

        async def sealed() -> bool:
            async with opened_store(installation.given) as store:
                return await store.last_seal() is not None

        await until(sealed, seconds=30, what="the audit is sealed")
        said = await installation.command("audit", "verify", "--json")

    assert said.json["holds"]
    assert said.json["sealed_up_to"] > 0
