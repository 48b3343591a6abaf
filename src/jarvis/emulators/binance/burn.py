"""Interest paid in BNB, for cross accounts whose owner chose so: 5 % cheaper, and out of the BNB that is free.

The simulated exchange charges interest in the borrowed asset. Here the charge is bought off with BNB as soon as it is
made: the borrowed asset is given and repaid, the BNB goes, and histories show one charge in BNB.

Unrealistic: the position that the exchange reckons for a short still loses the interest that BNB has paid.
"""

from collections.abc import Sequence
from decimal import Decimal

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Pair
from jarvis.domain.money import ONE, Asset, round_up
from jarvis.emulators.binance.state import CROSS, VenueState
from jarvis.sim.exchange import SimEvent, SimInterest, SimRefused

BNB = Asset("BNB")
_DISCOUNTED = Decimal("0.95")
_EIGHT = Decimal("0.00000001")


class InterestBurner:
    """Turns charges of interest into BNB."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def follow(self, events: Sequence[SimEvent]) -> None:
        """Pay with BNB what was just charged, where its owner wants that and has enough."""
        for event in events:
            if not isinstance(event, SimInterest) or event.pot != CROSS or event.asset == BNB:
                continue
            if self._state.keys.accounts[event.account].burns_interest_bnb:
                self._burn(event)

    def _burn(self, event: SimInterest) -> None:
        state, exchange = self._state, self._state.exchange
        charge = round_up(event.interest * self._price(event.asset) * _DISCOUNTED / self._price(BNB), _EIGHT)
        holding = exchange.wallet(event.account).holdings.get(BNB)
        if holding is None or holding.free < charge:
            return
        rows = [
            exchange.adjust(event.account, BNB, -charge, LedgerKind.CONVERSION),
            exchange.adjust(event.account, event.asset, event.interest, LedgerKind.CONVERSION),
        ]
        repaid = exchange.repay(event.account, event.asset, event.interest)
        state.journal.burned[event.number] = charge
        state.journal.hidden_rows.update(row.row_id for row in rows)
        if not isinstance(repaid, SimRefused):
            state.journal.hidden_repays.add(repaid.number)

    def _price(self, asset: Asset) -> Decimal:
        quote = next(iter(self._state.symbols.of)).quote
        return ONE if asset == quote else self._state.exchange.quote(Pair(asset, quote)).last
