"""The desk and the position pages: what is held, what protects it, and the three buttons that always work.

Pause, resume and flatten are written as commands; the account's own trader carries them out, and its events move the
page. They need the person's session and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from jarvis.accounts.people import Deed
from jarvis.domain.account import Environment
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import Asset
from jarvis.domain.order import OrderRole, PositionId
from jarvis.ledger.performance import EquityPoint
from jarvis.store.records import AccountState, CommandKind, Overview, PositionRecord, TradingAccount
from jarvis.trading.bars import BarAggregator, opening_of
from jarvis.trading.brakes import FOREIGN_ACTIVITY
from jarvis.trading.stories import PositionStory
from jarvis.venues.catalog import VENUES
from jarvis.venues.revoking import GUIDES
from jarvis.web.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.drawing import waterfall_bars
from jarvis.web.keyhealth import trouble_of
from jarvis.web.positions import PositionView, charged_so_far, position_of, side_word, strategy_title
from jarvis.web.venues import level_words
from jarvis.web.views import (
    closed_by,
    closed_of,
    numbers_of,
    order_of,
    protection_of,
    story_lines,
)

CHART_INTERVALS = ((60, "1 minute"), (300, "5 minutes"), (900, "15 minutes"), (3600, "1 hour"))
CHART_BARS = 240
CURVE_POINTS = 600
RECENT_ORDERS = 30
FILLS_SHOWN = 300
CLOSED_POSITIONS = 15
STALE_AFTER = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)
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

    @routes.get("")
    async def first_desk(request: Request) -> Response:
        person = await web.person(request)
        accounts = await web.accounts(person)
        if not accounts:
            return await web.page(request, "desk_empty.html", {"here": "desk"})
        return RedirectResponse(f"/desk/{accounts[0].account_id}", status_code=303)

    @routes.get("/{account_id}")
    async def desk(request: Request, account_id: str) -> Response:
        overview = await web.overview(request, account_id)
        values = await _whole_desk(web, overview, request.query_params.get("asked", ""))
        values["mine"] = await _is_mine(web, request, overview)
        return await web.page(request, "desk.html", values)

    @routes.get("/{account_id}/part/{part}")
    async def part(request: Request, account_id: str, part: str) -> Response:
        overview = await web.overview(request, account_id)
        if part not in _PARTS:
            raise HTTPException(404)
        values = {**await _PARTS[part](web, overview), "mine": await _is_mine(web, request, overview)}
        return await web.fragment(request, f"desk_{part}.html", values)

    @routes.get("/{account_id}/equity.json")
    async def equity(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        curve = _thinned(await web.store.equity(account.owner_id, account.account_id))
        return JSONResponse(
            {"at": [int(point.at.timestamp()) for point in curve], "equity": [str(point.equity) for point in curve]}
        )

    @routes.get("/{account_id}/candles.json")
    async def candles(request: Request, account_id: str, pair: str, interval: int) -> Response:
        account = await web.account(request, account_id)
        known = {str(each): each for each in pairs_of(account)}
        if pair not in known or interval not in dict(CHART_INTERVALS):
            raise HTTPException(404)
        return JSONResponse(await _candles(web, account, known[pair], timedelta(seconds=interval)))

    @routes.get("/{account_id}/flatten")
    async def flatten_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.PAUSE_AND_FLATTEN)
        positions = await web.store.open_positions(account.owner_id, account.account_id)
        values = {"here": "desk", "account": card_of(account), "count": len(positions)}
        return await web.page(request, "desk_flatten.html", values)

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
            "status": _status(overview),
            "guide": GUIDES.get(overview.account.venue),
        }
        return await web.page(request, "desk_foreign.html", values)

    @routes.post("/{account_id}/foreign")
    async def explain(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.ARM)
        await web.form(request)
        noted = await web.entry(request, "foreign.explained", account.account_id)
        await web.store.enqueue_command(
            account.owner_id, account.account_id, CommandKind.EXPLAIN, at=web.now(), noted=noted
        )
        return RedirectResponse(f"/desk/{account.account_id}?asked=explain", status_code=303)

    @routes.get("/{account_id}/positions/{position_id}")
    async def position(request: Request, account_id: str, position_id: str) -> Response:
        overview = await web.overview(request, account_id)
        account = overview.account
        record = await web.store.position(account.owner_id, account.account_id, PositionId(position_id))
        if record is None:
            raise HTTPException(404)
        view = None if record.story.is_closed else await _view(web, overview, record)
        return await web.page(request, "position.html", _position_page(account, record, view))

    return routes


async def _command(web: Web, request: Request, account_id: str, kind: CommandKind) -> Response:
    account = await web.account(request, account_id, Deed.PAUSE_AND_FLATTEN)
    await web.form(request)
    await web.store.enqueue_command(account.owner_id, account.account_id, kind, at=web.now())
    # What takes risk away happens even when it cannot be noted.
    await web.store.note_if_possible(await web.entry(request, _NOTED[kind], account.account_id))
    return RedirectResponse(f"/desk/{account.account_id}?asked={kind.value}", status_code=303)


# --- the parts of the desk ---------------------------------------------------------------------------------------


async def _is_mine(web: Web, request: Request, overview: Overview) -> bool:
    """Whether this is one's own desk, and not one that one may look at."""
    return (await web.person(request)).user_id == overview.account.owner_id


