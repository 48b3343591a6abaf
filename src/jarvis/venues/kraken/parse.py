"""Kraken's REST answers read into the domain's words: pure functions, one per answer.

Shapes: https://docs.kraken.com/api/ (2025-10 to 2026-05) and recordings of real accounts. REST spells numbers as text,
times and counts as JSON numbers, and often both over the years; every reader here takes either. A status, type or
currency that is not listed here is UnreadableAnswer: it is never guessed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.account import (
    Balance,
    FeeRates,
    KeyPermissions,
    LedgerKind,
    LedgerRow,
    LedgerRowId,
    MarginState,
    VenuePosition,
)
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, ZERO, round_nearest
from jarvis.domain.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    ClientOrderId,
    Fill,
    FillId,
    OrderReport,
    OrderStatus,
    OrderType,
    VenueOrderId,
)
from jarvis.venues.base import UnreadableAnswer, VenueStatus
from jarvis.venues.kraken.fields import (
    Record,
    decode,
    inner,
    items,
    list_of,
    moment,
    moment_or_none,
    number,
    number_or_none,
    order_type,
    record_of,
    side,
    text,
    unreadable,
    whole,
)
from jarvis.venues.kraken.symbols import AssetRow, PairNames, Symbols

_STATUSES = {
    "online": VenueStatus.ONLINE,
    "maintenance": VenueStatus.MAINTENANCE,
    "cancel_only": VenueStatus.CANCEL_ONLY,
    "post_only": VenueStatus.POST_ONLY,
}
_PAIR_STATUSES = {
    "online": InstrumentStatus.ONLINE,
    "cancel_only": InstrumentStatus.CANCEL_ONLY,
    "post_only": InstrumentStatus.POST_ONLY,
    "limit_only": InstrumentStatus.LIMIT_ONLY,
    "reduce_only": InstrumentStatus.REDUCE_ONLY,
}
LEDGER_KINDS = {
    "trade": LedgerKind.TRADE,
    "margin": LedgerKind.MARGIN,
    "rollover": LedgerKind.ROLLOVER,
    "settled": LedgerKind.SETTLED,
    "deposit": LedgerKind.DEPOSIT,
    "withdrawal": LedgerKind.WITHDRAWAL,
    "transfer": LedgerKind.TRANSFER,
    "adjustment": LedgerKind.ADJUSTMENT,
    "credit": LedgerKind.CREDIT,
    "spend": LedgerKind.CONVERSION,
    "receive": LedgerKind.CONVERSION,
    "sale": LedgerKind.CONVERSION,
    "conversion": LedgerKind.CONVERSION,
    "staking": LedgerKind.REWARD,
    "reward": LedgerKind.REWARD,
    "earn": LedgerKind.REWARD,
    "dividend": LedgerKind.REWARD,
}
_TERMS = re.compile(r"(\d+(?:\.\d+)?)% per 4 hours")
_PERCENT = Decimal(100)


def parse_envelope(body: bytes) -> tuple[Any, list[str]]:
    """The result and the error strings of any answer.

    `{"error":["EGeneral:Permission denied"]}`, `{"error":[],"result":{"unixtime":1616336594}}`
    """
    answer = record_of(decode(body), "answer")
    errors = items(answer, "error", "answer")
    if not all(isinstance(each, str) for each in errors):
        raise unreadable("answer", "error", answer)
    return answer.get("result"), errors


def parse_time(result: object) -> datetime:
    """The venue's clock, in whole seconds: `{"unixtime":1616336594,"rfc1123":"Sun, 21 Mar 21 14:23:14 +0000"}`."""
    return moment(record_of(result, "Time"), "unixtime", "Time")


def parse_status(result: object) -> VenueStatus:
    """What the venue accepts now: `{"status":"online","timestamp":"2021-03-21T15:33:02Z"}`."""
    record = record_of(result, "SystemStatus")
    try:
        return _STATUSES[text(record, "status", "SystemStatus")]
    except KeyError:
        raise unreadable("SystemStatus", "status", record) from None


def parse_assets(result: object) -> list[AssetRow]:
    """Every asset's names and precision.

    `{"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"display_decimals":5,"collateral_value":0.99}}`
    """
    return [
        AssetRow(asset_id, text(record, "altname", "Assets"), whole(record, "decimals", "Assets"))
        for asset_id, record in _records(result, "Assets")
    ]


