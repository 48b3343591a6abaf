"""ccxt and ccxt.pro, unmodified, trade on margin against the sandbox and follow its streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest

from tests.emulators.server import Served

pytestmark = [pytest.mark.witness]
SYMBOL = "BTC/USD"


@pytest.fixture
async def exchange(sandbox: Served) -> AsyncIterator[Any]:
    rest, ws = sandbox.rest, sandbox.ws
    client = ccxt.pro.kraken(
        {
            "apiKey": sandbox.key,
            "secret": sandbox.secret,
            "rateLimit": 1,
            "urls": {
                "api": {
                    "public": rest,
                    "private": rest,
                    "ws": {
                        "public": f"{ws}/ws",
                        "private": f"{ws}/ws-auth",
                        "publicV2": f"{ws}/ws/v2",
                        "privateV2": f"{ws}/ws-auth/v2",
                    },
                }
            },
        }
    )
    try:
        yield client
    finally:
        await client.close()


async def test_ccxt_loads_the_markets_with_their_leverage(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert markets[SYMBOL]["limits"]["leverage"]["max"] == 10
    assert markets["BNB/USD"]["limits"]["leverage"]["max"] == 5
    assert markets[SYMBOL]["precision"]["price"] == 0.1


async def test_ccxt_places_amends_stops_closes_and_reads_it_all_back(exchange: Any, sandbox: Served) -> None:
    sandbox.move()
    entry = await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"leverage": 10, "clientOrderId": "one"})
    assert entry["id"]
    # ccxt looks for the limit price of a stop where Kraken writes "leverage": the stop rests all the same.
    with pytest.raises(ValueError, match="too many values"):
        await exchange.create_order(
            SYMBOL, "market", "sell", 0.1, None, {"leverage": 10, "reduceOnly": True, "stopLossPrice": 49000}
        )
    (stop,) = await exchange.fetch_open_orders(SYMBOL)
    written = stop["info"]["descr"]
    assert (written["ordertype"], written["price"], written["leverage"]) == ("stop-loss", "49000.0", "10:1")

    limit = await exchange.create_order(SYMBOL, "limit", "buy", 0.05, 40000, {"leverage": 5, "postOnly": True})
    amended = await exchange.edit_order(limit["id"], SYMBOL, "limit", "buy", 0.06, 40100)
    assert amended["id"]
    fetched = await exchange.fetch_order(limit["id"], SYMBOL)
    assert (fetched["price"], fetched["amount"]) == (40100, 0.06)
    await exchange.cancel_order(limit["id"], SYMBOL)
    await exchange.cancel_orders([stop["id"]], SYMBOL)

    sandbox.move()
    (position,) = await exchange.fetch_positions()
    assert (position["side"], position["contracts"]) == ("long", 0.1)
    closing = await exchange.privatePostAddOrder(
        {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "0", "leverage": "10"}
    )
    assert closing["error"] == []

    assert await exchange.fetch_positions() == []
    trades = await exchange.fetch_my_trades(SYMBOL)
    assert [trade["side"] for trade in trades] == ["buy", "sell"]
    ledger = await exchange.fetch_ledger()
    balance = await exchange.fetch_balance()
    assert ledger[-1]["after"] == balance["USD"]["total"]
    assert {order["status"] for order in await exchange.fetch_closed_orders(SYMBOL)} == {"closed", "canceled"}
    information = await exchange.privatePostGetApiKeyInfo()
    assert "withdraw-funds" not in information["result"]["permissions"]


async def test_ccxt_names_refusals_as_for_the_real_venue(exchange: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(SYMBOL, "limit", "buy", 100, 50000)
    with pytest.raises(ccxt.InvalidOrder):
        await exchange.cancel_order("OAAAAA-AAAAA-AAAAAA")
    with pytest.raises(ccxt.ExchangeError, match="EOrder:Reduce only:No position exists"):
        await exchange.create_order(SYMBOL, "market", "sell", 0.1, None, {"leverage": 10, "reduceOnly": True})


async def test_ccxt_validates_a_leveraged_order_without_placing_it(exchange: Any) -> None:
    await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 40000, {"leverage": 10, "validate": "true"})

    assert await exchange.fetch_open_orders() == []


async def test_ccxt_reads_market_data(exchange: Any, sandbox: Served) -> None:
    sandbox.move(10)

    candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
    book = await exchange.fetch_order_book(SYMBOL, 10)
    ticker = await exchange.fetch_ticker(SYMBOL)
    trades = await exchange.fetch_trades(SYMBOL)
    fee = await exchange.fetch_trading_fee(SYMBOL)

    assert candles[5][1:5] == [50000, 50000, 48000, 48000]
    assert book["bids"][0][0] < 48000 < book["asks"][0][0]
    assert ticker["last"] == 48000
    assert len(trades) == 10
    assert fee["taker"] == 0.004


async def test_ccxt_pro_follows_orders_trades_and_balances(exchange: Any) -> None:
    await exchange.load_markets()
    balances = asyncio.create_task(exchange.watch_balance())
    orders = asyncio.create_task(exchange.watch_orders())
    assert (await asyncio.wait_for(balances, 10))["USD"]["total"] == 10000
    updated = asyncio.create_task(exchange.watch_balance())
    await asyncio.sleep(0.2)

    entry = await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"leverage": 10})

    seen = await asyncio.wait_for(orders, 10)
    assert seen[-1]["id"] == entry["id"]
    assert (await asyncio.wait_for(updated, 10))["USD"]["total"] < 10000


async def test_ccxt_pro_follows_the_market(exchange: Any, sandbox: Served) -> None:
    await exchange.load_markets()
    sandbox.move(10)

    async def keep_moving() -> None:
        while True:
            sandbox.move()
            await asyncio.sleep(0.05)

    moving = asyncio.create_task(keep_moving())
    try:
        async with asyncio.timeout(20):
            ticker = await exchange.watch_ticker(SYMBOL)
            book = await exchange.watch_order_book(SYMBOL)
            trades = await exchange.watch_trades(SYMBOL)
            candles = await exchange.watch_ohlcv(SYMBOL, "1m")
    finally:
        moving.cancel()

    assert ticker["last"] == 48000
    assert book["bids"][0][0] < 48000
    assert trades[-1]["price"] == 48000
    # ccxt keeps the text, and the snapshot in reverse.
    assert max(candles)[4] == "48000.0"
