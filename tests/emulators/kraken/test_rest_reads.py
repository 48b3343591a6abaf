"""Balances, margin, history and ledger over REST, and the public paths."""

import json
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from typing import Any

import pytest

from jarvis.emulators.kraken.account import trade_balance_row
from jarvis.emulators.wire import WireRequest
from jarvis.sim.exchange import SimMargin
from tests.emulators.kraken.actors import START, Venue


async def public(venue: Venue, method: str, query: str = "") -> Any:
    answer = json.loads((await venue.kraken.handle(WireRequest("GET", f"/0/public/{method}", query))).body)
    assert answer["error"] == [], answer
    return answer["result"]


async def public_refusal(venue: Venue, method: str, query: str = "") -> str:
    answer = json.loads((await venue.kraken.handle(WireRequest("GET", f"/0/public/{method}", query))).body)
    return str(answer["error"][0])


def test_the_live_sample_of_a_trade_balance_comes_out() -> None:
    equity = Decimal("212.07") - Decimal("11.38")
    used = Decimal("1511.93") / 10
    margin = SimMargin(
        eb=Decimal("212.07"),
        tb=Decimal("212.07"),
        m=used,
        n=Decimal("-11.38"),
        c=Decimal("1511.93"),
        v=Decimal("1511.93") - Decimal("11.38"),
        e=equity,
        mf=equity - used,
        mfo=Decimal("-0.857"),
        ml=equity / used * 100,
    )

    row = trade_balance_row(margin)

    assert {name: f"{Decimal(text):.2f}" for name, text in row.items() if name != "mfo"} == {
        "eb": "212.07",
        "tb": "212.07",
        "m": "151.19",
        "n": "-11.38",
        "c": "1511.93",
        "v": "1500.55",
        "e": "200.69",
        "mf": "49.50",
        "ml": "132.73",
    }
    assert row["mfo"] == "-0.8570"


async def test_the_margin_of_an_account_follows_from_its_own_figures() -> None:
    venue = Venue(["50000 50000 49000 49000"])
    client = venue.client()
    await client.buy("0.1")
    venue.move()

    row = {name: Decimal(text) for name, text in (await client.call("TradeBalance")).items()}

    assert row["e"] == row["tb"] + row["n"]
    assert row["v"] == row["c"] + row["n"]
    assert row["m"] == row["c"] / 10
    assert row["mf"] == row["e"] - row["m"]
    assert row["ml"] == (row["e"] / row["m"] * 100).quantize(Decimal("0.01"), ROUND_DOWN)


async def test_a_flat_account_has_no_margin_level() -> None:
    client = Venue(minutes=1).client()

    assert "ml" not in await client.call("TradeBalance")


async def test_collateral_counts_less_than_its_worth() -> None:
    client = Venue(minutes=1).client(deposits={"USD": "0.0001", "BTC": "1"})

    row = await client.call("TradeBalance")

    assert (row["eb"], row["tb"]) == ("50000.0001", "49500.0001")
    in_bitcoin = await client.call("TradeBalance", asset="XBT")
    assert in_bitcoin["eb"] == "1.0000"
    assert await client.refused("TradeBalance", asset="NONE") == "EQuery:Unknown asset"


async def test_a_spot_order_holds_its_funds() -> None:
    client = Venue(minutes=1).client()

    await client.rest("40000", "0.1", leverage="")

    row = (await client.call("BalanceEx"))["ZUSD"]
    assert row["balance"] == "10000.0000"
    assert Decimal(row["hold_trade"]) >= Decimal(4000)


async def test_positions_consolidate_by_market() -> None:
    client = Venue(minutes=1).client()
    await client.buy("0.1", leverage=10)
    await client.buy("0.1", leverage=5)

    (row,) = await client.call("OpenPositions", consolidation="market", docalcs="true")

    assert (row["pair"], row["positions"], row["type"], row["vol"]) == ("XXBTZUSD", "2", "buy", "0.20000000")
    assert row["net"].startswith("-")
    assert row["leverage"].startswith("6.6")


async def test_an_opening_charges_its_fees_and_a_rollover_every_four_hours() -> None:
    venue = Venue()
    client = venue.client()
    await client.buy("0.1")
    (position,) = await client.call("OpenPositions")

    venue.move(240)

    rows = list((await client.call("Ledgers"))["ledger"].values())
    assert [row["type"] for row in rows] == ["rollover", "margin", "deposit"]
    assert (rows[0]["amount"], rows[0]["fee"], rows[0]["refid"]) == ("0.0000", "0.5000", position)
    lot = (await client.call("OpenPositions"))[position]
    assert lot["terms"] == "0.0100% per 4 hours"
    assert lot["rollovertm"] == str(int(START.timestamp()) + 8 * 3600)
    assert (await client.call("Balance"))["ZUSD"] == rows[0]["balance"]


