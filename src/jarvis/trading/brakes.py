"""What holds an account back: blocks, a pause, and what losses and a falling margin level have set off.

Keeps the account-wide marks, what others forbid, and the latest margin state. Says what must be done; halving and
closing positions is the engine's work.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair
from jarvis.trading import tiers
from jarvis.trading.desk import Outbox
from jarvis.trading.events import (
    EntriesAllowed,
    EntriesBlocked,
    ForeignExplained,
    ForeignSeen,
    Severity,
    StrangersKnown,
)
from jarvis.trading.limits import Limits, TierAction
from jarvis.trading.state import Block, EngineState, Marks

FLATTENED = "flatten"
FOREIGN_ACTIVITY = "foreign_activity"
FOREIGN_EXPLAINED = "foreign_explained"


class Brakes:
    """Keeps `state.marks` and `state.outside_blocks`. `margin` is the latest reading, `limits` those in force.

    `watches_calls`: say when the margin has come down to the level at which the venue warns.
    """

    def __init__(self, state: EngineState, limits: Limits, outbox: Outbox, *, watches_calls: bool) -> None:
        self._state = state
        self._outbox = outbox
        self._watches_calls = watches_calls
        self._called: set[Pair | None] = set()
        self.limits = limits
        self.margin: MarginState | None = None

    # --- looking --------------------------------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether a person, or a flattening of everything, has paused the account."""
        return self._marks.paused

    def is_flattened(self, pair: Pair) -> bool:
        """Whether what is held on the pair, and whatever turns up there, is to be closed."""
        return any(block.cause == FLATTENED and block.concerns(pair) for block in self._marks.blocks)

    def is_level_too_low(self) -> bool:
        """Whether the margin level stands where positions are halved."""
        return self._marks.tier(tiers.MARGIN_LEVEL) == TierAction.REDUCE

    # --- equity and the margin level ------------------------------------------------------------------------------

    def measure(self, margin: MarginState) -> TierAction | None:
        """The strongest action that a new reading of the margin sets off, if any."""
        self.margin = margin
        if self._watches_calls:
            self._watch_calls(margin)
        return self._judge(tiers.marked(self._marks, margin), margin.at)

    def limit(self, limits: Limits, at: datetime) -> TierAction | None:
        """Put other limits in force; the strongest action that they set off, if any."""
        self.limits = limits
        return self._judge(tiers.forgotten(self._marks), at)

    def resume(self, at: datetime) -> TierAction | None:
        """End the pause and our own blocks; the strongest action that is due all the same, if any.

        What others did on the account needs another word of the owner: `foreign_explained`.
        """
        blocks = tuple(block for block in self._marks.blocks if block.cause == FOREIGN_ACTIVITY)
        marks = replace(tiers.reset(self._marks, self.margin), paused=False, blocks=blocks)
        return self._judge(marks, at)

    def funds_moved(self, amount: Decimal) -> None:
        """Leave a deposit or a withdrawal (negative) out of profit and loss."""
        self._mark(tiers.moved(self._marks, amount))

    def _watch_calls(self, margin: MarginState) -> None:
        """Say once when the margin of the account, or of a pair with its own, has come down to the venue's warning."""
        called = tiers.called(margin)
        for pair, message in called.items():
            if pair not in self._called:
                self._outbox.alarm("margin_call", Severity.CRITICAL, message, margin.at, pair)
        self._called = set(called)

    def _judge(self, marks: Marks, at: datetime) -> TierAction | None:
        """Keep the marks with what equity and the margin level have reached."""
        if self.margin is None:
            self._mark(marks)
            return None
        marks, hits = tiers.judged(marks, self.limits, self.margin)
        self._mark(marks)
        for hit in hits:
            severity = Severity.CRITICAL if hit.action >= TierAction.REDUCE else Severity.WARNING
            self._outbox.alarm(hit.rule, severity, hit.message, at)
        return max((hit.action for hit in hits), default=None)

    # --- blocks ---------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Open nothing until a person resumes."""
        self._mark(replace(self._marks, paused=True))

    def block(self, block: Block, at: datetime) -> None:
        """Open nothing where it stands until a person resumes, and say so."""
        self._mark(self._marks.with_block(block))
        self._outbox.alarm(block.cause, Severity.CRITICAL, block.message, at, block.pair)

    def strangers(self, event: ForeignSeen | ForeignExplained | StrangersKnown) -> None:
        """Take what was learnt of somebody else's doings."""
        match event:
            case ForeignSeen():
                self.foreign_seen(event.message, event.at, event.pair, event.order)
            case ForeignExplained():
                self.foreign_explained(event.at)
            case StrangersKnown():
                self.strangers_known(event.orders)

    def foreign_seen(self, message: str, at: datetime, pair: Pair | None, order: str | None = None) -> None:
        """Open nothing where somebody else acted until the owner says that it was them; an order is told once."""
        if order is not None and order in (self._marks.strangers or ()):
            return
        if order is not None:
            self._mark(self._marks.with_strangers(order))
        self.block(Block(FOREIGN_ACTIVITY, message, pair), at)

    def foreign_explained(self, at: datetime) -> None:
        """It was the owner: entries may go on, as far as nothing else forbids them."""
        blocks = tuple(block for block in self._marks.blocks if block.cause != FOREIGN_ACTIVITY)
        if blocks != self._marks.blocks:
            self._mark(replace(self._marks, blocks=blocks))
            message = "The owner says that it was their own doing: what others did on the account stops no entries now."
            self._outbox.alarm(FOREIGN_EXPLAINED, Severity.INFO, message, at)

    def strangers_known(self, orders: tuple[str, ...]) -> None:
        """Never tell these orders."""
        self._mark(self._marks.with_strangers(*orders))

    def flatten(self, pair: Pair | None) -> None:
        """Have everything closed, on one pair or on all, until a person resumes."""
        message = f"{pair or 'Everything'} was flattened; resume to trade again."
        marks = self._marks.with_block(Block(FLATTENED, message, pair))
        self._mark(replace(marks, paused=True) if pair is None else marks)

    def told(self, event: EntriesBlocked | EntriesAllowed) -> None:
        """Keep what others forbid or allow again; a change is said."""
        was = self._state.outside_blocks
        rest = tuple(block for block in was if (block.cause, block.pair) != (event.cause, event.pair))
        if isinstance(event, EntriesBlocked):
            self._state.outside_blocks = (*rest, Block(event.cause, event.message, event.pair))
            if len(rest) == len(was):
                self._outbox.alarm(event.cause, Severity.WARNING, event.message, event.at, event.pair)
        elif len(rest) < len(was):
            self._state.outside_blocks = rest
            message = f"{event.pair or 'The account'}: {event.cause.replace('_', ' ')} is over; entries may go on."
            self._outbox.alarm(event.cause, Severity.INFO, message, event.at, event.pair)

    @property
    def _marks(self) -> Marks:
        return self._state.marks

    def _mark(self, marks: Marks) -> None:
        if marks != self._state.marks:
            self._state.marks = marks
            self._outbox.marks = marks
