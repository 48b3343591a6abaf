"""A person's own strategy as the long-lived processes know it: an object that asks a fenced process (see `host`).

The worker and the web process never run a file themselves. An answer that does not come in time, or a process that
ends, is a StrategyFailedError; the process is ended, and the next question starts another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from jarvis.domain.money import Asset
from jarvis.own import files_in
from jarvis.own.files import load
from jarvis.own.frames import EndedError, TooLateError, read_frame, write_frame
from jarvis.trading.strategies import STRATEGIES, set_own
from jarvis.trading.strategy import (
    BarArrays,
    Line,
    Parameter,
    Plan,
    StrategyFailedError,
    TakeProfitPlan,
    Values,
)
from jarvis.trading.universe import others_of

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair

log = structlog.get_logger()

START_SECONDS = 20.0
ANSWER_SECONDS = 3.0
EXAMINE_SECONDS = 120.0
_STARTED_AT_ONCE = 16
_MOST_LINES = 32
_HEAD_ROOM = 1 << 20
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""All of it: no setting, no password, no address of ours is passed on."""


class HostedStrategy:
    """A strategy of a file, asked in a process of its own. It blocks for as long as an answer takes: seconds at most.

    Raises StrategyFailedError where the file cannot be used; so does every question that is not answered well.
    """

    def __init__(self, path: Path, *, answer_seconds: float = ANSWER_SECONDS, shows_prints: bool = False) -> None:
        self._path = path
        self._answer_seconds = answer_seconds
        self._shows_prints = shows_prints
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        told = self._started()
        self.name: str = told["name"]
        self.title: str = told["title"]
        self.description: str = told["description"]
        self.source: str = told["source"]
        self.weak_point: str = told["weak_point"]
        self.parameters = tuple(_parameter(each) for each in told["parameters"])
        self.is_fenced: bool = told["is_fenced"]
        self._sees_others: bool = told["sees_others"]

    def __reduce__(self) -> tuple[type[HostedStrategy], tuple[Path]]:
        """Another process starts its own."""
        return HostedStrategy, (self._path,)

    def universe(self, pair: Pair, values: Values) -> tuple[Asset, ...]:
        """The bases that it looks at besides its own; none for most."""
        if not self._sees_others:
            return ()
        return tuple(Asset(base) for base in self._ask("universe", values, pair=str(pair))[0]["bases"])

    def objection(self, values: Values) -> str:
        """Why these values do not go together."""
        return str(self._ask("objection", values)[0]["words"])

    def warm_up(self, values: Values) -> int:
        """How many bars must be there before the last one can have a wish."""
        return int(self._ask("warm_up", values)[0]["bars"])

    def compute(self, bars: BarArrays, values: Values) -> Plan:
        """The plan for all bars."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        head, columns = self._ask("compute", values, bars)
        rows, shares = len(bars), [Decimal(share) for share in head["shares"]]
        if len(columns) != rows * (1 + 8 * (1 + len(shares))):
            raise self._failed("it answered with columns of another length")
        target = np.frombuffer(columns, dtype=np.int8, count=rows)
        floats = np.frombuffer(columns[rows:], dtype=np.float64).reshape(1 + len(shares), rows)
        return Plan(
            target,
            floats[0],
            tuple(TakeProfitPlan(distance, share) for distance, share in zip(floats[1:], shares, strict=True)),
            trailing=head["trailing"],
            time_stop=None if head["time_stop"] is None else timedelta(seconds=head["time_stop"]),
        )

    def lines(self, bars: BarArrays, values: Values) -> tuple[Line, ...]:
        """What it looks at, for a chart."""
        import numpy as np  # noqa: PLC0415 - loaded with the first computation, not with the package

        head, columns = self._ask("lines", values, bars)
        names = head["names"]
        if len(columns) != 8 * len(bars) * len(names):
            raise self._failed("it answered with lines of another length")
        curves = np.frombuffer(columns, dtype=np.float64).reshape(len(names), len(bars))
        return tuple(Line(str(name), curve) for name, curve in zip(names, curves, strict=True))

    def examine(self) -> list[str]:
        """What is wrong with it, one line each: see `examine.examine`."""
        return [str(each) for each in self._ask("examine", {}, within=EXAMINE_SECONDS)[0]["findings"]]

    def close(self) -> None:
        """End its process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _started(self) -> dict[str, Any]:
        process = subprocess.Popen(
            (sys.executable, "-I", "-B", "-m", "jarvis.own.host", str(self._path)),
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if self._shows_prints else subprocess.DEVNULL,
        )
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None  # noqa: S101 - asked for by PIPE
            os.set_blocking(pipe.fileno(), False)
        self._process = process
        try:
            return self._answer(process, START_SECONDS, 0)[0]
        except StrategyFailedError:
            self.close()
            raise

    def _ask(
        self,
        question: str,
        values: Values,
        bars: BarArrays | None = None,
        *,
        within: float | None = None,
        pair: str = "",
    ) -> tuple[dict[str, Any], bytes]:
        given = {each.name: str(values[each.name]) for each in self.parameters} if values else {}
        head: dict[str, Any] = {"ask": question, "values": given, "pair": pair}
        columns: list[bytes] = []
        if bars is not None:
            others = others_of(bars)
            head |= {"rows": len(bars), "others": [str(base) for base in others]}
            columns = [bars.opened_at.tobytes(), *_prices(bars)]
            for other in others.values():
                columns += [*_prices(other.bars), other.repeated.tobytes()]
        within = self._answer_seconds if within is None else within
        with self._lock:
            if self._process is None:
                self._started()
            process = self._process
            assert process is not None  # noqa: S101 - just started
            assert process.stdin is not None  # noqa: S101 - asked for by PIPE
            try:
                write_frame(process.stdin.fileno(), head, columns, within=within)
            except (TooLateError, EndedError):
                self.close()
                raise self._failed(f"it did not listen for {within:g} s") from None
            return self._answer(process, within, 0 if bars is None else 8 * len(bars) * _MOST_LINES)

    def _answer(self, process: subprocess.Popen[bytes], within: float, most_bytes: int) -> tuple[dict[str, Any], bytes]:
        assert process.stdout is not None  # noqa: S101 - asked for by PIPE
        try:
            head, columns = read_frame(process.stdout.fileno(), most_bytes=most_bytes + _HEAD_ROOM, within=within)
        except TooLateError:
            self.close()
            raise self._failed(f"it took longer than {within:g} s to answer") from None
        except (EndedError, ValueError):
            self.close()
            raise self._failed("it ended the process that it runs in") from None
        if "error" in head:
            raise StrategyFailedError(str(head["error"])[:500])
        return head, columns

    def _failed(self, words: str) -> StrategyFailedError:
        return StrategyFailedError(f"{self._path.name}: {words}")


