"""Keeps every open position protected, or on its way out. Looks at what is, and asks for what is missing.

It is called after every event that concerns a pair and compares the story with our orders on that pair: nothing is
remembered about what was asked for, but the failures. So a lost answer, a restart and a repeated event need no
code of their own.

A position has one stop of its whole size at the venue. A stop that cannot be kept is tried again, then the position
is closed at market. While the fate of a stop or of a closing order is unknown no other one takes its place.

Where fills settle in the wallet, or the venue knows no reduce-only, at most one order that closes is at work: the stop,
or, once that is cancelled and proved gone, one closing order at market, after which the stop of what is left rests
again. A second one could close more than is open, or keep the coins that the stop needs. Targets do not rest there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import ZERO, plain
from jarvis.domain.order import Order, OrderRequest, OrderRole, OrderStatus, OrderType
from jarvis.trading.closing import Closing
from jarvis.trading.desk import Desk, Outbox
from jarvis.trading.events import Severity
from jarvis.trading.exits import is_tighter, leaving, rungs, stop_trigger
from jarvis.trading.stories import PositionStory

STOP_RETRIES = 3
AMEND_RETRIES = 3
RESIZE_PATIENCE = timedelta(seconds=2)
"""How long a stop that must be made anew to grow waits for the rest of its entry."""
CLOSE_PATIENCE = timedelta(seconds=5)
"""A closing order at market of which nothing was heard for this long is looked up."""
STOP_FILL_PATIENCE = timedelta(seconds=30)
"""A triggered stop is a market order: what it has not filled after this is closed by another one."""
FILLS_FOLLOW_WITHIN = timedelta(seconds=5)
"""A venue may say that an order is over a moment before it says what was filled."""
_STOP_IS_STEADY_AFTER = timedelta(seconds=60)
_LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(slots=True)
class Trouble:
    """What went wrong on one pair lately."""

    stop_failures: int = 0
    amend_failures: int = 0
    close_failures: int = 0
    close_after: datetime | None = None
    unknown_since: datetime | None = None
    said: set[str] = field(default_factory=set)


class Keeper:
    """Asks the desk for the stops, targets and closing orders that the stories need."""

    def __init__(self, desk: Desk, instruments: dict[Pair, Instrument], outbox: Outbox, closing: Closing) -> None:
        self._desk = desk
        self._closing = closing
        self._instruments = instruments
        self._outbox = outbox
        self._trouble: dict[Pair, Trouble] = {}

    def keep(self, story: PositionStory, at: datetime, price: Decimal | None) -> PositionStory:
        """The story after asking for everything that it lacks; something of it must be open.

        `price` is the last one known on the pair.
        """
        if story.exit_role is not None and self._closing.has_left_enough(story, self._instruments[story.pair]):
            story = replace(story, exit_role=None, exit_to=ZERO, exit_at=None)
        orders = self._desk.working(story.pair)
        entries = [order for order in orders if order.request.role is OrderRole.ENTRY]
        exits = [order for order in orders if order.request.role is not OrderRole.ENTRY]
        if self._is_dust(story, at, entries, price):
            self._cancel(exits)
            return story
        if self._closing.is_serial:
            return self._keep_one_exit(story, at, entries, exits, price)
        # What was made for the other side (a position that turned, or dust taken along) protects nothing any more.
        self._cancel(order for order in exits if order.request.side is not story.exit_side)
        exits = [order for order in exits if order.request.side is story.exit_side]
        stops = [order for order in exits if order.request.order_type is OrderType.STOP]
        closes = [order for order in exits if order.request.order_type is OrderType.MARKET]
        is_closing = self._close(story, at, stops, closes, price)
        story = self._protect(story, at, stops, is_closing=is_closing)
        if story.exit_role is None:
            self._place_targets(story, at, entries, stops)
            return story
        self._cancel(entries)
        if not is_closing:  # the stop may just have been given up
            self._close(story, at, stops, closes, price)
        return story

    def sweep(self, pair: Pair, *, entries_too: bool) -> None:
        """Cancel what still rests on a pair where nothing is open: no sibling of an exit may survive it."""
        self._trouble.pop(pair, None)
        self._cancel(
            order
            for order in self._desk.working(pair)
            if order.request.role is not OrderRole.ENTRY or entries_too or order.filled_quantity > 0
        )

    def stop_failed(self, story: PositionStory, at: datetime, why: str) -> None:
        """A stop was refused, proved absent, or vanished from the venue."""
        self._of(story.pair).stop_failures += 1
        self._outbox.alarm(
            "stop_failed",
            Severity.WARNING,
            f"{story.pair}: the stop of {plain(story.quantity)} {story.pair.base} is not at the venue: {why}",
            at,
            story.pair,
        )

    def close_failed(self, story: PositionStory, at: datetime, why: str) -> None:
        """A closing order ended without a fill: it is tried again, at growing intervals, for as long as it takes."""
        trouble = self._of(story.pair)
        trouble.close_failures += 1
        trouble.close_after = at + min(_LONGEST_PAUSE, timedelta(seconds=2 ** min(trouble.close_failures, 16)))
        trouble.stop_failures = min(trouble.stop_failures, STOP_RETRIES)  # one more stop may be tried meanwhile
        self._outbox.alarm(
            "close_failed",
            Severity.CRITICAL if trouble.close_failures == STOP_RETRIES else Severity.WARNING,
            f"{story.pair}: closing {plain(story.quantity)} {story.pair.base} at market failed: {why} "
            f"It is tried again; you can also close it at the venue.",
            at,
            story.pair,
        )

    def amend_failed(self, story: PositionStory, at: datetime, why: str) -> None:
        """An amendment was refused."""
        trouble = self._of(story.pair)
        trouble.amend_failures += 1
        if trouble.amend_failures == AMEND_RETRIES:
            self._outbox.alarm(
                "stop_not_moved",
                Severity.WARNING,
                f"{story.pair}: the venue does not change the stop: {why}",
                at,
                story.pair,
            )

    def amend_worked(self, pair: Pair) -> None:
        """An amendment was confirmed."""
        self._of(pair).amend_failures = 0

    def target_basis(self, story: PositionStory) -> Decimal | None:
        """The price that the story's targets are measured from."""
        return story.opening_price if self._closing.is_serial else story.position.entry_price

    def close_now(self, pair: Pair) -> None:
        """A person asks: whatever pause an earlier failure imposed is over."""
        self._of(pair).close_after = None

    def pass_time(self, pair: Pair, at: datetime) -> None:
        """Forgive failures of stops that have rested for a while since, and let amendments be tried again."""
        trouble = self._of(pair)
        trouble.amend_failures = min(trouble.amend_failures, AMEND_RETRIES)  # one more may be tried
        for order in self._desk.working(pair):
            is_stop = order.request.order_type is OrderType.STOP and order.status is OrderStatus.OPEN
            if is_stop and at - order.created_at >= _STOP_IS_STEADY_AFTER:
                trouble.stop_failures = 0

    # --- protecting -----------------------------------------------------------------------------------------------

    def _is_dust(self, story: PositionStory, at: datetime, entries: Sequence[Order], price: Decimal | None) -> bool:
        """Whether too little is open for any order: said once, shown, and swept up by the pair's next position."""
        instrument = self._instruments[story.pair]
        is_dust = self._closing.is_dust(story, instrument, price)
        if is_dust and not entries and not self._closing.is_wallet:
            self._say(
                story.pair,
                "dust",
                Severity.WARNING,
                f"{story.pair}: {plain(story.quantity)} {story.pair.base} is left, less than the venue's minimum of "
                f"{plain(instrument.min_quantity)}. No order can hold it; the pair's next position takes it along.",
                at,
            )
        return is_dust

    def _protect(
        self, story: PositionStory, at: datetime, stops: Sequence[Order], *, is_closing: bool
    ) -> PositionStory:
        pair = story.pair
        if any(stop.status is OrderStatus.UNKNOWN for stop in stops):
            self._say(
                pair,
                "stop_unknown",
                Severity.CRITICAL,
                f"{pair}: whether the stop rests at the venue is not known; it is being looked up. Until then the "
                f"position may be unprotected.",
                at,
            )
            return story
        self._of(pair).said.discard("stop_unknown")
        if any(stop.filled_quantity > 0 for stop in stops):  # it has triggered and is at work
            return story
        if any(stop.status is OrderStatus.SENT or self._desk.is_in_flight(stop) for stop in stops):
            return story
        if is_closing and story.exit_to == 0:  # all of it is being closed: the stop stays as it is
            return story
        quantity = self._closing.whole(story, self._instruments[pair])
        trigger = stop_trigger(story, self._instruments[pair])
        if not stops:
            return self._place_stop(story, at, quantity, trigger)
        newest, others = stops[-1], stops[:-1]
        too_loose = _is_too_loose(newest, trigger)
        if newest.remaining_quantity == quantity and not too_loose:
            self._cancel(others)
        elif self._of(pair).amend_failures <= AMEND_RETRIES:
            self._desk.amend(
                newest,
                quantity=None if newest.remaining_quantity == quantity else newest.filled_quantity + quantity,
                trigger_price=trigger if too_loose else None,
            )
        elif sum((stop.remaining_quantity for stop in stops), ZERO) < quantity:
            self._of(pair).amend_failures = 0
            return self._place_stop(story, at, quantity, trigger)  # beside the old one, which goes when this one rests
        return story

    def _place_stop(self, story: PositionStory, at: datetime, quantity: Decimal, trigger: Decimal) -> PositionStory:
        if self._of(story.pair).stop_failures > STOP_RETRIES:
            self._say(
                story.pair,
                "naked_position",
                Severity.CRITICAL,
                f"{story.pair}: no stop could be placed for {plain(story.quantity)} {story.pair.base}; the position is "
                f"being closed at market.",
                at,
            )
            return leaving(story, OrderRole.STOP, at)
        self._place(story, at, OrderRole.STOP, OrderType.STOP, quantity, trigger_price=trigger, decision_price=trigger)
        return story

    def _place_targets(
        self, story: PositionStory, at: datetime, entries: Sequence[Order], stops: Sequence[Order]
    ) -> None:
        """The ladder, once: when the entry is over, the stop rests, and former targets are gone."""
        targets = [order for order in self._desk.working(story.pair) if order.request.role is OrderRole.TAKE_PROFIT]
        former = [order for order in targets if not self._desk.is_target_of(order, story)]
        if former:
            self._cancel(former)
            return
        if entries or len(story.ladder) >= len(story.protection.take_profits):
            return
        if not any(stop.status is OrderStatus.OPEN for stop in stops):
            return
        instrument = self._instruments[story.pair]
        # What was asked for is known from the story when answered, and from the orders themselves before that.
        asked = {order.client_order_id: order.remaining_quantity for order in self._desk.targets_of(story)}
        left = story.quantity - sum(asked.values(), ZERO)
        for rung in rungs(story, instrument)[len(set(asked).union(story.ladder)) :]:
            quantity = instrument.round_quantity(min(rung.quantity, left))
            if quantity == 0 or quantity < instrument.min_quantity:
                return
            self._place(
                story,
                at,
                OrderRole.TAKE_PROFIT,
                OrderType.LIMIT,
                quantity,
                limit_price=rung.price,
                decision_price=rung.price,
            )
            left -= quantity

    # --- closing --------------------------------------------------------------------------------------------------

    def _close(
        self,
        story: PositionStory,
        at: datetime,
        stops: Sequence[Order],
        closes: Sequence[Order],
        price: Decimal | None,
    ) -> bool:
        """Whether a closing order is under way now. One whose fate is unknown is, and is never doubled."""
        if story.exit_role is None or closes:
            return bool(closes)
        trouble = self._of(story.pair)
        if trouble.close_after is not None and at < trouble.close_after:
            return False
        if story.exit_role is OrderRole.STOP and self._stop_is_at_work(story, at, stops):
            return False
        quantity = self._closing.part(story, self._instruments[story.pair], price)
        self._place(story, at, story.exit_role, OrderType.MARKET, quantity, decision_price=price)
        return True

    def _stop_is_at_work(self, story: PositionStory, at: datetime, stops: Sequence[Order]) -> bool:
        """Whether a stop that has triggered, or whose fate is not known, may still close what is open."""
        if any(stop.status is OrderStatus.UNKNOWN for stop in stops):
            return True
        patient = story.exit_at is not None and at < story.exit_at + STOP_FILL_PATIENCE
        return patient and any(stop.filled_quantity > 0 for stop in stops)

    # --- one exit at a time -------------------------------------------------------------------------------------------

    def _keep_one_exit(
        self,
        story: PositionStory,
        at: datetime,
        entries: Sequence[Order],
        exits: Sequence[Order],
        price: Decimal | None,
    ) -> PositionStory:
        """As `keep`, where there may be no second exit."""
        if story.exit_role is not None:
            self._cancel(entries)
        unknown = [order for order in exits if order.status is OrderStatus.UNKNOWN]
        if unknown:
            trouble = self._of(story.pair)
            trouble.unknown_since = trouble.unknown_since or at
            # Of orders that the venue says are over, the fills are on their way: that is no news yet.
            fills_follow = all(self._desk.is_over(order) for order in unknown)
            if fills_follow and at - trouble.unknown_since < FILLS_FOLLOW_WITHIN:
                return story
            self._say(
                story.pair,
                "exit_unknown",
                Severity.CRITICAL,
                f"{story.pair}: whether an order that closes is at work at the venue is not known; it is being looked "
                f"up. Until then no other one is sent, and the position may be unprotected.",
                at,
            )
            return story
        self._of(story.pair).said.discard("exit_unknown")
        self._of(story.pair).unknown_since = None
        if any(order.status is OrderStatus.SENT or self._desk.is_in_flight(order) for order in exits):
            return story
        if not exits:
            return self._send_exit(story, at, price)
        *others, newest = exits
        if newest.request.order_type is OrderType.MARKET and not others:
            if at - newest.created_at >= CLOSE_PATIENCE:
                self._desk.doubt(newest)
        elif others or newest.request.order_type is not OrderType.STOP or newest.request.side is not story.exit_side:
            self._cancel(exits)  # of another time or mode: none of them may stay beside what is needed now
        else:
            self._tend_stop(story, at, entries, newest)
        return story

    def _send_exit(self, story: PositionStory, at: datetime, price: Decimal | None) -> PositionStory:
        """Nothing closes at the venue: send the order that does, or the stop."""
        instrument = self._instruments[story.pair]
        if not self._may_close(story, at):
            whole = self._closing.whole(story, instrument)
            is_leaving = story.exit_role is not None
            story = self._place_stop(story, at, whole, stop_trigger(story, instrument))
            if is_leaving or not self._may_close(story, at):
                return story
        role = story.exit_role or OrderRole.STOP
        quantity = self._closing.part(story, instrument, price)
        self._place(story, at, role, OrderType.MARKET, quantity, decision_price=price)
        return story

    def _tend_stop(self, story: PositionStory, at: datetime, entries: Sequence[Order], stop: Order) -> None:
        """The one stop rests: let it work, take it off for a closing order, or fit it to the position."""
        pair = story.pair
        if stop.filled_quantity > 0:  # it has triggered and is at work
            since = story.exit_at or at
            if at >= since + STOP_FILL_PATIENCE:
                self._desk.cancel(stop)
            return
        if self._may_close(story, at):
            self._outbox.alarm(
                "stop_lifted",
                Severity.INFO,
                f"{pair}: the stop is taken off so that {plain(story.quantity - story.exit_to)} {pair.base} can be "
                f"closed; what stays open gets its stop back at once.",
                at,
                pair,
            )
            self._desk.cancel(stop)
            return
        quantity = self._closing.whole(story, self._instruments[pair])
        trigger = stop_trigger(story, self._instruments[pair])
        too_loose, fits = _is_too_loose(stop, trigger), stop.remaining_quantity == quantity
        if fits and not too_loose:
            return
        if self._closing.traits.amends and self._of(pair).amend_failures <= AMEND_RETRIES:
            self._desk.amend(stop, quantity=None if fits else quantity, trigger_price=trigger if too_loose else None)
        elif not entries or at - stop.created_at >= RESIZE_PATIENCE:
            self._of(pair).amend_failures = 0
            self._desk.cancel(stop)

    def _may_close(self, story: PositionStory, at: datetime) -> bool:
        """Whether it is being left and no failure imposes a pause."""
        after = self._of(story.pair).close_after
        return story.exit_role is not None and (after is None or at >= after)

    def _place(
        self,
        story: PositionStory,
        at: datetime,
        role: OrderRole,
        order_type: OrderType,
        quantity: Decimal,
        *,
        trigger_price: Decimal | None = None,
        limit_price: Decimal | None = None,
        decision_price: Decimal | None,
    ) -> None:
        instrument = self._instruments[story.pair]
        offered = instrument.leverages(story.exit_side)
        # Any offered leverage closes; the story's own may have been taken off the list since.
        leverage = instrument.leverage_within(story.exit_side, story.leverage) or min(offered, default=story.leverage)
        self._desk.place(
            OrderRequest(
                client_order_id=self._desk.next_id(),
                pair=story.pair,
                side=story.exit_side,
                order_type=order_type,
                quantity=quantity,
                leverage=leverage,
                role=role,
                reduce_only=True,
                limit_price=limit_price,
                trigger_price=trigger_price,
                position_id=story.position_id,
                decision_price=decision_price,
            ),
            at,
        )

    def _cancel(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self._desk.cancel(order)

    def _of(self, pair: Pair) -> Trouble:
        return self._trouble.setdefault(pair, Trouble())

    def _say(self, pair: Pair, kind: str, severity: Severity, message: str, at: datetime) -> None:
        """An alarm that is not repeated while its cause lasts."""
        said = self._of(pair).said
        if kind not in said:
            said.add(kind)
            self._outbox.alarm(kind, severity, message, at, pair)


def _is_too_loose(stop: Order, trigger: Decimal) -> bool:
    """Whether the stop rests further from the market than it is meant to."""
    rests_at = stop.request.trigger_price
    return rests_at is not None and is_tighter(trigger, rests_at, stop.request.side)
