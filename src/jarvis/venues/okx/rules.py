"""What follows from OKX's answers without asking again: limits of a listing, and orders that need not be sent."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from jarvis.domain.instrument import Pair
from jarvis.domain.money import is_multiple
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderType, TimeInForce
from jarvis.venues.base import OutcomeUnknown, RefusalReason, Refused
from jarvis.venues.okx import parse
from jarvis.venues.okx.account import AccountConfig, AccountMode, MarginPosition, Wallet
from jarvis.venues.okx.fields import Record, text


def class_of(config: AccountConfig) -> str:
    """What OKX calls a pair that is traded on margin: a class of its own only where loans belong to positions."""
    return "MARGIN" if config.mode is AccountMode.FUTURES else "SPOT"


def capped(listing: parse.Listing, leverage: int | None) -> parse.Listing:
    """The listing with no more leverage than the account has set."""
    if leverage is None:
        return listing
    offered = tuple(step for step in listing.instrument.leverage_long if step <= leverage)
    return replace(listing, instrument=replace(listing.instrument, leverage_long=offered, leverage_short=offered))


def tiered(listing: parse.Listing, tier: parse.Tier | None) -> parse.Listing:
    """The listing with the lowest tier's size as its limit: within it the full leverage holds."""
    if tier is None:
        return listing
    level = tier.maintenance_rate / tier.initial_rate
    return replace(
        listing,
        instrument=replace(
            listing.instrument,
            long_position_limit=tier.largest,
            short_position_limit=tier.largest,
            margin_call_level=3 * level,
            liquidation_level=level,
        ),
    )


def held(wallet: Wallet, positions: Iterable[MarginPosition]) -> object:
    """What only fills, interest and transfers change: not what moves with prices."""
    cash = {asset: (each.cash, each.borrowed, each.interest) for asset, each in wallet.holdings.items()}
    return cash, {(each.pair, each.asset, each.held, each.borrowed, each.interest) for each in positions}


def by(key: str, what: str) -> Callable[[Record], str]:
    """The cursor of a list that is paged by its rows' ids."""
    return lambda row: text(row, key, what)


def is_ours(client_order_id: ClientOrderId) -> bool:
    """Whether OKX could know an order by this id: it takes letters and digits only."""
    return client_order_id.isalnum() and client_order_id.isascii()


def refused_here(
    request: OrderRequest, config: AccountConfig, listings: Mapping[Pair, parse.Listing]
) -> Refused | None:
    """What need not be sent to be refused; an exit is let through wherever the venue may take it."""
    if request.pair not in listings:
        return Refused(RefusalReason.MARKET_CLOSED, f"OKX does not list {request.pair} now")
    if config.advice and not request.reduce_only:
        return Refused(RefusalReason.NOT_ELIGIBLE, " ".join(config.advice))
    if not listings[request.pair].instrument.leverages(request.side) and not request.reduce_only:
        return Refused(RefusalReason.MARKET_CLOSED, f"OKX does not lend on {request.pair} now")
    if not is_ours(request.client_order_id):
        return Refused(RefusalReason.INVALID, "OKX takes only letters and digits as a client order id")
    if request.order_type is OrderType.TRAILING_STOP or request.time_in_force is TimeInForce.GTD:
        return Refused(RefusalReason.INVALID, "trailing stops and good-till-date orders are not made at OKX")
    tick = listings[request.pair].instrument.tick
    prices = (request.limit_price, request.trigger_price)
    if not all(is_multiple(price, tick) for price in prices if price is not None):
        return Refused(RefusalReason.PRICE_STEP, f"a price is no multiple of {tick}")
    return None


def sure_id(row: Record, key: str, operation: str) -> str:
    """The new order's id; if it cannot be read, what the call did is not known."""
    order_id = row.get(key)
    if not isinstance(order_id, str) or not order_id:
        raise OutcomeUnknown(f"the answer to {operation} names no {key}")
    return order_id
