"""What is owed and needed by no position any more is repaid, and said if it stays.

Closing does not repay everywhere: some venues repay with the proceeds of each fill, some leave a rest, some leave it
all to the borrower. Repaying moves no net balance, so it has no entry; it ends the interest.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from jarvis.domain.account import AccountSnapshot, Balance
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import Order, OrderRole
from jarvis.live.books import Books
from jarvis.trading.stories import PositionStory
from jarvis.venues.base import RateLimited, Venue, VenueError

log = structlog.get_logger()

TRY_AGAIN_AFTER = timedelta(minutes=1)
TRIES = 3
"""How often a debt is tried to be repaid before the owner is told that it stays."""


@dataclass(frozen=True, slots=True)
class DebtStays:
    """What the owner is told of a debt that is not repaid. `is_dust`: it is less than any order could be about."""

    message: str
    is_dust: bool = False


class Debts:
    """Looks at what is owed after every comparison. `again_at` is when it wants to look again, None if all is well."""

    def __init__(self, venue: Venue, instruments: Mapping[Pair, Instrument]) -> None:
        self._venue = venue
        self._instruments = instruments
        self._dust_said: set[Asset] = set()
        self._tried: dict[Asset, int] = {}
        self.again_at: datetime | None = None

    async def settle(
        self,
        snapshot: AccountSnapshot,
        books: Books,
        stories: Collection[PositionStory],
        orders: Collection[Order],
        now: datetime,
    ) -> list[DebtStays]:
        """Repay what no position needs; what the owner must be told of debts that stay, each once."""
        owed = {balance.asset: balance for balance in snapshot.balances if balance.owed > 0}
        self._tried = {asset: tries for asset, tries in self._tried.items() if asset in owed}
        self.again_at = None
        told: list[DebtStays] = []
        for asset, balance in owed.items():
            if books.is_foreign_debt(asset):
                continue
            pairs = self._unneeding(asset, snapshot, stories, orders)
            if not pairs:
                continue
            repaid, waits = await self._repay(asset, pairs, balance)
            left = balance.owed - repaid
            if waits is not None:
                self._look_again(now + waits)
                continue
            if left <= 0:
                continue
            if words := self._dust_words(asset, left, snapshot):
                if asset not in self._dust_said:
                    self._dust_said.add(asset)
                    told.append(DebtStays(words, is_dust=True))
                continue
            tries = self._tried[asset] = self._tried.get(asset, 0) + 1
            if tries < TRIES:
                self._look_again(now + TRY_AGAIN_AFTER)
            elif tries == TRIES:
                told.append(DebtStays(_words(asset, left)))
        return told

    def _unneeding(
        self,
        asset: Asset,
        snapshot: AccountSnapshot,
        stories: Collection[PositionStory],
        orders: Collection[Order],
    ) -> list[Pair | None]:
        """The margin accounts in which nothing open or on its way needs the debt; None is the whole account."""
        concerned = [pair for pair in self._instruments if asset in (pair.base, pair.quote)]
        needing = {pair for pair in concerned if _needs(pair, asset, stories, orders)}
        if snapshot.margin.by_pair:
            return [pair for pair in concerned if pair not in needing and pair in snapshot.margin.by_pair]
        return [] if needing or not concerned else [None]

    def _dust_words(self, asset: Asset, left: Decimal, snapshot: AccountSnapshot) -> str:
        """What to say of a debt that no order can be about; empty if one can."""
        if any(pair.base == asset and left < each.min_quantity for pair, each in self._instruments.items()):
            return _too_little_words(asset, left)
        crumbs = [
            each
            for each in snapshot.positions
            if each.borrowed_asset == asset
            and (rules := self._instruments.get(each.pair)) is not None
            and each.quantity < max(rules.lot, rules.min_quantity)
        ]
        if left > sum((each.borrowed + each.interest for each in crumbs), ZERO):
            return ""
        return _crumbs_words(asset, left, [each.pair for each in crumbs])

    async def _repay(
        self, asset: Asset, pairs: Iterable[Pair | None], balance: Balance
    ) -> tuple[Decimal, timedelta | None]:
        """What was repaid of a debt, and how long to wait if the venue takes no repayments now."""
        repaid, waits = ZERO, None
        for pair in pairs:
            try:
                part = await self._venue.repay(asset, pair)
            except RateLimited as error:
                waits = error.retry_after
                log.info("repaying_later", asset=asset, reason=str(error))
            except VenueError as error:
                log.warning("not_repaid", asset=asset, owed=plain(balance.owed), reason=str(error))
            else:
                repaid += part
                if part:
                    log.info("debt_repaid", asset=asset, amount=plain(part))
        return repaid, waits

    def _look_again(self, at: datetime) -> None:
        self.again_at = at if self.again_at is None else min(self.again_at, at)


def _needs(pair: Pair, asset: Asset, stories: Iterable[PositionStory], orders: Iterable[Order]) -> bool:
    """Whether a position on the pair, or an entry that may become one, lives on borrowed `asset`."""
    borrower = Side.BUY if asset == pair.quote else Side.SELL
    if any(story.pair == pair and story.position.side is borrower for story in stories):
        return True
    return any(
        order.request.pair == pair
        and order.request.role is OrderRole.ENTRY
        and order.request.side is borrower
        and not order.status.is_final
        for order in orders
    )


def _crumbs_words(asset: Asset, left: Decimal, pairs: Collection[Pair]) -> str:
    return (
        f"{plain(left)} {asset} is left owed at the venue in what remains of {', '.join(sorted(map(str, pairs)))}: too "
        f"small for an order of ours, so its next position takes it along. Close it by hand at the venue if the "
        f"interest matters to you."
    )


def _too_little_words(asset: Asset, left: Decimal) -> str:
    return (
        f"{plain(left)} {asset} is left owed at the venue: less than its smallest order, so there is nothing to do. "
        f"Its interest is next to nothing, and what is received of {asset} next repays it."
    )


def _words(asset: Asset, left: Decimal) -> str:
    return (
        f"{plain(left)} {asset} is still owed at the venue, though no position needs it, and bears interest: too "
        f"little {asset} is free to repay it. Buy or deposit that much, or repay it at the venue."
    )
