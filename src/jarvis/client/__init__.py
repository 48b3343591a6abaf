"""A typed client of Jarvis for scripts: `Jarvis.from_environment().accounts()`. Needs nothing of the rest of Jarvis."""

from jarvis.client.client import Jarvis
from jarvis.client.errors import (
    Broken,
    ClientError,
    NotAllowed,
    NotConfigured,
    NotFound,
    NotSignedIn,
    Refused,
    TooMany,
    Unreachable,
)
from jarvis.client.events import EventStream, Resync
from jarvis.client.records import Event
from jarvis.client.settings import Place, place_of

__all__ = [
    "Broken",
    "ClientError",
    "Event",
    "EventStream",
    "Jarvis",
    "NotAllowed",
    "NotConfigured",
    "NotFound",
    "NotSignedIn",
    "Place",
    "Refused",
    "Resync",
    "TooMany",
    "Unreachable",
    "place_of",
]
