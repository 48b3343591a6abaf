"""How each venue is worded on the way to a key: where it is made, what is to be pasted, how lending was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.account import VenueName


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to the question that only the person can answer."""

    value: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class VenueLevel:
    """The figure that a venue itself shows for the margin level: its name there, and at what it steps in."""

    name: str
    meaning: str
    is_share: bool = True


@dataclass(frozen=True, slots=True)
class VenueForm:
    """One venue's form. `question` is empty where the check finds everything out.

    `probe` says how the venue was asked what it lends: only one of them checks a margin order without placing it.
    """

    name: VenueName
    title: str
    site: str
    api_page: str
    before: str
    box_note: str
    key_label: str
    key_hint: str
    secret_label: str
    secret_hint: str
    probe: str
    passphrase_hint: str = ""
    question: str = ""
    choices: tuple[Choice, ...] = ()

    @property
    def has_passphrase(self) -> bool:
        """Whether three values are to be pasted."""
        return bool(self.passphrase_hint)


_SEALED = "It goes straight to the signer, is encrypted there and never shown again."

_EXECUTION_VENUES: Mapping[tuple[VenueName, str], str] = {
    (VenueName("kraken"), "us-retail"): "US retail",
    (VenueName("binance"), "cross"): "cross margin",
    (VenueName("binance"), "isolated"): "isolated margin",
    (VenueName("okx"), "www"): "okx.com",
    (VenueName("okx"), "eea"): "OKX in Europe",
    (VenueName("okx"), "us"): "OKX in the US",
}

_LEVELS: Mapping[VenueName, VenueLevel] = {
    VenueName("binance"): VenueLevel("margin level", "assets over debts, liquidates a little above 1", is_share=False),
    VenueName("okx"): VenueLevel("margin ratio", "warns at 300 %, liquidates at 100 %"),
    VenueName("bybit"): VenueLevel("maintenance margin rate", "liquidates at 100 %"),
}


def execution_venue_words(venue: VenueName, name: str) -> str:
    """A book, a kind of account or a region of a venue, as people call it."""
    return _EXECUTION_VENUES.get((venue, name), name)


def level_words(venue: VenueName, value: Decimal | None) -> str:
    """The venue's own figure with its name and its meaning; empty where it shows none, or none now."""
    level = _LEVELS.get(venue)
    if level is None or value is None:
        return ""
    figure = f"{value * 100:,.0f} %" if level.is_share else f"{value:,.2f}"
    return f"{FORMS[venue].title} says {level.name} {figure}: {level.meaning}."


FORMS: Mapping[VenueName, VenueForm] = {
    form.name: form
    for form in (
        VenueForm(
            name=VenueName("kraken"),
            title="Kraken",
            site="kraken.com",
            api_page="go to Settings, then API, and create an API key",
            before="Your account needs the Intermediate verification tier with spot margin switched on.",
            box_note="",
            key_label="API key",
            key_hint="56 characters.",
            secret_label="Private key",  # noqa: S106 - a label
            secret_hint=f"The long one. {_SEALED}",
            probe=(
                "Asked with one order for each pair, far below the market and sent to be validated only: Kraken checks "
                "such an order and never places it."
            ),
        ),
        VenueForm(
            name=VenueName("binance"),
            title="Binance",
            site="binance.com",
            api_page="open API Management in the profile menu and create a system-generated key",
            before="Open your margin account first: cross, or the isolated pairs that you want to trade.",
            box_note="Binance shows these boxes after the key is made, under Edit restrictions.",
            key_label="API key",
            key_hint="64 letters and digits.",
            secret_label="Secret key",  # noqa: S106
            secret_hint=f"64 letters and digits, or the private key file of an Ed25519 key. {_SEALED}",
            probe=(
                "Binance validates no margin order without placing it (its test order is for spot alone). It was asked "
                "instead whether the margin account is open, what it lends on each pair, and how fees are paid."
            ),
            question="Which margin account?",
            choices=(
                Choice("cross", "Cross margin", "One account for all pairs: what one pair loses, the others may bear."),
                Choice(
                    "isolated", "Isolated margin", "Each pair lives on the money that you moved to it, and on no other."
                ),
            ),
        ),
        VenueForm(
            name=VenueName("okx"),
            title="OKX",
            site="okx.com",
            api_page="go to API and create a V5 API key",
            before=(
                "Best in a sub-account, which can be kept from moving money out; in futures mode, or in multi-currency "
                "mode with auto-borrow."
            ),
            box_note="",
            key_label="API key",
            key_hint="36 characters with four dashes.",
            secret_label="Secret key",  # noqa: S106
            secret_hint=f"32 letters and digits. {_SEALED}",
            probe=(
                "OKX's pre-check of an order answers in two of its four account modes only. It was asked instead for "
                "the account's mode and level, and for what it lends on each pair."
            ),
            passphrase_hint=f"The one that you chose when you made the key. {_SEALED}",
        ),
        VenueForm(
            name=VenueName("bybit"),
            title="Bybit",
            site="bybit.com",
            api_page="go to API, create a system-generated key for API transactions, read-write",
            before="Your Unified Trading Account needs cross margin mode with spot margin trading switched on.",
            box_note="Older guides tick Account Transfer. Leave it off: it can really move money.",
            key_label="API key",
            key_hint="18 letters and digits.",
            secret_label="API secret",  # noqa: S106
            secret_hint=f"36 letters and digits. {_SEALED}",
            probe=(
                "Bybit checks no order without placing it. It was asked instead for the account's margin mode, the "
                "spot margin switch, and what it lends on each pair."
            ),
        ),
    )
}
"""One entry per venue."""
