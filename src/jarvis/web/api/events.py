"""What changes, as it changes: the outbox as server-sent events, one for each, with an id to go on from.

A script that was cut off anywhere and says what it heard last is told exactly what came after. Where that is not kept
any more, or is too much to tell, it hears `resync`: what it knows is old, and it is to read everything again. A stream
that has nothing to say says so every few seconds.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Query, Request
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from jarvis.domain.people import Scope
from jarvis.store.records import OutboxEvent, TradingAccount
from jarvis.web.api.callers import Caller, Given, reaches, readable
from jarvis.web.api.door import Door
from jarvis.web.api.problems import Told
from jarvis.web.api.records import AccountIdText, Record, instant, text
from jarvis.web.context import Web
from jarvis.web.desk.tail import Followed, read_on

TAG = "events"
POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
CHECK_SECONDS = 15.0
MOST_PER_TOKEN = 4
MOST_MISSED = 10_000
"""How many events, of everybody's, a script may be behind and still be told them one by one."""


class Event(Record):
    """The data of an event: something of an account was written. `what` names it; ask for it to see its numbers."""

    event_id: Annotated[int, Field(description="As the event's `id`.", examples=[90210])]
    account_id: AccountIdText
    kind: Annotated[str, text("As the event's name.", "order")]
    what: Annotated[
        dict[str, str],
        Field(description="Ids and states as text.", examples=[{"order": "jv4f1c0d9a00000012", "status": "open"}]),
    ]


def register(door: Door) -> None:
    """Add the operation of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]
    open_streams: Counter[str] = Counter()

    @door.stream("/events", TAG, Event)
    async def events(
        request: Request,
        caller: known,
        given: Given,
        account: Annotated[
            str | None, Query(max_length=64, description="Only of this account.", examples=["4f1c0d9a2b7e58c3a601"])
        ] = None,
        last_event_id: Annotated[
            str | None, Header(max_length=20, description="What was heard last; left out: from now on.")
        ] = None,
    ) -> Response:
        """What changes on all accounts that you may look at, or on one.

        Server-sent events. The name of an event is its kind: account, activity, balances, command, equity, fill,
        ledger, marks, order, position or status; its data say which. `heartbeat` says that nothing happened, `resync`
        that what you know is too old to go on from (read everything again, then follow), `ended` that the token is
        not good any more. At most four streams for a token.
        """
        del request
        if account is not None:
            await readable(web, caller, account)
        token = caller.token.token_id
        if open_streams[token] >= MOST_PER_TOKEN:
            raise Told(429, f"This token has {MOST_PER_TOKEN} open streams already; close one.")
        after = _number(last_event_id)
        secret = given.credentials if given else ""

        async def told() -> AsyncIterator[str]:
            open_streams[token] += 1
            try:
                async for line in _tell(web, door, secret, caller, account, after):
                    yield line
            finally:
                open_streams[token] -= 1
                if not open_streams[token]:
                    del open_streams[token]

        return StreamingResponse(told(), media_type="text/event-stream")


async def _tell(
    web: Web, door: Door, secret: str, caller: Caller, account: str | None, after: int | None
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    first, newest = await web.store.outbox_span()
    last_id = newest if after is None else after
    if not first - 1 <= last_id <= newest or newest - last_id > MOST_MISSED:
        last_id = newest
        yield _event("resync", {"reason": "What you heard last is not kept any more. Read everything again."}, newest)
    else:
        yield _heartbeat(web, last_id)
    followed = Followed.of(await _accounts(web, caller, account))
    said_at = checked_at = loop.time()
    while True:
        if loop.time() - checked_at >= CHECK_SECONDS:
            checked_at = loop.time()
            living = await door.callers.known(secret, web.now())
            if living is None or not reaches(living, Scope.READ):
                yield _event("ended", {"reason": "The token is not good any more."}, last_id)
                return
            followed = Followed.of(await _accounts(web, living, account))
        found, last_id = await read_on(web.store, followed, last_id)
        for event in found:
            yield _event(event.kind, _data(event), event.event_id)
        if found:
            said_at = loop.time()
        elif loop.time() - said_at >= HEARTBEAT_SECONDS:
            said_at = loop.time()
            yield _heartbeat(web, last_id)
        await asyncio.sleep(POLL_SECONDS)


async def _accounts(web: Web, caller: Caller, account: str | None) -> list[TradingAccount]:
    found = await web.accounts(caller.person)
    return [each for each in found if account is None or each.account_id == account]


def _data(event: OutboxEvent) -> dict[str, Any]:
    return Event(
        event_id=event.event_id, account_id=event.account_id, kind=event.kind, what=dict(event.payload)
    ).model_dump()


def _heartbeat(web: Web, event_id: int) -> str:
    return _event("heartbeat", {"at": instant(web.now())}, event_id)


def _event(name: str, said: dict[str, Any], event_id: int) -> str:
    return f"id: {event_id}\nevent: {name}\ndata: {json.dumps(said)}\n\n"


def _number(heard: str | None) -> int | None:
    """What was heard last. Raises HTTPException 422 for what is no id of ours."""
    if heard is None:
        return None
    if not heard.isascii() or not heard.isdecimal():
        raise HTTPException(422)
    return int(heard)
