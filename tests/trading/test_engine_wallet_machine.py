"""Random events against a venue without reduce-only: never two exits, never more than is open, protected or flat."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.domain.order import OrderStatus
from jarvis.domain.traits import VenueTraits
from jarvis.trading.events import Flatten, Resume
from jarvis.trading.strategy import Direction
from tests.trading.wallet import AMENDING, BNB, CAREFUL, D, WalletVenue


def live_through(seed: int, traits: VenueTraits) -> WalletVenue:
    """Trouble first; then all faults are healed and everything is told."""
    random = Random(seed)
    venue = WalletVenue(traits, random)
    for _ in range(random.randint(5, 40)):
        match random.randrange(10):
            case 0 | 1:
                venue.signal(random.choice(list(Direction)))
            case 2 | 3:
                venue.move(venue.price + D(random.randint(-40, 40)) / 10)
            case 4:
                venue.tick(random.choice((0.2, 1, 6, 40)))
            case 5 | 6 if venue.untold:
                told = venue.untold[random.randrange(len(venue.untold))]
                if random.random() < 0.8:
                    venue.untold.remove(told)
                venue.tell(told)  # out of its turn, and perhaps told again
            case 7 if venue.untold and random.random() < 0.3:
                venue.untold.popleft()  # never told: only a look-up finds it
            case 8 if venue.story is not None and venue.story.position.side is Side.SELL:
                venue.charge(D(random.randint(1, 500)) / D(10**7))
            case 9 if random.random() < 0.2:
                venue.tell(Flatten(venue.now))
                venue.tell(Resume(venue.now))
            case _:
                venue.fee_asset = BNB if random.random() < 0.1 else None
    venue.random = None
    venue.hold_fills = False
    venue.fee_asset = None
    venue.tell_all()
    for fill in venue.fills:
        venue.tell(fill)
    for _ in range(12):
        for order in list(venue.orders.values()):  # what a reconciliation tells
            venue.tell(venue.report(order))
        venue.tick(70)
    return venue


@pytest.mark.parametrize("traits", [CAREFUL, AMENDING])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=250, deadline=None)
def test_whatever_happens_it_ends_protected_or_flat_and_never_sells_more_than_is_open(
    traits: VenueTraits, seed: int
) -> None:
    venue = live_through(seed, traits)

    assert not [o for o in venue.engine.state.orders.values() if o.status in (OrderStatus.UNKNOWN, OrderStatus.SENT)]
    told = {story.position_id: story for story in venue.closed}
    stories = [*told.values(), *venue.engine.state.stories.values()]
    assert sum((each.position.quantity for each in stories), ZERO) == venue.held
    story = venue.story
    if story is None or story.position.is_flat:
        assert not venue.exits_at_work
    else:
        least = story.quantity if story.side is Side.SELL else story.quantity - D("0.001")
        assert venue.stop.left > least if story.side is Side.BUY else venue.stop.left >= least
