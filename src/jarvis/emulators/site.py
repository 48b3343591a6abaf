"""What people and scripts do at the venue itself: accounts, the API-management page, faults."""

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from jarvis.domain.instrument import Pair
from jarvis.domain.money import exact
from jarvis.emulators.faults import Fault, FaultKind
from jarvis.emulators.pages import ICON, STYLE, Pages, fault_record
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm, ShownValue, VenueEmulator

_MAX_BODY = 1024 * 1024
_MOST_MONEY = Decimal(10) ** 12


class Site:
    """The handlers, over one sandbox. Each venue's pages are below its name, what scripts use below `/sandbox`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._pages = Pages(tuple(sandbox.venues.values()))

    def routes(self) -> list[BaseRoute]:
        """All of them; they go before the venues' own paths."""
        routes: list[BaseRoute] = [
            Route("/", self._home),
            Route("/sandbox/assets/sandbox.css", self._style),
            Route("/sandbox/assets/icon.svg", self._icon),
        ]
        for emulator in self._sandbox.venues.values():
            routes += _VenueSite(self._sandbox, emulator, self._pages).routes()
        return routes

    async def _style(self, _request: Request) -> Response:
        return FileResponse(STYLE, media_type="text/css")

    async def _icon(self, _request: Request) -> Response:
        return FileResponse(ICON, media_type="image/svg+xml")

    async def _home(self, _request: Request) -> Response:
        return RedirectResponse(f"/{next(iter(self._sandbox.venues))}/settings/api", 303)


class _Mistake(Exception):
    """What the person or script sent cannot be done; the text says why."""


