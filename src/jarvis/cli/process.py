"""Commands that run: `up`, `demo`, `sandbox`, and the processes that they supervise."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis.cli.sources import hand_over, has_master_key, typed_passphrase
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    import socket
    import ssl

    from jarvis.config import Settings
    from jarvis.live.supervisor import Service, Supervisor
    from jarvis.live.worker import Worker
    from jarvis.signer.client import SignerClient, SignerHealth
    from jarvis.sim.market import PriceSource
    from jarvis.store.db import Store

ParentPid = Annotated[int | None, typer.Option(hidden=True, help="End when this process has ended.")]

_PULSE_SECONDS = 0.5
"""How long an operator's page waits for the signer."""

SYNTHETIC_START = datetime(2025, 6, 2, tzinfo=UTC)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(sandbox)
    app.command(name="web-process", hidden=True)(web_process)
    app.command(name="worker-process", hidden=True)(worker_process)


def up(
    *,
    with_sandbox: Annotated[bool, typer.Option("--sandbox", help="Also run the sandbox venue.")] = False,
) -> None:
    """Run Jarvis: signer, web and worker, supervised and restarted; Ctrl-C stops all of it."""
    given = settings()
    run(_up(given, with_sandbox=with_sandbox), log_level=given.log_level)


async def _up(given: "Settings", *, with_sandbox: bool) -> None:
    from jarvis.live.supervisor import Supervisor
    from jarvis.store.db import hold_instance

    if given.next_master_key_file.exists():
        raise CommandError("a rotation of the master key was interrupted: run `jarvis keys rotate`, which finishes it")
    if not has_master_key(given):
        raise CommandError("there is no master key yet: run `jarvis init` first")
    typed = typed_passphrase() if given.asks_for_passphrase and sys.stdin.isatty() else None
    _tls_of(given)  # a certificate that will not do is said here, not by a child that dies again and again
    async with opened_store(given):
        pass  # the tables fit, or one line says what to do
    with hold_instance(given.store_url):
        supervisor = Supervisor(environment_of(given), given.data_dir / "logs")
        stopping = asked_to_stop()
        try:
            if await ended_before(stopping, _start_all(supervisor, given, typed, with_sandbox=with_sandbox)):
                say(f"Jarvis runs at {supervisor.ready_lines['web']}")
                await stopping
        finally:
            await supervisor.stop()


async def _start_all(supervisor: "Supervisor", given: "Settings", typed: bytes | None, *, with_sandbox: bool) -> None:
    await _start_signer(supervisor, given, typed)
    if with_sandbox:
        await supervisor.start(child_service("sandbox", "sandbox", "--port", str(given.sandbox_port), "--rate", "1"))
    await start_trading(supervisor)


async def _start_signer(supervisor: "Supervisor", given: "Settings", typed: bytes | None) -> None:
    """Start the signer; one that wants a passphrase gets what was typed, or waits for somebody to type it."""
    if typed is None and given.asks_for_passphrase:
        say("the signer waits for the passphrase of the master key: run `jarvis keys unlock`")
    handing = None if typed is None else asyncio.create_task(hand_over(given, typed))
    try:
        await supervisor.start(signer_service(given))
    finally:
        if handing is not None:
            handing.cancel()


def environment_of(given: "Settings") -> dict[str, str]:
    """The environment for child processes: ours, with these settings said explicitly."""
    said = {
        f"JARVIS_{name.upper()}": str(value) for name, value in given.model_dump().items() if value not in ("", None)
    }
    return {**os.environ, **said}


def signer_service(given: "Settings") -> "Service":
    """The signer as a service of the supervisor."""
    from jarvis.live.supervisor import READY_WITHIN_SECONDS, Service, signer_command

    return Service(
        "signer",
        signer_command(
            "--socket", str(given.signer_socket), *master_key_arguments(given),
            "--state", str(given.signer_state), "--outside", str(given.data_dir),
            "--passphrase-pipe", str(given.passphrase_pipe), "--parent-pid", str(os.getpid()),
        ),
        patience=None if given.asks_for_passphrase else READY_WITHIN_SECONDS,
    )  # fmt: skip


def master_key_arguments(given: "Settings") -> tuple[str, ...]:
    """What tells a signer where its master key is."""
    return ("--master-key", str(given.master_key_file), "--source", given.master_key)


def child_service(name: str, *arguments: str) -> "Service":
    """One of our own commands as a service of the supervisor; it ends when the supervisor is gone."""
    from jarvis.live.supervisor import Service, jarvis_command

    return Service(name, jarvis_command(*arguments, "--parent-pid", str(os.getpid())))


