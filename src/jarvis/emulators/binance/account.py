"""The margin account: cross and isolated, its levels and bars, what the key may do, and the switches."""

from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO, Asset, plain, round_down
from jarvis.emulators.binance.errors import NO_ISOLATED_ACCOUNT, NOT_MARGIN_PAIR, Refused, invalid
from jarvis.emulators.binance.keys import Permission
from jarvis.emulators.binance.limits import ORDERS_DAY, ORDERS_TEN_SECONDS
from jarvis.emulators.binance.names import FULL_NAMES
from jarvis.emulators.binance.reference import BORROW_LIMITS, rates_of
from jarvis.emulators.binance.state import CROSS, Call, VenueState
from jarvis.emulators.binance.text import NO_AMOUNT, Json, amount, ms
from jarvis.sim.exchange import SimHolding, SimWallet

NO_DEBT = Decimal(999)
_TRANSFER_BAR = Decimal(2)
_EIGHT = Decimal("0.00000001")
_MOST_PAIRS = 20
_BTC = Asset("BTC")
_USDT = Asset("USDT")
_NOTHING = SimHolding(free=ZERO, locked=ZERO, borrowed=ZERO, interest=ZERO)


class AccountReads:
    """Answers about one account."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    # Cross.

    def cross(self, call: Call) -> Any:
        """The cross account with its level and all assets, also those of which it has nothing."""
        pot = self._state.cross(call.account)
        wallet = self._state.exchange.wallet(call.account.name, pot)
        level = margin_level(wallet)
        return {
            "created": True,
            "borrowEnabled": True,
            "tradeEnabled": True,
            "transferInEnabled": True,
            "transferOutEnabled": True,
            "transferEnabled": True,
            "marginLevel": _level_text(level),
            # Unrealistic: no asset has a haircut, so both levels are one.
            "collateralMarginLevel": _level_text(level),
            "totalAssetOfBtc": self._in_btc(wallet.assets_value),
            "totalLiabilityOfBtc": self._in_btc(wallet.debt_value),
            "totalNetAssetOfBtc": self._in_btc(wallet.equity),
            "TotalCollateralValueInUSDT": amount(wallet.assets_value),
            "totalCollateralValueInUSDT": amount(wallet.assets_value),
            "accountType": "MARGIN_1",
            "userAssets": [_asset_row(asset, wallet.holdings.get(asset, _NOTHING)) for asset in self._assets()],
        }

    def trade_coefficients(self, call: Call) -> Any:
        """The levels at which the account may not borrow, is warned and is liquidated."""
        self._state.cross(call.account)
        rates = rates_of(self._state, CROSS)
        return {
            "normalBar": plain(ONE + rates.initial_rate(_USDT)),
            "marginCallBar": plain(ONE + rates.call_rate(_USDT)),
            "forceLiquidationBar": plain(ONE + rates.maintenance_rate(_USDT)),
        }

    # Isolated.

    def isolated(self, call: Call) -> Any:
        """The pairs' own accounts: the five named by `symbols`, or all with their totals. `symbol` is not read."""
        names = call.params.names("symbols")
        if len(names) > 5:
            raise invalid("symbols")
        if names:
            pots = [self._isolated_pot(call, name) for name in names]
            return {"assets": [self._isolated_row(call.account.name, pot) for pot in pots]}
        pots = list(self._state.pots(call.account)) if call.account.is_isolated else []
        wallets = [self._state.exchange.wallet(call.account.name, pot) for pot in pots]
        return {
            "assets": [self._isolated_row(call.account.name, pot) for pot in pots],
            "totalAssetOfBtc": self._in_btc(sum((wallet.assets_value for wallet in wallets), ZERO)),
            "totalLiabilityOfBtc": self._in_btc(sum((wallet.debt_value for wallet in wallets), ZERO)),
            "totalNetAssetOfBtc": self._in_btc(sum((wallet.equity for wallet in wallets), ZERO)),
        }

    def isolated_limit(self, call: Call) -> Any:
        """How many pairs have their own account, and how many may."""
        enabled = len(self._state.pots(call.account)) if call.account.is_isolated else 0
        return {"enabledAccount": enabled, "maxAccount": _MOST_PAIRS}

    def _isolated_pot(self, call: Call, name: str) -> str:
        if self._state.symbols.find(name) is None:
            raise Refused(NOT_MARGIN_PAIR)
        if not call.account.is_isolated:
            raise Refused(NO_ISOLATED_ACCOUNT)
        return self._state.isolated(call.account, name)

    def _isolated_row(self, account: str, pot: str) -> Json:
        pair = Pair.parse(pot)
        wallet = self._state.exchange.wallet(account, pot)
        rates = rates_of(self._state, pot)
        level = margin_level(wallet)
        call, liquidation = ONE + rates.call_rate(pair.quote), ONE + rates.maintenance_rate(pair.quote)
        price = liquidation_price(wallet, pair, liquidation)
        return {
            "symbol": self._state.symbols.of[pair].name,
            "isolatedCreated": True,
            "enabled": True,
            "marginLevel": _level_text(level),
            "marginLevelStatus": level_status(level, call, liquidation),
            "marginRatio": amount((ONE + ONE / rates.initial_rate(pair.quote)).quantize(ONE)),
            "indexPrice": amount(self._state.exchange.quote(pair).last),
            "liquidatePrice": amount(price),
            "liquidateRate": amount(liquidation if price else ZERO),
            "tradeEnabled": True,
            "baseAsset": self._isolated_asset(wallet, pair.base),
            "quoteAsset": self._isolated_asset(wallet, pair.quote),
        }

    def _isolated_asset(self, wallet: SimWallet, asset: Asset) -> Json:
        holding = wallet.holdings.get(asset, _NOTHING)
        return _asset_row(asset, holding) | {
            "borrowEnabled": True,
            "repayEnabled": True,
            "netAssetOfBtc": self._in_btc(holding.net * self.price(asset)),
            "totalAsset": amount(holding.total),
        }

    # How much more.

    def max_borrowable(self, call: Call) -> Any:
        """How much of an asset could be borrowed now, and how much ever."""
        asset = self._state.asset(call.params)
        pot = self._state.pot_by_symbol(call)
        limit = BORROW_LIMITS.get(asset, ZERO)
        most = round_down(self._state.exchange.max_borrowable(call.account.name, asset, pot), _EIGHT)
        return {"amount": amount(max(ZERO, min(most, limit))), "borrowLimit": plain(limit)}

    def max_transferable(self, call: Call) -> Any:
        """How much of an asset could leave: all without debts, else what keeps the level above 2."""
        asset = self._state.asset(call.params)
        pot = self._state.pot_by_symbol(call)
        wallet = self._state.exchange.wallet(call.account.name, pot)
        free = wallet.holdings.get(asset, _NOTHING).free
        if wallet.debt_value:
            spare = wallet.assets_value - _TRANSFER_BAR * wallet.debt_value
            free = min(free, spare / self.price(asset))
        return {"amount": amount(round_down(max(ZERO, free), _EIGHT))}

    # The key and the switches.

    def api_restrictions(self, call: Call) -> Any:
        """What the key may do."""
        key = call.key
        row: Json = {"ipRestrict": bool(key.ip_allowlist), "createTime": ms(key.created_at)}
        row |= {each.value: each.value in call.granted for each in Permission}
        row |= dict.fromkeys(sorted(call.granted - row.keys()), True)
        if key.trading_lapses_at is not None:
            row["tradingAuthorityExpirationTime"] = ms(key.trading_lapses_at)
        return row

    def status(self, _call: Call) -> Any:
        """Whether the account is locked."""
        return {"data": "Normal"}

    def trading_status(self, _call: Call) -> Any:
        """Whether trading by API is locked."""
        return {
            "data": {
                "isLocked": False,
                "plannedRecoverTime": 0,
                "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
                "updateTime": ms(self._state.now()),
            }
        }

    def bnb_burn(self, call: Call) -> Any:
        """Whether fees and interest are taken in BNB."""
        return {
            "spotBNBBurn": call.account.burns_spot_bnb,
            "interestBNBBurn": call.account.burns_interest_bnb,
        }

    def order_rate_limits(self, call: Call) -> Any:
        """How many orders were placed in the current windows."""
        self._state.pot_of(call)
        rows = ((ORDERS_TEN_SECONDS, "SECOND", 10), (ORDERS_DAY, "DAY", 1))
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": interval,
                "intervalNum": count,
                "limit": pool.limit,
                "count": self._state.limits.used(pool, call.account.name),
            }
            for pool, interval, count in rows
        ]

    def coins(self, _call: Call) -> Any:
        """All coins; the spot wallet beside the margin account is empty."""
        return [
            {
                "coin": asset,
                "depositAllEnable": True,
                "withdrawAllEnable": True,
                "name": FULL_NAMES.get(asset, asset),
                "free": NO_AMOUNT,
                "locked": NO_AMOUNT,
                "freeze": NO_AMOUNT,
                "withdrawing": NO_AMOUNT,
                "ipoing": NO_AMOUNT,
                "ipoable": NO_AMOUNT,
                "storage": NO_AMOUNT,
                "isLegalMoney": False,
                "trading": True,
                "networkList": [],
            }
            for asset in self._assets()
        ]

    def price(self, asset: Asset) -> Decimal:
        """What one of the asset is worth in USDT."""
        return ONE if asset == _USDT else self._state.exchange.quote(Pair(asset, _USDT)).last

    def _in_btc(self, value: Decimal) -> str:
        pair = Pair(_BTC, _USDT)
        if pair not in self._state.symbols.of:
            return NO_AMOUNT
        return amount(value / self.price(_BTC))

    def _assets(self) -> list[Asset]:
        return list(self._state.symbols.assets)


