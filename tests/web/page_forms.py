"""The forms on a page, read as a browser reads them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class PageForm:
    """Where it is sent to, what it brings along by itself, and what a person fills in."""

    method: str
    action: str
    hidden: list[tuple[str, str]] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[PageForm] = []
        self._open: PageForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action") or self.path
            self._open = PageForm(given.get("method", "get").upper(), action.partition("?")[0])
            self.forms.append(self._open)
        elif self._open is not None and given.get("name"):
            name, value = given["name"], given.get("value", "")
            if tag == "button" or (tag == "input" and given.get("type") in ("hidden", "submit")):
                self._open.hidden.append((name, value))
            elif tag in ("input", "select", "textarea"):
                self._open.typed.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def forms_on(path: str, text: str) -> list[PageForm]:
    """Every form of the page at `path`."""
    reader = _Reader(path.partition("?")[0])
    reader.feed(text)
    return reader.forms
