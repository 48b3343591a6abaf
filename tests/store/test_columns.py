from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from jarvis.domain.instrument import Side
from jarvis.store.columns import Choice, ExactDecimal, PairText, Seconds, UtcDateTime
from jarvis.store.db import Store
from tests.store.samples import BTC_USD, NOON

scratch = Table(
    "scratch",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("amount", ExactDecimal),
    Column("at", UtcDateTime),
    Column("lasts", Seconds),
    Column("side", Choice(Side)),
    Column("pair", PairText),
)

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(
    lambda number: number == 0 or (number.adjusted() < 60 and int(number.as_tuple().exponent) > -60)
)
instants = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))


async def written_and_read(store: Store, column: str, values: list[Any]) -> list[Any]:
    async with store._write() as connection:
        await connection.run_sync(scratch.drop, checkfirst=True)
        await connection.run_sync(scratch.create)
        await connection.execute(
            insert(scratch), [{"number": number, column: value} for number, value in enumerate(values)]
        )
    async with store._read() as connection:
        rows = await connection.execute(select(scratch).order_by(scratch.c.number))
        return [getattr(row, column) for row in rows]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(amounts=st.lists(decimals, min_size=1, max_size=30))
async def test_every_decimal_comes_back_as_it_was(store: Store, amounts: list[Decimal]) -> None:
    read = await written_and_read(store, "amount", amounts)

    assert read == amounts


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moments=st.lists(instants.filter(lambda moment: 2 < moment.year < 9998), min_size=1, max_size=30))
async def test_every_instant_comes_back_to_the_microsecond_and_sorts(store: Store, moments: list[datetime]) -> None:
    read = await written_and_read(store, "at", moments)

    async with store._read() as connection:
        ordered = [row.at for row in await connection.execute(select(scratch.c.at).order_by(scratch.c.at))]
    assert read == moments
    assert all(moment.tzinfo is UTC for moment in read)
    assert ordered == sorted(moments)


@pytest.mark.parametrize(
    ("column", "value"),
    [("lasts", timedelta(minutes=15)), ("side", Side.SELL), ("pair", BTC_USD), ("amount", None), ("at", None)],
)
async def test_other_columns_round_trip(store: Store, column: str, value: object) -> None:
    assert await written_and_read(store, column, [value]) == [value]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", 0.1),
        ("amount", 1),
        ("amount", Decimal("NaN")),
        ("amount", Decimal("Infinity")),
        ("at", NOON.replace(tzinfo=None)),
        ("lasts", timedelta(seconds=1, microseconds=1)),
        ("side", "upwards"),
    ],
)
async def test_what_would_not_come_back_is_refused(store: Store, column: str, value: object) -> None:
    with pytest.raises((StatementError, ValueError, TypeError)):
        await written_and_read(store, column, [value])
