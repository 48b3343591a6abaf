"""The page of an account's orders: every one that was ever written down, and what is not known of some."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.order import Order, OrderRole, OrderStatus
from jarvis.store.listing import Wish
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.views import ROLE_WORDS, OrderView, order_of, state_words
from jarvis.web.lists import Choice, Empty, ListOf, answer

_MOST_UNKNOWN = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """An order in words, and its position if it has one."""

    view: OrderView
    position_id: str | None
    venue_order_id: str | None
    leverage: int
    is_unknown: bool


def router(web: Web) -> APIRouter:
    """The route of the orders."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/orders")
    async def orders(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        owner = account.owner_id

        async def unknown() -> tuple[Order, ...]:
            wish = Wish(chosen={"state": OrderStatus.UNKNOWN.value}, limit=_MOST_UNKNOWN, counted=False)
            return (await web.store.list_orders(owner, account.account_id, wish)).rows

        kind = ListOf(
            name=f"orders-{account.venue}",
            noun=("order", "orders"),
            read=lambda wish: web.store.list_orders(owner, account.account_id, wish),
            shown=_listed,
            fields=FIELDS,
            orders=(
                ("made", True, "newest first"),
                ("made", False, "oldest first"),
                ("pair", False, "by pair"),
                ("state", False, "by state"),
            ),
            empty=Empty(
                "No orders yet. They are made when a strategy that is followed here says so, or by hand.",
                "To the desk",
                f"/desk/{account.account_id}",
            ),
            search="Id, pair or reason",
            choices=(
                Choice("pair", "Pair", [(str(pair), str(pair)) for pair in pairs_of(account)]),
                Choice("state", "State", [(each.value, state_words(each)) for each in OrderStatus]),
                Choice("role", "Why", [(each.value, ROLE_WORDS[each]) for each in OrderRole]),
                Choice("side", "Side", [("buy", "buy"), ("sell", "sell")]),
            ),
            dated="Made",
        )
        values = {
            "here": "desk",
            "account": card_of(account),
            "unknown": [_listed(order) for order in await unknown()],
        }
        return await answer(web, request, "books/orders.html", kind, values)

    return routes


FIELDS = (
    ("client_order_id", lambda order: order.client_order_id),
    ("venue_order_id", lambda order: order.venue_order_id),
    ("created_at", lambda order: order.created_at),
    ("pair", lambda order: str(order.request.pair)),
    ("side", lambda order: order.request.side),
    ("order_type", lambda order: order.request.order_type),
    ("role", lambda order: order.request.role),
    ("quantity", lambda order: order.request.quantity),
    ("quantity_asset", lambda order: order.request.pair.base),
    ("filled_quantity", lambda order: order.filled_quantity),
    ("limit_price", lambda order: order.request.limit_price),
    ("trigger_price", lambda order: order.request.trigger_price),
    ("decision_price", lambda order: order.request.decision_price),
    ("price_asset", lambda order: order.request.pair.quote),
    ("leverage", lambda order: order.request.leverage),
    ("reduce_only", lambda order: order.request.reduce_only),
    ("status", lambda order: order.status),
    ("reason", lambda order: order.reason),
    ("position_id", lambda order: order.request.position_id),
)


def _listed(order: Order) -> Listed:
    return Listed(
        order_of(order),
        order.request.position_id,
        order.venue_order_id,
        order.request.leverage,
        order.status is OrderStatus.UNKNOWN,
    )
