"""Whether, where and with how much leverage an account may trade on margin.

Kraken's lists say what it lends to somebody; only an order says what it lends to this account: it is asked by
`validate_only` orders, which are checked and never placed. They may not check everything (funds, for one). The other
venues tell the account's own state: the adapter reads it and says what is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import round_up
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType
from jarvis.venues.base import Accepted, PlaceResult, RefusalReason, Unreachable, Venue

_FAR_FROM_MARKET = Decimal("0.5")
_MINUTE = timedelta(minutes=1)
# Refusals that come only after the question "may this account borrow?" was answered with yes.
_BEYOND_ELIGIBILITY = frozenset(
    {
        RefusalReason.INSUFFICIENT_FUNDS,
        RefusalReason.MARGIN_LEVEL_TOO_LOW,
        RefusalReason.LENDING_POOL_EMPTY,
        RefusalReason.POSITION_LIMIT,
        RefusalReason.BELOW_MINIMUM,
        RefusalReason.PRICE_STEP,
        RefusalReason.ORDER_LIMIT,
        RefusalReason.RATE_LIMIT,
    }
)


@runtime_checkable
class TellingVenue(Protocol):
    """A venue that tells whether the account is set up for margin."""

    execution_venue: str

    async def advice(self) -> tuple[str, ...]:
        """What the person has to do at the venue before it lends, one sentence each; empty when all is set up."""
        ...


@runtime_checkable
class CautiousVenue(Protocol):
    """A venue whose account may be set so that the person should know of it."""

    async def cautions(self) -> tuple[str, ...]:
        """What is unwise as it is set, one sentence each."""
        ...


async def cautions_of(venue: Venue) -> tuple[str, ...]:
    """What a person should know of how the account is set at the venue. Raises VenueError."""
    return await venue.cautions() if isinstance(venue, CautiousVenue) else ()


@runtime_checkable
class MarginVenue(Venue, Protocol):
    """A venue that may have more than one book to trade margin on."""

    execution_venue: str

    def elsewhere(self) -> "MarginVenue | None":
        """The same key at the next book; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Where the account may trade on margin (None: nowhere yet), and the highest leverage per pair that was taken.

    `message` says it to the person, with what to do when the answer is no.
    """

    execution_venue: str | None
    max_leverage: Mapping[Pair, int]
    message: str


async def find_margin(venue: Venue, leverage_caps: Mapping[Pair, int]) -> Eligibility:
    """What the account may do on margin, in the way that the venue lets us find out. Raises VenueError."""
    if not isinstance(venue, TellingVenue):
        if not isinstance(venue, MarginVenue):
            raise TypeError(f"{venue.name} neither tells nor takes a probe")
        return await probe_margin(venue, leverage_caps)
    missing = await venue.advice()
    if missing:
        return Eligibility(None, {}, " ".join(missing))
    found = {
        pair: leverage
        for pair, instrument in (await venue.instruments()).items()
        if (leverage := instrument.leverage_within(Side.BUY, leverage_caps.get(pair, 1))) is not None
    }
    if not found:
        return Eligibility(None, {}, "The venue lends on none of the pairs to this account now; check again later.")
    pairs = ", ".join(f"{pair} {leverage}x" for pair, leverage in found.items())
    words = " ".join((f"Margin is enabled: {pairs}.", *await cautions_of(venue)))
    return Eligibility(venue.execution_venue, found, words)


async def probe_margin(venue: MarginVenue, leverage_caps: Mapping[Pair, int]) -> Eligibility:
    """What the account may do on margin, first on the usual book, then on the others. Raises VenueError."""
    refusals: list[RefusalReason] = []
    book: MarginVenue | None = venue
    while book is not None:
        found, reasons = await _probe_book(book, leverage_caps)
        if found:
            pairs = ", ".join(f"{pair} {leverage}x" for pair, leverage in found.items())
            return Eligibility(book.execution_venue, found, f"Margin is enabled: {pairs}.")
        refusals += reasons
        book = book.elsewhere()
    return Eligibility(None, {}, _advice(refusals))


async def _probe_book(
    venue: MarginVenue, leverage_caps: Mapping[Pair, int]
) -> tuple[dict[Pair, int], list[RefusalReason]]:
    """The highest leverage that each pair takes. One pair whose account is not eligible answers for all."""
    found: dict[Pair, int] = {}
    reasons: list[RefusalReason] = []
    for pair, instrument in (await venue.instruments()).items():
        for leverage in _candidates(instrument, leverage_caps.get(pair, 1)):
            result = await _ask(venue, instrument, leverage)
            if isinstance(result, Accepted) or result.reason in _BEYOND_ELIGIBILITY:
                found[pair] = leverage
                break
            reasons.append(result.reason)
            if result.reason in (RefusalReason.NOT_ELIGIBLE, RefusalReason.AGREEMENT_REQUIRED) and not found:
                return found, reasons
    return found, reasons


def _candidates(instrument: Instrument, cap: int) -> list[int]:
    """Leverages to try, highest first. A book that lists none may still lend: its list is not authoritative."""
    listed = instrument.leverages(Side.BUY) or (2, 3, 5, 10)
    return sorted((leverage for leverage in listed if 2 <= leverage <= cap), reverse=True)


async def _ask(venue: MarginVenue, instrument: Instrument, leverage: int) -> PlaceResult:
    """The venue's answer to a small buy order far below the market."""
    bars = await venue.bars(instrument.pair, _MINUTE)
    if not bars:
        raise Unreachable(f"{instrument.pair} has no price yet to probe with; ask again in a minute")
    price = instrument.round_limit(bars[-1].close * _FAR_FROM_MARKET, Side.BUY)
    quantity = max(instrument.min_quantity, round_up(2 * instrument.min_cost / price, instrument.lot))
    request = OrderRequest(
        client_order_id=ClientOrderId(f"probe{instrument.pair.base}{leverage}"),
        pair=instrument.pair,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=quantity,
        leverage=leverage,
        role=OrderRole.ENTRY,
        limit_price=price,
    )
    return await venue.place(request, validate_only=True)


def _advice(refusals: list[RefusalReason]) -> str:
    if RefusalReason.AGREEMENT_REQUIRED in refusals:
        return (
            "The margin agreement is not accepted yet. Sign in at the venue, open any of the pairs, choose the "
            "Margin tab and accept the terms; then check again."
        )
    return (
        "The venue does not offer margin to this account. Verify it to the Intermediate tier and make sure that the "
        "Margin tab can be chosen on any of the pairs; then check again."
    )
