"""The desk of one account: what is held, what protects it, and the three buttons that always work.

Pause, resume and flatten are written as commands; the account's own trader carries them out, and its events move the
page. They need the person's session and nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from jarvis.accounts.people import Deed
from jarvis.domain.money import ZERO
from jarvis.store.records import AccountState, CommandKind, Overview, TradingAccount
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.venues.revoking import GUIDES
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.connecting.keyhealth import trouble_of
from jarvis.web.connecting.venues import level_words
from jarvis.web.context import Web
from jarvis.web.desk.charts import INTERVALS, RANGES
from jarvis.web.desk.exposure import exposures_of
from jarvis.web.desk.glance import causes_of, glance_of, today_of, unrealised_of
from jarvis.web.desk.portfolio import Book, Surroundings, book_of
from jarvis.web.desk.positions import midnight_of
from jarvis.web.desk.views import closed_of, numbers_of, order_of
from jarvis.web.desk.whatif import asked_move, what_if
from jarvis.web.drawing import bars_of

RECENT_ORDERS = 30
CLOSED_POSITIONS = 15
_NOTED = {
    CommandKind.PAUSE: "account.paused",
    CommandKind.RESUME: "account.resumed",
    CommandKind.FLATTEN: "account.flattened",
}
_COMMANDS = {"pause": "Pausing", "resume": "Resuming", "flatten": "Flattening", "explain": "Letting entries go on"}


@dataclass(frozen=True, slots=True)
class Status:
    """What the account's trader does now, as the bar of buttons says it."""

    armed: bool
    paused: bool
    waiting: str
    blocks: tuple[str, ...]
    foreign: tuple[str, ...]
    following: tuple[str, ...]


def router(web: Web) -> APIRouter:
    """The routes of the desk."""
    routes = APIRouter(prefix="/desk")

    surroundings = Surroundings(web.store)

    async def desk_of(request: Request, account_id: str) -> Desk:
        overview = await web.overview(request, account_id)
        person = await web.person(request)
        return Desk(
            web,
            surroundings,
            overview,
            mine=person.user_id == overview.account.owner_id,
            percent=asked_move(request.query_params.get("move")),
            ways=ways_from(request),
        )

    @routes.get("/{account_id}")
    async def desk(request: Request, account_id: str) -> Response:
        shown = await desk_of(request, account_id)
        return await web.page(request, "desk/one.html", await _whole_desk(shown, request.query_params.get("asked", "")))

    @routes.get("/{account_id}/part/{part}")
    async def part(request: Request, account_id: str, part: str) -> Response:
        shown = await desk_of(request, account_id)
        if part not in _PARTS:
            raise HTTPException(404)
        values = {**await _PARTS[part](shown), "mine": shown.mine, "ways": shown.ways}
        return await web.fragment(request, f"desk/{part}.html", values)

    @routes.get("/{account_id}/flatten")
    async def flatten_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.PAUSE_AND_FLATTEN)
        positions = await web.store.open_positions(account.owner_id, account.account_id)
        values = {"here": "desk", "account": card_of(account), "count": len(positions)}
        return await web.page(request, "desk/flatten.html", values)

    @routes.post("/{account_id}/pause")
    async def pause(request: Request, account_id: str) -> Response:
        return await _command(web, request, account_id, CommandKind.PAUSE)

    @routes.post("/{account_id}/resume")
    async def resume(request: Request, account_id: str) -> Response:
        return await _command(web, request, account_id, CommandKind.RESUME)

    @routes.post("/{account_id}/flatten")
    async def flatten(request: Request, account_id: str) -> Response:
        return await _command(web, request, account_id, CommandKind.FLATTEN)

    @routes.get("/{account_id}/foreign")
    async def foreign_page(request: Request, account_id: str) -> Response:
        overview = await web.overview(request, account_id)
        values = {
            "here": "desk",
            "account": card_of(overview.account),
            "status": status_of(overview),
            "guide": GUIDES.get(overview.account.venue),
        }
        return await web.page(request, "desk/foreign.html", values)

    @routes.post("/{account_id}/foreign")
    async def explain(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.ARM)
        await web.form(request)
        noted = await web.entry(request, "foreign.explained", account.account_id)
        await web.store.enqueue_command(
            account.owner_id, account.account_id, CommandKind.EXPLAIN, at=web.now(), noted=noted
        )
        return RedirectResponse(f"/desk/{account.account_id}?asked=explain", status_code=303)

    return routes


