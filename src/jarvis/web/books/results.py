"""Where the money came from: what positions earned by pair, strategy, venue, day or month, cause by cause.

Money of different assets never adds, nor play money to money: each has lines of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.attribution import Waterfall, by_group
from jarvis.ledger.statements import day_of, exact_sum
from jarvis.store.folding import PositionResult
from jarvis.store.listing import Page, Wish
from jarvis.store.records import TradingAccount
from jarvis.venues.catalog import VENUES
from jarvis.web.books.catching import catch_up
from jarvis.web.connecting.account import card_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import strategy_title
from jarvis.web.lists import Choice, Empty, ListOf, answer, page_of

_BAR = 200


@dataclass(frozen=True, slots=True)
class Result:
    """A position's result with the account that it was earned on."""

    account: TradingAccount
    one: PositionResult


@dataclass(frozen=True, slots=True)
class Group:
    """What some positions earned together, in one asset. `won` of the `closed` ones ended above zero."""

    key: str
    title: str
    environment: str
    asset: Asset
    positions: int
    closed: int
    won: int
    sum: Waterfall


@dataclass(frozen=True, slots=True)
class Shown:
    """A group in a line, with its bar: from the middle, as long as its result beside the largest of its asset.

    `total` is that of all groups of its asset, in the first line of them.
    """

    group: Group
    fees: Decimal
    interest: Decimal
    x: int
    width: int
    tone: str
    total: Decimal | None


_TITLES: Mapping[str, str] = {
    "pair": "Pair",
    "strategy": "Strategy",
    "venue": "Venue",
    "month": "Month",
    "day": "Day",
}
_KEYS: Mapping[str, Callable[[Result], str]] = {
    "pair": lambda result: str(result.one.pair),
    "strategy": lambda result: result.one.strategy,
    "venue": lambda result: result.account.venue,
    "month": lambda result: f"{day_of(result.one.at):%Y-%m}",
    "day": lambda result: day_of(result.one.at).isoformat(),
}


