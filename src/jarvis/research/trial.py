"""One set of values tried on recorded candles: the seam behind which checks and searches do not look.

Everything here is statistics in floats; nothing of it is ever booked or ordered from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.backtest.venues import SETUPS, VenueSetup
from jarvis.domain.account import VenueName
from jarvis.domain.market import Bar
from jarvis.ledger.performance import DAYS_A_YEAR
from jarvis.trading.strategy import BarArrays, ParameterValue
from jarvis.venues.catalog import VENUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jarvis.backtest.fast import FastResult, Prepared
    from jarvis.backtest.kernel.arrays import Records
    from jarvis.backtest.result import BacktestResult
    from jarvis.domain.instrument import Pair
    from jarvis.sim.models import VenueModel, WalletModel
    from jarvis.trading.limits import Limits
    from jarvis.trading.strategy import FloatArray, Strategy, TargetArray, TimeArray

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Study:
    """What is held fixed while values are tried.

    `candles` are finished native bars of `step`, one series per pair, as `jarvis.backtest.venues` takes them (USD).
    `interval` is the bar size that the strategy sees, a multiple of `step`; `venue` is a name in `SETUPS`; `deposit` is
    in the venue's quote.
    """

    candles: Mapping[Pair, BarArrays]
    step: timedelta
    venue: str
    strategy: Strategy
    interval: timedelta
    limits: Limits
    deposit: Decimal

    def __post_init__(self) -> None:
        """Refuse what no run could begin with."""
        if self.venue not in SETUPS:
            raise ValueError(f"there is no venue {self.venue!r} to test at; there are {', '.join(SETUPS)}")
        if self.interval < self.step or self.interval % self.step:
            raise ValueError(f"bars of {self.interval} cannot be made of candles of {self.step}")
        if not any(len(bars) for bars in self.candles.values()):
            raise ValueError("there are no candles")

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first candle's opening to the last one's close."""
        opened = [bars.opened_at for bars in self.candles.values() if len(bars)]
        first, last = min(int(each[0]) for each in opened), max(int(each[-1]) for each in opened)
        return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC) + self.step


@dataclass(frozen=True, slots=True)
class Stress:
    """By how much costs are multiplied: fees (trading and opening), slippage (spread and depth), interest."""

    fees: float = 1.0
    slippage: float = 1.0
    interest: float = 1.0

    def on(self, model: VenueModel) -> VenueModel:
        """The same venue with these costs."""
        fees, slippage, interest = (Decimal(str(each)) for each in (self.fees, self.slippage, self.interest))
        if fees == slippage == interest == 1:
            return model
        fee, opening, rollover, book = model.fee, model.opening, model.rollover, model.book
        return replace(
            model,
            fee=replace(fee, maker_rate=fee.maker_rate * fees, taker_rate=fee.taker_rate * fees),
            opening=replace(
                opening,
                default_rate=opening.default_rate * fees,
                rates={pair: rate * fees for pair, rate in opening.rates.items()},
            ),
            rollover=replace(
                rollover,
                default_rate=rollover.default_rate * interest,
                rates={pair: rate * interest for pair, rate in rollover.rates.items()},
            ),
            book=replace(
                book,
                half_spread_bps=book.half_spread_bps * slippage,
                level_step_bps=book.level_step_bps * slippage,
            ),
            wallet=None if model.wallet is None else _dearer(model.wallet, interest),
        )


@dataclass(frozen=True, slots=True)
class TradeArrays:
    """Positions as columns, in the order of their opening: times in seconds since 1970 (UTC), 0 while open.

    `pair` counts in the order of the study's pairs by name; `side` is 1 for long and -1 for short; `net` is what the
    position came to (quote), all costs taken off; `margin` is what it bound when it was opened (quote).
    """

    opened_at: TimeArray
    closed_at: TimeArray
    pair: TimeArray
    side: TargetArray
    net: FloatArray
    margin: FloatArray

    def __len__(self) -> int:
        return len(self.net)


