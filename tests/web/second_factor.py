"""An authenticator app for tests, by an implementation that is not ours, and what keeps its seeds."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime

import pyotp

from tests.web.client import Answer, Browser

STEP_SECONDS = 30


class Seeds:
    """Keeps seeds in clear, bound to their person, as the signer keeps them sealed."""

    async def seal_seed(self, *, user_id: str, seed: bytes) -> bytes:
        return user_id.encode() + b"|" + seed

    async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
        return f"{user_id}|{row_id}|{secret}".encode()

    async def match_code(self, *, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        owner, _, seed = sealed.partition(b"|")
        assert owner == user_id.encode()
        assert now_seconds is not None
        app = pyotp.TOTP(base64.b32encode(seed).decode())
        now = now_seconds // STEP_SECONDS
        return next((step for step in (now - 1, now, now + 1) if app.at(step * STEP_SECONDS) == code), None)


@dataclass(frozen=True)
class App:
    """A person's authenticator app."""

    seed: str

    def code(self, at: datetime) -> str:
        return pyotp.TOTP(self.seed).at(at)


def seed_on(page: str) -> App:
    """The app that scanned this page, or rather: whose person typed the key that stands below the picture."""
    shown = re.search(r'class="mono seed">([A-Z2-7 ]+)<', page)
    assert shown, page
    return App(shown.group(1).replace(" ", ""))


async def enrol_app(person: Browser, password: str, at: datetime) -> App:
    """Enrol somebody's first factor: they are proved by that."""
    offered = await person.submit("/account/security/totp", {"password": password}, page="/account/security")
    assert offered.status == 200, offered.text
    app = seed_on(offered.text)
    fields = {"form_token": offered.token, "code": app.code(at)}
    confirmed = await person.post("/account/security/totp/confirm", fields)
    assert confirmed.status == 303, confirmed.text
    return app


async def prove(person: Browser, app: App, at: datetime, then: str = "/account") -> Answer:
    """Type a code of the app on the page that asks for it."""
    return await person.submit("/prove", {"code": app.code(at), "then": then}, page=f"/prove?then={then}")
