"""Marked secrets go the ways that a person's take, right and wrong, and are then looked for everywhere."""

import asyncio
import base64
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import aiohttp
import pytest

from jarvis.cli.demo import VENUE_ACCOUNT, _assignments, _post
from jarvis.cli.market import starting_limits
from jarvis.cli.wiring import opened_store
from jarvis.domain.instrument import Pair
from jarvis.signer.client import SignerClient
from jarvis.store.records import AccountState
from jarvis.venues.catalog import KRAKEN
from jarvis.venues.permissions import TABLES
from jarvis.web.connecting.connector import VenueKeyConnector
from tests.signer.canary import scan
from tests.system.alerts import a_chart_trades, with_receivers
from tests.system.candles import QUICK, wavy_candles
from tests.system.installation import Installation, get_json, installed, until
from tests.web.second_factor import App, seed_on

EMAIL = "grace@jarvis.example"

PAIR = Pair.parse("BTC/USD")


@dataclass
class Browser:
    """Goes through the pages as a person does and keeps every byte that it was answered."""

    session: aiohttp.ClientSession
    origin: str
    seen: list[bytes] = field(default_factory=list)

    async def get(self, path: str, status: int = 200) -> str:
        """The page, which must answer with `status`: an error page shows nothing, so it would pass as clean."""
        async with self.session.get(self.origin + path) as answer:
            body = await self._kept(answer)
            assert answer.status == status, f"{path.partition('?')[0]}: {answer.status}"
            return body

    async def post(self, path: str, page: str, **fields: str) -> tuple[int, str]:
        """Submit a form of `page`; the status before any redirect, and the text at its end."""
        match = re.search(r'name="form_token" value="([^"]+)"', await self.get(page))
        token = match.group(1) if match else ""
        return await self.send(path, aiohttp.FormData({"form_token": token, **fields}), {})

    async def send(self, path: str, body: aiohttp.FormData | bytes, headers: dict[str, str]) -> tuple[int, str]:
        signs = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **headers}
        async with self.session.post(self.origin + path, data=body, headers=signs) as answer:
            status = answer.history[0].status if answer.history else answer.status
            return status, await self._kept(answer)

    async def listen(self, path: str, seconds: float) -> None:
        """Keep what a stream of events says for a while."""
        try:
            async with asyncio.timeout(seconds), self.session.get(self.origin + path) as answer:
                assert answer.status == 200
                async for chunk in answer.content.iter_any():
                    self.seen.append(chunk)
        except TimeoutError:
            pass

    async def _kept(self, answer: aiohttp.ClientResponse) -> str:
        body = await answer.read()
        heads = [f"{name}: {value}" for each in (*answer.history, answer) for name, value in each.headers.items()]
        self.seen += [body, "\n".join(heads).encode()]
        return body.decode()


@asynccontextmanager
async def browser(origin: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session, origin)


async def key_at_the_venue(installation: Installation, label: str, *more: str) -> tuple[str, str]:
    """A key made at the sandbox venue: its API key and its private key."""
    made = await _post(
        f"{installation.given.sandbox_address}/sandbox/kraken/accounts/{VENUE_ACCOUNT}/keys",
        {"label": label, "permissions": [*TABLES[KRAKEN].to_tick, *more], "ip_allowlist": ["127.0.0.1"]},
    )
    return made["api_key"], made["secret"]


def memory_of(process_id: int) -> Iterator[bytes]:
    """What the process can write to, region by region. Raises PermissionError if we may not look."""
    with Path(f"/proc/{process_id}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process_id}/maps").read_text(encoding="ascii").splitlines():
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:  # a region of the kernel's, or one that is gone
                continue


def copies_in(process_id: int, secret: str) -> int:
    """How many copies of a private key, as text or decoded, or of the halves of either, a process holds."""
    decoded = base64.b64decode(secret)
    pieces = (secret[:40].encode(), secret[40:80].encode(), decoded[:32], decoded[32:])
    return sum(region.count(piece) for region in memory_of(process_id) for piece in pieces)


