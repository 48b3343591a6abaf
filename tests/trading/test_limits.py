from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, ZERO
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.trading.limits import (
    Approved,
    LimitReason,
    Limits,
    Refused,
    Standing,
    TierAction,
    Tiers,
    check,
    may_open,
)
from jarvis.trading.sizing import Costs, Sized, size_entry
from jarvis.trading.state import Block

from .bench import BTC, ETH, START, D, instrument, limits

FREE = Costs(ZERO, ZERO, ZERO)


def margin(equity: str = "10000", used: str = "0") -> MarginState:
    return MarginState(USD, START, D(equity), D(equity), D(used), D(equity) - D(used), ZERO, None)


def standing(**changes: object) -> Standing:
    given_standing = Standing(START, limits(), instrument(), 5, margin())
    return replace(given_standing, **changes)  # type: ignore[arg-type]


def entry(quantity: str = "10", **changes: object) -> OrderRequest:
    request = OrderRequest(
        client_order_id=ClientOrderId("jv0000001"),
        pair=BTC,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=D(quantity),
        leverage=5,
        role=OrderRole.ENTRY,
        decision_price=D(100),
    )
    return replace(request, **changes)  # type: ignore[arg-type]


# --- limits as a record -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leverage_cap": 0}, "leverage cap"),
        ({"equity_share_per_position": D(0)}, "share of equity"),
        ({"equity_share_per_position": D("1.1")}, "share of equity"),
        ({"risk_per_trade": D(0)}, "risk per trade"),
        ({"risk_per_trade": D(2)}, "risk per trade"),
        ({"max_open_positions": 0}, "pause the account"),
        ({"daily_loss": Tiers(warn=D("0.05"), flatten=D("0.04"))}, "daily loss"),
        ({"drawdown": Tiers(warn=D("0.05"), flatten=D("0.04"))}, "drawdown"),
        ({"margin_level_floor": Tiers(warn=D("1.5"), flatten=D("1.6"))}, "margin level"),
    ],
)
def test_limits_that_contradict_themselves_are_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        limits(**changes)


def test_a_threshold_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Tiers(warn=ZERO)


def test_limits_read_back_as_they_were_written() -> None:
    for each in (Limits(), limits(daily_loss=Tiers(reduce=D("0.0100")))):
        assert Limits.from_json(each.to_json()) == each


def test_the_strongest_tier_that_was_reached_counts() -> None:
    losses = Tiers(warn=D("0.02"), reduce=D("0.06"))

    assert [losses.reached_by(D(loss)) for loss in ("0.01", "0.02", "0.06")] == [
        None,
        TierAction.WARN,
        TierAction.REDUCE,
    ]
    levels = Tiers(warn=D(2), flatten=D(1))
    assert [levels.undercut_by(D(level)) for level in ("2", "1.9", "0.9")] == [
        None,
        TierAction.WARN,
        TierAction.FLATTEN,
    ]


# --- checking ---------------------------------------------------------------------------------------------------------


def test_an_entry_within_all_limits_is_approved_as_it_is() -> None:
    assert check(entry(), standing()) == Approved(entry())


