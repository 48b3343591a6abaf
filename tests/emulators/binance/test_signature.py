"""Who may speak: the page's vectors, the three kinds of keys, encoding, and the clock."""

import base64
import json
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jarvis.emulators.binance.keys import hmac_signature, signed_payload
from jarvis.emulators.binance.text import ms
from jarvis.emulators.venue import KeyForm
from tests.emulators.binance.actors import START, TRADER, Client, Venue

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
LIMIT = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
WS_API_ORDER = (
    "price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT"
    "&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
)
STRANGERS_ORDER = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000"
    "&isIsolated=FALSE&sideEffectType=MARGIN_BUY&newClientOrderId=jv1"
)
ACCOUNT = "/sapi/v1/margin/account"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (f"symbol=LTCBTC&{LIMIT}", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            f"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&{LIMIT}",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            f"apiKey={KEY}&{WS_API_ORDER}",
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
    ],
)
def test_the_published_vectors_sign_as_published(payload: str, signature: str) -> None:
    assert hmac_signature(SECRET, payload) == signature


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (
            "timestamp=1700000000123&recvWindow=10000",
            "f8974c5de8e4aff8ec370423cdf226238284c316189c7498437adc1db961fe95",
        ),
        (
            f"timestamp=1700000000123&{STRANGERS_ORDER}&recvWindow=10000",
            "8b6d8753ae83e37303bbbefd54b642d000ea238463e944d61e4626edd5c15c81",
        ),
    ],
)
def test_a_strangers_vectors_sign_as_theirs(payload: str, signature: str) -> None:
    assert hmac_signature("test-secret-0001", payload) == signature


def test_query_and_body_are_joined_by_nothing() -> None:
    signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    payload = signed_payload(
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
        f"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature={signature}",
    )

    assert hmac_signature(SECRET, payload.text) == payload.signature == signature


async def test_a_signature_in_capitals_is_taken() -> None:
    client = Venue().client()
    text = urlencode({"timestamp": ms(START)})

    response = await client.raw("GET", ACCOUNT, f"{text}&signature={hmac_signature(client.secret, text).upper()}")

    assert response.status == 200


async def test_parameters_are_read_from_query_body_or_both() -> None:
    venue = Venue()
    client = venue.client()
    query = "symbol=BTCUSDT&side=BUY&type=MARKET"
    body = f"quantity=0.01&timestamp={ms(START)}"
    signature = hmac_signature(client.secret, query + body)

    split = await client.raw("POST", "/sapi/v1/margin/order", query, f"{body}&signature={signature}")
    whole = await client.send("POST margin/order", in_query=True, **client.order(quantity="0.01"))

    assert (split.status, whole.status) == (200, 200)


async def test_an_ed25519_key_signs_in_base64() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    venue = Venue()
    venue.client()
    (shown,) = venue.binance.make_key(
        "ann", KeyForm("own", TRADER, {"key_type": "self", "public_key": pem, "ip_allowlist": "127.0.0.1"})
    )
    client = Client(venue, shown.value, "")
    text = urlencode({"timestamp": ms(START)})
    signature = base64.b64encode(private.sign(text.encode())).decode()

    good = await client.raw("GET", ACCOUNT, f"{text}&signature={quote(signature, safe='')}")
    spoiled = await client.raw("GET", ACCOUNT, f"{text}&signature={quote(signature.lower(), safe='')}")

    assert good.status == 200
    assert json.loads(spoiled.body)["code"] == -1022


async def test_an_rsa_key_signs_in_base64() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    venue = Venue()
    client = venue.client(public_key=pem)
    text = urlencode({"timestamp": ms(START)})
    signature = base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), SHA256())).decode()

    response = await client.raw("GET", ACCOUNT, f"{text}&signature={quote(signature, safe='')}")

    assert response.status == 200


async def test_what_was_not_percent_encoded_before_signing_is_refused() -> None:
    client = Venue().client()
    text = f'assets=["BTC"]&timestamp={ms(START)}'

    response = await client.raw("GET", ACCOUNT, f"{text}&signature={hmac_signature(client.secret, text)}")

    assert (response.status, json.loads(response.body)["code"]) == (400, -1022)


async def test_a_wrong_or_absent_signature_is_refused() -> None:
    client = Venue().client()

    wrong = await client.raw("GET", ACCOUNT, f"timestamp={ms(START)}&signature={'0' * 64}")
    absent = await client.raw("GET", ACCOUNT, f"timestamp={ms(START)}")
    other_body = await client.raw("GET", ACCOUNT, client.signed({}), "recvWindow=1")

    assert {json.loads(each.body)["code"] for each in (wrong, absent, other_body)} == {-1022}


@pytest.mark.parametrize(
    ("offset", "window", "code"),
    [
        (0, None, 0),
        (-5000, None, 0),
        (-5001, None, -1021),
        (999, None, 0),
        (1000, None, -1021),
        (-60_000, "60000", 0),
        (-60_000, "60000.001", -1131),
        (0, "many", -1100),
    ],
)
async def test_the_clock_is_judged_by_the_window(offset: int, window: str | None, code: int) -> None:
    client = Venue().client()
    params = {"timestamp": str(ms(START) + offset)} | ({"recvWindow": window} if window else {})
    text = urlencode(params)

    response = await client.raw("GET", ACCOUNT, f"{text}&signature={hmac_signature(client.secret, text)}")

    assert json.loads(response.body).get("code", 0) == code


async def test_a_timestamp_may_be_in_microseconds_but_not_absent() -> None:
    client = Venue().client()
    text = f"timestamp={ms(START) * 1000}"

    micros = await client.raw("GET", ACCOUNT, f"{text}&signature={hmac_signature(client.secret, text)}")
    absent = await client.raw("GET", ACCOUNT, f"signature={hmac_signature(client.secret, '')}")

    assert micros.status == 200
    assert json.loads(absent.body)["code"] == -1102


async def test_keys_are_told_apart_by_form_existence_and_address() -> None:
    venue = Venue()
    client = venue.client(ip_allowlist=("10.0.0.0/8",))

    malformed = await Client(venue, "short", "x").refused("GET margin/account")
    unknown = await Client(venue, "A" * 64, "x").refused("GET margin/account")
    elsewhere = await client.refused("GET margin/account", remote="192.0.2.1")
    at_home = await client.send("GET margin/account", remote="10.1.2.3")

    assert malformed[:2] == (401, -2014)
    assert unknown[:2] == elsewhere[:2] == (401, -2015)
    assert at_home.status == 200


async def test_a_revoked_key_is_unknown() -> None:
    venue = Venue()
    client = venue.client()

    assert venue.binance.revoke_key(client.public)
    assert not venue.binance.revoke_key(client.public)

    assert (await client.refused("GET margin/account"))[:2] == (401, -2015)
