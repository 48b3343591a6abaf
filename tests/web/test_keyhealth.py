"""A key's health on its card and on the desk."""

from dataclasses import replace

import pytest
from fastapi import FastAPI

from jarvis.domain.account import Environment, UserId
from jarvis.store.db import Store
from jarvis.store.records import AccountState, TradingAccount
from jarvis.web.app import create_app
from jarvis.web.connecting.keyhealth import outbound_address
from jarvis.web.security import WebSettings
from tests.web import day
from tests.web.client import Browser
from tests.web.conftest import OWNER, SaidConnector, Time
from tests.web.second_factor import Seeds

ADDRESS = "198.35.26.96"


async def connected(store: Store, verdict: str = "accepted", **told: object) -> TradingAccount:
    found = await store.person_by_email(OWNER)
    assert found is not None
    account_id = await day.connect(store, found.user_id, Environment.SANDBOX, 1)
    await store.update_permissions(account_id, told, verdict, Time().at)
    account = await store.account(UserId(found.user_id), account_id)
    assert account is not None
    return account


async def test_the_card_says_from_where_a_key_works_and_how_to_revoke_it(owner: Browser, store: Store) -> None:
    await connected(store, is_bound=False)

    page = (await owner.get("/account")).text

    assert "any address" in page
    assert "Revoke this key" in page
    assert "Find the key by its name, open it and delete it." in page
    assert "JARVIS_OUTBOUND_ADDRESS" in page


async def test_the_operators_address_is_shown_for_copying(
    store: Store, connector: SaidConnector, time: Time, owner: Browser, app: FastAPI, settings: WebSettings
) -> None:
    await connected(store, is_bound=True)
    said = create_app(replace(settings, outbound_address=ADDRESS), store, connector, seeds=Seeds(), now=time)
    page = (await replace(owner, app=said).get("/account")).text

    assert "listed addresses only" in page
    assert f'value="{ADDRESS}"' in page
    assert "readonly" in page


async def test_an_address_that_the_venue_named_is_shown_when_nobody_set_one(owner: Browser, store: Store) -> None:
    account = await connected(store)
    reason = f"the venue does not accept the key: OKX: 50110: Your IP {ADDRESS} is not included in your API key's list."
    await store.set_account_state(account.account_id, AccountState.BLIND, reason, Time().at)

    assert f'value="{ADDRESS}"' in (await owner.get("/account")).text


@pytest.mark.parametrize(
    ("reason", "address"),
    [
        (f"Your IP {ADDRESS} is not", ADDRESS),
        (f"request ip: {ADDRESS}.", ADDRESS),
        ("from 2a00:1450:4001::200e: refused", "2a00:1450:4001::200e"),
        ("from 10.0.0.7, 127.0.0.1", ""),
        ("code 50110 at 12:30:45", ""),
        ("", ""),
    ],
)
async def test_only_a_public_address_is_taken_from_a_venues_words(
    owner: Browser, store: Store, reason: str, address: str
) -> None:
    account = replace(await connected(store), state_reason=reason)

    assert outbound_address("", [account]) == address
    assert outbound_address("1.1.1.1", [account]) == "1.1.1.1"


async def test_a_key_that_may_too_much_is_said_on_the_card_and_on_the_desk(owner: Browser, store: Store) -> None:
    account = await connected(store, "refused", advice=["Untick “Withdraw”."])

    for path in ("/account", f"/desk/{account.account_id}"):
        page = (await owner.get(path)).text
        assert "Untick “Withdraw”." in page
        assert "Nothing is opened with this key" in page
