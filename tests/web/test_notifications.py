"""The page of receivers: what is typed is checked and sealed and stands nowhere again; what is chosen is kept."""

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from fastapi import FastAPI

from jarvis.domain.account import UserId
from jarvis.domain.people import DeliveryState
from jarvis.notify.kinds import DEFAULTS, Group, Level
from jarvis.notify.quiet import QuietHours
from jarvis.signer.errors import SignerUnavailable
from jarvis.store.db import Store
from jarvis.store.targets import MOST_TARGETS, TESTED, Target
from jarvis.web.app import create_app
from jarvis.web.messages.notifications import PAGE
from jarvis.web.security import WebSettings
from tests.web.client import ORIGIN, Answer, Browser
from tests.web.conftest import OWNER, STRANGER, SaidConnector, Time, sign_in
from tests.web.second_factor import Seeds, enrol_app

TOKEN = "123456789:AAFzq3Wl9nXk2sQ7vY0bTgHhJ5uMcPdRe1o"
DISCORD_TOKEN = "w8Kd2" * 14
HOOK = {"kind": "webhook", "label": "team", "address": "https://hooks.example.org/secret-path"}
CHAT = {"kind": "telegram", "label": "phone", "token": TOKEN, "chat": "-1001234567890"}
CHANNEL = {
    "kind": "discord", "label": "room", "webhook": f"https://discord.com/api/webhooks/123456789012345678/{DISCORD_TOKEN}",
}  # fmt: skip
LETTER = {"kind": "email", "label": "mail", "address": "desk@example.net"}


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(origins=(ORIGIN,), sends_mail=True)


async def user(store: Store, email: str = OWNER) -> UserId:
    found = await store.person_by_email(email)
    assert found is not None
    return found.user_id


async def add(browser: Browser, fields: Mapping[str, str]) -> Answer:
    return await browser.submit(f"{PAGE}/add", fields, page=PAGE)


async def only(store: Store) -> Target:
    (target,) = await store.targets_of(await user(store))
    return target


@pytest.mark.parametrize(
    ("fields", "secret", "shown"),
    [
        (HOOK, "secret-path", "hooks.example.org"),
        (CHAT, TOKEN, "chat -1001234567890"),
        (CHANNEL, DISCORD_TOKEN, "webhook …5678"),
    ],
)
async def test_what_a_receiver_is_reached_with_is_sealed_and_shown_nowhere(
    owner: Browser, store: Store, fields: dict[str, str], secret: str, shown: str
) -> None:
    me = await user(store)

    assert (await add(owner, fields)).header("location") == f"{PAGE}?said=added"

    target = await only(store)
    assert target.is_confirmed
    assert target.address == shown
    assert secret not in target.address
    assert target.sealed is not None
    assert target.sealed.decode().startswith(f"{me}|{target.target_id}|")
    assert secret in target.sealed.decode()
    pages = [(await owner.get(path)).text for path in (PAGE, "/account/notices", "/account/audit")]
    assert shown in pages[0]
    assert not [page for page in pages if secret in page]
    (line,) = await store.audit_of(me, kinds=["target.added"])
    assert secret not in str(line.details)


async def test_a_test_is_asked_for_one_receiver_and_its_outcome_is_shown(owner: Browser, store: Store) -> None:
    me = await user(store)
    await add(owner, HOOK)
    target = await only(store)

    tested = await owner.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)
    again = await owner.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)
    assert [tested.header("location")[-6:], again.header("location")[-7:]] == ["tested", "waiting"]
    waiting = (await owner.get(f"{PAGE}/receivers")).text
    assert "A test is on its way" in waiting
    assert 'hx-trigger="every 2s"' in waiting

    delivery = (await store.latest_delivery(me, TESTED))[target.target_id]
    await store.note_failed(
        target.target_id, [delivery.told.number], "The receiver answered 500.", target.created_at, None
    )
    shown = (await owner.get(PAGE)).text
    assert "The last test did not arrive: The receiver answered 500." in shown
    assert "hx-trigger" not in shown

    await owner.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)
    delivery = (await store.latest_delivery(me, TESTED))[target.target_id]
    assert delivery.state is DeliveryState.WAITING
    await store.note_sent(target.target_id, [delivery.told.number], target.created_at)
    assert "The last test arrived" in (await owner.get(PAGE)).text


async def test_tests_are_rationed(owner: Browser, store: Store, time: Time) -> None:
    await add(owner, HOOK)
    target = await only(store)
    me = await user(store)

    async def test() -> str:
        answer = await owner.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)
        for delivery in (await store.latest_delivery(me, TESTED)).values():
            await store.note_sent(target.target_id, [delivery.told.number], time())
        return answer.header("location").rpartition("=")[2]

    said = [await test() for _ in range(7)]
    assert said == ["tested"] * 5 + ["later"] * 2
    time.pass_by(timedelta(minutes=2))
    assert await test() == "tested"


