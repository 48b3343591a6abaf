"""One account at Kraken: every verb of the Venue protocol, over one key session and two kinds of stream.

What happens to an order: `place` builds the parameters (requests.py), the signer signs them, one request goes out,
and the answer becomes Accepted, Refused or an error of the tree in `venues.base` (calls.py, errors.py).

Kraken's client order id is checked among open orders only, so it is no protection against a second send. What
protects is the deadline that every write carries and the nonce: once a later call of the key was answered, an
earlier one that is still on its way can no longer be accepted.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

import structlog

from jarvis.domain.account import (
    AccountSnapshot,
    FeeRates,
    KeyPermissions,
    LedgerRow,
    MarginState,
    VenueName,
)
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest, OrderRole, VenueOrderId
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.venues.base import (
    Accepted,
    AccountStream,
    Amendment,
    MarketStream,
    OutcomeUnknown,
    PlaceResult,
    RateLimited,
    RefusalReason,
    Refused,
    Rejected,
    RequestSigner,
    Unreachable,
    UnreadableAnswer,
    Venue,
    VenueStatus,
)
from jarvis.venues.kraken import parse, requests
from jarvis.venues.kraken.calls import KrakenCalls
from jarvis.venues.kraken.fields import record_of
from jarvis.venues.kraken.memory import KnownOrder, OrderMemory
from jarvis.venues.kraken.streams import AccountDialect, MarketDialect
from jarvis.venues.kraken.symbols import CATALOGUE, Symbols, UnknownName, symbols_of
from jarvis.venues.session import (
    RateBudget,
    Transport,
    VenueUrls,
)
from jarvis.venues.stream import ReconnectingSocket

log = structlog.get_logger()

KrakenUrls = VenueUrls
T = TypeVar("T")

INTERNATIONAL = "international"
US_RETAIL = "us-retail"
# US retail accounts trade margin on Bitnomial's books only, which AssetPairs lists only when asked.
_BOOKS = {INTERNATIONAL: {}, US_RETAIL: {"execution_venue": "bitnomial_exchange"}}

SEND_DEADLINE = timedelta(seconds=5)
_INTERVALS = frozenset(timedelta(minutes=each) for each in (1, 5, 15, 30, 60, 240, 1440, 10080, 21600))
_QUERY_AT_ONCE = 50
_CONSISTENT_TRIES = 3

# What an order call adds to the pair's counter by the order's age, beside its base cost.
_AMEND_COSTS = ((5, 3), (10, 2), (15, 1))
_CANCEL_COSTS = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))


@dataclass(frozen=True, slots=True)
class Tier:
    """The request counters of a verification tier: of the key, and of each pair's order book."""

    key_limit: float
    key_decay: float
    pair_limit: float
    pair_decay: float


STARTER = Tier(15, 0.33, 60, 1)
INTERMEDIATE = Tier(20, 0.5, 125, 2.34)
"""Margin needs at least this verification, so it is what every account of ours has."""


