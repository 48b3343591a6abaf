"""One account as last read, with all that the desk says of it: read once, then looked at from every side.

Reads from the store alone; what follows is worked out by positions.py, exposure.py and whatif.py, which are pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.money import Asset
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance, Overview, PositionRecord, TradingAccount
from jarvis.trading.bars import opening_of
from jarvis.trading.ranges import ATR_HOURS, HOUR, hourly_range
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web
from jarvis.web.desk.positions import PositionView, midnight_of, position_of

STALE_AFTER = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)
_NIGHT = timedelta(hours=6)
_KEPT = 512


@dataclass(frozen=True, slots=True)
class Holding:
    """An open position: its record, and how it is shown."""

    record: PositionRecord
    view: PositionView


@dataclass(frozen=True, slots=True)
class Book:
    """An account with what is open in it. `now` is the account's own time, which in the sandbox is not the wall's.

    `balances` are empty where fills do not settle in the wallet. `cash` is what the venue last said that it holds of
    the quote there, None where it said nothing. `shared_by` is whose it is, empty for one's own.
    """

    overview: Overview
    holdings: tuple[Holding, ...]
    quotes: Mapping[Pair, Quote]
    balances: Mapping[Asset, ComparedBalance]
    cash: Decimal | None
    open_orders: int
    now: datetime
    shared_by: str = ""

    @property
    def account(self) -> TradingAccount:
        """Whose book it is."""
        return self.overview.account

    @property
    def quote(self) -> Asset:
        """What the account is reckoned in."""
        return self.overview.margin.asset if self.overview.margin else VENUES[self.account.venue].quote

    @property
    def stale_for(self) -> timedelta | None:
        """How old the margin's reading is, if it is old. The sandbox's clock runs as it likes: there it never is."""
        margin = self.overview.margin
        if margin is None or self.account.environment is not Environment.LIVE:
            return None
        age = self.now - margin.at
        return age if age > STALE_AFTER else None


class Surroundings:
    """What a pair did before: its hourly range and its price at midnight. Both change once in a while, and are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ranges: dict[tuple[VenueName, Pair, datetime], Decimal] = {}
        self._midnights: dict[tuple[VenueName, Pair, datetime], Decimal] = {}

    async def hourly_range(self, feed: VenueName, pair: Pair, now: datetime) -> Decimal | None:
        """The average true range of the hours that have ended; None before there are enough candles."""
        hour = opening_of(now, HOUR)
        key = feed, pair, hour
        if key not in self._ranges:
            minutes = await self._store.minute_ranges(feed, pair, hour - (ATR_HOURS + 1) * HOUR, hour)
            found = hourly_range(minutes)
            if found is None:
                return None
            _keep(self._ranges, key, found)
        return self._ranges[key]

    async def midnight_price(self, feed: VenueName, pair: Pair, now: datetime) -> Decimal | None:
        """The last price before this day (UTC) began; None if nothing was heard in the hours before."""
        midnight = midnight_of(now)
        key = feed, pair, midnight
        if key not in self._midnights:
            last = await self._store.bars(feed, pair, MINUTE, midnight - _NIGHT, before=midnight, limit=1)
            if not last:
                return None
            _keep(self._midnights, key, last[-1].close)
        return self._midnights[key]


def _keep(
    kept: dict[tuple[VenueName, Pair, datetime], Decimal], key: tuple[VenueName, Pair, datetime], value: Decimal
) -> None:
    """Remember a value, and forget the oldest when there are many: the installation runs for years."""
    kept[key] = value
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


async def book_of(web: Web, surroundings: Surroundings, overview: Overview, shared_by: str = "") -> Book:
    """Read all that the desk says of one account."""
    account = overview.account
    owner_id, account_id = account.owner_id, account.account_id
    now = account_time(web, overview)
    quotes = await web.store.quotes(account.feed)
    records = await web.store.open_positions(owner_id, account_id)
    balances = {each.asset: each for each in await web.store.balances(owner_id, account_id)}
    cash = None
    if not balances and overview.margin is not None:
        cash = await web.store.told_balance(owner_id, account_id, overview.margin.asset)
    return Book(
        overview=overview,
        holdings=tuple([Holding(each, await view_of(web, surroundings, overview, each, quotes)) for each in records]),
        quotes=quotes,
        balances=balances,
        cash=cash,
        open_orders=await web.store.count_open_orders(owner_id, account_id),
        now=now,
        shared_by=shared_by,
    )


async def view_of(
    web: Web,
    surroundings: Surroundings,
    overview: Overview,
    record: PositionRecord,
    quotes: Mapping[Pair, Quote] | None = None,
) -> PositionView:
    """An open position at the last price that is known of its pair."""
    account, pair, now = overview.account, record.story.pair, account_time(web, overview)
    known = await web.store.quotes(account.feed) if quotes is None else quotes
    mark = known[pair].last if pair in known else await last_close(web.store, account, pair)
    age = now - known[pair].at if pair in known and account.environment is Environment.LIVE else None
    return position_of(
        record,
        mark,
        now,
        mark_age=age if age is not None and age > STALE_AFTER else None,
        hourly_range=await surroundings.hourly_range(account.feed, pair, now),
        midnight_price=await surroundings.midnight_price(account.feed, pair, now),
    )


async def last_close(store: Store, account: TradingAccount, pair: Pair) -> Decimal | None:
    """The close of the last candle that is known; None if there is none."""
    latest = await store.bars(account.feed, pair, MINUTE, limit=1)
    return latest[-1].close if latest else None


def account_time(web: Web, overview: Overview) -> datetime:
    """The account's now: the wall clock, or, in the sandbox, the latest instant that its trader spoke of."""
    if overview.account.environment is Environment.LIVE:
        return web.now()
    margin_at = overview.margin.at if overview.margin else None
    return max((at for at in (margin_at, overview.status_at) if at is not None), default=web.now())


def unprotected_first(holdings: Sequence[Holding]) -> list[Holding]:
    """The positions by how little protects them: no stop, one that is not proved, then by what the stop would cost."""
    order = {"missing": 0, "unknown": 1, "resting": 2}
    return sorted(
        holdings,
        key=lambda each: (order[each.view.stop_state], -(each.view.at_risk or Decimal(0)), each.view.position_id),
    )
