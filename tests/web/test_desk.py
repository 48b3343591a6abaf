"""The desk and the position page: what they show in every state, and the three buttons."""

import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI, Request

from jarvis.domain.account import AccountId, Environment, UserId, VenueName
from jarvis.domain.order import PositionId
from jarvis.store.db import Store
from jarvis.store.records import AccountState, CommandKind
from jarvis.trading.state import Block, Marks
from jarvis.venues.catalog import OKX
from jarvis.web.connecting.venues import level_words
from jarvis.web.desk.one import Ways, ways_from
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, Time

PARTS = ("controls", "glance", "numbers", "positions", "today", "exposure", "whatif", "orders", "activity", "closed")


def words(text: str) -> str:
    """What a person reads: no tags, white space folded."""
    visible = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", visible)))


async def owner_id(store: Store) -> UserId:
    person = await store.person_by_email(OWNER)
    assert person is not None
    return person.user_id


async def test_the_desk_answers_what_is_held_and_what_protects_it(owner: Browser, account: AccountId) -> None:
    desk = words((await owner.get(f"/desk/{account}")).text)

    for said in (
        "25,312.45 USD", "+212.45 USD today", "16,368.10 USD", "283 %",  # margin
        "0.25 BTC", "91,250.4 USD", "89,939.9 USD", "93,850.4 USD",  # position, stop, target
        "+0.25 BTC", "4,562.52 USD", "out of reach", "398.2 USD", "away, modelled",  # what it stands on
        "\N{MINUS SIGN}84.5 SOL", "not proved",  # the stop whose outcome is not known
        "not known", "never sent again blindly",
        "Pause", "Flatten",
    ):  # fmt: skip
        assert said in desk, said


async def test_every_number_of_the_desk_has_a_unit(owner: Browser, account: AccountId) -> None:
    text = (await owner.get(f"/desk/{account}")).text

    numbers = re.findall(r'<(?:span|time)[^>]*class="num[^>]*>(.*?)</(?:span|time)>', text)

    assert len(numbers) > 40
    assert all('<span class="unit">' in number for number in numbers)


async def test_the_desk_of_a_new_account_says_what_to_do_next(owner: Browser, store: Store) -> None:
    account = await day.connect(store, await owner_id(store), Environment.SANDBOX)

    desk = words((await owner.get(f"/desk/{account}")).text)

    assert "nothing will be opened until you arm trading" in desk
    assert "No reading from Kraken yet" in desk
    assert "No orders yet" in desk
    assert "Quiet so far" in desk


async def test_an_armed_desk_without_positions_says_what_is_watched(
    owner: Browser, store: Store, account: AccountId
) -> None:
    for story in (samples.btc_story(), samples.sol_story()):
        await store.record_story(account, samples.ended(story))

    desk = words((await owner.get(f"/desk/{account}")).text)

    assert "Nothing is held. Your strategies watch BTC/USD" in desk


async def test_old_live_numbers_are_called_stale(owner: Browser, store: Store, time: Time) -> None:
    account = await day.connect(store, await owner_id(store), Environment.LIVE)
    await store.record_equity(account, samples.margin())

    fresh = await owner.get(f"/desk/{account}/part/numbers")
    time.pass_by(timedelta(minutes=5))
    stale = await owner.get(f"/desk/{account}/part/numbers")

    assert "Stale" not in fresh.text
    assert "Stale" in stale.text


async def test_what_keeps_the_account_from_opening_is_said(owner: Browser, store: Store, account: AccountId) -> None:
    block = Block("stale_market", "no word from the market stream for 12 s")
    await store.record_marks(account, Marks(paused=True, blocks=(block,)))
    await store.set_account_state(account, AccountState.BLIND, "Kraken does not accept the key", samples.NOW)

    controls = words((await owner.get(f"/desk/{account}/part/controls")).text)

    assert "no word from the market stream for 12 s" in controls
    assert "Kraken does not accept the key" in controls
    assert "Resume" in controls


async def test_every_part_of_the_desk_can_be_asked_for_alone(owner: Browser, account: AccountId) -> None:
    whole = (await owner.get(f"/desk/{account}")).text

    for part in PARTS:
        answer = await owner.get(f"/desk/{account}/part/{part}")

        assert answer.status == 200
        assert "<html" not in answer.text
        assert f"/desk/{account}/part/{part}" in whole
    assert (await owner.get(f"/desk/{account}/part/secrets")).status == 404


