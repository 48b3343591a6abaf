"""How much rides on which pair and on which venue: long and short as bars from a common middle. Pure.

USD and USDT are different money and never add; sandbox money and real money neither. So all of it comes by side: an
asset in an environment.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import Environment
from jarvis.domain.money import ZERO, Asset
from jarvis.venues.catalog import VENUES
from jarvis.web.desk.portfolio import Book, Holding

WIDTH = 600
"""Of a bar's drawing, in its own units; the middle is zero."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One position's part of a bar. `tone` is long or short, `shade` which of the stacked ones it is."""

    x: int
    width: int
    tone: str
    shade: int
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """All that rides on one name. `gross` is long plus short, `net` long less short (quote)."""

    label: str
    long: Decimal
    short: Decimal
    segments: tuple[Segment, ...]

    @property
    def gross(self) -> Decimal:
        """What is held either way."""
        return self.long + self.short

    @property
    def net(self) -> Decimal:
        """What is left when both sides are held against each other."""
        return self.long - self.short


@dataclass(frozen=True, slots=True)
class Exposure:
    """The bars of one kind of money. `leverage` is gross over equity, None while there is no equity."""

    asset: Asset
    environment: str
    by_pair: tuple[Bar, ...]
    by_venue: tuple[Bar, ...]
    long: Decimal
    short: Decimal
    equity: Decimal | None

    @property
    def gross(self) -> Decimal:
        """What is held either way."""
        return self.long + self.short

    @property
    def net(self) -> Decimal:
        """What is left when both sides are held against each other."""
        return self.long - self.short

    @property
    def gross_leverage(self) -> Decimal | None:
        """How many times the equity is held either way."""
        return self.gross / self.equity if self.equity else None


def exposures_of(books: Sequence[Book]) -> tuple[Exposure, ...]:
    """One for each kind of money in which something is open; real money first."""
    kinds = sorted(
        {(book.account.environment is Environment.SANDBOX, book.account.environment, book.quote) for book in books if
         book.holdings}, key=lambda kind: (kind[0], kind[2])
    )  # fmt: skip
    return tuple(_exposure(environment, asset, books) for _, environment, asset in kinds)


def _exposure(environment: Environment, asset: Asset, books: Sequence[Book]) -> Exposure:
    own = [book for book in books if (book.account.environment, book.quote) == (environment, asset)]
    held = [(book, holding) for book in own for holding in book.holdings]
    most = max((_sides(parts)[0] for parts in _grouped(held, _pair_of).values()), default=ZERO)
    widest = max((_sides(parts)[0] for parts in _grouped(held, _venue_of).values()), default=ZERO)
    long = sum((value for value in map(_value, held) if value > 0), ZERO)
    short = -sum((value for value in map(_value, held) if value < 0), ZERO)
    equities = [book.overview.margin.equity for book in own if book.overview.margin is not None]
    return Exposure(
        asset=asset,
        environment=environment.value,
        by_pair=_bars(_grouped(held, _pair_of), most, asset, _venue_of),
        by_venue=_bars(_grouped(held, _venue_of), widest, asset, _pair_of),
        long=long,
        short=short,
        equity=sum(equities, ZERO) if equities else None,
    )


_Held = tuple[Book, Holding]


def _pair_of(held: _Held) -> str:
    return held[1].view.pair


def _venue_of(held: _Held) -> str:
    return VENUES[held[0].account.venue].title


def _value(held: _Held) -> Decimal:
    return held[1].view.quantity * held[1].view.mark


def _grouped(held: Iterable[_Held], name: Callable[[_Held], str]) -> dict[str, list[_Held]]:
    groups: dict[str, list[_Held]] = {}
    for each in held:
        groups.setdefault(name(each), []).append(each)
    return groups


def _sides(parts: Sequence[_Held]) -> tuple[Decimal, Decimal, Decimal]:
    """(the longer side, long, short)."""
    long = sum((value for value in map(_value, parts) if value > 0), ZERO)
    short = -sum((value for value in map(_value, parts) if value < 0), ZERO)
    return max(long, short), long, short


def _bars(
    groups: dict[str, list[_Held]], most: Decimal, asset: Asset, part_name: Callable[[_Held], str]
) -> tuple[Bar, ...]:
    """The largest first; the longest side of all reaches the edge."""
    half = Decimal(WIDTH) / 2
    bars = []
    for label, parts in groups.items():
        _, long, short = _sides(parts)
        segments: list[Segment] = []
        reach = {"long": ZERO, "short": ZERO}
        shades = {"long": 0, "short": 0}
        for part in sorted(parts, key=lambda each: -abs(_value(each))):
            value = _value(part)
            if not value:
                continue
            tone = "long" if value > 0 else "short"
            start, end = reach[tone], reach[tone] + abs(value)
            reach[tone] = end
            left = half + start / most * half if tone == "long" else half - end / most * half
            width = abs(value) / most * half
            words = f"{part_name(part)}: {tone} {abs(value):,.0f} {asset}"
            segments.append(Segment(int(left), max(2, int(width) - 1), tone, shades[tone] % 3, words))
            shades[tone] += 1
        bars.append(Bar(label, long, short, tuple(segments)))
    return tuple(sorted(bars, key=lambda bar: (-bar.gross, bar.label)))
