"""An order as a Kraken client words it: read strictly, prices resolved, and said back in Kraken's sentence.

Knows the wire's words only. What the market and the account allow is the simulated exchange's to say.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Side
from jarvis.domain.market import Quote
from jarvis.domain.money import ZERO, exact, is_multiple, round_nearest
from jarvis.emulators.kraken.errors import (
    COST_MINIMUM,
    DEADLINE_ELAPSED,
    ORDER_MINIMUM,
    TICK_SIZE,
    Refused,
    invalid_argument,
)
from jarvis.emulators.kraken.names import PairName
from jarvis.emulators.kraken.params import Params
from jarvis.emulators.kraken.text import EPOCH, fixed

LIMIT_TYPES = frozenset({"limit", "iceberg", "stop-loss-limit", "take-profit-limit", "trailing-stop-limit"})
TRAILING_TYPES = frozenset({"trailing-stop", "trailing-stop-limit"})
TRIGGERED_TYPES = frozenset({"stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"}) | TRAILING_TYPES
ORDER_TYPES = TRIGGERED_TYPES | {"market", "limit", "iceberg", "settle-position"}
_OFLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
_TIMES_IN_FORCE = frozenset({"GTC", "IOC", "GTD"})
_STP = frozenset({"cancel-newest", "cancel-oldest", "cancel-both"})
_CLIENT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[\x21-\x7e]{1,18}")
_PRICE = re.compile(r"([+\-#]?)([0-9]+(?:\.[0-9]+)?)(%?)")
_EARLIEST_DEADLINE = timedelta(milliseconds=500)
_LATEST_DEADLINE = timedelta(seconds=60)
_ICEBERG_PARTS = 15


@dataclass(frozen=True, slots=True)
class Price:
    """A price as it was written: absolute, or an offset from a reference (`+5`, `-1%`, `#10`)."""

    text: str
    prefix: str
    amount: Decimal
    is_percent: bool

    @classmethod
    def parse(cls, text: str, field: str) -> "Price":
        """The price that `text` spells; anything else refuses the parameter."""
        match = _PRICE.fullmatch(text)
        if match is None:
            raise invalid_argument(field)
        prefix, amount, percent = match.groups()
        if percent and not prefix:
            raise invalid_argument(field)
        return cls(text, prefix, exact(amount), bool(percent))

    @property
    def is_relative(self) -> bool:
        """Whether it is an offset."""
        return bool(self.prefix)

    def distance(self, reference: Decimal) -> Decimal:
        """The offset in quote, positive."""
        return reference * self.amount / 100 if self.is_percent else self.amount

    def resolve(self, reference: Decimal, *, hash_sign: int, tick: Decimal) -> Decimal:
        """The absolute price; an offset counts from `reference` and is rounded to a tick. `#` takes `hash_sign`."""
        if not self.is_relative:
            return self.amount
        sign = {"+": 1, "-": -1, "#": hash_sign}[self.prefix]
        return round_nearest(reference + sign * self.distance(reference), tick)


@dataclass(frozen=True, slots=True)
class CloseTemplate:
    """The conditional close that an order spawns on each fill."""

    ordertype: str
    price: Price
    price2: Price | None


@dataclass(frozen=True, slots=True)
class KrakenOrder:
    """One order of a client, all of it. Trigger and limit price are absolute, `trail` is a distance (quote)."""

    book: PairName
    side: Side
    ordertype: str
    volume: Decimal
    price: Price | None
    price2: Price | None
    limit_price: Decimal | None
    trigger_price: Decimal | None
    trail: Decimal | None
    leverage: int | None
    reduce_only: bool
    oflags: tuple[str, ...]
    trigger: str
    time_in_force: str
    start_at: datetime | None
    expires_at: datetime | None
    userref: int | None
    cl_ord_id: str | None
    close: CloseTemplate | None
    display_volume: Decimal | None
    stp: str = "cancel-newest"

    @property
    def is_post_only(self) -> bool:
        """Whether it must not take."""
        return "post" in self.oflags

    def describe(self) -> str:
        """Kraken's sentence: `buy 2.12340000 XBTUSD @ limit 25000.1 with 2:1 leverage`."""
        volume = fixed(self.volume, self.book.lot_decimals)
        how = self._how(self.ordertype, self.price, self.price2)
        leverage = f" with {self.leverage}:1 leverage" if self.leverage else ""
        return f"{self.side.value} {volume} {self.book.altname} @ {how}{leverage}"

    def describe_close(self) -> str:
        """The sentence of the conditional close, empty when there is none."""
        if self.close is None:
            return ""
        return f"close position @ {self._how(self.close.ordertype, self.close.price, self.close.price2)}"

    def price_text(self, price: Price | None) -> str:
        """How the order's description writes a price: absolute ones in full, offsets as they were given."""
        if price is None:
            return "0"
        return price.text if price.is_relative else fixed(price.amount, self.book.price_decimals)

    def _how(self, ordertype: str, price: Price | None, price2: Price | None) -> str:
        words = ordertype.removesuffix("-limit").replace("-", " ")
        if ordertype in ("market", "settle-position"):
            return words
        text = f"{words} {self.price_text(price)}"
        if ordertype in LIMIT_TYPES and price2 is not None:
            text += f" -> limit {self.price_text(price2)}"
        return text


