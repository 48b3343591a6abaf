"""OKX's API-management page: its boxes and fields, and the key that a filled-in form makes."""

from jarvis.emulators.okx.keys import READ, TRADE, WITHDRAW, ApiKey, KeyRing, Profile
from jarvis.emulators.venue import Box, BoxGroup, Input, KeyForm, KeyPage, KeyRow

_P = Profile

PAGE = KeyPage(
    title="Account: API",
    lead="Create V5 API Key",
    groups=(
        BoxGroup(
            "Permissions",
            (Box("Read", READ), Box("Trade", TRADE), Box("Withdraw", WITHDRAW, risky=True)),
        ),
    ),
    inputs=(
        Input(
            "passphrase",
            "Passphrase",
            "8 to 32 characters with a lower-case and an upper-case letter, a digit and a special character. "
            "It is asked for together with the key, and never shown again.",
            kind="password",
            required=True,
        ),
        Input(
            "ip_allowlist",
            "Link trusted IPs",
            "At most 20, one address or range on each line. A key that can trade and has none is deleted after "
            "14 days without use.",
            kind="lines",
        ),
    ),
    profiles=(
        (_P.FUTURES.value, "Futures mode"),
        (_P.SPOT.value, "Spot mode"),
        (_P.SPOT_BORROW.value, "Spot mode, borrowing enabled"),
        (_P.MULTI_CURRENCY.value, "Multi-currency margin"),
        (_P.PORTFOLIO.value, "Portfolio margin"),
        (_P.FUTURES_SUB.value, "Futures mode, standard sub-account"),
        (_P.MULTI_CURRENCY_SUB.value, "Multi-currency margin, standard sub-account"),
    ),
)


def key_of_form(ring: KeyRing, account: str, form: KeyForm) -> ApiKey:
    """The key that the form asks for. Raises ValueError, in words, for what the page would not take."""
    return ring.add_key(
        account,
        form.permissions,
        form.label,
        form.inputs.get("passphrase", ""),
        tuple(form.inputs.get("ip_allowlist", "").replace(",", " ").split()),
    )


def row_of(key: ApiKey) -> KeyRow:
    """The key as the list shows it."""
    notes = []
    if key.ip_allowlist:
        notes.append(f"Only from {', '.join(key.ip_allowlist)}")
    dies_at = key.dies_at()
    if dies_at is not None:
        notes.append(f"Deleted on {dies_at:%Y-%m-%d} unless it is used before")
    return KeyRow(
        public=key.public,
        label=key.label,
        permissions=tuple(sorted(key.permissions)),
        notes=tuple(notes),
        created=f"{key.created_at:%Y-%m-%d %H:%M}",
        last_used=f"{key.used_at:%Y-%m-%d %H:%M}" if key.used_at else "never",
    )
