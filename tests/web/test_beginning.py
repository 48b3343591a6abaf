"""The last steps: cautious limits in words, one strategy, then armed or left for later."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Pair
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from jarvis.trading.cautious import CAUTIOUS, cautious_limits
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.web.trading.money import Equity, promises
from tests.web.client import Answer, Browser, Fields
from tests.web.conftest import SaidConnector, Time
from tests.web.page_forms import forms_on
from tests.web.test_account import only_account, paste
from tests.web.test_desk import owner_id, words
from tests.web.test_wizard import funds

BTC, SOL = Pair.parse("BTC/USD"), Pair.parse("SOL/USD")


@pytest.fixture
async def fresh(owner: Browser, store: Store) -> AccountId:
    """An account that was connected a moment ago, by the wizard."""
    await paste(owner)
    return (await only_account(store)).account_id


def as_offered(page: Answer, path: str) -> dict[str, str | list[str]]:
    """What the form holds when nothing was changed on it."""
    text = page.text[page.text.index(f'action="{path}"') :]
    fields: dict[str, str | list[str]] = {"pair": re.findall(r'name="pair" value="([^"]+)" checked', text)}
    fields |= dict(re.findall(r'name="([a-z_-]+)" type="number" value="([^"]+)"', text))
    fields["interval"] = re.findall(r'<option value="(\d+)" selected', text)[0]
    fields["strategy"] = re.findall(r'name="strategy" value="([^"]+)" required checked', text)[0]
    return fields


async def submit(owner: Browser, account: AccountId, **changed: str | list[str]) -> Answer:
    path = f"/account/{account}/begin"
    fields: Fields = {"then": "arm", **as_offered(await owner.get(path), path), **changed}
    return await owner.submit(path, fields)


async def test_what_is_offered_can_be_armed_as_it_is(
    owner: Browser, fresh: AccountId, store: Store, connector: SaidConnector
) -> None:
    answer = await submit(owner, fresh)

    account = await only_account(store)
    assert (answer.status, answer.header("location")) == (303, f"/account/{fresh}/begin?said=armed")
    assert account.state is AccountState.ARMED
    assert account.limits == cautious_limits([BTC, SOL])
    assert [(line.strategy, line.pair) for line in account.assignments] == [
        (next(iter(STRATEGIES)), BTC),
        (next(iter(STRATEGIES)), SOL),
    ]
    assert {line.interval for line in account.assignments} == {timedelta(minutes=15)}
    assert connector.drawn == [(fresh, account.limits)]
    assert await store.connecting_of(await owner_id(store)) == []
    shown = await owner.get(answer.header("location"))
    assert "Kraken is armed" in shown.text
    assert f'href="/desk/{fresh}"' in shown.text


async def test_what_was_chosen_is_what_is_followed_and_allowed(owner: Browser, fresh: AccountId, store: Store) -> None:
    await submit(owner, fresh, strategy="donchian_breakout", pair=["SOL/USD"], interval="3600", leverage_cap="1")

    account = await only_account(store)
    (line,) = account.assignments
    assert (line.strategy, line.pair, line.interval) == ("donchian_breakout", SOL, timedelta(hours=1))
    assert account.limits == replace(CAUTIOUS, leverage_cap=1, allowed_pairs=frozenset({SOL}))


async def test_arming_later_keeps_what_was_set_and_where_one_was(
    owner: Browser, fresh: AccountId, store: Store, connector: SaidConnector
) -> None:
    answer = await submit(owner, fresh, then="later", max_open_positions="1")

    account = await only_account(store)
    assert answer.header("location") == "/account"
    assert account.state is AccountState.DISARMED
    assert account.limits.max_open_positions == 1
    assert connector.drawn == []
    page = await owner.get("/account")
    assert "Continue connecting Kraken: step 4 of 5" in words(page.text)
    assert f'href="/account/{fresh}/begin"' in page.text
    assert "As before" in (await owner.get(f"/account/{fresh}/begin")).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pair": []}, "at least one of the pairs"),
        ({"pair": ["DOGE/EUR"]}, "at least one of the pairs"),
        ({"strategy": "get_rich"}, "Choose one of those offered."),
        ({"strategy": "as-before"}, "Choose one of those offered."),
        ({"interval": "7"}, "bar sizes"),
        ({"leverage_cap": "11"}, "Between 1 and 10"),
        ({"risk_per_trade": "x"}, "Write a number"),
        ({"daily_loss-warn": "50"}, "a stronger action cannot come at a smaller loss"),
    ],
)
async def test_what_cannot_work_is_sent_back_and_nothing_is_kept(
    owner: Browser, fresh: AccountId, store: Store, changed: dict[str, str | list[str]], said: str
) -> None:
    before = await only_account(store)

    answer = await submit(owner, fresh, **changed)

    assert answer.status == 422
    assert said in answer.text
    assert await only_account(store) == before


async def test_without_a_policy_nothing_is_armed(
    owner: Browser, fresh: AccountId, store: Store, connector: SaidConnector
) -> None:
    connector.not_drawn = "Kraken could not be asked for prices. Nothing was changed; try again in a moment."

    answer = await submit(owner, fresh)

    assert answer.status == 422
    assert "could not be asked for prices" in answer.text
    assert (await only_account(store)).state is AccountState.DISARMED


async def test_an_old_proof_is_renewed_first(owner: Browser, fresh: AccountId, store: Store, time: Time) -> None:
    time.pass_by(timedelta(minutes=11))

    page = await owner.get(f"/account/{fresh}/begin")
    answer = await owner.post(f"/account/{fresh}/begin", {"form_token": page.token, "then": "arm"})

    assert f'href="/prove?then=/account/{fresh}/begin"' in page.text
    assert answer.status == 403
    assert (await only_account(store)).state is AccountState.DISARMED


async def test_an_armed_account_is_not_armed_anew(
    owner: Browser, account: AccountId, store: Store, connector: SaidConnector
) -> None:
    before = await only_account(store)
    page = await owner.get(f"/account/{account}/begin")

    answer = await owner.post(
        f"/account/{account}/begin", {"form_token": page.token, "then": "arm", "leverage_cap": "9"}
    )

    assert "is armed" in page.text
    assert forms_on("/x", page.text)[0].action == "/sign-out"
    assert answer.status == 303
    assert await only_account(store) == before
    assert connector.drawn == []


async def test_after_replacing_a_key_one_goes_on_as_before(
    owner: Browser, account: AccountId, store: Store, connector: SaidConnector
) -> None:
    await store.set_account_state(account, AccountState.DISARMED, "", (await only_account(store)).connected_at)
    before = await only_account(store)

    answer = await submit(owner, account)

    after = await only_account(store)
    assert answer.status == 303
    assert after.state is AccountState.ARMED
    assert after.assignments == before.assignments
    assert after.limits.allowed_pairs == {line.pair for line in before.assignments}


async def test_the_limits_are_said_in_money_once_the_funds_are_known(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.funds = funds("20000")
    await paste(owner)
    account = await only_account(store)

    shown = words((await owner.get(f"/account/{account.account_id}/begin")).text)

    assert "There are 20,000.00 USD at Kraken." in shown
    assert "0.5 % of your equity (now 100.00 USD)" in shown


async def test_an_empty_account_is_told_to_deposit(owner: Browser, connector: SaidConnector, store: Store) -> None:
    connector.funds = funds("0")
    await paste(owner)
    account = await only_account(store)

    assert (
        "deposit there before anything can be traded" in (await owner.get(f"/account/{account.account_id}/begin")).text
    )


def test_every_promise_is_one_that_the_limits_keep() -> None:
    limits = Limits(
        leverage_cap=3, risk_per_trade=Decimal("0.02"), max_open_positions=5, allowed_pairs=frozenset({BTC})
    )

    said = " ".join(promises(limits, Equity(Decimal(1000), "USD")))

    for part in ("3x", "2 % of your equity (now 20.00 USD)", "No more than 5 positions", "8 % of your equity"):
        assert part in said
    assert "now" not in " ".join(promises(limits, None))


def test_the_cautious_limits_are_stricter_than_the_usual_in_every_way() -> None:
    usual = Limits()

    assert CAUTIOUS.leverage_cap < usual.leverage_cap
    assert CAUTIOUS.risk_per_trade < usual.risk_per_trade
    assert CAUTIOUS.max_open_positions < usual.max_open_positions
    for name in ("daily_loss", "drawdown"):
        pairs = zip(getattr(CAUTIOUS, name).given(), getattr(usual, name).given(), strict=True)
        assert all(mine < theirs for (_, mine), (_, theirs) in pairs)
    pairs = zip(CAUTIOUS.margin_level_floor.given(), usual.margin_level_floor.given(), strict=True)
    assert all(mine > theirs for (_, mine), (_, theirs) in pairs)
