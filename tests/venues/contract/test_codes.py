"""What a venue's own trouble means to us: an open outcome is looked up, never repeated; a measure stops us in words."""

import asyncio
from decimal import Decimal

import pytest

from jarvis.domain.order import Fill, OrderType
from jarvis.venues.base import (
    Accepted,
    KeyInvalid,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RefusalReason,
    Refused,
    StreamGap,
    VenueError,
)
from tests.venues.contract.benches import BENCHES
from tests.venues.contract.test_outcomes import drained
from tests.venues.wires import on_virtual_time

OPEN = {
    "binance": ("-1000", "-1001", "-1006", "-3000", "-3999"),
    "binance-isolated": ("-1006", "-3999"),
    "bybit": ("10000", "10016", "170007", "170146", "170147"),
    "okx": ("50004", "50026", "51054", "51149"),
    "okx-multi-currency": ("50026", "51054"),
}
CASES = [(venue, code) for venue, codes in OPEN.items() for code in codes]
R = RefusalReason
# What becomes of a place, and a word that says what to do where only the owner can do something.
REFUSED = [
    ("binance", "-3004", R.NOT_ELIGIBLE, "ask Binance's support"),
    ("binance", "-3008", R.NOT_ELIGIBLE, ""),
    ("binance", "-3009", R.NOT_ELIGIBLE, ""),
    ("binance", "-3010", R.NOT_ELIGIBLE, ""),
    ("binance", "-3012", R.NOT_ELIGIBLE, ""),
    ("binance", "-3014", R.NOT_ELIGIBLE, "ask Binance's support"),
    ("binance", "-3022", R.NOT_ELIGIBLE, "ask Binance's support"),
    ("binance", "-3024", R.MARGIN_LEVEL_TOO_LOW, ""),
    ("binance", "-3036", R.MARGIN_LEVEL_TOO_LOW, "ask Binance's support"),
    ("binance", "-3042", R.MARGIN_LEVEL_TOO_LOW, ""),
    ("bybit", "170359", R.NOT_ELIGIBLE, "no spot margin"),
    ("bybit", "176012", R.NOT_ELIGIBLE, "for this pair"),
    ("bybit", "176013", R.NOT_ELIGIBLE, "no loans"),
    ("okx", "59113", R.NOT_ELIGIBLE, "where you live"),
    ("okx", "59114", R.NOT_ELIGIBLE, "where you live"),
]
RAISED: list[tuple[str, str, type[VenueError], str]] = [
    ("binance", "-3001", NotPermitted, "two-factor"),
    ("binance", "-3044", OutcomeUnknown, ""),
    ("bybit", "10007", KeyInvalid, "new key"),
    ("bybit", "10008", NotPermitted, "ask Bybit's support"),
    ("bybit", "10009", NotPermitted, "this server's address"),
    ("bybit", "10014", OutcomeUnknown, ""),
    ("bybit", "10024", NotPermitted, "your country or account"),
    ("bybit", "10429", RateLimited, ""),
    ("bybit", "20003", RateLimited, ""),
    ("okx", "50013", RateLimited, ""),
]


@pytest.mark.parametrize(("venue", "code"), CASES)
@on_virtual_time
async def test_an_order_behind_an_open_outcome_is_found_and_never_sent_again(venue: str, code: str) -> None:
    bench = BENCHES[venue]()
    wanted = bench.wish()
    bench.fail("code_after_accept", verb="place", code=code)

    with pytest.raises(OutcomeUnknown):
        await bench.venue.place(wanted)

    found = await bench.venue.find_order(wanted.client_order_id)
    assert found is not None
    assert found.client_order_id == wanted.client_order_id
    assert bench.orders_at_venue() == 1


@pytest.mark.parametrize(("venue", "code"), CASES)
@on_virtual_time
async def test_an_order_that_an_open_outcome_kept_away_is_proved_absent(venue: str, code: str) -> None:
    bench = BENCHES[venue]()
    wanted = bench.wish()
    bench.fail("code_before_accept", verb="place", code=code)

    with pytest.raises(OutcomeUnknown):
        await bench.venue.place(wanted)

    bench.advance(1)
    assert await bench.venue.find_order(wanted.client_order_id) is None
    assert bench.orders_at_venue() == 0


