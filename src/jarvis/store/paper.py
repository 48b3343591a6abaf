"""What one transaction writes of intents: to a server through SQLAlchemy, or straight to SQLite.

Both ways come from the same tables and leave the same rows. What is written and what is refused is
decided in intents.py, once.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from jarvis.domain.account import AccountId
from jarvis.store.queues import Event, event_rows, tell
from jarvis.store.tables import accounts, leases, orders, outbox

Key = tuple[str, str]
"""Account and client order id: an order's primary key."""

_FENCES = select(leases.c.name, leases.c.fence).order_by(leases.c.name).with_for_update(read=True)
_FENCE = select(leases.c.fence).where(leases.c.name == bindparam("name"))
_RAISE_COUNTER = (
    update(accounts)
    .where(accounts.c.account_id == bindparam("account"), accounts.c.next_order_number < bindparam("following"))
    .values(next_order_number=bindparam("following"))
)
_NEW_ON_SERVER = (
    postgresql.insert(orders).on_conflict_do_nothing().returning(orders.c.account_id, orders.c.client_order_id)
)


class Paper(Protocol):
    """An open transaction that intents are written in."""

    def fences(self, account_ids: Sequence[AccountId]) -> Mapping[str, int]:
        """The accounts' fences. Nobody takes one over before the transaction ends."""

    def add_orders(self, rows: Sequence[Mapping[str, Any]]) -> set[Key]:
        """Write orders: the keys of those that were not there."""

    def raise_counters(self, following: Mapping[AccountId, int]) -> None:
        """Raise the accounts' order counters to these numbers at least."""

    def tell(self, events: Sequence[tuple[AccountId, Event]]) -> None:
        """Add events to the outbox: the last thing that the transaction does."""


class ServerPaper:
    """Paper on PostgreSQL, through SQLAlchemy: a statement is one errand, however many rows it has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fences(self, account_ids: Sequence[AccountId]) -> Mapping[str, int]:
        """The accounts' fences; their rows are locked by name, in order."""
        rows = self._connection.execute(_FENCES.where(leases.c.name.in_(account_ids)))
        return {row.name: row.fence for row in rows}

    def add_orders(self, rows: Sequence[Mapping[str, Any]]) -> set[Key]:
        """Write orders: the keys of those that were not there."""
        return {(row.account_id, row.client_order_id) for row in self._connection.execute(_NEW_ON_SERVER, rows)}

    def raise_counters(self, following: Mapping[AccountId, int]) -> None:
        """Raise the accounts' order counters to these numbers at least."""
        rows = [{"account": account_id, "following": number} for account_id, number in sorted(following.items())]
        self._connection.execute(_RAISE_COUNTER, rows)

    def tell(self, events: Sequence[tuple[AccountId, Event]]) -> None:
        """Add events to the outbox: the last thing that the transaction does."""
        tell(self._connection, events)


class Statement:
    """One of SQLAlchemy's statements as text, and its values as SQLAlchemy would give them to the driver."""

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str] | None = None) -> None:
        """`names` are the columns that an INSERT gives; None means all."""
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled)
        self._processors = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in their places."""
        return [given[name] if process is None else process(given[name]) for name, process in self._processors]


class Statements:
    """The statements of `DirectPaper`, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self.fence = Statement(_FENCE, dialect)
        self.add_order = Statement(sqlite.insert(orders).on_conflict_do_nothing(), dialect)
        self.raise_counter = Statement(_RAISE_COUNTER, dialect)
        self.tell = Statement(insert(outbox), dialect, ("account_id", "kind", "payload_json"))


class DirectPaper:
    """Paper on SQLite's own connection, where a statement is microseconds and no errand."""

    def __init__(self, statements: Statements, connection: sqlite3.Connection) -> None:
        self._statements = statements
        self._connection = connection

    def fences(self, account_ids: Sequence[AccountId]) -> Mapping[str, int]:
        """The accounts' fences: no other writer is there while the transaction lasts."""
        found: dict[str, int] = {}
        for account_id in account_ids:
            row = self._connection.execute(self._statements.fence.text, (account_id,)).fetchone()
            if row is not None:
                found[account_id] = row[0]
        return found

    def add_orders(self, rows: Sequence[Mapping[str, Any]]) -> set[Key]:
        """Write orders: the keys of those that were not there."""
        add = self._statements.add_order
        return {
            (row["account_id"], row["client_order_id"])
            for row in rows
            if self._connection.execute(add.text, add.values(row)).rowcount == 1
        }

    def raise_counters(self, following: Mapping[AccountId, int]) -> None:
        """Raise the accounts' order counters to these numbers at least."""
        statement = self._statements.raise_counter
        rows = ({"account": account_id, "following": number} for account_id, number in following.items())
        self._connection.executemany(statement.text, map(statement.values, rows))

    def tell(self, events: Sequence[tuple[AccountId, Event]]) -> None:
        """Add events to the outbox."""
        statement = self._statements.tell
        self._connection.executemany(statement.text, map(statement.values, event_rows(events)))
