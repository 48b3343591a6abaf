"""Hooks and what came through them: one look for a chart that waits, each alert once, nothing of a stranger's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store
from jarvis.store.hooks import MOST_HOOKS, Fate, Hook
from jarvis.store.people_tables import proposals
from jarvis.store.records import AccountState
from jarvis.trading.events import CloseByHand
from jarvis.trading.limits import Limits
from jarvis.trading.proposals import Proposal, ProposalAction, Situation, Terms
from tests.store.samples import ACCOUNT, BTC_USD, NOON, OWNER, STRANGER, at, connect, margin, person

SOL_USD = Pair.parse("SOL/USD")
HOOK = Hook(
    "hook-1", OWNER, ACCOUNT, "chart", Terms(frozenset({BTC_USD, SOL_USD}), Decimal("1000.5")),
    known_sources=True, is_live=False, created_at=NOON, token_hash=b"h" * 32,
)  # fmt: skip
LONG = Proposal(ProposalAction.LONG, BTC_USD, Decimal("0.01"), Decimal(59000))
DRY = Fate("dry_run", "A long of 0.01 BTC.")


def noted(kind: str = "hook.made", user_id: UserId = OWNER) -> AuditEntry:
    return AuditEntry(kind, NOON, user_id, user_id)


async def made(store: Store, hook: Hook = HOOK) -> None:
    assert await store.add_hook(hook, noted=noted(), told="A hook was made.")


async def test_one_look_has_the_hook_its_account_and_the_price_of_each_pair(store: Store) -> None:
    await connect(store)
    await made(store)
    limits = Limits(allowed_pairs=frozenset({BTC_USD}))
    await store.save_limits(OWNER, ACCOUNT, limits)
    await store.set_account_state(ACCOUNT, AccountState.ARMED, "", at(1))
    await store.record_equity(ACCOUNT, margin(at(1), "9000"))
    await store.record_equity(ACCOUNT, margin(at(2), "10000.5"))
    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    quote = Quote(BTC_USD, Decimal(60000), Decimal("60000.2"), Decimal("60000.1"), at(2))
    await store.record_quotes(account.feed, [quote])
    await store.record_quotes(account.venue + "-elsewhere", [replace(quote, last=Decimal(1))])  # type: ignore[arg-type]

    knocked = await store.knocked("hook-1")

    assert knocked is not None
    assert knocked.hook == HOOK
    assert knocked.situation(BTC_USD) == Situation(
        limits, is_armed=True, price=Decimal("60000.1"), equity=Decimal("10000.5"), asset=BTC_USD.quote
    )
    other = knocked.situation(SOL_USD)
    assert other is not None
    assert other.price is None


async def test_without_prices_limits_and_margin_there_is_still_a_look(store: Store) -> None:
    await connect(store)
    await made(store)

    knocked = await store.knocked("hook-1")

    assert knocked is not None
    assert knocked.situation(BTC_USD) == Situation(Limits(), is_armed=False, price=None, equity=None, asset=None)
    assert await store.knocked("hook-2") is None


async def test_a_disconnected_account_has_no_situation(store: Store) -> None:
    await connect(store)
    await made(store)
    await store.disconnect_account(OWNER, ACCOUNT, at(1))

    knocked = await store.knocked("hook-1")

    assert knocked is not None
    assert knocked.situation(BTC_USD) is None


async def test_an_alert_is_kept_once_even_at_once(store: Store) -> None:
    await connect(store)
    await made(store)

    kept = await asyncio.gather(*(store.keep_proposal(HOOK, "long 1", LONG, DRY, at(1)) for _ in range(8)))

    assert [each for each in kept if each is not None] == [DRY]
    (proposed,) = await store.proposals_of(OWNER, "hook-1")
    assert (proposed.proposal, proposed.fate) == (LONG, DRY)
    assert await store.proposals_of(STRANGER, "hook-1") == []
    (hook,) = await store.hooks_of(OWNER)
    assert hook.used_at == at(1)


WISH = CloseByHand(at(1), BTC_USD)


async def sent(store: Store) -> Fate | None:
    return await store.keep_proposal(HOOK, "long 1", LONG, DRY, at(1), wish=WISH, noted=noted("hook.proposed"))


async def test_a_wish_its_fate_and_its_audit_line_are_there_together_and_once(store: Store) -> None:
    await connect(store)
    await made(store)

    fates = await asyncio.gather(*(sent(store) for _ in range(4)))

    (fate,) = [each for each in fates if each is not None]
    (command,) = await store.take_commands(ACCOUNT)
    assert fate == Fate("sent", DRY.words, command.command_id)
    assert command.as_event(at(1)) == WISH
    assert [each.fate for each in await store.proposals_of(OWNER, "hook-1")] == [fate]
    assert [each.kind for each in await store.audit_lines()].count("hook.proposed") == 1


@pytest.mark.parametrize("step", ["_sent", "_tell_of"])
async def test_a_wish_that_breaks_on_its_way_leaves_nothing_and_the_alert_may_come_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await connect(store)
    await made(store)
    whole = getattr(store, step)

    async def torn(*arguments: Any, **named: Any) -> None:
        await whole(*arguments, **named)
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(type(store), step, lambda _self, *given, **named: torn(*given, **named))
        with pytest.raises(RuntimeError):
            await sent(store)

    assert await store.proposals_of(OWNER, "hook-1") == []
    assert await store.take_commands(ACCOUNT) == []
    assert "hook.proposed" not in [each.kind for each in await store.audit_lines()]
    again = await sent(store)
    assert again is not None
    assert again.name == "sent"


async def test_old_proposals_are_forgotten_and_those_of_an_ended_hook(store: Store) -> None:
    await connect(store)
    await made(store)
    await store.keep_proposal(HOOK, "old", LONG, DRY, at(1))
    late = at(1) + timedelta(days=40)
    assert await store.keep_proposal(replace(HOOK, used_at=at(1)), "new", LONG, DRY, late)
    assert len(await store.proposals_of(OWNER, "hook-1")) == 2, "no alert waits for what is forgotten"

    assert await store.prune_proposals(at(1)) == 0
    assert await store.prune_proposals(late) == 1
    assert [each.alert_id for each in await store.proposals_of(OWNER, "hook-1")] == ["new"]
    assert await store.end_hook(OWNER, "hook-1", noted=noted("hook.ended"), told="")
    assert await store.proposals_of(OWNER, "hook-1") == []
    assert not await store.keep_proposal(HOOK, "newer", LONG, DRY, late), "it was ended meanwhile"


async def test_a_stranger_ends_and_changes_nothing(store: Store) -> None:
    await connect(store)
    await store.add_person(person(STRANGER))
    await made(store)

    theirs = noted("hook.ended", STRANGER)
    assert not await store.end_hook(STRANGER, "hook-1", noted=theirs, told="")
    assert not await store.set_hook_live(STRANGER, "hook-1", is_live=True, noted=theirs, told="")

    assert await store.hooks_of(OWNER) == [HOOK]
    assert await store.hooks_of(STRANGER) == []


async def test_a_hook_goes_live_once_and_back(store: Store) -> None:
    await connect(store)
    await made(store)

    changes = [
        await store.set_hook_live(OWNER, "hook-1", is_live=wanted, noted=noted("hook.live"), told="")
        for wanted in (True, True, False)
    ]

    assert changes == [True, False, True]


async def test_there_are_never_more_than_ten_even_at_once(store: Store) -> None:
    await connect(store)

    kept = await asyncio.gather(
        *(
            store.add_hook(replace(HOOK, hook_id=f"h{number}", token_hash=bytes([number]) * 32), noted=noted(), told="")
            for number in range(MOST_HOOKS + 3)
        )
    )

    assert sum(kept) == MOST_HOOKS


async def test_hooks_end_with_a_persons_wish_to_leave(store: Store) -> None:
    await connect(store)
    await made(store)

    await store.begin_deletion(OWNER, at(2), noted("person.deletion_asked"))

    assert await store.knocked("hook-1") is None
    assert await store.hooks_of(OWNER) == []


async def test_much_is_forgotten_in_pieces_between_which_others_write(store: Store) -> None:
    await connect(store)
    await made(store)
    for number in range(7):
        await store.keep_proposal(HOOK, f"old {number}", LONG, DRY, at(number))
    written: list[int] = []
    write = store._write

    @asynccontextmanager
    async def counted() -> AsyncIterator[AsyncConnection]:
        async with write() as connection:
            written.append(1)
            yield connection

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "_write", counted)
        assert await store._forget(proposals, proposals.c.at < at(6), 3) == 6

    assert [each.alert_id for each in await store.proposals_of(OWNER, "hook-1")] == ["old 6"]
    assert len(written) == 3
