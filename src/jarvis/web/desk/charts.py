"""What the charts of the desk are drawn from: candles with what was done there, the equity curve. Prices are text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from jarvis.domain.account import Environment
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.order import OrderRole
from jarvis.ledger.performance import EquityPoint, growth_index
from jarvis.store.records import Assignment, TradingAccount
from jarvis.trading.bars import opening_of
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays
from jarvis.trading.universe import seen_on, universe_of
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.candlebook import CandleBook
from jarvis.web.desk.portfolio import MINUTE, STALE_AFTER, account_time
from jarvis.web.desk.positions import strategy_title
from jarvis.web.desk.views import protection_of

INTERVALS = ((60, "1 minute"), (300, "5 minutes"), (900, "15 minutes"), (3600, "1 hour"))
RANGES = (("day", "1 day"), ("week", "1 week"), ("all", "All"))
_REACH = {"day": timedelta(days=1), "week": timedelta(days=7), "all": None}
CHART_BARS = 240
CURVE_POINTS = 600
FILLS_SHOWN = 300
MOST_BARS = 1500
"""Of a strategy's own candles that are read for its curves at most: a slow average of large ones begins later."""


@dataclass(frozen=True, slots=True)
class Fall:
    """The largest drawdown among the points of a curve, as fractions; `now` is how far the last one lies below."""

    largest: float
    now: float


def router(web: Web) -> APIRouter:
    """The routes that charts ask."""
    routes = APIRouter(prefix="/desk")
    book = CandleBook(web.store)

    @routes.get("/{account_id}/equity.json")
    async def equity(request: Request, account_id: str, reach: str = "all") -> Response:
        overview = await web.overview(request, account_id)
        account = overview.account
        if reach not in _REACH:
            raise HTTPException(404)
        length = _REACH[reach]
        since = None if length is None else account_time(web, overview) - length
        curve = await web.store.equity_curve(account.owner_id, account.account_id, points=CURVE_POINTS, since=since)
        index = growth_index(curve)
        fall = fall_of(index)
        return JSONResponse(
            {
                "at": [int(point.at.timestamp()) for point in curve],
                "equity": [str(point.equity) for point in curve],
                "below_peak": [round(below, 6) for below in below_peak(index)],
                "largest": fall.largest,
                "now": fall.now,
                "change": _change(curve),
            }
        )

    @routes.get("/{account_id}/candles.json")
    async def candles(request: Request, account_id: str, pair: str, interval: int) -> Response:
        account = await web.account(request, account_id)
        known = {str(each): each for each in pairs_of(account)}
        if pair not in known or interval not in dict(INTERVALS):
            raise HTTPException(404)
        return JSONResponse(await candles_of(web, book, account, known[pair], timedelta(seconds=interval)))

    return routes


def below_peak(index: Sequence[float]) -> list[float]:
    """How far each point lies below the highest before it, as a fraction (0.1 = 10 % below)."""
    peak, found = 0.0, []
    for value in index:
        peak = max(peak, value)
        found.append(1 - value / peak if peak else 0.0)
    return found


def fall_of(index: Sequence[float]) -> Fall:
    """The largest fall, and the present one."""
    below = below_peak(index)
    return Fall(round(max(below, default=0.0), 6), round(below[-1], 6) if below else 0.0)


def _change(curve: Sequence[EquityPoint]) -> str | None:
    """What was earned over the curve: its change, less what was paid in (or out)."""
    if not curve:
        return None
    return str(curve[-1].equity - curve[0].equity - sum((point.flow for point in curve[1:]), Decimal(0)))


