"""How an operation gets into the API: with its id, tag, scope, words, problems and an example of its answer.

The scope that is enforced and the scope that the description names are one argument.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import getdoc
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from jarvis.domain.people import Scope
from jarvis.web.api.callers import Callers
from jarvis.web.api.records import ProblemAnswer, example_of
from jarvis.web.context import Web
from jarvis.web.security import problem_code

MOST_LISTED = 500

WORDS: Mapping[int, str] = {
    401: "Say who you are: Authorization: Bearer and a living token.",
    403: "This token is not good for that.",
    404: "There is no such thing here, or it is not yours.",
    405: "This address is not for that kind of request.",
    409: "It cannot be done as things stand.",
    422: "Something in the request is not what this address takes.",
    429: "Too many requests. Wait as long as Retry-After says.",
    503: "A part of Jarvis that this needs is not running, so nothing was done. Try again in a moment.",
}
_USUAL = (401, 403, 404, 422, 429)

Handler = TypeVar("Handler", bound=Callable[..., Any])

Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="At most so many.", examples=[50])]
CursorText = Annotated[
    str | None,
    Query(
        max_length=300,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Where the page before ended, as its `next` said.",
    ),
]
Since = Annotated[AwareDatetime | None, Query(description="From this instant on.", examples=["2026-11-01T00:00:00Z"])]
Until = Annotated[AwareDatetime | None, Query(description="Before this instant.", examples=["2026-12-01T00:00:00Z"])]
Search = Annotated[str, Query(max_length=120, description="Only what holds these words.", examples=["BTC"])]
PairWish = Annotated[
    str, Query(max_length=24, pattern=r"^[A-Z0-9]+/[A-Z0-9]+$", description="A pair.", examples=["BTC/USD"])
]
PairChoice = Annotated[
    str | None,
    Query(max_length=24, pattern=r"^[A-Z0-9]+/[A-Z0-9]+$", description="Only this pair.", examples=["BTC/USD"]),
]


@dataclass(frozen=True, slots=True)
class Door:
    """Where a group of operations is registered."""

    web: Web
    callers: Callers
    routes: APIRouter

    @property
    def caller(self) -> Any:
        """What an operation depends on to know who asks."""
        return Depends(self.callers.caller)

    def get(self, path: str, tag: str, scope: Scope | None = Scope.READ) -> Callable[[Handler], Handler]:
        """An operation that only reads."""
        return self.add("GET", path, tag, scope)

    def stream(self, path: str, tag: str, event: type[BaseModel]) -> Callable[[Handler], Handler]:
        """An operation that answers with server-sent events whose data are such records."""

        def register(handler: Handler) -> Handler:
            summary, _, more = (getdoc(handler) or "").partition("\n")
            example = example_of(event)
            told = f"id: {example['event_id']}\nevent: {example['kind']}\ndata: {json.dumps(example)}\n\n"
            content = {"text/event-stream": {"schema": event.model_json_schema(), "example": told}}
            self.routes.add_api_route(
                path,
                handler,
                methods=["GET"],
                response_class=StreamingResponse,
                operation_id=handler.__name__,
                tags=[tag],
                summary=summary,
                description=f"{more.strip()}\n\nScope: `{Scope.READ.value}`.",
                dependencies=[Depends(self.callers.within(Scope.READ))],
                responses={200: {"description": (getdoc(event) or ""), "content": content}, **problems(*_USUAL)},
                openapi_extra={"x-scope": Scope.READ.value},
            )
            return handler

        return register

    def add(
        self, method: str, path: str, tag: str, scope: Scope | None, *, status: int = 200, also: tuple[int, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """An operation; its name is its id, its docstring its words, and what it returns its answer."""

        def register(handler: Handler) -> Handler:
            summary, _, more = (getdoc(handler) or "").partition("\n")
            needed = "Any token will do." if scope is None else f"Scope: `{scope.value}`."
            answer: type[BaseModel] = handler.__annotations__["return"]
            example = {"content": {"application/json": {"example": example_of(answer)}}}
            self.routes.add_api_route(
                path,
                handler,
                methods=[method],
                status_code=status,
                operation_id=handler.__name__,
                tags=[tag],
                summary=summary,
                description=f"{more.strip()}\n\n{needed}".strip(),
                response_description=(getdoc(answer) or "").partition("\n")[0],
                dependencies=[Depends(self.callers.within(scope))],
                responses={status: example, **problems(*_USUAL, *also)},
                openapi_extra={"x-scope": scope.value if scope else "any"},
            )
            return handler

        return register


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that say why something was not done."""
    return {
        status: {
            "model": ProblemAnswer,
            "description": WORDS[status],
            "content": {
                "application/json": {
                    "example": {"error": {"code": problem_code(status), "message": WORDS[status]}},
                },
            },
        }
        for status in sorted(statuses)
    }


def cursor_of(name: str, after: tuple[str, str] | None) -> str | None:
    """Where a page of the list `name` ended, as text that only we read."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([name, *after]).encode()).decode().rstrip("=")


def place_of(name: str, cursor: str | None) -> tuple[str, str] | None:
    """Where a cursor points. Raises HTTPException 404 for one that this list did not give out."""
    if cursor is None:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise HTTPException(404) from None
    match said:
        case [str(listed), str(place), str(key)] if listed == name and (place + key).isprintable():
            return place, key
    raise HTTPException(404)


def in_utc(at: datetime | None) -> datetime | None:
    """An instant that somebody gave, in UTC; at the ends of time, where there is no such one, the nearest."""
    try:
        return None if at is None else at.astimezone(UTC)
    except OverflowError:
        return None if at is None else at.replace(tzinfo=UTC)
