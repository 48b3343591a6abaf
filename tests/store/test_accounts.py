import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from jarvis.domain.account import Environment
from jarvis.store.db import Store
from jarvis.store.errors import KeyAlreadyConnected
from jarvis.store.records import AccountState, Assignment
from jarvis.trading.limits import Limits
from tests.store.samples import ACCOUNT, BTC_USD, OTHER, OWNER, STRANGER, at, connect, credential, person


async def test_a_connected_account_is_disarmed_and_allows_no_pair(store: Store) -> None:
    await connect(store)

    account = await store.account(OWNER, ACCOUNT)

    assert account is not None
    assert account.state is AccountState.DISARMED
    assert account.limits == Limits()
    assert account.limits.allowed_pairs == frozenset()
    assert account.credential == credential(ACCOUNT, "key of account-1")
    assert account.is_connected
    assert not account.is_armed


async def test_a_record_of_an_account_does_not_show_its_sealed_key(store: Store) -> None:
    await connect(store)

    assert "sealed" not in repr(await store.account(OWNER, ACCOUNT))


async def test_one_key_serves_one_account(store: Store) -> None:
    await connect(store)
    await store.add_person(person(STRANGER))

    with pytest.raises(KeyAlreadyConnected):
        await store.connect_account(
            STRANGER,
            credential(OTHER, "key-2"),
            fingerprint="print of account-1",
            label="",
            public_id="",
            permissions_json="{}",
            verdict="accepted",
            execution_venue="",
            at=at(1),
        )

    assert await store.accounts_of(STRANGER) == []


async def test_a_stranger_sees_and_changes_nothing(store: Store) -> None:
    await connect(store)
    await store.add_person(person(STRANGER))
    before = await store.account(OWNER, ACCOUNT)

    assert await store.account(STRANGER, ACCOUNT) is None
    assert await store.accounts_of(STRANGER) == []
    assert not await store.save_limits(STRANGER, ACCOUNT, Limits(leverage_cap=10))
    assert not await store.save_assignments(STRANGER, ACCOUNT, [])
    assert not await store.disconnect_account(STRANGER, ACCOUNT, at(1))
    assert not await store.replace_key(STRANGER, credential(), fingerprint="x", public_id="", at=at(1))

    assert await store.account(OWNER, ACCOUNT) == before


async def test_limits_and_assignments_come_back_as_they_were_saved(store: Store) -> None:
    await connect(store)
    limits = Limits(leverage_cap=5, risk_per_trade=Decimal("0.0125"), allowed_pairs=frozenset({BTC_USD}))
    wishes = (
        Assignment("donchian_breakout", BTC_USD, timedelta(minutes=15), {"n": 20, "x": Decimal("2.50"), "m": "slow"}),
        Assignment("moving_average_crossover", BTC_USD, timedelta(hours=1), {}),
    )

    assert await store.save_limits(OWNER, ACCOUNT, limits)
    assert await store.save_assignments(OWNER, ACCOUNT, wishes)

    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    assert account.limits == limits
    assert account.assignments == wishes
    assert [type(value) for value in account.assignments[0].values.values()] == [str, int, Decimal]
    assert await store.save_assignments(OWNER, ACCOUNT, [])
    (account,) = await store.accounts_of(OWNER)
    assert account.assignments == ()


async def test_a_state_is_kept_with_its_reason(store: Store) -> None:
    await connect(store)

    await store.set_account_state(ACCOUNT, AccountState.ARMED, "", at(1))
    (armed,) = await store.trading_accounts()
    await store.set_account_state(ACCOUNT, AccountState.BLIND, "the venue does not accept the key", at(2))
    (blind,) = await store.trading_accounts()

    assert armed.is_armed
    assert (blind.state, blind.state_reason) == (AccountState.BLIND, "the venue does not accept the key")
    with pytest.raises(ValueError, match="by its owner"):
        await store.set_account_state(ACCOUNT, AccountState.DISCONNECTED, "", at(3))


async def test_permissions_are_noted(store: Store) -> None:
    await connect(store)
    before = await store.account(OWNER, ACCOUNT)
    assert before is not None

    await store.update_permissions(ACCOUNT, {"granted": ["withdraw"]}, "refused", at(600))

    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    assert json.loads(account.permissions_json) == {**json.loads(before.permissions_json), "granted": ["withdraw"]}
    assert (account.verdict, account.permissions_at) == ("refused", at(600))


async def test_disconnecting_deletes_the_key_and_keeps_the_account(store: Store) -> None:
    await connect(store)

    assert await store.disconnect_account(OWNER, ACCOUNT, at(5))

    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    assert account.credential is None
    assert (account.state, account.disconnected_at) == (AccountState.DISCONNECTED, at(5))
    assert await store.trading_accounts() == []
    assert not await store.disconnect_account(OWNER, ACCOUNT, at(6))
    await store.set_account_state(ACCOUNT, AccountState.ARMED, "", at(7))
    assert await store.trading_accounts() == []


def everything_in(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.iterdir() if path.is_file())


async def test_nothing_of_a_deleted_key_stays_in_the_sqlite_files(sqlite_store: Store, tmp_path: Path) -> None:
    await connect(sqlite_store)
    assert "sealed-key of account-1" in everything_in(tmp_path)

    await sqlite_store.disconnect_account(OWNER, ACCOUNT, at(5))
    await sqlite_store.close()

    assert "sealed-key of account-1" not in everything_in(tmp_path)


async def test_a_disconnected_account_goes_on_with_another_key(store: Store) -> None:
    await connect(store)
    await store.disconnect_account(OWNER, ACCOUNT, at(5))

    new = replace(credential(ACCOUNT, "key-9"), revision=2)
    elsewhere = replace(new, environment=Environment.LIVE)

    assert not await store.replace_key(OWNER, elsewhere, fingerprint="p9", public_id="9", at=at(6))
    assert await store.replace_key(OWNER, new, fingerprint="p9", public_id="9", at=at(7))
    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    assert account.credential == new
    assert (account.state, account.disconnected_at) == (AccountState.DISARMED, None)
