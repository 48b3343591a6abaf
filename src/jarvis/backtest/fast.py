"""From candles and limits to the kernel's arrays and back: the fast backtest of one account at one venue."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from jarvis.backtest.kernel import arrays as kernel
from jarvis.backtest.kernel.quiet import extremes
from jarvis.backtest.kernel.run import simulate
from jarvis.backtest.wishes import candles_of, changes_of
from jarvis.domain.instrument import Side
from jarvis.domain.money import ONE
from jarvis.trading.limits import TierAction
from jarvis.trading.sizing import Costs
from jarvis.trading.strategy import resolve
from jarvis.trading.universe import seen_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from decimal import Decimal

    import numpy.typing as npt

    from jarvis.backtest.wishes import Candles, WishChanges
    from jarvis.domain.instrument import Instrument, Pair
    from jarvis.sim.models import VenueModel
    from jarvis.trading.limits import Limits, Tiers
    from jarvis.trading.strategy import BarArrays, FloatArray, Strategy

_Number = TypeVar("_Number", bound=np.generic)
_RESERVE_RATE = 0.10
_FIRST_TRADES = 1024
_FILLS_A_TRADE = 4
_MONEY_OF_TRADES = (
    "margin",
    "realised",
    "opening_slippage",
    "closing_slippage",
    "fee",
    "opening_fee",
    "rollover",
    "liquidation",
)
_NEAR = 1e-6


class BeyondKernelError(Exception):
    """Something happened that only the exact runner knows how to go on from."""


@dataclass(frozen=True, slots=True)
class FastBacktest:
    """What is to be run, with a series of native bars per pair; `start` is when the first one opens.

    One strategy follows all pairs. The venue keeps margin by lots (`model.wallet` is None).
    """

    candles: Mapping[Pair, BarArrays]
    start: datetime
    step: timedelta
    strategy: Strategy
    interval: timedelta
    limits: Limits
    instruments: Mapping[Pair, Instrument]
    leverage_caps: Mapping[Pair, int]
    deposit: Decimal
    model: VenueModel


@dataclass(frozen=True, slots=True)
class FastResult:
    """What the kernel left. `fills` and `trades` are records as `kernel.arrays` names them, in quote and base.

    `equity` is the last reading of each UTC day from that of `start` on, NaN on a day without one.
    """

    pairs: tuple[Pair, ...]
    fills: kernel.Records
    trades: kernel.Records
    equity: FloatArray
    last_equity: float
    balance: float
    max_drawdown: float
    lowest_margin_level: float


class Prepared:
    """A backtest whose candles are ready for the kernel, so that many values can be tried on them."""

    def __init__(self, wanted: FastBacktest) -> None:
        """Raises ValueError for a venue that settles by wallet, or without candles."""
        if wanted.model.wallet is not None:
            raise ValueError("the fast backtest knows venues that keep margin by lots")
        self._wanted = wanted
        self.pairs = tuple(pair for pair, bars in sorted(wanted.candles.items()) if len(bars))
        if not self.pairs:
            raise ValueError("there are no candles")
        series = [wanted.candles[pair] for pair in self.pairs]
        self._candles: list[Candles] = [candles_of(bars, wanted.step, wanted.interval) for bars in series]
        self._start = int(wanted.start.timestamp())
        self._step = int(wanted.step.total_seconds())
        self._market = _market(series)
        last = max(int(bars.opened_at[-1]) for bars in series)
        self._steps = (last - self._start) // self._step + 1
        self._days = -(-(self._start + self._steps * self._step) // 86_400) - self._start // 86_400
        cost_steps = {wanted.instruments[pair].cost_step for pair in self.pairs}
        if len(cost_steps) != 1:
            raise ValueError("the pairs must be booked in one cost step")
        self._cost_step = float(cost_steps.pop())

    def run(self, values: Mapping[str, object], *, keeps_fills: bool = True) -> FastResult:
        """The result of these values.

        Raises ValueError for values that the strategy does not take, BeyondKernelError for what only the exact runner
        can follow.
        """
        complete = resolve(self._wanted.strategy, values)
        seen = {pair: each.bars for pair, each in zip(self.pairs, self._candles, strict=True)}
        strategy = self._wanted.strategy
        said = [changes_of(strategy, seen_on(strategy, complete, pair, seen), complete) for pair in self.pairs]
        wishes = self._wishes(said)
        most = _FIRST_TRADES
        while True:
            run = self._fresh(said, most, keeps_fills=keeps_fills)
            status = simulate(self._market, wishes, run)
            if status != kernel.FULL:
                break
            most *= 8
        if status == kernel.BEYOND:
            raise BeyondKernelError
        return self._result(run)

    def _fresh(self, said: Sequence[WishChanges], most_trades: int, *, keeps_fills: bool) -> kernel.Run:
        """The account as it begins, with room for so many positions in its log."""
        rungs = max(1, *(len(each.shares) for each in said))
        shares = np.zeros((len(said), rungs))
        for p, each in enumerate(said):
            shares[p, : len(each.shares)] = each.shares
        account, pairs = np.zeros(1, kernel.ACCOUNT), np.zeros(len(said), kernel.PAIR)
        account["balance"] = float(self._wanted.deposit) / self._cost_step
        account["day"], account["reduced_at"], account["lowest_level"] = -1, -np.inf, np.inf
        pairs["trade"], pairs["bar_step"] = -1, -1
        limits = self._wanted.limits
        return kernel.Run(
            rules=self._rules(said),
            shares=shares,
            terms=self._terms(keeps_fills=keeps_fills),
            tiers=np.array([_tiers(each) for each in (limits.daily_loss, limits.drawdown, limits.margin_level_floor)]),
            account=account,
            pairs=pairs,
            lots=np.zeros((len(said), kernel.MOST_LOTS), kernel.LOT),
            rungs=np.zeros((len(said), rungs), kernel.RUNG),
            fills=np.zeros(_FILLS_A_TRADE * most_trades if keeps_fills else 0, kernel.FILL),
            trades=np.zeros(most_trades, kernel.TRADE),
            equity=np.full(self._days, np.nan),
        )

    # --- arrays ---------------------------------------------------------------------------------------------------

    def _wishes(self, said: Sequence[WishChanges]) -> kernel.Wishes:
        candles = [each.bars for each in self._candles]
        first = _offsets([len(each) for each in candles])
        ticks = np.repeat(
            [float(self._wanted.instruments[pair].tick) for pair in self.pairs], [len(each.row) for each in said]
        )
        targets = np.full((len(ticks), max(1, *(len(each.targets) for each in said))), np.nan)
        for i in range(targets.shape[1]):
            column = [each.targets[i] if i < len(each.targets) else np.full(len(each.row), np.nan) for each in said]
            targets[:, i] = np.concatenate(column) / ticks
        is_native = self._wanted.interval == self._wanted.step
        finished_by = [begin + each.finished_by for begin, each in zip(self._market.first, self._candles, strict=False)]
        return kernel.Wishes(
            first=first,
            opened_at=self._market.opened_at if is_native else _joined([each.opened_at for each in candles]),
            high=self._market.high if is_native else _joined([each.high for each in candles]),
            low=self._market.low if is_native else _joined([each.low for each in candles]),
            close=self._market.close if is_native else _joined([each.close for each in candles]),
            finished_by=np.zeros(0, np.int64) if is_native else _joined(finished_by),
            first_change=_offsets([len(each.row) for each in said]),
            row=_joined([begin + each.row for begin, each in zip(first, said, strict=False)]),
            target=_joined([each.target for each in said]),
            distance=_joined([each.distance for each in said]) / ticks,
            targets=targets,
            next_opening=_next_openings(said),
        )

    def _rules(self, said: Sequence[WishChanges]) -> kernel.Records:
        model = self._wanted.model
        rules = np.zeros(len(said), kernel.RULE)
        for rule, pair, each in zip(rules, self.pairs, said, strict=True):
            listed = self._wanted.instruments[pair]
            lot, cost_step = Fraction(listed.lot), Fraction(listed.cost_step)
            rule["tick"], rule["lot"] = float(listed.tick), float(listed.lot)
            _set(rule, "money", Fraction(listed.tick) * lot / cost_step)
            _set(rule, "opening", Fraction(model.opening.rate(pair)))
            _set(rule, "rollover", Fraction(model.rollover.rate(pair)))
            rule["min_quantity"] = float(Fraction(listed.min_quantity) / lot)
            rule["min_cost"] = float(Fraction(listed.min_cost) / cost_step)
            for name, most in (("most_long", listed.long_position_limit), ("most_short", listed.short_position_limit)):
                rule[name] = float("inf") if most is None else float(Fraction(most) / lot)
            rule["leverage_long"] = self._leverage(listed, Side.BUY)
            rule["leverage_short"] = self._leverage(listed, Side.SELL)
            rule["rungs"], rule["trailing"] = len(each.shares), each.trailing
            rule["time_stop"] = 0 if each.time_stop is None else round(each.time_stop.total_seconds())
        return rules

    def _leverage(self, instrument: Instrument, side: Side) -> float:
        wanted = self._wanted
        if instrument.pair not in wanted.limits.allowed_pairs:
            return 0.0
        cap = min(wanted.limits.leverage_cap, wanted.leverage_caps.get(instrument.pair, 0))
        return float(instrument.leverage_within(side, cap) or 0)

    def _terms(self, *, keeps_fills: bool) -> kernel.Records:
        model, limits, costs = self._wanted.model, self._wanted.limits, Costs()
        floors = [floor for action, floor in limits.margin_level_floor.given() if action is not TierAction.WARN]
        terms = np.zeros(1, kernel.TERM)
        _set(terms, "taker", Fraction(model.fee.taker_rate))
        _set(terms, "maker", Fraction(model.fee.maker_rate))
        terms["start"], terms["step"], terms["steps"] = self._start, self._step, self._steps
        terms["candle"] = int(self._wanted.interval.total_seconds())
        terms["half_spread"], terms["level_step"] = model.book.half_spread_bps, model.book.level_step_bps
        terms["level_quote"] = model.book.level_quote_size
        terms["rollover_period"] = int(model.rollover.period.total_seconds())
        terms["liquidation_level"], terms["healthy_level"] = model.liquidation_level, model.healthy_level
        terms["told_step"] = float(model.told_step) / self._cost_step
        terms["risk"], terms["equity_share"] = limits.risk_per_trade, limits.equity_share_per_position
        terms["most_positions"] = limits.max_open_positions
        terms["lowest_level"] = max([ONE, *floors])
        terms["reserve"] = _RESERVE_RATE
        terms["round_trip_rate"], terms["slippage_rate"] = costs.round_trip_rate, costs.slippage_rate
        terms["keeps_fills"] = keeps_fills
        return terms

    # --- and back -------------------------------------------------------------------------------------------------

    def _result(self, run: kernel.Run) -> FastResult:
        account, step = run.account[0], self._cost_step
        fills = run.fills[: account["fills"] if len(run.fills) else 0].copy()
        trades = run.trades[: account["trades"]].copy()
        fills["quantity"] *= self._each(fills["pair"], "lot")
        fills["price"] *= self._each(fills["pair"], "tick")
        for name in ("quantity", "closed_quantity"):
            trades[name] *= self._each(trades["pair"], "lot")
        for name in ("cost", "fee", "opening_fee"):
            fills[name] *= step
        for name in _MONEY_OF_TRADES:
            trades[name] *= step
        return FastResult(
            pairs=self.pairs,
            fills=fills,
            trades=trades,
            equity=run.equity * step,
            last_equity=float(account["equity"]) * step,
            balance=float(account["balance"]) * step,
            max_drawdown=float(account["deepest"]),
            lowest_margin_level=float(account["lowest_level"]),
        )

    def _each(self, pairs: kernel.Integers, name: str) -> FloatArray:
        values = np.array([float(getattr(self._wanted.instruments[pair], name)) for pair in self.pairs])
        return values[pairs]


def _market(series: Sequence[BarArrays]) -> kernel.Market:
    prices = {name: _joined([getattr(bars, name) for bars in series]) for name in ("open", "high", "low", "close")}
    blocks = []
    for rows in (kernel.FEW, kernel.MANY):
        blocks.append(np.empty((-(-len(prices["close"]) // rows), 4)))
        extremes(prices["high"], prices["low"], prices["close"], rows, blocks[-1])
    return kernel.Market(
        first=_offsets([len(bars) for bars in series]),
        opened_at=_joined([bars.opened_at for bars in series]),
        **prices,
        few=blocks[0],
        many=blocks[1],
    )


def _next_openings(said: Sequence[WishChanges]) -> kernel.Integers:
    following, first = [], 0
    for each in said:
        end = first + len(each.row)
        rows = np.where(each.target != 0, np.arange(first, end), end)
        following.append(np.minimum.accumulate(rows[::-1])[::-1])
        first = end
    return _joined(following)


def _joined(columns: Sequence[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    """The columns of all pairs, one after the other; the only one's as it is."""
    return np.ascontiguousarray(columns[0]) if len(columns) == 1 else np.concatenate(columns)


def _offsets(counts: Sequence[int]) -> kernel.Integers:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _set(record: kernel.Records | np.void, name: str, value: Fraction) -> None:
    record[f"{name}_numerator"], record[f"{name}_denominator"] = float(value.numerator), float(value.denominator)


def _tiers(tiers: Tiers) -> list[float]:
    given = dict(tiers.given())
    return [float(given[action]) if action in given else float("nan") for action in TierAction]
