"""The handbook: the pages of `docs/` as HTML in our own look, and a search over them.

Written in Markdown, rendered by markdown-it: no markup of a page's own gets through, tables carry classes instead of
styles, and links between pages lead to where the product shows them. They belong to the installed version and need no
network.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin

_PACKAGE = Path(__file__).resolve().parents[2]
_ADDRESS = "/docs"
_DEEPEST = 3
_SHOWN_AROUND = 90
_MOST_FOUND = 40


@dataclass(frozen=True, slots=True)
class Chapter:
    """A group of pages: its title, and their names in order."""

    title: str
    names: tuple[str, ...]


CHAPTERS = (
    Chapter("Guides", ("trader", "strategies", "notifications", "revoking", "operating")),
    Chapter("Reference", ("venues", "settings", "commands", "api")),
    Chapter("Background", ("architecture", "security")),
)
"""Pages that are not there are left out; the notes on decisions follow by themselves."""

_ELSEWHERE = {"security": "SECURITY.md"}
"""Pages that do not lie in `docs/`, by the file of the project's root that holds them."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a page, and its anchor there."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `name` is its address below /docs; `sections` are the headings with the text below each."""

    name: str
    title: str
    html: Markup
    headings: tuple[Heading, ...]
    sections: tuple[tuple[Heading, str], ...]

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{_ADDRESS}/{self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """A place that holds all words that were looked for, with the text around the first."""

    title: str
    heading: str
    address: str
    before: str
    word: str
    after: str


def folder_of_docs() -> Path:
    """Where the pages lie: beside the package in an installed wheel, in the project otherwise."""
    installed = _PACKAGE / "docs"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "docs"


class Handbook:
    """All pages, read when first asked for."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folder_of_docs()

    @cached_property
    def chapters(self) -> tuple[tuple[str, tuple[Page, ...]], ...]:
        """The pages by chapter."""
        chapters = [
            (chapter.title, tuple(self.pages[name] for name in chapter.names if name in self.pages))
            for chapter in CHAPTERS
        ]
        decisions = tuple(page for name, page in self.pages.items() if name.startswith("decisions/"))
        return (*(each for each in chapters if each[1]), ("Decisions", decisions))

    @cached_property
    def in_order(self) -> tuple[Page, ...]:
        """All pages, one after the other."""
        return tuple(page for _, pages in self.chapters for page in pages)

    @cached_property
    def pages(self) -> Mapping[str, Page]:
        """Every page by its name."""
        files = {self._name_of(path): path for path in sorted(self.folder.rglob("*.md"))}
        roots = (self.folder, self.folder.parent)
        files |= {
            name: path
            for name, file in _ELSEWHERE.items()
            for path in [next((root / file for root in roots if (root / file).is_file()), None)]
            if path is not None
        }
        return {name: _page(name, path.read_text(encoding="utf-8"), frozenset(files)) for name, path in files.items()}

    def neighbours(self, page: Page) -> tuple[Page | None, Page | None]:
        """The pages before and after."""
        at = self.in_order.index(page)
        after = self.in_order[at + 1] if at + 1 < len(self.in_order) else None
        return (self.in_order[at - 1] if at else None), after

    def picture(self, name: str) -> Path | None:
        """The file of a picture; None if there is none of this name."""
        path = self.folder / "pictures" / name
        return path if re.fullmatch(r"[a-z0-9-]+\.(svg|png)", name) and path.is_file() else None

    def search(self, wanted: str) -> Sequence[Found]:
        """The sections that hold every word of `wanted`, those first that have them in their heading."""
        words = wanted.casefold().split()
        if not words:
            return ()
        ranked = [
            (-sum(word in f"{page.title} {heading.text}".casefold() for word in words), page, heading, text)
            for page in self.in_order
            for heading, text in page.sections
            if all(word in f"{page.title} {heading.text} {text}".casefold() for word in words)
        ]
        ranked.sort(key=lambda each: each[0])
        return [_found(page, heading, text, words) for _, page, heading, text in ranked[:_MOST_FOUND]]

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self.folder).with_suffix("").as_posix()


def _found(page: Page, heading: Heading, text: str, words: Sequence[str]) -> Found:
    folded = text.casefold()
    at = min((place for word in words if (place := folded.find(word)) >= 0), default=0)
    length = next((len(word) for word in words if folded.startswith(word, at)), 0)
    begin, end = max(0, at - _SHOWN_AROUND), at + length + _SHOWN_AROUND
    return Found(
        page.title,
        heading.text,
        f"{page.address}#{heading.anchor}" if heading.level > 1 else page.address,
        ("… " if begin else "") + text[begin:at],
        text[at : at + length],
        text[at + length : end] + (" …" if end < len(text) else ""),
    )


# --- rendering ---------------------------------------------------------------------------------------------------


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(anchors_plugin, max_level=_DEEPEST, slug_func=_slug)
    # A wide table scrolls by itself, by keys as well.
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>")
    markdown.add_render_rule("fence", lambda self, *given: _reached(self.fence(*given)))
    markdown.add_render_rule("code_block", lambda self, *given: _reached(self.code_block(*given)))
    return markdown


def _reached(block: str) -> str:
    """A block of code that keys can scroll, too."""
    return block.replace("<pre>", '<pre tabindex="0">', 1)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "section"


def _page(name: str, text: str, names: frozenset[str]) -> Page:
    markdown = _markdown()
    tokens = markdown.parse(text)
    for token in _all(tokens):
        _adapt(token, name, names)
    sections = tuple(_sections(tokens))
    headings = tuple(heading for heading, _ in sections)
    title = headings[0].text if headings else name
    return Page(name, title, Markup(markdown.renderer.render(tokens, markdown.options, {})), headings[1:], sections)  # noqa: S704 - markup of a page's own was escaped


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


def _adapt(token: Token, name: str, names: frozenset[str]) -> None:
    """Links to where the product has it, classes instead of styles, and room to scroll a wide table."""
    style = token.attrs.pop("style", None)
    if style is not None:
        token.attrs["class"] = "right" if "right" in str(style) else "left"
    if token.type == "link_open":
        token.attrs["href"] = _target(str(token.attrs["href"]), name, names)
        if str(token.attrs["href"]).startswith("http"):
            token.attrs["rel"] = "noreferrer"
    elif token.type == "image":
        token.attrs["src"] = f"{_ADDRESS}/pictures/{PurePosixPath(str(token.attrs['src'])).name}"
        token.attrs["loading"] = "lazy"


def _target(link: str, name: str, names: frozenset[str]) -> str:
    """Where a link of this page leads in the product; a file that it does not show is named by its own path."""
    if re.match(r"[a-z]+:|/|#", link):
        return link
    path, _, anchor = link.partition("#")
    there = PurePosixPath("docs", name).parent / path
    parts: list[str] = []
    for part in there.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    plain = "/".join(parts).removeprefix("docs/").removesuffix(".md").rstrip("/")
    found = next(
        (each for each in (plain, *(k for k, v in _ELSEWHERE.items() if v == f"{plain}.md")) if each in names), ""
    )
    if not found and any(name.startswith(f"{plain}/") for name in names):
        return f"{_ADDRESS}#{plain}"  # a folder: its part of the list
    return f"{_ADDRESS}/{found}{f'#{anchor}' if anchor else ''}" if found else _ADDRESS


def _sections(tokens: Sequence[Token]) -> Iterator[tuple[Heading, str]]:
    """Every heading down to the third level, with the words between it and the next."""
    heading: Heading | None = None
    words: list[str] = []
    levels: Mapping[str, Any] = {f"h{level}": level for level in range(1, _DEEPEST + 1)}
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in levels:
            if heading is not None:
                yield heading, " ".join(words)
            heading = Heading(levels[token.tag], _text(tokens[at + 1]), str(token.attrs.get("id", "")))
            words = []
        elif token.type in ("inline", "fence") and (at == 0 or tokens[at - 1].type != "heading_open"):
            words.append(_text(token))
    if heading is not None:
        yield heading, " ".join(words)


def _text(token: Token) -> str:
    """The words of a piece, without its markup."""
    if not token.children:
        return token.content
    return "".join(" " if each.type in ("softbreak", "hardbreak") else each.content for each in token.children)
