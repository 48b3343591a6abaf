"""How a venue's permission table is written: its boxes, what Jarvis thinks of each, and the risks that never go."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from jarvis.domain.account import KeyPermissions


class Need(Enum):
    """What Jarvis thinks of a permission."""

    REQUIRED = "required"
    FORBIDDEN = "forbidden"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the venue's form: `label` is what stands beside it, after the heading and a colon.

    `risk` is what stays possible when it is granted although the key is taken: of a box that is needed, because the
    venue's scope is too coarse; of one that is not needed, because somebody could use it.
    """

    name: str
    label: str
    need: Need
    reason: str
    risk: str = ""


def _as_told(granted: frozenset[str]) -> frozenset[str]:
    return granted


def _nothing(_: KeyPermissions) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class PermissionTable:
    """One venue's boxes.

    `read` turns the names that the venue grants into the names of the boxes. `standing_risks` are those that no box
    can remove; `more_risks` those that depend on the key. `can_expire` says whether the venue lets its owner set an
    expiry date, `binding` how an address list is called there.
    """

    boxes: tuple[Box, ...]
    can_expire: bool
    binding: str
    standing_risks: tuple[str, ...] = ()
    read: Callable[[frozenset[str]], frozenset[str]] = _as_told
    more_risks: Callable[[KeyPermissions], tuple[str, ...]] = _nothing

    @property
    def to_tick(self) -> tuple[str, ...]:
        """The permissions that a person ticks for Jarvis: all that are needed, but those that every key has."""
        granted_to_all = self.read(frozenset())
        return tuple(box.name for box in self.boxes if box.need is Need.REQUIRED and box.name not in granted_to_all)
