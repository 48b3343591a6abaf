"""The page of receivers: where notices are sent, which, and when. What is sent is sent by the worker, never here.

What a receiver is reached with is sealed before it is kept and stands on no page again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, Person
from jarvis.accounts.sessions import hash_of, new_token
from jarvis.accounts.throttle import Buckets, Rate
from jarvis.domain.people import DeliveryState
from jarvis.notify import channels
from jarvis.notify.channels import ChannelRefused, Receiver
from jarvis.notify.kinds import DEFAULTS, WORDS, Group, Level
from jarvis.notify.quiet import QuietHours, clock, minute_of, zones
from jarvis.signer.errors import SignerRefused, SignerUnavailable
from jarvis.store.deliveries import Delivery
from jarvis.store.targets import MOST_TARGETS, TESTED, Target
from jarvis.web.connecting.account import Said
from jarvis.web.context import Web
from jarvis.web.forms import Form
from jarvis.web.wording import kind_words

PAGE = "/account/notifications"
MOST_LABEL_LETTERS = 40
_FIELDS = ("label", "address", "token", "chat", "webhook", "begins", "ends", "zone")
_SAID = {
    "added": Said("good", "Added.", "Send a test to see whether it arrives."),
    "letter": Said(
        "good", "A letter is on its way.", "Open its link and press the button there; it is good for a day."
    ),
    "removed": Said("good", "Removed."),
    "tested": Said("good", "A test is on its way.", "What becomes of it is said at the receiver."),
    "waiting": Said("warn", "Not sent again.", "A test is still on its way."),
    "later": Said("warn", "Not sent.", "Wait a minute before the next test."),
    "chosen": Said("good", "Kept.", "Each receiver is sent what you chose."),
    "quiet": Said("good", "Kept.", "In quiet hours only alarms are sent; the rest comes together when they end."),
    "loud": Said("good", "Kept.", "Notices are sent at any hour."),
}
LEVELS = {
    Level.ALL: "everything",
    Level.WARNINGS: "warnings and alarms",
    Level.ALARMS: "alarms only",
    Level.NOTHING: "nothing",
}
TITLES = {
    channels.EMAIL: "E-mail",
    channels.TELEGRAM: "Telegram",
    channels.DISCORD: "Discord",
    channels.WEBHOOK: "Webhook",
}
_TESTS = Rate(5, timedelta(seconds=20))
_LETTERS = Rate(4, timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class Shown:
    """A receiver with what became of its last test, and how much is on its way there."""

    target: Target
    title: str
    test: Delivery | None
    waiting: int

    @property
    def is_tested(self) -> bool:
        """Whether a test is still on its way."""
        return self.test is not None and self.test.state is DeliveryState.WAITING


def router(web: Web) -> APIRouter:
    """The routes of the receivers."""
    routes = APIRouter(prefix=PAGE)
    tests, letters = Buckets(_TESTS), Buckets(_LETTERS)

    @routes.get("")
    async def receivers_page(request: Request) -> Response:
        return await _page(web, request)

    @routes.get("/receivers")
    async def receivers(request: Request) -> Response:
        person = await web.person(request)
        shown = await _shown(web, person)
        values = {"receivers": shown, "proved_until": await web.proved_until(request)}
        return await web.fragment(request, "messages/notifications_receivers.html", values)

    @routes.post("/add")
    async def add(request: Request) -> Response:
        return await _add(web, request, letters)

    @routes.post("/remove")
    async def remove(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        noted = await web.entry(request, "target.removed")
        if not await web.store.remove_target(person.user_id, form.text("target"), noted):
            raise HTTPException(404)
        return RedirectResponse(f"{PAGE}?said=removed", status_code=303)

    @routes.post("/test")
    async def test(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        target_id, now = form.text("target"), web.now()
        latest = (await web.store.latest_delivery(person.user_id, TESTED)).get(target_id)
        if latest is not None and latest.state is DeliveryState.WAITING:
            return RedirectResponse(f"{PAGE}?said=waiting", status_code=303)
        if tests.wait(person.user_id, now) > 0:
            return RedirectResponse(f"{PAGE}?said=later", status_code=303)
        if not await web.store.ask_for_test(person.user_id, target_id, now):
            raise HTTPException(404)
        tests.take(person.user_id, now)
        return RedirectResponse(f"{PAGE}?said=tested", status_code=303)

    @routes.post("/choices")
    async def choices(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        for target in await web.store.targets_of(person.user_id):
            chosen = {group: _level(form, target, group) for group in Group}
            if chosen != target.choices:
                noted = await web.entry(request, "target.changed", label=target.label)
                await web.store.choose(person.user_id, target.target_id, chosen, noted)
        return RedirectResponse(f"{PAGE}?said=chosen", status_code=303)

    @routes.post("/quiet")
    async def quiet(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        hours, errors = (None, {}) if form.text("then") == "loud" else _hours(form)
        if errors:
            return await _page(web, request, errors=errors, status=422)
        noted = await web.entry(request, "quiet.changed", hours="none" if hours is None else hours.words)
        await web.store.set_quiet_hours(person.user_id, hours, noted)
        return RedirectResponse(f"{PAGE}?said={'loud' if hours is None else 'quiet'}", status_code=303)

    return routes


async def _add(web: Web, request: Request, letters: Buckets) -> Response:
    person = await web.person(request, Deed.MANAGE_TARGETS)
    form = await web.form(request)
    errors = {}
    label = form.text("label")
    if not label or len(label) > MOST_LABEL_LETTERS or not label.isprintable():
        errors["label"] = f"Give it a name of at most {MOST_LABEL_LETTERS} letters."
    try:
        receiver = _receiver(web, person, form)
    except ChannelRefused as refused:
        errors[refused.place] = str(refused)
    if errors:
        return await _page(web, request, errors=errors, adding=form.text("kind"), status=422)
    is_letter = receiver.kind == channels.EMAIL
    if is_letter and letters.wait(person.user_id, web.now()) > 0:
        errors["address"] = "Too many letters lately. Try again in a quarter of an hour."
        return await _page(web, request, errors=errors, adding=receiver.kind, status=429)
    target = await _sealed(web, person, label, receiver)
    if target is None:
        errors["label"] = "The signer does not answer, so nothing was kept. Try again in a moment."
        return await _page(web, request, errors=errors, adding=receiver.kind, status=503)
    noted = await web.entry(request, "target.added", label=label, channel=receiver.kind, host=receiver.shown)
    if not await web.store.add_target(target, noted):
        errors["label"] = f"There can be {MOST_TARGETS} receivers. Remove one first."
        return await _page(web, request, errors=errors, adding=receiver.kind, status=422)
    if is_letter:
        letters.take(person.user_id, web.now())
    return RedirectResponse(f"{PAGE}?said={'letter' if is_letter else 'added'}", status_code=303)


def _receiver(web: Web, person: Person, form: Form) -> Receiver:
    """The receiver that was typed. Raises ChannelRefused."""
    match form.text("kind"):
        case channels.EMAIL if web.settings.sends_mail:
            return channels.email(form.text("address") or person.email)
        case channels.TELEGRAM:
            return channels.telegram(form.text("token"), form.text("chat"))
        case channels.DISCORD:
            return channels.discord(form.text("webhook"))
        case channels.WEBHOOK | "":
            return channels.webhook(form.text("address"), plain_http=web.settings.plain_webhooks)
    raise ChannelRefused("label", "This installation does not send notices in that way.")


async def _sealed(web: Web, person: Person, label: str, receiver: Receiver) -> Target | None:
    """The receiver as it is kept; None if the signer cannot seal it now. A mailbox waits for its link."""
    target_id = secrets.token_hex(10)
    is_letter = receiver.kind == channels.EMAIL
    secret = new_token() if is_letter else receiver.secret
    try:
        sealed = await web.secrets.seal_secret(user_id=person.user_id, row_id=target_id, secret=secret)
    except (SignerRefused, SignerUnavailable):
        return None
    return Target(
        target_id,
        person.user_id,
        receiver.kind,
        label,
        receiver.shown,
        web.now(),
        sealed=sealed,
        choices=DEFAULTS[receiver.kind],
        confirmed_at=None if is_letter else web.now(),
        token_hash=hash_of(secret) if is_letter else None,
    )


def _level(form: Form, target: Target, group: Group) -> Level:
    """What was chosen for a receiver and a group; what was not sent stays as it is."""
    said = form.text(f"level.{target.target_id}.{group.value}")
    return next((level for level in Level if level.value == said), target.choices[group])


def _hours(form: Form) -> tuple[QuietHours | None, dict[str, str]]:
    begins, ends = minute_of(form.text("begins")), minute_of(form.text("ends"))
    errors = {
        name: "Write a time such as 22:00." for name, minute in (("begins", begins), ("ends", ends)) if minute is None
    }
    if form.text("zone") not in zones():
        errors["zone"] = "Choose a zone of the list, such as Europe/Berlin."
    if errors or begins is None or ends is None:
        return None, errors
    if begins == ends:
        return None, {"ends": "Quiet hours end at another time than they begin."}
    return QuietHours(form.text("zone"), begins, ends), {}


async def _shown(web: Web, person: Person) -> list[Shown]:
    tested = await web.store.latest_delivery(person.user_id, TESTED)
    waiting = await web.store.deliveries_on_the_way(person.user_id)
    return [
        Shown(each, TITLES[each.kind], tested.get(each.target_id), waiting.get(each.target_id, 0))
        for each in await web.store.targets_of(person.user_id)
    ]


async def _page(
    web: Web, request: Request, *, errors: Mapping[str, str] | None = None, adding: str = "", status: int = 200
) -> Response:
    person = await web.person(request)
    shown = await _shown(web, person)
    hours = await web.store.quiet_hours(person.user_id)
    ways = [kind for kind in channels.KINDS if kind != channels.EMAIL or web.settings.sends_mail]
    asked = adding or request.query_params.get("add", "")
    values = {
        "here": "notifications",
        "said": _SAID.get(request.query_params.get("said", "")),
        "errors": {**dict.fromkeys(_FIELDS, ""), **(errors or {})},
        "receivers": shown,
        "groups": [(group, WORDS[group]) for group in Group],
        "levels": [(level.value, words) for level, words in LEVELS.items()],
        "hours": hours,
        "begins": clock(22 * 60 if hours is None else hours.begins),
        "ends": clock(7 * 60 if hours is None else hours.ends),
        "zones": zones(),
        "failed": [(each, kind_words(each.told.kind)) for each in await web.store.failed_deliveries(person.user_id)],
        "ways": [(kind, TITLES[kind]) for kind in ways],
        "adding": asked if asked in ways else ways[0],
        "sends_mail": web.settings.sends_mail,
        "most": MOST_TARGETS,
        "room": len(shown) < MOST_TARGETS,
    }
    return await web.page(request, "messages/notifications.html", values, status)
