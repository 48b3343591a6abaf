"""What all parts of the emulated venue share: the exchange, its people, their books, and notes on orders.

The simulated exchange knows what an order does; the notes keep what the client wrote and must be told again. Orders
that end before they could meet the book (a post-only that would take) are the venue's own affair and kept here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import chain
from random import Random

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import Asset
from jarvis.domain.order import VenueOrderId
from jarvis.emulators.faults import FaultKind, Faults
from jarvis.emulators.okx.books import AccountBooks, Books
from jarvis.emulators.okx.keys import READ, WITHDRAW, ApiKey, KeyRing, VenueAccount
from jarvis.emulators.okx.limits import Limits
from jarvis.emulators.okx.names import InstrumentNames, order_id
from jarvis.emulators.okx.orders import CROSS, Book, OrderTerms
from jarvis.emulators.okx.params import Params
from jarvis.sim.exchange import SimEvent, SimExchange, SimOrder, SimOrderEvent

__all__ = ["Call", "OrderNote", "VenueState"]

_OWN = 2048
"""Ids of orders that the exchange never saw lie between those that it numbered."""


@dataclass(frozen=True, slots=True)
class Call:
    """One permitted private call: what was asked, and the market's time when it takes effect, a delay included."""

    account: VenueAccount
    key: ApiKey
    items: list[Params]
    now: datetime
    is_batch: bool = False
    by_code: bool = False

    @property
    def params(self) -> Params:
        """The parameters of a call that has but one item."""
        return self.items[0] if self.items else Params({})


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What a client wrote about an order and the exchange does not keep.

    `cancel_source` says who ended it. `algo` is the number of the algo order that it came from. `amend` is how the
    latest amendment is told (reqId, amendSource, amendResult).
    """

    account: str
    terms: OrderTerms
    order_id: str
    cancel_source: str = ""
    algo: int | None = None
    source: str = ""
    amend: tuple[str, str, str] = ("", "", "")


@dataclass(slots=True)
class VenueState:
    """Shared by REST, WebSocket and pages of one emulated venue."""

    exchange: SimExchange
    now: Callable[[], datetime]
    names: InstrumentNames
    keys: KeyRing
    faults: Faults
    limits: Limits
    random: Random
    notes: dict[VenueOrderId, OrderNote] = field(default_factory=dict)
    own_orders: dict[str, list[SimOrder]] = field(default_factory=lambda: defaultdict(list))
    own_events: list[SimEvent] = field(default_factory=list)
    ids: dict[str, VenueOrderId] = field(default_factory=dict)
    client_ids: dict[tuple[str, str], list[VenueOrderId]] = field(default_factory=lambda: defaultdict(list))
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        """Begin the books."""
        self.books = Books(self.margin_asset_of, self.reduces)

    def instrument(self, pair: Pair) -> Instrument:
        """The pair's rules now."""
        return self.exchange.instruments[pair]

    def last(self, pair: Pair) -> Decimal:
        """The pair's last price, which is its mark and index price too."""
        return self.exchange.quote(pair).last

    def value(self, asset: Asset, amount: Decimal) -> Decimal:
        """What an amount is worth in the quote currency, zero for an asset without a price."""
        pair = next((pair for pair in self.names.pairs if asset == pair.base), None)
        if pair is not None:
            return amount * self.last(pair)
        return amount if any(asset == each.quote for each in self.names.pairs) else Decimal(0)

    def ledger(self, account: VenueAccount) -> AccountBooks:
        """The account's books."""
        return self.books.of(account.name)

    def granted(self, key: ApiKey) -> frozenset[str]:
        """What a key may do now, a widening fault included."""
        if self.faults.holds(FaultKind.PERMISSION_WIDENED, account=key.account):
            return key.permissions | {WITHDRAW}
        return key.permissions | {READ}

    # Orders.

    def observe(self, events: Iterable[SimEvent]) -> None:
        """Note the orders that the exchange made by itself: its liquidations."""
        for event in events:
            if isinstance(event, SimOrderEvent) and event.order.order_id not in self.notes:
                self.keep(event.order, self.note(event.order))

    def note(self, order: SimOrder) -> OrderNote:
        """What is known of the order; one of the venue's own making is told as such."""
        known = self.notes.get(order.order_id)
        if known is not None:
            return known
        account = self.keys.accounts[order.account]
        terms = OrderTerms(
            book=Book(order.pair, CROSS, self._position_asset(order) if account.has_positions else None),
            side=order.side,
            ord_type="market" if order.limit_price is None else "limit",
            size=order.quantity,
            price=order.limit_price,
            target="base_ccy",
            reduce_only=account.has_positions,
        )
        return OrderNote(order.account, terms, order_id(order.number))

    def order_id(self, order: SimOrder) -> str:
        """The ordId."""
        note = self.notes.get(order.order_id)
        return note.order_id if note is not None else order_id(order.number)

    def keep(self, order: SimOrder, note: OrderNote) -> None:
        """Keep what the client wrote about a new order."""
        self.notes[order.order_id] = note
        self.ids[note.order_id] = order.order_id
        if note.terms.client_id:
            self.client_ids[note.account, note.terms.client_id].append(order.order_id)

    def renote(self, order: SimOrder, **changes: object) -> None:
        """Change the note on an order."""
        self.notes[order.order_id] = replace(self.note(order), **changes)  # type: ignore[arg-type]

    def new_own_id(self) -> str:
        """An ordId for an order that the exchange never sees."""
        count = sum(len(orders) for orders in self.own_orders.values())
        return str(int(order_id(count)) + _OWN)

    def is_visible(self, order: SimOrder) -> bool:
        """Whether it is an order to the client; one that waits for a trigger is an algo order instead."""
        return self.note(order).algo is None or order.triggered_at is not None

    def open_orders(self, account: VenueAccount) -> list[SimOrder]:
        """Orders that work, oldest first."""
        return [order for order in self.exchange.orders(account.name) if self.is_visible(order)]

    def closed_orders(self, account: VenueAccount) -> Iterator[SimOrder]:
        """Orders that are over."""
        both = chain(self.exchange.closed_orders(account.name), self.own_orders[account.name])
        return (order for order in both if self.is_visible(order))

    def find_order(self, account: VenueAccount, params: Params, pair: Pair) -> SimOrder | None:
        """The order that `ordId`, or else `clOrdId`, names; None when there is none in this pair."""
        if "ordId" in params:
            found = self._by_id(account, params.text("ordId"))
        else:
            found = self.find_client_order(account, params.text("clOrdId"))
        return found if found is not None and found.pair == pair and self.is_visible(found) else None

    def find_client_order(self, account: VenueAccount, client_id: str) -> SimOrder | None:
        """The latest order with this client id, the working one first."""
        ids = self.client_ids.get((account.name, client_id), ()) if client_id else ()
        orders = [order for order in (self._order(account, known) for known in ids) if order is not None]
        working = [order for order in orders if order.is_open]
        return working[-1] if working else orders[-1] if orders else None

    def margin_asset_of(self, order: SimOrder) -> Asset | None:
        """In which currency's position an order of futures mode trades, None for spot."""
        return self.note(order).terms.book.margin_asset

    def reduces(self, order: SimOrder) -> bool:
        """Whether the client marked the order as reducing."""
        return self.note(order).terms.reduce_only

    def _by_id(self, account: VenueAccount, text: str) -> SimOrder | None:
        known = self.ids.get(text)
        return None if known is None else self._order(account, known)

    def _order(self, account: VenueAccount, known: VenueOrderId) -> SimOrder | None:
        own = next((order for order in self.own_orders[account.name] if order.order_id == known), None)
        return own or self.exchange.order(account.name, known)

    def _position_asset(self, order: SimOrder) -> Asset:
        positions = self.books.of(order.account).positions.values()
        standing = (each.margin_asset for each in positions if each.pair == order.pair and each.side is not order.side)
        return next(standing, order.pair.quote)
