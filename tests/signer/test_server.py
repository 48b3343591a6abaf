import asyncio
import errno
import json
import os
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
import uvloop

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.signer import frames
from jarvis.signer.client import SignerClient
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.process import peer_uid
from jarvis.signer.records import SealVerdict
from jarvis.signer.server import SignerServer as OneThread
from jarvis.signer.server import SocketPlaceError
from jarvis.venues.base import RequestSigner
from tests.signer.canary import scan
from tests.signer.inprocess import MASTER_KEY, WIDE, made_up_key
from tests.signer.test_operations import ENTRY

KEY, SECRET = made_up_key("server")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class SignerServer(OneThread):
    """The server in a thread of its own, as it has a process of its own when it is installed."""

    async def start(self) -> None:
        self.listen()
        self._thread = threading.Thread(target=self.serve)
        self._thread.start()

    async def end(self) -> None:
        self.stop()
        await asyncio.to_thread(self._thread.join, 10)
        assert not self._thread.is_alive()


@pytest.fixture
def core() -> SigningCore:
    return SigningCore(MASTER_KEY, time.time_ns, None)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Short: the path of a Unix socket has about a hundred bytes.
    folder = Path(f"/tmp/jarvis-test-{os.getpid()}-{time.monotonic_ns()}")  # noqa: S108
    yield folder / "signer.sock"
    for path in sorted(folder.glob("**/*"), reverse=True):
        path.unlink()
    if folder.exists():
        folder.rmdir()


@pytest.fixture
async def server(core: SigningCore, place: Path) -> AsyncIterator[SignerServer]:
    server = SignerServer(core, place)
    await server.start()
    yield server
    await server.end()


@pytest.fixture
async def client(server: SignerServer, place: Path) -> AsyncIterator[SignerClient]:
    async with SignerClient(place, patience=0.3) as client:
        yield client


async def sealed_by(client: SignerClient, account: str = "ada") -> Credential:
    row = Credential(AccountId(account), VenueName("kraken"), CredentialId("c"), Environment.SANDBOX, b"", 2)
    sealed = await client.seal(
        account_id=account,
        venue="kraken",
        credential_id="c",
        environment=Environment.SANDBOX,
        api_key=KEY,
        secret=SECRET,
        revision=2,
    )
    row = replace(row, sealed=sealed)
    return replace(row, policy=await client.seal_policy(row, WIDE))


async def test_a_key_is_sealed_shown_and_used_over_the_socket(client: SignerClient) -> None:
    credential = await sealed_by(client)

    signer: RequestSigner = client.bound(credential, 3)
    request = await signer.sign("AddOrder", ENTRY)
    health = await client.ping()

    assert (request.method, request.path) == ("POST", "/0/private/AddOrder")
    assert request.headers["API-Key"] == KEY
    assert request.body.startswith(b"nonce=")
    assert await client.public_id(credential) == f"{KEY[:4]}…{KEY[-4:]}"
    assert len((await client.identify(credential)).fingerprint) == 32
    assert (health.signed, health.refused, health.security_events) == (1, 0, 0)


async def test_refusals_arrive_as_permission_errors_with_their_code(client: SignerClient) -> None:
    credential = await sealed_by(client)
    await client.sign(credential, 5, "Balance", {})

    for fence, operation, code in ((5, "Withdraw", "operation"), (4, "Balance", "stale_fence")):
        with pytest.raises(PermissionError) as refusal:
            await client.sign(credential, fence, operation, {})
        assert isinstance(refusal.value, SignerRefused)
        assert refusal.value.code == code
    with pytest.raises(SignerRefused, match="leverage is missing"):
        await client.sign(credential, 5, "AddOrder", {k: v for k, v in ENTRY.items() if k != "leverage"})
    assert (await client.ping()).security_events == 1


async def test_swapped_fields_arrive_as_invalid_secret_without_the_values(client: SignerClient) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        await client.seal(
            account_id="ada",
            venue="kraken",
            credential_id="c",
            environment=Environment.LIVE,
            api_key=SECRET,
            secret=KEY,
        )

    assert refusal.value.code == "swapped"
    assert not scan([str(refusal.value)], {"key": KEY, "secret": SECRET})


