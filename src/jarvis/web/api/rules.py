"""What an account is to trade and must never exceed: strategies, assignments, limits.

A token may choose strategies and lower limits. Raising a limit and arming need a person who has just proved that it is
them: there is no operation for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from fastapi import Body, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.instrument import Pair
from jarvis.domain.money import exact, plain
from jarvis.domain.people import Scope
from jarvis.store.records import Assignment, TradingAccount
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import Parameter, Strategy, resolve
from jarvis.trading.tightening import raised
from jarvis.trading.universe import universe_of
from jarvis.venues.catalog import VENUES
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, noted, own, readable
from jarvis.web.api.door import Door
from jarvis.web.api.problems import Told
from jarvis.web.api.records import Fraction, PairText, Record, amount, example_of, text, told
from jarvis.web.connecting.account import pairs_of
from jarvis.web.trading.arming import live_details, may_open
from jarvis.web.trading.following import followed_of, to_json
from jarvis.web.trading.strategies import doubts_about_new

TAG = "rules"
_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400}
BarSize = Annotated[Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"], Field(examples=["15m"])]
_VALUES = {"entry_bars": "40", "exit_bars": "20"}
ParameterText = Annotated[str, Field(max_length=40)]


class ParameterLine(Record):
    """One knob of a strategy; numbers are exact text, null where there is no bound."""

    name: Annotated[str, text("Its stable name.", "entry_bars")]
    label: Annotated[str, text("For people.", "Entry channel")]
    description: Annotated[str, text("What it does.", "How many bars the channel covers.")]
    kind: Annotated[Literal["int", "decimal", "hours", "choice"], Field(examples=["int"])]
    default: Annotated[str, text("What holds if nothing is said.", "40")]
    minimum: Annotated[str | None, amount("In `unit`.", "2")]
    maximum: Annotated[str | None, amount("In `unit`.", "1000")]
    step: Annotated[str | None, amount("In `unit`.", "1")]
    choices: Annotated[list[str], Field(examples=[[]])]
    unit: Annotated[str, text("What the number counts.", "bars")]

    @classmethod
    def of(cls, one: Parameter) -> "ParameterLine":
        """From the strategy itself."""
        return cls(
            name=one.name,
            label=one.label,
            description=one.description,
            kind=one.kind,
            default=_text(one.default),
            minimum=told(one.minimum),
            maximum=told(one.maximum),
            step=told(one.step),
            choices=list(one.choices),
            unit=one.unit,
        )


class StrategyLine(Record):
    """A strategy and its parameters, in the order of a form."""

    name: Annotated[str, text("Its stable name.", "donchian_breakout")]
    title: Annotated[str, text("For people.", "Donchian breakout")]
    description: Annotated[
        str, text("The idea, and where it is weak.", "Buys when the price closes above its highest.")
    ]
    source: Annotated[str, text("Where the idea comes from.", "Richard Donchian's four-week rule.")]
    weak_point: Annotated[str, text("In which market it loses.", "Most breakouts fail.")]
    parameters: list[ParameterLine]

    @classmethod
    def of(cls, one: Strategy) -> "StrategyLine":
        """From the strategy itself."""
        return cls(
            name=one.name,
            title=one.title,
            description=one.description,
            source=one.source,
            weak_point=one.weak_point,
            parameters=[ParameterLine.of(each) for each in one.parameters],
        )


class Strategies(Record):
    """All strategies of this installation."""

    strategies: list[StrategyLine]


class AssignmentLine(Record):
    """A strategy that is followed on one pair. A value that is left out is the strategy's default."""

    strategy: Annotated[str, Field(max_length=64, description="Its stable name.", examples=["donchian_breakout"])]
    pair: Annotated[str, Field(max_length=24, description="Base and quote.", examples=["BTC/USD"])]
    interval: BarSize
    values: Annotated[
        dict[str, ParameterText],
        Field(max_length=40, description="By the name of the parameter, as text.", examples=[_VALUES]),
    ]

    @classmethod
    def of(cls, one: Assignment) -> "AssignmentLine":
        """From what is kept."""
        seconds = int(one.interval.total_seconds())
        name = next(each for each, length in _SECONDS.items() if length == seconds)
        return cls.model_validate(
            {
                "strategy": one.strategy,
                "pair": str(one.pair),
                "interval": name,
                "values": {name: _text(value) for name, value in one.values.items()},
            }
        )


class Assignments(Record):
    """What an account follows: at most one strategy for a pair."""

    assignments: Annotated[list[AssignmentLine], Field(max_length=20)]


