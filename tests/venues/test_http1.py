"""Our own HTTP client against servers of this machine that talk badly, slowly, too much or not at all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jarvis.venues import http1
from jarvis.venues.http1 import Answer, AnswerBrokenError, HttpClient, NothingSentError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MOST = 64 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """What arrived, over how many connections."""

    def __init__(self) -> None:
        self.address = ""
        self.connections = 0
        self.closed = 0
        self.requests: list[bytes] = []


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = sum(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
    return head + await reader.readexactly(size)


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server whose connections each talk like this."""
    told = Server()
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        told.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await talk(reader, writer)
        told.closed += 1
        writer.close()
        with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    told.address = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield told
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def answering(*answers: bytes, requests: list[bytes] | None = None) -> Talk:
    """Each request is answered by all of these bytes, in so many pieces."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            if requests is not None:
                requests.append(request)
            for part in answers:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.002 if len(answers) > 1 else 0)

    return talk


def once(answer: bytes) -> Talk:
    """One request is answered, and the connection closed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    return talk


@asynccontextmanager
async def client_of(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpClient]:
    client = HttpClient([server.address], user_agent="us/1", connect_seconds=2, max_body_bytes=MOST, tls=tls)
    try:
        yield client
    finally:
        await client.close()


async def ask(client: HttpClient, server: Server, body: bytes = b"a=1", seconds: float = 5) -> Answer:
    return await client.request("POST", f"{server.address}/path?q=1", {"X-Key": "k"}, body, seconds)


async def asked(talk: Talk, seconds: float = 5) -> Answer:
    async with serving(talk) as server, client_of(server) as client:
        return await ask(client, server, seconds=seconds)


async def test_a_request_arrives_as_it_was_meant() -> None:
    requests: list[bytes] = []

    async with serving(answering(OK, requests=requests)) as server, client_of(server) as client:
        assert await ask(client, server) == (200, {"content-length": "2"}, b"ok")
        await client.request("GET", f"{server.address}/", {"User-Agent": "them/2"}, b"", 5)
        await client.request("POST", server.address, {}, b"", 5)

    host = server.address.removeprefix("http://").encode()
    common = b"Host: " + host + b"\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
    assert requests == [
        b"POST /path?q=1 HTTP/1.1\r\n" + common + b"X-Key: k\r\nUser-Agent: us/1\r\nContent-Length: 3\r\n\r\na=1",
        b"GET / HTTP/1.1\r\n" + common + b"User-Agent: them/2\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + common + b"User-Agent: us/1\r\nContent-Length: 0\r\n\r\n",
    ]


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/a b", {}),
        ("GET", "/a\r\nX: y", {}),
        ("GET", "/a\n", {}),
        ("GET", "/ä", {}),
        ("GET /x HTTP/1.1\r\nA: ", "/", {}),
        ("get", "/", {}),
        ("", "/", {}),
        ("GET", "/", {"A": "b\r\nC: d"}),
        ("GET", "/", {"A": "b\n"}),
        ("GET", "/", {"A": "b\0"}),
        ("GET", "/", {"A": "b\x7f"}),
        ("GET", "/", {"A": "b\u2028"}),
        ("OPTIONS", "/", {}),
        ("GET", "/", {"A": "ä"}),
        ("GET", "/", {"A\r\nB": "c"}),
        ("GET", "/", {"A: b\r\nC": "d"}),
        ("GET", "/", {"A ": "b"}),
        ("GET", "/", {"": "b"}),
        ("GET", "/", {"Host": "elsewhere"}),
        ("POST", "/", {"content-length": "0"}),
        ("POST", "/", {"Transfer-Encoding": "chunked"}),
    ],
)
async def test_what_would_be_another_request_is_not_sent(method: str, target: str, headers: dict[str, str]) -> None:
    async with serving(answering(OK)) as server, client_of(server) as client:
        with pytest.raises(NothingSentError):
            await client.request(method, server.address + target, headers, b"", 5)

        assert server.connections == 0


