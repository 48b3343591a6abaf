"""`jarvis demo`: everything on the sandbox, from an empty folder to a running account, in one command."""

import asyncio
import itertools
import json
import os
import secrets
import shutil
import socket
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis.cli.account import add_person, migrate_database
from jarvis.cli.market import DEPOSIT, starting_limits, strategy_of
from jarvis.cli.process import asked_to_stop, child_service, ended_before, environment_of, signer_service, start_trading
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.domain.instrument import Pair
    from jarvis.live.supervisor import Service
    from jarvis.store.records import Assignment
    from jarvis.trading.strategy import ParameterValue, Strategy

PERSON = "demo@jarvis.example"
VENUE_ACCOUNT = "demo"
SYNTHETIC_RATE = 60.0
SYNTHETIC_STEP_SECONDS = 10
PASSPHRASE = "Sandbox-Only-1"  # noqa: S105
"""Of the sample key at a venue that wants one. It opens a made-up account on this machine and nothing else."""
BOTH = ("moving_average_crossover", "donchian_breakout")


@dataclass(frozen=True, slots=True)
class DemoWishes:
    """What the person asked for; empty and None mean the defaults."""

    venues: tuple[str, ...]
    candles: tuple[str, ...]
    strategies: tuple[str, ...]
    interval: str | None
    parameters: tuple[str, ...]
    start: datetime | None
    days: int | None
    rate: float | None
    seed: int
    stop_at_end: bool
    port: int | None


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    *,
    venue: Annotated[
        list[str] | None, typer.Option(help="Where to trade: kraken, binance, okx, bybit; may be repeated.")
    ] = None,
    candles: Annotated[
        list[str] | None, typer.Option(help="Replay recorded candles: PAIR=FILE; a file alone is BTC/USD.")
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="Which strategies; may be repeated. One per pair, in turn.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Bar size of the strategies, for example 5m.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the strategies; may be repeated.")] = None,
    start: Annotated[datetime | None, typer.Option(help="Where the replay begins (UTC).")] = None,
    days: Annotated[int | None, typer.Option(help="How long the replay lasts.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Market seconds per real second. Default 60; with candles as fast as possible.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 7,
    stop_at_end: Annotated[bool, typer.Option("--stop-at-end", help="End when the replay has ended.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the pages; left out: 8765, or a free one.")] = None,
) -> None:
    """See Jarvis trade: sandbox, sample account and key, two strategies, and the page. Nothing leaves this machine."""
    run(
        run_demo(
            DemoWishes(
                venues=tuple(venue or ("kraken",)),
                candles=tuple(candles or ()),
                strategies=tuple(strategy or ()),
                interval=interval,
                parameters=tuple(parameter or ()),
                start=start,
                days=days,
                rate=rate,
                seed=seed,
                stop_at_end=stop_at_end,
                port=port,
            )
        )
    )


async def run_demo(wishes: DemoWishes) -> None:
    """Run until the person stops it, or the replay ends and `stop_at_end` was asked for."""
    from jarvis.store.db import hold_instance

    _chosen(wishes)  # a misspelt name is told before anything is started
    _known(wishes.venues)
    folder = _fresh_folder()
    given = _demo_settings(folder, wishes)
    from jarvis.signer.vault import create_master_key

    given.data_dir.mkdir(mode=0o700, parents=True)
    _take_along_own_strategies(given)
    given.master_key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_master_key(given.master_key_file)
    await migrate_database(given)
    password = secrets.token_urlsafe(12)
    user_id = await add_person(given, PERSON, password, operator=False)
    with hold_instance(given.store_url):
        await _run(given, wishes, folder, user_id, password)


async def _run(given: "Settings", wishes: DemoWishes, folder: Path, user_id: str, password: str) -> None:
    from jarvis.live.supervisor import Supervisor

    supervisor = Supervisor(environment_of(given), folder / "logs")
    stopping = asked_to_stop()
    pairs: dict[str, list[Pair]] = {}

    async def start() -> None:
        await supervisor.start(signer_service(given))
        await supervisor.start(_sandbox_service(given, wishes))
        for venue in wishes.venues:
            pairs[venue] = await _connect_sample_account(given, user_id, wishes, venue)
        await start_trading(supervisor)

    try:
        if not await ended_before(stopping, start()):
            return
        say("")
        say(f"  Jarvis trades on the sandbox: {supervisor.ready_lines['web']}/desk")
        say(f"  Sign in as {PERSON} with the password {password}")
        for venue, traded in pairs.items():
            say(f"  {venue}, {', '.join(map(str, traded))}")
            say(f"    its own page, where keys are made: {given.sandbox_address}/{venue}/settings/api")
            say(f"    faults to switch on: {given.sandbox_address}/sandbox/{venue}/faults")
        say(f"  Data in {folder}; Ctrl-C stops everything")
        say(f"  Ask it: JARVIS_DATA_DIR={given.data_dir} jarvis trade status")
        say("")
        ending = asyncio.create_task(_market_end(given))
        done, _ = await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ending in done:
            await _tell_the_end(given)
            if not wishes.stop_at_end:
                say("The replay has ended; the pages stay up until Ctrl-C.")
                await stopping
        stopping.cancel()
        ending.cancel()
        await asyncio.gather(stopping, ending, return_exceptions=True)
    finally:
        await supervisor.stop()


def _fresh_folder() -> Path:
    folder = Path(os.environ.get("JARVIS_DEMO_DIR") or Path.cwd() / ".demo")
    marker = folder / "this-is-a-jarvis-demo"
    if folder.exists():
        if not marker.exists():
            raise CommandError(f"{folder} exists and is not a demo of ours; move it away or set JARVIS_DEMO_DIR")
        _refuse_running_demo(folder)
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    marker.touch()
    return folder


def _refuse_running_demo(folder: Path) -> None:
    from jarvis.store.db import hold_instance
    from jarvis.store.errors import InstanceRunning

    if (folder / "data").exists():
        try:
            with hold_instance(f"sqlite+aiosqlite:///{folder / 'data' / 'jarvis.db'}"):
                pass
        except InstanceRunning as error:
            raise CommandError(f"a demo runs in {folder} already; stop it first, or set JARVIS_DEMO_DIR") from error


def _take_along_own_strategies(given: "Settings") -> None:
    """A demo is where one sees one's own strategies first: they are copied from the usual data folder."""
    from jarvis.own import FOLDER, files_in

    for path in files_in(settings().data_dir / FOLDER):
        (given.data_dir / FOLDER).mkdir(mode=0o700, exist_ok=True)
        shutil.copy(path, given.data_dir / FOLDER)


def _demo_settings(folder: Path, wishes: DemoWishes) -> "Settings":
    return settings(
        data_dir=folder / "data",
        master_key_file=folder / "key" / "master.key",
        database_url="",
        web_port=wishes.port if wishes.port is not None else _usual_or_free_port(8765),
        sandbox_port=_usual_or_free_port(8770),
        sandbox_url="",
    )


def _usual_or_free_port(usual: int) -> int:
    for port in (usual, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("this machine has no free port")


def _sandbox_service(given: "Settings", wishes: DemoWishes) -> "Service":
    command = ["sandbox", "--port", str(given.sandbox_port), "--seed", str(wishes.seed), "--wait"]
    for venue in wishes.venues:
        command += ["--venue", venue]
    for candle in wishes.candles:
        command += ["--candles", candle]
    if wishes.start is not None:
        command += ["--start", wishes.start.strftime("%Y-%m-%d")]
    if wishes.days is not None:
        command += ["--days", str(wishes.days)]
    rate = wishes.rate if wishes.rate is not None or wishes.candles else SYNTHETIC_RATE
    if rate is not None:
        command += ["--rate", str(rate)]
    if not wishes.candles:
        command += ["--step", str(SYNTHETIC_STEP_SECONDS)]
    return child_service("sandbox", *command)


def _known(venues: tuple[str, ...]) -> None:
    from jarvis.venues.catalog import VENUES

    for venue in venues:
        if venue not in VENUES:
            raise CommandError(f"there is no venue {venue!r}; there are {', '.join(VENUES)}")


async def _connect_sample_account(
    given: "Settings",
    user_id: str,
    wishes: DemoWishes,
    venue: str,
    *,
    execution_venue: str = "",
) -> "list[Pair]":
    """An account and a key at the sandbox venue, connected through the same door as a person's, and armed.

    `execution_venue` is one that is also a kind of account there; empty is the usual one.
    """
    from random import SystemRandom

    from jarvis.domain.account import Environment, UserId, VenueName
    from jarvis.domain.people import AuditEntry
    from jarvis.signer.client import SignerClient
    from jarvis.store.records import AccountState
    from jarvis.venues.permissions import TABLES
    from jarvis.web.connecting.connector import VenueKeyConnector
    from jarvis.web.connecting.venues import FORMS

    name = VenueName(venue)
    base = f"{given.sandbox_address}/sandbox/{venue}/accounts"
    await _post(base, {"name": VENUE_ACCOUNT, "deposit": str(DEPOSIT), "profile": execution_venue})
    key = await _post(
        f"{base}/{VENUE_ACCOUNT}/keys",
        {
            "label": "Jarvis — demo",
            "permissions": TABLES[name].to_tick,
            "ip_allowlist": ["127.0.0.1"],
            "passphrase": PASSPHRASE,
        },
    )
    async with opened_store(given) as store, SignerClient(given.signer_socket) as signer:
        connector = VenueKeyConnector(store, signer, sandbox_address=given.sandbox_address, random=SystemRandom())
        owner = UserId(user_id)
        outcome = await connector.connect(
            user_id=owner,
            venue=name,
            environment=Environment.SANDBOX,
            api_key=key["api_key"],
            secret=key["secret"],
            passphrase=PASSPHRASE if FORMS[name].has_passphrase else "",
            execution_venue=execution_venue,
        )
        account_id = outcome.account_id or await connector.confirm(user_id=owner, pending_id=outcome.pending_id)
        if account_id is None:
            raise CommandError(f"the sample key was not accepted: {outcome.message}")
        offered = [pair for pair, _ in outcome.eligibility.leverages] if outcome.eligibility else []
        limits = starting_limits(offered)
        await store.save_limits(owner, account_id, limits)
        await store.save_assignments(owner, account_id, _assignments(offered, wishes))
        account = await store.account(owner, account_id)
        failed = "it is gone" if account is None else await connector.draw_policy(account, limits)
        if failed:
            raise CommandError(f"the sample account cannot be armed: {failed}")
        now = datetime.now(UTC)
        noted = AuditEntry("account.armed", now, "cli", owner, account_id)
        await store.set_account_state(account_id, AccountState.ARMED, "", now, noted=noted)
    return offered


def _assignments(pairs: "list[Pair]", wishes: DemoWishes) -> "list[Assignment]":
    """The strategies in turn over the pairs."""
    from jarvis.store.records import Assignment

    chosen, interval = _chosen(wishes)
    return [
        Assignment(strategy.name, pair, interval, values)
        for pair, (strategy, values) in zip(pairs, itertools.cycle(chosen), strict=False)
    ]


def _chosen(wishes: DemoWishes) -> "tuple[list[tuple[Strategy, dict[str, ParameterValue]]], timedelta]":
    """Strategies and bar size: a demo of the synthetic market trades minutes, a replay quarter hours."""
    from jarvis.market.history import parse_interval

    names = wishes.strategies or (BOTH[:1] if wishes.candles else BOTH)
    interval = parse_interval(wishes.interval or ("15m" if wishes.candles else "1m"))
    return [strategy_of(name, wishes.parameters) for name in names], interval


async def _market_end(given: "Settings") -> None:
    """Return when the sandbox's market has ended and its last step was dealt with."""
    while True:
        await asyncio.sleep(1)
        try:
            answer = await asyncio.to_thread(_get, f"{given.sandbox_address}/sandbox/clock")
        except OSError:
            continue
        if answer["ended"]:
            await asyncio.sleep(1)  # the worker writes down the last step
            return


async def _tell_the_end(given: "Settings") -> None:
    from jarvis.cli.status import account_status, as_text

    async with opened_store(given) as store:
        for account in await store.trading_accounts():
            say(as_text(await account_status(store, account)))


async def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    def send() -> dict[str, Any]:
        from urllib.request import Request, urlopen

        request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310 - loopback
        with urlopen(request, timeout=timedelta(seconds=10).total_seconds()) as answer:  # noqa: S310
            return dict(json.load(answer))

    return await asyncio.to_thread(send)


def _get(url: str) -> dict[str, Any]:
    from urllib.request import urlopen

    with urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        return dict(json.load(answer))
