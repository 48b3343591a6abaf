"""API tokens: their hashes, what they are good for, and when they were used."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from jarvis.domain.account import UserId
from jarvis.domain.people import ApiToken, AuditEntry, Scope
from jarvis.store.database import Database
from jarvis.store.people import note_and_tell
from jarvis.store.people_tables import api_tokens, users


class TokenStore(Database):
    """Implements `accounts.tokens.TokenStorage`."""

    async def add_token(self, token: ApiToken, *, most: int, noted: AuditEntry, told: str) -> bool:
        """Keep a new token; False if the person has `most` already."""
        async with self._write() as connection:
            locked = select(users.c.user_id).where(users.c.user_id == token.user_id).with_for_update()
            await connection.execute(locked)
            counted = select(func.count()).select_from(api_tokens).where(api_tokens.c.user_id == token.user_id)
            if int(await connection.scalar(counted) or 0) >= most:
                return False
            await connection.execute(
                insert(api_tokens).values(
                    token_id=token.token_id,
                    token_hash=token.token_hash,
                    user_id=token.user_id,
                    label=token.label,
                    scopes=" ".join(sorted(scope.value for scope in token.scopes)),
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                )
            )
            await note_and_tell(connection, noted, told)
            return True

    async def api_token(self, token_hash: bytes) -> ApiToken | None:
        """The token with this hash, if its person may use Jarvis at all."""
        asked = (
            select(api_tokens)
            .join(users, users.c.user_id == api_tokens.c.user_id)
            .where(api_tokens.c.token_hash == token_hash, users.c.suspended_at.is_(None), users.c.deleting_at.is_(None))
        )
        async with self._read() as connection:
            row = (await connection.execute(asked)).first()
            return None if row is None else _token(row)

    async def tokens_of(self, user_id: UserId) -> list[ApiToken]:
        """A person's tokens, the oldest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(api_tokens)
                .where(api_tokens.c.user_id == user_id)
                .order_by(api_tokens.c.created_at, api_tokens.c.token_id)
            )
            return [_token(row) for row in rows]

    async def note_token_use(self, token_id: str, at: datetime) -> None:
        """Note that it was used; nothing happens if it has ended meanwhile."""
        async with self._write() as connection:
            await connection.execute(update(api_tokens).where(api_tokens.c.token_id == token_id).values(used_at=at))

    async def end_token(self, user_id: UserId, token_id: str, *, noted: AuditEntry, told: str) -> bool:
        """End one of a person's own tokens; False if they have none of this id."""
        async with self._write() as connection:
            ended = await self._change(
                connection,
                delete(api_tokens).where(api_tokens.c.user_id == user_id, api_tokens.c.token_id == token_id),
            )
            if ended:
                await note_and_tell(connection, noted, told)
            return ended


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        row.token_id,
        row.token_hash,
        UserId(row.user_id),
        row.label,
        frozenset(Scope(scope) for scope in row.scopes.split()),
        row.created_at,
        row.expires_at,
        row.used_at,
    )
