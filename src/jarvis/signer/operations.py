"""What may be signed, and with which parameters. Whatever is not written here cannot be signed at all.

There is no operation here that moves money off the venue, between accounts or into a product, none that changes a
setting, and none that cancels orders which are not named: `CancelAll` would take the protective stops with it.
Every value has a shape; a parameter that is not listed is refused, so that a venue's new option is a decision.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jarvis.signer.errors import SignerRefused

Parameters = Mapping[str, str]
MAX_VALUE_LENGTH = 1200
"""Fifty order ids and their commas fit."""

_SHOWABLE_NAME = re.compile(r"[a-z_0-9\[\]]{1,24}")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a parameter's value must look like."""

    pattern: re.Pattern[str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its parameters, and a rule that says what is wrong with them taken together (empty: nothing)."""

    parameters: Mapping[str, Shape]
    rule: Callable[[Parameters], str] = lambda _: ""


def _shape(pattern: str, *, required: bool = False) -> Shape:
    return Shape(re.compile(pattern, re.ASCII), required)


def _any_of(*words: str, required: bool = False) -> Shape:
    return _shape("|".join(re.escape(word) for word in words), required=required)


def _list_of(pattern: str, most: int, *, required: bool = False) -> Shape:
    return _shape(rf"(?:{pattern})(?:,(?:{pattern})){{0,{most - 1}}}", required=required)


def check(venue: str, operation: str, parameters: Parameters) -> None:
    """Return if this call may be signed. Raises SignerRefused that names what is wrong and never a value."""
    operations = OPERATIONS.get(venue)
    if operations is None:
        raise SignerRefused("venue", "nothing is signed for this venue")
    allowed = operations.get(operation)
    if allowed is None:
        raise SignerRefused("operation", "this operation is not on the allow-list")
    for name, value in parameters.items():
        shape = allowed.parameters.get(name)
        if shape is None:
            shown = name if _SHOWABLE_NAME.fullmatch(name) else "an unknown name"
            raise SignerRefused("parameter", f"{operation} takes no parameter {shown}")
        if len(value) > MAX_VALUE_LENGTH or shape.pattern.fullmatch(value) is None:
            raise SignerRefused("parameter", f"{operation}: the value of {name} has a shape that is not allowed")
    for name, shape in allowed.parameters.items():
        if shape.required and name not in parameters:
            raise SignerRefused("parameter", f"{operation}: {name} is missing")
    problem = allowed.rule(parameters)
    if problem:
        raise SignerRefused("parameter", f"{operation}: {problem}")


def may_open_a_position(operation: str, parameters: Parameters) -> bool:
    """Whether this call could add risk: these fail closed where exits, cancels and reads go through."""
    return operation == "AddOrder" and parameters.get("reduce_only") != "true" and parameters.get("validate") != "true"


# Kraken ------------------------------------------------------------------------------------------------------------

_KRAKEN_ALTNAMES = ("XBTUSD", "ETHUSD", "XRPUSD", "SOLUSD", "XDGUSD", "ADAUSD", "LTCUSD", "LINKUSD", "BNBUSD")
_KRAKEN_IDS = ("XXBTZUSD", "XETHZUSD", "XXRPZUSD", "XLTCZUSD")
# The US margin books; BNB has none (seen 2026-07).
_KRAKEN_BTNL = tuple(f"{name}:BTNL" for name in _KRAKEN_ALTNAMES if name != "BNBUSD")
KRAKEN_PAIRS = frozenset((*_KRAKEN_ALTNAMES, *_KRAKEN_IDS, *_KRAKEN_BTNL))
"""The catalogue's pairs in every spelling that Kraken's REST API takes."""

_PAIR = "|".join(re.escape(name) for name in sorted(KRAKEN_PAIRS))
_AMOUNT = r"(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?"
_POSITIVE = rf"(?=[\d.]*[1-9]){_AMOUNT}"
_TXID = r"[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{6}"
_ORDER = r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}"
_MOMENT = r"-?\d{1,10}(?:\.\d{1,9})?"
_ASSET = r"[A-Z0-9]{2,10}(?:\.[A-Z])?"
_BOOLEAN = _any_of("true", "false")
_OFFSET = _shape(r"\d{1,7}")
_CLIENT_ID = r"[A-Za-z0-9_-]{1,18}"
_USERREF = _shape(r"-?\d{1,10}")
_DEADLINE = _shape(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", required=True)

_TRIGGERED = frozenset({"stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "trailing-stop"})
_TWO_PRICES = frozenset({"stop-loss-limit", "take-profit-limit"})
_LOWER_CAPS = {"BNBUSD": 5}


def _order_rule(order: Parameters) -> str:
    kind = order["ordertype"]
    relative = order.get("price", "").startswith("+")
    rules = (
        (kind != "market" and "price" not in order, f"a {kind} order needs a price"),
        (kind == "market" and "price" in order, "a market order has no price"),
        (relative != (kind == "trailing-stop"), "a relative price and a trailing stop go together"),
        ((kind in _TWO_PRICES) != ("price2" in order), "price2 belongs to a triggered limit order, and only there"),
        ("trigger" in order and kind not in _TRIGGERED, "trigger belongs to a triggered order"),
        (int(order["leverage"]) > _LOWER_CAPS.get(order["pair"], 10), "the leverage is above the catalogue's"),
        (_is_zero(order["volume"]) and order.get("reduce_only") != "true", "only a reduce-only order may close all"),
        ((order.get("timeinforce") == "GTD") != ("expiretm" in order), "expiretm and GTD go together"),
        ("post" in order.get("oflags", "") and kind != "limit", "only a limit order can be post-only"),
        ("close[ordertype]" in order and order.get("reduce_only") == "true", "only an entry has a conditional close"),
        (_close_is_wrong(order), "the conditional close contradicts itself"),
    )
    return next((problem for broken, problem in rules if broken), "")


def _close_is_wrong(order: Parameters) -> bool:
    kind = order.get("close[ordertype]")
    if kind is None:
        return "close[price]" in order or "close[price2]" in order
    return "close[price]" not in order or (kind in _TWO_PRICES) != ("close[price2]" in order)


def _is_zero(amount: str) -> bool:
    return not amount.strip("0.")


def _amend_rule(change: Parameters) -> str:
    if not change.keys() & {"order_qty", "limit_price", "trigger_price"}:
        return "nothing is to be changed"
    return _one_order(change)


def _one_order(which: Parameters) -> str:
    return "" if ("txid" in which) != ("cl_ord_id" in which) else "one order is named by txid or by cl_ord_id"


KRAKEN: Mapping[str, Operation] = {
    "GetApiKeyInfo": Operation({}),
    "GetWebSocketsToken": Operation({}),
    "Balance": Operation({}),
    "BalanceEx": Operation({}),
    "TradeBalance": Operation({"asset": _shape(_ASSET)}),
    "TradeVolume": Operation({"pair": _list_of(_PAIR, 30)}),
    "OpenOrders": Operation({"trades": _BOOLEAN, "userref": _USERREF, "cl_ord_id": _shape(_CLIENT_ID)}),
    "ClosedOrders": Operation(
        {
            "trades": _BOOLEAN,
            "userref": _USERREF,
            "cl_ord_id": _shape(_CLIENT_ID),
            "start": _shape(rf"{_MOMENT}|{_TXID}"),
            "end": _shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "closetime": _any_of("open", "close", "both"),
            "consolidate_taker": _BOOLEAN,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryOrders": Operation(
        {
            "txid": _list_of(_ORDER, 50, required=True),
            "trades": _BOOLEAN,
            "userref": _USERREF,
            "consolidate_taker": _BOOLEAN,
        }
    ),
    "TradesHistory": Operation(
        {
            "type": _any_of("all", "any position", "closed position", "closing position", "no position"),
            "trades": _BOOLEAN,
            "start": _shape(rf"{_MOMENT}|{_TXID}"),
            "end": _shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "consolidate_taker": _BOOLEAN,
            "ledgers": _BOOLEAN,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryTrades": Operation({"txid": _list_of(_TXID, 20, required=True), "trades": _BOOLEAN, "ledgers": _BOOLEAN}),
    "OpenPositions": Operation(
        {"txid": _list_of(_TXID, 20), "docalcs": _BOOLEAN, "consolidation": _any_of("market")},
    ),
    "Ledgers": Operation(
        {
            "asset": _list_of(_ASSET, 30),
            "aclass": _any_of("currency"),
            "type": _shape(r"[a-z]{2,20}"),
            "start": _shape(rf"{_MOMENT}|{_TXID}"),
            "end": _shape(rf"{_MOMENT}|{_TXID}"),
            "ofs": _OFFSET,
            "without_count": _BOOLEAN,
        }
    ),
    "QueryLedgers": Operation({"id": _list_of(_TXID, 20, required=True), "trades": _BOOLEAN}),
    "AddOrder": Operation(
        {
            "ordertype": _any_of("market", "limit", *sorted(_TRIGGERED), required=True),
            "type": _any_of("buy", "sell", required=True),
            "pair": _shape(_PAIR, required=True),
            "volume": _shape(_AMOUNT, required=True),
            "leverage": _shape(r"[2-9]|10", required=True),
            "cl_ord_id": _shape(_CLIENT_ID, required=True),
            "deadline": _DEADLINE,
            "price": _shape(rf"\+?{_POSITIVE}"),
            "price2": _shape(_POSITIVE),
            "trigger": _any_of("last", "index"),
            "reduce_only": _BOOLEAN,
            "timeinforce": _any_of("GTC", "IOC", "GTD"),
            "expiretm": _shape(r"\+?\d{1,10}"),
            "oflags": _list_of("post|fciq|fcib", 2),
            "stptype": _any_of("cancel-newest", "cancel-oldest", "cancel-both"),
            "close[ordertype]": _any_of("limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"),
            "close[price]": _shape(_POSITIVE),
            "close[price2]": _shape(_POSITIVE),
            "validate": _BOOLEAN,
        },
        _order_rule,
    ),
    "AmendOrder": Operation(
        {
            "txid": _shape(_ORDER),
            "cl_ord_id": _shape(_CLIENT_ID),
            "order_qty": _shape(_POSITIVE),
            "limit_price": _shape(_POSITIVE),
            "trigger_price": _shape(_POSITIVE),
            "post_only": _BOOLEAN,
            "pair": _shape(_PAIR),
            "deadline": _DEADLINE,
        },
        _amend_rule,
    ),
    "CancelOrder": Operation({"txid": _shape(_ORDER), "cl_ord_id": _shape(_CLIENT_ID)}, _one_order),
}
"""Kraken's calls by their own names (`POST /0/private/NAME`)."""

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {"kraken": KRAKEN}
