"""Limits of one account: how much of each is used, what a loss sets off, and every change seen before it is kept.

All rules live in trading/. A change is first an address (what is wished, in its query), shown as a difference; the
button below it keeps it. Raising asks for a fresh proof, lowering is done at once.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed, may
from jarvis.domain.instrument import Pair
from jarvis.domain.money import plain
from jarvis.store.records import Overview, TradingAccount
from jarvis.trading.limits import Limits, TierAction
from jarvis.trading.sizing import Costs
from jarvis.trading.tightening import raised
from jarvis.trading.usage import Example, Ladder, Rung, Use, examples, ladders, uses
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import Said, card_of, leverages_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.trading.following import Difference
from jarvis.web.trading.held import held_by
from jarvis.web.trading.history import changes_of
from jarvis.web.trading.keeping import SIGNER_BEHIND, keep_limits, tell_signer
from jarvis.web.trading.money import Equity, equity_of, leverage_ceiling, promises
from jarvis.web.trading.plan_form import Asked, asked_in, limit_boxes, read_limits, tier_boxes, unchanged_fields

_SAID = {
    "raised": Said("good", "Saved.", "The new limits are in force."),
    "lowered": Said("good", "Lowered.", "The new limits are in force at once."),
    "behind": Said("warn", "Lowered.", SIGNER_BEHIND),
    "same": Said("good", "Nothing to change.", "Those are the limits already."),
}
_MOVED_ON = "The limits were changed meanwhile, perhaps in another window. Look once more."
_STOPS = (Decimal("0.01"), Decimal("0.02"), Decimal("0.05"))
_LABELS = {
    "leverage_cap": "Leverage cap",
    "equity_share_per_position": "Equity per position",
    "risk_per_trade": "Risk per trade",
    "max_open_positions": "Open positions",
    "daily_loss": "Daily loss",
    "drawdown": "Drawdown",
    "margin_level_floor": "Margin level",
    "margin_level": "Margin level",
    "allowed_pairs": "Allowed pairs",
}
_ABOUT = {
    "risk_per_trade": "lost at the stop of the position that risks most",
    "equity_share_per_position": "margin of the position that takes most",
    "leverage_cap": "highest leverage that is open",
    "max_open_positions": "open now",
    "daily_loss": "Loss since midnight UTC",
    "drawdown": "Loss from the highest equity",
    "margin_level": "Equity over used margin; here lower is worse",
}
_ACTIONS = {
    TierAction.WARN: "Tell me",
    TierAction.BLOCK_ENTRIES: "Stop opening",
    TierAction.REDUCE: "Halve positions",
    TierAction.FLATTEN: "Close everything",
}
_TOLD = "You are told, wherever your notices go. Nothing else happens."
_TIERS = (("daily_loss", -1), ("drawdown", -1), ("margin_level_floor", 1))
_WARN_AT, _FULL = Decimal("0.75"), Decimal(1)


@dataclass(frozen=True, slots=True)
class Rail:
    """A limit as a bar: `width` of 100 is all of it. `now` and `most` are text with units, `money` what it comes to."""

    title: str
    about: str
    now: str
    most: str
    width: int
    tone: str
    word: str
    money: str = ""
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class RungShown:
    """One tier in words."""

    action: str
    at: str
    does: str
    width: int
    tone: str
    state: str
    money: str


@dataclass(frozen=True, slots=True)
class LadderShown:
    """A graded limit in words."""

    title: str
    about: str
    now: str
    rungs: tuple[RungShown, ...]
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One line of a change of limits. `raises` where it allows what was not allowed before."""

    what: str
    before: str
    after: str
    raises: bool


@dataclass(frozen=True, slots=True)
class Worked:
    """An example on one pair with this account's equity."""

    pair: Pair
    leverage: int
    price: Decimal
    rows: list[Example]


