"""Venue-side people: accounts, their API keys, and the proof that a request comes from a key's holder.

A key signs with a secret that the venue made (HMAC-SHA256, hexadecimal) or with a private key that never leaves its
owner (Ed25519 or RSA, base64). What is signed is the raw query directly followed by the raw body.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address, ip_network
from random import Random
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from jarvis.emulators.binance.errors import BAD_SIGNATURE, KEY_FORMAT, KEY_REFUSED, Refused

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_KEY = re.compile(r"[A-Za-z0-9]{64}")
# What a correctly encoded query or form may hold; anything else was signed or sent without percent-encoding.
_ENCODED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_UNBOUND_TRADING = timedelta(days=30)
_FIRST_UID = 350_000_000


class Profile(Enum):
    """What kind of margin account a client has opened: one cross account, or one account per pair."""

    CROSS = "cross"
    ISOLATED = "isolated"


class Permission(Enum):
    """The boxes of the API page, by the flags of `apiRestrictions`."""

    READING = "enableReading"
    TRADING = "enableSpotAndMarginTrading"
    MARGIN = "enableMargin"
    WITHDRAWALS = "enableWithdrawals"
    INTERNAL_TRANSFER = "enableInternalTransfer"
    UNIVERSAL_TRANSFER = "permitsUniversalTransfer"
    FUTURES = "enableFutures"
    VANILLA_OPTIONS = "enableVanillaOptions"
    PORTFOLIO_MARGIN = "enablePortfolioMarginTrading"
    FIX_TRADE = "enableFixApiTrade"
    FIX_READ_ONLY = "enableFixReadOnly"


_LAPSING = frozenset({Permission.TRADING.value, Permission.MARGIN.value})


@dataclass(slots=True)
class VenueAccount:
    """One client of the venue. The burn switches let trading fees and interest be taken in BNB."""

    name: str
    uid: int
    profile: Profile
    created_at: datetime
    burns_spot_bnb: bool = False
    burns_interest_bnb: bool = False

    @property
    def is_isolated(self) -> bool:
        """Whether its pairs are margined apart from each other."""
        return self.profile is Profile.ISOLATED


PublicKey = Ed25519PublicKey | RSAPublicKey


@dataclass(slots=True)
class ApiKey:
    """One key. `secret` is empty where the owner kept the private half and gave `verifier`."""

    public: str
    account: str
    secret: str = field(default="", repr=False)
    verifier: PublicKey | None = None
    label: str = ""
    permissions: frozenset[str] = frozenset()
    ip_allowlist: tuple[str, ...] = ()
    created_at: datetime = field(kw_only=True)
    last_used_at: datetime | None = None

    @property
    def trading_lapses_at(self) -> datetime | None:
        """When a key that works from any address loses its trading boxes; None for one that is bound."""
        return None if self.ip_allowlist else self.created_at + _UNBOUND_TRADING

    def granted(self, now: datetime) -> frozenset[str]:
        """The boxes that are ticked now."""
        lapses_at = self.trading_lapses_at
        return self.permissions - _LAPSING if lapses_at is not None and now >= lapses_at else self.permissions


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """What a request's signature covers, and the signature itself; None when it carries none."""

    text: str
    signature: str | None


def signed_payload(query: str, body: str) -> SignedPayload:
    """The raw query directly followed by the raw body, without the `signature` parameter."""
    signature, kept = None, []
    for part in (query, body):
        pieces = part.split("&")
        for piece in pieces:
            if piece.startswith("signature="):
                signature = unquote(piece.removeprefix("signature="))
        kept.append("&".join(piece for piece in pieces if not piece.startswith("signature=")))
    return SignedPayload("".join(kept), signature)