def adopt(folder: Path) -> Mapping[str, str]:
    """Make the files of `folder` the own strategies of this process, each asked in a process of its own.

    Those that cannot be used are left out: by name, the line that says why. Those of before are ended.
    """
    for former in STRATEGIES.values():
        if isinstance(former, HostedStrategy):
            former.close()
    found, refused = [], {}
    with ThreadPoolExecutor(_STARTED_AT_ONCE) as starting:  # files that hang keep this process waiting once, not each
        started = [(path, starting.submit(HostedStrategy, path)) for path in files_in(folder)]
    for path, future in started:
        try:
            found.append(future.result())
        except StrategyFailedError as error:
            refused[path.stem] = str(error)
            log.warning("own_strategy_refused", file=path.name, reason=str(error))
    set_own(found, refused)
    return refused


def adopt_here(folder: Path) -> Mapping[str, str]:
    """The same for a process that holds nothing secret and computes much: the files run in this very process."""
    found, refused = [], {}
    for path in files_in(folder):
        try:
            found.append(load(path))
        except StrategyFailedError as error:
            refused[path.stem] = str(error)
    set_own(found, refused)
    return refused


def _prices(bars: BarArrays) -> list[bytes]:
    return [each.tobytes() for each in (bars.open, bars.high, bars.low, bars.close, bars.volume)]


def _parameter(told: Mapping[str, Any]) -> Parameter:
    def number(name: str) -> Decimal | None:
        return None if told[name] is None else Decimal(told[name])

    kind, default = told["kind"], told["default"]
    return Parameter(
        name=told["name"],
        label=told["label"],
        description=told["description"],
        kind=kind,
        default=default if kind == "choice" else int(default) if kind == "int" else Decimal(default),
        minimum=number("minimum"),
        maximum=number("maximum"),
        step=number("step"),
        choices=tuple(told["choices"]),
        unit=told["unit"],
    )
