"""What an account really did, read from the store, and the backtest of the same strategies, limits and candles.

What the store does not remember is said in `notes`, never guessed: limits and strategies are kept as they are now, so
that only the time since their last change can be compared, and only from one payment in or out to the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.backtest.venues import SETUPS, VenueSetup
from jarvis.domain.account import Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.domain.order import OrderStatus
from jarvis.research.parity import Held, Parity, compare, held_of, legs_of
from jarvis.venues.catalog import VENUES

if TYPE_CHECKING:
    from jarvis.store.db import Store
    from jarvis.store.records import Activity, PositionRecord, TradingAccount
    from jarvis.trading.strategy import Strategy

STEP = timedelta(minutes=1)
"""The candles that a worker keeps of every pair that an account follows."""

_ALL = 100_000
_CHANGES = ("limits.changed", "strategies.changed", "account.armed", "account.disarmed", "account.flattened")
_NEAR = timedelta(minutes=5)


class NotComparableError(Exception):
    """There is nothing to compare; the message says why, and what to do."""


@dataclass(frozen=True)
class Lived:
    """What an account did in [since, until], and what it had then. `notes` say what could not be compared."""

    account: "TradingAccount"
    setup: VenueSetup
    since: datetime
    until: datetime
    deposit: Decimal
    positions: Sequence["PositionRecord"]
    refused: Sequence[tuple[Pair, datetime, str]]
    activities: Sequence["Activity"]
    notes: Sequence[str]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs that its strategies follow."""
        return sorted({each.pair for each in self.account.assignments})

    def held(self) -> list[Held]:
        """Its positions."""
        intervals = {(each.strategy, each.pair): each.interval for each in self.account.assignments}
        found = []
        for record in self.positions:
            story = record.story
            requests = {order.client_order_id: order.request for order in record.orders}
            legs = legs_of(record.fills, requests)
            if legs:
                found.append(
                    held_of(
                        story.position_id, story.pair, story.strategy, legs, story.opened_at, record.waterfall(),
                        is_closed=story.is_closed, interval=intervals.get((story.strategy, story.pair)),
                    )
                )  # fmt: skip
        return found

    def why_missed(self, held: Held) -> str:
        """What the account knows of the time at which the backtest opened a position and it did not."""
        near = max(_NEAR, held.interval or _NEAR)
        for pair, at, reason in self.refused:
            if pair == held.pair and abs(at - held.opened_at) <= near:
                return f"the venue refused the order: {reason}"
        told = [each for each in self.activities if abs(each.at - held.opened_at) <= near]
        own = [each for each in told if each.pair in (held.pair, None)]
        return "; ".join(dict.fromkeys(each.message for each in own[-2:]))


async def lived(
    store: "Store", account: "TradingAccount", *, since: datetime | None = None, until: datetime | None = None
) -> Lived:
    """What the store knows of the account. Raises NotComparableError where it is not enough to compare anything."""
    owner, name = account.owner_id, account.account_id
    if not account.assignments:
        raise NotComparableError("the account follows no strategy: there is nothing to run a backtest of")
    curve = await store.equity(owner, name)
    if not curve:
        raise NotComparableError("no equity of the account was ever read; start `jarvis up` and let it trade first")
    notes: list[str] = []
    begin = max(curve[0].at, since) if since else curve[0].at
    moved = [point.at for point in curve if point.flow and point.at > begin]
    if moved:
        begin = moved[-1]
        notes.append(f"money was paid in or out up to {begin:%Y-%m-%d %H:%M} UTC: what was before is left out")
    if account.environment is Environment.LIVE:
        changes = await store.audit_of(account_id=name, kinds=_CHANGES, limit=1)
        if changes and changes[0].at > begin:
            begin = changes[0].at
            notes.append(
                f"limits, strategies or arming were changed at {begin:%Y-%m-%d %H:%M} UTC ({changes[0].kind}): "
                "what was before is left out, since only what holds now is kept"
            )
    else:
        notes.append("limits and strategies are taken as they are now; a sandbox's clock is not that of their changes")
    told = await store.fills(owner, name)
    known_until = await _known_until(store, account, max([curve[-1].at, *(fill.at for fill in told[-1:])]))
    end = min(known_until, until) if until else known_until
    if end <= begin:
        raise NotComparableError(f"nothing can be compared: the account is known from {begin} to {end}")
    known = [
        *await store.closed_positions(owner, name, limit=_ALL),
        *await store.open_positions(owner, name),
    ]
    positions = [each for each in known if begin <= each.story.opened_at <= end]
    earlier = sum(each.story.opened_at < begin <= (each.story.closed_at or end) for each in known)
    if earlier:
        notes.append(f"{earlier} positions were open already at the beginning: they are not compared")
    foreign = sum(begin <= fill.at <= end for fill in told)
    foreign -= sum(begin <= fill.at <= end for each in known for fill in each.fills)
    if foreign > 0:
        notes.append(f"{foreign} fills belong to no position of Jarvis (traded elsewhere): they are not compared")
    others = {fill.fee_asset for each in positions for fill in each.fills} - {
        asset for each in positions for asset in (each.story.pair.base, each.story.pair.quote)
    }
    if others:
        notes.append(f"fees were taken in {', '.join(sorted(others))} too: those are not compared")
    setup = _setup(account)
    orders = await store.recent_orders(owner, name, limit=_ALL)
    refused = [
        (order.request.pair, order.created_at, order.reason) for order in orders if order.status is OrderStatus.REJECTED
    ]
    activities = await store.activities(owner, name, limit=_ALL)
    before = [point for point in curve if point.at <= begin]
    deposit = (before[-1] if before else curve[0]).equity
    return Lived(account, setup, begin, end, deposit, positions, refused, activities[::-1], notes)


