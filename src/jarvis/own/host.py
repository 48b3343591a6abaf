"""The process in which a person's own strategy runs: `python -I -m jarvis.own.host FILE`.

It has an empty environment and the fence of `fence` around it before the file is run, answers questions on its standard
output, and ends when its standard input does. What the file prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import jarvis
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.own.examine import examine
from jarvis.own.fence import fence_in
from jarvis.own.files import load, read, told
from jarvis.own.frames import EndedError, read_frame, write_frame
from jarvis.trading.strategy import BarArrays, ParameterValue, Strategy, StrategyFailedError
from jarvis.trading.universe import Aligned, beside, looks_at

if TYPE_CHECKING:
    from jarvis.trading.strategy import TimeArray

_MOST_BYTES = 8 << 30
_LOOK_EVERY_SECONDS = 2.0
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo")


def _load_indicators() -> None:
    """Load TA-Lib before the fence is closed, but not the data frames that it would load to know them: they are slow.

    Some of them start threads, too, and a fence is around the thread that closes it and those that follow.
    """
    for frames in ("polars", "pandas"):
        sys.modules[frames] = cast("Any", None)  # that is how an import is refused
    import talib  # noqa: F401, PLC0415

    for frames in ("polars", "pandas"):
        del sys.modules[frames]


def _end_with(parent: int) -> None:
    """End with the process that asks, also in the midst of a file that never ends. A thread: fenced like the rest."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_SECONDS)
    os._exit(0)


def main() -> None:
    """Load the file that is named, and answer."""
    path = Path(sys.argv[1])
    asked, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    _load_indicators()
    try:
        text = read(path)
        is_fenced = fence_in(
            {Path(sys.prefix), Path(sys.base_prefix), Path(jarvis.__file__).parent, *map(Path, _SYSTEM)}
        )
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        strategy = load(path, text)
    except StrategyFailedError as error:
        write_frame(answers, {"error": str(error)})
        return
    write_frame(answers, {**_described(strategy), "is_fenced": is_fenced})
    while True:
        try:
            head, columns = read_frame(asked, most_bytes=_MOST_BYTES)
        except EndedError:
            return
        try:
            answer, given = _answer(strategy, path, text, head, columns)
        except StrategyFailedError as error:
            answer, given = {"error": str(error)}, []
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file does is said in words
            answer, given = {"error": told(error, path)}, []
        write_frame(answers, answer, given)


def _described(strategy: Strategy) -> dict[str, Any]:
    return {
        "name": strategy.name,
        "title": strategy.title,
        "description": strategy.description,
        "source": strategy.source,
        "weak_point": strategy.weak_point,
        "sees_others": hasattr(strategy, "universe"),
        "parameters": [
            {
                "name": each.name,
                "label": each.label,
                "description": each.description,
                "kind": each.kind,
                "default": str(each.default),
                "minimum": _text(each.minimum),
                "maximum": _text(each.maximum),
                "step": _text(each.step),
                "choices": list(each.choices),
                "unit": each.unit,
            }
            for each in strategy.parameters
        ],
    }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _answer(
    strategy: Strategy, path: Path, text: str, head: dict[str, Any], columns: bytes
) -> tuple[dict[str, Any], list[bytes]]:
    if head["ask"] == "examine":
        return {"findings": examine(strategy, path, text)}, []
    values = {each.name: each.parse(head["values"][each.name]) for each in strategy.parameters}
    match head["ask"]:
        case "objection":
            return {"words": str(strategy.objection(values))}, []
        case "warm_up":
            return {"bars": int(strategy.warm_up(values))}, []
        case "universe":
            return {"bases": [str(base) for base in looks_at(strategy, values, Pair.parse(head["pair"]))]}, []
        case "compute":
            return _computed(strategy, values, _bars(head, columns))
        case "lines":
            lines = strategy.lines(_bars(head, columns), values)
            return {"names": [line.name for line in lines]}, [_column(line.values, head["rows"]) for line in lines]
    raise StrategyFailedError(f"{path.name}: {head['ask']!r} is no question")


def _computed(
    strategy: Strategy, values: dict[str, ParameterValue], bars: BarArrays
) -> tuple[dict[str, Any], list[bytes]]:
    plan = strategy.compute(bars, values)
    rows = len(bars)
    target = np.asarray(plan.target)
    if target.shape != (rows,) or not np.isin(target, (-1, 0, 1)).all():
        raise StrategyFailedError(f"{strategy.name}.py: `target` must have one row per bar, of -1, 0 and 1")
    head = {
        "shares": [str(rung.share) for rung in plan.take_profits],
        "trailing": bool(plan.trailing),
        "time_stop": None if plan.time_stop is None else plan.time_stop.total_seconds(),
    }
    floats = (plan.stop_distance, *(rung.distance for rung in plan.take_profits))
    return head, [target.astype(np.int8).tobytes(), *(_column(each, rows) for each in floats)]


def _column(values: object, rows: int) -> bytes:
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (rows,):
        raise StrategyFailedError(f"a column has {column.shape} values where there are {rows} bars")
    return column.tobytes()


def _bars(head: dict[str, Any], columns: bytes) -> BarArrays:
    rows, at = int(head["rows"]), 0

    def taken(kind: type[np.generic]) -> Any:
        nonlocal at
        column = np.frombuffer(columns, dtype=kind, count=rows, offset=at).copy()
        at += column.nbytes
        return column

    def priced(opened_at: TimeArray) -> BarArrays:
        return BarArrays(opened_at, *(taken(np.float64) for _ in range(5)))

    own = priced(taken(np.int64))
    others = {Asset(base): Aligned(priced(own.opened_at), taken(np.bool_)) for base in head["others"]}
    return beside(own, others) if others else own


if __name__ == "__main__":
    main()
