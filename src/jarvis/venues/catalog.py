"""Which venues and pairs exist for Jarvis: one line per venue. A venue that lists less, or lends less, is obeyed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from jarvis.domain.account import VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.venues import binance, bybit, kraken, okx
from jarvis.venues.base import RequestSigner, Venue
from jarvis.venues.session import Transport, VenueUrls

KRAKEN, BINANCE, OKX, BYBIT = map(VenueName, ("kraken", "binance", "okx", "bybit"))

# Kraken's; what the others lend is read at run time.
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

_BINANCE_URLS = VenueUrls(
    rest="https://api.binance.com",
    ws_public="wss://stream.binance.com:9443/stream",
    ws_private="wss://ws-api.binance.com:443/ws-api/v3",
)
_BYBIT_URLS = VenueUrls(
    rest="https://api.bybit.com",
    ws_public="wss://stream.bybit.com/v5/public/spot",
    ws_private="wss://stream.bybit.com/v5/private",
)


def _okx_urls(rest: str, sockets: str) -> VenueUrls:
    return VenueUrls(
        rest=f"https://{rest}",
        ws_public=f"wss://{sockets}:8443/ws/v5/public",
        ws_private=f"wss://{sockets}:8443/ws/v5/private",
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
        VenueEntry(
            name=BINANCE,
            title="Binance",
            leverage_caps=dict.fromkeys(binance.CATALOGUE, _USUAL_CAP),
            live_urls={binance.CROSS: _BINANCE_URLS, binance.ISOLATED: _BINANCE_URLS},
            adapter=binance.BinanceVenue,
            sandbox_sockets=("/stream", "/ws-api/v3"),
            chosen=True,
        ),
        VenueEntry(
            name=OKX,
            title="OKX",
            leverage_caps=dict.fromkeys(okx.CATALOGUE, _USUAL_CAP),
            live_urls={
                okx.WWW: _okx_urls("www.okx.com", "ws.okx.com"),
                okx.EEA: _okx_urls("eea.okx.com", "wseea.okx.com"),
                okx.US: _okx_urls("us.okx.com", "wsus.okx.com"),
            },
            adapter=okx.OkxVenue,
            sandbox_sockets=("/ws/v5/public", "/ws/v5/private"),
        ),
        VenueEntry(
            name=BYBIT,
            title="Bybit",
            leverage_caps=dict.fromkeys(bybit.CATALOGUE, _USUAL_CAP),
            live_urls={bybit.GLOBAL: _BYBIT_URLS},
            adapter=bybit.BybitVenue,
            sandbox_sockets=("/v5/public/spot", "/v5/private"),
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
