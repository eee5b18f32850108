"""A sweep's summary as text, and in its folder as summary.md, summary.svg and summary.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
import msgspec

from leanlab.files import write_whole
from leanlab.memory import printable
from leanlab.resources import TEMPLATES
from leanlab.sweep.grid import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leanlab.sweep.summary import Cell, Summary, Table

LIGHT, DARK = (247, 251, 255), (8, 48, 107)
"""The worst and the best of a heat map, in red, green and blue."""
_ROW, _COLUMN, _GLYPH = 34, 150, 7.3
"""Sizes in a heat map: a row's height, the least width of a column, the width of a letter."""


def write(summary: Summary, folder: Path) -> None:
    whole = msgspec.json.format(encoded(summary), indent=2) + b"\n"
    write_whole(folder / "summary.json", whole)
    write_whole(folder / "summary.md", text(summary).encode())
    write_whole(folder / "summary.svg", heat_map(summary).encode())


def encoded(summary: Summary) -> bytes:
    return msgspec.json.encode(summary)


def text(summary: Summary) -> str:
    """The summary in Markdown that reads well as plain text."""
    tables = [
        {"caption": in_words(table.fixed), "lines": "\n".join(_lines(table, summary))}
        for table in summary.tables
    ]
    return _render("summary.md.j2", summary, tables=tables, notable=_notable(summary))


def _notable(summary: Summary) -> dict[str, list[str]]:
    """What befell points beside an ordinary end, each with the points that it befell."""
    found: dict[str, list[str]] = {}
    for point in summary.points:
        words = [f"a worker died: {death}" for death in point.deaths]
        if point.status not in ("target", "done"):
            words.append(": ".join(filter(None, (point.status, point.reason))))
        for each in words:
            found.setdefault(each, []).append(point.name)
    return found


def in_words(values: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def cell_text(cell: Cell, metric: str) -> str:
    """The mean ± half its interval, with a count where points are missing; or why there is none."""
    found = cell.estimates.get(metric)
    if found is None:
        return ", ".join(cell.words) or "no score"
    shown = f"{found.mean:.4g}" + ("" if found.half is None else f" ± {found.half:.2g}")
    return shown if found.n == cell.points else f"{shown} ({found.n} of {cell.points})"


def _lines(table: Table, summary: Summary) -> list[str]:
    """A Markdown table with columns of even width."""
    layout = summary.layout
    metric = summary.metric
    heads = [cell.col for cell in table.cells[0]] if layout.cols else [metric]
    corner = f"{layout.rows} \\ {layout.cols}" if layout.cols else layout.rows
    rows = [[corner, *heads]]
    rows += [[row[0].row, *(cell_text(cell, metric) for cell in row)] for row in table.cells]
    clean = [[printable(field).replace("|", "\\|") for field in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    padded = [_line(row, widths) for row in clean]
    return [padded[0], _line(["-" * width for width in widths], widths), *padded[1:]]


def _line(fields: Sequence[str], widths: Sequence[int]) -> str:
    padded = (field.ljust(width) for field, width in zip(fields, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def heat_map(summary: Summary) -> str:
    """Draw the tables: each cell holds its number, and is the darker the better it is."""
    metric = summary.metric
    cells = [cell for table in summary.tables for row in table.cells for cell in row]
    means = [cell.estimates[metric].mean for cell in cells if metric in cell.estimates]
    worst, best = (min(means), max(means)) if means else (0.0, 0.0)
    if summary.chosen_by.direction == "minimize":
        worst, best = best, worst
    labels = [summary.layout.rows, *(cell.row for cell in cells)]
    left = 24 + _GLYPH * max(map(len, labels))
    longest = max([*(len(cell_text(cell, metric)) for cell in cells), *(len(c.col) for c in cells)])
    wide = max(_COLUMN, 20 + _GLYPH * longest)
    panels: list[dict[str, Any]] = []
    top = 90.0
    for table in summary.tables:
        rows = [
            [_square(cell, metric, left + wide * x, top + _ROW * y, worst, best)
             for x, cell in enumerate(row)]
            for y, row in enumerate(table.cells)
        ]  # fmt: skip
        panels.append({"caption": in_words(table.fixed), "top": top, "rows": rows})
        top += _ROW * len(rows) + 70
    columns = len(summary.tables[0].cells[0])
    return _render(
        "heatmap.svg.j2",
        summary,
        panels=panels,
        left=left,
        cell_width=wide,
        cell_height=_ROW,
        width=max(left + wide * columns + 24, 640),
        height=top + 24,
        ends=(f"{worst:.4g}", f"{best:.4g}") if means else None,
        light=_hex(LIGHT),
        dark=_hex(DARK),
    )


def _square(
    cell: Cell, metric: str, x: float, y: float, worst: float, best: float
) -> dict[str, Any]:
    found = cell.estimates.get(metric)
    share = 0.0
    if found is not None:
        share = 1.0 if best == worst else (found.mean - worst) / (best - worst)
    colour = [round(a + (b - a) * share) for a, b in zip(LIGHT, DARK, strict=True)]
    return {
        "cell": cell,
        "text": cell_text(cell, metric),
        "x": x,
        "y": y,
        "fill": _hex(colour) if found is not None else "url(#none)",
        "ink": "#ffffff" if share > 0.5 else "#111111",
    }


def _hex(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)


def _render(name: str, summary: Summary, **context: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "sweep"),
        undefined=jinja2.StrictUndefined,
        autoescape=name.endswith(".svg.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = printable
    seeds = summary.plan.axes.get(SEED, ()) if summary.layout.over_seeds else ()
    return environment.get_template(name).render(summary=summary, seeds=seeds, **context)
