"""The pages that tell: notices, receivers, the audit; and what others did on an account."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from jarvis.domain.account import AccountId, Environment, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import StoreFull
from jarvis.store.records import CommandKind
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.trading.events import Severity
from jarvis.trading.state import Block, Marks
from jarvis.web.wording import KINDS, kind_words
from tests.web import day
from tests.web.client import Browser
from tests.web.conftest import OWNER, STRANGER, Time

HOOK = {"label": "team", "address": "https://hooks.example.org/secret-path"}


async def user(store: Store, email: str = OWNER) -> UserId:
    found = await store.person_by_email(email)
    assert found is not None
    return found.user_id


# --- notices ----------------------------------------------------------------------------------------------------------


async def test_what_was_not_seen_stands_first_and_is_marked(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    await store.mark_seen(me, time(), up_to=10**6)
    await store.add_notice(me, "funds.arrived", Severity.INFO, "<b>5</b> USD came in.", time())
    await store.add_notice(me, "foreign.activity", Severity.CRITICAL, "A withdrawal.", time())

    page = await owner.get("/account/notices")

    assert "&lt;b&gt;5&lt;/b&gt; USD came in." in page.text
    assert page.text.index("A withdrawal.") < page.text.index("USD came in.") < page.text.index("Seen</h2>")
    done = await owner.submit("/account/notices/seen", {"up_to": str(10**6)}, page="/account/notices")
    assert done.status == 303
    assert await store.unseen_notices(me) == 0
    after = await owner.get("/account/notices")
    assert "Mark all as seen" not in after.text
    assert after.text.index("Seen</h2>") < after.text.index("A withdrawal.")


async def test_notices_are_paged(owner: Browser, store: Store, time: Time) -> None:
    me = await user(store)
    for number in range(35):
        await store.add_notice(me, "funds.arrived", Severity.INFO, f"number {number:02}.", time())

    first = await owner.get("/account/notices")
    older = re.search(r'href="(/account/notices\?before=\d+)"', first.text)
    assert older is not None
    second = await owner.get(older[1])

    assert "number 34." in first.text
    assert "number 04." not in first.text
    assert "number 04." in second.text


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "²"])
async def test_an_odd_page_number_is_the_first_page(owner: Browser, before: str) -> None:
    assert (await owner.get(f"/account/notices?before={before}")).status == 200
    assert (await owner.get(f"/account/audit?before={before}&kind={before}")).status == 200


async def test_nobody_sees_or_marks_anothers_notices(
    owner: Browser, stranger: Browser, store: Store, time: Time
) -> None:
    me = await user(store)
    await store.add_notice(me, "foreign.activity", Severity.CRITICAL, "Only for Ada.", time())
    unseen = await store.unseen_notices(me)

    page = await stranger.get("/account/notices")
    await stranger.submit("/account/notices/seen", {"up_to": str(10**6)}, page="/account/audit")

    assert "Only for Ada." not in page.text
    assert await store.unseen_notices(me) == unseen


# --- receivers --------------------------------------------------------------------------------------------------------


async def test_a_receiver_is_added_shown_without_its_path_tested_and_removed(owner: Browser, store: Store) -> None:
    me = await user(store)

    assert (await owner.submit("/account/notifications/add", HOOK, page="/account/notifications")).status == 303
    page = await owner.get("/account/notifications?said=added")
    assert "hooks.example.org" in page.text
    assert "secret-path" not in page.text
    (target,) = await store.targets_of(me)

    tested = await owner.submit("/account/notifications/test", {}, page="/account/notifications")
    again = await owner.submit("/account/notifications/test", {}, page="/account/notifications")
    assert [tested.header("location")[-6:], again.header("location")[-7:]] == ["tested", "waiting"]

    await store.note_delivery(target.target_id, "The receiver answered 500.", target.created_at)
    assert "The receiver answered 500." in (await owner.get("/account/notifications")).text

    gone = await owner.submit(
        "/account/notifications/remove", {"target": target.target_id}, page="/account/notifications"
    )
    assert gone.status == 303
    assert await store.targets_of(me) == []
    kinds = [line.kind for line in await store.audit_of(me, kinds=["target.added", "target.removed"])]
    assert kinds == ["target.removed", "target.added"]
    (added,) = await store.audit_of(me, kinds=["target.added"])
    assert "secret-path" not in str(added.details)


@pytest.mark.parametrize(
    "address",
    ["http://hooks.example.org/", "https://127.0.0.1/", "https://localhost/", "https://u:p@hooks.example.org/", ""],
)
async def test_an_address_that_leads_inside_is_refused_and_not_echoed(
    owner: Browser, store: Store, address: str
) -> None:
    answer = await owner.submit(
        "/account/notifications/add", {**HOOK, "address": address}, page="/account/notifications"
    )

    assert answer.status == 422
    assert not address or address not in answer.text
    assert await store.targets_of(await user(store)) == []


async def test_there_can_be_five_receivers(owner: Browser, store: Store) -> None:
    page = await owner.get("/account/notifications")
    answers = [await owner.post("/account/notifications/add", {**HOOK, "form_token": page.token}) for _ in range(6)]

    assert [answer.status for answer in answers] == [303] * 5 + [422]
    assert "Add a receiver" not in (await owner.get("/account/notifications")).text


async def test_receivers_need_a_fresh_proof(owner: Browser, store: Store, time: Time) -> None:
    time.pass_by(timedelta(minutes=11))

    for path in ("add", "remove", "test"):
        answer = await owner.submit(f"/account/notifications/{path}", HOOK, page="/account/notifications")
        assert answer.status == 403, path

    assert await store.targets_of(await user(store)) == []


async def test_a_stranger_removes_nothing(owner: Browser, stranger: Browser, store: Store) -> None:
    await owner.submit("/account/notifications/add", HOOK, page="/account/notifications")
    (target,) = await store.targets_of(await user(store))

    page = await stranger.get("/account/notifications")
    fields = {"target": target.target_id, "form_token": page.token}
    answer = await stranger.post("/account/notifications/remove", fields)

    assert answer.status == 404
    assert "hooks.example.org" not in page.text
    assert len(await store.targets_of(await user(store))) == 1


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
