"""Binance's margin order calls as parameters, before the time is added and they are signed. Pure functions.

An entry borrows what is missing (MARGIN_BUY), an exit repays with what it brings and never borrows (AUTO_REPAY).
Orders are named by our own id in every later call, with the account they live in (`isIsolated`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset, plain, round_down, round_up
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce
from jarvis.venues.binance.symbols import symbol_of

_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
_TIMED = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_TIMES_IN_FORCE = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC"}
_FALLBACKS = {"STOP_LOSS": "STOP_LOSS_LIMIT", "TAKE_PROFIT": "TAKE_PROFIT_LIMIT"}

# How far beyond its trigger a stop may fill where only limit stops are offered. Some pairs refuse limits further than
# 15 % from the index (`limit-price-pairs`), and the trigger itself is some way off.
_WIDE = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class PriceRules:
    """What of a pair's filters decides which prices and types an order may have.

    `lowest` and `highest` multiply the average price of the last minutes: a sell's limit may not be below
    `lowest` times it, a buy's not above `highest` times it (PERCENT_PRICE_BY_SIDE).
    """

    order_types: frozenset[str]
    tick: Decimal
    min_price: Decimal
    max_price: Decimal
    lowest: Decimal
    highest: Decimal


class CannotPlace(ValueError):
    """The venue has no order like this one; the text says so."""


def place_order(request: OrderRequest, rules: PriceRules, *, isolated: bool) -> Mapping[str, str]:
    """The parameters of a margin order. Raises CannotPlace for what Binance's margin orders cannot express."""
    kind, limit_price = _kind_and_limit(request, rules)
    parameters = {
        "symbol": symbol_of(request.pair),
        "isIsolated": _boolean(isolated),
        "side": request.side.value.upper(),
        "type": kind,
        "quantity": plain(request.quantity),
        "newClientOrderId": str(request.client_order_id),
        "sideEffectType": side_effect(request),
        "newOrderRespType": "FULL",
    }
    if limit_price is not None:
        parameters["price"] = plain(limit_price)
    if request.trigger_price is not None:
        parameters["stopPrice"] = plain(request.trigger_price)
    if kind in _TIMED:
        parameters["timeInForce"] = _TIMES_IN_FORCE[request.time_in_force]
    return parameters


def side_effect(request: OrderRequest) -> str:
    """What else the order does: an entry borrows what is missing, an exit repays and never borrows."""
    if request.role is not OrderRole.ENTRY:
        return "AUTO_REPAY"
    return "MARGIN_BUY" if request.leverage > 1 else "NO_SIDE_EFFECT"


def _kind_and_limit(request: OrderRequest, rules: PriceRules) -> tuple[str, Decimal | None]:
    if request.order_type is OrderType.TRAILING_STOP:
        raise CannotPlace("Binance trails by a share of the price, not by an amount; trail the stop from here")
    if request.time_in_force is TimeInForce.GTD:
        raise CannotPlace("Binance has no order that ends at a date")
    kind = "LIMIT_MAKER" if request.post_only else _TYPES[request.order_type]
    if request.time_in_force is not TimeInForce.GTC and kind not in _TIMED and kind != "MARKET":
        raise CannotPlace(f"Binance's {kind} orders always wait until they are cancelled")
    if kind in rules.order_types:
        return kind, request.limit_price
    fallback = _FALLBACKS.get(kind)
    if fallback is None or fallback not in rules.order_types or request.trigger_price is None:
        raise CannotPlace(f"{request.pair} takes no {kind} orders at Binance now")
    return fallback, wide_limit(request.side, request.trigger_price, rules)


def wide_limit(side: Side, trigger: Decimal, rules: PriceRules) -> Decimal:
    """A limit far beyond the trigger, so that the order fills like a market order would, within the pair's filters.

    A market that jumps further than 5 % over the trigger leaves it unfilled: there is no better stop where the pair
    takes no market stops.
    """
    if side is Side.SELL:
        lowest = max(trigger * (1 - _WIDE), trigger * rules.lowest, rules.min_price)
        return round_up(lowest, rules.tick)
    highest = min(trigger * (1 + _WIDE), trigger * rules.highest, rules.max_price)
    return max(round_down(highest, rules.tick), rules.tick)


def named_order(client_order_id: ClientOrderId, pair: Pair, *, isolated: bool) -> Mapping[str, str]:
    """One order by our id, to look it up or to cancel it."""
    return {**orders_of(pair, isolated=isolated), "origClientOrderId": str(client_order_id)}


def orders_of(pair: Pair, *, isolated: bool) -> Mapping[str, str]:
    """A pair in one of the two accounts."""
    return {"symbol": symbol_of(pair), "isIsolated": _boolean(isolated)}


def repayment(asset: Asset, amount: Decimal, pair: Pair | None) -> Mapping[str, str]:
    """The parameters of a repayment, in the account of a pair or in the cross account."""
    return {"type": "REPAY", "asset": str(asset), "amount": plain(amount), **_pot(pair)}


def listen_token(pair: Pair | None) -> Mapping[str, str]:
    """The parameters of the account stream's token, of a pair's account or of the cross account."""
    return _pot(pair)


def _pot(pair: Pair | None) -> Mapping[str, str]:
    if pair is None:
        return {"isIsolated": "FALSE"}
    return {"isIsolated": "TRUE", "symbol": symbol_of(pair)}


def _boolean(value: bool) -> str:
    return "TRUE" if value else "FALSE"
