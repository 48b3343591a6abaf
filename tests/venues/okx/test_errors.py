"""What each of OKX's codes becomes, for a read and for a write."""

import json
from datetime import timedelta

import pytest

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
from jarvis.venues.okx.calls import read_answer
from jarvis.venues.okx.errors import AlreadyCancelling, InMaintenance, NotFound, TimestampRefused, error_for
from jarvis.venues.session import HttpAnswer
from tests.venues.okx.wires import answer, item, sample

R = RefusalReason

KEYS = ["50100", "50101", "50103", "50104", "50105", "50106", "50107", "50110", "50111", "50113", "50114"]
STREAM_KEYS = ["60001", "60002", "60003", "60005", "60007", "60009", "60011", "60024"]
AMBIGUOUS = ["50004", "50026", "51054", "51149"]
REFUSED = {
    "50014": R.INVALID,
    "50036": R.TOO_LATE,
    "50037": R.TOO_LATE,
    "51000": R.INVALID,
    "51001": R.MARKET_CLOSED,
    "51006": R.INVALID,
    "51008": R.INSUFFICIENT_FUNDS,
    "51010": R.NOT_ELIGIBLE,
    "51016": R.DUPLICATE_ID,
    "51020": R.BELOW_MINIMUM,
    "51077": R.INVALID,
    "51094": R.INVALID,
    "51119": R.INSUFFICIENT_FUNDS,
    "51121": R.BELOW_MINIMUM,
    "51127": R.INSUFFICIENT_FUNDS,
    "51131": R.INSUFFICIENT_FUNDS,
    "51133": R.INVALID,
    "51139": R.INVALID,
    "51169": R.NOTHING_TO_REDUCE,
    "51186": R.POSITION_LIMIT,
    "51317": R.INVALID,
    "51415": R.INVALID,
    "51543": R.INVALID,
    "59102": R.POSITION_LIMIT,
    "59104": R.POSITION_LIMIT,
    "59106": R.POSITION_LIMIT,
    "59107": R.ORDER_LIMIT,
    "59108": R.INSUFFICIENT_FUNDS,
    "59113": R.NOT_ELIGIBLE,
    "59114": R.NOT_ELIGIBLE,
}


def told(response: HttpAnswer, *, write: bool = True) -> VenueError:
    with pytest.raises(VenueError) as caught:
        read_answer("POST /api/v5/trade/order", response, write=write)
    return caught.value


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("code", [*KEYS, *STREAM_KEYS])
def test_a_key_that_is_not_accepted(code: str, write: bool) -> None:
    assert type(error_for(code, "words", write=write)) is KeyInvalid


@pytest.mark.parametrize("code", ["50119", "60032"])
def test_an_unknown_key_may_be_one_of_another_region(code: str) -> None:
    error = error_for(code, "API key doesn't exist", write=True)

    assert isinstance(error, KeyUnknown)
    assert isinstance(error, KeyInvalid)
    assert "another region" in str(error)


@pytest.mark.parametrize("code", ["50007", "50027", "50030", "50035", "50120", "64003"])
def test_a_missing_permission(code: str) -> None:
    assert isinstance(error_for(code, "", write=True), NotPermitted)


@pytest.mark.parametrize("code", ["50102", "50112", "60004", "60006"])
def test_a_refused_timestamp_proves_that_nothing_happened(code: str) -> None:
    assert isinstance(error_for(code, "", write=True), TimestampRefused)


@pytest.mark.parametrize("code", ["50011", "50013", "50061", "60014", "60023"])
def test_a_limit_says_when_to_ask_again(code: str) -> None:
    error = error_for(code, "", write=True)

    assert isinstance(error, RateLimited)
    assert error.retry_after > timedelta(0)


@pytest.mark.parametrize("code", AMBIGUOUS)
def test_what_may_have_happened_is_unknown_for_a_write_and_harmless_for_a_read(code: str) -> None:
    assert isinstance(error_for(code, "", write=True), OutcomeUnknown)
    assert isinstance(error_for(code, "", write=False), Unreachable)


@pytest.mark.parametrize("code", ["50001", "50005", "63999", "64008"])
def test_a_venue_that_serves_nobody(code: str) -> None:
    assert isinstance(error_for(code, "", write=True), OutcomeUnknown)
    assert isinstance(error_for(code, "", write=False), InMaintenance)


