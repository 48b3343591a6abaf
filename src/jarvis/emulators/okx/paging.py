"""How OKX pages: newest first, `after` an id for older rows, `before` one for newer, `begin` and `end` in time."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from jarvis.emulators.okx.errors import bad_parameter
from jarvis.emulators.okx.params import Params

Item = TypeVar("Item")
PAGING = frozenset({"after", "before", "begin", "end", "limit"})


def page(
    items: Iterable[Item],
    params: Params,
    *,
    id_of: Callable[[Item], int],
    time_of: Callable[[Item], datetime],
    since: datetime | None = None,
    limit: int = 100,
) -> list[Item]:
    """The items that the paging asks for, newest first. Raises Refused."""
    older, newer = _id(params, "after"), _id(params, "before")
    begin, end = params.time("begin"), params.time("end")
    found = [
        item
        for item in items
        if (older is None or id_of(item) < older)
        and (newer is None or id_of(item) > newer)
        and (begin is None or time_of(item) >= begin)
        and (end is None or time_of(item) <= end)
        and (since is None or time_of(item) >= since)
    ]
    found.sort(key=lambda item: (time_of(item), id_of(item)), reverse=True)
    count = params.integer("limit", limit, low=1, high=limit)
    # `before` alone asks for what follows an id: the rows next to it, not the newest ones.
    return found[-count:] if newer is not None and older is None else found[:count]


def days_ago(now: datetime, days: int) -> datetime:
    """So many days before now."""
    return now - timedelta(days=days)


def _id(params: Params, name: str) -> int | None:
    text = params.text(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise bad_parameter(name)
    return int(text)
