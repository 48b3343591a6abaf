"""Request parameters, from a query or from JSON, read strictly by name.

Numbers come as text; a JSON number is taken too where real clients send one. A name that no reader of the endpoint
knows refuses the request, but for the names that public clients are known to leak into spot orders, which Bybit drops.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from jarvis.domain.money import exact
from jarvis.emulators.bybit.errors import Refused, parameter_error
from jarvis.emulators.bybit.text import decode

DROPPED = frozenset(
    {
        "clientOrderId",
        "closeOnTrigger",
        "marginMode",
        "positionIdx",
        "reduceOnly",
        "settleCoin",
        "slTriggerBy",
        "tpTriggerBy",
        "tpslMode",
        "triggerBy",
        "triggerDirection",
    }
)
"""Of derivatives, or of a client's own vocabulary: without meaning on spot, and without effect."""


class Params:
    """Named parameters of one request. Reading one that does not fit refuses the request by its name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was given and is not empty."""
        return self._values.get(name) not in (None, "")

    def only(self, names: Iterable[str]) -> None:
        """Refuse a request that names anything else."""
        unknown = sorted(set(self._values) - set(names) - DROPPED)
        if unknown:
            raise parameter_error(f"unknown parameter: {', '.join(unknown)}")

    def insist(self, names: Iterable[str], kind: type) -> None:
        """Refuse values of another JSON type: amounts and prices are texts, switches are whole numbers."""
        for name in names:
            value = self._values.get(name)
            if value is not None and type(value) is not kind:
                raise parameter_error(f"params error: {name} is not a {kind.__name__}")

    def text(self, name: str, default: str | None = None) -> str | None:
        """The parameter as text; `default` when it was not given."""
        value = self._values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        raise parameter_error(f"params error: {name}")

    def required(self, name: str) -> str:
        """The parameter as text; its absence refuses the request."""
        value = self.text(name)
        if value is None:
            raise parameter_error(f"params error: {name} is required")
        return value

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """The parameter, which must be one of those allowed. Without a default it must be given."""
        value = self.required(name) if default is None else (self.text(name) or default)
        if value not in allowed:
            raise parameter_error(f"params error: {name} invalid")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number that is not negative, or None when it was not given."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or len(value) > 15:
            raise parameter_error(f"params error: {name} invalid")
        return int(value)

    def limit(self, default: int, highest: int) -> int:
        """How many rows are asked for. More than there may be is refused."""
        wanted = self.integer("limit")
        if wanted is None:
            return default
        if not 1 <= wanted <= highest:
            raise parameter_error("params error: limit invalid")
        return wanted

    def decimal(self, name: str) -> Decimal | None:
        """A finite number, or None when it was not given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return exact(value)
        except ValueError:
            raise parameter_error(f"params error: {name} invalid") from None

    def names(self, name: str) -> list[str]:
        """A comma list; empty when it was not given."""
        text = self.text(name)
        return [part for part in text.split(",") if part] if text is not None else []

    def with_value(self, name: str, value: str) -> "Params":
        """The same parameters and one more."""
        return Params({**self._values, name: value})

    def group(self, name: str) -> dict[str, list[str]]:
        """An object of lists of texts."""
        value = self._values.get(name)
        if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
            raise parameter_error(f"params error: {name} invalid")
        return {str(key): [str(item) for item in each] for key, each in value.items()}

    def rows(self, name: str) -> list["Params"]:
        """A list of objects, as batches send it."""
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise parameter_error(f"params error: {name} invalid")
        return [Params(row) for row in value]


def parse_query(query: str) -> Params:
    """The parameters of a query; a later value wins."""
    return Params(dict(parse_qsl(query, keep_blank_values=True)))


def parse_body(body: bytes) -> Params:
    """The parameters of a JSON body. Raises Refused for anything but an object."""
    try:
        values = decode(body) if body else {}
    except ValueError:
        raise Refused(10001, "ReadMapCB: expect { or n, but found something else") from None
    if not isinstance(values, dict):
        raise Refused(10001, "ReadMapCB: expect { or n, but found something else")
    return Params(values)
