"""What would happen if all prices moved by one share: equity, margin level, who is liquidated first, what stops save.

Pure arithmetic over what is known now. A pot is what lives and dies together: an account, or one isolated pair of it.
Every price moves by the same share `m` (-0.1: all fall by a tenth), in a straight line and at once. Then

- a position that is worth `v` (negative: short) gains `v m`, and so do coins that are held beside it;
- what backs the margin changes by the same, each amount by its collateral weight;
- used margin stays where it is bound by cost (Kraken, and longs that owe quote), and grows with the price by `u m`
  where the debt is in coins (shorts out of a wallet);
- the level is backing over used margin, and the venue steps in where it meets its liquidation level.

All of it is linear in `m` between two stops, so a liquidation is the root of a line and not searched for.

Left out, and said on the page: fees, slippage, gaps through a stop, interest, targets, the venue's changing its own
rates and weights, and prices that do not move together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.money import ONE, ZERO

GONE = Decimal(-1)
"""All prices at zero: no move goes further down."""


@dataclass(frozen=True, slots=True)
class Stake:
    """An open position as prices move it, in quote. `value` is signed: negative for a short.

    `weight` is how much of the value backs margin. `used` is the margin that it binds, `used_scales` whether that
    grows with the price. `stop` is the move at which its resting stop closes it, None if none is proved to rest.
    """

    key: str
    value: Decimal
    used: Decimal
    opened_at: datetime
    weight: Decimal = ONE
    used_scales: bool = False
    stop: Decimal | None = None

    def closing_move(self, direction: int) -> Decimal | None:
        """The move in this direction (1 or -1) at which the stop closes it; None if that way lies profit, or no stop.

        A stop on the wrong side of the price is about to trade: it closes at once.
        """
        if self.stop is None or self.value == 0 or (self.value > 0) is (direction > 0):
            return None
        return max(self.stop, ZERO) if direction > 0 else min(self.stop, ZERO)


@dataclass(frozen=True, slots=True)
class Pot:
    """What lives and dies together, in quote. `backing` is what stands against `used`: equity by collateral weight.

    `coins` is the value of coins held beside the stakes, of which `coins_weight` backs margin. `used` is all that is
    bound; what the stakes do not explain of it stays. `oldest_first` says that the venue closes lot by lot by age,
    otherwise everything at once.
    """

    key: str
    equity: Decimal
    backing: Decimal
    used: Decimal
    call_level: Decimal
    liquidation_level: Decimal
    stakes: tuple[Stake, ...] = ()
    coins: Decimal = ZERO
    coins_weight: Decimal = ONE
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A pot after a move. `level` is None while nothing is used.

    If `liquidated_at` is not None the venue stepped in at that move, and the figures are those of that instant: what
    is left then, before the venue's fee. `closed` are the stakes whose stops closed before, in their order.
    """

    move: Decimal
    equity: Decimal
    used: Decimal
    level: Decimal | None
    closed: tuple[str, ...]
    liquidated_at: Decimal | None
    is_called: bool


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A pot's liquidation if prices move one way: at which move, and the stake that the venue closes first."""

    pot: str
    move: Decimal
    stake: str | None


@dataclass(frozen=True, slots=True)
class _Line:
    """An amount that is linear in the move."""

    constant: Decimal
    slope: Decimal

    def at(self, move: Decimal) -> Decimal:
        return self.constant + self.slope * move


def outcome(pot: Pot, move: Decimal, *, with_stops: bool) -> Outcome:
    """The pot after all prices have moved by `move`, in a straight line from now."""
    direction = 1 if move > 0 else -1
    ends_at = move
    closed: tuple[str, ...] = ()
    liquidated_at = None
    for start, end, done in _spans(pot, direction, with_stops=with_stops and move != 0):
        if abs(start) > abs(move):
            break
        closed = done
        found = _meets(pot, done, start, _nearer(end, move), pot.liquidation_level)
        if found is not None:
            liquidated_at = ends_at = found
            break
    open_stakes, shut = _parted(pot, closed)
    used = _used(pot, open_stakes).at(ends_at)
    backing = _backing(pot, open_stakes, shut).at(ends_at)
    return Outcome(
        move=move,
        equity=_equity(pot, open_stakes, shut).at(ends_at),
        used=used,
        level=backing / used if used > 0 else None,
        closed=closed,
        liquidated_at=liquidated_at,
        is_called=used > 0 and backing <= pot.call_level * used,
    )


def liquidation(pot: Pot, direction: int, *, with_stops: bool) -> Liquidation | None:
    """Where the pot is liquidated if prices move this way (1 up, -1 down); None where no move does it."""
    for start, end, done in _spans(pot, direction, with_stops=with_stops):
        found = _meets(pot, done, start, end, pot.liquidation_level)
        if found is not None:
            open_stakes, _ = _parted(pot, done)
            return Liquidation(pot.key, found, _first_closed(pot, open_stakes, direction))
    return None


