"""The sandbox's pages as HTML text: the API-management page and the faults page. No script, no inline style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jarvis.emulators.faults import Fault, FaultGroup, FaultKind
from jarvis.emulators.kraken.keys import ApiKey, Permission, VenueAccount

HERE = Path(__file__).parent
STYLE = HERE / "assets" / "sandbox.css"
ICON = HERE / "assets" / "icon.svg"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Box:
    """One tick box: what it says and what it grants."""

    label: str
    permission: str

    @property
    def risky(self) -> bool:
        """Whether it could move money off the venue."""
        return "withdraw" in self.permission or self.permission in ("add-funds", "earn-funds")


@dataclass(frozen=True, slots=True)
class BoxGroup:
    """Boxes under one heading."""

    title: str
    boxes: tuple[Box, ...]


BOX_GROUPS = (
    BoxGroup(
        "Funds Permissions",
        (
            Box("Query Funds", Permission.QUERY_FUNDS.value),
            Box("Deposit Funds", Permission.ADD_FUNDS.value),
            Box("Withdraw Funds", Permission.WITHDRAW_FUNDS.value),
            Box("Earn Funds", Permission.EARN_FUNDS.value),
        ),
    ),
    BoxGroup(
        "Orders & Trades Permissions",
        (
            Box("Query Open Orders & Trades", Permission.QUERY_OPEN_TRADES.value),
            Box("Query Closed Orders & Trades", Permission.QUERY_CLOSED_TRADES.value),
            Box("Create & Modify Orders", Permission.MODIFY_TRADES.value),
            Box("Cancel & Close Orders", Permission.CLOSE_TRADES.value),
        ),
    ),
    BoxGroup(
        "Data Permissions",
        (
            Box("Query Ledger Entries", Permission.QUERY_LEDGER.value),
            Box("Export Data", Permission.EXPORT_DATA.value),
        ),
    ),
    BoxGroup("WebSocket Interface", (Box("Access WebSockets API", Permission.CREATE_WS_TOKEN.value),)),
)
BOXES = {box.permission: box for group in BOX_GROUPS for box in group.boxes}


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What a person typed into the form, shown again when it was refused. Holds nothing secret."""

    label: str = ""
    permissions: frozenset[str] = frozenset()
    ip_allowlist: str = ""
    expires_at: str = ""
    nonce_window: str = "0"


class Pages:
    """Renders the pages."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def keys(
        self,
        *,
        now: datetime,
        accounts: Sequence[VenueAccount],
        account: VenueAccount | None,
        keys: Sequence[ApiKey],
        mistake: str = "",
        message: str = "",
    ) -> str:
        """The list of accounts and of one account's keys."""
        rows = [_key_row(key) for key in keys]
        return self._render(
            "keys.html", now, "api", accounts=accounts, account=account, keys=rows, mistake=mistake, message=message
        )

    def new_key(self, *, now: datetime, account: VenueAccount, form: KeyForm, mistake: str = "") -> str:
        """The form of a new key."""
        return self._render("new_key.html", now, "api", account=account, groups=BOX_GROUPS, form=form, mistake=mistake)

    def key_made(self, *, now: datetime, account: VenueAccount, key: ApiKey) -> str:
        """Both values of a new key, shown this once."""
        return self._render("key_made.html", now, "api", account=account, key=key)

    def faults(self, *, now: datetime, faults: Sequence[Fault], mistake: str = "") -> str:
        """What is switched on, what can be, and what each does."""
        groups = [
            {"title": group.value, "kinds": [kind for kind in FaultKind if kind.group is group]} for group in FaultGroup
        ]
        rows = [fault_record(fault) for fault in faults]
        return self._render("faults.html", now, "faults", faults=rows, groups=groups, mistake=mistake)

    def _render(self, template: str, now: datetime, here: str, **values: Any) -> str:
        moment = f"{now:%Y-%m-%d %H:%M:%S}"
        return self._environment.get_template(template).render(now=moment, here=here, **values)


def fault_record(fault: Fault) -> Mapping[str, Any]:
    """One switch as the faults REST answers it."""
    return {
        "id": fault.fault_id,
        "kind": fault.kind.value,
        "count": fault.count,
        "probability": fault.probability,
        "operation": fault.operation,
        "account": fault.account,
        "pair": str(fault.pair) if fault.pair else None,
        "seconds": fault.seconds,
        "leverage": fault.leverage,
        "status": fault.status,
    }


def _key_row(key: ApiKey) -> Mapping[str, Any]:
    return {
        "public": key.public,
        "masked": f"{key.public[:6]}…{key.public[-4:]}",
        "label": key.label,
        "boxes": [BOXES.get(name, Box(name, name)) for name in sorted(key.permissions)],
        "ip_allowlist": ", ".join(key.ip_allowlist),
        "expires": f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "",
        "created": f"{key.created_at:%Y-%m-%d %H:%M}" if key.created_at else "",
        "last_used": f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
    }
