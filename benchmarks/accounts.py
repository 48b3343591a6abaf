"""What one more connected account holds in a worker, with everything attached that `jarvis.live` attaches for it.

Each is its plan, its signer bound to its key, its adapter with listings read, engine, books, trader with its tasks,
and its stream with subscriptions made; they have all reconciled and been given the market for a while. The venue is
its emulator in the same process: a socket is the emulator's own end of it, and what the emulator keeps is not counted
where Python tells who asked for it (`traced`); the process's own growth (`resident`) has it in.
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import structlog
from tests.signer.inprocess import InProcessSigner
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import ORIGIN, OWNER, START, STEP, SocketInProcess, VirtualClock
from tests.support.inline_sqlite import inline_creator
from tests.venues.contract.benches import BENCHES

from jarvis.accounts.people import Person, Role
from jarvis.domain.account import AccountId, Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Tick
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm, VenueEmulator
from jarvis.emulators.wire import WireRequest
from jarvis.live.floor import keep_running
from jarvis.live.plan import AccountPlan
from jarvis.live.trader import Step, Trader
from jarvis.live.worker import build_trader
from jarvis.market.signals import Subscription
from jarvis.sim.market import SyntheticMarket
from jarvis.store.db import Store
from jarvis.trading.limits import Limits
from jarvis.venues.catalog import VENUES, open_venue, sandbox_urls
from jarvis.venues.session import HttpAnswer

ACCOUNT_BYTES = 54 * 1024
ACCOUNTS = 200
WARM = 20
MEASURED = ("kraken", "binance", "okx", "bybit")
PAIRS = tuple(Pair.parse(f"{base}/USD") for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"))
NOT_OURS = ("*/jarvis/emulators/*", "*/jarvis/sim/*", "*/tracemalloc.py")
FRAMES = 4
"""So many callers are kept of what was asked for: enough to know an emulator's socket by them."""
PAUSE = timedelta(seconds=0.5)
"""Between two connections: the venue's own counters are shared by all of them."""


@dataclass(slots=True)
class Attached:
    """One account as a floor keeps it."""

    plan: AccountPlan
    is_ready: asyncio.Event
    keeper: asyncio.Task[None] | None = None
    trader: Trader | None = None


class Wire:
    """The way to the emulator for one account: venues count an address's requests, so each has its own."""

    def __init__(self, emulator: VenueEmulator, remote: str) -> None:
        self._emulator = emulator
        self._remote = remote

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> HttpAnswer:
        del timeout
        parts = urlsplit(url)
        named = {name.lower(): value for name, value in headers.items()}
        wanted = WireRequest(method, self._path(parts.path), parts.query, named, body, self._remote)
        answer = await self._emulator.handle(wanted)
        return HttpAnswer(answer.status, answer.headers, answer.body)

    async def open_socket(self, url: str) -> SocketInProcess:
        parts = urlsplit(url)
        path = self._path(parts.path)
        wanted = f"{path}?{parts.query}" if parts.query else path
        return SocketInProcess(self._emulator.connect(wanted, self._remote))

    def _path(self, path: str) -> str:
        return path.removeprefix(f"/{self._emulator.name}")


