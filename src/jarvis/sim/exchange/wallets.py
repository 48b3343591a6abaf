"""Margin out of one wallet: what an order spends and borrows, what a fill moves, interest, repayment, equity.

Base and quote change hands at each fill; what the owner lacks is borrowed. The fee is taken in the asset that was
received (or in the asset that the owner chose for fees, while there is enough of it). A position is what fills and
interest made of a pair's base: deposits are not part of it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import Balance, LedgerKind
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO, Asset, round_down, round_nearest, round_up
from jarvis.domain.order import Fill
from jarvis.sim.exchange import ladder
from jarvis.sim.exchange.records import (
    Borrow,
    Refusal,
    SimBorrow,
    SimHolding,
    SimInterest,
    SimLedger,
    SimOrder,
    SimRefused,
    SimRepay,
    SimWallet,
)
from jarvis.sim.exchange.state import INTEREST, Account, Hall
from jarvis.sim.models import BorrowsAt

STEP = Decimal("0.00000001")
"""To which fees, interest and borrowed amounts are booked."""
_HOUR = timedelta(hours=1)
RateOf = Callable[[Asset], Decimal]


# --- what is there -------------------------------------------------------------------------------------------------


def assets_of(account: Account) -> list[Asset]:
    """Every asset that is held or owed."""
    return sorted({*account.balances, *account.debts, *account.interest})


def wallet_of(hall: Hall, account: Account) -> SimWallet:
    """The wallet at the last prices."""
    holdings = {
        asset: SimHolding(
            free=account.free(asset),
            locked=account.held(asset),
            borrowed=account.debts.get(asset, ZERO),
            interest=account.interest.get(asset, ZERO),
        )
        for asset in assets_of(account)
    }
    values = {asset: hall.price_of(asset) for asset in holdings}
    rates = hall.rates(account)
    return SimWallet(
        holdings=holdings,
        assets_value=sum((each.total * values[asset] for asset, each in holdings.items()), ZERO),
        debt_value=sum((each.owed * values[asset] for asset, each in holdings.items()), ZERO),
        equity=equity(hall, account),
        initial=demand(hall, account, rates.initial_rate),
        call=demand(hall, account, rates.call_rate),
        maintenance=demand(hall, account, rates.maintenance_rate),
    )


def balances_of(account: Account) -> dict[Asset, Balance]:
    """Net balances by asset."""
    return {
        asset: Balance(
            asset,
            account.net(asset),
            account.free(asset),
            account.debts.get(asset, ZERO),
            account.interest.get(asset, ZERO),
        )
        for asset in assets_of(account)
    }


def equity(hall: Hall, account: Account) -> Decimal:
    """What is owned, by its collateral value, less what is owed."""
    value = ZERO
    for asset in assets_of(account):
        net = account.net(asset)
        weight = hall.model.collateral.get(asset, ZERO) if net > 0 else Decimal(1)
        value += net * hall.price_of(asset) * weight
    return value


def demand(hall: Hall, account: Account, rate: RateOf) -> Decimal:
    """The equity that the debts demand at these rates."""
    owed = {*account.debts, *account.interest}
    return sum((account.owed(asset) * hall.price_of(asset) * rate(asset) for asset in sorted(owed)), ZERO)


def surplus(hall: Hall, account: Account, rate: RateOf) -> Decimal:
    """How much more equity there is than the debts demand."""
    return equity(hall, account) - demand(hall, account, rate)


def slope(hall: Hall, account: Account, pair: Pair, rate: RateOf) -> Decimal:
    """By how much the surplus changes when the pair's price rises by one."""
    base = pair.base
    net, owed = account.net(base), account.owed(base)
    weight = hall.model.collateral.get(base, ZERO) if net > 0 else Decimal(1)
    return net * weight - owed * rate(base)


def level(hall: Hall, account: Account) -> Decimal | None:
    """Equity over initial margin; None when nothing is owed."""
    needed = demand(hall, account, hall.rates(account).initial_rate)
    return equity(hall, account) / needed if needed else None


# --- borrowing and repaying ----------------------------------------------------------------------------------------


def max_borrowable(hall: Hall, account: Account, asset: Asset) -> Decimal:
    """How much more of an asset the account may owe; zero where it is not lent."""
    rates = hall.rates(account)
    price = hall.price_of(asset)
    if refuse_lending(hall, account, asset) is not None or price == 0:
        return ZERO
    room = surplus(hall, account, rates.initial_rate) - reserved(hall, account)
    at_once = rates.hourly_rates[asset] if rates.interest_on_borrow else ZERO
    if at_once:
        # The first charge is rounded up.
        room -= STEP * price * (1 + rates.initial_rate(asset))
    return max(ZERO, room / price / (rates.initial_rate(asset) * (1 + at_once) + at_once))


