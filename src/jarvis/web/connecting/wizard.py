"""The way from no key to a checked one: make it, paste it, see what it may do. The rest of the way is beginning.py.

Every page stands on what is kept of the way (`Connecting`), so that it can be left at any time, on any device, and
gone on with. What was pasted is kept nowhere here: it is read (pasting.py), handed to the connector and forgotten.
"""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, Person, may
from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.domain.people import ConnectStep
from jarvis.store.connecting import Connecting
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import VENUES
from jarvis.venues.permissions import TABLES, Need
from jarvis.web.connecting.account import Said, card_of
from jarvis.web.connecting.keyhealth import outbound_address
from jarvis.web.connecting.pasting import Reading, read_paste, rules_for
from jarvis.web.connecting.steps import NUMBERS, STEPS, ways_of
from jarvis.web.connecting.told import Told, told_from_json, told_of
from jarvis.web.connecting.venues import FORMS, VenueForm
from jarvis.web.connecting.walkthroughs import WALKTHROUGHS
from jarvis.web.context import NOT_FOR_THIS_ROLE, Web
from jarvis.web.forms import Form, FormError

HOME = "/account/connect"
_NO_ERRORS = {"api_key": "", "api_secret": "", "api_passphrase": "", "environment": "", "execution_venue": ""}
_SAID = {
    "gone": Said(
        "warn",
        "This key is not kept any more.",
        "A key that lacks something is kept for 15 minutes, sealed and in memory. Paste it again, or make a new one.",
    ),
}


@dataclass(frozen=True, slots=True)
class PairLine:
    """What the venue lends on one pair, and the highest leverage that Jarvis uses of it; None if it lends nothing."""

    pair: str
    lent: int | None


def router(web: Web) -> APIRouter:
    """The routes of the way to a checked key."""
    routes = APIRouter(prefix=HOME)

    @routes.get("")
    async def choose_page(request: Request) -> Response:
        person = await _connecting_person(web, request)
        values = {
            "here": "account",
            "venues": [FORMS[name] for name in VENUES],
            "has_sandbox": bool(web.settings.sandbox_url),
            "ways": await ways_of(web.store, person.user_id),
        }
        return await web.page(request, "connecting/connect_choose.html", values)

    @routes.get("/{venue}")
    async def way_page(request: Request, venue: str) -> Response:
        asked = _form_of(venue)
        way = await _way(web, request, asked)
        told = told_from_json(way.told_json)
        step = _wanted_step(request, way, told)
        if step is ConnectStep.CHECK and told is not None:
            return await _check_page(web, request, asked, way, told)
        if step is ConnectStep.PASTE:
            return await _paste_page(web, request, asked, way)
        return await _key_page(web, request, asked, way)

    @routes.post("/{venue}/step")
    async def go_to_step(request: Request, venue: str) -> Response:
        """Begin, or say that the key was made: what is kept is where the person is."""
        asked = _form_of(venue)
        await _connecting_person(web, request)
        form = await web.form(request)
        way = await _way(web, request, asked, form)
        step = form.choice("step", (ConnectStep.KEY.value, ConnectStep.PASTE.value))
        if form.errors:
            raise FormError("Go back, reload, and choose one of those offered.")
        await _keep(web, way, ConnectStep(step))
        return _go(asked, step)

    @routes.post("/{venue}/forget")
    async def forget(request: Request, venue: str) -> Response:
        asked = _form_of(venue)
        person = await _connecting_person(web, request)
        await web.form(request)
        await web.store.end_connecting(person.user_id, asked.name)
        return RedirectResponse("/account", status_code=303)

    _add_checks(routes, web)
    return routes


