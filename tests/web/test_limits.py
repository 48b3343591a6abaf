"""The page of limits: what is used, what changes before it is kept, and who may do which."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

from fastapi import FastAPI
from hypothesis import given

from jarvis.accounts.deeds import NEEDS_PROOF, Deed
from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.trading.limits import Limits
from jarvis.trading.tightening import raised
from jarvis.web.trading.keeping import deed_of
from tests.trading.test_tightening import LIMITS
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, SaidConnector, Time, share, sign_in
from tests.web.page_forms import forms_on
from tests.web.test_account import only_account
from tests.web.test_desk import words

LATER = timedelta(minutes=11)


@given(LIMITS, LIMITS)
def test_lowering_never_needs_a_proof_and_raising_always_does(before: Limits, after: Limits) -> None:
    assert (deed_of(raised(before, after)) in NEEDS_PROOF) == bool(raised(before, after))
    lower = replace(before, leverage_cap=1, max_open_positions=1)
    assert deed_of(raised(before, lower)) is Deed.LOWER_LIMITS


async def change(owner: Browser, account: AccountId, **wished: str) -> tuple[Answer, Answer]:
    """The page that shows the difference, and the answer to its button."""
    here = f"/desk/{account}/limits"
    shown = await owner.get(f"{here}/change?{urlencode(wished)}")
    form = next(form for form in forms_on("/x", shown.text) if form.action == here)
    lists: dict[str, list[str]] = {}
    for name, value in form.hidden:
        lists.setdefault(name, []).append(value)
    return shown, await owner.post(here, lists)


async def test_what_is_used_and_what_a_loss_sets_off_is_said_with_units(owner: Browser, account: AccountId) -> None:
    page = words((await owner.get(f"/desk/{account}/limits")).text)

    assert "Open positions 2 of 4" in page
    assert "Equity per position above 18.02 % of 10 %" in page
    assert "Close everything 8 %" in page
    assert "at an equity of 23,092.00 USD" in page
    assert "Everything is closed at market and the account is paused until you resume it." in page
    assert "One trade that goes wrong costs about 1 % of your equity (now 253.12 USD)" in page
    assert "BTC/USD at 3x" in page


async def test_lowering_is_shown_first_and_then_done_at_once_without_a_proof(
    owner: Browser, account: AccountId, store: Store, time: Time, connector: SaidConnector
) -> None:
    time.pass_by(LATER)

    shown, answer = await change(owner, account, risk_per_trade="0.5")

    assert "Risk per trade 1 % (253.12 USD) → 0.5 % (126.56 USD) lowers" in words(shown.text)
    assert answer.header("location") == f"/desk/{account}/limits?said=lowered"
    kept = await only_account(store)
    assert kept.limits.risk_per_trade == Decimal("0.005")
    assert connector.drawn == [(account, kept.limits)]
    (line,) = await store.audit_of(kept.owner_id, kinds=("limits.changed",))
    assert (line.details or {})["raised"] == ""
    assert "Lowered" in words((await owner.get(f"/desk/{account}/limits")).text)


async def test_lowering_holds_even_when_the_signer_cannot_be_told(
    owner: Browser, account: AccountId, store: Store, connector: SaidConnector
) -> None:
    connector.not_drawn = "The signer does not answer."

    _, answer = await change(owner, account, leverage_cap="1")

    assert answer.header("location").endswith("said=behind")
    assert (await only_account(store)).limits.leverage_cap == 1
    page = await owner.get(answer.header("location"))
    assert "may still sign for the limits before" in page.text


async def test_raising_without_a_fresh_proof_changes_nothing(
    owner: Browser, account: AccountId, store: Store, time: Time
) -> None:
    before = (await only_account(store)).limits
    time.pass_by(LATER)

    shown, answer = await change(owner, account, leverage_cap="5", risk_per_trade="0.5")

    assert "Leverage cap 3x → 5x raises" in words(shown.text)
    assert "/prove?then=" in shown.text
    assert answer.status == 403
    assert (await only_account(store)).limits == before


async def test_raising_is_drawn_first_then_kept_told_and_noted(
    owner: Browser, account: AccountId, store: Store, connector: SaidConnector
) -> None:
    connector.not_drawn = "The signer does not answer."
    _, refused = await change(owner, account, leverage_cap="5")
    assert refused.status == 503
    assert (await only_account(store)).limits.leverage_cap == 3
    connector.not_drawn = ""

    _, answer = await change(owner, account, leverage_cap="5")

    assert answer.header("location").endswith("said=raised")
    kept = await only_account(store)
    assert kept.limits.leverage_cap == 5
    (line,) = await store.audit_of(kept.owner_id, kinds=("limits.changed",))
    assert (line.details or {})["raised"] == "leverage_cap"
    assert "Limits of your account at Kraken were raised: leverage cap." in [
        notice.message for notice in await store.notices_of(kept.owner_id)
    ]


async def test_limits_that_were_changed_meanwhile_are_shown_once_more(
    owner: Browser, account: AccountId, store: Store
) -> None:
    here = f"/desk/{account}/limits"
    shown = await owner.get(f"{here}/change?risk_per_trade=0.5")
    form = next(form for form in forms_on("/x", shown.text) if form.action == here)
    await change(owner, account, leverage_cap="2")

    late = await owner.post(here, dict(form.hidden))

    assert late.status == 409
    assert "changed meanwhile" in late.text
    assert (await only_account(store)).limits.leverage_cap == 2


async def test_a_guest_sees_the_limits_and_no_form(
    app: FastAPI, owner: Browser, account: AccountId, store: Store
) -> None:
    guest = await sign_in(app, "guest@example.org")
    await share(store, OWNER, "guest@example.org")
    for page in ("limits", "strategies"):
        seen = await guest.get(f"/desk/{account}/{page}")

        assert seen.status == 200
        assert [form.action for form in forms_on("/x", seen.text)] == ["/sign-out"]
        assert not re.findall(rf'href="/desk/{account}/{page}/', seen.text)
    assert (await guest.get(f"/desk/{account}/limits/form")).status == 404
    assert (await guest.get(f"/desk/{account}/limits/change?leverage_cap=1")).status == 404
