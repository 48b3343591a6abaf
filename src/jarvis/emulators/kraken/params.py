"""Request parameters, from a form or from JSON, read strictly by name.

Clients differ: booleans come as `true`, `True` or `1`, numbers as text or as JSON numbers, nested values as JSON
objects or as `close[price]=..` keys. Unknown parameters are ignored, as Kraken ignores them.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from jarvis.domain.money import exact
from jarvis.emulators.kraken.errors import BAD_REQUEST, Refused, invalid_argument
from jarvis.emulators.kraken.text import decode, parse_rfc3339

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


class Params:
    """Named parameters of one request. Reading one that does not fit refuses the request by its name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was given and is not empty."""
        return self._values.get(name) not in (None, "")

    def text(self, name: str, default: str | None = None) -> str | None:
        """The parameter as text; `default` when it was not given."""
        value = self._values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, (int, Decimal)):
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        raise invalid_argument(name)

    def required(self, name: str) -> str:
        """The parameter as text; its absence refuses the request."""
        value = self.text(name)
        if value is None:
            raise invalid_argument(name)
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Whether the switch is on."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise invalid_argument(name)

    def integer(self, name: str) -> int | None:
        """A whole number, or None when it was not given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise invalid_argument(name) from None

    def decimal(self, name: str) -> Decimal | None:
        """A finite number, or None when it was not given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return exact(value)
        except ValueError:
            raise invalid_argument(name) from None

    def time(self, name: str) -> datetime | None:
        """An RFC 3339 instant, or None when it was not given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return parse_rfc3339(value)
        except ValueError:
            raise invalid_argument(name) from None

    def names(self, name: str) -> list[str]:
        """A comma list, a JSON list or a single value as a list of texts; empty when it was not given."""
        value = self._values.get(name)
        if isinstance(value, list):
            return [text for item in value if (text := Params({name: item}).text(name)) is not None]
        text = self.text(name)
        return [part.strip() for part in text.split(",") if part.strip()] if text is not None else []

    def group(self, name: str) -> "Params | None":
        """A nested group such as `close[...]`, or None when it was not given."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, Mapping):
            raise invalid_argument(name)
        return Params(value)

    def rows(self, name: str) -> list[Any]:
        """A list as it was sent (`orders`). Text, even JSON text, is not a list."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise invalid_argument(name)
        return value


def parse_body(body: bytes, content_type: str) -> Params:
    """The parameters of a request body; JSON only when the content type says so (its charset does not matter)."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            values = decode(body) if body else {}
        except ValueError:
            raise Refused(BAD_REQUEST) from None
        if not isinstance(values, dict):
            raise Refused(BAD_REQUEST)
        return Params(values)
    try:
        return parse_form(body.decode())
    except UnicodeDecodeError:
        raise Refused(BAD_REQUEST) from None


def parse_form(text: str) -> Params:
    """The parameters of a form or a query: `a[b]=1` nests, `a[0]=x` makes a list, a later value wins."""
    values: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        name, *_ = key.partition("[")
        path = [name, *_BRACKETS.findall(key[len(name) :])]
        _put(values, path, value)
    return Params({name: _listed(value) for name, value in values.items()})


def _put(values: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        inner = values.get(step)
        if not isinstance(inner, dict):
            inner = values[step] = {}
        values = inner
    values[path[-1]] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    listed = {name: _listed(inner) for name, inner in value.items()}
    if listed and all(name.isdigit() for name in listed):
        return [listed[name] for name in sorted(listed, key=int)]
    return listed
