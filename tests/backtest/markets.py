"""Random accounts on random candles: quiet and wild, with holes and jumps, small and large, for one pair or several."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from jarvis.backtest.fast import FastBacktest
from jarvis.backtest.runner import Backtest, Followed
from jarvis.backtest.venues import SETUPS
from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, round_nearest
from jarvis.sim.models import VenueModel
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import BarArrays, ParameterValue, resolve
from jarvis.venues.catalog import VENUES

START = datetime(2025, 3, 2, 22, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "DOGE": 0.2, "XRP": 0.6}
INSTRUMENTS = SETUPS["kraken"].instruments
CAPS = VENUES[VenueName("kraken")].leverage_caps


@dataclass(frozen=True, slots=True)
class Case:
    """One account and what happens to it."""

    bars: dict[Pair, list[Bar]]
    strategy: str
    interval: timedelta
    values: dict[str, ParameterValue]
    limits: Limits
    deposit: Decimal
    model: VenueModel

    def exact(self) -> Backtest:
        """For the exact runner."""
        return Backtest(
            bars=self.bars,
            followed=[Followed(self.strategy, pair, self.interval, self.values) for pair in sorted(self.bars)],
            limits=self.limits,
            instruments=INSTRUMENTS,
            leverage_caps=CAPS,
            deposits={USD: self.deposit},
            model=self.model,
        )

    def fast(self) -> FastBacktest:
        """For the kernel."""
        return FastBacktest(
            candles={pair: BarArrays.of(bars) for pair, bars in self.bars.items()},
            start=min(bars[0].opened_at for bars in self.bars.values()),
            step=MINUTE,
            strategy=STRATEGIES[self.strategy],
            interval=self.interval,
            limits=self.limits,
            instruments=INSTRUMENTS,
            leverage_caps=CAPS,
            deposit=self.deposit,
            model=self.model,
        )


def case_of(seed: int, count: int = 900) -> Case:
    """The account of this seed, on `count` minutes."""
    random = np.random.default_rng(seed)
    names = random.permutation(list(PRICES))[: random.choice([1, 1, 2, 3])]
    with_holes = random.random() < 0.3
    wildness = float(random.choice([0.0005, 0.002, 0.006]))
    pairs = [Pair.parse(f"{name}/USD") for name in names]
    strategy = str(random.choice(list(_KNOBS)))
    return Case(
        bars={pair: _bars(pair, random, count, wildness, with_holes=with_holes) for pair in pairs},
        strategy=strategy,
        interval=MINUTE * int(random.choice([1, 1, 5, 15])),
        values=_values(random, strategy),
        limits=_limits(random, pairs),
        deposit=Decimal(int(random.choice([300, 10_000, 2_000_000]))),
        model=_model(random),
    )


_KNOBS: dict[str, dict[str, tuple[object, ...]]] = {
    "moving_average_crossover": {"fast_bars": (2, 4), "slow_bars": (8, 12)},
    "donchian_breakout": {"entry_bars": (6, 10), "exit_bars": (3, 5)},
    "time_series_momentum": {"look_back_bars": (6, 9)},
    "volatility_breakout": {"hold_bars": (5, 20)},
    "bollinger_reversion": {"band_bars": (8, 14)},
    "rsi_pullback": {"rsi_bars": (3, 5), "trend_bars": (12, 20)},
}
_EXITS: dict[str, tuple[object, ...]] = {
    "atr_bars": (3, 7),
    "stop_atr": ("0.8", "1.5", "2.5", "6"),
    "stop_kind": ("fixed", "trailing"),
    "sides": ("long and short", "long and short", "long only", "short only"),
    "time_stop_hours": (0, 0, 1, 3),
    "target_share": ("0.5", "0.35", "1"),
}
_TARGETS = ((0, 0), (1, 0), (1, 3), (3, 6))


def _values(random: np.random.Generator, strategy: str) -> dict[str, ParameterValue]:
    given = {name: choices[random.integers(len(choices))] for name, choices in {**_KNOBS[strategy], **_EXITS}.items()}
    given["target_atr"], given["second_target_atr"] = _TARGETS[random.integers(len(_TARGETS))]
    return resolve(STRATEGIES[strategy], given)


def _limits(random: np.random.Generator, pairs: list[Pair]) -> Limits:
    usual = Limits()
    nothing = Tiers()
    tight = Tiers(Decimal("0.002"), Decimal("0.004"), Decimal("0.006"), Decimal("0.02"))
    levels = Tiers(Decimal(9), Decimal(5), Decimal(4), Decimal("1.5"))
    daily = (usual.daily_loss, nothing, tight)[random.integers(3)]
    drawdown = (usual.drawdown, nothing, nothing)[random.integers(3)]
    level = (usual.margin_level_floor, nothing, levels)[random.integers(3)]
    return Limits(
        leverage_cap=int(random.choice([2, 3, 5, 10])),
        equity_share_per_position=Decimal(str(random.choice(["0.05", "0.3", "0.9"]))),
        risk_per_trade=Decimal(str(random.choice(["0.005", "0.05", "1"]))),
        max_open_positions=int(random.integers(1, 4)),
        daily_loss=daily,
        drawdown=drawdown,
        margin_level_floor=level,
        allowed_pairs=frozenset(pairs),
    )


def _bars(pair: Pair, random: np.random.Generator, count: int, wildness: float, *, with_holes: bool) -> list[Bar]:
    tick = INSTRUMENTS[pair].tick
    moves = random.normal(0, wildness, count) * np.where(random.random(count) < 0.02, 8, 1)
    closes = PRICES[pair.base] * np.exp(np.cumsum(moves))
    # Most bars open where the last one closed, some after a jump.
    opens = np.concatenate(([PRICES[pair.base]], closes[:-1])) * np.exp(
        np.where(random.random(count) < 0.05, random.normal(0, wildness, count), 0)
    )
    above, below = np.abs(random.normal(0, wildness, (2, count)))
    kept = random.random(count) > (0.02 if with_holes else 0)
    bars = []
    for i in np.flatnonzero(kept | (np.arange(count) == 0)):
        first, last = (_priced(each[i], tick) for each in (opens, closes))
        high = max(first, last, _priced(max(opens[i], closes[i]) * (1 + above[i]), tick))
        low = min(first, last, _priced(min(opens[i], closes[i]) * (1 - below[i]), tick))
        bars.append(Bar(pair, MINUTE, START + int(i) * MINUTE, first, high, low, last, Decimal(1)))
    return bars


def _priced(price: float, tick: Decimal) -> Decimal:
    return max(tick, round_nearest(Decimal(repr(float(price))), tick))


def _model(random: np.random.Generator) -> VenueModel:
    kraken = SETUPS["kraken"].model
    hours = int(random.choice([1, 4]))
    depth = Decimal(str(random.choice(["50000", "3000"])))
    return replace(
        kraken,
        rollover=replace(kraken.rollover, period=timedelta(hours=hours)),
        book=replace(kraken.book, level_quote_size=depth),
    )
