"""Records of the exchange as plain JSON, exact and unrounded, for scripts and checks."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from jarvis.domain.instrument import Pair


def record(each: Any, *, without: str = "") -> dict[str, Any]:
    """A dataclass by its fields' names, each told as `plainly` does."""
    return {one.name: plainly(getattr(each, one.name)) for one in fields(each) if one.name != without}


def plainly(value: Any) -> Any:
    """A value as JSON has it: numbers and pairs as text, instants in ISO 8601, enumerations by their value."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case Pair():
            return str(value)
        case tuple() | list():
            return [plainly(each) for each in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
