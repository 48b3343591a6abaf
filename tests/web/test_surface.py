"""What an attacker on the network meets first: headers, proxies, TLS, reports, and no end of slow connections."""

import asyncio
import datetime as dt
import json
import os
import shutil
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from socket import create_connection, socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI, Request
from structlog.testing import capture_logs

from jarvis.config import Settings, SettingsError, load_settings
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.proxies import client_address
from jarvis.web.reports import MAX_REPORT_BYTES, directive_of
from jarvis.web.security import CONTENT_SECURITY_POLICY, WebSettings
from jarvis.web.server import Limits
from jarvis.web.tls import TlsError, server_context
from tests.web.client import ORIGIN, Browser
from tests.web.conftest import SaidConnector, Time
from tests.web.listening import Listening, listening
from tests.web.second_factor import Seeds

NOW = dt.datetime(2026, 11, 21, 14, 0, tzinfo=dt.UTC)
CANARY = "canaryT5nB8wK3"


# --- headers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "directive",
    [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "object-src 'none'",
        "frame-ancestors 'none'", "form-action 'self'", "require-trusted-types-for 'script'",
        "trusted-types jarvis-pieces", "report-uri /reports/csp",
    ],
)  # fmt: skip
def test_the_policy_says(directive: str) -> None:
    assert directive in CONTENT_SECURITY_POLICY.split("; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


async def test_the_api_carries_the_headers_as_the_pages_do(browser: Browser) -> None:
    for path in ("/api/v1/me", "/api/v1/openapi.json", "/api/v1/nowhere", "/reports/csp"):
        answer = await browser.get(path)

        assert answer.header("content-security-policy") == CONTENT_SECURITY_POLICY, path
        assert answer.header("cross-origin-resource-policy") == "same-origin", path
        assert answer.header("cache-control") == "no-store", path


async def test_an_address_with_what_cannot_be_typed_is_none_of_ours(owner: Browser) -> None:
    for path in ("/desk/a\x00b", "/api/v1/accounts/a\nb"):
        scope = owner.scope("GET", "/", {"sec-fetch-site": "same-origin"})
        scope["path"] = path
        answer = await _asked(owner, scope)

        assert answer == 404


async def _asked(person: Browser, scope: dict[str, object]) -> int:
    statuses: list[int] = []

    async def send(message: Mapping[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await person.app(scope, receive, send)
    return statuses[0]


# --- reports of the policy ---------------------------------------------------------------------------------------


def report(directive: str) -> bytes:
    return json.dumps(
        {"csp-report": {"effective-directive": directive, "blocked-uri": f"https://{CANARY}", "script-sample": CANARY}}
    ).encode()


async def send_report(browser: Browser, body: bytes) -> int:
    signs = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "content-type": "application/csp-report"}
    return (await browser.send("POST", "/reports/csp", signs, body)).status


async def test_a_report_is_counted_by_its_directive_and_nothing_else_is_kept(browser: Browser, time: Time) -> None:
    with capture_logs() as lines:
        assert await send_report(browser, report("img-src")) == 204
        assert await send_report(browser, report("script-src-elem")) == 204
        time.pass_by(dt.timedelta(minutes=2))
        assert await send_report(browser, report(CANARY)) == 204

    told = [line for line in lines if line["event"] == "csp_violations"]
    assert told[0]["img_src"] == 1
    assert (told[1]["script_src_elem"], told[1]["other"]) == (1, 1)
    assert CANARY not in repr(lines)


async def test_reports_are_small_few_and_come_from_our_own_pages(browser: Browser) -> None:
    assert await send_report(browser, b"x" * (MAX_REPORT_BYTES + 1)) == 413
    statuses = [await send_report(browser, report("img-src")) for _ in range(25)]
    elsewhere = await browser.send("POST", "/reports/csp", {"origin": "https://evil.example"}, report("img-src"))

    assert statuses[0] == 204
    assert statuses[-1] == 429
    assert elsewhere.status == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"csp-report": 7}', b'{"csp-report": {"effective-directive": {}}}', b"[" * 9000],
)
def test_what_is_no_report_is_counted_as_other(body: bytes) -> None:
    assert directive_of(body) == "other"


# --- who is asking, behind a proxy -------------------------------------------------------------------------------

