"""Binance's API-management page: its boxes and fields, and the key that a filled-in form makes."""

from jarvis.emulators.binance.keys import ApiKey, KeyRing, Permission, Profile
from jarvis.emulators.venue import Box, BoxGroup, Input, KeyForm, KeyPage, KeyRow

_P = Permission
SYSTEM_GENERATED = "system"
SELF_GENERATED = "self"
CROSS_WITH_BNB = "cross-bnb"
"""A cross account whose owner has both BNB switches on: they are set on the venue's own pages, never by a key."""

PAGE = KeyPage(
    title="API Management",
    lead="Create API, then tick what the key may do under Edit restrictions.",
    groups=(
        BoxGroup(
            "API restrictions",
            (
                Box("Enable Reading", _P.READING.value),
                Box("Enable Spot & Margin Trading", _P.TRADING.value),
                Box("Enable Margin Loan, Repay & Transfer", _P.MARGIN.value),
                Box("Enable Withdrawals", _P.WITHDRAWALS.value, risky=True),
                Box("Permits Universal Transfer", _P.UNIVERSAL_TRANSFER.value, risky=True),
                Box("Enable Internal Transfer", _P.INTERNAL_TRANSFER.value, risky=True),
                Box("Enable Futures", _P.FUTURES.value, risky=True),
                Box("Enable European Options", _P.VANILLA_OPTIONS.value, risky=True),
                Box("Enable Portfolio Margin Trading", _P.PORTFOLIO_MARGIN.value, risky=True),
            ),
        ),
        BoxGroup(
            "FIX API",
            (
                Box("Enable FIX API Trading", _P.FIX_TRADE.value, risky=True),
                Box("Enable FIX API Reading", _P.FIX_READ_ONLY.value),
            ),
        ),
    ),
    inputs=(
        Input(
            "key_type",
            "API key type",
            "System generated: an API Key and a Secret Key (HMAC). Self-generated: you keep the private key.",
            kind="choice",
            value=SYSTEM_GENERATED,
            choices=((SYSTEM_GENERATED, "System generated"), (SELF_GENERATED, "Self-generated")),
        ),
        Input(
            "public_key", "Public key", "Self-generated only: the PEM of an Ed25519 or RSA public key.", kind="lines"
        ),
        Input(
            "ip_allowlist",
            "Restrict access to trusted IPs only",
            "One address or range on each line. Empty: unrestricted, and the trading boxes lapse after 30 days.",
            kind="lines",
        ),
    ),
    profiles=(
        (Profile.CROSS.value, "Cross margin 5x"),
        (CROSS_WITH_BNB, "Cross margin 5x, fees and interest in BNB"),
        (Profile.ISOLATED.value, "Isolated margin 10x, one account per pair"),
    ),
)


def key_of_form(ring: KeyRing, account: str, form: KeyForm) -> ApiKey:
    """The key that the form asks for. Raises ValueError in words for what the venue does not take."""
    addresses = tuple(form.inputs.get("ip_allowlist", "").replace(",", " ").split())
    public_key = form.inputs.get("public_key", "").strip()
    is_own = form.inputs.get("key_type", SYSTEM_GENERATED) == SELF_GENERATED
    if is_own != bool(public_key):
        raise ValueError("a self-generated key, and no other, needs its public key")
    if _P.WITHDRAWALS.value in form.permissions and not addresses:
        raise ValueError("Enable Withdrawals needs a list of trusted IPs")
    return ring.add_key(account, form.permissions, form.label, ip_allowlist=addresses, public_key=public_key)


def row_of(key: ApiKey) -> KeyRow:
    """The key as the list shows it."""
    kind = "System generated (HMAC)" if key.verifier is None else "Self-generated"
    lapses_at = key.trading_lapses_at
    return KeyRow(
        public=key.public,
        label=key.label,
        permissions=tuple(sorted(key.permissions)),
        notes=(
            kind,
            f"Only from {', '.join(key.ip_allowlist)}"
            if lapses_at is None
            else f"Unrestricted; trading lapses {lapses_at:%Y-%m-%d}",
        ),
        created=f"{key.created_at:%Y-%m-%d %H:%M}",
        last_used=f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
    )
