"""A backtest's result for people: plain text tables, and one self-contained HTML page that loads nothing from anywhere.

Several venues' results are a table of their own.

The page draws its equity curve as SVG. Colours follow the reader's light or dark setting; every number has a unit.
"""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from jarvis.backtest.comparison import PARTS, Comparison
from jarvis.backtest.result import BacktestResult, Trade, duration_text
from jarvis.domain.instrument import Side
from jarvis.domain.money import plain
from jarvis.ledger.attribution import Waterfall, by_group
from jarvis.ledger.performance import EquityPoint

Row = tuple[str, ...]

_PARTS = (
    ("price", "price at decision"),
    ("slippage", "slippage"),
    ("trading_fee", "trading fees"),
    ("opening_fee", "margin opening fees"),
    ("rollover", "rollover"),
    ("interest", "interest"),
    ("liquidation", "liquidation"),
    ("adjustment", "adjustments"),
    ("total", "result"),
)
_REASONS = {
    "trading_fees": "  trading fees",
    "opening_fees": "  margin opening fees",
    "finance": "  rollover and interest",
    "size": "  size: equity left by earlier costs",
    "lot": "  lot: quantities rounded, fees kept in coin",
    "tick": "  tick: prices rounded",
    "exits": "  exits: at other times",
    "other": "  liquidation, adjustments",
    "decisions": "  positions that only one opened",
}
TRADE_COLUMNS: Row = (
    "position", "opened (UTC)", "held", "pair", "side", "quantity", "entry", "exit", "left by", "fees", "result",
)  # fmt: skip


def summary_rows(result: BacktestResult) -> list[Row]:
    """What a person asks first: name and value."""
    stats = result.performance
    first, last = result.curve[0].equity, result.curve[-1].equity
    bars = ", ".join(f"{pair} {count:,}" for pair, count in sorted(result.bars.items()))
    return [
        ("time (UTC)", f"{result.started_at:%Y-%m-%d %H:%M} to {result.ended_at:%Y-%m-%d %H:%M}"),
        ("complete", "yes" if result.is_complete else "no: cancelled"),
        ("candles", bars),
        ("equity", f"{_money(first)} to {_money(last)} {result.asset}"),
        ("return", _percent(stats.total_return)),
        ("maximum drawdown", _percent(stats.max_drawdown)),
        ("Sharpe, daily, annualised", _ratio(stats.sharpe)),
        ("Sortino, daily, annualised", _ratio(stats.sortino)),
        ("time in the market", _percent(stats.exposure)),
        ("positions", f"{stats.closed_positions} closed, {len(result.trades) - stats.closed_positions} open"),
        ("win rate", _percent(stats.win_rate)),
        ("profit factor", _ratio(stats.profit_factor)),
        ("fills", str(len(result.fills))),
        ("books", _books(result)),
    ]


def waterfall_rows(result: BacktestResult) -> list[Row]:
    """From the price of the decisions to the result: name, sum over all positions, then one column per strategy."""
    strategies = _by_strategy(result)
    return [
        (label, *(_money(getattr(each, part)) for each in (result.waterfall, *strategies.values())))
        for part, label in _PARTS
    ]


def waterfall_columns(result: BacktestResult) -> Row:
    """The headings of `waterfall_rows`."""
    return ("", f"all, {result.asset}", *(f"{name}, {result.asset}" for name in _by_strategy(result)))


def trade_rows(result: BacktestResult) -> list[Row]:
    """One row per position, oldest first, under `TRADE_COLUMNS`."""
    return [_trade_row(trade) for trade in result.trades]


def as_text(result: BacktestResult) -> str:
    """The whole report as plain text."""
    parts = [
        _table(("", ""), summary_rows(result)),
        _table(waterfall_columns(result), waterfall_rows(result)),
        _table(TRADE_COLUMNS, trade_rows(result)) if result.trades else "No position was opened.",
    ]
    return "\n\n".join([*parts, *(f"! {alarm}" for alarm in result.alarms)]) + "\n"


