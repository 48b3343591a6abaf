"""What OKX's error codes mean, in the words of `venues.base`.

Codes are five digits; the words beside them change and are only shown. A trading call tells its code per item (`sCode`,
newer answers also a finer `subCode`), with `1` or `2` outside. Seen in https://www.okx.com/docs-v5/en/#error-code and
in the tables of public clients, March to July 2026.
"""

from datetime import timedelta
from enum import Enum

from jarvis.venues.base import (
    KeyInvalid,
    KeyUnknown,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Rejected,
    Unreachable,
    UnreadableAnswer,
    VenueError,
)


class TimestampRefused(Unreachable):
    """Our timestamp was too old or too new for the venue: the call was proved not to be executed."""


class InMaintenance(Unreachable):
    """The venue says that it serves nobody now."""


class NotFound(Rejected):
    """The order or algo order that was asked for is not there."""


class AlreadyCancelling(Rejected):
    """The order is there and is being cancelled."""


class _Meaning(Enum):
    KEY = "key"
    UNKNOWN_KEY = "unknown_key"
    PERMISSION = "permission"
    CLOCK = "clock"
    LIMIT = "limit"
    AMBIGUOUS = "ambiguous"
    UNAVAILABLE = "unavailable"


_M, _R = _Meaning, RefusalReason
UNAVAILABLE_CODE = "50001"

_CODES: dict[str, _Meaning | RefusalReason] = {
    # The venue itself
    "50000": _R.INVALID,
    UNAVAILABLE_CODE: _M.UNAVAILABLE,
    "50002": _R.INVALID,
    "50004": _M.AMBIGUOUS,
    "50005": _M.UNAVAILABLE,
    "50006": _R.INVALID,
    "50007": _M.PERMISSION,
    "50008": _M.KEY,
    "50009": _R.MARKET_CLOSED,
    "50011": _M.LIMIT,
    "50013": _M.LIMIT,
    "50014": _R.INVALID,
    "50015": _R.INVALID,
    "50016": _R.INVALID,
    "50024": _R.INVALID,
    "50025": _R.INVALID,
    "50026": _M.AMBIGUOUS,
    "50027": _M.PERMISSION,
    "50030": _M.PERMISSION,
    "50035": _M.PERMISSION,
    "50036": _R.TOO_LATE,
    "50037": _R.TOO_LATE,
    "50061": _M.LIMIT,
    # Keys
    "50100": _M.KEY,
    "50101": _M.KEY,
    "50102": _M.CLOCK,
    "50103": _M.KEY,
    "50104": _M.KEY,
    "50105": _M.KEY,
    "50106": _M.KEY,
    "50107": _M.KEY,
    "50110": _M.KEY,
    "50111": _M.KEY,
    "50112": _M.CLOCK,
    "50113": _M.KEY,
    "50114": _M.KEY,
    "50119": _M.UNKNOWN_KEY,
    "50120": _M.PERMISSION,
    # Orders
    "51000": _R.INVALID,
    "51001": _R.MARKET_CLOSED,
    "51004": _R.POSITION_LIMIT,
    "51005": _R.POSITION_LIMIT,
    "51006": _R.INVALID,
    "51008": _R.INSUFFICIENT_FUNDS,
    "51009": _R.MARKET_CLOSED,
    "51010": _R.NOT_ELIGIBLE,
    "51011": _R.DUPLICATE_ID,
    "51016": _R.DUPLICATE_ID,
    "51017": _R.LENDING_POOL_EMPTY,
    "51020": _R.BELOW_MINIMUM,
    "51021": _R.MARKET_CLOSED,
    "51022": _R.MARKET_CLOSED,
    "51023": _R.NOTHING_TO_REDUCE,
    "51024": _R.NOT_ELIGIBLE,
    "51025": _R.ORDER_LIMIT,
    "51027": _R.MARKET_CLOSED,
    "51054": _M.AMBIGUOUS,
    "51065": _R.DUPLICATE_ID,
    "51068": _R.DUPLICATE_ID,
    "51077": _R.INVALID,
    "51094": _R.INVALID,
    "51100": _R.BELOW_MINIMUM,
    "51112": _R.NOTHING_TO_REDUCE,
    "51117": _R.ORDER_LIMIT,
    "51118": _R.BELOW_MINIMUM,
    "51119": _R.INSUFFICIENT_FUNDS,
    "51120": _R.BELOW_MINIMUM,
    "51121": _R.BELOW_MINIMUM,
    "51127": _R.INSUFFICIENT_FUNDS,
    "51129": _R.POSITION_LIMIT,
    "51131": _R.INSUFFICIENT_FUNDS,
    "51133": _R.INVALID,
    "51134": _R.NOTHING_TO_REDUCE,
    "51139": _R.INVALID,
    "51149": _M.AMBIGUOUS,
    "51155": _R.NOT_ELIGIBLE,
    "51169": _R.NOTHING_TO_REDUCE,
    "51170": _R.NOTHING_TO_REDUCE,
    "51174": _R.ORDER_LIMIT,
    "51186": _R.POSITION_LIMIT,
    "51205": _R.NOTHING_TO_REDUCE,
    "51317": _R.INVALID,
    "51400": _R.UNKNOWN_ORDER,
    "51401": _R.UNKNOWN_ORDER,
    "51402": _R.UNKNOWN_ORDER,
    "51405": _R.UNKNOWN_ORDER,
    "51415": _R.INVALID,
    "51502": _R.INSUFFICIENT_FUNDS,
    "51503": _R.UNKNOWN_ORDER,
    "51509": _R.UNKNOWN_ORDER,
    "51510": _R.UNKNOWN_ORDER,
    "51511": _R.WOULD_TAKE,
    "51543": _R.INVALID,
    "51603": _R.UNKNOWN_ORDER,
    "51732": _R.NOT_ELIGIBLE,
    "51733": _R.NOT_ELIGIBLE,
    "51734": _R.NOT_ELIGIBLE,
    "54000": _R.NOT_ELIGIBLE,
    # Leverage and lending
    "59102": _R.POSITION_LIMIT,
    "59104": _R.POSITION_LIMIT,
    "59106": _R.POSITION_LIMIT,
    "59107": _R.ORDER_LIMIT,
    "59108": _R.INSUFFICIENT_FUNDS,
    "59113": _R.NOT_ELIGIBLE,
    "59114": _R.NOT_ELIGIBLE,
    # Streams
    "60001": _M.KEY,
    "60002": _M.KEY,
    "60003": _M.KEY,
    "60004": _M.CLOCK,
    "60005": _M.KEY,
    "60006": _M.CLOCK,
    "60007": _M.KEY,
    "60008": _R.INVALID,
    "60009": _M.KEY,
    "60011": _M.KEY,
    "60012": _R.INVALID,
    "60013": _R.INVALID,
    "60014": _M.LIMIT,
    "60018": _R.INVALID,
    "60023": _M.LIMIT,
    "60024": _M.KEY,
    "60027": _R.INVALID,
    "60028": _R.INVALID,
    "60031": _R.INVALID,
    "60032": _M.UNKNOWN_KEY,
    "63999": _M.UNAVAILABLE,
    "64001": _R.INVALID,
    "64002": _R.INVALID,
    "64003": _M.PERMISSION,
    "64008": _M.UNAVAILABLE,
}
# What the venue has decided about an account: nothing that trying again mends, so the words say who can.
_ADVICE = {
    "50030": "Make a key with reading and trading ticked, and connect that.",
    "50035": "Bind the key to this server's address on OKX's API page.",
    "50120": "Tick reading and trading for the key on OKX's API page.",
    "59113": "OKX does not offer margin where you live.",
    "59114": "OKX does not lend where you live.",
}
# Finer than their code: why an order lacks money.
_SUB_CODES: dict[str, RefusalReason] = {
    "51008_1000": _R.INSUFFICIENT_FUNDS,
    "51008_1001": _R.INSUFFICIENT_FUNDS,
    "51008_1002": _R.NOT_ELIGIBLE,
    "51008_1003": _R.NOT_ELIGIBLE,
    "51008_1004": _R.LENDING_POOL_EMPTY,
    "51008_1005": _R.LENDING_POOL_EMPTY,
    "51008_1006": _R.LENDING_POOL_EMPTY,
    "51008_1007": _R.LENDING_POOL_EMPTY,
}
_ORDER_CODES = "51"
_TOO_MANY = 429
_CANCELLING_CODE = "51410"
_LIMIT_PAUSE = timedelta(seconds=2)
_WRONG_REGION = (
    "OKX does not know this key on this site: was it deleted, or made on another of OKX's sites? "
    "A key of another region looks like this; choose the site on which you made it (www, eea or us)."
)


