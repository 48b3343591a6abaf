"""The API for scripts: all that the pages show, and of what they do, what a script may do.

A request says whose it is by a bearer token and by nothing else: cookies are not looked at, so no page can make a
browser ask in somebody's name. A token cannot arm, raise limits, or touch keys and people: no operation does.

Amounts are exact decimal text, each with its unit; instants are UTC in ISO 8601; cursors are text that only we read.
"""

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from jarvis.store.errors import StoreError
from jarvis.web.api import (
    accounts,
    books,
    commands,
    events,
    hand,
    market,
    messages,
    results,
    risk,
    rules,
    trading,
    usage,
)
from jarvis.web.api.callers import TOKEN_RATE, Callers
from jarvis.web.api.door import Door
from jarvis.web.api.problems import broken, not_kept, refused, unfit
from jarvis.web.context import Web

__all__ = ["TOKEN_RATE", "VERSION", "api_of"]

VERSION = "v1"

_GROUPS = (
    accounts, trading, books, results, market, risk, rules, usage, messages, commands, hand, events,
)  # fmt: skip
_TAGS = [
    {"name": accounts.TAG, "description": "Which accounts there are, their margin, balances and equity."},
    {"name": trading.TAG, "description": "Positions, orders and fills."},
    {"name": books.TAG, "description": "The journal, statements, activity and notices."},
    {"name": market.TAG, "description": "Quotes and candles as the feed saw them."},
    {"name": results.TAG, "description": "Where the money came from, a year for the taxes, and your audit."},
    {"name": risk.TAG, "description": "What rides on what, and what a move of all prices would do."},
    {"name": rules.TAG, "description": "Strategies, what an account follows, and its limits."},
    {"name": messages.TAG, "description": "Where notices are sent, and what came through hooks for charts."},
    {"name": commands.TAG, "description": "Pause, resume, flatten."},
    {"name": hand.TAG, "description": "Open, adjust and close by hand, within the limits."},
    {"name": events.TAG, "description": "What changes, as it changes."},
]


def api_of(web: Web) -> FastAPI:
    """The application that is mounted at /api/v1."""
    app = FastAPI(
        title="Jarvis",
        version=VERSION,
        description=(__doc__ or "").replace("\n", " "),
        openapi_url="/openapi.json",
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": f"/api/{VERSION}"}],
        root_path_in_servers=False,
        redirect_slashes=False,
    )
    door = Door(web, Callers(web), APIRouter(redirect_slashes=False))
    for group in _GROUPS:
        group.register(door)
    app.include_router(door.routes)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(StoreError, not_kept)
    app.add_exception_handler(Exception, broken)
    return app
