"""ccxt and ccxt.pro, unmodified, trade on margin against the emulated OKX and follow its streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro
import pytest

from tests.emulators.okx.actors import PASSPHRASE
from tests.emulators.okx.served import ServedOkx, served_okx

pytestmark = [pytest.mark.witness]
SYMBOL = "BTC/USDT"
CROSS = {"marginMode": "cross", "ccy": "USDT"}


@asynccontextmanager
async def connected(sandbox: ServedOkx) -> AsyncIterator[Any]:
    client = ccxt.pro.okx(
        {
            "apiKey": sandbox.key,
            "secret": sandbox.secret,
            "password": PASSPHRASE,
            "rateLimit": 1,
            "options": {"fetchMarkets": {"types": ["spot"]}},
        }
    )
    client.urls["api"]["rest"] = sandbox.rest
    client.urls["api"]["ws"] = f"{sandbox.ws}/ws/v5"
    client.has["fetchCurrencies"] = False
    try:
        await client.load_time_difference()
        yield client
    finally:
        await client.close()


async def move(exchange: Any, sandbox: ServedOkx, minutes: int = 1) -> None:
    """Let market time pass; ccxt then learns the venue's clock anew, as after any jump of its own."""
    sandbox.move(minutes)
    await exchange.load_time_difference()


@pytest.fixture
async def sandbox() -> AsyncIterator[ServedOkx]:
    async with served_okx() as box:
        yield box


@pytest.fixture
async def exchange(sandbox: ServedOkx) -> AsyncIterator[Any]:
    async with connected(sandbox) as client:
        yield client


async def test_ccxt_loads_the_markets_with_their_steps(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert markets[SYMBOL]["margin"] is True
    assert markets[SYMBOL]["precision"]["price"] == 0.1
    assert markets["BNB/USDT"]["limits"]["leverage"]["max"] == 5


async def test_ccxt_opens_stops_amends_closes_and_reads_it_all_back(exchange: Any, sandbox: ServedOkx) -> None:
    await move(exchange, sandbox)
    (config,) = (await exchange.privateGetAccountConfig())["data"]
    assert (config["acctLv"], config["perm"]) == ("2", "read_only,trade")
    # On margin the size of a market buy is in quote.
    entry = await exchange.create_order(
        SYMBOL, "market", "buy", 5000, None, CROSS | {"clientOrderId": "one", "tag": "t"}
    )
    fetched = await exchange.fetch_order(entry["id"], SYMBOL)
    assert fetched["status"] == "closed"
    assert fetched["filled"] == pytest.approx(0.09999)
    (position,) = await exchange.fetch_positions(None, {"instType": "MARGIN"})
    assert position["info"]["pos"] == "0.09989001"
    assert position["info"]["liab"].startswith("-4999.99")

    stop = await exchange.create_order(
        SYMBOL,
        "market",
        "sell",
        0.0998,
        None,
        CROSS | {"stopLossPrice": 49000, "reduceOnly": True, "algoClOrdId": "stop1"},
    )
    waiting = await exchange.fetch_open_orders(SYMBOL, params={"trigger": True, "ordType": "conditional"})
    assert [order["id"] for order in waiting] == [stop["id"]]
    await exchange.cancel_order(stop["id"], SYMBOL, {"trigger": True})

    limit = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.05, 48500, CROSS | {"postOnly": True, "clientOrderId": "two"}
    )
    await exchange.edit_order(limit["id"], SYMBOL, "limit", "buy", 0.06, 48600)
    (working,) = await exchange.fetch_open_orders(SYMBOL)
    assert (working["price"], working["amount"]) == (48600, 0.06)
    await exchange.cancel_order(limit["id"], SYMBOL)
    assert await exchange.fetch_open_orders(SYMBOL) == []

    await move(exchange, sandbox, 61)
    interest = await exchange.fetch_borrow_interest("USDT")
    assert interest[0]["interest"] == pytest.approx(0.055, rel=0.01)
    await exchange.privatePostTradeClosePosition({"instId": "BTC-USDT", "mgnMode": "cross", "ccy": "USDT"})

    assert await exchange.fetch_positions(None, {"instType": "MARGIN"}) == []
    trades = await exchange.fetch_my_trades(SYMBOL, params={"instType": "MARGIN"})
    assert [trade["side"] for trade in trades] == ["buy", "sell"]
    closed = await exchange.fetch_closed_orders(SYMBOL, params={"instType": "MARGIN"})
    assert {order["status"] for order in closed} == {"closed"}
    bills = await exchange.privateGetAccountBills()
    balance = await exchange.fetch_balance()
    assert float(bills["data"][0]["bal"]) == balance["USDT"]["total"]


