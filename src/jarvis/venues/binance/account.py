"""What a margin account at Binance holds and owes, cross or isolated, and what that means as Balance and MarginState.

Binance's own margin level is assets over debts. Ours is equity over used margin, where a debt uses (initial risk
ratio - 1) of its value: at that level nothing more can be borrowed. So level = (assets/debts - 1) / (initial - 1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from jarvis.domain.account import Balance, MarginState
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO, Asset, round_nearest
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.binance.fields import (
    Record,
    flag,
    inner,
    items,
    number,
    record_of,
    records_of,
    text,
    unreadable,
    whole,
)
from jarvis.venues.binance.parse import Lending
from jarvis.venues.binance.symbols import USDT, pair_of

_CENT = Decimal("0.01")
# The venue tells an isolated pair's liquidation ratio and not the one of its margin call; these belong together
# (https://www.binance.com/en/support/faq, isolated margin tiers, seen 2026-10).
_CALL_RATIOS = {
    Decimal("1.05"): Decimal("1.1"),
    Decimal("1.15"): Decimal("1.19"),
    Decimal("1.18"): Decimal("1.22"),
}
_USUAL_CALL_DISTANCE = Decimal("0.04")


@dataclass(frozen=True, slots=True)
class RiskRatios:
    """Assets over debts at which nothing more is lent, at which the venue warns, and at which it closes."""

    initial: Decimal
    call: Decimal
    liquidation: Decimal

    def __post_init__(self) -> None:
        """Refuse ratios that cannot be meant."""
        if not 1 <= self.liquidation <= self.call or self.initial <= 1:
            raise UnreadableAnswer("Binance told risk ratios that contradict each other")

    @property
    def leverage(self) -> int:
        """The highest whole leverage: 1.5 allows 3, 1.25 allows 5, 1.111 allows 10."""
        return int((self.initial / (self.initial - 1)).to_integral_value(rounding=ROUND_FLOOR))

    def level(self, ratio: Decimal) -> Decimal:
        """A ratio of assets to debts on our scale."""
        return (ratio - 1) / (self.initial - 1)


USUAL_CROSS = RiskRatios(initial=Decimal("1.25"), call=Decimal("1.16"), liquidation=Decimal("1.1"))
USUAL_ISOLATED = RiskRatios(initial=Decimal("1.111"), call=Decimal("1.1"), liquidation=Decimal("1.05"))
"""What new accounts are given (seen 2026-10). Only where there is no account to ask: an account's own is read."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of an isolated pair's ladder: what is lent at most, and the ratios that hold up to there."""

    leverage: int
    ratios: RiskRatios
    base_limit: Decimal
    quote_limit: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """One asset in one account; all amounts are positive."""

    asset: Asset
    free: Decimal
    locked: Decimal
    borrowed: Decimal
    interest: Decimal

    @property
    def held(self) -> Decimal:
        """What is there, orders' share included."""
        return self.free + self.locked

    @property
    def owed(self) -> Decimal:
        """Principal and interest."""
        return self.borrowed + self.interest

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held nor owed."""
        return not (self.held or self.owed)


@dataclass(frozen=True, slots=True)
class CrossAccount:
    """The cross account, without the hundreds of assets that it lists as zero. Sums are in BTC, as the venue has it."""

    holdings: tuple[Holding, ...]
    margin_level: Decimal
    net_btc: Decimal
    liability_btc: Decimal
    may_borrow: bool
    may_trade: bool

    def holding(self, asset: Asset) -> Holding:
        """What is held and owed of an asset."""
        return _holding_among(self.holdings, asset)


@dataclass(frozen=True, slots=True)
class IsolatedPot:
    """One pair's isolated account."""

    pair: Pair
    base: Holding
    quote: Holding
    index_price: Decimal
    margin_level: Decimal
    is_enabled: bool
    may_borrow: bool
    may_trade: bool

    def holding(self, asset: Asset) -> Holding:
        """What is held and owed of an asset."""
        return _holding_among((self.base, self.quote), asset)

    @property
    def debt(self) -> Decimal:
        """All that is owed, in quote."""
        return self.base.owed * self.index_price + self.quote.owed

    @property
    def equity(self) -> Decimal:
        """All that is held less all that is owed, in quote."""
        return self.base.held * self.index_price + self.quote.held - self.debt


