"""OKX's names: `BTC-USDT` and its number, ids of orders and bills."""

from collections.abc import Iterable

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset

_FIRST_CODE = 10_000
# Ids look like the venue's: eighteen digits that rise with time.
_ORDERS = 610_000_000_000_000_000
_ALGOS = 710_000_000_000_000_000
_BILLS = 810_000_000_000_000_000
_STRIDE = 4096


def inst_id(pair: Pair) -> str:
    """`BTC-USDT`."""
    return f"{pair.base}-{pair.quote}"


class InstrumentNames:
    """The instruments of one venue by both of their names."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs: tuple[Pair, ...] = tuple(sorted(pairs))
        self._by_name = {inst_id(pair): pair for pair in self.pairs}
        self._codes = {pair: _FIRST_CODE + 7 * place for place, pair in enumerate(self.pairs)}
        self._by_code = {code: pair for pair, code in self._codes.items()}
        self.assets: frozenset[Asset] = frozenset(asset for pair in self.pairs for asset in (pair.base, pair.quote))

    def find(self, name: str) -> Pair | None:
        """The pair of this instId."""
        return self._by_name.get(name)

    def find_code(self, code: str) -> Pair | None:
        """The pair of this instIdCode, which orders over a socket use."""
        return self._by_code.get(int(code)) if code.isascii() and code.isdigit() else None

    def code(self, pair: Pair) -> int:
        """The pair's instIdCode."""
        return self._codes[pair]


def order_id(number: int) -> str:
    """The ordId of the exchange's order of this number."""
    return str(_ORDERS + number * _STRIDE)


def algo_id(number: int) -> str:
    """The algoId of the algo order of this number."""
    return str(_ALGOS + number * _STRIDE)


def bill_id(number: int) -> str:
    """The billId of the bill of this number."""
    return str(_BILLS + number * _STRIDE)
