"""What somebody else's chart proposes, held against what its owner allows. Pure; the engine judges once more.

A proposal is a wish of base quantity with a stop. It is refused with the first reason, in words for the owner, or it
is said what it comes to: its worth, and what is lost at its stop before costs.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset, plain
from jarvis.trading.limits import Limits


class ProposalAction(Enum):
    """What is proposed."""

    LONG = "long"
    SHORT = "short"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A wish for one pair. `quantity` (base) and `stop` (quote) are None for a close."""

    action: ProposalAction
    pair: Pair
    quantity: Decimal | None = None
    stop: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What one hook may propose at most: on which pairs, and an order worth how much (quote)."""

    pairs: frozenset[Pair]
    most: Decimal


@dataclass(frozen=True, slots=True)
class Situation:
    """The account at this moment: its limits, whether it may open, the pair's last price, and equity in its asset."""

    limits: Limits
    is_armed: bool
    price: Decimal | None
    equity: Decimal | None
    asset: Asset | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a proposal is within what is allowed, and the same in one or two sentences."""

    is_allowed: bool
    words: str


def judge(proposal: Proposal, terms: Terms, situation: Situation) -> Judgement:
    """What would come of a proposal."""
    pair = proposal.pair
    if pair not in terms.pairs:
        return Judgement(is_allowed=False, words=f"{pair} is not one of this hook's pairs.")
    if proposal.action is ProposalAction.CLOSE:
        return Judgement(is_allowed=True, words=f"Closes what is open on {pair}, at market.")
    return _judge_entry(proposal, terms, situation)


def _judge_entry(proposal: Proposal, terms: Terms, situation: Situation) -> Judgement:
    pair, quantity, stop, price = proposal.pair, proposal.quantity, proposal.stop, situation.price
    if pair not in situation.limits.allowed_pairs:
        return _no(f"The account's limits do not allow {pair}.")
    if quantity is None:
        return _no("The alert says no quantity.")
    if stop is None:
        return _no("The alert says no stop: nothing is opened without one.")
    if price is None:
        return _no(f"There is no price of {pair} yet.")
    is_long = proposal.action is ProposalAction.LONG
    if (stop >= price) if is_long else (stop <= price):
        side = "below" if is_long else "above"
        return _no(f"The stop of {plain(stop)} {pair.quote} is not {side} the price of {plain(price)} {pair.quote}.")
    worth = quantity * price
    if worth > terms.most:
        return _no(f"Worth {_money(worth, pair)}; this hook may propose {_money(terms.most, pair)} at most.")
    loss = quantity * abs(price - stop)
    share = ""
    if situation.equity is not None and situation.equity > 0 and situation.asset == pair.quote:
        largest = situation.equity * situation.limits.equity_share_per_position * situation.limits.leverage_cap
        if worth > largest:
            return _no(f"Worth {_money(worth, pair)}; the limits allow {_money(largest, pair)} in one position.")
        risked = loss / situation.equity
        if risked > situation.limits.risk_per_trade:
            return _no(
                f"{_money(loss, pair)} would be lost at the stop: {risked:.2%} of equity, "
                f"and the limits allow {situation.limits.risk_per_trade:.2%}."
            )
        share = f", {risked:.2%} of equity"
    held = f"{proposal.action.value} of {plain(quantity)} {pair.base}"
    words = (
        f"A {held}, worth {_money(worth, pair)} at {plain(price)} {pair.quote}; at its stop of {plain(stop)} "
        f"{pair.quote}, {_money(loss, pair)} are lost before costs{share}."
    )
    if not situation.is_armed:
        words += " The account is not armed, so nothing would be opened now."
    return Judgement(is_allowed=True, words=words)


def _no(words: str) -> Judgement:
    return Judgement(is_allowed=False, words=words)


def _money(value: Decimal, pair: Pair) -> str:
    return f"{value:,.2f} {pair.quote}"
