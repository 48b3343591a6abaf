"""An open position as the pages show it: what is held, on what, what it owes, and what protects it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.order import Order, OrderRole, OrderStatus, OrderType
from jarvis.ledger.journal import Account, Entry, EntryKind
from jarvis.store.records import PositionRecord
from jarvis.trading.hands import STRATEGY as BY_HAND
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategies import STRATEGIES
from jarvis.web.drawing import Rail, rail

_A_DAY = timedelta(days=1)
_ROLLOVER_PERIOD = timedelta(hours=4)
_INTEREST_PERIOD = timedelta(hours=1)
_COSTS = {
    Account.TRADING_FEE: "trading fees",
    Account.OPENING_FEE: "opening fee",
    Account.ROLLOVER: "rollover",
    Account.INTEREST: "interest",
    Account.LIQUIDATION_FEE: "liquidation fee",
}
_CHARGED = (Account.OPENING_FEE, Account.ROLLOVER, Account.INTEREST, Account.LIQUIDATION_FEE)
# Some venues reckon debts in sixteen decimals; nobody reads them.
_SHOWN_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class PositionView:
    """One open position with its protection.

    `quantity` is signed. `interest` is what was charged so far, by asset; `interest_per_day` goes on from the charges
    of the last day. `facts_at` is when the venue was last asked what it uses and owes, None before the first time:
    then `used_margin`, `borrowed` and the liquidation price are not known. `watched` are targets that do not rest at
    the venue: Jarvis closes when the price is there.

    `mark_is_known` is False where no price was ever heard: the entry's stands in for it. `mark_age` is set where the
    price is old. `hourly_range` is the average
    true range of an hour (quote), None before there are enough candles; distances are also told in it. `since_midnight`
    (quote, UTC) counts fills, fees and charges of the day, None where the price at midnight is not known. `costs` is
    what was paid so far for what: (what for, amount, asset). `at_risk` is what is lost between now and the stop.
    """

    position_id: str
    pair: str
    base: str
    quote: str
    side: str
    leverage: int
    strategy: str
    quantity: Decimal
    entry_price: Decimal | None
    mark: Decimal
    unrealised: Decimal
    used_margin: Decimal | None
    borrowed: Decimal
    borrowed_asset: Asset | None
    interest: tuple[tuple[Decimal, Asset], ...]
    interest_per_day: tuple[tuple[Decimal, Asset], ...]
    facts_at: datetime | None
    liquidation_price: Decimal | None
    liquidation_distance: Decimal | None
    liquidation_is_modelled: bool
    liquidation_ranges: Decimal | None
    stop_state: str
    stop_price: Decimal | None
    trailing: bool
    targets: tuple[Decimal, ...]
    watched: tuple[Decimal, ...]
    time_left: timedelta | None
    rail: Rail
    mark_is_known: bool = True
    mark_age: timedelta | None = None
    hourly_range: Decimal | None = None
    stop_distance: Decimal | None = None
    stop_ranges: Decimal | None = None
    at_risk: Decimal | None = None
    since_midnight: Decimal | None = None
    costs: tuple[tuple[str, Decimal, Asset], ...] = ()


def position_of(
    record: PositionRecord,
    mark: Decimal | None,
    now: datetime,
    *,
    hourly_range: Decimal | None = None,
    midnight_price: Decimal | None = None,
    mark_age: timedelta | None = None,
) -> PositionView:
    """An open story with what protects it; `mark` is the last known price, the entry's when there is none.

    `hourly_range` is the pair's average true range, `midnight_price` what it cost when this day (UTC) began, `mark_age`
    how old the price is where it is old.
    """
    story, facts = record.story, record.facts
    position = story.position
    entry = position.entry_price or story.decision_price or ZERO
    price = mark if mark is not None else entry
    exits = [order for order in record.orders if order.request.role is not OrderRole.ENTRY]
    stop_state, stop_price = _stop_of(exits, story)
    targets, watched = _targets_of(exits, story)
    liquidation = facts.liquidation_price if facts else None
    unrealised = position.unrealised(price)
    time_stop = story.protection.time_stop
    return PositionView(
        position_id=story.position_id,
        pair=str(story.pair),
        base=story.pair.base,
        quote=story.pair.quote,
        side=side_word(story.side),
        leverage=story.leverage,
        strategy=strategy_title(story.strategy),
        quantity=position.quantity,
        entry_price=position.entry_price,
        mark=price,
        unrealised=unrealised,
        used_margin=facts.used_margin if facts else None,
        borrowed=round_nearest(facts.borrowed, _SHOWN_STEP) if facts else ZERO,
        borrowed_asset=facts.borrowed_asset if facts else None,
        interest=charged_so_far(record.entries),
        interest_per_day=charged_per_day(record.entries, story, now),
        facts_at=facts.at if facts else None,
        liquidation_price=liquidation,
        liquidation_distance=abs(price - liquidation) / price if liquidation is not None and price else None,
        liquidation_is_modelled=facts is not None and facts.is_modelled,
        liquidation_ranges=_in_ranges(price, liquidation, hourly_range),
        stop_state=stop_state,
        stop_price=stop_price,
        trailing=story.protection.trailing,
        targets=targets,
        watched=watched,
        time_left=None if time_stop is None else story.opened_at + time_stop - now,
        rail=rail(entry, price, stop_price, (*targets, *watched), winning=unrealised >= 0),
        mark_is_known=mark is not None,
        mark_age=mark_age,
        hourly_range=hourly_range,
        stop_distance=abs(price - stop_price) / price if stop_price is not None and price else None,
        stop_ranges=_in_ranges(price, stop_price, hourly_range),
        at_risk=unrealised - position.unrealised(stop_price) if stop_price is not None else None,
        since_midnight=earned_since_midnight(record, price, midnight_price, now) if mark is not None else None,
        costs=costs_so_far(record.entries),
    )


def _in_ranges(price: Decimal, level: Decimal | None, hourly_range: Decimal | None) -> Decimal | None:
    """How many hourly ranges a level is away from the price."""
    return abs(price - level) / hourly_range if level is not None and hourly_range else None


def midnight_of(now: datetime) -> datetime:
    """When this day began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def earned_since_midnight(
    record: PositionRecord, price: Decimal, midnight_price: Decimal | None, now: datetime
) -> Decimal | None:
    """What the position earned or lost this day (quote): what it is worth now, less then, less what was paid in.

    A fee in a third asset is left out: nobody told what that was worth.
    """
    story, midnight = record.story, midnight_of(now)
    base, quote = story.pair.base, story.pair.quote
    fills = [fill for fill in record.fills if fill.at >= midnight]
    bought = sum((fill.held_quantity * fill.side.sign for fill in fills), ZERO)
    paid = sum((fill.cost * fill.side.sign for fill in fills), ZERO)
    paid += sum((fill.fee for fill in fills if fill.fee_asset == quote), ZERO)
    charges = _summed([entry for entry in record.entries if entry.at >= midnight])
    paid += sum(
        (amount for (account, asset), amount in charges.items() if account in _CHARGED and asset == quote), ZERO
    )
    # Interest in base has made a short's debt larger: it is in the quantity now, and was not at midnight.
    grown = charges.get((Account.INTEREST, base), ZERO)
    before = story.position.quantity - bought + grown
    if before and midnight_price is None and story.opened_at < midnight:
        return None
    then = before * midnight_price if midnight_price is not None and story.opened_at < midnight else ZERO
    return story.position.quantity * price - then - paid


