"""Doors for the alerts of charts, each one person's, and what came through them: every alert once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, String, case, delete, func, insert, select, tuple_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId, Environment, UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.domain.people import AuditEntry
from jarvis.store.audit import append
from jarvis.store.people import note_and_tell
from jarvis.store.people_tables import hooks, proposals, users
from jarvis.store.queues import QueueStore, asked_event, wish_values
from jarvis.store.records import AccountState
from jarvis.store.tables import accounts, commands, credentials, equity, quotes
from jarvis.store.together import Together
from jarvis.store.wishes import Wish
from jarvis.trading.limits import Limits
from jarvis.trading.proposals import Proposal, ProposalAction, Situation, Terms

MOST_HOOKS = 10


@dataclass(frozen=True, slots=True)
class Hook:
    """One door. One that is not live proposes, and nothing comes of it.

    `known_sources`: only addresses that TradingView publishes may knock.
    """

    hook_id: str
    user_id: UserId
    account_id: AccountId
    label: str
    terms: Terms
    known_sources: bool
    is_live: bool
    created_at: datetime
    used_at: datetime | None = None
    token_hash: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Fate:
    """What came of a proposal, by name and in words, and the command that it became.

    `dry_run` is what would have been; `refused` and `sent` are what was.
    """

    name: str
    words: str
    command_id: int | None = None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with its fate."""

    hook_id: str
    alert_id: str
    at: datetime
    proposal: Proposal
    fate: Fate


@dataclass(frozen=True, slots=True)
class Knocked:
    """A hook with its account at one moment; `account` is None once it is not connected any more."""

    hook: Hook
    account: Situation | None
    prices: Mapping[Pair, Decimal] = field(default_factory=dict)

    def situation(self, pair: Pair) -> Situation | None:
        """The account with the price of one pair."""
        return None if self.account is None else replace(self.account, price=self.prices.get(pair))


@dataclass(frozen=True, slots=True)
class _Came:
    """An alert on its way in."""

    hook: Hook
    alert_id: str
    proposal: Proposal
    fate: Fate
    at: datetime
    wish: Wish | None
    noted: AuditEntry | None

    @property
    def key(self) -> tuple[str, str]:
        """Its row's primary key."""
        return self.hook.hook_id, self.alert_id

    @property
    def command(self) -> dict[str, Any]:
        """Its wish as a row of the commands."""
        assert self.wish is not None  # noqa: S101 - whoever asks has looked
        key = f"hook {self.hook.hook_id} {hashlib.sha256(self.alert_id.encode()).hexdigest()[:24]}"
        return wish_values(self.hook.user_id, self.hook.account_id, self.wish, key=key, at=self.at)

    def row(self, fate: Fate) -> dict[str, Any]:
        """Its own row."""
        return {
            "hook_id": self.hook.hook_id,
            "alert_id": self.alert_id,
            "user_id": self.hook.user_id,
            "at": self.at,
            "action": self.proposal.action.value,
            "pair": self.proposal.pair,
            "quantity": self.proposal.quantity,
            "stop": self.proposal.stop,
            "fate": fate.name,
            "told": fate.words,
            "command_id": fate.command_id,
        }


