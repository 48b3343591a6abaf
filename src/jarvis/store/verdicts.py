"""What people were answered about their strategies, and by which live arming is decided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select

from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.database import Database
from jarvis.store.people_tables import verdicts
from jarvis.trading.judged import Judgement

MOST_KEPT = 200
"""Of one person; the oldest go."""


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """One verdict: what was asked (strategy, values, candles, venue, all as text or numbers) and the answers."""

    judgement: Judgement
    user_id: UserId
    strategy: str
    asked: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]


class VerdictStore(Database):
    """Verdicts, each one person's."""

    async def keep_verdict(self, kept: KeptVerdict, noted: AuditEntry) -> None:
        """Keep one, note it, and let go of the oldest beyond `MOST_KEPT`."""
        judged = kept.judgement
        async with self._write() as connection:
            await connection.execute(
                insert(verdicts).values(
                    verdict_id=judged.verdict_id,
                    user_id=kept.user_id,
                    made_at=judged.made_at,
                    strategy=kept.strategy,
                    subject=judged.subject,
                    venue=judged.venue,
                    coins=" ".join(sorted(judged.coins)),
                    is_well=judged.is_well,
                    asked_json=json.dumps(dict(kept.asked), sort_keys=True),
                    findings_json=json.dumps(list(kept.findings)),
                )
            )
            old = (
                select(verdicts.c.verdict_id)
                .where(verdicts.c.user_id == kept.user_id)
                .order_by(verdicts.c.made_at.desc(), verdicts.c.verdict_id.desc())
                .offset(MOST_KEPT)
            )
            gone = [row.verdict_id for row in await connection.execute(old)]
            if gone:
                await connection.execute(delete(verdicts).where(verdicts.c.verdict_id.in_(gone)))
            await append(connection, noted)

    async def verdicts_of(self, user_id: UserId) -> list[KeptVerdict]:
        """All that are kept of a person's, the latest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(verdicts)
                .where(verdicts.c.user_id == user_id)
                .order_by(verdicts.c.made_at.desc(), verdicts.c.verdict_id.desc())
            )
            return [_verdict(row) for row in rows]

    async def verdict(self, user_id: UserId, verdict_id: str) -> KeptVerdict | None:
        """One of this person's; None for another's."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(verdicts).where(verdicts.c.user_id == user_id, verdicts.c.verdict_id == verdict_id)
            )
            row = rows.first()
            return None if row is None else _verdict(row)


def _verdict(row: Row[Any]) -> KeptVerdict:
    findings = json.loads(row.findings_json)
    return KeptVerdict(
        judgement=Judgement(
            verdict_id=row.verdict_id,
            subject=row.subject,
            venue=row.venue,
            coins=frozenset(row.coins.split()),
            made_at=row.made_at,
            is_well=bool(row.is_well),
            against=tuple(each["title"] for each in findings if not each["is_well"]),
        ),
        user_id=UserId(row.user_id),
        strategy=row.strategy,
        asked=json.loads(row.asked_json),
        findings=findings,
    )
