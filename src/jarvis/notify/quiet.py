"""Quiet hours: a stretch of the day, in the person's own zone, whatever the clocks there are set to.

Both ends are wall-clock times. On the night when clocks go back an hour comes twice, and is quiet twice; on the night
when they go forward a time that does not exist is taken for the moment of the change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

MINUTES_OF_A_DAY = 24 * 60


@cache
def zones() -> tuple[str, ...]:
    """The names of zones that people may choose: places, and UTC."""
    odd = ("Etc/", "SystemV/", "posix/", "right/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")
    return tuple(
        sorted(each for each in available_timezones() if each == "UTC" or ("/" in each and not each.startswith(odd)))
    )


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` to `ends` (minutes of the day, in `zone`) only what is urgent is sent; over midnight if need be."""

    zone: str
    begins: int
    ends: int

    def __post_init__(self) -> None:
        """Refuse what is no time of day, no zone, or no stretch at all."""
        if not all(0 <= each < MINUTES_OF_A_DAY for each in (self.begins, self.ends)):
            raise ValueError("a time of day lies between 00:00 and 23:59")
        if self.begins == self.ends:
            raise ValueError("quiet hours must end at another time than they begin")
        if self.zone not in zones():
            raise ValueError("choose a zone of the list")

    def over_at(self, now: datetime) -> datetime | None:
        """When the quiet that reigns at `now` (aware) is over, in UTC; None if it is not quiet."""
        zone = ZoneInfo(self.zone)
        local = now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if self.begins < self.ends:
            if not self.begins <= minute < self.ends:
                return None
            day = local.date()
        else:
            if self.ends <= minute < self.begins:
                return None
            day = local.date() if minute < self.ends else local.date() + timedelta(days=1)
        wall = datetime.combine(day, time(self.ends // 60, self.ends % 60), zone)
        ends = wall.replace(fold=1).astimezone(UTC)  # of an hour that comes twice the second one
        return ends if ends > now else now.astimezone(UTC) + timedelta(minutes=1)

    @property
    def words(self) -> str:
        """`22:00 to 07:00`."""
        return f"{clock(self.begins)} to {clock(self.ends)}"


def clock(minute: int) -> str:
    """A minute of the day as people write it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(text: str) -> int | None:
    """The minute of the day that `22:00` says; None for what is no time of day."""
    hours, colon, minutes = text.partition(":")
    if not colon or not all(each.isascii() and each.isdigit() and 0 < len(each) <= 2 for each in (hours, minutes)):
        return None
    found = int(hours) * 60 + int(minutes)
    return found if int(minutes) < 60 and found < MINUTES_OF_A_DAY else None
