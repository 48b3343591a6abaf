"""Seven questions to a strategy with chosen values, on recorded candles: whether to believe its result.

Each has an answer in plain words. Two are about honesty (does it look ahead, does it say live what it said here), the
others about luck and costs. All must be well before real money follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis.backtest.wishes import candles_of
from jarvis.domain.money import plain
from jarvis.ledger.performance import DAYS_A_YEAR
from jarvis.research.chance import deflated_sharpe, draw_blocks, draw_trades
from jarvis.research.trial import Outcome, Stress, Study, run_trial, run_trials
from jarvis.research.walkforward import folds_of, walk_forward
from jarvis.trading.strategy import BarArrays, resolve, window_of
from jarvis.trading.universe import seen_on

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.trading.strategy import Parameter, ParameterValue, Plan

    Values = Mapping[str, ParameterValue]

_CUTS = 20
_ENDS = 150
_TOLERANCE = 1e-6
_DRAWS = 2000
_SEED = 20
_FOLDS = 3
_MOST_LOST = 0.25
_LEAST_PROBABILITY = 0.95
_FEWEST_TRADES = 30
_NEIGHBOUR = Decimal("0.15")
_MOST_NEIGHBOURS = 24


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: its name, whether it is well, what was measured, and what that means, in sentences."""

    name: str
    title: str
    is_well: bool
    words: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All answers about one strategy with these values; `tries` is how many values were tried to find them."""

    strategy: str
    values: Mapping[str, str]
    tries: int
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing speaks against it."""
        return all(finding.is_well for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "is_well": self.is_well}


def check(
    study: Study, given: Mapping[str, object], *, tries: int = 1, tried_ratios: Sequence[float] = ()
) -> Iterator[Finding | Verdict]:
    """Each finding as it is made, and the verdict at the end. Raises ValueError for values that do not go together.

    `tries` is of how many tries these values are the best, `tried_ratios` are those tries' Sharpe ratios if known.
    """
    values = resolve(study.strategy, given)
    findings: list[Finding] = []

    def found(finding: Finding) -> Finding:
        findings.append(finding)
        return finding

    yield found(look_ahead(study, values))
    yield found(warm_up(study, values))
    # Who looks ahead, or says something else live, has no result that could be weighed.
    if all(finding.is_well for finding in findings):
        outcome = run_trial(study, values)
        tried = [values, *neighbours(study, values)]
        others = list(run_trials(study, tried[1:]))
        yield found(cost_stress(study, values, outcome))
        yield found(drawn(outcome))
        yield found(deflated(outcome, tries, tried_ratios))
        yield found(plateau(outcome, others))
        yield found(forward(study, tried))
    told = {name: plain(value) if isinstance(value, Decimal) else str(value) for name, value in values.items()}
    yield Verdict(study.strategy.name, told, tries, tuple(findings))


# --- honesty ----------------------------------------------------------------------------------------------------------


def look_ahead(study: Study, values: Values) -> Finding:
    """Whether prices that came later would have changed what was said before."""
    candles = _candles(study)
    turned = 0
    for pair, own in candles.items():
        plan = _plan(study, values, pair, candles)
        # By chance: cuts at even distances might all lie where a larger candle ends, and show nothing.
        for cut in np.random.default_rng(_SEED).integers(1, len(own), _CUTS):
            for factor in (3.0, 1 / 3):
                other = {each: _changed(bars, cut, factor) for each, bars in candles.items()}
                turned += not _is_same(plan, _plan(study, values, pair, other), slice(0, cut))
    words = (
        "Other prices after a candle never changed what it said at that candle or before."
        if not turned
        else "It looks ahead: prices that were not known yet changed what it said. Its result cannot be had by anybody."
    )
    return Finding("look_ahead", "Does it look ahead?", not turned, words, {"turned": turned})


