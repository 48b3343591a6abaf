"""Whole numbers in floats: rounding that forgives the noise of a float and nothing else."""

import numpy as np

from jarvis.backtest.kernel.compiling import compiled

NEAR = 1e-6
"""A value within this of a whole number is that number."""
_EXACT = 9007199254740992.0
"""The whole numbers below are exact."""


@compiled
def steps_of(value: float, step: float) -> float:
    """A value in steps; one that lies on the grid is a whole number."""
    steps = value / step
    nearest = np.rint(steps)
    return nearest if abs(steps - nearest) < NEAR else steps


@compiled
def floor_of(value: float) -> float:
    """The whole number below, where a float's noise does not count as being below."""
    nearest = np.rint(value)
    return nearest if abs(value - nearest) < NEAR else np.floor(value)


@compiled
def ceil_of(value: float) -> float:
    """The whole number above, likewise."""
    nearest = np.rint(value)
    return nearest if abs(value - nearest) < NEAR else np.ceil(value)


@compiled
def part_of(amount: float, part: float, whole: float) -> float:
    """The share of a whole amount, to the nearest whole number, ties to even."""
    if part == whole:
        return amount
    product = amount * part
    if abs(product) < _EXACT:
        quotient = np.floor(product / whole)
        rest = product - quotient * whole
        if rest < 0:
            quotient -= 1.0
            rest += whole
        elif rest >= whole:
            quotient += 1.0
            rest -= whole
        if 2 * rest > whole or (2 * rest == whole and quotient % 2 == 1):
            quotient += 1.0
        return quotient
    return np.rint(amount * (part / whole))
