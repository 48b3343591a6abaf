"""Algo orders: what waits, what it becomes, and what is left of it."""

from typing import Any

import pytest

from tests.emulators.okx.actors import Client, Venue

FALL = ["50000 50000 50000 50000"] * 2 + ["50000 50000 48500 48500"]
RISE = ["50000 50000 50000 50000"] * 2 + ["50000 52500 50000 52500"]


async def algo(client: Client, **fields: Any) -> str:
    """Place an algo order that must be taken; its algoId."""
    order = {
        "instId": "BTC-USDT",
        "tdMode": "cross",
        "ccy": "USDT",
        "side": "sell",
        "ordType": "conditional",
        "sz": "0.0199",
        "reduceOnly": True,
    }
    (row,) = await client.post("trade/order-algo", {k: v for k, v in (order | fields).items() if v is not None})
    return str(row["algoId"])


async def test_a_stop_becomes_an_order_of_another_id() -> None:
    venue = Venue(FALL)
    client = venue.client()
    stream = await client.stream({"channel": "orders-algo", "instType": "ANY"}, path="/ws/v5/business")
    await client.place(sz="1000")
    own = await algo(client, slTriggerPx="49000", slOrdPx="-1", algoClOrdId="s1")

    assert await client.get("trade/orders-pending") == []
    (waiting,) = await client.get("trade/orders-algo-pending", ordType="conditional")
    assert (waiting["algoId"], waiting["state"], waiting["slTriggerPx"], waiting["slOrdPx"]) == (
        own,
        "live",
        "49000",
        "-1",
    )
    venue.move(3)

    assert await client.get("trade/orders-algo-pending", ordType="conditional") == []
    (done,) = await client.get("trade/order-algo", algoClOrdId="s1")
    assert (done["state"], done["actualSide"]) == ("effective", "sl")
    (order,) = await client.get("trade/order", instId="BTC-USDT", ordId=done["ordId"])
    assert (order["state"], order["source"], order["algoId"], order["reduceOnly"]) == ("filled", "7", own, "true")
    assert order["ordId"] != own
    assert [row["state"] for row in await stream.rows("orders-algo")] == ["live", "effective"]
    (fill, _) = await client.get("trade/fills")
    assert (fill["fillPx"], fill["ordId"]) == ("48995.1", order["ordId"])


async def test_of_two_exits_the_second_is_cancelled_with_the_first() -> None:
    venue = Venue(RISE)
    client = venue.client()
    await client.place(sz="1000")
    await algo(client, ordType="oco", slTriggerPx="49000", slOrdPx="-1", tpTriggerPx="52000", tpOrdPx="52000")

    venue.move(3)

    (done,) = await client.get("trade/orders-algo-history", ordType="oco", state="effective")
    assert done["actualSide"] == "tp"
    assert venue.exchange.orders("ann") == []
    assert len(await client.get("trade/fills")) == 2


async def test_a_buy_stop_covers_a_short_to_the_last_lot() -> None:
    venue = Venue(RISE)
    client = venue.client()
    await client.place(side="sell", sz="0.02")
    # The fee is taken from what is bought: a little more covers it.
    await algo(client, side="buy", sz="1041.1", slTriggerPx="52000", slOrdPx="-1")

    venue.move(3)

    assert await client.get("account/positions") == []


async def test_a_trigger_order_waits_on_either_side_of_the_market() -> None:
    venue = Venue(FALL)
    client = venue.client()
    low = await algo(
        client, side="buy", ordType="trigger", sz="0.01", triggerPx="49000", orderPx="49000", reduceOnly=None
    )
    high = await algo(
        client, side="buy", ordType="trigger", sz="0.01", triggerPx="51000", orderPx="51000", reduceOnly=None
    )

    venue.move(3)

    (done,) = await client.get("trade/orders-algo-history", ordType="trigger", state="effective")
    assert done["algoId"] == low
    assert [row["algoId"] for row in await client.get("trade/orders-algo-pending", ordType="trigger")] == [high]


