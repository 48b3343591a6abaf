"""What no reading of a frame can be cheaper than: `python -m benchmarks.floors` prints it for orders and fills.

    kind  untyped  typed  records  floor  limit  ours

In microseconds: msgspec's bare decoding of the text, untyped and to the adapter's own Structs, without a look at any
value; making the frozen records of values that are there already; the sum of the last two; the limit, a share of
what ccxt.pro takes for the same frames; and our reading. Each is the best of several runs over many frames.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import msgspec

from benchmarks.frames import LIMIT, Kind, ccxt_pro, handling_of, kinds, reading_of
from jarvis.domain.order import Fill
from jarvis.venues.base import BarUpdate
from jarvis.venues.binance import executions as binance
from jarvis.venues.bybit import rows as bybit
from jarvis.venues.kraken import executions as kraken
from jarvis.venues.okx import order_rows as okx

FRAMES = 300
RUNS = 15

_TYPED: Mapping[tuple[str, bool], Callable[[str], object]] = {
    ("kraken", True): kraken.decode_executions,
    ("kraken", False): kraken.decode_executions,
    ("binance", True): binance.decode_execution,
    ("binance", False): binance.decode_execution,
    ("okx", True): okx.decode_orders,
    ("okx", False): okx.decode_orders,
    ("bybit", True): lambda text: bybit.decode_executions(text, "execution"),
    ("bybit", False): lambda text: bybit.decode_orders(text, "order"),
}
"""An adapter's decoding alone, of fills and of the rest."""


def main() -> None:
    """Print the table."""
    for kind in kinds(range(FRAMES)):
        if kind.told is not BarUpdate:
            print(_line(kind), flush=True)


def _line(kind: Kind) -> str:
    untyped = _best(_each(msgspec.json.decode, kind.frames))
    typed = _best(_each(_TYPED[kind.venue, kind.told is Fill], kind.frames))
    records = _best(_made_again(kind))
    limit, ours = LIMIT * _theirs(kind), _best(reading_of(kind))
    return (
        f"{kind.venue + ' ' + kind.name:<16}  untyped {untyped:.2f}  typed {typed:.2f}  records {records:.2f}"
        f"  floor {typed + records:.2f}  limit {limit:.2f}  ours {ours:.2f}"
    )


def _each(decode: Callable[[str], object], frames: Iterable[str]) -> Callable[[], int]:
    def run() -> int:
        for text in frames:
            decode(text)
        return FRAMES

    return run


def _made_again(kind: Kind) -> Callable[[], int]:
    """Makes the records of one frame again and again."""
    told: list[Any] = [*kind.fresh().read(kind.frames[0])]
    made = [(type(record), [getattr(record, field.name) for field in fields(record)]) for record in told]

    def run() -> int:
        for _ in range(FRAMES):
            for record, values in made:
                record(*values)
        return FRAMES

    return run


def _theirs(kind: Kind) -> float:
    with asyncio.Runner() as runner:
        exchange, client = runner.run(ccxt_pro(kind.venue))
        taken = _best(handling_of(exchange, client, kind))
        runner.run(exchange.close())
    return taken


def _best(run: Callable[[], int]) -> float:
    """Microseconds of a unit, in the best run; one more before them warms up."""
    taken = []
    for _ in range(RUNS + 1):
        gc.collect()
        begun = time.process_time()
        units = run()
        taken.append((time.process_time() - begun) / units * 1e6)
    return min(taken[1:])


if __name__ == "__main__":
    main()
