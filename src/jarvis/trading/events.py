"""What the engine is told and what it answers. The same events drive it live and in a backtest."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Bar, Quote, Tick
from jarvis.domain.money import ONE
from jarvis.domain.order import ClientOrderId, Fill, Order, OrderReport, OrderRequest, VenueOrderId
from jarvis.trading.limits import Limits
from jarvis.trading.state import Marks
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection, Signal


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The venue took an order, or confirmed an amendment or a look-up that found it resting."""

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """The venue proved that the order does not exist. `reason` is a `RefusalReason` value."""

    client_order_id: ClientOrderId
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderLost:
    """The outcome of sending, amending or cancelling is not known.

    `is_over`: the venue said that the order is not open any more, so only how it ended is still to be read.
    """

    client_order_id: ClientOrderId
    at: datetime
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class OrderAbsent:
    """A lost order was proved never to have reached the venue."""

    client_order_id: ClientOrderId
    at: datetime


@dataclass(frozen=True, slots=True)
class AmendAnswered:
    """The venue confirmed (`refused` empty) or refused an amendment; a lost one comes as OrderLost."""

    client_order_id: ClientOrderId
    quantity: Decimal | None
    trigger_price: Decimal | None
    limit_price: Decimal | None
    refused: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EntriesBlocked:
    """Something outside the engine forbids opening until the same `cause` is lifted: stale data, key health."""

    cause: str
    message: str
    at: datetime
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class EntriesAllowed:
    """`cause` is lifted."""

    cause: str
    at: datetime
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class ForeignSeen:
    """Somebody else acted on the account: entries stop, on `pair` or everywhere, until ForeignExplained.

    `order` is the venue's id of the order that it is about, if any: it is not told again.
    """

    message: str
    at: datetime
    pair: Pair | None = None
    order: VenueOrderId | None = None


@dataclass(frozen=True, slots=True)
class ForeignExplained:
    """The owner says that what was seen was their own doing."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StrangersKnown:
    """Orders of others that rest here and are the owner's own: they were there before we first looked."""

    orders: tuple[VenueOrderId, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """Open nothing; keep protecting and closing."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Resume:
    """Lift a pause, or the block that a limit's tier or a flatten left behind."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Flatten:
    """Close one pair, or everything, at market, cancel our resting orders there, and pause."""

    at: datetime
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class OpenByHand:
    """A person wants a position of `quantity` (base) at market, seen at `price`, with this protection.

    `leverage` is at most what the limits and the venue allow anyway.
    """

    at: datetime
    pair: Pair
    side: Side
    quantity: Decimal
    price: Decimal
    leverage: int
    protection: Protection


@dataclass(frozen=True, slots=True)
class AdjustByHand:
    """A person moves the stop of what is open (towards less risk only), lets it trail, or sets when it is closed.

    None leaves a thing as it is. `target_price` takes the place of all targets, for everything that is open; zero
    means none at all.
    """

    at: datetime
    pair: Pair
    stop_price: Decimal | None = None
    trailing: bool | None = None
    close_at: datetime | None = None
    target_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CloseByHand:
    """A person closes a share (above 0, at most 1) of what is open, at market. It needs no room in any limit."""

    at: datetime
    pair: Pair
    share: Decimal = ONE


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """The trader's new limits."""

    limits: Limits
    at: datetime


@dataclass(frozen=True, slots=True)
class FundsMoved:
    """Money came into the account (`amount` positive) or left it, valued in the margin's asset: no profit, no loss."""

    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class DebtGrew:
    """Interest of `quantity` (base) was charged on the pair's short; `charged_by` names the row of the ledger."""

    pair: Pair
    quantity: Decimal
    charged_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InstrumentsChanged:
    """The venue's rules as read again; leverage cuts are obeyed from here on."""

    instruments: tuple[Instrument, ...]
    at: datetime


EngineEvent = (
    Signal
    | Bar
    | Quote
    | Tick
    | Fill
    | OrderReport
    | MarginState
    | OrderAccepted
    | OrderRefused
    | OrderLost
    | OrderAbsent
    | AmendAnswered
    | EntriesBlocked
    | EntriesAllowed
    | ForeignSeen
    | ForeignExplained
    | StrangersKnown
    | Pause
    | Resume
    | Flatten
    | OpenByHand
    | AdjustByHand
    | CloseByHand
    | LimitsChanged
    | FundsMoved
    | DebtGrew
    | InstrumentsChanged
)


@dataclass(frozen=True, slots=True)
class Place:
    """Write the intent, then send it."""

    order: Order

    @property
    def request(self) -> OrderRequest:
        """What is to be sent."""
        return self.order.request


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a resting order in place; None leaves as it is. `quantity` is the new total, fills included."""

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    pair: Pair
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a resting order."""

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None
    pair: Pair


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find out what became of a lost order: by client order id among open orders, closed orders and fills."""

    client_order_id: ClientOrderId


class Severity(Enum):
    """How loudly to say it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that the trader must be told. `kind` is a stable name, `message` says what happened and what to do."""

    kind: str
    severity: Severity
    message: str
    at: datetime
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order's state moved: to be kept."""

    order: Order


@dataclass(frozen=True, slots=True)
class StoryChanged:
    """A position's story moved: to be kept."""

    story: PositionStory


@dataclass(frozen=True, slots=True)
class MarksChanged:
    """A pause, a block or an equity mark moved: to be kept, or a restart forgets that the account was paused."""

    marks: Marks


Action = Place | Amend | Cancel | Resolve | Alarm | OrderChanged | StoryChanged | MarksChanged
