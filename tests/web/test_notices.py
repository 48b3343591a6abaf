"""The pages that tell: the inbox, the audit; and what others did on an account."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from jarvis.domain.account import AccountId, Environment, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreFull
from jarvis.store.listing import PAGE
from jarvis.store.records import CommandKind
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.trading.events import Severity
from jarvis.trading.state import Block, Marks
from jarvis.web.wording import KINDS, kind_words
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, STRANGER, Time

HOOK = {"kind": "webhook", "label": "team", "address": "https://hooks.example.org/secret-path"}


async def user(store: Store, email: str = OWNER) -> UserId:
    found = await store.person_by_email(email)
    assert found is not None
    return found.user_id


# --- notices ----------------------------------------------------------------------------------------------------------


async def test_what_was_not_seen_is_marked_as_new_and_then_as_seen(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    await store.mark_seen(me, time(), up_to=10**6)
    await store.add_notice(me, "funds.arrived", Severity.INFO, "<b>5</b> USD came in.", time())
    await store.add_notice(me, "foreign.activity", Severity.CRITICAL, "A withdrawal.", time())

    page = await owner.get("/account/notices")

    assert "&lt;b&gt;5&lt;/b&gt; USD came in." in page.text
    assert page.text.count('<span class="badge badge-warn">New</span>') == 2
    done = await owner.submit("/account/notices/seen", {"up_to": str(10**6)}, page="/account/notices")
    assert done.status == 303
    assert await store.unseen_notices(me) == 0
    after = await owner.get("/account/notices")
    assert "Mark all as seen" not in after.text
    assert '<span class="badge badge-warn">New</span>' not in after.text


async def test_one_notice_is_marked_as_seen_and_as_new_again(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    await store.mark_seen(me, time(), up_to=10**6)
    number = await store.add_notice(me, "funds.arrived", Severity.INFO, "5 USD came in.", time())
    await store.add_notice(me, "funds.arrived", Severity.INFO, "6 USD came in.", time())

    fields = {"notice": str(number), "then": "seen"}
    assert (await owner.submit("/account/notices/mark", fields, page="/account/notices")).status == 303
    assert [each.message for each in await store.notices_of(me, unseen=True)] == ["6 USD came in."]

    again = await owner.submit("/account/notices/mark", {**fields, "then": "new"}, page="/account/notices")
    assert again.status == 303
    assert await store.unseen_notices(me) == 2


async def test_the_inbox_is_narrowed_by_kind_severity_words_and_what_is_new(
    owner: Browser, store: Store, time: Time
) -> None:
    me = await user(store)
    await store.add_notice(me, "funds.arrived", Severity.INFO, "5 USD came in.", time())
    await store.mark_seen(me, time(), up_to=10**6)
    await store.add_notice(me, "margin_call", Severity.CRITICAL, "Liquidation at 50,000 USD.", time())

    async def texts(query: str) -> tuple[bool, bool]:
        page = (await owner.get(f"/account/notices?{query}")).text
        return "5 USD came in." in page, "Liquidation at 50,000 USD." in page

    assert await texts("") == (True, True)
    assert await texts("kind=margin_call") == (False, True)
    assert await texts("severity=info") == (True, False)
    assert await texts("seen=new") == (False, True)
    assert await texts("search=came+in") == (True, False)
    file = await owner.get("/account/notices?format=csv&kind=margin_call")
    assert "Liquidation at 50,000 USD." in file.text
    assert "5 USD came in." not in file.text


async def test_an_alarm_of_an_account_links_to_its_desk(
    owner: Browser, store: Store, account: AccountId, time: Time
) -> None:
    await store.record_activity(account, "margin_call", "critical", "Liquidation is near.", at=time(), pair=samples.BTC)

    page = (await owner.get("/account/notices?kind=margin_call")).text

    assert "Liquidation is near." in page
    assert f'href="/desk/{account}"' in page
    assert "BTC/USD" in page


async def test_notices_are_paged(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    for number in range(PAGE + 5):
        await store.add_notice(me, "funds.arrived", Severity.INFO, f"number {number:03}.", time())

    first = await owner.get("/account/notices?kind=funds.arrived")
    older = re.search(r'href="(/account/notices\?[^"]*after=[^"]+)"', first.text)
    assert older is not None
    second = await owner.get(older[1].replace("&amp;", "&"))

    assert f"number {PAGE + 4:03}." in first.text
    assert "number 004." not in first.text
    assert "number 004." in second.text


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "²"])
async def test_an_odd_page_number_is_the_first_page(owner: Browser, before: str) -> None:
    assert (await owner.get(f"/account/notices?after={before}&kind={before}")).status == 200
    assert (await owner.get(f"/account/audit?before={before}&kind={before}")).status == 200


async def test_nobody_sees_or_marks_anothers_notices(
    owner: Browser, stranger: Browser, store: Store, time: Time
) -> None:
    me = await user(store)
    await store.add_notice(me, "foreign.activity", Severity.CRITICAL, "Only for Ada.", time())
    unseen = await store.unseen_notices(me)

    page = await stranger.get("/account/notices")
    await stranger.submit("/account/notices/seen", {"up_to": str(10**6)}, page="/account/audit")
    number = (await store.notices_of(me, limit=1))[0].notice_id
    fields = {"notice": str(number), "then": "seen"}
    marked = await stranger.submit("/account/notices/mark", fields, page="/account/audit")
    assert marked.status == 404

    assert "Only for Ada." not in page.text
    assert await store.unseen_notices(me) == unseen


# --- the audit --------------------------------------------------------------------------------------------------------


async def test_a_person_reads_their_own_lines_in_words_with_the_place(
    owner: Browser, stranger: Browser, store: Store, time: Time
) -> None:
    me, other = await user(store), await user(store, STRANGER)
    details: dict[str, str | int | bool | None] = {
        "address": "203.0.113.77",
        "agent": "Firefox on Linux",
        "session": "s1",
        "leverage": 5,
        "armed": True,
    }
    await store.note(AuditEntry("limits.changed", time(), me, me, None, details))
    await store.note(AuditEntry("limits.changed", time(), other, other, None, {"address": "198.51.100.77"}))
    await store.note(AuditEntry("signer.refused", time(), "signer", me, None, {"x": "<script>"}))

    page = await owner.get("/account/audit")

    assert "The limits were changed" in page.text
    assert "from 203.0.113.77 · Firefox on Linux" in page.text
    assert "armed: yes · leverage: 5" in page.text
    assert "198.51.100.77" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "by the signer" in page.text
    filtered = await owner.get("/account/audit?kind=signer.refused")
    assert "from 203.0.113.77 ·" not in filtered.text


async def test_erased_details_are_no_error(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    await store.note(AuditEntry("limits.changed", time(), me, me))
    async with store._write() as connection:
        await connection.execute(text("UPDATE audit SET salt = NULL, details_json = NULL"))

    assert "The limits were changed" in (await owner.get("/account/audit")).text


def test_every_kind_that_the_code_says_has_words() -> None:
    said = set()
    for file in Path("src/jarvis").rglob("*.py"):
        code = file.read_text(encoding="utf-8")
        said |= set(re.findall(r'AuditEntry\(\s*"([a-z_]+\.[a-z_]+)"', code))
        said |= set(re.findall(r'\.entry\(\s*request,\s*"([a-z_]+\.[a-z_]+)"', code))
        said |= set(re.findall(r'\btell\(\s*connection,\s*[\w.]+,\s*"([a-z_]+\.[a-z_]+)"', code))

    assert said > {"target.added", "foreign.activity"}
    assert said - set(KINDS) == set()
    assert kind_words("some.new_thing") == "Some new thing"


# --- failing closed ---------------------------------------------------------------------------------------------------


async def test_what_cannot_be_noted_is_not_done_and_exits_are(
    owner: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await user(store)
    account = await day.connect(store, me, Environment.SANDBOX, 1)
    await frozen(store, account)
    token = (await owner.get(f"/desk/{account}")).token

    async def full(*_: object) -> int:
        raise StoreFull("the disk is full")

    for module in ("targets", "queues", "audit"):
        monkeypatch.setattr(f"jarvis.store.{module}.append", full)

    added = await owner.post("/account/notifications/add", {**HOOK, "form_token": token})
    explained = await owner.post(f"/desk/{account}/foreign", {"form_token": token})
    flattened = await owner.post(f"/desk/{account}/flatten", {"form_token": token})

    assert (added.status, explained.status, flattened.status) == (503, 503, 303)
    assert await store.targets_of(me) == []
    assert [command.kind for command in await store.take_commands(account)] == [CommandKind.FLATTEN]


# --- what others did --------------------------------------------------------------------------------------------------


async def frozen(store: Store, account: AccountId) -> None:
    fence = await store.acquire_lease(account, "worker", timedelta(minutes=1))
    assert fence is not None
    marks = Marks(blocks=(Block(FOREIGN_ACTIVITY, "A withdrawal took 5 USD."), Block("liquidation", "Liquidated.")))
    await store.record_marks(account, marks, fence=fence)


async def test_the_desk_says_what_others_did_how_to_revoke_and_takes_the_owners_word(
    owner: Browser, store: Store
) -> None:
    me = await user(store)
    account = await day.connect(store, me, Environment.SANDBOX, 1)
    await frozen(store, account)

    assert f"/desk/{account}/foreign" in (await owner.get(f"/desk/{account}")).text
    page = await owner.get(f"/desk/{account}/foreign")
    assert "A withdrawal took 5 USD." in page.text
    assert "Liquidated." not in page.text
    assert "kraken.com" in page.text
    answer = await owner.submit(f"/desk/{account}/foreign", {}, page=f"/desk/{account}/foreign")

    assert answer.status == 303
    assert [command.kind for command in await store.take_commands(account)] == [CommandKind.EXPLAIN]
    assert [line.account_id for line in await store.audit_of(me, kinds=["foreign.explained"])] == [account]


async def test_the_owners_word_needs_a_fresh_proof_and_is_nobody_elses(
    owner: Browser, stranger: Browser, store: Store, time: Time
) -> None:
    account = await day.connect(store, await user(store), Environment.SANDBOX, 1)
    await frozen(store, account)

    foreign = await stranger.post(f"/desk/{account}/foreign", {"form_token": (await stranger.get("/account")).token})
    time.pass_by(timedelta(minutes=11))
    stale = await owner.submit(f"/desk/{account}/foreign", {}, page=f"/desk/{account}/foreign")

    assert (foreign.status, stale.status) == (404, 403)
    assert await store.take_commands(account) == []
