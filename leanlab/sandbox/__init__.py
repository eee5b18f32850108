"""Confinement of untrusted experiments: one zygote per lab, one confined worker per candidate.

    with Sandbox(imports=["numpy"], hidden=[lab]) as sandbox:
        print(sandbox.confinement.summary)
        with sandbox.process(Limits()) as process:
            process.load(source, "0001_idea.py")
            answers = process.call("f", ["0101", "0011"], reply="bit")

The names are loaded when they are first used, because the zygote imports this package too, and
has to start fast and without msgspec.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what is started behind a fence comes by here, and typing takes long

if TYPE_CHECKING:
    from typing import Any

    from leanlab.sandbox.channel import Usage
    from leanlab.sandbox.confinement import Confinement
    from leanlab.sandbox.process import Answers, Process
    from leanlab.sandbox.sandbox import Sandbox, probe

__all__ = ["Answers", "Confinement", "Process", "Sandbox", "Usage", "probe"]

_HOMES = {
    "Answers": "process",
    "Confinement": "confinement",
    "Process": "process",
    "Sandbox": "sandbox",
    "Usage": "channel",
    "probe": "sandbox",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"leanlab.sandbox.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'leanlab.sandbox' has no attribute {name!r}")
