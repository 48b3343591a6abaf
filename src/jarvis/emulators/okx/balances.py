"""What the account has: balance rows, margin positions, and how much more could be traded or borrowed.

Which fields are filled depends on the account's mode. In futures mode a debt is seen on its position alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.okx.books import AccountBooks
from jarvis.emulators.okx.keys import Mode, VenueAccount
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.orders import CROSS, MARGIN
from jarvis.emulators.okx.positions import MarginPosition
from jarvis.emulators.okx.state import VenueState
from jarvis.emulators.okx.text import Row, Rows, amount, ms
from jarvis.sim.exchange import SimHolding, SimWallet

_NO_HOLDING = SimHolding(ZERO, ZERO, ZERO, ZERO)
_FORCED = Decimal("1.05")


@dataclass(frozen=True, slots=True)
class Standing:
    """One account at one instant: its books beside its wallet."""

    state: VenueState
    account: VenueAccount
    books: AccountBooks
    wallet: SimWallet
    at: datetime

    @classmethod
    def of(cls, state: VenueState, account: VenueAccount) -> "Standing":
        """The account now."""
        return cls(state, account, state.ledger(account), state.exchange.wallet(account.name), state.now())

    @property
    def has_margin(self) -> bool:
        """Whether the account-level margin figures mean anything."""
        return self.account.mode is not Mode.FUTURES

    @property
    def ratio(self) -> Decimal | None:
        """Equity over maintenance margin, liquidation at 1; None while nothing is owed."""
        return self.wallet.equity / self.wallet.maintenance if self.wallet.maintenance > 0 else None

    @property
    def available(self) -> Decimal:
        """Equity that no debt needs as initial margin (quote)."""
        return max(ZERO, self.wallet.equity - self.wallet.initial)

    def holding(self, asset: Asset) -> SimHolding:
        """The wallet's holding of an asset."""
        return self.wallet.holdings.get(asset, _NO_HOLDING)

    def cash(self, asset: Asset) -> Decimal:
        """Own money: what is held less what is owed, without accrued interest and without positions."""
        return self.books.cash.get(asset, ZERO)

    def unrealised(self, asset: Asset) -> Decimal:
        """Profit of the positions that are margined in this asset, in it."""
        profit = ZERO
        for position in self.books.positions.values():
            if position.margin_asset == asset:
                price = self.state.last(position.pair)
                in_quote = position.unrealised(price)
                profit += in_quote if asset == position.pair.quote else in_quote / price
        return profit

    def equity(self, asset: Asset) -> Decimal:
        """OKX's `eq`: cash with unrealised profit, less accrued interest."""
        return self.cash(asset) + self.unrealised(asset) - self.books.accrued.get(asset, ZERO)

    def free(self, asset: Asset) -> Decimal:
        """What could be sold or withdrawn."""
        if self.account.has_positions:
            free = max(ZERO, self.cash(asset) - self.holding(asset).locked)
            if self.books.positions:
                price = self.state.value(asset, Decimal(1))
                free = min(free, self.available / price) if price else free
            return free
        return self.holding(asset).free

    def debt(self, asset: Asset) -> Decimal:
        """What is owed beside positions, interest that is not booked yet left out."""
        if self.account.has_positions:
            return ZERO
        holding = self.holding(asset)
        booked = max(ZERO, holding.interest - self.books.accrued.get(asset, ZERO))
        return holding.borrowed + booked

    def assets(self) -> list[Asset]:
        """The currencies that have a row, by name; one that is zero in every way has none."""
        known = set(self.books.cash) | set(self.wallet.holdings)
        return sorted(asset for asset in known if self.cash(asset) or self.equity(asset) or self.debt(asset))


def balance_row(standing: Standing, wanted: Iterable[str] = ()) -> Row:
    """The `data[0]` of account/balance."""
    names = set(wanted)
    state, wallet = standing.state, standing.wallet
    assets = standing.assets()
    filled = standing.has_margin
    total = sum((state.value(asset, standing.equity(asset)) for asset in assets), ZERO)
    ratio = standing.ratio
    return {
        "uTime": ms(standing.at),
        "totalEq": amount(total),
        "isoEq": "0",
        "adjEq": amount(wallet.equity) if filled else "",
        "availEq": amount(standing.available) if standing.account.mode in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO) else "",
        "ordFroz": "0" if filled else "",
        "imr": amount(wallet.initial) if filled else "",
        "mmr": amount(wallet.maintenance) if filled else "",
        "borrowFroz": "0" if filled else "",
        "mgnRatio": amount(ratio) if filled else "",
        "notionalUsd": amount(wallet.debt_value) if filled else "",
        "notionalUsdForBorrow": amount(wallet.debt_value) if filled else "",
        "notionalUsdForFutures": "0" if filled else "",
        "notionalUsdForOption": "0" if filled else "",
        "notionalUsdForSwap": "0" if filled else "",
        "upl": "0" if filled else "",
        "details": [detail_row(standing, asset) for asset in assets if not names or asset in names],
    }


