"""The sandbox's pages as HTML text: the API-management page and the faults page. No script, no inline style."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jarvis.emulators.faults import Fault, FaultGroup, FaultKind
from jarvis.emulators.venue import Box, KeyForm, KeyPage, KeyRow, ShownValue, VenueEmulator

HERE = Path(__file__).parent
STYLE = HERE / "assets" / "sandbox.css"
ICON = HERE / "assets" / "icon.svg"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Pages:
    """Renders the pages of every venue."""

    def __init__(self, venues: Sequence[VenueEmulator]) -> None:
        self._venues = venues
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def keys(
        self, venue: VenueEmulator, *, now: datetime, account: str | None, mistake: str = "", message: str = ""
    ) -> str:
        """The list of accounts and of one account's keys."""
        rows = [_key_row(venue.page, key) for key in venue.keys_of(account)] if account is not None else []
        return self._render(
            "keys.html",
            venue,
            now,
            "api",
            accounts=venue.account_names(),
            account=account,
            keys=rows,
            mistake=mistake,
            message=message,
        )

    def new_key(self, venue: VenueEmulator, *, now: datetime, account: str, form: KeyForm, mistake: str = "") -> str:
        """The form of a new key."""
        return self._render("new_key.html", venue, now, "api", account=account, form=form, mistake=mistake)

    def key_made(self, venue: VenueEmulator, *, now: datetime, account: str, values: Sequence[ShownValue]) -> str:
        """The values of a new key, shown this once."""
        return self._render("key_made.html", venue, now, "api", account=account, values=values)

    def faults(self, venue: VenueEmulator, *, now: datetime, mistake: str = "") -> str:
        """What is switched on, what can be, and what each does."""
        groups = [
            {
                "title": group.value,
                "kinds": [kind for kind in FaultKind if kind.group is group and kind in venue.kinds],
            }
            for group in FaultGroup
        ]
        rows = [fault_record(fault) for fault in venue.faults.active]
        return self._render("faults.html", venue, now, "faults", faults=rows, groups=groups, mistake=mistake)

    def _render(self, template: str, venue: VenueEmulator, now: datetime, here: str, **values: Any) -> str:
        moment = f"{now:%Y-%m-%d %H:%M:%S}"
        return self._environment.get_template(template).render(
            venue=venue, venues=self._venues, page=venue.page, now=moment, here=here, **values
        )


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
        "code": fault.code,
    }


def _key_row(page: KeyPage, key: KeyRow) -> Mapping[str, Any]:
    boxes = {box.permission: box for group in page.groups for box in group.boxes}
    return {
        "key": key,
        "masked": f"{key.public[:6]}…{key.public[-4:]}",
        "boxes": [boxes.get(name, Box(name, name)) for name in key.permissions],
    }
