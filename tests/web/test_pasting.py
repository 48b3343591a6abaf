"""What is pasted is cleaned and told apart, never said again; and the browser says the same as the server."""

import json
import re
import string
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from playwright.sync_api import Page, sync_playwright

from jarvis.domain.account import VenueName
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.pasting import SHAPES, PastedKey, Taken, cleaned, read_paste, rules_for
from jarvis.web.connecting.venues import FORMS
from jarvis.web.render import ASSETS
from tests.web.test_browser import ARGUMENTS, CHROMIUM
from tests.web.test_venue_forms import KEYS

PLAIN = string.ascii_letters + string.digits
PASSPHRASE = "Three-lanterns 9"
PEM = f"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI{PLAIN[:43]}\n-----END PRIVATE KEY-----\n"
VENUE = st.sampled_from(list(VENUES))
AROUND = st.lists(
    st.sampled_from([" ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff", "\u2060", '"', "'", "`", "“", "«", ","]),
    max_size=6,
).map("".join)
ANYTHING = st.one_of(st.text(max_size=80), st.text(alphabet=f"{PLAIN}+/=-\n ", max_size=150))


@st.composite
def keys(draw: st.DrawFn, venue: VenueName) -> PastedKey:
    """A key of the venue's shape, with a secret that is not the same."""
    shape = SHAPES[venue]
    made = st.from_regex(shape.key, fullmatch=True), st.from_regex(shape.secret.split("|")[0], fullmatch=True)
    key, secret = draw(made[0]), draw(made[1].filter(lambda text: len(set(text)) > 3))
    return PastedKey(key, secret if secret != key else secret[::-1], PASSPHRASE if shape.has_passphrase else "")


def made_up(venue: VenueName) -> PastedKey:
    given = KEYS[venue]
    return PastedKey(given["api_key"], given["api_secret"], PASSPHRASE if SHAPES[venue].has_passphrase else "")


@given(st.data(), VENUE, AROUND, AROUND)
def test_whatever_stands_around_or_in_a_key_it_is_read_whole(
    data: st.DataObject, venue: VenueName, before: str, after: str
) -> None:
    key = data.draw(keys(venue))
    half = len(key.secret) // 2

    reading = read_paste(
        venue,
        f"{before}{key.api_key}{after}",
        f"{after}{key.secret[:half]}\n\u200b{key.secret[half:]}{before}",
        key.passphrase,
    )

    assert key.secret == key.api_key or dict(reading.errors) == {}
    assert reading.values == key


@given(ANYTHING)
@example('"“secret“ : "')
@example("key:key:key")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once, _ = cleaned(text)

    assert cleaned(once) == (once, frozenset())
    assert not re.search(r"\s", once)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (" a\n", {Taken.BLANKS}), ("“a”", {Taken.QUOTES}), ("a\u200bb", {Taken.INVISIBLE}),
        ("API key: a", {Taken.LABEL, Taken.BLANKS}), ('"apiSecret":"a",', {Taken.LABEL, Taken.QUOTES}), ("a", set()),
    ],
)  # fmt: skip
def test_what_was_taken_off_is_named(text: str, taken: set[Taken]) -> None:
    assert cleaned(text)[1] == taken


@given(VENUE, ANYTHING, ANYTHING, ANYTHING)
def test_no_sentence_holds_anything_of_what_was_pasted(venue: VenueName, key: str, secret: str, third: str) -> None:
    marked = [f"{text}cnryJ5rQ" for text in (key, secret, third)]

    reading = read_paste(venue, *marked)

    assert "cnryJ5rQ" not in repr((dict(reading.errors), reading.taken, reading.other))
    assert "cnryJ5rQ" not in repr(reading)


@given(VENUE, ANYTHING, ANYTHING, ANYTHING)
def test_only_what_fits_the_venue_is_let_through(venue: VenueName, key: str, secret: str, third: str) -> None:
    reading = read_paste(venue, key, secret, third)

    shape = SHAPES[venue]
    fits = shape.is_key(reading.values.api_key) and shape.is_secret(reading.values.secret)
    assert fits or reading.errors
    assert not shape.has_passphrase or reading.values.passphrase or "api_passphrase" in reading.errors


@pytest.mark.parametrize("venue", [name for name in VENUES if name != "binance"])
def test_values_in_each_others_box_are_noticed(venue: VenueName) -> None:
    key = made_up(venue)

    errors = read_paste(venue, key.secret, key.api_key, key.passphrase).errors

    assert "seem swapped" in errors["api_key"]
    assert "seem swapped" in errors["api_secret"]


