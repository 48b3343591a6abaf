"""Live changes by server-sent events: tails the outbox and names what moved; the page asks for the pieces again.

An event carries no numbers, only kinds, so a page that missed some loses nothing by asking once. Every event carries
the id up to which all was told, and never a later one: a browser that is cut off anywhere and says what it heard last
is told exactly what came after. One reader per stream, at most a few streams per person, and a stream that has nothing
to say says so every few seconds: the page then knows that silence means a broken line.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from jarvis.domain.account import UserId
from jarvis.domain.people import Session
from jarvis.web.context import Web
from jarvis.web.desk.tail import Followed, read_on

POLL_SECONDS = 0.5
STILL_HERE_SECONDS = 5.0
SESSION_CHECK_SECONDS = 15.0
MOST_STREAMS_PER_PERSON = 12
MOST_MISSED = 1000
KINDS = [
    "account",
    "activity",
    "command",
    "equity",
    "fill",
    "ledger",
    "marks",
    "order",
    "position",
    "status",
]


def router(web: Web) -> APIRouter:
    """The stream of one account, and the one of all that a person may look at."""
    routes = APIRouter(prefix="/desk")
    open_streams: Counter[UserId] = Counter()

    @routes.get("/all/events")
    async def all_events(request: Request, since: int = 0) -> Response:
        return await answer(request, Followed.of(await web.accounts(await web.person(request))), since)

    @routes.get("/{account_id}/events")
    async def events(request: Request, account_id: str, since: int = 0) -> Response:
        return await answer(request, Followed.of([await web.account(request, account_id)]), since)

    async def answer(request: Request, followed: Followed, since: int) -> Response:
        session = await web.session(request)
        if open_streams[session.user_id] >= MOST_STREAMS_PER_PERSON:
            raise HTTPException(429)
        token = web.session_token(request) or ""
        # A browser that was cut off says by itself what it heard last; a fresh page, what it was drawn after.
        heard = request.headers.get("last-event-id", "")
        after = int(heard) if heard.isdecimal() else since

        async def told() -> AsyncIterator[str]:
            open_streams[session.user_id] += 1
            try:
                async for event in _changes(web, followed, session, token, after):
                    yield event
            finally:
                open_streams[session.user_id] -= 1

        return StreamingResponse(told(), media_type="text/event-stream")

    return routes


async def _changes(web: Web, followed: Followed, session: Session, token: str, after: int) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    newest = await web.store.last_event_id()
    said_at = checked_at = loop.time()
    if 0 <= newest - after <= MOST_MISSED:
        last_id = after
        yield _event("still-here", "", last_id)
    else:
        last_id = newest
        yield _event("change", json.dumps(KINDS), last_id)  # missed too much to tell: ask for everything
    while True:
        if loop.time() - checked_at >= SESSION_CHECK_SECONDS:
            checked_at = loop.time()
            # A desk that is open is in use, so that flatten stays one press away, up to the session's absolute end.
            if await web.sessions.find(token, web.now()) is None:
                living = await web.sessions.of(session.user_id, web.now())
                if all(each.session_id != session.session_id for each in living):
                    yield _event("signed-out", "", last_id)
                return  # a session that was proved meanwhile has a new token, with which the browser comes again
        found, last_id = await read_on(web.store, followed, last_id)
        kinds = sorted({event.kind for event in found})
        if kinds:
            said_at = loop.time()
            yield _event("change", json.dumps(kinds), last_id)
        elif loop.time() - said_at >= STILL_HERE_SECONDS:
            said_at = loop.time()
            yield _event("still-here", "", last_id)
        await asyncio.sleep(POLL_SECONDS)


def _event(name: str, text: str, event_id: int) -> str:
    return f"id: {event_id}\nevent: {name}\ndata: {text}\n\n"
