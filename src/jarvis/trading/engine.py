"""The engine of one account at one venue: events in, actions out. No clock, no I/O, no randomness."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Instrument, Pair
from jarvis.trading.events import Action, EngineEvent
from jarvis.trading.limits import Limits
from jarvis.trading.state import EngineState


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine is made with. `id_prefix` (at most 11 characters) is the account's own: it marks our orders.

    `leverage_caps` is the catalogue's cap per pair; a pair that it does not name is not traded.
    `margin_reserve` is the share of equity that no entry may take as margin. `margin_max_age` is how old a margin
    state may be for an entry.
    """

    account_id: AccountId
    id_prefix: str
    limits: Limits
    instruments: Mapping[Pair, Instrument]
    leverage_caps: Mapping[Pair, int]
    margin_reserve: Decimal = Decimal("0.10")
    margin_max_age: timedelta = timedelta(minutes=5)


class Engine:
    """Order, fill and position state of one account at one venue."""

    def __init__(self, config: EngineConfig, state: EngineState | None = None) -> None:
        self._config = config
        self._state = state or EngineState()

    @property
    def id_prefix(self) -> str:
        """What our client order ids begin with."""
        return self._config.id_prefix

    @property
    def state(self) -> EngineState:
        """What the engine knows: the live object, to be read only."""
        return self._state

    def process(self, event: EngineEvent) -> list[Action]:
        """What is to be done about `event`, in order: changed records first, so that they are kept before acting."""
        raise NotImplementedError
