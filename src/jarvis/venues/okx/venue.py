"""One account at OKX: every verb of the Venue protocol, over signed calls and two kinds of stream.

What happens to an order: `place` reads the account's mode once, builds the parameters (requests.py), the signer signs
them, one request goes out, and the answer becomes Accepted, Refused or an error of the tree in `venues.base` (calls.py,
errors.py). Stops and targets are algo orders, which OKX keeps apart; to the caller they are orders like any other.

Two account modes can trade: futures mode, which keeps a row for each position and knows reduce-only, and multi-currency
mode, where a position is only what fills made of the balances. Everything that a key does by REST counts as use, so
that reading the margin keeps a key alive that OKX would else delete after fourteen days.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import structlog

from jarvis.domain.account import AccountSnapshot, FeeRates, KeyPermissions, LedgerRow, MarginState, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, Asset, is_multiple
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderType,
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
from jarvis.venues.okx import history, parse, requests
from jarvis.venues.okx.account import (
    AccountConfig,
    AccountMode,
    MarginPosition,
    Wallet,
    balances_of,
    margin_state_of,
    parse_config,
    parse_positions,
    parse_wallet,
    positions_of,
)
from jarvis.venues.okx.calls import OkxCalls
from jarvis.venues.okx.errors import AlreadyCancelling, InMaintenance, NotFound
from jarvis.venues.okx.fields import Record, milliseconds, moment, text
from jarvis.venues.okx.memory import OrderMemory
from jarvis.venues.okx.orders import OrderReader
from jarvis.venues.okx.rules import by, capped, class_of, held, refused_here, sure_id, tiered
from jarvis.venues.okx.sockets import PairedTransport, business_url
from jarvis.venues.okx.streams import BARS, AccountDialect, MarketDialect
from jarvis.venues.okx.symbols import CATALOGUE, inst_id
from jarvis.venues.session import RateBudget, Transport, VenueUrls
from jarvis.venues.stream import ReconnectingSocket

log = structlog.get_logger()

WWW, EEA, US = "www", "eea", "us"
REGIONS = (WWW, EEA, US)
"""OKX's sites. A key is known on the site on which it was made, and nowhere else."""

SEND_DEADLINE = timedelta(seconds=30)
"""Orders carry a deadline of their own, but algo orders cannot: for them it is how old a timestamp may be."""
ORDER_DEADLINE = timedelta(seconds=5)
_CAREFUL_TRAITS = VenueTraits(Settlement.WALLET, reduce_only=False, amends=True)
_CONSISTENT_TRIES = 3
_BARS_PAGE = 300
_BARS_PAGES = 10
_RECENT_BILLS = timedelta(days=6, hours=23)
_MILLISECOND = timedelta(milliseconds=1)


