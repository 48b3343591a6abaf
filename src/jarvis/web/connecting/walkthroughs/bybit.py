"""Bybit, Unified Trading Account."""

from jarvis.domain.account import VenueName
from jarvis.web.connecting.walkthroughs.parts import Kind, Row, Screen, Step, Walkthrough, boxes_of, button, field, note

_BOXES = ("ReadWrite", "Spot:SpotTrade", "Wallet:AccountTransfer", "Wallet:SubMemberTransfer", "Wallet:Withdraw")

BYBIT = Walkthrough(
    venue=VenueName("bybit"),
    title="Bybit",
    lead="All nine pairs against USDT in the Unified Trading Account, with spot margin switched on and cross margin.",
    minutes=6,
    steps=(
        Step(
            "Verify your identity (KYC level 1)",
            ("Sign in at bybit.com and complete identity verification, level 1, under Account & Security.",),
            screen=Screen(
                "bybit.com", "Account & Security", (note("Identity verification: level 1."), button("Verify now"))
            ),
        ),
        Step(
            "Switch spot margin on",
            (
                (
                    "In the Unified Trading Account choose cross margin, open Spot, and switch Margin on for one of "
                    "the pairs; Bybit asks a few questions the first time."
                ),
            ),
            screen=Screen(
                "bybit.com",
                "Spot / BTC/USDT",
                (Row(Kind.TABS, "Margin", is_marked=True, others=("Spot",)), note("Margin mode: cross.")),
            ),
        ),
        Step(
            "Create a system-generated key",
            (
                (
                    "Open Account & Security, then API, and press Create New Key. Choose System-generated API Keys, "
                    "then API transaction, and name it “Jarvis — live”."
                ),
            ),
            screen=Screen(
                "bybit.com",
                "API / Create New Key",
                (
                    Row(Kind.TABS, "System-generated", is_marked=True, others=("Self-generated",)),
                    field("API key usage", "API transaction"),
                    field("Name", "Jarvis — live"),
                ),
            ),
        ),
        Step(
            "Tick exactly these boxes",
            (
                "Choose Read-Write; under Unified Trading tick SPOT Trade. Leave everything under Wallet off.",
                (
                    "Older guides, an early one of ours among them, tick Account Transfer and call it read only. It is "
                    "not: a read-write key with that box can really move money between your accounts at Bybit. Jarvis "
                    "reads your funds without it."
                ),
            ),
            screen=Screen("bybit.com", "API key permissions", boxes_of("bybit", names=_BOXES)),
            warning=(
                "A key that may withdraw, or transfer to sub-accounts, is refused here. One with Account Transfer is "
                "taken only after you have read and confirmed the risk."
            ),
            is_boxes=True,
        ),
        Step(
            "Bind the key to this installation (recommended)",
            (
                (
                    "Choose Only IPs with permissions granted, and add this installation's address. A bound key does "
                    "not expire. One without an address is good for 90 days: Jarvis shows the days that are left and "
                    "tells you in time."
                ),
            ),
            screen=Screen(
                "bybit.com",
                "API key / IP restriction",
                (
                    Row(Kind.BOX, "Only IPs with permissions granted", is_ticked=True),
                    field("IP address", "the address below", is_marked=True),
                    button("Submit"),
                ),
            ),
            shows_address=True,
        ),
        Step(
            "Pass the second factor, copy both values",
            ("Bybit asks for the code of your authenticator and shows the API key and the secret.",),
            screen=Screen(
                "bybit.com",
                "Your API key",
                (
                    field("API key", "18 letters and digits", is_marked=True),
                    field("API secret", "36 letters and digits", is_marked=True),
                ),
            ),
            warning="The secret is shown this once.",
        ),
        Step(
            "Paste both values into the Bybit card",
            ("In Jarvis, open Account, Connect a venue, Bybit, and paste the two values.",),
            screen=Screen(
                "Jarvis",
                "Connect Bybit",
                (
                    field("API key", "paste it", is_marked=True),
                    field("API secret", "paste it", is_marked=True),
                    button("Check the key"),
                ),
            ),
        ),
    ),
    notes=(
        (
            "Ninety days",
            (
                "A key without an address ends 90 days after it was made, and seven days after you change your "
                "password. Saving its IP setting again at Bybit gives it another 90."
            ),
        ),
        (
            "A sub-account",
            (
                "A key of a sub-account can never withdraw. If you keep more at Bybit than Jarvis is to trade, that is "
                "the better place for it."
            ),
        ),
    ),
    references=(
        ("Bybit: how to create an API key", "https://www.bybit.com/en/help-center/article/How-to-create-your-API-key"),
        ("Bybit: API documentation", "https://bybit-exchange.github.io/docs/v5/intro"),
    ),
)
