"""Placing, amending and cancelling orders: one way for REST and sockets, one answer per order.

A post-only order that would take is acknowledged like any other and then found cancelled (cancelSource 31), and so is
a fill-or-kill that finds too little (13): the exchange never sees them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset, round_up
from jarvis.domain.order import ClientOrderId, OrderStatus, OrderType, TimeInForce, VenueOrderId
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.balances import Standing, loanable
from jarvis.emulators.okx.errors import Refused, bad_parameter, insufficient, one_of, refusal_of, wrong_mode
from jarvis.emulators.okx.keys import Mode, VenueAccount
from jarvis.emulators.okx.limits import Limit
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.orders import (
    BASE_CCY,
    CROSS,
    ISOLATED,
    OrderTerms,
    in_lots,
    read_client_id,
    read_order,
    read_pair,
    read_tag,
    refused_isolated,
)
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.public import price_band
from jarvis.emulators.okx.state import Call, OrderNote, VenueState
from jarvis.emulators.okx.text import Row, Rows, amount, ms
from jarvis.sim.exchange import (
    Borrow,
    OrderNews,
    Refusal,
    SelfTrade,
    SimOrder,
    SimOrderEvent,
    SimOrderRequest,
    SimRefused,
)

_BATCH = 20
SUB_ACCOUNT_LIMIT = Limit(1000)
_DEPTH = 400
_POST_ONLY, _FILL_OR_KILL = "31", "13"
_BY_CLIENT, _BY_TIMER = "1", "20"
_SELF_TRADES = {
    "cancel_maker": SelfTrade.CANCEL_OLDEST,
    "cancel_taker": SelfTrade.CANCEL_NEWEST,
    "cancel_both": SelfTrade.CANCEL_BOTH,
}
_REFERENCE = ("instId", "instIdCode", "ordId", "clOrdId")
CANCEL_FIELDS = frozenset(_REFERENCE)
AMEND_FIELDS = frozenset(
    {*_REFERENCE, "newSz", "newPx", "newPxUsd", "newPxVol", "cxlOnFail", "reqId", "pxAmendType", "attachAlgoOrds"}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers for each of several orders."""

    rows: Rows

    @property
    def code(self) -> str:
        """The envelope's code: 0 all taken, 1 none, 2 some."""
        failed = sum(row["sCode"] != "0" for row in self.rows)
        return "0" if failed == 0 else "1" if failed == len(self.rows) else "2"

    @property
    def message(self) -> str:
        """The envelope's msg."""
        return {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}[self.code]


