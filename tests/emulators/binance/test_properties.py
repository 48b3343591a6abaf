"""Whatever a client does: what the venue tells adds up to what it says is there."""

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulators.binance.actors import Client, Venue

PATH = [
    "50000 50000 50000 50000",
    "50000 51500 49500 51000",
    "51000 51000 47000 47500",
    "47500 49000 47400 48800",
    "48800 53000 48800 52500",
    "52500 52500 43000 43500",
]
EFFECTS = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", "AUTO_BORROW_REPAY")
Deed = dict[str, Any]

markets = st.fixed_dictionaries(
    {
        "type": st.just("MARKET"),
        "side": st.sampled_from(("BUY", "SELL")),
        "quantity": st.sampled_from(("0.01", "0.1", "0.35")),
        "sideEffectType": st.sampled_from(EFFECTS),
    }
)
limits = st.fixed_dictionaries(
    {
        "type": st.just("LIMIT"),
        "side": st.sampled_from(("BUY", "SELL")),
        "quantity": st.sampled_from(("0.02", "0.2")),
        "price": st.sampled_from(("46000", "48000", "50000", "52000")),
        "timeInForce": st.sampled_from(("GTC", "IOC", "FOK")),
        "sideEffectType": st.sampled_from(EFFECTS),
        "autoRepayAtCancel": st.sampled_from(("TRUE", "FALSE")),
    }
)
stops = st.fixed_dictionaries(
    {
        "type": st.sampled_from(("STOP_LOSS", "TAKE_PROFIT")),
        "side": st.sampled_from(("BUY", "SELL")),
        "quantity": st.sampled_from(("0.02", "0.2")),
        "stopPrice": st.sampled_from(("46000", "48000", "52000")),
        "sideEffectType": st.sampled_from(EFFECTS),
    }
)
loans = st.fixed_dictionaries(
    {
        "loan": st.sampled_from(("BORROW", "REPAY")),
        "asset": st.sampled_from(("USDT", "BTC")),
        "amount": st.sampled_from(("0.05", "1", "500")),
    }
)
others = st.sampled_from(({"move": 1}, {"move": 61}, {"cancel": True}))
deeds = st.lists(st.one_of(markets, limits, stops, loans, others), max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(("cross", "isolated")), deeds)
def test_what_is_told_adds_up_to_what_is_there(profile: str, done: list[Deed]) -> None:
    asyncio.run(_live(profile, done))


async def _live(profile: str, done: list[Deed]) -> None:
    venue = Venue(PATH)
    client = venue.client(profile=profile, deposits={"USDT": "40000", "BTC": "0.1"})
    where = {"isIsolated": "TRUE", "symbol": "BTCUSDT"} if client.is_isolated else {}
    told = {"isolatedSymbol": "BTCUSDT"} if client.is_isolated else {}
    for deed in done:
        await _do(venue, client, deed, where)

    flows = await client.call("GET margin/capital-flow", limit="1000", **({"symbol": "BTCUSDT"} if told else {}))
    fills = await client.call("GET margin/myTrades", symbol="BTCUSDT", limit="1000", isIsolated=str(bool(told)))
    interest = (await client.call("GET margin/interestHistory", size="100", **told))["rows"]
    for row in await _holdings(client):
        asset = row["asset"]
        there = Decimal(row["free"]) + Decimal(row["locked"])
        assert there == sum((Decimal(flow["amount"]) for flow in flows if flow["asset"] == asset), Decimal(0))
        net = Decimal("0.1") if asset == "BTC" else Decimal(40_000 if not told else 10_000)
        for fill in fills:
            sign = 1 if fill["isBuyer"] else -1
            quantity, price = Decimal(fill["qty"]), Decimal(fill["price"])
            net += sign * quantity if asset == "BTC" else -sign * quantity * price
            net -= Decimal(fill["commission"]) if fill["commissionAsset"] == asset else 0
        net -= sum((Decimal(charge["interest"]) for charge in interest if charge["asset"] == asset), Decimal(0))
        fees = (flow for flow in flows if flow["type"] == "LIQUIDATION_FEE" and flow["asset"] == asset)
        net += sum((Decimal(flow["amount"]) for flow in fees), Decimal(0))
        assert abs(Decimal(row["netAsset"]) - net) < Decimal("0.000001")
        assert min(Decimal(row[name]) for name in ("free", "locked", "borrowed", "interest")) >= 0


async def _do(venue: Venue, client: Client, deed: Deed, where: dict[str, str]) -> None:
    if "move" in deed:
        venue.move(deed["move"])
    elif "cancel" in deed:
        await client.send("DELETE margin/openOrders", **dict[str, Any]({"symbol": "BTCUSDT"} | where))
    elif "loan" in deed:
        fields = {"asset": deed["asset"], "amount": deed["amount"], "type": deed["loan"], "isIsolated": "FALSE"}
        await client.send("POST margin/borrow-repay", **dict[str, Any](fields | where))
    else:
        response = await client.send("POST margin/order", **client.order(**deed))
        assert response.status in (200, 400)


async def _holdings(client: Client) -> list[dict[str, str]]:
    if client.is_isolated:
        (pair,) = (await client.call("GET margin/isolated/account", symbols="BTCUSDT"))["assets"]
        return [pair["baseAsset"], pair["quoteAsset"]]
    account = await client.call("GET margin/account")
    return [row for row in account["userAssets"] if row["asset"] in ("BTC", "USDT")]