def _holding_among(holdings: Iterable[Holding], asset: Asset) -> Holding:
    nothing = Holding(asset, ZERO, ZERO, ZERO, ZERO)
    return next((holding for holding in holdings if holding.asset == asset), nothing)


def parse_cross_account(answer: object) -> CrossAccount:
    """The cross account.

    `{"created":true,"borrowEnabled":true,"marginLevel":"11.64405625","collateralMarginLevel":"3.2",
    "totalAssetOfBtc":"6.82728457","totalLiabilityOfBtc":"0.58633215","totalNetAssetOfBtc":"6.24095242",
    "TotalCollateralValueInUSDT":"5.82728457","tradeEnabled":true,"transferInEnabled":true,"transferOutEnabled":true,
    "accountType":"MARGIN_1","userAssets":[{"asset":"BTC","borrowed":"0.00000000","free":"0.00499500",
    "interest":"0.00000000","locked":"0.00000000","netAsset":"0.00499500"}]}`
    """
    what = "margin/account"
    record = record_of(answer, what)
    holdings = [_holding(each, what) for each in records_of(items(record, "userAssets", what), what)]
    return CrossAccount(
        holdings=tuple(holding for holding in holdings if not holding.is_empty),
        margin_level=number(record, "marginLevel", what),
        net_btc=number(record, "totalNetAssetOfBtc", what),
        liability_btc=number(record, "totalLiabilityOfBtc", what),
        may_borrow=flag(record, "borrowEnabled", what),
        may_trade=flag(record, "tradeEnabled", what),
    )


def parse_isolated_account(answer: object) -> dict[Pair, IsolatedPot]:
    """The isolated accounts of the catalogue's pairs; those of other pairs are apart from all that we do.

    `{"assets":[{"symbol":"BTCUSDT","isolatedCreated":true,"enabled":true,"marginLevel":"4.00000000",
    "marginLevelStatus":"EXCESSIVE","marginRatio":"10.00000000","indexPrice":"10000.00000000",
    "liquidatePrice":"1000.00000000","liquidateRate":"1.00000000","tradeEnabled":true,"baseAsset":{"asset":"BTC",
    "borrowEnabled":true,"borrowed":"0.00000000","free":"0.00000000","interest":"0.00000000","locked":"0.00000000",
    "netAsset":"0.00000000","netAssetOfBtc":"0.00000000","repayEnabled":true,"totalAsset":"0.00000000"},
    "quoteAsset":{}}]}`, where `quoteAsset` is told like `baseAsset`.
    """
    what = "isolated/account"
    pots = {}
    for record in records_of(items(record_of(answer, what), "assets", what), what):
        try:
            pair = pair_of(text(record, "symbol", what))
        except UnreadableAnswer:
            continue
        pots[pair] = _pot(pair, record)
    return pots


def _pot(pair: Pair, record: Record) -> IsolatedPot:
    what = "isolated/account"
    base, quote = inner(record, "baseAsset", what), inner(record, "quoteAsset", what)
    pot = IsolatedPot(
        pair=pair,
        base=_holding(base, what),
        quote=_holding(quote, what),
        index_price=number(record, "indexPrice", what),
        margin_level=number(record, "marginLevel", what),
        is_enabled=flag(record, "isolatedCreated", what) and flag(record, "enabled", what),
        may_borrow=flag(base, "borrowEnabled", what) and flag(quote, "borrowEnabled", what),
        may_trade=flag(record, "tradeEnabled", what),
    )
    if (pot.base.asset, pot.quote.asset) != (pair.base, pair.quote):
        raise unreadable(what, "baseAsset, quoteAsset", record)
    return pot


