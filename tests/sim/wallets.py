"""A wallet venue of one pair that costs nothing and fills at the last price, and orders out of a wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import Borrow, SimExchange, SimHolding, SimOrderRequest
from jarvis.sim.instruments import binance_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import BINANCE, BYBIT, OKX, FeeModel, VenueModel
from tests.sim.common import MINUTE, NO_SPREAD, OWNER, D, Row, bars, placed

USDT, COIN, BNB = Asset("USDT"), Asset("BTC"), Asset("BNB")
PAIR = Pair.parse("BTC/USDT")
BNB_PAIR = Pair.parse("BNB/USDT")
ISOLATED = str(PAIR)


def smooth(model: VenueModel, **changes: object) -> VenueModel:
    """The venue's model with a book that fills everything at the last price, and other wallet rates."""
    assert model.wallet is not None
    return replace(model, book=NO_SPREAD, wallet=replace(model.wallet, **changes))  # type: ignore[arg-type]


AT_BINANCE, AT_OKX, AT_BYBIT = smooth(BINANCE), smooth(OKX), smooth(BYBIT)
FREE_OF_FEES = replace(AT_BYBIT, fee=FeeModel(ZERO, ZERO))
FREE_OF_FEES = smooth(
    replace(FREE_OF_FEES, collateral=dict.fromkeys((USDT, COIN, BNB), D(1))), hourly_rates={USDT: ZERO, COIN: ZERO}
)
"""Nothing costs anything: initial 10 %, call 8 %, maintenance 4 % of what is owed; borrows as it fills."""


def venue_of(
    rows: Sequence[Row | None],
    model: VenueModel = FREE_OF_FEES,
    *,
    usdt: str = "1000",
    more: Mapping[Asset, Decimal] | None = None,
    others: Mapping[Pair, Sequence[Row | None]] | None = None,
    instruments: Mapping[Pair, Instrument] | None = None,
) -> SimExchange:
    """A venue of BTC/USDT, and `others`, with one account in USDT; time stands at the start."""
    series = {PAIR: rows, **(others or {})}
    market = RecordedMarket({pair: bars(pair, each, MINUTE) for pair, each in series.items()})
    listed = {pair: (instruments or binance_instruments())[pair] for pair in series}
    venue = SimExchange(instruments=listed, model=model, market=market, seed=1)
    venue.open_account(OWNER, {USDT: D(usdt), **(more or {})})
    venue.drain()
    return venue


def order(
    side: Side,
    quantity: str,
    kind: OrderType = OrderType.MARKET,
    *,
    pair: Pair = PAIR,
    limit: str | None = None,
    trigger: str | None = None,
    borrow: Borrow = Borrow.MISSING,
    repay: bool = False,
    locks: bool = True,
    reduce_only: bool = False,
    in_quote: bool = False,
    pot: str = "",
) -> SimOrderRequest:
    """An order out of a wallet, short to write."""
    return SimOrderRequest(
        pair=pair,
        side=side,
        order_type=kind,
        quantity=D(quantity),
        limit_price=D(limit) if limit else None,
        trigger_price=D(trigger) if trigger else None,
        borrow=borrow,
        repay=repay,
        locks=locks,
        reduce_only=reduce_only,
        quantity_in_quote=in_quote,
        pot=pot,
    )


def held(venue: SimExchange, asset: Asset, pot: str = "") -> SimHolding:
    """What the wallet holds and owes of an asset."""
    return venue.wallet(OWNER, pot).holdings.get(asset, SimHolding(ZERO, ZERO, ZERO, ZERO))


def buy(venue: SimExchange, quantity: str, **terms: object) -> None:
    """Buy at market."""
    placed(venue, order(Side.BUY, quantity, **terms))  # type: ignore[arg-type]


def sell(venue: SimExchange, quantity: str, **terms: object) -> None:
    """Sell at market."""
    placed(venue, order(Side.SELL, quantity, **terms))  # type: ignore[arg-type]
