"""Reads an order from the parameters of a request: which belong to which type, and what is missing or too much."""

from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.emulators.binance.errors import (
    INVALID_SIDE,
    INVALID_TIF,
    INVALID_TYPE,
    OPTIONAL_COMBINATION,
    TIF_NOT_REQUIRED,
    UNSUPPORTED,
    UNSUPPORTED_COMBINATION,
    Refused,
    invalid,
    missing,
    not_required,
)
from jarvis.emulators.binance.names import DEFAULT_SELF_TRADE, SELF_TRADE_MODES, Symbol
from jarvis.emulators.binance.orders import Kind, SideEffect, WrittenOrder
from jarvis.emulators.binance.params import Params

ORDER_PARAMS = (
    "symbol",
    "isIsolated",
    "side",
    "type",
    "quantity",
    "quoteOrderQty",
    "price",
    "stopPrice",
    "trailingDelta",
    "newClientOrderId",
    "icebergQty",
    "newOrderRespType",
    "sideEffectType",
    "timeInForce",
    "selfTradePreventionMode",
    "autoRepayAtCancel",
)
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
RESPONSE_TYPES = ("ACK", "RESULT", "FULL")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every order of a request."""

    side_effect: SideEffect
    repays_at_cancel: bool
    self_trade: str


def read_terms(params: Params) -> Terms:
    """The side effect and the other terms of a request."""
    mode = params.text("selfTradePreventionMode") or DEFAULT_SELF_TRADE
    if mode not in (*SELF_TRADE_MODES, "NONE"):
        raise invalid("selfTradePreventionMode")
    return Terms(
        side_effect=read_side_effect(params),
        repays_at_cancel=params.boolean("autoRepayAtCancel", default=True),
        self_trade=mode,
    )


def read_side_effect(params: Params) -> SideEffect:
    """What the order does about debts; nothing by default."""
    text = params.text("sideEffectType")
    if text is None:
        return SideEffect.NONE
    try:
        return SideEffect(text)
    except ValueError:
        raise invalid("sideEffectType") from None


def read_side(params: Params, name: str = "side") -> Side:
    """BUY or SELL."""
    text = params.required(name)
    if text not in ("BUY", "SELL"):
        raise Refused(INVALID_SIDE)
    return Side[text]


def read_kind(params: Params, name: str = "type") -> Kind:
    """The order type."""
    try:
        return Kind(params.required(name))
    except ValueError:
        raise Refused(INVALID_TYPE) from None


def read_response_type(params: Params) -> str | None:
    """How much the answer shall say, if the client chose."""
    text = params.text("newOrderRespType")
    if text is not None and text not in RESPONSE_TYPES:
        raise invalid("newOrderRespType")
    return text


def read_time_in_force(params: Params, name: str = "timeInForce") -> str:
    """GTC, IOC or FOK."""
    text = params.required(name)
    if text not in TIMES_IN_FORCE:
        raise Refused(INVALID_TIF)
    return text


def read_order(params: Params, symbol: Symbol) -> WrittenOrder:
    """The single order that the parameters describe."""
    side, kind, terms = read_side(params), read_kind(params), read_terms(params)
    written = WrittenOrder(
        symbol=symbol,
        side=side,
        kind=kind,
        quantity=_quantity(params, kind),
        quote_quantity=params.decimal("quoteOrderQty"),
        price=_price(params, kind),
        stop_price=_stop_price(params, kind),
        trailing_delta=params.integer("trailingDelta"),
        iceberg_quantity=params.decimal("icebergQty"),
        time_in_force=_time_in_force(params, kind),
        side_effect=terms.side_effect,
        repays_at_cancel=terms.repays_at_cancel,
        self_trade=terms.self_trade,
    )
    check_iceberg(written)
    if written.trailing_delta is not None and kind is not Kind.STOP_LOSS:
        # The simulated exchange trails market stops only.
        raise Refused(UNSUPPORTED)
    return written


def check_iceberg(written: WrittenOrder) -> None:
    """Refuse a hidden quantity where none can rest."""
    if written.iceberg_quantity and (not written.kind.has_price or written.time_in_force != "GTC"):
        raise Refused(UNSUPPORTED_COMBINATION)


def _quantity(params: Params, kind: Kind) -> Decimal:
    quantity = params.decimal("quantity")
    if "quoteOrderQty" in params:
        if kind is not Kind.MARKET:
            raise not_required("quoteOrderQty")
        if quantity is not None:
            raise Refused(OPTIONAL_COMBINATION)
        return Decimal(0)
    if quantity is None:
        raise missing("quantity")
    return quantity


def _price(params: Params, kind: Kind) -> Decimal | None:
    price = params.decimal("price")
    if kind.has_price and price is None:
        raise missing("price")
    if price is not None and not kind.has_price:
        raise not_required("price")
    return price


def _stop_price(params: Params, kind: Kind) -> Decimal | None:
    stop = params.decimal("stopPrice")
    if not kind.has_trigger:
        if stop is not None or "trailingDelta" in params:
            raise not_required("stopPrice" if stop is not None else "trailingDelta")
    elif stop is None and "trailingDelta" not in params:
        raise missing("stopPrice")
    return stop


def _time_in_force(params: Params, kind: Kind) -> str:
    if kind.has_time_in_force:
        return read_time_in_force(params)
    if "timeInForce" in params:
        raise Refused(TIF_NOT_REQUIRED)
    return "GTC"
