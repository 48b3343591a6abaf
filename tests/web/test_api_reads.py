"""What the API answers: the same records as the pages, page by page, every number with its unit."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, VenueName
from jarvis.domain.people import Person
from jarvis.store.db import Store
from tests.web import day
from tests.web.conftest import Time
from tests.web.test_api import READ, Script, person_of, token_of


@pytest.fixture
async def ada(store: Store, time: Time) -> Person:
    return await person_of(store, "ada", time())


@pytest.fixture
async def held(store: Store, ada: Person) -> AccountId:
    return await day.lived(store, ada.user_id)


@pytest.fixture
async def script(app: FastAPI, store: Store, ada: Person, time: Time) -> Script:
    return Script(app, await token_of(store, ada, time(), READ))


@pytest.mark.parametrize(
    ("path", "name", "key"),
    [
        ("positions", "positions", "position_id"),
        ("orders", "orders", "client_order_id"),
        ("fills", "fills", "fill_id"),
        ("ledger", "entries", "entry_id"),
        ("activity", "activities", "activity_id"),
    ],
)
async def test_pages_follow_each_other_without_a_gap_or_a_repeat(
    script: Script, held: AccountId, path: str, name: str, key: str
) -> None:
    whole = (await script.get(f"/accounts/{held}/{path}?limit=500"))[name]
    found: list[Any] = []
    cursor = ""
    while len(found) <= len(whole):
        page = await script.get(f"/accounts/{held}/{path}?limit=2{cursor}")
        found += page[name]
        if page["next"] is None:
            break
        assert re.fullmatch(r"[A-Za-z0-9_-]+", page["next"])
        cursor = f"&cursor={page['next']}"

    assert found == whole
    assert len({each[key] for each in found}) == len(found) >= 3


async def test_lists_are_narrowed_by_what_is_asked(script: Script, held: AccountId) -> None:
    opened = (await script.get(f"/accounts/{held}/positions?state=open"))["positions"]
    closed = (await script.get(f"/accounts/{held}/positions?state=closed"))["positions"]
    stops = (await script.get(f"/accounts/{held}/orders?role=stop&pair=BTC/USD"))["orders"]
    buys = (await script.get(f"/accounts/{held}/fills?side=buy"))["fills"]
    rollovers = (await script.get(f"/accounts/{held}/ledger?kind=rollover"))["entries"]
    nothing = (await script.get(f"/accounts/{held}/orders?until=2020-01-01T00:00:00Z"))["orders"]

    assert {each["closed_at"] for each in opened} == {None}
    assert None not in {each["closed_at"] for each in closed}
    assert {(each["role"], each["pair"]) for each in stops} == {("stop", "BTC/USD")}
    assert {each["side"] for each in buys} == {"buy"}
    assert {each["kind"] for each in rollovers} == {"rollover"}
    assert nothing == []


async def test_the_parts_of_a_positions_waterfall_sum_to_its_result(script: Script, held: AccountId) -> None:
    listed = (await script.get(f"/accounts/{held}/positions"))["positions"]
    assert len(listed) == 3
    for each in listed:
        story = await script.get(f"/accounts/{held}/positions/{each['position_id']}")

        assert sum(Decimal(part["amount"]) for part in story["waterfall"]) == Decimal(story["result"])
        assert story["result"] == each["result"]
        assert story["fills"]
        assert {order["position_id"] for order in story["protection"]} <= {each["position_id"]}
    assert (await script.ask("GET", f"/accounts/{held}/positions/ETH-9")).status == 404


async def test_one_order_is_found_by_our_own_id(script: Script, held: AccountId) -> None:
    (first, *_) = (await script.get(f"/accounts/{held}/orders"))["orders"]

    assert await script.get(f"/accounts/{held}/orders/{first['client_order_id']}") == first
    assert (await script.ask("GET", f"/accounts/{held}/orders/nobody")).status == 404


async def test_statements_open_with_what_the_month_before_closed_with(script: Script, held: AccountId) -> None:
    (month,) = (await script.get(f"/accounts/{held}/statements"))["periods"]

    assert month["begins_on"] == "2026-11-01"
    for asset in month["assets"]:
        parts = sum((Decimal(part["amount"]) for part in asset["parts"]), Decimal(0))
        assert Decimal(asset["opening"]) + parts == Decimal(asset["closing"])
    assert (await script.get(f"/accounts/{held}/statements?until=2020-01-01"))["periods"] == []
    assert (await script.get(f"/accounts/{held}/statements?by=day&since=2027-01-01"))["periods"] == []


async def test_the_equity_curve_says_its_asset(script: Script, held: AccountId) -> None:
    curve = await script.get(f"/accounts/{held}/equity?points=10")

    assert curve["asset"] == "USD"
    assert 2 <= len(curve["points"]) <= 10
    assert curve["points"] == sorted(curve["points"], key=lambda point: str(point["at"]))
    assert curve["points"][-1]["equity"] == "25312.4471"


async def test_balances_show_what_a_wallet_owes(app: FastAPI, script: Script, store: Store, ada: Person) -> None:
    wallet = await day.lived_on_borrowed_money(store, ada.user_id, VenueName("binance"))

    found = (await script.get(f"/accounts/{wallet}/balances"))["balances"]

    assert {each["asset"] for each in found} >= {"ETH", "USDT"}
    assert all(Decimal(each["difference"]) == Decimal(each["cash"]) - Decimal(each["at_venue"]) for each in found)


async def test_candles_are_whole_and_end_before_what_was_asked(script: Script, held: AccountId) -> None:
    minutes = (await script.get(f"/accounts/{held}/candles?pair=BTC/USD&limit=60"))["candles"]
    fives = (await script.get(f"/accounts/{held}/candles?pair=BTC/USD&interval=5m&limit=3"))["candles"]
    before = (await script.get(f"/accounts/{held}/candles?pair=BTC/USD&limit=5&before={minutes[-1]['opened_at']}"))[
        "candles"
    ]
    quotes = (await script.get(f"/accounts/{held}/quotes"))["quotes"]

    assert len(minutes) == 60
    assert len(fives) == 3
    assert all(Decimal(each["low"]) <= Decimal(each["close"]) <= Decimal(each["high"]) for each in fives)
    assert before == minutes[-6:-1]
    assert (quotes[0]["pair"], quotes[0]["quote"]) == ("BTC/USD", "USD")
    assert (await script.ask("GET", f"/accounts/{held}/candles?pair=NO/PAIR")).status == 404


async def test_notices_are_the_persons_own(app: FastAPI, script: Script, store: Store, ada: Person, time: Time) -> None:
    from jarvis.trading.events import Severity

    mallory = await person_of(store, "mallory", time())
    await store.add_notice(ada.user_id, "limit_reached", Severity.WARNING, "The daily loss has reached 2 %.", time())
    await store.add_notice(mallory.user_id, "limit_reached", Severity.WARNING, "None of Ada's.", time())
    time.pass_by(timedelta(seconds=1))

    found = (await script.get("/notices?severity=warning&seen=false&search=daily"))["notices"]

    assert [each["message"] for each in found] == ["The daily loss has reached 2 %."]


async def test_strategies_say_what_their_forms_say(script: Script) -> None:
    from jarvis.trading.strategies import STRATEGIES

    found = (await script.get("/strategies"))["strategies"]

    assert [each["name"] for each in found] == list(STRATEGIES)
    for each in found:
        assert [one["name"] for one in each["parameters"]] == [p.name for p in STRATEGIES[each["name"]].parameters]


async def test_exposure_and_what_if_are_those_of_the_desk(script: Script, held: AccountId) -> None:
    (money,) = (await script.get("/exposure"))["exposures"]
    fallen = await script.get("/what-if?percent=-10")
    still = await script.get("/what-if?percent=0")

    assert money["quote"] == "USD"
    assert sum(Decimal(line["long"]) for line in money["by_pair"]) == Decimal(money["long"]) > 0
    assert sum(Decimal(line["short"]) for line in money["by_venue"]) == Decimal(money["short"])
    (after,) = fallen["accounts"]
    assert after["account_id"] == held
    net = Decimal(money["long"]) - Decimal(money["short"])
    assert abs(Decimal(after["left_alone"]["change"]) + net / 10) < Decimal("0.01")
    assert Decimal(still["accounts"][0]["left_alone"]["change"]) == 0
    assert [(each["direction"], each["with_stops"]) for each in fallen["endings"]] == [
        ("falling", False),
        ("falling", True),
        ("rising", False),
        ("rising", True),
    ]
