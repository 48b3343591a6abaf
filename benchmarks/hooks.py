"""How long a chart waits for its answer while 50 charts knock at once: `python -m benchmarks.hooks`.

TradingView gives up after three seconds; a hook is to answer within 300 ms. The real server in a thread of its own,
SQLite on disk, an account in the middle of its day; every alert is a new one, is judged and written down.
"""

import asyncio
import json
import multiprocessing
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from time import perf_counter

import structlog
import uvloop
from tests.store.samples import OWNER, person
from tests.web import day
from tests.web.samples import BTC
from tests.web.serving import serving

from jarvis.accounts.sessions import hash_of, new_token
from jarvis.accounts.throttle import Rate
from jarvis.domain.account import AccountId
from jarvis.domain.people import AuditEntry
from jarvis.store.db import Store, migrate
from jarvis.store.hooks import Hook
from jarvis.store.records import AccountState
from jarvis.trading.proposals import Terms
from jarvis.web.messages import hooks

AT_ONCE = 50
ALERTS = 1000
KNOCKERS = 5
"""Hooks that the charts share."""


def main() -> None:
    """Print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    # The rates are for strangers; here the answer itself is measured.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # as the installed server runs
    free = Rate(10**6, hooks.FRESH_FOR)
    hooks._EVERYBODY = hooks._ADDRESS = hooks._HOOK = free  # noqa: SLF001
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite+aiosqlite:///{folder}/jarvis.db"
        asyncio.run(migrate(database))
        with serving(database) as served:
            account_id = served.run(_account)
            host, port = served.origin.removeprefix("http://").split(":")
            with ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn")
            ) as elsewhere:  # it costs the server nothing
                for fate, is_live in (("dry_run", False), ("sent", True)):
                    doors = served.run(partial(_doors, account_id, is_live=is_live))
                    seconds = elsewhere.submit(_knocked, host, int(port), doors, fate).result()
                    _print(fate, sorted(each * 1000 for each in seconds))


def _print(fate: str, milliseconds: list[float]) -> None:
    late, latest = (milliseconds[int(share * len(milliseconds))] for share in (0.95, 0.99))
    print(
        f"hook answers, {AT_ONCE} at once, {fate}: median {statistics.median(milliseconds):.1f} ms, p95 {late:.1f} ms, "
        f"p99 {latest:.1f} ms, longest {milliseconds[-1]:.1f} ms ({len(milliseconds)} alerts)"
    )


async def _account(store: Store) -> AccountId:
    await store.add_person(person(OWNER))
    account_id = await day.lived(store, OWNER)
    await store.set_account_state(account_id, AccountState.ARMED, "", datetime.now(UTC))
    return account_id


async def _doors(account_id: AccountId, store: Store, *, is_live: bool) -> list[tuple[str, str]]:
    """(id, secret) of hooks on one account."""
    now, found = datetime.now(UTC), []
    for number in range(KNOCKERS):
        secret = new_token()
        terms = Terms(frozenset({BTC}), Decimal(100_000))
        hook = Hook(
            f"{'live' if is_live else 'dry'}-{number}", OWNER, account_id, f"chart {number}", terms,
            known_sources=False, is_live=is_live, created_at=now, token_hash=hash_of(secret),
        )  # fmt: skip
        noted = AuditEntry("hook.made", now, OWNER, OWNER)
        assert await store.add_hook(hook, noted=noted, told="")
        found.append((hook.hook_id, secret))
    return found


def _knocked(host: str, port: int, doors: list[tuple[str, str]], fate: str) -> list[float]:
    return asyncio.run(_knock(host, port, doors, fate))


async def _knock(host: str, port: int, doors: list[tuple[str, str]], fate: str) -> list[float]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> float:
        hook_id, secret = doors[number % len(doors)]
        told = {
            "secret": secret, "id": f"alert {number}", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "action": "buy", "pair": "BTCUSD", "quantity": "0.0002", "stop": "59000",
        }  # fmt: skip
        body = json.dumps(told).encode()
        head = (
            f"POST /hooks/{hook_id} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        async with places:
            began = perf_counter()
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(head.encode() + body)
            answer = await reader.read()
            took = perf_counter() - began
            writer.close()
        assert answer.startswith(b"HTTP/1.1 202"), answer[:300]
        assert answer.endswith(f'{{"fate":"{fate}"}}'.encode()), answer[-100:]
        return took

    return await asyncio.gather(*(one(number) for number in range(ALERTS)))


if __name__ == "__main__":
    main()
