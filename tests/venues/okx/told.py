"""Rows of samples read as the adapter reads them: made to their Struct, and that to the domain's words."""

from typing import Any

from jarvis.domain.order import Fill, OrderReport
from jarvis.venues.okx import order_rows
from jarvis.venues.okx.parse import Spawned


def spawned_of(row: Any, what: str) -> Spawned | None:
    """Which algo order the row's order came from."""
    return order_rows.parse_spawned(order_rows.order_row(row, what))


def order_of(row: Any, what: str, spawned: Spawned | None) -> OrderReport:
    """The order that the row tells."""
    return order_rows.parse_order(order_rows.order_row(row, what), what, spawned)


def fill_of(row: Any, spawned: Spawned | None, *, spot_is_margin: bool) -> Fill | None:
    """The fill that the row tells beside its order."""
    return order_rows.parse_order_fill(order_rows.order_row(row, "orders"), spawned, spot_is_margin=spot_is_margin)
