"""The owner trades on the account, too: counted, shown, never touched, and the books still agree."""

import asyncio
from decimal import Decimal
from pathlib import Path

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import SimOrderRequest
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import PAIRS, World

BTC, ETH = PAIRS


def by_hand(side: Side) -> SimOrderRequest:
    return SimOrderRequest(ETH, side, OrderType.MARKET, Decimal("0.5"), leverage=3)


def test_a_trade_by_hand_freezes_its_pair_and_the_books_still_agree(tmp_path: Path) -> None:
    """Runs the world's own checks at every step and at rest: residual and clearing are zero."""
    blocked: list[bool] = []

    def trade(side: Side) -> None:
        world.sandbox.exchange.place("ada", by_hand(side))
        world.sandbox.kraken.publish(world.sandbox.exchange.drain())

    def look() -> None:
        state = world.trader._engine.state if world.trader else None
        blocked.append(state is not None and any(block.pair == ETH for block in state.marks.blocks))

    world = World(
        3,
        tmp_path,
        has_faults=False,
        asks_by_hand=False,
        wished=(BTC,),
        by_hand={
            5: lambda _: trade(Side.BUY),
            20: lambda _: look(),
            21: lambda _: trade(Side.SELL),
        },
    )
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(world.run(faulty_steps=40, healing_steps=30, crashes=False))

    assert blocked == [True]


def test_the_owners_orders_are_never_touched(tmp_path: Path) -> None:
    resting: list[int] = []

    def rest() -> None:
        price = world.sandbox.exchange.quote(ETH).bid / 2
        order = SimOrderRequest(ETH, Side.BUY, OrderType.LIMIT, Decimal("0.5"), leverage=3, limit_price=round(price, 2))
        world.sandbox.exchange.place("ada", order)
        world.sandbox.kraken.publish(world.sandbox.exchange.drain())

    world = World(4, tmp_path, has_faults=False, asks_by_hand=False, wished=(BTC,), by_hand={5: lambda _: rest()})

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(world.run(faulty_steps=40, healing_steps=12, crashes=False))
    resting.extend(1 for order in world.sandbox.exchange.orders("ada") if order.pair == ETH)

    assert resting == [1]
