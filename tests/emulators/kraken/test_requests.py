"""Whole requests: the order of the checks, and bodies of both kinds with what clients put into them."""

import json

from jarvis.emulators.kraken.keys import signature
from jarvis.emulators.wire import WireRequest
from tests.emulators.kraken.actors import TRADER, Client, Venue


async def errors(client: Client, **changes: object) -> list[str]:
    body = b"nonce=5000"
    headers = {"api-key": client.public, "api-sign": "wrong", "content-type": "application/x-www-form-urlencoded"}
    request = WireRequest("POST", "/0/private/Withdraw", headers=headers | dict(changes), body=body)  # type: ignore[arg-type]
    return list(json.loads((await client.kraken.handle(request)).body)["error"])


async def test_key_then_signature_then_nonce_then_permission_then_arguments() -> None:
    venue = Venue(minutes=1)
    client = venue.client("ann", frozenset({"query-funds"}))

    assert await errors(client, **{"api-key": "nobody"}) == ["EAPI:Invalid key"]
    assert await errors(client) == ["EAPI:Invalid signature"]
    assert (await client.send_body("Withdraw", b"asset=XBT", "")).body == b'{"error":["EAPI:Invalid nonce"]}'
    assert await client.refused("AddOrder") == "EGeneral:Permission denied"
    trader = venue.client("ann", TRADER)
    assert await trader.refused("AddOrder") == "EGeneral:Invalid arguments:pair"


async def test_a_signature_is_over_the_bytes_as_they_came() -> None:
    client = Venue(minutes=1).client()
    odd = b"nonce=%32&asset=%5AUSD&unknown=&nonce=2"

    answer = json.loads((await client.send_body("TradeBalance", odd, "2")).body)

    assert answer["error"] == []


async def test_a_changed_byte_breaks_the_signature() -> None:
    client = Venue(minutes=1).client()
    path = "/0/private/Balance"
    import base64

    signed = signature(base64.b64decode(client.private), path, "7", b"nonce=7&a=1")
    request = WireRequest("POST", path, headers={"api-key": client.public, "api-sign": signed}, body=b"nonce=7&a=2")

    answer = json.loads((await client.kraken.handle(request)).body)

    assert answer["error"] == ["EAPI:Invalid signature"]


async def test_json_bodies_carry_numbers_and_nested_values() -> None:
    client = Venue(minutes=1).client()

    answer = await client.call(
        "AddOrder",
        as_json=True,
        ordertype="limit",
        type="buy",
        pair="XBTUSD",
        volume=0.1,
        price=40000,
        leverage=10,
        reduce_only=False,
        close={"ordertype": "stop-loss", "price": "39000"},
    )

    assert answer["descr"]["close"] == "close position @ stop loss 39000.0"


async def test_a_nonce_in_json_may_be_a_number() -> None:
    client = Venue(minutes=1).client()

    answer = json.loads((await client.send_body("Balance", b'{"nonce":99}', "99", as_json=True)).body)

    assert answer["error"] == []


async def test_a_body_that_is_no_json_is_a_bad_request() -> None:
    client = Venue(minutes=1).client()

    answer = json.loads((await client.send_body("Balance", b"nonce=99", "99", as_json=True)).body)

    assert answer["error"] == ["EAPI:Bad request"]


async def test_a_key_bound_to_an_address_is_unknown_from_another() -> None:
    client = Venue(minutes=1).client(ip_allowlist=("10.0.0.0/8",))

    near = json.loads((await client.send("Balance", remote="10.1.2.3")).body)
    far = json.loads((await client.send("Balance", remote="192.0.2.1")).body)

    assert (near["error"], far["error"]) == ([], ["EAPI:Invalid key"])


async def test_the_same_seed_makes_the_same_keys_ids_and_answers() -> None:
    async def story() -> list[bytes]:
        venue = Venue(["50000 50500 49500 50400"], seed=3)
        client = venue.client()
        await client.buy()
        venue.move(2)
        answers = [(await client.send(method)).body for method in ("TradesHistory", "Ledgers", "GetApiKeyInfo")]
        return [client.public.encode(), *answers]

    assert await story() == await story()
