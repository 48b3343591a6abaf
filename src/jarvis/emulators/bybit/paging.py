"""Pages and windows of lists: newest first, a cursor that stands for the last row given, windows of some days.

The cursor comes percent-encoded inside the JSON, as Bybit's does; clients give it back as it is or encoded once more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, unquote

from jarvis.emulators.bybit.errors import parameter_error
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.text import instant

Row = TypeVar("Row")
_PREFIX = "page_token="
_ENCODINGS = 3


def page(rows: Sequence[Row], key: Callable[[Row], int], params: Params, limit: int) -> tuple[list[Row], str]:
    """One page of rows that are given newest first (their keys fall), and the cursor of the next; empty at the end."""
    after = _position(params)
    rest = [row for row in rows if after is None or key(row) < after]
    chosen = rest[:limit]
    if len(rest) <= limit:
        return chosen, ""
    return chosen, quote(f"{_PREFIX}{key(chosen[-1])}&", safe="")


def window(params: Params, now: datetime, *, default: timedelta, most: timedelta) -> tuple[datetime, datetime]:
    """The instants between which rows are asked for, both included. Raises Refused for a span that is too long."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is None and end is None:
        return now - default, now
    try:
        if start is None:
            until = instant(end or 0)
            return until - default, until
        since = instant(start)
        until = instant(end) if end is not None else since + default
    except OverflowError:
        raise parameter_error("startTime or endTime is invalid") from None
    if until < since:
        raise parameter_error("startTime should be less than endTime")
    if until - since > most:
        raise parameter_error(f"the time range cannot exceed {most.days} days")
    return since, until


def _position(params: Params) -> int | None:
    text = params.text("cursor")
    if text is None:
        return None
    for _ in range(_ENCODINGS):
        text = unquote(text)
    number = text.removeprefix(_PREFIX).rstrip("&")
    if not text.startswith(_PREFIX) or not (number.isascii() and number.isdigit()):
        raise parameter_error("cursor is invalid")
    return int(number)
