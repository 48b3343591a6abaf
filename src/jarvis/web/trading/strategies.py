"""Strategies of one account: what runs, what there is, and every change seen before it is kept.

A form is made from what a strategy declares of its parameters, and from nothing else. A change is first an address
(what is wished, in its query), shown as a difference; only the button below it keeps anything.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, may
from jarvis.domain.money import plain
from jarvis.store.records import Assignment, PositionRecord, TradingAccount
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import Parameter, ParameterValue, Strategy
from jarvis.web.connecting.account import Said, card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import strategy_title
from jarvis.web.forms import Form
from jarvis.web.trading.arming import Doubts, doubts_about, live_details, may_open
from jarvis.web.trading.following import (
    Difference,
    Followed,
    PairChange,
    changes,
    effects,
    followed_of,
    from_json,
    to_json,
    values_in_words,
)
from jarvis.web.trading.history import changes_of
from jarvis.web.trading.keeping import keep_following
from jarvis.web.trading.plan_form import DEFAULT_INTERVAL, INTERVALS, read_wish
from jarvis.web.trading.rule_picture import RulePicture, picture_of

_SAID = {
    "saved": Said("good", "Saved.", "It is followed from the next finished bar on."),
    "stopped": Said("good", "Stopped.", "No new position is opened there. What is open stays protected."),
    "same": Said("good", "Nothing to change.", "That is what is followed already."),
}
_MOVED_ON = "What is followed was changed meanwhile, perhaps in another window. Look once more."


@dataclass(frozen=True, slots=True)
class Running:
    """One line of what runs now."""

    line: Followed
    title: str
    values: str
    held: PositionRecord | None


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter in the form: as its strategy declares it, with what the box holds."""

    parameter: Parameter
    value: str
    usual: str
    range: str

    @property
    def is_usual(self) -> bool:
        """Whether the box holds the default."""
        return self.value == self.usual


@dataclass(frozen=True, slots=True)
class Wished:
    """What an account would follow, and why not if it cannot be."""

    wanted: Sequence[Assignment]
    strategy: Strategy | None = None
    error: str = ""


