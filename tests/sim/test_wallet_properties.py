"""What holds after any sequence of orders, bars, loans, repayments and transfers at a venue that settles by wallet."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, round_down, round_nearest
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import (
    Borrow,
    SimBorrow,
    SimEvent,
    SimExchange,
    SimFill,
    SimInterest,
    SimLedger,
    SimLiquidation,
    SimOrderRequest,
    SimRepay,
    SimWallet,
)
from jarvis.sim.instruments import binance_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import BINANCE, BYBIT, OKX, BookModel, FeeModel, VenueModel
from tests.sim.common import NO_SPREAD, OWNER, D, Row, bars
from tests.sim.test_properties import STEP
from tests.sim.wallets import BNB, ISOLATED, PAIR, USDT

ETH_PAIR, BNB_PAIR = Pair.parse("ETH/USDT"), Pair.parse("BNB/USDT")
PAIRS = (PAIR, ETH_PAIR, BNB_PAIR)
ASSETS = (USDT, *(pair.base for pair in PAIRS))
THIN = BookModel(half_spread_bps=D(3), level_step_bps=D(2), level_quote_size=D(9_000))
MODELS = tuple(replace(model, book=THIN) for model in (BINANCE, OKX, BYBIT))
FREE = tuple(
    replace(model, book=NO_SPREAD, fee=FeeModel(ZERO, ZERO), collateral=dict.fromkeys(ASSETS, D(1)))
    for model in (BINANCE, OKX, BYBIT)
)
"""Trading changes no equity, so that what was lent can be checked afterwards."""
TRADED_KINDS = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT_LIMIT)
DUST = D(20)
BOOKED = {LedgerKind.INTEREST, LedgerKind.LIQUIDATION_FEE, LedgerKind.DEPOSIT, LedgerKind.TRANSFER}


@dataclass(frozen=True)
class Step:
    """One thing that someone does; numbers are fractions that find their meaning when the state is known."""

    what: str
    pair: Pair
    side: Side
    kind: OrderType
    borrow: Borrow
    size: int
    distance: int
    switch: int


DEEDS = ["place"] * 6 + ["advance"] * 4 + ["amend", "cancel", "borrow", "repay", "move", "fees"]
steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(DEEDS),
        pair=st.sampled_from(PAIRS),
        side=st.sampled_from(Side),
        kind=st.sampled_from(TRADED_KINDS),
        borrow=st.sampled_from([Borrow.MISSING, Borrow.MISSING, Borrow.NONE, Borrow.FULL]),
        size=st.integers(1, 200),
        distance=st.integers(-30, 30),
        switch=st.integers(0, 63),
    ),
    min_size=1,
    max_size=30,
)


def storm(seed: int, length: int = 150) -> list[Step]:
    """A long sequence, longer than shrinking can handle."""
    random = Random(seed)
    return [
        Step(
            what=random.choice(DEEDS),
            pair=random.choice(PAIRS),
            side=random.choice(list(Side)),
            kind=random.choice(TRADED_KINDS),
            borrow=random.choice([Borrow.MISSING, Borrow.MISSING, Borrow.NONE, Borrow.FULL]),
            size=random.randint(1, 200),
            distance=random.randint(-30, 30),
            switch=random.randint(0, 63),
        )
        for _ in range(length)
    ]


def market(seed: int) -> RecordedMarket:
    """A hundred wild half hours of three pairs, with holes."""
    random = Random(seed)
    recorded = {}
    for pair, first in ((PAIR, 60_000.0), (ETH_PAIR, 2_500.0), (BNB_PAIR, 600.0)):
        price = first
        rows: list[Row | None] = []
        while len(rows) < 100:
            opened = price * (1 + random.gauss(0, 0.004))
            price = opened * (1 + random.gauss(0, 0.016))
            high = max(opened, price) * (1 + abs(random.gauss(0, 0.006)))
            low = min(opened, price) * (1 - abs(random.gauss(0, 0.006)))
            row = (round(opened, 1), round(high + 0.1, 1), round(low - 0.1, 1), round(price, 1))
            rows.append(None if rows and random.random() < 0.08 else row)
        recorded[pair] = bars(pair, rows, STEP)
    return RecordedMarket(recorded)


def opened(seed: int, model: VenueModel) -> SimExchange:
    """A venue with one account, and an isolated pair's where the venue has such accounts."""
    listed = {pair: binance_instruments()[pair] for pair in PAIRS}
    venue = SimExchange(instruments=listed, model=model, market=market(seed), seed=seed)
    venue.open_account(OWNER, {USDT: D(10_000), PAIR.base: D("0.05"), BNB: D(1)})
    if model.wallet is not None and model.wallet.isolated is not None:
        venue.open_account(OWNER, {USDT: D(2_000)}, ISOLATED)
    return venue


