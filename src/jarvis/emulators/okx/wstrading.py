"""Orders over a socket: the same orders as by REST, under the same limits, named by `instIdCode` or `instId`."""

from collections.abc import Callable
from dataclasses import dataclass

from jarvis.emulators.okx.limits import Limit
from jarvis.emulators.okx.state import Call
from jarvis.emulators.okx.trading import Outcome, Trading


@dataclass(frozen=True, slots=True)
class Operation:
    """One `op`: what answers it, with which REST path it shares its limit, and whether it takes several orders."""

    answer: Callable[[Call], Outcome]
    path: str
    is_batch: bool

    @property
    def limit(self) -> Limit:
        """Batches are counted by the order."""
        return Limit(300) if self.is_batch else Limit(60)


def operations(trading: Trading) -> dict[str, Operation]:
    """All operations by name."""
    return {
        "order": Operation(trading.place_order, "trade/order", is_batch=False),
        "batch-orders": Operation(trading.batch_orders, "trade/batch-orders", is_batch=True),
        "cancel-order": Operation(trading.cancel_order, "trade/cancel-order", is_batch=False),
        "batch-cancel-orders": Operation(trading.cancel_batch, "trade/cancel-batch-orders", is_batch=True),
        "amend-order": Operation(trading.amend_order, "trade/amend-order", is_batch=False),
        "batch-amend-orders": Operation(trading.amend_batch, "trade/amend-batch-orders", is_batch=True),
    }
