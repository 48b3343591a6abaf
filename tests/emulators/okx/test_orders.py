"""Orders: what each account mode takes, and every reason for which one is refused."""

import json
from datetime import timedelta

import pytest

from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.text import ms
from tests.emulators.okx.actors import BTC, Venue

LIMIT = {"ordType": "limit", "px": "49000", "sz": "0.01"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"instId": None}, "50014"),
        ({"instId": "BTC-USD"}, "51001"),
        ({"tdMode": None}, "50014"),
        ({"tdMode": "margin"}, "51000"),
        ({"tdMode": "isolated"}, "51010"),
        ({"ccy": None}, "50014"),
        ({"ccy": "ETH"}, "51000"),
        ({"side": "long"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"sz": None}, "50014"),
        ({"sz": "-1"}, "51000"),
        ({"sz": "NaN"}, "51000"),
        ({**LIMIT, "px": None}, "50014"),
        ({**LIMIT, "px": "49000.05"}, "51000"),
        ({**LIMIT, "px": "53000"}, "51006"),
        ({**LIMIT, "side": "sell", "px": "47000"}, "51006"),
        ({**LIMIT, "sz": "0.000001"}, "51020"),
        ({**LIMIT, "sz": "0.010000001"}, "51121"),
        ({"sz": "0.1"}, "51020"),
        ({"clOrdId": "with-hyphen"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"tag": "x" * 17}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"reduceOnly": True, "side": "sell", "sz": "0.01"}, "51169"),
        ({"lever": "5"}, "51000"),
        ({**LIMIT, "sz": "100"}, "51008"),
        ({"tdMode": "cash", "sz": "10001"}, "51008"),
        ({"tdMode": "cash", "side": "sell", "sz": "0.01"}, "51127"),
    ],
)
async def test_futures_mode_refuses(fields: dict[str, object], code: str) -> None:
    venue = Venue()
    client = venue.client()

    assert await client.refused_order(**fields) == code
    assert not venue.exchange.orders("ann")
    assert not venue.exchange.fills("ann")


@pytest.mark.parametrize(
    ("profile", "fields", "code"),
    [
        ("spot", {"tdMode": "cross"}, "51010"),
        ("spot", {"tdMode": "cash", "reduceOnly": "true"}, "51139"),
        ("spot", {"tdMode": "cash", "sz": "20000"}, "51008_1000"),
        ("multi-currency", {"tdMode": "cash"}, "51000"),
        ("multi-currency", {"tdMode": "isolated"}, "50072"),
        ("multi-currency", {"tdMode": "cross", "reduceOnly": True}, "51133"),
        ("portfolio", {"tdMode": "cross", "reduceOnly": True}, "51133"),
        ("multi-currency", {"tdMode": "cross", "sz": "900000"}, "51008_1001"),
    ],
)
async def test_other_modes_refuse(profile: str, fields: dict[str, object], code: str) -> None:
    client = Venue().client(profile=profile)

    status, answer = await client.answer("POST", "trade/order", client.order(ccy=None, **fields))

    found = (answer["data"][0]["subCode"] or answer["data"][0]["sCode"]) if answer["code"] == "1" else answer["code"]
    assert (status, found) == (200, code)


async def test_multi_currency_mode_needs_auto_loan_to_borrow() -> None:
    client = Venue().client(profile="multi-currency")
    order = client.order(ccy=None, side="sell", sz="0.01")

    await client.post("account/set-auto-loan", autoLoan=False)
    _, refused = await client.answer("POST", "trade/order", order)
    await client.post("account/set-auto-loan", autoLoan=True)
    await client.post("trade/order", order)

    assert refused["data"][0]["subCode"] == "51008_1003"
    assert (await client.balance("BTC"))["liab"] == "0.01"


async def test_a_market_buy_on_margin_is_sized_in_quote() -> None:
    client = Venue().client()

    own = await client.place(sz="1000", tgtCcy="base_ccy")

    (row,) = await client.get("trade/order", instId="BTC-USDT", ordId=own)
    assert (row["sz"], row["tgtCcy"], row["accFillSz"], row["instType"]) == ("1000", "quote_ccy", "0.019998", "MARGIN")
    assert (row["feeCcy"], row["fee"]) == ("BTC", "-0.00002")


async def test_a_spot_market_buy_may_be_sized_in_base() -> None:
    client = Venue().client(profile="spot")

    own = await client.place(tdMode="cash", ccy=None, sz="0.02", tgtCcy="base_ccy")

    (row,) = await client.get("trade/order", instId="BTC-USDT", ordId=own)
    assert (row["accFillSz"], row["instType"], row["tgtCcy"]) == ("0.02", "SPOT", "base_ccy")


