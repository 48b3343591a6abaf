"""The desk over everything: what is held where, what protects it, and nothing added that is not the same money."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountId, Environment
from jarvis.domain.market import Quote
from jarvis.store.db import Store
from jarvis.store.records import AccountState, feed_name
from jarvis.trading.state import Block, Marks
from jarvis.venues.catalog import OKX
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, STRANGER, Time, share
from tests.web.test_desk import owner_id, words

PARTS = ("glance", "accounts", "held", "exposure", "whatif")


@pytest.fixture
async def borrowing(owner: Browser, store: Store, account: AccountId) -> AccountId:
    """A second account of the same person, in other money."""
    return await day.lived_on_borrowed_money(store, await owner_id(store), OKX)


async def test_with_one_account_the_desk_is_its_own_and_the_overview_a_link_away(
    owner: Browser, account: AccountId
) -> None:
    assert (await owner.get("/desk")).header("location") == f"/desk/{account}"
    assert 'href="/desk/all"' in (await owner.get(f"/desk/{account}")).text
    assert (await owner.get("/desk/all")).status == 200


async def test_with_several_accounts_the_desk_is_all_of_them(
    owner: Browser, account: AccountId, borrowing: AccountId
) -> None:
    assert (await owner.get("/desk")).header("location") == "/desk/all"

    page = await owner.get("/desk/all")

    for each in (account, borrowing):
        assert f'href="/desk/{each}"' in page.text
    text = words(page.text)
    for said in ("Kraken", "OKX", "283 %", "790 %", "comfortable", "call 80 %, liquidation 40 %", "not proved"):
        assert said in text, said


async def test_different_money_stands_side_by_side_and_is_never_added(owner: Browser, borrowing: AccountId) -> None:
    text = words((await owner.get("/desk/all")).text)

    assert "25,312.45 USD" in text
    assert "9,876.54 USDT" in text
    assert "35,188" not in text
    assert "Never added: a USDT is not a dollar" in text


async def test_live_and_sandbox_money_of_one_kind_are_two_sums(
    owner: Browser, store: Store, account: AccountId
) -> None:
    live = await day.connect(store, await owner_id(store), Environment.LIVE, number=3)
    await store.record_equity(live, samples.margin(equity="1000"))

    text = words((await owner.get("/desk/all")).text)

    assert "Equity, live 1,000.00 USD" in text
    assert "Equity, sandbox 25,312.45 USD" in text
    assert "26,312" not in text


async def test_the_five_answers_are_there_at_once(owner: Browser, borrowing: AccountId) -> None:
    glance = words((await owner.get("/desk/all/part/glance")).text)

    for said in (
        "3 open positions", "2 of 3 protected", "weakest: SOL/USD at Kraken, stop not proved", "0.00072 ETH",
        "7.215 USD", "119.8 % away", "ETH/USDT at OKX", "not enough candles yet", "5 orders",
    ):  # fmt: skip
        assert said in glance, said


async def test_the_least_protected_position_comes_first(owner: Browser, borrowing: AccountId) -> None:
    held = (await owner.get("/desk/all/part/held")).text

    places = [held.index(name) for name in ("SOL-1", "BTC-1", "ETH-1")]
    assert places == sorted(places)


async def test_what_keeps_an_account_from_opening_is_said_on_its_card(
    owner: Browser, store: Store, account: AccountId
) -> None:
    await store.record_marks(account, Marks(blocks=(Block("stale_market", "no word from the market stream"),)))

    assert "No entries: no word from the market stream" in words((await owner.get("/desk/all/part/accounts")).text)


async def test_an_account_of_which_nothing_was_read_is_named_and_not_taken_for_zero(
    owner: Browser, store: Store, account: AccountId
) -> None:
    await day.connect(store, await owner_id(store), Environment.SANDBOX, number=4, venue=OKX)

    page = words((await owner.get("/desk/all")).text)

    assert "no reading yet of OKX" in page
    assert "Not reckoned, because nothing was read yet: OKX" in page
    assert "0.00 USDT" not in page


async def test_what_others_share_is_there_and_marked(
    owner: Browser, stranger: Browser, store: Store, account: AccountId
) -> None:
    await share(store, OWNER, STRANGER)

    text = words((await stranger.get("/desk/all")).text)

    assert f"of {OWNER}" in text
    assert "25,312.45 USD" in text
    assert "form_token" not in (await stranger.get("/desk/all/part/accounts")).text


async def test_strangers_accounts_are_not_on_it(owner: Browser, stranger: Browser, account: AccountId) -> None:
    page = await stranger.get("/desk/all")

    assert "Your desk is ready" in page.text
    assert account not in page.text


async def test_every_part_can_be_asked_for_alone_and_asks_again_for_itself(
    owner: Browser, borrowing: AccountId
) -> None:
    whole = html.unescape((await owner.get("/desk/all")).text)

    for part in PARTS:
        answer = await owner.get(f"/desk/all/part/{part}")
        assert answer.status == 200
        assert "<html" not in answer.text
        assert f"/desk/all/part/{part}" in whole
    assert (await owner.get("/desk/all/part/secrets")).status == 404


async def test_every_number_of_the_overview_has_a_unit(owner: Browser, borrowing: AccountId) -> None:
    text = (await owner.get("/desk/all?move=-10")).text

    numbers = re.findall(r'<(?:span|time|strong)[^>]*class="num[^>]*>(.*?)</(?:span|time|strong)>', text)

    assert len(numbers) > 40
    assert all('<span class="unit">' in number for number in numbers)


async def test_old_live_numbers_are_called_stale_on_the_card(owner: Browser, store: Store, time: Time) -> None:
    live = await day.connect(store, await owner_id(store), Environment.LIVE)
    await store.record_equity(live, samples.margin())

    fresh = await owner.get("/desk/all/part/accounts")
    time.pass_by(timedelta(seconds=81))
    stale = await owner.get("/desk/all/part/accounts")

    assert "Stale" not in fresh.text
    assert "Stale: 1 min 31 s old" in words(stale.text)


async def test_an_old_price_says_how_old_it_is(owner: Browser, store: Store, time: Time) -> None:
    live = await day.connect(store, await owner_id(store), Environment.LIVE)
    await store.record_equity(live, samples.margin())
    await store.record_story(live, samples.btc_story())
    price = samples.bars()[-1].close
    await store.record_quotes(day.KRAKEN, [Quote(samples.BTC, price, price, price, samples.NOW)])
    await store.record_bars(day.KRAKEN, samples.bars())

    fresh = words((await owner.get(f"/desk/{live}/part/positions")).text)
    time.pass_by(timedelta(seconds=110))
    old = words((await owner.get(f"/desk/{live}/part/positions")).text)

    assert "90,904.9 USD" in fresh
    assert " old" not in fresh
    assert "90,904.9 USD 2 min old" in old


async def test_a_paused_or_disarmed_account_says_so(owner: Browser, store: Store, account: AccountId) -> None:
    await store.record_marks(account, Marks(paused=True))
    paused = words((await owner.get("/desk/all/part/accounts")).text)
    await store.set_account_state(account, AccountState.DISARMED, "", samples.NOW)
    disarmed = words((await owner.get("/desk/all/part/accounts")).text)

    assert "Paused" in paused
    assert "Not armed" in disarmed


# --- one account's new parts -------------------------------------------------------------------------------------


async def test_a_position_says_what_it_cost_and_how_far_its_end_is(owner: Browser, account: AccountId) -> None:
    positions = words((await owner.get(f"/desk/{account}/part/positions")).text)

    for said in ("48.1008 USD trading fees", "1.2025 USD rollover", "not enough candles yet", "since midnight UTC"):
        assert said in positions, said


async def test_distances_are_told_in_hourly_ranges_once_there_are_enough_hours(
    owner: Browser, store: Store, account: AccountId
) -> None:
    feed = feed_name(day.KRAKEN, Environment.SANDBOX)
    await store.record_bars(feed, samples.bars(samples.SOL, 17 * 60))

    positions = words((await owner.get(f"/desk/{account}/part/positions")).text)

    assert re.search(r"185\.\d % away, modelled [\d,]+\.\d ATR of an hour", positions), positions


async def test_todays_change_is_told_by_cause_and_sums_to_it(owner: Browser, account: AccountId) -> None:
    today = (await owner.get(f"/desk/{account}/part/today")).text

    rows = re.findall(r'<td class="right">.*?class="num[^"]*">([^<]+)<', today)
    amounts = [Decimal(row.replace(",", "").replace("\N{MINUS SIGN}", "-")) for row in rows]
    assert sum(amounts[:-1]) == amounts[-1] == Decimal("212.45")
    assert "Trading fees" in today


async def test_before_the_first_reading_of_the_day_it_says_so(owner: Browser, store: Store) -> None:
    account = await day.connect(store, await owner_id(store), Environment.SANDBOX)

    assert "first reading after midnight" in (await owner.get(f"/desk/{account}/part/today")).text


async def test_the_curve_knows_its_falls_and_its_reach(owner: Browser, store: Store, account: AccountId) -> None:
    for days, equity in ((20, "30000"), (3, "24000")):
        await store.record_equity(account, samples.margin(samples.NOW - timedelta(days=days), equity))

    whole = (await owner.get(f"/desk/{account}/equity.json?reach=all")).json
    week = (await owner.get(f"/desk/{account}/equity.json?reach=week")).json
    one_day = (await owner.get(f"/desk/{account}/equity.json?reach=day")).json

    assert (whole["equity"][0], week["equity"][0], one_day["equity"][0]) == ("30000", "24000", "25000")
    assert whole["largest"] == 0.2
    assert whole["now"] == round(1 - 25312.4471 / 30000, 6)
    assert week["largest"] < 0.001
    assert whole["change"] == "-4687.5529"
    assert (await owner.get(f"/desk/{account}/equity.json?reach=ever")).status == 404


async def test_an_account_without_readings_has_an_empty_curve(owner: Browser, store: Store) -> None:
    account = await day.connect(store, await owner_id(store), Environment.SANDBOX)

    curve = (await owner.get(f"/desk/{account}/equity.json")).json

    assert curve["at"] == []
    assert curve["change"] is None


async def test_the_chart_draws_what_the_followed_strategy_looks_at(
    owner: Browser, store: Store, account: AccountId
) -> None:
    feed = feed_name(day.KRAKEN, Environment.SANDBOX)
    await store.record_bars(feed, samples.bars(samples.BTC, 20 * 60))
    await store.record_bars(feed, samples.bars(samples.SOL, 20 * 60))

    followed = (await owner.get(f"/desk/{account}/candles.json?pair=BTC/USD&interval=900")).json
    finer = (await owner.get(f"/desk/{account}/candles.json?pair=BTC/USD&interval=60")).json
    other = (await owner.get(f"/desk/{account}/candles.json?pair=SOL/USD&interval=60")).json

    assert followed["strategy"] == "Donchian breakout"
    assert [line["name"] for line in followed["lines"]] == [
        "Highest of 40 bars", "Lowest of 40 bars", "Highest of 20 bars", "Lowest of 20 bars",
    ]  # fmt: skip
    bars = {bar[0]: bar for bar in followed["bars"]}
    points = dict(followed["lines"][2]["points"])
    last = max(points)
    before = sorted(time for time in bars if time < last)[-20:]
    assert points[last] == max(float(bars[time][2]) for time in before)
    assert {time for line in finer["lines"] for time, _ in line["points"]} <= {bar[0] for bar in finer["bars"]}
    assert other["lines"] == []
    assert other["liquidation"] == ["398.2"]


async def test_a_silent_feed_makes_a_live_chart_stale(owner: Browser, store: Store, time: Time) -> None:
    account = await day.connect(store, await owner_id(store), Environment.LIVE)
    await store.record_bars(day.KRAKEN, samples.bars(samples.BTC))
    path = f"/desk/{account}/candles.json?pair=BTC/USD&interval=60"

    fresh = (await owner.get(path)).json
    time.pass_by(timedelta(minutes=5))
    stale = (await owner.get(path)).json

    assert (fresh["stale"], stale["stale"]) == (False, True)
