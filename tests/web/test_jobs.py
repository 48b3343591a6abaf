"""Long actions: told how far they are, ended when their owner says so, for nobody else, and the same in the end."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from stat import S_IMODE

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId, LedgerKind, LedgerRow, LedgerRowId, UserId
from jarvis.domain.csvfile import write_rows
from jarvis.domain.money import USD
from jarvis.ledger.beancount import lines_of
from jarvis.ledger.journal import entry_for_row
from jarvis.ledger.tax import Method, Pool, report
from jarvis.ledger.taxfiles import rows_of
from jarvis.store import taxes
from jarvis.store.db import Store
from jarvis.store.errors import StoreBusy
from jarvis.web.books import catching, tax
from jarvis.web.jobs import KEPT, MOST_OF_ONE, Job, Jobs, JobState, TooManyJobsError
from jarvis.web.people import data
from jarvis.web.security import WebSettings
from tests.web import samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, SaidConnector, Time, app_of
from tests.web.crowd import person_of
from tests.web.test_data import tables_of
from tests.web.test_tax import download

TAX = "/account/tax?year=2026"


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is a long action, and the journal is read one entry at a time."""
    for module in (tax, catching, data):
        monkeypatch.setattr(module, "AT_ONCE", 0)
    monkeypatch.setattr(taxes, "_AT_ONCE", 1)


@pytest.fixture
def jobs(app: FastAPI) -> Jobs:
    kept: Jobs = app.state.jobs
    return kept


async def job_of(store: Store, jobs: Jobs) -> Job:
    """The owner's latest."""
    return jobs.of((await person_of(store, OWNER)).user_id)[0]


