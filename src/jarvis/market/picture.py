"""An examination as a page of its own: prices with odd candles marked, what is there day by day, and the lists.

One file without any outside address, light and dark; every drawing is said in words beside it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jarvis.market.formats import instant
from jarvis.market.history import interval_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jarvis.market.examination import Examination

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960.0, 250.0, 84.0, 14.0, 24.0
_POINTS = 480
_LISTED = 50


def as_html(examined: Examination, title: str) -> str:
    """The page."""
    ts = examined.candles["ts"]
    first, last = instant(ts[0]), instant(ts[-1])
    reach = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    verdict = (
        '<p class="good">An import takes it as it is.</p>'
        if examined.is_importable
        else '<p class="bad">An import refuses it: mend the faults below first.</p>'
    )
    facts = [
        ("Rows", f"{examined.rows:,}"),
        (f"Candles of {interval_name(examined.interval)}", f"{len(ts):,}"),
        ("From, to", reach),
        ("Missing", f"{examined.missing:,} in {len(examined.gaps):,} gaps"),
        ("Without volume", f"{examined.still:,}, at most {examined.longest_still:,} in a row"),
        ("Odd candles", f"{len(examined.outliers):,}"),
    ]
    faults = [(each.kind, f"{each.count:,}", ", ".join(each.first[:5])) for each in examined.faults]
    outliers = [
        (f"{each.at:%Y-%m-%d %H:%M}", each.what, f"{each.times:,.0f} times as far as usual")
        for each in examined.outliers[:_LISTED]
    ]
    gaps = [
        (f"{gap.start:%Y-%m-%d %H:%M}", f"{gap.end:%Y-%m-%d %H:%M}", f"{gap.missing:,}")
        for gap in sorted(examined.gaps, key=lambda each: -each.missing)[:_LISTED]
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>{verdict}"
        f"{_table((), facts)}"
        f"<h2>Prices, odd candles marked</h2>{_prices(examined)}"
        f"<h2>What is there, day by day</h2>{_coverage(examined)}"
        f"{_section('Faults', ('what', 'rows', 'first'), faults, 'None.')}"
        f"{_section('Odd candles', ('at (UTC)', 'it', 'how far'), outliers, 'None.')}"
        f"{_section('Longest gaps', ('first missing (UTC)', 'next present', 'candles'), gaps, 'None.')}"
        "</main></body></html>\n"
    )


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    return f"<h2>{title}</h2>{_table(columns, rows) if rows else f'<p>{empty}</p>'}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(text)}</td>" for text in row[1:])}</tr>'
        for row in rows
    )
    thead = f"<thead><tr>{head}</tr></thead>" if columns else ""
    return f'<div class="wide"><table>{thead}<tbody>{body}</tbody></table></div>'


def _prices(examined: Examination) -> str:
    """The band from low to high over time, each point a few candles together."""
    import polars as pl  # noqa: PLC0415 - slow to load, and most commands need no candles

    candles = examined.candles
    start, end = int(candles["ts"][0]), int(candles["ts"][-1])
    piece = max(1, (end - start) // _POINTS + 1)
    points = (
        candles.group_by((pl.col("ts") - start) // piece, maintain_order=True)
        .agg(pl.col("low").min(), pl.col("high").max())
        .rows()
    )
    low, high = _float(candles["low"].min()), _float(candles["high"].max())
    pad = (high - low) * 0.04 or high * 0.01
    low, high = max(0.0, low - pad), high + pad

    def x(milliseconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT) * (milliseconds - start) / max(1, end - start)

    def y(price: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - price) / (high - low)

    middle = [(x(start + (number + 0.5) * piece), lowest, highest) for number, lowest, highest in points]
    # A bar for each piece: where nothing is there, nothing is drawn.
    band = "".join(
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y(highest):.1f}" y2="{max(y(lowest), y(highest) + 1):.1f}"/>'
        for at, lowest, highest in middle
    )
    levels = [low + (high - low) * n / 4 for n in range(5)]
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{min(y(level) + 4, _HEIGHT - _BOTTOM):.1f}" text-anchor="end">{level:,.6g}</text>'
        for level in levels
    )
    marks = "".join(
        f'<circle cx="{x(each.at.timestamp() * 1000):.1f}" cy="{_TOP - 6}" r="4">'
        f"<title>{each.at:%Y-%m-%d %H:%M} UTC: {each.what} {each.times:,.0f} times as far as usual</title></circle>"
        for each in examined.outliers[:_LISTED]
    )
    return _svg(
        f"Prices from {low:,.6g} to {high:,.6g}",
        f'<g class="grid">{grid}</g><g class="band">{band}</g><g class="odd">{marks}</g>{_dates(start, end)}',
    )


def _float(value: object) -> float:
    if not isinstance(value, float):
        raise TypeError("a column of prices holds floats")
    return value


def _coverage(examined: Examination) -> str:
    """A bar per piece of time, as high as the share of its candles that is there."""
    import polars as pl  # noqa: PLC0415

    candles = examined.candles
    start, end = candles["ts"][0], candles["ts"][-1]
    width = int(examined.interval.total_seconds() * 1000)
    days = max(1, -(-(end - start) // (_POINTS * 86_400_000)))
    piece = max(days * 86_400_000, width)
    counted = dict(candles.group_by((pl.col("ts") - start) // piece).len().rows())
    pieces = (end - start) // piece + 1
    step = (_WIDTH - _LEFT) / pieces
    height = 60.0
    bars = []
    for number in range(pieces):
        expected = max(1, (min(end + width, start + (number + 1) * piece) - (start + number * piece)) // width)
        share = min(1.0, counted.get(number, 0) / expected)
        kind = "whole" if share > 0.999 else "part"
        bars.append(
            f'<rect class="{kind}" x="{_LEFT + number * step:.2f}" width="{max(step - 0.3, 0.5):.2f}" '
            f'y="{height * (1 - share):.1f}" height="{height * share:.1f}"/>'
        )
    said = f"{len(candles):,} of {len(candles) + examined.missing:,} candles are there"
    each = "a day" if days == 1 else f"{days} days"
    return _svg(f"{said}; a bar is {each}", "".join(bars) + _dates(start, end, height + 18), height + 24)


def _dates(start: int, end: int, y: float = _HEIGHT - 6) -> str:
    return "".join(
        f'<text x="{_LEFT + (_WIDTH - _LEFT) * part:.1f}" y="{y}" text-anchor="{anchor}">'
        f"{instant(int(start + (end - start) * part)):%Y-%m-%d}</text>"
        for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )


def _svg(said: str, inside: str, height: float = _HEIGHT) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(said)}">{inside}</svg>'
        f"<figcaption>{escape(said)}.</figcaption></figure>"
    )


_STYLE = """
:root { --ground: #fbfaf7; --ink: #22262b; --quiet: #646b73; --line: #dcd9d1; --curve: #1f6f5c; --bad: #a3301f; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181b; --ink: #e4e2dc; --quiet: #98a0a8; --line: #33393f; --curve: #63c2a8; --bad: #ef8a78; }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; } h2 { font-size: 1.05rem; margin: 32px 0 8px; }
.good { color: var(--curve); } .bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; text-align: left; border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--quiet); white-space: nowrap; }
figure { margin: 0; } figcaption { color: var(--quiet); font-size: 0.85rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--quiet); font-size: 12px; }
.grid line { stroke: var(--line); } .band line { stroke: var(--curve); stroke-width: 1.8; }
.odd circle { fill: none; stroke: var(--bad); stroke-width: 2; }
.whole { fill: var(--curve); } .part { fill: var(--bad); }
"""
