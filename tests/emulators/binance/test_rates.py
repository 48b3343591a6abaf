"""Weights by address and user, order counts, the headers that tell them, 429 and 418."""

from datetime import timedelta

import pytest

from jarvis.emulators.binance.errors import Refused
from jarvis.emulators.binance.limits import Limits, WireClock
from tests.emulators.binance.actors import START, Client, Venue

IP = "x-sapi-used-ip-weight-1m"
UID = "x-sapi-used-uid-weight-1m"


async def test_each_pool_tells_what_is_used_of_it() -> None:
    venue = Venue()
    client = venue.client()

    first = await client.send("GET margin/account")
    second = await client.send("GET margin/account")
    borrowing = await client.send("POST margin/order", **client.order(quantity="0.01"))
    plain = await client.send("POST margin/order", **client.order(quantity="0.01", sideEffectType=None))
    public = await client.raw("GET", "/api/v3/exchangeInfo")

    assert (first.headers[IP], second.headers[IP]) == ("10", "20")
    assert UID not in first.headers
    assert (borrowing.headers[UID], plain.headers[UID]) == ("1500", "1506")
    assert plain.headers["x-mbx-order-count-10s"] == "2"
    assert public.headers["x-mbx-used-weight-1m"] == "20"


async def test_a_refused_request_counts_as_well() -> None:
    client = Venue().client()

    refused = await client.send("GET margin/order", symbol="NOPE", orderId="1")

    assert (refused.status, refused.headers[IP]) == (400, "10")


async def test_loans_are_limited_to_120_in_a_minute_and_by_user() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")

    answers = [await client.send("POST margin/borrow-repay") for _ in range(121)]
    refused = answers[-1]

    assert {answer.status for answer in answers[:-1]} == {400}
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert b"-1003" in refused.body
    assert (await other.send("POST margin/borrow-repay")).status == 400
    venue.move()
    assert (await client.send("POST margin/borrow-repay")).status == 400


async def test_the_pool_of_an_address_is_shared_by_its_users() -> None:
    venue = Venue()
    client, other = venue.client(ip_allowlist=()), venue.client("bob", ip_allowlist=())

    for _ in range(60):
        assert (await client.send("GET margin/allOrders", symbol="BTCUSDT")).status == 200

    assert (await other.send("GET margin/allOrders", symbol="BTCUSDT")).status == 429
    assert (await other.send("GET margin/allOrders", symbol="BTCUSDT", remote="192.0.2.1")).status == 200


async def test_who_does_not_heed_429_is_banned_and_longer_each_time() -> None:
    venue = Venue()
    client = venue.client()

    async def ask() -> int:
        return (await client.send("GET margin/allOrders", symbol="BTCUSDT")).status

    async def provoke() -> int:
        statuses = [await ask() for _ in range(81)]
        assert statuses.count(429) == 20
        response = await client.raw("GET", "/api/v3/time")
        assert response.status == statuses[-1] == 418
        assert b"IP banned until" in response.body
        return int(response.headers["retry-after"])

    first = await provoke()
    assert 110 < first <= 120
    venue.move(3)
    assert 230 < await provoke() <= 240


async def test_orders_are_counted_over_ten_seconds() -> None:
    client = Venue().client()
    await client.place(quantity="0.01", sideEffectType="NO_SIDE_EFFECT")

    rows = await client.call("GET margin/rateLimit/order")

    assert [(row["interval"], row["intervalNum"], row["limit"], row["count"]) for row in rows] == [
        ("SECOND", 10, 10_000, 1),
        ("DAY", 1, 20_000, 1),
    ]


async def test_depth_and_tickers_cost_by_how_much_they_tell() -> None:
    client: Client = Venue().client()
    costs = []
    for path, query in (
        ("depth", "symbol=BTCUSDT"),
        ("depth", "symbol=BTCUSDT&limit=500"),
        ("depth", "symbol=BTCUSDT&limit=1000"),
        ("depth", "symbol=BTCUSDT&limit=5000"),
        ("ticker/24hr", "symbol=BTCUSDT"),
        ("ticker/24hr", ""),
        ("ticker/price", "symbol=BTCUSDT"),
        ("ticker/price", ""),
    ):
        used = (await client.raw("GET", f"/api/v3/{path}", query)).headers["x-mbx-used-weight-1m"]
        costs.append(int(used))

    assert [after - before for before, after in zip([0, *costs], costs, strict=False)] == [5, 25, 50, 250, 2, 80, 2, 4]


def test_the_limit_of_orders_is_its_own() -> None:
    limits = Limits(WireClock(lambda: START, lambda: 0.0))
    for _ in range(10_000):
        limits.charge_order("ann")

    with pytest.raises(Refused, match="-1015"):
        limits.charge_order("ann")
    limits.charge_order("bob")


def test_time_goes_with_whichever_clock_went_further() -> None:
    market, loop = [START], [100.0]
    clock = WireClock(lambda: market[0], lambda: loop[0])
    begun = clock.seconds()

    market[0] += timedelta(seconds=60)
    loop[0] += 1
    assert clock.seconds() - begun == 60
    loop[0] += 5
    assert clock.seconds() - begun == 65


def test_connections_are_counted_by_address() -> None:
    venue = Venue()

    sockets = [venue.binance.connect("/ws") for _ in range(301)]

    assert [socket.is_closed for socket in sockets[-2:]] == [False, True]
    assert not venue.binance.connect("/ws", "192.0.2.1").is_closed
