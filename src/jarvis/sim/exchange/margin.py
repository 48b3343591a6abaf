"""Margin arithmetic of an account, the margin call, and what may still be opened.

Source of the sums: a recorded TradeBalance (see the golden test): e = tb + n, m = cost / leverage, mf = e - m,
ml = e / m. PnL excludes fees; fees reach the balance when they are charged.
"""

from decimal import Decimal

from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.sim.exchange import ladder, wallets
from jarvis.sim.exchange.records import Refusal, SimMargin, SimMarginCall, SimOrder, SimRefused
from jarvis.sim.exchange.state import Account, Hall


def equity(hall: Hall, account: Account) -> Decimal:
    """Collateral value of all balances plus unrealised PnL, at the last prices."""
    value = ZERO
    collateral = hall.model.collateral
    for asset, balance in account.balances.items():
        if balance and asset in collateral:
            value += balance * hall.price_of(asset) * collateral[asset]
    for pair, exposure in account.exposures.items():
        value += exposure.quantity * hall.prices[pair] - exposure.cost
    return value


def used_margin(account: Account) -> Decimal:
    """What the open lots bind."""
    return sum((exposure.margin for exposure in account.exposures.values()), ZERO)


def level(hall: Hall, account: Account) -> Decimal | None:
    """Equity over used margin as a fraction; None when nothing is open."""
    if hall.model.wallet is not None:
        return wallets.level(hall, account)
    used = used_margin(account)
    return equity(hall, account) / used if used else None


def margin_of(hall: Hall, account: Account) -> SimMargin:
    """Everything at once, as TradeBalance answers it; a wallet's debts are its cost and value of positions."""
    if hall.model.wallet is not None:
        return _margin_of_wallet(hall, account)
    balances = sum((amount * hall.price_of(asset) for asset, amount in account.balances.items()), ZERO)
    unrealised = cost = value = ZERO
    for pair, exposure in account.exposures.items():
        worth = exposure.quantity * hall.prices[pair]
        unrealised += worth - exposure.cost
        cost += abs(exposure.cost)
        value += abs(worth)
    e, m = equity(hall, account), used_margin(account)
    return SimMargin(
        eb=balances,
        tb=e - unrealised,
        m=m,
        n=unrealised,
        c=cost,
        v=value,
        e=e,
        mf=e - m,
        mfo=e - m - reserved(hall, account),
        ml=e / m * 100 if m else None,
    )


def _margin_of_wallet(hall: Hall, account: Account) -> SimMargin:
    wallet = wallets.wallet_of(hall, account)
    free = wallet.equity - wallet.initial
    return SimMargin(
        eb=wallet.assets_value - wallet.debt_value,
        tb=wallet.equity,
        m=wallet.initial,
        n=ZERO,
        c=wallet.debt_value,
        v=wallet.debt_value,
        e=wallet.equity,
        mf=free,
        mfo=free - wallets.reserved(hall, account),
        ml=wallet.level * 100 if wallet.level is not None else None,
    )


def reserved(hall: Hall, account: Account, *, besides: SimOrder | None = None) -> Decimal:
    """The margin that open orders would bind if they traded, one order left out."""
    total = ZERO
    for orders in account.working.values():
        for order in orders.values():
            if order.is_margin and not order.reduce_only and (besides is None or order.order_id != besides.order_id):
                total += _needed(hall, account, order, order.remaining_quantity)
    return total


def refuse_opening(hall: Hall, account: Account, order: SimOrder, *, with_reserved: bool) -> SimRefused | None:
    """Why the rest of a margin order may not open what it would open; None when it may.

    When an order is taken, what other open orders reserve counts too; when it trades, only what is bound.
    """
    opened = opening_quantity(account, order, order.remaining_quantity)
    if order.reduce_only or opened == 0:
        return None
    instrument = hall.instruments[order.pair]
    limit = instrument.long_position_limit if order.side is Side.BUY else instrument.short_position_limit
    if limit is not None and max(ZERO, account.quantity(order.pair) * order.side.sign) + opened > limit:
        return SimRefused(Refusal.POSITION_LIMIT, f"at most {limit} {order.pair.base} may be held on this side")
    needed = _needed(hall, account, order, order.remaining_quantity)
    e, used = equity(hall, account), used_margin(account)
    lowest = hall.model.min_level_to_open
    if used and e < lowest * used:
        return SimRefused(Refusal.MARGIN_LEVEL_TOO_LOW, "the margin level is too low to open anything")
    bound = used + needed + (reserved(hall, account, besides=order) if with_reserved else ZERO)
    if e < lowest * bound:
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, "free margin does not suffice")
    return None


def opening_quantity(account: Account, order: SimOrder, quantity: Decimal) -> Decimal:
    """How much of `quantity` goes beyond the opposite position."""
    closable = max(ZERO, -account.quantity(order.pair) * order.side.sign)
    return max(ZERO, quantity - closable)


def watch_call(hall: Hall, account: Account) -> None:
    """Tell a margin call when the level is below the call level, and not again before `rearm_call`."""
    now_level = level(hall, account)
    if now_level is not None and is_called(hall, account, now_level) and not account.margin_called:
        account.margin_called = True
        hall.events.append(SimMarginCall(account.name, hall.now, now_level, account.pot))


def rearm_call(hall: Hall, account: Account) -> None:
    """Allow the next margin call once the level is not below the call level any more."""
    if account.margin_called:
        now_level = level(hall, account)
        account.margin_called = now_level is not None and is_called(hall, account, now_level)


def is_called(hall: Hall, account: Account, now_level: Decimal) -> bool:
    """Whether the account is below the level at which the venue warns."""
    if hall.model.wallet is not None:
        return wallets.surplus(hall, account, hall.rates(account).call_rate) <= 0
    return now_level < hall.model.margin_call_level


def _needed(hall: Hall, account: Account, order: SimOrder, quantity: Decimal) -> Decimal:
    price = order.limit_price or order.trigger_price
    if price is None:
        price = ladder.best(hall.model.book, hall.instruments[order.pair], hall.prices[order.pair], order.side)
    return opening_quantity(account, order, quantity) * price / (order.leverage or 1)
