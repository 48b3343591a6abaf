"""The doors: home, about, signing up, in and out."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import EmailProblem, FactorNeeded, SignedIn, TryLater
from jarvis.web.context import Web
from jarvis.web.forms import FormError

_EMPTY = {"email": "", "password": ""}


def router(web: Web) -> APIRouter:
    """The routes that need nobody to be signed in."""
    routes = APIRouter()

    @routes.get("/")
    async def home(request: Request) -> Response:
        return await web.page(request, "home.html")

    @routes.get("/about")
    async def about(request: Request) -> Response:
        return await web.page(request, "about.html")

    @routes.get("/sign-up")
    async def sign_up_page(request: Request) -> Response:
        return await _sign_up(web, request)

    @routes.post("/sign-up")
    async def sign_up(request: Request) -> Response:
        form = await web.form(request)
        if not web.settings.sign_up_open:
            raise FormError("Sign-up is closed on this installation. Ask whoever runs it.")
        wait = web.sign_up_throttle.ask("", _address(request), web.now())
        if wait > 0:
            return await _sign_up(web, request, message=_later(wait), status=429)
        problem = await web.people.sign_up(form.text("email"), form.raw("password"), web.now())
        if isinstance(problem, TryLater):
            return await _sign_up(web, request, message=_later(problem.seconds), status=429)
        if problem is None:
            return RedirectResponse("/sign-in?opened", status_code=303)
        field = "email" if isinstance(problem, EmailProblem) else "password"
        return await _sign_up(web, request, errors={**_EMPTY, field: problem.value}, status=422)

    @routes.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        if (await web.visitor(request)).person is not None:
            return RedirectResponse("/desk", status_code=303)
        if "opened" in request.query_params:
            # The same words whether the address was new or not: nobody learns who has an account here.
            return await _sign_in(web, request, "If this address was new here, its account is open. Sign in.", "good")
        if "out" in request.query_params:
            return await _sign_in(web, request, "You are signed out. Trading goes on as you left it.", "good")
        return await _sign_in(web, request)

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = await web.form(request)
        outcome = await web.people.sign_in(
            form.text("email"),
            form.raw("password"),
            address=_address(request),
            now=web.now(),
            replacing=web.session_token(request),
        )
        if isinstance(outcome, TryLater):
            return await _sign_in(web, request, _later(outcome.seconds), "bad", status=429)
        if isinstance(outcome, FactorNeeded):
            return RedirectResponse("/sign-in/factor", status_code=303)
        if not isinstance(outcome, SignedIn):
            return await _sign_in(web, request, outcome.value, "bad", status=422)
        answer = RedirectResponse("/desk", status_code=303)
        web.keep_session(answer, outcome.session.token)
        return answer

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await web.form(request)
        token = web.session_token(request)
        if token is not None:
            await web.people.sign_out(token)
        answer = RedirectResponse("/sign-in?out", status_code=303)
        web.forget_session(answer)
        return answer

    return routes


async def _sign_up(
    web: Web, request: Request, *, message: str = "", errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    values = {"here": "sign-up", "message": message, "errors": errors or _EMPTY}
    return await web.page(request, "sign_up.html", values, status)


async def _sign_in(web: Web, request: Request, message: str = "", kind: str = "bad", status: int = 200) -> Response:
    values = {"here": "sign-in", "message": message, "kind": kind, "errors": _EMPTY}
    return await web.page(request, "sign_in.html", values, status)


def _later(seconds: float) -> str:
    return f"Too many attempts. Try again in {max(1, round(seconds))} s."


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
