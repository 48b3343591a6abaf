"""From the parameters of order/create to an order of the exchange: what is refused before money is looked at."""

import re
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO, is_multiple, round_down
from jarvis.domain.order import ClientOrderId, OrderType, TimeInForce
from jarvis.emulators.bybit.coins import coin_of
from jarvis.emulators.bybit.errors import (
    AMENDED_BUY_PRICE_BAND,
    AMENDED_SELL_PRICE_BAND,
    BAD_EXIT,
    BAD_FILTER,
    BAD_ORDER_PARAMETER,
    BAD_TRIGGER,
    BUY_PRICE_BAND,
    MARKET_AMOUNT_DECIMALS,
    NO_ROUTE,
    PRICE_DECIMALS,
    PRICE_TOO_HIGH,
    PRICE_TOO_LOW,
    QUANTITY_DECIMALS,
    QUANTITY_TOO_LOW,
    SELL_PRICE_BAND,
    TOO_LARGE,
    TRIGGERED_ALREADY,
    VALUE_TOO_LOW,
    Refused,
    parameter_error,
)
from jarvis.emulators.bybit.keys import VenueAccount
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.state import Exit, OrderNote, VenueState
from jarvis.emulators.bybit.text import decimals_of, fits, number
from jarvis.sim.exchange import Borrow, SelfTrade, SimOrderRequest

