"""Borrowing, repaying, interest by the hour, levels, liquidation, and the histories that tell of them."""

from decimal import Decimal
from typing import Any

import pytest

from jarvis.emulators.binance.text import ms
from jarvis.emulators.faults import FaultKind
from tests.emulators.binance.actors import START, Client, Venue

HOUR = 3_600_000


async def borrow(client: Client, amount: str, asset: str = "USDT", **more: Any) -> Any:
    fields = {"asset": asset, "isIsolated": "FALSE", "amount": amount, "type": "BORROW"} | more
    return await client.call("POST margin/borrow-repay", **fields)


async def repay(client: Client, amount: str, asset: str = "USDT", **more: Any) -> Any:
    fields = {"asset": asset, "isIsolated": "FALSE", "amount": amount, "type": "REPAY"} | more
    return await client.call("POST margin/borrow-repay", **fields)


async def test_the_first_hour_is_charged_when_borrowing_then_every_full_hour() -> None:
    venue = Venue()
    client = venue.client()
    venue.move(55)
    await borrow(client, "10000")
    venue.move(35)

    rows = (await client.call("GET margin/interestHistory", asset="USDT"))["rows"]

    assert [row["type"] for row in rows] == ["PERIODIC", "ON_BORROW"]
    assert [row["interestAccuredTime"] for row in rows] == [ms(START) + HOUR, ms(START) + 55 * 60_000]
    assert rows[0]["interest"] == rows[1]["interest"]
    assert Decimal(rows[0]["principal"]) == 10_000
    assert len({row["txId"] for row in rows}) == 2
    usdt = await client.asset("USDT")
    assert Decimal(usdt["interest"]) == sum(Decimal(row["interest"]) for row in rows)
    assert Decimal(usdt["netAsset"]) == 10_000 - Decimal(usdt["interest"])


async def test_repaying_takes_interest_first_and_never_more_than_is_owed() -> None:
    venue = Venue()
    client = venue.client()
    await borrow(client, "1000")
    owed = await client.asset("USDT")
    venue.move()
    debt = Decimal(owed["borrowed"]) + Decimal(owed["interest"])

    too_much = await client.refused(
        "POST margin/borrow-repay", asset="USDT", isIsolated="FALSE", type="REPAY", amount=str(debt + 1)
    )
    part = await repay(client, "500")
    left = await client.asset("USDT")
    venue.move()
    await repay(client, str(Decimal(left["borrowed"]) + Decimal(left["interest"])))

    assert too_much[:2] == (400, -3015)
    assert isinstance(part["tranId"], int)
    assert left["interest"] == "0.00000000"
    assert Decimal(left["borrowed"]) == debt - 500
    assert (await client.asset("USDT"))["borrowed"] == "0.00000000"
    rows = (await client.call("GET margin/borrow-repay", type="REPAY"))["rows"]
    assert [row["type"] for row in rows] == ["MANUAL", "MANUAL"]
    (loan,) = (await client.call("GET margin/borrow-repay", type="BORROW", txId=0))["rows"] or [None]
    assert loan is None


async def test_two_loans_keep_their_distance() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    await borrow(client, "1000")

    hasty = await client.refused(
        "POST margin/borrow-repay", asset="USDT", isIsolated="FALSE", type="REPAY", amount="10"
    )
    await borrow(other, "1000")
    venue.move()

    assert hasty == (400, -3007, "You have pending transaction, please try again later.")
    assert "tranId" in await repay(client, "10")


async def test_what_is_not_free_cannot_repay() -> None:
    venue = Venue()
    client = venue.client()
    await borrow(client, "1000")
    await client.rest(quantity="0.27", sideEffectType="NO_SIDE_EFFECT")
    venue.move()

    refused = await client.refused(
        "POST margin/borrow-repay", asset="USDT", isIsolated="FALSE", type="REPAY", amount="500"
    )

    assert refused == (400, -3041, "Balance is not enough.")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"asset": "SHIB"}, -3002),
        ({"asset": None}, -1102),
        ({"amount": None}, -1102),
        ({"amount": "0"}, -3013),
        ({"amount": "0", "type": "REPAY"}, -3016),
        ({"amount": "1.123456789"}, -1111),
        ({"type": "STEAL"}, -1130),
        ({"type": None}, -1102),
        ({"isIsolated": None}, -1102),
        ({"amount": "50000"}, -3006),
        ({"amount": "10000000"}, -3006),
        ({"isIsolated": "TRUE", "symbol": "BTCUSDT"}, -11001),
        ({"type": "REPAY"}, -3015),
    ],
)
async def test_loans_are_refused_by_code(fields: dict[str, Any], code: int) -> None:
    client = Venue().client()
    wanted = {"asset": "USDT", "isIsolated": "FALSE", "amount": "100", "type": "BORROW"} | fields
    wanted = {name: value for name, value in wanted.items() if value is not None}

    assert (await client.refused("POST margin/borrow-repay", **wanted))[:2] == (400, code)


