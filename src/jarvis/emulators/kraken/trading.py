"""Placing, amending, replacing and cancelling: the rules of both doors, and REST's own words for them.

The WebSocket speaks other words for the same things and calls the same methods (`submit`, `amend`, `cancel`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from jarvis.domain.instrument import InstrumentStatus
from jarvis.domain.order import ClientOrderId, OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.kraken.errors import (
    CANNOT_OPEN_POSITION,
    COST_MINIMUM,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_MARGIN_POOL,
    INVALID_ARGUMENTS,
    INVALID_ORDER,
    MARGIN_LEVEL_TOO_LOW,
    ORDER_MINIMUM,
    ORDER_RATE_LIMIT,
    ORDERS_LIMIT,
    POSITION_SIZE_EXCEEDED,
    POST_ONLY,
    REDUCE_ONLY_NO_POSITION,
    SCHEDULED_LIMIT,
    TICK_SIZE,
    UNKNOWN_ORDER,
    UNKNOWN_POSITION,
    Refused,
    invalid_argument,
    market_mode,
)
from jarvis.emulators.kraken.keys import VenueAccount
from jarvis.emulators.kraken.names import PairName
from jarvis.emulators.kraken.orders import (
    LIMIT_TYPES,
    TRAILING_TYPES,
    TRIGGERED_TYPES,
    CloseTemplate,
    KrakenOrder,
    Price,
    check_client_id,
    check_deadline,
    check_price,
    read_order,
)
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.rates import amend_cost, cancel_cost, edit_cost
from jarvis.emulators.kraken.state import Amendment, Call, OrderNote, VenueState
from jarvis.emulators.kraken.text import fixed, rfc3339_seconds
from jarvis.emulators.kraken.views import view
from jarvis.sim.exchange import (
    ClosePrice,
    ConditionalClose,
    Refusal,
    SelfTrade,
    SimOrder,
    SimOrderRequest,
    SimPlaced,
    SimRefused,
)

_MAX_CANCELS = 50
_BATCH = range(2, 16)
_MAX_DEADMAN = 86_400
_TYPES = {
    "market": OrderType.MARKET,
    "settle-position": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "iceberg": OrderType.LIMIT,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
    "take-profit": OrderType.TAKE_PROFIT,
    "take-profit-limit": OrderType.TAKE_PROFIT_LIMIT,
    "trailing-stop": OrderType.TRAILING_STOP,
    "trailing-stop-limit": OrderType.TRAILING_STOP,
}
_STRINGS = {
    Refusal.INSUFFICIENT_FUNDS: INSUFFICIENT_FUNDS,
    Refusal.MARGIN_LEVEL_TOO_LOW: MARGIN_LEVEL_TOO_LOW,
    Refusal.POSITION_LIMIT: POSITION_SIZE_EXCEEDED,
    Refusal.NOT_ELIGIBLE: CANNOT_OPEN_POSITION,
    Refusal.NOTHING_TO_REDUCE: REDUCE_ONLY_NO_POSITION,
    Refusal.BELOW_MINIMUM: ORDER_MINIMUM,
    Refusal.PRICE_STEP: TICK_SIZE,
    Refusal.WOULD_TAKE: POST_ONLY,
    Refusal.ORDER_LIMIT: ORDERS_LIMIT,
    Refusal.UNKNOWN_ORDER: UNKNOWN_ORDER,
    # The string for a repeated cl_ord_id was not recorded; this one names the parameter.
    Refusal.DUPLICATE_ID: f"{INVALID_ARGUMENTS}:cl_ord_id",
    Refusal.MARKET_CLOSED: market_mode("cancel_only"),
    Refusal.INVALID: INVALID_ARGUMENTS,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What an amendment asks for; None leaves a thing as it is."""

    quantity: Decimal | None = None
    limit_price: Price | None = None
    trigger_price: Price | None = None
    post_only: bool = False


