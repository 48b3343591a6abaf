"""What every handler works with: the parts of this application, and who is asking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from jarvis import __version__
from jarvis.accounts.people import Deed, People, Person, may
from jarvis.accounts.sessions import Sessions, new_token
from jarvis.accounts.throttle import SignInThrottle
from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.store.records import Overview, TradingAccount
from jarvis.web.connect import KeyConnector
from jarvis.web.forms import Form, guarded_form
from jarvis.web.render import Pages
from jarvis.web.security import WebSettings, token_for

_SESSION = "session"
_VISITOR = "visitor"


class SignInNeeded(Exception):
    """Somebody who is not signed in asked for what belongs to a person."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking: a person with a session, or somebody who is only looking.

    `secret` is what the form tokens of this browser are made from; `is_new` says that its cookie is not set yet.
    """

    secret: str = field(repr=False)
    person: Person | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of the application, given to every group of pages."""

    settings: WebSettings
    store: Store
    people: People
    sessions: Sessions
    sign_up_throttle: SignInThrottle
    connector: KeyConnector
    pages: Pages
    now: Callable[[], datetime]

    async def visitor(self, request: Request) -> Visitor:
        """Who sent this request; asked once per request."""
        known = cast("Visitor | None", request.scope.get("jarvis.visitor"))
        if known is not None:
            return known
        visitor = await self._visitor(request)
        request.scope["jarvis.visitor"] = visitor
        return visitor

    async def _visitor(self, request: Request) -> Visitor:
        token = request.cookies.get(self.settings.cookie_name(_SESSION), "")
        if token:
            session = await self.sessions.find(token, self.now())
            person = await self.store.person(session.user_id) if session else None
            if person is not None:
                return Visitor(token, person)
        secret = request.cookies.get(self.settings.cookie_name(_VISITOR), "")
        return Visitor(secret) if len(secret) == 43 else Visitor(new_token(), is_new=True)

    async def person(self, request: Request, deed: Deed = Deed.LOOK) -> Person:
        """The person who is signed in and may do this. Raises SignInNeeded, or HTTPException 403."""
        person = (await self.visitor(request)).person
        if person is None:
            raise SignInNeeded
        if not may(person.role, deed):
            raise HTTPException(403)
        return person

    async def account(self, request: Request, account_id: str, deed: Deed = Deed.LOOK) -> TradingAccount:
        """The person's own account. Raises HTTPException 404 for everybody else's and for none."""
        person = await self.person(request, deed)
        account = await self.store.account(person.user_id, AccountId(account_id))
        if account is None:
            raise HTTPException(404)
        return account

    async def overview(self, request: Request, account_id: str) -> Overview:
        """The person's own account with what its trader and its venue said last. Raises HTTPException 404."""
        person = await self.person(request)
        overview = await self.store.overview(person.user_id, AccountId(account_id))
        if overview is None:
            raise HTTPException(404)
        return overview

    async def form(self, request: Request) -> Form:
        """The submitted form, proved to come from a page that was made for this browser."""
        return await guarded_form(request, (await self.visitor(request)).secret)

    async def page(
        self, request: Request, template: str, values: Mapping[str, object] | None = None, status: int = 200
    ) -> HTMLResponse:
        """The answer that shows `template` to whoever asks."""
        visitor = await self.visitor(request)
        common = {
            "person": visitor.person,
            "form_token": token_for(visitor.secret),
            "version": __version__,
            "here": "",
            "sign_up_open": self.settings.sign_up_open,
        }
        answer = self.pages.page(template, {**common, **(values or {})}, status)
        if visitor.is_new:
            self._set_cookie(answer, _VISITOR, visitor.secret)
        return answer

    async def fragment(self, request: Request, template: str, values: Mapping[str, object]) -> HTMLResponse:
        """A piece of a page, for swapping in."""
        visitor = await self.visitor(request)
        return self.pages.page(template, {"form_token": token_for(visitor.secret), **values})

    def keep_session(self, answer: Response, token: str) -> None:
        """Give the browser its new session."""
        self._set_cookie(answer, _SESSION, token, int(self.settings.session_absolute.total_seconds()))
        self._delete_cookie(answer, _VISITOR)

    def forget_session(self, answer: Response) -> None:
        """Take the session away from the browser, and what it may have kept of the pages."""
        self._delete_cookie(answer, _SESSION)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'

    def session_token(self, request: Request) -> str | None:
        """The session token that the browser sent, living or not."""
        return request.cookies.get(self.settings.cookie_name(_SESSION))

    def _set_cookie(self, answer: Response, name: str, value: str, max_age: int | None = None) -> None:
        answer.set_cookie(
            self.settings.cookie_name(name),
            value,
            max_age=max_age,
            path="/",
            secure=self.settings.secure,
            httponly=True,
            samesite="lax",
        )

    def _delete_cookie(self, answer: Response, name: str) -> None:
        answer.delete_cookie(
            self.settings.cookie_name(name), path="/", secure=self.settings.secure, httponly=True, samesite="lax"
        )
