"""The two profiles: international accounts on the plain books, US retail on the BTNL books only."""

from typing import Any

from tests.emulators.kraken.actors import Venue

ORDER: dict[str, Any] = {"ordertype": "market", "type": "buy", "volume": "0.1", "leverage": "10"}


async def test_a_us_account_trades_margin_on_the_btnl_books_only() -> None:
    client = Venue(minutes=1).client(profile="us-retail")

    assert await client.refused("AddOrder", **ORDER, pair="XBTUSD") == "EOrder:Cannot open position"
    assert await client.refused("AddOrder", **ORDER, pair="XBTUSD", validate="true") == "EOrder:Cannot open position"
    placed = await client.call("AddOrder", **ORDER, pair="XBTUSD:BTNL")

    assert placed["descr"]["order"] == "buy 0.10000000 XBTUSD:BTNL @ market with 10:1 leverage"
    (lot,) = (await client.call("OpenPositions")).values()
    assert lot["pair"] == "XBTUSD:BTNL"
    (trade,) = (await client.call("TradesHistory"))["trades"].values()
    assert trade["pair"] == "XBTUSD:BTNL"


async def test_a_us_account_trades_spot_on_the_plain_books() -> None:
    client = Venue(minutes=1).client(profile="us-retail")

    await client.call("AddOrder", **(ORDER | {"leverage": ""}), pair="XBTUSD")

    assert (await client.call("Balance"))["XXBT"] == "0.1000000000"


async def test_the_us_books_trigger_on_the_index_and_know_no_spot() -> None:
    client = Venue(minutes=1).client(profile="us-retail")
    stop = ORDER | {"ordertype": "stop-loss", "type": "sell", "price": "40000", "pair": "XBTUSD:BTNL"}

    assert await client.refused("AddOrder", **stop) == "EGeneral:Invalid arguments:trigger"
    assert (await client.call("AddOrder", **stop, trigger="index"))["txid"]
    spot = ORDER | {"leverage": "", "pair": "XBTUSD:BTNL"}
    assert await client.refused("AddOrder", **spot) == "EGeneral:Invalid arguments:leverage"


async def test_bnb_has_no_us_book() -> None:
    client = Venue(minutes=1).client(profile="us-retail")

    assert await client.refused("AddOrder", **ORDER, pair="BNBUSD:BTNL") == "EQuery:Unknown asset pair"


async def test_an_international_account_does_not_see_the_us_books() -> None:
    client = Venue(minutes=1).client()

    assert await client.refused("AddOrder", **ORDER, pair="XBTUSD:BTNL") == "EQuery:Unknown asset pair"


async def test_a_us_account_hears_of_its_book_by_its_own_name() -> None:
    client = Venue(minutes=1).client(profile="us-retail")
    stream = await client.stream()
    await stream.next()

    await client.call("AddOrder", **ORDER, pair="XBTUSD:BTNL")

    assert {row["symbol"] for row in await stream.rows() if "symbol" in row} == {"BTC/USD:BTNL"}