async def test_every_ledger_row_continues_the_balance_of_the_one_before() -> None:
    venue = Venue(["50000 50500 49500 50400"])
    client = venue.client()
    await client.buy("0.1")
    venue.move()
    await client.call("AddOrder", ordertype="market", type="sell", pair="XBTUSD", volume="0.04", leverage="3")

    rows = list((await client.call("Ledgers"))["ledger"].values())

    for later, earlier in pairwise(rows):
        change = Decimal(later["amount"]) - Decimal(later["fee"])
        assert Decimal(later["balance"]) == Decimal(earlier["balance"]) + change


async def test_history_comes_fifty_at_a_time_newest_first() -> None:
    venue = Venue()
    client = venue.client()
    for _ in range(60):
        await client.call("CancelOrder", txid=await client.rest(volume="0.001"))
        venue.move()

    first = await client.call("ClosedOrders")
    second = await client.call("ClosedOrders", ofs="50")

    assert (len(first["closed"]), len(second["closed"]), first["count"]) == (50, 10, 60)
    times = [order["opentm"] for order in (first["closed"] | second["closed"]).values()]
    assert times == sorted(times, reverse=True)
    assert "count" not in await client.call("ClosedOrders", without_count="true")
    assert await client.refused("ClosedOrders", ofs="-1") == "EGeneral:Invalid arguments:ofs"


async def test_windows_begin_after_their_start_and_take_ids() -> None:
    venue = Venue()
    client = venue.client()
    for _ in range(3):
        await client.buy("0.01")
        venue.move()
    third, second, first = (await client.call("TradesHistory"))["trades"]

    after = await client.call("TradesHistory", start=str(int(START.timestamp())))
    before = await client.call("TradesHistory", end=second)

    assert list(after["trades"]) == [third, second]
    assert list(before["trades"]) == [second, first]
    assert list((await client.call("TradesHistory", start=second))["trades"]) == [third]


async def test_trades_are_told_by_their_part_in_positions() -> None:
    client = Venue(minutes=1).client()
    await client.buy("0.02")
    await client.buy("0.01", leverage=None)
    await client.call("AddOrder", ordertype="market", type="sell", pair="XBTUSD", volume="0", leverage="10")

    async def count(kind: str) -> int:
        return int((await client.call("TradesHistory", type=kind))["count"])

    counts = [
        await count(kind) for kind in ("all", "any position", "closing position", "closed position", "no position")
    ]
    assert counts == [3, 2, 1, 1, 1]
    (opening,) = (await client.call("TradesHistory", type="closed position")).get("trades").values()
    assert (opening["posstatus"], opening["cvol"]) == ("closed", "0.02000000")
    (closing,) = (await client.call("TradesHistory", type="closing position", ledgers="true"))["trades"].values()
    assert closing["misc"] == "closing"
    assert list(await client.call("QueryLedgers", id=closing["ledgers"][0])) == closing["ledgers"]
    assert await client.refused("TradesHistory", type="some") == "EGeneral:Invalid arguments:type"


async def test_looking_up_what_is_not_there_is_refused() -> None:
    client = Venue(minutes=1).client()

    assert await client.refused("QueryOrders", txid="OAAAAA-AAAAA-AAAAAA") == "EOrder:Invalid order"
    assert await client.refused("QueryOrders") == "EGeneral:Invalid arguments:txid"
    assert (await client.refused("QueryTrades", txid="TAAAAA-AAAAA-AAAAAA")).startswith("EQuery:")
    assert (await client.refused("QueryLedgers", id="LAAAAA-AAAAA-AAAAAA")).startswith("EQuery:")
    assert await client.refused("Ledgers", asset="NONE") == "EQuery:Unknown asset"
    assert await client.refused("OrderAmends", order_id="OAAAAA-AAAAA-AAAAAA") == "EOrder:Unknown order"


async def test_accounts_are_strangers() -> None:
    venue = Venue(minutes=1)
    ann, bob = venue.client("ann"), venue.client("bob")
    order_id = await ann.rest(cl_ord_id="hers")
    await ann.buy()

    assert (await bob.call("OpenOrders"))["open"] == {}
    assert await bob.call("OpenPositions") == {}
    assert await bob.refused("QueryOrders", txid=order_id) == "EOrder:Invalid order"
    assert await bob.refused("CancelOrder", txid=order_id) == "EOrder:Unknown order"
    assert await bob.refused("AmendOrder", cl_ord_id="hers", order_qty="1") == "EOrder:Unknown order"
    assert (await bob.call("CancelAll"))["count"] == 0
    assert len((await ann.call("OpenOrders"))["open"]) == 1


