"""The desk over everything: all venues and accounts of a person, and those that others let them look at."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Person
from jarvis.domain.account import UserId
from jarvis.web.connecting.account import Card, card_of
from jarvis.web.context import Web
from jarvis.web.desk.exposure import exposures_of
from jarvis.web.desk.glance import glance_of, moneys_of, unrealised_of
from jarvis.web.desk.one import Live, Status, Ways, status_of, ways_from
from jarvis.web.desk.portfolio import Book, Surroundings, book_of, unprotected_first
from jarvis.web.desk.views import NumbersView, numbers_of
from jarvis.web.desk.whatif import asked_move, what_if

PAGE = "/desk/all"


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account on the overview."""

    card: Card
    shared_by: str
    numbers: NumbersView
    quote: str
    status: Status
    open_orders: int
    unrealised: Decimal | None
    stale: timedelta | None
    unprotected: int


@dataclass
class All:
    """Everything of a person as one request looks at it; what several parts need is read once."""

    web: Web
    surroundings: Surroundings
    person: Person
    percent: int
    ways: Ways
    _books: list[Book] | None = field(default=None, init=False)

    async def books(self) -> list[Book]:
        """Every connected account that the person may look at, their own first."""
        if self._books is None:
            self._books = await books_of(self.web, self.surroundings, self.person)
        return self._books


async def books_of(web: Web, surroundings: Surroundings, person: Person) -> list[Book]:
    """Every connected account that the person may look at, their own first."""
    owners = await owners_of(web, person)
    books = []
    for account in await web.accounts(person):
        overview = await web.store.overview(account.owner_id, account.account_id)
        if overview is not None:
            books.append(await book_of(web, surroundings, overview, owners.get(account.owner_id, "")))
    return books


async def owners_of(web: Web, person: Person) -> dict[UserId, str]:
    """Whose accounts a person may look at beside their own: the owner's id and address."""
    viewings = await web.links.viewings_of(person.user_id)
    return {each.owner_id: each.owner_email for each in viewings if each.viewer_id == person.user_id}


def router(web: Web) -> APIRouter:
    """The routes of the overview. They come before those of one account: `all` is no account's id."""
    routes = APIRouter(prefix="/desk")
    surroundings = Surroundings(web.store)

    async def all_of(request: Request) -> All:
        person = await web.person(request)
        return All(web, surroundings, person, asked_move(request.query_params.get("move")), ways_from(request))

    @routes.get("")
    async def first_desk(request: Request) -> Response:
        accounts = await web.accounts(await web.person(request))
        if not accounts:
            return await web.page(request, "desk/empty.html", {"here": "desk"})
        place = PAGE if len(accounts) > 1 else f"/desk/{accounts[0].account_id}"
        return RedirectResponse(place, status_code=303)

    @routes.get("/all")
    async def overview(request: Request) -> Response:
        shown = await all_of(request)
        since = await web.store.last_event_id()
        if not await shown.books():
            return await web.page(request, "desk/empty.html", {"here": "desk"})
        values: dict[str, object] = {"here": "desk", "since": since, "live": Live(f"{PAGE}/part"), "ways": shown.ways}
        for read in _PARTS.values():
            values.update(await read(shown))
        return await web.page(request, "desk/all.html", values)

    @routes.get("/all/part/{part}")
    async def part(request: Request, part: str) -> Response:
        shown = await all_of(request)
        if part not in _PARTS:
            raise HTTPException(404)
        values = {**await _PARTS[part](shown), "ways": shown.ways}
        return await web.fragment(request, _TEMPLATES.get(part, f"desk/{part}.html"), values)

    return routes


async def _glance(shown: All) -> Mapping[str, object]:
    books = await shown.books()
    return {"glance": glance_of(books), "moneys": moneys_of(books), "account": None}


async def _accounts(shown: All) -> Mapping[str, object]:
    return {"lines": [_line(book) for book in await shown.books()]}


async def _held(shown: All) -> Mapping[str, object]:
    books = await shown.books()
    places = {id(holding): book for book in books for holding in book.holdings}
    ordered = unprotected_first([holding for book in books for holding in book.holdings])
    return {"places": [(card_of(places[id(each)].account), each.view) for each in ordered]}


async def _exposure(shown: All) -> Mapping[str, object]:
    return {"exposures": exposures_of(await shown.books()), "several": True}


async def _whatif(shown: All) -> Mapping[str, object]:
    return {
        "whatif": what_if(await shown.books(), shown.percent), "whatif_page": PAGE, "whatif_part": f"{PAGE}/part"
    }  # fmt: skip


_PARTS: Mapping[str, Callable[[All], Awaitable[Mapping[str, object]]]] = {
    "glance": _glance,
    "accounts": _accounts,
    "held": _held,
    "exposure": _exposure,
    "whatif": _whatif,
}
_TEMPLATES = {"accounts": "desk/all_accounts.html", "held": "desk/all_held.html", "glance": "desk/all_glance.html"}


def _line(book: Book) -> AccountLine:
    account, overview = book.account, book.overview
    return AccountLine(
        card=card_of(account),
        shared_by=book.shared_by,
        numbers=numbers_of(overview.margin, overview.marks.day_equity, len(book.holdings)),
        quote=book.quote,
        status=status_of(overview),
        open_orders=book.open_orders,
        unrealised=unrealised_of(book) if overview.margin else None,
        stale=book.stale_for,
        unprotected=sum(holding.view.stop_state != "resting" for holding in book.holdings),
    )