@dataclass(frozen=True)
class Outcome:
    """What one set of values came to. The parts are in quote and signed as they helped or hurt; `net` is their sum.

    `days` and `equity`: the account's worth at each midnight UTC, and at the end; the first is the deposit's time.
    What is still open counts at its last price in `equity` and not in `net`. `held_seconds` is how long at least one
    position was open.
    """

    deposit: float
    price: float
    slippage: float
    trading_fee: float
    opening_fee: float
    interest: float
    liquidation: float
    net: float
    days: TimeArray
    equity: FloatArray
    max_drawdown: float
    held_seconds: float
    trades: TradeArrays

    @cached_property
    def returns(self) -> FloatArray:
        """Daily returns as fractions."""
        before = self.equity[:-1]
        safe = np.where(before > 0, before, 1.0)
        return np.where(before > 0, self.equity[1:] / safe - 1.0, 0.0)

    @property
    def total_return(self) -> float:
        """What one unit of the deposit earned until the end, open positions at their last price."""
        return float(self.equity[-1]) / self.deposit - 1.0

    @property
    def sharpe(self) -> float:
        """Mean over deviation of the daily returns, a year of 365 days; 0 where nothing moved."""
        return _ratio(self.returns, float(np.std(self.returns, ddof=1)) if len(self.returns) > 1 else 0.0)

    @property
    def sortino(self) -> float:
        """The same over the losing days' deviation."""
        losses = np.minimum(self.returns, 0.0)
        return _ratio(self.returns, float(np.sqrt(np.mean(losses**2))) if len(losses) else 0.0)

    @property
    def trade_count(self) -> int:
        """How many positions were opened."""
        return len(self.trades)

    @property
    def win_rate(self) -> float:
        """The share of closed positions that earned something; 0 when none was closed."""
        closed = self.trades.net[self.trades.closed_at > 0]
        return float(np.mean(closed > 0)) if len(closed) else 0.0

    @property
    def profit_factor(self) -> float:
        """What the winners earned over what the losers lost; infinite without a loser, 0 without a winner."""
        closed = self.trades.net[self.trades.closed_at > 0]
        won, lost = float(closed[closed > 0].sum()), -float(closed[closed < 0].sum())
        if lost:
            return won / lost
        return float("inf") if won else 0.0

    @property
    def exposure(self) -> float:
        """The share of the time in which something was held."""
        return self.held_seconds / max(1.0, float(self.days[-1] - self.days[0]))


def run_trial(
    study: Study,
    values: Mapping[str, ParameterValue],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    stress: Stress | None = None,
) -> Outcome:
    """What these values came to on the candles that open in [since, until).

    By the compiled kernel where that is installed and can follow what happens, else by the exact runner: which of them
    makes no difference but in time. Raises ValueError, with a sentence for the person, for values that the strategy
    does not take or an empty span.
    """
    return next(iter(run_trials(study, [values], since=since, until=until, stress=stress)))


def must_compile(study: Study) -> bool:
    """Whether the first trial will take some twenty seconds more, because the kernel was never compiled here."""
    if SETUPS[study.venue].model.wallet is not None or find_spec("numba") is None:
        return False
    from jarvis.backtest.kernel.compiling import is_kept  # noqa: PLC0415 - as in _prepared

    return not is_kept()


def run_trials(
    study: Study,
    tried: Iterable[Mapping[str, ParameterValue]],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    stress: Stress | None = None,
) -> Iterator[Outcome]:
    """The same for one set of values after the other; the candles are made ready once."""
    candles = {pair: _between(bars, since, until) for pair, bars in study.candles.items()}
    if not any(len(bars) for bars in candles.values()):
        raise ValueError("there are no candles in that time")
    part = replace(study, candles={pair: bars for pair, bars in candles.items() if len(bars)})
    model = (stress or Stress()).on(SETUPS[study.venue].model)
    prepared = _prepared(part, model)
    for values in tried:
        yield _tried(part, values, model, prepared)


def _tried(study: Study, values: Mapping[str, ParameterValue], model: VenueModel, prepared: Prepared | None) -> Outcome:
    if prepared is not None:
        from jarvis.backtest.fast import BeyondKernelError  # noqa: PLC0415 - as in _prepared

        try:
            return _fast_outcome(prepared.run(values, keeps_fills=False), study)
        except BeyondKernelError:
            pass
    return _outcome(run(_exact(study, values, model)), study)


