"""What to say of a frame that does not fit the shape which it is decoded to, or whose values mean nothing.

A stream's frames are decoded by msgspec straight to a Struct: its fields are what we need of a frame, its types what
the venue must send. What does not fit is named by its key and by the keys that were there, never by a value.

Two habits of all the Structs: a number is a Decimal, which msgspec makes from text and from a JSON number alike, digit
by digit; it takes "NaN" too, so that who reads the Struct asks `is_finite`. And the fields stand in the order in which
the venue sends them, also those that nobody reads: msgspec looks for a key where the last one was, and a key that it
looks for in vain costs more than one that it finds.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

from jarvis.venues.base import UnreadableAnswer

_MISSING = re.compile(r"required field `([^`]+)`")
_PATH = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def misfit(error: Exception, told: object, venue: str, what: str) -> UnreadableAnswer:
    """The error for `told`, a frame's text or what was decoded of an answer, which raised `error`."""
    if not isinstance(error, msgspec.ValidationError):
        return UnreadableAnswer(f"{venue}'s answer is not JSON")
    at, missing = _PATH.search(str(error)), _MISSING.search(str(error))
    steps = [key or int(index) for key, index in _STEP.findall(at[1])] if at else []
    if missing is not None:
        steps.append(missing[1])
    # What is no object at all is named by the key that it stands under.
    while steps and isinstance(steps[-1], int):
        steps.pop()
    if not steps:
        return UnreadableAnswer(f"{venue} {what}: '(object)' is missing or unreadable")
    try:
        record: Any = msgspec.json.decode(told) if isinstance(told, str | bytes) else told
        for step in steps[:-1]:
            record = record[step]
        keys = ", ".join(sorted(record))
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        # It is cut off after what does not fit, or says a key twice: then nothing can be said of its keys.
        keys = "unreadable"
    return UnreadableAnswer(f"{venue} {what}: {steps[-1]!r} is missing or unreadable; keys: {keys}")


def unfit(record: msgspec.Struct, venue: str, what: str, *fields: str) -> UnreadableAnswer:
    """The error for a record of which one of `fields` is missing, is no finite number, or says what nobody knows.

    It names those that are missing or not finite; where all are there, all of `fields`.
    """
    names = dict(zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True))
    strange = [field for field in fields if _is_strange(getattr(record, field))] or fields
    told, keys = ", ".join(names[field] for field in strange), ", ".join(sorted(msgspec.to_builtins(record)))
    return UnreadableAnswer(f"{venue} {what}: {told!r} is missing or unreadable; keys: {keys}")


def _is_strange(value: object) -> bool:
    return value is None or value is msgspec.UNSET or (isinstance(value, Decimal) and not value.is_finite())
