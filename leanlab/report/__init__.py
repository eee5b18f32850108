"""What a lab has come to, as a page and as Markdown: what won, and how far to believe it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from leanlab.files import write_whole
from leanlab.report.chart import chart
from leanlab.report.gather import gather
from leanlab.report.render import html, markdown, svg
from leanlab.report.view import view

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.history import History
    from leanlab.lab import Lab
    from leanlab.records import Trial

Format = Literal["html", "md", "both"]
Note = Callable[["History", "Trial"], None]


def write_report(lab: Lab, folder: Path, form: Format, note: Note) -> list[Path]:
    """Write report.html, or report.md with report.svg, or all three; return what was written.

    note is called before the best trial's hidden metrics are written.
    """
    findings = gather(lab)
    drawn = svg(chart(findings))
    whole = view(lab, findings)
    if findings.history.best is not None:
        note(findings.history, findings.history.best)
    made = {"report.html": html(whole, drawn)} if form != "md" else {}
    if form != "html":
        made |= {"report.md": markdown(whole), "report.svg": drawn}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in made]
