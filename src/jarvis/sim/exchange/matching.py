"""How prices meet orders: walking the book, walking a bar, triggers, and the forced closing of a failing account.

A bar is walked once per account, along the path that is worst for it, and it is one continuous movement after a jump
to its open: whatever lies on the way happens at its own price and in the order in which the price gets there; what the
jump passed over happens at the open.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, round_down, round_up
from jarvis.domain.order import OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.sim.exchange import ladder, margin, orders, settlement, wallets
from jarvis.sim.exchange.records import (
    Borrow,
    OrderNews,
    SelfTrade,
    SimLiquidation,
    SimLot,
    SimOrder,
    SimOrderEvent,
    SimOrderRequest,
)
from jarvis.sim.exchange.state import FLAT, Account, Hall

_TAKE_PROFITS = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})

NOTHING_LEFT_TO_REDUCE = "Reduce only:No position exists"


def match_new(hall: Hall, account: Account, order: SimOrder) -> SimOrder:
    """The order after it met the book for the first time."""
    if order.is_waiting:
        return order
    if order.request.settle:
        return _settle(hall, account, order)
    if order.request.post_only:
        if orders.would_take(hall, hall.instruments[order.pair], order):
            return orders.end(hall, account, order, OrderStatus.CANCELLED, "Post only order")
        return order
    return take(hall, account, order)


def take(hall: Hall, account: Account, order: SimOrder) -> SimOrder:
    """The order after it traded with the book as far as its limit; what may not rest of it is cancelled."""
    wanted = _allowed(hall, account, order, is_maker=False)
    if wanted is None:
        return account.orders[order.order_id]
    for level in ladder.walk(hall.model.book, hall.instruments[order.pair], hall.prices[order.pair], order.side):
        if wanted == 0 or not _reaches(order, level.price):
            break
        order, is_blocked = _avoid_self_trade(hall, account, order, level.price)
        if is_blocked:
            return order
        part = min(level.quantity, wanted)
        if not _affords(hall, account, order, part, level.price):
            return orders.end(hall, account, order, OrderStatus.CANCELLED, "Insufficient funds")
        order, told = settlement.execute(hall, account, order, part, level.price, is_maker=False)
        orders.spawn_close(hall, account, told)
        wanted -= part
        if order.reduce_only and wanted:
            # Each fill's own fee may be rounded: what is still open says how much closes it.
            closable = orders.closable(hall, account, order.pair, order.side, is_maker=False)
            wanted = min(order.remaining_quantity, closable)
    return _end_rest(hall, account, order, reached_all=wanted == 0)


def fire_triggers(hall: Hall, account: Account, pair: Pair) -> None:
    """Do what the present price of the pair demands of waiting orders and of the account's margin."""
    _travel(hall, account, pair, hall.prices[pair], with_resting=False)
    margin.rearm_call(hall, account)


def walk_bar(hall: Hall, account: Account, bar: Bar) -> None:
    """Walk a bar along the path that is worst for the account; the price is then as before, the caller sets it."""
    pair = bar.pair
    before = hall.prices[pair]
    working = account.working.get(pair)
    if not working and not account.exposures and not account.debts:
        return
    if _can_matter(hall, account, bar):
        legs = (bar.low, bar.high) if _fears_the_low(account, pair) else (bar.high, bar.low)
        hall.prices[pair] = bar.open
        for target in (bar.open, *legs, bar.close):
            _travel(hall, account, pair, target, with_resting=True)
        margin.rearm_call(hall, account)
        hall.prices[pair] = before
    elif working:
        for order in tuple(working.values()):
            if order.peak_price is not None:
                _trail(hall, account, order, bar.low if order.side is Side.BUY else bar.high)


def check_margin(hall: Hall, account: Account) -> None:
    """Call or liquidate at the present prices, if the level demands it."""
    if hall.model.wallet is not None:
        if account.debts and wallets.surplus(hall, account, hall.rates(account).maintenance_rate) <= 0:
            liquidate(hall, account)
    else:
        now_level = margin.level(hall, account)
        if now_level is not None and now_level < hall.model.liquidation_level:
            liquidate(hall, account)
    margin.watch_call(hall, account)
    margin.rearm_call(hall, account)


