"""Templates to pages. Whatever is put into one is escaped, and loses its control characters."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

import leanlab
from leanlab.console import counted, number
from leanlab.dashboard.code import highlighted
from leanlab.dashboard.plots import dollars, duration
from leanlab.memory import printable
from leanlab.resources import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from leanlab.dashboard.charts import Mark

_json = msgspec.json.Encoder()
STATIC = TEMPLATES / "dashboard" / "static"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_legible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "dollars": dollars,
        "duration": duration,
        "data": _data,
        "moment_of": moment_of,
        "words": lambda status: status.replace("_", " "),
        "highlighted": highlighted,
    }
    environment.globals |= {
        "asset": _asset,
        "counted": counted,
        "version": leanlab.__version__,
    }
    return environment


def _legible(value: Any) -> Any:
    """Text from outside without control characters and the like, on whatever page it ends up."""
    return printable(value) if type(value) is str else value


def _data(marks: Sequence[Mark]) -> Markup:
    """JSON for an attribute in single quotes."""
    return htmlsafe_json_dumps(marks, dumps=lambda each: _json.encode(each).decode())


def prepare() -> None:
    """Compile every template ahead, so that the first page is as quick as the others."""
    for name in _environment().list_templates(extensions=["j2"]):
        _environment().get_template(name)


def render(name: str, **values: Any) -> str:
    return _environment().get_template(f"{name}.html.j2").render(values)


@cache
def _asset(name: str) -> str:
    """The address of a file beside the templates; it changes when the file does."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def moment_of(at: float | str | None) -> str:
    """A time as HTML's <time> wants it, in UTC; the page's script tells it in the reader's zone."""
    if at is None or at == "":
        return ""
    try:
        if isinstance(at, str):
            when = datetime.fromisoformat(at)
        else:
            when = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError):
        return ""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