async def test_a_bytearray_with_a_secret_stays_the_callers(client: SignerClient) -> None:
    secret = bytearray(SECRET.encode())

    sealed = await client.seal(
        account_id="ada",
        venue="kraken",
        credential_id="c",
        environment=Environment.LIVE,
        api_key=bytearray(KEY.encode()),
        secret=secret,
    )

    assert sealed.startswith(b"j1.")
    assert secret == SECRET.encode()


async def test_many_requests_at_once_get_their_own_answers(client: SignerClient) -> None:
    credentials = [await sealed_by(client, f"account-{number}") for number in range(5)]
    wishes = [(credential, f"id{number}") for number in range(20) for credential in credentials]

    requests = await asyncio.gather(
        *(client.sign(credential, 1, "OpenOrders", {"cl_ord_id": name}) for credential, name in wishes)
    )

    assert [request.body.rpartition(b"=")[2].decode() for request in requests] == [name for _, name in wishes]
    nonces = [int(request.body.partition(b"=")[2].partition(b"&")[0]) for request in requests]
    assert len(set(nonces)) == len(nonces)


async def test_a_cancelled_request_does_not_give_its_answer_to_the_next_one(client: SignerClient) -> None:
    credential = await sealed_by(client)

    for _ in range(20):
        given_up = asyncio.create_task(client.sign(credential, 1, "OpenOrders", {"cl_ord_id": "given-up"}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        given_up.cancel()
        request = await client.sign(credential, 1, "OpenOrders", {"cl_ord_id": "wanted"})
        assert request.body.endswith(b"=wanted")


async def test_a_signer_that_is_not_there_is_a_connection_error(place: Path) -> None:
    async with SignerClient(place, patience=0.1) as client:
        with pytest.raises(ConnectionError) as refusal:
            await client.ping()

    assert isinstance(refusal.value, SignerUnavailable)


async def test_a_restarted_signer_is_found_again(core: SigningCore, place: Path) -> None:
    first = SignerServer(core, place)
    await first.start()
    async with SignerClient(place, patience=3) as client:
        credential = await sealed_by(client)
        await first.end()
        asking = asyncio.create_task(client.sign(credential, 1, "Balance", {}))
        await asyncio.sleep(0.1)
        second = SignerServer(core, place)
        await second.start()

        request = await asking

    await second.end()
    assert request.path == "/0/private/Balance"


async def test_a_socket_left_behind_by_a_killed_signer_is_replaced(core: SigningCore, place: Path) -> None:
    place.parent.mkdir(mode=0o700)
    left = socket.socket(socket.AF_UNIX)
    left.bind(os.fspath(place))
    left.close()

    server = SignerServer(core, place)
    await server.start()

    async with SignerClient(place) as client:
        assert (await client.ping()).process_id == os.getpid()
    await server.end()
    assert os.listdir(place.parent) == []  # noqa: PTH208 - a path's own methods count as blocking here


@pytest.mark.usefixtures("server")
async def test_the_socket_and_its_folder_are_private(place: Path) -> None:
    modes = [os.stat(path).st_mode & 0o777 for path in (place, place.parent)]  # noqa: PTH116 - as above

    assert modes == [0o600, 0o700]


async def test_a_second_server_does_not_take_the_place_of_a_living_one(
    core: SigningCore, client: SignerClient, place: Path
) -> None:
    with pytest.raises(SocketPlaceError, match="answers already"):
        await SignerServer(core, place).start()

    assert (await client.ping()).process_id == os.getpid()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
async def test_a_folder_that_others_can_enter_is_refused(mode: int, core: SigningCore, place: Path) -> None:
    place.parent.mkdir()
    place.parent.chmod(mode)

    with pytest.raises(SocketPlaceError, match="chmod 700"):
        await SignerServer(core, place).start()


async def test_a_path_too_long_for_a_socket_is_refused_with_the_reason(core: SigningCore, tmp_path: Path) -> None:
    with pytest.raises(SocketPlaceError, match="longer than"):
        await SignerServer(core, tmp_path / ("x" * 100) / "signer.sock").start()


async def test_a_process_of_another_user_gets_no_answer(core: SigningCore, place: Path) -> None:
    server = SignerServer(core, place, allowed_uid=os.geteuid() + 1)
    await server.start()

    async with SignerClient(place, patience=0.1) as client:
        with pytest.raises(SignerUnavailable):
            await client.ping()

    await server.end()


def test_the_kernel_tells_the_peers_user() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)

    assert peer_uid(ours) == os.geteuid()
    ours.close()
    theirs.close()


async def one_frame(reader: asyncio.StreamReader) -> dict[str, object]:
    head_size, bytes_size = struct.unpack(">II", await reader.readexactly(8))
    head = json.loads((await reader.readexactly(head_size)).rpartition(b"\n")[2])
    await reader.readexactly(bytes_size)
    assert isinstance(head, dict)
    return head


@asynccontextmanager
async def standing_in(place: Path, talk: Talk) -> AsyncIterator[None]:
    """Somebody else at the signer's place, who talks like this."""
    place.parent.mkdir(mode=0o700)
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, place)
    yield
    server.close()
    await server.wait_closed()
    await asyncio.gather(*talks)


