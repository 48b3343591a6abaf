"""What holds after any sequence of orders, bars, amendments, cancels and transfers."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset, round_nearest
from jarvis.domain.order import OrderType, TimeInForce
from jarvis.domain.position import Position
from jarvis.sim.exchange import (
    ClosePrice,
    ConditionalClose,
    SelfTrade,
    SimEvent,
    SimExchange,
    SimFill,
    SimLedger,
    SimOrderEvent,
    SimOrderRequest,
    SimPlaced,
)
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import KRAKEN, BookModel, RolloverModel
from tests.sim.common import BTC, ETH, MINUTE, OWNER, START, D, Row, bars

PAIRS = (BTC, ETH)
STEP = timedelta(minutes=30)
MODEL = replace(
    KRAKEN,
    book=BookModel(half_spread_bps=D(3), level_step_bps=D(2), level_quote_size=D(9_000)),
    rollover=RolloverModel(D("0.0007")),
    max_open_orders=12,
)


@dataclass(frozen=True)
class Step:
    """One thing that someone does. Numbers are fractions that find their meaning when the state is known."""

    what: str
    pair: Pair
    side: Side
    kind: OrderType
    size: int
    distance: int
    leverage: int | None
    switch: int


steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            ["place"] * 5 + ["advance"] * 4 + ["amend", "cancel", "cancel_all", "move", "halt", "lever"]
        ),
        pair=st.sampled_from(PAIRS),
        side=st.sampled_from(Side),
        kind=st.sampled_from([OrderType.MARKET, *OrderType]),
        size=st.integers(1, 200),
        distance=st.integers(-40, 40),
        leverage=st.sampled_from([None, 2, 5, 10, 10, 10]),
        switch=st.integers(0, 63),
    ),
    min_size=1,
    max_size=40,
)


def storm(seed: int, length: int = 150) -> list[Step]:
    """A long sequence, longer than shrinking can handle: Hypothesis finds the small cases, this the deep ones."""
    random = Random(seed)
    return [
        Step(
            what=random.choice(["place"] * 6 + ["advance"] * 2 + ["amend", "amend", "cancel", "move", "halt", "lever"]),
            pair=random.choice(PAIRS),
            side=random.choice(list(Side)),
            kind=random.choice([OrderType.MARKET, *OrderType]),
            size=random.randint(1, 200),
            distance=random.randint(-40, 40),
            leverage=random.choice([None, 2, 5, 10, 10, 10]),
            switch=random.randint(0, 63),
        )
        for _ in range(length)
    ]


def market(seed: int) -> RecordedMarket:
    """Two hundred wild half hours of two pairs, with holes."""
    random = Random(seed)
    recorded = {}
    for pair, first in ((BTC, 60_000.0), (ETH, 2_500.0)):
        price = first
        rows: list[Row | None] = []
        while len(rows) < 200:
            opened = price * (1 + random.gauss(0, 0.004))
            price = opened * (1 + random.gauss(0, 0.016))
            high = max(opened, price) * (1 + abs(random.gauss(0, 0.006)))
            low = min(opened, price) * (1 - abs(random.gauss(0, 0.006)))
            row = (round(opened, 1), round(high + 0.1, 1), round(low - 0.1, 1), round(price, 1))
            rows.append(None if rows and random.random() < 0.08 else row)
        recorded[pair] = bars(pair, rows, STEP)
    return RecordedMarket(recorded)


def wanted(venue: SimExchange, step: Step) -> SimOrderRequest:
    """The order that a step means at the present prices. It may well be refused."""
    instrument = venue.instruments[step.pair]
    last = venue.quote(step.pair).last
    near = round_nearest(last * (1000 + step.distance) / 1000, instrument.tick)
    beyond = round_nearest(last * (1000 + step.distance + step.side.sign * 2) / 1000, instrument.tick)
    # From a few hundred up to more than all the margin there is.
    value = D(step.size) * (20 if step.switch % 2 else 150)
    quantity = ZERO if step.switch >= 60 and step.leverage else instrument.round_quantity(value / last)
    is_limit = step.kind in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    is_triggered = step.kind not in (OrderType.MARKET, OrderType.LIMIT, OrderType.TRAILING_STOP)
    close = ConditionalClose(OrderType.STOP, trigger_price=ClosePrice(D(1), sign=-step.side.sign, is_percent=True))
    reduces = step.leverage is not None and step.switch % 4 == 1
    settles = step.leverage is not None and step.switch >= 56 and step.kind is OrderType.MARKET
    expires = step.switch % 16 == 2
    return SimOrderRequest(
        pair=step.pair,
        side=step.side,
        order_type=step.kind,
        quantity=quantity,
        leverage=step.leverage,
        limit_price=(beyond if is_triggered else near) if is_limit else None,
        trigger_price=near if is_triggered else None,
        trailing_offset=last / 100 if step.kind is OrderType.TRAILING_STOP else None,
        reduce_only=reduces,
        post_only=step.kind is OrderType.LIMIT and step.switch % 8 == 3,
        time_in_force=TimeInForce.GTD if expires else TimeInForce.GTC,
        expires_at=venue.now + 3 * MINUTE * step.size if expires else None,
        close=close if step.switch % 8 == 4 and not reduces and not settles else None,
        self_trade=list(SelfTrade)[step.switch % 3],
        settle=settles,
    )


def carry_out(venue: SimExchange, step: Step) -> list[SimEvent]:
    """Do it; what the exchange told."""
    match step.what:
        case "place":
            venue.place(OWNER, wanted(venue, step))
        case "lever":
            last = venue.quote(step.pair).last
            most = venue.instruments[step.pair].round_quantity(max(ZERO, venue.margin(OWNER).mfo) * 9 / last)
            venue.place(OWNER, SimOrderRequest(step.pair, step.side, OrderType.MARKET, most, 10))
        case "advance":
            return venue.advance(venue.now + (1 + step.size % 2) * STEP)
        case "amend":
            for order in venue.orders(OWNER)[: 1 + step.switch % 2]:
                meant = wanted(venue, replace(step, pair=order.pair))
                if order.limit_price is not None:
                    venue.amend(OWNER, order.order_id, quantity=meant.quantity, limit_price=meant.limit_price)
                else:
                    venue.amend(OWNER, order.order_id, quantity=meant.quantity, trigger_price=meant.trigger_price)
        case "cancel":
            for order in venue.orders(OWNER)[:1]:
                assert venue.cancel(OWNER, order.order_id)
        case "cancel_all":
            venue.cancel_all(OWNER)
        case "move":
            free = venue.balances(OWNER)[USD].available
            if step.side is Side.BUY or free > step.size:
                venue.adjust(OWNER, USD, D(step.size) * step.side.sign, LedgerKind.TRANSFER)
        case "halt":
            venue.set_max_leverage(step.pair, 10 if step.switch % 4 else 5)
    return venue.drain()


def check(venue: SimExchange) -> None:
    """Everything that must hold at any time."""
    ledger, fills = venue.ledger(OWNER), [told.fill for told in venue.fills(OWNER)]
    balances = venue.balances(OWNER)

    changes: dict[Asset, Decimal] = defaultdict(Decimal)
    for row in ledger:
        changes[row.asset] += row.change
        assert row.balance == changes[row.asset]
    assert {asset: balance.total for asset, balance in balances.items()} == dict(changes)

    realised = ZERO
    unrealised = ZERO
    for pair in PAIRS:
        position = Position(pair, venue.instruments[pair].cost_step)
        settled = any(row.kind is LedgerKind.SETTLED for row in ledger)
        for told in venue.fills(OWNER):
            if told.fill.pair == pair and told.fill.is_margin and not settled:
                position, part = position.apply(told.fill)
                assert (part.quantity, part.pnl) == (told.closed_quantity, told.realised)
                realised += part.pnl
        lots = venue.lots(OWNER, pair)
        signed = sum((lot.remaining_quantity * lot.side.sign for lot in lots), ZERO)
        assert signed == sum((fill.signed_quantity for fill in fills if fill.pair == pair and fill.is_margin), ZERO)
        assert len({lot.side for lot in lots}) <= 1
        if not settled:
            assert [(lot.lot_id, lot.remaining_quantity, lot.remaining_cost) for lot in lots] == [
                (lot.opened_by, lot.quantity, lot.cost) for lot in position.lots
            ]
        unrealised += signed * venue.quote(pair).last - sum((lot.remaining_cost * lot.side.sign for lot in lots), ZERO)

    spot = [fill for fill in fills if not fill.is_margin]
    if not any(row.kind is LedgerKind.SETTLED for row in ledger):
        fees = sum((row.fee for row in ledger), ZERO)
        moves = (LedgerKind.DEPOSIT, LedgerKind.TRANSFER)
        moved = sum((row.amount for row in ledger if row.asset == USD and row.kind in moves), ZERO)
        traded = sum((fill.cost * -fill.side.sign for fill in spot), ZERO)
        assert balances[USD].total == moved + traded + realised - fees
        if not venue.lots(OWNER):
            # Flat: what margin trading brought is exactly what was sold for less what was bought for.
            cash = sum((fill.cost * -fill.side.sign for fill in fills if fill.is_margin), ZERO)
            assert realised == cash

    margin = venue.margin(OWNER)
    weights = venue.model.collateral
    collateral = balances[USD].total
    for pair in PAIRS:
        if pair.base in balances:
            collateral += balances[pair.base].total * venue.quote(pair).last * weights[pair.base]
    assert abs(margin.tb - collateral) < D("1e-15")
    assert margin.e == margin.tb + margin.n
    assert abs(margin.n - unrealised) < D("1e-15")
    assert margin.mf == margin.e - margin.m
    assert (margin.ml is None) == (not venue.lots(OWNER))

    assert all(amount >= 0 for amount in venue.holds(OWNER).values())
    for asset, balance in balances.items():
        assert asset == USD or balance.total >= 0
    for order in venue.orders(OWNER):
        assert 0 <= order.filled_quantity < order.quantity
    for order in venue.closed_orders(OWNER):
        assert order.filled_quantity <= order.quantity


SLOW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(seed=st.integers(0, 10_000), todo=steps)
def test_books_lots_cash_and_margin_agree_after_anything(seed: int, todo: list[Step]) -> None:
    live_through(seed, todo)


def test_they_agree_through_long_storms() -> None:
    venues = [live_through(seed, storm(seed)) for seed in range(30)]

    # The storms must be worth their name: everything that can happen has happened.
    fills = [told for venue in venues for told in venue.fills(OWNER)]
    ended = {order.reason for venue in venues for order in venue.closed_orders(OWNER)}
    assert any(told.fill.is_liquidation for told in fills)
    assert any(told.order.parent_id for told in fills)
    assert any(told.opened_quantity and told.closed_quantity for told in fills)
    assert {OrderType.STOP, OrderType.TRAILING_STOP} <= {told.order.order_type for told in fills}
    assert {"Expired", "Self trade", "User requested"} <= ended


def live_through(seed: int, todo: list[Step]) -> SimExchange:
    """The exchange after all steps, checked after each."""
    source = market(seed)
    venue = SimExchange(
        instruments={pair: kraken_instruments()[pair] for pair in PAIRS}, model=MODEL, market=source, seed=seed
    )
    venue.open_account(OWNER, {USD: D(5_000), Asset("BTC"): D("0.05")})
    told = venue.drain()

    for step in todo:
        told += carry_out(venue, step)
        check(venue)

    assert [event for event in told if isinstance(event, SimFill)] == list(venue.fills(OWNER))
    assert [event.row for event in told if isinstance(event, SimLedger)] == list(venue.ledger(OWNER))
    ended = [event.order for event in told if isinstance(event, SimOrderEvent) and not event.order.is_open]
    assert ended == list(venue.closed_orders(OWNER))
    return venue


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), todo=steps)
def test_the_same_seed_and_calls_give_the_same_history_whatever_the_order_of_mappings(
    seed: int, todo: list[Step]
) -> None:
    histories = []
    for order in (PAIRS, tuple(reversed(PAIRS))):
        source = market(seed)
        listed = {pair: kraken_instruments()[pair] for pair in order}
        venue = SimExchange(instruments=listed, model=MODEL, market=source, seed=seed)
        deposits = {USD: D(5_000), Asset("BTC"): D("0.05")}
        venue.open_account(OWNER, dict(sorted(deposits.items(), reverse=order is PAIRS)))
        histories.append([event for step in todo for event in carry_out(venue, step)])

    assert histories[0] == histories[1]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), todo=steps)
def test_reduce_only_orders_never_open_or_flip(seed: int, todo: list[Step]) -> None:
    source = market(seed)
    listed = {pair: kraken_instruments()[pair] for pair in PAIRS}
    venue = SimExchange(instruments=listed, model=MODEL, market=source, seed=seed)
    venue.open_account(OWNER, {USD: D(50_000)})

    for step in todo:
        carry_out(venue, step)

    assert all(told.opened_quantity == 0 for told in venue.fills(OWNER) if told.order.reduce_only)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), pieces=st.lists(st.integers(1, 5), min_size=1, max_size=12), todo=steps)
def test_advancing_in_pieces_or_at_once_gives_the_same(seed: int, pieces: list[int], todo: list[Step]) -> None:
    fills = []
    for windows in (pieces, [sum(pieces)]):
        venue = SimExchange(
            instruments={pair: kraken_instruments()[pair] for pair in PAIRS},
            model=MODEL,
            market=market(seed),
            seed=seed,
        )
        venue.open_account(OWNER, {USD: D(50_000)})
        venue.advance(START + STEP)
        for step in todo:
            if step.what == "place":
                answer = venue.place(OWNER, wanted(venue, step))
                assert not isinstance(answer, SimPlaced) or answer.order_id
        for window in windows:
            venue.advance(venue.now + window * STEP)
        fills.append((list(venue.fills(OWNER)), list(venue.ledger(OWNER))))

    assert fills[0] == fills[1]
