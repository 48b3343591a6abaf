"""Lists: what a wish picks, that pages neither repeat nor skip, and whose rows they are."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import OrderRole, OrderStatus, PositionId
from jarvis.domain.people import AuditEntry
from jarvis.domain.position import NOTHING_REALISED
from jarvis.ledger.journal import Account, EntryKind, entry_for_fill, entry_for_row
from jarvis.store.db import Store
from jarvis.store.listing import Page, Wish
from jarvis.trading.events import Severity
from tests.store.samples import (
    ACCOUNT,
    BTC_USD,
    FENCE,
    OWNER,
    STRANGER,
    at,
    closed,
    connect,
    deposit,
    fill,
    open_position,
    opened,
    order,
    row,
    sent,
)


async def _orders(store: Store, count: int = 7) -> None:
    await connect(store)
    for number in range(1, count + 1):
        one = order(number, created_at=at(number // 2))  # two of one instant: the id decides
        await store.record_intent(ACCOUNT, one, FENCE)
        if number % 3 == 0:
            await store.record_order(ACCOUNT, replace(sent(one), status=OrderStatus.UNKNOWN))


async def _ids(store: Store, wish: Wish) -> list[str]:
    return [each.client_order_id for each in (await store.list_orders(OWNER, ACCOUNT, wish)).rows]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["made", "pair", "state", "no such order"])
async def test_pages_are_the_whole_list_in_its_order(store: Store, sort: str, descending: bool) -> None:
    await _orders(store)
    wish = Wish(sort=sort, descending=descending, limit=2)
    whole = await _ids(store, replace(wish, limit=100))

    seen, page = [], await store.list_orders(OWNER, ACCOUNT, wish)
    while True:
        seen += [each.client_order_id for each in page.rows]
        if page.after is None:
            break
        page = await store.list_orders(OWNER, ACCOUNT, replace(wish, after=page.after))

    assert seen == whole
    assert len(set(seen)) == 7
    assert page.count == 7


async def test_what_is_written_meanwhile_neither_repeats_nor_skips_a_row(store: Store) -> None:
    await _orders(store)
    first = await store.list_orders(OWNER, ACCOUNT, Wish(limit=3))
    await store.record_intent(ACCOUNT, order(90, created_at=at(90)), FENCE)

    rest = await store.list_orders(OWNER, ACCOUNT, Wish(limit=100, after=first.after))

    ids = [each.client_order_id for each in (*first.rows, *rest.rows)]
    assert ids == [f"jx{number:07d}" for number in range(7, 0, -1)]


async def test_orders_are_filtered_and_searched(store: Store) -> None:
    await _orders(store)
    stop = order(50, role=OrderRole.STOP, side=Side.SELL, created_at=at(500))
    await store.record_intent(ACCOUNT, stop, FENCE)

    assert await _ids(store, Wish(chosen={"state": "unknown"})) == ["jx0000006", "jx0000003"]
    assert await _ids(store, Wish(chosen={"role": "stop", "pair": "BTC/USD"})) == ["jx0000050"]
    assert await _ids(store, Wish(chosen={"pair": "ETH/USD"})) == []
    assert await _ids(store, Wish(chosen={"no such filter": "x", "state": ""}, search="X0000050")) == ["jx0000050"]
    assert await _ids(store, Wish(search="%")) == []
    assert await _ids(store, Wish(since=at(3), until=at(500))) == ["jx0000007", "jx0000006"]
    assert (await store.list_orders(OWNER, ACCOUNT, Wish(search="0000050", counted=False))).count is None


@pytest.mark.parametrize("after", [("", ""), ("2026-03-01", "x"), ("no time", "1"), ("2026-03-01T00:00:00", "1")])
async def test_a_place_that_no_page_told_is_the_beginning(store: Store, after: tuple[str, str]) -> None:
    await _orders(store)

    assert len(await _ids(store, Wish(after=after))) == 7


async def test_a_number_beyond_every_row_is_the_beginning(store: Store) -> None:
    await connect(store)
    await store.record_activity(ACCOUNT, "said", "info", "One.", at=at(0))

    for after in (("9" * 30, "1"), ("-1", "1")):
        assert len((await store.list_activities(OWNER, ACCOUNT, Wish(after=after))).rows) == 1


async def _traded(store: Store) -> None:
    """A deposit, a position over two days, rollover that came late, coins, and a position that is open."""
    await connect(store)
    await store.record_ledger_row(ACCOUNT, *deposit(100, "10000", "10000", at(-60)))
    story = await open_position(store)
    last = fill(2, side=Side.SELL, price="58400.3", fee="11.68", order_number=2, when=at(90_000))
    ended, entry = closed(story, last)
    await store.record_fill(ACCOUNT, last, entry, None, ended)
    shown = row(3, ref=last.fill_id, amount="-799.85", fee="11.68", balance="9168.6244", when=at(90_001))
    await store.record_ledger_row(
        ACCOUNT, shown, entry_for_row(shown, last, story.booked(last)[1], position_id=story.position_id)
    )
    late = row(2, kind=LedgerKind.ROLLOVER, fee="1.5", balance="9980.1544", when=at(30))
    await store.record_ledger_row(ACCOUNT, late, entry_for_row(late, fill(), position_id=story.position_id))
    coin = replace(deposit(300, "2", "2", at(86_400 * 5))[0], asset=Asset("BTC"))
    await store.record_ledger_row(ACCOUNT, coin, entry_for_row(coin, None))
    second = fill(5, when=at(86_400 * 6), order_number=5)
    another = PositionId("p5")
    entry = entry_for_fill(second, NOTHING_REALISED, another)
    await store.record_fill(ACCOUNT, second, entry, None, replace(opened(second), position_id=another))


async def test_the_ledger_runs_in_the_order_of_what_happened(store: Store) -> None:
    await _traded(store)

    page = await store.list_ledger(OWNER, ACCOUNT, Wish(descending=False))

    dollars = [line.balances[USD] for line in page.rows if USD in line.balances]
    assert dollars == [Decimal(text) for text in ("10000", "9981.6544", "9980.1544", "9168.6244")]
    assert [line.entry.at for line in page.rows] == sorted(line.entry.at for line in page.rows)
    assert {line.entry for line in page.rows} == set(await store.entries(OWNER, ACCOUNT))
    assert page.rows[0].row_id == "LAAAAA-BBBBB-000100"


async def test_a_balance_is_the_same_on_every_page_and_under_every_filter(store: Store) -> None:
    await _traded(store)
    whole = {line.entry_id: line for line in (await store.list_ledger(OWNER, ACCOUNT, Wish())).rows}

    wish, after = Wish(limit=1), None
    for _ in whole:
        page = await store.list_ledger(OWNER, ACCOUNT, replace(wish, after=after))
        after = page.after
        assert page.rows[0] == whole[page.rows[0].entry_id]
    for chosen in ({"asset": "BTC"}, {"kind": "rollover"}, {"asset": "USD", "kind": "settlement"}):
        some = await store.list_ledger(OWNER, ACCOUNT, Wish(chosen=chosen))
        assert some.rows
        assert all(whole[line.entry_id] == line for line in some.rows), chosen
    rollover = await store.list_ledger(OWNER, ACCOUNT, Wish(chosen={"kind": "rollover"}))
    assert [line.entry.kind for line in rollover.rows] == [EntryKind.ROLLOVER]
    assert rollover.rows[0].entry.amount(Account.ROLLOVER, USD) == Decimal("1.5")
    assert await store.assets_booked(OWNER, ACCOUNT) == ["BTC", "USD"]


async def test_positions_carry_their_result_and_sort_by_it(store: Store) -> None:
    await _traded(store)

    page = await store.list_positions(OWNER, ACCOUNT, Wish(sort="result", descending=False))
    worst, best = page.rows

    assert worst.story.is_closed
    assert worst.result == Decimal("9168.6244") - 10000
    assert best.result == Decimal("-12.3456")
    for state, ids in (("open", ["p5"]), ("closed", ["p1"]), ("sideways", [])):
        found = await store.list_positions(OWNER, ACCOUNT, Wish(chosen={"state": state}))
        assert [each.story.position_id for each in found.rows] == ids
        assert found.count == len(ids)
    for sort in ("opened", "closed", "pair", "result"):
        first = await store.list_positions(OWNER, ACCOUNT, Wish(sort=sort, limit=1))
        second = await store.list_positions(OWNER, ACCOUNT, Wish(sort=sort, limit=1, after=first.after))
        assert {first.rows[0].story.position_id, second.rows[0].story.position_id} == {"p1", "p5"}, sort


async def test_activities_audit_and_notices_are_lists_too(store: Store) -> None:
    await connect(store)
    for number, severity in enumerate(("info", "warning", "critical")):
        await store.record_activity(ACCOUNT, "said", severity, f"Message {number}.", at=at(number), pair=BTC_USD)
        told = await store.add_notice(OWNER, "key.expired", Severity(severity), f"Notice {number}.", at(number))
        if number == 0:
            await store.mark_seen(OWNER, at(9), up_to=told)
        await store.note(AuditEntry("key.connected", at(number), OWNER, OWNER, ACCOUNT, {"venue": f"v{number}"}))

    activities = await store.list_activities(OWNER, ACCOUNT, Wish(chosen={"severity": "critical"}, search="message"))
    notices = await store.list_notices(OWNER, Wish(chosen={"seen": "new", "kind": "key.expired"}, until=at(2)))
    lines = await store.list_audit(OWNER, Wish(search="v1", chosen={"kind": "key.connected", "account": ACCOUNT}))

    assert [each.message for each in activities.rows] == ["Message 2."]
    assert [each.message for each in notices.rows] == ["Notice 1."]
    assert [line.details for line in lines.rows] == [{"venue": "v1"}]
    assert (await store.list_notices(OWNER, Wish(chosen={"seen": "never"}))).rows == ()


async def test_a_strangers_lists_are_empty(store: Store) -> None:
    await _traded(store)
    await store.record_activity(ACCOUNT, "said", "info", "Mine.", at=at(0))
    await store.add_notice(OWNER, "key.expired", Severity.INFO, "Mine.", at(0))
    await store.note(AuditEntry("key.connected", at(0), OWNER, OWNER, ACCOUNT, {}))
    reads: list[Callable[[], Awaitable[Page[object]]]] = [
        lambda: store.list_orders(STRANGER, ACCOUNT, Wish()),
        lambda: store.list_positions(STRANGER, ACCOUNT, Wish()),
        lambda: store.list_ledger(STRANGER, ACCOUNT, Wish()),
        lambda: store.list_activities(STRANGER, ACCOUNT, Wish()),
        lambda: store.list_audit(STRANGER, Wish()),
        lambda: store.list_notices(STRANGER, Wish()),
    ]

    for read in reads:
        page = await read()
        assert (page.rows, page.count, page.after) == ((), 0, None)
    assert await store.assets_booked(STRANGER, ACCOUNT) == []


async def test_days_without_entries_between_do_not_disturb_the_balance(store: Store) -> None:
    await connect(store)
    cash = Decimal(0)
    for number in range(40):
        cash += number + 1
        when = at(number * 86_400 * (1 + number % 3))
        await store.record_ledger_row(ACCOUNT, *deposit(number, str(number + 1), str(cash), when))

    page = await store.list_ledger(OWNER, ACCOUNT, Wish(limit=100, descending=False))

    running = Decimal(0)
    for line in page.rows:
        running += line.entry.amount(Account.CASH, USD)
        assert line.balances == {USD: running}
    assert page.rows[-1].entry.at - page.rows[0].entry.at > timedelta(days=80)
