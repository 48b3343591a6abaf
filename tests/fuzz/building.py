"""Makes JSON values out of a fuzzer's bytes, with the words of the code that reads them."""

import ast
import inspect
from collections.abc import Iterable
from decimal import Decimal
from types import ModuleType
from typing import Any, Protocol

MOST_DEPTH = 5
USUAL = (
    "", "0", "1", "-1", "0.5", "1e400", "NaN", "Infinity", "-0", "00", "1_0", " 1", "1,5", "true", "false", "BTC",
    "USD", "USDT", "BTC/USD", "BTCUSDT", "BTC-USDT", "XBTUSD", "XXBT", "ZUSD", "1735689600", "1735689600000",
    "99999999999999999999", "2026-11-21T14:03:30Z", "buy", "sell", "Buy", "Sell", "BUY", "SELL", "market", "limit",
    "\x00", "\ud7ff", "\uff19", "\u0661\u0662",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2**31,
    2**63,
    2**64,
    -(2**63),
    10**30,
    1735689600,
    1735689600000,
    Decimal("0.1"),
    Decimal("1E+400"),
)


class Source(Protocol):
    """Where choices come from."""

    def ConsumeIntInRange(self, low: int, high: int) -> int: ...  # noqa: N802 - the library's name
    def ConsumeUnicodeNoSurrogates(self, length: int) -> str: ...  # noqa: N802


def words_of(modules: Iterable[ModuleType]) -> tuple[str, ...]:
    """Every text that stands in the code: the names of fields and the values that it knows."""
    found = dict.fromkeys(USUAL)
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
                found[node.value] = None
    return tuple(found)


def value(source: Source, words: tuple[str, ...], depth: int = 0) -> Any:
    """Any JSON value, as `venues.reading` decodes one."""
    kind = source.ConsumeIntInRange(0, 9 if depth < MOST_DEPTH else 5)
    if kind <= 2:
        return word(source, words)
    if kind == 3:
        return NUMBERS[source.ConsumeIntInRange(0, len(NUMBERS) - 1)]
    if kind == 4:
        return (None, True, False)[source.ConsumeIntInRange(0, 2)]
    if kind == 5:
        return source.ConsumeUnicodeNoSurrogates(12)
    if kind <= 8:
        return record(source, words, depth)
    return [value(source, words, depth + 1) for _ in range(source.ConsumeIntInRange(0, 4))]


def record(source: Source, words: tuple[str, ...], depth: int = 0) -> dict[str, Any]:
    """An object with some of the fields that the code asks for."""
    return {word(source, words): value(source, words, depth + 1) for _ in range(source.ConsumeIntInRange(0, 12))}


def word(source: Source, words: tuple[str, ...]) -> str:
    """One of the words."""
    return words[source.ConsumeIntInRange(0, len(words) - 1)]
