"""A browser as far as the tests need one: cookies, forms with their token, and the signs of its own origin."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp, Message

ORIGIN = "http://127.0.0.1:8765"
Fields = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What the app said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str:
        """The token of the first form on the page."""
        match = re.search(r'name="form_token" value="([^"]+)"', self.text)
        assert match, f"no form on the page: {self.text[:300]}"
        return match.group(1)


@dataclass
class Browser:
    """Talks to the app in process; keeps cookies as a browser would."""

    app: ASGIApp
    origin: str = ORIGIN
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", path, headers={"sec-fetch-site": "same-origin", **(headers or {})})

    async def post(
        self, path: str, fields: Fields | None = None, headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Post a form as our own page would; a header given as None is left out."""
        given: dict[str, str | None] = {
            "origin": self.origin,
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
            **(headers or {}),
        }
        body = urlencode(fields or {}, doseq=True).encode()
        return await self.send("POST", path, {name: text for name, text in given.items() if text is not None}, body)

    async def submit(self, path: str, fields: Fields, page: str | None = None) -> Answer:
        """Open `page` (default: the path itself), take the token from its form and post."""
        token = (await self.get(page or path)).token
        return await self.post(path, {"form_token": token, **fields})

    async def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        scope = self.scope(method, path, headers, body)
        parts = [{"type": "http.request", "body": body, "more_body": False}]
        started: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def receive() -> Message:
            if not parts:
                await asyncio.Event().wait()  # it stays, to read what is sent piece by piece
            return parts.pop(0)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self.app(scope, receive, send)
        answer = Answer(
            started["status"],
            [(name.decode().lower(), value.decode("latin-1")) for name, value in started["headers"]],
            b"".join(chunks),
        )
        self._keep_cookies(answer)
        return answer

    def scope(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> dict[str, Any]:
        """The request as the server would hand it over."""
        url = urlsplit(path)
        sent = {"host": urlsplit(self.origin).netloc, **(headers or {})}
        if body:
            sent.setdefault("content-length", str(len(body)))
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": (self.address, 50000),
            "server": ("127.0.0.1", 8765),
        }

    def _keep_cookies(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    if morsel["max-age"] == "0" or not morsel.value:
                        self.cookies.pop(key, None)
                    else:
                        self.cookies[key] = morsel.value