async def test_pause_resume_and_flatten_become_commands_of_the_owner(
    owner: Browser, store: Store, account: AccountId
) -> None:
    kinds = [CommandKind.PAUSE, CommandKind.RESUME, CommandKind.FLATTEN]
    for kind in kinds:
        answer = await owner.submit(f"/desk/{account}/{kind.value}", {}, page=f"/desk/{account}")
        assert answer.status == 303

    commands = await store.take_commands(account)
    assert [command.kind for command in commands] == kinds
    assert {command.by_user for command in commands} == {await owner_id(store)}


async def test_flattening_takes_one_confirmation_and_nothing_else(owner: Browser, account: AccountId) -> None:
    confirm = await owner.get(f"/desk/{account}/flatten")

    assert "closes 2 open positions" in words(confirm.text)
    assert "password" not in confirm.text


async def test_the_charts_get_exact_prices_and_what_was_done_there(owner: Browser, account: AccountId) -> None:
    candles = (await owner.get(f"/desk/{account}/candles.json?pair=BTC/USD&interval=60")).json
    larger = (await owner.get(f"/desk/{account}/candles.json?pair=BTC/USD&interval=900")).json
    equity = (await owner.get(f"/desk/{account}/equity.json")).json

    last = samples.bars()[-1]
    assert candles["bars"][-1][1:] == [str(each) for each in (last.open, last.high, last.low, last.close, last.volume)]
    assert len(larger["bars"]) < len(candles["bars"]) / 10
    assert [fill["side"] for fill in candles["fills"]][-1:] == ["buy"]
    assert {line["role"]: line["price"] for line in candles["protection"]} == {
        "stop": "89939.9",
        "take_profit": "93850.4",
    }
    assert len(equity["at"]) == len(equity["equity"]) == 61
    assert equity["equity"][-1] == "25312.4471"


async def test_candles_of_a_pair_that_is_not_traded_are_not_found(owner: Browser, account: AccountId) -> None:
    assert (await owner.get(f"/desk/{account}/candles.json?pair=XMR/USD&interval=60")).status == 404
    assert (await owner.get(f"/desk/{account}/candles.json?pair=BTC/USD&interval=61")).status == 404


async def test_a_positions_page_tells_its_story_and_its_sum_is_the_journals(
    owner: Browser, store: Store, account: AccountId
) -> None:
    record = next(each for each in await store.closed_positions(await owner_id(store), account))

    page = await owner.get(f"/desk/{account}/positions/{record.story.position_id}")

    text = words(page.text)
    total = record.waterfall().total
    assert f"\N{MINUS SIGN}{abs(total):,.4f} USD" in text
    assert total == sum((-fill.fee for fill in record.fills), record.waterfall().price + record.waterfall().slippage)
    for said in ("closed by stop", "Filled by the entry: bought.", "Filled by the stop: sold.", "Trading fee"):
        assert said in text, said


async def test_what_happened_at_one_instant_is_told_in_its_order(owner: Browser, account: AccountId) -> None:
    story = words((await owner.get(f"/desk/{account}/positions/BTC-0")).text)

    told = ["Entry order", "Filled by the entry", "Stop order", "Filled by the stop", "Flat: closed by stop"]
    assert sorted(told, key=story.index) == told


async def test_rollover_is_shown_in_the_story_and_as_interest_per_day(owner: Browser, account: AccountId) -> None:
    story = words((await owner.get(f"/desk/{account}/positions/SOL-1")).text)
    positions = words((await owner.get(f"/desk/{account}/part/positions")).text)

    assert "Rollover charged." in story
    assert "1.2025 USD" in positions
    assert "7.215 USD a day" in positions  # 1.2025 USD for the one period of four hours so far, six of them a day


async def test_a_borrowed_position_shows_its_debt_its_interest_and_the_venues_own_figures(
    owner: Browser, store: Store
) -> None:
    account = await day.lived_on_borrowed_money(store, await owner_id(store), OKX)

    desk = words((await owner.get(f"/desk/{account}")).text)
    page = words((await owner.get(f"/desk/{account}/positions/ETH-1")).text)

    held = "\N{MINUS SIGN}2 ETH", "1,250.20 USDT", "at 5", "2 ETH", "6,871.15 USDT", "away, the venue's own"
    owed = "0.00012 ETH", "0.00072 ETH a day"  # three of the four hours that it has lived were charged
    for said in (*held, *owed, "3,190.2 USDT", "rests at the venue", "525.5 USDT", "watched by Jarvis"):
        assert said in desk, said
        assert said in page, said
    for said in ("9,876.54 USDT", "790 %", "call 60 %, liquidation 20 %", "OKX says margin ratio 396 %"):
        assert said in desk, said
    assert "As OKX said at" in desk
    assert "Interest charged. charge 0.00004 ETH" in page
    assert " USD " not in desk + page
    assert "Kraken" not in desk + page