def read_order(params: Params, book: PairName, instrument: Instrument, quote: Quote, now: datetime) -> KrakenOrder:
    """The order that AddOrder's parameters mean. Raises Refused with Kraken's string for what does not fit."""
    side = _side(params)
    ordertype = params.required("ordertype")
    if ordertype not in ORDER_TYPES:
        raise invalid_argument("ordertype")
    leverage = _leverage(params)
    volume = _volume(params, book, leverage)
    oflags = _oflags(params, ordertype, side, leverage)
    reduce_only = params.boolean("reduce_only")
    if reduce_only and leverage is None:
        raise invalid_argument("reduce_only")
    userref, cl_ord_id = read_references(params)
    price, price2 = _prices(params, ordertype)
    limit, trigger_price, trail = _resolve(ordertype, side, price, price2, quote.last, book)
    for given in (price, price2):
        if given is not None and not given.is_relative:
            check_price(given.amount, book)
    time_in_force, start_at, expires_at = _times(params, ordertype, now)
    stp = params.text("stptype", "cancel-newest") or "cancel-newest"
    if stp not in _STP:
        raise invalid_argument("stptype")
    display_volume = params.decimal("displayvol")
    if ordertype == "iceberg" and (display_volume is None or display_volume * _ICEBERG_PARTS < volume):
        raise invalid_argument("displayvol")
    _check_minimums(volume, limit or trigger_price or quote.last, instrument, oflags)
    return KrakenOrder(
        book=book,
        side=side,
        ordertype=ordertype,
        volume=volume,
        price=price,
        price2=price2,
        limit_price=limit,
        trigger_price=trigger_price,
        trail=trail,
        leverage=leverage,
        reduce_only=reduce_only,
        oflags=oflags,
        trigger=_trigger(params, ordertype, book),
        time_in_force=time_in_force,
        start_at=start_at,
        expires_at=expires_at,
        userref=userref,
        cl_ord_id=cl_ord_id,
        close=_close(params, ordertype, book),
        display_volume=display_volume,
        stp=stp,
    )


def read_references(params: Params) -> tuple[int | None, str | None]:
    """`userref` and `cl_ord_id`, of which only one may be given, each in its own form."""
    userref, cl_ord_id = params.integer("userref"), params.text("cl_ord_id")
    if userref is not None and not -(2**31) <= userref < 2**31:
        raise invalid_argument("userref")
    if cl_ord_id is not None:
        check_client_id(cl_ord_id)
        if userref is not None:
            raise invalid_argument("cl_ord_id")
    return userref, cl_ord_id


def check_client_id(cl_ord_id: str) -> None:
    """Refuse a client order id that is no UUID, no 32 hex digits and no 1 to 18 visible ASCII characters."""
    if _CLIENT_ID.fullmatch(cl_ord_id) is None:
        raise invalid_argument("cl_ord_id")


def check_price(price: Decimal, book: PairName) -> None:
    """Refuse a price with too many decimals, or between two ticks."""
    if price <= 0:
        raise invalid_argument("price")
    if not is_multiple(price, Decimal(1).scaleb(-book.price_decimals)):
        raise Refused(
            f"EOrder:Invalid price:{book.symbol} price can only be specified up to {book.price_decimals} decimals."
        )
    if not is_multiple(price, book.tick):
        raise Refused(TICK_SIZE)


def check_deadline(deadline: datetime | None, now: datetime) -> None:
    """Refuse a deadline that has passed, or that is not between half a second and a minute from now."""
    if deadline is None:
        return
    if deadline <= now:
        raise Refused(DEADLINE_ELAPSED)
    if not _EARLIEST_DEADLINE <= deadline - now <= _LATEST_DEADLINE:
        raise invalid_argument("deadline")


def _side(params: Params) -> Side:
    try:
        return Side(params.required("type"))
    except ValueError:
        raise invalid_argument("type") from None


def _leverage(params: Params) -> int | None:
    text = params.text("leverage")
    if text is None or text == "none":
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise invalid_argument("leverage")
    return int(text)


def _volume(params: Params, book: PairName, leverage: int | None) -> Decimal:
    volume = params.decimal("volume")
    if volume is None or volume < 0 or (volume == 0 and leverage is None):
        raise invalid_argument("volume")
    if not is_multiple(volume, Decimal(1).scaleb(-book.lot_decimals)):
        raise invalid_argument("volume")
    return volume


