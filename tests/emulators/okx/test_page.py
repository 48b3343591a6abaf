"""The API-management page: what it asks, and what it refuses in words."""

import pytest

from jarvis.emulators.okx.page import PAGE
from jarvis.emulators.venue import KeyForm
from tests.emulators.okx.actors import PASSPHRASE, Venue


def form(**inputs: str) -> KeyForm:
    return KeyForm("Jarvis", frozenset({"read_only", "trade"}), {"passphrase": PASSPHRASE} | inputs)


def test_the_page_offers_read_trade_and_withdraw_and_asks_for_a_passphrase() -> None:
    boxes = [(box.label, box.permission, box.risky) for group in PAGE.groups for box in group.boxes]

    assert boxes == [("Read", "read_only", False), ("Trade", "trade", False), ("Withdraw", "withdraw", True)]
    assert PAGE.inputs[0].name == "passphrase"
    assert PAGE.inputs[0].required
    assert PAGE.profiles[0][0] == "futures"


def test_a_key_shows_two_values_and_never_the_passphrase() -> None:
    venue = Venue()
    venue.okx.open_account("ann", {})

    shown = venue.okx.make_key("ann", form(ip_allowlist="127.0.0.1\n10.0.0.0/8"))

    assert [value.name for value in shown] == ["api_key", "secret"]
    (row,) = venue.okx.keys_of("ann")
    assert row.notes == ("Only from 127.0.0.1, 10.0.0.0/8",)
    assert row.public == shown[0].value
    assert PASSPHRASE not in repr(venue.okx.keys.find(row.public))


def test_an_unbound_key_says_when_it_dies() -> None:
    venue = Venue()
    venue.okx.open_account("ann", {})
    venue.okx.make_key("ann", form())

    (row,) = venue.okx.keys_of("ann")

    assert row.notes == ("Deleted on 2026-01-15 unless it is used before",)


@pytest.mark.parametrize(
    "passphrase", ["", "Shor-1", "nouppercase-1", "NOLOWER-CASE1", "NoDigits-here", "NoSpecial123"]
)
def test_a_weak_passphrase_is_refused_in_words(passphrase: str) -> None:
    venue = Venue()
    venue.okx.open_account("ann", {})

    with pytest.raises(ValueError, match="passphrase needs 8 to 32"):
        venue.okx.make_key("ann", form(passphrase=passphrase))


def test_a_sub_account_cannot_get_a_withdrawing_key() -> None:
    venue = Venue()
    venue.okx.open_account("ann", {}, "futures-sub")

    with pytest.raises(ValueError, match="sub-account"):
        venue.okx.make_key("ann", KeyForm("x", frozenset({"withdraw"}), {"passphrase": PASSPHRASE}))


async def test_a_sub_account_shows_another_main_account() -> None:
    client = Venue().client(profile="futures-sub")

    (config,) = await client.get("account/config")

    assert config["type"] == "1"
    assert config["uid"] != config["mainUid"]
    assert config["perm"] == "read_only,trade"
