"""One order on its way: what is sent, and what the engine is told of the answer.

A refusal is proved, an error that leaves room for doubt is a lost order, and nothing is ever sent twice.
"""

import structlog

from jarvis.domain.clock import Clock
from jarvis.domain.order import OrderReport, OrderRequest, OrderStatus
from jarvis.trading.events import (
    Amend,
    AmendAnswered,
    Cancel,
    OrderAccepted,
    OrderLost,
    OrderRefused,
)
from jarvis.venues.base import (
    Accepted,
    Amendment,
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Refused,
    Unreachable,
    UnreadableAnswer,
    Venue,
    VenueError,
)

log = structlog.get_logger()


async def send(venue: Venue, request: OrderRequest, clock: Clock) -> OrderAccepted | OrderRefused | OrderLost:
    """Send an order once; what is proved about it."""
    name = request.client_order_id
    try:
        result = await venue.place(request)
    except (Unreachable, RateLimited, NotPermitted, KeyInvalid) as error:
        return OrderRefused(name, type(error).__name__, str(error), clock.now())
    except (OutcomeUnknown, UnreadableAnswer) as error:
        log.warning("order_lost", client_order_id=name, reason=str(error))
        return OrderLost(name, clock.now())
    match result:
        case Accepted(venue_order_id) if venue_order_id is not None:
            return OrderAccepted(name, venue_order_id, clock.now())
        case Refused(reason, message):
            return OrderRefused(name, reason.value, message, clock.now())
        case _:
            return OrderLost(name, clock.now())


async def send_amendment(venue: Venue, action: Amend, clock: Clock) -> AmendAnswered | OrderLost:
    """Change a resting order once; what is proved about it. An order that is gone is lost: it is to be looked up."""
    change = Amendment(action.quantity, action.trigger_price, action.limit_price)
    refused = ""
    try:
        result = await venue.amend(action.client_order_id, action.venue_order_id, action.pair, change)
    except (OutcomeUnknown, UnreadableAnswer) as error:
        log.warning("amendment_lost", client_order_id=action.client_order_id, reason=str(error))
        return OrderLost(action.client_order_id, clock.now())
    except VenueError as error:
        refused = str(error) or type(error).__name__
    else:
        match result:
            case Refused(RefusalReason.UNKNOWN_ORDER, _):
                return OrderLost(action.client_order_id, clock.now(), is_over=True)
            case Refused(reason, message):
                refused = message or reason.value
            case Accepted():
                pass
    return AmendAnswered(
        action.client_order_id, action.quantity, action.trigger_price, action.limit_price, refused, clock.now()
    )


async def send_cancellation(venue: Venue, action: Cancel, clock: Clock) -> OrderReport | OrderLost:
    """Cancel a resting order once; cancelled if the venue says so, otherwise it is to be found out how it ended."""
    try:
        was_open = await venue.cancel(action.client_order_id, action.venue_order_id, action.pair)
    except VenueError as error:
        log.warning("cancel_lost", client_order_id=action.client_order_id, reason=str(error))
        return OrderLost(action.client_order_id, clock.now())
    if not was_open or action.venue_order_id is None:
        return OrderLost(action.client_order_id, clock.now(), is_over=True)
    return OrderReport(
        action.venue_order_id,
        OrderStatus.CANCELLED,
        clock.now(),
        client_order_id=action.client_order_id,
        pair=action.pair,
    )
