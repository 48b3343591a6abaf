"""Orders coming and going: what is refused and why, what is held, how an order enters, changes and ends."""

from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.money import ZERO, Asset, is_multiple
from jarvis.domain.order import LIMIT_TYPES, TRIGGERED_TYPES, OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.sim.exchange import ladder, margin, wallets
from jarvis.sim.exchange.records import (
    OrderNews,
    Refusal,
    SimFill,
    SimOrder,
    SimOrderEvent,
    SimOrderRequest,
    SimRefused,
)
from jarvis.sim.exchange.state import EXPIRY, Account, Hall

NOT_YET = VenueOrderId("")


def draft(hall: Hall, account: Account, request: SimOrderRequest) -> SimOrder | SimRefused:
    """The order that the request would become, without an id; or why it is refused."""
    instrument = hall.instruments.get(request.pair)
    if instrument is None:
        return SimRefused(Refusal.INVALID, f"{request.pair} is not listed")
    if account.pot and account.pot != str(request.pair):
        return SimRefused(Refusal.INVALID, f"{request.pair} does not trade in the account of {account.pot}")
    refused = (
        _refuse_shape(request, is_wallet=hall.model.wallet is not None)
        or _refuse_status(instrument, request)
        or (_refuse_leverage(instrument, request) if hall.model.wallet is None else None)
        or _refuse_prices(instrument, request.limit_price, request.trigger_price)
    )
    if refused is not None:
        return refused
    if request.expires_at is not None and request.expires_at <= hall.now:
        return SimRefused(Refusal.INVALID, "the order would have expired already")
    order = _resolved(hall, account, request, instrument)
    if order is None:
        return SimRefused(Refusal.NOTHING_TO_REDUCE, "there is no position that this order could reduce")
    return _refuse_size(hall, instrument, order) or _refuse_in_account(hall, account, order) or order


def enter(hall: Hall, account: Account, order: SimOrder) -> SimOrder:
    """The order in the book: numbered, held for, told as new."""
    order = replace(order, order_id=hall.ids.order(), number=hall.next_order_number(), placed_at=hall.now)
    account.keep_order(order)
    if order.client_order_id is not None:
        account.client_ids[order.client_order_id] = order.order_id
    _hold(hall, account, order)
    if order.request.expires_at is not None:
        hall.set_timer(order.request.expires_at, EXPIRY, account, order.order_id)
    hall.events.append(SimOrderEvent(account.name, OrderNews.NEW, order, hall.now))
    return order


def end(hall: Hall, account: Account, order: SimOrder, status: OrderStatus, reason: str) -> SimOrder:
    """The order after it was cancelled or expired, for a reason that its owner can read."""
    after = replace(order, status=status, reason=reason, closed_at=hall.now)
    account.keep_order(after)
    kind = OrderNews.EXPIRED if status is OrderStatus.EXPIRED else OrderNews.CANCELLED
    hall.events.append(SimOrderEvent(account.name, kind, after, hall.now, reason))
    return after


def change(
    hall: Hall,
    account: Account,
    order: SimOrder,
    *,
    quantity: Decimal | None,
    limit_price: Decimal | None,
    trigger_price: Decimal | None,
) -> SimOrder | SimRefused:
    """The order after an amendment, told as amended; or why it is refused and stays as it was."""
    instrument = hall.instruments[order.pair]
    if instrument.status in (InstrumentStatus.CANCEL_ONLY, InstrumentStatus.DELISTED):
        return SimRefused(Refusal.MARKET_CLOSED, f"{order.pair} is in {instrument.status.value} mode")
    refused = _refuse_prices(instrument, limit_price, trigger_price)
    if refused is not None:
        return refused
    if limit_price is not None and order.limit_price is None:
        return SimRefused(Refusal.INVALID, "the order has no limit price")
    if trigger_price is not None and (not order.is_waiting or order.order_type is OrderType.TRAILING_STOP):
        return SimRefused(Refusal.INVALID, "the order has no trigger price that could be changed")
    if quantity is not None and quantity <= order.filled_quantity:
        return SimRefused(Refusal.INVALID, f"{order.filled_quantity} are filled already")
    changed = replace(
        order,
        quantity=order.quantity if quantity is None else quantity,
        limit_price=order.limit_price if limit_price is None else limit_price,
        trigger_price=order.trigger_price if trigger_price is None else trigger_price,
    )
    refused = _refuse_size(hall, instrument, changed) or _refuse_taking(hall, instrument, changed)
    refused = refused or _refuse_funds(hall, account, changed)
    if refused is not None:
        return refused
    account.keep_order(changed)
    _hold(hall, account, changed)
    hall.events.append(SimOrderEvent(account.name, OrderNews.AMENDED, changed, hall.now))
    return changed


