"""Whether everything is well, in words: what `store/vitals.py` counted and the signer said, judged. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from jarvis.domain.account import Environment
from jarvis.signer.client import SignerHealth
from jarvis.store.records import AccountState
from jarvis.store.vitals import Feed, Queue, Vitals
from jarvis.venues.catalog import VENUES

_QUIET_FEED = timedelta(minutes=2)
_QUEUES = {
    "wishes": ("Orders by hand and of charts", timedelta(seconds=30)),
    "commands": ("People's commands", timedelta(seconds=30)),
    "notices": ("Notices to hand over", timedelta(minutes=5)),
    "deliveries": ("Notices to receivers", timedelta(minutes=15)),
}
_OLD_BACKUP, _OLD_READING = timedelta(days=7), timedelta(days=30)
_LITTLE_ROOM, _NO_ROOM = 2_000_000_000, 500_000_000
_GIGA, _MEGA = 1e9, 1e6


class State(Enum):
    """How a part is: `IDLE` has nothing to do."""

    GOOD = "good"
    IDLE = "idle"
    LOOK = "look"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what it is, how, what there is to say, what to do about it, and since when where that matters.

    `which` says what `since` is the time of: the last one, or the oldest.
    """

    part: str
    state: State
    says: str
    todo: str = ""
    since: datetime | None = None
    which: str = "last"


def findings(vitals: Vitals, signer: SignerHealth | None, now: datetime) -> list[Finding]:
    """Every part of a running installation; `signer` is None if it does not answer."""
    return [
        _signer(signer),
        _workers(vitals),
        *(_accounts(vitals)),
        *(_feed(feed, now) for feed in vitals.feeds),
        *(_queue(queue, now) for queue in vitals.queues),
        _database(vitals),
        _backup(vitals, now),
        *_reading(vitals, now),
        _entries(vitals),
    ]


def worst(found: list[Finding]) -> State:
    """How the whole is."""
    order = (State.GOOD, State.IDLE, State.LOOK, State.BAD)
    return max((each.state for each in found), key=order.index, default=State.IDLE)


def _signer(pulse: SignerHealth | None) -> Finding:
    if pulse is None:
        todo = "jarvis up starts it. With a passphrase it waits for jarvis keys unlock. Stops at the venues hold."
        return Finding("Signer", State.BAD, "does not answer: nothing can be signed", todo)
    says = f"process {pulse.process_id}, {pulse.signed:,} signed and {pulse.refused:,} refused since its start"
    if pulse.security_events:
        todo = "jarvis audit list names each; see what the handbook says of a process that went astray."
        events = f"{pulse.security_events:,} attempt{'s' if pulse.security_events > 1 else ''} at what is never signed"
        return Finding("Signer", State.LOOK, f"{says}; {events}", todo)
    return Finding("Signer", State.GOOD, says)


def _workers(vitals: Vitals) -> Finding:
    if not vitals.connected:
        return Finding("Workers", State.IDLE, "no account is connected")
    if vitals.unserved:
        says = f"{vitals.unserved:,} of {vitals.connected:,} connected accounts are served by nobody"
        todo = "jarvis up starts a worker; just after a start it takes some seconds. Stops at the venues hold."
        return Finding("Workers", State.BAD, says, todo)
    shares = ", ".join(f"{each.name} serves {each.accounts:,}" for each in vitals.workers)
    return Finding("Workers", State.GOOD, shares)


def _accounts(vitals: Vitals) -> Iterator[Finding]:
    if not vitals.connected:
        return
    counts = [(vitals.states.get(state, 0), state.value) for state in AccountState]
    yield Finding("Accounts", State.GOOD, ", ".join(f"{count:,} {name}" for count, name in counts if count))


