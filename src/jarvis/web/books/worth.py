"""The page of a person's money over all venues: what each account holds of each asset, booked and as the venue says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.money import Asset
from jarvis.ledger.statements import DaySum, Part, exact_sum
from jarvis.store.listing import Page, Wish
from jarvis.store.records import ComparedBalance, TradingAccount
from jarvis.web.books.catching import catch_up
from jarvis.web.connecting.account import Card, card_of
from jarvis.web.context import Web
from jarvis.web.lists import Choice, Empty, ListOf, answer, page_of


@dataclass(frozen=True, slots=True)
class Held:
    """One asset on one account. `at_venue` is what the venue said when it was last compared, None if it is not.

    Where the venue's balance is not compared, its ledger's rows are: see the statements.
    """

    account: Card
    asset: Asset
    cash: Decimal
    clearing: Decimal
    at_venue: Decimal | None
    compared_at: datetime | None
    difference: Decimal | None


def router(web: Web) -> APIRouter:
    """The route of the balances."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/ledger")
    async def balances(request: Request) -> Response:
        accounts = await web.accounts(await web.person(request))
        if (waiting := await catch_up(web, request, accounts)) is not None:
            return waiting
        held = [line for account in accounts for line in await _held(web, account)]
        held.sort(key=lambda line: (line.asset, line.account.venue, line.account.account_id))

        async def read(wish: Wish) -> Page[Held]:
            return page_of(_fitting(held, wish), _key, wish)

        kind = ListOf(
            name="balances",
            noun=("balance", "balances"),
            read=read,
            shown=lambda line: line,
            fields=_FIELDS,
            orders=(("asset", False, "by asset"), ("venue", False, "by venue")),
            empty=Empty(
                "Nothing is booked on any account yet. Connect a venue, and what it holds is told here.",
                "To the account",
                "/account",
            ),
            search="Asset or venue",
            choices=(
                Choice("asset", "Asset", [(asset, asset) for asset in sorted({line.asset for line in held})]),
                Choice("account", "Account", [(each.account_id, _name(card_of(each))) for each in accounts]),
            ),
        )
        values = {"here": "balances", "totals": totals_of(held), "cards": [card_of(account) for account in accounts]}
        return await answer(web, request, "books/worth.html", kind, values)

    return routes


async def _held(web: Web, account: TradingAccount) -> list[Held]:
    sums = await web.store.day_sums(account.owner_id, account.account_id)
    compared = await web.store.balances(account.owner_id, account.account_id)
    return held_of(card_of(account), sums, compared)


def held_of(account: Card, sums: Sequence[DaySum], compared: Sequence[ComparedBalance]) -> list[Held]:
    """What an account's journal says of each asset, beside what the venue says."""
    said = {each.asset: each for each in compared}
    lines = []
    for asset in sorted({one.asset for one in sums} | set(said)):
        own = [one for one in sums if one.asset == asset]
        at_venue = said.get(asset)
        line = Held(
            account=account,
            asset=asset,
            cash=exact_sum(one.amount for one in own),
            clearing=exact_sum(-one.amount for one in own if one.part is Part.CLEARING),
            at_venue=at_venue.total if at_venue else None,
            compared_at=at_venue.at if at_venue else None,
            difference=at_venue.cash - at_venue.total if at_venue else None,
        )
        if line.cash or line.clearing or line.at_venue:
            lines.append(line)
    return lines


def totals_of(held: Sequence[Held]) -> list[tuple[str, list[tuple[Asset, Decimal, int]]]]:
    """Per environment and asset, all booked cash and on how many accounts it is: play money never adds to money."""
    totals = []
    for environment in sorted({line.account.environment for line in held}):
        own = [line for line in held if line.account.environment == environment]
        totals.append((environment, [_total(own, asset) for asset in sorted({line.asset for line in own})]))
    return totals


def _total(held: Sequence[Held], asset: Asset) -> tuple[Asset, Decimal, int]:
    own = [line for line in held if line.asset == asset]
    return asset, exact_sum(line.cash for line in own), len(own)


def _fitting(held: Sequence[Held], wish: Wish) -> list[Held]:
    wanted = wish.search.lower()
    found = [
        line
        for line in held
        if wanted in f"{line.asset} {line.account.venue}".lower()
        and wish.chosen.get("asset", line.asset) == line.asset
        and wish.chosen.get("account", line.account.account_id) == line.account.account_id
    ]
    if wish.sort == "venue":
        found.sort(key=lambda line: (line.account.venue, line.account.account_id))
    return found


def _key(line: Held) -> str:
    return f"{line.account.account_id}:{line.asset}"


def _name(card: Card) -> str:
    return f"{card.venue} {card.environment}, {card.public_key}"


_FIELDS = (
    ("asset", lambda line: line.asset),
    ("venue", lambda line: line.account.venue),
    ("environment", lambda line: line.account.environment),
    ("account_id", lambda line: line.account.account_id),
    ("cash", lambda line: line.cash),
    ("clearing", lambda line: line.clearing),
    ("at_venue", lambda line: line.at_venue),
    ("compared_at", lambda line: line.compared_at),
    ("difference", lambda line: line.difference),
)