def first_liquidation(pots: Sequence[Pot], direction: int, *, with_stops: bool) -> Liquidation | None:
    """The nearest liquidation among all pots if prices move this way; None where no move does it."""
    found = [each for pot in pots if (each := liquidation(pot, direction, with_stops=with_stops)) is not None]
    return min(found, key=lambda each: abs(each.move), default=None)


def stops_on_the_way(pot: Pot, move: Decimal) -> tuple[tuple[Decimal, str], ...]:
    """The stops that trade before this move is reached or the pot is liquidated: (at which move, whose), in order."""
    reached = outcome(pot, move, with_stops=True)
    at = {key: when for when, key in _stops(pot, 1 if move > 0 else -1)}
    return tuple((at[key], key) for key in reached.closed)


# --- the lines ---------------------------------------------------------------------------------------------------


def _stops(pot: Pot, direction: int) -> list[tuple[Decimal, str]]:
    found = [(stake.closing_move(direction), stake.key) for stake in pot.stakes]
    return sorted(((at, key) for at, key in found if at is not None), key=lambda each: (abs(each[0]), each[1]))


def _spans(pot: Pot, direction: int, *, with_stops: bool) -> Iterator[tuple[Decimal, Decimal | None, tuple[str, ...]]]:
    """The pieces between stops, outwards: (from, to, what is closed by then); the last one has no end upwards."""
    last = GONE if direction < 0 else None
    start = ZERO
    closed: tuple[str, ...] = ()
    for at, key in _stops(pot, direction) if with_stops else ():
        if last is not None and at <= last:
            break
        if at != start:
            yield start, at, closed
        start, closed = at, (*closed, key)
    yield start, last, closed


def _nearer(end: Decimal | None, move: Decimal) -> Decimal:
    return move if end is None or abs(move) < abs(end) else end


def _parted(pot: Pot, closed: Sequence[str]) -> tuple[list[Stake], list[Stake]]:
    """The stakes that are open still, and those that were closed by their stops."""
    return [s for s in pot.stakes if s.key not in closed], [s for s in pot.stakes if s.key in closed]


def _locked(stake: Stake) -> Decimal:
    """What a stake had gained, or lost, when its stop closed it."""
    at = stake.closing_move(-1 if stake.value > 0 else 1)
    return stake.value * (at if at is not None else ZERO)


def _equity(pot: Pot, open_stakes: Sequence[Stake], shut: Sequence[Stake]) -> _Line:
    slope = sum((stake.value for stake in open_stakes), pot.coins)
    return _Line(sum((_locked(stake) for stake in shut), pot.equity), slope)


def _backing(pot: Pot, open_stakes: Sequence[Stake], shut: Sequence[Stake]) -> _Line:
    """As equity, by weight; what was sold counts in full, for it is quote now."""
    slope = sum((stake.value * stake.weight for stake in open_stakes), pot.coins * pot.coins_weight)
    gained = (_locked(stake) + stake.value * (ONE - stake.weight) for stake in shut)
    return _Line(sum(gained, pot.backing), slope)


def _used(pot: Pot, open_stakes: Sequence[Stake]) -> _Line:
    bound = sum((stake.used for stake in open_stakes), ZERO)
    others = max(ZERO, pot.used - sum((stake.used for stake in pot.stakes), ZERO))
    return _Line(others + bound, sum((stake.used for stake in open_stakes if stake.used_scales), ZERO))


def _meets(pot: Pot, closed: Sequence[str], start: Decimal, end: Decimal | None, level: Decimal) -> Decimal | None:
    """Where between `start` and `end` the level is first not above `level`; None if nowhere."""
    open_stakes, shut = _parted(pot, closed)
    used, backing = _used(pot, open_stakes), _backing(pot, open_stakes, shut)
    if used.at(start) <= 0:
        return None
    room = _Line(backing.constant - level * used.constant, backing.slope - level * used.slope)
    if room.at(start) <= 0:
        return start
    outwards = room.slope if end is None or end > start else -room.slope
    if outwards >= 0:
        return None
    root = -room.constant / room.slope
    return None if end is not None and abs(root) > abs(end) else root


def _first_closed(pot: Pot, open_stakes: Sequence[Stake], direction: int) -> str | None:
    """Whom the venue closes first: the oldest where it goes by age, else all at once, named by the largest loser."""
    if not open_stakes:
        return None
    if pot.oldest_first:
        return min(open_stakes, key=lambda stake: (stake.opened_at, stake.key)).key
    return min(open_stakes, key=lambda stake: (stake.value * direction, stake.key)).key