def framed(head: bytes, beside: bytes = b"") -> bytes:
    return struct.pack(">II", len(head), len(beside)) + head + beside


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">II", frames.MAX_HEAD + 1, 0),
        struct.pack(">II", 2, frames.MAX_BYTES + 1) + b"{}",
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
        framed(b"not json"),
        framed(b"[]"),
        framed(b"\xff\xfe"),
        framed(b"[" * 60_000),
        framed(b'{"do":"ping"}')[:-3],
    ],
)
async def test_nonsense_ends_the_connection_and_nothing_else(
    nonsense: bytes, client: SignerClient, place: Path
) -> None:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(nonsense)
    writer.write_eof()

    answer = await reader.read()

    writer.close()
    assert answer == b""
    assert (await client.ping()).signed == 0


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"do": "open"},
        {"do": ["sign"]},
        {"do": "sign"},
        {"do": "sign", "parameters": []},
        {"do": "sign", "parameters": {"volume": 1.5}},
        {"do": "sign", "parameters": {}, "account_id": "a", "venue": "kraken", "credential_id": "c"},
        {"do": "identify", "account_id": 5},
        {"do": "seal", "account_id": "a", "venue": "kraken", "credential_id": "c", "environment": "moon"},
        {"do": "seal", "key_size": -1, "secret_size": 5},
        {"do": "seal", "key_size": True, "secret_size": 5},
    ],
    ids=json.dumps,
)
async def test_a_request_of_another_shape_is_refused_and_the_connection_stays(
    head: dict[str, object], server: SignerServer, place: Path
) -> None:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(framed(json.dumps(head).encode()))
    refused = await one_frame(reader)
    writer.write(framed(b'{"do":"ping"}'))
    answered = await one_frame(reader)
    writer.close()

    assert (refused["error"], refused["code"]) == ("refused", "malformed")
    assert answered["process_id"] == os.getpid()