def refuse_lending(hall: Hall, account: Account, asset: Asset) -> SimRefused | None:
    """Why nothing of an asset is lent to the account at all; None when something may be."""
    if not account.may_borrow:
        return SimRefused(Refusal.NOT_ELIGIBLE, "the account may not borrow")
    if not may_hold(account, asset):
        return SimRefused(Refusal.NOT_ELIGIBLE, f"{asset} is no part of {account.pot}")
    if asset not in hall.rates(account).hourly_rates:
        return SimRefused(Refusal.NOT_ELIGIBLE, f"{asset} is not lent")
    if asset in hall.not_lent:
        return SimRefused(Refusal.NOT_ELIGIBLE, f"there is no {asset} left to lend")
    return None


def refuse_borrowing(
    hall: Hall, account: Account, asset: Asset, amount: Decimal, *, besides: SimOrder | None = None
) -> SimRefused | None:
    """Why this much may not be borrowed; None when it may."""
    if amount <= 0:
        return None
    refused = refuse_lending(hall, account, asset)
    if refused is not None:
        return refused
    rates = hall.rates(account)
    room = surplus(hall, account, rates.initial_rate) - reserved(hall, account, besides=besides)
    lent = round_up(amount, STEP)
    charge = round_up(lent * rates.hourly_rates[asset], STEP) if rates.interest_on_borrow else ZERO
    if ((lent + charge) * rates.initial_rate(asset) + charge) * hall.price_of(asset) > room:
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"{amount} {asset} are more than may be borrowed")
    return None


def may_hold(account: Account, asset: Asset) -> bool:
    """Whether the asset belongs here: an isolated pair's account knows its base and quote alone."""
    if not account.pot:
        return True
    pair = Pair.parse(account.pot)
    return asset in (pair.base, pair.quote)


def refuse_leaving(hall: Hall, account: Account, asset: Asset, amount: Decimal) -> SimRefused | None:
    """Why this much of what is free may not leave the account; None when its debts and orders can spare it."""
    if not account.debts and not any(account.working.values()):
        return None
    room = surplus(hall, account, hall.rates(account).initial_rate) - reserved(hall, account)
    if amount * hall.price_of(asset) * hall.model.collateral.get(asset, ZERO) > max(ZERO, room):
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"{amount} {asset} are needed as margin")
    return None


def borrow(hall: Hall, account: Account, asset: Asset, amount: Decimal, order: SimOrder | None = None) -> SimBorrow:
    """Lend an amount that was found to be allowed; the first hour's interest where the venue charges it at once."""
    amount = round_up(amount, STEP)
    account.balances[asset] = account.balances.get(asset, ZERO) + amount
    account.debts[asset] = account.debts.get(asset, ZERO) + amount
    told = SimBorrow(
        account.name,
        account.pot,
        hall.next_loan_number(),
        asset,
        amount,
        hall.now,
        None if order is None else order.order_id,
    )
    account.borrows.append(told)
    hall.events.append(told)
    if hall.rates(account).interest_on_borrow:
        _charge(hall, account, asset, amount, on_borrow=True)
    _wake_for_interest(hall, account)
    return told


def repay(
    hall: Hall, account: Account, asset: Asset, amount: Decimal, order: SimOrder | None = None, *, automatic: bool
) -> SimRepay | None:
    """Pay back at most what is owed and free, interest first; None when that is nothing."""
    paid = min(amount, account.owed(asset), max(ZERO, account.free(asset)))
    if paid <= 0:
        return None
    interest = min(paid, account.interest.get(asset, ZERO))
    principal = paid - interest
    account.balances[asset] -= paid
    _lower(account.interest, asset, interest)
    _lower(account.debts, asset, principal)
    told = SimRepay(
        account.name,
        account.pot,
        hall.next_loan_number(),
        asset,
        principal,
        interest,
        hall.now,
        None if order is None else order.order_id,
        automatic,
    )
    account.repays.append(told)
    hall.events.append(told)
    return told


def charge_interest(hall: Hall, account: Account) -> None:
    """Charge an hour on everything that is borrowed, and wait for the next hour while something is."""
    for asset in sorted(account.debts):
        _charge(hall, account, asset, account.debts[asset], on_borrow=False)
    if account.debts:
        _set_timer(hall, account)


