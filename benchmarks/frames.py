"""A frame's way in: from the text of a WebSocket frame to what the program works with, at each of the four venues."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Protocol

import ccxt
import ccxt.pro
from tests.venues.binance.wires import sample as binance_sample
from tests.venues.bybit.wires import sample as bybit_sample
from tests.venues.bybit.wires import symbols as bybit_symbols
from tests.venues.okx.wires import sample as okx_sample
from tests.venues.wires import sample as kraken_sample
from tests.venues.wires import symbols as kraken_symbols

from benchmarks.measure import Duel
from benchmarks.orders import BTC, Now, wish
from jarvis.domain.instrument import Pair
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest
from jarvis.venues.base import BarUpdate
from jarvis.venues.binance.memory import OrderMemory as BinanceMemory
from jarvis.venues.binance.streams import AccountDialect as BinanceDialect
from jarvis.venues.bybit.orders import KnownOrder, OrderFilter
from jarvis.venues.bybit.orders import OrderMemory as BybitMemory
from jarvis.venues.bybit.streams import AccountDialect as BybitDialect
from jarvis.venues.bybit.symbols import Symbols as BybitSymbols
from jarvis.venues.kraken.memory import OrderMemory as KrakenMemory
from jarvis.venues.kraken.streams import AccountDialect as KrakenDialect
from jarvis.venues.kraken.streams import MarketDialect as KrakenMarketDialect
from jarvis.venues.kraken.symbols import Symbols as KrakenSymbols
from jarvis.venues.okx.memory import OrderMemory as OkxMemory
from jarvis.venues.okx.streams import AccountDialect as OkxDialect

JSON_ALONE = "json.loads alone"
CCXT_PRO = "ccxt.pro json.loads + handle_message"
LIMIT = 1 / 25
BTC_USDT = Pair.parse("BTC/USDT")
MOST = 1_000
"""Frames of a kind at most: each tells of an order that we asked for."""


class Reader(Protocol):
    """A stream that reads frames."""

    def read(self, text: str) -> Sequence[object]:
        """The events of one frame."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """Frames of one kind, `told` being what the first event of each must be; `fresh` makes the stream to read them."""

    venue: str
    name: str
    told: type
    fresh: Callable[[], Reader]
    frames: Sequence[str]


@contextmanager
def reading(scale: int) -> Iterator[list[Duel]]:
    """Orders and fills of the four venues, and a candle: text to checked values in Decimal, repeats dropped."""
    with asyncio.Runner() as runner:
        duels, peers = [], []
        for kind in kinds(range(min(30 * scale, MOST))):
            exchange, client = runner.run(ccxt_pro(kind.venue))
            peers.append(exchange)
            title = f"{kind.venue}: read {kind.name}'s frame"
            if kind.venue == "kraken":
                duels.append(Duel(title, "frame", JSON_ALONE, reading_of(kind), _loaded(kind.frames)))
            limit = None if kind.told is BarUpdate else LIMIT
            duels.append(
                Duel(title, "frame", CCXT_PRO, reading_of(kind), handling_of(exchange, client, kind), most=limit)
            )
        yield duels
        for exchange in peers:
            runner.run(exchange.close())


def kinds(numbers: Iterable[int]) -> list[Kind]:
    """Every kind, each frame with an id of its own: what is told again would be dropped."""

    def frames(sample: Callable[[str], bytes], name: str, changes: Callable[[int], Mapping[str, object]]) -> list[str]:
        """Our sample as the venue sends it, without blanks; `changes` go to where it has such keys."""
        return [
            json.dumps(_changed(json.loads(sample(name)), changes(number)), separators=(",", ":")) for number in numbers
        ]

    def kraken_fill(n: int) -> dict[str, object]:
        return {"sequence": n + 3, "exec_id": f"T{n:05d}-AAAAA-BBBBBB"}

    def kraken_order(n: int) -> dict[str, object]:
        return {"sequence": n + 2, "order_id": f"O{n:05d}-AAAAA-BBBBBB", "cl_ord_id": f"jv{n:07d}"}

    def okx_fill(n: int) -> dict[str, object]:
        return {"tradeId": str(n), "ordId": str(n), "clOrdId": f"jv{n:07d}"}

    def okx_order(n: int) -> dict[str, object]:
        return {"ordId": str(n), "clOrdId": f"jv{n:07d}"}

    def bybit_fill(n: int) -> dict[str, object]:
        return {"execId": str(n), "orderId": str(n), "orderLinkId": f"jv{n:07d}"}

    def bybit_order(n: int) -> dict[str, object]:
        return {"orderId": str(n), "orderLinkId": f"jv{n:07d}"}

    k, b, o, y = kraken_sample, binance_sample, okx_sample, bybit_sample
    return [
        Kind("kraken", "a fill", Fill, _kraken_with_its_order, frames(k, "ws_executions_trade", kraken_fill)),
        Kind("kraken", "an order", OrderReport, _kraken, frames(k, "ws_executions_pending", kraken_order)),
        Kind("kraken", "a candle", BarUpdate, _kraken_market, frames(k, "ws_ohlc", lambda _: {})),
        Kind("binance", "a fill", Fill, _binance, frames(b, "ws_execution_trade", lambda n: {"t": n})),
        Kind("binance", "an order", OrderReport, _binance, frames(b, "ws_execution_new", lambda n: {"i": n})),
        Kind("okx", "a fill", Fill, _okx, frames(o, "ws_orders_fill", okx_fill)),
        Kind("okx", "an order", OrderReport, _okx, frames(o, "ws_orders_live", okx_order)),
        Kind("bybit", "a fill", Fill, _bybit, frames(y, "ws_execution", bybit_fill)),
        Kind("bybit", "an order", OrderReport, _bybit, frames(y, "ws_order", bybit_order)),
    ]


def _changed(told: Any, changes: Mapping[str, object]) -> Any:
    """One row of a frame, with these keys of it, or of what it holds, changed."""
    if isinstance(told, list):
        return [_changed(each, changes) for each in told[:1]]
    if not isinstance(told, dict):
        return told
    return {key: changes[key] if key in changes else _changed(value, changes) for key, value in told.items()}


# Our streams, which know the order that is filled


async def _nobody_asks() -> Any:
    raise NotImplementedError


@cache
def _orders() -> Sequence[OrderRequest]:
    """What we asked for: the orders that all frames tell of."""
    return [replace(wish(n), client_order_id=ClientOrderId(f"jv{n:07d}"), pair=BTC_USDT) for n in range(MOST)]


@cache
def _names() -> KrakenSymbols:
    return kraken_symbols()


def _kraken() -> Reader:
    account = KrakenDialect("", _names(), KrakenMemory(), _nobody_asks, Now())
    account.read(kraken_sample("ws_executions_snapshot").decode())
    return account


def _kraken_with_its_order() -> Reader:
    account = _kraken()
    account.read(kraken_sample("ws_executions_pending").decode())
    return account


def _kraken_market() -> Reader:
    return KrakenMarketDialect("", _names(), [BTC], timedelta(minutes=1), Now())


@cache
def _binance_memory() -> BinanceMemory:
    memory = BinanceMemory()
    for order in _orders():
        memory.announce(order.client_order_id, order.pair)
    return memory


def _binance() -> Reader:
    return BinanceDialect("", _binance_memory(), _nobody_asks, Now().now)


@cache
def _okx_memory() -> OkxMemory:
    memory = OkxMemory()
    for order in _orders():
        memory.announce(order)
    return memory


def _okx() -> Reader:
    return OkxDialect("", _okx_memory(), _nobody_asks, _nobody_asks, spot_is_margin=True)


@cache
def _bybit_memory() -> tuple[BybitMemory, BybitSymbols]:
    memory = BybitMemory()
    for order in _orders():
        memory.announce(
            order.client_order_id, KnownOrder(OrderFilter.ORDER, order.side, order.order_type, order.leverage, True)
        )
    return memory, bybit_symbols()


def _bybit() -> Reader:
    memory, symbols = _bybit_memory()
    return BybitDialect("", symbols, memory, _nobody_asks, Now().now)


def reading_of(kind: Kind) -> Callable[[], int]:
    """Our reading of all frames of a kind, by a stream of its own each time."""

    def read() -> int:
        stream = kind.fresh()
        for text in kind.frames:
            assert isinstance(stream.read(text)[0], kind.told)
        return len(kind.frames)

    return read


# Theirs, with the venue's listings at hand, and a client that is never connected: it only holds who waits for what


async def ccxt_pro(venue: str) -> tuple[Any, Any]:
    """Their exchange and its client; close the exchange."""
    exchange = getattr(ccxt.pro, venue)()
    exchange.set_markets(_markets(venue))
    return exchange, exchange.client("ws://127.0.0.1:9/")


def _markets(venue: str) -> Any:
    def listed(url: str, *_: Any, **__: Any) -> Any:
        match venue:
            case "kraken":
                return json.loads(kraken_sample("asset_pairs" if "AssetPairs" in url else "assets"))
            case "binance":
                return json.loads(binance_sample("exchange_info"))
            case "okx":
                return json.loads(okx_sample("instruments_spot"))
            case _:
                return json.loads(bybit_sample("instruments_info"))

    spot_alone = {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "loadAllOptions": False}
    exchange = getattr(ccxt, venue)({"options": {} if venue == "kraken" else spot_alone})
    exchange.fetch = listed
    return exchange.fetch_markets()


def handling_of(exchange: Any, client: Any, kind: Kind) -> Callable[[], int]:
    """Their reading of all frames of a kind."""
    kept = {Fill: "myTrades", OrderReport: "orders", BarUpdate: "ohlcvs"}[kind.told]

    def handle() -> int:
        for text in kind.frames:
            exchange.handle_message(client, json.loads(text))
        assert getattr(exchange, kept)
        return len(kind.frames)

    return handle


def _loaded(frames: Sequence[str]) -> Callable[[], int]:
    def load() -> int:
        for text in frames:
            json.loads(text)
        return len(frames)

    return load
