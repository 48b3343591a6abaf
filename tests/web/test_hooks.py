"""Hooks: made with a proof, heard with their secret only, once and in time; strangers learn nothing."""

import json
import logging
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Side
from jarvis.domain.market import Quote
from jarvis.store.db import Store
from jarvis.store.hooks import MOST_HOOKS, Hook
from jarvis.store.records import AccountState
from jarvis.trading.events import CloseByHand, OpenByHand
from jarvis.web.messages.hooks import PAGE
from jarvis.web.messages.hooks_parse import MAX_BODY_BYTES
from tests.web.client import ORIGIN, Answer, Browser
from tests.web.conftest import OWNER, STRANGER, Time
from tests.web.crowd import person_of
from tests.web.samples import BTC

TRADINGVIEW = "52.89.214.238"
CANARY = "canaryH6rT2wQ9"


class Chart(Browser):
    """Somebody's chart: no cookies, no signs of a browser."""

    async def alert(self, hook_id: str, told: dict[str, Any] | bytes, kind: str = "text/plain") -> Answer:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return await self.send("POST", f"/hooks/{hook_id}", {"content-type": kind}, body)


@pytest.fixture
def chart(app: FastAPI) -> Chart:
    return Chart(app, address=TRADINGVIEW)


async def make(owner: Browser, account: AccountId, **changes: str) -> tuple[str, str]:
    """(id, secret) of a new hook, as its page shows them."""
    fields = {"account": account, "label": "breakout", "pair": "BTC/USD", "most": "1000", "known_sources": "yes"}
    answer = await owner.submit(PAGE, {**fields, **changes})
    assert answer.status == 200, answer.text
    secret = re.search(r'id="secret"[^>]*>([^<]+)<', answer.text)
    address = re.search(rf"{ORIGIN}/hooks/([0-9a-f]+)<", answer.text)
    assert secret
    assert address
    return address[1], secret[1]


@pytest.fixture
async def hook(owner: Browser, account: AccountId) -> tuple[str, str]:
    return await make(owner, account)


def alert_of(secret: str, time: Time, **changes: object) -> dict[str, Any]:
    at = f"{time():%Y-%m-%dT%H:%M:%SZ}"
    told = {"secret": secret, "id": f"long {at}", "time": at, "action": "buy", "pair": "BTCUSD",
            "quantity": "0.01", "stop": "90000"}  # fmt: skip
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


async def kept(store: Store, hook_id: str) -> list[tuple[str, str]]:
    ada = await person_of(store, OWNER)
    return [(each.fate.name, each.fate.words) for each in await store.proposals_of(ada.user_id, hook_id)]


# --- making and ending ------------------------------------------------------------------------------------------------


