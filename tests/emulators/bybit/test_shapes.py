"""Answers against payload shapes of the real venue: every field there, of the same JSON type."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvis.emulators.bybit.keys import Permission
from tests.emulators.bybit.actors import Stream, Venue
from tests.emulators.bybit.test_sockets import LIMIT, message

WIRE = Path(__file__).resolve().parents[4] / "shared" / "wire" / "bybit"
pytestmark = pytest.mark.skipif(not WIRE.is_dir(), reason="the payload shapes are not beside the repository")
EVERY_BOX = frozenset(str(permission.value) for permission in Permission)
# Of derivatives: on spot rows they are absent, or the venue has no such column.
DERIVATIVES = {"tpslMode", "orderIv", "L"}


def sample(path: str) -> Any:
    """The answer of a sample, after its first three lines."""
    text = (WIRE / "Endpoints" / "V5Api" / path).read_text(encoding="utf-8")
    return json.loads(text[text.index("{") :])


def frame(path: str, start: str) -> Any:
    """The last block of a socket sample that begins with this sign, as JSON."""
    text = (WIRE / path).read_text(encoding="utf-8")
    for number in ("|1|", "|2|", "|3|", "|4|", "|5|", "|*|", "|req_id|"):
        text = text.replace(f'"{number}"', '"1"')
    body = text.split("\n" + start)[-1]
    return json.JSONDecoder().raw_decode(body.lstrip("= \n"))[0]


def kind(value: Any) -> str:
    """The JSON type; whole and broken numbers are one type, and null fits all."""
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "string", list: "list", dict: "object"}.get(type(value), "null")


def agree(real: Any, ours: Any, where: str = "") -> None:
    """Every field of the real payload is ours too, with its type."""
    assert kind(real) == kind(ours) or "null" in (kind(real), kind(ours)), f"{where}: {real!r} and {ours!r}"
    if isinstance(real, dict) and isinstance(ours, dict):
        missing = real.keys() - ours.keys() - DERIVATIVES
        assert not missing, f"{where}: {sorted(missing)}"
        for name in real.keys() & ours.keys():
            agree(real[name], ours[name], f"{where}.{name}")
    elif isinstance(real, list) and isinstance(ours, list) and real:
        assert ours, f"{where} is empty"
        agree(real[0], ours[0], f"{where}[0]")


@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("GetKlines", "market/kline", "category=spot&symbol=BTCUSDT&interval=1"),
        ("GetOrderbook", "market/orderbook", "category=spot&symbol=BTCUSDT"),
        ("GetOrderPriceLimit", "market/price-limit", "category=spot&symbol=BTCUSDT"),
        ("GetSpotSymbols", "market/instruments-info", "category=spot"),
        ("GetSpotTickers", "market/tickers", "category=spot"),
        ("GetTradeHistory", "market/recent-trade", "category=spot&symbol=BTCUSDT"),
        ("../Account/GetSpotMarginData", "spot-margin-trade/data", "currency=BTC"),
    ],
)
async def test_public_answers_have_the_real_shape(name: str, path: str, query: str) -> None:
    venue = Venue()
    venue.move(5)

    agree(sample(f"ExchangeData/{name}.txt")["result"], await venue.public(path, query), path)


async def test_account_answers_have_the_real_shape() -> None:
    venue = Venue()
    client = venue.client(permissions=EVERY_BOX)
    for step in range(3):
        await client.order(side="Sell", qty="0.1", isLeverage=1)
        venue.move(20 + step)
    await client.buy("0.4")
    answers = {
        "GetApiKeyInfo": await client.get("user/query-api"),
        "GetMarginAccountInfo": await client.get("account/info"),
        "GetBalances": {"list": [await client.wallet()]},
        "GetBorrowHistory": await client.get("account/borrow-history"),
        "GetCollateralInfo": await client.get("account/collateral-info", currency="BTC"),
        "GetFeeRate": await client.get("account/fee-rate", category="spot", symbol="ETHUSDT"),
        "GetSpotMarginInterestRateHistory": await client.get("spot-margin-trade/interest-rate-history", currency="BTC"),
        "GetSpotMarginStatusAndLeverage": await client.get("spot-margin-trade/state"),
        "SetSpotMarginLeverage": await client.post("spot-margin-trade/set-leverage", leverage="5"),
        "GetSpotMarginAutoRepayMode": await client.get("spot-margin-trade/get-auto-repay-mode", currency="ETH"),
        "SetSpotMarginAutoRepayMode": await client.post(
            "spot-margin-trade/set-auto-repay-mode", currency="ETH", autoRepayMode="1"
        ),
        "GetTransactionHistory": await client.get("account/transaction-log", accountType="UNIFIED", limit=1),
        "GetAssetInfo": await client.get("asset/coin/query-info", coin="ETH"),
        "SetCollateralAsset": await client.post("account/set-collateral-switch", coin="ETH", collateralSwitch="ON"),
        "RepayLiabilities": await client.post("account/quick-repayment", coin="BTC"),
    }

    for name, ours in answers.items():
        agree(sample(f"Account/{name}.txt")["result"], ours, name)


async def test_trading_answers_have_the_real_shape() -> None:
    client = Venue().client()
    order_id = await client.rest(orderLinkId="mine")
    resting = await client.get("order/realtime", category="spot")
    named = {"category": "spot", "symbol": "BTCUSDT", "orderId": order_id}
    amended = await client.post("order/amend", **named, price="47900")
    batch = await client.answer(
        "POST", "order/create-batch", {"category": "spot", "request": [{**LIMIT, "orderLinkId": "b"}]}
    )
    changed = await client.answer(
        "POST",
        "order/amend-batch",
        {"category": "spot", "request": [{"symbol": "BTCUSDT", "orderLinkId": "b", "price": "47900"}]},
    )
    await client.rest("51000", timeInForce="PostOnly")
    await client.buy("0.01")
    answers = {
        "PlaceOrder": {"orderId": order_id, "orderLinkId": "mine"},
        "GetOrders": resting,
        "EditOrder": amended,
        "CancelOrder": await client.post("order/cancel", **named),
        "CancelAllOrder": await client.post("order/cancel-all", category="spot"),
        "GetOrderHistory": await client.get("order/history", category="spot"),
        "GetUserTrades": await client.get("execution/list", category="spot"),
        "GetBorrowQuota": await client.get("order/spot-borrow-check", category="spot", symbol="BTCUSDT", side="Buy"),
    }

    for name, ours in answers.items():
        agree(sample(f"Trading/{name}.txt")["result"], ours, name)
    for name, whole in (("PlaceMultipleOrders", batch), ("EditMultipleOrders", changed)):
        agree(sample(f"Trading/{name}.txt"), whole, name)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("PriceLimit", "priceLimit.BTCUSDT"),
        ("Ticker", "tickers.BTCUSDT"),
        ("Trades", "publicTrade.BTCUSDT"),
        ("Concurrent", "kline.60.BTCUSDT"),
    ],
)
async def test_public_frames_have_the_real_shape(name: str, topic: str) -> None:
    venue = Venue(["50000 50500 49500 50400"])
    stream = Stream(venue.bybit.connect("/v5/public/spot"))
    stream.say("subscribe", [topic])
    acknowledgement = await stream.next()
    venue.move()
    update = (await stream.waiting())[-1]

    path = f"Subscriptions/V5/Spot/{name}.txt"
    if name != "Concurrent":
        agree(frame(path, "<"), acknowledgement, "acknowledgement")
    agree(frame(path, "=2" if name == "Concurrent" else "="), update, topic)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("Order", "order"),
        ("UserTrades", "execution"),
        ("MinimalUserTrades", "execution.fast.spot"),
        ("Balance", "wallet"),
    ],
)
async def test_private_frames_have_the_real_shape(name: str, topic: str) -> None:
    client = Venue().client()
    stream = await client.stream(topic)
    await client.buy("0.3")
    *_, update = await stream.waiting()

    agree(frame(f"Subscriptions/V5/Private/{name}.txt", "="), update, topic)


async def test_trade_socket_replies_have_the_real_shape() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream(path="/v5/trade")
    named: dict[str, Any] = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "mine"}

    for number, (name, op, fields) in enumerate(
        [
            ("PlaceOrder", "order.create", LIMIT | {"orderLinkId": "mine"}),
            ("EditOrder", "order.amend", named | {"price": "47900"}),
            ("CancelOrder", "order.cancel", named),
        ]
    ):
        stream.socket.receive(message(client, op, fields, str(number)))
        agree(frame(f"Socket/V5Api/Private/{name}.txt", "<"), await stream.next(), name)
