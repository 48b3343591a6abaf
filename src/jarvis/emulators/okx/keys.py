"""Venue-side people: accounts with their modes, API keys, and the proof that a request comes from a key's holder.

A request is judged in OKX's order: the key is known, the passphrase fits, the timestamp is near, the signature is over
the bytes as they were received, the address is listed; only then permission and arguments.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address, ip_network
from random import Random
from uuid import UUID

from jarvis.domain.money import Asset
from jarvis.emulators.okx import errors
from jarvis.emulators.okx.errors import Refused, unauthorised

WINDOW = timedelta(seconds=30)
UNUSED = timedelta(days=14)
READ, TRADE, WITHDRAW = "read_only", "trade", "withdraw"
PERMISSIONS = (READ, TRADE, WITHDRAW)
REGIONS = ("www", "eea", "us")
_LISTED_ADDRESSES = 20
_PASSPHRASE = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[^A-Za-z0-9])[\x21-\x7e]{8,32}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Mode(Enum):
    """Account modes by OKX's `acctLv`."""

    SPOT = "1"
    FUTURES = "2"
    MULTI_CURRENCY = "3"
    PORTFOLIO = "4"


class Profile(Enum):
    """The kinds of account that can be made."""

    FUTURES = "futures"
    SPOT = "spot"
    SPOT_BORROW = "spot-borrow"
    MULTI_CURRENCY = "multi-currency"
    PORTFOLIO = "portfolio"
    FUTURES_SUB = "futures-sub"
    MULTI_CURRENCY_SUB = "multi-currency-sub"


_MODES = {
    Profile.FUTURES: Mode.FUTURES,
    Profile.FUTURES_SUB: Mode.FUTURES,
    Profile.SPOT: Mode.SPOT,
    Profile.SPOT_BORROW: Mode.SPOT,
    Profile.MULTI_CURRENCY: Mode.MULTI_CURRENCY,
    Profile.MULTI_CURRENCY_SUB: Mode.MULTI_CURRENCY,
    Profile.PORTFOLIO: Mode.PORTFOLIO,
}
_SUB_ACCOUNTS = frozenset({Profile.FUTURES_SUB, Profile.MULTI_CURRENCY_SUB})


@dataclass(slots=True)
class VenueAccount:
    """One client of the venue and the settings of the account. `leverages` are by instId, or by currency."""

    name: str
    uid: str
    main_uid: str
    profile: Profile
    region: str
    mode: Mode
    auto_loan: bool
    spot_borrow: bool
    auto_repay: bool
    opened_at: datetime
    leverages: dict[str, int] = field(default_factory=dict)

    @property
    def is_sub_account(self) -> bool:
        """Whether a main account stands above it."""
        return self.uid != self.main_uid

    @property
    def may_borrow(self) -> bool:
        """Whether an order may borrow what is missing."""
        match self.mode:
            case Mode.SPOT:
                return self.spot_borrow
            case Mode.FUTURES:
                return True
            case Mode.MULTI_CURRENCY | Mode.PORTFOLIO:
                return self.auto_loan

    @property
    def may_keep_debts(self) -> bool:
        """Whether money and debt of one currency may stand beside each other: in spot mode, where loans are taken."""
        return self.mode is Mode.SPOT

    @property
    def has_positions(self) -> bool:
        """Whether margin trades stand as positions of their own."""
        return self.mode is Mode.FUTURES

    def leverage(self, *names: str | Asset, default: int) -> int:
        """The leverage set for the first of these names that has one."""
        return next((self.leverages[name] for name in names if name in self.leverages), default)


@dataclass(slots=True)
class ApiKey:
    """One key. `permissions` holds names, also ones that no box offers."""

    public: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    account: str
    label: str
    permissions: frozenset[str]
    ip_allowlist: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None = None

    def dies_at(self) -> datetime | None:
        """When it will be removed for not being used: only keys that may trade or withdraw from any address."""
        if self.ip_allowlist or not self.permissions & {TRADE, WITHDRAW}:
            return None
        return (self.used_at or self.created_at) + UNUSED