async def test_a_secret_is_shown_once_and_kept_as_a_hash(
    owner: Browser, store: Store, account: AccountId, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook
    ada = await person_of(store, OWNER)

    pages = [(await owner.get(path)).text for path in (PAGE, f"{PAGE}/{hook_id}", "/account/audit", "/account/notices")]

    assert not [page for page in pages if secret in page]
    (found,) = await store.hooks_of(ada.user_id)
    assert secret.encode() not in found.token_hash
    assert (found.account_id, found.is_live, found.known_sources) == (account, False, True)
    assert secret not in str([line.details for line in await store.audit_of(ada.user_id, kinds=["hook.made"])])


@pytest.mark.parametrize(
    "changes",
    [{"label": ""}, {"label": "x" * 41}, {"most": "0"}, {"most": "lots"}, {"pair": "DOGE/USD"}, {"pair": ""}],
    ids=str,
)
async def test_an_odd_hook_is_not_made(
    owner: Browser, store: Store, account: AccountId, changes: dict[str, str]
) -> None:
    fields = {"account": account, "label": "breakout", "pair": "BTC/USD", "most": "1000", **changes}

    answer = await owner.submit(PAGE, fields)

    assert answer.status == 422
    assert await store.hooks_of((await person_of(store, OWNER)).user_id) == []


async def test_a_hook_on_a_strangers_account_is_not_made(stranger: Browser, store: Store, account: AccountId) -> None:
    fields = {"account": account, "label": "breakout", "pair": "BTC/USD", "most": "1000"}

    assert (await stranger.submit(PAGE, fields)).status == 404
    assert await store.hooks_of((await person_of(store, STRANGER)).user_id) == []


async def test_there_can_be_ten_hooks(owner: Browser, store: Store, account: AccountId) -> None:
    for number in range(MOST_HOOKS):
        await make(owner, account, label=f"number {number}")

    fields = {"account": account, "label": "more", "pair": "BTC/USD", "most": "1000"}
    assert (await owner.submit(PAGE, fields)).status == 422
    assert len(await store.hooks_of((await person_of(store, OWNER)).user_id)) == MOST_HOOKS


async def test_making_and_ending_need_a_fresh_proof_and_an_ended_hook_hears_nothing(
    owner: Browser, store: Store, account: AccountId, time: Time, chart: Chart, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook
    ended = await owner.submit(f"{PAGE}/{hook_id}/end", {}, page=f"{PAGE}/{hook_id}")
    assert ended.header("location") == f"{PAGE}?said=ended"
    assert (await chart.alert(hook_id, alert_of(secret, time))).status == 404

    hook_id, _ = await make(owner, account)
    time.pass_by(timedelta(minutes=11))
    fields = {"account": account, "label": "late", "pair": "BTC/USD", "most": "1000"}
    assert (await owner.submit(PAGE, fields)).status == 403
    assert (await owner.submit(f"{PAGE}/{hook_id}/end", {}, page=PAGE)).status == 403
    assert len(await store.hooks_of((await person_of(store, OWNER)).user_id)) == 1


async def test_a_test_alert_is_a_dry_run_in_the_list(owner: Browser, store: Store, hook: tuple[str, str]) -> None:
    hook_id, _ = hook

    answer = await owner.submit(f"{PAGE}/{hook_id}/test", {}, page=f"{PAGE}/{hook_id}")

    assert answer.header("location") == f"{PAGE}/{hook_id}?said=tested"
    ((fate, words),) = await kept(store, hook_id)
    assert fate in ("dry_run", "refused")
    assert words in (await owner.get(f"{PAGE}/{hook_id}")).text


async def test_a_test_alert_of_a_cheap_pair_has_a_stop_near_its_price(
    owner: Browser, store: Store, time: Time, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, _ = hook
    person = await person_of(store, OWNER)
    found = await store.account(person.user_id, account)
    assert found is not None
    price = Decimal("0.000504")
    await store.record_quotes(found.feed, [Quote(BTC, price, price, price, time())])

    await owner.submit(f"{PAGE}/{hook_id}/test", {}, page=f"{PAGE}/{hook_id}")

    (proposed,) = await store.proposals_of(person.user_id, hook_id)
    assert (proposed.proposal.stop, proposed.proposal.quantity) == (Decimal("0.0004989"), Decimal(992000))


# --- alerts -----------------------------------------------------------------------------------------------------------


async def test_an_alert_is_judged_kept_and_nothing_is_sent(
    owner: Browser, store: Store, time: Time, chart: Chart, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, secret = hook
    before = await store.take_commands(account)

    answer = await chart.alert(hook_id, alert_of(secret, time))

    assert (answer.status, answer.json) == (202, {"fate": "dry_run"})
    ((fate, words),) = await kept(store, hook_id)
    assert fate == "dry_run"
    assert "long of 0.01 BTC" in words
    assert await store.take_commands(account) == before
    page = (await owner.get(f"{PAGE}/{hook_id}")).text
    assert words in page
    assert "dry run" in page


async def test_an_alert_beyond_the_hook_is_kept_as_refused(
    store: Store, time: Time, chart: Chart, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook

    answer = await chart.alert(hook_id, alert_of(secret, time, quantity="5"), kind="application/json")

    assert (answer.status, answer.json) == (202, {"fate": "refused"})
    ((_, words),) = await kept(store, hook_id)
    assert "this hook may propose 1,000.00 USD at most" in words


async def test_a_repeated_alert_does_nothing_however_often(
    store: Store, time: Time, chart: Chart, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook
    told = alert_of(secret, time)

    statuses = []
    for _ in range(30):
        statuses.append((await chart.alert(hook_id, told)).status)
        time.pass_by(timedelta(milliseconds=1500))

    assert statuses[0] == 202
    assert set(statuses[1:]) <= {409, 429}
    assert len(await kept(store, hook_id)) == 1


@pytest.mark.parametrize("seconds", [-61, 61, 3600, -(10**6)])
async def test_a_late_or_early_alert_does_nothing(
    store: Store, time: Time, chart: Chart, hook: tuple[str, str], seconds: int
) -> None:
    hook_id, secret = hook
    told = alert_of(secret, time)
    time.pass_by(timedelta(seconds=seconds))

    assert (await chart.alert(hook_id, told)).status == 422
    assert await kept(store, hook_id) == []


async def test_a_pair_that_is_not_the_hooks_does_nothing(
    store: Store, time: Time, chart: Chart, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook

    assert (await chart.alert(hook_id, alert_of(secret, time, pair="SOLUSD"))).status == 422
    assert await kept(store, hook_id) == []


# --- live -------------------------------------------------------------------------------------------------------------


async def arm(store: Store, account: AccountId, time: Time) -> None:
    await store.set_account_state(account, AccountState.ARMED, "", time())


async def go_live(owner: Browser, hook_id: str, then: str = "live") -> Answer:
    return await owner.submit(f"{PAGE}/{hook_id}/live", {"then": then}, page=f"{PAGE}/{hook_id}")


async def wishes(store: Store, account: AccountId, time: Time) -> list[object]:
    return [each.as_event(time()) for each in await store.take_commands(account) if each.is_by_hand]


async def test_a_live_hook_asks_the_trader_once_for_what_was_judged(
    owner: Browser, store: Store, time: Time, chart: Chart, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, secret = hook
    await arm(store, account, time)
    assert (await go_live(owner, hook_id)).header("location").endswith("said=live")

    told = alert_of(secret, time)
    answers = [await chart.alert(hook_id, told) for _ in range(3)]

    assert [(answer.status, answer.json.get("fate")) for answer in answers] == [(202, "sent"), (409, None), (409, None)]
    (wish,) = await wishes(store, account, time)
    assert isinstance(wish, OpenByHand)
    assert (wish.pair, wish.side, wish.quantity) == (BTC, Side.BUY, Decimal("0.01"))
    assert wish.protection.stop_distance == wish.price - Decimal(90000)
    assert wish.leverage == 3
    assert "has not answered yet" in (await owner.get(f"{PAGE}/{hook_id}")).text
    ada = await person_of(store, OWNER)
    (line,) = await store.audit_of(ada.user_id, kinds=["hook.proposed"])
    assert (line.actor, line.account_id) == ("nobody", account)


async def test_a_live_hook_closes_by_hand_and_opens_nothing_beyond_its_terms(
    owner: Browser, store: Store, time: Time, chart: Chart, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, secret = hook
    await arm(store, account, time)
    await go_live(owner, hook_id)

    closing = await chart.alert(hook_id, alert_of(secret, time, action="close", id="1", quantity=None, stop=None))
    beyond = await chart.alert(hook_id, alert_of(secret, time, quantity="1", id="2"))
    bare = await chart.alert(hook_id, alert_of(secret, time, stop=None, id="3"))

    assert [each.json["fate"] for each in (closing, beyond, bare)] == ["sent", "refused", "refused"]
    (wish,) = await wishes(store, account, time)
    assert isinstance(wish, CloseByHand)


async def test_on_an_account_that_was_disarmed_a_live_hook_opens_nothing_and_still_closes(
    owner: Browser, store: Store, time: Time, chart: Chart, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, secret = hook
    await arm(store, account, time)
    await go_live(owner, hook_id)
    await store.set_account_state(account, AccountState.DISARMED, "", time())

    opening = await chart.alert(hook_id, alert_of(secret, time, id="1"))
    closing = await chart.alert(hook_id, alert_of(secret, time, action="close", id="2"))

    assert [opening.json["fate"], closing.json["fate"]] == ["refused", "sent"]
    assert len(await wishes(store, account, time)) == 1


async def test_going_live_needs_an_armed_account_and_a_proof_and_going_back_needs_neither(
    owner: Browser, store: Store, time: Time, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, _ = hook
    await store.set_account_state(account, AccountState.DISARMED, "", time())
    assert (await go_live(owner, hook_id)).header("location").endswith("said=unarmed")
    await arm(store, account, time)
    await go_live(owner, hook_id)
    time.pass_by(timedelta(minutes=11))

    assert (await go_live(owner, hook_id, "dry")).header("location").endswith("said=dry")
    assert (await go_live(owner, hook_id)).status == 403
    ada = await person_of(store, OWNER)
    (found,) = await store.hooks_of(ada.user_id)
    assert not found.is_live


async def test_a_test_alert_of_a_live_hook_is_still_a_dry_run(
    owner: Browser, store: Store, time: Time, hook: tuple[str, str], account: AccountId
) -> None:
    hook_id, _ = hook
    await arm(store, account, time)
    await go_live(owner, hook_id)

    await owner.submit(f"{PAGE}/{hook_id}/test", {}, page=f"{PAGE}/{hook_id}")

    assert await wishes(store, account, time) == []


# --- strangers --------------------------------------------------------------------------------------------------------


async def test_strangers_get_the_same_answer_whatever_they_try(
    app: FastAPI, store: Store, time: Time, chart: Chart, hook: tuple[str, str]
) -> None:
    hook_id, secret = hook
    elsewhere = Chart(app, address="203.0.113.9")
    answers = [
        await chart.alert(hook_id, alert_of("x" * 43, time)),
        await chart.alert("0123456789abcdef0123", alert_of(secret, time)),
        await chart.alert("0123456789abcdef0123", alert_of("x" * 43, time)),
        await chart.alert(hook_id, b"nonsense"),
        await chart.alert(hook_id, b""),
        await chart.alert(hook_id, alert_of(secret, time, action="hold")),
        await elsewhere.alert(hook_id, alert_of(secret, time)),
    ]

    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}
    assert len({tuple(answer.headers) for answer in answers}) == 1
    assert "set-cookie" not in dict(answers[0].headers)
    assert await kept(store, hook_id) == []


async def test_a_hook_without_known_sources_hears_everybody_with_its_secret(
    app: FastAPI, owner: Browser, account: AccountId, time: Time
) -> None:
    hook_id, secret = await make(owner, account, known_sources="")

    assert (await Chart(app, address="203.0.113.9").alert(hook_id, alert_of(secret, time))).status == 202


async def test_nothing_of_an_alert_is_said_again_or_logged(
    time: Time, chart: Chart, hook: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    hook_id, secret = hook
    caplog.set_level(logging.INFO)  # what is kept is in the database library's own DEBUG lines
    with capture_logs() as lines:
        for told in (
            alert_of(secret, time, id=CANARY),
            alert_of(secret, time, id=CANARY),
            alert_of(secret, time, pair=CANARY, id="2"),
            alert_of(secret, time, action=CANARY),
            CANARY.encode(),
            b"{" + CANARY.encode() * 2000,
        ):
            answer = await chart.alert(hook_id, told)
            assert CANARY not in answer.text
            assert secret not in answer.text

    assert CANARY not in repr(lines) + caplog.text
    assert secret not in repr(lines) + caplog.text


async def test_a_large_body_ends_early(chart: Chart, hook: tuple[str, str]) -> None:
    assert (await chart.alert(hook[0], b" " * (MAX_BODY_BYTES + 1))).status == 413


async def test_a_page_elsewhere_cannot_make_a_browser_knock(app: FastAPI, time: Time, hook: tuple[str, str]) -> None:
    browser = Browser(app, address=TRADINGVIEW)
    body = json.dumps(alert_of(hook[1], time)).encode()

    answer = await browser.send("POST", f"/hooks/{hook[0]}", {"origin": "https://evil.example"}, body)

    assert answer.status == 403


async def test_who_knocks_too_often_waits(app: FastAPI, time: Time, hook: tuple[str, str]) -> None:
    hook_id, secret = hook
    noisy = Chart(app, address="203.0.113.9")
    statuses = [(await noisy.alert(hook_id, b"")).status for _ in range(80)]
    assert statuses[0] == 404
    assert statuses[-1] == 429

    other = Chart(app, address=TRADINGVIEW)
    assert (await other.alert(hook_id, alert_of(secret, time))).status == 202
    many = [(await other.alert(hook_id, alert_of(secret, time, id=f"n{number}"))).status for number in range(20)]
    assert many.count(202) == 9
    assert set(many) == {202, 429}


async def test_a_suspended_person_has_no_hooks(store: Store, time: Time, chart: Chart, hook: tuple[str, str]) -> None:
    hook_id, secret = hook
    ada = await person_of(store, OWNER)
    from jarvis.domain.people import AuditEntry

    await store.begin_deletion(
        ada.user_id, time(), AuditEntry("person.deletion_asked", time(), ada.user_id, ada.user_id)
    )

    assert (await chart.alert(hook_id, alert_of(secret, time))).status == 404
    assert await store.hooks_of(ada.user_id) == []


def test_a_hook_does_not_show_its_hash() -> None:
    assert Hook.__dataclass_fields__["token_hash"].repr is False
