"""What was traded: positions with their whole story, orders, fills."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.instrument import Side
from jarvis.domain.money import plain
from jarvis.domain.order import ClientOrderId, Fill, Order, OrderRole, OrderStatus, OrderType, PositionId
from jarvis.ledger.attribution import Waterfall
from jarvis.store.listing import ListedPosition, Wish
from jarvis.store.records import PositionFacts, PositionRecord
from jarvis.trading.stories import PositionStory
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, readable
from jarvis.web.api.door import (
    CursorText,
    Door,
    Limit,
    PairChoice,
    Search,
    Since,
    Until,
    cursor_of,
    in_utc,
    place_of,
)
from jarvis.web.api.records import (
    AssetText,
    BaseAmount,
    BaseText,
    Cursor,
    Instant,
    MaybeInstant,
    OrderIdText,
    PairText,
    PositionIdText,
    Price,
    QuoteAmount,
    QuoteText,
    Record,
    amount,
    instant,
    text,
    told,
    when,
)

TAG = "trading"
_PRICE_PLACES = 10  # an average has no end
Order_ = Annotated[Literal["newest", "oldest"], Query(description="What comes first.", examples=["newest"])]


class PositionLine(Record):
    """A position from flat to flat; `result` is what the journal has booked so far."""

    position_id: PositionIdText
    pair: PairText
    base: BaseText
    quote: QuoteText
    side: Annotated[Literal["long", "short"], Field(examples=["long"])]
    strategy: Annotated[str, text("Which strategy opened it.", "donchian_breakout")]
    leverage: Annotated[int, Field(examples=[3])]
    quantity: Annotated[str, amount("In `base`: what is open now.", "0.25")]
    opened_quantity: Annotated[str, amount("In `base`: what the entry bought or sold.", "0.25")]
    entry_price: Annotated[str | None, amount("In `quote`, the average of what is open. Null when flat.", "64082")]
    stop_price: Annotated[str | None, amount("In `quote`: where the stop is meant to rest.", "62160")]
    opened_at: Instant
    closed_at: MaybeInstant
    result: Annotated[str | None, amount("In `quote`, fees and interest included.", "-41.65")]

    @classmethod
    def of(cls, one: ListedPosition) -> "PositionLine":
        """From what is kept."""
        return cls(**line_of(one.story), result=told(one.result))


class Positions(Record):
    """Some positions."""

    positions: list[PositionLine]
    next: Cursor


class OrderLine(Record):
    """One order. `unknown` means that the venue is being asked what became of it."""

    client_order_id: OrderIdText
    venue_order_id: Annotated[str | None, text("The venue's own id, once it said one.", "OQCLML-BW3P3-BUCMWZ")]
    pair: PairText
    base: BaseText
    quote: QuoteText
    side: Annotated[Side, Field(examples=["sell"])]
    type: Annotated[OrderType, Field(examples=["stop"])]
    role: Annotated[OrderRole, Field(description="What it is for.", examples=["stop"])]
    status: Annotated[OrderStatus, Field(examples=["open"])]
    reason: Annotated[str, text("Why it ended as it did, if there is a reason.", "")]
    quantity: BaseAmount
    filled_quantity: Annotated[str, amount("In `base`.", "0")]
    limit_price: Annotated[str | None, amount("In `quote`.", "64082")]
    trigger_price: Annotated[str | None, amount("In `quote`.", "62160")]
    leverage: Annotated[int, Field(examples=[3])]
    reduce_only: Annotated[bool, Field(examples=[True])]
    position_id: Annotated[str | None, text("The position that it belongs to.", "BTC-1")]
    created_at: Instant

    @classmethod
    def of(cls, order: Order) -> "OrderLine":
        """From what is kept."""
        request = order.request
        return cls(
            client_order_id=request.client_order_id,
            venue_order_id=order.venue_order_id,
            pair=str(request.pair),
            base=request.pair.base,
            quote=request.pair.quote,
            side=request.side,
            type=request.order_type,
            role=request.role,
            status=order.status,
            reason=order.reason,
            quantity=told(request.quantity) or "",
            filled_quantity=told(order.filled_quantity) or "",
            limit_price=told(request.limit_price),
            trigger_price=told(request.trigger_price),
            leverage=request.leverage,
            reduce_only=request.reduce_only,
            position_id=request.position_id,
            created_at=instant(order.created_at),
        )


class Orders(Record):
    """Some orders."""

    orders: list[OrderLine]
    next: Cursor


class FillLine(Record):
    """One execution. `fee` is the trading fee alone, in `fee_asset`; a rebate is negative."""

    fill_id: Annotated[str, text("The venue's id of it.", "TQCLML-BW3P3-BUCMWZ")]
    client_order_id: Annotated[str | None, text("Our order; null for what was not ours.", "jv4f1c0d9a00000012")]
    pair: PairText
    base: BaseText
    quote: QuoteText
    side: Annotated[Side, Field(examples=["buy"])]
    quantity: BaseAmount
    price: Price
    cost: QuoteAmount
    fee: Annotated[str, amount("In `fee_asset`.", "41.65")]
    fee_asset: AssetText
    is_liquidation: Annotated[bool, Field(description="The venue closed by force.", examples=[False])]
    at: Instant

    @classmethod
    def of(cls, fill: Fill) -> "FillLine":
        """From what is kept."""
        return cls(
            fill_id=fill.fill_id,
            client_order_id=fill.client_order_id,
            pair=str(fill.pair),
            base=fill.pair.base,
            quote=fill.pair.quote,
            side=fill.side,
            quantity=told(fill.quantity) or "",
            price=told(fill.price) or "",
            cost=told(fill.cost) or "",
            fee=told(fill.fee) or "",
            fee_asset=fill.fee_asset,
            is_liquidation=fill.is_liquidation,
            at=instant(fill.at),
        )


class Fills(Record):
    """Some fills."""

    fills: list[FillLine]
    next: Cursor


class Part(Record):
    """One cause of a result, signed as it helped or hurt."""

    cause: Annotated[str, text("Its stable name.", "trading_fee")]
    amount: Annotated[str, amount("In `quote`.", "-41.65")]


class AtVenue(Record):
    """What the venue last said of an open position."""

    at: Instant
    used_margin: Annotated[str | None, amount("In `quote`.", "4562.52")]
    borrowed: Annotated[str, amount("In `borrowed_asset`.", "0")]
    borrowed_asset: Annotated[str | None, text("What was borrowed for it.", "USD")]
    interest: Annotated[str, amount("In `borrowed_asset`, owed and not paid yet.", "0")]
    liquidation_price: Annotated[str | None, amount("In `quote`.", "49811")]
    liquidation_price_is_modelled: Annotated[bool, Field(description="Reckoned by us.", examples=[True])]

    @classmethod
    def of(cls, facts: PositionFacts) -> "AtVenue":
        """From what is kept."""
        return cls(
            at=instant(facts.at),
            used_margin=told(facts.used_margin),
            borrowed=told(facts.borrowed) or "",
            borrowed_asset=facts.borrowed_asset,
            interest=told(facts.interest) or "",
            liquidation_price=told(facts.liquidation_price),
            liquidation_price_is_modelled=facts.is_modelled,
        )


class Story(PositionLine):
    """A position's whole story. The parts of `waterfall` sum exactly to `result`.

    `protection` are the stops that rest at the venue for it, or may. `time_stop_at` is when it is left anyway.
    """

    protection: list[OrderLine]
    time_stop_at: MaybeInstant
    at_venue: AtVenue | None
    waterfall: list[Part]
    orders: list[OrderLine]
    fills: list[FillLine]

    @classmethod
    def whole(cls, record: PositionRecord) -> "Story":
        """From what is kept."""
        story, result = record.story, record.waterfall()
        time_stop = story.protection.time_stop
        return cls(
            **line_of(story),
            result=told(result.total),
            protection=[OrderLine.of(each) for each in record.protection],
            time_stop_at=when(story.opened_at + time_stop if time_stop and not story.is_closed else None),
            at_venue=None if record.facts is None else AtVenue.of(record.facts),
            waterfall=_parts(result),
            orders=[OrderLine.of(each) for each in record.orders],
            fills=[FillLine.of(each) for each in record.fills],
        )


def line_of(story: PositionStory) -> Mapping[str, Any]:
    """What every record of a position says."""
    price = story.position.entry_price
    return {
        "position_id": story.position_id,
        "pair": str(story.pair),
        "base": story.pair.base,
        "quote": story.pair.quote,
        "side": "long" if story.entry_side is Side.BUY else "short",
        "strategy": story.strategy,
        "leverage": story.leverage,
        "quantity": told(story.quantity),
        "opened_quantity": told(story.opened_quantity),
        "entry_price": None if price is None else plain(round(price, _PRICE_PLACES)),
        "stop_price": told(story.stop_price),
        "opened_at": instant(story.opened_at),
        "closed_at": when(story.closed_at),
    }


def _parts(result: Waterfall) -> list[Part]:
    causes = ("price", "slippage", "trading_fee", "opening_fee", "rollover", "interest", "liquidation", "adjustment")
    return [Part(cause=cause, amount=told(getattr(result, cause)) or "") for cause in causes]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.get("/accounts/{account_id}/positions", TAG)
    async def positions(
        caller: known,
        account_id: Known,
        state: Annotated[Literal["open", "closed"] | None, Query(description="Only these.", examples=["open"])] = None,
        pair: PairChoice = None,
        search: Search = "",
        since: Since = None,
        until: Until = None,
        order: Order_ = "newest",
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Positions:
        """Positions, open and closed, by when they were opened."""
        found = await readable(web, caller, account_id)
        wish = Wish(
            search=search.replace("\0", ""),
            chosen={"state": state or "", "pair": pair or ""},
            since=in_utc(since),
            until=in_utc(until),
            descending=order == "newest",
            after=place_of("positions", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_positions(found.owner_id, found.account_id, wish)
        return Positions(
            positions=[PositionLine.of(each) for each in page.rows], next=cursor_of("positions", page.after)
        )

    @door.get("/accounts/{account_id}/positions/{position_id}", TAG)
    async def position(
        caller: known,
        account_id: Known,
        position_id: Annotated[str, Path(description="The position's id.", examples=["BTC-1"])],
    ) -> Story:
        """One position's whole story: orders, fills, protection, and where its result came from."""
        found = await readable(web, caller, account_id)
        record = await web.store.position(found.owner_id, found.account_id, PositionId(position_id))
        if record is None:
            raise HTTPException(404)
        return Story.whole(record)

    @door.get("/accounts/{account_id}/orders", TAG)
    async def orders(
        caller: known,
        account_id: Known,
        status: Annotated[OrderStatus | None, Query(description="Only these.", examples=["open"])] = None,
        role: Annotated[OrderRole | None, Query(description="Only these.", examples=["stop"])] = None,
        side: Annotated[Side | None, Query(description="Only these.", examples=["sell"])] = None,
        pair: PairChoice = None,
        search: Search = "",
        since: Since = None,
        until: Until = None,
        order: Order_ = "newest",
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Orders:
        """Orders in every state, by when they were made."""
        found = await readable(web, caller, account_id)
        chosen = {"state": status.value if status else "", "role": role.value if role else ""}
        wish = Wish(
            search=search.replace("\0", ""),
            chosen={**chosen, "side": side.value if side else "", "pair": pair or ""},
            since=in_utc(since),
            until=in_utc(until),
            descending=order == "newest",
            after=place_of("orders", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_orders(found.owner_id, found.account_id, wish)
        return Orders(orders=[OrderLine.of(each) for each in page.rows], next=cursor_of("orders", page.after))

    @door.get("/accounts/{account_id}/orders/{client_order_id}", TAG)
    async def order(
        caller: known,
        account_id: Known,
        client_order_id: Annotated[str, Path(description="Our id of it.", examples=["jv4f1c0d9a00000012"])],
    ) -> OrderLine:
        """One order."""
        found = await readable(web, caller, account_id)
        kept = await web.store.order(found.owner_id, found.account_id, ClientOrderId(client_order_id))
        if kept is None:
            raise HTTPException(404)
        return OrderLine.of(kept)

    @door.get("/accounts/{account_id}/fills", TAG)
    async def fills(
        caller: known,
        account_id: Known,
        pair: PairChoice = None,
        side: Annotated[Side | None, Query(description="Only these.", examples=["buy"])] = None,
        since: Since = None,
        until: Until = None,
        order: Order_ = "newest",
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Fills:
        """Executions, those that were not ours among them."""
        found = await readable(web, caller, account_id)
        wish = Wish(
            chosen={"pair": pair or "", "side": side.value if side else ""},
            since=in_utc(since),
            until=in_utc(until),
            descending=order == "newest",
            after=place_of("fills", cursor),
            limit=limit,
            counted=False,
        )
        page = await web.store.list_fills(found.owner_id, found.account_id, wish)
        return Fills(fills=[FillLine.of(each) for each in page.rows], next=cursor_of("fills", page.after))
