"""Runs whose result can be computed by hand, on the exact runner and on the compiled kernel.

Kraken's lowest tier, BTC/USD: taker 0.4 %, opening margin 0.01 %, rollover 0.01 % every four hours; the book stands one
hundredth of a per cent off, in levels of 50,000 dollars and as far apart. A deposit of 10,000.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from jarvis.backtest.fast import FastBacktest, Prepared
from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.backtest.venues import SETUPS
from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.money import USD
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategy import BarArrays, Line, Parameter, Plan, Values
from jarvis.venues.catalog import VENUES

BTC = Pair.parse("BTC/USD")
START = datetime(2025, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
KRAKEN = SETUPS["kraken"]
CAPS = VENUES[VenueName("kraken")].leverage_caps


@dataclass(frozen=True)
class Script:
    """Wishes that are written down: one per candle, and a stop that is `stop` dollars away."""

    wishes: tuple[int, ...]
    stop: float
    name: str = "script"
    title: str = "Script"
    description: str = "Wishes that are written down."
    source: str = "This test."
    weak_point: str = "It knows nothing."
    parameters: tuple[Parameter, ...] = ()

    def objection(self, values: Values) -> str:
        """None."""
        return ""

    def warm_up(self, values: Values) -> int:
        """The first candle has a wish."""
        return 1

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The wishes as they stand."""
        return Plan(np.array(self.wishes[: len(bars)], dtype=np.int8), np.full(len(bars), self.stop))

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class Ended:
    """What a run came to: its fills as (hour, side, quantity, price, fee), the balance, the last equity."""

    fills: list[tuple[int, int, str, str, str]]
    balance: float
    equity: float


def exactly(bars: Sequence[Bar], script: Script, limits: Limits) -> Ended:
    result = run(
        Backtest(
            bars={BTC: bars},
            followed=[Followed("script", BTC, HOUR)],
            limits=limits,
            instruments=KRAKEN.instruments,
            leverage_caps=CAPS,
            deposits={USD: Decimal(10_000)},
            strategies={"script": script},
        )
    )
    assert result.agrees
    fills = [
        (int((fill.at - START) / HOUR), fill.side.sign, f"{fill.quantity:.8f}", f"{fill.price:.1f}", f"{fill.fee:.4f}")
        for fill in result.fills
    ]
    return Ended(fills, float(result.venue_balances[USD]), float(result.curve[-1].equity))


def compiled(bars: Sequence[Bar], script: Script, limits: Limits) -> Ended:
    wanted = FastBacktest(
        candles={BTC: BarArrays.of(bars)},
        start=START,
        step=HOUR,
        strategy=script,
        interval=HOUR,
        limits=limits,
        instruments=KRAKEN.instruments,
        leverage_caps=CAPS,
        deposit=Decimal(10_000),
        model=KRAKEN.model,
    )
    result = Prepared(wanted).run({})
    fills = [
        (
            int((fill["at"] - START.timestamp()) / 3600),
            int(fill["side"]),
            f"{fill['quantity']:.8f}",
            f"{fill['price']:.1f}",
            f"{fill['fee']:.4f}",
        )
        for fill in result.fills
    ]
    return Ended(fills, result.balance, result.last_equity)


Engine = Callable[[Sequence[Bar], Script, Limits], Ended]
pytestmark = pytest.mark.parametrize("engine", [exactly, compiled])


def hours(*closes: int, lows: dict[int, int] | None = None) -> list[Bar]:
    """An hour for each close; each opens where the one before it closed, and may have been lower meanwhile."""
    bars = []
    before = closes[0]
    for number, close in enumerate(closes):
        low = min(before, close, (lows or {}).get(number, close))
        first, high, lowest, last = (Decimal(each) for each in (before, max(before, close), low, close))
        bars.append(Bar(BTC, HOUR, START + number * HOUR, first, high, lowest, last, Decimal(1)))
        before = close
    return bars


def limits_of(share: str, leverage: int) -> Limits:
    """A share of equity per position and nothing else that could stand in the way."""
    nothing = Tiers()
    return Limits(leverage, Decimal(share), Decimal(1), 1, nothing, nothing, nothing, frozenset({BTC}))


def test_who_never_trades_keeps_what_there_was(engine: Engine) -> None:
    ended = engine(hours(*range(50_000, 52_400, 100)), Script((0,) * 24, 5_000), limits_of("0.1", 2))

    assert ended == Ended([], 10_000.0, 10_000.0)


