"""OKX: the venue with a passphrase, best with a sub-account."""

from jarvis.domain.account import VenueName
from jarvis.web.connecting.walkthroughs.parts import Kind, Row, Screen, Step, Walkthrough, boxes_of, button, field, note

OKX = Walkthrough(
    venue=VenueName("okx"),
    title="OKX",
    lead=(
        "The only venue that asks for three values: API key, secret key, and a passphrase that you choose yourself. "
        "OKX's trading permission is wider than anywhere else, so a sub-account that cannot transfer out is the way "
        "to do it well."
    ),
    minutes=8,
    steps=(
        Step(
            "Verify your identity",
            ("Sign in at okx.com and complete identity verification, level 1 or higher, in your profile.",),
            screen=Screen("okx.com", "Profile / Verification", (note("Level 1: verified."), button("Verify identity"))),
        ),
        Step(
            "Make a sub-account that cannot transfer out (recommended)",
            (
                (
                    "OKX's Trade permission includes transfers between your own accounts and changes of settings; no "
                    "box separates them. A standard sub-account cannot withdraw at all, and the main account can "
                    "forbid it to transfer out. Make one, move the collateral there, and switch its transfers out off."
                ),
            ),
            screen=Screen(
                "okx.com",
                "Sub-accounts",
                (
                    field("Name", "jarvis"),
                    Row(Kind.BOX, "Transfer out", is_critical=True),
                    button("Create sub-account"),
                ),
            ),
            warning="Without it, a stolen key could move money between your accounts at OKX, though not out of OKX.",
        ),
        Step(
            "Put the account into a mode with margin",
            (
                (
                    "Under Settings, Account mode, choose Futures mode (also called single-currency margin) or "
                    "Multi-currency margin. Jarvis reads the mode and says if it cannot work with it. In "
                    "multi-currency mode switch Auto-borrow on."
                ),
            ),
            screen=Screen(
                "okx.com",
                "Settings / Account mode",
                (
                    Row(Kind.TABS, "Futures mode", is_marked=True, others=("Multi-currency", "Spot mode")),
                    note("Spot mode has no margin."),
                ),
            ),
        ),
        Step(
            "Create a V5 API key",
            (
                (
                    "Open the profile menu, then API, and press Create V5 API key (on the sub-account's row if you "
                    "made one). Name it “Jarvis — live” and choose a strong passphrase of 8 to 32 characters with "
                    "small and capital letters, digits and signs. Keep the passphrase: you paste it into Jarvis."
                ),
            ),
            screen=Screen(
                "okx.com",
                "Create V5 API key",
                (
                    field("Purpose", "API trading"),
                    field("API key name", "Jarvis — live"),
                    field("Passphrase", "one that only you know", is_marked=True),
                ),
            ),
            warning="OKX cannot show the passphrase again, and neither can Jarvis.",
        ),
        Step(
            "Tick Read and Trade, never Withdraw",
            ("Three boxes, two of them ticked.",),
            screen=Screen(
                "okx.com", "Create V5 API key / Permissions", boxes_of("okx", names=("read_only", "trade", "withdraw"))
            ),
            warning="A key that may withdraw is refused here, and nothing of it is stored.",
            is_boxes=True,
        ),
        Step(
            "Bind the key to this installation (recommended)",
            (
                (
                    "Paste this installation's address into the key's IP field. A bound key lives on; one without an "
                    "address is removed by OKX after 14 days without use. Jarvis uses it every day and tells you if "
                    "that is ever in danger."
                ),
            ),
            screen=Screen(
                "okx.com",
                "Create V5 API key / IP address",
                (field("IP address", "the address below", is_marked=True), button("Confirm")),
            ),
            shows_address=True,
        ),
        Step(
            "Paste all three values into the OKX card",
            (
                (
                    "In Jarvis, open Account, Connect a venue, OKX. Paste API key, secret key and passphrase. Jarvis "
                    "finds out by itself whether yours is okx.com, OKX in Europe or OKX in the US."
                ),
            ),
            screen=Screen(
                "Jarvis",
                "Connect OKX",
                (
                    field("API key", "paste it", is_marked=True),
                    field("Secret key", "paste it", is_marked=True),
                    field("Passphrase", "the one that you chose", is_marked=True),
                    button("Check the key"),
                ),
            ),
        ),
    ),
    notes=(
        (
            "Keys that die of boredom",
            (
                "Only a signed request or a fresh sign-in of a stream counts as use. Jarvis makes one each day, so the "
                "key lives while Jarvis runs. If you stop it for two weeks, make a new key, or bind it to an address."
            ),
        ),
        (
            "Regions",
            (
                "okx.com, OKX in Europe and OKX in the US are separate venues with separate keys. A key of one is "
                "unknown to the others; Jarvis asks each in turn."
            ),
        ),
    ),
    references=(
        ("OKX: API documentation", "https://www.okx.com/docs-v5/en/"),
        ("OKX: help centre", "https://www.okx.com/help"),
    ),
)
