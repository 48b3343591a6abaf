"""The last two steps of the way to trading: cautious limits with one strategy to start, then armed or left alone."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts import arming
from jarvis.accounts.people import Deed
from jarvis.domain.account import Environment
from jarvis.domain.instrument import Pair
from jarvis.domain.people import ConnectStep
from jarvis.store.records import Assignment, TradingAccount
from jarvis.trading.cautious import cautious_limits
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.web.connecting.account import Said, card_of, pairs_of
from jarvis.web.connecting.steps import ARMED, NUMBERS, STEPS
from jarvis.web.connecting.venues import FORMS
from jarvis.web.context import Web
from jarvis.web.forms import Form
from jarvis.web.trading.arming import arm, doubts_about
from jarvis.web.trading.keeping import keep_following, keep_limits
from jarvis.web.trading.money import equity_of, leverage_ceiling, promises
from jarvis.web.trading.plan_form import (
    DEFAULT_INTERVAL,
    INTERVALS,
    Wish,
    limit_boxes,
    read_limits,
    read_wish,
    tier_boxes,
)

_STARTING_PAIRS = 2
_AS_BEFORE = "as-before"
_SAID = {
    "connected": Said("good", "Connected.", "The key is sealed. Nothing is traded before you arm it."),
    "armed": Said("good", "Armed.", "The next signal of your strategy may open a position."),
}


def router(web: Web) -> APIRouter:
    """The routes of beginning to trade with an account."""
    routes = APIRouter(prefix="/account")

    @routes.get("/{account_id}/begin")
    async def begin_page(request: Request, account_id: str) -> Response:
        return await _begin_page(web, request, await web.account(request, account_id, Deed.TRADE))

    @routes.post("/{account_id}/begin")
    async def begin(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.CHANGE_LIMITS)
        form = await web.form(request)
        if account.is_armed:
            return RedirectResponse(f"/account/{account.account_id}/begin", status_code=303)
        wants_to_arm = form.choice("then", ("arm", "later")) == "arm"
        is_as_before = form.text("strategy") == _AS_BEFORE and bool(account.assignments)
        wish = None if is_as_before else _read_wish(form, pairs_of(account))
        limits = _read_limits(form, account, as_before=is_as_before)
        if form.errors or limits is None:
            return await _begin_page(web, request, account, form.errors, status=422)
        followed: Sequence[Assignment] = account.assignments
        if wish is not None:
            followed = [Assignment(wish.strategy, pair, wish.interval, wish.values) for pair in wish.pairs]
            await keep_following(web, request, account, followed)
        obstacle = await keep_limits(web, request, account, limits)
        kept = replace(account, assignments=tuple(followed), limits=limits)
        if wants_to_arm and not obstacle:
            obstacle = await arm(web, request, kept, words=form.text("words"))
        if obstacle:
            return await _begin_page(web, request, kept, {"": obstacle}, status=422)
        if not wants_to_arm:
            return RedirectResponse("/account", status_code=303)
        await web.store.end_connecting(account.owner_id, account.venue)
        return RedirectResponse(f"/account/{account.account_id}/begin?said=armed", status_code=303)

    return routes


def _read_wish(form: Form, pairs: Sequence[Pair]) -> Wish | None:
    """The strategy to start with, its parameters as they come; None with `form.errors` filled."""
    strategy = STRATEGIES.get(form.text("strategy"))
    if strategy is None:
        form.errors["strategy"] = "Choose one of those offered."
        return None
    parameters = {f"parameter-{each.name}": str(each.default) for each in strategy.parameters}
    asked = Form({**parameters, "interval": form.text("interval")}, {"pair": form.all("pair")})
    wish = read_wish(asked, strategy, pairs)
    if wish is None:
        form.errors["pair"] = asked.errors[""]
    return wish


def _read_limits(form: Form, account: TradingAccount, *, as_before: bool) -> Limits | None:
    """The limits; they allow what is followed, and no other pair."""
    allowed = tuple(str(line.pair) for line in account.assignments) if as_before else form.all("pair")
    asked = Form(form.fields, {**form.lists, "allowed": allowed})
    limits = read_limits(asked, leverage_ceiling(account), pairs_of(account))
    form.errors.update({name: text for name, text in asked.errors.items() if name or "pair" not in form.errors})
    return limits


async def _begin_page(
    web: Web, request: Request, account: TradingAccount, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    pairs = pairs_of(account)
    starting = [line.pair for line in account.assignments] or list(pairs[:_STARTING_PAIRS])
    limits = account.limits if account.limits.allowed_pairs else cautious_limits(starting)
    given = errors or {}
    equity = await equity_of(web, account)
    person = await web.person(request)
    values = {
        "here": "account",
        "venue": FORMS[account.venue],
        "environment": account.environment.value,
        "steps": STEPS,
        "number": ARMED if account.is_armed else NUMBERS[ConnectStep.LIMITS],
        "replacing": None,
        "account": card_of(account),
        "account_id": account.account_id,
        "is_armed": account.is_armed,
        "is_connected": account.is_connected,
        "said": _SAID.get(request.query_params.get("said", "")),
        "equity": equity,
        "strategies": list(STRATEGIES.values()),
        "follows": account.assignments,
        "as_before": _AS_BEFORE,
        "pairs": [str(pair) for pair in pairs],
        "starting": {str(pair) for pair in starting},
        "intervals": INTERVALS,
        "default_interval": DEFAULT_INTERVAL,
        "promises": promises(limits, equity),
        "limit_boxes": limit_boxes(limits, leverage_ceiling(account), given),
        "tiers": tier_boxes(limits, given),
        "errors": given,
        "tiers_open": any("-" in name for name in given),
        "obstacle": arming.obstacle_to_arming(person, await web.store.factors(person.user_id), web.now()),
        "is_live": account.environment is Environment.LIVE,
        "doubts": await doubts_about(web, account),
    }
    return await web.page(request, "connecting/wizard_begin.html", values, status)
