"""The marked secrets of the other venues' keys, OKX's passphrase among them, are nowhere but in the signer.

The long way of `test_canary.py` through sign-up, errors and commands is not gone again: here it is each venue's own
shape of key, its own form, and its own way of carrying a signature.

These secrets are letters and digits: in memory even the form's raw bytes would be found, which hold Kraken's in another
spelling. OKX wants the passphrase in a header of every call and in every login, so the worker that makes the calls must
have it: its memory is searched for the secret alone.
"""

import asyncio
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from jarvis.cli.demo import VENUE_ACCOUNT, _post
from jarvis.domain.account import VenueName
from jarvis.domain.instrument import Pair
from jarvis.venues.permissions import TABLES
from tests.signer.canary import scan
from tests.system.candles import QUICK, wavy_candles
from tests.system.installation import Installation, get_json, installed, until
from tests.system.test_canary import Browser, arm, browser, memory_of, walk_in

HEX = "0123456789ABCDEF"
PAIR = Pair.parse("BTC/USDT")
LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Form:
    """What a venue's form asks for beside the key, and of which signs and length its secret is."""

    withdrawing: str
    signs: str
    length: int
    fields: Mapping[str, str]
    has_passphrase: bool = False


FORMS = {
    "binance": Form("enableWithdrawals", LETTERS, 64, {"execution_venue": "cross"}),
    "binance-isolated": Form("enableWithdrawals", LETTERS, 64, {"execution_venue": "isolated"}),
    "okx": Form("withdraw", HEX, 32, {}, has_passphrase=True),
    "bybit": Form("Wallet:Withdraw", LETTERS, 36, {}),
}


def made_up(form: Form) -> str:
    """A secret of the right shape that nobody knows."""
    return "".join(secrets.choice(form.signs) for _ in range(form.length))


async def key_at(installation: Installation, label: str, passphrase: str, *more: str) -> tuple[str, str]:
    """A key made at the sandbox venue: its API key and its secret."""
    venue = installation.venue_name
    made = await _post(
        f"{installation.given.sandbox_address}/sandbox/{venue}/accounts/{VENUE_ACCOUNT}/keys",
        {
            "label": label,
            "permissions": [*TABLES[VenueName(venue)].to_tick, *more],
            "ip_allowlist": ["127.0.0.1"],
            "passphrase": passphrase,
        },
    )
    return made["api_key"], made["secret"]


async def connect(pages: Browser, venue: str, api_key: str, secret: str, passphrase: str) -> tuple[int, str]:
    form, name = FORMS[venue], named(venue)
    fields = {"environment": "sandbox", "api_key": api_key, "api_secret": secret, **form.fields}
    if form.has_passphrase:
        fields["api_passphrase"] = passphrase
    return await pages.post(f"/account/connect/{name}", f"/account/connect/{name}?step=paste", **fields)


def named(venue: str) -> str:
    """The venue without the kind of account there."""
    return venue.partition("-")[0]


async def connect_rightly(pages: Browser, venue: str, api_key: str, secret: str, passphrase: str) -> None:
    """Connect the good key, and confirm what risk remains."""
    status, text = await connect(pages, venue, api_key, secret, passphrase)
    assert status == 303, re.sub(r"<[^>]+>", " ", text)[:3000]
    pending = re.search(r'name="pending" value="([^"]+)"', text)
    if pending is not None:
        await pages.post(
            f"/account/connect/{named(venue)}/confirm", "/account", confirmed="yes", pending=pending.group(1)
        )
    assert "Choose strategies" in await pages.get("/account")


async def connect_wrongly(pages: Browser, venue: str, good: tuple[str, str], wrong: str, more: tuple[str, str]) -> None:
    """Wrong, swapped, cut and misplaced values; `more` is a key that may withdraw. None is accepted."""
    passphrase = f"Wrong-{secrets.token_hex(4)}-1"
    for api_key, secret in ((good[0], wrong), (good[1], good[0]), (good[0], good[1][:-5]), (good[0] + good[1], "")):
        status, text = await connect(pages, venue, api_key, secret, passphrase)
        assert status == 422 or "Not connected" in text
    await pages.post(f"/account/connect/{named(venue)}/confirm", "/account", confirmed="yes", pending=more[1])
    await pages.send(f"/account/connect/{named(venue)}", more[1].encode(), {"Content-Type": "application/json"})
    await pages.get(f"/account?api_secret={more[1]}")


def copies_in(process_id: int, *pieces: str) -> int:
    """How many copies of these texts a process holds."""
    return sum(region.count(piece.encode()) for region in memory_of(process_id) for piece in pieces)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("venue", FORMS)
async def test_no_secret_of_a_key_is_anywhere_but_in_the_signer(venue: str, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=2000)
    form = FORMS[venue]
    password, passphrase = f"heron-{secrets.token_hex(8)}-Quarz", f"Tern-{secrets.token_hex(8)}-Opal"
    async with installed(
        tmp_path / "here", candles=[candles], parameters=QUICK, rate=480.0, venue=venue
    ) as installation:
        await installation.start_signer_and_sandbox()
        accounts = f"{installation.given.sandbox_address}/sandbox/{installation.venue_name}/accounts"
        kind = form.fields.get("execution_venue", "")
        await _post(accounts, {"name": VENUE_ACCOUNT, "deposit": "10000", "profile": kind})
        origin = await installation.start_web()
        api_key, secret = await key_at(installation, "good", passphrase)
        withdrawing = await key_at(installation, "too much", passphrase, form.withdrawing)
        wrong = made_up(form)
        said: list[str] = []

        async with browser(origin) as pages:
            await walk_in(pages, password)
            await connect_wrongly(pages, venue, (api_key, secret), wrong, withdrawing)
            _, text = await connect(pages, venue, *withdrawing, passphrase)
            assert "Refused" in text, "a key that may withdraw was taken"
            await connect_rightly(pages, venue, api_key, secret, passphrase)
            await arm(installation, PAIR)
            await installation.start_worker()
            await until_it_traded(installation)
            account = (await installation.account()).account_id
            for path in ("/account", f"/desk/{account}", f"/account/{account}/trading"):
                await pages.get(path)
            for command in (("venues", "--json"), ("trade", "status")):
                answer = await installation.command(*command)
                said += [answer.out, answer.err]
            middle = form.length // 2
            pieces = secret[:middle], secret[middle:], *((passphrase,) if form.has_passphrase else ())
            searched = {"web": (*pieces, withdrawing[1], wrong, password), "worker": pieces[:2]}
            try:
                held = {
                    name: await asyncio.to_thread(copies_in, installation.supervisor.process_id(name), *texts)
                    for name, texts in searched.items()
                }
            except PermissionError:
                held = {}

        marked: dict[str, str | bytes] = {
            "secret": secret,
            "secret of a refused key": withdrawing[1],
            "mistyped secret": wrong,
            "password": password,
            "passphrase": passphrase,
        }
        places: list[Path | bytes | str] = [
            installation.given.data_dir,
            installation.given.data_dir / "logs",
            *pages.seen,
            *said,
        ]
        assert scan(places, marked) == []
        assert scan(places[1:], {"API key": api_key}) == [], "a key is shown by its first and last letters"
        assert held in ({"web": 0, "worker": 0}, {}), "a key is in the signer alone"


async def until_it_traded(installation: Installation) -> None:
    url = f"{installation.given.sandbox_address}/sandbox/{installation.venue_name}/accounts/{VENUE_ACCOUNT}"

    async def traded() -> bool:
        return len((await get_json(url))["fills"]) >= 3

    await until(traded, seconds=90, what="three fills")