def test_buying_and_holding(engine: Engine) -> None:
    # 10,000 x 0.1 x 2 / (50,000 x 1.0005) = 0.0399800099..., at the ask of 50,005.0: a cost of 1,999.1999.
    # Fee 7.9967996, opening 0.19991999: 7.9968 and 0.1999. Nothing is charged before four hours.
    bars = hours(50_000, 50_000, 50_000, 55_000)
    ended = engine(bars, Script((1, 1, 1, 1), 5_000), limits_of("0.1", 2))

    assert ended.fills == [(1, 1, "0.03998000", "50005.0", "7.9968")]
    assert ended.balance == pytest.approx(10_000 - 7.9968 - 0.1999, abs=1e-9)
    # 0.03998 x 55,000 = 2,198.9: 199.7001 more than it cost.
    assert ended.equity == pytest.approx(9_991.8033 + 199.7001, abs=1e-9)


def test_interest_over_a_known_span(engine: Engine) -> None:
    # Opened after an hour, so it is charged after five, nine and thirteen: 0.01 % of 1,999.1999 each time.
    ended = engine(hours(*[50_000] * 14), Script((1,) * 14, 5_000), limits_of("0.1", 2))

    assert len(ended.fills) == 1
    assert ended.balance == pytest.approx(9_991.8033 - 3 * 0.1999, abs=1e-9)


def test_who_trades_every_bar_pays_spread_and_fees_each_time(engine: Engine) -> None:
    # First 0.03998 at 50,005.0 as above, sold at the bid of 49,995.0 for 1,998.8001: fee 7.9952, a loss of 0.3998.
    # Then the equity read after that hour is 10,000 - 8.1967 - 0.03998 x 5 = 9,991.6034; a short of
    # 9,991.6034 x 0.2 / 50,025 = 0.0399464403... is sold at 49,995.0 for 1,997.1223: fee 7.9885, opening 0.1997.
    ended = engine(hours(50_000, 50_000, 50_000), Script((1, -1, 0), 5_000), limits_of("0.1", 2))

    assert ended.fills[:3] == [
        (1, 1, "0.03998000", "50005.0", "7.9968"),
        (2, -1, "0.03998000", "49995.0", "7.9952"),
        (2, -1, "0.03994644", "49995.0", "7.9885"),
    ]
    # Bought back at 50,005.0 for 1,997.5217: fee 7.9901, a loss of 0.3994.
    assert ended.fills[3:] == [(3, 1, "0.03994644", "50005.0", "7.9901")]
    fees = 7.9968 + 0.1999 + 7.9952 + 7.9885 + 0.1997 + 7.9901
    assert ended.balance == pytest.approx(10_000 - fees - 0.3998 - 0.3994, abs=1e-9)


def test_a_liquidation_on_a_known_bar(engine: Engine) -> None:
    # 10,000 x 0.9 x 10 / 50,025 = 1.7991004497...: the first level has 50,000 / 50,005 = 0.9999 for 49,999.9995 (fee
    # 200.0000, opening 5.0000), the next one the rest at 50,010.0 for 39,968.0140 (fee 159.8721, opening 3.9968).
    # What is left is 9,631.1311, the margin 8,996.80135; at 40 % of it, 3,598.72054, the venue closes:
    # (3,598.72054 - 9,631.1311 + 89,968.0135) / 1.79910044 = 46,653.10... The stop rests near 45,007.
    bars = hours(50_000, 50_000, 47_000, 47_000, lows={2: 46_700, 3: 46_000})
    ended = engine(bars, Script((1, 1, 1, 1), 5_000), limits_of("0.9", 10))

    assert ended.fills[:2] == [
        (1, 1, "0.99990000", "50005.0", "200.0000"),
        (1, 1, "0.79920044", "50010.0", "159.8721"),
    ]
    price = (0.4 * 8_996.80135 - 9_631.1311 + 89_968.0135) / 1.79910044
    forced = ended.fills[2:]
    assert forced
    assert all(hour == 4 and side == -1 for hour, side, *_ in forced)
    # Sold at the first bid below the tick at which it failed.
    assert float(forced[0][3]) == np.floor(np.floor(price * 10) * 0.9999) / 10
