"""What Bybit's `retCode` means, in the words of `venues.base`.

Answers of the exchange are HTTP 200; `retCode` decides, 0 is no error, and `retMsg` is for people and not stable.
Codes: https://bybit-exchange.github.io/docs/v5/error, seen 2026-07.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

from jarvis.venues.base import (
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Refused,
    Rejected,
    Unreachable,
    UnreadableAnswer,
    VenueError,
)


class ClockRefused(Unreachable):
    """The timestamp was outside the venue's window: the call was proved not to be executed."""


class Down(Unreachable):
    """The venue itself says, or shows, that it does not serve now."""


class _Meaning(Enum):
    KEY = "key"
    PERMISSION = "permission"
    CLOCK = "clock"
    LIMIT = "limit"
    AMBIGUOUS = "ambiguous"
    REPAY_LATER = "repay later"


_R = RefusalReason

_TABLE: Mapping[int, _Meaning | RefusalReason] = {
    # The gateway's own: nothing reached the order book, but for its time-outs.
    10000: _Meaning.AMBIGUOUS,
    10001: _R.INVALID,
    10002: _Meaning.CLOCK,
    10003: _Meaning.KEY,
    10004: _Meaning.KEY,
    10005: _Meaning.PERMISSION,
    10006: _Meaning.LIMIT,
    10007: _Meaning.KEY,
    10008: _Meaning.PERMISSION,
    10009: _Meaning.PERMISSION,
    10010: _Meaning.KEY,
    10014: _R.DUPLICATE_ID,
    10016: _Meaning.AMBIGUOUS,
    10017: _R.INVALID,
    10018: _Meaning.LIMIT,
    10019: _Meaning.AMBIGUOUS,
    10024: _Meaning.PERMISSION,
    10028: _R.NOT_ELIGIBLE,
    10403: _Meaning.LIMIT,
    10404: _R.INVALID,
    10429: _Meaning.LIMIT,
    20001: _R.INVALID,
    20003: _Meaning.LIMIT,
    20006: _R.DUPLICATE_ID,
    33004: _Meaning.KEY,
    -2015: _Meaning.KEY,
    # Funds, margin, and who may use it.
    170131: _R.INSUFFICIENT_FUNDS,
    170033: _R.INSUFFICIENT_FUNDS,
    170034: _R.POSITION_LIMIT,
    170036: _R.AGREEMENT_REQUIRED,
    176002: _R.AGREEMENT_REQUIRED,
    176008: _R.AGREEMENT_REQUIRED,
    176009: _R.AGREEMENT_REQUIRED,
    176038: _R.AGREEMENT_REQUIRED,
    170037: _R.NOT_ELIGIBLE,
    170344: _R.NOT_ELIGIBLE,
    170359: _R.NOT_ELIGIBLE,
    176011: _R.NOT_ELIGIBLE,
    176012: _R.NOT_ELIGIBLE,
    176013: _R.NOT_ELIGIBLE,
    182021: _R.NOT_ELIGIBLE,
    170207: _R.LENDING_POOL_EMPTY,
    176028: _R.LENDING_POOL_EMPTY,
    170226: _R.MARGIN_LEVEL_TOO_LOW,
    176019: _R.MARGIN_LEVEL_TOO_LOW,
    176034: _R.INVALID,
    176039: _R.INVALID,
    176040: _R.INVALID,
    # What is wrong with an order.
    170121: _R.MARKET_CLOSED,
    170124: _R.ORDER_LIMIT,
    170130: _R.INVALID,
    170132: _R.PRICE_STEP,
    170133: _R.PRICE_STEP,
    170134: _R.PRICE_STEP,
    170193: _R.PRICE_STEP,
    170194: _R.PRICE_STEP,
    170371: _R.PRICE_STEP,
    170372: _R.PRICE_STEP,
    170136: _R.BELOW_MINIMUM,
    170137: _R.INVALID,
    170140: _R.BELOW_MINIMUM,
    170148: _R.INVALID,
    170141: _R.DUPLICATE_ID,
    170201: _R.INVALID,
    170202: _R.INVALID,
    170203: _R.INVALID,
    170204: _R.INVALID,
    170210: _R.MARKET_CLOSED,
    170217: _R.WOULD_TAKE,
    170218: _R.WOULD_TAKE,
    170810: _R.ORDER_LIMIT,
    # The order is not (or not in this list) to be found.
    170142: _R.UNKNOWN_ORDER,
    170143: _R.UNKNOWN_ORDER,
    170190: _R.UNKNOWN_ORDER,
    170213: _R.UNKNOWN_ORDER,
    # The order's state is not known: to be looked up.
    170007: _Meaning.AMBIGUOUS,
    170146: _Meaning.AMBIGUOUS,
    170147: _Meaning.AMBIGUOUS,
    # Repayments.
    182100: _Meaning.REPAY_LATER,
    182101: _Meaning.REPAY_LATER,
    182102: _Meaning.REPAY_LATER,
    182103: _Meaning.REPAY_LATER,
    182120: _Meaning.REPAY_LATER,
}

