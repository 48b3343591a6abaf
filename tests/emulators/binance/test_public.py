"""Market data by REST, and requests that cannot be read."""

import pytest

from jarvis.emulators.binance.text import ms
from tests.emulators.binance.actors import START, Venue

PATH = ["50000 50500 49500 50400", "50400 51000 50400 50900", "50900 50900 49000 49100", "49100 49200 49000 49200"]


async def test_rules_of_a_symbol_are_those_of_its_instrument() -> None:
    venue = Venue()

    info = await venue.get("exchangeInfo", symbol="BTCUSDT")

    (row,) = info["symbols"]
    filters = {each["filterType"]: each for each in row["filters"]}
    assert (row["status"], row["isMarginTradingAllowed"]) == ("TRADING", True)
    assert float(filters["PRICE_FILTER"]["tickSize"]) == 0.01
    assert float(filters["LOT_SIZE"]["stepSize"]) == 0.00001
    assert float(filters["NOTIONAL"]["minNotional"]) == 5
    assert filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"] == 5
    assert info["serverTime"] == ms(START)


async def test_symbols_are_chosen_by_list() -> None:
    venue = Venue()

    two = await venue.get("exchangeInfo", symbols='["BTCUSDT","ETHUSDT"]')
    everything = await venue.get("exchangeInfo")
    none = await venue.get("exchangeInfo", symbolStatus="HALT")

    assert [row["symbol"] for row in two["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert len(everything["symbols"]) == 4
    assert none["symbols"] == []


async def test_candles_are_cut_by_size_start_and_limit() -> None:
    venue = Venue(PATH)
    venue.move(4)

    minutes = await venue.get("klines", symbol="BTCUSDT", interval="1m")
    three = await venue.get("klines", symbol="BTCUSDT", interval="3m")
    second = await venue.get("klines", symbol="BTCUSDT", interval="1m", startTime=ms(START) + 60_000, limit=1)
    early = await venue.get("klines", symbol="BTCUSDT", interval="1m", endTime=ms(START) + 60_000)

    assert len(minutes) == 5
    assert [row[4] for row in minutes[:4]] == ["50400.00000000", "50900.00000000", "49100.00000000", "49200.00000000"]
    assert minutes[-1][8] == 0
    assert [float(price) for price in three[0][1:5]] == [50000, 51000, 49000, 49100]
    assert three[0][8] == 3
    assert [row[0] for row in second] == [ms(START) + 60_000]
    assert len(early) == 2
    assert minutes[0][6] == minutes[1][0] - 1


@pytest.mark.parametrize("interval", ["3m", "2h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"])
async def test_every_size_begins_on_its_grid(interval: str) -> None:
    venue = Venue(PATH)
    venue.move(4)

    (row,) = (await venue.get("klines", symbol="BTCUSDT", interval=interval))[-1:]

    assert row[0] <= ms(venue.exchange.now) <= row[6]
    assert await venue.get("klines", symbol="BTCUSDT", interval="1s") == []


async def test_a_week_begins_on_monday_and_a_month_on_the_first() -> None:
    venue = Venue(PATH)
    venue.move(4)

    ((week, *_),) = await venue.get("klines", symbol="BTCUSDT", interval="1w")
    ((month, *_),) = await venue.get("klines", symbol="BTCUSDT", interval="1M")

    assert week == ms(START) - 3 * 86_400_000
    assert month == ms(START)


async def test_trades_are_numbered_by_symbol() -> None:
    venue = Venue(PATH)
    venue.move(3)

    trades = await venue.get("trades", symbol="BTCUSDT", limit=2)
    older = await venue.get("historicalTrades", symbol="BTCUSDT", fromId=1, limit=1)
    whole = await venue.get("aggTrades", symbol="BTCUSDT", startTime=ms(START) + 120_000)

    assert [row["id"] for row in trades] == [2, 3]
    assert [row["isBuyerMaker"] for row in trades] == [False, True]
    assert older[0]["id"] == 1
    assert [row["a"] for row in whole] == [2, 3]


async def test_tickers_and_book_agree() -> None:
    venue = Venue(PATH)
    venue.move(4)

    day = await venue.get("ticker/24hr", symbol="BTCUSDT")
    best = await venue.get("ticker/bookTicker", symbol="BTCUSDT")
    book = await venue.get("depth", symbol="BTCUSDT", limit=1)
    average = await venue.get("avgPrice", symbol="BTCUSDT")

    assert (day["openPrice"], day["lastPrice"], day["count"]) == ("50000.00000000", "49200.00000000", 4)
    assert [[best["bidPrice"], best["bidQty"]]] == book["bids"]
    assert book["lastUpdateId"] == 4
    assert 49000 < float(average["price"]) < 51000
    assert len(await venue.get("ticker/price")) == 4
    assert "bidPrice" not in await venue.get("ticker/24hr", symbol="BTCUSDT", type="MINI")


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": "LTCBTC"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("depth", {"symbol": "BTCUSDT", "foo": "1"}, -1104),
        ("depth", {"symbol": "BTCUSDT", "limit": ""}, -1105),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "5"}, -1130),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
        ("ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("ticker/price", {"symbols": '["BTCUSDT'}, -1130),
        ("ticker/24hr", {"symbol": "BTCUSDT", "type": "TINY"}, -1130),
    ],
)
async def test_requests_that_cannot_be_read_are_refused_by_name(path: str, params: dict[str, str], code: int) -> None:
    assert (await Venue().get(path, **params))["code"] == code


async def test_a_parameter_sent_twice_is_refused() -> None:
    client = Venue().client()

    response = await client.raw("GET", "/api/v3/depth", "symbol=BTCUSDT&symbol=ETHUSDT")

    assert b"-1101" in response.body
