"""Binance's permissions: the flags of `apiRestrictions`, and the boxes of its API page."""

from jarvis.venues.permissions.boxes import Box, Need, PermissionTable

_OTHER_PRODUCT = "Jarvis trades spot margin only"

_SETTINGS = (
    "Binance has no box for settings: whoever holds this key could change your margin leverage, switch the payment of "
    "fees in BNB, or open and close isolated margin pairs. Jarvis cannot sign such a call."
)

TABLE = PermissionTable(
    boxes=(
        Box("enableReading", "Enable Reading", Need.REQUIRED, "Read margin, orders, trades and interest"),
        Box(
            "enableSpotAndMarginTrading",
            "Enable Spot & Margin Trading",
            Need.REQUIRED,
            "Open, protect and close positions",
        ),
        Box(
            "enableMargin",
            "Enable Margin Loan, Repay & Transfer",
            Need.REQUIRED,
            "Borrow for a position and repay when it is closed",
        ),
        Box("enableWithdrawals", "Enable Withdrawals", Need.FORBIDDEN, "It can move money off the venue"),
        Box(
            "enableInternalTransfer",
            "Enable Internal Transfer",
            Need.FORBIDDEN,
            "It can move money to another account",
        ),
        Box(
            "permitsUniversalTransfer",
            "Permits Universal Transfer",
            Need.FORBIDDEN,
            "It can move money between wallets, away from your margin",
        ),
        Box("enableFutures", "Enable Futures", Need.FORBIDDEN, _OTHER_PRODUCT),
        Box("enableVanillaOptions", "Enable European Options", Need.FORBIDDEN, _OTHER_PRODUCT),
        Box("enablePortfolioMarginTrading", "Enable Portfolio Margin Trading", Need.FORBIDDEN, _OTHER_PRODUCT),
        Box(
            "enableFixApiTrade",
            "Enable FIX API trading",
            Need.FORBIDDEN,
            "A second way to trade that Jarvis never uses",
        ),
        Box("enableFixReadOnly", "Enable FIX API reading", Need.NOT_NEEDED, "Jarvis does not use it"),
    ),
    can_expire=False,
    binding="trusted IPs",
    standing_risks=(_SETTINGS,),
)
