"""The five answers at the top of the desk, worked out from books. Pure.

What is held, what protects it, what it costs, how far liquidation is, and where the day's change came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import Environment
from jarvis.domain.money import ZERO, Asset
from jarvis.ledger.journal import Account
from jarvis.venues.catalog import VENUES
from jarvis.web.desk.portfolio import Book, Holding, unprotected_first

_CAUSES: Mapping[Account, str] = {
    Account.PRICE: "Closed positions, by price",
    Account.LIQUIDATION: "Liquidated by the venue",
    Account.TRADING_FEE: "Trading fees",
    Account.OPENING_FEE: "Opening fees",
    Account.ROLLOVER: "Rollover",
    Account.INTEREST: "Interest",
    Account.LIQUIDATION_FEE: "Liquidation fees",
    Account.REWARD: "Rewards",
    Account.ADJUSTMENT: "Adjusted by the venue",
}
_REST = "Open positions, at the last prices"


@dataclass(frozen=True, slots=True)
class Place:
    """A position, where it is, and what is to be said of it."""

    account_id: str
    venue: str
    holding: Holding


@dataclass(frozen=True, slots=True)
class Money:
    """What is owned of one asset in one environment, over all accounts that told."""

    asset: Asset
    environment: str
    equity: Decimal
    today: Decimal | None
    unrealised: Decimal
    accounts: int


@dataclass(frozen=True, slots=True)
class Glance:
    """All that one must know at once. `held` is (gross, net, asset) by asset; `unknown` venues were never read."""

    positions: int
    held: tuple[tuple[Decimal, Decimal, Asset], ...]
    resting: int
    worst: Place | None
    at_risk: tuple[tuple[Decimal, Asset], ...]
    per_day: tuple[tuple[Decimal, Asset], ...]
    nearest: Place | None
    open_orders: int
    unknown: tuple[str, ...]


def glance_of(books: Sequence[Book]) -> Glance:
    """The five answers over these accounts."""
    places = [
        Place(book.account.account_id, VENUES[book.account.venue].title, holding)
        for book in books
        for holding in book.holdings
    ]
    views = [place.holding.view for place in places]
    gross: dict[Asset, Decimal] = {}
    net: dict[Asset, Decimal] = {}
    at_risk: dict[Asset, Decimal] = {}
    per_day: dict[Asset, Decimal] = {}
    for view in views:
        quote, value = Asset(view.quote), view.quantity * view.mark
        gross[quote] = gross.get(quote, ZERO) + abs(value)
        net[quote] = net.get(quote, ZERO) + value
        if view.stop_state == "resting" and view.at_risk is not None:
            at_risk[quote] = at_risk.get(quote, ZERO) + max(ZERO, view.at_risk)
        for amount, asset in view.interest_per_day:
            per_day[asset] = per_day.get(asset, ZERO) + amount
    holdings = unprotected_first([place.holding for place in places])
    near = [place for place in places if place.holding.view.liquidation_distance is not None]
    return Glance(
        positions=len(places),
        held=tuple((gross[asset], net[asset], asset) for asset in sorted(gross)),
        resting=sum(view.stop_state == "resting" for view in views),
        worst=next((place for place in places if holdings and place.holding is holdings[0]), None),
        at_risk=tuple((at_risk[asset], asset) for asset in sorted(at_risk)),
        per_day=tuple((per_day[asset], asset) for asset in sorted(per_day)),
        nearest=min(near, key=lambda place: place.holding.view.liquidation_distance or ZERO, default=None),
        open_orders=sum(book.open_orders for book in books),
        unknown=tuple(VENUES[book.account.venue].title for book in books if book.overview.margin is None),
    )


def moneys_of(books: Sequence[Book]) -> tuple[Money, ...]:
    """What is owned, by asset and environment: different money never adds. Real money first."""
    found: dict[tuple[bool, Environment, Asset], list[Book]] = {}
    for book in books:
        if book.overview.margin is not None:
            environment = book.account.environment
            found.setdefault((environment is Environment.SANDBOX, environment, book.quote), []).append(book)
    return tuple(
        Money(
            asset,
            environment.value,
            sum((book.overview.margin.equity for book in own if book.overview.margin), ZERO),
            _today(own),
            sum((unrealised_of(book) for book in own), ZERO),
            len(own),
        )
        for (_, environment, asset), own in sorted(found.items(), key=lambda item: (item[0][0], item[0][2]))
    )


def today_of(book: Book) -> Decimal | None:
    """How the equity has changed since midnight UTC; None where nothing was marked then, or nothing read since."""
    margin, marks = book.overview.margin, book.overview.marks
    return margin.equity - marks.day_equity if margin is not None and marks.day_equity is not None else None


def unrealised_of(book: Book) -> Decimal:
    """What the open positions would bring at the last prices, fees left out."""
    return sum((holding.view.unrealised for holding in book.holdings), ZERO)


def _today(books: Sequence[Book]) -> Decimal | None:
    changes = [change for book in books if (change := today_of(book)) is not None]
    return sum(changes, ZERO) if changes and len(changes) == len(books) else None


def causes_of(
    totals: Mapping[tuple[Account, Asset], Decimal], today: Decimal | None, quote: Asset
) -> tuple[tuple[str, Decimal], ...]:
    """Where a day's change of equity came from, in quote: what was booked, and what open positions gained beside it.

    The rest is whatever the journal does not name: open positions, coins, and what was charged in coins. Sums exactly.
    What was paid in or out is in neither: it is taken out of the day's mark as well.
    """
    if today is None:
        return ()
    booked = [(words, -amount) for account, words in _CAUSES.items() if (amount := totals.get((account, quote), ZERO))]
    rest = today - sum((amount for _, amount in booked), ZERO)
    return ((_REST, rest), *booked)