def parse_pair_names(result: object) -> list[PairNames]:
    """Every pair's names, from AssetPairs (see parse_instruments)."""
    return [
        PairNames(
            venue_id=pair_id,
            altname=text(record, "altname", "AssetPairs"),
            wsname=record.get("wsname"),
            base=text(record, "base", "AssetPairs"),
            quote=text(record, "quote", "AssetPairs"),
        )
        for pair_id, record in _records(result, "AssetPairs")
    ]


def parse_instruments(result: object, symbols: Symbols, pairs: Iterable[Pair]) -> dict[Pair, Instrument]:
    """The rules of those of `pairs` that the venue lists.

    `{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","cost_decimals":5,
    "pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[2,3,10],"leverage_sell":[2,3,10],"fees":[],
    "margin_call":80,"margin_stop":40,"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online",
    "long_position_limit":350,"short_position_limit":250}}`
    """
    wanted = frozenset(pairs)
    instruments = {}
    for pair_id, record in _records(result, "AssetPairs"):
        pair = symbols.pair(pair_id)
        if pair in wanted and symbols.pair_id(pair) == pair_id:
            instruments[pair] = _instrument(pair, pair_id, record, symbols)
    return instruments


def _instrument(pair: Pair, pair_id: str, record: Record, symbols: Symbols) -> Instrument:
    what = "AssetPairs"
    tick = number_or_none(record, "tick_size", what)
    try:
        return Instrument(
            pair=pair,
            symbol=pair_id,
            tick=tick if tick is not None else _step(whole(record, "pair_decimals", what)),
            lot=_step(whole(record, "lot_decimals", what)),
            cost_step=_step(symbols.decimals(pair.quote)),
            min_quantity=number(record, "ordermin", what),
            min_cost=number_or_none(record, "costmin", what) or ZERO,
            leverage_long=_leverages(record, "leverage_buy"),
            leverage_short=_leverages(record, "leverage_sell"),
            status=_PAIR_STATUSES[text(record, "status", what)],
            long_position_limit=number_or_none(record, "long_position_limit", what),
            short_position_limit=number_or_none(record, "short_position_limit", what),
            margin_call_level=number(record, "margin_call", what) / _PERCENT,
            liquidation_level=number(record, "margin_stop", what) / _PERCENT,
        )
    except KeyError:
        raise unreadable(what, "status", record) from None
    except ValueError as error:
        raise UnreadableAnswer(f"Kraken AssetPairs: {error}") from error


def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def _leverages(record: Record, key: str) -> tuple[int, ...]:
    steps = items(record, key, "AssetPairs")
    if not all(isinstance(step, int) and not isinstance(step, bool) and step > 0 for step in steps):
        raise unreadable("AssetPairs", key, record)
    return tuple(sorted(steps))


def parse_bars(result: object, pair: Pair, interval: timedelta, now: datetime) -> list[Bar]:
    """The finished candles, oldest first; the venue's last row is the forming one and left out.

    `{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23]],"last":1688671200}`:
    time, open, high, low, close, vwap, volume, count; `last` is the newest finished candle.
    """
    record = record_of(result, "OHLC")
    last = moment(record, "last", "OHLC")
    names = [key for key in record if key != "last"]
    if len(names) != 1:
        raise unreadable("OHLC", "(one pair)", record)
    bars = [_bar(row, pair, interval) for row in items(record, names[0], "OHLC")]
    return [bar for bar in bars if bar.opened_at <= last and bar.closed_at <= now]


