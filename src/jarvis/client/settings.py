"""Where the installation is and what opens it: from the environment, or a file that nobody else can read."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from jarvis.client.errors import NotConfigured

URL = "JARVIS_URL"
TOKEN = "JARVIS_TOKEN"  # noqa: S105 - the name of a variable
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Place:
    """An installation's address and a token for it. Raises NotConfigured for an address that a token must not go to."""

    url: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what would send the token in clear, or is no address."""
        parts = urlsplit(self.url)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.query or parts.fragment:
            raise NotConfigured(f"{URL}: write it like https://jarvis.example or http://127.0.0.1:8765")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise NotConfigured(f"{URL}: over http:// the token would travel in clear; use https://")
        if not self.token.startswith("jvs_") or not self.token.isascii() or not self.token.isprintable():
            raise NotConfigured(f"{TOKEN}: a token begins with jvs_; make one on the page Account, API tokens")


def usual_file(environment: Mapping[str, str]) -> Path:
    """Where the address and the token may be kept."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME") or "~").expanduser() / ".config")
    return Path(home) / "jarvis" / "client.toml"


def place_of(environment: Mapping[str, str] | None = None, *, url: str = "") -> Place:
    """`url`, or JARVIS_URL, with JARVIS_TOKEN; what is missing comes from client.toml (`url`, `token`, mode 0600).

    Raises NotConfigured. A token of the file goes to the address of the file and to no other.
    """
    given = os.environ if environment is None else environment
    address = url or given.get(URL, "")
    if address and given.get(TOKEN):
        return Place(address.rstrip("/"), given[TOKEN].strip())
    file = usual_file(given)
    kept = _read(file)
    address = address.rstrip("/") or kept.get("url", "").rstrip("/")
    if not address:
        raise NotConfigured(f"no address: set {URL}, or write url and token into {file} (mode 0600)")
    if given.get(TOKEN):
        return Place(address, given[TOKEN].strip())
    if kept.get("token") and kept.get("url", "").rstrip("/") == address:
        return Place(address, kept["token"].strip())
    raise NotConfigured(f"no token for {address}: set {TOKEN}, or write url and token into {file} (mode 0600)")


def _read(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NotConfigured(f"{file} holds a token and others may read it: chmod 600 {file}")
            read = tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise NotConfigured(f'{file} cannot be read: it holds two lines, url = "…" and token = "…"') from None
    return {name: value for name, value in read.items() if isinstance(value, str)}
