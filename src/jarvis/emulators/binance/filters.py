"""Whether an order passes its symbol's filters, in the order in which the venue checks them."""

from decimal import Decimal

from jarvis.domain.instrument import Instrument, Side
from jarvis.domain.money import ZERO, is_multiple
from jarvis.emulators.binance.errors import (
    MARKET_CLOSED,
    WOULD_TRIGGER,
    Refused,
    filter_failure,
    too_precise,
)
from jarvis.emulators.binance.names import (
    ICEBERG_PARTS,
    MAX_ALGO_ORDERS,
    MAX_NOTIONAL,
    MAX_ORDERS,
    PRICE_DOWN,
    PRICE_UP,
    TRAILING_DELTA,
    status_of,
)
from jarvis.emulators.binance.orders import Kind, WrittenOrder
from jarvis.emulators.binance.state import VenueState

_EIGHT = Decimal("0.00000001")


def check_order(state: VenueState, written: WrittenOrder) -> None:
    """Refuse an order whose numbers do not fit its symbol, or that the market does not take now."""
    instrument = state.instrument(written.symbol.pair)
    last = state.exchange.quote(written.symbol.pair).last
    for name, value in (("price", written.price), ("stopPrice", written.stop_price), ("quantity", written.quantity)):
        if value is not None and not is_multiple(value, _EIGHT):
            raise too_precise(name)
    if status_of(instrument) != "TRADING":
        raise Refused(MARKET_CLOSED)
    _check_prices(written, instrument, last)
    _check_quantity(written, instrument)
    _check_notional(written, instrument, last)
    if written.trailing_delta is not None and not TRAILING_DELTA[0] <= written.trailing_delta <= TRAILING_DELTA[1]:
        raise filter_failure("TRAILING_DELTA")


def check_trigger(state: VenueState, written: WrittenOrder) -> None:
    """Refuse an order whose trigger has been reached before it begins."""
    if written.stop_price is None:
        return
    last = state.exchange.quote(written.symbol.pair).last
    waits_above = (written.side is Side.BUY) == written.kind.is_stop
    reached = last >= written.stop_price if waits_above else last <= written.stop_price
    if reached:
        raise Refused(WOULD_TRIGGER)


def check_counts(state: VenueState, account: str, pot: str, written: WrittenOrder) -> None:
    """Refuse one open order too many on the symbol."""
    working = [note for note in state.orders.open_of(account, pot) if note.symbol == written.symbol]
    if len(working) >= MAX_ORDERS:
        raise filter_failure("MAX_NUM_ORDERS")
    if written.kind.has_trigger and sum(note.written.kind.has_trigger for note in working) >= MAX_ALGO_ORDERS:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")


def _check_prices(written: WrittenOrder, instrument: Instrument, last: Decimal) -> None:
    for price in (written.price, written.stop_price):
        if price is None:
            continue
        if not instrument.tick <= price <= written.symbol.max_price or not is_multiple(price, instrument.tick):
            raise filter_failure("PRICE_FILTER")
    if written.price is not None and not last * PRICE_DOWN <= written.price <= last * PRICE_UP:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_quantity(written: WrittenOrder, instrument: Instrument) -> None:
    if written.quote_quantity is not None:
        return
    least = max(instrument.min_quantity, instrument.lot)
    if not least <= written.quantity <= written.symbol.max_quantity or not is_multiple(
        written.quantity, instrument.lot
    ):
        raise filter_failure("LOT_SIZE")
    if written.kind is Kind.MARKET and written.quantity > written.symbol.max_quantity / 10:
        raise filter_failure("MARKET_LOT_SIZE")
    iceberg = written.iceberg_quantity
    if iceberg and (not is_multiple(iceberg, instrument.lot) or written.quantity / iceberg > ICEBERG_PARTS):
        raise filter_failure("ICEBERG_PARTS")


def _check_notional(written: WrittenOrder, instrument: Instrument, last: Decimal) -> None:
    price = written.price or written.stop_price or last
    notional = written.quote_quantity if written.quote_quantity is not None else written.quantity * price
    is_market = written.kind is Kind.MARKET
    if notional < instrument.min_cost or (not is_market and notional > MAX_NOTIONAL) or notional == ZERO:
        raise filter_failure("NOTIONAL")
