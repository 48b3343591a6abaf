"""The page of an account's positions, open and closed, with what each one earned."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.money import Asset
from jarvis.store.listing import ListedPosition
from jarvis.web.books.catching import catch_up
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import side_word, strategy_title
from jarvis.web.desk.views import closed_by
from jarvis.web.lists import Choice, Empty, ListOf, answer


@dataclass(frozen=True, slots=True)
class Listed:
    """A position in a line."""

    position_id: str
    pair: str
    side: str
    strategy: str
    quantity: Decimal
    base: Asset
    quote: Asset
    leverage: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str
    result: Decimal | None


def router(web: Web) -> APIRouter:
    """The route of the positions."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/positions")
    async def positions(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        if (waiting := await catch_up(web, request, [account])) is not None:
            return waiting
        owner = account.owner_id
        kind = ListOf(
            name=f"positions-{account.venue}",
            noun=("position", "positions"),
            read=lambda wish: web.store.list_positions(owner, account.account_id, wish),
            shown=listed_of,
            fields=_FIELDS,
            orders=(
                ("opened", True, "newest first"),
                ("opened", False, "oldest first"),
                ("closed", True, "closed last first"),
                ("result", True, "best first"),
                ("result", False, "worst first"),
                ("pair", False, "by pair"),
            ),
            empty=Empty(
                "No positions yet. One begins when a strategy that is followed here opens it, or you do by hand.",
                "To the desk",
                f"/desk/{account.account_id}",
            ),
            search="Id, pair or strategy",
            choices=(
                Choice("state", "State", [("open", "open"), ("closed", "closed")]),
                Choice("pair", "Pair", [(str(pair), str(pair)) for pair in pairs_of(account)]),
            ),
            dated="Opened",
        )
        return await answer(web, request, "books/positions.html", kind, {"here": "desk", "account": card_of(account)})

    return routes


_FIELDS = (
    ("position_id", lambda one: one.story.position_id),
    ("pair", lambda one: str(one.story.pair)),
    ("side", lambda one: side_word(one.story.entry_side)),
    ("strategy", lambda one: one.story.strategy),
    ("leverage", lambda one: one.story.leverage),
    ("opened_quantity", lambda one: one.story.opened_quantity),
    ("quantity_asset", lambda one: one.story.pair.base),
    ("opened_at", lambda one: one.story.opened_at),
    ("closed_at", lambda one: one.story.closed_at),
    ("closed_by", lambda one: closed_by(one.story) if one.story.is_closed else None),
    ("result", lambda one: one.result),
    ("result_asset", lambda one: one.story.pair.quote),
)


def listed_of(one: ListedPosition) -> Listed:
    """A position as its line shows it."""
    story = one.story
    return Listed(
        position_id=story.position_id,
        pair=str(story.pair),
        side=side_word(story.entry_side),
        strategy=strategy_title(story.strategy),
        quantity=story.opened_quantity,
        base=story.pair.base,
        quote=story.pair.quote,
        leverage=story.leverage,
        opened_at=story.opened_at,
        closed_at=story.closed_at,
        closed_by=closed_by(story) if story.is_closed else "",
        result=one.result,
    )
