"""Whether the account may trade on margin at Bybit, and with how much leverage: its own switches, told in words.

An order of ours borrows only if the account is unified, not in isolated margin, has spot margin switched on, and
counts both coins of the pair as collateral. How much it may borrow follows from the coin's tiers and from the leverage
that the person chose; no table of ours promises any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.venues.base import RefusalReason, Refused, UnreadableAnswer
from jarvis.venues.bybit.fields import (
    Record,
    flag,
    number,
    number_or_none,
    record_of,
    rows,
    text,
    unreadable,
    whole,
)

_CLASSIC = frozenset({1})
_UNIFIED = frozenset({3, 4, 5, 6})
_ISOLATED = "ISOLATED_MARGIN"
_MODES = frozenset({_ISOLATED, "REGULAR_MARGIN", "PORTFOLIO_MARGIN"})
_SWITCHES = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class CoinTerms:
    """What the account may do with one coin. `hourly_rate` is a fraction per hour, None where it cannot be borrowed."""

    is_borrowable: bool
    is_collateral: bool
    hourly_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class CoinTier:
    """A coin's first tier: how much leverage a loan of it may have, and the margin that it needs (fractions)."""

    max_leverage: int
    initial_rate: Decimal
    maintenance_rate: Decimal


@dataclass(frozen=True, slots=True)
class AccountModes:
    """The account's own switches."""

    is_unified: bool
    is_isolated: bool


@dataclass(frozen=True, slots=True)
class SpotMargin:
    """The spot margin switch and the leverage that the person chose with it, None while it is off."""

    is_on: bool
    leverage: int | None


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """All that decides whether an entry may be placed, as read `at` one time."""

    at: datetime
    modes: AccountModes
    spot_margin: SpotMargin
    coins: Mapping[Asset, CoinTerms]
    tiers: Mapping[Asset, CoinTier]
    coin_leverages: Mapping[Asset, int]

    def obstacle(self, pair: Pair) -> Refused | None:
        """Why no margin order on the pair can work now, with what to do; None if nothing stands in the way."""
        told = _account_obstacle(self)
        if told is not None:
            return told
        for asset in (pair.base, pair.quote):
            coin = self.coins.get(asset)
            if coin is None or not coin.is_collateral:
                return Refused(
                    RefusalReason.NOT_ELIGIBLE,
                    f"{asset} does not count as collateral at Bybit. Sign in there, open Assets, Unified Trading, and "
                    f"switch {asset} on as collateral.",
                )
        return None

    def max_leverage(self, pair: Pair, side: Side) -> int | None:
        """The highest leverage for opening by `side` now; None if what that borrows is not lent.

        A buy borrows the quote coin, a sell the base coin. Which of the two coins' leverages binds a pair is not
        documented: the lower one is obeyed.
        """
        borrowed = self.coins.get(borrowed_by(pair, side))
        if borrowed is None or not borrowed.is_borrowable or borrowed_by(pair, side) not in self.tiers:
            return None
        highest = [self._coin_leverage(asset) for asset in (pair.base, pair.quote)]
        return min((each for each in highest if each is not None), default=None)

    def _coin_leverage(self, asset: Asset) -> int | None:
        tier, chosen = self.tiers.get(asset), self.coin_leverages.get(asset, self.spot_margin.leverage)
        return None if tier is None or chosen is None else min(tier.max_leverage, chosen)

    def leverages(self, pair: Pair, side: Side) -> tuple[int, ...]:
        """The whole leverages offered now, ascending."""
        if self.obstacle(pair) is not None:
            return ()
        return tuple(range(2, (self.max_leverage(pair, side) or 1) + 1))


def borrowed_by(pair: Pair, side: Side) -> Asset:
    """The coin that opening by `side` borrows."""
    return pair.quote if side is Side.BUY else pair.base


