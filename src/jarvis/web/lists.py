"""The one way in which pages show lists: search, filters, order, pages by cursor, and the whole of it as a file.

What somebody wishes stands in the address, so that a list can be kept, sent and reloaded; what the address says and
no list knows is as if it were not there. A file holds every row that fits, written as it is read.
"""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from jarvis.domain.csvfile import write_rows
from jarvis.domain.money import plain
from jarvis.store.listing import PAGE, Page, Wish
from jarvis.web.context import Web

T = TypeVar("T")

_LONGEST = 120
_BATCH = 200  # in some 20 ms, in which nobody else is served
_BETWEEN = "~"
_BEGINS, _ENDS = b"<!-- list -->", b"<!-- /list -->"
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter: its name in the address, its label, and what may be chosen as (value, words)."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Empty:
    """What stands where a list has no rows at all: what will be here, and where to go for it."""

    text: str
    words: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class ListOf(Generic[T]):
    """A list: how a page of it is read, how a row is shown, and what a file of it holds.

    `name` begins the file's name. `noun` is (one, many). `orders` are (sort, descending, words), the first is the
    usual one. `fields` are the columns of a file, each with how its value is found in a line; `lines` are the
    lines that a row becomes there, itself unless said otherwise. `dated` labels the range of days, empty for a list
    without one.
    """

    name: str
    noun: tuple[str, str]
    read: Callable[[Wish], Awaitable[Page[T]]]
    shown: Callable[[T], object]
    fields: Sequence[tuple[str, Callable[[Any], object]]]
    orders: Sequence[tuple[str, bool, str]]
    empty: Empty
    search: str = ""
    choices: Sequence[Choice] = ()
    dated: str = ""
    lines: Callable[[T], Sequence[object]] = lambda row: (row,)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter as the form shows it."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    value: str


@dataclass(frozen=True, slots=True)
class ListView:
    """A page of a list as its template reads it. Addresses are empty where there is nothing to go to."""

    path: str
    noun: str
    rows: tuple[object, ...]
    count: int
    search: str
    search_label: str
    choices: tuple[Chosen, ...]
    dated: str
    since: str
    until: str
    order: str
    orders: tuple[tuple[str, str], ...]
    is_filtered: bool
    first: str
    older: str
    files: tuple[tuple[str, str], ...]
    empty: Empty


async def answer(
    web: Web, request: Request, template: str, kind: ListOf[T], values: Mapping[str, object] | None = None
) -> Response:
    """The page of a list, or, where the address says `format=csv` or `json`, the file of all that fits."""
    wish = wish_of(request.query_params, kind)
    if wants_file(request):
        return file_of(web, request, kind, wish)
    view = view_of(request.url.path, request.query_params, kind, wish, await kind.read(wish))
    page = await web.page(request, template, {**(values or {}), "list": view})
    return _piece(page) if "hx-request" in request.headers else page


def _piece(page: Response) -> Response:
    """What the page's own script swaps in: the list without all that stands around it."""
    _, _, rest = bytes(page.body).partition(_BEGINS)
    piece, _, _ = rest.partition(_ENDS)
    return HTMLResponse(piece)


def wants_file(request: Request) -> bool:
    """Whether the address asks for a file."""
    return request.query_params.get("format", "") in _TYPES


def file_of(web: Web, request: Request, kind: ListOf[T], wish: Wish) -> Response:
    """The file of all that fits, in the format that the address names."""
    form = request.query_params["format"]
    name = f"jarvis-{kind.name}-{web.now():%Y%m%d}.{form}"
    written = _csv(kind, wish) if form == "csv" else _json(kind, wish, web.now())
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(written, media_type=_TYPES[form], headers=headers)


def wish_of(query: QueryParams, kind: ListOf[Any]) -> Wish:
    """What the address wishes, as far as this list knows it."""
    sort, descending, _ = _order(query.get("order", ""), kind)
    chosen = {}
    for choice in kind.choices:
        value = query.get(choice.name, "")
        if value in {option for option, _ in choice.options}:
            chosen[choice.name] = value
    since, until = (_day(query.get(name, "")) if kind.dated else None for name in ("since", "until"))
    place, found, key = _said(query, "after").rpartition(_BETWEEN)
    return Wish(
        search=_said(query, "search").strip()[:_LONGEST] if kind.search else "",
        chosen=chosen,
        since=None if since is None else _midnight(since),
        until=None if until is None or until == date.max else _midnight(until + timedelta(days=1)),
        sort=sort,
        descending=descending,
        after=(place, key) if found else None,
        limit=PAGE,
    )


