"""Where the marks of our own small pictures stand, in the coordinates of their SVG: pure arithmetic over Decimals."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.money import ONE, ZERO
from jarvis.ledger.attribution import Waterfall

_GAUGE_WIDTH = 200
_GAUGE_FULL = Decimal(3)  # a margin level of 300 % and above stands at the right end
_TIGHT = Decimal("1.5")
_RAIL_WIDTH = 600
_RAIL_EDGE = 12
_CURVE_WIDTH = 600
_CURVE_HEIGHT = 120
_CURVE_EDGE = 6
_BARS_WIDTH = 400
_BARS_EDGE = 4


@dataclass(frozen=True, slots=True)
class Gauge:
    """The margin level on its scale. `needle` is None when nothing is borrowed.

    `word` says in one how it stands, `tone` (good, warn, bad) how that is coloured. The levels are the venue's own.
    """

    liquidation: int
    call: int
    needle: int | None
    words: str
    scale: str
    word: str = ""
    tone: str = "good"
    liquidation_level: Decimal = ZERO
    call_level: Decimal = ZERO

    @property
    def zones(self) -> tuple[tuple[str, int, int], ...]:
        """Its coloured parts from the left: (tone, where it begins, how wide it is)."""
        edges = (("bad", 0, self.liquidation), ("warn", self.liquidation, self.call), ("good", self.call, _GAUGE_WIDTH))
        return tuple(
            (tone, start + (2 if start else 0), end - start - (2 if start else 0))
            for tone, start, end in edges
            if end - start > 2
        )


def gauge(level: Decimal | None, call_level: Decimal, liquidation_level: Decimal) -> Gauge:
    """The gauge of a margin level; all levels are fractions (0.8 = 80 %)."""
    scale = _GAUGE_WIDTH / _GAUGE_FULL
    thresholds = f"call {call_level * 100:.0f} %, liquidation {liquidation_level * 100:.0f} %"
    words = f"Nothing is borrowed; {thresholds}."
    needle = None
    if level is not None:
        needle = int(min(max(level * scale, Decimal(2)), Decimal(_GAUGE_WIDTH - 2)))
        words = f"Margin level {level * 100:.0f} %; {thresholds}."
    liquidation, call = (min(max(int(each * scale), 0), _GAUGE_WIDTH) for each in (liquidation_level, call_level))
    word, tone = _standing(level, call_level, liquidation_level)
    return Gauge(
        liquidation,
        max(call, liquidation),
        needle,
        words if level is None else f"{words[:-1]}: {word}.",
        thresholds,
        word,
        tone,
        liquidation_level,
        call_level,
    )


def _standing(level: Decimal | None, call_level: Decimal, liquidation_level: Decimal) -> tuple[str, str]:
    """How a margin level stands, in a word and a tone."""
    if level is None:
        return "nothing borrowed", "good"
    steps = (
        (liquidation_level, "liquidation", "bad"),
        (call_level, "margin call", "bad"),
        (ONE, "nothing free", "warn"),
        (_TIGHT, "tight", "warn"),
    )
    return next(((word, tone) for end, word, tone in steps if level <= end), ("comfortable", "good"))


@dataclass(frozen=True, slots=True)
class Rail:
    """A position's prices on one line from low to high. Positions are in SVG units."""

    entry: int
    mark: int
    stop: int | None
    targets: tuple[int, ...]
    winning: bool
    words: str


