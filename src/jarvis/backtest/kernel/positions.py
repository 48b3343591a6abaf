"""The engine: how positions are opened, protected and left."""

import numpy as np

from jarvis.backtest.kernel.arrays import BEYOND, DONE, ENTRY, SIGNAL, STOP, Run, Wishes
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.numbers import NEAR, ceil_of, floor_of, steps_of
from jarvis.backtest.kernel.path import passes
from jarvis.backtest.kernel.trading import close, equity_of, is_trading, take, used_margin

_TIER_BLOCK = 2


@compiled
def tidy(run: Run) -> None:
    """What the engine does about fills: an ended position's orders go."""
    pairs = run.pairs
    for p in range(len(pairs)):
        if pairs[p].trade >= 0 and pairs[p].quantity == 0.0:
            _forget(p, run)


@compiled
def _forget(p: int, run: Run) -> None:
    """Nothing of the position is left: nor are its orders."""
    pairs = run.pairs
    pairs[p].trade = -1
    pairs[p].queued_quantity = 0.0
    pairs[p].stop = 0.0
    _lift_targets(p, run)


@compiled
def _lift_targets(p: int, run: Run) -> None:
    for i in range(run.rungs.shape[1]):
        run.rungs[p, i].quantity = 0.0


@compiled
def leave(p: int, quantity: float, role: int, run: Run) -> None:
    """Close at market because of a decision of ours."""
    account, pairs = run.account[0], run.pairs
    if pairs[p].quantity == 0.0:
        return
    if pairs[p].queued_quantity > 0.0:
        if pairs[p].queued_quantity < quantity:
            account.status = BEYOND  # more is to be closed than waits for the next bar
    elif is_trading(p, run):
        close(p, quantity, pairs[p].last_price, role, run)
    else:
        pairs[p].queued_quantity = quantity
        pairs[p].queued_price = pairs[p].last_price
        pairs[p].queued_role = role
    _look_at_margin(run)


@compiled
def _look_at_margin(run: Run) -> None:
    """The venue looks at the margin with every order: what an order's own costs set off is left to the exact runner."""
    used = used_margin(run)
    if used > 0.0 and equity_of(run) < run.terms[0].liquidation_level * used:
        run.account[0].status = BEYOND


@compiled
def trail(p: int, candle: int, wishes: Wishes, run: Run) -> None:
    """A finished candle moves a trailing stop, towards profit only."""
    account, pairs = run.account[0], run.pairs
    tick = run.rules[p].tick
    if wishes.opened_at[candle] + run.terms[0].candle <= pairs[p].opened_at:
        return
    sign = 1.0 if pairs[p].quantity > 0 else -1.0
    reached = steps_of(wishes.close[candle], tick)
    if wishes.opened_at[candle] >= pairs[p].opened_at:
        reached = steps_of(wishes.high[candle] if sign > 0 else wishes.low[candle], tick)
    best = reached if pairs[p].best == 0.0 else max(pairs[p].best * sign, reached * sign) * sign
    pairs[p].best = best
    stop_price = best - sign * pairs[p].distance
    if (stop_price - pairs[p].stop_price) * sign > 0:
        pairs[p].stop_price = stop_price
        _rest_stop(p, run)
        if (pairs[p].stop - pairs[p].price) * sign >= 0:
            if not is_trading(p, run):
                account.status = BEYOND
                return
            trigger = pairs[p].stop
            pairs[p].stop = 0.0
            close(p, abs(pairs[p].quantity), trigger, STOP, run)


@compiled
def _rest_stop(p: int, run: Run) -> None:
    """Where the stop rests at the venue: rounded towards the market, never looser than before."""
    pairs = run.pairs
    if pairs[p].quantity > 0:
        pairs[p].stop = max(pairs[p].stop, 1.0, ceil_of(pairs[p].stop_price))
    else:
        trigger = max(1.0, floor_of(pairs[p].stop_price))
        pairs[p].stop = trigger if pairs[p].stop == 0.0 else min(pairs[p].stop, trigger)


@compiled
def follow(p: int, candle: int, change: int, wishes: Wishes, run: Run) -> None:
    """The wish after a candle, since its last change: leave what contradicts it, open what is new in it."""
    account, pairs = run.account[0], run.pairs
    pairs[p].last_price = steps_of(wishes.close[candle], run.rules[p].tick)
    opens = wishes.row[change] == candle and wishes.target[change] != 0
    if pairs[p].quantity != 0.0:
        sign = 1.0 if pairs[p].quantity > 0 else -1.0
        if sign == wishes.target[change]:
            return
        leave(p, abs(pairs[p].quantity), SIGNAL, run)
        tidy(run)
    if opens and account.status == DONE:
        _enter(p, change, wishes, run)


@compiled
def _open_positions(run: Run) -> int:
    count = 0
    for pair in run.pairs:
        if pair.quantity != 0.0:
            count += 1
    return count