def liquidate(hall: Hall, account: Account) -> bool:
    """Close the oldest lots by market order until the account is healthy; whether anything could be closed.

    Lots of pairs that do not trade now are passed over.
    """
    margin.watch_call(hall, account)
    if hall.model.wallet is not None:
        return _liquidate_wallet(hall, account)
    closed_any = False
    while True:
        lot = _oldest_lot(hall, account)
        now_level = margin.level(hall, account)
        if lot is None or now_level is None or (closed_any and now_level >= hall.model.healthy_level):
            return closed_any
        closed_any = True
        _close_by_force(hall, account, lot, now_level)


# --- the path ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Happening:
    """The next thing on the way: an order's, or (None) the account's liquidation."""

    price: Decimal
    distance: Decimal
    order_id: VenueOrderId | None


def _travel(hall: Hall, account: Account, pair: Pair, target: Decimal, *, with_resting: bool) -> None:
    """Move the price to `target`; what lies on the way happens, nearest first, older orders first, margin last."""
    while (happening := _next(hall, account, pair, target, with_resting=with_resting)) is not None:
        _move(hall, account, pair, happening.price)
        # Moving may have trailed the order: act on what it is now.
        if happening.order_id is None:
            liquidate(hall, account)
        else:
            _act_on(hall, account, account.orders[happening.order_id])
    _move(hall, account, pair, target)
    margin.watch_call(hall, account)


def _next(hall: Hall, account: Account, pair: Pair, target: Decimal, *, with_resting: bool) -> _Happening | None:
    now = hall.prices[pair]
    first: _Happening | None = None
    for order in account.working.get(pair, {}).values():
        price = _reached_at(hall, order, now, target, with_resting=with_resting)
        if price is not None and (first is None or abs(price - now) < first.distance):
            first = _Happening(price, abs(price - now), order.order_id)
    price = _liquidated_at(hall, account, pair, target)
    if price is not None and (first is None or abs(price - now) < first.distance):
        first = _Happening(price, abs(price - now), None)
    return first


def _reached_at(hall: Hall, order: SimOrder, now: Decimal, target: Decimal, *, with_resting: bool) -> Decimal | None:
    """The price on the way to `target` at which something happens to the order; None when nothing does."""
    if order.is_waiting:
        trigger = order.trigger_price
        if trigger is None:
            raise ValueError(f"order {order.order_id} waits for no price")
        sign = order.side.sign if order.order_type not in _TAKE_PROFITS else -order.side.sign
        if (now - trigger) * sign >= 0:
            return now
        return trigger if (target - trigger) * sign >= 0 else None
    if not with_resting:
        return None
    limit = order.limit_price
    if order.is_queued or limit is None:
        return now
    if _trades_through(hall, order, limit, now):
        return now
    if not _trades_through(hall, order, limit, target):
        return None
    return min(now, max(target, limit)) if target < now else max(now, min(target, limit))


def _trades_through(hall: Hall, order: SimOrder, limit: Decimal, price: Decimal) -> bool:
    """Whether a last price of `price` fills a limit order resting at `limit`: beyond it, or the book touches it."""
    distance = (limit - price) * order.side.sign
    if distance > 0:
        return True
    if distance < 0:
        return False
    first = ladder.best(hall.model.book, hall.instruments[order.pair], price, order.side)
    return first == limit


def _act_on(hall: Hall, account: Account, order: SimOrder) -> None:
    if order.is_queued:
        order = replace(order, is_queued=False)
        account.keep_order(order)
        match_new(hall, account, order)
    elif order.is_waiting:
        order = replace(order, triggered_at=hall.now)
        account.keep_order(order)
        hall.events.append(SimOrderEvent(account.name, OrderNews.TRIGGERED, order, hall.now))
        order = orders.wake(hall, account, order)
        if order.is_open:
            take(hall, account, order)
    else:
        _fill_resting(hall, account, order)


def _fill_resting(hall: Hall, account: Account, order: SimOrder) -> None:
    quantity = _allowed(hall, account, order, is_maker=True)
    price = order.limit_price
    if quantity is None or price is None:
        return
    if not _affords(hall, account, order, quantity, price):
        orders.end(hall, account, order, OrderStatus.CANCELLED, "Insufficient funds")
        return
    order, told = settlement.execute(hall, account, order, quantity, price, is_maker=True)
    orders.spawn_close(hall, account, told)
    _end_rest(hall, account, order, reached_all=True)


