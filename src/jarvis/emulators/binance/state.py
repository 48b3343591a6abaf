"""What all parts of the emulated venue share: the exchange, its people, limits, orders and the tape."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from jarvis.domain.instrument import Instrument, Pair
from jarvis.domain.money import Asset
from jarvis.emulators.binance.errors import (
    ASSET_UNKNOWN,
    INVALID_ASSET,
    NO_ISOLATED_ACCOUNT,
    NO_MARGIN_ACCOUNT,
    NOT_MARGIN_PAIR,
    Problem,
    Refused,
    missing,
)
from jarvis.emulators.binance.journal import Journal
from jarvis.emulators.binance.keys import ApiKey, KeyRing, Permission, VenueAccount
from jarvis.emulators.binance.limits import Limits, WireClock
from jarvis.emulators.binance.market import Tape
from jarvis.emulators.binance.names import Symbol, Symbols
from jarvis.emulators.binance.orders import OrderNote, OrderRegistry
from jarvis.emulators.binance.params import Params
from jarvis.emulators.faults import FaultKind, Faults
from jarvis.sim.exchange import SimExchange, SimOrder

_ASSET = re.compile(r"[A-Z0-9]{1,20}")
CROSS = ""
"""The pot of a cross account; an isolated pair's pot bears the pair's name."""


@dataclass(frozen=True, slots=True)
class Call:
    """One permitted private call. `now` is the market's time when it takes effect, a delay included."""

    account: VenueAccount
    key: ApiKey
    granted: frozenset[str]
    params: Params
    now: datetime


@dataclass(slots=True)
class VenueState:
    """Shared by REST, WebSocket and pages of one emulated venue."""

    exchange: SimExchange
    now: Callable[[], datetime]
    clock: WireClock
    symbols: Symbols
    keys: KeyRing
    limits: Limits
    faults: Faults
    random: Random
    tape: Tape = field(default_factory=Tape)
    orders: OrderRegistry = field(default_factory=OrderRegistry)
    journal: Journal = field(default_factory=Journal)

    def instrument(self, pair: Pair) -> Instrument:
        """The pair's rules now."""
        return self.exchange.instruments[pair]

    def granted(self, key: ApiKey) -> frozenset[str]:
        """What a key may do now, a widening fault included."""
        granted = key.granted(self.now())
        if self.faults.holds(FaultKind.PERMISSION_WIDENED, account=key.account):
            return granted | {Permission.WITHDRAWALS.value}
        return granted

    def new_client_id(self) -> str:
        """The id of an order whose client gave none."""
        return self.keys.word(22)

    def sim_order(self, note: OrderNote) -> SimOrder | None:
        """The exchange's order behind a note, if it knows it yet."""
        return None if note.sim_id is None else self.exchange.order(note.account, note.sim_id)

    def cross(self, account: VenueAccount) -> str:
        """The pot of the cross account. Raises Refused for a client that has none."""
        if account.is_isolated:
            raise Refused(NO_MARGIN_ACCOUNT)
        return CROSS

    def isolated(self, account: VenueAccount, name: str) -> str:
        """The pot of a pair's own account. Raises Refused when it was never opened."""
        symbol = self.symbols.find(name)
        if symbol is None:
            raise Refused(NOT_MARGIN_PAIR)
        pot = str(symbol.pair)
        if pot not in self.pots(account):
            raise Refused(NO_ISOLATED_ACCOUNT)
        return pot

    def pot_of(self, call: Call, symbol_name: str = "symbol") -> str:
        """The pot that `isIsolated` and the symbol name."""
        if not call.params.boolean("isIsolated"):
            return self.cross(call.account)
        return self.isolated(call.account, call.params.required(symbol_name))

    def pot_by_symbol(self, call: Call, name: str = "isolatedSymbol") -> str:
        """The pot of the isolated symbol if one was sent, else the cross account's."""
        symbol = call.params.text(name)
        return self.cross(call.account) if symbol is None else self.isolated(call.account, symbol)

    def pair_of(self, pot: str) -> Symbol | None:
        """The symbol of an isolated pot; None for the cross account."""
        return self.symbols.of[Pair.parse(pot)] if pot else None

    def asset(self, params: Params, name: str = "asset", refusal: Problem = ASSET_UNKNOWN) -> Asset:
        """The asset that a parameter names. Raises Refused."""
        text = params.text(name)
        if text is None:
            raise missing(name)
        if not _ASSET.fullmatch(text):
            raise Refused(INVALID_ASSET)
        asset = self.symbols.asset(text)
        if asset is None:
            raise Refused(refusal)
        return asset

    def pots(self, account: VenueAccount) -> Sequence[str]:
        """The account's pots. The exchange keeps a cross pot beside isolated ones, which stays empty and untold."""
        return [pot for pot in self.exchange.pots(account.name) if bool(pot) == account.is_isolated]
