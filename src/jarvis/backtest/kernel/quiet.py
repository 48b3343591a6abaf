"""Bars that meet nothing while a position is held: passed over by their extremes, block by block.

Nothing happens to the only position of an account as long as its price stays between two bounds and nothing falls due.
What a bar leaves behind then is its reading of the margin: the highest one and the deepest fall from that are found
from the highest and the lowest close, and where their order matters bar by bar.
"""

import numpy as np

from jarvis.backtest.kernel.arrays import FEW, MANY, Floats, Market, Run, Wishes
from jarvis.backtest.kernel.clock import closes_at, finisher, pass_over, row_after, step_of
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.governors import TIER_BLOCK, TIER_REDUCE, is_unread
from jarvis.backtest.kernel.numbers import steps_of
from jarvis.backtest.kernel.trading import equity_of, used_margin

_DAY = 86_400
_SLACK = 1e-9
_ROUNDED = 1e-4
"""A margin level is told to four digits."""
_OFF_GRID = 1e-5
"""In ticks: more than a price may lie beside the grid and still count as on it."""
_HIGH, _LOW, _HIGHEST_CLOSE, _LOWEST_CLOSE = range(4)


@compiled
def skip_quiet(step: int, market: Market, wishes: Wishes, run: Run) -> int:
    """Pass over the next bars of the only position, as long as they meet nothing; the number of the step reached."""
    account, pairs = run.account[0], run.pairs
    p = _only_held(run)
    if p < 0 or account.level_tier >= TIER_REDUCE or account.day_equity <= 0.0 or account.peak <= 0.0:
        return step
    row = pairs[p].row
    if row == market.first[p + 1] or (is_unread(run) and step_of(row, market, run) > step + 1):
        return step
    limit = _next_due(p, market, wishes, run)
    row = _pass_bars(p, row_after(p, limit, market, run), market, run)
    if row == pairs[p].row:
        return step
    pass_over(p, row, market, wishes, run)
    account.now = closes_at(row - 1, market, run)
    for q in range(len(pairs)):
        if q != p:
            pass_over(q, row_after(q, account.now + 1, market, run), market, wishes, run)
    return step_of(row - 1, market, run)


@compiled
def _only_held(run: Run) -> int:
    """The pair of the only position, if no order of it waits; -1 otherwise."""
    held = -1
    for p in range(len(run.pairs)):
        if run.pairs[p].quantity != 0.0:
            if held >= 0 or run.pairs[p].queued_quantity > 0.0:
                return -1
            held = p
    return held


