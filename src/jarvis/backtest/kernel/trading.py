"""What one execution does to the account, and how the book is walked."""

import numpy as np

from jarvis.backtest.kernel.arrays import BEYOND, DONE, ENTRY, FULL, LIQUIDATED, MOST_LOTS, TARGET, Run
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.numbers import ceil_of, floor_of, part_of

_MULTIPLE = 2520.0
"""Of every leverage up to ten."""


@compiled
def equity_of(run: Run) -> float:
    """The balance and what is open at the last prices (cost steps, not rounded)."""
    account, pairs, rules = run.account[0], run.pairs, run.rules
    value = account.balance
    for p in range(len(pairs)):
        if pairs[p].quantity != 0.0:
            worth = pairs[p].quantity * pairs[p].price * rules[p].money_numerator / rules[p].money_denominator
            value += worth - pairs[p].cost
    return value


@compiled
def used_margin(run: Run) -> float:
    """What the open lots bind (cost steps, not rounded)."""
    pairs, lots = run.pairs, run.lots
    used = 0.0
    for p in range(len(pairs)):
        for i in range(pairs[p].lot_count):
            # Whole numbers until the end: the sum of two parts of a step may be just half a step.
            used += lots[p, i].cost * (_MULTIPLE / lots[p, i].leverage)
    return used / _MULTIPLE


@compiled
def is_idle(run: Run) -> bool:
    """Whether nothing is open."""
    for pair in run.pairs:  # noqa: SIM110 - all() over a generator is not compiled
        if pair.quantity != 0.0:
            return False
    return True


@compiled
def is_trading(p: int, run: Run) -> bool:
    """Whether orders of the pair can match now: no bar of it is missing."""
    account, pairs, terms = run.account[0], run.pairs, run.terms[0]
    return account.now < terms.start + (pairs[p].bar_step + 1) * terms.step


@compiled
def _begin_trade(p: int, side: float, run: Run) -> None:
    """Open the record of a new position, if the log has room."""
    account, pairs, trades = run.account[0], run.pairs, run.trades
    trade = int(account.trades)
    if trade >= len(trades):
        account.status = FULL
        return
    account.trades += 1
    pairs[p].trade = trade
    pairs[p].opened_at = int(account.now)
    record = trades[trade]
    record.pair = p
    record.side = int(side)
    record.opened_at = account.now


@compiled
def _add_lot(p: int, side: float, quantity: float, cost: float, leverage: float, run: Run) -> None:
    account, pairs, lots, terms = run.account[0], run.pairs, run.lots, run.terms[0]
    i = pairs[p].lot_count
    if i >= MOST_LOTS:
        account.status = BEYOND
        return
    account.lots_opened += 1
    pairs[p].lot_count = i + 1
    lots[p, i].quantity = quantity
    lots[p, i].cost = cost
    lots[p, i].leverage = leverage
    lots[p, i].due = int(account.now) + terms.rollover_period
    lots[p, i].number = account.lots_opened
    pairs[p].quantity += quantity * side
    pairs[p].cost += cost * side


@compiled
def _net(p: int, side: float, quantity: float, cost: float, run: Run) -> float:
    """Close the oldest lots first; what that realised (cost steps)."""
    pairs, lots = run.pairs, run.lots
    left, left_cost, realised, gone = quantity, cost, 0.0, 0
    for i in range(pairs[p].lot_count):
        if left == 0.0:
            break
        part = min(left, lots[p, i].quantity)
        paid = part_of(lots[p, i].cost, part, lots[p, i].quantity)
        got = part_of(left_cost, part, left)
        realised -= (got - paid) * side
        lots[p, i].quantity -= part
        lots[p, i].cost -= paid
        pairs[p].cost += paid * side
        left -= part
        left_cost -= got
        if lots[p, i].quantity == 0.0:
            gone += 1
    pairs[p].lot_count -= gone
    for i in range(pairs[p].lot_count if gone else 0):
        lots[p, i].quantity = lots[p, i + gone].quantity
        lots[p, i].cost = lots[p, i + gone].cost
        lots[p, i].leverage = lots[p, i + gone].leverage
        lots[p, i].due = lots[p, i + gone].due
        lots[p, i].number = lots[p, i + gone].number
    pairs[p].quantity += quantity * side
    return realised


