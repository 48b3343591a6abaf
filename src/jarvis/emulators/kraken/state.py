"""What all parts of the emulated venue share: the exchange, its people, its books, and notes on orders.

The simulated exchange knows what an order does; the notes keep what the client wrote and must be told again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from random import Random

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.order import VenueOrderId
from jarvis.emulators.faults import FaultKind, Faults
from jarvis.emulators.kraken.errors import UNKNOWN_PAIR, Refused
from jarvis.emulators.kraken.keys import ApiKey, KeyRing, Permission, VenueAccount
from jarvis.emulators.kraken.names import PairName, PairNames
from jarvis.emulators.kraken.orders import KrakenOrder
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.rates import Counters, WireClock
from jarvis.sim.exchange import SimExchange

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class Call:
    """One permitted private call. `now` is the market's time when it takes effect, a delay included."""

    account: VenueAccount
    key: ApiKey
    params: Params
    now: datetime


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of an order, as OrderAmends lists it."""

    amend_id: str
    kind: str
    at: datetime
    quantity: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What a client wrote about an order and the exchange does not keep."""

    account: str
    order: KrakenOrder
    placed: float
    original: str | None = None
    amendments: tuple[Amendment, ...] = ()

    def amended(self, amendment: Amendment) -> "OrderNote":
        """The note with one more change."""
        return replace(self, amendments=(*self.amendments, amendment))


@dataclass(slots=True)
class VenueState:
    """Shared by REST, WebSocket and pages of one emulated venue."""

    exchange: SimExchange
    now: Callable[[], datetime]
    clock: WireClock
    names: PairNames
    keys: KeyRing
    faults: Faults
    rest: Counters
    engine: Counters
    random: Random
    notes: dict[VenueOrderId, OrderNote] = field(default_factory=dict)

    def new_id(self, first: str) -> str:
        """An id in Kraken's shape, 6-5-6."""
        letters = "".join(self.random.choices(_LETTERS, k=16))
        return f"{first}{letters[:5]}-{letters[5:10]}-{letters[10:]}"

    def instrument(self, pair: Pair) -> Instrument:
        """The pair's rules now."""
        return self.exchange.instruments[pair]

    def book(self, text: str, account: VenueAccount | None = None) -> PairName:
        """The book that a REST client names. Raises Refused for one that is unknown, or that the account cannot see."""
        name = self.names.by_rest(text)
        if name is None or (name.is_us and account is not None and not account.is_us):
            raise Refused(UNKNOWN_PAIR)
        return name

    def granted(self, key: ApiKey) -> frozenset[str]:
        """What a key may do now, a widening fault included."""
        if self.faults.holds(FaultKind.PERMISSION_WIDENED, account=key.account):
            return key.permissions | {Permission.WITHDRAW_FUNDS.value}
        return key.permissions

    def margin_book(self, pair: Pair, account: str) -> PairName:
        """The book on which this account's margin positions in the pair stand."""
        return self.names.of(pair, us=self.keys.accounts[account].is_us)
