"""krakenex, unmodified, trades on margin against the sandbox."""

import asyncio
from typing import Any

import krakenex
import pytest

from tests.emulators.server import Served

pytestmark = pytest.mark.witness


async def ask(api: Any, method: str, **fields: Any) -> Any:
    answer = await asyncio.to_thread(api.query_private, method, fields)
    assert answer["error"] == [], answer
    return answer["result"]


async def test_krakenex_places_amends_stops_closes_and_reads_it_all_back(sandbox: Served) -> None:
    api = krakenex.API(sandbox.key, sandbox.secret)
    api.uri = sandbox.rest
    try:
        entry = await ask(api, "AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1", leverage="10")
        assert entry["descr"]["order"] == "buy 0.10000000 XBTUSD @ market with 10:1 leverage"

        stop = await ask(
            api,
            "AddOrder",
            pair="XXBTZUSD",
            type="sell",
            ordertype="stop-loss",
            price="49000",
            volume="0.1",
            leverage="10",
            reduce_only="true",
        )
        (stop_id,) = stop["txid"]
        assert list((await ask(api, "OpenOrders", trades=True))["open"]) == [stop_id]
        assert (await ask(api, "AmendOrder", txid=stop_id, trigger_price="48500"))["amend_id"]
        assert (await ask(api, "CancelOrder", txid=stop_id))["count"] == 1

        (lot,) = (await ask(api, "OpenPositions", docalcs=True)).values()
        assert lot["vol"] == "0.10000000"
        closing = await ask(api, "AddOrder", pair="XBTUSD", type="sell", ordertype="market", volume="0", leverage="10")
        assert closing["txid"]

        assert await ask(api, "OpenPositions") == {}
        assert (await ask(api, "TradesHistory"))["count"] == 2
        assert (await ask(api, "ClosedOrders"))["count"] == 3
        ledger = await ask(api, "Ledgers")
        balance = await ask(api, "Balance")
        assert next(iter(ledger["ledger"].values()))["balance"] == balance["ZUSD"]
        assert "ml" not in await ask(api, "TradeBalance")
    finally:
        api.close()


async def test_krakenex_reads_public_data(sandbox: Served) -> None:
    api = krakenex.API()
    api.uri = sandbox.rest
    try:
        pairs = await asyncio.to_thread(api.query_public, "AssetPairs")
        candles = await asyncio.to_thread(api.query_public, "OHLC", {"pair": "XBTUSD", "interval": 5})
    finally:
        api.close()

    assert pairs["result"]["XXBTZUSD"]["leverage_buy"][-1] == 10
    assert candles["result"]["XBTUSD"][-1][4] == "50000.0"
