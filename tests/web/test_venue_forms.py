"""The form of each venue: what it shows, what it takes, and whose keys it sends back."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.store.db import Store
from jarvis.web.connecting.pasting import amid
from jarvis.web.connecting.venues import FORMS
from tests.web import day
from tests.web.client import Answer, Browser
from tests.web.conftest import SaidConnector
from tests.web.test_account import API_KEY, SECRET
from tests.web.test_desk import owner_id, words

LETTERS = "aB3kPq7ZxV2nL9wT4cR1Ej6oD8mY5sF0iG3hN7uXvaB3kPq7ZxV2nL9wT4cR1Ej6oD8mY5sF0"
KEYS = {
    "kraken": {"api_key": API_KEY, "api_secret": SECRET},
    "binance": {"api_key": LETTERS[:64], "api_secret": LETTERS[4:68], "execution_venue": "cross"},
    "okx": {
        "api_key": "985d5b66-57ce-40fb-b714-afc0b9787083",
        "api_secret": "0F1E2D3C4B5A69788796A5B4C3D2E1F0",
        "api_passphrase": " Three-lanterns 9 ",
    },
    "bybit": {"api_key": LETTERS[:18], "api_secret": LETTERS[5:41]},
}
VENUE_NAMES = tuple(KEYS)


async def paste(owner: Browser, venue: str, **changed: str) -> Answer:
    fields = {"environment": "sandbox", **KEYS[venue], **changed}
    answer = await owner.submit(f"/account/connect/{venue}", fields, page=f"/account/connect/{venue}?step=paste")
    return await owner.get(answer.header("location")) if answer.status == 303 else answer


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_every_venues_form_has_its_own_words(owner: Browser, venue: str) -> None:
    form = FORMS[VenueName(venue)]

    page = (await owner.get(f"/account/connect/{venue}?step=paste")).text

    assert f'action="/account/connect/{venue}"' in page
    for said in (form.title, form.key_label, form.secret_label):
        assert said in words(page)
    assert ('id="api_passphrase"' in page) is (venue == "okx")
    assert ('name="execution_venue"' in page) is (venue == "binance")
    for name in ("api_secret", "api_passphrase"):
        assert all('type="password"' in field for field in re.findall(rf'<input id="{name}"[^>]*>', page))


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_pasted_key_reaches_the_connector_whole(owner: Browser, connector: SaidConnector, venue: str) -> None:
    answer = await paste(owner, venue)

    assert answer.status == 200
    ((_, _, api_key, secret),) = connector.given
    assert (api_key, secret) == (KEYS[venue]["api_key"], KEYS[venue]["api_secret"])
    ((asked, passphrase, chosen),) = connector.chosen
    assert asked == venue
    assert passphrase == KEYS[venue].get("api_passphrase", "")
    assert chosen == KEYS[venue].get("execution_venue", "")
    assert f'<h2 id="card-{(await card_id(owner))}">{FORMS[asked].title}</h2>' in (await owner.get("/account")).text
    assert not any(value in answer.text for value in KEYS[venue].values() if value != "cross")


@pytest.mark.parametrize("choice", ["cross", "isolated"])
async def test_which_margin_account_of_binance_is_meant_reaches_the_connector(
    owner: Browser, connector: SaidConnector, choice: str
) -> None:
    await paste(owner, "binance", execution_venue=choice)

    assert connector.chosen == [("binance", "", choice)]


@pytest.mark.parametrize("choice", ["", "portfolio"])
async def test_a_margin_account_that_binance_has_not_is_sent_back(
    owner: Browser, connector: SaidConnector, choice: str
) -> None:
    answer = await paste(owner, "binance", execution_venue=choice)

    assert answer.status == 422
    assert "Choose one of those offered." in answer.text
    assert connector.given == []


@pytest.mark.parametrize("venue", ["binance", "okx", "bybit"])
async def test_an_empty_field_gets_its_own_sentence(owner: Browser, connector: SaidConnector, venue: str) -> None:
    form = FORMS[VenueName(venue)]
    sentences = {
        "api_key": f"Copy the value that {form.title} calls {form.key_label}.",
        "api_secret": f"Copy the value that {form.title} calls {amid(form.secret_label)}.",
    }
    if form.has_passphrase:
        sentences["api_passphrase"] = "Type the passphrase that you chose when you made the key."

    for name, sentence in sentences.items():
        answer = await paste(owner, venue, **{name: ""})

        assert answer.status == 422
        said = re.sub(r'data-pasting="[^"]*"', "", answer.text)  # what the browser could say
        assert [each for each in sentences.values() if each in said] == [sentence]
        assert not any(value in answer.text for value in KEYS[venue].values() if len(value) > 10)
    assert connector.given == []


@pytest.mark.parametrize("form", VENUE_NAMES)
@pytest.mark.parametrize("key", VENUE_NAMES)
async def test_a_key_of_another_venue_is_sent_back_with_that_venues_name(
    owner: Browser, connector: SaidConnector, form: str, key: str
) -> None:
    pasted = {name: value for name, value in KEYS[key].items() if name != "execution_venue"}

    answer = await paste(owner, form, **pasted)

    assert (answer.status == 200) is (form == key)
    assert bool(connector.given) is (form == key)
    if form != key:
        key_title, form_title = (FORMS[VenueName(name)].title for name in (key, form))
        assert f"This looks like a key of {key_title}, not of {form_title}. Connect {key_title} instead" in answer.text
        assert f'href="/account/connect/{key}?step=paste&amp;environment=sandbox"' in answer.text
        assert not any(value in answer.text for value in pasted.values())


async def test_a_card_says_what_a_confirmed_key_may_still_do_and_where_it_trades(
    owner: Browser, store: Store, account: AccountId
) -> None:
    person = await owner_id(store)
    risk = "Whoever holds this key could move money."
    await day.connect(store, person, Environment.SANDBOX, 2, VenueName("okx"), risks=(risk,))

    plain, risky = words((await owner.get("/account")).text).split("OKX Sandbox Not armed")

    assert "Permissions no withdrawal, no transfer" in plain
    assert "no withdrawal; 1 risk was confirmed" in risky
    assert risk in risky
    assert "no transfer" not in risky
    assert "Execution venue okx.com" in risky


async def test_a_card_counts_down_to_the_end_of_a_key_that_ends(
    owner: Browser, store: Store, account: AccountId
) -> None:
    endless = words((await owner.get("/account")).text)
    checked = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ends = {"expires_at": (checked + timedelta(days=41, hours=3)).isoformat()}
    await store.update_permissions(account, ends, "accepted_with_risk", checked)

    ending = words((await owner.get("/account")).text)

    assert "Key ends" not in endless
    assert "Key ends in 41 d 3 h on 11 Apr 2026, 15:00:00" in ending


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_secret_in_a_field_that_keeps_none_is_refused_whole(
    owner: Browser, connector: SaidConnector, venue: str
) -> None:
    secret = KEYS[venue]["api_secret"]

    answer = await paste(owner, "bybit", environment=f" {secret} ")

    assert answer.status == 422
    assert "looks like an exchange&#39;s private key" in answer.text
    assert secret not in answer.text
    assert connector.given == []


async def test_a_private_key_file_in_a_field_that_keeps_none_is_refused_whole(owner: Browser) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAA\n-----END PRIVATE KEY-----"

    answer = await paste(owner, "binance", execution_venue=pem)

    assert "looks like an exchange&#39;s private key" in answer.text


async def card_id(owner: Browser) -> str:
    found = re.search(r'id="card-(\w+)"', (await owner.get("/account")).text)
    assert found
    return found.group(1)
