"""A report as HTML, Markdown and SVG: text from experiments and models is escaped in each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jinja2

from leanlab.memory import printable
from leanlab.resources import TEMPLATES

if TYPE_CHECKING:
    from leanlab.report.chart import Chart
    from leanlab.report.view import View

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&!]|^[-+=]|:(?=//)|(?<=www)\.")
_NUMBERED = re.compile(r"^(\d+)([.)])")


def html(view: View, svg: str) -> str:
    from markupsafe import Markup

    code = "" if view.code is None else _highlighted(view.code)
    return _render(
        "report.html.j2", page=True, view=view,
        svg=Markup(svg), code=Markup(code), styles=Markup(_styles()),  # noqa: S704 - escaped there
    )  # fmt: skip


def markdown(view: View) -> str:
    return _render("report.md.j2", page=False, view=view)


def svg(chart: Chart) -> str:
    return _render("progress.svg.j2", page=True, chart=chart)


def _render(name: str, *, page: bool, **context: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "report"),
        undefined=jinja2.StrictUndefined,
        autoescape=page,  # noqa: S701 - Markdown has filters of its own
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {"plain": _plain, "fenced": _fenced, "indented": _indented}
    return environment.get_template(name).render(**context)


def _plain(text: str) -> str:
    """Text on one line of Markdown, with no sign that means anything there."""
    line = " ".join(printable(text).split())
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))


def _indented(text: str) -> str:
    """Indent every line by four spaces: a block that no content can close."""
    return "\n".join(f"    {line}".rstrip() for line in printable(text).splitlines())


def _fenced(code: str) -> str:
    """A block of Python within a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{printable(code).rstrip()}\n{fence}"


def _highlighted(code: str) -> str:
    """Python as HTML, escaped by the formatter."""
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    lexer = PythonLexer(stripnl=False)
    formatter = HtmlFormatter(nowrap=True, classprefix="c-")
    return str(highlight(printable(code), lexer, formatter))


def _styles() -> str:
    """Colours of highlighted code, for light and dark."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=style, classprefix="c-").get_style_defs("pre.code")
        for style in ("default", "github-dark")
    )
    rules = [line for line in dark.splitlines() if line.startswith("pre.code .")]
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n" + "\n".join(rules) + "\n}"
