import csv
import io
import zipfile

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.store.personal import NOBODYS
from jarvis.store.tables import metadata
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, Time

PAGE = "/account/data"


def tables_of(answer: Answer) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(packed.read(name).decode(), newline="")))
            for name in packed.namelist()
            if name.endswith(".csv")
        }


async def test_everything_comes_as_one_file_and_the_audit_says_so(
    owner: Browser, account: AccountId, store: Store
) -> None:
    answer = await owner.submit(f"{PAGE}/export", {}, page=PAGE)

    assert answer.status == 200
    assert answer.header("content-type") == "application/zip"
    assert answer.header("content-disposition") == 'attachment; filename="jarvis-2026-11-21.zip"'
    assert answer.header("cache-control") == "no-store"
    told = tables_of(answer)
    assert set(told) == {table.name for table in metadata.sorted_tables} - NOBODYS
    assert [row["email"] for row in told["users"]] == [OWNER]
    assert [row["account_id"] for row in told["accounts"]] == [account]
    assert told["fills"]
    assert "password_hash" not in told["users"][0]
    assert "export.made" in {line.kind for line in await store.audit_of()}


async def test_nothing_of_anybody_else_is_in_it(owner: Browser, stranger: Browser, account: AccountId) -> None:
    told = tables_of(await stranger.submit(f"{PAGE}/export", {}, page=PAGE))

    assert not told["accounts"]
    assert OWNER not in repr(told)
    assert account not in repr(told)


@pytest.mark.parametrize("path", ["export", "delete"])
async def test_both_need_a_fresh_proof(path: str, owner: Browser, time: Time) -> None:
    from datetime import timedelta

    time.pass_by(timedelta(minutes=11))

    answer = await owner.submit(f"{PAGE}/{path}", {"email": OWNER, "understood": "yes"}, page=PAGE)

    assert answer.status == 403
    assert "/prove" in answer.text


async def test_an_account_with_something_open_is_not_deleted(owner: Browser, account: AccountId, store: Store) -> None:
    page = await owner.get(PAGE)

    assert "Flatten on the desk first" in page.text
    answer = await owner.submit(f"{PAGE}/delete", {"email": OWNER, "understood": "yes"}, page=PAGE)
    assert answer.status == 422
    assert await store.people_to_erase() == []


@pytest.mark.parametrize(
    "fields", [{}, {"email": "eve@example.org", "understood": "yes"}, {"email": OWNER, "understood": ""}]
)
async def test_the_address_and_the_tick_are_asked_for(fields: dict[str, str], owner: Browser, store: Store) -> None:
    answer = await owner.submit(f"{PAGE}/delete", fields, page=PAGE)

    assert answer.status == 422
    assert "Nothing was deleted" in answer.text
    assert await store.people_to_erase() == []


async def test_a_deletion_ends_every_session_and_begins_at_once(owner: Browser, store: Store) -> None:
    person = await store.person_by_email(OWNER)
    assert person is not None

    answer = await owner.submit(f"{PAGE}/delete", {"email": OWNER.upper(), "understood": "yes"}, page=PAGE)

    assert answer.status == 200
    assert "Your account is deleted" in answer.text
    assert "Clear-Site-Data".lower() in dict(answer.headers)
    assert await store.people_to_erase() == [person.user_id]
    assert (await owner.get("/account")).status == 303
    assert "person.deletion_asked" in {line.kind for line in await store.audit_of()}


async def test_nobody_signs_in_to_an_account_that_is_being_deleted(owner: Browser, app: FastAPI, store: Store) -> None:
    from tests.web.conftest import PASSWORD

    await owner.submit(f"{PAGE}/delete", {"email": OWNER, "understood": "yes"}, page=PAGE)

    answer = await Browser(app).submit("/sign-in", {"email": OWNER, "password": PASSWORD})

    assert answer.status == 422


async def test_a_stranger_to_the_page_signs_in_first(browser: Browser) -> None:
    assert (await browser.get(PAGE)).header("location") == "/sign-in"
