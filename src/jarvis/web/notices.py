"""The page of notices: what a person must know of their account, what was not seen first."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.store.notices import Notice
from jarvis.web.context import Web
from jarvis.web.forms import FormError
from jarvis.web.wording import kind_words

PAGE = 30
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice with its title."""

    title: str
    notice: Notice


def router(web: Web) -> APIRouter:
    """The routes of the notices."""
    routes = APIRouter(prefix="/account/notices")

    @routes.get("")
    async def notices_page(request: Request) -> Response:
        person = await web.person(request)
        before = number_of(request.query_params.get("before", ""))
        found = await web.store.notices_of(person.user_id, before=before, limit=PAGE + 1)
        shown = [Shown(kind_words(notice.kind), notice) for notice in found[:PAGE]]
        values = {
            "here": "notices",
            "fresh": [each for each in shown if each.notice.seen_at is None],
            "seen": [each for each in shown if each.notice.seen_at is not None],
            "latest": found[0].notice_id if found else 0,
            "older": found[PAGE - 1].notice_id if len(found) > PAGE else None,
        }
        return await web.page(request, "notices.html", values)

    @routes.post("/seen")
    async def seen(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        up_to = number_of(form.text("up_to"))
        if up_to is None:
            raise FormError("Reload the page of notices, and mark them again.")
        await web.store.mark_seen(person.user_id, web.now(), up_to=up_to)
        return RedirectResponse("/account/notices", status_code=303)

    return routes


def number_of(text: str) -> int | None:
    """The number of a row in a query or form; None for everything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
