"""In what venues differ so much that the engine and the books must know."""

from dataclasses import dataclass
from enum import Enum


class Settlement(Enum):
    """What a margin fill does to the balances.

    MARGIN: nothing but fees until the position is closed; then its profit or loss is credited (Kraken).
    WALLET: base and quote change hands at once, with borrowed money where own is missing; what is owed bears interest
    in the asset that was borrowed, and fees may be taken in the asset that was received (Binance, OKX, Bybit).
    """

    MARGIN = "margin"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class VenueTraits:
    """How one venue (in one account mode) behaves.

    `reduce_only`: an order can be marked so that it never opens the opposite side; where it cannot, exits go out one
    after another, each no larger than what is open. `amends`: a resting order can be changed in place; where it
    cannot, it is cancelled, proved gone, and made anew.
    """

    settlement: Settlement = Settlement.MARGIN
    reduce_only: bool = True
    amends: bool = True