def _add_checks(routes: APIRouter, web: Web) -> None:
    @routes.post("/{venue}")
    async def paste(request: Request, venue: str) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        asked = _form_of(venue)
        form = await web.form(request)
        way = await _way(web, request, asked, form)
        replacing = await _replaced(web, request, way)
        choices = () if replacing else tuple(each.value for each in asked.choices)
        chosen = form.choice("execution_venue", choices) if choices else ""
        reading = read_paste(asked.name, form.raw("api_key"), form.raw("api_secret"), form.raw("api_passphrase"))
        form.errors.update(reading.errors)
        if form.errors:
            return await _paste_page(web, request, asked, way, form.errors, reading)
        outcome = await web.connector.connect(
            user_id=person.user_id,
            venue=asked.name,
            environment=way.environment,
            api_key=reading.values.api_key,
            secret=reading.values.secret,
            passphrase=reading.values.passphrase,
            execution_venue=chosen,
            noted=await web.entry(
                request,
                "key.replaced" if replacing else "key.connected",
                venue=asked.name,
                environment=way.environment.value,
            ),
            replacing=replacing,
        )
        return await _checked(web, asked, way, told_of(outcome, reading.taken))

    @routes.post("/{venue}/check")
    async def check_again(request: Request, venue: str) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        asked = _form_of(venue)
        form = await web.form(request)
        way = await _way(web, request, asked)
        noted = await web.entry(request, "key.connected", venue=asked.name, environment=way.environment.value)
        outcome = await web.connector.check_again(user_id=person.user_id, pending_id=form.text("pending"), noted=noted)
        if outcome is None:
            await _keep(web, way, ConnectStep.PASTE)
            return RedirectResponse(f"{HOME}/{asked.name}?step=paste&said=gone", status_code=303)
        return await _checked(web, asked, way, told_of(outcome))

    @routes.post("/{venue}/confirm")
    async def confirm(request: Request, venue: str) -> Response:
        person = await web.person(request, Deed.MANAGE_KEYS)
        asked = _form_of(venue)
        form = await web.form(request)
        way = await _way(web, request, asked)
        if form.text("confirmed") != "yes":
            raise FormError("Tick the box to say that you have read what remains. The key was not stored.")
        noted = await web.entry(request, "key.connected", venue=venue, risks_confirmed=True)
        account_id = await web.connector.confirm(user_id=person.user_id, pending_id=form.text("pending"), noted=noted)
        if account_id is None:
            raise FormError(
                "This key does not wait for a confirmation any more, or it is connected already. Paste it again."
            )
        await _keep(web, way, ConnectStep.LIMITS, account_id=account_id)
        return RedirectResponse(f"/account/{account_id}/begin?said=connected", status_code=303)


async def _connecting_person(web: Web, request: Request) -> Person:
    """The person, who may have keys. Raises HTTPException 403 for one who only looks; asks for no proof."""
    person = await web.person(request)
    if not may(person.role, Deed.MANAGE_KEYS):
        raise HTTPException(403, NOT_FOR_THIS_ROLE)
    return person


async def _way(web: Web, request: Request, asked: VenueForm, form: Form | None = None) -> Connecting:
    """Where the person is with this venue: as it is kept, unless the address or the form says something else.

    A form says it all: one that names an account is about replacing its key, and one that names none is not. What an
    earlier check of something else said is left out. Raises HTTPException 404 for an account that is a stranger's or
    of another venue.
    """
    person = await _connecting_person(web, request)
    offered = _environments(web)
    first = Connecting(person.user_id, asked.name, offered[0], ConnectStep.KEY, web.now())
    kept = next((way for way in await web.store.connecting_of(person.user_id) if way.venue == asked.name), first)
    names = tuple(each.value for each in offered)
    replaced = request.query_params.get("replace", "") if form is None else form.text("account")
    account_id = kept.account_id if form is None else None
    if replaced:
        account = await web.account(request, replaced, Deed.MANAGE_KEYS)
        if account.venue != asked.name:
            raise HTTPException(404)
        account_id, environment = account.account_id, account.environment
    elif form is not None:
        environment = Environment(form.choice("environment", names))
    else:
        wanted = request.query_params.get("environment", kept.environment.value)
        environment = Environment(wanted) if wanted in names else offered[0]
    is_same = (environment, account_id) == (kept.environment, kept.account_id)
    step, told = (kept.step, kept.told_json) if is_same else (ConnectStep.KEY, "")
    return replace(kept, environment=environment, account_id=account_id, step=step, told_json=told)


def _environments(web: Web) -> tuple[Environment, ...]:
    """Where keys may be of, the one to begin with first."""
    if web.settings.sandbox_url:
        return (Environment.SANDBOX, Environment.LIVE)
    return (Environment.LIVE,)


def _wanted_step(request: Request, way: Connecting, told: Told | None) -> ConnectStep:
    """The step to show: what the address asks for, or where the person is; a check only if there was one."""
    names = {step.value: step for step in (ConnectStep.KEY, ConnectStep.PASTE, ConnectStep.CHECK)}
    step = names.get(request.query_params.get("step", ""), way.step)
    if step in (ConnectStep.CHECK, ConnectStep.LIMITS):
        return ConnectStep.CHECK if told is not None else ConnectStep.PASTE
    return step