def warm_up(study: Study, values: Values) -> Finding:
    """Whether the candles that it is shown live are enough to say what the whole recording says."""
    candles = _candles(study)
    window = window_of(study.strategy.warm_up(values))
    turned = checked = 0
    for pair, own in candles.items():
        plan = _plan(study, values, pair, candles)
        ends = np.random.default_rng(_SEED).integers(min(window, len(own)), len(own) + 1, _ENDS)
        for end in ends:
            until = int(own.opened_at[end - 1])
            begin = int(own.opened_at[max(0, end - window)])
            last = {each: _spanned(bars, begin, until) for each, bars in candles.items()}
            told = _plan(study, values, pair, last)
            checked += 1
            near = np.isclose(told.stop_distance[-1], plan.stop_distance[end - 1], rtol=_TOLERANCE, equal_nan=True)
            turned += bool(told.target[-1] != plan.target[end - 1] or not near)
    words = (
        f"The last {window} candles, all that it is shown live, give the same wishes as the whole recording."
        if not turned
        else f"On the last {window} candles it said something else than on all of them, {turned} of {checked} times: "
        "it needs a longer warm-up, or remembers too long. Live it would not do what it did here."
    )
    return Finding("warm_up", "Does it say the same live?", not turned, words, {"turned": turned, "checked": checked})


# --- costs and luck ---------------------------------------------------------------------------------------------------


def cost_stress(study: Study, values: Values, outcome: Outcome) -> Finding:
    """Whether it still earns when fees, slippage and interest are twice as high."""
    dearer = run_trial(study, values, stress=Stress(2, 2, 2))
    is_well = dearer.net > 0
    words = (
        f"With all costs doubled it comes to {dearer.net:,.0f} instead of {outcome.net:,.0f}. "
        + ("It survives." if is_well else "It lives from low costs." if outcome.net > 0 else "It earns nothing anyway.")
    )  # fmt: skip
    return Finding(
        "cost_stress", "Does it survive doubled costs?", is_well, words, {"net": outcome.net, "dear": dearer.net}
    )


def drawn(outcome: Outcome) -> Finding:
    """Whether other orders of the same trades and days would have lost."""
    if outcome.trade_count < _FEWEST_TRADES:
        words = f"Only {outcome.trade_count} positions: too few to tell skill from luck. Take more time or more pairs."
        return Finding("luck", "Could it be luck?", False, words, {"trades": outcome.trade_count})
    trades = draw_trades(outcome.trades.net, outcome.deposit, _DRAWS, _SEED)
    days = draw_blocks(outcome.returns, _DRAWS, _SEED)
    lost = max(trades.lost, days.lost)
    words = (
        f"Of {_DRAWS:,} histories drawn from its own trades {trades.lost:.0%} lose, of those from its own days "
        f"{days.lost:.0%}; in the worst of twenty it falls by {max(trades.deepest, days.deepest):.0%}."
    )
    numbers = {
        "lost_by_trades": trades.lost,
        "lost_by_days": days.lost,
        "fifth_worst": min(trades.fifth_worst, days.fifth_worst),
        "deepest": max(trades.deepest, days.deepest),
    }
    return Finding("luck", "Could it be luck?", lost <= _MOST_LOST, words, numbers)


def deflated(outcome: Outcome, tries: int, tried_ratios: Sequence[float]) -> Finding:
    """Whether its Sharpe ratio is more than the best of so many tries shows by chance."""
    daily = np.array(tried_ratios) / DAYS_A_YEAR**0.5
    # What is not known of the tries is taken as for tries that know nothing: their ratios spread by chance alone.
    spread = float(np.std(daily, ddof=1)) if len(daily) > 1 else 1 / max(1, len(outcome.returns)) ** 0.5
    probability = deflated_sharpe(outcome.returns, tries, spread)
    found_in = "the only try" if tries == 1 else f"the best of {tries:,} tries"
    words = (
        f"A Sharpe ratio of {outcome.sharpe:.2f}, {found_in}: the probability that it is more than luck is "
        f"{probability:.0%}; {_LEAST_PROBABILITY:.0%} is asked for."
    )
    numbers = {"sharpe": outcome.sharpe, "tries": tries, "probability": probability}
    is_well = probability >= _LEAST_PROBABILITY
    return Finding("deflated_sharpe", "Is it more than the best of many tries?", is_well, words, numbers)


