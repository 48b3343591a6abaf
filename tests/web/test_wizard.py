"""The way to a connected key: each step, what a check shows, leaving and coming back, and nobody else's."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, Balance, Environment, MarginState, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.domain.people import ConnectStep
from jarvis.store.connecting import Connecting
from jarvis.store.db import Store
from jarvis.venues.catalog import VENUES
from jarvis.venues.permissions import TABLES, Need
from jarvis.web.connecting.connect import Funds, PermissionLine, Restrictions
from jarvis.web.connecting.venues import FORMS
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, SANDBOX, SaidConnector, Time, sign_in
from tests.web.second_factor import enrol_app, prove
from tests.web.test_account import API_KEY, PASTED, SECRET, only_account, paste
from tests.web.test_desk import owner_id, words

KRAKEN = "/account/connect/kraken"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
USD = Asset("USD")
MISSING = PermissionLine("Query Funds", needed=True, granted=False, advice="Tick “Funds Permissions: Query Funds”.")
TOO_MUCH = PermissionLine("Withdraw Funds", needed=False, granted=True, advice="Untick “Withdraw Funds”.")
GOOD = PermissionLine("Create & Modify Orders", needed=True, granted=True, advice="", group="Orders & Trades")


async def way_of(store: Store) -> Connecting:
    (way,) = await store.connecting_of(await owner_id(store))
    return way


def funds(total: str) -> Funds:
    amount = Decimal(total)
    held = (Balance(USD, amount, amount),) if amount else ()
    return Funds(held, MarginState(USD, AT, amount, amount, Decimal(0), amount, Decimal(0), None))


# Choosing and making the key


async def test_every_venue_and_its_sandbox_can_be_begun(owner: Browser, store: Store) -> None:
    page = await owner.get("/account/connect")

    begun = re.findall(r'action="/account/connect/(\w+)/step".*?value="(sandbox|live)"', page.text, re.DOTALL)
    assert begun == [(venue, environment) for venue in VENUES for environment in ("sandbox", "live")]
    answer = await owner.post(
        "/account/connect/okx/step", {"form_token": page.token, "environment": "live", "step": "key"}
    )
    assert (answer.status, answer.header("location")) == (303, "/account/connect/okx?step=key")
    way = await way_of(store)
    assert (way.venue, way.environment, way.step) == ("okx", Environment.LIVE, ConnectStep.KEY)


@pytest.mark.parametrize("venue", VENUES)
async def test_the_first_step_names_every_box_and_the_sandboxs_page(owner: Browser, venue: VenueName) -> None:
    page = await owner.get(f"/account/connect/{venue}")

    assert f'{SANDBOX}/{venue}/settings/api"' in page.text
    assert f"/docs/onboarding/{venue}" in page.text
    for box in TABLES[venue].boxes:
        kind = {Need.REQUIRED: "on", Need.FORBIDDEN: "off"}.get(box.need)
        label = re.escape(html.escape(box.label.rpartition(": ")[2]))
        shown = re.search(rf'<li class="(on|off)">(?:(?!</li>).)*<span>{label}<', page.text, re.DOTALL)
        assert (shown.group(1) if shown else None) == kind, box.label
    assert 'aria-current="step"' in page.text
    assert FORMS[venue].before in words((await owner.get(f"/account/connect/{venue}?environment=live")).text)


async def test_a_venue_that_there_is_not_is_not_found(owner: Browser) -> None:
    for path in ("/account/connect/mtgox", "/account/connect/Kraken"):
        assert (await owner.get(path)).status == 404
        for below in ("", "/step", "/check", "/confirm", "/forget"):
            assert (await owner.submit(f"{path}{below}", dict(PASTED), page="/account")).status == 404


async def test_without_a_sandbox_there_is_nothing_to_rehearse(
    owner: Browser, connector: SaidConnector, app: FastAPI
) -> None:
    answer = await paste(owner, environment="paper")

    assert answer.status == 422
    assert connector.given == []


# Pasting


async def test_a_good_key_is_handed_over_cleaned_and_is_never_shown_again(
    owner: Browser, connector: SaidConnector
) -> None:
    answer = await paste(
        owner, api_key=f"  “{API_KEY[:20]}\n{API_KEY[20:]}\u200b” ", api_secret=f"\tsecret: {SECRET}\r\n"
    )

    ((_, environment, api_key, secret),) = connector.given
    assert (environment, api_key, secret) == (Environment.SANDBOX, API_KEY, SECRET)
    assert "Accepted" in answer.text
    assert "API key: quotation marks taken off." in answer.text
    for value in (API_KEY, SECRET, API_KEY[:20], SECRET[:20]):
        assert value not in answer.text
        assert value not in (await owner.get(f"{KRAKEN}?step=paste")).text


async def test_swapped_values_are_noticed_and_go_nowhere(owner: Browser, connector: SaidConnector) -> None:
    answer = await paste(owner, api_key=SECRET, api_secret=API_KEY)

    assert answer.status == 422
    assert "seem swapped" in answer.text
    assert "Nothing was sent to Kraken" in answer.text
    assert connector.given == []
    assert API_KEY not in answer.text
    assert SECRET not in answer.text


@pytest.mark.parametrize(("name", "value"), [("api_key", API_KEY[:-1]), ("api_secret", SECRET[4:])])
async def test_half_a_key_is_noticed_and_goes_nowhere(
    owner: Browser, connector: SaidConnector, name: str, value: str
) -> None:
    answer = await paste(owner, **{name: value})

    assert answer.status == 422
    assert "Copy it again" in answer.text
    assert connector.given == []
    assert value not in answer.text


async def test_the_key_form_is_not_remembered_by_the_browser(owner: Browser) -> None:
    page = (await owner.get(f"{KRAKEN}?step=paste")).text

    form = page[page.index(f'action="{KRAKEN}"') :]
    assert 'autocomplete="off"' in form
    assert re.search(r'id="api_secret"[^>]*type="password"', form)


async def test_a_reload_of_the_result_sends_no_secret_again(owner: Browser, connector: SaidConnector) -> None:
    answer = await owner.submit(KRAKEN, PASTED, page=f"{KRAKEN}?step=paste")
    await owner.get(answer.header("location"))
    await owner.get(answer.header("location"))

    assert (answer.status, answer.header("location")) == (303, f"{KRAKEN}?step=check")
    assert len(connector.given) == 1


# What a check shows


async def test_a_refused_key_gets_its_table_with_the_box_to_untick_and_must_be_pasted_again(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.verdict, connector.rows = "refused", (GOOD, TOO_MUCH)

    answer = await paste(owner)

    rows = re.findall(r'<tr class="(row-\w+)">(.*?)</tr>', answer.text, re.DOTALL)
    assert [kind for kind, _ in rows] == ["row-good", "row-bad"]
    assert "Untick “Withdraw Funds”." in rows[1][1]
    assert 'href="/docs/onboarding/kraken#' in rows[1][1]
    assert "ticked" in words(rows[0][1])
    assert "Refused" in answer.text
    assert 'name="pending"' not in answer.text
    assert "is not kept here, not even for a minute" in answer.text
    assert (await way_of(store)).step is ConnectStep.CHECK


async def test_an_incomplete_key_is_checked_again_without_being_pasted_anew(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.verdict, connector.rows = "incomplete", (MISSING,)
    shown = await paste(owner)
    connector.verdict, connector.rows = "accepted", (replace(MISSING, granted=True, advice=""),)

    answer = await owner.post(f"{KRAKEN}/check", {"form_token": shown.token, "pending": "waiting"})

    assert "Tick “Funds Permissions: Query Funds”." in shown.text
    assert answer.status == 303
    assert "Set the limits" in (await owner.get(answer.header("location"))).text
    assert (await only_account(store)).is_connected
    assert len(connector.given) == 1


async def test_a_key_that_is_not_kept_any_more_is_asked_for_again(owner: Browser, store: Store) -> None:
    answer = await owner.submit(f"{KRAKEN}/check", {"pending": "gone"}, page="/account")

    page = await owner.get(answer.header("location"))
    assert "This key is not kept any more." in page.text
    assert (await way_of(store)).step is ConnectStep.PASTE


async def test_remaining_risks_are_confirmed_once_before_anything_is_stored(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.verdict, connector.risks = "accepted_with_risk", ("The key never expires.",)
    shown = await paste(owner)
    assert "The key never expires." in shown.text

    unticked = await owner.post(f"{KRAKEN}/confirm", {"form_token": shown.token, "pending": "waiting"})
    assert await store.accounts_of(await owner_id(store)) == []
    ticked = await owner.post(
        f"{KRAKEN}/confirm", {"form_token": shown.token, "pending": "waiting", "confirmed": "yes"}
    )

    assert unticked.status == 422
    account = await only_account(store)
    assert ticked.header("location") == f"/account/{account.account_id}/begin?said=connected"
    assert (await way_of(store)).account_id == account.account_id


async def test_a_confirmation_of_nothing_is_answered_with_what_to_do(owner: Browser) -> None:
    answer = await owner.submit(f"{KRAKEN}/confirm", {"pending": "gone", "confirmed": "yes"}, page="/account")

    assert answer.status == 422
    assert "Paste it again" in answer.text


@pytest.mark.parametrize(
    ("said", "expected", "absent"),
    [
        (funds("0"), "Nothing there yet. Deposit at Kraken", "Equity"),
        (funds("1234.5"), "Equity 1,234.50 USD Free collateral 1,234.50 USD", "Nothing there yet"),
        (Funds(failure="the venue was busy"), "could not be read. This says nothing about how much is there", "Equity"),
    ],
)
async def test_the_first_funds_are_shown_and_a_failed_read_is_not_an_empty_account(
    owner: Browser, connector: SaidConnector, said: Funds, expected: str, absent: str
) -> None:
    connector.funds = said

    shown = words((await paste(owner)).text)

    assert expected in shown
    assert absent not in shown


async def test_it_is_said_from_where_a_key_works_and_when_it_ends(owner: Browser, connector: SaidConnector) -> None:
    connector.restrictions = Restrictions(is_bound=False, checked_at=AT, ends_at=AT + timedelta(days=41, hours=3))
    loose = words((await paste(owner)).text)
    connector.restrictions = Restrictions(is_bound=True, checked_at=AT)
    bound = words((await paste(owner, api_key=API_KEY[::-1])).text)

    assert "Works from any address." in loose
    assert "Add this installation's outbound address to the key's IP restrictions" in html.unescape(loose)
    assert "Ends in 41 d 3 h" in loose
    assert "Works from listed addresses only." in bound
    assert "Never ends. Give it an expiry date at Kraken" in bound


async def test_each_pair_says_what_the_venue_lends_and_how_it_was_asked(
    owner: Browser, connector: SaidConnector
) -> None:
    connector.lent = ((Pair.parse("BTC/USD"), 10), (Pair.parse("BNB/USD"), 5))

    shown = words((await paste(owner)).text)

    assert "BTC/USD 10 \N{MULTIPLICATION SIGN}" in shown
    assert "BNB/USD 5 \N{MULTIPLICATION SIGN}" in shown
    assert "ETH/USD not lent now" in shown
    assert "sent to be validated only" in shown


# Leaving and coming back


async def test_the_account_page_continues_where_the_person_was(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.verdict, connector.rows = "refused", (TOO_MUCH,)
    page = await owner.get("/account/connect")
    await owner.post(f"{KRAKEN}/step", {"form_token": page.token, "environment": "sandbox", "step": "key"})
    first = words((await owner.get("/account")).text)
    await owner.post(f"{KRAKEN}/step", {"form_token": page.token, "environment": "sandbox", "step": "paste"})
    second = words((await owner.get("/account")).text)
    await paste(owner)
    third = await owner.get("/account")

    assert "Continue connecting Kraken: step 1 of 5" in first
    assert "Continue connecting Kraken: step 2 of 5" in second
    assert "Continue connecting Kraken: step 3 of 5" in words(third.text)
    there = re.search(r'href="(/account/connect/kraken\?step=check)"', third.text)
    assert there
    assert "Untick “Withdraw Funds”." in (await owner.get(there.group(1))).text
    assert "Untick “Withdraw Funds”." in (await owner.get(KRAKEN)).text


async def test_a_way_that_is_forgotten_is_gone(owner: Browser, store: Store) -> None:
    page = await owner.get("/account/connect")
    await owner.post(f"{KRAKEN}/step", {"form_token": page.token, "environment": "live", "step": "paste"})

    answer = await owner.submit(f"{KRAKEN}/forget", {}, page="/account")

    assert answer.status == 303
    assert await store.connecting_of(await owner_id(store)) == []
    assert "Continue connecting" not in (await owner.get("/account")).text


async def test_what_an_earlier_check_said_of_another_environment_is_left_out(
    owner: Browser, connector: SaidConnector
) -> None:
    connector.verdict, connector.rows = "refused", (TOO_MUCH,)
    await paste(owner)

    page = await owner.get(f"{KRAKEN}?step=check&environment=live")

    assert "Withdraw Funds”" not in page.text
    assert "Check the key" in page.text


async def test_nothing_that_was_pasted_is_kept_with_the_way(
    owner: Browser, connector: SaidConnector, store: Store
) -> None:
    connector.verdict = "incomplete"
    await paste(owner)

    told = (await way_of(store)).told_json

    assert API_KEY not in told
    assert SECRET not in told


async def test_a_second_factor_is_asked_for_first_and_the_way_goes_on_after_it(
    app: FastAPI, time: Time, store: Store
) -> None:
    person = await sign_in(app, OWNER)
    page = await person.get("/account/connect")
    await person.post(f"{KRAKEN}/step", {"form_token": page.token, "environment": "sandbox", "step": "paste"})
    asked = await person.get(f"{KRAKEN}?step=paste")
    before = await person.get("/account/security")

    await enrol_app(person, PASSWORD, time())
    after = await person.get("/account/security?said=totp")

    assert "Add a second factor" in asked.text
    assert "api_secret" not in asked.text
    assert f'href="{KRAKEN}?step=paste"' not in before.text
    assert f'href="{KRAKEN}?step=paste"' in after.text
    assert "Continue connecting Kraken: step 2 of 5" in words(after.text)
    assert "api_secret" in (await person.get(f"{KRAKEN}?step=paste")).text


async def test_an_old_proof_is_renewed_and_leads_back_to_the_very_step(owner: Browser, time: Time) -> None:
    time.pass_by(timedelta(minutes=11))

    page = await owner.get("/account/connect/okx?step=paste&environment=live")

    assert "api_secret" not in page.text
    assert "/prove?then=/account/connect/okx%3Fstep%3Dpaste%26environment%3Dlive" in html.unescape(page.text)


# Replacing


async def test_a_key_is_replaced_on_its_own_account(
    owner: Browser, account: AccountId, connector: SaidConnector
) -> None:
    page = await owner.get(f"{KRAKEN}?step=paste&replace={account}")
    answer = await owner.post(
        KRAKEN, {"form_token": page.token, "account": account, "api_key": API_KEY, "api_secret": SECRET}
    )

    link = f'href="{KRAKEN}?step=key&amp;replace={account}"'
    assert link in (await owner.get("/account")).text
    assert "Replace the key of Kraken" in page.text
    assert 'name="environment"' not in page.text
    assert answer.status == 303
    assert connector.replaced == [account]
    assert connector.noted[-1].kind == "key.replaced"
    assert f"/account/{account}/begin" in (await owner.get(answer.header("location"))).text


async def test_nobody_replaces_the_key_of_another(
    stranger: Browser, account: AccountId, connector: SaidConnector
) -> None:
    assert (await stranger.get(f"{KRAKEN}?replace={account}")).status == 404
    page = await stranger.get("/account")
    for path in (KRAKEN, f"{KRAKEN}/step"):
        answer = await stranger.post(
            path,
            {"form_token": page.token, "account": account, "step": "paste", "api_key": API_KEY, "api_secret": SECRET},
        )

        assert answer.status == 404
    assert connector.given == []


async def test_a_key_is_replaced_by_one_of_the_same_venue_only(
    owner: Browser, account: AccountId, connector: SaidConnector
) -> None:
    page = await owner.get(f"{KRAKEN}?replace={account}")
    answer = await owner.post(
        "/account/connect/bybit",
        {"form_token": page.token, "account": account, "api_key": "aB3" * 6, "api_secret": "cD4" * 12},
    )

    assert answer.status == 404
    assert connector.given == []


async def test_a_viewer_has_no_way_to_a_key(app: FastAPI, store: Store, owner: Browser, stranger: Browser) -> None:
    from tests.web.conftest import STRANGER, share

    await share(store, OWNER, STRANGER)

    for path in ("/account/connect", KRAKEN, f"{KRAKEN}?step=paste"):
        assert (await stranger.get(path)).status in (303, 403)


async def test_the_proof_of_a_code_leads_to_the_step(app: FastAPI, time: Time) -> None:
    person = await sign_in(app, OWNER)
    device = await enrol_app(person, PASSWORD, time())
    time.pass_by(timedelta(minutes=11))

    answer = await prove(person, device, time(), f"{KRAKEN}?step=paste")

    assert answer.header("location") == f"{KRAKEN}?step=paste"


async def test_the_answer_of_every_step_is_a_page(owner: Browser) -> None:
    answers: list[Answer] = [
        await owner.get(f"{KRAKEN}?step={step}") for step in ("key", "paste", "check", "limits", "x")
    ]

    assert [answer.status for answer in answers] == [200] * 5
