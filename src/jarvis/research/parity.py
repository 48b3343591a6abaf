"""Why an account did not earn what a backtest of the same strategies would have: order by order, in parts that add up.

Positions of both sides are the same one if they are of one strategy, pair and side and were opened less than one of
its candles apart; within them an entry goes with an entry, a stop with a stop, a target with a target. The fills of
one order are one line. With s the side's sign, q the quantity, p the average price (1 the backtest, 2 the account) and
R the price that the backtest's position was opened at, a line is worth s x q x (R - p) less its fee, which adds up to
what the position earned once it is closed. The difference of two lines is

- size, s x (q2 - q1) x (R - p1): more or less was traded;
- latency, s x q2 x (p1 - c), where it was filled a second or more from the time of the backtest. c is the account's
  own price if the candles of that time reach it, otherwise the nearest that they do;
- price, the rest: at that time the market's candles do not explain this price;
- fee, with what the venue takes for opening.

Interest is compared by position. What only the backtest traded is missed, what only the account traded is extra. What
these parts leave of the difference of both journals is not explained, and says so. Knows no clock, no store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, plain, round_nearest
from jarvis.domain.order import ClientOrderId, Fill, OrderRequest, OrderRole
from jarvis.ledger.attribution import Waterfall

PARTS = ("price", "latency", "size", "fee", "interest", "missed", "extra", "not_explained")
"""The names of the parts, in the order of the table."""

_STEP = Decimal("0.00000001")
_SAME_TIME = timedelta(seconds=1)
_LONGEST = timedelta(hours=1)

Seen = Callable[[Pair, datetime], tuple[Decimal, Decimal] | None]
"""The lowest and highest price that a market's candles tell of a time; None where there are none."""


@dataclass(frozen=True, slots=True)
class Leg:
    """All fills of one order. `cost` in quote; `fee` in quote and `fee_base` in base, as taken; `at` is the last one's.

    `role` is None where the order is not ours.
    """

    order_id: str
    side: Side
    role: OrderRole | None
    at: datetime
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    fee_base: Decimal = ZERO

    def price_worth(self, reference: Decimal) -> Decimal:
        """What it brought against `reference`, before fees (quote)."""
        return self.side.sign * (self.quantity * reference - self.cost)

    def fee_worth(self, reference: Decimal) -> Decimal:
        """Its fee (quote); what was kept from the coins counts at `reference`. Positive is paid."""
        return self.fee + self.fee_base * reference

    def worth(self, reference: Decimal) -> Decimal:
        """Both together."""
        return self.price_worth(reference) - self.fee_worth(reference)

    @property
    def price(self) -> Decimal:
        """The average price."""
        return self.cost / self.quantity


@dataclass(frozen=True, slots=True)
class Held:
    """One position of either side.

    `total`, `opening_fee` and `interest` (negative is paid) are the journal's, in quote. `total` is None while it is
    open: then what is left counts at the last price. `interval` is the candle size of its strategy; None where nobody's
    was followed.
    """

    position_id: str
    pair: Pair
    strategy: str
    side: Side
    opened_at: datetime
    legs: tuple[Leg, ...]
    interval: timedelta | None = None
    total: Decimal | None = None
    opening_fee: Decimal = ZERO
    interest: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuse a position without a fill."""
        if not self.legs:
            raise ValueError(f"position {self.position_id} has no fill")


def legs_of(fills: Iterable[Fill], requests: Mapping[ClientOrderId, OrderRequest]) -> tuple[Leg, ...]:
    """The fills order by order, in the order of each order's first one; `requests` by client order id."""
    groups: dict[str, list[Fill]] = {}
    for fill in fills:
        groups.setdefault(fill.client_order_id or fill.venue_order_id, []).append(fill)
    return tuple(
        Leg(
            order_id=order_id,
            side=group[0].side,
            role=requests[ClientOrderId(order_id)].role if order_id in requests else None,
            at=group[-1].at,
            quantity=sum((fill.quantity for fill in group), ZERO),
            cost=sum((fill.cost for fill in group), ZERO),
            fee=sum((fill.fee for fill in group if fill.fee_asset == fill.pair.quote), ZERO),
            fee_base=sum((fill.fee for fill in group if fill.fee_asset == fill.pair.base), ZERO),
        )
        for order_id, group in groups.items()
    )


