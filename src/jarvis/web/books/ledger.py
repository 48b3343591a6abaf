"""The page of an account's ledger: the journal in double entry, with the cash after each entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from jarvis.domain.money import Asset
from jarvis.ledger.journal import Account, EntryKind, Posting
from jarvis.store.listing import LedgerLine
from jarvis.web.books.bookwords import ACCOUNT_WORDS, ENTRY_WORDS
from jarvis.web.books.catching import catch_up
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.lists import Choice, Empty, ListOf, answer


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in words. `postings` are (account, amount, asset, whether it is cash)."""

    number: int
    at: datetime
    what: str
    pair: str
    position_id: str | None
    postings: tuple[tuple[str, Decimal, Asset, bool], ...]
    after: tuple[tuple[Decimal, Asset], ...]
    ref_id: str
    row_id: str | None


class Posted(NamedTuple):
    """One posting with its entry: a line of a file."""

    line: LedgerLine
    posting: Posting


def router(web: Web) -> APIRouter:
    """The route of the ledger."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/ledger")
    async def ledger(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        if (waiting := await catch_up(web, request, [account])) is not None:
            return waiting
        owner = account.owner_id
        assets = await web.store.assets_booked(owner, account.account_id)
        kind = ListOf(
            name=f"ledger-{account.venue}",
            noun=("entry", "entries"),
            read=lambda wish: web.store.list_ledger(owner, account.account_id, wish),
            shown=_listed,
            fields=_FIELDS,
            lines=_postings,
            orders=(("at", True, "latest first"), ("at", False, "earliest first")),
            empty=Empty(
                "Nothing is booked yet. Every fill, fee, charge, deposit and withdrawal will be, in double entry.",
                "To the desk",
                f"/desk/{account.account_id}",
            ),
            search="Reference, position or pair",
            choices=(
                Choice("asset", "Asset", [(asset, asset) for asset in assets]),
                Choice("kind", "Kind", [(each.value, ENTRY_WORDS[each]) for each in EntryKind]),
                Choice("pair", "Pair", [(str(pair), str(pair)) for pair in pairs_of(account)]),
            ),
            dated="Happened",
        )
        return await answer(web, request, "books/ledger.html", kind, {"here": "desk", "account": card_of(account)})

    return routes


def _postings(line: LedgerLine) -> Sequence[Posted]:
    return [Posted(line, posting) for posting in line.entry.postings]


def _cash_after(posted: Posted) -> Decimal | None:
    is_cash = posted.posting.account is Account.CASH
    return posted.line.balances.get(posted.posting.asset) if is_cash else None


_FIELDS = (
    ("entry", lambda posted: posted.line.entry_id),
    ("at", lambda posted: posted.line.entry.at),
    ("kind", lambda posted: posted.line.entry.kind),
    ("pair", lambda posted: None if posted.line.entry.pair is None else str(posted.line.entry.pair)),
    ("position_id", lambda posted: posted.line.entry.position_id),
    ("account", lambda posted: posted.posting.account),
    ("asset", lambda posted: posted.posting.asset),
    ("amount", lambda posted: posted.posting.amount),
    ("cash_after", _cash_after),
    ("ref_id", lambda posted: posted.line.entry.ref_id),
    ("row_id", lambda posted: posted.line.row_id),
)


def _listed(line: LedgerLine) -> Listed:
    entry = line.entry
    return Listed(
        number=line.entry_id,
        at=entry.at,
        what=ENTRY_WORDS[entry.kind],
        pair="" if entry.pair is None else str(entry.pair),
        position_id=entry.position_id,
        postings=tuple(
            (ACCOUNT_WORDS[each.account], each.amount, each.asset, each.account is Account.CASH)
            for each in entry.postings
        ),
        after=tuple((amount, asset) for asset, amount in sorted(line.balances.items())),
        ref_id=entry.ref_id,
        row_id=line.row_id,
    )
