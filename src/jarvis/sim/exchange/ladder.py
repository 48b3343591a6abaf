"""The order book around a price, computed when it is looked at: nothing is kept, nothing is used up."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count, islice

from jarvis.domain.instrument import Instrument, Side
from jarvis.domain.money import ZERO, round_down, round_up
from jarvis.sim.exchange.records import SimBook, SimLevel
from jarvis.sim.models import BookModel

_BASIS_POINT = Decimal("0.0001")


def best(model: BookModel, instrument: Instrument, price: Decimal, taker: Side) -> Decimal:
    """The price that a taker meets first: the best ask for a buy, the best bid for a sell."""
    return _level_price(model, instrument, price, taker, 0)


def walk(model: BookModel, instrument: Instrument, price: Decimal, taker: Side) -> Iterator[SimLevel]:
    """The levels that a taker walks through, without end. Each is a step worse, and at least a tick."""
    reached: Decimal | None = None
    for number in count():
        level = _level_price(model, instrument, price, taker, number)
        if reached is not None and (level - reached) * taker.sign <= 0:
            level = max(instrument.tick, reached + taker.sign * instrument.tick)
        reached = level
        yield SimLevel(level, max(instrument.lot, round_down(model.level_quote_size / level, instrument.lot)))


def affordable(model: BookModel, instrument: Instrument, price: Decimal, quote: Decimal) -> Decimal:
    """How much a buyer gets for at most `quote`, walking the asks: whole lots."""
    bought, left = ZERO, quote
    for level in walk(model, instrument, price, Side.BUY):
        part = min(level.quantity, instrument.round_quantity(left / level.price))
        while part > 0 and instrument.round_cost(part * level.price) > left:
            part -= instrument.lot
        bought += max(ZERO, part)
        left -= instrument.round_cost(part * level.price)
        if part < level.quantity:
            return bought
    raise AssertionError("a book has no last level")


def book_around(model: BookModel, instrument: Instrument, price: Decimal, depth: int) -> SimBook:
    """The best `depth` levels on both sides of `price`."""
    shown = min(depth, model.levels)
    return SimBook(
        bids=tuple(islice(walk(model, instrument, price, Side.SELL), shown)),
        asks=tuple(islice(walk(model, instrument, price, Side.BUY), shown)),
    )


def _level_price(model: BookModel, instrument: Instrument, price: Decimal, taker: Side, number: int) -> Decimal:
    away = price * (model.half_spread_bps + number * model.level_step_bps) * _BASIS_POINT
    if taker is Side.BUY:
        return round_up(price + away, instrument.tick)
    return max(instrument.tick, round_down(price - away, instrument.tick))
