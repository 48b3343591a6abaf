"""Venue-side people: accounts, their API keys, and the proof that a request comes from a key's holder.

A request is judged in this order: headers there, key known, not expired, its address, the clock, the signature over
the bytes as they were received; then, by whoever asks for it, the permission and the rate.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address, ip_network
from random import Random
from string import ascii_letters, digits
from typing import Any

from jarvis.emulators.bybit.errors import (
    BAD_IP,
    BAD_KEY,
    BAD_SIGN,
    BAD_TIMESTAMP,
    KEY_EXPIRED,
    Refused,
)
from jarvis.emulators.bybit.text import instant, millis, rfc3339

READ_ONLY = "ReadOnly"
"""Not a box of a group but a property of the whole key; named like one where a key's permissions are a set of names."""
UNBOUND_DAYS = 90
DEFAULT_WINDOW = 5000
_AHEAD = 1000
_LETTERS = ascii_letters + digits
_LONG = 15


class Profile(Enum):
    """What kind of account it is, and how far its owner has come with spot margin."""

    UNIFIED = "unified"
    SUB_ACCOUNT = "sub-account"
    SPOT_MARGIN_OFF = "spot-margin-off"
    NO_QUIZ = "no-quiz"
    ISOLATED = "isolated"
    PORTFOLIO = "portfolio"
    CLASSIC = "classic"


class MarginMode(Enum):
    """How the whole account is margined."""

    REGULAR = "REGULAR_MARGIN"
    ISOLATED = "ISOLATED_MARGIN"
    PORTFOLIO = "PORTFOLIO_MARGIN"


class Permission(Enum):
    """The boxes of the API page, as `Group:Item` of what query-api reports."""

    CONTRACT_ORDER = "ContractTrade:Order"
    CONTRACT_POSITION = "ContractTrade:Position"
    SPOT_TRADE = "Spot:SpotTrade"
    OPTIONS_TRADE = "Options:OptionsTrade"
    DERIVATIVES_TRADE = "Derivatives:DerivativesTrade"
    ACCOUNT_TRANSFER = "Wallet:AccountTransfer"
    SUB_MEMBER_TRANSFER = "Wallet:SubMemberTransfer"
    SUB_MEMBER_TRANSFER_LIST = "Wallet:SubMemberTransferList"
    WITHDRAW = "Wallet:Withdraw"
    EXCHANGE_HISTORY = "Exchange:ExchangeHistory"
    EARN = "Earn:Earn"
    AFFILIATE = "Affiliate:Affiliate"
    BLOCK_TRADE = "BlockTrade:BlockTrade"
    FIAT_P2P = "FiatP2P:FiatP2POrder"
    BIT_CARD = "BitCard:QuerySubAccountsDetail"
    BY_X_POST = "ByXPost:Post"


GROUPS = (
    "ContractTrade",
    "Spot",
    "Wallet",
    "Options",
    "Derivatives",
    "CopyTrading",
    "BlockTrade",
    "Exchange",
    "NFT",
    "Affiliate",
    "Earn",
    "FiatP2P",
    "FiatBitPay",
    "FiatConvertBroker",
    "FiatGlobalPay",
    "BitCard",
    "ByXPost",
)


@dataclass(slots=True)
class VenueAccount:
    """One client of the venue, and the settings that its owner can change.

    `leverage` is the account's own, `coin_leverage` what was set for single coins. `auto_repay` names the coins whose
    debt is repaid from the wallet at every half hour; `auto_repay_all` is the same for those never named.
    """

    name: str
    uid: int
    profile: Profile
    opened_at: datetime
    margin_mode: MarginMode = MarginMode.REGULAR
    is_spot_margin_on: bool = True
    leverage: int = 10
    coin_leverage: dict[str, int] = field(default_factory=dict)
    auto_repay: dict[str, bool] = field(default_factory=dict)
    auto_repay_all: bool = False
    no_collateral: set[str] = field(default_factory=set)
    changed_at: datetime | None = None

    @property
    def is_unified(self) -> bool:
        """Whether it is a Unified Trading Account."""
        return self.profile is not Profile.CLASSIC

    @property
    def has_quiz(self) -> bool:
        """Whether the questions about margin were answered on the site."""
        return self.profile is not Profile.NO_QUIZ

    @property
    def is_master(self) -> bool:
        """Whether it is a main account."""
        return self.profile is not Profile.SUB_ACCOUNT


