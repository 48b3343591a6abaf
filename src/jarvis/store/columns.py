"""Column types that round-trip exactly: a value read back equals the value written, or writing it is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Numeric, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from jarvis.domain.instrument import Pair

ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives out. SQLite numbers its rows by INTEGER only."""


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal: text in SQLite, which has no such number, NUMERIC in PostgreSQL. Never summed in SQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC without a scale keeps every digit."""
        return dialect.type_descriptor(Numeric() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuse floats and what is no number before the database sees it."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"money is a Decimal, not a {type(value).__name__}")
        if not value.is_finite():
            raise ValueError("money is a finite number")
        return value if dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """The number that was written."""
        del dialect
        return None if value is None else Decimal(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant: TIMESTAMPTZ in PostgreSQL, text of fixed width in SQLite, so that it sorts as it passes."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Both keep microseconds."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times: nobody knows what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its offset; pass aware UTC")
        moment = value if value.tzinfo is UTC else value.astimezone(UTC)
        if dialect.name == "postgresql":
            return moment
        return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        del dialect
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


class Seconds(TypeDecorator[timedelta]):
    """A duration of whole seconds: a bar size."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        """Refuse what would be cut off."""
        del dialect
        if value is None:
            return None
        seconds, rest = divmod(value, timedelta(seconds=1))
        if rest:
            raise ValueError("a bar size is a whole number of seconds")
        return seconds

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        """The duration."""
        del dialect
        return None if value is None else timedelta(seconds=value)


class Choice(TypeDecorator[Enum]):
    """A member of one enum, kept by its value; a value that the enum does not know raises."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__(32)
        self.kind = kind
        self._texts = {member: str(member.value) for member in kind}

    def process_bind_param(self, value: Enum | None, dialect: Dialect) -> str | None:
        """The member's value."""
        del dialect
        return None if value is None else self._texts.get(value) or str(self.kind(value).value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Enum | None:
        """The member."""
        del dialect
        return None if value is None else self.kind(value)


@lru_cache(maxsize=1024)
def _pair(text: str) -> Pair:
    """The pair, the same one for each of the thousands of rows that name it."""
    return Pair.parse(text)


class PairText(TypeDecorator[Pair]):
    """A pair as `BTC/USD`."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(32)

    def process_bind_param(self, value: Pair | None, dialect: Dialect) -> str | None:
        """Its name."""
        del dialect
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Pair | None:
        """The pair."""
        del dialect
        return None if value is None else _pair(value)
