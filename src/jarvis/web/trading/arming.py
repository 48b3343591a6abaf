"""Arming: the one way in which an account is allowed to open positions, and the page that leads to it.

With real money a strategy has been rehearsed on the sandbox first (docs/decisions/021-paper-before-live.md) and has a
good verdict (033-a-verdict-before-live.md), or a person types that it has not. Whatever lets an account open positions
asks `arm` or `doubts_about`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jarvis.accounts import arming
from jarvis.accounts.people import Deed
from jarvis.domain.account import Environment, UserId
from jarvis.research.kept import identity_of
from jarvis.store.records import AccountState, Assignment, TradingAccount
from jarvis.trading.judged import OVERRIDE as VERDICT_OVERRIDE
from jarvis.trading.judged import Standing, standing_of, subject_of
from jarvis.trading.rehearsal import OVERRIDE as REHEARSAL_OVERRIDE
from jarvis.trading.rehearsal import Rehearsal, rehearsals
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import Said, card_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import strategy_title
from jarvis.web.trading.following import Followed, followed_of
from jarvis.web.trading.money import equity_of, promises

_LIVE = "live_strategies"
_NOTED_AS = ("account.armed", "strategies.changed")
_SAID = {
    "armed": Said("good", "Armed.", "The next signal of your strategies, or you by hand, may open a position."),
    "disarmed": Said("good", "Disarmed.", "Nothing new is opened. What is open stays protected."),
}


@dataclass(frozen=True, slots=True)
class Lacking:
    """A strategy and what it lacks, in words."""

    title: str
    so_far: str


def router(web: Web) -> APIRouter:
    """The routes of arming and disarming."""
    routes = APIRouter(prefix="/account")

    @routes.get("/{account_id}/trading")
    async def arming_page(request: Request, account_id: str) -> Response:
        return await _page(web, request, await web.account(request, account_id, Deed.TRADE))

    @routes.post("/{account_id}/arm")
    async def arm_it(request: Request, account_id: str) -> Response:
        account = await web.account(request, account_id, Deed.ARM)
        form = await web.form(request)
        if account.is_armed:
            return _back(account, "armed")
        obstacle = await arm(web, request, account, words=form.text("words"))
        if obstacle:
            return await _page(web, request, account, error=obstacle, status=422)
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


async def arm(web: Web, request: Request, account: TradingAccount, *, words: str) -> str:
    """Arm the account within the limits that it has; in a sentence why not, and then nothing was changed.

    `words` are what was typed in place of a rehearsal or a good verdict. Raises what `web.person` raises for Deed.ARM.
    """
    await web.person(request, Deed.ARM)
    obstacle = await obstacle_to_arming(web, request, account)
    if obstacle:
        return obstacle
    doubts = await doubts_about(web, account)
    if doubts and not doubts.is_override(words):
        return doubts.words
    # What the signer may open is drawn before the account is armed: the first order can then be signed.
    failed = await web.connector.draw_policy(account, account.limits)
    if failed:
        return failed
    await web.store.set_account_state(
        account.account_id,
        AccountState.ARMED,
        "",
        web.now(),
        noted=await web.entry(
            request, "account.armed", account.account_id, **live_details(account, followed_of(account.assignments)),
            **doubts.details,
        ),
        told=_armed_words(account, doubts),
    )  # fmt: skip
    return ""


async def obstacle_to_arming(web: Web, request: Request, account: TradingAccount) -> str:
    """Why this person cannot arm this account now, doubts about strategies aside; empty when they can."""
    if not account.is_connected:
        return "This key is disconnected. Connect one first."
    if not account.limits.allowed_pairs:
        return "Set the limits first: they allow no pair yet."
    person = await web.person(request)
    return arming.obstacle_to_arming(person, await web.store.factors(person.user_id), web.now())


@dataclass(frozen=True, slots=True)
class Doubts:
    """What stands between strategies and real money: no rehearsal of some, no good verdict on others."""

    unrehearsed: Sequence[Rehearsal] = ()
    unproven: Sequence[Standing] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.unrehearsed or self.unproven)

    @property
    def override(self) -> str:
        """What a person types who does it all the same."""
        if self.unrehearsed and self.unproven:
            return f"{REHEARSAL_OVERRIDE} and {VERDICT_OVERRIDE.removeprefix('trade ')}"
        return REHEARSAL_OVERRIDE if self.unrehearsed else VERDICT_OVERRIDE

    def is_override(self, words: str) -> bool:
        """Whether these are the words, however they are spaced and capitalised."""
        return " ".join(words.lower().split()) == self.override

    @property
    def words(self) -> str:
        """What is missing, and what one can do."""
        named = "; ".join(f"{each.title}: {each.so_far}" for each in self.lines)
        paper = "Not rehearsed enough. " if self.unrehearsed else "No good verdict. "
        return f"{paper}{named}. Make up for it first, or type “{self.override}”."

    @property
    def lines(self) -> list[Lacking]:
        """Each of them, for a page."""
        return [
            *(Lacking(strategy_title(each.strategy), each.so_far) for each in self.unrehearsed),
            *(Lacking(f"{strategy_title(each.strategy)} on {each.pair}", each.so_far) for each in self.unproven),
        ]

    @property
    def details(self) -> Mapping[str, str]:
        """What the audit says of somebody who did it all the same."""
        told = {}
        if self.unrehearsed:
            told["unrehearsed"] = " ".join(each.strategy for each in self.unrehearsed)
        if self.unproven:
            told["unproven"] = "; ".join(f"{each.strategy} on {each.pair}: {each.so_far}" for each in self.unproven)
        return {**told, "typed": self.override} if told else {}


async def doubts_about(web: Web, account: TradingAccount, lines: Iterable[Assignment] | None = None) -> Doubts:
    """What this account may not follow with real money yet, of what it follows or of `lines`; none on the sandbox.

    A strategy that traded with real money before needs no new rehearsal.
    """
    if account.environment is not Environment.LIVE:
        return Doubts()
    asked = list(account.assignments if lines is None else lines)
    names = [line.strategy for line in asked]
    rehearsal = [each for each in await rehearsed(web, account.owner_id, names) if not each.is_enough]
    return Doubts(rehearsal, [each for each in await standings(web, account, asked) if not each.is_good])


async def standings(web: Web, account: TradingAccount, lines: Iterable[Assignment]) -> list[Standing]:
    """By which verdict each of these stands at this account's venue."""
    judgements = [kept.judgement for kept in await web.store.verdicts_of(account.owner_id)]

    def standing(line: Assignment) -> Standing:
        subject = subject_of(identity_of(line.strategy, web.settings.data_dir), line.values, line.interval)
        return standing_of(line.strategy, str(line.pair), subject, str(account.venue), judgements, web.now())

    return [standing(line) for line in lines]