class Trading:
    """Carries out orders for accounts whose right to do so was checked. `told` is called after each change."""

    def __init__(self, state: VenueState, told: Callable[[], None]) -> None:
        self._state = state
        self._exchange = state.exchange
        self._told = told
        self._deadmen: dict[str, datetime] = {}

    # REST.

    def add_order(self, call: Call) -> Any:
        """Place one order: its sentence, and its id unless it was only validated."""
        params = call.params
        book = self._state.book(params.required("pair"), call.account)
        check_deadline(params.time("deadline"), call.now)
        order = self.read(params, book)
        is_validation = params.boolean("validate")
        placed = self.submit(call.account, order, validate=is_validation)
        answer: dict[str, Any] = {"descr": _description(order)}
        if not is_validation:
            answer["txid"] = [placed.order_id]
        return answer

    def add_order_batch(self, call: Call) -> Any:
        """Place 2 to 15 orders of one pair; all are read before the first is placed."""
        params = call.params
        book = self._state.book(params.required("pair"), call.account)
        check_deadline(params.time("deadline"), call.now)
        rows = params.rows("orders")
        if len(rows) not in _BATCH or not all(isinstance(row, dict) for row in rows):
            raise invalid_argument("orders")
        orders = [self.read(Params(row), book) for row in rows]
        is_validation = params.boolean("validate")
        return {"orders": [self._one_of_batch(call.account, order, is_validation) for order in orders]}

    def amend_order(self, call: Call) -> Any:
        """Change an open order in place."""
        params = call.params
        check_deadline(params.time("deadline"), call.now)
        order = self.named_order(call.account, params.text("txid"), params.text("cl_ord_id"))
        amend_id = self.amend(
            call.account,
            order,
            Change(
                quantity=params.decimal("order_qty"),
                limit_price=_price(params, "limit_price"),
                trigger_price=_price(params, "trigger_price"),
                post_only=params.boolean("post_only"),
            ),
        )
        return {"amend_id": amend_id}

    def edit_order(self, call: Call) -> Any:
        """Cancel an open order and place another like it, with what was given changed."""
        params = call.params
        check_deadline(params.time("deadline"), call.now)
        book = self._state.book(params.required("pair"), call.account)
        original = self.named_order(call.account, params.required("txid"), None)
        if original.pair != book.pair:
            raise Refused(INVALID_ORDER)
        replaced = self.replace(
            call.account, original, params, validate=params.boolean("validate"), names=("volume", "price", "price2")
        )
        order, placed = replaced
        answer: dict[str, Any] = {
            "status": "ok",
            "originaltxid": original.order_id,
            "volume": fixed(order.volume, book.lot_decimals),
            "price": order.price_text(order.price),
            "price2": order.price_text(order.price2),
            "orders_cancelled": 1,
            "descr": _description(order),
        }
        if placed.order_id:
            answer["txid"] = placed.order_id
        return answer

    def cancel_order(self, call: Call) -> Any:
        """Cancel by order id, user reference (every open order that bears it) or client order id."""
        params = call.params
        text, cl_ord_id = params.text("txid"), params.text("cl_ord_id")
        if text is None and cl_ord_id is None:
            raise invalid_argument("txid")
        orders = self.matching(call.account, [text] if text else [], [cl_ord_id] if cl_ord_id else [])
        if not orders:
            raise Refused(UNKNOWN_ORDER)
        return {"count": sum(self.cancel(call.account, order) for order in orders)}

    def cancel_order_batch(self, call: Call) -> Any:
        """Cancel up to 50 orders by id, user reference or client order id."""
        params = call.params
        has_client_ids = "cl_ord_ids" in params
        ids = params.rows("orders") if "orders" in params or not has_client_ids else []
        client_ids = params.rows("cl_ord_ids") if has_client_ids else []
        if not 1 <= len(ids) + len(client_ids) <= _MAX_CANCELS:
            raise invalid_argument("orders")
        if not all(isinstance(each, (str, int)) for each in (*ids, *client_ids)):
            raise invalid_argument("orders")
        orders = self.matching(call.account, [str(each) for each in ids], [str(each) for each in client_ids])
        if not orders:
            raise Refused(UNKNOWN_ORDER)
        return {"count": sum(self.cancel(call.account, order) for order in orders)}

    def cancel_all(self, call: Call) -> Any:
        """Cancel every open order of the account, stops included."""
        return {"count": self.cancel_every(call.account)}

    def cancel_all_after(self, call: Call) -> Any:
        """Arm, refresh or (with 0) disarm the dead man's switch."""
        return self.arm(call.account, call.params.integer("timeout"), call.now)

    # Both doors.

    def read(self, params: Params, book: PairName) -> KrakenOrder:
        """The order that AddOrder's parameters mean on this book, now. Raises Refused."""
        now = self._state.now()
        order = read_order(params, book, self._state.instrument(book.pair), self._exchange.quote(book.pair), now)
        if order.start_at is not None:
            # Nothing is ever scheduled here, so the limit is none.
            raise Refused(SCHEDULED_LIMIT)
        return order

    def submit(self, account: VenueAccount, order: KrakenOrder, *, validate: bool, rate_cost: float = 1) -> SimPlaced:
        """Place, or only validate, an order that was read. Raises Refused."""
        self._check_market(account, order)
        if not validate:
            self._charge(account, order.book, rate_cost)
        is_opening = order.leverage is not None and not order.reduce_only
        if is_opening and self._state.faults.strike([FaultKind.INSUFFICIENT_MARGIN_POOL], "AddOrder", account.name):
            raise Refused(INSUFFICIENT_MARGIN_POOL)
        answer = self._exchange.place(account.name, _request(order), validate_only=validate)
        if isinstance(answer, SimRefused):
            raise _refusal(answer)
        if not validate:
            self._note(account, order, answer.order)
            self._told()
        return answer

    def amend(self, account: VenueAccount, order: SimOrder, change: Change) -> str:
        """Change an open order; the amendment's id. Raises Refused."""
        shown = view(self._state, order)
        limit = self._amended_price(
            shown.book, change.limit_price, "limit_price", allowed=order.limit_price is not None
        )
        is_trailing = shown.ordertype in TRAILING_TYPES
        trigger = self._amended_price(
            shown.book,
            change.trigger_price,
            "trigger_price",
            allowed=order.trigger_price is not None and not is_trailing and order.is_waiting,
        )
        if change.quantity is None and limit is None and trigger is None:
            raise Refused(INVALID_ARGUMENTS)
        if change.quantity is not None and change.quantity <= order.filled_quantity:
            raise Refused(INVALID_ORDER)
        if change.post_only and limit is not None and self._would_take(order, limit):
            raise Refused(POST_ONLY)
        self._check_mode(account, order.pair, ordertype=shown.ordertype, post_only=change.post_only, reduce_only=True)
        self._charge(account, shown.book, amend_cost(self._age(order)))
        answer = self._exchange.amend(
            account.name, order.order_id, quantity=change.quantity, limit_price=limit, trigger_price=trigger
        )
        if isinstance(answer, SimRefused):
            raise _refusal(answer)
        amendment = self._amendment("user", answer.order)
        note = self._state.notes.get(order.order_id)
        if note is not None:
            self._state.notes[order.order_id] = note.amended(amendment)
        self._told()
        return amendment.amend_id

    def replace(
        self, account: VenueAccount, original: SimOrder, params: Params, *, validate: bool, names: Sequence[str]
    ) -> tuple[KrakenOrder, SimPlaced]:
        """Cancel `original` and place its like with the named parameters changed; the new order. Raises Refused."""
        note = self._state.notes.get(original.order_id)
        if note is None or note.order.close is not None:
            raise Refused(INVALID_ORDER)
        written = _written(note.order, original) | {
            name: params.text(name) for name in (*names, "oflags", "userref", "displayvol") if name in params
        }
        order = self.read(Params(written), note.order.book)
        self._charge(account, note.order.book, edit_cost(self._age(original)))
        if validate:
            return order, self.submit(account, order, validate=True)
        # Checked before the old one goes, as far as funds that the old one holds do not matter.
        self._check_market(account, order)
        self._exchange.cancel(account.name, original.order_id)
        placed = self.submit(account, order, validate=False, rate_cost=0)
        replaced = self._state.notes[placed.order_id]
        self._state.notes[placed.order_id] = OrderNote(
            account.name, order, replaced.placed, original.order_id, replaced.amendments
        )
        return order, placed

    def cancel(self, account: VenueAccount, order: SimOrder) -> bool:
        """Cancel one open order; False when it is over already. Young orders cost more of the engine's counter."""
        key, decay = (account.name, order.pair), account.tier.limits.engine_decay
        self._state.engine.add(key, cancel_cost(self._age(order)), decay=decay)
        cancelled = self._exchange.cancel(account.name, order.order_id)
        self._told()
        return cancelled

    def cancel_every(self, account: VenueAccount) -> int:
        """Cancel every open order of the account; how many there were."""
        count = self._exchange.cancel_all(account.name)
        self._told()
        return count

    def arm(self, account: VenueAccount, timeout: int | None, now: datetime) -> dict[str, str]:
        """Arm the dead man's switch for `timeout` seconds of market time, or disarm it with 0. Raises Refused."""
        if timeout is None or not 0 <= timeout <= _MAX_DEADMAN:
            raise invalid_argument("timeout")
        answer = {"currentTime": rfc3339_seconds(now), "triggerTime": "0"}
        self._deadmen.pop(account.name, None)
        if timeout:
            self._deadmen[account.name] = now + timedelta(seconds=timeout)
            answer["triggerTime"] = rfc3339_seconds(self._deadmen[account.name])
        return answer

    def run_timers(self) -> None:
        """Cancel the orders of accounts whose dead man's switch was not refreshed in time."""
        now = self._state.now()
        for name in [name for name, at in self._deadmen.items() if at <= now]:
            del self._deadmen[name]
            self._exchange.cancel_all(name)
            self._told()

    def named_order(self, account: VenueAccount, order_id: str | None, cl_ord_id: str | None) -> SimOrder:
        """The open order that is named by one of its ids. Raises Refused."""
        if (order_id is None) == (cl_ord_id is None):
            raise invalid_argument("txid")
        if cl_ord_id is not None:
            check_client_id(cl_ord_id)
            order = self._exchange.find_order(account.name, ClientOrderId(cl_ord_id))
        else:
            order = self._exchange.order(account.name, VenueOrderId(order_id or ""))
        if order is None or not order.is_open:
            raise Refused(UNKNOWN_ORDER)
        return order

    def matching(self, account: VenueAccount, ids: Sequence[str], client_ids: Sequence[str]) -> list[SimOrder]:
        """Open orders with one of these order ids, user references or client order ids."""
        wanted, references = set(ids), {int(text) for text in ids if text.lstrip("-").isdecimal()}
        return [
            order
            for order in self._exchange.orders(account.name)
            if order.order_id in wanted
            or (order.request.userref is not None and order.request.userref in references)
            or (order.client_order_id is not None and order.client_order_id in client_ids)
        ]

    def engine_level(self, account: VenueAccount, order: SimOrder) -> int:
        """The engine's counter for the order's pair, as the executions channel tells it."""
        return ceil(self._state.engine.level((account.name, order.pair), account.tier.limits.engine_decay))

    # Inside.

    def _one_of_batch(self, account: VenueAccount, order: KrakenOrder, is_validation: bool) -> dict[str, Any]:
        try:
            placed = self.submit(account, order, validate=is_validation, rate_cost=0.5)
        except Refused as refused:
            return {"error": refused.errors[0]}
        answer: dict[str, Any] = {"descr": {"order": order.describe()}}
        if not is_validation:
            answer["txid"] = placed.order_id
        if order.close is not None:
            answer["close"] = order.describe_close()
        return answer

    def _check_market(self, account: VenueAccount, order: KrakenOrder) -> None:
        """Refuse what the account's profile, the pair's mode or its leverage list does not allow."""
        book = order.book
        if order.leverage is not None:
            if account.is_us and not book.is_us:
                raise Refused(CANNOT_OPEN_POSITION)
            if order.leverage not in self._state.instrument(book.pair).leverages(order.side):
                raise invalid_argument("leverage")
        elif book.is_us:
            # These books trade margin only.
            raise invalid_argument("leverage")
        if order.ordertype == "settle-position" and order.leverage is None:
            raise invalid_argument("leverage")
        if order.ordertype == "settle-position" and not self._exchange.lots(account.name, book.pair):
            raise Refused(UNKNOWN_POSITION)
        self._check_mode(
            account,
            book.pair,
            ordertype=order.ordertype,
            post_only=order.is_post_only,
            reduce_only=order.reduce_only,
        )

    def _check_mode(
        self, account: VenueAccount, pair: Any, *, ordertype: str, post_only: bool, reduce_only: bool
    ) -> None:
        faults, status = self._state.faults, self._state.instrument(pair).status
        if status in (InstrumentStatus.CANCEL_ONLY, InstrumentStatus.DELISTED) or faults.holds(
            FaultKind.CANCEL_ONLY, account=account.name, pair=pair
        ):
            raise Refused(market_mode("cancel_only"))
        if not post_only and (
            status is InstrumentStatus.POST_ONLY or faults.holds(FaultKind.POST_ONLY, account=account.name, pair=pair)
        ):
            raise Refused(market_mode("post_only"))
        if status is InstrumentStatus.LIMIT_ONLY and ordertype not in LIMIT_TYPES - TRIGGERED_TYPES:
            raise Refused(market_mode("limit_only"))
        if status is InstrumentStatus.REDUCE_ONLY and not reduce_only:
            raise Refused(market_mode("reduce_only"))

    def _charge(self, account: VenueAccount, book: PairName, cost: float) -> None:
        limits = account.tier.limits
        key = (account.name, book.pair)
        if cost and not self._state.engine.charge(key, cost, maximum=limits.engine_max, decay=limits.engine_decay):
            raise Refused(ORDER_RATE_LIMIT)

    def _age(self, order: SimOrder) -> float:
        note = self._state.notes.get(order.order_id)
        return self._state.clock.seconds() - note.placed if note is not None else float("inf")

    def _note(self, account: VenueAccount, order: KrakenOrder, placed: SimOrder) -> None:
        self._state.notes[placed.order_id] = OrderNote(
            account=account.name,
            order=order,
            placed=self._state.clock.seconds(),
            amendments=(self._amendment("original", placed),),
        )

    def _amendment(self, kind: str, order: SimOrder) -> Amendment:
        return Amendment(
            self._state.new_id("T"), kind, self._state.now(), order.quantity, order.limit_price, order.trigger_price
        )

    def _amended_price(self, book: PairName, price: Price | None, field: str, *, allowed: bool) -> Decimal | None:
        if price is None:
            return None
        if not allowed:
            raise invalid_argument(field)
        if not price.is_relative:
            check_price(price.amount, book)
        return price.resolve(self._exchange.quote(book.pair).last, hash_sign=1, tick=book.tick)

    def _would_take(self, order: SimOrder, limit: Decimal) -> bool:
        quote = self._exchange.quote(order.pair)
        return limit >= quote.ask if order.side.sign > 0 else limit <= quote.bid


