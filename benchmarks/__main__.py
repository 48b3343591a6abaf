"""Run all benchmarks: one line each. `--quick` takes fewer and smaller rounds: for seeing that they run."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from benchmarks.accounts import account_memory
from benchmarks.decisions import backtests, engine_events
from benchmarks.frames import reading
from benchmarks.live import live_orders
from benchmarks.measure import Duel, measured
from benchmarks.orders import sending, signing
from benchmarks.storage import intents, signals

BENCHMARKS: tuple[Callable[[int], AbstractContextManager[list[Duel]]], ...] = (
    signing, sending, live_orders, reading, intents, signals, backtests, engine_events,
)  # fmt: skip


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds")
    quick = parser.parse_args().quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    for benchmark in BENCHMARKS:
        with benchmark(3 if quick else 25) as duels:
            for duel in duels:
                print(measured(duel, rounds=2 if quick else 11).line(), flush=True)
    with account_memory(quick=quick) as lines:
        print(*lines, sep="\n")


if __name__ == "__main__":
    main()
