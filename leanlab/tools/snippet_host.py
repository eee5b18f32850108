"""The process that snippets are run from: it holds a sandbox, and nothing hidden."""

from __future__ import annotations

from pathlib import Path

import msgspec

from leanlab.child import wire
from leanlab.config import Limits
from leanlab.errors import CandidateFailed, Disturbed, EvaluatorError, LeanlabError
from leanlab.sandbox import Sandbox

# Runs in the confined process, where no file of the workspace is: open() finds them by name.
_RUNNER = b"""
def run(given):
    import builtins, io, os.path, sys, traceback
    files = given["files"]
    real = io.open

    def find(name):
        try:
            return os.path.normpath(os.fspath(name)) if not isinstance(name, int) else ""
        except TypeError:
            return ""

    def opened(file, mode="r", *rest, **named):
        name = find(file)
        if name not in files:
            return real(file, mode, *rest, **named)
        if set(mode) - set("rtb"):
            raise PermissionError(13, "nothing can be written here", name)
        text = files[name]
        return io.BytesIO(text.encode()) if "b" in mode else io.StringIO(text)

    builtins.open = io.open = opened
    names = {"__name__": "__main__", "files": files}
    try:
        exec(compile(given["code"], "snippet", "exec"), names)
    except SystemExit:
        pass
    except BaseException as error:
        frames = error.__traceback__.tb_next
        traceback.print_exception(type(error), error, frames, file=sys.stdout)
    sys.stdout.flush()
    return 0
"""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How snippets are confined; sent once."""

    hidden: tuple[str, ...]
    imports: tuple[str, ...]
    limits: Limits
    allow_unsandboxed: bool


class Snippet(msgspec.Struct, frozen=True, kw_only=True):
    """One snippet, with the text of the files that it may open."""

    code: str
    files: dict[str, str]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a snippet printed; fault says why none can be run."""

    output: str = ""
    fault: str = ""


def run(sandbox: Sandbox, limits: Limits, snippet: Snippet) -> Ran:
    with sandbox.process(limits) as process:
        end = ""
        try:
            process.load(_RUNNER, "snippet")
            process.call("run", [msgspec.to_builtins(snippet)], reply="json", explain=True)
        except CandidateFailed as failure:
            end = f"\n{failure.text}"
        except EvaluatorError as error:
            if isinstance(error, Disturbed):
                raise
            return Ran(fault=str(error))
        return Ran(output=f"{process.log.decode('utf-8', 'replace')}{end}".strip())


def main() -> None:
    lines, answer = wire()
    setup = msgspec.json.decode(next(lines), type=Setup)
    try:
        with Sandbox(
            imports=setup.imports,
            hidden=[Path(path) for path in setup.hidden],
            allow_unsandboxed=setup.allow_unsandboxed,
        ) as sandbox:
            answer(Ran())
            for line in lines:
                answer(run(sandbox, setup.limits, msgspec.json.decode(line, type=Snippet)))
    except LeanlabError as error:
        answer(Ran(fault=str(error)))
