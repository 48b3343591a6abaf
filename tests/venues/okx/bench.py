"""OKX under test: our adapter over its emulator, for the cases that every venue has to pass."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jarvis.domain.money import Asset
from jarvis.emulators.okx import OkxEmulator
from jarvis.venues.okx import OkxVenue
from tests.venues.contract.bench import Bench


class OkxBench(Bench):
    """OKX in futures mode: a row for each position, and reduce-only."""

    name = "okx"
    quote = Asset("USDT")
    profile = "futures"
    needed: Sequence[str] = ("read_only", "trade")
    inputs: ClassVar[Mapping[str, str]] = {"passphrase": "Correct-Horse-7"}
    dangerous = "withdraw"
    verbs: ClassVar[Mapping[str, str]] = {
        "place": "POST /api/v5/trade/order",
        "amend": "POST /api/v5/trade/amend-order",
        "cancel": "POST /api/v5/trade/cancel-order",
        "stream": "orders",
    }
    rejects_takers = False
    tells_status = True
    emulator: OkxEmulator
    venue: OkxVenue


class OkxMultiCurrencyBench(OkxBench):
    """OKX in multi-currency mode: a position is what fills made of the balances."""

    profile = "multi-currency"
    takes_interest_daily = True
