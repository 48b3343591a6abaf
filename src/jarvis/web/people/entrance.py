"""The doors: home, about, signing up, in and out.

Whoever has a second factor comes in by two steps. Between them the browser holds a token that is good for the second
step alone, for a few minutes.
"""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from jarvis.accounts import ceremonies
from jarvis.accounts.ceremonies import CEREMONY_LASTS, MOST_ATTEMPTS
from jarvis.accounts.passkeys import PasskeyProblem
from jarvis.accounts.people import CodeRefused, EmailProblem, FactorNeeded, SignedIn, SignInRefused, TryLater
from jarvis.domain.people import CeremonyKind
from jarvis.web.connecting.onboarding import PERMISSIONS
from jarvis.web.connecting.walkthroughs import WALKTHROUGHS
from jarvis.web.context import Web, address_of, agent_of
from jarvis.web.forms import FormError, later
from jarvis.web.people.links import LINK_COOKIE

_EMPTY = {"email": "", "password": ""}
_SECOND_STEP = "second-step"
PASSKEY_CEREMONY = "passkey"
_SAID = {
    # The same words whether the address was new or not: nobody learns who has an account here.
    "opened": "If this address was new here, its account is open. Sign in.",
    "out": "You are signed out. Trading goes on as you left it.",
    "reset": "The new password is set, and every session was ended. Sign in.",
}


def router(web: Web) -> APIRouter:
    """The routes that need nobody to be signed in."""
    routes = APIRouter()

    @routes.get("/")
    async def home(request: Request) -> Response:
        shown = {"permissions": PERMISSIONS, "walkthroughs": WALKTHROUGHS.values()}
        return await web.page(request, "people/home.html", shown)

    @routes.get("/about")
    async def about(request: Request) -> Response:
        return await web.page(request, "people/about.html")

    @routes.get("/sign-up")
    async def sign_up_page(request: Request) -> Response:
        return await _sign_up(web, request)

    @routes.post("/sign-up")
    async def sign_up(request: Request) -> Response:
        form = await web.form(request)
        if web.settings.sign_up != "open":
            raise FormError("Sign-up is not open on this installation. Ask whoever runs it for an invitation.")
        address = address_of(request)
        wait = web.sign_up_throttle.ask("", address, web.now())
        if wait > 0:
            return await _sign_up(web, request, message=later(wait), status=429)
        problem = await web.people.sign_up(form.text("email"), form.raw("password"), web.now(), address=address)
        if isinstance(problem, TryLater):
            return await _sign_up(web, request, message=later(problem.seconds), status=429)
        if problem is None:
            return RedirectResponse("/sign-in?opened", status_code=303)
        field = "email" if isinstance(problem, EmailProblem) else "password"
        return await _sign_up(web, request, errors={**_EMPTY, field: problem.value}, status=422)

    @routes.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        if (await web.visitor(request)).person is not None:
            return RedirectResponse("/desk", status_code=303)
        said = next((words for name, words in _SAID.items() if name in request.query_params), "")
        if "over" in request.query_params:
            return await _sign_in(web, request, CodeRefused.OVER.value)
        return await _sign_in(web, request, said, "good")

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = await web.form(request)
        outcome = await web.people.sign_in(
            form.text("email"),
            form.raw("password"),
            address=address_of(request),
            now=web.now(),
            agent=agent_of(request),
            replacing=web.session_token(request),
        )
        if isinstance(outcome, TryLater):
            return await _sign_in(web, request, later(outcome.seconds), status=429)
        if isinstance(outcome, FactorNeeded):
            answer = RedirectResponse("/sign-in/factor", status_code=303)
            web.keep(answer, _SECOND_STEP, outcome.ceremony_token, CEREMONY_LASTS)
            return answer
        if isinstance(outcome, SignInRefused):
            return await _sign_in(web, request, outcome.value, status=422)
        return _signed_in(web, request, outcome)

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await web.form(request)
        token = web.session_token(request)
        if token is not None:
            await web.people.sign_out(token, web.now())
        answer = RedirectResponse("/sign-in?out", status_code=303)
        web.forget_session(answer)
        return answer

    _add_second_step(routes, web)
    _add_passkeys(routes, web)
    return routes


