"""What every handler works with: the parts of this application, and who is asking."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, cast
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from jarvis import __version__
from jarvis.accounts.deeds import NEEDS_PROOF
from jarvis.accounts.links import Links
from jarvis.accounts.passkeys import Passkeys
from jarvis.accounts.people import Deed, People, Person, may
from jarvis.accounts.recovery import RecoveryCodes
from jarvis.accounts.sessions import Session, Sessions, new_token
from jarvis.accounts.throttle import SignInThrottle
from jarvis.accounts.tokens import Tokens
from jarvis.accounts.totp import Totp
from jarvis.domain.account import AccountId
from jarvis.domain.people import AuditEntry
from jarvis.signer.client import SignerHealth
from jarvis.store.db import Store
from jarvis.store.records import Overview, TradingAccount
from jarvis.web.books.reckoned import Reckonings
from jarvis.web.connecting.connect import KeyConnector
from jarvis.web.forms import Form, guarded_form
from jarvis.web.jobs import Jobs
from jarvis.web.render import Pages
from jarvis.web.security import WebSettings, token_for

_SESSION = "session"
_VISITOR = "visitor"
NOT_FOR_THIS_ROLE = "role"


class SecretSealer(Protocol):
    """Seals what the receivers of a person's notices are reached with: the signer."""

    async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
        """The sealed form of a small secret, for this row of this person and no other."""
        ...


class SignInNeeded(Exception):
    """Somebody who is not signed in asked for what belongs to a person."""