async def test_a_post_only_order_that_would_take_is_acknowledged_and_then_found_cancelled() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream({"channel": "orders", "instType": "ANY"})

    own = await client.rest(ordType="post_only", px="50100", clOrdId="po1")

    (pushed,) = await stream.rows("orders")
    assert (pushed["ordId"], pushed["state"], pushed["cancelSource"]) == (own, "canceled", "31")
    (row,) = await client.get("trade/order", instId="BTC-USDT", clOrdId="po1")
    assert (row["state"], row["cancelSource"], row["accFillSz"]) == ("canceled", "31", "0")
    assert not venue.exchange.fills("ann")


async def test_a_post_only_order_that_rests_is_a_maker() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 48900 49500"])
    client = venue.client()
    await client.rest(ordType="post_only")

    venue.move(2)

    (fill,) = await client.get("trade/fills")
    assert (fill["execType"], fill["fillPx"], fill["feeRate"]) == ("M", "49000", "-0.0008")


async def test_fill_or_kill_ends_with_its_own_cancel_source() -> None:
    client = Venue().client(deposits={"USDT": "1000000"})

    killed = await client.place(ordType="fok", px="50010", sz="3")
    filled = await client.place(ordType="fok", px="50100", sz="0.5")

    rows = {row["ordId"]: row for row in await client.get("trade/orders-history", instType="MARGIN")}
    assert (rows[killed]["state"], rows[killed]["cancelSource"]) == ("canceled", "13")
    assert rows[filled]["state"] == "filled"


async def test_the_rest_of_an_immediate_order_is_cancelled() -> None:
    client = Venue().client(deposits={"USDT": "1000000"})

    own = await client.place(ordType="ioc", px="50010", sz="3")

    (row,) = await client.get("trade/order", instId="BTC-USDT", ordId=own)
    assert (row["state"], row["cancelSource"]) == ("canceled", "14")
    assert 0 < float(row["accFillSz"]) < 3


async def test_a_client_id_is_unique_among_working_orders_only() -> None:
    client = Venue().client()
    own = await client.rest(clOrdId="same")

    assert await client.refused_order(**LIMIT, clOrdId="same") == "51016"
    await client.post("trade/cancel-order", instId="BTC-USDT", clOrdId="same")
    again = await client.rest(clOrdId="same")

    (row,) = await client.get("trade/order", instId="BTC-USDT", clOrdId="same")
    assert row["ordId"] == again != own


async def test_amending_keeps_the_order_and_cancelling_ends_it() -> None:
    client = Venue().client()
    own = await client.rest()

    (ack,) = await client.post(
        "trade/amend-order", instId="BTC-USDT", ordId=own, newPx="49100", newSz="0.02", reqId="r1"
    )
    (pending,) = await client.get("trade/orders-pending")
    await client.post("trade/cancel-order", instId="BTC-USDT", ordId=own)

    assert (ack["reqId"], pending["px"], pending["sz"], pending["ordId"]) == ("r1", "49100", "0.02", own)
    assert await client.get("trade/orders-pending") == []
    reference = {"instId": "BTC-USDT", "ordId": own}
    assert await client.refused("POST", "trade/cancel-order", reference) == (200, "51400")
    assert await client.refused("POST", "trade/amend-order", reference | {"newPx": "49000"}) == (200, "51503")
    assert await client.refused("POST", "trade/amend-order", reference) == (400, "50015")
    (row,) = await client.get("trade/order", **reference)
    assert (row["state"], row["cancelSource"]) == ("canceled", "1")


async def test_a_cancelled_order_without_fills_is_forgotten_after_two_hours() -> None:
    venue = Venue()
    client = venue.client()
    own = await client.rest()
    await client.post("trade/cancel-order", instId="BTC-USDT", ordId=own)

    assert len(await client.get("trade/orders-history", instType="MARGIN")) == 1
    venue.move(121)

    assert await client.get("trade/orders-history", instType="MARGIN") == []
    assert await client.refused("GET", "trade/order", {"instId": "BTC-USDT", "ordId": own}) == (200, "51603")


async def test_a_batch_answers_each_order() -> None:
    client = Venue().client()
    good, bad = client.order(**LIMIT, clOrdId="g"), client.order(**LIMIT | {"sz": "100"}, clOrdId="b")

    _, mixed = await client.answer("POST", "trade/batch-orders", [good, bad])
    _, none = await client.answer("POST", "trade/batch-orders", [bad])
    many = await client.refused("POST", "trade/batch-orders", [good] * 21)

    assert (mixed["code"], [row["sCode"] for row in mixed["data"]]) == ("2", ["0", "51008"])
    assert (none["code"], none["msg"]) == ("1", "All operations failed")
    assert many == (400, "50018")
    (row,) = await client.get("trade/orders-pending")
    await client.post("trade/amend-batch-orders", [{"instId": "BTC-USDT", "ordId": row["ordId"], "newPx": "48000"}])
    await client.post("trade/cancel-batch-orders", [{"instId": "BTC-USDT", "ordId": row["ordId"]}])


