"""Orders and fills as OKX tells them, by REST and over sockets."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderStatus
from jarvis.emulators.okx.names import algo_id, bill_id, inst_id
from jarvis.emulators.okx.orders import BASE_CCY, MARGIN, QUOTE_CCY
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.state import OrderNote, VenueState
from jarvis.emulators.okx.text import Row, amount, ms
from jarvis.sim.exchange import SimFill, SimOrder

STATES = {
    OrderStatus.OPEN: "live",
    OrderStatus.PARTLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "canceled",
    OrderStatus.EXPIRED: "canceled",
}
_REASONS = {
    "2": "The reduce-only order found less to reduce than it wanted.",
    "13": "The fill-or-kill order could not be filled at once in full.",
    "14": "The rest of the immediate-or-cancel order was not filled.",
    "20": "Cancel all after was triggered.",
    "31": "The post-only order would have taken liquidity.",
}
FORGOTTEN = timedelta(hours=2)
"""Orders that were cancelled without a fill leave the history after this time."""


def order_row(state: VenueState, order: SimOrder) -> Row:
    """An order in full."""
    note = state.note(order)
    terms = note.terms
    account = state.keys.accounts[order.account]
    fills = fills_of(state, order)
    latest = fills[-1] if fills else None
    fee_asset, fee = _fee(order, fills)
    cost = sum((fill.fill.cost for fill in fills), ZERO)
    filled = sum((fill.fill.quantity for fill in fills), ZERO)
    is_margin = terms.book.inst_type == MARGIN
    leverage = account.leverage(inst_id(order.pair), default=_max_leverage(state, order)) if is_margin else None
    at = order.closed_at or (latest.fill.at if latest else None) or order.triggered_at or order.placed_at
    return {
        "instType": terms.book.inst_type,
        "instId": inst_id(order.pair),
        "tgtCcy": _target(note),
        "ccy": terms.book.margin_asset or "",
        "tradeQuoteCcy": terms.trade_quote or order.pair.quote,
        "ordId": note.order_id,
        "clOrdId": terms.client_id,
        "tag": terms.tag,
        "px": amount(order.limit_price),
        "pxUsd": "",
        "pxVol": "",
        "pxType": "",
        "sz": amount(_size(order, note)),
        "pnl": amount(_profit(state, fills)),
        "ordType": terms.ord_type,
        "side": order.side.value,
        "posSide": "net" if is_margin else "",
        "tdMode": terms.book.td_mode,
        "accFillSz": amount(filled),
        "fillPx": amount(latest.fill.price) if latest else "",
        "tradeId": str(latest.number) if latest else "",
        "fillSz": amount(latest.fill.quantity) if latest else "0",
        "fillTime": ms(latest.fill.at) if latest else "",
        "avgPx": amount(cost / filled) if filled else "",
        "state": STATES[order.status],
        "lever": "" if leverage is None else str(leverage),
        "attachAlgoClOrdId": "",
        "tpTriggerPx": "",
        "tpTriggerPxType": "",
        "tpOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "slOrdPx": "",
        "attachAlgoOrds": [_attached(each) for each in terms.attached],
        "linkedAlgoOrd": {"algoId": ""},
        "feeCcy": fee_asset,
        "fee": amount(-fee),
        "rebateCcy": order.pair.quote if order.side.value == "buy" else order.pair.base,
        "rebate": "0",
        "source": note.source,
        "category": "full_liquidation" if order.is_liquidation else "normal",
        "reduceOnly": "true" if terms.reduce_only else "false",
        "isTpLimit": "false",
        "cancelSource": cancel_source(order, note),
        "cancelSourceReason": _REASONS.get(cancel_source(order, note), ""),
        "quickMgnType": "",
        "stpId": "",
        "stpMode": terms.stp_mode,
        "algoId": "" if note.algo is None else algo_id(note.algo),
        "algoClOrdId": "",
        "uTime": ms(at),
        "cTime": ms(order.triggered_at if note.algo is not None and order.triggered_at else order.placed_at),
    }


def stream_row(state: VenueState, order: SimOrder, fill: SimFill | None) -> Row:
    """An order as the `orders` channel tells it: what one fill did to it stands beside its totals."""
    row = order_row(state, order)
    note = state.note(order)
    request_id, amend_source, amend_result = note.amend
    notional = order.quantity * (order.limit_price or state.last(order.pair))
    row |= {
        "notionalUsd": amount(notional),
        "fillPnl": amount(_profit(state, [fill])) if fill is not None else "0",
        "fillFee": amount(-fill.fill.fee) if fill is not None else "0",
        "fillFeeCcy": fill.fill.fee_asset if fill is not None else "",
        "execType": _exec_type(fill) if fill is not None else "",
        "fillNotionalUsd": amount(fill.fill.cost) if fill is not None else "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillPxUsd": "",
        "fillPxVol": "",
        "amendSource": amend_source,
        "reqId": request_id,
        "amendResult": amend_result,
        "lastPx": amount(state.last(order.pair)),
        "code": "0",
        "msg": "",
    }
    if fill is None:
        row |= {"fillSz": "0", "fillPx": "", "tradeId": "", "fillTime": ""}
    else:
        row |= {
            "fillSz": amount(fill.fill.quantity),
            "fillPx": amount(fill.fill.price),
            "tradeId": str(fill.number),
            "fillTime": ms(fill.fill.at),
        }
    return row


def fill_row(state: VenueState, fill: SimFill) -> Row:
    """One fill."""
    executed = fill.fill
    note = state.note(fill.order)
    bill = state.books.of(fill.account).fill_bills[str(executed.fill_id)]
    model = state.exchange.model.fee
    return {
        "instType": note.terms.book.inst_type,
        "instId": inst_id(executed.pair),
        "tradeId": str(fill.number),
        "ordId": note.order_id,
        "clOrdId": note.terms.client_id,
        "billId": bill_id(bill.number),
        "subType": bill.sub_kind,
        "tag": note.terms.tag,
        "fillPx": amount(executed.price),
        "fillSz": amount(executed.quantity),
        "fillIdxPx": amount(executed.price),
        "fillPnl": amount(bill.profit),
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "side": executed.side.value,
        "posSide": "net",
        "execType": _exec_type(fill),
        "feeCcy": executed.fee_asset,
        "fee": amount(-executed.fee),
        "feeRate": amount(-(model.maker_rate if executed.is_maker else model.taker_rate)),
        "fillTime": ms(executed.at),
        "ts": ms(executed.at),
        "tradeQuoteCcy": executed.pair.quote,
    }


def fills_of(state: VenueState, order: SimOrder) -> Sequence[SimFill]:
    """The order's fills that happened before or with this picture of it, oldest first."""
    known = state.books.of(order.account).fills.get(order.order_id, [])
    total, fills = ZERO, []
    for fill in known:
        total += fill.fill.quantity
        if total > order.filled_quantity:
            break
        fills.append(fill)
    return fills


