"""`jarvis keys`: what is sealed, whether it opens, and how a new master key takes the place of the old one.

A rotation has four steps, and each can be begun again after a kill; why this is so without any other memory is in
docs/decisions/019-one-name-says-which-master-key.md:

1. `master.key.next` is made beside `master.key`.
2. A signer with both seals each row anew, one transaction a row; the name in a sealed form says under which it is.
3. Everything is opened under the next key; then the audit gets its line.
4. `master.key` becomes `master.key.retired-NAME`, and `master.key.next` becomes `master.key`.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.asking import a_signer, own_signer
from jarvis.cli.process import master_key_arguments
from jarvis.cli.progress import shown
from jarvis.cli.wiring import CommandError, make_durable, opened_store, run, say, settings
from jarvis.live.crashpoints import crashpoint

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.signer.client import SignerClient
    from jarvis.store.db import Store
    from jarvis.store.sealed import SealedKey, SealedSecret, SealedSeed

keys = typer.Typer(help="Sealed venue keys and the master key: list, check, rotate.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(keys, name="keys")


# --- looking -------------------------------------------------------------------------------------------------------


@keys.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List what is sealed: the venue keys of every account, and under which master key."""

    async def read() -> list[dict[str, object]]:
        async with opened_store(settings()) as store:
            return [_described(each) for each in await store.sealed_keys()]

    found = run(read())
    if as_json:
        say(json.dumps(found))
        return
    for each in found:
        policy = "with a policy" if each["policy"] else "without a policy"
        say(
            f"{each['account']}  {each['venue']} ({each['environment']})  {each['key']}  "
            f"revision {each['revision']}, {policy}, sealed under {each['master_key']}"
        )
    if not found:
        say("no venue is connected: nothing is sealed")


def _described(key: "SealedKey") -> dict[str, object]:
    credential = key.credential
    return {
        "account": credential.account_id,
        "venue": credential.venue,
        "environment": credential.environment.value,
        "key": key.public_id,
        "revision": credential.revision,
        "policy": credential.policy is not None,
        "master_key": sealed_under(credential.sealed),
    }


def sealed_under(sealed: bytes) -> str:
    """The name of the master key that something was sealed under, as the sealed form says."""
    parts = sealed.split(b".")
    return parts[1].decode(errors="replace") if len(parts) > 1 else "?"


@keys.command()
def check(*, as_json: Json = False) -> None:
    """Open everything that is sealed, and say what does not open; exit code 1 if something does not."""

    async def look() -> list[dict[str, str]]:
        given = settings()
        async with opened_store(given) as store, a_signer(given) as signer:
            return await check_all(store, signer)

    found = run(look())
    if as_json:
        say(json.dumps(found))
    else:
        for each in found:
            if each["problem"]:
                say(f"BAD  {each['what']} of {each['whose']}: {each['problem']}")
        good = sum(not each["problem"] for each in found)
        say(f"{good} of {len(found)} sealed rows open")
    if any(each["problem"] for each in found):
        raise typer.Exit(1)


async def check_all(store: "Store", signer: "SignerClient") -> list[dict[str, str]]:
    """Every sealed row, and why it does not open; empty where it does."""
    found = []
    venue_keys, seeds, secrets = await store.sealed_keys(), await store.sealed_seeds(), await store.sealed_secrets()
    with shown("opening", len(venue_keys) + len(seeds) + len(secrets)) as progress:
        for key in venue_keys:
            problem = await _problem_of(_opens_as_kept(signer, key))
            found.append({"what": "venue key", "whose": key.credential.account_id, "problem": problem})
            if key.credential.policy is not None:
                problem = await _problem_of(signer.check_policy(key.credential))
                found.append({"what": "policy", "whose": key.credential.account_id, "problem": problem})
            progress("venue keys", 1)
        for seed in seeds:
            # No code at all: the seed is opened, and nothing can match.
            problem = await _problem_of(signer.match_code(user_id=seed.user_id, sealed=seed.sealed, code=""))
            found.append({"what": "authenticator", "whose": seed.user_id, "problem": problem})
            progress("authenticators", 1)
        for each in secrets:
            problem = await _problem_of(_secret_opens(signer, each))
            found.append({"what": "receiver's secret", "whose": each.user_id, "problem": problem})
            progress("receivers", 1)
    return found


async def _secret_opens(signer: "SignerClient", secret: "SealedSecret") -> None:
    opened = await signer.open_secret(user_id=secret.user_id, row_id=secret.row_id, sealed=secret.sealed)
    opened[:] = bytes(len(opened))


async def _opens_as_kept(signer: "SignerClient", key: "SealedKey") -> None:
    from jarvis.signer.errors import SignerRefused

    if (await signer.identify(key.credential)).fingerprint != key.fingerprint:
        raise SignerRefused("wrong_binding", "its fingerprint is not the one that is kept beside it")


async def _problem_of(opening: Awaitable[object]) -> str:
    """What the signer says against it; empty if it opens."""
    from jarvis.signer.errors import SignerRefused

    try:
        await opening
    except SignerRefused as refusal:
        return str(refusal)
    return ""