class ProofNeeded(Exception):
    """Somebody who is signed in must prove again that it is them before this is done."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking: a person with a session, or somebody who is only looking.

    `secret` is what the form tokens of this browser are made from. It outlives the change of a session's token at a
    proof: a desk that is open in another tab can still be flattened. `new_cookie` is to be set, if there is one.
    """

    secret: str = field(repr=False)
    person: Person | None = None
    session: Session | None = None
    new_cookie: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of the application, given to every group of pages.

    `passkey_host` is the name that passkeys are bound to; empty where the pages are reached by number only. `pulse`
    asks the signer how it is; None if it does not answer.
    """

    settings: WebSettings
    store: Store
    people: People
    sessions: Sessions
    passkeys: Passkeys
    passkey_host: str
    totp: Totp
    recovery: RecoveryCodes
    links: Links
    tokens: Tokens
    sign_up_throttle: SignInThrottle
    connector: KeyConnector
    secrets: SecretSealer
    pages: Pages
    jobs: Jobs
    reckonings: Reckonings
    now: Callable[[], datetime]
    pulse: Callable[[], Awaitable[SignerHealth | None]]

    async def visitor(self, request: Request) -> Visitor:
        """Who sent this request; asked once per request."""
        known = cast("Visitor | None", request.scope.get("jarvis.visitor"))
        if known is not None:
            return known
        visitor = await self._visitor(request)
        request.scope["jarvis.visitor"] = visitor
        return visitor

    async def _visitor(self, request: Request) -> Visitor:
        cookie = self.kept(request, _VISITOR)
        new_cookie = "" if len(cookie) == 43 else new_token()
        token = self.session_token(request)
        if token:
            session = await self.sessions.find(token, self.now())
            person = await self.store.person(session.user_id) if session else None
            if session is not None and person is not None and person.is_active:
                return Visitor(f"{new_cookie or cookie}.{session.session_id}", person, session, new_cookie)
        return Visitor(new_cookie or cookie, new_cookie=new_cookie)

    async def person(self, request: Request, deed: Deed = Deed.LOOK) -> Person:
        """The person who is signed in and may do this.

        Raises SignInNeeded, HTTPException 403, or ProofNeeded for a sensitive deed without a fresh proof.
        """
        visitor = await self.visitor(request)
        if visitor.person is None or visitor.session is None:
            raise SignInNeeded
        if not may(visitor.person.role, deed):
            raise HTTPException(403, NOT_FOR_THIS_ROLE)
        if deed in NEEDS_PROOF and not self.sessions.is_proved(visitor.session, self.now()):
            raise ProofNeeded
        return visitor.person

    async def session(self, request: Request) -> Session:
        """The session of the person who asks. Raises SignInNeeded."""
        session = (await self.visitor(request)).session
        if session is None:
            raise SignInNeeded
        return session

    async def proved_until(self, request: Request) -> datetime | None:
        """Until when this session counts as proved; None if it does not."""
        session = (await self.visitor(request)).session
        is_proved = session is not None and self.sessions.is_proved(session, self.now())
        return session.sudo_until if session is not None and is_proved else None

    def passkeys_elsewhere(self, request: Request) -> str | None:
        """Where passkeys work: "" right here, the address of these pages where they do, or None if nowhere.

        Browsers tie them to a name, never to a number.
        """
        if urlsplit(f"//{request.headers.get('host', '')}").hostname == self.passkey_host:
            return ""
        at_name = (origin for origin in self.settings.origins if urlsplit(origin).hostname == self.passkey_host)
        return next(at_name, None) if self.passkey_host else None

    async def entry(
        self, request: Request, kind: str, account: AccountId | None = None, /, **details: str | int | bool | None
    ) -> AuditEntry:
        """An audit line of what this request does, with where it came from."""
        visitor = await self.visitor(request)
        said = {**details, "address": address_of(request)}
        if visitor.person is None or visitor.session is None:
            return AuditEntry(kind, self.now(), "nobody", None, account, said)
        user_id = visitor.person.user_id
        return AuditEntry(kind, self.now(), user_id, user_id, account, {**said, "session": visitor.session.session_id})

    async def accounts(self, person: Person) -> list[TradingAccount]:
        """The connected accounts that a person may look at, their own first."""
        viewings = await self.links.viewings_of(person.user_id)
        owners = [person.user_id, *(each.owner_id for each in viewings if each.viewer_id == person.user_id)]
        found = [account for owner in owners for account in await self.store.accounts_of(owner)]
        return [account for account in found if account.is_connected]

    async def account(self, request: Request, account_id: str, deed: Deed = Deed.LOOK) -> TradingAccount:
        """The person's own account, or for looking one that was shared with them.

        Raises HTTPException 404 for everybody else's and for none, and what `person` raises.
        """
        person = await self.person(request, Deed.LOOK)
        account = await self.store.account(person.user_id, AccountId(account_id))
        if account is None and deed is Deed.LOOK:
            for viewing in await self.links.viewings_of(person.user_id):
                if viewing.viewer_id == person.user_id and account is None:
                    account = await self.store.account(viewing.owner_id, AccountId(account_id))
        if account is None:
            raise HTTPException(404)
        await self.person(request, deed)
        return account

    async def overview(self, request: Request, account_id: str) -> Overview:
        """An account that the person may look at, with what its trader and its venue said last. Raises as `account`."""
        account = await self.account(request, account_id)
        overview = await self.store.overview(account.owner_id, account.account_id)
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
            "proved_until": await self.proved_until(request),
            "here_path": request.url.path,
            "form_token": token_for(visitor.secret),
            "version": __version__,
            "here": "",
            "sign_up": self.settings.sign_up,
            "unseen": await self.store.unseen_notices(visitor.person.user_id) if visitor.person else 0,
        }
        answer = self.pages.page(template, {**common, **(values or {})}, status)
        if visitor.new_cookie:
            self._set_cookie(answer, _VISITOR, visitor.new_cookie)
        return answer

    async def fragment(self, request: Request, template: str, values: Mapping[str, object]) -> HTMLResponse:
        """A piece of a page, for swapping in."""
        visitor = await self.visitor(request)
        return self.pages.page(template, {"form_token": token_for(visitor.secret), **values})

    def keep_session(self, answer: Response, token: str) -> None:
        """Give the browser the session of somebody who has just signed in; every form that it shows gets old."""
        self.keep_proved(answer, token)
        self._set_cookie(answer, _VISITOR, new_token(), self.settings.session_absolute)

    def keep_proved(self, answer: Response, token: str) -> None:
        """Give the browser the new token of its session."""
        self._set_cookie(answer, _SESSION, token, self.settings.session_absolute)

    def forget_session(self, answer: Response) -> None:
        """Take the session away from the browser, and what it may have kept of the pages."""
        self._delete_cookie(answer, _SESSION)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'

    def session_token(self, request: Request) -> str | None:
        """The session token that the browser sent, living or not."""
        return self.kept(request, _SESSION) or None

    def keep(self, answer: Response, name: str, value: str, lasts: timedelta) -> None:
        """Give the browser something to come back with, out of reach of scripts."""
        self._set_cookie(answer, name, value, lasts)

    def kept(self, request: Request, name: str) -> str:
        """What the browser came back with; empty if it has nothing of this name."""
        return request.cookies.get(self.settings.cookie_name(name), "")

    def forget(self, answer: Response, name: str) -> None:
        """Take it away from the browser."""
        self._delete_cookie(answer, name)

    def _set_cookie(self, answer: Response, name: str, value: str, lasts: timedelta | None = None) -> None:
        answer.set_cookie(
            self.settings.cookie_name(name),
            value,
            max_age=None if lasts is None else int(lasts.total_seconds()),
            path="/",
            secure=self.settings.secure,
            httponly=True,
            samesite="lax",
        )

    def _delete_cookie(self, answer: Response, name: str) -> None:
        answer.delete_cookie(
            self.settings.cookie_name(name), path="/", secure=self.settings.secure, httponly=True, samesite="lax"
        )


def address_of(request: Request) -> str:
    """The network address that a request came from."""
    return request.client.host if request.client else ""


def agent_of(request: Request) -> str:
    """What the browser says of itself."""
    return request.headers.get("user-agent", "")
