"""What a key may ask of its account: configuration, balance, positions, sizes, and the settings that `trade` allows."""

from collections.abc import Iterator
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import VenueOrderId
from jarvis.emulators.okx.balances import (
    Standing,
    balance_row,
    closed_position_row,
    loanable,
    position_id,
    position_rows,
)
from jarvis.emulators.okx.errors import Refused, bad_parameter, wrong_mode
from jarvis.emulators.okx.keys import PERMISSIONS, Mode, VenueAccount
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.orders import CASH, CROSS, ISOLATED, MARGIN, SPOT, in_lots, read_pair, refused_isolated
from jarvis.emulators.okx.paging import days_ago, page
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.public import PublicData
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import Rows, amount, millis, ms

_TYPES = (SPOT, MARGIN, "SWAP", "FUTURES", "OPTION")


class Account:
    """The account's own calls. Each gives the rows of `data`."""

    def __init__(self, state: VenueState, public: PublicData) -> None:
        self._state = state
        self._public = public

    # What it is.

    def config(self, call: Call) -> Rows:
        """The account's mode and switches, and what the asking key may do."""
        account, key = call.account, call.key
        granted = self._state.granted(key)
        # Unknown names, as the venue may add some, come last.
        known = [name for name in PERMISSIONS if name in granted]
        return [
            {
                "acctLv": account.mode.value,
                "acctStpMode": "cancel_maker",
                "autoLoan": account.auto_loan,
                "ctIsoMode": "automatic",
                "enableSpotBorrow": account.spot_borrow,
                "feeType": "0",
                "greeksType": "PA",
                "ip": ",".join(key.ip_allowlist),
                "kycLv": "2",
                "label": key.label,
                "level": "Lv1",
                "levelTmp": "",
                "liquidationGear": "-1",
                "mainUid": account.main_uid,
                "mgnIsoMode": "automatic",
                "opAuth": "0",
                "perm": ",".join([*known, *sorted(granted - set(PERMISSIONS))]),
                "posMode": "net_mode",
                "roleType": "0",
                "settleCcy": "",
                "settleCcyList": [],
                "spotBorrowAutoRepay": account.auto_repay,
                "spotOffsetType": "",
                "spotRoleType": "0",
                "spotTraderInsts": [],
                "stgyType": "0",
                "traderInsts": [],
                "type": "1" if account.is_sub_account else "0",
                "uid": account.uid,
            }
        ]

    def instruments(self, call: Call) -> Rows:
        """What this account may trade: spot mode has no margin instruments."""
        rows = self._public.instruments(call.params)
        if call.account.mode is Mode.SPOT and not call.account.spot_borrow:
            rows = [row | {"lever": ""} for row in rows if row["instType"] != MARGIN]
        return rows

    def trade_fee(self, call: Call) -> Rows:
        """What trading costs: negative is paid."""
        inst_type = call.params.required("instType")
        if inst_type not in _TYPES:
            raise bad_parameter("instType")
        if "instId" in call.params:
            read_pair(self._state.names, call.params)
        model = self._state.exchange.model.fee
        maker, taker = amount(-model.maker_rate), amount(-model.taker_rate)
        return [
            {
                "category": "1",
                "delivery": "",
                "exercise": "",
                "feeGroup": [{"taker": taker, "maker": maker, "groupId": "1"}],
                "fiat": [],
                "instType": inst_type,
                "level": "Lv1",
                "maker": maker,
                "makerU": "",
                "makerUSDC": "",
                "ruleType": "normal",
                "taker": taker,
                "takerU": "",
                "takerUSDC": "",
                "ts": ms(call.now),
            }
        ]

    # What it has.

    def balance(self, call: Call) -> Rows:
        """The balance, of all currencies or of those asked for."""
        return [balance_row(Standing.of(self._state, call.account), call.params.names("ccy"))]

    def positions(self, call: Call) -> Rows:
        """Open margin positions; other modes than futures mode have none."""
        wanted = call.params.names("instId", at_most=10)
        inst_type = call.params.choice("instType", _TYPES)
        numbers = call.params.names("posId")
        rows = position_rows(Standing.of(self._state, call.account))
        return [
            row
            for row in rows
            if inst_type in ("", MARGIN)
            and (not wanted or row["instId"] in wanted)
            and (not numbers or row["posId"] in numbers)
        ]

    def positions_history(self, call: Call) -> Rows:
        """Positions that are over, of the last three months."""
        params = call.params
        inst_type = params.choice("instType", _TYPES)
        books = self._state.ledger(call.account)
        wanted, kind, number = params.text("instId"), params.text("type"), params.text("posId")
        found = page(
            [position for position in books.closed if inst_type in ("", MARGIN)],
            params,
            # Positions page by time.
            id_of=lambda position: millis(position.updated_at),
            time_of=lambda position: position.updated_at,
            since=days_ago(call.now, 90),
        )
        rows = [closed_position_row(position) for position in found]
        return [
            row
            for row in rows
            if wanted in ("", row["instId"]) and kind in ("", row["type"]) and number in ("", row["posId"])
        ]

    def position_risk(self, call: Call) -> Rows:
        """Equity and positions of one instant."""
        standing = Standing.of(self._state, call.account)
        return [
            {
                "adjEq": "" if call.account.has_positions else amount(standing.wallet.equity),
                "balData": [
                    {
                        "ccy": asset,
                        "disEq": "" if call.account.has_positions else amount(self._state.value(asset, equity)),
                        "eq": amount(equity),
                    }
                    for asset in standing.assets()
                    for equity in [standing.equity(asset)]
                ],
                "posData": [
                    {
                        "baseBal": amount(position.net(position.pair.base)),
                        "ccy": position.margin_asset,
                        "instId": inst_id(position.pair),
                        "instType": MARGIN,
                        "mgnMode": CROSS,
                        "notionalCcy": amount(position.size),
                        "notionalUsd": amount(position.size * self._state.last(position.pair)),
                        "pos": amount(position.held),
                        "posCcy": position.held_asset,
                        "posId": position_id(position),
                        "posSide": "net",
                        "quoteBal": amount(position.net(position.pair.quote)),
                    }
                    for position in standing.books.positions.values()
                    if call.params.choice("instType", _TYPES) in ("", MARGIN)
                ],
                "ts": ms(standing.at),
            }
        ]

    # How much it could do.

    def max_size(self, call: Call) -> Rows:
        """The largest order in base, both ways."""
        rows: Rows = []
        for pair, asset in self._asked_books(call):
            price = call.params.positive("px") or self._state.exchange.quote(pair).ask
            lot = self._state.instrument(pair).lot
            buying = self._spendable(call, pair, pair.quote)
            selling = self._spendable(call, pair, pair.base)
            rows.append(
                {
                    "ccy": asset,
                    "instId": inst_id(pair),
                    "maxBuy": amount(in_lots(buying, price, lot)),
                    "maxSell": amount(in_lots(selling, Decimal(1), lot)),
                }
            )
        return rows

    def max_avail_size(self, call: Call) -> Rows:
        """What one order could use: of quote to buy and of base to sell, on margin of the margin currency."""
        rows: Rows = []
        reduces = call.params.boolean("reduceOnly")
        for pair, asset in self._asked_books(call):
            standing = Standing.of(self._state, call.account)
            buying, selling = self._spendable(call, pair, pair.quote), self._spendable(call, pair, pair.base)
            if call.account.has_positions and asset:
                free = standing.free(Asset(asset))
                buying = selling = free
                if reduces:
                    position = standing.books.position(pair, Asset(asset))
                    held = position.held if position is not None else ZERO
                    is_long = position is not None and position.side is Side.BUY
                    buying, selling = (ZERO, held) if is_long else (held, ZERO)
            rows.append({"instId": inst_id(pair), "availBuy": amount(buying), "availSell": amount(selling)})
        return rows

    def max_loan(self, call: Call) -> Rows:
        """What could be borrowed: quote to buy, base to sell."""
        params = call.params
        mode = params.required("mgnMode")
        self._refuse_margin_mode(call.account, mode)
        params.either("instId", "ccy")
        standing = Standing.of(self._state, call.account)
        if "ccy" in params and "instId" not in params:
            asset = self._asset(params, "ccy")
            return [
                {
                    "instId": "",
                    "mgnMode": mode,
                    "mgnCcy": "",
                    "maxLoan": amount(loanable(standing, asset)),
                    "ccy": asset,
                    "side": "",
                }
            ]
        margin = ""
        if call.account.mode is Mode.FUTURES and mode == CROSS:
            margin = params.required("mgnCcy")
        return [
            {
                "instId": inst_id(pair),
                "mgnMode": mode,
                "mgnCcy": margin,
                "maxLoan": amount(loanable(standing, asset)),
                "ccy": asset,
                "side": side,
            }
            for pair in self._pairs(params)
            for asset, side in ((pair.base, "sell"), (pair.quote, "buy"))
        ]

    def leverage_info(self, call: Call) -> Rows:
        """The leverage set, per pair or per currency."""
        params = call.params
        mode = params.required("mgnMode")
        self._refuse_margin_mode(call.account, mode)
        params.either("instId", "ccy")
        account = call.account
        row = {"ccy": "", "instId": "", "mgnMode": mode, "posSide": "net"}
        if "instId" in params:
            return [
                row
                | {"instId": inst_id(pair), "lever": str(account.leverage(inst_id(pair), default=self._highest(pair)))}
                for pair in self._pairs(params)
            ]
        return [
            row | {"ccy": asset, "lever": str(account.leverage(asset, default=self._highest_of(Asset(asset))))}
            for asset in params.names("ccy")
        ]

    # Its settings: `trade` is enough to change them.

    def set_leverage(self, call: Call) -> Rows:
        """Set the leverage of a pair, or of a currency; refused while orders of it rest."""
        params, account = call.params, call.account
        mode = params.required("mgnMode")
        self._refuse_margin_mode(call.account, mode)
        leverage = params.positive("lever")
        if leverage is None or leverage != int(leverage):
            params.required("lever")
            raise bad_parameter("lever")
        params.either("instId", "ccy")
        if account.mode is Mode.SPOT and not account.spot_borrow:
            raise wrong_mode()
        pair: Pair | None = None
        if "instId" in params:
            pair = read_pair(self._state.names, params)
            name, highest, touched = inst_id(pair), self._highest(pair), {pair}
        else:
            asset = self._asset(params, "ccy")
            if account.mode is Mode.FUTURES:
                raise bad_parameter("ccy")
            name, highest = str(asset), self._highest_of(asset)
            touched = {pair for pair in self._state.names.pairs if asset in (pair.base, pair.quote)}
        if leverage > highest:
            raise Refused("59102", "Leverage exceeds the maximum limit. Please lower the leverage")
        if any(order.pair in touched and order.is_waiting for order in self._state.exchange.orders(account.name)):
            raise Refused("59106", "You have pending trigger orders. Please cancel them before adjusting the leverage")
        if any(order.pair in touched for order in self._state.open_orders(account)):
            raise Refused(
                "59107",
                "You have pending orders under the service. Please modify the leverage after "
                "canceling all pending orders.",
            )
        self._refuse_small_leverage(account, leverage, pair, Asset(name) if pair is None else pair.quote)
        account.leverages[name] = int(leverage)
        is_pair = "instId" in params
        return [
            {
                "lever": str(int(leverage)),
                "mgnMode": mode,
                "instId": name if is_pair else "",
                "ccy": "" if is_pair else name,
                "posSide": "net",
            }
        ]

    def set_auto_loan(self, call: Call) -> Rows:
        """Switch borrowing by orders on or off."""
        if call.account.mode not in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO):
            raise wrong_mode()
        call.account.auto_loan = call.params.boolean("autoLoan")
        return [{"autoLoan": call.account.auto_loan}]

    def set_auto_repay(self, call: Call) -> Rows:
        """Switch repaying by receipts on or off."""
        if call.account.mode is not Mode.SPOT or not call.account.spot_borrow:
            raise wrong_mode()
        call.params.required("autoRepay")
        call.account.auto_repay = call.params.boolean("autoRepay")
        return [{"autoRepay": call.account.auto_repay}]

    def set_account_level(self, call: Call) -> Rows:
        """Change the account's mode; it must be flat."""
        account = call.account
        try:
            mode = Mode(call.params.required("acctLv"))
        except ValueError:
            raise bad_parameter("acctLv") from None
        standing = Standing.of(self._state, account)
        owes = any(holding.borrowed or holding.interest for holding in standing.wallet.holdings.values())
        if standing.books.positions or owes or any(self._working(account)):
            raise Refused("59000", "Settings failed. Close any open positions or orders before modifying settings.")
        account.mode = mode
        account.auto_loan = mode in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO)
        standing.books.has_positions = account.has_positions
        return [{"acctLv": mode.value}]

    def set_position_mode(self, call: Call) -> Rows:
        """Echo the position mode: margin positions are net in either."""
        mode = call.params.required("posMode")
        if mode not in ("net_mode", "long_short_mode"):
            raise bad_parameter("posMode")
        return [{"posMode": mode}]

    def set_isolated_mode(self, call: Call) -> Rows:
        """Echo how isolated positions get their margin."""
        return [{"isoMode": call.params.required("isoMode")}]

    def set_collateral_assets(self, call: Call) -> Rows:
        """Echo which currencies back margin."""
        return [
            {
                "type": call.params.required("type"),
                "ccyList": call.params.names("ccyList"),
                "collateralEnabled": call.params.boolean("collateralEnabled"),
            }
        ]

    # Inside.

    def _refuse_margin_mode(self, account: VenueAccount, mode: str) -> None:
        if mode not in (CROSS, ISOLATED):
            raise bad_parameter("mgnMode")
        if mode == ISOLATED:
            raise refused_isolated(account)

    def _refuse_small_leverage(self, account: VenueAccount, leverage: Decimal, pair: Pair | None, asset: Asset) -> None:
        """Refuse a leverage below what the debts of an account, or of a pair's position, already need."""
        standing = Standing.of(self._state, account)
        if pair is None:
            holding = standing.wallet.holdings.get(asset)
            owed = ZERO if holding is None else holding.borrowed + holding.interest
            if self._state.value(asset, owed) > standing.wallet.equity * (leverage - 1):
                raise Refused("59104", "The borrowed amount has exceeded the maximum of this leverage")
        elif any(position.pair == pair for position in standing.books.positions.values()):
            debts = standing.wallet.debt_value
            if debts > standing.wallet.equity * leverage:
                raise Refused("59108", "Low leverage and insufficient margin, please adjust the leverage")

    def _working(self, account: VenueAccount) -> Iterator[VenueOrderId]:
        return (order.order_id for order in self._state.exchange.orders(account.name))

    def _pairs(self, params: Params) -> list[Pair]:
        names = params.names("instId")
        return [read_pair(self._state.names, Params({"instId": name})) for name in names]

    def _asset(self, params: Params, name: str) -> Asset:
        asset = Asset(params.required(name))
        if asset not in self._state.names.assets:
            raise bad_parameter(name)
        return asset

    def _asked_books(self, call: Call) -> list[tuple[Pair, str]]:
        """Each pair that is asked for, with its margin currency in futures mode. Raises Refused for a wrong mode."""
        params, mode = call.params, call.account.mode
        params.required("instId")
        td_mode = params.required("tdMode")
        if td_mode not in (CASH, CROSS, ISOLATED):
            raise bad_parameter("tdMode")
        if td_mode == ISOLATED:
            raise refused_isolated(call.account)
        if mode is Mode.SPOT and td_mode != CASH:
            raise wrong_mode()
        if mode in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO) and td_mode == CASH:
            raise bad_parameter("tdMode")
        margin = params.required("ccy") if mode is Mode.FUTURES and td_mode == CROSS else ""
        pairs = self._pairs(params)
        if margin and any(Asset(margin) not in (pair.base, pair.quote) for pair in pairs):
            raise bad_parameter("ccy")
        return [(pair, margin) for pair in pairs]

    def _spendable(self, call: Call, pair: Pair, asset: Asset) -> Decimal:
        standing = Standing.of(self._state, call.account)
        if call.account.has_positions and call.params.text("tdMode") == CROSS:
            margin = Asset(call.params.required("ccy"))
            position = standing.books.position(pair, margin)
            closing = position.closable(ZERO) if position is not None else ZERO
            opposite = position is not None and (position.side is Side.BUY) == (asset == pair.base)
            held = closing * (1 if asset == pair.base else self._state.last(pair)) if opposite else ZERO
            return held + loanable(standing, asset)
        own = standing.free(asset)
        borrows = call.account.may_borrow and not call.account.has_positions
        return own + (loanable(standing, asset) if borrows else ZERO)

    def _highest(self, pair: Pair) -> int:
        return max(1, self._public.leverage(pair))

    def _highest_of(self, asset: Asset) -> int:
        pairs = [pair for pair in self._state.names.pairs if asset in (pair.base, pair.quote)]
        if not pairs:
            raise bad_parameter("ccy")
        return max(self._highest(pair) for pair in pairs)
