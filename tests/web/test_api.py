"""The API for scripts: by token alone, within its scopes, and never a word of what was sent."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from jarvis.accounts.tokens import MadeToken, Tokens
from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry, Person, Role, Scope
from jarvis.store.db import Store
from jarvis.store.records import CommandKind
from jarvis.web.api import TOKEN_RATE
from tests.web import day
from tests.web.client import Answer, Browser
from tests.web.conftest import Time

HASH = "$argon2id$v=19$m=12288,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
READ, EXITS, RESUME = Scope.READ, Scope.EXITS, Scope.RESUME
CANARY = "canaryV4xT9mQ2"
BODIES: dict[tuple[str, str], object] = {
    ("put", "/accounts/{account_id}/assignments"): {"assignments": []},
    ("patch", "/accounts/{account_id}/limits"): {"leverage_cap": 1},
    ("post", "/accounts/{account_id}/orders"): {"pair": "BTC/USD", "side": "long", "quantity": "1", "stop_price": "1"},
    ("post", "/accounts/{account_id}/orders/card"): {
        "pair": "BTC/USD",
        "side": "long",
        "quantity": "1",
        "stop_price": "1",
    },
    ("post", "/accounts/{account_id}/positions/{position_id}/adjust"): {"trailing": True},
    ("post", "/accounts/{account_id}/positions/{position_id}/close"): {},
}


def filled(path: str, account: str) -> str:
    """The path with ids in it, and what it must be asked with."""
    full = path.format(account_id=account, position_id="BTC-1", client_order_id="none", command_id=1, hook_id="none")
    return f"{full}?pair=BTC/USD" if path.endswith("/candles") else full


async def person_of(store: Store, name: str, now: datetime, role: Role = Role.TRADER) -> Person:
    person = Person(UserId(f"{name}000000000000"[:16]), f"{name}@example.org", HASH, role, now)
    assert await store.add_person(person)
    return person


async def token_of(store: Store, person: Person, now: datetime, *scopes: Scope, days: int = 30) -> str:
    made = await Tokens(store).make(
        person,
        now,
        label="a script",
        scopes=scopes,
        expires_at=now + timedelta(days=days),
        noted=AuditEntry("token.made", now, person.user_id, person.user_id),
    )
    assert isinstance(made, MadeToken)
    return made.secret


class Script:
    """Asks as a script does: no cookies, no signs of a browser."""

    def __init__(self, app: FastAPI, token: str = "") -> None:
        self._browser = Browser(app)
        self.token = token

    async def ask(self, method: str, path: str, *, body: object = None, **headers: str) -> Answer:
        self._browser.cookies.clear()
        known = {"authorization": f"Bearer {self.token}"} if self.token else {}
        known["idempotency-key"] = "a-wish-of-a-test"
        sent = b"" if body is None else json.dumps(body).encode()
        if sent:
            known["content-type"] = "application/json"
        return await self._browser.send(method, f"/api/v1{path}", {**known, **headers}, sent)

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer.text
        return answer.json


@pytest.fixture
async def ada(store: Store, time: Time) -> Person:
    return await person_of(store, "ada", time())


@pytest.fixture
async def held(store: Store, ada: Person) -> AccountId:
    """Ada's account in the middle of its day."""
    return await day.lived(store, ada.user_id)


@pytest.fixture
async def script(app: FastAPI, store: Store, ada: Person, time: Time) -> Script:
    return Script(app, await token_of(store, ada, time(), READ, EXITS, RESUME))


async def test_a_script_reads_what_its_owner_may_look_at(script: Script, ada: Person, held: AccountId) -> None:
    me = await script.get("/me")
    accounts = (await script.get("/accounts"))["accounts"]
    account = await script.get(f"/accounts/{held}")
    positions = (await script.get(f"/accounts/{held}/positions"))["positions"]
    orders = (await script.get(f"/accounts/{held}/orders"))["orders"]
    entries = (await script.get(f"/accounts/{held}/ledger"))["entries"]

    assert (me["user_id"], me["scopes"]) == (ada.user_id, ["exits", "read", "resume"])
    assert [each["account_id"] for each in accounts] == [held]
    assert account["margin"]["equity"] == "25312.4471"
    assert account["margin"]["at"].endswith("Z")
    assert {each["pair"] for each in positions if each["closed_at"] is None} == {"BTC/USD", "SOL/USD"}
    assert all(isinstance(each["quantity"], str) for each in (*positions, *orders))
    assert len({each["client_order_id"] for each in orders}) == len(orders) >= 6
    assert entries[0]["at"] >= entries[-1]["at"]


@pytest.mark.parametrize("kind", [CommandKind.PAUSE, CommandKind.RESUME, CommandKind.FLATTEN])
async def test_a_command_is_handed_to_the_accounts_trader(
    script: Script, store: Store, held: AccountId, kind: CommandKind
) -> None:
    answer = await script.ask("POST", f"/accounts/{held}/{kind.value}")

    (kept,) = await store.take_commands(held)
    assert (answer.status, answer.json) == (202, {"asked": kind.value, "command_id": kept.command_id})
    assert kept.kind is kind
    assert (await script.get(f"/commands/{kept.command_id}"))["is_finished"] is False
    await store.finish_command(kept.command_id, "done")
    assert await script.get(f"/commands/{kept.command_id}") == {
        "command_id": kept.command_id, "is_finished": True, "result": "done"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [((READ,), {"get"}), ((EXITS,), {"pause", "flatten"}), ((RESUME,), {"resume"}), ((READ, EXITS), {"get", "pause"})],
)
async def test_a_token_is_good_for_its_scopes_alone(
    app: FastAPI, store: Store, ada: Person, held: AccountId, time: Time, scopes: tuple[Scope, ...], allowed: set[str]
) -> None:
    script = Script(app, await token_of(store, ada, time(), *scopes))

    for word in ("get", "pause", "resume", "flatten"):
        path = f"/accounts/{held}" if word == "get" else f"/accounts/{held}/{word}"
        answer = await script.ask("GET" if word == "get" else "POST", path)
        is_allowed = word in allowed or (word in ("pause", "flatten") and EXITS in scopes)

        assert (answer.status < 300) == is_allowed, word
        assert answer.status in (200, 202, 403)
    assert (await script.ask("GET", "/me")).status == 200