class KrakenVenue(Venue):
    """One account (or, without a signer, only what is public). Two of one key must never exist at a time."""

    name = VenueName("kraken")

    def __init__(
        self,
        *,
        transport: Transport,
        urls: VenueUrls,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
        execution_venue: str = INTERNATIONAL,
        tier: Tier = INTERMEDIATE,
        pairs: Sequence[Pair] = CATALOGUE,
    ) -> None:
        if execution_venue not in _BOOKS:
            raise ValueError(f"{execution_venue!r} is no execution venue of Kraken; there are {', '.join(_BOOKS)}")
        self.execution_venue = execution_venue
        self.send_deadline = SEND_DEADLINE
        self.traits = VenueTraits(Settlement.MARGIN, reduce_only=True, amends=True)
        self._transport = transport
        self._urls = urls
        self._clock = clock
        self._random = random
        self._tier = tier
        self._pairs = tuple(pairs)
        self._calls = KrakenCalls(
            transport=transport,
            rest_url=urls.rest,
            signer=signer,
            clock=clock,
            random=random,
            budget=RateBudget(clock, limit=tier.key_limit, decay_per_second=tier.key_decay),
        )
        self._pair_budgets: dict[Pair, RateBudget] = {}
        self._placed_at: dict[VenueOrderId, datetime] = {}
        self._memory = OrderMemory()
        self._symbols: Symbols | None = None

    def elsewhere(self) -> "KrakenVenue | None":
        """The same key at the venue's other books, for finding out where the account may trade; None from there."""
        if self.execution_venue != INTERNATIONAL:
            return None
        other = KrakenVenue(
            transport=self._transport,
            urls=self._urls,
            signer=None,
            clock=self._clock,
            random=self._random,
            execution_venue=US_RETAIL,
            tier=self._tier,
            pairs=self._pairs,
        )
        # One key has one nonce order and one counter, whatever book it trades on.
        other._calls = self._calls
        return other

    # What anyone may ask

    async def server_time(self) -> datetime:
        """The venue's clock; also measures how far ours is off."""
        return await self._calls.server_time()

    async def status(self) -> VenueStatus:
        """What the venue accepts now."""
        return parse.parse_status(await self._calls.public("SystemStatus"))

    async def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every catalogue pair that the venue lists now."""
        assets = parse.parse_assets(await self._calls.public("Assets"))
        listed = await self._calls.public("AssetPairs", **_BOOKS[self.execution_venue])
        symbols = symbols_of(tuple(assets), tuple(parse.parse_pair_names(listed)))
        instruments = parse.parse_instruments(listed, symbols, self._pairs)
        self._symbols = symbols
        return instruments

    async def bars(
        self, pair: Pair, interval: timedelta, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Bar]:
        """Finished candles opened in [since, until), oldest first; never more than the latest 720."""
        if interval not in _INTERVALS:
            raise ValueError(f"Kraken has no candles of {interval}")
        symbols = await self._known_symbols()
        query = {"pair": symbols.pair_id(pair), "interval": str(int(interval.total_seconds()) // 60)}
        if since is not None:
            # `since` itself is left out by the venue: ask from a second earlier.
            query["since"] = str(int(since.timestamp()) - 1)
        result = await self._calls.public("OHLC", **query)
        bars = parse.parse_bars(result, pair, interval, self._calls.venue_now())
        return [
            bar
            for bar in bars
            if (since is None or bar.opened_at >= since) and (until is None or bar.opened_at < until)
        ]

    @asynccontextmanager
    async def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AsyncGenerator[MarketStream]:
        """Candles of one bar size and quotes of these pairs."""
        dialect = MarketDialect(self._urls.ws_public, await self._known_symbols(), pairs, interval, self._clock)
        stream = ReconnectingSocket(
            self._transport, dialect, name="kraken-market", clock=self._clock, random=self._random
        )
        async with stream.opened() as opened:
            yield opened

    # What the key's owner may ask

    async def key_permissions(self) -> KeyPermissions:
        """What the key may do, from GetApiKeyInfo, which needs no permission."""
        return parse.parse_key_permissions(await self._calls.read("GetApiKeyInfo"))

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        """The account's own trading fees. (Those in AssetPairs are empty since 2026, and were never the account's)."""
        symbols = await self._known_symbols()
        ids = {pair: symbols.pair_id(pair) for pair in pairs}
        return parse.parse_fee_rates(await self._calls.read("TradeVolume", {"pair": ",".join(ids.values())}), ids)

    async def margin_state(self) -> MarginState:
        """Equity, used and free margin now: one cheap read."""
        result = await self._calls.read("TradeBalance", {"asset": "ZUSD"}, urgent=True)
        return parse.parse_margin_state(result, self._clock.now())

    async def snapshot(self) -> AccountSnapshot:
        """Balances, margin, positions and open orders of one instant.

        The open lots are read before and after the rest and must be the same: then no margin order was filled in
        between and all parts fit together. Raises Unreachable when they keep changing.
        """
        await self._calls.keep_time()
        lots = await self._lots()
        for _ in range(_CONSISTENT_TRIES):
            orders = await self._open_orders()
            balances = await self._with_symbols(parse.parse_balances, await self._calls.read("BalanceEx", urgent=True))
            margin = await self.margin_state()
            before, lots = lots, await self._lots()
            if _same_lots(before, lots):
                positions = parse.positions_of(lots)
                return AccountSnapshot(self._clock.now(), balances, margin, positions, orders)
            log.info("snapshot_repeated", venue=self.name)
        raise Unreachable("the account changed while it was read; ask again")

    async def fills(self, since: datetime) -> Sequence[Fill]:
        """Every fill at or after `since`, oldest first, all pages; each with our client order id where it has one."""
        pages = await self._pages("TradesHistory", "trades", since, {"consolidate_taker": "false"})
        order_ids = [VenueOrderId(order_id) for page in pages for order_id in _order_ids(page)]
        await self._learn_client_order_ids(order_ids)
        fills: dict[str, Fill] = {}
        for page in pages:
            for fill in await self._with_symbols(self._parse_fills, page):
                fills.setdefault(fill.fill_id, fill)
        return sorted((fill for fill in reversed(fills.values()) if fill.at >= since), key=lambda fill: fill.at)

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        """Every ledger row at or after `since`, oldest first, all pages."""
        rows: dict[str, LedgerRow] = {}
        for page in await self._pages("Ledgers", "ledger", since, {}):
            for row in await self._with_symbols(parse.parse_ledger, page):
                rows.setdefault(row.row_id, row)
        return sorted((row for row in reversed(rows.values()) if row.at >= since), key=lambda row: row.at)

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours: the open ones, then the closed ones, then by its id if we had it.

        None only after all were read: together with `send_deadline` having passed since it was sent, that proves
        that the order does not exist. Open comes first, so that an order that closes in between is still seen.
        """
        wanted = {"cl_ord_id": client_order_id}
        found = _newest(await self._open_orders(wanted), client_order_id)
        if found is None:
            found = _newest(await self._closed_orders(wanted), client_order_id)
        if found is None:
            known = self._memory.order_ids(client_order_id)
            if known:
                found = _newest(await self._query_orders(known), client_order_id)
        return found

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        """Place an order, or have the venue check it without placing."""
        if request.leverage < 2:
            return Refused(RefusalReason.INVALID, "Kraken has no margin order without leverage of at least 2")
        pair_id = (await self._known_symbols()).ids.get(request.pair)
        if pair_id is None:
            return Refused(RefusalReason.MARKET_CLOSED, f"Kraken does not list {request.pair} now")
        budget = self._pair_budget(request.pair)
        if request.role is OrderRole.ENTRY and not validate_only and budget.missing(1, urgent=False):
            return Refused(RefusalReason.RATE_LIMIT, "the pair's order counter is nearly full; kept for exits")
        parameters = requests.add_order(
            request,
            pair_id,
            deadline=self._deadline(),
            trigger="index" if self.execution_venue == US_RETAIL else "last",
            validate_only=validate_only,
        )
        budget.add(1)
        if not validate_only:
            self._memory.announce(_as_known(request))
        try:
            # Validating places nothing, so it is a read that may be asked again.
            result = await (
                self._calls.read("AddOrder", parameters, cost=0)
                if validate_only
                else self._calls.write("AddOrder", parameters)
            )
            order_id, description = _sure("AddOrder", lambda: parse.parse_placed(result, validate_only=validate_only))
        except Rejected as refusal:
            return self._refused(refusal, budget)
        if f"{request.leverage}:1" not in description:
            raise OutcomeUnknown("the venue's words for the order do not name its leverage")
        if order_id is not None:
            self._remember(order_id, request)
        return Accepted(order_id, description)

    async def amend(
        self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId, pair: Pair, change: Amendment
    ) -> PlaceResult:
        """Change a resting order in place; it keeps its ids."""
        budget = self._pair_budget(pair)
        budget.add(1 + self._age_cost(_AMEND_COSTS, venue_order_id))
        parameters = requests.amend_order(venue_order_id, change, deadline=self._deadline())
        try:
            result = await self._calls.write("AmendOrder", parameters)
        except Rejected as refusal:
            return self._refused(refusal, budget)
        amend_id = _sure("AmendOrder", lambda: parse.parse_amended(result))
        log.debug("amend_accepted", venue=self.name, client_order_id=client_order_id, amend_id=amend_id)
        return Accepted(venue_order_id)

    async def cancel(self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, pair: Pair) -> bool:
        """Cancel a resting order: False if the venue says that it is not open any more."""
        budget = self._pair_budget(pair)
        if venue_order_id is not None:
            budget.add(self._age_cost(_CANCEL_COSTS, venue_order_id))
        try:
            result = await self._calls.write("CancelOrder", requests.cancel_order(client_order_id, venue_order_id))
        except Rejected as refusal:
            if refusal.reason is RefusalReason.UNKNOWN_ORDER:
                return False
            if refusal.reason is RefusalReason.RATE_LIMIT:
                budget.fill()
                raise RateLimited(str(refusal), budget.missing(1, urgent=True)) from refusal
            raise
        return _sure("CancelOrder", lambda: parse.parse_cancelled(result)) > 0

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:  # noqa: ARG002 - the protocol's
        """Nothing: Kraken lends to a position, and closing it settles the loan."""
        return ZERO

    async def interest_rates(self, assets: Sequence[Asset]) -> Mapping[Asset, Decimal]:  # noqa: ARG002
        """Nothing: Kraken charges rollover on a position's cost, and tells its rate with the position."""
        return {}

    @asynccontextmanager
    async def account_stream(self) -> AsyncGenerator[AccountStream]:
        """Orders, fills and ledger rows of the account as they happen. After a StreamGap the caller reconciles."""
        dialect = AccountDialect(
            self._urls.ws_private, await self._known_symbols(), self._memory, self._stream_token, self._clock
        )
        stream = ReconnectingSocket(
            self._transport, dialect, name="kraken-account", clock=self._clock, random=self._random
        )
        async with stream.opened() as opened:
            yield opened

    async def close(self) -> None:
        """Nothing of its own to release: the transport is shared, and closed by who opened it."""

    # Reading

    async def _known_symbols(self) -> Symbols:
        if self._symbols is None:
            await self.instruments()
        if self._symbols is None:
            raise UnreadableAnswer("Kraken told no assets and pairs")
        return self._symbols

    async def _with_symbols(self, read: Callable[[Any, Symbols], T], result: Any) -> T:
        """An answer read with the symbol table; a name that is not in it is looked up at the venue once.

        An account may hold, or have traded by hand, what was listed since, or what is not on its own margin book.
        """
        symbols = await self._known_symbols()
        try:
            return read(result, symbols)
        except UnknownName:
            await self.instruments()
            symbols = await self._known_symbols()
            if self.execution_venue != INTERNATIONAL:
                symbols = symbols.with_others(parse.parse_pair_names(await self._calls.public("AssetPairs")))
                self._symbols = symbols
            return read(result, symbols)

    async def _lots(self) -> tuple[parse.VenueLot, ...]:
        return await self._with_symbols(parse.parse_lots, await self._calls.read("OpenPositions", urgent=True))

    async def _open_orders(self, parameters: Mapping[str, str] | None = None) -> tuple[OrderReport, ...]:
        result = record_of(await self._calls.read("OpenOrders", parameters, urgent=True), "OpenOrders")
        return self._learned(await self._with_symbols(_orders_under("open", "OpenOrders"), result))

    async def _closed_orders(self, parameters: Mapping[str, str]) -> tuple[OrderReport, ...]:
        pages = await self._calls.pages("ClosedOrders", "closed", parameters, cost=1, urgent=True)
        reports: list[OrderReport] = []
        for page in pages:
            reports += await self._with_symbols(_orders_under("closed", "ClosedOrders"), page)
        return self._learned(tuple(reports))

    async def _query_orders(self, order_ids: Sequence[VenueOrderId]) -> tuple[OrderReport, ...]:
        result = await self._calls.read("QueryOrders", {"txid": ",".join(order_ids)}, urgent=True)
        return self._learned(await self._with_symbols(_parse_queried, result))

    async def _pages(
        self, operation: str, key: str, since: datetime, parameters: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """All pages since then. `start` itself is left out by the venue: ask from a second earlier."""
        started = {**parameters, "start": str(int(since.timestamp()) - 1)}
        return await self._calls.pages(operation, key, started, cost=2, urgent=False)

    def _parse_fills(self, page: Any, symbols: Symbols) -> list[Fill]:
        return parse.parse_fills(page, symbols, self._memory.client_order_id)

    async def _learn_client_order_ids(self, order_ids: Sequence[VenueOrderId]) -> None:
        """Fills name the venue's order id only: ask which of our orders those are that we have not seen yet."""
        unknown = list(dict.fromkeys(order_id for order_id in order_ids if not self._memory.knows(order_id)))
        for first in range(0, len(unknown), _QUERY_AT_ONCE):
            await self._query_orders(unknown[first : first + _QUERY_AT_ONCE])

    def _learned(self, reports: tuple[OrderReport, ...]) -> tuple[OrderReport, ...]:
        """The same reports, remembered for the sparse messages of the stream."""
        for report in reports:
            self._memory.keep(
                report.venue_order_id,
                replace(
                    self._memory.get(report.venue_order_id),
                    client_order_id=report.client_order_id,
                    pair=report.pair,
                    side=report.side,
                    order_type=report.order_type,
                    quantity=report.quantity,
                    limit_price=report.limit_price,
                    trigger_price=report.trigger_price,
                    is_margin=report.leverage is not None and report.leverage > 1,
                ),
            )
        return reports

    async def _stream_token(self) -> str:
        return parse.parse_token(await self._calls.read("GetWebSocketsToken", urgent=True))

    # Writing

    def _remember(self, order_id: VenueOrderId, request: OrderRequest) -> None:
        self._placed_at[order_id] = self._clock.now()
        if len(self._placed_at) > _QUERY_AT_ONCE:
            del self._placed_at[next(iter(self._placed_at))]
        self._memory.keep(order_id, self._memory.get(order_id, request.client_order_id))

    def _refused(self, refusal: Rejected, budget: RateBudget) -> Refused:
        """The refusal as a value; but "this id is in use" proves that the order, or its twin, exists."""
        if refusal.reason is RefusalReason.DUPLICATE_ID:
            raise OutcomeUnknown("an open order carries this client order id already") from refusal
        if refusal.reason is RefusalReason.RATE_LIMIT:
            budget.fill()
        return Refused(refusal.reason, str(refusal))

    def _pair_budget(self, pair: Pair) -> RateBudget:
        if pair not in self._pair_budgets:
            self._pair_budgets[pair] = RateBudget(
                self._clock, limit=self._tier.pair_limit, decay_per_second=self._tier.pair_decay
            )
        return self._pair_budgets[pair]

    def _age_cost(self, costs: Sequence[tuple[int, int]], order_id: VenueOrderId) -> int:
        placed_at = self._placed_at.get(order_id)
        if placed_at is None:
            return 0
        age = (self._clock.now() - placed_at).total_seconds()
        return next((cost for younger_than, cost in costs if age < younger_than), 0)

    def _deadline(self) -> datetime:
        return self._calls.venue_now() + SEND_DEADLINE


def _as_known(request: OrderRequest) -> KnownOrder:
    return KnownOrder(
        client_order_id=request.client_order_id,
        pair=request.pair,
        side=request.side,
        order_type=request.order_type,
        quantity=request.quantity,
        limit_price=request.limit_price,
        trigger_price=request.trigger_price,
        reduce_only=request.reduce_only,
        is_margin=True,
    )


def _sure(operation: str, read: Callable[[], T]) -> T:
    """What `read` makes of the answer to a write; if it cannot be read, what the write did is not known."""
    try:
        return read()
    except UnreadableAnswer as error:
        raise OutcomeUnknown(f"the answer to {operation} cannot be read: {error}") from error


def _same_lots(one: Sequence[parse.VenueLot], other: Sequence[parse.VenueLot]) -> bool:
    def held(lots: Sequence[parse.VenueLot]) -> set[tuple[str, object]]:
        return {(lot.lot_id, lot.quantity) for lot in lots}

    return held(one) == held(other)


def _orders_under(key: str, what: str) -> Callable[[Any, Symbols], tuple[OrderReport, ...]]:
    def read(result: Any, symbols: Symbols) -> tuple[OrderReport, ...]:
        return parse.parse_orders(record_of(result, what).get(key), symbols, what)

    return read


def _parse_queried(result: Any, symbols: Symbols) -> tuple[OrderReport, ...]:
    return parse.parse_orders(result, symbols, "QueryOrders")


def _order_ids(page: Mapping[str, Any]) -> list[str]:
    trades = record_of(page.get("trades"), "TradesHistory")
    return [each["ordertxid"] for each in trades.values() if isinstance(each, dict) and "ordertxid" in each]


def _newest(reports: Sequence[OrderReport], client_order_id: ClientOrderId) -> OrderReport | None:
    """The latest of those that really carry the id: a venue that ignored the filter proves nothing by itself."""
    ours = [report for report in reports if report.client_order_id == client_order_id]
    return max(ours, key=lambda report: report.at, default=None)