def router(web: Web) -> APIRouter:
    """The routes of an account's strategies."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/strategies")
    async def strategies_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id)
        return await _page(web, request, account)

    @routes.get("/{account_id}/strategies/form")
    async def form_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.TRADE)
        strategy = STRATEGIES.get(request.query_params.get("strategy", ""))
        if strategy is None:
            return await _page(web, request, account)
        return await _form_page(web, request, account, strategy)

    @routes.get("/{account_id}/strategies/change")
    async def change_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.TRADE)
        wished = _wished(_asked(request), account)
        if wished.error and wished.strategy is not None:
            return await _form_page(web, request, account, wished.strategy, error=wished.error)
        if wished.error:
            return await _page(web, request, account, error=wished.error)
        return await _change_page(web, request, account, wished, _asked(request))

    @routes.post("/{account_id}/strategies")
    async def change(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.TRADE)
        form = await web.form(request)
        wished = _wished(form, account)
        if wished.error and wished.strategy is not None:
            return await _form_page(web, request, account, wished.strategy, error=wished.error, status=422)
        if wished.error:
            return await _page(web, request, account, error=wished.error, status=422)
        if form.text("seen") != _mark_of(account):
            return await _change_page(web, request, account, wished, form, error=_MOVED_ON, status=409)
        doubts = await doubts_about_new(web, account, wished.wanted)
        if doubts:
            # An armed account trades what it follows: for a strategy that is new to real money this is arming.
            await web.person(request, Deed.ARM)
            if not doubts.is_override(form.text("words")):
                return await _change_page(web, request, account, wished, form, error=doubts.words, status=422)
        details = live_details(account, followed_of(wished.wanted)) if may_open(account) else {}
        await keep_following(web, request, account, wished.wanted, {**details, **doubts.details})
        said = "stopped" if form.text("stop") else "saved"
        return RedirectResponse(f"{_home(account)}?said={said}", status_code=303)

    return routes


async def doubts_about_new(web: Web, account: TradingAccount, wanted: Sequence[Assignment]) -> Doubts:
    """What speaks against those of `wanted` that would trade with real money at once and do not trade so already."""
    new = [line for line in wanted if line not in account.assignments]
    return await doubts_about(web, account, new) if may_open(account) and new else Doubts()


def _asked(request: Request) -> Form:
    """What an address wishes, as if it were a form."""
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in request.query_params.multi_items():
        lists[name] = (*lists.get(name, ()), value)
    return Form({name: values[0] for name, values in lists.items()}, lists)


def _wished(form: Form, account: TradingAccount) -> Wished:
    """What would be followed: one strategy put on some pairs, or one pair left alone."""
    stopped = form.text("stop")
    if stopped:
        kept = [line for line in account.assignments if str(line.pair) != stopped]
        return Wished(kept, error="" if len(kept) < len(account.assignments) else "Nothing is followed there.")
    strategy = STRATEGIES.get(form.text("strategy"))
    if strategy is None:
        return Wished((), error="There is no such strategy. Choose one of those offered.")
    wish = read_wish(form, strategy, pairs_of(account))
    if wish is None:
        return Wished((), strategy, form.errors[""])
    put = {pair: Assignment(wish.strategy, pair, wish.interval, wish.values) for pair in wish.pairs}
    kept = [put.pop(line.pair, line) for line in account.assignments]
    return Wished([*kept, *put.values()], strategy)


def _mark_of(account: TradingAccount) -> str:
    """Names what is followed now: whoever saw something else is shown the difference again."""
    return hashlib.sha256(to_json(followed_of(account.assignments)).encode()).hexdigest()[:16]


# --- the pages ---------------------------------------------------------------------------------------------------


async def _page(
    web: Web, request: Request, account: TradingAccount, *, error: str = "", said: str = "", status: int = 200
) -> Response:
    person = await web.person(request)
    held = {
        str(record.story.pair): record
        for record in await web.store.open_positions(account.owner_id, account.account_id)
    }
    running = [_running(line, held.get(line.pair)) for line in followed_of(account.assignments)]
    followed = {line.line.pair for line in running}
    values = {
        "here": "desk",
        "account": card_of(account),
        "armed": account.is_armed,
        "mine": person.user_id == account.owner_id and may(person.role, Deed.TRADE),
        "said": _SAID.get(said or request.query_params.get("said", "")),
        "error": error,
        "running": running,
        "left_alone": [record for pair, record in held.items() if pair not in followed],
        "cards": [_card(strategy, account) for strategy in STRATEGIES.values()],
        "history": await changes_of(web.store, account, "strategies.changed", _history),
    }
    return await web.page(request, "trading/strategies.html", values, status)


@dataclass(frozen=True, slots=True)
class Card:
    """A strategy that is installed."""

    strategy: Strategy
    picture: RulePicture
    pairs: tuple[str, ...]


def _card(strategy: Strategy, account: TradingAccount) -> Card:
    pairs = tuple(str(line.pair) for line in account.assignments if line.strategy == strategy.name)
    return Card(strategy, picture_of(strategy.name), pairs)


def _running(line: Followed, held: PositionRecord | None) -> Running:
    return Running(line, strategy_title(line.strategy), values_in_words(line), held)


async def _form_page(
    web: Web, request: Request, account: TradingAccount, strategy: Strategy, *, error: str = "", status: int = 200
) -> Response:
    asked = request.query_params
    pairs = [str(pair) for pair in pairs_of(account)]
    begun = [pair for pair in asked.getlist("pair") if pair in pairs]
    line = next(
        (line for line in account.assignments if line.strategy == strategy.name and str(line.pair) in begun), None
    )
    values: dict[str, ParameterValue] = {each.name: each.default for each in strategy.parameters}
    if line is not None and not asked.get("usual"):
        values.update(line.values)
    values.update(_typed(asked.items(), strategy))
    seconds = DEFAULT_INTERVAL if line is None else int(line.interval.total_seconds())
    typed = asked.get("interval", "")
    shown = {
        "here": "desk",
        "account": card_of(account),
        "strategy": strategy,
        "picture": picture_of(strategy.name),
        "error": error,
        "pairs": pairs,
        "ticked": begun or pairs[:1],
        "elsewhere": {str(each.pair): strategy_title(each.strategy) for each in account.assignments},
        "intervals": INTERVALS,
        "interval": int(typed) if typed in {str(each) for each, _ in INTERVALS} else seconds,
        "fields": [_field(each, values[each.name]) for each in strategy.parameters],
        "usual": f"{_home(account)}/form?" + "&".join(
            [f"strategy={strategy.name}", "usual=yes", *(f"pair={pair.replace('/', '%2F')}" for pair in begun)]
        ),
    }  # fmt: skip
    return await web.page(request, "trading/strategy_form.html", shown, status)


def _typed(asked: Iterable[tuple[str, str]], strategy: Strategy) -> dict[str, ParameterValue]:
    """What an address says of parameters, as far as each is a value that the strategy takes."""
    given = dict(asked)
    found: dict[str, ParameterValue] = {}
    for parameter in strategy.parameters:
        try:
            found[parameter.name] = parameter.parse(given[f"parameter-{parameter.name}"])
        except (KeyError, ValueError):
            continue
    return found


def _field(parameter: Parameter, value: ParameterValue) -> Field:
    bounds = ""
    if parameter.minimum is not None and parameter.maximum is not None:
        bounds = f"{plain(parameter.minimum)} to {plain(parameter.maximum)} {parameter.unit}".rstrip()
    return Field(parameter, _text(value), _text(parameter.default), bounds)


def _text(value: ParameterValue) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


async def _change_page(
    web: Web,
    request: Request,
    account: TradingAccount,
    wished: Wished,
    form: Form,
    *,
    error: str = "",
    status: int = 200,
) -> Response:
    before, after = followed_of(account.assignments), followed_of(wished.wanted)
    found = changes(before, after)
    if not found:
        return await _page(web, request, account, said="same")
    held = await web.store.open_positions(account.owner_id, account.account_id)
    names = ("strategy", "stop", "interval", *(f"parameter-{each.name}" for each in _parameters(wished)))
    stopped = form.text("stop")
    fields = [(name, form.text(name)) for name in names if form.text(name)]
    fields += [("pair", pair) for pair in form.all("pair")]
    values = {
        "here": "desk",
        "account": card_of(account),
        "title": f"Stop on {found[0].pair}" if stopped else f"{wished.strategy.title}" if wished.strategy else "",
        "stops": bool(stopped),
        "changes": found,
        "effects": effects(found, after, held),
        "armed": may_open(account),
        "doubts": await doubts_about_new(web, account, wished.wanted),
        "fields": fields,
        "seen": _mark_of(account),
        "error": error,
    }
    return await web.page(request, "trading/strategy_change.html", values, status)


def _parameters(wished: Wished) -> tuple[Parameter, ...]:
    return () if wished.strategy is None else wished.strategy.parameters


def _history(details: dict[str, str]) -> list[tuple[str, tuple[Difference, ...]]]:
    """What a line of the audit says was changed, pair by pair."""
    if "before" not in details or "after" not in details:
        return []
    found = changes(from_json(details["before"]), from_json(details["after"]))
    return [(f"{change.pair}, {change.title}", _shortly(change)) for change in found]


def _shortly(change: PairChange) -> tuple[Difference, ...]:
    """A new strategy in one line: its parameters are on the page of what runs."""
    return change.differences[:2] if change.kind in ("new", "switched") else change.differences


def _home(account: TradingAccount) -> str:
    return f"/desk/{account.account_id}/strategies"
