"""What one execution does to an account: balances, lots, ledger, order, and the events that tell it."""

from dataclasses import replace
from decimal import Decimal

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import Fill, FillId, OrderStatus
from jarvis.sim.exchange import lots, wallets
from jarvis.sim.exchange.records import OrderNews, SimFill, SimLot, SimOrder, SimOrderEvent
from jarvis.sim.exchange.state import ROLLOVER, Account, Hall


def execute(
    hall: Hall, account: Account, order: SimOrder, quantity: Decimal, price: Decimal, *, is_maker: bool
) -> tuple[SimOrder, SimFill]:
    """The order after trading `quantity` at `price`, and the fill: booked, netted and told."""
    instrument = hall.instruments[order.pair]
    cost = instrument.round_cost(quantity * price)
    rate = hall.model.fee.maker_rate if is_maker else hall.model.fee.taker_rate
    if hall.model.wallet is not None:
        return _trade_from_wallet(hall, account, order, quantity, price, cost, rate, is_maker=is_maker)
    fill = _fill(hall, order, quantity, price, cost, instrument.round_cost(cost * rate), is_maker=is_maker)
    if order.is_margin:
        told, rows = _trade_on_margin(hall, account, order, fill)
    else:
        told, rows = _trade_on_spot(hall, account, order, fill)
    return _record(hall, account, order, told, rows), account.fills[-1]


def settle(hall: Hall, account: Account, order: SimOrder, lot: SimLot, quantity: Decimal) -> SimOrder:
    """The order after closing part of a lot from balances: at its own price, without a trading fee, told as settled.

    A long's borrowed quote is paid and the base kept; a short's borrowed base is paid and the quote kept.
    """
    instrument = hall.instruments[order.pair]
    cost = lots.share(lot.remaining_cost, quantity, lot.remaining_quantity, instrument.cost_step)
    fill = _fill(hall, order, quantity, cost / quantity, cost, ZERO, is_maker=False)
    netting = lots.net([lot], fill, instrument.cost_step)
    for touched in netting.lots:
        account.keep_lot(touched)
    sign = lot.side.sign
    rows = [
        hall.post(account, fill.fill_id, LedgerKind.SETTLED, asset, amount, ZERO)
        for asset, amount in ((order.pair.quote, -cost * sign), (order.pair.base, quantity * sign))
    ]
    told = _told(hall, account, order, fill, rows, lot_id=lot.lot_id, closed=quantity)
    return _record(hall, account, order, told, rows)


def charge_rollover(hall: Hall, account: Account, lot: SimLot) -> None:
    """Charge one period for what is left of a lot, and wait for the next."""
    charge = hall.instruments[lot.pair].round_cost(lot.remaining_cost * lot.rollover_rate)
    row = hall.post(account, lot.lot_id, LedgerKind.ROLLOVER, lot.pair.quote, ZERO, charge)
    hall.tell_row(account, row)
    due = lot.next_rollover_at + hall.model.rollover.period
    account.keep_lot(replace(lot, fee=lot.fee + charge, next_rollover_at=due))
    hall.set_timer(due, ROLLOVER, account, lot.lot_id)


def _fill(
    hall: Hall, order: SimOrder, quantity: Decimal, price: Decimal, cost: Decimal, fee: Decimal, *, is_maker: bool
) -> Fill:
    return Fill(
        fill_id=hall.ids.fill(),
        venue_order_id=order.order_id,
        client_order_id=order.client_order_id,
        pair=order.pair,
        side=order.side,
        quantity=quantity,
        price=price,
        cost=cost,
        fee=fee,
        fee_asset=order.pair.quote,
        at=hall.now,
        is_maker=is_maker,
        is_margin=order.is_margin,
        is_liquidation=order.is_liquidation,
    )


def _trade_from_wallet(
    hall: Hall,
    account: Account,
    order: SimOrder,
    quantity: Decimal,
    price: Decimal,
    cost: Decimal,
    rate: Decimal,
    *,
    is_maker: bool,
) -> tuple[SimOrder, SimFill]:
    fill = _fill(hall, order, quantity, price, cost, ZERO, is_maker=is_maker)
    fee, fee_asset = wallets.fee_of(hall, account, order, fill, rate)
    fill = replace(fill, fee=fee, fee_asset=fee_asset, is_margin=True)
    wallets.trade(account, fill)
    told = replace(_told(hall, account, order, fill, []), pot=account.pot)
    after = _record(hall, account, order, told, [])
    wallets.settle_after(hall, account, after, fill)
    return after, told