@pytest.mark.parametrize(("code", "reason"), REFUSED.items())
def test_a_refusal_has_its_reason(code: str, reason: RefusalReason) -> None:
    error = told(item(code))

    assert isinstance(error, Rejected)
    assert error.reason is reason
    assert code in str(error)


@pytest.mark.parametrize(
    ("sub_code", "reason"),
    [
        ("51008_1000", R.INSUFFICIENT_FUNDS),
        ("51008_1001", R.INSUFFICIENT_FUNDS),
        ("51008_1002", R.NOT_ELIGIBLE),
        ("51008_1003", R.NOT_ELIGIBLE),
        ("51008_1004", R.LENDING_POOL_EMPTY),
        ("51008_1007", R.LENDING_POOL_EMPTY),
        ("51008_9999", R.INSUFFICIENT_FUNDS),
    ],
)
def test_why_money_is_missing_is_told_by_the_finer_code(sub_code: str, reason: RefusalReason) -> None:
    error = told(item("51008", sub_code=sub_code))

    assert isinstance(error, Rejected)
    assert error.reason is reason
    assert sub_code in str(error)


@pytest.mark.parametrize("code", ["51400", "51401", "51402", "51503", "51509", "51510", "51603"])
def test_an_order_that_is_not_there(code: str) -> None:
    error = error_for(code, "", write=True)

    assert isinstance(error, NotFound)
    assert error.reason is R.UNKNOWN_ORDER


def test_an_order_under_way_to_its_end() -> None:
    assert isinstance(error_for("51410", "", write=True), AlreadyCancelling)


def test_an_unknown_code_is_never_taken_for_a_no() -> None:
    assert isinstance(error_for("58999", "", write=True), OutcomeUnknown)
    assert isinstance(error_for("58999", "", write=False), UnreadableAnswer)
    about_orders = error_for("51987", "", write=True)
    assert isinstance(about_orders, Rejected)
    assert about_orders.reason is R.INVALID


@pytest.mark.parametrize("status", [500, 502, 503, 520])
@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b'{"code":"51008","msg":"","data":[]}'])
def test_a_server_error_says_nothing_of_the_order(status: int, body: bytes) -> None:
    assert isinstance(told(HttpAnswer(status, {}, body)), OutcomeUnknown)
    assert isinstance(told(HttpAnswer(status, {}, body), write=False), Unreachable)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"code":"0","msg":"","da', b"[]", b'{"msg":"no code"}'])
def test_an_answer_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    assert isinstance(told(HttpAnswer(200, {}, body)), OutcomeUnknown)
    assert isinstance(told(HttpAnswer(200, {}, body), write=False), Unreachable)


@pytest.mark.parametrize("body", [b"", b'{"code":"50011","msg":"Too Many Requests"}', b'{"code":"50013","msg":""}'])
def test_too_many_requests_is_a_limit_with_or_without_words(body: bytes) -> None:
    assert isinstance(told(HttpAnswer(429, {}, body)), RateLimited)


def test_a_gateways_refusal_has_no_data_and_is_read_all_the_same() -> None:
    assert isinstance(told(HttpAnswer(401, {}, sample("refused_signature"))), KeyInvalid)
    assert isinstance(told(HttpAnswer(403, {}, b"<html>forbidden</html>")), OutcomeUnknown)
    assert isinstance(told(HttpAnswer(400, {}, b'{"code":"50014","msg":"Parameter ccy can not be empty"}')), Rejected)


def test_the_items_word_counts_not_the_envelopes() -> None:
    partly = {"code": "2", "msg": "", "data": [{"sCode": "0"}, {"sCode": "51008", "sMsg": "x"}]}
    hidden = {"code": "0", "msg": "", "data": [{"sCode": "51400", "sMsg": "gone"}]}

    assert isinstance(told(HttpAnswer(200, {}, json.dumps(partly).encode())), Rejected)
    assert isinstance(told(HttpAnswer(200, {}, json.dumps(hidden).encode())), NotFound)
    assert isinstance(told(HttpAnswer(200, {}, sample("place_order_refused"))), Rejected)
    assert isinstance(told(answer([], "1", "All operations failed")), OutcomeUnknown)


def test_a_good_answer_is_its_data() -> None:
    (row,) = read_answer("POST /api/v5/trade/order", HttpAnswer(200, {}, sample("place_order")), write=True)

    assert row["ordId"] == "2510789768709120001"
