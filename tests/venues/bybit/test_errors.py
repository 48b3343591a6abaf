"""What each of Bybit's codes and statuses becomes, for a read and for a write."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from jarvis.venues.bybit.errors import ClockRefused, Down, error_for, error_for_status, pause_of

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
R = RefusalReason


def told(code: int, *, write: bool = True, **headers: str) -> VenueError | None:
    return error_for(code, "words", headers, write=write, now=NOW)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((10001, 10017, 10404, 20001, 170130, 170201, 170202, 170203, 170204, 170148, 170137), R.INVALID),
        ((176034, 176039, 176040), R.INVALID),
        ((170131, 170033), R.INSUFFICIENT_FUNDS),
        ((170034,), R.POSITION_LIMIT),
        ((170036, 176002, 176008, 176009, 176038), R.AGREEMENT_REQUIRED),
        ((10028, 170037, 170344, 170359, 176011, 176012, 176013, 182021), R.NOT_ELIGIBLE),
        ((170207, 176028), R.LENDING_POOL_EMPTY),
        ((170226, 176019), R.MARGIN_LEVEL_TOO_LOW),
        ((170121, 170210), R.MARKET_CLOSED),
        ((170124, 170810), R.ORDER_LIMIT),
        ((170132, 170133, 170134, 170193, 170194, 170371, 170372), R.PRICE_STEP),
        ((170136, 170140), R.BELOW_MINIMUM),
        ((170217, 170218), R.WOULD_TAKE),
        ((10014, 20006, 170141), R.DUPLICATE_ID),
        ((170142, 170143, 170190, 170213), R.UNKNOWN_ORDER),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_no_of_the_venue_has_its_reason(codes: tuple[int, ...], reason: RefusalReason, write: bool) -> None:
    for code in codes:
        error = told(code, write=write)

        assert isinstance(error, Rejected), code
        assert error.reason is reason, code
        assert str(code) in str(error)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((10003, 10004, 10007, 10010, 33004, -2015), KeyInvalid),
        ((10005, 10008, 10009, 10024), NotPermitted),
        ((10002,), ClockRefused),
        ((10006, 10018, 10403, 10429, 20003), RateLimited),
        ((182100, 182101, 182102, 182103, 182120), RateLimited),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_what_proves_that_nothing_was_done(codes: tuple[int, ...], kind: type[VenueError], write: bool) -> None:
    for code in codes:
        assert type(told(code, write=write)) is kind, code


@pytest.mark.parametrize("code", [10000, 10016, 10019, 170007, 170146, 170147])
def test_a_time_out_of_the_venue_leaves_a_write_unknown_and_a_read_to_be_repeated(code: int) -> None:
    assert type(told(code, write=True)) is OutcomeUnknown
    assert isinstance(told(code, write=False), Unreachable)


def test_a_code_that_nobody_knows_is_never_taken_for_a_no() -> None:
    assert type(told(999_999, write=True)) is OutcomeUnknown
    assert type(told(999_999, write=False)) is UnreadableAnswer


def test_zero_is_no_error() -> None:
    assert told(0) is None


def test_a_limit_lasts_until_the_reset_that_the_header_names() -> None:
    until = int((NOW + timedelta(seconds=3)).timestamp() * 1000)

    assert pause_of({"X-Bapi-Limit-Reset-Timestamp": str(until)}, NOW) == timedelta(seconds=3)
    assert pause_of({"x-bapi-limit-reset-timestamp": str(until - 9_000)}, NOW) == timedelta(milliseconds=100)
    assert pause_of({"X-Bapi-Limit-Reset-Timestamp": str(until + 9_000_000)}, NOW) == timedelta(minutes=10)
    for strange in ({}, {"X-Bapi-Limit-Reset-Timestamp": "soon"}, {"X-Bapi-Limit-Reset-Timestamp": "9" * 30}):
        assert pause_of(strange, NOW) == timedelta(seconds=1)
    limited = error_for(10006, "Too many visits!", {"X-Bapi-Limit-Reset-Timestamp": str(until)}, write=True, now=NOW)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 502, 503, 520])
def test_a_status_of_what_stands_before_the_exchange_says_nothing_of_a_write(status: int) -> None:
    assert type(error_for_status(status, "x", write=True)) is OutcomeUnknown


def test_statuses_of_reads() -> None:
    assert error_for_status(200, "x", write=True) is None
    assert type(error_for_status(401, "x", write=True)) is KeyInvalid
    banned, limited = error_for_status(403, "x", write=False), error_for_status(429, "x", write=False)
    assert isinstance(banned, RateLimited)
    assert banned.retry_after == timedelta(minutes=10)
    assert isinstance(limited, RateLimited)
    assert type(error_for_status(503, "x", write=False)) is Down
    assert type(error_for_status(404, "x", write=False)) is Unreachable


def test_every_code_of_the_venues_page_has_a_meaning() -> None:
    page = Path(__file__).resolve().parents[3].parent / "shared" / "venues" / "bybit.md"
    if not page.exists():
        pytest.skip("the venue's page is not beside this repository")
    section = page.read_text().split("## 4. Errors", 1)[1].split("## 5.", 1)[0]
    # Ranges are written 176011-13 and 182100-182103; what is longer than a code is no code.
    codes = {
        int(found) for found in re.findall(r"(?<![\d-])(?:10\d{3}|17\d{4}|18\d{4}|20\d{3}|33\d{3})(?!\d)", section)
    }

    assert len(codes) > 60
    assert not [code for code in sorted(codes) if type(told(code, write=True)) is UnreadableAnswer]
    unknown = [code for code in sorted(codes) if type(told(code, write=False)) is UnreadableAnswer]
    assert unknown == []
