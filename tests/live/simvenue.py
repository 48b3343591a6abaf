"""A venue of wallet settlement without a wire: the trader talks to the simulated exchange as if it were its adapter."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from jarvis.domain.account import (
    AccountEvent,
    AccountSnapshot,
    FeeRates,
    KeyPermissions,
    LedgerKind,
    LedgerRow,
    MarginState,
    VenueName,
)
from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import ZERO, Asset
from jarvis.domain.order import ClientOrderId, Fill, OrderReport, OrderRequest, OrderRole, OrderType, VenueOrderId
from jarvis.domain.traits import VenueTraits
from jarvis.sim.exchange import Borrow, SimExchange, SimFill, SimOrder, SimOrderRequest, SimPlaced, SimRefused
from jarvis.venues.base import (
    Accepted,
    Amendment,
    OutcomeUnknown,
    PlaceResult,
    RefusalReason,
    Refused,
    StreamGap,
    Unreachable,
)

USDT = Asset("USDT")
TOLD = frozenset(
    {
        LedgerKind.INTEREST,
        LedgerKind.LIQUIDATION_FEE,
        LedgerKind.DEPOSIT,
        LedgerKind.WITHDRAWAL,
        LedgerKind.TRANSFER,
        LedgerKind.ADJUSTMENT,
        LedgerKind.REWARD,
    }
)


def report_of(order: SimOrder, at: datetime) -> OrderReport:
    return OrderReport(
        order.order_id, order.status, at, client_order_id=order.client_order_id, pair=order.pair, side=order.side,
        order_type=order.order_type, quantity=order.quantity, filled_quantity=order.filled_quantity,
        limit_price=order.limit_price, trigger_price=order.trigger_price, reason=order.reason,
    )  # fmt: skip


class SimStream:
    """What the venue tells of its own accord: fills and order news, never interest. Some of it gets lost."""

    def __init__(self, venue: "SimVenue") -> None:
        self._venue = venue
        self.last_heard_at = 0.0

    def __aiter__(self) -> AsyncIterator[AccountEvent | StreamGap]:
        return self._events()

    async def _events(self) -> AsyncIterator[AccountEvent | StreamGap]:
        while True:
            await asyncio.sleep(0.05)
            for event in self.pending():
                yield event

    async def flush(self) -> None:
        self._venue.hear()

    def pending(self) -> Sequence[AccountEvent | StreamGap]:
        self.last_heard_at = asyncio.get_running_loop().time()
        self._venue.hear()
        told = list(self._venue.heard)
        self._venue.heard.clear()
        return told


class SimVenue:
    """One account, `ada`. `repays` is whether closing orders repay; `trouble` is how likely an answer gets lost."""

    name = VenueName("sim")
    send_deadline = timedelta(seconds=5)

    def __init__(
        self,
        exchange: SimExchange,
        traits: VenueTraits,
        random: Random,
        *,
        repays: bool = True,
        locks: bool = True,
        trouble: float = 0.0,
    ) -> None:
        self.exchange = exchange
        self.traits = traits
        self.random = random
        self.repays = repays
        self.locks = locks
        self.trouble = trouble
        self.heard: deque[AccountEvent | StreamGap] = deque()
        self.repaid: list[tuple[Asset, Decimal]] = []
        self.calls: list[str] = []
        self.hidden = ZERO  # moves a balance that no record shows

    # --- reads ------------------------------------------------------------------------------------------------------

    def hear(self) -> None:
        for event in self.exchange.drain():
            if self.random.random() < self.trouble / 2:
                continue  # lost without a trace
            match event:
                case SimFill(fill=fill):
                    self.heard.append(fill)
                case _ if hasattr(event, "order") and not event.order.is_liquidation:
                    self.heard.append(report_of(event.order, self.exchange.now))

    async def instruments(self) -> Mapping[Pair, Instrument]:
        return self.exchange.instruments

    async def key_permissions(self) -> KeyPermissions:
        return KeyPermissions(frozenset(), "sim", "sim")

    async def fee_rates(self, pairs: Sequence[Pair]) -> Mapping[Pair, FeeRates]:
        fee = self.exchange.model.fee
        return {pair: FeeRates(fee.maker_rate, fee.taker_rate) for pair in pairs}

    async def margin_state(self) -> MarginState:
        wallet, model = self.exchange.wallet("ada"), self.exchange.model.wallet
        assert model is not None
        return MarginState(
            USDT,
            self.exchange.now,
            wallet.equity,
            wallet.equity,
            wallet.initial,
            wallet.equity - wallet.initial,
            ZERO,
            wallet.level,
            model.call / model.initial,
            model.maintenance / model.initial,
        )

    async def snapshot(self) -> AccountSnapshot:
        self._maybe_unreachable()
        balances = [balance for _, balance in sorted(self.exchange.balances("ada").items())]
        if self.hidden:
            balances = [
                type(b)(b.asset, b.total + self.hidden, b.available, b.borrowed, b.interest) if b.asset == USDT else b
                for b in balances
            ]
        orders = tuple(report_of(order, self.exchange.now) for order in self.exchange.orders("ada"))
        return AccountSnapshot(self.exchange.now, tuple(balances), await self.margin_state(), (), orders)

    async def fills(self, since: datetime) -> Sequence[Fill]:
        self._maybe_unreachable()
        return [each.fill for each in self.exchange.fills("ada") if each.fill.at >= since]

    async def ledger(self, since: datetime) -> Sequence[LedgerRow]:
        self.calls.append("ledger")
        self._maybe_unreachable()
        return [row for row in self.exchange.ledger("ada") if row.at >= since and row.kind in TOLD]

    async def find_order(self, client_order_id: ClientOrderId) -> OrderReport | None:
        self._maybe_unreachable()
        order = self.exchange.find_order("ada", client_order_id)
        return None if order is None else report_of(order, self.exchange.now)

    # --- writes -----------------------------------------------------------------------------------------------------

    async def place(self, request: OrderRequest, *, validate_only: bool = False) -> PlaceResult:
        await asyncio.sleep(0.02)
        if self.random.random() < self.trouble / 2:
            raise OutcomeUnknown("cut before it came")
        is_entry = request.role is OrderRole.ENTRY
        order = SimOrderRequest(
            pair=request.pair, side=request.side, order_type=request.order_type, quantity=request.quantity,
            leverage=request.leverage, trigger_price=request.trigger_price, limit_price=request.limit_price,
            client_order_id=request.client_order_id, reduce_only=self.traits.reduce_only and not is_entry,
            borrow=Borrow.MISSING if is_entry or not self.repays else Borrow.NONE,
            repay=self.repays and not is_entry, locks=self.locks or request.order_type is not OrderType.STOP,
        )  # fmt: skip
        self.calls.append(f"{request.role.value} {request.side.value} {request.quantity}")
        done = self.exchange.place("ada", order)
        if self.random.random() < self.trouble / 2:
            raise OutcomeUnknown("cut before it was answered")
        match done:
            case SimRefused():
                return Refused(RefusalReason(done.reason.value), done.detail)
            case SimPlaced():
                return Accepted(done.order.order_id)

    async def amend(
        self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId, pair: Pair, change: Amendment
    ) -> PlaceResult:
        del client_order_id, pair
        assert self.traits.amends
        done = self.exchange.amend(
            "ada", venue_order_id, quantity=change.quantity, trigger_price=change.trigger_price,
            limit_price=change.limit_price,
        )  # fmt: skip
        if isinstance(done, SimRefused):
            return Refused(RefusalReason(done.reason.value), done.detail)
        return Accepted(venue_order_id)

    async def cancel(self, client_order_id: ClientOrderId, venue_order_id: VenueOrderId | None, pair: Pair) -> bool:
        del pair
        if self.random.random() < self.trouble / 2:
            raise OutcomeUnknown("cut before it came")
        order = self.exchange.find_order("ada", client_order_id)
        was_open = self.exchange.cancel("ada", venue_order_id or (order.order_id if order else VenueOrderId("")))
        if self.random.random() < self.trouble / 2:
            raise OutcomeUnknown("cut before it was answered")
        return was_open

    async def repay(self, asset: Asset, pair: Pair | None = None) -> Decimal:
        del pair
        done = self.exchange.repay("ada", asset, None)
        if isinstance(done, SimRefused):
            return ZERO
        self.repaid.append((asset, done.principal + done.interest))
        return done.principal + done.interest

    @asynccontextmanager
    async def account_stream(self) -> AsyncIterator[SimStream]:
        yield SimStream(self)

    def _maybe_unreachable(self) -> None:
        if self.random.random() < self.trouble / 4:
            raise Unreachable("no answer")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
