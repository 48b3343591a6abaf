"""Request parameters, from a query or from JSON, read strictly by name.

Clients differ: numbers come as text or as JSON numbers, booleans as `true` or `"true"`, and python clients send `""`,
`null` or the text `None` for what they do not mean: all of those are absent.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from jarvis.domain.money import exact
from jarvis.emulators.okx.errors import bad_json, bad_parameter, body_empty, empty, one_of, wrong_content_type
from jarvis.emulators.okx.text import decode, from_ms

_ABSENT = (None, "", "None")
_BOOLEANS = {"true": True, "false": False}


class Params:
    """Named parameters of one request, or of one item of a batch."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {
            name: value for name, value in values.items() if not isinstance(value, (str, type(None))) or value
        }
        self._values = {name: value for name, value in self._values.items() if value not in _ABSENT}

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was given and is not empty."""
        return name in self._values

    def allow(self, names: Iterable[str]) -> None:
        """Refuse any parameter that is not among these."""
        unknown = sorted(self._values.keys() - set(names))
        if unknown:
            raise bad_parameter(unknown[0])

    def text(self, name: str, default: str = "") -> str:
        """The parameter as text; `default` when it was not given."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, (int, Decimal)):
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        raise bad_parameter(name)

    def required(self, name: str) -> str:
        """The parameter as text; its absence refuses the request (50014)."""
        value = self.text(name)
        if not value:
            raise empty(name)
        return value

    def either(self, *names: str) -> None:
        """Refuse the request when none of these was given (50015)."""
        if not any(name in self for name in names):
            raise one_of(*names)

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """One of a few words, or `default` when it was not given."""
        value = self.text(name, default)
        if value != default and value not in set(choices):
            raise bad_parameter(name)
        return value

    def boolean(self, name: str) -> bool:
        """Whether the switch is on; off when it was not given."""
        value = self.text(name, "false").lower()
        if value not in _BOOLEANS:
            raise bad_parameter(name)
        return _BOOLEANS[value]

    def decimal(self, name: str) -> Decimal | None:
        """A finite number, or None when it was not given."""
        value = self.text(name)
        if not value:
            return None
        try:
            return exact(value)
        except ValueError:
            raise bad_parameter(name) from None

    def positive(self, name: str) -> Decimal | None:
        """A number above zero, or None when it was not given."""
        value = self.decimal(name)
        if value is not None and value <= 0:
            raise bad_parameter(name)
        return value

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number between `low` and `high`; above `high` it is cut, as OKX cuts `limit`."""
        value = self.text(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit()) or int(value) < low:
            raise bad_parameter(name)
        return min(int(value), high)

    def time(self, name: str) -> datetime | None:
        """An instant given in milliseconds, or None when it was not given."""
        value = self.text(name)
        if not value:
            return None
        try:
            return from_ms(value)
        except ValueError:
            raise bad_parameter(name) from None

    def names(self, name: str, at_most: int = 20) -> list[str]:
        """A comma list as texts; empty when it was not given."""
        found = [part.strip() for part in self.text(name).split(",") if part.strip()]
        if len(found) > at_most:
            raise bad_parameter(name)
        return found

    def rows(self, name: str) -> list["Params"]:
        """A list of groups (`attachAlgoOrds`), empty when it was not given."""
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_parameter(name)
        return [Params(item) for item in value]


def parse_query(query: str) -> Params:
    """The parameters of a query; a later value wins."""
    return Params(dict(parse_qsl(query, keep_blank_values=True)))


def parse_body(body: bytes, content_type: str, *, is_list: bool = False) -> list[Params]:
    """The items of a JSON body: one for an object, as many as there are where the path takes a list of objects."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise wrong_content_type()
    if not body:
        raise body_empty()
    try:
        value = decode(body)
    except ValueError:
        raise bad_json() from None
    if isinstance(value, list) is not is_list:
        raise bad_json()
    items = value if is_list else [value]
    if not items or not all(isinstance(item, dict) for item in items):
        raise bad_json()
    return [Params(item) for item in items]
