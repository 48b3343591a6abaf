"""What a strategy is, and the one way in which finished bars become signals, live and in a backtest.

A strategy is a function over arrays with typed, described parameters and a declared warm-up. It never sees money,
orders or the clock. Floats live here and in the indicators only: a price or distance leaves as a Decimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ONE, ZERO, exact

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    TargetArray = npt.NDArray[np.int8]
    TimeArray = npt.NDArray[np.int64]

ParameterValue = int | Decimal | str
"""An int for `int`, a Decimal for `decimal` and `hours`, one of the choices for `choice`."""
Values = Mapping[str, ParameterValue]

_MINIMUM_WINDOW = 300
_SIGNIFICANT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Parameter:
    """One knob of a strategy, described so that a form can show it and a mistake can be answered in words.

    `minimum`, `maximum` and `step` are None for a choice; `choices` is empty for everything else. `unit` is what
    stands behind the number: `bars`, `hours`, `x ATR`.
    """

    name: str
    label: str
    description: str
    kind: Literal["int", "decimal", "hours", "choice"]
    default: ParameterValue
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    step: Decimal | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""

    def parse(self, value: object) -> ParameterValue:
        """The value that text, a number or a Decimal means. Raises ValueError with a sentence that names the range."""
        if self.kind == "choice":
            if value not in self.choices:
                raise ValueError(f"{self.label}: choose one of {', '.join(self.choices)}")
            return str(value)
        try:
            number = exact(value if isinstance(value, int | Decimal) else str(value).strip())
        except ValueError:
            raise ValueError(f"{self.label}: {value!r} is not a number") from None
        if self.kind == "int" and number != number.to_integral_value():
            raise ValueError(f"{self.label}: {value} is not a whole number")
        below = self.minimum is not None and number < self.minimum
        above = self.maximum is not None and number > self.maximum
        if below or above:
            raise ValueError(f"{self.label}: {number} is outside {self.minimum} to {self.maximum} {self.unit}".rstrip())
        return int(number) if self.kind == "int" else number


class Direction(IntEnum):
    """What a strategy wants to hold."""

    SHORT = -1
    FLAT = 0
    LONG = 1

    @property
    def side(self) -> Side | None:
        """The side that opens it; None for FLAT."""
        return {Direction.LONG: Side.BUY, Direction.SHORT: Side.SELL}.get(self)


@dataclass(frozen=True, slots=True)
class BarArrays:
    """Finished bars as columns of equal length, oldest first. `opened_at` is in seconds since 1970 (UTC)."""

    opened_at: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> BarArrays:
        """The columns of `bars`: the border from Decimal to float."""
        import numpy as np  # noqa: PLC0415 - numpy takes longer to load than all of this package

        def column(name: str) -> FloatArray:
            return np.array([float(getattr(bar, name)) for bar in bars], dtype=np.float64)

        return cls(
            np.array([int(bar.opened_at.timestamp()) for bar in bars], dtype=np.int64),
            column("open"),
            column("high"),
            column("low"),
            column("close"),
            column("volume"),
        )

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """One rung: close `share` (fraction of what was opened) at `distance` (quote) from the entry price."""

    distance: Decimal
    share: Decimal

    def __post_init__(self) -> None:
        """Refuse a rung that is no profit or closes nothing."""
        if self.distance <= 0 or not ZERO < self.share <= ONE:
            raise ValueError("a take-profit needs a positive distance and a share above 0 and up to 1")


@dataclass(frozen=True, slots=True)
class Protection:
    """How a position is to be left. Distances are in quote, absolute, from the average entry price.

    `trailing`: the stop follows the best price at `stop_distance`, towards profit only. `time_stop` counts from the
    first fill, None for never.
    """

    stop_distance: Decimal
    trailing: bool = False
    take_profits: tuple[TakeProfit, ...] = ()
    time_stop: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse a position without a stop, a ladder that sells more than there is, or an end in the past."""
        if not self.stop_distance.is_finite() or self.stop_distance <= 0:
            raise ValueError("a stop distance must be positive")
        if sum((rung.share for rung in self.take_profits), ZERO) > ONE:
            raise ValueError("the shares of the take-profits add up to more than 1")
        if self.time_stop is not None and self.time_stop <= timedelta(0):
            raise ValueError("a time-stop must be positive")