def _oflags(params: Params, ordertype: str, side: Side, leverage: int | None) -> tuple[str, ...]:
    oflags = tuple(params.names("oflags"))
    if not set(oflags) <= _OFLAGS or {"fcib", "fciq"} <= set(oflags):
        raise invalid_argument("oflags")
    if "post" in oflags and ordertype != "limit":
        raise invalid_argument("oflags")
    if "viqc" in oflags and (ordertype != "market" or side is not Side.BUY or leverage is not None):
        raise invalid_argument("oflags")
    return oflags


def _prices(params: Params, ordertype: str) -> tuple[Price | None, Price | None]:
    """The prices that the type needs; a price that the type cannot use is ignored when it is zero only."""
    price, price2 = (
        Price.parse(text, field) if (text := params.text(field)) is not None else None for field in ("price", "price2")
    )
    if ordertype in ("market", "settle-position"):
        return None, None
    if price is None or (price.amount == 0 and not price.is_relative):
        raise invalid_argument("price")
    if ordertype in TRIGGERED_TYPES & LIMIT_TYPES:
        if price2 is None:
            raise invalid_argument("price2")
        return price, price2
    return price, None


def _resolve(
    ordertype: str, side: Side, price: Price | None, price2: Price | None, last: Decimal, book: PairName
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Limit price, trigger price and trailing offset. Offsets count from the last price, price2's from the trigger."""
    if price is None:
        return None, None, None
    # `#` means the direction that the order waits for: a buy limit lies below, a buy stop above, a take-profit like
    # a limit; the second price leaves room in the order's own direction.
    away = side.sign
    if ordertype in ("limit", "iceberg"):
        return _positive(price.resolve(last, hash_sign=-away, tick=book.tick), "price"), None, None
    if ordertype in TRAILING_TYPES:
        if price.prefix != "+":
            raise invalid_argument("price")
        trail = _positive(round_nearest(price.distance(last), book.tick), "price")
        stop = round_nearest(last + away * trail, book.tick)
        limit = price2.resolve(stop, hash_sign=away, tick=book.tick) if price2 is not None else None
        return limit, _positive(stop, "price"), trail
    hash_sign = away if ordertype.startswith("stop") else -away
    trigger = _positive(price.resolve(last, hash_sign=hash_sign, tick=book.tick), "price")
    if price2 is None:
        return None, trigger, None
    return _positive(price2.resolve(trigger, hash_sign=away, tick=book.tick), "price2"), trigger, None


def _positive(price: Decimal, field: str) -> Decimal:
    if price <= 0:
        raise invalid_argument(field)
    return price


def _trigger(params: Params, ordertype: str, book: PairName) -> str:
    trigger = params.text("trigger", "last") or "last"
    if trigger not in ("last", "index"):
        raise invalid_argument("trigger")
    if ordertype not in TRIGGERED_TYPES:
        return ""
    # The US books know no last-price trigger.
    if book.is_us and trigger != "index":
        raise invalid_argument("trigger")
    return trigger


def _times(params: Params, ordertype: str, now: datetime) -> tuple[str, datetime | None, datetime | None]:
    time_in_force = params.text("timeinforce", "GTC") or "GTC"
    if time_in_force not in _TIMES_IN_FORCE:
        raise invalid_argument("timeinforce")
    if time_in_force == "IOC" and ordertype not in ("limit", "market"):
        raise invalid_argument("timeinforce")
    start_at = _moment(params, "starttm", now)
    expires_at = _moment(params, "expiretm", now)
    if time_in_force == "GTD" and expires_at is None:
        raise invalid_argument("expiretm")
    if expires_at is not None and expires_at <= now:
        raise invalid_argument("expiretm")
    return time_in_force, start_at if start_at is not None and start_at > now else None, expires_at


def _moment(params: Params, name: str, now: datetime) -> datetime | None:
    """`0` (not set), `+seconds` from now, or a unix time."""
    text = params.text(name)
    if text is None:
        return None
    try:
        seconds = float(exact(text.removeprefix("+")))
        if seconds == 0:
            return None
        return (now if text.startswith("+") else EPOCH) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise invalid_argument(name) from None


def _close(params: Params, ordertype: str, book: PairName) -> CloseTemplate | None:
    group = params.group("close")
    if group is None:
        return None
    closing = group.required("ordertype")
    if ordertype == "iceberg" or closing not in ORDER_TYPES - {"market", "iceberg", "settle-position"}:
        raise invalid_argument("close")
    price, price2 = _prices(group, closing)
    if price is None:
        raise invalid_argument("close")
    for given in (price, price2):
        if given is not None and not given.is_relative:
            check_price(given.amount, book)
    return CloseTemplate(closing, price, price2)


def _check_minimums(volume: Decimal, price: Decimal, instrument: Instrument, oflags: tuple[str, ...]) -> None:
    if volume == ZERO:
        return
    if "viqc" in oflags:
        if volume < instrument.min_cost:
            raise Refused(COST_MINIMUM)
        return
    if volume < instrument.min_quantity:
        raise Refused(ORDER_MINIMUM)
    if volume * price < instrument.min_cost:
        raise Refused(COST_MINIMUM)
