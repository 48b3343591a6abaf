"""Binance's public answers, orders and trades read into the domain's words: pure functions, one per answer.

Shapes: https://github.com/binance/binance-spot-api-docs (2026-07) and the official margin SDK's samples. Amounts are
decimal text, ids and times are numbers (with exceptions that the readers know); misspelt names are Binance's own.
A status, type or shape that is not listed here is UnreadableAnswer: it is never guessed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import FeeRates, KeyPermissions
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.market import Bar, Quote
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    Fill,
    OrderReport,
    OrderStatus,
    VenueOrderId,
)
from jarvis.venues.base import UnreadableAnswer, VenueStatus
from jarvis.venues.binance.fields import (
    Record,
    flag,
    inner,
    items,
    moment,
    number,
    order_status,
    order_type,
    positive_or_none,
    record_of,
    records_of,
    side,
    text,
    unreadable,
    whole,
)
from jarvis.venues.binance.requests import PriceRules
from jarvis.venues.binance.symbols import fill_id, order_id, pair_of, symbol_of

_PAIR_STATUSES = {
    "TRADING": InstrumentStatus.ONLINE,
    "HALT": InstrumentStatus.CANCEL_ONLY,
    "BREAK": InstrumentStatus.CANCEL_ONLY,
    "CANCEL_ONLY": InstrumentStatus.CANCEL_ONLY,
}
_STANDING_STILL = frozenset({"HALT", "BREAK"})
_KLINE = 12


def parse_error(answer: object) -> tuple[int, str] | None:
    """Code and text of a refusal, None if the answer is none: `{"code":-1121,"msg":"Invalid symbol."}`."""
    match answer:
        case {"code": int(code), "msg": str(message)} if code < 0:
            return code, message
        case _:
            return None


def parse_time(answer: object) -> datetime:
    """The venue's clock: `{"serverTime":1499827319559}`."""
    return moment(record_of(answer, "time"), "serverTime", "time")


@dataclass(frozen=True, slots=True)
class Listing:
    """What exchangeInfo says of one pair. `is_trading` is false while the venue has stopped its book."""

    pair: Pair
    status: InstrumentStatus
    is_trading: bool
    is_margin: bool
    tick: Decimal
    lot: Decimal
    cost_step: Decimal
    min_quantity: Decimal
    min_cost: Decimal
    rules: PriceRules


def parse_listings(answer: object) -> dict[Pair, Listing]:
    """The rules of the catalogue's pairs that are in the answer; others are passed over.

    `{"timezone":"UTC","serverTime":1565246363776,"rateLimits":[],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSDT",
    "status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","quoteAssetPrecision":8,"orderTypes":["LIMIT","MARKET"],
    "isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000",
    "maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000",
    "maxQty":"9000.00000000","stepSize":"0.00001000"},{"filterType":"NOTIONAL","minNotional":"5.00000000",
    "applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}]}]}`
    """
    what = "exchangeInfo"
    listings = {}
    for record in records_of(items(record_of(answer, what), "symbols", what), what):
        try:
            pair = pair_of(text(record, "symbol", what))
        except UnreadableAnswer:
            continue
        listings[pair] = _listing(pair, record)
    return listings