def _holding(record: Record, what: str) -> Holding:
    holding = Holding(
        asset=Asset(text(record, "asset", what)),
        free=number(record, "free", what),
        locked=number(record, "locked", what),
        borrowed=number(record, "borrowed", what),
        interest=number(record, "interest", what),
    )
    if min(holding.free, holding.locked, holding.borrowed, holding.interest) < 0:
        raise unreadable(what, "free, locked, borrowed, interest", record)
    return holding


def parse_trade_coefficients(answer: object) -> RiskRatios:
    """The cross account's own ratios: `{"normalBar":"1.5","marginCallBar":"1.3","forceLiquidationBar":"1.1"}`."""
    what = "tradeCoeff"
    record = record_of(answer, what)
    return RiskRatios(
        initial=number(record, "normalBar", what),
        call=number(record, "marginCallBar", what),
        liquidation=number(record, "forceLiquidationBar", what),
    )


def parse_isolated_leverages(answer: object) -> dict[Pair, int]:
    """The highest leverage of the catalogue's isolated pairs, for this account.

    `[{"vipLevel":0,"symbol":"BTCUSDT","leverage":"10","data":[{"coin":"BTC","dailyInterest":"0.00026125",
    "borrowLimit":"270"},{"coin":"USDT","dailyInterest":"0.000475","borrowLimit":"2100000"}]}]`
    """
    what = "isolatedMarginData"
    leverages = {}
    for record in records_of(answer, what):
        try:
            pair = pair_of(text(record, "symbol", what))
        except UnreadableAnswer:
            continue
        leverages[pair] = int(number(record, "leverage", what))
    return leverages


def parse_tiers(answer: object) -> tuple[Tier, ...]:
    """An isolated pair's ladder, lowest step first.

    `[{"symbol":"BTCUSDT","tier":1,"effectiveMultiple":"10","initialRiskRatio":"1.111","liquidationRiskRatio":"1.05",
    "baseAssetMaxBorrowable":"9","quoteAssetMaxBorrowable":"70000"}]`
    """
    what = "isolatedMarginTier"
    records = sorted(records_of(answer, what), key=lambda record: whole(record, "tier", what))
    if not records:
        raise unreadable(what, "(at least one tier)", answer)
    return tuple(_tier(record) for record in records)


def _tier(record: Record) -> Tier:
    what = "isolatedMarginTier"
    liquidation = number(record, "liquidationRiskRatio", what)
    call = _CALL_RATIOS.get(liquidation, liquidation + _USUAL_CALL_DISTANCE)
    return Tier(
        leverage=int(number(record, "effectiveMultiple", what)),
        ratios=RiskRatios(number(record, "initialRiskRatio", what), call, liquidation),
        base_limit=number(record, "baseAssetMaxBorrowable", what),
        quote_limit=number(record, "quoteAssetMaxBorrowable", what),
    )


def lending_of(ratios: RiskRatios) -> Lending:
    """What an account with these ratios may do with any pair."""
    return Lending(ratios.leverage, ratios.level(ratios.call), ratios.level(ratios.liquidation))


def isolated_lending(tiers: Sequence[Tier], leverage: int) -> Lending:
    """What a pair's isolated account may do. Its full leverage holds in the first tier, so the limit is that tier's."""
    first = tiers[0]
    return Lending(
        leverage=min(leverage, first.leverage),
        call_level=first.ratios.level(first.ratios.call),
        liquidation_level=first.ratios.level(first.ratios.liquidation),
        short_limit=first.base_limit,
    )


def holdings_of(read: CrossAccount | Mapping[Pair, IsolatedPot]) -> tuple[Holding, ...]:
    """All that is held and owed, whatever pot it is in."""
    if isinstance(read, CrossAccount):
        return read.holdings
    return tuple(holding for pot in read.values() for holding in (pot.base, pot.quote))


