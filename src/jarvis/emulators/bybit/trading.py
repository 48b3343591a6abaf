"""Orders by REST and by the trade socket: create, amend, cancel, each alone, in batches, or all.

Checks come in the venue's order: the parameters, the account's standing, the margin settings, then the money. What
is accepted is acknowledged at once; how it went is told by the streams and the order lists.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, round_down
from jarvis.domain.order import OrderStatus, VenueOrderId
from jarvis.emulators.bybit.coins import wallet_model
from jarvis.emulators.bybit.errors import (
    BAD_FILTER,
    BAD_ORDER_PARAMETER,
    BALANCE_INSUFFICIENT,
    COIN_WITHOUT_MARGIN,
    DUPLICATE_LINK_ID,
    ISOLATED_MODE,
    LIABILITY_OVERFLOW,
    LIQUIDATING,
    MARGIN_INSUFFICIENT,
    MARGIN_IS_OFF,
    MARGIN_NOT_ENABLED,
    NEW_ORDER_REJECTED,
    NO_SUCH_ORDER,
    ORDER_CANCELLED,
    ORDER_FINISHED,
    ORDER_NOT_IN_BOOK,
    PERMISSION_DENIED,
    POOL_SHORT,
    POST_ONLY_PAIR,
    POST_ONLY_WOULD_TAKE,
    PRICE_DECIMALS,
    SYMBOL_WITHOUT_MARGIN,
    TOO_MANY_ORDERS,
    VALUE_TOO_LOW,
    Refused,
    parameter_error,
)
from jarvis.emulators.bybit.keys import MarginMode, VenueAccount
from jarvis.emulators.bybit.orders import (
    FILTERS,
    ORDER,
    Draft,
    category_of,
    check_band,
    check_value,
    checked_price,
    checked_quantity,
    draft,
)
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.public import PublicData
from jarvis.emulators.bybit.state import Call, Exit, OrderNote, Reply, VenueState
from jarvis.emulators.bybit.text import Json, millis, number
from jarvis.emulators.bybit.wallet import Wallets
from jarvis.emulators.faults import FaultKind
from jarvis.sim.exchange import OrderNews, Refusal, SimEvent, SimOrder, SimOrderEvent, SimRefused

MAX_OPEN = 500
MAX_WAITING = 30
MAX_BATCH = 10
POST_ONLY_TAKES = "EC_PostOnlyWillTakeLiquidity"
CANNOT_FILL_WHOLE = "EC_CancelForNoFullFill"
_IDS = ("category", "symbol", "orderId", "orderLinkId")
_AMEND = (
    *_IDS,
    "qty",
    "price",
    "triggerPrice",
    "takeProfit",
    "stopLoss",
    "tpLimitPrice",
    "slLimitPrice",
)
_REFUSALS = {
    Refusal.INSUFFICIENT_FUNDS: BALANCE_INSUFFICIENT,
    Refusal.MARGIN_LEVEL_TOO_LOW: MARGIN_INSUFFICIENT,
    Refusal.POSITION_LIMIT: LIABILITY_OVERFLOW,
    Refusal.NOT_ELIGIBLE: COIN_WITHOUT_MARGIN,
    Refusal.BELOW_MINIMUM: VALUE_TOO_LOW,
    Refusal.PRICE_STEP: PRICE_DECIMALS,
    Refusal.ORDER_LIMIT: TOO_MANY_ORDERS,
    Refusal.DUPLICATE_ID: DUPLICATE_LINK_ID,
    Refusal.MARKET_CLOSED: NEW_ORDER_REJECTED,
    Refusal.UNKNOWN_ORDER: NO_SUCH_ORDER,
}
# What is refused to an order that may borrow: it was found before that its coin is lent at all.
_MARGIN_REFUSALS = {Refusal.INSUFFICIENT_FUNDS: MARGIN_INSUFFICIENT, Refusal.NOT_ELIGIBLE: POOL_SHORT}
_FORCED_LISTS = ("OcoOrder", "BidirectionalTpslOrder")

Tell = Callable[[Sequence[SimEvent]], None]


def refusal(refused: SimRefused) -> Refused:
    """The exchange's refusal in the venue's numbers."""
    return Refused(_REFUSALS.get(refused.reason, BAD_ORDER_PARAMETER))


class Trading:
    """What changes orders. `tell` publishes what happened on the exchange, and what it is given besides."""

    def __init__(self, state: VenueState, public: PublicData, wallets: Wallets, tell: Tell) -> None:
        self._state = state
        self._exchange = state.exchange
        self._public = public
        self._wallets = wallets
        self._tell = tell

    # One order.

    def create(self, call: Call) -> Json:
        """The ids of a new order."""
        order_id, link_id = self._place(call.account, call.params)
        self._tell(())
        return {"orderId": order_id, "orderLinkId": link_id}

    def amend(self, call: Call) -> Json:
        """The ids of the changed order."""
        ids = self._change(call.account, call.params)
        self._tell(())
        return ids

    def cancel(self, call: Call) -> Json:
        """The ids of the cancelled order."""
        ids = self._withdraw(call.account, call.params)
        self._tell(())
        return ids

    # Several.

    def create_batch(self, call: Call) -> Reply:
        """The ids of up to ten new orders, each item with a code of its own."""

        def one(item: Params) -> Json:
            order_id, link_id = self._place(call.account, item)
            return {"orderId": order_id, "orderLinkId": link_id, "createAt": str(millis(self._state.now()))}

        return self._each(call.params, one, created=True)

    def amend_batch(self, call: Call) -> Reply:
        """The ids of up to ten changed orders."""
        return self._each(call.params, lambda item: self._change(call.account, item))

    def cancel_batch(self, call: Call) -> Reply:
        """The ids of up to ten cancelled orders."""
        return self._each(call.params, lambda item: self._withdraw(call.account, item))

    def cancel_all(self, call: Call) -> Json:
        """The ids of the orders of one filter that were cancelled."""
        params = call.params
        params.only(("category", "symbol", "baseCoin", "settleCoin", "orderFilter", "stopOrderType"))
        category_of(params)
        wanted = params.text("orderFilter", ORDER) or ORDER
        if wanted not in (*FILTERS, *_FORCED_LISTS):
            raise Refused(BAD_FILTER)
        pair = self._state.pair(params.required("symbol")) if "symbol" in params else None
        base = params.text("baseCoin")
        gone = []
        for order in self._exchange.orders(call.account.name):
            is_meant = (pair is None or order.pair == pair) and base in (None, order.pair.base)
            if is_meant and is_listed(self._state, order, wanted):
                gone.append(self._end(order))
        self._tell(())
        return {"list": gone, "success": "1"}

    def disconnect_cancel_all(self, call: Call) -> Json:
        """Nothing: the switch is for institutional clients only."""
        call.params.only(("product", "timeWindow"))
        raise Refused(PERMISSION_DENIED)

    def batch_size(self, params: Params) -> int:
        """How many orders a batch counts as."""
        return max(1, len(params.rows("request")))

    # Within.

    def _each(self, params: Params, one: Callable[[Params], Json], *, created: bool = False) -> Reply:
        params.only(("category", "request"))
        category_of(params)
        items = params.rows("request")
        if not 1 <= len(items) <= MAX_BATCH:
            raise parameter_error(f"a batch has 1 to {MAX_BATCH} orders")
        rows, codes = [], []
        for item in items:
            row: Json = {"category": "spot", "symbol": item.text("symbol", "")}
            try:
                row |= one(item.with_value("category", "spot"))
                codes.append({"code": 0, "msg": "OK"})
            except Refused as refused:
                row |= {"orderId": "", "orderLinkId": item.text("orderLinkId", "")} | (
                    {"createAt": ""} if created else {}
                )
                codes.append({"code": refused.code, "msg": refused.words})
            rows.append(row)
        self._tell(())
        return Reply({"list": rows}, {"list": codes})

    def _place(self, account: VenueAccount, params: Params) -> tuple[str, str]:
        state = self._state
        drafted = draft(state, self._public, account, params)
        self._refuse_by_state(account, drafted)
        if drafted.note.link_id and (account.name, drafted.note.link_id) in state.links:
            raise Refused(DUPLICATE_LINK_ID)
        self._refuse_crowd(account, drafted)
        if drafted.note.is_leveraged:
            self._refuse_margin(account, drafted)
        if drafted.is_fill_or_kill and not self._fills_whole(drafted):
            return self._end_at_once(account, drafted, CANNOT_FILL_WHOLE)
        if drafted.request.post_only and state.faults.strike(
            (FaultKind.POST_ONLY_CANCELLED,), "POST /v5/order/create", account.name
        ):
            return self._end_at_once(account, drafted, POST_ONLY_TAKES)
        placed = self._exchange.place(account.name, drafted.request)
        if isinstance(placed, SimRefused):
            if placed.reason is Refusal.WOULD_TAKE:
                if state.faults.holds(FaultKind.POST_ONLY, account=account.name, pair=drafted.request.pair):
                    raise Refused(POST_ONLY_WOULD_TAKE)
                return self._end_at_once(account, drafted, POST_ONLY_TAKES)
            if drafted.note.is_leveraged and placed.reason in _MARGIN_REFUSALS:
                raise Refused(_MARGIN_REFUSALS[placed.reason])
            raise refusal(placed)
        return self._noted(account, drafted.note, placed.order_id)

    def _noted(self, account: VenueAccount, note: OrderNote, order_id: VenueOrderId) -> tuple[str, str]:
        self._state.notes[order_id] = note
        if note.link_id:
            self._state.links[account.name, note.link_id] = order_id
        return self._state.ids.order(order_id), note.link_id

    def _end_at_once(self, account: VenueAccount, drafted: Draft, reason: str) -> tuple[str, str]:
        """Accept an order that cannot rest, and cancel it: it never reaches the exchange."""
        state, request, now = self._state, drafted.request, self._state.now()
        ghost = SimOrder(
            order_id=state.ids.ghost(),
            account=account.name,
            request=request,
            number=0,
            placed_at=now,
            quantity=request.quantity,
            limit_price=request.limit_price,
            status=OrderStatus.CANCELLED,
            closed_at=now,
            reason=reason,
        )
        state.ghosts.setdefault(account.name, []).append(ghost)
        ids = self._noted(account, drafted.note.changed(reject_reason=reason), ghost.order_id)
        self._tell([SimOrderEvent(account.name, OrderNews.CANCELLED, ghost, now, reason)])
        return ids

    def _refuse_by_state(self, account: VenueAccount, drafted: Draft) -> None:
        faults, pair = self._state.faults, drafted.request.pair
        if self._state.is_liquidating(account.name):
            raise Refused(LIQUIDATING)
        if faults.holds(FaultKind.CANCEL_ONLY, account=account.name, pair=pair):
            raise Refused(NEW_ORDER_REJECTED)
        if faults.holds(FaultKind.POST_ONLY, account=account.name, pair=pair) and not drafted.request.post_only:
            raise Refused(POST_ONLY_PAIR)

    def _refuse_crowd(self, account: VenueAccount, drafted: Draft) -> None:
        open_orders = self._exchange.orders(account.name)
        if len(open_orders) >= MAX_OPEN:
            raise Refused(TOO_MANY_ORDERS)
        wanted = drafted.note.order_filter
        if wanted != ORDER:
            waiting = sum(
                order.is_waiting and order.pair == drafted.request.pair and is_listed(self._state, order, wanted)
                for order in open_orders
            )
            if waiting >= MAX_WAITING:
                raise Refused(TOO_MANY_ORDERS)

    def _refuse_margin(self, account: VenueAccount, drafted: Draft) -> None:
        request = drafted.request
        if account.margin_mode is MarginMode.ISOLATED:
            raise Refused(ISOLATED_MODE)
        if not account.has_quiz:
            raise Refused(MARGIN_NOT_ENABLED)
        if not account.is_spot_margin_on:
            raise Refused(MARGIN_IS_OFF)
        rules = self._state.instrument(request.pair)
        if not rules.leverages(request.side):
            raise Refused(SYMBOL_WITHOUT_MARGIN)
        if {request.pair.base, request.pair.quote} & account.no_collateral:
            raise Refused(COIN_WITHOUT_MARGIN)
        lent = request.pair.quote if request.side is Side.BUY else request.pair.base
        if wallet_model(self._exchange.model).hourly_rates.get(lent) is None:
            raise Refused(COIN_WITHOUT_MARGIN)
        needed = self._needed(account, drafted)
        if needed <= ZERO:
            return
        if self._state.faults.strike((FaultKind.INSUFFICIENT_MARGIN_POOL,), "POST /v5/order/create", account.name):
            raise Refused(POOL_SHORT)
        if needed > self._wallets.cap(account, lent):
            raise Refused(LIABILITY_OVERFLOW)
        if request.locks and needed > self._wallets.room(account, lent, max(rules.leverages(request.side))):
            raise Refused(MARGIN_INSUFFICIENT)

    def _needed(self, account: VenueAccount, drafted: Draft) -> Decimal:
        """What the order would have to borrow if it filled now."""
        request = drafted.request
        last = self._exchange.quote(request.pair).last
        if request.side is Side.SELL:
            lent, spent = request.pair.base, request.quantity
        elif request.quantity_in_quote:
            lent, spent = request.pair.quote, request.quantity
        else:
            lent, spent = request.pair.quote, request.quantity * (request.limit_price or request.trigger_price or last)
        return spent - self._wallets.holding(account, lent).free

    def _fills_whole(self, drafted: Draft) -> bool:
        request = drafted.request
        if request.limit_price is None:
            return True
        book = self._exchange.book(request.pair, self._exchange.model.book.levels)
        within = ZERO
        for level in book.asks if request.side is Side.BUY else book.bids:
            if (level.price - request.limit_price) * request.side.sign <= ZERO:
                within += level.quantity
        return within >= request.quantity

    def _change(self, account: VenueAccount, params: Params) -> Json:
        params.only(_AMEND)
        category_of(params)
        order = self._open(account, params, None)
        rules, note = self._state.instrument(order.pair), self._state.notes[order.order_id]
        price, trigger = checked_price(params, "price", rules), checked_price(params, "triggerPrice", rules)
        quantity = self._changed_quantity(order, note, params)
        take_profit, stop_loss = (
            _changed_exit(params, rules_name, limit_name, before)
            for rules_name, limit_name, before in (
                ("takeProfit", "tpLimitPrice", note.take_profit),
                ("stopLoss", "slLimitPrice", note.stop_loss),
            )
        )
        if price is not None and order.limit_price is None:
            raise Refused(BAD_ORDER_PARAMETER, "A market order has no price.")
        if trigger is not None and not order.is_waiting:
            raise Refused(BAD_ORDER_PARAMETER, "The order has no trigger.")
        changed = note.changed(take_profit=take_profit, stop_loss=stop_loss)
        if price is None and trigger is None and quantity is None and changed == note:
            raise parameter_error("The order remains unchanged as the parameters entered match the existing ones.")
        if price is not None and not order.is_waiting:
            check_band(self._public, order.pair, order.side, price, is_amended=True)
        reference = price or order.limit_price or trigger or order.trigger_price
        if reference is not None:
            check_value(rules, quantity or order.quantity, reference)
        if price is not None or trigger is not None or quantity is not None:
            amended = self._exchange.amend(
                account.name, order.order_id, quantity=quantity, limit_price=price, trigger_price=trigger
            )
            if isinstance(amended, SimRefused):
                if amended.reason is not Refusal.WOULD_TAKE:
                    raise refusal(amended)
                self._end(order, POST_ONLY_TAKES)
                return self._ids(order)
        if quantity is not None and note.market_unit != "quoteCoin":
            changed = changed.changed(quantity=number(quantity))
        if price is not None:
            changed = changed.changed(price=number(price))
        if trigger is not None:
            changed = changed.changed(trigger_price=number(trigger))
        self._state.notes[order.order_id] = changed
        return self._ids(order)

    def _changed_quantity(self, order: SimOrder, note: OrderNote, params: Params) -> Decimal | None:
        rules = self._state.instrument(order.pair)
        if "qty" not in params or note.market_unit != "quoteCoin":
            return checked_quantity(params, rules)
        value = params.decimal("qty") or ZERO
        return round_down(value / (order.trigger_price or self._exchange.quote(order.pair).last), rules.lot)

    def _withdraw(self, account: VenueAccount, params: Params) -> Json:
        params.only((*_IDS, "orderFilter"))
        category_of(params)
        wanted = params.text("orderFilter", ORDER) or ORDER
        if wanted not in (*FILTERS, *_FORCED_LISTS):
            raise Refused(BAD_FILTER)
        return self._end(self._open(account, params, wanted))

    def _open(self, account: VenueAccount, params: Params, wanted: str | None) -> SimOrder:
        """The open order that is named. Raises Refused: for one that is over, by how it ended."""
        pair = self._state.pair(params.required("symbol"))
        order = self.find(account.name, params)
        if order is None or order.pair != pair:
            raise Refused(NO_SUCH_ORDER)
        if wanted is not None and not is_listed(self._state, order, wanted):
            raise Refused(NO_SUCH_ORDER)
        if order in self._state.ghosts.get(account.name, ()):
            raise Refused(ORDER_NOT_IN_BOOK)
        if not order.is_open:
            raise Refused(ORDER_FINISHED if order.status is OrderStatus.FILLED else ORDER_CANCELLED)
        if order.order_id not in self._state.notes:
            raise Refused(NO_SUCH_ORDER)
        return order

    def find(self, account: str, params: Params) -> SimOrder | None:
        """The order that `orderId`, or else `orderLinkId`, names."""
        wanted, link_id = params.text("orderId"), params.text("orderLinkId")
        if wanted is None and link_id is None:
            raise parameter_error("orderId or orderLinkId is required")
        found = self._state.ids.find(wanted) if wanted is not None else self._state.links.get((account, link_id or ""))
        return None if found is None else self._state.order(account, found)

    def _end(self, order: SimOrder, reason: str = "EC_PerCancelRequest") -> Json:
        note = self._state.notes[order.order_id]
        kind = "CancelByUser" if reason == "EC_PerCancelRequest" else "UNKNOWN"
        self._state.notes[order.order_id] = note.changed(cancel_type=kind, reject_reason=reason)
        self._exchange.cancel(order.account, order.order_id)
        return self._ids(order)

    def _ids(self, order: SimOrder) -> Json:
        return {
            "orderId": self._state.ids.order(order.order_id),
            "orderLinkId": self._state.notes[order.order_id].link_id,
        }


def is_listed(state: VenueState, order: SimOrder, wanted: str) -> bool:
    """Whether an order is found under this orderFilter: its own, and once triggered among the plain ones as well."""
    note = state.notes.get(order.order_id)
    own = note.order_filter if note is not None else ORDER
    return wanted == own or (wanted == ORDER and not order.is_waiting)


def _changed_exit(params: Params, name: str, limit_name: str, before: Exit | None) -> Exit | None:
    """A take-profit or stop-loss after an amendment; "0" removes it."""
    trigger, limit = params.decimal(name), params.decimal(limit_name)
    if trigger == ZERO:
        return None
    if trigger is None:
        if limit is None or before is None:
            return before
        return Exit(before.trigger, number(limit))
    return Exit(number(trigger), number(limit) if limit is not None else before.limit if before else "")
