"""Which venues and pairs exist for Jarvis: one line per venue. A venue that lists less, or lends less, is obeyed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from jarvis.domain.account import VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.venues import kraken
from jarvis.venues.base import RequestSigner, Venue
from jarvis.venues.session import Transport, VenueUrls

KRAKEN = VenueName("kraken")

_LOWER_CAPS = {"BNB": 5}
_USUAL_CAP = 10


@dataclass(frozen=True, slots=True)
class VenueEntry:
    """One venue. `leverage_caps` are ours: the leverage used is never above them, whatever the venue offers."""

    name: VenueName
    title: str
    leverage_caps: Mapping[Pair, int]
    live_urls: VenueUrls
    execution_venues: tuple[str, ...]
    adapter: Callable[..., Venue]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs that Jarvis trades there."""
        return tuple(self.leverage_caps)


VENUES: Mapping[VenueName, VenueEntry] = {
    entry.name: entry
    for entry in (
        VenueEntry(
            name=KRAKEN,
            title="Kraken",
            leverage_caps={pair: _LOWER_CAPS.get(pair.base, _USUAL_CAP) for pair in kraken.CATALOGUE},
            live_urls=VenueUrls(
                rest="https://api.kraken.com",
                ws_public="wss://ws.kraken.com/v2",
                ws_private="wss://ws-auth.kraken.com/v2",
            ),
            execution_venues=(kraken.INTERNATIONAL, kraken.US_RETAIL),
            adapter=kraken.KrakenVenue,
        ),
    )
}


def sandbox_urls(name: VenueName, origin: str) -> VenueUrls:
    """Where a venue's emulator answers on the sandbox at `origin` (http://127.0.0.1:PORT)."""
    rest = f"{origin.rstrip('/')}/{name}"
    socket = rest.replace("http", "ws", 1)
    return VenueUrls(rest=rest, ws_public=f"{socket}/ws/v2", ws_private=f"{socket}/ws-auth/v2")


def open_venue(
    name: VenueName,
    *,
    transport: Transport,
    urls: VenueUrls,
    signer: RequestSigner | None,
    clock: Clock,
    random: Random,
    execution_venue: str | None = None,
) -> Venue:
    """The adapter of a venue, for one account, or without a signer for what is public.

    Raises ValueError for a venue or an execution venue that does not exist.
    """
    try:
        entry = VENUES[name]
    except KeyError:
        raise ValueError(f"there is no venue {name!r}; there are {', '.join(VENUES)}") from None
    return entry.adapter(
        transport=transport,
        urls=urls,
        signer=signer,
        clock=clock,
        random=random,
        execution_venue=execution_venue or entry.execution_venues[0],
    )
