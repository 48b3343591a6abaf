"""Trading by hand over the API: a wish is handed to the trader once, and what makes no sense is not."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Side
from jarvis.domain.people import Person, Scope
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from tests.web import day, samples
from tests.web.client import Answer
from tests.web.conftest import Time
from tests.web.test_api import EXITS, READ, Script, person_of, token_of


@pytest.fixture
async def ada(store: Store, time: Time) -> Person:
    return await person_of(store, "ada", time())


@pytest.fixture
async def held(store: Store, ada: Person) -> AccountId:
    return await day.lived(store, ada.user_id)


@pytest.fixture
async def script(app: FastAPI, store: Store, ada: Person, time: Time) -> Script:
    return Script(app, await token_of(store, ada, time(), READ, EXITS, Scope.TRADE))


def open_wish(**changed: object) -> dict[str, object]:
    last = samples.bars()[-1].close
    wish = {"pair": "BTC/USD", "side": "long", "quantity": "0.01", "stop_price": f"{last * Decimal('0.97'):f}"}
    return {**wish, **changed}


async def ask(script: Script, path: str, body: object, key: str = "a-wish-0001") -> Answer:
    return await script.ask("POST", path, body=body, **{"idempotency-key": key})


async def test_a_wish_to_open_reaches_the_trader_once(
    script: Script, store: Store, held: AccountId, time: Time
) -> None:
    path = f"/accounts/{held}/orders"
    target = f"{samples.bars()[-1].close * Decimal('1.05'):f}"
    wish = open_wish(targets=[{"price": target, "share": "0.5"}], close_after_minutes=60, trailing=True)

    first, again = await ask(script, path, wish), await ask(script, path, wish)
    other = await ask(script, path, wish, "a-wish-0002")

    assert (first.status, first.json) == (202, again.json)
    assert other.json["command_id"] != first.json["command_id"]
    commands = await store.take_commands(held)
    assert [each.command_id for each in commands] == [first.json["command_id"], other.json["command_id"]]
    event = commands[0].as_event(time())
    assert isinstance(event, OpenByHand)
    assert (event.side, event.quantity, event.leverage) == (Side.BUY, Decimal("0.01"), 3)
    assert event.protection.stop_distance == event.price - Decimal(str(wish["stop_price"]))
    assert event.protection.trailing
    assert event.protection.time_stop == timedelta(hours=1)
    assert event.protection.take_profits[0].share == Decimal("0.5")


@pytest.mark.parametrize(
    "changed",
    [
        {"stop_price": "99999999"}, {"pair": "NO/PAIR"}, {"quantity": "0"}, {"quantity": "1" * 41}, {"leverage": 0},
        {"side": "short"}, {"targets": [{"price": "1", "share": "0.5"}]}, {"quantity": "-1"},
        {"targets": [{"price": "99999999", "share": "0.6"}, {"price": "99999999", "share": "0.6"}]},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    script: Script, store: Store, held: AccountId, changed: dict[str, Any]
) -> None:
    answer = await ask(script, f"/accounts/{held}/orders", open_wish(**changed))

    assert answer.status in (409, 422)
    assert await store.take_commands(held) == []


async def test_nothing_is_opened_without_a_key_a_scope_or_an_armed_account(
    app: FastAPI, script: Script, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    weaker = Script(app, await token_of(store, ada, time(), READ, EXITS))
    path = f"/accounts/{held}/orders"

    assert (await ask(script, path, open_wish(), key="short")).status == 422
    assert (await ask(weaker, path, open_wish())).status == 403
    await store.set_account_state(held, AccountState.DISARMED, "", time())
    assert "not armed" in (await ask(script, path, open_wish())).json["error"]["message"]
    assert await store.take_commands(held) == []


async def test_a_position_is_adjusted_and_closed(script: Script, store: Store, held: AccountId, time: Time) -> None:
    path = f"/accounts/{held}/positions/BTC-1"

    adjusted = await ask(script, f"{path}/adjust", {"stop_price": "91000", "trailing": True, "close_after_minutes": 5})
    closed = await ask(script, f"{path}/close", {"share": "0.5"}, "a-wish-0002")
    nothing = await ask(script, f"{path}/adjust", {}, "a-wish-0003")
    too_much = await ask(script, f"{path}/close", {"share": "1.5"}, "a-wish-0004")
    unknown = await ask(script, f"/accounts/{held}/positions/ETH-9/close", {}, "a-wish-0005")

    assert [each.status for each in (adjusted, closed, nothing, too_much, unknown)] == [202, 202, 409, 409, 404]
    first, second = (each.as_event(time()) for each in await store.take_commands(held))
    assert isinstance(first, AdjustByHand)
    assert (first.stop_price, first.trailing) == (Decimal(91000), True)
    assert isinstance(second, CloseByHand)
    assert second.share == Decimal("0.5")


async def test_closing_needs_no_more_than_what_flattens(
    app: FastAPI, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    script = Script(app, await token_of(store, ada, time(), EXITS))

    assert (await ask(script, f"/accounts/{held}/positions/BTC-1/close", {})).status == 202
    assert (await ask(script, f"/accounts/{held}/positions/BTC-1/adjust", {"trailing": True})).status == 403


async def test_a_command_that_was_handed_over_is_not_finished(script: Script, store: Store, held: AccountId) -> None:
    asked = (await ask(script, f"/accounts/{held}/positions/BTC-1/close", {})).json["command_id"]

    assert await store.claim_command(asked)
    assert (await script.get(f"/commands/{asked}"))["is_finished"] is False
    await store.conclude_command(asked, "done")
    assert (await script.get(f"/commands/{asked}"))["result"] == "done"
