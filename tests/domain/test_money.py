from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.money import exact, is_multiple, plain, round_down, round_nearest, round_up

D = Decimal
numbers = st.decimals(min_value=D("-1e12"), max_value=D("1e12"), allow_nan=False, allow_infinity=False, places=10)
steps = st.sampled_from([D("0.1"), D("0.00000001"), D("0.25"), D(1), D(50), D("0.0001")])


@pytest.mark.parametrize("text", ["1.50", "0", "-3", "1e3", " 7 "])
def test_text_that_spells_a_number_is_that_number(text: str) -> None:
    assert exact(text) == D(text.strip())


def test_whole_numbers_and_decimals_are_taken_as_they_are() -> None:
    assert exact(3) == D(3)
    assert exact(D("0.10")).as_tuple() == D("0.10").as_tuple()


@pytest.mark.parametrize(
    "text", ["", "abc", "1,5", "NaN", "sNaN", "Infinity", "-Infinity", "0x10", "--1", "1e41", "-1e-41", "0e99"]
)
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(text)


@pytest.mark.parametrize("value", [None, [], (1, 2, 3)])
def test_what_is_not_even_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(value)  # type: ignore[arg-type]


def test_a_float_never_enters() -> None:
    with pytest.raises(TypeError, match="float"):
        exact(0.1)  # type: ignore[arg-type]


@given(numbers, steps)
def test_rounding_down_never_exceeds_and_misses_by_less_than_a_step(value: Decimal, step: Decimal) -> None:
    rounded = round_down(value, step)

    assert rounded <= value < rounded + step
    assert is_multiple(rounded, step)


@given(numbers, steps)
def test_rounding_up_never_falls_below_and_misses_by_less_than_a_step(value: Decimal, step: Decimal) -> None:
    rounded = round_up(value, step)

    assert rounded - step < value <= rounded
    assert is_multiple(rounded, step)


@given(numbers, steps)
def test_rounding_to_the_nearest_misses_by_at_most_half_a_step(value: Decimal, step: Decimal) -> None:
    rounded = round_nearest(value, step)

    assert abs(rounded - value) * 2 <= step
    assert is_multiple(rounded, step)


def test_ties_go_to_the_even_multiple() -> None:
    assert [round_nearest(D(text), D(1)) for text in ("0.5", "1.5", "2.5", "-0.5")] == [0, 2, 2, 0]


def test_negative_numbers_round_towards_minus_infinity_and_plus_infinity() -> None:
    assert round_down(D("-1.5"), D(1)) == -2
    assert round_up(D("-1.5"), D(1)) == -1


@pytest.mark.parametrize("step", [D(0), D(-1)])
def test_a_step_that_is_not_positive_is_refused(step: Decimal) -> None:
    with pytest.raises(ValueError, match="step"):
        round_down(D(1), step)


def test_rounding_does_not_depend_on_the_callers_precision() -> None:
    with localcontext(prec=5):
        assert round_down(D("123456789.123456789"), D("0.00000001")) == D("123456789.12345678")
        assert not is_multiple(D("123456789.123456789"), D("0.00000001"))


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.00010", "0.0001"), ("120", "120"), ("1E+3", "1000"), ("0.0", "0"), ("-0.00", "0"), ("1E-8", "0.00000001")],
)
def test_plain_text_has_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert plain(D(value)) == text


@given(numbers)
def test_plain_text_reads_back_as_the_same_number(value: Decimal) -> None:
    assert exact(plain(value)) == value
