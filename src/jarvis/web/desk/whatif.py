"""What if all prices moved: the pots of trading/whatif.py made from what the store knows, and their answers in words.

Where a venue tells less than the arithmetic wants, what is assumed is said on the page beside the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from jarvis.domain.account import Environment, MarginState
from jarvis.domain.instrument import Side
from jarvis.domain.money import ONE, ZERO, Asset
from jarvis.trading.whatif import Liquidation, Pot, Stake, first_liquidation, outcome, stops_on_the_way
from jarvis.venues.binance import ISOLATED
from jarvis.venues.catalog import KRAKEN, VENUES
from jarvis.web.desk.portfolio import Book, Holding
from jarvis.web.drawing import Gauge, MoveCurve, gauge, move_curve

LARGEST = 50
"""The move, in percent, at the ends of the slider."""
_PERCENT = Decimal(100)
_CLOSING = {
    "lots": "{} closes the oldest lots first.",
    "all": "{} closes everything at once, and the largest loser is named.",
}
_CURVE_STEP = 2
_CRUMBS = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Ending:
    """The first forced closing if prices move one way. `position` is empty where none can be named."""

    direction: str
    move: Decimal | None
    venue: str
    account_id: str
    position: str
    position_id: str


@dataclass(frozen=True, slots=True)
class StopOnTheWay:
    """A stop that trades before the move is reached."""

    move: Decimal
    venue: str
    pair: str
    price: Decimal
    quote: str
    account_id: str
    position_id: str


@dataclass(frozen=True, slots=True)
class After:
    """An account after the move, with or without its stops. `gone_at` is where the venue had stepped in."""

    equity: Decimal
    change: Decimal
    level: Decimal | None
    gauge: Gauge
    gone_at: Decimal | None
    is_called: bool
    stops: int


@dataclass(frozen=True, slots=True)
class AccountAfter:
    """One account at the move: now, left alone, and as its stops would have it."""

    account_id: str
    venue: str
    environment: str
    shared_by: str
    quote: str
    bare: After
    stopped: After
    curve: MoveCurve
    notes: tuple[str, ...]
    closing: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to one move of all prices, in whole percent."""

    percent: int
    largest: int
    accounts: tuple[AccountAfter, ...]
    unknown: tuple[str, ...]
    falling: Ending
    rising: Ending
    falling_stopped: Ending
    rising_stopped: Ending
    stops: tuple[StopOnTheWay, ...]

    @property
    def move(self) -> Decimal:
        """The move as a fraction."""
        return Decimal(self.percent) / _PERCENT


def asked_move(text: str | None) -> int:
    """The move that an address or a form asks for, in whole percent within the slider; 0 for anything else."""
    try:
        percent = round(float(text or "0"))
    except (ValueError, OverflowError):
        return 0
    return max(-LARGEST, min(LARGEST, percent))


def what_if(books: Sequence[Book], percent: int) -> WhatIf:
    """What all these accounts come to at this move. An account whose margin nobody has read yet is named as unknown."""
    known = [book for book in books if book.overview.margin is not None]
    pots = {book.account.account_id: pots_of(book) for book in known}
    move = Decimal(percent) / _PERCENT
    every = [pot for each in pots.values() for pot in each]
    stops = [
        (at, book, holding)
        for book in known
        for pot in pots[book.account.account_id]
        for at, key in stops_on_the_way(pot, move)
        for holding in book.holdings
        if move and holding.view.position_id == key
    ]

    def ending(direction: int, *, with_stops: bool) -> Ending:
        return _ending(known, direction, first_liquidation(every, direction, with_stops=with_stops))

    return WhatIf(
        percent=percent,
        largest=LARGEST,
        accounts=tuple(_account_after(book, pots[book.account.account_id], move) for book in known),
        unknown=tuple(VENUES[book.account.venue].title for book in books if book.overview.margin is None),
        falling=ending(-1, with_stops=False),
        rising=ending(1, with_stops=False),
        falling_stopped=ending(-1, with_stops=True),
        rising_stopped=ending(1, with_stops=True),
        stops=tuple(_stop(*each) for each in sorted(stops, key=lambda each: abs(each[0]))),
    )


# --- from the store to the arithmetic ----------------------------------------------------------------------------