def held_of(
    position_id: str,
    pair: Pair,
    strategy: str,
    legs: tuple[Leg, ...],
    opened_at: datetime,
    earned: Waterfall,
    *,
    is_closed: bool,
    interval: timedelta | None,
) -> Held:
    """A position with what the journal says of it."""
    return Held(
        position_id=position_id,
        pair=pair,
        strategy=strategy,
        side=legs[0].side,
        opened_at=opened_at,
        legs=legs,
        interval=interval,
        total=earned.total if is_closed else None,
        opening_fee=earned.opening_fee,
        interest=earned.rollover + earned.interest,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One order of both sides, or of one, or (without orders) what is compared by position; the parts are in quote."""

    pair: Pair
    strategy: str
    what: str
    live: Leg | None = None
    backtest: Leg | None = None
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    why: str = ""
    live_position: str | None = None
    backtest_position: str | None = None

    @property
    def gap(self) -> Decimal:
        """The sum of the parts: what the account earned here less what the backtest did."""
        return sum(self.parts.values(), ZERO)

    @property
    def at(self) -> datetime | None:
        """When it was filled: on the account, or else in the backtest."""
        leg = self.live or self.backtest
        return leg.at if leg else None


@dataclass(frozen=True, slots=True)
class Parity:
    """The lines by position, and how many positions are on both sides, on the backtest's only, on the account's only.

    `live_total` and `backtest_total` are what the journals say, open positions at the last price.
    """

    lines: Sequence[Line]
    matched: int
    missed: int
    extra: int
    live_total: Decimal
    backtest_total: Decimal

    @property
    def gap(self) -> Decimal:
        """What the account earned more (or, negative, less) than the backtest."""
        return self.live_total - self.backtest_total

    @property
    def parts(self) -> dict[str, Decimal]:
        """The gap, part by part; they add up to it exactly."""
        return {part: sum((line.parts.get(part, ZERO) for line in self.lines), ZERO) for part in PARTS}

    def worst(self, count: int = 10) -> list[Line]:
        """The lines with the largest gaps, none that have none."""
        return sorted((line for line in self.lines if line.gap), key=lambda line: -abs(line.gap))[:count]

    def to_json(self) -> dict[str, Any]:
        """Everything, decimals as text and times as ISO 8601."""
        return {
            "gap": plain(self.gap),
            "live": plain(self.live_total),
            "backtest": plain(self.backtest_total),
            "parts": {part: plain(amount) for part, amount in self.parts.items()},
            "positions": {"matched": self.matched, "missed": self.missed, "extra": self.extra},
            "lines": [_line_json(line) for line in self.lines],
        }


def compare(
    live: Sequence[Held],
    backtest: Sequence[Held],
    *,
    seen: Seen,
    marks: Mapping[Pair, Decimal],
    ends_at: datetime,
    reasons: Callable[[Held], str] = lambda _: "",
) -> Parity:
    """The gap between both sides. `marks` are last prices, for what is open at `ends_at`; `reasons` say why one missed.

    Raises KeyError for an open position of a pair that has no mark.
    """
    lines: list[Line] = []
    matched, missed, extra = 0, 0, 0
    live_total, backtest_total = ZERO, ZERO
    for ours, theirs in _pairs(live, backtest):
        reference = (theirs or ours or live[0]).legs[0].price
        here = None if ours is None else _closed(ours, marks, ends_at)
        there = None if theirs is None else _closed(theirs, marks, ends_at)
        live_total += ZERO if here is None else _total(here, reference)
        backtest_total += ZERO if there is None else _total(there, reference)
        if here is not None and there is not None:
            matched += 1
            lines += _of_both(here, there, reference, seen)
        elif there is not None:
            missed += 1
            lines += _of_one(there, reference, "missed", reasons(there) or "the journal tells no reason")
        elif here is not None:
            extra += 1
            lines += _of_one(here, reference, "extra", "the backtest did not open it")
    return Parity(lines, matched, missed, extra, live_total, backtest_total)


def _pairs(live: Sequence[Held], backtest: Sequence[Held]) -> list[tuple[Held | None, Held | None]]:
    """Each position with its like, in the order of opening."""
    found: list[tuple[Held | None, Held | None]] = []
    for key in dict.fromkeys(map(_kind, (*backtest, *live))):
        ours = sorted((each for each in live if _kind(each) == key), key=lambda each: each.opened_at)
        theirs = sorted((each for each in backtest if _kind(each) == key), key=lambda each: each.opened_at)
        while ours and theirs:
            apart = ours[0].opened_at - theirs[0].opened_at
            near = theirs[0].interval or ours[0].interval or _LONGEST
            if abs(apart) < near:
                found.append((ours.pop(0), theirs.pop(0)))
            elif apart < timedelta(0):
                found.append((ours.pop(0), None))
            else:
                found.append((None, theirs.pop(0)))
        found += [*((each, None) for each in ours), *((None, each) for each in theirs)]
    return sorted(found, key=lambda both: min(each.opened_at for each in both if each is not None))


def _kind(held: Held) -> tuple[str, Pair, Side]:
    return held.strategy, held.pair, held.side


def _closed(held: Held, marks: Mapping[Pair, Decimal], ends_at: datetime) -> Held:
    """The position as if what is left of it were closed at the last price."""
    if held.total is not None:
        return held
    left = sum((leg.side.sign * leg.quantity - leg.fee_base for leg in held.legs), ZERO)
    if not left:
        return held
    side = Side.SELL if left > 0 else Side.BUY
    rest = Leg("still open", side, None, ends_at, abs(left), abs(left) * marks[held.pair], ZERO)
    return Held(
        held.position_id, held.pair, held.strategy, held.side, held.opened_at, (*held.legs, rest), held.interval,
        None, held.opening_fee, held.interest,
    )  # fmt: skip


def _total(held: Held, reference: Decimal) -> Decimal:
    return held.total if held.total is not None else _told(held, reference)


def _told(held: Held, reference: Decimal) -> Decimal:
    """What fills, opening fee and interest come to."""
    return sum((leg.worth(reference) for leg in held.legs), ZERO) + held.opening_fee + held.interest


def _of_both(ours: Held, theirs: Held, reference: Decimal, seen: Seen) -> list[Line]:
    positions = {"live_position": ours.position_id, "backtest_position": theirs.position_id}
    lines = []
    for here, there in _matched(ours, theirs):
        if here is not None and there is not None:
            parts = _parts(ours.pair, here, there, reference, seen)
            why = _why(here, there, parts)
        elif there is not None:
            parts, why = {"missed": -there.worth(reference)}, "the account's order was not filled"
        elif here is not None:
            parts, why = {"extra": here.worth(reference)}, "the backtest has no such order"
        else:
            continue
        what = _name(here or there)
        lines.append(Line(ours.pair, ours.strategy, what, here, there, parts, why, **positions))
    parts = {"fee": ours.opening_fee - theirs.opening_fee, "interest": ours.interest - theirs.interest}
    told = _told(ours, reference) - _told(theirs, reference)
    parts["not_explained"] = _total(ours, reference) - _total(theirs, reference) - told
    lines.append(Line(ours.pair, ours.strategy, "opening fee and interest", None, None, parts, "", **positions))
    return lines


def _of_one(held: Held, reference: Decimal, part: str, why: str) -> list[Line]:
    """The lines of a position that only one side has."""
    is_live = part == "extra"
    sign = 1 if is_live else -1
    here, there = (held.position_id, None) if is_live else (None, held.position_id)
    lines = [
        Line(
            held.pair, held.strategy, _name(leg), leg if is_live else None, None if is_live else leg,
            {part: sign * leg.worth(reference)}, why, here, there,
        )
        for leg in held.legs
    ]  # fmt: skip
    rest = {
        part: sign * (held.opening_fee + held.interest),
        "not_explained": sign * (_total(held, reference) - _told(held, reference)),
    }
    lines.append(Line(held.pair, held.strategy, "opening fee and interest", None, None, rest, why, here, there))
    return lines


def _matched(ours: Held, theirs: Held) -> list[tuple[Leg | None, Leg | None]]:
    """Orders with their likes: of one role first, in the order of time; then those that were left otherwise."""
    found: list[tuple[Leg | None, Leg | None]] = []
    left: list[list[Leg]] = [list(ours.legs), list(theirs.legs)]
    for like in (lambda leg: (leg.side, leg.role), lambda leg: leg.side):
        groups = dict.fromkeys(like(leg) for legs in left for leg in legs)
        for group in groups:
            both = [[leg for leg in legs if like(leg) == group] for legs in left]
            for here, there in zip(*both, strict=False):
                found.append((here, there))
                left[0].remove(here)
                left[1].remove(there)
    found += [*((leg, None) for leg in left[0]), *((None, leg) for leg in left[1])]
    return sorted(found, key=lambda both: min(leg.at for leg in both if leg is not None))


def _parts(pair: Pair, here: Leg, there: Leg, reference: Decimal, seen: Seen) -> dict[str, Decimal]:
    sign = here.side.sign
    difference = here.price_worth(reference) - there.price_worth(reference)
    size = round_nearest(sign * (here.quantity - there.quantity) * (reference - there.price), _STEP)
    latency = ZERO
    reached = seen(pair, here.at) if abs(here.at - there.at) >= _SAME_TIME else None
    if reached is not None:
        low, high = reached
        if low <= here.price <= high:
            latency = difference - size
        else:
            nearest = min(max(here.price, low), high)
            latency = round_nearest(sign * here.quantity * (there.price - nearest), _STEP)
    return {
        "price": difference - size - latency,
        "latency": latency,
        "size": size,
        "fee": there.fee_worth(reference) - here.fee_worth(reference),
    }


def _why(here: Leg, there: Leg, parts: Mapping[str, Decimal]) -> str:
    """One sentence; nothing where nothing differs."""
    words = []
    if here.role is not there.role:
        words.append(f"left by {_name(here)} instead of {_name(there)}")
    late = (here.at - there.at).total_seconds()
    if abs(late) >= _SAME_TIME.total_seconds():
        words.append(f"filled {abs(late):.0f} s {'later' if late > 0 else 'earlier'}")
    if parts["price"] or parts["latency"]:
        words.append(f"at {plain(round(here.price, 8))} instead of {plain(round(there.price, 8))}")
    if parts["size"] or here.quantity != there.quantity:
        words.append(f"{plain(here.quantity)} instead of {plain(there.quantity)}")
    return ", ".join(words)


def _name(leg: Leg | None) -> str:
    if leg is None or leg.role is None:
        return "still open" if leg is not None and leg.order_id == "still open" else "not ours"
    return leg.role.value.replace("_", " ")


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "pair": str(line.pair),
        "strategy": line.strategy,
        "what": line.what,
        "live_position": line.live_position,
        "backtest_position": line.backtest_position,
        "live": _leg_json(line.live),
        "backtest": _leg_json(line.backtest),
        "gap": plain(line.gap),
        "parts": {part: plain(line.parts.get(part, ZERO)) for part in PARTS},
        "why": line.why,
    }


def _leg_json(leg: Leg | None) -> dict[str, str] | None:
    if leg is None:
        return None
    return {
        "order": leg.order_id,
        "side": leg.side.value,
        "at": leg.at.isoformat(),
        "quantity": plain(leg.quantity),
        "price": plain(round(leg.price, 8)),
        "fee": plain(leg.fee),
        "fee_base": plain(leg.fee_base),
    }
