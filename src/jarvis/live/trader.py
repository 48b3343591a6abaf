"""One account at one venue: the spine.

A trader owns one engine, one venue session and one task. Others send it steps; nobody calls up. Starting, recovering
from a crash and reconnecting are one path: read what the venue says, feed what we missed through the same door as
live events, compare, go on. An intent is on paper before its first byte leaves; what is not proved is looked up and
never sent again. A broken invariant raises, stops this account and tells its owner; other accounts go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from jarvis.domain.account import AccountEvent, AccountId, AccountSnapshot, LedgerKind, LedgerRow, MarginState
from jarvis.domain.clock import Clock
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar, Quote, Tick
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, Order, OrderReport, OrderRole, OrderStatus
from jarvis.live.books import Books
from jarvis.live.crashpoints import crashpoint
from jarvis.live.guardian import STALE_AFTER_SECONDS, Guardian
from jarvis.live.keeping import kept, kept_if_possible
from jarvis.live.lookup import OVERLAP, Lookup
from jarvis.live.reconcile import Comparison, compare
from jarvis.live.rhythm import Rhythm
from jarvis.live.sending import send, send_amendment, send_cancellation
from jarvis.live.sentinel import Sentinel
from jarvis.live.wallet import WalletKeeping
from jarvis.live.watch import Watch
from jarvis.store.db import Store
from jarvis.store.errors import StoreFull
from jarvis.trading.brakes import FOREIGN_ACTIVITY, FOREIGN_EXPLAINED
from jarvis.trading.engine import Engine
from jarvis.trading.events import (
    Action,
    Alarm,
    Amend,
    Cancel,
    EngineEvent,
    Flatten,
    FundsMoved,
    MarksChanged,
    OrderAccepted,
    OrderChanged,
    OrderLost,
    OrderRefused,
    Place,
    Resolve,
    Severity,
    StoryChanged,
)
from jarvis.trading.hands import NOT_CHANGED
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Signal
from jarvis.venues.base import (
    AccountStream,
    StreamGap,
    Unreachable,
    Venue,
    VenueError,
)

log = structlog.get_logger()

READ_AGAIN_AFTER_SECONDS = 0.5
REFUSALS = ("not_opened_", NOT_CHANGED)
"""What the engine's alarms begin with that say why a person's wish was not carried out."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the market did up to a tick: finished candles, and the signals that this account follows."""

    tick: Tick
    bars: tuple[Bar, ...]
    signals: tuple[Signal, ...]
    quotes: Mapping[Pair, Quote]
    market_silent: float


