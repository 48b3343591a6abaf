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
from tests.venues.contract.bench import START, KrakenBench, wish
from tests.venues.wires import on_virtual_time

# A loss that nothing shows is found by comparing, which is not the adapter's work.
INVISIBLE = FaultKind.SILENTLY_LOST_EVENT


def random_wish(random: Random) -> OrderRequest:
    side = random.choice([Side.BUY, Side.SELL])
    quantity = Decimal(random.randint(1, 30)) / 100
    if random.random() < 0.5:
        return wish(side=side, quantity=quantity)
    price = Decimal(60_000 - side.sign * random.randint(-20, 3_000))
    return wish(side=side, quantity=quantity, order_type=OrderType.LIMIT, limit_price=price)


async def drained(stream: AccountStream, patience: int = 60) -> Sequence[object]:
    for _ in range(patience):
        try:
            await stream.flush()
        except Unreachable:
            continue
        return stream.pending()
    raise AssertionError("the stream did not come back")


@pytest.mark.parametrize("seed", range(24))
@on_virtual_time
async def test_every_outcome_is_what_the_venue_has(seed: int) -> None:
    bench, random = KrakenBench(), Random(seed)
    sent: dict[ClientOrderId, str] = {}
    fills: dict[str, Fill] = {}
    async with bench.venue.account_stream() as stream:
        for fault in bench.emulator.faults.draw_mix(random, kinds=6, probability=0.6):
            if fault.kind is INVISIBLE:
                bench.emulator.remove_fault(fault.fault_id)
        for _ in range(12):
            request = random_wish(random)
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
    assert [fill.fill_id for fill in history] == [fill.fill_id for fill in truth]
    assert {fill.fill_id: (fill.quantity, fill.price, fill.cost, fill.fee) for fill in history} == {
        fill.fill_id: (fill.quantity, fill.price, fill.cost, fill.fee) for fill in truth
    }
    # The stream alone is enough, unless it said that it is not.
    assert has_gap or set(fills) == {fill.fill_id for fill in truth}
    assert set(fills) <= {fill.fill_id for fill in truth}
    snapshot = await bench.venue.snapshot()
    assert snapshot.quantity(bench.pair) == sum((fill.signed_quantity for fill in truth), Decimal(0))
