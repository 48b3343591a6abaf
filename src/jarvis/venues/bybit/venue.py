"""One account at Bybit: every verb of the Venue protocol, on spot margin of a unified account.

What is particular here: there are no position rows, so the balances (net of loans) are the proof; closing a short
leaves the coin beside the debt until `repay`; a conditional order is in a list of its own, and "not found" in one list
proves nothing; an accepted order is only acknowledged, so what became of it is told by the stream or by `find_order`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

import structlog

from jarvis.domain.account import AccountSnapshot, FeeRates, KeyPermissions, LedgerRow, MarginState, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    TRIGGERED_TYPES,
    ClientOrderId,
    Fill,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.domain.records import shared
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
    VenueError,
    VenueStatus,
)
from jarvis.venues.bybit import margin, orders, parse, requests
from jarvis.venues.bybit.calls import BybitCalls, sure
from jarvis.venues.bybit.errors import Down, refused_value
from jarvis.venues.bybit.fields import in_milliseconds, record_of, text
from jarvis.venues.bybit.margin import MarginTerms
from jarvis.venues.bybit.orders import Execution, KnownOrder, OrderFilter, OrderMemory
from jarvis.venues.bybit.streams import AccountDialect, KeptAlive, MarketDialect, interval_name
from jarvis.venues.bybit.symbols import CATALOGUE, Symbols, UnknownName, symbols_of
from jarvis.venues.session import Transport, VenueUrls
from jarvis.venues.stream import ReconnectingSocket

log = structlog.get_logger()

T = TypeVar("T")

GLOBAL = "global"

SEND_DEADLINE = timedelta(seconds=6)
"""The receive window of a signed call, and a second for what is acknowledged before it is executed."""

_SILENCE_SECONDS = 8.0
_WINDOW = timedelta(days=7)
_KEPT = timedelta(days=729)
_BARS_AT_ONCE = 1000
_CONSISTENT_TRIES = 3
_TERMS_AGE = timedelta(minutes=1)
_REPAY_LOOKS = 6
_REPAY_SECONDS = 0.5
"""Between looks at a repayment that the venue is still doing, by the event loop's clock."""