def pot_of(venue: SimExchange, step: Step) -> str:
    """Every third step on the isolated pair is one in its own account."""
    return ISOLATED if ISOLATED in venue.pots(OWNER) and step.pair == PAIR and step.switch % 3 == 0 else ""


def wanted(venue: SimExchange, step: Step) -> SimOrderRequest:
    """The order that a step means at the present prices. It may well be refused."""
    instrument = venue.instruments[step.pair]
    last = venue.quote(step.pair).last
    near = round_nearest(last * (1000 + step.distance) / 1000, instrument.tick)
    is_limit = step.kind in (OrderType.LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return SimOrderRequest(
        pair=step.pair,
        side=step.side,
        order_type=step.kind,
        quantity=instrument.round_quantity(D(step.size) * (20 if step.switch % 2 else 250) / last),
        limit_price=near if is_limit else None,
        trigger_price=near if step.kind in (OrderType.STOP, OrderType.TAKE_PROFIT_LIMIT) else None,
        reduce_only=step.switch % 7 == 0,
        borrow=step.borrow,
        repay=step.switch % 5 < 2,
        locks=step.switch % 11 != 0,
        pot=pot_of(venue, step),
    )


def do(venue: SimExchange, step: Step) -> list[SimEvent]:
    """Do one step; what the venue told."""
    pot = pot_of(venue, step)
    asset = step.pair.base if step.switch % 2 else USDT
    worth = D(step.size * 50)
    amount = round_down(worth / (1 if asset == USDT else venue.quote(step.pair).last), D("0.00000001"))
    working = venue.orders(OWNER)
    match step.what:
        case "place":
            venue.place(OWNER, wanted(venue, step))
        case "advance":
            return venue.advance(venue.now + STEP * (1 + step.switch % 3))
        case "amend" if working:
            order = working[step.size % len(working)]
            venue.amend(OWNER, order.order_id, quantity=order.quantity * (1 + step.switch % 2))
        case "cancel" if working:
            venue.cancel(OWNER, working[step.size % len(working)].order_id)
        case "borrow":
            most = venue.max_borrowable(OWNER, asset, pot)
            venue.borrow(OWNER, asset, min(amount, round_down(most, D("0.00000001"))), pot)
        case "repay":
            venue.repay(OWNER, asset, None if step.switch % 3 else amount, pot)
        case "move":
            free = venue.balances(OWNER, pot).get(asset)
            out = step.switch % 4 == 0 and free is not None
            gone = -min(amount, max(ZERO, free.available)) if out and free is not None else amount / 10
            with suppress(ValueError):  # what is needed as margin stays
                venue.adjust(OWNER, asset, gone, LedgerKind.TRANSFER, pot=pot)
        case "fees":
            venue.set_fee_asset(OWNER, BNB if step.switch % 2 else None)
        case _:
            pass
    return venue.drain()


@dataclass
class Sums:
    """Net balances as fills and ledger rows tell them, by pot and asset."""

    by: dict[tuple[str, Asset], Decimal]

    def take(self, events: list[SimEvent]) -> None:
        """Add what happened, in its order; every row's balance must be the sum so far."""
        for event in events:
            match event:
                case SimFill(fill=fill, pot=pot):
                    sign = fill.side.sign
                    self.by[pot, fill.pair.base] += fill.quantity * sign
                    self.by[pot, fill.pair.quote] -= fill.cost * sign
                    self.by[pot, fill.fee_asset] -= fill.fee
                case SimLedger(row=row):
                    key = (str(row.pair) if row.pair else "", row.asset)
                    self.by[key] += row.change
                    assert row.balance == self.by[key]
                    assert row.kind in BOOKED
                case SimRepay():
                    assert min(event.principal, event.interest) >= 0
                    assert event.principal + event.interest > 0
                case SimInterest():
                    assert event.interest >= event.principal * event.rate > 0
                case _:
                    pass


def check(venue: SimExchange, sums: Sums, pot: str) -> SimWallet:
    """The wallet: nothing in it is negative, and its net amounts are the sums to the last digit."""
    wallet, balances = venue.wallet(OWNER, pot), venue.balances(OWNER, pot)
    for asset, holding in wallet.holdings.items():
        assert min(holding.free, holding.locked, holding.borrowed, holding.interest) >= 0, wallet
        assert holding.interest == 0 or holding.borrowed > 0
        assert holding.net == sums.by[pot, asset] == balances[asset].total
        assert (balances[asset].available, balances[asset].owed) == (holding.free, holding.owed)
    return wallet


def run(seed: int, model: VenueModel, deeds: list[Step], *, trading_is_free: bool = False) -> list[SimEvent]:
    """All that happened; every rule is checked after every deed."""
    venue, sums = opened(seed, model), Sums(defaultdict(Decimal))
    told = venue.drain()
    sums.take(told)
    for deed in deeds:
        events = do(venue, deed)
        told += events
        sums.take(events)
        lent = {event.pot for event in events if isinstance(event, SimBorrow)}
        for pot in venue.pots(OWNER):
            wallet = check(venue, sums, pot)
            if pot in lent and (deed.what == "borrow" or (trading_is_free and deed.what != "advance")):
                assert wallet.equity >= wallet.initial
    assert len({row.row_id for row in venue.ledger(OWNER)}) == len(venue.ledger(OWNER))
    assert len({each.fill.fill_id for each in venue.fills(OWNER)}) == len(venue.fills(OWNER))
    return told


deeply = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@deeply
@given(seed=st.integers(0, 3), model=st.sampled_from(MODELS), deeds=steps)
def test_net_balances_move_by_fills_and_rows_alone(seed: int, model: VenueModel, deeds: list[Step]) -> None:
    run(seed, model, deeds)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS))