async def test_a_fault_inside_says_its_kind_and_place_and_no_value(
    client: SignerClient, core: SigningCore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    credential = await sealed_by(client)

    def broken(*_: object) -> None:
        raise RuntimeError(f"with {SECRET} in its text")

    monkeypatch.setattr(core, "sign", broken)
    with pytest.raises(SignerUnavailable, match="the signer failed") as refusal:
        await client.sign(credential, 1, "Balance", {})

    told = capfd.readouterr().err
    assert "signer_failed kind=RuntimeError place=test_server.py:" in told
    assert not scan([told, str(refusal.value)], {"secret": SECRET})


async def test_a_request_too_long_for_a_frame_is_refused_before_it_is_sent(client: SignerClient) -> None:
    credential = await sealed_by(client)

    with pytest.raises(SignerRefused) as refusal:
        await client.sign(credential, 1, "AddOrder", {"volume": "1" * frames.MAX_HEAD})

    assert refusal.value.code == "malformed"


@pytest.mark.parametrize("answer", [framed(b"{}"), framed(b'{"process_id":"x"}'), framed(b"[]"), b"", b"nonsense"])
async def test_an_answer_that_cannot_be_read_is_a_connection_error(answer: bytes, place: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_frame(reader)
        writer.write(answer)
        await writer.drain()

    credential = Credential(AccountId("a"), VenueName("kraken"), CredentialId("c"), Environment.LIVE, b"j1.")

    async with standing_in(place, talk), SignerClient(place, patience=0.05) as client:
        for asking in (client.ping(), client.identify(credential), client.sign(credential, 1, "Balance", {})):
            with pytest.raises(SignerUnavailable):
                await asking


async def test_text_that_is_not_even_unicode_is_a_malformed_key(client: SignerClient) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        await client.seal(
            account_id="ada",
            venue="kraken",
            credential_id="c",
            environment=Environment.LIVE,
            api_key="\udc80" + KEY,
            secret=SECRET,
        )

    assert refusal.value.code == "malformed_key"


async def test_a_request_given_up_at_any_moment_leaves_the_next_ones_alone(
    client: SignerClient, server: SignerServer
) -> None:
    credential = await sealed_by(client)

    for turns in range(12):
        given_up = asyncio.create_task(client.sign(credential, 1, "OpenOrders", {"cl_ord_id": "given-up"}))
        waiting = [
            asyncio.create_task(client.sign(credential, 1, "OpenOrders", {"cl_ord_id": f"wanted-{number}"}))
            for number in range(3)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        given_up.cancel()
        requests = await asyncio.gather(*waiting)
        assert [request.body.rpartition(b"-")[2] for request in requests] == [b"0", b"1", b"2"]


async def test_requests_sent_in_one_go_are_answered_in_their_order(server: SignerServer, place: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(place)

    writer.write(framed(b'{"do":"ping"}') + framed(b'{"do":"dance"}') + framed(b'{"do":"ping"}'))
    answers = [await one_frame(reader) for _ in range(3)]

    writer.close()
    assert ["error" in answer for answer in answers] == [False, True, False]


async def test_an_asker_that_reads_nothing_is_not_read_either_and_loses_no_answer(
    client: SignerClient, server: SignerServer, place: Path
) -> None:
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(str(place))
    asking.setblocking(False)
    one = framed(b'{"do":"ping"}')
    sent = 0
    async with asyncio.timeout(20):
        while not any(each._unsent for each in server._open):
            with suppress(BlockingIOError):
                sent += asking.send((one * 100)[sent % len(one) :])
            await asyncio.sleep(0)

    (connection,) = [each for each in server._open if each._unsent]
    held = len(connection._unsent)
    others = await client.ping()
    answers = 0
    reader, writer = await asyncio.open_unix_connection(sock=asking)
    for _ in range(sent // len(one)):
        answers += "process_id" in await one_frame(reader)

    writer.close()
    await writer.wait_closed()
    assert others.process_id == os.getpid()
    assert 0 < held < 70_000
    assert answers == sent // len(one)


async def test_more_connections_than_allowed_are_closed(
    client: SignerClient, server: SignerServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis.signer.server._MAX_CONNECTIONS", 1)
    await client.ping()

    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(framed(b'{"do":"ping"}'))
    told = b""
    with suppress(ConnectionError):
        told = await reader.read()

    writer.close()
    assert told == b""
    assert (await client.ping()).process_id == os.getpid()


async def test_without_descriptors_the_signer_takes_connections_again_after_a_while(
    server: SignerServer, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jarvis.signer.server._PAUSE_SECONDS", 0.2)
    real, refused = server._listening, 0

    class Full:
        """A listening socket whose process has no descriptors left."""

        fileno = real.fileno

        def accept(self) -> None:
            nonlocal refused
            refused += 1
            server._listening = real
            raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(server, "_listening", Full())
    begun = time.monotonic()
    async with SignerClient(place) as client:
        await client.ping()

    assert time.monotonic() - begun > 0.15
    assert refused == 1
    assert "signer_failed kind=OSError" in capfd.readouterr().err


async def test_a_fault_of_one_connection_ends_it_and_not_the_signer(
    client: SignerClient, server: SignerServer, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server._answers, "to", lambda *_: 1 / 0)
        reader, writer = await asyncio.open_unix_connection(place)
        writer.write(framed(b'{"do":"ping"}'))
        told = await reader.read()
        writer.close()

    assert told == b""
    assert (await client.ping()).process_id == os.getpid()
    assert "signer_failed kind=ZeroDivisionError" in capfd.readouterr().err


async def test_a_server_that_nobody_wants_any_more_ends_by_itself(core: SigningCore, place: Path) -> None:
    server = SignerServer(core, place)
    wanted = [True]
    server.listen()
    serving = threading.Thread(target=server.serve, args=(lambda: wanted[0],))
    serving.start()
    async with SignerClient(place) as client:
        await client.ping()

        wanted.clear()
        wanted.append(False)
        await asyncio.to_thread(serving.join, 5)

    assert not serving.is_alive()
    assert not os.listdir(place.parent)  # noqa: PTH208 - a path's own methods count as blocking here
    server.stop()


async def test_a_credential_that_cannot_be_read_ends_the_connection(server: SignerServer, place: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(framed(b'{"account_id"\n{"do":"identify"}'))

    told = await reader.read()

    writer.close()
    assert told == b""


async def test_a_credential_read_before_is_checked_as_strictly_again(client: SignerClient) -> None:
    ours, theirs = await sealed_by(client, "ada"), await sealed_by(client, "bob")
    for credential in (ours, theirs, ours):
        await client.sign(credential, 7, "Balance", {})

    for credential, fence, code in (
        (ours, 6, "stale_fence"),
        (replace(ours, sealed=theirs.sealed), 7, "broken_seal"),
        (replace(ours, revision=3), 7, "stale_revision"),
    ):
        for _ in range(2):
            with pytest.raises(SignerRefused) as refusal:
                await client.sign(credential, fence, "Balance", {})
            assert refusal.value.code == code


async def test_only_credentials_of_a_sensible_length_are_remembered(client: SignerClient, server: SignerServer) -> None:
    credential = await sealed_by(client)
    await client.sign(credential, 1, "Balance", {})

    with pytest.raises(SignerRefused):
        await client.identify(replace(credential, sealed=b"j1." + b"x" * 20_000))

    assert len(server._answers._credentials) == 2  # before and after its policy was sealed


ANSWER = framed(
    json.dumps({"process_id": 1, "signed": 0, "refused": 0, "security_events": 0}).encode(),
)


@pytest.mark.parametrize(
    "told", [(ANSWER + ANSWER, b""), (ANSWER, ANSWER)], ids=["with the answer", "after the answer"]
)
async def test_an_answer_that_nobody_asked_for_is_never_taken_for_one(told: tuple[bytes, bytes], place: Path) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        this = connections
        while True:
            await one_frame(reader)
            for part in told if this == 1 else (ANSWER.replace(b" 1,", b" 2,"),):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)

    async with standing_in(place, talk), SignerClient(place, patience=0.5) as client:
        await client.ping()
        await asyncio.sleep(0.05)
        second = await client.ping()

    assert (second.process_id, connections) == (2, 2)


async def test_a_silent_signer_is_given_up_after_a_while(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis.signer.client.ANSWER_WITHIN_SECONDS", 0.05)

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with standing_in(place, hear), SignerClient(place, patience=0.01) as client:
        with pytest.raises(SignerUnavailable):
            await client.ping()


async def test_a_request_that_is_no_text_is_refused_before_it_is_sent(client: SignerClient) -> None:
    credential = await sealed_by(client)

    with pytest.raises(SignerRefused) as refusal:
        await client.sign(credential, 1, "OpenOrders", {"cl_ord_id": "\udc80"})

    assert refusal.value.code == "malformed"


def test_client_and_server_work_on_the_installed_loop_too(core: SigningCore, place: Path) -> None:
    async def ask() -> int:
        server = SignerServer(core, place)
        await server.start()
        async with SignerClient(place) as client:
            credential = await sealed_by(client)
            given_up = asyncio.create_task(client.sign(credential, 1, "Balance", {}))
            await asyncio.sleep(0)
            given_up.cancel()
            for _ in range(3):
                await client.sign(credential, 1, "Balance", {})
            signed = (await client.ping()).signed
        await server.end()
        return signed

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        signed = runner.run(ask())

    assert signed >= 3


async def test_a_code_is_checked_over_the_socket(client: SignerClient) -> None:
    app = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")

    sealed = await client.seal_seed(user_id="ada", seed=b"12345678901234567890")

    assert await client.match_code(user_id="ada", sealed=sealed, code=app.at(90), now_seconds=95) == 3
    assert await client.match_code(user_id="ada", sealed=sealed, code="000000", now_seconds=95) is None
    with pytest.raises(SignerRefused):
        await client.match_code(user_id="bob", sealed=sealed, code=app.at(90), now_seconds=95)
    with pytest.raises(SignerRefused):
        await client.match_code(user_id="ada", sealed=b"nonsense", code="000000")


async def test_the_audit_is_countersigned_over_the_socket(client: SignerClient) -> None:
    chain_hash = bytes(range(32))

    seal = await client.seal_audit(4, chain_hash)

    assert await client.check_audit_seal(4, chain_hash, seal) is SealVerdict.GOOD
    assert await client.check_audit_seal(5, chain_hash, seal) is SealVerdict.BAD
    assert await client.audit_mark() == 4
    with pytest.raises(SignerRefused):
        await client.seal_audit(3, chain_hash)
