from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot, Balance, MarginState, VenuePosition
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderEvent,
    OrderRequest,
    OrderRole,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.domain.traits import Settlement
from jarvis.live.books import Books
from jarvis.live.debts import TRIES, TRY_AGAIN_AFTER, Debts, DebtStays
from jarvis.sim.instruments import binance_instruments
from jarvis.store.records import RecordedFill
from jarvis.trading.stories import PositionStory
from jarvis.venues.base import RateLimited, Unreachable
from tests.live.test_reconcile import story

D = Decimal
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
USDT = Asset("USDT")


class Lender:
    """A venue of which only repaying is asked; each answer is what it repays, or an error."""

    def __init__(self, *answers: Decimal | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Asset, Pair | None]] = []

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:
        self.asked.append((asset, pair))
        answer = self.answers.pop(0) if self.answers else ZERO
        if isinstance(answer, Exception):
            raise answer
        return answer


def debts(lender: Lender) -> Debts:
    listed = binance_instruments()
    return Debts(lender, {pair: listed[pair] for pair in (BTC, ETH)})  # type: ignore[arg-type]


def snapshot(owed: dict[Asset, str], *, apart: tuple[Pair, ...] = ()) -> AccountSnapshot:
    margin = MarginState(USDT, NOON, D(1000), D(1000), ZERO, D(1000), ZERO, None)
    margin = MarginState(USDT, NOON, D(1000), D(1000), ZERO, D(1000), ZERO, None, by_pair=dict.fromkeys(apart, margin))
    balances = tuple(Balance(asset, ZERO, ZERO, D(amount)) for asset, amount in owed.items())
    return AccountSnapshot(NOON, balances, margin, (), ())


def books(*traded: Pair, opening: dict[Asset, Decimal] | None = None) -> Books:
    fills = {}
    for number, pair in enumerate(traded):
        fill = Fill(
            FillId(f"T{number}"), VenueOrderId("O"), None, pair, Side.BUY, D(1), D(1), D(1), ZERO, pair.quote, NOON
        )
        fills[fill.fill_id] = RecordedFill(fill, ZERO, PositionId("p"))
    return Books(NOON, fills, set(), {}, None, None, Settlement.WALLET, opening=opening or {})


def entry(side: Side) -> Order:
    request = OrderRequest(ClientOrderId("jv1"), BTC, side, OrderType.MARKET, D(1), 3, OrderRole.ENTRY)
    return Order(request, NOON).after(OrderEvent.SEND)


async def settled(
    lender: Lender,
    owed: dict[Asset, str],
    *,
    stories: tuple[PositionStory, ...] = (),
    orders: tuple[Order, ...] = (),
    kept: Books | None = None,
) -> list[DebtStays]:
    return await debts(lender).settle(snapshot(owed), kept or books(BTC), stories, orders, NOON)


async def test_a_debt_that_no_position_needs_is_repaid() -> None:
    lender = Lender(D("0.5"))

    told = await settled(lender, {BTC.base: "0.5"})

    assert (lender.asked, told) == ([(BTC.base, None)], [])


async def test_a_short_needs_its_coin_and_a_long_its_money() -> None:
    lender = Lender()

    await settled(lender, {BTC.base: "0.5"}, stories=(story(BTC, Side.SELL, "0.5"),))
    await settled(lender, {USDT: "50"}, stories=(story(ETH, Side.BUY, "0.5"),))
    await settled(lender, {USDT: "50"}, orders=(entry(Side.BUY),))

    assert lender.asked == []


async def test_a_long_does_not_need_the_coin_nor_a_short_the_money() -> None:
    lender = Lender(D("0.5"), D(50))

    await settled(lender, {BTC.base: "0.5"}, stories=(story(BTC, Side.BUY, "0.5"),))
    await settled(lender, {USDT: "50"}, stories=(story(BTC, Side.SELL, "0.5"),), orders=(entry(Side.SELL),))

    assert [asset for asset, _ in lender.asked] == [BTC.base, USDT]