def pots_of(book: Book) -> tuple[Pot, ...]:
    """What of an account lives and dies together: all of it, or, where pairs are apart, each of them by itself."""
    margin = book.overview.margin
    if margin is None:
        return ()
    if book.account.execution_venue == ISOLATED:
        return _isolated(book, margin)
    stakes = [_stake(holding) for holding in book.holdings]
    is_wallet = book.account.venue != KRAKEN
    backing = margin.equity if margin.margin_level is None else margin.margin_level * margin.used_margin
    coins = _coins(book, margin)
    weight = _weight(book, backing, stakes, coins) if is_wallet else ONE
    return (
        Pot(
            key=book.account.account_id,
            equity=margin.equity,
            backing=backing,
            used=margin.used_margin,
            call_level=margin.call_level,
            liquidation_level=margin.liquidation_level,
            stakes=tuple(replace(each, weight=weight) if each.value > 0 else each for each in stakes),
            coins=coins,
            coins_weight=weight if coins > 0 else ONE,
            oldest_first=not is_wallet,
        ),
    )


def _stake(holding: Holding) -> Stake:
    view, story, facts = holding.view, holding.record.story, holding.record.facts
    value = view.quantity * view.mark
    stop = None
    if view.stop_state == "resting" and view.stop_price is not None and view.mark:
        stop = view.stop_price / view.mark - 1
    used = view.used_margin if view.used_margin is not None else abs(value) / max(1, view.leverage)
    owes_coins = facts is not None and facts.borrowed_asset == story.pair.base
    return Stake(
        key=view.position_id,
        value=value,
        used=used,
        opened_at=story.opened_at,
        used_scales=story.side is Side.SELL and owes_coins,
        stop=stop,
    )


def _coins(book: Book, margin: MarginState) -> Decimal:
    """The value of coins that are no position. At Kraken: what of the trade balance is not quote, as last told."""
    if not book.balances:
        beside = margin.trade_balance - book.cash if book.cash is not None else ZERO
        # The two were read at different times: what a fee explains is no coin.
        return beside if beside > _CRUMBS * margin.trade_balance else ZERO
    held: dict[Asset, Decimal] = {}
    for holding in book.holdings:
        base = holding.record.story.pair.base
        held[base] = held.get(base, ZERO) + holding.view.quantity
    prices = {pair.base: quote.last for pair, quote in book.quotes.items()}
    found = ((each.total - held.get(asset, ZERO)) * prices.get(asset, ZERO) for asset, each in book.balances.items())
    return sum(found, ZERO)


def _weight(book: Book, backing: Decimal, stakes: Sequence[Stake], coins: Decimal) -> Decimal:
    """How much of coins the venue counts: what backs margin and is not quote, over what the coins are worth."""
    quote = book.balances.get(book.quote)
    owned = sum((stake.value for stake in stakes if stake.value > 0), max(coins, ZERO))
    owed = sum((stake.value for stake in stakes if stake.value < 0), min(coins, ZERO))
    if quote is None or not owned:
        return ONE
    return max(ZERO, min(ONE, (backing - quote.total - owed) / owned))


def _isolated(book: Book, margin: MarginState) -> tuple[Pot, ...]:
    """A pot for each pair: its equity is what makes its own liquidation price come out."""
    pots = []
    rest = margin.equity
    for holding in book.holdings:
        stake, view = _stake(holding), holding.view
        key = f"{book.account.account_id}/{view.position_id}"
        if view.liquidation_price is None:  # no price of its own liquidates it
            pots.append(_free_pot(key, ZERO, (replace(stake, used=ZERO),)))
            continue
        away = view.liquidation_price / view.mark - 1
        grows = stake.used * away if stake.used_scales else ZERO
        equity = margin.liquidation_level * (stake.used + grows) - stake.value * away
        rest -= equity
        pots.append(
            Pot(
                key=key,
                equity=equity,
                backing=equity,
                used=stake.used,
                call_level=margin.call_level,
                liquidation_level=margin.liquidation_level,
                stakes=(stake,),
            )
        )
    return (*pots, _free_pot(book.account.account_id, rest))


def _free_pot(key: str, equity: Decimal, stakes: tuple[Stake, ...] = ()) -> Pot:
    """Money on which nothing is borrowed."""
    return Pot(key, equity, equity, ZERO, ZERO, ZERO, stakes)


# --- the answers -------------------------------------------------------------------------------------------------


