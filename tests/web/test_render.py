"""How numbers, times and pictures are written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.money import USD, ZERO
from jarvis.domain.order import PositionId
from jarvis.ledger.attribution import Waterfall
from jarvis.web.drawing import gauge, rail, waterfall_bars
from jarvis.web.render import ASSETS, amount, average, build_name, duration, exact_amount, percent, when

MINUS = "\N{MINUS SIGN}"
CALL, LIQUIDATION = Decimal("0.8"), Decimal("0.4")
amounts = st.decimals(-1_000_000, 1_000_000, places=4)


def figure(markup: str) -> str:
    return markup.split(">", 1)[1].split("<", 1)[0]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (amount(Decimal("1234567.895"), "USD"), "1,234,567.90"),
        (amount(Decimal("-0.004"), "USD", signed=True), "0.00"),
        (amount(Decimal("-12.5"), "USD"), f"{MINUS}12.50"),
        (amount(Decimal("12.5"), "USD", signed=True), "+12.50"),
        (exact_amount(Decimal("0.00010000"), "BTC"), "0.0001"),
        (exact_amount(Decimal("84500.50"), "USD"), "84,500.5"),
        (average(Decimal("91250.433333333333"), "USD"), "91,250.43"),
        (percent(Decimal("1.3273"), 0), "133"),
        (when(datetime(2026, 11, 1, 9, 5, 7, tzinfo=UTC)), "1 Nov 2026, 09:05:07"),
    ],
)
def test_numbers_are_written_for_people(shown: str, text: str) -> None:
    assert figure(shown) == text


def test_what_is_not_known_is_not_a_zero() -> None:
    for shown in (amount(None, "USD"), exact_amount(None, "USD"), percent(None), when(None), duration(None)):
        assert "none" in shown
        assert "0" not in shown


def test_an_instant_says_utc_to_people_and_to_machines_whatever_its_offset() -> None:
    paris = timezone(timedelta(hours=1))

    shown = when(datetime(2026, 11, 21, 15, 3, 22, tzinfo=paris))

    assert 'datetime="2026-11-21T14:03:22Z"' in shown
    assert 'title="21 Nov 2026, 14:03:22 UTC"' in shown
    assert "UTC</span>" in shown


def test_a_unit_is_escaped() -> None:
    assert "<b>" not in amount(Decimal(1), "<b>")


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        (timedelta(days=1, hours=4, minutes=59), ["1 d", "4 h"]),
        (timedelta(hours=3), ["3 h"]),
        (timedelta(minutes=15), ["15 min"]),
        (timedelta(0), ["0 s"]),
        (timedelta(seconds=-5), ["0 s"]),
    ],
)
def test_durations_show_their_two_largest_units(length: timedelta, parts: list[str]) -> None:
    shown = duration(length).replace('<span class="num">', "|").replace('<span class="unit">', " ")

    assert [part.split("<")[0].strip() for part in shown.split("|")[1:]] == parts


def test_the_needle_of_the_gauge_stays_on_its_scale() -> None:
    assert gauge(None, CALL, LIQUIDATION).needle is None
    assert gauge(Decimal(50), CALL, LIQUIDATION).needle == 198
    assert gauge(Decimal(-1), CALL, LIQUIDATION).needle == 2
    low = gauge(Decimal("0.41"), CALL, LIQUIDATION)
    assert low.needle is not None
    assert low.liquidation < low.needle < low.call


def test_a_rail_keeps_the_order_of_prices() -> None:
    drawn = rail(Decimal(100), Decimal(104), Decimal(95), [Decimal(110)], winning=True)

    assert drawn.stop is not None
    assert drawn.stop < drawn.entry < drawn.mark < drawn.targets[0]


def test_a_rail_of_one_price_is_drawn_in_the_middle() -> None:
    drawn = rail(Decimal(100), Decimal(100), None, [], winning=True)

    assert drawn.entry == drawn.mark == 300


def test_the_gauge_stays_whole_where_a_venue_warns_late_or_beyond_its_scale() -> None:
    for call, liquidation in (("0.2", "0.2"), ("9", "0.4"), ("9", "8"), ("0", "0")):
        drawn = gauge(Decimal(2), Decimal(call), Decimal(liquidation))

        assert 0 <= drawn.liquidation <= drawn.call <= 200
        assert all(width > 0 and start + width <= 200 for _, start, width in drawn.zones)
        assert drawn.zones


@given(amounts, amounts, amounts, amounts, amounts, amounts)
def test_a_waterfalls_bars_sum_to_its_result_and_stay_in_the_picture(
    price: Decimal, slippage: Decimal, fee: Decimal, rollover: Decimal, interest: Decimal, liquidation: Decimal
) -> None:
    result = Waterfall(
        PositionId("p"),
        USD,
        price=price,
        slippage=slippage,
        trading_fee=fee,
        rollover=rollover,
        interest=interest,
        liquidation=liquidation,
    )

    *causes, total = waterfall_bars(result)

    assert sum((bar.value for bar in causes), ZERO) == total.value == result.total
    assert all(bar.x >= 0 and bar.x + bar.width <= 400 and 0 <= bar.zero <= 400 for bar in (*causes, total))


def test_the_builds_name_follows_the_content_of_its_assets() -> None:
    assert build_name(ASSETS) == build_name(ASSETS)
    assert build_name(ASSETS) != build_name(ASSETS / "css")
