"""A position's page: its waterfall against the ledger, its beginning, and the picture of its life."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.journal import Account, Entry, EntryKind, Posting
from jarvis.store.db import Store
from jarvis.store.records import PositionRecord, feed_name
from jarvis.web.books.story import decision_of, proofs_of
from jarvis.web.desk.lifechart import HEIGHT, POINTS, WIDTH, instants, life_chart
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER
from tests.web.test_desk import words

BEGIN = datetime(2026, 11, 21, 8, 0, 30, tzinfo=UTC)


async def _records(store: Store, account: AccountId) -> list[PositionRecord]:
    person = await store.person_by_email(OWNER)
    assert person is not None
    closed = await store.closed_positions(person.user_id, account)
    return [*closed, *await store.open_positions(person.user_id, account)]


async def test_every_waterfall_is_the_ledgers_sum_to_the_last_digit(store: Store, account: AccountId) -> None:
    records = await _records(store, account)

    assert len(records) == 3
    for record in records:
        (proof,) = proofs_of(record)
        assert proof.difference == ZERO
        assert proof.result == proof.cash + proof.clearing + proof.held == record.waterfall().total
        assert sum((bar.value for bar in proof.bars[:-1]), ZERO) == proof.bars[-1].value


async def test_a_waterfall_that_leaves_something_out_shows_it(store: Store, account: AccountId) -> None:
    record = (await _records(store, account))[0]
    proof = proofs_of(record)[0]

    assert replace(proof, result=proof.result + 1).difference == 1


async def test_a_fee_in_a_third_asset_has_a_waterfall_of_its_own(store: Store, account: AccountId) -> None:
    record = (await _records(store, account))[0]
    coin = Asset("BNB")
    postings = (Posting(Account.CASH, coin, Decimal("-0.01")), Posting(Account.TRADING_FEE, coin, Decimal("0.01")))
    charge = Entry(EntryKind.FILL, BEGIN, "T9", record.story.position_id, samples.BTC, postings)

    first, second = proofs_of(replace(record, entries=(*record.entries, charge)))

    assert first.asset == "USD"
    assert (second.asset, second.result, second.cash, second.difference) == (
        coin, Decimal("-0.01"), Decimal("-0.01"), ZERO,
    )  # fmt: skip


async def test_the_page_shows_the_ledgers_sum_beside_and_the_decision_first(owner: Browser, account: AccountId) -> None:
    text = words((await owner.get(f"/desk/{account}/positions/BTC-0")).text)

    for said in ("Against the ledger", "sum, 2 entries", "Difference 0 USD", "Held for 2 h"):
        assert said in text, said
    assert text.index("decided to buy BTC.") < text.index("Entry order")


async def test_coins_at_cost_are_no_result_of_their_own(owner: Browser, store: Store) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    borrowed = await day.lived_on_borrowed_money(store, person.user_id, VenueName("okx"))

    page = await owner.get(f"/desk/{borrowed}/positions/ETH-1")

    assert page.status == 200
    assert "In what is held, at cost" in page.text
    assert "cent went, in ETH" not in page.text


async def test_a_decision_without_orders_is_told_at_the_opening(store: Store, account: AccountId) -> None:
    record = (await _records(store, account))[0]

    line = decision_of(replace(record, orders=()))

    assert line.at == record.story.opened_at
    assert [label for _, _, label in line.facts] == ["price then", "stop distance", "target distance"]


@pytest.mark.parametrize("life", [timedelta(0), timedelta(minutes=30), timedelta(hours=30), timedelta(days=90)])
def test_a_life_of_any_length_is_looked_up_at_few_whole_minutes_around_it(life: timedelta) -> None:
    found = instants(BEGIN, BEGIN + life)

    assert 5 < len(found) <= POINTS + 2
    assert all(each.second == each.microsecond == 0 for each in found)
    assert found[0] < BEGIN
    assert found[-1] >= BEGIN + life
    assert len({after - before for before, after in pairwise(found)}) == 1


def test_a_picture_holds_all_its_marks_and_has_none_without_prices() -> None:
    story, opening, closing = samples.closed_story()
    closes = [(story.opened_at + timedelta(minutes=n), Decimal(90500 + n)) for n in range(60)]

    chart = life_chart(closes, [opening, closing], Decimal(90800), Decimal(90300))

    assert chart is not None
    assert [mark.is_entry for mark in chart.marks] == [True, False]
    for mark in chart.marks:
        tip = [int(part) for part in mark.points.split()[0].split(",")]
        assert 0 <= tip[0] <= WIDTH
        assert 0 <= tip[1] <= HEIGHT
    assert (chart.low, chart.high) == (Decimal(90500), Decimal(90559))
    assert life_chart(closes[:1], [opening], None, None) is None
    flat = life_chart([(at, Decimal(5)) for at, _ in closes], [], None, None)
    assert flat is not None
    assert flat.path.startswith(f"M14 {HEIGHT // 2}L")


async def test_the_closes_are_those_of_the_minutes_asked_for(store: Store, account: AccountId) -> None:
    del account
    feed = feed_name(day.KRAKEN, Environment.SANDBOX)
    bars = samples.bars()
    asked = [bars[10].opened_at, bars[3].opened_at, BEGIN]

    found = await store.closes(feed, samples.BTC, timedelta(minutes=1), asked)

    assert found == [(bars[3].opened_at, bars[3].close), (bars[10].opened_at, bars[10].close)]