class TierLine(Record):
    """When a limit acts, mildest action first; null leaves one out. Fractions: 0.02 is 2 %."""

    warn: Fraction | None
    block_entries: Annotated[str | None, amount("A fraction.", "0.04")]
    reduce: Annotated[str | None, amount("A fraction.", "0.06")]
    flatten: Annotated[str | None, amount("A fraction.", "0.08")]

    @classmethod
    def of(cls, tiers: Tiers) -> "TierLine":
        """From what is kept."""
        return cls(
            warn=told(tiers.warn),
            block_entries=told(tiers.block_entries),
            reduce=told(tiers.reduce),
            flatten=told(tiers.flatten),
        )

    def tiers(self) -> Tiers:
        """What the record means. Raises ValueError."""
        return Tiers(_number(self.warn), _number(self.block_entries), _number(self.reduce), _number(self.flatten))


_FLOORS = {"warn": "2.5", "block_entries": "2", "reduce": "1.6", "flatten": "1.2"}


class LimitsNow(Record):
    """What one trader allows on one account; shares and losses are fractions of equity.

    `margin_level_floor` is equity over used margin, where lower is worse.
    """

    shown: ClassVar[Mapping[str, Any]] = {"margin_level_floor": _FLOORS}
    leverage_cap: Annotated[int, Field(examples=[3])]
    equity_share_per_position: Annotated[str, amount("A fraction.", "0.1")]
    risk_per_trade: Annotated[str, amount("A fraction.", "0.01")]
    max_open_positions: Annotated[int, Field(examples=[4])]
    daily_loss: TierLine
    drawdown: TierLine
    margin_level_floor: TierLine
    allowed_pairs: list[PairText]

    @classmethod
    def of(cls, limits: Limits) -> "LimitsNow":
        """From what is kept."""
        return cls(
            leverage_cap=limits.leverage_cap,
            equity_share_per_position=plain(limits.equity_share_per_position),
            risk_per_trade=plain(limits.risk_per_trade),
            max_open_positions=limits.max_open_positions,
            daily_loss=TierLine.of(limits.daily_loss),
            drawdown=TierLine.of(limits.drawdown),
            margin_level_floor=TierLine.of(limits.margin_level_floor),
            allowed_pairs=sorted(str(pair) for pair in limits.allowed_pairs),
        )


class LowerLimits(Record):
    """What is to be lowered; what is left out stays. Whatever would loosen a limit is refused, and all else with it."""

    shown: ClassVar[Mapping[str, Any]] = {
        "equity_share_per_position": "0.05", "risk_per_trade": "0.005", "daily_loss": None, "drawdown": None,
        "margin_level_floor": None,
    }  # fmt: skip
    leverage_cap: Annotated[int | None, Field(ge=1, le=100, examples=[2])] = None
    equity_share_per_position: Annotated[str | None, amount("A fraction.", "0.05")] = None
    risk_per_trade: Annotated[str | None, amount("A fraction.", "0.005")] = None
    max_open_positions: Annotated[int | None, Field(ge=1, le=100, examples=[2])] = None
    daily_loss: TierLine | None = None
    drawdown: TierLine | None = None
    margin_level_floor: TierLine | None = None
    allowed_pairs: Annotated[list[PairText] | None, Field(min_length=1, max_length=50, examples=[["BTC/USD"]])] = None

    def applied_to(self, limits: Limits) -> Limits:
        """The limits with these changes. Raises ValueError with a sentence that quotes nothing."""
        changed: dict[str, object] = {
            name: value for name in ("leverage_cap", "max_open_positions") if (value := getattr(self, name)) is not None
        }
        for name in ("equity_share_per_position", "risk_per_trade"):
            if (number := _number(getattr(self, name))) is not None:
                changed[name] = number
        for name in ("daily_loss", "drawdown", "margin_level_floor"):
            if (tiers := getattr(self, name)) is not None:
                changed[name] = tiers.tiers()
        if self.allowed_pairs is not None:
            known = {str(pair): pair for pair in limits.allowed_pairs}
            if not set(self.allowed_pairs) <= set(known):
                raise ValueError("allowed_pairs can only be a part of the pairs that are allowed now")
            changed["allowed_pairs"] = frozenset(known[name] for name in self.allowed_pairs)
        return replace(limits, **changed)  # type: ignore[arg-type]  # each is of its field's type


