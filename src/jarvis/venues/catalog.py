"""Which venues and pairs exist for Jarvis: one line per venue. A venue that lists less, or lends less, is obeyed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from jarvis.domain.account import VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.venues import kraken
from jarvis.venues.base import RequestSigner, Venue
from jarvis.venues.session import Transport, VenueUrls

KRAKEN = VenueName("kraken")

_LOWER_CAPS = {"BNB": 5}
_USUAL_CAP = 10


@dataclass(frozen=True, slots=True)
class VenueEntry:
    """One venue. `leverage_caps` are ours: the leverage used is never above them, whatever the venue offers.

    `live_urls` names every execution venue that it has (books, kinds of account, regions) with its addresses, the
    usual one first. `chosen` says that only the person can tell which one is meant; else the key's check finds out.
    `sandbox_sockets` are the paths of the public and the private stream below the sandbox's own.
    """

    name: VenueName
    title: str
    leverage_caps: Mapping[Pair, int]
    live_urls: Mapping[str, VenueUrls]
    adapter: Callable[..., Venue]
    sandbox_sockets: tuple[str, str]
    chosen: bool = False

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs that Jarvis trades there."""
        return tuple(self.leverage_caps)

    @property
    def execution_venues(self) -> tuple[str, ...]:
        """Their names, the usual one first."""
        return tuple(self.live_urls)

    def urls(self, execution_venue: str | None = None) -> VenueUrls:
        """Where an execution venue answers, the usual one if none is named. Raises ValueError for one that is not."""
        name = execution_venue or self.execution_venues[0]
        if name not in self.live_urls:
            raise ValueError(f"{name!r} is no execution venue of {self.title}; there are {', '.join(self.live_urls)}")
        return self.live_urls[name]

    @property
    def quote(self) -> Asset:
        """What every pair is priced in, and margin reckoned in."""
        return self.pairs[0].quote


_KRAKEN_URLS = VenueUrls(
    rest="https://api.kraken.com",
    ws_public="wss://ws.kraken.com/v2",
    ws_private="wss://ws-auth.kraken.com/v2",
)

VENUES: Mapping[VenueName, VenueEntry] = {
    entry.name: entry
    for entry in (
        VenueEntry(
            name=KRAKEN,
            title="Kraken",
            leverage_caps={pair: _LOWER_CAPS.get(pair.base, _USUAL_CAP) for pair in kraken.CATALOGUE},
            live_urls={kraken.INTERNATIONAL: _KRAKEN_URLS, kraken.US_RETAIL: _KRAKEN_URLS},
            adapter=kraken.KrakenVenue,
            sandbox_sockets=("/ws/v2", "/ws-auth/v2"),
        ),
    )
}


def sandbox_urls(name: VenueName, origin: str) -> VenueUrls:
    """Where a venue's emulator answers on the sandbox at `origin` (http://127.0.0.1:PORT)."""
    public, private = VENUES[name].sandbox_sockets
    rest = f"{origin.rstrip('/')}/{name}"
    socket = rest.replace("http", "ws", 1)
    return VenueUrls(rest=rest, ws_public=socket + public, ws_private=socket + private)


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
