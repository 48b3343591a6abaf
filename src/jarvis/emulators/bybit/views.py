"""Orders and fills of the exchange as Bybit writes them, the same by REST and by stream."""

from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderStatus, OrderType
from jarvis.emulators.bybit.orders import ORDER
from jarvis.emulators.bybit.state import OrderNote, VenueState, symbol_of
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.sim.exchange import SimFill, SimOrder

_FORCED = OrderNote(
    account="",
    link_id="",
    is_leveraged=True,
    order_type="Market",
    time_in_force="IOC",
    order_filter=ORDER,
    quantity="",
    price="0",
    market_unit="baseCoin",
)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)


def note_of(state: VenueState, order: SimOrder) -> OrderNote:
    """What its client wrote; an order that the venue made itself gets a note of its own."""
    note = state.notes.get(order.order_id)
    return note or _FORCED.changed(account=order.account, quantity=number(order.quantity))


def status_of(order: SimOrder) -> str:
    """The venue's word for how the order stands."""
    match order.status:
        case OrderStatus.PARTLY_FILLED:
            return "PartiallyFilled"
        case OrderStatus.FILLED:
            return "Filled"
        case OrderStatus.CANCELLED | OrderStatus.EXPIRED:
            if order.filled_quantity:
                return "PartiallyFilledCanceled"
            return "Deactivated" if order.is_waiting else "Cancelled"
        case _:
            return "Untriggered" if order.is_waiting else "New"


def order_row(state: VenueState, order: SimOrder) -> Json:
    """The order as realtime and history write it."""
    note = note_of(state, order)
    average = order.average_price
    left = order.remaining_quantity if order.is_open else ZERO
    reference = order.limit_price or order.trigger_price or average or ZERO
    trigger = order.trigger_price
    changed_at = order.closed_at or order.triggered_at or order.placed_at
    return {
        "orderId": state.ids.order(order.order_id),
        "orderLinkId": note.link_id,
        "parentOrderLinkId": "",
        "blockTradeId": "",
        "symbol": symbol_of(order.pair),
        "price": number(order.limit_price) if order.limit_price is not None else note.price,
        "qty": note.quantity if note.market_unit == "quoteCoin" else number(order.quantity),
        "side": order.side.value.capitalize(),
        "isLeverage": "1" if note.is_leveraged else "0",
        "positionIdx": 0,
        "orderStatus": status_of(order),
        "cancelType": note.cancel_type,
        "rejectReason": note.reject_reason,
        "avgPrice": number(average, 12) if average is not None else "",
        "leavesQty": number(left),
        "leavesValue": number(left * reference, 8),
        "cumExecQty": number(order.filled_quantity),
        "cumExecValue": number(order.filled_cost),
        "cumExecFee": _fee_total(state, order),
        "cumFeeDetail": _fees(state, order),
        "timeInForce": note.time_in_force,
        "orderType": note.order_type,
        "stopOrderType": note.stop_type,
        "orderIv": "",
        "marketUnit": note.market_unit,
        "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "",
        "triggerPrice": number(trigger) if trigger is not None else "0.00",
        "takeProfit": note.take_profit.trigger if note.take_profit else "0.00",
        "stopLoss": note.stop_loss.trigger if note.stop_loss else "0.00",
        "ocoTriggerBy": "",
        "tpLimitPrice": note.take_profit.limit if note.take_profit else "",
        "slLimitPrice": note.stop_loss.limit if note.stop_loss else "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "lastPriceOnCreated": note.last_price,
        "basePrice": note.last_price,
        "reduceOnly": False,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createdTime": str(millis(order.placed_at)),
        "updatedTime": str(millis(changed_at)),
    }


def fill_row(state: VenueState, fill: SimFill) -> Json:
    """One fill as execution/list writes it."""
    executed, order = fill.fill, fill.order
    note = note_of(state, order)
    basis = executed.quantity if executed.fee_asset == executed.pair.base else executed.cost
    return {
        "symbol": symbol_of(executed.pair),
        "orderId": state.ids.order(order.order_id),
        "orderLinkId": note.link_id,
        "side": executed.side.value.capitalize(),
        "orderPrice": number(order.limit_price) if order.limit_price is not None else "0",
        "orderQty": number(order.quantity),
        "leavesQty": number(order.remaining_quantity),
        "createType": "CreateByLiq" if executed.is_liquidation else "CreateByUser",
        "orderType": note.order_type,
        "stopOrderType": note.stop_type,
        "execFee": number(executed.fee),
        "execId": state.ids.fill(fill.number),
        "execPrice": number(executed.price),
        "execQty": number(executed.quantity),
        "execType": "BustTrade" if executed.is_liquidation else "Trade",
        "execValue": number(executed.cost),
        "execTime": str(millis(executed.at)),
        "feeCurrency": executed.fee_asset,
        "isMaker": executed.is_maker,
        "feeRate": number(executed.fee / basis, 8) if basis else "0",
        "tradeIv": "",
        "markIv": "",
        "markPrice": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
        "seq": fill.number,
        "extraFees": "",
        "isLeverage": "1" if note.is_leveraged else "0",
        "marketUnit": note.market_unit,
    }


def spent_asset(order: SimOrder) -> str:
    """The coin that the order gives away."""
    return order.pair.quote if order.side is Side.BUY else order.pair.base


def spends(order: SimOrder, last: Decimal) -> Decimal:
    """How much of it what is left of the order still gives away; `last` prices what has no price of its own."""
    if order.side is Side.SELL:
        return order.remaining_quantity
    price = order.limit_price if order.order_type in _LIMITS else order.trigger_price
    return order.remaining_quantity * (price or last)


def _fees(state: VenueState, order: SimOrder) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for fill in state.fills_of(order):
        sums[fill.fill.fee_asset] = sums.get(fill.fill.fee_asset, ZERO) + fill.fill.fee
    return {asset: number(fee) for asset, fee in sums.items()}


def _fee_total(state: VenueState, order: SimOrder) -> str:
    return next(iter(_fees(state, order).values()), "0")
