"""What a chart sends is read exactly or refused, and never quoted."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.trading.proposals import ProposalAction
from jarvis.web.messages.hooks_parse import MAX_BODY_BYTES, Alert, AlertRefused, pair_among, parse_alert

SECRET = "s3cr3t_-" * 5 + "abc"
TOLD: dict[str, Any] = {
    "secret": SECRET, "id": "long 2026-11-21T14:03:30Z", "time": "2026-11-21T14:03:30Z", "action": "buy",
    "pair": "KRAKEN:XBTUSD", "quantity": "0.01", "stop": 90500.5,
}  # fmt: skip
PAIRS = [Pair.parse("BTC/USD"), Pair.parse("ETH/USDT"), Pair.parse("DOGE/USD")]


def body(**changes: object) -> bytes:
    return json.dumps({name: value for name, value in {**TOLD, **changes}.items() if value is not None}).encode()


def test_an_alert_of_a_strategy_is_read_exactly() -> None:
    assert parse_alert(body()) == Alert(
        secret=SECRET,
        alert_id="long 2026-11-21T14:03:30Z",
        at=datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC),
        action=ProposalAction.LONG,
        pair="KRAKEN:XBTUSD",
        quantity=Decimal("0.01"),
        stop=Decimal("90500.5"),
    )


def test_a_number_keeps_its_digits() -> None:
    raw = body().replace(b'"0.01"', b"0.100000000000000001")

    assert parse_alert(raw).quantity == Decimal("0.100000000000000001")


@pytest.mark.parametrize(
    ("word", "action"),
    [("BUY", "long"), ("long", "long"), ("Sell", "short"), ("short", "short"), ("close", "close"), ("flat", "close")],
)
def test_actions_are_read_in_the_charts_words(word: str, action: str) -> None:
    assert parse_alert(body(action=word)).action.value == action


def test_a_close_needs_and_has_no_quantity() -> None:
    read = parse_alert(body(action="exit", quantity="nonsense", stop=None))

    assert (read.quantity, read.stop) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": None}, {"secret": "short"}, {"secret": SECRET + "x"}, {"secret": 7}, {"secret": [SECRET]},
        {"id": ""}, {"id": "x" * 101}, {"id": "a\u0000b"}, {"id": "{{strategy.order.id}}"}, {"id": None},
        {"time": "{{timenow}}"}, {"time": "2026-11-21T14:03:30"}, {"time": "2026-11-21T14:03:30+05:00"},
        {"time": "2026-02-30T14:03:30Z"}, {"time": 1790000000}, {"time": "now"},
        {"action": "hold"}, {"action": None}, {"action": {}},
        {"quantity": "-1"}, {"quantity": "0"}, {"quantity": "NaN"}, {"quantity": "1e3"}, {"quantity": "0x10"},
        {"quantity": "1" * 40}, {"quantity": "٣"}, {"stop": "{{plot_0}}"}, {"stop": True},
        {"pair": ""}, {"pair": None}, {"leverage": "100"}, {"account": "other"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_alert_is_refused_without_quoting_it(changes: dict[str, object]) -> None:
    with pytest.raises(AlertRefused) as refused:
        parse_alert(body(**changes))

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not [value for value in changes.values() if isinstance(value, str) and value and value in str(refused.value)]


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"null", b"7", b"{", b"\xff\xfe", b'{"secret": NaN}', b"[" * 20000, b" " * (MAX_BODY_BYTES + 1),
     b'{"a":' * 3000, b"buy BTC now"],
)  # fmt: skip
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(AlertRefused):
        parse_alert(raw)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(AlertRefused):
        parse_alert(raw)  # the secret alone has 43 letters: nobody hits it


values = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.sampled_from(sorted(TOLD)), values))
def test_any_values_are_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        read = parse_alert(json.dumps({**TOLD, **changes}).encode())
    except AlertRefused:
        return
    assert read.at.tzinfo is not None
    assert all(amount is None or (amount.is_finite() and amount > 0) for amount in (read.quantity, read.stop))
    assert 0 < len(read.alert_id) <= 100


@pytest.mark.parametrize(
    ("typed", "pair"),
    [
        ("BTC/USD", "BTC/USD"), ("BTCUSD", "BTC/USD"), ("XBTUSD", "BTC/USD"), ("KRAKEN:XBTUSD", "BTC/USD"),
        ("BINANCE:ETHUSDT", "ETH/USDT"), ("ETH-USDT", "ETH/USDT"), ("XDGUSD", "DOGE/USD"),
        ("ETHUSD", None), ("BTC", None), ("", None), ("BTCUSD.P", None), ("BTC USD", None), ("A:B:BTCUSD", None),
    ],
)  # fmt: skip
def test_a_ticker_names_one_of_the_hooks_pairs_or_none(typed: str, pair: str | None) -> None:
    assert pair_among(typed, PAIRS) == (None if pair is None else Pair.parse(pair))
