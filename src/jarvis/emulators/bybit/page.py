"""Bybit's API-management page: its boxes and fields, and the key that a filled-in form makes."""

from jarvis.emulators.bybit.keys import READ_ONLY, ApiKey, KeyRing, Permission
from jarvis.emulators.venue import Box, BoxGroup, Input, KeyForm, KeyPage, KeyRow

_P = Permission

PAGE = KeyPage(
    title="API Management: Create New Key",
    lead=(
        "System-generated API Keys: an HMAC key and secret made by the venue. Read-write or read-only is one choice "
        "for the whole key; a read-write key with a Wallet box can really move money."
    ),
    groups=(
        BoxGroup(
            "Unified Trading: Contract",
            (
                Box("Orders", _P.CONTRACT_ORDER.value),
                Box("Positions", _P.CONTRACT_POSITION.value),
            ),
        ),
        BoxGroup("Unified Trading: USDC Contracts", (Box("Trade", _P.OPTIONS_TRADE.value),)),
        BoxGroup("Unified Trading: SPOT", (Box("Trade", _P.SPOT_TRADE.value),)),
        BoxGroup(
            "Wallet",
            (
                Box("Account Transfer", _P.ACCOUNT_TRANSFER.value, risky=True),
                Box("Subaccount Transfer", _P.SUB_MEMBER_TRANSFER.value, risky=True),
                Box("Withdrawal", _P.WITHDRAW.value, risky=True),
            ),
        ),
        BoxGroup("Exchange", (Box("Convert and its history", _P.EXCHANGE_HISTORY.value, risky=True),)),
        BoxGroup(
            "Earn, fiat and card",
            (
                Box("Earn", _P.EARN.value, risky=True),
                Box("P2P", _P.FIAT_P2P.value, risky=True),
                Box("Card", _P.BIT_CARD.value),
            ),
        ),
        BoxGroup(
            "Others",
            (
                Box("Block Trade", _P.BLOCK_TRADE.value),
                Box("Affiliate", _P.AFFILIATE.value),
            ),
        ),
    ),
    inputs=(
        Input(
            "type",
            "API Key Type",
            "This sandbox makes the first kind only.",
            kind="choice",
            value="system",
            choices=(("system", "System-generated API Keys"), ("self", "Self-generated API Keys (RSA)")),
        ),
        Input(
            "usage",
            "API Key Usage",
            "A key of our own talks to the API by itself.",
            kind="choice",
            value="transaction",
            choices=(("transaction", "API Transaction"), ("third-party", "Connect to Third-Party Applications")),
        ),
        Input(
            "access",
            "API Key Permissions",
            "For the whole key.",
            kind="choice",
            value="read-write",
            choices=(("read-write", "Read-Write"), ("read-only", "Read-Only")),
        ),
        Input(
            "ips",
            "Only IPs with permissions granted are allowed to access the OpenAPI",
            "One address on each line. Empty: any address, and the key dies after 90 days.",
            kind="lines",
        ),
    ),
    profiles=(
        ("unified", "Unified Trading Account, spot margin on"),
        ("sub-account", "Sub-account, spot margin on"),
        ("spot-margin-off", "Unified, spot margin switched off"),
        ("no-quiz", "Unified, margin questions not answered yet"),
        ("isolated", "Unified, isolated margin mode"),
        ("portfolio", "Unified, portfolio margin mode"),
        ("classic", "Classic account (not unified)"),
    ),
)


def key_of_form(ring: KeyRing, account: str, form: KeyForm) -> ApiKey:
    """The key that the form asks for. Raises ValueError for an unknown account, address, usage or access."""
    if (form.inputs.get("type") or "system") != "system":
        raise ValueError("choose system-generated API keys: this sandbox knows no RSA keys")
    usage = form.inputs.get("usage") or "transaction"
    access = form.inputs.get("access") or "read-write"
    if usage not in ("transaction", "third-party"):
        raise ValueError(f"a key is used for API transactions or by a third party, not {usage!r}")
    if access not in ("read-write", "read-only"):
        raise ValueError(f"a key is read-write or read-only, not {access!r}")
    return ring.add_key(
        account,
        form.permissions | {READ_ONLY} if access == "read-only" else form.permissions,
        form.label,
        ips=tuple(form.inputs.get("ips", "").replace(",", " ").split()),
        is_third_party=usage == "third-party",
    )


def row_of(key: ApiKey) -> KeyRow:
    """The key as the list shows it."""
    notes = ["Read-Only" if key.is_read_only else "Read-Write"]
    if key.ips:
        notes.append(f"Only from {', '.join(key.ips)}")
    if key.expires_at is not None:
        notes.append(f"Expires {key.expires_at:%Y-%m-%d}: no IP is bound")
    return KeyRow(
        public=key.public,
        label=key.label,
        permissions=tuple(sorted(key.names)),
        notes=tuple(notes),
        created=f"{key.created_at:%Y-%m-%d %H:%M}",
        last_used=f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
    )
