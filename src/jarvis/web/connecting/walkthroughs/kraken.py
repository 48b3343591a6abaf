"""Kraken, the primary venue: eight steps."""

from jarvis.domain.account import VenueName
from jarvis.web.connecting.walkthroughs.parts import Kind, Row, Screen, Step, Walkthrough, boxes_of, button, field, note

_NEEDED = (
    "query-funds", "add-funds", "withdraw-funds", "query-open-trades", "query-closed-trades", "modify-trades",
    "close-trades", "query-ledger", "create-ws-token",
)  # fmt: skip

KRAKEN = Walkthrough(
    venue=VenueName("kraken"),
    title="Kraken",
    lead=(
        "Jarvis's primary venue. Eight pairs trade at up to 10x effective leverage and BNB at up to 5x, each against "
        "US dollars; Jarvis uses what your limits say, never more than the venue offers on that day. Spot margin "
        "comes with the Intermediate verification tier."
    ),
    minutes=8,
    steps=(
        Step(
            "Verify your account to Intermediate",
            (
                ("Sign in at kraken.com and open Profile, then Verification. Spot margin and trading by key need at "
                "least the Intermediate tier. Have these ready:"),
            ),
            (
                "a passport, driving licence or other photo ID from the state",
                "proof of where you live: a utility bill or bank statement of the last three months",
                "an answer to where the money comes from",
            ),
            warning="This is the only step that takes longer: Kraken usually answers within one to three working days.",
        ),
        Step(
            "Open the page for API keys",
            ("Open your profile menu at the top right, choose Settings, then API, and press Create API key.",),
            screen=Screen(
                "kraken.com",
                "Settings / API",
                (
                    note("Manage access to your account by programs."),
                    Row(Kind.HEADING, "Your API keys"),
                    note("No API keys yet."),
                    button("Create API key"),
                ),
            ),
        ),
        Step(
            "Describe the key",
            (
                ("Give it a name by which you will know it, so that you can revoke it without touching any other: "
                "“Jarvis — live” does well."),
            ),
            screen=Screen(
                "kraken.com",
                "Create API key",
                (field("Key description", "Jarvis — live", is_marked=True),),
            ),
        ),
        Step(
            "Tick exactly these boxes",
            (
                ("This is the step that matters. Tick what the drawing ticks and nothing else; leave Deposit and "
                "Withdraw off. Where Kraken shows a box “Modify Orders” of its own beside “Create & Modify Orders”, "
                "tick both."),
            ),
            screen=Screen("kraken.com", "Create API key / Permissions", boxes_of("kraken", names=_NEEDED)),
            warning=(
                "“Withdraw Funds” also allows transfers between accounts: a key that has it is refused here. So is one "
                "that may add or change withdrawal addresses, deposit, or lock funds into Earn."
            ),
            is_boxes=True,
        ),
        Step(
            "Bind the key to this installation (recommended)",
            (
                ("Under IP address restriction, paste the address that this installation is seen at. A key that works "
                "from one address only is worth nothing to a thief elsewhere. Set an expiry too if you like: Jarvis "
                "counts the days for you."),
            ),
            screen=Screen(
                "kraken.com",
                "Create API key / Restrictions",
                (
                    field("IP address restriction", "the address below", is_marked=True),
                    field("Key expiration", "a day within a year, or none"),
                    field("Nonce window", "0"),
                ),
            ),
            warning="Leave the nonce window at 0: a larger one lets a delayed order through twice.",
            shows_address=True,
        ),
        Step(
            "Generate the key, and copy both values",
            (
                ("Press Generate key. Kraken shows an API key of 56 characters and a private key, a long text that "
                "ends in ==."),
            ),
            screen=Screen(
                "kraken.com",
                "Your new API key",
                (
                    field("API key", "k3Yp…56 characters…Qz0R", is_marked=True),
                    field("Private key", "p7Vd…88 characters…mA==", is_marked=True),
                    note("The private key is shown once."),
                ),
            ),
            warning="The private key is shown this once. Copy it before you close the page.",
        ),
        Step(
            "Paste both into the Kraken card",
            (
                ("In Jarvis, open Account, choose Connect a venue, then Kraken, and paste the two values. Jarvis asks "
                "Kraken at once what the key may do and shows you each permission. Before anything touches the disk "
                "it is encrypted (Fernet: AES-128-CBC with HMAC); the plain text exists only in memory while the "
                "request is handled."),
            ),
            screen=Screen(
                "Jarvis",
                "Connect Kraken",
                (
                    field("API key", "paste the shorter value", is_marked=True),
                    field("Private key", "paste the longer value", is_marked=True),
                    button("Check the key"),
                ),
            ),
        ),
        Step(
            "Confirm that spot margin is on",
            (
                ("At Kraken, open one of the nine pairs, for example BTC/USD (which Kraken also writes XBT/USD), and "
                "see that the Margin tab can be chosen."),
            ),
            (
                ("If the tab is grey, choose it anyway and accept the margin agreement: at Intermediate that is one "
                "click."),
                ("If it stays grey, your tier or your country is not open for margin. Kraken's support can tell you "
                "which; Jarvis will say the same when it checks."),
            ),
            screen=Screen(
                "kraken.com",
                "Trade / BTC/USD",
                (
                    Row(Kind.TABS, "Margin", is_marked=True, others=("Spot", "Futures")),
                    note("Grey? Accept the margin agreement."),
                ),
            ),
        ),
    ),
    notes=(
        (
            "Accounts in the United States",
            ("Retail clients in the US trade margin on books of their own. Jarvis finds out which are yours by an "
            "order that is only validated, and trades eight pairs there: BNB has no such book."),
        ),
        (
            "Two-factor codes on the key itself",
            ("Do not set a password or code for the API key. Jarvis could not answer it at night, and nothing would be "
            "closed. Keep the second factor of your sign-in; that one protects you."),
        ),
        (
            "The nonce window",
            "Kraken accepts each request of a key once, in order. A window above 0 loosens that. Jarvis needs none.",
        ),
        (
            "One key, one program",
            "Give Jarvis a key of its own. Two programs that share a key spoil each other's order of requests.",
        ),
    ),
    references=(
        ("Kraken support: how to create an API key", "https://support.kraken.com/articles/360000919966-how-to-create-an-api-key"),
        ("Kraken: API documentation", "https://docs.kraken.com/api/"),
        ("Kraken: verification levels", "https://support.kraken.com/articles/360001395743-verification-levels-explained"),
    ),
)  # fmt: skip
