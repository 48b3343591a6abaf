"""`jarvis audit`: read the audit, hand it out, and prove that nobody changed it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.progress import shown
from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from jarvis.signer.client import SignerClient
    from jarvis.store.chain import AuditLine
    from jarvis.store.verification import AuditReport

audit = typer.Typer(help="What happened to people, keys and limits here, as a chain of lines.", no_args_is_help=True)

_BATCH = 1000
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(audit, name="audit")


@audit.command()
def verify(*, as_json: AsJson = False) -> None:
    """Walk the whole chain and check every seal of the signer. Exit code 1 if a line was changed or is missing."""
    from jarvis.store.verification import verify_audit

    async def walk() -> "AuditReport":
        async with opened_store(settings()) as store, _signer() as signer:

            async def check(number: int, chain_hash: bytes, seal: bytes) -> str:
                return (await signer.check_audit_seal(number, chain_hash, seal)).value

            count, _ = await store.audit_counts()
            with shown("checking", count) as progress:
                return await verify_audit(
                    store, check, await signer.audit_mark(), lambda done: progress("the audit", done)
                )

    report = run(walk())
    if as_json:
        broken = None if report.broken is None else {"line": report.broken.number, "reason": report.broken.reason}
        told = {"holds": report.holds, "lines": report.lines, "seals": report.seals, "retired_seals": report.retired}
        say(json.dumps({**told, "sealed_up_to": report.sealed_up_to, "signer_mark": report.mark, "broken": broken}))
    elif report.broken is not None:
        say(f"the audit is broken at line {report.broken.number}: {report.broken.reason}")
    else:
        retired = f", {report.retired} of them under a former master key" if report.retired else ""
        say(f"the audit holds: {report.lines} lines, {report.seals} seals{retired}, sealed up to {report.sealed_up_to}")
    if not report.holds:
        raise typer.Exit(1)


@audit.command(name="list")
def list_lines(
    *,
    person: Annotated[str, typer.Option(help="Of the person with this e-mail address only.")] = "",
    account: Annotated[str, typer.Option(help="About this venue account only.")] = "",
    kind: Annotated[list[str] | None, typer.Option(help="Of this kind only; may be said several times.")] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the latest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print the latest lines, newest first."""
    from jarvis.domain.account import AccountId

    async def read() -> "list[AuditLine]":
        async with opened_store(settings()) as store:
            user_id = None
            if person:
                found = await store.person_by_email(person.strip().lower())
                if found is None:
                    raise CommandError(f"nobody here has the address {person}")
                user_id = found.user_id
            about = AccountId(account) if account else None
            return await store.audit_of(user_id, kinds=kind or (), account_id=about, limit=count)

    for line in run(read()):
        if as_json:
            say(json.dumps(_told(line)))
        else:
            details = (
                "" if line.details is None else " ".join(f"{name}={value}" for name, value in line.details.items())
            )
            whose = f" of {line.user_id}" if line.user_id and line.user_id != line.actor else ""
            who = f"by {line.actor}{whose}"
            say(f"{line.number:>7}  {line.at:%Y-%m-%d %H:%M:%S}  {line.kind:<20} {who}  {details}".rstrip())


@audit.command()
def export(file: Annotated[Path, typer.Argument(help="The new file: one line of JSON for each line.")]) -> None:
    """Write the whole audit with its hashes into a file that only you can read."""
    import os

    async def write() -> int:
        count = 0
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandError(f"cannot write {file}: {error.strerror}") from error
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            async with opened_store(settings()) as store:
                number = 0
                while lines := await store.audit_lines(number, limit=_BATCH):
                    for line in lines:
                        out.write(
                            json.dumps({**_told(line), "salt": _hex(line.salt), "digest": line.digest.hex()}) + "\n"
                        )
                    number, count = lines[-1].number, count + len(lines)
        return count

    say(f"{run(write())} lines are in {file}")


@audit.command()
def seal() -> None:
    """Have the signer seal the chain as it stands, after you looked into why it would not seal it by itself."""
    from jarvis.domain.people import AuditEntry
    from jarvis.live.notifier import seal_head

    async def make() -> bool:
        async with opened_store(settings()) as store, _signer() as signer:
            await store.note(AuditEntry("audit.sealed_anew", datetime.now(UTC), "cli"))
            return await seal_head(store, signer, lambda: datetime.now(UTC), anew=True)

    if not run(make()):
        raise CommandError(
            "the signer did not seal the audit: it has seen a longer one. `jarvis audit verify` says more"
        )
    say("sealed")


def _told(line: "AuditLine") -> dict[str, object]:
    return {
        "number": line.number,
        "at": line.at.isoformat(),
        "kind": line.kind,
        "actor": line.actor,
        "user_id": line.user_id,
        "account_id": line.account_id,
        "details": None if line.details is None else dict(line.details),
        "hash": line.hash.hex(),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


@asynccontextmanager
async def _signer() -> "AsyncIterator[SignerClient]":
    """The signer that runs, or one of our own on its state: how far it had sealed is remembered there."""
    from jarvis.cli.asking import own_signer
    from jarvis.cli.process import master_key_arguments
    from jarvis.signer.client import SignerClient
    from jarvis.signer.errors import SignerUnavailable

    given = settings()
    async with SignerClient(given.signer_socket, patience=0.2) as running:
        try:
            await running.ping()
        except SignerUnavailable:
            pass
        else:
            yield running
            return
    async with own_signer(given, master_key_arguments(given), state=given.signer_state) as own:
        yield own