def spawn_close(hall: Hall, account: Account, told: SimFill) -> None:
    """Place the conditional close of one fill: opposite, of its quantity, the parent's id as `parent_id`."""
    parent = told.order
    close = parent.request.close
    if close is None or (parent.is_margin and told.opened_quantity == 0):
        return
    instrument = hall.instruments[parent.pair]
    price = told.fill.price
    trigger = close.trigger_price.resolve(price, instrument.tick) if close.trigger_price is not None else None
    reference = trigger if trigger is not None else price
    request = SimOrderRequest(
        pair=parent.pair,
        side=parent.side.opposite,
        order_type=close.order_type,
        quantity=told.fill.quantity,
        leverage=parent.leverage,
        limit_price=close.limit_price.resolve(reference, instrument.tick) if close.limit_price is not None else None,
        trigger_price=trigger,
        trailing_offset=close.trailing_offset,
        reduce_only=parent.is_margin,
        userref=parent.request.userref,
    )
    enter(hall, account, replace(fresh(hall, account, request, request.quantity), parent_id=parent.order_id))


def fresh(hall: Hall, account: Account, request: SimOrderRequest, quantity: Decimal) -> SimOrder:
    """The order that the request means, checked by nobody and known to nobody yet."""
    order = SimOrder(
        order_id=NOT_YET,
        account=account.name,
        request=request,
        number=0,
        placed_at=hall.now,
        quantity=quantity,
        limit_price=request.limit_price,
        trigger_price=request.trigger_price,
        is_queued=not hall.is_trading(request.pair) and request.order_type not in TRIGGERED_TYPES,
    )
    if request.order_type is not OrderType.TRAILING_STOP:
        return order
    peak = hall.prices[request.pair]
    trigger = trailing_trigger(hall.instruments[request.pair], order, peak)
    limit = trigger + request.limit_offset if request.limit_offset is not None else None
    return replace(order, peak_price=peak, trigger_price=trigger, limit_price=limit)


def trailing_trigger(instrument: Instrument, order: SimOrder, peak: Decimal) -> Decimal:
    """Where a trailing stop stands when the price has been at `peak`."""
    offset = order.request.trailing_offset or ZERO
    return max(instrument.tick, instrument.round_stop(peak + order.side.sign * offset, order.side))


def wake(hall: Hall, account: Account, order: SimOrder) -> SimOrder:
    """A triggered order that kept nothing while it waited, now with funds of its own, or cancelled for want of them."""
    if order.request.locks or hall.model.wallet is None:
        return order
    refused = _refuse_funds(hall, account, order)
    if refused is not None:
        return end(hall, account, order, OrderStatus.CANCELLED, "Insufficient funds")
    _hold(hall, account, order)
    return order


def closable(hall: Hall, account: Account, pair: Pair, side: Side, *, is_maker: bool) -> Decimal:
    """How much an order of this side could trade and still only reduce what is open."""
    if hall.model.wallet is not None:
        return wallets.closable(hall, account, pair, side, is_maker=is_maker)
    return max(ZERO, -account.quantity(pair) * side.sign)