def as_html(result: BacktestResult, title: str) -> str:
    """The whole report as one HTML page."""
    alarms = "".join(f"<li>{escape(alarm)}</li>" for alarm in result.alarms)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="{"good" if result.agrees else "bad"}">Books: {escape(_books(result))}</p>
<h2>Equity, {escape(result.asset)}</h2>
{_curve_svg(result.shown_curve(), result.asset)}
<h2>In short</h2>
{_html_table((), summary_rows(result))}
<h2>Where every cent went</h2>
{_html_table(waterfall_columns(result), waterfall_rows(result))}
<h2>Positions</h2>
{_html_table(TRADE_COLUMNS, trade_rows(result)) if result.trades else "<p>No position was opened.</p>"}
{f"<h2>What the engine said</h2><ul>{alarms}</ul>" if alarms else ""}
</main>
</body>
</html>
"""


def comparison_rows(comparison: Comparison) -> list[Row]:
    """What it came to at each venue, and each one's difference to the first, part by part: name, then the venues."""
    results = comparison.results.values()
    sums = [result.waterfall for result in results]
    first = next(iter(comparison.results))
    return [
        ("positions", *(str(len(result.trades)) for result in results)),
        (f"entries unlike {first}'s", *(str(count) for count in comparison.unlike_entries.values())),
        (f"exits unlike {first}'s", *(str(count) for count in comparison.unlike_exits.values())),
        ("fills", *(str(len(result.fills)) for result in results)),
        ("books", *("agree" if result.agrees else "DO NOT AGREE" for result in results)),
        ("PnL of prices", *(_money(each.price + each.slippage) for each in sums)),
        ("trading fees", *(_money(each.trading_fee) for each in sums)),
        ("margin opening fees", *(_money(each.opening_fee) for each in sums)),
        ("rollover and interest", *(_money(each.rollover + each.interest) for each in sums)),
        ("liquidation, adjustments", *(_money(each.liquidation + each.adjustment) for each in sums)),
        ("net", *(_money(each.total) for each in sums)),
        (f"difference to {first}", "", *(_cents(each.net) for each in comparison.differences)),
        *((_REASONS[part], "", *(_cents(getattr(each, part)) for each in comparison.differences)) for part in PARTS),
        ("  not explained", "", *(plain(each.residual) for each in comparison.differences)),
    ]


def comparison_text(comparison: Comparison) -> str:
    """The comparison as plain text."""
    columns = ("", *(f"{name}, {result.asset}" for name, result in comparison.results.items()))
    return _table(columns, comparison_rows(comparison)) + "\n"


def _by_strategy(result: BacktestResult) -> dict[str, Waterfall]:
    strategy_of = {trade.position_id: trade.strategy for trade in result.trades}
    sums = by_group(
        (trade.waterfall for trade in result.trades),
        lambda each: strategy_of[each.position_id] if each.position_id is not None else "",
    )
    return dict(sorted(sums.items()))


def _trade_row(trade: Trade) -> Row:
    result = trade.waterfall
    fees = result.trading_fee + result.opening_fee + result.rollover + result.interest
    return (
        trade.position_id,
        f"{trade.opened_at:%Y-%m-%d %H:%M}",
        duration_text(trade.closed_at - trade.opened_at) if trade.closed_at else "open",
        str(trade.pair),
        "long" if trade.side is Side.BUY else "short",
        f"{plain(trade.quantity)} {trade.pair.base}",
        _price(trade.entry_price),
        _price(trade.exit_price),
        trade.exit_role.value.replace("_", " ") if trade.exit_role else "",
        _money(fees),
        _money(result.total),
    )


def _books(result: BacktestResult) -> str:
    if result.agrees:
        return f"agree with the venue to the last digit; {len(result.entries)} entries, all balanced"
    apart = ", ".join(f"{plain(amount)} {asset}" for asset, amount in result.residual.items() if amount)
    return f"DO NOT AGREE: residual {apart or '0'}, not cleared {plain(result.uncleared)} {result.asset}"


