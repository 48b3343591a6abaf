"""Ten thousand guesses over HTTP: the owner signs in all the same, and nobody learns who has an account."""

import statistics
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from time import perf_counter

import pytest
from fastapi import FastAPI

from jarvis.accounts.passwords import HashCost, Passwords
from jarvis.store.db import Store
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings
from tests.web.client import ORIGIN, Answer, Browser
from tests.web.conftest import PASSWORD, SaidConnector, Time
from tests.web.second_factor import Seeds

OWNER = "ada@example.org"
GUESSES = 10_000
PROXY, HOME, ABROAD = "10.0.0.2", "198.51.100.200", "192.0.2.9"
COST = HashCost(time=3, memory=12 * 1024)


@pytest.fixture
def app(store: Store, time: Time) -> FastAPI:
    settings = WebSettings(origins=(ORIGIN,), trusted_proxies=(ip_network(PROXY),))
    return create_app(settings, store, SaidConnector(store), seeds=Seeds(), passwords=Passwords(COST), now=time)


class Visitor:
    """A browser behind the proxy, at an address of its own; opens the form once and sends it again and again."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.browser = Browser(app, address=PROXY)
        self.headers = {"x-forwarded-for": f"6.6.6.6, {address}"}
        self.token = ""

    async def sign_in(self, email: str, password: str) -> Answer:
        if not self.token:
            self.token = (await self.browser.get("/sign-in", self.headers)).token
        fields = {"form_token": self.token, "email": email, "password": password}
        return await self.browser.post("/sign-in", fields, self.headers)


async def open_account(app: FastAPI) -> None:
    await Browser(app).submit("/sign-up", {"email": OWNER, "password": PASSWORD})


@pytest.mark.parametrize("attackers", [1, 100])
async def test_the_owner_signs_in_amid_ten_thousand_guesses(app: FastAPI, time: Time, attackers: int) -> None:
    await open_account(app)
    assert (await Visitor(app, HOME).sign_in(OWNER, PASSWORD)).status == 303
    visitors = [Visitor(app, f"203.0.113.{each + 1}") for each in range(attackers)]
    tried = 0

    for guess in range(GUESSES):
        answer = await visitors[guess % attackers].sign_in(OWNER, f"guess number {guess}")
        assert answer.status in (422, 429), answer.status
        tried += answer.status == 422
        time.pass_by(timedelta(milliseconds=100))
    at_home = await until_signed_in(time, Visitor(app, HOME), visitors)
    abroad = await until_signed_in(time, Visitor(app, ABROAD), visitors)

    # 1,000 s of guessing: the bursts, and then the slow lane of those who have failed.
    assert tried <= 8 + 8 + 1000 / 30 + 3 * attackers, f"{tried} passwords were looked at"
    assert at_home == timedelta(0)
    # One turn of the faster lane for each attacker who has not failed three times yet, and the owner's own.
    assert abroad <= (attackers + 1) * timedelta(seconds=5), abroad


async def until_signed_in(time: Time, owner: Visitor, attackers: list[Visitor]) -> timedelta:
    """How long the owner waits who tries every second while everybody else goes on guessing."""
    began = time()
    for second in range(600):
        answer = await owner.sign_in(OWNER, PASSWORD)
        if answer.status == 303:
            return time() - began
        assert answer.status == 429
        await attackers[second % len(attackers)].sign_in(OWNER, "another guess")
        time.pass_by(timedelta(seconds=1))
    raise AssertionError("the owner was locked out")


async def test_a_browser_cannot_choose_the_address_that_it_is_counted_by(app: FastAPI, time: Time) -> None:
    await open_account(app)
    direct = Browser(app, address="203.0.113.77")
    token = (await direct.get("/sign-in")).token
    statuses = []

    for number in range(60):
        headers: dict[str, str | None] = {"x-forwarded-for": f"198.51.100.{number}"}
        fields = {"form_token": token, "email": f"nobody{number}@example.org", "password": "a guess"}
        statuses.append((await direct.post("/sign-in", fields, headers)).status)

    assert statuses.count(422) <= 20, "one address, whatever it says of itself"
    assert statuses[-1] == 429


async def test_an_unknown_person_takes_as_long_as_a_wrong_password_and_gets_the_same_words(store: Store) -> None:
    clock = _Hours()
    settings = WebSettings(origins=(ORIGIN,))
    app = create_app(settings, store, SaidConnector(store), seeds=Seeds(), passwords=Passwords(COST), now=clock)
    await open_account(app)
    browser = Browser(app)
    took: dict[str, list[float]] = {OWNER: [], "nobody@example.org": []}
    said: dict[str, set[str]] = {OWNER: set(), "nobody@example.org": set()}

    for _ in range(40):
        token = (await browser.get("/sign-in")).token
        for email, times in took.items():
            fields = {"form_token": token, "email": email, "password": "a wrong password"}
            began = perf_counter()
            answer = await browser.post("/sign-in", fields)
            times.append(perf_counter() - began)
            assert answer.status == 422
            said[email].add(answer.text.replace(email, ""))

    known, unknown = (statistics.median(times[5:]) for times in took.values())
    assert said[OWNER] == said["nobody@example.org"]
    assert abs(known - unknown) < 0.15 * min(known, unknown) + 0.001, (known, unknown)


class _Hours:
    """A clock on which an hour passes at every look: nobody ever waits."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(hours=1)
        return self.at