ORDER, TPSL, STOP = "Order", "tpslOrder", "StopOrder"
FILTERS = (ORDER, TPSL, STOP)
CREATE_FIELDS = (
    "category",
    "symbol",
    "isLeverage",
    "side",
    "orderType",
    "qty",
    "marketUnit",
    "price",
    "timeInForce",
    "orderLinkId",
    "orderFilter",
    "triggerPrice",
    "takeProfit",
    "stopLoss",
    "tpOrderType",
    "slOrderType",
    "tpLimitPrice",
    "slLimitPrice",
    "slippageToleranceType",
    "slippageTolerance",
    "smpType",
)
_TEXTS = ("qty", "price", "triggerPrice", "orderLinkId", "takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice")
_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_HIGHEST_PRICE = Decimal(10_000_000)
"""The venue does not publish what it takes at most; nothing here is worth a hundredth of it."""
_SELF_TRADES = {
    "None": SelfTrade.CANCEL_NEWEST,
    "CancelTaker": SelfTrade.CANCEL_NEWEST,
    "CancelMaker": SelfTrade.CANCEL_OLDEST,
    "CancelBoth": SelfTrade.CANCEL_BOTH,
}
_TIMES = ("GTC", "IOC", "FOK", "PostOnly")
_RISING = {Side.BUY: OrderType.STOP, Side.SELL: OrderType.TAKE_PROFIT}
_FALLING = {Side.BUY: OrderType.TAKE_PROFIT, Side.SELL: OrderType.STOP}
_WITH_LIMIT = {OrderType.STOP: OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT: OrderType.TAKE_PROFIT_LIMIT}


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as the client wrote it: for the exchange, and what must be told of it again."""

    request: SimOrderRequest
    note: OrderNote
    is_fill_or_kill: bool = False


def category_of(params: Params) -> None:
    """Refuse a category that is not spot."""
    category = params.required("category")
    if category in ("linear", "inverse", "option"):
        raise Refused(NO_ROUTE, f"this sandbox has no {category} market")
    if category != "spot":
        raise parameter_error("Illegal category")


def draft(state: VenueState, public: PublicData, account: VenueAccount, params: Params) -> Draft:
    """The order that these parameters ask for. Raises Refused."""
    params.only(CREATE_FIELDS)
    params.insist(_TEXTS, str)
    params.insist(("isLeverage",), int)
    category_of(params)
    pair = state.pair(params.required("symbol"))
    rules = state.instrument(pair)
    side = Side(params.choice("side", ("Buy", "Sell")).lower())
    order_type = params.choice("orderType", ("Market", "Limit"))
    order_filter = params.text("orderFilter", ORDER) or ORDER
    if order_filter not in FILTERS:
        raise Refused(BAD_FILTER)
    is_leveraged = params.choice("isLeverage", ("0", "1"), "0") == "1"
    link_id = _link_id(params)
    time = _time_in_force(params, order_type)
    trigger = _trigger(params, rules, order_filter)
    price = _price(public, params, rules, side, order_type, is_waiting=trigger is not None)
    in_quote = _is_in_quote(params, side, order_type)
    quantity = _quantity(params, rules, order_type, in_quote=in_quote)
    last = state.exchange.quote(pair).last
    if trigger == last:
        # Whether it is to rise or to fall cannot be told.
        raise Refused(TRIGGERED_ALREADY)
    _check_value(rules, quantity, price or trigger or last, in_quote=in_quote)
    _check_size(pair, quantity / (price or last) if in_quote else quantity, order_type)
    take_profit, stop_loss = _exits(params, rules, order_type, order_filter)
    in_base = quantity
    if in_quote and (side is Side.SELL or trigger is not None):
        # The exchange counts a purchase at market in quote; all else is turned into base at the price of now.
        in_base, in_quote = round_down(quantity / (trigger or last), rules.lot), False
        if in_base == ZERO:
            raise Refused(VALUE_TOO_LOW)
    request = SimOrderRequest(
        pair=pair,
        side=side,
        order_type=_kind(side, order_type, trigger, last),
        quantity=in_base,
        leverage=account.leverage if is_leveraged else None,
        limit_price=price,
        trigger_price=trigger,
        post_only=time == "PostOnly",
        time_in_force=TimeInForce.IOC if order_type == "Limit" and time in ("IOC", "FOK") else TimeInForce.GTC,
        client_order_id=ClientOrderId(link_id) if link_id else None,
        quantity_in_quote=in_quote,
        self_trade=_SELF_TRADES[params.choice("smpType", _SELF_TRADES, "None")],
        borrow=Borrow.MISSING if is_leveraged else Borrow.NONE,
        locks=order_filter != STOP,
    )
    note = OrderNote(
        account=account.name,
        link_id=link_id,
        is_leveraged=is_leveraged,
        order_type=order_type,
        time_in_force=time,
        order_filter=order_filter,
        quantity=number(quantity),
        price=number(price) if price is not None else "0",
        market_unit=_market_unit(params, side, order_type),
        trigger_price=number(trigger) if trigger is not None else "",
        take_profit=take_profit,
        stop_loss=stop_loss,
        last_price=number(last),
        stop_type={TPSL: "tpslOrder", STOP: "Stop"}.get(order_filter, ""),
    )
    return Draft(request, note, is_fill_or_kill=time == "FOK")


def checked_price(params: Params, name: str, rules: Instrument) -> Decimal | None:
    """A price on the tick grid, or None when it was not given."""
    price = params.decimal(name)
    if price is None:
        return None
    if price <= 0:
        raise Refused(PRICE_TOO_LOW)
    if price > _HIGHEST_PRICE:
        raise Refused(PRICE_TOO_HIGH)
    if not is_multiple(price, rules.tick):
        raise Refused(PRICE_DECIMALS)
    return price


def checked_quantity(params: Params, rules: Instrument) -> Decimal | None:
    """A quantity in base on the lot grid, or None when it was not given."""
    quantity = params.decimal("qty")
    if quantity is None:
        return None
    if quantity <= 0:
        raise Refused(QUANTITY_TOO_LOW)
    if not is_multiple(quantity, rules.lot):
        raise Refused(QUANTITY_DECIMALS)
    return quantity


def check_band(public: PublicData, pair: Pair, side: Side, price: Decimal, *, is_amended: bool = False) -> None:
    """Refuse a limit price that is too far on the wrong side of the market."""
    highest, lowest = public.price_band(pair)
    if side is Side.BUY and price > highest:
        raise Refused(AMENDED_BUY_PRICE_BAND if is_amended else BUY_PRICE_BAND)
    if side is Side.SELL and price < lowest:
        raise Refused(AMENDED_SELL_PRICE_BAND if is_amended else SELL_PRICE_BAND)


def check_value(rules: Instrument, quantity: Decimal, price: Decimal) -> None:
    """Refuse an order that is worth less than the pair's minimum."""
    _check_value(rules, quantity, price, in_quote=False)


def exit_request(note: OrderNote, parent: SimOrderRequest, quantity: Decimal, each: Exit, last: Decimal) -> Draft:
    """The order that leaves the position which a limit order's fill has made, at a take-profit or a stop-loss."""
    side, trigger = parent.side.opposite, Decimal(each.trigger)
    order_type = "Limit" if each.limit else "Market"
    request = SimOrderRequest(
        pair=parent.pair,
        side=side,
        order_type=_kind(side, order_type, trigger, last),
        quantity=quantity,
        leverage=parent.leverage,
        limit_price=Decimal(each.limit) if each.limit else None,
        trigger_price=trigger,
        borrow=Borrow.MISSING if note.is_leveraged else Borrow.NONE,
        locks=False,
    )
    own = note.changed(
        link_id="",
        order_type=order_type,
        time_in_force="GTC" if each.limit else "IOC",
        order_filter=TPSL,
        quantity=number(quantity),
        price=each.limit or "0",
        market_unit="baseCoin" if order_type == "Market" else "",
        trigger_price=each.trigger,
        take_profit=None,
        stop_loss=None,
        last_price=number(last),
        stop_type="tpslOrder",
    )
    return Draft(request, own)


