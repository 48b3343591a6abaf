"""Public data: instruments, prices, tiers and rates, and how a client may not ask."""

import json

import pytest

from jarvis.emulators.wire import WireRequest
from tests.emulators.okx.actors import Venue


async def test_instruments_of_both_kinds_with_their_leverage() -> None:
    venue = Venue()

    spot = await venue.get("public/instruments", instType="SPOT")
    (margin,) = await venue.get("public/instruments", instType="MARGIN", instId="BTC-USDT")

    assert [row["instId"] for row in spot] == ["BNB-USDT", "BTC-USDT", "DOGE-USDT", "ETH-USDT"]
    assert (margin["tickSz"], margin["lotSz"], margin["minSz"], margin["lever"]) == (
        "0.1",
        "0.00000001",
        "0.00001",
        "10",
    )
    assert isinstance(margin["instIdCode"], int)
    assert await venue.get("public/instruments", instType="SWAP") == []


async def test_candles_come_newest_first_and_page_by_time() -> None:
    venue = Venue(["50000 50100 49900 50050"])
    venue.move(10)

    rows = await venue.get("market/candles", instId="BTC-USDT", bar="1m", limit="3")
    older = await venue.get("market/candles", instId="BTC-USDT", bar="1m", after=rows[-1][0], limit="100")
    newer = await venue.get("market/candles", instId="BTC-USDT", bar="1m", before=rows[1][0])

    assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    assert len(older) == 7
    assert older[-1][1:6] == ["50000", "50100", "49900", "50050", "10"]
    assert [row[0] for row in newer] == [rows[0][0]]
    assert {len(row) for row in rows} == {9}
    assert all(row[-1] == "1" for row in await venue.get("market/history-candles", instId="BTC-USDT"))


async def test_prices_of_one_moment_agree() -> None:
    venue = Venue()
    venue.move(5)

    (ticker,) = await venue.get("market/ticker", instId="BTC-USDT")
    (book,) = await venue.get("market/books", instId="BTC-USDT", sz="5")
    (limit,) = await venue.get("public/price-limit", instId="BTC-USDT")
    trades = await venue.get("market/trades", instId="BTC-USDT", limit="2")

    assert (ticker["bidPx"], ticker["askPx"]) == (book["bids"][0][0], book["asks"][0][0])
    assert [len(side) for side in (book["bids"], book["asks"])] == [5, 5]
    assert (limit["buyLmt"], limit["sellLmt"]) == ("52500", "47500")
    assert trades[0]["px"] == ticker["last"]
    assert len(await venue.get("market/tickers", instType="SPOT")) == 4


async def test_tiers_and_rates() -> None:
    venue = Venue()

    tiers = await venue.get(
        "public/position-tiers", instType="MARGIN", tdMode="cross", instId="BTC-USDT", instFamily="None"
    )
    (quota,) = await venue.get("public/interest-rate-loan-quota")
    haircuts = await venue.get("public/discount-rate-interest-free-quota", ccy="BTC")

    assert (tiers[0]["maxLever"], tiers[0]["imr"]) == ("10", "0.1")
    assert [int(row["maxLever"]) for row in tiers] == [10, 5, 3]
    daily = {row["ccy"]: row["rate"] for row in quota["basic"]}
    assert daily["USDT"] == "0.000264"
    assert haircuts[0]["details"][0]["discountRate"] == "1"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("market/ticker", "", (400, "50014")),
        ("market/ticker", "instId=BTC-USD", (200, "51001")),
        ("market/tickers", "instType=MARGIN", (400, "51000")),
        ("market/candles", "instId=BTC-USDT&bar=7m", (400, "51000")),
        ("market/books", "instId=BTC-USDT&sz=x", (400, "51000")),
        ("public/instruments", "", (400, "50014")),
        ("public/instruments", "instType=SPOT&colour=red", (400, "51000")),
        ("public/position-tiers", "instType=MARGIN", (400, "50014")),
    ],
)
async def test_a_question_that_means_nothing_is_refused(path: str, query: str, expected: tuple[int, str]) -> None:
    answer = await Venue().okx.handle(WireRequest("GET", f"/api/v5/{path}", query))

    assert (answer.status, json.loads(answer.body)["code"]) == expected


async def test_an_address_is_limited() -> None:
    venue = Venue()
    for _ in range(10):
        await venue.get("public/time")

    answer = await venue.okx.handle(WireRequest("GET", "/api/v5/public/time"))
    elsewhere = await venue.okx.handle(WireRequest("GET", "/api/v5/public/time", remote="192.0.2.1"))

    assert (answer.status, json.loads(answer.body)["code"]) == (429, "50011")
    assert elsewhere.status == 200
    venue.move()
    await venue.get("public/time")


async def test_the_record_tells_everything_unrounded() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(sz="1000")
    await client.rest()

    record = venue.okx.account_record("ann")

    assert record["positions"]["BTC/USDT"] == "0.01997800"
    assert record["balances"]["USDT"]["borrowed"] == "999.99999000"
    assert {"open_orders", "closed_orders", "fills", "ledger", "interest", "algos"} <= set(record)
    assert json.dumps(record)
    with pytest.raises(KeyError):
        venue.okx.account_record("nobody")