@compiled
def execute(
    p: int, side: float, quantity: float, ticks: float, decided: float, leverage: float, role: int, run: Run
) -> None:
    """One fill: netted by FIFO, booked, written down. `decided` is the price that its order was decided at."""
    account, pairs, rules, terms, trades = run.account[0], run.pairs, run.rules, run.terms[0], run.trades
    cost = np.rint(quantity * ticks * rules[p].money_numerator / rules[p].money_denominator)
    if role == TARGET:
        fee = np.rint(cost * terms.maker_numerator / terms.maker_denominator)
    else:
        fee = np.rint(cost * terms.taker_numerator / terms.taker_denominator)
    better = (decided * quantity * rules[p].money_numerator / rules[p].money_denominator - cost) * side
    opening_fee, realised = 0.0, 0.0
    if role == ENTRY:
        if pairs[p].trade < 0:
            _begin_trade(p, side, run)
        _add_lot(p, side, quantity, cost, leverage, run)
        if account.status != DONE:
            return
        opening_fee = np.rint(cost * rules[p].opening_numerator / rules[p].opening_denominator)
    else:
        realised = _net(p, side, quantity, cost, run)
    account.balance += realised - fee - opening_fee
    trade = trades[pairs[p].trade]
    trade.fee += fee
    trade.opening_fee += opening_fee
    if role == ENTRY:
        trade.quantity += quantity
        trade.margin += cost / leverage
        trade.opening_slippage += better
    elif role == LIQUIDATED:
        trade.liquidation += realised
    else:
        trade.realised += realised
        trade.closing_slippage += better
        trade.closed_quantity += quantity
    if pairs[p].quantity == 0.0:
        trade.closed_at = account.now
    if role != LIQUIDATED:
        pairs[p].last_price = ticks
    if terms.keeps_fills:
        _write_down(p, side, quantity, ticks, cost, fee, opening_fee, role, run)
    account.fills += 1


@compiled
def _write_down(
    p: int, side: float, quantity: float, ticks: float, cost: float, fee: float, opening_fee: float, role: int, run: Run
) -> None:
    account, pairs, fills = run.account[0], run.pairs, run.fills
    n = int(account.fills)
    if n >= len(fills):
        account.status = FULL
        return
    fill = fills[n]
    fill.at = account.now
    fill.pair = p
    fill.side = int(side)
    fill.quantity = quantity
    fill.price = ticks
    fill.cost = cost
    fill.fee = fee
    fill.opening_fee = opening_fee
    fill.role = role
    fill.trade = pairs[p].trade


@compiled
def take(p: int, side: float, quantity: float, decided: float, leverage: float, role: int, run: Run) -> None:
    """Trade at market: walk the book around the pair's price, level by level."""
    account, pairs, rules, terms = run.account[0], run.pairs, run.rules, run.terms[0]
    price = pairs[p].price
    left = quantity
    reached = 0.0
    n = 0
    while left > 0.0 and account.status == DONE:
        away = terms.half_spread + n * terms.level_step
        if side > 0:
            level = ceil_of(price * (10_000.0 + away) / 10_000.0)
            if n and level <= reached:
                level = reached + 1.0
        else:
            level = max(1.0, floor_of(price * (10_000.0 - away) / 10_000.0))
            if n and level >= reached:
                level = max(1.0, reached - 1.0)
        reached = level
        offered = max(1.0, floor_of(terms.level_quote / (level * rules[p].tick) / rules[p].lot))
        part = min(offered, left)
        execute(p, side, part, level, decided, leverage, role, run)
        left -= part
        n += 1


@compiled
def close(p: int, quantity: float, decided: float, role: int, run: Run) -> None:
    """Close up to `quantity` of a position at market."""
    pairs = run.pairs
    if pairs[p].quantity == 0.0:
        return
    side = -1.0 if pairs[p].quantity > 0 else 1.0
    take(p, side, min(quantity, abs(pairs[p].quantity)), decided, 0.0, role, run)


@compiled
def liquidate(run: Run) -> None:
    """Close the oldest lots until the account is healthy; after that nothing is opened any more."""
    account, pairs, lots, terms = run.account[0], run.pairs, run.lots, run.terms[0]
    closed_any = False
    while account.status == DONE:
        used = used_margin(run)
        oldest = -1
        for p in range(len(pairs)):
            # A pair of which the last bar is missing does not trade.
            is_priced = account.now <= terms.start + (pairs[p].bar_step + 1) * terms.step
            if pairs[p].lot_count and is_priced and (oldest < 0 or lots[p, 0].number < lots[oldest, 0].number):
                oldest = p
        if oldest < 0 or used == 0.0 or (closed_any and equity_of(run) >= terms.healthy_level * used):
            break
        closed_any = True
        close(oldest, lots[oldest, 0].quantity, 0.0, LIQUIDATED, run)
        account.blocked = 1
