"""Spot margin: the switches and leverage of an account, what it may borrow, loans, repayments and their hours.

Closing a short does not repay it: the coin lies beside the debt until it is repaid by hand, or at the next half hour
where automatic repayment is on. No repayment is taken while the hour's interest is being worked out.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.bybit.coins import HIGHEST_LEVERAGE, LOWEST_LEVERAGE, coin_of, wallet_model
from jarvis.emulators.bybit.errors import (
    BAD_LEVERAGE,
    BORROW_LIMIT,
    BORROW_POOL_SHORT,
    COIN_NOT_BORROWABLE,
    HAS_BORROWED,
    HAS_LEVERAGE_ORDER,
    ISOLATED_MODE,
    LIQUIDATING,
    MANUAL_BORROW_ONLY,
    MARGIN_IS_OFF,
    NO_LEVERAGE_BEFORE_QUIZ,
    NO_LIABILITY,
    NO_LOAN_BEFORE_QUIZ,
    NOTHING_TO_REPAY_WITH,
    QUIZ_MISSING,
    REPAY_LIQUIDATING,
    REPAY_REFUSED,
    UNIFIED_ONLY,
    Refused,
)
from jarvis.emulators.bybit.keys import MarginMode, VenueAccount
from jarvis.emulators.bybit.paging import window
from jarvis.emulators.bybit.public import NO_VIP, PublicData
from jarvis.emulators.bybit.state import Call, VenueState
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.emulators.bybit.trading import Tell
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.emulators.faults import FaultKind
from jarvis.sim.exchange import Refusal, SimRefused

_HOUR = timedelta(hours=1)
_HALF_HOUR = timedelta(minutes=30)
_MONTH = timedelta(days=30)
_BLACKOUT = (timedelta(minutes=4), timedelta(minutes=5, seconds=30))
_PART = Decimal("0.5")
_STEP = Decimal("0.00000001")


class SpotMargin:
    """Answers of the spot-margin-trade paths, and of borrowing and repaying."""

    def __init__(self, state: VenueState, public: PublicData, wallets: Wallets, tell: Tell) -> None:
        self._state = state
        self._exchange = state.exchange
        self._public = public
        self._wallets = wallets
        self._tell = tell
        self._repaid_until = state.now()

    # Settings.

    def state(self, call: Call) -> Json:
        """Whether spot margin is on, and the leverage."""
        call.params.only(())
        account = self._unified(call)
        wallet = self._wallets.of(account)
        used = wallet.assets_value / wallet.equity if wallet.equity > 0 else ZERO
        return {
            "spotLeverage": str(account.leverage) if account.is_spot_margin_on else "",
            "spotMarginMode": "1" if account.is_spot_margin_on else "0",
            "effectiveLeverage": number(used, 2) if wallet.debt_value else "0",
        }

    def switch_mode(self, call: Call) -> Json:
        """The mode as it is then."""
        call.params.only(("spotMarginMode",))
        account = self._unified(call)
        is_on = call.params.choice("spotMarginMode", ("0", "1")) == "1"
        if account.margin_mode is MarginMode.ISOLATED:
            raise Refused(ISOLATED_MODE)
        if not account.has_quiz:
            raise Refused(QUIZ_MISSING)
        if not is_on:
            self._refuse_in_use(account)
        account.is_spot_margin_on, account.changed_at = is_on, call.now
        return {"spotMarginMode": "1" if is_on else "0"}

    def set_leverage(self, call: Call) -> Json:
        """Nothing; the account's leverage, or that of one coin, is another from now on."""
        call.params.only(("leverage", "currency"))
        account = self._unified(call)
        if account.margin_mode is MarginMode.ISOLATED:
            raise Refused(ISOLATED_MODE)
        if not account.has_quiz:
            raise Refused(NO_LEVERAGE_BEFORE_QUIZ)
        if not account.is_spot_margin_on:
            raise Refused(MARGIN_IS_OFF)
        leverage = call.params.decimal("leverage") or ZERO
        if not LOWEST_LEVERAGE <= leverage <= HIGHEST_LEVERAGE or leverage != int(leverage):
            raise Refused(BAD_LEVERAGE)
        if "currency" in call.params:
            coin = self._state.coin(call.params.required("currency"))
            if leverage > self._wallets.highest_leverage(coin):
                raise Refused(BAD_LEVERAGE)
            account.coin_leverage[coin] = int(leverage)
        else:
            account.leverage = int(leverage)
            account.coin_leverage.clear()
        account.changed_at = call.now
        return {}

    def coin_state(self, call: Call) -> Json:
        """The leverage of each coin, as a number."""
        call.params.only(("currency",))
        account = self._unified(call)
        rows = [{"currency": coin, "spotLeverage": self._wallets.leverage(account, coin)} for coin in self._lent(call)]
        return {"list": rows}

    def auto_repay_mode(self, call: Call) -> Json:
        """Whether each coin's debt is repaid from the wallet at every half hour."""
        call.params.only(("currency",))
        account = self._unified(call)
        rows = [
            {"currency": coin, "autoRepayMode": "1" if _repays(account, coin) else "0"} for coin in self._lent(call)
        ]
        return {"data": rows}

    def set_auto_repay_mode(self, call: Call) -> Json:
        """The mode as it is then."""
        call.params.only(("currency", "autoRepayMode"))
        account = self._unified(call)
        is_on = call.params.choice("autoRepayMode", ("0", "1")) == "1"
        if "currency" in call.params:
            account.auto_repay[self._coin(call)] = is_on
        else:
            account.auto_repay_all = is_on
            account.auto_repay.clear()
        rows = [{"currency": coin, "autoRepayMode": "1" if is_on else "0"} for coin in self._lent(call)]
        return {"data": rows}

    # What may be borrowed, and what is owed.

    def max_borrowable(self, call: Call) -> Json:
        """How much more of a coin may be borrowed."""
        call.params.only(("currency",))
        account, coin = self._unified(call), self._coin(call)
        return {"currency": coin, "maxLoan": number(self._wallets.borrowable(account, coin), 8)}

    def position_tiers(self, call: Call) -> Json:
        """The leverage and the rates of margin by the size of a debt; here one tier for each coin."""
        call.params.only(("currency",))
        self._unified(call)
        model = wallet_model(self._exchange.model)
        rows = []
        for coin in self._lent(call):
            highest = self._wallets.highest_leverage(coin)
            tier = {
                "tier": "1",
                "borrowLimit": number(coin_of(coin).max_borrow),
                "positionMMR": number(model.maintenance_rate(coin)),
                "positionIMR": number(max(model.initial_rate(coin), 1 / Decimal(highest)), 8),
                "maxLeverage": str(highest),
            }
            rows.append({"currency": coin, "positionTiersRatioList": [tier]})
        return {"list": rows}

    def liability(self, call: Call) -> Json:
        """What is owed of a coin, by how it came about."""
        call.params.only(("currency",))
        account, coin = self._unified(call), self._coin(call)
        holding = self._wallets.holding(account, coin)
        owed = number(holding.borrowed + holding.interest)
        return {
            "currency": coin,
            "totalBorrowAmount": number(self._wallets.borrow_amount(account, coin)),
            "fixedBorrowAmount": "0",
            "flexibleBorrowAmount": owed,
            "spotTotalBorrow": owed,
            "derivativesBorrow": "0",
        }

    def repayable(self, call: Call) -> Json:
        """What could be repaid of a coin without selling another."""
        call.params.only(("currency",))
        account, coin = self._unified(call), self._coin(call)
        holding = self._wallets.holding(account, coin)
        most = max(ZERO, min(holding.free, holding.borrowed + holding.interest))
        return {"currency": coin, "lossLessRepaymentAmount": number(most)}

    def rate_history(self, call: Call) -> Json:
        """The hourly rate of a coin at every full hour, newest first, thirty days at once."""
        params = call.params
        params.only(("currency", "vipLevel", "startTime", "endTime"))
        self._unified(call)
        coin = self._coin(call)
        since, until = window(params, call.now, default=_MONTH if "startTime" in params else 24 * _HOUR, most=_MONTH)
        if "startTime" in params and "endTime" not in params:
            until = min(until, call.now)
        rate, rows = self._public.hourly_rate(coin) or ZERO, []
        hour = until.replace(minute=0, second=0, microsecond=0)
        while hour >= since and params.text("vipLevel", NO_VIP) == NO_VIP:
            rows.append(
                {
                    "timestamp": millis(hour),
                    "currency": coin,
                    "hourlyBorrowRate": number(rate),
                    "vipLevel": NO_VIP,
                }
            )
            hour -= _HOUR
        return {"list": rows}

    # Loans.

    def borrow(self, call: Call) -> Json:
        """The loan that was made by hand."""
        call.params.only(("coin", "amount"))
        account = self._unified(call)
        coin = self._state.coin(call.params.required("coin"))
        amount = call.params.decimal("amount")
        if amount is None or amount <= ZERO:
            raise Refused(BORROW_LIMIT, "The amount to borrow must be positive.")
        if self._state.is_liquidating(account.name):
            raise Refused(LIQUIDATING)
        if account.margin_mode is MarginMode.ISOLATED:
            raise Refused(ISOLATED_MODE)
        if not account.has_quiz:
            raise Refused(NO_LOAN_BEFORE_QUIZ)
        if not account.is_spot_margin_on:
            raise Refused(MARGIN_IS_OFF)
        if self._public.hourly_rate(coin) is None:
            raise Refused(COIN_NOT_BORROWABLE)
        if self._state.faults.strike((FaultKind.INSUFFICIENT_MARGIN_POOL,), "POST /v5/account/borrow", account.name):
            raise Refused(BORROW_POOL_SHORT)
        if amount > self._wallets.room(account, coin):
            raise Refused(BORROW_LIMIT)
        borrowed = self._exchange.borrow(account.name, coin, amount)
        if isinstance(borrowed, SimRefused):
            raise Refused(BORROW_POOL_SHORT if borrowed.reason is Refusal.NOT_ELIGIBLE else BORROW_LIMIT)
        self._tell(())
        return {"coin": coin, "amount": number(amount)}

    def repay_without_conversion(self, call: Call) -> Json:
        """That a debt is being repaid out of the same coin; the wallet tells how it went."""
        call.params.only(("coin", "amount", "repaymentType"))
        call.params.choice("repaymentType", ("ALL", "FIXED", "FLEXIBLE"), "FLEXIBLE")
        account = self._unified(call)
        coin = self._state.coin(call.params.required("coin"))
        self._repay(account, coin, call.params.decimal("amount"), call.now)
        return {"resultStatus": "P"}

    def repay(self, call: Call) -> Json:
        """That debts are being repaid, of one coin or of all; this sandbox sells nothing for it."""
        call.params.only(("coin", "amount"))
        account = self._unified(call)
        for coin in self._owed(account, call.params.text("coin")):
            self._repay(account, coin, call.params.decimal("amount") if "coin" in call.params else None, call.now)
        return {"resultStatus": "P"}

    def quick_repay(self, call: Call) -> Json:
        """What was repaid of each coin. Debts of manual loans alone are not repaid this way."""
        call.params.only(("coin",))
        account = self._unified(call)
        coins = self._owed(account, call.params.text("coin"))
        manual = {borrow.asset for borrow in self._exchange.borrows(account.name) if borrow.order_id is None}
        by_orders = {borrow.asset for borrow in self._exchange.borrows(account.name) if borrow.order_id is not None}
        if all(coin in manual - by_orders for coin in coins):
            raise Refused(MANUAL_BORROW_ONLY)
        rows = []
        for coin in coins:
            before = self._wallets.holding(account, coin)
            self._repay(account, coin, None, call.now)
            after = self._wallets.holding(account, coin)
            repaid = before.borrowed + before.interest - after.borrowed - after.interest
            rows.append({"coin": coin, "repaymentQty": number(repaid, 8)})
        return {"list": rows}

    def run_timers(self) -> None:
        """Repay automatically what was due at the half hours since the last call."""
        since, now = self._repaid_until, self._state.now()
        if now <= since:
            return
        self._repaid_until = now
        if _floor(now, _HALF_HOUR) <= since:
            return
        for account in self._state.keys.accounts.values():
            for coin, holding in list(self._wallets.of(account).holdings.items()):
                if (holding.borrowed or holding.interest) and holding.free > 0 and _repays(account, coin):
                    self._exchange.repay(account.name, coin, None)
        self._tell(())

    # Within.

    def _repay(self, account: VenueAccount, coin: Asset, amount: Decimal | None, now: datetime) -> None:
        self._refuse_repayment(account, now)
        holding = self._wallets.holding(account, coin)
        owed = holding.borrowed + holding.interest
        if owed <= ZERO:
            raise Refused(NO_LIABILITY)
        if amount is not None and amount <= ZERO:
            raise Refused(NO_LIABILITY, "The amount to repay must be positive.")
        most = min(holding.free, owed)
        if most <= ZERO:
            raise Refused(NOTHING_TO_REPAY_WITH)
        meant = most if amount is None else min(amount, most)
        if self._state.faults.strike((FaultKind.PARTIAL_REPAYMENT,), "POST /v5/account/no-convert-repay", account.name):
            meant = max(_STEP, (meant * _PART).quantize(_STEP))
        repaid = self._exchange.repay(account.name, coin, None if meant == most else meant)
        if isinstance(repaid, SimRefused):
            raise Refused(REPAY_REFUSED)
        self._tell(())

    def _refuse_repayment(self, account: VenueAccount, now: datetime) -> None:
        if self._state.is_liquidating(account.name):
            raise Refused(REPAY_LIQUIDATING)
        if _BLACKOUT[0] <= now - _floor(now, _HOUR) < _BLACKOUT[1]:
            raise Refused(REPAY_REFUSED)
        if self._state.faults.strike((FaultKind.REPAYMENT_REFUSED,), "POST /v5/account/no-convert-repay", account.name):
            raise Refused(REPAY_REFUSED)

    def _refuse_in_use(self, account: VenueAccount) -> None:
        if any(holding.borrowed for holding in self._wallets.of(account).holdings.values()):
            raise Refused(HAS_BORROWED)
        if any(order.is_margin for order in self._exchange.orders(account.name)):
            raise Refused(HAS_LEVERAGE_ORDER)

    def _owed(self, account: VenueAccount, name: str | None) -> list[Asset]:
        if name is not None:
            return [self._state.coin(name)]
        owed = [coin for coin, each in self._wallets.of(account).holdings.items() if each.borrowed or each.interest]
        if not owed:
            raise Refused(NO_LIABILITY)
        return owed

    def _unified(self, call: Call) -> VenueAccount:
        if not call.account.is_unified:
            raise Refused(UNIFIED_ONLY)
        return call.account

    def _coin(self, call: Call) -> Asset:
        coin = self._state.coin(call.params.required("currency"))
        if self._public.hourly_rate(coin) is None:
            raise Refused(COIN_NOT_BORROWABLE)
        return coin

    def _lent(self, call: Call) -> list[Asset]:
        if "currency" in call.params:
            return [self._coin(call)]
        return [coin for coin in self._state.coins() if self._public.hourly_rate(coin) is not None]


def _repays(account: VenueAccount, coin: Asset) -> bool:
    return account.auto_repay.get(coin, account.auto_repay_all)


def _floor(at: datetime, size: timedelta) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) % size
