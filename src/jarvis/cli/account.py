"""Commands about an installation, keys and trading: `init`, `doctor`, `venues`, `trade`, `migrate`."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli import people, remote
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.store.db import Store
    from jarvis.store.records import TradingAccount

_LITTLE_ROOM = 500_000_000

trade = typer.Typer(help="Running accounts, here or by --url elsewhere.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AccountName = Annotated[
    str | None, typer.Option("--account", help="Its id, or the beginning of it; left out: the only one.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(init)
    app.command()(migrate)
    app.command()(doctor)
    app.command()(venues)
    app.add_typer(people.user, name="user")
    remote.register(trade)
    app.add_typer(trade, name="trade")


def init(
    *,
    email: Annotated[
        str, typer.Option(help="Address of the first account; the password is asked for, or read from a pipe.")
    ] = "",
    no_account: Annotated[bool, typer.Option("--no-account", help="Make no account.")] = False,
) -> None:
    """Make the master key, the data folder, the tables, and the first account: an operator's."""
    from jarvis.cli.sources import UNATTENDED, place_of

    given = settings()
    make_installation(given)
    what_next = _make_first_account(given, email.strip(), no_account=no_account)
    say(f"data in {given.data_dir}, master key in {place_of(given)}: back them up, never together")
    if given.asks_for_passphrase:
        say(UNATTENDED)
    say(what_next)


def _make_first_account(given: "Settings", email: str, *, no_account: bool) -> str:
    """Make an operator, if nobody is here yet and somebody can be asked; what to do next.

    Nobody ever has a password that we chose.
    """
    from jarvis.domain.people import Role

    how = "`jarvis user add you@example.org --operator`"
    if run(people.people_count(given)):
        if email:
            raise CommandError(f"there are people here already; add more with {how}")
        return "next: `jarvis up`"
    if no_account or not (email or sys.stdin.isatty()):
        return f"next: {how}, then `jarvis up`"
    email = email or str(typer.prompt("Your e-mail address")).strip()
    added = run(people.add_person(given, email, people.asked_password(), role=Role.OPERATOR))
    return f"{added.email} is the operator and can sign in; next: `jarvis up`"


def make_installation(given: "Settings") -> None:
    """Whatever of folder, master key and tables is missing."""
    from jarvis.cli.sources import make_master_key

    given.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_master_key(given)
    run(migrate_database(given))


def migrate() -> None:
    """Bring the database up to date. Make a backup first; stop Jarvis while it runs."""
    run(migrate_database(settings()))
    say("the database is up to date")


async def migrate_database(given: "Settings") -> None:
    """Bring the tables up to date; an installation without a name gets one."""
    import secrets

    async with opened_store(given, migrate=True) as store:
        await store.found_installation(secrets.token_hex(10), datetime.now(UTC))


def doctor(*, as_json: Json = False) -> None:
    """Check this installation: key, signer, workers, prices, queues, database. Exit 1 if something is not well."""
    given = settings()
    findings = run(_examine(given))
    if as_json:
        say(json.dumps([{"what": what, "ok": ok, "says": says} for what, ok, says in findings]))
    else:
        for what, ok, says in findings:
            say(f"{'ok ' if ok else 'BAD'}  {what}: {says}")
    if not all(ok for _, ok, _ in findings):
        raise typer.Exit(1)


async def _examine(given: "Settings") -> list[tuple[str, bool, str]]:
    import shutil

    from jarvis.cli.sources import examined
    from jarvis.signer.client import SignerClient
    from jarvis.signer.errors import SignerUnavailable
    from jarvis.store.errors import StoreError
    from jarvis.web.health import State, findings

    said: list[tuple[str, bool, str]] = []
    said.append(("master key", *examined(given)))
    try:
        async with SignerClient(given.signer_socket, patience=0.2) as signer:
            health = await signer.ping()
    except SignerUnavailable:
        health = None
    now = datetime.now(UTC)
    try:
        async with opened_store(given) as store:
            said.append(("people", True, f"{len(await store.people())} in the database"))
            found = findings(await store.vitals(now), health, now)
    except StoreError as error:
        said.append(("database", False, str(error)))
        found = []
    for each in found:
        words = f"{each.says}{f', {each.which} {each.since:%Y-%m-%d %H:%M:%S} UTC' if each.since else ''}"
        fine = each.state in (State.GOOD, State.IDLE) or (each.state is State.LOOK and each.part.startswith("Backup"))
        said.append((each.part.lower(), fine, words if fine or not each.todo else f"{words}. {each.todo}"))
    free = shutil.disk_usage(given.data_dir if given.data_dir.exists() else "/").free
    said.append(("disk", free > _LITTLE_ROOM, f"{free / 1e9:.1f} GB free"))
    return said


