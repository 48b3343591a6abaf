"""How a bar meets what rests at the venue, and what falls due between bars."""

import numpy as np

from jarvis.backtest.kernel.arrays import DONE, STOP, TARGET, Run
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.numbers import ceil_of, floor_of
from jarvis.backtest.kernel.trading import close, equity_of, execute, liquidate, used_margin

_NOTHING, _STOP, _QUEUED, _FAILURE = -1, -2, -3, -4
"""What lies on the way beside the targets, which are counted from 0."""


@compiled
def passes(limit: float, sign: float, price: float, run: Run) -> bool:
    """Whether a last price fills a limit that closes a position of this sign."""
    terms = run.terms[0]
    beyond = (price - limit) * sign
    return beyond > 0 or (beyond == 0 and terms.half_spread == 0.0)


@compiled
def _travel(p: int, target: float, run: Run) -> None:
    """Move the pair's price to `target`; what lies on the way happens, nearest first, the older order first."""
    account, pairs, rungs, rules = run.account[0], run.pairs, run.rungs, run.rules
    while pairs[p].quantity != 0.0 and account.status == DONE:
        now = pairs[p].price
        sign = 1.0 if pairs[p].quantity > 0 else -1.0
        what = _NOTHING
        where = 0.0
        if pairs[p].stop > 0.0:
            if (pairs[p].stop - now) * sign >= 0:
                what, where = _STOP, now
            elif (pairs[p].stop - target) * sign >= 0:
                what, where = _STOP, pairs[p].stop
        for i in range(rules[p].rungs):
            if rungs[p, i].quantity == 0.0:
                continue
            limit = rungs[p, i].price
            if passes(limit, sign, now, run):
                at = now
            elif passes(limit, sign, target, run):
                at = min(now, max(target, limit)) if target < now else max(now, min(target, limit))
            else:
                continue
            if what == _NOTHING or abs(at - now) < abs(where - now):
                what, where = i, at
        if pairs[p].queued_quantity > 0.0 and (what == _NOTHING or where != now):
            what, where = _QUEUED, now
        failing, at = _fails_at(p, target, run)
        if failing and (what == _NOTHING or abs(at - now) < abs(where - now)):
            what, where = _FAILURE, at
        if what == _NOTHING:
            break
        pairs[p].price = where
        if what == _FAILURE:
            liquidate(run)
        elif what == _QUEUED:
            quantity = pairs[p].queued_quantity
            pairs[p].queued_quantity = 0.0
            close(p, quantity, pairs[p].queued_price, pairs[p].queued_role, run)
        elif what == _STOP:
            trigger = pairs[p].stop
            pairs[p].stop = 0.0
            close(p, abs(pairs[p].quantity), trigger, STOP, run)
        else:
            quantity = min(rungs[p, what].quantity, abs(pairs[p].quantity))
            rungs[p, what].quantity = 0.0
            limit = rungs[p, what].price
            execute(p, -sign, quantity, limit, limit, 0.0, TARGET, run)
    pairs[p].price = target


@compiled
def _fails_at(p: int, target: float, run: Run) -> tuple[bool, float]:
    """Whether, and at which price on the way to `target`, the account falls below the liquidation level."""
    pairs, rules, terms = run.pairs, run.rules, run.terms[0]
    now = pairs[p].price
    used = used_margin(run)
    if used == 0.0:
        return False, now
    floor = terms.liquidation_level * used
    equity = equity_of(run)
    if equity < floor:
        return True, now
    slope = pairs[p].quantity * rules[p].money_numerator / rules[p].money_denominator
    if equity + slope * (target - now) >= floor:
        return False, now
    exact = now + (floor - equity) / slope
    if target < now:
        return True, max(target, floor_of(exact))
    return True, min(target, ceil_of(exact))


@compiled
def walk(p: int, first: float, high: float, low: float, last: float, run: Run) -> None:
    """A bar, along the path that is worst for the position."""
    pairs = run.pairs
    if pairs[p].quantity != 0.0 and _matters(p, high, low, run):
        pairs[p].price = first
        _travel(p, first, run)
        if pairs[p].quantity > 0:
            _travel(p, low, run)
            _travel(p, high, run)
        else:
            _travel(p, high, run)
            _travel(p, low, run)
        _travel(p, last, run)
    pairs[p].price = last


@compiled
def _matters(p: int, high: float, low: float, run: Run) -> bool:
    """Whether any price of the bar does something: never wrongly no."""
    pairs, rungs, rules, terms = run.pairs, run.rungs, run.rules, run.terms[0]
    is_long = pairs[p].quantity > 0
    if pairs[p].queued_quantity > 0.0:
        return True
    if is_long:
        if low <= pairs[p].stop:
            return True
    elif high >= pairs[p].stop:
        return True
    for i in range(rules[p].rungs):
        if rungs[p, i].quantity > 0.0 and (
            (is_long and high >= rungs[p, i].price) or (not is_long and low <= rungs[p, i].price)
        ):
            return True
    worst = low if is_long else high
    slope = pairs[p].quantity * rules[p].money_numerator / rules[p].money_denominator
    lowest = equity_of(run) + slope * (worst - pairs[p].price)
    return lowest < terms.liquidation_level * used_margin(run)


@compiled
def roll_over(until: int, run: Run) -> None:
    """Charge what fell due until this instant, in its order, and look at the margin after each."""
    account, pairs, lots, rules, terms = run.account[0], run.pairs, run.lots, run.rules, run.terms[0]
    while account.status == DONE:
        found, lot = -1, -1
        for p in range(len(pairs)):
            for i in range(pairs[p].lot_count):
                due = lots[p, i].due
                if due <= until and (found < 0 or due < lots[found, lot].due):
                    found, lot = p, i
        if found < 0:
            return
        charge = np.rint(lots[found, lot].cost * rules[found].rollover_numerator / rules[found].rollover_denominator)
        account.balance -= charge
        run.trades[pairs[found].trade].rollover += charge
        account.now = lots[found, lot].due
        lots[found, lot].due += terms.rollover_period
        used = used_margin(run)
        if used > 0.0 and equity_of(run) < terms.liquidation_level * used:
            liquidate(run)