def hmac_signature(secret: str, payload: str) -> str:
    """HMAC-SHA256 of the payload, as 64 hexadecimal digits."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def load_public_key(pem: str) -> PublicKey:
    """The public half that a person pasted. Raises ValueError in words for what is none."""
    text = pem.strip()
    if not text.startswith("-----BEGIN"):
        text = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, TypeError) as error:
        raise ValueError("that is no public key; paste the PEM of an Ed25519 or RSA public key") from error
    if not isinstance(key, (Ed25519PublicKey, RSAPublicKey)):
        raise ValueError("only Ed25519 and RSA public keys are taken")  # noqa: TRY004 -- a person's mistake
    return key


class KeyRing:
    """All accounts and keys. Holds what is secret; shows each secret once, to who made it."""

    def __init__(self, *, now: Callable[[], datetime], random: Random) -> None:
        self._now = now
        self._random = random
        self.accounts: dict[str, VenueAccount] = {}
        self._keys: dict[str, ApiKey] = {}

    def add_account(self, name: str, profile: Profile) -> VenueAccount:
        """A new account. Raises ValueError when the name is taken."""
        if name in self.accounts:
            raise ValueError(f"the account {name!r} exists already")
        account = VenueAccount(name, _FIRST_UID + len(self.accounts), profile, self._now())
        self.accounts[name] = account
        return account

    def add_key(
        self,
        account: str,
        permissions: frozenset[str],
        label: str,
        *,
        ip_allowlist: tuple[str, ...] = (),
        public_key: str = "",
    ) -> ApiKey:
        """A new key of an account. Raises ValueError for an unknown account, address range or public key."""
        if account not in self.accounts:
            raise ValueError(f"there is no account {account!r}")
        for address in ip_allowlist:
            ip_network(address, strict=False)
        verifier = load_public_key(public_key) if public_key.strip() else None
        key = ApiKey(
            public=self.word(64),
            account=account,
            secret="" if verifier else self.word(64),
            verifier=verifier,
            label=label,
            permissions=permissions,
            ip_allowlist=ip_allowlist,
            created_at=self._now(),
        )
        self._keys[key.public] = key
        return key

    def word(self, length: int) -> str:
        """A random word of letters and digits."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def keys_of(self, account: str) -> list[ApiKey]:
        """The account's keys, oldest first."""
        return [key for key in self._keys.values() if key.account == account]

    def find(self, public: str) -> ApiKey | None:
        """The key with this public value, if it was not deleted."""
        return self._keys.get(public)

    def revoke(self, public: str) -> bool:
        """Forget a key; False when there is none."""
        return self._keys.pop(public, None) is not None

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do, as an owner does on the page. Raises KeyError for an unknown key."""
        self._keys[public].permissions = permissions

    def identify(self, public: str, remote: str) -> ApiKey:
        """The key that a request names, if it may be used from that address. Raises Refused."""
        if not _KEY.fullmatch(public):
            raise Refused(KEY_FORMAT)
        key = self._keys.get(public)
        if key is None or not _is_allowed(key, remote):
            raise Refused(KEY_REFUSED)
        key.last_used_at = self._now()
        return key


def verify(key: ApiKey, payload: SignedPayload) -> None:
    """Refuse a payload that the key's holder did not sign, or that was sent without percent-encoding."""
    if payload.signature is None or not _ENCODED.fullmatch(payload.text):
        raise Refused(BAD_SIGNATURE)
    if not _is_signed(key, payload.text, payload.signature):
        raise Refused(BAD_SIGNATURE)


def _is_signed(key: ApiKey, text: str, signature: str) -> bool:
    if key.verifier is None:
        return hmac.compare_digest(hmac_signature(key.secret, text).encode(), signature.lower().encode())
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key.verifier, Ed25519PublicKey):
            key.verifier.verify(raw, text.encode())
        else:
            key.verifier.verify(raw, text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _is_allowed(key: ApiKey, remote: str) -> bool:
    if not key.ip_allowlist:
        return True
    address = ip_address(remote)
    return any(address in ip_network(allowed, strict=False) for allowed in key.ip_allowlist)
