"""Binance for the contract's cases: its emulator with a cross account, or with isolated ones, and our adapter."""

from typing import ClassVar

from jarvis.domain.money import Asset
from jarvis.venues.base import RequestSigner
from jarvis.venues.binance import CROSS, ISOLATED, BinanceVenue
from tests.venues.contract.bench import Bench


class BinanceBench(Bench):
    """Binance, cross margin.

    Its stream has no numbers, so a lost event shows nowhere; and a call that was too late is proved undone by its
    timestamp, so it is made again at once.
    """

    name = "binance"
    quote = Asset("USDT")
    leverage = 5
    execution_venue = CROSS
    profile = "cross"
    needed = ("enableReading", "enableSpotAndMarginTrading", "enableMargin")
    dangerous = "enableWithdrawals"
    verbs: ClassVar = {
        "place": "POST /sapi/v1/margin/order",
        "cancel": "DELETE /sapi/v1/margin/order",
        "stream": "executionReport",
    }
    venue: BinanceVenue

    def reopened(self, signer: RequestSigner) -> BinanceVenue:
        """The same account, by an adapter that remembers nothing."""
        venue = self._open(signer, self.execution_venue)
        assert isinstance(venue, BinanceVenue)
        return venue


class BinanceIsolatedBench(BinanceBench):
    """Binance, one isolated account per pair."""

    leverage = 10
    execution_venue = ISOLATED
    profile = "isolated"