async def _known_until(store: "Store", account: "TradingAccount", last: datetime) -> datetime:
    """The end of the last candle that the worker kept of any pair that is followed, or `last` if that is later."""
    for pair in {each.pair for each in account.assignments}:
        latest = await store.bars(account.feed, pair, STEP, limit=1)
        last = max([last, *(bar.closed_at for bar in latest)])
    return last


async def kept_bars(store: "Store", it: Lived) -> dict[Pair, list[Bar]]:
    """The candles of its pairs that the worker kept, those for warming up among them; without what came later."""
    return {pair: await store.bars(it.account.feed, pair, STEP, before=it.until) for pair in it.pairs}


def holes(bars: Sequence[Bar], since: datetime, until: datetime) -> tuple[datetime, datetime] | None:
    """The first and last time between `since` and `until` of which no candle is there; None if all are."""
    inside = [bar for bar in bars if since <= bar.opened_at and bar.closed_at <= until]
    if not inside:
        return since, until
    step = inside[0].interval
    reached, first, last = since, None, since
    for bar in inside:
        if bar.opened_at - reached >= step:
            first, last = first or reached, bar.opened_at
        reached = bar.closed_at
    if until - reached >= step:
        first, last = first or reached, until
    return None if first is None else (first, last)


def parity(
    it: Lived,
    bars: Mapping[Pair, Sequence[Bar]],
    strategies: Mapping[str, "Strategy"],
    *,
    progress: Callable[[float], None] | None = None,
) -> Parity:
    """The account against the backtest over these candles, which must reach over its whole span."""
    account, setup = it.account, it.setup
    result = run(
        Backtest(
            bars=bars,
            followed=[Followed(each.strategy, each.pair, each.interval, each.values) for each in account.assignments],
            limits=account.limits,
            instruments=setup.instruments,
            leverage_caps=VENUES[VenueName(setup.catalogue)].leverage_caps,
            deposits={setup.quote: it.deposit},
            model=setup.model,
            asset=setup.quote,
            traits=setup.traits,
            strategies=strategies,
            wishes_from=it.since,
        ),
        progress=progress,
    )
    intervals = {(each.strategy, each.pair): each.interval for each in account.assignments}
    backtest = [
        held_of(
            trade.position_id, trade.pair, trade.strategy, legs_of(trade.fills, result.orders), trade.opened_at,
            trade.waterfall, is_closed=trade.closed_at is not None,
            interval=intervals.get((trade.strategy, trade.pair)),
        )
        for trade in result.trades
    ]  # fmt: skip
    return compare(
        it.held(),
        backtest,
        seen=_Tape(bars).seen,
        marks={pair: series[-1].close for pair, series in bars.items()},
        ends_at=it.until,
        reasons=it.why_missed,
    )


def _setup(account: "TradingAccount") -> VenueSetup:
    whole = f"{account.venue}-{account.execution_venue}"
    return SETUPS[whole if whole in SETUPS else account.venue]


class _Tape:
    """What the candles tell of a time."""

    def __init__(self, bars: Mapping[Pair, Sequence[Bar]]) -> None:
        self._bars = {pair: {bar.opened_at: bar for bar in series} for pair, series in bars.items()}
        self._step = next(series[0].interval for series in bars.values() if series)

    def seen(self, pair: Pair, at: datetime) -> tuple[Decimal, Decimal] | None:
        """Lowest and highest price of the candle that `at` lies in, and of the one that ends just then."""
        into = timedelta(seconds=at.timestamp() % self._step.total_seconds())
        opened_at = at - into
        wanted = (opened_at, *((opened_at - self._step,) if not into else ()))
        found = [bar for each in wanted if (bar := self._bars.get(pair, {}).get(each)) is not None]
        return (min(bar.low for bar in found), max(bar.high for bar in found)) if found else None