async def _command(web: Web, request: Request, account_id: str, kind: CommandKind) -> Response:
    account = await web.account(request, account_id, Deed.PAUSE_AND_FLATTEN)
    await web.form(request)
    await web.store.enqueue_command(account.owner_id, account.account_id, kind, at=web.now())
    # What takes risk away happens even when it cannot be noted.
    await web.store.note_if_possible(await web.entry(request, _NOTED[kind], account.account_id))
    return RedirectResponse(f"/desk/{account.account_id}?asked={kind.value}", status_code=303)


# --- the parts of the desk ---------------------------------------------------------------------------------------


@dataclass
class Desk:
    """One account as one request looks at it; what several parts need is read once."""

    web: Web
    surroundings: Surroundings
    overview: Overview
    mine: bool
    percent: int
    ways: "Ways"
    _book: Book | None = field(default=None, init=False)

    @property
    def account(self) -> TradingAccount:
        """Whose desk it is."""
        return self.overview.account

    async def book(self) -> Book:
        """The account with what is open in it."""
        if self._book is None:
            self._book = await book_of(self.web, self.surroundings, self.overview)
        return self._book


@dataclass(frozen=True, slots=True)
class Ways:
    """Which pages about acting by hand there are: the desk leads to those that exist."""

    trade: bool
    adjust: bool
    close: bool


def ways_from(request: Request) -> Ways:
    """The ways that this application has: whether anything answers there, whoever asks."""

    def leads_somewhere(path: str) -> bool:
        asked = {**request.scope, "method": "GET", "path": path, "root_path": ""}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    position = "/desk/any/positions/any"
    return Ways(
        leads_somewhere("/desk/any/trade"), leads_somewhere(f"{position}/adjust"), leads_somewhere(f"{position}/close")
    )


async def _whole_desk(shown: Desk, asked: str) -> dict[str, object]:
    web, account = shown.web, shown.account
    since = await web.store.last_event_id()  # before anything is read: what changes meanwhile is told by the stream
    accounts = [each for each in await web.store.accounts_of(account.owner_id) if each.is_connected]
    pairs = [str(pair) for pair in pairs_of(account)]
    followed = [str(line.pair) for line in account.assignments]
    held = [holding.view.pair for holding in (await shown.book()).holdings]
    values: dict[str, object] = {
        "here": "desk",
        "since": since,
        "live": Live(f"/desk/{account.account_id}/part"),
        "accounts": [card_of(each) for each in accounts],
        "chart_pairs": pairs,
        "chart_pair": next(iter([*held, *followed, *pairs]), ""),
        "chart_intervals": INTERVALS,
        "chart_interval": INTERVALS[0][0],
        "chart_ranges": RANGES,
        "mine": shown.mine,
        "ways": shown.ways,
    }
    for read in _PARTS.values():
        values.update(await read(shown))
    values["status"] = status_of(shown.overview, asked)
    return values


async def _controls(shown: Desk) -> Mapping[str, object]:
    return {"account": card_of(shown.account), "status": status_of(shown.overview)}


async def _glance(shown: Desk) -> Mapping[str, object]:
    return {"glance": glance_of([await shown.book()]), "account": card_of(shown.account)}


async def _numbers(shown: Desk) -> Mapping[str, object]:
    book, margin, marks = await shown.book(), shown.overview.margin, shown.overview.marks
    peak = marks.peak_equity
    return {
        "numbers": numbers_of(margin, marks.day_equity, len(book.holdings)),
        "account": card_of(shown.account),
        "quote": book.quote,
        "venue_level": level_words(shown.account.venue, margin.venue_level if margin else None),
        "stale_for": book.stale_for,
        "unrealised": unrealised_of(book) if margin else None,
        "since_midnight": _since_midnight(book),
        "below_peak": max(ZERO, 1 - margin.equity / peak) if margin and peak else None,
    }


