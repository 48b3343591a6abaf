"""Connected venue accounts: key, limits, strategies, arming. Whoever reads for a person names the person."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.store.database import Database
from jarvis.store.outbox import announce
from jarvis.store.records import Assignment, NewAccount, TraderStatus, TradingAccount, status_from, to_text
from jarvis.store.tables import assignments, trading_accounts
from jarvis.trading.limits import Limits
from jarvis.trading.state import Marks

_PREFIX_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class AccountStore(Database):
    """Trading accounts."""

    async def connect_account(self, new: NewAccount) -> bool:
        """Keep a connected account: False, and nothing changed, if the same key is connected already."""
        credential = new.credential
        try:
            async with self.write() as connection:
                await connection.execute(
                    insert(trading_accounts).values(
                        account_id=new.account_id,
                        user_id=new.user_id,
                        venue=credential.venue,
                        environment=credential.environment.value,
                        credential_id=credential.credential_id,
                        sealed=credential.sealed,
                        revision=credential.revision,
                        label=new.label,
                        public_key=new.public_key,
                        key_fingerprint=new.key_fingerprint,
                        permissions=json.dumps(new.permissions),
                        execution_venue=new.execution_venue,
                        leverages=json.dumps([[str(pair), leverage] for pair, leverage in new.leverages]),
                        order_prefix=_order_prefix(new.account_id),
                        is_armed=False,
                        next_order_number=1,
                        connected_at=new.connected_at,
                    )
                )
                await announce(connection, new.account_id, "account", new.account_id, new.connected_at)
        except IntegrityError:
            return False
        return True

    async def account(self, owner: UserId, account_id: AccountId) -> TradingAccount | None:
        """The person's own account; None for everybody else's."""
        found = await self._accounts(trading_accounts.c.account_id == account_id, trading_accounts.c.user_id == owner)
        return found[0] if found else None

    async def accounts_of(self, owner: UserId) -> list[TradingAccount]:
        """All accounts of a person, the connected ones first, then the latest."""
        found = await self._accounts(trading_accounts.c.user_id == owner)
        return sorted(found, key=lambda each: (not each.is_connected, -each.connected_at.timestamp()))

    async def connected_accounts(self) -> list[TradingAccount]:
        """Every account that has a key, of every person: for workers, never for a page."""
        return await self._accounts(trading_accounts.c.sealed.is_not(None))

    async def save_limits(self, account_id: AccountId, limits: Limits, at: datetime) -> None:
        """Replace the limits."""
        await self._change(account_id, at, limits=limits.to_json())

    async def save_assignments(self, account_id: AccountId, wishes: Sequence[Assignment], at: datetime) -> None:
        """Replace what the account follows: one strategy per pair."""
        async with self.write() as connection:
            await connection.execute(delete(assignments).where(assignments.c.account_id == account_id))
            for wish in wishes:
                await connection.execute(
                    insert(assignments).values(
                        account_id=account_id,
                        pair=str(wish.pair),
                        strategy=wish.strategy,
                        interval_seconds=int(wish.interval.total_seconds()),
                        parameters=json.dumps(dict(wish.values)),
                    )
                )
            await announce(connection, account_id, "account", account_id, at)

    async def set_armed(self, account_id: AccountId, armed: bool, at: datetime) -> None:
        """Let the account open positions, or no more. Protection goes on either way."""
        await self._change(account_id, at, is_armed=armed)

    async def record_marks(self, account_id: AccountId, marks: Marks) -> None:
        """Keep the engine's account-wide state: pause, blocks, equity marks."""
        async with self.write() as connection:
            await connection.execute(
                update(trading_accounts)
                .where(trading_accounts.c.account_id == account_id)
                .values(marks=marks.to_json())
            )

    async def record_status(self, account_id: AccountId, status: TraderStatus) -> None:
        """Keep what the trader says of itself, and tell the page."""
        await self._change(account_id, status.at, status=to_text(status))

    async def open_books(self, account_id: AccountId, at: datetime) -> None:
        """The instant from which the journal is complete; set once, at the first reconciliation."""
        async with self.write() as connection:
            await connection.execute(
                update(trading_accounts)
                .where(trading_accounts.c.account_id == account_id, trading_accounts.c.books_opened_at.is_(None))
                .values(books_opened_at=at)
            )

    async def disconnect_account(self, account_id: AccountId, at: datetime) -> None:
        """Delete the sealed key and everything that could trade; the history stays."""
        await self._change(account_id, at, sealed=None, key_fingerprint=None, is_armed=False, disconnected_at=at)

    async def _change(self, account_id: AccountId, at: datetime, **values: object) -> None:
        async with self.write() as connection:
            await connection.execute(
                update(trading_accounts).where(trading_accounts.c.account_id == account_id).values(**values)
            )
            await announce(connection, account_id, "account", account_id, at)

    async def _accounts(self, *conditions: object) -> list[TradingAccount]:
        async with self.read() as connection:
            query = select(trading_accounts).where(*conditions).order_by(trading_accounts.c.connected_at)  # type: ignore[arg-type]
            rows = (await connection.execute(query)).all()
            return [_account(row, await _assignments(connection, row.account_id)) for row in rows]


async def _assignments(connection: AsyncConnection, account_id: str) -> tuple[Assignment, ...]:
    query = select(assignments).where(assignments.c.account_id == account_id).order_by(assignments.c.pair)
    return tuple(
        Assignment(
            Pair.parse(row.pair),
            row.strategy,
            timedelta(seconds=row.interval_seconds),
            tuple(sorted(json.loads(row.parameters).items())),
        )
        for row in await connection.execute(query)
    )


def _account(row: Row[tuple[object, ...]], wishes: tuple[Assignment, ...]) -> TradingAccount:
    account_id, venue, environment = AccountId(row.account_id), VenueName(row.venue), Environment(row.environment)
    credential = None
    if row.sealed is not None:
        credential = Credential(
            account_id, venue, CredentialId(row.credential_id), environment, bytes(row.sealed), row.revision
        )
    return TradingAccount(
        account_id=account_id,
        user_id=UserId(row.user_id),
        venue=venue,
        environment=environment,
        credential=credential,
        label=row.label,
        public_key=row.public_key,
        permissions=tuple(json.loads(row.permissions)),
        execution_venue=row.execution_venue,
        leverages=tuple((Pair.parse(pair), leverage) for pair, leverage in json.loads(row.leverages)),
        order_prefix=row.order_prefix,
        is_armed=row.is_armed,
        limits=Limits.from_json(row.limits) if row.limits else None,
        marks=Marks.from_json(row.marks) if row.marks else Marks(),
        assignments=wishes,
        connected_at=row.connected_at,
        books_opened_at=row.books_opened_at,
        status=status_from(row.status) if row.status else None,
    )


def _order_prefix(account_id: AccountId) -> str:
    """`jv` and six characters of the account's own id: marks our orders, and whose they are."""
    letters = [letter for letter in account_id.lower() if letter in _PREFIX_DIGITS]
    return "jv" + "".join(letters[-6:]).rjust(6, "0")
