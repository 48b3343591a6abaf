"""Templates and the one way in which numbers, times and durations are written for people.

Every number leaves here with its unit, in figures of one width, with a real minus sign. Autoescape is always on;
only what this module builds itself from escaped parts is marked as safe.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse

from jarvis.domain.account import VenueName
from jarvis.domain.money import plain
from jarvis.venues.catalog import VENUES

ASSETS = Path(__file__).parent / "assets"
NOTHING = Markup('<span class="quiet">none</span>')


def build_name(folder: Path = ASSETS) -> str:
    """A name that changes whenever any asset does, so that browsers may keep each one for ever."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def amount(value: Decimal | None, unit: str, places: int = 2, *, signed: bool = False, tone: bool = False) -> Markup:
    """`value` with its unit: `12,345.67 USD`. `signed` shows a plus, `tone` colours gain and loss."""
    if value is None:
        return NOTHING
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    kind = ""
    if tone and rounded:
        kind = " gain" if rounded > 0 else " loss"
    return Markup('<span class="num{}">{}<span class="unit">{}</span></span>').format(
        kind, _with_sign(f"{abs(rounded):,f}", rounded, signed=signed), unit
    )


def exact_amount(value: Decimal | None, unit: str, *, signed: bool = False) -> Markup:
    """`value` with all the digits that it has, grouped, with its unit: for quantities, prices and ledger rows."""
    if value is None:
        return NOTHING
    whole, point, fraction = plain(abs(value)).partition(".")
    text = f"{int(whole):,}{point}{fraction}"
    return Markup('<span class="num">{}<span class="unit">{}</span></span>').format(
        _with_sign(text, value, signed=signed), unit
    )


def average(value: Decimal | None, unit: str) -> Markup:
    """An averaged price, to seven significant digits."""
    return exact_amount(None if value is None else _significant(value, 7), unit)


def percent(value: Decimal | None, places: int = 1, *, signed: bool = False) -> Markup:
    """A fraction as a percentage: 0.8 is `80.0 %`."""
    if value is None:
        return NOTHING
    rounded = (value * 100).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = _with_sign(f"{abs(rounded):,f}", rounded, signed=signed)
    return Markup('<span class="num">{}<span class="unit">%</span></span>').format(text)


def venue_title(name: VenueName) -> str:
    """A venue as people call it."""
    return VENUES[name].title


def when(value: datetime | None) -> Markup:
    """An instant: `21 Nov 2026, 14:03:22 UTC`, machine-readable as well; js/when.js says it in the reader's zone."""
    if value is None:
        return NOTHING
    moment = value.astimezone(UTC)
    text = f"{moment.day} {moment:%b %Y, %H:%M:%S}"
    told = moment.isoformat().replace("+00:00", "Z")
    return Markup('<time class="num" datetime="{}" title="{} UTC">{}<span class="unit">UTC</span></time>').format(
        told, text, text
    )


def duration(value: timedelta | None) -> Markup:
    """A length of time in its two largest units: `3 h 12 min`."""
    if value is None:
        return NOTHING
    seconds = max(0, int(value.total_seconds()))
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    shown = parts[:2] if len(parts) > 1 and parts[1][0] else parts[:1]
    return Markup(" ").join(
        Markup('<span class="num">{}<span class="unit">{}</span></span>').format(number, unit) for number, unit in shown
    )


def _with_sign(text: str, value: Decimal, *, signed: bool) -> str:
    if value < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if signed and value > 0 else text


def _significant(value: Decimal, digits: int) -> Decimal:
    return value if not value else value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - digits + 1)))


_ICONS: Mapping[str, str] = {
    "check": '<path d="M4 12.5 9.5 18 20 6.5"/>',
    "cross": '<path d="M6 6l12 12M18 6 6 18"/>',
    "minus": '<path d="M5 12h14"/>',
    "warning": '<path d="M12 3.5 22 20.5H2z"/><path d="M12 10v4.5M12 17.4v.1"/>',
    "info": '<circle cx="12" cy="12" r="9.2"/><path d="M12 11v5.5M12 7.5v.1"/>',
    "pause": '<path d="M8.5 5v14M15.5 5v14"/>',
    "play": '<path d="M7.5 4.5v15l12-7.5z"/>',
    "flatten": '<path d="M4 18h16M12 4v9M8 9.5l4 4 4-4"/>',
    "shield": '<path d="M12 2.8 20 6v6c0 5-3.4 8-8 9.2C7.4 20 4 17 4 12V6z"/>',
    "question": '<circle cx="12" cy="12" r="9.2"/><path d="M9.3 9.4a2.8 2.8 0 1 1 4 2.5c-1 .5-1.3 1-1.3 2M12 17v.1"/>',
    "key": '<circle cx="8" cy="15.5" r="4.2"/><path d="M11 12.5 20 3.5M16.5 7l3 3"/>',
    "bell": '<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21h4"/>',
    "person": '<circle cx="12" cy="8" r="4"/><path d="M4 20.5c1-4.2 4.2-6 8-6s7 1.8 8 6"/>',
    "phone": '<rect x="6.5" y="2.8" width="11" height="18.4" rx="2.2"/><path d="M10.5 17.8h3"/>',
    "up": '<path d="M12 19V5M6 11l6-6 6 6"/>',
    "right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "down": '<path d="M12 5v14M6 13l6 6 6-6"/>',
    "link": '<path d="M14 4h6v6M20 4l-9.5 9.5M10 5H5a1 1 0 0 0-1 1v13a1 1 0 0 0 1 1h13a1 1 0 0 0 1-1v-5"/>',
}


def icon(name: str, label: str = "") -> Markup:
    """A small drawing in the text's colour; with a label it is read aloud, without one it is decoration."""
    voice = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" viewBox="0 0 24 24" {}>{}</svg>').format(voice, Markup(_ICONS[name]))  # noqa: S704 - drawn above


class Pages:
    """The templates, and what every one of them may use."""

    def __init__(self) -> None:
        self.build = build_name()
        self._environment = Environment(
            loader=PackageLoader("jarvis.web"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["asset"] = self.asset
        self._environment.globals["icon"] = icon
        self._environment.filters.update(
            amount=amount,
            exact=exact_amount,
            average=average,
            percent=percent,
            when=when,
            duration=duration,
            plain=plain,
            venue=venue_title,
        )

    def asset(self, path: str) -> str:
        """The address of an asset of this build."""
        return f"/assets/{self.build}/{path}"

    def page(self, template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """The answer that shows `template`."""
        return HTMLResponse(self._environment.get_template(template).render(values), status_code=status)

    def text(self, template: str, values: Mapping[str, object]) -> str:
        """The HTML of `template` alone."""
        return self._environment.get_template(template).render(values)


@cache
def pages() -> Pages:
    """The templates of this process: each is compiled once."""
    return Pages()
