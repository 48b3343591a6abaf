"""A sandbox served on a free loopback port, for clients that need a real address."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from jarvis.domain.money import USD
from jarvis.emulators.app import served
from jarvis.emulators.sandbox import Sandbox
from tests.emulators.kraken.actors import TRADER, market
from tests.emulators.server import Served


@pytest.fixture
async def sandbox() -> AsyncIterator[Served]:
    """A sandbox with one account and one key that may do what Jarvis needs."""
    box = Sandbox(market(["50000 50000 50000 50000"] * 5 + ["50000 50000 48000 48000"], minutes=240), seed=11)
    box.kraken.create_account("demo", {USD: Decimal(10_000)})
    key, secret = box.kraken.create_key("demo", TRADER, "witness")
    async with served(box) as url:
        yield Served(box, url, key, secret)