def margin_level(wallet: SimWallet) -> Decimal | None:
    """Total assets over total debts; None without debt."""
    return wallet.assets_value / wallet.debt_value if wallet.debt_value else None


def level_status(level: Decimal | None, call: Decimal, liquidation: Decimal) -> str:
    """Binance's word for a level."""
    if level is None or level > _TRANSFER_BAR:
        return "EXCESSIVE"
    if level <= liquidation:
        return "FORCE_LIQUIDATION"
    return "MARGIN_CALL" if level <= call else "NORMAL"


def liquidation_price(wallet: SimWallet, pair: Pair, bar: Decimal) -> Decimal:
    """The pair's price at which assets over debts fall to the bar; zero when there is none."""
    base, quote = (wallet.holdings.get(asset, _NOTHING) for asset in (pair.base, pair.quote))
    slope = base.total - bar * (base.borrowed + base.interest)
    if not slope:
        return ZERO
    return max(ZERO, (bar * (quote.borrowed + quote.interest) - quote.total) / slope)


def _level_text(level: Decimal | None) -> str:
    return plain(NO_DEBT) if level is None else amount(level)


def _asset_row(asset: Asset, holding: SimHolding) -> Json:
    return {
        "asset": asset,
        "borrowed": amount(holding.borrowed),
        "free": amount(holding.free),
        "interest": amount(holding.interest),
        "locked": amount(holding.locked),
        "netAsset": amount(holding.net),
    }
