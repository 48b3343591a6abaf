import asyncio
from dataclasses import replace

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, DeliveryState
from jarvis.notify.kinds import DEFAULTS, Group, Level
from jarvis.notify.quiet import QuietHours
from jarvis.store.db import Store
from jarvis.store.deliveries import Planned
from jarvis.store.targets import MOST_TARGETS, TESTED, Target
from jarvis.trading.events import Severity
from tests.store.samples import NOON, OWNER, STRANGER, at, person

HOOK = Target(
    "t1", OWNER, "webhook", "team", "hooks.example.org:8443", NOON,
    sealed=b"the secret path", choices=DEFAULTS["webhook"], confirmed_at=NOON,
)  # fmt: skip
LETTER = Target(
    "t2", OWNER, "email", "mail", "ada@example.org", NOON,
    sealed=b"the link", choices=DEFAULTS["email"], token_hash=b"h" * 32,
)  # fmt: skip


def noted(kind: str, user_id: UserId = OWNER) -> AuditEntry:
    return AuditEntry(kind, NOON, user_id, user_id)


async def test_adding_and_removing_a_receiver_is_audited_and_told_without_its_path(store: Store) -> None:
    await store.add_person(person(OWNER))

    assert await store.add_target(HOOK, noted("target.added"))
    assert await store.targets_of(OWNER) == [HOOK]
    assert await store.remove_target(OWNER, "t1", noted("target.removed"))

    assert await store.targets_of(OWNER) == []
    assert [line.kind for line in await store.audit_lines()] == ["target.added", "target.removed"]
    told = await store.notices_of(OWNER)
    assert [notice.kind for notice in told] == ["target.removed", "target.added"]
    assert all("hooks.example.org:8443" in notice.message and "secret" not in notice.message for notice in told)


async def test_a_stranger_sees_and_removes_nothing(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    await store.add_target(HOOK, noted("target.added"))

    assert not await store.remove_target(STRANGER, "t1", noted("target.removed", STRANGER))

    assert await store.targets_of(STRANGER) == []
    assert await store.targets_of(OWNER) == [HOOK]
    assert [line.kind for line in await store.audit_lines()] == ["target.added"]


async def test_there_are_never_more_than_eight_even_at_once(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))

    kept = await asyncio.gather(
        *(store.add_target(replace(HOOK, target_id=f"t{number}"), noted("target.added")) for number in range(12))
    )

    assert sum(kept) == MOST_TARGETS == len(await store.targets_of(OWNER))
    assert (await store.audit_counts())[0] == MOST_TARGETS
    assert await store.add_target(replace(HOOK, target_id="s", user_id=STRANGER), noted("target.added", STRANGER))


async def planned(store: Store, message: str, state: DeliveryState = DeliveryState.WAITING, due: int = 1) -> int:
    """A notice on its way to t1."""
    number = await store.add_notice(OWNER, "funds.arrived", Severity.INFO, message, at(1))
    await store.plan(OWNER, number, [Planned("t1", state, at(due))], at(1))
    return number


