"""Statements: their parts, and that nothing is ever lost between days, months and the whole."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.money import USD, ZERO, Asset
from jarvis.ledger.journal import Account, Entry, EntryKind, Posting
from jarvis.ledger.statements import DaySum, Part, day_of, day_sums, exact_sum, month_of, part_of, statements

START = datetime(2026, 1, 30, tzinfo=UTC)
BTC = Asset("BTC")
AGAINST = [account for account in Account if account not in (Account.CASH, Account.EXPOSURE, Account.CONTRA)]

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=18)


@st.composite
def entries_of_weeks(draw: st.DrawFn) -> list[Entry]:
    """A journal of any balanced entries: cash against anything, and things that never touch cash."""
    made = []
    for number in range(draw(st.integers(0, 25))):
        at = START + timedelta(seconds=draw(st.integers(0, 70 * 86_400)))
        asset = draw(st.sampled_from([USD, BTC]))
        parts = [Posting(draw(st.sampled_from(AGAINST)), asset, draw(amounts)) for _ in range(draw(st.integers(1, 4)))]
        cash = Posting(Account.CASH, asset, exact_sum(-part.amount for part in parts))
        exposed = draw(amounts)
        shown = (Posting(Account.EXPOSURE, BTC, exposed), Posting(Account.CONTRA, BTC, -exposed))
        made.append(_entry(number, at, (cash, *parts, *shown)))
    return made


def _entry(number: int, at: datetime, postings: tuple[Posting, ...]) -> Entry:
    """An entry that is kept as it is: amounts of thirty digits are beyond its own check."""
    entry = Entry(EntryKind.FILL, at, f"ref{number}", None, None, ())
    object.__setattr__(entry, "postings", postings)
    return entry


def _sums(entries: list[Entry]) -> list[DaySum]:
    return [DaySum(day, part, asset, amount) for (day, part, asset), amount in day_sums(entries).items()]


def _cash(entries: list[Entry], asset: Asset, until: date | None = None) -> Decimal:
    return exact_sum(
        posting.amount
        for entry in entries
        if until is None or day_of(entry.at) < until
        for posting in entry.postings
        if (posting.account, posting.asset) == (Account.CASH, asset)
    )


@given(entries_of_weeks())
def test_opening_and_all_parts_are_the_closing_which_is_the_journals_cash(entries: list[Entry]) -> None:
    days = statements(_sums(entries), lambda day: day)

    for before, after in pairwise(days):
        for line in after.lines:
            known = before.line(line.asset)
            assert line.opening == (known.closing if known else ZERO)
    for one in days:
        for line in one.lines:
            assert line.opening == _cash(entries, line.asset, one.start)
            assert line.closing == _cash(entries, line.asset, one.start + timedelta(days=1))


@given(entries_of_weeks())
def test_days_add_up_to_months_and_months_to_the_whole(entries: list[Entry]) -> None:
    sums = _sums(entries)
    days, months = statements(sums, lambda day: day), statements(sums, month_of)
    whole = statements(sums, lambda _: date(2026, 1, 1))

    for asset in (USD, BTC):
        for part in Part:
            by_month = {month.start: _part(month.line(asset), part) for month in months}
            for start, amount in by_month.items():
                assert amount == exact_sum(_part(day.line(asset), part) for day in days if month_of(day.start) == start)
            in_all = exact_sum(_part(one.line(asset), part) for one in whole)
            assert in_all == exact_sum(by_month.values())
    if months:
        assert {line.asset: line.closing for line in months[-1].lines} == {
            line.asset: line.closing for line in whole[0].lines
        }


def _part(line: object, part: Part) -> Decimal:
    parts: dict[Part, Decimal] = getattr(line, "parts", {})
    return parts.get(part, ZERO)


def test_every_account_of_the_journal_but_cash_and_exposure_has_a_part() -> None:
    for account in Account:
        part = part_of(Posting(account, USD, Decimal(1)))

        assert (part is None) == (account in (Account.CASH, Account.EXPOSURE, Account.CONTRA)), account


def test_what_is_paid_in_and_out_is_told_apart() -> None:
    came = (Posting(Account.CASH, USD, Decimal(100)), Posting(Account.TRANSFERS, USD, Decimal(-100)))
    went = (Posting(Account.CASH, USD, Decimal(-30)), Posting(Account.TRANSFERS, USD, Decimal(30)))
    entries = [_entry(1, START, came), _entry(2, START, went)]

    (day,) = statements(_sums(entries), lambda day: day)

    (line,) = day.lines
    assert line.parts == {Part.PAID_IN: Decimal(100), Part.PAID_OUT: Decimal(-30)}
    assert (line.opening, line.change, line.closing) == (ZERO, Decimal(70), Decimal(70))


def test_a_day_is_a_utc_day() -> None:
    late = datetime(2026, 2, 1, 0, 30, tzinfo=UTC).astimezone()

    assert day_of(late) == date(2026, 2, 1)
