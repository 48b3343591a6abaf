"""What all parts of the emulated venue share: the exchange, its people, its symbols, and notes on orders.

The simulated exchange knows what an order does; the notes keep what the client wrote and must be told again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import Asset
from jarvis.domain.order import FillId, VenueOrderId
from jarvis.emulators.bybit.errors import BAD_SYMBOL, Refused, parameter_error
from jarvis.emulators.bybit.keys import ApiKey, KeyRing, Permission, VenueAccount
from jarvis.emulators.bybit.limits import WireClock
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.faults import FaultKind, Faults
from jarvis.sim.exchange import SimExchange, SimFill, SimOrder

_ORDER_STEP = 257
_FIRST_FILL = 2_290_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One permitted private call. `now` is the market's time when it takes effect, a delay included."""

    account: VenueAccount
    key: ApiKey
    params: Params
    now: datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """A take-profit or stop-loss that a limit order carries: both prices as written, no limit is at market."""

    trigger: str
    limit: str = ""


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What a client wrote about an order and the exchange does not keep. `quantity` is as written, with its unit."""

    account: str
    link_id: str
    is_leveraged: bool
    order_type: str
    time_in_force: str
    order_filter: str
    quantity: str
    price: str
    market_unit: str = ""
    trigger_price: str = ""
    take_profit: Exit | None = None
    stop_loss: Exit | None = None
    last_price: str = ""
    stop_type: str = ""
    cancel_type: str = "UNKNOWN"
    reject_reason: str = "EC_NoError"

    def changed(self, **values: object) -> "OrderNote":
        """The note with other values."""
        return replace(self, **values)  # type: ignore[arg-type]


class Ids:
    """Bybit's ids for what the exchange names in its own way: nineteen digits that rise."""

    def __init__(self, random: Random) -> None:
        self._next = random.randrange(1_700, 1_900) * 10**15 + random.randrange(10**12)
        self._orders: dict[VenueOrderId, str] = {}
        self._known: dict[str, VenueOrderId] = {}
        self._ghosts = 0

    def order(self, order_id: VenueOrderId) -> str:
        """The order's id on the wire."""
        known = self._orders.get(order_id)
        if known is None:
            self._next += _ORDER_STEP
            known = self._orders[order_id] = str(self._next)
            self._known[known] = order_id
        return known

    def ghost(self) -> VenueOrderId:
        """A new id for an order that never reached the book."""
        self._ghosts += 1
        return VenueOrderId(f"ghost-{self._ghosts}")

    def find(self, text: str) -> VenueOrderId | None:
        """The exchange's own id for one from the wire."""
        return self._known.get(text)

    @staticmethod
    def fill(number: int) -> str:
        """A fill's id on the wire."""
        return str(_FIRST_FILL + number)


@dataclass(slots=True)
class VenueState:
    """Shared by REST, WebSocket and pages of one emulated venue."""

    exchange: SimExchange
    now: Callable[[], datetime]
    clock: WireClock
    keys: KeyRing
    faults: Faults
    random: Random
    ids: Ids
    notes: dict[VenueOrderId, OrderNote] = field(default_factory=dict)
    fills: dict[FillId, SimFill] = field(default_factory=dict)
    ghosts: dict[str, list[SimOrder]] = field(default_factory=dict)
    links: dict[tuple[str, str], VenueOrderId] = field(default_factory=dict)
    siblings: dict[VenueOrderId, VenueOrderId] = field(default_factory=dict)
    liquidating_until: dict[str, datetime] = field(default_factory=dict)
    restarted_at: datetime | None = None
    symbols: dict[str, Pair] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name the pairs in the venue's way."""
        self.symbols = {symbol_of(pair): pair for pair in self.exchange.instruments}

    def pair(self, symbol: str) -> Pair:
        """The pair of a symbol. Raises Refused for one that is not listed."""
        try:
            return self.symbols[symbol]
        except KeyError:
            raise Refused(BAD_SYMBOL) from None

    def instrument(self, pair: Pair) -> Instrument:
        """The pair's rules now."""
        return self.exchange.instruments[pair]

    def coins(self) -> Iterator[Asset]:
        """Every coin of the venue: bases in order, then the quote."""
        quotes = set()
        for pair in self.exchange.instruments:
            quotes.add(pair.quote)
            yield pair.base
        yield from sorted(quotes)

    def coin(self, name: str) -> Asset:
        """A coin by name. Raises Refused for one that is unknown."""
        if name not in set(self.coins()):
            raise parameter_error(f"params error: {name} is not a supported coin")
        return Asset(name)

    def price(self, asset: Asset) -> Decimal:
        """What one unit is worth in the quote asset."""
        for pair in self.exchange.instruments:
            if pair.base == asset:
                return self.exchange.quote(pair).last
        return Decimal(1)

    def granted(self, key: ApiKey) -> frozenset[str]:
        """What a key may do now, a widening fault included."""
        if self.faults.holds(FaultKind.PERMISSION_WIDENED, account=key.account):
            return key.names | {Permission.WITHDRAW.value}
        return key.names

    def order(self, account: str, order_id: VenueOrderId) -> SimOrder | None:
        """An order of the account, one that never reached the book included."""
        for ghost in self.ghosts.get(account, ()):
            if ghost.order_id == order_id:
                return ghost
        return self.exchange.order(account, order_id)

    def fills_of(self, order: SimOrder) -> list[SimFill]:
        """The order's fills that were told, oldest first."""
        return [self.fills[fill_id] for fill_id in order.fill_ids if fill_id in self.fills]

    def is_liquidating(self, account: str) -> bool:
        """Whether the venue is selling this account's coins by force."""
        until = self.liquidating_until.get(account)
        return until is not None and self.now() < until

    def new_id(self) -> str:
        """An id for a message or a connection."""
        return f"{self.random.getrandbits(96):024x}"


def symbol_of(pair: Pair) -> str:
    """`BTCUSDT`."""
    return f"{pair.base}{pair.quote}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A result with something in `retExtInfo`, as batches have it."""

    result: Any
    extra: Any