def _account_after(book: Book, pots: Sequence[Pot], move: Decimal) -> AccountAfter:
    account, margin = book.account, book.overview.margin
    if margin is None:
        raise ValueError("an account without a margin has no pots")
    return AccountAfter(
        account_id=account.account_id,
        venue=VENUES[account.venue].title,
        environment=account.environment.value,
        shared_by=book.shared_by,
        quote=book.quote,
        bare=_after(margin, pots, move, with_stops=False),
        stopped=_after(margin, pots, move, with_stops=True),
        curve=_curve(pots, move),
        notes=_notes(book),
        closing=_CLOSING["lots" if account.venue == KRAKEN else "all"].format(VENUES[account.venue].title),
    )


def _after(margin: MarginState, pots: Sequence[Pot], move: Decimal, *, with_stops: bool) -> After:
    ends = [outcome(pot, move, with_stops=with_stops) for pot in pots]
    equity = sum((end.equity for end in ends), ZERO)
    gone = [end.liquidated_at for end in ends if end.liquidated_at is not None]
    # Where pairs are apart, the account's level is that of the pair that is nearest to liquidation.
    level = min((end.level for end in ends if end.level is not None), default=None) if move else margin.margin_level
    return After(
        equity=equity,
        change=equity - margin.equity,
        level=level,
        gauge=gauge(level, margin.call_level, margin.liquidation_level),
        gone_at=min(gone, key=abs, default=None),
        is_called=any(end.is_called for end in ends),
        stops=sum(len(end.closed) for end in ends),
    )


def _curve(pots: Sequence[Pot], move: Decimal) -> MoveCurve:
    moves = [Decimal(percent) / _PERCENT for percent in range(-LARGEST, LARGEST + 1, _CURVE_STEP)]

    def line(*, with_stops: bool) -> list[Decimal]:
        return [sum((outcome(pot, each, with_stops=with_stops).equity for pot in pots), ZERO) for each in moves]

    edge = Decimal(LARGEST) / _PERCENT
    ends = [
        found.move
        for direction in (-1, 1)
        if (found := first_liquidation(pots, direction, with_stops=False)) is not None and abs(found.move) <= edge
    ]
    return move_curve(moves, line(with_stops=False), line(with_stops=True), move, ends)


def _ending(books: Sequence[Book], direction: int, found: Liquidation | None) -> Ending:
    words = "fall" if direction < 0 else "rise"
    if found is None or abs(found.move) > Decimal(LARGEST) / _PERCENT:
        return Ending(words, None, "", "", "", "")
    for book in books:
        for holding in book.holdings:
            if holding.view.position_id == found.stake and _is_of(found.pot, book):
                pair = f"{holding.view.pair} {holding.view.side}"
                return Ending(
                    words, found.move, VENUES[book.account.venue].title, book.account.account_id, pair, found.stake
                )
    book = next(book for book in books if _is_of(found.pot, book))
    return Ending(words, found.move, VENUES[book.account.venue].title, book.account.account_id, "", "")


def _is_of(pot: str, book: Book) -> bool:
    """Whether a pot is the account's, or one of its pairs'."""
    return pot.partition("/")[0] == book.account.account_id


def _stop(at: Decimal, book: Book, holding: Holding) -> StopOnTheWay:
    view = holding.view
    return StopOnTheWay(
        at,
        VENUES[book.account.venue].title,
        view.pair,
        view.stop_price or ZERO,
        view.quote,
        book.account.account_id,
        view.position_id,
    )


def _notes(book: Book) -> tuple[str, ...]:
    """What had to be assumed of this account, beside what is assumed of all."""
    notes = []
    if any(not holding.view.mark_is_known for holding in book.holdings):
        notes.append("A pair has no price yet: its entry price stands in for it.")
    if any(holding.view.used_margin is None for holding in book.holdings):
        notes.append("The venue has not said yet what a position binds: its value over its leverage stands in for it.")
    if book.account.venue == KRAKEN and book.cash is None and book.holdings:
        notes.append("Nothing is known of coins beside the positions: all else is taken to be money.")
    if book.account.execution_venue == ISOLATED:
        notes.append("Each pair lives on its own money, reckoned from its own liquidation price.")
    if book.account.environment is Environment.LIVE and book.stale_for is not None:
        notes.append("The last reading is old: begin by looking why.")
    return tuple(notes)
