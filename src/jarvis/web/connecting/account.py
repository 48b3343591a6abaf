"""The account page: a card for each connected key, and where one goes on connecting. The way to a key is wizard.py."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, may
from jarvis.domain.instrument import Pair
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import VENUES
from jarvis.venues.revoking import GUIDES, RevokeGuide
from jarvis.web.connecting.keyhealth import is_bound, outbound_address, trouble_of
from jarvis.web.connecting.steps import ways_of
from jarvis.web.connecting.venues import execution_venue_words
from jarvis.web.context import Web


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says first, after something was done."""

    kind: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A connected key, as its card shows it."""

    account_id: str
    venue: str
    venue_name: str
    environment: str
    public_key: str
    execution_venue: str
    connected_at: datetime
    armed: bool
    leverages: tuple[tuple[Pair, int], ...]
    risks: tuple[str, ...]
    ends_at: datetime | None
    ends_in: timedelta | None
    is_bound: bool | None
    trouble: tuple[str, ...]
    guide: RevokeGuide | None


_SAID = {
    "disconnected": Said(
        "good",
        "Disconnected.",
        "The sealed key is deleted here. Delete it at the exchange as well, to end it for good.",
    ),
}


def router(web: Web) -> APIRouter:
    """The routes of the account page."""
    routes = APIRouter(prefix="/account")

    @routes.get("")
    async def account_page(request: Request) -> Response:
        person = await web.person(request)
        accounts = [account for account in await web.store.accounts_of(person.user_id) if account.is_connected]
        values = {
            "here": "account",
            "may_trade": may(person.role, Deed.MANAGE_KEYS),
            "ways": await ways_of(web.store, person.user_id),
            "cards": [card_of(account) for account in accounts],
            "outbound": outbound_address(web.settings.outbound_address, accounts),
            "said": _SAID.get(request.query_params.get("said", "")),
        }
        return await web.page(request, "connecting/account.html", values)

    @routes.get("/{account_id}/disconnect")
    async def disconnect_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.MANAGE_KEYS)
        open_positions = await web.store.open_positions(account.owner_id, account.account_id)
        return await web.page(
            request,
            "connecting/disconnect.html",
            {"here": "account", "account": card_of(account), "open_positions": len(open_positions)},
        )

    @routes.post("/{account_id}/disconnect")
    async def disconnect(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.MANAGE_KEYS)
        await web.form(request)
        await web.store.disconnect_account(
            account.owner_id,
            account.account_id,
            web.now(),
            noted=await web.entry(request, "key.disconnected", account.account_id, venue=account.venue),
            told=f"The key {account.public_id} of {VENUES[account.venue].title} was disconnected and deleted here.",
        )
        for way in await web.store.connecting_of(account.owner_id):
            if way.account_id == account.account_id:
                await web.store.end_connecting(account.owner_id, way.venue)
        return RedirectResponse("/account?said=disconnected", status_code=303)

    return routes


def card_of(account: TradingAccount) -> Card:
    """A connected account as its card shows it."""
    noted = json.loads(account.permissions_json or "{}")
    ends_at = datetime.fromisoformat(noted["expires_at"]) if noted.get("expires_at") else None
    return Card(
        account_id=account.account_id,
        venue=VENUES[account.venue].title,
        venue_name=account.venue,
        environment=account.environment.value,
        public_key=account.public_id,
        execution_venue=execution_venue_words(account.venue, account.execution_venue),
        connected_at=account.connected_at,
        armed=account.is_armed,
        leverages=leverages_of(account),
        risks=tuple(noted.get("risks", ())),
        ends_at=ends_at,
        # Reckoned from the venue's own clock, as it was when the key was last looked at.
        ends_in=None if ends_at is None else ends_at - account.permissions_at,
        is_bound=is_bound(account),
        trouble=trouble_of(account),
        guide=GUIDES.get(account.venue),
    )


def leverages_of(account: TradingAccount) -> tuple[tuple[Pair, int], ...]:
    """The highest leverage per pair that the venue lent when the key was connected; empty if it was not asked."""
    lent = json.loads(account.permissions_json or "{}").get("leverages", {})
    return tuple((Pair.parse(pair), int(leverage)) for pair, leverage in lent.items())


def pairs_of(account: TradingAccount) -> Sequence[Pair]:
    """The pairs that this account may trade: those that the venue lent on, in the catalogue's order."""
    lent = {pair for pair, _ in leverages_of(account)}
    return [pair for pair in VENUES[account.venue].pairs if pair in lent or not lent]
