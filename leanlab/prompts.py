"""Renders what roles read: templates/prompts, the lab's own task.md, and overrides in prompts/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from leanlab.errors import LabError
from leanlab.memory import clipped, printable
from leanlab.resources import TEMPLATES

if TYPE_CHECKING:
    from leanlab.lab import Lab
    from leanlab.memory import Memory
    from leanlab.policy import Move


class Prompts:
    """The prompts of one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        folders = [str(lab.folder / "prompts"), str(TEMPLATES / "prompts")]
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - Markdown for a model, not a page
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters["quoted"] = _quoted
        self._public = _public_files(lab)
        self.task = self._task()

    def public_files(self) -> dict[str, bytes]:
        """What is laid into a workspace: rendered task.md, public files, the sample."""
        files = {name: text.encode() for name, text in self._public.items()}
        files["task.md"] = self.task.encode()
        if self._lab.sample.is_file():
            files["sample.py"] = self._lab.sample.read_bytes()
        return files

    def turn(self, role: str, memory: Memory, move: Move, *, trial: int) -> str:
        """The whole prompt of a role's turn."""
        return self._render(
            f"{role}.md.j2",
            task=self.task,
            objective=self._lab.config.objective,
            revealed=self._lab.config.revealed,
            memory=memory,
            move=move,
            trial=trial,
            has_sample=self._lab.sample.is_file(),
            propose=self._lab.config.propose,
            sources=self._sources(memory) if self._lab.config.propose == "code" else {},
        )

    def _sources(self, memory: Memory) -> dict[str, str]:
        """The code that a Worker without tools cannot read for itself, by file name."""
        files = [self._lab.sample]
        files += [self._lab.experiments / row.experiment for row in memory.best if row.experiment]
        return {
            path.name: printable(path.read_text(encoding="utf-8", errors="replace"))
            for path in files
            if path.is_file()
        }

    def fix(self, status: str, message: str, left: int) -> str:
        """What goes back to a Worker whose experiment has no score."""
        return self._render(
            "fix.md.j2",
            status=status,
            message=clipped(message),
            left=left,
            propose=self._lab.config.propose,
        )

    def _task(self) -> str:
        path = self._lab.folder / "task.md"
        try:
            template = self._environment.from_string(path.read_text(encoding="utf-8"))
            return template.render(params=self._lab.public_params, files=self._public)
        except (jinja2.TemplateError, UnicodeDecodeError) as error:
            raise LabError(
                f"{path} cannot be rendered: {error}. It may use params (those of public_params) "
                "and files (those of public)."
            ) from error

    def _render(self, name: str, **context: Any) -> str:
        try:
            return self._environment.get_template(name).render(**context)
        except jinja2.TemplateError as error:
            place = self._lab.folder / "prompts" / name
            where = place if place.exists() else TEMPLATES / "prompts" / name
            raise LabError(f"{where} cannot be rendered: {error}.") from error


def _public_files(lab: Lab) -> dict[str, str]:
    """Text of the public files but task.md, by their names in lab.json."""
    found: dict[str, str] = {}
    for entry in lab.public:
        path = lab.file(entry)
        if entry == "task.md":
            continue
        if not lab.data.exists() and lab.makes_data and path.is_relative_to(lab.data):
            found[entry] = f"({entry} is made by the first run)\n"
        elif path.is_dir():
            for below in sorted(p for p in path.rglob("*") if p.is_file()):
                name = f"{entry.rstrip('/')}/{below.relative_to(path).as_posix()}"
                found[name] = _text(below)
        else:
            found[entry] = _text(path)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(
            f"{path} is public in lab.json but cannot be read as text: {error}. "
            "Restore it, or take it out of 'public'."
        ) from error


def _quoted(text: str) -> str:
    """Indent every line by four spaces: Markdown's own fence, which no content can close."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
