"""The five steps from no key to an armed account: their names, and where somebody left them."""

from dataclasses import dataclass

from jarvis.domain.account import UserId
from jarvis.domain.people import ConnectStep
from jarvis.store.connecting import Connecting
from jarvis.store.db import Store
from jarvis.web.connecting.venues import FORMS

STEPS = ("Make the key", "Paste it", "Checked", "Limits", "Armed")
NUMBERS = {ConnectStep.KEY: 1, ConnectStep.PASTE: 2, ConnectStep.CHECK: 3, ConnectStep.LIMITS: 4}
ARMED = 5


@dataclass(frozen=True, slots=True)
class LeftOff:
    """One way that was begun and not finished, with the page to go on at."""

    venue: str
    title: str
    environment: str
    number: int
    path: str

    @property
    def words(self) -> str:
        """`Continue connecting Kraken: step 3 of 5`."""
        return f"Continue connecting {self.title}: step {self.number} of {len(STEPS)}"


def left_off(way: Connecting) -> LeftOff:
    """Where a way goes on."""
    if way.step is ConnectStep.LIMITS and way.account_id is not None:
        path = f"/account/{way.account_id}/begin"
    else:
        path = f"/account/connect/{way.venue}?step={way.step.value}"
    return LeftOff(way.venue, FORMS[way.venue].title, way.environment.value, NUMBERS[way.step], path)


async def ways_of(store: Store, user_id: UserId) -> list[LeftOff]:
    """The unfinished ways of a person, the latest first."""
    return [left_off(way) for way in await store.connecting_of(user_id)]
