"""The page of what was said on an account: decisions, refusals, troubles and how they ended."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.trading.events import Severity
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.lists import Choice, Empty, ListOf, answer


def router(web: Web) -> APIRouter:
    """The route of the activity."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/activity")
    async def activity(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        owner = account.owner_id
        kind = ListOf(
            name=f"activity-{account.venue}",
            noun=("line", "lines"),
            read=lambda wish: web.store.list_activities(owner, account.account_id, wish),
            shown=lambda line: line,
            fields=_FIELDS,
            orders=(("at", True, "latest first"), ("at", False, "earliest first")),
            empty=Empty(
                "Quiet so far. What is opened, closed, refused or noticed on this account is told here.",
                "To the desk",
                f"/desk/{account.account_id}",
            ),
            search="Words",
            choices=(
                Choice("severity", "How grave", [(each.value, each.value) for each in Severity]),
                Choice("pair", "Pair", [(str(pair), str(pair)) for pair in pairs_of(account)]),
            ),
            dated="Said",
        )
        return await answer(web, request, "books/activity.html", kind, {"here": "desk", "account": card_of(account)})

    return routes


_FIELDS = (
    ("number", lambda line: line.activity_id),
    ("at", lambda line: line.at),
    ("severity", lambda line: line.severity),
    ("kind", lambda line: line.kind),
    ("pair", lambda line: None if line.pair is None else str(line.pair)),
    ("message", lambda line: line.message),
)
