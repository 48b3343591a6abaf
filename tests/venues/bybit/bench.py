"""Bybit under test: our adapter over its emulator, for the cases that every venue has to pass."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

from jarvis.domain.money import Asset
from jarvis.venues.bybit import BybitVenue
from jarvis.venues.catalog import sandbox_urls
from tests.venues.contract.bench import Bench


class BybitBench(Bench):
    """Bybit: a unified account with spot margin switched on."""

    name = "bybit"
    quote = Asset("USDT")
    leverage = 3
    profile = "unified"
    # The box that only shows contracts comes with the one that trades; alone it may read the account and nothing else.
    needed: Sequence[str] = ("ContractTrade:Position", "Spot:SpotTrade")
    inputs: ClassVar[Mapping[str, str]] = {}
    dangerous = "Wallet:Withdraw"
    verbs: ClassVar[Mapping[str, str]] = {
        "place": "POST /v5/order/create",
        "amend": "POST /v5/order/amend",
        "cancel": "POST /v5/order/cancel",
        "stream": "execution.spot",
    }
    rejects_takers = False
    venue: BybitVenue

    def another_venue(self) -> BybitVenue:
        """The same account in a process that was started anew: it remembers nothing."""
        credential = self.signer.credential(self.key["api_key"], self.key["secret"], venue=self.name)
        return BybitVenue(
            transport=self.transport,
            urls=sandbox_urls(BybitVenue.name, "http://127.0.0.1:9"),
            signer=self.signer.bound(credential),
            clock=self,
            random=Random(6),
        )
