"""python-binance, unmodified, trades on margin against the sandbox and follows its streams."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.emulators.binance.served import ServedBinance, serve_binance

with warnings.catch_warnings():
    # It asks its WebSocket library for names that are going away.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance import AsyncClient, BinanceSocketManager  # type: ignore[import-untyped]
    from binance.exceptions import BinanceAPIException  # type: ignore[import-untyped]

pytestmark = [pytest.mark.witness, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


async def client_of(box: ServedBinance) -> Any:
    """Its client, told by class attributes where the venue is."""
    addresses = {
        "API_URL": f"{box.rest}/api",
        "MARGIN_API_URL": f"{box.rest}/sapi",
        "WS_API_URL": f"{box.ws}/ws-api/v3",
    }
    kind = type("SandboxClient", (AsyncClient,), addresses)
    return kind(box.key, box.secret)


@pytest.fixture
async def box() -> AsyncIterator[ServedBinance]:
    async with serve_binance() as served:
        yield served


@pytest.fixture
async def client(box: ServedBinance) -> AsyncIterator[Any]:
    made = await client_of(box)
    try:
        yield made
    finally:
        await made.close_connection()


async def test_python_binance_trades_and_reads_it_all_back(client: Any) -> None:
    entry = await client.create_margin_order(
        symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.3", sideEffectType="MARGIN_BUY"
    )
    assert entry["status"] == "FILLED"
    stop = await client.create_margin_order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_LOSS_LIMIT",
        quantity="0.2997",
        price="44900",
        stopPrice="45000",
        timeInForce="GTC",
        sideEffectType="AUTO_REPAY",
    )
    (working,) = await client.get_open_margin_orders(symbol="BTCUSDT")
    assert working["orderId"] == stop["orderId"]
    gone = await client.cancel_margin_order(symbol="BTCUSDT", orderId=stop["orderId"])
    assert gone["status"] == "CANCELED"
    found = await client.get_margin_order(symbol="BTCUSDT", orderId=stop["orderId"])
    assert found["status"] == "CANCELED"
    closing = await client.create_margin_order(
        symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.2997", sideEffectType="AUTO_REPAY"
    )
    assert closing["status"] == "FILLED"

    trades = await client.get_margin_trades(symbol="BTCUSDT")
    account = await client.get_margin_account()
    interest = await client.get_margin_interest_history(asset="USDT")
    assert [trades[0]["isBuyer"], trades[-1]["isBuyer"]] == [True, False]
    assert account["marginLevel"] == "999"
    assert interest["rows"][0]["type"] == "ON_BORROW"
    assert len(await client.get_all_margin_orders(symbol="BTCUSDT")) == 3


async def test_python_binance_reads_the_key_the_rules_and_the_market(client: Any) -> None:
    permissions = await client.get_account_api_permissions()
    info = await client.get_symbol_info("BTCUSDT")
    candles = await client.get_klines(symbol="BTCUSDT", interval="1m")
    book = await client.get_order_book(symbol="BTCUSDT")
    most = await client.get_max_margin_loan(asset="USDT")
    status = await client.get_account_status(version=1)

    assert (permissions["enableReading"], permissions["enableWithdrawals"]) == (True, False)
    assert info["isMarginTradingAllowed"] is True
    assert len(candles) >= 10
    assert book["bids"]
    assert float(most["amount"]) > 30_000
    assert status == {"data": "Normal"}


async def test_python_binance_names_refusals(client: Any) -> None:
    with pytest.raises(BinanceAPIException) as refused:
        await client.create_margin_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")

    assert (refused.value.code, refused.value.status_code) == (-2010, 400)


async def test_python_binance_follows_the_account(client: Any) -> None:
    manager = BinanceSocketManager(client)

    async with manager.margin_socket() as stream, asyncio.timeout(15):
        entry = await client.create_margin_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        events = [await stream.recv() for _ in range(3)]

    kinds = [event["e"] for event in events]
    assert kinds == ["executionReport", "executionReport", "outboundAccountPosition"]
    assert (events[1]["i"], events[1]["X"]) == (entry["orderId"], "FILLED")


async def test_python_binance_follows_the_market(box: ServedBinance, client: Any) -> None:
    kind = type("SandboxSockets", (BinanceSocketManager,), {"STREAM_URL": f"{box.ws}/"})
    manager: Any = kind(client)

    async with (
        manager.kline_socket("BTCUSDT", interval="1m") as candles,
        manager.multiplex_socket(["btcusdt@bookTicker", "ethusdt@trade"]) as several,
        asyncio.timeout(15),
    ):
        candle = await candles.recv()
        first = await several.recv()

    assert (candle["e"], candle["k"]["i"]) == ("kline", "1m")
    assert first["stream"] == "btcusdt@bookTicker"


async def test_python_binance_trades_an_isolated_pair() -> None:
    async with serve_binance("isolated") as box:
        client = await client_of(box)
        manager = BinanceSocketManager(client)
        try:
            async with manager.isolated_margin_socket("BTCUSDT") as stream, asyncio.timeout(15):
                await client.create_margin_order(
                    symbol="BTCUSDT",
                    side="SELL",
                    type="MARKET",
                    quantity="0.2",
                    isIsolated="TRUE",
                    sideEffectType="MARGIN_BUY",
                )
                event = await stream.recv()
            account = await client.get_isolated_margin_account(symbols="BTCUSDT")
        finally:
            await client.close_connection()

    assert event["e"] == "executionReport"
    assert account["assets"][0]["baseAsset"]["borrowed"] == "0.20000000"
