"""A person's own data: taking all of it along, and deleting the account with all of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from jarvis.accounts.export import Export
from jarvis.accounts.people import Deed, Person, Role, normalised_email
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web

_PIECE_BYTES = 64 * 1024


def router(web: Web) -> APIRouter:
    """The routes of the page about a person's data."""
    routes = APIRouter(prefix="/account/data")

    @routes.get("")
    async def data_page(request: Request) -> Response:
        return await _data_page(web, request, await web.person(request))

    @routes.post("/export")
    async def export(request: Request) -> Response:
        person = await web.person(request, Deed.EXPORT)
        await web.form(request)
        now = web.now()
        await web.store.note(await web.entry(request, "export.made"))
        folder = tempfile.TemporaryDirectory(prefix="jarvis-export-")
        try:
            path = Path(folder.name) / "data.zip"
            with Export(path, now) as file:
                await web.store.tell_person(person.user_id, file.take)
        except BaseException:
            folder.cleanup()
            raise
        return StreamingResponse(
            _pieces(path),
            media_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="jarvis-{now:%Y-%m-%d}.zip"'},
            background=BackgroundTask(folder.cleanup),
        )

    @routes.post("/delete")
    async def delete(request: Request) -> Response:
        person = await web.person(request, Deed.DELETE_ACCOUNT)
        form = await web.form(request)
        obstacles = await _obstacles(web, person)
        if obstacles:
            return await _data_page(web, request, person, error=obstacles[0], status=422)
        if normalised_email(form.text("email")) != person.email or form.text("understood") != "yes":
            error = "Type the e-mail address of this account and tick the box. Nothing was deleted."
            return await _data_page(web, request, person, error=error, status=422)
        noted = await web.entry(request, "person.deletion_asked")
        await web.store.begin_deletion(person.user_id, web.now(), noted)
        values = {
            "title": "Your account is deleted",
            "text": (
                "Your keys are gone from this installation already; the rest follows within a minute. Now delete the "
                "API keys at the exchanges, too: that is what makes them worthless for good."
            ),
            "links": [("Home", "/")],
        }
        answer = await web.page(request, "message.html", {**values, "person": None})
        web.forget_session(answer)
        return answer

    return routes


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


async def _data_page(web: Web, request: Request, person: Person, *, error: str = "", status: int = 200) -> Response:
    values = {"here": "data", "error": error, "obstacles": await _obstacles(web, person)}
    return await web.page(request, "people/data.html", values, status)


async def _obstacles(web: Web, person: Person) -> list[str]:
    """What must be done before this account can be deleted, each as a sentence."""
    obstacles = []
    for account in await web.store.accounts_of(person.user_id):
        if account.is_connected:
            held = await web.store.open_positions(person.user_id, account.account_id)
            if held:
                pairs = ", ".join(str(each.story.pair) for each in held)
                title = VENUES[account.venue].title
                obstacles.append(f"Open at {title}: {pairs}. Flatten on the desk first; nobody would look after it.")
    if person.role is Role.OPERATOR:
        operators = [each for each in await web.store.people() if each.role is Role.OPERATOR]
        if len(operators) == 1:
            obstacles.append("You are the only operator here. Make somebody else one first, or take Jarvis down.")
    return obstacles
