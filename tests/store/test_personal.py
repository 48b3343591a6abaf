"""A person's data: told completely, erased completely, and nobody else's with it. Asked of every table there is."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, Table, func, insert, select, update

from jarvis.domain.account import UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.people import AuditEntry
from jarvis.store.columns import Choice, ExactDecimal, PairText, Seconds, UtcDateTime
from jarvis.store.db import Store
from jarvis.store.people_tables import audit, users
from jarvis.store.personal import NEVER_SHOWN, NOBODYS, whose
from jarvis.store.tables import accounts, leases, metadata

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADA, BOB = UserId("ada"), UserId("bob")
PERSONAL = [table for table in metadata.sorted_tables if table.name not in NOBODYS]
Told = dict[str, list[dict[str, object]]]


def value_of(table: Table, column: Column[Any], owner: str, number: int) -> object:
    """Something that fits the column and names its owner where it can."""
    special = {
        ("users", "user_id"): owner,
        ("accounts", "account_id"): f"account-{owner}",
        ("accounts", "owner_id"): owner,
        ("leases", "name"): f"account-{owner}",
        ("entries", "entry_id"): number,
        ("postings", "entry_id"): number,
        ("links", "made_by"): owner,
        ("viewings", "viewer_id"): owner,
        ("viewings", "owner_id"): owner,
    }  # fmt: skip
    if (table.name, column.name) in special:
        return special[table.name, column.name]
    if column.name in ("user_id", "views"):
        return owner
    if column.name == "account_id":
        return f"account-{owner}"
    if column.name.endswith("_json"):
        return f'{{"of": "{owner}"}}'
    match column.type:
        case Choice(kind=kind):
            return next(iter(kind))
        case ExactDecimal():
            return Decimal(number)
        case UtcDateTime():
            return NOW - timedelta(days=1)
        case PairText():
            return Pair.parse("BTC/USD")
        case Seconds():
            return timedelta(minutes=number)
        case LargeBinary():
            return f"{table.name}.{column.name} of {owner}".encode()
        case Boolean():
            return True
        case Float():
            return float(number)
        case Integer() | BigInteger():
            return number
    return f"{column.name[:8]} {owner}"


@pytest.fixture
async def full(store_url: str) -> AsyncIterator[Store]:
    """A store where Ada and Bob have one row in each table that can hold something of a person."""
    store = await Store.open(store_url)
    async with store._write() as connection:
        for table in metadata.sorted_tables:
            for number, owner in ((101, ADA), (102, BOB)):
                values = {column.name: value_of(table, column, owner, number) for column in table.c}
                if table is users:
                    values["deleting_at"] = None
                await connection.execute(insert(table).values(values))
    yield store
    await store.close()


async def told_of(store: Store, user_id: UserId) -> Told:
    told: Told = {}

    def take(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        told.setdefault(table, []).extend(dict(zip(columns, row, strict=True)) for row in rows)

    await store.tell_person(user_id, take)
    return told


async def counts(store: Store) -> dict[str, int]:
    async with store._read() as connection:
        return {
            table.name: (await connection.scalar(select(func.count()).select_from(table))) or 0
            for table in metadata.sorted_tables
        }


def test_every_table_is_a_persons_or_nobodys() -> None:
    for table in PERSONAL:
        whose(table)
    assert {table.name for table in metadata.sorted_tables} >= NOBODYS


async def test_everything_of_a_person_is_told_and_nothing_of_another(full: Store) -> None:
    told = await told_of(full, ADA)

    assert set(told) == {table.name for table in PERSONAL}
    assert {name: len(rows) for name, rows in told.items()} == dict.fromkeys(told, 1)
    assert str(BOB) not in repr(told).lower()


async def test_as_many_rows_are_counted_as_are_told(full: Store) -> None:
    told = await told_of(full, ADA)

    assert await full.rows_of_person(ADA) == sum(len(rows) for rows in told.values())
    assert await full.rows_of_person(ADA, most=0) == 0


async def test_what_proves_or_opens_something_is_never_told(full: Store) -> None:
    told = await told_of(full, ADA)

    assert not {name for rows in told.values() for row in rows for name in row} & NEVER_SHOWN
    assert not [
        value for rows in told.values() for row in rows for value in row.values() if b"sealed" in repr(value).encode()
    ]


async def test_deletion_begins_by_taking_keys_sessions_and_tokens(full: Store) -> None:
    begun = AuditEntry("person.deletion_asked", NOW, ADA, ADA)

    assert await full.begin_deletion(ADA, NOW, begun)

    told = await told_of(full, ADA)
    assert [len(told[name]) for name in ("credentials", "sessions", "api_tokens", "targets")] == [0, 0, 0, 0]
    assert len((await told_of(full, BOB))["credentials"]) == 1
    assert await full.people_to_erase() == [ADA]
    assert not await full.begin_deletion(ADA, NOW, begun)


async def test_a_connected_account_is_disconnected_when_its_person_goes(full: Store) -> None:
    async with full._write() as connection:
        await connection.execute(update(accounts).values(state="armed", disconnected_at=None))

    await full.begin_deletion(ADA, NOW, AuditEntry("person.deletion_asked", NOW, ADA, ADA))

    [ada] = (await told_of(full, ADA))["accounts"]
    [bob] = (await told_of(full, BOB))["accounts"]
    assert (ada["state"].value, ada["disconnected_at"]) == ("disconnected", NOW)  # type: ignore[attr-defined]
    assert bob["state"].value == "armed"  # type: ignore[attr-defined]


async def test_an_erased_person_leaves_nothing_but_empty_lines_in_the_audit(full: Store) -> None:
    before = await counts(full)
    await full.begin_deletion(ADA, NOW, AuditEntry("person.deletion_asked", NOW, ADA, ADA, details={"why": "asked"}))

    assert await full.erase_person(ADA, AuditEntry("person.deleted", NOW, "worker", ADA))

    after = await counts(full)
    assert after.pop("audit") == before.pop("audit") + 2
    assert after == {name: count if name in NOBODYS else count - 1 for name, count in before.items()}
    async with full._read() as connection:
        kept = (await connection.execute(select(audit).where(audit.c.user_id == ADA))).all()
    assert [(row.salt, row.details_json) for row in kept[:2]] == [(None, None)] * 2
    assert set(await told_of(full, BOB)) == {table.name for table in PERSONAL}
    assert all((await told_of(full, BOB)).values())


async def test_nobody_is_erased_who_did_not_ask(full: Store) -> None:
    before = await counts(full)

    assert not await full.erase_person(ADA, AuditEntry("person.deleted", NOW, "worker", ADA))

    assert await counts(full) == before


async def test_an_account_that_a_worker_serves_is_named(full: Store) -> None:
    async with full._write() as connection:
        await connection.execute(update(leases).values(until=datetime(2100, 1, 1, tzinfo=UTC)))

    assert await full.accounts_still_served(ADA) == ["account-ada"]

    async with full._write() as connection:
        await connection.execute(update(leases).values(until=NOW - timedelta(days=900)))
    assert await full.accounts_still_served(ADA) == []
