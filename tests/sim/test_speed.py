"""A month of minutes must replay in seconds: no step may look at all that came before it."""

from time import process_time

from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderType
from tests.sim.common import KRAKEN, OWNER, Row, exchange, placed, request, step

BARS = 43_200
SECONDS = 20


def test_a_month_of_minutes_with_a_protected_position_replays_well_within_the_limit() -> None:
    rows: list[Row] = [(1000.0 + i % 7, 1008.0 + i % 5, 999.0 - i % 3, 1000.0 + (i + 1) % 7) for i in range(BARS)]
    venue = exchange(rows, model=KRAKEN)
    placed(venue, request(Side.BUY, "1"))
    placed(venue, request(Side.SELL, "1", OrderType.STOP, trigger="900", reduce_only=True))
    placed(venue, request(Side.SELL, "1", OrderType.LIMIT, limit="1100", reduce_only=True))
    placed(venue, request(Side.SELL, "1", OrderType.TRAILING_STOP, trailing="90", reduce_only=True))
    began = process_time()

    for _ in range(BARS):
        step(venue)
        venue.margin(OWNER)

    assert process_time() - began < SECONDS
    assert len(venue.lots(OWNER)) == 1
    assert len(venue.ledger(OWNER)) == 2 + 180