def advice_of(terms: MarginTerms, pairs: Iterable[Pair]) -> tuple[str, ...]:
    """What the person has to do at the venue before any of the pairs can be traded, one sentence each.

    Empty as soon as one can: what stands in the way of the others is said when an order on them is refused.
    """
    obstacles = [terms.obstacle(pair) for pair in pairs]
    if None in obstacles:
        return ()
    return tuple(dict.fromkeys(obstacle.message for obstacle in obstacles if obstacle is not None))


NOT_UNIFIED = Refused(
    RefusalReason.NOT_ELIGIBLE,
    "The account is not a Unified Trading Account, and only those can trade on spot margin over the API. Sign in at "
    "Bybit and upgrade it; then check again.",
)
NOT_IN_ISOLATED = Refused(
    RefusalReason.NOT_ELIGIBLE,
    "The account is in isolated margin mode, where spot margin is impossible. Sign in at Bybit, open the trading "
    "settings and choose Cross Margin; then check again.",
)
SWITCHED_OFF = Refused(
    RefusalReason.AGREEMENT_REQUIRED,
    "Spot margin is switched off. Sign in at Bybit, open Spot trading, switch Margin on (a short quiz comes first) and "
    "choose the leverage; then check again.",
)


def _account_obstacle(terms: MarginTerms) -> Refused | None:
    if not terms.modes.is_unified:
        return NOT_UNIFIED
    if terms.modes.is_isolated:
        return NOT_IN_ISOLATED
    return None if terms.spot_margin.is_on else SWITCHED_OFF


_BLACKOUT_FROM, _BLACKOUT_UNTIL = timedelta(minutes=4), timedelta(minutes=5, seconds=30)


def repay_blackout(now: datetime) -> timedelta | None:
    """How long repayments are still refused: from minute 04:00 to 05:30 of each hour; None if they are taken."""
    into_hour = timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    return _BLACKOUT_UNTIL - into_hour if _BLACKOUT_FROM <= into_hour < _BLACKOUT_UNTIL else None


# Reading


def parse_account_info(result: object) -> AccountModes:
    """The account's kind and margin mode.

    `{"unifiedMarginStatus":6,"marginMode":"REGULAR_MARGIN","isMasterTrader":false,"spotHedgingStatus":"OFF",
    "updatedTime":"1697078946000"}`
    """
    what = "account/info"
    record = record_of(result, what)
    status, mode = whole(record, "unifiedMarginStatus", what), text(record, "marginMode", what)
    if status not in _UNIFIED | _CLASSIC:
        raise unreadable(what, "unifiedMarginStatus", record)
    if mode not in _MODES:
        raise unreadable(what, "marginMode", record)
    return AccountModes(is_unified=status in _UNIFIED, is_isolated=mode == _ISOLATED)


def parse_spot_margin(result: object) -> SpotMargin:
    """The switch and the chosen leverage: `{"spotLeverage":"10","spotMarginMode":"1","effectiveLeverage":"1"}`.

    `spotLeverage` is `""` while the switch is off.
    """
    what = "spot-margin-trade/state"
    record = record_of(result, what)
    try:
        is_on = _SWITCHES[text(record, "spotMarginMode", what)]
    except KeyError:
        raise unreadable(what, "spotMarginMode", record) from None
    leverage = number_or_none(record, "spotLeverage", what)
    return SpotMargin(is_on, None if leverage is None or not is_on else int(leverage))


def parse_coin_leverages(result: object) -> dict[Asset, int]:
    """The leverage chosen per coin, told as text or as a number: `{"list":[{"currency":"BTC","spotLeverage":4}]}`."""
    what = "spot-margin-trade/coinstate"
    leverages: dict[Asset, int] = {}
    for record in rows(result, what):
        leverage = number_or_none(record, "spotLeverage", what)
        if leverage is not None:
            leverages[Asset(text(record, "currency", what))] = int(leverage)
    return leverages


