"""`SimExchange`: one margin venue for many accounts, moved bar by bar on a given clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.account import Balance, LedgerKind, LedgerRow
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair
from jarvis.domain.market import PublicTrade, Quote
from jarvis.domain.money import Asset
from jarvis.domain.order import ClientOrderId, FillId, VenueOrderId
from jarvis.sim.exchange.records import (
    SimBook,
    SimCandle,
    SimEvent,
    SimFill,
    SimLot,
    SimMargin,
    SimOrder,
    SimOrderRequest,
    SimPlaced,
    SimRefused,
)
from jarvis.sim.market import PriceSource
from jarvis.sim.models import VenueModel


class SimExchange:
    """A margin exchange. All pairs must be quoted in the same asset, in which margin is reckoned."""

    def __init__(
        self, *, instruments: Mapping[Pair, Instrument], model: VenueModel, market: PriceSource, seed: int
    ) -> None:
        self.model = model
        self.market = market
        self.now: datetime = market.start
        self.instruments: dict[Pair, Instrument] = dict(sorted(instruments.items()))
        self._seed = seed

    def open_account(self, account: str, deposits: Mapping[Asset, Decimal]) -> None:
        """Open an account; each deposit becomes a ledger row."""
        raise NotImplementedError

    def adjust(self, account: str, asset: Asset, amount: Decimal, kind: LedgerKind) -> LedgerRow:
        """Book a deposit, withdrawal (negative), transfer or adjustment. ValueError if more leaves than is free."""
        raise NotImplementedError

    def set_max_leverage(self, pair: Pair, leverage: int) -> None:
        """Offer no leverage above this on the pair; open lots and orders keep theirs. Raising it again restores."""
        raise NotImplementedError

    def set_instrument_status(self, pair: Pair, status: InstrumentStatus) -> None:
        """Say what the pair accepts from now on."""
        raise NotImplementedError

    def advance(self, until: datetime) -> list[SimEvent]:
        """Move time to `until`; what happened since the last `advance` or `drain`, in order."""
        raise NotImplementedError

    def drain(self) -> list[SimEvent]:
        """What calls since the last `advance` or `drain` caused, in order."""
        raise NotImplementedError

    def place(self, account: str, order: SimOrderRequest, *, validate_only: bool = False) -> SimPlaced | SimRefused:
        """Take or refuse an order; with `validate_only` nothing changes."""
        raise NotImplementedError

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
        raise NotImplementedError

    def cancel(self, account: str, order_id: VenueOrderId) -> bool:
        """Cancel an open order; False when it is not open (any more)."""
        raise NotImplementedError

    def cancel_all(self, account: str) -> int:
        """Cancel every open order of the account; how many there were."""
        raise NotImplementedError

    def accounts(self) -> tuple[str, ...]:
        """All accounts, in the order of their opening."""
        raise NotImplementedError

    def orders(self, account: str) -> list[SimOrder]:
        """Open orders, oldest first."""
        raise NotImplementedError

    def closed_orders(self, account: str) -> Sequence[SimOrder]:
        """Orders that are over, in the order of their ending."""
        raise NotImplementedError

    def order(self, account: str, order_id: VenueOrderId) -> SimOrder | None:
        """The order, open or closed."""
        raise NotImplementedError

    def find_order(self, account: str, client_order_id: ClientOrderId) -> SimOrder | None:
        """The order with this client id: the open one, else the latest closed one."""
        raise NotImplementedError

    def lots(self, account: str, pair: Pair | None = None) -> list[SimLot]:
        """Open lots, oldest first."""
        raise NotImplementedError

    def lot(self, account: str, lot_id: FillId) -> SimLot | None:
        """The lot that this fill opened, open or closed."""
        raise NotImplementedError

    def balances(self, account: str) -> Mapping[Asset, Balance]:
        """Balances by asset; what is available is not held by spot orders."""
        raise NotImplementedError

    def holds(self, account: str) -> Mapping[Asset, Decimal]:
        """What open spot orders hold, by asset."""
        raise NotImplementedError

    def ledger(self, account: str) -> Sequence[LedgerRow]:
        """Every ledger row, oldest first."""
        raise NotImplementedError

    def fills(self, account: str) -> Sequence[SimFill]:
        """Every fill, oldest first."""
        raise NotImplementedError

    def margin(self, account: str) -> SimMargin:
        """The account's margin at the last prices."""
        raise NotImplementedError

    def quote(self, pair: Pair) -> Quote:
        """Best bid and ask and the last price."""
        raise NotImplementedError

    def book(self, pair: Pair, depth: int) -> SimBook:
        """The best `depth` levels per side, at most as many as the model shows."""
        raise NotImplementedError

    def candles(self, pair: Pair, interval: timedelta, since: datetime | None = None) -> list[SimCandle]:
        """Up to 720 candles that open at or after `since`, oldest first, the forming one last and not final.

        Sizes of 1, 5, 15, 30, 60, 240 and 1440 minutes that the native bars make up; history before the start of
        the market is included where the market has it. Any other size gives nothing.
        """
        raise NotImplementedError

    def trades(self, pair: Pair) -> list[PublicTrade]:
        """Recent public trades, oldest first, at most 1000."""
        raise NotImplementedError