async def rehearsed(web: Web, owner_id: UserId, strategies: Iterable[str]) -> Sequence[Rehearsal]:
    """How far a person has rehearsed each of these strategies."""
    runs = await web.store.strategy_runs(owner_id)
    lines = await web.store.audit_of(owner_id, kinds=_NOTED_AS, limit=500)
    before = {name for line in lines for name in str((line.details or {}).get(_LIVE) or "").split()}
    return rehearsals(strategies, runs, before)


def may_open(account: TradingAccount) -> bool:
    """Whether what the account follows may open positions without being armed once more."""
    return account.state not in (AccountState.DISARMED, AccountState.DISCONNECTED)


def live_details(account: TradingAccount, lines: Iterable[Followed]) -> Mapping[str, str]:
    """What the audit says of strategies that may trade with real money from now on."""
    if account.environment is not Environment.LIVE:
        return {}
    return {_LIVE: " ".join(dict.fromkeys(line.strategy for line in lines))}


def _armed_words(account: TradingAccount, doubts: Doubts) -> str:
    words = f"Your account at {VENUES[account.venue].title} was armed: it may open positions."
    if doubts.unrehearsed:
        words += " A strategy was not rehearsed on the sandbox."
    return f"{words} A strategy has no good verdict." if doubts.unproven else words


async def _page(web: Web, request: Request, account: TradingAccount, *, error: str = "", status: int = 200) -> Response:
    equity = await equity_of(web, account)
    doubts = await doubts_about(web, account)
    values = {
        "here": "account",
        "account": card_of(account),
        "armed": account.is_armed,
        "said": _SAID.get(request.query_params.get("said", "")),
        "error": error,
        "follows": [
            (line.pair, strategy_title(line.strategy), line.interval) for line in followed_of(account.assignments)
        ],
        "promises": promises(account.limits, equity) if account.limits.allowed_pairs else [],
        "doubts": doubts,
        "is_live": account.environment is Environment.LIVE,
        "obstacle": await obstacle_to_arming(web, request, account),
    }
    return await web.page(request, "trading/arming.html", values, status)


def _back(account: TradingAccount, said: str) -> Response:
    return RedirectResponse(f"/account/{account.account_id}/trading?said={said}", status_code=303)
