"""What browsers report of our content security policy: counted by directive, everything else in a report is dropped.

A report may hold addresses, pieces of a page and whatever an attacker put there, so none of it is kept. Anybody can
send reports; they cost a small bounded read each, and there are only so many a minute.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import Response

from jarvis.accounts.throttle import Buckets, Rate
from jarvis.web.context import address_of

log = structlog.get_logger()

MAX_REPORT_BYTES = 8 * 1024
SAID_EVERY = timedelta(minutes=1)
DIRECTIVES = frozenset(
    {
        "default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem",
        "style-src-attr", "img-src", "connect-src", "font-src", "media-src", "frame-src", "worker-src", "manifest-src",
        "child-src", "object-src", "base-uri", "form-action", "frame-ancestors", "require-trusted-types-for",
        "trusted-types",
    }
)  # fmt: skip


class Reports:
    """Takes reports. A line of the log says how many came of which directive, at most once a minute."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._everybody = Buckets(Rate(60, timedelta(seconds=1)))
        self._addresses = Buckets(Rate(20, timedelta(seconds=6)))
        self._counts: Counter[str] = Counter()
        self._said_at: datetime | None = None

    async def take(self, request: Request) -> Response:
        """Count one report; the answer says nothing."""
        now, address = self._now(), address_of(request)
        if max(self._everybody.wait("", now), self._addresses.wait(address, now)) > 0:
            return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
        self._everybody.take("", now)
        self._addresses.take(address, now)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REPORT_BYTES:
                return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._counts[directive_of(bytes(body))] += 1
        if self._said_at is None or now - self._said_at >= SAID_EVERY:
            self._said_at = now
            log.warning("csp_violations", **{name.replace("-", "_"): n for name, n in sorted(self._counts.items())})
            self._counts.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)


def directive_of(body: bytes) -> str:
    """The name of the directive that a report is about; "other" for everything that is none."""
    try:
        report = json.loads(body)
    except (ValueError, RecursionError):
        return "other"
    inner = report.get("csp-report") if isinstance(report, dict) else None
    if not isinstance(inner, dict):
        return "other"
    said = inner.get("effective-directive") or inner.get("violated-directive")
    name = said.partition(" ")[0] if isinstance(said, str) else ""
    return name if name in DIRECTIVES else "other"
