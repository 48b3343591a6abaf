import base64
from collections.abc import Callable
from urllib.parse import parse_qsl

import krakenex
import pytest

from jarvis.signer.errors import InvalidSecret
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import kraken
from tests.signer.canary import scan
from tests.signer.inprocess import made_up_key

KEY, SECRET = made_up_key("kraken")
PUBLISHED_SECRET = b"kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
"""Of the worked example in Kraken's own documentation."""
BINANCE_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
OKX_KEY = "985d5b66-57ce-40fb-b714-afc0b9787083"
BYBIT_KEY = "XXbyb1tKeyXXXX1234"


def opened(key: str, secret: str, passphrase: str = "") -> OpenedKey:
    return OpenedKey(*(bytearray(part.encode()) for part in (key, secret, passphrase)))


def test_the_published_form_example_is_signed_as_published() -> None:
    body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"

    signature = kraken.signature(PUBLISHED_SECRET, "/0/private/AddOrder", "1616492376594", body)

    assert signature == "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_the_json_example_is_signed_as_computed_elsewhere() -> None:
    body = b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}'

    signature = kraken.signature(PUBLISHED_SECRET, "/0/private/AddOrder", "1616492376594", body)

    assert signature == "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg=="


@pytest.mark.witness
def test_a_public_client_signs_the_same_call_the_same_way() -> None:
    order = {"ordertype": "stop-loss", "pair": "XBTUSD", "price": "37500.1", "close[price]": "+5%", "type": "sell"}
    witness = krakenex.API(key=KEY, secret=SECRET)

    with opened(KEY, SECRET) as key:
        call = kraken.build(key, "AddOrder", order, 1616492376594)
    path, headers = call.path, call.headers

    assert headers["API-Sign"] == witness._sign({"nonce": 1616492376594, **order}, path)


def test_a_built_call_is_the_published_example_byte_for_byte() -> None:
    with opened(KEY, PUBLISHED_SECRET.decode()) as key:
        order = {"ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"}

        call = kraken.build(key, "AddOrder", order, 1616492376594)
    path, headers, body = call.path, call.headers, call.body

    assert path == "/0/private/AddOrder"
    assert body == b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert headers == {
        "API-Key": KEY,
        "API-Sign": "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }


def test_names_and_values_with_signs_survive_the_form() -> None:
    order = {"close[ordertype]": "stop-loss", "price": "+5", "pair": "XBTUSD:BTNL", "txid": "A,B"}

    with opened(KEY, SECRET) as key:
        body = kraken.build(key, "AddOrder", order, 1).body

    assert dict(parse_qsl(body.decode(), strict_parsing=True)) == {"nonce": "1", **order}


def test_a_whole_key_and_secret_are_taken() -> None:
    key = opened(KEY, SECRET)

    kraken.take_pasted(key)

    assert (bytes(key.api_key), bytes(key.secret)) == (KEY.encode(), SECRET.encode())


def test_a_private_key_without_its_last_two_signs_is_completed() -> None:
    key = opened(KEY, SECRET.removesuffix("=="))

    kraken.take_pasted(key)

    assert key.secret == SECRET.encode()


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        (SECRET, KEY, "swapped"),
        (SECRET.removesuffix("=="), KEY, "swapped"),
        (SECRET, "", "swapped"),
        (KEY[:-1], SECRET, "malformed_key"),
        (KEY + "A", SECRET, "malformed_key"),
        (KEY[:-1] + "-", SECRET, "malformed_key"),
        ("", SECRET, "malformed_key"),
        (SECRET, SECRET, "malformed_key"),
        (KEY, KEY, "malformed_secret"),
        (KEY, "", "malformed_secret"),
        (KEY, SECRET[1:], "malformed_secret"),
        (KEY, SECRET.replace("==", "=A"), "malformed_secret"),
        (KEY, base64.b64encode(bytes(63)).decode(), "malformed_secret"),
        (BINANCE_KEY, BINANCE_KEY, "other_venue"),
        (OKX_KEY, "0123456789ABCDEF0123456789ABCDEF", "other_venue"),
        (BYBIT_KEY, "x" * 36, "other_venue"),
        (OKX_KEY, SECRET, "other_venue"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_a_reason_and_without_the_values(key: str, secret: str, code: str) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        kraken.take_pasted(opened(key, secret))

    assert refusal.value.code == code
    assert not scan([str(refusal.value), repr(refusal.value)], {"key": key or KEY, "secret": secret or SECRET})


def test_a_passphrase_belongs_to_another_venue() -> None:
    with pytest.raises(InvalidSecret) as refusal:
        kraken.take_pasted(opened(KEY, SECRET, "open sesame"))

    assert refusal.value.code == "other_venue"


@pytest.mark.parametrize("name", ["Binance", "OKX", "Bybit"])
def test_a_key_of_another_venue_is_named(name: str) -> None:
    keys: dict[str, Callable[[], str]] = {
        "Binance": lambda: BINANCE_KEY,
        "OKX": lambda: OKX_KEY,
        "Bybit": lambda: BYBIT_KEY,
    }

    with pytest.raises(InvalidSecret, match=name):
        kraken.take_pasted(opened(keys[name](), "whatever"))


def test_a_secret_that_is_not_base64_cannot_sign() -> None:
    with pytest.raises(InvalidSecret) as refusal:
        kraken.signature(b"not base64 at all!", "/0/private/Balance", "1", b"nonce=1")

    assert refusal.value.code == "malformed_secret"
