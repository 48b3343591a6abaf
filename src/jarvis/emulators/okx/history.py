"""What happened to the account's money: bills, hourly interest, loans, and what borrowing costs."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.emulators.okx.balances import Standing, loanable
from jarvis.emulators.okx.bills import Bill, InterestRow, LoanRow
from jarvis.emulators.okx.errors import Refused, bad_parameter, refusal_of, wrong_mode
from jarvis.emulators.okx.keys import Mode
from jarvis.emulators.okx.names import bill_id, inst_id
from jarvis.emulators.okx.orders import CROSS, MARGIN, SPOT
from jarvis.emulators.okx.paging import days_ago, page
from jarvis.emulators.okx.public import quota
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import Row, Rows, amount, ms
from jarvis.sim.exchange import SimRefused

_HOUR = timedelta(hours=1)
_LOAN_KINDS = ("auto_borrow", "auto_repay", "manual_borrow", "manual_repay")


class History:
    """The calls about bookings and loans. Each gives the rows of `data`."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def bills(self, call: Call) -> Rows:
        """Bookings of the last week."""
        return self._bills(call, days=7)

    def bills_archive(self, call: Call) -> Rows:
        """Bookings of the last three months."""
        return self._bills(call, days=90)

    def interest_accrued(self, call: Call) -> Rows:
        """What each hour of each loan cost, for a year."""
        params = call.params
        if params.text("type", "2") != "2":
            raise bad_parameter("type")
        wanted, pair_name, mode = params.text("ccy"), params.text("instId"), params.text("mgnMode")
        rows: Sequence[InterestRow] = self._state.ledger(call.account).interest
        found = page(
            [
                row
                for row in rows
                if wanted in ("", row.asset)
                and pair_name in ("", _pair_name(row.pair))
                and mode in ("", _margin_mode(row.pair))
            ],
            params,
            # Interest pages by time.
            id_of=lambda row: int(ms(row.at)),
            time_of=lambda row: row.at,
            since=days_ago(call.now, 365),
        )
        return [_interest_row(row) for row in found]

    def interest_rate(self, call: Call) -> Rows:
        """What borrowing costs an hour."""
        rates = self._rates()
        wanted = call.params.text("ccy")
        if wanted and Asset(wanted) not in self._state.names.assets:
            raise bad_parameter("ccy")
        return [
            {"ccy": asset, "interestRate": amount(rates[asset])} for asset in sorted(rates) if wanted in ("", asset)
        ]

    def interest_limits(self, call: Call) -> Rows:
        """What is owed, when interest comes next, and what more may be borrowed; rates are daily."""
        if call.params.text("type", "2") != "2":
            raise bad_parameter("type")
        standing = Standing.of(self._state, call.account)
        rates, wanted = self._rates(), call.params.text("ccy")
        hour = call.now.replace(minute=0, second=0, microsecond=0) + _HOUR
        midnight = call.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        accrued = sum((self._state.value(asset, self._accrued(standing, asset)) for asset in rates), ZERO)
        return [
            {
                "debt": amount(standing.wallet.debt_value),
                "interest": amount(accrued),
                "loanAlloc": "",
                "nextDiscountTime": ms(midnight),
                "nextInterestTime": ms(hour),
                "records": [
                    self._limit_row(standing, asset, rates[asset]) for asset in sorted(rates) if wanted in ("", asset)
                ],
            }
        ]

    def spot_borrow_repay(self, call: Call) -> Rows:
        """Borrow or repay by hand: in spot mode with borrowing enabled."""
        account, params = call.account, call.params
        side = params.required("side")
        if side not in ("borrow", "repay"):
            raise bad_parameter("side")
        asset = Asset(params.required("ccy"))
        wanted = params.positive("amt")
        if asset not in self._state.names.assets:
            raise bad_parameter("ccy")
        if wanted is None:
            params.required("amt")
        if account.mode is not Mode.SPOT or not account.spot_borrow:
            raise wrong_mode()
        exchange = self._state.exchange
        outcome = (
            exchange.borrow(account.name, asset, wanted or ZERO)
            if side == "borrow"
            else exchange.repay(account.name, asset, wanted)
        )
        if isinstance(outcome, SimRefused):
            refused = refusal_of(outcome)
            if side == "repay" and refused.code == "51008":
                raise Refused("51131", "Insufficient balance")
            raise Refused("51008" if refused.code == "51000" else refused.code, refused.message)
        return [{"ccy": asset, "side": side, "amt": amount(wanted)}]

    def spot_borrow_repay_history(self, call: Call) -> Rows:
        """Borrowings and repayments."""
        params = call.params
        kind, wanted = params.choice("type", _LOAN_KINDS), params.text("ccy")
        loans: Sequence[LoanRow] = self._state.ledger(call.account).loans
        found = page(
            [row for row in loans if kind in ("", row.kind) and wanted in ("", row.asset)],
            params,
            id_of=lambda row: int(ms(row.at)),
            time_of=lambda row: row.at,
        )
        return [
            {
                "accBorrowed": amount(row.owed),
                "amt": amount(row.amount),
                "ccy": row.asset,
                "ts": ms(row.at),
                "type": row.kind,
            }
            for row in found
        ]

    def max_withdrawal(self, call: Call) -> Rows:
        """What could leave the account."""
        standing = Standing.of(self._state, call.account)
        wanted = call.params.names("ccy")
        return [
            {
                "ccy": asset,
                "maxWd": amount(standing.free(asset)),
                "maxWdEx": amount(standing.free(asset)),
                "spotOffsetMaxWd": "",
                "spotOffsetMaxWdEx": "",
            }
            for asset in standing.assets()
            if not wanted or asset in wanted
        ]

    def risk_state(self, call: Call) -> Rows:
        """Whether the account is at risk: portfolio margin only."""
        if call.account.mode is not Mode.PORTFOLIO:
            raise wrong_mode()
        return [{"atRisk": False, "atRiskIdx": [], "atRiskMgn": [], "ts": ms(call.now)}]

    def collateral_assets(self, call: Call) -> Rows:
        """Which currencies back margin."""
        wanted = call.params.names("ccy")
        return [
            {"ccy": asset, "collateralEnabled": True}
            for asset in sorted(self._state.names.assets)
            if not wanted or asset in wanted
        ]

    def _bills(self, call: Call, *, days: int) -> Rows:
        params = call.params
        inst_type, asset, mode = params.text("instType"), params.text("ccy"), params.text("mgnMode")
        kind, sub_kind, pair_name = params.text("type"), params.text("subType"), params.text("instId")
        found = page(
            [
                bill
                for bill in self._state.ledger(call.account).bills
                if inst_type in ("", _inst_type(bill))
                and asset in ("", bill.asset)
                and mode in ("", bill.margin_mode)
                and kind in ("", bill.kind)
                and sub_kind in ("", bill.sub_kind)
                and pair_name in ("", _pair_name(bill.pair))
            ],
            params,
            id_of=lambda bill: int(bill_id(bill.number)),
            time_of=lambda bill: bill.at,
            since=days_ago(call.now, days),
        )
        return [bill_row(self._state, bill) for bill in found]

    def _rates(self) -> dict[Asset, Decimal]:
        wallet = self._state.exchange.model.wallet
        rates = wallet.hourly_rates if wallet is not None else {}
        return {asset: rate for asset, rate in rates.items() if asset in self._state.names.assets}

    def _accrued(self, standing: Standing, asset: Asset) -> Decimal:
        own = standing.books.accrued.get(asset, ZERO)
        positions = standing.books.positions.values()
        return own + sum((each.interest for each in positions if each.debt_asset == asset), ZERO)

    def _limit_row(self, standing: Standing, asset: Asset, rate: Decimal) -> Row:
        used = standing.holding(asset).borrowed
        allowed = quota(asset)
        return {
            "ccy": asset,
            "rate": amount(rate * 24),
            "loanQuota": amount(allowed),
            "surplusLmt": amount(max(ZERO, allowed - used)),
            "surplusLmtDetails": {},
            "usedLmt": amount(used),
            "interest": amount(self._accrued(standing, asset)),
            "interestFreeLiab": "0",
            "potentialBorrowingAmt": "0",
            "posLoan": "",
            "availLoan": amount(loanable(standing, asset)),
            "usedLoan": amount(used),
            "avgRate": "",
        }


