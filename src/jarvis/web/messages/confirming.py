"""The link in a letter that says: yes, notices may be sent here. Opening it does nothing; its button does.

Whoever reads the mailbox need not be signed in where they read it. As with other links the token leaves the address at
once: it is exchanged for a cookie that scripts cannot read.
"""

import re
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.sessions import hash_of
from jarvis.domain.people import AuditEntry
from jarvis.store.targets import Target
from jarvis.web.context import Web, address_of

COOKIE = "confirm"
LASTS = timedelta(hours=24)
_COOKIE_LASTS = timedelta(minutes=15)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NOT_GOOD = "This link was used already, has run out, or was never one. Add the address again for a new letter."


def router(web: Web) -> APIRouter:
    """The routes of confirming."""
    routes = APIRouter(prefix="/confirm")

    @routes.get("/{token}")
    async def exchange(token: str) -> Response:
        answer = RedirectResponse("/confirm", status_code=303)
        if _TOKEN.fullmatch(token):
            web.keep(answer, COOKIE, token, _COOKIE_LASTS)
        else:
            web.forget(answer, COOKIE)
        return answer

    @routes.get("")
    async def ask(request: Request) -> Response:
        target = await _target(web, request)
        if target is None:
            return await _not_good(web, request)
        return await web.page(request, "messages/confirm.html", {"address": target.address})

    @routes.post("")
    async def confirm(request: Request) -> Response:
        await web.form(request)
        target = await _target(web, request)
        noted = None if target is None else _noted(web, request, target)
        if target is None or noted is None or not await web.store.confirm_target(target, noted):
            return await _not_good(web, request)
        values = {
            "title": "Confirmed",
            "text": f"Notices are sent to {target.address} from now on.",
            "links": [("Where notices are sent", "/account/notifications"), ("Home", "/")],
        }
        answer = await web.page(request, "message.html", values)
        web.forget(answer, COOKIE)
        return answer

    return routes


def _noted(web: Web, request: Request, target: Target) -> AuditEntry:
    """A line of the person whose receiver it is, whoever opened the letter."""
    details = {"label": target.label, "host": target.address, "address": address_of(request)}
    return AuditEntry("target.confirmed", web.now(), "nobody", target.user_id, details=details)


async def _target(web: Web, request: Request) -> Target | None:
    token = web.kept(request, COOKIE)
    if _TOKEN.fullmatch(token) is None:
        return None
    return await web.store.target_to_confirm(hash_of(token), web.now() - LASTS)


async def _not_good(web: Web, request: Request) -> Response:
    values = {"title": "This link is worth nothing", "text": _NOT_GOOD, "links": [("Home", "/")]}
    answer = await web.page(request, "message.html", values, 404)
    web.forget(answer, COOKIE)
    return answer
