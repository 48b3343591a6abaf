from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.order import ClientOrderId, Order, OrderRequest, OrderRole, OrderStatus, OrderType
from jarvis.live.guardian import NAKED_FOR_AT_MOST, Guardian
from jarvis.trading.events import EntriesAllowed, EntriesBlocked
from jarvis.venues import permissions
from tests.live.test_reconcile import story

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BTC = Pair.parse("BTC/USD")
LOTS = {BTC: Decimal("0.001")}
NEEDED = frozenset(
    {
        "query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades", "query-ledger",
        "create-ws-token",
    }
)  # fmt: skip


def guardian() -> Guardian:
    return Guardian()


def judged(*more: str) -> permissions.Verdict:
    told = KeyPermissions(NEEDED | set(more), "Jarvis — live", "abcd", ip_allowlist=("127.0.0.1",))
    return permissions.judge(VenueName("kraken"), told, NOON)


def stop_of(quantity: str, status: OrderStatus = OrderStatus.OPEN) -> Order:
    request = OrderRequest(
        ClientOrderId("jv2"), BTC, Side.SELL, OrderType.STOP, Decimal(quantity), 5, OrderRole.STOP,
        reduce_only=True, trigger_price=Decimal(90),
    )  # fmt: skip
    return Order(request, NOON, status)


def test_silence_blocks_entries_once_and_the_first_word_lifts_it_once() -> None:
    watchman = guardian()

    silent = [list(watchman.staleness(market_silent=11, account_silent=0, now=NOON)) for _ in range(2)]
    heard = [list(watchman.staleness(market_silent=0, account_silent=0, now=NOON)) for _ in range(2)]

    assert [[type(each) for each in said] for said in silent] == [[EntriesBlocked], []]
    assert [[type(each) for each in said] for said in heard] == [[EntriesAllowed], []]


def test_each_stream_has_a_cause_of_its_own() -> None:
    said = list(guardian().staleness(market_silent=11, account_silent=11, now=NOON))

    assert [each.cause for each in said] == ["stale_market", "stale_account"]


def test_a_key_that_may_suddenly_withdraw_blocks_entries_and_says_which_box() -> None:
    watchman = guardian()
    watchman.key_check_due(NOON)

    said = list(watchman.key_is(judged("withdraw-funds"), NOON))

    assert [type(each) for each in said] == [EntriesBlocked]
    assert "ithdraw" in said[0].message if isinstance(said[0], EntriesBlocked) else False


def test_a_mended_key_lifts_the_block() -> None:
    watchman = guardian()
    list(watchman.key_is(judged("withdraw-funds"), NOON))

    said = list(watchman.key_is(judged(), NOON + SECOND))

    assert [type(each) for each in said] == [EntriesAllowed]


def test_one_refused_call_is_a_hiccup_and_two_are_a_dead_key() -> None:
    watchman = guardian()

    first = list(watchman.key_failed("EAPI:Invalid key", NOON))
    second = list(watchman.key_failed("EAPI:Invalid key", NOON))

    assert (first, [type(each) for each in second], watchman.is_blind) == ([], [EntriesBlocked], True)


def test_a_signed_call_that_works_ends_blindness() -> None:
    watchman = guardian()
    for _ in range(2):
        list(watchman.key_failed("EAPI:Invalid key", NOON))

    said = list(watchman.key_works(NOON))

    assert ([type(each) for each in said], watchman.is_blind) == ([EntriesAllowed], False)


def test_the_key_is_checked_at_the_start_and_every_minute() -> None:
    watchman = guardian()

    before = watchman.key_check_due(NOON)
    list(watchman.key_is(judged(), NOON))

    due = [watchman.key_check_due(NOON + seconds * SECOND) for seconds in (49, 50)]
    assert (before, due) == (True, [False, True])


def test_the_key_is_checked_soon_after_an_order_was_refused_for_it() -> None:
    watchman = guardian()
    list(watchman.key_is(judged(), NOON))

    watchman.refused("insufficient_funds")
    calm = watchman.key_check_due(NOON + 5 * SECOND)
    watchman.refused("NotPermitted")
    alert = [watchman.key_check_due(NOON + seconds * SECOND) for seconds in (4, 5)]
    list(watchman.key_is(judged(), NOON + 5 * SECOND))

    assert (calm, alert, watchman.key_check_due(NOON + 10 * SECOND)) == (False, [False, True], False)


def test_a_position_with_a_stop_of_its_size_is_not_naked() -> None:
    watchman = guardian()
    held = {BTC: story(BTC, Side.BUY, "0.5")}

    naked = [watchman.naked_too_long(held, [stop_of("0.5")], NOON + n * NAKED_FOR_AT_MOST, LOTS) for n in range(3)]

    assert naked == [[], [], []]


def test_a_stop_that_is_too_small_leaves_the_position_naked_after_ten_seconds() -> None:
    watchman = guardian()
    held = {BTC: story(BTC, Side.BUY, "0.5")}

    naked = [watchman.naked_too_long(held, [stop_of("0.4")], NOON + seconds * SECOND, LOTS) for seconds in (0, 10, 11)]

    assert naked == [[], [], [BTC]]


def test_a_stop_in_time_starts_the_countdown_anew() -> None:
    watchman = guardian()
    held = {BTC: story(BTC, Side.BUY, "0.5")}
    gone = replace(stop_of("0.5"), status=OrderStatus.CANCELLED)

    watchman.naked_too_long(held, [gone], NOON, LOTS)
    watchman.naked_too_long(held, [stop_of("0.5")], NOON + 9 * SECOND, LOTS)
    naked = watchman.naked_too_long(held, [gone], NOON + 12 * SECOND, LOTS)

    assert naked == []


def test_a_flat_story_needs_no_stop() -> None:
    watchman = guardian()
    flat = story(BTC, Side.BUY, "0.5")
    flat = replace(flat, position=replace(flat.position, lots=()))

    assert watchman.naked_too_long({BTC: flat}, [], NOON + timedelta(hours=1), LOTS) == []
