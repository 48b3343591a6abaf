"""Bybit's permissions: the groups of `query-api`, and the boxes of its API page. `ReadOnly` is of the whole key."""

from jarvis.venues.permissions.boxes import Box, Need, PermissionTable

_OTHER_PRODUCT = "Jarvis trades spot margin only"
_TICKED_TOGETHER = (
    "“{}” is ticked and not needed: whoever gets hold of the key could use it. Bybit ticks the boxes under Unified "
    "Trading together; untick it if the page lets you."
)

_TRANSFER = (
    "“Wallet: Account Transfer” is ticked. Older guides call it read only; it is not: whoever gets hold of the key "
    "could move money between your own accounts at Bybit, and widen what the key may do. Untick it: Jarvis reads your "
    "funds without it."
)
_SETTINGS = (
    "Bybit has no box for settings: whoever holds this key could change your margin mode, leverage and collateral. "
    "Jarvis cannot sign such a call."
)


def _other_product(name: str, label: str) -> Box:
    return Box(name, label, Need.NOT_NEEDED, _OTHER_PRODUCT, _TICKED_TOGETHER.format(label))


def _read(granted: frozenset[str]) -> frozenset[str]:
    """A key is read-write unless it says that it only reads; then nothing that trades works, whatever is ticked."""
    return granted - {"ReadOnly"} if "ReadOnly" in granted else granted | {"ReadWrite"}


TABLE = PermissionTable(
    boxes=(
        Box("ReadWrite", "API Key Permissions: Read-Write", Need.REQUIRED, "A read-only key cannot close a position"),
        Box(
            "Spot:SpotTrade",
            "Unified Trading: SPOT Trade",
            Need.REQUIRED,
            "Open, protect and close positions, and read them",
        ),
        _other_product("ContractTrade:Order", "Unified Trading: Contract Orders"),
        _other_product("ContractTrade:Position", "Unified Trading: Contract Positions"),
        _other_product("Options:OptionsTrade", "Unified Trading: USDC Options"),
        _other_product("Derivatives:DerivativesTrade", "Unified Trading: Derivatives"),
        Box(
            "Wallet:AccountTransfer",
            "Wallet: Account Transfer",
            Need.NOT_NEEDED,
            "Jarvis never moves money",
            _TRANSFER,
        ),
        Box(
            "Wallet:SubMemberTransfer",
            "Wallet: Subaccount Transfer",
            Need.FORBIDDEN,
            "It can move money to another account",
        ),
        Box(
            "Wallet:SubMemberTransferList",
            "Wallet: Subaccount Transfer (list)",
            Need.FORBIDDEN,
            "It can move money to another account",
        ),
        Box("Wallet:Withdraw", "Wallet: Withdrawal", Need.FORBIDDEN, "It can move money off the venue"),
        Box(
            "Exchange:ExchangeHistory",
            "Exchange: Convert",
            Need.NOT_NEEDED,
            "Jarvis does not use it",
        ),
        Box("Earn:Earn", "Earn", Need.FORBIDDEN, "It can lock collateral away from your margin"),
    ),
    can_expire=False,
    binding="IP restriction",
    standing_risks=(_SETTINGS,),
    read=_read,
)
