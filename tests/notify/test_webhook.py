import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jarvis.notify import AddressRefused, DeliveryFailed, GuardedPost, WebAddress, is_public

NAME = "hooks.example.org"

ODD_SPELLINGS = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://127.0.0.0x1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00::1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xA9FEA9FE/",
    "https://169.254.43518/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://hooks.example.org./",
    "https://hooks..example.org/",
    "https://.example.org/",
    "https://user@hooks.example.org/",
    "https://user:word@hooks.example.org/",
    "https://hooks.example.org@127.0.0.1/",
    "https://127.0.0.1\\@hooks.example.org/",
    "https://hooks.example.org\\@127.0.0.1/",
    "https:\\\\hooks.example.org/",
    "https:/hooks.example.org/",
    "https:hooks.example.org/",
    "//hooks.example.org/",
    "hooks.example.org",
    "https://",
    "https:///",
    "https:///hooks.example.org/",
    "https://hooks.example.org#@127.0.0.1/",
    "https://hooks.example.org/#fragment",
    "https://127.0.0.1#.example.org/",
    "https://127.0.0.1?.example.org/",
    "https://hooks.example.org:22/",
    "https://hooks.example.org:6379/",
    "https://hooks.example.org:0443/",
    "https://hooks.example.org:/",
    "https://hooks.example.org:443:443/",
    "https://hooks.example.org:+443/",
    "https://hooks.example.org:65979/",
    "https://hooks.example.org:\u0664\u0664\u0663/",
    "https://hooks.ex\tample.org/",
    "https://hooks.example.org\t/",
    "https://hooks.example.org/\r\nHost: 127.0.0.1",
    "https://hooks.example.org\r\n@127.0.0.1/",
    " https://hooks.example.org/",
    "https://hooks.example.org/ ",
    "https://hooks.example.org/a b",
    "https://hooks.example.org\x00.127.0.0.1/",
    "https://hooks.example.org%00/",
    "https://%31%32%37.0.0.1/",
    "https://%6cocalhost/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://l\u24deocalhost.org/",
    "https://hooks.ex\u0430mple.org/",
    "https://hooks\u2024example\u2024org/",
    "https://hooks.example.org\uff0f.evil.org/",
    "https://hooks.exam\u00adple.org/",
    "https://hooks.example.org\u200b/",
    "https://\u212aelvin.example.org/",
    "https://hooks.example.\u017ft/",
    "ftp://hooks.example.org/",
    "file:///etc/passwd",
    "gopher://hooks.example.org:80/_x",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "http+unix://hooks.example.org/",
    "https://-hooks.example.org/",
    "https://hooks_.example.org/",
    "https://hooks.example.org/" + "a" * 500,
    "https://" + "a" * 64 + ".example.org/",
    "https://" + "abcdefgh." * 30 + "org/",
    "",
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1",
    "2606:4700::1%1",
    "4000::1",
    "no address",
    "",
    "127.1",
    "0177.0.0.1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "99.255.255.255", "100.63.255.255", "172.32.0.1", "198.20.0.1", "223.255.255.255"]
PUBLIC += ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1"]


@dataclass
class Receiver:
    """A receiver on this machine, and all that it was told."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    is_silent: bool = False


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            receiver.requests.append(head + await reader.readexactly(length))
            if receiver.is_silent:
                await asyncio.sleep(30)
            writer.write(receiver.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def names(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server that gives each answer once, and the last one from then on."""
    left = list(answers)

    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolver


def loopback(receiver: Receiver, **more: object) -> GuardedPost:
    options: dict[str, object] = {
        "plain_http": True,
        "resolver": names(["127.0.0.1"]),
        "allowed": lambda address: address == "127.0.0.1",
        "ports": frozenset({receiver.port}),
        **more,
    }
    return GuardedPost(**options)  # type: ignore[arg-type]


def url(receiver: Receiver, scheme: str = "http") -> str:
    return f"{scheme}://{NAME}:{receiver.port}/hook?key=1"


@pytest.mark.parametrize("text", ODD_SPELLINGS)
def test_an_odd_spelling_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        WebAddress.parse(text, plain_http=text.startswith("http:"))


def test_there_are_enough_spellings() -> None:
    assert len({*ODD_SPELLINGS}) >= 60


@pytest.mark.parametrize("spelling", ODD_SPELLINGS)
async def test_an_odd_spelling_resolves_and_dials_nothing(spelling: str) -> None:
    asked: list[str] = []

    async def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with pytest.raises(AddressRefused):
        await GuardedPost(resolver=resolver).send(spelling, {})

    assert asked == []


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://hooks.example.org", WebAddress(True, NAME, 443, "/")),
        ("HTTPS://Hooks.Example.ORG/Path", WebAddress(True, NAME, 443, "/Path")),
        ("https://hooks.example.org:8443/a/b?c=d&e=%20", WebAddress(True, NAME, 8443, "/a/b?c=d&e=%20")),
        ("https://hooks.example.org?a=b", WebAddress(True, NAME, 443, "/?a=b")),
        ("https://xn--bcher-kva.example/", WebAddress(True, "xn--bcher-kva.example", 443, "/")),
        ("https://a.xn--p1ai/x@y", WebAddress(True, "a.xn--p1ai", 443, "/x@y")),
    ],
)
def test_a_plain_address_is_taken_apart(text: str, parsed: WebAddress) -> None:
    assert WebAddress.parse(text) == parsed


