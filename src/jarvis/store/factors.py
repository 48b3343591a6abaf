"""What people prove themselves with beside the password, and proofs that were begun.

Whatever may be used once is used by one statement that finds it unused: two requests at the same moment cannot both.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Ceremony, CeremonyKind, Factors, Passkey, TotpSeed
from jarvis.store.database import Database
from jarvis.store.people import end_other_sessions, note_and_tell
from jarvis.store.people_tables import ceremonies, passkeys, recovery_codes, sessions, totps, users


class FactorStore(Database):
    """Implements what `accounts.passkeys`, `accounts.totp` and `accounts.recovery` want kept."""

    async def factors(self, user_id: UserId) -> Factors:
        """What a person has, all as of one moment."""
        async with self._read() as connection:
            return await _factors(connection, user_id)

    async def passkey(self, credential_id: bytes) -> Passkey | None:
        """The passkey of this id, whosever it is."""
        async with self._read() as connection:
            row = (await connection.execute(select(passkeys).where(passkeys.c.credential_id == credential_id))).first()
            return None if row is None else _passkey(row)

    async def add_passkey(self, passkey: Passkey, *, most: int, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Keep a passkey and end the person's other sessions; False if it is known, or they have `most` already."""
        async with self._write() as connection:
            await _lock(connection, passkey.user_id)
            counted = select(func.count()).select_from(passkeys).where(passkeys.c.user_id == passkey.user_id)
            if int(await connection.scalar(counted) or 0) >= most:
                return False
            row = {
                "credential_id": passkey.credential_id,
                "user_id": passkey.user_id,
                "public_key": passkey.public_key,
                "sign_count": passkey.sign_count,
                "transports": " ".join(passkey.transports),
                "backed_up": passkey.backed_up,
                "label": passkey.label,
                "created_at": passkey.created_at,
            }
            added = await self._put_new(connection, passkeys, row)
            if added:
                await end_other_sessions(connection, passkey.user_id, keeping)
                await note_and_tell(connection, noted, told)
            return added

    async def use_passkey(self, credential_id: bytes, sign_count: int, *, backed_up: bool, at: datetime) -> bool:
        """Note a signature; False if its number is not above the last one, as a copied authenticator's would be.

        Authenticators that do not count always say 0.
        """
        goes_on = passkeys.c.sign_count < sign_count if sign_count > 0 else passkeys.c.sign_count == 0
        async with self._write() as connection:
            return await self._change(
                connection,
                update(passkeys)
                .where(passkeys.c.credential_id == credential_id, goes_on)
                .values(sign_count=sign_count, backed_up=backed_up, used_at=at),
            )

    async def rename_passkey(self, user_id: UserId, credential_id: bytes, label: str, *, noted: AuditEntry) -> bool:
        """Give one of a person's own passkeys another name; False if they have it not."""
        async with self._write() as connection:
            renamed = await self._change(
                connection,
                update(passkeys)
                .where(passkeys.c.user_id == user_id, passkeys.c.credential_id == credential_id)
                .values(label=label),
            )
            if renamed:
                await note_and_tell(connection, noted)
            return renamed

    async def remove_passkey(
        self, user_id: UserId, credential_id: bytes, *, keeping: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Forget one of a person's own passkeys and end the other sessions; False if they have it not."""
        async with self._write() as connection:
            removed = await self._change(
                connection,
                delete(passkeys).where(passkeys.c.user_id == user_id, passkeys.c.credential_id == credential_id),
            )
            if removed:
                await _after_removal(connection, user_id, keeping)
                await note_and_tell(connection, noted, told)
            return removed

    async def totp(self, user_id: UserId) -> TotpSeed | None:
        """The person's authenticator app, if one is in force."""
        async with self._read() as connection:
            row = (await connection.execute(select(totps).where(totps.c.user_id == user_id))).first()
            return None if row is None else TotpSeed(UserId(row.user_id), row.sealed, row.last_step, row.created_at)

    async def offer_totp(self, seed: TotpSeed, *, expires_at: datetime) -> None:
        """Keep a seed that waits for its first code, in the place of one that waits; one in force stays so."""
        async with self._write() as connection:
            await connection.execute(delete(ceremonies).where(ceremonies.c.token_hash == _offer_of(seed.user_id)))
            await connection.execute(
                insert(ceremonies).values(
                    token_hash=_offer_of(seed.user_id),
                    kind=CeremonyKind.TOTP_ENROLMENT,
                    user_id=seed.user_id,
                    challenge=seed.sealed,
                    attempts=0,
                    begun_at=seed.created_at,
                    expires_at=expires_at,
                )
            )

    async def offered_totp(self, user_id: UserId, now: datetime) -> TotpSeed | None:
        """The seed that waits for the person's first code."""
        begun = await self.ceremony(_offer_of(user_id), CeremonyKind.TOTP_ENROLMENT, now)
        return None if begun is None else TotpSeed(user_id, begun.challenge, 0, begun.begun_at)

    async def confirm_totp(self, seed: TotpSeed, step: int, *, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Put exactly this offered seed in force, in the place of another, and end the other sessions.

        False if it is not the one that is offered now.
        """
        offered = (ceremonies.c.token_hash == _offer_of(seed.user_id)) & (ceremonies.c.challenge == seed.sealed)
        row = {
            "user_id": seed.user_id,
            "sealed": seed.sealed,
            "last_step": step,
            "created_at": seed.created_at,
            "confirmed_at": noted.at,
        }
        async with self._write() as connection:
            confirmed = await self._change(connection, delete(ceremonies).where(offered))
            if confirmed:
                await self._put(connection, totps, row)
                await end_other_sessions(connection, seed.user_id, keeping)
                await note_and_tell(connection, noted, told)
            return confirmed

    async def use_totp_step(self, user_id: UserId, step: int) -> bool:
        """Use up the codes up to this step; False if they are used up already."""
        async with self._write() as connection:
            return await self._change(
                connection,
                update(totps)
                .where(totps.c.user_id == user_id, totps.c.confirmed_at.is_not(None), totps.c.last_step < step)
                .values(last_step=step),
            )

    async def remove_totp(self, user_id: UserId, *, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Forget the person's authenticator app and end the other sessions; False if none is in force."""
        async with self._write() as connection:
            removed = await self._change(
                connection, delete(totps).where(totps.c.user_id == user_id, totps.c.confirmed_at.is_not(None))
            )
            if removed:
                await _after_removal(connection, user_id, keeping)
                await note_and_tell(connection, noted, told)
            return removed

    async def set_recovery_codes(
        self, user_id: UserId, hashes: Sequence[bytes], *, keeping: bytes, noted: AuditEntry, told: str
    ) -> None:
        """Keep these in the place of all earlier ones, and end the other sessions."""
        async with self._write() as connection:
            await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
            rows = [{"code_hash": each, "user_id": user_id, "created_at": noted.at} for each in hashes]
            await connection.execute(insert(recovery_codes), rows)
            await end_other_sessions(connection, user_id, keeping)
            await note_and_tell(connection, noted, told)

    async def use_recovery_code(self, user_id: UserId, code_hash: bytes, *, noted: AuditEntry, told: str) -> bool:
        """Use up one of a person's codes; False if it is none of theirs, or used."""
        async with self._write() as connection:
            used = await self._change(
                connection,
                update(recovery_codes)
                .where(
                    recovery_codes.c.user_id == user_id,
                    recovery_codes.c.code_hash == code_hash,
                    recovery_codes.c.used_at.is_(None),
                )
                .values(used_at=noted.at),
            )
            if used:
                await note_and_tell(connection, noted, told)
            return used

    async def begin_ceremony(self, ceremony: Ceremony) -> None:
        """Keep a proof that was begun."""
        async with self._write() as connection:
            await connection.execute(
                insert(ceremonies).values(
                    token_hash=ceremony.token_hash,
                    kind=ceremony.kind,
                    user_id=ceremony.user_id,
                    challenge=ceremony.challenge,
                    attempts=ceremony.attempts,
                    begun_at=ceremony.begun_at,
                    expires_at=ceremony.expires_at,
                )
            )

    async def ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime) -> Ceremony | None:
        """The living ceremony of this token and kind."""
        async with self._read() as connection:
            row = (
                await connection.execute(
                    select(ceremonies).where(
                        ceremonies.c.token_hash == token_hash,
                        ceremonies.c.kind == kind,
                        ceremonies.c.expires_at > now,
                    )
                )
            ).first()
            return None if row is None else _ceremony(row)

    async def try_ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime, *, most: int) -> Ceremony | None:
        """Count one attempt; the ceremony as it is then, or None if there is none, or it had `most` attempts."""
        async with self._write() as connection:
            row = (
                await connection.execute(
                    update(ceremonies)
                    .where(
                        ceremonies.c.token_hash == token_hash,
                        ceremonies.c.kind == kind,
                        ceremonies.c.expires_at > now,
                        ceremonies.c.attempts < most,
                    )
                    .values(attempts=ceremonies.c.attempts + 1)
                    .returning(*ceremonies.c)
                )
            ).first()
            return None if row is None else _ceremony(row)

    async def take_ceremony(self, token_hash: bytes, kind: CeremonyKind, now: datetime) -> Ceremony | None:
        """The living ceremony of this token and kind, which is forgotten: it is good once."""
        async with self._write() as connection:
            row = (
                await connection.execute(
                    delete(ceremonies)
                    .where(ceremonies.c.token_hash == token_hash, ceremonies.c.kind == kind)
                    .returning(*ceremonies.c)
                )
            ).first()
            ceremony = None if row is None else _ceremony(row)
            return ceremony if ceremony is not None and ceremony.expires_at > now else None


