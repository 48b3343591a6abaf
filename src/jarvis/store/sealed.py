"""Everything that the signer has sealed, row by row: for looking whether it opens, and for a new master key."""

from dataclasses import dataclass

from sqlalchemy import select, update

from jarvis.domain.account import AccountId, Credential, CredentialId, UserId, VenueName
from jarvis.store.database import Database
from jarvis.store.people_tables import targets, totps
from jarvis.store.tables import accounts, credentials


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A venue key with what the signer may sign for it, both under seals, and what it is known by."""

    credential: Credential
    fingerprint: str
    public_id: str


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """The seed of a person's authenticator app."""

    user_id: UserId
    sealed: bytes


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """What one receiver of a person's notices is reached with."""

    user_id: UserId
    row_id: str
    sealed: bytes


class SealedStore(Database):
    """Reads sealed rows and puts others in their places; what is inside is no matter here."""

    async def sealed_keys(self) -> list[SealedKey]:
        """Every connected venue key."""
        query = (
            select(credentials, accounts.c.public_id)
            .join(accounts, accounts.c.account_id == credentials.c.account_id)
            .order_by(credentials.c.account_id)
        )
        async with self._read() as connection:
            return [
                SealedKey(
                    Credential(
                        AccountId(row.account_id),
                        VenueName(row.venue),
                        CredentialId(row.credential_id),
                        row.environment,
                        row.sealed,
                        row.revision,
                        row.policy,
                    ),
                    row.fingerprint,
                    row.public_id,
                )
                for row in await connection.execute(query)
            ]

    async def sealed_seeds(self) -> list[SealedSeed]:
        """The seed of every authenticator app, confirmed or not."""
        async with self._read() as connection:
            rows = await connection.execute(select(totps.c.user_id, totps.c.sealed).order_by(totps.c.user_id))
            return [SealedSeed(UserId(row.user_id), row.sealed) for row in rows]

    async def sealed_secrets(self) -> list[SealedSecret]:
        """The secret of every receiver that has one."""
        query = select(targets).where(targets.c.sealed.is_not(None)).order_by(targets.c.target_id)
        async with self._read() as connection:
            rows = await connection.execute(query)
            return [SealedSecret(UserId(row.user_id), row.target_id, row.sealed) for row in rows]

    async def put_secret(self, former: SealedSecret, sealed: bytes) -> bool:
        """Put another seal around a secret; False, and nothing changed, if it is not what `former` says any more."""
        mine = targets.c.target_id == former.row_id
        async with self._write() as connection:
            return await self._change(
                connection, update(targets).where(mine, targets.c.sealed == former.sealed).values(sealed=sealed)
            )

    async def put_key(self, former: SealedKey, sealed: bytes, fingerprint: str, policy: bytes | None) -> bool:
        """Put another seal around a key; False, and nothing changed, if it is not what `former` says any more."""
        mine = credentials.c.account_id == former.credential.account_id
        async with self._write() as connection:
            return await self._change(
                connection,
                update(credentials)
                .where(mine, credentials.c.sealed == former.credential.sealed)
                .values(sealed=sealed, fingerprint=fingerprint, policy=policy),
            )

    async def put_seed(self, former: SealedSeed, sealed: bytes) -> bool:
        """Put another seal around a seed; False, and nothing changed, if it is not what `former` says any more."""
        async with self._write() as connection:
            return await self._change(
                connection,
                update(totps)
                .where(totps.c.user_id == former.user_id, totps.c.sealed == former.sealed)
                .values(sealed=sealed),
            )
