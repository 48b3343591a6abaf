"""Hooks: doors for the alerts of charts (TradingView), and the pages where a person makes and ends them.

A chart cannot sign, so its secret stands in the body; it is good for nothing but to propose within one account's
limits. Whoever knocks without it learns nothing: not whether there is such a hook, not what was wrong.
docs/decisions/023-alerts-of-charts.md says what stands against a stolen, repeated or late alert.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from jarvis.accounts.people import Deed, Person
from jarvis.accounts.sessions import hash_of, new_token
from jarvis.accounts.throttle import Buckets, Rate
from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Side
from jarvis.domain.people import AuditEntry
from jarvis.store.deliveries import account_words
from jarvis.store.hooks import MOST_HOOKS, Fate, Hook, Knocked, Proposed
from jarvis.store.records import TradingAccount
from jarvis.store.wishes import Wish
from jarvis.trading.events import CloseByHand, OpenByHand
from jarvis.trading.proposals import Proposal, ProposalAction, Situation, Terms, judge
from jarvis.trading.strategy import Protection
from jarvis.web.connecting.account import Said
from jarvis.web.context import Web, address_of
from jarvis.web.forms import Form
from jarvis.web.messages.hooks_parse import MAX_BODY_BYTES, Alert, AlertRefused, pair_among, parse_alert
from jarvis.web.security import problem

PAGE = "/account/hooks"
FRESH_FOR = timedelta(seconds=60)
SOURCES = frozenset({"52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7"})
"""Where TradingView's alerts come from, as it publishes (support article 43000529348, seen 2026-11-22)."""