async def test_an_empty_pool_lends_nothing() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.INSUFFICIENT_MARGIN_POOL, count=2)

    order = await client.refused("POST margin/order", **client.order(quantity="0.5"))
    loan = await client.refused("POST margin/borrow-repay", asset="USDT", isIsolated="FALSE", type="BORROW", amount="1")

    assert order[:2] == loan[:2] == (400, -3045)
    await borrow(client, "1")


async def test_a_fifth_of_what_is_held_may_be_borrowed_up_to_the_bar() -> None:
    client = Venue().client()
    most = Decimal((await client.call("GET margin/maxBorrowable", asset="USDT"))["amount"])
    bars = await client.call("GET margin/tradeCoeff")
    assert (bars["normalBar"], bars["forceLiquidationBar"]) == ("1.25", "1.1")
    assert Decimal("1.1") < Decimal(bars["marginCallBar"]) < Decimal("1.25")
    assert 39_000 < most <= 40_000

    await borrow(client, str(most - 100))

    account = await client.call("GET margin/account")
    assert Decimal("1.25") <= Decimal(account["marginLevel"]) < Decimal("1.26")
    assert Decimal(account["totalNetAssetOfBtc"]) < Decimal("0.2")


async def test_without_debt_the_level_is_999_and_every_asset_is_listed() -> None:
    client = Venue().client()

    account = await client.call("GET margin/account")

    assert account["marginLevel"] == "999"
    assert account["TotalCollateralValueInUSDT"] == "10000.00000000"
    assert len(account["userAssets"]) == 5
    assert {row["free"] for row in account["userAssets"]} == {"10000.00000000", "0.00000000"}


async def test_a_fall_to_the_bar_is_liquidated_with_a_fee_and_told() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 42500 42500", "42500 42500 40000 40000"])
    client = venue.client()
    venue.move()
    await client.place(quantity="0.75")

    venue.move(2)

    (row,) = (await client.call("GET margin/forceLiquidationRec"))["rows"][:1]
    assert (row["side"], row["symbol"], row["isIsolated"]) == ("SELL", "BTCUSDT", False)
    flows = await client.call("GET margin/capital-flow")
    kinds = {flow["type"] for flow in flows}
    assert {"TRANSFER", "BORROW", "BUY_INCOME", "BUY_EXPENSE", "TRADING_COMMISSION", "LIQUIDATION_FEE"} <= kinds
    account = await client.call("GET margin/account")
    assert Decimal(account["marginLevel"]) > Decimal("1.1")


async def test_the_flow_sums_to_what_is_held() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(quantity="0.3")
    venue.move(61)
    await client.place(side="SELL", quantity="0.1", sideEffectType="AUTO_REPAY")

    flows = await client.call("GET margin/capital-flow", limit="1000")

    for name in ("USDT", "BTC"):
        total = sum(Decimal(flow["amount"]) for flow in flows if flow["asset"] == name)
        assert total == Decimal((await client.asset(name))["free"])
    assert [flow["id"] for flow in flows] == sorted((flow["id"] for flow in flows), reverse=True)
    later = await client.call("GET margin/capital-flow", fromId=flows[1]["id"])
    assert [flow["id"] for flow in later] == [flows[1]["id"], flows[0]["id"]]
    (first,) = await client.call("GET margin/capital-flow", type="TRANSFER")
    assert first["amount"] == "10000"


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("GET margin/capital-flow", {"startTime": "0", "endTime": str(8 * 24 * HOUR)}, -4047),
        ("GET margin/capital-flow", {"type": "THEFT"}, -1130),
        ("GET margin/capital-flow", {"symbol": "BTCUSDT"}, -11001),
        ("GET margin/interestHistory", {"startTime": "0", "endTime": str(31 * 24 * HOUR)}, -1130),
        ("GET margin/borrow-repay", {}, -1102),
        ("GET margin/borrow-repay", {"type": "GIFT"}, -1130),
        ("GET margin/maxBorrowable", {"asset": "SHIB"}, -3002),
        ("GET margin/maxBorrowable", {"asset": "BTC", "isolatedSymbol": "BTCUSDT"}, -11001),
        ("GET margin/priceIndex", {"symbol": "LTCBTC"}, -3028),
        ("GET margin/allAssets", {"asset": "SHIB"}, -3027),
        ("GET margin/next-hourly-interest-rate", {"assets": "BTC"}, -1102),
        ("GET margin/leverageBracket", {}, -1020),
        ("GET margin/available-inventory", {"type": "ALL"}, -1130),
    ],
)
async def test_reads_are_refused_by_code(operation: str, params: dict[str, str], code: int) -> None:
    assert (await Venue().client().refused(operation, **params))[1] == code


