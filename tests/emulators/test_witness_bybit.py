"""ccxt and ccxt.pro, unmodified, trade spot margin against the served venue and follow its streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest

from tests.emulators.bybit.server import ServedBybit, bybit_served

pytestmark = [pytest.mark.witness]
SYMBOL = "BTC/USDT"


@pytest.fixture
async def sandbox() -> AsyncIterator[ServedBybit]:
    async with bybit_served() as venue:
        yield venue


@pytest.fixture
async def exchange(sandbox: ServedBybit) -> AsyncIterator[Any]:
    client = ccxt.pro.bybit(
        {
            "apiKey": sandbox.key,
            "secret": sandbox.secret,
            "rateLimit": 1,
            "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "recvWindow": 3_600_000},
        }
    )
    for name in ("spot", "futures", "v2", "public", "private"):
        client.urls["api"][name] = sandbox.rest
    sockets = client.urls["api"]["ws"]
    sockets["public"]["spot"] = f"{sandbox.ws}/v5/public/spot"
    sockets["private"]["contract"] = sockets["private"]["spot"]["unified"] = f"{sandbox.ws}/v5/private"
    sockets["private"]["trade"] = f"{sandbox.ws}/v5/trade"
    try:
        yield client
    finally:
        await client.close()


async def test_ccxt_loads_the_markets_and_the_coins(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert set(markets) == {"BTC/USDT", "ETH/USDT", "DOGE/USDT", "BNB/USDT"}
    assert markets[SYMBOL]["margin"] is True
    assert (markets[SYMBOL]["precision"]["price"], markets[SYMBOL]["limits"]["cost"]["min"]) == (0.1, 5)
    assert exchange.currencies["BTC"]["precision"] == 1e-8


async def test_ccxt_reads_what_the_key_may_do(exchange: Any, sandbox: ServedBybit) -> None:
    information = (await exchange.privateGetV5UserQueryApi())["result"]

    assert information["permissions"]["Spot"] == ["SpotTrade"]
    assert information["permissions"]["Wallet"] == []
    assert information["ips"] == ["*"]
    assert await exchange.is_unified_enabled() == [False, True]


async def test_ccxt_places_amends_stops_closes_and_reads_it_all_back(exchange: Any, sandbox: ServedBybit) -> None:
    sandbox.leave_blackout()  # now, for at its end interest is charged on what is owed then
    lever = {"isLeverage": 1}
    entry = await exchange.create_order(SYMBOL, "market", "sell", 0.3, None, {**lever, "clientOrderId": "one"})
    stop = await exchange.create_order(SYMBOL, "market", "buy", 0.3, None, {**lever, "triggerPrice": 51000})
    limit = await exchange.create_order(SYMBOL, "limit", "buy", 0.05, 48000, {**lever, "postOnly": True})
    await exchange.edit_order(limit["id"], SYMBOL, "limit", "buy", 0.06, 48100)

    resting = {order["id"]: order for order in await exchange.fetch_open_orders(SYMBOL)}
    assert resting.keys() == {stop["id"], limit["id"]}
    assert (resting[limit["id"]]["price"], resting[limit["id"]]["amount"]) == (48100, 0.06)
    assert resting[stop["id"]]["triggerPrice"] == 51000
    fetched = await exchange.fetch_order(entry["id"], SYMBOL, {"acknowledged": True})
    assert (fetched["status"], fetched["filled"], fetched["clientOrderId"]) == ("closed", 0.3, "one")
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(stop["id"], SYMBOL)
    await exchange.cancel_order(stop["id"], SYMBOL, {"trigger": True})
    await exchange.cancel_all_orders(SYMBOL)
    assert await exchange.fetch_open_orders(SYMBOL) == []

    await exchange.create_market_buy_order_with_cost(SYMBOL, 1000)
    await exchange.create_order(SYMBOL, "market", "buy", 0.2813, None, lever)
    repaid = await exchange.repay_cross_margin("BTC", 0.3)
    trades = await exchange.fetch_my_trades(SYMBOL)
    balance = await exchange.fetch_balance()

    assert repaid["currency"] == "BTC"
    assert [trade["side"] for trade in trades] == ["sell", "buy", "buy"]
    assert trades[0]["fee"]["currency"] == "USDT"
    assert trades[1]["fee"]["currency"] == "BTC"
    assert balance["USDT"]["total"] < 10_000
    assert balance["BTC"]["debt"] == 0
    closed = await exchange.fetch_canceled_and_closed_orders(SYMBOL)
    assert {order["status"] for order in closed} == {"closed", "canceled"}


async def test_ccxt_reads_interest_and_the_log(exchange: Any, sandbox: ServedBybit) -> None:
    await exchange.create_order(SYMBOL, "market", "sell", 0.1, None, {"isLeverage": 1})
    sandbox.until_interest()
    await exchange.load_time_difference()

    history = (await exchange.privateGetV5AccountBorrowHistory({"currency": "BTC"}))["result"]["list"]
    ledger = await exchange.fetch_ledger()
    rates = await exchange.fetch_borrow_rate_history("BTC")

    assert float(history[0]["borrowCost"]) > 0
    assert {row["type"] for row in ledger} >= {"trade"}
    assert rates[-1]["rate"] == float(history[0]["hourlyBorrowRate"])


async def test_ccxt_names_refusals_as_for_the_real_venue(exchange: Any, sandbox: ServedBybit) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(SYMBOL, "limit", "buy", 10, 50000)
    with pytest.raises(ccxt.InvalidOrder):
        await exchange.create_order(SYMBOL, "limit", "buy", 0.0001, 48000)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("1", SYMBOL)
    exchange.secret = "x" * 36
    with pytest.raises(ccxt.AuthenticationError):
        await exchange.fetch_balance()


async def test_ccxt_asks_for_leverage_only_by_the_venues_own_word(exchange: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(SYMBOL, "market", "buy", 0.3, None, {"marginMode": "cross"})

    await exchange.create_order(SYMBOL, "market", "buy", 0.3, None, {"isLeverage": 1})


async def test_ccxt_reads_market_data(exchange: Any, sandbox: ServedBybit) -> None:
    sandbox.move(6)

    candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
    book = await exchange.fetch_order_book(SYMBOL, 10)
    ticker = await exchange.fetch_ticker(SYMBOL)
    trades = await exchange.fetch_trades(SYMBOL)
    lent = await exchange.publicGetV5SpotMarginTradeData({"vipLevel": "No%20VIP", "currency": "BTC"})

    assert candles[-1][1:5] == [50000] * 4
    assert book["bids"][0][0] < 50000 < book["asks"][0][0]
    assert ticker["last"] == 50000
    assert trades[-1]["price"] == 50000
    assert lent["result"]["vipCoinList"][0]["list"][0]["borrowable"] is True
    await exchange.load_time_difference()
    assert (await exchange.fetch_trading_fee(SYMBOL))["taker"] == 0.001


async def test_ccxt_pro_follows_orders_trades_and_the_wallet(exchange: Any) -> None:
    await exchange.load_markets()
    orders, trades, wallet = (
        asyncio.create_task(watch())
        for watch in (exchange.watch_orders, exchange.watch_my_trades, exchange.watch_balance)
    )
    await asyncio.sleep(0.5)

    entry = await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"isLeverage": 1})

    assert (await asyncio.wait_for(orders, 10))[-1]["id"] == entry["id"]
    assert (await asyncio.wait_for(trades, 10))[-1]["order"] == entry["id"]
    assert (await asyncio.wait_for(wallet, 10))["USDT"]["total"] < 10_000


async def test_ccxt_pro_trades_over_the_socket(exchange: Any) -> None:
    await exchange.load_markets()

    placed = await asyncio.wait_for(exchange.create_order_ws(SYMBOL, "limit", "buy", 0.1, 48000, {"isLeverage": 1}), 10)
    await asyncio.wait_for(exchange.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 0.1, 47900), 10)
    (resting,) = await exchange.fetch_open_orders(SYMBOL)
    await asyncio.wait_for(exchange.cancel_order_ws(placed["id"], SYMBOL), 10)

    assert resting["price"] == 47900
    assert await exchange.fetch_open_orders(SYMBOL) == []


async def test_ccxt_pro_follows_the_market(exchange: Any, sandbox: ServedBybit) -> None:
    await exchange.load_markets()

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

    assert ticker["last"] == 50000
    assert book["bids"][0][0] < 50000
    assert trades[-1]["price"] == 50000
    assert candles[-1][4] == 50000
