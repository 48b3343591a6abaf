"""Small markets and exchanges for the tests: prices written as rows, costs that can be reckoned in the head."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import OrderType, TimeInForce
from jarvis.sim.exchange import (
    ConditionalClose,
    SimExchange,
    SimOrder,
    SimOrderRequest,
    SimPlaced,
    SimRefused,
)
from jarvis.sim.instruments import kraken_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import KRAKEN, BookModel, FeeModel, OpeningFeeModel, RolloverModel, VenueModel

D = Decimal
START = datetime(2025, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
OWNER = "owner"

NO_SPREAD = BookModel(half_spread_bps=ZERO, level_step_bps=ZERO, level_quote_size=D(10_000_000))
FREE = VenueModel(
    fee=FeeModel(ZERO, ZERO),
    opening=OpeningFeeModel(ZERO),
    rollover=RolloverModel(ZERO),
    book=NO_SPREAD,
    collateral={USD: D(1), Asset("BTC"): D("0.99")},
)
"""Nothing costs anything and every order fills at the last price."""

Row = tuple[float, float, float, float]


def flat(price: float, count: int = 1) -> list[Row]:
    """Bars in which nothing moves."""
    return [(price, price, price, price)] * count


def bars(pair: Pair, rows: Sequence[Row | None], step: timedelta = MINUTE, start: datetime = START) -> list[Bar]:
    """Bars open, high, low, close from `start`; None leaves a hole."""
    return [_bar(pair, step, start + number * step, row) for number, row in enumerate(rows) if row is not None]


def _bar(pair: Pair, step: timedelta, opened_at: datetime, row: Row) -> Bar:
    opened, high, low, close = (D(str(price)) for price in row)
    return Bar(pair, step, opened_at, opened, high, low, close, D(10))


def exchange(
    rows: Sequence[Row | None],
    *,
    model: VenueModel = FREE,
    pair: Pair = BTC,
    usd: str = "10000",
    step: timedelta = MINUTE,
    deposits: dict[Asset, Decimal] | None = None,
    instrument: Instrument | None = None,
) -> SimExchange:
    """An exchange of one pair with one account; time stands at the start."""
    market = RecordedMarket({pair: bars(pair, rows, step)})
    listed = {pair: instrument or kraken_instruments()[pair]}
    venue = SimExchange(instruments=listed, model=model, market=market, seed=1)
    venue.open_account(OWNER, deposits if deposits is not None else {USD: D(usd)})
    venue.drain()
    return venue


def request(
    side: Side,
    quantity: str,
    kind: OrderType = OrderType.MARKET,
    *,
    pair: Pair = BTC,
    leverage: int | None = 10,
    limit: str | None = None,
    trigger: str | None = None,
    trailing: str | None = None,
    reduce_only: bool = False,
    post_only: bool = False,
    time_in_force: TimeInForce = TimeInForce.GTC,
    expires_at: datetime | None = None,
    close: ConditionalClose | None = None,
) -> SimOrderRequest:
    """An order, short to write."""
    return SimOrderRequest(
        pair=pair,
        side=side,
        order_type=kind,
        quantity=D(quantity),
        leverage=leverage,
        limit_price=D(limit) if limit else None,
        trigger_price=D(trigger) if trigger else None,
        trailing_offset=D(trailing) if trailing else None,
        reduce_only=reduce_only,
        post_only=post_only,
        time_in_force=time_in_force,
        expires_at=expires_at,
        close=close,
    )


def placed(venue: SimExchange, wanted: SimOrderRequest, account: str = OWNER) -> SimOrder:
    """The order as it stood after it was placed; a refusal fails the test."""
    answer = venue.place(account, wanted)
    assert isinstance(answer, SimPlaced), answer
    return answer.order


def refused(venue: SimExchange, wanted: SimOrderRequest, account: str = OWNER) -> SimRefused:
    """The refusal; acceptance fails the test."""
    answer = venue.place(account, wanted)
    assert isinstance(answer, SimRefused), answer
    return answer


def now(venue: SimExchange, order: SimOrder) -> SimOrder:
    """The order as it stands now."""
    found = venue.order(order.account, order.order_id)
    assert found is not None
    return found


def step(venue: SimExchange, count: int = 1) -> None:
    """Let `count` native bars pass."""
    venue.advance(venue.now + count * venue.market.step)


def prices(venue: SimExchange) -> list[Decimal]:
    """The prices of all fills, oldest first."""
    return [told.fill.price for told in venue.fills(OWNER)]


def balance(venue: SimExchange, asset: Asset = USD) -> Decimal:
    """The total of an asset."""
    return venue.balances(OWNER)[asset].total


def costing(
    *, taker: str = "0", maker: str = "0", opening: str = "0", rollover: str = "0", book: BookModel = NO_SPREAD
) -> VenueModel:
    """FREE with some costs."""
    return replace(
        FREE,
        fee=FeeModel(D(maker), D(taker)),
        opening=OpeningFeeModel(D(opening)),
        rollover=RolloverModel(D(rollover)),
        book=book,
    )


__all__ = [
    "BTC",
    "ETH",
    "FREE",
    "KRAKEN",
    "MINUTE",
    "NO_SPREAD",
    "OWNER",
    "START",
    "D",
    "Row",
    "balance",
    "bars",
    "costing",
    "exchange",
    "flat",
    "now",
    "placed",
    "prices",
    "refused",
    "request",
    "step",
]