def detail_row(standing: Standing, asset: Asset) -> Row:
    """One currency of the balance."""
    state, account = standing.state, standing.account
    futures, spot = account.has_positions, account.mode is Mode.SPOT
    own, equity, free = standing.cash(asset), standing.equity(asset), standing.free(asset)
    debt, locked = standing.debt(asset), standing.holding(asset).locked
    interest = standing.books.accrued.get(asset, ZERO)
    positions = [each for each in standing.books.positions.values() if each.margin_asset == asset]
    debts = [state.value(each.debt_asset, each.debt + each.interest) for each in positions]
    initial, maintenance = margins(state, positions)
    available = standing.available / (state.value(asset, Decimal(1)) or 1)
    return {
        "ccy": asset,
        "eq": amount(equity),
        "cashBal": amount(own),
        "uTime": ms(standing.books.updated_at.get(asset, account.opened_at)),
        "isoEq": "" if spot else "0",
        "availEq": "" if spot else amount(min(available, max(ZERO, equity)) if futures else free),
        "disEq": "" if futures else amount(_discounted(state, asset, equity)),
        "availBal": amount(free),
        "frozenBal": amount(max(ZERO, own - free) if futures else locked),
        "ordFrozen": amount(locked),
        "liab": "" if futures else amount(debt),
        "upl": "" if spot else amount(standing.unrealised(asset)),
        "uplLiab": "" if futures else "0",
        "crossLiab": "" if futures else amount(debt),
        "isoLiab": "" if futures else "0",
        "isoUpl": "" if spot else "0",
        "mgnRatio": amount(standing.ratio) if futures and debts else "",
        "imr": amount(initial) if futures else "",
        "mmr": amount(maintenance) if futures else "",
        "interest": "" if futures else amount(interest),
        "twap": "" if futures else str(_forced_repayment_risk(standing)),
        "frpType": "" if futures else ("2" if _forced_repayment_risk(standing) else "0"),
        "maxLoan": "" if futures else amount(loanable(standing, asset)),
        "eqUsd": amount(state.value(asset, equity)),
        "borrowFroz": "" if futures else "0",
        "notionalLever": amount(sum(debts, ZERO) / equity) if futures and debts and equity > 0 else "",
        "stgyEq": "0",
        "spotInUseAmt": "",
        "clSpotInUseAmt": "",
        "maxSpotInUse": "",
        "spotIsoBal": "0",
        "smtSyncEq": "0",
        "spotCopyTradingEq": "0",
        "fixedBal": "0",
        "rewardBal": "0",
        "spotBal": amount(own),
        "openAvgPx": "",
        "accAvgPx": "",
        "spotUpl": "",
        "spotUplRatio": "",
        "totalPnl": "",
        "totalPnlRatio": "",
        "colRes": "0",
        "colBorrAutoConversion": "0",
        "collateralRestrict": False,
        "collateralEnabled": True,
        "autoLendStatus": "off",
        "autoLendMtAmt": "0",
    }


def position_row(standing: Standing, position: MarginPosition) -> Row:
    """One margin position."""
    state = standing.state
    pair, price = position.pair, state.last(position.pair)
    profit = position.unrealised(price)
    initial, maintenance = margins(state, [position])
    leverage = standing.account.leverage(inst_id(pair), default=_highest(state, pair))
    paid = profit / (position.average_price * position.size / leverage) if position.size else ZERO
    is_long = position.side is Side.BUY
    return {
        "instType": MARGIN,
        "instId": inst_id(pair),
        "mgnMode": CROSS,
        "posId": position_id(position),
        "posSide": "net",
        "pos": amount(position.held),
        "posCcy": position.held_asset,
        "availPos": amount(max(ZERO, position.held - _leaving(standing, position))),
        "avgPx": amount(position.average_price),
        "nonSettleAvgPx": "",
        "markPx": amount(price),
        "upl": amount(profit),
        "uplRatio": amount(paid),
        "uplLastPx": amount(profit),
        "uplRatioLastPx": amount(paid),
        "lever": str(leverage),
        "liqPx": amount(_liquidation_price(standing, position)),
        "imr": amount(initial),
        "margin": "",
        "mgnRatio": amount(standing.ratio),
        "mmr": amount(maintenance),
        "liab": amount(-position.debt),
        "liabCcy": position.debt_asset,
        "interest": amount(-position.interest),
        "tradeId": position.trade_id,
        "optVal": "",
        "pendingCloseOrdLiabVal": "0",
        "notionalUsd": amount(position.size * price),
        "adl": "1",
        "ccy": position.margin_asset,
        "last": amount(price),
        "idxPx": amount(price),
        "usdPx": "1",
        "bePx": amount(_break_even(state, position)),
        "deltaBS": "",
        "deltaPA": "",
        "gammaBS": "",
        "gammaPA": "",
        "thetaBS": "",
        "thetaPA": "",
        "vegaBS": "",
        "vegaPA": "",
        "spotInUseAmt": "",
        "spotInUseCcy": "",
        "clSpotInUseAmt": "",
        "maxSpotInUseAmt": "",
        "realizedPnl": amount(position.profit + position.fees - position.penalty),
        "pnl": amount(position.profit),
        "fee": amount(position.fees),
        "fundingFee": "0",
        "liqPenalty": amount(-position.penalty),
        "closeOrderAlgo": [],
        "baseBal": amount(position.held) if is_long else "",
        "quoteBal": "" if is_long else amount(position.held),
        "baseBorrowed": "" if is_long else amount(position.debt),
        "baseInterest": "" if is_long else amount(position.interest),
        "quoteBorrowed": amount(position.debt) if is_long else "",
        "quoteInterest": amount(position.interest) if is_long else "",
        "bizRefId": "",
        "bizRefType": "",
        "cTime": ms(position.opened_at),
        "uTime": ms(position.updated_at),
        "pTime": ms(standing.at),
    }


