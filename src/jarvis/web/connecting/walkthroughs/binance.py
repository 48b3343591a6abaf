"""Binance spot margin, cross or isolated."""

from jarvis.domain.account import VenueName
from jarvis.web.connecting.walkthroughs.parts import Kind, Row, Screen, Step, Walkthrough, boxes_of, button, field

_BOXES = (
    "enableReading", "enableSpotAndMarginTrading", "enableMargin", "enableWithdrawals", "enableInternalTransfer",
    "permitsUniversalTransfer", "enableFutures",
)  # fmt: skip

BINANCE = Walkthrough(
    venue=VenueName("binance"),
    title="Binance",
    lead=(
        "All nine pairs against USDT, with cross or isolated margin: one key serves both, and Jarvis asks which of the "
        "two it is to trade in."
    ),
    minutes=6,
    steps=(
        Step(
            "Open your margin account",
            (
                ("Sign in at binance.com, open Trade, then Margin, and accept the margin agreement. For isolated "
                "margin also open each pair that you want to trade. Move the collateral there yourself: Jarvis never "
                "moves money."),
            ),
            screen=Screen(
                "binance.com",
                "Trade / Margin",
                (
                    Row(Kind.TABS, "Cross", is_marked=True, others=("Isolated", "Spot")),
                    button("Open a margin account"),
                ),
            ),
        ),
        Step(
            "Create a system-generated key",
            (
                ("Open the profile menu, then API Management, and press Create API. Choose System generated, and name "
                "it “Jarvis — live”."),
            ),
            screen=Screen(
                "binance.com",
                "API Management",
                (
                    Row(Kind.TABS, "System generated", is_marked=True, others=("Self-generated",)),
                    field("Label", "Jarvis — live"),
                    button("Next"),
                ),
            ),
        ),
        Step(
            "Pass the second factor",
            (
                ("Binance asks for your passkey or authenticator, and for a code by e-mail. Copy the API key and the "
                "secret key now: the secret is hidden when you leave the page."),
            ),
            screen=Screen(
                "binance.com",
                "Security verification",
                (
                    field("Code of your authenticator", "······"),
                    field("API key", "64 letters and digits", is_marked=True),
                    field("Secret key", "64 letters and digits", is_marked=True),
                ),
            ),
            warning="The secret key is shown this once.",
        ),
        Step(
            "Edit the restrictions: tick exactly these",
            (
                ("On the row of the new key, press Edit restrictions. Tick what the drawing ticks, leave all else off, "
                "and above all leave Enable Withdrawals off."),
                ("Binance lets the margin boxes be ticked only once the key is bound to trusted addresses: do the next "
                "step first if they are grey."),
            ),
            screen=Screen("binance.com", "Edit restrictions", boxes_of("binance", names=_BOXES)),
            warning="A key that may withdraw or transfer is refused here, and nothing of it is stored.",
            is_boxes=True,
        ),
        Step(
            "Restrict the key to trusted addresses",
            (
                ("Choose Restrict access to trusted IPs only, and add this installation's address. It is recommended, "
                "and without it Binance takes the trading permission away from the key after a time."),
            ),
            screen=Screen(
                "binance.com",
                "Edit restrictions / IP access",
                (
                    Row(Kind.BOX, "Restrict access to trusted IPs only", is_ticked=True),
                    field("IP address", "the address below", is_marked=True),
                    button("Save"),
                ),
            ),
            shows_address=True,
        ),
        Step(
            "Paste both values into the Binance card",
            (
                ("In Jarvis, open Account, Connect a venue, Binance; say whether it is to trade cross or isolated "
                "margin, and paste the API key and the secret key."),
            ),
            screen=Screen(
                "Jarvis",
                "Connect Binance",
                (
                    Row(Kind.TABS, "Cross margin", is_marked=True, others=("Isolated margin",)),
                    field("API key", "paste it", is_marked=True),
                    field("Secret key", "paste it", is_marked=True),
                    button("Check the key"),
                ),
            ),
        ),
    ),
    notes=(
        (
            "Cross or isolated",
            ("Cross: all your collateral stands for all your positions; a bad one can take the good ones along. "
            "Isolated: each pair stands for itself, and you must put collateral into each."),
        ),
        (
            "Fees in BNB",
            ("If you pay fees or interest in BNB, they are taken out of what you hold in BNB, a BNB position included. "
            "Jarvis books them as they are and warns you; switching it off under Binance's own settings is calmer."),
        ),
        (
            "Keys with Ed25519",
            "A self-generated Ed25519 key works as well: paste the private key file where the secret belongs.",
        ),
    ),
    references=(
        ("Binance: how to create API keys", "https://www.binance.com/en/support/faq/how-to-create-api-keys-on-binance-360002502072"),
        ("Binance: margin trading API", "https://developers.binance.com/docs/margin_trading"),
    ),
)  # fmt: skip