class Hall:
    """Accounts of one venue on virtual time."""

    def __init__(self, bench_name: str, folder: Path) -> None:
        self._bench = BENCHES[bench_name]
        self._folder = folder
        self._accounts: list[Attached] = []
        self._clock = VirtualClock(asyncio.get_running_loop())
        market = SyntheticMarket(1, START, PAIRS, STEP)
        self._sandbox = Sandbox(market, seed=1, venues=(self._bench.name,))
        self._emulator = self._sandbox.venues[self._bench.name]
        self._random = Random("worker")  # noqa: S311 - of pauses alone

    async def open(self) -> None:
        """What all accounts share."""
        path = self._folder / "jarvis.db"
        self._signer = InProcessSigner(lambda: 1_700_000_000_000_000_000 + int(asyncio.get_running_loop().time() * 1e9))
        self._store = await Store.open(f"sqlite+aiosqlite:///{path}", migrate=True, async_creator=inline_creator(path))
        await self._store.add_person(Person(OWNER, "ada@example.org", "x", Role.TRADER, START))

    async def connect(self, count: int) -> None:
        """Connect more accounts; returns when all of them are ready and have seen some steps of the market."""
        new = [await self._connected(len(self._accounts) + number) for number in range(count)]
        self._accounts += new
        for each in new:
            each.keeper = asyncio.create_task(self._keep(each))
            await asyncio.sleep(PAUSE.total_seconds())
        for each in new:
            await each.is_ready.wait()
        for _ in range(6):
            await self._step()

    async def close(self) -> None:
        """End all of them. Raises AssertionError if one is not at work."""
        assert all(each.trader is not None for each in self._accounts)
        for each in self._accounts:
            if each.keeper is not None:
                each.keeper.cancel()
        await asyncio.gather(*(each.keeper for each in self._accounts if each.keeper), return_exceptions=True)
        await self._store.close()

    async def _connected(self, number: int) -> Attached:
        bench, account, venue = self._bench, AccountId(f"account-{number}"), VenueName(self._bench.name)
        self._emulator.open_account(account, {bench.quote: Decimal(10_000)}, bench.profile)
        form = KeyForm("benchmark", frozenset(bench.needed), dict(bench.inputs))
        key = {value.name: value.value for value in self._emulator.make_key(account, form)}
        credential = self._signer.credential(
            key["api_key"], key["secret"], account_id=account, venue=venue, passphrase=bench.inputs.get("passphrase")
        )
        execution_venue = bench.execution_venue or VENUES[venue].execution_venues[0]
        await self._store.connect_account(
            OWNER, credential, fingerprint=account, label="l", public_id=account, permissions_json="{}",
            verdict="accepted", execution_venue=execution_venue, at=START,
        )  # fmt: skip
        pairs = [Pair(pair.base, bench.quote) for pair in PAIRS]
        limits = Limits(leverage_cap=5, allowed_pairs=frozenset(pairs))
        follows = Subscription.of("moving_average_crossover", pairs[0], timedelta(minutes=1), {})
        plan = AccountPlan(
            account, OWNER, venue, Environment.SANDBOX, credential, execution_venue, True, START, limits, (follows,)
        )
        return Attached(plan, asyncio.Event())

    async def _keep(self, account: Attached) -> None:
        plan = account.plan

        async def run_once() -> None:
            fence = await self._store.acquire_lease(plan.account_id, "worker", timedelta(days=1), self._clock.now())
            if fence is None:
                raise RuntimeError("somebody else serves the account")
            number = int(plan.account_id.rpartition("-")[2])
            wire = Wire(self._emulator, f"10.0.{number // 250}.{number % 250}")
            venue = open_venue(
                plan.venue, transport=wire, urls=sandbox_urls(plan.venue, ORIGIN),
                signer=self._signer.bound(plan.credential, fence), clock=self._clock,
                random=self._random, execution_venue=plan.execution_venue,
            )  # fmt: skip
            account.trader = await build_trader(plan, venue, self._store, self._clock, fence)
            try:
                await account.trader.run(on_ready=account.is_ready.set)
            finally:
                account.trader = None

        async def tell(error: Exception) -> None:
            sys.stderr.write(f"{plan.account_id}: {type(error).__name__}: {error}\n")

        await keep_running(run_once, tell)

    async def _step(self) -> None:
        await asyncio.sleep(STEP.total_seconds())
        now = self._clock.now()
        self._sandbox.advance(now)
        exchange = self._sandbox.exchanges[self._bench.name]
        quotes = {pair: exchange.quote(pair) for pair in exchange.instruments}
        for each in self._accounts:
            if each.trader is not None:
                each.trader.hand_over(Step(Tick(now), (), (), quotes, 0.0))


async def _measured(bench: str, *, traced: bool, accounts: int, listing: int) -> float:
    """Bytes that one more account holds."""
    with TemporaryDirectory() as folder:
        hall = Hall(bench, Path(folder))
        await hall.open()
        await hall.connect(WARM)
        gc.collect()
        if traced:
            tracemalloc.start(FRAMES)
        before = _traced() if traced else _resident()
        await hall.connect(accounts)
        gc.collect()
        after = _traced() if traced else _resident()
        if listing:
            _list_largest(listing, accounts)
        tracemalloc.stop()
        await hall.close()
        return (after - before) / accounts


def _traced() -> int:
    filters = [tracemalloc.Filter(False, name, all_frames=True) for name in NOT_OURS]
    shot = tracemalloc.take_snapshot().filter_traces(filters)
    return sum(each.size for each in shot.statistics("filename"))


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _list_largest(count: int, accounts: int) -> None:
    filters = [tracemalloc.Filter(False, name, all_frames=True) for name in NOT_OURS]
    for each in tracemalloc.take_snapshot().filter_traces(filters).statistics("lineno")[:count]:
        sys.stderr.write(f"{each.size / accounts:9.0f} B  {each.count / accounts:6.1f}  {each.traceback[0]}\n")


@contextmanager
def account_memory(*, quick: bool) -> Iterator[list[str]]:
    """A line for each venue and way of measuring, each from a process of its own; `quick` is the first one, roughly."""
    lines = []
    ways = {"traced": "what Python holds for it", "resident": "what the process grows by"}
    for bench in MEASURED[:1] if quick else MEASURED:
        for way, words in list(ways.items())[:1] if quick else ways.items():
            command = [sys.executable, "-m", "benchmarks.accounts", bench, way, "10" if quick else str(ACCOUNTS)]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            size = json.loads(ended.stdout)
            met = "met" if size <= ACCOUNT_BYTES else "NOT MET"
            told = f"ccxt kraken at its best, 54 KB  ({size / 1024:.1f} KB: {words})  limit 1: {met}"
            lines.append(f"{f'{bench}: one more account, {way}':<40}  ratio  {size / ACCOUNT_BYTES:<6.3g} {told}")
    yield lines


def main() -> None:
    """Print the bytes as JSON: `python -m benchmarks.accounts BENCH traced|resident [ACCOUNTS [LARGEST]]`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    bench, way, *rest = sys.argv[1:]
    accounts, listing = (*map(int, rest), *(ACCOUNTS, 0)[len(rest) :])
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        print(json.dumps(runner.run(_measured(bench, traced=way == "traced", accounts=accounts, listing=listing))))


if __name__ == "__main__":
    main()
