"""The engine of one account at one venue: events in, actions out. No clock, no I/O, no randomness.

The same events give the same actions. Whoever drives it writes down changed records before acting, and answers each
placed, amended or cancelled order at once; fills and reports may come before or after those answers, and twice.
Positions are moved by fills alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from jarvis.domain.account import AccountId, MarginState
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Bar, Quote, Tick
from jarvis.domain.money import ZERO, plain
from jarvis.domain.order import (
    Fill,
    Order,
    OrderReport,
    OrderRole,
    OrderStatus,
    OrderType,
)
from jarvis.domain.traits import VenueTraits
from jarvis.trading.brakes import Brakes
from jarvis.trading.closing import Closing, our_part
from jarvis.trading.commitments import Commitments
from jarvis.trading.desk import Desk, Outbox
from jarvis.trading.entries import PlannedEntry, booked, late_fill_message, outdated, plan_entry, reopened
from jarvis.trading.events import (
    Action,
    AdjustByHand,
    AmendAnswered,
    CloseByHand,
    DebtGrew,
    EngineEvent,
    EntriesAllowed,
    EntriesBlocked,
    Flatten,
    ForeignExplained,
    ForeignSeen,
    FundsMoved,
    LimitsChanged,
    OpenByHand,
    OrderAbsent,
    OrderAccepted,
    OrderLost,
    OrderRefused,
    Pause,
    Resume,
    Severity,
    StrangersKnown,
)
from jarvis.trading.exits import after_bar, leaving, reached, time_is_up
from jarvis.trading.foreign import foreign_fill_message, foreign_order_message
from jarvis.trading.hands import Hands
from jarvis.trading.keeper import Keeper
from jarvis.trading.limits import LimitReason, Limits, Refused, Standing, TierAction
from jarvis.trading.listings import Listings
from jarvis.trading.positions import Positions
from jarvis.trading.sizing import Costs
from jarvis.trading.state import Block, EngineState
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Direction, Signal

LIQUIDATED = "liquidation"
REVERSED = "position_reversed"

_REMEMBERED_FILLS = 4096
_REDUCE_AGAIN_AFTER = timedelta(minutes=1)
_Id = TypeVar("_Id")


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine is made with. `id_prefix` (at most 11 characters) is the account's own: it marks our orders.

    `leverage_caps` is the catalogue's cap per pair; a pair that it does not name is not traded. `reserve_rate` is the
    share of equity that no entry may take as margin, `margin_max_age` how old a margin state may be for an entry.
    `costs` are what sizing expects an entry and its stop to cost; `taker_rates` are the account's own fees where the
    engine must know them, `traits` how the venue behaves.
    """

    account_id: AccountId
    id_prefix: str
    limits: Limits
    instruments: Mapping[Pair, Instrument]
    leverage_caps: Mapping[Pair, int]
    reserve_rate: Decimal = Decimal("0.10")
    margin_max_age: timedelta = timedelta(minutes=5)
    costs: Costs = field(default_factory=Costs)
    traits: VenueTraits = field(default_factory=VenueTraits)
    taker_rates: Mapping[Pair, Decimal] = field(default_factory=dict)


