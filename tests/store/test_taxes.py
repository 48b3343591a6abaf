"""Books in pages: together they are the whole, and a stranger has none."""

from dataclasses import replace

import pytest

from jarvis.ledger.tax import Books
from jarvis.store import taxes
from jarvis.store.db import Store
from jarvis.store.records import TradingAccount
from jarvis.store.taxes import JournalEnd
from tests.store.samples import ACCOUNT, OWNER, STRANGER, at, deposit
from tests.store.test_folding import _live


async def _account(store: Store) -> TradingAccount:
    (found,) = await store.accounts_of(OWNER)
    return found


async def test_pages_end_where_they_were_told_and_make_the_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await _live(store)
    account = await _account(store)
    whole = await store.tax_books(account, "Kraken")
    end = await store.journal_end(OWNER, ACCOUNT)
    await store.record_ledger_row(ACCOUNT, *deposit(200, "5", "9985", at(90_000)))
    monkeypatch.setattr(taxes, "_AT_ONCE", 1)
    pages: list[Books] = []
    after = 0

    while (page := await store.books_page(account, "Kraken", after=after, up_to=end.last)) is not None:
        pages.append(page.books)
        after = page.last

    assert len(pages) == end.entries == len(whole.entries)
    assert [entry for page in pages for entry in page.entries] == whole.entries
    assert {name: fill for page in pages for name, fill in page.fills.items()} == whole.fills
    assert {name: step for page in pages for name, step in page.cost_steps.items()} == whole.cost_steps
    assert (await store.journal_end(OWNER, ACCOUNT)).entries == end.entries + 1
    assert await store.journal_end(OWNER, ACCOUNT, up_to=end.last) == end


async def test_a_stranger_has_no_books(store: Store) -> None:
    await _live(store)
    theirs = replace(await _account(store), owner_id=STRANGER)

    assert await store.books_page(theirs, "Kraken") is None
    assert await store.journal_end(STRANGER, ACCOUNT) == JournalEnd(0, 0)
    assert await store.unfolded(STRANGER, ACCOUNT) == 0
    assert await store.fold_some(STRANGER, ACCOUNT) == 0


async def test_what_is_not_added_up_yet_is_counted_until_it_is(store: Store) -> None:
    await _live(store)
    count = (await store.journal_end(OWNER, ACCOUNT)).entries

    assert await store.unfolded(OWNER, ACCOUNT) == count
    assert await store.fold_some(OWNER, ACCOUNT) == count
    assert await store.fold_some(OWNER, ACCOUNT) == await store.unfolded(OWNER, ACCOUNT) == 0
