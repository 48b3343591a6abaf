"""What the card says before an order by hand, held against what the simulated venue then charges and does.

Five venues, each with its own fees, loans and levels. The card may be a little too careful, never too kind.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jarvis.backtest.venues import SETUPS, VenueSetup
from jarvis.domain.account import LedgerKind, MarginState, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ONE, ZERO
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.domain.traits import Settlement
from jarvis.sim.exchange import SimExchange, SimLiquidation, SimOrderRequest, SimPlaced
from jarvis.sim.market import RecordedMarket
from jarvis.trading.events import OpenByHand
from jarvis.trading.limits import Limits, Refused, Standing
from jarvis.trading.preview import Preview, preview
from jarvis.trading.sizing import Costs
from jarvis.trading.strategy import Protection
from jarvis.venues.catalog import VENUES
from jarvis.web.trading.rates import model_of, rates_of
from tests.sim.common import MINUTE, OWNER, START, D, bars, flat

PRICE = 50_000
QUIET = 60 * 25
"""Minutes in which nothing moves: a day and an hour, so that a day's interest can be seen."""

WISHES = st.builds(
    lambda side, worth, stop: (side, worth, stop),
    st.sampled_from(Side),
    st.integers(2, 22).map(lambda tenths: D(tenths) / 10),
    st.integers(1, 8).map(lambda percent: D(percent) / 100),
)
"""A side, how many times equity it is worth, and how far away its stop lies."""


@dataclass(frozen=True)
class Case:
    """One venue, somebody with 10,000 of its quote currency, a wish, and its card."""

    setup: VenueSetup
    pair: Pair
    wish: OpenByHand
    card: Preview

    def venue(self, *closes: Decimal) -> SimExchange:
        """The venue, whose price goes through `closes` after a quiet beginning, with the wish carried out."""
        rows = [*flat(PRICE, 2), *(row for close in closes for row in flat(float(close), 2))]
        return self._opened(rows)

    def quiet(self) -> SimExchange:
        """The same where nothing moves for a day."""
        return self._opened(flat(PRICE, QUIET))

    def _opened(self, rows: list[tuple[float, float, float, float]]) -> SimExchange:
        venue = empty(self.setup, self.pair, rows)
        placed = venue.place(OWNER, self.order(self.wish.side, self.card.quantity))
        assert isinstance(placed, SimPlaced), placed
        assert placed.order.filled_quantity == self.card.quantity
        return venue

    def order(self, side: Side, quantity: Decimal, *, closes: bool = False) -> SimOrderRequest:
        request = OrderRequest(
            client_order_id=ClientOrderId(f"jv{side.value}"),
            pair=self.pair,
            side=side,
            order_type=OrderType.MARKET,
            quantity=quantity,
            leverage=self.card.leverage,
            role=OrderRole.BY_HAND if closes else OrderRole.ENTRY,
            reduce_only=closes,
        )
        return replace(SimOrderRequest.from_order(request), repay=closes and self.is_wallet)

    @property
    def is_wallet(self) -> bool:
        return self.setup.traits.settlement is Settlement.WALLET

    def worth(self, venue: SimExchange) -> Decimal:
        """Everything, debts taken off, in quote."""
        if not self.is_wallet:
            return venue.margin(OWNER).e
        price = venue.quote(self.pair).last
        return sum(
            (
                held.total * (ONE if asset == self.pair.quote else price)
                for asset, held in venue.balances(OWNER).items()
            ),
            ZERO,
        )

    def charged(self, venue: SimExchange, *kinds: LedgerKind) -> Decimal:
        """What the ledger's rows of these kinds took, in quote."""
        price = venue.quote(self.pair).last
        return sum(
            (
                (row.fee - row.amount) * (ONE if row.asset == self.pair.quote else price)
                for row in venue.ledger(OWNER)
                if row.kind in kinds
            ),
            ZERO,
        )


def empty(setup: VenueSetup, pair: Pair, rows: list[tuple[float, float, float, float]]) -> SimExchange:
    market = RecordedMarket({pair: bars(pair, rows, MINUTE, START)})
    venue = SimExchange(instruments={pair: setup.instruments[pair]}, model=setup.model, market=market, seed=1)
    venue.open_account(OWNER, {setup.quote: D(10_000)})
    venue.advance(START + MINUTE)
    venue.drain()
    return venue


def offered(name: str, side: Side, worth: Decimal, stop: Decimal) -> Case:
    """The case; an example that the venue would not lend for is left out."""
    case = case_of(name, side, worth, stop)
    assume(not case.card.refused)
    return case