def balances_of(holdings: Iterable[Holding]) -> tuple[Balance, ...]:
    """Net balances, summed by asset over accounts; USDT is told even when there is none."""
    sums: dict[Asset, Balance] = {USDT: Balance(USDT, ZERO, ZERO)}
    for holding in holdings:
        before = sums.get(holding.asset, Balance(holding.asset, ZERO, ZERO))
        sums[holding.asset] = Balance(
            asset=holding.asset,
            total=before.total + holding.held - holding.owed,
            available=before.available + holding.free,
            borrowed=before.borrowed + holding.borrowed,
            interest=before.interest + holding.interest,
        )
    return tuple(sums[asset] for asset in sorted(sums))


def cross_margin_state(account: CrossAccount, ratios: RiskRatios, btc_price: Decimal, at: datetime) -> MarginState:
    """The cross account's margin in USDT, to the cent: the venue tells its sums in BTC with eight decimals.

    The margin level is taken from the venue's own, which knows them in full.
    """
    equity = round_nearest(account.net_btc * btc_price, _CENT)
    used = round_nearest(account.liability_btc * (ratios.initial - 1) * btc_price, _CENT)
    owes = account.liability_btc > 0
    return MarginState(
        asset=USDT,
        at=at,
        equity=equity,
        trade_balance=equity,
        used_margin=used,
        free_margin=equity - used,
        unrealised=ZERO,
        margin_level=ratios.level(account.margin_level) if owes else None,
        call_level=ratios.level(ratios.call),
        liquidation_level=ratios.level(ratios.liquidation),
        venue_level=account.margin_level if owes else None,
    )


def isolated_margin_state(
    pots: Mapping[Pair, IsolatedPot], tiers: Mapping[Pair, Sequence[Tier]], at: datetime
) -> MarginState:
    """The margin of each pair's account, and of all together with the levels of the one nearest to liquidation."""
    by_pair = {pair: _pot_state(pot, tiers[pair], at) for pair, pot in pots.items()}
    states = by_pair.values()
    nearest = min(states, key=_distance, default=None)
    equity = sum((state.equity for state in states), ZERO)
    used = sum((state.used_margin for state in states), ZERO)
    return MarginState(
        asset=USDT,
        at=at,
        equity=equity,
        trade_balance=equity,
        used_margin=used,
        free_margin=sum((state.free_margin for state in states), ZERO),
        unrealised=ZERO,
        margin_level=None if nearest is None else nearest.margin_level,
        call_level=ZERO if nearest is None else nearest.call_level,
        liquidation_level=ZERO if nearest is None else nearest.liquidation_level,
        venue_level=None if nearest is None else nearest.venue_level,
        by_pair=by_pair,
    )


def _pot_state(pot: IsolatedPot, tiers: Sequence[Tier], at: datetime) -> MarginState:
    ratios = _tier_of(pot, tiers).ratios
    equity, debt = round_nearest(pot.equity, _CENT), pot.debt
    used = round_nearest(debt * (ratios.initial - 1), _CENT)
    return MarginState(
        asset=USDT,
        at=at,
        equity=equity,
        trade_balance=equity,
        used_margin=used,
        free_margin=equity - used,
        unrealised=ZERO,
        margin_level=pot.equity / (debt * (ratios.initial - 1)) if debt else None,
        call_level=ratios.level(ratios.call),
        liquidation_level=ratios.level(ratios.liquidation),
        venue_level=pot.margin_level if debt else None,
    )


def _tier_of(pot: IsolatedPot, tiers: Sequence[Tier]) -> Tier:
    """The step of the ladder that what is owed stands on: the more is owed, the more equity each debt wants."""
    fitting = (tier for tier in tiers if pot.base.owed <= tier.base_limit and pot.quote.owed <= tier.quote_limit)
    return next(fitting, tiers[-1])


def _distance(state: MarginState) -> Decimal:
    """How far a pair is from liquidation, as a multiple of its liquidation level; without debt it is nowhere near."""
    if state.margin_level is None:
        return Decimal("Infinity")
    return state.margin_level / (state.liquidation_level or ONE)