def _charge(hall: Hall, account: Account, asset: Asset, principal: Decimal, *, on_borrow: bool) -> None:
    rate = hall.rates(account).hourly_rates[asset]
    charge = round_up(principal * rate, STEP)
    if charge <= 0:
        return
    account.interest[asset] = account.interest.get(asset, ZERO) + charge
    pair = Pair(asset, hall.asset)
    if pair in hall.instruments:
        account.hold_position(pair, -charge)
    told = SimInterest(
        account.name,
        account.pot,
        hall.next_loan_number(),
        asset,
        principal,
        rate,
        charge,
        hall.now,
        on_borrow,
    )
    account.interests.append(told)
    hall.events.append(told)
    row = hall.note(account, str(told.number), LedgerKind.INTEREST, asset, ZERO, charge)
    hall.events.append(SimLedger(account.name, row))


def _wake_for_interest(hall: Hall, account: Account) -> None:
    waiting = any(kind == INTEREST and key == account.key for _, kind, _, key, _ in hall.timers)
    if not waiting:
        _set_timer(hall, account)


def _set_timer(hall: Hall, account: Account) -> None:
    hall.set_timer(_next_hour(hall.now, hall.rates(account).interest_minute), INTEREST, account, "")


def _next_hour(now: datetime, minute: int) -> datetime:
    due = now.replace(minute=minute, second=0, microsecond=0)
    return due if due > now else due + _HOUR


def _lower(amounts: dict[Asset, Decimal], asset: Asset, by: Decimal) -> None:
    left = amounts.get(asset, ZERO) - by
    if left:
        amounts[asset] = left
    else:
        amounts.pop(asset, None)


# --- orders --------------------------------------------------------------------------------------------------------


def spent_by(hall: Hall, order: SimOrder, quantity: Decimal, price: Decimal | None = None) -> tuple[Asset, Decimal]:
    """What trading this much of the order takes out of the wallet, at its own price or the present one."""
    if order.side is Side.SELL:
        return order.pair.base, quantity
    instrument = hall.instruments[order.pair]
    if price is None:
        price = order.limit_price or order.trigger_price
    if price is None:
        price = ladder.best(hall.model.book, instrument, hall.prices[order.pair], order.side)
    return order.pair.quote, instrument.round_cost(quantity * price)


def lacking(account: Account, order: SimOrder, asset: Asset, amount: Decimal) -> Decimal:
    """What of an amount is to be borrowed for the order."""
    if order.request.borrow is Borrow.FULL and not order.reduce_only:
        _, kept = account.holds.get(order.order_id, (asset, ZERO))
        return max(ZERO, amount - kept)
    return max(ZERO, amount - account.free(asset, besides=order.order_id))


def refuse_funds(hall: Hall, account: Account, order: SimOrder) -> SimRefused | None:
    """Why the wallet does not suffice for the order; None when it does, or when nothing is asked before a trigger."""
    if order.is_waiting and not order.request.locks:
        return None
    asset, amount = spent_by(hall, order, order.remaining_quantity)
    short = lacking(account, order, asset, amount)
    if short <= 0:
        return None
    if order.request.borrow is Borrow.NONE:
        return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"{amount} {asset} are needed")
    return refuse_borrowing(hall, account, asset, short, besides=order)


def hold(hall: Hall, account: Account, order: SimOrder) -> None:
    """Keep the order's funds, borrowing what it lacks where the venue does that when an order is taken."""
    if not order.is_open or (order.is_waiting and not order.request.locks):
        account.holds.pop(order.order_id, None)
        return
    asset, amount = spent_by(hall, order, order.remaining_quantity)
    short = lacking(account, order, asset, amount)
    borrows = order.request.borrow is not Borrow.NONE and not order.reduce_only
    if short > 0 and borrows and hall.rates(account).borrows_at is BorrowsAt.PLACEMENT:
        borrow(hall, account, asset, short, order)
        short = ZERO
    account.holds[order.order_id] = (asset, max(ZERO, min(amount - short, account.free(asset, besides=order.order_id))))


def reserved(hall: Hall, account: Account, *, besides: SimOrder | None = None) -> Decimal:
    """The initial margin of what resting orders would still have to borrow, one order left out."""
    rates = hall.rates(account)
    if rates.borrows_at is BorrowsAt.PLACEMENT:
        return ZERO
    total = ZERO
    for working in account.working.values():
        for order in working.values():
            if besides is not None and order.order_id == besides.order_id:
                continue
            keeps_nothing = order.is_waiting and not order.request.locks
            if order.request.borrow is Borrow.NONE or order.reduce_only or keeps_nothing:
                continue
            asset, amount = spent_by(hall, order, order.remaining_quantity)
            _, own = account.holds.get(order.order_id, (asset, ZERO))
            total += max(ZERO, amount - own) * hall.price_of(asset) * rates.initial_rate(asset)
    return total


