"""What losses and the margin level set off."""

import numpy as np

from jarvis.backtest.kernel.arrays import FLATTENED, REDUCED, Floats, Run
from jarvis.backtest.kernel.compiling import compiled
from jarvis.backtest.kernel.positions import leave
from jarvis.backtest.kernel.trading import equity_of, used_margin

_DAY = 86_400.0
_REDUCE_AGAIN_AFTER = 60.0
_NOISE = 1e-12
TIER_BLOCK, TIER_REDUCE, TIER_FLATTEN = 2, 3, 4


@compiled
def measure(run: Run) -> None:
    """Read the margin as the venue tells it, keep the curve, and do what the limits demand."""
    account, pairs, terms = run.account[0], run.pairs, run.terms[0]
    told = terms.told_step
    equity, used = equity_of(run), used_margin(run)
    account.equity = np.rint(equity / told) * told
    account.used = np.rint(used / told) * told
    account.free = np.rint((equity - used) / told) * told
    account.level = np.inf if used == 0.0 else np.rint(equity / used * 10_000.0) / 10_000.0
    account.committed = 0.0
    account.fills_read = account.fills
    _draw(run)
    _mark(run)
    due = max(_judge_losses(run), _judge_level(run))
    is_too_low = account.level_tier == TIER_REDUCE and account.now >= account.reduced_at + _REDUCE_AGAIN_AFTER
    if due == TIER_FLATTEN:
        account.paused = 1
        for p in range(len(pairs)):
            leave(p, abs(pairs[p].quantity), FLATTENED, run)
    elif due == TIER_REDUCE or (is_too_low and not _is_leaving(run)):
        account.reduced_at = account.now
        for p in range(len(pairs)):
            leave(p, _half_to_leave(p, run), REDUCED, run)


@compiled
def is_unread(run: Run) -> bool:
    """Whether something was traded after the last reading: the next step reads it, with a bar or without."""
    return run.account[0].fills != run.account[0].fills_read


@compiled
def _draw(run: Run) -> None:
    """The curve: its value of the day, its peak, and how far it fell from that."""
    account, terms = run.account[0], run.terms[0]
    account.lowest_level = min(account.lowest_level, account.level)
    account.curve_peak = max(account.curve_peak, account.equity)
    if account.curve_peak > 0:
        account.deepest = max(account.deepest, 1.0 - account.equity / account.curve_peak)
    # A reading at midnight ends the day before it.
    day = int(np.ceil(account.now / _DAY)) - 1 - terms.start // int(_DAY)
    run.equity[day] = account.equity


@compiled
def _mark(run: Run) -> None:
    """A new UTC day starts its own count, a new peak raises the peak and makes good what was only worth a warning."""
    account = run.account[0]
    day = account.now // int(_DAY)
    if day > account.day:
        account.day = day
        account.day_equity = account.equity
        account.daily_tier = 0.0
    if account.equity > account.peak:
        account.peak = account.equity
        if account.drawdown_tier < TIER_BLOCK:
            account.drawdown_tier = 0.0


@compiled
def _judge_losses(run: Run) -> float:
    """The strongest action that a loss has newly reached, 0 for none."""
    account, tiers = run.account[0], run.tiers
    due = 0.0
    daily = _reached(tiers[0], account.day_equity, account.equity)
    if daily > account.daily_tier:
        account.daily_tier = due = daily
    drawdown = _reached(tiers[1], account.peak, account.equity)
    if drawdown > account.drawdown_tier:
        account.drawdown_tier = drawdown
        due = max(due, drawdown)
    return due


@compiled
def _reached(tiers: Floats, start: float, equity: float) -> float:
    """The strongest action that the loss since `start` has reached."""
    loss = (start - equity) / start if start != 0.0 else 0.0
    reached = 0.0
    for action in range(len(tiers)):
        if loss >= tiers[action] - _NOISE:
            reached = action + 1.0
    return reached


@compiled
def _judge_level(run: Run) -> float:
    """The strongest action that the margin level has newly reached, 0 for none; it recovers by itself."""
    account, tiers = run.account[0], run.tiers
    reached = 0.0
    for action in range(tiers.shape[1]):
        if account.level < tiers[2, action] - _NOISE:
            reached = action + 1.0
    due = reached if reached > account.level_tier else 0.0
    account.level_tier = reached
    return due


@compiled
def _is_leaving(run: Run) -> bool:
    """Whether something waits to be closed already."""
    for pair in run.pairs:  # noqa: SIM110 - all() over a generator is not compiled
        if pair.queued_quantity > 0.0:
            return True
    return False


@compiled
def _half_to_leave(p: int, run: Run) -> float:
    """How many lots are closed when a position is halved: all, where no order could close the other half."""
    pairs, rules = run.pairs, run.rules
    held = abs(pairs[p].quantity)
    half = np.floor(held / 2)
    if half < rules[p].min_quantity:
        return held
    return min(held, max(rules[p].min_quantity, held - half))
