"""Kraken's permissions: the names that GetApiKeyInfo tells, and the boxes of its API page."""

from jarvis.domain.account import KeyPermissions
from jarvis.venues.permissions.boxes import Box, Need, PermissionTable

_BOXES = (
    Box("query-funds", "Funds Permissions: Query Funds", Need.REQUIRED, "Read available margin and free collateral"),
    Box(
        "query-open-trades",
        "Orders & Trades Permissions: Query Open Orders & Trades",
        Need.REQUIRED,
        "See resting orders and open positions",
    ),
    Box(
        "query-closed-trades",
        "Orders & Trades Permissions: Query Closed Orders & Trades",
        Need.REQUIRED,
        "Find every fill, also after a break",
    ),
    Box(
        "modify-trades",
        "Orders & Trades Permissions: Create & Modify Orders",
        Need.REQUIRED,
        "Open and adjust positions",
    ),
    Box(
        "close-trades",
        "Orders & Trades Permissions: Cancel & Close Orders",
        Need.REQUIRED,
        "Close on stop, time-stop and take-profit",
    ),
    Box("query-ledger", "Ledger Permissions: Query Ledger Entries", Need.REQUIRED, "Account for every cent"),
    Box(
        "create-ws-token",
        "WebSockets Interface: Access WebSockets API",
        Need.REQUIRED,
        "Hear of fills the moment they happen",
    ),
    Box(
        "withdraw-funds",
        "Funds Permissions: Withdraw Funds",
        Need.FORBIDDEN,
        "It can move money off the venue, and between accounts",
    ),
    Box(
        "add-withdraw-address",
        "Funds Permissions: Add Withdrawal Address",
        Need.FORBIDDEN,
        "It can prepare a withdrawal to a stranger",
    ),
    Box(
        "update-withdraw-address",
        "Funds Permissions: Update Withdrawal Address",
        Need.FORBIDDEN,
        "It can prepare a withdrawal to a stranger",
    ),
    Box("add-funds", "Funds Permissions: Deposit Funds", Need.FORBIDDEN, "Jarvis never moves money"),
    Box("earn-funds", "Funds Permissions: Earn", Need.FORBIDDEN, "It can lock collateral away from your margin"),
    Box("export-data", "Ledger Permissions: Export Data", Need.NOT_NEEDED, "Jarvis does not use it"),
)


def _more_risks(permissions: KeyPermissions) -> tuple[str, ...]:
    risks = []
    if permissions.nonce_window > 0:
        risks.append(
            f"The key has a nonce window of {permissions.nonce_window}: a delayed request could still be executed. "
            "Set it to 0."
        )
    if permissions.history_limited:
        risks.append(
            "The key sees only a part of your history (it has a query start or end date). Remove the dates, "
            "or Jarvis cannot account for what lies outside of them."
        )
    return tuple(risks)


TABLE = PermissionTable(_BOXES, can_expire=True, binding="IP restrictions", more_risks=_more_risks)
