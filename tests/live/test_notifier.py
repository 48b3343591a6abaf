"""Notices leave for their receivers, whatever these do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from pathlib import Path

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.live.notifier import PAUSES_SECONDS, Notifier
from jarvis.notify import AddressRefused, DeliveryFailed
from jarvis.store.db import Store
from jarvis.store.targets import Target
from jarvis.trading.events import Severity
from tests.simulation.loop import VirtualLoop
from tests.store.samples import NOON, OWNER, STRANGER, person
from tests.support.inline_sqlite import inline_creator


class Post:
    """Receivers that a test breaks and mends."""

    def __init__(self) -> None:
        self.failing: dict[str, Exception] = {}
        self.tries: list[tuple[str, float]] = []
        self.arrived: list[tuple[str, Mapping[str, object]]] = []

    async def send(self, url: str, content: Mapping[str, object]) -> None:
        self.tries.append((url, asyncio.get_running_loop().time()))
        if url in self.failing:
            raise self.failing[url]
        self.arrived.append((url, content))


def play(folder: Path, story: Callable[[Store, Post], Awaitable[None]]) -> None:
    async def whole() -> None:
        path = folder / "jarvis.db"
        store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
        for each in (OWNER, STRANGER):
            await store.add_person(person(each))
        post = Post()
        running = asyncio.create_task(Notifier(store, post, lambda: NOON).run())
        try:
            await story(store, post)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await store.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(whole())


async def receiver(store: Store, name: str, user_id: UserId = OWNER) -> str:
    url = f"https://{name}.example.org/"
    noted = AuditEntry("target.added", NOON, user_id, user_id)
    assert await store.add_target(Target(name, user_id, "webhook", name, url, NOON), noted)
    await asyncio.sleep(5)  # its own notice has left
    return url


async def tell(store: Store, message: str, user_id: UserId = OWNER) -> int:
    return await store.add_notice(user_id, "key.widened", Severity.CRITICAL, message, NOON)


def test_a_notice_goes_to_all_receivers_of_its_person_and_to_nobody_elses(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        one, other = await receiver(store, "one"), await receiver(store, "other")
        await receiver(store, "strangers", STRANGER)
        post.arrived.clear()

        number = await tell(store, "The key may withdraw.")
        await asyncio.sleep(5)

        content = {
            "from": "jarvis", "notice": number, "at": "2026-03-01T12:00:00+00:00", "kind": "key.widened",
            "severity": "critical", "text": "The key may withdraw.",
        }  # fmt: skip
        assert sorted(post.arrived, key=lambda each: each[0]) == [(one, content), (other, content)]
        assert await store.unsent_notices() == []

    play(tmp_path, story)


def test_without_receivers_a_notice_is_done_and_does_not_go_to_a_later_one(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        await tell(store, "before")
        await asyncio.sleep(5)
        await receiver(store, "late")

        assert [content["kind"] for _, content in post.arrived] == ["target.added"]

    play(tmp_path, story)


def test_a_failing_receiver_is_tried_three_times_then_once_a_notice_and_said(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        url = await receiver(store, "team")
        post.failing[url] = DeliveryFailed("The receiver answered 500.")
        post.tries.clear()

        await tell(store, "first")
        await asyncio.sleep(60)
        times = [time for _, time in post.tries]
        assert [later - earlier for earlier, later in pairwise(times)] == list(PAUSES_SECONDS)
        (target,) = await store.targets_of(OWNER)
        assert target.failure == "The receiver answered 500."

        await tell(store, "second")
        await asyncio.sleep(60)
        assert len(post.tries) == 4

        post.failing.clear()
        await tell(store, "third")
        await asyncio.sleep(60)
        (mended,) = await store.targets_of(OWNER)
        assert (mended.failure, mended.failed_at) == ("", None)
        assert await store.unsent_notices() == []

    play(tmp_path, story)


def test_a_receiver_that_works_gets_a_notice_once_while_another_fails(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        broken, works = await receiver(store, "broken"), await receiver(store, "works")
        post.failing[broken] = AddressRefused("not on the public internet")
        post.arrived.clear()

        await tell(store, "once")
        await asyncio.sleep(90)

        assert [url for url, _ in post.arrived] == [works]

    play(tmp_path, story)


def test_one_persons_dead_receiver_delays_nobody_else(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        dead, alive = await receiver(store, "dead"), await receiver(store, "alive", STRANGER)
        post.failing[dead] = DeliveryFailed("No answer within 10 seconds.")
        post.arrived.clear()
        for number in range(150):
            await tell(store, f"{number}")
        await asyncio.sleep(3)

        await tell(store, "for the other", STRANGER)
        await asyncio.sleep(3)

        assert [(url, content["text"]) for url, content in post.arrived] == [(alive, "for the other")]

    play(tmp_path, story)


def test_what_nobody_foresaw_does_not_end_the_sending(tmp_path: Path) -> None:
    async def story(store: Store, post: Post) -> None:
        url = await receiver(store, "team")
        post.failing[url] = ZeroDivisionError()
        post.arrived.clear()
        await tell(store, "first")
        await asyncio.sleep(5)
        assert len(await store.unsent_notices()) == 1

        post.failing.clear()
        await asyncio.sleep(5)

        assert [content["text"] for _, content in post.arrived] == ["first"]

    play(tmp_path, story)