def view_of(path: str, query: QueryParams, kind: ListOf[T], wish: Wish, page: Page[T]) -> ListView:
    """What the template shows of a page of the list."""
    order = _order(query.get("order", ""), kind)
    kept = {
        "search": wish.search,
        **wish.chosen,
        "since": "" if wish.since is None else wish.since.date().isoformat(),
        "until": "" if wish.until is None else (wish.until - timedelta(days=1)).date().isoformat(),
    }
    is_filtered = any(kept.values())
    kept["order"] = "" if order == kind.orders[0] else _name(order)
    count = page.count or 0
    return ListView(
        path=path,
        noun=kind.noun[0] if count == 1 else kind.noun[1],
        rows=tuple(kind.shown(row) for row in page.rows),
        count=count,
        search=wish.search,
        search_label=kind.search,
        choices=tuple(
            Chosen(each.name, each.label, each.options, wish.chosen.get(each.name, "")) for each in kind.choices
        ),
        dated=kind.dated,
        since=kept["since"],
        until=kept["until"],
        order=_name(order),
        orders=tuple((_name(each), each[2]) for each in kind.orders) if len(kind.orders) > 1 else (),
        is_filtered=is_filtered,
        first=_address(path, kept) if wish.after is not None else "",
        older=_address(path, {**kept, "after": _BETWEEN.join(page.after)}) if page.after is not None else "",
        files=tuple((form.upper(), _address(path, {**kept, "format": form})) for form in _TYPES) if count else (),
        empty=kind.empty,
    )


def page_of(rows: Sequence[T], key: Callable[[T], str], wish: Wish) -> Page[T]:
    """A page of rows that are all at hand, in their order; its place is the key of the last row before."""
    keys = [key(row) for row in rows]
    begin = keys.index(wish.after[1]) + 1 if wish.after is not None and wish.after[1] in keys else 0
    shown = tuple(rows[begin : begin + wish.limit])
    return Page(shown, len(rows), ("", key(shown[-1])) if begin + len(shown) < len(rows) else None)


async def _rows(kind: ListOf[T], wish: Wish) -> AsyncIterator[tuple[T, ...]]:
    """Everything that fits, some at a time."""
    wish = replace(wish, after=None, limit=_BATCH, counted=False)
    while True:
        page = await kind.read(wish)
        yield page.rows
        if page.after is None:
            return
        wish = replace(wish, after=page.after)


async def _csv(kind: ListOf[T], wish: Wish) -> AsyncIterator[bytes]:
    yield _lines([[name for name, _ in kind.fields]])
    async for rows in _rows(kind, wish):
        yield _lines([[_told(find(line)) for _, find in kind.fields] for row in rows for line in kind.lines(row)])


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    write_rows(text, rows)
    return text.getvalue().encode()


def _told(value: object) -> object:
    """A value as a cell of a file takes it: instants in UTC, what consists of several as JSON."""
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False) if value else ""
    return value


async def _json(kind: ListOf[T], wish: Wish, made_at: datetime) -> AsyncIterator[bytes]:
    head = {"list": kind.name, "made_at": _instant(made_at)}
    yield json.dumps(head).removesuffix("}").encode() + b', "rows": ['
    between = b"\n"
    async for rows in _rows(kind, wish):
        told = [
            json.dumps({name: _plain(find(line)) for name, find in kind.fields}, ensure_ascii=False).encode()
            for row in rows
            for line in kind.lines(row)
        ]
        if told:
            yield between + b",\n".join(told)
            between = b",\n"
    yield b"\n]}\n"


def _plain(value: object) -> object:
    """A value as JSON holds it exactly: amounts as text."""
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return _instant(value)
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case None | bool() | int() | str():
            return value
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return str(value)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _order(name: str, kind: ListOf[Any]) -> tuple[str, bool, str]:
    return next((each for each in kind.orders if _name(each) == name), kind.orders[0])


def _name(order: tuple[str, bool, str]) -> str:
    return f"{order[0]}-{'down' if order[1] else 'up'}"


def _said(query: QueryParams, name: str) -> str:
    """What the address says; a NUL is in no text that is kept, and some databases take none."""
    return query.get(name, "").replace("\0", "")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _address(path: str, query: Mapping[str, str]) -> str:
    wished = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{wished}" if wished else path