def test_plain_http_needs_the_operators_word() -> None:
    with pytest.raises(AddressRefused, match="https"):
        WebAddress.parse("http://hooks.example.org/")

    assert WebAddress.parse("http://hooks.example.org/", plain_http=True).port == 80


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_that_leads_inside_is_not_dialled_even_beside_a_public_address(address: str) -> None:
    assert not is_public(address)
    for answer in ([address], ["1.1.1.1", address], [address, "1.1.1.1"]):
        with pytest.raises(AddressRefused, match="not on the public internet"):
            await GuardedPost(resolver=names(answer), seconds=1).send(f"https://{NAME}/", {})


@pytest.mark.parametrize("address", PUBLIC)
def test_places_of_the_public_internet_are_public(address: str) -> None:
    assert is_public(address)


async def test_a_name_server_that_changes_its_mind_gets_no_connection() -> None:
    async with receiving() as trap:
        ports = frozenset({trap.port})
        asked: list[str] = []

        async def rebinding(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return ["192.0.2.1"] if len(asked) % 2 else ["127.0.0.1"]

        checked = GuardedPost(
            plain_http=True,
            resolver=rebinding,
            allowed=lambda address: address == "192.0.2.1",  # stands for a public address that nobody answers at
            ports=ports,
            seconds=0.3,
        )
        with pytest.raises(DeliveryFailed):
            await checked.send(url(trap), {})
        assert len(asked) == 1
        with pytest.raises(AddressRefused):
            await checked.send(url(trap), {})

        assert len(asked) == 2
        assert trap.connections == 0


async def test_a_notice_arrives_as_json() -> None:
    async with receiving() as receiver:
        await loopback(receiver).send(url(receiver), {"kind": "key.connected", "message": "A “key”."})

    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?key=1 HTTP/1.1\r\n")
    assert f"Host: {NAME}:{receiver.port}".encode() in head
    assert b"Content-Type: application/json" in head
    assert body == b'{"kind":"key.connected","message":"A \\u201ckey\\u201d."}'


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
async def test_no_proxy_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        await loopback(receiver).send(url(receiver), {})

    assert (receiver.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        location = f"Location: http://127.0.0.1:{elsewhere.port}/\r\n"
        receiver.answer = f"HTTP/1.1 {status} Over there\r\n{location}\r\n".encode()

        with pytest.raises(DeliveryFailed, match=str(status)):
            await loopback(receiver).send(url(receiver), {})

    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 500 No\r\n\r\nsecret words of the receiver", "The receiver answered 500."),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "The receiver answered 404."),
        (b"HTTP/1.1 999 What\r\n\r\n", "does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200", "does not speak HTTP"),
        (b"", "does not speak HTTP"),
        (b"x" * 200_000, "does not speak HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n", "does not speak HTTP"),
    ],
)
async def test_another_answer_is_a_failure_in_our_own_words(answer: bytes, said: str) -> None:
    async with receiving() as receiver:
        receiver.answer = answer

        with pytest.raises(DeliveryFailed, match=said) as failure:
            await loopback(receiver).send(url(receiver), {})

    assert "secret" not in str(failure.value)


async def test_a_silent_receiver_is_given_up() -> None:
    async with receiving() as receiver:
        receiver.is_silent = True

        with pytest.raises(DeliveryFailed, match="No answer"):
            await loopback(receiver, seconds=0.2).send(url(receiver), {})


async def test_a_name_that_nobody_knows_is_a_failure() -> None:
    async def nobody(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    for resolver in (nobody, names([])):
        with pytest.raises(DeliveryFailed, match="not known"):
            await GuardedPost(resolver=resolver).send(f"https://{NAME}/", {})


async def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    trusting, right = certified(tmp_path, NAME)
    _, wrong = certified(tmp_path, "other.example.org", trusting)
    async with receiving(right) as receiver, receiving(wrong) as impostor:
        await loopback(receiver, tls=trusting).send(url(receiver, "https"), {})
        with pytest.raises(DeliveryFailed, match="certificate"):
            await loopback(impostor, tls=trusting).send(url(impostor, "https"), {})
        with pytest.raises(DeliveryFailed, match="certificate"):
            await loopback(receiver).send(url(receiver, "https"), {})

    assert len(receiver.requests) == 1
    assert impostor.requests == []


def certified(folder: Path, name: str, trusting: ssl.SSLContext | None = None) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A context that trusts a new certificate (besides what it trusts), and one that serves it for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    trusts = trusting or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusts.load_verify_locations(file)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(file)
    return trusts, serves
