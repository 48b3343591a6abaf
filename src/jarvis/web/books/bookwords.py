"""The journal in a person's words."""

from collections.abc import Mapping

from jarvis.ledger.journal import Account, EntryKind
from jarvis.ledger.statements import Part

ENTRY_WORDS: Mapping[EntryKind, str] = {
    EntryKind.FILL: "Fill",
    EntryKind.SETTLEMENT: "Settled by the venue",
    EntryKind.ROLLOVER: "Rollover",
    EntryKind.INTEREST: "Interest",
    EntryKind.LIQUIDATION_FEE: "Liquidation fee",
    EntryKind.OPENING: "Books opened",
    EntryKind.TRANSFER: "Deposit, withdrawal or transfer",
    EntryKind.ADJUSTMENT: "Adjustment by the venue",
    EntryKind.REWARD: "Reward",
    EntryKind.FOREIGN: "Traded elsewhere",
}

ACCOUNT_WORDS: Mapping[Account, str] = {
    Account.CASH: "Cash",
    Account.CLEARING: "Clearing",
    Account.EXPOSURE: "Exposure",
    Account.CONTRA: "Exposure, other side",
    Account.BASIS: "Held at cost",
    Account.PRICE: "Price result",
    Account.LIQUIDATION: "Liquidation result",
    Account.REWARD: "Rewards",
    Account.TRADING_FEE: "Trading fee",
    Account.OPENING_FEE: "Opening fee",
    Account.ROLLOVER: "Rollover",
    Account.INTEREST: "Interest",
    Account.LIQUIDATION_FEE: "Liquidation fee",
    Account.OPENING: "There before",
    Account.TRANSFERS: "Transfers",
    Account.FOREIGN: "Traded elsewhere",
    Account.ADJUSTMENT: "Adjustment",
}

PART_WORDS: Mapping[Part, str] = {
    Part.OPENING: "There when the books were opened",
    Part.PAID_IN: "Deposits and transfers in",
    Part.PAID_OUT: "Withdrawals and transfers out",
    Part.PRICE: "Price result",
    Part.TRADING_FEE: "Trading fees",
    Part.OPENING_FEE: "Opening fees",
    Part.ROLLOVER: "Rollover",
    Part.INTEREST: "Interest",
    Part.LIQUIDATION: "Liquidation result",
    Part.LIQUIDATION_FEE: "Liquidation fees",
    Part.REWARD: "Rewards and credits",
    Part.ADJUSTMENT: "Adjustments by the venue",
    Part.FOREIGN: "Traded elsewhere, conversions",
    Part.HELD: "Into positions at cost, or back",
    Part.CLEARING: "Clearing: awaited from the venue, or come",
}
