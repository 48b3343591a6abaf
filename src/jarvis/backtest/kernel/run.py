"""Time: from step to step, over those in which nothing can happen."""

from jarvis.backtest.kernel.arrays import DONE, TIME, Integers, Market, Run, Wishes
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.governors import measure
from jarvis.backtest.kernel.path import roll_over, walk
from jarvis.backtest.kernel.positions import follow, leave, tidy, trail
from jarvis.backtest.kernel.trading import is_idle

_DAY = 86_400
_TIER_REDUCE = 3


@compiled
def _first_at_or_after(steps: Integers, low: int, high: int, step: int) -> int:
    """The first row of a sorted stretch that is not before `step`."""
    while low < high:
        middle = (low + high) // 2
        if steps[middle] < step:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _next_step(market: Market, wishes: Wishes, rows: Integers, candles: Integers, run: Run) -> int:
    """The step of the next wish that may open, for an account that holds nothing; what lies before meets nothing."""
    pairs, terms = run.pairs, run.terms[0]
    following = terms.steps + 1
    for p in range(len(rows)):
        if candles[p] < wishes.first[p + 1]:
            candles[p] = wishes.next_opening[candles[p]]
            if candles[p] < wishes.first[p + 1]:
                following = min(following, wishes.known[candles[p]])
    for p in range(len(rows)):
        row = _first_at_or_after(market.step, rows[p], market.first[p + 1], following)
        if row > rows[p]:
            pairs[p].price = market.close[row - 1]
            pairs[p].bar_step = market.step[row - 1]
        rows[p] = row
    return following


@compiled
def _next_bar(market: Market, rows: Integers, run: Run) -> int:
    """The step of the next bar of any pair."""
    terms = run.terms[0]
    following = terms.steps + 1
    for p in range(len(rows)):
        if rows[p] < market.first[p + 1]:
            following = min(following, market.step[rows[p]])
    return following


@compiled
def _next_while_held(market: Market, rows: Integers, step: int, run: Run) -> int:
    """The next step in which anything can happen to what is held: with a bar the very next one."""
    account, pairs, lots, rules, terms = run.account[0], run.pairs, run.lots, run.rules, run.terms[0]
    following = _next_bar(market, rows, run)
    if following <= step + 1 or account.level_tier >= _TIER_REDUCE:
        return step + 1
    # No pair trades: what is left is what falls due by the clock.
    at = (account.now // _DAY + 1) * _DAY
    for p in range(len(pairs)):
        for i in range(pairs[p].lot_count):
            at = min(at, lots[p, i].due)
        if pairs[p].lot_count and rules[p].time_stop > 0 and pairs[p].queued_quantity == 0.0:
            at = min(at, pairs[p].opened_at + rules[p].time_stop)
    due = -(-(at - terms.start) // terms.step)
    return max(step + 1, min(following, due))


@compiled
def _walk_bars(market: Market, rows: Integers, step: int, run: Run) -> None:
    """Let the bars that close in this step meet the account, by pair."""
    pairs = run.pairs
    for p in range(len(rows)):
        row = rows[p]
        if row < market.first[p + 1] and market.step[row] == step:
            pairs[p].bar_step = step
            walk(p, market.open[row], market.high[row], market.low[row], market.close[row], run)
            rows[p] = row + 1


@compiled
def _follow_candles(wishes: Wishes, candles: Integers, step: int, run: Run) -> None:
    """Let the candles that were finished in this step move trailing stops, then follow their wishes, by pair."""
    account, pairs, rules = run.account[0], run.pairs, run.rules
    for p in range(len(candles)):
        k = candles[p]
        while k < wishes.first[p + 1] and wishes.known[k] <= step:
            if pairs[p].quantity != 0.0:
                pairs[p].last_price = wishes.close[k]
                if rules[p].trailing:
                    trail(p, k, wishes, run)
                    tidy(run)
            k += 1
    for p in range(len(candles)):
        k = candles[p]
        while k < wishes.first[p + 1] and wishes.known[k] <= step:
            k += 1
        # Of two candles that were finished at once the last one's wish counts.
        if k > candles[p] and wishes.says[k - 1] and account.status == DONE:
            follow(p, k - 1, wishes, run)
        candles[p] = k


@compiled
def _stop_by_time(run: Run) -> None:
    account, pairs, rules = run.account[0], run.pairs, run.rules
    for p in range(len(pairs)):
        is_up = rules[p].time_stop > 0 and account.now >= pairs[p].opened_at + rules[p].time_stop
        if pairs[p].quantity != 0.0 and is_up and account.status == DONE:
            leave(p, abs(pairs[p].quantity), TIME, run)
    tidy(run)


@compiled
def simulate(market: Market, wishes: Wishes, rows: Integers, candles: Integers, run: Run) -> int:
    """Run the account from the first step to the last; what it came to is in `run`. Returns how it ended."""
    account, pairs, terms = run.account[0], run.pairs, run.terms[0]
    account.curve_peak = account.balance
    for p in range(len(rows)):
        pairs[p].price = market.open[rows[p]]
        pairs[p].bar_step = 0
    step = 0
    was_flat = False
    while account.status == DONE:
        # The first bar after everything was closed still reads the margin; then the next opening is what matters.
        is_flat = is_idle(run)
        if is_flat and was_flat:
            step = _next_step(market, wishes, rows, candles, run)
        elif is_flat:
            step = _next_bar(market, rows, run)
        else:
            step = _next_while_held(market, rows, step, run)
        was_flat = is_flat
        if step > terms.steps:
            break
        now = terms.start + step * terms.step
        roll_over(now, run)
        account.now = now
        _walk_bars(market, rows, step, run)
        tidy(run)
        measure(run)
        tidy(run)
        _follow_candles(wishes, candles, step, run)
        _stop_by_time(run)
    return int(account.status)