def rail(entry: Decimal, mark: Decimal, stop: Decimal | None, targets: Sequence[Decimal], *, winning: bool) -> Rail:
    """Where entry, price, stop and targets of one position stand relative to each other."""
    prices = [price for price in (entry, mark, stop, *targets) if price is not None]
    low, high = min(prices), max(prices)
    width = Decimal(_RAIL_WIDTH - 2 * _RAIL_EDGE)

    def place(price: Decimal) -> int:
        return _RAIL_EDGE + (int((price - low) / (high - low) * width) if high > low else int(width / 2))

    return Rail(
        entry=place(entry),
        mark=place(mark),
        stop=None if stop is None else place(stop),
        targets=tuple(place(target) for target in targets),
        winning=winning,
        words=f"Price {'better' if winning else 'worse'} than the entry, between its stop and its targets.",
    )


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One cause of the result: its amount, and the bar that begins where the one before it ended."""

    label: str
    value: Decimal
    x: int
    width: int
    zero: int
    tone: str


def waterfall_bars(result: Waterfall) -> list[WaterfallBar]:
    """The bars of a waterfall, the total last; causes without an amount are left out, except price."""
    causes = [
        ("Price", result.price),
        ("Slippage", result.slippage),
        ("Trading fee", result.trading_fee),
        ("Opening fee", result.opening_fee),
        ("Rollover", result.rollover),
        ("Interest", result.interest),
        ("Liquidation", result.liquidation),
        ("Adjustment", result.adjustment),
    ]
    return bars_of([(label, value) for label, value in causes if value or label == "Price"], result.total)


def bars_of(steps: Sequence[tuple[str, Decimal]], total: Decimal, total_label: str = "Result") -> list[WaterfallBar]:
    """A bar for each step, beginning where the one before it ended, and one for the total."""
    spans: list[tuple[str, Decimal, Decimal, Decimal]] = []
    reached = ZERO
    for label, value in steps:
        spans.append((label, value, reached, reached + value))
        reached += value
    spans.append((total_label, total, ZERO, total))
    low = min(ZERO, *(min(start, end) for _, _, start, end in spans))
    high = max(ZERO, *(max(start, end) for _, _, start, end in spans))
    width = Decimal(_BARS_WIDTH - 2 * _BARS_EDGE)

    def place(amount: Decimal) -> int:
        return _BARS_EDGE + (int((amount - low) / (high - low) * width) if high > low else 0)

    return [
        WaterfallBar(
            label=label,
            value=value,
            x=min(place(start), place(end)),
            width=max(abs(place(end) - place(start)), 1),
            zero=place(ZERO),
            tone="gain" if value >= 0 else "loss",
        )
        for label, value, start, end in spans
    ]


@dataclass(frozen=True, slots=True)
class MoveCurve:
    """Equity over a move of all prices, as two lines: left alone, and with the stops. `width` by `height` SVG units.

    `cursor` is where the asked move stands, `ends` where the venue would step in without stops.
    """

    bare: str
    stopped: str
    cursor: int
    middle: int
    now: int
    ends: tuple[int, ...]
    width: int
    height: int


def move_curve(
    moves: Sequence[Decimal],
    bare: Sequence[Decimal],
    stopped: Sequence[Decimal],
    move: Decimal,
    ends: Sequence[Decimal],
) -> MoveCurve:
    """The two lines over `moves` (ascending, symmetric about zero), scaled to what both reach."""
    low, high = min(*bare, *stopped), max(*bare, *stopped)
    room = Decimal(_CURVE_HEIGHT - 2 * _CURVE_EDGE)

    def across(each: Decimal) -> int:
        return int((each - moves[0]) / (moves[-1] - moves[0]) * _CURVE_WIDTH)

    def down(amount: Decimal) -> int:
        return _CURVE_EDGE + (int((high - amount) / (high - low) * room) if high > low else int(room / 2))

    def path(amounts: Sequence[Decimal]) -> str:
        return "M" + "L".join(f"{across(at)} {down(value)}" for at, value in zip(moves, amounts, strict=True))

    return MoveCurve(
        bare=path(bare),
        stopped=path(stopped),
        cursor=across(move),
        middle=across(ZERO),
        now=down(bare[len(bare) // 2]),
        ends=tuple(across(end) for end in ends),
        width=_CURVE_WIDTH,
        height=_CURVE_HEIGHT,
    )
