"""Notices leave for their receivers, whatever these do, and whatever the hour."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, DeliveryState
from jarvis.live.notifier import MOST_AN_HOUR, PAUSES, Notifier, seal_what_is_plain
from jarvis.notify.channels import Receiver
from jarvis.notify.kinds import DEFAULTS, Choices, Group, Level
from jarvis.notify.quiet import QuietHours
from jarvis.notify.webhook import AddressRefused, DeliveryFailed
from jarvis.notify.words import Message
from jarvis.store.db import Store
from jarvis.store.targets import TESTED, Target
from jarvis.trading.events import Severity
from tests.simulation.loop import VirtualLoop
from tests.store.samples import NOON, OWNER, STRANGER, person
from tests.support.inline_sqlite import inline_creator

ORIGIN = "https://jarvis.example.org"


class Ways:
    """Receivers that a test breaks and mends."""

    def __init__(self) -> None:
        self.failing: dict[str, Exception] = {}
        self.tries: list[tuple[str, float]] = []
        self.arrived: list[tuple[Receiver, Message]] = []

    async def send(self, receiver: Receiver, message: Message) -> None:
        self.tries.append((receiver.shown, asyncio.get_running_loop().time()))
        if receiver.shown in self.failing:
            raise self.failing[receiver.shown]
        self.arrived.append((receiver, message))

    def told(self, name: str) -> list[str]:
        """The texts of the notices that one receiver got."""
        return [each.text for receiver, message in self.arrived if receiver.shown == name for each in message.notices]


class Seals:
    """Keeps secrets in clear, bound to their row."""

    async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
        return f"{user_id}|{row_id}|{secret}".encode()

    async def open_secret(self, *, user_id: str, row_id: str, sealed: bytes) -> bytearray:
        owner, row, secret = sealed.decode().split("|")
        if (owner, row) != (user_id, row_id):
            raise PermissionError("not its row")
        return bytearray(secret.encode())


def now() -> datetime:
    return NOON + timedelta(seconds=asyncio.get_running_loop().time())


def play(folder: Path, story: Callable[[Store, Ways], Awaitable[None]]) -> None:
    async def whole() -> None:
        path = folder / "jarvis.db"
        store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
        for each in (OWNER, STRANGER):
            await store.add_person(person(each))
        ways = Ways()
        running = asyncio.create_task(Notifier(store, ways, Seals(), now, origin=ORIGIN).run())
        try:
            await story(store, ways)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await store.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(whole())


async def receiver(
    store: Store, name: str, user_id: UserId = OWNER, kind: str = "webhook", choices: Choices | None = None
) -> Target:
    sealed = await Seals().seal_secret(user_id=user_id, row_id=name, secret=f"secret of {name}")
    chosen = choices or DEFAULTS[kind]
    target = Target(name, user_id, kind, name, name, now(), sealed=sealed, choices=chosen, confirmed_at=now())
    assert await store.add_target(target, AuditEntry("target.added", now(), user_id, user_id))
    await asyncio.sleep(5)  # its own notice has left
    return target


async def tell(
    store: Store,
    message: str,
    user_id: UserId = OWNER,
    kind: str = "key.widened",
    severity: Severity = Severity.CRITICAL,
) -> int:
    return await store.add_notice(user_id, kind, severity, message, now())


async def chat(store: Store, message: str) -> int:
    """Something that can wait."""
    return await tell(store, message, kind="funds.arrived", severity=Severity.INFO)


def test_a_notice_goes_to_all_receivers_of_its_person_and_to_nobody_elses(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        for name, whose in (("one", OWNER), ("other", OWNER), ("strangers", STRANGER)):
            await receiver(store, name, whose)
        ways.arrived.clear()

        number = await tell(store, "The key may withdraw.")
        await asyncio.sleep(5)

        assert sorted((to.shown, to.secret) for to, _ in ways.arrived) == [
            ("one", "secret of one"),
            ("other", "secret of other"),
        ]
        (told,) = ways.arrived[0][1].notices
        assert (told.number, told.text, told.page) == (number, "The key may withdraw.", f"{ORIGIN}/account/notices")
        assert await store.unsent_notices() == []
        await asyncio.sleep(90)
        assert len(ways.arrived) == 2

    play(tmp_path, story)


def test_without_receivers_a_notice_is_done_and_does_not_go_to_a_later_one(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await tell(store, "before")
        await asyncio.sleep(5)
        await receiver(store, "late")

        assert [message.notices[0].kind for _, message in ways.arrived] == ["target.added"]

    play(tmp_path, story)


def test_a_receiver_gets_what_it_chose_by_kind_and_severity(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        picky = {**dict.fromkeys(Group, Level.NOTHING), Group.MONEY: Level.ALARMS, Group.FUNDS: Level.ALL}
        await receiver(store, "picky", choices=picky)
        ways.arrived.clear()

        await tell(store, "money alarm", kind="margin_call")
        await tell(store, "money warning", kind="stop_failed", severity=Severity.WARNING)
        await chat(store, "5 USD came in.")
        await tell(store, "foreign", kind="foreign.activity")
        await asyncio.sleep(5)

        assert ways.told("picky") == ["money alarm", "5 USD came in."]

    play(tmp_path, story)


def test_an_unconfirmed_mailbox_gets_its_link_and_nothing_else(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        sealed = await Seals().seal_secret(user_id=OWNER, row_id="box", secret="the-token")
        target = Target(
            "box", OWNER, "email", "box", "ada@example.org", now(),
            sealed=sealed, choices=DEFAULTS["email"], token_hash=b"h",
        )  # fmt: skip
        await store.add_target(target, AuditEntry("target.added", now(), OWNER, OWNER))
        await tell(store, "an alarm")
        await asyncio.sleep(10)

        ((to, letter),) = ways.arrived
        assert (to.shown, letter.notices) == ("ada@example.org", ())
        assert f"{ORIGIN}/confirm/the-token" in letter.text

    play(tmp_path, story)


def test_a_failing_receiver_is_tried_at_growing_pauses_then_given_up_and_said(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "team")
        await receiver(store, "works")
        ways.failing["team"] = DeliveryFailed("The receiver answered 500.")
        ways.tries.clear()

        await chat(store, "first")
        await asyncio.sleep(2 * 3600)

        times = [time for name, time in ways.tries if name == "team"][: len(PAUSES) + 1]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert [timedelta(0) <= timedelta(seconds=gap) - pause < timedelta(seconds=4) for gap, pause in zip(
            gaps, PAUSES, strict=True)] == [True] * len(PAUSES)  # fmt: skip
        team, works = await store.targets_of(OWNER)
        assert (team.failure, works.failure) == ("The receiver answered 500.", "")
        assert "first" in [each.told.text for each in await store.failed_deliveries(OWNER)]
        assert ways.told("works")[-1] == "Notices to team (team) do not arrive: The receiver answered 500."

        ways.tries.clear()
        await chat(store, "second")
        await asyncio.sleep(3600)
        assert [name for name, _ in ways.tries if name == "team"] == ["team"], "one try while it does not work"

        ways.failing.clear()
        await chat(store, "third")
        await asyncio.sleep(60)
        assert ways.told("team")[-1] == "third"
        assert [each.failure for each in await store.targets_of(OWNER)] == ["", ""]

    play(tmp_path, story)


def test_an_alarm_gets_all_its_tries_even_at_a_receiver_that_did_not_work(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "team")
        ways.failing["team"] = DeliveryFailed("down")
        await chat(store, "first")
        await asyncio.sleep(2 * 3600)
        await tell(store, "liquidation", kind="liquidation")
        await asyncio.sleep(60)

        ways.failing.clear()
        await asyncio.sleep(300)

        assert ways.told("team")[-1] == "liquidation"

    play(tmp_path, story)


def test_alarms_leave_before_what_can_wait(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "team")
        ways.arrived.clear()
        ways.failing["team"] = DeliveryFailed("down")
        await chat(store, "small")
        await asyncio.sleep(3)
        await tell(store, "big")
        await asyncio.sleep(1)
        ways.failing.clear()
        await asyncio.sleep(120)

        assert ways.told("team") == ["big", "small"]

    play(tmp_path, story)


def test_one_persons_dead_receiver_delays_nobody_else(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "dead")
        await receiver(store, "alive", STRANGER)
        ways.failing["dead"] = DeliveryFailed("No answer within 10 seconds.")
        ways.arrived.clear()
        for number in range(150):
            await tell(store, f"{number}")
        await asyncio.sleep(3)

        await tell(store, "for the other", STRANGER)
        await asyncio.sleep(5)

        assert ways.told("alive") == ["for the other"]

    play(tmp_path, story)


def test_what_nobody_foresaw_is_a_failed_try_and_does_not_end_the_sending(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "team")
        ways.failing["team"] = ZeroDivisionError()
        ways.arrived.clear()
        await tell(store, "first")
        await asyncio.sleep(4)
        assert [each.failure for each in await store.targets_of(OWNER)] == ["Something failed on our side."]

        ways.failing.clear()
        await asyncio.sleep(10)

        assert ways.told("team") == ["first"]

    play(tmp_path, story)


def test_an_address_that_leads_inside_is_a_failure_in_its_own_words(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "team")
        ways.failing["team"] = AddressRefused("not on the public internet")
        await tell(store, "first")
        await asyncio.sleep(4)

        assert [each.failure for each in await store.targets_of(OWNER)] == ["not on the public internet"]

    play(tmp_path, story)


def test_a_secret_that_does_not_open_is_said_and_nothing_is_sent(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        target = Target("moved", OWNER, "webhook", "moved", "moved", now(), sealed=b"mallory|x|y",
                        choices=DEFAULTS["webhook"], confirmed_at=now())  # fmt: skip
        await store.add_target(target, AuditEntry("target.added", now(), OWNER, OWNER))
        await asyncio.sleep(5)

        (kept,) = await store.targets_of(OWNER)
        assert "cannot be opened" in kept.failure
        assert ways.tries == []

    play(tmp_path, story)


QUIET_NOW = QuietHours("UTC", 11 * 60 + 30, 13 * 60)
"""It is noon when a story begins."""


async def hush(store: Store, hours: QuietHours = QUIET_NOW) -> None:
    await store.set_quiet_hours(OWNER, hours, AuditEntry("target.changed", now(), OWNER, OWNER))


def test_quiet_hours_hold_back_what_can_wait_and_never_an_alarm(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "phone", kind="telegram")
        await hush(store)
        ways.arrived.clear()

        for number in range(3):
            await chat(store, f"chat {number}")
        await tell(store, "Liquidation is near.", kind="margin_call")
        await tell(store, "The stop is gone.", kind="stop_failed", severity=Severity.WARNING)
        await asyncio.sleep(1800)
        assert ways.told("phone") == ["Liquidation is near.", "The stop is gone."]

        await asyncio.sleep(1900)  # past one o'clock
        *_, (_, digest) = ways.arrived
        assert len(ways.arrived) == 3, "what was held back comes as one"
        assert [each.text for each in digest.notices] == ["chat 0", "chat 1", "chat 2"]
        assert digest.title == "3 notices that were held back"

    play(tmp_path, story)


def test_too_many_in_an_hour_come_together_later_and_alarms_at_once(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "phone")
        ways.arrived.clear()
        for number in range(MOST_AN_HOUR + 20):
            await chat(store, f"chat {number}")
        await tell(store, "an alarm")
        await asyncio.sleep(60)

        alone = len(ways.arrived)
        assert MOST_AN_HOUR - 1 <= alone <= MOST_AN_HOUR + 1
        assert "an alarm" in ways.told("phone")
        await asyncio.sleep(1900)
        assert len(ways.arrived) == alone + 1
        assert len(ways.told("phone")) == MOST_AN_HOUR + 21

    play(tmp_path, story)


def test_a_test_goes_where_it_was_asked_for_at_any_hour_and_is_not_tried_again(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "one")
        await receiver(store, "other", choices=dict.fromkeys(Group, Level.NOTHING))
        await hush(store)
        ways.arrived.clear()

        await store.ask_for_test(OWNER, "other", now())
        await asyncio.sleep(5)
        assert [to.shown for to, _ in ways.arrived] == ["other"]

        ways.failing["other"] = DeliveryFailed("gone")
        ways.tries.clear()
        await store.ask_for_test(OWNER, "other", now())
        await asyncio.sleep(60)
        assert len(ways.tries) == 1
        outcome = (await store.latest_delivery(OWNER, TESTED))["other"]
        assert (outcome.state, outcome.failure) == (DeliveryState.FAILED, "gone")

    play(tmp_path, story)


def test_a_restart_sends_nothing_again(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "one")
        await tell(store, "once")
        await asyncio.sleep(5)
        again = Ways()
        second = asyncio.create_task(Notifier(store, again, Seals(), now, origin=ORIGIN).run())
        await asyncio.sleep(60)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

        assert again.arrived == []
        assert ways.told("one").count("once") == 1

    play(tmp_path, story)


def test_what_an_earlier_version_kept_in_clear_is_sealed(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        address = "https://hooks.example.org:8443/secret"
        target = Target("old", OWNER, "webhook", "old", address, now(), choices=DEFAULTS["webhook"], confirmed_at=now())
        await store.add_target(target, AuditEntry("target.added", now(), OWNER, OWNER))
        await asyncio.sleep(5)
        assert ways.arrived[-1][0].secret == address, "it works before it is sealed"

        assert await seal_what_is_plain(store, Seals()) == 1
        (kept,) = await store.targets_of(OWNER)
        assert (kept.address, kept.sealed) == ("hooks.example.org:8443", f"{OWNER}|old|{address}".encode())
        await tell(store, "after")
        await asyncio.sleep(5)
        assert ways.arrived[-1][0] == replace(ways.arrived[-1][0], secret=address, shown="hooks.example.org:8443")
        assert await seal_what_is_plain(store, Seals()) == 0

    play(tmp_path, story)


def shown(arrived: Sequence[tuple[Receiver, Message]]) -> str:
    return repr(arrived)


def test_no_secret_is_in_what_is_shown_of_a_receiver(tmp_path: Path) -> None:
    async def story(store: Store, ways: Ways) -> None:
        await receiver(store, "one")
        assert "secret of one" not in shown(ways.arrived)
        assert "secret of one" not in repr(await store.targets_of(OWNER))

    play(tmp_path, story)