def bill_row(state: VenueState, bill: Bill) -> Row:
    """One booking."""
    fill = bill.fill
    note = state.note(fill.order) if fill is not None else None
    executed = fill.fill if fill is not None else None
    return {
        "bal": amount(bill.balance),
        "balChg": amount(bill.change),
        "billId": bill_id(bill.number),
        "ccy": bill.asset,
        "clOrdId": note.terms.client_id if note is not None else "",
        "earnAmt": "",
        "earnApr": "",
        "execType": "" if executed is None else "M" if executed.is_maker else "T",
        "fee": amount(bill.fee),
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillTime": "" if executed is None else ms(executed.at),
        "from": "",
        "instId": _pair_name(bill.pair),
        "instType": _inst_type(bill),
        "interest": amount(bill.interest),
        "mgnMode": bill.margin_mode,
        "notes": "",
        "ordId": note.order_id if note is not None else "",
        "pnl": amount(bill.profit),
        "posBal": amount(bill.position_balance),
        "posBalChg": amount(bill.position_change),
        "px": "" if executed is None else amount(executed.price),
        "subType": bill.sub_kind,
        "sz": amount(abs(bill.change)) if executed is None else amount(executed.quantity),
        "tag": note.terms.tag if note is not None else "",
        "to": "",
        "tradeId": "" if fill is None else str(fill.number),
        "ts": ms(bill.at),
        "type": bill.kind,
    }


def _interest_row(row: InterestRow) -> Row:
    return {
        "ccy": row.asset,
        "instId": _pair_name(row.pair),
        "interest": amount(row.interest),
        "interestRate": amount(row.rate),
        "liab": amount(row.principal),
        "totalLiab": amount(row.principal),
        "interestFreeLiab": "0",
        "mgnMode": _margin_mode(row.pair),
        "ts": ms(row.at),
        "type": "2",
    }


def _inst_type(bill: Bill) -> str:
    if bill.pair is None:
        return ""
    return MARGIN if bill.margin_mode else SPOT


def _pair_name(pair: Pair | None) -> str:
    return inst_id(pair) if pair is not None else ""


def _margin_mode(pair: Pair | None) -> str:
    return CROSS if pair is not None else ""
