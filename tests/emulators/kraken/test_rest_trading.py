"""Placing, amending, replacing and cancelling over REST, and every refusal that a client can provoke."""

from datetime import timedelta
from typing import Any

import pytest

from jarvis.emulators.kraken import Tier
from tests.emulators.kraken.actors import BTC, MINUTE, START, Venue

MARKET: dict[str, Any] = {"ordertype": "market", "type": "buy", "pair": "XBTUSD", "volume": "0.1", "leverage": "10"}
LIMIT: dict[str, Any] = {**MARKET, "ordertype": "limit", "price": "40000"}


@pytest.mark.parametrize(
    ("changes", "string"),
    [
        ({"pair": "XBTEUR"}, "EQuery:Unknown asset pair"),
        ({"pair": "XBT/USD"}, "EQuery:Unknown asset pair"),
        ({"pair": "XBTUSD:BTNL"}, "EQuery:Unknown asset pair"),
        ({"pair": ""}, "EGeneral:Invalid arguments:pair"),
        ({"leverage": "11"}, "EGeneral:Invalid arguments:leverage"),
        ({"leverage": "1"}, "EGeneral:Invalid arguments:leverage"),
        ({"pair": "BNBUSD", "leverage": "10"}, "EGeneral:Invalid arguments:leverage"),
        ({"type": "sell", "reduce_only": "true"}, "EOrder:Reduce only:No position exists"),
        ({"volume": "0"}, "EOrder:Reduce only:No position exists"),
        ({"volume": "100"}, "EOrder:Insufficient funds"),
        ({"volume": "400"}, "EOrder:Margin position size exceeded"),
        ({"leverage": "", "volume": "10"}, "EOrder:Insufficient funds"),
        ({"leverage": "", "type": "sell"}, "EOrder:Insufficient funds"),
        ({"ordertype": "limit", "price": "50100", "oflags": "post"}, "EOrder:Post only order"),
        ({"starttm": "+60"}, "EOrder:Scheduled orders limit exceeded"),
        ({"ordertype": "settle-position"}, "EOrder:Unknown position"),
        ({"deadline": "2025-12-31T23:59:59Z"}, "EService:Deadline elapsed"),
        ({"deadline": "2026-01-01T00:10:00Z"}, "EGeneral:Invalid arguments:deadline"),
        ({"deadline": "soon"}, "EGeneral:Invalid arguments:deadline"),
    ],
)
async def test_an_order_is_refused_in_krakens_words(changes: dict[str, str], string: str) -> None:
    client = Venue(minutes=1).client()

    assert await client.refused("AddOrder", **(MARKET | changes)) == string
    assert await client.refused("AddOrder", **(MARKET | changes), validate="true") == string


async def test_validation_says_the_sentence_and_places_nothing() -> None:
    client = Venue(minutes=1).client()

    answer = await client.call("AddOrder", **LIMIT, validate="True")

    assert answer == {"descr": {"order": "buy 0.10000000 XBTUSD @ limit 40000.0 with 10:1 leverage"}}
    assert (await client.call("OpenOrders"))["open"] == {}


async def test_a_leveraged_order_without_leverage_is_a_spot_order() -> None:
    client = Venue(minutes=1).client()

    await client.call("AddOrder", **(MARKET | {"leverage": "none"}))

    assert await client.call("OpenPositions") == {}
    assert (await client.call("Balance"))["XXBT"] == "0.1000000000"


async def test_a_plain_sale_leaves_the_margin_position_open() -> None:
    client = Venue(minutes=1).client(deposits={"USD": "10000", "BTC": "1"})
    await client.buy()

    await client.call("AddOrder", **(MARKET | {"leverage": "", "type": "sell"}))

    assert len(await client.call("OpenPositions")) == 1


async def test_volume_zero_with_leverage_closes_the_whole_position() -> None:
    client = Venue(minutes=1).client()
    await client.buy("0.1")
    await client.buy("0.05")
    assert len(await client.call("OpenPositions")) == 2

    await client.call("AddOrder", **(MARKET | {"type": "sell", "volume": "0", "leverage": "2"}))

    assert await client.call("OpenPositions") == {}


async def test_more_than_the_position_opens_the_other_side() -> None:
    client = Venue(minutes=1).client()
    await client.buy("0.1")

    await client.call("AddOrder", **(MARKET | {"type": "sell", "volume": "0.3"}))

    (lot,) = (await client.call("OpenPositions")).values()
    assert (lot["type"], lot["vol"]) == ("sell", "0.20000000")


