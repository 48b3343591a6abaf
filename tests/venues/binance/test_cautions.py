"""What the person is told before and beside trading: no margin account, and fees that eat a BNB position."""

from jarvis.venues.binance import BinanceVenue
from jarvis.venues.eligibility import cautions_of, find_margin
from tests.venues.binance.bench import BinanceBench
from tests.venues.wires import on_virtual_time


class Burning(BinanceBench):
    """An account that pays fees and interest in BNB."""

    profile = "cross-bnb"


@on_virtual_time
async def test_fees_in_bnb_are_said_to_eat_a_bnb_position() -> None:
    plain, burning = BinanceBench(), Burning()

    assert await cautions_of(plain.venue) == ()
    (caution,) = await cautions_of(burning.venue)
    assert "trading fees and interest in BNB" in caution
    assert "eats a position in BNB/USDT" in caution


@on_virtual_time
async def test_an_account_that_is_set_up_is_told_its_leverage_and_its_cautions() -> None:
    bench = Burning()

    found = await find_margin(bench.venue, dict.fromkeys([bench.pair], 10))

    assert found.execution_venue == "cross"
    assert found.max_leverage == {bench.pair: 5}
    assert "BNB" in found.message


@on_virtual_time
async def test_who_opened_no_isolated_pair_is_told_to_open_one() -> None:
    bench = BinanceBench(execution_venue="isolated")
    assert isinstance(bench.venue, BinanceVenue)

    found = await find_margin(bench.venue, dict.fromkeys([bench.pair], 10))

    assert found.execution_venue is None
    assert "isolated pairs" in found.message