def _price(params: Params, field: str) -> Price | None:
    text = params.text(field)
    return None if text is None else Price.parse(text, field)


def _description(order: KrakenOrder) -> dict[str, str]:
    described = {"order": order.describe()}
    if order.close is not None:
        described["close"] = order.describe_close()
    return described


def _refusal(answer: SimRefused) -> Refused:
    if answer.reason is Refusal.BELOW_MINIMUM and "cost" in answer.detail:
        return Refused(COST_MINIMUM)
    return Refused(_STRINGS[answer.reason])


def _request(order: KrakenOrder) -> SimOrderRequest:
    """The order in the exchange's words. An iceberg is a limit order; an index is taken to be the last price."""
    is_trailing = order.ordertype in TRAILING_TYPES
    offset = None
    if is_trailing and order.limit_price is not None and order.trigger_price is not None:
        offset = order.limit_price - order.trigger_price
    return SimOrderRequest(
        pair=order.book.pair,
        side=order.side,
        order_type=_TYPES[order.ordertype],
        quantity=order.volume,
        leverage=order.leverage,
        limit_price=None if is_trailing else order.limit_price,
        trigger_price=None if is_trailing else order.trigger_price,
        trailing_offset=order.trail,
        limit_offset=offset,
        reduce_only=order.reduce_only,
        post_only=order.is_post_only,
        time_in_force=TimeInForce(order.time_in_force.lower()),
        expires_at=order.expires_at,
        client_order_id=ClientOrderId(order.cl_ord_id) if order.cl_ord_id else None,
        userref=order.userref,
        close=_conditional(order, order.close) if order.close else None,
        quantity_in_quote="viqc" in order.oflags,
        settle=order.ordertype == "settle-position",
        self_trade=SelfTrade(order.stp),
    )


