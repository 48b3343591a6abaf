"""`python -m jarvis.signer`: the signer process. Prints `ready` and its socket, or one line that says what is wrong."""

import argparse
import signal
import sys
import time
from pathlib import Path

from jarvis.signer.core import SigningCore
from jarvis.signer.errors import MasterKeyError
from jarvis.signer.marks import StateDamagedError, StateInUseError
from jarvis.signer.passphrase import read_line, wait_at
from jarvis.signer.process import Parent, harden, wipe_what_is_freed
from jarvis.signer.server import SignerServer, SocketPlaceError
from jarvis.signer.sources import Source, needed_environment
from jarvis.signer.vault import load_master_key


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop or the parent has ended; the process's exit code."""
    options = _parser().parse_args(arguments)
    environment = needed_environment()
    try:
        harden()
        parent = None if options.parent_pid is None else Parent(options.parent_pid)
        options.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        options.state.chmod(0o700)
        outside = [options.state, *options.outside]
        source = Source(options.source, options.master_key, outside, environment)
        pipe = options.passphrase_pipe
        master_key = source.load(lambda: read_line(0) if pipe is None else wait_at(pipe, parent))
        following = None
        if options.next_master_key is not None:
            following = load_master_key(options.next_master_key, outside=outside)
        core = SigningCore(master_key, time.time_ns, options.state, following)
        try:
            _serve(core, options.socket, parent)
        finally:
            core.close()
    except (MasterKeyError, StateInUseError, StateDamagedError, SocketPlaceError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except OSError as problem:
        sys.stderr.write(f"the signer cannot start: {problem.strerror or problem}: {problem.filename or ''}\n")
        return 1
    return 0


def _serve(core: SigningCore, socket_path: Path, parent: Parent | None) -> None:
    """Serve until asked to stop or the parent has ended; prints `ready` once connections are taken."""
    server = SignerServer(core, socket_path)
    server.listen()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    sys.stdout.write(f"ready {socket_path}\n")
    sys.stdout.flush()
    server.serve(lambda: parent is None or parent.is_alive())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jarvis.signer", description="The only process that can read a venue key.")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen; its folder must be private")
    parser.add_argument("--master-key", type=Path, required=True, help="the master key file, mode 0600")
    parser.add_argument("--source", default="file", help="file, credential:NAME, keyring:SERVICE or passphrase")
    parser.add_argument(
        "--passphrase-pipe", type=Path, help="wait here for the passphrase; left out: read from standard input"
    )
    parser.add_argument("--next-master-key", type=Path, help="seal anew under this one, for `jarvis keys rotate`")
    parser.add_argument("--state", type=Path, required=True, help="folder for nonce and fence marks and the audit")
    parser.add_argument(
        "--outside",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="refuse a master key that lies in this folder (data, backups); may be repeated",
    )
    parser.add_argument("--parent-pid", type=int, help="end when this process has ended")
    return parser


if __name__ == "__main__":
    wipe_what_is_freed()
    raise SystemExit(main())