def closed_position_row(position: MarginPosition) -> Row:
    """One position that is over."""
    average = position.closed_cost / position.closed_size if position.closed_size else ZERO
    return {
        "instType": MARGIN,
        "instId": inst_id(position.pair),
        "mgnMode": CROSS,
        "type": "3" if position.was_liquidated else "2",
        "cTime": ms(position.opened_at),
        "uTime": ms(position.updated_at),
        "openAvgPx": amount(position.average_price),
        "nonSettleAvgPx": "",
        "closeAvgPx": amount(average),
        "posId": position_id(position),
        "openMaxPos": amount(position.opened_size),
        "closeTotalPos": amount(position.closed_size),
        "realizedPnl": amount(position.profit + position.fees - position.penalty),
        "settledPnl": "",
        "fee": amount(position.fees),
        "fundingFee": "0",
        "liqPenalty": amount(-position.penalty),
        "pnl": amount(position.profit),
        "pnlRatio": amount(position.profit / (position.average_price * position.opened_size)),
        "posSide": "net",
        "lever": "",
        "direction": "long" if position.side is Side.BUY else "short",
        "triggerPx": "",
        "uly": "",
        "ccy": position.margin_asset,
    }


def position_id(position: MarginPosition) -> str:
    """The posId."""
    return str(910_000_000_000_000_000 + position.number)


def position_rows(standing: Standing) -> Rows:
    """All open positions, oldest first."""
    return [position_row(standing, position) for position in standing.books.positions.values()]


def margins(state: VenueState, positions: Iterable[MarginPosition]) -> tuple[Decimal, Decimal]:
    """Initial and maintenance margin that the debts of these positions need (quote)."""
    wallet = state.exchange.model.wallet
    initial = maintenance = ZERO
    if wallet is not None:
        for position in positions:
            value = state.value(position.debt_asset, position.debt + position.interest)
            initial += value * wallet.initial_rate(position.debt_asset)
            maintenance += value * wallet.maintenance_rate(position.debt_asset)
    return initial, maintenance


def loanable(standing: Standing, asset: Asset) -> Decimal:
    """How much more of an asset could be borrowed now."""
    if not standing.account.may_borrow:
        return ZERO
    return standing.state.exchange.max_borrowable(standing.account.name, asset)


def _highest(state: VenueState, pair: Pair) -> int:
    instrument = state.instrument(pair)
    return max((*instrument.leverage_long, *instrument.leverage_short), default=1)


def _discounted(state: VenueState, asset: Asset, equity: Decimal) -> Decimal:
    value = state.value(asset, equity)
    return value * state.exchange.model.collateral.get(asset, ZERO) if equity > 0 else value


def _forced_repayment_risk(standing: Standing) -> int:
    """From 0 to 5 how likely it is that the venue repays a debt by force."""
    ratio = standing.ratio
    if ratio is None or ratio > 3:
        return 0
    return 5 if ratio <= _FORCED else 2


def _leaving(standing: Standing, position: MarginPosition) -> Decimal:
    state = standing.state
    leaving = ZERO
    for order in state.open_orders(standing.account):
        book = state.note(order).terms.book
        if (
            order.pair == position.pair
            and book.margin_asset == position.margin_asset
            and order.side is not position.side
        ):
            price = order.limit_price or state.last(order.pair)
            leaving += order.remaining_quantity * (1 if position.side is Side.BUY else price)
    return leaving


def _break_even(state: VenueState, position: MarginPosition) -> Decimal:
    rate = state.exchange.model.fee.taker_rate
    return position.average_price * (1 + position.side.sign * rate)


def _liquidation_price(standing: Standing, position: MarginPosition) -> Decimal | None:
    """The price at which equity meets maintenance margin if no other price moves; None where there is none."""
    wallet_model = standing.state.exchange.model.wallet
    if wallet_model is None:
        return None
    price = standing.state.last(position.pair)
    base = position.pair.base
    holding = standing.holding(base)
    slope = holding.net - (holding.borrowed + holding.interest) * wallet_model.maintenance_rate(base)
    if slope == 0:
        return None
    found = price + (standing.wallet.maintenance - standing.wallet.equity) / slope
    return found if found > 0 else None