async def test_what_the_owner_owed_before_or_borrowed_elsewhere_is_left_alone() -> None:
    lender = Lender()

    await settled(lender, {ETH.base: "2"})
    await settled(lender, {BTC.base: "2"}, kept=books(BTC, opening={BTC.base: D(-1)}))

    assert lender.asked == []


async def test_where_pairs_are_apart_each_flat_ones_own_debt_is_repaid() -> None:
    lender = Lender(D(50))
    held = story(ETH, Side.BUY, "1")

    await debts(lender).settle(snapshot({USDT: "80"}, apart=(BTC, ETH)), books(BTC, ETH), [held], [], NOON)

    assert lender.asked == [(USDT, BTC)]


async def test_a_debt_that_stays_is_tried_again_and_then_said_once() -> None:
    lender = Lender()
    settling = debts(lender)
    said, again = [], []

    for number in range(TRIES + 2):
        now = NOON + number * TRY_AGAIN_AFTER
        said += await settling.settle(snapshot({BTC.base: "0.00001"}), books(BTC), [], [], now)
        again.append(settling.again_at is not None)

    assert len(said) == 1
    assert "0.00001 BTC is still owed" in said[0].message
    assert again == [True] * (TRIES - 1) + [False, False, False]
    assert len(lender.asked) == TRIES + 2


async def test_while_the_venue_takes_no_repayments_it_waits_as_long_as_it_says() -> None:
    lender = Lender(RateLimited("interest is being charged", timedelta(seconds=90)), D("0.5"))
    settling = debts(lender)

    await settling.settle(snapshot({BTC.base: "0.5"}), books(BTC), [], [], NOON)
    waits_until = settling.again_at
    await settling.settle(snapshot({BTC.base: "0.5"}), books(BTC), [], [], NOON + timedelta(seconds=90))

    assert waits_until == NOON + timedelta(seconds=90)
    assert settling.again_at is None


async def test_a_failed_repayment_is_no_failure_of_the_account() -> None:
    assert await settled(Lender(Unreachable("no answer")), {BTC.base: "0.5"}) == []


async def test_less_than_the_smallest_order_is_dust_and_is_said_once_and_calmly() -> None:
    lender = Lender()
    keeper = debts(lender)

    async def settle(owed: str) -> list[DebtStays]:
        return await keeper.settle(snapshot({BTC.base: owed}), books(BTC), (), (), NOON)

    (said,) = await settle("0.00000001")

    assert said.is_dust
    assert "0.00000001 BTC is left owed" in said.message
    assert await settle("0.00000002") == []
    assert keeper.again_at is None
    assert len(lender.asked) == 2, "what can be repaid of it is"
    least = binance_instruments()[BTC].min_quantity
    assert await settle(str(least)) == []
    assert keeper.again_at == NOON + TRY_AGAIN_AFTER


async def test_a_debt_in_what_is_left_of_a_venues_position_is_said_once_and_calmly() -> None:
    keeper = debts(Lender())
    least = binance_instruments()[BTC].min_quantity

    async def settle(quantity: Decimal, borrowed: str) -> list[DebtStays]:
        left = VenuePosition(BTC, Side.BUY, quantity, D(1), ZERO, borrowed_asset=USDT, borrowed=D(borrowed))
        seen = replace(snapshot({USDT: "21.77"}), positions=(left,))
        return await keeper.settle(seen, books(BTC), (), (), NOON)

    (said,) = await settle(least / 2, "21.77")

    assert said.is_dust
    assert "21.77 USDT is left owed at the venue in what remains of BTC/USDT" in said.message
    assert await settle(least / 2, "21.77") == []
    assert keeper.again_at is None
    assert await settle(least / 2, "21.76") == []
    assert keeper.again_at == NOON + TRY_AGAIN_AFTER, "a part of the debt is elsewhere"
    keeper.again_at = None
    await settle(least, "21.77")
    assert keeper.again_at == NOON + TRY_AGAIN_AFTER, "an order can close it"
