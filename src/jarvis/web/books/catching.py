"""Pages that read the journal's sums: the first look at an old journal is a long action, every later one is not."""

import asyncio
from collections.abc import Sequence

from fastapi import Request
from starlette.responses import Response

from jarvis.store.records import TradingAccount
from jarvis.web.context import Web
from jarvis.web.jobs import Job, Work
from jarvis.web.people.jobs import back_to, long_action

AT_ONCE = 1000
"""How many entries are added up while a page waits."""

_PAUSE_SECONDS = 0.01
"""Between two pieces, so that whoever trades finds the database free."""


async def catch_up(web: Web, request: Request, accounts: Sequence[TradingAccount]) -> Response | None:
    """The answer that sends to a long action, if the journals have much that nobody added up yet; else None."""
    work = await adding_up(web, accounts)
    if work is None:
        return None
    return await long_action(
        web, request, await web.person(request), key=key_of(accounts), title="Adding up the books",
        back=back_to(request), work=work,
    )  # fmt: skip


def key_of(accounts: Sequence[TradingAccount]) -> str:
    """Under which name adding up these journals is one and the same long action."""
    return f"books {' '.join(each.account_id for each in accounts)}"


async def adding_up(web: Web, accounts: Sequence[TradingAccount]) -> Work | None:
    """The long action that adds up what is new in these journals; None if that is done at once."""
    new = 0
    for account in accounts:
        new += await web.store.unfolded(account.owner_id, account.account_id)
    return None if new <= AT_ONCE else _adding_up(web, accounts, new)


def _adding_up(web: Web, accounts: Sequence[TradingAccount], new: int) -> Work:
    async def work(job: Job) -> None:
        job.begin("Adding up the journal, once", new, "entries")
        for account in accounts:
            while added := await web.store.fold_some(account.owner_id, account.account_id):
                job.went(added)
                await asyncio.sleep(_PAUSE_SECONDS)

    return work