def parse_collateral(result: object) -> dict[Asset, CoinTerms]:
    """What may be borrowed, what counts as collateral, and what borrowing costs.

    `{"list":[{"currency":"BTC","hourlyBorrowRate":"0.00000147","maxBorrowingAmount":"3","freeBorrowingLimit":"0",
    "freeBorrowAmount":"0","borrowAmount":"0","otherBorrowAmount":"0","availableToBorrow":"3","borrowable":true,
    "borrowUsageRate":"0","marginCollateral":true,"collateralSwitch":true,"collateralRatio":"0.95"}]}`
    """
    what = "collateral-info"
    coins = {}
    for record in rows(result, what):
        is_borrowable = flag(record, "borrowable", what)
        coins[Asset(text(record, "currency", what))] = CoinTerms(
            is_borrowable=is_borrowable,
            is_collateral=flag(record, "marginCollateral", what) and flag(record, "collateralSwitch", what),
            hourly_rate=number_or_none(record, "hourlyBorrowRate", what) if is_borrowable else None,
        )
    return coins


def parse_tiers(result: object) -> dict[Asset, CoinTier]:
    """Each coin's first tier, which every loan begins in.

    `{"list":[{"currency":"BTC","positionTiersRatioList":[{"tier":"1","borrowLimit":"390","positionMMR":"0.04",
    "positionIMR":"0.2","maxLeverage":"5"}]}]}`
    """
    what = "position-tiers"
    tiers = {}
    for record in rows(result, what):
        first = min(
            rows(record, what, "positionTiersRatioList"), key=lambda tier: whole(tier, "tier", what), default=None
        )
        if first is None:
            raise unreadable(what, "positionTiersRatioList", record)
        initial, maintenance = number(first, "positionIMR", what), number(first, "positionMMR", what)
        if not 0 < maintenance <= initial:
            raise unreadable(what, "positionIMR, positionMMR", first)
        tiers[Asset(text(record, "currency", what))] = CoinTier(
            int(number(first, "maxLeverage", what)), initial, maintenance
        )
    return tiers


def parse_public_rates(result: object) -> dict[Asset, Decimal]:
    """What borrowing costs an account without VIP level, as anyone may ask.

    `{"vipCoinList":[{"vipLevel":"No VIP","list":[{"borrowable":true,"collateralRatio":"0.95","currency":"BTC",
    "hourlyBorrowRate":"0.0000015021220000","liquidationOrder":"11","marginCollateral":true,
    "maxBorrowingAmount":"3"}]}]}`
    """
    what = "spot-margin-trade/data"
    for level in rows(result, what, "vipCoinList"):
        if text(level, "vipLevel", what) == "No VIP":
            return dict(_public_rates(rows(level, what), what))
    raise UnreadableAnswer(f"Bybit {what}: no rates for accounts without VIP level")


def _public_rates(listed: Iterable[Record], what: str) -> Iterable[tuple[Asset, Decimal]]:
    for record in listed:
        if flag(record, "borrowable", what):
            yield Asset(text(record, "currency", what)), number(record, "hourlyBorrowRate", what)


def parse_borrow_check(result: object) -> Decimal:
    """How much base could be traded now, borrowing included.

    `{"symbol":"BTCUSDT","side":"Buy","maxTradeQty":"6.6065","maxTradeAmount":"218014.01","spotMaxTradeQty":"0.2728",
    "spotMaxTradeAmount":"9004.75","borrowCoin":"USDT"}`
    """
    return number(record_of(result, "spot-borrow-check"), "maxTradeQty", "spot-borrow-check")


def parse_repaid(result: object) -> str:
    """What became of a repayment: P is being done, SU is done, FA failed. `{"resultStatus":"P"}`, or a list of one."""
    what = "no-convert-repay"
    record = record_of(result[0] if isinstance(result, list) and len(result) == 1 else result, what)
    status = text(record, "resultStatus", what)
    if status not in ("P", "SU", "FA"):
        raise unreadable(what, "resultStatus", record)
    return status
