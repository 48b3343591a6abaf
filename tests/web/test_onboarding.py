"""The walkthroughs: open to everybody, every fact and box in its place, every drawing said in words."""

import re
from dataclasses import replace

import pytest

from jarvis.domain.account import VenueName
from jarvis.store.db import Store
from jarvis.venues.permissions import TABLES, Need
from jarvis.web.app import create_app
from jarvis.web.connecting.walkthroughs import WALKTHROUGHS
from jarvis.web.connecting.walkthroughs.parts import Kind, Screen
from jarvis.web.security import WebSettings
from tests.web.client import Browser
from tests.web.conftest import SaidConnector
from tests.web.second_factor import Seeds

VENUES = list(WALKTHROUGHS)
FACTS = {
    "kraken": (
        "Intermediate", "photo ID", "proof of where you live", "where the money comes from", "one to three working",
        "Jarvis — live", "Query Funds", "Query Open Orders &amp; Trades", "Query Closed Orders &amp; Trades",
        "Modify Orders", "Create &amp; Modify Orders", "Cancel &amp; Close Orders", "Query Ledger Entries",
        "Access WebSockets API", "Deposit Funds", "Withdraw Funds", "IP address restriction", "56 characters",
        "shown this once", "Fernet", "XBT/USD", "grey", "United States", "nonce window",
        "password or code for the API key",
    ),
    "binance": (
        "API Management", "System generated", "second factor", "Enable Reading", "Enable Spot &amp; Margin Trading",
        "Enable Withdrawals", "trusted IPs only", "Isolated margin", "Jarvis — live", "BNB",
    ),
    "okx": (
        "level 1 or higher", "V5 API key", "strong passphrase", "Read and Trade, never Withdraw", "all three values",
        "sub-account that cannot transfer out", "14 days without use", "Jarvis — live",
    ),
    "bybit": (
        "KYC level 1", "System-generated API Keys", "API transaction", "Unified", "SPOT Trade", "Account Transfer",
        "read only. It is not", "90 days", "Jarvis — live",
    ),
}  # fmt: skip


@pytest.mark.parametrize("venue", VENUES)
async def test_every_step_and_fact_of_a_venue_is_on_its_page(venue: VenueName, browser: Browser) -> None:
    answer = await browser.get(f"/docs/onboarding/{venue}")
    assert answer.status == 200
    text = " ".join(answer.text.split()).replace("&#39;", "'")
    for fact in FACTS[venue]:
        assert fact in text, fact
    steps = WALKTHROUGHS[venue].steps
    for number, step in enumerate(steps, 1):
        assert f'id="step-{number}"' in text
        assert f'href="#step-{number}"' in text
        assert (step.screen is None) or f'id="screen-{number}-title"' in text
    assert "no box about withdrawing is ticked" in re.sub(r"<[^>]+>|\s+", " ", text).replace("  ", " ")
    assert "Go to my account" in text
    assert "Open a Jarvis account" in text
    assert 'rel="noopener noreferrer external"' in text


def test_kraken_has_its_eight_steps() -> None:
    assert len(WALKTHROUGHS[VenueName("kraken")].steps) == 8


def boxes(screen: Screen) -> dict[str, bool]:
    return {row.text: row.is_ticked for row in screen.rows if row.kind is Kind.BOX}


@pytest.mark.parametrize("venue", VENUES)
def test_the_drawing_ticks_what_is_needed_and_nothing_else(venue: VenueName) -> None:
    (screen,) = [step.screen for step in WALKTHROUGHS[venue].steps if step.is_boxes and step.screen]
    drawn = boxes(screen)
    labels = {box.label.partition(": ")[2] or box.label: box.need for box in TABLES[venue].boxes}
    assert {label for label, ticked in drawn.items() if ticked} == {
        label for label, need in labels.items() if need is Need.REQUIRED
    }
    withdrawing = [label for label in drawn if "ithdraw" in label]
    assert withdrawing
    assert not any(drawn[label] for label in withdrawing)


@pytest.mark.parametrize("venue", VENUES)
def test_every_drawing_says_in_words_what_it_shows_and_fits_its_frame(venue: VenueName) -> None:
    for step in WALKTHROUGHS[venue].steps:
        if step.screen is None:
            continue
        for row in step.screen.rows:
            assert row.text in step.screen.words
            room = 28 if row.kind is Kind.BOX else 45
            assert len(row.text) <= room + 12, row.text
            assert len(row.value) <= 42, row.value
        assert step.screen.placed[-1][0] + step.screen.placed[-1][1].height < step.screen.height


async def test_the_table_of_permissions_is_the_same_for_all(browser: Browser) -> None:
    text = (await browser.get("/docs/onboarding")).text
    needed = re.findall(r'<th scope="row">([^<]+)</th>\s*<td><span class="(yes|no)"', text)
    assert [kind for _, kind in needed] == ["yes"] * 5 + ["no"] * 3
    assert needed[5][0] == "Withdraw funds"
    for venue in VENUES:
        assert f'href="/docs/onboarding/{venue}"' in text
    assert "change your margin leverage" in text, "Binance's risk in plain words"


async def test_a_venue_that_does_not_exist_has_no_page(browser: Browser) -> None:
    assert (await browser.get("/docs/onboarding/mtgox")).status == 404


async def test_the_outbound_address_is_shown_and_can_be_copied(
    settings: WebSettings, store: Store, connector: SaidConnector, browser: Browser
) -> None:
    assert "JARVIS_OUTBOUND_ADDRESS" in (await browser.get("/docs/onboarding/kraken")).text

    app = create_app(replace(settings, outbound_address="192.0.2.7"), store, connector, seeds=Seeds())
    for venue in VENUES:
        text = (await Browser(app).get(f"/docs/onboarding/{venue}")).text
        (name,) = re.findall(r'<code id="(outbound-\d)"[^>]*>192\.0\.2\.7</code>', text)
        assert f'data-copy="{name}" hidden' in text
