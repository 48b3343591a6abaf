"""OKX's fills and ledger read into the domain's words: pure functions.

Shapes: https://www.okx.com/docs-v5/en/ (March to July 2026) and recordings. A type that is not listed here is
UnreadableAnswer: it is never guessed.
"""

from collections.abc import Callable

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, VenueOrderId
from jarvis.venues.okx.fields import (
    Record,
    milliseconds,
    moment,
    number,
    number_or_zero,
    side,
    text,
    text_or_none,
    unreadable,
)
from jarvis.venues.okx.parse import SPOT_CLASSES, Spawned, algo_order_id
from jarvis.venues.okx.symbols import fill_id, pair_of

_FORCED_SUB_TYPES = frozenset({"16", "17", "114", "115", *(str(number) for number in range(100, 108))})
_KINDS: dict[str, LedgerKind] = {
    "1": LedgerKind.TRANSFER,
    "3": LedgerKind.ADJUSTMENT,
    "4": LedgerKind.CONVERSION,
    "5": LedgerKind.LIQUIDATION_FEE,
    "8": LedgerKind.ADJUSTMENT,
    "9": LedgerKind.ADJUSTMENT,
    "10": LedgerKind.ADJUSTMENT,
    "11": LedgerKind.CONVERSION,
    "12": LedgerKind.TRANSFER,
    "13": LedgerKind.ADJUSTMENT,
    "14": LedgerKind.ADJUSTMENT,
    "18": LedgerKind.ADJUSTMENT,
    "24": LedgerKind.ADJUSTMENT,
    "26": LedgerKind.ADJUSTMENT,
    "27": LedgerKind.CONVERSION,
    "28": LedgerKind.CONVERSION,
    "29": LedgerKind.CONVERSION,
    "30": LedgerKind.CONVERSION,
    "32": LedgerKind.TRANSFER,
    "33": LedgerKind.ADJUSTMENT,
    "34": LedgerKind.ADJUSTMENT,
    "250": LedgerKind.ADJUSTMENT,
    "251": LedgerKind.ADJUSTMENT,
}
_TRADE = "2"
# They move nothing of the net balance: margin between a currency and its isolated position, the interest that was told
# when it accrued, quick margin, borrowing and repaying.
_SILENT = frozenset({"6", "7", "15", "16", "22"})


def parse_fill(
    row: Record,
    spawned: Callable[[VenueOrderId], Spawned | None],
    *,
    spot_is_margin: bool,
) -> Fill:
    """One row of `fills-history`. `spawned` tells which algo order an order came from, which these rows do not.

    `{"instType":"MARGIN","instId":"BTC-USDT","tradeId":"744876980","ordId":"680800019749904384","clOrdId":"jv0000001",
    "billId":"680800019754098688","subType":"1","tag":"","fillPx":"51858","fillSz":"0.00192834","fillPnl":"0",
    "side":"buy","posSide":"net","execType":"T","feeCcy":"BTC","fee":"-0.00000192834","fillTime":"1708587373361",
    "ts":"1708587373362"}`
    """
    what = "fills-history"
    name, order_id = text(row, "instId", what), VenueOrderId(text(row, "ordId", what))
    pair, origin, role = pair_of(name), spawned(order_id), text(row, "execType", what)
    client_order_id = text_or_none(row, "clOrdId", what)
    quantity, price = number(row, "fillSz", what), number(row, "fillPx", what)
    if role not in ("T", "M"):
        raise unreadable(what, "execType", row)
    try:
        return Fill(
            fill_id=fill_id(name, text(row, "tradeId", what), order_id),
            venue_order_id=order_id if origin is None else algo_order_id(origin.algo_id),
            client_order_id=(ClientOrderId(client_order_id) if client_order_id else None)
            if origin is None
            else origin.client_order_id,
            pair=pair,
            side=side(row, what),
            quantity=quantity,
            price=price,
            cost=quantity * price,
            # Negative is paid, positive a rebate.
            fee=-number_or_zero(row, "fee", what) or ZERO,
            fee_asset=Asset(text_or_none(row, "feeCcy", what) or pair.quote),
            at=moment(row, "fillTime", what),
            is_maker=role == "M",
            is_margin=spot_is_margin or text(row, "instType", what) == "MARGIN",
            is_liquidation=text_or_none(row, "subType", what) in _FORCED_SUB_TYPES,
        )
    except (ValueError, ArithmeticError) as error:
        raise unreadable(what, "fillSz, fillPx", row) from error


def parse_interest(row: Record) -> LedgerRow:
    """One hour's interest on one loan; the row has no id of its own, but is the only one of its hour and loan.

    `{"type":"2","ccy":"USDT","instId":"BTC-USDT","mgnMode":"cross","interest":"0.00039608","interestRate":"0.00000408",
    "liab":"97","totalLiab":"97","interestFreeLiab":"","ts":"1637312400000"}`
    """
    what = "interest-accrued"
    at, asset = moment(row, "ts", what), text(row, "ccy", what)
    name = text_or_none(row, "instId", what)
    mode = text_or_none(row, "mgnMode", what) or ""
    row_id = f"interest:{milliseconds(at)}:{asset}:{name or ''}:{mode}"
    return LedgerRow(
        row_id=LedgerRowId(row_id),
        ref_id=row_id,
        at=at,
        kind=LedgerKind.INTEREST,
        asset=Asset(asset),
        amount=ZERO,
        fee=abs(number(row, "interest", what)),
        balance=None,
        pair=pair_of(name) if name else None,
    )


def parse_bill(row: Record) -> LedgerRow | None:
    """One row of `bills`; None for what moves nothing of the net balances, or is told as a fill or as interest.

    `{"billId":"623950854533513219","type":"1","subType":"11","ts":"1695033476167","ccy":"USDT","balChg":"100",
    "bal":"8694.21","sz":"100","fee":"0","pnl":"0","instType":"","instId":"","mgnMode":"","ordId":"","tradeId":"",
    "execType":"","interest":"0","from":"6","to":"18","notes":""}`
    """
    what = "bills"
    kind = text(row, "type", what)
    is_fill = bool(text_or_none(row, "tradeId", what)) and (text_or_none(row, "instType", what) or "") in SPOT_CLASSES
    if kind in _SILENT or is_fill:
        return None
    change = number(row, "balChg", what)
    told = LedgerKind.ADJUSTMENT if kind == _TRADE else _KINDS.get(kind)
    if told is None:
        raise unreadable(what, "type", row)
    if not change:
        return None
    is_fee = told is LedgerKind.LIQUIDATION_FEE
    return LedgerRow(
        row_id=LedgerRowId(text(row, "billId", what)),
        ref_id=text_or_none(row, "ordId", what) or text(row, "billId", what),
        at=moment(row, "ts", what),
        kind=told,
        asset=Asset(text(row, "ccy", what)),
        amount=ZERO if is_fee else change,
        fee=-change if is_fee else ZERO,
        balance=None,
    )
