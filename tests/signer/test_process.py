"""The signer as it runs: a process of its own, killed, orphaned and looked into."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.signer.client import SignerClient
from jarvis.signer.errors import SignerRefused
from jarvis.signer.vault import create_master_key
from jarvis.venues.base import SignedRequest
from tests.signer.canary import scan
from tests.signer.inprocess import WIDE, made_up_key
from tests.signer.test_operations import ENTRY

KEY, SECRET = made_up_key("process")
ENVIRONMENT_SECRET = "a-secret-of-somebody-else-in-the-environment"


class Signer:
    """Starts and kills real signer processes on one state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "run" / "s.sock"
        self.master_key = folder / "master.key"
        self.state = folder / "data" / "signer"
        self.processes: list[subprocess.Popen[str]] = []
        create_master_key(self.master_key)

    def command(self, *more: str) -> list[str]:
        paths = ["--socket", self.socket, "--master-key", self.master_key, "--state", self.state]
        return [sys.executable, "-m", "jarvis.signer", *(str(part) for part in paths), *more]

    def start(self, *more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SOME_TOKEN": ENVIRONMENT_SECRET},
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {self.socket}\n"
        return process

    def refused(self, *more: str) -> str:
        done = subprocess.run(self.command(*more), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert not done.stdout
        return done.stderr

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self.processes.clear()


@pytest.fixture
def signer() -> Iterator[Signer]:
    folder = Path(f"/tmp/jarvis-signer-{os.getpid()}-{time.monotonic_ns()}")  # noqa: S108 - sockets need short paths
    folder.mkdir(mode=0o700)
    signer = Signer(folder)
    yield signer
    signer.kill()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
async def client(signer: Signer) -> AsyncIterator[SignerClient]:
    async with SignerClient(signer.socket, patience=20) as client:
        yield client


async def sealed_by(client: SignerClient) -> Credential:
    sealed = await client.seal(
        account_id="ada",
        venue="kraken",
        credential_id="c",
        environment=Environment.LIVE,
        api_key=KEY,
        secret=SECRET,
    )
    row = Credential(AccountId("ada"), VenueName("kraken"), CredentialId("c"), Environment.LIVE, sealed)
    return replace(row, policy=await client.seal_policy(row, WIDE))


def nonce_of(request: SignedRequest) -> int:
    return int(parse_qs(request.body.decode())["nonce"][0])


def arguments_of(process: subprocess.Popen[str]) -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.02)
    return True


async def test_nonces_and_fences_outlive_a_killed_signer(signer: Signer, client: SignerClient) -> None:
    signer.start()
    credential = await sealed_by(client)
    nonces: list[int] = []

    for round_ in range(3):
        nonces += [nonce_of(await client.sign(credential, 3 + round_, "Balance", {})) for _ in range(20)]
        signer.kill()
        signer.start()

    with pytest.raises(SignerRefused, match="taken over"):
        await client.sign(credential, 4, "Balance", {})
    nonces.append(nonce_of(await client.sign(credential, 5, "Balance", {})))
    assert nonces == sorted(set(nonces))


async def test_a_signer_killed_while_it_signs_repeats_no_nonce(signer: Signer, client: SignerClient) -> None:
    signer.start()
    credential = await sealed_by(client)
    nonces: list[int] = []

    async def sign_on() -> None:
        while True:
            nonces.append(nonce_of(await client.sign(credential, 1, "Balance", {})))

    for _ in range(3):
        signing = asyncio.create_task(sign_on())
        await asyncio.sleep(0.1)
        await asyncio.to_thread(signer.kill)
        await asyncio.to_thread(signer.start)
        before = len(nonces)
        await asyncio.to_thread(until, lambda before=before: len(nonces) > before + 5)  # type: ignore[misc]
        signing.cancel()
        with suppress(asyncio.CancelledError):
            await signing

    assert len(nonces) > 15
    assert all(earlier < later for earlier, later in itertools.pairwise(nonces))


async def test_no_file_output_or_argument_of_the_signer_holds_a_secret(signer: Signer, client: SignerClient) -> None:
    process = signer.start()
    credential = await sealed_by(client)
    await client.sign(credential, 1, "AddOrder", ENTRY)
    for operation, parameters in (("Withdraw", {"key": SECRET}), ("AddOrder", {**ENTRY, "cl_ord_id": SECRET})):
        with pytest.raises(SignerRefused):
            await client.sign(credential, 1, operation, parameters)
    arguments = arguments_of(process)
    await client.close()
    process.terminate()
    printed = "".join(process.communicate(timeout=10))

    master = signer.master_key.read_bytes().partition(b":")[2].strip()
    master_leaks = scan([signer.state, printed, arguments, credential.sealed], {"master key": master})
    assert process.returncode == 0
    assert not master_leaks
    assert not scan([signer.folder, printed, arguments, credential.sealed], {"key": KEY, "private key": SECRET})
    assert "s.sock" not in os.listdir(signer.socket.parent)  # noqa: PTH208 - without blocking calls of a path


def test_the_signer_cannot_dump_core_and_forgets_its_environment(signer: Signer) -> None:
    process = signer.start()

    limits = Path(f"/proc/{process.pid}/limits").read_text(encoding="utf-8")
    core_line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    # The files of a process that cannot be dumped belong to root, whoever runs it.
    owner = Path(f"/proc/{process.pid}/environ").stat().st_uid

    assert core_line.split()[4:6] == ["0", "0"]
    assert owner == 0
    os.kill(process.pid, signal.SIGABRT)
    process.wait(timeout=10)
    assert process.returncode == -signal.SIGABRT
    assert not list(Path.cwd().glob("core*")) + list(signer.folder.glob("**/core*"))


def test_hardening_holds_inside_the_process() -> None:
    program = (
        "import ctypes, json, os, resource\n"
        "from jarvis.signer.process import harden\n"
        "harden()\n"
        "dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(json.dumps([dumpable, resource.getrlimit(resource.RLIMIT_CORE), os.umask(0), dict(os.environ)]))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SOME_TOKEN": ENVIRONMENT_SECRET},
    )

    assert json.loads(done.stdout) == [0, [0, 0], 0o077, {}]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any memory; the promise is about the same, ordinary user")
