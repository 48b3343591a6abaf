"""OKX's answers about markets, fees and orders read into the domain's words: pure functions.

Shapes: https://www.okx.com/docs-v5/en/ (March to July 2026) and recordings. A status, type or currency that is not
listed here is UnreadableAnswer: it is never guessed. What belongs to other products (futures, swaps, options) is left
out where a list may hold it, because a person may trade those by hand.

An order that rests behind a trigger is an algo order at OKX, with an id of its own; when it triggers it spawns a plain
order that names it. Here both are one order: the algo order's ids stand for whatever it spawned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.account import FeeRates
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    OrderReport,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.domain.records import shared
from jarvis.venues.base import UnreadableAnswer, VenueStatus
from jarvis.venues.okx.fields import (
    Record,
    flag,
    moment,
    moment_or_none,
    number,
    number_or_none,
    number_or_zero,
    only,
    rows_of,
    side,
    text,
    text_or_none,
    unreadable,
)
from jarvis.venues.okx.symbols import pair_of

COST_STEP = Decimal("1e-12")
"""Finer than any price times any quantity here: OKX books costs without rounding them."""

SPOT_CLASSES = frozenset({"SPOT", "MARGIN"})
_INSTRUMENT_STATES = {
    "live": InstrumentStatus.ONLINE,
    "suspend": InstrumentStatus.CANCEL_ONLY,
    "preopen": InstrumentStatus.CANCEL_ONLY,
    "rebase": InstrumentStatus.CANCEL_ONLY,
    "post_only": InstrumentStatus.POST_ONLY,
    "expired": InstrumentStatus.DELISTED,
    "settling": InstrumentStatus.CANCEL_ONLY,
    "test": InstrumentStatus.DELISTED,
}
_ALGO_STATES = {
    "live": OrderStatus.OPEN,
    "pause": OrderStatus.OPEN,
    "partially_effective": OrderStatus.OPEN,
    "effective": OrderStatus.OPEN,
    "canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
    "partially_failed": OrderStatus.REJECTED,
}
_TRIGGERED_STATES = frozenset({"effective", "partially_effective"})
# Connections, trading as a whole, by accounts and by products, and what has no class of its own.
_TRADING_SERVICES = frozenset({"0", "5", "8", "9", "99"})
_ALGO_PREFIX = "algo-"


def algo_order_id(algo_id: str) -> VenueOrderId:
    """Our name for an algo order: OKX counts them apart from plain orders, and they are cancelled elsewhere."""
    return VenueOrderId(f"{_ALGO_PREFIX}{algo_id}")


def algo_id_of(order_id: VenueOrderId | None) -> str | None:
    """The algo id in such a name; None for a plain order's id."""
    return order_id.removeprefix(_ALGO_PREFIX) if order_id and order_id.startswith(_ALGO_PREFIX) else None


# Markets -------------------------------------------------------------------------------------------------------------


def parse_status(answer: object) -> VenueStatus:
    """What the venue accepts, from the maintenance that is under way now: none, or of other services, is all well.

    `[{"title":"Spot system upgrade","state":"ongoing","begin":"1672823400000","end":"1672825980000","href":"",
    "preOpenBegin":"","scheDesc":"","serviceType":"5","system":"unified","maintType":"1","env":"1"}]`
    """
    what = "system/status"
    kinds = {text(row, "serviceType", what) for row in rows_of(answer, what)}
    return VenueStatus.MAINTENANCE if kinds & _TRADING_SERVICES else VenueStatus.ONLINE


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument as the venue lists it; `fee_group` names its group in `trade-fee`."""

    instrument: Instrument
    fee_group: str


def parse_instruments(answer: object, pairs: Iterable[Pair]) -> dict[Pair, Listing]:
    """Those of `pairs` that are listed; one that is not lent on has no leverages, and can still be closed.

    `[{"instType":"MARGIN","instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","groupId":"1","tickSz":"0.1",
    "lotSz":"0.00000001","minSz":"0.00001","lever":"10","state":"live","maxLmtSz":"9999999999","maxMktSz":"",
    "maxLmtAmt":"20000000","maxMktAmt":"1000000","listTime":"1606468572000"}]`
    """
    what = "instruments"
    wanted = frozenset(pairs)
    listings = {}
    for row in rows_of(answer, what):
        pair = Pair(Asset(text(row, "baseCcy", what)), Asset(text(row, "quoteCcy", what)))
        if pair in wanted:
            listings[pair] = Listing(_instrument(pair, row, what), text_or_none(row, "groupId", what) or "")
    return listings


def _instrument(pair: Pair, row: Record, what: str) -> Instrument:
    highest = int(number_or_zero(row, "lever", what))
    leverages = tuple(range(1, highest + 1)) if highest > 1 else ()
    try:
        return Instrument(
            pair=pair,
            symbol=text(row, "instId", what),
            tick=number(row, "tickSz", what),
            lot=number(row, "lotSz", what),
            cost_step=COST_STEP,
            min_quantity=number(row, "minSz", what),
            min_cost=ZERO,
            leverage_long=leverages,
            leverage_short=leverages,
            status=_INSTRUMENT_STATES[text(row, "state", what)],
        )
    except KeyError:
        raise unreadable(what, "state", row) from None
    except ValueError as error:
        raise UnreadableAnswer(f"OKX {what}: {error}") from error


@dataclass(frozen=True, slots=True)
class Tier:
    """A pair's lowest position tier: how large it may be at the full leverage, and its margin rates."""

    largest: Decimal
    initial_rate: Decimal
    maintenance_rate: Decimal


