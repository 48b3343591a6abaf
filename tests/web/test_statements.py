"""Statements: what a period shows, that it adds up in the files, and which periods there are."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest

from jarvis.domain.account import AccountId, VenueName
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.ledger.statements import DaySum, Part
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance
from jarvis.web.books.statements import sheets_of, span_of, statement_of
from tests.support.months import write_months
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER
from tests.web.test_desk import words

START = datetime(2026, 8, 3, 9, tzinfo=UTC)


@pytest.fixture
async def traded(store: Store, account: AccountId) -> AccountId:
    """The owner's account with two months of trading before its day."""
    await write_months(store, account, positions=60, start=START, apart=timedelta(hours=19))
    return account


async def _lines(browser: Browser, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((await browser.get(address)).text)))


async def test_a_file_of_all_months_adds_up_from_one_to_the_next(owner: Browser, traded: AccountId) -> None:
    lines = await _lines(owner, f"/desk/{traded}/statements?format=csv&order=at-up")

    closing: dict[str, Decimal] = {}
    months = []
    for (period, asset), group in groupby(lines, key=lambda line: (line["period"], line["asset"])):
        amounts = [(line["line"], Decimal(line["amount"])) for line in group]
        assert amounts[0] == ("opening_balance", closing.get(asset, ZERO))
        assert amounts[-1][0] == "closing_balance"
        assert sum((amount for _, amount in amounts[:-1]), ZERO) == amounts[-1][1]
        closing[asset] = amounts[-1][1]
        months.append(period)
    assert months == ["2026-08", "2026-09", "2026-11"]


async def test_the_days_of_a_month_add_up_to_it(owner: Browser, traded: AccountId) -> None:
    month = await _lines(owner, f"/desk/{traded}/statements/2026-08?format=csv")
    sums: dict[str, Decimal] = {}
    for number in range(1, 32):
        for line in await _lines(owner, f"/desk/{traded}/statements/2026-08-{number:02d}?format=csv"):
            if not line["line"].endswith("_balance"):
                sums[line["line"]] = sums.get(line["line"], ZERO) + Decimal(line["amount"])

    assert {name: amount for name, amount in sums.items() if amount} == {
        line["line"]: Decimal(line["amount"]) for line in month if not line["line"].endswith("_balance")
    }


async def test_a_statement_names_its_account_its_period_and_when_it_was_made(owner: Browser, traded: AccountId) -> None:
    page = await owner.get(f"/desk/{traded}/statements/2026-08")
    text = words(page.text)

    for said in (
        "Statement, August 2026", "ada@example.org", "Kraken sandbox, key aB3k…uXvQ", "21 Nov 2026, 14:03:30 UTC",
        "UTC month from 2026-08-01 to before 2026-09-01", "Deposits and transfers in", "agrees to the last digit",
        "Opening balance 0 USD", "Day by day, in USD",
    ):  # fmt: skip
        assert said in text, said
    assert "still running" not in text
    assert "still running" in words((await owner.get(f"/desk/{traded}/statements/2026-11")).text)


async def test_a_period_without_entries_carries_the_balance_over(owner: Browser, traded: AccountId) -> None:
    lines = await _lines(owner, f"/desk/{traded}/statements/2026-10?format=csv")
    told = json.loads((await owner.get(f"/desk/{traded}/statements/2026-10?format=json")).text)

    assert [line["line"] for line in lines] == ["opening_balance", "closing_balance"]
    assert lines[0]["amount"] == lines[1]["amount"] == told["rows"][1]["amount"]
    assert told["list"] == "statement-kraken-2026-10"


async def test_months_are_paged_filtered_and_ordered(owner: Browser, traded: AccountId) -> None:
    text = (await owner.get(f"/desk/{traded}/statements")).text
    assert text.index("November 2026") < text.index("September 2026") < text.index("August 2026")

    some = (await owner.get(f"/desk/{traded}/statements?since=2026-09-10&until=2026-10-01")).text
    assert "September 2026" in some
    assert "August 2026" not in some
    assert "1 month" in words(some)


@pytest.mark.parametrize(
    "name",
    [
        "2026",
        "2026-13",
        "2026-02-30",
        "20260214",
        "2026-W07",
        "2026-2-1",
        "9999-12",
        "9999-12-31",
        "x",
        "2026-08-01T00",
    ],
)
async def test_what_is_no_period_is_not_found(owner: Browser, account: AccountId, name: str) -> None:
    assert span_of(name) is None
    assert (await owner.get(f"/desk/{account}/statements/{name}")).status == 404


@pytest.mark.parametrize("name", ["0001-01", "0001-01-01", "9999-11", "2028-02-29"])
async def test_the_edges_of_time_have_statements(owner: Browser, account: AccountId, name: str) -> None:
    assert (await owner.get(f"/desk/{account}/statements/{name}")).status == 200


@pytest.mark.parametrize("path", ["statements", "statements/2026-08", "statements/2026-08-03?format=csv"])
async def test_a_strangers_statements_are_not_there(stranger: Browser, account: AccountId, path: str) -> None:
    assert (await stranger.get(f"/desk/{account}/{path}")).status == 404


def test_many_assets_stand_in_tables_of_a_few() -> None:
    day = date(2026, 8, 3)
    sums = [DaySum(day, Part.PAID_IN, Asset(f"A{number}"), Decimal(number + 1)) for number in range(6)]
    span = span_of("2026-08")
    assert span is not None

    first, second = sheets_of(statement_of(sums, span))

    assert (first.assets, second.assets) == (("A0", "A1", "A2", "A3"), ("A4", "A5"))
    assert [words for words, _, _ in first.rows] == ["Opening balance", "Deposits and transfers in", "Closing balance"]
    assert first.rows[-1][1] == tuple(Decimal(number) for number in (1, 2, 3, 4))
    assert USD not in first.assets


async def test_a_wallets_statement_tells_coins_and_debts_and_where_its_proof_is(owner: Browser, store: Store) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None
    account = await day.lived_on_borrowed_money(store, person.user_id, VenueName("okx"))
    coin = ComparedBalance(Asset("ETH"), Decimal(-2), ZERO, Decimal(2), ZERO, Decimal(-2), samples.NOW)
    before = words((await owner.get(f"/desk/{account}/statements/2026-11-21")).text)
    await store.record_balances(account, [coin])

    lines = await _lines(owner, f"/desk/{account}/statements/2026-11-21?format=csv")
    text = words((await owner.get(f"/desk/{account}/statements/2026-11-21")).text)
    other = words((await owner.get(f"/desk/{account}/statements/2026-11-20")).text)

    for asset, group in groupby(lines, key=lambda line: line["asset"]):
        amounts = [Decimal(line["amount"]) for line in group]
        assert sum(amounts[:-1], ZERO) == amounts[-1], asset
    assert {line["asset"] for line in lines} == {"ETH", "USDT"}
    assert "Into positions at cost, or back" in text
    assert "agrees to the last digit" in text
    assert "There is nothing to hold it against" in other
    assert "There is nothing to hold it against" in before