def _offer_of(user_id: UserId) -> bytes:
    """Under what a person's offered seed is kept: one a person, and no token leads there."""
    return hashlib.sha256(b"offered seed of " + user_id.encode()).digest()


async def _lock(connection: AsyncConnection, user_id: UserId) -> None:
    """Let one transaction at a time count what a person has. SQLite has one writer anyway."""
    await connection.execute(select(users.c.user_id).where(users.c.user_id == user_id).with_for_update())


async def _after_removal(connection: AsyncConnection, user_id: UserId, keeping: bytes) -> None:
    """End the other sessions. With the last factor go the codes that stand in for it, and what it proved."""
    await end_other_sessions(connection, user_id, keeping)
    if not (await _factors(connection, user_id)).any:
        await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
        await connection.execute(update(sessions).where(sessions.c.user_id == user_id).values(sudo_until=None))


async def _factors(connection: AsyncConnection, user_id: UserId) -> Factors:
    keys = await connection.execute(
        select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.created_at, passkeys.c.credential_id)
    )
    found = tuple(_passkey(row) for row in keys)
    since = await connection.scalar(select(totps.c.confirmed_at).where(totps.c.user_id == user_id))
    codes = (
        await connection.execute(
            select(recovery_codes.c.created_at, recovery_codes.c.used_at).where(recovery_codes.c.user_id == user_id)
        )
    ).all()
    left = sum(row.used_at is None for row in codes)
    return Factors(found, since, left, codes[0].created_at if codes else None)


def _passkey(row: Row[Any]) -> Passkey:
    return Passkey(
        row.credential_id,
        UserId(row.user_id),
        row.public_key,
        row.sign_count,
        tuple(row.transports.split()),
        row.backed_up,
        row.label,
        row.created_at,
        row.used_at,
    )


def _ceremony(row: Row[Any]) -> Ceremony:
    return Ceremony(
        row.token_hash,
        row.kind,
        None if row.user_id is None else UserId(row.user_id),
        row.challenge,
        row.begun_at,
        row.expires_at,
        row.attempts,
    )