def test_a_private_key_file_in_the_key_box_of_binance_is_noticed() -> None:
    key = made_up(VenueName("binance"))

    assert "seem swapped" in read_paste(VenueName("binance"), PEM, key.api_key).errors["api_key"]
    assert not read_paste(VenueName("binance"), key.api_key, PEM).errors


def test_okxs_secret_in_the_passphrases_box_is_noticed() -> None:
    key = made_up(VenueName("okx"))

    errors = read_paste(VenueName("okx"), key.api_key, key.passphrase, key.secret).errors

    assert errors == {
        "api_secret": "The secret key is in the passphrase's box. Paste it here.",
        "api_passphrase": "This held the secret key. Type here the passphrase that you chose when you made the key.",
    }


@pytest.mark.parametrize("venue", VENUES)
def test_both_values_in_one_box_and_one_value_twice_are_noticed(venue: VenueName) -> None:
    key = made_up(venue)

    together = read_paste(venue, f"{key.api_key}\n{key.secret}", "", key.passphrase).errors
    twice = read_paste(venue, key.api_key, key.api_key, key.passphrase).errors

    assert "two values at once" in together["api_key"]
    assert "the same value" in twice["api_secret"]


@pytest.mark.parametrize("other", VENUES)
@pytest.mark.parametrize("venue", VENUES)
def test_a_key_of_another_venue_is_named(venue: VenueName, other: VenueName) -> None:
    key, mine = made_up(other), made_up(venue)
    reading = read_paste(venue, key.api_key, mine.secret, mine.passphrase)

    assert (reading.other == other) is (venue != other)
    if venue != other:
        assert f"This looks like a key of {FORMS[other].title}" in reading.errors["api_key"]


def test_okx_asks_for_its_passphrase_and_keeps_its_blanks() -> None:
    key = made_up(VenueName("okx"))

    without = read_paste(VenueName("okx"), key.api_key, key.secret, "")
    blank = read_paste(VenueName("okx"), key.api_key, key.secret, f" {PASSPHRASE}\n")

    assert without.errors == {"api_passphrase": "Type the passphrase that you chose when you made the key."}
    assert blank.values.passphrase == f" {PASSPHRASE}"
    assert blank.taken == ("Passphrase: it begins or ends with a blank, which was kept.",)


# In the browser


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        module = (ASSETS / "js" / "pasting.js").read_text(encoding="utf-8")
        page.route("http://pasting.test/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        page.route(
            "http://pasting.test/pasting.js", lambda route: route.fulfill(body=module, content_type="text/javascript")
        )
        page.goto("http://pasting.test/")
        yield page
        browser.close()


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_the_browser_says_what_the_server_says(page: Page) -> None:
    cases: list[tuple[VenueName, str, str, str]] = []

    @given(st.data(), VENUE, VENUE, AROUND, st.integers(0, 7))
    def collect(data: st.DataObject, venue: VenueName, other: VenueName, around: str, kind: int) -> None:
        key, foreign = data.draw(keys(venue)), data.draw(keys(other))
        wild = data.draw(ANYTHING)
        cases.append(
            [
                (venue, f"{around}{key.api_key}", f"{key.secret}{around}", key.passphrase),
                (venue, key.secret, key.api_key, key.passphrase),
                (venue, foreign.api_key, foreign.secret, foreign.passphrase),
                (venue, key.api_key[:-1], key.secret, ""),
                (venue, f"{key.api_key}{around}\n{key.secret}", "", wild),
                (venue, key.api_key, key.passphrase, key.secret),
                (venue, f"api key = {key.api_key}", wild, key.passphrase),
                (venue, wild, wild[::-1], wild),
            ][kind]
        )

    collect()
    asked = [
        {"rules": rules_for(venue), "raw": dict(zip(("api_key", "api_secret", "api_passphrase"), texts, strict=True))}
        for venue, *texts in cases
    ]
    said = page.evaluate(
        """async (asked) => {
          const { readPaste, cleaned } = await import("/pasting.js");
          return JSON.parse(asked).map(({ rules, raw }) => [
            readPaste(rules, raw),
            ["api_key", "api_secret"].map((name) => [...cleaned(rules, raw[name]).taken].sort()),
          ]);
        }""",
        json.dumps(asked),
    )

    assert len(cases) >= 50
    for (venue, *texts), (errors, taken) in zip(cases, said, strict=True):
        assert errors == dict(read_paste(venue, *texts).errors), (venue, texts)
        assert taken == [sorted(each.name for each in cleaned(text)[1]) for text in texts[:2]], (venue, texts)
