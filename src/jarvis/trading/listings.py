"""The venue's rules in force, pair by pair, and what their changes mean for open positions."""

from collections.abc import Mapping

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.records import shared
from jarvis.trading.desk import Outbox
from jarvis.trading.drift import drift
from jarvis.trading.events import InstrumentsChanged, Severity
from jarvis.trading.state import EngineState
from jarvis.trading.stories import PositionStory


class Listings:
    """Keeps `instruments`, in place. A pair that is listed no more keeps its last rules: what is open there must close.

    Raises ValueError if a position is open on a pair of which the venue told no rules.
    """

    def __init__(self, instruments: Mapping[Pair, Instrument], state: EngineState, outbox: Outbox) -> None:
        self.instruments = dict(instruments)
        self._listed = set(instruments)
        self._state = state
        self._outbox = outbox
        for pair in state.stories:
            if pair not in self.instruments:
                raise ValueError(f"{pair}: a position is open, but the venue told no rules for this pair")

    def listed(self, pair: Pair) -> Instrument | None:
        """The pair's rules if the venue lists it now."""
        return self.instruments.get(pair) if pair in self._listed else None

    def changed(self, event: InstrumentsChanged) -> None:
        """Keep new rules, and say what changed and what it means for open positions."""
        listed_before, self._listed = self._listed, {instrument.pair for instrument in event.instruments}
        for instrument in event.instruments:
            before, pair = self.instruments.get(instrument.pair), instrument.pair
            self.instruments[pair] = shared(instrument)
            if before is not None and (words := drift(before, instrument)):
                message = f"{pair}: the venue changed its rules: {words}. New orders follow them."
                self._outbox.alarm("rules_changed", Severity.INFO, message, event.at, pair)
            story = self._state.stories.get(pair)
            if story is not None and before is not None:
                self._compare(before, instrument, story, event)
        for pair in sorted(listed_before - self._listed - set(self._state.stories)):
            message = f"{pair}: the venue lists this pair no more, or not on margin; nothing is opened on it."
            self._outbox.alarm("pair_gone", Severity.INFO, message, event.at, pair)
        for pair in sorted(set(self._state.stories) - self._listed):
            message = (
                f"{pair}: the venue lists this pair no more; a position is open. Close it at the venue if need be."
            )
            self._outbox.alarm("pair_gone", Severity.CRITICAL, message, event.at, pair)

    def _compare(self, before: Instrument, after: Instrument, story: PositionStory, event: InstrumentsChanged) -> None:
        pair = story.pair
        if before.status is not after.status:
            status = after.status.value.replace("_", " ")
            message = f"{pair}: the venue set this pair to {status}; a position is open."
            self._outbox.alarm("pair_status", Severity.WARNING, message, event.at, pair)
        most = max(after.leverages(story.side), default=0)
        if most < story.leverage <= max(before.leverages(story.side), default=0):
            message = f"{pair}: the venue cut the leverage to {most}x; the open position was made at {story.leverage}x."
            self._outbox.alarm("leverage_cut", Severity.WARNING, message, event.at, pair)