async def test_lots_close_first_in_first_out_and_show_what_is_left() -> None:
    client = Venue(minutes=1).client()
    await client.buy("0.1")
    await client.buy("0.2")

    await client.call("AddOrder", **(MARKET | {"type": "sell", "volume": "0.15", "reduce_only": "true"}))

    (lot,) = (await client.call("OpenPositions")).values()
    assert (lot["vol"], lot["vol_closed"], lot["posstatus"]) == ("0.20000000", "0.05000000", "open")


async def test_settling_a_short_pays_the_borrowed_asset_back_without_a_trade_fee() -> None:
    client = Venue(minutes=1).client(deposits={"USD": "10000", "BTC": "1"})
    await client.call("AddOrder", **(MARKET | {"type": "sell"}))

    await client.call("AddOrder", **(MARKET | {"type": "buy", "ordertype": "settle-position"}))

    assert await client.call("OpenPositions") == {}
    rows = (await client.call("Ledgers"))["ledger"].values()
    assert {row["asset"] for row in rows if row["type"] == "settled"} >= {"XXBT"}


async def test_a_conditional_close_rests_as_a_child_after_the_fill() -> None:
    client = Venue(minutes=1).client()

    close: dict[str, Any] = {"close[ordertype]": "stop-loss", "close[price]": "#2%"}
    answer = await client.call("AddOrder", **MARKET, **close)

    assert answer["descr"]["close"] == "close position @ stop loss #2%"
    (child,) = (await client.call("OpenOrders"))["open"].values()
    assert child["refid"] == answer["txid"][0]
    assert child["descr"]["order"] == "sell 0.10000000 XBTUSD @ stop loss 49004.9 with 10:1 leverage"


async def test_a_client_order_id_is_unique_among_open_orders_only() -> None:
    client = Venue(minutes=1).client()
    first = await client.rest(cl_ord_id="mine")

    assert await client.refused("AddOrder", **LIMIT, cl_ord_id="mine") == "EGeneral:Invalid arguments:cl_ord_id"
    await client.call("CancelOrder", txid=first)
    second = await client.rest(cl_ord_id="mine")

    found = await client.call("OpenOrders", cl_ord_id="mine")
    assert list(found["open"]) == [second]


async def test_an_amended_order_keeps_its_id_and_lists_its_changes() -> None:
    venue = Venue()
    client = venue.client()
    order_id = await client.rest(cl_ord_id="mine")
    venue.move()

    await client.call("AmendOrder", cl_ord_id="mine", limit_price="41000", order_qty="0.2")

    (order,) = (await client.call("OpenOrders"))["open"].items()
    assert order[0] == order_id
    assert (order[1]["descr"]["price"], order[1]["vol"], order[1]["cl_ord_id"]) == ("41000.0", "0.20000000", "mine")
    amends = await client.call("OrderAmends", order_id=order_id)
    assert [(row["amend_type"], row["limit_price"]) for row in amends["amends"]] == [
        ("original", "40000.0"),
        ("user", "41000.0"),
    ]