async def test_orders_are_limited_per_instrument_and_batches_by_the_order() -> None:
    venue = Venue()
    client = venue.client()
    for _ in range(60):
        await client.send("POST", "trade/cancel-order", {"instId": "BTC-USDT", "ordId": "1"})

    assert await client.refused("POST", "trade/cancel-order", {"instId": "BTC-USDT", "ordId": "1"}) == (429, "50011")
    assert await client.refused("POST", "trade/cancel-order", {"instId": "ETH-USDT", "ordId": "1"}) == (200, "51400")
    venue.move()
    assert await client.refused("POST", "trade/cancel-order", {"instId": "BTC-USDT", "ordId": "1"}) == (200, "51400")


async def test_an_order_is_not_taken_after_its_expiry() -> None:
    venue = Venue()
    client = venue.client()
    past, future = (ms(venue.exchange.now + timedelta(seconds=shift)) for shift in (-1, 1))

    assert await client.refused("POST", "trade/order", client.order(), exptime=past) == (200, "50036")
    assert await client.refused("POST", "trade/order", client.order(), exptime="soon") == (400, "51000")
    assert (await client.answer("POST", "trade/order", client.order(), exptime=future))[1]["code"] == "0"


async def test_the_timer_cancels_what_rests_unless_it_is_armed_again() -> None:
    venue = Venue()
    client = venue.client()
    own = await client.rest()
    await client.rest(tag="other")

    assert await client.refused("POST", "trade/cancel-all-after", {"timeOut": "5"}) == (400, "51000")
    venue.move()
    (armed,) = await client.post("trade/cancel-all-after", timeOut="30", tag="other")
    venue.move()

    assert armed["triggerTime"] != "0"
    assert [row["ordId"] for row in await client.get("trade/orders-pending")] == [own]
    (over,) = await client.get("trade/orders-history", instType="MARGIN")
    assert over["cancelSource"] == "20"


async def test_the_precheck_is_for_the_modes_with_one_margin() -> None:
    venue = Venue()
    futures, multi = venue.client(), venue.client("bob", profile="multi-currency")

    assert await futures.refused("POST", "trade/order-precheck", futures.order()) == (200, "51010")
    (row,) = await multi.post("trade/order-precheck", multi.order(ccy=None, side="sell", sz="0.1"))

    assert (row["liabChg"], row["liabChgCcy"], row["imrChg"], row["mmrChg"]) == ("5000", "BTC", "500", "150")


async def test_nothing_left_to_lend_is_its_own_refusal() -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.INSUFFICIENT_MARGIN_POOL, count=1)

    _, answer = await client.answer("POST", "trade/order", client.order())

    assert answer["data"][0]["subCode"] == "51008_1004"
    await client.place()


async def test_a_cancelled_post_only_and_a_lost_order_can_be_switched_on() -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.POST_ONLY_CANCELLED, count=1)
    venue.okx.add_fault(FaultKind.ORDER_NOT_FOUND, count=1)

    own = await client.rest(ordType="post_only")

    assert await client.refused("GET", "trade/order", {"instId": "BTC-USDT", "ordId": own}) == (200, "51603")
    (row,) = await client.get("trade/order", instId="BTC-USDT", ordId=own)
    assert row["cancelSource"] == "31"


async def test_only_cancelling_works_while_the_pair_is_suspended() -> None:
    venue = Venue()
    client = venue.client()
    own = await client.rest()
    venue.okx.add_fault(FaultKind.CANCEL_ONLY, pair=BTC)

    assert await client.refused_order() == "51022"
    assert (await venue.get("public/instruments", instType="SPOT", instId="BTC-USDT"))[0]["state"] == "suspend"
    await client.post("trade/cancel-order", instId="BTC-USDT", ordId=own)


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "expected"),
    [
        ("POST", "trade/order", b"", "application/json", (400, "50000")),
        ("POST", "trade/order", b"{", "application/json", (400, "50002")),
        ("POST", "trade/order", b"[]", "application/json", (400, "50002")),
        ("POST", "trade/batch-orders", b"{}", "application/json", (400, "50002")),
        ("POST", "trade/order", b"{}", "text/plain", (400, "50006")),
        ("POST", "account/config", b"{}", "application/json", (405, "50115")),
        ("GET", "account/nothing", b"", "application/json", (404, "404")),
    ],
)
async def test_a_request_that_is_no_order_is_refused_as_such(
    method: str, path: str, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    from jarvis.emulators.wire import WireRequest

    venue = Venue()
    client = venue.client()
    full = f"/api/v5/{path}"
    headers = client.headers(method, full, body, content_type=content_type)

    answer = await venue.okx.handle(WireRequest(method, full, "", headers, body))

    assert (answer.status, json.loads(answer.body)["code"]) == expected
