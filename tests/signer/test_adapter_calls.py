"""What the Kraken adapter asks for is what the signer's allow-list takes."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    OrderRequest,
    OrderRole,
    OrderType,
    TimeInForce,
    VenueOrderId,
)
from jarvis.signer.venues import check
from jarvis.signer.venues.kraken import PAIRS as KRAKEN_PAIRS
from jarvis.venues.base import Amendment
from jarvis.venues.kraken import requests

NOW = datetime(2026, 11, 22, 20, 18, tzinfo=UTC)
amounts = st.decimals(min_value="0.00000001", max_value="99999999", places=8)


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(OrderType))
    role = draw(st.sampled_from(OrderRole))
    lifetime = draw(st.sampled_from(TimeInForce))
    trailing = kind is OrderType.TRAILING_STOP
    return OrderRequest(
        client_order_id=ClientOrderId(draw(st.from_regex(r"[A-Za-z0-9]{1,18}", fullmatch=True))),
        pair=Pair.parse("BTC/USD"),
        side=draw(st.sampled_from(Side)),
        order_type=kind,
        quantity=draw(amounts),
        leverage=draw(st.integers(2, 5)),
        role=role,
        reduce_only=role is not OrderRole.ENTRY,
        limit_price=draw(amounts) if kind in LIMIT_TYPES else None,
        trigger_price=draw(amounts) if kind in TRIGGERED_TYPES and not trailing else None,
        trailing_offset=draw(amounts) if trailing else None,
        post_only=kind is OrderType.LIMIT and draw(st.booleans()),
        time_in_force=lifetime,
        expires_at=NOW if lifetime is TimeInForce.GTD else None,
    )


@given(order=orders(), pair=st.sampled_from(sorted(KRAKEN_PAIRS)), validate_only=st.booleans())
def test_every_order_that_the_adapter_can_place_may_be_signed(
    order: OrderRequest, pair: str, validate_only: bool
) -> None:
    for trigger in ("last", "index"):
        parameters = requests.add_order(order, pair, deadline=NOW, trigger=trigger, validate_only=validate_only)

        check("kraken", "AddOrder", parameters)


@given(quantity=amounts, price=amounts)
def test_every_amendment_and_cancel_of_the_adapter_may_be_signed(quantity: Decimal, price: Decimal) -> None:
    order_id = VenueOrderId("OL7LNO-R4SAD-6UINEU")

    for change in (Amendment(quantity=quantity), Amendment(trigger_price=price), Amendment(quantity, price, price)):
        check("kraken", "AmendOrder", requests.amend_order(order_id, change, deadline=NOW))
    check("kraken", "CancelOrder", requests.cancel_order(ClientOrderId("jvA0000001"), order_id))
    check("kraken", "CancelOrder", requests.cancel_order(ClientOrderId("jvA0000001"), None))