@dataclass(slots=True)
class ApiKey:
    """One key. `permissions` holds names, also ones that no box offers; never READ_ONLY."""

    public: str
    secret: str = field(repr=False)
    number: int
    account: str
    label: str
    permissions: frozenset[str]
    is_read_only: bool
    ips: tuple[str, ...]
    is_third_party: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None

    @property
    def names(self) -> frozenset[str]:
        """All that it may do, with READ_ONLY where that holds."""
        return self.permissions | {READ_ONLY} if self.is_read_only else self.permissions


def sign(secret: str, text: str) -> str:
    """Lower-case hex HMAC-SHA256."""
    return hmac.new(secret.encode(), text.encode("latin-1", "replace"), hashlib.sha256).hexdigest()


def signature(secret: str, timestamp: str, key: str, window: str, payload: bytes) -> str:
    """What `X-BAPI-SIGN` must say; `payload` is the raw query of a GET or the raw body of a POST."""
    text = f"{timestamp}{key}{window}".encode() + payload
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Proof:
    """What a signed request brings to prove who sent it."""

    key: str
    timestamp: str
    window: str
    signature: str
    payload: bytes
    remote: str


class KeyRing:
    """All accounts and keys. Shows each secret once, to who made the key."""

    def __init__(self, *, now: Callable[[], datetime], random: Random) -> None:
        self._now = now
        self._random = random
        self.accounts: dict[str, VenueAccount] = {}
        self._keys: dict[str, ApiKey] = {}
        self._count = 13_770_000

    def add_account(self, name: str, profile: Profile) -> VenueAccount:
        """A new account. Raises ValueError when the name is taken."""
        if name in self.accounts:
            raise ValueError(f"the account {name!r} exists already")
        modes = {Profile.ISOLATED: MarginMode.ISOLATED, Profile.PORTFOLIO: MarginMode.PORTFOLIO}
        off = {Profile.SPOT_MARGIN_OFF, Profile.NO_QUIZ, Profile.ISOLATED, Profile.CLASSIC}
        account = VenueAccount(
            name=name,
            uid=self._random.randrange(20_000_000, 400_000_000),
            profile=profile,
            opened_at=self._now(),
            margin_mode=modes.get(profile, MarginMode.REGULAR),
            is_spot_margin_on=profile not in off,
        )
        self.accounts[name] = account
        return account

    def add_key(
        self,
        account: str,
        permissions: frozenset[str],
        label: str,
        *,
        ips: tuple[str, ...] = (),
        is_third_party: bool = False,
    ) -> ApiKey:
        """A new key of an account. Raises ValueError for an unknown account, permission or address."""
        if account not in self.accounts:
            raise ValueError(f"there is no account {account!r}")
        _refuse_odd(permissions)
        for address in ips:
            ip_address(address)
        if Permission.WITHDRAW.value in permissions and not self.accounts[account].is_master:
            raise ValueError("the key of a sub-account cannot withdraw")
        now = self._now()
        self._count += 1
        key = ApiKey(
            public="".join(self._random.choices(_LETTERS, k=18)),
            secret="".join(self._random.choices(_LETTERS, k=36)),
            number=self._count,
            account=account,
            label=label,
            permissions=permissions - {READ_ONLY},
            is_read_only=READ_ONLY in permissions,
            ips=ips,
            is_third_party=is_third_party,
            created_at=now,
            expires_at=None if ips else now + timedelta(days=UNBOUND_DAYS),
        )
        self._keys[key.public] = key
        return key

    def keys_of(self, account: str) -> list[ApiKey]:
        """The account's keys, oldest first."""
        return [key for key in self._keys.values() if key.account == account]

    def find(self, public: str) -> ApiKey | None:
        """The key with this public value, if it was not revoked."""
        return self._keys.get(public)

    def revoke(self, public: str) -> bool:
        """Forget a key; False when there is none."""
        return self._keys.pop(public, None) is not None

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do, READ_ONLY included. Raises KeyError for an unknown key, ValueError for a name."""
        _refuse_odd(permissions)
        key = self._keys[public]
        key.permissions, key.is_read_only = permissions - {READ_ONLY}, READ_ONLY in permissions

    def authenticate(self, proof: Proof) -> ApiKey:
        """The key that signed this request. Raises Refused, in the venue's order."""
        key = self._usable(proof.key, proof.remote)
        window = proof.window or str(DEFAULT_WINDOW)
        if not self._is_timely(proof.timestamp, window):
            raise Refused(BAD_TIMESTAMP)
        expected = signature(key.secret, proof.timestamp, proof.key, proof.window, proof.payload)
        if not hmac.compare_digest(expected.encode(), proof.signature.encode()):
            raise Refused(BAD_SIGN)
        key.last_used_at = self._now()
        return key

    def login(self, public: str, expires: str, signed: str, remote: str) -> ApiKey:
        """The key that opens a private socket. Raises Refused."""
        key = self._usable(public, remote)
        if not _is_whole(expires) or int(expires) <= millis(self._now()):
            raise Refused(BAD_TIMESTAMP)
        if not hmac.compare_digest(sign(key.secret, f"GET/realtime{expires}").encode(), signed.encode()):
            raise Refused(BAD_SIGN)
        key.last_used_at = self._now()
        return key

    def is_timely(self, timestamp: str, window: str) -> bool:
        """Whether a request of this timestamp may still be obeyed."""
        return self._is_timely(timestamp, window or str(DEFAULT_WINDOW))

    def is_expired(self, key: ApiKey) -> bool:
        """Whether its 90 days without a bound address are over."""
        return key.expires_at is not None and self._now() >= key.expires_at

    def _usable(self, public: str, remote: str) -> ApiKey:
        key = self._keys.get(public)
        if key is None:
            raise Refused(BAD_KEY)
        if self.is_expired(key):
            raise Refused(KEY_EXPIRED)
        if key.ips and not any(ip_address(remote) in ip_network(allowed) for allowed in key.ips):
            raise Refused(BAD_IP)
        return key

    def _is_timely(self, timestamp: str, window: str) -> bool:
        if not _is_whole(timestamp) or not _is_whole(window):
            return False
        now = millis(self._now())
        return now - int(window) <= int(timestamp) < now + _AHEAD


