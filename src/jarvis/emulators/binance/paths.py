"""Every REST path: who answers it, what it needs of the key, what it costs and which parameters it knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from jarvis.emulators.binance.account import AccountReads
from jarvis.emulators.binance.keys import Permission
from jarvis.emulators.binance.limits import API_WEIGHT, SAPI_IP, SAPI_UID, Pool
from jarvis.emulators.binance.lists import OCO_PARAMS, OTO_PARAMS, OTOCO_PARAMS, OrderLists
from jarvis.emulators.binance.loans import Loans
from jarvis.emulators.binance.orders import SideEffect
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.public import PublicData
from jarvis.emulators.binance.reference import Reference
from jarvis.emulators.binance.state import Call
from jarvis.emulators.binance.streams import ListenKeys, ListenTokens
from jarvis.emulators.binance.trading import Trading
from jarvis.emulators.binance.writing import ORDER_PARAMS

BORROWING_WEIGHT = 1500
_ORDER_WEIGHT = 6


class Security(Enum):
    """What proves who asks: nothing, a key's name, or its signature."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. `weight` may depend on the parameters; `needs` are boxes of the key."""

    answer: Callable[[Any], Any]
    pool: Pool
    weight: int | Callable[[Params], int]
    security: Security
    needs: tuple[Permission, ...] = ()
    params: tuple[str, ...] = ()
    ignores_unknown: bool = False

    def cost(self, params: Params) -> int:
        """What a request with these parameters costs."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


REFUSED = frozenset(
    {
        "POST /sapi/v1/margin/max-leverage",
        "POST /sapi/v1/bnbBurn",
        "POST /sapi/v1/margin/manual-liquidation",
        "POST /sapi/v1/margin/exchange-small-liability",
        "POST /sapi/v1/margin/isolated/account",
        "DELETE /sapi/v1/margin/isolated/account",
        "POST /sapi/v1/margin/exit-special-key-mode",
        "POST /sapi/v1/asset/transfer",
        "POST /sapi/v1/asset/dust",
        "POST /sapi/v1/capital/withdraw/apply",
        "GET /sapi/v1/margin/apiKey",
        "POST /sapi/v1/margin/apiKey",
        "PUT /sapi/v1/margin/apiKey",
        "DELETE /sapi/v1/margin/apiKey",
        "GET /sapi/v1/margin/apiKey/list",
        "PUT /sapi/v1/margin/apiKey/ip",
    }
)
"""Settings, transfers and withdrawals: nothing that a trader's key should reach. Answered as not authorised."""
REFUSED_PREFIXES = ("/sapi/v1/margin/liquidation-loan/", "/sapi/v1/sub-account/")
RETIRED = (
    "/api/v3/userDataStream",
    "/sapi/v1/userDataStream",
    "/sapi/v1/margin/asset",
    "/sapi/v1/margin/pair",
    "/sapi/v1/margin/isolated/pair",
    "/sapi/v1/margin/loan",
    "/sapi/v1/margin/repay",
    "/sapi/v1/margin/transfer",
    "/sapi/v1/margin/isolated/transfer",
)
"""Removed by the venue; reading `margin/transfer` still works."""

_ORDER = ("symbol", "isIsolated", "orderId", "origClientOrderId")
_LIST = ("isIsolated", "symbol", "orderListId", "listClientOrderId", "origClientOrderId", "newClientOrderId")
_SPAN = ("startTime", "endTime")
_PAGE = (*_SPAN, "current", "size")


def _order_weight(params: Params) -> int:
    text = params.text("sideEffectType")
    borrows = text in (SideEffect.BORROW.value, SideEffect.BOTH.value)
    return BORROWING_WEIGHT if borrows else _ORDER_WEIGHT


def public_paths(public: PublicData) -> Mapping[str, Endpoint]:
    """The paths of market data."""

    def free(
        answer: Callable[[Params], Any], weight: int | Callable[[Params], int], *params: str, keyed: bool = False
    ) -> Endpoint:
        return Endpoint(answer, API_WEIGHT, weight, Security.KEY if keyed else Security.NONE, params=params)

    span = ("symbol", "interval", "startTime", "endTime", "timeZone", "limit")
    return {
        "GET /api/v3/ping": free(public.ping, 1),
        "GET /api/v3/time": free(public.time, 1),
        "GET /api/v3/exchangeInfo": free(
            public.exchange_info, 20, "symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"
        ),
        "GET /api/v3/depth": free(public.depth, public.depth_weight, "symbol", "limit"),
        "GET /api/v3/trades": free(public.trades, 25, "symbol", "limit"),
        "GET /api/v3/historicalTrades": free(public.historical_trades, 25, "symbol", "limit", "fromId"),
        "GET /api/v3/aggTrades": free(public.agg_trades, 4, "symbol", "fromId", "startTime", "endTime", "limit"),
        "GET /api/v3/klines": free(public.klines, 2, *span),
        "GET /api/v3/uiKlines": free(public.klines, 2, *span),
        "GET /api/v3/avgPrice": free(public.avg_price, 2, "symbol"),
        "GET /api/v3/ticker/24hr": free(public.ticker_24hr, public.ticker_weight, "symbol", "symbols", "type"),
        "GET /api/v3/ticker/price": free(public.ticker_price, public.price_weight, "symbol", "symbols"),
        "GET /api/v3/ticker/bookTicker": free(public.ticker_book, public.price_weight, "symbol", "symbols"),
    }


