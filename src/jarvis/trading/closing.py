"""How much closes a position at one venue, and how little no order can close. Pure.

Where a fill's assets change hands at once, buying back a short costs a little more than the debt: the fee is taken out
of what was bought. So the order is grossed up by the expected fee and rounded up to a lot; selling is rounded down.
What stays behind either way is dust: it is booked, and is no position.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ONE, ZERO, round_up
from jarvis.domain.order import Fill
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.trading.stories import PositionStory

_FEE_STEP = Decimal("0.00000001")
"""Venues keep fees to eight digits, and may round them up."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The venue's ways. `taker_rates` are the account's own fees; a pair that is not named pays `usual_rate`."""

    traits: VenueTraits = field(default_factory=VenueTraits)
    taker_rates: Mapping[Pair, Decimal] = field(default_factory=dict)
    usual_rate: Decimal = ZERO

    @property
    def is_wallet(self) -> bool:
        """Whether a fill's assets change hands at once."""
        return self.traits.settlement is Settlement.WALLET

    @property
    def is_serial(self) -> bool:
        """Whether one exit works at a time: two could close more than is open, or keep funds that the stop needs."""
        return self.is_wallet or not self.traits.reduce_only

    def base_fee_rate(self, pair: Pair, former: PositionStory | None = None) -> Decimal:
        """The part of a purchase that the venue is expected to keep as its fee.

        Nothing if it took the last fee of the position in a third asset.
        """
        if not self.is_wallet or (former is not None and former.fee_asset is not None):
            return ZERO
        return self.taker_rates.get(pair, self.usual_rate)

    def whole(self, story: PositionStory, instrument: Instrument) -> Decimal:
        """The quantity of the order that closes all of it."""
        return self._order_for(story, story.quantity, instrument)

    def part(self, story: PositionStory, instrument: Instrument, price: Decimal | None) -> Decimal:
        """The quantity of the order that brings it down to `exit_to`: all of it if the rest could not be closed."""
        if story.exit_to == 0 or (self.is_wallet and self.is_too_little(story.exit_to, instrument, price)):
            return self.whole(story, instrument)
        part = self._order_for(story, round_up(story.quantity - story.exit_to, instrument.lot), instrument)
        return min(self.whole(story, instrument), max(instrument.min_quantity, part))

    def has_left_enough(self, story: PositionStory, instrument: Instrument) -> bool:
        """Whether a part that was to be closed is closed."""
        if self.is_wallet and story.exit_to > 0:
            return story.quantity - story.exit_to < instrument.lot  # a fee may have kept some crumbs back
        return story.exit_to >= story.quantity

    def is_dust(self, story: PositionStory, instrument: Instrument, price: Decimal | None) -> bool:
        """Whether neither a closing order now nor its stop later could close what is open."""
        best = price if price is None or story.stop_price is None else max(price, story.stop_price)
        return self.is_too_little(story.quantity, instrument, best)

    def is_too_little(self, quantity: Decimal, instrument: Instrument, price: Decimal | None) -> bool:
        """Whether no order can close `quantity` (base); `price` is the last one known."""
        tradable = instrument.round_quantity(quantity)
        if tradable == 0 or tradable < instrument.min_quantity:
            return True
        return self.is_wallet and price is not None and tradable * price < instrument.min_cost

    def _order_for(self, story: PositionStory, quantity: Decimal, instrument: Instrument) -> Decimal:
        if not self.is_wallet or story.exit_side is Side.SELL:
            return instrument.round_quantity(quantity)
        rate = self.base_fee_rate(story.pair, story)
        gross = round_up(quantity / (ONE - rate), instrument.lot)
        falls_short = rate > 0 and gross * (ONE - rate) - _FEE_STEP < quantity
        return gross + instrument.lot if falls_short else gross


def our_part(fill: Fill, story: PositionStory | None) -> Decimal:
    """How much of a forced closing closed what is ours (base); the rest was the owner's."""
    if story is None or story.position.side is not fill.side.opposite:
        return ZERO
    return min(fill.quantity, story.quantity + fill.fee_in_base * fill.side.sign)