def _bar(row: object, pair: Pair, interval: timedelta) -> Bar:
    values = list_of(row, "OHLC")
    if len(values) != 8:
        raise unreadable("OHLC", "(row of eight)", values)
    fields = dict(zip(("time", "open", "high", "low", "close", "vwap", "volume", "count"), values, strict=True))
    try:
        return Bar(
            pair=pair,
            interval=interval,
            opened_at=moment(fields, "time", "OHLC"),
            open=number(fields, "open", "OHLC"),
            high=number(fields, "high", "OHLC"),
            low=number(fields, "low", "OHLC"),
            close=number(fields, "close", "OHLC"),
            volume=number(fields, "volume", "OHLC"),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Kraken OHLC: a candle of {pair} contradicts itself") from error


def parse_key_permissions(result: object) -> KeyPermissions:
    """What the key may do. Two spellings are in use: the documentation's camelCase and snake_case.

    `{"api_key_name":"jarvis","api_key":"AbC..","nonce":"1","nonce_window":"0","permissions":["query-funds"],
    "iban":"AA..","valid_until":"0","query_from":"0","query_to":"0","created_time":"1522132642",
    "modified_time":"1618230358","ip_allowlist":[""],"last_used":null}`
    """
    what = "GetApiKeyInfo"
    record = {_snake(key): value for key, value in record_of(result, what).items()}
    granted = items(record, "permissions", what)
    addresses = items(record, "ip_allowlist", what)
    if not all(isinstance(each, str) for each in (*granted, *addresses)):
        raise unreadable(what, "permissions, ip_allowlist", record)
    return KeyPermissions(
        granted=frozenset(granted),
        label=text(record, "api_key_name", what),
        public_id=text(record, "api_key", what),
        ip_allowlist=tuple(address for address in addresses if address),
        expires_at=_set_moment(record, "valid_until", what),
        history_limited=any(_set_moment(record, key, what) is not None for key in ("query_from", "query_to")),
        nonce_window=whole(record, "nonce_window", what),
        modified_at=_set_moment(record, "modified_time", what),
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _set_moment(record: Record, key: str, what: str) -> datetime | None:
    """A limit that must be told: absent is not the same as "not set"."""
    if key not in record:
        raise unreadable(what, key, record)
    return moment_or_none(record, key, what)


def parse_fee_rates(result: object, pair_ids: Mapping[Pair, str]) -> dict[Pair, FeeRates]:
    """The account's fees as fractions; Kraken tells percent. A pair without a maker schedule pays the taker's.

    `{"currency":"ZUSD","volume":"2007.4","fees":{"XXBTZUSD":{"fee":"0.4000","minfee":"0.1000","maxfee":"0.4000",
    "nextfee":"0.3500","nextvolume":"10000.0000","tiervolume":"0.0000"}},"fees_maker":{"XXBTZUSD":{"fee":"0.2500"}}}`
    """
    what = "TradeVolume"
    record = record_of(result, what)
    takers = inner(record, "fees", what)
    makers = record_of(record.get("fees_maker") or {}, what)
    rates = {}
    for pair, pair_id in pair_ids.items():
        taker = number(inner(takers, pair_id, what), "fee", what) / _PERCENT
        maker = number(inner(makers, pair_id, what), "fee", what) / _PERCENT if pair_id in makers else taker
        rates[pair] = FeeRates(maker_rate=maker, taker_rate=taker)
    return rates


def parse_balances(result: object, symbols: Symbols) -> tuple[Balance, ...]:
    """Every asset held: `{"ZUSD":{"balance":"25435.21","hold_trade":"8249.76"}}`.

    Available is balance + credit - credit_used - hold_trade.
    """
    what = "BalanceEx"
    balances = []
    for asset_id, record in _records(result, what):
        total = number(record, "balance", what)
        credit = number_or_none(record, "credit", what) or ZERO
        used = number_or_none(record, "credit_used", what) or ZERO
        available = total + credit - used - number(record, "hold_trade", what)
        balances.append(Balance(symbols.asset(asset_id), total, available))
    return tuple(balances)


def parse_margin_state(result: object, at: datetime) -> MarginState:
    """The account's margin in USD; `ml`, in percent, is absent when nothing is open.

    `{"eb":"1101.3425","tb":"392.2264","m":"7.0354","n":"-10.0232","c":"21.1063","v":"31.1297","e":"382.2032",
    "mf":"375.1678","ml":"5432.57"}`
    """
    what = "TradeBalance"
    record = record_of(result, what)
    level = number_or_none(record, "ml", what)
    return MarginState(
        asset=USD,
        at=at,
        equity=number(record, "e", what),
        trade_balance=number(record, "tb", what),
        used_margin=number(record, "m", what),
        free_margin=number(record, "mf", what),
        unrealised=number(record, "n", what),
        margin_level=None if level is None else level / _PERCENT,
    )


@dataclass(frozen=True, slots=True)
class VenueLot:
    """One open lot: what one opening fill left. `quantity` and `cost` are what remains of it."""

    lot_id: str
    pair: Pair
    side: Side
    quantity: Decimal
    cost: Decimal
    used_margin: Decimal
    rollover_rate: Decimal | None
    next_rollover_at: datetime | None


def parse_lots(result: object, symbols: Symbols) -> tuple[VenueLot, ...]:
    """The open lots, `{}` when flat. What a lot lost by closing takes its share of cost and margin away.

    `{"TF5GVO-T7ZZ2-6NBKBI":{"ordertxid":"OLWNFG-LLH4R-D6SFFP","posstatus":"open","pair":"XXBTZUSD",
    "time":1605280097.8294,"type":"buy","ordertype":"limit","cost":"104610.52842","fee":"289.06565",
    "vol":"8.82412861","vol_closed":"0.20200000","margin":"20922.10568","value":"258797.5","net":"+154186.9728",
    "terms":"0.0100% per 4 hours","rollovertm":"1616672637","misc":"","oflags":""}}`
    """
    return tuple(_lot(lot_id, record, symbols) for lot_id, record in _records(result, "OpenPositions"))


def _lot(lot_id: str, record: Record, symbols: Symbols) -> VenueLot:
    what = "OpenPositions"
    if text(record, "posstatus", what) != "open":
        raise unreadable(what, "posstatus", record)
    pair = symbols.pair(text(record, "pair", what))
    opened = number(record, "vol", what)
    remaining = opened - number(record, "vol_closed", what)
    if remaining <= 0:
        raise unreadable(what, "vol, vol_closed", record)
    step = _step(symbols.decimals(pair.quote))

    def share(key: str) -> Decimal:
        whole_amount = number(record, key, what)
        return whole_amount if remaining == opened else round_nearest(whole_amount * remaining / opened, step)

    return VenueLot(
        lot_id=lot_id,
        pair=pair,
        side=side(record, "type", what),
        quantity=remaining,
        cost=share("cost"),
        used_margin=share("margin"),
        rollover_rate=_rollover_rate(record),
        next_rollover_at=moment_or_none(record, "rollovertm", what),
    )


def _rollover_rate(record: Record) -> Decimal | None:
    terms = record.get("terms")
    if terms in (None, ""):
        return None
    found = _TERMS.fullmatch(terms) if isinstance(terms, str) else None
    if found is None:
        raise unreadable("OpenPositions", "terms", record)
    return Decimal(found[1]) / _PERCENT


def positions_of(lots: Iterable[VenueLot]) -> tuple[VenuePosition, ...]:
    """The lots summed by pair. Kraken nets by pair, so lots of both sides at once are unreadable."""
    by_pair: dict[Pair, list[VenueLot]] = {}
    for lot in lots:
        by_pair.setdefault(lot.pair, []).append(lot)
    return tuple(_position(pair, by_pair[pair]) for pair in sorted(by_pair))


def _position(pair: Pair, lots: list[VenueLot]) -> VenuePosition:
    if len({lot.side for lot in lots}) > 1:
        raise UnreadableAnswer(f"Kraken OpenPositions: {pair} is open both long and short")
    return VenuePosition(
        pair=pair,
        side=lots[0].side,
        quantity=sum((lot.quantity for lot in lots), ZERO),
        cost=sum((lot.cost for lot in lots), ZERO),
        used_margin=sum((lot.used_margin for lot in lots), ZERO),
        lots=len(lots),
        rollover_rate=max((lot.rollover_rate for lot in lots if lot.rollover_rate is not None), default=None),
        next_rollover_at=min((lot.next_rollover_at for lot in lots if lot.next_rollover_at is not None), default=None),
    )


def parse_orders(result: object, symbols: Symbols, what: str) -> tuple[OrderReport, ...]:
    """Orders by their id, as OpenOrders (under `open`), ClosedOrders (`closed`) and QueryOrders tell them.

    `{"OB5VMB-B4U2U-DK2WRW":{"refid":null,"userref":0,"cl_ord_id":"jv0000001","status":"open",
    "opentm":1616665899.5699,"starttm":0,"expiretm":0,"descr":{"pair":"XBTUSD","type":"buy","ordertype":"limit",
    "price":"14500.0","price2":"0","leverage":"5:1","order":"buy 0.27500000 XBTUSD @ limit 14500.0 with 5:1 leverage",
    "close":""},"vol":"0.27500000","vol_exec":"0.00000000","cost":"0.00000","fee":"0.00000","price":"0.00000",
    "stopprice":"0.00000","limitprice":"0.00000","misc":"","oflags":"fciq"}}`
    """
    return tuple(_order(order_id, record, symbols, what) for order_id, record in _records(result, what))


def _order(order_id: str, record: Record, symbols: Symbols, what: str) -> OrderReport:
    descr = inner(record, "descr", what)
    quantity, filled = number(record, "vol", what), number(record, "vol_exec", what)
    kind = order_type(descr, "ordertype", what)
    client_order_id = record.get("cl_ord_id")
    if not (client_order_id is None or isinstance(client_order_id, str)):
        raise unreadable(what, "cl_ord_id", record)
    limit_price, trigger_price = _prices(kind, descr, record, what)
    return OrderReport(
        venue_order_id=VenueOrderId(order_id),
        status=_order_status(record, quantity, filled, what),
        at=moment_or_none(record, "closetm", what) or moment(record, "opentm", what),
        client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
        pair=symbols.pair(text(descr, "pair", what)),
        side=side(descr, "type", what),
        order_type=kind,
        quantity=quantity,
        filled_quantity=filled,
        limit_price=limit_price,
        trigger_price=trigger_price,
        leverage=_leverage(descr, what),
        reduce_only=record.get("reduce_only") if isinstance(record.get("reduce_only"), bool) else None,
        reason=record["reason"] if isinstance(record.get("reason"), str) else "",
    )


def _order_status(record: Record, quantity: Decimal, filled: Decimal, what: str) -> OrderStatus:
    """Kraken's five words for ours. `closed` with less filled than ordered ended otherwise than by filling."""
    match text(record, "status", what):
        case "pending" | "open":
            return OrderStatus.PARTLY_FILLED if filled > 0 else OrderStatus.OPEN
        case "closed":
            return OrderStatus.FILLED if filled >= quantity else OrderStatus.CANCELLED
        case "canceled":
            return OrderStatus.CANCELLED
        case "expired":
            return OrderStatus.EXPIRED
        case _:
            raise unreadable(what, "status", record)


def _prices(kind: OrderType | None, descr: Record, record: Record, what: str) -> tuple[Decimal | None, Decimal | None]:
    """Limit and trigger price. `price` is the trigger of a triggered order, and then `price2` its limit.

    A trailing stop's `price` is its offset (`+1.0000%`); where it would trigger now is `stopprice`.
    """
    if kind is OrderType.TRAILING_STOP:
        return None, number_or_none(record, "stopprice", what) or None
    if kind in TRIGGERED_TYPES:
        return (number(descr, "price2", what) if kind in LIMIT_TYPES else None), number(descr, "price", what)
    return (number(descr, "price", what) if kind is OrderType.LIMIT else None), None


def _leverage(descr: Record, what: str) -> int:
    told = text(descr, "leverage", what)
    if told == "none":
        return 1
    times, colon, one = told.partition(":")
    if not times.isdecimal() or (colon and one != "1"):
        raise unreadable(what, "leverage", descr)
    return max(1, int(times))


def parse_placed(result: object, *, validate_only: bool) -> tuple[VenueOrderId | None, str]:
    """The new order's id (None when only validated) and the venue's own words for it.

    `{"descr":{"order":"buy 2.12340000 XBTUSD @ limit 25000.1 with 2:1 leverage"},"txid":["OUF4EM-FRGI2-MQMWZD"]}`
    """
    what = "AddOrder"
    record = record_of(result, what)
    description = text(inner(record, "descr", what), "order", what)
    if validate_only:
        return None, description
    ids = items(record, "txid", what)
    if len(ids) != 1 or not isinstance(ids[0], str):
        raise unreadable(what, "txid", record)
    return VenueOrderId(ids[0]), description


def parse_amended(result: object) -> str:
    """The amendment's id: `{"amend_id":"TJSMEH-AA67V-YUSQ6O"}`."""
    return text(record_of(result, "AmendOrder"), "amend_id", "AmendOrder")


def parse_cancelled(result: object) -> int:
    """How many orders were cancelled: `{"count":1}`, with `"pending":true` while it is being done."""
    return whole(record_of(result, "CancelOrder"), "count", "CancelOrder")


def parse_token(result: object) -> str:
    """The token that opens a private stream: `{"token":"1Dwc4lzSwN","expires":900}`."""
    return text(record_of(result, "GetWebSocketsToken"), "token", "GetWebSocketsToken")


def parse_fills(
    result: object, symbols: Symbols, client_order_id: Callable[[VenueOrderId], ClientOrderId | None]
) -> list[Fill]:
    """The fills of one page of TradesHistory, in the venue's order (newest first).

    `{"trades":{"THVRQM-33VKH-UCI7BS":{"ordertxid":"OQCLML-BW3P3-BUCMWZ","postxid":"TKH2SE-M7IF5-CFI7LT",
    "pair":"XXBTZUSD","time":1688667796.8802,"type":"buy","ordertype":"limit","price":"30010.00000",
    "cost":"600.20000","fee":"0.96032","vol":"0.02000000","margin":"60.02000","leverage":"10","misc":"",
    "trade_id":40274859,"maker":true}},"count":1}`. `misc` of a closing fill holds `closing`, of a forced one
    `liquidation` (older texts: `liquidated`).
    """
    what = "TradesHistory"
    trades = inner(record_of(result, what), "trades", what)
    return [_fill(fill_id, record, symbols, client_order_id) for fill_id, record in _records(trades, what)]


def _fill(
    fill_id: str,
    record: Record,
    symbols: Symbols,
    client_order_id: Callable[[VenueOrderId], ClientOrderId | None],
) -> Fill:
    what = "TradesHistory"
    pair = symbols.pair(text(record, "pair", what))
    order_id = VenueOrderId(text(record, "ordertxid", what))
    notes = set(text(record, "misc", what).split(","))
    is_margin = number(record, "margin", what) > 0 or "closing" in notes or "posstatus" in record
    try:
        return Fill(
            fill_id=FillId(fill_id),
            venue_order_id=order_id,
            client_order_id=client_order_id(order_id),
            pair=pair,
            side=side(record, "type", what),
            quantity=number(record, "vol", what),
            price=number(record, "price", what),
            cost=number(record, "cost", what),
            fee=number(record, "fee", what),
            fee_asset=pair.quote,
            at=moment(record, "time", what),
            is_maker=record.get("maker") is True,
            is_margin=is_margin,
            is_liquidation=bool(notes & {"liquidation", "liquidated"}),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Kraken TradesHistory: fill {fill_id} trades nothing") from error


def parse_ledger(result: object, symbols: Symbols) -> list[LedgerRow]:
    """The rows of one page of Ledgers, in the venue's order (newest first).

    `{"ledger":{"L4UESK-KG3EQ-UFO4T5":{"refid":"TJKLXF-PGMUI-4NTLXU","time":1688464484.1787,"type":"margin",
    "subtype":"","aclass":"currency","asset":"ZUSD","amount":"-24.5000","fee":"0.0490","balance":"459567.9171"}},
    "count":1}`
    """
    what = "Ledgers"
    rows = inner(record_of(result, what), "ledger", what)
    return [
        LedgerRow(
            row_id=LedgerRowId(row_id),
            ref_id=text(record, "refid", what),
            at=moment(record, "time", what),
            kind=ledger_kind(record, what),
            asset=symbols.asset(text(record, "asset", what)),
            amount=number(record, "amount", what),
            fee=number(record, "fee", what),
            balance=number(record, "balance", what),
        )
        for row_id, record in _records(rows, what)
    ]


def ledger_kind(record: Record, what: str) -> LedgerKind:
    """What a ledger row is about; the same words on REST and on the stream."""
    try:
        return LEDGER_KINDS[text(record, "type", what)]
    except KeyError:
        raise unreadable(what, "type", record) from None


def _records(result: object, what: str) -> Iterable[tuple[str, Record]]:
    for key, value in record_of(result, what).items():
        yield key, record_of(value, what)