Follow = Annotated[Assignments, Body(examples=[example_of(Assignments)])]
_LOWER = {name: value for name, value in example_of(LowerLimits).items() if value is not None}
Lower = Annotated[LowerLimits, Body(examples=[_LOWER])]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/strategies", TAG)
    async def strategies(caller: known) -> Strategies:  # noqa: ARG001 - the token is asked for, nothing else
        """The strategies there are, each with its parameters."""
        return Strategies(strategies=[StrategyLine.of(each) for each in STRATEGIES.values()])

    @door.get("/accounts/{account_id}/assignments", TAG)
    async def assignments(caller: known, account_id: Known) -> Assignments:
        """Which strategies the account follows."""
        found = await readable(web, caller, account_id)
        return Assignments(assignments=[AssignmentLine.of(each) for each in found.assignments])

    @door.add("PUT", "/accounts/{account_id}/assignments", TAG, Scope.TRADE, also=(409,))
    async def assign(request: Request, caller: known, account_id: Known, wish: Follow) -> Assignments:
        """Follow exactly these strategies, and no others.

        Nothing that is open is closed by it: a position whose strategy is gone keeps its protection. An armed account
        with real money takes a strategy that was rehearsed on the sandbox and has a good verdict; a person on the pages
        can do without.
        """
        found = await own(web, caller, account_id)
        chosen = _assignments_of(wish, pairs_of(found))
        lines = " ".join(f"{each.strategy}:{each.pair}" for each in chosen)
        doubts = await doubts_about_new(web, found, chosen)
        if doubts.unrehearsed:
            names = ", ".join(each.strategy for each in doubts.unrehearsed)
            raise Told(409, f"Not rehearsed enough for real money: {names}. GET /rehearsals says what is missing.")
        if doubts.unproven:
            names = "; ".join(f"{each.strategy} on {each.pair}: {each.so_far}" for each in doubts.unproven)
            raise Told(409, f"No good verdict for real money: {names}. GET /verdicts lists those that there are.")
        was, now = followed_of(found.assignments), followed_of(chosen)
        details = {
            "follows": lines,
            "before": to_json(was),
            "after": to_json(now),
            **(live_details(found, now) if may_open(found) else {}),
        }
        line = noted(web, request, caller, "strategies.changed", found.account_id, **details)
        await web.store.save_assignments(found.owner_id, found.account_id, chosen, noted=line)
        return Assignments(assignments=[AssignmentLine.of(each) for each in chosen])

    @door.get("/accounts/{account_id}/limits", TAG)
    async def limits(caller: known, account_id: Known) -> LimitsNow:
        """What the account must never exceed."""
        return LimitsNow.of((await readable(web, caller, account_id)).limits)

    @door.add("PATCH", "/accounts/{account_id}/limits", TAG, Scope.TRADE, also=(409, 503))
    async def lower_limits(request: Request, caller: known, account_id: Known, change: Lower) -> LimitsNow:
        """Lower limits; no token can raise one.

        A threshold of a loss is lowered by a smaller fraction, one of the margin level by a larger.
        """
        found = await own(web, caller, account_id)
        try:
            wanted = change.applied_to(found.limits)
        except ValueError as error:
            raise Told(409, f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
        loosened = raised(found.limits, wanted)
        if loosened:
            raise Told(403, f"This would raise {', '.join(loosened)}: that is done on the pages, by a person.")
        await _save(request, caller, found, wanted)
        return LimitsNow.of(wanted)

    async def _save(request: Request, caller: Caller, found: TradingAccount, wanted: Limits) -> None:
        if found.is_armed and await web.connector.draw_policy(found, wanted):
            raise HTTPException(503)
        before, after = found.limits.to_json(), wanted.to_json()
        line = noted(web, request, caller, "limits.changed", found.account_id, limits=after, before=before)
        words = f"The limits of your account at {VENUES[found.venue].title} were lowered by a script."
        await web.store.save_limits(found.owner_id, found.account_id, wanted, noted=line, told=words)


def _assignments_of(wish: Assignments, pairs: Sequence[Pair]) -> list[Assignment]:
    """What is wished. Raises Told for what cannot be."""
    offered = {str(pair): pair for pair in pairs}
    chosen: dict[Pair, Assignment] = {}
    for line in wish.assignments:
        strategy, pair = STRATEGIES.get(line.strategy), offered.get(line.pair)
        if strategy is None or pair is None:
            raise Told(409, "There is no such strategy, or the account cannot trade that pair.")
        if pair in chosen:
            raise Told(409, "A pair follows one strategy at most.")
        values = _values_of(strategy, line.values)
        try:
            universe_of(strategy, values, pair, pairs)
        except ValueError as error:
            raise Told(409, str(error)) from None
        chosen[pair] = Assignment(strategy.name, pair, timedelta(seconds=_SECONDS[line.interval]), values)
    return list(chosen.values())


def _values_of(strategy: Strategy, given: Mapping[str, str]) -> dict[str, int | Decimal | str]:
    known = {each.name: each for each in strategy.parameters}
    if not set(given) <= set(known):
        raise Told(409, f"{strategy.title} has no such parameter.")
    parsed = {}
    for name, value in given.items():
        try:
            parsed[name] = known[name].parse(value)
        except ValueError:  # its own sentence would quote what was sent
            raise Told(409, f"{known[name].label}: this value is not within what is offered.") from None
    try:
        return resolve(strategy, parsed)
    except ValueError as error:
        raise Told(409, str(error)) from None


def _number(value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        return exact(value)
    except ValueError:
        raise ValueError("a number is beyond all measure") from None


def _text(value: int | Decimal | str) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
