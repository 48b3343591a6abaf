"""Assets and exact decimal arithmetic. Knows nothing of venues, orders or time.

Every price, quantity, fee and balance is a `Decimal` from the wire to the database and back. Rounding
happens once, at the venue's edge, and always names its direction.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import NewType

Asset = NewType("Asset", str)
"""An asset's canonical name, upper case: `BTC`, `DOGE`, `USD`. Never a venue's spelling (`XXBT`)."""

USD = Asset("USD")
ZERO = Decimal(0)
ONE = Decimal(1)

_WORKING_PRECISION = 50
_MOST_DIGITS = 40


def exact(value: str | int | Decimal) -> Decimal:
    """The finite Decimal that `value` spells.

    Raises ValueError for NaN, infinities, text that is no number and numbers beyond all measure (whose digits alone
    would stop the program), TypeError for a float: none may enter the engine.
    """
    if isinstance(value, float):
        raise TypeError("a float is not an exact number; pass the text that was received")
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise ValueError("not a number") from error
    if not number.is_finite():
        raise ValueError("not a finite number")
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError("a number beyond all measure")
    return number


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`; sign counts (-1.5 goes to -2)."""
    return _to_step(value, step, ROUND_FLOOR)


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return _to_step(value, step, ROUND_CEILING)


def round_nearest(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`; ties go to the even multiple, so errors do not drift one way."""
    return _to_step(value, step, ROUND_HALF_EVEN)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole number of steps."""
    with localcontext(prec=_WORKING_PRECISION):
        return value % step == 0


def plain(value: Decimal) -> str:
    """`value` as text without an exponent and without trailing zeros: `0.0001`, `120`, `0`."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        raise ValueError("a step must be positive")
    with localcontext(prec=_WORKING_PRECISION):
        return (value / step).to_integral_value(rounding=rounding) * step