class Engine:
    """Order, fill and position state of one account at one venue."""

    def __init__(self, config: EngineConfig, state: EngineState | None = None) -> None:
        self._config = config
        self._state = state or EngineState()
        self._outbox = Outbox()
        self._listings = Listings(config.instruments, self._state, self._outbox)
        self._instruments = self._listings.instruments
        traits = config.traits
        self._closing = Closing(traits, config.taker_rates, config.costs.taker_rate)
        self._desk = Desk(config.id_prefix, self._state, self._outbox, exits_need_proof=self._closing.is_serial)
        self._keeper = Keeper(self._desk, self._instruments, self._outbox, self._closing)
        self._positions = Positions(self._state, self._desk, self._instruments, self._outbox, self._closing)
        self._hands = Hands(self._state, self._positions, self._keeper, self._instruments, self._outbox, config.costs)
        self._commitments = Commitments(self._desk, config.costs.slippage_rate)
        self._brakes = Brakes(self._state, config.limits, self._outbox, watches_calls=self._closing.is_wallet)
        self._now: datetime | None = None
        self._waiting: dict[Pair, Signal] = {}
        self._reduced_at: datetime | None = None
        for story in self._state.stories.values():
            self._state.seen_fills.update(dict.fromkeys(story.fill_ids))

    @property
    def id_prefix(self) -> str:
        """What our client order ids begin with."""
        return self._config.id_prefix

    @property
    def state(self) -> EngineState:
        """What the engine knows: the live object, to be read only."""
        return self._state

    @property
    def closing(self) -> Closing:
        """How positions are closed here."""
        return self._closing

    @property
    def instruments(self) -> Mapping[Pair, Instrument]:
        """The venue's rules in force."""
        return self._instruments

    def watches(self, pair: Pair) -> bool:
        """Whether quotes of the pair matter: it has targets that do not rest at the venue."""
        story = self._state.stories.get(pair)
        return (
            self._closing.is_serial
            and story is not None
            and not story.position.is_flat
            and bool(story.protection.take_profits)
        )

    @property
    def limits(self) -> Limits:
        """The trader's limits in force."""
        return self._brakes.limits

    def process(self, event: EngineEvent) -> list[Action]:
        """What is to be done about `event`, in order: changed records first, so that they are kept before acting."""
        at = event.closed_at if isinstance(event, Bar) else event.at
        self._now = at if self._now is None else max(self._now, at)
        match event:
            case Signal():
                self._on_signal(event)
            case Bar():
                self._on_bar(event)
            case Tick():
                self._on_tick(event.at)
            case Quote():
                self._on_quote(event)
            case DebtGrew():
                self._on_debt(event)
            case Fill():
                self._on_fill(event)
            case OrderReport():
                self._on_report(event)
            case MarginState():
                self._on_margin(event)
            case OrderAccepted():
                self._on_answer(self._desk.accepted(event), event.at)
            case OrderRefused():
                self._on_refused(event)
            case OrderLost():
                self._on_lost(event)
            case OrderAbsent():
                self._on_absent(event)
            case AmendAnswered():
                self._on_amended(event)
            case EntriesBlocked() | EntriesAllowed():
                self._brakes.told(event)
            case ForeignSeen() | ForeignExplained() | StrangersKnown():
                self._brakes.strangers(event)
            case Pause():
                self._brakes.pause()
            case Resume():
                self._brake(self._brakes.resume(event.at), event.at)
            case Flatten():
                self._on_flatten(event)
            case OpenByHand() | AdjustByHand() | CloseByHand():
                self._by_hand(event)
            case LimitsChanged():
                self._brake(self._brakes.limit(event.limits, event.at), event.at)
            case FundsMoved():
                self._brakes.funds_moved(event.amount)
            case _:
                self._listings.changed(event)
        return self._outbox.take()

    # --- the market -----------------------------------------------------------------------------------------------

    def _on_signal(self, signal: Signal) -> None:
        pair, opens = signal.pair, signal.is_new and signal.target is not Direction.FLAT
        self._positions.prices[pair] = signal.price
        story = self._state.stories.get(pair)
        if story is None or self._positions.is_dust(story):
            self._waiting.pop(pair, None)
            if opens:
                self._waiting[pair] = signal
                self._settle(pair, signal.at)
                if self._waiting.get(pair) is signal and self._positions.has_unknown_order(pair):
                    del self._waiting[pair]
                    self._enter(signal)  # says why not: nobody knows how long the look-up takes
            return
        if story.strategy != signal.strategy:
            if opens:
                message = f"{pair}: not opened by {signal.strategy}, {story.strategy} holds a position there."
                self._refuse(signal, Refused(LimitReason.ANOTHER_STRATEGY, message))
            return
        self._waiting.pop(pair, None)
        if story.position.is_flat or signal.target.side is story.side:
            return
        self._positions.keep(leaving(story, OrderRole.SIGNAL_EXIT, signal.at))
        if opens:
            self._waiting[pair] = signal
        self._settle(pair, signal.at)

    def _on_bar(self, bar: Bar) -> None:
        self._positions.prices[bar.pair] = bar.close
        story = self._state.stories.get(bar.pair)
        if story is not None and not story.position.is_flat:
            self._positions.keep(after_bar(story, bar))
            self._take_targets(bar.pair, bar.close, bar.closed_at)
            self._settle(bar.pair, bar.closed_at)

    def _on_quote(self, quote: Quote) -> None:
        """What a position could be closed for now."""
        self._positions.prices[quote.pair] = quote.last
        if self.watches(quote.pair):
            side = self._state.stories[quote.pair].exit_side
            if self._take_targets(quote.pair, quote.bid if side is Side.SELL else quote.ask, quote.at):
                self._settle(quote.pair, quote.at)

    def _take_targets(self, pair: Pair, price: Decimal, at: datetime) -> bool:
        """Leave as far as the targets say that `price` has reached, where they do not rest at the venue."""
        if not self.watches(pair):
            return False
        story = self._state.stories[pair]
        remains = reached(story, self._instruments[pair], price)
        if remains is None:
            return False
        left = leaving(story, OrderRole.TAKE_PROFIT, at, remains)
        self._positions.keep(left)
        return left != story

    def _on_debt(self, event: DebtGrew) -> None:
        story = self._state.stories.get(event.pair)
        if story is not None and story.position.side is Side.SELL:
            position = story.position.accrue(event.quantity, event.charged_by, event.at)
            self._positions.keep(replace(story, position=position))
            self._settle(event.pair, event.at)

    def _on_tick(self, at: datetime) -> None:
        for pair in sorted({*self._state.stories, *self._desk.working_pairs(), *self._waiting}):
            story = self._state.stories.get(pair)
            if story is not None:
                self._keeper.pass_time(pair, at)
                if time_is_up(story, at):
                    self._positions.keep(leaving(story, OrderRole.TIME_STOP, at))
            waiting = self._waiting.get(pair)
            if waiting is not None and self._is_outdated(waiting):
                del self._waiting[pair]
                self._refuse(waiting, outdated(waiting))
            self._settle(pair, at)

    def _on_margin(self, margin: MarginState) -> None:
        if self._brakes.margin is not None and margin.at < self._brakes.margin.at:
            return
        self._commitments.shown()
        self._brake(self._brakes.measure(margin), margin.at)

    # --- braking --------------------------------------------------------------------------------------------------

    def _brake(self, due: TierAction | None, at: datetime) -> None:
        """Do what losses or the margin level have set off, if anything."""
        if due is TierAction.FLATTEN:
            self._flatten(None, at)
        elif due is TierAction.REDUCE or self._must_reduce_again(at):
            self._reduce(at)

    def _must_reduce_again(self, at: datetime) -> bool:
        """Whether the margin level is still too low though positions have been halved."""
        if not self._brakes.is_level_too_low():
            return False
        if any(story.exit_role is not None for story in self._state.stories.values()):
            return False
        return self._reduced_at is None or at >= self._reduced_at + _REDUCE_AGAIN_AFTER

    def _reduce(self, at: datetime) -> None:
        self._reduced_at = at
        for story in list(self._state.stories.values()):
            if not story.position.is_flat:
                self._positions.keep(leaving(story, OrderRole.FLATTEN, at, self._positions.half(story)))
                self._settle(story.pair, at)

    def _on_flatten(self, event: Flatten) -> None:
        for pair in [event.pair] if event.pair else sorted({*self._state.stories, *self._desk.working_pairs()}):
            self._keeper.close_now(pair)
        self._flatten(event.pair, event.at)

    def _flatten(self, pair: Pair | None, at: datetime) -> None:
        """Close what is held and whatever turns up later, until a person resumes."""
        self._brakes.flatten(pair)
        for each in [pair] if pair else sorted({*self._state.stories, *self._desk.working_pairs(), *self._waiting}):
            self._waiting.pop(each, None)
            self._settle(each, at)

    # --- entering -------------------------------------------------------------------------------------------------

    def _enter(self, signal: Signal) -> None:
        """Size, check and place the entry that `signal` wants, or say why not."""
        former = self._state.stories.get(signal.pair)
        standing = self._standing(signal.pair, signal.target.side, signal.at)
        planned = plan_entry(signal, standing, self._config.costs, self._desk.next_id(), former)
        if isinstance(planned, Refused):
            self._refuse(signal, planned)
        else:
            self._send(planned, signal.at)

    def _send(self, planned: PlannedEntry, at: datetime) -> None:
        # The story is kept before the entry is sent: whatever happens next, the position will know its protection.
        self._positions.keep(planned.story)
        self._commitments.add(self._desk.place(planned.request, self._now or at))

    def _standing(self, pair: Pair, side: Side | None, at: datetime) -> Standing:
        instrument = self._listings.listed(pair)
        cap = min(self.limits.leverage_cap, self._config.leverage_caps.get(pair, 0))
        # A story begins with its entry's intent: what may be at the venue is counted before anything was filled.
        held = {each for each, story in self._state.stories.items() if not self._positions.is_dust(story)}
        margin = self._brakes.margin
        is_apart = margin is not None and pair in margin.by_pair
        return Standing(
            at=self._now or at,
            limits=self.limits,
            instrument=instrument,
            leverage=instrument.leverage_within(side, cap) if instrument and side else None,
            margin=margin.of(pair) if margin else None,
            committed_margin=self._commitments.on(pair if is_apart else None),
            open_pairs=frozenset(held),
            has_unknown_order=self._positions.has_unknown_order(pair),
            paused=self._brakes.is_paused,
            blocks=self._state.blocks,
            margin_max_age=self._config.margin_max_age,
            reserve_rate=self._config.reserve_rate,
            settlement=self._closing.traits.settlement,
            base_fee_rate=self._closing.base_fee_rate(pair),
        )

    def _refuse(self, wish: Signal | OpenByHand, refused: Refused) -> None:
        at = self._now or wish.at
        self._outbox.alarm(f"not_opened_{refused.reason.value}", Severity.INFO, refused.message, at, wish.pair)

    def _is_outdated(self, signal: Signal) -> bool:
        """Whether the bar after the signal's has closed."""
        return signal.interval is not None and self._now is not None and self._now >= signal.at + signal.interval

    # --- by hand --------------------------------------------------------------------------------------------------

    def _by_hand(self, wish: OpenByHand | AdjustByHand | CloseByHand) -> None:
        pair = wish.pair
        if isinstance(wish, OpenByHand):
            self._positions.prices.setdefault(pair, wish.price)
            standing = self._standing(pair, wish.side, wish.at)
            planned = self._hands.plan(wish, standing, self._desk.next_id(), self._waiting.get(pair))
            if isinstance(planned, Refused):
                self._refuse(wish, planned)
            else:
                self._send(planned, wish.at)
            return
        story = self._hands.change(wish, self._positions.prices.get(pair))
        if story is not None:
            self._positions.keep(story)
            self._settle(pair, wish.at)

    # --- orders ---------------------------------------------------------------------------------------------------

    def _on_answer(self, order: Order | None, at: datetime) -> None:
        """Whatever was learnt about an order: keep what follows from it, then look at its pair."""
        if order is None:
            return
        pair, client_order_id = order.request.pair, order.client_order_id
        story = self._state.stories.get(pair)
        self._commitments.answered(order)
        if story is not None and self._desk.is_target_of(order, story) and client_order_id not in story.ladder:
            self._positions.keep(replace(story, ladder=(*story.ladder, client_order_id)))
        self._settle(pair, at)

    def _on_refused(self, event: OrderRefused) -> None:
        order = self._desk.refused(event)
        if order is not None:
            self._failed(order, event.at, event.message or event.reason)
            self._on_answer(order, event.at)

    def _on_absent(self, event: OrderAbsent) -> None:
        order = self._desk.absent(event)
        if order is not None:
            self._failed(order, event.at, "it never reached the venue.")
            self._on_answer(order, event.at)

    def _on_lost(self, event: OrderLost) -> None:
        before = self._desk.get(event.client_order_id)
        order = self._desk.lost(event)
        if order is not None and order != before:  # said once, however often it is looked for in vain
            pair = order.request.pair
            if not event.is_over:  # an answer came, and it was an ordinary one
                self._outbox.alarm(
                    "order_lost",
                    Severity.WARNING,
                    f"{pair}: the venue's answer about an order ({order.request.role.value.replace('_', ' ')}) did not "
                    f"come. It is being looked up, not sent again; nothing is opened on this pair until then.",
                    event.at,
                    pair,
                )
            self._on_answer(order, event.at)

    def _on_amended(self, event: AmendAnswered) -> None:
        order = self._desk.amended(event)
        if order is None:
            return
        story = self._state.stories.get(order.request.pair)
        if not event.refused:
            self._keeper.amend_worked(order.request.pair)
        elif story is not None:
            self._keeper.amend_failed(story, event.at, event.refused)
        self._on_answer(order, event.at)

    def _on_report(self, report: OrderReport) -> None:
        before = self._desk.get(report.client_order_id, report.venue_order_id)
        if before is None:
            self._see_foreign_order(report)
            return
        was_asked = self._desk.is_in_flight(before) or self._desk.was_to_go(before)
        order = self._desk.reported(before, report)
        has_ended = order.status.is_final and not before.status.is_final
        if has_ended and order.status is not OrderStatus.FILLED and not was_asked:
            self._failed(order, report.at, report.reason or f"the venue says it is {order.status.value}.")
        self._on_answer(order, report.at)

    def _failed(self, order: Order, at: datetime, why: str) -> None:
        """An order ended without doing what it was made for, and nobody here asked for that."""
        request, story = order.request, self._state.stories.get(order.request.pair)
        is_held = story is not None and not story.position.is_flat
        if request.role is OrderRole.ENTRY:
            if order.filled_quantity == 0:
                message = (
                    f"{request.pair}: the entry of {plain(request.quantity)} {request.pair.base} was not taken: {why}"
                )
                self._outbox.alarm("entry_failed", Severity.WARNING, message, at, request.pair)
        elif request.role is OrderRole.TAKE_PROFIT and request.order_type is OrderType.LIMIT:
            if is_held:
                message = f"{request.pair}: a target at {plain(request.limit_price or ZERO)} does not rest: {why}"
                self._outbox.alarm("target_failed", Severity.WARNING, message, at, request.pair)
        elif story is not None and is_held and request.order_type is OrderType.STOP:
            if order.filled_quantity == 0:
                self._keeper.stop_failed(story, at, why)
        elif story is not None and is_held and order.filled_quantity == 0:
            self._keeper.close_failed(story, at, why)

    def _see_foreign_order(self, report: OrderReport) -> None:
        """Somebody else's order: said once, never touched. In doubt the next comparison decides."""
        name = report.client_order_id
        is_ours = (name or "").startswith(self._config.id_prefix)  # one that ended long ago
        if is_ours or report.status.is_final or (name is None and self._awaits_a_name(report.pair)):
            return
        self._brakes.foreign_seen(foreign_order_message(report), report.at, report.pair, report.venue_order_id)

    def _awaits_a_name(self, pair: Pair | None) -> bool:
        """Whether an order of ours is on its way that the venue may have named already, and we do not know how."""
        return any(
            order.venue_order_id is None and not order.status.is_final and pair in (None, order.request.pair)
            for order in self._state.orders.values()
        )

    # --- fills ----------------------------------------------------------------------------------------------------

    def _on_fill(self, fill: Fill) -> None:
        if fill.fill_id in self._state.seen_fills:
            return
        _remember(self._state.seen_fills, fill.fill_id)
        order = self._desk.get(fill.client_order_id, fill.venue_order_id)
        if order is None and fill.is_liquidation:
            self._liquidated(fill)
        elif order is None or not fill.is_margin:
            self._see_foreign_fill(fill)
        elif (order.request.pair, order.request.side) != (fill.pair, fill.side):
            raise ValueError(f"fill {fill.fill_id} contradicts its order {order.client_order_id} in pair or side")
        else:
            self._positions.prices[fill.pair] = fill.price
            order = self._desk.filled(order, fill)
            self._book(self._state.stories.get(fill.pair) or self._reopened(order, fill), fill, order)
            self._on_answer(order, fill.at)

    def _book(self, before: PositionStory, fill: Fill, order: Order) -> None:
        story = booked(before, fill, order)
        is_entry = order.request.role is OrderRole.ENTRY
        if self._positions.is_over(story) and not (is_entry and not order.status.is_final):
            if not is_entry:  # crumbs that were bought back too many opened nothing
                story = replace(story, opened_quantity=before.opened_quantity, opened_cost=before.opened_cost)
            self._positions.end(story, order.request.role, fill.at)
            return
        self._positions.keep(story)
        if not is_entry and before.position.side is story.side.opposite:
            if self._positions.is_grossed_up(story, order):
                return  # the fee was not taken where it was expected: what is too much is being closed
            message = (
                f"{fill.pair}: an exit traded more than was held, and {plain(story.quantity)} {fill.pair.base} is open "
                f"on the other side. It is being closed at market; entries on this pair stop until you resume."
            )
            self._brakes.block(Block(REVERSED, message, fill.pair), fill.at)

    def _reopened(self, order: Order, fill: Fill) -> PositionStory:
        """A story for a fill of ours that nobody expected any more."""
        former = self._positions.ended(order.request.position_id)
        story = reopened(order, fill, former, self._instruments[fill.pair])
        message = late_fill_message(story, fill)
        self._outbox.alarm("late_fill", Severity.CRITICAL, message, fill.at, fill.pair)
        return story

    def _liquidated(self, fill: Fill) -> None:
        """The venue closed by force: the story shrinks, and nothing is opened until a person has looked."""
        story = self._state.stories.get(fill.pair)
        message = (
            f"{fill.pair}: the venue liquidated {plain(fill.quantity)} {fill.pair.base} at {plain(fill.price)}. "
            f"Nothing is opened on this account until you resume; check the margin level and the limits first."
        )
        self._brakes.block(Block(LIQUIDATED, message), fill.at)
        if story is None or story.position.side is not fill.side.opposite:
            return  # it closed what was not ours
        ours = our_part(fill, story)
        part = replace(fill, quantity=ours, cost=self._share(fill, ours))
        story, _ = story.booked(part)
        if self._positions.is_over(story):
            self._positions.end(story, OrderRole.LIQUIDATION, fill.at)
        else:
            self._positions.keep(story)
        self._settle(fill.pair, fill.at)

    def _share(self, fill: Fill, quantity: Decimal) -> Decimal:
        """What a part of a fill cost; the whole keeps its cost to the last digit."""
        if quantity == fill.quantity:
            return fill.cost
        return self._instruments[fill.pair].round_cost(fill.cost * quantity / fill.quantity)

    def _see_foreign_fill(self, fill: Fill) -> None:
        self._brakes.foreign_seen(foreign_fill_message(fill), fill.at, fill.pair)

    # --- keeping --------------------------------------------------------------------------------------------------

    def _settle(self, pair: Pair, at: datetime) -> None:
        """Bring what rests at the venue in line with what is held, then see whether a waiting signal may enter."""
        story = self._state.stories.get(pair)
        flattened = self._brakes.is_flattened(pair)
        if story is None or story.position.is_flat:
            self._keeper.sweep(pair, entries_too=flattened)
            if story is not None and not self._positions.is_entering(pair):
                self._positions.end(story, None, at)  # the entry came to nothing
        else:
            if flattened:
                self._positions.keep(leaving(story, OrderRole.FLATTEN, at))
            kept = self._state.stories[pair]
            self._positions.keep(self._keeper.keep(kept, at, self._positions.prices.get(pair)))
            if self._positions.is_over(self._state.stories[pair]) and not self._desk.working(pair):
                self._positions.end(self._state.stories[pair], kept.exit_role or OrderRole.FLATTEN, at)
        signal = self._waiting.get(pair)
        if signal is not None and not self._desk.working(pair):
            story = self._state.stories.get(pair)
            if story is None or self._positions.is_dust(story):
                del self._waiting[pair]
                self._enter(signal)


def _remember(ids: dict[_Id, None], one: _Id) -> None:
    """Add to a set that forgets its oldest."""
    ids[one] = None
    while len(ids) > _REMEMBERED_FILLS:
        del ids[next(iter(ids))]
