"""The envelope, the headers, permissions, limits, and what is turned away before the API."""

import json

import pytest

from jarvis.emulators.bybit.text import millis
from jarvis.emulators.wire import WireRequest
from tests.emulators.bybit.actors import TRADER, Venue


async def test_every_answer_is_an_envelope() -> None:
    venue = Venue()
    client = venue.client()

    good = json.loads((await client.send("GET", "user/query-api", {})).body)
    bad = json.loads((await client.send("GET", "user/query-api", {"x": "1"})).body)

    assert list(good) == ["retCode", "retMsg", "result", "retExtInfo", "time"]
    assert (good["retCode"], good["retMsg"], good["retExtInfo"]) == (0, "OK", {})
    assert good["time"] == millis(venue.exchange.now)
    assert (bad["retCode"], bad["result"]) == (10001, {})


async def test_headers_that_are_missing_are_an_http_error() -> None:
    venue = Venue()

    answer = await venue.bybit.handle(WireRequest("GET", "/v5/user/query-api"))

    assert answer.status == 401
    assert json.loads(answer.body)["retCode"] == 10001


async def test_a_path_that_does_not_exist_is_not_found() -> None:
    venue = Venue()

    for method, path in (("GET", "/v5/nothing"), ("POST", "/v5/market/time"), ("GET", "/v5/order/create")):
        answer = await venue.bybit.handle(WireRequest(method, path))
        assert (answer.status, json.loads(answer.body)["retCode"]) == (404, 10017)


async def test_a_get_with_a_body_is_forbidden() -> None:
    assert (await Venue().bybit.handle(WireRequest("GET", "/v5/market/time", body=b"{}"))).status == 403


async def test_an_empty_query_is_signed_as_nothing_also_behind_a_bare_question_mark() -> None:
    client = Venue().client()

    assert (await client.get("user/query-api"))["apiKey"] == client.key


@pytest.mark.parametrize(("how", "code"), [({"ahead": -6000}, 10002), ({"tamper": "0"}, 10004)])
async def test_a_bad_clock_or_signature_is_refused(how: dict[str, object], code: int) -> None:
    client = Venue().client()

    assert (await client.answer("GET", "user/query-api", {}, **how))["retCode"] == code


async def test_a_body_is_signed_byte_for_byte_and_must_be_an_object() -> None:
    client = Venue().client()
    request = client.request("POST", "order/create", {"category": "spot"})
    spaced = WireRequest(request.method, request.path, "", request.headers, request.body + b" ")

    assert json.loads((await client.bybit.handle(spaced)).body)["retCode"] == 10004
    listed = client.request("POST", "order/create", [])  # type: ignore[arg-type]
    assert json.loads((await client.bybit.handle(listed)).body)["retCode"] == 10001


async def test_a_bound_key_is_taken_from_its_address_only() -> None:
    client = Venue().client(ips="203.0.113.7")

    assert (await client.answer("GET", "user/query-api", {}))["retCode"] == 10010
    assert (await client.answer("GET", "user/query-api", {}, remote="203.0.113.7"))["retCode"] == 0


async def test_a_read_only_key_reads_and_changes_nothing() -> None:
    client = Venue().client(access="read-only")

    assert (await client.get("user/query-api"))["readOnly"] == 1
    assert await client.open_orders() == []
    assert await client.refused_order(side="Buy", qty="100") == 10005
    assert await client.refused("POST", "spot-margin-trade/set-leverage", leverage="2") == 10005


