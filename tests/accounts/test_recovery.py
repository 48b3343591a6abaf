import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.accounts.recovery import code_hash
from tests.accounts.world import HERE, NOW, STRANGER, World, noted


async def test_there_are_ten_codes_of_128_bits(here: World) -> None:
    ada = await here.person()

    codes = await here.codes(ada)

    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 26 for code in codes)
    factors = await here.store.factors(ada.user_id)
    assert (factors.codes_left, factors.codes_made_at, factors.any) == (10, NOW, False)


async def test_codes_are_kept_as_hashes_only(here: World, statements: list[str]) -> None:
    ada = await here.person()
    codes = await here.codes(ada)

    async with here.store._read() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM recovery_codes")).all()
    assert {row[0] for row in rows} == {code_hash(code) for code in codes}
    assert not any(code in str(rows) or code.replace("-", "") in str(rows) for code in codes)
    assert not any(code in statement for statement in statements for code in codes)


async def test_a_code_is_good_once_and_for_its_person_only(here: World) -> None:
    ada, eve = await here.person(), await here.person(STRANGER)
    code = (await here.codes(ada))[0]

    assert not await here.recovery.use(eve.user_id, code, NOW, address=HERE)
    assert await here.recovery.use(ada.user_id, code, NOW, address=HERE)
    assert not await here.recovery.use(ada.user_id, code, NOW, address=HERE)

    assert (await here.store.factors(ada.user_id)).codes_left == 9
    assert (await here.kinds(ada.user_id)).count("factor.code_used") == 1


async def test_of_two_who_use_a_code_at_once_one_is_let_in(here: World) -> None:
    ada = await here.person()
    code = (await here.codes(ada))[0]

    used = await asyncio.gather(*(here.recovery.use(ada.user_id, code, NOW, address=HERE) for _ in range(10)))

    assert sum(used) == 1


async def test_new_codes_replace_the_earlier_ones_and_end_the_other_sessions(here: World) -> None:
    ada = await here.person()
    earlier = await here.codes(ada)
    kept, other = await here.signed_in(ada), await here.signed_in(ada)

    later = await here.recovery.make(ada, keeping=kept.session, noted=noted("factor.codes_made", ada))

    assert not await here.recovery.use(ada.user_id, earlier[0], NOW, address=HERE)
    assert await here.recovery.use(ada.user_id, later[0], NOW, address=HERE)
    assert await here.sessions.find(other.token, NOW) is None
    assert await here.sessions.find(kept.token, NOW) is not None


@pytest.mark.parametrize("spoil", [str.lower, lambda code: code.replace("-", ""), lambda code: f"  {code} "])
async def test_a_code_is_read_however_it_is_typed(here: World, spoil: object) -> None:
    assert callable(spoil)
    code = (await here.codes(await here.person()))[0]

    assert code_hash(spoil(code)) == code_hash(code) is not None


@given(st.text())
def test_nothing_else_is_taken_for_a_code(typed: str) -> None:
    assert code_hash(typed) is None or len(typed) >= 26
