"""A tax report as a table for a spreadsheet or an accountant: one row for each disposal, fee and charge."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from jarvis.domain.instrument import Side
from jarvis.ledger.tax import Books, Disposal, Line, Method, TaxReport

COLUMNS = (
    "kind", "account", "venue", "at", "pair", "side", "quantity", "quantity_asset", "opened_at", "cost", "proceeds",
    "amount", "asset", "position", "opened_by", "reference", "method",
)  # fmt: skip
"""`amount` of `asset` is the gain of a disposal, or what was paid (negative) or received: it sums to the result.

`cost` and `proceeds` are in the same asset.
"""


def rows_of(report: TaxReport, books: Sequence[Books]) -> Iterator[Sequence[object]]:
    """The heading and all rows, in the order of time."""
    known = {each.account_id: each for each in books}
    yield COLUMNS
    found: list[tuple[datetime, int, int, Disposal | Line]] = [
        (each.closed_at, 0, number, each) for number, each in enumerate(report.disposals)
    ]
    found += [(each.at, 1, number, each) for number, each in enumerate(report.lines)]
    for *_, one in sorted(found, key=lambda each: each[:3]):
        yield row_of(one, known[one.account_id], report.method)


def row_of(one: Disposal | Line, books: Books, method: Method) -> Sequence[object]:
    """One of the rows; of the books only what they are called is read."""
    return _disposal(one, books, method) if isinstance(one, Disposal) else _line(one, books, method)


def _disposal(one: Disposal, books: Books, method: Method) -> Sequence[object]:
    return (
        "liquidation" if one.is_liquidation else "disposal", books.name, books.venue, one.closed_at, str(one.pair),
        "long" if one.side is Side.BUY else "short", one.quantity, one.pair.base, one.opened_at, one.cost,
        one.proceeds, one.gain, one.pair.quote, one.position_id, one.opened_by, one.closed_by, method,
    )  # fmt: skip


def _line(one: Line, books: Books, method: Method) -> Sequence[object]:
    return (
        one.kind, books.name, books.venue, one.at, None if one.pair is None else str(one.pair), None, None, None, None,
        None, None, one.amount, one.asset, one.position_id, None, one.reference, method,
    )  # fmt: skip