@pytest.mark.parametrize(
    ("request_", "state", "reason"),
    [
        (entry(), standing(paused=True), LimitReason.PAUSED),
        (entry(), standing(blocks=(Block("x", "y"),)), LimitReason.ENTRIES_BLOCKED),
        (entry(), standing(limits=limits(allowed_pairs=frozenset())), LimitReason.PAIR_NOT_ALLOWED),
        (entry(), standing(instrument=None), LimitReason.PAIR_NOT_OFFERED),
        (entry(), standing(has_unknown_order=True), LimitReason.OUTCOME_UNKNOWN),
        (entry(), standing(open_pairs=frozenset({BTC})), LimitReason.ALREADY_OPEN),
        (
            entry(),
            standing(open_pairs=frozenset({ETH}), limits=limits(max_open_positions=1)),
            LimitReason.TOO_MANY_POSITIONS,
        ),
        (entry(), standing(leverage=None), LimitReason.LEVERAGE_NOT_OFFERED),
        (entry(), standing(leverage=4), LimitReason.LEVERAGE_ABOVE_CAP),
        (entry(), standing(margin=None), LimitReason.MARGIN_UNKNOWN),
        (entry(), standing(at=START + timedelta(minutes=6)), LimitReason.MARGIN_UNKNOWN),
        (entry(), standing(margin=margin("0")), LimitReason.NO_EQUITY),
        (entry("0.0009"), standing(), LimitReason.NOT_TRADABLE_AS_IS),
        (entry("1.000000001"), standing(), LimitReason.NOT_TRADABLE_AS_IS),
        (entry(decision_price=None), standing(), LimitReason.NOT_TRADABLE_AS_IS),
        (entry("0.004"), standing(), LimitReason.BELOW_MINIMUM),
        (entry("100.1"), standing(), LimitReason.SHARE_EXCEEDED),
        (entry("100"), standing(margin=margin(used="8000")), LimitReason.NOT_ENOUGH_MARGIN),
        (entry("100"), standing(committed_margin=D("7001")), LimitReason.NOT_ENOUGH_MARGIN),
        (
            entry("100"),
            standing(limits=limits(margin_level_floor=Tiers(flatten=D(6)))),
            LimitReason.NOT_ENOUGH_MARGIN,
        ),
        (entry(), standing(instrument=instrument(long_position_limit=D(9))), LimitReason.POSITION_LIMIT),
    ],
)
def test_each_refusal_has_its_name_and_a_sentence_for_the_person(
    request_: OrderRequest, state: Standing, reason: LimitReason
) -> None:
    judged = check(request_, state)

    assert isinstance(judged, Refused)
    assert judged.reason is reason
    assert judged.message.startswith("BTC/USD: not opened, ")


def test_a_limit_order_is_judged_by_its_own_price() -> None:
    request = entry("60", order_type=OrderType.LIMIT, limit_price=D(200))

    judged = check(request, standing())

    assert isinstance(judged, Refused)
    assert judged.reason is LimitReason.SHARE_EXCEEDED


def test_what_closes_is_approved_whatever_the_limits_say() -> None:
    close = entry("1000000", role=OrderRole.FLATTEN, reduce_only=True)

    assert check(close, standing(paused=True, instrument=None, margin=None, leverage=None)) == Approved(close)


def test_without_a_margin_state_no_margin_is_available() -> None:
    assert standing(margin=None).available_margin() == 0


def test_a_warning_level_alone_holds_back_no_margin() -> None:
    warned = standing(limits=limits(margin_level_floor=Tiers(warn=D(100))))

    assert warned.available_margin() == standing().available_margin() == 9000


# --- sizing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "stop", "quantity", "bound"),
    [
        ({}, "10", "10", "risk per trade"),
        ({}, "0.5", "100", "share of equity per position"),
        ({"margin": margin(used="8000")}, "0.5", "50", "available margin"),
        ({"instrument": instrument(long_position_limit=D(7))}, "10", "7", "the venue's position limit"),
        ({"instrument": instrument(lot=D(3))}, "10", "9", "risk per trade"),
    ],
)
def test_the_smallest_bound_decides_and_is_rounded_down(
    changes: dict[str, object], stop: str, quantity: str, bound: str
) -> None:
    assert size_entry(Side.BUY, D(100), D(stop), standing(**changes), FREE) == Sized(D(quantity), bound)


def test_estimated_costs_make_the_position_smaller() -> None:
    sized = size_entry(Side.BUY, D(100), D(10), standing(), Costs(D("0.004"), D("0.002"), D("0.005")))

    assert isinstance(sized, Sized)
    assert sized.quantity == D("8.33333333")  # 100 / (10 + 100 x (2 x 0.009 + 0.002))