async def start_trading(supervisor: "Supervisor") -> None:
    """Start the web and the worker."""
    await supervisor.start(child_service("web", "web-process"))
    await supervisor.start(child_service("worker", "worker-process"))


def asked_to_stop(parent_pid: int | None = None) -> asyncio.Task[None]:
    """Ends when the person or the system asks this process to stop, or its parent has ended.

    Call it before the process says that it is ready: whoever read that may ask in the same moment.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return asyncio.create_task(_stopped(stopped, parent_pid))


async def _stopped(stopped: asyncio.Event, parent_pid: int | None) -> None:
    await ended_before(asyncio.create_task(_parent_ended(parent_pid)), stopped.wait())


async def ended_before(stopping: asyncio.Task[None], work: Coroutine[Any, Any, object]) -> bool:
    """Whether `work` ended by itself; it is cancelled if the stop comes first. Raises what it raised."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.done()
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _parent_ended(parent_pid: int | None) -> None:
    """Return when the supervisor has ended without stopping us: nobody would restart or stop this process."""
    if parent_pid is None:
        await asyncio.Event().wait()
        return
    from jarvis.signer.process import Parent

    parent = Parent(parent_pid)
    while parent.is_alive():  # noqa: ASYNC110 - the kernel offers no event for a parent's end
        await asyncio.sleep(1)


def web_process(*, parent_pid: ParentPid = None) -> None:
    """Serve the pages (run by `up`). It is handed keys in forms, so it overwrites what it frees."""
    from jarvis.signer.process import wipe_what_is_freed

    wipe_what_is_freed()
    given = settings()
    run(_web(given, parent_pid), log_level=given.log_level)


async def _web(given: "Settings", parent_pid: int | None) -> None:
    from random import SystemRandom

    from jarvis.cli.people import passwords_of
    from jarvis.own import FOLDER
    from jarvis.own.hosted import adopt
    from jarvis.signer.client import SignerClient
    from jarvis.signer.errors import SignerUnavailable
    from jarvis.web.app import create_app
    from jarvis.web.connecting.connector import VenueKeyConnector
    from jarvis.web.security import WebSettings
    from jarvis.web.server import server_of

    context = _tls_of(given)
    adopt(given.data_dir / FOLDER)
    async with (
        opened_store(given) as store,
        SignerClient(given.signer_socket) as signer,
        SignerClient(given.signer_socket, patience=_PULSE_SECONDS) as asked,
    ):

        async def pulse() -> "SignerHealth | None":
            try:
                return await asked.ping()
            except SignerUnavailable:
                return None

        listener = _listen(given.web_host, given.web_port)
        port = listener.getsockname()[1]
        scheme = "https" if given.is_secure else "http"
        names = dict.fromkeys((given.web_host, "127.0.0.1", "localhost"))
        web_settings = WebSettings(
            origins=given.origins_typed or tuple(f"{scheme}://{name}:{port}" for name in names),
            secure=given.is_secure,
            sign_up=given.sign_up,
            sandbox_url=given.sandbox_address,
            trusted_proxies=given.proxies,
            plain_webhooks=given.plain_webhooks,
            sends_mail=given.mail_server is not None,
            outbound_address=given.outbound_address,
            prepared=given.data_dir / "prepared",
            data_dir=given.data_dir,
            master_key=given.master_key,
        )
        connector = VenueKeyConnector(store, signer, sandbox_address=given.sandbox_address, random=SystemRandom())
        app = create_app(web_settings, store, connector, seeds=signer, passwords=passwords_of(given), pulse=pulse)
        server = server_of(app, proxies=given.proxies, context=context)
        gc.collect()
        gc.freeze()  # what was imported stays; looking through it would hold every page for a tenth of a second
        say_ready(f"{'https' if context else 'http'}://{given.web_host}:{port}")
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        orphaned = asyncio.create_task(_parent_ended(parent_pid))
        await asyncio.wait({serving, orphaned}, return_when=asyncio.FIRST_COMPLETED)
        orphaned.cancel()
        server.should_exit = True
        try:
            await serving
        finally:
            await app.state.jobs.close()


def worker_process(*, parent_pid: ParentPid = None) -> None:
    """Trade (run by `up`)."""
    given = settings()
    run(_worker(given, parent_pid), log_level=given.log_level)


