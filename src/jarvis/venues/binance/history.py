"""Reading Binance's histories to the end: trades by id, everything else by windows of time.

A page that is full is never taken for all: trades go on from the last id, other records are asked for page by page
or, where the venue does not say in which order it lists them, in ever smaller windows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from jarvis.domain.account import LedgerRow
from jarvis.domain.instrument import Pair
from jarvis.domain.order import Fill, VenueOrderId
from jarvis.venues.base import RefusalReason, Rejected, Unreachable
from jarvis.venues.binance import ledger, parse, requests
from jarvis.venues.binance.calls import BinanceCalls
from jarvis.venues.binance.fields import Record, milliseconds, records_of, whole
from jarvis.venues.binance.memory import OrderMemory
from jarvis.venues.binance.symbols import symbol_of

_KEPT = timedelta(days=89)
"""How far back interest, transfers and flows are kept (90 days, less one of doubt)."""
_TRADE_WINDOW = timedelta(hours=24)
_TRADE_WINDOWS = 7
_HISTORY_WINDOW = timedelta(days=30)
_FLOW_WINDOW = timedelta(days=7)
_TRADES, _FLOWS, _ORDERS, _ROWS = 1000, 1000, 500, 100
_MAX_PAGES = 400
_FEW_ORDERS = 20
_INSTANT = timedelta(milliseconds=1)

TRADES_WEIGHT, ORDER_WEIGHT, ORDERS_WEIGHT, FLOW_WEIGHT = 10, 10, 200, 100

R = TypeVar("R")
# What a page's answer is in our words, and how many records the venue listed in it.
PageReader = Callable[[Any], tuple[Sequence[R], int]]


class Histories:
    """What one key can read of the past, in the cross account or in its pairs' isolated ones."""

    def __init__(self, calls: BinanceCalls, memory: OrderMemory, *, isolated: bool) -> None:
        self._calls = calls
        self._memory = memory
        self._isolated = isolated

    async def fills(self, pair: Pair, since: datetime) -> list[Fill]:
        """The fills of a pair at or after then, with our order ids; those of forced closings are marked."""
        records = await self._trades_since(pair, since)
        if not records:
            return []
        await self._learn_orders(pair, {whole(record, "orderId", "myTrades") for record in records})
        forced = await self._forced_orders(pair, since)
        fills = parse.parse_fills(records, self._memory.client_order_id, forced)
        return [fill for fill in fills if fill.at >= since]

    async def ledger(self, pair: Pair | None, since: datetime) -> list[LedgerRow]:
        """What changed the balances of a pair's account, or of the cross account, other than by fills."""
        now = self._calls.venue_now()
        since = max(since, now - _KEPT)
        rows = await self._pages("GET /sapi/v1/margin/interestHistory", pair, since, _of(pair, ledger.parse_interest))
        rows += await self._pages("GET /sapi/v1/margin/transfer", pair, since, _of(pair, ledger.parse_transfers))
        # Isolated, only forced closings leave what is told nowhere else: without one, a heavy call is spared.
        if pair is None or await self._forced_orders(pair, since):
            for start, end in _windows(since, now, _FLOW_WINDOW):
                rows += await self._flows(pair, start, end)
        return [row for row in rows if row.at >= since]

    # Trades and their orders

    async def _trades_since(self, pair: Pair, since: datetime) -> list[Record]:
        """The trades since then, by id: from the first one that a window of time shows, page by page."""
        first = await self._first_trade(pair, since)
        if first is None:
            return []
        records: dict[int, Record] = {}
        for _ in range(_MAX_PAGES):
            page = await self._trades(pair, {"fromId": str(first)})
            records.update((whole(record, "id", "myTrades"), record) for record in page)
            if len(page) < _TRADES:
                return [records[trade] for trade in sorted(records)]
            first = max(records) + 1
        raise Unreachable(f"{pair} has more than {_MAX_PAGES} pages of trades")

    async def _first_trade(self, pair: Pair, since: datetime) -> int | None:
        """The id of the first trade since then; zero when that is too long ago to look for it day by day."""
        windows = list(_windows(since, self._calls.venue_now(), _TRADE_WINDOW))
        if len(windows) > _TRADE_WINDOWS:
            return 0
        for start, end in windows:
            page = await self._trades(pair, _span(start, end))
            if page:
                return min(whole(record, "id", "myTrades") for record in page)
        return None

    async def _trades(self, pair: Pair, parameters: Mapping[str, str]) -> list[Record]:
        where = requests.orders_of(pair, isolated=self._isolated)
        answer = await self._calls.read(
            "GET /sapi/v1/margin/myTrades", {**where, **parameters, "limit": str(_TRADES)}, ip=TRADES_WEIGHT
        )
        return records_of(answer, "myTrades")

    async def _learn_orders(self, pair: Pair, numbers: set[int]) -> None:
        """Trades name the venue's order only: ask which of our orders those are that we have not seen yet."""
        symbol = symbol_of(pair)
        unknown = sorted(number for number in numbers if not self._memory.knows(VenueOrderId(f"{symbol}:{number}")))
        if len(unknown) > _FEW_ORDERS:
            await self._learn_many(pair, unknown[0], unknown[-1])
            unknown = [number for number in unknown if not self._memory.knows(VenueOrderId(f"{symbol}:{number}"))]
        for number in unknown:
            await self._learn_one(pair, number)

    async def _learn_many(self, pair: Pair, first: int, last: int) -> None:
        """All orders of a stretch of ids, for twenty times the weight of one."""
        where = requests.orders_of(pair, isolated=self._isolated)
        for _ in range(_MAX_PAGES):
            parameters = {**where, "orderId": str(first), "limit": str(_ORDERS)}
            answer = await self._calls.read("GET /sapi/v1/margin/allOrders", parameters, ip=ORDERS_WEIGHT)
            page = records_of(answer, "allOrders")
            for report in parse.parse_orders(answer, "allOrders"):
                self._memory.learn(report)
            highest = max((whole(record, "orderId", "allOrders") for record in page), default=last)
            if len(page) < _ORDERS or highest >= last:
                return
            first = highest + 1

    async def _learn_one(self, pair: Pair, number: int) -> None:
        parameters = {**requests.orders_of(pair, isolated=self._isolated), "orderId": str(number)}
        try:
            answer = await self._calls.read("GET /sapi/v1/margin/order", parameters, ip=ORDER_WEIGHT)
        except Rejected as refusal:
            if refusal.reason is not RefusalReason.UNKNOWN_ORDER:
                raise
            # The venue's own orders are not listed to everyone: it is nobody's id then.
            self._memory.keep(VenueOrderId(f"{symbol_of(pair)}:{number}"), None, pair)
        else:
            self._memory.learn(parse.parse_order(answer))

    async def _forced_orders(self, pair: Pair, since: datetime) -> set[VenueOrderId]:
        """The orders by which the venue closed positions of the account itself."""
        pot = pair if self._isolated else None
        since = max(since, self._calls.venue_now() - _KEPT)
        found = await self._pages("GET /sapi/v1/margin/forceLiquidationRec", pot, since, parse.parse_forced_orders)
        return set(found)

    # Other records

    async def _pages(self, operation: str, pair: Pair | None, since: datetime, read: PageReader[R]) -> list[R]:
        """All records since then, page by page in windows of a month."""
        where = {} if pair is None else {"isolatedSymbol": symbol_of(pair)}
        found: list[R] = []
        for start, end in _windows(since, self._calls.venue_now(), _HISTORY_WINDOW):
            for page in range(1, _MAX_PAGES):
                parameters = {**where, **_span(start, end), "current": str(page), "size": str(_ROWS)}
                rows, listed = read(await self._calls.read(operation, parameters, ip=1))
                found += rows
                if listed < _ROWS:
                    break
            else:
                raise Unreachable(f"{operation} has more than {_MAX_PAGES} pages")
        return found

    async def _flows(self, pair: Pair | None, start: datetime, end: datetime) -> list[LedgerRow]:
        """The capital flow of a window; a full answer is asked for again in two halves."""
        where = {} if pair is None else {"symbol": symbol_of(pair)}
        parameters = {**where, **_span(start, end), "limit": str(_FLOWS)}
        answer = await self._calls.read("GET /sapi/v1/margin/capital-flow", parameters, ip=FLOW_WEIGHT)
        rows, listed = ledger.parse_capital_flow(answer, pair)
        if listed < _FLOWS:
            return rows
        middle = start + (end - start) / 2
        if end - start <= _INSTANT:
            raise Unreachable("the capital flow has more rows in one instant than one answer lists")
        return [*await self._flows(pair, start, middle), *await self._flows(pair, middle + _INSTANT, end)]


def _of(pair: Pair | None, read: Callable[[object, Pair | None], tuple[list[LedgerRow], int]]) -> PageReader[LedgerRow]:
    def read_page(answer: Any) -> tuple[Sequence[LedgerRow], int]:
        return read(answer, pair)

    return read_page


def _windows(since: datetime, until: datetime, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Spans that touch and do not overlap, from `since` to `until` and no further than a window beyond it."""
    start = since
    while start <= until:
        yield start, start + length - _INSTANT
        start += length


def _span(start: datetime, end: datetime) -> Mapping[str, str]:
    return {"startTime": str(milliseconds(start)), "endTime": str(milliseconds(end))}