@compiled
def _next_due(p: int, market: Market, wishes: Wishes, run: Run) -> int:
    """When, at the latest, something happens that is no price: a bar that closes before meets nothing else."""
    account, pairs, lots, rules, terms = run.account[0], run.pairs, run.lots, run.rules, run.terms[0]
    due = min((account.now // _DAY + 1) * _DAY, terms.start + terms.steps * terms.step)
    for i in range(pairs[p].lot_count):
        due = min(due, lots[p, i].due)
    if rules[p].time_stop > 0:
        due = min(due, pairs[p].opened_at + rules[p].time_stop)
    for q in range(len(pairs)):
        change = pairs[q].change
        if q == p:
            if rules[p].trailing and pairs[p].candle < wishes.first[p + 1]:
                due = min(due, closes_at(finisher(pairs[p].candle, wishes), market, run))
        elif change < wishes.first_change[q + 1]:
            change = wishes.next_opening[change]
        if change < wishes.first_change[q + 1]:
            due = min(due, closes_at(finisher(wishes.row[change], wishes), market, run))
    return int(due)


@compiled
def _next_tier(tiers: Floats, reached: float) -> float:
    """The smallest loss that would reach a stronger action."""
    least = np.inf
    for action in range(int(reached), len(tiers)):
        least = min(least, tiers[action]) if tiers[action] == tiers[action] else least
    return least


@compiled
def _equity_bounds(used: float, run: Run) -> tuple[float, float]:
    """Between which readings of the equity nothing happens; a fall from a peak is judged by `_floor_below`."""
    account, tiers, terms = run.account[0], run.tiers, run.terms[0]
    floor = terms.liquidation_level * used
    loss = _next_tier(tiers[0], account.daily_tier)
    if loss < np.inf:
        floor = max(floor, account.day_equity * (1.0 - loss) + terms.told_step)
    for action in range(int(account.level_tier), tiers.shape[1]):
        if tiers[2, action] == tiers[2, action]:
            floor = max(floor, (tiers[2, action] + _ROUNDED) * used)
    ceiling = np.inf
    if account.level_tier > 0.0:
        ceiling = (tiers[2, int(account.level_tier) - 1] - _ROUNDED) * used
    if 0.0 < account.drawdown_tier < TIER_BLOCK:
        ceiling = min(ceiling, account.peak - terms.told_step)
    return floor, ceiling


@compiled
def _floor_below(peak: float, run: Run) -> float:
    """The equity at which the fall from this peak would reach a stronger action."""
    loss = _next_tier(run.tiers[1], run.account[0].drawdown_tier)
    return peak * (1.0 - loss) + run.terms[0].told_step if loss < np.inf else -np.inf


@compiled
def _price_at(equity: float, base: float, slope: float, run: Run) -> float:
    """At which price (ticks) the account is worth so much: a little too soon on the way there."""
    slack = _SLACK * (abs(run.account[0].equity) + abs(equity)) + 1.0
    return (equity + slack - base) / slope


@compiled
def _bounds(p: int, used: float, base: float, slope: float, run: Run) -> tuple[float, float]:
    """The lowest and the highest price (quote) at which nothing happens; each lies a little too near."""
    account, pairs, rungs, rules = run.account[0], run.pairs, run.rungs, run.rules
    sign = 1.0 if slope > 0 else -1.0
    floor, ceiling = _equity_bounds(used, run)
    # Counted towards profit, so that the two sides are alike.
    loss = _price_at(max(floor, _floor_below(account.peak, run)), base, slope, run) * sign
    if pairs[p].stop > 0.0:
        loss = max(loss, pairs[p].stop * sign)
    gain = np.inf
    if ceiling < np.inf:
        gain = (ceiling - _SLACK * (abs(account.equity) + abs(ceiling)) - 1.0 - base) / slope * sign
    for i in range(rules[p].rungs):
        if rungs[p, i].quantity > 0.0:
            gain = min(gain, rungs[p, i].price * sign)
    low, high = (loss, gain) if sign > 0 else (-gain, -loss)
    return (low + _OFF_GRID) * rules[p].tick, (high - _OFF_GRID) * rules[p].tick


@compiled
def _marks(p: int, used: float, base: float, slope: float, run: Run) -> tuple[float, float]:
    """From which closes (quote) on a reading may raise a peak, and may deepen a fall or lower the lowest level."""
    account, tick, told = run.account[0], run.rules[p].tick, run.terms[0].told_step
    peak = min(account.peak, account.curve_peak)
    raises = (peak - told - _SLACK * peak - base) / slope * tick
    least = max(account.curve_peak * (1.0 - account.deepest) + told, (account.lowest_level + _ROUNDED) * used)
    if least < np.inf:
        return raises, _price_at(least, base, slope, run) * tick
    return raises, (np.inf if slope > 0 else -np.inf)  # before the first margin level every one is the lowest


@compiled
def _reading(p: int, used: float, best: float, worst: float, is_one: bool, run: Run) -> bool:
    """Keep what closes between these (quote) leave behind; false if it depends on their order."""
    account, pairs, rules, terms = run.account[0], run.pairs, run.rules, run.terms[0]
    numerator, denominator, tick = rules[p].money_numerator, rules[p].money_denominator, rules[p].tick
    quantity, cost, told = pairs[p].quantity, pairs[p].cost, terms.told_step
    most = account.balance + (quantity * steps_of(best, tick) * numerator / denominator - cost)
    least = account.balance + (quantity * steps_of(worst, tick) * numerator / denominator - cost)
    top, bottom = np.rint(most / told) * told, np.rint(least / told) * told
    peak, curve_peak = max(account.peak, top), max(account.curve_peak, top)
    if bottom <= _floor_below(peak, run) + told:
        return False
    fall = 1.0 - bottom / curve_peak
    if fall > account.deepest and top > account.curve_peak and not is_one:
        return False
    account.peak, account.curve_peak = peak, curve_peak
    account.deepest = max(account.deepest, fall)
    account.lowest_level = min(account.lowest_level, np.rint(least / used * 10_000.0) / 10_000.0)
    return True


@compiled
def _block_at(row: int, end: int, most: int, low: float, high: float, market: Market) -> int:
    """How many rows from this one on are looked at together: of several, only what stays between the bounds."""
    if row % FEW != 0 or row + FEW > end or most < FEW:
        return 1
    many, few = market.many[row // MANY], market.few[row // FEW]
    if row % MANY == 0 and row + MANY <= end and most == MANY and many[_LOW] > low and many[_HIGH] < high:
        return MANY
    return FEW if few[_LOW] > low and few[_HIGH] < high else 1


@compiled
def _pass_bars(p: int, end: int, market: Market, run: Run) -> int:
    """The first row before `end` that may meet something; what the rows before it leave behind is kept."""
    pairs, rules = run.pairs, run.rules
    row = int(pairs[p].row)
    if row >= end:
        return row
    used, is_long = used_margin(run), pairs[p].quantity > 0
    slope = pairs[p].quantity * rules[p].money_numerator / rules[p].money_denominator
    base = equity_of(run) - slope * pairs[p].price
    low, high = _bounds(p, used, base, slope, run)
    raises, deepens = _marks(p, used, base, slope, run)
    most, closely_until = MANY, row
    while row < end:
        if row >= closely_until:
            most = MANY
        rows = _block_at(row, end, most, low, high, market)
        if rows == 1:
            if market.low[row] <= low or market.high[row] >= high:
                break
            highest = lowest = market.close[row]
        elif rows == FEW:
            highest, lowest = market.few[row // FEW, _HIGHEST_CLOSE], market.few[row // FEW, _LOWEST_CLOSE]
        else:
            highest, lowest = market.many[row // MANY, _HIGHEST_CLOSE], market.many[row // MANY, _LOWEST_CLOSE]
        best, worst = (highest, lowest) if is_long else (lowest, highest)
        if (best >= raises or worst <= deepens) if is_long else (best <= raises or worst >= deepens):
            peak = run.account[0].peak
            if not _reading(p, used, best, worst, rows == 1, run):
                if rows == 1:
                    break
                most, closely_until = (FEW if rows == MANY else 1), row + rows
                continue
            raises, deepens = _marks(p, used, base, slope, run)
            if run.account[0].peak > peak:
                low, high = _bounds(p, used, base, slope, run)
        row += rows
    return row


@compiled
def extremes(high: Floats, low: Floats, close: Floats, rows: int, out: Floats) -> None:
    """The extremes of every `rows` bars, the last ones perhaps of fewer, as `Market` has them."""
    for block in range(len(out)):
        first, end = block * rows, min((block + 1) * rows, len(high))
        top, bottom, highest, lowest = high[first], low[first], close[first], close[first]
        for row in range(first + 1, end):
            top, bottom = max(top, high[row]), min(bottom, low[row])
            highest, lowest = max(highest, close[row]), min(lowest, close[row])
        out[block, _HIGH], out[block, _LOW] = top, bottom
        out[block, _HIGHEST_CLOSE], out[block, _LOWEST_CLOSE] = highest, lowest
