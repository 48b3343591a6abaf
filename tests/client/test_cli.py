"""`jarvis trade` against an installation elsewhere."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jarvis.cli import app
from jarvis.cli.wiring import CommandError
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
