"""The attacks: one file each in snippets/, put before an experiment or played around it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import msgspec

from leanlab.attacks.findings import Verdict
from leanlab.errors import LeanlabError

_SNIPPETS = Path(__file__).with_name("snippets")
_AFTER = "# ---- after the experiment\n"


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One attack, as its file describes it."""

    number: int
    title: str
    prize: str
    """What it would win."""
    control: str
    """Where it is shown to work: unconfined, in process, naive loop, as it was said; or why not."""
    remedy: str
    open: Verdict
    """What it came to against an open lab, as `make attack` measured and a test holds."""
    kind: str
    """snippet, or the name of the step that is played around the evaluation."""
    source: str


def attacks() -> list[Attack]:
    """Every attack there is, by number."""
    return [_read(path) for path in sorted(_SNIPPETS.glob("[0-9]*_*.py"))]


def _read(path: Path) -> Attack:
    text = path.read_text(encoding="utf-8")
    title, _, rest = (ast.get_docstring(ast.parse(text)) or "").partition("\n")
    fields = dict(re.findall(r"^(\w+): (.+)$", rest, flags=re.M))
    _, _, body = text.partition('\n"""\n')
    number = int(path.name.partition("_")[0])
    return Attack(number=number, title=title.rstrip("."), source=body, **fields)


def payload(attack: Attack, targets: dict[str, Any]) -> str:
    """The part that comes before an experiment, with the tools that it uses."""
    before = attack.source.partition(_AFTER)[0]
    return f"T = {targets!r}\n{_tools(attack.source)}{before}\n"


def compose(attack: Attack, sample: str, targets: dict[str, Any]) -> str:
    """Put an attack around an experiment, below its docstring and its __future__ imports."""
    try:
        lines, cut = sample.splitlines(keepends=True), _head(ast.parse(sample))
    except (SyntaxError, ValueError) as error:
        raise LeanlabError(f"sample.py is not Python: {error}. Mend it, then attack.") from error
    head, rest = "".join(lines[:cut]), "".join(lines[cut:])
    after = attack.source.partition(_AFTER)[2]
    return f"{head}\n{payload(attack, targets)}\n{rest}\n{after}"


def _head(tree: ast.Module) -> int:
    """How many lines must stay on top."""
    end = 0
    for position, node in enumerate(tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        end = node.end_lineno or end
    return end


def _tools(source: str) -> str:
    """Of the tools those that are used: every one of them is more for validate.py to refuse."""
    text = (_SNIPPETS / "tools.py").read_text(encoding="utf-8")
    functions = {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }
    wanted: list[str] = []
    for name in ("tell", "quiet_tell", "put"):
        if re.search(rf"\b{name}\(", source + "".join(functions[each] for each in wanted)):
            wanted.append(name)
    return "\n\n".join(functions[name] for name in wanted) + "\n"
