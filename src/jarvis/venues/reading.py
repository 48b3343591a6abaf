"""Reading single fields of a venue's JSON. What is missing or strange is named by its key, never by its value.

What a venue's own words mean, and how it spells instants and "not set", stands in its `fields.py`; a stream's frames
that are decoded straight to a Struct are the matter of `typed.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from jarvis.domain.money import exact
from jarvis.venues.base import UnreadableAnswer

Record = Mapping[str, Any]
Meaning = TypeVar("Meaning")

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def encode(frame: Record) -> str:
    """A frame for a stream."""
    return msgspec.json.encode(frame).decode()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one venue's answers. Every reader raises UnreadableAnswer, which names the venue.

    `what` says what is read, for the error's sentence.
    """

    venue: str

    def decode(self, text: bytes | str) -> Any:
        """JSON with exact numbers: a number with a point or exponent is a Decimal, never a float. NaN is refused."""
        try:
            return _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableAnswer(f"{self.venue}'s answer is not JSON") from error

    def unreadable(self, what: str, key: str, record: object) -> UnreadableAnswer:
        """The error for a field that is missing or strange: names the field and the keys that were there."""
        keys = ", ".join(sorted(map(str, record))) if isinstance(record, Mapping) else type(record).__name__
        return UnreadableAnswer(f"{self.venue} {what}: {key!r} is missing or unreadable; keys: {keys}")

    def record_of(self, value: object, what: str) -> Record:
        """`value` if it is an object."""
        if not isinstance(value, dict):
            raise self.unreadable(what, "(object)", value)
        return value

    def list_of(self, value: object, what: str) -> list[Any]:
        """`value` if it is a list."""
        if not isinstance(value, list):
            raise self.unreadable(what, "(list)", value)
        return value

    def records_of(self, value: object, what: str) -> list[Record]:
        """`value` if it is a list of objects."""
        return [self.record_of(each, what) for each in self.list_of(value, what)]

    def inner(self, record: Record, key: str, what: str) -> Record:
        """The object under `key`."""
        value = record.get(key)
        if not isinstance(value, dict):
            raise self.unreadable(what, key, record)
        return value

    def items(self, record: Record, key: str, what: str) -> list[Any]:
        """The list under `key`."""
        value = record.get(key)
        if not isinstance(value, list):
            raise self.unreadable(what, key, record)
        return value

    def text(self, record: Record, key: str, what: str) -> str:
        """The text under `key`, which may be empty."""
        value = record.get(key)
        if not isinstance(value, str):
            raise self.unreadable(what, key, record)
        return value

    def number(self, record: Record, key: str, what: str) -> Decimal:
        """The finite number under `key`, spelled as text or as a JSON number."""
        value = record.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.unreadable(what, key, record)
        try:
            return exact(value)
        except ValueError as error:
            raise self.unreadable(what, key, record) from error

    def whole(self, record: Record, key: str, what: str) -> int:
        """The whole number under `key`, spelled as text or as a JSON number."""
        told = record.get(key)
        if type(told) is int:
            return told
        value = self.number(record, key, what)
        if value != value.to_integral_value():
            raise self.unreadable(what, key, record)
        return int(value)

    def word(self, meanings: Mapping[str, Meaning], record: Record, key: str, what: str) -> Meaning:
        """What the text under `key` means."""
        try:
            return meanings[self.text(record, key, what)]
        except KeyError:
            raise self.unreadable(what, key, record) from None
