"""Quiet hours are hours of the clock on the person's wall, on every night of the year."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.notify.quiet import MINUTES_OF_A_DAY, QuietHours, clock, minute_of, zones

NIGHT = QuietHours("Europe/Berlin", 22 * 60, 7 * 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "over_at"),
    [
        ("2026-01-15 20:59:59", None),  # 21:59:59 in Berlin
        ("2026-01-15 21:00:00", "2026-01-16 06:00:00"),
        ("2026-01-16 03:00:00", "2026-01-16 06:00:00"),
        ("2026-01-16 05:59:59", "2026-01-16 06:00:00"),
        ("2026-01-16 06:00:00", None),
        ("2026-07-15 19:59:59", None),  # summer
        ("2026-07-15 20:00:00", "2026-07-16 05:00:00"),
        ("2026-03-28 22:00:00", "2026-03-29 05:00:00"),  # the night that is an hour short
        ("2026-10-24 21:00:00", "2026-10-25 06:00:00"),  # the night that is an hour long
    ],
)
def test_a_night_ends_in_the_morning_of_the_persons_zone(now: str, over_at: str | None) -> None:
    assert NIGHT.over_at(utc(now)) == (None if over_at is None else utc(over_at))


def test_hours_within_a_day_do_not_reach_over_midnight() -> None:
    lunch = QuietHours("UTC", 12 * 60, 13 * 60 + 30)

    assert lunch.over_at(utc("2026-05-01 11:59:00")) is None
    assert lunch.over_at(utc("2026-05-01 12:00:00")) == utc("2026-05-01 13:30:00")
    assert lunch.over_at(utc("2026-05-01 13:30:00")) is None


def test_an_end_within_the_hour_that_comes_twice_is_the_second_one() -> None:
    short = QuietHours("Europe/Berlin", 60, 2 * 60 + 30)

    assert short.over_at(utc("2026-10-24 23:30:00")) == utc("2026-10-25 01:30:00")


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(0, MINUTES_OF_A_DAY - 1),
    st.integers(0, MINUTES_OF_A_DAY - 1),
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_quiet_always_ends_within_a_day_and_a_little(zone: str, begins: int, ends: int, moment: datetime) -> None:
    if begins == ends:
        return
    now = moment.replace(tzinfo=UTC)
    over_at = QuietHours(zone, begins, ends).over_at(now)

    if over_at is None:
        local = now.astimezone(ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        assert not (begins <= minute < ends if begins < ends else minute >= begins or minute < ends)
    else:
        assert now < over_at <= now + timedelta(hours=26)


@pytest.mark.parametrize(
    ("zone", "begins", "ends"), [("UTC", 5, 5), ("UTC", -1, 5), ("UTC", 5, 1440), ("Mars/X", 1, 2)]
)
def test_what_is_no_stretch_of_a_day_is_refused(zone: str, begins: int, ends: int) -> None:
    with pytest.raises(ValueError, match=r"zone|time"):
        QuietHours(zone, begins, ends)


@pytest.mark.parametrize(
    ("text", "minute"),
    [("00:00", 0), ("22:05", 1325), ("7:30", 450), ("23:59", 1439), ("24:00", None), ("12:60", None), ("", None),
     ("12", None), ("a:b", None), ("-1:30", None), ("1:2:3", None), ("²:00", None)],
)  # fmt: skip
def test_a_time_of_day_is_read_or_refused(text: str, minute: int | None) -> None:
    assert minute_of(text) == minute
    assert minute is None or minute_of(clock(minute)) == minute


def test_the_zones_are_places_and_utc() -> None:
    assert {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"} <= set(zones())
    assert not [zone for zone in zones() if zone.startswith(("Etc/", "US/"))]
    assert NIGHT.words == "22:00 to 07:00"
