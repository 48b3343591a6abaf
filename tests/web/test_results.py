"""Where the money came from: groups that add up to the whole, and money that never adds to other money."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.domain.money import ZERO
from jarvis.ledger.statements import DaySum, Part, day_of, exact_sum
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance
from jarvis.web.books.results import Result, groups_of
from jarvis.web.books.worth import held_of, totals_of
from jarvis.web.connecting.account import card_of
from tests.support.months import write_months
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER
from tests.web.test_desk import words

START = datetime(2026, 8, 3, 9, tzinfo=UTC)
WAYS = ("pair", "strategy", "venue", "day", "month")


@pytest.fixture
async def traded(store: Store, account: AccountId) -> AccountId:
    """The owner's account with two months of trading before its day."""
    await write_months(store, account, positions=60, start=START, apart=timedelta(hours=19))
    return account


async def _results(store: Store, account_id: AccountId) -> list[Result]:
    person = await store.person_by_email(OWNER)
    assert person is not None
    account = await store.account(person.user_id, account_id)
    assert account is not None
    return [Result(account, one) for one in await store.position_results(person.user_id, account_id)]


@pytest.mark.parametrize("by", WAYS)
async def test_groups_add_up_to_all_that_positions_earned(store: Store, traded: AccountId, by: str) -> None:
    results = await _results(store, traded)

    groups = groups_of(results, by)

    assert exact_sum(group.sum.total for group in groups) == exact_sum(one.one.waterfall.total for one in results)
    assert sum(group.positions for group in groups) == len(results) == 63
    assert sum(group.closed for group in groups) == 61
    assert len({group.key for group in groups}) == len(groups)
    for group in groups:
        assert 0 <= group.won <= group.closed


async def test_play_money_never_adds_to_money_nor_one_asset_to_another(store: Store, traded: AccountId) -> None:
    one = (await _results(store, traded))[0]
    live = replace(one, account=replace(one.account, environment=Environment.LIVE))
    other = replace(one, one=replace(one.one, waterfall=replace(one.one.waterfall, asset=samples.ETH_USDT.quote)))

    groups = groups_of([one, one, live, other], "pair")

    assert [(group.environment, group.asset, group.positions) for group in groups] == [
        ("live", "USD", 1), ("sandbox", "USD", 2), ("sandbox", "USDT", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("by", WAYS)
async def test_the_page_and_its_file_tell_the_same_sum(
    owner: Browser, store: Store, traded: AccountId, by: str
) -> None:
    for path in ("/desk/results", f"/desk/{traded}/results"):
        page = await owner.get(f"{path}/{by}")
        rows = list(csv.DictReader(io.StringIO((await owner.get(f"{path}/{by}?format=csv")).text)))

        assert page.status == 200
        assert "Where the money came from" in page.text
        total = exact_sum(one.one.waterfall.total for one in await _results(store, traded))
        assert exact_sum(Decimal(row["result"]) for row in rows) == total


async def test_results_are_filtered_by_day_and_by_what_is_not_told_apart(owner: Browser, traded: AccountId) -> None:
    answer = await owner.get(
        f"/desk/{traded}/results/day?format=csv&since=2026-08-10&until=2026-08-20&pair=ETH/USD&order=at-up"
    )
    days = [row["group"] for row in csv.DictReader(io.StringIO(answer.text))]

    assert days == sorted(days)
    assert days[0] >= "2026-08-10"
    assert days[-1] <= "2026-08-20"
    page = words((await owner.get(f"/desk/{traded}/results/pair?pair=ETH/USD")).text)
    assert "BTC/USD" in page  # the pair is what is told apart here, and no filter


@pytest.mark.parametrize("path", ["results/colour", "results/pair/x"])
async def test_what_results_cannot_be_told_apart_by_is_not_found(owner: Browser, account: AccountId, path: str) -> None:
    assert (await owner.get(f"/desk/{account}/{path}")).status == 404
    assert (await owner.get(f"/desk/{path}")).status == 404


async def test_balances_of_all_venues_stand_together(owner: Browser, store: Store, traded: AccountId) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    await day.lived_on_borrowed_money(store, person.user_id, VenueName("okx"))

    text = words((await owner.get("/desk/ledger")).text)
    rows = list(csv.DictReader(io.StringIO((await owner.get("/desk/ledger?format=csv")).text)))

    assert {(row["asset"], row["venue"]) for row in rows} >= {("USD", "Kraken"), ("ETH", "OKX"), ("USDT", "OKX")}
    dollars = next(row for row in rows if row["asset"] == "USD")
    cash = exact_sum(
        posting.amount
        for entry in await store.entries(person.user_id, traded)
        for posting in entry.postings
        if (posting.account.value, posting.asset) == ("cash", "USD")
    )
    assert Decimal(dollars["cash"]) == cash
    assert "Booked cash by asset" in text
    some = list(csv.DictReader(io.StringIO((await owner.get("/desk/ledger?format=csv&search=okx")).text)))
    assert {row["venue"] for row in some} == {"OKX"}


async def test_somebody_without_accounts_is_told_where_to_begin(stranger: Browser, account: AccountId) -> None:
    for path in ("/desk/ledger", "/desk/results"):
        page = await stranger.get(path)
        assert page.status == 200
        assert 'class="empty"' in page.text
    assert (await stranger.get(f"/desk/{account}/results")).status == 404


async def test_a_balance_is_held_against_what_the_venue_said(store: Store, traded: AccountId) -> None:
    account = (await _results(store, traded))[0].account
    dollar, coin = samples.BTC.quote, samples.BTC.base
    sums = [
        DaySum(day_of(START), Part.PAID_IN, dollar, Decimal(10)),
        DaySum(day_of(START), Part.CLEARING, dollar, Decimal(-2)),
        DaySum(day_of(START), Part.PAID_IN, coin, Decimal(1)),
        DaySum(day_of(START), Part.PAID_OUT, coin, Decimal(-1)),
    ]
    said = ComparedBalance(dollar, Decimal(7), Decimal(7), ZERO, ZERO, Decimal(8), START)

    (line,) = held_of(card_of(account), sums, [said])

    assert (line.cash, line.clearing, line.at_venue, line.difference) == (
        Decimal(8),
        Decimal(2),
        Decimal(7),
        Decimal(1),
    )
    assert totals_of([line, line]) == [("sandbox", [(dollar, Decimal(16), 2)])]
