"""What opens private streams: listen tokens for user data, listen keys for the cross account's risk data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jarvis.domain.money import ONE, Asset
from jarvis.emulators.binance.account import level_status, margin_level
from jarvis.emulators.binance.errors import INVALID_LISTEN_KEY, RISK_LISTEN_KEY, Refused, invalid
from jarvis.emulators.binance.reference import rates_of
from jarvis.emulators.binance.state import CROSS, Call, VenueState
from jarvis.emulators.binance.text import Json, amount, ms

LIABILITY = "USER_LIABILITY_CHANGE"
LEVEL = "MARGIN_LEVEL_STATUS_CHANGE"
_DAY = 86_400_000
_KEY_LIFE = timedelta(minutes=60)
_USDT = Asset("USDT")


@dataclass(frozen=True, slots=True)
class ListenToken:
    """A key's pass to the user data of one pot, until it expires."""

    text: str
    key: str
    account: str
    pot: str
    expires_at: datetime


class ListenTokens:
    """All listen tokens."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._tokens: dict[str, ListenToken] = {}

    def create(self, call: Call) -> Any:
        """A new token for the cross account or for a pair's own."""
        params = call.params
        is_isolated = params.boolean("isIsolated")
        pot = self._state.isolated(call.account, params.required("symbol")) if is_isolated else None
        if pot is None:
            pot = self._state.cross(call.account)
        validity = params.integer("validity")
        validity = _DAY if validity is None else validity
        if not 0 < validity <= _DAY:
            raise invalid("validity")
        expires_at = self._state.now() + timedelta(milliseconds=validity)
        token = ListenToken(self._state.keys.word(60), call.key.public, call.account.name, pot, expires_at)
        self._tokens[token.text] = token
        return {"token": token.text, "expirationTime": ms(expires_at)}

    def find(self, text: str) -> ListenToken | None:
        """The token, if it still opens its stream."""
        token = self._tokens.get(text)
        if token is None or token.expires_at <= self._state.now() or self._state.keys.find(token.key) is None:
            return None
        return token

    def forget(self, token: ListenToken) -> None:
        """Make a token invalid."""
        self._tokens.pop(token.text, None)


class ListenKeys:
    """Keys of the risk stream: one per account, alive for an hour after each refresh."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._keys: dict[str, tuple[str, datetime]] = {}
        self._dead: set[str] = set()

    def create(self, call: Call) -> Any:
        """The account's key, new or refreshed."""
        self._state.cross(call.account)
        known = next((text for text, (account, _) in self._keys.items() if account == call.account.name), None)
        if known is None or self.is_dead(known):
            known = self._state.keys.word(60)
        self._keys[known] = (call.account.name, self._state.now() + _KEY_LIFE)
        return {"listenKey": known}

    def refresh(self, call: Call) -> Any:
        """Another hour."""
        text = self._own(call)
        self._keys[text] = (call.account.name, self._state.now() + _KEY_LIFE)
        return {}

    def close(self, call: Call) -> Any:
        """The end of the key."""
        text = self._own(call)
        del self._keys[text]
        self._dead.add(text)
        return {}

    def account_of(self, text: str) -> str | None:
        """Whose risk stream it is."""
        known = self._keys.get(text)
        return known[0] if known is not None and not self.is_dead(text) else None

    def is_dead(self, text: str) -> bool:
        """Whether it was a key and is none any more."""
        known = self._keys.get(text)
        return text in self._dead if known is None else known[1] <= self._state.now()

    def _own(self, call: Call) -> str:
        text = call.params.text("listenKey")
        if text is not None and not text.isalnum():
            raise Refused(INVALID_LISTEN_KEY)
        for known, (account, _) in self._keys.items():
            if account == call.account.name and text in (None, known) and not self.is_dead(known):
                return known
        raise Refused(RISK_LISTEN_KEY)


def level_event(state: VenueState, account: str) -> Json:
    """`MARGIN_LEVEL_STATUS_CHANGE` of the cross account."""
    level, rates = margin_level(state.exchange.wallet(account, CROSS)), rates_of(state, CROSS)
    status = level_status(level, ONE + rates.call_rate(_USDT), ONE + rates.maintenance_rate(_USDT))
    return {"e": LEVEL, "E": ms(state.now()), "l": amount(level), "s": status}
