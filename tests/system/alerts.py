"""A person's receivers and hooks on a running installation: what only they know, and a chart's alerts that trade."""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import aiohttp

from jarvis.cli.wiring import opened_store
from jarvis.domain.instrument import Pair
from jarvis.notify.kinds import Group, Level
from jarvis.store.records import TradingAccount
from jarvis.trading.hands import STRATEGY
from tests.system.books import held_at
from tests.system.installation import Installation, until


class Pages(Protocol):
    """Goes through the pages as a person does; `seen` is what it was answered."""

    session: aiohttp.ClientSession
    origin: str
    seen: list[bytes]

    async def get(self, path: str, status: int = 200) -> str: ...
    async def post(self, path: str, page: str, **fields: str) -> tuple[int, str]: ...


async def with_receivers(pages: Pages) -> dict[str, str | bytes]:
    """Add a receiver of each kind that has a secret, choose that nothing is sent there, and name the secrets.

    Nothing leaves this machine: it is chosen before the worker, which sends, is started.
    """
    telegram = f"123456789:{secrets.token_hex(18)}"
    discord, webhook = secrets.token_hex(34), secrets.token_hex(20)
    page = "/account/notifications"
    for kind, fields in (
        ("telegram", {"token": telegram, "chat": "-100123"}),
        ("discord", {"webhook": f"https://discord.com/api/webhooks/123456789012345678/{discord}"}),
        ("webhook", {"address": f"https://hooks.jarvis.example/{webhook}"}),
    ):
        status, _ = await pages.post(f"{page}/add", f"{page}?add={kind}", kind=kind, label=f"my {kind}", **fields)
        assert status == 303, kind
    receivers = set(re.findall(r'name="level\.([0-9a-f]+)\.', await pages.get(page)))
    assert len(receivers) == 3
    nothing = {f"level.{each}.{group.value}": Level.NOTHING.value for each in receivers for group in Group}
    status, _ = await pages.post(f"{page}/choices", page, **nothing)
    assert status == 303
    return {"bot's token": telegram, "Discord's token": discord, "webhook's path": webhook}


async def a_chart_trades(installation: Installation, pages: Pages, pair: Pair) -> dict[str, str | bytes]:
    """A hook goes live and its alerts close and open for an account that follows no strategy any more; its secret."""
    account = await installation.account()
    async with opened_store(installation.given) as store:
        await store.save_assignments(account.owner_id, account.account_id, [])
    begun = len(pages.seen)
    _, made = await pages.post(
        "/account/hooks", "/account/hooks", account=account.account_id, label="my chart", most="5000", pair=str(pair)
    )
    del pages.seen[begun:]  # the page that shows the secret, once
    hook = found_in(r"/hooks/([0-9a-f]{20})", made)
    secret = found_in(r"&#34;secret&#34;: &#34;([\w-]{43})&#34;", made)
    status, _ = await pages.post(f"/account/hooks/{hook}/live", f"/account/hooks/{hook}", then="live")
    assert status == 303

    async def alert(name: str, **wish: str) -> str:
        told = {"secret": secret, "id": name, "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "pair": str(pair)}
        async with pages.session.post(f"{pages.origin}/hooks/{hook}", data=json.dumps({**told, **wish})) as answer:
            body = await answer.read()
            pages.seen.append(body)
            return str(json.loads(body).get("fate", answer.status))

    async def is_open() -> bool:
        return bool(held_at(await installation.venue()).get(str(pair)))

    async def is_flat() -> bool:
        return not await is_open()

    if await is_open():
        assert await alert("close 1", action="close") == "sent"
        await until(is_flat, seconds=60, what="the chart closed what was open")
    price = await last_price(installation, account, pair)
    opening = {"action": "buy", "stop": f"{price * Decimal('0.95'):.1f}"}
    assert await alert("long too much", quantity="40", **opening) == "refused"
    assert await alert("long 1", quantity="0.01", **opening) == "sent"
    assert await alert("long 1", quantity="0.01", **opening) == "409", "an alert counts once"
    await until(is_open, seconds=60, what="the chart opened a position")
    async with opened_store(installation.given) as store:
        (held,) = await store.open_positions(account.owner_id, account.account_id)
        fates = [each.fate.name for each in await store.proposals_of(account.owner_id, hook)]
    assert (held.story.strategy, held.story.pair) == (STRATEGY, pair)
    assert fates[:2] == ["sent", "refused"]
    shown = await pages.get(f"/account/hooks/{hook}")
    assert "opened" in shown or "done" in shown
    return {"hook's secret": secret}


async def last_price(installation: Installation, account: TradingAccount, pair: Pair) -> Decimal:
    """The last price that the worker recorded."""
    async with opened_store(installation.given) as store:
        bars = await store.bars(account.feed, pair, timedelta(minutes=1), limit=1)
    return bars[-1].close


def found_in(pattern: str, text: str) -> Any:
    """The first group of the pattern."""
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match.group(1)
