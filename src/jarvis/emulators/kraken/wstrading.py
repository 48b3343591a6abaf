"""The trading methods of the private WebSocket: its own words, REST's rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jarvis.emulators.kraken.errors import (
    INVALID_ORDER,
    UNKNOWN_ORDER,
    UNKNOWN_PAIR,
    Refused,
    invalid_argument,
)
from jarvis.emulators.kraken.keys import Permission, VenueAccount
from jarvis.emulators.kraken.names import PairName
from jarvis.emulators.kraken.orders import LIMIT_TYPES, TRAILING_TYPES, TRIGGERED_TYPES, Price, check_deadline
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.state import VenueState
from jarvis.emulators.kraken.text import unix_micros
from jarvis.emulators.kraken.trading import Change, Trading
from jarvis.sim.exchange import SimOrder

Reply = dict[str, Any]
"""What a reply says besides method, request id and times: `result` and `success`, or `error`."""

# The WebSocket's `margin` switch means the highest leverage that the pair offers, but never more than this.
_MAX_MARGIN = 5
_MAX_CANCELS = 50
_BATCH = range(2, 16)
_SAME_NAMES = ("reduce_only", "deadline", "cl_ord_id", "validate")
_MODIFY = (Permission.MODIFY_TRADES,)
_MODIFY_OR_CLOSE = (Permission.MODIFY_TRADES, Permission.CLOSE_TRADES)


@dataclass(frozen=True, slots=True)
class WsCall:
    """One permitted trading call over the WebSocket."""

    state: VenueState
    trading: Trading
    account: VenueAccount
    params: Params
    now: datetime


@dataclass(frozen=True, slots=True)
class WsMethod:
    """What answers a method, and which of several permissions it needs."""

    answer: Callable[[WsCall], list[Reply]]
    needs: tuple[Permission, ...]


def _good(result: Any) -> Reply:
    return {"result": result, "success": True}


def _add_order(call: WsCall) -> list[Reply]:
    check_deadline(call.params.time("deadline"), call.now)
    return [_good(_placed(call, _book(call), call.params))]


def _batch_add(call: WsCall) -> list[Reply]:
    check_deadline(call.params.time("deadline"), call.now)
    book = _book(call)
    rows = call.params.rows("orders")
    if len(rows) not in _BATCH or not all(isinstance(row, dict) for row in rows):
        raise invalid_argument("orders")
    validate = call.params.boolean("validate")
    translated = [_translated(call, book, Params(row)) for row in rows]
    for each in translated:
        call.trading.read(each, book)
    results: list[Reply] = []
    for each in translated:
        try:
            results.append(_submitted(call, book, each, validate=validate, rate_cost=0.5))
        except Refused as refused:
            results.append({"error": refused.errors[0]})
    return [_good(results)]


def _amend_order(call: WsCall) -> list[Reply]:
    params = call.params
    check_deadline(params.time("deadline"), call.now)
    order = call.trading.named_order(call.account, params.text("order_id"), params.text("cl_ord_id"))
    change = Change(
        quantity=params.decimal("order_qty"),
        limit_price=_typed_price(params, "limit_price"),
        trigger_price=_typed_price(params, "trigger_price"),
        post_only=params.boolean("post_only"),
    )
    amend_id = call.trading.amend(call.account, order, change)
    named = {"cl_ord_id": order.client_order_id} if "cl_ord_id" in params else {"order_id": order.order_id}
    return [_good({"amend_id": amend_id} | named)]


def _edit_order(call: WsCall) -> list[Reply]:
    params = call.params
    check_deadline(params.time("deadline"), call.now)
    original = call.trading.named_order(call.account, params.required("order_id"), None)
    book = _book(call)
    if original.pair != book.pair:
        raise Refused(INVALID_ORDER)
    note = call.state.notes.get(original.order_id)
    kind = note.order.ordertype if note is not None else "limit"
    values = _prices(params, kind) | _chosen(params, {"order_qty": "volume", "order_userref": "userref"})
    _, placed = call.trading.replace(
        call.account,
        original,
        Params(values),
        validate=params.boolean("validate"),
        names=("volume", "price", "price2"),
    )
    return [_good({"order_id": placed.order_id, "original_order_id": original.order_id})]


def _cancel_order(call: WsCall) -> list[Reply]:
    replies = []
    for order, name in _named(call, "order_id", "cl_ord_id", "order_userref"):
        if order is None:
            replies.append({"error": UNKNOWN_ORDER, "success": False})
        else:
            call.trading.cancel(call.account, order)
            named = {"cl_ord_id": order.client_order_id} if name == "cl_ord_id" else {"order_id": order.order_id}
            replies.append(_good(named))
    if not replies:
        raise invalid_argument("order_id")
    return replies


def _batch_cancel(call: WsCall) -> list[Reply]:
    named = _named(call, "orders", "cl_ord_id", "order_userref")
    if not 1 <= len(named) <= _MAX_CANCELS:
        raise invalid_argument("orders")
    count = sum(call.trading.cancel(call.account, order) for order, _ in named if order is not None)
    return [{"orders_cancelled": count, "success": True}]


def _cancel_all(call: WsCall) -> list[Reply]:
    return [_good({"count": call.trading.cancel_every(call.account)})]


def _cancel_all_after(call: WsCall) -> list[Reply]:
    return [_good(call.trading.arm(call.account, call.params.integer("timeout"), call.now))]


METHODS: Mapping[str, WsMethod] = {
    "add_order": WsMethod(_add_order, _MODIFY),
    "batch_add": WsMethod(_batch_add, _MODIFY),
    "amend_order": WsMethod(_amend_order, _MODIFY_OR_CLOSE),
    "edit_order": WsMethod(_edit_order, _MODIFY),
    "cancel_order": WsMethod(_cancel_order, _MODIFY_OR_CLOSE),
    "batch_cancel": WsMethod(_batch_cancel, _MODIFY_OR_CLOSE),
    "cancel_all": WsMethod(_cancel_all, _MODIFY_OR_CLOSE),
    "cancel_all_orders_after": WsMethod(_cancel_all_after, _MODIFY_OR_CLOSE),
}


def _book(call: WsCall) -> PairName:
    book = call.state.names.by_symbol(call.params.required("symbol"))
    if book is None or (book.is_us and not call.account.is_us):
        raise Refused(UNKNOWN_PAIR)
    return book


def _placed(call: WsCall, book: PairName, params: Params) -> Reply:
    return _submitted(call, book, _translated(call, book, params), validate=params.boolean("validate"), rate_cost=1)


def _submitted(call: WsCall, book: PairName, params: Params, *, validate: bool, rate_cost: float) -> Reply:
    order = call.trading.read(params, book)
    placed = call.trading.submit(call.account, order, validate=validate, rate_cost=rate_cost)
    answer: Reply = {} if validate else {"order_id": placed.order_id}
    if order.cl_ord_id is not None:
        answer["cl_ord_id"] = order.cl_ord_id
    if order.userref is not None:
        answer["order_userref"] = order.userref
    return answer


def _translated(call: WsCall, book: PairName, params: Params) -> Params:
    """AddOrder's parameters for an order in the WebSocket's words."""
    kind = params.required("order_type")
    values: dict[str, Any] = {"ordertype": kind, "type": params.required("side")}
    values |= {name: params.text(name) for name in _SAME_NAMES if name in params}
    values |= _chosen(params, {"order_qty": "volume", "order_userref": "userref", "display_qty": "displayvol"})
    values |= _prices(params, kind)
    flags = [flag for name, flag in (("post_only", "post"), ("no_mpp", "nompp")) if params.boolean(name)]
    if (preference := params.text("fee_preference")) is not None:
        flags.append({"base": "fcib", "quote": "fciq"}.get(preference, preference))
    if "cash_order_qty" in params:
        values["volume"] = params.text("cash_order_qty")
        flags.append("viqc")
    values["oflags"] = ",".join(flags)
    if "time_in_force" in params:
        values["timeinforce"] = params.required("time_in_force").upper()
    if "stp_type" in params:
        values["stptype"] = params.required("stp_type").replace("_", "-")
    for name, rest in (("effective_time", "starttm"), ("expire_time", "expiretm")):
        if (at := params.time(name)) is not None:
            values[rest] = str(Decimal(unix_micros(at)) / 1_000_000)
    if params.boolean("margin"):
        offered = call.state.instrument(book.pair).leverage_long
        values["leverage"] = str(max((step for step in offered if step <= _MAX_MARGIN), default=0))
    if (conditional := params.group("conditional")) is not None:
        closing = conditional.required("order_type")
        values["close"] = {"ordertype": closing} | _prices(conditional, closing)
    return Params(values)


def _prices(params: Params, kind: str) -> Reply:
    """`price` and `price2` of an order type; offsets get REST's signs and per cent."""
    triggers = params.group("triggers")
    values: Reply = {}
    limit = _typed(params, "limit_price", "limit_price_type")
    trigger = _typed(params, "trigger_price", "trigger_price_type")
    if triggers is not None:
        trigger = _typed(triggers, "price", "price_type")
        values["trigger"] = triggers.text("reference", "last")
    if trigger is not None and kind in TRAILING_TYPES and not trigger.startswith(("+", "-")):
        trigger = f"+{trigger}"
    if kind in TRIGGERED_TYPES:
        values |= {"price": trigger, "price2": limit}
    elif kind in LIMIT_TYPES:
        values["price"] = limit
    return values


def _typed(params: Params, name: str, type_name: str) -> str | None:
    """A price with its type (`static`, `quote` or `pct`) as REST writes it."""
    value = params.decimal(name)
    if value is None:
        return None
    kind = params.text(type_name, "static")
    if kind == "static":
        return f"{value:f}"
    if kind not in ("quote", "pct"):
        raise invalid_argument(type_name)
    return f"{value:+f}{'%' if kind == 'pct' else ''}"


def _typed_price(params: Params, name: str) -> Price | None:
    text = _typed(params, name, f"{name}_type")
    return None if text is None else Price.parse(text, name)


def _chosen(params: Params, names: Mapping[str, str]) -> Reply:
    return {rest: params.text(name) for name, rest in names.items() if name in params}


def _named(call: WsCall, *names: str) -> list[tuple[SimOrder | None, str]]:
    """The open orders that lists of ids name, each with the list's name; None for an id that names none."""
    found: list[tuple[SimOrder | None, str]] = []
    for name in names:
        for text in call.params.names(name):
            is_client_id = name == "cl_ord_id"
            orders = call.trading.matching(call.account, [] if is_client_id else [text], [text] if is_client_id else [])
            found += [(order, name) for order in orders] or [(None, name)]
    return found