async def candles_of(
    web: Web, book: CandleBook, account: TradingAccount, pair: Pair, interval: timedelta
) -> dict[str, object]:
    """Candles, and what was done there: fills, resting protection, the liquidation price, how fresh it is.

    With them the curves of the strategy that is followed on the pair, by its own code, over its own bar size.
    """
    candles = await book.last(account.feed, pair, interval, CHART_BARS)
    bars = [*candles.finished, *candles.forming][-CHART_BARS:]
    shown_from = bars[0].opened_at if bars else None
    owner = account.owner_id
    fills = await web.store.fills(owner, account.account_id, since=shown_from, limit=FILLS_SHOWN)
    orders = await web.store.open_orders(owner, account.account_id)
    recent = await web.store.recent_orders(owner, account.account_id, limit=FILLS_SHOWN)
    entries = {order.client_order_id for order in (*orders, *recent) if order.request.role is OrderRole.ENTRY}
    places = max((-int(bar.close.normalize().as_tuple().exponent) for bar in bars[-30:]), default=2)
    followed = next((line for line in account.assignments if line.pair == pair), None)
    lines = [] if followed is None or not bars else await _lines(book, account, followed, bars, places)
    return {
        "bars": [
            [
                int(bar.opened_at.timestamp()),
                str(bar.open),
                str(bar.high),
                str(bar.low),
                str(bar.close),
                str(bar.volume),
            ]
            for bar in bars
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
        "liquidation": await _liquidation_prices(web, account, pair),
        "strategy": "" if followed is None else strategy_title(followed.strategy),
        "lines": lines,
        "tick": float(Decimal(1).scaleb(-max(places, 0))),
        "places": max(places, 0),
        "stale": _stale(web, account, candles.heard_until),
    }


async def _lines(
    book: CandleBook, account: TradingAccount, followed: Assignment, shown: Sequence[Bar], places: int
) -> list[dict[str, object]]:
    """The followed strategy's curves over the candles that are shown."""
    strategy = STRATEGIES.get(followed.strategy)
    if strategy is None:
        return []
    covered = shown[-1].closed_at - shown[0].opened_at
    try:
        wanted = min(int(covered / followed.interval) + 2 + strategy.warm_up(followed.values), MOST_BARS)
        others = universe_of(strategy, followed.values, followed.pair, VENUES[account.venue].pairs)
        candles = {
            pair: (await book.last(account.feed, pair, followed.interval, wanted)).finished
            for pair in (followed.pair, *others)
        }
        return lines_of(followed, candles, shown[0].interval, shown[0].opened_at, places)
    except ValueError:
        return []  # an own strategy that cannot be asked: the chart has its candles all the same


def lines_of(
    followed: Assignment, candles: Mapping[Pair, Sequence[Bar]], interval: timedelta, since: datetime, places: int
) -> list[dict[str, object]]:
    """The curves as points of the chart's candles: a value is known when its bar closes, and stands at that candle.

    `candles` are finished ones of the followed pair and of those that its strategy looks at besides.
    """
    finished = candles[followed.pair]
    if not finished:
        return []
    strategy = STRATEGIES[followed.strategy]
    columns = {pair: BarArrays.of(bars) for pair, bars in candles.items()}
    curves = strategy.lines(seen_on(strategy, followed.values, followed.pair, columns), followed.values)
    times = [opening_of(bar.closed_at - MINUTE, interval) for bar in finished]
    found: list[dict[str, object]] = []
    for curve in curves:
        points = {
            int(at.timestamp()): round(float(value), max(places, 0) + 2)
            for at, value in zip(times, curve.values, strict=True)
            if at >= since and isfinite(value)
        }
        found.append({"name": curve.name, "points": list(points.items())})
    return found


async def _liquidation_prices(web: Web, account: TradingAccount, pair: Pair) -> list[str]:
    """Where the venue would step in if this price alone moved."""
    records = await web.store.open_positions(account.owner_id, account.account_id)
    prices = [each.facts.liquidation_price for each in records if each.story.pair == pair and each.facts is not None]
    return [str(price) for price in prices if price is not None]


def _stale(web: Web, account: TradingAccount, heard: datetime | None) -> bool:
    """Whether the feed has been silent for too long; the sandbox's clock runs as it likes, there it never is."""
    if heard is None or account.environment is not Environment.LIVE:
        return False
    return web.now() - heard > STALE_AFTER + MINUTE