def plateau(outcome: Outcome, others: list[Outcome]) -> Finding:
    """Whether values nearby did about as well."""
    earned = [each.net for each in others]
    share = sum(net > 0 for net in earned) / len(earned) if earned else 0.0
    middle = median(earned) if earned else 0.0
    is_well = bool(earned) and middle > 0 and outcome.net <= max(earned) * 2
    shape = "A peak: turn a knob, and it is gone." if outcome.net > 0 else "A plain of losses."
    words = (
        f"Of {len(earned)} neighbours, each with one value a little changed, {share:.0%} earned something; the middle "
        f"one {middle:,.0f} against {outcome.net:,.0f}. " + ("A plateau." if is_well else shape)
    )
    return Finding("plateau", "Do its neighbours earn too?", is_well, words, {"earned": share, "median": middle})


def forward(study: Study, tried: list[Values]) -> Finding:
    """Whether choosing among the neighbours on one stretch earned something on the next."""
    title = "Would choosing have worked?"
    step = study.strategy.warm_up(tried[0]) * study.interval
    try:
        folds = list(walk_forward(study, tried, folds_of(study, _FOLDS, max(step, timedelta(days=1)))))
    except ValueError as error:
        return Finding("walk_forward", title, False, f"It cannot be said: {error}.", {})
    earned = sum(fold.outcome.net for fold in folds)
    won = sum(fold.outcome.net > 0 for fold in folds)
    words = (
        f"Chosen on one stretch and measured on the next, {len(folds)} times: {won} earned something, together "
        f"{earned:,.0f}."
    )
    is_well = earned > 0 and won * 2 > len(folds)
    return Finding("walk_forward", title, is_well, words, {"net": earned, "won": won, "folds": len(folds)})


def neighbours(study: Study, values: Values) -> list[Values]:
    """The same values with one number a little larger or smaller, as far as they go together."""
    found: list[Values] = []
    for parameter in study.strategy.parameters:
        for value in _beside(parameter, values[parameter.name]):
            try:
                found.append(resolve(study.strategy, {**values, parameter.name: value}))
            except ValueError:
                continue
    return found[:_MOST_NEIGHBOURS]


def _beside(parameter: Parameter, value: ParameterValue) -> Iterator[Decimal]:
    if isinstance(value, str) or not value:
        return  # a word has no neighbour, and 0 switches something off
    step = parameter.step or Decimal(1)
    away = max(step, (abs(Decimal(value)) * _NEIGHBOUR / step).to_integral_value() * step)
    yield Decimal(value) - away
    yield Decimal(value) + away


# --- candles ----------------------------------------------------------------------------------------------------------


def _candles(study: Study) -> dict[Pair, BarArrays]:
    return {pair: candles_of(bars, study.step, study.interval).bars for pair, bars in sorted(study.candles.items())}


def _plan(study: Study, values: Values, pair: Pair, candles: Mapping[Pair, BarArrays]) -> Plan:
    return study.strategy.compute(seen_on(study.strategy, values, pair, candles), values)


def _changed(bars: BarArrays, cut: int, factor: float) -> BarArrays:
    """The same candles with all prices from a row on times a factor."""
    times = np.where(np.arange(len(bars)) < cut, 1.0, factor)
    first, high, low, last = (each * times for each in (bars.open, bars.high, bars.low, bars.close))
    return BarArrays(bars.opened_at, first, high, low, last, bars.volume)


def _spanned(bars: BarArrays, since: int, until: int) -> BarArrays:
    rows = slice(*np.searchsorted(bars.opened_at, (since, until + 1)))
    return BarArrays(*(getattr(bars, name)[rows] for name in BarArrays.__slots__))


def _is_same(one: Plan, two: Plan, rows: slice) -> bool:
    if not np.array_equal(one.target[rows], two.target[rows]):
        return False
    held = one.target[rows] != 0
    distances = (one.stop_distance[rows][held], two.stop_distance[rows][held])
    return bool(np.allclose(*distances, rtol=_TOLERANCE, equal_nan=True))
