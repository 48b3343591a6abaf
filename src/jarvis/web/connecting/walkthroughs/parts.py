"""What a walkthrough is made of: steps, and schematics of a venue's screens row by row."""

from dataclasses import dataclass
from enum import Enum

from jarvis.domain.account import VenueName
from jarvis.venues.permissions import TABLES, Need

WIDTH = 360
"""Of every drawing, in its own units: it is read on a phone without being made smaller."""
_EDGE = 16
_TITLE = 42
_HEIGHTS = {"note": 24, "button": 46, "field": 50, "box": 34, "heading": 32, "link": 32, "tabs": 42}


class Kind(Enum):
    """What a row of a screen is."""

    HEADING = "heading"
    NOTE = "note"
    LINK = "link"
    FIELD = "field"
    BOX = "box"
    BUTTON = "button"
    TABS = "tabs"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its words, and for a field what stands in it, for a box whether it is ticked, for tabs the others.

    `is_marked` points at what the person is to press, copy or look at. `is_critical` is for boxes that must stay off.
    """

    kind: Kind
    text: str
    value: str = ""
    is_ticked: bool = False
    is_marked: bool = False
    is_critical: bool = False
    others: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """How much room it takes."""
        return _HEIGHTS[self.kind.value]


@dataclass(frozen=True, slots=True)
class Screen:
    """A schematic of one screen: `site` and `title` stand in its bar."""

    site: str
    title: str
    rows: tuple[Row, ...]

    @property
    def placed(self) -> tuple[tuple[int, Row], ...]:
        """Every row with its top."""
        top, placed = _TITLE + 12, []
        for row in self.rows:
            placed.append((top, row))
            top += row.height
        return tuple(placed)

    @property
    def height(self) -> int:
        """Of the whole drawing."""
        return _TITLE + 12 + sum(row.height for row in self.rows) + _EDGE

    @property
    def words(self) -> str:
        """All that the drawing shows, for those who do not see it."""
        return f"{self.site}, {self.title}. " + " ".join(_said(row) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `paragraphs` and `points` in words, a drawing if there is something to see, a warning if it matters.

    `shows_address` is for the step at which the outbound address of this installation is pasted, `is_boxes` for the
    one at which permissions are ticked.
    """

    title: str
    paragraphs: tuple[str, ...]
    points: tuple[str, ...] = ()
    screen: Screen | None = None
    warning: str = ""
    shows_address: bool = False
    is_boxes: bool = False


@dataclass(frozen=True, slots=True)
class Walkthrough:
    """A venue's page: what is good to know before, the steps, what else there is, and the venue's own pages."""

    venue: VenueName
    title: str
    lead: str
    minutes: int
    steps: tuple[Step, ...]
    notes: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str], ...]
    also_known_as: tuple[str, ...] = ()

    @property
    def boxes_step(self) -> int:
        """The number of the step at which permissions are ticked."""
        return next(number for number, step in enumerate(self.steps, 1) if step.is_boxes)


def boxes_of(venue: str, *, names: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows of these permissions as the venue's own table words them: ticked if Jarvis needs them, else left off."""
    rows: list[Row] = []
    table = {box.name: box for box in TABLES[VenueName(venue)].boxes}
    group = ""
    for name in names:
        box = table[name]
        heading, colon, label = box.label.partition(": ")
        if colon and heading != group:
            group = heading
            rows.append(Row(Kind.HEADING, heading))
        critical = box.need is Need.FORBIDDEN
        rows.append(Row(Kind.BOX, label or heading, is_ticked=box.need is Need.REQUIRED, is_critical=critical))
    return tuple(rows)


def note(text: str) -> Row:
    """A line of the screen's own words."""
    return Row(Kind.NOTE, text)


def button(text: str) -> Row:
    """A button to press."""
    return Row(Kind.BUTTON, text, is_marked=True)


def field(text: str, value: str, *, is_marked: bool = False) -> Row:
    """A field with what is to stand in it."""
    return Row(Kind.FIELD, text, value, is_marked=is_marked)


def _said(row: Row) -> str:
    match row.kind:
        case Kind.BOX:
            return f"{row.text}: {'ticked' if row.is_ticked else 'left off'}."
        case Kind.FIELD:
            return f"Field {row.text}: {row.value}."
        case Kind.BUTTON:
            return f"Button {row.text}."
        case Kind.TABS:
            return f"Tabs {row.text}, {', '.join(row.others)}."
        case _:
            return f"{row.text}."