def _link_id(params: Params) -> str:
    link_id = params.text("orderLinkId", "") or ""
    if link_id and not _LINK_ID.fullmatch(link_id):
        raise parameter_error("orderLinkId has 1 to 36 letters, digits, underscores and hyphens")
    return link_id


def _time_in_force(params: Params, order_type: str) -> str:
    given = params.choice("timeInForce", _TIMES, "GTC")
    return "IOC" if order_type == "Market" else given


def _trigger(params: Params, rules: Instrument, order_filter: str) -> Decimal | None:
    trigger = checked_price(params, "triggerPrice", rules)
    if order_filter == ORDER:
        if trigger is not None:
            raise Refused(BAD_FILTER, "An order with a trigger price is a tpslOrder or a StopOrder.")
        return None
    if trigger is None:
        raise Refused(BAD_TRIGGER)
    return trigger


def _price(
    public: PublicData, params: Params, rules: Instrument, side: Side, order_type: str, *, is_waiting: bool
) -> Decimal | None:
    if order_type == "Market":
        # A price beside a market order is not an error, and means nothing.
        return None
    price = checked_price(params, "price", rules)
    if price is None:
        raise Refused(BAD_ORDER_PARAMETER, "A limit order needs a price.")
    if not is_waiting:
        check_band(public, rules.pair, side, price)
    return price


def _is_in_quote(params: Params, side: Side, order_type: str) -> bool:
    return _market_unit(params, side, order_type) == "quoteCoin"


def _market_unit(params: Params, side: Side, order_type: str) -> str:
    if order_type == "Limit":
        return ""
    return params.choice("marketUnit", ("baseCoin", "quoteCoin"), "quoteCoin" if side is Side.BUY else "baseCoin")


def _quantity(params: Params, rules: Instrument, order_type: str, *, in_quote: bool) -> Decimal:
    quantity = params.decimal("qty")
    if quantity is None:
        raise parameter_error("params error: qty is required")
    if quantity <= 0:
        raise Refused(QUANTITY_TOO_LOW)
    if order_type == "Limit":
        if not is_multiple(quantity, rules.lot):
            raise Refused(QUANTITY_DECIMALS)
        return quantity
    if in_quote:
        quantity = round_down(quantity, rules.cost_step)
    else:
        # More decimals than any coin has are an error; more than the pair has are cut off.
        if not fits(quantity, max(decimals_of(rules.lot), 8)):
            raise Refused(MARKET_AMOUNT_DECIMALS)
        quantity = round_down(quantity, rules.lot)
    if quantity == ZERO:
        raise Refused(QUANTITY_TOO_LOW)
    return quantity


def _check_value(rules: Instrument, quantity: Decimal, price: Decimal, *, in_quote: bool) -> None:
    if (quantity if in_quote else quantity * price) < rules.min_cost:
        raise Refused(VALUE_TOO_LOW)


def _check_size(pair: Pair, quantity: Decimal, order_type: str) -> None:
    coin = coin_of(pair.base)
    if quantity > (coin.max_market if order_type == "Market" else coin.max_limit):
        raise Refused(TOO_LARGE)


def _exits(params: Params, rules: Instrument, order_type: str, order_filter: str) -> tuple[Exit | None, Exit | None]:
    found = [
        _exit(params, rules, name, f"{short}OrderType", f"{short}LimitPrice")
        for name, short in (("takeProfit", "tp"), ("stopLoss", "sl"))
    ]
    if any(found) and order_filter != ORDER:
        raise Refused(BAD_EXIT)
    if any(found) and order_type != "Limit":
        raise Refused(BAD_ORDER_PARAMETER, "Take-profit and stop-loss go with plain limit orders only.")
    return found[0], found[1]


def _exit(params: Params, rules: Instrument, name: str, type_name: str, limit_name: str) -> Exit | None:
    trigger = checked_price(params, name, rules) if params.text(name) not in (None, "0") else None
    if trigger is None:
        return None
    is_limit = params.choice(type_name, ("Market", "Limit"), "Market") == "Limit"
    limit = checked_price(params, limit_name, rules) if is_limit else None
    if is_limit and limit is None:
        raise Refused(BAD_ORDER_PARAMETER, f"{limit_name} is required.")
    return Exit(number(trigger), number(limit) if limit is not None else "")


def _kind(side: Side, order_type: str, trigger: Decimal | None, last: Decimal) -> OrderType:
    """The trigger's direction is told by where the market stands: above it the price must fall, below it rise."""
    if trigger is None:
        return OrderType.MARKET if order_type == "Market" else OrderType.LIMIT
    kind = (_RISING if trigger >= last else _FALLING)[side]
    return _WITH_LIMIT[kind] if order_type == "Limit" else kind
