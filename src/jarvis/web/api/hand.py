"""Trading by hand: opening, adjusting and closing, within the account's own limits and no further.

The account's trader judges every wish as it judges a strategy's. A wish is taken once: sent again with the same
Idempotency-Key it is the same command, also where the first answer was lost.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Body, Header, Path, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.account import Environment
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import exact, plain
from jarvis.domain.order import PositionId
from jarvis.domain.people import Scope
from jarvis.store.records import TradingAccount
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.trading.limits import Refused
from jarvis.trading.preview import Preview, preview
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection, TakeProfit
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, noted, own
from jarvis.web.api.commands import Asked, asked_of
from jarvis.web.api.door import Door
from jarvis.web.api.problems import Told
from jarvis.web.api.records import (
    BaseAmount,
    BaseText,
    PairText,
    Price,
    QuoteAmount,
    QuoteText,
    Record,
    amount,
    text,
    told,
)
from jarvis.web.connecting.account import pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.portfolio import account_time
from jarvis.web.trading.byhand import place_of

TAG = "trading by hand"
_POSITION = "/accounts/{account_id}/positions/{position_id}"
STALE_AFTER = timedelta(seconds=90)
_PLACES = Decimal("0.00000001")
POSITIVE = r"^[0-9]+(\.[0-9]+)?$"

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,60}$",
        description="Any text of your own, new for every wish: sent again with it, nothing is done twice.",
        examples=["rebalance-2026-11-21-1"],
    ),
]
Held = Annotated[str, Path(description="The position's id.", examples=["BTC-1"])]


class Target(Record):
    """Where a share of what was opened is closed with a profit."""

    price: Annotated[str, Field(pattern=POSITIVE, max_length=40, description="In the quote.", examples=["66500"])]
    share: Annotated[str, Field(pattern=POSITIVE, max_length=40, description="A fraction.", examples=["0.5"])]


class OpenWish(Record):
    """A position to be opened at market, with its stop."""

    pair: Annotated[str, Field(max_length=24, description="Base and quote.", examples=["BTC/USD"])]
    side: Annotated[Literal["long", "short"], Field(examples=["long"])]
    quantity: Annotated[str, Field(pattern=POSITIVE, max_length=40, description="In the base.", examples=["0.25"])]
    stop_price: Annotated[str, Field(pattern=POSITIVE, max_length=40, description="In the quote.", examples=["62160"])]
    leverage: Annotated[
        int | None, Field(ge=1, le=100, description="At most the account's own cap, which is meant if left out.")
    ] = None
    trailing: Annotated[bool, Field(description="Whether the stop follows the price.", examples=[False])] = False
    targets: Annotated[list[Target], Field(max_length=2, default_factory=list)]
    close_after_minutes: Annotated[
        int | None, Field(ge=6, le=120_000, description="Close it then, whatever happened.", examples=[1440])
    ] = None


class AdjustWish(Record):
    """What is to be another way; what is left out stays. A stop moves towards less risk only."""

    stop_price: Annotated[
        str | None, Field(pattern=POSITIVE, max_length=40, description="In the quote.", examples=["63000"])
    ] = None
    trailing: Annotated[bool | None, Field(description="Whether the stop follows.", examples=[True])] = None
    close_after_minutes: Annotated[int | None, Field(ge=1, le=120_000, description="From now.", examples=[120])] = None
    target_price: Annotated[
        str | None,
        Field(
            pattern=POSITIVE,
            max_length=40,
            description="In the quote: one target in the place of all, for everything that is open; 0 is none.",
            examples=["66500"],
        ),
    ] = None


class CloseWish(Record):
    """How much of what is open is to be closed."""

    share: Annotated[str, amount("A fraction above 0 and at most 1.", "1")] = "1"


class Gain(Record):
    """What a target would bring, before fees."""

    base: BaseText
    quote: QuoteText
    price: Price
    gain: QuoteAmount


class OrderCard(Record):
    """What a position would come to, at the prices of this moment."""

    pair: PairText
    base: BaseText
    quote: QuoteText
    refused: Annotated[str, text("Why it would not be opened; empty if it would.", "")]
    price: Price
    quantity: BaseAmount
    notional: QuoteAmount
    leverage: Annotated[int, Field(ge=1, examples=[3])]
    borrowed: QuoteAmount
    margin: QuoteAmount
    free_margin_after: QuoteAmount
    margin_level_after: Annotated[
        str | None, amount("A fraction: equity over used margin; null while nothing is used.", "2.5")
    ]
    stop: Price
    fee_in: QuoteAmount
    opening_fee: QuoteAmount
    fee_out: QuoteAmount
    slippage: QuoteAmount
    interest_day: Annotated[str, amount("In `quote`: what borrowing costs in a day.", "1.2")]
    liquidation: Annotated[
        str | None, amount("In `quote`: where the venue would step in; null if no price does.", "41000")
    ]
    worst: Annotated[str, amount("In `quote`: lost at the stop, with all fees and slippage.", "102.5")]
    worst_share: Annotated[str, amount("A fraction of equity.", "0.005")]
    gains: list[Gain]
    largest: Annotated[str, amount("In `base`: the most that could be opened with this stop.", "0.4")]
    bound: Annotated[str, text("What bounds that.", "risk per trade")]

    @classmethod
    def of(cls, pair: Pair, price: Decimal, shown: Preview) -> "OrderCard":
        """From the reckoning, quotients rounded to eight places."""
        return cls(
            pair=str(pair),
            base=pair.base,
            quote=pair.quote,
            refused=shown.refused,
            price=plain(price),
            quantity=plain(shown.quantity),
            notional=_rounded(shown.notional),
            leverage=shown.leverage,
            borrowed=_rounded(shown.borrowed),
            margin=_rounded(shown.margin),
            free_margin_after=_rounded(shown.free_after),
            margin_level_after=None if shown.level_after is None else _rounded(shown.level_after),
            stop=plain(shown.stop),
            fee_in=_rounded(shown.fee_in),
            opening_fee=_rounded(shown.opening_fee),
            fee_out=_rounded(shown.fee_out),
            slippage=_rounded(shown.slippage),
            interest_day=_rounded(shown.interest_day),
            liquidation=told(shown.liquidation),
            worst=_rounded(shown.worst),
            worst_share=_rounded(shown.worst_share),
            gains=[
                Gain(base=pair.base, quote=pair.quote, price=plain(at), gain=plain(gain)) for at, gain in shown.gains
            ],
            largest=plain(shown.largest),
            bound=shown.bound,
        )


_OPEN = {
    "pair": "BTC/USD",
    "side": "long",
    "quantity": "0.25",
    "stop_price": "62160",
    "targets": [{"price": "66500", "share": "0.5"}],
}


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.add("POST", "/accounts/{account_id}/orders", TAG, Scope.TRADE, status=202, also=(409,))
    async def open_position(
        request: Request,
        caller: known,
        account_id: Known,
        wish: Annotated[OpenWish, Body(examples=[_OPEN])],
        idempotency_key: Key,
    ) -> Asked:
        """Open a position by hand, at market and with a stop.

        The account must be armed. Its trader opens within the limits, or says in the command's result why not.
        """
        found = await own(web, caller, account_id)
        if not found.is_armed:
            raise Told(409, "The account is not armed: arm it on the pages first.")
        wanted = await _opening(web, found, wish)
        line = noted(
            web,
            request,
            caller,
            "trade.by_hand",
            found.account_id,
            wish=OpenByHand.__name__,
            pair=wish.pair,
            side=wish.side,
        )
        asked = await web.store.enqueue_wish(
            found.owner_id, found.account_id, wanted, key=f"api-{idempotency_key}", at=web.now(), noted=line
        )
        return asked_of("open", asked)

    @door.add("POST", "/accounts/{account_id}/orders/card", TAG, Scope.READ, also=(409,))
    async def order_card(
        caller: known, account_id: Known, wish: Annotated[OpenWish, Body(examples=[_OPEN])]
    ) -> OrderCard:
        """What a position would come to now: margin, costs, liquidation, and the worst at its stop.

        Nothing is sent. `refused` says why it would not be opened, and is empty if it would.
        """
        found = await own(web, caller, account_id)
        wanted = await _opening(web, found, wish)
        overview = await web.store.overview(found.owner_id, found.account_id)
        if overview is None:
            raise HTTPException(404)
        place = await place_of(web, overview, wanted.pair)
        if isinstance(place, str):
            raise Told(409, place)
        shown = preview(wanted, place.standing(wanted.side), place.rules.costs, place.rates(), place.own_quote)
        if isinstance(shown, Refused):
            raise Told(409, shown.message)
        return OrderCard.of(wanted.pair, wanted.price, shown)

    @door.add("POST", f"{_POSITION}/adjust", TAG, Scope.TRADE, status=202, also=(409,))
    async def adjust_position(
        request: Request,
        caller: known,
        account_id: Known,
        position_id: Held,
        wish: Annotated[AdjustWish, Body(examples=[{"stop_price": "63000"}])],
        idempotency_key: Key,
    ) -> Asked:
        """Move the stop of a position, let it trail, set its target, or when it is closed."""
        found = await own(web, caller, account_id)
        story = await _held(web, found, position_id)
        if wish.model_dump(exclude_none=True) == {}:
            raise Told(409, "Say what is to be another way: stop, target, whether it trails, or when it is closed.")
        minutes = wish.close_after_minutes
        overview = await web.store.overview(found.owner_id, found.account_id)
        if overview is None:
            raise HTTPException(404)
        wanted = AdjustByHand(
            web.now(),
            story.pair,
            None if wish.stop_price is None else _positive(wish.stop_price),
            wish.trailing,
            None if minutes is None else account_time(web, overview) + timedelta(minutes=minutes),
            _target(wish.target_price),
        )
        line = noted(
            web, request, caller, "trade.by_hand", found.account_id, wish=AdjustByHand.__name__, pair=str(story.pair)
        )
        asked = await web.store.enqueue_wish(
            found.owner_id, found.account_id, wanted, key=f"api-{idempotency_key}", at=web.now(), noted=line
        )
        return asked_of("adjust", asked)

    @door.add("POST", f"{_POSITION}/close", TAG, Scope.EXITS, status=202, also=(409,))
    async def close_position(
        request: Request,
        caller: known,
        account_id: Known,
        position_id: Held,
        wish: Annotated[CloseWish, Body(examples=[{"share": "0.5"}])],
        idempotency_key: Key,
    ) -> Asked:
        """Close a position, or a share of it, at market. It needs no room in any limit, and waits for no audit."""
        found = await own(web, caller, account_id)
        story = await _held(web, found, position_id)
        share = _positive(wish.share)
        if share > 1:
            raise Told(409, "The share is a fraction above 0 and at most 1.")
        asked = await web.store.enqueue_wish(
            found.owner_id,
            found.account_id,
            CloseByHand(web.now(), story.pair, share),
            key=f"api-{idempotency_key}",
            at=web.now(),
        )
        line = noted(
            web, request, caller, "trade.by_hand", found.account_id, wish=CloseByHand.__name__, pair=str(story.pair)
        )
        await web.store.note_if_possible(line)
        return asked_of("close", asked)


async def _held(web: Web, found: TradingAccount, position_id: str) -> PositionStory:
    record = await web.store.position(found.owner_id, found.account_id, PositionId(position_id))
    if record is None:
        raise HTTPException(404)
    if record.story.is_closed:
        raise Told(409, "This position is closed already.")
    return record.story


async def _opening(web: Web, found: TradingAccount, wish: OpenWish) -> OpenByHand:
    pair = next((each for each in pairs_of(found) if str(each) == wish.pair), None)
    if pair is None:
        raise Told(409, "The account does not trade that pair.")
    side = Side.BUY if wish.side == "long" else Side.SELL
    price = await _price(web, found, pair, side)
    distance = (price - _positive(wish.stop_price)) * side.sign
    if distance <= 0:
        raise Told(409, f"The stop of a {wish.side} lies {'below' if side is Side.BUY else 'above'} the price.")
    targets = tuple(TakeProfit(*_rung(each, price, side)) for each in wish.targets)
    minutes = wish.close_after_minutes
    time_stop = None if minutes is None else timedelta(minutes=minutes)
    try:
        protection = Protection(distance, wish.trailing, targets, time_stop)
    except ValueError:
        raise Told(409, "The shares of the targets add up to more than 1.") from None
    leverage = wish.leverage or found.limits.leverage_cap
    return OpenByHand(web.now(), pair, side, _positive(wish.quantity), price, leverage, protection)


async def _price(web: Web, found: TradingAccount, pair: Pair, side: Side) -> Decimal:
    """What is paid or got at market now. Raises Told where no price is known, or an old one."""
    quote = (await web.store.quotes(found.feed)).get(pair)
    if quote is None:
        raise Told(409, "No price of this pair is known yet; it comes with the account's trader.")
    if found.environment is Environment.LIVE and web.now() - quote.at > STALE_AFTER:
        raise Told(409, "The last price of this pair is old: nothing is opened on it.")
    return quote.ask if side is Side.BUY else quote.bid


def _rung(target: Target, price: Decimal, side: Side) -> tuple[Decimal, Decimal]:
    distance = (_positive(target.price) - price) * side.sign
    share = _positive(target.share)
    if distance <= 0 or share > 1:
        raise Told(409, "A target lies beyond the price on the side of profit, and its share is at most 1.")
    return distance, share


def _target(typed: str | None) -> Decimal | None:
    """Where a target stands; zero for none at all. Raises Told."""
    return None if typed is None else Decimal(0) if not typed.strip("0.") else _positive(typed)


def _positive(typed: str) -> Decimal:
    """An exact number above zero. Raises Told."""
    try:
        number = exact(typed)
    except ValueError:
        raise Told(409, "A number is beyond all measure.") from None
    if number <= 0:
        raise Told(409, "Every number here is above 0.")
    return number


def _rounded(value: Decimal) -> str:
    """To eight places, as text."""
    return plain(value.quantize(_PLACES).normalize())
