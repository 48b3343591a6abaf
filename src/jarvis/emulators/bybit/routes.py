"""The private paths: what answers each, what a key needs for it, and how often a second it may be called."""

from collections.abc import Mapping

from jarvis.emulators.bybit.account import AccountReads
from jarvis.emulators.bybit.funding import Funding
from jarvis.emulators.bybit.gate import Endpoint
from jarvis.emulators.bybit.keys import Permission
from jarvis.emulators.bybit.margin import SpotMargin
from jarvis.emulators.bybit.queries import Queries
from jarvis.emulators.bybit.trading import Trading

_P = Permission
_SPOT = (_P.SPOT_TRADE,)
# The page is silent about who may read margin settings and the log, so any key may; orders, fills and whatever
# changes something ask for the spot box, as its documented paths do.
_SELF_CHANGE = (_P.ACCOUNT_TRANSFER, _P.SUB_MEMBER_TRANSFER, _P.WITHDRAW)


def private_paths(
    reads: AccountReads, margin: SpotMargin, trading: Trading, queries: Queries, funding: Funding
) -> Mapping[str, Endpoint]:
    """Each private call, as `METHOD /path`."""
    size = trading.batch_size
    return {
        "GET /v5/user/query-api": Endpoint(reads.key, 10),
        "POST /v5/user/update-api": Endpoint(funding.update_key, 5, _SELF_CHANGE, writes=True),
        "GET /v5/account/info": Endpoint(reads.information),
        "GET /v5/account/wallet-balance": Endpoint(reads.wallet_balance),
        "GET /v5/account/withdrawal": Endpoint(reads.withdrawable),
        "GET /v5/account/collateral-info": Endpoint(reads.collateral_info),
        "POST /v5/account/set-collateral-switch": Endpoint(reads.set_collateral_switch, 5, _SPOT, writes=True),
        "GET /v5/account/borrow-history": Endpoint(reads.borrow_history),
        "GET /v5/account/transaction-log": Endpoint(reads.transaction_log, 25),
        "GET /v5/account/fee-rate": Endpoint(reads.fee_rate, 5),
        "POST /v5/account/set-margin-mode": Endpoint(reads.set_margin_mode, 5, _SPOT, writes=True),
        "GET /v5/account/query-dcp-info": Endpoint(reads.dcp, 5),
        "POST /v5/account/borrow": Endpoint(margin.borrow, 1, _SPOT, writes=True),
        "POST /v5/account/no-convert-repay": Endpoint(margin.repay_without_conversion, 1, _SPOT, writes=True),
        "POST /v5/account/repay": Endpoint(margin.repay, 1, _SPOT, writes=True),
        "POST /v5/account/quick-repayment": Endpoint(margin.quick_repay, 5, (_P.OPTIONS_TRADE,), writes=True),
        "GET /v5/spot-margin-trade/state": Endpoint(margin.state),
        "POST /v5/spot-margin-trade/switch-mode": Endpoint(margin.switch_mode, 5, _SPOT, writes=True),
        "POST /v5/spot-margin-trade/set-leverage": Endpoint(margin.set_leverage, 5, _SPOT, writes=True),
        "GET /v5/spot-margin-trade/coinstate": Endpoint(margin.coin_state),
        "GET /v5/spot-margin-trade/max-borrowable": Endpoint(margin.max_borrowable),
        "GET /v5/spot-margin-trade/position-tiers": Endpoint(margin.position_tiers),
        "GET /v5/spot-margin-trade/liability": Endpoint(margin.liability, 5),
        "GET /v5/spot-margin-trade/repayment-available-amount": Endpoint(margin.repayable),
        "GET /v5/spot-margin-trade/get-auto-repay-mode": Endpoint(margin.auto_repay_mode),
        "POST /v5/spot-margin-trade/set-auto-repay-mode": Endpoint(margin.set_auto_repay_mode, 5, _SPOT, writes=True),
        "GET /v5/spot-margin-trade/interest-rate-history": Endpoint(margin.rate_history, 50, _SPOT),
        "POST /v5/order/create": Endpoint(trading.create, 20, _SPOT, writes=True),
        "POST /v5/order/create-batch": Endpoint(trading.create_batch, 20, _SPOT, writes=True, count=size),
        "POST /v5/order/amend": Endpoint(trading.amend, 10, _SPOT, writes=True),
        "POST /v5/order/amend-batch": Endpoint(trading.amend_batch, 10, _SPOT, writes=True, count=size),
        "POST /v5/order/cancel": Endpoint(trading.cancel, 20, _SPOT, writes=True),
        "POST /v5/order/cancel-batch": Endpoint(trading.cancel_batch, 20, _SPOT, writes=True, count=size),
        "POST /v5/order/cancel-all": Endpoint(trading.cancel_all, 20, _SPOT, writes=True),
        "POST /v5/order/disconnected-cancel-all": Endpoint(trading.disconnect_cancel_all, 5, _SPOT, writes=True),
        "GET /v5/order/realtime": Endpoint(queries.realtime, 50, _SPOT),
        "GET /v5/order/history": Endpoint(queries.history, 50, _SPOT),
        "GET /v5/order/spot-borrow-check": Endpoint(queries.borrow_check, 50, _SPOT),
        "GET /v5/execution/list": Endpoint(queries.executions, 50, _SPOT),
        "GET /v5/asset/coin/query-info": Endpoint(reads.coin_information, 5),
        "POST /v5/asset/withdraw/create": Endpoint(funding.withdraw, 5, (_P.WITHDRAW,), writes=True),
        "POST /v5/asset/transfer/inter-transfer": Endpoint(funding.transfer, 60, (_P.ACCOUNT_TRANSFER,), writes=True),
        "POST /v5/asset/transfer/universal-transfer": Endpoint(
            funding.transfer_between_members, 5, (_P.SUB_MEMBER_TRANSFER,), writes=True
        ),
    }
