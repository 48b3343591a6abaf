"""What a person wants by hand is kept exactly, taken once however often it is sent, and handed over at most once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import UserId
from jarvis.domain.instrument import Side
from jarvis.store.db import Store
from jarvis.store.queues import HANDED_OVER
from jarvis.store.wishes import KINDS, Wish, wish_of, wish_text
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.trading.strategy import Protection, TakeProfit
from tests.store.samples import ACCOUNT, BTC_USD, OWNER, at, connect

D = Decimal
OPEN = OpenByHand(at(0), BTC_USD, Side.SELL, D("0.125"), D("97000.5"), 3, Protection(D("1500.1"), trailing=True))
POSITIVE = st.decimals("0.00000001", "1000000", places=8)


def protections() -> st.SearchStrategy[Protection]:
    ladder = st.lists(st.builds(TakeProfit, POSITIVE, st.sampled_from([D("0.25"), D("0.5")])), max_size=2).map(tuple)
    times = st.none() | st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds))
    return st.builds(Protection, POSITIVE, st.booleans(), ladder, times)


WISHES = st.one_of(
    st.builds(
        OpenByHand, st.just(at(0)), st.just(BTC_USD), st.sampled_from(Side), POSITIVE, POSITIVE, st.integers(1, 10),
        protections(),
    ),
    st.builds(
        AdjustByHand, st.just(at(0)), st.just(BTC_USD), st.none() | POSITIVE, st.none() | st.booleans(),
        st.none() | st.integers(1, 10**6).map(at), st.none() | POSITIVE,
    ),
    st.builds(CloseByHand, st.just(at(0)), st.just(BTC_USD), st.decimals("0.01", "1", places=2)),
)  # fmt: skip


@given(WISHES)
def test_a_wish_is_read_back_as_it_was_written(wish: Wish) -> None:
    assert wish_of(KINDS[type(wish)], wish.pair, wish_text(wish), wish.at) == wish


async def test_a_wish_that_is_sent_twice_is_one_command(store: Store) -> None:
    await connect(store)
    first = await store.enqueue_wish(OWNER, ACCOUNT, OPEN, key="a", at=at(0))
    assert await store.enqueue_wish(OWNER, ACCOUNT, OPEN, key="a", at=at(1)) == first
    other = await store.enqueue_wish(OWNER, ACCOUNT, OPEN, key="b", at=at(1))

    taken = await store.take_commands(ACCOUNT)
    assert [each.command_id for each in taken] == [first, other]
    assert taken[0].as_event(at(0)) == OPEN


async def test_a_wish_is_handed_over_once_and_what_became_of_it_is_kept(store: Store) -> None:
    await connect(store)
    command = await store.enqueue_wish(OWNER, ACCOUNT, OPEN, key="a", at=at(0))
    assert command is not None

    assert await store.claim_command(command)
    assert not await store.claim_command(command), "after a crash it is not opened a second time"
    assert await store.take_commands(ACCOUNT) == []
    assert await store.command_result(OWNER, command) == HANDED_OVER

    await store.conclude_command(command, "BTC/USD: not opened, the account is paused.")
    await store.conclude_command(command, "done")
    assert await store.command_result(OWNER, command) == "BTC/USD: not opened, the account is paused."


async def test_strangers_want_nothing_here(store: Store) -> None:
    await connect(store)
    assert await store.enqueue_wish(UserId("stranger"), ACCOUNT, OPEN, key="a", at=at(0)) is None
    assert await store.take_commands(ACCOUNT) == []


@pytest.mark.parametrize(
    ("wish", "gets_old"),
    [
        (OPEN, True),
        (AdjustByHand(at(0), BTC_USD, D(90000)), True),
        (CloseByHand(at(0), BTC_USD, D("0.5")), True),
        (CloseByHand(at(0), BTC_USD), False),
    ],
)
async def test_all_but_leaving_whole_gets_old(store: Store, wish: Wish, gets_old: bool) -> None:
    await connect(store)
    await store.enqueue_wish(OWNER, ACCOUNT, wish, key="a", at=at(0))
    (command,) = await store.take_commands(ACCOUNT)

    assert not command.is_too_old(at(59))
    assert command.is_too_old(at(61)) is gets_old
