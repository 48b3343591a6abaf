"""Changing the password, and ending sessions: one, or all but this one."""

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.accounts.people import Deed, SignInRefused, TryLater
from jarvis.web.context import Web, address_of
from jarvis.web.forms import later
from jarvis.web.people.factors import page, said


def router(web: Web) -> APIRouter:
    """The routes of the password and the sessions."""
    routes = APIRouter(prefix="/account/security")

    @routes.post("/password")
    async def change_password(request: Request) -> Response:
        person = await web.person(request, Deed.CHANGE_PASSWORD)
        form = await web.form(request)
        outcome = await web.people.change_password(
            person,
            await web.session(request),
            form.raw("password"),
            form.raw("new_password"),
            address=address_of(request),
            now=web.now(),
        )
        if outcome is None:
            return said("password")
        if isinstance(outcome, TryLater):
            return await page(web, request, errors={"password": later(outcome.seconds)}, status=429)
        if isinstance(outcome, SignInRefused):
            return await page(web, request, errors={"password": "This is not your password."}, status=422)
        return await page(web, request, errors={"new_password": outcome.value}, status=422)

    @routes.post("/sessions/end")
    async def end_session(request: Request) -> Response:
        person = await web.person(request, Deed.END_SESSIONS)
        form = await web.form(request)
        session_id = form.text("session")
        noted = await web.entry(request, "session.ended", why="ended by hand")
        if not await web.sessions.end_one(person.user_id, session_id, noted=noted):
            raise HTTPException(404)
        return said("ended")

    @routes.post("/sessions/end-others")
    async def end_others(request: Request) -> Response:
        person = await web.person(request, Deed.END_SESSIONS)
        await web.form(request)
        noted = await web.entry(request, "session.ended", why="all others ended by hand")
        await web.sessions.end_all(person.user_id, noted=noted, keeping=web.session_token(request))
        return said("ended")

    return routes
