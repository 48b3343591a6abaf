"""Connecting and disconnecting keys, strategies, limits, arming."""

import re
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.store.records import AccountState, TradingAccount
from jarvis.trading.limits import Limits
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER

API_KEY = "aB3kPq7ZxV2nL9wT4cR1Ej6oD8mY5sF0iG3hN7uXvaB3kPq7ZxV2nL9w"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
RULES = ("daily_loss", "drawdown", "margin_level_floor")
TIERS = ("warn", "block_entries", "reduce", "flatten")
PASTED = {"environment": "sandbox", "api_key": API_KEY, "api_secret": SECRET}


async def only_account(store: Store) -> TradingAccount:
    person = await store.person_by_email(OWNER)
    assert person is not None
    (account,) = await store.accounts_of(person.user_id)
    return account


async def paste(owner: Browser, **changed: str) -> Answer:
    """Paste a key; the page that says what became of it."""
    answer = await owner.submit("/account/connect/kraken", {**PASTED, **changed}, page="/account")
    return await owner.get(answer.header("location")) if answer.status == 303 else answer


async def test_a_disconnected_key_is_gone_from_the_page_and_from_the_store(owner: Browser, store: Store) -> None:
    await paste(owner)
    account = await only_account(store)
    confirm = f"/account/{account.account_id}/disconnect"

    answer = await owner.submit(confirm, {})

    assert answer.status == 303
    assert not (await only_account(store)).is_connected
    assert account.account_id not in (await owner.get("/account?said=disconnected")).text


async def test_disconnecting_with_something_open_warns_first(owner: Browser, account: AccountId) -> None:
    page = await owner.get(f"/account/{account}/disconnect")

    assert "Something is still open." in page.text


def arm_fields(**changed: object) -> dict[str, object]:
    return {
        "leverage_cap": "4", "risk_per_trade": "0.5", "equity_share_per_position": "20", "max_open_positions": "2",
        "daily_loss-warn": "1", "daily_loss-flatten": "5", "drawdown-flatten": "20",
        "margin_level_floor-flatten": "150", "allowed": ["BTC/USD"], **changed,
    }  # fmt: skip


async def limit(owner: Browser, account: TradingAccount, **changed: object) -> Answer:
    """Set limits: see what changes, and press the button."""
    here = f"/desk/{account.account_id}/limits"
    fields = {name: value for name, value in arm_fields(**changed).items() if isinstance(value, str | list)}
    emptied = {f"{rule}-{tier}": "" for rule in RULES for tier in TIERS}
    asked = {**emptied, **fields}
    shown = await owner.get(f"{here}/change?{urlencode(asked, doseq=True)}")
    seen = re.findall(r'name="seen" value="([^"]+)"', shown.text)
    if not seen:
        page = await owner.get(f"{here}/form")
        return await owner.post(here, {"form_token": page.token, **asked})
    return await owner.post(here, {"form_token": shown.token, "seen": seen[0], **asked})


async def arm(owner: Browser, account: TradingAccount, **changed: object) -> Answer:
    """Set limits and arm."""
    answer = await limit(owner, account, **changed)
    if answer.status != 303:
        return answer
    page = f"/account/{account.account_id}/trading"
    return await owner.submit(f"/account/{account.account_id}/arm", {}, page=page)


