from datetime import timedelta
from decimal import Decimal

from jarvis.domain.account import Environment, VenueName
from jarvis.domain.market import Bar, Quote
from jarvis.domain.people import AuditEntry, DeliveryState
from jarvis.store.db import Store
from jarvis.store.deliveries import Planned
from jarvis.store.records import AccountState, CommandKind
from jarvis.store.targets import Target
from jarvis.trading.events import CloseByHand, Severity
from tests.store.samples import ACCOUNT, BTC_USD, OTHER, OWNER, STRANGER, at, connect


async def notice(store: Store, state: DeliveryState, due: int) -> int:
    number = await store.add_notice(OWNER, "funds.arrived", Severity.INFO, "5 USD came in.", at(1))
    await store.plan(OWNER, number, [Planned("t1", state, at(due))], at(1))
    return number


async def test_an_empty_installation_has_nothing_to_tell(store: Store) -> None:
    vitals = await store.vitals(at(0))

    assert (vitals.connected, vitals.unserved, vitals.workers, vitals.feeds) == (0, 0, (), ())
    assert [(queue.name, queue.waiting, queue.oldest) for queue in vitals.queues] == [
        ("wishes", 0, None),
        ("commands", 0, None),
        ("notices", 0, None),
        ("deliveries", 0, None),
    ]
    assert vitals.database.kind == ("PostgreSQL" if store.is_postgresql else "SQLite")
    assert vitals.database.size > 0
    assert (vitals.database.free is None) == store.is_postgresql
    assert vitals.database.revision
    assert (vitals.backed_up_at, vitals.verified_at, vitals.entries_blocked) == (None, None, "")


async def test_who_serves_whom_is_counted_and_who_is_served_by_nobody(store: Store) -> None:
    await connect(store)
    await connect(store, OTHER, STRANGER)
    await store.release_lease(OTHER, "worker-1", 1)
    (held,) = (await store.vitals(at(0))).workers

    vitals = await store.vitals(at(0))

    assert (held.name, held.accounts) == ("worker-1", 1)
    assert (vitals.connected, vitals.unserved) == (2, 1)
    assert vitals.states == {AccountState.DISARMED: 2}
    assert (await store.vitals(held.until + timedelta(seconds=1))).unserved == 2


async def test_feeds_are_told_by_their_quotes_and_a_sandbox_by_its_own_clock(store: Store) -> None:
    await connect(store)
    sandbox = VenueName("kraken-sandbox")
    await store.record_quotes(sandbox, [Quote(BTC_USD, Decimal(1), Decimal(2), Decimal(1), at(40))])
    await store.record_quotes(VenueName("okx"), [Quote(BTC_USD, Decimal(1), Decimal(2), Decimal(1), at(70))])
    await store.record_status(ACCOUNT, "{}", at(45))

    (feed,) = (await store.vitals(at(0))).feeds

    assert (feed.venue, feed.environment, feed.accounts, feed.pairs) == ("kraken", Environment.SANDBOX, 1, 1)
    assert (feed.newest, feed.oldest, feed.clock) == (at(40), at(40), at(45))


async def test_minutes_that_nobody_recorded_are_counted_for_the_latest_day(store: Store) -> None:
    await connect(store)
    sandbox, minute, price = VenueName("kraken-sandbox"), timedelta(minutes=1), Decimal(1)
    opened = [at(0) - timedelta(days=3), *(at(0) - number * minute for number in (1, 2, 3, 7, 9))]
    bars = [Bar(BTC_USD, minute, each, price, price, price, price, price) for each in opened]
    await store.record_bars(sandbox, bars)
    await store.record_quotes(sandbox, [Quote(BTC_USD, price, price, price, at(0))])

    (feed,) = (await store.vitals(at(0))).feeds

    assert feed.missing == 4


async def test_what_waits_is_counted_since_its_oldest(store: Store) -> None:
    await connect(store)
    first = await store.enqueue_command(OWNER, ACCOUNT, CommandKind.PAUSE, at=at(1))
    await store.enqueue_command(OWNER, ACCOUNT, CommandKind.FLATTEN, at=at(9))
    wish = await store.enqueue_wish(OWNER, ACCOUNT, CloseByHand(at(4), BTC_USD), key="close", at=at(4))
    hook = Target("t1", OWNER, "webhook", "a room", "a.example", at(0), confirmed_at=at(0))
    noted = AuditEntry("target.added", at(0), OWNER, OWNER)
    await store.add_target(hook, noted)
    await notice(store, DeliveryState.HELD, 2)
    await notice(store, DeliveryState.WAITING, 8)
    lost = await notice(store, DeliveryState.WAITING, 3)
    await store.add_notice(OWNER, "funds.arrived", Severity.INFO, "6 USD came in.", at(7))
    await store.note_failed("t1", [lost], "gone", at(5), None)

    wishes, commands, notices, deliveries = (await store.vitals(at(10))).queues

    assert (commands.waiting, commands.oldest) == (2, at(1))
    assert (wishes.waiting, wishes.oldest) == (1, at(4))
    assert (notices.waiting, notices.oldest) == (2, at(0)), "the first tells of the receiver itself"
    assert (deliveries.waiting, deliveries.oldest, deliveries.failed) == (1, at(8), 1)
    assert first is not None
    assert wish is not None
    await store.claim_command(wish)
    assert (await store.vitals(at(10))).queues[0].waiting == 1, "its trader has it, and has not answered"
    await store.finish_command(first, "done")
    assert (await store.vitals(at(10))).queues[1].waiting == 1


async def test_the_last_backup_and_the_brake_are_told(store: Store) -> None:
    for second in (5, 50):
        await store.note(AuditEntry("backup.made", at(second), "cli"))
    await store.note(AuditEntry("backup.verified", at(55), "cli"))
    await store.block_entries("we look first", AuditEntry("entries.blocked", at(60), "cli"))

    vitals = await store.vitals(at(70))

    assert (vitals.backed_up_at, vitals.verified_at) == (at(50), at(55))
    assert vitals.entries_blocked == "we look first"


async def test_settled_deliveries_are_forgotten_after_a_while_and_waiting_ones_never(store: Store) -> None:
    await connect(store)
    hook = Target("t1", OWNER, "webhook", "a room", "a.example", at(0), confirmed_at=at(0))
    await store.add_target(hook, AuditEntry("target.added", at(0), OWNER, OWNER))
    sent, lost = await notice(store, DeliveryState.WAITING, 2), await notice(store, DeliveryState.WAITING, 2)
    await notice(store, DeliveryState.WAITING, 2)
    await store.note_sent("t1", [sent], at(3))
    await store.note_failed("t1", [lost], "gone", at(9), None)

    assert await store.prune_deliveries(at(3), failed_before=at(3)) == 0
    assert await store.prune_deliveries(at(5), failed_before=at(5)) == 1
    assert await store.prune_deliveries(at(100), failed_before=at(9)) == 0, "what failed is looked at longer"
    assert await store.prune_deliveries(at(100), failed_before=at(100)) == 1
    assert len(await store.due(at(100))) == 1
