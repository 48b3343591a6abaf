"""What the tests of whole processes share."""

from collections.abc import Iterator

import pytest

from tests.system.commands import Commands, commands, end_idle


@pytest.fixture(scope="session")
def jarvis() -> Iterator[Commands]:
    """Runs `jarvis ARGUMENTS`, each in a process of its own."""
    with commands() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _none_left_waiting() -> Iterator[None]:
    yield
    end_idle()