def router(web: Web) -> APIRouter:
    """The routes of an account's limits."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/limits")
    async def limits_page(request: Request, account_id: str) -> Response:
        return await _page(web, request, await web.overview(request, account_id))

    @routes.get("/{account_id}/limits/form")
    async def form_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.LOWER_LIMITS)
        return await _form_page(web, request, account, asked_in(request))

    @routes.get("/{account_id}/limits/change")
    async def change_page(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.LOWER_LIMITS)
        asked = asked_in(request)
        form = asked.over(unchanged_fields(_begun(account)))
        wanted = read_limits(form, leverage_ceiling(account), pairs_of(account))
        if wanted is None:
            return await _form_page(web, request, account, asked, form.errors)
        return await _change_page(web, request, account, wanted)

    @routes.post("/{account_id}/limits")
    async def change(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.LOWER_LIMITS)
        form = await web.form(request)
        wanted = read_limits(form, leverage_ceiling(account), pairs_of(account))
        if wanted is None:
            return await _form_page(web, request, account, Asked(form.fields, form.lists), form.errors, 422)
        if form.text("seen") != mark_of(account.limits):
            return await _change_page(web, request, account, wanted, error=_MOVED_ON, status=409)
        is_raised = bool(raised(account.limits, wanted))
        failed = await keep_limits(web, request, account, wanted)
        if failed:
            return await _change_page(web, request, account, wanted, error=failed, status=503)
        behind = "" if is_raised else await tell_signer(web, account, wanted)
        said = "raised" if is_raised else "behind" if behind else "lowered"
        return RedirectResponse(f"/desk/{account.account_id}/limits?said={said}", status_code=303)

    return routes


# --- the pages ---------------------------------------------------------------------------------------------------


async def _page(web: Web, request: Request, overview: Overview, *, said: str = "") -> Response:
    account = overview.account
    person = await web.person(request)
    held = await held_by(web.store, account)
    equity = await equity_of(web, account)
    values = {
        "here": "desk",
        "account": card_of(account),
        "armed": account.is_armed,
        "mine": person.user_id == account.owner_id and may(person.role, Deed.LOWER_LIMITS),
        "said": _SAID.get(said or request.query_params.get("said", "")),
        "is_set": bool(account.limits.allowed_pairs),
        "read_at": overview.margin.at if overview.margin else None,
        "equity": equity,
        "rails": [_rail(each, equity) for each in uses(account.limits, overview.margin, held)],
        "ladders": [_ladder(each, equity) for each in ladders(account.limits, overview.marks, overview.margin)],
        "pairs": [(str(pair), pair in account.limits.allowed_pairs) for pair in pairs_of(account)],
        "promises": promises(account.limits, equity),
        "example": await _example(web, account, equity),
        "cost_rate": Costs().round_trip_rate,
        "history": await changes_of(web.store, account, "limits.changed", _history),
    }
    return await web.page(request, "trading/limits.html", values)


async def _example(web: Web, account: TradingAccount, equity: Equity | None) -> Worked | None:
    """What one position could be, on the first pair that is allowed and has a price."""
    if equity is None or equity.amount <= 0:
        return None
    lent, quotes = dict(leverages_of(account)), await web.store.quotes(account.feed)
    caps = VENUES[account.venue].leverage_caps
    for pair in pairs_of(account):
        quote = quotes.get(pair)
        if pair in account.limits.allowed_pairs and quote is not None:
            leverage = min(account.limits.leverage_cap, lent.get(pair, account.limits.leverage_cap), caps.get(pair, 1))
            rows = examples(account.limits, equity.amount, quote.last, max(1, leverage), _STOPS, Costs())
            return Worked(pair, max(1, leverage), quote.last, rows)
    return None


async def _form_page(
    web: Web,
    request: Request,
    account: TradingAccount,
    asked: Asked,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    begun = _begun(account)
    found = errors or {}
    values = {
        "here": "desk",
        "account": card_of(account),
        "error": found.get("", "Look at the boxes marked below." if found else ""),
        "limit_boxes": [asked.filled(box) for box in limit_boxes(begun, leverage_ceiling(account), found)],
        "tiers": [
            replace(group, boxes=tuple(asked.filled(box) for box in group.boxes)) for group in tier_boxes(begun, found)
        ],
        "pairs": [str(pair) for pair in pairs_of(account)],
        "allowed": set(asked.lists.get("allowed", tuple(str(pair) for pair in begun.allowed_pairs))),
    }
    return await web.page(request, "trading/limits_form.html", values, status)


async def _change_page(
    web: Web, request: Request, account: TradingAccount, wanted: Limits, *, error: str = "", status: int = 200
) -> Response:
    here = f"/desk/{account.account_id}/limits"
    if wanted == account.limits:
        return await _page(web, request, await web.overview(request, account.account_id), said="same")
    equity = await equity_of(web, account)
    fields = unchanged_fields(wanted)
    was = dict(unchanged_fields(_begun(account)))
    changed = [(name, text) for name, text in fields if name != "allowed" and was.get(name) != text]
    changed += [(name, text) for name, text in fields if name == "allowed"]
    values = {
        "here": "desk",
        "account": card_of(account),
        "changes": changes_between(account.limits, wanted, equity),
        "raised": [_LABELS[name] for name in raised(account.limits, wanted)],
        "armed": account.is_armed,
        "fields": fields,
        "seen": mark_of(account.limits),
        "again": f"{here}/change?{urlencode(changed)}",
        "edit": f"{here}/form?{urlencode(changed)}",
        "error": error,
    }
    return await web.page(request, "trading/limits_change.html", values, status)


def _begun(account: TradingAccount) -> Limits:
    """The limits that a form begins with: before any pair was allowed, all are ticked."""
    if account.limits.allowed_pairs:
        return account.limits
    return replace(account.limits, allowed_pairs=frozenset(pairs_of(account)))


def mark_of(limits: Limits) -> str:
    """Names limits in a form: whoever saw others is shown the difference again."""
    return "-".join(text for _, text in unchanged_fields(limits)).replace("/", "")


# --- words -------------------------------------------------------------------------------------------------------


def changes_between(before: Limits, after: Limits, equity: Equity | None = None) -> list[LimitChange]:
    """What is other, one line each, with what it comes to in money where that is known."""
    found = [
        LimitChange(_LABELS[name], _value(name, was, equity), _value(name, will, equity), name in raised(before, after))
        for name in ("risk_per_trade", "equity_share_per_position", "leverage_cap", "max_open_positions")
        if (was := getattr(before, name)) != (will := getattr(after, name))
    ]
    for name, later in _TIERS:
        was, will = dict(getattr(before, name).given()), dict(getattr(after, name).given())
        found.extend(
            LimitChange(
                f"{_LABELS[name]}: {_ACTIONS[action].lower()}",
                _threshold(was.get(action)),
                _threshold(will.get(action)),
                _is_later(was.get(action), will.get(action), later),
            )
            for action in TierAction
            if was.get(action) != will.get(action)
        )
    gone, new = before.allowed_pairs - after.allowed_pairs, after.allowed_pairs - before.allowed_pairs
    found.extend(LimitChange(f"{pair}", "allowed", "not allowed", raises=False) for pair in sorted(gone))
    found.extend(LimitChange(f"{pair}", "not allowed", "allowed", raises=True) for pair in sorted(new))
    return found


def _is_later(before: Decimal | None, after: Decimal | None, later: int) -> bool:
    """Whether an action comes later than before; `later` is -1 where a larger threshold is later."""
    return before is not None and (after is None or (after - before) * later < 0)


def _value(name: str, value: Decimal | int, equity: Equity | None) -> str:
    if name == "leverage_cap":
        return f"{value}x"
    if name == "max_open_positions":
        return f"{value}"
    words = _percent(Decimal(value))
    return words if equity is None else f"{words} ({equity.amount * value:,.2f} {equity.asset})"


def _threshold(value: Decimal | None) -> str:
    return "off" if value is None else _percent(value)


def _percent(value: Decimal, places: int | None = None) -> str:
    return f"{plain(value * 100)} %" if places is None else f"{value * 100:,.{places}f} %"


def _rail(use: Use, equity: Equity | None) -> Rail:
    is_above = use.used is not None and use.used > use.limit
    is_full = use.filled >= _FULL and use.name == "max_open_positions"
    tone, word = ("bad", "above") if is_above else ("warn", "full") if is_full else ("", "")
    title, about = _LABELS[use.name], _ABOUT[use.name]
    rail = Rail(title, about, "", "", _width(use.filled), tone, word, pair=use.pair)
    if use.name == "max_open_positions":
        return replace(rail, now=f"{use.used}", most=f"{use.limit}")
    if use.name == "leverage_cap":
        return replace(rail, now=f"{use.used or 0}x", most=f"{use.limit}x")
    now = "not known yet" if use.used is None else _percent(use.used, 2)
    money = ""
    if equity is not None and use.used is not None:
        money = f"{equity.amount * use.used:,.2f} of {equity.amount * use.limit:,.2f} {equity.asset}"
    return replace(rail, now=now, most=_percent(use.limit), money=money)


def _ladder(ladder: Ladder, equity: Equity | None) -> LadderShown:
    is_level = ladder.rule == "margin_level"
    now = (
        "not known yet" if ladder.now is None else _percent(ladder.now if is_level else max(Decimal(0), ladder.now), 2)
    )
    if is_level:
        now = "nothing borrowed" if ladder.now is None and equity else _percent(ladder.now, 0) if ladder.now else now
    given = {rung.action for rung in ladder.rungs}
    return LadderShown(
        _LABELS[ladder.rule],
        _ABOUT[ladder.rule],
        now,
        tuple(_rung(each, equity, is_level=is_level) for each in ladder.rungs),
        tuple(words for action, words in _ACTIONS.items() if action not in given),
    )


def _rung(rung: Rung, equity: Equity | None, *, is_level: bool) -> RungShown:
    state = "reached" if rung.is_reached else ""
    if not state and rung.filled:
        state = f"{_percent(rung.filled, 0)} of the way" if not is_level else ""
    tone = "bad" if rung.is_reached else "warn" if rung.filled >= _WARN_AT else ""
    asset = equity.asset if equity else ""
    money = "" if rung.equity is None else f"at an equity of {rung.equity:,.2f} {asset}".rstrip()
    at = f"{'below ' if is_level else ''}{_percent(rung.threshold)}"
    does = _TOLD if rung.action is TierAction.WARN else rung.consequence
    return RungShown(_ACTIONS[rung.action], at, does, _width(rung.filled), tone, state, money)


def _width(filled: Decimal) -> int:
    return int(filled * 100)


def _history(details: dict[str, str]) -> list[tuple[str, tuple[Difference, ...]]]:
    """What a line of the audit says was changed."""
    if "limits" not in details:
        return []
    if "before" not in details:
        return [("Limits as they were set then", _all_of(Limits.from_json(details["limits"])))]
    found = changes_between(Limits.from_json(details["before"]), Limits.from_json(details["limits"]))
    words = "Raised" if details.get("raised") else "Lowered"
    return [(words, tuple(Difference(each.what, each.before, each.after) for each in found))]


def _all_of(limits: Limits) -> tuple[Difference, ...]:
    names = ("risk_per_trade", "equity_share_per_position", "leverage_cap", "max_open_positions")
    return tuple(Difference(_LABELS[name], "", _value(name, getattr(limits, name), None)) for name in names)