async def _replaced(web: Web, request: Request, way: Connecting) -> TradingAccount | None:
    """The account whose key is to be replaced; None for a new one."""
    if way.account_id is None:
        return None
    account = await web.account(request, way.account_id, Deed.MANAGE_KEYS)
    return account if account.is_connected else None


async def _checked(web: Web, asked: VenueForm, way: Connecting, told: Told) -> Response:
    """Keep what the check said and show it. Anew, so that a reload sends no secret again."""
    step = ConnectStep.LIMITS if told.account_id else ConnectStep.CHECK
    await _keep(web, way, step, account_id=told.account_id or way.account_id, told=told)
    return _go(asked, ConnectStep.CHECK.value)


async def _keep(
    web: Web, way: Connecting, step: ConnectStep, *, account_id: AccountId | None = None, told: Told | None = None
) -> None:
    await web.store.save_connecting(
        replace(
            way,
            step=step,
            updated_at=web.now(),
            account_id=account_id or way.account_id,
            told_json=told.to_json() if told else way.told_json,
        )
    )


def _go(asked: VenueForm, step: str) -> Response:
    return RedirectResponse(f"{HOME}/{asked.name}?step={step}", status_code=303)


async def _key_page(web: Web, request: Request, asked: VenueForm, way: Connecting) -> Response:
    person = await web.person(request)
    accounts = [account for account in await web.store.accounts_of(person.user_id) if account.is_connected]
    table = TABLES[asked.name]
    values = {
        "has_factor": (await web.store.factors(person.user_id)).any,
        "needed_boxes": [box for box in table.boxes if box.need is Need.REQUIRED],
        "forbidden_boxes": [box for box in table.boxes if box.need is Need.FORBIDDEN],
        "outbound": outbound_address(web.settings.outbound_address, accounts),
        "binding": table.binding,
        "can_expire": table.can_expire,
        "walkthrough": WALKTHROUGHS[asked.name],
    }
    return await _wizard_page(web, request, "connecting/wizard_key.html", asked, way, ConnectStep.KEY, values)


async def _paste_page(
    web: Web,
    request: Request,
    asked: VenueForm,
    way: Connecting,
    errors: dict[str, str] | None = None,
    reading: Reading | None = None,
) -> Response:
    person = await web.person(request)
    other = reading.other if reading else None
    values = {
        "has_factor": (await web.store.factors(person.user_id)).any,
        "errors": {**_NO_ERRORS, **(errors or {})},
        "has_errors": bool(errors),
        "other": FORMS[other] if other else None,
        "rules": rules_for(asked.name),
        "said": _SAID.get(request.query_params.get("said", "")),
    }
    status = 422 if errors else 200
    page = "connecting/wizard_paste.html"
    return await _wizard_page(web, request, page, asked, way, ConnectStep.PASTE, values, status)


async def _check_page(web: Web, request: Request, asked: VenueForm, way: Connecting, told: Told) -> Response:
    table = TABLES[asked.name]
    values = {
        "told": told,
        "pairs": [PairLine(str(pair), (told.lent or {}).get(str(pair))) for pair in VENUES[asked.name].pairs],
        "binding": table.binding,
        "can_expire": table.can_expire,
        "outbound": outbound_address(web.settings.outbound_address, ()),
        "account_id": way.account_id if way.step is ConnectStep.LIMITS else None,
    }
    return await _wizard_page(web, request, "connecting/wizard_check.html", asked, way, ConnectStep.CHECK, values)


async def _wizard_page(
    web: Web,
    request: Request,
    template: str,
    asked: VenueForm,
    way: Connecting,
    step: ConnectStep,
    values: dict[str, object],
    status: int = 200,
) -> Response:
    replaced = None if way.step is ConnectStep.LIMITS or way.account_id is None else way.account_id
    account = None if replaced is None else await web.store.account(way.user_id, replaced)
    common = {
        "here": "account",
        "venue": asked,
        "environment": way.environment.value,
        "has_sandbox": bool(web.settings.sandbox_url),
        "sandbox_page": f"{web.settings.sandbox_url}/{asked.name}/settings/api" if web.settings.sandbox_url else "",
        "replacing": None if account is None else card_of(account),
        "steps": STEPS,
        "number": NUMBERS[step],
        "reached": NUMBERS[way.step],
    }
    return await web.page(request, template, {**common, **values}, status)


def _form_of(venue: str) -> VenueForm:
    """The form of a venue that a person named. Raises HTTPException 404 for one that there is not."""
    name = VenueName(venue)
    if name not in VENUES:
        raise HTTPException(404)
    return FORMS[name]
