"""`jarvis backup` and `jarvis restore`: everything but the master key in one file, which is worth nothing without it.

The file is encrypted under a key that a signer derives for it; neither the master key nor a venue key comes here.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from jarvis.cli.progress import shown
from jarvis.cli.sources import has_master_key, place_of
from jarvis.cli.wiring import CommandError, make_durable, opened_store, run, say, settings
from jarvis.live.crashpoints import crashpoint
from jarvis.own import FOLDER, NAME, files_in

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.signer.client import SignerClient
    from jarvis.store.archive import ArchiveHead, Contents

MASTER_KEY_MARK = b"jarvis-master-key-"
"""What a master key file begins with; whatever holds it is not collected."""
_SETTINGS = "jarvis.toml"
_ELSEWHERE = ("data_dir", "database_url", "master_key", "master_key_file")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; it must not exist yet.")],
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read a backup that was made, and say what it holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write everything but the master key to one encrypted file, and read it back. Jarvis may run meanwhile."""
    given = settings()
    told = run(_verify(given, file) if verify else _back_up(given, file))
    if as_json:
        say(json.dumps(told))
    else:
        done = "is whole" if verify else "is made and read back"
        say(f"{file} {done}: {told['rows']} rows, {told['bytes']} bytes, of {told['made_at']}")
        say(f"it opens with master key {told['master_key']} only: keep that one somewhere else")


async def _back_up(given: "Settings", file: Path) -> dict[str, object]:
    from jarvis.cli.asking import a_signer

    async with a_signer(given) as signer:
        return await write_backup(given, signer, file)


async def write_backup(given: "Settings", signer: "SignerClient", file: Path) -> dict[str, object]:
    """Make the backup `file`; what it holds. It has its name once it was read back, and not before."""
    from jarvis import __version__
    from jarvis.domain.people import AuditEntry
    from jarvis.signer.marks import read_marks
    from jarvis.store.archive import SALT_BYTES, ArchiveHead, ArchiveWriter

    file = _place_for(given, file)
    files = _collected(given)
    salt = secrets.token_bytes(SALT_BYTES)
    name, key = await signer.backup_key(salt)
    head = ArchiveHead(datetime.now(UTC), salt, name, __version__)
    partial = file.with_name(f".{file.name}.partial")
    async with opened_store(given) as store:
        total = sum((await store.row_counts()).values())
        try:
            with _new_file(partial) as writing:
                writer = ArchiveWriter(writing, head, key)
                with shown("writing", total) as progress:
                    async for lines in store.dump(progress):
                        writer.write(lines)
                        crashpoint("backup_rows")
                # After the rows: no row can name a fence or nonce that is higher than its mark here.
                marks = read_marks(given.signer_state)
                writer.finish(marks, files)
                writing.flush()
                os.fsync(writing.fileno())
            crashpoint("backup_written")
            contents = _read(partial, key)
            if contents.marks != marks or contents.files != files:
                raise CommandError("the backup does not hold what was written; is the disk damaged?")
            rows = contents.summary.total
            noted = AuditEntry("backup.made", datetime.now(UTC), "cli", details={"file": file.name, "rows": rows})
            await store.note(noted)
            crashpoint("backup_noted")
            partial.rename(file)
        except OSError as error:
            raise CommandError(f"the backup cannot be written: {error.strerror}: {error.filename or file}") from error
        finally:
            partial.unlink(missing_ok=True)
    make_durable(file.parent)
    return _told(file, head, contents)


async def _verify(given: "Settings", file: Path) -> dict[str, object]:
    from jarvis.cli.asking import a_signer

    async with a_signer(given) as signer:
        head, key = await _opened(signer, file)
    contents = _read(file, key)
    await _note_verified(given, file, contents.summary.total)
    return _told(file, head, contents)


