"""The operator's page: whether all is well, who is here, how they come in, and whether anything may be opened.

An operator sees that people are here and how well their doors are locked; never their accounts, keys or trades.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis import __version__
from jarvis.accounts.links import MadeLink
from jarvis.accounts.people import Deed, Person, Role
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Change
from jarvis.web.connecting.account import Said
from jarvis.web.context import Web
from jarvis.web.forms import Form
from jarvis.web.health import findings, master_key, worst
from jarvis.web.people.sharing import link_address

_SAID = {
    "role": Said("good", "Changed.", "The new role holds from their next request on."),
    "suspended": Said("good", "Suspended.", "Their sessions are ended. What they traded stays protected at the venue."),
    "restored": Said("good", "Restored.", "They can sign in again."),
    "ended": Said("good", "Ended.", "They have to sign in again."),
    "blocked": Said("good", "Blocked.", "No account opens anything; what is open stays protected."),
    "allowed": Said("good", "Allowed.", "Accounts that are armed may open positions again."),
}
_KINDS_OF_THE_INSTALLATION = (
    "role.changed", "link.made", "link.used", "person.suspended", "person.restored", "person.deleted", "keys.rotated",
    "backup.made", "backup.verified", "restore.done", "entries.blocked", "entries.allowed",
)  # fmt: skip
_LINES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One person, as an operator sees them."""

    user_id: str
    email: str
    role: Role
    since: datetime
    factors: str
    last_seen: datetime | None
    is_suspended: bool
    is_self: bool


def router(web: Web) -> APIRouter:
    """The routes of the operator's page."""
    routes = APIRouter(prefix="/installation")

    @routes.get("")
    async def installation_page(request: Request) -> Response:
        return await _page(web, request, await web.person(request, Deed.OPERATE))

    @routes.get("/health")
    async def health(request: Request) -> Response:
        await web.person(request, Deed.OPERATE)
        return await web.fragment(request, "installation_health.html", await _health(web))

    @routes.post("/invite")
    async def invite(request: Request) -> Response:
        operator = await web.person(request, Deed.CHANGE_ROLES)
        form = await web.form(request)
        role = Role(form.choice("role", tuple(each.value for each in Role)))
        noted = await web.entry(request, "link.made", link="invitation", role=role.value)
        made = await web.links.invite(operator.user_id, web.now(), role=role, noted=noted, email=form.text("email"))
        if not isinstance(made, MadeLink):
            return await _page(web, request, operator, error=made.value, status=422)
        return await _page(web, request, operator, link=link_address(web, request, made), link_for="An invitation")

    @routes.post("/reset")
    async def reset(request: Request) -> Response:
        operator = await web.person(request, Deed.CHANGE_ROLES)
        person = await _person(web, await web.form(request))
        noted = await _about(web, request, person, "link.made", link="reset")
        made = await web.links.reset(person, operator.user_id, web.now(), noted=noted)
        address = link_address(web, request, made)
        return await _page(web, request, operator, link=address, link_for=f"A new password for {person.email}")

    @routes.post("/role")
    async def role(request: Request) -> Response:
        form, person = await _asked(web, request)
        wanted = Role(form.choice("role", tuple(each.value for each in Role)))
        noted = await _about(web, request, person, "role.changed", role=wanted.value)
        told = f"The operator of this installation made you a {wanted.value}."
        return await _after(web, request, web.store.set_role(person.user_id, wanted, noted=noted, told=told), "role")

    @routes.post("/suspend")
    async def suspend(request: Request) -> Response:
        _, person = await _asked(web, request)
        noted = await _about(web, request, person, "person.suspended")
        return await _after(web, request, web.store.suspend(person.user_id, noted=noted), "suspended")

    @routes.post("/restore")
    async def restore(request: Request) -> Response:
        _, person = await _asked(web, request)
        noted = await _about(web, request, person, "person.restored")
        told = "The operator of this installation let you in again."
        return await _after(web, request, web.store.restore(person.user_id, noted=noted, told=told), "restored")

    @routes.post("/end-sessions")
    async def end_sessions(request: Request) -> Response:
        _, person = await _asked(web, request)
        noted = await _about(web, request, person, "session.ended")
        await web.store.end_sessions(person.user_id, None, noted=noted)
        return _said("ended")

    @routes.post("/entries/block")
    async def block(request: Request) -> Response:
        await web.person(request, Deed.OPERATE)
        form = await web.form(request)
        reason = form.text("reason")[:200] or "an operator blocked entries"
        await web.store.block_entries(reason, await web.entry(request, "entries.blocked"))
        return _said("blocked")

    @routes.post("/entries/allow")
    async def allow(request: Request) -> Response:
        await web.person(request, Deed.CHANGE_ROLES)
        await web.form(request)
        await web.store.allow_entries(await web.entry(request, "entries.allowed"))
        return _said("allowed")

    return routes


async def _asked(web: Web, request: Request) -> tuple[Form, Person]:
    await web.person(request, Deed.CHANGE_ROLES)
    form = await web.form(request)
    return form, await _person(web, form)


async def _person(web: Web, form: Form) -> Person:
    person = await web.store.person(UserId(form.text("person")))
    if person is None:
        raise HTTPException(404)
    return person


async def _about(web: Web, request: Request, person: Person, kind: str, **details: str) -> AuditEntry:
    """An audit line of the operator's about somebody."""
    return replace(await web.entry(request, kind, **details), user_id=person.user_id)


async def _after(web: Web, request: Request, changing: Awaitable[Change], said: str) -> Response:
    change = await changing
    if change in (Change.DONE, Change.ALREADY_SO):
        return _said(said)
    operator = await web.person(request, Deed.OPERATE)
    sentence = f"{change.value[0].upper()}{change.value[1:]}."
    return await _page(web, request, operator, error=sentence, status=422)


def _said(what: str) -> Response:
    return RedirectResponse(f"/installation?said={what}", status_code=303)


async def _page(
    web: Web,
    request: Request,
    operator: Person,
    *,
    link: str = "",
    link_for: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    values = {
        "here": "installation",
        "said": _SAID.get(request.query_params.get("said", "")),
        "error": error,
        "link": link,
        "link_for": link_for,
        "people": [await _line(web, person, operator) for person in await web.store.people()],
        "roles": list(Role),
        "entries_blocked": await web.store.entries_blocked(),
        **await _health(web),
        # Kinds and times only: the details are the people's.
        "lines": await web.store.audit_of(kinds=_KINDS_OF_THE_INSTALLATION, limit=_LINES),
    }
    return await web.page(request, "installation.html", values, status)


async def _health(web: Web) -> dict[str, object]:
    now = web.now()
    found = [master_key(web.settings.master_key), *findings(await web.store.vitals(now), await web.pulse(), now)]
    return {"findings": found, "whole": worst(found), "asked_at": now, "version": __version__}


async def _line(web: Web, person: Person, operator: Person) -> Line:
    factors = await web.store.factors(person.user_id)
    sessions = await web.store.sessions_of(person.user_id)
    names = [
        *([f"{len(factors.passkeys)} passkey{'s' if len(factors.passkeys) > 1 else ''}"] if factors.passkeys else []),
        *(["authenticator app"] if factors.totp_since else []),
    ]
    return Line(
        user_id=person.user_id,
        email=person.email,
        role=person.role,
        since=person.created_at,
        factors=", ".join(names) or "password only",
        last_seen=sessions[0].used_at if sessions else None,
        is_suspended=person.suspended_at is not None,
        is_self=person.user_id == operator.user_id,
    )