class Gate:
    """Lets a method of the store through one call at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, name: str) -> None:
        self.calls = 0
        self.came = asyncio.Event()
        self._opened = asyncio.Semaphore(0)
        inner: Callable[..., Awaitable[object]] = getattr(store, name)

        async def through(*args: object, **named: object) -> object:
            self.calls += 1
            self.came.set()
            await self._opened.acquire()
            return await inner(*args, **named)

        monkeypatch.setattr(store, name, through)

    async def open(self) -> None:
        """Let one call through; the next one has come when this is over, or nothing more does."""
        self.came.clear()
        self._opened.release()
        async with asyncio.timeout(30):
            await self.came.wait()


@pytest.mark.usefixtures("long")
async def test_a_report_is_made_while_its_page_tells_how_far_it_is(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, store, "books_page")
    begun = await owner.get(TAX)
    place = begun.header("location")
    await gate.came.wait()
    job = await job_of(store, jobs)
    told = []

    while not job.is_over:
        state = (await owner.get(f"{place}/state.json")).json
        told.append(state["percent"])
        waiting = asyncio.create_task(gate.open())
        await asyncio.wait([waiting, asyncio.ensure_future(jobs.over(job))], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    assert begun.status == 303
    assert place == f"/account/jobs/{job.job_id}"
    assert told[0] == 0
    assert told == sorted(told)
    assert len(set(told)) > 3, told
    assert state["counted"].endswith(" entries")
    assert (job.state, job.percent) == (JobState.DONE, 100)
    assert (await owner.get(place)).header("location") == TAX
    assert "Rollover" in (await owner.get(TAX)).text


@pytest.mark.usefixtures("long")
async def test_a_cancelled_report_reads_nothing_more_and_can_be_started_again(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as gated:
        gate = Gate(gated, store, "books_page")
        place = (await owner.get(TAX)).header("location")
        await gate.came.wait()
        await gate.open()
        before = gate.calls
        assert "Working on it" in (await owner.get(place)).text

        await owner.submit(f"{place}/cancel", {}, page=place)
        await jobs.over(await job_of(store, jobs))

        assert gate.calls == before
        page = (await owner.get(place)).text
        assert "Cancelled" in page
        assert "Start again" in page
    again = await owner.get(TAX)
    await jobs.over(await job_of(store, jobs))
    assert again.header("location") != place
    assert (await owner.get(TAX)).status == 200


@pytest.mark.usefixtures("long")
async def test_a_kept_report_has_a_new_entry_at_once_and_is_what_a_fresh_one_is(
    settings: WebSettings, owner: Browser, account: AccountId, store: Store, jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await owner.get(TAX)
    await jobs.over(await job_of(store, jobs))
    assert "Rewards" not in (await owner.get(TAX)).text
    monkeypatch.setattr(tax, "AT_ONCE", 1)
    row = LedgerRow(LedgerRowId("new"), "r", samples.NOW, LedgerKind.REWARD, USD, Decimal("7.25"), Decimal(0), None)
    await store.record_ledger_row(account, row, entry_for_row(row, None))

    added = (await owner.get(TAX)).text
    monkeypatch.setattr(tax, "AT_ONCE", 1000)
    another = app_of(settings, store, SaidConnector(store), Time())  # a process that has kept nothing
    web_again = Browser(another, cookies=owner.cookies)

    assert "+7.25" in added
    assert table_in(added) == table_in((await web_again.get(TAX)).text)


def table_in(page: str) -> str:
    return page[page.index("<table") : page.index("</table>")]


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("kind", ["csv", "beancount"])
async def test_a_file_that_was_prepared_is_the_file_that_comes_at_once(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await owner.get("/account/data")).token
    chosen = {"year": "2026", "method": "fifo", "pool": "position", "format": kind}
    begun = await owner.post("/account/tax/download", {"form_token": token, **chosen})
    job = await job_of(store, jobs)
    await jobs.over(job)
    prepared = await owner.get(f"{begun.header('location')}/file")
    monkeypatch.setattr(tax, "AT_ONCE", 1000)

    at_once = await download(owner, format=kind)

    assert begun.status == 303
    assert (at_once.status, at_once.body) == (200, prepared.body)
    for name in ("content-type", "content-disposition"):
        assert at_once.header(name) == prepared.header(name)
    (mine,) = await store.accounts_of((await person_of(store, OWNER)).user_id)
    books = [await store.tax_books(mine, "Kraken sandbox")]
    whole = io.StringIO(newline="")
    if kind == "csv":
        write_rows(whole, rows_of(report(books, Method.FIFO, Pool.POSITION, 2026), books))
    else:
        whole.writelines(f"{each}\n" for each in lines_of(books, until_year=2026))
    assert at_once.text == whole.getvalue()


@pytest.mark.usefixtures("long")
async def test_ones_data_is_prepared_on_disk_for_some_minutes_and_for_nobody_else(
    owner: Browser, stranger: Browser, account: AccountId, store: Store, jobs: Jobs, time: Time
) -> None:
    begun = await owner.submit("/account/data/export", {}, page="/account/data")
    place = begun.header("location")
    job = await job_of(store, jobs)
    await jobs.over(job)
    assert job.file is not None
    path = job.file.path

    page = await owner.get(place)
    answer = await owner.get(f"{place}/file")

    assert "Your file is ready" in page.text
    assert [row["account_id"] for row in tables_of(answer)["accounts"]] == [account]
    assert (S_IMODE(path.stat().st_mode), S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    for address in (place, f"{place}/state.json", f"{place}/file"):
        assert (await stranger.get(address)).status == 404
    assert (await stranger.submit(f"{place}/cancel", {}, page="/account/data")).status == 404
    time.pass_by(timedelta(minutes=11))
    assert "/prove" in (await owner.get(f"{place}/file")).header("location")
    time.pass_by(KEPT)
    gone = await owner.get(place)
    assert gone.status == 404
    assert "Start it again" in gone.text
    assert not path.exists()


@pytest.mark.usefixtures("long")
async def test_books_are_added_up_before_a_page_that_needs_them(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs
) -> None:
    address = f"/desk/{account}/statements/2026-11?format=csv"

    begun = await owner.get(address)
    await jobs.over(await job_of(store, jobs))

    assert (await owner.get(begun.header("location"))).header("location") == address
    assert "closing_balance" in (await owner.get(address)).text


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize(
    ("error", "said"),
    [(StoreBusy("another program held it"), "Another program held it."), (KeyError("a secret"), "Something broke")],
)
async def test_what_cannot_be_finished_says_so_in_plain_words(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs, error: Exception, said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr(store, "fold_some", fails)

    place = (await owner.get(f"/desk/{account}/results")).header("location")
    await jobs.over(await job_of(store, jobs))

    page = (await owner.get(place)).text
    assert "Not finished" in page
    assert said in page
    assert "a secret" not in page


async def waits(job: Job) -> None:
    """Work that nobody ends but its owner."""
    job.begin("Waiting", 2, "things")
    job.went(1)
    await asyncio.Event().wait()


async def test_one_person_has_three_at_a_time_and_others_wait_for_their_turn(tmp_path: Path) -> None:
    jobs = Jobs(Time(), iter("abcdefghij").__next__, tmp_path / "made")
    ada, bob = UserId("ada"), UserId("bob")

    mine = [jobs.begin(ada, f"{number}", "Mine", "/", waits) for number in range(MOST_OF_ONE)]
    same = jobs.begin(ada, "0", "Mine", "/", waits)
    with pytest.raises(TooManyJobsError):
        jobs.begin(ada, "another", "Mine", "/", waits)
    his = jobs.begin(bob, "0", "His", "/", waits)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert same is mine[0]
    assert his is not mine[0]
    assert jobs.find(bob, mine[0].job_id) is None
    assert [each.state for each in (*mine, his)] == [JobState.RUNNING] * 2 + [JobState.WAITING] * 2
    jobs.cancel(mine[0])
    await jobs.over(mine[0])
    jobs.cancel(mine[2])
    await jobs.over(mine[2])
    assert (mine[0].state, mine[0].percent) == (JobState.CANCELLED, 50)
    await jobs.close()
    assert all(each.state is JobState.CANCELLED for each in (*mine, his))
    assert jobs.of(ada) == jobs.of(bob) == []


@pytest.mark.usefixtures("long")
async def test_a_page_says_when_there_are_too_many_and_a_piece_of_a_page_sends_the_whole_page_there(
    owner: Browser, account: AccountId, store: Store, jobs: Jobs
) -> None:
    ada = (await person_of(store, OWNER)).user_id
    mine = [jobs.begin(ada, f"{number}", "Mine", "/", waits) for number in range(MOST_OF_ONE)]

    refused = await owner.get(TAX)
    jobs.cancel(mine[0])
    await jobs.over(mine[0])
    piece = await owner.get(f"/desk/{account}/ledger", {"hx-request": "true"})
    place = piece.header("hx-redirect")
    page = (await owner.get(place)).text

    assert refused.status == 429
    assert f"/account/jobs/{mine[0].job_id}" in refused.text
    assert piece.status == 204
    assert "Adding up the books" in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    await jobs.close()


def test_what_a_process_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "made" / "old").mkdir(parents=True)

    Jobs(Time(), lambda: "new", tmp_path / "made")

    assert not (tmp_path / "made").exists()
