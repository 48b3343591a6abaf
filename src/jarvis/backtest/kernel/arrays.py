"""What the kernel reads, keeps and writes down: arrays of records, whose fields have names and fixed types.

Quantities are in lots, prices in ticks, money in cost steps, instants in seconds since 1970 (UTC). Rates are fractions
`numerator / denominator`, so that a fee of half a cost step is rounded as the venue rounds it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

DONE, BEYOND, FULL = 0, 1, 2
"""How a run ended: whole; where only the exact runner can go on; with a log that was too small."""
ENTRY, STOP, TARGET, SIGNAL, TIME, REDUCED, FLATTENED, LIQUIDATED = range(8)
"""Why something traded."""
MOST_LOTS = 64
"""An entry of more fills is left to the exact runner."""
FEW, MANY = 16, 256
"""How many rows the extremes of a `Market` cover."""


def _record(*, whole: str = "", real: str = "", yes: str = "") -> np.dtype[np.void]:
    fields = [(name, np.float64) for name in real.split()]
    fields += [(name, np.int64) for name in whole.split()]  # type: ignore[misc]
    fields += [(name, np.bool_) for name in yes.split()]  # type: ignore[misc]
    return np.dtype(fields, align=True)


RULE = _record(
    real="tick lot money_numerator money_denominator min_quantity min_cost most_long most_short leverage_long "
    "leverage_short opening_numerator opening_denominator rollover_numerator rollover_denominator",
    whole="rungs time_stop",
    yes="trailing",
)
"""One pair's rules at the venue, and what the strategy leaves its positions by.

`money` turns lots times ticks into cost steps; `tick` and `lot` are in quote and base. A leverage of 0 means that the
side is not offered. `rungs` is how many targets there are at most, `time_stop` is in seconds, 0 for none.
"""

TERM = _record(
    real="taker_numerator taker_denominator maker_numerator maker_denominator half_spread level_step level_quote "
    "liquidation_level healthy_level told_step risk equity_share lowest_level reserve round_trip_rate slippage_rate",
    whole="start step steps candle rollover_period most_positions",
    yes="keeps_fills",
)
"""What is the same for all pairs: the venue's costs and levels, and the account's limits.

Steps of time are `step` seconds long and counted from `start`; the first one ends as number 1. A candle of the
strategy's is `candle` seconds long. Spread and level steps are in hundredths of a per cent. `lowest_level` is the
margin level below which nothing is opened.
"""

ACCOUNT = _record(
    real="balance equity used free level committed day_equity peak daily_tier drawdown_tier level_tier reduced_at "
    "curve_peak deepest lowest_level",
    whole="now day paused blocked lots_opened fills fills_read trades status",
)
"""The account: its cash, the latest reading of its margin, what the limits count from and have reached.

Tiers are 0 for none, then 1 to 4 as `TierAction`. `deepest` is the largest fall of a reading below its peak,
`fills_read` how many fills the latest reading knows.
"""

PAIR = _record(
    real="price last_price quantity cost stop stop_price best distance queued_quantity queued_price",
    whole="bar_step lot_count trade opened_at queued_role row candle change",
)
"""What is held on one pair and what protects it; `quantity` and `cost` are signed, a `stop` of 0 is none.

`price` is the venue's, `last_price` the engine's latest. `stop_price` is where the stop is meant to rest before it is
rounded, `best` the water mark of a trailing one. `bar_step` is the step of the pair's last bar, `trade` the record of
the position in the log, -1 for none. `queued` is a closing order that waits for the pair's next bar, and the price that
it was decided at. `row`, `candle` and `change` are the next ones of the pair in `Market` and `Wishes`.
"""

LOT = _record(real="quantity cost leverage", whole="due number")
"""What is left of one opening fill, and when its next rollover is due."""

RUNG = _record(real="price quantity")
"""A target that rests at the venue; a quantity of 0 is none."""

FILL = _record(real="quantity price cost fee opening_fee", whole="at pair side role trade")
"""One fill, as it is written down."""

TRADE = _record(
    real="quantity margin realised opening_slippage closing_slippage closed_quantity fee opening_fee rollover "
    "liquidation",
    whole="pair side opened_at closed_at",
)
"""One position, as it is written down: money signed as it moved cash, slippage included in what it realised.

`closed_quantity` is what we closed ourselves; what the venue closed by force is in `liquidation`.
"""


class Market(NamedTuple):
    """Native bars of all pairs, one pair after the other; `first[p]` to `first[p + 1]` are the rows of pair p.

    Instants and prices are as they were recorded, in seconds and quote. `few` and `many` have the extremes of every
    `FEW` and `MANY` rows from row 0 on: the highest high, the lowest low, the highest and the lowest close.
    """

    first: Integers
    opened_at: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    few: Floats
    many: Floats


class Wishes(NamedTuple):
    """Finished candles of the size that the strategy sees, and where its wish changes.

    Candles are laid out as `Market`; `finished_by` is the row of the native bar whose end finished each, and is empty
    where candles and native bars are the same. Changes have offsets of their own: `row` is the candle's, `target` what
    is wished from it on. Distances are in ticks, NaN where there is none; `targets` has a column for each rung.
    `next_opening` is the pair's next change, this one included, that may open; the end of its changes when none does.
    """

    first: Integers
    opened_at: Integers
    high: Floats
    low: Floats
    close: Floats
    finished_by: Integers
    first_change: Integers
    row: Integers
    target: npt.NDArray[np.int8]
    distance: Floats
    targets: Floats
    next_opening: Integers


class Run(NamedTuple):
    """One run: what holds for it, what changes, and what is written down.

    `rules` and `pairs` have a record per pair, `shares` (of a whole), `lots` and `rungs` a row. `tiers` has a row each
    for daily loss, drawdown and margin level and a column for each action, NaN where there is none. `terms` and
    `account` are of length 1. `equity` has the last reading of each UTC day.
    """

    rules: Records
    shares: Floats
    terms: Records
    tiers: Floats
    account: Records
    pairs: Records
    lots: Records
    rungs: Records
    fills: Records
    trades: Records
    equity: Floats
