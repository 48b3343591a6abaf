"""The page of a person's own audit lines: what was done with their account, by whom and from where."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.account import UserId
from jarvis.store.chain import AuditLine
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web
from jarvis.web.notices import number_of
from jarvis.web.wording import actor_words, kind_words

PAGE = 50
_PLACES = ("address", "browser", "agent")
_HIDDEN = frozenset({*_PLACES, "session"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One line in words. `place` is where it was done from; `details` what was noted beside."""

    number: int
    at: datetime
    title: str
    by: str
    place: str
    account: str
    details: tuple[tuple[str, str], ...]


def router(web: Web) -> APIRouter:
    """The routes of the audit."""
    routes = APIRouter(prefix="/account/audit")

    @routes.get("")
    async def audit_page(request: Request) -> Response:
        person = await web.person(request)
        kinds = await web.store.audit_kinds_of(person.user_id)
        kind = request.query_params.get("kind", "")
        chosen = kind if kind in kinds else ""
        found = await web.store.audit_of(
            person.user_id,
            kinds=(chosen,) if chosen else (),
            before=number_of(request.query_params.get("before", "")),
            limit=PAGE + 1,
        )
        accounts = await web.store.accounts_of(person.user_id)
        titles: dict[str | None, str] = {
            account.account_id: f"{VENUES[account.venue].title} {account.public_id}" for account in accounts
        }
        values = {
            "here": "audit",
            "kinds": [(each, kind_words(each)) for each in kinds],
            "chosen": chosen,
            "lines": [shown_of(line, person.user_id, titles.get(line.account_id, "")) for line in found[:PAGE]],
            "older": found[PAGE - 1].number if len(found) > PAGE else None,
        }
        return await web.page(request, "audit.html", values)

    return routes


def shown_of(line: AuditLine, reader: UserId, account: str) -> Shown:
    """A line as its person reads it."""
    details = line.details or {}
    place = " · ".join(str(details[name]) for name in _PLACES if details.get(name))
    return Shown(
        line.number,
        line.at,
        kind_words(line.kind),
        actor_words(line.actor, reader),
        place,
        account,
        tuple(
            (name.replace("_", " "), _words(value))
            for name, value in details.items()
            if name not in _HIDDEN and value not in (None, "")
        ),
    )


def _words(value: str | int | bool | None) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
