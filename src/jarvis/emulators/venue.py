"""What the sandbox asks of an emulated venue: its wire, its people, its API-management page and its faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from jarvis.domain.money import Asset
from jarvis.emulators.faults import Fault, FaultKind, Faults
from jarvis.emulators.wire import WireRequest, WireResponse, WireSocket
from jarvis.sim.exchange import SimEvent


@dataclass(frozen=True, slots=True)
class Box:
    """One tick box: what it says, what it grants, and whether it could move money off the venue."""

    label: str
    permission: str
    risky: bool = False


@dataclass(frozen=True, slots=True)
class BoxGroup:
    """Boxes under one heading."""

    title: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One more field of the form, beside the label and the boxes: `kind` is an HTML input type, `lines` or `choice`.

    `choices` are (value, text) of a `choice`.
    """

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    value: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyPage:
    """How this venue's API-management page looks.

    `profiles` are the kinds of account that can be made, as (value, text), the first one first; empty for one kind.
    """

    title: str
    groups: tuple[BoxGroup, ...]
    inputs: tuple[Input, ...] = ()
    profiles: tuple[tuple[str, str], ...] = ()
    lead: str = ""


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What a person filled in. `inputs` holds the venue's own fields by name, a chosen passphrase among them."""

    label: str = ""
    permissions: frozenset[str] = frozenset()
    inputs: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One value of a new key, shown this once: `name` is a stable id (`api_key`, `secret`, `passphrase`)."""

    name: str
    label: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in the list. `notes` are short sentences: addresses, expiry, account mode."""

    public: str
    label: str
    permissions: tuple[str, ...]
    notes: tuple[str, ...] = ()
    created: str = ""
    last_used: str = ""


class VenueEmulator(Protocol):
    """One venue over its simulated exchange. `name` is also its path on the sandbox: `/kraken/...`.

    `roots` are the first parts of its REST paths (`/0/`), for clients that keep only the host of the address that
    they are given. `kinds` are the faults that can happen here.
    """

    @property
    def name(self) -> str:
        """Its name, and its path on the sandbox."""
        ...

    @property
    def title(self) -> str:
        """Its name as people write it."""
        ...

    @property
    def quote(self) -> Asset:
        """What its pairs are priced in."""
        ...

    @property
    def roots(self) -> tuple[str, ...]:
        """The first parts of its REST paths."""
        ...

    @property
    def page(self) -> KeyPage:
        """Its API-management page."""
        ...

    @property
    def kinds(self) -> frozenset[FaultKind]:
        """The faults that can happen here."""
        ...

    @property
    def faults(self) -> Faults:
        """The switchboard."""
        ...

    async def handle(self, request: WireRequest) -> WireResponse:
        """The answer to one request; its path begins after the venue's name."""
        ...

    def connect(self, path: str, remote: str = "127.0.0.1") -> WireSocket:
        """A new WebSocket at `path` (after the venue's name, query included)."""
        ...

    def publish(self, events: Sequence[SimEvent]) -> None:
        """Tell whoever listens what happened on the exchange."""
        ...

    def open_account(self, name: str, deposits: Mapping[Asset, Decimal], profile: str = "") -> None:
        """A new venue-side account with money on it. Raises ValueError for a taken name or an unknown profile."""
        ...

    def account_names(self) -> Sequence[str]:
        """All accounts, oldest first."""
        ...

    def account_record(self, name: str) -> Mapping[str, Any]:
        """All that the venue knows of an account, as JSON values, for scripts and checks. Raises KeyError."""
        ...

    def make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        """A new key's values, the public one first. Raises ValueError in words for whoever filled in the form."""
        ...

    def keys_of(self, account: str) -> Sequence[KeyRow]:
        """The account's keys, oldest first."""
        ...

    def revoke_key(self, public: str) -> bool:
        """Forget a key; False when there is none."""
        ...

    def set_permissions(self, public: str, permissions: frozenset[str]) -> None:
        """Change what a key may do, as its owner would on the page. Raises KeyError for an unknown key."""
        ...

    def add_fault(self, kind: FaultKind, **values: Any) -> Fault:
        """Switch a fault on. Raises ValueError for values that mean nothing, or a fault of another venue."""
        ...

    def remove_fault(self, fault_id: int) -> bool:
        """Switch one off; False when it was off already."""
        ...

    def clear_faults(self) -> None:
        """Switch all off."""
        ...

    def drop_sockets(self) -> int:
        """Cut every connection; how many there were."""
        ...
