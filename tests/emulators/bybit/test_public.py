"""Public data by REST and by stream."""

from decimal import Decimal

import pytest

from jarvis.emulators.wire import WireRequest
from tests.emulators.bybit.actors import Stream, Venue

PATH = ["50000 50500 49500 50400", "50400 51000 50400 50900"]


async def test_the_clock_is_the_markets() -> None:
    venue = Venue()
    venue.move(3)

    assert await venue.public("market/time") == {"timeSecond": "1767225780", "timeNano": "1767225780000000000"}


async def test_instruments_state_steps_minimums_and_margin() -> None:
    venue = Venue()

    rows = (await venue.public("market/instruments-info", "category=spot&limit=1000"))["list"]
    (row,) = (await venue.public("market/instruments-info", "category=spot&symbol=BTCUSDT"))["list"]

    assert {each["symbol"] for each in rows} == {"BTCUSDT", "ETHUSDT", "DOGEUSDT", "BNBUSDT"}
    assert (row["baseCoin"], row["quoteCoin"], row["marginTrading"], row["status"]) == (
        "BTC",
        "USDT",
        "utaOnly",
        "Trading",
    )
    assert (row["priceFilter"]["tickSize"], row["lotSizeFilter"]["basePrecision"]) == ("0.1", "0.000001")
    assert row["lotSizeFilter"]["minOrderAmt"] == "5"


async def test_candles_come_newest_first_and_larger_ones_are_put_together() -> None:
    venue = Venue(PATH)
    venue.move(5)

    minutes = (await venue.public("market/kline", "category=spot&symbol=BTCUSDT&interval=1&limit=5"))["list"]
    (three, *_) = reversed((await venue.public("market/kline", "category=spot&symbol=BTCUSDT&interval=3"))["list"])
    days = (await venue.public("market/kline", "category=spot&symbol=BTCUSDT&interval=D"))["list"]

    assert [row[0] for row in minutes] == sorted((row[0] for row in minutes), reverse=True)
    assert minutes[-1][1:5] == ["50000", "50500", "49500", "50400"]
    assert three[1:6] == ["50000", "51000", "49500", "50900", "30"]
    assert days[0][2:4] == ["51000", "49500"]
    for interval in ("W", "M", "720"):
        assert (await venue.public("market/kline", f"category=spot&symbol=BTCUSDT&interval={interval}"))["list"]


async def test_candles_from_a_start_are_the_first_ones_after_it() -> None:
    venue = Venue(PATH)
    venue.move(30)

    rows = (await venue.public("market/kline", "category=spot&symbol=BTCUSDT&interval=1&start=1767225660000&limit=2"))[
        "list"
    ]

    assert [row[0] for row in rows] == ["1767225720000", "1767225660000"]


async def test_prices_of_the_ticker_the_book_and_the_band_agree() -> None:
    venue = Venue(PATH)
    venue.move(5)

    (ticker,) = (await venue.public("market/tickers", "category=spot&symbol=BTCUSDT"))["list"]
    book = await venue.public("market/orderbook", "category=spot&symbol=BTCUSDT&limit=5")
    band = await venue.public("market/price-limit", "category=spot&symbol=BTCUSDT")
    trades = (await venue.public("market/recent-trade", "category=spot&symbol=BTCUSDT"))["list"]

    assert (ticker["lastPrice"], ticker["highPrice24h"], ticker["lowPrice24h"]) == ("50900", "51000", "49500")
    assert (ticker["bid1Price"], ticker["ask1Price"]) == (book["b"][0][0], book["a"][0][0])
    assert Decimal(book["b"][0][0]) < 50900 < Decimal(book["a"][0][0])
    assert (len(book["b"]), band["buyLmt"]) == (5, "53445")
    assert (trades[0]["price"], trades[-1]["price"], len(trades)) == ("50900", "50400", 5)
    assert (await venue.public("market/orderbook", "category=spot&symbol=BTCUSDT"))["b"] == book["b"][:1]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("market/tickers", "", 10001),
        ("market/tickers", "category=linear", 10017),
        ("market/tickers", "category=spot&symbol=XYZ", 10001),
        ("market/kline", "category=spot&symbol=BTCUSDT&interval=7", 10001),
        ("market/kline", "category=spot&symbol=BTCUSDT&interval=1&limit=1001", 10001),
        ("spot-margin-trade/data", "currency=XYZ", 10001),
    ],
)
async def test_public_questions_are_checked(path: str, query: str, code: int) -> None:
    venue = Venue()

    answer = await venue.bybit.handle(WireRequest("GET", f"/v5/{path}", query))

    assert f'"retCode":{code}' in answer.body.decode()


