"""A frame's way in: from the text of a WebSocket frame to what the program works with."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import ccxt
import ccxt.pro
from tests.venues.wires import frame, sample, symbols

from benchmarks.measure import Duel
from benchmarks.orders import BTC, Now
from jarvis.domain.order import VenueOrderId
from jarvis.venues.kraken.streams import AccountDialect, MarketDialect, OrderMemory
from jarvis.venues.stream import Pong

MINUTE = timedelta(minutes=1)
JSON_ALONE = "json.loads alone"
CCXT_PRO = "ccxt.pro json.loads + handle_message"


@contextmanager
def reading(scale: int) -> Iterator[list[Duel]]:
    """A fill on the executions channel, and a candle: text to Fill and Bar, in Decimal, checked and counted."""
    batch = 30 * scale
    fills = [_fill(number) for number in range(batch)]
    candles = [frame("ws_ohlc")] * batch
    market = MarketDialect("", symbols(), [BTC], MINUTE, Now())

    def read_fills() -> int:
        account = _account()
        for text in fills:
            (event,) = account.read(text)
            assert not isinstance(event, Pong)
        return batch

    def read_candles() -> int:
        for text in candles:
            (event,) = market.read(text)
            assert not isinstance(event, Pong)
        return batch

    with asyncio.Runner() as runner:
        exchange, client = runner.run(_ccxt_pro())

        def handle(message: Any) -> None:
            exchange.handle_message(client, message)

        yield [
            Duel("read a fill's frame", "frame", JSON_ALONE, read_fills, lambda: _loads(fills)),
            Duel("read a fill's frame", "frame", CCXT_PRO, read_fills, lambda: _handled(handle, fills), most=1 / 25),
            Duel("read a candle's frame", "frame", JSON_ALONE, read_candles, lambda: _loads(candles)),
            Duel("read a candle's frame", "frame", CCXT_PRO, read_candles, lambda: _handled(handle, candles)),
        ]
        runner.run(exchange.close())


def _fill(number: int) -> str:
    (entry,) = json.loads(sample("ws_executions_trade"))["data"]
    return frame("ws_executions_trade", sequence=number + 3, data=[{**entry, "exec_id": f"T{number:05d}-AAAAA-BBBBBB"}])


def _account() -> AccountDialect:
    """A stream that has told its snapshot and the order which is now filled."""

    async def no_token() -> str:
        raise NotImplementedError

    account = AccountDialect("", symbols(), OrderMemory(), no_token, Now())
    for number, name in enumerate(("ws_executions_snapshot", "ws_executions_pending"), start=1):
        list(account.read(frame(name, sequence=number)))
    known = account._memory.get(VenueOrderId("OQCLML-BW3P3-BUCMWZ"))  # noqa: SLF001 - proves that fills are ours
    assert known.client_order_id == "jv0000001"
    return account


class _Prepared(ccxt.kraken):  # type: ignore[misc]
    """ccxt with the venue's listings at hand."""

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:  # noqa: ARG002
        return json.loads(sample("asset_pairs" if "AssetPairs" in url else "assets"))


async def _ccxt_pro() -> tuple[Any, Any]:
    """The exchange, and a client that is never connected: it only holds who waits for what."""
    exchange = ccxt.pro.kraken()
    exchange.set_markets(_Prepared().fetch_markets())
    return exchange, exchange.client("ws://127.0.0.1:9/")


def _loads(frames: Sequence[str]) -> int:
    for text in frames:
        json.loads(text)
    return len(frames)


def _handled(handle: Callable[[Any], None], frames: Sequence[str]) -> int:
    for text in frames:
        handle(json.loads(text))
    return len(frames)