@dataclass(frozen=True, slots=True)
class Signal:
    """What `strategy` wants to hold on `pair` from `at` (the close of its last bar), decided at `price`.

    `is_new` is true when the wish changed with this bar: only then may it open; a standing wish can only close what
    contradicts it, so that a position which was stopped out is not bought back. `interval` is the bar size; the wish
    is outdated when the next bar closes. Without a usable stop `protection` is None: it may close, never open.
    """

    strategy: str
    pair: Pair
    at: datetime
    target: Direction
    price: Decimal
    protection: Protection | None
    is_new: bool = True
    interval: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TakeProfitPlan:
    """One rung at every bar: its distance (quote) as a column, and its share."""

    distance: FloatArray
    share: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """A strategy's answer, one row per bar: what to hold (-1, 0, 1) and how it would be left if opened there.

    Rows before the warm-up hold 0. Row i may depend on bars 0..i only.
    """

    target: TargetArray
    stop_distance: FloatArray
    take_profits: tuple[TakeProfitPlan, ...] = ()
    trailing: bool = False
    time_stop: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One of the curves that a strategy looks at, for a chart: a value (quote) per bar, NaN before it is known."""

    name: str
    values: FloatArray


class StrategyFailedError(ValueError):
    """A person's own strategy cannot be used, or broke; the message is a line for people that says where."""


