"""`jarvis trade` against an installation elsewhere."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jarvis.cli import app
from jarvis.cli.wiring import CommandError
from jarvis.store.db import Store
from tests.client.conftest import Installation


@pytest.fixture
def environment(tmp_path: Path, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing-here"))
    monkeypatch.setenv("JARVIS_URL", installation.place.url)
    monkeypatch.setenv("JARVIS_TOKEN", installation.token)
    return installation


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, ["trade", *words])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_status_says_what_is_held(environment: Installation) -> None:
    told = run("status").output

    assert environment.account in told
    assert "equity 25312.4471 USD" in told
    assert "SOL/USD short 84.5 SOL at 142.31, 5x, stop 146.02" in told
    assert environment.token not in told
    assert json.loads(run("status", "--json").output)["account"]["margin"]["equity"] == "25312.4471"


def test_lists_are_lines_or_json(environment: Installation) -> None:
    lines = run("orders", "--pair", "BTC/USD").output.strip().split("\n")
    orders = json.loads(run("orders", "--json", "--limit", "3").output)
    closed = json.loads(run("positions", "--closed", "--json").output)

    assert all("BTC/USD" in line for line in lines)
    assert len(orders) == 3
    assert isinstance(orders[0]["quantity"], str)
    assert closed[0]["closed_at"] is not None
    assert "no closed position" in run("positions", "--closed", "--pair", "SOL/USD").output


@pytest.mark.parametrize("kind", ["pause", "resume", "flatten"])
def test_a_command_is_asked_over_the_wire(environment: Installation, kind: str) -> None:
    told = run(kind, "--url", environment.place.url, "--account", environment.account[:5]).output

    commands = environment.server.run(lambda store: store.take_commands(environment.account))
    assert [each.kind.value for each in commands] == [kind]
    assert f"asked to {kind} (command {commands[0].command_id})" in told


def test_watch_goes_on_after_an_event(environment: Installation) -> None:
    newest = environment.server.run(lambda store: store.last_event_id())
    environment.say("hello")

    line = json.loads(run("watch", "--after", str(newest), "--count", "1", "--json").output)

    assert (line["event_id"], line["kind"], line["account_id"]) == (newest + 1, "activity", environment.account)


def test_a_mistake_gets_one_line(environment: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, said in (
        (["positions", "--account", "zzz"], "say which account"),
        (["positions", "--url", "http://jarvis.example"], "in clear"),
        (["watch", "--url", "http://127.0.0.1:9"], "does not answer"),
    ):
        result = CliRunner().invoke(app, ["trade", *words])

        assert isinstance(result.exception, CommandError)
        assert said in str(result.exception)
    monkeypatch.delenv("JARVIS_TOKEN")
    result = CliRunner().invoke(app, ["trade", "orders"])
    assert "no token" in str(result.exception)


# --- files for others, at the machine ------------------------------------------------------------------------------


@pytest.fixture
def at_the_machine(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JARVIS_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'jarvis.db'}")
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def export(*words: str) -> Result:
    return CliRunner().invoke(app, ["export", "tax", *words])


def test_a_tax_file_is_written_for_its_owner_alone(at_the_machine: Path, installation: Installation) -> None:
    file = at_the_machine / "tax.csv"

    done = export(str(file), "--year", "2026", "--method", "hifo")
    again = export(str(file))

    assert done.exit_code == 0, (done.output, done.exception)
    assert "1 disposals, 2026 to 2026" in done.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("kind,account,venue,at")
    assert "is there already" in str(again.exception)


def test_the_journal_is_written_for_beancount(at_the_machine: Path) -> None:
    from beancount import loader

    done = export("-", "--format", "beancount", "--person", "ada@example.org")

    assert done.exit_code == 0, (done.output, done.exception)
    assert loader.load_string(done.output)[1] == []


def test_whose_accounts_are_meant_must_be_clear(at_the_machine: Path, installation: Installation) -> None:
    from tests.client.conftest import NOW
    from tests.web import day
    from tests.web.test_api import person_of

    async def another(store: Store) -> None:
        grace = await person_of(store, "grace", NOW)
        await day.lived(store, grace.user_id)

    installation.server.run(another)

    assert "of several people" in str(export("-").exception)
    assert "nobody with this" in str(export("-", "--person", "nobody@example.org").exception)
    assert "no such account" in str(export("-", "--account", "zzz").exception)
    assert export("-", "--account", installation.account).exit_code == 0