async def _whole_desk(web: Web, overview: Overview, asked: str) -> dict[str, object]:
    since = await web.store.last_event_id()  # before anything is read: what changes meanwhile is told by the stream
    account = overview.account
    accounts = [each for each in await web.store.accounts_of(account.owner_id) if each.is_connected]
    pairs = [str(pair) for pair in pairs_of(account)]
    followed = [str(line.pair) for line in account.assignments]
    held = [str(each.story.pair) for each in await web.store.open_positions(account.owner_id, account.account_id)]
    values: dict[str, object] = {
        "here": "desk",
        "since": since,
        "live": _Live(account),
        "accounts": [card_of(each) for each in accounts],
        "chart_pairs": pairs,
        "chart_pair": next(iter([*held, *followed, *pairs]), ""),
        "chart_intervals": CHART_INTERVALS,
        "chart_interval": CHART_INTERVALS[0][0],
    }
    for read in _PARTS.values():
        values.update(await read(web, overview))
    values["status"] = _status(overview, asked)
    return values


async def _controls(_web: Web, overview: Overview) -> Mapping[str, object]:
    return {"account": card_of(overview.account), "status": _status(overview)}


async def _numbers(web: Web, overview: Overview) -> Mapping[str, object]:
    account, margin = overview.account, overview.margin
    positions = await web.store.open_positions(account.owner_id, account.account_id)
    age = web.now() - margin.at if margin and account.environment is Environment.LIVE else timedelta(0)
    return {
        "numbers": numbers_of(margin, overview.marks.day_equity, len(positions)),
        "account": card_of(account),
        "quote": margin.asset if margin else VENUES[account.venue].quote,
        "venue_level": level_words(account.venue, margin.venue_level if margin else None),
        "stale_for": age if age > STALE_AFTER else None,
    }


async def _positions(web: Web, overview: Overview) -> Mapping[str, object]:
    account = overview.account
    records = await web.store.open_positions(account.owner_id, account.account_id)
    views = [await _view(web, overview, record) for record in records]
    return {"account": card_of(account), "status": _status(overview), "positions": views}


async def _view(web: Web, overview: Overview, record: PositionRecord) -> PositionView:
    """An open position at the last price that is known of its pair."""
    feed, pair = overview.account.feed, record.story.pair
    quotes = await web.store.quotes(feed)
    mark = quotes[pair].last if pair in quotes else await _last_close(web, overview.account, pair)
    return position_of(record, mark, _account_time(web, overview))


async def _orders(web: Web, overview: Overview) -> Mapping[str, object]:
    account = overview.account
    unfinished = await web.store.open_orders(account.owner_id, account.account_id)
    recent = await web.store.recent_orders(account.owner_id, account.account_id, limit=RECENT_ORDERS)
    finished = [order for order in recent if order.status.is_final]
    return {"orders": [order_of(order) for order in (*unfinished, *finished)]}


async def _activity(web: Web, overview: Overview) -> Mapping[str, object]:
    account = overview.account
    return {"activity": await web.store.activities(account.owner_id, account.account_id)}


async def _closed(web: Web, overview: Overview) -> Mapping[str, object]:
    account = overview.account
    records = await web.store.closed_positions(account.owner_id, account.account_id, limit=CLOSED_POSITIONS)
    return {"account": card_of(account), "closed": [closed_of(each.story, each.waterfall().total) for each in records]}


_PARTS = {
    "controls": _controls,
    "numbers": _numbers,
    "positions": _positions,
    "orders": _orders,
    "activity": _activity,
    "closed": _closed,
}


class _Live:
    """In a template: the attributes of an element that asks for its part again when one of these kinds changed."""

    def __init__(self, account: TradingAccount) -> None:
        self._account_id = account.account_id

    def __call__(self, part: str, *kinds: str) -> Markup:
        triggers = ", ".join(f"live-{kind} from:body throttle:1s" for kind in kinds)
        return Markup('hx-get="/desk/{}/part/{}" hx-trigger="{}" hx-swap="innerMorph"').format(
            self._account_id, part, triggers
        )