async def test_a_trailing_stop_follows_and_starts_at_its_activation_price() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 51000 50000 51000", "51000 51000 50000 50000"])
    client = venue.client()
    await client.place(sz="1000")
    own = await algo(client, ordType="move_order_stop", callbackSpread="500", activePx="50900")

    venue.move()
    (waiting,) = await client.get("trade/order-algo", algoId=own)
    venue.move()
    (moving,) = await client.get("trade/order-algo", algoId=own)
    venue.move()
    (done,) = await client.get("trade/order-algo", algoId=own)

    assert (waiting["state"], waiting["moveTriggerPx"]) == ("live", "")
    assert (moving["state"], moving["moveTriggerPx"]) == ("live", "50500")
    assert done["state"] == "effective"


async def test_amending_and_cancelling_what_waits() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(sz="1000")
    own = await algo(client, slTriggerPx="49000", slOrdPx="-1")
    reference = {"instId": "BTC-USDT", "algoId": own}

    await client.post("trade/amend-algos", reference | {"newSlTriggerPx": "48000", "newSz": "0.01", "reqId": "r"})
    (row,) = await client.get("trade/order-algo", algoId=own)
    assert (row["slTriggerPx"], row["sz"]) == ("48000", "0.01")
    await client.post("trade/cancel-algos", [reference])

    assert await client.refused("POST", "trade/cancel-algos", [reference]) == (200, "51400")
    assert await client.refused("POST", "trade/amend-algos", reference | {"newSz": "0.02"}) == (200, "51503")
    (over,) = await client.get("trade/orders-algo-history", ordType="conditional", state="canceled")
    assert over["algoId"] == own
    assert venue.exchange.orders("ann") == []


async def test_an_exit_that_is_attached_begins_when_its_entry_is_filled() -> None:
    venue = Venue(FALL)
    client = venue.client()
    await client.place(sz="1000", attachAlgoOrds=[{"attachAlgoClOrdId": "x1", "slTriggerPx": "49000", "slOrdPx": "-1"}])

    (waiting,) = await client.get("trade/orders-algo-pending", ordType="conditional")
    venue.move(3)

    assert (waiting["algoClOrdId"], waiting["sz"], waiting["reduceOnly"]) == ("x1", "0.019978", "true")
    assert await client.get("account/positions") == []


async def test_a_position_that_is_gone_takes_its_stop_with_it_when_it_triggers() -> None:
    venue = Venue(FALL)
    client = venue.client()
    await client.place(sz="1000")
    own = await algo(client, slTriggerPx="49000", slOrdPx="-1")
    await client.post("trade/close-position", instId="BTC-USDT", mgnMode="cross", ccy="USDT")

    venue.move(3)

    (row,) = await client.get("trade/order-algo", algoId=own)
    assert row["state"] in ("canceled", "order_failed", "effective")
    assert await client.get("account/positions") == []
    assert len(await client.get("trade/fills")) == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (400, "50015")),
        ({"ordType": "iceberg", "slTriggerPx": "49000"}, (200, "51000")),
        ({"slTriggerPx": "51000", "slOrdPx": "-1"}, (200, "51280")),
        ({"tpTriggerPx": "49000", "tpOrdPx": "-1"}, (200, "51277")),
        ({"ordType": "oco", "slTriggerPx": "49000", "slOrdPx": "-1"}, (200, "51000")),
        ({"slTriggerPx": "49000.05", "slOrdPx": "-1"}, (200, "51000")),
        ({"slTriggerPx": "49000", "slOrdPx": "-1", "sz": "0.000000001"}, (200, "51020")),
        ({"slTriggerPx": "49000", "slOrdPx": "-1", "ccy": None}, (400, "50014")),
        ({"ordType": "move_order_stop"}, (400, "50015")),
        ({"ordType": "trigger", "triggerPx": "49000"}, (400, "50014")),
    ],
)
async def test_an_algo_order_that_means_nothing_is_refused(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    client = Venue().client()
    await client.place(sz="1000")
    order = {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT", "side": "sell", "ordType": "conditional"}
    order |= {"sz": "0.01", "reduceOnly": "true"}
    order = {name: value for name, value in (order | fields).items() if value is not None}

    assert await client.refused("POST", "trade/order-algo", order) == expected