_MOST_LABEL_LETTERS = 40
_MOST_WORTH = Decimal(10_000_000)
_FOUR_FIGURES = Context(prec=4, rounding=ROUND_DOWN)
_NOBODYS = bytes(32)
_NO_SUCH = "There is no such hook."
_EVERYBODY = Rate(300, timedelta(milliseconds=20))
_ADDRESS = Rate(60, timedelta(milliseconds=500))
_HOOK = Rate(10, timedelta(seconds=6))
_SAID = {
    "ended": Said("good", "Ended.", "Whatever its chart sends is not heard any more."),
    "tested": Said("good", "A test alert was read.", "It stands first in the list below."),
    "later": Said("warn", "Not sent.", "Wait a minute before the next test."),
    "live": Said("good", "It may trade now.", "What its chart proposes is sent to the account, within all limits."),
    "dry": Said("good", "Dry run again.", "What its chart proposes is listed, and nothing comes of it."),
    "unarmed": Said("warn", "Not done.", "The account is not armed. Arm it first, then let the hook trade."),
}
FATES = {
    "dry_run": ("", "dry run"),
    "refused": ("badge-bad", "refused"),
    "sent": ("badge-good", "sent"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A hook with its account's name and its address."""

    hook: Hook
    account: str
    address: str


def router(web: Web) -> APIRouter:
    """The routes of the hooks, and the door itself."""
    routes = APIRouter()
    door = Door(web)
    routes.add_api_route("/hooks/{hook_id}", door.knock, methods=["POST"])

    @routes.get(PAGE)
    async def hooks_page(request: Request) -> Response:
        return await _page(web, request)

    @routes.post(PAGE)
    async def make(request: Request) -> Response:
        return await _make(web, request)

    @routes.get(f"{PAGE}/{{hook_id}}")
    async def hook_page(request: Request, hook_id: str) -> Response:
        person = await web.person(request)
        return await _hook_page(web, request, await _mine(web, person, hook_id))

    @routes.post(f"{PAGE}/{{hook_id}}/end")
    async def end(request: Request, hook_id: str) -> Response:
        person = await web.person(request)
        await web.form(request)
        hook = await _mine(web, person, hook_id)
        await web.person(request, Deed.MANAGE_HOOKS)
        noted = await web.entry(request, "hook.ended", hook.account_id, label=hook.label)
        told = f"The hook {hook.label} was ended."
        if not await web.store.end_hook(person.user_id, hook_id, noted=noted, told=told):
            raise HTTPException(404)
        return RedirectResponse(f"{PAGE}?said=ended", status_code=303)

    @routes.post(f"{PAGE}/{{hook_id}}/live")
    async def live(request: Request, hook_id: str) -> Response:
        return await _live(web, request, hook_id)

    @routes.post(f"{PAGE}/{{hook_id}}/test")
    async def test(request: Request, hook_id: str) -> Response:
        person = await web.person(request)
        await web.form(request)
        hook = await _mine(web, person, hook_id)
        said = "tested" if await door.test(hook) else "later"
        return RedirectResponse(f"{PAGE}/{hook_id}?said={said}", status_code=303)

    return routes


class Door:
    """Takes alerts. It answers within a few milliseconds: it reads a row, judges, and writes a row."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._everybody, self._addresses, self._hooks = Buckets(_EVERYBODY), Buckets(_ADDRESS), Buckets(_HOOK)
        self._tests = Buckets(Rate(5, timedelta(seconds=20)))

    async def knock(self, request: Request, hook_id: str) -> Response:
        """Take one alert. Every answer is ours, and none tells a stranger more than another."""
        now, address = self._web.now(), address_of(request)
        if max(self._everybody.wait("", now), self._addresses.wait(address, now)) > 0:
            return problem(429, "Too many alerts. Try again in a moment.")
        self._everybody.take("", now)
        self._addresses.take(address, now)
        body = await _body(request)
        if body is None:
            return problem(413, f"An alert may hold {MAX_BODY_BYTES // 1024} KiB; this one held more.")
        try:
            alert = parse_alert(body)
        except AlertRefused:
            alert = None
        knocked = await self._web.store.knocked(hook_id)
        hook = None if knocked is None else knocked.hook
        fits = hmac.compare_digest(
            hash_of("" if alert is None else alert.secret), _NOBODYS if hook is None else hook.token_hash
        )
        if (
            knocked is None
            or hook is None
            or alert is None
            or not fits
            or (hook.known_sources and address not in SOURCES)
        ):
            return problem(404, _NO_SUCH)
        return await self._take(knocked, alert)

    async def test(self, hook: Hook) -> bool:
        """Whether a made-up alert was judged and kept; it is always a dry run. False if there were too many."""
        now = self._web.now()
        if self._tests.wait(hook.hook_id, now) > 0:
            return False
        self._tests.take(hook.hook_id, now)
        pair = min(hook.terms.pairs, key=str)
        knocked = await self._web.store.knocked(hook.hook_id)
        situation = None if knocked is None else knocked.situation(pair)
        price = None if situation is None else situation.price
        quantity = None if price is None else _short(hook.terms.most / price / 2)
        stop = None if price is None else _short(price * Decimal("0.99"))
        proposal = Proposal(ProposalAction.LONG, pair, quantity, stop)
        fate = _judged(hook, proposal, situation)
        await self._web.store.keep_proposal(hook, f"test {secrets.token_hex(6)}", proposal, fate, now)
        return True

    async def _take(self, knocked: Knocked, alert: Alert) -> Response:
        """Whoever comes here has the secret, and may know what is wrong."""
        hook = knocked.hook
        now = self._web.now()
        if self._hooks.wait(hook.hook_id, now) > 0:
            return problem(429, "Too many alerts of this hook. Try again in a moment.")
        self._hooks.take(hook.hook_id, now)
        if abs(now - alert.at) > FRESH_FOR:
            return problem(422, "The alert is not of the last minute, so nothing came of it.")
        pair = pair_among(alert.pair, hook.terms.pairs)
        if pair is None:
            return problem(422, "The alert's pair is not one of this hook's, so nothing came of it.")
        proposal = Proposal(alert.action, pair, alert.quantity, alert.stop)
        situation = knocked.situation(pair)
        fate = _judged(hook, proposal, situation)
        wish = None if fate.name != "dry_run" or not hook.is_live else asked_by(proposal, situation, now)
        if wish is None and fate.name == "dry_run" and hook.is_live:
            fate = Fate("refused", fate.words)
        details: dict[str, str | int | bool | None] = {"hook": hook.label, "words": fate.words}
        noted = AuditEntry("hook.proposed", now, "nobody", hook.user_id, hook.account_id, details)
        # The account's trader judges a wish once more; it is worth nothing after a minute.
        came = await self._web.store.keep_proposal(hook, alert.alert_id, proposal, fate, now, wish=wish, noted=noted)
        if came is None:
            return problem(409, "This alert came before, so nothing came of it now.")
        return JSONResponse({"fate": came.name}, status_code=202)


def _short(amount: Decimal) -> Decimal:
    """The amount with four figures, whatever its size, as a person would type it."""
    return Decimal(f"{_FOUR_FIGURES.create_decimal(amount):f}")


def _judged(hook: Hook, proposal: Proposal, situation: Situation | None) -> Fate:
    if situation is None:
        return Fate("refused", "The account is not connected any more.")
    judged = judge(proposal, hook.terms, situation)
    return Fate("dry_run" if judged.is_allowed else "refused", judged.words)


def asked_by(proposal: Proposal, situation: Situation | None, now: datetime) -> Wish | None:
    """What a proposal asks of a trader, as its owner would by hand; None for an entry that must not be sent."""
    if proposal.action is ProposalAction.CLOSE:
        return CloseByHand(now, proposal.pair)
    price = None if situation is None else situation.price
    if situation is None or not situation.is_armed or price is None or proposal.quantity is None or not proposal.stop:
        return None
    return OpenByHand(
        now,
        proposal.pair,
        Side.BUY if proposal.action is ProposalAction.LONG else Side.SELL,
        proposal.quantity,
        price,
        situation.limits.leverage_cap,
        Protection(abs(price - proposal.stop)),
    )


async def _body(request: Request) -> bytes | None:
    """The body; None if it is longer than any alert."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


async def _make(web: Web, request: Request) -> Response:
    person = await web.person(request, Deed.MANAGE_HOOKS)
    form = await web.form(request)
    account = await _account(web, person, form.text("account"))
    hook, errors = _typed(web, person, account, form)
    if hook is None:
        return await _page(web, request, errors=errors, status=422)
    secret = new_token()
    hook = Hook(
        hook.hook_id, hook.user_id, hook.account_id, hook.label, hook.terms, hook.known_sources,
        is_live=False, created_at=hook.created_at, token_hash=hash_of(secret),
    )  # fmt: skip
    noted = await web.entry(request, "hook.made", hook.account_id, label=hook.label, most=str(hook.terms.most))
    told = f"A hook for alerts of charts was made: {hook.label}. It is in dry run."
    if not await web.store.add_hook(hook, noted=noted, told=told):
        errors = {"label": f"There can be {MOST_HOOKS} hooks. End one first."}
        return await _page(web, request, errors=errors, status=422)
    return await _hook_page(web, request, hook, secret=secret)


async def _live(web: Web, request: Request, hook_id: str) -> Response:
    """Let a hook trade, which needs a proof and an armed account, or take that away, which needs neither."""
    person = await web.person(request)
    form = await web.form(request)
    hook = await _mine(web, person, hook_id)
    is_live = form.text("then") == "live"
    if is_live:
        await web.person(request, Deed.ARM)
        account = await _account(web, person, hook.account_id)
        if not account.is_armed:
            return RedirectResponse(f"{PAGE}/{hook_id}?said=unarmed", status_code=303)
    kind = "hook.live" if is_live else "hook.quiet"
    noted = await web.entry(request, kind, hook.account_id, label=hook.label)
    told = f"The hook {hook.label} {'may trade now, within its limits' if is_live else 'is in dry run again'}."
    await web.store.set_hook_live(person.user_id, hook_id, is_live=is_live, noted=noted, told=told)
    return RedirectResponse(f"{PAGE}/{hook_id}?said={'live' if is_live else 'dry'}", status_code=303)


def _typed(web: Web, person: Person, account: TradingAccount, form: Form) -> tuple[Hook | None, dict[str, str]]:
    """The hook that was typed, without its secret; None with what is wrong."""
    label = form.text("label")
    if not label or len(label) > _MOST_LABEL_LETTERS or not label.isprintable():
        form.object("label", f"Give it a name of at most {_MOST_LABEL_LETTERS} letters.")
    most = form.number("most", minimum=Decimal("0.01"), maximum=_MOST_WORTH)
    allowed = {str(pair): pair for pair in account.limits.allowed_pairs}
    chosen = [each for each in form.all("pair") if each]
    if not chosen or not set(chosen) <= set(allowed):
        form.object("pair", "Tick at least one pair of those that the account's limits allow.")
    if form.errors:
        return None, form.errors
    hook = Hook(
        hook_id=secrets.token_hex(10),
        user_id=person.user_id,
        account_id=account.account_id,
        label=label,
        terms=Terms(frozenset(allowed[each] for each in chosen), most),
        known_sources=form.text("known_sources") == "yes",
        is_live=False,
        created_at=web.now(),
    )
    return hook, {}


async def _mine(web: Web, person: Person, hook_id: str) -> Hook:
    """The person's own hook. Raises HTTPException 404."""
    hook = await web.store.hook(hook_id)
    if hook is None or hook.user_id != person.user_id:
        raise HTTPException(404)
    return hook


async def _account(web: Web, person: Person, account_id: str) -> TradingAccount:
    """The person's own connected account. Raises HTTPException 404."""
    account = await web.store.account(person.user_id, AccountId(account_id))
    if account is None or not account.is_connected:
        raise HTTPException(404)
    return account


def _name_of(account: TradingAccount | None) -> str:
    if account is None:
        return "an account that is gone"
    return account_words(account.venue, account.environment.value, account.label)


async def _page(web: Web, request: Request, *, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    person = await web.person(request)
    accounts = [each for each in await web.store.accounts_of(person.user_id) if each.is_connected]
    by_id = {each.account_id: each for each in accounts}
    chosen = by_id.get(AccountId(request.query_params.get("account", "")), accounts[0] if accounts else None)
    values = {
        "here": "hooks",
        "said": _SAID.get(request.query_params.get("said", "")),
        "errors": {"label": "", "most": "", "pair": "", **(errors or {})},
        "hooks": [
            Shown(hook, _name_of(by_id.get(hook.account_id)), "") for hook in await web.store.hooks_of(person.user_id)
        ],
        "accounts": [(each.account_id, _name_of(each)) for each in accounts],
        "chosen": chosen,
        "pairs": sorted(map(str, chosen.limits.allowed_pairs)) if chosen else [],
        "quotes": " or ".join(sorted({str(pair.quote) for pair in chosen.limits.allowed_pairs})) if chosen else "",
        "most_hooks": MOST_HOOKS,
    }
    return await web.page(request, "messages/hooks.html", values, status)


async def _hook_page(web: Web, request: Request, hook: Hook, *, secret: str = "") -> Response:
    account = await web.store.account(hook.user_id, hook.account_id)
    address = f"{web.settings.origins[0]}/hooks/{hook.hook_id}"
    found = await web.store.proposals_of(hook.user_id, hook.hook_id)
    values = {
        "here": "hooks",
        "said": _SAID.get(request.query_params.get("said", "")),
        "shown": Shown(hook, _name_of(account), address),
        "pairs": sorted(map(str, hook.terms.pairs)),
        "quotes": " or ".join(sorted({str(pair.quote) for pair in hook.terms.pairs})),
        "secret": secret,
        "messages": messages_of(hook, secret),
        "proposals": [
            (each, *FATES[each.fate.name], _wish(each), await _result(web, hook, each.fate)) for each in found
        ],
        "is_armed": account is not None and account.is_armed,
        "is_reachable": web.settings.secure,
    }
    return await web.page(request, "messages/hook.html", values)


async def _result(web: Web, hook: Hook, fate: Fate) -> str:
    """What the trader made of a proposal that was sent; empty for all others."""
    if fate.command_id is None:
        return ""
    result = await web.store.command_result(hook.user_id, fate.command_id)
    return result or "The account's trader has not answered yet."


def _wish(proposed: Proposed) -> str:
    """What was proposed, in a few words."""
    proposal = proposed.proposal
    if proposal.action is ProposalAction.CLOSE or proposal.quantity is None:
        return f"{proposal.action.value} {proposal.pair}"
    return f"{proposal.action.value} {proposal.quantity.normalize():f} {proposal.pair.base}, {proposal.pair}"


def messages_of(hook: Hook, secret: str) -> list[tuple[str, str, str]]:
    """(id, words, message) to paste into an alert: of a strategy, and of an indicator."""
    pair = min(hook.terms.pairs, key=str)
    shared = {"secret": secret or "PASTE THE SECRET HERE", "time": "{{timenow}}", "pair": str(pair)}
    strategy = {
        **shared,
        "id": "{{strategy.order.id}} {{timenow}}",
        "action": "{{strategy.order.action}}",
        "quantity": "{{strategy.order.contracts}}",
        "stop": "{{plot_0}}",
    }
    alert = {**shared, "id": "long {{timenow}}", "action": "buy", "quantity": "0.01", "stop": "{{low}}"}
    closing = {**shared, "id": "close {{timenow}}", "action": "close"}
    return [
        ("strategy", "An alert of a strategy whose first plot is its stop", json.dumps(strategy, indent=2)),
        ("entry", "An alert of an indicator that opens a long", json.dumps(alert, indent=2)),
        ("close", "An alert that closes", json.dumps(closing, indent=2)),
    ]