class Trading:
    """Everything that changes orders."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._timers: dict[tuple[str, str], datetime] = {}

    # Orders.

    def place_order(self, call: Call) -> Outcome:
        """Take one order."""
        return self._each(call, self._place)

    def batch_orders(self, call: Call) -> Outcome:
        """Take up to twenty orders, each by itself."""
        return self._each(call, self._place)

    def cancel_order(self, call: Call) -> Outcome:
        """Cancel one order; that it is cancelled is told by the stream."""
        return self._each(call, self._cancel)

    def cancel_batch(self, call: Call) -> Outcome:
        """Cancel up to twenty orders."""
        return self._each(call, self._cancel)

    def amend_order(self, call: Call) -> Outcome:
        """Change one order's size or price in place."""
        return self._each(call, self._amend)

    def amend_batch(self, call: Call) -> Outcome:
        """Change up to twenty orders."""
        return self._each(call, self._amend)

    def close_position(self, call: Call) -> Rows:
        """Close a margin position at market."""
        params, account, state = call.params, call.account, self._state
        pair = read_pair(state.names, params)
        mode = params.required("mgnMode")
        if mode not in (CROSS, ISOLATED):
            raise bad_parameter("mgnMode")
        if mode == ISOLATED:
            raise refused_isolated(account)
        if not account.has_positions:
            raise wrong_mode()
        margin_asset = Asset(params.required("ccy"))
        client_id, tag = read_client_id(params), read_tag(params)
        position = state.ledger(account).position(pair, margin_asset)
        if position is None:
            raise Refused("51023", "Position does not exist")
        closing = [
            order
            for order in state.open_orders(account)
            if order.pair == pair and order.side is not position.side and self._margin_asset(order) == margin_asset
        ]
        if closing and not params.boolean("autoCxl"):
            raise Refused("51115", "Cancel all pending close-orders before liquidation.")
        for order in closing:
            self._end(account, order, _BY_CLIENT)
        instrument = state.instrument(pair)
        closable = position.closable(state.exchange.model.fee.taker_rate)
        quantity = (
            instrument.round_quantity(closable) if position.side is Side.BUY else round_up(closable, instrument.lot)
        )
        wanted = Params(
            {
                "instId": params.text("instId"),
                "tdMode": CROSS,
                "ccy": margin_asset,
                "side": position.side.opposite.value,
                "ordType": "market",
                "sz": amount(quantity),
                "clOrdId": client_id,
                "tag": tag,
            }
        )
        terms = replace(read_order(state.names, wanted, account), target=BASE_CCY, reduce_only=True)
        self.enter(account, terms, quantity)
        return [{"instId": params.text("instId"), "posSide": "net", "clOrdId": client_id, "tag": tag}]

    def cancel_all_after(self, call: Call) -> Rows:
        """Arm, re-arm or disarm the timer that cancels all orders, or all of one tag."""
        params = call.params
        text, tag = params.required("timeOut"), read_tag(params)
        if not (text.isascii() and text.isdigit()) or not (int(text) == 0 or 10 <= int(text) <= 120):
            raise bad_parameter("timeOut")
        timer = (call.account.name, tag)
        self._timers.pop(timer, None)
        fires_at = None
        if int(text):
            fires_at = call.now + timedelta(seconds=int(text))
            self._timers[timer] = fires_at
        return [{"triggerTime": ms(fires_at) or "0", "tag": tag, "ts": ms(call.now)}]

    def precheck(self, call: Call) -> Rows:
        """What an order would do to the account's margin: multi-currency and portfolio mode only."""
        account, state = call.account, self._state
        if account.mode not in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO):
            raise wrong_mode()
        terms = read_order(state.names, call.params, account)
        quantity = self._quantity(terms)
        before = Standing.of(state, account)
        wallet_model = state.exchange.model.wallet
        price = terms.price or state.last(terms.pair)
        spent = terms.pair.quote if terms.side is Side.BUY else terms.pair.base
        need = quantity * price if terms.side is Side.BUY else quantity
        borrowed = state.value(spent, max(ZERO, need - before.free(spent)))
        initial = borrowed * wallet_model.initial_rate(spent) if wallet_model is not None else ZERO
        maintenance = borrowed * wallet_model.maintenance_rate(spent) if wallet_model is not None else ZERO
        wallet = before.wallet
        after = wallet.maintenance + maintenance
        ratio = wallet.equity / after if after else None
        return [
            {
                "adjEq": amount(wallet.equity),
                "adjEqChg": "0",
                "availBal": "",
                "availBalChg": "",
                "imr": amount(wallet.initial + initial),
                "imrChg": amount(initial),
                "liab": amount(wallet.debt_value + borrowed),
                "liabChg": amount(borrowed),
                "liabChgCcy": spent if borrowed else "",
                "liqPx": "",
                "liqPxDiff": "",
                "liqPxDiffRatio": "",
                "mgnRatio": amount(ratio),
                "mgnRatioChg": "",
                "mmr": amount(after),
                "mmrChg": amount(maintenance),
                "posBal": "",
                "posBalChg": "",
                "type": "",
            }
        ]

    def account_rate_limit(self, call: Call) -> Rows:
        """The account's own order limit, which only its filled share could change."""
        return [
            {
                "accRateLimit": "1000",
                "fillRatio": "",
                "mainFillRatio": "",
                "nextAccRateLimit": "1000",
                "ts": ms(call.now),
            }
        ]

    # For algo orders and timers.

    def run_timers(self) -> None:
        """Cancel what a timer that has run out stood for."""
        now = self._state.now()
        for timer, fires_at in list(self._timers.items()):
            if fires_at <= now:
                del self._timers[timer]
                name, tag = timer
                account = self._state.keys.accounts[name]
                for order in self._state.open_orders(account):
                    if tag in ("", self._state.note(order).terms.tag):
                        self._end(account, order, _BY_TIMER)

    def request(
        self, account: VenueAccount, terms: OrderTerms, quantity: Decimal, order_type: OrderType
    ) -> SimOrderRequest:
        """The exchange's wording of an order: what it may borrow, and what its fills repay."""
        state = self._state
        on_margin = terms.book.margin_asset is not None
        match account.mode:
            case Mode.SPOT:
                borrow, repay = (Borrow.MISSING if account.spot_borrow else Borrow.NONE), account.auto_repay
            case Mode.FUTURES:
                closes = self._closable(account, terms) is not None
                # A trade against the position uses what that holds; any other borrows all that it spends.
                borrow = (Borrow.MISSING if closes else Borrow.FULL) if on_margin else Borrow.NONE
                repay = on_margin and closes
            case Mode.MULTI_CURRENCY | Mode.PORTFOLIO:
                borrow, repay = (Borrow.MISSING if account.auto_loan else Borrow.NONE), True
        is_immediate = terms.ord_type in ("ioc", "fok")
        highest = max(state.instrument(terms.pair).leverages(terms.side), default=None)
        return SimOrderRequest(
            pair=terms.pair,
            side=terms.side,
            order_type=order_type,
            quantity=quantity,
            leverage=highest if borrow is not Borrow.NONE or on_margin else None,
            limit_price=terms.price,
            reduce_only=_is_cut(terms),
            post_only=terms.ord_type == "post_only",
            time_in_force=TimeInForce.IOC if is_immediate else TimeInForce.GTC,
            self_trade=_SELF_TRADES[terms.stp_mode],
            client_order_id=ClientOrderId(terms.client_id) if terms.client_id else None,
            borrow=borrow,
            repay=repay,
        )

    def enter(self, account: VenueAccount, terms: OrderTerms, quantity: Decimal, **note: object) -> SimOrder:
        """Give an order to the exchange, or end it as OKX does; the order as it stood then. Raises Refused."""
        state = self._state
        self._refuse_borrowing(account, terms)
        order_type = OrderType.MARKET if terms.is_market else OrderType.LIMIT
        request = self.request(account, terms, quantity, order_type)
        ended = self._ends_at_once(account, terms, quantity)
        if ended:
            checked = state.exchange.place(account.name, replace(request, post_only=False), validate_only=True)
            if isinstance(checked, SimRefused):
                raise self._refusal(account, terms, checked)
            return self._end_at_once(checked.order, terms, ended)
        placed = state.exchange.place(account.name, request)
        if isinstance(placed, SimRefused):
            raise self._refusal(account, terms, placed)
        self.keep(account, placed.order, terms, **note)
        return placed.order

    def keep(self, account: VenueAccount, order: SimOrder, terms: OrderTerms, **more: object) -> OrderNote:
        """Keep what the client wrote about an order that the exchange took."""
        own = self._state.order_id(order)
        note = replace(OrderNote(account.name, terms, own), **more)  # type: ignore[arg-type]
        self._state.keep(order, note)
        return note

    # One order each.

    def _each(self, call: Call, act: Callable[[Call, Params], Row]) -> Outcome:
        if call.is_batch and len(call.items) > _BATCH:
            raise Refused("50018", "Parameter args exceeds the maximum number of orders", status=400)
        rows: Rows = []
        if act != self._cancel:
            self._count(call)
        for item in call.items:
            try:
                rows.append(act(call, item))
            except Refused as refused:
                if not refused.is_of_an_order:
                    raise
                rows.append(self._failed(call, item, refused))
        return Outcome(rows)

    def _count(self, call: Call) -> None:
        """Count new and amended orders of a sub-account. Raises Refused when there are too many."""
        if call.account.is_sub_account:
            who = (call.account.name, "sub-account orders")
            if not self._state.limits.take(who, SUB_ACCOUNT_LIMIT, len(call.items)):
                raise Refused("50061", "Sub-account has reached the order rate limit")

    def all_failed(self, call: Call, refused: Refused) -> Outcome:
        """The answer that says this of every order of a call."""
        return Outcome([self._failed(call, item, refused) for item in call.items])

    def _failed(self, call: Call, item: Params, refused: Refused) -> Row:
        row = {
            "ordId": item.text("ordId"),
            "clOrdId": item.text("clOrdId"),
            "tag": item.text("tag"),
            "ts": ms(call.now),
            "sCode": refused.code,
            "sMsg": refused.message,
            "subCode": refused.sub_code,
        }
        return row | ({"reqId": item.text("reqId")} if "reqId" in item else {})

    def _place(self, call: Call, params: Params) -> Row:
        account, state = call.account, self._state
        terms = read_order(state.names, params, account, by_code=call.by_code)
        if terms.client_id:
            standing = state.find_client_order(account, terms.client_id)
            if standing is not None and standing.is_open:
                raise Refused("51016", "Client order ID already exists.")
        for attached in terms.attached:
            if "tpTriggerPx" not in attached and "slTriggerPx" not in attached:
                raise bad_parameter("attachAlgoOrds")
        if state.faults.holds(FaultKind.CANCEL_ONLY, account=account.name, pair=terms.pair):
            raise Refused("51022", "Contract suspended")
        self._refuse_price(terms)
        self._refuse_leverage(account, terms)
        quantity = self._quantity(terms)
        order = self.enter(account, terms, self._reduced(account, terms, quantity))
        return {
            "ordId": state.order_id(order),
            "clOrdId": terms.client_id,
            "tag": terms.tag,
            "ts": ms(call.now),
            "sCode": "0",
            "sMsg": "Order placed",
            "subCode": "",
        }

    def _cancel(self, call: Call, params: Params) -> Row:
        params.allow(CANCEL_FIELDS)
        order = self._found(call, params)
        if order is None or not order.is_open:
            raise Refused("51400", "Cancellation failed as the order has been filled, canceled or does not exist.")
        self._end(call.account, order, _BY_CLIENT)
        note = self._state.note(order)
        return {
            "ordId": note.order_id,
            "clOrdId": note.terms.client_id,
            "ts": ms(call.now),
            "sCode": "0",
            "sMsg": "",
        }

    def _amend(self, call: Call, params: Params) -> Row:
        params.allow(AMEND_FIELDS)
        state = self._state
        size, price = params.positive("newSz"), params.positive("newPx")
        order = self._found(call, params)
        if size is None and price is None:
            raise one_of("newSz", "newPx")
        if order is None or not order.is_open:
            raise Refused(
                "51503", "Order modification failed as the order has been filled, canceled or does not exist."
            )
        note = state.note(order)
        if price is not None:
            self._refuse_price(replace(note.terms, price=price))
        request_id = params.text("reqId")
        state.renote(order, amend=(request_id, "1", "0"))
        changed = state.exchange.amend(call.account.name, order.order_id, quantity=size, limit_price=price)
        if isinstance(changed, SimRefused):
            state.renote(order, amend=note.amend)
            if changed.reason is Refusal.WOULD_TAKE:
                self._end(call.account, order, _POST_ONLY)
            elif params.boolean("cxlOnFail"):
                state.renote(order, amend=(request_id, "1", "1"))
                self._end(call.account, order, "0")
            elif changed.reason is Refusal.INSUFFICIENT_FUNDS and not call.account.may_borrow:
                raise Refused("51119", "Order modification failed due to insufficient balance.")
            else:
                raise self._refusal(call.account, note.terms, changed)
        else:
            state.renote(
                order, terms=replace(note.terms, size=size or note.terms.size, price=price or note.terms.price)
            )
        return {
            "ordId": note.order_id,
            "clOrdId": note.terms.client_id,
            "ts": ms(call.now),
            "reqId": request_id,
            "sCode": "0",
            "sMsg": "",
            "subCode": "",
        }

    # Inside.

    def _found(self, call: Call, params: Params) -> SimOrder | None:
        pair = read_pair(self._state.names, params, by_code=call.by_code)
        params.either("ordId", "clOrdId")
        if self._state.faults.strike((FaultKind.ORDER_NOT_FOUND,), "order", call.account.name):
            return None
        return self._state.find_order(call.account, params, pair)

    def _end(self, account: VenueAccount, order: SimOrder, source: str) -> None:
        self._state.renote(order, cancel_source=source)
        self._state.exchange.cancel(account.name, order.order_id)

    def _quantity(self, terms: OrderTerms) -> Decimal:
        """The order's size in base. Raises Refused for one that is off the lots or too small."""
        instrument = self._state.instrument(terms.pair)
        quantity = terms.size
        quote = self._state.exchange.quote(terms.pair)
        if terms.buys_by_quote:
            quantity = in_lots(terms.size, quote.ask, instrument.lot)
        elif terms.sells_by_quote:
            quantity = in_lots(terms.size, quote.bid, instrument.lot)
        if quantity < instrument.min_quantity:
            raise Refused("51020", "Your order should meet or exceed the minimum order amount.")
        if not instrument.quantity_fits(quantity):
            raise Refused("51121", "Order quantity must be a multiple of the lot size.")
        return quantity

    def _refuse_price(self, terms: OrderTerms) -> None:
        if terms.price is None:
            return
        if not self._state.instrument(terms.pair).price_fits(terms.price):
            raise bad_parameter("px")
        low, high = price_band(self._state, terms.pair)
        beyond = terms.price > high if terms.side is Side.BUY else terms.price < low
        if beyond:
            raise Refused(
                "51006", f"Order price is not within the price limit (max buy price: {high} min sell price: {low})"
            )

    def _refuse_leverage(self, account: VenueAccount, terms: OrderTerms) -> None:
        """Refuse to open with a leverage that was set and is not offered any more."""
        spent = terms.pair.quote if terms.side is Side.BUY else terms.pair.base
        asked = account.leverage(inst_id(terms.pair), spent, default=1)
        offered = max(self._state.instrument(terms.pair).leverages(terms.side), default=1)
        if account.may_borrow and not terms.reduce_only and asked > offered and self._closable(account, terms) is None:
            raise Refused("51186", "Order failed. The leverage of the position exceeds what this pair allows now.")

    def _closable(self, account: VenueAccount, terms: OrderTerms) -> Decimal | None:
        """How much base the order could close of the position that stands against it; None when none does."""
        margin_asset = terms.book.margin_asset
        if margin_asset is None:
            return None
        position = self._state.ledger(account).position(terms.pair, margin_asset)
        if position is None or position.side is terms.side:
            return None
        return position.closable(self._state.exchange.model.fee.taker_rate)

    def _reduced(self, account: VenueAccount, terms: OrderTerms, quantity: Decimal) -> Decimal:
        """The size of a reducing order. Raises Refused."""
        if not terms.reduce_only:
            return quantity
        closable = self._closable(account, terms)
        if closable is None:
            raise Refused("51169", "Order failed. You don't have any positions in this direction to reduce or close.")
        instrument = self._state.instrument(terms.pair)
        most = instrument.round_quantity(closable) if terms.side is Side.SELL else round_up(closable, instrument.lot)
        return min(quantity, most) if _is_cut(terms) else quantity

    def _refuse_borrowing(self, account: VenueAccount, terms: OrderTerms) -> None:
        """Refuse an order that would borrow where nothing is lent, and one that would spend a position's coins."""
        state = self._state
        if account.may_borrow and not terms.reduce_only:
            fault = state.faults.strike((FaultKind.INSUFFICIENT_MARGIN_POOL,), "POST /api/v5/trade/order", account.name)
            if fault is not None:
                raise insufficient("1004", "Insufficient loan quota of the currency to borrow.")
        if account.has_positions and terms.book.margin_asset is None:
            spent = terms.pair.quote if terms.side is Side.BUY else terms.pair.base
            price = terms.price or state.last(terms.pair)
            need = terms.size
            if terms.side is Side.BUY and not terms.buys_by_quote:
                need = terms.size * price
            free = Standing.of(state, account).free(spent)
            if free <= ZERO:
                raise Refused("51127", f"Available balance of {spent} is 0")
            if need > free:
                raise insufficient("1000", f"Insufficient {spent} balance in account")

    def _refusal(self, account: VenueAccount, terms: OrderTerms, refused: SimRefused) -> Refused:
        """What OKX says: short of money means several things, by mode and by what could still be borrowed."""
        spent = terms.pair.quote if terms.side is Side.BUY else terms.pair.base
        if refused.reason not in (Refusal.INSUFFICIENT_FUNDS, Refusal.MARGIN_LEVEL_TOO_LOW):
            return refusal_of(refused)
        is_plain = account.mode is Mode.SPOT and not account.spot_borrow
        if is_plain and Standing.of(self._state, account).free(spent) <= ZERO:
            return Refused("51127", f"Available balance of {spent} is 0")
        match account.mode:
            case Mode.MULTI_CURRENCY | Mode.PORTFOLIO if not account.auto_loan:
                sub = "1002" if terms.side is Side.BUY else "1003"
                return insufficient(sub, f"Insufficient {spent} balance in account, and auto borrow is not enabled")
            case Mode.SPOT if not account.spot_borrow:
                return insufficient("1000", f"Insufficient {spent} balance in account")
            case _ if loanable(Standing.of(self._state, account), spent) == ZERO:
                return insufficient("1004", f"The borrowing limit of {spent} is reached")
            case _:
                return insufficient("1001", f"Insufficient {spent} margin in account")

    def _ends_at_once(self, account: VenueAccount, terms: OrderTerms, quantity: Decimal) -> str:
        """The cancelSource of an order that is taken and ended in one go, `""` for any other."""
        state = self._state
        quote = state.exchange.quote(terms.pair)
        if terms.ord_type == "post_only" and terms.price is not None:
            takes = terms.price >= quote.ask if terms.side is Side.BUY else terms.price <= quote.bid
            forced = state.faults.strike((FaultKind.POST_ONLY_CANCELLED,), "POST /api/v5/trade/order", account.name)
            return _POST_ONLY if takes or forced is not None else ""
        if terms.ord_type == "fok" and terms.price is not None:
            book = state.exchange.book(terms.pair, _DEPTH)
            levels = book.asks if terms.side is Side.BUY else book.bids
            sign = terms.side.sign
            within = sum((each.quantity for each in levels if (terms.price - each.price) * sign >= 0), ZERO)
            return "" if within >= quantity else _FILL_OR_KILL
        return ""

    def _end_at_once(self, drafted: SimOrder, terms: OrderTerms, source: str) -> SimOrder:
        state = self._state
        own = state.new_own_id()
        now = state.now()
        order = replace(
            drafted,
            order_id=VenueOrderId(f"own-{own}"),
            placed_at=now,
            closed_at=now,
            status=OrderStatus.CANCELLED,
        )
        state.keep(order, OrderNote(drafted.account, terms, own, cancel_source=source))
        state.own_orders[drafted.account].append(order)
        state.own_events.append(SimOrderEvent(drafted.account, OrderNews.CANCELLED, order, now))
        return order

    def _margin_asset(self, order: SimOrder) -> Asset | None:
        return self._state.note(order).terms.book.margin_asset


def _is_cut(terms: OrderTerms) -> bool:
    """Whether a reducing order never trades more than there is to close.

    A purchase whose size is in base trades all of it: what is left when the debt is repaid is plain spot.
    """
    return terms.reduce_only and (terms.side is Side.SELL or terms.is_market)
