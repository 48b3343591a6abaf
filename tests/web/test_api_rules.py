"""What a script may change: what is followed, and limits, downwards alone."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.domain.people import Person, Role, Scope
from jarvis.store.db import Store
from tests.web import day
from tests.web.conftest import SaidConnector, Time
from tests.web.test_api import CANARY, EXITS, READ, RESUME, Script, person_of, token_of

FOLLOW = {"strategy": "donchian_breakout", "pair": "SOL/USD", "interval": "1h", "values": {"entry_bars": "55"}}
TIGHTER = {
    "leverage_cap": 2,
    "risk_per_trade": "0.005",
    "daily_loss": {"warn": "0.01", "block_entries": "0.02", "reduce": "0.03", "flatten": "0.04"},
    "margin_level_floor": {"warn": "3", "block_entries": "2.5", "reduce": "2", "flatten": "1.5"},
    "allowed_pairs": ["BTC/USD"],
}


@pytest.fixture
async def ada(store: Store, time: Time) -> Person:
    return await person_of(store, "ada", time())


@pytest.fixture
async def held(store: Store, ada: Person) -> AccountId:
    return await day.lived(store, ada.user_id)


@pytest.fixture
async def script(app: FastAPI, store: Store, ada: Person, time: Time) -> Script:
    return Script(app, await token_of(store, ada, time(), READ, Scope.TRADE))


async def test_what_is_followed_is_replaced_as_a_whole_and_noted(
    script: Script, store: Store, ada: Person, held: AccountId
) -> None:
    answer = await script.ask("PUT", f"/accounts/{held}/assignments", body={"assignments": [FOLLOW]})

    assert answer.status == 200, answer.text
    (line,) = (await script.get(f"/accounts/{held}/assignments"))["assignments"]
    assert (line["pair"], line["interval"], line["values"]["entry_bars"]) == ("SOL/USD", "1h", "55")
    account = await store.account(ada.user_id, held)
    assert account is not None
    assert account.assignments[0].interval == timedelta(hours=1)
    (noted,) = [each for each in await store.audit_of(ada.user_id) if each.kind == "strategies.changed"]
    assert noted.details is not None
    assert noted.details["follows"] == "donchian_breakout:SOL/USD"


@pytest.mark.parametrize(
    "wish",
    [
        [{**FOLLOW, "strategy": CANARY}],
        [{**FOLLOW, "pair": "NO/PAIR"}],
        [FOLLOW, FOLLOW],
        [{**FOLLOW, "values": {CANARY: "1"}}],
        [{**FOLLOW, "values": {"entry_bars": CANARY}}],
        [{**FOLLOW, "values": {"entry_bars": "3", "exit_bars": "900"}}],
        [{**FOLLOW, "interval": "7m"}],
        [{"strategy": "pairs_spread", "pair": "SOL/USD", "interval": "1h", "values": {}}],
    ],
)
async def test_what_cannot_be_followed_is_refused_with_a_word_and_changes_nothing(
    script: Script, held: AccountId, wish: list[dict[str, object]]
) -> None:
    before = await script.get(f"/accounts/{held}/assignments")

    answer = await script.ask("PUT", f"/accounts/{held}/assignments", body={"assignments": wish})

    assert answer.status in (409, 422)
    assert CANARY not in answer.text
    assert await script.get(f"/accounts/{held}/assignments") == before


async def test_limits_are_lowered_and_the_signer_hears_of_it(
    script: Script, store: Store, ada: Person, held: AccountId, connector: SaidConnector
) -> None:
    answer = await script.ask("PATCH", f"/accounts/{held}/limits", body=TIGHTER)

    assert answer.status == 200, answer.text
    now = await script.get(f"/accounts/{held}/limits")
    assert answer.json == now
    assert {name: now[name] for name in TIGHTER} == TIGHTER
    assert now["max_open_positions"] == 4
    assert [account for account, _ in connector.drawn] == [held]
    assert "limits.changed" in {each.kind for each in await store.audit_of(ada.user_id)}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"leverage_cap": 9}, "leverage_cap"),
        ({"risk_per_trade": "0.011"}, "risk_per_trade"),
        ({"max_open_positions": 5}, "max_open_positions"),
        ({"equity_share_per_position": "1"}, "equity_share_per_position"),
        ({"drawdown": {"warn": "0.08", "block_entries": "0.15", "reduce": "0.20", "flatten": None}}, "drawdown"),
        ({"daily_loss": {"warn": "0.03", "block_entries": "0.04", "reduce": "0.06", "flatten": "0.08"}}, "daily_loss"),
        (
            {"margin_level_floor": {"warn": "2.5", "block_entries": "2", "reduce": "1.6", "flatten": "1.1"}},
            "margin_level_floor",
        ),
        ({"leverage_cap": 1, "risk_per_trade": "0.5"}, "risk_per_trade"),
    ],
)
async def test_no_token_raises_a_limit_not_even_beside_one_that_it_lowers(
    script: Script, held: AccountId, connector: SaidConnector, change: dict[str, object], named: str
) -> None:
    before = await script.get(f"/accounts/{held}/limits")

    answer = await script.ask("PATCH", f"/accounts/{held}/limits", body=change)

    assert answer.status == 403
    assert named in answer.json["error"]["message"]
    assert await script.get(f"/accounts/{held}/limits") == before
    assert connector.drawn == []


@pytest.mark.parametrize(
    "change",
    [{"allowed_pairs": ["ETH/USD"]}, {"allowed_pairs": []}, {"risk_per_trade": "0"}, {"risk_per_trade": "1" * 60}],
)
async def test_limits_that_make_no_sense_are_refused(
    script: Script, held: AccountId, change: dict[str, object]
) -> None:
    assert (await script.ask("PATCH", f"/accounts/{held}/limits", body=change)).status in (409, 422)


async def test_limits_stay_where_the_signer_cannot_hear_of_them(
    script: Script, held: AccountId, connector: SaidConnector
) -> None:
    before = await script.get(f"/accounts/{held}/limits")
    connector.not_drawn = "The signer does not answer."

    assert (await script.ask("PATCH", f"/accounts/{held}/limits", body=TIGHTER)).status == 503
    assert await script.get(f"/accounts/{held}/limits") == before


async def test_other_scopes_change_nothing(
    app: FastAPI, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    other = Script(app, await token_of(store, ada, time(), READ, EXITS, RESUME))

    assert (await other.ask("PUT", f"/accounts/{held}/assignments", body={"assignments": []})).status == 403
    assert (await other.ask("PATCH", f"/accounts/{held}/limits", body={"leverage_cap": 1})).status == 403


async def test_a_role_that_was_taken_away_takes_the_scope_along(
    script: Script, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    from jarvis.domain.people import AuditEntry

    noted = AuditEntry("role.changed", time(), "cli", ada.user_id)
    await store.set_role(ada.user_id, Role.VIEWER, noted=noted, told="")

    answer = await script.ask("PATCH", f"/accounts/{held}/limits", body={"leverage_cap": 1})

    assert answer.status in (401, 403)


async def test_flattening_one_pair_says_which(
    app: FastAPI, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    script = Script(app, await token_of(store, ada, time(), EXITS))

    asked = await script.ask("POST", f"/accounts/{held}/flatten?pair=BTC/USD")
    unknown = await script.ask("POST", f"/accounts/{held}/flatten?pair=NO/PAIR")

    assert (asked.status, unknown.status) == (202, 409)
    assert [str(each.pair) for each in await store.take_commands(held)] == ["BTC/USD"]
