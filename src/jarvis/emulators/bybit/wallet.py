"""The unified wallet: coins with their debts, the account's rates of margin, and how much more may be borrowed.

Interest that was charged is part of the debt from then on, so `accruedInterest` is nothing and a coin's equity is what
is held less what is owed. A coin's equity is `walletBalance - spotBorrow`; the wallet includes what was borrowed.
"""

from collections.abc import Sequence
from decimal import Decimal

from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.bybit.coins import HIGHEST_LEVERAGE, LOWEST_LEVERAGE, coin_of, wallet_model, whole_leverage
from jarvis.emulators.bybit.keys import MarginMode, VenueAccount
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.state import VenueState
from jarvis.emulators.bybit.text import Json, number
from jarvis.emulators.bybit.views import spends, spent_asset
from jarvis.sim.exchange import SimHolding, SimWallet

_NOTHING = SimHolding(ZERO, ZERO, ZERO, ZERO)
_RATE_PLACES = 4
_VALUE_PLACES = 8


class Wallets:
    """What the accounts hold and owe."""

    def __init__(self, state: VenueState, public: PublicData) -> None:
        self._state = state
        self._public = public

    def of(self, account: VenueAccount) -> SimWallet:
        """The exchange's own picture."""
        return self._state.exchange.wallet(account.name)

    def holding(self, account: VenueAccount, coin: Asset) -> SimHolding:
        """One coin, nothing where the account never had it."""
        return self.of(account).holdings.get(coin, _NOTHING)

    def row(self, account: VenueAccount, coins: Sequence[str] = ()) -> Json:
        """wallet-balance's only row; `coins` are those asked for, all that are not empty by default."""
        wallet = self.of(account)
        named = [Asset(coin) for coin in coins] or [
            coin for coin, holding in wallet.holdings.items() if holding.total or holding.borrowed or holding.interest
        ]
        is_isolated = account.margin_mode is MarginMode.ISOLATED
        # What it is worth, all coins less all debts at the index; the rates are reckoned with haircuts taken.
        worth = sum((holding.net * self._state.price(coin) for coin, holding in wallet.holdings.items()), ZERO)
        equity, initial = wallet.equity, self.initial_margin(account, wallet)
        account_wide = {
            "accountIMRate": _rate(initial, equity),
            "accountMMRate": _rate(wallet.maintenance, equity),
            "totalMarginBalance": number(worth, _VALUE_PLACES),
            "totalAvailableBalance": number(max(ZERO, equity - initial), _VALUE_PLACES),
            "totalInitialMargin": number(initial, _VALUE_PLACES),
            "totalMaintenanceMargin": number(wallet.maintenance, _VALUE_PLACES),
        }
        account_wide |= {
            "accountIMRateByMp": account_wide["accountIMRate"],
            "accountMMRateByMp": account_wide["accountMMRate"],
            "totalInitialMarginByMp": account_wide["totalInitialMargin"],
            "totalMaintenanceMarginByMp": account_wide["totalMaintenanceMargin"],
        }
        if is_isolated:
            account_wide = dict.fromkeys(account_wide, "")
        return account_wide | {
            "totalEquity": number(worth, _VALUE_PLACES),
            "accountType": "UNIFIED",
            "totalPerpUPL": "0",
            "totalWalletBalance": number(worth, _VALUE_PLACES),
            "accountLTV": "",
            "coin": [self._coin_row(account, coin, wallet.holdings.get(coin, _NOTHING)) for coin in named],
        }

    def order_borrowing(self, account: VenueAccount, coin: Asset, holding: SimHolding) -> Decimal:
        """What open leverage orders would have to borrow of a coin to fill."""
        spent = sum(
            (
                spends(order, self._state.exchange.quote(order.pair).last)
                for order in self._state.exchange.orders(account.name)
                if order.request.leverage is not None and not order.is_waiting and spent_asset(order) == coin
            ),
            ZERO,
        )
        return max(ZERO, spent - holding.total)

    def borrow_amount(self, account: VenueAccount, coin: Asset, holding: SimHolding | None = None) -> Decimal:
        """The liability in a coin: loans, interest charged on them, and what open leverage orders reserve."""
        held = holding or self.holding(account, coin)
        return held.borrowed + held.interest + self.order_borrowing(account, coin, held)

    def borrowable(self, account: VenueAccount, coin: Asset) -> Decimal:
        """How much more of a coin the account may borrow: its mode, its margin and the coin's terms all count."""
        if self._public.hourly_rate(coin) is None or not account.is_spot_margin_on:
            return ZERO
        if account.margin_mode is MarginMode.ISOLATED:
            return ZERO
        return min(self._state.exchange.max_borrowable(account.name, coin), self.room(account, coin))

    def cap(self, account: VenueAccount, coin: Asset) -> Decimal:
        """How much more of a coin anyone in this account's place may owe."""
        return coin_of(coin).max_borrow - self.holding(account, coin).borrowed

    def room(self, account: VenueAccount, coin: Asset, leverage: int = HIGHEST_LEVERAGE) -> Decimal:
        """How much more of a coin its cap and leverage let be borrowed: the owner's, the tier's, and this one."""
        wallet = self.of(account)
        rate = max(self.initial_rate(account, coin), 1 / Decimal(max(LOWEST_LEVERAGE, leverage)))
        chosen = (wallet.equity - self.initial_margin(account, wallet)) / (self._state.price(coin) * rate)
        return max(ZERO, min(self.cap(account, coin), chosen))

    def initial_margin(self, account: VenueAccount, wallet: SimWallet) -> Decimal:
        """The equity that all debts ask for at the leverage that the owner chose, those of open orders included."""
        return sum(
            (
                self.borrow_amount(account, coin, holding) * self._state.price(coin) * self.initial_rate(account, coin)
                for coin, holding in wallet.holdings.items()
            ),
            ZERO,
        )

    def highest_leverage(self, coin: Asset) -> int:
        """The leverage of the coin's only tier."""
        highest = whole_leverage(wallet_model(self._state.exchange.model).initial_rate(coin))
        offered = [rules.leverage_long for pair, rules in self._state.exchange.instruments.items() if pair.base == coin]
        return min([highest, *(max(each, default=1) for each in offered)])

    def leverage(self, account: VenueAccount, coin: Asset) -> int:
        """What the owner chose for the coin, no more than its tier allows."""
        return min(account.coin_leverage.get(coin, account.leverage), self.highest_leverage(coin))

    def initial_rate(self, account: VenueAccount, coin: Asset) -> Decimal:
        """The part of a debt in the coin that equity must back."""
        rate = wallet_model(self._state.exchange.model).initial_rate(coin)
        return max(rate, 1 / Decimal(max(LOWEST_LEVERAGE, self.leverage(account, coin))))

    def _coin_row(self, account: VenueAccount, coin: Asset, holding: SimHolding) -> Json:
        borrowed = holding.borrowed + holding.interest
        return {
            "coin": coin,
            "equity": number(holding.net),
            "usdValue": number(holding.net * self._state.price(coin), _VALUE_PLACES),
            "walletBalance": number(holding.total),
            "locked": number(holding.locked),
            "spotHedgingQty": "0",
            "borrowAmount": number(self.borrow_amount(account, coin, holding)),
            "spotBorrow": number(borrowed),
            "accruedInterest": "0",
            "totalOrderIM": "0",
            "totalPositionIM": "0",
            "totalPositionMM": "0",
            "unrealisedPnl": "0",
            "cumRealisedPnl": "0",
            "bonus": "0",
            "marginCollateral": self._public.collateral_ratio(coin) > 0,
            "collateralSwitch": coin not in account.no_collateral,
            "colRes": "0",
            "free": "",
            "availableToWithdraw": "",
            "availableToBorrow": "",
        }


def _rate(part: Decimal, whole: Decimal) -> str:
    """A rate of margin as a fraction, as many places as the venue shows; an account without equity is past the end."""
    if part == ZERO:
        return "0"
    return number(part / whole, _RATE_PLACES) if whole > 0 else "1"
