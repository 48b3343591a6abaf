"""Whatever a test here loads or adopts is gone when it is over."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvis.own.hosted import adopt


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    yield
    adopt(Path("nowhere"))
    for name in [each for each in sys.modules if each.startswith("jarvis_own_")]:
        del sys.modules[name]