def router(web: Web) -> APIRouter:
    """The routes of the results."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/results")
    async def all_by_pair(request: Request) -> Response:
        return await _everywhere(web, request, "pair")

    @routes.get("/results/{by}")
    async def all_by(request: Request, by: str) -> Response:
        return await _everywhere(web, request, by)

    @routes.get("/{account_id}/results")
    async def by_pair(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        return await _page(web, request, [account], "pair", account)

    @routes.get("/{account_id}/results/{by}")
    async def by_any(request: Request, account_id: str, by: str) -> Response:
        account = await web.account(request, account_id)
        return await _page(web, request, [account], by, account)

    return routes


async def _everywhere(web: Web, request: Request, by: str) -> Response:
    return await _page(web, request, await web.accounts(await web.person(request)), by, None)


async def _page(
    web: Web, request: Request, accounts: Sequence[TradingAccount], by: str, only: TradingAccount | None
) -> Response:
    if by not in _KEYS:
        raise HTTPException(404)
    if (waiting := await catch_up(web, request, accounts)) is not None:
        return waiting
    results = [
        Result(account, one)
        for account in accounts
        for one in await web.store.position_results(account.owner_id, account.account_id)
    ]
    largest: dict[tuple[str, Asset], Decimal] = {}
    totals: dict[tuple[str, Asset, str], Decimal] = {}

    async def read(wish: Wish) -> Page[Group]:
        groups = _ordered(groups_of(_fitting(results, wish), by), by, wish)
        for group in groups:
            money = group.environment, group.asset
            largest[money] = max(largest.get(money, ZERO), abs(group.sum.total))
        page = page_of(groups, lambda group: f"{group.environment}:{group.asset}:{group.key}", wish)
        before = None
        for group in page.rows:
            if (group.environment, group.asset) != before:
                before = group.environment, group.asset
                totals[(*before, group.key)] = exact_sum(
                    each.sum.total for each in groups if (each.environment, each.asset) == before
                )
        return page

    path = "/desk/results" if only is None else f"/desk/{only.account_id}/results"
    kind = ListOf(
        name=f"results-by-{by}",
        noun=(_TITLES[by].lower(), f"{_TITLES[by].lower()}s" if by != "strategy" else "strategies"),
        read=read,
        shown=lambda group: _shown(
            group,
            largest[group.environment, group.asset],
            totals.get((group.environment, group.asset, group.key)),
        ),
        fields=(("by", lambda _: by), *_FIELDS),
        orders=(
            (("at", True, "latest first"), ("at", False, "earliest first"), *_BY_RESULT)
            if by in ("day", "month")
            else _BY_RESULT
        ),
        empty=Empty(
            "Nothing was earned or paid yet. What positions earn is told apart here once there are any.",
            "To the desk",
            "/desk",
        ),
        choices=_choices(results, by, only),
        dated="Closed",
    )
    values = {
        "here": "results" if only is None else "desk",
        "account": None if only is None else card_of(only),
        "by": by,
        "title": _TITLES[by],
        "ways": [(name, f"{path}/{name}", words) for name, words in _TITLES.items() if only is None or name != "venue"],
    }
    return await answer(web, request, "books/results.html", kind, values)


def groups_of(results: Sequence[Result], by: str) -> list[Group]:
    """The results by whatever `by` names, within each asset of the real venues and of the sandbox."""
    groups = []
    for environment, asset in sorted({_money(result) for result in results}):
        members: dict[str, list[Result]] = {}
        for result in results:
            if _money(result) == (environment, asset):
                members.setdefault(_KEYS[by](result), []).append(result)
        for key, own in members.items():
            closed = [each.one.waterfall for each in own if not each.one.is_open]
            total = by_group((each.one.waterfall for each in own), lambda _: None)[None]
            won = sum(each.total > 0 for each in closed)
            groups.append(Group(key, _title(key, by), environment, asset, len(own), len(closed), won, total))
    return groups


def _money(result: Result) -> tuple[str, Asset]:
    return result.account.environment.value, result.one.waterfall.asset


def _title(key: str, by: str) -> str:
    match by:
        case "strategy":
            return strategy_title(key)
        case "venue":
            return next((traits.title for name, traits in VENUES.items() if name == key), key)
        case "month":
            return f"{date.fromisoformat(f'{key}-01'):%B %Y}"
    return key


def _fitting(results: Sequence[Result], wish: Wish) -> list[Result]:
    return [
        result
        for result in results
        if (wish.since is None or result.one.at >= wish.since)
        and (wish.until is None or result.one.at < wish.until)
        and all(_KEYS[name](result) == value for name, value in wish.chosen.items())
    ]


def _ordered(groups: list[Group], by: str, wish: Wish) -> list[Group]:
    """By time or by result; assets stay together."""
    by_time = wish.sort == "at" and by in ("day", "month")
    groups.sort(key=lambda group: group.key)
    if by_time:
        groups.sort(key=lambda group: group.key, reverse=wish.descending)
    else:
        groups.sort(key=lambda group: group.sum.total, reverse=wish.descending)
    groups.sort(key=lambda group: (group.environment, group.asset))
    return groups


def _shown(group: Group, largest: Decimal, total_of_all: Decimal | None) -> Shown:
    total = group.sum.total
    width = int(abs(total) / largest * (_BAR - 2)) if largest else 0
    return Shown(
        group=group,
        fees=group.sum.trading_fee + group.sum.opening_fee,
        interest=group.sum.rollover + group.sum.interest,
        x=_BAR if total >= 0 else _BAR - max(width, 1),
        width=max(width, 1),
        tone="gain" if total >= 0 else "loss",
        total=total_of_all,
    )


def _choices(results: Sequence[Result], by: str, only: TradingAccount | None) -> list[Choice]:
    """Filters by everything that the page does not tell apart already."""
    return [
        Choice(
            name, _TITLES[name], [(key, _title(key, name)) for key in sorted({_KEYS[name](each) for each in results})]
        )
        for name in ("pair", "strategy", "venue")
        if name != by and not (name == "venue" and only is not None)
    ]


_BY_RESULT = (("result", True, "best first"), ("result", False, "worst first"))
_FIELDS = (
    ("group", lambda group: group.key),
    ("environment", lambda group: group.environment),
    ("asset", lambda group: group.asset),
    ("positions", lambda group: group.positions),
    ("closed", lambda group: group.closed),
    ("won", lambda group: group.won),
    ("price", lambda group: group.sum.price),
    ("slippage", lambda group: group.sum.slippage),
    ("trading_fee", lambda group: group.sum.trading_fee),
    ("opening_fee", lambda group: group.sum.opening_fee),
    ("rollover", lambda group: group.sum.rollover),
    ("interest", lambda group: group.sum.interest),
    ("liquidation", lambda group: group.sum.liquidation),
    ("adjustment", lambda group: group.sum.adjustment),
    ("result", lambda group: group.sum.total),
)
