"""OKX's permissions: the three words of `perm`, which are the three boxes of its API page."""

from jarvis.domain.account import KeyPermissions
from jarvis.venues.permissions.boxes import Box, Need, PermissionTable

_COARSE = (
    "OKX cannot separate trading from transfers and settings: whoever holds this key could move money to another "
    "account of yours at OKX and change account settings. Jarvis cannot sign such a call. "
)


def _more_risks(permissions: KeyPermissions) -> tuple[str, ...]:
    risks = [
        _COARSE
        + (
            "It is a sub-account's key, which cannot withdraw; switch off transfers out of it in your main account as "
            "well."
            if permissions.is_sub_account
            else "Make the key in a sub-account and switch off transfers out of it in your main account, and nothing "
            "can leave it."
        )
    ]
    if permissions.dies_unused_after is not None:
        risks.append(
            f"OKX deletes a key without a bound address after {permissions.dies_unused_after.days} days without use. "
            "Jarvis uses it every day while it runs; if it stands still for longer, make a new key."
        )
    return tuple(risks)


TABLE = PermissionTable(
    boxes=(
        Box("read_only", "Read", Need.REQUIRED, "Read margin, orders, trades and interest"),
        Box("trade", "Trade", Need.REQUIRED, "Open, protect and close positions"),
        Box("withdraw", "Withdraw", Need.FORBIDDEN, "It can move money off the venue"),
    ),
    can_expire=False,
    binding="bound IP addresses",
    more_risks=_more_risks,
)
