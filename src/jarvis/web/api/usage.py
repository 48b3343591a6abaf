"""What is used of the limits now, and how far strategies were rehearsed: what the pages draw, as numbers."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.money import plain
from jarvis.store.verdicts import KeptVerdict
from jarvis.trading.rehearsal import Rehearsal
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.usage import Ladder, Use, ladders, uses
from jarvis.venues.catalog import VENUES
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import Door
from jarvis.web.api.records import Instant, QuoteText, Record, amount, instant, text, told
from jarvis.web.trading.arming import rehearsed
from jarvis.web.trading.held import held_by

TAG = "rules"
_PLACES = Decimal("0.00000001")


class UseLine(Record):
    """One limit, and how much of it is used now."""

    name: Annotated[
        Literal["risk_per_trade", "equity_share_per_position", "leverage_cap", "max_open_positions"],
        Field(examples=["risk_per_trade"]),
    ]
    used: Annotated[
        str | None, amount("A fraction of equity, a multiple, or a count; null while equity is not known.", "0.004")
    ]
    limit: Annotated[str, amount("A fraction of equity, a multiple, or a count.", "0.01")]
    pair: Annotated[str | None, text("The position that uses most.", "BTC/USD")]

    @classmethod
    def of(cls, one: Use) -> "UseLine":
        """From the reading."""
        return cls.model_validate(
            {
                "name": one.name,
                "used": told(None if one.used is None else _rounded(one.used)),
                "limit": plain(one.limit),
                "pair": None if one.pair is None else str(one.pair),
            }
        )


class RungLine(Record):
    """One step of a graded limit."""

    action: Annotated[Literal["warn", "block_entries", "reduce", "flatten"], Field(examples=["block_entries"])]
    threshold: Annotated[str, amount("A fraction.", "0.04")]
    is_reached: Annotated[bool, Field(examples=[False])]
    quote: QuoteText
    equity: Annotated[
        str | None, amount("In `quote`: the equity at which that is; null where it is not known.", "24096")
    ]


class LadderLine(Record):
    """A graded limit: where it stands, and its steps, mildest first."""

    rule: Annotated[Literal["daily_loss", "drawdown", "margin_level"], Field(examples=["daily_loss"])]
    now: Annotated[str | None, amount("A fraction: the loss, or the margin level; null if not known.", "0.0084")]
    rungs: list[RungLine]

    @classmethod
    def of(cls, one: Ladder, quote: str) -> "LadderLine":
        """From the reading."""
        return cls.model_validate(
            {
                "rule": one.rule,
                "now": told(None if one.now is None else _rounded(one.now)),
                "rungs": [
                    RungLine.model_validate(
                        {
                            "action": rung.action.name.lower(),
                            "threshold": plain(rung.threshold),
                            "is_reached": rung.is_reached,
                            "quote": quote,
                            "equity": told(None if rung.equity is None else _rounded(rung.equity)),
                        }
                    )
                    for rung in one.rungs
                ],
            }
        )


class LimitsUsed(Record):
    """How much of each limit is used now, and how far every step of the graded ones is."""

    uses: list[UseLine]
    ladders: list[LadderLine]


class RehearsalLine(Record):
    """How far a strategy has come on the sandbox, for trading with real money."""

    strategy: Annotated[str, text("Its stable name.", "donchian_breakout")]
    closed: Annotated[int, Field(ge=0, description="Positions closed on the sandbox.", examples=[3])]
    days: Annotated[int, Field(ge=0, description="From the first position to the last, by the market.", examples=[9])]
    was_live: Annotated[bool, Field(description="Whether it traded with real money before.", examples=[False])]
    is_enough: Annotated[bool, Field(description="Whether it may trade with real money.", examples=[False])]

    @classmethod
    def of(cls, one: Rehearsal) -> "RehearsalLine":
        """From the count."""
        return cls(
            strategy=one.strategy,
            closed=one.closed,
            days=one.lasted // timedelta(days=1),
            was_live=one.was_live,
            is_enough=one.is_enough,
        )


class Rehearsals(Record):
    """Every strategy of this installation, as far as you have rehearsed it."""

    rehearsals: list[RehearsalLine]


class VerdictLine(Record):
    """What was answered about a strategy with its values, before real money."""

    verdict_id: Annotated[str, text("Its id.", "4f1c0d9a2b7e58c3a601")]
    strategy: Annotated[str, text("Its stable name.", "donchian_breakout")]
    venue: Annotated[str, text("By whose costs.", "kraken")]
    coins: Annotated[list[str], Field(description="On which it was asked.", examples=[["BTC"]])]
    made_at: Instant
    is_well: Annotated[bool, Field(description="Whether nothing speaks against it.", examples=[False])]
    against: Annotated[list[str], Field(description="Questions not answered well.", examples=[["Could it be luck?"]])]

    @classmethod
    def of(cls, kept: KeptVerdict) -> "VerdictLine":
        """From the store."""
        judged = kept.judgement
        return cls.model_validate(
            {
                "verdict_id": judged.verdict_id,
                "strategy": kept.strategy,
                "venue": judged.venue,
                "coins": sorted(judged.coins),
                "made_at": instant(judged.made_at),
                "is_well": judged.is_well,
                "against": list(judged.against),
            }
        )


class Verdicts(Record):
    """What was answered about your strategies, the latest first."""

    verdicts: list[VerdictLine]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/accounts/{account_id}/limits/used", TAG)
    async def limits_used(caller: known, account_id: Known) -> LimitsUsed:
        """How much of each limit is used now."""
        found = await readable(web, caller, account_id)
        overview = await web.store.overview(found.owner_id, found.account_id)
        if overview is None:
            raise HTTPException(404)
        held, quote = await held_by(web.store, found), VENUES[found.venue].quote
        return LimitsUsed(
            uses=[UseLine.of(each) for each in uses(found.limits, overview.margin, held)],
            ladders=[LadderLine.of(each, quote) for each in ladders(found.limits, overview.marks, overview.margin)],
        )

    @door.get("/rehearsals", TAG)
    async def rehearsals(caller: known) -> Rehearsals:
        """How far each strategy was rehearsed on the sandbox, and whether it may trade with real money."""
        found = await rehearsed(web, caller.person.user_id, STRATEGIES)
        return Rehearsals(rehearsals=[RehearsalLine.of(each) for each in found])

    @door.get("/verdicts", TAG)
    async def verdicts(caller: known) -> Verdicts:
        """What was answered about your strategies: a good verdict is asked for before real money."""
        return Verdicts(verdicts=[VerdictLine.of(each) for each in await web.store.verdicts_of(caller.person.user_id)])


def _rounded(value: Decimal) -> Decimal:
    """A quotient, which has no end, to eight places."""
    return value.quantize(_PLACES).normalize()