class HookStore(QueueStore):
    """Hooks and their proposals.

    Many charts knock at the turn of a candle: those that wait share a look, and a commit.
    """

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._knocks: Together[str, Knocked | None] = Together(self._knocked_by)
        self._alerts: Together[_Came, Fate | None] = Together(self._keep_proposals)

    async def add_hook(self, hook: Hook, *, noted: AuditEntry, told: str) -> bool:
        """Whether it is kept; False if the person has as many as one may."""
        async with self._write() as connection:
            await connection.execute(select(users.c.user_id).where(users.c.user_id == hook.user_id).with_for_update())
            counted = select(func.count()).select_from(hooks).where(hooks.c.user_id == hook.user_id)
            if int(await connection.scalar(counted) or 0) >= MOST_HOOKS:
                return False
            await connection.execute(
                insert(hooks).values(
                    hook_id=hook.hook_id,
                    user_id=hook.user_id,
                    account_id=hook.account_id,
                    token_hash=hook.token_hash,
                    label=hook.label,
                    pairs=" ".join(sorted(map(str, hook.terms.pairs))),
                    most=hook.terms.most,
                    known_sources=hook.known_sources,
                    is_live=hook.is_live,
                    created_at=hook.created_at,
                )
            )
            await note_and_tell(connection, noted, told)
            return True

    async def end_hook(self, user_id: UserId, hook_id: str, *, noted: AuditEntry, told: str) -> bool:
        """Whether it was the person's and is gone, with what came through it."""
        mine = (hooks.c.user_id == user_id) & (hooks.c.hook_id == hook_id)
        async with self._write() as connection:
            ended = await self._change(connection, delete(hooks).where(mine))
            if ended:
                await note_and_tell(connection, noted, told)
            return ended

    async def set_hook_live(
        self, user_id: UserId, hook_id: str, *, is_live: bool, noted: AuditEntry, told: str
    ) -> bool:
        """Whether it was the person's and the other way before."""
        mine = (hooks.c.user_id == user_id) & (hooks.c.hook_id == hook_id) & (hooks.c.is_live != is_live)
        async with self._write() as connection:
            changed = await self._change(connection, update(hooks).where(mine).values(is_live=is_live))
            if changed:
                await note_and_tell(connection, noted, told)
            return changed

    async def hook(self, hook_id: str) -> Hook | None:
        """The hook of this id, if its person may use Jarvis at all."""
        asked = (
            select(hooks)
            .join(users, users.c.user_id == hooks.c.user_id)
            .where(hooks.c.hook_id == hook_id, users.c.suspended_at.is_(None), users.c.deleting_at.is_(None))
        )
        async with self._read() as connection:
            row = (await connection.execute(asked)).first()
            return None if row is None else _hook(row)

    async def hooks_of(self, user_id: UserId) -> list[Hook]:
        """The person's hooks, the oldest first."""
        async with self._read() as connection:
            rows = await connection.execute(
                select(hooks).where(hooks.c.user_id == user_id).order_by(hooks.c.created_at, hooks.c.hook_id)
            )
            return [_hook(row) for row in rows]

    async def knocked(self, hook_id: str) -> Knocked | None:
        """The hook of this id with its account at this moment, as one look; None if there is no such hook."""
        return await self._knocks(hook_id)

    async def _knocked_by(self, hook_ids: Sequence[str]) -> Sequence[Knocked | None]:
        """One statement for all, as charts wait for this: a row for each hook and pair that has a price."""
        feed = case(
            (accounts.c.environment == Environment.LIVE, accounts.c.venue),
            else_=accounts.c.venue + "-" + type_coerce(accounts.c.environment, String),
        )
        latest, newest = equity.c.account_id == accounts.c.account_id, equity.c.at.desc()
        asked = (
            select(
                hooks,
                accounts.c.state,
                accounts.c.limits_json,
                credentials.c.credential_id,
                quotes.c.pair.label("quoted"),
                quotes.c.last,
                select(equity.c.equity).where(latest).order_by(newest).limit(1).scalar_subquery().label("equity"),
                select(equity.c.asset).where(latest).order_by(newest).limit(1).scalar_subquery().label("asset"),
            )
            .join(users, users.c.user_id == hooks.c.user_id)
            .join(accounts, accounts.c.account_id == hooks.c.account_id)
            .outerjoin(credentials, credentials.c.account_id == accounts.c.account_id)
            .outerjoin(quotes, quotes.c.venue == feed)
            .where(hooks.c.hook_id.in_(set(hook_ids)), users.c.suspended_at.is_(None), users.c.deleting_at.is_(None))
        )
        found: dict[str, list[Row[Any]]] = {}
        async with self._read() as connection:
            for row in await connection.execute(asked):
                found.setdefault(row.hook_id, []).append(row)
        knocked = {hook_id: _knocked(rows) for hook_id, rows in found.items()}
        return [knocked.get(hook_id) for hook_id in hook_ids]

    async def keep_proposal(
        self,
        hook: Hook,
        alert_id: str,
        proposal: Proposal,
        fate: Fate,
        at: datetime,
        *,
        wish: Wish | None = None,
        noted: AuditEntry | None = None,
    ) -> Fate | None:
        """What came of this alert now; None if it was kept before, or the hook is gone.

        A `wish` goes to the account's trader, with `noted` in the audit, in the same transaction: either all of it
        is there, or nothing, and the alert may come again.
        """
        return await self._alerts(_Came(hook, alert_id, proposal, fate, at, wish, noted))

    async def _keep_proposals(self, came: Sequence[_Came]) -> Sequence[Fate | None]:
        """All of them in one transaction.

        The hooks' rows are locked first, and in order: no two processes wait for each other, nor see one alert both.
        """
        async with self._write() as connection:
            used = {each.hook.hook_id: each for each in came}
            there = {hook_id for hook_id in sorted(used) if await self._knocked_at(connection, used[hook_id])}
            # Of those that are the same alert, the first.
            asked = {each.key: each for each in reversed(came) if each.hook.hook_id in there}
            keys = tuple_(proposals.c.hook_id, proposals.c.alert_id)
            known = select(proposals.c.hook_id, proposals.c.alert_id).where(keys.in_(asked))
            for hook_id, alert_id in await connection.execute(known):
                del asked[hook_id, alert_id]
            new = [each for each in came if asked.get(each.key) is each]
            fates = await self._sent(connection, [each for each in new if each.wish is not None])
            if new:
                rows = [each.row(fates.get(each.key, each.fate)) for each in new]
                await connection.execute(insert(proposals), rows)
            events = [
                (each.hook.account_id, asked_event(fates[each.key].command_id or 0, each.wish))
                for each in new
                if each.wish is not None
            ]
            if events:
                await self._tell_of(connection, events)
            return [fates.get(each.key, each.fate) if asked.get(each.key) is each else None for each in came]

    async def _knocked_at(self, connection: AsyncConnection, came: _Came) -> bool:
        """Note that a hook is used; False if it was ended meanwhile."""
        this = hooks.c.hook_id == came.hook.hook_id
        return await self._change(connection, update(hooks).where(this).values(used_at=came.at))

    async def _sent(self, connection: AsyncConnection, came: Sequence[_Came]) -> dict[tuple[str, str], Fate]:
        """The fates of new alerts whose wishes now go to their traders, by key."""
        if not came:
            return {}
        rows = [each.command for each in came]
        asked = insert(commands).returning(commands.c.command_id, sort_by_parameter_order=True)
        command_ids = (await connection.execute(asked, rows)).scalars()
        noted = [each.noted for each in came if each.noted is not None]
        if noted:
            await append(connection, *noted)
        return {
            each.key: Fate("sent", each.fate.words, int(command_id))
            for each, command_id in zip(came, command_ids, strict=True)
        }

    async def prune_proposals(self, before: datetime) -> int:
        """Forget what came before then. Never while an alert waits for its answer: housekeeping does it."""
        old = proposals.c.hook_id.in_(select(hooks.c.hook_id)) & (proposals.c.at < before)  # by their index
        return await self._forget(proposals, old)

    async def proposals_of(self, user_id: UserId, hook_id: str, *, limit: int = 20) -> list[Proposed]:
        """What came through a hook of the person, the newest first."""
        asked = (
            select(proposals)
            .where(proposals.c.user_id == user_id, proposals.c.hook_id == hook_id)
            .order_by(proposals.c.at.desc(), proposals.c.alert_id)
            .limit(limit)
        )
        async with self._read() as connection:
            return [_proposed(row) for row in await connection.execute(asked)]


def _knocked(rows: Sequence[Row[Any]]) -> Knocked:
    row = rows[0]
    if row.credential_id is None:
        return Knocked(_hook(row), None)
    situation = Situation(
        limits=Limits() if row.limits_json is None else Limits.from_json(row.limits_json),
        is_armed=row.state is AccountState.ARMED,
        price=None,
        equity=row.equity,
        asset=None if row.asset is None else Asset(row.asset),
    )
    return Knocked(_hook(row), situation, {each.quoted: each.last for each in rows if each.quoted is not None})


def _hook(row: Row[Any]) -> Hook:
    return Hook(
        row.hook_id,
        UserId(row.user_id),
        AccountId(row.account_id),
        row.label,
        Terms(frozenset(Pair.parse(each) for each in row.pairs.split()), Decimal(row.most)),
        row.known_sources,
        row.is_live,
        row.created_at,
        row.used_at,
        row.token_hash,
    )


def _proposed(row: Row[Any]) -> Proposed:
    proposal = Proposal(ProposalAction(row.action), row.pair, row.quantity, row.stop)
    return Proposed(row.hook_id, row.alert_id, row.at, proposal, Fate(row.fate, row.told, row.command_id))
