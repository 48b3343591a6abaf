"""Lists on pages: what the address wishes, what a file holds, and that nobody reads another's."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from starlette.datastructures import QueryParams

from jarvis.domain.account import AccountId, Environment
from jarvis.domain.order import OrderStatus
from jarvis.store.db import Store
from jarvis.store.listing import Page, Wish
from jarvis.web.lists import Choice, Empty, ListOf, view_of, wish_of
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER

LISTS = ("orders", "positions", "ledger", "activity")


async def _read(wish: Wish) -> Page[str]:
    del wish
    return Page((), 0, None)


KIND: ListOf[str] = ListOf(
    name="things",
    noun=("thing", "things"),
    read=_read,
    shown=str.upper,
    fields=(("thing", str),),
    orders=(("made", True, "newest first"), ("made", False, "oldest first")),
    empty=Empty("Nothing yet."),
    search="Words",
    choices=(Choice("state", "State", [("open", "open"), ("closed", "closed")]),),
    dated="Made",
)


def test_an_address_wishes_what_the_list_knows_and_nothing_else() -> None:
    wish = wish_of(
        QueryParams("search=+a%00b+&state=open&since=2026-03-01&until=2026-03-02&order=made-up&after=x~y~7"), KIND
    )

    assert wish == Wish(
        search="ab",
        chosen={"state": "open"},
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=datetime(2026, 3, 3, tzinfo=UTC),
        sort="made",
        descending=False,
        after=("x~y", "7"),
    )
    assert wish_of(QueryParams("state=x&other=1&since=soon&until=9999-12-31&order=no&after=7"), KIND) == Wish(
        sort="made"
    )


def test_the_next_page_keeps_the_wish_and_the_first_forgets_the_place() -> None:
    query = QueryParams("search=a&state=open&order=made-up&after=1~2")
    wish = wish_of(query, KIND)

    view = view_of("/things", query, KIND, wish, Page(("one",), 9, ("3", "4")))

    assert view.older == "/things?search=a&state=open&order=made-up&after=3~4"
    assert view.first == "/things?search=a&state=open&order=made-up"
    assert view.files == (
        ("CSV", "/things?search=a&state=open&order=made-up&format=csv"),
        ("JSON", "/things?search=a&state=open&order=made-up&format=json"),
    )
    assert (view.rows, view.count, view.noun, view.is_filtered) == (("ONE",), 9, "things", True)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_works_without_script_and_says_how_many(owner: Browser, account: AccountId, name: str) -> None:
    answer = await owner.get(f"/desk/{account}/{name}")

    assert answer.status == 200
    assert 'method="get"' in answer.text
    assert 'role="status"' in answer.text
    assert f"/desk/{account}/{name}?format=csv" in answer.text


@pytest.mark.parametrize("name", LISTS)
async def test_an_empty_list_says_what_will_be_there_and_a_wish_that_nothing_fits_says_so(
    owner: Browser, store: Store, account: AccountId, name: str
) -> None:
    answer = await owner.get(f"/desk/{account}/{name}?search=nothing+of+this+kind")
    assert "Nothing fits" in answer.text
    assert "format=csv" not in answer.text

    person = await store.person_by_email(OWNER)
    assert person is not None
    bare = await day.connect(store, person.user_id, Environment.SANDBOX, number=5)
    answer = await owner.get(f"/desk/{bare}/{name}")
    assert 'class="empty"' in answer.text
    assert "To the desk" in answer.text


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("form", ["", "?format=csv", "?format=json"])
async def test_a_strangers_list_is_not_there(stranger: Browser, account: AccountId, name: str, form: str) -> None:
    assert (await stranger.get(f"/desk/{account}/{name}{form}")).status == 404


async def test_a_file_holds_all_that_fits_exactly(owner: Browser, store: Store, account: AccountId) -> None:
    fence = await store.acquire_lease(account, "a test", timedelta(minutes=5))
    assert fence is not None
    base = samples.orders()[0]
    for number in range(1100):
        request = replace(base.request, client_order_id=type(base.client_order_id)(f"jmany{number:07d}"))
        at = samples.NOW + timedelta(seconds=number // 3)
        await store.record_intent(account, replace(base, request=request, created_at=at, status=OrderStatus.INTENT,
                                                   venue_order_id=None, filled_quantity=Decimal(0)), fence)  # fmt: skip

    told = await owner.get(f"/desk/{account}/orders?format=csv&role=entry&search=jmany")
    rows = list(csv.DictReader(io.StringIO(told.text)))
    as_json = json.loads((await owner.get(f"/desk/{account}/orders?format=json&search=jmany")).text)

    assert told.header("content-type") == "text/csv; charset=utf-8"
    assert "attachment" in told.header("content-disposition")
    assert [row["client_order_id"] for row in rows] == [f"jmany{number:07d}" for number in range(1099, -1, -1)]
    assert rows[0]["quantity"] == "0.25"
    assert rows[0]["created_at"] == "2026-11-21T14:09:26Z"
    assert [row["client_order_id"] for row in as_json["rows"]] == [row["client_order_id"] for row in rows]
    assert as_json["rows"][0]["quantity"] == "0.25"
    assert as_json["rows"][0]["limit_price"] is None
    assert as_json["made_at"] == "2026-11-21T14:03:30Z"


async def test_a_formula_in_a_message_stays_text_in_a_file(owner: Browser, store: Store, account: AccountId) -> None:
    await store.record_activity(account, "said", "info", "=HYPERLINK(1)", at=samples.NOW)

    told = await owner.get(f"/desk/{account}/activity?format=csv&search=hyperlink")

    assert "'=HYPERLINK(1)" in told.text


async def test_an_unknown_order_says_what_that_means_and_what_is_done(owner: Browser, account: AccountId) -> None:
    answer = await owner.get(f"/desk/{account}/orders")

    assert "The outcome of one order is not known" in answer.text
    assert "never sent again blindly" in answer.text
    assert "counts as exposure" in answer.text


async def test_the_ledger_shows_every_side_and_the_cash_after(owner: Browser, account: AccountId) -> None:
    answer = await owner.get(f"/desk/{account}/ledger?kind=rollover")
    rows = list(csv.DictReader(io.StringIO((await owner.get(f"/desk/{account}/ledger?format=csv")).text)))

    assert "LAAAAA-BBBBB-000009" in answer.text
    assert "Rollover" in answer.text
    sums: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = row["entry"], row["asset"]
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["amount"])
    assert sums
    assert set(sums.values()) == {Decimal(0)}
    cash = [row["cash_after"] for row in rows if row["account"] == "cash"]
    assert cash == ["-1.2025"]


async def test_positions_say_what_they_earned(owner: Browser, account: AccountId) -> None:
    rows = list(
        csv.DictReader(io.StringIO((await owner.get(f"/desk/{account}/positions?format=csv&state=closed")).text))
    )

    assert [(row["position_id"], row["closed_by"]) for row in rows] == [("BTC-0", "stop")]
    assert Decimal(rows[0]["result"]) < 0


@pytest.mark.parametrize("name", LISTS)
async def test_a_script_is_given_the_list_alone(owner: Browser, account: AccountId, name: str) -> None:
    piece = await owner.get(f"/desk/{account}/{name}", headers={"hx-request": "true"})
    page = await owner.get(f"/desk/{account}/{name}")

    assert piece.text.strip().startswith('<div id="list"')
    assert "<script" not in piece.text
    assert piece.text in page.text
