"""`SimExchange`: one margin venue for many accounts, moved bar by bar on a given clock.

What happens within a bar happens at the bar's end: fills and orders bear the time at which the bar closed. Rollovers
and expiries happen at their own instants. An order that comes while a bar is missing waits for the next bar's open.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop
from itertools import chain

from jarvis.domain.account import Balance, LedgerKind, LedgerRow
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.market import Bar, PublicTrade, Quote
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, FillId, OrderStatus, TimeInForce, VenueOrderId
from jarvis.sim.candles import KEPT, Candle, CandleTower, floor_time
from jarvis.sim.exchange import ladder, margin, matching, orders, settlement, wallets
from jarvis.sim.exchange.ids import Ids
from jarvis.sim.exchange.records import (
    Refusal,
    SimBook,
    SimBorrow,
    SimCandle,
    SimEvent,
    SimFill,
    SimInterest,
    SimLiquidation,
    SimLot,
    SimMargin,
    SimOrder,
    SimOrderRequest,
    SimPlaced,
    SimPublicTrade,
    SimRefused,
    SimRepay,
    SimWallet,
)
from jarvis.sim.exchange.state import EXPIRY, INTEREST, ROLLOVER, Account, Hall
from jarvis.sim.market import PriceSource
from jarvis.sim.models import VenueModel

_KEPT_TRADES = 1000
_MINUTE = timedelta(minutes=1)
_LEAVING = frozenset({LedgerKind.WITHDRAWAL, LedgerKind.TRANSFER})


class SimExchange:
    """A margin exchange. All pairs are quoted in one asset, in which margin is reckoned; ValueError otherwise.

    Every listed pair must have a price in the market. The seed decides nothing but the ids.
    """

    def __init__(
        self, *, instruments: Mapping[Pair, Instrument], model: VenueModel, market: PriceSource, seed: int
    ) -> None:
        quotes = {pair.quote for pair in instruments}
        if len(quotes) != 1:
            raise ValueError("the pairs of a simulated exchange must all be quoted in one asset")
        unpriced = sorted(set(instruments) - set(market.pairs))
        if unpriced:
            raise ValueError(f"the market has no prices of {', '.join(map(str, unpriced))}")
        self._offered = dict(sorted(instruments.items()))
        self._market = market
        self._hall = Hall(
            model=model,
            asset=quotes.pop(),
            step=market.step,
            ids=Ids(seed),
            now=market.start,
            instruments=dict(self._offered),
            prices={pair: market.first_price(pair) for pair in self._offered},
            priced_until=dict.fromkeys(self._offered, market.start),
        )
        self._towers = {pair: CandleTower(pair, market.step) for pair in self._offered}
        self._before: dict[tuple[Pair, timedelta], list[Candle]] = {}
        self._trades: dict[Pair, deque[PublicTrade]] = {pair: deque(maxlen=_KEPT_TRADES) for pair in self._offered}
        self._public_count = 0

    @property
    def now(self) -> datetime:
        """The exchange's time; it starts at the market's start."""
        return self._hall.now

    @property
    def model(self) -> VenueModel:
        """What trading costs here."""
        return self._hall.model

    @property
    def market(self) -> PriceSource:
        """Where the prices come from."""
        return self._market

    @property
    def instruments(self) -> Mapping[Pair, Instrument]:
        """The rules of every pair as they are now."""
        return self._hall.instruments

    # --- the venue's own people ------------------------------------------------------------------------------------

    def open_account(self, account: str, deposits: Mapping[Asset, Decimal], pot: str = "") -> None:
        """Open an account, or an isolated pot of it; each deposit becomes a ledger row. ValueError if there is one."""
        accounts = self._hall.accounts
        key = _key(account, pot)
        if key in accounts:
            raise ValueError(f"there is an account named {key!r} already")
        if pot:
            self._open_pot(account, pot)
        else:
            accounts[key] = Account(account)
        for asset, amount in sorted(deposits.items()):
            self.adjust(account, asset, amount, LedgerKind.DEPOSIT, pot=pot)

    def adjust(self, account: str, asset: Asset, amount: Decimal, kind: LedgerKind, *, pot: str = "") -> LedgerRow:
        """Book a deposit, withdrawal (negative), transfer or adjustment. ValueError if more leaves than is free."""
        if pot and _key(account, pot) not in self._hall.accounts:
            self._account(account)
            self._open_pot(account, pot)
        owner = self._account(account, pot)
        if not wallets.may_hold(owner, asset):
            raise ValueError(f"{asset} is no part of {pot}")
        if amount < 0 and -amount > owner.balances.get(asset, ZERO) - owner.held(asset):
            raise ValueError(f"{-amount} {asset} are not free")
        if self._hall.model.wallet is not None and amount < 0 and kind in _LEAVING:
            refused = wallets.refuse_leaving(self._hall, owner, asset, -amount)
            if refused is not None:
                raise ValueError(refused.detail)
        row = self._hall.post(owner, self._hall.ids.ledger_row(), kind, asset, amount, ZERO)
        self._hall.tell_row(owner, row)
        matching.check_margin(self._hall, owner)
        return row

    def set_max_leverage(self, pair: Pair, leverage: int) -> None:
        """Offer no leverage above this on the pair; open lots and orders keep theirs. Raising it again restores."""
        offered = self._offered[pair]
        self._hall.instruments[pair] = replace(
            self._hall.instruments[pair],
            leverage_long=tuple(step for step in offered.leverage_long if step <= leverage),
            leverage_short=tuple(step for step in offered.leverage_short if step <= leverage),
        )

    def set_instrument_status(self, pair: Pair, status: InstrumentStatus) -> None:
        """Say what the pair accepts from now on; nothing at all matches while it is cancel-only or delisted."""
        self._hall.instruments[pair] = replace(self._hall.instruments[pair], status=status)

    # --- time ------------------------------------------------------------------------------------------------------

    def advance(self, until: datetime) -> list[SimEvent]:
        """Move time to `until`; what happened since the last `advance` or `drain`, in order."""
        hall = self._hall
        if until < hall.now:
            raise ValueError(f"time cannot go back from {hall.now} to {until}")
        for bar in self._market.bars(hall.now, until):
            self._run_timers(bar.closed_at, INTEREST)
            hall.now = bar.closed_at
            if bar.pair in hall.instruments:
                self._apply(bar)
        self._run_timers(until, EXPIRY)
        hall.now = until
        return self.drain()

    def drain(self) -> list[SimEvent]:
        """What calls since the last `advance` or `drain` caused, in order."""
        events, self._hall.events = self._hall.events, []
        return events

    # --- orders ----------------------------------------------------------------------------------------------------

    def place(self, account: str, order: SimOrderRequest, *, validate_only: bool = False) -> SimPlaced | SimRefused:
        """Take or refuse an order; with `validate_only` nothing changes."""
        hall, owner = self._hall, self._account(account, order.pot)
        drafted = orders.draft(hall, owner, order)
        if isinstance(drafted, SimRefused):
            return drafted
        if validate_only:
            return SimPlaced(orders.NOT_YET, drafted)
        entered = orders.enter(hall, owner, drafted)
        if hall.is_trading(order.pair):
            matching.match_new(hall, owner, entered)
            matching.fire_triggers(hall, owner, order.pair)
        elif order.time_in_force is TimeInForce.IOC:
            orders.end(hall, owner, entered, OrderStatus.CANCELLED, "Immediate or cancel")
        return SimPlaced(entered.order_id, owner.orders[entered.order_id])

    def amend(
        self,
        account: str,
        order_id: VenueOrderId,
        *,
        quantity: Decimal | None = None,
        limit_price: Decimal | None = None,
        trigger_price: Decimal | None = None,
    ) -> SimPlaced | SimRefused:
        """Change an open order in place; `quantity` is the new total, fills included. It keeps its id."""
        hall, owner = self._hall, self._account(account)
        order = owner.orders.get(order_id)
        if order is None or not order.is_open:
            return SimRefused(Refusal.UNKNOWN_ORDER, "there is no open order of this id")
        owner = self._account(account, order.request.pot)
        changed = orders.change(
            hall, owner, order, quantity=quantity, limit_price=limit_price, trigger_price=trigger_price
        )
        if isinstance(changed, SimRefused):
            return changed
        if hall.is_trading(order.pair):
            if not changed.is_waiting and limit_price is not None:
                matching.match_new(hall, owner, changed)
            matching.fire_triggers(hall, owner, order.pair)
        return SimPlaced(order_id, owner.orders[order_id])

    def cancel(self, account: str, order_id: VenueOrderId) -> bool:
        """Cancel an open order; False when it is not open (any more)."""
        owner = self._account(account)
        order = owner.orders.get(order_id)
        if order is None or not order.is_open:
            return False
        holder = self._account(account, order.request.pot)
        orders.end(self._hall, holder, order, OrderStatus.CANCELLED, "User requested")
        return True

    def cancel_all(self, account: str) -> int:
        """Cancel every open order of the account; how many there were."""
        return sum(self.cancel(account, order.order_id) for order in self.orders(account))

    # --- reads of an account ---------------------------------------------------------------------------------------

    def accounts(self) -> tuple[str, ...]:
        """All accounts, in the order of their opening."""
        return tuple(dict.fromkeys(account.name for account in self._hall.accounts.values()))

    def orders(self, account: str) -> list[SimOrder]:
        """Open orders, oldest first."""
        self._account(account)
        working = (each for owner in self._of(account) for each in owner.working.values())
        return sorted((order for each in working for order in each.values()), key=lambda order: order.number)

    def closed_orders(self, account: str) -> Sequence[SimOrder]:
        """Orders that are over, in the order of their ending. A live view: read it, do not keep it."""
        return self._account(account).closed

    def order(self, account: str, order_id: VenueOrderId) -> SimOrder | None:
        """The order, open or closed."""
        return self._account(account).orders.get(order_id)

    def find_order(self, account: str, client_order_id: ClientOrderId) -> SimOrder | None:
        """The order with this client id: the open one, else the latest closed one."""
        owner = self._account(account)
        order_id = owner.client_ids.get(client_order_id)
        return None if order_id is None else owner.orders[order_id]

    def lots(self, account: str, pair: Pair | None = None) -> list[SimLot]:
        """Open lots, oldest first."""
        open_lots = self._account(account).open_lots
        if pair is not None:
            return list(open_lots.get(pair, ()))
        return sorted((lot for each in open_lots.values() for lot in each), key=lambda lot: lot.number)

    def lot(self, account: str, lot_id: FillId) -> SimLot | None:
        """The lot that this fill opened, open or closed."""
        return self._account(account).lots.get(lot_id)

    def balances(self, account: str, pot: str = "") -> Mapping[Asset, Balance]:
        """Balances by asset, net of what is owed; what is available is not held by spot orders."""
        owner = self._account(account, pot)
        if self._hall.model.wallet is not None:
            return wallets.balances_of(owner)
        return {
            asset: Balance(asset, total, total - owner.held(asset)) for asset, total in sorted(owner.balances.items())
        }

    def holds(self, account: str) -> Mapping[Asset, Decimal]:
        """What open spot orders hold, by asset."""
        owner = self._account(account)
        return {asset: owner.held(asset) for asset in sorted({asset for asset, _ in owner.holds.values()})}

    def ledger(self, account: str) -> Sequence[LedgerRow]:
        """Every ledger row, oldest first. A live view: read it, do not keep it."""
        return self._account(account).ledger

    def fills(self, account: str) -> Sequence[SimFill]:
        """Every fill, oldest first. A live view: read it, do not keep it."""
        return self._account(account).fills

    def positions(self, account: str) -> Mapping[Pair, Decimal]:
        """Signed open quantities: lots in sum, or what fills and interest made of a base."""
        held: dict[Pair, Decimal] = {}
        for owner in self._of(account):
            for pair, exposure in owner.exposures.items():
                held[pair] = held.get(pair, ZERO) + exposure.quantity
        return {pair: quantity for pair, quantity in sorted(held.items()) if quantity}

    # --- wallets ---------------------------------------------------------------------------------------------------

    def pots(self, account: str) -> tuple[str, ...]:
        """The cross account (empty) and the isolated pairs' own, in the order of their opening."""
        return tuple(owner.pot for owner in self._of(account))

    def wallet(self, account: str, pot: str = "") -> SimWallet:
        """The wallet at the last prices. ValueError where margin works by lots."""
        return wallets.wallet_of(self._hall, self._account(account, pot))

    def borrow(self, account: str, asset: Asset, amount: Decimal, pot: str = "") -> SimBorrow | SimRefused:
        """Borrow by hand, if the account may."""
        owner = self._account(account, pot)
        if amount <= 0:
            return SimRefused(Refusal.INVALID, "the amount must be positive")
        refused = wallets.refuse_borrowing(self._hall, owner, asset, amount)
        return refused or wallets.borrow(self._hall, owner, asset, amount)

    def repay(self, account: str, asset: Asset, amount: Decimal | None, pot: str = "") -> SimRepay | SimRefused:
        """Repay by hand, interest first; None: all that is owed and free."""
        owner = self._account(account, pot)
        owed = owner.owed(asset)
        if owed == 0:
            return SimRefused(Refusal.INVALID, f"no {asset} is owed")
        if amount is not None and amount > owed:
            return SimRefused(Refusal.INVALID, f"{amount} {asset} are more than the {owed} that are owed")
        if amount is not None and amount > owner.free(asset):
            return SimRefused(Refusal.INSUFFICIENT_FUNDS, f"{amount} {asset} are not free")
        told = wallets.repay(self._hall, owner, asset, owed if amount is None else amount, automatic=False)
        return told or SimRefused(Refusal.INSUFFICIENT_FUNDS, f"no {asset} is free")

    def max_borrowable(self, account: str, asset: Asset, pot: str = "") -> Decimal:
        """How much more of an asset the account could borrow now, unrounded."""
        return wallets.max_borrowable(self._hall, self._account(account, pot), asset)

    def borrows(self, account: str) -> Sequence[SimBorrow]:
        """Everything that was borrowed, oldest first. A live view."""
        return self._account(account).borrows

    def repays(self, account: str) -> Sequence[SimRepay]:
        """Everything that was repaid, oldest first. A live view."""
        return self._account(account).repays

    def interests(self, account: str) -> Sequence[SimInterest]:
        """Every charge of interest, oldest first. A live view."""
        return self._account(account).interests

    def liquidations(self, account: str) -> Sequence[SimLiquidation]:
        """What was closed by force, oldest first. A live view."""
        return self._account(account).liquidations

    def set_lendable(self, asset: Asset, lendable: bool) -> None:
        """Empty the lending pool of an asset, or fill it again."""
        (self._hall.not_lent.discard if lendable else self._hall.not_lent.add)(asset)

    def set_fee_asset(self, account: str, asset: Asset | None) -> None:
        """Take the account's trading fees in this asset while there is enough of it; None: in what is received."""
        for owner in self._of(account):
            owner.fee_asset = asset

    def set_can_borrow(self, account: str, can_borrow: bool) -> None:
        """Lend to the account, or nothing more."""
        for owner in self._of(account):
            owner.may_borrow = can_borrow

    def margin(self, account: str) -> SimMargin:
        """The account's margin at the last prices."""
        return margin.margin_of(self._hall, self._account(account))

    # --- reads of the market ---------------------------------------------------------------------------------------

    def quote(self, pair: Pair) -> Quote:
        """Best bid and ask and the last price."""
        hall = self._hall
        book, instrument, last = hall.model.book, hall.instruments[pair], hall.prices[pair]
        bid, ask = (ladder.best(book, instrument, last, side) for side in (Side.SELL, Side.BUY))
        return Quote(pair, bid, ask, last, hall.now)

    def book(self, pair: Pair, depth: int) -> SimBook:
        """The best `depth` levels per side, at most as many as the model shows."""
        hall = self._hall
        return ladder.book_around(hall.model.book, hall.instruments[pair], hall.prices[pair], depth)

    def candles(self, pair: Pair, interval: timedelta, since: datetime | None = None) -> list[SimCandle]:
        """Up to 720 candles that open at or after `since`, oldest first, the forming one last and not final.

        Sizes of 1, 5, 15, 30, 60, 240 and 1440 minutes that the native bars make up; history before the start of
        the market is included where the market has it. Any other size gives nothing.
        """
        finished, forming = self._towers[pair].candles(interval, self._hall.now)
        before = self._history(pair, interval)
        both = [(candle, True) for candle in finished]
        if forming is not None:
            both.append((forming, False))
        if before and both and before[-1].opened_at == floor_time(both[0][0].opened_at, interval):
            # The market began in the middle of this candle.
            both[0] = (before[-1].then(both[0][0]), both[0][1])
            before = before[:-1]
        past = ((candle, self._is_over(candle, interval)) for candle in reversed(before))
        found: list[SimCandle] = []
        # Backwards, so that asking for the latest few is cheap.
        for candle, is_final in chain(reversed(both), past):
            if len(found) == KEPT or (since is not None and floor_time(candle.opened_at, interval) < since):
                break
            found.append(SimCandle(candle.bar(pair, interval), candle.vwap, candle.trades, is_final))
        found.reverse()
        return found

    def trades(self, pair: Pair) -> list[PublicTrade]:
        """Recent public trades, oldest first, at most 1000."""
        return list(self._trades[pair])

    # --- within ----------------------------------------------------------------------------------------------------

    def _account(self, name: str, pot: str = "") -> Account:
        key = _key(name, pot)
        try:
            return self._hall.accounts[key]
        except KeyError:
            raise KeyError(f"there is no account named {key!r}") from None

    def _open_pot(self, name: str, pot: str) -> None:
        """Open the account of an isolated pair, and the cross account if there is none. ValueError if it cannot be."""
        if self._hall.model.wallet is None or self._hall.model.wallet.isolated is None:
            raise ValueError("this venue has no isolated accounts")
        if Pair.parse(pot) not in self._offered or pot != str(Pair.parse(pot)):
            raise ValueError(f"{pot} is not listed")
        owner = self._hall.accounts.setdefault(name, Account(name))
        self._hall.accounts[_key(name, pot)] = owner.apart(pot)

    def _of(self, name: str) -> list[Account]:
        return [account for account in self._hall.accounts.values() if account.name == name]

    def _apply(self, bar: Bar) -> None:
        """Let a bar meet every account's orders, then make its close the price and tell its trade."""
        hall = self._hall
        hall.priced_until[bar.pair] = bar.closed_at
        if hall.is_trading(bar.pair):
            for account in hall.accounts.values():
                matching.walk_bar(hall, account, bar)
        hall.prices[bar.pair] = bar.close
        self._towers[bar.pair].push(bar)
        self._public_count += 1
        side = Side.BUY if bar.close >= bar.open else Side.SELL
        trade = PublicTrade(bar.pair, side, bar.close, bar.volume, bar.closed_at)
        self._trades[bar.pair].append(trade)
        hall.events.append(SimPublicTrade(trade, self._public_count))

    def _run_timers(self, until: datetime, kind: int) -> None:
        """Do everything that was due before `until`, and at `until` what is not of a later kind."""
        hall = self._hall
        while hall.timers and hall.timers[0][:2] <= (until, kind):
            at, what, _, name, subject = heappop(hall.timers)
            account = hall.accounts[name]
            if what == INTEREST:
                hall.now = at
                wallets.charge_interest(hall, account)
                matching.check_margin(hall, account)
            elif what == ROLLOVER:
                lot = account.lots[FillId(subject)]
                if lot.is_open:
                    hall.now = at
                    settlement.charge_rollover(hall, account, lot)
                    matching.check_margin(hall, account)
            else:
                order = account.orders[VenueOrderId(subject)]
                if order.is_open:
                    hall.now = at
                    orders.end(hall, account, order, OrderStatus.EXPIRED, "Expired")

    def _history(self, pair: Pair, interval: timedelta) -> list[Candle]:
        """What the market knows from before its start: whole candles, and the part of the one that it began in."""
        known = self._before.get((pair, interval))
        if known is None:
            start = self._market.start
            known = _as_candles(self._market.history(pair, interval, KEPT))
            minutes = (start - floor_time(start, interval)) // _MINUTE
            if minutes:
                parts = _as_candles(self._market.history(pair, _MINUTE, minutes))
                if parts:
                    begun = parts[0]
                    for part in parts[1:]:
                        begun = begun.then(part)
                    known.append(replace(begun, opened_at=floor_time(start, interval)))
            self._before[pair, interval] = known
        return known

    def _is_over(self, candle: Candle, interval: timedelta) -> bool:
        return floor_time(candle.opened_at, interval) + interval <= self._hall.now


def _as_candles(bars: Iterable[Bar]) -> list[Candle]:
    return [Candle.of(bar) for bar in bars]


def _key(account: str, pot: str) -> str:
    return f"{account}|{pot}" if pot else account
