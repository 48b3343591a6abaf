"""Venue-side people: accounts, their API keys, and the proof that a request comes from a key's holder.

A request is checked in Kraken's order: key known (and its address and expiry), signature over the body's bytes as
they were received, nonce, and only then permission and arguments.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from ipaddress import ip_address, ip_network
from random import Random

from jarvis.emulators.kraken.errors import INVALID_KEY, INVALID_NONCE, INVALID_SIGNATURE, LOCKOUT, Refused
from jarvis.emulators.kraken.rates import Tier

_NONCE_LIMIT = 2**64
_TOKEN_SECONDS = 900
_STRIKES = 20
_STRIKE_WINDOW = 60.0
_LOCKOUT_SECONDS = 900.0


class Profile(Enum):
    """Where an account may trade margin: on the plain books, or as a US retail client on the `:BTNL` books only."""

    INTERNATIONAL = "international"
    US_RETAIL = "us-retail"


class Permission(Enum):
    """The boxes of the API page, by the names that GetApiKeyInfo reports."""

    QUERY_FUNDS = "query-funds"
    ADD_FUNDS = "add-funds"
    WITHDRAW_FUNDS = "withdraw-funds"
    EARN_FUNDS = "earn-funds"
    QUERY_OPEN_TRADES = "query-open-trades"
    QUERY_CLOSED_TRADES = "query-closed-trades"
    MODIFY_TRADES = "modify-trades"
    CLOSE_TRADES = "close-trades"
    QUERY_LEDGER = "query-ledger"
    EXPORT_DATA = "export-data"
    CREATE_WS_TOKEN = "create-ws-token"  # noqa: S105 -- a permission's name
    ADD_WITHDRAW_ADDRESS = "add-withdraw-address"
    UPDATE_WITHDRAW_ADDRESS = "update-withdraw-address"


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """One client of the venue. `public_id` is what Kraken calls the account's iban."""

    name: str
    public_id: str
    profile: Profile
    tier: Tier

    @property
    def is_us(self) -> bool:
        """Whether margin is traded on the US books."""
        return self.profile is Profile.US_RETAIL


@dataclass(slots=True)
class ApiKey:
    """One key. `secret` is the decoded private key; `permissions` holds names, also ones that no box offers."""

    public: str
    secret: bytes = field(repr=False)
    account: str = ""
    label: str = ""
    permissions: frozenset[str] = frozenset()
    ip_allowlist: tuple[str, ...] = ()
    expires_at: datetime | None = None
    query_from: datetime | None = None
    query_to: datetime | None = None
    nonce_window: int = 0
    created_at: datetime | None = None
    modified_at: datetime | None = None
    last_used_at: datetime | None = None
    highest_nonce: int = 0
    recent_nonces: set[int] = field(default_factory=set)

    @property
    def private(self) -> str:
        """The private key as it is shown once."""
        return base64.b64encode(self.secret).decode()


@dataclass(frozen=True, slots=True)
class WebSocketToken:
    """A key's pass to the private WebSocket, good for 15 minutes of the event loop's clock until first used."""

    token: str
    key: str
    account: str
    issued: float


def signature(secret: bytes, path: str, nonce: str, body: bytes) -> str:
    """What the `API-Sign` header must say: HMAC-SHA512 over path and SHA256(nonce + body), base64."""
    digest = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(secret, path.encode() + digest, hashlib.sha512).digest()).decode()