async def _note_verified(given: "Settings", file: Path, rows: int) -> None:
    """Tell the installation, if there is one: a backup may be read where nothing is but its master key."""
    from jarvis.domain.people import AuditEntry
    from jarvis.store.errors import StoreError

    if not given.database_url and not (given.data_dir / "jarvis.db").exists():
        return
    with suppress(StoreError):
        async with opened_store(given) as store:
            noted = AuditEntry("backup.verified", datetime.now(UTC), "cli", details={"file": file.name, "rows": rows})
            await store.note(noted)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup that `jarvis backup` made.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of what is here, after a backup of it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place. Stop Jarvis first; afterwards nothing is opened before `jarvis entries allow`."""
    from jarvis.store.db import hold_instance

    given = settings()
    if not has_master_key(given):
        raise CommandError(
            f"put the master key that the backup was made with at {place_of(given)} first: without it nothing opens"
        )
    given.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold_instance(given.store_url):
        told = run(_restore(given, file, replace=replace))
    if as_json:
        say(json.dumps(told))
        return
    if told["former"]:
        say(f"what was here is in {told['former']}")
    if told["settings"]:
        say(f"its settings are in {told['settings']}")
    say(f"restored {told['rows']} rows of {told['made_at']}; everybody signs in again")
    say("entries are blocked: start Jarvis, check the accounts at their venues, then run `jarvis entries allow`")


async def _restore(given: "Settings", file: Path, *, replace: bool) -> dict[str, object]:
    from jarvis.cli.asking import a_signer
    from jarvis.signer.marks import Marks, StateInUseError
    from jarvis.store.dump import any_database

    async with a_signer(given) as signer, any_database(given.store_url) as database:
        if await database.is_served():
            raise CommandError("a worker serves accounts of this database; stop Jarvis everywhere, wait 15 seconds")
        head, key = await _opened(signer, file)
        contents = _read(file, key)
        former = None
        if not await database.is_empty():
            if not replace:
                raise CommandError(
                    "there are people or accounts here; `--replace` puts the backup in their place, and backs them up"
                )
            former = file.with_name(f"{file.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            await write_backup(given, signer, former)
    crashpoint("restore_checked")
    written = _restore_settings(given, contents.files)
    _restore_strategies(given, contents.files)
    given.signer_state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        marks = Marks(given.signer_state)
    except StateInUseError as error:
        raise CommandError(f"{error}; stop Jarvis first") from error
    try:
        marks.merge(contents.marks)
        crashpoint("restore_marked")
        await _put_rows(given, file, head, key, contents, marks.values)
    finally:
        marks.close()
    crashpoint("restore_done")
    return {
        **_told(file, head, contents),
        "former": None if former is None else str(former),
        "settings": None if written is None else str(written),
    }


async def _put_rows(
    given: "Settings",
    file: Path,
    head: "ArchiveHead",
    key: bytes,
    contents: "Contents",
    marks: Mapping[tuple[str, str], int],
) -> None:
    """All rows in one transaction, with what must follow a restore."""
    from sqlalchemy.ext.asyncio import AsyncConnection

    from jarvis.domain.people import AuditEntry
    from jarvis.live.gate import AUDIT_MARK
    from jarvis.store.archive import contents_after, lines_of
    from jarvis.store.dump import any_database
    from jarvis.store.installation import after_restore

    at = datetime.now(UTC)
    reason = (
        f"restored from a backup of {head.made_at:%Y-%m-%d %H:%M} UTC; check the accounts at their venues, "
        "then run `jarvis entries allow`"
    )
    told: dict[str, str | int | bool | None] = {
        "made_at": head.made_at.isoformat(), "rows": contents.summary.total,
        AUDIT_MARK: marks.get(("audit", "head"), 0),
    }  # fmt: skip
    noted = AuditEntry("restore.done", at, "cli", details=told)
    fences = {name: value for (kind, name), value in marks.items() if kind == "fence"}
    with file.open("rb") as reading:
        lines = lines_of(reading, key)

        async def then(connection: AsyncConnection) -> None:
            contents_after(lines, contents.summary)  # to the file's very end: it is the one that was checked
            await after_restore(connection, reason, fences, noted)
            crashpoint("restore_put")

        with shown("restoring", contents.summary.total) as progress:

            def done(table: str, count: int) -> None:
                progress(table, count)
                crashpoint("restore_rows")

            async with any_database(given.store_url) as database:
                await database.restore(lines, then, done)


async def _opened(signer: "SignerClient", file: Path) -> "tuple[ArchiveHead, bytes]":
    """The head of a backup and its key, if our master key is the one that it wants."""
    from jarvis.store.archive import read_head

    try:
        with file.open("rb") as reading:
            head = read_head(reading)
    except OSError as error:
        raise CommandError(f"the backup {file} cannot be read: {error.strerror}") from error
    name, key = await signer.backup_key(head.salt)
    if name != head.master_key:
        raise CommandError(
            f"this backup opens with master key {head.master_key}, and the one here is {name}; after a rotation "
            f"the former key is beside the new one as `master.key.retired-{head.master_key}`"
        )
    return head, key


def _read(file: Path, key: bytes) -> "Contents":
    """What the backup holds, every byte of it read and checked."""
    from jarvis.store.archive import checked_contents

    with file.open("rb") as reading, shown("checking", None) as progress:
        return checked_contents(reading, key, progress)


def _place_for(given: "Settings", file: Path) -> Path:
    """Where the backup will lie. Raises CommandError where it must not."""
    folder = file.parent.resolve()
    if not folder.is_dir():
        raise CommandError(f"there is no folder {file.parent}")
    if file.exists() or file.is_symlink():
        raise CommandError(f"{file} exists already; a backup never takes the place of another")
    for key in given.master_key_files():
        if key.resolve().is_relative_to(folder):
            raise CommandError(
                f"the master key {key} lies in the backup's folder {folder}: one stolen copy of it would open "
                "everything. Write the backup to a folder of its own"
            )
    return folder / file.name


def _collected(given: "Settings") -> dict[str, bytes]:
    """The files that go along. Raises CommandError if one of them holds a master key."""
    found = {}
    for path in (given.data_dir / _SETTINGS, *files_in(given.data_dir / FOLDER)):
        if path.exists():
            content = path.read_bytes()
            if MASTER_KEY_MARK in content:
                raise CommandError(f"{path} holds a master key: take it out of there; no backup is made with it")
            found[path.relative_to(given.data_dir).as_posix()] = content
    return found


def _restore_settings(given: "Settings", files: Mapping[str, bytes]) -> Path | None:
    """Where the backup's settings are now: in place if there were none and they lead to the same places."""
    import tomllib

    content = files.get(_SETTINGS)
    if content is None:
        return None
    path = given.data_dir / _SETTINGS
    if path.exists() and path.read_bytes() == content:
        return path
    try:
        leads_elsewhere = any(name in _ELSEWHERE for name in tomllib.loads(content.decode()))
    except ValueError:
        leads_elsewhere = True
    if path.exists() or leads_elsewhere:
        path = path.with_name(f"{_SETTINGS}.restored")
    _put_file(path, content)
    return path


def _restore_strategies(given: "Settings", files: Mapping[str, bytes]) -> None:
    """The person's own strategies: in place where there is none of that name, else beside it, where nothing runs it."""
    for name, content in files.items():
        folder, _, file = name.rpartition("/")
        if folder != FOLDER or not (file.endswith(".py") and NAME.fullmatch(file.removesuffix(".py"))):
            continue
        path = given.data_dir / FOLDER / file
        if path.exists() and path.read_bytes() == content:
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put_file(path.with_name(f"{file}.restored") if path.exists() else path, content)


def _put_file(path: Path, content: bytes) -> None:
    """Have `path` hold this, or what it held, whatever happens meanwhile."""
    partial = path.with_name(f".{path.name}.partial")
    with _new_file(partial) as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    partial.replace(path)
    make_durable(path.parent)


def _new_file(path: Path) -> IO[bytes]:
    """A fresh file, ours alone; what a killed command left behind goes."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w+b")


def _told(file: Path, head: "ArchiveHead", contents: "Contents") -> dict[str, object]:
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "made_at": head.made_at.isoformat(timespec="seconds"),
        "master_key": head.master_key,
        "revision": contents.summary.revision,
        "rows": contents.summary.total,
        "tables": contents.summary.rows,
    }
