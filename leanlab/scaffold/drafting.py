"""A lab drafted by a model from one sentence, in as many rounds as its user wants."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import jinja2
import msgspec

from leanlab import config
from leanlab.backends import Request
from leanlab.backends.answers import WrongForm, read
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.labkit.researcher import Brief
from leanlab.memory import printable
from leanlab.resources import TEMPLATES

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.backends import Backend

TRIES = 3
"""How often an answer that makes no lab goes back before the user is troubled with it."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answers: each file of the lab, whole."""

    lab_json: str
    task_md: str
    evaluation_py: str
    validate_py: str
    sample_py: str
    remarks: str = ""
    """For the user: what was assumed, and what the score does not measure."""

    @property
    def files(self) -> dict[str, str]:
        """Each file by its path in the lab."""
        written = {
            "lab.json": self.lab_json,
            "task.md": self.task_md,
            "evaluation.py": self.evaluation_py,
            "validate.py": self.validate_py,
            "experiments/sample.py": self.sample_py,
        }
        return {name: text.rstrip() + "\n" for name, text in written.items()}

    def fault(self) -> str | None:
        """Say why these files are no native lab, found by reading; None when they may be one."""
        try:
            config.parse(self.lab_json.encode(), "lab.json")
        except ConfigError as error:
            return str(error)
        for name, function in (
            ("evaluation.py", "evaluate"),
            ("validate.py", "validate"),
            ("experiments/sample.py", None),
        ):
            try:
                tree = ast.parse(self.files[name])
            except (SyntaxError, ValueError) as error:
                return f"{name} is not Python: {error}."
            defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            if function and function not in defined:
                return f"{name} defines no {function} at module level."
        return None

    def named(self, name: str) -> Draft:
        """Return the draft under the name that the lab will have."""
        whole = json.loads(self.lab_json)
        if whole["name"] == name:
            return self
        text = json.dumps(whole | {"name": name}, indent=2, ensure_ascii=False)
        return msgspec.structs.replace(self, lab_json=text)

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


class Draftsman:
    """Asks a backend for drafts, in one session. It reads an example, and writes nothing."""

    def __init__(self, backend: Backend, example: Path, name: str) -> None:
        self._backend = backend
        self._name = name
        self._example = example
        self._session = ""

    async def begin(self, description: str) -> Draft:
        """Return a first draft."""
        files = {name: (self._example / name).read_text(encoding="utf-8") for name in _SHOWN}
        prompt = _render("draft.md.j2", description=printable(description), files=files)
        return await self._draft(prompt)

    async def change(self, wanted: str) -> Draft:
        """Return the draft again, as the user wants it."""
        return await self._draft(_render("redraft.md.j2", wanted=printable(wanted), fault=False))

    async def _draft(self, prompt: str) -> Draft:
        for _ in range(TRIES):
            draft, fault = await self._ask(prompt)
            if draft is not None and fault is None:
                return draft.named(self._name)
            prompt = _render("redraft.md.j2", wanted=printable(fault or ""), fault=True)
        raise BackendUnavailable(
            f"backend {self._backend.name} drafted no lab in {TRIES} tries. The last fault: "
            f"{fault} Say more in --describe, or begin with a skeleton."
        )

    async def _ask(self, prompt: str) -> tuple[Draft | None, str | None]:
        request = Request(
            role="director",
            prompt=prompt,
            cwd=self._example,
            brief=_brief(self._example),
            session=self._session,
            answer=Draft,
        )
        result = await self._backend.ask(request)
        if result.error is not None:
            raise BackendUnavailable(f"backend {self._backend.name}: {result.error.message}")
        self._session = result.session
        try:
            draft = read(result.data, result.text, Draft)
        except WrongForm as error:
            return None, str(error)
        return draft, draft.fault()


_SHOWN = ("lab.json", "task.md", "evaluation.py", "validate.py", "experiments/sample.py")


def _brief(workspace: Path) -> Brief:
    return Brief(
        workspace=workspace,
        trial=1,
        seed=0,
        metric="",
        direction="maximize",
        target=None,
        params={},
    )


def _render(name: str, **context: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "prompts"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown for a model, not a page
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(**context)