def _prepared(study: Study, model: VenueModel) -> Prepared | None:
    """The study for the kernel; None where it is not installed, or does not know how the venue settles."""
    if model.wallet is not None or find_spec("numba") is None:
        return None
    from jarvis.backtest.fast import FastBacktest, Prepared  # noqa: PLC0415 - numba takes longer to load than the rest

    setup = SETUPS[study.venue]
    return Prepared(
        FastBacktest(
            candles={setup.quoted(pair): bars for pair, bars in study.candles.items()},
            start=study.span[0],
            step=study.step,
            strategy=study.strategy,
            interval=study.interval,
            limits=_limits(study, setup),
            instruments=setup.instruments,
            leverage_caps=VENUES[VenueName(setup.catalogue)].leverage_caps,
            deposit=study.deposit,
            model=model,
        )
    )


def _exact(study: Study, values: Mapping[str, ParameterValue], model: VenueModel) -> Backtest:
    setup = SETUPS[study.venue]
    told = setup.told({pair: _bars(pair, study) for pair in sorted(study.candles)})
    return Backtest(
        bars=told,
        followed=[Followed(study.strategy.name, pair, study.interval, values) for pair in told],
        limits=_limits(study, setup),
        instruments=setup.instruments,
        leverage_caps=VENUES[VenueName(setup.catalogue)].leverage_caps,
        deposits={setup.quote: study.deposit},
        model=model,
        asset=setup.quote,
        traits=setup.traits,
        strategies={study.strategy.name: study.strategy},
    )


def _limits(study: Study, setup: VenueSetup) -> Limits:
    """The study's limits, for the venue's own names of the pairs too."""
    own = frozenset(setup.quoted(pair) for pair in study.limits.allowed_pairs)
    return replace(study.limits, allowed_pairs=study.limits.allowed_pairs | own)


def _between(bars: BarArrays, since: datetime | None, until: datetime | None) -> BarArrays:
    begin = 0 if since is None else int(np.searchsorted(bars.opened_at, since.timestamp()))
    end = len(bars) if until is None else int(np.searchsorted(bars.opened_at, until.timestamp()))
    return BarArrays(*(getattr(bars, name)[begin:end] for name in BarArrays.__slots__))


def _bars(pair: Pair, study: Study) -> list[Bar]:
    columns = study.candles[pair]
    return [
        Bar(pair, study.step, datetime.fromtimestamp(int(columns.opened_at[row]), UTC), *_prices(columns, row))
        for row in range(len(columns))
    ]


def _prices(columns: BarArrays, row: int) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    # The shortest text of a float is the decimal that it came from.
    series = (columns.open, columns.high, columns.low, columns.close, columns.volume)
    first, second, third, fourth, fifth = (Decimal(repr(float(each[row]))) for each in series)
    return first, second, third, fourth, fifth


