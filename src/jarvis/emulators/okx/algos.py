"""Algo orders: stops, take-profits, both with one cancelling the other, triggers and trailing stops.

An algo order is no order: it has its own id, and the order that it becomes has another. On the exchange each of its
legs waits as a triggered order that keeps no money; when one is triggered the algo order is `effective`, the other leg
is cancelled, and the client sees an order that `source` says came from it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, round_nearest
from jarvis.domain.order import OrderType
from jarvis.emulators.okx.algo import (
    ALGO_FIELDS,
    ALGO_TYPES,
    AMEND_ALGO_FIELDS,
    AT_MARKET,
    CANCELLED,
    CONDITIONAL,
    EFFECTIVE,
    FAILED,
    LIVE,
    MOST_AT_ONCE,
    OCO,
    PAUSED,
    PRICE_TYPES,
    SOURCES,
    Algo,
    Leg,
)
from jarvis.emulators.okx.errors import Refused, bad_parameter, one_of, refusal_of
from jarvis.emulators.okx.keys import VenueAccount
from jarvis.emulators.okx.names import algo_id, inst_id
from jarvis.emulators.okx.orders import (
    BASE_CCY,
    QUOTE_CCY,
    OrderTerms,
    in_lots,
    read_book,
    read_client_id,
    read_pair,
    read_reduce_only,
    read_side,
    read_size,
    read_tag,
    read_target,
)
from jarvis.emulators.okx.paging import days_ago, page
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import Row, Rows, amount, ms
from jarvis.emulators.okx.trading import Outcome, Trading
from jarvis.sim.exchange import OrderNews, SimEvent, SimOrder, SimOrderEvent, SimRefused


class Algos:
    """All algo orders of the venue. `changed` collects those that the stream must tell."""

    def __init__(self, state: VenueState, trading: Trading) -> None:
        self._state = state
        self._trading = trading
        self._algos: dict[int, Algo] = {}
        self._count = 0
        self.changed: list[Algo] = []

    # Calls.

    def place_algo(self, call: Call) -> Outcome:
        """Take one algo order."""
        params = call.params
        try:
            algo = self._read(call.account, params, call.now)
            self._start(call.account, algo)
        except Refused as refused:
            if not refused.is_of_an_order:
                raise
            return Outcome([_failed(params, refused)])
        return Outcome([_ack(algo, call.params.text("clOrdId"))])

    def cancel_algos(self, call: Call) -> Outcome:
        """Cancel up to ten algo orders."""
        if len(call.items) > MOST_AT_ONCE:
            raise Refused("50018", "Parameter args exceeds the maximum number of orders", status=400)
        rows: Rows = []
        for item in call.items:
            try:
                algo = self._named(call.account, item)
                if algo is None or algo.state not in (LIVE, PAUSED):
                    raise Refused(
                        "51400", "Cancellation failed as the order has been filled, canceled or does not exist."
                    )
                self._cancel(algo)
                rows.append(_ack(algo))
            except Refused as refused:
                if not refused.is_of_an_order:
                    raise
                rows.append(_failed(item, refused))
        return Outcome(rows)

    def amend_algos(self, call: Call) -> Outcome:
        """Change size or prices of one algo order."""
        params = call.params
        try:
            params.allow(AMEND_ALGO_FIELDS)
            algo = self._named(call.account, params)
            if algo is None or algo.state not in (LIVE, PAUSED):
                raise Refused(
                    "51503", "Order modification failed as the order has been filled, canceled or does not exist."
                )
            self._amend(algo, params)
        except Refused as refused:
            if not refused.is_of_an_order:
                raise
            return Outcome([_failed(params, refused) | {"reqId": params.text("reqId")}])
        return Outcome([_ack(algo) | {"reqId": params.text("reqId")}])

    def get(self, call: Call) -> Rows:
        """One algo order."""
        call.params.either("algoId", "algoClOrdId")
        algo = self._find(call.account, call.params)
        if algo is None:
            raise Refused("51603", "Order does not exist")
        return [self.row(algo)]

    def pending(self, call: Call) -> Rows:
        """Algo orders that wait."""
        return self._listed(call, call.params, (LIVE, PAUSED))

    def history(self, call: Call) -> Rows:
        """Algo orders of the last three months that are over."""
        params = call.params
        params.either("state", "algoId")
        state = params.choice("state", (EFFECTIVE, CANCELLED, FAILED))
        return self._listed(call, params, (state,) if state else (EFFECTIVE, CANCELLED, FAILED))

    # From orders and from the market.

    def react(self, events: Iterable[SimEvent]) -> None:
        """Follow what happened: legs that were triggered or ended, and orders whose attached algos begin now."""
        for event in events:
            if not isinstance(event, SimOrderEvent):
                continue
            note = self._state.note(event.order)
            if note.algo is not None and (algo := self._algos.get(note.algo)) is not None:
                self._follow(algo, event)
            if event.kind is OrderNews.FILLED and note.terms.attached:
                for attached in note.terms.attached:
                    self._attach(event.order, attached)

    def activate(self) -> None:
        """Start the trailing stops whose activation price was reached."""
        for algo in self._algos.values():
            if algo.state == LIVE and not algo.resting and algo.active_price is not None:
                last = self._state.last(algo.pair)
                if (last - algo.active_price) * algo.terms.side.sign <= 0:
                    self._rest(self._state.keys.accounts[algo.account], algo)

    def row(self, algo: Algo) -> Row:
        """One algo order in full."""
        state = self._state
        result = state.exchange.order(algo.account, algo.result) if algo.result is not None else None
        own = state.order_id(result) if result is not None else ""
        terms = algo.terms
        account = state.keys.accounts[algo.account]
        instrument = state.instrument(algo.pair)
        trigger, trailing = algo.leg("trigger"), algo.leg("trailing")
        resting = algo.resting.get("trailing")
        moving = state.exchange.order(algo.account, resting) if resting is not None else None
        leverage = account.leverage(inst_id(algo.pair), default=max(instrument.leverages(terms.side), default=1))
        return {
            "instType": terms.book.inst_type,
            "instId": inst_id(algo.pair),
            "ccy": terms.book.margin_asset or "",
            "tradeQuoteCcy": algo.pair.quote,
            "ordId": own,
            "ordIdList": [own] if own else [],
            "algoId": algo_id(algo.number),
            "clOrdId": terms.client_id,
            "algoClOrdId": algo.client_id,
            "sz": amount(terms.size),
            "closeFraction": "",
            "ordType": algo.ord_type,
            "side": terms.side.value,
            "posSide": "net",
            "tdMode": terms.book.td_mode,
            "tgtCcy": terms.target,
            "state": algo.state,
            "lever": str(leverage) if terms.book.margin_asset is not None else "",
            **_leg_fields("tp", algo.leg("tp")),
            **_leg_fields("sl", algo.leg("sl")),
            "triggerPx": amount(trigger.trigger) if trigger is not None else "",
            "triggerPxType": "last" if trigger is not None else "",
            "ordPx": _order_price(trigger),
            "actualSz": amount(result.filled_quantity) if result is not None else "0",
            "actualPx": amount(result.average_price) if result is not None else "",
            "actualSide": algo.triggered_by if algo.triggered_by in ("tp", "sl") else "",
            "triggerTime": ms(algo.triggered_at),
            "callbackRatio": amount(algo.ratio),
            "callbackSpread": amount(algo.spread),
            "activePx": amount(algo.active_price),
            "moveTriggerPx": amount(moving.trigger_price) if moving is not None and trailing is not None else "",
            "pxVar": "",
            "pxSpread": "",
            "pxLimit": "",
            "szLimit": "",
            "tag": terms.tag,
            "timeInterval": "",
            "cTime": ms(algo.created_at),
            "uTime": ms(algo.updated_at),
            "reduceOnly": "true" if terms.reduce_only else "false",
            "quickMgnType": "",
            "last": amount(state.last(algo.pair)),
            "failCode": algo.fail_code,
            "amendPxOnTriggerType": "0",
            "attachAlgoOrds": [],
            "linkedOrd": {"ordId": algo.parent},
            "isTradeBorrowMode": "",
        }

    def stream_row(self, algo: Algo) -> Row:
        """One algo order as its channel tells it."""
        value = algo.quantity * self._state.last(algo.pair)
        return self.row(algo) | {"notionalUsd": amount(value), "amendResult": "", "reqId": "", "count": "1"}

    # Reading.

    def _read(self, account: VenueAccount, params: Params, now: datetime) -> Algo:
        params.allow(ALGO_FIELDS)
        state = self._state
        client_id = read_client_id(params, "algoClOrdId") or read_client_id(params)
        book = read_book(state.names, params, account)
        side = read_side(params)
        ord_type = params.required("ordType")
        if ord_type not in ALGO_TYPES:
            raise bad_parameter("ordType")
        if params.text("posSide", "net") != "net":
            raise bad_parameter("posSide")
        size = self._size(account, params)
        target = read_target(params, book, is_market=True)
        if target == QUOTE_CCY and side is Side.SELL:
            raise bad_parameter("tgtCcy")
        legs, ratio, spread = self._legs(params, book.pair, side, ord_type)
        at_market = all(leg.price is None for leg in legs)
        terms = OrderTerms(
            book=book,
            side=side,
            ord_type="market" if at_market else "limit",
            size=size,
            price=None,
            client_id=read_client_id(params),
            tag=read_tag(params),
            target=target,
            reduce_only=read_reduce_only(params, account, book),
        )
        if client_id and any(each.client_id == client_id and each.state == LIVE for each in self.of(account)):
            raise Refused("51065", "algoClOrdId already exists.")
        self._count += 1
        return Algo(
            number=self._count,
            account=account.name,
            terms=terms,
            ord_type=ord_type,
            legs=legs,
            client_id=client_id,
            quantity=self._base_size(terms, legs),
            created_at=now,
            updated_at=now,
            ratio=ratio,
            spread=spread,
            active_price=params.positive("activePx"),
        )

    def _size(self, account: VenueAccount, params: Params) -> Decimal:
        """`sz`, or all that is open for a `closeFraction` of 1."""
        if "closeFraction" not in params:
            return read_size(params)
        if params.decimal("closeFraction") != 1 or not params.boolean("reduceOnly") or not account.has_positions:
            raise bad_parameter("closeFraction")
        book = read_book(self._state.names, params, account)
        position = self._state.ledger(account).position(book.pair, book.margin_asset or book.pair.quote)
        if position is None:
            raise Refused("51169", "Order failed. You don't have any positions in this direction to reduce or close.")
        return self._state.instrument(book.pair).round_quantity(position.closable(ZERO))

    def _base_size(self, terms: OrderTerms, legs: tuple[Leg, ...]) -> Decimal:
        instrument = self._state.instrument(terms.pair)
        quantity = terms.size
        if terms.buys_by_quote:
            # What it will cost is not known yet: it is valued at the trigger.
            price = next((leg.trigger for leg in legs if leg.trigger is not None), self._state.last(terms.pair))
            quantity = in_lots(terms.size, price, instrument.lot)
        if quantity < instrument.min_quantity:
            raise Refused("51020", "Your order should meet or exceed the minimum order amount.")
        if not instrument.quantity_fits(quantity):
            raise Refused("51121", "Order quantity must be a multiple of the lot size.")
        return quantity

    def _legs(
        self, params: Params, pair: Pair, side: Side, ord_type: str
    ) -> tuple[tuple[Leg, ...], Decimal | None, Decimal | None]:
        last = self._state.last(pair)
        match ord_type:
            case "conditional" | "oco":
                legs = tuple(self._exits(params, pair, side))
                wanted = 2 if ord_type == OCO else 1
                if not legs:
                    raise one_of("tpTriggerPx", "slTriggerPx")
                if len(legs) < wanted:
                    raise bad_parameter("tpTriggerPx" if legs[0].kind == "sl" else "slTriggerPx")
                return legs, None, None
            case "trigger":
                trigger = self._price(params, pair, "triggerPx")
                params.required("triggerPx")
                params.required("orderPx")
                price = self._order_price(params, pair, "orderPx")
                is_above = trigger is not None and trigger > last
                stops = is_above if side is Side.BUY else not is_above
                return (Leg("trigger", _type_of(stops=stops, limited=price is not None), trigger, price),), None, None
            case _:
                params.either("callbackRatio", "callbackSpread")
                ratio, spread = params.positive("callbackRatio"), params.positive("callbackSpread")
                tick = self._state.instrument(pair).tick
                offset = spread if spread is not None else max(tick, round_nearest(last * (ratio or ZERO), tick))
                return (Leg("trailing", OrderType.TRAILING_STOP, None, None, offset),), ratio, spread

    def _exits(self, params: Params, pair: Pair, side: Side) -> Iterable[Leg]:
        last = self._state.last(pair)
        for kind, stops in (("tp", False), ("sl", True)):
            if f"{kind}TriggerPx" not in params:
                continue
            params.choice(f"{kind}TriggerPxType", PRICE_TYPES, "last")
            trigger = self._price(params, pair, f"{kind}TriggerPx")
            price = self._order_price(params, pair, f"{kind}OrdPx")
            # A sell takes profit above and stops below; a buy the other way round.
            beyond = trigger is not None and ((trigger > last) == (side is Side.SELL)) and trigger != last
            if beyond is stops:
                code = "51280" if stops else "51277"
                raise Refused(code, f"The {kind.upper()} trigger price is on the wrong side of the last price")
            yield Leg(kind, _type_of(stops=stops, limited=price is not None), trigger, price)

    def _price(self, params: Params, pair: Pair, name: str) -> Decimal | None:
        price = params.positive(name)
        if price is not None and not self._state.instrument(pair).price_fits(price):
            raise bad_parameter(name)
        return price

    def _order_price(self, params: Params, pair: Pair, name: str) -> Decimal | None:
        """A limit, or None for `-1` and for nothing: at market."""
        if params.decimal(name) in (None, AT_MARKET):
            return None
        return self._price(params, pair, name)

    # Doing.

    def _start(self, account: VenueAccount, algo: Algo) -> None:
        """Begin to wait. Raises Refused."""
        if algo.active_price is None:
            self._rest(account, algo, refuse=True)
        self._algos[algo.number] = algo
        self.changed.append(algo)

    def _rest(self, account: VenueAccount, algo: Algo, *, refuse: bool = False) -> None:
        for leg in algo.legs:
            terms = replace(
                algo.terms,
                price=leg.price,
                ord_type="market" if leg.price is None else "limit",
                target=BASE_CCY if algo.terms.book.margin_asset is None else "",
            )
            request = self._trading.request(account, terms, algo.quantity, leg.order_type)
            request = replace(request, trigger_price=leg.trigger, trailing_offset=leg.offset, locks=False)
            placed = self._state.exchange.place(account.name, request)
            if isinstance(placed, SimRefused):
                for kind in list(algo.resting):
                    self._state.exchange.cancel(account.name, algo.resting.pop(kind))
                refusal = refusal_of(placed)
                if refuse:
                    raise refusal
                algo.state, algo.fail_code = FAILED, refusal.code
                self.changed.append(algo)
                return
            algo.resting[leg.kind] = placed.order_id
            self._trading.keep(account, placed.order, terms, algo=algo.number, source=SOURCES[leg.kind])

    def _follow(self, algo: Algo, event: SimOrderEvent) -> None:
        kind = next((kind for kind, known in algo.resting.items() if known == event.order.order_id), None)
        if kind is None:
            return
        match event.kind:
            case OrderNews.TRIGGERED if algo.state == LIVE:
                self._trigger(algo, kind, event.order, event.at)
            case OrderNews.CANCELLED | OrderNews.EXPIRED if algo.state == LIVE and event.order.is_open is False:
                # The exchange ended a leg by itself: nothing is left to reduce, or it could not be filled.
                del algo.resting[kind]
                self._touch(algo, FAILED if event.order.triggered_at else CANCELLED, event.at)
                self._drop_legs(algo)
            case _:
                pass

    def _trigger(self, algo: Algo, kind: str, order: SimOrder, at: datetime) -> None:
        algo.triggered_at, algo.triggered_by, algo.result = at, kind, order.order_id
        self._touch(algo, EFFECTIVE, at)
        self._drop_legs(algo, besides=kind)

    def _cancel(self, algo: Algo) -> None:
        self._touch(algo, CANCELLED, self._state.now())
        self._drop_legs(algo)

    def _drop_legs(self, algo: Algo, besides: str = "") -> None:
        for kind, known in algo.resting.items():
            if kind != besides:
                self._state.exchange.cancel(algo.account, known)

    def _touch(self, algo: Algo, state: str, at: datetime) -> None:
        algo.state, algo.updated_at = state, at
        self.changed.append(algo)

    def _amend(self, algo: Algo, params: Params) -> None:
        """Change what waits. Raises Refused, before anything was changed unless the exchange refuses a leg."""
        size = params.positive("newSz")
        changes: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        names = {"tp": ("newTpTriggerPx", "newTpOrdPx"), "sl": ("newSlTriggerPx", "newSlOrdPx")}
        names["trigger"] = ("newTriggerPx", "newOrdPx")
        for kind, (trigger_name, price_name) in names.items():
            if trigger_name in params or price_name in params:
                if algo.leg(kind) is None:
                    raise bad_parameter(trigger_name)
                trigger = self._price(params, algo.pair, trigger_name)
                changes[kind] = (trigger, self._order_price(params, algo.pair, price_name))
        if size is None and not changes:
            raise one_of("newSz", "newSlTriggerPx", "newTpTriggerPx")
        legs = []
        for leg in algo.legs:
            trigger, price = changes.get(leg.kind, (None, None))
            if leg.kind in algo.resting and (size is not None or leg.kind in changes):
                changed = self._state.exchange.amend(
                    algo.account,
                    algo.resting[leg.kind],
                    quantity=size,
                    limit_price=price,
                    trigger_price=trigger,
                )
                if isinstance(changed, SimRefused):
                    raise refusal_of(changed)
            legs.append(replace(leg, trigger=trigger or leg.trigger, price=price or leg.price))
        algo.legs = tuple(legs)
        if size is not None:
            algo.quantity = size
            algo.terms = replace(algo.terms, size=size)
        self._touch(algo, algo.state, self._state.now())

    def _attach(self, parent: SimOrder, attached: Params) -> None:
        """Begin an exit that was ordered together with its entry, of what the entry filled."""
        state = self._state
        account, note = state.keys.accounts[parent.account], state.note(parent)
        side = parent.side.opposite
        try:
            legs = tuple(self._exits(attached, parent.pair, side))
        except Refused:
            # The price has run past the trigger already: OKX lets such an exit fail.
            return
        self._count += 1
        quantity = parent.filled_quantity
        if side is Side.SELL:
            filled = state.ledger(account).fills.get(parent.order_id, [])
            fees = sum((fill.fill.fee_in_base for fill in filled), ZERO)
            quantity = state.instrument(parent.pair).round_quantity(quantity - fees)
        terms = OrderTerms(
            book=note.terms.book,
            side=side,
            ord_type="market",
            size=quantity,
            price=None,
            tag=note.terms.tag,
            target=BASE_CCY,
            reduce_only=note.terms.book.margin_asset is not None,
        )
        algo = Algo(
            number=self._count,
            account=account.name,
            terms=terms,
            ord_type=OCO if len(legs) > 1 else CONDITIONAL,
            legs=legs,
            client_id=attached.text("attachAlgoClOrdId"),
            quantity=quantity,
            created_at=state.now(),
            updated_at=state.now(),
            parent=note.order_id,
        )
        self._algos[algo.number] = algo
        self.changed.append(algo)
        self._rest(account, algo)

    # Finding.

    def of(self, account: VenueAccount) -> list[Algo]:
        """The account's algo orders, oldest first."""
        return [algo for algo in self._algos.values() if algo.account == account.name]

    def _find(self, account: VenueAccount, params: Params) -> Algo | None:
        wanted, client_id = params.text("algoId"), params.text("algoClOrdId")
        found = [
            algo
            for algo in self.of(account)
            if (wanted and algo_id(algo.number) == wanted) or (not wanted and algo.client_id == client_id)
        ]
        return found[-1] if found else None

    def _named(self, account: VenueAccount, params: Params) -> Algo | None:
        pair = read_pair(self._state.names, params)
        params.either("algoId", "algoClOrdId")
        algo = self._find(account, params)
        return algo if algo is not None and algo.pair == pair else None

    def _listed(self, call: Call, params: Params, states: tuple[str, ...]) -> Rows:
        kinds = params.names("ordType")
        if not kinds:
            params.required("ordType")
        if any(kind not in (*ALGO_TYPES, "iceberg", "twap", "chase") for kind in kinds):
            raise bad_parameter("ordType")
        wanted, client_id = params.text("algoId"), params.text("algoClOrdId")
        inst_type, name = params.text("instType"), params.text("instId")
        found = page(
            [
                algo
                for algo in self.of(call.account)
                if algo.state in states
                and algo.ord_type in kinds
                and inst_type in ("", algo.terms.book.inst_type)
                and name in ("", inst_id(algo.pair))
                and wanted in ("", algo_id(algo.number))
                and client_id in ("", algo.client_id)
            ],
            params,
            id_of=lambda algo: int(algo_id(algo.number)),
            time_of=lambda algo: algo.created_at,
            since=days_ago(call.now, 90) if LIVE not in states else None,
        )
        return [self.row(algo) for algo in found]