# What the venue has decided about an account: nothing that trying again mends, so the words say who can.
_ADVICE = {
    10007: "Make a new key at Bybit and connect it.",
    10008: "Bybit has banned this account; ask Bybit's support.",
    10009: "Bybit has banned this server's address; wait, or ask Bybit's support.",
    10024: "Bybit's rules for your country or account forbid this; look at the messages on Bybit's site.",
    170359: "Bybit's site on which you are registered offers no spot margin.",
    176012: "Bybit lends nothing for this pair.",
    176013: "Bybit's site on which you are registered offers no loans.",
}

_DOWN = frozenset({10016, 10019})
_LIMIT_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=10)
_REPAY_PAUSE = timedelta(minutes=2)
_RESET_HEADER = "x-bapi-limit-reset-timestamp"


def error_for(code: int, message: str, headers: Mapping[str, str], *, write: bool, now: datetime) -> VenueError | None:
    """The error that a `retCode` means; None for 0. A code that we do not know leaves a write's outcome unknown."""
    if code == 0:
        return None
    told = f"Bybit said {code}: {message}"
    if code in _ADVICE:
        told = f"{told} {_ADVICE[code]}"
    meaning = _TABLE.get(code)
    match meaning:
        case RefusalReason():
            return Rejected(meaning, told)
        case _Meaning.KEY:
            return KeyInvalid(f"Bybit does not accept the key. {told}")
        case _Meaning.PERMISSION:
            return NotPermitted(told)
        case _Meaning.CLOCK:
            return ClockRefused(told)
        case _Meaning.LIMIT:
            return RateLimited(told, pause_of(headers, now))
        case _Meaning.REPAY_LATER:
            return RateLimited(told, _REPAY_PAUSE)
        case _Meaning.AMBIGUOUS:
            if write:
                return OutcomeUnknown(told)
            return Down(told) if code in _DOWN else Unreachable(told)
        case None:
            return OutcomeUnknown(told) if write else UnreadableAnswer(f"Bybit said {code}, which we do not know")


def error_for_status(status: int, operation: str, *, write: bool) -> VenueError | None:
    """The error that an HTTP status means; None for 200, where the exchange itself speaks.

    Anything else comes from what stands before the exchange, and so says nothing of a write; but for 401, which
    is said instead of looking at the call.
    """
    if status == 200:
        return None
    message = f"{operation} was answered with HTTP {status}"
    if status == 401:
        return KeyInvalid(message)
    if write:
        return OutcomeUnknown(message)
    if status == 403:
        # Too many requests of this address, or an address of a country that is not served: both last.
        return RateLimited(message, _LONGEST_PAUSE)
    if status == 429:
        return RateLimited(message, _LIMIT_PAUSE)
    return Down(message) if status >= 500 else Unreachable(message)


def pause_of(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long to wait: until the reset that the answer's header names (Unix milliseconds), or a second."""
    told = next((value for name, value in headers.items() if name.lower() == _RESET_HEADER), "")
    if told.isdecimal() and len(told) <= len("9999999999999"):
        until = datetime.fromtimestamp(int(told) / 1000, UTC) - now
        return min(_LONGEST_PAUSE, max(timedelta(milliseconds=100), until))
    return _LIMIT_PAUSE


def refused_value(refusal: Rejected) -> Refused:
    """The refusal as a value; but "this id is in use" proves that the order, or its twin, exists."""
    if refusal.reason is RefusalReason.DUPLICATE_ID:
        raise OutcomeUnknown("an order carries this client order id already") from refusal
    return Refused(refusal.reason, str(refusal))