def error_for(code: str, message: str, *, write: bool, sub_code: str = "") -> VenueError:
    """The error that a code other than `0` means.

    A code that we do not know makes a write's outcome unknown, but for those about orders (51xxx): they are said
    instead of an order.
    """
    shown = f"{sub_code or code} {message}".strip()
    if code in _ADVICE:
        shown = f"{shown} {_ADVICE[code]}"
    if code == _CANCELLING_CODE:
        return AlreadyCancelling(RefusalReason.UNKNOWN_ORDER, shown)
    meaning = _SUB_CODES.get(sub_code) or _CODES.get(code)
    match meaning:
        case RefusalReason.UNKNOWN_ORDER:
            return NotFound(meaning, shown)
        case RefusalReason():
            return Rejected(meaning, shown)
        case _Meaning.KEY:
            return KeyInvalid(f"OKX does not accept the key: {shown}")
        case _Meaning.UNKNOWN_KEY:
            return KeyUnknown(f"{_WRONG_REGION} ({code})")
        case _Meaning.PERMISSION:
            return NotPermitted(f"OKX refused: {shown}")
        case _Meaning.CLOCK:
            return TimestampRefused(shown)
        case _Meaning.LIMIT:
            return RateLimited(shown, _LIMIT_PAUSE)
        case _Meaning.AMBIGUOUS:
            return OutcomeUnknown(shown) if write else Unreachable(shown)
        case _Meaning.UNAVAILABLE:
            return OutcomeUnknown(shown) if write else InMaintenance(shown)
        case None:
            if code.startswith(_ORDER_CODES):
                return Rejected(RefusalReason.INVALID, shown)
            return OutcomeUnknown(shown) if write else UnreadableAnswer(f"OKX said {code}, which we do not know")


def error_for_status(status: int, operation: str, *, write: bool) -> VenueError:
    """The error of an answer that carries no code: it comes from what stands before the exchange."""
    message = f"{operation} was answered with HTTP {status}"
    if status == _TOO_MANY:
        return RateLimited(message, _LIMIT_PAUSE)
    return OutcomeUnknown(message) if write else Unreachable(message)
