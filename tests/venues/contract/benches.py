"""Every venue, and every account mode that trades differently: one line each."""

from tests.venues.binance.bench import BinanceBench, BinanceIsolatedBench
from tests.venues.bybit.bench import BybitBench
from tests.venues.contract.bench import Bench, KrakenBench
from tests.venues.okx.bench import OkxBench, OkxMultiCurrencyBench

BENCHES: dict[str, type[Bench]] = {
    "binance": BinanceBench,
    "binance-isolated": BinanceIsolatedBench,
    "bybit": BybitBench,
    "kraken": KrakenBench,
    "okx": OkxBench,
    "okx-multi-currency": OkxMultiCurrencyBench,
}
