"""A person's own data: taking all of it along, and deleting the account with all of it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.accounts.export import Export
from jarvis.accounts.people import Deed, Person, Role, normalised_email
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web
from jarvis.web.jobs import Job, Prepared, Work
from jarvis.web.people.jobs import living, long_action

AT_ONCE = 2000
"""How many rows are exported while a page waits; more are a long action."""

_TYPE = "application/zip"


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
        name = f"jarvis-{now:%Y-%m-%d}.zip"
        if await web.store.rows_of_person(person.user_id, most=AT_ONCE + 1) > AT_ONCE:
            return await long_action(
                web, request, person, key="export", title="Your data", back="/account/data",
                work=_export(web, person, name),
            )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="jarvis-export-") as folder:
            path = Path(folder) / name
            with Export(path, now) as file:
                await web.store.tell_person(person.user_id, file.take)
            content = path.read_bytes()
        return Response(content, media_type=_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'})

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
        web.jobs.forget_person(person.user_id)
        web.reckonings.forget([each.account_id for each in await web.store.accounts_of(person.user_id)])
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


def _export(web: Web, person: Person, name: str) -> Work:
    """The long action that writes everything into a file."""

    async def work(job: Job) -> Prepared:
        job.begin("Reading everything that is kept about you", await web.store.rows_of_person(person.user_id), "rows")
        path = web.jobs.file(job, name)
        with Export(path, web.now()) as file:

            def take(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
                job.went(len(rows))  # ends the reading if the person cancelled
                file.take(table, columns, rows)

            await web.store.tell_person(person.user_id, take)
        return Prepared(path, name, _TYPE, path.stat().st_size)

    return work


async def _data_page(web: Web, request: Request, person: Person, *, error: str = "", status: int = 200) -> Response:
    values = {"here": "data", "error": error, "obstacles": await _obstacles(web, person), "jobs": living(web, person)}
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
