"""One account in the middle of its day: what the pages are looked at with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.domain.position import Position
from jarvis.store.records import PositionFacts
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection, TakeProfit

NOW = datetime(2026, 11, 21, 14, 3, 20, tzinfo=UTC)
BTC = Pair(Asset("BTC"), USD)
SOL = Pair(Asset("SOL"), USD)
ETH_USDT = Pair(Asset("ETH"), Asset("USDT"))
CENT = Decimal("0.0001")


def margin(at: datetime = NOW, equity: str = "25312.4471", level: str | None = "2.83") -> MarginState:
    return MarginState(
        asset=USD,
        at=at,
        equity=Decimal(equity),
        trade_balance=Decimal("25250.1"),
        used_margin=Decimal("8944.3") if level else Decimal(0),
        free_margin=Decimal("16368.1"),
        unrealised=Decimal("62.3471"),
        margin_level=Decimal(level) if level else None,
    )


def fill(
    pair: Pair,
    side: Side,
    quantity: str,
    price: str,
    at: datetime,
    number: int,
    client_order_id: str,
) -> Fill:
    cost = (Decimal(quantity) * Decimal(price)).quantize(CENT)
    return Fill(
        fill_id=FillId(f"TAAAAA-BBBBB-{number:06d}"),
        venue_order_id=VenueOrderId(f"OAAAAA-BBBBB-{number:06d}"),
        client_order_id=ClientOrderId(client_order_id),
        pair=pair,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        cost=cost,
        fee=(cost * Decimal("0.004")).quantize(CENT),
        fee_asset=pair.quote,
        at=at,
    )


def order(
    pair: Pair,
    role: OrderRole,
    side: Side,
    order_type: OrderType,
    quantity: str,
    client_order_id: str,
    *,
    status: OrderStatus = OrderStatus.OPEN,
    price: str | None = None,
    filled: str = "0",
    at: datetime = NOW - timedelta(hours=2),
    decision: str | None = None,
) -> Order:
    triggered = order_type in (OrderType.STOP, OrderType.TAKE_PROFIT)
    request = OrderRequest(
        client_order_id=ClientOrderId(client_order_id),
        pair=pair,
        side=side,
        order_type=order_type,
        quantity=Decimal(quantity),
        leverage=5,
        role=role,
        reduce_only=role is not OrderRole.ENTRY,
        limit_price=Decimal(price) if price and not triggered else None,
        trigger_price=Decimal(price) if price and triggered else None,
        decision_price=Decimal(decision) if decision else None,
        position_id=PositionId(f"{pair.base}-1"),
    )
    return Order(request, at, status, VenueOrderId(f"O-{client_order_id}"), Decimal(filled))


def story(pair: Pair, side: Side, quantity: str, price: str, stop: str, *, hours: int = 2) -> PositionStory:
    opened_at = NOW - timedelta(hours=hours)
    entry = fill(pair, side, quantity, price, opened_at, 1 if pair == BTC else 2, f"j{pair.base}0000001")
    position, _ = Position(pair, CENT).apply(entry)
    return PositionStory(
        position_id=PositionId(f"{pair.base}-1"),
        pair=pair,
        strategy="donchian_breakout" if pair == BTC else "moving_average_crossover",
        position=position,
        protection=Protection(
            Decimal("1310.5"),
            trailing=pair == BTC,
            take_profits=(TakeProfit(Decimal(2600), Decimal("0.5")),),
            time_stop=timedelta(hours=30),
        ),
        leverage=5,
        entry_id=ClientOrderId(f"j{pair.base}0000001"),
        entry_side=side,
        decision_price=Decimal(price),
        opened_at=opened_at,
        opened_quantity=Decimal(quantity),
        interval=timedelta(minutes=15),
        stop_price=Decimal(stop),
        fill_ids=(entry.fill_id,),
    )


def opened_position(opening: Fill) -> Position:
    return Position(opening.pair, CENT).apply(opening)[0]


def opening_of(of: PositionStory) -> Fill:
    """The fill that opened a story of this module."""
    quantity, price = str(of.opened_quantity), str(of.decision_price)
    number = 1 if of.pair == BTC else 2
    return fill(of.pair, of.entry_side, quantity, price, of.opened_at, number, of.entry_id)


def closed_story() -> tuple[PositionStory, Fill, Fill]:
    """A position that its stop closed, with its two fills."""
    opened_at, closed_at = NOW - timedelta(hours=9), NOW - timedelta(hours=7)
    opening = fill(BTC, Side.BUY, "0.1", "90800.0", opened_at, 11, "jBTC0000011")
    closing = fill(BTC, Side.SELL, "0.1", "90310.5", closed_at, 12, "jBTC0000012")
    base = story(BTC, Side.BUY, "0.1", "90800.0", "90300")
    ended = replace(
        base,
        position_id=PositionId("BTC-0"),
        entry_id=ClientOrderId("jBTC0000011"),
        position=Position(BTC, CENT),
        opened_at=opened_at,
        closed_at=closed_at,
        exit_role=OrderRole.STOP,
        fill_ids=(opening.fill_id, closing.fill_id),
    )
    return ended, opening, closing


def closed_orders() -> list[Order]:
    entry = order(BTC, OrderRole.ENTRY, Side.BUY, OrderType.MARKET, "0.1", "jBTC0000011",
                  status=OrderStatus.FILLED, filled="0.1", at=NOW - timedelta(hours=9), decision="90795.2")  # fmt: skip
    stop = order(BTC, OrderRole.STOP, Side.SELL, OrderType.STOP, "0.1", "jBTC0000012", price="90320.1",
                 status=OrderStatus.FILLED, filled="0.1", at=NOW - timedelta(hours=9), decision="90320.1")  # fmt: skip
    position = PositionId("BTC-0")
    return [replace(each, request=replace(each.request, position_id=position)) for each in (entry, stop)]


def ended(of: PositionStory) -> PositionStory:
    return replace(of, position=Position(of.pair, CENT), closed_at=NOW, exit_role=OrderRole.SIGNAL_EXIT)


def btc_story() -> PositionStory:
    return story(BTC, Side.BUY, "0.25000000", "91250.4", "89939.9")


def sol_story() -> PositionStory:
    return story(SOL, Side.SELL, "84.5", "142.31", "146.02", hours=5)


def eth_story() -> PositionStory:
    return story(ETH_USDT, Side.SELL, "2.00000000", "3125.5", "3190.2", hours=4)


def eth_orders() -> tuple[Order, Order]:
    """The entry and the stop of `eth_story`."""
    return (
        order(ETH_USDT, OrderRole.ENTRY, Side.SELL, OrderType.MARKET, "2", "jETH0000001", status=OrderStatus.FILLED,
              filled="2", decision="3126.1"),
        order(ETH_USDT, OrderRole.STOP, Side.BUY, OrderType.STOP, "2", "jETH0000002", price="3190.2"),
    )  # fmt: skip


def eth_facts() -> PositionFacts:
    """What the venue told of `eth_story`."""
    return PositionFacts(
        eth_story().position_id,
        NOW,
        used_margin=Decimal("1250.2"),
        borrowed_asset=ETH_USDT.base,
        borrowed=Decimal(2),
        interest=Decimal("0.00004"),
        liquidation_price=Decimal("6871.15"),
    )


def wallet_margin() -> MarginState:
    return replace(
        margin(equity="9876.5432", level="7.9"),
        asset=ETH_USDT.quote,
        call_level=Decimal("0.6"),
        liquidation_level=Decimal("0.2"),
        venue_level=Decimal("3.956"),
    )


def orders() -> list[Order]:
    """Every state that an order can be seen in."""
    return [
        order(BTC, OrderRole.ENTRY, Side.BUY, OrderType.MARKET, "0.25", "jBTC0000001", status=OrderStatus.FILLED,
              filled="0.25", decision="91231.1"),
        order(BTC, OrderRole.STOP, Side.SELL, OrderType.STOP, "0.25", "jBTC0000002", price="89939.9"),
        order(BTC, OrderRole.TAKE_PROFIT, Side.SELL, OrderType.LIMIT, "0.125", "jBTC0000003", price="93850.4"),
        order(SOL, OrderRole.ENTRY, Side.SELL, OrderType.MARKET, "84.5", "jSOL0000001", status=OrderStatus.FILLED,
              filled="84.5"),
        order(SOL, OrderRole.STOP, Side.BUY, OrderType.STOP, "84.5", "jSOL0000002", price="146.02",
              status=OrderStatus.UNKNOWN),
        order(SOL, OrderRole.TAKE_PROFIT, Side.BUY, OrderType.LIMIT, "42.25", "jSOL0000003", price="131.4",
              status=OrderStatus.PARTLY_FILLED, filled="10"),
    ]  # fmt: skip


def bars(pair: Pair = BTC, count: int = 240, interval: timedelta = timedelta(minutes=1)) -> list[Bar]:
    """A wandering price that ends at `NOW`."""
    price, made = (Decimal(91000) if pair == BTC else Decimal(140)), []
    for index in range(count):
        move = Decimal((index * 37 % 23) - 11) / 9000
        close = (price * (1 + move)).quantize(Decimal("0.1"))
        high, low = max(price, close) * Decimal("1.0006"), min(price, close) * Decimal("0.9994")
        opened_at = NOW.replace(second=0) - interval * (count - index)
        made.append(Bar(pair, interval, opened_at, price, high.quantize(Decimal("0.1")),
                        low.quantize(Decimal("0.1")), close, Decimal("3.25")))  # fmt: skip
        price = close
    return made