# --- a new master key ----------------------------------------------------------------------------------------------


@keys.command()
def rotate(
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the old master key; backups made with it open no more.")
    ] = False,
) -> None:
    """Make a new master key, seal everything under it, and retire the old one. Stop Jarvis first."""
    from jarvis.store.db import hold_instance

    given = settings()
    if given.master_key != "file":
        raise CommandError(
            f"a master key in {given.master_key} is rotated in a file: run `jarvis keys move --to file`, rotate, "
            "and move it back"
        )
    with hold_instance(given.store_url):
        run(_rotate(given, forget=forget))


async def _rotate(given: "Settings", *, forget: bool) -> None:
    from jarvis.store.dump import any_database

    async with any_database(given.store_url) as database:
        if await database.is_served():
            raise CommandError("a worker serves accounts of this database; stop Jarvis everywhere, wait 15 seconds")
    current, following = given.master_key_file, given.next_master_key_file
    if current.exists():
        if not following.exists():
            await _require_that_all_opens(given)
        _make_next(following)
        retired = await _seal_anew(given, following)
        crashpoint("rotate_checked")
        current.rename(retired)
        make_durable(current.parent)
        crashpoint("rotate_retired")
    elif not following.exists():
        raise CommandError(f"there is no master key at {current}; put it back from its own backup")
    following.rename(current)
    make_durable(current.parent)
    crashpoint("rotate_renamed")
    former = sorted(current.parent.glob(f"{current.name}.retired-*"))
    if forget:
        for each in former:
            each.unlink()
        make_durable(current.parent)
    say(f"everything is sealed under the new master key {current}; back it up, apart from the data")
    if former and not forget:
        say(
            f"{former[-1]} opens nothing that is stored now, only backups made before: keep it with those, or delete it"
        )
    say("secrets that somebody may have seen are only safe once they are replaced at the venue")


@keys.command()
def move(
    *,
    to: Annotated[str, typer.Option(help="file, credential:NAME, keyring:SERVICE or passphrase.")],
    remove_old: Annotated[bool, typer.Option("--remove-old", help="Delete the file that the key was in.")] = False,
) -> None:
    """Keep the master key somewhere else: it is written there, proved, and made the setting."""
    from jarvis.cli import sources
    from jarvis.config import load_settings

    given = settings()
    target = load_settings(**{**given.model_dump(), "master_key": to})
    if to == given.master_key:
        raise CommandError(f"the master key is in {to} already")
    if given.next_master_key_file.exists():
        raise CommandError("a rotation was interrupted: run `jarvis keys rotate`, which finishes it")
    old = sources.typed_passphrase() if given.asks_for_passphrase else b""
    new = sources.typed_twice() if target.asks_for_passphrase else b""
    name = run(_name_of(given, old))
    if not to.startswith("credential:"):
        sources.move(given, given.master_key, to, old + new)
    crashpoint("move_written")
    run(_prove(target, new, name))
    left = sources.set_source(given, to)
    crashpoint("move_set")
    say(f"the master key is in {sources.place_of(target)} now, and opens what is sealed")
    if left:
        say(f"still to do: {left}")
    file = sources.file_of(given, given.master_key)
    if remove_old and file is not None:
        file.unlink()
        make_durable(file.parent)
    else:
        how = sources.how_to_remove(given, given.master_key)
        say(f"the old place still has it; remove it once Jarvis was started anew: {how}")
    if target.asks_for_passphrase:
        say(sources.UNATTENDED)


@keys.command()
def unlock() -> None:
    """Give the passphrase to a signer that waits for it."""
    from jarvis.cli.sources import hand_over, typed_passphrase

    given = settings()
    if not given.asks_for_passphrase:
        raise CommandError(f"no passphrase is needed: the master key is in {given.master_key}")
    run(hand_over(given, typed_passphrase()))
    say("the signer has it")


async def _name_of(given: "Settings", typed: bytes) -> str:
    """The name of the master key in its source."""
    async with _own(given, typed) as signer:
        return (await signer.key_names())[0]


async def _prove(given: "Settings", typed: bytes, name: str) -> None:
    """Raise CommandError unless a signer with this source has that key, and opens what is sealed."""
    async with opened_store(given) as store, _own(given, typed) as signer:
        if (await signer.key_names())[0] != name:
            raise CommandError(f"there is another master key in {given.master_key}; nothing was changed")
        if any(each["problem"] for each in await check_all(store, signer)):
            raise CommandError("something that is sealed does not open: `jarvis keys check` says what")


@asynccontextmanager
async def _own(given: "Settings", typed: bytes) -> "AsyncIterator[SignerClient]":
    """A signer with this source alone, which signs nothing."""
    with tempfile.TemporaryDirectory(prefix="jarvis-") as folder:
        arguments = master_key_arguments(given)
        async with own_signer(given, arguments, state=Path(folder) / "state", typed=typed) as signer:
            yield signer


