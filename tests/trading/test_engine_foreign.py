"""What others do on the account: seen, said, never touched, and no entries until the owner has explained it."""

from dataclasses import replace

from jarvis.domain.order import Order, OrderRole, OrderStatus, VenueOrderId
from jarvis.trading.events import Flatten, ForeignExplained, ForeignSeen, Resume, StrangersKnown
from jarvis.trading.state import Marks

from .bench import BTC, ETH, Bench, alarms, placed


def test_a_strangers_order_is_said_once_blocks_its_pair_and_is_never_touched() -> None:
    bench = Bench()
    order = replace(bench.report(_some_order(), OrderStatus.OPEN), client_order_id=None, pair=BTC)

    first = bench.tell(order)
    second = bench.tell(order, replace(order, status=OrderStatus.CANCELLED))

    assert alarms(first) == ["foreign_activity"]
    assert second == []
    assert placed(bench.tell(bench.signal())) == []
    assert placed(bench.tell(bench.signal(pair=ETH)))


def test_a_strangers_order_is_not_told_again_after_it_was_explained_and_a_restart() -> None:
    bench = Bench()
    order = replace(bench.report(_some_order(), OrderStatus.OPEN), client_order_id=None, pair=BTC)
    bench.tell(order)

    bench.tell(ForeignExplained(bench.now))
    kept = Marks.from_json(bench.engine.state.marks.to_json())

    assert kept == bench.engine.state.marks
    assert kept.blocks == ()
    assert bench.tell(order) == []
    assert placed(bench.tell(bench.signal()))


def test_an_order_without_a_name_is_nobodys_while_one_of_ours_waits_for_its_answer() -> None:
    bench = Bench()
    bench.answers = [bench.silence]
    bench.tell(bench.signal())
    nameless = replace(bench.report(_some_order(), OrderStatus.OPEN), client_order_id=None, pair=BTC)

    assert alarms(bench.tell(nameless)) == []
    assert alarms(bench.tell(replace(nameless, pair=ETH))) == ["foreign_activity"]


def test_orders_that_were_there_before_the_first_look_block_nothing() -> None:
    bench = Bench()
    order = replace(bench.report(_some_order(), OrderStatus.OPEN), client_order_id=None, pair=BTC)
    assert bench.engine.state.marks.strangers is None

    bench.tell(StrangersKnown((order.venue_order_id,), bench.now))

    assert bench.tell(order) == []
    assert bench.engine.state.marks.strangers == (order.venue_order_id,)


def test_the_memory_of_strangers_orders_is_not_endless() -> None:
    bench = Bench()
    bench.tell(StrangersKnown(tuple(VenueOrderId(f"O{number}") for number in range(500)), bench.now))

    assert len(bench.engine.state.marks.strangers or ()) == 200


def test_what_others_did_to_the_account_stops_entries_until_its_owner_explains_it_and_exits_go_on() -> None:
    bench = Bench()
    bench.open(pair=ETH)

    actions = bench.tell(ForeignSeen("A withdrawal took 5 USD out of this account.", bench.now))

    assert alarms(actions) == ["foreign_activity"]
    assert placed(bench.tell(bench.signal())) == []
    bench.tell(Resume(bench.now))
    assert placed(bench.tell(bench.signal())) == []
    assert [order.request.role for order in placed(bench.tell(Flatten(bench.now, ETH)))] == [OrderRole.FLATTEN]
    assert alarms(bench.tell(ForeignExplained(bench.now))) == ["foreign_explained"]
    assert bench.tell(ForeignExplained(bench.now)) == []
    assert placed(bench.tell(bench.signal()))


def _some_order() -> Order:
    bench = Bench()
    bench.tell(bench.signal())
    return bench.entry()
