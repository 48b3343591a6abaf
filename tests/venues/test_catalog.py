"""Which venues there are, and how one is opened."""

from random import Random

import pytest

from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.emulators.sandbox import EMULATED
from jarvis.signer.venues import VENUES as SIGNING
from jarvis.venues.base import Venue
from jarvis.venues.catalog import KRAKEN, VENUES, open_venue, sandbox_urls
from jarvis.venues.kraken import US_RETAIL, KrakenVenue
from jarvis.venues.permissions import TABLES
from jarvis.web.connecting.venues import FORMS
from tests.venues.wires import HandClock, ScriptedTransport


def test_eight_majors_at_ten_and_bnb_at_five() -> None:
    caps = VENUES[KRAKEN].leverage_caps

    assert len(caps) == len(VENUES[KRAKEN].pairs) == 9
    assert caps[Pair.parse("BNB/USD")] == 5
    assert {cap for pair, cap in caps.items() if pair.base != "BNB"} == {10}


def test_the_live_addresses_are_the_venues_own() -> None:
    assert VENUES[KRAKEN].urls().origins == {
        "https://api.kraken.com",
        "wss://ws.kraken.com",
        "wss://ws-auth.kraken.com",
    }


def test_the_sandbox_answers_under_the_venues_name() -> None:
    urls = sandbox_urls(KRAKEN, "http://127.0.0.1:8080/")

    assert (urls.rest, urls.ws_public, urls.ws_private) == (
        "http://127.0.0.1:8080/kraken",
        "ws://127.0.0.1:8080/kraken/ws/v2",
        "ws://127.0.0.1:8080/kraken/ws-auth/v2",
    )


def opened(name: str, execution_venue: str | None = None) -> Venue:
    return open_venue(
        VenueName(name),
        transport=ScriptedTransport(),
        urls=VENUES[KRAKEN].urls(),
        signer=None,
        clock=HandClock(),
        random=Random(1),
        execution_venue=execution_venue,
    )


def test_a_venue_is_opened_by_name() -> None:
    venue = opened("kraken", US_RETAIL)

    assert isinstance(venue, KrakenVenue)
    assert venue.execution_venue == US_RETAIL
    assert isinstance(opened("kraken"), KrakenVenue)


def test_a_venue_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="there are kraken"):
        opened("mtgox")


def test_every_venue_trades_nine_pairs_in_one_currency_at_addresses_of_its_own() -> None:
    origins = {
        name: {origin for urls in entry.live_urls.values() for origin in urls.origins} for name, entry in VENUES.items()
    }

    assert {name: len(entry.pairs) for name, entry in VENUES.items()} == dict.fromkeys(VENUES, 9)
    assert {name: str(entry.quote) for name, entry in VENUES.items()} == {
        "kraken": "USD",
        "binance": "USDT",
        "okx": "USDT",
        "bybit": "USDT",
    }
    assert len(set().union(*origins.values())) == sum(map(len, origins.values()))
    assert all(origin.startswith(("https://", "wss://")) for each in origins.values() for origin in each)


def test_an_execution_venue_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="cross, isolated"):
        VENUES[VenueName("binance")].urls("sideways")


def test_every_venue_has_signing_a_table_a_form_and_an_emulator() -> None:
    assert set(VENUES) == set(TABLES) == set(SIGNING) == set(FORMS) == set(EMULATED)
