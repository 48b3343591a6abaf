"""The handbook: every page shown, every link leading somewhere, nothing inline, and found by its words."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jarvis.web.handbook.text import Handbook, folder_of_docs
from tests.web.client import Browser

HANDBOOK = Handbook()
NAMES = sorted(HANDBOOK.pages)


class Looked(HTMLParser):
    """The links, the ids, the pictures and whatever the content policy would refuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.pictures: list[str] = []
        self.refused: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")
            elif name == "src":
                self.pictures.append(value or "")
            elif name == "style" or name.startswith("on"):
                self.refused.append(f"{tag} {name}")
        if tag in ("script", "style", "iframe"):
            self.refused.append(tag)


def test_every_file_of_the_folder_is_a_page_and_has_its_place() -> None:
    files = {path.relative_to(folder_of_docs()).with_suffix("").as_posix() for path in folder_of_docs().rglob("*.md")}
    assert files <= set(NAMES)
    assert "security" in NAMES
    assert sorted(page.name for page in HANDBOOK.in_order) == NAMES, "name new pages in CHAPTERS"


@pytest.mark.parametrize("name", NAMES)
async def test_a_page_is_shown_to_everybody_and_its_links_lead_somewhere(name: str, stranger: Browser) -> None:
    answer = await stranger.get(f"/docs/{name}")
    assert answer.status == 200
    looked = Looked(HANDBOOK.pages[name].html)
    assert looked.refused == []
    assert len(looked.ids) == len(set(looked.ids)), "an anchor is there twice"
    for link in looked.links:
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        if path == "/docs":
            assert not anchor or f'id="{anchor}"' in (await stranger.get(path)).text, link
            continue
        page = HANDBOOK.pages.get(path.removeprefix("/docs/")) if path else HANDBOOK.pages[name]
        assert page is not None, f"{link} leads nowhere"
        if anchor:
            assert f'id="{anchor}"' in page.html, link
    for picture in looked.pictures:
        shown = await stranger.get(picture)
        assert shown.status == 200, picture


async def test_the_list_of_pages_leads_to_each(stranger: Browser) -> None:
    index = await stranger.get("/docs")
    for page in HANDBOOK.in_order:
        assert f'href="{page.address}"' in index.text


async def test_pages_that_do_not_exist_are_not_there(stranger: Browser) -> None:
    for path in ("/docs/nothing", "/docs/../SECURITY", "/docs/pictures/../settings.md", "/docs/pictures/none.svg"):
        assert (await stranger.get(path)).status == 404, path


async def test_words_are_found_with_where_they_stand(stranger: Browser) -> None:
    answer = await stranger.get("/docs/search?q=JARVIS_OUTBOUND_ADDRESS")
    assert 'href="/docs/settings' in answer.text
    assert "<mark>JARVIS_OUTBOUND_ADDRESS</mark>" in answer.text

    nothing = await stranger.get("/docs/search?q=<script>alert(1)</script>")
    assert "Nothing on" in nothing.text
    assert "<script>alert" not in nothing.text
    assert (await stranger.get("/docs/search")).status == 200


def test_a_heading_comes_before_words_in_the_text() -> None:
    found = HANDBOOK.search("backup")
    assert "backup" in f"{found[0].title} {found[0].heading}".casefold()


def test_markup_of_a_page_is_shown_and_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "trader.md").write_text(
        "# A <b>title</b>\n\n<script>alert(1)</script>\n\n[away](javascript:alert(1)) [next](other.md#part)\n\n"
        "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
    )
    page = Handbook(folder).pages["trader"]
    assert Looked(page.html).refused == []
    assert "javascript:" not in re.sub(r"\[away\]\([^)]*\)", "", page.html)
    assert '<td class="right">2</td>' in page.html
    assert 'href="/docs"' in page.html, "a page that is not there leads to the list"
