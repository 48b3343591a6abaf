"""Finding orders at OKX, which keeps plain and algo orders apart: open or closed, by our id or by the venue's.

A stop or a target is an algo order; when it triggers it spawns a plain one, and the caller is told one story of both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, OrderReport, OrderStatus, OrderType, VenueOrderId
from jarvis.venues.base import RefusalReason, Rejected
from jarvis.venues.okx import parse, requests
from jarvis.venues.okx.calls import OkxCalls
from jarvis.venues.okx.errors import NotFound
from jarvis.venues.okx.fields import Record, text
from jarvis.venues.okx.memory import OrderMemory
from jarvis.venues.okx.order_rows import order_row, parse_order, parse_spawned
from jarvis.venues.okx.rules import by, is_ours
from jarvis.venues.okx.symbols import inst_id

_TRIGGERED_GONE = "its order was cancelled without a fill after it triggered"


class OrderReader:
    """Reads orders by signed calls. What it learns of where an order came from is kept in `memory`."""

    def __init__(self, calls: OkxCalls, memory: OrderMemory, pairs: Sequence[Pair]) -> None:
        self._calls = calls
        self._memory = memory
        self._pairs = tuple(pairs)

    async def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours; None only after it was asked for in every list."""
        if not is_ours(client_order_id):
            return None
        request = self._memory.request(client_order_id)
        if request is not None and requests.is_triggered(request):
            return await self._find_algo_order({"algoClOrdId": client_order_id})
        for pair in [request.pair] if request is not None else self._pairs:
            found = await self._find_plain(pair, {"clOrdId": client_order_id})
            if found is not None:
                return found
        return None if request is not None else await self._find_algo_order({"algoClOrdId": client_order_id})

    async def open_orders(self) -> tuple[OrderReport, ...]:
        """Every open order.

        Algo orders first: one that triggers in between is then seen twice, and what it spawned is the later word.
        """
        reports: dict[VenueOrderId, OrderReport] = {}
        for kind in ("conditional", "oco"):
            what = "orders-algo-pending"
            rows = await self._calls.pages(
                f"GET /api/v5/trade/{what}", {"ordType": kind}, by("algoId", what), urgent=True
            )
            for order in (self._learned_algo(row, what) for row in rows if parse.is_spot(row, what)):
                reports[order.report.venue_order_id] = self._memory.dressed(order.report)
        what = "orders-pending"
        rows = await self._calls.pages(f"GET /api/v5/trade/{what}", {}, by("ordId", what), urgent=True)
        for report in (self._learned(row, what) for row in rows if parse.is_spot(row, what)):
            reports[report.venue_order_id] = report
        return tuple(reports.values())

    async def algo_order(self, named: Mapping[str, str]) -> parse.AlgoOrder | None:
        """The algo order of this `algoId` or `algoClOrdId`, if the venue knows one."""
        operation = "GET /api/v5/trade/order-algo"
        try:
            rows = await self._calls.read(operation, named, urgent=True)
        except NotFound:
            return None
        if not rows:
            return None
        return self._learned_algo(rows[0], operation)

    async def kind_of(self, client_order_id: ClientOrderId, algo_id: str) -> tuple[Side, OrderType | None]:
        """The side and type of a resting algo order. Raises Rejected if the venue knows none."""
        request = self._memory.request(client_order_id)
        if request is not None:
            return request.side, request.order_type
        order = await self.algo_order({"algoId": algo_id})
        if order is None or order.report.side is None:
            raise Rejected(RefusalReason.UNKNOWN_ORDER, "OKX knows no such order")
        return order.report.side, order.report.order_type

    async def learn_origins(self, rows: Iterable[Record]) -> None:
        """Fills do not tell which algo order their order came from: ask for those that carry no id of ours."""
        what = "fills-history"
        unknown = {
            text(row, "ordId", what): text(row, "instId", what)
            for row in rows
            if not text(row, "clOrdId", what) and not self._memory.knows(VenueOrderId(text(row, "ordId", what)))
        }
        for order_id, name in unknown.items():
            operation = "GET /api/v5/trade/order"
            try:
                found = await self._calls.read(operation, {"instId": name, "ordId": order_id}, urgent=True)
            except NotFound:
                found = []
            spawned = parse_spawned(order_row(found[0], operation)) if found else None
            spawned = self._memory.learn(VenueOrderId(order_id), spawned)
            if spawned is not None and spawned.client_order_id is None:
                await self.algo_order({"algoId": spawned.algo_id})
                self._memory.learn(VenueOrderId(order_id), spawned)

    def _learned(self, row: Record, what: str) -> OrderReport:
        told = order_row(row, what)
        spawned = self._memory.learn(told.ord_id, parse_spawned(told))
        return self._memory.dressed(parse_order(told, what, spawned))

    async def _find_plain(self, pair: Pair, named: Mapping[str, str]) -> OrderReport | None:
        operation = "GET /api/v5/trade/order"
        try:
            rows = await self._calls.read(operation, {"instId": inst_id(pair), **named}, urgent=True)
        except Rejected as refusal:
            # An instrument that the venue does not know has no orders.
            if isinstance(refusal, NotFound) or refusal.reason is RefusalReason.MARKET_CLOSED:
                return None
            raise
        return self._learned(rows[0], operation) if rows else None

    async def _find_algo_order(self, named: Mapping[str, str]) -> OrderReport | None:
        """An algo order, or once it triggered what became of the order that it spawned."""
        order = await self.algo_order(named)
        if order is None or not order.is_triggered or order.report.pair is None or not order.spawned_ids:
            return None if order is None else self._memory.dressed(order.report)
        for order_id in order.spawned_ids:
            found = await self._find_plain(order.report.pair, {"ordId": order_id})
            if found is not None:
                mine = replace(order.report, status=found.status, at=found.at, filled_quantity=found.filled_quantity)
                return self._memory.dressed(replace(mine, reason=found.reason))
        gone = replace(order.report, status=OrderStatus.CANCELLED, reason=_TRIGGERED_GONE)
        return self._memory.dressed(gone)

    def _learned_algo(self, row: Record, what: str) -> parse.AlgoOrder:
        order = parse.parse_algo_order(row, what)
        self._memory.learn_algo(order.spawns.algo_id, order.spawns.client_order_id)
        for order_id in order.spawned_ids:
            self._memory.learn(order_id, order.spawns)
        return order
