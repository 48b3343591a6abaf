"""Kraken's keys and signatures: what a key looks like, and how a private call is built and signed.

Signature (https://docs.kraken.com/api/docs/guides/spot-rest-auth, seen 2026-09): base64 of HMAC-SHA512 under the
decoded secret over path + SHA-256(nonce + body).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from jarvis.signer.errors import InvalidSecret
from jarvis.signer.vault import OpenedKey, SecretBytes, wipe

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

_KEY = re.compile(rb"[A-Za-z0-9+/]{56}")
_SECRET = re.compile(rb"[A-Za-z0-9+/]{86}==")
_UNPADDED_SECRET = re.compile(rb"[A-Za-z0-9+/]{86}")
# Shapes of the other venues' keys, so that a key pasted on the wrong card is named: OKX's are UUIDs with a secret of
# 32 hexadecimal digits, Binance's key and secret have 64 letters and digits, Bybit's 18 and 36.
_OTHER_VENUES = (
    ("OKX", re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("Binance", re.compile(rb"[A-Za-z0-9]{64}")),
    ("Bybit", re.compile(rb"[A-Za-z0-9]{18}")),
)


def take_pasted(opened: OpenedKey) -> None:
    """Complete a private key that was pasted without its two last signs, which many pages cut off.

    Raises InvalidSecret unless this could be a Kraken key with its private key, saying what seems to be wrong.
    """
    for part in (opened.api_key, opened.secret):
        if _UNPADDED_SECRET.fullmatch(part):
            part.extend(b"==")
    key_fits, secret_fits = _is_key(opened.api_key), _is_secret(opened.secret)
    if _is_secret(opened.api_key) and (_is_key(opened.secret) or not opened.secret):
        raise InvalidSecret("swapped", "The API key and the private key are in each other's field.")
    if not (key_fits and secret_fits):
        for name, shape in _OTHER_VENUES:
            if shape.fullmatch(opened.api_key):
                raise InvalidSecret("other_venue", f"This looks like a key of {name}, not of Kraken.")
    if not key_fits:
        raise InvalidSecret("malformed_key", "A Kraken API key has 56 letters, digits, + and /. Copy it once more.")
    if not secret_fits:
        raise InvalidSecret("malformed_secret", "A Kraken private key has 88 characters and ends in ==. Copy it whole.")
    if opened.passphrase:
        raise InvalidSecret("other_venue", "Kraken keys have no passphrase; is this a key of OKX?")


def _is_key(value: SecretBytes) -> bool:
    return _KEY.fullmatch(value) is not None


def _is_secret(value: SecretBytes) -> bool:
    return _SECRET.fullmatch(value) is not None


def signature(secret: SecretBytes, path: str, nonce: str, body: bytes) -> str:
    """The value of `API-Sign` for one call; `body` is sent exactly as it is given here."""
    try:
        key = bytearray(base64.b64decode(secret, validate=True))
    except binascii.Error:
        raise InvalidSecret("malformed_secret", "the private key is not base64") from None
    try:
        message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        return base64.b64encode(hmac.digest(key, message, hashlib.sha512)).decode()
    finally:
        wipe(key)


def build(
    opened: OpenedKey, operation: str, parameters: Mapping[str, str], nonce: int
) -> tuple[str, dict[str, str], bytes]:
    """Path, headers and form body of one private call, signed."""
    path = f"/0/private/{operation}"
    body = urlencode([("nonce", str(nonce)), *parameters.items()]).encode()
    headers = {
        "API-Key": opened.api_key.decode("ascii"),
        "API-Sign": signature(opened.secret, path, str(nonce), body),
        "Content-Type": CONTENT_TYPE,
    }
    return path, headers, body
