"""Connected venue accounts: the sealed key, what it may do, limits, and which strategies are followed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, Credential, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.errors import KeyAlreadyConnected
from jarvis.store.people import note_and_tell
from jarvis.store.queues import QueueStore
from jarvis.store.records import AccountState, Assignment, TradingAccount
from jarvis.store.rows import account_of, parameters_from_json, parameters_to_json, values_of
from jarvis.store.tables import accounts, assignments, credentials
from jarvis.trading.limits import Limits


class AccountStore(QueueStore):
    """What a person asks for takes the owner first, and does nothing to a stranger's account.

    `noted` is the line of the audit that is written together with what matters to security, or neither is; `told` is
    what the owner reads of it. The operator at the machine and the traders themselves come without.
    """

    async def connect_account(
        self,
        owner_id: UserId,
        credential: Credential,
        *,
        fingerprint: str,
        label: str,
        public_id: str,
        permissions_json: str,
        verdict: str,
        execution_venue: str,
        at: datetime,
        noted: AuditEntry | None = None,
        told: str = "",
    ) -> None:
        """Keep a new account with its sealed key, disarmed. Raises KeyAlreadyConnected.

        `fingerprint` is a digest of the public key by which the same key is known again; `public_id` is for people.
        """
        async with self._write() as connection:
            await connection.execute(
                insert(accounts).values(
                    account_id=credential.account_id,
                    owner_id=owner_id,
                    venue=credential.venue,
                    environment=credential.environment,
                    label=label,
                    public_id=public_id,
                    permissions_json=permissions_json,
                    verdict=verdict,
                    permissions_at=at,
                    execution_venue=execution_venue,
                    state=AccountState.DISARMED,
                    state_reason="",
                    state_at=at,
                    next_order_number=1,
                    connected_at=at,
                )
            )
            await self._put_key(connection, credential, fingerprint)
            await _note(connection, noted, told)
            await self._tell(connection, credential.account_id, ("account", {"state": AccountState.DISARMED.value}))

    async def replace_key(
        self,
        owner_id: UserId,
        credential: Credential,
        *,
        fingerprint: str,
        public_id: str,
        at: datetime,
        noted: AuditEntry | None = None,
        told: str = "",
    ) -> bool:
        """Give an account another key, or a disconnected one a key again: it is disarmed, its history goes on.

        False for a stranger's account, or one of another venue or environment. Raises KeyAlreadyConnected.
        """
        account_id = credential.account_id
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(accounts)
                .where(
                    _owned(owner_id, account_id),
                    accounts.c.venue == credential.venue,
                    accounts.c.environment == credential.environment,
                )
                .values(
                    public_id=public_id,
                    state=AccountState.DISARMED,
                    state_reason="",
                    state_at=at,
                    disconnected_at=None,
                ),
            )
            if changed:
                await connection.execute(delete(credentials).where(credentials.c.account_id == account_id))
                await self._put_key(connection, credential, fingerprint)
                await _note(connection, noted, told)
                await self._tell(connection, account_id, ("account", {"state": AccountState.DISARMED.value}))
            return changed

    async def account(self, owner_id: UserId, account_id: AccountId) -> TradingAccount | None:
        """The person's own account, connected or not; None for a stranger's."""
        found = await self._accounts(_owned(owner_id, account_id))
        return found[0] if found else None

    async def accounts_of(self, owner_id: UserId) -> list[TradingAccount]:
        """All that the person ever connected, oldest first."""
        return await self._accounts(accounts.c.owner_id == owner_id)

    async def trading_accounts(self) -> list[TradingAccount]:
        """Every connected account of everybody, for workers and the operator's command line."""
        return await self._accounts(accounts.c.state != AccountState.DISCONNECTED)

    async def set_account_state(
        self,
        account_id: AccountId,
        state: AccountState,
        reason: str,
        at: datetime,
        *,
        noted: AuditEntry | None = None,
        told: str = "",
    ) -> None:
        """Say what a connected account may do from now on, and why. A disconnected one stays so.

        Raises ValueError for DISCONNECTED: that is `disconnect_account`, which takes the key away.
        """
        if state is AccountState.DISCONNECTED:
            raise ValueError("an account is disconnected by its owner")
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(accounts)
                .where(accounts.c.account_id == account_id, accounts.c.state != AccountState.DISCONNECTED)
                .values(state=state, state_reason=reason, state_at=at),
            )
            if changed:
                await _note(connection, noted, told)
                await self._tell(connection, account_id, ("account", {"state": state.value}))

    async def verdict_of(self, account_id: AccountId) -> str:
        """What was said of the account's key last; empty for an account that there is not."""
        async with self._read() as connection:
            verdict = await connection.scalar(select(accounts.c.verdict).where(accounts.c.account_id == account_id))
            return verdict or ""

    async def update_permissions(
        self, account_id: AccountId, told: Mapping[str, object], verdict: str, at: datetime
    ) -> None:
        """Note what the venue says now that the key may do; what was noted beside it when it was connected stays."""
        known = select(accounts.c.permissions_json, accounts.c.verdict).where(accounts.c.account_id == account_id)
        async with self._write() as connection:
            row = (await connection.execute(known)).one()
            noted = json.loads(row.permissions_json)
            text = json.dumps({**noted, **told})
            await connection.execute(
                update(accounts)
                .where(accounts.c.account_id == account_id)
                .values(permissions_json=text, verdict=verdict, permissions_at=at)
            )
            if (json.loads(text), verdict) != (noted, row.verdict):
                await self._tell(connection, account_id, ("account", {"verdict": verdict}))

    async def save_limits(
        self,
        owner_id: UserId,
        account_id: AccountId,
        limits: Limits,
        *,
        noted: AuditEntry | None = None,
        told: str = "",
    ) -> bool:
        """Whether they are kept; False for a stranger's account."""
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(accounts).where(_owned(owner_id, account_id)).values(limits_json=limits.to_json()),
            )
            if changed:
                await _note(connection, noted, told)
                await self._tell(connection, account_id, ("account", {"changed": "limits"}))
            return changed

    async def save_assignments(
        self,
        owner_id: UserId,
        account_id: AccountId,
        assigned: Sequence[Assignment],
        *,
        noted: AuditEntry | None = None,
        told: str = "",
    ) -> bool:
        """Whether these replaced all that were there; False for a stranger's account."""
        async with self._write() as connection:
            if not await self._is_owner(connection, owner_id, account_id):
                return False
            await connection.execute(delete(assignments).where(assignments.c.account_id == account_id))
            rows = [
                {
                    "account_id": account_id,
                    "number": number,
                    "strategy": one.strategy,
                    "pair": one.pair,
                    "interval": one.interval,
                    "values_json": parameters_to_json(one.values),
                }
                for number, one in enumerate(assigned)
            ]
            if rows:
                await connection.execute(insert(assignments), rows)
            await _note(connection, noted, told)
            await self._tell(connection, account_id, ("account", {"changed": "assignments"}))
            return True

    async def disconnect_account(
        self, owner_id: UserId, account_id: AccountId, at: datetime, *, noted: AuditEntry | None = None, told: str = ""
    ) -> bool:
        """Delete the sealed key and keep the history; False for a stranger's account or one that has no key."""
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(accounts)
                .where(_owned(owner_id, account_id), accounts.c.state != AccountState.DISCONNECTED)
                .values(state=AccountState.DISCONNECTED, state_reason="", state_at=at, disconnected_at=at),
            )
            if changed:
                await connection.execute(delete(credentials).where(credentials.c.account_id == account_id))
                await _note(connection, noted, told)
                await self._tell(connection, account_id, ("account", {"state": AccountState.DISCONNECTED.value}))
            return changed

    async def save_policy(self, credential: Credential, policy: bytes) -> bool:
        """Whether this is now what the signer may open with the key; False if the key is gone."""
        async with self._write() as connection:
            changed = await self._change(
                connection,
                update(credentials)
                .where(
                    credentials.c.account_id == credential.account_id,
                    credentials.c.credential_id == credential.credential_id,
                )
                .values(policy=policy),
            )
            if changed:
                await self._tell(connection, credential.account_id, ("account", {"changed": "policy"}))
            return changed

    async def _put_key(self, connection: AsyncConnection, credential: Credential, fingerprint: str) -> None:
        if not await self._put_new(connection, credentials, {**values_of(credential), "fingerprint": fingerprint}):
            raise KeyAlreadyConnected("this API key is connected already; make a new one at the venue for Jarvis")

    async def _accounts(self, condition: ColumnElement[bool]) -> list[TradingAccount]:
        async with self._read() as connection:
            return await load_accounts(connection, condition)