async def add_person(given: "Settings", email: str, password: str, *, operator: bool) -> str:
    """The new person's id. Raises CommandError with what is wrong with the address or the password."""
    from jarvis.cli import people
    from jarvis.domain.people import Role

    added = await people.add_person(given, email, password, role=Role.OPERATOR if operator else Role.TRADER)
    return added.user_id


def venues(*, as_json: Json = False) -> None:
    """List connected accounts: venue, key, what the key may do, and its last known margin."""

    async def read() -> list[dict[str, object]]:
        async with opened_store(settings()) as store:
            return [await _venue_record(store, account) for account in await store.trading_accounts()]

    found = run(read())
    if as_json:
        say(json.dumps(found))
        return
    for each in found:
        say("  ".join(str(each[name]) for name in ("account", "venue", "environment", "key", "state", "verdict")))
        margin = each["margin"]
        if isinstance(margin, dict):
            level = margin["margin_level"] or "flat"
            say(f"    equity {margin['equity']} {margin['asset']}, free margin {margin['free_margin']}, level {level}")
    if not found:
        say("no venue is connected; sign in and paste a key on the account page")


async def _venue_record(store: "Store", account: "TradingAccount") -> dict[str, object]:
    overview = await store.overview(account.owner_id, account.account_id)
    margin = overview.margin if overview else None
    return {
        "account": account.account_id,
        "venue": account.venue,
        "environment": account.environment.value,
        "key": account.public_id,
        "state": account.state.value,
        "verdict": account.verdict,
        "execution_venue": account.execution_venue,
        "permissions": json.loads(account.permissions_json),
        "margin": None if margin is None else {
            "at": margin.at.isoformat(), "asset": margin.asset, "equity": str(margin.equity),
            "used_margin": str(margin.used_margin), "free_margin": str(margin.free_margin),
            "margin_level": None if margin.margin_level is None else str(margin.margin_level),
        },
    }  # fmt: skip


@trade.command()
def status(*, account: AccountName = None, url: remote.Url = None, as_json: Json = False) -> None:
    """Say what is held, what protects it, and where every cent went."""
    if url is not None:
        remote.status(url, account, as_json=as_json)
        return
    from jarvis.cli.status import account_status, as_text

    async def read() -> dict[str, object]:
        async with opened_store(settings()) as store:
            return await account_status(store, await chosen_account(store, account))

    record = run(read())
    say(json.dumps(record) if as_json else as_text(record))


@trade.command()
def pause(*, account: AccountName = None, url: remote.Url = None) -> None:
    """Open nothing more; what is open stays protected."""
    _command("pause", account, None, url)


@trade.command()
def resume(*, account: AccountName = None, url: remote.Url = None) -> None:
    """Lift a pause."""
    _command("resume", account, None, url)


@trade.command()
def flatten(
    *,
    account: AccountName = None,
    pair: Annotated[str | None, typer.Option(help="Only this pair; left out: everything.")] = None,
    url: remote.Url = None,
) -> None:
    """Close at market, cancel our orders there, and pause."""
    _command("flatten", account, pair, url)


def _command(kind: str, account: str | None, pair: str | None, url: str | None) -> None:
    if url is not None:
        remote.command(kind, url, account, pair)
        return
    from jarvis.cli.market import pair_of
    from jarvis.store.records import CommandKind

    async def ask() -> None:
        async with opened_store(settings()) as store:
            chosen = await chosen_account(store, account)
            await store.enqueue_command(
                chosen.owner_id, chosen.account_id, CommandKind(kind), at=datetime.now(UTC),
                pair=pair_of(pair) if pair else None,
            )  # fmt: skip

    run(ask())
    say(f"asked to {kind}; `jarvis trade status` shows what came of it")


async def chosen_account(store: "Store", wanted: str | None) -> "TradingAccount":
    """The account whose id begins with `wanted`, or the only one."""
    accounts = await store.trading_accounts()
    matching = [each for each in accounts if wanted is None or each.account_id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if not accounts:
        raise CommandError("no venue is connected; sign in and paste a key on the account page")
    names = ", ".join(each.account_id for each in accounts)
    raise CommandError(f"say which account with --account: {names}")
