"""Solving with somebody else's library: all of it happens in a confined process.

leanlab is not for candidates to import, so the candidate is this package's own source, with the
two names that it takes from labkit.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import msgspec

from leanlab.labkit import Candidate, CandidateFailed, ConfigError, Limits, Sandbox, Stream
from leanlab.trajectory.asking import Question, understood
from leanlab.trajectory.search import Answer

_MODULES = (
    "values", "bodies", "library", "execution", "search", "plain", "images", "undoing",
    "preimages", "locating", "spans", "batch", "way", "wanted", "layers", "graph", "guide",
    "vectors", "descent", "ranking", "exact", "solvers", "interchange", "asking",
)  # fmt: skip
"""In an order in which each finds those that it imports."""

_PROGRAM = """
import sys, types

def load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__, module.__path__ = name + ".py", []
    exec(compile(source, name, "exec"), vars(module))
    return module

load("leanlab", "")
load("leanlab.labkit", {labkit!r})
load("leanlab.trajectory", "")
for name, source in {modules!r}:
    reply = vars(load("leanlab.trajectory." + name, source)).get("reply")
"""
_LABKIT = "\n\nclass ConfigError(Exception): ...\n"
_LONGEST = 86_400.0
_MARGIN_SECONDS = 3.0
_MARGIN_MB = 256


def answered(question: Question, library: Path) -> Answer:
    """Ask a solver with a library that nobody has vouched for.

    The budget's seconds and memory hold for the process too: code that never ends is ended.
    """
    budget = question.budget
    seconds = min(_LONGEST, (budget.seconds or _LONGEST) + _MARGIN_SECONDS)
    limits = Limits(
        seconds=seconds,
        cpu_seconds=seconds,
        memory_mb=budget.memory_mb + _MARGIN_MB,
        output_kb=64 * 1024,
    )
    try:
        text = library.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{library} cannot be read: {error}.") from None
    asked = (msgspec.json.encode(question).decode(), text, str(library))
    with (
        Sandbox(imports=["msgspec"]) as sandbox,
        Candidate(sandbox, _source(), "trajectory.py", limits) as candidate,
    ):
        try:
            replies = candidate.call("reply", [asked], returns=str, public=True, max_failed=0)
        except CandidateFailed as failure:
            raise ConfigError(
                f"{library}: its functions, confined, gave no answer ({failure.category}). Their "
                "code may never end, or take more memory than --memory; say --seconds, or look "
                "at it."
            ) from failure
    return understood(replies.values[0])


def _source() -> bytes:
    modules = [
        (name, inspect.getsource(import_module(f"leanlab.trajectory.{name}"))) for name in _MODULES
    ]
    labkit = inspect.getsource(import_module(Stream.__module__)) + _LABKIT
    return _PROGRAM.format(labkit=labkit, modules=modules).encode()