def affords(hall: Hall, account: Account, order: SimOrder, quantity: Decimal, price: Decimal) -> bool:
    """Whether the order can trade this much now; borrows what it lacks for it."""
    asset, amount = spent_by(hall, order, quantity, price)
    short = lacking(account, order, asset, amount)
    if short <= 0:
        return True
    if order.request.borrow is Borrow.NONE or refuse_borrowing(hall, account, asset, short, besides=order) is not None:
        return False
    borrow(hall, account, asset, short, order)
    return True


def fee_of(hall: Hall, account: Account, order: SimOrder, fill: Fill, rate: Decimal) -> tuple[Decimal, Asset]:
    """What the venue takes for a fill that is about to be booked, and in which asset."""
    chosen = account.fee_asset
    if chosen is not None and (price := hall.price_of(chosen)):
        amount = round_up(fill.cost * rate / price, STEP)
        spent, needed = spent_by(hall, order, order.remaining_quantity, fill.price)
        kept = needed if spent == chosen else ZERO
        if amount <= account.free(chosen, besides=order.order_id) - kept:
            return amount, chosen
    if fill.side is Side.BUY:
        return round_nearest(fill.quantity * rate, STEP), fill.pair.base
    return round_nearest(fill.cost * rate, hall.instruments[fill.pair].cost_step), fill.pair.quote


def trade(account: Account, fill: Fill) -> None:
    """Let base and quote change hands, and take the fee."""
    sign = fill.side.sign
    changes = (
        (fill.pair.base, fill.quantity * sign),
        (fill.pair.quote, -fill.cost * sign),
        (fill.fee_asset, -fill.fee),
    )
    for asset, change in changes:
        account.balances[asset] = account.balances.get(asset, ZERO) + change
    account.hold_position(fill.pair, fill.held_quantity * sign)


def settle_after(hall: Hall, account: Account, order: SimOrder, fill: Fill) -> None:
    """After the fill was told: repay out of what it brought, and hold what the rest of the order needs."""
    if order.request.repay:
        received = fill.pair.base if fill.side is Side.BUY else fill.pair.quote
        amount = fill.quantity if fill.side is Side.BUY else fill.cost
        repay(hall, account, received, amount, order, automatic=True)
    hold(hall, account, order)


def closable(hall: Hall, account: Account, pair: Pair, side: Side, *, is_maker: bool) -> Decimal:
    """How much an order of this side may trade to close what is open, in whole lots: a sale never more than that.

    A buy may trade as much more as its fee takes out of what it brings, to the last lot: what is owed is covered.
    """
    lot = hall.instruments[pair].lot
    left = max(ZERO, -account.quantity(pair) * side.sign)
    if side is Side.SELL:
        return round_down(left, lot)
    fee = hall.model.fee
    rate = ZERO if account.fee_asset is not None else fee.maker_rate if is_maker else fee.taker_rate
    return _bringing(left, rate, lot)


def _bringing(missing: Decimal, rate: Decimal, lot: Decimal) -> Decimal:
    """The smallest number of lots of which this much is left after a fee."""
    wanted = round_up(missing / (1 - rate), lot)
    while wanted - round_nearest(wanted * rate, STEP) < missing:
        wanted += lot
    return wanted


def can_close(hall: Hall, account: Account) -> bool:
    """Whether a forced closing could do anything: pay what is owed from what is there, sell, or buy back."""
    if any(account.owed(asset) and account.balances.get(asset, ZERO) > 0 for asset in account.debts):
        return True
    quote = account.balances.get(hall.asset, ZERO)
    for pair, instrument in hall.instruments.items():
        if not hall.has_price(pair):
            continue
        if forced_sale(account, instrument) > 0:
            return True
        if account.owed(pair.base) and affordable(hall, instrument, quote) > 0:
            return True
    return False


def forced_sale(account: Account, instrument: Instrument) -> Decimal:
    """How much of a base is sold by force: all that is not owed, in whole lots, if it is worth an order."""
    owned = instrument.round_quantity(max(ZERO, account.net(instrument.pair.base)))
    return owned if owned >= instrument.min_quantity else ZERO


def affordable(hall: Hall, instrument: Instrument, quote: Decimal) -> Decimal:
    """How much of a base the quote buys now."""
    return ladder.affordable(hall.model.book, instrument, hall.prices[instrument.pair], quote)


def buy_back_quantity(hall: Hall, account: Account, instrument: Instrument) -> Decimal:
    """How much must be bought so that, after the fee, all that is owed of the base can be repaid."""
    missing = account.owed(instrument.pair.base) - account.balances.get(instrument.pair.base, ZERO)
    if missing <= 0:
        return ZERO
    return _bringing(missing, hall.model.fee.taker_rate, instrument.lot)