async def test_reference_data_says_what_the_model_charges() -> None:
    client = Venue().client()

    (coin,) = await client.call("GET margin/crossMarginData", coin="BTC")
    (next_hour,) = await client.call("GET margin/next-hourly-interest-rate", assets="BTC", isIsolated="FALSE")
    (fee,) = await client.call("GET asset/tradeFee", symbol="BTCUSDT")
    pairs = await client.call("GET margin/allPairs")
    tiers = await client.call("GET margin/isolatedMarginTier", symbol="BTCUSDT")
    price = await client.call("GET margin/priceIndex", symbol="BTCUSDT")

    assert Decimal(coin["dailyInterest"]) == 24 * Decimal(next_hour["nextHourlyInterestRate"])
    assert "BTCUSDT" in coin["marginablePairs"]
    assert (fee["makerCommission"], fee["takerCommission"]) == ("0.001", "0.001")
    assert len(pairs) == 4
    assert [tier["effectiveMultiple"] for tier in tiers[:2]] == ["10", "8.91"]
    assert [tier["initialRiskRatio"] for tier in tiers[:2]] == ["1.111", "1.126"]
    assert price["price"] == "50000.00000000"


async def test_what_may_leave_shrinks_with_debt() -> None:
    client = Venue().client()
    before = await client.call("GET margin/maxTransferable", asset="USDT")

    await borrow(client, "9000")

    after = await client.call("GET margin/maxTransferable", asset="USDT")
    assert before["amount"] == "10000.00000000"
    assert Decimal(after["amount"]) < 1000


async def test_interest_is_taken_in_bnb_when_its_owner_says_so_while_there_is_some() -> None:
    venue = Venue()
    client = venue.client(deposits={"USDT": "10000", "BNB": "0.0003"})
    venue.binance.set_bnb_burn("ann", interest=True)
    before = await client.call("GET margin/capital-flow")

    await borrow(client, "10000")
    venue.move(61)

    rows = (await client.call("GET margin/interestHistory"))["rows"]
    assert [(row["asset"], row["rawAsset"], row["type"]) for row in rows] == [
        ("BNB", "USDT", "PERIODIC_CONVERTED"),
        ("BNB", "USDT", "ON_BORROW_CONVERTED"),
    ]
    assert Decimal(rows[0]["interest"]) == (Decimal(rows[0]["interestRate"]) * 10_000 * Decimal("0.95") / 600).quantize(
        Decimal("0.00000001"), rounding="ROUND_UP"
    )
    usdt, bnb = await client.asset("USDT"), await client.asset("BNB")
    assert (usdt["borrowed"], usdt["interest"], usdt["free"]) == ("10000.00000000", "0.00000000", "20000.00000000")
    assert Decimal(bnb["free"]) == Decimal("0.0003") - sum(Decimal(row["interest"]) for row in rows)
    assert (await client.call("GET margin/borrow-repay", type="REPAY"))["rows"] == []
    assert len(await client.call("GET margin/capital-flow")) == len(before) + 1

    venue.move(120)

    rows = (await client.call("GET margin/interestHistory", asset="USDT"))["rows"]
    assert [row["type"] for row in rows] == ["PERIODIC", "PERIODIC"]


async def test_other_reference_data_answers() -> None:
    client = Venue().client()

    assert await client.call("GET margin/limit-price-pairs") == {"crossMarginSymbols": []}
    assert (await client.call("GET margin/restricted-asset"))["openLongRestrictedAsset"] == []
    assert await client.call("GET margin/risk-based-liquidation-ratio") == []
    assert await client.call("GET margin/exchange-small-liability") == []
    assert set((await client.call("GET margin/available-inventory", type="ISOLATED"))["assets"]) == {
        "BTC",
        "ETH",
        "BNB",
        "DOGE",
        "USDT",
    }
    symbols = ",".join(["BTCUSDT"] * 6)
    assert (await client.refused("GET margin/isolated/account", symbols=symbols))[:2] == (400, -1130)
    assert (await client.refused("GET margin/isolated/account", symbols="LTCBTC"))[:2] == (400, -3028)
