"""Choosing strategies, setting limits and arming: what an account is to trade, and what it must never exceed."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts import arming
from jarvis.accounts.people import Deed
from jarvis.domain.instrument import Pair
from jarvis.store.records import AccountState, Assignment, TradingAccount
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import Parameter, Strategy
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import Said, card_of, leverages_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import strategy_title
from jarvis.web.forms import FormError
from jarvis.web.trading.plan_form import DEFAULT_INTERVAL, INTERVALS, limit_boxes, read_limits, read_wish, tier_boxes

_SAID = {
    "added": Said("good", "Added."),
    "removed": Said("good", "Removed."),
    "saved": Said("good", "Saved."),
    "armed": Said("good", "Armed.", "The next signal of your strategies may open a position."),
    "disarmed": Said("good", "Disarmed.", "Nothing new is opened. What is open stays protected."),
}


@dataclass(frozen=True, slots=True)
class Follow:
    """One line of what is traded."""

    pair: Pair
    title: str
    interval: object
    values: str


@dataclass(frozen=True, slots=True)
class StrategyForm:
    """One strategy's form."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    error: str
    is_open: bool


def router(web: Web) -> APIRouter:
    """The routes of one account's strategies and limits."""
    routes = APIRouter(prefix="/account")

    @routes.get("/{account_id}/trading")
    async def trading_page(request: Request, account_id: str) -> Response:
        return await _trading_page(web, request, await web.account(request, account_id, Deed.TRADE))

    @routes.post("/{account_id}/strategies")
    async def add_strategy(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.TRADE)
        form = await web.form(request)
        strategy = STRATEGIES.get(form.text("strategy"))
        if strategy is None:
            raise FormError("There is no such strategy. Go back, reload, and choose one of those offered.")
        wish = read_wish(form, strategy, pairs_of(account))
        if wish is None:
            return await _trading_page(
                web, request, account, strategy_error=(strategy.name, form.errors[""]), status=422
            )
        added = [Assignment(wish.strategy, pair, wish.interval, wish.values) for pair in wish.pairs]
        kept = [line for line in account.assignments if line.pair not in wish.pairs]
        await web.store.save_assignments(account.owner_id, account.account_id, [*kept, *added])
        return _back(account, "added")

    @routes.post("/{account_id}/strategies/remove")
    async def remove_strategy(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.TRADE)
        form = await web.form(request)
        kept = [line for line in account.assignments if str(line.pair) != form.text("follow")]
        await web.store.save_assignments(account.owner_id, account.account_id, kept)
        return _back(account, "removed")

    @routes.post("/{account_id}/arm")
    async def arm(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.CHANGE_LIMITS)
        form = await web.form(request)
        wants_to_arm = form.choice("then", ("arm", "save")) == "arm"
        limits = read_limits(form, leverage_ceiling(account), pairs_of(account))
        if limits is None:
            return await _trading_page(web, request, account, limit_errors=form.errors, status=422)
        is_arming = wants_to_arm and not account.is_armed
        obstacle = await _obstacle(web, request, account) if is_arming else ""
        if account.is_armed or (is_arming and not obstacle):
            # What the signer may open is drawn before the limits are kept: an order within them can then be signed.
            failed = await web.connector.draw_policy(account, limits)
            if failed:
                return await _trading_page(web, request, account, limit_errors={"": failed}, status=503)
        await web.store.save_limits(
            account.owner_id,
            account.account_id,
            limits,
            noted=await web.entry(request, "limits.changed", account.account_id, limits=limits.to_json()),
            told=f"The limits of your account at {VENUES[account.venue].title} were changed.",
        )
        if not is_arming:
            return _back(account, "saved")
        if obstacle:
            return await _trading_page(web, request, account, limit_errors={"": obstacle}, status=422)
        await web.store.set_account_state(
            account.account_id,
            AccountState.ARMED,
            "",
            web.now(),
            noted=await web.entry(request, "account.armed", account.account_id),
            told=f"Your account at {VENUES[account.venue].title} was armed: it may open positions.",
        )
        return _back(account, "armed")

    @routes.post("/{account_id}/disarm")
    async def disarm(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.DISARM)
        await web.form(request)
        await web.store.set_account_state(account.account_id, AccountState.DISARMED, "", web.now())
        # Disarming only takes risk away: it is done even when it cannot be noted.
        await web.store.note_if_possible(await web.entry(request, "account.disarmed", account.account_id))
        return _back(account, "disarmed")

    return routes


def leverage_ceiling(account: TradingAccount) -> int:
    """The highest leverage cap that makes sense here."""
    lent = [leverage for _, leverage in leverages_of(account)]
    return max(lent, default=max(VENUES[account.venue].leverage_caps.values()))


def obstacle_to_arming(account: TradingAccount) -> str:
    """Why this account cannot be armed yet; empty when it can."""
    if not account.is_connected:
        return "This key is disconnected. Connect one first."
    if not account.assignments:
        return "Add a strategy first: there is nothing that could give a signal."
    return ""


async def _obstacle(web: Web, request: Request, account: TradingAccount) -> str:
    """Why this person cannot arm this account now; empty when they can."""
    person = await web.person(request)
    factors = await web.store.factors(person.user_id)
    return obstacle_to_arming(account) or arming.obstacle_to_arming(person, factors, web.now())


async def _trading_page(
    web: Web,
    request: Request,
    account: TradingAccount,
    *,
    limit_errors: dict[str, str] | None = None,
    strategy_error: tuple[str, str] = ("", ""),
    status: int = 200,
) -> Response:
    errors = limit_errors or {}
    pairs = pairs_of(account)
    limits = account.limits if account.limits.allowed_pairs else replace(account.limits, allowed_pairs=frozenset(pairs))
    values = {
        "here": "account",
        "account": card_of(account),
        "armed": account.is_armed,
        "said": _SAID.get(request.query_params.get("said", "")),
        "follows": [_follow(line) for line in account.assignments],
        "strategies": [_strategy_form(each, strategy_error, account) for each in STRATEGIES.values()],
        "pairs": [str(pair) for pair in pairs],
        "intervals": INTERVALS,
        "default_interval": DEFAULT_INTERVAL,
        "limits_error": errors.get("", "Look at the boxes marked below." if errors else ""),
        "limit_boxes": limit_boxes(limits, leverage_ceiling(account), errors),
        "tiers": tier_boxes(limits, errors),
        "allowed": {str(pair) for pair in limits.allowed_pairs},
        "obstacle": await _obstacle(web, request, account),
    }
    return await web.page(request, "trading/plan.html", values, status)


def _strategy_form(strategy: Strategy, error: tuple[str, str], account: TradingAccount) -> StrategyForm:
    mistaken = error[0] == strategy.name
    first = not account.assignments and not error[0] and strategy is next(iter(STRATEGIES.values()))
    return StrategyForm(
        strategy.name,
        strategy.title,
        strategy.description,
        strategy.parameters,
        error[1] if mistaken else "",
        mistaken or first,
    )


def _follow(line: Assignment) -> Follow:
    strategy = STRATEGIES.get(line.strategy)
    labels = {parameter.name: parameter for parameter in strategy.parameters} if strategy else {}
    words = [
        f"{labels[name].label} {value} {labels[name].unit}".rstrip()
        for name, value in line.values.items()
        if name in labels
    ]
    return Follow(line.pair, strategy_title(line.strategy), line.interval, " · ".join(words))


def _back(account: TradingAccount, said: str) -> Response:
    return RedirectResponse(f"/account/{account.account_id}/trading?said={said}", status_code=303)