async def _worker(given: "Settings", parent_pid: int | None) -> None:
    import socket
    from random import SystemRandom

    from jarvis.live.housekeeping import Kept
    from jarvis.live.worker import Worker
    from jarvis.own import FOLDER
    from jarvis.own.hosted import adopt
    from jarvis.signer.client import SignerClient

    adopt(given.data_dir / FOLDER)
    async with opened_store(given) as store, SignerClient(given.signer_socket) as signer:
        # The supervisor's process, not this one: a restarted worker takes over its former life's leases at once.
        owner = f"{socket.gethostname()[:40]}-{parent_pid or os.getpid()}"
        worker = Worker(
            store=store,
            signer=signer,
            owner=owner,
            sandbox_address=given.sandbox_address,
            random=SystemRandom(),
            kept=Kept(
                events=given.keep_events,
                deliveries=timedelta(days=given.keep_deliveries_days),
                failures=timedelta(days=given.keep_failures_days),
                proposals=timedelta(days=given.keep_proposals_days),
            ),
        )
        stopping = asked_to_stop(parent_pid)
        say_ready(owner)
        await ended_before(stopping, _worked(given, store, signer, worker))


async def _worked(given: "Settings", store: "Store", signer: "SignerClient", worker: "Worker") -> None:
    """Trade, and beside it send notices and have the audit sealed."""
    from jarvis.live.notifier import Notifier, keep_sealing, seal_what_is_plain
    from jarvis.notify import GuardedPost
    from jarvis.notify.senders import Senders

    def now() -> datetime:
        return datetime.now(UTC)

    await seal_what_is_plain(store, signer)
    senders = Senders(GuardedPost(plain_http=given.plain_webhooks), given.mail_server)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run())
        tasks.create_task(Notifier(store, senders, signer, now, origin=given.origin).run())
        tasks.create_task(keep_sealing(store, signer, now))


def say_ready(what: str) -> None:
    """Tell the supervisor that this process can serve."""
    print(f"ready {what}", flush=True)


def _tls_of(given: "Settings") -> "ssl.SSLContext | None":
    """What TLS is served with; None without a certificate. Raises CommandError for one that will not do."""
    from jarvis.web.tls import TlsError, server_context

    if given.tls_certificate_file is None or given.tls_key_file is None:
        return None
    try:
        return server_context(given.tls_certificate_file, given.tls_key_file, datetime.now(UTC))
    except TlsError as error:
        raise CommandError(str(error)) from None


def _listen(host: str, port: int) -> "socket.socket":
    from socket import create_server

    try:
        return create_server((host, port))
    except OSError as error:
        raise CommandError(f"port {port} on {host} cannot be opened ({error.strerror}); set JARVIS_WEB_PORT") from error


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="Where to listen on this machine; 0 picks a free port.")] = 8770,
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 7,
    candles: Annotated[
        list[str] | None,
        typer.Option(help="Replay recorded candles: PAIR=FILE, for example BTC/USD=btc.parquet. May be repeated."),
    ] = None,
    venue: Annotated[
        list[str] | None, typer.Option(help="Which venues: kraken, binance, okx, bybit; left out: all.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Simulated seconds per real second; left out: as fast as followers allow.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Seconds of market time per step; left out: the market's own.")
    ] = None,
    start: Annotated[datetime | None, typer.Option(help="Where a replay begins (UTC).")] = None,
    days: Annotated[int | None, typer.Option(help="How long a replay lasts.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stand still until somebody follows the clock.")] = False,
    parent_pid: ParentPid = None,
) -> None:
    """Run the sandbox: the venues' own protocols over simulated exchanges, with pages to make keys, and faults."""
    from jarvis.cli.market import market_of
    from jarvis.emulators.sandbox import EMULATED

    venues = tuple(venue or EMULATED)
    for name in venues:
        if name not in EMULATED:
            raise CommandError(f"the sandbox has no venue {name!r}; it has {', '.join(EMULATED)}")

    market = market_of(seed=seed, candles=candles or [], start=start, days=days, synthetic_start=SYNTHETIC_START)
    pace = timedelta(seconds=step) if step else None
    run(_sandbox(market, venues, port=port, seed=seed, rate=rate, step=pace, wait=wait, parent_pid=parent_pid))


async def _sandbox(
    market: "PriceSource",
    venues: tuple[str, ...],
    *,
    port: int,
    seed: int,
    rate: float | None,
    step: timedelta | None,
    wait: bool,
    parent_pid: int | None,
) -> None:
    from jarvis.emulators.app import served
    from jarvis.emulators.sandbox import Sandbox

    box = Sandbox(market, seed=seed, rate=rate, step=step, wait_for_followers=wait, venues=venues)
    # A venue has always traded before: the margin of a new key is probed at its last price.
    box.advance(box.now + market.step)
    stopping = asked_to_stop(parent_pid)
    try:
        async with served(box, port=port) as address:
            say_ready(address)
            clock = asyncio.create_task(box.clock.run())
            try:
                await stopping
            finally:
                clock.cancel()
    except OSError as error:
        raise CommandError(f"port {port} cannot be opened ({error.strerror}); choose another with --port") from error