def costs_so_far(entries: Sequence[Entry]) -> tuple[tuple[str, Decimal, Asset], ...]:
    """What holding has cost: (what for, amount, asset), positive is paid; what cost nothing is left out."""
    sums = _summed(entries)
    return tuple(
        (words, amount, asset)
        for kind, words in _COSTS.items()
        for (account, asset), amount in sums.items()
        if account is kind and amount
    )


def _summed(entries: Sequence[Entry]) -> dict[tuple[Account, Asset], Decimal]:
    """What was posted, by account and asset; interest as it was charged, not again when its debt is bought back."""
    sums: dict[tuple[Account, Asset], Decimal] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.account is not Account.INTEREST:
                key = posting.account, posting.asset
                sums[key] = sums.get(key, ZERO) + posting.amount
    for amount, asset in charged_so_far(entry for entry in entries if entry.kind is EntryKind.INTEREST):
        sums[Account.INTEREST, asset] = amount
    return sums


def charged_so_far(entries: Iterable[Entry]) -> tuple[tuple[Decimal, Asset], ...]:
    """What borrowing has cost by asset: rollover, or interest, whether it was taken from cash or grew a debt."""
    sums: dict[Asset, Decimal] = {}
    for entry in entries:
        if entry.kind in (EntryKind.ROLLOVER, EntryKind.INTEREST):
            for posting in entry.postings:
                if posting.account is Account.CASH:
                    sums[posting.asset] = sums.get(posting.asset, ZERO) - posting.amount
    return tuple((amount, asset) for asset, amount in sums.items() if amount)


