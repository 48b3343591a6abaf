"""What an algo order is: its words, its legs, and what it remembers."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.order import OrderType, VenueOrderId
from jarvis.emulators.okx.orders import OrderTerms

CONDITIONAL, OCO, TRIGGER, TRAILING = "conditional", "oco", "trigger", "move_order_stop"
ALGO_TYPES = (CONDITIONAL, OCO, TRIGGER, TRAILING)
LIVE, PAUSED, EFFECTIVE, CANCELLED, FAILED = "live", "pause", "effective", "canceled", "order_failed"
SOURCES = {"tp": "7", "sl": "7", "trigger": "6", "trailing": "25"}
AT_MARKET = Decimal(-1)
PRICE_TYPES = ("last", "index", "mark")
MOST_AT_ONCE = 10
ALGO_FIELDS = frozenset(
    {
        "instId",
        "tdMode",
        "ccy",
        "side",
        "posSide",
        "ordType",
        "sz",
        "tag",
        "tgtCcy",
        "clOrdId",
        "algoClOrdId",
        "closeFraction",
        "reduceOnly",
        "tpTriggerPx",
        "tpTriggerPxType",
        "tpOrdPx",
        "tpOrdKind",
        "slTriggerPx",
        "slTriggerPxType",
        "slOrdPx",
        "cxlOnClosePos",
        "triggerPx",
        "triggerPxType",
        "orderPx",
        "attachAlgoOrds",
        "callbackRatio",
        "callbackSpread",
        "activePx",
        "quickMgnType",
        "tradeQuoteCcy",
        "pxVar",
        "pxSpread",
        "szLimit",
        "pxLimit",
        "timeInterval",
    }
)
AMEND_ALGO_FIELDS = frozenset(
    {
        "instId",
        "algoId",
        "algoClOrdId",
        "cxlOnFail",
        "reqId",
        "newSz",
        "newTpTriggerPx",
        "newTpOrdPx",
        "newSlTriggerPx",
        "newSlOrdPx",
        "newTpTriggerPxType",
        "newSlTriggerPxType",
        "newTriggerPx",
        "newOrdPx",
        "newTriggerPxType",
    }
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One condition: at `trigger`, trade at market (None) or at `price`. A trailing leg has an offset instead."""

    kind: str
    order_type: OrderType
    trigger: Decimal | None
    price: Decimal | None
    offset: Decimal | None = None


@dataclass(slots=True)
class Algo:
    """One algo order. `resting` are the exchange's orders that its legs wait as, by the kind of leg."""

    number: int
    account: str
    terms: OrderTerms
    ord_type: str
    legs: tuple[Leg, ...]
    client_id: str
    quantity: Decimal
    created_at: datetime
    updated_at: datetime
    ratio: Decimal | None = None
    spread: Decimal | None = None
    active_price: Decimal | None = None
    state: str = LIVE
    resting: dict[str, VenueOrderId] = field(default_factory=dict)
    triggered_at: datetime | None = None
    triggered_by: str = ""
    result: VenueOrderId | None = None
    fail_code: str = ""
    parent: str = ""

    @property
    def pair(self) -> Pair:
        """The pair."""
        return self.terms.pair

    def leg(self, kind: str) -> Leg | None:
        """The leg of this kind."""
        return next((leg for leg in self.legs if leg.kind == kind), None)
