"""How a venue's allow-list is written: what may be signed, and with which parameters.

Whatever is not on the list of its venue (`venues/`) cannot be signed at all. There is no operation on any of them that
moves money off the venue, between accounts or into a product, none that changes a setting, and none that cancels
orders which are not named: `CancelAll` would take the protective stops with it. Every value has a shape; a parameter
that is not listed is refused, so that a venue's new option is a decision.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote

from jarvis.signer.errors import SignerRefused

Parameters = Mapping[str, str]
MAX_VALUE_LENGTH = 1200
"""Fifty order ids and their commas fit."""

_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_SHOWABLE_NAME = re.compile(r"[a-z_0-9\[\]]{1,24}")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a parameter's value must look like."""

    pattern: re.Pattern[str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its parameters, and a rule that says what is wrong with them taken together (empty: nothing)."""

    parameters: Mapping[str, Shape]
    rule: Callable[[Parameters], str] = lambda _: ""
    required: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Note which parameters must be there."""
        required = tuple(name for name, expected in self.parameters.items() if expected.required)
        object.__setattr__(self, "required", required)


AMOUNT = r"(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?"
POSITIVE = rf"(?=[\d.]*[1-9]){AMOUNT}"
"""A decimal number without sign or exponent; one that is not zero."""


def shape(pattern: str, *, required: bool = False) -> Shape:
    """A value that matches the whole pattern."""
    return Shape(re.compile(pattern, re.ASCII), required)


def any_of(*words: str, required: bool = False) -> Shape:
    """One of these words."""
    return shape("|".join(re.escape(word) for word in words), required=required)


def list_of(pattern: str, most: int, *, required: bool = False) -> Shape:
    """Up to `most` values, parted by commas."""
    return shape(rf"(?:{pattern})(?:,(?:{pattern})){{0,{most - 1}}}", required=required)


def is_zero(amount: str) -> bool:
    """Whether an amount of the right shape is zero."""
    return not amount.strip("0.")


def check_call(operations: Mapping[str, Operation], operation: str, parameters: Parameters) -> None:
    """Return if this call may be signed. Raises SignerRefused that names what is wrong and never a value."""
    allowed = operations.get(operation)
    if allowed is None:
        raise SignerRefused("operation", "this operation is not on the allow-list")
    for name, value in parameters.items():
        expected = allowed.parameters.get(name)
        if expected is None:
            shown = name if _SHOWABLE_NAME.fullmatch(name) else "an unknown name"
            raise SignerRefused("parameter", f"{operation} takes no parameter {shown}")
        if len(value) > MAX_VALUE_LENGTH or expected.pattern.fullmatch(value) is None:
            raise SignerRefused("parameter", f"{operation}: the value of {name} has a shape that is not allowed")
    for name in allowed.required:
        if name not in parameters:
            raise SignerRefused("parameter", f"{operation}: {name} is missing")
    problem = allowed.rule(parameters)
    if problem:
        raise SignerRefused("parameter", f"{operation}: {problem}")


def form(parameters: Iterable[tuple[str, str]]) -> str:
    """Names and values as a form body or a query, percent-encoded; most need no encoding at all."""
    return "&".join(
        f"{_encoded_name(name)}={quote(value, safe='') if value.strip(_PLAIN) else value}" for name, value in parameters
    )


@cache
def _encoded_name(name: str) -> str:
    """Only names of an allow-list come here."""
    return quote(name, safe="")