def _status(overview: Overview, asked: str = "") -> Status:
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


def _account_time(web: Web, overview: Overview) -> datetime:
    """The account's now: the wall clock, or, in the sandbox, the latest instant that its trader spoke of."""
    if overview.account.environment is Environment.LIVE:
        return web.now()
    margin_at = overview.margin.at if overview.margin else None
    return max((at for at in (margin_at, overview.status_at) if at is not None), default=web.now())


async def _last_close(web: Web, account: TradingAccount, pair: Pair) -> Decimal | None:
    latest = await web.store.bars(account.feed, pair, MINUTE, limit=1)
    return latest[-1].close if latest else None


def _thinned(curve: Sequence[EquityPoint]) -> Sequence[EquityPoint]:
    """At most about `CURVE_POINTS` points of a curve, evenly, the last one always."""
    every = max(1, len(curve) // CURVE_POINTS)
    return [point for number, point in enumerate(curve) if (len(curve) - 1 - number) % every == 0]


# --- charts ------------------------------------------------------------------------------------------------------


async def _candles(web: Web, account: TradingAccount, pair: Pair, interval: timedelta) -> dict[str, object]:
    minutes = await web.store.bars(account.feed, pair, MINUTE, limit=CHART_BARS * int(interval / MINUTE))
    bars = _summed(minutes, interval)
    shown_from = bars[0].opened_at if bars else None
    owner = account.owner_id
    fills = await web.store.fills(owner, account.account_id, since=shown_from, limit=FILLS_SHOWN)
    orders = await web.store.open_orders(owner, account.account_id)
    recent = await web.store.recent_orders(owner, account.account_id, limit=FILLS_SHOWN)
    entries = {order.client_order_id for order in (*orders, *recent) if order.request.role is OrderRole.ENTRY}
    places = max((-int(bar.close.normalize().as_tuple().exponent) for bar in bars[-30:]), default=2)
    return {
        "bars": [
            [int(bar.opened_at.timestamp()), str(bar.open), str(bar.high), str(bar.low), str(bar.close)] for bar in bars
        ],
        "fills": [
            {
                "time": int(opening_of(fill.at, interval).timestamp()),
                "side": fill.side.value,
                "entry": fill.client_order_id in entries,
            }
            for fill in fills
            if fill.pair == pair
        ],
        "protection": protection_of(orders, pair),
        "tick": float(Decimal(1).scaleb(-max(places, 0))),
        "places": max(places, 0),
    }


def _summed(minutes: list[Bar], interval: timedelta) -> list[Bar]:
    """The candles of `interval`, the one that still forms included as it stands."""
    aggregator = BarAggregator(interval)
    bars: list[Bar] = []
    for minute in minutes:
        bars.extend(aggregator.push(minute))
    if minutes:
        bars.extend(aggregator.close_until(minutes[-1].closed_at + interval))
    return bars


# --- one position ------------------------------------------------------------------------------------------------


def _position_page(account: TradingAccount, record: PositionRecord, view: PositionView | None) -> dict[str, object]:
    story = record.story
    note = "Read from the journal; the parts sum to the result exactly."
    if not story.is_closed:
        note = f"{note} Only what was closed or charged so far counts; what is open is on the desk."
    return {
        "here": "desk",
        "account": card_of(account),
        "story": _StoryHead.of(story),
        "position": view,
        "interest": charged_so_far(record.entries),
        "bars": waterfall_bars(record.waterfall()),
        "waterfall_note": note,
        "lines": story_lines(story, record.orders, record.fills, record.entries),
    }


@dataclass(frozen=True, slots=True)
class _StoryHead:
    """The facts at the top of a position's page."""

    pair: str
    base: Asset
    quote: Asset
    side: str
    strategy: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str
    opened_quantity: Decimal
    decision_price: Decimal | None
    leverage: int
    stop_distance: Decimal
    trailing: bool
    time_stop: timedelta | None

    @classmethod
    def of(cls, story: PositionStory) -> "_StoryHead":
        return cls(
            pair=str(story.pair),
            base=story.pair.base,
            quote=story.pair.quote,
            side=side_word(story.entry_side),
            strategy=strategy_title(story.strategy),
            opened_at=story.opened_at,
            closed_at=story.closed_at,
            closed_by=closed_by(story),
            opened_quantity=story.opened_quantity,
            decision_price=story.decision_price,
            leverage=story.leverage,
            stop_distance=story.protection.stop_distance,
            trailing=story.protection.trailing,
            time_stop=story.protection.time_stop,
        )
