import re
from datetime import datetime, timedelta

import pytest

from jarvis.accounts.tokens import MadeToken, TokenProblem
from jarvis.domain.people import Person, Role, Scope
from tests.accounts.world import NOW, STRANGER, World, noted

DAY = timedelta(days=1)


async def make(
    here: World, person: Person, *, label: str = "backup script", scopes: set[Scope] | None = None,
    expires_at: datetime = NOW + 30 * DAY,
) -> MadeToken | TokenProblem:  # fmt: skip
    return await here.tokens.make(
        person, NOW, label=label, scopes={Scope.READ} if scopes is None else scopes, expires_at=expires_at,
        noted=noted("token.made", person),
    )  # fmt: skip


async def made(here: World, person: Person) -> MadeToken:
    token = await make(here, person)
    assert isinstance(token, MadeToken)
    return token


async def test_a_token_is_found_by_its_secret_until_it_is_ended(here: World) -> None:
    ada = await here.person()
    token = await made(here, ada)

    found = await here.tokens.find(token.secret, NOW)

    assert found is not None
    assert (found.user_id, set(found.scopes), found.label) == (ada.user_id, {Scope.READ}, "backup script")
    assert await here.tokens.end(ada.user_id, found.token_id, noted=noted("token.ended", ada))
    assert await here.tokens.find(token.secret, NOW) is None
    assert (await here.kinds(ada.user_id))[-2:] == ["token.made", "token.ended"]
    assert "token" in (await here.told(ada))[0]


async def test_a_secret_has_a_prefix_and_256_bits_and_is_kept_as_a_hash(here: World) -> None:
    token = await made(here, await here.person())

    assert re.fullmatch(r"jvs_[A-Za-z0-9_-]{43}", token.secret)
    assert token.secret not in repr(token)
    async with here.store._read() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM api_tokens")).all()
    assert token.secret not in str(rows)
    assert token.secret[4:] not in str(rows)


async def test_what_is_no_token_finds_nothing(here: World) -> None:
    token = await made(here, await here.person())

    for text in ("", "jvs_", token.secret[4:], token.secret + "A", token.secret.upper(), token.token.token_hash.hex()):
        assert await here.tokens.find(text, NOW) is None


async def test_a_token_expires(here: World) -> None:
    token = await made(here, await here.person())

    assert await here.tokens.find(token.secret, NOW + 30 * DAY - timedelta(seconds=1)) is not None
    assert await here.tokens.find(token.secret, NOW + 30 * DAY) is None


async def test_its_last_use_is_noted_once_a_minute(here: World, statements: list[str]) -> None:
    ada = await here.person()
    token = await made(here, ada)
    await here.tokens.find(token.secret, NOW)
    statements.clear()

    for second in range(60):
        await here.tokens.find(token.secret, NOW + timedelta(seconds=second))
    assert not [each for each in statements if each.startswith("UPDATE")]

    await here.tokens.find(token.secret, NOW + timedelta(minutes=1))
    (kept,) = await here.tokens.of(ada.user_id)
    assert kept.used_at == NOW + timedelta(minutes=1)


async def test_a_suspended_persons_token_opens_nothing(here: World) -> None:
    ada = await here.person()
    token = await made(here, ada)
    await here.store.suspend(ada.user_id, noted=noted("person.suspended", ada))

    assert await here.tokens.find(token.secret, NOW) is None


async def test_another_persons_token_is_neither_listed_nor_ended(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    token = await made(here, ada)

    assert await here.tokens.of(eve.user_id) == []
    assert not await here.tokens.end(eve.user_id, token.token.token_id, noted=noted("token.ended", eve))
    assert await here.tokens.find(token.secret, NOW) is not None
    assert await here.kinds(eve.user_id) == ["person.added"]


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"label": ""}, TokenProblem.LABEL),
        ({"label": "  "}, TokenProblem.LABEL),
        ({"label": "x" * 61}, TokenProblem.LABEL),
        ({"label": "a\nb"}, TokenProblem.LABEL),
        ({"scopes": set()}, TokenProblem.SCOPES),
        ({"expires_at": NOW}, TokenProblem.EXPIRY),
        ({"expires_at": NOW + 367 * DAY}, TokenProblem.EXPIRY),
    ],
)
async def test_what_cannot_be_is_said(here: World, wish: dict[str, object], problem: TokenProblem) -> None:
    assert await make(here, await here.person(), **wish) is problem  # type: ignore[arg-type]


async def test_a_viewers_token_only_reads(here: World) -> None:
    viewer = await here.person(role=Role.VIEWER)

    assert await make(here, viewer, scopes={Scope.READ, Scope.EXITS}) is TokenProblem.NOT_FOR_VIEWERS
    assert isinstance(await make(here, viewer), MadeToken)


async def test_a_person_has_twenty_at_most(here: World) -> None:
    ada = await here.person()
    for _ in range(20):
        await made(here, ada)

    assert await make(here, ada) is TokenProblem.TOO_MANY
    assert isinstance(await make(here, await here.person(STRANGER)), MadeToken)
