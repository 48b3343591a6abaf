"""Many seeds at every venue, each a whole system under its own faults.

`SIMULATION_SEEDS` says how many in all, `SIMULATION_FIRST` from which; `SIMULATION_VENUE` names a single bench.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.simulation.loop import VirtualLoop
from tests.simulation.world import World
from tests.venues.contract.benches import BENCHES

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "200"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "1"))
VENUES = [os.environ["SIMULATION_VENUE"]] if "SIMULATION_VENUE" in os.environ else sorted(BENCHES)
EACH = max(1, SEEDS // len(VENUES))
CHUNK = 10


def simulate(venue: str, seed: int, folder: Path, *, faulty_steps: int = 60, healing_steps: int = 18) -> list[str]:
    folder.mkdir()
    world = World(seed, folder, BENCHES[venue])
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(world.run(faulty_steps=faulty_steps, healing_steps=healing_steps, crashes=seed % 2 == 0))
    return world.digest


@pytest.mark.parametrize("first", range(FIRST, FIRST + EACH, CHUNK))
@pytest.mark.parametrize("venue", VENUES)
def test_invariants_hold_under_faults_and_the_system_comes_to_rest(venue: str, first: int, tmp_path: Path) -> None:
    for seed in range(first, min(first + CHUNK, FIRST + EACH)):
        simulate(venue, seed, tmp_path / str(seed))


@pytest.mark.parametrize("venue", VENUES)
def test_the_same_seed_gives_the_same_history(venue: str, tmp_path: Path) -> None:
    assert simulate(venue, 7, tmp_path / "one") == simulate(venue, 7, tmp_path / "two")