@pytest.mark.parametrize(
    ("method", "path", "fields", "box"),
    [
        ("GET", "order/realtime", {"category": "spot"}, "Spot:SpotTrade"),
        ("GET", "order/history", {"category": "spot"}, "Spot:SpotTrade"),
        ("GET", "execution/list", {"category": "spot"}, "Spot:SpotTrade"),
        ("GET", "spot-margin-trade/interest-rate-history", {"currency": "BTC"}, "Spot:SpotTrade"),
        ("POST", "order/cancel-all", {"category": "spot"}, "Spot:SpotTrade"),
        ("POST", "spot-margin-trade/set-leverage", {"leverage": "2"}, "Spot:SpotTrade"),
        ("POST", "asset/withdraw/create", {"coin": "USDT", "amount": "1", "address": "x"}, "Wallet:Withdraw"),
        (
            "POST",
            "asset/transfer/inter-transfer",
            {"coin": "USDT", "amount": "1", "fromAccountType": "UNIFIED", "toAccountType": "FUND"},
            "Wallet:AccountTransfer",
        ),
        (
            "POST",
            "asset/transfer/universal-transfer",
            {"coin": "USDT", "amount": "1", "toMemberId": "1"},
            "Wallet:SubMemberTransfer",
        ),
    ],
)
async def test_each_path_asks_for_its_box(method: str, path: str, fields: dict[str, str], box: str) -> None:
    venue = Venue()
    with_box, without = venue.client(permissions=frozenset({box})), venue.client(permissions=frozenset({"Earn:Earn"}))

    assert (await with_box.answer(method, path, fields))["retCode"] == 0
    assert (await without.answer(method, path, fields))["retCode"] == 10005


async def test_any_key_reads_the_wallet_and_the_log() -> None:
    client = Venue().client(permissions=frozenset({"Earn:Earn"}))

    assert await client.wallet()
    assert (await client.get("account/transaction-log", accountType="UNIFIED"))["list"]


async def test_a_key_that_may_transfer_can_widen_itself() -> None:
    venue = Venue()
    plain, risky = venue.client(), venue.client(permissions=TRADER | {"Wallet:AccountTransfer"})
    wider = {"permissions": {"Wallet": ["Withdraw"], "Spot": ["SpotTrade"]}}

    assert await plain.refused("POST", "user/update-api", **wider) == 10005
    await risky.post("user/update-api", **wider)

    assert (await risky.get("user/query-api"))["permissions"]["Wallet"] == ["Withdraw"]
    await risky.post("asset/withdraw/create", coin="USDT", amount="100", address="elsewhere")
    assert (await risky.coin("USDT"))["walletBalance"] == "9900"


async def test_each_private_answer_says_what_is_left_of_its_limit() -> None:
    venue = Venue()
    client = venue.client()

    answers = [await client.send("GET", "user/query-api", {}) for _ in range(11)]

    left = [answer.headers["X-Bapi-Limit-Status"] for answer in answers]
    assert left == [str(number) for number in range(9, -1, -1)] + ["0"]
    assert answers[0].headers["X-Bapi-Limit"] == "10"
    last = json.loads(answers[-1].body)
    assert (answers[-1].status, last["retCode"]) == (200, 10006)
    reset = int(answers[-1].headers["X-Bapi-Limit-Reset-Timestamp"])
    assert last["time"] < reset <= last["time"] + 1000
    venue.move(1 / 60)
    assert (await client.answer("GET", "user/query-api", {}))["retCode"] == 0


async def test_a_limit_is_one_accounts_own_and_one_paths_own() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    for _ in range(10):
        await client.get("user/query-api")

    assert (await client.answer("GET", "user/query-api", {}))["retCode"] == 10006
    await client.get("account/info")
    await other.get("user/query-api")


async def test_a_batch_counts_as_its_orders() -> None:
    client = Venue().client()
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "price": "48000", "qty": "0.001"}

    codes = [
        (await client.answer("POST", "order/create-batch", {"category": "spot", "request": [order] * 10}))["retCode"]
        for _ in range(3)
    ]

    assert codes == [0, 0, 10006]


async def test_six_hundred_calls_in_five_seconds_shut_an_address_out() -> None:
    venue = Venue()
    request = WireRequest("GET", "/v5/market/time", remote="198.51.100.1")
    answers = [(await venue.bybit.handle(request)).status for _ in range(601)]

    assert answers == [200] * 600 + [403]
    assert (await venue.bybit.handle(WireRequest("GET", "/v5/market/time"))).status == 200
    venue.move(9)
    assert (await venue.bybit.handle(request)).status == 403
    venue.move(2)
    assert (await venue.bybit.handle(request)).status == 200