def test_another_process_of_the_same_user_cannot_read_the_signers_memory(signer: Signer) -> None:
    process = signer.start()

    for name in ("mem", "environ", "maps"):
        with pytest.raises(PermissionError), Path(f"/proc/{process.pid}/{name}").open("rb") as opened:
            opened.read(1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to try")
def test_an_ordinary_user_cannot_read_the_memory_of_its_own_hardened_process() -> None:
    # Giving up root makes a process non-dumpable by itself; 1 is what every ordinary process starts with.
    become_nobody = (
        "import ctypes, os, sys\n"
        "from jarvis.signer.process import harden\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
    )
    wait = "print('ready', flush=True); input()\n"
    read = "open(f'/proc/{sys.argv[1]}/mem', 'rb').close(); open(f'/proc/{sys.argv[1]}/environ', 'rb').read(1)\n"

    def run(program: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", become_nobody + program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with run("harden()\n" + wait) as hardened, run(wait) as ordinary:
        for process in (hardened, ordinary):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        with run(read, str(hardened.pid)) as first, run(read, str(ordinary.pid)) as second:
            _, told_of_hardened = first.communicate(timeout=30)
            _, told_of_ordinary = second.communicate(timeout=30)
        hardened.communicate("\n")
        ordinary.communicate("\n")

    assert "PermissionError" in told_of_hardened
    assert (second.returncode, told_of_ordinary) == (0, "")


COPIES_LEFT = 0
"""Of the secret in the signer's memory after its requests. A ratchet: it may only fall."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into the signer's memory")
async def test_few_copies_of_a_secret_are_left_in_freed_memory(signer: Signer, client: SignerClient) -> None:
    process = signer.start()
    credential = await sealed_by(client)
    for _ in range(50):
        await client.sign(credential, 1, "AddOrder", ENTRY)

    copies = memory_of(process.pid).count(SECRET.encode())

    assert copies <= COPIES_LEFT


def memory_of(process_id: int) -> bytes:
    """All that the process can write to."""
    content = bytearray()
    with Path(f"/proc/{process_id}/mem").open("rb") as memory:
        for line in Path(f"/proc/{process_id}/maps").read_text(encoding="utf-8").splitlines():
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                with suppress(OSError):
                    content += memory.read(end - start)
    return bytes(content)


def test_the_signer_ends_with_its_parent(signer: Signer) -> None:
    program = (
        "import subprocess, sys, os, time\n"
        "child = subprocess.Popen(sys.argv[1:] + ['--parent-pid', str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, *signer.command()], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    alive = Path(f"/proc/{child}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert alive
    assert until(lambda: not is_running(child))
    assert not signer.socket.exists()


def is_running(process_id: int) -> bool:
    """Whether it runs: one that has ended and that nobody asked about still has an entry, as a zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_signer_ends_when_another_process_that_it_watches_ends(signer: Signer) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as watched:
        process = signer.start("--parent-pid", str(watched.pid))
        running = process.poll() is None
        watched.communicate("\n")

    assert running
    assert process.wait(timeout=10) == 0


def test_a_second_signer_on_the_same_state_says_so_and_leaves_the_first_alone(
    signer: Signer,
) -> None:
    process = signer.start()

    said = signer.refused("--socket", str(signer.folder / "run" / "other.sock"))

    assert said.count("\n") == 1
    assert "another signer works in" in said
    assert process.poll() is None
    assert signer.socket.exists()


def test_a_signer_on_a_taken_socket_with_other_state_does_not_steal_it(signer: Signer) -> None:
    signer.start()

    said = signer.refused("--state", str(signer.folder / "other"))

    assert said.count("\n") == 1
    assert "answers already" in said


@pytest.mark.parametrize("spoil", ["mode", "missing", "damaged", "inside data", "folder"])
def test_a_signer_that_cannot_start_safely_says_why_in_one_line(spoil: str, signer: Signer) -> None:
    expected = {
        "mode": "chmod 600",
        "missing": "jarvis init",
        "damaged": "not a master key",
        "inside data": "lies inside",
        "folder": "chmod 700",
    }
    arguments: list[str] = []
    match spoil:
        case "mode":
            signer.master_key.chmod(0o644)
        case "missing":
            signer.master_key.unlink()
        case "damaged":
            signer.master_key.write_bytes(b"x")
        case "inside data":
            arguments = ["--outside", str(signer.folder)]
        case _:
            signer.socket.parent.mkdir(mode=0o700)
            signer.socket.parent.chmod(0o755)

    said = signer.refused(*arguments)

    assert said.count("\n") == 1
    assert expected[spoil] in said