async def _require_that_all_opens(given: "Settings") -> None:
    """Raise CommandError before anything is changed if a row would stop the rotation half way."""
    async with opened_store(given) as store, a_signer(given) as signer:
        if any(each["problem"] for each in await check_all(store, signer)):
            raise CommandError(
                "something that is sealed does not open: `jarvis keys check` says what. Disconnect it, or restore it "
                "from a backup, and rotate then"
            )


def _make_next(following: Path) -> None:
    """A next master key, whole from its first moment; the one of an interrupted rotation is used again."""
    from jarvis.signer.vault import create_master_key

    if following.exists():
        return
    making = following.with_name(f".{following.name}.making")
    making.unlink(missing_ok=True)
    create_master_key(making)
    crashpoint("rotate_making")
    making.rename(following)
    make_durable(following.parent)
    crashpoint("rotate_made")


async def _seal_anew(given: "Settings", following: Path) -> Path:
    """Every row under the next master key, and opened there; the name that the old key's file will have."""
    from jarvis.domain.people import AuditEntry

    arguments = (*master_key_arguments(given), "--next-master-key", str(following))
    async with opened_store(given) as store, _resealing(given, arguments) as signer:
        name, next_name = await signer.key_names()
        venue_keys, seeds, secrets = await store.sealed_keys(), await store.sealed_seeds(), await store.sealed_secrets()
        rows = len(venue_keys) + len(seeds) + len(secrets)
        with shown("sealing", rows) as progress:
            for key in venue_keys:
                await _seal_key_anew(store, signer, key)
                progress("venue keys", 1)
                crashpoint("rotate_row")
            for seed in seeds:
                await _seal_seed_anew(store, signer, seed)
                progress("authenticators", 1)
                crashpoint("rotate_row")
            for secret in secrets:
                await _seal_secret_anew(store, signer, secret)
                progress("receivers", 1)
                crashpoint("rotate_row")
        crashpoint("rotate_sealed")
        await _require_all(store, signer, next_name)
        last = await store.audit_of(kinds=["keys.rotated"], limit=1)
        if not last or (last[0].details or {}).get("master_key") != next_name:
            told: dict[str, str | int | bool | None] = {"master_key": next_name, "former": name, "rows": rows}
            await store.note(AuditEntry("keys.rotated", datetime.now(UTC), "cli", details=told))
    crashpoint("rotate_noted")
    return given.master_key_file.with_name(f"{given.master_key_file.name}.retired-{name}")


@asynccontextmanager
async def _resealing(given: "Settings", arguments: tuple[str, ...]) -> "AsyncIterator[SignerClient]":
    async with own_signer(given, arguments, state=given.signer_state) as signer:
        yield signer


async def _seal_key_anew(store: "Store", signer: "SignerClient", key: "SealedKey") -> None:
    anew = await _anew(signer, key)
    if anew != (key.credential.sealed, key.fingerprint, key.credential.policy):
        crashpoint("rotate_resealed")
        await store.put_key(key, *anew)


async def _anew(signer: "SignerClient", key: "SealedKey") -> tuple[bytes, str, bytes | None]:
    """Key, fingerprint and policy as they are under the next master key."""
    sealed, fingerprint = await signer.reseal(key.credential)
    policy = key.credential.policy
    return sealed, fingerprint, None if policy is None else await signer.reseal_policy(key.credential)


async def _seal_seed_anew(store: "Store", signer: "SignerClient", seed: "SealedSeed") -> None:
    sealed = await signer.reseal_seed(seed.user_id, seed.sealed)
    if sealed != seed.sealed:
        crashpoint("rotate_resealed")
        await store.put_seed(seed, sealed)


async def _seal_secret_anew(store: "Store", signer: "SignerClient", secret: "SealedSecret") -> None:
    sealed = await signer.reseal_secret(secret.user_id, secret.row_id, secret.sealed)
    if sealed != secret.sealed:
        crashpoint("rotate_resealed")
        await store.put_secret(secret, sealed)


async def _require_all(store: "Store", signer: "SignerClient", next_name: str) -> None:
    """Raise CommandError unless everything that is stored opens under the next master key.

    What is sealed there already is opened, and given back as it is.
    """
    left = []
    for key in await store.sealed_keys():
        kept = key.credential.sealed, key.fingerprint, key.credential.policy
        under = {sealed_under(each) for each in (kept[0], kept[2]) if each is not None}
        if await _anew(signer, key) != kept or under != {next_name}:
            left.append(f"the key of account {key.credential.account_id}")
    for seed in await store.sealed_seeds():
        same = await signer.reseal_seed(seed.user_id, seed.sealed) == seed.sealed
        if not same or sealed_under(seed.sealed) != next_name:
            left.append(f"the authenticator of {seed.user_id}")
    for secret in await store.sealed_secrets():
        same = await signer.reseal_secret(secret.user_id, secret.row_id, secret.sealed) == secret.sealed
        if not same or sealed_under(secret.sealed) != next_name:
            left.append(f"a receiver's secret of {secret.user_id}")
    if left:
        raise CommandError(
            f"not sealed under the new master key yet: {', '.join(left)}; run `jarvis keys rotate` again"
        )
