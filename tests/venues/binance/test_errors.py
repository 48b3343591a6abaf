"""What each error code of Binance's becomes, for reads and for writes."""

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
from jarvis.venues.binance.errors import KeyDoubted, TimeRefused, TokenRefused, error_for

NOW = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
R = RefusalReason


def told(code: int, message: str = "", *, write: bool = True) -> VenueError:
    return error_for(code, message, write=write, now=NOW, retry_after=None)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (-1013, "Filter failure: PRICE_FILTER", R.PRICE_STEP),
        (-1013, "Filter failure: PERCENT_PRICE", R.PRICE_STEP),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", R.PRICE_STEP),
        (-1013, "Filter failure: LOT_SIZE", R.BELOW_MINIMUM),
        (-1013, "Filter failure: MARKET_LOT_SIZE", R.BELOW_MINIMUM),
        (-1013, "Filter failure: MIN_NOTIONAL", R.BELOW_MINIMUM),
        (-1013, "Filter failure: NOTIONAL", R.BELOW_MINIMUM),
        (-1013, "Filter failure: ICEBERG_PARTS", R.INVALID),
        (-1013, "Filter failure: MAX_POSITION", R.POSITION_LIMIT),
        (-1013, "Filter failure: MAX_NUM_ORDERS", R.ORDER_LIMIT),
        (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS", R.ORDER_LIMIT),
        (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS", R.ORDER_LIMIT),
        (-1013, "Filter failure: TRAILING_DELTA", R.INVALID),
        (-2010, "Account has insufficient balance for requested action.", R.INSUFFICIENT_FUNDS),
        (-2010, "Order would trigger immediately.", R.WOULD_TAKE),
        (-2010, "Order would immediately match and take.", R.WOULD_TAKE),
        (-2010, "The relationship of the prices for the orders is not correct.", R.INVALID),
        (-2010, "Market is closed.", R.MARKET_CLOSED),
        (-2010, "Duplicate order sent.", R.DUPLICATE_ID),
        (-2010, "This symbol is not permitted for this account.", R.NOT_ELIGIBLE),
        (-2010, "This symbol is restricted for this account.", R.NOT_ELIGIBLE),
        (-2010, "This action is disabled on this account.", R.NOT_ELIGIBLE),
        (-2010, "Something new.", R.INVALID),
        (-2011, "Unknown order sent.", R.UNKNOWN_ORDER),
        (-2011, "Order was not canceled due to cancel restrictions.", R.INVALID),
        (-2013, "Order does not exist.", R.UNKNOWN_ORDER),
        (-2026, "Order was archived.", R.UNKNOWN_ORDER),
        (-3003, "Margin account does not exist.", R.AGREEMENT_REQUIRED),
        (-11001, "Isolated margin account does not exist.", R.AGREEMENT_REQUIRED),
        (-3004, "Trade is not allowed for your margin account.", R.NOT_ELIGIBLE),
        (-3006, "Your borrow amount has exceed maximum borrow amount.", R.POSITION_LIMIT),
        (-11008, "Exceeding the account's maximum borrowable limit.", R.POSITION_LIMIT),
        (-3008, "Borrow not allowed.", R.NOT_ELIGIBLE),
        (-3009, "This asset are not allowed to transfer into margin account currently.", R.NOT_ELIGIBLE),
        (-3010, "Repay not allowed.", R.NOT_ELIGIBLE),
        (-3012, "Borrow is banned for this asset.", R.NOT_ELIGIBLE),
        (-3013, "Borrow amount less than minimum borrow amount.", R.BELOW_MINIMUM),
        (-3014, "Borrow is banned for this account.", R.NOT_ELIGIBLE),
        (-3015, "Repay amount exceeds borrow amount.", R.NOTHING_TO_REDUCE),
        (-3016, "Repay amount less than minimum repay amount.", R.BELOW_MINIMUM),
        (-3021, "Margin account are not allowed to trade this trading pair.", R.NOT_ELIGIBLE),
        (-3022, "Your account is banned.", R.NOT_ELIGIBLE),
        (-3023, "Your margin level is below the safe level.", R.MARGIN_LEVEL_TOO_LOW),
        (-3027, "Not a valid margin asset.", R.NOT_ELIGIBLE),
        (-3028, "Not a valid margin pair.", R.NOT_ELIGIBLE),
        (-3036, "This account is not allowed to trade.", R.MARGIN_LEVEL_TOO_LOW),
        (-3041, "Balance is not enough", R.INSUFFICIENT_FUNDS),
        (-3045, "The system doesn't have enough asset now.", R.LENDING_POOL_EMPTY),
        (-4047, "Time interval is too long.", R.INVALID),
        *((code, "ours", R.INVALID) for code in (-1014, -1020, -1114, -1115, -1116, -1117, -1120, -1121, -1127)),
        *((code, "ours", R.INVALID) for code in (*range(-1106, -1099), -1108, -1111, -1128, -1130)),
        *((code, "ours", R.INVALID) for code in (-1158, -1165, -1166, -1168, -1196, -1197, -1198, -1199)),
        *((code, "ours", R.INVALID) for code in (-3002, -3005, -3020)),
    ],
)
def test_a_refusal_has_a_reason_and_keeps_the_venues_words(code: int, message: str, reason: RefusalReason) -> None:
    for write in (True, False):
        error = told(code, message, write=write)

        assert isinstance(error, Rejected)
        assert error.reason is reason
        assert str(code) in str(error)
        assert message in str(error)


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008, -1016, -3000, -3044, -3999])
def test_what_may_have_happened_is_unknown_for_a_write_and_asked_again_for_a_read(code: int) -> None:
    assert type(told(code)) is OutcomeUnknown
    assert type(told(code, write=False)) is Unreachable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-1002, NotPermitted),
        (-3001, NotPermitted),
        (-1022, KeyInvalid),
        (-2014, KeyInvalid),
        (-2015, KeyDoubted),
        (-1021, TimeRefused),
        (-1125, TokenRefused),
        (-1209, TokenRefused),
        (-2035, TokenRefused),
        (-2036, TokenRefused),
        (-2042, TokenRefused),
        (-3038, TokenRefused),
        (-1003, RateLimited),
        (-1015, RateLimited),
        (-3007, RateLimited),
    ],
)
def test_what_is_no_refusal_of_an_order_has_its_own_place_in_the_tree(code: int, kind: type[VenueError]) -> None:
    assert type(told(code)) is type(told(code, write=False)) is kind


def test_a_code_that_we_do_not_know_leaves_a_write_unknown() -> None:
    assert type(told(-987654)) is OutcomeUnknown
    assert type(told(-987654, write=False)) is UnreadableAnswer


def test_how_long_to_wait_is_what_the_venue_says() -> None:
    until = int((NOW + timedelta(minutes=7)).timestamp() * 1000)
    banned = told(-1003, f"Way too much request weight used; IP banned until {until}. Please use WebSocket.")
    past = told(-1003, "IP banned until 1500000000000.")
    header = error_for(-1003, "", write=False, now=NOW, retry_after=timedelta(seconds=33))

    assert isinstance(banned, RateLimited)
    assert isinstance(past, RateLimited)
    assert isinstance(header, RateLimited)
    assert banned.retry_after == timedelta(minutes=7)
    assert past.retry_after == timedelta(seconds=1)
    assert header.retry_after == timedelta(seconds=33)
