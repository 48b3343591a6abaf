"""What records of the API are made of: exact amounts as text with a unit, instants in UTC, and an example of each.

Every leaf says an example, so that the example of a whole answer is put together from the record itself and cannot
speak of fields that are not there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

from jarvis.domain.money import plain

NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"


def text(description: str, example: str) -> Any:
    """A described text."""
    return Field(description=description, examples=[example])


def amount(description: str, example: str) -> Any:
    """An exact number as text; the description says its unit."""
    return Field(pattern=NUMBER, description=f"{description} Exact decimal text, no exponent.", examples=[example])


Instant = Annotated[
    str,
    Field(
        description="UTC, ISO 8601, ends in Z.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-21T14:03:30Z"],
    ),
]
MaybeInstant = Annotated[
    str | None,
    Field(
        description="UTC, ISO 8601, ends in Z; null while it has not happened.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-21T18:40:00Z"],
    ),
]
AccountIdText = Annotated[str, text("The account's id.", "4f1c0d9a2b7e58c3a601")]
PairText = Annotated[str, text("Base and quote.", "BTC/USD")]
AssetText = Annotated[str, text("An asset by its usual name.", "USD")]
BaseText = Annotated[str, text("The asset that quantities are in.", "BTC")]
QuoteText = Annotated[str, text("The asset that prices, costs and results are in.", "USD")]
BaseAmount = Annotated[str, amount("In `base`.", "0.25")]
QuoteAmount = Annotated[str, amount("In `quote`.", "16020.5")]
Price = Annotated[str, amount("In `quote` for one of `base`.", "64082")]
AssetAmount = Annotated[str, amount("In `asset`.", "25312.4471")]
Fraction = Annotated[str, amount("A fraction: 0.02 is 2 %.", "0.02")]
PositionIdText = Annotated[str, text("A position's id.", "BTC-1")]
OrderIdText = Annotated[str, text("Our own id of an order, also known to the venue.", "jv4f1c0d9a00000012")]


class Record(BaseModel):
    """Nothing that is not named in a record is answered or taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    shown: ClassVar[Mapping[str, Any]] = {}
    """Fields of the example whose values the leaves cannot say."""


class Problem(Record):
    """Why something was not done: a code for scripts, and a sentence that says what to do."""

    code: Annotated[str, text("A stable name.", "not_found")]
    message: Annotated[str, text("For people.", "There is no such thing here, or it is not yours.")]


class ProblemAnswer(Record):
    """Every answer of 400 and above."""

    error: Problem


Cursor = Annotated[str | None, text("Give it as `cursor` to read on; null at the end.", "WyJvcmRlcnMiLCIyMDI2Il0")]


def instant(at: datetime) -> str:
    """A time in UTC as ISO 8601."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def when(at: datetime | None) -> str | None:
    """As `instant`, for what may not have happened yet."""
    return None if at is None else instant(at)


def told(value: Decimal | None) -> str | None:
    """An exact number as text, if there is one."""
    return None if value is None else plain(value)


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """An example of a record, made of the examples of its fields."""
    shown: Mapping[str, Any] = getattr(model, "shown", {})
    made = {}
    for name, field in model.model_fields.items():
        if name in shown:
            made[name] = shown[name]
        else:
            made[name] = field.examples[0] if field.examples else _example(field.annotation, f"{model.__name__}.{name}")
    return made


def _example(kind: Any, name: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        said = next((each.examples for each in parts[1:] if getattr(each, "examples", None)), None)
        return said[0] if said else _example(parts[0], name)
    if origin in (Union, UnionType):
        return _example(next(each for each in parts if each is not type(None)), name)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [_example(parts[0], name)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return example_of(kind)
    raise TypeError(f"{name} has no example")