class Trader:
    """The spine of one account. `run` returns only by being cancelled or by raising."""

    def __init__(
        self,
        *,
        account: AccountId,
        venue: Venue,
        store: Store,
        engine: Engine,
        clock: Clock,
        fence: int,
        books: Books,
        guardian: Guardian,
        quote_asset: Asset = USD,
    ) -> None:
        self._account = account
        self._venue = venue
        self._store = store
        self._engine = engine
        self._clock = clock
        self._fence = fence
        self._books = books
        self._guardian = guardian
        self._account_events: deque[AccountEvent | StreamGap] = deque()
        self._steps: deque[tuple[Step, asyncio.Future[None]]] = deque()
        self._commands: deque[tuple[EngineEvent, int | None]] = deque()
        self._wake = asyncio.Event()
        self._lookup = Lookup(venue, clock, engine.state.orders.values())
        self._watch = Watch(account, venue, store, clock, guardian)
        self._sentinel = Sentinel(account, venue.name, store, books, engine.state)
        self._balances_said: set[Asset] = set()
        self._stream: AccountStream | None = None
        self._stopped = False
        self._quote_asset = quote_asset
        self._wallet = WalletKeeping(account, venue, store, engine, books, fence)
        self._rhythm = Rhythm(engine.state, books, self._wallet)
        self._quotes: dict[Pair, Quote] = {}
        self._log = log.bind(account=account, venue=venue.name)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Reconcile, say that it is ready, then serve what comes."""
        async with self._venue.account_stream() as stream, asyncio.TaskGroup() as tasks:
            self._stream = stream
            reader = tasks.create_task(self._read(stream))
            try:
                await self._reconcile("start")
                on_ready()
                await self._serve()
            finally:
                reader.cancel()
                self._stopped = True
                for _, done in self._steps:
                    _answer(done)

    async def step(self, step: Step) -> None:
        """Hand over one step; returns when it and all that it caused is dealt with, or the trader has stopped."""
        if self._stopped:
            return
        done = asyncio.get_running_loop().create_future()
        self._steps.append((step, done))
        self._wake.set()
        await done

    def hand_over(self, step: Step) -> None:
        """Hand over one step without waiting; one that was not begun yet is overtaken, its candles and signals kept."""
        if self._stopped:
            return
        if len(self._steps) > 1:  # the first may be in work
            waiting, done = self._steps.pop()
            step = replace(step, bars=(*waiting.bars, *step.bars), signals=(*waiting.signals, *step.signals))
            _answer(done)
        self._steps.append((step, asyncio.get_running_loop().create_future()))
        self._wake.set()

    def command(self, event: EngineEvent, command_id: int | None = None) -> None:
        """Hand over a person's command; it is taken before the next step, and what became of it is kept by its id."""
        self._commands.append((event, command_id))
        self._wake.set()

    async def _read(self, stream: AccountStream) -> None:
        async for event in stream:
            self._account_events.append(event)
            self._wake.set()

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._drain()
            while self._commands:
                await self._obey(*self._commands.popleft())
            while self._steps:
                await self._take_step(self._steps[0][0])
                _answer(self._steps.popleft()[1])

    # --- what comes in -----------------------------------------------------------------------------------------

    def read_rules_again(self) -> None:
        """Before the next step, read what the venue allows and lends to this account."""
        self._watch.read_rules_again()

    async def _take_step(self, step: Step) -> None:
        now = step.tick.at
        await self._look_around(step)
        changed = await self._watch.rules(now)
        if changed is not None:
            await self._process(changed)
        # A decision is never made on stale account state: all that the venue has told is taken first.
        await self._flush()
        is_due = self._rhythm.margin_is_due(now, decides=bool(step.signals))
        margin = await self._read_margin() if is_due else None
        if margin is not None:
            self._rhythm.margin_was_read(now)
            await self._process(margin)
        fills_at_reading = len(self._books.fills)
        events: list[EngineEvent] = [*step.bars, *self._watched_quotes(step), *step.signals, step.tick]
        for event in events:
            if await self._process(event):
                await self._flush_until_quiet()
        await self._look_up_lost()
        is_overtaken = len(self._books.fills) != fills_at_reading  # the reading does not know what was filled since
        reason = self._rhythm.reason_to_compare(now, None if is_overtaken else margin)
        if reason:
            await self._reconcile(reason)
        elif self._sentinel.look_is_due(now):
            await self._look_for_others(now)
        if margin is not None and self._rhythm.equity_is_due(now, asyncio.get_running_loop().time()):
            await kept_if_possible(self._store.record_equity(self._account, margin))
            await self._wallet.record_facts(margin, self._prices(), now)

    def _watched_quotes(self, step: Step) -> list[Quote]:
        """Fresh quotes of pairs whose targets do not rest at the venue."""
        before, self._quotes = self._quotes, dict(step.quotes)
        if step.market_silent > STALE_AFTER_SECONDS:
            return []
        return [
            quote for pair, quote in step.quotes.items() if self._engine.watches(pair) and quote != before.get(pair)
        ]

    def _prices(self) -> dict[Pair, Decimal]:
        return {pair: quote.last for pair, quote in self._quotes.items()}

    async def _look_around(self, step: Step) -> None:
        """Look at all that may forbid entries or demand a closing."""
        now = step.tick.at
        silent = asyncio.get_running_loop().time() - self._open_stream.last_heard_at
        await self._sentinel.tell_what_is_left()
        freshness = self._watch.freshness(market_silent=step.market_silent, account_silent=silent, now=now)
        await self._process_all(freshness)
        if self._guardian.key_check_due(now):
            await self._check_key(now)
        state = self._engine.state
        lots = {pair: instrument.lot for pair, instrument in self._engine.instruments.items()}
        for pair in self._guardian.naked_too_long(state.stories, state.orders.values(), now, lots):
            await self._alarm(
                "naked_position", Severity.CRITICAL, f"{pair}: no stop could be kept at the venue; closing it now", pair
            )
            await self._process(Flatten(now, pair))

    async def _check_key(self, now: datetime) -> None:
        judged, verdicts = await self._watch.key(now)
        await self._process_all(verdicts)
        if judged is not None:
            for caution in await self._watch.new_cautions(judged, now):
                await self._alarm("account_setting", Severity.WARNING, caution, None)

    async def _read_margin(self) -> MarginState | None:
        margin, verdicts = await self._watch.margin()
        await self._process_all(verdicts)
        return margin

    async def _flush_until_quiet(self) -> None:
        while await self._flush():
            pass

    async def _flush(self) -> bool:
        """Take everything that the venue has told by now; whether there was anything."""
        try:
            await self._open_stream.flush()
        except Unreachable as error:
            self._log.warning("account_flush_failed", reason=str(error))
        self._account_events.extend(self._open_stream.pending())
        return await self._drain()

    async def _drain(self) -> bool:
        handled = bool(self._account_events)
        while self._account_events:
            await self._take(self._account_events.popleft())
        return handled

    async def _take(self, event: AccountEvent | StreamGap) -> None:
        match event:
            case Fill():
                await self._take_fill(event)
            case LedgerRow():
                await self._take_row(event)
            case OrderReport():
                await self._process(event)
            case StreamGap() if any(isinstance(later, StreamGap) for later in self._account_events):
                pass  # the comparison after the last gap covers all of them
            case StreamGap():
                await self._reconcile(event.reason)

    async def _take_fills(self, fills: Iterable[Fill]) -> None:
        for fill in fills:
            await self._take_fill(fill)

    async def _take_fill(self, fill: Fill) -> None:
        if self._books.knows_fill(fill.fill_id, fill.at):
            return
        fill = self._lookup.attributed(fill)
        before = self._engine.state.stories.get(fill.pair)
        actions = self._engine.process(fill)
        story, order = _records_of(fill, actions)
        booked, entry = self._books.entry_of(fill, before, story)
        if story is None and order is None:  # somebody else's: what it forbids is kept before it is known
            self._sentinel.traded(fill)
            await self._carry_out_all(actions)
            actions = []
        crashpoint("before_fill_is_recorded")
        if not await kept(lambda: self._store.record_fill(self._account, fill, entry, order, story, fence=self._fence)):
            raise RuntimeError(f"fill {fill.fill_id} was recorded by somebody else: two traders serve one account")
        crashpoint("after_fill_is_recorded")
        self._books.add_fill(booked)
        self._books.add_entries([entry] if entry is not None else ())
        if story is not None and story.is_closed:
            self._books.add_closed(story)
        self._log.info("fill_recorded", pair=str(fill.pair), side=fill.side.value, fill=fill.fill_id)
        written = (None if story is None else StoryChanged(story), None if order is None else OrderChanged(order))
        await self._carry_out_all(action for action in actions if action not in written)

    async def _take_row(self, row: LedgerRow) -> None:
        if self._books.knows_row(row):
            return
        made, debts = self._books.entries_of(row, self._engine.state.stories.values())
        actions = [action for debt in debts for action in self._engine.process(debt)]
        grown = [action for action in actions if isinstance(action, StoryChanged)]
        seen = self._sentinel.of_row(row)
        if seen is not None:
            await self._process(seen)
        crashpoint("before_row_is_recorded")
        if not await kept(
            lambda: self._store.record_ledger_row(
                self._account, row, *made, stories_changed=[each.story for each in grown], fence=self._fence
            )
        ):
            return
        self._books.add_row(row)
        self._books.add_entries(made)
        await self._sentinel.tell_arrived(row, self._clock.now())
        await self._carry_out_all(action for action in actions if action not in grown)
        value = self._value_of(row)
        if row.kind in _FUNDS and value:
            await self._process(FundsMoved(value, row.at))

    def _value_of(self, row: LedgerRow) -> Decimal:
        """What a row moved, in the margin's asset; another one counts where equity counts it, if its price is known."""
        if row.asset == self._quote_asset:
            return row.change
        quote = self._quotes.get(Pair(row.asset, self._quote_asset)) if self._books.is_wallet else None
        return ZERO if quote is None else row.change * quote.last

    # --- what goes out -----------------------------------------------------------------------------------------

    async def _obey(self, event: EngineEvent, command_id: int | None) -> None:
        """Do what a person wants, and say what became of it."""
        actions = self._engine.process(event)
        await self._carry_out_all(actions)
        if command_id is not None:
            refused = (each.message for each in actions if isinstance(each, Alarm) and each.kind.startswith(REFUSALS))
            await kept_if_possible(self._store.conclude_command(command_id, next(refused, "done")))

    async def _process(self, event: EngineEvent) -> bool:
        """Tell the engine and carry out what it answers; whether there was anything to do."""
        actions = self._engine.process(event)
        await self._carry_out_all(actions)
        return bool(actions)

    async def _process_all(self, events: Iterable[EngineEvent]) -> None:
        for event in events:
            await self._process(event)

    async def _carry_out_all(self, actions: Iterable[Action]) -> None:
        for action in actions:
            await self._carry_out(action)

    async def _carry_out(self, action: Action) -> None:
        match action:
            case Place(order):
                await self._place(order)
            case Amend():
                await self._amend(action)
            case Cancel():
                await self._cancel(action)
            case Resolve(client_order_id):
                self._lookup.lose(client_order_id)  # looked up with this step
            case OrderChanged(order):
                await kept(lambda: self._store.record_order(self._account, order, fence=self._fence))
            case StoryChanged(story):
                if story.is_closed:
                    self._books.add_closed(story)
                await kept(lambda: self._store.record_story(self._account, story, fence=self._fence))
            case MarksChanged(marks):
                await kept(lambda: self._store.record_marks(self._account, marks, fence=self._fence))
            case Alarm():
                await self._alarm(action.kind, action.severity, action.message, action.pair)

    async def _place(self, order: Order) -> None:
        request = order.request
        crashpoint("before_intent")
        if not await self._write_intent(order):
            return
        self._sentinel.placed(order)
        crashpoint("after_intent")
        answer = await send(self._venue, request, self._clock)
        if isinstance(answer, OrderAccepted):
            self._lookup.learn(answer.venue_order_id, request.client_order_id)
        elif isinstance(answer, OrderRefused):
            self._guardian.refused(answer.reason)
        crashpoint("after_send")
        self._log.info(
            "order_placed",
            client_order_id=request.client_order_id,
            pair=str(request.pair),
            side=request.side.value,
            role=request.role.value,
            answer=type(answer).__name__,
        )
        await self._process(answer)
        crashpoint("after_answer")

    async def _write_intent(self, order: Order) -> bool:
        """On paper before it is on the wire. With a full disk an entry is refused; an exit uses the store's reserve."""
        try:
            await self._store.record_intent(self._account, order, self._fence)
        except StoreFull as error:
            if order.request.role is not OrderRole.ENTRY:
                await self._store.record_intent(self._account, order, self._fence)
                return True
            self._log.warning("entry_not_written", client_order_id=order.client_order_id, reason=str(error))
            now = self._clock.now()
            await self._process(OrderRefused(order.client_order_id, "disk_full", str(error), now))
            return False
        return True

    async def _amend(self, action: Amend) -> None:
        answer = await send_amendment(self._venue, action, self._clock)
        crashpoint("after_amend")
        await self._process(answer)

    async def _cancel(self, action: Cancel) -> None:
        answer = await send_cancellation(self._venue, action, self._clock)
        crashpoint("after_cancel")
        if self._engine.closing.is_serial and not isinstance(answer, OrderLost):
            answer = await self._lookup.proved(answer)
        await self._process(answer)
        if isinstance(answer, OrderLost):
            await self._look_up_lost()  # it ended another way while we asked: filled, most likely

    async def _alarm(self, kind: str, severity: Severity, message: str, pair: Pair | None) -> None:
        self._log.log(
            {Severity.INFO: 20, Severity.WARNING: 30, Severity.CRITICAL: 40}[severity],
            "alarm_raised",
            kind=kind,
            message=message,
        )
        now = self._clock.now()
        await kept_if_possible(
            self._store.record_activity(self._account, kind, severity.value, message, at=now, pair=pair)
        )
        if kind == FOREIGN_ACTIVITY:
            await self._sentinel.tell_found(message, pair, now)
        elif kind == FOREIGN_EXPLAINED:
            self._sentinel.explained()

    # --- proving what is not known -----------------------------------------------------------------------------

    async def _look_up_lost(self) -> None:
        """Look up every order that is not known, again at each step until the venue has proved what became of it."""
        unknown = [
            order.client_order_id for order in self._engine.state.orders.values() if order.status is OrderStatus.UNKNOWN
        ]
        self._lookup.only(unknown)
        for client_order_id in unknown:
            order = self._engine.state.orders.get(client_order_id)
            if order is None or order.status is not OrderStatus.UNKNOWN:
                continue  # proved meanwhile: what one proof leads to may look up others
            try:
                proof = await self._lookup.prove(order, self._take_fills)
            except VenueError as error:
                self._log.warning("look_up_failed", client_order_id=client_order_id, reason=str(error))
                continue
            if proof is not None:
                self._log.info("lost_order_proved", client_order_id=client_order_id, proof=type(proof).__name__)
                await self._process(proof)

    async def _reconcile(self, reason: str) -> None:
        """Start, crash and reconnect: the venue's records through the same door, then the comparison."""
        if self._books.is_wallet and self._books.opening is None:
            await self._wallet.open_books(self._read_records)
        comparison, snapshot = await self._compare()
        for _ in range(2):
            if comparison.agrees:
                break
            if comparison.balances:
                await asyncio.sleep(READ_AGAIN_AFTER_SECONDS)  # the venue may show a charge later than its effect
            # A fill may have come between two reads: only what stays is a mismatch.
            comparison, snapshot = await self._compare()
        now = self._clock.now()
        self._rhythm.was_compared(now, agrees=comparison.agrees)
        mismatched = {mismatch.pair: mismatch.message for mismatch in comparison.mismatches}
        for pair in {*comparison.confirmed, *mismatched, *self._engine.state.stories}:
            await self._process_all(self._guardian.judge("position_mismatch", mismatched.get(pair, ""), now, pair))
        await self._process_all(self._sentinel.of_comparison(comparison, snapshot, now))
        await self._settle_wallet(comparison, snapshot, now)
        await self._process(Tick(now))
        await self._flush_until_quiet()
        self._log.info(
            "reconciled",
            reason=reason,
            confirmed=len(comparison.confirmed),
            mismatches=len(comparison.mismatches),
            resting=len(comparison.resting),
            foreign=len(comparison.foreign_orders),
        )

    async def _settle_wallet(self, comparison: Comparison, snapshot: AccountSnapshot, now: datetime) -> None:
        """Say what the balances prove, repay what no position needs, and keep what the pages show."""
        self._wallet.snapshot = snapshot
        if self._books.is_wallet:
            wrong = {mismatch.asset: mismatch.message for mismatch in comparison.balances}
            for pair in self._engine.instruments:
                await self._process_all(self._guardian.judge("balance_mismatch", wrong.pop(pair.base, ""), now, pair))
            await self._process_all(self._guardian.judge("balance_mismatch", wrong.pop(self._quote_asset, ""), now))
            for asset, message in wrong.items():
                if asset not in self._balances_said:
                    self._balances_said.add(asset)
                    await self._alarm("balance_mismatch", Severity.WARNING, message, None)
            for debt in await self._wallet.settle(snapshot, now):
                severity = Severity.INFO if debt.is_dust else Severity.WARNING
                await self._alarm("debt_stays", severity, debt.message, None)
        await self._wallet.record_facts(snapshot.margin, self._prices(), now)

    async def _look_for_others(self, now: datetime) -> None:
        """Read what the venue recorded though nothing of ours asks for it."""
        self._sentinel.looked(now)
        try:
            await self._read_records()
        except VenueError as error:
            self._log.warning("records_not_read", reason=str(error))

    async def _read_records(self) -> None:
        """The venue's own records since the last that we know, through the same door as live ones."""
        books = self._books
        await self._take_fills(await self._venue.fills((books.last_fill_at or books.opened_at) - OVERLAP))
        for row in await self._venue.ledger((books.last_row_at or books.opened_at) - OVERLAP):
            await self._take_row(row)

    async def _compare(self) -> tuple[Comparison, AccountSnapshot]:
        # An order whose answer we never read must be recognised before its fills are: they carry the venue's id only.
        found: dict[ClientOrderId, OrderReport | None] = {}
        for order in list(self._engine.state.orders.values()):
            if not order.status.is_final and order.venue_order_id is None:
                found[order.client_order_id] = await self._lookup.find(order.client_order_id)
        await self._read_records()
        self._books.were_compared()
        snapshot = await self._venue.snapshot()
        if self._venue.traits != self._engine.closing.traits:
            raise Unreachable("the account's mode was changed at the venue; the account starts again in the new one")
        await self._process(snapshot.margin)
        state = self._engine.state
        comparison = compare(
            snapshot,
            state.orders.values(),
            state.stories,
            id_prefix=self._engine.id_prefix,
            wallet=self._wallet.held_against() if self._books.is_wallet else None,
        )
        for report in comparison.resting:
            await self._process(report)
        for client_order_id in comparison.missing_orders:
            known = found.get(client_order_id) or await self._lookup.find(client_order_id)
            if known is not None:
                await self._process(known)
            else:
                await self._process(OrderLost(client_order_id, self._clock.now()))
        return comparison, snapshot

    @property
    def _open_stream(self) -> AccountStream:
        if self._stream is None:
            raise RuntimeError("the trader does not run")
        return self._stream


_FUNDS = frozenset({LedgerKind.DEPOSIT, LedgerKind.WITHDRAWAL, LedgerKind.TRANSFER})


def _answer(done: asyncio.Future[None]) -> None:
    """Say that a step is dealt with; whoever waited for it may have been cancelled meanwhile."""
    if not done.done():
        done.set_result(None)


def _records_of(fill: Fill, actions: Iterable[Action]) -> tuple[PositionStory | None, Order | None]:
    """The story and the order that `fill` changed: they are kept in the fill's own transaction."""
    story = order = None
    for action in actions:
        match action:
            case StoryChanged(changed) if fill.fill_id in changed.fill_ids:
                story = changed
            case OrderChanged(changed_order) if changed_order.client_order_id == fill.client_order_id:
                order = changed_order
    return story, order
