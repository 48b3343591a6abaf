"""How long the server takes for a page: a desk with 20 positions, 300 orders and a year of equity, a reading a minute.

Run `python -m benchmarks.pages`. Wall time of the whole application in process: session, store, templates, headers.
"""

import argparse
import asyncio
import statistics
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from sqlalchemy import insert
from tests.web import day, samples
from tests.web.client import Browser
from tests.web.conftest import OWNER, PASSWORD, SANDBOX, SaidConnector, Time
from tests.web.second_factor import Seeds

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.domain.account import AccountId, Environment, UserId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Quote
from jarvis.domain.order import ClientOrderId, OrderRole, OrderStatus, OrderType, PositionId
from jarvis.domain.position import NOTHING_REALISED, Position
from jarvis.ledger.journal import entry_for_fill
from jarvis.store.database import migrate
from jarvis.store.db import Store
from jarvis.store.records import Assignment, PositionFacts, feed_name
from jarvis.store.tables import equity
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import resolve
from jarvis.venues.catalog import OKX
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings

POSITIONS = 20
ORDERS = 300
A_YEAR = 365 * 24 * 60
BATCH = 20_000
MOST_MS = 100.0
PAIRS = [Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")]
FEED = feed_name(day.KRAKEN, Environment.SANDBOX)


async def fill(store: Store, user_id: UserId, readings: int) -> AccountId:
    """An account that has traded for a year."""
    account_id = await day.lived(store, user_id)
    donchian = STRATEGIES["donchian_breakout"]
    followed = [Assignment(donchian.name, pair, timedelta(minutes=15), resolve(donchian, {})) for pair in PAIRS]
    await store.save_assignments(user_id, account_id, followed)
    fence = await store.acquire_lease(account_id, "a test", timedelta(minutes=5))
    assert fence is not None
    for number in range(POSITIONS - 2):
        await _hold(store, account_id, fence, PAIRS[number % len(PAIRS)], number)
    known = 2 * (POSITIONS - 2) + len(samples.orders()) + len(samples.closed_orders())
    for number in range(ORDERS - known):
        order = samples.order(
            samples.BTC, OrderRole.ENTRY, Side.BUY, OrderType.LIMIT, "0.1", f"jB{number:07d}",
            status=OrderStatus.CANCELLED, price="90000", at=samples.NOW - timedelta(minutes=number),
        )  # fmt: skip
        await store.record_intent(account_id, order, fence)
        await store.record_order(account_id, order)
    for pair in PAIRS:
        await store.record_bars(FEED, samples.bars(pair, 240 * 60))
    quotes = [Quote(pair, Decimal(100), Decimal("100.1"), Decimal(100), samples.NOW) for pair in PAIRS]
    await store.record_quotes(FEED, quotes)
    await _year_of_equity(store, account_id, readings)
    return account_id


async def _hold(store: Store, account_id: AccountId, fence: int, pair: Pair, number: int) -> None:
    name = f"j{pair.base}{number:06d}"
    at = samples.NOW - timedelta(hours=number + 1)
    opening = samples.fill(pair, Side.BUY, "1", "101.5", at, 1000 + number, name)
    story = samples.story(pair, Side.BUY, "1", "101.5", "99")
    position, _ = Position(pair, samples.CENT).apply(opening)
    position_id = PositionId(f"{pair.base}-{number}")
    story = replace(
        story,
        position_id=position_id,
        entry_id=ClientOrderId(name),
        position=position,
        fill_ids=(opening.fill_id,),
    )
    entry = samples.order(pair, OrderRole.ENTRY, Side.BUY, OrderType.MARKET, "1", name, status=OrderStatus.FILLED,
                          filled="1", at=at)  # fmt: skip
    stop = samples.order(pair, OrderRole.STOP, Side.SELL, OrderType.STOP, "1", f"{name}s", price="99", at=at)
    for order in (entry, stop):
        owned = replace(order, request=replace(order.request, position_id=position_id))
        await store.record_intent(account_id, owned, fence)
        await store.record_order(account_id, owned)
    await store.record_fill(account_id, opening, entry_for_fill(opening, NOTHING_REALISED, position_id), entry, story)
    facts = PositionFacts(
        position_id, samples.NOW, Decimal("20.3"), liquidation_price=Decimal("55.1"), is_modelled=True
    )
    await store.record_facts(account_id, [facts])


async def _year_of_equity(store: Store, account_id: AccountId, readings: int) -> None:
    """Straight into the table: half a million readings one by one would take longer than all the rest."""
    first = samples.NOW - timedelta(minutes=readings + 400)
    shape = {name: getattr(samples.margin(), name) for name in (
        "asset", "trade_balance", "used_margin", "free_margin", "unrealised", "margin_level", "call_level",
        "liquidation_level", "venue_level",
    )}  # fmt: skip
    for start in range(0, readings, BATCH):
        rows = [
            {
                **shape,
                "account_id": account_id,
                "at": first + timedelta(minutes=number),
                "equity": Decimal(20_000) + number % 977,
            }
            for number in range(start, min(readings, start + BATCH))
        ]
        async with store._write() as connection:  # noqa: SLF001 - a benchmark's shortcut
            await connection.execute(insert(equity), rows)


async def measure(rounds: int, readings: int) -> list[str]:
    """A line for each page: the median and the slowest of `rounds`, the first being cold."""
    with TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'jarvis.db'}"
        await migrate(url)
        store = await Store.open(url)
        app = create_app(
            WebSettings(origins=("http://127.0.0.1:8765",), sandbox_url=SANDBOX),
            store,
            SaidConnector(store),
            seeds=Seeds(),
            passwords=Passwords(HashCost(time=3, memory=12 * 1024)),
            now=Time(),
        )
        browser = Browser(app)
        await browser.submit("/sign-up", {"email": OWNER, "password": PASSWORD})
        await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
        person = await store.person_by_email(OWNER)
        assert person is not None
        account = await fill(store, person.user_id, readings)
        await day.lived_on_borrowed_money(store, person.user_id, OKX)
        paths = [
            f"/desk/{account}", "/desk/all", f"/desk/{account}/part/numbers", f"/desk/{account}/part/positions",
            f"/desk/{account}/part/whatif?move=-10", "/desk/all/part/whatif?move=-10",
            f"/desk/{account}/equity.json?reach=all", f"/desk/{account}/equity.json?reach=day",
            f"/desk/{account}/candles.json?pair=BTC/USD&interval=60",
            f"/desk/{account}/candles.json?pair=BTC/USD&interval=900",
            f"/desk/{account}/candles.json?pair=BTC/USD&interval=3600",
        ]  # fmt: skip
        lines = [await _timed(browser, path, account, rounds) for path in paths]
        await store.close()
        return lines


async def _timed(browser: Browser, path: str, account: AccountId, rounds: int) -> str:
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        answer = await browser.get(path)
        taken.append((time.perf_counter() - begun) * 1000)
        assert answer.status == 200, (path, answer.status)
    cold, warm = taken[0], taken[1:]
    median = statistics.median(warm)
    verdict = "met" if median <= MOST_MS else "NOT MET"
    shown = path.replace(account, "ACCOUNT")
    size = len(answer.body) / 1024
    return (
        f"{shown:<58} {median:7.1f} ms  [{min(warm):.1f}..{max(warm):.1f}]  first {cold:6.1f} ms  {size:6.1f} KiB"
        f"  limit {MOST_MS:g} ms: {verdict}"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a day of equity and few rounds: for seeing that it runs")
    quick = parser.parse_args().quick
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        readings = 1440 if quick else A_YEAR
        print(f"{POSITIONS} positions, {ORDERS} orders, {readings} readings of equity")
        print(*runner.run(measure(3 if quick else 15, readings)), sep="\n")


if __name__ == "__main__":
    main()
