"""`python -m jarvis.signer.moving`: makes a master key in a source, or copies it from one source to another.

A process of its own, so that no other one ever holds the key. Passphrases come over standard input, a line each: the
old one's first. Prints the key's name.
"""

import argparse
import sys
from pathlib import Path

from jarvis.signer.errors import MasterKeyError
from jarvis.signer.passphrase import read_line
from jarvis.signer.process import harden
from jarvis.signer.sources import Source, needed_environment, new_key
from jarvis.signer.vault import Vault


def main(arguments: list[str] | None = None) -> int:
    """Do it, and prove it by reading the key again; the process's exit code. A key that is there already stays."""
    options = _parser().parse_args(arguments)
    environment = needed_environment()
    try:
        harden()
        target = Source(options.to, options.file, options.outside, environment)
        if options.source:
            key = Source(options.source, options.file, options.outside, environment).load(lambda: read_line(0))
        else:
            key = new_key()
        passphrase = read_line(0) if options.to == "passphrase" else b""
        try:
            target.keep(key, lambda: passphrase)
        except FileExistsError:
            found = target.load(lambda: passphrase)
            if options.source and found != key:
                raise MasterKeyError(
                    f"there is another master key in {options.to} already; take it away first"
                ) from None
            key = found
        if target.load(lambda: passphrase) != key:
            raise MasterKeyError("what was written is not what is read again; is the disk damaged?")
        sys.stdout.write(f"{Vault(key).key_name}\n")
    except MasterKeyError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except OSError as problem:
        sys.stderr.write(f"the master key cannot be written: {problem.strerror}: {problem.filename or ''}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jarvis.signer.moving", description="Makes or moves a master key.")
    parser.add_argument("--from", dest="source", default="", metavar="SOURCE", help="left out: a new key")
    parser.add_argument("--to", required=True, metavar="SOURCE", help="file, keyring:SERVICE or passphrase")
    parser.add_argument("--file", type=Path, required=True, help="the master key file, or what stands for it")
    parser.add_argument("--outside", type=Path, action="append", default=[], metavar="FOLDER")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
