"""A wish that is kept until something ends it: what strategies with separate entries and exits have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from jarvis.trading.strategy import TargetArray

    Marks = npt.NDArray[np.bool_]


def held(buy: Marks, sell: Marks, leave_long: Marks, leave_short: Marks, most_bars: int = 0) -> TargetArray:
    """What is wished at every bar (-1, 0, 1), beginning with nothing.

    An entry counts before an exit of the same bar. A wish that is older than `most_bars` ends; 0 lets it grow old.
    """
    import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

    wish, age, wishes = 0, 0, []
    columns = (buy.tolist(), sell.tolist(), leave_long.tolist(), leave_short.tolist())
    for up, down, no_longer_long, no_longer_short in zip(*columns, strict=True):
        age += 1
        if up:
            wish, age = 1, 0
        elif down:
            wish, age = -1, 0
        elif (wish == 1 and no_longer_long) or (wish == -1 and no_longer_short) or age == most_bars:
            wish = 0
        wishes.append(wish)
    return np.array(wishes, dtype=np.int8)
