"""Kraken's two execution venues: the plain books, and Bitnomial's for US retail accounts."""

from decimal import Decimal

from jarvis.domain.order import OrderRole, OrderType
from jarvis.venues.base import Accepted, RefusalReason, Refused
from jarvis.venues.eligibility import probe_margin
from jarvis.venues.kraken import INTERNATIONAL, US_RETAIL
from tests.venues.contract.bench import BTC, ETH, KrakenBench, closing, wish
from tests.venues.wires import on_virtual_time

CAPS = {BTC: 10, ETH: 10}


@on_virtual_time
async def test_an_international_account_is_found_on_the_plain_books() -> None:
    bench = KrakenBench()
    bench.advance(1)

    eligibility = await probe_margin(bench.venue, CAPS)

    assert (eligibility.execution_venue, eligibility.max_leverage) == (INTERNATIONAL, CAPS)


@on_virtual_time
async def test_a_us_account_is_found_on_its_own_books_and_trades_there() -> None:
    bench = KrakenBench(profile="us-retail")
    bench.advance(1)
    eligibility = await probe_margin(bench.venue, CAPS)
    plain = await bench.venue.place(wish())
    us = KrakenBench(profile="us-retail", execution_venue=US_RETAIL)

    assert eligibility.execution_venue == US_RETAIL
    assert isinstance(plain, Refused)
    assert plain.reason is RefusalReason.NOT_ELIGIBLE
    assert isinstance(await us.venue.place(wish()), Accepted)
    stop = closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=Decimal(59_000))
    assert isinstance(await us.venue.place(stop), Accepted)
    snapshot = await us.venue.snapshot()
    assert snapshot.quantity(BTC) == Decimal("0.1")
    assert snapshot.open_orders[0].pair == BTC


@on_virtual_time
async def test_the_leverage_that_the_venue_takes_is_found_below_the_catalogues() -> None:
    bench = KrakenBench()
    bench.advance(1)
    bench.fail("leverage_cut", leverage=4)

    assert (await probe_margin(bench.venue, CAPS)).max_leverage == {BTC: 4, ETH: 4}
