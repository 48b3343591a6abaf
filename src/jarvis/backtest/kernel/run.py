"""Time: from step to step, over those in which nothing can happen."""

from jarvis.backtest.kernel.arrays import DONE, TIME, Market, Run, Wishes
from jarvis.backtest.kernel.clock import closes_at, finisher, pass_over, row_after, step_at, step_of
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.governors import TIER_REDUCE, is_unread, measure
from jarvis.backtest.kernel.numbers import steps_of
from jarvis.backtest.kernel.path import roll_over, walk
from jarvis.backtest.kernel.positions import follow, leave, tidy, trail
from jarvis.backtest.kernel.quiet import skip_quiet
from jarvis.backtest.kernel.trading import is_idle

_DAY = 86_400


@compiled
def _next_opening(market: Market, wishes: Wishes, run: Run) -> int:
    """The step of the next wish that may open, for an account that holds nothing; what lies before meets nothing."""
    pairs, terms = run.pairs, run.terms[0]
    following = terms.steps + 1
    for p in range(len(pairs)):
        change = pairs[p].change
        if change < wishes.first_change[p + 1]:
            change = wishes.next_opening[change]
        if change < wishes.first_change[p + 1]:
            following = min(following, step_of(finisher(wishes.row[change], wishes), market, run))
    before = terms.start + following * terms.step
    for p in range(len(pairs)):
        pass_over(p, row_after(p, before, market, run), market, wishes, run)
    return following


@compiled
def _next_bar(market: Market, run: Run) -> int:
    """The step of the next bar of any pair."""
    following = run.terms[0].steps + 1
    for p in range(len(run.pairs)):
        if run.pairs[p].row < market.first[p + 1]:
            following = min(following, step_of(run.pairs[p].row, market, run))
    return following


@compiled
def _next_while_held(market: Market, step: int, run: Run) -> int:
    """The next step in which anything can happen to what is held: with a bar the very next one."""
    account, pairs, lots, rules = run.account[0], run.pairs, run.lots, run.rules
    following = _next_bar(market, run)
    if following <= step + 1 or account.level_tier >= TIER_REDUCE or is_unread(run):
        return step + 1
    # No pair trades: what is left is what falls due by the clock.
    at = (account.now // _DAY + 1) * _DAY
    for p in range(len(pairs)):
        for i in range(pairs[p].lot_count):
            at = min(at, lots[p, i].due)
        if pairs[p].lot_count and rules[p].time_stop > 0 and pairs[p].queued_quantity == 0.0:
            at = min(at, pairs[p].opened_at + rules[p].time_stop)
    return max(step + 1, min(following, step_at(at, run)))


@compiled
def _walk_bars(step: int, market: Market, run: Run) -> None:
    """Let the bars that close in this step meet the account, by pair."""
    account, pairs, rules = run.account[0], run.pairs, run.rules
    for p in range(len(pairs)):
        row = pairs[p].row
        if row < market.first[p + 1] and closes_at(row, market, run) == account.now:
            pairs[p].bar_step = step
            tick = rules[p].tick
            walk(
                p,
                steps_of(market.open[row], tick),
                steps_of(market.high[row], tick),
                steps_of(market.low[row], tick),
                steps_of(market.close[row], tick),
                run,
            )
            pairs[p].row = row + 1


@compiled
def _follow_candles(wishes: Wishes, run: Run) -> None:
    """Let the candles that were finished in this step move trailing stops, then follow their wishes, by pair."""
    account, pairs, rules = run.account[0], run.pairs, run.rules
    for p in range(len(pairs)):
        candle = pairs[p].candle
        while candle < wishes.first[p + 1] and finisher(candle, wishes) < pairs[p].row:
            if pairs[p].quantity != 0.0:
                pairs[p].last_price = steps_of(wishes.close[candle], rules[p].tick)
                if rules[p].trailing:
                    trail(p, candle, wishes, run)
                    tidy(run)
            candle += 1
    for p in range(len(pairs)):
        candle = pairs[p].candle
        while candle < wishes.first[p + 1] and finisher(candle, wishes) < pairs[p].row:
            candle += 1
        change = pairs[p].change
        while change < wishes.first_change[p + 1] and wishes.row[change] < candle:
            change += 1
        # Of two candles that were finished at once the last one's wish counts.
        is_known = candle > pairs[p].candle and change > wishes.first_change[p]
        pairs[p].candle, pairs[p].change = candle, change
        if is_known and account.status == DONE:
            follow(p, candle - 1, change - 1, wishes, run)


@compiled
def _stop_by_time(run: Run) -> None:
    account, pairs, rules = run.account[0], run.pairs, run.rules
    for p in range(len(pairs)):
        is_up = rules[p].time_stop > 0 and account.now >= pairs[p].opened_at + rules[p].time_stop
        if pairs[p].quantity != 0.0 and is_up and account.status == DONE:
            leave(p, abs(pairs[p].quantity), TIME, run)
    tidy(run)


@compiled
def simulate(market: Market, wishes: Wishes, run: Run) -> int:
    """Run the account from the first step to the last; what it came to is in `run`. Returns how it ended."""
    account, pairs, rules, terms = run.account[0], run.pairs, run.rules, run.terms[0]
    account.curve_peak = account.balance
    for p in range(len(pairs)):
        pairs[p].row, pairs[p].candle = market.first[p], wishes.first[p]
        pairs[p].change = wishes.first_change[p]
        pairs[p].price = steps_of(market.open[pairs[p].row], rules[p].tick)
        pairs[p].bar_step = 0
    account.fills_read = -1
    step = 0
    while account.status == DONE:
        if not is_idle(run):
            step = _next_while_held(market, skip_quiet(step, market, wishes, run), run)
        elif is_unread(run):
            step += 1
        else:
            step = _next_opening(market, wishes, run)
        if step > terms.steps:
            break
        now = terms.start + step * terms.step
        roll_over(now, run)
        account.now = now
        _walk_bars(step, market, run)
        tidy(run)
        measure(run)
        tidy(run)
        _follow_candles(wishes, run)
        _stop_by_time(run)
    return int(account.status)
