"""Settings: read once, from the environment and one file, then passed as values.

Every setting has a default that works on a laptop. `JARVIS_X` in the environment wins over `x` in `jarvis.toml` of
the data folder; a setting that cannot work refuses to start and says its name.
"""

import hashlib
import os
import re
import tempfile
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from jarvis.notify import is_public
from jarvis.notify.senders import MailServer

_LONGEST_SOCKET_PATH = 100
_SOURCE = re.compile(r"file|passphrase|(credential|keyring):[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class SettingsError(Exception):
    """A setting that cannot work; the message names it and says what would."""


def _home(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "jarvis"


class Settings(BaseSettings):
    """How this installation runs. Frozen."""

    model_config = SettingsConfigDict(env_prefix="JARVIS_", frozen=True, extra="forbid", validate_default=True)

    data_dir: Path = Field(default_factory=lambda: _home("XDG_DATA_HOME", ".local/share"))
    """Database, candles, signer state. Back this up; it opens nothing without the master key."""
    master_key: str = "file"
    """Where the key that seals all venue keys is: `file`, `credential:NAME` (of systemd), `keyring:SERVICE` (of the
    desktop), or `passphrase`, which somebody types at every start."""
    master_key_file: Path = Field(default_factory=lambda: _home("XDG_CONFIG_HOME", ".config") / "master.key")
    """The key itself, or what a passphrase opens: mode 0600, outside the data folder, backed up separately."""
    database_url: str = ""
    """Empty: SQLite in the data folder. `postgresql+asyncpg://user@host/name` for PostgreSQL."""
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8765, ge=0, le=65535)
    sandbox_port: int = Field(default=8770, ge=0, le=65535)
    sandbox_url: str = ""
    """Where the sandbox answers; empty: this machine at `sandbox_port`."""
    sign_up: Literal["open", "invitation", "closed"] = "open"
    """Who may make an account: everybody, who was given a link, or nobody but the operator at the machine."""
    breached_passwords_file: Path | None = None
    """A list of leaked passwords that nobody may choose: SHA-1 in hex, one a line, sorted; nothing is asked outside."""
    public_origins: str = ""
    """The addresses that people type to reach the pages, separated by commas; empty: this machine at `web_port`."""
    secure_cookies: bool = False
    """True when something in front serves the pages over TLS; with a certificate here it follows by itself."""
    tls_certificate_file: Path | None = None
    """Certificate chain in PEM form: the pages are then served over TLS 1.2 or newer."""
    tls_key_file: Path | None = None
    """The certificate's private key, mode 0600."""
    trusted_proxies: str = ""
    """Addresses or networks of proxies whose `X-Forwarded-` headers are believed, separated by commas."""
    insecure_http: bool = False
    """True to be reached from other machines without TLS and without a proxy: passwords then travel in clear."""
    outbound_address: str = ""
    """The address that venues see this installation at, shown on the account page for the keys' allow-lists."""
    smtp_host: str = ""
    """The mail server that sends notices; empty: none are sent by e-mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the mail server is spoken to; `none` is for one on this machine."""
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    """Better in a file that only this user reads: JARVIS_SMTP_PASSWORD_FILE names it."""
    smtp_from: str = ""
    """The address that notices come from."""
    plain_webhooks: bool = False
    """True lets people name receivers of notices at http:// addresses; anybody on the way could read along."""
    keep_events: int = Field(default=100_000, ge=10_000)
    """How many events of the stream are kept, for whoever was away and resumes."""
    keep_deliveries_days: int = Field(default=60, ge=1, le=3650)
    """How long it is known which notices were delivered to receivers."""
    keep_failures_days: int = Field(default=180, ge=1, le=3650)
    """How long it is known which notices could not be delivered, and why."""
    keep_proposals_days: int = Field(default=30, ge=1, le=3650)
    """How long the alerts that came through hooks are kept, with what became of them."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("master_key")
    @classmethod
    def _source_is_known(cls, source: str) -> str:
        if not _SOURCE.fullmatch(source):
            raise ValueError("say file, credential:NAME, keyring:SERVICE or passphrase")
        return source

    @field_validator("outbound_address")
    @classmethod
    def _outbound_is_an_address(cls, text: str) -> str:
        if text and not is_public(text):
            raise ValueError("say the public IP address that venues see, for example 198.35.26.96")
        return text

    @field_validator("sandbox_url")
    @classmethod
    def _sandbox_is_local(cls, url: str) -> str:
        # A live key must never be sent to an address that somebody configured: the sandbox lives on loopback only.
        parts = urlsplit(url)
        is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK and "@" not in parts.netloc
        if url and not (is_local and not parts.path.strip("/")):
            raise ValueError("the sandbox is reached on this machine only, for example http://127.0.0.1:8770")
        return url.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: str) -> str:
        _networks(proxies)
        return proxies

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> "Settings":
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file go together: give both or none")
        return self

    @model_validator(mode="after")
    def _nobody_is_reached_in_clear(self) -> "Settings":
        is_guarded = self.serves_tls or self.trusted_proxies or self.insecure_http
        if not is_guarded and not _is_loopback(self.web_host):
            raise ValueError(
                f"web_host {self.web_host} is reached from other machines, and passwords would travel in clear: give "
                "tls_certificate_file and tls_key_file, or name your proxy in trusted_proxies, or say insecure_http = "
                "true if you know that nobody can listen"
            )
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> "Settings":
        if not self.smtp_host:
            return self
        if "@" not in self.smtp_from:
            raise ValueError("smtp_from: say the address that notices come from, such as jarvis@example.org")
        if self.smtp_security == "none" and not _is_loopback(self.smtp_host):
            raise ValueError("smtp_security = none sends in clear: it is for a mail server on this machine")
        if not (self.smtp_user + self.smtp_password.get_secret_value()).isascii():
            raise ValueError("smtp_user and smtp_password: the protocol knows plain letters only")
        if bool(self.smtp_user) != bool(self.smtp_password.get_secret_value()):
            raise ValueError("smtp_user and smtp_password belong together: give both or none")
        return self

    @model_validator(mode="after")
    def _key_lies_outside_the_data(self) -> "Settings":
        if self.master_key_file.resolve().is_relative_to(self.data_dir.resolve()):
            raise ValueError("master_key_file lies inside data_dir: one stolen backup would open every venue key")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the order of arguments is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given values first, then the environment, then `jarvis.toml`."""
        folder = Path(os.environ.get("JARVIS_DATA_DIR") or _home("XDG_DATA_HOME", ".local/share"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, folder / "jarvis.toml")

    @property
    def serves_tls(self) -> bool:
        """Whether the pages are served over TLS by ourselves."""
        return self.tls_certificate_file is not None

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the pages over TLS, ours or a proxy's: cookies are then never sent in clear."""
        typed = self.origins_typed
        return self.serves_tls or self.secure_cookies or bool(typed and all(each[:8] == "https://" for each in typed))

    @property
    def origins_typed(self) -> tuple[str, ...]:
        """The addresses of `public_origins`."""
        return tuple(origin.strip().rstrip("/") for origin in self.public_origins.split(",") if origin.strip())

    @property
    def origin(self) -> str:
        """Where people reach the pages, for links in what is sent to them."""
        scheme = "https" if self.serves_tls else "http"
        return self.origins_typed[0] if self.origins_typed else f"{scheme}://{self.web_host}:{self.web_port}"

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `trusted_proxies`."""
        return _networks(self.trusted_proxies)

    @property
    def store_url(self) -> str:
        """The database's address for SQLAlchemy."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'jarvis.db'}"

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server, if there is one."""
        if not self.smtp_host:
            return None
        password = self.smtp_password.get_secret_value()
        return MailServer(self.smtp_host, self.smtp_port, self.smtp_security, self.smtp_from, self.smtp_user, password)

    @property
    def signer_socket(self) -> Path:
        """Where the signer listens, in a 0700 folder of its own: below the data folder, if that path is short enough.

        The address of a Unix socket has room for about a hundred bytes. The signer refuses a folder of somebody else.
        """
        path = self.data_dir / "signer" / "signer.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"jarvis-{os.getuid()}-{name}" / "signer.sock"

    @property
    def signer_state(self) -> Path:
        """Where the signer keeps its marks and its own audit."""
        return self.data_dir / "signer-state"

    @property
    def asks_for_passphrase(self) -> bool:
        """Whether a signer waits at its start until somebody has typed the passphrase."""
        return self.master_key == "passphrase"

    @property
    def locked_master_key_file(self) -> Path:
        """Where a master key under a passphrase is."""
        return self.master_key_file.with_name(f"{self.master_key_file.name}.locked")

    @property
    def passphrase_pipe(self) -> Path:
        """Where the signer waits for a passphrase."""
        return self.signer_socket.with_name("passphrase")

    @property
    def next_master_key_file(self) -> Path:
        """Where a rotation has the master key that will be; it exists only from its beginning to its end."""
        return self.master_key_file.with_name(f"{self.master_key_file.name}.next")

    def master_key_files(self) -> list[Path]:
        """Every file that a master key is in, or was: the one in use, and those of a rotation beside it."""
        return sorted(self.master_key_file.parent.glob(f"{self.master_key_file.name}*"))

    @property
    def sandbox_address(self) -> str:
        """The sandbox's base URL."""
        return self.sandbox_url or f"http://127.0.0.1:{self.sandbox_port}"


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """What `trusted_proxies` names. Raises ValueError with a sentence."""
    found = []
    for name in filter(None, (each.strip() for each in text.split(","))):
        try:
            network = ip_network(name)
        except ValueError:
            raise ValueError(f"{name!r} is no address and no network, such as 10.0.0.2 or 10.0.0.0/24") from None
        if network.prefixlen == 0:
            raise ValueError(f"{name!r} would believe everybody: name the proxy's own address")
        found.append(network)
    return tuple(found)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(**overrides: object) -> Settings:
    """The settings of this process. Raises SettingsError with one line for each that cannot work."""
    values = {**_from_files(), **overrides}
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"{_name(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in error.errors()
        ]
        raise SettingsError("; ".join(lines)) from None
    except ValueError as error:
        raise SettingsError(f"jarvis.toml: {error}") from error


def _name(location: tuple[int | str, ...]) -> str:
    return f"JARVIS_{location[0]!s}".upper() if location else "settings"


def _from_files() -> dict[str, str]:
    """Values of `JARVIS_X_FILE`: the way containers hand over a database address with a password in it."""
    values = {}
    for variable, path in os.environ.items():
        setting = variable.removeprefix("JARVIS_").lower()
        is_indirect = setting.endswith("_file") and setting not in Settings.model_fields
        if variable.startswith("JARVIS_") and is_indirect:
            name = setting.removesuffix("_file")
            try:
                values[name] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{variable}: cannot read {path}: {error.strerror}") from error
    return values