def private_paths(
    account: AccountReads,
    reference: Reference,
    loans: Loans,
    trading: Trading,
    lists: OrderLists,
    tokens: ListenTokens,
    keys: ListenKeys,
    symbol_count: int,
) -> Mapping[str, Endpoint]:
    """The paths that need a key."""

    def keyed(answer: Callable[[Call], Any], pool: Pool, weight: int, *params: str) -> Endpoint:
        return Endpoint(answer, pool, weight, Security.KEY, params=params)

    def reads(
        answer: Callable[[Call], Any], pool: Pool, weight: int | Callable[[Params], int], *params: str
    ) -> Endpoint:
        return Endpoint(answer, pool, weight, Security.SIGNED, (Permission.READING,), params)

    def trades(
        answer: Callable[[Call], Any], pool: Pool, weight: int | Callable[[Params], int], *params: str
    ) -> Endpoint:
        return Endpoint(answer, pool, weight, Security.SIGNED, (Permission.TRADING,), params)

    def of_coin(params: Params) -> int:
        return 1 if "coin" in params else 5

    def of_pair(params: Params) -> int:
        return 1 if "symbol" in params else 10

    def of_open(params: Params) -> int:
        return 10 if "symbol" in params else max(10, symbol_count)

    margin = "/sapi/v1/margin"
    return {
        f"GET {margin}/account": reads(account.cross, SAPI_IP, 10),
        f"GET {margin}/isolated/account": reads(account.isolated, SAPI_IP, 10, "symbols", "symbol"),
        f"GET {margin}/isolated/accountLimit": reads(account.isolated_limit, SAPI_IP, 1),
        f"GET {margin}/tradeCoeff": reads(account.trade_coefficients, SAPI_IP, 10),
        f"GET {margin}/maxBorrowable": reads(account.max_borrowable, SAPI_UID, 750, "asset", "isolatedSymbol"),
        f"GET {margin}/maxTransferable": reads(account.max_transferable, SAPI_IP, 50, "asset", "isolatedSymbol"),
        f"GET {margin}/rateLimit/order": trades(account.order_rate_limits, SAPI_IP, 20, "isIsolated", "symbol"),
        "GET /sapi/v1/bnbBurn": reads(account.bnb_burn, SAPI_IP, 1),
        "GET /sapi/v1/account/apiRestrictions": reads(account.api_restrictions, SAPI_IP, 1),
        "GET /sapi/v1/account/status": reads(account.status, SAPI_IP, 1),
        "GET /sapi/v1/account/apiTradingStatus": reads(account.trading_status, SAPI_IP, 1),
        "GET /sapi/v1/capital/config/getall": reads(account.coins, SAPI_IP, 10),
        "GET /sapi/v1/asset/tradeFee": reads(reference.trade_fees, SAPI_IP, 1, "symbol"),
        f"GET {margin}/allAssets": keyed(reference.assets, SAPI_IP, 1, "asset"),
        f"GET {margin}/allPairs": keyed(reference.pairs, SAPI_IP, 1, "symbol"),
        f"GET {margin}/isolated/allPairs": keyed(reference.isolated_pairs, SAPI_IP, 10, "symbol"),
        f"GET {margin}/priceIndex": keyed(reference.price_index, SAPI_IP, 10, "symbol"),
        f"GET {margin}/crossMarginCollateralRatio": keyed(reference.collateral_ratios, SAPI_IP, 100),
        f"GET {margin}/leverageBracket": keyed(reference.leverage_bracket, SAPI_IP, 1),
        f"GET {margin}/limit-price-pairs": keyed(reference.price_limited_pairs, SAPI_IP, 1),
        f"GET {margin}/restricted-asset": keyed(reference.restricted_assets, SAPI_IP, 1),
        f"GET {margin}/risk-based-liquidation-ratio": keyed(reference.risk_ratios, SAPI_IP, 1),
        f"GET {margin}/crossMarginData": reads(reference.cross_margin_data, SAPI_IP, of_coin, "coin", "vipLevel"),
        f"GET {margin}/isolatedMarginData": reads(
            reference.isolated_margin_data, SAPI_IP, of_pair, "symbol", "vipLevel"
        ),
        f"GET {margin}/isolatedMarginTier": reads(reference.isolated_tiers, SAPI_IP, 1, "symbol", "tier"),
        f"GET {margin}/next-hourly-interest-rate": reads(
            reference.next_hourly_rates, SAPI_IP, 100, "assets", "isIsolated"
        ),
        f"GET {margin}/interestRateHistory": reads(reference.rate_history, SAPI_IP, 1, "asset", "vipLevel", *_SPAN),
        f"GET {margin}/available-inventory": reads(reference.inventory, SAPI_UID, 50, "type"),
        f"GET {margin}/exchange-small-liability": reads(reference.small_liabilities, SAPI_IP, 100),
        f"GET {margin}/interestHistory": reads(loans.interest, SAPI_IP, 1, "asset", "isolatedSymbol", *_PAGE),
        f"GET {margin}/capital-flow": reads(
            loans.capital_flow, SAPI_IP, 100, "asset", "symbol", "type", *_SPAN, "fromId", "limit"
        ),
        f"GET {margin}/borrow-repay": reads(
            loans.history, SAPI_IP, 10, "type", "asset", "isolatedSymbol", "txId", *_PAGE
        ),
        f"GET {margin}/forceLiquidationRec": reads(loans.liquidations, SAPI_IP, 1, "isolatedSymbol", *_PAGE),
        f"GET {margin}/transfer": reads(loans.transfers, SAPI_IP, 1, "asset", "type", "isolatedSymbol", *_PAGE),
        f"POST {margin}/borrow-repay": trades(
            loans.borrow_or_repay, SAPI_UID, BORROWING_WEIGHT, "asset", "isIsolated", "symbol", "amount", "type"
        ),
        f"POST {margin}/order": trades(trading.place, SAPI_UID, _order_weight, *ORDER_PARAMS),
        f"GET {margin}/order": reads(trading.order, SAPI_IP, 10, *_ORDER),
        f"DELETE {margin}/order": trades(trading.cancel, SAPI_IP, 10, *_ORDER, "newClientOrderId"),
        f"GET {margin}/openOrders": reads(trading.open_orders, SAPI_IP, of_open, "symbol", "isIsolated"),
        f"DELETE {margin}/openOrders": trades(lists.cancel_all, SAPI_IP, 1, "symbol", "isIsolated"),
        f"GET {margin}/allOrders": reads(
            trading.all_orders, SAPI_IP, 200, "symbol", "isIsolated", "orderId", *_SPAN, "limit"
        ),
        f"GET {margin}/myTrades": reads(
            trading.my_trades, SAPI_IP, 10, "symbol", "isIsolated", "orderId", "fromId", *_SPAN, "limit"
        ),
        f"POST {margin}/order/oco": trades(lists.place_oco, SAPI_UID, _order_weight, *OCO_PARAMS),
        f"POST {margin}/order/oto": trades(lists.place_oto, SAPI_UID, _order_weight, *OTO_PARAMS),
        f"POST {margin}/order/otoco": trades(lists.place_otoco, SAPI_UID, _order_weight, *OTOCO_PARAMS),
        f"GET {margin}/orderList": reads(lists.one, SAPI_IP, 10, *_LIST),
        f"DELETE {margin}/orderList": trades(lists.cancel, SAPI_UID, 1, *_LIST),
        f"GET {margin}/allOrderList": reads(
            lists.all_lists, SAPI_IP, 200, "isIsolated", "symbol", "fromId", *_SPAN, "limit"
        ),
        f"GET {margin}/openOrderList": reads(lists.open_lists, SAPI_IP, 10, "isIsolated", "symbol"),
        "POST /sapi/v1/userListenToken": keyed(tokens.create, SAPI_UID, 1, "symbol", "isIsolated", "validity"),
        f"POST {margin}/listen-key": keyed(keys.create, SAPI_UID, 1),
        f"PUT {margin}/listen-key": keyed(keys.refresh, SAPI_UID, 1, "listenKey"),
        f"DELETE {margin}/listen-key": keyed(keys.close, SAPI_UID, 3000, "listenKey"),
        "POST /sapi/v2/margin/listen-key": keyed(keys.create, SAPI_IP, 1),
        "PUT /sapi/v2/margin/listen-key": keyed(keys.refresh, SAPI_IP, 1, "listenKey"),
        "DELETE /sapi/v2/margin/listen-key": keyed(keys.close, SAPI_IP, 1, "listenKey"),
    }