def charged_per_day(entries: Iterable[Entry], story: PositionStory, now: datetime) -> tuple[tuple[Decimal, Asset], ...]:
    """What borrowing cost in the last day by asset, scaled to a whole one while the position is younger.

    `entries` are its own. Empty before the first charge: what the venue will take is then not known.
    """
    recent = [entry for entry in entries if entry.at > now - _A_DAY]
    age = now - story.opened_at
    if age <= timedelta(0):
        return ()
    if age >= _A_DAY:
        return charged_so_far(recent)
    # Rollover is charged at each full period from the opening, interest at each full hour: charges cover whole ones.
    period = _ROLLOVER_PERIOD if any(entry.kind is EntryKind.ROLLOVER for entry in recent) else _INTEREST_PERIOD
    charges = max(1, int(age / period))
    return tuple((amount / charges * int(_A_DAY / period), asset) for amount, asset in charged_so_far(recent))


def side_word(side: Side) -> str:
    """`long` or `short`."""
    return "long" if side is Side.BUY else "short"


def strategy_title(name: str) -> str:
    """A strategy's title for people; its stored name if it is no longer there."""
    if name == BY_HAND:
        return "By hand"
    strategy = STRATEGIES.get(name)
    return strategy.title if strategy else name


def _stop_of(exits: Iterable[Order], story: PositionStory) -> tuple[str, Decimal | None]:
    stops = [order for order in exits if order.request.role is OrderRole.STOP]
    resting = [o for o in stops if o.status in (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)]
    if resting:
        return "resting", resting[-1].request.trigger_price
    if any(order.status.may_rest_at_venue or order.status is OrderStatus.INTENT for order in stops):
        return "unknown", story.stop_price
    return "missing", None


def _targets_of(exits: Iterable[Order], story: PositionStory) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    """The prices of targets that rest at the venue, and of those that Jarvis watches because none may rest there."""
    limits = [
        order
        for order in exits
        if order.request.role is OrderRole.TAKE_PROFIT and order.request.order_type is OrderType.LIMIT
    ]
    resting = sorted(
        order.request.limit_price
        for order in limits
        if order.status.may_rest_at_venue and order.request.limit_price is not None
    )
    opening = story.opening_price
    if limits or story.ladder or opening is None:
        return tuple(resting), ()
    watched, taken = [], ZERO
    for target in story.protection.take_profits:
        taken += target.share
        if story.quantity > story.opened_quantity * (1 - taken):
            watched.append(opening + story.side.sign * target.distance)
    return (), tuple(watched)