def case_of(name: str, side: Side, worth: Decimal, stop: Decimal) -> Case:
    """The wish and its card."""
    setup = SETUPS[name]
    pair = setup.quoted(Pair.parse("BTC/USD"))
    venue = empty(setup, pair, flat(PRICE, 2))
    quote = venue.quote(pair)
    price = quote.ask if side is Side.BUY else quote.bid
    wallet = setup.model.wallet
    margin = MarginState(setup.quote, venue.now, D(10_000), D(10_000), ZERO, D(10_000), ZERO, None)
    if wallet is not None:
        margin = replace(
            margin,
            call_level=wallet.call / wallet.initial,
            liquidation_level=wallet.maintenance / wallet.initial,
        )
    instrument = setup.instruments[pair]
    limits = Limits(leverage_cap=5, equity_share_per_position=ONE, risk_per_trade=ONE, allowed_pairs=frozenset({pair}))
    settlement = setup.traits.settlement
    standing = Standing(venue.now, limits, instrument, 5, margin, reserve_rate=ZERO, settlement=settlement)
    wish = OpenByHand(venue.now, pair, side, D(10_000) * worth / price, price, 5, Protection(price * stop))
    taker = setup.model.fee.taker_rate
    shown = preview(wish, standing, Costs(taker_rate=taker), rates_of(setup.model, pair, taker), D(10_000))
    assert not isinstance(shown, Refused)
    return Case(setup, pair, wish, shown)


@pytest.mark.parametrize("name", SETUPS)
def test_each_kind_of_account_is_told_the_rates_of_its_own_kind(name: str) -> None:
    venue, _, kind = name.partition("-")

    assert model_of(venue, kind or VENUES[VenueName(venue)].execution_venues[0]) is SETUPS[name].model


def first_hour(case: Case) -> Decimal:
    """Binance charges the first hour of a loan when it is taken up."""
    wallet = case.setup.model.wallet
    return case.card.interest_day / 24 if wallet is not None and wallet.interest_on_borrow else ZERO


def stepped_in(venue: SimExchange) -> bool:
    """Whether the venue closes anything by force while the price goes its way."""
    return any(isinstance(event, SimLiquidation) for event in venue.advance(START + 4 * MINUTE))


def close(left: Decimal, right: Decimal, within: str) -> bool:
    return abs(left - right) <= D(within) * max(abs(left), abs(right), ONE)


@pytest.mark.parametrize("name", SETUPS)
@settings(max_examples=20, deadline=None)
@given(WISHES)
def test_margin_fees_and_loan_are_what_the_venue_takes(name: str, wanted: tuple[Side, Decimal, Decimal]) -> None:
    case = offered(name, *wanted)
    venue = case.venue()
    card, margin = case.card, venue.margin(OWNER)

    # Nothing moved: what is missing are fees, and the spread that was crossed.
    spread = abs(venue.quote(case.pair).last - case.wish.price) * card.quantity
    lost = D(10_000) - case.worth(venue)
    assert close(lost, card.fee_in + card.opening_fee + spread + first_hour(case), "0.003")
    assert close(margin.m, card.margin, "0.003")
    if case.is_wallet:
        assert close(margin.c, card.borrowed, "0.003")
        if card.borrowed == 0:
            assert margin.m == 0


@pytest.mark.parametrize("name", SETUPS)
@settings(max_examples=20, deadline=None)
@given(WISHES)
def test_the_venue_steps_in_where_the_card_says(name: str, wanted: tuple[Side, Decimal, Decimal]) -> None:
    case = offered(name, *wanted)
    sign, said = case.wish.side.sign, case.card.liquidation
    if said is None:
        venue = case.venue(D("0.02") * PRICE if sign > 0 else D(3) * PRICE)
        assert not stepped_in(venue)
        return
    nearer, beyond = said * (1 + sign * D("0.01")), said * (1 - sign * D("0.01"))
    for price, expected in ((nearer, False), (beyond, True)):
        if price <= 0:
            continue
        venue = case.venue(price)
        assert stepped_in(venue) is expected, (said, price)


@pytest.mark.parametrize("name", SETUPS)
@settings(max_examples=20, deadline=None)
@given(WISHES)
def test_the_worst_case_is_never_kinder_than_the_venue(name: str, wanted: tuple[Side, Decimal, Decimal]) -> None:
    case = offered(name, *wanted)
    card = case.card
    if card.liquidation is not None and (card.stop - card.liquidation) * case.wish.side.sign <= 0:
        return  # the venue would step in before the stop
    venue = case.venue(card.stop)
    venue.advance(START + 4 * MINUTE)
    held = abs(venue.positions(OWNER).get(case.pair, ZERO)) if not case.is_wallet else card.quantity
    back = venue.place(
        OWNER, case.order(case.wish.side.opposite, case.setup.instruments[case.pair].round_quantity(held), closes=True)
    )
    assert isinstance(back, SimPlaced), back

    lost = D(10_000) - case.worth(venue)

    hour = card.interest_day / 24 + card.interest_day / 24
    assert lost <= card.worst + hour + D("0.01")
    assert lost >= (card.worst - card.slippage) * D("0.99") - D("0.01")


@pytest.mark.parametrize("name", SETUPS)
@pytest.mark.parametrize("side", Side)
def test_a_days_borrowing_costs_what_the_card_says(name: str, side: Side) -> None:
    case = case_of(name, side, D("1.8"), D("0.05"))
    venue = case.quiet()
    before = case.worth(venue)

    venue.advance(START + timedelta(days=1, minutes=30))

    cost = before - case.worth(venue)
    assert case.card.interest_day > 0
    assert close(cost, case.card.interest_day, "0.05")
