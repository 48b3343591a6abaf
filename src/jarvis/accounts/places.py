"""Where somebody comes from, roughly enough to be the same tomorrow: a network and a family of browsers."""

import hashlib
import ipaddress
import re

from jarvis.domain.account import UserId

MOST_SHOWN = 200

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_family(agent: str) -> str:
    """`Firefox on Linux` for what a browser says of itself; versions are left out, since they change every month."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "another browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "another system")
    return f"{browser} on {system}"


def network_of(address: str) -> str:
    """What stays the same of an address when a line reconnects: the first 24 bits of IPv4, 48 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def place_hash(user_id: UserId, address: str, agent: str) -> bytes:
    """What is kept of a place. Of two people at the same place it differs."""
    told = "\x00".join((user_id, network_of(address), browser_family(agent)))
    return hashlib.sha256(told.encode()).digest()


def shown_agent(agent: str) -> str:
    """What a browser says of itself, fit for a row and a page: one line, printable, not too long."""
    return re.sub(r"[^\x20-\x7e]+", " ", agent)[:MOST_SHOWN]
