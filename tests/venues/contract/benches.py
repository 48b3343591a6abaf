"""Every venue, and every account mode that trades differently: one line each."""

from tests.venues.bybit.bench import BybitBench
from tests.venues.contract.bench import Bench, KrakenBench

BENCHES: dict[str, type[Bench]] = {
    "bybit": BybitBench,
    "kraken": KrakenBench,
}
