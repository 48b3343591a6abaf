"""The gap between an account and its backtest, on made-up fills: parts that add up, each fault in its own part."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import OrderRole
from jarvis.research.parity import PARTS, Held, Leg, Parity, compare

PAIR = Pair.parse("BTC/USD")
START = datetime(2025, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def leg(role: OrderRole, side: Side, minute: int, price: str, quantity: str = "0.5", fee: str = "2") -> Leg:
    amount = Decimal(quantity)
    return Leg(
        f"{role.value}-{minute}", side, role, START + minute * MINUTE, amount, amount * Decimal(price), Decimal(fee)
    )


def held(number: int, side: Side, *legs: Leg, interest: str = "0") -> Held:
    """A closed position whose journal agrees with its fills."""
    position = Held(
        f"p{number}", PAIR, "crossover", side, legs[0].at, legs, 5 * MINUTE, None, interest=Decimal(interest)
    )
    return replace(position, total=sum((each.worth(legs[0].price) for each in legs), Decimal(interest)))


def turn(number: int, minute: int, opened: str, closed: str, role: OrderRole = OrderRole.STOP) -> Held:
    return held(
        number,
        Side.BUY,
        leg(OrderRole.ENTRY, Side.BUY, minute, opened),
        leg(role, Side.SELL, minute + 3, closed),
    )


BACKTEST = [turn(1, 0, "40000", "40100"), turn(2, 20, "40200", "40000"), turn(3, 40, "39000", "39500")]


def of(live: list[Held], backtest: list[Held] = BACKTEST, *, reach: tuple[str, str] = ("1", "99999")) -> Parity:
    low, high = map(Decimal, reach)
    return compare(
        live, backtest, seen=lambda _pair, _at: (low, high), marks={PAIR: Decimal(40000)}, ends_at=START + 99 * MINUTE
    )


def changed(position: Held, index: int, **changes: Any) -> Held:
    """The position with one order filled otherwise, and its journal as well."""
    legs = list(position.legs)
    legs[index] = replace(legs[index], **changes)
    return held(9, position.side, *legs, interest=str(position.interest))


def parts_of(made: Parity) -> dict[str, Decimal]:
    return {part: amount for part, amount in made.parts.items() if amount}


def test_the_same_fills_leave_no_gap_in_any_part() -> None:
    made = of(list(reversed(BACKTEST)))

    assert made.matched == 3
    assert made.gap == 0
    assert [line for line in made.lines if any(line.parts.values())] == []


def test_another_price_at_the_same_time_is_price() -> None:
    made = of([changed(BACKTEST[0], 1, cost=Decimal("0.5") * 40090), *BACKTEST[1:]])

    assert parts_of(made) == {"price": Decimal(-5)}
    assert made.gap == -5
    assert made.worst(1)[0].why == "at 40090 instead of 40100"


def test_a_later_fill_at_a_price_that_the_market_had_then_is_latency() -> None:
    late = changed(BACKTEST[0], 0, at=START + timedelta(seconds=30), cost=Decimal("0.5") * 40020)

    assert parts_of(of([late, *BACKTEST[1:]])) == {"latency": Decimal(-10)}


def test_what_the_market_did_not_reach_when_a_late_fill_came_is_price() -> None:
    late = changed(BACKTEST[0], 0, at=START + timedelta(seconds=30), cost=Decimal("0.5") * 40020)

    made = of([late, *BACKTEST[1:]], reach=("39000", "40008"))

    assert parts_of(made) == {"latency": Decimal(-4), "price": Decimal(-6)}


def test_a_fee_and_interest_are_their_own_parts() -> None:
    dearer = changed(BACKTEST[0], 0, fee=Decimal(3))
    charged = held(8, Side.BUY, *BACKTEST[1].legs, interest="-0.7")

    assert parts_of(of([dearer, charged, BACKTEST[2]])) == {"fee": Decimal(-1), "interest": Decimal("-0.7")}


def test_a_smaller_order_is_size() -> None:
    smaller = [replace(each, quantity=each.quantity / 2, cost=each.cost / 2) for each in BACKTEST[0].legs]

    made = of([held(9, Side.BUY, *smaller), *BACKTEST[1:]])

    assert parts_of(made) == {"size": Decimal(-25)}


def test_a_position_that_was_not_opened_is_missed_and_says_why() -> None:
    made = compare(
        BACKTEST[1:],
        BACKTEST,
        seen=lambda _pair, _at: None,
        marks={},
        ends_at=START,
        reasons=lambda each: f"paused at {each.position_id}",
    )

    assert (made.matched, made.missed, made.extra) == (2, 1, 0)
    assert parts_of(made) == {"missed": Decimal(-46)}  # half a coin by 100, less two fees of 2
    assert {line.why for line in made.lines if line.live_position is None} == {"paused at p1"}


def test_a_position_that_the_backtest_did_not_open_is_extra() -> None:
    made = of([*BACKTEST, turn(7, 60, "40000", "39900")])

    assert (made.matched, made.missed, made.extra) == (3, 0, 1)
    assert parts_of(made) == {"extra": Decimal(-54)}


def test_a_position_left_by_a_stop_instead_of_a_target_says_so() -> None:
    made = of([BACKTEST[0]], [turn(1, 0, "40000", "40300", OrderRole.TAKE_PROFIT)])

    assert made.worst(1)[0].why.startswith("left by stop instead of take profit")
    assert parts_of(made) == {"price": Decimal(-100)}


def test_what_is_open_counts_at_the_last_price() -> None:
    opened = Held("p1", PAIR, "crossover", Side.BUY, START, BACKTEST[0].legs[:1], 5 * MINUTE)

    made = of([opened], [BACKTEST[0]])

    assert made.gap == Decimal(-2) - Decimal(46)  # flat at 40000 with one fee; 50 less two fees in the backtest
    assert sum(made.parts.values()) == made.gap
    assert made.parts["not_explained"] == 0


def test_what_the_journal_says_beyond_the_fills_is_not_explained() -> None:
    wrong = replace(BACKTEST[0], total=(BACKTEST[0].total or Decimal(0)) - Decimal("0.01"))

    assert parts_of(of([wrong, *BACKTEST[1:]])) == {"not_explained": Decimal("-0.01")}


def test_a_position_without_fills_is_refused() -> None:
    with pytest.raises(ValueError, match="no fill"):
        Held("p", PAIR, "crossover", Side.BUY, START, ())


amounts = st.decimals("0.001", "3", places=3)
prices = st.decimals("30000", "50000", places=1)
fees = st.decimals("0", "9", places=2)


@st.composite
def positions(draw: st.DrawFn) -> list[Held]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        side = draw(st.sampled_from(Side))
        minute = number * 7 + draw(st.integers(0, 5))
        roles = draw(st.lists(st.sampled_from(OrderRole), max_size=3))
        legs = []
        for step, role in enumerate((OrderRole.ENTRY, *roles)):
            its = side if role is OrderRole.ENTRY else side.opposite
            quantity = draw(amounts)
            at = START + minute * MINUTE + timedelta(seconds=draw(st.integers(0, 59)), minutes=step)
            legs.append(
                Leg(
                    f"{number}-{step}",
                    its,
                    role,
                    at,
                    quantity,
                    quantity * draw(prices),
                    draw(fees),
                    draw(st.sampled_from([Decimal(0), Decimal("0.0001")])),
                )
            )
        total = draw(st.one_of(st.none(), st.decimals("-500", "500", places=4)))
        made.append(
            Held(
                f"p{number}",
                PAIR,
                "crossover",
                side,
                legs[0].at,
                tuple(legs),
                5 * MINUTE,
                total,
                -draw(fees),
                -draw(fees),
            )
        )
    return made


@given(live=positions(), backtest=positions(), low=prices, spread=fees, order=st.randoms())
def test_the_parts_add_up_to_the_gap_whatever_happened(
    live: list[Held], backtest: list[Held], low: Decimal, spread: Decimal, order: object
) -> None:
    made = of(live, backtest, reach=(str(low), str(low + spread)))
    order.shuffle(live)  # type: ignore[attr-defined]
    again = of(live, backtest, reach=(str(low), str(low + spread)))

    assert sum(made.parts.values()) == made.gap == sum(line.gap for line in made.lines)
    assert all(set(line.parts) <= set(PARTS) for line in made.lines)
    assert made.matched + made.extra == len(live)
    assert made.matched + made.missed == len(backtest)
    assert again.to_json() == made.to_json()
