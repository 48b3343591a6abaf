"""One client's WebSocket, and what it listens to."""

from collections import deque
from dataclasses import dataclass, field

from jarvis.emulators.binance.feeds import Feed
from jarvis.emulators.binance.streams import ListenToken
from jarvis.emulators.wire import WireSocket


@dataclass(slots=True)
class Connection:
    """One client. `is_wrapped` says whether its streams' frames name their stream."""

    socket: WireSocket
    remote: str
    is_api: bool
    is_wrapped: bool = False
    feeds: dict[str, Feed] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    subscriptions: dict[int, ListenToken] = field(default_factory=dict)
    subscribed: int = 0
    heard: deque[float] = field(default_factory=deque)
    held: dict[int, str] = field(default_factory=dict)