def _listing(pair: Pair, record: Record) -> Listing:
    what = "exchangeInfo"
    if (text(record, "baseAsset", what), text(record, "quoteAsset", what)) != (pair.base, pair.quote):
        raise unreadable(what, "baseAsset, quoteAsset", record)
    status = text(record, "status", what)
    if status not in _PAIR_STATUSES:
        raise unreadable(what, "status", record)
    order_types = items(record, "orderTypes", what)
    if not all(isinstance(each, str) for each in order_types):
        raise unreadable(what, "orderTypes", record)
    filters = {text(each, "filterType", what): each for each in records_of(items(record, "filters", what), what)}
    prices, lots = inner(filters, "PRICE_FILTER", what), inner(filters, "LOT_SIZE", what)
    notional = inner(filters, "NOTIONAL" if "NOTIONAL" in filters else "MIN_NOTIONAL", what)
    tick = number(prices, "tickSize", what)
    lowest, highest = _percent_price(filters)
    return Listing(
        pair=pair,
        status=_PAIR_STATUSES[status],
        is_trading=status not in _STANDING_STILL,
        is_margin=flag(record, "isMarginTradingAllowed", what),
        tick=tick,
        lot=number(lots, "stepSize", what),
        cost_step=Decimal(1).scaleb(-whole(record, "quoteAssetPrecision", what)),
        min_quantity=number(lots, "minQty", what),
        min_cost=number(notional, "minNotional", what),
        rules=PriceRules(
            order_types=frozenset(order_types),
            tick=tick,
            min_price=number(prices, "minPrice", what),
            max_price=number(prices, "maxPrice", what),
            lowest=lowest,
            highest=highest,
        ),
    )


def _percent_price(filters: Record) -> tuple[Decimal, Decimal]:
    """How low a sell and how high a buy may be, as multiples of the average price; without a filter anything goes."""
    what = "exchangeInfo"
    if "PERCENT_PRICE_BY_SIDE" in filters:
        by_side = filters["PERCENT_PRICE_BY_SIDE"]
        return number(by_side, "askMultiplierDown", what), number(by_side, "bidMultiplierUp", what)
    if "PERCENT_PRICE" in filters:
        both = filters["PERCENT_PRICE"]
        return number(both, "multiplierDown", what), number(both, "multiplierUp", what)
    return ZERO, Decimal("Infinity")


def status_of(listings: Iterable[Listing]) -> VenueStatus:
    """What the venue accepts, from the state of its books."""
    known = tuple(listings)
    if not any(listing.is_trading for listing in known):
        return VenueStatus.MAINTENANCE
    if all(listing.status is InstrumentStatus.CANCEL_ONLY for listing in known):
        return VenueStatus.CANCEL_ONLY
    return VenueStatus.ONLINE


@dataclass(frozen=True, slots=True)
class MarginPair:
    """Whether a pair may be bought and sold on margin now."""

    may_buy: bool
    may_sell: bool


def parse_margin_pairs(answer: object) -> dict[Pair, MarginPair]:
    """The catalogue's pairs that are traded on margin, cross or isolated; the others are left out.

    `[{"base":"BTC","id":351637150141315861,"isBuyAllowed":true,"isMarginTrade":true,"isSellAllowed":true,
    "quote":"USDT","symbol":"BTCUSDT"}]`
    """
    what = "allPairs"
    pairs = {}
    for record in records_of(answer, what):
        try:
            pair = pair_of(text(record, "symbol", what))
        except UnreadableAnswer:
            continue
        if flag(record, "isMarginTrade", what):
            pairs[pair] = MarginPair(flag(record, "isBuyAllowed", what), flag(record, "isSellAllowed", what))
    return pairs


@dataclass(frozen=True, slots=True)
class Lending:
    """What the account may do with a pair on margin: whole leverages up to `leverage`, and the levels of its risk."""

    leverage: int
    call_level: Decimal
    liquidation_level: Decimal
    short_limit: Decimal | None = None


