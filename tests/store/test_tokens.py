import asyncio
from dataclasses import replace
from datetime import timedelta

from jarvis.domain.people import ApiToken, AuditEntry, Scope
from jarvis.store.db import Store
from tests.store.samples import NOON, OWNER, STRANGER, at, person

TOLD = "Something happened."
MADE, ENDED = AuditEntry("token.made", NOON, OWNER, OWNER), AuditEntry("token.ended", NOON, OWNER, OWNER)


def token(number: int = 1) -> ApiToken:
    scopes = frozenset({Scope.READ, Scope.EXITS})
    return ApiToken(f"token {number}", bytes([number]), OWNER, "script", scopes, at(number), at(3600))


async def test_a_token_is_kept_as_it_is_found_used_and_ended(store: Store) -> None:
    await store.add_person(person(OWNER))
    assert await store.add_token(token(), most=20, noted=MADE, told=TOLD)

    assert await store.api_token(bytes([1])) == token()
    assert await store.api_token(b"none") is None
    await store.note_token_use("token 1", at(60))
    assert await store.tokens_of(OWNER) == [replace(token(), used_at=at(60))]
    assert await store.tokens_of(STRANGER) == []
    assert not await store.end_token(STRANGER, "token 1", noted=ENDED, told=TOLD)
    assert await store.end_token(OWNER, "token 1", noted=ENDED, told=TOLD)
    assert not await store.end_token(OWNER, "token 1", noted=ENDED, told=TOLD)
    assert await store.api_token(bytes([1])) is None
    assert [each.kind for each in await store.audit_lines()] == ["token.made", "token.ended"]
    assert len(await store.notices_of(OWNER)) == 2


async def test_those_that_are_made_at_once_do_not_exceed_what_a_person_may_have(store: Store) -> None:
    await store.add_person(person(OWNER))

    made = await asyncio.gather(
        *(store.add_token(token(number), most=3, noted=MADE, told=TOLD) for number in range(1, 9))
    )

    assert sum(made) == 3
    assert len(await store.tokens_of(OWNER)) == 3
    assert len(await store.audit_lines()) == 3


async def test_tokens_are_forgotten_a_month_after_they_ran_out(store: Store) -> None:
    await store.add_person(person(OWNER))
    await store.add_token(token(), most=20, noted=MADE, told=TOLD)
    day, month = timedelta(days=1), timedelta(days=30)

    assert (await store.prune(at(3600) + month - day, idle=day, absolute=day)).tokens == 0
    assert (await store.prune(at(3600) + month, idle=day, absolute=day)).tokens == 1