@compiled
def _may_open(p: int, price: float, change: int, wishes: Wishes, run: Run) -> bool:
    """Whether the limits, and what happened before, let anything be opened on the pair now."""
    account, rules, terms = run.account[0], run.rules, run.terms[0]
    if account.paused or account.blocked or account.equity <= 0.0:
        return False
    if max(account.daily_tier, account.drawdown_tier, account.level_tier) >= _TIER_BLOCK:
        return False
    if _open_positions(run) >= terms.most_positions:
        return False
    if (rules[p].leverage_long if wishes.target[change] > 0 else rules[p].leverage_short) == 0.0:
        return False
    if account.now >= wishes.opened_at[wishes.row[change]] + 2 * terms.candle:  # the next candle is over
        return False
    distance = wishes.distance[change]
    return not np.isnan(distance) and (wishes.target[change] < 0 or distance < price)


@compiled
def _size(p: int, price: float, distance: float, side: float, leverage: float, run: Run) -> float:
    """How many lots to open: what the tightest bound allows, none below the venue's minimum."""
    account, rules, terms = run.account[0], run.rules, run.terms[0]
    money = rules[p].money_numerator / rules[p].money_denominator
    equity = account.equity
    kept = min(account.free - equity * terms.reserve, equity / terms.lowest_level - account.used)
    available = max(0.0, kept - account.committed)
    whole = price * (1.0 + terms.slippage_rate) * money
    risked = equity * terms.risk / ((distance + price * terms.round_trip_rate) * money)
    quantity = np.floor(min(risked, equity * terms.equity_share * leverage / whole, available * leverage / whole))
    quantity = min(quantity, rules[p].most_long if side > 0 else rules[p].most_short)
    if quantity <= 0.0 or quantity < rules[p].min_quantity or quantity * price * money < rules[p].min_cost - NEAR:
        return 0.0
    return quantity


@compiled
def _enter(p: int, change: int, wishes: Wishes, run: Run) -> None:
    """Size and open what the wish asks for, with its stop and targets; or nothing."""
    account, pairs, rules, terms = run.account[0], run.pairs, run.rules, run.terms[0]
    side = float(wishes.target[change])
    price = steps_of(wishes.close[wishes.row[change]], rules[p].tick)
    if not _may_open(p, price, change, wishes, run):
        return
    leverage = rules[p].leverage_long if side > 0 else rules[p].leverage_short
    quantity = _size(p, price, wishes.distance[change], side, leverage, run)
    if quantity == 0.0:
        return
    money = rules[p].money_numerator / rules[p].money_denominator
    first = pairs[p].price * (10_000.0 + side * terms.half_spread) / 10_000.0 + side
    if not is_trading(p, run) or equity_of(run) < used_margin(run) + quantity * first * money / leverage:
        account.status = BEYOND
        return
    account.committed += quantity * price * (1.0 + terms.slippage_rate) * money / leverage
    take(p, side, quantity, price, leverage, ENTRY, run)
    _look_at_margin(run)
    if account.status == DONE:
        pairs[p].distance = wishes.distance[change]
        pairs[p].best = 0.0
        _protect(p, change, side, wishes, run)


@compiled
def _protect(p: int, change: int, side: float, wishes: Wishes, run: Run) -> None:
    """Let the stop and the targets of a position that was just opened rest."""
    account, pairs, lots, rungs, rules = run.account[0], run.pairs, run.lots, run.rungs, run.rules
    money = rules[p].money_numerator / rules[p].money_denominator
    # The stop follows the average entry fill by fill, and never away from the market.
    quantity, cost, stop_price = 0.0, 0.0, 0.0
    for i in range(pairs[p].lot_count):
        quantity += lots[p, i].quantity
        cost += lots[p, i].cost
        meant = cost / quantity / money - side * pairs[p].distance
        if i == 0 or (meant - stop_price) * side > 0:
            stop_price = meant
    pairs[p].stop = 0.0
    pairs[p].stop_price = stop_price
    _rest_stop(p, run)
    if (pairs[p].stop - pairs[p].price) * side >= 0:
        account.status = BEYOND
        return
    _lift_targets(p, run)
    _rest_targets(p, change, side, quantity, cost / quantity / money, wishes, run)
    for i in range(rules[p].rungs):
        if rungs[p, i].quantity > 0.0 and passes(rungs[p, i].price, side, pairs[p].price, run):
            account.status = BEYOND


@compiled
def _rest_targets(p: int, change: int, side: float, opened: float, entry: float, wishes: Wishes, run: Run) -> None:
    """The ladder over what was opened: too small a rung joins the next one, or takes a rest too small along."""
    rungs, rules, shares = run.rungs, run.rules, run.shares
    money, least = rules[p].money_numerator / rules[p].money_denominator, rules[p].min_quantity
    given, carried, shared, rested, left = 0.0, 0.0, 0.0, 0, opened
    for i in range(rules[p].rungs):
        if np.isnan(wishes.targets[change, i]):
            continue
        shared += shares[p, i]
        limit = entry + side * wishes.targets[change, i]
        limit = ceil_of(limit) if side > 0 else floor_of(limit)
        quantity = floor_of(opened * shares[p, i]) + carried
        rest = opened - given - quantity
        if abs(shared - 1.0) < NEAR or rest < least:
            quantity += rest
        if limit <= 0.0 or quantity < least or quantity * limit * money < rules[p].min_cost - NEAR:
            carried = min(quantity, opened - given)
            continue
        resting = min(quantity, left)
        if resting < least:
            return
        rungs[p, rested].price = limit
        rungs[p, rested].quantity = resting
        rested += 1
        left -= resting
        given += quantity
        carried = 0.0
        if given == opened:
            return