def _type_of(*, stops: bool, limited: bool) -> OrderType:
    if stops:
        return OrderType.STOP_LIMIT if limited else OrderType.STOP
    return OrderType.TAKE_PROFIT_LIMIT if limited else OrderType.TAKE_PROFIT


def _leg_fields(kind: str, leg: Leg | None) -> Row:
    return {
        f"{kind}TriggerPx": amount(leg.trigger) if leg is not None else "",
        f"{kind}TriggerPxType": "last" if leg is not None else "",
        f"{kind}OrdPx": _order_price(leg),
    }


def _order_price(leg: Leg | None) -> str:
    if leg is None:
        return ""
    return "-1" if leg.price is None else amount(leg.price)


def _ack(algo: Algo, client_id: str = "") -> Row:
    return {
        "algoId": algo_id(algo.number),
        "clOrdId": client_id,
        "algoClOrdId": algo.client_id,
        "sCode": "0",
        "sMsg": "",
        "tag": algo.terms.tag,
    }


def _failed(params: Params, refused: Refused) -> Row:
    return {
        "algoId": params.text("algoId"),
        "clOrdId": params.text("clOrdId"),
        "algoClOrdId": params.text("algoClOrdId"),
        "sCode": refused.code,
        "sMsg": refused.message,
        "tag": params.text("tag"),
    }
