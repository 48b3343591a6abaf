"""Which changes of limits take risk away, and which add some."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.tightening import raised

PAIRS = tuple(Pair.parse(name) for name in ("BTC/USD", "ETH/USD", "SOL/USD"))
SHARES = st.integers(1, 100).map(lambda number: Decimal(number) / 100)


@st.composite
def tiers(draw: st.DrawFn, *, falling: bool = False) -> Tiers:
    values = sorted(draw(st.lists(SHARES, min_size=4, max_size=4)), reverse=falling)
    return Tiers(*(value if draw(st.booleans()) else None for value in values))


LIMITS = st.builds(
    Limits,
    leverage_cap=st.integers(1, 10),
    equity_share_per_position=SHARES,
    risk_per_trade=SHARES,
    max_open_positions=st.integers(1, 9),
    daily_loss=tiers(),
    drawdown=tiers(),
    margin_level_floor=tiers(falling=True),
    allowed_pairs=st.frozensets(st.sampled_from(PAIRS)),
)


@given(LIMITS, LIMITS)
def test_what_raises_nothing_allows_nothing_that_was_not_allowed(before: Limits, after: Limits) -> None:
    if raised(before, after):
        return
    readings = [Decimal(number) / 200 for number in range(1, 205)]

    assert after.leverage_cap <= before.leverage_cap
    assert after.risk_per_trade <= before.risk_per_trade
    assert after.equity_share_per_position <= before.equity_share_per_position
    assert after.max_open_positions <= before.max_open_positions
    assert after.allowed_pairs <= before.allowed_pairs
    for name in ("daily_loss", "drawdown"):
        was, will = getattr(before, name), getattr(after, name)
        assert all((will.reached_by(each) or 0) >= (was.reached_by(each) or 0) for each in readings)
    was, will = before.margin_level_floor, after.margin_level_floor
    assert all((will.undercut_by(each) or 0) >= (was.undercut_by(each) or 0) for each in readings)


@given(LIMITS, LIMITS)
def test_a_way_there_and_back_raises_something_once_at_least(before: Limits, after: Limits) -> None:
    assert (before == after) == (not raised(before, after) and not raised(after, before))


@given(LIMITS, st.sampled_from(["leverage_cap", "max_open_positions", "risk_per_trade", "equity_share_per_position"]))
def test_one_step_up_is_named_and_one_step_down_is_not(limits: Limits, name: str) -> None:
    now = getattr(limits, name)
    step = 1 if isinstance(now, int) else Decimal("0.001")
    if now + step <= (20 if isinstance(now, int) else 1):
        assert raised(limits, replace(limits, **{name: now + step})) == (name,)
    if now - step >= (1 if isinstance(now, int) else Decimal("0.001")):
        assert raised(limits, replace(limits, **{name: now - step})) == ()