async def test_before_the_venue_was_asked_what_it_owes_is_not_known(
    owner: Browser, store: Store, account: AccountId
) -> None:
    story = samples.btc_story()
    await store.record_story(account, replace(story, position_id=PositionId("BTC-9")))

    page = words((await owner.get(f"/desk/{account}/positions/BTC-9")).text)

    assert "Margin used not known yet" in page
    assert "Liquidation not known yet" in page


@pytest.mark.parametrize(
    ("venue", "said"),
    [
        ("kraken", ""),
        ("binance", "Binance says margin level 3.96: assets over debts, liquidates a little above 1."),
        ("okx", "OKX says margin ratio 396 %: warns at 300 %, liquidates at 100 %."),
        ("bybit", "Bybit says maintenance margin rate 396 %: liquidates at 100 %."),
    ],
)
def test_each_venues_own_margin_figure_is_told_with_its_name_and_its_meaning(venue: str, said: str) -> None:
    assert level_words(VenueName(venue), Decimal("3.956")) == said
    assert level_words(VenueName(venue), None) == ""


async def test_nothing_hostile_becomes_markup(owner: Browser, account: AccountId) -> None:
    for path in (f"/desk/{account}", f"/desk/{account}/part/activity", "/account"):
        text = (await owner.get(path)).text

        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<svg/onload" not in text
        assert ">49<" not in text
    activity = (await owner.get(f"/desk/{account}/part/activity")).text
    assert "&lt;script&gt;alert(1)" in activity


async def test_private_pages_hold_no_outside_address_and_nothing_inline(owner: Browser, account: AccountId) -> None:
    for path in (
        f"/desk/{account}", f"/desk/{account}/positions/BTC-1", f"/desk/{account}/flatten", "/account",
        f"/account/{account}/trading", f"/account/{account}/disconnect", "/desk/none",
    ):  # fmt: skip
        text = (await owner.get(path)).text

        addresses = set(re.findall(r"[a-z]+://[^\s\"'<]+", text)) - {"http://127.0.0.1:8770/kraken/settings/api"}
        assert addresses == set(), path
        assert not re.search(r"\sstyle\s*=", text), path
        assert not re.search(r"\son[a-z]+\s*=", re.sub(r"&lt;.*?&gt;", "", text)), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert "<style" not in text, path


async def test_the_page_asks_again_exactly_for_what_changed(owner: Browser, account: AccountId) -> None:
    text = html.unescape((await owner.get(f"/desk/{account}")).text)

    triggers = dict(re.findall(r'/part/(\w+)" hx-trigger="([^"]+)"', text))
    assert "live-equity from:body" in triggers["whatif"]
    assert "live-equity from:body" in triggers["numbers"]
    assert "live-order from:body" in triggers["orders"]
    assert set(triggers) == set(PARTS)


async def test_a_large_curve_is_thinned_and_keeps_its_last_point(
    owner: Browser, store: Store, account: AccountId, app: FastAPI
) -> None:
    for number in range(1300):
        at = samples.NOW - timedelta(days=2) + timedelta(minutes=number)
        await store.record_equity(account, samples.margin(at, str(24000 + number)))

    curve = json.loads((await owner.get(f"/desk/{account}/equity.json")).body)

    assert len(curve["at"]) <= 700
    assert Decimal(curve["equity"][-1]) == Decimal("25312.4471")


async def test_the_desk_leads_to_the_pages_about_acting_by_hand_that_there_are(
    app: FastAPI, account: AccountId
) -> None:
    def request(method: str = "GET") -> Request:
        return Request({"type": "http", "method": method, "path": "/desk/x", "headers": [], "app": app})

    paths = {path for path, methods in app.openapi()["paths"].items() if "get" in methods}
    position = "/desk/{account_id}/positions/{position_id}"

    assert ways_from(request("POST")) == Ways(
        trade="/desk/{account_id}/trade" in paths,
        adjust=f"{position}/adjust" in paths,
        close=f"{position}/close" in paths,
    )

    async def answer() -> None:
        """A page that was not there before."""

    app.add_api_route("/desk/{account_id}/trade", answer)
    assert ways_from(request()).trade