async def test_what_borrowing_costs_is_public() -> None:
    venue = Venue()

    (levels,) = (await venue.public("spot-margin-trade/data", "vipLevel=No%20VIP&currency=BTC"))["vipCoinList"]
    (row,) = levels["list"]
    (collateral,) = (await venue.public("spot-margin-trade/collateral", "currency=BTC"))["list"]

    assert (row["currency"], row["borrowable"], levels["vipLevel"]) == ("BTC", True, "No VIP")
    assert 0 < Decimal(row["hourlyBorrowRate"]) < Decimal("0.0001")
    assert collateral["collateralRatioList"][0]["collateralRatio"] == row["collateralRatio"]


def public_stream(venue: Venue) -> Stream:
    return Stream(venue.bybit.connect("/v5/public/spot"))


async def test_the_book_is_told_whole_and_then_by_changes() -> None:
    venue = Venue(PATH)
    stream = public_stream(venue)
    stream.say("subscribe", ["orderbook.50.BTCUSDT", "orderbook.1.BTCUSDT"])

    acknowledgement, whole, best = [await stream.next() for _ in range(3)]
    venue.move()
    changed, again = [await stream.next() for _ in range(2)]

    assert (acknowledgement["success"], acknowledgement["ret_msg"]) == (True, "subscribe")
    assert (whole["type"], best["type"], changed["type"], again["type"]) == (
        "snapshot",
        "snapshot",
        "delta",
        "snapshot",
    )
    kept = {side: dict[str, str](whole["data"][side]) for side in ("b", "a")}
    for side, levels in kept.items():
        for price, size in changed["data"][side]:
            levels[price] = size
            if size == "0":
                del levels[price]
    now = await venue.public("market/orderbook", "category=spot&symbol=BTCUSDT&limit=50")
    for side in ("b", "a"):
        assert sorted(kept[side].items()) == sorted((price, size) for price, size in now[side])
    assert changed["data"]["u"] == whole["data"]["u"] + 1 > 1


async def test_each_candle_is_told_once_more_when_it_is_over() -> None:
    venue = Venue(PATH)
    stream = public_stream(venue)
    stream.say("subscribe", ["kline.1.BTCUSDT"])
    venue.move(6)

    confirmed = [row["start"] for row in await stream.rows("kline.1.BTCUSDT") if row["confirm"]]

    assert len(confirmed) == len(set(confirmed)) == 6


async def test_a_five_minute_candle_confirms_at_its_end() -> None:
    venue = Venue(PATH)
    stream = public_stream(venue)
    stream.say("subscribe", ["kline.5.BTCUSDT"])
    venue.move(11)

    rows = await stream.rows("kline.5.BTCUSDT")

    assert [row["start"] for row in rows if row["confirm"]] == [1767225600000, 1767225900000]
    assert rows[0]["end"] == 1767225899999
    assert not rows[0]["confirm"]


async def test_trades_and_tickers_are_told_as_they_come() -> None:
    venue = Venue(PATH)
    stream = public_stream(venue)
    stream.say("subscribe", ["publicTrade.BTCUSDT", "tickers.BTCUSDT", "priceLimit.BTCUSDT"])
    venue.move(2)

    frames = await stream.waiting()

    trades = [row for frame in frames if frame.get("topic") == "publicTrade.BTCUSDT" for row in frame["data"]]
    tickers = [frame["data"]["lastPrice"] for frame in frames if frame.get("topic") == "tickers.BTCUSDT"]
    assert [row["p"] for row in trades] == ["50400", "50900"]
    assert tickers == ["50000", "50400", "50900"]
    recent = (await venue.public("market/recent-trade", "category=spot&symbol=BTCUSDT"))["list"]
    assert [row["execId"] for row in reversed(recent)] == [row["i"] for row in trades]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["orderbook.7.BTCUSDT"],
        ["tickers.XYZ"],
        ["order"],
        [f"kline.{each}.BTCUSDT" for each in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D")],
        ["tickers." + "X" * 21_000],
    ],
)
async def test_a_wrong_subscription_is_refused_whole(args: list[str]) -> None:
    venue = Venue()
    stream = public_stream(venue)

    stream.say("subscribe", args)
    refusal = await stream.next()
    venue.move()

    assert (refusal["success"], refusal["ret_msg"][:6]) == (False, "error:")
    assert await stream.waiting() == []


async def test_nobody_hears_what_they_have_left() -> None:
    venue = Venue(PATH)
    stream = public_stream(venue)
    stream.say("subscribe", ["tickers.BTCUSDT"])
    stream.say("subscribe", ["tickers.BTCUSDT"])
    stream.say("unsubscribe", ["tickers.BTCUSDT"])
    first, _, twice, left = [await stream.next() for _ in range(4)]
    venue.move()

    assert (first["success"], twice["success"], left["success"]) == (True, False, True)
    assert await stream.waiting() == []