def _table(columns: Row, rows: Sequence[Row]) -> str:
    lines = [row for row in (columns, *rows) if any(row)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(columns))]
    right = _number_columns(rows)

    def cell(i: int, text: str) -> str:
        return text.rjust(widths[i]) if i in right else text.ljust(widths[i])

    return "\n".join("  ".join(cell(i, text) for i, text in enumerate(row)).rstrip() for row in lines)


def _number_columns(rows: Sequence[Row]) -> set[int]:
    """The columns that hold nothing but numbers: they stand to the right."""
    return {i for i in range(1, len(rows[0])) if all(not row[i] or _is_number(row[i]) for row in rows)}


def _is_number(text: str) -> bool:
    return text.replace(",", "").lstrip("+-").replace(".", "", 1).isdigit()


def _html_table(columns: Row, rows: Sequence[Row]) -> str:
    right = _number_columns(rows)
    style = [" class=number" if i in right else "" for i in range(len(rows[0]))]
    head = "".join(f'<th scope="col"{style[i]}>{escape(name)}</th>' for i, name in enumerate(columns))
    thead = f"<thead><tr>{head}</tr></thead>" if columns else ""
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{style[i]}>{escape(text)}</td>" for i, text in enumerate(row) if i)
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table>{thead}<tbody>{body}</tbody></table></div>'


def _curve_svg(curve: Sequence[EquityPoint], asset: str) -> str:
    """The equity curve in a fixed box that scales with the page; a table below it says the same in words."""
    width, height, left, top, bottom = 960.0, 260.0, 84.0, 10.0, 26.0
    values = [float(point.equity) for point in curve]
    low, high = min(values), max(values)
    pad = (high - low) * 0.05 or max(abs(high) * 0.01, 1.0)
    low, high = low - pad, high + pad
    start, span = curve[0].at, (curve[-1].at - curve[0].at).total_seconds() or 1.0

    def x(point: EquityPoint) -> float:
        return left + (width - left) * (point.at - start).total_seconds() / span

    def y(value: float) -> float:
        return top + (height - top - bottom) * (high - value) / (high - low)

    path = " ".join(f"{x(point):.1f},{y(value):.1f}" for point, value in zip(curve, values, strict=True))
    levels = [low + (high - low) * n / 4 for n in range(5)]
    grid = "".join(
        f'<line x1="{left}" x2="{width}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        f'<text x="{left - 8}" y="{y(level) + 4:.1f}" text-anchor="end">{level:,.2f}</text>'
        for level in levels
    )
    times = "".join(
        f'<text x="{x(point):.1f}" y="{height - 6}" text-anchor="{anchor}">{point.at:%Y-%m-%d}</text>'
        for point, anchor in ((curve[0], "start"), (curve[len(curve) // 2], "middle"), (curve[-1], "end"))
    )
    said = f"Equity from {values[0]:,.2f} to {values[-1]:,.2f} {asset}"
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(said)}">'
        f'<g class="grid">{grid}{times}</g><polyline class="curve" points="{path}"/></svg>'
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _cents(amount: Decimal) -> str:
    return f"{amount:,.4f}"


def _price(price: Decimal | None) -> str:
    return "" if price is None else f"{price:,.6g}" if price < 1 else f"{price:,.2f}"


def _percent(fraction: float | None) -> str:
    return "not defined" if fraction is None else f"{fraction * 100:.2f} %"


def _ratio(number: float | None) -> str:
    return "not defined" if number is None else f"{number:.2f}"


_STYLE = """
:root { --ground: #fbfaf7; --ink: #22262b; --quiet: #646b73; --line: #dcd9d1; --curve: #1f6f5c; --bad: #a3301f; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181b; --ink: #e4e2dc; --quiet: #98a0a8; --line: #33393f; --curve: #63c2a8; --bad: #ef8a78; }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; } h2 { font-size: 1.05rem; margin: 32px 0 8px; }
.good { color: var(--curve); } .bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 500; color: var(--quiet); }
tbody tr:hover { background: color-mix(in srgb, var(--line) 35%, transparent); }
.number { text-align: right; }
svg { width: 100%; height: auto; } .grid line { stroke: var(--line); }
.grid text { fill: var(--quiet); font-size: 12px; }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.6; stroke-linejoin: round; }
"""