def _move(hall: Hall, account: Account, pair: Pair, price: Decimal) -> None:
    hall.prices[pair] = price
    for order in tuple(account.working.get(pair, {}).values()):
        if order.peak_price is not None:
            _trail(hall, account, order, price)


def _trail(hall: Hall, account: Account, order: SimOrder, price: Decimal) -> None:
    """Raise (sell) or lower (buy) a waiting trailing stop's water mark, and its prices with it."""
    if not order.is_waiting or order.peak_price is None or (order.peak_price - price) * order.side.sign <= 0:
        return
    trigger = orders.trailing_trigger(hall.instruments[order.pair], order, price)
    offset = order.request.limit_offset
    limit = trigger + offset if offset is not None else None
    account.keep_order(replace(order, peak_price=price, trigger_price=trigger, limit_price=limit))


def _fears_the_low(account: Account, pair: Pair) -> bool:
    """Whether the low comes before the high on the worst path.

    Held: the side that loses first. Flat: after the oldest entry the price should go against it, so a buy sees the
    high before it, and a sell the low.
    """
    quantity = account.quantity(pair)
    if quantity:
        return quantity > 0
    entries = (order for order in account.working.get(pair, {}).values() if not order.reduce_only)
    oldest = next(entries, None)
    return oldest is None or oldest.side is Side.SELL


def _can_matter(hall: Hall, account: Account, bar: Bar) -> bool:
    """Whether any price of the bar does something to the account: a cheap test that is never wrongly no."""
    pair, low, high = bar.pair, bar.low, bar.high
    for order in account.working.get(pair, {}).values():
        if order.is_queued:
            return True
        mark = order.trigger_price if order.is_waiting else order.limit_price
        if mark is None:
            return True
        offset = order.request.trailing_offset if order.is_waiting else None
        # The trigger is rounded to a tick, so it may stand up to one tick nearer than the offset.
        if offset is not None and high - low + hall.instruments[pair].tick >= offset:
            return True
        falls = (order.side is Side.SELL) == (order.is_waiting and order.order_type not in _TAKE_PROFITS)
        if (falls and low <= mark) or (not falls and high >= mark):
            return True
    if hall.model.wallet is not None:
        return _wallet_can_fail(hall, account, bar)
    if not account.exposures:
        return False
    if account.margin_called:
        return True
    slope = _slope(hall, account, pair)
    worst = low if slope > 0 else high
    lowest = margin.equity(hall, account) + slope * (worst - hall.prices[pair])
    floor = max(hall.model.margin_call_level, hall.model.liquidation_level)
    return lowest < floor * margin.used_margin(account)


# --- margin on the way ---------------------------------------------------------------------------------------------


def _slope(hall: Hall, account: Account, pair: Pair) -> Decimal:
    """How much equity changes when the pair's price rises by one: the position, and the base held as collateral."""
    quantity = account.exposures.get(pair, FLAT).quantity
    weight = hall.model.collateral.get(pair.base)
    return quantity if weight is None else quantity + account.balances.get(pair.base, ZERO) * weight


def _liquidated_at(hall: Hall, account: Account, pair: Pair, target: Decimal) -> Decimal | None:
    """The price on the way to `target` at which the account falls below the liquidation level."""
    now = hall.prices[pair]
    if hall.model.wallet is not None:
        return _wallet_liquidated_at(hall, account, pair, target)
    used = margin.used_margin(account)
    if not used or _oldest_lot(hall, account) is None:
        return None
    floor = hall.model.liquidation_level * used
    equity = margin.equity(hall, account)
    if equity < floor:
        return now
    slope = _slope(hall, account, pair)
    if equity + slope * (target - now) >= floor:
        return None
    exact = now + (floor - equity) / slope
    tick = hall.instruments[pair].tick
    if target < now:
        return max(target, round_down(exact, tick))
    return min(target, round_up(exact, tick))


def _wallet_can_fail(hall: Hall, account: Account, bar: Bar) -> bool:
    if not account.debts:
        return False
    if account.margin_called:
        return True
    rate = hall.rates(account).call_rate
    slope = wallets.slope(hall, account, bar.pair, rate)
    worst = bar.low if slope > 0 else bar.high
    return wallets.surplus(hall, account, rate) + slope * (worst - hall.prices[bar.pair]) <= 0


