"""What Kraken's error strings mean: `EOrder:Insufficient funds` and its like, in the words of `venues.base`.

Kraken answers HTTP 200 to almost everything; `error[]` decides. Strings are `E` (error) or `W` (warning), a category,
a text, and sometimes a detail: `EService:Throttled: 1731000000`. Seen in https://docs.kraken.com and in recordings
of real accounts, September 2026.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum

from jarvis.venues.base import (
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Rejected,
    Unreachable,
    UnreadableAnswer,
    VenueError,
)


class NonceRefused(Unreachable):
    """Our nonce was not above the last one that the venue saw: the call was proved not to be executed."""


class SessionRefused(Unreachable):
    """The stream's token is not accepted: a new one is needed."""


class _Meaning(Enum):
    KEY = "key"
    PERMISSION = "permission"
    NONCE = "nonce"
    SESSION = "session"
    LIMIT = "limit"
    LOCKOUT = "lockout"
    AMBIGUOUS = "ambiguous"


_R = RefusalReason

# First match wins, compared without case: longer texts stand before shorter ones that they begin with.
_TABLE: tuple[tuple[str, _Meaning | RefusalReason], ...] = (
    ("EAPI:Invalid key", _Meaning.KEY),
    ("EAPI:Invalid signature", _Meaning.KEY),
    ("EAPI:Invalid nonce", _Meaning.NONCE),
    ("EAPI:Rate limit exceeded", _Meaning.LIMIT),
    ("EAPI:Bad request", _R.INVALID),
    ("EGeneral:Temporary lockout", _Meaning.LOCKOUT),
    ("EGeneral:Too many requests", _Meaning.LIMIT),
    ("EGeneral:Permission denied", _Meaning.PERMISSION),
    ("EGeneral:Invalid arguments", _R.INVALID),
    ("EGeneral:Unknown method", _R.INVALID),
    ("EGeneral:Internal error", _Meaning.AMBIGUOUS),
    ("EDatabase:", _Meaning.AMBIGUOUS),
    ("EService:Unavailable", _Meaning.AMBIGUOUS),
    ("EService:Busy", _Meaning.AMBIGUOUS),
    ("EService:Throttled", _Meaning.LIMIT),
    ("EService:Deadline elapsed", _R.TOO_LATE),
    ("EService:Market in ", _R.MARKET_CLOSED),
    ("EAuth:Account temporary disabled", _Meaning.PERMISSION),
    ("EAuth:Account unconfirmed", _Meaning.PERMISSION),
    ("EAuth:Too many requests", _Meaning.LIMIT),
    ("EAuth:Rate limit exceeded", _Meaning.LIMIT),
    ("EAccount:Invalid permissions", _R.NOT_ELIGIBLE),
    ("EBM:limit exceeded", _R.NOT_ELIGIBLE),
    ("ESession:Invalid session", _Meaning.SESSION),
    ("ETrade:User Locked", _R.MARKET_CLOSED),
    ("ETrade:Invalid request", _R.INVALID),
    ("EQuery:", _R.INVALID),
    ("EFunding:", _R.INVALID),
    ("EOrder:Insufficient funds", _R.INSUFFICIENT_FUNDS),
    ("EOrder:Insufficient margin", _R.LENDING_POOL_EMPTY),
    ("EOrder:Margin level too low", _R.MARGIN_LEVEL_TOO_LOW),
    ("EOrder:Margin allowance exceeded", _R.POSITION_LIMIT),
    ("EOrder:Margin position size exceeded", _R.POSITION_LIMIT),
    ("EOrder:Positions limit exceeded", _R.POSITION_LIMIT),
    ("EOrder:Cannot open", _R.NOT_ELIGIBLE),
    ("EOrder:Trading agreement required", _R.AGREEMENT_REQUIRED),
    ("EOrder:Reduce only", _R.NOTHING_TO_REDUCE),
    ("EOrder:Unknown position", _R.NOTHING_TO_REDUCE),
    ("EOrder:Order minimum not met", _R.BELOW_MINIMUM),
    ("EOrder:Cost minimum not met", _R.BELOW_MINIMUM),
    ("EOrder:Tick size check failed", _R.PRICE_STEP),
    ("EOrder:Invalid price", _R.PRICE_STEP),
    ("EOrder:Post only order", _R.WOULD_TAKE),
    ("EOrder:Orders limit exceeded", _R.ORDER_LIMIT),
    ("EOrder:Scheduled orders limit exceeded", _R.ORDER_LIMIT),
    ("EOrder:Rate limit exceeded", _R.RATE_LIMIT),
    ("EOrder:Domain rate limit exceeded", _R.RATE_LIMIT),
    ("EOrder:Unknown order", _R.UNKNOWN_ORDER),
    ("EOrder:Invalid order", _R.UNKNOWN_ORDER),
)

_LIMIT_PAUSE = timedelta(seconds=10)
_LOCKOUT_PAUSE = timedelta(minutes=15)


def error_for(strings: Sequence[str], *, write: bool, now: datetime) -> VenueError | None:
    """The error that a list of Kraken's strings means; None if all are warnings.

    One sign of an unknown outcome among several makes the whole outcome unknown. A string that we do not know makes
    a write's outcome unknown too, but for those of the order book (`EOrder:`): they are said instead of an order.
    """
    errors = [_one(text, write=write, now=now) for text in strings if not text.startswith("W")]
    for kind in (OutcomeUnknown, KeyInvalid, NotPermitted, RateLimited):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0] if errors else None


def _one(text: str, *, write: bool, now: datetime) -> VenueError:
    if _names_client_id(text):
        return Rejected(_R.DUPLICATE_ID, text)
    meaning = _meaning(text)
    match meaning:
        case RefusalReason():
            return Rejected(meaning, text)
        case _Meaning.KEY:
            return KeyInvalid(f"Kraken does not accept the key: {text}")
        case _Meaning.PERMISSION:
            return NotPermitted(f"Kraken refused: {text}")
        case _Meaning.NONCE:
            return NonceRefused(text)
        case _Meaning.SESSION:
            return SessionRefused(text)
        case _Meaning.LIMIT:
            return RateLimited(text, _pause(text, now))
        case _Meaning.LOCKOUT:
            return RateLimited(text, _LOCKOUT_PAUSE)
        case _Meaning.AMBIGUOUS:
            return OutcomeUnknown(text) if write else Unreachable(text)
        case None:
            if text.startswith("EOrder:"):
                return Rejected(_R.INVALID, text)
            return OutcomeUnknown(text) if write else UnreadableAnswer(f"Kraken said {text!r}, which we do not know")


def _meaning(text: str) -> _Meaning | RefusalReason | None:
    lowered = text.casefold()
    return next((meaning for known, meaning in _TABLE if lowered.startswith(known.casefold())), None)


def _names_client_id(text: str) -> bool:
    """Whether the venue objects to the client order id. Ours are well formed, so what is wrong is that it is in use.

    The venue's words for that are not recorded; taking any of them for it is safe, because the order is then looked
    up, never taken for refused.
    """
    lowered = text.casefold()
    return "cl_ord_id" in lowered or "client order id" in lowered


def _pause(text: str, now: datetime) -> timedelta:
    """How long to wait: `EService:Throttled: 1731000000` names the instant, the others do not."""
    moment = text.rpartition(":")[2].strip()
    if text.startswith("EService:Throttled") and moment.isdecimal() and len(moment) <= len("9999999999"):
        return max(timedelta(seconds=1), datetime.fromtimestamp(int(moment), UTC) - now)
    return _LIMIT_PAUSE