def _add_second_step(routes: APIRouter, web: Web) -> None:
    @routes.get("/sign-in/factor")
    async def second_step_page(request: Request) -> Response:
        return await _second_step(web, request)

    @routes.post("/sign-in/factor")
    async def second_step(request: Request) -> Response:
        form = await web.form(request)
        outcome = await web.people.finish_sign_in(
            web.kept(request, _SECOND_STEP),
            form.text("code"),
            address=address_of(request),
            now=web.now(),
            agent=agent_of(request),
            replacing=web.session_token(request),
        )
        if isinstance(outcome, SignedIn):
            return _signed_in(web, request, outcome)
        if isinstance(outcome, TryLater):
            return await _second_step(web, request, later(outcome.seconds), status=429)
        if outcome is CodeRefused.WRONG:
            return await _second_step(web, request, outcome.value, status=422)
        return _begin_again(web)


def _add_passkeys(routes: APIRouter, web: Web) -> None:
    @routes.post("/sign-in/passkey/options")
    async def passkey_options(request: Request) -> Response:
        await web.form(request)
        begun = await web.passkeys.begin_sign_in(web.now(), address=address_of(request))
        if isinstance(begun, TryLater):
            return JSONResponse({"error": later(begun.seconds)}, status_code=429)
        answer = Response(begun.options, media_type="application/json")
        web.keep(answer, PASSKEY_CEREMONY, begun.ceremony_token, CEREMONY_LASTS)
        return answer

    @routes.post("/sign-in/passkey")
    async def passkey(request: Request) -> Response:
        form = await web.form(request)
        outcome = await web.passkeys.finish_sign_in(
            web.kept(request, PASSKEY_CEREMONY),
            form.raw("credential"),
            address=address_of(request),
            now=web.now(),
            agent=agent_of(request),
            replacing=web.session_token(request),
        )
        if isinstance(outcome, PasskeyProblem):
            return await _sign_in(web, request, outcome.value, status=422)
        return _signed_in(web, request, outcome)


async def _sign_up(
    web: Web, request: Request, *, message: str = "", errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    values = {"here": "sign-up", "message": message, "errors": errors or _EMPTY}
    return await web.page(request, "people/sign_up.html", values, status)


async def _sign_in(web: Web, request: Request, message: str = "", kind: str = "bad", status: int = 200) -> Response:
    values = {
        "here": "sign-in",
        "message": message,
        "kind": kind,
        "errors": _EMPTY,
        "passkeys_elsewhere": web.passkeys_elsewhere(request),
    }
    return await web.page(request, "people/sign_in.html", values, status)


def _signed_in(web: Web, request: Request, outcome: SignedIn) -> Response:
    """On to the desk, or to the link that the person has opened before."""
    answer = RedirectResponse("/link" if web.kept(request, LINK_COOKIE) else "/desk", status_code=303)
    web.keep_session(answer, outcome.session.token)
    web.forget(answer, _SECOND_STEP)
    return answer


async def _second_step(web: Web, request: Request, message: str = "", status: int = 200) -> Response:
    key = ceremonies.key_of(web.kept(request, _SECOND_STEP))
    begun = await web.store.ceremony(key, CeremonyKind.SECOND_FACTOR, web.now())
    if begun is None or begun.user_id is None:
        return _begin_again(web)
    values = {
        "here": "sign-in",
        "message": message,
        "methods": (await web.store.factors(begun.user_id)).methods,
        "attempts_left": MOST_ATTEMPTS - begun.attempts,
        "passkeys_elsewhere": web.passkeys_elsewhere(request),
    }
    return await web.page(request, "people/second_step.html", values, status)


def _begin_again(web: Web) -> Response:
    answer = RedirectResponse("/sign-in?over", status_code=303)
    web.forget(answer, _SECOND_STEP)
    return answer
