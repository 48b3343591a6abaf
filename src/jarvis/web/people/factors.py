"""The security page: passkeys, the authenticator app, recovery codes, the password and the sessions of a person.

The first factor takes the password; everything later takes a proof of the last ten minutes. A new factor is itself
such a proof: whoever has just enrolled one goes on without being asked again.
"""

import base64
import hashlib
import io
from dataclasses import dataclass
from datetime import datetime

import segno
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from jarvis.accounts.ceremonies import CEREMONY_LASTS
from jarvis.accounts.passkeys import MOST_PASSKEYS, PasskeyProblem
from jarvis.accounts.people import Deed, Enrolment, Person, TryLater
from jarvis.accounts.places import browser_family
from jarvis.domain.people import Factors, Passkey
from jarvis.web.connecting.account import Said
from jarvis.web.connecting.steps import LeftOff, ways_of
from jarvis.web.context import Web, address_of
from jarvis.web.forms import Form, later
from jarvis.web.people.entrance import PASSKEY_CEREMONY

_SAID = {
    "passkey": Said("good", "The passkey is added.", "Sign in with it from now on. Other sessions were ended."),
    "renamed": Said("good", "Renamed."),
    "removed": Said("good", "Removed.", "Other sessions were ended."),
    "totp": Said("good", "The authenticator app is added.", "It is asked for when you sign in with your password."),
    "password": Said("good", "The password is changed.", "Other sessions were ended."),
    "ended": Said("good", "Ended.", "Whoever sat there must sign in again."),
}
_METHODS = {
    "password": "password",
    "password+totp": "password and authenticator app",
    "password+recovery": "password and recovery code",
    "passkey": "passkey",
}
_NO_ERRORS = {"passkey": "", "totp": "", "password": "", "new_password": ""}
_WHILE_ARMED = "Disarm your accounts first: trading is armed only with a second factor, and this is the last one."


