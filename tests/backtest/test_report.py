import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from jarvis.backtest.report import as_html, as_text, summary_rows, trade_rows, waterfall_rows
from jarvis.backtest.result import BacktestResult, Trade, duration_text
from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import USD, ZERO
from jarvis.domain.order import OrderRole
from jarvis.ledger.attribution import DecidedFill, Waterfall, waterfall
from jarvis.ledger.book import Book
from jarvis.ledger.journal import Account
from jarvis.ledger.performance import EquityPoint
from tests.ledger.history import BTC, POSITION, START, STEP, fill_of, row_of


def result_of(*, venue_cash: str = "1014.67", alarms: tuple[str, ...] = ()) -> BacktestResult:
    book = Book({BTC: STEP})
    entry, leave = fill_of(1, Side.BUY, "2", "101", fee="0.5"), fill_of(2, Side.SELL, "2", "109", fee="0.6")
    book.add_row(row_of("deposit", "1000", kind=LedgerKind.DEPOSIT))
    book.add_fill(entry, POSITION)
    book.add_row(row_of("T00001", ZERO, "0.7"))
    book.add_row(row_of("T00001", ZERO, "0.03", LedgerKind.ROLLOVER))
    book.add_fill(leave, POSITION)
    book.add_row(row_of("T00002", "16", "0.6"))
    decided = [DecidedFill(entry, Decimal(100)), DecidedFill(leave, Decimal(110))]
    trade = Trade(
        position_id=POSITION,
        pair=BTC,
        strategy="donchian_breakout",
        side=Side.BUY,
        quantity=Decimal(2),
        leverage=3,
        opened_at=entry.at,
        closed_at=leave.at,
        entry_price=Decimal(101),
        exit_price=Decimal(109),
        exit_role=OrderRole.TAKE_PROFIT,
        fills=(entry, leave),
        waterfall=waterfall(POSITION, USD, book.entries, decided),
    )
    curve = [EquityPoint(START + timedelta(minutes=n), Decimal(1000 + n % 7)) for n in range(4000)]
    curve[1777] = EquityPoint(curve[1777].at, Decimal(900))
    return BacktestResult(
        started_at=START,
        ended_at=curve[-1].at,
        is_complete=True,
        asset=USD,
        curve=[*curve, EquityPoint(START + timedelta(days=3), Decimal("1014.67"))],
        entries=book.entries,
        trades=[trade],
        fills=[entry, leave],
        bars={BTC: 4001},
        venue_balances={USD: Decimal(venue_cash)},
        alarms=alarms,
    )


def test_books_that_agree_are_said_to_and_the_parts_sum_to_the_cash() -> None:
    result = result_of()

    assert result.agrees
    assert result.residual == {USD: ZERO}
    assert result.waterfall.total == result.totals[Account.CASH, USD] - 1000
    assert ("books", "agree with the venue to the last digit; 6 entries, all balanced") in summary_rows(result)


def test_books_that_do_not_agree_are_said_loudly() -> None:
    result = result_of(venue_cash="1014.66")

    assert not result.agrees
    assert result.residual == {USD: Decimal("-0.01")}
    assert "DO NOT AGREE: residual -0.01 USD, not cleared 0 USD" in as_text(result)
    assert '<p class="bad">' in as_html(result, "Backtest")


def test_json_holds_exact_numbers_and_nothing_that_json_cannot_say() -> None:
    told = json.loads(json.dumps(result_of().to_json(), allow_nan=False))

    assert told["waterfall"] == {
        "price": "20",
        "slippage": "-4",
        "trading_fee": "-1.1",
        "opening_fee": "-0.2",
        "rollover": "-0.03",
        "interest": "0",
        "liquidation": "0",
        "adjustment": "0",
        "total": "14.67",
    }
    assert told["positions"][0]["exit"] == "take_profit"
    assert told["fills"][1]["price"] == "109"
    assert told["totals"]["cash USD"] == "1014.67"
    assert told["performance"]["closed_positions"] == 1
    assert len(told["entries"]) == 6


def test_a_thinned_curve_keeps_its_lowest_and_its_last_point() -> None:
    result = result_of()

    shown = result.shown_curve()

    assert len(shown) < 2000
    assert min(point.equity for point in shown) == Decimal(900)
    assert shown[-1] == result.curve[-1]
    assert [point.at for point in shown] == sorted(point.at for point in shown)


def test_text_names_every_part_with_its_unit() -> None:
    text = as_text(result_of(alarms=("2025-01-01 00:02 BTC/USD: the stop was refused",)))

    assert "all, USD" in text
    assert re.search(r"price at decision +20\.00 +20\.00", text)
    assert re.search(r"result +14\.67 +14\.67", text)
    assert "take profit" in text
    assert "! 2025-01-01 00:02 BTC/USD: the stop was refused" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_without_a_position_the_report_says_so() -> None:
    result = replace(result_of(), trades=[], fills=[])

    assert "No position was opened." in as_text(result)
    assert "No position was opened." in as_html(result, "Backtest")
    assert ("profit factor", "not defined") in summary_rows(result)


def test_rows_of_trades_and_waterfalls_follow_their_columns() -> None:
    result = result_of()

    assert trade_rows(result)[0] == (
        "p1",
        "2025-01-01 00:01",
        "1 min",
        "BTC/USD",
        "long",
        "2 BTC",
        "101.00",
        "109.00",
        "take profit",
        "-1.33",
        "14.67",
    )
    assert [row[0] for row in waterfall_rows(result)][-1] == "result"


def test_an_open_position_has_no_exit() -> None:
    result = result_of()
    trade = replace(result.trades[0], closed_at=None, exit_price=None, exit_role=None, side=Side.SELL)

    row = trade_rows(replace(result, trades=[trade]))[0]

    assert (row[2], row[4], row[7], row[8]) == ("open", "short", "", "")
    told = replace(result, trades=[trade]).to_json()["positions"][0]
    assert (told["closed_at"], told["exit_price"], told["exit"]) == (None, None, None)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        if tag not in {"meta", "line", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "polyline"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_whole_loads_nothing_and_has_both_colour_schemes() -> None:
    page = Page()

    html = as_html(result_of(alarms=("<script>alert(1)</script>",)), "Donchian & friends")
    page.feed(html)

    assert page.open == []
    assert page.addresses == []
    assert not re.search(r"https?:|url\(|@import|<script", html)
    assert "prefers-color-scheme: dark" in html
    assert "Donchian & friends" in page.texts
    assert "<script>alert(1)</script>" in page.texts
    assert 'aria-label="Equity from 1,000.00 to 1,014.67 USD"' in html


def test_a_flat_curve_of_one_point_can_be_drawn() -> None:
    html = as_html(replace(result_of(), curve=[EquityPoint(START, ZERO)]), "Backtest")

    assert "<polyline" in html
    assert "nan" not in html


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(minutes=7), "7 min"),
        (timedelta(hours=3, minutes=5), "3 h 5 min"),
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
    ],
)
def test_durations_are_said_as_people_do(span: timedelta, said: str) -> None:
    assert duration_text(span) == said


def test_a_sum_of_no_positions_is_nothing() -> None:
    assert replace(result_of(), trades=[]).waterfall == Waterfall(None, USD)
