"""What the owner is told of orders, trades and money movements that are not ours: the evidence, in words. Pure."""

from datetime import datetime

from jarvis.domain.account import LedgerKind, LedgerRow
from jarvis.domain.money import plain
from jarvis.domain.order import Fill, OrderReport

_UNTIL = "until you say on the desk that it was you"


def foreign_fill_message(fill: Fill) -> str:
    """A trade on no order of ours."""
    return (
        f"{fill.pair}: {fill.side.value} of {plain(fill.quantity)} {fill.pair.base} at {plain(fill.price)} was traded "
        f"on this account by somebody else on {when(fill.at)} (trade {fill.fill_id}, order {fill.venue_order_id}). "
        f"Our position was not touched; entries on this pair stop {_UNTIL}."
    )


def foreign_order_message(report: OrderReport, *, carries_our_mark: bool = False) -> str:
    """An order that rests and is not ours."""
    pair = str(report.pair) if report.pair else "the account"
    what = "an order"
    if report.side is not None and report.quantity is not None and report.pair is not None:
        what = f"an order ({report.side.value} {plain(report.quantity)} {report.pair.base})"
    whose = "carries our mark, but no record of ours knows it," if carries_our_mark else "is not ours"
    return (
        f"{pair}: {what} that {whose} rests at the venue, seen on {when(report.at)} (order {report.venue_order_id}). "
        f"It is never touched; entries {'on this pair' if report.pair else 'on this account'} stop {_UNTIL}."
    )


def foreign_row_message(row: LedgerRow) -> str:
    """Money that left the account; nothing here can have caused it."""
    what = {LedgerKind.WITHDRAWAL: "A withdrawal", LedgerKind.TRANSFER: "A transfer"}.get(row.kind, "A charge")
    return (
        f"{what} took {plain(-row.change)} {row.asset} out of this account on {when(row.at)} (row {row.row_id} of the "
        f"venue's ledger). Jarvis cannot move money: it was you, or somebody who can sign in or has a key. Nothing is "
        f"opened on this account {_UNTIL}; what is open stays protected."
    )


def arrived_message(row: LedgerRow) -> str:
    """Money that came into the account: no harm, but it is said."""
    what = "A deposit" if row.kind is LedgerKind.DEPOSIT else "A transfer"
    return f"{what} of {plain(row.change)} {row.asset} came into this account on {when(row.at)} (row {row.row_id})."


def when(at: datetime) -> str:
    """An instant to the second, for evidence."""
    return f"{at:%d %B %Y at %H:%M:%S} UTC"
