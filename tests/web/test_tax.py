"""The page for taxes: what it says sums to the books, and its files are for their owner after a proof."""

import csv
import io
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, VenueName
from jarvis.ledger.tax import results_of
from jarvis.store.db import Store
from tests.web import day
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, Time
from tests.web.crowd import person_of
from tests.web.test_factors import kinds

PAGE = "/account/tax"


async def download(person: Browser, **fields: str | list[str]) -> Answer:
    return await person.submit(
        f"{PAGE}/download", {"year": "2026", "method": "fifo", "pool": "position", **fields}, PAGE
    )


async def test_the_page_shows_the_year_and_says_how_it_reckons(owner: Browser, account: AccountId) -> None:
    page = await owner.get(f"{PAGE}?year=2026&method=hifo")

    assert page.status == 200
    for words in ("In USD", "Trading fees", "Rollover", "Result", "no tax advice", "HIFO", "BNB"):
        assert words in page.text


async def test_without_an_account_it_says_what_to_do(owner: Browser) -> None:
    assert "connect a venue first" in (await owner.get(PAGE)).text


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo"])
async def test_the_table_sums_to_the_journal(owner: Browser, account: AccountId, store: Store, method: str) -> None:
    ada = await person_of(store, OWNER)
    wallet = await day.lived_on_borrowed_money(store, ada.user_id, VenueName("binance"))

    answer = await download(owner, method=method, format="csv")

    assert answer.status == 200
    assert answer.header("content-disposition") == f'attachment; filename="jarvis-tax-2026-{method}.csv"'
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(answer.text)):
        sums[row["asset"]] += Decimal(row["amount"])
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for each in (account, wallet):
        for asset, amount in results_of(await store.entries(ada.user_id, each)).items():
            booked[asset] += amount
    assert {k: v for k, v in sums.items() if v} == {k: v for k, v in booked.items() if v}
    assert "tax.exported" in await kinds(store)


async def test_the_file_for_beancount_is_read_without_an_error(owner: Browser, account: AccountId) -> None:
    from beancount import loader

    answer = await download(owner, format="beancount")

    entries, errors, _ = loader.load_string(answer.text)
    assert errors == []
    assert len(entries) > 10
    assert "Assets:Kraken-sandbox:USD" in answer.text


async def test_other_peoples_accounts_are_not_there(stranger: Browser, owner: Browser, account: AccountId) -> None:
    refused = await download(stranger, account=[account])
    page = await stranger.get(f"{PAGE}?account={account}")

    assert refused.status == 404
    assert account not in page.text


async def test_a_file_needs_a_fresh_proof(owner: Browser, account: AccountId, time: Time) -> None:
    time.pass_by(timedelta(minutes=11))

    answer = await download(owner, format="csv")

    assert answer.status == 403
    assert "Confirm" in answer.text


async def test_another_year_and_nonsense_are_answered_calmly(app: FastAPI, owner: Browser, account: AccountId) -> None:
    for query in ("year=banana", "year=all&method=&pool=x", "account=nobody", "year=99999999999"):
        assert (await owner.get(f"{PAGE}?{query}")).status == 200