async def follow(owner: Browser, account: TradingAccount, **changed: str) -> Answer:
    """Put a strategy on a pair: the form as it is offered, see what changes, and press the button."""
    here = f"/desk/{account.account_id}/strategies"
    form = (await owner.get(f"{here}/form?strategy=moving_average_crossover")).text
    fields = dict(re.findall(r'name="(parameter-[a-z_]+)" type="number"[^>]*? value="([^"]+)"', form))
    for select, body in re.findall(r'<select[^>]*name="(parameter-[a-z_]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        fields[select] = re.findall(r"<option selected>([^<]+)<", body)[0]
    fields |= {
        "strategy": "moving_average_crossover", "pair": "BTC/USD", "interval": "300", "parameter-fast_bars": "10",
        "parameter-slow_bars": "30", **changed,
    }  # fmt: skip
    shown = await owner.get(f"{here}/change?{urlencode(fields)}")
    seen = re.findall(r'name="seen" value="([^"]+)"', shown.text)
    return await owner.post(
        here, {"form_token": (await owner.get("/account")).token, "seen": seen[0] if seen else "", **fields}
    )


async def test_limits_and_a_strategy_are_kept_exactly_and_the_account_is_armed(owner: Browser, store: Store) -> None:
    await paste(owner)
    added = await follow(owner, await only_account(store))
    armed = await arm(owner, await only_account(store))

    account = await only_account(store)
    assert (added.status, armed.status) == (303, 303)
    assert account.state is AccountState.ARMED
    assert account.assignments[0].values["fast_bars"] == 10
    assert account.limits == Limits(
        leverage_cap=4,
        equity_share_per_position=Decimal("0.2"),
        risk_per_trade=Decimal("0.005"),
        max_open_positions=2,
        daily_loss=type(account.limits.daily_loss)(warn=Decimal("0.01"), flatten=Decimal("0.05")),
        drawdown=type(account.limits.drawdown)(flatten=Decimal("0.2")),
        margin_level_floor=type(account.limits.margin_level_floor)(flatten=Decimal("1.5")),
        allowed_pairs=account.limits.allowed_pairs,
    )
    assert {str(pair) for pair in account.limits.allowed_pairs} == {"BTC/USD"}


async def test_an_account_without_a_strategy_is_armed_for_what_is_opened_by_hand(owner: Browser, store: Store) -> None:
    await paste(owner)

    page = await owner.get(f"/account/{(await only_account(store)).account_id}/trading")
    answer = await arm(owner, await only_account(store))

    account = await only_account(store)
    assert "Jarvis opens nothing by itself" in page.text
    assert answer.status == 303
    assert (account.state, account.assignments) == (AccountState.ARMED, ())
    assert account.limits.leverage_cap == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"leverage_cap": "50"}, "Between 1 and 10"),
        ({"leverage_cap": "2.5"}, "In steps of 1"),
        ({"risk_per_trade": "NaN"}, "Write a number"),
        ({"risk_per_trade": ""}, "Write a number"),
        ({"equity_share_per_position": "1e9"}, "Between 0.1 and 100"),
        ({"allowed": []}, "at least one of the pairs"),
        ({"allowed": ["DOGE/EUR"]}, "at least one of the pairs"),
        ({"daily_loss-warn": "9"}, "a stronger action cannot come at a smaller loss"),
    ],
)
async def test_limits_that_cannot_work_are_refused_with_a_word(
    owner: Browser, store: Store, changed: dict[str, object], words: str
) -> None:
    await paste(owner)
    before = (await only_account(store)).limits

    answer = await arm(owner, await only_account(store), **changed)

    assert answer.status == 422
    assert words in answer.text
    assert (await only_account(store)).limits == before


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"parameter-fast_bars": "40"}, "fewer bars than the slow one"),
        ({"parameter-fast_bars": "x"}, "Fast average: a number between"),
        ({"pair": "XMR/USD"}, "at least one of the pairs"),
        ({"interval": "7"}, "bar sizes"),
        ({"strategy": "get_rich"}, "no such strategy"),
    ],
)
async def test_a_strategy_that_cannot_work_is_refused_with_a_word(
    owner: Browser, store: Store, changed: dict[str, str], words: str
) -> None:
    await paste(owner)

    answer = await follow(owner, await only_account(store), **changed)

    assert answer.status == 422
    assert words in answer.text
    assert (await only_account(store)).assignments == ()


async def test_a_strategy_is_removed_and_the_account_disarmed(owner: Browser, account: AccountId, store: Store) -> None:
    page = f"/desk/{account}/strategies/change?stop=BTC%2FUSD"
    seen = re.findall(r'name="seen" value="([^"]+)"', (await owner.get(page)).text)[0]

    await owner.submit(f"/desk/{account}/strategies", {"stop": "BTC/USD", "seen": seen}, page=page)
    await owner.submit(f"/account/{account}/disarm", {}, page=f"/account/{account}/trading")

    changed = await only_account(store)
    assert changed.assignments == ()
    assert changed.state is AccountState.DISARMED
