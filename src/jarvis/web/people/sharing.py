"""Who may look at whose accounts: an accountant, a partner. They see everything and change nothing."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.links import MadeLink
from jarvis.accounts.people import Deed, Person, Role
from jarvis.domain.account import UserId
from jarvis.domain.people import Viewing
from jarvis.store.records import TradingAccount
from jarvis.web.connecting.account import Card, Said, card_of
from jarvis.web.context import Web

_SAID = {
    "ended": Said("good", "Ended.", "The accounts cannot be looked at any more."),
    "taken-back": Said("good", "Taken back.", "That invitation is worth nothing now."),
}


@dataclass(frozen=True, slots=True)
class Shared:
    """Somebody's accounts, as a viewer finds them."""

    viewing: Viewing
    cards: tuple[Card, ...]


def router(web: Web) -> APIRouter:
    """The routes of the sharing page."""
    routes = APIRouter(prefix="/account/sharing")

    @routes.get("")
    async def sharing_page(request: Request) -> Response:
        return await _sharing_page(web, request, await web.person(request))

    @routes.post("/invite")
    async def invite(request: Request) -> Response:
        person = await web.person(request, Deed.SHARE)
        form = await web.form(request)
        noted = await web.entry(request, "link.made", link="invitation", role=Role.VIEWER.value)
        made = await web.links.invite(
            person.user_id,
            web.now(),
            role=Role.VIEWER,
            noted=noted,
            email=form.text("email"),
            views=person.user_id,
        )
        if not isinstance(made, MadeLink):
            return await _sharing_page(web, request, person, error=made.value, status=422)
        return await _sharing_page(web, request, person, link=link_address(web, request, made))

    @routes.post("/take-back")
    async def take_back(request: Request) -> Response:
        person = await web.person(request, Deed.SHARE)
        form = await web.form(request)
        if not await web.links.take_back(person.user_id, _hash(form.text("invitation"))):
            raise HTTPException(404)
        return RedirectResponse("/account/sharing?said=taken-back", status_code=303)

    @routes.post("/end")
    async def end(request: Request) -> Response:
        person = await web.person(request)
        form = await web.form(request)
        viewer, owner = UserId(form.text("viewer")), UserId(form.text("owner"))
        # Looking on is something that either of the two may end at any time; it takes nothing that matters away.
        if person.user_id not in (viewer, owner):
            raise HTTPException(404)
        noted = await web.entry(request, "viewing.ended", viewer=viewer, owner=owner)
        if not await web.links.end_viewing(viewer, owner, noted=noted):
            raise HTTPException(404)
        return RedirectResponse("/account/sharing?said=ended", status_code=303)

    return routes


def link_address(web: Web, request: Request, made: MadeLink) -> str:
    """The address to hand over, at the origin that the person uses."""
    origin = request.headers.get("origin", "")
    return f"{origin if origin in web.settings.origins else web.settings.origins[0]}/link/{made.token}"


async def _sharing_page(
    web: Web, request: Request, person: Person, *, link: str = "", error: str = "", status: int = 200
) -> Response:
    viewings = await web.links.viewings_of(person.user_id)
    invitations = await web.links.by(person.user_id)
    values = {
        "here": "sharing",
        "said": _SAID.get(request.query_params.get("said", "")),
        "link": link,
        "error": error,
        "may_share": person.role is not Role.VIEWER,
        "viewers": [each for each in viewings if each.owner_id == person.user_id],
        "invitations": [
            (each.token_hash.hex(), each.email, each.expires_at)
            for each in invitations
            if each.views == person.user_id and each.used_at is None and each.expires_at > web.now()
        ],
        "shared": [await _shared(web, each) for each in viewings if each.viewer_id == person.user_id],
    }
    return await web.page(request, "people/sharing.html", values, status)


async def _shared(web: Web, viewing: Viewing) -> Shared:
    accounts: list[TradingAccount] = await web.store.accounts_of(viewing.owner_id)
    return Shared(viewing, tuple(card_of(account) for account in accounts if account.is_connected))


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
