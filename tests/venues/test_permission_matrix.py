"""Every combination of boxes that a person can tick at each venue, through its own introspection to our verdict."""

from datetime import timedelta
from itertools import chain, combinations

import pytest

from jarvis.domain.account import VenueName
from jarvis.venues.permissions import Outcome, judge
from tests.venues.contract.bench import START
from tests.venues.contract.benches import BENCHES
from tests.venues.test_permission_tables import KNOWN
from tests.venues.wires import on_virtual_time

# What a box of the page gives beside itself, and what every key has.
GIVEN = {"okx": {"read_only"}}
PAUSE = timedelta(seconds=5)
"""Between two questions: the venues count them."""
VENUES = {"kraken": "kraken", "binance": "binance", "okx": "okx", "bybit": "bybit"}


def expected(venue: str, granted: set[str]) -> Outcome:
    needed, forbidden, allowed = KNOWN[venue]
    if granted & forbidden or granted - needed - forbidden - allowed:
        return Outcome.REFUSED
    if needed - granted:
        return Outcome.INCOMPLETE
    return Outcome.ACCEPTED_WITH_RISK


@pytest.mark.parametrize("venue", sorted(VENUES))
@on_virtual_time
async def test_every_combination_of_boxes_is_judged_as_it_must_be(venue: str) -> None:
    bench = BENCHES[VENUES[venue]]()
    boxes = sorted(box.permission for group in bench.emulator.page.groups for box in group.boxes)
    seen = set()
    for ticked in map(set, chain.from_iterable(combinations(boxes, size) for size in range(len(boxes) + 1))):
        bench.emulator.set_permissions(bench.key["api_key"], frozenset(ticked))
        if venue == "binance" and "enableReading" not in ticked:
            continue  # such a key may not even ask what it may do: see the next case
        bench.sandbox.advance(bench.now() + PAUSE)
        permissions = await bench.venue.key_permissions()
        verdict = judge(VenueName(venue), permissions, START)

        assert verdict.outcome is expected(venue, ticked | GIVEN.get(venue, set())), ticked
        seen.add(verdict.outcome)

    assert seen == {Outcome.REFUSED, Outcome.INCOMPLETE, Outcome.ACCEPTED_WITH_RISK}


@pytest.mark.parametrize("venue", sorted(VENUES))
@on_virtual_time
async def test_a_permission_that_is_not_in_the_table_refuses_the_key(venue: str) -> None:
    bench = BENCHES[VENUES[venue]]()
    unknown = {"kraken": "teleport-funds", "binance": "enableTeleport", "okx": "teleport", "bybit": "Wallet:Teleport"}
    bench.widen_key(unknown[venue])

    verdict = judge(VenueName(venue), await bench.venue.key_permissions(), START)

    assert verdict.outcome is Outcome.REFUSED
    assert any(unknown[venue] in advice for advice in verdict.advice)