async def test_a_name_that_was_good_once_stays_good_and_no_other_does() -> None:
    async with serving(answering(OK)) as server, client_of(server) as client:
        for _ in range(2):
            await ask(client, server)
            for name in ("X-Key\r\nX", "host", "X Key"):
                with pytest.raises(NothingSentError):
                    await client.request("GET", f"{server.address}/", {"X-Key": "k", name: "v"}, b"", 5)

        assert server.connections == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://known@127.0.0.1:1/", "http://127.0.0.1:1?a=/", "x"])
async def test_nothing_goes_to_an_address_that_is_not_known(url: str) -> None:
    client = HttpClient(["http://127.0.0.1:1"], user_agent="us/1", connect_seconds=2, max_body_bytes=MOST)

    with pytest.raises(NothingSentError, match="not one of the venue's addresses"):
        await client.request("GET", url, {}, b"", 5)


async def test_a_closed_client_sends_nothing() -> None:
    async with serving(answering(OK)) as server, client_of(server) as client:
        await client.close()
        with pytest.raises(NothingSentError):
            await ask(client, server)

        assert server.connections == 0


async def test_an_answer_may_come_byte_by_byte() -> None:
    answer = b"HTTP/1.1 404 Not\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\n\r\ngone"

    got = await asked(answering(*(bytes([byte]) for byte in answer)))

    assert got == (404, {"x-a": "1, 2", "content-length": "4"}, b"gone")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((CHUNKED + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",), b"abcde"),
        ((CHUNKED + b"2\r", b"\nab\r\n3;x=y\r\nc", b"de\r\n0\r", b"\nTrailer: t\r\n\r\n"), b"abcde"),
        ((CHUNKED + b"0\r\n\r\n",), b""),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), b""),
    ],
)
async def test_answers_end_where_they_say_and_the_connection_is_kept(pieces: tuple[bytes, ...], body: bytes) -> None:
    async with serving(answering(*pieces)) as server, client_of(server) as client:
        assert (await ask(client, server))[2] == body
        assert (await ask(client, server))[2] == body

        assert server.connections == 1


@pytest.mark.parametrize(
    "note", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2]
)
async def test_notes_before_the_answer_are_no_answer(note: bytes) -> None:
    assert await asked(answering(note + OK)) == (200, {"content-length": "2"}, b"ok")
    assert await asked(answering(note, OK)) == (200, {"content-length": "2"}, b"ok")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab\r\n",
        CHUNKED + b"2\r\nabXX0\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nwithout an end",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n" + OK,
        b"HTTP/2 200\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_half_an_answer_or_nonsense_is_a_broken_answer(broken: bytes) -> None:
    async with serving(once(broken)) as server, client_of(server) as client:
        with pytest.raises(AnswerBrokenError):
            await ask(client, server)

        assert server.connections == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 502 Bad\r\nX-A: 1\r\n\r\n"])
async def test_an_answer_that_does_not_state_its_end_is_not_waited_for(head: bytes) -> None:
    with pytest.raises(AnswerBrokenError, match="ValueError"):
        await asked(answering(head + b"some of it"))


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", *[b"x" * 10_000] * 100),
        (CHUNKED, *[b"2710\r\n" + b"x" * 10_000 + b"\r\n"] * 100),
        (CHUNKED, *[b"1;" + b"y" * 10_000 + b"\r\nx\r\n"] * 100),
        (b"HTTP/1.1 200 OK\r\n", *[b"X-A: " + b"y" * 10_000 + b"\r\n"] * 10),
        (b"HTTP/1.1 200 " + b"y" * 70_000,),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,),
    ],
    ids=["length", "chunks", "chunk extensions", "headers", "reason", "one header", "notes"],
)
async def test_an_answer_that_is_too_long_is_not_read_to_its_end(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(AnswerBrokenError, match="ValueError"):
        await asked(answering(*pieces))


async def test_the_longest_answer_is_taken() -> None:
    body = b"x" * MOST

    assert (await asked(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST + body)))[2] == body


