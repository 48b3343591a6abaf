"""Trading by hand over the API: a wish is handed to the trader once, and what makes no sense is not."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, Environment
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Quote
from jarvis.domain.people import AuditEntry, Person, Scope
from jarvis.notify.kinds import DEFAULTS, Group
from jarvis.notify.quiet import QuietHours
from jarvis.store.db import Store
from jarvis.store.hooks import Fate, Hook
from jarvis.store.records import AccountState, feed_name
from jarvis.store.targets import Target
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.trading.limits import Limits
from jarvis.trading.proposals import Proposal, ProposalAction, Terms
from jarvis.venues.catalog import KRAKEN
from tests.web import day, samples
from tests.web.client import Answer
from tests.web.conftest import Time
from tests.web.test_api import EXITS, READ, Script, person_of, token_of

ETH = Pair.parse("ETH/USD")


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


async def test_the_card_before_an_order_is_that_of_the_pages_and_sends_nothing(
    script: Script, store: Store, ada: Person, held: AccountId
) -> None:
    limits = Limits(allowed_pairs=frozenset({samples.BTC, samples.SOL, ETH}), max_open_positions=5)
    await store.save_limits(ada.user_id, held, limits)
    lent = {"BTC/USD": 10, "SOL/USD": 5, "ETH/USD": 10}
    await store.update_permissions(held, {"granted": [], "leverages": lent}, "accepted", samples.NOW)
    quote = Quote(ETH, Decimal("2600.1"), Decimal("2600.5"), Decimal("2600.3"), samples.NOW)
    await store.record_quotes(feed_name(KRAKEN, Environment.SANDBOX), [quote])
    wish = {"pair": "ETH/USD", "side": "long", "quantity": "0.5", "stop_price": "2500.5", "leverage": 2}

    card = await script.ask("POST", f"/accounts/{held}/orders/card", body=wish)
    too_large = await script.ask("POST", f"/accounts/{held}/orders/card", body={**wish, "quantity": "900"})
    held_already = await script.ask("POST", f"/accounts/{held}/orders/card", body=open_wish())

    assert card.status == 200, card.text
    told = {name: Decimal(card.json[name]) for name in ("price", "quantity", "notional", "margin", "stop", "fee_in")}
    assert told["notional"] == Decimal("0.5") * Decimal("2600.5")
    assert told["margin"] == told["notional"] / 2
    assert (told["stop"], card.json["refused"], card.json["leverage"]) == (Decimal("2500.5"), "", 2)
    assert "is more than your" in too_large.json["refused"]
    assert (held_already.status, await store.take_commands(held)) == (409, [])


async def test_a_script_takes_power_away_and_reads_what_the_pages_say(
    script: Script, store: Store, ada: Person, held: AccountId, time: Time
) -> None:
    terms = Terms(frozenset({samples.BTC}), Decimal(1000))
    hook = Hook("hook-1", ada.user_id, held, "chart", terms, known_sources=False, is_live=True, created_at=time())
    noted = AuditEntry("hook.made", time(), ada.user_id, ada.user_id)
    await store.add_hook(hook, noted=noted, told="")
    await store.set_account_state(held, AccountState.ARMED, "", time())
    long = Proposal(ProposalAction.LONG, samples.BTC, Decimal("0.01"), Decimal(59000))
    await store.keep_proposal(hook, "long 1", long, Fate("refused", "Too large."), time())

    dry = await script.ask("POST", "/hooks/hook-1/dry-run")
    disarmed = await script.ask("POST", f"/accounts/{held}/disarm")
    proposals = (await script.get("/hooks/hook-1/proposals"))["proposals"]
    lines = (await script.get("/audit?kind=account.disarmed"))["lines"]
    results = (await script.get("/results?by=pair"))["results"]
    tax = await script.get("/tax?year=2026&method=hifo")

    assert (dry.status, dry.json["is_live"]) == (200, False)
    (known,) = await store.hooks_of(ada.user_id)
    account = await store.account(ada.user_id, held)
    assert not known.is_live
    assert account is not None
    assert (disarmed.status, account.state) == (200, AccountState.DISARMED)
    assert [(each["fate"], each["words"], each["stop"]) for each in proposals] == [("refused", "Too large.", "59000")]
    assert [each["account_id"] for each in lines] == [held]
    assert {each["key"] for each in results} == {"BTC/USD", "SOL/USD"}
    causes = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "interest", "liquidation", "adjustment")
    for each in results:
        assert sum(Decimal(each[cause]) for cause in causes) == Decimal(each["total"])
    assert (tax["year"], tax["method"], tax["accounts"]) == (2026, "hifo", [held])
    assert {line["kind"] for each in tax["sums"] for line in each["lines"]} >= {"trading_fee"}


async def test_receivers_are_told_without_what_they_are_reached_with(
    script: Script, store: Store, ada: Person, time: Time
) -> None:
    target = Target(
        "receiver-1", ada.user_id, "webhook", "my server", "hooks.example.org", time(), sealed=b"sealed",
        choices=DEFAULTS["webhook"], confirmed_at=time(),
    )  # fmt: skip
    await store.add_target(target, AuditEntry("target.added", time(), ada.user_id, ada.user_id))
    hours = QuietHours("Europe/Berlin", 22 * 60, 7 * 60)
    await store.set_quiet_hours(ada.user_id, hours, AuditEntry("quiet.changed", time(), ada.user_id, ada.user_id))

    told = await script.get("/receivers")

    (receiver,) = told["receivers"]
    assert (receiver["label"], receiver["address"], receiver["kind"]) == ("my server", "hooks.example.org", "webhook")
    assert set(receiver["choices"]) == {group.value for group in Group}
    assert "sealed" not in str(told)
    assert told["quiet"] == {"zone": "Europe/Berlin", "begins": "22:00", "ends": "07:00"}
