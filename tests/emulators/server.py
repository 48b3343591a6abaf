"""What a test needs to know of a served sandbox."""

from dataclasses import dataclass
from datetime import timedelta

from jarvis.emulators.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Served:
    """A sandbox, where it listens, and a key."""

    box: Sandbox
    url: str
    key: str
    secret: str

    @property
    def rest(self) -> str:
        """The venue's REST address."""
        return f"{self.url}/kraken"

    @property
    def ws(self) -> str:
        """The venue's WebSocket address, without path."""
        return self.rest.replace("http", "ws", 1)

    def move(self, minutes: int = 1) -> None:
        """Let market time pass."""
        self.box.advance(self.box.now + timedelta(minutes=minutes))
