"""Kraken's API-management page: its boxes and fields, and the key that a filled-in form makes."""

from datetime import UTC, datetime

from jarvis.emulators.kraken.keys import ApiKey, KeyRing, Permission
from jarvis.emulators.venue import Box, BoxGroup, Input, KeyForm, KeyPage, KeyRow

_P = Permission

PAGE = KeyPage(
    title="Settings: API",
    groups=(
        BoxGroup(
            "Funds Permissions",
            (
                Box("Query Funds", _P.QUERY_FUNDS.value),
                Box("Deposit Funds", _P.ADD_FUNDS.value, risky=True),
                Box("Withdraw Funds", _P.WITHDRAW_FUNDS.value, risky=True),
                Box("Earn Funds", _P.EARN_FUNDS.value, risky=True),
            ),
        ),
        BoxGroup(
            "Orders & Trades Permissions",
            (
                Box("Query Open Orders & Trades", _P.QUERY_OPEN_TRADES.value),
                Box("Query Closed Orders & Trades", _P.QUERY_CLOSED_TRADES.value),
                Box("Create & Modify Orders", _P.MODIFY_TRADES.value),
                Box("Cancel & Close Orders", _P.CLOSE_TRADES.value),
            ),
        ),
        BoxGroup(
            "Data Permissions",
            (
                Box("Query Ledger Entries", _P.QUERY_LEDGER.value),
                Box("Export Data", _P.EXPORT_DATA.value),
            ),
        ),
        BoxGroup("WebSocket Interface", (Box("Access WebSockets API", _P.CREATE_WS_TOKEN.value),)),
    ),
    inputs=(
        Input(
            "ip_allowlist",
            "Key IP Address Restrictions",
            "One address or range on each line. Empty: any address.",
            kind="lines",
        ),
        Input(
            "expires_at",
            "Key expiration",
            "The first day (UTC, market time) on which the key no longer works. Empty: never.",
            kind="date",
        ),
        Input("nonce_window", "Custom nonce window", "0 accepts only rising nonces.", kind="number", value="0"),
    ),
    profiles=(("international", "International"), ("us-retail", "US retail (BTNL books)")),
)


def key_of_form(ring: KeyRing, account: str, form: KeyForm) -> ApiKey:
    """The key that the form asks for. Raises ValueError for an unknown account, address, day or window."""
    day = form.inputs.get("expires_at", "")
    return ring.add_key(
        account,
        form.permissions,
        form.label,
        ip_allowlist=tuple(form.inputs.get("ip_allowlist", "").replace(",", " ").split()),
        expires_at=datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None,
        nonce_window=int(form.inputs.get("nonce_window", "") or 0),
    )


def row_of(key: ApiKey) -> KeyRow:
    """The key as the list shows it."""
    notes = []
    if key.ip_allowlist:
        notes.append(f"Only from {', '.join(key.ip_allowlist)}")
    if key.expires_at is not None:
        notes.append(f"Expires {key.expires_at:%Y-%m-%d}")
    return KeyRow(
        public=key.public,
        label=key.label,
        permissions=tuple(sorted(key.permissions)),
        notes=tuple(notes),
        created=f"{key.created_at:%Y-%m-%d %H:%M}" if key.created_at else "",
        last_used=f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
    )