@pytest.mark.parametrize(
    ("side", "price", "stop"),
    [(Side.BUY, "100", "100"), (Side.BUY, "100", "101"), (Side.SELL, "100", "0"), (Side.SELL, "0", "1")],
)
def test_a_stop_that_cannot_rest_is_refused(side: Side, price: str, stop: str) -> None:
    refused = size_entry(side, D(price), D(stop), standing(), FREE)

    assert isinstance(refused, Refused)
    assert refused.reason is LimitReason.STOP_IMPOSSIBLE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"margin": margin("0.05")}, LimitReason.BELOW_MINIMUM),
        ({"instrument": instrument(min_cost=D(1001))}, LimitReason.BELOW_MINIMUM),
        ({"instrument": instrument(lot=D(11), min_quantity=D(0))}, LimitReason.BELOW_MINIMUM),
        ({"margin": margin(used="9500")}, LimitReason.NOT_ENOUGH_MARGIN),
    ],
)
def test_below_the_venues_minimum_nothing_is_opened_and_the_bound_is_named(
    changes: dict[str, object], reason: LimitReason
) -> None:
    refused = size_entry(Side.BUY, D(100), D(10), standing(**changes), FREE)

    assert isinstance(refused, Refused)
    assert refused.reason is reason


def test_nothing_is_sized_before_the_pair_was_let_pass() -> None:
    with pytest.raises(ValueError, match="nothing can be judged"):
        size_entry(Side.BUY, D(100), D(10), standing(margin=None), FREE)


# --- properties -------------------------------------------------------------------------------------------------------

amounts = st.decimals(min_value=D("0.01"), max_value=D(200000), places=2)
shares = st.decimals(min_value=D("0.001"), max_value=D(1), places=3)
some_limits = st.builds(
    lambda cap, share, risk: limits(leverage_cap=cap, equity_share_per_position=share, risk_per_trade=risk),
    st.integers(1, 10),
    shares,
    shares,
)
some_standings = st.builds(
    lambda given_limits, equity, used, committed: standing(
        limits=given_limits,
        leverage=instrument().leverage_within(Side.BUY, given_limits.leverage_cap),
        margin=MarginState(USD, START, equity, equity, used, equity - used, ZERO, None),
        committed_margin=committed,
    ),
    some_limits,
    amounts,
    amounts,
    amounts,
)
costs = st.builds(Costs, *[st.decimals(min_value=0, max_value=D("0.01"), places=4)] * 3)


@given(some_standings, amounts, st.integers(1, 99), st.sampled_from(Side), costs)
def test_what_sizing_allows_every_limit_allows(
    state: Standing, price: Decimal, stop_percent: int, side: Side, estimated: Costs
) -> None:
    if may_open(BTC, state) is not None or state.margin is None or state.leverage is None:
        return
    stop = price * stop_percent / 100
    sized = size_entry(side, price, stop, state, estimated)
    if isinstance(sized, Refused):
        return

    request = entry(str(sized.quantity), side=side, leverage=state.leverage, decision_price=price)

    assert check(request, state) == Approved(request)
    assert sized.quantity * (stop + price * estimated.round_trip_rate) <= (
        state.margin.equity * state.limits.risk_per_trade
    )
    assert sized.quantity * price / state.leverage <= state.available_margin()


@given(some_standings, some_limits, amounts, st.integers(1, 99))
def test_a_tighter_limit_never_makes_a_position_larger(
    state: Standing, other: Limits, price: Decimal, stop_percent: int
) -> None:
    if may_open(BTC, state) is not None:
        return
    tighter = replace(
        state,
        limits=replace(
            state.limits,
            equity_share_per_position=min(state.limits.equity_share_per_position, other.equity_share_per_position),
            risk_per_trade=min(state.limits.risk_per_trade, other.risk_per_trade),
        ),
    )
    stop = price * stop_percent / 100

    loose, tight = (size_entry(Side.BUY, price, stop, each, FREE) for each in (state, tighter))

    if isinstance(tight, Sized):
        assert isinstance(loose, Sized)
        assert tight.quantity <= loose.quantity


@given(some_standings, st.decimals(min_value=D("0.001"), max_value=D(1000), places=3), amounts)
def test_limits_only_pass_or_refuse_and_never_change_an_order(
    state: Standing, quantity: Decimal, price: Decimal
) -> None:
    request = entry(str(quantity), decision_price=price, leverage=2)

    judged = check(request, state)

    assert isinstance(judged, Refused) or judged.request == request
