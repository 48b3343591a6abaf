"""Borrowing and repaying by hand, and the histories of loans, interest, liquidations, transfers and flows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.account import LedgerKind
from jarvis.domain.money import ZERO, is_multiple, plain, round_down
from jarvis.emulators.binance.burn import BNB
from jarvis.emulators.binance.errors import (
    BALANCE_NOT_ENOUGH,
    BELOW_MIN_BORROW,
    BELOW_MIN_REPAY,
    FLOW_SPAN_TOO_LONG,
    ISOLATED_MAX_BORROW,
    MAX_BORROW,
    NO_INVENTORY,
    PENDING_TRANSACTION,
    REPAY_EXCEEDS_DEBT,
    UNAUTHORISED,
    Problem,
    Refused,
    invalid,
    missing,
    too_precise,
)
from jarvis.emulators.binance.keys import Permission
from jarvis.emulators.binance.params import Params
from jarvis.emulators.binance.reference import BORROW_LIMITS
from jarvis.emulators.binance.state import Call, VenueState
from jarvis.emulators.binance.text import amount, ms, without_nothing
from jarvis.emulators.binance.views import liquidation_row, page
from jarvis.emulators.faults import FaultKind
from jarvis.sim.exchange import Refusal, SimBorrow, SimInterest, SimRefused, SimRepay

BORROW_REPAY = "POST /sapi/v1/margin/borrow-repay"
_EIGHT = Decimal("0.00000001")
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)
_QUARTER = timedelta(days=90)
_PARTLY = Decimal("0.9")
_FIRST_LOAN = 100_000_000_000
_SETTLING = 0.1
"""Seconds for which a loan or repayment is still pending: the venue asks for this distance between two."""
FLOW_TYPES = frozenset(
    {
        "TRANSFER",
        "BORROW",
        "REPAY",
        "BUY_INCOME",
        "BUY_EXPENSE",
        "SELL_INCOME",
        "SELL_EXPENSE",
        "TRADING_COMMISSION",
        "BUY_LIQUIDATION",
        "SELL_LIQUIDATION",
        "REPAY_LIQUIDATION",
        "OTHER_LIQUIDATION",
        "LIQUIDATION_FEE",
        "SMALL_BALANCE_CONVERT",
        "SMALL_CONVERT",
        "COMMISSION_RETURN",
    }
)


class Loans:
    """Loans of all accounts. `flush` tells everyone what a call has caused."""

    def __init__(self, state: VenueState, flush: Callable[[], None]) -> None:
        self._state = state
        self._flush = flush
        self._done_at: dict[str, float] = {}

    # Doing.

    def borrow_or_repay(self, call: Call) -> Any:
        """Borrow or repay by hand."""
        if Permission.MARGIN.value not in call.granted:
            raise Refused(UNAUTHORISED)
        params = call.params
        asset = self._state.asset(params)
        if "isIsolated" not in params:
            raise missing("isIsolated")
        pot = self._state.pot_of(call)
        wanted, kind = params.decimal("amount"), params.required("type")
        if wanted is None:
            raise missing("amount")
        if not is_multiple(wanted, _EIGHT):
            raise too_precise("amount")
        now, name = self._state.clock.seconds(), call.account.name
        if now - self._done_at.get(name, -_SETTLING) < _SETTLING:
            raise Refused(PENDING_TRANSACTION)
        if kind == "BORROW":
            number = self._borrow(call, asset, wanted, pot)
        elif kind == "REPAY":
            number = self._repay(call, asset, wanted, pot)
        else:
            raise invalid("type")
        self._done_at[name] = now
        self._flush()
        return {"tranId": number}

    def _borrow(self, call: Call, asset: Any, wanted: Decimal, pot: str) -> int:
        exchange, account = self._state.exchange, call.account.name
        if wanted <= ZERO:
            raise Refused(BELOW_MIN_BORROW)
        if self._state.faults.strike((FaultKind.INSUFFICIENT_MARGIN_POOL,), BORROW_REPAY, account):
            raise Refused(NO_INVENTORY)
        if wanted > BORROW_LIMITS.get(asset, ZERO):
            raise Refused(ISOLATED_MAX_BORROW if pot else MAX_BORROW)
        borrowed = exchange.borrow(account, asset, wanted, pot)
        if isinstance(borrowed, SimRefused):
            raise Refused(_borrow_problem(borrowed, pot))
        return _FIRST_LOAN + len(exchange.borrows(account)) * 2

    def _repay(self, call: Call, asset: Any, wanted: Decimal, pot: str) -> int:
        exchange, account = self._state.exchange, call.account.name
        if wanted <= ZERO:
            raise Refused(BELOW_MIN_REPAY)
        if self._state.faults.strike((FaultKind.REPAYMENT_REFUSED,), BORROW_REPAY, account):
            raise Refused(PENDING_TRANSACTION)
        holding = exchange.wallet(account, pot).holdings.get(asset)
        if holding is None or wanted > holding.borrowed + holding.interest:
            raise Refused(REPAY_EXCEEDS_DEBT)
        if wanted > holding.free:
            raise Refused(BALANCE_NOT_ENOUGH)
        if self._state.faults.strike((FaultKind.PARTIAL_REPAYMENT,), BORROW_REPAY, account):
            wanted = max(_EIGHT, round_down(wanted * _PARTLY, _EIGHT))
        repaid = exchange.repay(account, asset, wanted, pot)
        if isinstance(repaid, SimRefused):
            raise Refused(BALANCE_NOT_ENOUGH)
        return _FIRST_LOAN + len(exchange.repays(account)) * 2 + 1

    # Reading.

    def history(self, call: Call) -> Any:
        """Loans or repayments, newest first."""
        params, account = call.params, call.account.name
        kind = params.required("type")
        if kind not in ("BORROW", "REPAY"):
            raise invalid("type")
        pot = self._state.pot_by_symbol(call)
        asset, number = params.text("asset"), params.integer("txId")
        begin, end = self._span(params, _MONTH)
        rows = []
        records: Sequence[SimBorrow | SimRepay] = (
            self._state.exchange.borrows(account) if kind == "BORROW" else self._state.exchange.repays(account)
        )
        hidden = self._state.journal.hidden_repays
        for index, record in enumerate(records, start=1):
            if isinstance(record, SimRepay) and record.number in hidden:
                continue
            shown = _FIRST_LOAN + index * 2 + (kind == "REPAY")
            is_meant = shown == number if number is not None else begin <= record.at <= end
            if is_meant and record.pot == pot and asset in (None, record.asset):
                rows.append(self._loan_row(record, shown))
        return self._page(params, rows[::-1])

    def interest(self, call: Call) -> Any:
        """Charges of interest, newest first."""
        params = call.params
        pot, asset = self._state.pot_by_symbol(call), params.text("asset")
        begin, end = self._span(params, _MONTH)
        rows = [
            self._interest_row(record)
            for record in _latest(self._state.exchange.interests(call.account.name), begin, end)
            if record.pot == pot and asset in (None, self._charged_in(record))
        ]
        return self._page(params, rows)

    def capital_flow(self, call: Call) -> Any:
        """Every change of holdings: the latest ones first, or from a number on."""
        params = call.params
        pot = self._state.pot_by_symbol(call, "symbol")
        asset, kind, first = params.text("asset"), params.text("type"), params.integer("fromId")
        if kind is not None and kind not in FLOW_TYPES:
            raise invalid("type")
        limit = params.limit("limit", 500, 1000)
        begin, end = params.time("startTime"), params.time("endTime")
        if begin is not None and end is not None and end - begin > _WEEK:
            raise Refused(FLOW_SPAN_TOO_LONG)
        begin = max(begin or self._state.now() - _QUARTER, self._state.now() - _QUARTER)
        rows = [
            {
                "id": flow.number,
                "tranId": flow.number,
                "timestamp": ms(flow.at),
                "asset": flow.asset,
                "symbol": self._state.symbols.of[flow.pair].name if flow.pair else "",
                "type": flow.kind,
                "amount": plain(flow.amount),
                "note": "",
            }
            for flow in self._state.journal.flows(call.account.name)
            if flow.pot == pot
            and asset in (None, flow.asset)
            and kind in (None, flow.kind)
            and (first is None or flow.number >= first)
            and flow.at >= begin
            and (end is None or flow.at <= end)
        ]
        return rows[:limit] if first is not None else rows[::-1][:limit]

    def liquidations(self, call: Call) -> Any:
        """Forced orders, newest first."""
        params = call.params
        pot = self._state.pot_by_symbol(call)
        begin, end = self._span(params, _QUARTER)
        rows = [
            liquidation_row(self._state, note)
            for note in self._state.orders.all_of(call.account.name, pot)
            if note.is_liquidation and begin <= note.updated_at <= end
        ]
        return self._page(params, rows[::-1])

    def transfers(self, call: Call) -> Any:
        """Deposits into the margin account and withdrawals from it, newest first."""
        params, account = call.params, call.account
        pot = self._state.pot_by_symbol(call)
        asset, kind = params.text("asset"), params.text("type")
        begin, end = self._span(params, _MONTH)
        rows = [
            {
                "amount": amount(abs(row.amount)),
                "asset": row.asset,
                "status": "CONFIRMED",
                "timestamp": ms(row.at),
                "txId": _FIRST_LOAN // 10 + index,
                "type": "ROLL_IN" if row.amount > ZERO else "ROLL_OUT",
                "transFrom": "SPOT" if row.amount > ZERO else where,
                "transTo": where if row.amount > ZERO else "SPOT",
            }
            for index, row in enumerate(self._state.exchange.ledger(account.name), start=1)
            for where in ["ISOLATED_MARGIN" if pot else "CROSS_MARGIN"]
            if row.kind in (LedgerKind.DEPOSIT, LedgerKind.WITHDRAWAL, LedgerKind.TRANSFER)
            and (str(row.pair) if row.pair else "") == pot
            and asset in (None, row.asset)
            and begin <= row.at <= end
        ]
        return self._page(params, [row for row in rows[::-1] if kind in (None, row["type"])])

    def _span(self, params: Params, longest: timedelta) -> tuple[datetime, datetime]:
        """The span of a history: the last week by default, at most 90 days back."""
        begin, end = params.time("startTime"), params.time("endTime")
        now = self._state.now()
        if end is None:
            end = now if begin is None else min(now, begin + longest)
        if begin is None:
            begin = end - _WEEK
        if end < begin or end - begin > longest:
            raise invalid("startTime")
        return max(begin, now - _QUARTER), end

    def _page(self, params: Params, rows: Sequence[Any]) -> Any:
        current = params.integer("current") or 1
        return page(rows, current, params.limit("size", 10, 100))

    def _loan_row(self, record: SimBorrow | SimRepay, number: int) -> Any:
        symbol = self._state.pair_of(record.pot)
        if isinstance(record, SimRepay):
            is_manual = not record.automatic and record.number not in self._state.journal.automatic_repays
            interest, principal = record.interest, record.principal
        else:
            is_manual = record.order_id is None
            interest, principal = ZERO, record.amount
        return without_nothing(
            {
                "type": "MANUAL" if is_manual else "AUTO",
                "isolatedSymbol": symbol.name if symbol else None,
                "amount": amount(principal + interest),
                "asset": record.asset,
                "interest": amount(interest),
                "principal": amount(principal),
                "status": "CONFIRMED",
                "timestamp": ms(record.at),
                "txId": number,
            }
        )

    def _charged_in(self, record: SimInterest) -> str:
        return BNB if record.number in self._state.journal.burned else record.asset

    def _interest_row(self, record: SimInterest) -> Any:
        symbol = self._state.pair_of(record.pot)
        in_bnb = self._state.journal.burned.get(record.number)
        kind = "ON_BORROW" if record.on_borrow else "PERIODIC"
        return without_nothing(
            {
                "txId": interest_number(record),
                "interestAccuredTime": ms(record.at),
                "asset": record.asset if in_bnb is None else BNB,
                "rawAsset": record.asset,
                "principal": amount(record.principal),
                "interest": amount(record.interest if in_bnb is None else in_bnb),
                "interestRate": amount(record.rate),
                "type": kind if in_bnb is None else f"{kind}_CONVERTED",
                "isolatedSymbol": symbol.name if symbol else None,
            }
        )


def interest_number(record: SimInterest) -> int:
    """The number of a charge."""
    return 1_352_000_000_000_000_000 + record.number


def _latest(records: Sequence[SimInterest], begin: datetime, end: datetime) -> Iterator[SimInterest]:
    """Newest first, and no further back than asked."""
    for record in reversed(records):
        if record.at < begin:
            return
        if record.at <= end:
            yield record


def _borrow_problem(refused: SimRefused, pot: str) -> Problem:
    if refused.reason is Refusal.NOT_ELIGIBLE:
        return NO_INVENTORY
    return ISOLATED_MAX_BORROW if pot else MAX_BORROW