@pytest.mark.parametrize(("venue", "code"), CASES)
@on_virtual_time
async def test_a_cancel_behind_an_open_outcome_is_not_taken_for_a_refusal(venue: str, code: str) -> None:
    bench = BENCHES[venue]()
    wanted = bench.wish(order_type=OrderType.LIMIT, limit_price=Decimal(58_000))
    placed = await bench.venue.place(wanted)
    assert isinstance(placed, Accepted)
    bench.fail("code_after_accept", verb="cancel", code=code)

    with pytest.raises(OutcomeUnknown):
        await bench.venue.cancel(wanted.client_order_id, placed.venue_order_id, bench.pair)

    assert bench.exchange.orders("owner") == []


@pytest.mark.parametrize(("venue", "code"), CASES)
@on_virtual_time
async def test_a_read_is_asked_again_behind_an_open_outcome(venue: str, code: str) -> None:
    bench = BENCHES[venue]()
    await bench.venue.snapshot()
    bench.fail("code_before_accept", code=code)

    assert (await bench.venue.snapshot()).balances
    assert not bench.emulator.faults.active


@pytest.mark.parametrize(("venue", "code", "reason", "advice"), REFUSED)
@on_virtual_time
async def test_a_measure_of_the_venue_refuses_the_order_in_words(
    venue: str, code: str, reason: RefusalReason, advice: str
) -> None:
    bench = BENCHES[venue]()
    bench.fail("code_before_accept", verb="place", code=code)

    refused = await bench.venue.place(bench.wish())

    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert code in refused.message
    assert advice in refused.message
    assert bench.orders_at_venue() == 0


@pytest.mark.parametrize(("venue", "code", "kind", "advice"), RAISED)
@on_virtual_time
async def test_trouble_of_the_venue_is_told_as_what_it_is(
    venue: str, code: str, kind: type[VenueError], advice: str
) -> None:
    bench = BENCHES[venue]()
    bench.fail("code_before_accept", verb="place", code=code)

    with pytest.raises(kind) as told:
        await bench.venue.place(bench.wish())

    assert advice in str(told.value)
    assert bench.orders_at_venue() == 0


@pytest.mark.parametrize("code", ["10007", "10008", "10009", "10024"])
@on_virtual_time
async def test_a_banned_account_is_noticed_by_reading_alone(code: str) -> None:
    bench = BENCHES["bybit"]()
    bench.fail("code_before_accept", times=9, code=code)

    with pytest.raises((KeyInvalid, NotPermitted), match=code):
        await bench.venue.margin_state()


@pytest.mark.parametrize("code", ["60023", "63999"])
@on_virtual_time
async def test_a_login_that_is_refused_for_now_is_tried_again(code: str) -> None:
    bench = BENCHES["okx"]()

    async with bench.venue.account_stream() as stream:
        bench.fail("code_before_accept", times=2, code=code)
        bench.cut_streams()
        await asyncio.sleep(60)
        await bench.venue.place(bench.wish())
        bench.advance(1)
        events = await drained(stream)

    assert any(isinstance(event, StreamGap) for event in events)
    assert any(isinstance(event, Fill) for event in events)
    assert not bench.emulator.faults.active


@pytest.mark.parametrize("code", ["64008", "4006"])
@on_virtual_time
async def test_a_connection_that_the_venue_ends_leaves_a_gap_that_is_told(code: str) -> None:
    bench = BENCHES["okx"]()

    async with bench.venue.account_stream() as stream:
        bench.fail("code_before_accept", code=code, seconds=5.0)
        await asyncio.sleep(60)
        await bench.venue.place(bench.wish())
        bench.advance(1)
        events = await drained(stream)

    assert any(isinstance(event, StreamGap) for event in events)
    assert not bench.emulator.faults.active


@on_virtual_time
async def test_repayments_too_close_to_each_other_are_told_to_wait_and_then_done() -> None:
    bench = BENCHES["binance-isolated"]()
    for pair in ("BTC/USDT", "ETH/USDT"):
        bench.exchange.borrow("owner", bench.quote, Decimal(1000), pair)

    for _ in range(3):
        try:
            await bench.venue.repay(bench.quote)
        except RateLimited:
            bench.advance(1)

    snapshot = await bench.venue.snapshot()
    assert all(balance.borrowed == balance.interest == 0 for balance in snapshot.balances)