async def force_errors(installation: Installation, pages: Browser) -> None:
    """Take a table away for a while: pages and trader meet an error that nobody foresaw, with its traceback."""
    database = installation.given.data_dir / "jarvis.db"

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await asyncio.to_thread(rename, "orders", "orders_away")
    try:
        await until(lambda: "trader_broke" in installation.log("worker"), seconds=60, what="the trader met the error")
        await pages.get(f"/desk/{(await installation.account()).account_id}", 500)
        assert "request_failed" in installation.log("web")
    finally:
        await asyncio.to_thread(rename, "orders_away", "orders")


@pytest.mark.timeout(240)
async def test_no_secret_is_anywhere_but_in_the_signer(tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=4000)
    password = f"heron-{secrets.token_hex(8)}-Quarz"
    async with installed(tmp_path / "here", candles=[candles], parameters=QUICK, rate=240.0) as installation:
        await installation.start_signer_and_sandbox()
        await _post(
            f"{installation.given.sandbox_address}/sandbox/kraken/accounts",
            {"name": VENUE_ACCOUNT, "deposit": "10000", "profile": "international"},
        )
        origin = await installation.start_web()
        api_key, secret = await key_at_the_venue(installation, "good")
        _, withdrawing_secret = withdrawing = await key_at_the_venue(installation, "too much", "withdraw-funds")
        wrong_secret = base64.b64encode(secrets.token_bytes(64)).decode()
        marked: dict[str, str | bytes] = {
            "private key": secret,
            "private key of a refused key": withdrawing_secret,
            "mistyped private key": wrong_secret,
            "password": password,
            "master key": installation.given.master_key_file.read_bytes().strip(),
        }
        said: list[str] = []

        async with browser(origin) as pages:
            app = await walk_in(pages, password)
            shown_once = await what_is_shown_once(pages)
            await connect_wrongly(pages, api_key, wrong_secret, *withdrawing)
            await connect_rightly(pages, api_key, secret)
            await arm(installation)
            shown_once |= await with_receivers(pages)
            await installation.start_worker()
            await until_it_traded(installation)
            await force_errors(installation, pages)
            shown_once |= await a_chart_trades(installation, pages, PAIR)
            account = (await installation.account()).account_id
            for path in ("/account", "/desk", f"/desk/{account}", f"/account/{account}/trading"):
                await pages.get(path)
            await pages.get("/nowhere", 404)
            await pages.listen(f"/desk/{account}/events", 2)
            for command in (("venues", "--json"), ("trade", "status"), ("doctor",), ("user", "list")):
                answer = await installation.command(*command)
                said += [answer.out, answer.err]
            sealed = [path for path in installation.given.data_dir.rglob("*") if path.is_file()]
            try:
                in_memory = {
                    name: copies_in(installation.supervisor.process_id(name), secret) for name in ("web", "worker")
                }
            except PermissionError:
                in_memory = {}

        assert any("jarvis.db-wal" in path.name for path in sealed), "the write-ahead log was looked at"
        places: list[Path | bytes | str] = [
            installation.given.data_dir,
            installation.given.data_dir / "logs",
            *pages.seen,
            *said,
        ]
        assert scan(places, marked) == []
        seed: dict[str, str | bytes] = {
            "seed of the app": app.seed,
            "seed of the app, decoded": base64.b32decode(app.seed),
        }
        assert scan([installation.given.data_dir, *said], seed) == [], "a seed is shown once, on its page"
        assert scan(places, shown_once) == [], "what is shown once is kept as a hash and shown on no other page"
        assert scan(places[1:], {"API key": api_key}) == [], "a key is shown by its first and last letters"
        assert in_memory in ({"web": 0, "worker": 0}, {}), "a key is in the signer alone"


async def walk_in(pages: Browser, password: str) -> App:
    """Sign up and in, with a wrong password on the way, and enrol an authenticator app."""
    await pages.post("/sign-up", "/sign-up", email=EMAIL, password=password)
    await pages.post("/sign-in", "/sign-in", email=EMAIL, password=password + "!")
    status, _ = await pages.post("/sign-in", "/sign-in", email=EMAIL, password=password)
    assert status == 303
    _, text = await pages.post("/account/security/totp", "/account/security", password=password)
    app = seed_on(text)
    code = app.code(datetime.now(UTC))
    status, _ = await pages.post("/account/security/totp/confirm", "/account/security", code=code)
    assert status == 303
    return app