class OkxVenue(Venue):
    """One account (or, without a signer, only what is public). `execution_venue` is the region: www, eea or us."""

    name = VenueName("okx")

    def __init__(
        self,
        *,
        transport: Transport,
        urls: VenueUrls,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
        execution_venue: str = WWW,
        pairs: Sequence[Pair] = CATALOGUE,
    ) -> None:
        if execution_venue not in REGIONS:
            raise ValueError(f"{execution_venue!r} is no region of OKX; there are {', '.join(REGIONS)}")
        self.execution_venue = execution_venue
        self.send_deadline = SEND_DEADLINE
        self.traits = _CAREFUL_TRAITS
        self._transport = transport
        self._urls = urls
        self._clock = clock
        self._random = random
        self._pairs = tuple(pairs)
        self._calls = OkxCalls(transport=transport, rest_url=urls.rest, signer=signer, clock=clock, random=random)
        self._config: AccountConfig | None = None
        self._first_read = asyncio.Lock()
        self._listings: dict[Pair, parse.Listing] = {}
        self._tiers: dict[Pair, parse.Tier] = {}
        self._memory = OrderMemory()
        self._orders = OrderReader(self._calls, self._memory, self._pairs)

    # What anyone may ask

    async def server_time(self) -> datetime:
        """The venue's clock; also measures how far ours is off."""
        return await self._calls.server_time()

    async def status(self) -> VenueStatus:
        """Whether the venue serves now, by its own calendar and, with a key, by trying; it has no other words."""
        try:
            status = parse.parse_status(await self._calls.public("/api/v5/system/status", state="ongoing"))
            if self._calls.has_key:
                await self._wallet()
        except InMaintenance:
            return VenueStatus.MAINTENANCE
        return status

    async def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every catalogue pair that can be traded on margin now: with a key, by this very account.

        The leverage offered is the lower of what the venue offers and what the account has set at the venue.
        """
        if not self._calls.has_key:
            listed = parse.parse_instruments(
                await self._calls.public("/api/v5/public/instruments", instType="MARGIN"), self._pairs
            )
        else:
            listed = await self._own_instruments(await self._known_config())
        listed = {pair: replace(each, instrument=shared(each.instrument)) for pair, each in listed.items()}
        self._listings = listed
        return {pair: listing.instrument for pair, listing in listed.items()}

    async def bars(
        self, pair: Pair, interval: timedelta, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Bar]:
        """Finished candles opened in [since, until), oldest first; at most the last three thousand of them."""
        if interval not in BARS:
            raise ValueError(f"OKX has no candles of {interval}")
        query = {"instId": inst_id(pair), "bar": BARS[interval], "limit": str(_BARS_PAGE)}
        if until is not None:
            query["after"] = milliseconds(until)
        bars: dict[datetime, Bar] = {}
        for page in range(_BARS_PAGES):
            path = "/api/v5/market/candles" if page == 0 and until is None else "/api/v5/market/history-candles"
            rows = await self._calls.public(path, **query)
            if not isinstance(rows, list):
                raise UnreadableAnswer("OKX candles: '(list)' is missing or unreadable")
            read = [parse.parse_bar(row, pair, interval) for row in rows]
            bars.update((bar.opened_at, bar) for bar, is_finished in read if is_finished)
            if since is None or not rows or read[-1][0].opened_at <= since:
                break
            query["after"] = milliseconds(read[-1][0].opened_at)
        return [bars[at] for at in sorted(bars) if since is None or at >= since]

    @asynccontextmanager
    async def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AsyncGenerator[MarketStream]:
        """Candles of one bar size and quotes of these pairs."""
        url = self._urls.ws_public
        stream = ReconnectingSocket(
            PairedTransport(self._transport, business_url(url)),
            MarketDialect(url, pairs, interval),
            name="okx-market",
            clock=self._clock,
            random=self._random,
        )
        async with stream.opened() as opened:
            yield opened

    # What the key's owner may ask

    async def key_permissions(self) -> KeyPermissions:
        """What the key may do, with the account's mode learned on the way."""
        return (await self._read_config()).permissions

    async def advice(self) -> tuple[str, ...]:
        """What the person must change at OKX before this account can trade on margin; empty if nothing."""
        return (await self._read_config()).advice

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        """The account's own trading fees."""
        config, listings = await self._known_config(), await self._known_listings()
        answer = await self._calls.read("GET /api/v5/account/trade-fee", {"instType": class_of(config)})
        return parse.parse_fee_rates(
            answer, {pair: listings[pair].fee_group if pair in listings else "" for pair in pairs}
        )

    async def margin_state(self) -> MarginState:
        """Equity, used and free margin now: one cheap read, which also keeps the key alive."""
        config = await self._known_config()
        return margin_state_of(await self._wallet(), config, self._clock.now())

    async def snapshot(self) -> AccountSnapshot:
        """Balances, margin, positions and open orders of one instant.

        What is held and owed is read before and after the orders and must be the same: then nothing was filled in
        between and all parts fit together. Raises Unreachable when it keeps changing.
        """
        await self._calls.keep_time()
        config = await self._known_config()
        wallet, positions = await self._holdings(config)
        for _ in range(_CONSISTENT_TRIES):
            orders = await self._orders.open_orders()
            before = held(wallet, positions)
            wallet, positions = await self._holdings(config)
            if before == held(wallet, positions):
                return AccountSnapshot(
                    at=self._clock.now(),
                    balances=balances_of(wallet, positions),
                    margin=margin_state_of(wallet, config, self._clock.now()),
                    positions=positions_of(positions),
                    open_orders=orders,
                )
            log.info("snapshot_repeated", venue=self.name)
        raise Unreachable("the account changed while it was read; ask again")

    async def fills(self, since: datetime) -> Sequence[Fill]:
        """Every fill at or after `since`, oldest first, all pages; each with our client order id where it has one."""
        config = await self._known_config()
        begin = milliseconds(since - _MILLISECOND)
        rows: list[Record] = []
        for instrument_class in ("MARGIN", "SPOT"):
            rows += await self._calls.pages(
                "GET /api/v5/trade/fills-history",
                {"instType": instrument_class, "begin": begin},
                by("billId", "fills-history"),
            )
        await self._orders.learn_origins(rows)
        spot_is_margin = config.mode is not AccountMode.FUTURES
        fills: dict[str, tuple[int, Fill]] = {}
        for row in rows:
            fill = history.parse_fill(row, self._memory.spawned, spot_is_margin=spot_is_margin)
            fills.setdefault(fill.fill_id, (int(text(row, "billId", "fills-history")), fill))
        ordered = sorted(fills.values(), key=lambda each: (each[1].at, each[0]))
        return [fill for _, fill in ordered if fill.at >= since]

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        """Every ledger row at or after `since`, oldest first, all pages."""
        interest = await self._calls.pages(
            "GET /api/v5/account/interest-accrued",
            {"type": "2"},
            # Rows of one hour share their instant: the next page begins with it once more.
            lambda row: milliseconds(moment(row, "ts", "interest-accrued") + _MILLISECOND),
            is_enough=lambda row: moment(row, "ts", "interest-accrued") < since,
        )
        is_recent = since > self._calls.venue_now() - _RECENT_BILLS
        bills = await self._calls.pages(
            "GET /api/v5/account/bills" if is_recent else "GET /api/v5/account/bills-archive",
            {"begin": milliseconds(since - _MILLISECOND)},
            by("billId", "bills"),
        )
        told = [history.parse_interest(row) for row in interest]
        told += [row for row in map(history.parse_bill, bills) if row is not None]
        rows = {row.row_id: row for row in told if row.at >= since}
        return sorted(rows.values(), key=lambda row: (row.at, row.row_id))

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours: plain or algo, open or closed.

        None only after it was asked for in every list: together with `send_deadline` having passed since it was sent,
        that proves that the order does not exist, or ended without a fill more than two hours ago.
        """
        return await self._orders.find(client_order_id)

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        """Place an order, or have the venue's limits looked up for it without placing."""
        config, listings = await self._known_config(), await self._known_listings()
        refused = refused_here(request, config, listings)
        if refused is not None:
            return refused
        if validate_only:
            return await self._check(request, listings[request.pair].instrument)
        triggered = requests.is_triggered(request)
        operation = "POST /api/v5/trade/order-algo" if triggered else "POST /api/v5/trade/order"
        budget = self._calls.budget(operation, "" if triggered else inst_id(request.pair))
        if request.role is OrderRole.ENTRY and budget.missing(1, urgent=False):
            return Refused(RefusalReason.RATE_LIMIT, "the order counter is nearly full; kept for exits")
        instrument = listings[request.pair].instrument
        reduces = config.mode is AccountMode.FUTURES
        if triggered:
            parameters = requests.place_algo_order(request, tick=instrument.tick, reduces=reduces)
        else:
            price = request.limit_price
            if request.order_type is OrderType.MARKET and request.side is Side.BUY:
                price = await self._market_buy_price(request, instrument.tick)
            parameters = requests.place_order(request, price=price, reduces=reduces, expires_at=self._deadline())
        self._memory.announce(request)
        try:
            row = await self._calls.write(operation, parameters, budget)
        except Rejected as refusal:
            return self._refused(refusal)
        order_id = sure_id(row, "algoId" if triggered else "ordId", operation)
        if not triggered:
            return Accepted(VenueOrderId(order_id))
        self._memory.learn_algo(order_id, request.client_order_id)
        return Accepted(parse.algo_order_id(order_id))

    async def amend(
        self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId, pair: Pair, change: Amendment
    ) -> PlaceResult:
        """Change a resting order in place; it keeps its ids."""
        listing = (await self._known_listings()).get(pair)
        if listing is None:
            return Refused(RefusalReason.MARKET_CLOSED, f"OKX does not list {pair} now")
        instrument = listing.instrument
        if not all(
            is_multiple(price, instrument.tick) for price in (change.trigger_price, change.limit_price) if price
        ):
            return Refused(RefusalReason.PRICE_STEP, f"a price is no multiple of {instrument.tick}")
        name, algo_id = inst_id(pair), parse.algo_id_of(venue_order_id)
        try:
            if algo_id is None:
                operation = "POST /api/v5/trade/amend-order"
                parameters = requests.amend_order(venue_order_id, name, change, expires_at=self._deadline())
                budget = self._calls.budget(operation, name)
            else:
                operation = "POST /api/v5/trade/amend-algos"
                side, order_type = await self._orders.kind_of(client_order_id, algo_id)
                parameters = requests.amend_algo_order(
                    algo_id, name, change, side=side, order_type=order_type, tick=instrument.tick
                )
                budget = self._calls.budget(operation)
            await self._calls.write(operation, parameters, budget)
        except Rejected as refusal:
            return self._refused(refusal)
        return Accepted(venue_order_id)

    async def cancel(self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, pair: Pair) -> bool:
        """Cancel a resting order: False if the venue says that it is not open any more."""
        request = self._memory.request(client_order_id)
        is_algo = parse.algo_id_of(venue_order_id) is not None
        if venue_order_id is None and request is not None:
            is_algo = requests.is_triggered(request)
        if not is_algo and await self._cancel_plain(client_order_id, venue_order_id, pair):
            return True
        if is_algo or (venue_order_id is None and request is None):
            return await self._cancel_algo_order(client_order_id, venue_order_id, pair)
        return False

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:  # noqa: ARG002 - the protocol's
        """Nothing: OKX repays a debt by itself with what is received of its currency, and offers no other way here."""
        return ZERO

    async def interest_rates(self, assets: Sequence[Asset]) -> Mapping[Asset, Decimal]:
        """What borrowing costs now, as a fraction per hour."""
        rates = parse.parse_interest_rates(await self._calls.read("GET /api/v5/account/interest-rate"))
        return {asset: rates[asset] for asset in assets if asset in rates}

    @asynccontextmanager
    async def account_stream(self) -> AsyncGenerator[AccountStream]:
        """Orders and fills of the account as they happen. After a StreamGap the caller reconciles.

        Interest and transfers are not told here: they are read by `ledger`.
        """
        config, url = await self._known_config(), self._urls.ws_private
        dialect = AccountDialect(
            url,
            self._memory,
            self._login,
            self._calls.server_time,
            spot_is_margin=config.mode is not AccountMode.FUTURES,
        )
        stream = ReconnectingSocket(
            PairedTransport(self._transport, business_url(url)),
            dialect,
            name="okx-account",
            clock=self._clock,
            random=self._random,
        )
        async with stream.opened() as opened:
            yield opened

    async def close(self) -> None:
        """Nothing of its own to release: the transport is shared, and closed by who opened it."""

    # Reading

    async def _read_config(self) -> AccountConfig:
        config = parse_config(await self._calls.read("GET /api/v5/account/config", urgent=True))
        self._config = config
        self.traits = replace(_CAREFUL_TRAITS, reduce_only=config.mode is AccountMode.FUTURES)
        return config

    async def _known_config(self) -> AccountConfig:
        async with self._first_read:
            return self._config or await self._read_config()

    async def _known_listings(self) -> Mapping[Pair, parse.Listing]:
        if not self._listings:
            await self.instruments()
        return self._listings

    async def _own_instruments(self, config: AccountConfig) -> dict[Pair, parse.Listing]:
        answer = await self._calls.read("GET /api/v5/account/instruments", {"instType": class_of(config)})
        listed = parse.parse_instruments(answer, self._pairs)
        if config.mode is AccountMode.FUTURES and listed:
            names = ",".join(each.instrument.symbol for each in listed.values() if each.instrument.leverage_long)
            answer = await self._calls.read("GET /api/v5/account/leverage-info", {"mgnMode": "cross", "instId": names})
            set_to = parse.parse_leverages(answer)
            listed = {pair: capped(listing, set_to.get(pair)) for pair, listing in listed.items()}
        for pair in (pair for pair, each in listed.items() if each.instrument.leverage_long):
            await self._learn_tier(pair)
        return {pair: tiered(listing, self._tiers.get(pair)) for pair, listing in listed.items()}

    async def _learn_tier(self, pair: Pair) -> None:
        """Ask once for a pair's limits. All accounts share this public call's counter: without it there are none."""
        if pair in self._tiers:
            return
        query = {"instType": "MARGIN", "tdMode": "cross", "instId": inst_id(pair)}
        try:
            self._tiers[pair] = parse.parse_first_tier(
                await self._calls.public("/api/v5/public/position-tiers", **query)
            )
        except RateLimited:
            log.info("position_tier_not_read", venue=self.name, pair=str(pair))

    async def _wallet(self) -> Wallet:
        return parse_wallet(await self._calls.read("GET /api/v5/account/balance", urgent=True))

    async def _holdings(self, config: AccountConfig) -> tuple[Wallet, tuple[MarginPosition, ...]]:
        wallet = await self._wallet()
        if config.mode is not AccountMode.FUTURES:
            return wallet, ()
        answer = await self._calls.read("GET /api/v5/account/positions", {"instType": "MARGIN"}, urgent=True)
        return wallet, parse_positions(answer)

    # Writing

    async def _market_buy_price(self, request: OrderRequest, tick: Decimal) -> Decimal:
        """Where prices cannot be read the price that was decided at stands in: an exit must not wait for them.

        Raises VenueError before anything was sent.
        """
        name = inst_id(request.pair)
        try:
            ticker, limits = await asyncio.gather(
                self._calls.public("/api/v5/market/ticker", instId=name),
                self._calls.public("/api/v5/public/price-limit", instId=name),
            )
            ask, ceiling = parse.parse_ask(ticker), parse.parse_price_ceiling(limits)
        except VenueError:
            if request.decision_price is None:
                raise
            log.warning("price_not_read", venue=self.name, pair=str(request.pair))
            ask, ceiling = request.decision_price, None
        return requests.market_buy_price(request, ask, ceiling, tick)

    async def _check(self, request: OrderRequest, instrument: Instrument) -> PlaceResult:
        """What OKX's own limits say to an order; it has no call that checks one in every account mode."""
        if request.quantity < instrument.min_quantity:
            return Refused(RefusalReason.BELOW_MINIMUM, f"the least is {instrument.min_quantity}")
        parameters = {"instId": instrument.symbol, "tdMode": "cross", "ccy": request.pair.quote}
        answer = await self._calls.read("GET /api/v5/account/max-size", parameters)
        most_to_buy, most_to_sell = parse.parse_max_size(answer)
        most = most_to_buy if request.side is Side.BUY else most_to_sell
        if request.quantity > most:
            return Refused(RefusalReason.INSUFFICIENT_FUNDS, f"at most {most} {request.pair.base} now")
        return Accepted(None)

    def _refused(self, refusal: Rejected) -> Refused:
        """The refusal as a value; but "this id is in use" proves that the order, or its twin, exists."""
        if refusal.reason is RefusalReason.DUPLICATE_ID:
            raise OutcomeUnknown("an open order carries this client order id already") from refusal
        return Refused(refusal.reason, str(refusal))

    async def _cancel_plain(self, client_order_id: ClientOrderId, order_id: VenueOrderId | None, pair: Pair) -> bool:
        operation = "POST /api/v5/trade/cancel-order"
        parameters = requests.cancel_order(client_order_id, order_id, inst_id(pair))
        return await self._cancelled(operation, parameters, self._calls.budget(operation, inst_id(pair)))

    async def _cancel_algo_order(
        self, client_order_id: ClientOrderId, order_id: VenueOrderId | None, pair: Pair
    ) -> bool:
        """Cancel what waits for its trigger; what triggered meanwhile may still rest, and is cancelled instead."""
        operation = "POST /api/v5/trade/cancel-algos"
        parameters = requests.cancel_algo_order(client_order_id, order_id, inst_id(pair))
        if await self._cancelled(operation, parameters, self._calls.budget(operation)):
            return True
        named = {name: value for name, value in parameters.items() if name != "instId"}
        order = await self._orders.algo_order(named)
        spawned = order.spawned_ids if order is not None else ()
        return any([await self._cancel_plain(client_order_id, spawned_id, pair) for spawned_id in spawned])

    async def _cancelled(self, operation: str, parameters: Mapping[str, str], budget: RateBudget) -> bool:
        try:
            await self._calls.write(operation, parameters, budget)
        except AlreadyCancelling:
            return True
        except NotFound:
            return False
        return True

    async def _login(self) -> bytes:
        await self._calls.keep_time()
        return await self._calls.sign("WS login", {})

    def _deadline(self) -> datetime:
        return self._calls.venue_now() + ORDER_DEADLINE
