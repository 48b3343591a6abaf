"""The account page: connecting and disconnecting venue keys, choosing strategies, setting limits, arming."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, may
from jarvis.domain.account import Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import KRAKEN, VENUES
from jarvis.venues.permissions import TABLES, Need
from jarvis.venues.revoking import GUIDES, RevokeGuide
from jarvis.web.connect import ConnectOutcome
from jarvis.web.context import Web
from jarvis.web.forms import Form, FormError
from jarvis.web.keyhealth import is_bound, outbound_address, trouble_of
from jarvis.web.pasting import read_paste
from jarvis.web.venues import FORMS, VenueForm, execution_venue_words

_NO_ERRORS = {"api_key": "", "api_secret": "", "api_passphrase": "", "environment": "", "execution_venue": ""}


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
    "connected": Said("good", "Connected.", "Choose strategies and limits; nothing is traded before you arm it."),
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
        replaced = request.query_params.get("replace")
        if replaced:
            account = await web.account(request, replaced, Deed.MANAGE_KEYS)
            return await _account_page(web, request, _form_of(account.venue), replacing=account)
        venue = request.query_params.get("venue")
        return await _account_page(web, request, _form_of(venue) if venue else None)

    @routes.post("/{venue}")
    async def connect(request: Request, venue: str) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        asked = _form_of(venue)
        form = await web.form(request)
        replacing = await _replaced(web, request, form, asked)
        offered = ("sandbox", "live") if web.settings.sandbox_url else ("live",)
        environment = replacing.environment.value if replacing else form.choice("environment", offered)
        choices = () if replacing else tuple(each.value for each in asked.choices)
        chosen = form.choice("execution_venue", choices) if choices else ""
        reading = read_paste(asked.name, form.raw("api_key"), form.raw("api_secret"), form.raw("api_passphrase"))
        values = reading.values
        form.errors.update(reading.errors)
        if form.errors:
            errors = {**_NO_ERRORS, **form.errors}
            return await _account_page(
                web, request, asked, errors=errors, environment=environment, replacing=replacing, status=422
            )
        outcome = await web.connector.connect(
            user_id=person.user_id,
            venue=asked.name,
            environment=Environment(environment),
            api_key=values.api_key,
            secret=values.secret,
            passphrase=values.passphrase,
            execution_venue=chosen,
            noted=await web.entry(
                request, "key.replaced" if replacing else "key.connected", venue=asked.name, environment=environment
            ),
            replacing=replacing,
        )
        status = 200 if outcome.account_id or outcome.pending_id else 422
        return await _account_page(
            web, request, asked, outcome=outcome, environment=environment, replacing=replacing, status=status
        )

    @routes.post("/{venue}/confirm")
    async def confirm(request: Request, venue: str) -> Response:
        _form_of(venue)
        person = await web.person(request, Deed.MANAGE_KEYS)
        form = await web.form(request)
        if form.text("confirmed") != "yes":
            raise FormError("Tick the box to say that you have read what remains. The key was not stored.")
        noted = await web.entry(request, "key.connected", venue=venue, risks_confirmed=True)
        account_id = await web.connector.confirm(user_id=person.user_id, pending_id=form.text("pending"), noted=noted)
        if account_id is None:
            raise FormError("This key does not wait for a confirmation any more. Paste it again on the account page.")
        return RedirectResponse("/account?said=connected", status_code=303)

    @routes.get("/{account_id}/disconnect")
    async def disconnect_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.MANAGE_KEYS)
        open_positions = await web.store.open_positions(account.owner_id, account.account_id)
        return await web.page(
            request,
            "disconnect.html",
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
        return RedirectResponse("/account?said=disconnected", status_code=303)

    return routes


def card_of(account: TradingAccount) -> Card:
    """A connected account as its card shows it."""
    noted = json.loads(account.permissions_json or "{}")
    ends_at = datetime.fromisoformat(noted["expires_at"]) if noted.get("expires_at") else None
    return Card(
        account_id=account.account_id,
        venue=VENUES[account.venue].title,
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


async def _account_page(
    web: Web,
    request: Request,
    asked: VenueForm | None = None,
    *,
    outcome: ConnectOutcome | None = None,
    errors: dict[str, str] | None = None,
    environment: str = "",
    replacing: TradingAccount | None = None,
    status: int = 200,
) -> Response:
    person = await web.person(request)
    accounts = [account for account in await web.store.accounts_of(person.user_id) if account.is_connected]
    venue = asked or FORMS[KRAKEN]
    values = {
        "here": "account",
        "may_trade": may(person.role, Deed.MANAGE_KEYS),
        "has_factor": (await web.store.factors(person.user_id)).any,
        "venue": venue,
        "venues": [FORMS[name] for name in VENUES],
        "venue_chosen": asked is not None,
        "cards": [card_of(account) for account in accounts],
        "outbound": outbound_address(web.settings.outbound_address, accounts),
        "said": _SAID.get(request.query_params.get("said", "")),
        "outcome": outcome,
        "errors": errors or _NO_ERRORS,
        "has_errors": errors is not None,
        "environment": environment or ("sandbox" if web.settings.sandbox_url else "live"),
        "sandbox_url": web.settings.sandbox_url,
        "replacing": None if replacing is None or (outcome and outcome.account_id) else card_of(replacing),
        "needed_boxes": _boxes(venue.name, Need.REQUIRED),
        "forbidden_boxes": _boxes(venue.name, Need.FORBIDDEN),
    }
    return await web.page(request, "account.html", values, status)


async def _replaced(web: Web, request: Request, form: Form, asked: VenueForm) -> TradingAccount | None:
    """The account whose key is to be replaced; None for a new one. Raises HTTPException 404 for a stranger's."""
    if not form.text("account"):
        return None
    account = await web.account(request, form.text("account"), Deed.MANAGE_KEYS)
    if account.venue != asked.name:
        raise HTTPException(404)
    return account


def _form_of(venue: str) -> VenueForm:
    """The form of a venue that a person named. Raises HTTPException 404 for one that there is not."""
    name = VenueName(venue)
    if name not in VENUES:
        raise HTTPException(404)
    return FORMS[name]


def _boxes(venue: VenueName, need: Need) -> list[str]:
    """The boxes of the venue's form that must be ticked, or must not be."""
    return [box.label.rpartition(": ")[2] for box in TABLES[venue].boxes if box.need is need]