def _wallet_liquidated_at(hall: Hall, account: Account, pair: Pair, target: Decimal) -> Decimal | None:
    if not account.debts:
        return None
    now = hall.prices[pair]
    rate = hall.rates(account).maintenance_rate
    surplus = wallets.surplus(hall, account, rate)
    slope = wallets.slope(hall, account, pair, rate)
    if surplus > 0 and surplus + slope * (target - now) > 0:
        return None
    if not wallets.can_close(hall, account):
        return None
    if surplus <= 0:
        return now
    exact = now - surplus / slope
    tick = hall.instruments[pair].tick
    if target < now:
        return max(target, round_down(exact, tick))
    return min(target, round_up(exact, tick))


def _liquidate_wallet(hall: Hall, account: Account) -> bool:
    """Cancel all, sell what is owned, buy back what is owed, repay, and take the venue's fee; whether it traded.

    What is still owed then is a bad debt, or waits for a pair that does not trade now.
    """
    now_level = margin.level(hall, account)
    if now_level is None or not wallets.can_close(hall, account):
        return False
    for working in list(account.working.values()):
        for order in list(working.values()):
            orders.end(hall, account, order, OrderStatus.CANCELLED, "Liquidation")
    traded = ZERO
    tradable = [instrument for pair, instrument in hall.instruments.items() if hall.has_price(pair)]
    for instrument in tradable:
        if owned := wallets.forced_sale(account, instrument):
            traded += _trade_by_force(hall, account, instrument.pair, Side.SELL, owned, now_level)
    for asset in sorted(account.debts):
        wallets.repay(hall, account, asset, account.owed(asset), automatic=True)
    for instrument in tradable:
        while account.owed(instrument.pair.base):
            wanted = wallets.buy_back_quantity(hall, account, instrument)
            quantity = min(wanted, wallets.affordable(hall, instrument, account.free(hall.asset)))
            if quantity <= 0:
                break
            traded += _trade_by_force(hall, account, instrument.pair, Side.BUY, quantity, now_level)
    fee = round_up(traded * hall.rates(account).liquidation_fee_rate, wallets.STEP)
    fee = min(fee, max(ZERO, account.free(hall.asset)))
    if fee > 0:
        row = hall.post(account, "liquidation", LedgerKind.LIQUIDATION_FEE, hall.asset, ZERO, fee)
        hall.tell_row(account, row)
    return traded > 0


def _trade_by_force(
    hall: Hall, account: Account, pair: Pair, side: Side, quantity: Decimal, now_level: Decimal
) -> Decimal:
    """Trade at market whatever the order's minimum; what it cost or brought."""
    request = SimOrderRequest(
        pair=pair,
        side=side,
        order_type=OrderType.MARKET,
        quantity=quantity,
        self_trade=SelfTrade.CANCEL_OLDEST,
        pot=account.pot,
        borrow=Borrow.NONE,
        repay=True,
    )
    order = orders.fresh(hall, account, request, quantity)
    order = orders.enter(hall, account, replace(order, is_liquidation=True, is_queued=False))
    told = SimLiquidation(account.name, hall.now, now_level, pair, order.order_id, None, quantity, account.pot)
    account.liquidations.append(told)
    hall.events.append(told)
    after = take(hall, account, order)
    if after.is_open:
        after = orders.end(hall, account, after, OrderStatus.CANCELLED, "Liquidation")
    return after.filled_cost


def _oldest_lot(hall: Hall, account: Account) -> SimLot | None:
    heads = [lots[0] for pair, lots in account.open_lots.items() if hall.has_price(pair)]
    return min(heads, key=lambda lot: lot.number, default=None)


def _close_by_force(hall: Hall, account: Account, lot: SimLot, now_level: Decimal) -> None:
    quantity = lot.remaining_quantity
    request = SimOrderRequest(
        pair=lot.pair,
        side=lot.side.opposite,
        order_type=OrderType.MARKET,
        quantity=quantity,
        leverage=lot.leverage,
        reduce_only=True,
        self_trade=SelfTrade.CANCEL_OLDEST,
    )
    order = orders.fresh(hall, account, request, quantity)
    order = orders.enter(hall, account, replace(order, is_liquidation=True, is_queued=False))
    hall.events.append(
        SimLiquidation(account.name, hall.now, now_level, lot.pair, order.order_id, lot.lot_id, quantity)
    )
    take(hall, account, order)


