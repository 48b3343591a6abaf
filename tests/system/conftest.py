"""What the tests of whole processes share."""

from collections.abc import Iterator

import pytest

from tests.system.commands import Commands, commands


@pytest.fixture(scope="session")
def jarvis() -> Iterator[Commands]:
    """Runs `jarvis ARGUMENTS`, each in a process of its own."""
    with commands() as running:
        yield running