def cancel_source(order: SimOrder, note: OrderNote) -> str:
    """Who or what ended the order; `""` while it works or was filled."""
    if STATES[order.status] != "canceled":
        return ""
    if note.cancel_source:
        return note.cancel_source
    if order.is_liquidation:
        return "3"
    if note.terms.ord_type in ("ioc", "market"):
        return "2" if note.terms.reduce_only else "14"
    return "2" if note.terms.reduce_only else "0"


def _fee(order: SimOrder, fills: Sequence[SimFill]) -> tuple[Asset, Decimal]:
    received = order.pair.base if order.side.value == "buy" else order.pair.quote
    asset = fills[0].fill.fee_asset if fills else received
    return asset, sum((fill.fill.fee for fill in fills), ZERO)


def _profit(state: VenueState, fills: Sequence[SimFill]) -> Decimal:
    bills = (state.books.of(fill.account).fill_bills.get(str(fill.fill.fill_id)) for fill in fills)
    return sum((bill.profit for bill in bills if bill is not None), ZERO)


def _size(order: SimOrder, note: OrderNote) -> Decimal:
    return note.terms.size if note.terms.buys_by_quote or note.terms.sells_by_quote else order.quantity


def _target(note: OrderNote) -> str:
    if not note.terms.is_market:
        return ""
    if note.terms.book.margin_asset is not None:
        return QUOTE_CCY if note.terms.buys_by_quote else ""
    return note.terms.target or (QUOTE_CCY if note.terms.buys_by_quote else BASE_CCY)


def _exec_type(fill: SimFill) -> str:
    return "M" if fill.fill.is_maker else "T"


def _max_leverage(state: VenueState, order: SimOrder) -> int:
    return max(state.instrument(order.pair).leverages(order.side), default=1)


def _attached(params: Params) -> Row:
    names = (
        "attachAlgoClOrdId",
        "tpTriggerPx",
        "tpTriggerPxType",
        "tpOrdPx",
        "slTriggerPx",
        "slTriggerPxType",
        "slOrdPx",
    )
    return {"attachAlgoId": "", "sz": ""} | {name: params.text(name) for name in names}