PROXIES = (ip_network("10.0.0.0/24"), ip_network("fd00::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # nobody vouches for what a browser says of itself
        ("10.0.0.5", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.5", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # the first was written by the client
        ("10.0.0.5", ["6.6.6.6", "198.51.100.1, 10.0.0.7"], "198.51.100.1"),
        ("10.0.0.5", ["10.0.0.7"], "10.0.0.7"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["<script>"], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.1, nonsense"], "10.0.0.5"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.5", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_last_hop_that_is_not_ours_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


async def test_the_address_of_a_session_is_the_proxys_word_and_never_the_browsers(
    store: Store, time: Time, connector: SaidConnector
) -> None:
    settings = WebSettings(origins=("https://jarvis.example",), secure=True, trusted_proxies=PROXIES)
    app = create_app(settings, store, connector, seeds=Seeds(), now=time)
    seen: list[tuple[str, str, str]] = []

    @app.get("/seen")
    async def look(request: Request) -> dict[str, str]:
        assert request.client is not None
        seen.append((request.client.host, request.url.scheme, request.headers.get("x-forwarded-for", "")))
        return {}

    for peer in ("10.0.0.5", "203.0.113.9"):
        browser = Browser(app, origin="https://jarvis.example", address=peer)
        headers = {"x-forwarded-for": "6.6.6.6, 198.51.100.1", "x-forwarded-proto": "https"}
        assert (await browser.get("/seen", headers)).status == 200
    foreign_host = await browser.get("/seen", {"host": "evil.example", "x-forwarded-host": "jarvis.example"})

    assert seen == [("198.51.100.1", "https", ""), ("203.0.113.9", "http", "")]
    assert foreign_host.status == 403


# --- where a start is refused ------------------------------------------------------------------------------------


@dataclass
class Pair:
    certificate: Path
    key: Path


def certificate(folder: Path, name: str = "own", *, days: tuple[int, int] = (-1, 30)) -> Pair:
    """A certificate of our own making for 127.0.0.1, valid between these days from `NOW`."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jarvis")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + dt.timedelta(days=days[0]))
        .not_valid_after(NOW + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair


def test_a_certificate_that_fits_is_served_by_tls_of_today(tmp_path: Path) -> None:
    pair = certificate(tmp_path)

    context = server_context(pair.certificate, pair.key, NOW)

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_certificate_that_will_not_do_is_refused_with_the_settings_name(tmp_path: Path) -> None:
    good, other = certificate(tmp_path), certificate(tmp_path, "other")
    old, early = certificate(tmp_path, "old", days=(-30, -1)), certificate(tmp_path, "early", days=(1, 30))
    open_key = certificate(tmp_path, "open")
    open_key.key.chmod(0o644)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    garbage.chmod(0o600)

    for chain, key, words in (
        (good.certificate, other.key, "is not the key of"),
        (old.certificate, old.key, "ran out on 2026-11-20"),
        (early.certificate, early.key, "is good from 2026-11-22"),
        (open_key.certificate, open_key.key, "chmod 600"),
        (garbage, good.key, "holds no certificate"),
        (good.certificate, garbage, "no private key"),
        (tmp_path / "missing", good.key, "cannot read"),
        (good.certificate, tmp_path / "missing", "cannot read"),
    ):
        with pytest.raises(TlsError, match=words) as told:
            server_context(chain, key, NOW)
        assert "JARVIS_TLS_" in str(told.value)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )

    with pytest.raises(TlsError, match="without a password"):
        server_context(pair.certificate, pair.key, NOW)


def given(tmp_path: Path, **settings: object) -> Settings:
    return load_settings(data_dir=tmp_path / "data", master_key_file=tmp_path / "key", **settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "jarvis.example"])
def test_other_machines_are_not_listened_to_in_clear_unless_somebody_says_so(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="insecure_http"):
        given(tmp_path, web_host=host)

    assert given(tmp_path, web_host=host, insecure_http=True).is_secure is False
    assert given(tmp_path, web_host=host, trusted_proxies="10.0.0.2").proxies == (ip_network("10.0.0.2/32"),)


def test_a_certificate_makes_cookies_secure_by_itself_and_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="go together"):
        given(tmp_path, tls_certificate_file="/a.pem")

    assert given(tmp_path, web_host="0.0.0.0", tls_certificate_file="/a.pem", tls_key_file="/a.key").is_secure
    assert given(tmp_path, public_origins="https://jarvis.example").is_secure
    assert not given(tmp_path).is_secure


@pytest.mark.parametrize("proxies", ["everybody", "0.0.0.0/0", "::/0", "10.0.0.300"])
def test_a_proxy_is_named_by_its_address(tmp_path: Path, proxies: str) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        given(tmp_path, trusted_proxies=proxies)


# --- a real server -----------------------------------------------------------------------------------------------

QUICK = Limits(headers_within=2.0, body_within=2.0, connections=300, of_one_address=250)


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> str:
    path = tmp_path / "jarvis.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite+aiosqlite:///{path}"


async def plain_app(store: Store, host: str) -> FastAPI:
    return create_app(WebSettings(origins=(f"http://{host}",)), store, SaidConnector(store), seeds=Seeds())


@pytest.fixture
def served(database: str) -> Iterator[Listening]:
    with listening(database, plain_app, limits=QUICK) as server:
        yield server


def ask(connection: socket, port: int, *lines: str) -> None:
    head = "\r\n".join(["GET /about HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, "", ""])
    connection.sendall(head.encode())


def heard(connection: socket) -> bytes:
    """All that is said until the other side ends or is silent."""
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except TimeoutError:
        pass
    except ConnectionError:
        return said
    return said


def page(port: int, source: str = "127.0.0.1") -> bytes:
    with create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0)) as connection:
        ask(connection, port, "Connection: close")
        return heard(connection)


@pytest.mark.parametrize("source", ["127.0.0.2", "127.0.0.1"], ids=["from elsewhere", "from the same address"])
def test_an_honest_client_gets_its_page_while_two_hundred_are_slow(database: str, source: str) -> None:
    limits = Limits(headers_within=4.0, body_within=4.0, connections=300, of_one_address=250)
    with listening(database, plain_app, limits=limits) as served, ExitStack() as slow:
        connections = []
        for number in range(200):
            connection = slow.enter_context(
                create_connection(("127.0.0.1", served.port), timeout=5, source_address=(source, 0))
            )
            body = number % 2 == 0  # half of them trickle a body, half never end their headers
            length = "Content-Length: 5000\r\n\r\n" if body else ""
            connection.sendall(f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{length}".encode())
            connections.append(connection)

        began = dt.datetime.now(dt.UTC)
        assert b"What Jarvis promises" in page(served.port)
        assert dt.datetime.now(dt.UTC) - began < dt.timedelta(seconds=3)

        for _ in range(10):  # a trickle does not move the deadline
            for connection in connections:
                try:
                    connection.sendall(b"x")
                except OSError:
                    continue
            asyncio.run(asyncio.sleep(0.5))
        assert all(is_closed(connection) for connection in connections)
        assert b"What Jarvis promises" in page(served.port)


def is_closed(connection: socket) -> bool:
    connection.settimeout(0.5)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_a_connection_too_many_closes_the_one_that_has_waited_longest(database: str) -> None:
    with listening(database, plain_app, limits=Limits(connections=20, of_one_address=8)) as served, ExitStack() as held:
        slow = [
            held.enter_context(
                create_connection(("127.0.0.1", served.port), timeout=5, source_address=("127.0.0.2", 0))
            )
            for _ in range(30)
        ]

        assert b"What Jarvis promises" in page(served.port, "127.0.0.2")
        assert [is_closed(each) for each in slow].count(False) <= 8


def test_headers_have_a_size_and_a_number(served: Listening) -> None:
    for lines in (
        [f"X-Large: {'a' * 20_000}"],
        [f"X-{number}: a" for number in range(120)],
        [f"X-{'n' * 20_000}: a"],
    ):
        with create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            ask(connection, served.port, *lines)
            assert heard(connection).startswith(b"HTTP/1.1 431"), lines[0][:10]
    with create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"GET /" + b"a" * 20_000)
        assert heard(connection).startswith(b"HTTP/1.1 431")


def test_what_is_no_http_is_told_so_and_closed(served: Listening) -> None:
    with create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01 no http\r\n\r\n")

        assert heard(connection).startswith(b"HTTP/1.1 400")


def test_one_connection_may_ask_many_times_and_is_closed_once_it_is_idle(served: Listening) -> None:
    with create_connection(("127.0.0.1", served.port), timeout=1) as connection:
        for _ in range(3):
            ask(connection, served.port)
            assert b"What Jarvis promises" in heard(connection)


def test_pages_are_served_over_tls_and_older_protocols_are_not(database: str, tmp_path: Path) -> None:
    pair = certificate(tmp_path, days=(-3650, 36500))
    context = server_context(pair.certificate, pair.key, dt.datetime.now(dt.UTC))

    async def secure_app(store: Store, host: str) -> FastAPI:
        settings = WebSettings(origins=(f"https://{host}",), secure=True)
        return create_app(settings, store, SaidConnector(store), seeds=Seeds())

    with listening(database, secure_app, limits=QUICK, context=context) as served:
        trusting = ssl.create_default_context(cafile=str(pair.certificate))
        with (
            create_connection(("127.0.0.1", served.port), timeout=5) as raw,
            trusting.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
        ):
            assert connection.version() in ("TLSv1.2", "TLSv1.3")
            connection.sendall(
                f"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: close\r\n\r\n".encode()
            )
            said = heard(connection)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with create_connection(("127.0.0.1", served.port), timeout=5) as raw, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(raw)

    assert b"strict-transport-security: max-age=63072000" in said
    assert b"__Host-visitor=" in said
    assert b"Secure" in said


def test_the_master_settings_reach_child_processes_only_where_they_are_said(tmp_path: Path) -> None:
    from jarvis.cli.process import environment_of

    environment = environment_of(given(tmp_path))

    assert "JARVIS_TLS_KEY_FILE" not in {name for name in environment if name not in os.environ}
    assert "None" not in environment.values()
