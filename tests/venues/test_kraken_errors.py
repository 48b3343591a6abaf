"""What each of Kraken's error strings becomes, for a read and for a write."""

from datetime import UTC, datetime, timedelta

import pytest

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
from jarvis.venues.kraken.errors import NonceRefused, SessionRefused, error_for

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
R = RefusalReason


def told(*strings: str, write: bool = True) -> VenueError | None:
    return error_for(strings, write=write, now=NOW)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EOrder:Insufficient funds", R.INSUFFICIENT_FUNDS),
        ("EOrder:Margin level too low", R.MARGIN_LEVEL_TOO_LOW),
        ("EOrder:Insufficient margin", R.LENDING_POOL_EMPTY),
        ("EOrder:Margin allowance exceeded", R.POSITION_LIMIT),
        ("EOrder:Margin position size exceeded", R.POSITION_LIMIT),
        ("EOrder:Positions limit exceeded", R.POSITION_LIMIT),
        ("EOrder:Cannot open position", R.NOT_ELIGIBLE),
        ("EOrder:Cannot open opposing position", R.NOT_ELIGIBLE),
        ("EAccount:Invalid permissions:BTC trading restricted", R.NOT_ELIGIBLE),
        ("EBM:limit exceeded:CAL", R.NOT_ELIGIBLE),
        ("EOrder:Trading agreement required", R.AGREEMENT_REQUIRED),
        ("EOrder:Reduce only:No position exists", R.NOTHING_TO_REDUCE),
        ("EOrder:Unknown position", R.NOTHING_TO_REDUCE),
        ("EOrder:Order minimum not met", R.BELOW_MINIMUM),
        ("EOrder:Cost minimum not met", R.BELOW_MINIMUM),
        ("EOrder:Tick size check failed", R.PRICE_STEP),
        ("EOrder:Invalid price:BCH/USD:BTNL price can only be specified up to 2 decimals.", R.PRICE_STEP),
        ("EOrder:Post only order", R.WOULD_TAKE),
        ("EOrder:Orders limit exceeded", R.ORDER_LIMIT),
        ("EOrder:Scheduled orders limit exceeded", R.ORDER_LIMIT),
        ("EOrder:Rate limit exceeded", R.RATE_LIMIT),
        ("EOrder:Domain rate limit exceeded", R.RATE_LIMIT),
        ("EOrder:Unknown order", R.UNKNOWN_ORDER),
        ("EOrder:Invalid order", R.UNKNOWN_ORDER),
        ("EOrder:Something that nobody has seen yet", R.INVALID),
        ("EOrder:cl_ord_id is not unique", R.DUPLICATE_ID),
        ("EGeneral:Invalid arguments:cl_ord_id", R.DUPLICATE_ID),
        ("EGeneral:Invalid arguments:leverage", R.INVALID),
        ("EGeneral:Invalid arguments:Index unavailable", R.INVALID),
        ("EGeneral:Unknown method", R.INVALID),
        ("EAPI:Bad request", R.INVALID),
        ("EService:Market in cancel_only mode", R.MARKET_CLOSED),
        ("EService:Market in post_only mode", R.MARKET_CLOSED),
        ("EService:Market in limit_only mode", R.MARKET_CLOSED),
        ("EService:Deadline elapsed", R.TOO_LATE),
        ("EQuery:Unknown asset pair", R.INVALID),
        ("EFunding:Unknown withdraw key", R.INVALID),
        ("ETrade:User Locked", R.MARKET_CLOSED),
        ("ETrade:Invalid request", R.INVALID),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_no_of_the_venue_has_its_reason(text: str, reason: RefusalReason, write: bool) -> None:
    error = told(text, write=write)

    assert isinstance(error, Rejected)
    assert error.reason is reason
    assert text in str(error)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("EAPI:Invalid key", KeyInvalid),
        ("EAPI:Invalid signature", KeyInvalid),
        ("EAPI:Invalid nonce", NonceRefused),
        ("EGeneral:Permission denied", NotPermitted),
        ("EAuth:Account temporary disabled", NotPermitted),
        ("EAuth:Account unconfirmed", NotPermitted),
        ("ESession:Invalid session", SessionRefused),
        ("EAPI:Rate limit exceeded", RateLimited),
        ("EGeneral:Temporary lockout", RateLimited),
        ("EGeneral:Too many requests", RateLimited),
        ("EAuth:Too many requests", RateLimited),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_what_proves_that_nothing_was_done(text: str, kind: type[VenueError], write: bool) -> None:
    assert type(told(text, write=write)) is kind


@pytest.mark.parametrize(
    "text",
    [
        "EService:Unavailable",
        "EService:Busy",
        "EGeneral:Internal error",
        "EGeneral:Internal error:1234",
        "EDatabase:Internal error",
    ],
)
def test_an_outage_leaves_a_write_unknown_and_a_read_to_be_repeated(text: str) -> None:
    assert type(told(text, write=True)) is OutcomeUnknown
    assert type(told(text, write=False)) is Unreachable


def test_a_string_that_nobody_knows_is_never_taken_for_a_no() -> None:
    assert type(told("EMystery:What", write=True)) is OutcomeUnknown
    assert type(told("EMystery:What", write=False)) is UnreadableAnswer


def test_the_most_doubtful_of_several_strings_decides() -> None:
    assert isinstance(told("EOrder:Insufficient funds", "EService:Unavailable"), OutcomeUnknown)
    assert isinstance(told("EOrder:Insufficient funds", "EAPI:Invalid key"), KeyInvalid)
    assert isinstance(told("WGeneral:Danger", "EOrder:Insufficient funds"), Rejected)


def test_warnings_alone_are_no_error() -> None:
    assert told("WGeneral:Maintenance tomorrow") is None
    assert told() is None


def test_pauses_are_as_long_as_the_venue_says() -> None:
    until = int(NOW.timestamp()) + 42
    throttled, lockout, limit = (
        told(f"EService:Throttled: {until}"),
        told("EGeneral:Temporary lockout"),
        told("EAPI:Rate limit exceeded"),
    )

    assert isinstance(throttled, RateLimited)
    assert throttled.retry_after == timedelta(seconds=42)
    assert isinstance(lockout, RateLimited)
    assert lockout.retry_after == timedelta(minutes=15)
    assert isinstance(limit, RateLimited)
    assert limit.retry_after == timedelta(seconds=10)
    strange = told("EService:Throttled: 99999999999999999999")
    assert isinstance(strange, RateLimited)
    assert strange.retry_after == timedelta(seconds=10)
