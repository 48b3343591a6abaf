"""The pages of a person's long actions: how far one is, how to end it, and what came of it.

A page that needs one sends there with `long_action`, and is what it leads back to. Without script the page loads itself
again; with script it asks for the state and moves its bar.
"""

from collections.abc import Iterator
from typing import BinaryIO

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from jarvis.accounts.people import Deed, Person
from jarvis.web.context import Web
from jarvis.web.jobs import KEPT, Job, JobState, TooManyJobsError, Work

_PIECE_BYTES = 64 * 1024
_GONE = (
    "This action is not here",
    "It is not yours, it ended some time ago, or Jarvis was started again since. Start it again where it began.",
)
_TOO_MANY = (
    "Three at a time",
    "Three long actions of yours are not finished yet. Wait for one of them, or cancel it; then try this again.",
)


def router(web: Web) -> APIRouter:
    """The routes of a person's long actions."""
    routes = APIRouter(prefix="/account/jobs")

    @routes.get("/{job_id}")
    async def job_page(request: Request, job_id: str) -> Response:
        person = await web.person(request)
        job = web.jobs.find(person.user_id, job_id)
        if job is None:
            title, text = _GONE
            links = [("To your account", "/account"), ("To the desk", "/desk")]
            return await web.page(request, "message.html", {"title": title, "text": text, "links": links}, 404)
        if job.state is JobState.DONE and job.file is None:
            return RedirectResponse(job.back, status_code=303)
        others = [each for each in living(web, person) if each is not job]
        values = {"here": "jobs", "job": job, "others": others, "kept": KEPT}
        return await web.page(request, "people/job.html", values)

    @routes.get("/{job_id}/state.json")
    async def state(request: Request, job_id: str) -> Response:
        job = await _job(web, request, job_id)
        return JSONResponse({
            "state": job.state.value, "over": job.is_over, "words": job.words, "counted": job.counted,
            "percent": job.percent, "stopping": job.is_stopping,
        })  # fmt: skip

    @routes.post("/{job_id}/cancel")
    async def cancel(request: Request, job_id: str) -> Response:
        await web.person(request)
        await web.form(request)
        job = await _job(web, request, job_id)
        web.jobs.cancel(job)
        return RedirectResponse(address_of(job), status_code=303)

    @routes.get("/{job_id}/file")
    async def file(request: Request, job_id: str) -> Response:
        job = await _job(web, request, job_id)
        await web.person(request, Deed.EXPORT)
        if job.file is None:
            raise HTTPException(404)
        try:
            opened = job.file.path.open("rb")
        except FileNotFoundError:
            raise HTTPException(404) from None
        headers = {
            "Content-Disposition": f'attachment; filename="{job.file.name}"',
            "Content-Length": str(job.file.size),
        }
        return StreamingResponse(_pieces(opened), media_type=job.file.media_type, headers=headers)

    return routes


async def long_action(
    web: Web, request: Request, person: Person, *, key: str, title: str, back: str, work: Work
) -> Response:
    """Begin a long action, or find the same one of this person, and send to its page."""
    try:
        job = web.jobs.begin(person.user_id, key, title, back, work)
    except TooManyJobsError:
        title, text = _TOO_MANY
        links = [(each.title, address_of(each)) for each in web.jobs.of(person.user_id) if not each.is_over]
        return await web.page(request, "message.html", {"title": title, "text": text, "links": links}, 429)
    if "hx-request" in request.headers:  # a piece of a page was asked for: the page as a whole goes there
        return Response(status_code=204, headers={"HX-Redirect": address_of(job)})
    return RedirectResponse(address_of(job), status_code=303)


def address_of(job: Job) -> str:
    """Where its page is."""
    return f"/account/jobs/{job.job_id}"


def back_to(request: Request) -> str:
    """The address of the page that is asked for, to come back to it."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    """A file as it is sent; it may be removed meanwhile, what was opened is read to its end."""
    with opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece


async def _job(web: Web, request: Request, job_id: str) -> Job:
    job = web.jobs.find((await web.person(request)).user_id, job_id)
    if job is None:
        raise HTTPException(404)
    return job


def living(web: Web, person: Person) -> list[Job]:
    """The person's actions that are not over, or whose file can still be had."""
    return [each for each in web.jobs.of(person.user_id) if not each.is_over or each.file is not None]
