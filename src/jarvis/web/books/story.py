"""The page of one position: its whole story from the decision to the end, and where every cent of it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import PositionId
from jarvis.ledger.journal import Account, Entry
from jarvis.ledger.statements import exact_sum
from jarvis.store.records import Overview, PositionRecord
from jarvis.trading.stories import PositionStory
from jarvis.web.connecting.account import card_of
from jarvis.web.context import Web
from jarvis.web.desk.lifechart import MINUTE, LifeChart, instants, life_chart
from jarvis.web.desk.portfolio import Surroundings, account_time, view_of
from jarvis.web.desk.positions import charged_so_far, side_word, strategy_title
from jarvis.web.desk.views import StoryLine, closed_by, story_lines
from jarvis.web.drawing import WaterfallBar, waterfall_bars

_HOLDING = (Account.EXPOSURE, Account.CONTRA)
_KEEPING = (Account.CASH, Account.CLEARING, Account.BASIS)


@dataclass(frozen=True, slots=True)
class Head:
    """The facts at the top of a position's page."""

    position_id: PositionId
    pair: str
    base: Asset
    quote: Asset
    side: str
    strategy: str
    opened_at: datetime
    closed_at: datetime | None
    lived: timedelta | None
    closed_by: str
    opened_quantity: Decimal
    decision_price: Decimal | None
    leverage: int
    stop_distance: Decimal
    trailing: bool
    time_stop: timedelta | None


@dataclass(frozen=True, slots=True)
class Proof:
    """A waterfall in one asset held against the ledger: what its entries did to cash, to clearing, and at cost.

    `ledger` is reckoned from the other side of the same entries: from income and expenses, not from the waterfall.
    """

    asset: Asset
    bars: tuple[WaterfallBar, ...]
    result: Decimal
    cash: Decimal
    clearing: Decimal
    held: Decimal
    ledger: Decimal
    entries: int

    @property
    def difference(self) -> Decimal:
        """Zero, or the waterfall is wrong."""
        return self.result - self.ledger


def router(web: Web) -> APIRouter:
    """The route of a position."""
    routes = APIRouter(prefix="/desk")
    surroundings = Surroundings(web.store)

    @routes.get("/{account_id}/positions/{position_id}")
    async def position(request: Request, account_id: str, position_id: str) -> Response:
        overview = await web.overview(request, account_id)
        account = overview.account
        record = await web.store.position(account.owner_id, account.account_id, PositionId(position_id))
        if record is None:
            raise HTTPException(404)
        story = record.story
        values = {
            "here": "desk",
            "account": card_of(account),
            "story": head_of(story),
            "position": None if story.is_closed else await view_of(web, surroundings, overview, record),
            "interest": charged_so_far(record.entries),
            "proofs": proofs_of(record),
            "lines": [decision_of(record), *story_lines(story, record.orders, record.fills, record.entries)],
            "chart": await _chart(web, overview, record),
        }
        return await web.page(request, "books/position.html", values)

    return routes


def head_of(story: PositionStory) -> Head:
    """What a position was to be, and what became of it."""
    return Head(
        position_id=story.position_id,
        pair=str(story.pair),
        base=story.pair.base,
        quote=story.pair.quote,
        side=side_word(story.entry_side),
        strategy=strategy_title(story.strategy),
        opened_at=story.opened_at,
        closed_at=story.closed_at,
        lived=None if story.closed_at is None else story.closed_at - story.opened_at,
        closed_by=closed_by(story),
        opened_quantity=story.opened_quantity,
        decision_price=story.decision_price,
        leverage=story.leverage,
        stop_distance=story.protection.stop_distance,
        trailing=story.protection.trailing,
        time_stop=story.protection.time_stop,
    )


def decision_of(record: PositionRecord) -> StoryLine:
    """How it began: what the strategy, or a person, decided before anything was written down."""
    story = record.story
    at = min((order.created_at for order in record.orders), default=story.opened_at)
    by = f"{strategy_title(story.strategy)} decided"
    verb = "buy" if story.entry_side is Side.BUY else "sell"
    quote = story.pair.quote
    facts = [(story.protection.stop_distance, quote, "stop distance")]
    if story.decision_price is not None:
        facts.insert(0, (story.decision_price, quote, "price then"))
    facts += [(target.distance, quote, "target distance") for target in story.protection.take_profits]
    return StoryLine(min(at, story.opened_at), "decision", f"{by} to {verb} {story.pair.base}.", tuple(facts))


def proofs_of(record: PositionRecord) -> list[Proof]:
    """A waterfall for each asset that the position earned or paid in, the quote first, held against the ledger."""
    quote = record.story.pair.quote
    told = {posting.asset for entry in record.entries for posting in entry.postings if posting.account not in _HOLDING}
    assets = [quote, *sorted(told - {quote})]
    return [proof for asset in assets if (proof := _proof(record, asset)).asset == quote or _is_told(proof)]


def _is_told(proof: Proof) -> bool:
    """Whether there is anything to say of an asset beside the quote: coins that are held at cost are no result."""
    return any(bar.value for bar in proof.bars)


def _proof(record: PositionRecord, asset: Asset) -> Proof:
    waterfall = record.waterfall_in(asset)
    sums = {account: _sum(record.entries, asset, (account,)) for account in _KEEPING}
    others = tuple(account for account in Account if account not in (*_KEEPING, *_HOLDING))
    return Proof(
        asset=asset,
        bars=tuple(waterfall_bars(waterfall)),
        result=waterfall.total,
        cash=sums[Account.CASH],
        clearing=sums[Account.CLEARING],
        held=sums[Account.BASIS],
        ledger=ZERO - _sum(record.entries, asset, others),
        entries=len(record.entries),
    )


def _sum(entries: Sequence[Entry], asset: Asset, accounts: tuple[Account, ...]) -> Decimal:
    return exact_sum(
        posting.amount
        for entry in entries
        for posting in entry.postings
        if posting.asset == asset and posting.account in accounts
    )


async def _chart(web: Web, overview: Overview, record: PositionRecord) -> LifeChart | None:
    story = record.story
    end = story.closed_at or max(story.opened_at, account_time(web, overview))
    closes = await web.store.closes(overview.account.feed, story.pair, MINUTE, instants(story.opened_at, end))
    return life_chart(closes, record.fills, story.opening_price, story.stop_price)
