"""Prompts of families: templates of templates/prompts, filled in strictly."""

from __future__ import annotations

from typing import Any

import jinja2

from leanlab.resources import TEMPLATES


def prompt(name: str, **context: Any) -> str:
    """Fill in a template; a name that it uses and that is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "prompts"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown for a model, not a page
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(**context)
