"""Many seeds, each a whole system under its own faults: `SIMULATION_SEEDS` says how many, `SIMULATION_FIRST` from."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.simulation.loop import VirtualLoop
from tests.simulation.world import World

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "200"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "1"))
CHUNK = 10


def simulate(seed: int, folder: Path, *, faulty_steps: int = 60, healing_steps: int = 18) -> list[str]:
    folder.mkdir()
    world = World(seed, folder)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(world.run(faulty_steps=faulty_steps, healing_steps=healing_steps, crashes=seed % 2 == 0))
    return world.digest


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, CHUNK))
def test_invariants_hold_under_faults_and_the_system_comes_to_rest(first: int, tmp_path: Path) -> None:
    for seed in range(first, min(first + CHUNK, FIRST + SEEDS)):
        simulate(seed, tmp_path / str(seed))


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    assert simulate(7, tmp_path / "one") == simulate(7, tmp_path / "two")
