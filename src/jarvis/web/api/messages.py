"""Where notices are sent, and the doors for alerts of charts: what there is, what came through, and back to dry run.

Receivers are added, removed, tested and chosen for on the pages alone, by a person with a proof: a script that could
would be able to silence an alarm. For the same reason no script makes a hook, or lets one trade.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.money import plain
from jarvis.domain.people import Scope
from jarvis.notify.kinds import Group, Level
from jarvis.notify.quiet import QuietHours, clock
from jarvis.store.hooks import Hook, Proposed
from jarvis.store.targets import Target
from jarvis.web.api.callers import Caller, noted
from jarvis.web.api.door import Door
from jarvis.web.api.records import (
    AccountIdText,
    BaseText,
    Instant,
    MaybeInstant,
    PairText,
    QuoteText,
    Record,
    amount,
    instant,
    text,
    told,
    when,
)

TAG = "messages"
_LEVELS = Literal["all", "warnings", "alarms", "nothing"]
_MOST_PROPOSALS = 200


class ReceiverLine(Record):
    """Where notices are sent. What it is reached with is sealed and stands nowhere."""

    shown: ClassVar[Mapping[str, Any]] = {"choices": {group.value: Level.ALL.value for group in Group}}
    receiver_id: Annotated[str, text("Its id.", "9d0c5e21a7f34b806c12")]
    kind: Annotated[Literal["email", "telegram", "discord", "webhook"], Field(examples=["email"])]
    label: Annotated[str, text("As its owner calls it.", "my phone")]
    address: Annotated[str, text("What may be shown of its address.", "a…@example.org")]
    confirmed_at: MaybeInstant
    failed_at: MaybeInstant
    failure: Annotated[str, text("Why the last delivery failed; empty after one that did not.", "")]
    choices: Annotated[dict[str, _LEVELS], Field(description="From which severity on, for each group of notices.")]

    @classmethod
    def of(cls, one: Target) -> "ReceiverLine":
        """From the store."""
        return cls.model_validate(
            {
                "receiver_id": one.target_id,
                "kind": one.kind,
                "label": one.label,
                "address": one.address,
                "confirmed_at": when(one.confirmed_at),
                "failed_at": when(one.failed_at),
                "failure": one.failure,
                "choices": {group.value: level.value for group, level in one.choices.items()},
            }
        )


class Quiet(Record):
    """The hours in which only alarms are sent."""

    zone: Annotated[str, text("Whose clock.", "Europe/Berlin")]
    begins: Annotated[str, text("By that clock.", "22:00")]
    ends: Annotated[str, text("By that clock; over midnight if it is earlier.", "07:00")]

    @classmethod
    def of(cls, hours: QuietHours) -> "Quiet":
        """From the store."""
        return cls(zone=hours.zone, begins=clock(hours.begins), ends=clock(hours.ends))


class Receivers(Record):
    """Where notices are sent; `quiet` is null where they are sent at any hour."""

    receivers: list[ReceiverLine]
    quiet: Quiet | None


class HookLine(Record):
    """A door for alerts of a chart. One that is not live only says what would have been."""

    hook_id: Annotated[str, text("Its id, as in its address.", "5b1f0e7c9a2d4e6f8a01")]
    account_id: AccountIdText
    label: Annotated[str, text("As its owner calls it.", "BTC breakout")]
    pairs: Annotated[list[PairText], Field(examples=[["BTC/USD"]])]
    quote: QuoteText
    most: Annotated[str, amount("In `quote`: what an order may be worth at most.", "1000")]
    known_sources: Annotated[
        bool, Field(description="Whether only addresses that TradingView publishes may knock.", examples=[True])
    ]
    is_live: Annotated[bool, Field(examples=[False])]
    created_at: Instant
    used_at: MaybeInstant

    @classmethod
    def of(cls, one: Hook) -> "HookLine":
        """From the store."""
        pairs = sorted(one.terms.pairs, key=str)
        return cls(
            hook_id=one.hook_id,
            account_id=one.account_id,
            label=one.label,
            pairs=[str(pair) for pair in pairs],
            quote=pairs[0].quote,
            most=plain(one.terms.most),
            known_sources=one.known_sources,
            is_live=one.is_live,
            created_at=instant(one.created_at),
            used_at=when(one.used_at),
        )


class Hooks(Record):
    """Your hooks, the oldest first."""

    hooks: list[HookLine]


class ProposalLine(Record):
    """An alert that came through a hook, and what became of it."""

    alert_id: Annotated[str, text("The chart's own id of it.", "long 2026-11-21T14:03:00Z")]
    at: Instant
    action: Annotated[Literal["long", "short", "close"], Field(examples=["long"])]
    pair: PairText
    base: BaseText
    quote: QuoteText
    quantity: Annotated[str | None, amount("In `base`; null for a close.", "0.01")]
    stop: Annotated[str | None, amount("In `quote`; null for a close.", "59000")]
    fate: Annotated[
        Literal["dry_run", "refused", "sent"],
        Field(description="What would have been, what was not, or what was sent to the trader.", examples=["sent"]),
    ]
    words: Annotated[str, text("The same for people.", "A long of 0.01 BTC.")]
    command_id: Annotated[int | None, Field(description="What it became, for GET /commands.", examples=[118])]

    @classmethod
    def of(cls, one: Proposed) -> "ProposalLine":
        """From the store."""
        proposal, fate = one.proposal, one.fate
        return cls.model_validate(
            {
                "alert_id": one.alert_id,
                "at": instant(one.at),
                "action": proposal.action.value,
                "pair": str(proposal.pair),
                "base": proposal.pair.base,
                "quote": proposal.pair.quote,
                "quantity": told(proposal.quantity),
                "stop": told(proposal.stop),
                "fate": fate.name,
                "words": fate.words,
                "command_id": fate.command_id,
            }
        )


class Proposals(Record):
    """What came through a hook, the latest first."""

    proposals: list[ProposalLine]


HookId = Annotated[
    str, Path(min_length=1, max_length=64, description="The hook's id.", examples=["5b1f0e7c9a2d4e6f8a01"])
]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/receivers", TAG)
    async def receivers(caller: known) -> Receivers:
        """Where your notices are sent, which, and when."""
        found = await web.store.targets_of(caller.person.user_id)
        hours = await web.store.quiet_hours(caller.person.user_id)
        return Receivers(
            receivers=[ReceiverLine.of(each) for each in found], quiet=None if hours is None else Quiet.of(hours)
        )

    @door.get("/hooks", TAG)
    async def hooks(caller: known) -> Hooks:
        """Your doors for alerts of charts."""
        return Hooks(hooks=[HookLine.of(each) for each in await web.store.hooks_of(caller.person.user_id)])

    @door.get("/hooks/{hook_id}/proposals", TAG)
    async def proposals(
        caller: known,
        hook_id: HookId,
        limit: Annotated[int, Query(ge=1, le=_MOST_PROPOSALS, description="At most so many.", examples=[20])] = 20,
    ) -> Proposals:
        """What came through a hook lately, and what became of it."""
        await _own(caller, hook_id)
        found = await web.store.proposals_of(caller.person.user_id, hook_id, limit=limit)
        return Proposals(proposals=[ProposalLine.of(each) for each in found])

    @door.add("POST", "/hooks/{hook_id}/dry-run", TAG, Scope.EXITS)
    async def dry_run(request: Request, caller: known, hook_id: HookId) -> HookLine:
        """Take a hook back to dry run: its alerts open nothing any more. Done twice it is done once."""
        found = await _own(caller, hook_id)
        line = noted(web, request, caller, "hook.quiet", found.account_id, label=found.label)
        words = f"The hook {found.label} is in dry run again."
        await web.store.set_hook_live(caller.person.user_id, hook_id, is_live=False, noted=line, told=words)
        return HookLine.of(await _own(caller, hook_id))

    async def _own(caller: Caller, hook_id: str) -> Hook:
        """A hook of the token's owner. Raises HTTPException 404."""
        found = await web.store.hook(hook_id)
        if found is None or found.user_id != caller.person.user_id:
            raise HTTPException(404)
        return found
