"""Binance's histories of interest, transfers and everything else, read as ledger rows: pure functions.

Fills, borrowings and repayments have no rows: a fill is its own evidence, and the other two move no net balance.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.binance.fields import (
    Record,
    items,
    milliseconds,
    moment,
    number,
    record_of,
    records_of,
    text,
    unreadable,
    whole,
)
from jarvis.venues.binance.symbols import pair_of

_INTEREST_TYPES = frozenset({"PERIODIC", "ON_BORROW", "PERIODIC_CONVERTED", "ON_BORROW_CONVERTED", "PORTFOLIO"})
_CROSS = "CROSS_MARGIN"


def parse_interest(answer: object, pair: Pair | None) -> tuple[list[LedgerRow], int]:
    """The charges of one page, of a pair's account or of the cross account, and how many records the page had.

    Charged in BNB (`*_CONVERTED`) the row's asset is BNB, and `rawAsset` what was borrowed.
    `{"rows":[{"txId":1352286576452864727,"interestAccuredTime":1672160400000,"asset":"USDT","rawAsset":"USDT",
    "principal":"45.3313","interest":"0.00024995","interestRate":"0.00013233","type":"ON_BORROW",
    "isolatedSymbol":"BNBUSDT"}],"total":1}`
    """
    what = "interestHistory"
    records = _rows(answer, what)
    # Without a pair some clients were told the isolated accounts' charges too.
    ours = [record for record in records if pair is not None or not record.get("isolatedSymbol")]
    return [_interest(record, pair) for record in ours], len(records)


def _interest(record: Record, pair: Pair | None) -> LedgerRow:
    what = "interestHistory"
    if text(record, "type", what) not in _INTEREST_TYPES:
        raise unreadable(what, "type", record)
    at, asset, charge_id = moment(record, "interestAccuredTime", what), text(record, "asset", what), record.get("txId")
    return LedgerRow(
        row_id=LedgerRowId(f"interest:{whole(record, 'txId', what)}:{asset}:{milliseconds(at)}"),
        ref_id=str(charge_id),
        at=at,
        kind=LedgerKind.INTEREST,
        asset=Asset(asset),
        amount=ZERO,
        fee=number(record, "interest", what),
        balance=None,
        pair=pair,
    )


def parse_transfers(answer: object, pair: Pair | None) -> tuple[list[LedgerRow], int]:
    """The finished transfers of one page into and out of the account, and how many records the page had.

    `{"rows":[{"amount":"0.10000000","asset":"BNB","status":"CONFIRMED","timestamp":1566898617000,"txId":5240372201,
    "type":"ROLL_IN","transFrom":"SPOT","transTo":"CROSS_MARGIN"}],"total":1}`; older rows have no `transFrom`.
    """
    what = "margin/transfer"
    records = _rows(answer, what)
    rows = [_transfer(record, pair) for record in records if _concerns(record, pair)]
    return [row for row in rows if row is not None], len(records)


def _concerns(record: Record, pair: Pair | None) -> bool:
    """Whether the row is about this account: asked without a pair the venue may tell of the isolated ones too."""
    if pair is not None:
        return True
    end = record.get("transTo" if record.get("type") == "ROLL_IN" else "transFrom")
    return end in (None, _CROSS)


def _transfer(record: Record, pair: Pair | None) -> LedgerRow | None:
    what = "margin/transfer"
    match text(record, "status", what):
        case "CONFIRMED":
            pass
        case "PENDING" | "FAILED":
            return None
        case _:
            raise unreadable(what, "status", record)
    direction = {"ROLL_IN": 1, "ROLL_OUT": -1}.get(text(record, "type", what))
    if direction is None:
        raise unreadable(what, "type", record)
    transfer_id = whole(record, "txId", what)
    where = "cross" if pair is None else str(pair)
    return LedgerRow(
        row_id=LedgerRowId(f"transfer:{where}:{transfer_id}:{'in' if direction > 0 else 'out'}"),
        ref_id=str(transfer_id),
        at=moment(record, "timestamp", what),
        kind=LedgerKind.TRANSFER,
        asset=Asset(text(record, "asset", what)),
        amount=number(record, "amount", what) * direction,
        fee=ZERO,
        balance=None,
        pair=pair,
    )


# What a row of the capital flow does to the balance: its kind here, and how its amount and fee come of what is told.
_Effect = tuple[LedgerKind, Callable[[Decimal], Decimal], Callable[[Decimal], Decimal]]


def _none(_: Decimal) -> Decimal:
    return ZERO


def _as_told(amount: Decimal) -> Decimal:
    return amount


_FLOWS: Mapping[str, _Effect] = {
    "LIQUIDATION_FEE": (LedgerKind.LIQUIDATION_FEE, _none, abs),
    "OTHER_LIQUIDATION": (LedgerKind.ADJUSTMENT, _as_told, _none),
    "SMALL_BALANCE_CONVERT": (LedgerKind.CONVERSION, _as_told, _none),
    "SMALL_CONVERT": (LedgerKind.CONVERSION, _as_told, _none),
    "COMMISSION_RETURN": (LedgerKind.REWARD, abs, _none),
}
# Trades by hand in pairs that Jarvis does not trade have no fill here, so their rows are told. The word gives the sign.
_STRANGE_TRADES: Mapping[str, int] = {
    "BUY_INCOME": 1,
    "SELL_INCOME": 1,
    "BUY_EXPENSE": -1,
    "SELL_EXPENSE": -1,
    "TRADING_COMMISSION": -1,
}
_TOLD_OTHERWISE = frozenset(
    {"TRANSFER", "BORROW", "REPAY", "BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", *_STRANGE_TRADES}
)


def parse_capital_flow(answer: object, pair: Pair | None) -> tuple[list[LedgerRow], int]:
    """What of the capital flow no other record tells, and how many records the answer had.

    `[{"id":123456,"tranId":123123,"timestamp":1691116657000,"asset":"USDT","symbol":"BTCUSDT","type":"LIQUIDATION_FEE",
    "amount":"-1.15","note":""}]`
    """
    what = "capital-flow"
    records = records_of(answer, what)
    rows = [_flow(record, pair) for record in records]
    return [row for row in rows if row is not None], len(records)


def _flow(record: Record, pair: Pair | None) -> LedgerRow | None:
    what = "capital-flow"
    kind, told = text(record, "type", what), number(record, "amount", what)
    if kind in _FLOWS:
        ledger_kind, amount_of, fee_of = _FLOWS[kind]
        amount, fee = amount_of(told), fee_of(told)
    elif kind in _STRANGE_TRADES and _is_strange(record.get("symbol")):
        ledger_kind, amount, fee = LedgerKind.ADJUSTMENT, abs(told) * _STRANGE_TRADES[kind], ZERO
    elif kind in _TOLD_OTHERWISE:
        return None
    else:
        raise unreadable(what, "type", record)
    flow_id = whole(record, "id", what)
    return LedgerRow(
        row_id=LedgerRowId(f"flow:{flow_id}"),
        ref_id=str(whole(record, "tranId", what)),
        at=moment(record, "timestamp", what),
        kind=ledger_kind,
        asset=Asset(text(record, "asset", what)),
        amount=amount,
        fee=fee,
        balance=None,
        pair=pair,
    )


def _is_strange(symbol: object) -> bool:
    try:
        pair_of(str(symbol))
    except UnreadableAnswer:
        return bool(symbol)
    return False


def _rows(answer: object, what: str) -> list[Record]:
    return records_of(items(record_of(answer, what), "rows", what), what)