# --- what an order may still do ------------------------------------------------------------------------------------


def _allowed(hall: Hall, account: Account, order: SimOrder, *, is_maker: bool) -> Decimal | None:
    """How much of the order may trade now; None when it may not at all and was cancelled for it."""
    if order.reduce_only:
        closable = orders.closable(hall, account, order.pair, order.side, is_maker=is_maker)
        if closable == 0:
            orders.end(hall, account, order, OrderStatus.CANCELLED, NOTHING_LEFT_TO_REDUCE)
            return None
        return min(order.remaining_quantity, closable)
    if order.is_margin and hall.model.wallet is None:
        refused = margin.refuse_opening(hall, account, order, with_reserved=False)
        if refused is not None:
            orders.end(hall, account, order, OrderStatus.CANCELLED, refused.reason.value)
            return None
    return order.remaining_quantity


def _end_rest(hall: Hall, account: Account, order: SimOrder, *, reached_all: bool) -> SimOrder:
    """Cancel what is left of an order that reduced all there was, or that may not rest."""
    if not order.is_open:
        return order
    if order.reduce_only and reached_all:
        return orders.end(hall, account, order, OrderStatus.CANCELLED, NOTHING_LEFT_TO_REDUCE)
    if order.request.time_in_force is TimeInForce.IOC:
        return orders.end(hall, account, order, OrderStatus.CANCELLED, "Immediate or cancel")
    return order


def _reaches(order: SimOrder, price: Decimal) -> bool:
    return order.limit_price is None or (order.limit_price - price) * order.side.sign >= 0


def _affords(hall: Hall, account: Account, order: SimOrder, quantity: Decimal, price: Decimal) -> bool:
    if hall.model.wallet is not None:
        return wallets.affords(hall, account, order, quantity, price)
    if order.is_margin:
        return True
    if order.side is Side.SELL:
        asset, needed = order.pair.base, quantity
    else:
        asset, needed = order.pair.quote, orders.cost_with_fee(hall, order.pair, quantity, price)
    return needed <= account.balances.get(asset, ZERO) - account.held(asset, besides=order.order_id)


def _avoid_self_trade(hall: Hall, account: Account, order: SimOrder, price: Decimal) -> tuple[SimOrder, bool]:
    """The order, and whether it ended, when own resting orders stand at `price` or before it in the book."""
    for rival in tuple(account.working[order.pair].values()):
        if (
            rival.side is order.side
            or rival.is_waiting
            or rival.limit_price is None
            or (price - rival.limit_price) * order.side.sign < 0
        ):
            continue
        if order.request.self_trade is not SelfTrade.CANCEL_NEWEST:
            orders.end(hall, account, rival, OrderStatus.CANCELLED, "Self trade")
        if order.request.self_trade is not SelfTrade.CANCEL_OLDEST:
            return orders.end(hall, account, order, OrderStatus.CANCELLED, "Self trade"), True
    return order, False


def _settle(hall: Hall, account: Account, order: SimOrder) -> SimOrder:
    """The order after it closed lots from balances; what the lots or the balances do not suffice for is cancelled."""
    for lot in tuple(account.open_lots.get(order.pair, ())):
        quantity = min(order.remaining_quantity, lot.remaining_quantity)
        if quantity == 0 or lot.side is order.side or not _can_settle(account, order, lot, quantity):
            break
        order = settlement.settle(hall, account, order, lot, quantity)
    if order.is_open:
        return orders.end(hall, account, order, OrderStatus.CANCELLED, "Insufficient funds")
    return order


def _can_settle(account: Account, order: SimOrder, lot: SimLot, quantity: Decimal) -> bool:
    if order.side is Side.BUY:
        return quantity <= account.balances.get(order.pair.base, ZERO) - account.held(order.pair.base)
    quote = order.pair.quote
    return lot.remaining_cost * quantity / lot.remaining_quantity <= account.balances.get(quote, ZERO) - account.held(
        quote
    )
