"""`jarvis entries`: whether anything may be opened on this installation at all. Exits never ask."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

entries = typer.Typer(help="Whether any account may open positions; exits always may.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(entries, name="entries")


@entries.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say whether entries are allowed, and if not, why and since when."""

    async def read() -> dict[str, str | bool | None]:
        async with opened_store(settings()) as store:
            found = await store.installation()
        if found is None or not found.entries_blocked:
            return {"allowed": True, "reason": "", "since": None}
        since = found.entries_blocked_at
        return {"allowed": False, "reason": found.entries_blocked, "since": since.isoformat() if since else None}

    told = run(read())
    if as_json:
        say(json.dumps(told))
    elif told["allowed"]:
        say("entries are allowed")
    else:
        say(f"entries are blocked since {told['since']}: {told['reason']}")


@entries.command()
def allow() -> None:
    """Let armed accounts open positions again."""
    from jarvis.domain.people import AuditEntry
    from jarvis.live.gate import AUDIT_MARK
    from jarvis.signer.marks import read_marks

    async def lift() -> bool:
        given = settings()
        mark = read_marks(given.signer_state).get(("audit", "head"), 0)
        async with opened_store(given) as store:
            noted = AuditEntry("entries.allowed", datetime.now(UTC), "cli", details={AUDIT_MARK: mark})
            return await store.allow_entries(noted)

    say("entries are allowed within a few seconds" if run(lift()) else "entries were allowed already")


@entries.command()
def block(reason: Annotated[str, typer.Argument(help="Why; people see it on their desk.")]) -> None:
    """Let every account only protect and close, until `jarvis entries allow`."""
    from jarvis.domain.people import AuditEntry

    words = " ".join(reason.split())
    if not words:
        raise CommandError("say why: jarvis entries block REASON")

    async def shut() -> None:
        async with opened_store(settings()) as store:
            noted = AuditEntry("entries.blocked", datetime.now(UTC), "cli", details={"reason": words})
            await store.block_entries(words, noted)

    run(shut())
    say("entries are blocked within a few seconds; exits go on")
