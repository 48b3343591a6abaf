"""Why something was not done, as JSON. What was sent is never quoted: it may hold what is nobody else's."""

from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.web.api.door import WORDS
from jarvis.web.security import problem


class Told(HTTPException):
    """Not done, for a reason that has a sentence of its own; it quotes nothing of the request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status)
        self.message = message


async def refused(_request: Request, error: Exception) -> Response:
    """The answer to what was not done."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that is no JSON
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    words = error.message if isinstance(error, Told) else WORDS.get(status, WORDS[422])
    answer = problem(status, words)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def unfit(_request: Request, _error: Exception) -> Response:
    """The answer to what does not fit; the framework's own would quote what was sent."""
    return problem(422, WORDS[422])


async def not_kept(_request: Request, _error: Exception) -> Response:
    """The answer where the store could not write: nothing was done."""
    return problem(503, WORDS[503])


async def broken(_request: Request, _error: Exception) -> Response:
    """The answer to a fault of ours."""
    return problem(500, "Something broke on our side; the log says where.")