def _trade_on_spot(hall: Hall, account: Account, order: SimOrder, fill: Fill) -> tuple[SimFill, list[LedgerRow]]:
    sign = fill.side.sign
    changes: tuple[tuple[Asset, Decimal, Decimal], ...] = (
        (fill.pair.quote, -fill.cost * sign, fill.fee),
        (fill.pair.base, fill.quantity * sign, ZERO),
    )
    rows = [hall.post(account, fill.fill_id, LedgerKind.TRADE, *change) for change in changes]
    return _told(hall, account, order, fill, rows), rows


def _trade_on_margin(hall: Hall, account: Account, order: SimOrder, fill: Fill) -> tuple[SimFill, list[LedgerRow]]:
    instrument = hall.instruments[fill.pair]
    netting = lots.net(account.open_lots.get(fill.pair, ()), fill, instrument.cost_step)
    for touched in netting.lots:
        account.keep_lot(touched)
    opening_fee = instrument.round_cost(netting.opened_cost * hall.model.opening.rate(fill.pair))
    margin = ZERO
    if netting.opened_quantity:
        lot = _open_lot(hall, account, order, fill, netting, opening_fee)
        margin = lot.margin
    rows = [
        hall.post(account, fill.fill_id, LedgerKind.MARGIN, fill.pair.quote, netting.realised, fill.fee + opening_fee)
    ]
    told = _told(
        hall,
        account,
        order,
        fill,
        rows,
        lot_id=netting.lots[0].lot_id if netting.lots else fill.fill_id,
        opened=netting.opened_quantity,
        closed=netting.closed_quantity,
        realised=netting.realised,
        opening_fee=opening_fee,
        margin=margin,
    )
    return told, rows


def _open_lot(
    hall: Hall, account: Account, order: SimOrder, fill: Fill, netting: lots.Netting, opening_fee: Decimal
) -> SimLot:
    leverage = order.leverage
    if leverage is None:
        raise ValueError(f"order {order.order_id} opens a lot without leverage")
    instrument = hall.instruments[fill.pair]
    due = hall.now + hall.model.rollover.period
    trading_fee = lots.share(fill.fee, netting.opened_quantity, fill.quantity, instrument.cost_step)
    lot = SimLot(
        lot_id=FillId(fill.fill_id),
        order_id=order.order_id,
        number=hall.trade_count + 1,
        pair=fill.pair,
        side=fill.side,
        quantity=netting.opened_quantity,
        cost=netting.opened_cost,
        leverage=leverage,
        margin=instrument.round_cost(netting.opened_cost / leverage),
        rollover_rate=hall.model.rollover.rate(fill.pair),
        opened_at=hall.now,
        next_rollover_at=due,
        fee=trading_fee + opening_fee,
    )
    account.keep_lot(lot)
    hall.set_timer(due, ROLLOVER, account, lot.lot_id)
    return lot


def _told(
    hall: Hall,
    account: Account,
    order: SimOrder,
    fill: Fill,
    rows: list[LedgerRow],
    *,
    lot_id: FillId | None = None,
    opened: Decimal = ZERO,
    closed: Decimal = ZERO,
    realised: Decimal = ZERO,
    opening_fee: Decimal = ZERO,
    margin: Decimal = ZERO,
) -> SimFill:
    filled = order.filled_quantity + fill.quantity
    after = replace(
        order,
        filled_quantity=filled,
        filled_cost=order.filled_cost + fill.cost,
        fee=order.fee + fill.fee,
        fill_ids=(*order.fill_ids, fill.fill_id),
        status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTLY_FILLED,
        closed_at=hall.now if filled == order.quantity else None,
    )
    return SimFill(
        account=account.name,
        fill=fill,
        order=after,
        number=hall.next_trade_number(),
        lot_id=lot_id,
        opened_quantity=opened,
        closed_quantity=closed,
        realised=realised,
        opening_fee=opening_fee,
        margin=margin,
        ledger_ids=tuple(row.row_id for row in rows),
    )


def _record(hall: Hall, account: Account, order: SimOrder, told: SimFill, rows: list[LedgerRow]) -> SimOrder:
    after = told.order
    account.keep_order(after)
    hold = account.holds.get(order.order_id)
    if hold is not None and hall.model.wallet is None:
        asset, amount = hold
        kept = lots.share(amount, after.remaining_quantity, order.remaining_quantity, _HOLD_STEP)
        account.holds[order.order_id] = (asset, kept)
    account.fills.append(told)
    hall.events.append(told)
    for row in rows:
        hall.tell_row(account, row)
    if not after.is_open:
        hall.events.append(SimOrderEvent(account.name, OrderNews.FILLED, after, hall.now))
    return after


_HOLD_STEP = Decimal("0.0000000001")
