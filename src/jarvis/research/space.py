"""Which values are tried: ranges and lists of a strategy's parameters, as a grid or at random."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jarvis.trading.strategy import Parameter, ParameterValue, Strategy

    Choices = Mapping[str, tuple[ParameterValue, ...]]

_MOST_CHOICES = 100_000
_RANGE_PARTS = 3


@dataclass(frozen=True, slots=True)
class Space:
    """What may be chosen for each searched parameter, and what the others are. Names are in the strategy's order."""

    strategy: Strategy
    choices: Choices
    fixed: Mapping[str, ParameterValue]

    @property
    def size(self) -> int:
        """How many combinations there are, those that do not go together included."""
        return prod(len(values) for values in self.choices.values())

    def grid(self) -> Iterator[dict[str, ParameterValue]]:
        """Every combination, the last parameter changing fastest."""
        for chosen in product(*self.choices.values()):
            yield {**self.fixed, **dict(zip(self.choices, chosen, strict=True))}

    def random(self, count: int, seed: int) -> Iterator[dict[str, ParameterValue]]:
        """`count` different combinations, or all if there are not so many; the same seed gives the same."""
        if count >= self.size:
            yield from self.grid()
            return
        random = np.random.default_rng(seed)
        seen: set[int] = set()
        while len(seen) < count:
            number = int(random.integers(self.size))
            if number not in seen:
                seen.add(number)
                yield self._at(number)

    def _at(self, number: int) -> dict[str, ParameterValue]:
        chosen: dict[str, ParameterValue] = {}
        for name, values in reversed(list(self.choices.items())):
            number, place = divmod(number, len(values))
            chosen[name] = values[place]
        return {**self.fixed, **chosen}


def space_of(strategy: Strategy, searched: Iterable[str], fixed: Mapping[str, object]) -> Space:
    """The space that texts like `fast_bars=5:50:5` and `stop_kind=fixed,trailing` describe.

    Raises ValueError with a sentence for the person: an unknown parameter, a value outside of its range, one twice.
    """
    known = {parameter.name: parameter for parameter in strategy.parameters}
    choices: dict[str, tuple[ParameterValue, ...]] = {}
    for text in searched:
        name, equals, wanted = (part.strip() for part in text.partition("="))
        if not equals or not wanted:
            raise ValueError(f"{text!r} is neither NAME=FROM:TO:STEP nor NAME=VALUE,VALUE")
        if name not in known:
            raise ValueError(f"{strategy.title} has no parameter called {name}; it has {', '.join(sorted(known))}")
        if name in choices:
            raise ValueError(f"{name} is searched twice; name it once")
        choices[name] = _values(known[name], wanted)
    unknown = sorted(set(fixed) - set(known))
    if unknown:
        raise ValueError(f"{strategy.title} has no parameter called {unknown[0]}; it has {', '.join(sorted(known))}")
    both = sorted(set(fixed) & set(choices))
    if both:
        raise ValueError(f"{both[0]} is searched and given a value; say one of both")
    rest = {name: each.parse(fixed.get(name, each.default)) for name, each in known.items() if name not in choices}
    return Space(strategy, {name: choices[name] for name in known if name in choices}, rest)


def _values(parameter: Parameter, wanted: str) -> tuple[ParameterValue, ...]:
    if ":" not in wanted:
        return tuple(dict.fromkeys(parameter.parse(each.strip()) for each in wanted.split(",")))
    parts = wanted.split(":")
    if parameter.kind == "choice" or len(parts) not in (_RANGE_PARTS - 1, _RANGE_PARTS):
        raise ValueError(f"{parameter.label}: {wanted!r} is no range; write FROM:TO:STEP, or values with commas")
    try:
        first, last, *rest = (Decimal(part.strip()) for part in parts)
    except ArithmeticError:
        raise ValueError(f"{parameter.label}: {wanted!r} is no range of numbers") from None
    step = rest[0] if rest else parameter.step or Decimal(1)
    if not all(each.is_finite() for each in (first, last, step)) or step <= 0 or last < first:
        raise ValueError(f"{parameter.label}: {wanted!r} goes nowhere; write FROM:TO:STEP with a positive step")
    count = int((last - first) // step) + 1
    if count > _MOST_CHOICES:
        raise ValueError(f"{parameter.label}: {wanted!r} has {count} values; take larger steps")
    return tuple(parameter.parse(first + step * i) for i in range(count))
