"""Request parameters from a query, a form body or both, read strictly by name.

Clients differ: parameters come in the query, in the body or split between them, under any content type; the query
wins. Switches come in any case (`TRUE`, `false`). What a path does not know is refused.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from jarvis.domain.money import exact
from jarvis.emulators.binance.errors import (
    DUPLICATE_PARAMETER,
    Refused,
    empty,
    invalid,
    malformed,
    missing,
    unread,
)
from jarvis.emulators.binance.text import decode, from_ms

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_NUMBER_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_WHOLE = re.compile(r"[0-9]{1,20}")
_WHOLE_RANGE = "^[0-9]{1,20}$"
_CLIENT_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,36}")
_CLIENT_ID_RANGE = "^[a-zA-Z0-9-_]{1,36}$"
SECURITY = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
"""What any request may carry, signed or not: clients add it everywhere."""


class Params:
    """Named parameters of one request. Reading one that does not fit refuses the request by its name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was sent."""
        return name in self._values

    def check(self, known: Collection[str]) -> None:
        """Refuse a request with parameters that are not among these."""
        sent = self._values.keys() - SECURITY
        if strangers := sent - frozenset(known):
            raise unread(len(sent) - len(strangers), len(sent))

    def text(self, name: str) -> str | None:
        """The parameter as text, None when it was not sent; sent without a value it is refused."""
        value = self._values.get(name)
        if value == "":
            raise empty(name)
        return value

    def required(self, name: str) -> str:
        """The parameter as text; its absence refuses the request."""
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Whether the switch is on, in any case."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise invalid(name)
        return value.lower() == "true"

    def integer(self, name: str) -> int | None:
        """A whole number, or None when it was not sent."""
        value = self.text(name)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value):
            raise malformed(name, _WHOLE_RANGE)
        return int(value)

    def limit(self, name: str, default: int, most: int) -> int:
        """A page size: at least 1; more than the venue gives is cut to what it gives."""
        value = self.integer(name)
        if value is None:
            return default
        if value < 1:
            raise invalid(name)
        return min(value, most)

    def decimal(self, name: str) -> Decimal | None:
        """A number that is not negative, or None when it was not sent."""
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise malformed(name, _NUMBER_RANGE)
        return exact(value)

    def client_id(self, name: str) -> str | None:
        """A client's own id, or None when it was not sent."""
        value = self.text(name)
        if value is not None and not _CLIENT_ID.fullmatch(value):
            raise malformed(name, _CLIENT_ID_RANGE)
        return value

    def time(self, name: str) -> datetime | None:
        """An instant in milliseconds, or None when it was not sent."""
        value = self.integer(name)
        if value is None:
            return None
        try:
            return from_ms(value)
        except OverflowError:
            raise invalid(name) from None

    def names(self, name: str) -> list[str]:
        """A comma list or a JSON list of texts; empty when it was not sent."""
        value = self.text(name)
        if value is None:
            return []
        if not value.startswith("["):
            return [part for part in value.split(",") if part]
        try:
            listed = decode(value)
        except ValueError:
            raise invalid(name) from None
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise invalid(name)
        return listed


def parse_params(query: str, body: bytes) -> Params:
    """The parameters of a request. Refuses a name that is sent twice in one place, or a body that is no text."""
    return Params(_parse(_decoded(body)) | _parse(query))


def params_of(values: Mapping[str, Any]) -> Params:
    """The parameters of a WebSocket request, whose values may be JSON numbers and booleans."""
    return Params({name: _text(value) for name, value in values.items() if value is not None})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise invalid("body") from None


def _parse(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in values:
            raise Refused(DUPLICATE_PARAMETER)
        values[name] = value
    return values