class BybitVenue(Venue):
    """One account (or, without a signer, only what is public)."""

    name = VenueName("bybit")

    def __init__(
        self,
        *,
        transport: Transport,
        urls: VenueUrls,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
        execution_venue: str = GLOBAL,
        pairs: Sequence[Pair] = CATALOGUE,
    ) -> None:
        if execution_venue != GLOBAL:
            raise ValueError(f"{execution_venue!r} is no execution venue of Bybit; there is {GLOBAL}")
        self.execution_venue = execution_venue
        self.send_deadline = SEND_DEADLINE
        self.traits = VenueTraits(Settlement.WALLET, reduce_only=False, amends=True)
        self._transport = transport
        self._urls = urls
        self._clock = clock
        self._random = random
        self._pairs = tuple(pairs)
        self._calls = BybitCalls(transport=transport, rest_url=urls.rest, signer=signer, clock=clock, random=random)
        self._memory = OrderMemory()
        self._symbols: Symbols | None = None
        self._terms: MarginTerms | None = None
        self._instruments: Mapping[Pair, Instrument] = {}

    # What anyone may ask

    async def server_time(self) -> datetime:
        """The venue's clock; also measures how far ours is off."""
        return await self._calls.server_time()

    async def status(self) -> VenueStatus:
        """What the venue accepts now: it tells no status of its own but by answering or not."""
        try:
            await self._calls.server_time()
        except Down:
            return VenueStatus.MAINTENANCE
        return VenueStatus.ONLINE

    async def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every catalogue pair that the venue lends on to a unified account now.

        With a key their leverage is what this account's tiers and switches allow; without one none is promised.
        """
        await self._list(await self._read_terms() if self._calls.has_key else None)
        return self._instruments

    async def bars(
        self, pair: Pair, interval: timedelta, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Bar]:
        """Finished candles opened in [since, until), oldest first; without `since` the latest thousand."""
        query = {
            "category": "spot",
            "symbol": (await self._known_symbols()).symbol(pair),
            "interval": interval_name(interval),
            "limit": str(_BARS_AT_ONCE),
        }
        now = self._calls.venue_now()
        before = now if until is None else min(until - timedelta(milliseconds=1), now)
        if since is None:
            if until is not None:
                query["end"] = str(in_milliseconds(before))
            return parse.parse_bars(await self._calls.public("/v5/market/kline", **query), pair, interval, now)
        bars: dict[datetime, Bar] = {}
        start = since
        while start <= before:
            end = min(start + _BARS_AT_ONCE * interval - timedelta(milliseconds=1), before)
            span = {"start": str(in_milliseconds(start)), "end": str(in_milliseconds(end))}
            result = await self._calls.public("/v5/market/kline", **query, **span)
            bars.update((bar.opened_at, bar) for bar in parse.parse_bars(result, pair, interval, now))
            start = end + timedelta(milliseconds=1)
        return [bars[at] for at in sorted(bars) if at >= since]

    @asynccontextmanager
    async def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AsyncGenerator[MarketStream]:
        """Candles of one bar size and quotes of these pairs."""
        dialect = MarketDialect(self._urls.ws_public, await self._known_symbols(), pairs, interval, self._last_prices)
        stream = ReconnectingSocket(
            KeptAlive(self._transport, dialect),
            dialect,
            name="bybit-market",
            clock=self._clock,
            random=self._random,
            silence_seconds=_SILENCE_SECONDS,
        )
        async with stream.opened() as opened:
            yield opened

    # What the key's owner may ask

    async def key_permissions(self) -> KeyPermissions:
        """What the key may do, from query-api, which needs no permission."""
        return parse.parse_key(await self._calls.read("/v5/user/query-api")).permissions

    async def advice(self) -> tuple[str, ...]:
        """What the person has to do at the venue before it lends, one sentence each; empty when all is set up."""
        if not parse.parse_key(await self._calls.read("/v5/user/query-api")).is_unified:
            return (margin.NOT_UNIFIED.message,)
        return margin.advice_of(await self._read_terms(), self._pairs)

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        """The account's own trading fees."""
        symbols = await self._known_symbols()
        query = {"category": "spot"}
        if len(pairs) == 1:
            query["symbol"] = symbols.symbol(pairs[0])
        return parse.parse_fee_rates(await self._calls.read("/v5/account/fee-rate", query), symbols, pairs)

    async def margin_state(self) -> MarginState:
        """Equity, used and free margin now: one cheap read. Raises Rejected for an account in isolated mode."""
        return _margin_of(await self._wallet())

    async def snapshot(self) -> AccountSnapshot:
        """Balances, margin and open orders of one instant; there are no positions at this venue.

        The wallet is read before and after the orders and must be the same: then no order was filled in between.
        Raises Unreachable when it keeps changing.
        """
        wallet = await self._wallet()
        for _ in range(_CONSISTENT_TRIES):
            open_orders = await self._open_orders()
            before, wallet = wallet, await self._wallet()
            if before.totals() == wallet.totals():
                return AccountSnapshot(self._clock.now(), wallet.balances, _margin_of(wallet), (), open_orders)
            log.info("snapshot_repeated", venue=self.name)
        raise Unreachable("the account changed while it was read; ask again")

    async def fills(self, since: datetime) -> Sequence[Fill]:
        """Every fill at or after `since`, oldest first, all pages of all weeks; at most two years back.

        No kind of execution is asked for, so that the venue's own closing (BustTrade) is seen too.
        """
        pages = await self._weeks("/v5/execution/list", {"category": "spot"}, since, limit=100)
        await self._learn_foreign_orders(pages)
        fills: dict[str, Fill] = {}
        for page in pages:
            for execution in await self._with_symbols(self._parse_executions, page):
                fills.setdefault(execution.fill.fill_id, execution.fill)
        # The venue tells the newest first: reversed, fills of one millisecond stay in their order.
        return sorted((fill for fill in reversed(fills.values()) if fill.at >= since), key=lambda fill: fill.at)

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        """Every told ledger row at or after `since`, oldest first, all pages of all weeks."""
        rows: dict[str, LedgerRow] = {}
        for page in await self._weeks("/v5/account/transaction-log", {"accountType": "UNIFIED"}, since, limit=50):
            for row in parse.parse_ledger(page):
                rows.setdefault(row.row_id, row)
        return sorted((row for row in reversed(rows.values()) if row.at >= since), key=lambda row: row.at)

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours: open ones, then those just closed, then history, then its fills.

        Open comes first, so that an order that closes in between is still seen. None only after all lists were read,
        conditional orders apart as well: with `send_deadline` having passed, that proves that it does not exist.
        """
        wanted = {"category": "spot", "orderLinkId": client_order_id}
        looks: list[tuple[str, Mapping[str, str]]] = [
            ("/v5/order/realtime", {"openOnly": "0"}),
            ("/v5/order/realtime", {"openOnly": "0", "orderFilter": OrderFilter.STOP_ORDER.value}),
            ("/v5/order/realtime", {"openOnly": "1"}),
            ("/v5/order/history", {}),
            ("/v5/order/history", {"orderFilter": OrderFilter.STOP_ORDER.value}),
        ]
        for path, more in looks:
            result = await self._calls.read(path, {**wanted, **more}, urgent=True)
            found = orders.newest(await self._learned(result, path), client_order_id)
            if found is not None:
                return found
        return await self._found_by_fills(client_order_id, wanted)

    async def interest_rates(self, assets: Sequence[Asset]) -> Mapping[Asset, Decimal]:
        """What borrowing costs now, as a fraction per hour; assets that cannot be borrowed are left out.

        With a key the account's own rates, which depend on its VIP level; else those of an account without one.
        """
        if not self._calls.has_key:
            told = margin.parse_public_rates(await self._calls.public("/v5/spot-margin-trade/data"))
            return {asset: told[asset] for asset in assets if asset in told}
        coins = margin.parse_collateral(await self._calls.read("/v5/account/collateral-info"))
        return {asset: rate for asset in assets if asset in coins and (rate := coins[asset].hourly_rate) is not None}

    # Writing

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        """Place an order, or find out if it could be placed: the venue checks none without placing it."""
        refusal = await self._refusal_of(request, afresh=validate_only)
        if refusal is not None:
            return refusal
        symbol = (await self._known_symbols()).symbol(request.pair)
        if validate_only:
            return await self._checked(request, symbol)
        budget = self._calls.budget("/v5/order/create")
        if request.role is OrderRole.ENTRY and budget.missing(1, urgent=False):
            return Refused(RefusalReason.RATE_LIMIT, "the order counter is nearly full; kept for exits")
        self._memory.announce(
            request.client_order_id,
            KnownOrder(
                order_filter=requests.filter_of(request.order_type),
                side=request.side,
                order_type=request.order_type,
                leverage=request.leverage,
                is_margin=True,
            ),
        )
        try:
            result = await self._calls.write("/v5/order/create", requests.create_order(request, symbol))
        except Rejected as refused:
            return refused_value(refused)
        order_id = sure("order/create", lambda: orders.parse_placed(result, request.client_order_id))
        if request.trigger_price is not None:
            await self._look_at_trigger(request, order_id, symbol)
        return Accepted(order_id)

    async def amend(
        self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId, pair: Pair, change: Amendment
    ) -> PlaceResult:
        """Change a resting order in place; it keeps its ids."""
        symbol = (await self._known_symbols()).symbol(pair)
        known = self._memory.get(venue_order_id, client_order_id)
        if change.trigger_price is not None and known.order_type in TRIGGERED_TYPES and known.side is not None:
            rises = requests.rises_to_trigger(known.order_type, known.side)
            passed = await self._trigger_passed(symbol, change.trigger_price, rises=rises)
            if passed is not None:
                return passed
        parameters = requests.amend_order(venue_order_id, symbol, change)
        try:
            result = await self._calls.write("/v5/order/amend", parameters)
        except Rejected as refused:
            return refused_value(refused)
        told = sure("order/amend", lambda: VenueOrderId(text(record_of(result, "amend"), "orderId", "amend")))
        if told != venue_order_id:
            raise OutcomeUnknown("the answer to order/amend names another order")
        return Accepted(told)

    async def cancel(self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, pair: Pair) -> bool:
        """Cancel a resting order: False only once all lists and the fills show that it is not open any more.

        The venue answers "not found" for an order of another list too, and a triggered order changes its list.
        """
        symbol = (await self._known_symbols()).symbol(pair)
        found: OrderReport | None = None
        for _ in range(2):
            for order_filter in self._filters(venue_order_id, client_order_id):
                if await self._cancelled(requests.cancel_order(client_order_id, venue_order_id, symbol, order_filter)):
                    return True
            found = await self.find_order(client_order_id)
            if found is None or found.status.is_final:
                return False
        raise OutcomeUnknown("the venue shows the order as open and does not find it to cancel")

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:  # noqa: ARG002 - one wallet for all
        """Repay of a debt in `asset` what is held of it and free, and look that it was; the amount that went.

        No amount is named: the venue then takes what is free and owed, at one instant. It takes none around the minute
        in which it charges interest: RateLimited says until when.
        """
        refused_for = margin.repay_blackout(self._calls.venue_now())
        if refused_for is not None:
            raise RateLimited("Bybit takes no repayments while it charges the hour's interest", refused_for)
        before = (await self._wallet(asset)).balance(asset)
        if before.owed <= 0 or before.available <= 0:
            return ZERO
        await self._calls.budget("/v5/account/no-convert-repay").wait(1, urgent=True, patience=timedelta(seconds=2))
        try:
            result = await self._calls.write(
                "/v5/account/no-convert-repay", {"coin": asset, "repaymentType": "FLEXIBLE"}
            )
            outcome = margin.parse_repaid(result)
        except (OutcomeUnknown, UnreadableAnswer) as error:
            raise Unreachable(f"whether {asset} was repaid is not known; repaying once more does no harm") from error
        if outcome == "FA":
            raise Unreachable(f"Bybit could not repay {asset}; ask again")
        return await self._repaid(asset, before.owed)

    @asynccontextmanager
    async def account_stream(self) -> AsyncGenerator[AccountStream]:
        """Orders and fills of the account as they happen; ledger rows are told by REST only. A gap: reconcile."""
        dialect = AccountDialect(
            self._urls.ws_private, await self._known_symbols(), self._memory, self._calls.login, self._calls.venue_now
        )
        stream = ReconnectingSocket(
            KeptAlive(self._transport, dialect),
            dialect,
            name="bybit-account",
            clock=self._clock,
            random=self._random,
            silence_seconds=_SILENCE_SECONDS,
        )
        async with stream.opened() as opened:
            yield opened

    async def close(self) -> None:
        """Nothing of its own to release: the transport is shared, and closed by who opened it."""

    # Reading

    async def _list(self, terms: MarginTerms | None) -> Symbols:
        listed = await self._calls.public("/v5/market/instruments-info", category="spot", limit="1000")
        self._symbols = symbols_of(tuple(parse.parse_symbols(listed)))
        told = parse.parse_instruments(listed, self._symbols, self._pairs, terms)
        self._instruments = {pair: shared(instrument) for pair, instrument in told.items()}
        return self._symbols

    async def _known_symbols(self) -> Symbols:
        """The symbol table; reading it asks nothing of the account, so that an exit needs no more than this."""
        return self._symbols or await self._list(None)

    async def _with_symbols(self, read: Callable[[Any, Symbols], T], result: Any) -> T:
        """An answer read with the symbol table; a name that is not in it is looked up at the venue once."""
        try:
            return read(result, await self._known_symbols())
        except UnknownName:
            return read(result, await self._list(None))

    async def _last_prices(self, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        prices: dict[str, Decimal] = {}
        for symbol in symbols:
            result = await self._calls.public("/v5/market/tickers", category="spot", symbol=symbol)
            prices.update(parse.parse_last_prices(result))
        return prices

    async def _wallet(self, asset: Asset | None = None) -> parse.Wallet:
        query = {"accountType": "UNIFIED"} if asset is None else {"accountType": "UNIFIED", "coin": asset}
        result = await self._calls.read("/v5/account/wallet-balance", query, urgent=True)
        return parse.parse_wallet(result, self._clock.now())

    async def _open_orders(self) -> tuple[OrderReport, ...]:
        path = "/v5/order/realtime"
        reports: dict[VenueOrderId, OrderReport] = {}
        for page in await self._calls.pages(path, {"category": "spot", "openOnly": "0"}, limit=50, urgent=True):
            for report in await self._learned(page, path):
                reports.setdefault(report.venue_order_id, report)
        return tuple(report for report in reports.values() if not report.status.is_final)

    async def _learned(self, result: Any, what: str) -> list[OrderReport]:
        """The orders of an answer, completed by and kept for the memory."""
        told = await self._with_symbols(lambda page, symbols: orders.parse_orders(page, symbols, what), result)
        return [self._memory.learn(each) for each in told]

    def _parse_executions(self, page: Any, symbols: Symbols) -> list[Execution]:
        return orders.parse_executions(page, symbols, lambda order_id: self._memory.get(order_id).is_margin)

    async def _learn_foreign_orders(self, pages: Sequence[Any]) -> None:
        """Fills do not tell if their order borrowed. Ours always do; those without our id are looked up."""
        unknown = {
            order_id
            for page in pages
            for order_id in orders.foreign_orders(page)
            if self._memory.get(order_id).is_margin is None
        }
        for order_id in sorted(unknown):
            path = "/v5/order/history"
            await self._learned(await self._calls.read(path, {"category": "spot", "orderId": order_id}), path)

    async def _weeks(self, path: str, parameters: Mapping[str, str], since: datetime, *, limit: int) -> list[Any]:
        """All pages since then, week by week: one question may span seven days, and tells the newest first."""
        last = self._calls.venue_now() + timedelta(minutes=1)
        start = max(since, last - _KEPT)
        windows: list[dict[str, str]] = []
        while start <= last:
            end = min(start + _WINDOW - timedelta(milliseconds=1), last)
            windows.append({"startTime": str(in_milliseconds(start)), "endTime": str(in_milliseconds(end))})
            start = end + timedelta(milliseconds=1)
        pages: list[Any] = []
        for window in windows:
            pages += await self._calls.pages(path, {**parameters, **window}, limit=limit)
        return pages

    async def _found_by_fills(self, client_order_id: ClientOrderId, wanted: Mapping[str, str]) -> OrderReport | None:
        executions = [
            each
            for page in await self._calls.pages("/v5/execution/list", wanted, limit=100, urgent=True)
            for each in await self._with_symbols(self._parse_executions, page)
            if each.fill.client_order_id == client_order_id
        ]
        if not executions:
            return None
        return orders.report_of(executions, self._memory.get(None, client_order_id))

    async def _read_terms(self) -> MarginTerms:
        read = self._calls.read
        modes = margin.parse_account_info(await read("/v5/account/info"))
        if modes.is_unified:
            terms = MarginTerms(
                at=self._clock.now(),
                modes=modes,
                spot_margin=margin.parse_spot_margin(await read("/v5/spot-margin-trade/state")),
                coins=margin.parse_collateral(await read("/v5/account/collateral-info")),
                tiers=margin.parse_tiers(await read("/v5/spot-margin-trade/position-tiers")),
                coin_leverages=margin.parse_coin_leverages(await read("/v5/spot-margin-trade/coinstate")),
            )
        else:
            terms = MarginTerms(self._clock.now(), modes, margin.SpotMargin(is_on=False, leverage=None), {}, {}, {})
        self._terms = terms
        return terms

    # Before an order

    async def _refusal_of(self, request: OrderRequest, *, afresh: bool) -> Refused | None:
        """Why an order cannot work, as far as that is known before it is sent."""
        if request.order_type is OrderType.TRAILING_STOP:
            return Refused(RefusalReason.INVALID, "Bybit has no trailing stops on spot")
        if request.time_in_force is TimeInForce.GTD:
            return Refused(RefusalReason.INVALID, "Bybit has no orders that end at a time on spot")
        if request.leverage < 2:
            return Refused(RefusalReason.INVALID, "an order on margin needs a leverage of at least 2")
        symbol = (await self._known_symbols()).ids.get(request.pair)
        if symbol is None:
            return Refused(RefusalReason.MARKET_CLOSED, f"Bybit does not list {request.pair} now")
        if request.role is OrderRole.ENTRY:
            refusal = await self._entry_refusal(request, afresh=afresh)
            if refusal is not None:
                return refusal
        if request.trigger_price is None:
            return None
        rises = requests.rises_to_trigger(request.order_type, request.side)
        return await self._trigger_passed(symbol, request.trigger_price, rises=rises)

    async def _entry_refusal(self, request: OrderRequest, *, afresh: bool) -> Refused | None:
        if request.pair not in self._instruments:
            return Refused(RefusalReason.NOT_ELIGIBLE, f"Bybit does not lend on {request.pair} now")
        terms = self._terms
        if afresh or terms is None or self._clock.now() - terms.at > _TERMS_AGE:
            terms = await self._read_terms()
        obstacle = terms.obstacle(request.pair)
        if obstacle is not None:
            return obstacle
        highest = terms.max_leverage(request.pair, request.side)
        if highest is None:
            borrowed = margin.borrowed_by(request.pair, request.side)
            return Refused(RefusalReason.LENDING_POOL_EMPTY, f"Bybit does not lend {borrowed} to this account now")
        if request.leverage > highest:
            words = f"Bybit lends for {request.pair} with a leverage of at most {highest} now"
            return Refused(RefusalReason.INVALID, words)
        return None

    async def _trigger_passed(self, symbol: str, trigger: Decimal, *, rises: bool) -> Refused | None:
        """A refusal if the price is beyond the trigger already.

        The venue would not set the order off: it would take it for one that waits for the way back.
        """
        last = (await self._last_prices([symbol]))[symbol]
        if trigger > last if rises else trigger < last:
            return None
        return Refused(RefusalReason.INVALID, "the price has passed the trigger already")

    async def _look_at_trigger(self, request: OrderRequest, order_id: VenueOrderId, symbol: str) -> None:
        """Cancel a triggered order that the price overtook while it was placed: it would wait for the way back.

        The stream then tells of a cancelled order, which is what it is. What cannot be looked at is left as it is.
        """
        query = {"category": "spot", "orderId": order_id, "openOnly": "0"}
        try:
            result = await self._calls.read("/v5/order/realtime", query, urgent=True)
            told = await self._with_symbols(lambda page, names: orders.parse_orders(page, names, "realtime"), result)
            if any(each.report.order_type not in (None, request.order_type) for each in told):
                log.warning("trigger_overtaken", venue=self.name, client_order_id=request.client_order_id)
                filters = requests.filter_of(request.order_type)
                await self._cancelled(requests.cancel_order(request.client_order_id, order_id, symbol, filters))
        except VenueError as error:
            log.warning("trigger_not_looked_at", venue=self.name, reason=str(error))

    async def _checked(self, request: OrderRequest, symbol: str) -> PlaceResult:
        """What can be said of an order without placing it: its steps and minimum, and if funds and loans reach."""
        instrument = self._instruments.get(request.pair)
        if instrument is None:
            return Refused(RefusalReason.NOT_ELIGIBLE, f"Bybit does not lend on {request.pair} now")
        prices = [price for price in (request.limit_price, request.trigger_price) if price is not None]
        if not instrument.quantity_fits(request.quantity):
            return Refused(RefusalReason.BELOW_MINIMUM, "the quantity is no whole number of lots")
        if not all(instrument.price_fits(price) for price in prices):
            return Refused(RefusalReason.PRICE_STEP, "a price is no whole number of ticks")
        price = prices[0] if prices else (await self._last_prices([symbol]))[symbol]
        if request.quantity * price < instrument.min_cost:
            return Refused(RefusalReason.BELOW_MINIMUM, "the order is worth less than the venue's minimum")
        query = {"category": "spot", "symbol": symbol, "side": requests.SIDES[request.side]}
        if request.quantity > margin.parse_borrow_check(await self._calls.read("/v5/order/spot-borrow-check", query)):
            return Refused(RefusalReason.INSUFFICIENT_FUNDS, "own funds and what Bybit lends do not reach")
        return Accepted(None)

    # After a write

    def _filters(self, venue_order_id: VenueOrderId | None, client_order_id: ClientOrderId) -> Sequence[OrderFilter]:
        """The lists to look in, the likeliest first."""
        known = self._memory.get(venue_order_id, client_order_id).order_filter
        return sorted(OrderFilter, key=lambda each: each is not known)

    async def _cancelled(self, parameters: Mapping[str, str]) -> bool:
        try:
            result = await self._calls.write("/v5/order/cancel", parameters)
        except Rejected as refused:
            if refused.reason is RefusalReason.UNKNOWN_ORDER:
                return False
            raise
        sure("order/cancel", lambda: text(record_of(result, "cancel"), "orderId", "cancel"))
        return True

    async def _repaid(self, asset: Asset, owed: Decimal) -> Decimal:
        """By how much the debt fell, once it has: the venue may answer before it is done."""
        for look in range(_REPAY_LOOKS):
            if look:
                await asyncio.sleep(_REPAY_SECONDS)
            left = (await self._wallet(asset)).balance(asset).owed
            if left < owed:
                return owed - left
        raise Unreachable(f"Bybit took the repayment of {asset}, and its debt has not fallen yet")


def _margin_of(wallet: parse.Wallet) -> MarginState:
    if wallet.margin is None:
        raise Rejected(RefusalReason.NOT_ELIGIBLE, margin.NOT_IN_ISOLATED.message)
    return wallet.margin
