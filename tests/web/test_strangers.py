"""Accounts are strangers: whatever carries an id answers 404 to everybody but its owner."""

from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from tests.web.client import Browser
from tests.web.conftest import OWNER
from tests.web.test_security import routes


def id_routes(app: FastAPI) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(app, "{account_id}", "{position_id}") if "{" in path]


async def test_every_route_with_an_id_answers_404_to_a_stranger(
    app: FastAPI, owner: Browser, stranger: Browser, account: AccountId, store: Store
) -> None:
    token = (await stranger.get("/account")).token
    before = await store.last_event_id()
    asked = 0

    for method, template in id_routes(app):
        path = template.replace("{account_id}", account).replace("{position_id}", "BTC-1")
        if path.endswith("candles.json"):
            path += "?pair=BTC/USD&interval=60"
        fields = {"form_token": token, "then": "arm", "strategy": "donchian_breakout"}
        answer = await (stranger.get(path) if method == "GET" else stranger.post(path, fields))
        asked += 1

        assert answer.status == 404, (method, path)
        assert account not in answer.text
    assert asked >= 15
    assert await store.last_event_id() == before


async def test_the_owner_finds_what_the_stranger_does_not(app: FastAPI, owner: Browser, account: AccountId) -> None:
    for method, template in id_routes(app):
        path = template.replace("{account_id}", account).replace("{position_id}", "BTC-1")
        if method == "GET" and not path.endswith(("/events", "candles.json")):
            assert (await owner.get(path)).status == 200, path


async def test_a_strangers_answer_is_the_same_for_real_and_made_up_ids(
    stranger: Browser, owner: Browser, account: AccountId
) -> None:
    real = await stranger.get(f"/desk/{account}")
    made_up = await stranger.get("/desk/0123456789abcdef0123")

    assert real.body == made_up.body


async def test_a_position_of_another_of_ones_own_accounts_is_not_found(owner: Browser, account: AccountId) -> None:
    assert (await owner.get(f"/desk/{account}/positions/BTC-1")).status == 200
    assert (await owner.get(f"/desk/{account}/positions/ETH-9")).status == 404


async def test_lists_show_only_ones_own(stranger: Browser, owner: Browser, account: AccountId) -> None:
    for path in ("/account", "/desk"):
        answer = await stranger.get(path)

        assert account not in answer.text
        assert OWNER not in answer.text
        assert OWNER.split("@")[0] not in answer.header("location")
