"""A stream that is cut off goes on where it was: over a real socket nothing is lost and nothing is told twice."""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, Environment, UserId
from jarvis.store.db import Store
from jarvis.web.desk import stream, tail
from jarvis.web.desk.tail import Followed
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, PASSWORD, STRANGER, share
from tests.web.serving import Served, serving
from tests.web.test_desk import owner_id
from tests.web.test_stream import listening

COUNT = 40


@dataclass
class Told:
    """One event as it came over the wire."""

    event_id: int
    name: str
    kinds: tuple[str, ...]


class Wire:
    """A connection that reads events one by one, and can be cut."""

    def __init__(self, origin: str, path: str, cookies: str, heard: int | None) -> None:
        host, port = origin.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", f"Cookie: {cookies}", "Sec-Fetch-Site: same-origin"]
        lines += [] if heard is None else [f"Last-Event-ID: {heard}"]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._kept = ""

    def next(self) -> Told:
        """The next event."""
        while True:
            block, found, rest = self._kept.partition("\n\n")
            if not found:
                read = self._socket.recv(4096)
                assert read, f"the stream ended by itself: {self._kept}"
                self._kept += read.decode()
                continue
            self._kept = rest
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in fields:
                kinds = tuple(json.loads(fields["data"])) if fields.get("data") else ()
                return Told(int(fields["id"]), fields["event"], kinds)

    def cut(self) -> None:
        """As a cable is: without a word to the other side."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self._socket.close()


@contextmanager
def standing(migrated_file: Path, folder: Path) -> Iterator[tuple[Served, AccountId, str]]:
    """A server with the owner's account, and the owner's cookies."""
    path = folder / "jarvis.db"
    shutil.copyfile(migrated_file, path)
    with serving(f"sqlite+aiosqlite:///{path}") as served:

        async def prepare(store: Store) -> tuple[AccountId, str]:
            browser = Browser(served.app, served.origin)
            await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})
            await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
            account = await day.lived(store, await owner_id(store))
            return account, "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

        account, cookies = served.run(prepare)
        yield served, account, cookies


async def note(store: Store, account: AccountId, number: int) -> None:
    """One more thing that happened."""
    at = samples.NOW + timedelta(seconds=number)
    await store.record_activity(account, "said", "info", f"number {number}", at=at, pair=None)


def test_a_stream_that_is_cut_again_and_again_tells_each_change_exactly_once(
    migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(stream, "STILL_HERE_SECONDS", 0.05)
    with standing(migrated_file, tmp_path) as (served, account, cookies):
        path = f"/desk/{account}/events?since={served.run(lambda store: store.last_event_id())}"
        heard: int | None = None
        changes: list[Told] = []
        first = served.run(lambda store: store.last_event_id())
        written = []

        for number in range(COUNT):
            wire = Wire(served.origin, path, cookies, heard)
            for _ in range(number % 3 + 1):  # cut after the greeting, after the change, or after what follows it
                told = wire.next()
                heard = told.event_id
                if told.name == "change":
                    changes.append(told)
            wire.cut()

            async def write(store: Store, number: int = number) -> int:
                await note(store, account, number)
                return await store.last_event_id()

            written.append(served.run(write))
        wire = Wire(served.origin, path, cookies, heard)
        while heard is None or heard < written[-1]:
            told = wire.next()
            heard = told.event_id
            if told.name == "change":
                changes.append(told)
        wire.cut()

        # Each change tells of what came after the one before it: the spans touch, and none covers another.
        ends = [first, *(told.event_id for told in changes)]
        assert ends == sorted(set(ends)), "told twice"
        assert ends[-1] == written[-1], "the last was not told"
        for each in written:
            telling = [told for before, told in zip(ends, changes, strict=False) if before < each <= told.event_id]
            assert len(telling) == 1, each
            assert "activity" in telling[0].kinds


async def test_a_cut_before_the_first_change_loses_nothing(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    before = await store.last_event_id()
    await note(store, account, 1)

    async with listening(app, owner, account, since=before) as greeted:
        await greeted.until("still-here")
    greeting = "".join(greeted.heard).split("\n\n")[0]

    assert f"id: {before}\n" in greeting  # and not the id of what has not been told yet


async def test_the_stream_of_everything_tells_of_every_account_of_a_person(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    other = await day.connect(store, await owner_id(store), Environment.SANDBOX, number=2)

    async with listening(app, owner, AccountId("all"), await store.last_event_id()) as listener:
        await listener.until("still-here")
        await note(store, account, 1)
        await listener.until('["activity"]')
        await store.record_equity(other, samples.margin())
        await listener.until('["equity"]')


async def test_whoever_looks_along_hears_of_what_is_shared_and_of_nothing_else(
    app: FastAPI, owner: Browser, stranger: Browser, account: AccountId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stream, "STILL_HERE_SECONDS", 0.02)
    since = await store.last_event_id()
    async with listening(app, stranger, AccountId("all"), since) as alone:
        await note(store, account, 1)
        await alone.until("still-here", times=3)
    assert "activity" not in "".join(alone.heard)

    await share(store, OWNER, STRANGER)
    async with listening(app, stranger, AccountId("all"), since) as along:
        await along.until('["activity"]')


async def test_many_events_of_one_owner_hide_none_of_anothers(
    owner: Browser, stranger: Browser, account: AccountId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "PAGE", 5)
    person = await store.person_by_email(STRANGER)
    assert person is not None
    theirs = await day.connect(store, person.user_id, Environment.SANDBOX, number=5)
    after = await store.last_event_id()
    for number in range(12):
        await note(store, account, number)
    await note(store, theirs, 99)
    last = await store.last_event_id()
    followed = Followed({await owner_id(store): frozenset([account]), UserId(person.user_id): frozenset([theirs])})

    told: list[int] = []
    while after < last:
        found, after = await tail.read_on(store, followed, after)
        told.extend(event.event_id for event in found)

    assert len(told) == len(set(told)) == 13
