"""OKX's fills and ledger read into the domain's words: pure functions.

Shapes: https://www.okx.com/docs-v5/en/ (March to July 2026) and recordings. A type that is not listed here is
UnreadableAnswer: it is never guessed.
"""

from collections.abc import Callable

from jarvis.domain.account import LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, FillId, VenueOrderId
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
from jarvis.venues.okx.symbols import pair_of

_FORCED_CATEGORIES = frozenset({"full_liquidation", "partial_liquidation", "adl"})
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
    return _fill(
        row,
        what,
        spawned=spawned(VenueOrderId(text(row, "ordId", what))),
        fee=("fee", "feeCcy"),
        is_margin=spot_is_margin or text(row, "instType", what) == "MARGIN",
        is_forced=text_or_none(row, "subType", what) in _FORCED_SUB_TYPES,
    )


def parse_order_fill(row: Record, spawned: Spawned | None, *, spot_is_margin: bool) -> Fill | None:
    """The fill that an update of the stream's `orders` tells; None if it tells none.

    `{..., "tradeId":"242589207","fillPx":"31527.1","fillSz":"0.001","fillTime":"1654084353263","fillFee":"-0.0252",
    "fillFeeCcy":"USDT","execType":"M"}` beside the fields of parse_order. The last update of a market order may repeat
    none.
    """
    what = "orders"
    if not number_or_zero(row, "fillSz", what) or text_or_none(row, "tradeId", what) is None:
        return None
    return _fill(
        row,
        what,
        spawned=spawned,
        fee=("fillFee", "fillFeeCcy"),
        is_margin=spot_is_margin or text(row, "instType", what) == "MARGIN",
        is_forced=text_or_none(row, "category", what) in _FORCED_CATEGORIES,
    )


def _fill(
    row: Record, what: str, *, spawned: Spawned | None, fee: tuple[str, str], is_margin: bool, is_forced: bool
) -> Fill:
    fee_key, fee_asset_key = fee
    name, order_id = text(row, "instId", what), text(row, "ordId", what)
    pair = pair_of(name)
    client_order_id = text_or_none(row, "clOrdId", what)
    quantity, price = number(row, "fillSz", what), number(row, "fillPx", what)
    role = text(row, "execType", what)
    if role not in ("T", "M"):
        raise unreadable(what, "execType", row)
    try:
        return Fill(
            # A trade's id is told per instrument, and twice where both of its sides are ours.
            fill_id=FillId(f"{name}:{text(row, 'tradeId', what)}:{order_id}"),
            venue_order_id=VenueOrderId(order_id) if spawned is None else algo_order_id(spawned.algo_id),
            client_order_id=(ClientOrderId(client_order_id) if client_order_id else None)
            if spawned is None
            else spawned.client_order_id,
            pair=pair,
            side=side(row, what),
            quantity=quantity,
            price=price,
            cost=quantity * price,
            # Negative is paid, positive a rebate.
            fee=-number_or_zero(row, fee_key, what) or ZERO,
            fee_asset=Asset(text_or_none(row, fee_asset_key, what) or pair.quote),
            at=moment(row, "fillTime", what),
            is_maker=role == "M",
            is_margin=is_margin,
            is_liquidation=is_forced,
        )
    except ValueError as error:
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
