"""The inbox: what a person must know of their accounts, with what was not seen, by kind, and as a file."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.notify.kinds import WORDS, group_of
from jarvis.store.notices import Notice
from jarvis.trading.events import Severity
from jarvis.web.context import Web
from jarvis.web.forms import FormError
from jarvis.web.lists import Choice, Empty, ListOf, answer
from jarvis.web.wording import kind_words

_MOST_DIGITS = 18
_LOUDNESS = {Severity.CRITICAL: "alarms", Severity.WARNING: "warnings", Severity.INFO: "news"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice with its title, its group, and where more of it stands."""

    title: str
    group: str
    page: str
    notice: Notice


def router(web: Web) -> APIRouter:
    """The routes of the inbox."""
    routes = APIRouter(prefix="/account/notices")

    @routes.get("")
    async def inbox(request: Request) -> Response:
        person = await web.person(request)
        kinds = await web.store.notice_kinds(person.user_id)
        latest = await web.store.notices_of(person.user_id, limit=1)
        kind = ListOf(
            name="notices",
            noun=("notice", "notices"),
            read=lambda wish: web.store.list_notices(person.user_id, wish),
            shown=_shown,
            fields=_FIELDS,
            orders=(("at", True, "latest first"), ("at", False, "earliest first")),
            empty=Empty(
                "Nothing so far. What matters for your accounts is told here.",
                "Where notices are sent",
                "/account/notifications",
            ),
            search="Words",
            choices=(
                Choice("seen", "Seen", [("new", "new"), ("seen", "seen")]),
                Choice("severity", "How grave", [(each.value, words) for each, words in _LOUDNESS.items()]),
                Choice("kind", "What", sorted(((each, kind_words(each)) for each in kinds), key=lambda each: each[1])),
            ),
            dated="Told",
        )
        values = {
            "here": "notices",
            "unseen": await web.store.unseen_notices(person.user_id),
            "latest": latest[0].notice_id if latest else 0,
        }
        return await answer(web, request, "messages/notices.html", kind, values)

    @routes.post("/seen")
    async def seen(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        up_to = number_of(form.text("up_to"))
        if up_to is None:
            raise FormError("Reload the page of notices, and mark them again.")
        await web.store.mark_seen(person.user_id, web.now(), up_to=up_to)
        return RedirectResponse("/account/notices", status_code=303)

    @routes.post("/mark")
    async def mark(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        number = number_of(form.text("notice"))
        seen_at = web.now() if form.text("then") == "seen" else None
        if number is None or not await web.store.mark_one(person.user_id, number, seen_at):
            raise HTTPException(404)
        return RedirectResponse("/account/notices", status_code=303)

    return routes


_FIELDS = (
    ("number", lambda notice: notice.notice_id),
    ("at", lambda notice: notice.at),
    ("severity", lambda notice: notice.severity.value),
    ("kind", lambda notice: notice.kind),
    ("account", lambda notice: notice.account_id),
    ("pair", lambda notice: None if notice.pair is None else str(notice.pair)),
    ("message", lambda notice: notice.message),
    ("seen_at", lambda notice: notice.seen_at),
)


def _shown(notice: Notice) -> Shown:
    page = "" if notice.account_id is None else f"/desk/{notice.account_id}"
    return Shown(kind_words(notice.kind), WORDS[group_of(notice.kind)].title, page, notice)


def number_of(text: str) -> int | None:
    """The number of a row in a query or form; None for everything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