async def test_a_receiver_is_removed_and_both_are_in_the_audit(owner: Browser, store: Store) -> None:
    me = await user(store)
    await add(owner, HOOK)
    target = await only(store)

    gone = await owner.submit(f"{PAGE}/remove", {"target": target.target_id}, page=PAGE)

    assert gone.status == 303
    assert await store.targets_of(me) == []
    kinds = [line.kind for line in await store.audit_of(me, kinds=["target.added", "target.removed"])]
    assert kinds == ["target.removed", "target.added"]


@pytest.mark.parametrize(
    "fields",
    [
        {**HOOK, "address": "http://hooks.example.org/"},
        {**HOOK, "address": "https://127.0.0.1/"},
        {**HOOK, "address": "https://u:p@hooks.example.org/"},
        {**HOOK, "address": ""},
        {**HOOK, "label": ""},
        {**HOOK, "label": "x" * 41},
        {**CHAT, "token": "123456789:short"},
        {**CHAT, "token": f"{TOKEN}/../getUpdates"},
        {**CHAT, "chat": "12/34"},
        {**CHAT, "chat": "@a b"},
        {**CHANNEL, "webhook": f"https://discord.com.evil.example/api/webhooks/123456789012345678/{DISCORD_TOKEN}"},
        {**CHANNEL, "webhook": f"https://discord.com/api/webhooks/123456789012345678/{DISCORD_TOKEN}?wait=1"},
        {**CHANNEL, "webhook": f"http://discord.com/api/webhooks/123456789012345678/{DISCORD_TOKEN}"},
        {**LETTER, "address": "a@b.example,c@d.example"},
        {**LETTER, "address": "a@b.example\r\nBcc: c@d.example"},
        {**LETTER, "address": "Ada <a@b.example>"},
        {**HOOK, "kind": "sms"},
    ],
    ids=str,
)
async def test_what_is_no_receiver_is_refused_and_not_echoed(
    owner: Browser, store: Store, fields: dict[str, str]
) -> None:
    answer = await add(owner, fields)

    assert answer.status == 422
    for name in ("address", "token", "webhook", "chat"):
        typed = fields.get(name, "")
        assert not typed or typed not in answer.text
    assert await store.targets_of(await user(store)) == []


async def test_there_can_be_eight_receivers(owner: Browser) -> None:
    page = await owner.get(PAGE)
    answers = [await owner.post(f"{PAGE}/add", {**HOOK, "form_token": page.token}) for _ in range(MOST_TARGETS + 1)]

    assert [answer.status for answer in answers] == [303] * MOST_TARGETS + [422]
    assert "Add a receiver" not in (await owner.get(PAGE)).text


async def test_receivers_need_a_fresh_proof(owner: Browser, store: Store, time: Time) -> None:
    await add(owner, HOOK)
    time.pass_by(timedelta(minutes=11))

    for path in ("add", "remove", "test", "choices", "quiet"):
        answer = await owner.submit(f"{PAGE}/{path}", HOOK, page=PAGE)
        assert answer.status == 403, path

    assert (await only(store)).choices == DEFAULTS["webhook"]
    assert await store.quiet_hours(await user(store)) is None


async def test_nobody_tests_removes_or_chooses_for_anothers_receiver(
    owner: Browser, stranger: Browser, store: Store
) -> None:
    await add(owner, HOOK)
    target = await only(store)
    level = {f"level.{target.target_id}.money": "nothing"}

    assert (await stranger.submit(f"{PAGE}/remove", {"target": target.target_id}, page=PAGE)).status == 404
    assert (await stranger.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)).status == 404
    await stranger.submit(f"{PAGE}/choices", level, page=PAGE)

    assert target.label not in (await stranger.get(PAGE)).text
    assert await only(store) == target


async def test_each_receiver_is_sent_what_was_chosen(owner: Browser, store: Store) -> None:
    await add(owner, HOOK)
    target = await only(store)
    names = {f"level.{target.target_id}.trades": "nothing", f"level.{target.target_id}.money": "alarms"}

    kept = await owner.submit(f"{PAGE}/choices", {**names, f"level.{target.target_id}.keys": "odd"}, page=PAGE)

    assert kept.header("location") == f"{PAGE}?said=chosen"
    expected = {**DEFAULTS["webhook"], Group.TRADES: Level.NOTHING, Group.MONEY: Level.ALARMS}
    assert (await only(store)).choices == expected
    chosen = re.findall(r'<option value="nothing" selected>', (await owner.get(PAGE)).text)
    assert len(chosen) == 1


