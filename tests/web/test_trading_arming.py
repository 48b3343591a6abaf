"""Arming, on every way to it: with real money a strategy was rehearsed first, or a person typed that it was not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, Environment
from jarvis.domain.instrument import Pair
from jarvis.domain.people import Scope
from jarvis.store.db import Store
from jarvis.store.records import AccountState, Assignment, TradingAccount
from jarvis.trading import judged, rehearsal
from jarvis.trading.cautious import cautious_limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import resolve
from tests.web import day, samples
from tests.web.client import Answer, Browser
from tests.web.conftest import SaidConnector, Time
from tests.web.crowd import add_verdict, verdict_of
from tests.web.test_api import READ, Script, token_of
from tests.web.test_api_rules import FOLLOW
from tests.web.test_beginning import as_offered
from tests.web.test_desk import owner_id, words
from tests.web.test_strategies import press

DONCHIAN = STRATEGIES["donchian_breakout"]
LINE = Assignment(DONCHIAN.name, samples.BTC, timedelta(minutes=15), resolve(DONCHIAN, {}))
OVERRIDE = f"{rehearsal.OVERRIDE} and without a good verdict"


@pytest.fixture
async def live(owner: Browser, store: Store) -> AccountId:
    """An account with real money that follows a strategy and has limits, not armed."""
    person = await owner_id(store)
    account = await day.connect(store, person, Environment.LIVE, 5)
    await store.save_assignments(person, account, [LINE])
    await store.save_limits(person, account, cautious_limits([samples.BTC]))
    return account


async def now(store: Store, account: AccountId) -> TradingAccount:
    found = await store.account(await owner_id(store), account)
    assert found is not None
    return found


async def judge(store: Store, time: Time, line: Assignment = LINE, *, is_well: bool = True) -> None:
    """The owner was answered about what the account follows."""
    person = await owner_id(store)
    number = len(await store.verdicts_of(person))
    await add_verdict(store, person, verdict_of(person, time(), line, is_well=is_well, verdict_id=f"verdict-{number}"))


async def arm(owner: Browser, account: AccountId, words_typed: str = "") -> Answer:
    page = f"/account/{account}/trading"
    return await owner.submit(f"/account/{account}/arm", {"words": words_typed}, page=page)


async def test_without_a_rehearsal_the_page_says_what_is_missing_and_does_not_arm(
    owner: Browser, live: AccountId, store: Store, connector: SaidConnector
) -> None:
    page = await owner.get(f"/account/{live}/trading")
    answer = await arm(owner, live, "yes, please")

    assert "Donchian breakout : no closed position on the sandbox yet; 5 are asked for" in words(page.text)
    assert answer.status == 422
    assert "Not rehearsed enough." in answer.text
    assert (await now(store, live)).state is AccountState.DISARMED
    assert connector.drawn == []


async def test_whoever_types_the_words_arms_and_the_audit_keeps_it(
    owner: Browser, live: AccountId, store: Store, connector: SaidConnector
) -> None:
    answer = await arm(owner, live, OVERRIDE)

    assert answer.header("location") == f"/account/{live}/trading?said=armed"
    account = await now(store, live)
    assert account.is_armed
    assert connector.drawn == [(live, account.limits)]
    (line,) = await store.audit_of(account.owner_id, kinds=("account.armed",))
    assert line.details is not None
    assert (line.details["unrehearsed"], line.details["typed"]) == (DONCHIAN.name, OVERRIDE)
    assert line.details["unproven"] == (
        "donchian_breakout on BTC/USD: nobody has asked yet whether to believe it with these values"
    )
    (told,) = [each.message for each in await store.notices_of(account.owner_id) if "was armed" in each.message]
    assert told.endswith("A strategy was not rehearsed on the sandbox. A strategy has no good verdict.")
    await owner.submit(f"/account/{live}/disarm", {}, page=f"/account/{live}/trading")
    again = await arm(owner, live, judged.OVERRIDE)
    assert again.status == 303, "it has traded with real money now: no rehearsal is asked for again"


async def test_a_good_verdict_about_these_very_values_is_enough_and_a_bad_one_is_told(
    owner: Browser, live: AccountId, store: Store, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis.trading.rehearsal.ENOUGH_CLOSED", 0)
    monkeypatch.setattr("jarvis.trading.rehearsal.ENOUGH_TIME", timedelta(0))
    await judge(store, time, replace(LINE, interval=timedelta(hours=1)))
    await judge(store, time, replace(LINE, pair=Pair.parse("ETH/USD")))
    await judge(store, time, replace(LINE, values={**LINE.values, "sides": "long only"}))
    others = await arm(owner, live)
    await judge(store, time, is_well=False)
    bad = await arm(owner, live, rehearsal.OVERRIDE)
    time.pass_by(timedelta(minutes=1))
    await judge(store, time)
    good = await arm(owner, live)

    assert others.status == bad.status == 422
    assert "nobody has asked yet" in others.text
    assert "speaks against it: Does it survive doubled costs?" in bad.text
    assert good.status == 303
    (line,) = await store.audit_of(await owner_id(store), kinds=("account.armed",))
    assert "typed" not in (line.details or {})


async def test_a_verdict_wears_out(owner: Browser, live: AccountId, store: Store, time: Time) -> None:
    await judge(store, time)
    page = words((await owner.get(f"/account/{live}/trading")).text)
    time.pass_by(judged.LASTS + timedelta(seconds=1))
    person = await owner_id(store)
    account = await store.account(person, live)
    assert account is not None
    (kept,) = await store.verdicts_of(person)

    standing = judged.standing_of(LINE.strategy, "BTC/USD", kept.judgement.subject, "kraken", [kept.judgement], time())

    assert "nobody has asked" not in page
    assert f"type “{rehearsal.OVERRIDE}”" in page
    assert standing.so_far.endswith("is older than 90 days")


async def test_one_changed_value_of_an_armed_account_asks_for_a_verdict_of_its_own(
    app: FastAPI, owner: Browser, live: AccountId, store: Store, time: Time
) -> None:
    await judge(store, time)
    await arm(owner, live, rehearsal.OVERRIDE)
    person = await store.person(await owner_id(store))
    assert person is not None
    script = Script(app, await token_of(store, person, time(), READ, Scope.TRADE))
    told = (await script.get(f"/accounts/{live}/assignments"))["assignments"]
    changed = [{**each, "values": {**each["values"], "sides": "long only"}} for each in told]

    same = await script.ask("PUT", f"/accounts/{live}/assignments", body={"assignments": told})
    other = await script.ask("PUT", f"/accounts/{live}/assignments", body={"assignments": changed})
    listed = (await script.get("/verdicts"))["verdicts"]

    assert same.status == 200
    assert other.status == 409
    assert "No good verdict for real money" in other.text
    assert [(each["strategy"], each["is_well"], each["coins"]) for each in listed] == [(DONCHIAN.name, True, ["BTC"])]


async def test_five_closed_positions_on_the_sandbox_are_enough(
    owner: Browser, account: AccountId, live: AccountId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = [each for each in await store.strategy_runs(await owner_id(store)) if each.strategy == DONCHIAN.name]
    assert (run.is_live, run.closed) == (False, 1)
    assert (await arm(owner, live)).status == 422
    monkeypatch.setattr("jarvis.trading.rehearsal.ENOUGH_CLOSED", 1)

    answer = await arm(owner, live, judged.OVERRIDE)

    assert answer.status == 303
    (line,) = await store.audit_of(await owner_id(store), kinds=("account.armed",))
    assert "unrehearsed" not in (line.details or {})


async def test_nobody_elses_rehearsal_counts(stranger: Browser, live: AccountId, owner: Browser, store: Store) -> None:
    person = await store.person_by_email("mallory@example.org")
    assert person is not None
    await day.lived(store, person.user_id)

    assert [run for run in await store.strategy_runs(await owner_id(store)) if run.strategy == DONCHIAN.name] == []


async def test_the_wizard_holds_to_the_same(owner: Browser, store: Store) -> None:
    fresh = await day.connect(store, await owner_id(store), Environment.LIVE, 6)
    path = f"/account/{fresh}/begin"
    fields = {"then": "arm", **as_offered(await owner.get(path), path)}

    refused = await owner.submit(path, fields)
    kept = await now(store, fresh)
    armed = await owner.submit(path, {**fields, "strategy": "as-before", "words": OVERRIDE})

    assert refused.status == 422
    assert "Not rehearsed enough." in refused.text
    assert kept.state is AccountState.DISARMED
    assert kept.limits.allowed_pairs, "what was set is kept"
    assert armed.header("location") == f"{path}?said=armed"


async def test_a_new_strategy_on_an_armed_account_with_real_money_is_arming(
    owner: Browser, live: AccountId, store: Store, time: Time
) -> None:
    await arm(owner, live, OVERRIDE)
    form = f"/desk/{live}/strategies/change?strategy=moving_average_crossover&pair=SOL%2FUSD&interval=900&" + "&".join(
        f"parameter-{each.name}={each.default}".replace(" ", "+")
        for each in STRATEGIES["moving_average_crossover"].parameters
    )
    shown = await owner.get(form)

    refused = await press(owner, live, shown)
    kept = await press(owner, live, shown, words=OVERRIDE)
    time.pass_by(timedelta(minutes=11))
    stopped = await press(owner, live, await owner.get(f"/desk/{live}/strategies/change?stop=SOL%2FUSD"))

    assert "New to real money." in shown.text
    assert refused.status == 422
    assert kept.status == 303
    assert stopped.status == 303, "following less needs no proof"
    assert [line.strategy for line in (await now(store, live)).assignments] == [DONCHIAN.name]


async def test_without_a_fresh_proof_no_new_strategy_gets_at_real_money(
    owner: Browser, live: AccountId, store: Store, time: Time
) -> None:
    await arm(owner, live, OVERRIDE)
    query = "&".join(
        f"parameter-{each.name}={each.default}".replace(" ", "+") for each in STRATEGIES["rsi_pullback"].parameters
    )
    shown = await owner.get(f"/desk/{live}/strategies/change?strategy=rsi_pullback&pair=SOL%2FUSD&interval=900&{query}")
    time.pass_by(timedelta(minutes=11))

    answer = await press(owner, live, shown, words=OVERRIDE)

    assert answer.status == 403
    assert len((await now(store, live)).assignments) == 1


async def test_a_script_cannot_do_without_a_rehearsal(
    app: FastAPI, owner: Browser, live: AccountId, store: Store, time: Time
) -> None:
    await arm(owner, live, OVERRIDE)
    person = await store.person(await owner_id(store))
    assert person is not None
    script = Script(app, await token_of(store, person, time(), READ, Scope.TRADE))
    wish = {**FOLLOW, "strategy": "moving_average_crossover", "values": {}}
    values = resolve(DONCHIAN, FOLLOW["values"])  # type: ignore[arg-type]
    await judge(
        store, time, replace(LINE, pair=Pair.parse(str(FOLLOW["pair"])), interval=timedelta(hours=1), values=values)
    )

    refused = await script.ask("PUT", f"/accounts/{live}/assignments", body={"assignments": [wish]})
    allowed = await script.ask("PUT", f"/accounts/{live}/assignments", body={"assignments": [FOLLOW]})
    so_far = (await script.get("/rehearsals"))["rehearsals"]

    assert refused.status == 409
    assert "Not rehearsed enough for real money" in refused.text
    assert allowed.status == 200
    assert {each["strategy"]: each["is_enough"] for each in so_far}[DONCHIAN.name] is True
    assert {each["strategy"]: each["is_enough"] for each in so_far}["moving_average_crossover"] is False


async def test_what_is_used_of_limits_is_told_to_scripts_as_to_people(
    app: FastAPI, owner: Browser, account: AccountId, store: Store, time: Time
) -> None:
    person = await store.person(await owner_id(store))
    assert person is not None
    script = Script(app, await token_of(store, person, time(), READ))

    told = await script.get(f"/accounts/{account}/limits/used")

    found = {each["name"]: each for each in told["uses"]}
    assert (found["max_open_positions"]["used"], found["max_open_positions"]["limit"]) == ("2", "4")
    assert found["equity_share_per_position"]["pair"] == "BTC/USD"
    assert [each["rule"] for each in told["ladders"]] == ["daily_loss", "drawdown", "margin_level"]
    assert told["ladders"][0]["rungs"][-1] == {
        "action": "flatten", "threshold": "0.08", "is_reached": False, "quote": "USD", "equity": "23092",
    }  # fmt: skip