def test_nothing_breaks_in_a_storm_and_the_same_seed_tells_the_same(seed: int, model: VenueModel) -> None:
    assert run(seed, model, storm(seed)) == run(seed, model, storm(seed))


@deeply
@given(seed=st.integers(0, 10_000), model=st.sampled_from(FREE))
def test_no_pot_is_lent_more_than_the_initial_rate_allows(seed: int, model: VenueModel) -> None:
    run(seed, model, storm(seed, 40), trading_is_free=True)


@deeply
@given(
    seed=st.integers(0, 5),
    model=st.sampled_from(MODELS),
    side=st.sampled_from(Side),
    part=st.integers(50, 100),
)
def test_liquidation_comes_at_the_maintenance_rate_and_leaves_no_debt_or_a_bad_one(
    seed: int, model: VenueModel, side: Side, part: int
) -> None:
    venue = opened(seed, model)
    last, instrument = venue.quote(ETH_PAIR).last, venue.instruments[ETH_PAIR]
    most = venue.max_borrowable(OWNER, USDT) / last if side is Side.BUY else venue.max_borrowable(OWNER, ETH_PAIR.base)
    quantity = instrument.round_quantity(most * part / 110)
    venue.place(OWNER, SimOrderRequest(ETH_PAIR, side, OrderType.MARKET, quantity, borrow=Borrow.FULL))
    assert model.wallet is not None
    bar = model.wallet.maintenance / model.wallet.initial

    for _ in range(100):
        events = venue.advance(venue.now + STEP)
        wallet = venue.wallet(OWNER)
        forced = [event for event in events if isinstance(event, SimLiquidation)]
        assert all(event.level <= bar for event in forced)
        if any(venue.trades(pair) and venue.trades(pair)[-1].at < venue.now for pair in PAIRS):
            continue  # a bar is missing: its pair waits
        is_bare = wallet.assets_value < DUST
        assert wallet.debt_value == 0 or wallet.equity > wallet.maintenance or is_bare
        assert not forced or wallet.debt_value == 0 or is_bare