async def test_quiet_hours_are_kept_in_the_persons_zone_and_ended(owner: Browser, store: Store) -> None:
    me = await user(store)
    fields = {"begins": "22:30", "ends": "06:45", "zone": "Asia/Kathmandu", "then": "quiet"}

    kept = await owner.submit(f"{PAGE}/quiet", fields, page=PAGE)
    assert kept.header("location") == f"{PAGE}?said=quiet"
    assert await store.quiet_hours(me) == QuietHours("Asia/Kathmandu", 22 * 60 + 30, 6 * 60 + 45)
    assert "22:30 to 06:45, Asia/Kathmandu" in (await owner.get(PAGE)).text

    ended = await owner.submit(f"{PAGE}/quiet", {"then": "loud"}, page=PAGE)
    assert ended.header("location") == f"{PAGE}?said=loud"
    assert await store.quiet_hours(me) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"begins": "25:00", "ends": "06:00", "zone": "UTC"},
        {"begins": "22:00", "ends": "22:00", "zone": "UTC"},
        {"begins": "22:00", "ends": "", "zone": "UTC"},
        {"begins": "22:00", "ends": "06:00", "zone": "Europe/Atlantis"},
        {"begins": "22:00", "ends": "06:00", "zone": "../../etc/passwd"},
    ],
)
async def test_odd_quiet_hours_are_refused(owner: Browser, store: Store, fields: dict[str, str]) -> None:
    answer = await owner.submit(f"{PAGE}/quiet", fields, page=PAGE)

    assert answer.status == 422
    assert await store.quiet_hours(await user(store)) is None


async def test_without_the_signer_nothing_is_kept(
    settings: WebSettings, store: Store, connector: SaidConnector, time: Time
) -> None:
    class Silent(Seeds):
        async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
            raise SignerUnavailable("the signer does not answer")

    app = create_app(settings, store, connector, seeds=Silent(), now=time)
    person = await sign_in(app, OWNER)
    await enrol_app(person, "three green lanterns", time())

    assert (await add(person, HOOK)).status == 503
    assert await store.targets_of(await user(store)) == []


# --- a mailbox, and the link in its letter ----------------------------------------------------------------------------


async def token_of(store: Store) -> str:
    """The token of the letter, as the worker opens it."""
    target = await only(store)
    assert target.sealed is not None
    return target.sealed.decode().rpartition("|")[2]


async def test_a_mailbox_gets_nothing_until_the_button_behind_its_link_was_pressed(
    app: FastAPI, owner: Browser, store: Store
) -> None:
    assert (await add(owner, LETTER)).header("location") == f"{PAGE}?said=letter"
    assert not (await only(store)).is_confirmed
    assert "Waits for its link" in (await owner.get(PAGE)).text
    token = await token_of(store)
    assert token not in (await owner.get(PAGE)).text
    reader = Browser(app)

    opened = await reader.get(f"/confirm/{token}")
    assert (opened.status, opened.header("location")) == (303, "/confirm")
    page = await reader.get("/confirm")
    assert "desk@example.net" in page.text
    assert not (await only(store)).is_confirmed, "whoever looks at links in letters confirms nothing"

    done = await reader.submit("/confirm", {})
    assert done.status == 200
    assert (await only(store)).is_confirmed
    assert (await reader.get(f"/confirm/{token}")).status == 303
    assert (await reader.get("/confirm")).status == 404, "it is good once"
    (line,) = await store.audit_of(await user(store), kinds=["target.confirmed"])
    assert line.actor == "nobody"


async def test_an_empty_address_is_the_persons_own(owner: Browser, store: Store) -> None:
    await add(owner, {**LETTER, "address": ""})

    assert (await only(store)).address == OWNER


@pytest.mark.parametrize("token", ["x" * 43, "short", "x" * 44])
async def test_a_link_that_was_never_sent_is_worth_nothing(browser: Browser, token: str) -> None:
    await browser.get(f"/confirm/{token}")

    assert (await browser.get("/confirm")).status == 404
    page = await browser.get("/sign-in")
    assert (await browser.post("/confirm", {"form_token": page.token})).status == 404


async def test_a_link_runs_out_after_a_day(app: FastAPI, owner: Browser, store: Store, time: Time) -> None:
    await add(owner, LETTER)
    reader = Browser(app)
    await reader.get(f"/confirm/{await token_of(store)}")
    time.pass_by(timedelta(hours=25))

    assert (await reader.get("/confirm")).status == 404


async def test_letters_to_strangers_are_rationed(owner: Browser, store: Store, time: Time) -> None:
    answers = [await add(owner, {**LETTER, "address": f"victim{number}@example.net"}) for number in range(6)]

    assert [answer.status for answer in answers] == [303] * 4 + [429] * 2
    assert len(await store.targets_of(await user(store))) == 4


async def test_a_mailbox_that_waits_is_not_tested(owner: Browser, store: Store) -> None:
    await add(owner, LETTER)
    target = await only(store)

    assert "Send a test" not in (await owner.get(PAGE)).text
    assert (await owner.submit(f"{PAGE}/test", {"target": target.target_id}, page=PAGE)).status == 404


async def test_without_a_mail_server_no_mailbox_is_offered_or_taken(
    store: Store, connector: SaidConnector, time: Time
) -> None:
    app = create_app(WebSettings(origins=(ORIGIN,)), store, connector, seeds=Seeds(), now=time)
    person = await sign_in(app, STRANGER)
    await enrol_app(person, "three green lanterns", time())

    assert "E-mail is not offered" in (await person.get(PAGE)).text
    assert (await add(person, LETTER)).status == 422