def _feed(feed: Feed, now: datetime) -> Finding:
    sandbox = feed.environment is not Environment.LIVE
    name = f"Prices of {VENUES[feed.venue].title}{', sandbox' if sandbox else ''}"
    if feed.newest is None:
        return Finding(name, State.BAD, "none yet", "The worker's log says why the venue cannot be reached.")
    clock = (feed.clock or feed.newest) if sandbox else now
    says = f"{feed.pairs} pair{'s' if feed.pairs != 1 else ''}"
    if clock - feed.newest > _QUIET_FEED:
        todo = "If the venue is well, look into the worker's log. Nothing new is opened on old prices."
        return Finding(name, State.BAD, f"{says}, all of them silent", todo, feed.newest)
    if feed.missing:
        minutes = f"{feed.missing:,} minute{'s' if feed.missing != 1 else ''}"
        todo = "The worker's log says when it was cut off. Candles that are missing are never made up."
        return Finding(name, State.LOOK, f"{says}; {minutes} missing in the latest day", todo, feed.newest)
    return Finding(name, State.GOOD, says, since=feed.newest)


def _queue(queue: Queue, now: datetime) -> Finding:
    name, patience = _QUEUES[queue.name]
    failed = f"; {queue.failed:,} could not be delivered" if queue.failed else ""
    if not queue.waiting or queue.oldest is None:
        return Finding(name, State.GOOD, f"nothing waits{failed}")
    if now - queue.oldest > patience:
        says, todo = f"{queue.waiting:,} wait{failed}", "A worker carries them out."
        return Finding(name, State.BAD, says, todo, queue.oldest, "oldest")
    return Finding(name, State.GOOD, f"{queue.waiting:,} under way{failed}", since=queue.oldest, which="oldest")


def _database(vitals: Vitals) -> Finding:
    facts = vitals.database
    says = f"{facts.kind}, {_size(facts.size)}, schema {facts.revision}, {vitals.events:,} events kept"
    if facts.free is None:
        return Finding("Database", State.GOOD, says)
    says += f"; {_size(facts.free)} free on its disk"
    if facts.free < _NO_ROOM:
        return Finding("Database", State.BAD, says, "Make room now: without it nothing opens, and only exits go on.")
    if facts.free < _LITTLE_ROOM:
        return Finding("Database", State.LOOK, says, "Make room soon.")
    return Finding("Database", State.GOOD, says)


def _backup(vitals: Vitals, now: datetime) -> Finding:
    at = vitals.backed_up_at
    if at is None:
        state = State.LOOK if vitals.connected else State.IDLE
        return Finding("Backup", state, "none was made yet", "jarvis backup FILE, and the file off this machine.")
    if now - at > _OLD_BACKUP:
        todo = "jarvis backup FILE; a line in cron does it every day."
        return Finding("Backup", State.LOOK, "the last one is old", todo, at)
    return Finding("Backup", State.GOOD, "made and read back", since=at)


def _reading(vitals: Vitals, now: datetime) -> Iterator[Finding]:
    """When a backup was last read again. Whoever makes one reads it back at once; a copy elsewhere gets old unread."""
    if vitals.backed_up_at is None:
        return
    part, todo = "Backup read again", "jarvis backup --verify FILE, with the copy that is off this machine."
    at = vitals.verified_at
    if at is None:
        yield Finding(part, State.IDLE, "not since it was made", todo)
    elif now - at > _OLD_READING:
        yield Finding(part, State.LOOK, "not for a long time", todo, at)
    else:
        yield Finding(part, State.GOOD, "every byte", since=at)


def master_key(source: str) -> Finding:
    """Where the signer has the master key from; `source` as the setting says it."""
    kind, _, name = source.partition(":")
    says = {
        "file": "in a file that only Jarvis's user reads",
        "passphrase": "in a file under a passphrase; after a restart it waits for jarvis keys unlock",
        "keyring": f"in the desktop's keyring, as {name}",
        "credential": f"handed over by systemd, as the credential {name}",
    }[kind]
    return Finding("Master key", State.GOOD, says)


def _entries(vitals: Vitals) -> Finding:
    if vitals.entries_blocked:
        return Finding("Entries", State.LOOK, f"blocked for everybody: {vitals.entries_blocked}", "See below.")
    return Finding("Entries", State.GOOD, "allowed")


def _size(count: int) -> str:
    return f"{count / _GIGA:.1f} GB" if count >= _GIGA else f"{count / _MEGA:.1f} MB"