async def test_ccxt_names_refusals_as_for_the_real_venue(exchange: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(SYMBOL, "limit", "buy", 100, 50000, CROSS)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("610000000000000000", SYMBOL)
    with pytest.raises(ccxt.InvalidOrder):
        await exchange.create_order(SYMBOL, "limit", "buy", 0.000001, 50000, CROSS)
    with pytest.raises(ccxt.BadRequest):
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 50000, CROSS | {"clientOrderId": "with-hyphen"})
    exchange.password = "Wrong-horse-7"
    with pytest.raises(ccxt.AuthenticationError):
        await exchange.fetch_balance()


async def test_ccxt_reads_market_data(exchange: Any, sandbox: ServedOkx) -> None:
    await move(exchange, sandbox, 10)

    candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
    book = await exchange.fetch_order_book(SYMBOL, 5)
    ticker = await exchange.fetch_ticker(SYMBOL)
    trades = await exchange.fetch_trades(SYMBOL)
    rates = await exchange.fetch_cross_borrow_rate("USDT")
    tiers = await exchange.fetch_market_leverage_tiers(SYMBOL, {"marginMode": "cross"})

    assert candles[-1][4] == 50000
    assert book["bids"][0][0] < 50000 < book["asks"][0][0]
    assert ticker["last"] == trades[-1]["price"] == 50000
    assert rates["rate"] > 0
    assert tiers[0]["maxLeverage"] == 10


async def test_ccxt_watches_its_account(exchange: Any, sandbox: ServedOkx) -> None:
    await exchange.load_markets()
    async with asyncio.timeout(20):
        orders = asyncio.create_task(exchange.watch_orders(None, None, None, {"type": "ANY"}))
        balances = asyncio.create_task(exchange.watch_balance())
        await asyncio.sleep(0.3)
        await exchange.create_order(SYMBOL, "market", "buy", 1000, None, CROSS | {"clientOrderId": "watched"})
        seen = await orders
        await balances

    assert {order["clientOrderId"] for order in seen} == {"watched"}


async def test_ccxt_trades_over_the_socket(exchange: Any, sandbox: ServedOkx) -> None:
    await exchange.load_markets()
    async with asyncio.timeout(20):
        placed = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 48500, CROSS | {"clientOrderId": "w1"})
        await exchange.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 0.02, 48600)
        (working,) = await exchange.fetch_open_orders(SYMBOL)
        await exchange.cancel_order_ws(placed["id"], SYMBOL)

    assert (working["price"], working["amount"]) == (48600, 0.02)
    assert await exchange.fetch_open_orders(SYMBOL) == []


async def test_ccxt_watches_the_market(exchange: Any, sandbox: ServedOkx) -> None:
    await exchange.load_markets()
    sandbox.move(80)

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
    assert max(candles)[4] == 48000


async def test_ccxt_borrows_by_hand_in_spot_mode() -> None:
    async with served_okx("spot-borrow") as sandbox, connected(sandbox) as exchange:
        await exchange.load_markets()
        # ccxt's own verb posts to a path that is no more.
        await exchange.privatePostAccountSpotManualBorrowRepay({"ccy": "BTC", "side": "borrow", "amt": "0.01"})

        balance = await exchange.fetch_balance()

    (row,) = [row for row in balance["info"]["data"][0]["details"] if row["ccy"] == "BTC"]
    assert row["liab"] == "0.01"


async def test_ccxt_trades_in_multi_currency_mode() -> None:
    async with served_okx("multi-currency") as sandbox, connected(sandbox) as exchange:
        await exchange.load_markets()
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"tdMode": "cross", "clientOrderId": "s1"})

        balance = await exchange.fetch_balance()

    (row,) = [row for row in balance["info"]["data"][0]["details"] if row["ccy"] == "BTC"]
    assert (row["cashBal"], row["liab"]) == ("-0.01", "0.01")
