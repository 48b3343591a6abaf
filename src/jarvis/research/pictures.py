"""A search as a page of its own: the best, heat maps of two parameters at a time, and every try as a line.

One file without any outside address, light and dark. A cell says its number, so that no colour is needed to read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from jarvis.research.sweep import SMALLER_IS_BETTER, best, told

if TYPE_CHECKING:
    from jarvis.research.space import Space
    from jarvis.research.sweep import Row

_MOST_MAPS = 6
_MOST_CELLS = 24
_MOST_LINES = 400
_LISTED = 25
_WIDTH, _HEIGHT, _MARGIN = 960.0, 320.0, 56.0
_SHADES = 5
_COLUMNS = ("total_return", "max_drawdown", "sharpe", "trade_count")


def search_page(rows: Sequence[Row], space: Space, by: str) -> str:
    """The page of a search with at least one result."""
    ordered = best(rows, by)
    title = f"{space.strategy.title}: {len(rows)} tries"
    measure = by.replace("_", " ")
    pairs = list(combinations([name for name, values in space.choices.items() if len(values) > 1], 2))[:_MOST_MAPS]
    maps = "".join(_heat_map(rows, space, by, across, down) for across, down in pairs)
    warning = (
        f"The best of {len(rows)} tries looks good by chance alone, the more so the more were tried. Trust a plateau: "
        "neighbours that did about as well. Then try the chosen values once, on candles that were not searched."
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1><p>{warning}</p>"
        f"<h2>The best by {measure}</h2>{_table(ordered[:_LISTED], space, by)}"
        f"{'<h2>Two parameters at a time</h2>' if maps else ''}{maps}"
        f"<h2>Every try</h2>{_lines(ordered, space, by)}"
        "</main></body></html>\n"
    )


def _table(rows: Iterable[Row], space: Space, by: str) -> str:
    measures = tuple(dict.fromkeys((by, *_COLUMNS)))
    heads = [*(_label(space, name) for name in space.choices), *(name.replace("_", " ") for name in measures)]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(str(row['values'][name]))}</td>" for name in space.choices)
        + "".join(f"<td>{told(name, row[name])}</td>" for name in measures)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="The best"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heat_map(rows: Sequence[Row], space: Space, by: str, across: str, down: str) -> str:
    """The median of all tries that share two values, so that one lucky third value colours nothing."""
    columns, lines = (_shown([str(value) for value in space.choices[name]]) for name in (across, down))
    cells: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row[by] is not None:
            key = (str(row["values"][across]), str(row["values"][down]))
            cells.setdefault(key, []).append(row[by])
    middles = {key: median(found) for key, found in cells.items()}
    if not middles:
        return ""
    low, high = min(middles.values()), max(middles.values())
    head = "".join(f'<th scope="col">{escape(value)}</th>' for value in columns)
    body = ""
    for value in lines:
        body += f'<tr><th scope="row">{escape(value)}</th>'
        for other in columns:
            middle = middles.get((other, value))
            shade = "" if middle is None else f' class="shade{_shade(middle, low, high, by)}"'
            body += f"<td{shade}>{told(by, middle)}</td>"
        body += "</tr>"
    caption = (
        f"{_label(space, down)} (down) by {_label(space, across)} (across): the median {by.replace('_', ' ')} of all "
        "tries in each cell; the stronger the colour, the better."
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="map">'
        f"<caption>{escape(caption)}</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _lines(ordered: Sequence[Row], space: Space, by: str) -> str:
    """Parallel coordinates: an axis for each searched parameter and one for the measure; the best tenth stands out."""
    axes = [name for name, values in space.choices.items() if len(values) > 1]
    known = [row for row in ordered if row[by] is not None]
    if not axes or not known:
        return "<p>Nothing was varied.</p>"
    step = max(1, len(known) // _MOST_LINES)
    drawn = [(place, row) for place, row in enumerate(known) if place % step == 0 or place < len(known) // 10]
    gap = (_WIDTH - 2 * _MARGIN) / len(axes)
    low, high = min(row[by] for row in known), max(row[by] for row in known)
    places = {name: {str(value): i for i, value in enumerate(space.choices[name])} for name in axes}

    def points(row: Row) -> str:
        heights = [places[name][str(row["values"][name])] / (len(places[name]) - 1) for name in axes]
        heights.append((row[by] - low) / (high - low) if high > low else 0.5)
        return " ".join(f"{_MARGIN + i * gap:.1f},{_y(height):.1f}" for i, height in enumerate(heights))

    curves = "".join(
        f'<polyline class="{"best" if place < max(1, len(known) // 10) else "other"}" points="{points(row)}"/>'
        for place, row in reversed(drawn)
    )
    ends = [(_label(space, name), space.choices[name][0], space.choices[name][-1]) for name in axes]
    ends.append((by.replace("_", " "), told(by, low), told(by, high)))
    frame = "".join(
        f'<line x1="{_MARGIN + i * gap:.1f}" x2="{_MARGIN + i * gap:.1f}" y1="{_y(1):.1f}" y2="{_y(0):.1f}"/>'
        f'<text x="{_MARGIN + i * gap:.1f}" y="{_y(1) - 22:.1f}" class="name">{escape(name)}</text>'
        f'<text x="{_MARGIN + i * gap:.1f}" y="{_y(1) - 6:.1f}">{escape(str(top))}</text>'
        f'<text x="{_MARGIN + i * gap:.1f}" y="{_y(0) + 16:.1f}">{escape(str(bottom))}</text>'
        for i, (name, bottom, top) in enumerate(ends)
    )
    words = "Each line is one try, from its values on the left to what came of it on the right; the best tenth is bold."
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Every try"><svg viewBox="0 0 {_WIDTH:.0f} '
        f'{_HEIGHT + 60:.0f}" role="img" aria-label="{words}">{curves}{frame}</svg></div><p>{words}</p>'
    )


def _y(height: float) -> float:
    return 44 + (1 - height) * (_HEIGHT - 20)


def _label(space: Space, name: str) -> str:
    return next(parameter.label for parameter in space.strategy.parameters if parameter.name == name)


def _shade(value: float, low: float, high: float, by: str) -> int:
    part = (value - low) / (high - low) if high > low else 0.5
    return min(_SHADES - 1, int((1 - part if by in SMALLER_IS_BETTER else part) * _SHADES))


def _shown(values: Sequence[str]) -> list[str]:
    """At most so many of a long range as a table can show, evenly taken."""
    step = -(-len(values) // _MOST_CELLS)
    return list(values[::step])


_STYLE = """
:root { color-scheme: light dark; --ink: #14181f; --soft: #566073; --line: #d4d9e1; --page: #f4f5f7; --card: #fff;
  --accent: #1d4f91; --other: #8c97a8; --s0: #f2f5f9; --s1: #d9e4f2; --s2: #b3cae6; --s3: #7ba3d3; --s4: #2f66a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #a3adbd; --line: #2c3542; --page: #0d1117;
  --card: #151b24; --accent: #8ab4f0; --other: #55606f; --s0: #18202b; --s1: #1d2f47; --s2: #244468; --s3: #2f5f95;
  --s4: #8ab4f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.5rem; font-size: 1.15rem; }
p, caption { color: var(--soft); max-width: 46rem; }
caption { text-align: left; padding: .5rem .6rem; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  margin: 1rem 0; }
table { border-collapse: collapse; min-width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { color: var(--soft); font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.map td { text-align: center; border: 1px solid var(--card); }
.shade0 { background: var(--s0); } .shade1 { background: var(--s1); } .shade2 { background: var(--s2); color: #14181f; }
.shade3 { background: var(--s3); color: #14181f; } .shade4 { background: var(--s4); color: #fff; }
@media (prefers-color-scheme: dark) { .shade2, .shade3 { color: #fff; } .shade4 { color: #0d1117; } }
svg { display: block; min-width: 40rem; width: 100%; padding: .5rem; }
svg line { stroke: var(--soft); } svg text { fill: var(--ink); font-size: 13px; text-anchor: middle; }
svg .name { font-weight: 600; }
polyline { fill: none; } .other { stroke: var(--other); stroke-opacity: .35; } .best { stroke: var(--accent);
  stroke-width: 2.5; stroke-opacity: .9; }
"""