class Strategy(Protocol):
    """Bars in, wishes out. Pure: the same bars and values give the same plan."""

    @property
    def name(self) -> str:
        """Stable, as stored: `donchian_breakout`."""
        ...

    @property
    def title(self) -> str:
        """For people."""
        ...

    @property
    def description(self) -> str:
        """The idea, where it comes from and where it is weak, in a few sentences for people."""
        ...

    @property
    def source(self) -> str:
        """Where the idea comes from, so that one can read about it."""
        ...

    @property
    def weak_point(self) -> str:
        """In which market it loses, and why."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The knobs, in the order of a form."""
        ...

    def objection(self, values: Values) -> str:
        """Why these values do not go together, in a sentence; empty when they do."""
        ...

    def warm_up(self, values: Values) -> int:
        """How many bars must be there before the last one can have a wish."""
        ...

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars. `values` are complete (see `resolve`)."""
        ...

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """What it looks at, for a chart: the very curves that `compute` compares with the price."""
        ...


def resolve(strategy: Strategy, given: Mapping[str, object]) -> dict[str, ParameterValue]:
    """`given` checked, converted and completed with defaults. Raises ValueError with a sentence for the person."""
    known = {parameter.name for parameter in strategy.parameters}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"{strategy.title} has no parameter called {unknown[0]}; it has {', '.join(sorted(known))}")
    values = {
        parameter.name: parameter.parse(given.get(parameter.name, parameter.default))
        for parameter in strategy.parameters
    }
    objection = strategy.objection(values)
    if objection:
        raise ValueError(objection)
    return values


class BarWindow:
    """The last `size` finished bars of one pair and bar size, as columns. Time does not go back in it."""

    def __init__(self, pair: Pair, interval: timedelta, size: int) -> None:
        import numpy as np  # noqa: PLC0415 - numpy takes longer to load than all of this package

        self._pair = pair
        self._interval = interval
        self._size = size
        # Twice the window: the last bars are always one contiguous piece, moved to the front when the end is reached.
        self._opened_at = np.zeros(2 * size, dtype=np.int64)
        self._prices = np.zeros((5, 2 * size), dtype=np.float64)
        self._end = 0
        self.last_opened_at: datetime | None = None

    def __len__(self) -> int:
        """How many bars have come, at most twice the window: enough to know whether it is warm."""
        return self._end

    def append(self, bar: Bar) -> bool:
        """Take a bar; False for one that is not newer than the last. Raises ValueError for another pair's or size."""
        if bar.pair != self._pair or bar.interval != self._interval:
            raise ValueError(f"a {bar.interval} candle of {bar.pair} was given to {self._pair} at {self._interval}")
        if self.last_opened_at is not None and bar.opened_at <= self.last_opened_at:
            return False  # seen already, or older than what was computed: indicators do not go back
        if self._end == len(self._opened_at):
            self._opened_at[: self._size] = self._opened_at[-self._size :]
            self._prices[:, : self._size] = self._prices[:, -self._size :]
            self._end = self._size
        self._opened_at[self._end] = int(bar.opened_at.timestamp())
        self._prices[:, self._end] = [float(each) for each in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
        self._end += 1
        self.last_opened_at = bar.opened_at
        return True

    def columns(self) -> BarArrays:
        """The last bars, oldest first: views that the next `append` may move."""
        last = slice(max(0, self._end - self._size), self._end)
        opened, high, low, close, volume = self._prices[:, last]
        return BarArrays(self._opened_at[last], opened, high, low, close, volume)


def window_of(warm_up: int) -> int:
    """How many bars a strategy is shown: fixed, so that a year of history and a morning's give the same wish."""
    return max(4 * warm_up, _MINIMUM_WINDOW)


def memory_of(warm_up: int) -> int:
    """How many bars a wish may be kept that nothing renews: older ones began where the window may not reach."""
    return window_of(warm_up) - warm_up + 1


class SignalSource:
    """Turns the finished bars of one pair into signals: the strategy computed on the last `window` bars.

    The window is fixed, so that a source which has run for a year and one that was primed this morning say the same.
    """

    def __init__(self, strategy: Strategy, values: Mapping[str, object], pair: Pair, interval: timedelta) -> None:
        self._strategy = strategy
        self._values = resolve(strategy, values)
        self._pair = pair
        self._interval = interval
        self._warm_up = strategy.warm_up(self._values)
        self.window = window_of(self._warm_up)
        self._bars = BarWindow(pair, interval, self.window)
        self._target: Direction | None = None

    def prime(self, bars: Iterable[Bar]) -> None:
        """Take history, oldest first. The wish at its end counts as said: only a change from it will be new."""
        for bar in bars:
            self._bars.append(bar)
        if len(self._bars) >= self._warm_up:
            self._target = Direction(int(self._compute().target[-1]))

    def push(self, bar: Bar) -> Signal | None:
        """The wish after `bar`; None while warming up and for a bar that is not newer than the last."""
        if not self._bars.append(bar) or len(self._bars) < self._warm_up:
            return None
        plan = self._compute()
        target = Direction(int(plan.target[-1]))
        is_new, self._target = target is not self._target, target
        return Signal(
            strategy=self._strategy.name,
            pair=self._pair,
            at=bar.closed_at,
            target=target,
            price=bar.close,
            protection=protection_at(plan, -1),
            is_new=is_new,
            interval=self._interval,
        )

    def _seen(self) -> BarArrays:
        """What the strategy looks at."""
        return self._bars.columns()

    def _compute(self) -> Plan:
        return self._strategy.compute(self._seen(), self._values)


def protection_at(plan: Plan, row: int) -> Protection | None:
    """How a position that is opened at this row would be left; None without a usable stop."""
    stop_distance = _decimal(plan.stop_distance[row])
    if stop_distance is None:
        return None
    rungs = [(_decimal(rung.distance[row]), rung.share) for rung in plan.take_profits]
    return Protection(
        stop_distance,
        plan.trailing,
        tuple(TakeProfit(distance, share) for distance, share in rungs if distance is not None),
        plan.time_stop,
    )


def _decimal(value: float) -> Decimal | None:
    """A positive float from an indicator as a Decimal; None if it is no positive number.

    Ten significant digits are finer than any tick and coarser than the noise of float sums.
    """
    if not 0 < value < float("inf"):
        return None
    return Decimal(f"{value:.{_SIGNIFICANT_DIGITS}g}")