def key_information(key: ApiKey, account: VenueAccount, granted: frozenset[str], now: datetime) -> dict[str, Any]:
    """The result of query-api."""
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in sorted(granted - {READ_ONLY}):
        group, _, item = name.partition(":")
        groups.setdefault(group, []).append(item)
    if key.expires_at is None:
        deadline, expired_at = -2, rfc3339(instant(0))
    else:
        deadline, expired_at = max(0, (key.expires_at - now).days), rfc3339(key.expires_at)
    return {
        "id": str(key.number),
        "note": key.label,
        "apiKey": key.public,
        "readOnly": int(key.is_read_only),
        "secret": "",
        "permissions": groups,
        "ips": list(key.ips) or ["*"],
        "type": 2 if key.is_third_party else 1,
        "deadlineDay": deadline,
        "expiredAt": expired_at,
        "createdAt": rfc3339(key.created_at),
        "unified": 0,
        "uta": int(account.is_unified),
        "userID": account.uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": account.is_master,
        "parentUid": "0" if account.is_master else str(account.uid - 1),
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def _refuse_odd(permissions: frozenset[str]) -> None:
    odd = sorted(name for name in permissions - {READ_ONLY} if not all(name.partition(":")))
    if odd:
        raise ValueError(f"a permission is named Group:Item, not {', '.join(odd)}")


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONG
