"""Every REST path: its verb, who may call it, how often, and which parameters it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from jarvis.emulators.okx.account import Account
from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.funding import Funding
from jarvis.emulators.okx.history import History
from jarvis.emulators.okx.keys import READ, TRADE, WITHDRAW
from jarvis.emulators.okx.limits import Limit
from jarvis.emulators.okx.paging import PAGING
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.public import PublicData
from jarvis.emulators.okx.reads import Reads
from jarvis.emulators.okx.state import Call
from jarvis.emulators.okx.text import Rows
from jarvis.emulators.okx.trading import Outcome, Trading


class Per(Enum):
    """What a limit is counted for."""

    USER = "user"
    INSTRUMENT = "instrument"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class PublicEndpoint:
    """A GET that needs no key; its limit is per address."""

    answer: Callable[[Params], Rows]
    limit: Limit
    knows: frozenset[str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A call that needs a key. `knows` None leaves the parameters to the call itself; lists only where `is_list`."""

    answer: Callable[[Call], Rows | Outcome]
    permission: str
    limit: Limit
    knows: frozenset[str] | None = None
    per: Per = Per.USER
    is_list: bool = False


def _names(text: str = "") -> frozenset[str]:
    return frozenset(text.split())


_ORDERS = _names("instType instFamily uly instId ordType state category tradeMode") | PAGING
_FILLS = _names("instType instFamily uly instId ordId subType") | PAGING
_ALGOS = _names("ordType algoId algoClOrdId instType instId state") | PAGING
_BILLS = _names("instType instId ccy mgnMode ctType type subType") | PAGING
_CANDLES = _names("instId bar") | PAGING


def public_endpoints(public: PublicData) -> dict[str, PublicEndpoint]:
    """The paths that anyone may GET, below `/api/v5/`."""
    end = PublicEndpoint
    return {
        "public/time": end(public.time, Limit(10), _names()),
        "public/instruments": end(
            public.instruments, Limit(20), _names("instType uly instFamily instId groupId seriesId")
        ),
        "market/ticker": end(public.ticker, Limit(20), _names("instId")),
        "market/tickers": end(public.tickers, Limit(20), _names("instType uly instFamily")),
        "market/index-tickers": end(public.index_tickers, Limit(20), _names("instId quoteCcy")),
        "market/books": end(public.books, Limit(40), _names("instId sz")),
        "market/books-full": end(public.books, Limit(10), _names("instId sz")),
        "market/candles": end(public.candles, Limit(40), _CANDLES),
        "market/history-candles": end(public.history_candles, Limit(20), _CANDLES),
        "market/trades": end(public.trades, Limit(100), _names("instId limit")),
        "market/history-trades": end(public.trades, Limit(20), _names("instId type after before limit")),
        "public/price-limit": end(public.price_limit, Limit(20), _names("instId")),
        "public/position-tiers": end(
            public.position_tiers, Limit(10), _names("instType tdMode uly instFamily instId ccy tier")
        ),
        "public/interest-rate-loan-quota": end(public.loan_quota, Limit(2), _names()),
        "public/discount-rate-interest-free-quota": end(public.discount_rate, Limit(2), _names("ccy discountLv")),
        "system/status": end(public.status, Limit(1, 5.0), _names("state")),
    }


def private_endpoints(
    account: Account, history: History, reads: Reads, trading: Trading, algos: Algos, funding: Funding
) -> dict[tuple[str, str], Endpoint]:
    """The calls that need a key, by verb and path below `/api/v5/`."""
    paths = _reading(account, history, reads, trading, algos, funding)
    paths |= _ordering(trading, algos)
    return paths | _settings(account, history, funding)


