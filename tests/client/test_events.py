"""The stream: nothing lost and nothing twice, whatever becomes of the line."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from jarvis.client import Event, Jarvis, NotSignedIn, Place, Refused, Resync, Unreachable
from jarvis.client import events as following
from jarvis.client.events import EventStream
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.web.api import events as told
from tests.client.conftest import NOW, Installation, line_to
from tests.web.test_api import person_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(told, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(told, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(following, "LONGEST_PAUSE", 0.05)


async def ask(work: Callable[[], object]) -> None:
    """Do something that waits for the server, beside this loop."""
    await asyncio.to_thread(work)


async def take(stream: EventStream, count: int) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            event = await anext(stream)
            assert isinstance(event, Event)
            found.append(event)
    return found


async def test_what_happens_is_told_with_its_kind_and_account(installation: Installation) -> None:
    async with installation.client.events() as stream:
        await ask(lambda: installation.say("hello"))
        (event,) = await take(stream, 1)

    assert (event.kind, event.account_id) == ("activity", installation.account)
    assert stream.last_id is not None
    assert stream.last_id >= event.event_id


async def test_no_event_is_lost_or_doubled_over_many_cuts(installation: Installation) -> None:
    async with line_to(installation.server.port) as line:
        place = Place(f"http://127.0.0.1:{line.port}", installation.token)
        async with Jarvis(place).events() as stream:

            async def happen() -> None:
                for number in range(60):
                    await ask(lambda number=number: installation.say(f"{number}"))  # type: ignore[misc]
                    await asyncio.sleep(0.015)  # some are told by a line that stays, some by one that is cut
                    if number % 6 == 0:
                        line.cut()

            heard, _ = await asyncio.gather(take(stream, 60), happen())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(stream)

    ids = [event.event_id for event in heard]
    assert ids == sorted(set(ids))
    assert line.connections >= 5
    assert ids == await written(installation, ids[0])


async def written(installation: Installation, since: int) -> list[int]:
    async def read(store: Store) -> list[int]:
        ada = await store.person_by_email("ada@example.org")
        assert ada is not None
        return [event.event_id for event in await store.tail_outbox(ada.user_id, since - 1)]

    return await asyncio.to_thread(installation.server.run, read)


async def test_a_script_that_comes_later_goes_on_where_it_stopped(installation: Installation) -> None:
    async with installation.client.events() as stream:
        await ask(lambda: installation.say("first"))
        (first,) = await take(stream, 1)
    for word in ("second", "third"):
        await ask(lambda word=word: installation.say(word))  # type: ignore[misc]

    async with installation.client.events(after=first.event_id) as again:
        found = await take(again, 2)

    assert [event.event_id for event in found] == await written(installation, first.event_id + 1)


async def test_what_is_too_old_or_too_much_is_said_to_be_so(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prune(store: Store) -> None:
        await store.prune_outbox(keep=1)

    newest = (await written(installation, 1))[-1]
    async with installation.client.events(after=newest + 1000) as ahead:
        assert await anext(ahead) == Resync(newest)
    monkeypatch.setattr(told, "MOST_MISSED", 3)
    async with installation.client.events(after=newest - 4) as behind:
        assert await anext(behind) == Resync(newest)
    monkeypatch.setattr(told, "MOST_MISSED", 1000)
    await asyncio.to_thread(installation.server.run, prune)
    async with installation.client.events(after=1) as pruned:
        assert await anext(pruned) == Resync(newest)
        await ask(lambda: installation.say("and then"))
        (event,) = await take(pruned, 1)

    assert event.event_id == newest + 1


async def test_only_ones_own_accounts_are_told_of_and_of_them_the_one_that_is_asked_for(
    installation: Installation,
) -> None:
    from tests.web import day

    async def another(store: Store) -> None:
        mallory = await person_of(store, "mallory", NOW)
        await day.lived(store, mallory.user_id)

    async with installation.client.events(account=installation.account) as stream:
        await asyncio.to_thread(installation.server.run, another)
        await ask(lambda: installation.say("mine"))
        (event,) = await take(stream, 1)

    assert (event.account_id, event.kind) == (installation.account, "activity")
    with pytest.raises(Refused, match="not yours"):
        await installation.client.events(account="another").__aenter__()


async def test_a_token_that_ends_ends_its_streams(installation: Installation) -> None:
    async def end(store: Store) -> None:
        ada = await store.person_by_email("ada@example.org")
        assert ada is not None
        (token,) = await store.tokens_of(ada.user_id)
        noted = AuditEntry("token.ended", NOW, ada.user_id, ada.user_id)
        assert await store.end_token(ada.user_id, token.token_id, noted=noted, told="")

    async with installation.client.events() as stream:
        await asyncio.to_thread(installation.server.run, end)
        async with asyncio.timeout(10):
            with pytest.raises(NotSignedIn):
                await anext(stream)


async def test_a_token_has_few_streams_and_gets_one_back_when_it_closes_one(installation: Installation) -> None:
    client = installation.client
    streams = [client.events() for _ in range(told.MOST_PER_TOKEN)]
    for stream in streams:
        await stream.__aenter__()

    with pytest.raises(Refused, match="open streams already"):
        await client.events().__aenter__()
    for stream in streams:
        await stream.__aexit__()
    async with asyncio.timeout(10):
        while True:
            try:
                async with client.events():
                    break
            except Refused:
                await asyncio.sleep(0.05)


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """A server that takes a connection and never says a word."""
    held: list[asyncio.StreamWriter] = []

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in held:
        writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_a_silent_line_is_a_broken_one(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    monkeypatch.setattr(following, "SILENCE_SECONDS", 0.05)

    with pytest.raises(Unreachable, match="does not answer"):
        await Jarvis(Place(f"http://127.0.0.1:{silent}", "jvs_x")).events().__aenter__()
