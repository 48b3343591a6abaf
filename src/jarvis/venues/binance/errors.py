"""What Binance's error codes mean: `{"code":-2010,"msg":"Account has insufficient balance for requested action."}`.

4xx carries such a code; 5xx says that what happened is not known; 429 and 418 say when to come back. The codes and
their texts are those of https://developers.binance.com/docs (spot and margin) and of recordings, October 2026.
"""

import re
from datetime import datetime, timedelta
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
from jarvis.venues.binance.fields import from_milliseconds


class TimeRefused(Unreachable):
    """Our timestamp was outside of the venue's window: the call was proved not to be executed."""


class TokenRefused(Unreachable):
    """The stream's token is not accepted: a new one is needed."""


class KeyDoubted(KeyInvalid):
    """Key, address or permission: the venue has one code for all three."""


class _Meaning(Enum):
    KEY = "key"
    KEY_OR_PERMISSION = "key_or_permission"
    PERMISSION = "permission"
    TIME = "time"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    LIMIT = "limit"
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"


_R, _M = RefusalReason, _Meaning

_CODES: dict[int, _Meaning | RefusalReason] = {
    **dict.fromkeys((-1000, -1001, -1006, -1007, -1008, -1016, -3000, -3044, -3999), _M.AMBIGUOUS),
    **dict.fromkeys((-1002, -3001), _M.PERMISSION),
    **dict.fromkeys((-1003, -1015), _M.LIMIT),
    -1021: _M.TIME,
    **dict.fromkeys((-1022, -2014), _M.KEY),
    -2015: _M.KEY_OR_PERMISSION,
    **dict.fromkeys((-1125, -1209, -2035, -2036, -2042, -3038), _M.TOKEN),
    -3007: _M.PENDING,
    # Errors of our making: composition, parameters, windows, geometry.
    **dict.fromkeys(
        (
            -1014,
            -1020,
            *range(-1106, -1099),
            -1108,
            -1111,
            *range(-1117, -1113),
            -1120,
            -1121,
            -1127,
            -1128,
            -1130,
            -1131,
        ),
        _R.INVALID,
    ),
    -1131: _R.INVALID,
    **dict.fromkeys((-1158, -1165, -1166, -1168, *range(-1199, -1195), -3002, -3005, -3020, -4047), _R.INVALID),
    **dict.fromkeys((-2013, -2026), _R.UNKNOWN_ORDER),
    **dict.fromkeys((-3003, -11001), _R.AGREEMENT_REQUIRED),
    **dict.fromkeys((-3004, -3008, -3009, -3010, -3012, -3014, -3021, -3022, -3027, -3028), _R.NOT_ELIGIBLE),
    **dict.fromkeys((-3006, -11008), _R.POSITION_LIMIT),
    **dict.fromkeys((-3013, -3016), _R.BELOW_MINIMUM),
    -3015: _R.NOTHING_TO_REDUCE,
    **dict.fromkeys((-3023, -3024, -3025, -3026, -3029, -3036, -3042, -3043), _R.MARGIN_LEVEL_TOO_LOW),
    -3041: _R.INSUFFICIENT_FUNDS,
    -3045: _R.LENDING_POOL_EMPTY,
}

# What the venue has decided about an account: nothing that trying again mends, so the words say who can.
_ADVICE = {
    -3001: "Switch on two-factor authentication for your Binance account, then check the key again.",
    -3004: "Binance does not let this account trade on margin now; ask Binance's support.",
    -3014: "Binance does not lend to this account now; ask Binance's support.",
    -3022: "Binance has stopped this account's margin trading; ask Binance's support.",
    -3036: "Binance does not let this account repay now; ask Binance's support before interest grows.",
}

# Codes whose text decides; first match wins, compared without case. What none matches was still refused.
_FILTERS = (
    ("percent_price", _R.PRICE_STEP),
    ("price_filter", _R.PRICE_STEP),
    ("lot_size", _R.BELOW_MINIMUM),
    ("notional", _R.BELOW_MINIMUM),
    ("max_position", _R.POSITION_LIMIT),
    ("max_num", _R.ORDER_LIMIT),
    ("", _R.INVALID),
)
_NEW_ORDER = (
    ("insufficient balance", _R.INSUFFICIENT_FUNDS),
    ("would trigger immediately", _R.WOULD_TAKE),
    ("would immediately match", _R.WOULD_TAKE),
    ("market is closed", _R.MARKET_CLOSED),
    ("duplicate", _R.DUPLICATE_ID),
    ("not permitted", _R.NOT_ELIGIBLE),
    ("restricted", _R.NOT_ELIGIBLE),
    ("disabled", _R.NOT_ELIGIBLE),
    ("", _R.INVALID),
)
_CANCEL = (("unknown order", _R.UNKNOWN_ORDER), ("", _R.INVALID))
_BY_TEXT = {-1013: _FILTERS, -2010: _NEW_ORDER, -2011: _CANCEL}

_BANNED_UNTIL = re.compile(r"until (\d{13})")
_LIMIT_PAUSE = timedelta(seconds=10)
_PENDING_PAUSE = timedelta(seconds=1)


def error_for(code: int, message: str, *, write: bool, now: datetime, retry_after: timedelta | None) -> VenueError:
    """The error that a code and its text mean. A code that we do not know leaves a write's outcome unknown."""
    said = f"{code}: {message}"
    if code in _ADVICE:
        said = f"{said} {_ADVICE[code]}"
    meaning = _meaning(code, message)
    match meaning:
        case RefusalReason():
            return Rejected(meaning, said)
        case _Meaning.KEY:
            return KeyInvalid(f"Binance does not accept the key: {said}")
        case _Meaning.KEY_OR_PERMISSION:
            return KeyDoubted(f"Binance does not accept the key for this: {said}")
        case _Meaning.PERMISSION:
            return NotPermitted(f"Binance refused: {said}")
        case _Meaning.TIME:
            return TimeRefused(said)
        case _Meaning.TOKEN:
            return TokenRefused(said)
        case _Meaning.LIMIT:
            return RateLimited(said, retry_after or _pause(message, now))
        case _Meaning.PENDING:
            return RateLimited(said, _PENDING_PAUSE)
        case _Meaning.AMBIGUOUS:
            return OutcomeUnknown(said) if write else Unreachable(said)
        case None:
            return OutcomeUnknown(said) if write else UnreadableAnswer(f"Binance said {said!r}, which we do not know")


def _meaning(code: int, message: str) -> _Meaning | RefusalReason | None:
    if code in _BY_TEXT:
        lowered = message.casefold()
        return next(meaning for known, meaning in _BY_TEXT[code] if known in lowered)
    return _CODES.get(code)


def _pause(message: str, now: datetime) -> timedelta:
    """How long to wait: the text of a ban names the instant (`IP banned until 1731000000000`), the others do not."""
    until = _BANNED_UNTIL.search(message)
    return max(timedelta(seconds=1), from_milliseconds(int(until[1])) - now) if until else _LIMIT_PAUSE
