"""Isolated accounts: one per pair, each with its own money, debts, level and end."""

from decimal import Decimal
from typing import Any

from tests.emulators.binance.actors import Client, Venue

FALL = ["50000 50000 50000 50000", "50000 50000 46000 46000", "46000 46000 45000 45000"]


async def row(client: Client, symbol: str = "BTCUSDT") -> Any:
    (found,) = (await client.call("GET margin/isolated/account", symbols=symbol))["assets"]
    return found


async def test_a_deposit_is_split_over_the_pairs() -> None:
    client = Venue().client(profile="isolated", deposits={"USDT": "10000", "BTC": "1"})

    account = await client.call("GET margin/isolated/account")

    assert sum(Decimal(each["quoteAsset"]["free"]) for each in account["assets"]) == 10_000
    assert {each["quoteAsset"]["free"] for each in account["assets"]} == {"2500.00000000"}
    assert (await row(client))["baseAsset"]["free"] == "1.00000000"
    assert account["totalAssetOfBtc"] == "1.20000000"
    assert "totalAssetOfBtc" not in await client.call("GET margin/isolated/account", symbols="BTCUSDT")
    assert await client.call("GET margin/isolated/accountLimit") == {"enabledAccount": 4, "maxAccount": 20}


async def test_a_pair_borrows_ten_times_its_own_money() -> None:
    client = Venue().client(profile="isolated")

    placed = await client.place(quantity="0.4")
    refused = await client.refused("POST margin/order", **client.order(quantity="0.2"))

    assert placed["isIsolated"] is True
    assert refused[:2] == (400, -11008)
    pair = await row(client)
    assert (pair["marginLevelStatus"], pair["marginRatio"]) == ("NORMAL", "10.00000000")
    assert Decimal("1.1") < Decimal(str(pair["marginLevel"])) < Decimal("1.2")
    assert 45_900 < Decimal(str(pair["liquidatePrice"])) < 46_100
    assert (await row(client, "ETHUSDT"))["quoteAsset"]["borrowed"] == "0.00000000"


async def test_one_pair_is_liquidated_alone() -> None:
    venue = Venue(FALL)
    client = venue.client(profile="isolated")
    venue.move()
    await client.place(quantity="0.4")

    venue.move(2)

    (gone,) = (await client.call("GET margin/forceLiquidationRec", isolatedSymbol="BTCUSDT"))["rows"][:1]
    assert gone["isIsolated"] is True
    assert (await row(client, "ETHUSDT"))["quoteAsset"]["free"] == "2500.00000000"
    flows = await client.call("GET margin/capital-flow", symbol="BTCUSDT")
    assert {flow["symbol"] for flow in flows} == {"BTCUSDT"}
    assert "LIQUIDATION_FEE" in {flow["type"] for flow in flows}


async def test_loans_and_interest_are_told_by_pair() -> None:
    client = Venue().client(profile="isolated")
    await client.call(
        "POST margin/borrow-repay", asset="BTC", isIsolated="TRUE", symbol="BTCUSDT", amount="0.1", type="BORROW"
    )

    (charge,) = (await client.call("GET margin/interestHistory", isolatedSymbol="BTCUSDT"))["rows"]
    (loan,) = (await client.call("GET margin/borrow-repay", type="BORROW", isolatedSymbol="BTCUSDT"))["rows"]

    assert (charge["isolatedSymbol"], charge["asset"], charge["type"]) == ("BTCUSDT", "BTC", "ON_BORROW")
    assert (loan["isolatedSymbol"], loan["amount"], loan["type"]) == ("BTCUSDT", "0.10000000", "MANUAL")
    assert (await client.call("GET margin/interestHistory", isolatedSymbol="ETHUSDT"))["rows"] == []


async def test_each_kind_of_account_lacks_the_other() -> None:
    venue = Venue()
    cross, isolated = venue.client(), venue.client("bob", profile="isolated")

    assert (await isolated.refused("GET margin/account"))[:2] == (400, -3003)
    assert (await isolated.refused("GET margin/tradeCoeff"))[:2] == (400, -3003)
    assert (await isolated.refused("GET margin/openOrders"))[:2] == (400, -3003)
    assert (await isolated.refused("GET margin/openOrders", isIsolated="TRUE"))[:2] == (400, -1102)
    assert (await cross.refused("GET margin/isolated/account", symbols="BTCUSDT"))[:2] == (400, -11001)
    assert (await cross.call("GET margin/isolated/account"))["assets"] == []
    # The singular is not read.
    assert (await cross.call("GET margin/isolated/account", symbol="BTCUSDT"))["assets"] == []


async def test_orders_of_pairs_are_kept_apart() -> None:
    client = Venue().client(profile="isolated")
    placed = await client.rest(quantity="0.01")

    own = await client.call("GET margin/openOrders", isIsolated="TRUE", symbol="BTCUSDT")
    other = await client.call("GET margin/openOrders", isIsolated="TRUE", symbol="ETHUSDT")
    trades = await client.call("GET margin/myTrades", isIsolated="true", symbol="BTCUSDT")

    assert [order["orderId"] for order in own] == [placed["orderId"]]
    assert own[0]["isIsolated"] is True
    assert other == trades == []


async def test_a_record_sums_the_pairs_and_keeps_them() -> None:
    venue = Venue()
    client = venue.client(profile="isolated")
    await client.place(quantity="0.1")

    record = venue.binance.account_record("ann")

    assert {pair: float(held) for pair, held in record["positions"].items()} == {"BTC/USDT": 0.0999}
    assert Decimal(record["pots"]["BTC/USDT"]["USDT"]["borrowed"]) == Decimal(record["balances"]["USDT"]["borrowed"])
    assert Decimal(record["pots"]["ETH/USDT"]["USDT"]["total"]) == 2500
