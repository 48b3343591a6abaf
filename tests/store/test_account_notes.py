"""What matters to the security of an account is written together with its line in the audit, or not at all."""

from datetime import timedelta

import pytest

from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.errors import KeyAlreadyConnected, StoreUnavailable
from jarvis.store.records import AccountState
from jarvis.trading.limits import Limits
from tests.store.samples import ACCOUNT, OTHER, OWNER, STRANGER, at, connect, credential, person


def noted(kind: str) -> AuditEntry:
    return AuditEntry(kind, at(1), OWNER, OWNER, ACCOUNT)


async def kinds(store: Store) -> list[str]:
    return [line.kind for line in await store.audit_lines()]


async def told(store: Store) -> list[str]:
    return [notice.message for notice in await store.notices_of(OWNER)]


async def test_limits_arming_and_disconnecting_are_noted_and_told(store: Store) -> None:
    await connect(store)

    await store.save_limits(OWNER, ACCOUNT, Limits(), noted=noted("limits.changed"), told="limits")
    await store.set_account_state(ACCOUNT, AccountState.ARMED, "", at(2), noted=noted("account.armed"), told="armed")
    await store.disconnect_account(OWNER, ACCOUNT, at(3), noted=noted("key.disconnected"), told="gone")
    new = credential(ACCOUNT, "key-2")
    await store.replace_key(
        OWNER, new, fingerprint="p2", public_id="2", at=at(4), noted=noted("key.replaced"), told="new"
    )

    assert (await kinds(store))[-4:] == ["limits.changed", "account.armed", "key.disconnected", "key.replaced"]
    assert await told(store) == ["new", "gone", "armed", "limits"]


async def test_what_did_not_happen_is_not_noted(store: Store) -> None:
    await connect(store)
    await store.add_person(person(STRANGER))
    before = await kinds(store)

    await store.save_limits(STRANGER, ACCOUNT, Limits(), noted=noted("limits.changed"))
    await store.disconnect_account(STRANGER, ACCOUNT, at(1), noted=noted("key.disconnected"))
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
            at=at(1) + timedelta(seconds=1),
            noted=noted("key.connected"),
            told="connected",
        )

    assert await kinds(store) == before
    assert await told(store) == []


async def test_what_cannot_be_noted_does_not_happen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await connect(store)

    async def fails(*_: object) -> int:
        raise OSError("the audit cannot be written")

    monkeypatch.setattr("jarvis.store.people.append", fails)
    with pytest.raises(StoreUnavailable, match="audit"):
        await store.set_account_state(ACCOUNT, AccountState.ARMED, "", at(2), noted=noted("account.armed"))
    with pytest.raises(StoreUnavailable, match="audit"):
        await store.save_limits(OWNER, ACCOUNT, Limits(leverage_cap=9), noted=noted("limits.changed"))

    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    assert account.state is AccountState.DISARMED
    assert account.limits == Limits()
