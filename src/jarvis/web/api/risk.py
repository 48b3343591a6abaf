"""Risk over all accounts: how much rides on what, and what a move of all prices would do, as the desk draws it."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from jarvis.domain.account import Environment
from jarvis.domain.money import plain
from jarvis.web.api.callers import Caller
from jarvis.web.api.door import Door
from jarvis.web.api.records import (
    AccountIdText,
    PositionIdText,
    QuoteAmount,
    QuoteText,
    Record,
    amount,
    text,
    told,
)
from jarvis.web.desk.everything import books_of
from jarvis.web.desk.exposure import Bar, Exposure, exposures_of
from jarvis.web.desk.portfolio import Surroundings
from jarvis.web.desk.whatif import LARGEST, AccountAfter, After, Ending, StopOnTheWay, WhatIf
from jarvis.web.desk.whatif import what_if as reckoned

TAG = "risk"
_PLACES = Decimal("0.00000001")
VenueText = Annotated[str, text("The venue as people call it.", "Kraken")]
MoveText = Annotated[str, amount("A fraction: by how much all prices moved.", "-0.173")]


class ExposureLine(Record):
    """All that rides on one pair or one venue."""

    name: Annotated[str, text("The pair, or the venue as people call it.", "BTC/USD")]
    quote: QuoteText
    long: QuoteAmount
    short: QuoteAmount

    @classmethod
    def of(cls, one: Bar, quote: str) -> "ExposureLine":
        """From the reading."""
        return cls(name=one.label, quote=quote, long=_rounded(one.long), short=_rounded(one.short))


class ExposureNow(Record):
    """What is held of one kind of money. USD, USDT and sandbox money never add."""

    environment: Environment
    quote: QuoteText
    long: QuoteAmount
    short: QuoteAmount
    equity: Annotated[str | None, amount("In `quote`; null while none is known.", "25312.4471")]
    gross_leverage: Annotated[
        str | None, amount("A fraction: long and short together over equity; null without it.", "1.26")
    ]
    by_pair: list[ExposureLine]
    by_venue: list[ExposureLine]

    @classmethod
    def of(cls, one: Exposure) -> "ExposureNow":
        """From the reading."""
        quote = str(one.asset)
        return cls(
            environment=Environment(one.environment),
            quote=quote,
            long=_rounded(one.long),
            short=_rounded(one.short),
            equity=None if one.equity is None else _rounded(one.equity),
            gross_leverage=None if one.gross_leverage is None else _rounded(one.gross_leverage),
            by_pair=[ExposureLine.of(each, quote) for each in one.by_pair],
            by_venue=[ExposureLine.of(each, quote) for each in one.by_venue],
        )


class Exposures(Record):
    """How much rides on what, for each kind of money."""

    exposures: list[ExposureNow]


class EndingLine(Record):
    """The first forced closing if all prices move one way, with or without the stops that rest."""

    direction: Annotated[Literal["falling", "rising"], Field(examples=["falling"])]
    with_stops: Annotated[bool, Field(description="Whether resting stops trade on the way.", examples=[False])]
    move: Annotated[MoveText | None, Field(description="Null if no move that way does it.")]
    venue: VenueText
    account_id: Annotated[str, text("Empty where there is none.", "4f1c0d9a2b7e58c3a601")]
    position_id: Annotated[str, text("Empty where none can be named.", "BTC-1")]

    @classmethod
    def of(cls, one: Ending, direction: Literal["falling", "rising"], *, with_stops: bool) -> "EndingLine":
        """From the reading."""
        return cls(
            direction=direction,
            with_stops=with_stops,
            move=told(None if one.move is None else _short(one.move)),
            venue=one.venue,
            account_id=one.account_id,
            position_id=one.position_id,
        )


class AfterLine(Record):
    """An account after the move. If `liquidated_at` is not null the venue stepped in there, and this is that moment."""

    quote: QuoteText
    equity: QuoteAmount
    change: QuoteAmount
    level: Annotated[str | None, amount("Equity over used margin; null while nothing is used.", "3.2")]
    liquidated_at: Annotated[MoveText | None, Field(description="Null if the venue does not step in.")]
    is_called: Annotated[bool, Field(description="Whether the venue would warn.", examples=[False])]

    @classmethod
    def of(cls, one: After, quote: str) -> "AfterLine":
        """From the reading."""
        return cls(
            quote=quote,
            equity=_rounded(one.equity),
            change=_rounded(one.change),
            level=None if one.level is None else _rounded(one.level),
            liquidated_at=told(None if one.gone_at is None else _short(one.gone_at)),
            is_called=one.is_called,
        )


class AccountAfterLine(Record):
    """One account at the move: left alone, and as its resting stops would have it."""

    account_id: AccountIdText
    venue: VenueText
    environment: Environment
    left_alone: AfterLine
    with_stops: AfterLine

    @classmethod
    def of(cls, one: AccountAfter) -> "AccountAfterLine":
        """From the reading."""
        return cls(
            account_id=one.account_id,
            venue=one.venue,
            environment=Environment(one.environment),
            left_alone=AfterLine.of(one.bare, one.quote),
            with_stops=AfterLine.of(one.stopped, one.quote),
        )


class StopLine(Record):
    """A stop that trades before the move is reached."""

    account_id: AccountIdText
    position_id: PositionIdText
    move: MoveText
    quote: QuoteText
    price: Annotated[str, amount("In `quote` for one of the base.", "61250.5")]

    @classmethod
    def of(cls, one: StopOnTheWay) -> "StopLine":
        """From the reading."""
        return cls(
            account_id=one.account_id,
            position_id=one.position_id,
            move=plain(_short(one.move)),
            quote=one.quote,
            price=plain(one.price),
        )


class WhatIfAnswer(Record):
    """What one move of all prices would do. Fees, slippage and gaps are left out; prices move together."""

    percent: Annotated[int, Field(description="The move, in whole per cent.", examples=[-10])]
    accounts: list[AccountAfterLine]
    endings: list[EndingLine]
    stops: list[StopLine]
    unknown: Annotated[list[str], Field(description="Venues whose margin nobody has read yet.", examples=[["OKX"]])]

    @classmethod
    def of(cls, one: WhatIf) -> "WhatIfAnswer":
        """From the reading."""
        return cls(
            percent=one.percent,
            accounts=[AccountAfterLine.of(each) for each in one.accounts],
            endings=[
                EndingLine.of(one.falling, "falling", with_stops=False),
                EndingLine.of(one.falling_stopped, "falling", with_stops=True),
                EndingLine.of(one.rising, "rising", with_stops=False),
                EndingLine.of(one.rising_stopped, "rising", with_stops=True),
            ],
            stops=[StopLine.of(each) for each in one.stops],
            unknown=list(one.unknown),
        )


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]
    surroundings = Surroundings(web.store)

    @door.get("/exposure", TAG)
    async def exposure(caller: known) -> Exposures:
        """How much rides on which pair and venue, over all accounts that you may look at."""
        books = await books_of(web, surroundings, caller.person)
        return Exposures(exposures=[ExposureNow.of(each) for each in exposures_of(books)])

    @door.get("/what-if", TAG)
    async def what_if(
        caller: known,
        percent: Annotated[
            int, Query(ge=-LARGEST, le=LARGEST, description="By how much, in whole per cent.", examples=[-10])
        ],
    ) -> WhatIfAnswer:
        """What all accounts that you may look at come to if all prices move at once, and what is liquidated first."""
        return WhatIfAnswer.of(reckoned(await books_of(web, surroundings, caller.person), percent))


def _short(value: Decimal) -> Decimal:
    """A quotient, which has no end, to eight places."""
    return value.quantize(_PLACES).normalize()


def _rounded(value: Decimal) -> str:
    return plain(_short(value))