@dataclass(frozen=True, slots=True)
class PasskeyLine:
    """One passkey, as the page shows it. `name` is what forms call it."""

    name: str
    label: str
    created_at: datetime
    used_at: datetime | None
    is_synced: bool


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One signed-in browser, as the page shows it."""

    session_id: str
    browser: str
    address: str
    method: str
    opened_at: datetime
    used_at: datetime
    is_this: bool


def router(web: Web) -> APIRouter:
    """The routes of factors."""
    routes = APIRouter(prefix="/account/security")

    @routes.get("")
    async def security_page(request: Request) -> Response:
        await web.person(request)
        return await page(web, request)

    @routes.post("/codes")
    async def make_codes(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_FACTORS)
        await web.form(request)
        noted = await web.entry(request, "factor.codes_made")
        codes = await web.recovery.make(person, keeping=await web.session(request), noted=noted)
        values = {"here": "security", "codes": codes, "made_at": web.now(), "ways": await _ways(web, person)}
        return await web.page(request, "people/recovery_codes.html", values)

    _add_passkeys(routes, web)
    _add_totp(routes, web)
    return routes


def _add_passkeys(routes: APIRouter, web: Web) -> None:
    @routes.post("/passkeys/options")
    async def passkey_options(request: Request) -> Response:
        person = await web.person(request, Deed.ENROL_FACTOR)
        refused, status = await _may_enrol(web, request, person, await web.form(request))
        if refused:
            return JSONResponse({"error": refused}, status_code=status)
        begun = await web.passkeys.begin_registration(person, web.now())
        answer = Response(begun.options, media_type="application/json")
        web.keep(answer, PASSKEY_CEREMONY, begun.ceremony_token, CEREMONY_LASTS)
        return answer

    @routes.post("/passkeys")
    async def add_passkey(request: Request) -> Response:
        person = await web.person(request, Deed.ENROL_FACTOR)
        form = await web.form(request)
        outcome = await web.passkeys.finish_registration(
            person,
            web.kept(request, PASSKEY_CEREMONY),
            form.raw("credential"),
            label=form.text("label"),
            now=web.now(),
            keeping=await web.session(request),
            noted=await web.entry(request, "factor.added", factor="passkey"),
        )
        if isinstance(outcome, PasskeyProblem):
            return await page(web, request, errors={"passkey": outcome.value}, status=422)
        return await _enrolled(web, request, "passkey")

    @routes.post("/passkeys/rename")
    async def rename_passkey(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_FACTORS)
        form = await web.form(request)
        passkey = await _named(web, person, form)
        noted = await web.entry(request, "factor.renamed", factor="passkey")
        problem = await web.passkeys.rename(person, passkey.credential_id, form.text("label"), noted=noted)
        if problem is not None:
            return await page(web, request, errors={"passkey": problem.value}, status=422)
        return said("renamed")

    @routes.post("/passkeys/remove")
    async def remove_passkey(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_FACTORS)
        passkey = await _named(web, person, await web.form(request))
        factors = await web.store.factors(person.user_id)
        is_last = len(factors.passkeys) == 1 and factors.totp_since is None
        if is_last and await _is_armed(web, person):
            return await page(web, request, errors={"passkey": _WHILE_ARMED}, status=422)
        noted = await web.entry(request, "factor.removed", factor="passkey")
        await web.passkeys.remove(person, passkey.credential_id, keeping=await web.session(request), noted=noted)
        return said("removed")


def _add_totp(routes: APIRouter, web: Web) -> None:
    @routes.post("/totp")
    async def begin_totp(request: Request) -> Response:
        person = await web.person(request, Deed.ENROL_FACTOR)
        refused, status = await _may_enrol(web, request, person, await web.form(request))
        if refused:
            return await page(web, request, errors={"totp": refused}, status=status)
        offer = await web.totp.begin(person, web.now())
        values = {"here": "security", "seed": _grouped(offer.seed), "picture": qr_code(offer.uri), "error": ""}
        return await web.page(request, "people/totp.html", values)

    @routes.post("/totp/confirm")
    async def confirm_totp(request: Request) -> Response:
        person = await web.person(request, Deed.ENROL_FACTOR)
        form = await web.form(request)
        noted = await web.entry(request, "factor.added", factor="totp")
        if await web.totp.confirm(
            person, form.text("code"), web.now(), keeping=await web.session(request), noted=noted
        ):
            return await _enrolled(web, request, "totp")
        error = "This code does not fit. Type the one that the app shows now; is the clock of your phone right?"
        values = {"here": "security", "seed": "", "picture": "", "error": error}
        return await web.page(request, "people/totp.html", values, 422)

    @routes.post("/totp/remove")
    async def remove_totp(request: Request) -> Response:
        person = await web.person(request, Deed.MANAGE_FACTORS)
        await web.form(request)
        factors = await web.store.factors(person.user_id)
        if not factors.passkeys and await _is_armed(web, person):
            return await page(web, request, errors={"totp": _WHILE_ARMED}, status=422)
        noted = await web.entry(request, "factor.removed", factor="totp")
        await web.totp.remove(person, keeping=await web.session(request), noted=noted)
        return said("removed")


async def page(web: Web, request: Request, *, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    """The security page. `errors` are sentences by the part of the page that they belong to."""
    person = await web.person(request)
    session = await web.session(request)
    factors = await web.store.factors(person.user_id)
    enrolment = await web.people.allows_enrolment(
        person, session, password=None, address=address_of(request), now=web.now()
    )
    values = {
        "here": "security",
        "said": _SAID.get(request.query_params.get("said", "")),
        "errors": {**_NO_ERRORS, **(errors or {})},
        "factors": factors,
        "ways": await _ways(web, person) if factors.any else [],
        "passkeys": [_line(each) for each in factors.passkeys],
        "most_passkeys": MOST_PASSKEYS,
        "passkeys_elsewhere": web.passkeys_elsewhere(request),
        "asks_password": enrolment is Enrolment.PASSWORD_NEEDED,
        "may_enrol": enrolment in (Enrolment.ALLOWED, Enrolment.PASSWORD_NEEDED),
        "sessions": [
            SessionLine(
                session_id=each.session_id,
                browser=browser_family(each.agent),
                address=each.address,
                method=_METHODS.get(each.method, each.method),
                opened_at=each.opened_at,
                used_at=each.used_at,
                is_this=each.session_id == session.session_id,
            )
            for each in await web.sessions.of(person.user_id, web.now())
        ],
    }
    return await web.page(request, "people/security.html", values, status)


def said(what: str) -> Response:
    """Back to the security page, which says first what was done."""
    return RedirectResponse(f"/account/security?said={what}", status_code=303)


def qr_code(text: str) -> str:
    """The text as the address of a picture: an SVG, dark on light in either scheme, as cameras want it."""
    picture = io.BytesIO()
    segno.make(text, error="m").save(picture, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False)
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode()


async def _may_enrol(web: Web, request: Request, person: Person, form: Form) -> tuple[str, int]:
    """Why this session may not add a factor now, and the status to say it with; "" if it may."""
    allowed = await web.people.allows_enrolment(
        person,
        await web.session(request),
        password=form.raw("password") or None,
        address=address_of(request),
        now=web.now(),
    )
    if isinstance(allowed, TryLater):
        return later(allowed.seconds), 429
    return allowed.value, 422 if allowed in (Enrolment.PASSWORD_NEEDED, Enrolment.PASSWORD_WRONG) else 403


async def _enrolled(web: Web, request: Request, factor: str) -> Response:
    """A new factor was shown just now, so that the session is proved, under a new token."""
    answer = said(factor)
    proved = await web.sessions.prove(web.session_token(request) or "", web.now(), method=factor)
    if proved is not None:
        web.keep_proved(answer, proved.token)
    web.forget(answer, PASSKEY_CEREMONY)
    return answer


async def _ways(web: Web, person: Person) -> list[LeftOff]:
    """Where somebody goes on who came here on the way to a connected key."""
    return await ways_of(web.store, person.user_id)


async def _is_armed(web: Web, person: Person) -> bool:
    return any(account.is_armed for account in await web.store.accounts_of(person.user_id))


async def _named(web: Web, person: Person, form: Form) -> Passkey:
    factors: Factors = await web.store.factors(person.user_id)
    for each in factors.passkeys:
        if _name(each) == form.text("passkey"):
            return each
    raise HTTPException(404)


def _line(passkey: Passkey) -> PasskeyLine:
    return PasskeyLine(_name(passkey), passkey.label, passkey.created_at, passkey.used_at, passkey.backed_up)


def _name(passkey: Passkey) -> str:
    return hashlib.sha256(passkey.credential_id).hexdigest()[:16]


def _grouped(seed: str) -> str:
    return " ".join(seed[start : start + 4] for start in range(0, len(seed), 4))
