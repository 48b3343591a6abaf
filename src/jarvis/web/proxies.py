"""Who a request came from when a proxy stands before us: its headers count only if it is one that we named.

Whatever a browser claims about itself is dropped. From a named proxy the last address in `X-Forwarded-For` that is
not a named proxy's own is the client; what stands before it was written by somebody that nobody vouches for.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OF_PROXIES = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip"}
)
_MOST_HOPS = 32


def is_among(address: str, trusted: Sequence[Network]) -> bool:
    """Whether this is the address of a named proxy."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address that a request came from: the peer's own, or, behind named proxies, what the last of them saw.

    `forwarded` are the values of `X-Forwarded-For`, in their order.
    """
    client = peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")][-_MOST_HOPS:]
    while hops and is_among(client, trusted):
        parsed = _parsed(hops.pop())
        if parsed is None:
            break
        client = str(parsed)
    return client


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class BehindProxy:
    """The very outermost layer: what follows sees the client's address, scheme and host, and no proxy's header."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network] = ()) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = self._seen_through(scope)
        await self._app(scope, receive, send)

    def _seen_through(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_PROXIES]
        peer, port = scope["client"] or ("", 0)
        if not is_among(peer, self._trusted):
            return {**scope, "headers": kept}
        host = _last(headers, "x-forwarded-host")
        if host:
            kept = [(name, value) for name, value in kept if name.lower() != b"host"]
            kept.append((b"host", host.encode("latin-1")))
        scheme = _last(headers, "x-forwarded-proto")
        return {
            **scope,
            "headers": kept,
            "client": (client_address(peer, headers.getlist("x-forwarded-for"), self._trusted), port),
            "scheme": scheme if scheme in ("http", "https") else scope["scheme"],
        }


def _last(headers: Headers, name: str) -> str:
    """What the nearest proxy said: the last of several values."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
