"""Everybody who may ask for what is not theirs, and an owner who has one of everything."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fastapi import FastAPI

from jarvis.accounts.tokens import MadeToken, Tokens
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Passkey, Person, Role, Scope
from jarvis.research.kept import told_of
from jarvis.store.db import Store
from jarvis.store.hooks import Hook
from jarvis.store.records import Assignment
from jarvis.store.targets import Target
from jarvis.store.verdicts import KeptVerdict
from jarvis.trading.proposals import Terms
from jarvis.web.jobs import Job, Jobs, Prepared
from tests.web.client import Browser
from tests.web.conftest import OWNER, PASSWORD, Time
from tests.web.samples import BTC
from tests.web.second_factor import enrol_app

MADE_UP = "0123456789abcdef0123"
HOOK_OF_ADA = "hook-of-ada"
JOB_OF_ADA = "job-of-ada"
VERDICT_OF_ADA = "verdict-of-ada"


@dataclass(frozen=True)
class Crowd:
    """Browsers of people who are signed in and proved, and what the owner's token for scripts is."""

    owner: Browser
    strangers: dict[str, Browser]
    guest: Browser
    token: str


async def person_of(store: Store, email: str) -> Person:
    person = await store.person_by_email(email)
    assert person is not None
    return person


async def enter(app: FastAPI, store: Store, time: Time, email: str, role: Role = Role.TRADER) -> Browser:
    """A new person of this role, signed in and proved."""
    browser = Browser(app)
    await browser.submit("/sign-up", {"email": email, "password": PASSWORD})
    person = await person_of(store, email)
    if role is not Role.TRADER:
        noted = AuditEntry("role.changed", time(), "cli", person.user_id)
        await store.set_role(person.user_id, role, noted=noted, told="")
    answer = await browser.submit("/sign-in", {"email": email, "password": PASSWORD})
    assert answer.status == 303, answer.text
    await enrol_app(browser, PASSWORD, time())
    return browser


async def crowd_of(app: FastAPI, store: Store, time: Time, owner: Browser) -> Crowd:
    """The owner of `owner` gets one of everything; others are there as a stranger of every kind."""
    strangers = {
        "trader": await enter(app, store, time, "mallory@example.org"),
        "viewer": await enter(app, store, time, "victor@example.org", Role.VIEWER),
        "operator": await enter(app, store, time, "olga@example.org", Role.OPERATOR),
    }
    guest = await enter(app, store, time, "vera@example.org", Role.VIEWER)
    ada = await person_of(store, OWNER)
    noted = AuditEntry("made.for_test", time(), ada.user_id, ada.user_id)
    await store.grant_viewing(ada.user_id, "vera@example.org", noted=noted)
    await store.add_target(
        Target("target-of-ada", ada.user_id, "webhook", "a room", "a.example", time(), confirmed_at=time()), noted
    )
    await add_hook(store, time, ada.user_id)
    await add_job(app, ada.user_id)
    session = next(value for name, value in owner.cookies.items() if "session" in name)
    from jarvis.accounts.sessions import hash_of

    await store.add_passkey(
        Passkey(b"passkey-of-ada-0", ada.user_id, b"public", 0, (), backed_up=False, label="a key", created_at=time()),
        most=20,
        keeping=hash_of(session),
        noted=noted,
        told="",
    )
    made = await Tokens(store).make(
        ada,
        time(),
        label="a script",
        scopes=[Scope.READ, Scope.EXITS, Scope.RESUME],
        expires_at=time() + timedelta(days=30),
        noted=noted,
    )
    assert isinstance(made, MadeToken)
    asked = Assignment("donchian_breakout", BTC, timedelta(minutes=15), {})
    await add_verdict(store, ada.user_id, verdict_of(ada.user_id, time(), asked))
    invited = await owner.submit("/account/sharing/invite", {"email": "friend@example.org"}, page="/account/sharing")
    assert invited.status == 200, invited.text
    return Crowd(owner, strangers, guest, made.secret)


async def add_hook(store: Store, time: Time, user_id: UserId) -> None:
    """A hook on the first of the person's accounts, if there is one."""
    noted = AuditEntry("made.for_test", time(), user_id, user_id)
    for account in (await store.accounts_of(user_id))[:1]:
        terms = Terms(frozenset({BTC}), Decimal(1000))
        hook = Hook(
            HOOK_OF_ADA, user_id, account.account_id, "a chart", terms, known_sources=False, is_live=False,
            created_at=time(), token_hash=b"h" * 32,
        )  # fmt: skip
        assert await store.add_hook(hook, noted=noted, told="")


async def add_verdict(store: Store, user_id: UserId, kept: KeptVerdict) -> None:
    """What the person was answered about a strategy."""
    await store.keep_verdict(kept, AuditEntry("verdict.kept", kept.judgement.made_at, user_id, user_id))


def verdict_of(
    user_id: UserId, at: datetime, line: Assignment, *, is_well: bool = True, verdict_id: str = VERDICT_OF_ADA
) -> KeptVerdict:
    """A verdict about what an account follows, at Kraken."""
    findings = [
        {"name": "look_ahead", "title": "Does it look ahead?", "is_well": True, "words": "No.", "numbers": {}},
        {"name": "cost_stress", "title": "Does it survive doubled costs?", "is_well": is_well, "words": "It was asked.",
         "numbers": {}},
    ]  # fmt: skip
    asked = {
        "values": {name: str(each) for name, each in line.values.items()}, "tries": 3, "pairs": [str(line.pair)],
        "venue": "kraken", "interval": int(line.interval.total_seconds()), "step": 60,
        "from": (at - timedelta(days=90)).isoformat(), "until": at.isoformat(), "deposit": "10000",
    }  # fmt: skip
    told = {"strategy": line.strategy, "is_well": is_well, "findings": findings, "asked": asked}
    return told_of(told, user_id, verdict_id, at, line.strategy)


async def add_job(app: FastAPI, user_id: UserId) -> None:
    """A long action of the person that has made its file."""
    jobs: Jobs = app.state.jobs

    async def work(job: Job) -> Prepared:
        job.job_id = JOB_OF_ADA
        jobs._jobs[JOB_OF_ADA] = job
        path = jobs.file(job, "words.csv")
        path.write_text("said\nit\n")
        return Prepared(path, "words.csv", "text/csv", path.stat().st_size)

    await jobs.over(jobs.begin(user_id, "made for a test", "Your words", "/account/data", work))


async def rows_of(store: Store, user_id: UserId) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is kept of a person, by table."""
    found: dict[str, list[tuple[object, ...]]] = {}

    def take(table: str, _columns: object, rows: object) -> None:
        found.setdefault(table, []).extend(tuple(row) for row in rows)  # type: ignore[attr-defined]

    await store.tell_person(user_id, take)
    return found
