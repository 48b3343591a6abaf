"""A wish that is kept until something ends it: what strategies with separate entries and exits have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from jarvis.trading.strategy import TargetArray

    Marks = npt.NDArray[np.bool_]


def held(buy: Marks, sell: Marks, leave_long: Marks, leave_short: Marks, most_bars: int) -> TargetArray:
    """What is wished at every bar (-1, 0, 1), beginning with nothing.

    An entry counts before an exit of the same bar. A wish that nothing renewed for `most_bars` ends: it must not depend
    on more bars than a strategy is shown (`memory_of`).
    """
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    rows = np.arange(len(buy))

    def last(marks: Marks) -> npt.NDArray[np.int64]:
        return np.maximum.accumulate(np.where(marks, rows, -1)) if len(rows) else rows

    begun = last(buy | sell)
    is_long = buy[begun] & (begun > -1)
    is_over = np.where(is_long, last(leave_long), last(leave_short)) > begun
    lasts = (begun > -1) & ~is_over & (rows - begun < most_bars)
    return np.where(lasts, np.where(is_long, 1, -1), 0).astype(np.int8)