async def test_strangers_and_accounts_that_are_none_answer_alike(
    app: FastAPI, store: Store, held: AccountId, time: Time
) -> None:
    mallory = await person_of(store, "mallory", time())
    stranger = Script(app, await token_of(store, mallory, time(), *Scope))

    await stranger.ask("GET", "/me")
    operations = [
        (method, path)
        for path, methods in (await stranger.get("/openapi.json"))["paths"].items()
        for method in methods
        if "{account_id}" in path
    ]
    for method, path in operations:
        real = await stranger.ask(method.upper(), filled(path, held), body=BODIES.get((method, path)))
        made_up = await stranger.ask(method.upper(), filled(path, "none"), body=BODIES.get((method, path)))
        time.pass_by(timedelta(seconds=1))

        assert real.status == made_up.status == 404, path
        assert real.body == made_up.body
    assert len(operations) >= 20
    assert (await stranger.get("/accounts"))["accounts"] == []
    assert await store.take_commands(held) == []


async def test_a_viewers_script_reads_what_was_shared_and_asks_for_nothing(
    app: FastAPI, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    viewer = await person_of(store, "vera", time(), Role.VIEWER)
    script = Script(app, await token_of(store, viewer, time(), READ))
    assert (await script.ask("GET", f"/accounts/{held}")).status == 404

    noted = AuditEntry("viewing.granted", time(), ada.user_id, ada.user_id)
    await store.grant_viewing(ada.user_id, viewer.email, noted=noted)

    assert (await script.get(f"/accounts/{held}"))["is_own"] is False
    assert (await script.ask("POST", f"/accounts/{held}/pause")).status == 403


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer jvs_" + "A" * 43, "Basic YTpi", f"Bearer {CANARY}", "jvs_"])
async def test_nothing_but_a_living_token_gets_in(app: FastAPI, held: AccountId, header: str) -> None:
    answer = await Script(app).ask("GET", "/me", **({"authorization": header} if header else {}))

    assert answer.status == 401
    assert answer.header("www-authenticate") == "Bearer"
    assert answer.json["error"]["code"] == "unauthorized"
    assert CANARY not in answer.text


async def test_a_token_dies_with_its_day_and_with_its_person(
    script: Script, store: Store, ada: Person, time: Time
) -> None:
    await store.suspend(ada.user_id, noted=AuditEntry("person.suspended", time(), "cli", ada.user_id))
    suspended = await script.ask("GET", "/me")
    await store.restore(ada.user_id, noted=AuditEntry("person.restored", time(), "cli", ada.user_id), told="")
    restored = await script.ask("GET", "/me")
    time.pass_by(timedelta(days=31))

    assert suspended.status == 401
    assert restored.status in (200, 401)  # a suspension may end the tokens for good
    assert (await script.ask("GET", "/me")).status == 401


async def test_a_sessions_cookie_is_nothing_here(app: FastAPI, owner: Browser) -> None:
    answer = await owner.get("/api/v1/accounts")

    assert answer.status == 401


async def test_a_page_of_somebody_else_cannot_ask_even_with_a_token(
    script: Script, held: AccountId, store: Store
) -> None:
    for signs in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = await script.ask("POST", f"/accounts/{held}/pause", **signs)

        assert answer.status == 403
        assert answer.json["error"]["code"] == "forbidden"
        assert answer.header("access-control-allow-origin") == ""
    assert await store.take_commands(held) == []


async def test_too_many_requests_of_a_token_wait_and_others_do_not(
    app: FastAPI, script: Script, store: Store, time: Time
) -> None:
    other = Script(app, await token_of(store, await person_of(store, "grace", time()), time(), READ))
    answers = [await script.ask("GET", "/me") for _ in range(TOKEN_RATE.burst + 1)]

    assert {each.status for each in answers[:-1]} == {200}
    assert answers[-1].status == 429
    assert int(answers[-1].header("retry-after")) >= 1
    assert (await other.ask("GET", "/me")).status == 200
    time.pass_by(TOKEN_RATE.every)
    assert (await script.ask("GET", "/me")).status == 200


async def test_guessing_tokens_is_slowed_down_by_address(app: FastAPI) -> None:
    guesser = Script(app, "jvs_" + "B" * 43)

    statuses = [(await guesser.ask("GET", "/me")).status for _ in range(25)]

    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_what_does_not_fit_is_not_said_again(script: Script, held: AccountId) -> None:
    for path in (
        f"/accounts/{CANARY}",
        f"/accounts/{held}/ledger?cursor={CANARY}",
        f"/accounts/{held}/positions?cursor=WyJvcmRlcnMiLCIyMDI2IiwiMSJd",
        f"/accounts/{held}/candles?pair={CANARY}",
        f"/accounts/{held}/orders?limit={CANARY}",
        f"/{CANARY}",
    ):
        answer = await script.ask("GET", path)

        assert answer.status in (404, 422)
        assert set(answer.json["error"]) == {"code", "message"}
        assert CANARY not in answer.text
