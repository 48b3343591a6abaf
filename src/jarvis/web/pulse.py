"""Whether this process answers and finds its database: for a proxy or a service manager, which know nothing else."""

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from jarvis.store.db import Store
from jarvis.store.errors import StoreError


class Pulse:
    """Answers `/healthz`, to anybody: one word, nothing about anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, _request: Request) -> Response:
        """200 `ok`, or 503 where the database does not answer."""
        try:
            await self._store.last_event_id()
        except StoreError:
            return PlainTextResponse("the database does not answer", status_code=503)
        return PlainTextResponse("ok")
