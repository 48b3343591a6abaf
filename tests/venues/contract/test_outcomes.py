"""Whatever goes wrong on the way: what the adapter calls refused did not happen, and what it does not know is found."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.order import ClientOrderId, Fill, OrderRequest, OrderType
from jarvis.emulators.faults import FaultKind
from jarvis.venues.base import (
    Accepted,
    AccountStream,
    OutcomeUnknown,
    RateLimited,
    StreamGap,
    Unreachable,
)
from tests.venues.contract.bench import START, Bench
from tests.venues.contract.benches import BENCHES
from tests.venues.wires import on_virtual_time

# A loss that nothing shows is found by comparing, which is not the adapter's work.
INVISIBLE = FaultKind.SILENTLY_LOST_EVENT


def random_wish(bench: Bench, random: Random) -> OrderRequest:
    side = random.choice([Side.BUY, Side.SELL])
    quantity = Decimal(random.randint(1, 30)) / 100
    if random.random() < 0.5:
        return bench.wish(side=side, quantity=quantity)
    price = Decimal(60_000 - side.sign * random.randint(-20, 3_000))
    return bench.wish(side=side, quantity=quantity, order_type=OrderType.LIMIT, limit_price=price)


def told_of(fill: Fill) -> tuple[object, ...]:
    """What a fill is, whatever the venue calls it."""
    return fill.at, fill.side, fill.quantity, fill.price, fill.cost, fill.fee, fill.fee_asset, fill.is_liquidation


async def drained(stream: AccountStream, patience: int = 60) -> Sequence[object]:
    for _ in range(patience):
        try:
            await stream.flush()
        except Unreachable:
            continue
        return stream.pending()
    raise AssertionError("the stream did not come back")


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("venue", sorted(BENCHES))
@on_virtual_time
async def test_every_outcome_is_what_the_venue_has(venue: str, seed: int) -> None:
    bench, random = BENCHES[venue](), Random(seed)
    sent: dict[ClientOrderId, str] = {}
    fills: dict[str, Fill] = {}
    async with bench.venue.account_stream() as stream:
        for fault in bench.emulator.faults.draw_mix(random, kinds=6, probability=0.6):
            if fault.kind is INVISIBLE:
                bench.emulator.remove_fault(fault.fault_id)
        for _ in range(12):
            request = random_wish(bench, random)
            try:
                result = await bench.venue.place(request)
                sent[request.client_order_id] = "taken" if isinstance(result, Accepted) else "absent"
            except (Unreachable, RateLimited):
                sent[request.client_order_id] = "absent"
            except OutcomeUnknown:
                sent[request.client_order_id] = "unknown"
            bench.advance(1)
        bench.heal()
        bench.advance(2)
        events = await drained(stream)
        fills.update((event.fill_id, event) for event in events if isinstance(event, Fill))
        has_gap = any(isinstance(event, StreamGap) for event in events)
        history = await bench.venue.fills(START - timedelta(days=1))

    at_venue = [
        order.client_order_id for order in (*bench.exchange.orders("owner"), *bench.exchange.closed_orders("owner"))
    ]
    assert len(at_venue) == len(set(at_venue)), "an order was sent twice"
    for client_order_id, told in sent.items():
        proved = told
        if told == "unknown":
            bench.advance(1)
            found = await bench.venue.find_order(client_order_id)
            proved = "absent" if found is None else "taken"
        assert proved == ("taken" if client_order_id in at_venue else "absent")
    truth = [fill.fill for fill in bench.exchange.fills("owner")]
    assert [told_of(fill) for fill in history] == [told_of(fill) for fill in truth]
    assert len({fill.fill_id for fill in history}) == len(history)
    # The stream alone is enough, unless it said that it is not, or cannot know.
    known: dict[str, Fill] = {fill.fill_id: fill for fill in history}
    assert has_gap or not bench.numbered_stream or set(fills) == set(known)
    assert all(known[fill_id] == fill for fill_id, fill in fills.items())
    snapshot = await bench.venue.snapshot()
    charged = sum((row.fee for row in await bench.venue.ledger(START) if row.asset == bench.pair.base), Decimal(0))
    assert bench.open_quantity(snapshot) == bench.moved(history) - charged
