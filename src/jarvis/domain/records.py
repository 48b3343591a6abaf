"""Frozen records that are made in a third of the time, and equal ones that are kept once.

A frozen dataclass writes each field past its own lock (`object.__setattr__`), which costs more than all the rest of a
record with many fields. Here it is made open, filled, and locked as a whole: the same fields in the same slots, the
same defaults, the same `__post_init__`, and no way to change it afterwards. Open it is of a subclass that adds nothing:
to change between a class and such a subclass costs Python no comparison of their slots.
"""

from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any, TypeVar, cast

R = TypeVar("R")

_UNLOCK = object.__dict__["__class__"].__set__

_INIT = """
def __init__(self, {parameters}):
    unlock(self, Open)
{stores}
    self.__class__ = Record{check}
"""


def quickly_made(record: type[R]) -> type[R]:
    """The frozen dataclass with slots, with an `__init__` that does the same in less time. Changes `record` itself.

    Raises TypeError for a field that is not simply a parameter with at most a constant default.
    """
    named = fields(record)  # type: ignore[arg-type]
    if any(not each.init or each.kw_only or each.default_factory is not MISSING for each in named):
        raise TypeError(f"{record.__name__} has a field that is not made quickly")
    defaults = {f"default_{field.name}": field.default for field in named if field.default is not MISSING}
    source = _INIT.format(
        parameters=", ".join(
            f"{field.name}=default_{field.name}" if f"default_{field.name}" in defaults else field.name
            for field in named
        ),
        stores="\n".join(f"    self.{field.name} = {field.name}" for field in named),
        check="\n    self.__post_init__()" if hasattr(record, "__post_init__") else "",
    )
    scope: dict[str, Any] = {"unlock": _UNLOCK, "Open": _open(record), "Record": record, **defaults}
    exec(source, scope)  # noqa: S102 - the fields of our own class, as `dataclasses` itself does it
    made = scope["__init__"]
    made.__qualname__, made.__annotations__ = f"{record.__qualname__}.__init__", record.__init__.__annotations__
    record.__init__ = made  # type: ignore[method-assign]
    return record


def _open(record: type[R]) -> type[R]:
    """The same without the lock. Python writes its slots directly only if both of these are `object`'s own."""
    own = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(f"Open{record.__name__}", (record,), own)


def shared(record: R) -> R:
    """The first of all equal records: thousands of accounts read the same rules, and each would keep its own."""
    return cast("R", _first_of_equals(record))


@lru_cache(maxsize=4096)
def _first_of_equals(record: object) -> object:
    return record
