"""How a key is taken out of a thief's hands at each venue, step by step; docs/revoking.md says more."""

from collections.abc import Mapping
from dataclasses import dataclass

from jarvis.domain.account import VenueName


@dataclass(frozen=True, slots=True)
class RevokeGuide:
    """What to do at one venue, in order. `site` is where its pages are, without a path that may change."""

    title: str
    site: str
    steps: tuple[str, ...]


GUIDES: Mapping[VenueName, RevokeGuide] = {
    VenueName("kraken"): RevokeGuide(
        "Kraken",
        "kraken.com",
        (
            "Sign in at kraken.com by typing the address yourself, and open Settings, then API.",
            "Find the key by its name, open it and delete it. Delete every key that you do not know as well.",
            "Under Security, end all other sessions, change the password, and look at the sign-in factors.",
            "Under Funding, look at withdrawals and at the withdrawal addresses, and remove those that are not yours.",
            "If money is leaving: switch the Global Settings Lock on under Security and write to Kraken's support.",
        ),
    ),
    VenueName("binance"): RevokeGuide(
        "Binance",
        "binance.com",
        (
            "Sign in at binance.com by typing the address yourself, and open API Management in the profile menu.",
            "Delete the key by its label. Delete every key that you do not know as well.",
            "Under Security, look at the devices, remove those that are not yours, and change the password.",
            "Under Withdrawal, look at the history and switch the address whitelist on.",
            "If money is leaving: choose Disable Account under Security and write to Binance's support.",
        ),
    ),
    VenueName("okx"): RevokeGuide(
        "OKX",
        "okx.com",
        (
            "Sign in at okx.com by typing the address yourself, and open API: a sub-account's keys stand with it.",
            "Delete the key by its name. Delete every key that you do not know as well.",
            "Under Security, look at the devices, remove those that are not yours, and change the password.",
            "Look at the withdrawals and the address book, and at transfers between your sub-accounts.",
            "If money is leaving: freeze the account under Security and write to OKX's support.",
        ),
    ),
    VenueName("bybit"): RevokeGuide(
        "Bybit",
        "bybit.com",
        (
            "Sign in at bybit.com by typing the address yourself, and open API in the profile menu.",
            "Delete the key by its name. Delete every key that you do not know as well.",
            "Under Account & Security, look at the devices, remove those that are not yours, and change the password.",
            "Look at the withdrawals and the address book, and switch the withdrawal whitelist on.",
            "If money is leaving: disable the account under Account & Security and write to Bybit's support.",
        ),
    ),
}
"""One guide per venue."""


def revoking_words(venue: VenueName) -> str:
    """What a message says about revoking the key: the first two steps."""
    guide = GUIDES.get(venue)
    if guide is None:
        return ""
    return f"If it was not you, revoke the key now: {' '.join(guide.steps[:2])} Then say here what was yours."