def parse_first_tier(answer: object) -> Tier:
    """The lowest tier, in which the full leverage is offered.

    `[{"instId":"BTC-USDT","tier":"1","minSz":"0","maxSz":"50","imr":"0.1","mmr":"0.03","maxLever":"10",
    "baseMaxLoan":"50","quoteMaxLoan":"500000"}]`
    """
    what = "position-tiers"
    rows = rows_of(answer, what)
    row = min(rows, key=lambda each: number(each, "tier", what), default=None)
    if row is None:
        raise unreadable(what, "(a tier)", rows)
    tier = Tier(number(row, "maxSz", what), number(row, "imr", what), number(row, "mmr", what))
    if tier.initial_rate <= 0 or tier.largest <= 0:
        raise unreadable(what, "imr, maxSz", row)
    return tier


def parse_leverages(answer: object) -> dict[Pair, int]:
    """The leverage that the account has set per pair, in cross margin.

    `[{"instId":"BTC-USDT","ccy":"","mgnMode":"cross","posSide":"net","lever":"10"}]`
    """
    what = "leverage-info"
    set_to: dict[Pair, int] = {}
    for row in rows_of(answer, what):
        pair = pair_of(text(row, "instId", what))
        set_to[pair] = min(int(number(row, "lever", what)), set_to.get(pair, 1_000))
    return set_to


def parse_price_ceiling(answer: object) -> Decimal | None:
    """The highest price that a buy order may have now; None while there is none.

    `[{"instType":"SPOT","instId":"BTC-USDT","buyLmt":"63000.1","sellLmt":"57000.2","ts":"1597026383085",
    "enabled":true}]`
    """
    what = "price-limit"
    row = only(answer, what)
    return number_or_none(row, "buyLmt", what) if flag(row, "enabled", what) is not False else None


def parse_ask(answer: object) -> Decimal:
    """The best ask: `[{"instId":"BTC-USDT","last":"60000","askPx":"60000.1","bidPx":"59999.9"}]`."""
    return number(only(answer, "ticker"), "askPx", "ticker")


def parse_bar(row: object, pair: Pair, interval: timedelta) -> tuple[Bar, bool]:
    """One candle, and whether it is finished.

    `["1597026360000","3.721","3.743","3.677","3.708","8422410","22698348.04","22698348.04","0"]`: time, open, high,
    low, close, volume in base, in quote, in USD, finished.
    """
    what = "candles"
    if not isinstance(row, list) or len(row) != 9:
        raise unreadable(what, "(row of nine)", row)
    names = ("ts", "open", "high", "low", "close", "volume", "quote", "usd", "confirm")
    fields = dict(zip(names, row, strict=True))
    try:
        bar = Bar(
            pair=pair,
            interval=interval,
            opened_at=moment(fields, "ts", what),
            open=number(fields, "open", what),
            high=number(fields, "high", what),
            low=number(fields, "low", what),
            close=number(fields, "close", what),
            volume=number(fields, "volume", what),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"OKX candles: a candle of {pair} contradicts itself") from error
    return bar, text(fields, "confirm", what) == "1"


# The account's own ---------------------------------------------------------------------------------------------------


def parse_fee_rates(answer: object, groups: Mapping[Pair, str]) -> dict[Pair, FeeRates]:
    """The account's fees as fractions: OKX tells what is paid as a negative number, by group of instruments.

    `[{"instType":"SPOT","level":"Lv1","maker":"-0.0008","taker":"-0.001","feeGroup":[{"groupId":"1",
    "maker":"-0.0008","taker":"-0.001"}],"ts":"1608623351857"}]`
    """
    what = "trade-fee"
    record = only(answer, what)
    by_group = {text(row, "groupId", what): row for row in rows_of(record.get("feeGroup") or [], what)}
    rates = {}
    for pair, group in groups.items():
        row = by_group.get(group, record)
        rates[pair] = shared(FeeRates(maker_rate=-number(row, "maker", what), taker_rate=-number(row, "taker", what)))
    return rates