async def test_no_answer_in_time_is_a_broken_answer_and_ends_the_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        with suppress(ConnectionError, RuntimeError):  # uvloop's word for a closed one
            for byte in OK:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
        await reader.read()

    async with serving(talk) as server, client_of(server) as client:
        with pytest.raises(AnswerBrokenError, match="TimeoutError"):
            await ask(client, server, seconds=0.2)
        await until(lambda: server.closed == 1)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the other side is another task of this loop
            await asyncio.sleep(0.005)


async def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if not arrived.is_set():
            arrived.set()
            await reader.read()
        writer.write(OK)

    async with serving(talk) as server, client_of(server) as client:
        given_up = asyncio.create_task(ask(client, server))
        await arrived.wait()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await until(lambda: server.closed == 1)

        assert (await ask(client, server))[2] == b"ok"
        assert server.connections == 2


async def test_a_request_cancelled_with_its_answer_in_hand_leaves_no_connection_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complete = http1._Connection.on_message_complete

    def cancelling(connection: http1._Connection) -> None:
        complete(connection)
        asking.cancel()

    monkeypatch.setattr(http1._Connection, "on_message_complete", cancelling)

    async with serving(answering(OK)) as server, client_of(server) as client:
        asking = asyncio.create_task(ask(client, server))
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: server.closed == 1)

        assert not client._open


async def test_a_client_closed_while_it_connects_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[bytes] = []
    made = http1._Connection.connection_made

    def closing(connection: http1._Connection, transport: asyncio.BaseTransport) -> None:
        made(connection, transport)
        client._is_closed = True

    monkeypatch.setattr(http1._Connection, "connection_made", closing)

    async with serving(answering(OK, requests=requests)) as server, client_of(server) as client:
        with pytest.raises(NothingSentError):
            await ask(client, server)

    assert requests == []


async def test_closing_the_client_tells_who_waits() -> None:
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()

    async with serving(talk) as server, client_of(server) as client:
        waiting = asyncio.create_task(ask(client, server))
        await arrived.wait()
        await client.close()

        with pytest.raises(AnswerBrokenError):
            await waiting


async def test_a_kept_connection_that_dies_under_a_request_is_a_doubt_and_nothing_is_sent_again() -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)
        seen.append(await read_request(reader))
        assert writer.transport is not None
        writer.transport.abort()

    async with serving(talk) as server, client_of(server) as client:
        await ask(client, server, b"n=1")
        with pytest.raises(AnswerBrokenError):
            await ask(client, server, b"n=2")

        assert [request[-3:] for request in seen] == [b"n=1", b"n=2"]
        assert server.connections == 1


async def test_a_connection_that_was_closed_while_it_was_kept_is_not_used() -> None:
    async with serving(once(OK)) as server, client_of(server) as client:
        await ask(client, server)
        await until(lambda: server.closed == 1)
        await asyncio.sleep(0.02)

        assert (await ask(client, server))[2] == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
        OK + b"H",
        OK + b"nonsense",
    ],
)
async def test_a_connection_that_says_more_or_its_end_is_not_used_again(answer: bytes) -> None:
    async with serving(answering(answer)) as server, client_of(server) as client:
        assert (await ask(client, server))[2] == b"ok"
        assert (await ask(client, server))[2] == b"ok"

        assert server.connections == 2


async def test_what_nobody_asked_for_ends_a_kept_connection() -> None:
    talks = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal talks
        talks += 1
        mark = b"%02d" % talks
        await read_request(reader)
        writer.write(OK[:-2] + mark)
        await asyncio.sleep(0.02)
        writer.write(OK[:-2] + b"!!")
        await reader.read()

    async with serving(talk) as server, client_of(server) as client:
        assert (await ask(client, server))[2] == b"01"
        await until(lambda: server.closed == 1)
        assert (await ask(client, server))[2] == b"02"


