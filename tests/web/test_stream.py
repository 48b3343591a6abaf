"""The stream of changes: what it says, to whom, and when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.types import Message

from jarvis.accounts.sessions import Sessions
from jarvis.domain.account import AccountId, Environment
from jarvis.store.db import Store
from jarvis.web.desk import stream
from jarvis.web.security import CONTENT_SECURITY_POLICY
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, STRANGER, Time, share


@dataclass
class Listener:
    """One open stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, words: str, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while "".join(self.heard).count(words) < times:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def listening(
    app: FastAPI, person: Browser, account: AccountId, since: int | None = None, heard: str = ""
) -> AsyncIterator[Listener]:
    listener = Listener()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await listener.closed.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            listener.status = message["status"]
            listener.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            listener.heard.append(message.get("body", b"").decode())
            if not message.get("more_body", False):
                listener.over.set()
        listener.news.set()

    path = f"/desk/{account}/events" + ("" if since is None else f"?since={since}")
    scope = person.scope("GET", path, {"sec-fetch-site": "same-origin", "last-event-id": heard})
    task = asyncio.create_task(app(scope, receive, send))
    try:
        async with asyncio.timeout(5):
            await listener.news.wait()
        yield listener
    finally:
        listener.closed.set()
        async with asyncio.timeout(5):
            await task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stream, "STILL_HERE_SECONDS", 0.05)
    monkeypatch.setattr(stream, "SESSION_CHECK_SECONDS", 0.05)


async def test_a_change_of_the_account_is_told_by_its_kind(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    async with listening(app, owner, account, await store.last_event_id()) as listener:
        await listener.until("still-here")

        await store.record_activity(account, "said", "info", "hello", at=samples.NOW, pair=None)

        await listener.until('event: change\ndata: ["activity"]\n\n')
    assert listener.status == 200
    assert listener.headers["content-type"].startswith("text/event-stream")
    assert listener.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert listener.headers["cache-control"] == "no-store"


async def test_what_changed_between_drawing_and_listening_is_told(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    drawn_after = await store.last_event_id()
    await store.record_activity(account, "said", "info", "hello", at=samples.NOW, pair=None)

    async with listening(app, owner, account, since=drawn_after) as fresh:
        await fresh.until('data: ["activity"]')
    async with listening(app, owner, account, since=0, heard=str(drawn_after)) as again:
        await again.until('data: ["activity"]')


async def test_who_missed_too_much_is_told_to_ask_for_everything(
    app: FastAPI, owner: Browser, account: AccountId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_MISSED", 3)

    async with listening(app, owner, account, since=1) as listener:
        await listener.until('"position"')


async def test_changes_of_other_accounts_are_not_told(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    other = await day.connect(store, person.user_id, Environment.SANDBOX, number=2)

    async with listening(app, owner, account, await store.last_event_id()) as listener:
        await listener.until("still-here")
        await store.record_activity(other, "said", "info", "hello", at=samples.NOW, pair=None)
        await store.record_equity(account, samples.margin(samples.NOW + timedelta(seconds=1)))
        await listener.until("equity")

    assert "activity" not in "".join(listener.heard)


async def test_a_stream_that_has_nothing_to_say_says_that_it_is_there(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    async with listening(app, owner, account, await store.last_event_id()) as listener:
        await listener.until("still-here", times=3)


async def test_the_stream_ends_with_the_session(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, time: Time
) -> None:
    async with listening(app, owner, account, await store.last_event_id()) as listener:
        time.pass_by(timedelta(hours=13))

        await listener.until("signed-out")


async def test_a_proof_moves_the_stream_to_the_new_token_and_signs_nobody_out(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, time: Time
) -> None:
    async with listening(app, owner, account, await store.last_event_id()) as listener:
        proved = await Sessions(store).prove(owner.cookies["jarvis-session"], time(), method="totp")
        assert proved is not None
        async with asyncio.timeout(5):
            await listener.over.wait()

    assert "signed-out" not in "".join(listener.heard)
    owner.cookies["jarvis-session"] = proved.token
    async with listening(app, owner, account) as again:
        await again.until("still-here")


async def test_who_looks_along_takes_no_stream_from_the_owner(
    app: FastAPI, owner: Browser, stranger: Browser, account: AccountId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS_PER_PERSON", 1)
    await share(store, OWNER, STRANGER)

    async with (
        listening(app, stranger, account) as first,
        listening(app, owner, account) as second,
    ):
        await first.until("still-here")
        await second.until("still-here")

    assert (first.status, second.status) == (200, 200)


async def test_one_person_cannot_hold_streams_without_end(
    app: FastAPI, owner: Browser, account: AccountId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS_PER_PERSON", 1)

    async with listening(app, owner, account) as first:
        await first.until("still-here")
        refused = await owner.get(f"/desk/{account}/events")
    async with listening(app, owner, account) as again:
        await again.until("still-here")

    assert refused.status == 429


async def test_a_strangers_stream_is_not_found(stranger: Browser, owner: Browser, account: AccountId) -> None:
    assert (await stranger.get(f"/desk/{account}/events")).status == 404