def parse_interest_rates(answer: object) -> dict[Asset, Decimal]:
    """Fractions per hour: `[{"ccy":"BTC","interestRate":"0.0000005"}]`."""
    what = "interest-rate"
    return {Asset(text(row, "ccy", what)): number(row, "interestRate", what) for row in rows_of(answer, what)}


def parse_max_size(answer: object) -> tuple[Decimal, Decimal]:
    """How much base one order could buy and sell: `[{"instId":"BTC-USDT","maxBuy":"0.05","maxSell":"64.4"}]`."""
    what = "max-size"
    row = only(answer, what)
    return number(row, "maxBuy", what), number(row, "maxSell", what)


# Orders --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawned:
    """The algo order that a plain order came from; `client_order_id` is the algo order's."""

    algo_id: str
    client_order_id: ClientOrderId | None


def is_spot(row: Record, what: str) -> bool:
    """Whether a row is about currencies, bought with own or borrowed money, and not about a contract."""
    return text(row, "instType", what) in SPOT_CLASSES


def _leverage(row: Record, what: str) -> int:
    """The leverage of a margin order; 1 for an order of own money (`cash`)."""
    if text(row, "tdMode", what) == "cash":
        return 1
    return max(1, int(number_or_zero(row, "lever", what)))


@dataclass(frozen=True, slots=True)
class AlgoOrder:
    """An algo order: what rests until its trigger. `spawned_ids` are the orders that came from it, once triggered."""

    report: OrderReport
    kind: str
    is_triggered: bool
    spawns: Spawned
    spawned_ids: tuple[VenueOrderId, ...]


def parse_algo_order(row: Record, what: str) -> AlgoOrder:
    """One algo order, as `order-algo`, `orders-algo-pending` and the stream's `orders-algo` tell it.

    `{"instType":"MARGIN","instId":"BTC-USDT","algoId":"681096944655273984","algoClOrdId":"jv0000002","ccy":"USDT",
    "tdMode":"cross","side":"sell","ordType":"conditional","sz":"0.01","slTriggerPx":"49000","slTriggerPxType":"last",
    "slOrdPx":"-1","tpTriggerPx":"","tpOrdPx":"","state":"live","reduceOnly":"true","lever":"10","ordId":"",
    "ordIdList":[],"failCode":"","actualSz":"","cTime":"1708658165774","uTime":"1708679675245"}`
    """
    try:
        status = _ALGO_STATES[text(row, "state", what)]
    except KeyError:
        raise unreadable(what, "state", row) from None
    client_order_id = text_or_none(row, "algoClOrdId", what)
    order_side = side(row, what)
    order_type, trigger_price, limit_price = _leg(row, order_side, what)
    failed = text_or_none(row, "failCode", what)
    report = OrderReport(
        venue_order_id=algo_order_id(text(row, "algoId", what)),
        status=status,
        at=moment_or_none(row, "uTime", what) or moment(row, "cTime", what),
        client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
        pair=pair_of(text(row, "instId", what)),
        side=order_side,
        order_type=order_type,
        quantity=number_or_none(row, "sz", what),
        filled_quantity=ZERO,
        limit_price=limit_price,
        trigger_price=trigger_price,
        leverage=_leverage(row, what),
        reduce_only=flag(row, "reduceOnly", what),
        reason=f"the triggered order was refused ({failed})" if failed else "",
    )
    ids = row.get("ordIdList") or []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise unreadable(what, "ordIdList", row)
    single = text_or_none(row, "ordId", what)
    return AlgoOrder(
        report=report,
        kind=text(row, "ordType", what),
        is_triggered=text(row, "state", what) in _TRIGGERED_STATES,
        spawns=Spawned(text(row, "algoId", what), report.client_order_id),
        spawned_ids=tuple(VenueOrderId(each) for each in dict.fromkeys([*ids, *([single] if single else [])])),
    )


def _leg(row: Record, order_side: Side, what: str) -> tuple[OrderType | None, Decimal | None, Decimal | None]:
    """What kind of order it is, where it triggers, and its limit (None for a market order).

    A buy always has a price, because only then it is sized in base: it is told as the market order that it stands
    for. Of two legs a conditional order uses the stop.
    """
    for leg, at_market, at_limit in (
        ("sl", OrderType.STOP, OrderType.STOP_LIMIT),
        ("tp", OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT),
    ):
        trigger_price = number_or_none(row, f"{leg}TriggerPx", what)
        if trigger_price is None:
            continue
        price = number_or_none(row, f"{leg}OrdPx", what)
        if order_side is Side.BUY or price is None or price <= 0:
            return at_market, trigger_price, None
        return at_limit, trigger_price, price
    return None, number_or_none(row, "triggerPx", what), None
