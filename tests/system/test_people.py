"""The commands about people, each in a process of its own."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.system.commands import Commands, Said
from tests.system.installation import environment_in
from tests.system.test_mistakes import assert_one_clear_line

ADA, BOB = "ada@example.org", "bob@example.org"
PASSWORD = "heron-9-Quarz-teapot\n"


class People:
    """An installation and its commands."""

    def __init__(self, jarvis: Commands, folder: Path) -> None:
        self._jarvis = jarvis
        self._folder = folder

    def run(self, *arguments: str, stdin: str = "", **settings: str) -> Said:
        return self._jarvis.run(*arguments, environment=environment_in(self._folder, **settings), stdin=stdin)

    def json(self, *arguments: str) -> Any:
        said = self.run("user", *arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def audit(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self._folder / "data" / "jarvis.db") as connection:
            return connection.execute("SELECT kind, actor FROM audit ORDER BY audit_id").fetchall()


@pytest.fixture
def people(jarvis: Commands, tmp_path: Path) -> People:
    """An installation whose operator is Ada."""
    made = People(jarvis, tmp_path)
    said = made.run("init", "--email", ADA, stdin=PASSWORD)
    assert said.code == 0, said.err
    return made


def test_init_without_a_terminal_makes_no_account_and_says_how(jarvis: Commands, tmp_path: Path) -> None:
    made = People(jarvis, tmp_path)

    for arguments in (("init",), ("init", "--no-account"), ("init", "--no-account", "--email", ADA)):
        said = made.run(*arguments, stdin=PASSWORD)
        assert said.code == 0, said.err
        assert "jarvis user add you@example.org --operator" in said.out
    assert made.json("list") == []


def test_init_makes_the_first_account_an_operators_and_no_second_one(people: People) -> None:
    (record,) = people.json("list")
    assert (record["email"], record["role"], record["factors"]) == (ADA, "operator", [])

    again, other = people.run("init"), people.run("init", "--email", BOB, stdin=PASSWORD)

    assert again.code == 0
    assert "jarvis up" in again.out
    assert_one_clear_line(other, "jarvis user add")
    assert len(people.json("list")) == 1
    assert ("person.added", "cli") in people.audit()


def test_a_weak_first_password_makes_no_account(jarvis: Commands, tmp_path: Path) -> None:
    made = People(jarvis, tmp_path)

    said = made.run("init", "--email", ADA, stdin="password1\n")

    assert said.code == 2
    assert "Choose another" in said.err
    assert made.json("list") == []


def test_roles_are_given_and_the_last_operator_stays_one(people: People) -> None:
    assert people.run("user", "add", BOB, "--role", "viewer", stdin=PASSWORD).code == 0

    assert_one_clear_line(people.run("user", "role", ADA, "trader"), "last operator")
    assert_one_clear_line(people.run("user", "suspend", ADA), "last operator")
    assert_one_clear_line(people.run("user", "role", BOB, "king"), "trader, viewer or operator")
    assert people.json("role", BOB, "operator") == {"email": BOB, "changed": True}
    assert people.json("role", BOB, "operator") == {"email": BOB, "changed": False}
    assert people.json("role", ADA, "trader") == {"email": ADA, "changed": True}

    assert [kind for kind, actor in people.audit() if actor == "cli"].count("role.changed") == 2


def test_a_person_is_suspended_and_restored(people: People) -> None:
    people.run("user", "add", BOB, stdin=PASSWORD)

    assert people.run("user", "suspend", BOB).out == f"{BOB} is suspended and signed out everywhere\n"
    assert "SUSPENDED" in people.run("user", "list").out
    assert people.run("user", "restore", BOB).out == f"{BOB} can sign in again\n"
    assert people.run("user", "restore", BOB).out == f"{BOB}: it is so already\n"
    assert "SUSPENDED" not in people.run("user", "list").out


def test_links_are_printed_once_and_kept_as_hashes(people: People, tmp_path: Path) -> None:
    invitation = people.run("user", "invite", "--role", "viewer", public_origins="https://jarvis.example.org/")
    reset = people.json("reset", ADA)

    address = invitation.out.splitlines()[0]
    assert address.startswith("https://jarvis.example.org/link/")
    assert reset["link"].startswith("http://127.0.0.1:")
    for link in (address, reset["link"]):
        token = link.rpartition("/")[2]
        assert len(token) == 43
        assert token.encode() not in (tmp_path / "data" / "jarvis.db").read_bytes()
    assert [kind for kind, _ in people.audit()].count("link.made") == 2


def test_sessions_are_listed_and_ended(people: People) -> None:
    assert people.json("sessions", ADA) == []
    assert people.run("user", "sessions", ADA, "--end").out == "0 sessions ended\n"
    assert ("session.ended", "cli") in people.audit()


@pytest.mark.parametrize("command", [("reset",), ("role", "trader"), ("suspend",), ("restore",), ("sessions",)])
def test_somebody_who_is_not_here_is_said(people: People, command: tuple[str, ...]) -> None:
    said = people.run("user", command[0], "nobody@example.org", *command[1:])

    assert_one_clear_line(said, "nobody here has the address nobody@example.org")


def test_an_invitation_for_no_address_is_said(people: People) -> None:
    assert_one_clear_line(people.run("user", "invite", "--email", "nonsense"), "ada@example.org")


def test_a_list_of_breached_passwords_is_used_and_a_malformed_one_is_said(people: People, tmp_path: Path) -> None:
    good, bad = tmp_path / "breached.txt", tmp_path / "bad.txt"
    good.write_text("4D63E94D13A0E1B3F7AFC0F0B23D4C4C1D6D9D36:3\n", encoding="utf-8")
    bad.write_text("hunter2\n", encoding="utf-8")

    taken = people.run("user", "add", BOB, stdin=PASSWORD, breached_passwords_file=str(good))
    refused = people.run("user", "add", "cy@example.org", stdin=PASSWORD, breached_passwords_file=str(bad))
    missing = people.run("user", "add", "cy@example.org", stdin=PASSWORD, breached_passwords_file="/nowhere")

    assert taken.code == 0, taken.err
    assert_one_clear_line(refused, "malformed at byte 0")
    assert_one_clear_line(missing, "/nowhere")
