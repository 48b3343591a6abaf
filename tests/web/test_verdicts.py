"""Verdicts on the pages: asked of the real command line on recorded candles, kept, shown in words, and cancelled."""

from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.domain.market import Bar
from jarvis.market.history import add_bars
from jarvis.store.db import Store
from jarvis.web.jobs import Jobs
from jarvis.web.research.candles import finest, recorded
from jarvis.web.security import WebSettings
from tests.web.client import Browser
from tests.web.crowd import VERDICT_OF_ADA, add_verdict, verdict_of
from tests.web.test_desk import owner_id, words
from tests.web.test_trading_arming import LINE, live

__all__ = ["live"]  # a fixture

PAGE = "/research/verdicts"


@pytest.fixture
def settings(settings: WebSettings, tmp_path: Path) -> WebSettings:
    """The pages' settings, with a folder for what this installation records."""
    return changed(settings, data_dir=tmp_path)


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Some weeks of a coin in quarters of an hour."""
    random = np.random.default_rng(5)
    closes = 60_000 * np.exp(np.cumsum(random.normal(0, 0.002, 2_000)))
    start, step = datetime(2026, 9, 1, tzinfo=UTC), timedelta(minutes=15)
    bars = []
    for number, close in enumerate(closes):
        price = Decimal(f"{close:.1f}")
        bars.append(Bar(LINE.pair, step, start + number * step, price, price + 40, price - 40, price, Decimal(1)))
    add_bars(tmp_path, "kraken", LINE.pair, step, bars, "2026-11-01T00:00:00+00:00")
    return tmp_path


def test_the_smallest_candles_that_fit_are_chosen(candles: Path) -> None:
    found = recorded(candles)

    assert [each.title for each in found] == ["BTC, candles of 15m from kraken"]
    assert finest(found, "BTC", timedelta(hours=4)) == found[0]
    assert finest(found, "BTC", timedelta(minutes=20)) is None
    assert finest(found, "ETH", timedelta(hours=4)) is None
    assert recorded(None) == []


async def test_a_verdict_is_told_in_words(owner: Browser, account: AccountId, store: Store) -> None:
    person = await owner_id(store)
    kept = verdict_of(person, datetime(2026, 11, 20, tzinfo=UTC), LINE, is_well=False)
    await add_verdict(store, person, kept)

    page = await owner.get(f"{PAGE}/{VERDICT_OF_ADA}")
    listed = await owner.get(PAGE)

    assert page.status == 200
    assert "Do not trade it with real money like this." in page.text
    assert "Does it survive doubled costs? Not well It was asked." in words(page.text)
    assert "Donchian breakout BTC Not like this Does it survive doubled costs?" in words(listed.text)


async def test_whoever_asks_is_answered_by_the_very_command(
    owner: Browser, live: AccountId, candles: Path, store: Store, app: FastAPI
) -> None:
    jobs: Jobs = app.state.jobs
    begun = await owner.submit(PAGE, {"account": live, "pair": "BTC/USD"})
    person = await owner_id(store)
    (job,) = jobs.of(person)
    await jobs.over(job)
    (kept,) = await store.verdicts_of(person)
    page = await owner.get(f"{PAGE}/{kept.judgement.verdict_id}")
    arming = words((await owner.get(f"/account/{live}/trading")).text)

    assert (begun.status, job.problem, job.file) == (303, "", None)
    assert begun.header("location") == f"/account/jobs/{job.job_id}"
    assert len(kept.findings) == 7
    assert kept.asked["pairs"] == ["BTC/USD"]
    assert "7 answers" in page.text
    assert not kept.judgement.is_well, "a random walk earns nothing"
    assert "speaks against it" in arming
    assert (await owner.get(f"/account/jobs/{job.job_id}")).header("location") == f"{PAGE}?said=asked"


async def test_asking_can_be_cancelled_and_keeps_nothing(
    owner: Browser, live: AccountId, candles: Path, store: Store, app: FastAPI
) -> None:
    jobs: Jobs = app.state.jobs
    await owner.submit(PAGE, {"account": live, "pair": "BTC/USD"})
    (job,) = jobs.of(await owner_id(store))

    await owner.submit(f"/account/jobs/{job.job_id}/cancel", {}, page=PAGE)
    await jobs.over(job)

    assert job.state.value == "cancelled"
    assert await store.verdicts_of(await owner_id(store)) == []


async def test_without_candles_the_page_says_how_to_get_some(owner: Browser, live: AccountId) -> None:
    page = await owner.get(PAGE)
    answer = await owner.submit(PAGE, {"account": live, "pair": "BTC/USD"})

    assert "No candles of BTC are recorded here" in words(page.text)
    assert answer.status == 422
    assert "There are no recorded candles of BTC to ask on." in answer.text


async def test_nobody_asks_about_an_account_of_somebody_else(
    stranger: Browser, live: AccountId, candles: Path, store: Store
) -> None:
    kept = verdict_of(await owner_id(store), datetime(2026, 11, 20, tzinfo=UTC), LINE)
    await add_verdict(store, await owner_id(store), kept)

    answer = await stranger.submit(PAGE, {"account": live, "pair": "BTC/USD"})

    assert answer.status == 404
    assert (await stranger.get(f"{PAGE}/{VERDICT_OF_ADA}")).status == 404
    assert "Donchian" not in (await stranger.get(PAGE)).text