def instrument_of(listing: Listing, allowed: MarginPair, lending: Lending) -> Instrument:
    """A pair's rules in the domain's words. Raises UnreadableAnswer for rules that contradict themselves."""
    leverages = tuple(range(2, lending.leverage + 1))
    try:
        return Instrument(
            pair=listing.pair,
            symbol=symbol_of(listing.pair),
            tick=listing.tick,
            lot=listing.lot,
            cost_step=listing.cost_step,
            min_quantity=listing.min_quantity,
            min_cost=listing.min_cost,
            leverage_long=leverages if allowed.may_buy else (),
            leverage_short=leverages if allowed.may_sell else (),
            status=listing.status,
            short_position_limit=lending.short_limit,
            margin_call_level=lending.call_level,
            liquidation_level=lending.liquidation_level,
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Binance exchangeInfo: {error}") from error


def parse_bars(answer: object, pair: Pair, interval: timedelta, now: datetime) -> list[Bar]:
    """The finished candles, oldest first.

    `[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,
    "2434.19055334",308,"1756.87402397","28.46694368","0"]]`: open time, open, high, low, close, volume, close time, ...
    """
    if not isinstance(answer, list):
        raise unreadable("klines", "(list)", answer)
    bars = [_bar(row, pair, interval) for row in answer]
    return [bar for bar in bars if bar.closed_at <= now]


def _bar(row: object, pair: Pair, interval: timedelta) -> Bar:
    if not isinstance(row, list) or len(row) != _KLINE:
        raise unreadable("klines", "(row of twelve)", row)
    names = ("time", "open", "high", "low", "close", "volume")
    return bar_of(dict(zip(names, row, strict=False)), names, pair, interval, "klines")


def bar_of(record: Record, names: Collection[str], pair: Pair, interval: timedelta, what: str) -> Bar:
    """A candle from the fields that `names` lists: time, open, high, low, close, volume."""
    opened_at, open_, high, low, close, volume = names
    try:
        return Bar(
            pair=pair,
            interval=interval,
            opened_at=moment(record, opened_at, what),
            open=number(record, open_, what),
            high=number(record, high, what),
            low=number(record, low, what),
            close=number(record, close, what),
            volume=number(record, volume, what),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Binance {what}: a candle of {pair} contradicts itself") from error


def parse_prices(answer: object) -> dict[Pair, Decimal]:
    """Last prices: `[{"symbol":"LTCUSDT","price":"84.05000000"}]`."""
    what = "ticker/price"
    return {pair_of(text(record, "symbol", what)): number(record, "price", what) for record in records_of(answer, what)}


def parse_quotes(answer: object, last: Mapping[Pair, Decimal], at: datetime) -> list[Quote]:
    """Best prices, of the pairs whose last price is known; the answer has no time of its own.

    `[{"symbol":"LTCUSDT","bidPrice":"84.04","bidQty":"431.0","askPrice":"84.06","askQty":"9.0"}]`
    """
    what = "ticker/bookTicker"
    quotes = []
    for record in records_of(answer, what):
        pair = pair_of(text(record, "symbol", what))
        bid, ask = number(record, "bidPrice", what), number(record, "askPrice", what)
        if pair in last and bid > 0 and ask > 0:
            quotes.append(Quote(pair, bid, ask, last[pair], at))
    return quotes


def parse_index_price(answer: object) -> Decimal:
    """The index price of a pair: `{"calcTime":1562046418000,"price":"84.05333930","symbol":"LTCUSDT"}`."""
    price = number(record_of(answer, "priceIndex"), "price", "priceIndex")
    if price <= 0:
        raise unreadable("priceIndex", "price", answer)
    return price


_KNOWN_KEY_FIELDS = frozenset({"ipRestrict", "createTime", "tradingAuthorityExpirationTime"})


def parse_key_permissions(answer: object) -> KeyPermissions:
    """What the key may do: the names of all flags that are true, those that we do not know among them.

    `{"ipRestrict":true,"createTime":1760000000000,"enableReading":true,"enableSpotAndMarginTrading":true,
    "enableMargin":true,"enableWithdrawals":false,"enableInternalTransfer":false,"permitsUniversalTransfer":false,
    "enableFutures":false,"enableVanillaOptions":false,"enablePortfolioMarginTrading":false,"enableFixApiTrade":false,
    "enableFixReadOnly":false}`; `tradingAuthorityExpirationTime` is there for keys without a list of addresses.
    """
    what = "apiRestrictions"
    record = record_of(answer, what)
    flags = {name: value for name, value in record.items() if name not in _KNOWN_KEY_FIELDS}
    for name, value in flags.items():
        if not isinstance(value, bool) and name.startswith(("enable", "permits")):
            raise unreadable(what, name, record)
    if "enableReading" not in flags or "enableWithdrawals" not in flags:
        raise unreadable(what, "enableReading, enableWithdrawals", record)
    expires = record.get("tradingAuthorityExpirationTime")
    return KeyPermissions(
        granted=frozenset(name for name, value in flags.items() if value is True),
        label="",
        public_id="",
        expires_at=moment(record, "tradingAuthorityExpirationTime", what) if expires else None,
        modified_at=moment(record, "createTime", what),
        is_ip_restricted=flag(record, "ipRestrict", what),
    )


def parse_fee_rates(answer: object) -> dict[Pair, FeeRates]:
    """The account's fees: `[{"symbol":"ADAUSDT","makerCommission":"0.001","takerCommission":"0.001"}]`."""
    what = "tradeFee"
    return {
        pair_of(text(record, "symbol", what)): FeeRates(
            maker_rate=number(record, "makerCommission", what), taker_rate=number(record, "takerCommission", what)
        )
        for record in records_of(answer, what)
    }


def parse_hourly_rates(answer: object) -> dict[Asset, Decimal]:
    """What borrowing costs in the next hour: `[{"asset":"BTC","nextHourlyInterestRate":"0.00000571"}]`."""
    what = "next-hourly-interest-rate"
    return {
        Asset(text(record, "asset", what)): number(record, "nextHourlyInterestRate", what)
        for record in records_of(answer, what)
    }


def parse_fee_burn(answer: object) -> tuple[bool, bool]:
    """Whether trading fees and interest are taken in BNB: `{"spotBNBBurn":true,"interestBNBBurn":false}`."""
    record = record_of(answer, "bnbBurn")
    return flag(record, "spotBNBBurn", "bnbBurn"), flag(record, "interestBNBBurn", "bnbBurn")


def parse_orders(answer: object, what: str) -> tuple[OrderReport, ...]:
    """Orders as openOrders and allOrders list them (see parse_order)."""
    return tuple(parse_order(record, what) for record in records_of(answer, what))


def parse_order(answer: object, what: str = "order") -> OrderReport:
    """One order.

    `{"clientOrderId":"jv0000001","cummulativeQuoteQty":"0.00000000","executedQty":"0.00000000",
    "icebergQty":"0.00000000","isWorking":true,"orderId":213205622,"origQty":"0.30000000","price":"84.00000000",
    "side":"SELL","status":"NEW","stopPrice":"0.00000000","symbol":"LTCUSDT","isIsolated":true,"time":1562133008725,
    "timeInForce":"GTC","type":"LIMIT","selfTradePreventionMode":"NONE","updateTime":1562133008725}`
    """
    record = record_of(answer, what)
    symbol = text(record, "symbol", what)
    kind = order_type(record, "type", what)
    return OrderReport(
        venue_order_id=order_id(symbol, whole(record, "orderId", what)),
        status=order_status(record, "status", what),
        at=moment(record, "updateTime", what),
        client_order_id=ClientOrderId(text(record, "clientOrderId", what)),
        pair=pair_of(symbol),
        side=side(record, "side", what),
        order_type=kind,
        quantity=number(record, "origQty", what),
        filled_quantity=number(record, "executedQty", what),
        limit_price=number(record, "price", what) if kind in LIMIT_TYPES else None,
        trigger_price=positive_or_none(record, "stopPrice", what) if kind in TRIGGERED_TYPES else None,
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """The venue's word for a new order, with what was borrowed for it."""

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId
    borrowed: str


def parse_placed(answer: object) -> Placed:
    """A new order.

    `{"symbol":"BTCUSDT","orderId":28,"clientOrderId":"jv0000001","transactTime":1507725176595,"price":"0.00000000",
    "origQty":"10.00000000","executedQty":"10.00000000","cummulativeQuoteQty":"40000.00000000","status":"FILLED",
    "timeInForce":"GTC","type":"MARKET","side":"SELL","marginBuyBorrowAmount":5,"marginBuyBorrowAsset":"BTC",
    "isIsolated":true,"selfTradePreventionMode":"NONE","fills":[]}`; what was borrowed is there only if it was.
    """
    what = "order"
    record = record_of(answer, what)
    borrowed = ""
    if record.get("marginBuyBorrowAsset") is not None:
        amount = number(record, "marginBuyBorrowAmount", what)
        borrowed = f"borrowed {amount} {text(record, 'marginBuyBorrowAsset', what)}"
    return Placed(
        order_id(text(record, "symbol", what), whole(record, "orderId", what)),
        ClientOrderId(text(record, "clientOrderId", what)),
        borrowed,
    )


def parse_cancelled(answer: object) -> tuple[ClientOrderId, OrderStatus]:
    """Our id of the cancelled order, and what became of it. `clientOrderId` is here the id of the cancel.

    `{"symbol":"LTCUSDT","isIsolated":true,"orderId":"28","origClientOrderId":"jv0000001",
    "clientOrderId":"cancelMyOrder1","price":"1.00000000","origQty":"10.00000000","executedQty":"8.00000000",
    "cummulativeQuoteQty":"8.00000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL"}`
    """
    what = "cancel"
    record = record_of(answer, what)
    return ClientOrderId(text(record, "origClientOrderId", what)), order_status(record, "status", what)


def parse_fills(
    answer: object,
    client_order_id: Callable[[VenueOrderId], ClientOrderId | None],
    forced: Collection[VenueOrderId],
) -> list[Fill]:
    """The fills of one page of myTrades, in the venue's order (oldest first); those of `forced` orders are marked.

    `[{"commission":"0.00006000","commissionAsset":"BTC","id":34,"isBestMatch":true,"isBuyer":false,"isMaker":false,
    "orderId":39324,"price":"60000.02000000","qty":"3.00000000","symbol":"BTCUSDT","isIsolated":false,
    "time":1561973357171}]`
    """
    return [_fill(record, client_order_id, forced) for record in records_of(answer, "myTrades")]


def _fill(
    record: Record,
    client_order_id: Callable[[VenueOrderId], ClientOrderId | None],
    forced: Collection[VenueOrderId],
) -> Fill:
    what = "myTrades"
    symbol = text(record, "symbol", what)
    its_order = order_id(symbol, whole(record, "orderId", what))
    quantity, price = number(record, "qty", what), number(record, "price", what)
    try:
        return Fill(
            fill_id=fill_id(symbol, whole(record, "id", what)),
            venue_order_id=its_order,
            client_order_id=client_order_id(its_order),
            pair=pair_of(symbol),
            side=side({"side": "BUY" if flag(record, "isBuyer", what) else "SELL"}, "side", what),
            quantity=quantity,
            price=price,
            # The answer has no cost: it is the product, exactly, and so are the stream's.
            cost=quantity * price,
            fee=number(record, "commission", what),
            fee_asset=Asset(text(record, "commissionAsset", what)),
            at=moment(record, "time", what),
            is_maker=flag(record, "isMaker", what),
            is_liquidation=its_order in forced,
        )
    except ValueError as error:
        raise unreadable(what, "qty, price", record) from error


def parse_forced_orders(answer: object) -> tuple[list[VenueOrderId], int]:
    """The orders by which the venue closed positions itself, of one page, and how many records the page had.

    `{"rows":[{"avgPrice":"0.00388359","executedQty":"31.39000000","orderId":180015097,"price":"0.00388110",
    "qty":"31.39000000","side":"SELL","symbol":"BNBUSDT","timeInForce":"GTC","isIsolated":true,
    "updatedTime":1558941374745}],"total":1}`
    """
    what = "forceLiquidationRec"
    rows = records_of(items(record_of(answer, what), "rows", what), what)
    return [order_id(text(row, "symbol", what), whole(row, "orderId", what)) for row in rows], len(rows)


def parse_token(answer: object) -> tuple[str, datetime]:
    """The account stream's token, and when it ends: `{"token":"6xXxePXwZRjVSHKh","expirationTime":1758792204196}`."""
    record = record_of(answer, "userListenToken")
    return text(record, "token", "userListenToken"), moment(record, "expirationTime", "userListenToken")
