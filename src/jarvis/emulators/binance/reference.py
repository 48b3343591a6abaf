"""What the venue says of margin in general: assets, pairs, rates, limits and tiers."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, ZERO, Asset, plain
from jarvis.emulators.binance.errors import (
    NOT_MARGIN_ASSET,
    NOT_MARGIN_PAIR,
    UNSUPPORTED,
    Refused,
    invalid,
    missing,
)
from jarvis.emulators.binance.names import FULL_NAMES, Symbol
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.state import Call, VenueState
from jarvis.emulators.binance.text import NO_AMOUNT, Json, amount, ms
from jarvis.sim.models import WalletModel

BORROW_LIMITS: Mapping[Asset, Decimal] = {
    Asset(name): Decimal(limit)
    for name, limit in (
        ("BTC", 180),
        ("ETH", 3_000),
        ("BNB", 5_000),
        ("SOL", 30_000),
        ("XRP", 3_000_000),
        ("DOGE", 30_000_000),
        ("ADA", 5_000_000),
        ("LTC", 30_000),
        ("LINK", 150_000),
        ("USDT", 9_000_000),
    )
}
_HOURS = 24
_DAYS = 365
_TIER_MULTIPLES = ("10", "8.91", "8.05", "7.36", "6.79", "6.31", "5.91", "5.57", "5.26", "5")
_TIER_QUOTE = Decimal(70_000)
_EIGHT = Decimal("0.00000001")


def rates_of(state: VenueState, pot: str) -> WalletModel:
    """The margin rules of the cross account or of an isolated one."""
    wallet = state.exchange.model.wallet
    if wallet is None:
        raise ValueError("this venue needs an exchange whose model lends to wallets")
    return wallet.isolated or wallet if pot else wallet


class Reference:
    """Answers that are the same for everyone."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def assets(self, call: Call) -> Any:
        """The assets of margin accounts."""
        wanted = call.params.text("asset")
        if wanted is not None and self._state.symbols.asset(wanted) is None:
            raise Refused(NOT_MARGIN_ASSET)
        return [
            {
                "assetFullName": FULL_NAMES.get(asset, asset),
                "assetName": asset,
                "isBorrowable": self._hourly(asset) is not None,
                "isMortgageable": True,
                "userMinBorrow": NO_AMOUNT,
                "userMinRepay": NO_AMOUNT,
            }
            for asset in self._state.symbols.assets
            if wanted in (None, asset)
        ]

    def pairs(self, call: Call) -> Any:
        """The pairs of the cross account."""
        return [_pair_row(symbol) | {"id": symbol.number} for symbol in self._pairs(call.params)]

    def isolated_pairs(self, call: Call) -> Any:
        """The pairs that may have their own account."""
        return [_pair_row(symbol) for symbol in self._pairs(call.params)]

    def price_index(self, call: Call) -> Any:
        """The index price. Unrealistic: it is this venue's last price."""
        (symbol,) = self._pairs(call.params, is_required=True)
        price = self._state.exchange.quote(symbol.pair).last
        return {"calcTime": ms(self._state.now()), "price": amount(price), "symbol": symbol.name}

    def cross_margin_data(self, call: Call) -> Any:
        """Rates and limits of each coin."""
        wanted = call.params.text("coin")
        return [
            {
                "vipLevel": call.params.integer("vipLevel") or 0,
                "coin": asset,
                "transferIn": True,
                "borrowable": rate is not None,
                "dailyInterest": amount((rate or ZERO) * _HOURS),
                "yearlyInterest": amount((rate or ZERO) * _HOURS * _DAYS),
                "borrowLimit": plain(BORROW_LIMITS.get(asset, ZERO)),
                "marginablePairs": [
                    symbol.name for pair, symbol in self._state.symbols.of.items() if asset in (pair.base, pair.quote)
                ],
            }
            for asset in self._state.symbols.assets
            if wanted in (None, asset)
            for rate in [self._hourly(asset)]
        ]

    def isolated_margin_data(self, call: Call) -> Any:
        """Leverage, rates and limits of each pair."""
        return [
            {
                "vipLevel": call.params.integer("vipLevel") or 0,
                "symbol": symbol.name,
                "leverage": plain((ONE + ONE / self._rates(symbol).initial_rate(symbol.pair.quote)).quantize(ONE)),
                "data": [
                    {
                        "coin": asset,
                        "dailyInterest": amount((self._hourly(asset, str(symbol.pair)) or ZERO) * _HOURS),
                        "borrowLimit": plain(BORROW_LIMITS.get(asset, ZERO)),
                    }
                    for asset in (symbol.pair.base, symbol.pair.quote)
                ],
            }
            for symbol in self._pairs(call.params)
        ]

    def isolated_tiers(self, call: Call) -> Any:
        """The tiers of a pair. Unrealistic: the exchange lends by the first one whatever the size."""
        (symbol,) = self._pairs(call.params, is_required=True)
        wanted = call.params.integer("tier")
        rates, price = self._rates(symbol), self._state.exchange.quote(symbol.pair).last
        highest = ONE + ONE / rates.initial_rate(symbol.pair.quote)
        multiples = [Decimal(text) for text in _TIER_MULTIPLES if Decimal(text) <= highest + Decimal("0.01")]
        return [
            {
                "symbol": symbol.name,
                "tier": tier,
                "effectiveMultiple": plain(multiple),
                "initialRiskRatio": f"{multiple / (multiple - 1):.3f}",
                "liquidationRiskRatio": plain(ONE + rates.maintenance_rate(symbol.pair.quote)),
                "baseAssetMaxBorrowable": plain((_TIER_QUOTE * tier / price).quantize(_EIGHT)),
                "quoteAssetMaxBorrowable": plain(_TIER_QUOTE * tier),
            }
            for tier, multiple in enumerate(multiples, start=1)
            if wanted in (None, tier)
        ]

    def collateral_ratios(self, _call: Call) -> Any:
        """How much of each asset's value counts. Unrealistic: all of it."""
        whole = [{"minUsdValue": "0", "discountRate": "1"}]
        return [{"collaterals": whole, "assetNames": list(self._state.symbols.assets)}]

    def next_hourly_rates(self, call: Call) -> Any:
        """What the next full hour will cost."""
        if "isIsolated" not in call.params:
            raise missing("isIsolated")
        is_isolated = call.params.boolean("isIsolated")
        names = call.params.required("assets").split(",")
        if len(names) > 20:
            raise invalid("assets")
        rows = []
        for name in names:
            asset = self._state.symbols.asset(name)
            if asset is None:
                raise Refused(NOT_MARGIN_ASSET)
            rate = self._hourly(asset, "isolated" if is_isolated else "")
            rows.append({"asset": asset, "nextHourlyInterestRate": amount(rate or ZERO)})
        return rows

    def rate_history(self, call: Call) -> Any:
        """One rate, which never changed."""
        asset = self._state.asset(call.params, refusal=NOT_MARGIN_ASSET)
        begin = self._state.now() - timedelta(days=1)
        return [
            {
                "asset": asset,
                "dailyInterestRate": amount((self._hourly(asset) or ZERO) * _HOURS),
                "timestamp": ms(begin),
                "vipLevel": 0,
            }
        ]

    def trade_fees(self, call: Call) -> Any:
        """The fee rates by symbol."""
        fee = self._state.exchange.model.fee
        return [
            {
                "symbol": symbol.name,
                "makerCommission": plain(fee.maker_rate),
                "takerCommission": plain(fee.taker_rate),
            }
            for symbol in self._pairs(call.params)
        ]

    def price_limited_pairs(self, _call: Call) -> Any:
        """Pairs whose limit prices must be near the index: none here."""
        return {"crossMarginSymbols": []}

    def restricted_assets(self, _call: Call) -> Any:
        """Assets that cannot be bought on credit: none here."""
        return {"openLongRestrictedAsset": [], "maxCollateralExceededAsset": []}

    def risk_ratios(self, _call: Call) -> Any:
        """Per-asset liquidation ratios: none here."""
        return []

    def inventory(self, call: Call) -> Any:
        """What the venue could lend."""
        if call.params.required("type") not in ("MARGIN", "ISOLATED"):
            raise invalid("type")
        assets = {
            asset: plain(BORROW_LIMITS.get(asset, ZERO)) for asset in self._state.symbols.assets if self._hourly(asset)
        }
        return {"assets": assets, "updateTime": ms(self._state.now())}

    def leverage_bracket(self, _call: Call) -> Any:
        """Nothing: cross margin Pro was ended."""
        raise Refused(UNSUPPORTED)

    def small_liabilities(self, _call: Call) -> Any:
        """Debts small enough to be converted: the sandbox converts none."""
        return []

    def _pairs(self, params: Params, *, is_required: bool = False) -> list[Symbol]:
        name = params.required("symbol") if is_required else params.text("symbol")
        if name is None:
            return list(self._state.symbols.of.values())
        symbol = self._state.symbols.find(name)
        if symbol is None:
            raise Refused(NOT_MARGIN_PAIR)
        return [symbol]

    def _rates(self, symbol: Symbol) -> WalletModel:
        return rates_of(self._state, str(symbol.pair))

    def _hourly(self, asset: Asset, pot: str = "") -> Decimal | None:
        return rates_of(self._state, pot).hourly_rates.get(asset)


def _pair_row(symbol: Symbol) -> Json:
    pair: Pair = symbol.pair
    return {
        "base": pair.base,
        "isBuyAllowed": True,
        "isMarginTrade": True,
        "isSellAllowed": True,
        "quote": pair.quote,
        "symbol": symbol.name,
    }
