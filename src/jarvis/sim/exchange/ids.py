"""Ids in Kraken's shape, derived from a seed and a counter: the same calls give the same ids."""

from base64 import b32encode
from hashlib import blake2b

from jarvis.domain.account import LedgerRowId
from jarvis.domain.order import FillId, VenueOrderId


class Ids:
    """Hands out ids: `O.....-.....-......` for orders, T for fills and lots, L for ledger rows."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def order(self) -> VenueOrderId:
        """A new order's id."""
        return VenueOrderId(self._next("O"))

    def fill(self) -> FillId:
        """A new fill's id; a lot bears that of the fill that opened it."""
        return FillId(self._next("T"))

    def ledger_row(self) -> LedgerRowId:
        """A new ledger row's id."""
        return LedgerRowId(self._next("L"))

    def _next(self, letter: str) -> str:
        self._count += 1
        digest = blake2b(f"{self._seed}:{self._count}".encode(), digest_size=10).digest()
        text = b32encode(digest).decode()
        return f"{letter}{text[:5]}-{text[5:10]}-{text[10:]}"