async def load_accounts(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[TradingAccount]:
    """The accounts that fulfil `condition`, with their assignments, oldest first."""
    rows = (await connection.execute(_with_keys().where(condition))).all()
    if not rows:
        return []
    wished = await connection.execute(
        select(assignments)
        .join(accounts, accounts.c.account_id == assignments.c.account_id)
        .where(condition)
        .order_by(assignments.c.account_id, assignments.c.number)
    )
    by_account = _by_account(wished)
    return [
        replace(account, assignments=tuple(by_account.get(account.account_id, ())))
        for account in (account_of(row) for row in rows)
    ]


async def _note(connection: AsyncConnection, noted: AuditEntry | None, told: str) -> None:
    if noted is not None:
        await note_and_tell(connection, noted, told)


def _with_keys() -> Select[Any]:
    key = [credentials.c[name] for name in ("credential_id", "sealed", "revision", "policy")]
    return (
        select(accounts, *key)
        .outerjoin(credentials, credentials.c.account_id == accounts.c.account_id)
        .order_by(accounts.c.connected_at, accounts.c.account_id)
    )


def _by_account(rows: Iterable[Row[Any]]) -> dict[str, list[Assignment]]:
    found: dict[str, list[Assignment]] = {}
    for row in rows:
        one = Assignment(row.strategy, row.pair, row.interval, parameters_from_json(row.values_json))
        found.setdefault(row.account_id, []).append(one)
    return found


def _owned(owner_id: UserId, account_id: AccountId) -> ColumnElement[bool]:
    return (accounts.c.account_id == account_id) & (accounts.c.owner_id == owner_id)
