"""The desk's sums by themselves: exposure, the day's earnings, costs, falls, and drawings."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import Environment, LedgerKind, LedgerRow, LedgerRowId
from jarvis.domain.instrument import Side
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import OrderRole, OrderType
from jarvis.ledger.journal import Account, entry_for_charge
from jarvis.store.db import Store
from jarvis.store.records import Overview, PositionRecord
from jarvis.trading.bars import BarAggregator
from jarvis.trading.state import Marks
from jarvis.web.desk.candlebook import CandleBook
from jarvis.web.desk.charts import below_peak, fall_of
from jarvis.web.desk.exposure import WIDTH, exposures_of
from jarvis.web.desk.glance import causes_of, glance_of, moneys_of
from jarvis.web.desk.portfolio import Book, Holding, unprotected_first
from jarvis.web.desk.positions import costs_so_far, earned_since_midnight, midnight_of, position_of
from jarvis.web.drawing import gauge, move_curve
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.test_desk import owner_id

D = Decimal


def record(hours: int = 2, *, quantity: str = "1", price: str = "100", side: Side = Side.BUY) -> PositionRecord:
    story = samples.story(samples.SOL, side, quantity, price, "90", hours=hours)
    opening = replace(
        samples.opening_of(replace(story, opened_quantity=D(quantity), decision_price=D(price))), fee=D(1)
    )
    return PositionRecord(story, (), (opening,), ())


async def book(store: Store, *held: PositionRecord, marks: tuple[str, ...] = (), sandbox: bool = True) -> Book:
    environment = Environment.SANDBOX if sandbox else Environment.LIVE
    account_id = await day.connect(store, await owner_id(store), environment, number=11 if sandbox else 12)
    account = await store.account(await owner_id(store), account_id)
    assert account is not None
    prices = marks or ("110",) * len(held)
    holdings = tuple(
        Holding(each, position_of(each, D(price), samples.NOW)) for each, price in zip(held, prices, strict=True)
    )
    return Book(Overview(account, Marks(), samples.margin(), None, None), holdings, {}, {}, None, 3, samples.NOW)


# --- since midnight ----------------------------------------------------------------------------------------------


def test_what_was_opened_today_has_earned_all_that_it_has() -> None:
    assert earned_since_midnight(record(), D(110), D(500), samples.NOW) == 9  # 110 - 100 - a fee of 1


def test_what_was_held_at_midnight_counts_from_its_price_then() -> None:
    assert earned_since_midnight(record(hours=30), D(110), D(104), samples.NOW) == 6
    assert earned_since_midnight(record(hours=30), D(110), None, samples.NOW) is None


def test_a_short_earns_what_the_price_falls() -> None:
    short = record(hours=30, side=Side.SELL, quantity="2")

    assert earned_since_midnight(short, D(90), D(104), samples.NOW) == 28


def test_a_charge_of_today_is_no_earning() -> None:
    held = record(hours=30)
    row = LedgerRow(LedgerRowId("r"), "", samples.NOW, LedgerKind.INTEREST, USD, D(0), D("0.5"), None)
    charged = replace(held, entries=(entry_for_charge(row, D("0.5"), held.story.position_id, held.story.pair),))

    assert earned_since_midnight(charged, D(110), D(104), samples.NOW) == D("5.5")
    assert costs_so_far(charged.entries) == (("interest", D("0.5"), USD),)


def test_interest_that_grew_a_shorts_debt_counts_once() -> None:
    held = record(hours=30, side=Side.SELL, quantity="2")
    story = held.story
    grown = replace(story, position=story.position.accrue(D("0.01"), "r", samples.NOW))
    row = LedgerRow(LedgerRowId("r"), "", samples.NOW, LedgerKind.INTEREST, Asset("SOL"), D(0), D("0.01"), None)
    entry = entry_for_charge(row, D("0.01"), story.position_id, story.pair, grows_debt=True)

    earned = earned_since_midnight(replace(held, story=grown, entries=(entry,)), D(100), D(100), samples.NOW)

    assert earned == D(-1)  # 0.01 SOL more are owed, at 100
    assert costs_so_far([entry]) == (("interest", D("0.01"), Asset("SOL")),)


def test_midnight_is_utcs() -> None:
    assert midnight_of(samples.NOW).isoformat() == "2026-11-21T00:00:00+00:00"


# --- exposure ----------------------------------------------------------------------------------------------------


async def test_longs_and_shorts_of_one_pair_stand_on_both_sides_of_the_middle(store: Store, owner: Browser) -> None:
    shown = await book(store, record(quantity="2"), record(side=Side.SELL, quantity="1"))

    (kind,) = exposures_of([shown])

    (bar,) = kind.by_pair
    assert (bar.long, bar.short, bar.net, bar.gross) == (D(220), D(110), D(110), D(330))
    assert (kind.net, kind.gross) == (D(110), D(330))
    long, short = bar.segments
    assert (long.tone, short.tone) == ("long", "short")
    assert long.x == WIDTH // 2
    assert long.x + long.width <= WIDTH
    assert short.x + short.width < WIDTH // 2
    assert short.width == pytest.approx(long.width / 2, abs=1)


async def test_sandbox_and_live_never_share_a_bar(store: Store, owner: Browser) -> None:
    books = [await book(store, record()), await book(store, record(), sandbox=False)]

    kinds = exposures_of(books)

    assert [(kind.environment, kind.gross) for kind in kinds] == [("live", D(110)), ("sandbox", D(110))]
    assert [(money.environment, money.accounts) for money in moneys_of(books)] == [("live", 1), ("sandbox", 1)]


async def test_nothing_held_is_no_exposure_and_a_quiet_glance(store: Store, owner: Browser) -> None:
    shown = await book(store)

    assert exposures_of([shown]) == ()
    glance = glance_of([shown])
    assert (glance.positions, glance.worst, glance.nearest, glance.open_orders) == (0, None, None, 3)


def test_no_stop_comes_before_one_that_costs_much() -> None:
    stop = samples.order(samples.SOL, OrderRole.STOP, Side.SELL, OrderType.STOP, "1", "s", price="80")
    bare, guarded = record(), replace(record(quantity="50"), orders=(stop,))
    holdings = [Holding(each, position_of(each, D(110), samples.NOW)) for each in (guarded, bare)]

    assert [each.record for each in unprotected_first(holdings)] == [bare, guarded]


# --- sums and drawings -------------------------------------------------------------------------------------------


def test_the_days_causes_sum_to_the_day() -> None:
    totals = {(Account.PRICE, USD): D(-30), (Account.TRADING_FEE, USD): D(4), (Account.INTEREST, Asset("SOL")): D(7)}

    causes = causes_of(totals, D(40), USD)

    assert sum(value for _, value in causes) == 40
    assert dict(causes)["Trading fees"] == -4
    assert causes_of(totals, None, USD) == ()


def test_a_curve_knows_how_far_it_fell() -> None:
    assert below_peak([1.0, 2.0, 1.5, 4.0, 3.0]) == [0.0, 0.0, 0.25, 0.0, 0.25]
    assert (fall_of([1.0, 2.0, 1.0, 1.5]).largest, fall_of([1.0, 2.0, 1.0, 1.5]).now) == (0.5, 0.25)
    assert fall_of([]).now == 0.0


@pytest.mark.parametrize(
    ("level", "word", "tone"),
    [
        (None, "nothing borrowed", "good"), ("0.4", "liquidation", "bad"), ("0.8", "margin call", "bad"),
        ("0.95", "nothing free", "warn"), ("1.2", "tight", "warn"), ("2.83", "comfortable", "good"),
    ],
)  # fmt: skip
def test_a_margin_level_has_a_word(level: str | None, word: str, tone: str) -> None:
    drawn = gauge(None if level is None else D(level), D("0.8"), D("0.4"))

    assert (drawn.word, drawn.tone) == (word, tone)
    assert drawn.scale == "call 80 %, liquidation 40 %"


def test_the_curve_of_a_move_spans_its_box_and_marks_now_and_the_end() -> None:
    moves = [D(-1) / 2, D(0), D(1) / 2]

    drawn = move_curve(moves, [D(0), D(100), D(200)], [D(90), D(100), D(200)], D("0.25"), [D("-0.25")])

    assert (drawn.middle, drawn.cursor, drawn.ends) == (300, 450, (150,))
    assert drawn.bare.startswith("M0 114")
    assert drawn.stopped.endswith("600 6")
    assert move_curve(moves, [D(1)] * 3, [D(1)] * 3, D(0), []).now == 60


# --- candles -----------------------------------------------------------------------------------------------------


def summed(minutes: list[Bar], interval: timedelta) -> list[Bar]:
    aggregator = BarAggregator(interval)
    return [bar for minute in minutes for bar in aggregator.push(minute)]


@pytest.mark.parametrize("minutes", [1, 5, 60])
async def test_candles_that_are_carried_on_are_those_that_are_summed_anew(store: Store, minutes: int) -> None:
    interval, told = timedelta(minutes=minutes), samples.bars(samples.BTC, 400)
    book = CandleBook(store, seconds=lambda: 0.0)
    for end in (130, 131, 137, 244, 400):
        await store.record_bars(day.KRAKEN, told[:end])

        carried = await book.last(day.KRAKEN, samples.BTC, interval, 4)

        assert list(carried.finished) == summed(told[:end], interval)[-4:]
        assert carried.heard_until == told[end - 1].closed_at
        assert sum((bar.volume for bar in carried.forming), D(0)) == sum(
            (bar.volume for bar in told[:end] if bar.opened_at >= carried.finished[-1].closed_at), D(0)
        )


async def test_a_minute_that_came_late_finds_its_place_within_the_hour(store: Store) -> None:
    told, passed = samples.bars(samples.BTC, 120), [0.0]
    book = CandleBook(store, seconds=lambda: passed[0])
    await store.record_bars(day.KRAKEN, [*told[:100], *told[101:]])
    before = await book.last(day.KRAKEN, samples.BTC, timedelta(minutes=5), 30)

    await store.record_bars(day.KRAKEN, told)
    passed[0] = 3601.0
    after = await book.last(day.KRAKEN, samples.BTC, timedelta(minutes=5), 30)

    assert list(after.finished) != list(before.finished)
    assert list(after.finished) == summed(told, timedelta(minutes=5))[-30:]


async def test_a_pair_without_minutes_has_no_candles(store: Store) -> None:
    found = await CandleBook(store).last(day.KRAKEN, samples.BTC, timedelta(minutes=5), 30)

    assert (found.finished, found.forming, found.heard_until) == ([], [], None)
