"""Where the master key is, for commands: making one there, moving it, unlocking it, looking whether it can be used.

None of this reads the key here: processes of the signer do.
"""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis.cli.wiring import CommandError

if TYPE_CHECKING:
    from jarvis.config import Settings

UNATTENDED = (
    "with a passphrase, a restart that nobody attends waits for `jarvis keys unlock`: until then nothing is signed, "
    "no position is closed by Jarvis, and only the stops at the venue protect"
)
_HAND_OVER_SECONDS = 30.0


def has_master_key(given: "Settings") -> bool:
    """Whether a key is there, as far as that can be seen without asking for it."""
    kind = given.master_key.partition(":")[0]
    if kind == "file":
        return given.master_key_file.exists()
    return kind != "passphrase" or given.locked_master_key_file.exists()


def make_master_key(given: "Settings") -> None:
    """Make a master key in the chosen source; what is there stays. Raises CommandError."""
    from jarvis.signer.vault import create_master_key

    match given.master_key.partition(":")[0]:
        case "file":
            if not given.master_key_file.exists():
                create_master_key(given.master_key_file)
        case "passphrase":
            if not given.locked_master_key_file.exists():
                move(given, "", "passphrase", typed_twice())
        case "keyring":
            move(given, "", given.master_key, b"")
        case _:
            pass  # systemd has it; a process that it starts is told


def move(given: "Settings", source: str, target: str, typed: bytes) -> str:
    """Copy the master key from one source to another, or make one there; its name. Raises CommandError.

    `typed` are the passphrases that are needed, a line each. A process of its own does it and proves it.
    """
    origin = ("--from", source) if source else ()
    ended = subprocess.run(
        [
            sys.executable, "-m", "jarvis.signer.moving", *origin, "--to", target,
            "--file", str(given.master_key_file), "--outside", str(given.data_dir),
        ],
        input=typed, capture_output=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        words = ended.stderr.decode(errors="replace").strip().splitlines()
        raise CommandError(words[-1] if words else "the master key cannot be moved")
    return ended.stdout.decode().strip()


def typed_passphrase(prompt: str = "Passphrase of the master key: ") -> bytes:
    """A line that somebody types unseen, or the next one of standard input where that is no terminal."""
    import getpass

    line = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return line.encode() + b"\n"


def typed_twice() -> bytes:
    """A new passphrase, typed the same way twice. Raises CommandError."""
    first = typed_passphrase("New passphrase of the master key: ")
    if sys.stdin.isatty() and typed_passphrase("The same again: ") != first:
        raise CommandError("these are two different passphrases")
    return first


async def hand_over(given: "Settings", typed: bytes) -> None:
    """Give the passphrase to the signer that waits for it. Raises CommandError if none does."""
    try:
        async with asyncio.timeout(_HAND_OVER_SECONDS):
            while True:
                try:
                    pipe = os.open(given.passphrase_pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                try:
                    os.write(pipe, typed)
                finally:
                    os.close(pipe)
                return
    except TimeoutError:
        raise CommandError("no signer waits for a passphrase; `jarvis up` starts one") from None


def examined(given: "Settings") -> tuple[bool, str]:
    """Whether the master key can be used, and in what words."""
    from jarvis.signer.errors import MasterKeyError
    from jarvis.signer.vault import load_master_key, read_secret_file

    kind, _, name = given.master_key.partition(":")
    if given.next_master_key_file.exists():
        return False, "a rotation was interrupted: `jarvis keys rotate` finishes it"
    try:
        match kind:
            case "file":
                load_master_key(given.master_key_file, outside=[given.data_dir])
                return True, f"{given.master_key_file}, mode 0600, outside the data folder"
            case "passphrase":
                read_secret_file(given.locked_master_key_file, outside=[given.data_dir])
                return True, f"{given.locked_master_key_file}, locked; {UNATTENDED}"
            case "keyring":
                return True, f"the keyring's entry for {name}; `jarvis keys check` opens what it sealed"
            case _:
                return True, f"the credential {name} of systemd; `jarvis keys check` opens what it sealed"
    except (MasterKeyError, OSError) as error:
        return False, str(error)


def how_to_remove(given: "Settings", source: str) -> str:
    """What takes a key out of a source that is not used any more."""
    kind, _, name = source.partition(":")
    return {
        "file": f"`shred -u {given.master_key_file}`",
        "passphrase": f"`shred -u {given.locked_master_key_file}`",
        "keyring": f"`keyring del {name} 'jarvis master key'`",
        "credential": f"LoadCredentialEncrypted={name} in the unit, and its file in the credential store",
    }[kind]


def place_of(given: "Settings") -> str:
    """Where the master key is, for people."""
    return str(file_of(given, given.master_key) or given.master_key)


def file_of(given: "Settings", source: str) -> Path | None:
    """The file that a source keeps its key in; None if it has none of ours."""
    return {"file": given.master_key_file, "passphrase": given.locked_master_key_file}.get(source)


def set_source(given: "Settings", source: str) -> str:
    """Make `source` the setting, where it was set; what is still to be done, or nothing."""
    if "JARVIS_MASTER_KEY" in os.environ:
        return f"set JARVIS_MASTER_KEY={source} where it is set now"
    path = given.data_dir / "jarvis.toml"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    line = f'master_key = "{source}"\n'
    changed, times = re.subn(r"(?m)^master_key\s*=.*\n?", line, text, count=1)
    fresh = path.with_suffix(".toml.new")
    fresh.write_text(changed if times else line + text, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.rename(path)
    return ""
