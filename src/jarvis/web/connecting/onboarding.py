"""The walkthroughs: how a key is made at each venue, open to everybody, with every screen drawn."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.venues.permissions import TABLES
from jarvis.web.connecting.keyhealth import outbound_address
from jarvis.web.connecting.walkthroughs import WALKTHROUGHS
from jarvis.web.context import Web


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of the table that is the same at every venue."""

    title: str
    is_needed: bool
    reason: str


PERMISSIONS = (
    Permission("Query funds and balances", True, "Read available margin and free collateral."),
    Permission("Query open and closed orders", True, "Hold every fill against the position that is expected."),
    Permission("Query ledger entries and trades", True, "Account for every cent of realised profit and loss."),
    Permission("Create and modify orders", True, "Open and adjust positions, and the stops that protect them."),
    Permission("Cancel and close positions", True, "Close on stop, time-stop and take-profit."),
    Permission("Withdraw funds", False, "Jarvis never moves money off your exchange."),
    Permission("Transfer between accounts", False, "Nor between your accounts."),
    Permission("Modify account or API settings", False, "Trading does not need it."),
)


def router(web: Web) -> APIRouter:
    """The routes of the walkthroughs."""
    routes = APIRouter(prefix="/docs/onboarding")

    @routes.get("")
    async def overview(request: Request) -> Response:
        values = {
            "here": "docs",
            "permissions": PERMISSIONS,
            "walkthroughs": WALKTHROUGHS.values(),
            "risks": {venue: _risks(venue) for venue in WALKTHROUGHS},
        }
        return await web.page(request, "connecting/onboarding.html", values)

    @routes.get("/{venue}")
    async def walkthrough(request: Request, venue: str) -> Response:
        found = WALKTHROUGHS.get(VenueName(venue))
        if found is None:
            raise HTTPException(404)
        values = {
            "here": "docs",
            "walkthrough": found,
            "others": [each for each in WALKTHROUGHS.values() if each is not found],
            "risks": _risks(found.venue),
            "outbound": await _outbound(web, request),
        }
        return await web.page(request, "connecting/onboarding_venue.html", values)

    return routes


async def _outbound(web: Web, request: Request) -> str:
    """The address that venues see us at: the operator's word, or what a venue told this visitor's own accounts."""
    person = (await web.visitor(request)).person
    own = await web.store.accounts_of(person.user_id) if person is not None else ()
    return outbound_address(web.settings.outbound_address, own)


def _risks(venue: VenueName) -> tuple[str, ...]:
    """What a key that is made as the walkthrough says could still be used for: the verdict's own words."""
    table = TABLES[venue]
    key = KeyPermissions(frozenset(table.to_tick), "", "", ip_allowlist=("here",), is_sub_account=True)
    return (*table.standing_risks, *table.more_risks(key))
