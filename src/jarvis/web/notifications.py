"""The page of receivers: where notices are sent to besides the page. What is sent is sent by the worker, never here."""

import secrets

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed
from jarvis.notify import AddressRefused, WebAddress
from jarvis.store.targets import MOST_TARGETS, Target
from jarvis.trading.events import Severity
from jarvis.web.account import Said
from jarvis.web.context import Web

MOST_LABEL_LETTERS = 40
_SAID = {
    "added": Said("good", "Added.", "Send a test to see whether it arrives."),
    "removed": Said("good", "Removed."),
    "tested": Said("good", "A test is on its way.", "Reload in a few seconds: what failed is said at the receiver."),
    "waiting": Said("warn", "Not sent again.", "A test is still on its way."),
}
_TEST = "This is a test: notices of Jarvis arrive here."


def router(web: Web) -> APIRouter:
    """The routes of the receivers."""
    routes = APIRouter(prefix="/account/notifications")

    @routes.get("")
    async def receivers_page(request: Request) -> Response:
        return await _page(web, request)

    @routes.post("/add")
    async def add(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        label, address = form.text("label").strip(), form.text("address").strip()
        errors = {}
        if not label or len(label) > MOST_LABEL_LETTERS or not label.isprintable():
            errors["label"] = f"Give it a name of at most {MOST_LABEL_LETTERS} letters."
        try:
            host = WebAddress.parse(address, plain_http=web.settings.plain_webhooks).host
        except AddressRefused as refused:
            errors["address"] = str(refused)
        if errors:
            return await _page(web, request, errors=errors, status=422)
        target = Target(secrets.token_hex(10), person.user_id, "webhook", label, address, web.now())
        noted = await web.entry(request, "target.added", label=label, host=host)
        if not await web.store.add_target(target, noted):
            errors["address"] = f"There can be {MOST_TARGETS} receivers. Remove one first."
            return await _page(web, request, errors=errors, status=422)
        return RedirectResponse("/account/notifications?said=added", status_code=303)

    @routes.post("/remove")
    async def remove(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        form = await web.form(request)
        noted = await web.entry(request, "target.removed")
        if not await web.store.remove_target(person.user_id, form.text("target"), noted):
            raise HTTPException(404)
        return RedirectResponse("/account/notifications?said=removed", status_code=303)

    @routes.post("/test")
    async def test(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_TARGETS)
        await web.form(request)
        latest = await web.store.notices_of(person.user_id, limit=1)
        if latest and latest[0].kind == "notices.tested" and latest[0].sent_at is None:
            return RedirectResponse("/account/notifications?said=waiting", status_code=303)
        await web.store.add_notice(person.user_id, "notices.tested", Severity.INFO, _TEST, web.now())
        return RedirectResponse("/account/notifications?said=tested", status_code=303)

    return routes


async def _page(web: Web, request: Request, *, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    person = await web.person(request)
    targets = await web.store.targets_of(person.user_id)
    values = {
        "here": "notifications",
        "said": _SAID.get(request.query_params.get("said", "")),
        "errors": {"label": "", "address": "", **(errors or {})},
        "targets": targets,
        "most": MOST_TARGETS,
        "room": len(targets) < MOST_TARGETS,
    }
    return await web.page(request, "notifications.html", values, status)
