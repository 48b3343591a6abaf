"""One account at Binance: every verb of the Venue protocol, for the cross account or for the isolated ones of a key.

What happens to an order: `place` builds the parameters (requests.py), the signer signs them, one request goes out,
and the answer becomes Accepted, Refused or an error of the tree in `venues.base` (calls.py, errors.py).

Binance's client order id is checked among open orders only, so it is no protection against a second send. What
protects is the window that every signed call carries: five seconds after its timestamp it is refused, also right
before the matching engine.

There is no reduce-only here. An exit (AUTO_REPAY) borrows nothing and repays with what it brings, but one that is
larger than what is open would trade on with own money: whoever places exits sees to their size.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

import msgspec
import structlog

from jarvis.domain.account import AccountSnapshot, FeeRates, KeyPermissions, LedgerRow, MarginState, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest, OrderStatus, VenueOrderId
from jarvis.domain.records import shared
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.venues.base import (
    Accepted,
    AccountStream,
    Amendment,
    MarketStream,
    OutcomeUnknown,
    PlaceResult,
    RefusalReason,
    Refused,
    Rejected,
    RequestSigner,
    Unreachable,
    UnreadableAnswer,
    Venue,
    VenueStatus,
)
from jarvis.venues.binance import account, parse, requests
from jarvis.venues.binance.calls import RECEIVE_WINDOW, BinanceCalls
from jarvis.venues.binance.fields import milliseconds
from jarvis.venues.binance.history import Histories
from jarvis.venues.binance.memory import OrderMemory
from jarvis.venues.binance.streams import (
    INTERVALS,
    SILENCE_SECONDS,
    AccountDialect,
    MarketDialect,
    StreamToken,
    kept_alive,
)
from jarvis.venues.binance.symbols import BNB_USDT, BTC_USDT, CATALOGUE, symbol_of
from jarvis.venues.session import Transport, VenueUrls
from jarvis.venues.stream import ReconnectingSocket

log = structlog.get_logger()

T = TypeVar("T")

CROSS = "cross"
ISOLATED = "isolated"

# A timestamp may be a second ahead of the venue, and a query may lag a little behind a new order.
SEND_DEADLINE = RECEIVE_WINDOW + timedelta(seconds=3)
_BORROWING, _PLACING = 1_500, 6
_RATIOS_AGE = timedelta(minutes=1)
_CONSISTENT_TRIES = 3
_REPAY_TRIES = 3
_BARS = 1_000
_MAX_BAR_PAGES = 400
# What the catalogue's pairs can borrow: fewer than the twenty that one question may name.
_ASSETS = frozenset(asset for pair in CATALOGUE for asset in (pair.base, pair.quote))


class BinanceVenue(Venue):
    """One account (or, without a signer, only what is public)."""

    name = VenueName("binance")

    def __init__(
        self,
        *,
        transport: Transport,
        urls: VenueUrls,
        signer: RequestSigner | None,
        clock: Clock,
        random: Random,
        execution_venue: str = CROSS,
        pairs: Sequence[Pair] = CATALOGUE,
    ) -> None:
        if execution_venue not in (CROSS, ISOLATED):
            raise ValueError(f"{execution_venue!r} is no margin account of Binance; there are {CROSS}, {ISOLATED}")
        self.execution_venue = execution_venue
        self.send_deadline = SEND_DEADLINE
        self.traits = VenueTraits(Settlement.WALLET, reduce_only=False, amends=False)
        self._transport = transport
        self._urls = urls
        self._clock = clock
        self._random = random
        self._pairs = tuple(pairs)
        self._isolated = execution_venue == ISOLATED
        self._calls = BinanceCalls(transport=transport, rest_url=urls.rest, signer=signer, clock=clock, random=random)
        self._memory = OrderMemory()
        self._histories = Histories(self._calls, self._memory, isolated=self._isolated)
        self._listings: Mapping[Pair, parse.Listing] = {}
        self._instruments: Mapping[Pair, Instrument] = {}
        self._tiers: Mapping[Pair, Sequence[account.Tier]] = {}
        self._ratios: account.RiskRatios | None = None
        self._ratios_at = clock.now()

    # What anyone may ask

    async def server_time(self) -> datetime:
        """The venue's clock; also measures how far ours is off."""
        return await self._calls.server_time()

    async def status(self) -> VenueStatus:
        """What the venue accepts now, from the state of the catalogue's books."""
        return parse.status_of((await self._listed()).values())

    async def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every catalogue pair that the venue lists for margin now.

        Leverage and risk levels are the account's own. Without a key the venue does not tell any: then they are what
        it gives new accounts.
        """
        listings = {pair: listing for pair, listing in (await self._listed()).items() if listing.is_margin}
        if not self._calls.has_key:
            usual = account.USUAL_ISOLATED if self._isolated else account.USUAL_CROSS
            allowed = dict.fromkeys(listings, parse.MarginPair(may_buy=True, may_sell=True))
            lending: Mapping[Pair, parse.Lending] = dict.fromkeys(listings, account.lending_of(usual))
        elif self._isolated:
            allowed = parse.parse_margin_pairs(await self._calls.keyed("GET /sapi/v1/margin/isolated/allPairs", ip=10))
            lending = await self._isolated_lending(listings.keys() & allowed.keys())
        else:
            allowed = parse.parse_margin_pairs(await self._calls.keyed("GET /sapi/v1/margin/allPairs", ip=1))
            lending = dict.fromkeys(listings, account.lending_of(await self._own_ratios()))
        instruments = {
            pair: shared(parse.instrument_of(listing, allowed[pair], lending[pair]))
            for pair, listing in listings.items()
            if pair in allowed and pair in lending
        }
        self._instruments = instruments
        return instruments

    async def bars(
        self, pair: Pair, interval: timedelta, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Bar]:
        """Finished candles opened in [since, until), oldest first; without `since` the latest thousand."""
        if interval not in INTERVALS:
            raise ValueError(f"Binance has no candles of {interval}")
        query = {"symbol": symbol_of(pair), "interval": INTERVALS[interval], "limit": str(_BARS)}
        if until is not None:
            query["endTime"] = str(milliseconds(until) - 1)
        if since is None:
            answer = await self._calls.public("/api/v3/klines", query, weight=2)
            return parse.parse_bars(answer, pair, interval, self._calls.venue_now())
        bars: list[Bar] = []
        for _ in range(_MAX_BAR_PAGES):
            start = since if not bars else bars[-1].closed_at
            paged = {**query, "startTime": str(milliseconds(start))}
            answer = await self._calls.public("/api/v3/klines", paged, weight=2)
            page = parse.parse_bars(answer, pair, interval, self._calls.venue_now())
            bars += page
            if len(page) < _BARS:
                return [bar for bar in bars if bar.opened_at >= since]
        raise Unreachable(f"{pair} has more than {_MAX_BAR_PAGES} pages of candles since then")

    @asynccontextmanager
    async def market_stream(self, pairs: Sequence[Pair], interval: timedelta) -> AsyncGenerator[MarketStream]:
        """Candles of one bar size and quotes of these pairs."""
        dialect = MarketDialect(self._urls.ws_public, pairs, interval, self._clock, self._now_prices)
        stream = ReconnectingSocket(
            self._transport,
            dialect,
            name="binance-market",
            clock=self._clock,
            random=self._random,
            silence_seconds=SILENCE_SECONDS,
        )
        async with stream.opened() as opened, kept_alive(opened):
            yield opened

    # What the key's owner may ask

    async def key_permissions(self) -> KeyPermissions:
        """What the key may do: all flags of apiRestrictions that are true."""
        return parse.parse_key_permissions(
            await self._calls.read("GET /sapi/v1/account/apiRestrictions", ip=1, urgent=True)
        )

    async def advice(self) -> tuple[str, ...]:
        """What the person has to do at Binance before it lends, one sentence each; empty when all is set up."""
        try:
            is_open = bool(await self._account())
        except Rejected as refusal:
            if refusal.reason not in (RefusalReason.NOT_ELIGIBLE, RefusalReason.AGREEMENT_REQUIRED):
                raise
            is_open = False
        if is_open:
            return ()
        which = "the isolated pairs that you want to trade" if self._isolated else "cross margin"
        return (f"Open {which} in Binance's margin section, and move to it what you want to trade with.",)

    async def cautions(self) -> tuple[str, ...]:
        """What the person should know of the account: whether fees or interest eat a position in BNB."""
        if BNB_USDT not in self._pairs:
            return ()
        fees, interest = await self.fee_burn()
        eaters = [name for name, is_paid in (("trading fees", fees), ("interest", interest)) if is_paid]
        if not eaters:
            return ()
        caution = (
            f"Binance takes {' and '.join(eaters)} in BNB: that eats a position in BNB/USDT. Switch it off in "
            "Binance's fee settings, or leave BNB out of the pairs."
        )
        return (caution,)

    async def fee_burn(self) -> tuple[bool, bool]:
        """Whether trading fees, and whether interest, are taken in BNB: either eats a position in BNB."""
        return parse.parse_fee_burn(await self._calls.read("GET /sapi/v1/bnbBurn", ip=1))

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        """The account's own trading fees, without the discount for fees in BNB."""
        rates: dict[Pair, FeeRates] = {}
        for pair in pairs:
            answer = await self._calls.read("GET /sapi/v1/asset/tradeFee", {"symbol": symbol_of(pair)}, ip=1)
            rates.update(parse.parse_fee_rates(answer))
        return {pair: rates[pair] for pair in pairs}

    async def margin_state(self) -> MarginState:
        """Equity, used and free margin now."""
        return await self._margin_of(await self._account())

    async def snapshot(self) -> AccountSnapshot:
        """Balances, margin and open orders of one instant; a position is what our fills made of the balances.

        The account is read before and after the orders and must be the same: then nothing was filled, placed or
        cancelled in between and all parts fit together. Raises Unreachable when it keeps changing.
        """
        read = await self._account()
        for _ in range(_CONSISTENT_TRIES):
            open_pots = None if isinstance(read, account.CrossAccount) else tuple(read)
            orders = await self._open_orders(await self._tradable_pairs() if open_pots is None else open_pots)
            before, read = read, await self._account()
            held = account.holdings_of(read)
            if held == account.holdings_of(before):
                margin = await self._margin_of(read)
                return AccountSnapshot(margin.at, account.balances_of(held), margin, (), orders)
            log.info("snapshot_repeated", venue=self.name)
        raise Unreachable("the account changed while it was read; ask again")

    async def fills(self, since: datetime) -> Sequence[Fill]:
        """Every fill at or after `since`, oldest first, all pages; each with its client order id."""
        fills: list[Fill] = []
        for pair in await self._tradable_pairs():
            try:
                fills += await self._histories.fills(pair, since)
            except Rejected:
                if await self._is_listed(pair):
                    raise
                log.warning("instrument_dropped", venue=self.name, pair=str(pair))
        return sorted(fills, key=lambda fill: fill.at)

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        """Interest, transfers, liquidation fees and conversions at or after `since`, oldest first, all pages.

        None of it is on the account stream.
        """
        pots: Sequence[Pair | None] = await self._tradable_pairs() if self._isolated else (None,)
        rows: dict[str, LedgerRow] = {}
        for pot in pots:
            rows.update((row.row_id, row) for row in await self._histories.ledger(pot, since))
        return sorted(rows.values(), key=lambda row: row.at)

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        """What the venue knows of an order of ours, open or closed.

        Binance looks an order up in one pair. An order whose pair we do not remember is looked for in all of them. A
        new order may be missing in the venue's index for a moment, so the list of open ones is asked as well before
        None is said: together with `send_deadline` having passed since the order was sent, that proves that it does
        not exist.
        """
        known = self._memory.pair(client_order_id)
        looked_in: list[Pair] = []
        for pair in await self._known_listings() if known is None else (known,):
            wanted = requests.named_order(client_order_id, pair, isolated=self._isolated)
            try:
                answer = await self._calls.read("GET /sapi/v1/margin/order", wanted, ip=10, urgent=True)
            except Rejected as refusal:
                if refusal.reason is RefusalReason.UNKNOWN_ORDER:
                    looked_in.append(pair)
                elif refusal.reason is not RefusalReason.AGREEMENT_REQUIRED:
                    raise
                continue
            report = parse.parse_order(answer)
            if report.client_order_id == client_order_id:
                self._memory.learn(report)
                return report
        resting = await self._open_orders(looked_in)
        return next((report for report in resting if report.client_order_id == client_order_id), None)

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        """Place an order, or check it without placing (here: the venue has no such check for margin orders)."""
        listing = (await self._known_listings()).get(request.pair)
        if listing is None or not listing.is_margin:
            return Refused(RefusalReason.MARKET_CLOSED, f"Binance does not lend for {request.pair} now")
        try:
            parameters = requests.place_order(request, listing.rules, isolated=self._isolated)
        except requests.CannotPlace as problem:
            return Refused(RefusalReason.INVALID, str(problem))
        if validate_only:
            return await self._checked(request)
        weight = _BORROWING if parameters["sideEffectType"] == "MARGIN_BUY" else _PLACING
        if parameters["sideEffectType"] != "AUTO_REPAY" and self._calls.uid.missing(weight, urgent=False):
            return Refused(RefusalReason.RATE_LIMIT, "the request weight of this minute is nearly used; kept for exits")
        self._memory.announce(request.client_order_id, request.pair)
        try:
            answer = await self._calls.write("POST /sapi/v1/margin/order", parameters, uid=weight)
        except Rejected as refusal:
            return _refused(refusal)
        placed = _sure("the order", lambda: parse.parse_placed(answer))
        if placed.client_order_id != request.client_order_id:
            raise OutcomeUnknown("the venue's answer names another order")
        self._memory.keep(placed.venue_order_id, request.client_order_id, request.pair)
        return Accepted(placed.venue_order_id, placed.borrowed)

    async def amend(
        self,
        client_order_id: ClientOrderId,  # noqa: ARG002 - the protocol's
        venue_order_id: VenueOrderId,  # noqa: ARG002
        pair: Pair,  # noqa: ARG002
        change: Amendment,  # noqa: ARG002
    ) -> PlaceResult:
        """Refused: Binance has no amendment for margin orders."""
        return Refused(RefusalReason.INVALID, "Binance cannot amend a margin order; cancel it and make it anew")

    async def cancel(
        self,
        client_order_id: ClientOrderId,
        venue_order_id: VenueOrderId | None,  # noqa: ARG002 - our own id names it as well
        pair: Pair,
    ) -> bool:
        """Cancel a resting order: False if the venue says that it is not open any more."""
        named = requests.named_order(client_order_id, pair, isolated=self._isolated)
        try:
            answer = await self._calls.write("DELETE /sapi/v1/margin/order", named, ip=10)
        except Rejected as refusal:
            if refusal.reason is RefusalReason.UNKNOWN_ORDER:
                return False
            raise
        cancelled, status = _sure("the cancel", lambda: parse.parse_cancelled(answer))
        if cancelled != client_order_id:
            raise OutcomeUnknown("the venue's answer names another order")
        return status is OrderStatus.CANCELLED

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:
        """Repay what is owed of an asset with what is free of it, in the account of `pair` or in all there are.

        The debt is read right before each repayment, because interest grows and a repayment of more than is owed is
        refused; and once more after it, because one may leave something over.
        """
        if not self._isolated:
            return await self._repay(asset, None)
        pots = [pair] if pair is not None else [pot for pot in self._pairs if asset in (pot.base, pot.quote)]
        return sum([await self._repay(asset, pot) for pot in pots], ZERO)

    async def interest_rates(self, assets: Sequence[Asset]) -> Mapping[Asset, Decimal]:
        """What borrowing costs in the next hour, as a fraction; assets that the venue does not name are left out."""
        asked = [asset for asset in assets if asset in _ASSETS]
        if not asked:
            return {}
        parameters = {"assets": ",".join(asked), "isIsolated": "TRUE" if self._isolated else "FALSE"}
        answer = await self._calls.read("GET /sapi/v1/margin/next-hourly-interest-rate", parameters, ip=100)
        rates = parse.parse_hourly_rates(answer)
        return {asset: rates[asset] for asset in asked if asset in rates}

    @asynccontextmanager
    async def account_stream(self) -> AsyncGenerator[AccountStream]:
        """Orders and fills of the account as they happen. After a StreamGap the caller reconciles.

        Debts, interest and transfers are not on it: their rows come from `ledger`.
        """
        dialect = AccountDialect(self._urls.ws_private, self._memory, self._stream_tokens, self._calls.venue_now)
        stream = ReconnectingSocket(
            self._transport,
            dialect,
            name="binance-account",
            clock=self._clock,
            random=self._random,
            silence_seconds=SILENCE_SECONDS,
        )
        async with stream.opened() as opened, kept_alive(opened, dialect):
            yield opened

    async def close(self) -> None:
        """Nothing of its own to release: the transport is shared, and closed by who opened it."""

    # Reading

    async def _listed(self) -> Mapping[Pair, parse.Listing]:
        """The books of the catalogue's pairs. One that is not listed any more must not hide the others."""
        try:
            symbols = msgspec.json.encode([symbol_of(pair) for pair in self._pairs]).decode()
            listings = parse.parse_listings(
                await self._calls.public("/api/v3/exchangeInfo", {"symbols": symbols}, weight=20)
            )
        except Rejected:
            listings = {}
            for pair in self._pairs:
                with suppress(Rejected):
                    answer = await self._calls.public("/api/v3/exchangeInfo", {"symbol": symbol_of(pair)}, weight=20)
                    listings.update(parse.parse_listings(answer))
        self._listings = {pair: shared(listing) for pair, listing in listings.items()}
        return self._listings

    async def _known_listings(self) -> Mapping[Pair, parse.Listing]:
        return self._listings or await self._listed()

    async def _is_listed(self, pair: Pair) -> bool:
        """Whether the venue lists the pair now: one that was taken off the list has no orders and no records."""
        return pair in await self._listed()

    async def _own_ratios(self) -> account.RiskRatios:
        try:
            return await self._read_ratios()
        except Rejected as refusal:
            # Nobody opened the cross account yet: what could be done in it is what new ones are given.
            if refusal.reason is RefusalReason.AGREEMENT_REQUIRED:
                return account.USUAL_CROSS
            raise

    async def _read_ratios(self) -> account.RiskRatios:
        answer = await self._calls.read("GET /sapi/v1/margin/tradeCoeff", ip=10, urgent=True)
        self._ratios, self._ratios_at = account.parse_trade_coefficients(answer), self._clock.now()
        return self._ratios

    async def _isolated_lending(self, pairs: set[Pair]) -> Mapping[Pair, parse.Lending]:
        leverages = account.parse_isolated_leverages(
            await self._calls.read("GET /sapi/v1/margin/isolatedMarginData", ip=10)
        )
        self._tiers = {}
        tiers = await self._tiers_of(sorted(pairs & leverages.keys()))
        return {pair: account.isolated_lending(tiers[pair], leverages[pair]) for pair in tiers}

    async def _tiers_of(self, pairs: Sequence[Pair] | Mapping[Pair, object]) -> Mapping[Pair, Sequence[account.Tier]]:
        """The ladders of these pairs; read once, and anew with the instruments."""
        for pair in pairs:
            if pair not in self._tiers:
                answer = await self._calls.read(
                    "GET /sapi/v1/margin/isolatedMarginTier", {"symbol": symbol_of(pair)}, ip=1, urgent=True
                )
                self._tiers = {**self._tiers, pair: account.parse_tiers(answer)}
        return {pair: self._tiers[pair] for pair in pairs}

    async def _cross_account(self) -> account.CrossAccount:
        return account.parse_cross_account(await self._calls.read("GET /sapi/v1/margin/account", ip=10, urgent=True))

    async def _pots(self) -> Mapping[Pair, account.IsolatedPot]:
        """The isolated accounts that are open for the catalogue's pairs."""
        answer = await self._calls.read("GET /sapi/v1/margin/isolated/account", ip=10, urgent=True)
        pots = account.parse_isolated_account(answer)
        return {pair: pots[pair] for pair in self._pairs if pair in pots and pots[pair].is_enabled}

    async def _tradable_pairs(self) -> tuple[Pair, ...]:
        """The pairs that can have a history in this account."""
        return tuple(await self._pots() if self._isolated else await self._known_listings())

    async def _repay(self, asset: Asset, pot: Pair | None) -> Decimal:
        repaid = ZERO
        for _ in range(_REPAY_TRIES):
            holding = await self._holding(asset, pot)
            amount = min(holding.free, holding.owed)
            if amount <= 0:
                break
            try:
                await self._calls.write(
                    "POST /sapi/v1/margin/borrow-repay", requests.repayment(asset, amount, pot), uid=_BORROWING
                )
            except OutcomeUnknown as error:
                raise Unreachable(f"no word on a repayment of {asset}; ask again") from error
            except Rejected as refusal:
                if refusal.reason is RefusalReason.NOTHING_TO_REDUCE:
                    continue
                if refusal.reason is RefusalReason.BELOW_MINIMUM:
                    break
                raise
            repaid += amount
        return repaid

    async def _holding(self, asset: Asset, pot: Pair | None) -> account.Holding:
        if pot is None:
            return (await self._cross_account()).holding(asset)
        pots = await self._pots()
        if pot not in pots:
            return account.Holding(asset, ZERO, ZERO, ZERO, ZERO)
        return pots[pot].holding(asset)

    async def _account(self) -> account.CrossAccount | Mapping[Pair, account.IsolatedPot]:
        return await self._pots() if self._isolated else await self._cross_account()

    async def _margin_of(self, read: account.CrossAccount | Mapping[Pair, account.IsolatedPot]) -> MarginState:
        at = self._clock.now()
        if not isinstance(read, account.CrossAccount):
            return account.isolated_margin_state(read, await self._tiers_of(read), at)
        price = parse.parse_index_price(
            await self._calls.keyed("GET /sapi/v1/margin/priceIndex", {"symbol": symbol_of(BTC_USDT)}, ip=10)
        )
        ratios = self._ratios
        if ratios is None or at - self._ratios_at > _RATIOS_AGE:
            ratios = await self._read_ratios()
        return account.cross_margin_state(read, ratios, price, at)

    async def _open_orders(self, pairs: Sequence[Pair]) -> tuple[OrderReport, ...]:
        """Pair by pair: asked for all at once, Binance counts as many requests as it has pairs."""
        reports: list[OrderReport] = []
        for pair in pairs:
            where = requests.orders_of(pair, isolated=self._isolated)
            try:
                answer = await self._calls.read("GET /sapi/v1/margin/openOrders", where, ip=10, urgent=True)
            except Rejected:
                if await self._is_listed(pair):
                    raise
                log.warning("instrument_dropped", venue=self.name, pair=str(pair))
            else:
                reports += parse.parse_orders(answer, "openOrders")
        for report in reports:
            self._memory.learn(report)
        return tuple(reports)

    async def _now_prices(self, pairs: Sequence[Pair]) -> tuple[Mapping[Pair, Decimal], Sequence[Quote]]:
        """Last prices and quotes of this moment."""
        query = {"symbols": msgspec.json.encode([symbol_of(pair) for pair in pairs]).decode()}
        last = parse.parse_prices(await self._calls.public("/api/v3/ticker/price", query, weight=4))
        answer = await self._calls.public("/api/v3/ticker/bookTicker", query, weight=4)
        return last, parse.parse_quotes(answer, last, self._clock.now())

    async def _stream_tokens(self) -> Sequence[StreamToken]:
        pots: Sequence[Pair | None] = tuple(await self._pots()) if self._isolated else (None,)
        tokens: list[StreamToken] = []
        for pot in pots:
            # It creates nothing that lasts, so it may be asked again like a read.
            answer = await self._calls.read(
                "POST /sapi/v1/userListenToken", requests.listen_token(pot), uid=1, urgent=True
            )
            tokens.append(StreamToken(pot, *parse.parse_token(answer)))
        return tokens

    async def _checked(self, request: OrderRequest) -> PlaceResult:
        """Whether the account may place such an order, as far as its own flags and the pair's rules tell."""
        instrument = (self._instruments or await self.instruments()).get(request.pair)
        if instrument is None or request.leverage > max(instrument.leverages(request.side), default=1):
            return Refused(RefusalReason.NOT_ELIGIBLE, f"Binance offers no such leverage on {request.pair}")
        if not instrument.quantity_fits(request.quantity):
            return Refused(RefusalReason.BELOW_MINIMUM, "the quantity does not fit the pair's steps")
        if request.limit_price is not None and request.quantity * request.limit_price < instrument.min_cost:
            return Refused(RefusalReason.BELOW_MINIMUM, f"an order on {request.pair} is worth {instrument.min_cost}")
        prices = (request.limit_price, request.trigger_price)
        if not all(price is None or instrument.price_fits(price) for price in prices):
            return Refused(RefusalReason.PRICE_STEP, "a price does not fit the pair's steps")
        try:
            its_account = (await self._pots()).get(request.pair) if self._isolated else await self._cross_account()
        except Rejected as refusal:
            return _refused(refusal)
        if its_account is None:
            return Refused(
                RefusalReason.AGREEMENT_REQUIRED,
                f"The isolated margin account of {request.pair} is not open. Activate it at Binance first.",
            )
        if not (its_account.may_trade and its_account.may_borrow):
            return Refused(RefusalReason.NOT_ELIGIBLE, "Binance lets this account neither borrow nor trade now")
        return Accepted(None, "checked here, without the venue")


def _refused(refusal: Rejected) -> Refused:
    """The refusal as a value; but "this id is in use" proves that the order, or its twin, exists."""
    if refusal.reason is RefusalReason.DUPLICATE_ID:
        raise OutcomeUnknown("an open order carries this client order id already") from refusal
    return Refused(refusal.reason, str(refusal))


def _sure(what: str, read: Callable[[], T]) -> T:
    """What `read` makes of the answer to a write; if it cannot be read, what the write did is not known."""
    try:
        return read()
    except UnreadableAnswer as error:
        raise OutcomeUnknown(f"the answer to {what} cannot be read: {error}") from error
