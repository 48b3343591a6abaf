"""Answers against payload shapes of the real venue: every field there, of the same JSON type."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvis.emulators.wire import WireRequest
from tests.emulators.kraken.actors import TRADER, Stream, Venue

WIRE = Path(__file__).resolve().parents[4] / "shared" / "wire" / "kraken"
pytestmark = pytest.mark.skipif(not WIRE.is_dir(), reason="the payload shapes are not beside the repository")

# What the samples hold and ours do not: sent only for orders that have them.
LEFT_OUT = {"GetOpenOrders": {"trades"}, "GetClosedOrders": {"trigger"}, "GetOrders": {"trigger", "trades"}}


def sample(path: str) -> Any:
    """The answer of a sample: after its first three lines, or a bare JSON file."""
    text = (WIRE / path).read_text(encoding="utf-8")
    return json.loads(text[text.index("{") :])["result"]


def frame(path: str, start: str) -> Any:
    """The first block of a socket sample that begins with this sign, as JSON."""
    text = (WIRE / path).read_text(encoding="utf-8")
    for number in ("|1|", "|*|", "|req_id|"):
        text = text.replace(f'"{number}"', "1").replace(number, "1")
    body = next(part for part in text.split("\n" + start)[1:])
    return json.JSONDecoder().raw_decode(body.lstrip("= \n"))[0]


def kind(value: Any) -> str:
    """The JSON type; whole and broken numbers are one type, and null fits all."""
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "string", list: "list", dict: "object"}.get(type(value), "null")


def first(value: Any) -> Any:
    """One entry of a list or of an object keyed by ids."""
    return value[0] if isinstance(value, list) else next(iter(value.values()))


def agree(real: Any, ours: Any, left_out: set[str], where: str = "") -> None:
    """Every field of the real payload is ours too, with its type."""
    assert kind(real) == kind(ours) or "null" in (kind(real), kind(ours)), f"{where}: {real!r} and {ours!r}"
    if isinstance(real, dict) and isinstance(ours, dict):
        missing = real.keys() - ours.keys() - left_out
        assert not missing, f"{where}: {sorted(missing)}"
        for name in real.keys() & ours.keys():
            agree(real[name], ours[name], left_out, f"{where}.{name}")
    elif isinstance(real, list) and isinstance(ours, list) and real and ours:
        agree(real[0], ours[0], left_out, f"{where}[0]")


async def public(venue: Venue, method: str, query: str = "") -> Any:
    return json.loads((await venue.kraken.handle(WireRequest("GET", f"/0/public/{method}", query))).body)["result"]


@pytest.mark.parametrize(
    ("path", "method", "query"),
    [
        ("Assets", "Assets", ""),
        ("Klines", "OHLC", "pair=XXBTZUSD"),
        ("OrderBook", "Depth", "pair=XXBTZUSD"),
        ("Symbols", "AssetPairs", "pair=XXBTZUSD"),
        ("SystemStatus", "SystemStatus", ""),
        ("Ticker", "Ticker", "pair=XXBTZUSD"),
        ("TradeHistory", "Trades", "pair=XXBTZUSD"),
    ],
)
async def test_public_answers_have_the_real_shape(path: str, method: str, query: str) -> None:
    venue = Venue()
    venue.move(5)
    real = sample(f"Endpoints/Spot/ExchangeData/Get{path}.txt")

    ours = await public(venue, method, query)

    if method in ("AssetPairs", "Assets"):
        real, ours = real["XXBTZUSD" if method == "AssetPairs" else "XXBT"], first(ours)
    agree(real, ours, set())


async def test_account_answers_have_the_real_shape() -> None:
    venue = Venue()
    client = venue.client("ann", TRADER | {"withdraw-funds", "add-funds"})
    await client.buy()
    await client.rest(oflags="post")
    gone = await client.rest("49000", ordertype="stop-loss", type="sell", reduce_only="true")
    await client.call("CancelOrder", txid=gone)
    close: dict[str, Any] = {"close[ordertype]": "stop-loss", "close[price]": "900"}
    account = "Endpoints/Spot/Account/"
    trading = "Endpoints/Spot/Trading/"
    answers = {
        f"{account}GetApiKeyInfo.txt": await client.call("GetApiKeyInfo"),
        f"{account}GetTradeBalance.txt": await client.call("TradeBalance"),
        f"{account}GetTradeVolume.txt": await client.call("TradeVolume", pair="XBTUSD"),
        f"{trading}CancelAllOrdersAfter.txt": await client.call("CancelAllOrdersAfter", timeout="60"),
        f"{trading}PlaceOrder.txt": await client.call(
            "AddOrder",
            validate="false",
            ordertype="limit",
            type="buy",
            pair="XBTUSD",
            volume="1",
            price="1000",
            leverage="2",
            **close,
        ),
    }
    ids = {
        f"{account}GetLedgersEntry.txt": (await client.call("Ledgers"))["ledger"],
        f"{account}GetOpenPositions.txt": await client.call("OpenPositions", docalcs="true"),
        f"{trading}GetUserTradeDetails.txt": (await client.call("TradesHistory"))["trades"],
        f"{trading}GetOrders.txt": (await client.call("ClosedOrders"))["closed"],
    }
    lists = {
        f"{account}GetLedgerInfo.txt": ("ledger", await client.call("Ledgers")),
        f"{trading}GetOpenOrders.txt": ("open", await client.call("OpenOrders", trades="true")),
        f"{trading}GetClosedOrders.txt": ("closed", await client.call("ClosedOrders")),
        f"{trading}GetUserTrades.txt": ("trades", await client.call("TradesHistory")),
    }

    for path, ours in answers.items():
        agree(sample(path), ours, set(), path)
    for path, rows in ids.items():
        agree(first(sample(path)), first(rows), LEFT_OUT.get(Path(path).stem, set()), path)
    for path, (name, answer) in lists.items():
        real = sample(path)
        agree(first(real[name]), first(answer[name]), LEFT_OUT.get(Path(path).stem, set()), path)


async def test_cancelling_and_editing_have_the_real_shape() -> None:
    client = Venue(minutes=1).client()
    trading = "Endpoints/Spot/Trading/"

    edited = await client.call("EditOrder", txid=await client.rest(), pair="XBTUSD", price="39000")
    batch = await client.call(
        "AddOrderBatch",
        as_json=True,
        pair="XBTUSD",
        orders=[
            {
                "ordertype": "limit",
                "type": "buy",
                "price": "30000",
                "volume": "0.1",
                "leverage": "2",
                "close": {"ordertype": "stop-loss", "price": "29000"},
            }
        ]
        * 2,
    )
    cancelled = await client.call("CancelOrder", txid=await client.rest())

    agree(sample(f"{trading}EditOrder.txt"), edited, set())
    agree(sample(f"{trading}PlaceMultipleOrders.txt"), batch, set())
    agree(sample(f"{trading}CancelOrder.txt"), cancelled, set())
    agree(sample(f"{trading}CancelAllOrders.txt"), await client.call("CancelAll"), set())


@pytest.mark.parametrize(
    ("path", "channel", "more"),
    [
        ("AggBook", "book", {}),
        ("Kline", "ohlc", {"interval": 5}),
        ("Ticker", "ticker", {}),
        ("Trades", "trade", {}),
    ],
)
async def test_public_frames_have_the_real_shape(path: str, channel: str, more: dict[str, Any]) -> None:
    venue = Venue(["50000 50500 49500 50400"])
    stream = Stream(venue.kraken.connect("/ws/v2"))
    stream.say("subscribe", {"channel": channel, "symbol": ["BTC/USD"], **more})
    acknowledgement = await stream.next()
    await stream.all()
    venue.move()
    (update, *_) = await stream.all()

    source = f"Subscriptions/Spot/{path}.txt"
    agree(frame(source, "<")["result"], acknowledgement["result"], set(), "acknowledgement")
    real = frame(source, "=")
    agree(real["data"][0], update["data"][0], set(), "data")
    assert real.keys() - {"type"} <= update.keys()


async def test_trading_replies_have_the_real_shape() -> None:
    venue = Venue(minutes=1)
    client = venue.client()
    stream = Stream(venue.kraken.connect("/ws-auth/v2"), await client.token())

    async def reply(method: str, **params: Any) -> dict[str, Any]:
        stream.say(method, params)
        return await stream.next()

    order = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "symbol": "BTC/USD", "limit_price": 40000}
    placed = await reply("add_order", **order, order_userref=5)
    own = await reply("add_order", **order, cl_ord_id="mine")
    replies = {
        "PlaceOrder": placed,
        "EditOrder": await reply("amend_order", cl_ord_id="mine", order_qty=0.12),
        "ReplaceOrder": await reply(
            "edit_order", order_id=placed["result"]["order_id"], symbol="BTC/USD", limit_price=39000
        ),
        "CancelOrders": await reply("cancel_order", order_id=[own["result"]["order_id"]]),
        "PlaceMultipleOrders": await reply(
            "batch_add", symbol="BTC/USD", orders=[order | {"order_userref": 1}, order | {"order_userref": 2}]
        ),
        "CancelAllOrders": await reply("cancel_all"),
        "CancelAllOrdersAfter": await reply("cancel_all_orders_after", timeout=60),
    }

    for name, ours in replies.items():
        agree(frame(f"Socket/SpotApi/{name}.txt", "="), ours, set(), name)
