"""The tables. Columns that hold a domain record's field have the field's own name.

`migrations/` must lead to exactly these; a test compares them on both databases.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from jarvis.domain.account import Environment, LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderRole, OrderStatus, OrderType, TimeInForce
from jarvis.ledger.journal import Account, EntryKind
from jarvis.ledger.statements import Part
from jarvis.store.columns import ROW_NUMBER, Choice, ExactDecimal, PairText, Seconds, UtcDateTime
from jarvis.store.metadata import metadata
from jarvis.store.people_tables import users
from jarvis.store.records import AccountState, CommandKind

__all__ = ["metadata"]

_ID = String(64)


def _of_account() -> Column[str]:
    return Column("account_id", _ID, ForeignKey("accounts.account_id"), primary_key=True)


# The marks and the status are the trader's; limits and assignments are the person's.
accounts = Table(
    "accounts",
    metadata,
    Column("account_id", _ID, primary_key=True),
    Column("owner_id", _ID, ForeignKey(users.c.user_id), nullable=False, index=True),
    Column("venue", String(32), nullable=False),
    Column("environment", Choice(Environment), nullable=False),
    Column("label", Text, nullable=False),
    Column("public_id", Text, nullable=False),
    Column("permissions_json", Text, nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("permissions_at", UtcDateTime, nullable=False),
    Column("execution_venue", String(32), nullable=False),
    Column("state", Choice(AccountState), nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("state_at", UtcDateTime, nullable=False),
    Column("limits_json", Text),
    Column("marks_json", Text),
    Column("status_json", Text),
    Column("status_at", UtcDateTime),
    Column("next_order_number", BigInteger, nullable=False),
    Column("connected_at", UtcDateTime, nullable=False),
    Column("disconnected_at", UtcDateTime),
)

# A row exists while the key is connected. The fingerprint keeps one key from serving two accounts. `policy` is what the
# signer may sign for it at most, under the signer's own seal.
credentials = Table(
    "credentials",
    metadata,
    _of_account(),
    Column("venue", String(32), nullable=False),
    Column("credential_id", _ID, nullable=False, unique=True),
    Column("environment", Choice(Environment), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("fingerprint", String(128), nullable=False, unique=True),
    Column("policy", LargeBinary),
)

assignments = Table(
    "assignments",
    metadata,
    _of_account(),
    Column("number", Integer, primary_key=True),
    Column("strategy", String(64), nullable=False),
    Column("pair", PairText, nullable=False),
    Column("interval", Seconds, nullable=False),
    Column("values_json", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", _ID, primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    _of_account(),
    Column("client_order_id", String(18), primary_key=True),
    Column("pair", PairText, nullable=False),
    Column("side", Choice(Side), nullable=False),
    Column("order_type", Choice(OrderType), nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("role", Choice(OrderRole), nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("limit_price", ExactDecimal),
    Column("trigger_price", ExactDecimal),
    Column("trailing_offset", ExactDecimal),
    Column("post_only", Boolean, nullable=False),
    Column("time_in_force", Choice(TimeInForce), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("position_id", _ID),
    Column("decision_price", ExactDecimal),
    Column("created_at", UtcDateTime, nullable=False),
    Column("status", Choice(OrderStatus), nullable=False),
    Column("venue_order_id", _ID),
    Column("filled_quantity", ExactDecimal, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fence", BigInteger),
    Index(None, "account_id", "status"),
    Index(None, "account_id", "position_id"),
    Index(None, "account_id", "created_at"),
)

fills = Table(
    "fills",
    metadata,
    _of_account(),
    Column("fill_id", _ID, primary_key=True),
    Column("venue_order_id", _ID, nullable=False),
    Column("client_order_id", String(64)),
    Column("pair", PairText, nullable=False),
    Column("side", Choice(Side), nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("cost", ExactDecimal, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Column("fee_asset", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("is_maker", Boolean, nullable=False),
    Column("is_margin", Boolean, nullable=False),
    Column("is_liquidation", Boolean, nullable=False),
    Column("position_id", _ID),
    Column("pnl", ExactDecimal, nullable=False),
    Index(None, "account_id", "at"),
    Index(None, "account_id", "position_id"),
)

stories = Table(
    "stories",
    metadata,
    _of_account(),
    Column("position_id", _ID, primary_key=True),
    Column("pair", PairText, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("story_json", Text, nullable=False),
    Index(None, "account_id", "closed_at"),
    Index(None, "account_id", "opened_at"),
)

# `row_id` names the row of the venue's ledger that an entry booked; None for a fill's.
entries = Table(
    "entries",
    metadata,
    Column("entry_id", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("account_id", _ID, ForeignKey("accounts.account_id"), nullable=False),
    Column("kind", Choice(EntryKind), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("ref_id", _ID, nullable=False),
    Column("position_id", _ID),
    Column("pair", PairText),
    Column("row_id", _ID),
    Index(None, "account_id", "entry_id"),
    Index(None, "account_id", "position_id"),
    Index(None, "account_id", "row_id"),
    Index(None, "account_id", "at", "entry_id"),
    sqlite_autoincrement=True,
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", ROW_NUMBER, ForeignKey("entries.entry_id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", Choice(Account), nullable=False),
    Column("asset", String(32), nullable=False),
    Column("amount", ExactDecimal, nullable=False),
)

ledger_rows = Table(
    "ledger_rows",
    metadata,
    _of_account(),
    Column("row_id", _ID, primary_key=True),
    Column("ref_id", _ID, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Choice(LedgerKind), nullable=False),
    Column("asset", String(32), nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Column("balance", ExactDecimal),
    Column("pair", PairText),
    Index(None, "account_id", "at"),
    Index(None, "account_id", "ref_id"),
)

equity = Table(
    "equity",
    metadata,
    _of_account(),
    Column("at", UtcDateTime, primary_key=True),
    Column("asset", String(32), nullable=False),
    Column("equity", ExactDecimal, nullable=False),
    Column("trade_balance", ExactDecimal, nullable=False),
    Column("used_margin", ExactDecimal, nullable=False),
    Column("free_margin", ExactDecimal, nullable=False),
    Column("unrealised", ExactDecimal, nullable=False),
    Column("margin_level", ExactDecimal),
    Column("call_level", ExactDecimal, nullable=False, server_default="0.8"),
    Column("liquidation_level", ExactDecimal, nullable=False, server_default="0.4"),
    Column("venue_level", ExactDecimal),
)

# As last held against the journal, whose cash at that time stands beside them; `total` is net of what is owed.
balances = Table(
    "balances",
    metadata,
    _of_account(),
    Column("asset", String(32), primary_key=True),
    Column("total", ExactDecimal, nullable=False),
    Column("available", ExactDecimal, nullable=False),
    Column("borrowed", ExactDecimal, nullable=False),
    Column("interest", ExactDecimal, nullable=False),
    Column("cash", ExactDecimal, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

position_facts = Table(
    "position_facts",
    metadata,
    _of_account(),
    Column("position_id", _ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("used_margin", ExactDecimal),
    Column("borrowed_asset", String(32)),
    Column("borrowed", ExactDecimal, nullable=False),
    Column("interest", ExactDecimal, nullable=False),
    Column("liquidation_price", ExactDecimal),
    Column("is_modelled", Boolean, nullable=False),
)

activities = Table(
    "activities",
    metadata,
    Column("activity_id", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("account_id", _ID, ForeignKey("accounts.account_id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("pair", PairText),
    Index(None, "account_id", "activity_id"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("account_id", _ID, ForeignKey("accounts.account_id"), nullable=False),
    Column("kind", Choice(CommandKind), nullable=False),
    Column("pair", PairText),
    Column("by_user", _ID, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("result", Text),
    Column("details_json", Text),
    Column("key", String(64)),
    Index(None, "account_id", "command_id"),
    Index(None, "account_id", "key", unique=True),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("account_id", _ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload_json", Text, nullable=False),
    Index(None, "account_id", "event_id"),
    sqlite_autoincrement=True,
)

bars = Table(
    "bars",
    metadata,
    Column("venue", String(32), primary_key=True),
    Column("pair", PairText, primary_key=True),
    Column("interval", Seconds, primary_key=True),
    Column("opened_at", UtcDateTime, primary_key=True),
    Column("open", ExactDecimal, nullable=False),
    Column("high", ExactDecimal, nullable=False),
    Column("low", ExactDecimal, nullable=False),
    Column("close", ExactDecimal, nullable=False),
    Column("volume", ExactDecimal, nullable=False),
)

quotes = Table(
    "quotes",
    metadata,
    Column("venue", String(32), primary_key=True),
    Column("pair", PairText, primary_key=True),
    Column("bid", ExactDecimal, nullable=False),
    Column("ask", ExactDecimal, nullable=False),
    Column("last", ExactDecimal, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# What the journal adds up to, so that no page reads all of it: how far it was added up, what each part did on each
# UTC day, and what each position earned. All of it can be made again from the journal (see folding.py).
folds = Table(
    "folds",
    metadata,
    _of_account(),
    Column("up_to", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
)

day_sums = Table(
    "day_sums",
    metadata,
    _of_account(),
    Column("day", String(10), primary_key=True),
    Column("part", Choice(Part), primary_key=True),
    Column("asset", String(32), primary_key=True),
    Column("amount", ExactDecimal, nullable=False),
)

# `at` is when it last earned or paid something, `up_to` the entry up to which it was read for that; `rank` is its total
# for sorting and for nothing else.
position_results = Table(
    "position_results",
    metadata,
    _of_account(),
    Column("position_id", _ID, primary_key=True),
    Column("asset", String(32), primary_key=True),
    Column("pair", PairText, nullable=False),
    Column("strategy", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("up_to", BigInteger, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("slippage", ExactDecimal, nullable=False),
    Column("trading_fee", ExactDecimal, nullable=False),
    Column("opening_fee", ExactDecimal, nullable=False),
    Column("rollover", ExactDecimal, nullable=False),
    Column("liquidation", ExactDecimal, nullable=False),
    Column("adjustment", ExactDecimal, nullable=False),
    Column("interest", ExactDecimal, nullable=False),
    Column("rank", Float, nullable=False),
)
