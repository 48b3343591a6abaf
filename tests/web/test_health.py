"""Whether everything is well: judged from counts, said in words, and open to nobody but an operator."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from jarvis.domain.account import Environment, VenueName
from jarvis.signer.client import SignerHealth
from jarvis.store.db import Store
from jarvis.store.errors import StoreUnavailable
from jarvis.store.records import AccountState
from jarvis.store.vitals import DatabaseFacts, Feed, Queue, Vitals, Worker
from jarvis.web.health import Finding, State, findings, master_key, worst
from tests.web.client import Browser

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SIGNER = SignerHealth(process_id=77, signed=1200, refused=3, security_events=0)
KRAKEN = VenueName("kraken")
FEED = Feed(KRAKEN, Environment.LIVE, 2, 9, NOW, NOW, None)
WELL = Vitals(
    connected=2,
    unserved=0,
    states={AccountState.ARMED: 1, AccountState.PAUSED: 1},
    workers=(Worker("here-1", 2, NOW + timedelta(seconds=9)),),
    feeds=(FEED,),
    queues=(Queue("wishes", 0), Queue("commands", 0), Queue("notices", 0), Queue("deliveries", 0)),
    events=12_000,
    database=DatabaseFacts("SQLite", 48_300_000, 20_000_000_000, "r0004"),
    backed_up_at=NOW - timedelta(hours=5),
    verified_at=NOW - timedelta(hours=4),
    entries_blocked="",
)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def finding(part: str, vitals: Vitals = WELL, signer: SignerHealth | None = SIGNER) -> Finding:
    (found,) = [each for each in findings(vitals, signer, NOW) if each.part == part]
    return found


def test_when_all_is_well_every_part_says_so_with_its_figures() -> None:
    found = findings(WELL, SIGNER, NOW)

    assert {each.state for each in found} == {State.GOOD}
    assert worst(found) is State.GOOD
    assert finding("Signer").says == "process 77, 1,200 signed and 3 refused since its start"
    assert finding("Workers").says == "here-1 serves 2"
    assert finding("Accounts").says == "1 armed, 1 paused"
    assert finding("Database").says == "SQLite, 48.3 MB, schema r0004, 12,000 events kept; 20.0 GB free on its disk"


@pytest.mark.parametrize(
    ("part", "changed", "state", "words"),
    [
        ("Workers", {"unserved": 1}, State.BAD, "1 of 2 connected accounts are served by nobody"),
        ("Workers", {"connected": 0}, State.IDLE, "no account is connected"),
        ("Prices of Kraken", {"feeds": (replace(FEED, newest=ago(minutes=3)),)}, State.BAD, "silent"),
        ("Prices of Kraken", {"feeds": (replace(FEED, newest=None),)}, State.BAD, "none yet"),
        ("Prices of Kraken", {"feeds": (replace(FEED, missing=3),)}, State.LOOK, "9 pairs; 3 minutes missing"),
        ("People's commands", {"queues": (Queue("commands", 2, ago(minutes=1)),)}, State.BAD, "2 wait"),
        ("People's commands", {"queues": (Queue("commands", 2, ago(seconds=5)),)}, State.GOOD, "2 under way"),
        (
            "Notices to receivers",
            {"queues": (Queue("deliveries", 1, ago(hours=1), 4),)},
            State.BAD,
            "1 wait; 4 could not",
        ),
        ("Notices to hand over", {"queues": (Queue("notices", 1, ago(minutes=6)),)}, State.BAD, "1 wait"),
        ("Orders by hand and of charts", {"queues": (Queue("wishes", 1, ago(seconds=31)),)}, State.BAD, "1 wait"),
        ("Database", {"database": replace(WELL.database, free=10**9)}, State.LOOK, "1.0 GB free"),
        ("Database", {"database": replace(WELL.database, free=10**8)}, State.BAD, "100.0 MB free"),
        ("Database", {"database": DatabaseFacts("PostgreSQL", 10**9, None, "r0004")}, State.GOOD, "1.0 GB, schema"),
        ("Backup", {"backed_up_at": None}, State.LOOK, "none was made"),
        ("Backup", {"backed_up_at": ago(days=8)}, State.LOOK, "old"),
        ("Backup read again", {"verified_at": ago(days=31)}, State.LOOK, "not for a long time"),
        ("Entries", {"entries_blocked": "we look first"}, State.LOOK, "we look first"),
    ],
)
def test_what_is_not_well_is_named(part: str, changed: dict[str, object], state: State, words: str) -> None:
    found = finding(part, replace(WELL, **changed))  # type: ignore[arg-type]

    assert found.state is state
    assert words in found.says
    assert bool(found.todo) == (state in (State.LOOK, State.BAD))


def test_a_signer_that_is_silent_or_was_asked_for_what_is_never_signed_is_named() -> None:
    assert finding("Signer", signer=None).state is State.BAD
    tried = finding("Signer", signer=replace(SIGNER, security_events=1))
    assert (tried.state, "1 attempt at what is never signed" in tried.says) == (State.LOOK, True)
    assert worst(findings(WELL, None, NOW)) is State.BAD


def test_a_backup_is_to_be_read_again_once_there_is_one() -> None:
    unread = finding("Backup read again", replace(WELL, verified_at=None))
    assert (unread.state, "jarvis backup --verify" in unread.todo) == (State.IDLE, True)
    none_made = findings(replace(WELL, backed_up_at=None, verified_at=None), SIGNER, NOW)
    assert "Backup read again" not in [each.part for each in none_made]


def test_the_oldest_that_waits_is_told_with_its_time() -> None:
    found = finding("People's commands", replace(WELL, queues=(Queue("commands", 2, ago(seconds=5)),)))
    assert (found.since, found.which) == (ago(seconds=5), "oldest")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("file", "in a file"),
        ("passphrase", "under a passphrase"),
        ("keyring:jarvis", "in the desktop's keyring, as jarvis"),
        ("credential:jarvis", "by systemd, as the credential jarvis"),
    ],
)
def test_where_the_master_key_is_from_is_told(source: str, words: str) -> None:
    assert words in master_key(source).says


def test_a_sandbox_is_judged_by_its_own_clock() -> None:
    feed = replace(FEED, environment=Environment.SANDBOX, newest=ago(days=400), clock=ago(days=400))
    part = "Prices of Kraken, sandbox"

    assert finding(part, replace(WELL, feeds=(feed,))).state is State.GOOD
    behind = replace(feed, clock=ago(days=399))
    assert finding(part, replace(WELL, feeds=(behind,))).state is State.BAD


async def test_anybody_may_ask_whether_it_lives_and_is_told_nothing_else(
    app: FastAPI, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Browser(app)

    well = await stranger.get("/healthz")

    async def gone() -> int:
        raise StoreUnavailable("the disk is gone: /somewhere/jarvis.db")

    monkeypatch.setattr(store, "last_event_id", gone)
    ill = await stranger.get("/healthz")

    assert (well.status, well.text) == (200, "ok")
    assert (ill.status, ill.text) == (503, "the database does not answer")
