"""Where each pair stands in its bars, candles and wishes."""

from jarvis.backtest.kernel.arrays import Integers, Market, Run, Wishes
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.numbers import steps_of


@compiled
def first_not_below(values: Integers, low: int, high: int, wanted: int) -> int:
    """The first place of a sorted stretch whose value is not below `wanted`; near `low` it is found soonest."""
    stride = 1
    while low + stride < high and values[low + stride] < wanted:
        low += stride
        stride *= 2
    high = min(high, low + stride)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def step_of(row: int, market: Market, run: Run) -> int:
    """The number of the step at whose end a native bar closed."""
    terms = run.terms[0]
    return int((market.opened_at[row] - terms.start) // terms.step + 1)


@compiled
def step_at(instant: int, run: Run) -> int:
    """The first step that does not end before an instant."""
    terms = run.terms[0]
    return int(-(-(instant - terms.start) // terms.step))


@compiled
def closes_at(row: int, market: Market, run: Run) -> int:
    """When a native bar closes."""
    return int(market.opened_at[row] + run.terms[0].step)


@compiled
def finisher(candle: int, wishes: Wishes) -> int:
    """The native row whose end finished a candle."""
    return wishes.finished_by[candle] if len(wishes.finished_by) else candle


@compiled
def row_after(p: int, instant: int, market: Market, run: Run) -> int:
    """The pair's next row that does not close before an instant."""
    terms, row, end = run.terms[0], run.pairs[p].row, market.first[p + 1]
    if row == end or market.opened_at[row] + terms.step >= instant:
        return int(row)
    # Where no bar is missing it is as far ahead as there are steps, and otherwise nearer.
    most = min(end, row + step_at(instant, run) - step_of(row, market, run))
    if market.opened_at[most - 1] + terms.step < instant and (
        most == end or market.opened_at[most] + terms.step >= instant
    ):
        return int(most)
    return first_not_below(market.opened_at, row, most, instant - terms.step)


@compiled
def pass_over(p: int, row: int, market: Market, wishes: Wishes, run: Run) -> None:
    """Let the pair's bars up to `row`, that one not included, go by: prices move and nothing happens."""
    pairs, rules = run.pairs, run.rules
    if row == pairs[p].row:
        return
    pairs[p].row = row
    pairs[p].price = steps_of(market.close[row - 1], rules[p].tick)
    pairs[p].bar_step = step_of(row - 1, market, run)
    candle, end = pairs[p].candle, wishes.first[p + 1]
    candle = first_not_below(wishes.finished_by, candle, end, row) if len(wishes.finished_by) else row
    if candle > pairs[p].candle:
        pairs[p].candle = candle
        pairs[p].last_price = steps_of(wishes.close[candle - 1], rules[p].tick)
        pairs[p].change = first_not_below(wishes.row, pairs[p].change, wishes.first_change[p + 1], candle)
