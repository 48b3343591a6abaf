"""The last two steps of the way to trading: cautious limits with one strategy to start, then armed or left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts import arming
from jarvis.accounts.people import Deed
from jarvis.domain.instrument import Pair
from jarvis.domain.money import plain
from jarvis.domain.people import ConnectStep
from jarvis.store.connecting import Connecting
from jarvis.store.records import AccountState, Assignment, TradingAccount
from jarvis.trading.cautious import cautious_limits
from jarvis.trading.limits import Limits
from jarvis.trading.strategies import STRATEGIES
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import Said, card_of, leverages_of, pairs_of
from jarvis.web.connecting.steps import ARMED, NUMBERS, STEPS
from jarvis.web.connecting.told import told_from_json
from jarvis.web.connecting.venues import FORMS
from jarvis.web.context import Web
from jarvis.web.forms import Form
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


@dataclass(frozen=True, slots=True)
class Equity:
    """What the account was worth when it was read last."""

    amount: Decimal
    asset: str


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
        if wish is not None:
            followed = [Assignment(wish.strategy, pair, wish.interval, wish.values) for pair in wish.pairs]
            await web.store.save_assignments(account.owner_id, account.account_id, followed)
        obstacle = await _obstacle(web, request) if wants_to_arm else ""
        if wants_to_arm and not obstacle:
            # What the signer may open is drawn before the limits are kept: an order within them can then be signed.
            obstacle = await web.connector.draw_policy(account, limits)
        await web.store.save_limits(
            account.owner_id,
            account.account_id,
            limits,
            noted=await web.entry(request, "limits.changed", account.account_id, limits=limits.to_json()),
            told=f"The limits of your account at {VENUES[account.venue].title} were changed.",
        )
        if obstacle:
            return await _begin_page(web, request, account, {"": obstacle}, status=422)
        if not wants_to_arm:
            return RedirectResponse("/account", status_code=303)
        await web.store.set_account_state(
            account.account_id,
            AccountState.ARMED,
            "",
            web.now(),
            noted=await web.entry(request, "account.armed", account.account_id),
            told=f"Your account at {VENUES[account.venue].title} was armed: it may open positions.",
        )
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


def leverage_ceiling(account: TradingAccount) -> int:
    """The highest leverage cap that makes sense here."""
    return max((leverage for _, leverage in leverages_of(account)), default=1)


async def _obstacle(web: Web, request: Request) -> str:
    """Why this person cannot arm now; empty when they can."""
    person = await web.person(request)
    return arming.obstacle_to_arming(person, await web.store.factors(person.user_id), web.now())


async def _begin_page(
    web: Web, request: Request, account: TradingAccount, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    pairs = pairs_of(account)
    starting = [line.pair for line in account.assignments] or list(pairs[:_STARTING_PAIRS])
    limits = account.limits if account.limits.allowed_pairs else cautious_limits(starting)
    given = errors or {}
    equity = await _equity(web, account)
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
        "obstacle": await _obstacle(web, request),
    }
    return await web.page(request, "connecting/wizard_begin.html", values, status)


async def _equity(web: Web, account: TradingAccount) -> Equity | None:
    """What the account's trader read last, or what was there at the check; None while nobody has read it."""
    overview = await web.store.overview(account.owner_id, account.account_id)
    if overview is not None and overview.margin is not None:
        return Equity(overview.margin.equity, overview.margin.asset)
    ways = await web.store.connecting_of(account.owner_id)
    told = next((told_from_json(way.told_json) for way in ways if _is_about(way, account)), None)
    if told is None or told.funds is None or told.funds.failure:
        return None
    return Equity(told.funds.equity, told.funds.asset)


def _is_about(way: Connecting, account: TradingAccount) -> bool:
    return way.account_id == account.account_id


def promises(limits: Limits, equity: Equity | None) -> list[str]:
    """What the limits mean, one sentence each, in money where it is known how much there is."""

    def share(of: Decimal) -> str:
        words = f"{_percent(of)} of your equity"
        if equity is None or equity.amount <= 0:
            return words
        return f"{words} (now {equity.amount * of:,.2f} {equity.asset})"

    sentences = [
        f"At most {limits.leverage_cap}x leverage, whatever the venue offers.",
        f"One trade that goes wrong costs about {share(limits.risk_per_trade)}, if its stop is filled where it rests.",
        f"One position uses at most {share(limits.equity_share_per_position)} as margin.",
        f"No more than {limits.max_open_positions} positions are open at a time, one for each pair.",
    ]
    if limits.daily_loss.block_entries is not None:
        sentences.append(f"After losing {share(limits.daily_loss.block_entries)} in a day, nothing new is opened.")
    if limits.daily_loss.flatten is not None:
        sentences.append(f"After losing {share(limits.daily_loss.flatten)} in a day, everything is closed.")
    if limits.drawdown.flatten is not None:
        sentences.append(f"{_percent(limits.drawdown.flatten)} below its highest equity, everything is closed.")
    return sentences


def _percent(of: Decimal) -> str:
    return f"{plain(of * 100)} %"
