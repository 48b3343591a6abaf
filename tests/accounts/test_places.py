import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.accounts.places import browser_family, network_of, place_hash, shown_agent
from jarvis.domain.account import UserId
from tests.accounts.world import FIREFOX, HERE

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (FIREFOX, "Firefox on Linux"),
        (FIREFOX.replace("145", "146"), "Firefox on Linux"),
        (f"{MAC} Version/19.0 Safari/605.1.15", "Safari on macOS"),
        (f"{WINDOWS} Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} Safari/537.36 Edg/142.0.0.0", "Edge on Windows"),
        ("curl/8.5.0", "another browser on another system"),
        ("", "another browser on another system"),
    ],
)
def test_a_browser_is_known_by_its_family(agent: str, family: str) -> None:
    assert browser_family(agent) == family


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (HERE, "192.0.2.250", True),
        (HERE, "192.0.3.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:2::1", False),
        ("::ffff:192.0.2.9", HERE, True),
        ("", "unix socket", True),
    ],
)
def test_what_counts_as_one_network(first: str, second: str, same: bool) -> None:
    assert (network_of(first) == network_of(second)) is same


def test_the_same_place_is_another_for_another_person() -> None:
    ada, eve = UserId("ada"), UserId("eve")

    assert place_hash(ada, HERE, FIREFOX) == place_hash(ada, "192.0.2.99", FIREFOX.replace("145", "150"))
    assert place_hash(ada, HERE, FIREFOX) != place_hash(eve, HERE, FIREFOX)


@given(st.text())
def test_what_a_browser_says_is_shown_in_one_short_line(agent: str) -> None:
    shown = shown_agent(agent)

    assert len(shown) <= 200
    assert shown.isprintable()
    assert shown.isascii()