async def what_is_shown_once(pages: Browser) -> dict[str, str | bytes]:
    """Recovery codes, a token and an invitation, each used or misused once; the pages that show them are not kept."""
    begun = len(pages.seen)
    _, codes = await pages.post("/account/security/codes", "/account/security")
    _, tokens = await pages.post("/account/tokens", "/account/tokens", label="a script", scope="read", days="30")
    _, invited = await pages.post("/account/sharing/invite", "/account/sharing", email="friend@jarvis.example")
    del pages.seen[begun:]
    found = {
        "recovery code": re.search(r"(?<=<li>)[^<]{12,40}(?=</li>)", codes),
        "API token": re.search(r"jvs_[A-Za-z0-9_-]{43}", tokens),
        "invitation": re.search(r"(?<=/link/)[A-Za-z0-9_-]{43}", invited),
    }
    once: dict[str, str | bytes] = {}
    for name, match in found.items():
        assert match is not None, name
        once[name] = match.group()
    for address in ("/api/v1/me", "/api/v1/accounts/nobody", "/api/v1/accounts?limit=x"):
        async with pages.session.get(
            pages.origin + address, headers={"Authorization": f"Bearer {once['API token']!s}"}
        ) as answer:
            pages.seen.append(await answer.read())
            assert answer.status < 500
    for text in once.values():
        await pages.post("/prove", "/prove", then="/account", code=str(text))
        await pages.post("/account/tokens/end", "/account/tokens", token=str(text))
    return once


async def connect(pages: Browser, api_key: str, secret: str) -> tuple[int, str]:
    fields = {"environment": "sandbox", "api_key": api_key, "api_secret": secret}
    return await pages.post("/account/connect/kraken", "/account", **fields)


async def connect_rightly(pages: Browser, api_key: str, secret: str) -> None:
    """Connect the good key, and confirm what risk remains if there is any."""
    status, text = await connect(pages, api_key, secret)
    assert status == 303
    pending = re.search(r'name="pending" value="([^"]+)"', text)
    if pending is not None:
        await pages.post("/account/connect/kraken/confirm", "/account", confirmed="yes", pending=pending.group(1))
    assert "Choose strategies" in await pages.get("/account")


async def connect_wrongly(pages: Browser, good_key: str, wrong_secret: str, api_key: str, secret: str) -> None:
    """Every way in which a person can give a key wrongly; none is accepted. The second key may withdraw."""
    assert "did not accept this key" in (await connect(pages, good_key, wrong_secret))[1]
    assert "seem swapped" in (await connect(pages, secret, api_key))[1]
    assert "Refused" in (await connect(pages, api_key, secret))[1]
    for status, _ in (
        await connect(pages, api_key, secret[:-5]),
        await connect(pages, api_key + secret, ""),
        await pages.post("/sign-in", "/account", email=secret, password=secret),
        await pages.post("/account/connect/kraken/confirm", "/account", confirmed="yes", pending=secret),
        await pages.send("/account/connect/kraken", secret.encode(), {"Content-Type": "application/json"}),
        await pages.send("/account/connect/kraken", f"api_secret={secret}&".encode() + b"x" * 80_000, {}),
        await pages.send(
            "/account/connect/kraken", aiohttp.FormData({"api_secret": secret}), {"Origin": "http://evil.example"}
        ),
    ):
        assert 400 <= status < 500
    await pages.get(f"/account?api_secret={secret}")
    await pages.get(f"/{secret}", 404)


async def arm(installation: Installation, pair: Pair = PAIR) -> None:
    account = await installation.account()
    given, limits = installation.given, starting_limits([pair])
    async with opened_store(given) as store, SignerClient(given.signer_socket) as signer:
        connector = VenueKeyConnector(store, signer, sandbox_address=given.sandbox_address, random=Random(1))
        assert await connector.draw_policy(account, limits) == ""
        await store.save_limits(account.owner_id, account.account_id, limits)
        await store.save_assignments(account.owner_id, account.account_id, _assignments([pair], installation.wishes))
        await store.set_account_state(account.account_id, AccountState.ARMED, "", datetime.now(UTC))


async def until_it_traded(installation: Installation) -> None:
    url = f"{installation.given.sandbox_address}/sandbox/kraken/accounts/{VENUE_ACCOUNT}"

    async def traded() -> bool:
        return len((await get_json(url))["fills"]) >= 4

    await until(traded, seconds=90, what="four fills")