def _since_midnight(book: Book) -> Decimal | None:
    """What the open positions earned this day; None while that of one is not known."""
    earned = [holding.view.since_midnight for holding in book.holdings]
    known = [each for each in earned if each is not None]
    return sum(known, ZERO) if len(known) == len(earned) else None


async def _positions(shown: Desk) -> Mapping[str, object]:
    views = [holding.view for holding in (await shown.book()).holdings]
    return {"account": card_of(shown.account), "status": status_of(shown.overview), "positions": views}


async def _today(shown: Desk) -> Mapping[str, object]:
    book, account = await shown.book(), shown.account
    today = today_of(book)
    totals = await shown.web.store.totals_since(account.owner_id, account.account_id, midnight_of(book.now))
    causes = causes_of(totals, today, book.quote)
    return {"quote": book.quote, "today_bars": bars_of(causes, today or ZERO, "Today") if causes else ()}


async def _exposure(shown: Desk) -> Mapping[str, object]:
    return {"exposures": exposures_of([await shown.book()]), "several": False}


async def _whatif(shown: Desk) -> Mapping[str, object]:
    here = f"/desk/{shown.account.account_id}"
    return {"whatif": what_if([await shown.book()], shown.percent), "whatif_page": here, "whatif_part": f"{here}/part"}


async def _orders(shown: Desk) -> Mapping[str, object]:
    account = shown.account
    unfinished = await shown.web.store.open_orders(account.owner_id, account.account_id)
    recent = await shown.web.store.recent_orders(account.owner_id, account.account_id, limit=RECENT_ORDERS)
    finished = [order for order in recent if order.status.is_final]
    return {"orders": [order_of(order) for order in (*unfinished, *finished)]}


async def _activity(shown: Desk) -> Mapping[str, object]:
    return {"activity": await shown.web.store.activities(shown.account.owner_id, shown.account.account_id)}


async def _closed(shown: Desk) -> Mapping[str, object]:
    account = shown.account
    records = await shown.web.store.closed_positions(account.owner_id, account.account_id, limit=CLOSED_POSITIONS)
    return {"account": card_of(account), "closed": [closed_of(each.story, each.waterfall().total) for each in records]}


_PARTS: Mapping[str, Callable[[Desk], Awaitable[Mapping[str, object]]]] = {
    "controls": _controls,
    "glance": _glance,
    "numbers": _numbers,
    "positions": _positions,
    "today": _today,
    "exposure": _exposure,
    "whatif": _whatif,
    "orders": _orders,
    "activity": _activity,
    "closed": _closed,
}


class Live:
    """In a template: the attributes of an element that asks for its part again when one of these kinds changed."""

    def __init__(self, address: str) -> None:
        """`address` is what parts are below."""
        self._address = address

    def __call__(self, part: str, *kinds: str) -> Markup:
        """`hx-get`, `hx-trigger` and `hx-swap` of one part."""
        triggers = ", ".join(f"live-{kind} from:body throttle:1s" for kind in kinds)
        return Markup('hx-get="{}/{}" hx-trigger="{}" hx-swap="innerMorph"').format(self._address, part, triggers)


def status_of(overview: Overview, asked: str = "") -> Status:
    """What the account's trader does now; `asked` is what the person has just asked of it."""
    account = overview.account
    paused = overview.marks.paused or account.state is AccountState.PAUSED
    is_foreign = any(block.cause == FOREIGN_ACTIVITY for block in overview.marks.blocks)
    done = {"pause": paused, "flatten": paused, "resume": not paused, "explain": not is_foreign}
    blocks = [block.message for block in overview.marks.blocks]
    if account.state in (AccountState.BLIND, AccountState.FROZEN):
        blocks.append(account.state_reason or account.state.value)
    blocks.extend(trouble_of(account))
    return Status(
        armed=account.state is not AccountState.DISARMED,
        paused=paused,
        waiting=_COMMANDS[asked] if asked in _COMMANDS and not done[asked] else "",
        blocks=tuple(blocks),
        foreign=tuple(block.message for block in overview.marks.blocks if block.cause == FOREIGN_ACTIVITY),
        following=tuple(str(line.pair) for line in account.assignments),
    )
