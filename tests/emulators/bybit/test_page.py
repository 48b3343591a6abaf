"""The API-management page: which boxes there are, and which key a filled-in form makes."""

import pytest

from jarvis.emulators.bybit import READ_ONLY, Profile
from jarvis.emulators.bybit.page import PAGE
from jarvis.emulators.venue import KeyForm
from tests.emulators.bybit.actors import Venue


def test_every_profile_of_the_page_can_be_opened() -> None:
    venue = Venue()

    for value, _ in PAGE.profiles:
        venue.bybit.open_account(value, {}, value)

    assert [value for value, _ in PAGE.profiles] == venue.bybit.account_names()
    assert {value for value, _ in PAGE.profiles} == {profile.value for profile in Profile}


def test_what_could_move_money_is_marked() -> None:
    risky = {box.permission for group in PAGE.groups for box in group.boxes if box.risky}

    assert {"Wallet:AccountTransfer", "Wallet:SubMemberTransfer", "Wallet:Withdraw"} <= risky
    assert "Spot:SpotTrade" not in risky


async def test_the_form_makes_the_key_that_it_says() -> None:
    venue = Venue()
    client = venue.client(
        permissions=frozenset({"Spot:SpotTrade", "Wallet:AccountTransfer"}),
        ips="203.0.113.7\n127.0.0.1",
        access="read-only",
        usage="third-party",
    )

    row = await client.get("user/query-api")

    assert row["permissions"]["Wallet"] == ["AccountTransfer"]
    assert (row["readOnly"], row["type"], row["note"]) == (1, 2, "test")
    assert (row["ips"], row["deadlineDay"], row["expiredAt"]) == (
        ["203.0.113.7", "127.0.0.1"],
        -2,
        "1970-01-01T00:00:00Z",
    )
    (shown,) = venue.bybit.keys_of("ann")
    assert shown.permissions == (READ_ONLY, "Spot:SpotTrade", "Wallet:AccountTransfer")
    assert "Only from 203.0.113.7, 127.0.0.1" in shown.notes


async def test_read_only_may_also_be_said_as_a_permission() -> None:
    venue = Venue()
    client = venue.client(permissions=frozenset({"Spot:SpotTrade", READ_ONLY}))

    assert (await client.get("user/query-api"))["readOnly"] == 1
    venue.bybit.set_permissions(client.key, frozenset({"Spot:SpotTrade"}))
    assert (await client.get("user/query-api"))["readOnly"] == 0


@pytest.mark.parametrize(
    ("account", "permissions", "inputs"),
    [
        ("nobody", frozenset(), {}),
        ("ann", frozenset({"SpotTrade"}), {}),
        ("ann", frozenset(), {"ips": "here"}),
        ("ann", frozenset(), {"access": "all"}),
        ("ann", frozenset(), {"usage": "fun"}),
        ("ann", frozenset(), {"type": "self"}),
        ("sub", frozenset({"Wallet:Withdraw"}), {}),
    ],
)
def test_a_form_that_cannot_be_is_refused(account: str, permissions: frozenset[str], inputs: dict[str, str]) -> None:
    venue = Venue()
    venue.bybit.open_account("ann", {})
    venue.bybit.open_account("sub", {}, "sub-account")

    with pytest.raises(ValueError, match=r"."):
        venue.bybit.make_key(account, KeyForm("x", permissions, inputs))


async def test_a_sub_account_says_whose_it_is() -> None:
    row = await Venue().client(profile="sub-account").get("user/query-api")

    assert row["isMaster"] is False
    assert row["parentUid"] != "0"


def test_an_account_is_opened_once_and_of_a_known_kind() -> None:
    bybit = Venue().bybit
    bybit.open_account("ann", {})

    with pytest.raises(ValueError, match="exists already"):
        bybit.open_account("ann", {})
    with pytest.raises(ValueError, match="whale"):
        bybit.open_account("bob", {}, "whale")