def _conditional(order: KrakenOrder, close: CloseTemplate) -> ConditionalClose:
    """The conditional close in the exchange's words; `#` is resolved by the closing side."""
    kind = _TYPES[close.ordertype]
    away = order.side.opposite.sign
    if close.ordertype in TRAILING_TYPES:
        if close.ordertype == "trailing-stop-limit" or close.price.prefix != "+":
            raise invalid_argument("close")
        return ConditionalClose(kind, trailing_offset=close.price.amount)
    # As in `orders`: a stop waits in the closing order's own direction, limits and take-profits in the other.
    hash_sign = away if close.ordertype.startswith("stop") else -away
    first = _close_price(close.price, hash_sign)
    if kind is OrderType.LIMIT:
        return ConditionalClose(kind, limit_price=first)
    second = _close_price(close.price2, away) if close.price2 is not None else None
    return ConditionalClose(kind, trigger_price=first, limit_price=second)


def _close_price(price: Price, hash_sign: int) -> ClosePrice:
    sign = {"": 0, "+": 1, "-": -1, "#": hash_sign}[price.prefix]
    return ClosePrice(price.amount, sign, price.is_percent)


def _written(order: KrakenOrder, original: SimOrder) -> dict[str, Any]:
    """The parameters that would place the order again as it stands, without its references."""
    written: dict[str, Any] = {
        "ordertype": order.ordertype,
        "type": order.side.value,
        "volume": fixed(original.remaining_quantity, order.book.lot_decimals),
        "leverage": str(order.leverage) if order.leverage else None,
        "reduce_only": order.reduce_only,
        "oflags": ",".join(order.oflags),
        "trigger": order.trigger or None,
        "timeinforce": order.time_in_force,
        "stptype": order.stp,
    }
    prices = [price.text for price in (order.price, order.price2) if price is not None]
    if original.status is not OrderStatus.FILLED and order.ordertype not in TRAILING_TYPES:
        current = [price for price in (original.trigger_price, original.limit_price) if price is not None]
        prices = [fixed(price, order.book.price_decimals) for price in current]
    return written | dict(zip(("price", "price2"), prices, strict=False))