def _resolved(hall: Hall, account: Account, request: SimOrderRequest, instrument: Instrument) -> SimOrder | None:
    """The order with its real quantity; None when it should reduce and nothing is there."""
    reducible = closable(hall, account, request.pair, request.side, is_maker=False)
    quantity = request.quantity
    if request.leverage is not None and quantity == 0:
        quantity = reducible
    if (request.reduce_only or request.settle or request.quantity == 0) and reducible == 0:
        return None
    if request.settle:
        quantity = min(quantity, reducible)
    if request.quantity_in_quote and hall.model.wallet is not None:
        quantity = wallets.affordable(hall, instrument, quantity)
    elif request.quantity_in_quote:
        price = ladder.best(hall.model.book, instrument, hall.prices[request.pair], request.side)
        quantity = instrument.round_quantity(quantity / price)
    return fresh(hall, account, request, quantity)


def _refuse_shape(request: SimOrderRequest, *, is_wallet: bool) -> SimRefused | None:
    kind = request.order_type
    if request.quantity < 0 or (request.quantity == 0 and request.leverage is None):
        return SimRefused(Refusal.INVALID, "the quantity must be positive")
    if (kind in LIMIT_TYPES) != (request.limit_price is not None):
        return SimRefused(Refusal.INVALID, f"a {kind.value} order and its limit price do not go together")
    if kind is OrderType.TRAILING_STOP:
        if request.trailing_offset is None or request.trailing_offset <= 0:
            return SimRefused(Refusal.INVALID, "a trailing stop needs a positive offset")
    elif (kind in TRIGGERED_TYPES) != (request.trigger_price is not None):
        return SimRefused(Refusal.INVALID, f"a {kind.value} order and its trigger price do not go together")
    if request.post_only and (kind is not OrderType.LIMIT or request.time_in_force is TimeInForce.IOC):
        return SimRefused(Refusal.INVALID, "only a limit order that may rest can be post-only")
    if (request.time_in_force is TimeInForce.GTD) != (request.expires_at is not None):
        return SimRefused(Refusal.INVALID, "a good-till-date order, and no other, needs an expiry")
    if not is_wallet and request.leverage is None and (request.reduce_only or request.settle):
        return SimRefused(Refusal.INVALID, "only a margin order can reduce or settle a position")
    if request.settle and kind is not OrderType.MARKET:
        return SimRefused(Refusal.INVALID, "a settling order has no price")
    if request.quantity_in_quote and (
        kind is not OrderType.MARKET or request.side is not Side.BUY or (request.leverage is not None and not is_wallet)
    ):
        return SimRefused(Refusal.INVALID, "only a spot market buy can be given in quote")
    if request.close is not None and (request.reduce_only or request.quantity == 0 or request.settle):
        return SimRefused(Refusal.INVALID, "an order that reduces cannot have a conditional close")
    return None


def _refuse_status(instrument: Instrument, request: SimOrderRequest) -> SimRefused | None:
    match instrument.status:
        case InstrumentStatus.ONLINE:
            return None
        case InstrumentStatus.POST_ONLY:
            allowed = request.post_only
        case InstrumentStatus.LIMIT_ONLY:
            allowed = request.order_type in LIMIT_TYPES
        case InstrumentStatus.REDUCE_ONLY:
            allowed = request.reduce_only or request.settle or request.quantity == 0
        case InstrumentStatus.CANCEL_ONLY | InstrumentStatus.DELISTED:
            allowed = False
        case _:
            assert_never(instrument.status)
    if allowed:
        return None
    return SimRefused(Refusal.MARKET_CLOSED, f"{request.pair} is in {instrument.status.value} mode")


def _refuse_leverage(instrument: Instrument, request: SimOrderRequest) -> SimRefused | None:
    if request.leverage is None or request.leverage in instrument.leverages(request.side):
        return None
    return SimRefused(
        Refusal.NOT_ELIGIBLE, f"leverage {request.leverage} is not offered to {request.side.value} {request.pair}"
    )


def _refuse_prices(instrument: Instrument, *prices: Decimal | None) -> SimRefused | None:
    for price in prices:
        if price is not None and not instrument.price_fits(price):
            return SimRefused(Refusal.PRICE_STEP, f"{price} is not a positive multiple of the tick {instrument.tick}")
    return None