def _reading(
    account: Account, history: History, reads: Reads, trading: Trading, algos: Algos, funding: Funding
) -> dict[tuple[str, str], Endpoint]:
    def end(answer: Callable[[Call], Rows | Outcome], limit: Limit, knows: frozenset[str]) -> Endpoint:
        return Endpoint(answer, READ, limit, knows)

    paths = {
        "account/config": end(account.config, Limit(5), _names()),
        "account/instruments": end(account.instruments, Limit(20), _names("instType uly instFamily instId")),
        "account/balance": end(account.balance, Limit(10), _names("ccy")),
        "account/positions": end(account.positions, Limit(10), _names("instType instId posId")),
        "account/positions-history": end(
            account.positions_history, Limit(10), _names("instType instId mgnMode type posId") | PAGING
        ),
        "account/account-position-risk": end(account.position_risk, Limit(10), _names("instType")),
        "account/max-size": end(
            account.max_size, Limit(20), _names("instId tdMode ccy px leverage unSpotOffset tradeQuoteCcy")
        ),
        "account/max-avail-size": end(
            account.max_avail_size,
            Limit(20),
            _names("instId tdMode ccy reduceOnly px unSpotOffset quickMgnType tradeQuoteCcy"),
        ),
        "account/max-loan": end(account.max_loan, Limit(20), _names("mgnMode instId ccy mgnCcy tradeQuoteCcy")),
        "account/leverage-info": end(account.leverage_info, Limit(20), _names("mgnMode instId ccy")),
        "account/trade-fee": end(
            account.trade_fee, Limit(5), _names("instType instId uly instFamily ruleType groupId")
        ),
        "account/interest-accrued": end(history.interest_accrued, Limit(5), _names("type ccy instId mgnMode") | PAGING),
        "account/interest-rate": end(history.interest_rate, Limit(5), _names("ccy")),
        "account/interest-limits": end(history.interest_limits, Limit(5), _names("type ccy")),
        "account/bills": end(history.bills, Limit(5, 1.0), _BILLS),
        "account/bills-archive": end(history.bills_archive, Limit(5), _BILLS),
        "account/spot-borrow-repay-history": end(
            history.spot_borrow_repay_history, Limit(5), _names("ccy type") | PAGING
        ),
        "account/max-withdrawal": end(history.max_withdrawal, Limit(20), _names("ccy")),
        "account/risk-state": end(history.risk_state, Limit(10), _names()),
        "account/collateral-assets": end(history.collateral_assets, Limit(5), _names("ccy collateralEnabled")),
        "trade/order": end(reads.order, Limit(60), _names("instId ordId clOrdId")),
        "trade/orders-pending": end(reads.pending, Limit(60), _ORDERS),
        "trade/orders-history": end(reads.history, Limit(40), _ORDERS),
        "trade/orders-history-archive": end(reads.history_archive, Limit(20), _ORDERS),
        "trade/fills": end(reads.fills, Limit(60), _FILLS),
        "trade/fills-history": end(reads.fills_history, Limit(10), _FILLS),
        "trade/order-algo": end(algos.get, Limit(20), _names("algoId algoClOrdId")),
        "trade/orders-algo-pending": end(algos.pending, Limit(20), _ALGOS),
        "trade/orders-algo-history": end(algos.history, Limit(20), _ALGOS),
        "trade/account-rate-limit": end(trading.account_rate_limit, Limit(1, 1.0), _names()),
        "asset/balances": end(funding.balances, Limit(6, 1.0), _names("ccy")),
        "asset/currencies": end(funding.currencies, Limit(6, 1.0), _names("ccy")),
        "asset/withdrawal-history": end(
            funding.withdrawal_history, Limit(6, 1.0), _names("ccy wdId clientId txId type state toAddrType") | PAGING
        ),
        "asset/deposit-address": end(funding.deposit_address, Limit(6, 1.0), _names("ccy")),
    }
    return {("GET", path): endpoint for path, endpoint in paths.items()}


def _ordering(trading: Trading, algos: Algos) -> dict[tuple[str, str], Endpoint]:
    each, many = Limit(60), Limit(300)
    paths = {
        "trade/order": Endpoint(trading.place_order, TRADE, each, per=Per.INSTRUMENT),
        "trade/batch-orders": Endpoint(trading.batch_orders, TRADE, many, per=Per.ORDER, is_list=True),
        "trade/cancel-order": Endpoint(trading.cancel_order, TRADE, each, per=Per.INSTRUMENT),
        "trade/cancel-batch-orders": Endpoint(trading.cancel_batch, TRADE, many, per=Per.ORDER, is_list=True),
        "trade/amend-order": Endpoint(trading.amend_order, TRADE, each, per=Per.INSTRUMENT),
        "trade/amend-batch-orders": Endpoint(trading.amend_batch, TRADE, many, per=Per.ORDER, is_list=True),
        "trade/close-position": Endpoint(
            trading.close_position, TRADE, Limit(20), _names("instId posSide mgnMode ccy autoCxl clOrdId tag")
        ),
        "trade/cancel-all-after": Endpoint(trading.cancel_all_after, TRADE, Limit(1, 1.0), _names("timeOut tag")),
        "trade/order-precheck": Endpoint(trading.precheck, TRADE, Limit(5)),
        "trade/order-algo": Endpoint(algos.place_algo, TRADE, Limit(20)),
        "trade/cancel-algos": Endpoint(algos.cancel_algos, TRADE, Limit(20), is_list=True),
        "trade/amend-algos": Endpoint(algos.amend_algos, TRADE, Limit(20)),
    }
    return {("POST", path): endpoint for path, endpoint in paths.items()}


def _settings(account: Account, history: History, funding: Funding) -> dict[tuple[str, str], Endpoint]:
    """What `trade` allows beside orders: this cannot be taken from a key that may trade."""
    paths = {
        "account/set-leverage": Endpoint(
            account.set_leverage, TRADE, Limit(20), _names("instId ccy lever mgnMode posSide")
        ),
        "account/set-auto-loan": Endpoint(account.set_auto_loan, TRADE, Limit(5), _names("autoLoan")),
        "account/set-auto-repay": Endpoint(account.set_auto_repay, TRADE, Limit(5), _names("autoRepay")),
        "account/set-account-level": Endpoint(account.set_account_level, TRADE, Limit(5), _names("acctLv")),
        "account/set-position-mode": Endpoint(account.set_position_mode, TRADE, Limit(5), _names("posMode")),
        "account/set-isolated-mode": Endpoint(account.set_isolated_mode, TRADE, Limit(5), _names("isoMode type")),
        "account/set-collateral-assets": Endpoint(
            account.set_collateral_assets, TRADE, Limit(5), _names("type ccyList collateralEnabled")
        ),
        "account/spot-manual-borrow-repay": Endpoint(
            history.spot_borrow_repay, TRADE, Limit(1, 1.0), _names("ccy side amt")
        ),
        "asset/transfer": Endpoint(
            funding.transfer,
            TRADE,
            Limit(2, 1.0),
            _names("type ccy amt from to subAcct loanTrans omitPosRisk clientId"),
        ),
        "asset/withdrawal": Endpoint(
            funding.withdrawal,
            WITHDRAW,
            Limit(6, 1.0),
            _names("ccy amt dest toAddr toAddrType chain areaCode rcvrInfo clientId fee"),
        ),
    }
    return {("POST", path): endpoint for path, endpoint in paths.items()}
