"""What the signer knows of each venue: one line per venue, one file per venue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.instrument import Pair
from jarvis.signer.errors import SignerRefused
from jarvis.signer.operations import Operation, Parameters, check_call
from jarvis.signer.records import SignedCall
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import binance, bybit, kraken, okx


@dataclass(frozen=True, slots=True)
class VenueSigning:
    """How one venue's keys look and its calls are signed.

    `take_pasted` completes or refuses a pasted key (InvalidSecret). `operations` is the allow-list. `build` signs one
    checked call; its stamp is the signer's wall time in microseconds, strictly rising per key: a nonce where the venue
    wants one. Venues that want a timestamp are told the caller's (`timestamp`, milliseconds of the venue's clock),
    because only the caller knows how far that clock is off. `may_open` says whether a call could add risk: these fail
    closed where exits, cancels and reads go through. `opened_by` says of such an order which pair it
    opens, and how much.
    """

    operations: Mapping[str, Operation]
    take_pasted: Callable[[OpenedKey], None]
    build: Callable[[OpenedKey, str, Parameters, int], SignedCall]
    may_open: Callable[[str, Parameters], bool]
    opened_by: Callable[[Parameters], tuple[Pair, Decimal]]


VENUES: Mapping[str, VenueSigning] = {
    "binance": VenueSigning(
        binance.OPERATIONS, binance.take_pasted, binance.build, binance.may_open, binance.opened_by
    ),
    "bybit": VenueSigning(bybit.OPERATIONS, bybit.take_pasted, bybit.build, bybit.may_open, bybit.opened_by),
    "kraken": VenueSigning(kraken.OPERATIONS, kraken.take_pasted, kraken.build, kraken.may_open, kraken.opened_by),
    "okx": VenueSigning(okx.OPERATIONS, okx.take_pasted, okx.build, okx.may_open, okx.opened_by),
}


def signing_of(venue: str) -> VenueSigning:
    """What is known of a venue. Raises SignerRefused for one that is not listed."""
    try:
        return VENUES[venue]
    except KeyError:
        raise SignerRefused("venue", "nothing is sealed or signed for this venue") from None


def check(venue: str, operation: str, parameters: Parameters) -> None:
    """Return if this call may be signed. Raises SignerRefused that names what is wrong and never a value."""
    check_call(signing_of(venue).operations, operation, parameters)
