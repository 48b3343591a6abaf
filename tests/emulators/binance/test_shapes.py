"""Answers against payload shapes of the real venue: every field there, of the same JSON type."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.binance.actors import TRADER, Client, Stream, Venue

WIRE = Path(__file__).resolve().parents[4] / "shared" / "wire" / "binance"
pytestmark = pytest.mark.skipif(not WIRE.is_dir(), reason="the payload shapes are not beside the repository")

SPOT = "Endpoints/Spot/"
# What the samples hold and ours do not: fields of assets that leave, of networks and transfers that the sandbox has
# not, of isolated pairs in answers about the cross account, and of collateral tiers above the first.
LEFT_OUT = {"delistTime", "isolatedSymbol", "networkList", "fromSymbol", "toSymbol", "maxUsdValue"}


def sample(path: str) -> Any:
    """The answer of a sample: the JSON after its first lines."""
    text = (WIRE / f"{path}.txt").read_text(encoding="utf-8")
    body = text[re.search(r"^\s*[\[{]", text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    return json.JSONDecoder().raw_decode(body.lstrip())[0]


def frame(path: str) -> Any:
    """The data of a stream's sample frame: its last block."""
    text = (WIRE / f"{path}.txt").read_text(encoding="utf-8")
    body = text.rpartition("\n=")[2].lstrip("= \n")
    told = json.JSONDecoder().raw_decode(body)[0]
    return told["data"] if "data" in told else told["event"]


def kind(value: Any) -> str:
    """The JSON type; whole and broken numbers are one type, and null fits all."""
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "string", list: "list", dict: "object"}.get(type(value), "null")


def agree(real: Any, ours: Any, where: str = "") -> None:
    """Every field of the real payload is ours too, with its type."""
    assert kind(real) == kind(ours) or "null" in (kind(real), kind(ours)), f"{where}: {real!r} and {ours!r}"
    if isinstance(real, dict) and isinstance(ours, dict):
        missing = real.keys() - ours.keys() - LEFT_OUT
        assert not missing, f"{where}: {sorted(missing)}"
        for name in (real.keys() & ours.keys()) - LEFT_OUT:
            agree(real[name], ours[name], f"{where}.{name}")
    elif isinstance(real, list) and isinstance(ours, list) and real:
        assert ours, f"{where}: empty"
        agree(real[0], ours[0], f"{where}[0]")


@pytest.mark.parametrize(
    ("name", "path", "params"),
    [
        ("GetExchangeInfo", "exchangeInfo", {}),
        ("GetServerTime", "time", {}),
        ("GetRecentTrades", "trades", {"symbol": "BTCUSDT"}),
        ("GetTradeHistory", "historicalTrades", {"symbol": "BTCUSDT"}),
        ("GetAggregatedTradeHistory", "aggTrades", {"symbol": "BTCUSDT"}),
        ("GetKlines", "klines", {"symbol": "BTCUSDT", "interval": "1m"}),
        ("GetUiKlines", "uiKlines", {"symbol": "BTCUSDT", "interval": "1m"}),
        ("GetAvgPrice", "avgPrice", {"symbol": "BTCUSDT"}),
        ("GetTicker", "ticker/24hr", {"symbol": "BTCUSDT"}),
        ("GetPrice", "ticker/price", {"symbol": "BTCUSDT"}),
        ("GetBookPrice", "ticker/bookTicker", {"symbol": "BTCUSDT"}),
    ],
)
async def test_public_answers_have_the_real_shape(name: str, path: str, params: dict[str, str]) -> None:
    venue = Venue()
    venue.move(5)

    agree(sample(f"{SPOT}ExchangeData/{name}"), await venue.get(path, **params))


@pytest.mark.parametrize(
    ("name", "operation", "params"),
    [
        ("ExchangeData/GetMarginAssets", "GET margin/allAssets", {}),
        ("ExchangeData/GetMarginSymbols", "GET margin/allPairs", {}),
        ("ExchangeData/GetIsolatedMarginSymbols", "GET margin/isolated/allPairs", {}),
        ("ExchangeData/GetMarginPriceIndex", "GET margin/priceIndex", {"symbol": "BTCUSDT"}),
        ("ExchangeData/GetIsolatedMarginTierData", "GET margin/isolatedMarginTier", {"symbol": "BTCUSDT"}),
        ("ExchangeData/GetCrossMarginCollateralRatio", "GET margin/crossMarginCollateralRatio", {}),
        (
            "ExchangeData/GetFutureHourlyInterestRate",
            "GET margin/next-hourly-interest-rate",
            {"assets": "BTC", "isIsolated": "FALSE"},
        ),
        ("Account/GetInterestMarginData", "GET margin/crossMarginData", {}),
        ("Account/GetIsolatedMarginFeeData", "GET margin/isolatedMarginData", {}),
        ("Account/GetMarginInterestRateHistory", "GET margin/interestRateHistory", {"asset": "BTC"}),
        ("Account/GetAPIKeyPermissions", "GET account/apiRestrictions", {}),
        ("Account/GetAccountStatus", "GET account/status", {}),
        ("Account/GetTradingStatus", "GET account/apiTradingStatus", {}),
        ("Account/GetBnbBurnStatus", "GET bnbBurn", {}),
        ("Account/GetTradeFee", "GET asset/tradeFee", {}),
        ("Account/GetUserAssets", "GET capital/config/getall", {}),
        ("Account/GetMarginAccountInfo", "GET margin/account", {}),
        ("Account/GetMarginLevelInformation", "GET margin/tradeCoeff", {}),
        ("Account/GetMarginMaxBorrowAmount", "GET margin/maxBorrowable", {"asset": "BTC"}),
        ("Account/GetMarginMaxTransferAmount", "GET margin/maxTransferable", {"asset": "BTC"}),
        ("Account/GetEnabledIsolatedMarginAccountLimit", "GET margin/isolated/accountLimit", {}),
        ("Account/GetMarginOrderRateLimitStatus", "GET margin/rateLimit/order", {}),
        ("Account/GetMarginInterestHistory", "GET margin/interestHistory", {}),
        ("Account/GetMarginLoans", "GET margin/borrow-repay", {"type": "BORROW"}),
        ("Account/GetMarginRepays", "GET margin/borrow-repay", {"type": "REPAY"}),
        ("Account/GetMarginTransferHistory", "GET margin/transfer", {}),
        ("Account/GetMarginForcedLiquidationHistory", "GET margin/forceLiquidationRec", {}),
        ("Trading/GetOpenMarginOrders", "GET margin/openOrders", {}),
        ("Trading/GetMarginOrders", "GET margin/allOrders", {"symbol": "BTCUSDT"}),
        ("Trading/GetMarginUserTrades", "GET margin/myTrades", {"symbol": "BTCUSDT"}),
        ("Trading/GetMarginOcoOrders", "GET margin/allOrderList", {}),
        ("Trading/GetMarginOpenOcoOrders", "GET margin/openOrderList", {}),
    ],
)
async def test_private_answers_have_the_real_shape(name: str, operation: str, params: dict[str, str]) -> None:
    client = await _busy_client()

    agree(sample(f"{SPOT}{name}"), await client.call(operation, **params))