def signature(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """What `OK-ACCESS-SIGN` must say: base64 of HMAC-SHA256 over timestamp, method, path with query, and body."""
    payload = f"{timestamp}{method}{path}".encode() + body
    return base64.b64encode(hmac.new(secret.encode(), payload, hashlib.sha256).digest()).decode()


def parse_timestamp(text: str) -> datetime:
    """The instant of an ISO timestamp with a `Z`. Raises ValueError."""
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError("not a timestamp")
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it is from, as its headers say it."""

    public: str
    signed: str = field(repr=False)
    timestamp: str
    passphrase: str = field(repr=False)
    method: str
    path: str
    body: bytes = field(repr=False)
    remote: str
    is_simulated: bool = False


class KeyRing:
    """All accounts and keys of one host. Holds what is secret; shows each secret once, to who made the key."""

    def __init__(self, *, now: Callable[[], datetime], random: Random, region: str) -> None:
        self._now = now
        self._random = random
        self.region = region
        self.accounts: dict[str, VenueAccount] = {}
        self._keys: dict[str, ApiKey] = {}

    def add_account(self, name: str, profile: Profile, region: str) -> VenueAccount:
        """A new account. Raises ValueError when the name is taken or the region unknown."""
        if name in self.accounts:
            raise ValueError(f"the account {name!r} exists already")
        if region not in REGIONS:
            raise ValueError(f"there is no region {region!r}; there are {', '.join(REGIONS)}")
        main_uid = str(self._random.randrange(10**17, 10**18))
        is_sub = profile in _SUB_ACCOUNTS
        account = VenueAccount(
            name=name,
            uid=str(self._random.randrange(10**17, 10**18)) if is_sub else main_uid,
            main_uid=main_uid,
            profile=profile,
            region=region,
            mode=_MODES[profile],
            auto_loan=_MODES[profile] in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO),
            spot_borrow=profile is Profile.SPOT_BORROW,
            auto_repay=profile is Profile.SPOT_BORROW,
            opened_at=self._now(),
        )
        self.accounts[name] = account
        return account

    def add_key(
        self,
        account: str,
        permissions: frozenset[str],
        label: str,
        passphrase: str,
        ip_allowlist: tuple[str, ...] = (),
    ) -> ApiKey:
        """A new key of an account. Raises ValueError, in words, for what the page would not take."""
        if account not in self.accounts:
            raise ValueError(f"there is no account {account!r}")
        if not _PASSPHRASE.fullmatch(passphrase):
            raise ValueError(
                "the passphrase needs 8 to 32 characters, among them a lower-case and an upper-case letter, "
                "a digit and a special character"
            )
        if len(ip_allowlist) > _LISTED_ADDRESSES:
            raise ValueError(f"at most {_LISTED_ADDRESSES} addresses can be bound to a key")
        for address in ip_allowlist:
            ip_network(address, strict=False)
        if WITHDRAW in permissions and self.accounts[account].is_sub_account:
            raise ValueError("a sub-account's key cannot withdraw")
        key = ApiKey(
            public=str(UUID(bytes=self._random.randbytes(16), version=4)),
            secret=self._random.randbytes(16).hex().upper(),
            passphrase=passphrase,
            account=account,
            label=label,
            permissions=permissions | {READ},
            ip_allowlist=ip_allowlist,
            created_at=self._now(),
        )
        self._keys[key.public] = key
        return key

    def adopt(self, key: ApiKey) -> None:
        """Take a key whose values were made elsewhere, as published signing vectors need it."""
        self._keys[key.public] = key

    def keys_of(self, account: str) -> list[ApiKey]:
        """The account's keys, oldest first."""
        return [key for key in self._keys.values() if key.account == account and not self._is_dead(key)]

    def find(self, public: str) -> ApiKey | None:
        """The key with this public value, if it was neither revoked nor forgotten for not being used."""
        key = self._keys.get(public)
        if key is not None and self._is_dead(key):
            del self._keys[public]
            return None
        return key

    def revoke(self, public: str) -> bool:
        """Forget a key; False when there is none."""
        return self._keys.pop(public, None) is not None

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do, as an owner does on the page. Raises KeyError for an unknown key."""
        self._keys[public].permissions = permissions

    def authenticate(self, claim: Claim) -> ApiKey:
        """The key that signed this request. Raises Refused, in OKX's order."""
        for given, missing in (
            (claim.public, errors.NO_KEY_HEADER),
            (claim.passphrase, errors.NO_PASSPHRASE_HEADER),
            (claim.signed, errors.NO_SIGN_HEADER),
            (claim.timestamp, errors.NO_TIMESTAMP_HEADER),
        ):
            if not given:
                raise unauthorised(*missing)
        key = self._known(claim)
        if not hmac.compare_digest(key.passphrase.encode(), claim.passphrase.encode()):
            raise unauthorised(*errors.WRONG_PASSPHRASE)
        self._refuse_time(claim.timestamp)
        expected = signature(key.secret, claim.timestamp, claim.method, claim.path, claim.body)
        if not hmac.compare_digest(expected.encode(), claim.signed.encode()):
            raise unauthorised(*errors.INVALID_SIGN)
        if not self._is_listed(key, claim.remote):
            raise unauthorised(*errors.IP_NOT_LISTED)
        key.used_at = self._now()
        return key

    def log_in(self, public: str, passphrase: str, timestamp: str, signed: str, remote: str) -> ApiKey:
        """The key that signed a socket's login; its timestamp is in seconds. Raises Refused with a socket's code."""
        key = self.find(public)
        if key is None or self.accounts[key.account].region != self.region:
            raise (
                Refused("60032", "API key doesn't exist")
                if _KEY.fullmatch(public)
                else Refused("60005", "Invalid apiKey")
            )
        if not (timestamp.isascii() and timestamp.isdigit()):
            raise Refused("60004", "Invalid timestamp")
        if abs(self._now().timestamp() - int(timestamp)) > WINDOW.total_seconds():
            raise Refused("60006", "Timestamp request expired")
        if not hmac.compare_digest(key.passphrase.encode(), passphrase.encode()):
            raise Refused("60024", "Wrong passphrase")
        expected = signature(key.secret, timestamp, "GET", "/users/self/verify", b"")
        if not hmac.compare_digest(expected.encode(), signed.encode()):
            raise Refused("60007", "Invalid sign")
        if not self._is_listed(key, remote):
            raise Refused("60009", "Login failed.")
        key.used_at = self._now()
        return key

    def _known(self, claim: Claim) -> ApiKey:
        key = self.find(claim.public)
        if key is None or self.accounts[key.account].region != self.region:
            # What has not even the shape of a key is called invalid.
            raise unauthorised(*(errors.KEY_NOT_FOUND if _KEY.fullmatch(claim.public) else errors.INVALID_KEY))
        if claim.is_simulated:
            raise unauthorised(*errors.WRONG_ENVIRONMENT)
        return key

    def _refuse_time(self, text: str) -> None:
        try:
            at = parse_timestamp(text)
        except ValueError:
            raise unauthorised(*errors.INVALID_TIMESTAMP) from None
        if abs(self._now() - at) > WINDOW:
            raise unauthorised(*errors.TIMESTAMP_EXPIRED)

    def _is_listed(self, key: ApiKey, remote: str) -> bool:
        if not key.ip_allowlist:
            return True
        address = ip_address(remote)
        return any(address in ip_network(allowed, strict=False) for allowed in key.ip_allowlist)

    def _is_dead(self, key: ApiKey) -> bool:
        dies_at = key.dies_at()
        return dies_at is not None and self._now() >= dies_at
