"""What a receiver is told: one notice, several that were held back, or a link that confirms an address.

Short and exact: what happened, in which account and on which pair, when, and where to look. A notice's own text has
amounts with their units and never a secret; nothing is added here that is not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from jarvis.notify.titles import kind_words
from jarvis.trading.events import Severity

MOST_IN_A_DIGEST = 40
_LOUDNESS = {Severity.CRITICAL: "Alarm: ", Severity.WARNING: "", Severity.INFO: ""}


@dataclass(frozen=True, slots=True)
class Told:
    """A notice as it is told: `account` and `pair` are empty where it is about none, `page` is where to look."""

    number: int
    at: datetime
    kind: str
    severity: Severity
    text: str
    account: str = ""
    pair: str = ""
    page: str = ""

    def at_origin(self, origin: str) -> "Told":
        """The same, with the whole address of its page."""
        return replace(self, page=f"{origin}{self.page}") if self.page else self


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves: a title of one line, plain text, and the notices that it tells."""

    title: str
    text: str
    notices: tuple[Told, ...] = ()


def message_of(told: Told, zone: str = "UTC") -> Message:
    """One notice."""
    where = " · ".join(filter(None, (told.account, told.pair)))
    title = f"{_LOUDNESS[told.severity]}{kind_words(told.kind)}{f' ({where})' if where else ''}"
    lines = [told.text, "", f"{moment(told.at, zone)} · notice {told.number}", told.page]
    return Message(title, "\n".join(lines).strip(), (told,))


def digest_of(held: Sequence[Told], zone: str, page: str) -> Message:
    """What was held back, the oldest first; of very many the rest is counted."""
    if len(held) == 1:
        return message_of(held[0], zone)
    lines = []
    for told in held[:MOST_IN_A_DIGEST]:
        where = " · ".join(filter(None, (told.account, told.pair)))
        lines += [f"{moment(told.at, zone)}  {kind_words(told.kind)}{f' ({where})' if where else ''}", told.text, ""]
    if len(held) > MOST_IN_A_DIGEST:
        lines += [f"… and {len(held) - MOST_IN_A_DIGEST} more.", ""]
    return Message(f"{len(held)} notices that were held back", "\n".join([*lines, page]).strip(), tuple(held))


def confirmation(link: str, hours: int) -> Message:
    """The letter that asks whether an address may be written to."""
    text = (
        "Somebody with an account at this installation of Jarvis wants its notices sent to this address.\n\n"
        f"If that is you, open this link within {hours} hours and press the button there:\n{link}\n\n"
        "If it is not, do nothing: no further letter comes."
    )
    return Message("Confirm this address for notices", text)


def moment(at: datetime, zone: str) -> str:
    """`21 Nov 2026, 15:03 CET`: an instant on the clock of a zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def as_json(message: Message) -> dict[str, object]:
    """What a program gets. Fields are added, never changed."""
    if len(message.notices) == 1:
        return {"from": "jarvis", **_fields(message.notices[0])}
    return {"from": "jarvis", "title": message.title, "notices": [_fields(each) for each in message.notices]}


def _fields(told: Told) -> dict[str, object]:
    found: dict[str, object] = {
        "notice": told.number,
        "at": told.at.isoformat(),
        "kind": told.kind,
        "severity": told.severity.value,
        "text": told.text,
    }
    return {
        **found,
        **{
            name: value
            for name, value in (("account", told.account), ("pair", told.pair), ("page", told.page))
            if value
        },
    }