async def test_trading_answers_have_the_real_shape() -> None:
    venue = Venue()
    client = venue.client()
    loan = {"asset": "BTC", "isIsolated": "FALSE", "amount": "0.1"}

    placed = await client.place(quantity="0.4")
    rested = await client.rest(quantity="0.01")
    found = await client.call("GET margin/order", symbol="BTCUSDT", orderId=rested["orderId"])
    gone = await client.call("DELETE margin/order", symbol="BTCUSDT", orderId=rested["orderId"])
    oco = await client.call(
        "POST margin/order/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", price="52000", stopPrice="48000"
    )
    await client.rest(quantity="0.01")

    agree(sample(f"{SPOT}Trading/PlaceMarginOrder"), placed)
    agree(sample(f"{SPOT}Trading/GetMarginOrder"), found)
    agree(sample(f"{SPOT}Trading/CancelMarginOrder"), gone)
    one = await client.call("GET margin/orderList", orderListId=oco["orderListId"])
    agree(sample(f"{SPOT}Trading/GetMarginOcoOrder"), one)
    shape = sample(f"{SPOT}Trading/PlaceMarginOCOOrder")
    # What was borrowed is said only when something was.
    agree({name: value for name, value in shape.items() if not name.startswith("marginBuyBorrow")}, oco)
    agree(
        sample(f"{SPOT}Trading/CancelAllMarginOrders"), await client.call("DELETE margin/openOrders", symbol="BTCUSDT")
    )
    agree(sample(f"{SPOT}Account/MarginBorrow"), await client.call("POST margin/borrow-repay", type="BORROW", **loan))
    venue.move()
    agree(sample(f"{SPOT}Account/MarginRepay"), await client.call("POST margin/borrow-repay", type="REPAY", **loan))


async def test_isolated_accounts_have_the_real_shape() -> None:
    client = Venue().client(profile="isolated")

    agree(sample(f"{SPOT}Account/GetIsolatedMarginAccount"), await client.call("GET margin/isolated/account"))


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("BookTicker", "bookTicker"),
        ("Trades", "trade"),
        ("AggregatedTrades", "aggTrade"),
        ("Ticker", "ticker"),
        ("MiniTicker", "miniTicker"),
        ("PartialBook", "depth5@100ms"),
        ("Klines", "kline_1m"),
    ],
)
async def test_public_frames_have_the_real_shape(name: str, stream: str) -> None:
    venue = Venue(["50000 50500 49500 50400"])
    socket = Stream(venue.binance.connect(f"/stream?streams=btcusdt@{stream}"))
    venue.move()

    agree(frame(f"Subscriptions/Spot/ExchangeData/{name}"), (await socket.all())[-1]["data"])


async def test_private_events_have_the_real_shape() -> None:
    from decimal import Decimal

    from jarvis.domain.account import LedgerKind
    from jarvis.domain.money import Asset

    venue = Venue()
    client = venue.client(deposits={"BTC": "1"})
    stream = await client.stream()
    await client.call(
        "POST margin/order/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", price="52000", stopPrice="48000"
    )
    venue.exchange.adjust("ann", Asset("USDT"), Decimal(5), LedgerKind.DEPOSIT)
    venue.binance.publish(venue.exchange.drain())
    told = {event["e"]: event for event in await stream.events()}

    for name, event in (
        ("AccountPosition", "outboundAccountPosition"),
        ("OcoOrder", "listStatus"),
        ("Order", "executionReport"),
        ("Balance", "balanceUpdate"),
    ):
        agree(frame(f"Subscriptions/Spot/Account/{name}"), told[event])


async def _busy_client() -> Client:
    """A client with some of everything: fills, loans, interest, lists, and a forced order."""
    venue = Venue(["50000 50000 50000 50000", "50000 50000 41000 41000"])
    client = venue.client(permissions=TRADER)
    venue.move()
    await client.place(quantity="0.8", side="BUY")
    venue.move(2)
    await client.call(
        "POST margin/order/oco",
        symbol="ETHUSDT",
        side="BUY",
        quantity="0.01",
        price="2900",
        stopPrice="3100",
    )
    await client.rest(quantity="0.001", sideEffectType="NO_SIDE_EFFECT")
    return client
