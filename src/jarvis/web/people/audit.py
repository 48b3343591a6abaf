"""The page of a person's own audit lines: what was done with their account, by whom and from where."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.account import UserId
from jarvis.store.chain import AuditLine
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web
from jarvis.web.lists import Choice, Empty, ListOf, answer
from jarvis.web.wording import actor_words, kind_words

_PLACES = ("address", "browser", "agent")
_HIDDEN = frozenset({*_PLACES, "session", "before", "after"})
"""What stands elsewhere on the line, or, as a difference, on the page of the account's strategies or limits."""
_FIELDS = (
    ("number", lambda line: line.number),
    ("at", lambda line: line.at),
    ("kind", lambda line: line.kind),
    ("actor", lambda line: line.actor),
    ("account_id", lambda line: line.account_id),
    ("details", lambda line: line.details),
    ("hash", lambda line: line.hash.hex()),
)


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
        accounts = await web.store.accounts_of(person.user_id)
        titles: dict[str | None, str] = {
            account.account_id: f"{VENUES[account.venue].title} {account.public_id}" for account in accounts
        }
        kind = ListOf(
            name="audit",
            noun=("line", "lines"),
            read=lambda wish: web.store.list_audit(person.user_id, wish),
            shown=lambda line: shown_of(line, person.user_id, titles.get(line.account_id, "")),
            fields=_FIELDS,
            orders=(("at", True, "latest first"), ("at", False, "earliest first")),
            empty=Empty("Nothing so far. Every sign-in and every change to your account is written here."),
            search="Words of its details",
            choices=(
                Choice("kind", "What", sorted(((each, kind_words(each)) for each in kinds), key=lambda each: each[1])),
                Choice("account", "Account", [(each.account_id, titles[each.account_id]) for each in accounts]),
            ),
            dated="Done",
        )
        return await answer(web, request, "people/audit.html", kind, {"here": "audit"})

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
