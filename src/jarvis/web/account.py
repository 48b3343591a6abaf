"""The account page: connecting and disconnecting venue keys, choosing strategies, setting limits, arming."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed
from jarvis.domain.account import Environment, KeyPermissions
from jarvis.domain.instrument import Pair
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import KRAKEN, VENUES
from jarvis.venues.permissions import Need, judge
from jarvis.web.connect import ConnectOutcome
from jarvis.web.context import Web
from jarvis.web.forms import FormError, key_and_secret

_NO_ERRORS = {"api_key": "", "api_secret": "", "environment": ""}


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
    environment: str
    public_key: str
    execution_venue: str
    connected_at: datetime
    armed: bool
    leverages: tuple[tuple[Pair, int], ...]


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
        return await _account_page(web, request)

    @routes.post("/kraken")
    async def connect(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        form = await web.form(request)
        offered = ("sandbox", "live") if web.settings.sandbox_url else ("live",)
        environment = form.choice("environment", offered)
        api_key, secret = key_and_secret(form)
        if form.errors:
            errors = {**_NO_ERRORS, **form.errors}
            return await _account_page(web, request, errors=errors, environment=environment, status=422)
        outcome = await web.connector.connect(
            user_id=person.user_id,
            venue=KRAKEN,
            environment=Environment(environment),
            api_key=api_key,
            secret=secret,
        )
        status = 200 if outcome.account_id or outcome.pending_id else 422
        return await _account_page(web, request, outcome=outcome, environment=environment, status=status)

    @routes.post("/kraken/confirm")
    async def confirm(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        form = await web.form(request)
        if form.text("confirmed") != "yes":
            raise FormError("Tick the box to say that you have read what remains. The key was not stored.")
        account_id = await web.connector.confirm(user_id=person.user_id, pending_id=form.text("pending"))
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
        await web.store.disconnect_account(account.owner_id, account.account_id, web.now())
        return RedirectResponse("/account?said=disconnected", status_code=303)

    return routes


def card_of(account: TradingAccount) -> Card:
    """A connected account as its card shows it."""
    return Card(
        account_id=account.account_id,
        environment=account.environment.value,
        public_key=account.public_id,
        execution_venue=account.execution_venue,
        connected_at=account.connected_at,
        armed=account.is_armed,
        leverages=leverages_of(account),
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
    *,
    outcome: ConnectOutcome | None = None,
    errors: dict[str, str] | None = None,
    environment: str = "",
    status: int = 200,
) -> Response:
    person = await web.person(request)
    accounts = [account for account in await web.store.accounts_of(person.user_id) if account.is_connected]
    values = {
        "here": "account",
        "cards": [card_of(account) for account in accounts],
        "said": _SAID.get(request.query_params.get("said", "")),
        "outcome": outcome,
        "errors": errors or _NO_ERRORS,
        "has_errors": errors is not None,
        "environment": environment or ("sandbox" if web.settings.sandbox_url else "live"),
        "sandbox_url": web.settings.sandbox_url,
        "needed_boxes": _boxes(Need.REQUIRED),
        "forbidden_boxes": _boxes(Need.FORBIDDEN),
    }
    return await web.page(request, "account.html", values, status)


def _boxes(need: Need) -> list[str]:
    """The boxes of Kraken's form that must be ticked, or must not be."""
    nothing = KeyPermissions(frozenset(), label="", public_id="")
    rows = judge(KRAKEN, nothing, datetime.min.replace(tzinfo=UTC)).rows
    return [row.label.rpartition(": ")[2] for row in rows if row.needed is need]