def _fast_outcome(result: FastResult, study: Study) -> Outcome:
    start, end = (int(instant.timestamp()) for instant in study.span)
    trades = result.trades
    slippage = _slippage(trades)
    costs = trades["fee"] + trades["opening_fee"] + trades["rollover"]
    net = trades["realised"] + trades["liquidation"] - costs
    equity = result.equity[: -(-end // _DAY) - start // _DAY]
    kept = np.maximum.accumulate(np.where(np.isnan(equity), -1, np.arange(len(equity))))
    worth = np.where(kept < 0, float(study.deposit), equity[np.maximum(kept, 0)])
    ends = np.minimum((start // _DAY + 1 + np.arange(len(equity))) * _DAY, end)
    return Outcome(
        deposit=float(study.deposit),
        price=float((trades["realised"] - slippage).sum()),
        slippage=float(slippage.sum()),
        trading_fee=-float(trades["fee"].sum()),
        opening_fee=-float(trades["opening_fee"].sum()),
        interest=-float(trades["rollover"].sum()),
        liquidation=float(trades["liquidation"].sum()),
        net=float(net.sum()),
        days=np.concatenate(([start], ends)).astype(np.int64),
        equity=np.concatenate(([float(study.deposit)], worth)),
        max_drawdown=result.max_drawdown,
        held_seconds=_union(trades["opened_at"], np.where(trades["closed_at"] > 0, trades["closed_at"], end)),
        trades=TradeArrays(
            opened_at=trades["opened_at"].copy(),
            closed_at=trades["closed_at"].copy(),
            pair=trades["pair"].copy(),
            side=trades["side"].astype(np.int8),
            net=net,
            margin=trades["margin"].copy(),
        ),
    )


def _slippage(trades: Records) -> FloatArray:
    """What prices worse than decided cost: an opening's counts by the share of it that we closed."""
    opened, closed = trades["quantity"], trades["closed_quantity"]
    share = np.where(closed < opened, closed / np.where(opened > 0, opened, 1.0), 1.0)
    slippage: FloatArray = trades["opening_slippage"] * share + trades["closing_slippage"]
    return slippage


def _union(opened: TimeArray, closed: TimeArray) -> float:
    """How many seconds at least one of these spans covers; they are in the order of their beginning."""
    if not len(opened):
        return 0.0
    reached = np.maximum.accumulate(closed)
    begins = np.maximum(opened, np.concatenate((opened[:1], reached[:-1])))
    return float(np.maximum(0, closed - begins).sum())


def _outcome(result: BacktestResult, study: Study) -> Outcome:
    setup = SETUPS[study.venue]
    days: dict[int, float] = {}
    start = result.curve[0]
    peak, deepest = 0.0, 0.0
    for point in result.curve:
        equity = float(point.equity)
        peak = max(peak, equity)
        deepest = max(deepest, 1.0 - equity / peak if peak > 0 else 0.0)
        # A reading at midnight ends the day before it.
        at = int(point.at.timestamp())
        days[-(-at // _DAY) * _DAY] = equity
    times = [int(start.at.timestamp())]
    worth = [float(start.equity)]
    first_end, last_end = -(-(times[0] + 1) // _DAY) * _DAY, max(days)
    for day in range(first_end, last_end + _DAY, _DAY):
        times.append(min(day, int(result.ended_at.timestamp())))
        worth.append(days.get(day, worth[-1]))
    numbers = {setup.quoted(pair): number for number, pair in enumerate(sorted(study.candles))}
    parts = result.waterfall
    trades = result.trades
    return Outcome(
        deposit=float(study.deposit),
        price=float(parts.price),
        slippage=float(parts.slippage),
        trading_fee=float(parts.trading_fee),
        opening_fee=float(parts.opening_fee),
        interest=float(parts.rollover + parts.interest),
        liquidation=float(parts.liquidation + parts.adjustment),
        net=float(parts.total),
        days=np.array(times, dtype=np.int64),
        equity=np.array(worth, dtype=np.float64),
        max_drawdown=deepest,
        held_seconds=(result.performance.exposure or 0.0) * (result.ended_at - start.at).total_seconds(),
        trades=TradeArrays(
            opened_at=np.array([int(each.opened_at.timestamp()) for each in trades], dtype=np.int64),
            closed_at=np.array([int(each.closed_at.timestamp()) if each.closed_at else 0 for each in trades], np.int64),
            pair=np.array([numbers[each.pair] for each in trades], dtype=np.int64),
            side=np.array([each.side.sign for each in trades], dtype=np.int8),
            net=np.array([float(each.waterfall.total) for each in trades], dtype=np.float64),
            margin=np.array(
                [float(each.quantity * each.entry_price / each.leverage) for each in trades], dtype=np.float64
            ),
        ),
    )


def _dearer(wallet: WalletModel, interest: Decimal) -> WalletModel:
    rates = {asset: rate * interest for asset, rate in wallet.hourly_rates.items()}
    return replace(wallet, hourly_rates=rates)


def _ratio(returns: FloatArray, spread: float) -> float:
    return float(np.mean(returns)) / spread * DAYS_A_YEAR**0.5 if spread else 0.0