class _VenueSite:
    """The handlers of one venue."""

    def __init__(self, sandbox: Sandbox, emulator: VenueEmulator, pages: Pages) -> None:
        self._sandbox = sandbox
        self._emulator = emulator
        self._pages = pages
        self._keys_path = f"/{emulator.name}/settings/api"
        self._faults_path = f"/sandbox/{emulator.name}/faults"

    def routes(self) -> list[BaseRoute]:
        keys, faults, scripts = self._keys_path, self._faults_path, f"/sandbox/{self._emulator.name}"
        return [
            Route(keys, self.keys),
            Route(f"{keys}/new", self.new_key),
            Route(f"{keys}/accounts", self.create_account_by_form, methods=["POST"]),
            Route(f"{keys}/keys", self.create_key_by_form, methods=["POST"]),
            Route(f"{keys}/revoke", self.revoke_by_form, methods=["POST"]),
            Route(faults, self.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{faults}/clear", self.clear_faults_by_form, methods=["POST"]),
            Route(f"{faults}/{{fault_id:int}}", self.remove_fault, methods=["DELETE"]),
            Route(f"{faults}/{{fault_id:int}}/remove", self.remove_fault_by_form, methods=["POST"]),
            Route(f"{scripts}/accounts", self.accounts, methods=["GET", "POST"]),
            Route(f"{scripts}/accounts/{{name}}", self.account),
            Route(f"{scripts}/accounts/{{name}}/keys", self.create_key, methods=["POST"]),
            Route(f"{scripts}/sockets/drop", self.drop_sockets, methods=["POST"]),
        ]

    # The API-management page.

    async def keys(self, request: Request) -> Response:
        return self._keys_page(self._named_account(request.query_params.get("account")))

    async def new_key(self, request: Request) -> Response:
        account = self._named_account(request.query_params.get("account"))
        if account is None:
            return RedirectResponse(self._keys_path, 303)
        return self._form_page(account, KeyForm())

    async def create_account_by_form(self, request: Request) -> Response:
        form = await _form(request)
        try:
            name = self._create_account(form.get("name", ""), form.get("deposit", ""), form.get("profile", ""))
        except _Mistake as mistake:
            return self._keys_page(self._named_account(None), mistake=str(mistake))
        return RedirectResponse(f"{self._keys_path}?account={quote(name)}", 303)

    async def create_key_by_form(self, request: Request) -> Response:
        async with request.form() as fields:
            account = self._named_account(str(fields.get("account", "")))
            form = KeyForm(
                label=str(fields.get("label", "")),
                permissions=frozenset(str(value) for value in fields.getlist("permission")),
                inputs={each.name: str(fields.get(each.name, "")) for each in self._emulator.page.inputs},
            )
        if account is None:
            return self._keys_page(None, mistake="Choose an account first.")
        try:
            values = self._make_key(account, form)
        except _Mistake as mistake:
            return self._form_page(account, form, str(mistake))
        page = self._pages.key_made(self._emulator, now=self._now, account=account, values=values)
        return HTMLResponse(page)

    async def revoke_by_form(self, request: Request) -> Response:
        form = await _form(request)
        account = self._named_account(form.get("account"))
        if self._emulator.revoke_key(form.get("key", "")):
            return self._keys_page(account, message="The key was revoked. It no longer works.")
        return self._keys_page(account, mistake="There is no such key.")

    def _keys_page(self, account: str | None, *, mistake: str = "", message: str = "") -> Response:
        page = self._pages.keys(self._emulator, now=self._now, account=account, mistake=mistake, message=message)
        return HTMLResponse(page, 422 if mistake else 200)

    def _form_page(self, account: str, form: KeyForm, mistake: str = "") -> Response:
        page = self._pages.new_key(self._emulator, now=self._now, account=account, form=form, mistake=mistake)
        return HTMLResponse(page, 422 if mistake else 200)

    def _named_account(self, name: str | None) -> str | None:
        names = self._emulator.account_names()
        if name:
            return name if name in names else None
        return next(iter(names), None)

    @property
    def _now(self) -> datetime:
        return self._sandbox.now

    # Faults.

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._emulator.clear_faults()
            return Response(status_code=204)
        if request.method == "GET":
            if "text/html" in request.headers.get("accept", ""):
                return self._faults_page()
            return JSONResponse([fault_record(fault) for fault in self._emulator.faults.active])
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                fault = self._add_fault(await _json(request))
            except _Mistake as mistake:
                return JSONResponse({"error": str(mistake)}, 422)
            return JSONResponse(fault_record(fault), 201)
        try:
            self._add_fault({name: value for name, value in (await _form(request)).items() if value})
        except _Mistake as mistake:
            return self._faults_page(str(mistake))
        return RedirectResponse(self._faults_path, 303)

    async def clear_faults_by_form(self, request: Request) -> Response:
        await whole_body(request)
        self._emulator.clear_faults()
        return RedirectResponse(self._faults_path, 303)

    async def remove_fault(self, request: Request) -> Response:
        removed = self._emulator.remove_fault(request.path_params["fault_id"])
        return Response(status_code=204 if removed else 404)

    async def remove_fault_by_form(self, request: Request) -> Response:
        self._emulator.remove_fault(request.path_params["fault_id"])
        return RedirectResponse(self._faults_path, 303)

    def _faults_page(self, mistake: str = "") -> Response:
        return HTMLResponse(self._pages.faults(self._emulator, now=self._now, mistake=mistake), 422 if mistake else 200)

    def _add_fault(self, fields: dict[str, Any]) -> Fault:
        try:
            pair = fields.get("pair")
            count = fields.get("count")
            return self._emulator.add_fault(
                FaultKind(str(fields.get("kind", ""))),
                count=int(count) if count is not None else None,
                probability=float(fields.get("probability", 1)),
                operation=str(fields.get("operation", "*")),
                account=fields.get("account"),
                pair=Pair.parse(str(pair)) if pair else None,
                seconds=float(fields.get("seconds", 30)),
                leverage=int(fields.get("leverage", 2)),
                status=int(fields.get("status", 502)),
                code=str(fields.get("code", "")),
            )
        except (ValueError, TypeError) as error:
            raise _Mistake(str(error)) from error

    # Accounts, for scripts and checks.

    async def accounts(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(list(self._emulator.account_names()))
        try:
            fields = await _json(request)
            name = self._create_account(
                str(fields.get("name", "")), str(fields.get("deposit", "0")), str(fields.get("profile", ""))
            )
        except _Mistake as mistake:
            return JSONResponse({"error": str(mistake)}, 422)
        return JSONResponse({"name": name}, 201)

    async def account(self, request: Request) -> Response:
        try:
            return JSONResponse(self._emulator.account_record(request.path_params["name"]))
        except KeyError:
            return JSONResponse({"error": "there is no such account"}, 404)

    async def create_key(self, request: Request) -> Response:
        """Make a key: `label`, `permissions` and the fields of the venue's form by name; a list is one line each."""
        account = request.path_params["name"]
        if account not in self._emulator.account_names():
            return JSONResponse({"error": "there is no such account"}, 404)
        try:
            fields = await _json(request)
            form = KeyForm(
                label=str(fields.get("label", "key")),
                permissions=frozenset(str(name) for name in fields.get("permissions", [])),
                inputs={each.name: _lines(fields.get(each.name, each.value)) for each in self._emulator.page.inputs},
            )
            values = self._make_key(account, form)
        except _Mistake as mistake:
            return JSONResponse({"error": str(mistake)}, 422)
        return JSONResponse({value.name: value.value for value in values}, 201)

    async def drop_sockets(self, request: Request) -> Response:
        await whole_body(request)
        return JSONResponse({"dropped": self._emulator.drop_sockets()})

    def _create_account(self, name: str, deposit: str, profile: str) -> str:
        cleaned = name.strip()
        if not cleaned or len(cleaned) > 40 or not all(sign.isalnum() or sign in "._-" for sign in cleaned):
            raise _Mistake("An account's name has 1 to 40 letters, digits, dots, dashes or underscores.")
        try:
            amount = exact(deposit.strip())
        except ValueError:
            raise _Mistake("The deposit must be a number, for example 10000.") from None
        if amount < 0 or amount > _MOST_MONEY:
            raise _Mistake("The deposit must not be negative, and not above 1,000,000,000,000.")
        try:
            self._emulator.open_account(cleaned, {self._emulator.quote: amount}, profile)
        except (ValueError, InvalidOperation) as error:
            raise _Mistake(str(error)) from error
        return cleaned

    def _make_key(self, account: str, form: KeyForm) -> tuple[ShownValue, ...]:
        if not form.label.strip():
            raise _Mistake("Give the key a description, so that you can tell it from others.")
        known = {box.permission for group in self._emulator.page.groups for box in group.boxes}
        if unknown := form.permissions - known:
            raise _Mistake(f"There is no permission {', '.join(sorted(unknown))}.")
        try:
            return self._emulator.make_key(account, form)
        except ValueError as error:
            raise _Mistake(f"The key was not made: {error}.") from error


async def whole_body(request: Request) -> bytes:
    """The request's body. Raises HTTPException for one that is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise HTTPException(413, "The body is too long.")
    return bytes(body)


def _lines(value: object) -> str:
    return "\n".join(str(each) for each in value) if isinstance(value, list) else str(value)


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _json(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(await whole_body(request) or b"{}")
    except ValueError:
        raise _Mistake("The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise _Mistake("The body must be a JSON object.")
    return fields
