"""Account reads and settings: the key, the account, the wallet, collateral, interest, the log, fees."""

from datetime import timedelta
from decimal import Decimal
from itertools import takewhile

from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.bybit.coins import coin_of
from jarvis.emulators.bybit.errors import BAD_PARAMETER, MARGIN_MODE_FAILED, UNIFIED_ONLY, Refused, parameter_error
from jarvis.emulators.bybit.keys import MarginMode, VenueAccount, key_information
from jarvis.emulators.bybit.ledger import TransactionLog
from jarvis.emulators.bybit.orders import category_of
from jarvis.emulators.bybit.paging import page, window
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.state import Call, VenueState, symbol_of
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.emulators.bybit.wallet import Wallets

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)
_ALWAYS_COLLATERAL = frozenset({"USDT", "USDC"})
_CSV = 20


class AccountReads:
    """Answers of the account paths, and the two settings of the account as a whole."""

    def __init__(self, state: VenueState, public: PublicData, wallets: Wallets, log: TransactionLog) -> None:
        self._state = state
        self._exchange = state.exchange
        self._public = public
        self._wallets = wallets
        self._log = log

    def key(self, call: Call) -> Json:
        """What the key may do, where it is bound and when it dies."""
        call.params.only(())
        return key_information(call.key, call.account, self._state.granted(call.key), call.now)

    def information(self, call: Call) -> Json:
        """What kind of account it is, and how it is margined."""
        call.params.only(())
        account = call.account
        return {
            "marginMode": account.margin_mode.value,
            "updatedTime": str(millis(account.changed_at or account.opened_at)),
            "unifiedMarginStatus": 5 if account.is_unified else 1,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def wallet_balance(self, call: Call) -> Json:
        """Coins, debts and the rates of margin."""
        call.params.only(("accountType", "coin"))
        self._only_unified(call)
        coins = [self._state.coin(name) for name in call.params.names("coin")]
        return {"list": [self._wallets.row(call.account, coins)]}

    def withdrawable(self, call: Call) -> Json:
        """What of some coins could leave the account."""
        call.params.only(("coinName",))
        names = call.params.required("coinName").split(",")
        if len(names) > _CSV:
            raise parameter_error("at most 20 coins")
        amounts = {name: number(self._free(call.account, self._state.coin(name))) for name in names}
        first = amounts[names[0]]
        return {"availableWithdrawal": first, "availableWithdrawalMap": amounts}

    def collateral_info(self, call: Call) -> Json:
        """Per coin: the rate, what may be borrowed, what is, and whether it backs debts."""
        call.params.only(("currency",))
        names = call.params.names("currency")
        coins = [self._state.coin(name) for name in names] or list(self._state.coins())
        return {"list": [self._collateral_row(call.account, coin) for coin in coins]}

    def set_collateral_switch(self, call: Call) -> Json:
        """Nothing; from now on the coin backs debts, or does not."""
        call.params.only(("coin", "collateralSwitch"))
        coin = self._state.coin(call.params.required("coin"))
        is_on = call.params.choice("collateralSwitch", ("ON", "OFF")) == "ON"
        if coin in _ALWAYS_COLLATERAL:
            raise parameter_error(f"{coin} is always collateral")
        (call.account.no_collateral.discard if is_on else call.account.no_collateral.add)(coin)
        return {}

    def set_margin_mode(self, call: Call) -> Json:
        """The reasons against it: none, and the account is margined the new way."""
        call.params.only(("setMarginMode",))
        mode = MarginMode(call.params.choice("setMarginMode", [each.value for each in MarginMode]))
        account = call.account
        owes = any(holding.borrowed for holding in self._wallets.of(account).holdings.values())
        if mode is MarginMode.ISOLATED and owes:
            reason = {"reasonCode": "3400104", "reasonMsg": "There are liabilities that have not been repaid"}
            raise Refused(MARGIN_MODE_FAILED, result={"reasons": [reason]})
        if mode is MarginMode.ISOLATED:
            account.is_spot_margin_on = False
        account.margin_mode, account.changed_at = mode, call.now
        return {"reasons": []}

    def borrow_history(self, call: Call) -> Json:
        """Every hour's interest, newest first, thirty days at once."""
        params = call.params
        params.only(("currency", "startTime", "endTime", "limit", "cursor"))
        limit = params.limit(20, 50)
        since, until = window(params, call.now, default=_MONTH, most=_MONTH)
        coin = self._state.coin(params.required("currency")) if "currency" in params else None
        charged = [
            (number_, each)
            for number_, each in enumerate(self._exchange.interests(call.account.name), start=1)
            if since <= each.at <= until and coin in (None, each.asset)
        ]
        chosen, cursor = page(charged[::-1], lambda each: each[0], params, limit)
        rows = [
            {
                "currency": each.asset,
                "createdTime": millis(each.at),
                "borrowCost": number(each.interest),
                "hourlyBorrowRate": number(each.rate),
                "InterestBearingBorrowSize": number(each.principal),
                "costExemption": "0",
                "borrowAmount": number(each.principal),
                "unrealisedLoss": "0",
                "freeBorrowedAmount": "0",
            }
            for _, each in chosen
        ]
        return {"nextPageCursor": cursor, "list": rows}

    def transaction_log(self, call: Call) -> Json:
        """The log, newest first: the last day by default, seven days at most."""
        params = call.params
        params.only(
            (
                "accountType",
                "category",
                "currency",
                "baseCoin",
                "type",
                "transSubType",
                "startTime",
                "endTime",
                "limit",
                "cursor",
            )
        )
        self._only_unified(call, default="UNIFIED")
        limit = params.limit(20, 50)
        since, until = window(params, call.now, default=_DAY, most=_WEEK)
        currency, kind, base = params.text("currency"), params.text("type"), params.text("baseCoin")
        category = params.text("category")
        rows = [
            row
            for row in takewhile(lambda row: row.at >= since, reversed(self._log.of(call.account.name)))
            if row.at <= until
            and currency in (None, row.asset)
            and kind in (None, row.kind)
            and (base is None or (row.fill is not None and row.fill.fill.pair.base == base))
            and (category is None or (category == "spot" and row.fill is not None))
        ]
        chosen, cursor = page(rows, lambda row: row.number, params, limit)
        return {"nextPageCursor": cursor, "list": [self._log.row(row) for row in chosen]}

    def fee_rate(self, call: Call) -> Json:
        """What trading costs, as fractions."""
        call.params.only(("category", "symbol", "baseCoin"))
        category_of(call.params)
        fee = self._exchange.model.fee
        pairs = [self._state.pair(call.params.required("symbol"))] if "symbol" in call.params else None
        return {
            "list": [
                {
                    "symbol": symbol_of(pair),
                    "takerFeeRate": number(fee.taker_rate),
                    "makerFeeRate": number(fee.maker_rate),
                }
                for pair in pairs or self._exchange.instruments
            ]
        }

    def dcp(self, call: Call) -> Json:
        """No disconnect protection: it is for institutional clients."""
        call.params.only(())
        return {"dcpInfos": []}

    def coin_information(self, call: Call) -> Json:
        """The coins and their chains."""
        call.params.only(("coin",))
        wanted = call.params.text("coin")
        rows = [_coin_information(coin) for coin in self._state.coins() if wanted in (None, coin)]
        return {"rows": rows}

    # Within.

    def _only_unified(self, call: Call, default: str | None = None) -> None:
        kind = call.params.text("accountType", default)
        if kind != "UNIFIED":
            raise Refused(BAD_PARAMETER, "accountType only support UNIFIED.")
        if not call.account.is_unified:
            raise Refused(UNIFIED_ONLY)

    def _free(self, account: VenueAccount, coin: Asset) -> Decimal:
        """Own and unlocked, and not needed as margin."""
        holding, wallet = self._wallets.holding(account, coin), self._wallets.of(account)
        own = min(holding.free, holding.net)
        if wallet.debt_value:
            free = wallet.equity - self._wallets.initial_margin(account, wallet)
            own = min(own, free / self._state.price(coin))
        return max(ZERO, own)

    def _collateral_row(self, account: VenueAccount, coin: Asset) -> Json:
        rate, borrowed = self._public.hourly_rate(coin), self._wallets.borrow_amount(account, coin)
        cap = coin_of(coin).max_borrow
        return {
            "currency": coin,
            "hourlyBorrowRate": number(rate or ZERO),
            "maxBorrowingAmount": number(cap),
            "freeBorrowingLimit": "0",
            "freeBorrowAmount": "0",
            "freeBorrowingAmount": "",
            "borrowAmount": number(borrowed),
            "otherBorrowAmount": "0",
            "availableToBorrow": number(self._wallets.borrowable(account, coin)),
            "borrowable": rate is not None,
            "borrowUsageRate": number(borrowed / cap, 6) if cap else "0",
            "marginCollateral": self._public.collateral_ratio(coin) > 0,
            "collateralSwitch": coin not in account.no_collateral,
            "collateralRatio": number(self._public.collateral_ratio(coin)),
        }


def _coin_information(coin: Asset) -> Json:
    chain = {
        "chainType": coin,
        "confirmation": "6",
        "withdrawFee": "0.0005",
        "depositMin": "0",
        "withdrawMin": "0.001",
        "chain": coin,
        "chainDeposit": "1",
        "chainWithdraw": "1",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
        "safeConfirmNumber": "12",
    }
    return {"name": coin, "coin": coin, "remainAmount": "1000000", "chains": [chain]}