async def test_no_request_waits_for_the_answer_of_another() -> None:
    waiting = asyncio.Barrier(20)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            await waiting.wait()
            writer.write(OK[:-2] + request[-2:])

    async with serving(talk) as server, client_of(server) as client:
        answers = await asyncio.gather(*(ask(client, server, b"%02d" % number) for number in range(20)))

        assert [body for _, _, body in answers] == [b"%02d" % number for number in range(20)]
        assert server.connections == 20


async def test_only_so_many_connections_are_kept_and_none_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "_KEPT_CONNECTIONS", 3)

    async with serving(answering(OK)) as server, client_of(server) as client:
        await asyncio.gather(*(ask(client, server) for _ in range(8)))
        await until(lambda: server.closed == server.connections - 3)
        opened = server.connections
        await asyncio.gather(*(ask(client, server) for _ in range(3)))
        assert server.connections == opened

        monkeypatch.setattr(http1, "KEPT_SECONDS", 0)
        await ask(client, server)
        assert server.connections == opened + 1
        await until(lambda: server.closed == server.connections)


async def test_a_connection_refused_sends_nothing() -> None:
    async with serving(answering(OK)) as server:
        pass
    async with client_of(server) as client:
        with pytest.raises(NothingSentError, match="could not connect: ConnectionRefusedError"):
            await ask(client, server)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS under a certificate that it signed itself, and the file with that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path = folder / "key.pem"
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    requests: list[bytes] = []
    theirs, _ = certificate(tmp_path)

    async with serving(answering(OK, requests=requests), theirs) as server, client_of(server) as client:
        with pytest.raises(NothingSentError, match="SSLCertVerificationError"):
            await ask(client, server)

    assert requests == []


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    theirs, path = certificate(tmp_path, "127.0.0.2")
    ours = ssl.create_default_context(cafile=str(path))

    async with serving(answering(OK), theirs) as server, client_of(server, ours) as client:
        with pytest.raises(NothingSentError, match="SSLCertVerificationError"):
            await ask(client, server)


async def test_requests_go_through_tls_over_one_connection(tmp_path: Path) -> None:
    theirs, path = certificate(tmp_path)
    ours = ssl.create_default_context(cafile=str(path))

    async with serving(answering(OK), theirs) as server, client_of(server, ours) as client:
        assert (await ask(client, server))[2] == b"ok"
        assert (await ask(client, server))[2] == b"ok"

        assert server.connections == 1


async def test_a_server_that_does_not_shake_hands_in_time_was_sent_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(talk) as server:
        server.address = server.address.replace("http", "https")
        async with client_of(server) as client:
            with pytest.raises(NothingSentError, match="could not connect: TimeoutError"):
                await ask(client, server, seconds=0.1)


@pytest.mark.parametrize(
    "test",
    [
        test_a_request_arrives_as_it_was_meant,
        test_an_answer_may_come_byte_by_byte,
        test_no_answer_in_time_is_a_broken_answer_and_ends_the_connection,
        test_a_cancelled_request_takes_its_connection_with_it,
        test_closing_the_client_tells_who_waits,
        test_a_kept_connection_that_dies_under_a_request_is_a_doubt_and_nothing_is_sent_again,
        test_a_connection_that_was_closed_while_it_was_kept_is_not_used,
        test_what_nobody_asked_for_ends_a_kept_connection,
        test_no_request_waits_for_the_answer_of_another,
        test_a_connection_refused_sends_nothing,
        test_a_server_that_does_not_shake_hands_in_time_was_sent_nothing,
    ],
)
def test_it_is_the_same_on_the_loop_that_workers_run_on(test: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())


@pytest.mark.parametrize(
    "test",
    [
        test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent,
        test_a_certificate_of_another_name_is_refused,
        test_requests_go_through_tls_over_one_connection,
    ],
)
def test_tls_is_the_same_there(test: Callable[[Path], Coroutine[None, None, None]], tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test(tmp_path))
