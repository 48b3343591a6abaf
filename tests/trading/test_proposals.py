"""What a chart proposes is within what its owner allows, or refused with the first reason in words with units."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair
from jarvis.domain.money import USD
from jarvis.trading.limits import Limits
from jarvis.trading.proposals import Proposal, ProposalAction, Situation, Terms, judge

BTC, ETH, SOL = (Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "SOL"))
TERMS = Terms(frozenset({BTC, ETH}), Decimal(5000))
LIMITS = Limits(allowed_pairs=frozenset({BTC, SOL}))
NOW = Situation(LIMITS, is_armed=True, price=Decimal(90000), equity=Decimal(25000), asset=USD)
LONG = Proposal(ProposalAction.LONG, BTC, Decimal("0.05"), Decimal(88000))
SHORT = replace(LONG, action=ProposalAction.SHORT, stop=Decimal(92000))


@pytest.mark.parametrize("proposal", [LONG, SHORT])
def test_a_proposal_within_the_limits_says_what_it_comes_to(proposal: Proposal) -> None:
    judged = judge(proposal, TERMS, NOW)

    assert judged.is_allowed
    assert "4,500.00 USD" in judged.words
    assert "100.00 USD are lost before costs, 0.40% of equity" in judged.words
    assert "not armed" not in judged.words


@pytest.mark.parametrize(
    ("proposal", "situation", "reason"),
    [
        (replace(LONG, pair=SOL), NOW, "not one of this hook's pairs"),
        (replace(LONG, pair=ETH), NOW, "limits do not allow ETH/USD"),
        (replace(LONG, quantity=None), NOW, "no quantity"),
        (replace(LONG, stop=None), NOW, "no stop"),
        (LONG, replace(NOW, price=None), "no price"),
        (replace(LONG, stop=Decimal(90000)), NOW, "is not below the price of 90000 USD"),
        (replace(SHORT, stop=Decimal(90000)), NOW, "is not above the price of 90000 USD"),
        (replace(LONG, quantity=Decimal("0.06")), NOW, "Worth 5,400.00 USD; this hook may propose 5,000.00 USD"),
        (LONG, replace(NOW, equity=Decimal(10000)), "the limits allow 3,000.00 USD in one position"),
        (replace(LONG, stop=Decimal(84000)), NOW, "300.00 USD would be lost at the stop: 1.20% of equity"),
    ],
)
def test_a_proposal_beyond_what_is_allowed_is_refused_with_its_reason(
    proposal: Proposal, situation: Situation, reason: str
) -> None:
    judged = judge(proposal, TERMS, situation)

    assert not judged.is_allowed
    assert reason in judged.words


def test_a_close_needs_neither_price_nor_armed_account() -> None:
    close = Proposal(ProposalAction.CLOSE, BTC)

    assert judge(close, TERMS, replace(NOW, price=None, equity=None, is_armed=False)).is_allowed


def test_an_account_that_is_not_armed_is_said() -> None:
    assert judge(LONG, TERMS, replace(NOW, is_armed=False)).words.endswith("so nothing would be opened now.")


def test_equity_in_another_asset_is_not_compared_with_a_quote() -> None:
    judged = judge(LONG, TERMS, replace(NOW, equity=Decimal(1), asset=None))

    assert judged.is_allowed
    assert "of equity" not in judged.words


amounts = st.decimals(min_value="0.00000001", max_value=10**6, places=8)


@given(amounts, amounts, amounts, st.sampled_from([ProposalAction.LONG, ProposalAction.SHORT]))
def test_nothing_that_is_allowed_is_larger_than_the_hook_or_the_limits(
    quantity: Decimal, stop: Decimal, price: Decimal, action: ProposalAction
) -> None:
    situation = replace(NOW, price=price)
    if judge(Proposal(action, BTC, quantity, stop), TERMS, situation).is_allowed:
        assert quantity * price <= TERMS.most
        assert quantity * abs(price - stop) <= Decimal(25000) * LIMITS.risk_per_trade
        assert (stop < price) if action is ProposalAction.LONG else (stop > price)