@pytest.mark.parametrize(
    ("changes", "string"),
    [
        ({}, "EGeneral:Invalid arguments"),
        ({"limit_price": "40000.01"}, "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."),
        ({"trigger_price": "39000"}, "EGeneral:Invalid arguments:trigger_price"),
        ({"order_qty": "0"}, "EOrder:Invalid order"),
        ({"limit_price": "50100", "post_only": "true"}, "EOrder:Post only order"),
        ({"txid": "OAAAAA-AAAAA-AAAAAA", "limit_price": "41000"}, "EOrder:Unknown order"),
        ({"cl_ord_id": "mine", "limit_price": "41000"}, "EGeneral:Invalid arguments:txid"),
        ({"limit_price": "41000", "deadline": "2025-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
    ],
)
async def test_an_amendment_is_refused_in_krakens_words(changes: dict[str, Any], string: str) -> None:
    client = Venue(minutes=1).client()
    order_id = await client.rest()

    assert await client.refused("AmendOrder", **({"txid": order_id} | changes)) == string


async def test_a_stops_trigger_can_be_amended() -> None:
    client = Venue(minutes=1).client()
    await client.buy()
    stop = await client.rest("49000", ordertype="stop-loss", type="sell", reduce_only="true")

    await client.call("AmendOrder", txid=stop, trigger_price="49500")

    assert (await client.call("QueryOrders", txid=stop))[stop]["descr"]["price"] == "49500.0"


async def test_an_edited_order_gets_a_new_id_and_loses_its_reference() -> None:
    client = Venue(minutes=1).client()
    old = await client.rest(userref="77")

    edited = await client.call("EditOrder", txid=old, pair="XBTUSD", price="39000")

    assert edited["originaltxid"] == old
    assert edited["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 39000.0 with 10:1 leverage"
    (order,) = (await client.call("OpenOrders"))["open"].values()
    assert (order["userref"], order["link_id"]) == (None, old)
    assert (await client.call("QueryOrders", txid=old))[old]["status"] == "canceled"


async def test_an_order_with_a_conditional_close_cannot_be_edited() -> None:
    client = Venue(minutes=1).client()
    close: dict[str, Any] = {"close[ordertype]": "stop-loss", "close[price]": "39000"}
    order_id = await client.rest(**close)

    assert await client.refused("EditOrder", txid=order_id, pair="XBTUSD", price="39500") == "EOrder:Invalid order"


async def test_orders_are_cancelled_by_id_by_reference_and_by_client_id() -> None:
    client = Venue(minutes=1).client()
    by_id = await client.rest()
    await client.rest(userref="5")
    await client.rest(userref="5")
    await client.rest(cl_ord_id="mine")

    assert (await client.call("CancelOrder", txid=by_id))["count"] == 1
    assert (await client.call("CancelOrder", txid="5"))["count"] == 2
    assert (await client.call("CancelOrder", cl_ord_id="mine"))["count"] == 1
    assert await client.refused("CancelOrder", txid=by_id) == "EOrder:Unknown order"
    assert await client.refused("CancelOrder") == "EGeneral:Invalid arguments:txid"


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_batch_is_cancelled_from_json_lists_and_numbered_form_keys(as_json: bool) -> None:
    client = Venue(minutes=1).client()
    ids = [await client.rest(), await client.rest()]
    fields = {"orders": ids} if as_json else {"orders[0]": ids[0], "orders[1]": ids[1]}

    assert (await client.call("CancelOrderBatch", as_json=as_json, **fields))["count"] == 2


@pytest.mark.parametrize("orders", ['["OAAAAA-AAAAA-AAAAAA"]', ""])
async def test_text_is_no_batch(orders: str) -> None:
    client = Venue(minutes=1).client()

    assert await client.refused("CancelOrderBatch", orders=orders) == "EGeneral:Invalid arguments:orders"


async def test_a_batch_of_fifty_one_is_too_many() -> None:
    client = Venue(minutes=1).client()

    string = await client.refused("CancelOrderBatch", as_json=True, orders=["OAAAAA-AAAAA-AAAAAA"] * 51)

    assert string == "EGeneral:Invalid arguments:orders"


async def test_a_batch_is_read_whole_before_its_first_order_is_placed() -> None:
    client = Venue(minutes=1).client()
    good = {"ordertype": "limit", "type": "buy", "price": "40000", "volume": 0.1, "leverage": 10}

    refused = await client.refused(
        "AddOrderBatch", as_json=True, pair="XBTUSD", orders=[good, good | {"price": "0.01"}]
    )
    assert refused.startswith("EOrder:Invalid price")
    assert (await client.call("OpenOrders"))["open"] == {}

    placed = await client.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=[good, good | {"volume": 100}])
    assert placed["orders"][0]["txid"] in (await client.call("OpenOrders"))["open"]
    assert placed["orders"][1] == {"error": "EOrder:Insufficient funds"}


@pytest.mark.parametrize("count", [0, 1, 16])
async def test_a_batch_has_two_to_fifteen_orders(count: int) -> None:
    client = Venue(minutes=1).client()

    refused = await client.refused("AddOrderBatch", as_json=True, pair="XBTUSD", orders=[LIMIT] * count)

    assert refused == "EGeneral:Invalid arguments:orders"


async def test_cancel_all_removes_stops_too() -> None:
    client = Venue(minutes=1).client()
    await client.buy()
    await client.rest()
    await client.rest("49000", ordertype="stop-loss", type="sell", reduce_only="true")

    assert (await client.call("CancelAll"))["count"] == 2


async def test_the_dead_mans_switch_cancels_when_it_is_not_refreshed() -> None:
    venue = Venue()
    client = venue.client()
    await client.rest()
    armed = await client.call("CancelAllOrdersAfter", timeout="90")
    assert armed == {"currentTime": "2026-01-01T00:00:00Z", "triggerTime": "2026-01-01T00:01:30Z"}

    venue.move()
    assert len((await client.call("OpenOrders"))["open"]) == 1
    venue.move()

    assert (await client.call("OpenOrders"))["open"] == {}


async def test_the_dead_mans_switch_can_be_switched_off() -> None:
    venue = Venue()
    client = venue.client()
    await client.rest()
    await client.call("CancelAllOrdersAfter", timeout="60")

    assert (await client.call("CancelAllOrdersAfter", timeout="0"))["triggerTime"] == "0"
    venue.move(5)

    assert len((await client.call("OpenOrders"))["open"]) == 1
    assert await client.refused("CancelAllOrdersAfter", timeout="-1") == "EGeneral:Invalid arguments:timeout"


async def test_placing_and_cancelling_fast_exhausts_the_engines_counter() -> None:
    venue = Venue()
    client = venue.client(tier=Tier.STARTER)
    placed = 0

    string = ""
    for _ in range(20):
        try:
            await client.call("CancelOrder", txid=await client.rest())
            placed += 1
        except AssertionError as refusal:
            string = str(refusal)
            break

    # Nine for each round trip of at most sixty.
    assert placed == 7
    assert "EOrder:Rate limit exceeded" in string
    venue.move(1)
    await client.rest()


async def test_the_rest_counter_refuses_and_recovers() -> None:
    venue = Venue()
    client = venue.client(tier=Tier.STARTER)
    for _ in range(7):
        await client.call("Ledgers")

    assert await client.refused("Ledgers") == "EAPI:Rate limit exceeded"
    assert (await client.call("Balance"))["ZUSD"] == "10000.0000"
    venue.move()

    await client.call("Ledgers")


async def test_orders_cost_nothing_of_the_rest_counter() -> None:
    client = Venue(minutes=1).client(tier=Tier.STARTER)

    for _ in range(30):
        await client.rest(volume="0.001")


async def test_a_good_till_date_order_expires_at_its_time() -> None:
    venue = Venue()
    client = venue.client()
    order_id = await client.rest(timeinforce="GTD", expiretm="+120")

    venue.move(3)

    order = (await client.call("QueryOrders", txid=order_id))[order_id]
    assert (order["status"], order["expiretm"]) == ("expired", int((START + 2 * MINUTE).timestamp()))


async def test_an_unfilled_immediate_order_is_cancelled() -> None:
    client = Venue(minutes=1).client()

    order_id = await client.rest(timeinforce="IOC")

    assert (await client.call("QueryOrders", txid=order_id))[order_id]["status"] in ("canceled", "expired")


async def test_a_trailing_stop_follows_and_fires() -> None:
    venue = Venue(["50000 52000 50000 52000", "52000 52000 50900 50900"])
    client = venue.client()
    await client.buy()
    stop = await client.rest("+1000", ordertype="trailing-stop", type="sell", reduce_only="true")
    assert (await client.call("QueryOrders", txid=stop))[stop]["stopprice"] == "49000.00000"

    venue.move()
    assert (await client.call("QueryOrders", txid=stop))[stop]["stopprice"] == "51000.00000"
    venue.move()

    row = (await client.call("QueryOrders", txid=stop, trades="true"))[stop]
    assert (row["status"], row["misc"], len(row["trades"])) == ("closed", "stopped", 1)


async def test_below_a_margin_level_of_one_nothing_new_is_opened() -> None:
    venue = Venue(["50000 50000 48000 48000"])
    client = venue.client(deposits={"USD": "1150"})
    await client.buy("0.2")
    venue.move()

    assert float((await client.call("TradeBalance"))["ml"]) < 100
    assert await client.refused("AddOrder", **(MARKET | {"volume": "0.001"})) == "EOrder:Margin level too low"


async def test_an_account_far_below_is_liquidated() -> None:
    venue = Venue(["50000 50000 44600 44600"])
    client = venue.client(deposits={"USD": "1150"})
    await client.buy("0.2")

    venue.move()

    closed = (await client.call("ClosedOrders"))["closed"].values()
    assert any("liquidation" in order["misc"] for order in closed)
    assert await client.call("OpenPositions") == {}


async def test_the_engine_remembers_ages_by_market_time() -> None:
    venue = Venue()
    client = venue.client(tier=Tier.STARTER)
    order_id = await client.rest()
    venue.move(6)

    await client.call("CancelOrder", txid=order_id)

    assert venue.exchange.now - START == timedelta(minutes=6)
    assert venue.exchange.orders("ann") == []
    assert venue.exchange.instruments[BTC].leverage_long[-1] == 10
