"""ccxt and ccxt.pro, unmodified, trade on Binance margin against the sandbox and follow its streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest

from tests.emulators.binance.served import ServedBinance, serve_binance

pytestmark = [pytest.mark.witness]
SYMBOL = "BTC/USDT"


def client_of(box: ServedBinance) -> Any:
    client = ccxt.pro.binance(
        {
            "apiKey": box.key,
            "secret": box.secret,
            "rateLimit": 1,
            "options": {
                "defaultType": "margin",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "watchPositions": {"fetchPositionsSnapshot": False},
                "fetchOpenOrders": {"warnWithoutSymbol": False},
                "adjustForTimeDifference": True,
            },
        }
    )
    api = client.urls["api"]
    for name, path in (("public", "/api/v3"), ("private", "/api/v3"), ("v1", "/api/v1"), ("sapi", "/sapi/v1")):
        api[name] = box.rest + path
    for version in ("V2", "V3", "V4"):
        api[f"sapi{version}"] = f"{box.rest}/sapi/{version.lower()}"
    api["ws"]["spot"] = api["ws"]["margin"] = f"{box.ws}/stream/ws"
    api["ws"]["ws-api"]["spot"] = f"{box.ws}/ws-api/v3"
    return client


@pytest.fixture
async def box() -> AsyncIterator[ServedBinance]:
    async with serve_binance() as served:
        yield served


@pytest.fixture
async def exchange(box: ServedBinance) -> AsyncIterator[Any]:
    client = client_of(box)
    try:
        yield client
    finally:
        await client.close()


async def test_ccxt_loads_the_markets(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert markets[SYMBOL]["marginModes"] == {"cross": True, "isolated": True}
    precision = markets[SYMBOL]["precision"]
    assert (precision["amount"], precision["price"]) == (0.00001, 0.01)
    assert markets[SYMBOL]["limits"]["cost"]["min"] == 5


async def test_ccxt_places_stops_cancels_closes_and_reads_it_all_back(exchange: Any) -> None:
    await exchange.load_markets()
    cross = {"marginMode": "cross"}
    entry = await exchange.create_order(
        SYMBOL, "market", "buy", 0.4, None, cross | {"sideEffectType": "MARGIN_BUY", "clientOrderId": "one"}
    )
    assert (entry["status"], entry["filled"]) == ("closed", 0.4)
    stop = await exchange.create_order(
        SYMBOL, "market", "sell", 0.3996, None, cross | {"stopLossPrice": 45000, "sideEffectType": "AUTO_REPAY"}
    )
    assert [order["id"] for order in await exchange.fetch_open_orders(SYMBOL, None, None, cross)] == [stop["id"]]
    limit = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.01, 40000, cross | {"postOnly": True, "sideEffectType": "MARGIN_BUY"}
    )
    fetched = await exchange.fetch_order(limit["id"], SYMBOL, cross)
    assert (fetched["status"], fetched["price"], fetched["amount"]) == ("open", 40000, 0.01)
    await exchange.cancel_order(limit["id"], SYMBOL, cross)
    await exchange.cancel_all_orders(SYMBOL, cross)
    assert await exchange.fetch_open_orders(SYMBOL, None, None, cross) == []

    balance = await exchange.fetch_balance({"type": "margin"})
    assert balance["BTC"]["free"] == 0.3996
    assert balance["USDT"]["debt"] > 10_000
    interest = await exchange.fetch_borrow_interest("USDT")
    assert interest[0]["interest"] > 0

    closing = await exchange.create_order(
        SYMBOL, "market", "sell", 0.3996, None, cross | {"sideEffectType": "AUTO_REPAY"}
    )
    assert closing["status"] == "closed"
    balance = await exchange.fetch_balance({"type": "margin"})
    assert balance["USDT"]["debt"] == 0
    trades = await exchange.fetch_my_trades(SYMBOL, None, None, cross)
    assert [trades[0]["side"], trades[-1]["side"]] == ["buy", "sell"]
    assert trades[0]["fee"]["currency"] == "BTC"
    orders = await exchange.fetch_orders(SYMBOL, None, None, cross)
    assert [order["status"] for order in orders] == ["closed", "canceled", "canceled", "closed"]


async def test_ccxt_borrows_repays_and_reads_what_the_venue_says(exchange: Any) -> None:
    await exchange.load_markets()

    await exchange.borrow_cross_margin("BTC", 0.1)
    # The venue wants a tenth of a second between two loans or repayments; ccxt leaves that to its user.
    await asyncio.sleep(0.11)
    await exchange.repay_cross_margin("BTC", 0.05)

    rate = await exchange.fetch_cross_borrow_rate("BTC")
    restrictions = await exchange.sapiGetAccountApiRestrictions()
    assert (await exchange.sapiGetMarginMaxBorrowable({"asset": "BTC"}))["amount"]
    assert (await exchange.sapiGetMarginTradeCoeff())["normalBar"] == "1.25"
    assert len(await exchange.sapiGetMarginCapitalFlow()) == 3
    assert await exchange.sapiGetBnbBurn() == {"spotBNBBurn": False, "interestBNBBurn": False}
    assert rate["rate"] > 0
    assert restrictions["enableWithdrawals"] is False
    fee = await exchange.fetch_trading_fee(SYMBOL)
    assert fee["taker"] == 0.001


async def test_ccxt_places_order_lists(exchange: Any) -> None:
    await exchange.load_markets()
    await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"marginMode": "cross"})

    oco = await exchange.sapiPostMarginOrderOco(
        {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.05", "price": "55000", "stopPrice": "45000"}
    )
    await exchange.sapiDeleteMarginOrderList({"symbol": "BTCUSDT", "orderListId": oco["orderListId"]})
    otoco = await exchange.request(
        "margin/order/otoco",
        "sapi",
        "POST",
        {
            "symbol": "BTCUSDT",
            "workingType": "LIMIT",
            "workingSide": "BUY",
            "workingPrice": "40000",
            "workingQuantity": "0.01",
            "workingTimeInForce": "GTC",
            "pendingSide": "SELL",
            "pendingQuantity": "0.00999",
            "pendingAboveType": "LIMIT_MAKER",
            "pendingAbovePrice": "60000",
            "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": "39000",
        },
    )

    assert [len(oco["orders"]), len(otoco["orders"])] == [2, 3]
    assert len(await exchange.sapiGetMarginOpenOrderList()) == 1


async def test_ccxt_names_refusals(exchange: Any) -> None:
    await exchange.load_markets()

    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(SYMBOL, "market", "buy", 5, None, {"marginMode": "cross"})
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("12345", SYMBOL, {"marginMode": "cross"})
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 51000, {"marginMode": "cross", "postOnly": True})


async def test_ccxt_reads_market_data(exchange: Any) -> None:
    candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
    book = await exchange.fetch_order_book(SYMBOL, 10)
    ticker = await exchange.fetch_ticker(SYMBOL)
    trades = await exchange.fetch_trades(SYMBOL)

    assert candles[-2][4] == pytest.approx(50000, abs=1)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ticker["last"] == pytest.approx(50000, abs=1)
    assert len(trades) >= 500


async def test_ccxt_pro_follows_orders_trades_and_balances(exchange: Any) -> None:
    await exchange.load_markets()
    margin = {"type": "margin"}
    orders = asyncio.create_task(exchange.watch_orders(None, None, None, margin))
    trades = asyncio.create_task(exchange.watch_my_trades(None, None, None, margin))
    balances = asyncio.create_task(exchange.watch_balance(margin))
    await asyncio.sleep(0.5)

    entry = await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"marginMode": "cross"})

    async with asyncio.timeout(10):
        assert (await orders)[-1]["id"] == entry["id"]
        assert (await trades)[-1]["order"] == entry["id"]
        assert (await balances)["BTC"]["free"] == 0.0999


async def test_ccxt_pro_follows_the_market(exchange: Any) -> None:
    await exchange.load_markets()

    async with asyncio.timeout(30):
        ticker = await exchange.watch_ticker(SYMBOL)
        trades = await exchange.watch_trades(SYMBOL)
        candles = await exchange.watch_ohlcv(SYMBOL, "1m")
        best = await exchange.watch_bids_asks([SYMBOL])
        book = await exchange.watch_order_book(SYMBOL)

    assert ticker["last"] == pytest.approx(50000, abs=1)
    assert trades[-1]["price"] == pytest.approx(50000, abs=1)
    assert candles[-1][4] == pytest.approx(50000, abs=1)
    assert best[SYMBOL]["bid"] < 50000 < best[SYMBOL]["ask"] + 1
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_ccxt_trades_an_isolated_pair() -> None:
    async with serve_binance("isolated") as box:
        exchange = client_of(box)
        try:
            await exchange.load_markets()
            isolated = {"marginMode": "isolated"}
            entry = await exchange.create_order(
                SYMBOL, "market", "buy", 0.2, None, isolated | {"sideEffectType": "MARGIN_BUY"}
            )
            raw = await exchange.sapiGetMarginIsolatedAccount({"symbols": "BTCUSDT"})
            watched = asyncio.create_task(exchange.watch_orders(SYMBOL, None, None, isolated | {"type": "margin"}))
            await asyncio.sleep(0.5)
            closing = await exchange.create_order(
                SYMBOL, "market", "sell", 0.1998, None, isolated | {"sideEffectType": "AUTO_REPAY"}
            )
            async with asyncio.timeout(10):
                seen = await watched
            with pytest.raises(ccxt.ExchangeError, match="-3003"):
                await exchange.fetch_balance({"type": "margin", "marginMode": "cross"})
        finally:
            await exchange.close()

    assert (entry["status"], closing["status"]) == ("closed", "closed")
    assert float(raw["assets"][0]["quoteAsset"]["borrowed"]) > 0
    assert seen[-1]["id"] == closing["id"]