async def test_what_became_of_the_last_delivery_is_kept(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_target(HOOK, noted("target.added"))
    number = await planned(store, "5 USD came in.")

    await store.note_failed("t1", [number], "The receiver answered 500.", at(5), at(6))
    (failed,) = await store.targets_of(OWNER)
    assert (failed.failure, failed.failed_at) == ("The receiver answered 500.", at(5))
    assert await store.due(at(5)) == []
    (again,) = await store.due(at(6))
    assert (again.told.text, again.attempts) == ("5 USD came in.", 1)

    await store.note_sent("t1", [number], at(9))
    assert await store.targets_of(OWNER) == [HOOK]
    assert await store.due(at(60)) == []


async def test_a_notice_is_planned_once_and_never_for_a_receiver_that_is_gone(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_target(HOOK, noted("target.added"))
    number = await planned(store, "once")

    await store.plan(OWNER, number, [Planned("t1", DeliveryState.WAITING, at(1))], at(2))
    assert len(await store.due(at(5))) == 1
    await store.remove_target(OWNER, "t1", noted("target.removed"))
    assert await store.due(at(5)) == []
    other = await store.add_notice(OWNER, "funds.arrived", Severity.INFO, "later", at(3))
    await store.plan(OWNER, other, [Planned("t1", DeliveryState.WAITING, at(1))], at(3))
    assert await store.due(at(5)) == []


async def test_while_one_waits_for_another_try_the_rest_waits_too(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_target(HOOK, noted("target.added"))
    first, second = await planned(store, "first"), await planned(store, "second")

    await store.note_failed("t1", [first], "no", at(2), at(30))
    assert await store.due(at(29)) == []
    assert [each.told.number for each in await store.due(at(30))] == [first, second]

    await store.note_failed("t1", [first], "no", at(31), None)
    assert [each.told.number for each in await store.failed_deliveries(OWNER)] == [first]
    assert [each.told.number for each in await store.due(at(31))] == [second]
    assert await store.deliveries_on_the_way(OWNER) == {"t1": 1}
    assert await store.failed_deliveries(STRANGER) == []


async def test_what_is_held_back_does_not_count_as_sent_this_hour(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_target(HOOK, noted("target.added"))
    await planned(store, "now", due=5)
    await planned(store, "later", DeliveryState.HELD, due=50)

    assert await store.handed_over(OWNER, at(0)) == 1
    assert await store.handed_over(OWNER, at(6)) == 0
    assert await store.handed_over(STRANGER, at(0)) == 0


async def test_a_mailbox_is_confirmed_once_and_in_time(store: Store) -> None:
    await store.add_person(person(OWNER))
    assert await store.add_target(LETTER, noted("target.added"))
    (letter,) = await store.due(NOON)
    assert not letter.target.is_confirmed

    assert await store.target_to_confirm(b"x" * 32, at(-10)) is None
    assert await store.target_to_confirm(b"h" * 32, at(1)) is None
    target = await store.target_to_confirm(b"h" * 32, at(-10))
    assert target is not None
    assert await store.confirm_target(target, noted("target.confirmed"))

    assert not await store.confirm_target(target, noted("target.confirmed"))
    assert await store.target_to_confirm(b"h" * 32, at(-10)) is None
    (kept,) = await store.targets_of(OWNER)
    assert (kept.is_confirmed, kept.sealed, kept.token_hash) == (True, None, None)


async def test_a_test_goes_to_one_receiver_of_the_person_that_is_confirmed(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    await store.add_target(HOOK, noted("target.added"))
    await store.add_target(LETTER, noted("target.added"))

    assert await store.ask_for_test(OWNER, "t1", at(1))
    assert not await store.ask_for_test(OWNER, "t2", at(1))
    assert not await store.ask_for_test(STRANGER, "t1", at(1))

    latest = await store.latest_delivery(OWNER, TESTED)
    assert [(name, each.state) for name, each in latest.items()] == [("t1", DeliveryState.WAITING)]
    assert await store.latest_delivery(STRANGER, TESTED) == {}
    assert [notice.kind for notice in await store.unsent_notices()] == ["target.added", "target.added"]


async def test_choices_and_quiet_hours_are_kept_and_nobody_elses(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_person(person(STRANGER))
    await store.add_target(HOOK, noted("target.added"))
    chosen = {**HOOK.choices, Group.TRADES: Level.NOTHING}
    hours = QuietHours("Europe/Berlin", 22 * 60, 7 * 60)

    assert await store.choose(OWNER, "t1", chosen, noted("target.changed"))
    assert not await store.choose(STRANGER, "t1", HOOK.choices, noted("target.changed", STRANGER))
    await store.set_quiet_hours(OWNER, hours, noted("target.changed"))

    assert [each.choices for each in await store.targets_of(OWNER)] == [chosen]
    assert (await store.quiet_hours(OWNER), await store.quiet_hours(STRANGER)) == (hours, None)
    await store.set_quiet_hours(OWNER, None, noted("target.changed"))
    assert await store.quiet_hours(OWNER) is None


async def test_an_address_that_was_kept_in_clear_is_replaced_by_its_seal(store: Store) -> None:
    await store.add_person(person(OWNER))
    plain = replace(HOOK, address="https://hooks.example.org/secret", sealed=None)
    await store.add_target(plain, noted("target.added"))

    assert await store.plain_targets() == [(OWNER, "t1", plain.address)]
    assert await store.seal_target(OWNER, "t1", plain.address, b"sealed", "hooks.example.org")
    assert not await store.seal_target(OWNER, "t1", plain.address, b"again", "hooks.example.org")

    assert await store.plain_targets() == []
    (secret,) = await store.sealed_secrets()
    assert await store.put_secret(secret, b"sealed anew")
    assert not await store.put_secret(secret, b"and again")
