"""Sending notices to addresses that people type: a guard that never reaches into a private network.

An address is taken only in its plain spelling. Its name is resolved once for each delivery; if any of the addresses
that come back is not one of the public internet, nothing is dialled. What is dialled is a checked address, never the
name again, so that a second, different answer of the name server changes nothing. The certificate must be the name's.
No redirect is followed, no proxy of the environment is used, and of the answer only its status is believed.
"""

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from jarvis import __version__

DELIVERY_SECONDS = 10.0
MOST_ANSWER_BYTES = 64 * 1024
MOST_ADDRESS_LETTERS = 500
PORTS = frozenset({80, 443, 8443})

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, as text."""

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,58}[a-z0-9]))"
    r"(?::(?P<port>[1-9][0-9]{1,4}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")

_NOT_PUBLIC_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarking: protocols, not places
            "2001:db8::/32",
            "2002::/16",  # 6to4 carries an IPv4 address
            "3fff::/20",
        ),
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)


class AddressRefused(Exception):
    """An address that must not be dialled; the message is a sentence for the person who typed it."""


class DeliveryFailed(Exception):
    """A notice that did not arrive; the message is a short sentence, and holds nothing that the receiver said."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address in its plain spelling, taken apart. Use `WebAddress.parse`."""

    is_secure: bool
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str, *, plain_http: bool = False, ports: frozenset[int] = PORTS) -> "WebAddress":
        """The address. Raises AddressRefused for everything but https://NAME[:PORT][/PATH] in plain letters.

        An odd spelling is refused and not understood: two readers of it might understand two things.
        """
        if len(text) > MOST_ADDRESS_LETTERS:
            raise AddressRefused(f"The address is longer than {MOST_ADDRESS_LETTERS} letters.")
        scheme, separator, rest = text.partition("://")
        authority = re.match(r"[^/?#]*", rest)
        length = authority.end() if authority else 0
        found = _URL.fullmatch(scheme.lower() + separator + rest[:length].lower() + rest[length:])
        if found is None or not text.isascii():  # some letters are plain ones only once they are small
            raise AddressRefused(
                "Write the whole address with the receiver's name, such as https://hooks.example.org/jarvis: "
                "no IP address, no user name, no # and no unusual letters."
            )
        is_secure = found["scheme"] == "https"
        if not is_secure and not plain_http:
            raise AddressRefused("The address must begin with https:// so that nobody reads along.")
        if len(found["host"]) > 253:
            raise AddressRefused("The receiver's name is too long.")
        port = int(found["port"] or (443 if is_secure else 80))
        if port not in ports:
            known = ", ".join(map(str, sorted(ports)))
            raise AddressRefused(f"Port {port} is not one that notices are sent to: {known}.")
        return cls(is_secure, found["host"], port, (found["path"] or "/") + (found["query"] or ""))

    @property
    def host_header(self) -> str:
        """The name as HTTP says it."""
        return self.host if self.port == (443 if self.is_secure else 80) else f"{self.host}:{self.port}"


def is_public(text: str) -> bool:
    """Whether an IP address is a place of the public internet; what carries another address in itself is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6 or _is_isatap(address):
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's name server says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class GuardedPost:
    """Posts JSON to addresses that people type, and only to the public internet.

    `plain_http` is the operator's setting. Tests give a `resolver`, what is `allowed`, `ports` and a `tls` context.
    """

    def __init__(
        self,
        *,
        plain_http: bool = False,
        resolver: Resolver = resolve,
        allowed: Callable[[str], bool] = is_public,
        ports: frozenset[int] = PORTS,
        tls: ssl.SSLContext | None = None,
        seconds: float = DELIVERY_SECONDS,
    ) -> None:
        self._plain_http = plain_http
        self._resolver = resolver
        self._allowed = allowed
        self._ports = ports
        self._tls = tls or ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seconds = seconds

    async def send(self, url: str, content: Mapping[str, object]) -> None:
        """Deliver `content`: the receiver said 2xx. Raises AddressRefused or DeliveryFailed."""
        address = WebAddress.parse(url, plain_http=self._plain_http, ports=self._ports)
        body = json.dumps(content, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._exchange(address, await self._checked(address), body)
        except TimeoutError as error:
            raise DeliveryFailed(f"No answer within {self._seconds:.0f} seconds.") from error
        except ssl.SSLCertVerificationError as error:
            raise DeliveryFailed("The receiver's certificate is not valid for its name.") from error
        except (ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise DeliveryFailed("The receiver does not speak HTTP as expected.") from error
        except OSError as error:
            raise DeliveryFailed("The receiver cannot be reached.") from error
        if 300 <= status < 400:
            raise DeliveryFailed(f"The receiver sends notices elsewhere ({status}); write the final address.")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"The receiver answered {status}.")

    async def _checked(self, address: WebAddress) -> str:
        """The one address that will be dialled, after all that the name stands for were looked at."""
        try:
            found = await self._resolver(address.host, address.port)
        except OSError as error:
            raise DeliveryFailed("The receiver's name is not known.") from error
        if not found:
            raise DeliveryFailed("The receiver's name is not known.")
        if not all(map(self._allowed, found)):
            raise AddressRefused("The receiver's name leads to an address that is not on the public internet.")
        return next((each for each in found if ":" not in each), found[0])

    async def _exchange(self, address: WebAddress, checked: str, body: bytes) -> int:
        reader, writer = await asyncio.open_connection(
            checked,
            address.port,
            limit=MOST_ANSWER_BYTES,
            ssl=self._tls if address.is_secure else None,
            server_hostname=address.host if address.is_secure else None,
        )
        try:
            head = (
                f"POST {address.target} HTTP/1.1\r\nHost: {address.host_header}\r\n"
                f"User-Agent: jarvis-trader/{__version__}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n")
            found = _STATUS.match(answer)
            if found is None:
                raise DeliveryFailed("The receiver does not speak HTTP as expected.")
            return int(found[1])
        finally:
            writer.transport.abort()


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