def _refuse_size(hall: Hall, instrument: Instrument, order: SimOrder) -> SimRefused | None:
    if order.request.quantity == 0 or order.request.settle:
        return None
    if not is_multiple(order.quantity, instrument.lot):
        return SimRefused(Refusal.INVALID, f"{order.quantity} is not a multiple of the lot {instrument.lot}")
    if order.quantity < instrument.min_quantity:
        return SimRefused(Refusal.BELOW_MINIMUM, f"order minimum not met: {instrument.min_quantity} {order.pair.base}")
    price = order.limit_price or order.trigger_price or hall.prices[order.pair]
    if order.quantity * price < instrument.min_cost:
        return SimRefused(Refusal.BELOW_MINIMUM, f"cost minimum not met: {instrument.min_cost} {order.pair.quote}")
    return None


def _refuse_in_account(hall: Hall, account: Account, order: SimOrder) -> SimRefused | None:
    working = account.working.get(order.pair, {})
    client_id = order.client_order_id
    known = account.client_ids.get(client_id) if client_id is not None else None
    if known is not None and account.orders[known].is_open:
        return SimRefused(Refusal.DUPLICATE_ID, "an open order has this client order id")
    if len(working) >= hall.model.max_open_orders:
        return SimRefused(Refusal.ORDER_LIMIT, f"at most {hall.model.max_open_orders} orders may be open on a pair")
    instrument = hall.instruments[order.pair]
    return _refuse_taking(hall, instrument, order) or _refuse_funds(hall, account, order)


def _refuse_taking(hall: Hall, instrument: Instrument, order: SimOrder) -> SimRefused | None:
    if order.request.post_only and would_take(hall, instrument, order):
        return SimRefused(Refusal.WOULD_TAKE, "a post-only order would have taken")
    return None


def cost_with_fee(hall: Hall, pair: Pair, quantity: Decimal, price: Decimal) -> Decimal:
    """What buying costs in quote, with the higher of the two trading fees."""
    instrument = hall.instruments[pair]
    cost = instrument.round_cost(quantity * price)
    return cost + instrument.round_cost(cost * max(hall.model.fee.maker_rate, hall.model.fee.taker_rate))


def would_take(hall: Hall, instrument: Instrument, order: SimOrder) -> bool:
    """Whether the order's limit reaches the other side of the book."""
    if order.limit_price is None:
        return True
    first = ladder.best(hall.model.book, instrument, hall.prices[order.pair], order.side)
    return (order.limit_price - first) * order.side.sign >= 0


def _refuse_funds(hall: Hall, account: Account, order: SimOrder) -> SimRefused | None:
    if order.request.settle:
        return _refuse_settling(account, order)
    if hall.model.wallet is not None:
        return None if order.reduce_only else wallets.refuse_funds(hall, account, order)
    if order.is_margin:
        return margin.refuse_opening(hall, account, order, with_reserved=True)
    asset, amount = _to_hold(hall, order)
    free = account.balances.get(asset, ZERO) - account.held(asset, besides=order.order_id)
    if amount > free:
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"{amount} {asset} are needed and {free} are free")
    return None


def _refuse_settling(account: Account, order: SimOrder) -> SimRefused | None:
    if order.side is Side.BUY:
        asset, needed = order.pair.base, order.quantity
    else:
        exposure = account.exposures[order.pair]
        asset, needed = order.pair.quote, exposure.cost * order.quantity / exposure.quantity
    if needed > account.balances.get(asset, ZERO) - account.held(asset):
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"settling needs {needed} {asset}")
    return None


def _to_hold(hall: Hall, order: SimOrder) -> tuple[Asset, Decimal]:
    """What a spot order binds: the base that it sells, or the quote that it may cost with the higher fee."""
    if order.side is Side.SELL:
        return order.pair.base, order.remaining_quantity
    price = order.limit_price or order.trigger_price
    if price is None:
        price = ladder.best(hall.model.book, hall.instruments[order.pair], hall.prices[order.pair], order.side)
    return order.pair.quote, cost_with_fee(hall, order.pair, order.remaining_quantity, price)


def _hold(hall: Hall, account: Account, order: SimOrder) -> None:
    if hall.model.wallet is not None:
        wallets.hold(hall, account, order)
    elif not order.is_margin:
        account.holds[order.order_id] = _to_hold(hall, order)