async def test_pairs_are_found_by_id_and_altname_and_listed_by_venue() -> None:
    venue = Venue(minutes=1)

    assert list(await public(venue, "AssetPairs", "pair=XBTUSD,XXBTZUSD,XDGUSD")) == ["XXBTZUSD", "XDGUSD"]
    assert await public_refusal(venue, "AssetPairs", "pair=XBT/USD") == "EQuery:Unknown asset pair"
    us = await public(venue, "AssetPairs", "execution_venue=bitnomial_exchange")
    assert "XBTUSD:BTNL" in us
    assert not any(name.startswith("BNB") for name in us)
    leverage = await public(venue, "AssetPairs", "info=leverage&pair=BNBUSD")
    assert leverage == {"BNBUSD": {"leverage_buy": [2, 3, 4, 5], "leverage_sell": [2, 3, 4, 5]}}
    assert await public_refusal(venue, "AssetPairs", "info=all") == "EGeneral:Invalid arguments:info"


async def test_assets_are_listed_and_chosen() -> None:
    venue = Venue(minutes=1)

    assert (await public(venue, "Assets", "asset=XBT"))["XXBT"]["decimals"] == 10
    assert await public_refusal(venue, "Assets", "asset=NONE") == "EQuery:Unknown asset"


async def test_candles_end_with_the_forming_one() -> None:
    venue = Venue(["50000 50500 49500 50400"])
    begun = await public(venue, "OHLC", "pair=XBTUSD")
    assert [row[0] for row in begun["XBTUSD"]] == [int(START.timestamp())]

    venue.move(2)

    answer = await public(venue, "OHLC", "pair=XBTUSD&interval=1")
    rows = answer["XBTUSD"]
    assert rows[0][1:5] == ["50000.0", "50500.0", "49500.0", "50400.0"]
    assert [row[0] - int(START.timestamp()) for row in rows] == [0, 60, 120]
    assert rows[-1][6:] == ["0.00000000", 0]
    assert answer["last"] == rows[-2][0]
    later = await public(venue, "OHLC", f"pair=XBTUSD&since={rows[0][0]}")
    assert [row[0] for row in later["XBTUSD"]] == [row[0] for row in rows[1:]]
    assert await public_refusal(venue, "OHLC", "pair=XBTUSD&interval=2") == "EGeneral:Invalid arguments:interval"


async def test_depth_and_trades_give_as_many_as_asked() -> None:
    venue = Venue()
    venue.move(5)

    depth = (await public(venue, "Depth", "pair=XXBTZUSD&count=3"))["XXBTZUSD"]
    trades = await public(venue, "Trades", "pair=XXBTZUSD&count=2")
    newer = await public(venue, "Trades", f"pair=XXBTZUSD&since={int(START.timestamp()) + 180}")

    assert (len(depth["asks"]), len(depth["bids"])) == (3, 3)
    assert [row[6] for row in trades["XXBTZUSD"]] == [4, 5]
    assert len(newer["XXBTZUSD"]) == 2
    assert newer["last"] == str((int(START.timestamp()) + 300) * 10**9)
    assert await public_refusal(venue, "Depth", "pair=XXBTZUSD&count=501") == "EGeneral:Invalid arguments:count"


async def test_a_ticker_without_pairs_tells_all_of_them() -> None:
    venue = Venue()
    venue.move(5)

    tickers = await public(venue, "Ticker")

    assert set(tickers) == {"XXBTZUSD", "XETHZUSD", "XDGUSD", "BNBUSD"}
    assert tickers["XXBTZUSD"]["v"][1] == "50.00000000"
    assert (await public(venue, "Time"))["unixtime"] == int(START.timestamp()) + 300


async def test_a_tickers_day_is_the_last_twenty_four_hours() -> None:
    venue = Venue(minutes=27 * 60)
    volumes = []

    for _ in range(27):
        venue.move(60)
        volumes.append((await public(venue, "Ticker", "pair=XBTUSD"))["XXBTZUSD"]["v"])

    assert [float(day) for _, day in volumes[21:]] == [13200, 13800, 14400, 14400, 14400, 14400]
    assert [float(today) for today, _ in volumes[22:26]] == [13800, 0, 600, 1200]


@pytest.mark.parametrize("path", ["/0/public/None", "/0/private/Balance", "/1/public/Time", "/"])
async def test_a_get_of_what_is_not_public_is_an_unknown_method(path: str) -> None:
    answer = await Venue(minutes=1).kraken.handle(WireRequest("GET", path))

    assert (answer.status, json.loads(answer.body)) == (200, {"error": ["EGeneral:Unknown method"]})