class KeyRing:
    """All accounts, keys and tokens. Holds what is secret; shows each private key once, to who made it."""

    def __init__(self, *, now: Callable[[], datetime], seconds: Callable[[], float], random: Random) -> None:
        self._now = now
        self._seconds = seconds
        self._random = random
        self.accounts: dict[str, VenueAccount] = {}
        self._keys: dict[str, ApiKey] = {}
        self._tokens: dict[str, WebSocketToken] = {}
        self._strikes: dict[tuple[str, str], list[float]] = {}
        self._locked_until: dict[tuple[str, str], float] = {}

    def add_account(self, name: str, profile: Profile, tier: Tier) -> VenueAccount:
        """A new account. Raises ValueError when the name is taken."""
        if name in self.accounts:
            raise ValueError(f"the account {name!r} exists already")
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        public_id = " ".join("".join(self._random.choices(letters, k=4)) for _ in range(4))
        account = VenueAccount(name, f"AA{self._random.randrange(10, 99)} {public_id}", profile, tier)
        self.accounts[name] = account
        return account

    def add_key(
        self,
        account: str,
        permissions: frozenset[str],
        label: str,
        *,
        ip_allowlist: tuple[str, ...] = (),
        expires_at: datetime | None = None,
        query_from: datetime | None = None,
        query_to: datetime | None = None,
        nonce_window: int = 0,
    ) -> ApiKey:
        """A new key of an account. Raises ValueError for an unknown account, address range or window."""
        if account not in self.accounts:
            raise ValueError(f"there is no account {account!r}")
        if nonce_window < 0:
            raise ValueError("the nonce window cannot be negative")
        for address in ip_allowlist:
            ip_network(address, strict=False)
        now = self._now()
        key = ApiKey(
            public=base64.b64encode(self._random.randbytes(42)).decode(),
            secret=self._random.randbytes(64),
            account=account,
            label=label,
            permissions=permissions,
            ip_allowlist=ip_allowlist,
            expires_at=expires_at,
            query_from=query_from,
            query_to=query_to,
            nonce_window=nonce_window,
            created_at=now,
            modified_at=now,
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
        """Forget a key and its tokens; False when there is none."""
        self._tokens = {name: token for name, token in self._tokens.items() if token.key != public}
        return self._keys.pop(public, None) is not None

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do, as an owner does on the page. Raises KeyError for an unknown key."""
        key = self._keys[public]
        key.permissions = permissions
        key.modified_at = self._now()

    def touch(self, account: str | None) -> None:
        """Mark the keys of an account, or all, as changed now."""
        for key in self._keys.values():
            if account in (None, key.account):
                key.modified_at = self._now()

    def authenticate(self, public: str, signed: str, path: str, nonce: str | None, body: bytes, remote: str) -> ApiKey:
        """The key that signed this request; its nonce is used up. Raises Refused, in Kraken's order."""
        self._refuse_locked(remote, public)
        key = self._keys.get(public)
        if key is None or not self._is_usable(key, remote):
            self._strike(remote, public)
            raise Refused(INVALID_KEY)
        expected = signature(key.secret, path, nonce or "", body)
        if not hmac.compare_digest(expected.encode(), signed.encode()):
            self._strike(remote, public)
            raise Refused(INVALID_SIGNATURE)
        if not self._use_nonce(key, nonce):
            self._strike(remote, public)
            raise Refused(INVALID_NONCE)
        key.last_used_at = self._now()
        return key

    def issue_token(self, key: ApiKey, loop_time: float) -> WebSocketToken:
        """A new WebSocket token of a key."""
        token = WebSocketToken(
            base64.b64encode(self._random.randbytes(32)).decode(), key.public, key.account, loop_time
        )
        self._tokens[token.token] = token
        return token

    def open_token(self, text: str, loop_time: float) -> WebSocketToken | None:
        """The token, if it was issued less than 15 minutes ago and its key still stands."""
        token = self._tokens.get(text)
        if token is None or loop_time - token.issued > _TOKEN_SECONDS:
            return None
        key = self._keys.get(token.key)
        return token if key is not None and not self._is_expired(key) else None

    def forget_tokens(self) -> None:
        """Make every issued token invalid."""
        self._tokens.clear()

    def _is_usable(self, key: ApiKey, remote: str) -> bool:
        if self._is_expired(key):
            return False
        if not key.ip_allowlist:
            return True
        address = ip_address(remote)
        return any(address in ip_network(allowed, strict=False) for allowed in key.ip_allowlist)

    def _is_expired(self, key: ApiKey) -> bool:
        return key.expires_at is not None and self._now() >= key.expires_at

    def _use_nonce(self, key: ApiKey, text: str | None) -> bool:
        # ASCII digits only: int() would also read signs, spaces, underscores and other scripts' digits.
        if text is None or not (text.isascii() and text.isdigit() and len(text) <= 20) or int(text) >= _NONCE_LIMIT:
            return False
        nonce = int(text)
        floor = key.highest_nonce - key.nonce_window
        if nonce <= floor or nonce in key.recent_nonces or nonce == key.highest_nonce:
            return False
        key.highest_nonce = max(key.highest_nonce, nonce)
        if key.nonce_window:
            floor = key.highest_nonce - key.nonce_window
            key.recent_nonces = {used for used in key.recent_nonces if used > floor} | {nonce}
        return True

    def _refuse_locked(self, remote: str, public: str) -> None:
        if self._seconds() < self._locked_until.get((remote, public), 0.0):
            raise Refused(LOCKOUT)

    def _strike(self, remote: str, public: str) -> None:
        """Count a bad key, signature or nonce; too many in a minute lock this key out for 15 minutes there."""
        who, now = (remote, public), self._seconds()
        strikes = [at for at in self._strikes.get(who, []) if now - at < _STRIKE_WINDOW]
        strikes.append(now)
        self._strikes[who] = strikes
        if len(strikes) >= _STRIKES:
            self._locked_until[who] = now + _LOCKOUT_SECONDS
            del self._strikes[who]
